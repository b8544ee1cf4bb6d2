"""Files of purchases."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk.demo.purchases import first_customers, load_purchases
from cxsdk.errors import ConfigurationError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "purchases.txt"


def test_the_shipped_data_is_whole() -> None:
    purchases = load_purchases()
    assert len(purchases) == 6919
    assert len({purchase.customer for purchase in purchases}) == 2357
    assert (purchases[0].day, purchases[-1].day) == (date(1997, 1, 1), date(1998, 6, 30))


def test_a_line_is_a_purchase(file: Path) -> None:
    file.write_text(" 00004 0001 19970101  2   29.33\n")
    [purchase] = load_purchases(file)
    assert (purchase.customer, purchase.day, purchase.items) == ("0001", date(1997, 1, 1), 2)
    assert purchase.amount == Decimal("29.33")


def test_purchases_come_in_the_order_of_their_days(file: Path) -> None:
    file.write_text("1 1 19970301 1 9\n2 2 19970101 1 9\n\n1 1 19970201 1 9\n")
    assert [purchase.line for purchase in load_purchases(file)] == [2, 4, 1]


@pytest.mark.parametrize(
    "line",
    [
        "00004 0001 19970101 2", "a b c d e", "4 1 19970230 1 9", "4 1 970101 1 9", "4 1 19970101 1 nan",
        "4 1 19970101 -1 9", "4 1 19970101 1 9 9", "4 1 18150618 1 9", "4 1 19970101 1 -9",
    ],
)  # fmt: skip
def test_what_is_no_purchase_is_refused_with_its_line_and_the_cure(file: Path, line: str) -> None:
    file.write_text(f"00004 0001 19970101 2 29.33\n{line}\n")
    with pytest.raises(ConfigurationError, match="Line 2 of") as refused:
        load_purchases(file)
    assert refused.value.code == "purchases_invalid"
    assert refused.value.cure


def test_a_file_that_is_not_there_or_empty_or_not_text_is_refused(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_purchases(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_purchases(file)
    file.write_text("\n")
    with pytest.raises(ConfigurationError, match="holds no purchases"):
        load_purchases(file)


@given(st.text(max_size=80))
def test_whatever_stands_in_a_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.mktemp("any") / "purchases.txt"
    file.write_text(text, encoding="utf-8", errors="replace")
    with suppress(ConfigurationError):
        assert load_purchases(file)


def test_the_first_customers_keep_all_their_purchases() -> None:
    purchases = load_purchases()
    some = first_customers(purchases, 3)
    assert {purchase.customer for purchase in some} == {"0001", "0002", "0003"}
    assert some == [purchase for purchase in purchases if purchase.customer in ("0001", "0002", "0003")]
    assert first_customers(purchases, None) == purchases
