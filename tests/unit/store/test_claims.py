"""Claims, leases and fences against a model: whatever workers do and how long they take, a row has one holder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from sqlalchemy import select

from cxsdk.domain.clock import ManualClock
from cxsdk.domain.raw import Raw
from cxsdk.store import Store, inbox
from cxsdk.store.inbox import Arrival
from cxsdk.store.tables import DONE, OWED, metadata
from cxsdk.store.tables import inbox as table
from cxsdk.store.work import OWED_TABLES, Claim, claim, owed_lanes, settle, still_ours

LANE = "inbox:pbx"
LEASE = timedelta(seconds=30)
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Claims(RuleBasedStateMachine):
    """Rows of one lane, and workers who take them, dawdle, and write them back or do not."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock(NOW)
        self.store = Store("sqlite://", self.clock)
        metadata.create_all(self.store.engine, tables=OWED_TABLES)
        self.next_at: dict[int, datetime] = {}
        self.fences: dict[int, int] = {}
        self.done_by: dict[int, int] = {}

    def teardown(self) -> None:
        self.store.close()

    @rule(number=st.integers(1, 5))
    def owe(self, number: int) -> None:
        with self.store.write() as tx:
            start = len(self.fences)
            arrivals = [Arrival("pbx", Raw(id=f"e{start + n}", body=b"", source="webhook")) for n in range(number)]
            inbox.put(self.store, tx, arrivals)
            for id in tx.scalars(select(table.c.id).where(table.c.id.not_in(list(self.fences)))):
                self.next_at[id], self.fences[id] = self.clock.now(), 0

    @rule(target=held, limit=st.integers(1, 4))
    def take(self, limit: int) -> Any:
        ripe = [id for id, at in self.next_at.items() if at <= self.clock.now()]
        with self.store.write() as tx:
            rows = claim(self.store, tx, table, LANE, limit, LEASE)
        assert len(rows) == min(limit, len(ripe))
        assert {row.id for row in rows} <= set(ripe)
        left = set(ripe) - {row.id for row in rows}
        assert all(self.next_at[row.id] <= self.next_at[id] for row in rows for id in left)
        for row in rows:
            self.fences[row.id] += 1
            self.next_at[row.id] = self.clock.now() + LEASE
            assert row.fence == self.fences[row.id]
        return multiple(*[Claim(row.id, row.fence) for row in rows])

    @rule(seconds=st.sampled_from([0, 1, 15, 30, 100]))
    def pass_time(self, seconds: int) -> None:
        self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))

    @rule(claims=st.lists(consumes(held), max_size=5))
    def write_back(self, claims: list[Claim]) -> None:
        with self.store.write() as tx:
            ours = still_ours(self.store, tx, table, claims)
            settle(tx, table, [{"id": id, "state": DONE} for id in ours])
        assert ours == {one.id for one in claims if self.fences[one.id] == one.fence}
        for id in ours:
            assert id not in self.done_by, "it was written back before"
            self.done_by[id] = self.fences[id]
            del self.next_at[id]

    @rule(one=held, seconds=st.sampled_from([0, 5, 60]))
    def put_off(self, one: Claim, seconds: int) -> None:
        later = self.clock.now() + timedelta(seconds=seconds)
        with self.store.write() as tx:
            ours = still_ours(self.store, tx, table, [one])
            settle(tx, table, [{"id": id, "next_at": later} for id in ours])
        for id in ours:
            self.next_at[id] = later

    @invariant()
    def rows_are_as_the_model_has_them(self) -> None:
        with self.store.read() as tx:
            rows = {
                row.id: row for row in tx.execute(select(table.c.id, table.c.state, table.c.fence, table.c.next_at))
            }
            assert owed_lanes(self.store, tx) == [LANE] * any(at <= self.clock.now() for at in self.next_at.values())
        assert {id: row.fence for id, row in rows.items()} == self.fences
        assert {id: row.next_at for id, row in rows.items() if row.state == OWED} == self.next_at


test_a_row_has_one_holder_at_a_time = Claims.TestCase
test_a_row_has_one_holder_at_a_time.settings = settings(max_examples=20, stateful_step_count=25)
