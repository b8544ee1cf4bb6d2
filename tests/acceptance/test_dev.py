"""``cxsdk dev``: nothing leaves the machine, every call is a line, and changed code runs."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests
from click.testing import CliRunner

from cxsdk import CRM, CX, Channel, ConfigurationError, Context, LogEntry, Message, OAuth, Person, Receipt, Secret
from cxsdk.cli import live, vendors
from cxsdk.cli.group import cli
from cxsdk.cli.loading import DEV, load_app
from cxsdk.domain.clock import ManualClock
from cxsdk.errors import Rejected
from cxsdk.store import schema
from cxsdk.testing import NOW, Answer, HttpStandIn, SentRequest
from cxsdk.testing.inline import Installation
from cxsdk_localcrm import LocalCRM
from tests.installing import installed

pytestmark = pytest.mark.usefixtures("own_secrets")

DESK = """
from cxsdk import CRM, Receipt, Secret
from cxsdk.testing import HttpStandIn


class Desk(CRM):
    token: Secret

    def open(self, context):
        self._http = context.http("https://desk.example.com/api", bearer=self.token)

    def stand_in(self):
        return FakeDesk()

    def find_people(self, who):
        return [None for _ in who]

    def create_people(self, people):
        return (Receipt.accepted(self._http.post("people", json={"key": p.key})["id"]) for p in people)

    def log(self, entries):
        for entry in entries:
            note = {"about": entry.person_id, "of": "a call"}
            yield Receipt.accepted(self._http.post("notes", json=note)["id"])


class FakeDesk(HttpStandIn):
    rows = 0

    def answer(self, request):
        self.rows += 1
        return {"id": f"row-{self.rows}"}
"""
SHOP = """
from cxsdk import CX, Secret
from cxsdk_telephony import Telephony
from dev_desk import Desk

cx = CX(
    crm=Desk(token=Secret("hush-hush-token")),
    channels=[Telephony(name="pbx", secret=Secret("hush-hush-secret"))],
    database="postgresql://nobody@db.example.com/real",
    broker="redis://redis.example.com",
    public_url="https://cx.example.com",
)
"""


@pytest.fixture
def ports() -> list[int]:
    with socket.socket() as public, socket.socket() as private:
        for one in (public, private):
            one.bind(("127.0.0.1", 0))
        return [public.getsockname()[1], private.getsockname()[1]]


class Dev:
    """A real process of ``cxsdk dev``, and what it prints."""

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        self._said = folder / "said"
        program = [sys.executable, "-c", "from cxsdk.cli import main; main()", "dev", "shop.py"]
        places = ["--port", str(ports[0]), "--private-port", str(ports[1])]
        with self._said.open("wb") as out:
            self._process = subprocess.Popen([*program, *places], cwd=folder, stdout=out, stderr=subprocess.STDOUT)

    def says(self, wanted: str, times: int = 1) -> str:
        """All that it said, once it said this so often."""
        end = time.monotonic() + 60
        while time.monotonic() < end and self._process.poll() is None:
            if len(re.findall(wanted, self._said.read_text())) >= times:
                break
            time.sleep(0.1)
        said = self._said.read_text()
        assert len(re.findall(wanted, said)) >= times, said
        return said

    def end(self) -> int:
        """Ctrl-C; the code with which it ends."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(30)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(30)


@pytest.fixture
def dev(tmp_path: Path, ports: list[int], monkeypatch: pytest.MonkeyPatch) -> Iterator[Dev]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "dev_desk.py").write_text(DESK)
    process = Dev(tmp_path, ports)
    monkeypatch.setenv(DEV, f"http://127.0.0.1:{ports[0]}")
    yield process
    process.kill()


