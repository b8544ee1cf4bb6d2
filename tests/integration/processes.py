"""Web, workers and clock as an operator runs them: separate processes on a real database and a real broker."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests

#: How long anything may take to show up before a test gives up, in seconds.
PATIENCE_S = 60

APP = """
from cxsdk import CX, Secret
from cxsdk_localcrm import LocalCRM
from cxsdk_telephony import Telephony

cx = CX(
    crm=LocalCRM(database={crm!r}),
    channels=[Telephony(name="pbx", secret=Secret("hush"))],
    database={database!r},
    broker={broker!r},
    lease="5s",  # so that nobody waits long for what a killed worker had in hand
)
"""


class Deployment:
    """An installation of several processes."""

    def __init__(self, folder: Path, database: str, broker: str) -> None:
        self.crm_file = str(folder / "crm.db")
        self.app = folder / "app.py"
        self.app.write_text(APP.format(crm=self.crm_file, database=database, broker=broker))
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.url = ""

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        return subprocess.run(self._command(*command), capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    def start(self, name: str, *command: str) -> subprocess.Popen[str]:
        """Starts a process that stays; web's address is read from what it says."""
        log = (self.app.parent / f"{name}.log").open("w")
        process = subprocess.Popen(self._command(*command), stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()
        self.processes[name] = process
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said, (self.app.parent / f"{name}.log").read_text()
        if address := re.search(r"http://[0-9.:]+", said):
            self.url = address.group()
        return process

    def start_all(self) -> None:
        """One of each."""
        self.start("web", "web", "--port", "0", "--private-port", "0")
        self.start("worker", "worker")
        self.start("clock", "clock")

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Ends a process of ours by a signal and returns its exit code."""
        process = self.processes.pop(name)
        process.send_signal(number)
        code = process.wait(timeout=PATIENCE_S)
        assert process.stdout is not None
        process.stdout.close()
        return code

    def post(self, type: str, call: str, **more: Any) -> int:
        """Posts an event of a call as a PBX would."""
        body, headers = signed_call(type, call, b"hush", **more)
        return requests.post(f"{self.url}/webhooks/pbx", data=body, headers=headers, timeout=30).status_code

    def _command(self, *command: str) -> list[str]:
        name, *rest = command
        place = ["upgrade", str(self.app), *rest[1:]] if name == "db" else [str(self.app), *rest]
        return [str(Path(sys.executable).parent / "cxsdk"), name, *place]


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
        stack.callback(lambda: [deployment.kill(name, signal.SIGTERM) for name in list(deployment.processes)])
        yield deployment


def eventually(look: Any, *, within: float = PATIENCE_S) -> Any:
    """What ``look`` returns as soon as it is not empty."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"Nothing came within {within} s.")
