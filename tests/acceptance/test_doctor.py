"""``cxsdk plugins`` and ``cxsdk doctor`` as an operator types them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from sqlalchemy import insert, update

from cxsdk import AuthenticationError, RateLimited, Rejected, Transient
from cxsdk.cli import checks, group
from cxsdk.cli.findings import CODES
from cxsdk.cli.loading import load_app
from cxsdk.hooks import Found
from cxsdk.policy.health import Trouble
from cxsdk.store import accounts, schema
from cxsdk.store.condition import Lane
from cxsdk.store.tables import DEAD, due, outbox, rings
from cxsdk.testing.botapi import BotAPI
from cxsdk_localcrm import LocalCRM
from cxsdk_telegram import Telegram
from tests.installing import migrate

NOW = datetime.now(UTC)
SHOP = """
from pathlib import Path
from cxsdk import CX, Limit, Secret, hookimpl
from cxsdk_localcrm import LocalCRM
from cxsdk_telephony import Telephony

here = Path(__file__).parent


class Pager:
    @hookimpl
    def on_account_broken(self, account):
        pass


cx = CX(
    crm=LocalCRM(database=str(here / "crm.db"), durable=False),
    channels=[Telephony(name="pbx", secret=Secret("hush-hush-1"), limits=[Limit(calls=100, per="10s")])],
    plugins=[Pager()],
    database=f"sqlite:///{here}/cx.db",
)
"""


class Ran(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> dict[str, Any]:
        """What it printed as JSON."""
        told: dict[str, Any] = json.loads(self.out)
        return told

    @property
    def codes(self) -> dict[str, str]:
        """What was found, by what it is about."""
        return {one["about"]: one["code"] for one in self.told["findings"]}


class Shop:
    """A shop's installation on the disk, and its operator."""

    def __init__(self, file: Path, patch: pytest.MonkeyPatch, output: pytest.CaptureFixture[str]) -> None:
        self.file = file
        self._patch = patch
        self._output = output

    def __call__(self, *args: str) -> Ran:
        """Runs a command to its end."""
        self._patch.setattr(sys, "argv", ["cxsdk", *args])
        sys.modules.pop("shop", None)
        self._output.readouterr()
        try:
            group.run()
            code: Any = 0
        except SystemExit as end:
            code = end.code
        return Ran(int(code or 0), *self._output.readouterr())

    def doctor(self, *options: str) -> Ran:
        """What the doctor says of this shop, as JSON."""
        return self("doctor", "--json", *options, str(self.file))

    def rewrite(self, old: str, new: str) -> None:
        """Another line stands in the shop's file."""
        written = self.file.read_text()
        assert old in written
        self.file.write_text(written.replace(old, new))

    def write(self, *statements: Any) -> None:
        """Changes rows."""
        with closing(load_app(str(self.file)).store()) as store, store.write() as tx:
            for statement in statements:
                tx.execute(statement)

    def owe(self, lane: str, *, for_s: float) -> None:
        """Something has been due for so long."""
        account, _, kind = lane.removeprefix("outbox:").rpartition(":")
        since = datetime.now(UTC) - timedelta(seconds=for_s)
        row = {"account": account, "kind": kind, "key": lane, "body": {}, "created_at": since}
        self.write(insert(outbox).values(lane=lane, next_at=since, **row))

    def breaks(self, trouble: Trouble, why: str) -> None:
        """An account is broken."""
        with closing(load_app(str(self.file)).store()) as store, store.write() as tx:
            accounts.pause(store, tx, "localcrm", why)
            accounts.breaks(tx, "localcrm", trouble)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Shop]:
    file = tmp_path / "shop.py"
    file.write_text(SHOP)
    migrate(f"sqlite:///{tmp_path}/cx.db")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(group, "configure", lambda: None)
    monkeypatch.delenv("CXSDK_APP", raising=False)
    yield Shop(file, monkeypatch, capsys)
    sys.modules.pop("shop", None)


# -- plugins


def test_plugins_tells_what_was_found_and_where_it_comes_from(shop: Shop) -> None:
    ran = shop("plugins", "--json")
    found = {one["name"]: one for one in ran.told["plugins"]}
    assert ran.code == 0
    assert found["telegram"] == {
        "name": "telegram",
        "distribution": "cxsdk",
        "version": version("cxsdk"),
        "state": "enabled",
        "code": None,
        "why": None,
        "classes": ["Telegram"],
        "hooks": ["register_channels"],
        "accounts": [],
    }
    assert "accounts" not in ran.told


