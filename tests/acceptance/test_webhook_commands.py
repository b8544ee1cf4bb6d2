"""``cxsdk webhook``: samples that an installation takes, and files of what came in that hold nobody's data."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest
from click.testing import CliRunner, Result
from starlette.testclient import TestClient

from cxsdk import Channel, Inbound, InteractionFact, Raw, Request, Secret
from cxsdk.cli.group import cli
from cxsdk.cli.loading import load_app
from cxsdk.cli.recording import record_files
from cxsdk.domain.clock import ManualClock
from cxsdk.errors import CxsdkError
from cxsdk.store import Store, inbox
from cxsdk.store.inbox import Arrival
from cxsdk.testing import NOW, receive
from cxsdk.web import public_app
from cxsdk_telegram import Telegram
from cxsdk_telephony import Telephony
from cxsdk_twilio import TwilioVoice
from tests.installing import installed, migrate

pytestmark = pytest.mark.usefixtures("own_secrets")

SHOP = """
from pathlib import Path
from cxsdk import CX, Secret
from cxsdk_hostedsurvey import HostedSurvey
from cxsdk_localcrm import LocalCRM
from cxsdk_telegram import Telegram
from cxsdk_telephony import Telephony

here = Path(__file__).parent
cx = CX(
    crm=LocalCRM(database=str(here / "crm.db"), durable=False),
    channels=[
        Telephony(name="pbx", secret=Secret("hush-hush-1")),
        Telegram(name="bot", token=Secret("100:sample"), webhook_secret=Secret("hush-hush-2")),
        Telegram(name="polling", token=Secret("101:sample")),
    ],
    database=f"sqlite:///{here}/cx.db",
    public_url="https://cx.example.com",
)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    file = tmp_path / "hooked_shop.py"
    file.write_text(SHOP)
    migrate(f"sqlite:///{tmp_path}/cx.db")
    return file


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args])


@contextmanager
def listening(shop: Path, status: int = 0) -> Iterator[str]:
    """The installation, behind a server of one thread; with a status, one that answers it to everybody."""
    cx = load_app(str(shop))
    with installed(cx) as installation, TestClient(public_app(installation.opened)) as web:

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = web.post(self.path, content=body, headers=dict(self.headers))
                self.send_response(status or answer.status_code)
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *args: object) -> None: ...

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


# -- sending


@pytest.mark.parametrize(("account", "event"), [("pbx", "missed"), ("bot", "message")])
def test_a_sample_is_taken(account: str, event: str, shop: Path) -> None:
    with listening(shop) as url:
        done = run("webhook", "send", account, event, shop, "--to", url)
    assert done.exit_code == 0, done.output
    assert f"answered 202: {event} is taken" in done.output


def test_an_installation_that_refuses_is_told(shop: Path) -> None:
    with listening(shop, status=503) as url:
        done = run("webhook", "send", "pbx", "missed", shop, "--to", url)
    assert isinstance(done.exception, CxsdkError)
    assert (done.exception.code, "503" in str(done.exception)) == ("sample_not_taken", True)


@pytest.mark.parametrize(
    ("account", "event", "code"),
    [
        ("nobody", "missed", "account_unknown"),
        ("pbx", "earthquake", "sample_unknown"),
        ("polling", "message", "samples_missing"),
        ("pbx", "missed", "installation_unreachable"),
    ],
)
def test_what_cannot_be_sent_says_why(account: str, event: str, code: str, shop: Path) -> None:
    done = run("webhook", "send", account, event, shop, "--to", "http://127.0.0.1:9")
    assert isinstance(done.exception, CxsdkError)
    assert done.exception.code == code


SAMPLING = [
    Telephony(secret=Secret("hush-hush-1")),
    Telegram(token=Secret("100:sample"), webhook_secret=Secret("hush-hush-2")),
    TwilioVoice(account_sid="AC" + "a1" * 16, auth_token=Secret("hush-hush-3")),
]


@pytest.mark.parametrize("plugin", SAMPLING, ids=lambda plugin: plugin.name)
def test_samples_of_another_moment_are_other_events(plugin: Inbound) -> None:
    later = datetime(2026, 1, 5, 12, 0, 1, tzinfo=UTC)
    url = f"https://cx.example.com/webhooks/{plugin.name}"  # type: ignore[attr-defined]
    requests = [request for now in (NOW, later) for request in plugin.samples(url, now).values()]
    assert len({plugin.event_key(request) for request in requests}) == len(requests) > 2
    for request in plugin.samples(url, NOW).values():
        assert receive(plugin, headers=request.headers, body=request.body, url=url)


# -- recording


