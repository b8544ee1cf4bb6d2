"""Web, workers and clock as an operator runs them: separate processes on a real database and a real broker."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import requests

from tests.children import Child, cxsdk

#: Any free ones.
PORTS = dict.fromkeys(("web", "run"), ("--port", "0", "--private-port", "0"))
#: How long anything may take to show up before a test gives up, in seconds.
PATIENCE_S = 60

APP = """
from cxsdk import CX, Secret
from cxsdk_localcrm import LocalCRM
from cxsdk_telephony import Telephony


class CRM(LocalCRM):
    deadline_s = 2.0  # as with the lease: nobody waits long for what a killed worker had in hand


cx = CX(
    crm=CRM(name="localcrm", database={crm!r}),
    channels=[Telephony(name="pbx", secret=Secret("hush"))],
    database={database!r},
    broker={broker!r},
    lease="3s",
)
"""


class Ended(NamedTuple):
    """A command that has ended: its exit code, and what it said."""

    code: int | None
    said: str


class Deployment:
    """An installation of several processes."""

    def __init__(self, folder: Path, database: str, broker: str) -> None:
        self.crm_file = str(folder / "crm.db")
        self.app = folder / "app.py"
        self.app.write_text(APP.format(crm=self.crm_file, database=database, broker=broker))
        self.processes: dict[str, Child] = {}
        self.url = ""

    def run(self, command: str) -> Ended:
        """Runs a command to its end."""
        child = self._child(command, command)
        child.wait(PATIENCE_S)
        ended = Ended(child.code, child.said())
        child.kill()
        return ended

    def start(self, name: str, command: str = "") -> None:
        """Starts a process that stays; the web's address is read from what it says."""
        command = command or name
        child = self.processes[name] = self._child(name, command, *PORTS.get(command, ()))
        eventually(lambda: child.is_ready or child.code is not None)
        assert child.code is None, child.said()
        if address := re.search(r"http://[0-9.:]+", child.said()):
            self.url = address.group()

    def start_all(self) -> None:
        """One of each."""
        for command in ("web", "worker", "clock"):
            self.start(command)

    def kill(self, name: str, number: int = signal.SIGKILL) -> int | None:
        """Ends a process by a signal and returns its exit code."""
        return self.kill_all([name], number)[name]

    def kill_all(self, names: Iterable[str], number: int = signal.SIGKILL) -> dict[str, int | None]:
        """Ends these processes together, and returns their exit codes."""
        children = {name: self.processes.pop(name) for name in names}
        for child in children.values():
            child.tell(number)
        for child in children.values():
            child.wait(PATIENCE_S)
        codes = {name: child.code for name, child in children.items()}
        for child in children.values():
            child.kill()
        return codes

    def log(self, name: str) -> str:
        """What a process has said so far."""
        return self.processes[name].said()

    def post(self, type: str, call: str, **more: Any) -> int:
        """Posts an event of a call as a PBX would."""
        body, headers = signed_call(type, call, b"hush", **more)
        return requests.post(f"{self.url}/webhooks/pbx", data=body, headers=headers, timeout=30).status_code

    def _child(self, name: str, command: str, *options: str) -> Child:
        return Child(cxsdk, command, str(self.app), *options, log=self.app.parent / f"{name}.log")


def signed_call(type: str, call: str, secret: bytes, **more: Any) -> tuple[bytes, dict[str, str]]:
    """The body and headers with which a PBX tells of an event of a call."""
    stamp = str(int(time.time()))
    told = {"event_id": type, "call_id": call, "type": type, "at": int(stamp), "direction": "inbound"}
    body = json.dumps(told | {"from": "+12125550123", "to": "+12125550100"} | more).encode()
    signature = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return body, {"X-Telephony-Timestamp": stamp, "X-Telephony-Signature": signature}


@contextmanager
def deployed(folder: Path, database: str, broker: str) -> Iterator[Deployment]:
    """A deployment whose processes are all ended at the end."""
    deployment = Deployment(folder, database, broker)
    with ExitStack() as stack:
        stack.callback(lambda: deployment.kill_all(list(deployment.processes), signal.SIGTERM))
        yield deployment


def eventually(look: Any, *, within: float = PATIENCE_S) -> Any:
    """What ``look`` returns as soon as it is not empty."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"Nothing came within {within} s.")