def test_plugins_tells_each_account_with_what_it_can_do(shop: Shop) -> None:
    told = shop("plugins", "--json", str(shop.file)).told
    plugins = {one["name"]: one for one in told["plugins"]}
    crm, pbx = told["accounts"]
    assert plugins["localcrm"]["accounts"] == ["localcrm"]
    assert (plugins["Pager"]["distribution"], plugins["Pager"]["hooks"]) == (None, ["on_account_broken"])
    assert (crm["kind"], crm["healthy"], crm["troubles"], crm["waiting"]) == ("crm", True, [], {})
    expected = {"duplicates": "upsert", "batch_size": 100, "sources": ["tasks"], "tasks": True, "live_check": True}
    assert expected.items() <= crm["can"].items()
    assert pbx["can"]["webhook_url"] == "http://127.0.0.1:8000/webhooks/pbx"
    assert pbx["limits_used"] == {"10 seconds": 0.0}
    assert "sends_to" not in pbx["can"]


def test_plugins_tells_why_an_account_is_broken_and_what_waits_for_it(shop: Shop) -> None:
    shop.breaks(Trouble.CREDENTIALS, "authentication_failed: the key is expired")
    shop.owe("outbox:localcrm:entry", for_s=0)
    crm = shop("plugins", "--json", str(shop.file)).told["accounts"][0]
    assert (crm["healthy"], crm["waiting"]) == (False, {"entry": 1})
    assert crm["troubles"][0]["code"] == "account_credentials_refused"
    plain = shop("plugins", str(shop.file)).out
    assert "account_credentials_refused (calls) since" in plain
    assert "the key is expired" in plain
    assert "Renew the credentials" in plain
    assert "waiting: entry 1" in plain


def test_plugins_shows_secrets_to_nobody(shop: Shop) -> None:
    shop.breaks(Trouble.OUTAGE, "transient: no answer for Authorization: Bearer abcdef0123456789abcdef")
    ran = shop("plugins", str(shop.file))
    assert "hush-hush" not in ran.out
    assert "abcdef0123456789" not in ran.out


def test_plugins_lists_accounts_also_where_the_database_is_away(shop: Shop) -> None:
    shop.rewrite('f"sqlite:///{here}/cx.db"', '"postgresql://cx:hush-hush-2@127.0.0.1:1/cx"')
    ran = shop("plugins", "--json", str(shop.file))
    assert [one["healthy"] for one in ran.told["accounts"]] == [None, None]
    assert "store_unavailable" in ran.told["health_unknown"]
    assert "hush-hush" not in ran.out
    assert "Whether they work cannot be told." in shop("plugins", str(shop.file)).out


# -- doctor


def test_a_shop_that_is_tried_out_is_well(shop: Shop) -> None:
    ran = shop.doctor()
    assert (ran.code, ran.told["ok"]) == (0, True)
    assert ran.codes == {"CX.public_url": "public_url_local"}
    assert ran.told["findings"][0]["severity"] == "hint"
    assert "Nothing is wrong." in shop("doctor", str(shop.file)).out


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("plugins=[Pager()]", "plugin=[Pager()]", "setting_unknown"),
        ('Secret("hush-hush-1")', 'Secret.env("SAMPLE_SECRET_THAT_IS_NOT_SET")', "secret_missing"),
        ("cx = CX(", "shop = CX(", "app_invalid"),
        ("def on_account_broken", "def on_acount_broken", "hook_invalid"),
        ("from pathlib import Path", "from pathlib import Path, Pth", "app_invalid"),
    ],
)
def test_a_mistake_in_the_file_is_found_with_its_cure(shop: Shop, old: str, new: str, code: str) -> None:
    shop.rewrite(old, new)
    ran = shop.doctor()
    [found] = ran.told["findings"]
    assert (ran.code, found["code"], found["severity"]) == (1, code, "error")
    assert found["cure"]


def test_a_database_that_is_away_is_found(shop: Shop) -> None:
    shop.rewrite('f"sqlite:///{here}/cx.db"', '"postgresql://cx:hush-hush-2@127.0.0.1:1/cx"')
    ran = shop.doctor()
    assert (ran.code, ran.codes["CX.database"]) == (1, "database_unreachable")
    assert "hush-hush" not in ran.out


def test_a_database_without_its_tables_is_found(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop.file.parent / "cx.db").unlink()
    monkeypatch.setattr(schema, "upgrade_sqlite", lambda store: None)  # as of a server, which the operator upgrades
    [found] = [one for one in shop.doctor().told["findings"] if one["about"] == "CX.database"]
    assert (found["code"], found["severity"]) == ("schema_old", "error")
    assert "cxsdk db upgrade" in found["cure"]


def test_an_address_that_is_no_database_is_found_once(shop: Shop) -> None:
    shop.rewrite('f"sqlite:///{here}/cx.db"', '"sqlite:shop.db"')
    codes = [one["code"] for one in shop.doctor().told["findings"]]
    assert codes == ["public_url_local", "database_url_invalid"]


