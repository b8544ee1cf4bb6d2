"""The lists that are read for what no webhook told."""

from __future__ import annotations

from datetime import timedelta

import pytest
import responses
from responses.matchers import query_param_matcher

from cxsdk import AuthenticationError, Delivery, InteractionFact, Secret, phone
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW, opened, read
from cxsdk_twilio import Twilio, TwilioVoice
from tests.plugins.twilio.samples import (
    ACCOUNT,
    API,
    BEGAN,
    CALL,
    CUSTOMER,
    LEG,
    MEDIA_TEXT,
    TEXT,
    TOKEN,
    after,
    came,
    listed,
    made,
    page,
    rfc2822,
    twilio,
)  # fmt: skip

CALLS = f"{API}/Calls.json"
MESSAGES = f"{API}/Messages.json"
ONWARD = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json?PageSize=1000&Page=1&PageToken=PACA1"
SERVICE = "MG" + "b2" * 16


def ids(channel: Twilio, source: str, cursor: str | None = None) -> list[str]:
    return [raw.payload()["sid"] for page in read(channel, source, cursor) for raw in page.items]


def test_calls_that_are_over_are_read_to_the_last_page(api: responses.RequestsMock, channel: Twilio) -> None:
    api.get(CALLS, json=page("Calls", listed(), next=ONWARD))
    api.get(f"https://api.twilio.com{ONWARD}", json=page("Calls", listed("busy", sid=LEG, duration=None)))
    assert ids(channel, "calls") == [CALL, LEG]
    assert len(api.calls) == 2


