"""Twilio's API as ``responses`` plays it: every request and answer fits Twilio's specification, where it is at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses
from openapi_schema_validator import OAS30Validator

from cxsdk.testing import opened
from cxsdk_twilio import Twilio
from tests.plugins.twilio.samples import ACCOUNT, FACTS, twilio

SPECIFICATION = FACTS / "specs" / "twilio" / "twilio_api_v2010.json"
LISTS = ("Calls", "Messages", "IncomingPhoneNumbers")


class Specification:
    """The lists of the API that the plugin uses, https://github.com/twilio/twilio-oai."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._components = {"schemas": spec["components"]["schemas"]}
        self._paths = {name: spec["paths"][f"/2010-04-01/Accounts/{{AccountSid}}/{name}.json"] for name in LISTS}

    def problems_of_request(self, request: Any) -> list[str]:
        """What is wrong with a request."""
        operation = self._operation(request)
        query = dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))
        parameters = {each["name"]: each["schema"] for each in operation["parameters"] if each["in"] == "query"}
        problems = self._problems_of_fields(parameters, query)
        if request.method == "POST":
            [(kind, content)] = operation["requestBody"]["content"].items()
            assert request.headers["Content-Type"] == kind
            form = dict(parse_qsl(request.body, keep_blank_values=True, strict_parsing=True))
            problems += self._problems_of_fields(content["schema"]["properties"], form)
            problems += [f"{name} is missing" for name in content["schema"].get("required", ()) if name not in form]
        return problems

    def problems_of_answer(self, answer: Any) -> list[str]:
        """What is wrong with an answer; the specification shows no errors."""
        if not answer.ok:
            return []
        described = self._operation(answer.request)["responses"][str(answer.status_code)]
        found = answer.json()
        schema = described["content"]["application/json"]["schema"]
        return [*self._problems(schema, found), *self._unknown(schema, found)]

    def _operation(self, request: Any) -> dict[str, Any]:
        folder, _, name = urlsplit(request.url).path.rpartition("/")
        assert folder == f"/2010-04-01/Accounts/{ACCOUNT}"
        operation: dict[str, Any] = self._paths[name.removesuffix(".json")][request.method.lower()]
        return operation

    def _problems_of_fields(self, schemas: dict[str, Any], given: dict[str, str]) -> list[str]:
        problems = [f"{name} is not known" for name in given if name not in schemas]
        for name in given.keys() & schemas.keys():
            number = schemas[name].get("type") == "integer"
            problems += self._problems(schemas[name], int(given[name]) if number else given[name])
        return problems

    def _problems(self, schema: dict[str, Any], value: Any) -> list[str]:
        validator = OAS30Validator({**schema, "components": self._components})
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]

    def _unknown(self, schema: dict[str, Any], value: Any) -> list[str]:
        if isinstance(value, list):
            return [problem for item in value for problem in self._unknown(schema["items"], item)]
        schema = self._components["schemas"].get(schema.get("$ref", "").rpartition("/")[2], schema)
        if not isinstance(value, dict) or "properties" not in schema:
            return []
        own = [f"{name} is not known" for name in value if name not in schema["properties"]]
        known = value.keys() & schema["properties"].keys()
        return own + [p for name in known for p in self._unknown(schema["properties"][name], value[name])]


@pytest.fixture(scope="session")
def read_specification() -> Specification | None:
    if not SPECIFICATION.is_file():
        return None
    return Specification(json.loads(SPECIFICATION.read_text(encoding="utf-8")))


@pytest.fixture
def specification(read_specification: Specification | None) -> Specification:
    if read_specification is None:
        pytest.skip(f"there is no {SPECIFICATION}; VENDOR_FACTS may name its folder")
    return read_specification


@pytest.fixture
def api(read_specification: Specification | None) -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as api:
        yield api
        calls = [(call.request, call.response) for call in api.calls]
    if read_specification is not None:
        for request, answer in calls:
            assert read_specification.problems_of_request(request) == []
            if not isinstance(answer, Exception):
                assert read_specification.problems_of_answer(answer) == []


@pytest.fixture
def channel() -> Iterator[Twilio]:
    with opened(twilio()) as channel:
        yield channel