@pytest.mark.parametrize("broker", ["redis://:hush-hush-3@127.0.0.1:1/0", "amqp://cx:hush-hush-3@127.0.0.1:1/"])
def test_a_broker_that_is_away_is_found(shop: Shop, broker: str) -> None:
    shop.rewrite("plugins=[Pager()],", f'broker="{broker}",')
    ran = shop.doctor()
    assert (ran.code, ran.codes["CX.broker"]) == (1, "broker_unreachable")
    assert "hush-hush" not in ran.out


@pytest.mark.parametrize(
    ("url", "codes"),
    [
        ("https://cx.example.com", {"CX.database": "sqlite_in_production"}),
        ("http://cx.example.com", {"CX.public_url": "public_url_insecure", "CX.database": "sqlite_in_production"}),
        ("https://localhost:8443", {"CX.public_url": "public_url_local"}),
    ],
)
def test_the_public_address_is_looked_at(shop: Shop, url: str, codes: dict[str, str]) -> None:
    shop.rewrite("plugins=[Pager()],", f'public_url="{url}",')
    assert shop.doctor().codes == codes


def test_a_local_address_is_wrong_where_several_processes_run(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxsdk_workers.brokers.why_unreachable", lambda url, database: "")
    shop.rewrite("plugins=[Pager()],", 'broker="redis://127.0.0.1:1/0",')
    ran = shop.doctor()
    assert [(one["code"], one["severity"]) for one in ran.told["findings"]] == [("public_url_local", "warning")]
    assert ran.code == 1


def test_nobody_needs_a_public_address_who_takes_no_webhooks(shop: Shop) -> None:
    shop.rewrite('Telephony(name="pbx", secret=Secret("hush-hush-1"), limits=[Limit(calls=100, per="10s")])', "")
    assert shop.doctor().told["findings"] == []


def test_work_that_nobody_does_is_found_with_its_lane(shop: Shop) -> None:
    shop.owe("outbox:localcrm:entry", for_s=90)
    shop.owe("outbox:localcrm:task", for_s=5)
    ran = shop.doctor()
    assert (ran.code, ran.codes["outbox:localcrm:entry"]) == (1, "nothing_runs")
    assert "outbox:localcrm:task" not in ran.codes
    assert [one["lane"] for one in ran.told["oldest_due"]] == ["outbox:localcrm:entry", "outbox:localcrm:task"]


def test_work_of_an_account_that_rests_is_not_called_forgotten(shop: Shop) -> None:
    shop.owe("outbox:localcrm:entry", for_s=3600)
    shop.breaks(Trouble.OUTAGE, "transient: refused")
    assert shop.doctor().codes["localcrm.calls"] == "account_unreachable"
    assert "nothing_runs" not in shop.doctor().codes.values()


def test_work_of_an_account_that_is_gone_is_found(shop: Shop) -> None:
    shop.owe("outbox:oldcrm:entry", for_s=90)
    assert shop.doctor().codes["outbox:oldcrm:entry"] == "account_removed"


def test_a_lane_that_is_worked_on_and_behind_is_told_apart(shop: Shop) -> None:
    shop.owe("outbox:localcrm:entry", for_s=3600)
    claimed = {"lane": "outbox:localcrm:entry", "fence": 1, "next_at": datetime.now(UTC) + timedelta(seconds=20)}
    row = {"account": "localcrm", "kind": "entry", "key": "claimed", "body": {}, "created_at": NOW}
    shop.write(insert(outbox).values(**row, **claimed))
    assert shop.doctor().codes["outbox:localcrm:entry"] == "lane_behind"


LATE = Lane("due:invitation", NOW - timedelta(minutes=2), None, is_worked=False)


@pytest.mark.parametrize(
    ("lane", "broker", "code"),
    [
        (LATE, "memory://", "nothing_runs"),
        (LATE, "redis://127.0.0.1/0", "clock_missing"),
        (LATE._replace(rung_at=NOW - timedelta(minutes=2)), "redis://127.0.0.1/0", "clock_missing"),
        (LATE._replace(rung_at=NOW - timedelta(seconds=9)), "redis://127.0.0.1/0", "worker_missing"),
        (LATE._replace(rung_at=NOW - timedelta(minutes=2)), "database://", "worker_missing"),
        (LATE, "database://", "clock_missing"),
        (LATE._replace(is_worked=True), "redis://127.0.0.1/0", None),
        (LATE._replace(is_worked=True, since=NOW - timedelta(minutes=6)), "redis://127.0.0.1/0", "lane_behind"),
        (LATE._replace(since=NOW - timedelta(seconds=59)), "redis://127.0.0.1/0", None),
    ],
)
def test_who_is_missing_is_told_by_the_ring(lane: Lane, broker: str, code: str | None) -> None:
    assert checks.what_is_wrong(lane, NOW, broker) == code


def test_a_ring_that_waits_is_found_in_its_table(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxsdk_workers.brokers.why_unreachable", lambda url, database: "")
    shop.rewrite("plugins=[Pager()],", 'broker="redis://127.0.0.1:1/0",')
    late = datetime.now(UTC) - timedelta(minutes=3)
    shop.write(
        insert(due).values(lane="due:invitation", key="x", next_at=late),
        insert(rings).values(lane="due:invitation", rung_at=datetime.now(UTC)),
    )
    assert shop.doctor().codes["due:invitation"] == "worker_missing"


def test_what_was_set_aside_is_counted(shop: Shop) -> None:
    shop.owe("outbox:localcrm:entry", for_s=1)
    shop.write(update(outbox).values(state=DEAD))
    ran = shop.doctor()
    assert (ran.code, ran.told["findings"][-1]["code"]) == (1, "rows_set_aside")
    assert "1 outbox dead" in ran.told["findings"][-1]["message"]


def test_a_full_disk_is_noticed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**8))
    assert "disk_low" in shop.doctor().codes.values()


