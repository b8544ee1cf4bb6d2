"""A real Asterisk on loopback with a dialplan of its own, for the tests that skip without one.

``ASTERISK`` names the program where it is not on the path, ``ASTERISK_MODULES`` and ``ASTERISK_DATA`` its folders.
Local channels stand for trunks: ``Local/s@caller`` is a customer who calls, ``Local/12125550123@provider`` one who is
called.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from cxsdk import Secret
from cxsdk_asterisk import Asterisk
from cxsdk_asterisk.messages import write_message

PROGRAM = os.environ.get("ASTERISK") or shutil.which("asterisk")
_FOLDERS = ("/usr/lib/x86_64-linux-gnu/asterisk/modules", "/usr/lib/asterisk/modules", "/usr/lib64/asterisk/modules")
MODULES = os.environ.get("ASTERISK_MODULES") or next((each for each in _FOLDERS if Path(each).is_dir()), _FOLDERS[0])
DATA = os.environ.get("ASTERISK_DATA", "/usr/share/asterisk")

TRUNKS = ("Local/*@caller", "Local/*@provider")
SECRET = "sample-manager-secret"

_LOADED = (
    "pbx_config", "app_dial", "app_queue", "app_playback", "app_stack", "bridge_simple", "bridge_softmix",
    "bridge_builtin_features", "cdr_manager", "func_callerid", "func_cdr", "func_channel", "codec_ulaw", "format_pcm",
    "res_timing_timerfd",
)  # fmt: skip

#: The customer (``caller``) hears, or hangs up after half a second (``brief``). Phone 201 rings, 202 and 203 answer.
_DIALPLAN = """
[caller]
exten => s,1,Answer()
 same => n,Wait(2)
exten => brief,1,Answer()
 same => n,Wait(0.5)
[phones]
exten => 101,1,Answer()
 same => n,Wait(5)
exten => 201,1,Wait(5)
exten => _20[23],1,Wait(0.1)
 same => n,Answer()
 same => n,Wait(5)
[from-provider]
exten => 100,1,Dial(Local/202@phones/n,5)
exten => 110,1,Answer()
 same => n,Dial(Local/201@phones/n,5)
exten => 113,1,Dial(Local/201@phones/n&Local/203@phones/n,5)
exten => 120,1,Queue(support)
exten => 130,1,Set(CDR(userfield)=2026/call.wav)
 same => n,Dial(Local/202@phones/n,5)
[internal]
exten => _1XXXXXXXXXX,1,Dial(Local/${EXTEN}@provider/n,5)
exten => _20X,1,Dial(Local/${EXTEN}@phones/n,5)
[provider]
exten => 12125550199,1,Busy(1)
exten => _X.,1,Wait(0.1)
 same => n,Answer()
 same => n,Wait(0.4)
"""

_QUEUES = """
[support]
strategy = linear
timeout = 1
retry = 1
joinempty = yes
ringinuse = no
member => Local/201@phones/n,0,First
member => Local/202@phones/n,0,second@example.com
"""


class PBX:
    """The running Asterisk, and a manager's session that makes calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._configure()
        command = [str(PROGRAM), "-f", "-C", str(folder / "asterisk.conf")]
        output = (folder / "output").open("wb")
        self.process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
        output.close()
        self._driver = self._logged_in()
        self._actions = 0

    def channel(self, **settings: object) -> Asterisk:
        """A channel of ours that reads this Asterisk."""
        given = {
            "host": "127.0.0.1",
            "port": self.port,
            "username": "cxsdk",
            "secret": Secret(SECRET),
            "trunks": TRUNKS,
        }
        return Asterisk(**{**given, "region": "US", **settings})  # type: ignore[arg-type]

    def call(self, extension: str, *, customer: str = "s", context: str = "from-provider") -> None:
        """A customer calls an extension."""
        self._originate(f"Local/{customer}@caller/n", context, extension, "+12125550123")

    def dial(self, number: str) -> None:
        """Agent 101 has Asterisk call a number for them."""
        self._originate("Local/101@phones/n", "internal", number, "101")

    def act(self, **fields: str) -> str:
        """What the manager answers to an action."""
        self._actions += 1
        self._driver.sendall(write_message(**fields, ActionID=str(self._actions)))
        answer = b""
        while f"ActionID: {self._actions}\r\n".encode() not in answer or not answer.endswith(b"\r\n\r\n"):
            answer += self._driver.recv(65_536)
        return answer.decode()

    def close(self) -> None:
        """Ends it."""
        self._driver.close()
        self.process.terminate()
        self.process.wait(timeout=10)

    def _originate(self, channel: str, context: str, extension: str, number: str) -> None:
        said = self.act(
            Action="Originate", Channel=channel, Context=context, Exten=extension, Priority="1",
            CallerID=f'"Sample" <{number}>', Async="true",
        )  # fmt: skip
        assert "Success" in said, said

    def _configure(self) -> None:
        for name in ("run", "log", "spool", "db", "keys", "agi"):
            (self.folder / name).mkdir()
        folders = {name: self.folder / name for name in ("run", "log", "spool", "db", "keys", "agi")}
        folders |= {"etc": self.folder, "mod": Path(MODULES), "data": Path(DATA), "varlib": Path(DATA)}
        lines = "".join(f"ast{name}dir => {folder}\n" for name, folder in folders.items())
        user = f"secret = {SECRET}\n"
        files = {
            "asterisk": f"[directories]\n{lines}",
            "modules": "[modules]\nautoload = no\n" + "".join(f"load = {name}.so\n" for name in _LOADED),
            "manager": (
                f"[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = {self.port}\ntimestampevents = yes\n"
                f"[cxsdk]\n{user}read = call,agent,cdr\nwrite = reporting\n"
                f"[driver]\n{user}read = system\nwrite = all\n"
            ),
            "cdr": "[general]\nenable = yes\n",
            "cdr_manager": "[general]\nenabled = yes\n[mappings]\nlinkedid => LinkedID\n",
            "extensions": _DIALPLAN,
            "queues": _QUEUES,
            "features": "[general]\n",
            "logger": "[logfiles]\nmessages = notice,warning,error\n",
        }
        for name, content in files.items():
            (self.folder / f"{name}.conf").write_text(content)

    def _logged_in(self) -> socket.socket:
        for _ in range(200):
            try:
                sock = socket.create_connection(("127.0.0.1", self.port), timeout=5)
                break
            except OSError:
                assert self.process.poll() is None, (self.folder / "output").read_text()
                time.sleep(0.1)
        else:
            raise AssertionError("Asterisk does not listen.")
        sock.sendall(write_message(Action="Login", Username="driver", Secret=SECRET))
        said = b""
        while b"Event: FullyBooted\r\n" not in said or not said.endswith(b"\r\n\r\n"):
            said += sock.recv(65_536)
        sock.sendall(write_message(Action="Events", EventMask="off"))
        return sock


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
