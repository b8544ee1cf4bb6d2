"""HubSpot's own library makes the same requests as we do, and understands what the fake answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from cxsdk import Direction, Kind, LogEntry, Person, email, phone
from cxsdk.testing import NOW, SentRequest, opened
from tests.plugins.hubspot.conftest import hubspot
from tests.plugins.hubspot.fake import KEY, TOKEN, FakeHubSpot

CALL = LogEntry(
    key="e1", person_id="51", kind=Kind.CALL, direction=Direction.INBOUND, at=NOW, counterpart="+12125550123"
)
WHO = Person(key="p1", name="Ann", identities=(email("ann@example.com"), phone("+12125550123")))


class Library:
    """HubSpot's library, whose requests go to the fake."""

    def __init__(self, account: FakeHubSpot) -> None:
        self._account = account
        self.made: list[SentRequest] = []
        self.refusing = False

    def of(self, module: Any, api: str) -> Any:
        """One of its APIs, which looks at each answer whether all is there that must be."""
        configuration = import_module(f"{module.__name__}.configuration").Configuration
        checking = configuration()
        checking.client_side_validation = True
        configuration.set_default(checking)
        client = module.ApiClient()
        client.request = self._request
        return getattr(module, api)(client)

    def _request(self, method: str, url: str, *, query_params: Any, body: Any, **_: Any) -> Any:
        query = "&".join(f"{name}={value}" for name, value in query_params or [])
        headers = {"Authorization": f"Bearer {TOKEN}"}
        request = SentRequest(method, f"{url}?{query}" if query else url, headers, json.dumps(body).encode())
        self.made.append(request)
        answer = self._account.refusal(request, "Incoming call") if self.refusing else self._account.answer(request)
        kind = {"content-type": "application/json"}
        return SimpleNamespace(status=answer.status, data=answer.content, getheader=kind.get, getheaders=kind.copy)


Asks = Callable[[Library], Any]


def upserts(library: Library) -> Any:
    from hubspot.crm.objects import calls

    properties = {
        "hs_timestamp": "2026-01-05T12:00:00.000Z",
        "hs_call_title": "Incoming call +12125550123",
        "hs_call_body": "",
        "hs_call_direction": "INBOUND",
        "hs_call_status": "COMPLETED",
        "hs_call_from_number": "+12125550123",
    }
    one = calls.SimplePublicObjectBatchInputUpsert(
        id="e1", id_property=KEY, object_write_trace_id="e1", properties=properties
    )
    return library.of(calls, "BatchApi").upsert(calls.BatchInputSimplePublicObjectBatchInputUpsert([one]))


def associates(library: Library) -> Any:
    from hubspot.crm.associations import v4

    ids = {"_from": v4.PublicObjectId("52"), "to": v4.PublicObjectId("51")}
    given = v4.BatchInputPublicDefaultAssociationMultiPost([v4.PublicDefaultAssociationMultiPost(**ids)])
    return library.of(v4, "BatchApi").create_default("calls", "contacts", given)


def reads_by_address(library: Library) -> Any:
    from hubspot.crm import contacts

    given = contacts.BatchReadInputSimplePublicObjectId(
        properties=["email", "hs_additional_emails"],
        id_property="email",
        inputs=[contacts.SimplePublicObjectId("ann@example.com")],
        properties_with_history=[],
    )
    return library.of(contacts, "BatchApi").read(given)


def searches_by_number(library: Library) -> Any:
    from hubspot.crm import contacts

    places = ("hs_searchable_calculated_phone_number", "hs_searchable_calculated_mobile_number")
    filters = [contacts.Filter(property_name=place, operator="IN", values=["2125550123"]) for place in places]
    given = contacts.PublicObjectSearchRequest(
        filter_groups=[contacts.FilterGroup([one]) for one in filters],
        properties=["phone", "mobilephone"],
        sorts=[{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        limit=200,
        after=None,
    )
    return library.of(contacts, "SearchApi").do_search(given)


def lists_owners(library: Library) -> Any:
    from hubspot.crm import owners

    return library.of(owners, "OwnersApi").get_page(limit=100)


@pytest.mark.parametrize(
    ("asks", "path"),
    [
        (upserts, "/crm/v3/objects/calls/batch/upsert"),
        (associates, "/crm/v4/associations/calls/contacts/batch/associate/default"),
        (reads_by_address, "/crm/v3/objects/contacts/batch/read"),
        (searches_by_number, "/crm/v3/objects/contacts/search"),
        (lists_owners, "/crm/v3/owners/"),
    ],
)
def test_our_requests_are_those_of_hubspots_library(account: FakeHubSpot, asks: Asks, path: str) -> None:
    account.put("contacts", id="51", firstname="Ann")
    with opened(hubspot()) as crm:
        _, _, _ = list(crm.log([CALL])), list(crm.find_people([WHO])), list(crm.agents())
    [ours] = [request for request in account.requests if request.path == path]
    library = Library(account)
    assert asks(library) is not None  # what the fake answers fits the library's models
    [theirs] = library.made
    assert (ours.method, ours.path, ours.query) == (theirs.method, theirs.path, theirs.query)
    assert _given(ours.json) == _given(theirs.json)


def test_hubspots_library_understands_what_one_record_is_refused_for(account: FakeHubSpot) -> None:
    library = Library(account)
    library.refusing = True
    [error] = upserts(library).errors
    assert (error.category, error.context) == ("VALIDATION_ERROR", {"objectWriteTraceId": ["e1"]})


def _given(body: Any) -> Any:
    """A body without what is empty."""
    return {name: value for name, value in body.items() if value not in (None, [])} if body else None
