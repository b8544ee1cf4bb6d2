"""Purchases as the CDNOW sample has them: who bought on which day, how many, for how much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from cxsdk.errors import ConfigurationError

#: In a checkout the data lies here; in a wheel, beside this module.
_NAME = "cdnow_sample.txt"
_CHECKOUT = Path(__file__).parents[2] / "examples" / "cdnow" / _NAME

_SHAPE = "customer in the master file, customer in the sample, YYYYMMDD, items, amount: 00004 0001 19970101 2 29.33"


@dataclass(frozen=True)
class Purchase:
    """One purchase; ``line`` is where it stands in the file. The data has no time of day."""

    line: int
    customer: str
    day: date
    items: int
    amount: Decimal


def load_purchases(path: Path | None = None) -> list[Purchase]:
    """The purchases of a file in this shape, in the order of their days; without a path, those of CDNOW.

    Raises ConfigurationError that names the line.
    """
    source = path or _shipped()
    try:
        text = source.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid(f"{source} cannot be read: {error}.", "Name a text file in UTF-8 or ASCII.") from None
    found = sorted(_read(text, str(source)), key=lambda purchase: (purchase.day, purchase.line))
    if not found:
        raise _invalid(f"{source} holds no purchases.", f"Write one a line: {_SHAPE}")
    return found


def first_customers(purchases: list[Purchase], number: int | None) -> list[Purchase]:
    """The purchases of the customers who come first in the data; without a number, of all."""
    some = set(list(dict.fromkeys(sorted(purchase.customer for purchase in purchases)))[:number])
    return [purchase for purchase in purchases if purchase.customer in some]


def _shipped() -> Traversable:
    packaged = files(__package__) / "data" / _NAME
    return packaged if packaged.is_file() else _CHECKOUT


def _read(text: str, name: str) -> Iterator[Purchase]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield _purchase(number, line.split(), name)


def _purchase(number: int, words: list[str], name: str) -> Purchase:
    try:
        _, customer, day, items, amount = words
        purchase = Purchase(number, customer, _day(day), int(items), Decimal(amount))
    except (ValueError, InvalidOperation):
        raise _invalid(f"Line {number} of {name} is not a purchase.", f"Write five columns: {_SHAPE}") from None
    if purchase.items < 0 or not purchase.amount.is_finite() or purchase.amount < 0:
        raise _invalid(f"Line {number} of {name} has a number below zero, or none.", "Leave refunds out.")
    if not 1991 <= purchase.day.year <= 2099:
        raise _invalid(f"Line {number} of {name} lies in the year {purchase.day.year}.", "Use years from 1991 to 2099.")
    return purchase


def _day(written: str) -> date:
    if len(written) != 8:
        raise ValueError(written)
    return datetime.strptime(written, "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone


def _invalid(problem: str, cure: str) -> ConfigurationError:
    return ConfigurationError(problem, path="--purchases", cure=cure, code="purchases_invalid")
