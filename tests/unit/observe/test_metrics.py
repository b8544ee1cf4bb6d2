"""Counters."""

from __future__ import annotations

from threading import Thread

from cxsdk.observe import count, snapshot


def test_a_series_is_named_by_its_labels() -> None:
    count("sample_things", kind="a", account="acme")
    count("sample_things", 2, account="acme", kind="a")
    count("sample_plain")
    assert snapshot()['sample_things{account="acme",kind="a"}'] == 3
    assert snapshot()["sample_plain"] == 1


def test_no_count_is_lost_between_threads() -> None:
    threads = [Thread(target=lambda: [count("sample_threads") for _ in range(1000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert snapshot()["sample_threads"] == 8000


def test_a_snapshot_stays_as_it_was() -> None:
    before = snapshot()
    count("sample_later")
    assert "sample_later" not in before
