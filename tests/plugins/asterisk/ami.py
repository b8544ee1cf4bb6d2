"""A manager on loopback that follows a script: what it tells each client once it is logged in."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Sequence
from typing import Any

from cxsdk.testing.line_server import Connection, LineServer
from cxsdk_asterisk.messages import END, Message, read_message, write_message
from tests.plugins.asterisk.samples import SECRET

#: In a script: the connection ends here; nothing more is answered from here on.
CUT, DEAF = object(), object()


class Manager(LineServer):
    """``scripts`` holds what each client is told, bytes by bytes; ``asked`` what they asked."""

    def __init__(self, *scripts: Sequence[object], channels: Sequence[bytes] = (), **options: Any) -> None:
        super().__init__(**options)
        self.scripts = list(scripts)
        self.channels = channels
        self.secret = SECRET
        self.banner = b"Asterisk Call Manager/11.0.0\r\n"
        self.may_list = True
        self.asked: list[Message] = []
        self.left = threading.Event()

    def actions(self) -> list[str]:
        return [each["action"] for each in self.asked]

    def serve(self, connection: Connection) -> None:
        connection.write(self.banner)
        connection.flush()
        challenge, deaf = "", False
        while True:
            action = read_message(connection.until(END))
            self.asked.append(action)
            if deaf:
                continue
            match action["action"]:
                case "Challenge":
                    challenge = "840415273"
                    self._answer(connection, action, Response="Success", Challenge=challenge)
                case "Login" if not self._may_in(action, challenge):
                    self._answer(connection, action, Response="Error", Message="Authentication failed")
                    return
                case "Login":
                    self._answer(connection, action, Response="Success", Message="Authentication accepted")
                case "CoreShowChannels":
                    self._list(connection, action)
                    deaf = self._play(connection)
                case "Ping":
                    self._answer(connection, action, Response="Success", Ping="Pong", Timestamp="1767614400.000000")
                case "Logoff":
                    self._answer(connection, action, Response="Goodbye", Message="Thanks for all the fish.")
                    self.left.set()
                    return

    def _play(self, connection: Connection) -> bool:
        for step in self.scripts.pop(0) if self.scripts else ():
            if step is CUT:
                connection.flush()
                connection.hang_up()
            elif step is DEAF:
                return True
            else:
                assert isinstance(step, bytes)
                connection.write(step)
                connection.flush()
                time.sleep(0.005)  # another packet
        return False

    def _list(self, connection: Connection, action: Message) -> None:
        if not self.may_list:
            self._answer(connection, action, Response="Error", Message="Permission denied")
            return
        id = action["actionid"]
        self._answer(connection, action, Response="Success", EventList="start", Message="Channels will follow")
        for channel in self.channels:
            connection.write(b"Event: CoreShowChannel\r\nActionID: " + id.encode() + b"\r\n" + channel)
        self._answer(connection, action, Event="CoreShowChannelsComplete", EventList="Complete", ListItems="0")

    def _may_in(self, action: Message, challenge: str) -> bool:
        if action.get("authtype") == "MD5":
            return (
                action["key"]
                == hashlib.new("md5", (challenge + self.secret).encode(), usedforsecurity=False).hexdigest()
            )
        return action.get("secret") == self.secret

    def _answer(self, connection: Connection, action: Message, **fields: str) -> None:
        told = {"ActionID": action["actionid"]} if "actionid" in action else {}
        connection.write(write_message(**fields, **told))
        connection.flush()
