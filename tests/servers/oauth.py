"""A provider on loopback that grants access by OAuth: it rotates refresh tokens, and takes none of them twice."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

#: How much longer than it says it takes an access token: requests are under way for a while.
_TOLERANCE_S = 5.0

CLIENT_ID, CLIENT_SECRET = "sample-client", "sample-client-secret"


@dataclass
class Provider:
    """What it has granted, and how it is disposed."""

    url: str = ""
    expires_in: float = 3600
    forgives: bool = False  #: takes the last refresh token once more, until its successor was used
    fails: int = 0  #: how many requests for tokens it answers with 500
    slow_s: float = 0
    denies: bool = False
    asked: Counter[str] = field(default_factory=Counter)  #: how often which path, and which grant, was asked for
    access: dict[str, float] = field(default_factory=dict)  #: until when each access token is good
    refresh: dict[str, str] = field(default_factory=dict)  #: each refresh token that is good, and the one before it
    codes: dict[str, str] = field(default_factory=dict)  #: each code that is good, and its proof key
    lock: threading.Lock = field(default_factory=threading.Lock)

    def revoke(self) -> None:
        """Somebody has removed the application there."""
        with self.lock:
            self.refresh.clear()
            self.access.clear()

    def expire(self) -> None:
        """No access token is good any more, long before its time."""
        with self.lock:
            self.access.clear()

    def code(self, challenge: str = "") -> str:
        """A code, as a person gets it who agrees."""
        code = f"code-{secrets.token_hex(8)}"
        self.codes[code] = challenge
        return code

    def authorize(self, asked: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        """A person agrees at once, or not."""
        answer = {"error": "access_denied"} if self.denies else {"code": self.code(asked.get("code_challenge", ""))}
        back = urlencode({**answer, "state": asked["state"], "referer": urlsplit(self.url).netloc})
        return 302, {"Location": f"{asked['redirect_uri']}?{back}"}, b""

    def token(self, asked: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        """A code or a refresh token for an access token."""
        time.sleep(self.slow_s)
        with self.lock:
            self.asked[asked.get("grant_type", "")] += 1
            if self.fails > 0:
                self.fails -= 1
                return 500, {}, b"broken"
            if (asked.get("client_id"), asked.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
                return _json(401, error="invalid_client")
            is_code = asked["grant_type"] == "authorization_code"
            before = self._spend_code(asked) if is_code else self._spend_refresh(asked.get("refresh_token", ""))
            return _json(400, error="invalid_grant") if before is None else self._grant(before)

    def _spend_code(self, asked: Mapping[str, str]) -> str | None:
        challenge = self.codes.pop(asked.get("code", ""), None)
        digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        proven = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return "" if challenge is not None and challenge in ("", proven) else None

    def _spend_refresh(self, given: str) -> str | None:
        if given in self.refresh:
            del self.refresh[given]
            return given
        unused = [new for new, old in self.refresh.items() if old == given]
        if self.forgives and unused:
            del self.refresh[unused[0]]
            return given
        return None

    def _grant(self, before: str) -> tuple[int, dict[str, str], bytes]:
        access, refresh = f"access-{secrets.token_hex(8)}", f"refresh-{secrets.token_hex(8)}"
        self.access[access] = time.monotonic() + self.expires_in + _TOLERANCE_S
        self.refresh[refresh] = before
        told = {"api_domain": self.url, "member_id": "member-7"}
        return _json(200, access_token=access, refresh_token=refresh, expires_in=self.expires_in, **told)

    def api(self, bearer: str) -> tuple[int, dict[str, str], bytes]:
        """Whatever an account asks for."""
        with self.lock:
            is_good = self.access.get(bearer.removeprefix("Bearer "), 0) > time.monotonic()
            self.asked["with a good token"] += is_good
        return _json(200, ok=True) if is_good else _json(401, error="expired_token")


def _json(status: int, **answer: Any) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps(answer).encode()


@contextmanager
def granting() -> Iterator[Provider]:
    """The provider, open for business."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer(dict(parse_qsl(urlsplit(self.path).query)))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            is_json = "json" in self.headers.get("Content-Type", "")
            self._answer(json.loads(body) if is_json else dict(parse_qsl(body.decode())))

        def _answer(self, asked: Mapping[str, str]) -> None:
            path = urlsplit(self.path).path
            provider.asked[path] += 1
            if path == "/authorize":
                status, headers, body = provider.authorize(asked)
            elif path == "/token":
                status, headers, body = provider.token(asked)
            else:
                status, headers, body = provider.api(self.headers.get("Authorization", ""))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