@pytest.mark.timeout(180)  # three starts of Python, on a busy machine
def test_a_sample_reaches_the_stand_in_and_changed_code_runs(dev: Dev, tmp_path: Path, ports: list[int]) -> None:
    said = dev.says("Reloads when the code changes")
    assert re.search(r"desk +its stand-in answers\n", said)
    assert f"http://127.0.0.1:{ports[0]}/webhooks/pbx\n" in said
    assert f"export CXSDK_DEV=http://127.0.0.1:{ports[0]} CXSDK_APP=shop.py" in said
    [sample] = re.findall(r"^  cxsdk (webhook send pbx \w+)", said, re.MULTILINE)

    assert send(sample.replace("ringing", "missed")).exit_code == 0
    said = dev.says("POST https://desk.example.com/api/notes")
    assert 'desk: 200 POST https://desk.example.com/api/notes {"about": "row-1", "of": "a call"}' in said

    (tmp_path / "dev_desk.py").write_text(DESK + "\nclass Desk(")
    dev.says("Waiting for a change")
    (tmp_path / "dev_desk.py").write_text(DESK.replace("a call", "another"))
    dev.says("Reloads when the code changes", times=2)
    assert send("webhook send pbx missed").exit_code == 0
    said = dev.says('"of": "another"')
    assert "app_invalid" in said
    assert "hush-hush" not in said
    assert dev.end() == 0
    assert (tmp_path / "cxsdk-dev.db").is_file()


def send(command: str) -> Any:
    return CliRunner().invoke(cli, [*command.split(), "shop.py"])


# -- what becomes of each account


class Sms(Channel):
    """An SMS provider without a stand-in."""

    reaches = "phone"

    def open(self, context: Context) -> None:
        self._http = context.http("https://sms.example.com", bearer=Secret("hush-hush-sms"))

    def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
        return (Receipt.accepted(self._http.post("/send", json={"to": m.to})["id"]) for m in messages)

    def ask(self) -> Any:
        """A call that nobody foresaw."""
        return self._http.get("/balance")


class Granted(CRM):
    """A CRM that is connected by OAuth, with a stand-in of what it is given."""

    def open(self, context: Context) -> None:
        oauth = OAuth(
            authorize_url="https://desk.example.com/oauth",
            token_url="https://{site}/token",
            client_id="sample",
            client_secret=Secret("hush-hush-client"),
            hosts=("desk.example.com",),
        )
        self._http = context.http("https://{site}/api", oauth=oauth)

    def stand_in(self) -> Any:
        return FakeGranted()

    def find_people(self, who: Sequence[Person]) -> list[str | None]:
        return [self._http.get("/people")["id"] for _ in who]

    def create_people(self, people: Sequence[Person]) -> list[Receipt]:
        raise NotImplementedError

    def log(self, entries: Sequence[LogEntry]) -> list[Receipt]:
        raise NotImplementedError


class FakeGranted(HttpStandIn):
    granted: ClassVar[Mapping[str, Any]] = {"site": "eu.desk.example.com"}
    asked = 0

    def answer(self, request: SentRequest) -> Any:
        self.asked += 1
        if request.path == "/token":
            return {"access_token": "newer-access-token", "expires_in": 3600}
        return {"id": "7"} if "newer" in request.headers["Authorization"] else Answer(401)


PERSON = Person(key="k1", name="Sample Customer", identities=())
MESSAGE = Message(key="m1", to="+12125550123", text="How was it?\nhttps://cx.example.com/s/token")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def placed(tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("It went out."))
    database = f"sqlite:///{tmp_path / 'cx.db'}"
    cx = CX(crm=Granted(), channels=[Sms()], database=database)
    for account in cx.accounts():
        vendors.put_in_place(account, said.append)
    with installed(cx, clock=ManualClock(NOW)) as installation:
        yield installation


def test_an_account_without_a_stand_in_has_what_it_is_given_shown_and_taken(
    placed: Installation, said: list[str]
) -> None:
    [receipt] = placed.runtime.channels["sms"].send([MESSAGE])
    assert receipt == Receipt.accepted("dev-m1")
    assert said == ["sms: send to +12125550123: How was it? https://cx.example.com/s/token"]


def test_a_request_without_a_stand_in_is_refused_and_says_how_to_let_it_out(placed: Installation) -> None:
    with pytest.raises(Rejected, match="--live sms") as refused:
        placed.runtime.channels["sms"].ask()  # type: ignore[attr-defined]
    assert refused.value.code == "kept_in"


def test_a_stand_in_renews_grants_too(placed: Installation, said: list[str]) -> None:
    clock = placed.runtime.clock
    assert isinstance(clock, ManualClock)
    clock.advance(timedelta(hours=2))
    assert list(placed.runtime.crm.find_people([PERSON])) == ["7"]
    assert [line.partition(".com/")[2].split()[0] for line in said] == ["token", "api/people"]
    assert said[0].startswith("granted: 200 POST https://eu.desk.example.com/token")
    assert "hush" not in " ".join(said)