class Chat(Channel, Inbound):
    """Messages of a sample vendor, as JSON or as a form."""

    desk: str = "+12125550100"
    secret: Secret = Secret("hush-hush-4")

    def verify(self, request: Request, now: datetime) -> None: ...

    def parse(self, raw: Raw) -> Iterator[InteractionFact]:
        from cxsdk import Direction, phone

        told = raw.payload() if raw.body[:1] == b"{" else raw.form()
        if "incomplete" not in told:
            yield InteractionFact(
                key=told["id"], at=NOW, direction=Direction.INBOUND, sender=phone(told["from"]),
                name=told.get("by", ""), text=told["text"],
            )  # fmt: skip


def recorded(tmp_path: Path, *bodies: bytes) -> list[Path]:
    url = f"sqlite:///{tmp_path}/cx.db"
    migrate(url)
    with closing(Store(url, ManualClock(NOW))) as store:
        arrivals = [Arrival("chat", Raw(id=str(n), body=body, received_at=NOW)) for n, body in enumerate(bodies)]
        with store.write() as tx:
            inbox.put(store, tx, arrivals)
        return record_files(store, Chat(), tmp_path / "payloads", 20)[0]


SAID = {"id": "m-1", "from": "+380441234567", "to": "+12125550100", "by": "Olena", "text": "Де моя посилка?"}


def test_a_recorded_payload_says_the_same_of_somebody_else(tmp_path: Path) -> None:
    [file] = recorded(tmp_path, json.dumps({**SAID, "token": "abcd1234", "reply": "olena@ukr.example"}).encode())
    said = json.loads(file.read_bytes())
    assert file.name.startswith("2026-01-05-")
    assert (said["id"], said["to"]) == ("m-1", "+12125550100")  # ids, and what is the company's own, stay
    assert said["from"].startswith("+121255501")
    text = file.read_text(encoding="utf-8")
    assert not [word for word in ("380441234567", "Olena", "посилка", "abcd1234", "ukr.example") if word in text]
    [fact] = Chat().parse(Raw(id="m", body=file.read_bytes()))
    assert fact.text.startswith("Sample words")


def test_names_and_places_are_known_by_their_fields(tmp_path: Path) -> None:
    told = {**SAID, "first_name": "Olena", "FromCity": "Lviv", "fields": [{"name": "grade", "state": "open"}]}
    [file] = recorded(tmp_path, json.dumps(told).encode())
    said = json.loads(file.read_bytes())
    assert "Lviv" not in file.read_text()
    assert said["first_name"] == said["by"]  # the same is the same
    assert said["fields"] == told["fields"]


def test_a_form_stays_a_form(tmp_path: Path) -> None:
    [file] = recorded(tmp_path, urlencode(SAID).encode())
    assert file.suffix == ".form"
    said = dict(parse_qsl(file.read_text()))
    assert (said["id"], said["from"], said["text"][:12]) == ("m-1", "+12125550101", "Sample words")


def test_a_number_written_in_another_way_is_the_same_number(tmp_path: Path) -> None:
    [file] = recorded(tmp_path, json.dumps({**SAID, "shown": "044 123-45-67", "number": 380441234567}).encode())
    said = json.loads(file.read_bytes())
    assert said["shown"] == said["from"] == f"+{said['number']}" == "+12125550101"


def test_what_is_not_understood_yet_is_recorded_without_prose(tmp_path: Path) -> None:
    told = {
        "incomplete": True,
        "said": "Where is my parcel?",
        "state": "in-progress",
        "at": "Mon, 05 Jan 2026 12:00:00 GMT",
    }
    [file] = recorded(tmp_path, json.dumps(told).encode())
    said = json.loads(file.read_bytes())
    assert said["said"].startswith("Sample words")
    assert (said["state"], said["at"]) == (told["state"], told["at"])


def test_what_would_mean_something_else_is_left_out(tmp_path: Path) -> None:
    assert recorded(tmp_path, b"From: a@example.com\r\n\r\nHello") == []


def test_the_same_record_is_one_file(tmp_path: Path) -> None:
    body = json.dumps(SAID).encode()
    assert recorded(tmp_path, body) == recorded(tmp_path, body)


def test_the_command_names_its_files(shop: Path, tmp_path: Path) -> None:
    with listening(shop) as url:
        run("webhook", "send", "pbx", "missed", shop, "--to", url)
    done = run("webhook", "record", "pbx", shop, "--into", tmp_path / "payloads")
    assert done.exit_code == 0, done.output
    [file] = (tmp_path / "payloads").iterdir()
    assert file.name in done.output
    assert "+12125550101" in file.read_text()
