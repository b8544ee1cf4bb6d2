"""X-Twilio-Signature, in every way in which Twilio signs a request.

What is signed is the address that Twilio called, followed by the names and values of a form, sorted and each once. A
body that is no form is covered by its hash in the address (``bodySHA256``); a GET has nothing but its address.

https://www.twilio.com/docs/usage/security#validating-requests
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, parse_qsl, urlsplit

from cxsdk import Request, Secret, SignatureError

_HEADER = "X-Twilio-Signature"
#: Names the algorithm where the account has a signing key of its own: ``key=…,algorithm=HMAC_SHA256``.
_SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"
_ALGORITHMS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}

_ORIGIN = re.compile(r"(?P<origin>(?P<scheme>https?)://[^/?#]*?)(?P<port>:[0-9]+)?(?=[/?#]|$)", re.IGNORECASE)


def check_signature(request: Request, key: Secret) -> None:
    """Raises SignatureError unless Twilio signed this request with the key."""
    given = request.header(_HEADER)
    if not given:
        raise SignatureError(f"The header {_HEADER} is missing.", code="signature_missing")
    form = _signed_form(request)
    digest = _algorithm(request)
    wanted = [_sign(address.encode() + form, key, digest) for address in _spellings(request.url)]
    if not any(hmac.compare_digest(given.encode("utf-8", "replace"), each) for each in wanted):
        raise SignatureError(
            f"The signature in {_HEADER} does not match. Compare auth_token, and the URL at Twilio with public_url."
        )


def sign_form(request: Request, key: Secret) -> Request:
    """The request with the signature that Twilio gives to a form."""
    proof = _sign(request.url.encode() + _signed_form(request), key, "sha1").decode()
    return Request(url=request.url, headers={**request.headers, _HEADER: proof}, body=request.body)


def _sign(signed: bytes, key: Secret, digest: str) -> bytes:
    return base64.b64encode(hmac.digest(key.reveal().encode(), signed, digest))


def _algorithm(request: Request) -> str:
    settings = dict(part.strip().partition("=")[::2] for part in request.header(_SETTINGS_HEADER).split(","))
    name = settings.get("algorithm") or "HMAC_SHA1"
    if name.upper() not in _ALGORITHMS:
        raise SignatureError(f"The algorithm that {_SETTINGS_HEADER} names is not known.")
    return _ALGORITHMS[name.upper()]


def _signed_form(request: Request) -> bytes:
    """What the signature covers besides the address."""
    hashes = parse_qs(urlsplit(request.url).query).get("bodySHA256")
    if hashes and not request.header("Content-Type").startswith("application/x-www-form-urlencoded"):
        found = hashlib.sha256(request.body).hexdigest()
        if not hmac.compare_digest(found.encode(), hashes[0].lower().encode()):
            raise SignatureError("The body is not the one whose hash is in the address (bodySHA256).")
        return b""
    # Latin-1 has a letter for each byte: what is no UTF-8 is compared as it came.
    pairs = parse_qsl(request.body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    return "".join(name + value for name, value in sorted(set(pairs))).encode("latin-1")


def _spellings(url: str) -> Iterator[str]:
    """The address with and without its port: Twilio signs now the one, now the other."""
    yield url
    found = _ORIGIN.match(url)
    if found and found["port"]:
        yield found["origin"] + url[found.end() :]
    elif found:
        port = 443 if found["scheme"].lower() == "https" else 80
        yield f"{found['origin']}:{port}{url[found.end() :]}"