def test_an_account_of_this_machine_works_as_it_is(tmp_path: Path, said: list[str]) -> None:
    crm = LocalCRM(database=str(tmp_path / "crm.db"), durable=False)
    assert "works as it is" in vendors.put_in_place(crm, said.append)
    with installed(CX(crm=crm, database=f"sqlite:///{tmp_path / 'cx.db'}")):
        [receipt] = crm.create_people([PERSON])
    assert receipt.is_done
    assert said == []


def test_an_account_that_is_let_out_is_shown(tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[str] = []

    def wire(_: object, prepared: requests.PreparedRequest, limits: object) -> requests.Response:
        reached.append(str(prepared.url))
        return HttpStandInOf({"id": "s1"}).answer_to(prepared)

    monkeypatch.setattr("cxsdk.http.wire.exchange", wire)
    sms = Sms()
    assert "LIVE" in vendors.let_out(sms, said.append)
    with installed(
        CX(crm=LocalCRM(database=str(tmp_path / "crm.db")), channels=[sms], database=f"sqlite:///{tmp_path}/c")
    ):
        assert list(sms.send([MESSAGE])) == [Receipt.accepted("s1")]
    assert reached == ["https://sms.example.com/send"]
    assert said == ['sms: 200 POST https://sms.example.com/send {"to": "+12125550123"}']


class HttpStandInOf(HttpStandIn):
    def __init__(self, told: Any) -> None:
        self._told = told

    def answer(self, request: SentRequest) -> Any:
        return self._told


def test_what_is_no_stand_in_is_refused(said: list[str]) -> None:
    class Odd(Sms):
        def stand_in(self) -> Any:
            return "a stand-in"

    with pytest.raises(ConfigurationError) as refused:
        vendors.put_in_place(Odd(), said.append)
    assert refused.value.code == "stand_in_invalid"


def test_an_unknown_account_cannot_be_let_out(tmp_path: Path) -> None:
    told = CliRunner().invoke(cli, ["dev", str(_shop(tmp_path)), "--live", "nobody"])
    assert told.exception is not None
    assert "known: localcrm" in str(told.exception)


def test_what_is_real_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = _shop(tmp_path)
    assert load_app(str(shop)).database == "postgresql://nobody@db.example.com/real"
    monkeypatch.setenv(DEV, "http://127.0.0.1:8000/")
    cx = load_app(str(shop))
    assert (cx.database, cx.broker, cx.public_url) == ("sqlite:///cxsdk-dev.db", "memory://", "http://127.0.0.1:8000")


def test_what_was_tried_is_not_run_against_real_vendors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEV, "http://127.0.0.1:8000")
    told = CliRunner().invoke(cli, ["run", str(_shop(tmp_path))])
    assert isinstance(told.exception, ConfigurationError)
    assert told.exception.code == "in_development"


def _shop(folder: Path) -> Path:
    shop = folder / "other_shop.py"
    shop.write_text(
        "from cxsdk import CX\nfrom cxsdk_localcrm import LocalCRM\n"
        "cx = CX(crm=LocalCRM(), database='postgresql://nobody@db.example.com/real')\n"
    )
    return shop


def test_the_doctor_asks_stand_ins_and_nobody_beyond_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Trusting(FakeGranted):
        def answer(self, request: SentRequest) -> Any:
            return {"id": "7"}

    class Checked(Granted):
        def stand_in(self) -> Any:
            return Trusting()

        def check(self) -> str:
            return f"person {self._http.get('/people')['id']}"

    class Lonely(Sms):
        def check(self) -> str:
            raise AssertionError("it was asked")

    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("It went out."))
    monkeypatch.setenv("CXSDK_DEV", "http://127.0.0.1:8000")
    cx = CX(crm=Checked(), channels=[Lonely()], database=f"sqlite:///{tmp_path / 'cx.db'}")
    with closing(cx.store()) as store:
        schema.upgrade(store)
        asked = [live.ask(cx, account, store) for account in cx.accounts()]
    assert [(one.state, one.said) for one in asked] == [
        ("ok", "person 7"),
        ("not checked", "It has no stand-in, and in development nothing leaves this machine."),
    ]
