"""What the fake is held against: Bitrix24's own description of its methods, which sees what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugins.bitrix24.fake import FakeBitrix24
from tests.plugins.bitrix24.specification import METHODS, Specification, specification

SPECIFICATION = specification()

pytestmark = pytest.mark.skipif(
    SPECIFICATION is None, reason=f"there is no {METHODS}; VENDOR_FACTS may name its folder"
)


@pytest.fixture
def spec() -> Specification:
    assert SPECIFICATION is not None
    return SPECIFICATION


TODO = {"ownerTypeId": 3, "ownerId": 1, "deadline": "2026-01-05T12:00:00+00:00"}


@pytest.mark.parametrize(
    ("method", "params", "problem"),
    [
        ("crm.activity.todo.add", {**TODO, "colour": 1}, "colour is not known"),
        ("crm.activity.todo.add", {"ownerTypeId": 3, "ownerId": 1}, "deadline is missing"),
        ("crm.activity.todo.add", {**TODO, "deadline": "2026-01-05T12:00:00"}, "deadline is no datetime"),
        ("crm.activity.todo.add", {**TODO, "ownerId": "C_1"}, "ownerId is no integer"),
        ("crm.activity.add", {"fields": {"OWNER_ID": 1}}, "fields.TYPE_ID is missing"),
        ("crm.activity.add", {"fields": {"KEY": 1}}, "fields.KEY is not known"),
        ("crm.activity.list", {"filter": {">=CHANGED": 1}}, "the field CHANGED is not known"),
        ("crm.item.list", {"entityTypeId": 3, "select": ["fax"]}, "the field fax is not known"),
        ("crm.item.add", {"entityTypeId": 1, "fields": {"phone_number": 1}}, "fields.phone_number is not known"),
        ("crm.duplicate.findbycomm", {"type": "PHONE"}, "values is missing"),
    ],
)
def test_a_wrong_command_is_seen(spec: Specification, method: str, params: dict[str, Any], problem: str) -> None:
    assert any(problem in each for each in spec.problems_of_command(method, params))


@pytest.mark.parametrize(
    ("method", "result", "problem"),
    [
        ("crm.item.add", {"item": {"id": 1, "colour": "red"}}, "result.item.colour is not known"),
        ("crm.item.list", {"items": [{"id": "one"}]}, "result.items[].id is str"),
        ("crm.activity.add", {"id": 1}, "result is dict"),
        ("crm.activity.list", [{"ID": 1}], "result[].ID is int"),
        ("crm.duplicate.findbycomm", {"PERSON": [1]}, "result.PERSON is not known"),
        ("user.get", [{"ID": "1", "SHOE_SIZE": 44}], "result[].SHOE_SIZE is not known"),
    ],
)
def test_a_wrong_result_is_seen(spec: Specification, method: str, result: Any, problem: str) -> None:
    assert any(problem in each for each in spec.problems_of_result(method, result))


def test_the_fake_asks_it_about_each_command(portal: FakeBitrix24) -> None:
    with pytest.raises(AssertionError, match="deadline is missing"):
        portal._run("crm.activity.todo.add", {"ownerTypeId": 3, "ownerId": 1})
