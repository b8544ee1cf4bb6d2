"""A payload that is read for facts: what does not fit is bad input with its field, what was made before it counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cxsdk import BadInput, Delivery, DeliveryState, Raw, Transient


def deliveries(raw: Raw) -> Iterator[Delivery]:
    with raw.reading() as events:
        for event in events:
            yield Delivery(key=event["id"], at=event["at"], message_id=event["sms"], state=event["state"])


def event(**fields: Any) -> dict[str, Any]:
    return {"id": "e1", "at": "2026-01-05T12:00:00Z", "sms": "s1", "state": "delivered"} | fields


def test_what_fits_is_read() -> None:
    [delivery] = deliveries(Raw.of([event()]))
    assert (delivery.message_id, delivery.state) == ("s1", DeliveryState.DELIVERED)


@pytest.mark.parametrize("word", ["queued", "", 7, None])
def test_a_delivery_in_a_state_of_an_unknown_word_is_unknown(word: Any) -> None:
    [delivery] = deliveries(Raw.of([event(state=word)]))
    assert delivery.state is DeliveryState.UNKNOWN


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ([{}], "body.id"),
        (7, "body"),
        ({"a": 1}, "body"),
        ([event(at="secret words")], "Delivery.at"),
        ([event(id="x" * 201)], "Delivery.key"),
    ],
)
def test_what_does_not_fit_is_bad_input_with_its_field_and_without_its_value(payload: Any, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        list(deliveries(Raw.of(payload)))
    assert caught.value.field == field
    assert "secret" not in str(caught.value)


def test_bytes_that_are_no_json_are_bad_input() -> None:
    with pytest.raises(BadInput, match="not valid JSON"):
        list(deliveries(Raw(id="1", body=b"\xff")))


def test_what_the_plugin_says_itself_is_left_as_it_is() -> None:
    with pytest.raises(Transient), Raw.of({}).reading():
        raise Transient
    with pytest.raises(BadInput, match="mine") as caught, Raw.of({}).reading():
        raise BadInput("mine", code="mine")
    assert caught.value.code == "mine"
