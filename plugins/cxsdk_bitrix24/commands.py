"""Commands of a batch as Bitrix24 reads them: a method and its parameters in one line, written as PHP does.

https://apidocs.bitrix24.com/settings/how-to-call-rest-api/batch.html
https://apidocs.bitrix24.com/settings/how-to-call-rest-api/data-encoding.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote_plus

#: With what a reference begins; in all else that is sent, no command has it.
REFERENCE = "$result["


class Reference(str):
    """A place in the answer of an earlier command of the same batch; the server puts in what stands there."""

    __slots__ = ()

    @classmethod
    def to(cls, command: str, *places: str) -> Reference:
        """``Reference.to("add", "id")`` is the id that the command ``add`` gives."""
        return cls(f"{REFERENCE}{command}]" + "".join(f"[{place}]" for place in places))


class Command(NamedTuple):
    """One call of a method."""

    method: str
    params: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.method}?{encoded(self.params)}"


def encoded(params: Mapping[str, Any]) -> str:
    """Parameters as PHP's ``http_build_query`` writes them; what is None is left out."""
    return "&".join(pair for name, value in params.items() for pair in _pairs(quote_plus(name), value))


def _pairs(name: str, value: Any) -> Iterator[str]:
    items: Any = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else None
    if items is not None:
        for key, item in items:
            yield from _pairs(f"{name}[{quote_plus(str(key))}]", item)
    elif isinstance(value, Reference):
        yield f"{name}={value}"
    elif value is not None:
        # a customer who writes a reference must not be answered with what stands there
        yield f"{name}={quote_plus(str(value).replace(REFERENCE, '$result ['))}"
