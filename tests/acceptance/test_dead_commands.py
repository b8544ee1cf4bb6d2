"""``cxsdk dead`` and ``cxsdk replay`` as an operator types them: what they print, and how they end."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from shutil import copy
from typing import Any, NamedTuple

import pytest

from cxsdk import Raw, Rejected
from cxsdk.cli import group, shown
from cxsdk.cli.loading import load_app
from cxsdk.journeys import receipts
from cxsdk.store import inbox, schema
from cxsdk.store.inbox import Arrival
from cxsdk.store.tables import metadata
from cxsdk.testing.inline import Installation
from cxsdk_localcrm import LocalCRM
from cxsdk_telephony import Telephony
from tests.installing import installed

SHOP = """
from pathlib import Path
from shutil import copy
from cxsdk import CX, Secret
from cxsdk_localcrm import LocalCRM
from cxsdk_telephony import Telephony

here = Path(__file__).parent
cx = CX(
    crm=LocalCRM(database=str(here / "crm.db"), durable=False),
    channels=[Telephony(name="pbx", secret=Secret("hush-hush-1"))],
    database=f"sqlite:///{here}/cx.db",
)
"""


class Ran(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """What it printed as JSON, a line each."""
        return [json.loads(line) for line in self.out.splitlines()]


class Shop:
    """A shop's installation on the disk, and its operator."""

    def __init__(self, file: Path, patch: pytest.MonkeyPatch, output: pytest.CaptureFixture[str]) -> None:
        self.file = file
        self._patch = patch
        self._output = output

    def run(self, *args: str, stdin: str = "") -> Ran:
        """Runs a command to its end."""
        self._patch.setattr(sys, "argv", ["cxsdk", *args])
        self._patch.setattr(sys, "stdin", io.StringIO(stdin))
        self._output.readouterr()
        try:
            group.run()
            code: Any = 0
        except SystemExit as end:
            code = end.code
        out, err = self._output.readouterr()
        return Ran(int(code or 0), out, err)

    def __call__(self, *args: str, stdin: str = "") -> Ran:
        """Runs a command about this shop."""
        return self.run(*args, str(self.file), stdin=stdin)

    def receive(self, id: str, body: bytes, **headers: str) -> None:
        """The phone system posts something, and it is worked off."""
        with _opened(self.file) as opened:
            _receive(opened, id, body, headers)

    def call(self, id: str, number: int = 0) -> None:
        """Somebody called and nobody answered."""
        self.receive(id, _missed(id, number))

    def settle(self) -> list[dict[str, Any]]:
        """Does what is owed; the CRM's entries then."""
        with _opened(self.file) as opened:
            opened.settle()
            return list(opened.runtime.crm.entries())

    def rows(self) -> dict[str, list[Any]]:
        """All rows of all tables."""
        with closing(load_app(str(self.file)).store()) as store, store.read() as tx:
            return {table.name: list(tx.execute(table.select())) for table in metadata.sorted_tables}

    def ids(self, *args: str) -> list[str]:
        """The ids that ``dead list`` shows."""
        return [told["id"] for told in self("dead", "list", "--json", *args).objects]


def _opened(file: Path) -> Any:
    return installed(load_app(str(file)))


def _receive(opened: Installation, id: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    raw = Raw(id=id, body=body, headers=headers or {})
    with opened.runtime.store.write() as tx:
        inbox.put(opened.runtime.store, tx, [Arrival("pbx", raw)])
    opened.settle()


def _missed(id: str, number: int) -> bytes:
    told = {"event_id": id, "call_id": id, "type": "missed", "at": datetime.now(UTC).isoformat()}
    about = {"direction": "inbound", "from": f"+1212555012{number}", "to": "+12125550100"}
    return json.dumps(told | about).encode()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Shop]:
    file = tmp_path / "shop.py"
    file.write_text(SHOP)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(group, "configure", lambda: None)
    monkeypatch.delenv("CXSDK_APP", raising=False)
    yield Shop(file, monkeypatch, capsys)
    sys.modules.pop("shop", None)


def _refuse(*_: Any) -> Any:
    raise Rejected(
        "POST /log was answered with 422. No such owner.",
        status=422, provider_code="BAD_OWNER", request_id="r-1", body='{"error": "owner", "api_key": "k-123456789"}',
    )  # fmt: skip