def test_clocks_that_differ_are_noticed() -> None:
    def found(by: float) -> list[str]:
        clock = SimpleNamespace(now=lambda: NOW)
        store: Any = SimpleNamespace(clock=clock, moment=lambda tx: NOW + timedelta(seconds=by))
        return [one.code for one in checks.check_clocks(store, Any)]

    assert (found(1), found(-1)) == ([], [])
    assert (found(3), found(-3)) == (["clock_differs"], ["clock_differs"])


def test_a_plugin_that_is_left_out_is_told_with_the_reason() -> None:
    hooks: Any = SimpleNamespace(found=[Found("sms", "our-sms", "1.0", "There is no hook on_call."), Found("email")])
    [found] = checks.check_plugins(hooks)
    assert (found.code, found.about, found.message) == ("plugin_broken", "sms", "There is no hook on_call.")


def test_a_plugin_that_requires_another_version_has_a_code_of_its_own() -> None:
    why = "It requires cxsdk >=99, and this is 0.1.0."
    hooks: Any = SimpleNamespace(found=[Found("sms", problem=why, code="plugin_incompatible")])
    [found] = checks.check_plugins(hooks)
    assert (found.code, found.message) == ("plugin_incompatible", why)


# -- live


def test_live_asks_whom_it_can_and_says_whom_it_cannot(shop: Shop) -> None:
    ran = shop.doctor("--live")
    assert ran.code == 0
    assert ran.told["live"] == [
        {"account": "localcrm", "state": "ok", "said": "2 agents"},
        {"account": "pbx", "state": "not checked", "said": "Telephony cannot be checked live."},
    ]
    assert shop.doctor().told["live"] == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AuthenticationError("expired"), "account_credentials_refused"),
        (RateLimited("slowly"), "account_over_limit"),
        (Transient("down"), "account_unreachable"),
        (TimeoutError(), "account_unreachable"),
        (Rejected("no such field"), "account_plugin_fails"),
        (KeyError("username"), "account_plugin_fails"),
        (SystemExit(3), "account_plugin_fails"),
    ],
)
def test_live_tells_what_went_wrong(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: str
) -> None:
    def check(crm: LocalCRM) -> str:
        raise error

    monkeypatch.setattr(LocalCRM, "check", check)
    ran = shop.doctor("--live")
    assert (ran.code, ran.codes["localcrm"]) == (1, code)
    assert [one["state"] for one in ran.told["live"]] == ["failed", "not checked"]
    assert code in shop("doctor", "--live", str(shop.file)).out


def test_live_reaches_telegram_and_tells_a_wrong_token(shop: Shop) -> None:
    with BotAPI() as bot:
        shop.rewrite("from cxsdk_telephony", "from cxsdk_telegram import Telegram\nfrom cxsdk_telephony")
        made = f'Telegram(token=Secret("{bot.token}"), api_url="{bot.url}")'
        shop.rewrite("channels=[", f"channels=[{made}, ")
        asked = {one["account"]: one for one in shop.doctor("--live").told["live"]}
        assert asked["telegram"]["state"] == "ok"
        assert asked["telegram"]["said"].startswith("@")
        shop.rewrite(bot.token, "1:wrong-token")
        ran = shop.doctor("--live")
        assert ran.codes["telegram"] == "account_credentials_refused"
        assert "wrong-token" not in ran.out


# -- the codes


def test_every_code_says_what_it_means_and_what_to_do() -> None:
    assert [code for code, known in CODES.items() if not (known.means and known.cure)] == []
    assert Telegram.supports("check")
