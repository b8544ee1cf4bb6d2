"""How a person comes back from the provider: to a small listener on this machine, or by hand."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from cxsdk.errors import AuthenticationError, ConfigurationError
from cxsdk.observe import redact

#: Where the listener is asked, unless a person says that the provider has another address.
PATH = "/callback"
_PAGE = "<!doctype html><meta charset=utf-8><title>cxsdk</title><p>{said} You can close this window."

#: What the provider said: the parameters of the address to which it sent the person back.
Said = Mapping[str, str]


class Listener:
    """Waits on 127.0.0.1 for one person to come back."""

    def __init__(self, server: ThreadingHTTPServer, said: SimpleQueue[Said]) -> None:
        self._said = said
        self.port: int = server.server_address[1]

    def wait(self, seconds: float) -> Said:
        """What the provider said. Raises AuthenticationError where nobody comes in this time."""
        try:
            return self._said.get(timeout=seconds)
        except Empty:
            raise AuthenticationError(
                f"Nobody came back from the provider within {seconds:g} s. Where it showed an error, mend that; where "
                "the browser runs on another machine, use --code. Then run the command again.",
                code="connect_timeout",
            ) from None


@contextmanager
def listening(port: int) -> Iterator[Listener]:
    """A listener on this port of 127.0.0.1, or on a free one where it is 0."""
    said: SimpleQueue[Said] = SimpleQueue()
    handler = type("_Handler", (_Callback,), {"said": said})
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} cannot be listened on: {error.strerror}.",
            path="--port",
            cure="Choose another, or 0, as far as the provider knows the address; or use --code.",
            code="port_taken",
        ) from None
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="redirect")
    thread.start()
    try:
        yield Listener(server, said)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def read_pasted(text: str) -> Said:
    """What was pasted: the whole address to which the provider sent the browser, or the bare code."""
    pasted = text.strip()
    return _parameters(pasted) if "://" in pasted or pasted.startswith("/") else {"code": pasted}


def code_of(said: Said, state: str, *, is_pasted: bool = False) -> str:
    """The code that the provider sent. Raises AuthenticationError where it sent none, or not for us.

    A bare code that a person pasted comes without a state: they vouch for it themselves.
    """
    is_ours = hmac.compare_digest(said.get("state", "").encode(), state.encode())
    if not is_ours and not (is_pasted and "state" not in said):
        raise AuthenticationError(
            "What came back does not belong to this attempt: its state is another. Run the command again, and open "
            "the new address.",
            code="oauth_state_wrong",
        )
    if "error" in said:
        why = redact(" ".join(filter(None, [said["error"], said.get("error_description", "")])))[:200]
        raise AuthenticationError(
            f"The provider did not grant access: {why}. Run the command again, and agree as somebody who may.",
            code="oauth_denied",
        )
    if not said.get("code"):
        raise AuthenticationError(
            "There is no code in it. Paste the whole address to which the provider sent the browser.",
            code="oauth_code_missing",
        )
    return said["code"]


class _Callback(BaseHTTPRequestHandler):
    said: ClassVar[SimpleQueue[Said]]

    def do_GET(self) -> None:
        parameters = _parameters(self.path)
        is_it = bool({"code", "error"} & parameters.keys())
        page = _PAGE.format(said="The rest is told in the terminal." if is_it else "There is nothing here.").encode()
        self.send_response(200 if is_it else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(page)
        if is_it:
            self.said.put(parameters)

    def log_message(self, *_: object) -> None:
        """Says nothing: the address holds the code."""


def _parameters(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))