@pytest.fixture(scope="module")
def trouble(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a shop in which two records were not understood, and an entry was refused by the CRM."""
    folder = tmp_path_factory.mktemp("trouble")
    (folder / "shop.py").write_text(SHOP)
    told = {"event_id": "e2", "password": "sesame-12", "note": "a \x1b[31mred\x1b[0m hush-hush-1 [bold]note"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(LocalCRM, "log", _refuse)
        with _opened(folder / "shop.py") as opened:
            _receive(opened, "e1", b'{"broken', {"content-type": "application/json", "x-signature": "5ecr37"})
            _receive(opened, "e2", json.dumps(told).encode())
            _receive(opened, "e3", _missed("e3", 0))
    return folder


@pytest.fixture
def troubled(shop: Shop, trouble: Path) -> Shop:
    """The same, for one test alone."""
    for file in filter(Path.is_file, trouble.iterdir()):
        copy(file, shop.file.parent)
    return shop


# dead list


def test_where_nothing_is_set_aside_the_list_says_so(shop: Shop) -> None:
    shop.call("e1")
    assert shop("dead", "list") == (0, "Nothing is set aside.\n", "")
    assert shop("dead", "list", "--json") == (0, "", "")


def test_the_list_shows_where_what_and_why(troubled: Shop) -> None:
    ran = troubled("dead", "list")
    assert (ran.code, ran.err) == (0, "")
    [entry] = [line.split() for line in ran.out.splitlines() if "outbox:" in line]
    assert entry[:4] == ["outbox:2", "dead", "localcrm", "entry"]
    assert " ".join(entry[4:]).endswith("1 POST /log was answered with 422. No such owner.")
    assert entry[4] == f"{datetime.now(UTC):%Y-%m-%d}"
    assert "inbox:1" in ran.out
    assert "json_invalid: The body is not valid JSON in UTF-8." in ran.out
    assert "3 set aside. All about one: cxsdk dead show ID APP" in ran.out


def test_the_list_is_one_json_object_a_line_for_scripts(troubled: Shop) -> None:
    told = troubled("dead", "list", "--json").objects
    assert [one["id"] for one in told] == ["inbox:2", "inbox:1", "outbox:2"]
    entry = told[2]
    about = {"state": "dead", "account": "localcrm", "kind": "entry", "tries": 1, "called_at": None}
    assert {name: entry[name] for name in about} == about
    assert entry["reason"] == "POST /log was answered with 422. No such owner."
    assert datetime.fromisoformat(entry["set_aside_at"]) >= datetime.fromisoformat(entry["came_at"])


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--account", "pbx"], ["inbox:2", "inbox:1"]),
        (["--account", "localcrm"], ["outbox:2"]),
        (["--account", "api"], []),
        (["--kind", "entry", "--kind", "task"], ["outbox:2"]),
        (["--kind", "record"], ["inbox:2", "inbox:1"]),
        (["--state", "unknown"], []),
        (["--state", "dead", "--limit", "1"], ["inbox:2"]),
        (["--since", "1h"], ["inbox:2", "inbox:1", "outbox:2"]),
        (["--since", "2020-01-01T00:00+01:00"], ["inbox:2", "inbox:1", "outbox:2"]),
    ],
)
def test_the_list_is_narrowed_by_options(troubled: Shop, options: Sequence[str], ids: list[str]) -> None:
    assert troubled.ids(*options) == ids


def test_a_long_list_is_cut_and_says_how_much_there_is(troubled: Shop) -> None:
    ran = troubled("dead", "list", "--limit", "1")
    assert "inbox:2" in ran.out
    assert "inbox:1" not in ran.out
    assert "3 set aside, 1 of them here." in ran.out


# dead show


def test_a_record_is_shown_as_it_came_without_secrets(troubled: Shop) -> None:
    [told] = troubled("dead", "show", "inbox:2", "--json").objects
    assert told["reason"].startswith("call_event_invalid")
    assert told["answer"] is None
    assert told["request"] == {
        "event_id": "e2", "source": "webhook", "headers": {},
        "body": {"event_id": "e2", "password": "**********", "note": "a \x1b[31mred\x1b[0m ********** [bold]note"},
    }  # fmt: skip
    [told] = troubled("dead", "show", "inbox:1", "--json").objects
    assert told["request"]["headers"] == {"content-type": "application/json", "x-signature": "**********"}
    assert told["request"]["body"] == '{"broken'


def test_what_came_from_outside_does_not_command_the_terminal(troubled: Shop) -> None:
    troubled.receive("e9", b"\x1b]0;evil\x07 \x9b31m")
    for row in ("inbox:2", "inbox:4"):
        out = troubled("dead", "show", row).out
        assert not {char for char in out if not char.isprintable()} - {"\n"}
    assert "hush-hush-1" not in troubled("dead", "show", "inbox:2").out


def test_outward_work_is_shown_with_the_providers_answer(troubled: Shop) -> None:
    [told] = troubled("dead", "show", "outbox:2", "--json").objects
    request = told["request"]
    assert (request["key"], request["revision"], request["person_id"]) == (told["key"], 1, "1")
    assert (request["kind"], request["state"], request["counterpart"]) == ("call", "missed", "+12125550120")
    assert told["answer"].startswith("422, code BAD_OWNER, request r-1")
    assert "k-123456789" not in json.dumps(told)
    out = troubled("dead", "show", "outbox:2").out
    for part in (
        "outbox:2 is dead.",
        "account     localcrm",
        "Why\n  POST /log",
        "Request\n  {",
        "Answer\n  422, code",
    ):
        assert part in out


def _buggy(plugin: Any, given: Any) -> Any:
    return {}["id"]


@pytest.mark.parametrize(("method", "where"), [("parse", "The plugin failed on it: "), ("find_people", "")])
def test_a_plugins_bug_is_listed_and_shown_with_the_line_that_its_author_must_mend(
    shop: Shop, method: str, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Telephony if method == "parse" else LocalCRM, method, _buggy)
        patch.setattr(receipts, "RETRY_WAITS", ())
        shop.call("e1")
    [row] = shop.ids("--kind", "record" if method == "parse" else "person")
    assert f"{where}KeyError: 'id' at {__file__}:" in " ".join(shop("dead", "list").out.split())
    shown = shop("dead", "show", row).out
    assert f"Why\n  {where}KeyError: 'id'\n  at {__file__}:{_buggy.__code__.co_firstlineno + 1}, in _buggy\n" in shown
    assert caplog.text.count("Traceback (most recent call last)") == 1
    assert "in _buggy" in caplog.text


def test_a_person_is_shown_as_they_would_be_looked_for(shop: Shop) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalCRM, "create_people", _refuse)
        shop.call("e1")
    [told] = [one for one in map(shop_show(shop), shop.ids()) if one["kind"] == "person"]
    assert told["request"]["identities"] == ["phone:+12125550120"]
    [waited] = map(shop_show(shop), shop.ids("--kind", "entry"))
    assert waited["reason"].startswith("Their person was refused: POST /log")
    assert waited["tries"] == 0


def shop_show(shop: Shop) -> Any:
    return lambda row: shop("dead", "show", row, "--json").objects[0]


def test_a_large_request_is_cut_on_the_screen_and_whole_for_scripts(shop: Shop) -> None:
    shop.receive("e1", b"x" * 100_000)
    ran = shop("dead", "show", "inbox:1")
    assert "more characters: --json shows them." in ran.out
    assert len(ran.out) < shown.SHOWN + 1_000
    assert shop("dead", "show", "inbox:1", "--json").objects[0]["request"]["body"] == "x" * 100_000


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe\x00", b'"\\ud800"', b"[" * 3_000 + b"]" * 3_000, b"[" * 600 + b"]" * 600, b"", "{\u2028}".encode()],
)
def test_whatever_came_in_can_be_shown(shop: Shop, body: bytes) -> None:
    shop.receive("e1", body)
    for options in ([], ["--json"]):
        ran = shop("dead", "show", "inbox:1", *options)
        assert (ran.code, ran.err) == (0, "")
    assert len(ran.objects) == 1


# dead retry


def test_rows_that_are_tried_again_are_done(troubled: Shop) -> None:
    ran = troubled("dead", "retry", "outbox:2")
    assert ran == (0, "1 owed again.\n", "")
    assert len(troubled.settle()) == 1
    assert troubled.ids() == ["inbox:2", "inbox:1"]


def test_all_rows_of_an_account_are_tried_again(troubled: Shop) -> None:
    assert troubled("dead", "retry", "--account", "localcrm") == (0, "1 owed again.\n", "")
    assert troubled("dead", "retry", "--all") == (0, "2 owed again.\n", "")
    assert len(troubled.settle()) == 1
    assert troubled.ids() == ["inbox:2", "inbox:1"]  # nobody understands them better


def test_trying_again_tells_scripts_row_by_row(troubled: Shop) -> None:
    assert troubled("dead", "retry", "--all", "--json").objects == [
        {"id": "inbox:1", "retried": True},
        {"id": "inbox:2", "retried": True},
        {"id": "outbox:2", "retried": True},
    ]


def test_rows_of_an_account_that_is_gone_are_left_and_told_of(troubled: Shop) -> None:
    troubled.file.write_text(SHOP.replace('name="pbx"', 'name="pbx2"'))
    ran = troubled("dead", "retry", "--all")
    assert (ran.code, ran.out) == (0, "1 owed again, 2 left as they were.\n")
    assert ran.err.splitlines()[0].startswith("account_unknown: inbox:1 belongs to 'pbx', which is configured no more.")
    left = troubled("dead", "retry", "--account", "pbx", "--json").objects
    assert [(one["id"], one["retried"], one["code"]) for one in left] == [
        ("inbox:1", False, "account_unknown"),
        ("inbox:2", False, "account_unknown"),
    ]


def test_the_app_may_stand_in_the_environment(troubled: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXSDK_APP", str(troubled.file))
    assert troubled.run("dead", "show", "inbox:1").code == 0
    assert troubled.run("dead", "retry", "inbox:1", "outbox:2").out == "2 owed again.\n"
    assert troubled.run("dead", "drop", "inbox:2").out == "1 dropped.\n"
    assert troubled.run("dead", "list").code == 0
    assert troubled.run("replay", "e3").out == "1 record is read again.\n"
    assert troubled.run("replay", "--since", "1h", str(troubled.file)).code == 0


# dead drop


def test_a_row_that_is_dropped_is_gone_from_the_list(troubled: Shop) -> None:
    assert troubled("dead", "drop", "inbox:1", "inbox:2", "--note", "noise") == (0, "2 dropped.\n", "")
    assert troubled.ids() == ["outbox:2"]
    reasons = [row.reason for row in troubled.rows()["inbox"] if row.state == "cancelled"]
    assert len(reasons) == 2
    assert reasons[0].startswith("Dropped by hand: noise\nIt was set aside: json_invalid")


def test_many_are_dropped_only_when_somebody_says_yes(troubled: Shop) -> None:
    ran = troubled("dead", "drop", "--account", "pbx", stdin="n\n")
    assert ran.code == 130
    assert "Drop 2 rows for good?" in ran.err
    assert len(troubled.ids()) == 3
    assert troubled("dead", "drop", "--account", "pbx", stdin="y\n").out == "2 dropped.\n"
    assert troubled("dead", "drop", "--all", "--yes") == (0, "1 dropped.\n", "")
    assert troubled.ids() == []


# replay


def test_everything_since_a_moment_is_read_again_and_nothing_doubles(troubled: Shop) -> None:
    troubled.call("e5", 1)
    ran = troubled("replay", "--since", "1h")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("2 records are read again. The last becomes due at 20")
    entries = len(troubled.settle())
    assert entries == 1
    assert [row.state for row in troubled.rows()["inbox"]] == ["dead", "dead", "done", "done"]


def test_one_event_or_an_account_is_read_again(troubled: Shop) -> None:
    assert troubled("replay", "e3") == (0, "1 record is read again.\n", "")
    troubled.settle()
    assert troubled("replay", "inbox:3", "--account", "pbx") == (0, "1 record is read again.\n", "")
    troubled.settle()
    [told] = troubled("replay", "--account", "pbx", "--per-second", "5", "--json").objects
    assert told["records"] == 1
    assert datetime.fromisoformat(told["due_until"]).tzinfo is not None
    assert troubled("replay", "--account", "api") == (0, "0 records are read again.\n", "")


# Mistakes


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("dead show outbox:1", "row_not_aside: outbox:1 is not set aside: it is done."),
        ("dead show outbox:99", "row_unknown: There is no outbox:99; see what there is: cxsdk dead list APP"),
        ("dead show 99", "id_invalid: '99' names no row; take an id such as outbox:123 from: cxsdk dead list APP"),
        ("dead retry outbox:1", "row_not_aside"),
        ("dead retry outbox:2 outbox:99", "row_unknown"),
        ("dead retry outbox:2 nonsense", "id_invalid"),
        ("dead drop outbox:2 inbox:3", "row_not_aside"),
        ("dead retry", "Name rows, or say --account NAME or --all."),
        ("dead drop", "Name rows, or say --account NAME or --all."),
        ("dead retry --since 2h", "Name rows, or say --account NAME or --all."),
        ("dead retry outbox:2 --all", "Name rows, or describe them by options; not both."),
        ("dead retry --account nobody", "account_unknown: There is no account 'nobody'; known: api, localcrm, pbx."),
        ("dead drop --account nobody --yes", "account_unknown"),
        ("dead list --account nobody", "account_unknown"),
        ("dead list --kind bread", "is not one of 'record', 'person', 'entry'"),
        ("dead list --since yesterday", "is no moment; write 2h, 3d, or 2026-01-31T09:00+02:00 with its zone."),
        ("dead list --since 2026-01-31T09:00", "is no moment"),
        ("dead list --since 2999-01-31T09:00Z", "has not come yet; give a moment of the past."),
        ("dead retry --all --since 5y", "is no moment"),
        ("replay", "Say what to replay: EVENT, --account NAME or --since MOMENT."),
        ("replay e3 --since 2h", "Name an EVENT, or say --since; not both."),
        ("replay e99", "record_unknown: No record is kept of 'e99'."),
        ("replay e1", "record_dead: inbox:1 was never understood. Try it again with: cxsdk dead retry inbox:1 APP"),
        ("replay --account localcrm2", "account_unknown: 'localcrm2' is no account with records; known: localcrm, pbx"),
        ("replay --since soon", "is no moment"),
        ("replay --since 1h --per-second 0", "is not in the range"),
    ],
)
def test_a_mistake_is_told_with_its_cure_and_changes_nothing(troubled: Shop, args: str, said: str) -> None:
    before = troubled.rows()
    ran = troubled(*args.split())
    assert (ran.code, ran.out) == (2, "")
    assert said in " ".join(ran.err.split())
    assert {name: rows for name, rows in troubled.rows().items() if name != "cursors"} == {
        name: rows for name, rows in before.items() if name != "cursors"
    }


@pytest.mark.parametrize("command", ["dead list", "dead show inbox:1", "dead retry inbox:1", "replay --since 1h"])
def test_a_servers_database_that_is_too_old_is_refused_with_the_cure(
    shop: Shop, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "upgrade_sqlite", lambda store: store.close())  # as of one that is no file of ours
    ran = shop(*command.split())
    assert ran.code == 1
    assert ran.err.startswith("schema_old: ")
    assert "cxsdk db upgrade" in ran.err


@pytest.mark.parametrize(
    ("command", "said"),
    [("dead list", "Nothing is set aside."), ("dead retry --all", "0 owed again."), ("replay --since 1h", "0 records")],
)
def test_a_fresh_file_is_made_ready_and_has_nothing_yet(shop: Shop, command: str, said: str) -> None:
    ran = shop(*command.split())
    assert (ran.code, ran.err) == (0, "")
    assert said in ran.out


@pytest.mark.parametrize("command", ["dead retry inbox:1", "dead list", "replay e1"])
def test_without_an_app_it_says_what_is_missing(shop: Shop, command: str) -> None:
    ran = shop.run(*command.split())
    assert ran.code in (1, 2)
    assert "APP" in ran.err


def test_the_command_runs_as_a_program_of_its_own(troubled: Shop) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    program = [sys.executable, "-c", "from cxsdk.cli import main; main()", "dead", "show", "outbox:99"]
    done = subprocess.run([*program, str(troubled.file)], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"row_unknown: There is no outbox:99")