def test_what_changed_first_is_read_first_and_the_cursor_follows(
    api: responses.RequestsMock, channel: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxsdk_twilio.catch_up._STORED", 2)
    calls = [listed(sid=f"CA{n:032}", date_updated=after(n)) for n in (5, 2, 4, 1, 3)]
    api.get(CALLS, json=page("Calls", *calls))
    pages = read(channel, "calls")
    assert [[raw.payload()["sid"][-1] for raw in page.items] for page in pages] == [["1", "2"], ["3", "4"], ["5"]]
    ends = [BEGAN + timedelta(seconds=3), BEGAN + timedelta(seconds=5), NOW - timedelta(minutes=1)]
    assert [page.cursor for page in pages] == [end.isoformat() for end in ends]


def test_what_changed_a_moment_ago_is_left_to_the_next_reading(api: responses.RequestsMock, channel: Twilio) -> None:
    fresh = listed(date_updated=rfc2822(NOW - timedelta(seconds=59)))
    api.get(CALLS, json=page("Calls", fresh))
    [empty] = read(channel, "calls")
    assert empty.items == ()
    with opened(twilio(), clock=ManualClock(NOW + timedelta(minutes=5))) as later:
        assert ids(later, "calls", empty.cursor) == [CALL]


def test_a_reading_asks_for_what_began_some_hours_before_the_cursor(
    api: responses.RequestsMock, channel: Twilio
) -> None:
    asked = [query_param_matcher({"StartTime>": "2026-01-02T16:00:00Z", "PageSize": "1000"})]
    api.get(CALLS, json=page("Calls"), match=asked)
    assert ids(channel, "calls", "2026-01-03T02:00:00+00:00") == []


def test_the_first_reading_begins_a_day_ago(api: responses.RequestsMock, channel: Twilio) -> None:
    asked = [query_param_matcher({"DateSent>": "2026-01-04T02:00:00Z", "PageSize": "1000"})]
    api.get(MESSAGES, json=page("Messages"), match=asked)
    assert ids(channel, "messages") == []


def test_what_changed_before_the_cursor_is_left_out(api: responses.RequestsMock, channel: Twilio) -> None:
    old = listed(sid=LEG, date_updated=rfc2822(NOW - timedelta(hours=2)))
    api.get(CALLS, json=page("Calls", old, listed(), listed("in-progress", sid="CA" + "9" * 32, end_time=None)))
    assert ids(channel, "calls", (NOW - timedelta(hours=1)).isoformat()) == [CALL]


def test_what_tells_no_time_is_read_rather_than_lost(api: responses.RequestsMock, channel: Twilio) -> None:
    api.get(CALLS, json=page("Calls", listed(date_updated=None, date_created=None)))
    assert ids(channel, "calls") == [CALL]


def test_the_same_item_is_the_same_record_also_when_its_price_is_known(
    api: responses.RequestsMock, channel: Twilio
) -> None:
    api.get(CALLS, json=page("Calls", listed()))
    api.get(CALLS, json=page("Calls", listed(price="-0.0085", date_updated=after(300))))
    first, second = (read(channel, "calls")[0].items for _ in range(2))
    assert first == second


def test_pages_that_lead_in_a_circle_end(api: responses.RequestsMock, channel: Twilio) -> None:
    api.get(CALLS, json=page("Calls", listed(), next=ONWARD))
    api.get(f"https://api.twilio.com{ONWARD}", json=page("Calls", listed(sid=LEG), next=ONWARD))
    assert ids(channel, "calls") == [CALL, LEG]


def test_messages_in_and_what_became_of_ours_are_read(api: responses.RequestsMock, channel: Twilio) -> None:
    ours = made("delivered", sid=MEDIA_TEXT, date_sent=after(2))
    others = made("delivered", sid="SM" + "9" * 32, date_sent=after(2), **{"from": "+12125550188"})
    api.get(MESSAGES, json=page("Messages", came(), ours, others))
    [items] = read(channel, "messages")
    facts = [fact for raw in items.items for fact in channel.parse(raw)]
    assert [(type(fact), fact.key) for fact in facts] == [
        (InteractionFact, TEXT),
        (Delivery, f"{MEDIA_TEXT}:delivered"),
    ]


def test_messages_of_our_service_are_ours(api: responses.RequestsMock) -> None:
    api.get(MESSAGES, json=page("Messages", made("delivered", date_sent=after(2), messaging_service_sid=SERVICE)))
    with opened(twilio(sender=SERVICE)) as channel:
        assert ids(channel, "messages") == [TEXT]


def test_an_account_for_calls_alone_reads_what_came_in_alone(api: responses.RequestsMock) -> None:
    api.get(MESSAGES, json=page("Messages", came(), made("delivered", sid=MEDIA_TEXT)))
    with opened(TwilioVoice(account_sid=ACCOUNT, auth_token=Secret(TOKEN))) as voice:
        [items] = read(voice, "messages")
    assert len(items.items) == 1


def test_a_refusal_is_told(api: responses.RequestsMock, channel: Twilio) -> None:
    api.get(CALLS, json={"code": 20003, "message": "Authenticate", "status": 401}, status=401)
    with pytest.raises(AuthenticationError):
        read(channel, "calls")


def test_reading_may_be_turned_off() -> None:
    assert twilio(catch_up=False).sources() == {}


def test_twilios_own_library_asks_the_same(api: responses.RequestsMock, channel: Twilio) -> None:
    from twilio.rest import Client

    api.get(CALLS, json=page("Calls", listed()))
    api.get(MESSAGES, json=page("Messages", came()))
    ids(channel, "calls")
    ids(channel, "messages")
    client = Client(ACCOUNT, TOKEN)
    since = NOW - timedelta(hours=34)
    [call] = client.calls.list(start_time_after=since, page_size=1000)
    [message] = client.messages.list(date_sent_after=since, page_size=1000)
    client.http_client.session.close()
    ours, theirs = [c.request.url for c in api.calls][:2], [c.request.url for c in api.calls][2:]
    assert ours == theirs
    [ended] = channel.parse(read(channel, "calls")[0].items[0])
    [came_in] = channel.parse(read(channel, "messages")[0].items[0])
    assert isinstance(ended, InteractionFact)
    assert (ended.interaction, ended.sender, ended.at) == (call.sid, phone(CUSTOMER), call.end_time)
    assert isinstance(came_in, InteractionFact)
    assert (came_in.key, came_in.text, came_in.at) == (message.sid, message.body, message.date_sent)
