"""What a provider sent, byte for byte, before anybody understood it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qsl

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import from_json

from cxsdk.domain.values import Value
from cxsdk.errors import BadInput

#: Headers kept with a webhook's record: what parsers need, and nothing that could be a secret.
KEPT_HEADERS = ("content-type", "user-agent")


class Headers(Mapping[str, str]):
    """HTTP headers, looked up without regard to case."""

    def __init__(self, items: Mapping[str, str]) -> None:
        self._items = {name.lower(): value for name, value in items.items()}

    def __getitem__(self, name: str) -> str:
        return self._items[name.lower()]

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a header, or the default."""
        return self._items.get(name.lower(), default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"Headers({sorted(self._items)})"  # not their values: tokens are among them


class Request(Value):
    """A webhook request as it arrived. ``url`` is the public one, the way the provider wrote and signed it."""

    method: str = "POST"
    url: str = ""
    headers: Annotated[Mapping[str, str], AfterValidator(Headers)] = Headers({})
    body: bytes = b""

    def kept_headers(self) -> dict[str, str]:
        """Those of the headers that stay with the record."""
        return {name: value for name in KEPT_HEADERS if (value := self.header(name))}

    def header(self, name: str, default: str = "") -> str:
        """One header's value, whatever its case."""
        return self.headers.get(name, default)


class Raw(Value):
    """One inbound record, kept as it came: a webhook's body, a mail, an event of a stream.

    ``id`` is the provider's own id of the event, unique within the account; where there is none it is a hash of
    the body, so that a repetition is recognised all the same.
    """

    id: str = Field(min_length=1, max_length=200)
    body: bytes
    headers: Mapping[str, str] = Field(default_factory=dict)
    source: str = "webhook"  #: "webhook", or the name of the source that read it
    received_at: datetime | None = None  #: when it came in, also in a replay; None in one made by hand

    @classmethod
    def of(cls, payload: Any, *, id: str | None = None) -> Raw:
        """A record from a JSON value, as a source reads them."""
        body = json.dumps(payload, separators=(",", ":"), default=str).encode()
        return cls(id=id or body_id(body), body=body)

    def payload(self) -> Any:
        """The body read as JSON. Raises BadInput where it is none; the record is then set aside with that reason."""
        return read_json(self.body)

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """The body read as JSON, for a ``with``: where it does not hold what facts are made of, BadInput.

        with raw.reading() as event:
            yield Delivery(key=event["id"], at=event["time"], message_id=event["sms"], state=event["status"])
        """
        payload = self.payload()
        try:
            yield payload
        except ValidationError as error:
            raise BadInput.from_validation(error, root=error.title) from None
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise BadInput(f"is not what the parser reads ({type(error).__name__}).", field=_place(error)) from error

    def form(self) -> dict[str, str]:
        """The body read as a URL-encoded form; of a repeated field, the last value."""
        pairs = parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return {name.replace("\0", ""): value.replace("\0", "") for name, value in pairs}


def _place(error: Exception) -> str:
    return f"body.{error.args[0]}" if isinstance(error, KeyError) and error.args else "body"


def read_json(body: bytes) -> Any:
    """Outside bytes as JSON.

    NaN and its kin are refused. A NUL or half an emoji (a surrogate without its pair, as clients that cut text make
    them) would be refused by databases and CRMs: the one is left out, the other becomes U+FFFD.
    """
    is_escaped = b"\\u" in body
    if not is_escaped:
        with suppress(ValueError):  # which it raises, too, where somebody nests deeper than it reads
            return from_json(body, allow_inf_nan=False)
    try:
        # decoded strictly: JSON's own reader would take UTF-16, and surrogates that are no UTF-8
        payload = _DECODER.decode(body.decode())
        return _storable(payload) if is_escaped else payload
    except (ValueError, RecursionError):
        raise BadInput("The body is not valid JSON in UTF-8.", code="json_invalid") from None


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def body_id(body: bytes) -> str:
    """The id of a record that brings none: the SHA-256 of its bytes."""
    return hashlib.sha256(body).hexdigest()


if TYPE_CHECKING:
    Raws = Sequence[Raw]
else:
    Raws = tuple[Raw, ...]  # what is kept, whatever was given


class Page(Value):
    """What a source read at once, and the cursor to go on from; both are stored in one transaction."""

    items: Raws = ()
    cursor: str | None = None
