"""Tasks both ways: what we ask for, and what agents did about it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk import BadInput, Raw, Task, TaskChange
from cxsdk.domain.clock import ManualClock
from cxsdk.domain.outward import Outcome
from cxsdk.testing import NOW, read
from cxsdk_localcrm import LocalCRM

DUE = NOW + timedelta(hours=1)


def task(person_id: str, key: str = "case-1", **changes: object) -> Task:
    return Task(key=key, person_id=person_id, **{"title": "Call back", "due": DUE, **changes})


def saved(crm: LocalCRM, wanted: Task) -> str:
    [receipt] = crm.save_tasks([wanted])
    assert receipt.id
    return receipt.id


def changes(crm: LocalCRM, cursor: str | None = None) -> list[TaskChange]:
    return [change for page in read(crm, "tasks", cursor) for raw in page.items for change in crm.parse(raw)]


def test_a_task_goes_to_the_agent_responsible_for_the_person(crm: LocalCRM, person_id: str) -> None:
    [receipt] = crm.save_tasks([task(person_id, text="Asked for a call", urgent=True)])
    [kept] = crm.tasks()
    [person] = crm.people()
    assert receipt.outcome is Outcome.ACCEPTED
    assert (kept["id"], kept["agent_id"], kept["due"]) == (receipt.id, person["agent_id"], DUE)
    assert (kept["text"], kept["urgent"], kept["done"]) == ("Asked for a call", True, False)


def test_a_task_goes_to_the_agent_it_names(crm: LocalCRM, person_id: str) -> None:
    saved(crm, task(person_id, agent_id="2"))
    assert [kept["agent_id"] for kept in crm.tasks()] == ["2"]


def test_a_task_for_an_agent_nobody_knows_still_has_one_assignee(crm: LocalCRM, person_id: str) -> None:
    saved(crm, task(person_id, agent_id="who?"))
    assert [kept["agent_id"] for kept in crm.tasks()] == ["1"]


def test_the_same_task_sent_twice_is_one(crm: LocalCRM, person_id: str) -> None:
    first, again = crm.save_tasks([task(person_id)]) + crm.save_tasks([task(person_id)])
    assert (first.outcome, again.outcome) == (Outcome.ACCEPTED, Outcome.DUPLICATE)
    assert first.id == again.id
    assert len(list(crm.tasks())) == 1


def test_a_task_is_updated_by_its_id_and_keeps_its_agent(crm: LocalCRM, person_id: str) -> None:
    id = saved(crm, task(person_id, agent_id="2"))
    again = saved(crm, task(person_id, task_id=id, title="Call back now", text="And a comment"))
    [kept] = crm.tasks()
    assert again == id
    assert (kept["title"], kept["text"], kept["agent_id"]) == ("Call back now", "And a comment", "2")


def test_a_task_that_we_close_stays_closed(crm: LocalCRM, person_id: str) -> None:
    id = saved(crm, task(person_id))
    saved(crm, task(person_id, task_id=id, done=True))
    saved(crm, task(person_id, task_id=id, text="said later"))
    assert [(kept["done"], kept["text"]) for kept in crm.tasks()] == [(True, "said later")]


def test_an_update_that_set_out_earlier_does_not_undo_what_the_agent_did(crm: LocalCRM, person_id: str) -> None:
    id = saved(crm, task(person_id))
    assert crm.complete_task(id, "Called, all is well")
    saved(crm, task(person_id, task_id=id, text="The customer left a phone number"))
    [kept] = crm.tasks()
    assert (kept["done"], kept["comment"]) == (True, "Called, all is well")
    assert kept["text"] == "The customer left a phone number"


def test_a_task_of_an_unknown_person_is_rejected_and_the_rest_goes_on(crm: LocalCRM, person_id: str) -> None:
    receipts = crm.save_tasks([task("99", "a"), task(person_id, "b")])
    assert [receipt.outcome for receipt in receipts] == [Outcome.REJECTED, Outcome.ACCEPTED]


def test_an_update_of_a_task_that_was_deleted_is_rejected(crm: LocalCRM, person_id: str) -> None:
    id = saved(crm, task(person_id))
    assert crm.delete_task(id)
    [receipt] = crm.save_tasks([task(person_id, task_id=id)])
    assert receipt.outcome is Outcome.REJECTED
    assert [kept["deleted"] for kept in crm.tasks()] == [True]


def test_a_deleted_task_can_be_made_again_under_its_key(crm: LocalCRM, person_id: str) -> None:
    id = saved(crm, task(person_id))
    crm.delete_task(id)
    anew = saved(crm, task(person_id))
    assert anew != id
    assert crm.find_written(["case-1"]) == [anew]
    assert saved(crm, task(person_id)) == anew


def test_what_an_agent_did_is_read_as_task_changes(crm: LocalCRM, person_id: str, clock: ManualClock) -> None:
    done, gone = saved(crm, task(person_id, "a")), saved(crm, task(person_id, "b"))
    clock.advance(timedelta(minutes=5))
    crm.complete_task(done, "Solved ☎")
    crm.delete_task(gone)
    at = NOW + timedelta(minutes=5)
    assert changes(crm) == [
        TaskChange(key="task-change-1", at=at, task_id=done, done=True, agent_id="1", comment="Solved ☎"),
        TaskChange(key="task-change-2", at=at, task_id=gone, deleted=True, agent_id="1"),
    ]


def test_what_we_save_ourselves_is_no_change_to_be_told(crm: LocalCRM, person_id: str) -> None:
    id = saved(crm, task(person_id))
    saved(crm, task(person_id, task_id=id, done=True))
    assert changes(crm) == []


def test_a_task_is_completed_or_deleted_once(crm: LocalCRM, person_id: str) -> None:
    id = saved(crm, task(person_id))
    assert [crm.complete_task(id), crm.complete_task(id), crm.delete_task(id), crm.complete_task("x")] == [
        True, False, False, False,
    ]  # fmt: skip
    assert len(changes(crm)) == 1


def test_changes_are_read_in_pages_and_from_where_one_stopped(crm: LocalCRM, person_id: str) -> None:
    ids = [saved(crm, task(person_id, f"t{n}")) for n in range(230)]
    for id in ids:
        crm.complete_task(id)
    pages = read(crm, "tasks")
    assert [len(page.items) for page in pages] == [100, 100, 30]
    for page, rest in zip(pages, [130, 30, 0], strict=True):
        assert len(changes(crm, page.cursor)) == rest
    assert [change.task_id for change in changes(crm)] == ids


def test_reading_changes_is_a_call(crm: LocalCRM) -> None:
    assert read(crm, "tasks") == []
    assert crm.calls() == {"read_tasks": 1}


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ([], "body"),
        ({}, "body.at"),
        ({"at": "2026-01-05T12:00:00", "task_id": "1"}, "body.at"),
        ({"at": "2026-01-05T12:00:00Z", "task_id": {}}, "body.task_id"),
        ({"at": "2026-01-05T12:00:00Z", "task_id": "1", "done": "perhaps"}, "body.done"),
    ],
)
def test_a_change_that_is_none_is_refused_with_its_field(crm: LocalCRM, told: object, field: str) -> None:
    with pytest.raises(BadInput) as refused:
        crm.parse(Raw.of(told, id="1"))
    assert refused.value.field == field


def test_a_field_that_nobody_knows_yet_is_no_reason_to_refuse_a_change(crm: LocalCRM) -> None:
    [change] = crm.parse(Raw.of({"at": "2026-01-05T12:00:00Z", "task_id": "1", "mood": "good"}, id="7"))
    assert (change.key, change.task_id, change.done) == ("7", "1", False)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["at", "task_id", "done", "key", "x"]), inner),
    max_leaves=8,
)


@given(st.binary() | json.map(lambda value: Raw.of(value, id="1").body))
def test_parse_understands_or_refuses_whatever_comes(body: bytes) -> None:
    try:
        [change] = LocalCRM().parse(Raw(id="1", body=body))
    except BadInput:
        return
    assert change.key == "1"
