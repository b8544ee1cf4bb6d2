"""Forms: what a person sent, and whether it was this site's own page that they sent it from."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

#: Bytes; a comment of the longest kind, percent-encoded, fits.
FORM_LIMIT = 64_000


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form that one of our pages sent. Raises HTTPException for any other page's, and for too much."""
    refuse_other_sites(request)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_LIMIT:
            raise HTTPException(413, "That is too long for this form.")
    fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: _plain(value) for name, value in fields}


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\0", "").strip()


def refuse_other_sites(request: Request) -> None:
    """Keeps another site's page from pressing our buttons in somebody's browser.

    A browser tells in Sec-Fetch-Site which site's page sends a request, and in Origin, also the older ones, with every
    POST; no page can forge either. A client that sends neither is not a browser and borrows nobody's. The reasoning:
    https://words.filippo.io/csrf/ and https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is None:
        ours = origin is None or origin.partition("://")[2] == request.headers.get("host")
    else:
        ours = site in ("same-origin", "none")  # none: the person themselves, by reloading
    if not ours:
        raise HTTPException(403, "This form was sent from another site. Open the page here and press the button again.")
