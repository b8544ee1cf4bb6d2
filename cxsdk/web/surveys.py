"""The survey page: one question first, the rest when that is safe. Without scripts, cookies or anything to load.

What is sent is not understood here: it becomes a raw record of the survey provider's account, like any webhook. The
record's headers tell its plugin what the form cannot:

``x-invitation``  the invitation's token
``x-action``      ``answer`` or ``stop`` (no more surveys)
``x-scales``      the ids of the survey's score questions; the field of question ``nps`` is ``q_nps``
``x-words``       the ids of its other questions

A record's id holds a hash of the form, and the form holds a number of the page's own: sent twice, it is one record;
changed and sent again, another.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from cxsdk.domain.clock import Clock
from cxsdk.domain.raw import Raw, body_id
from cxsdk.domain.survey import Survey
from cxsdk.domain.texts import LANGUAGES, language_of
from cxsdk.errors import SignatureError, StoreUnavailable
from cxsdk.web.bodies import read_body
from cxsdk.web.survey_desk import SurveyDesk, SurveyView
from cxsdk.web.survey_form import Filled, grade_of, read_form
from cxsdk.web.survey_page import Look, ask_page, notice_page, preferred_language, style_hash
from cxsdk.webhooks.links import LinkSigner

__all__ = ["BODY_LIMIT", "SurveyDesk", "SurveyView", "survey_routes"]

#: Bytes; three texts of the length that the page allows fit in, in any script.
BODY_LIMIT = 64 * 1024

_FORM = "application/x-www-form-urlencoded"
#: What of an address a change of the language keeps.
_KEPT = ("step", "score", "contact")


def survey_routes(desk: SurveyDesk, signer: LinkSigner, clock: Clock) -> list[Route]:
    """``/s/{signed}``, where customers answer, and ``/s/{signed}/stop``, where they opt out (one click: RFC 8058)."""
    pages = _Pages(desk, signer, clock)
    answer, stop = _guarded(pages.show, pages.take), _guarded(pages.ask_to_stop, pages.stop)
    return [
        Route("/s/{signed}", answer, methods=["GET", "POST"], name="survey"),
        Route("/s/{signed}/stop", stop, methods=["GET", "POST"], name="survey_stop"),
        Route("/s/{rest:path}", _lost, methods=["GET", "POST"]),
    ]


async def _lost(request: Request) -> Response:
    """A link that was cut or lengthened on its way: whoever follows it is a customer, not a program."""
    return _page(notice_page(_look(request), "invalid"), 404)


class _Ending(Exception):
    """The visit ends with this notice."""

    def __init__(self, status: int, notice: str, view: SurveyView | None = None) -> None:
        self.status = status
        self.notice = notice
        self.view = view


_Endpoint = Callable[[Request], Awaitable[Response]]


def _guarded(get: _Endpoint, post: _Endpoint) -> _Endpoint:
    """Both methods of an address, with a friendly page for whatever is wrong with link, store or body."""

    async def respond(request: Request) -> Response:
        try:
            return await (post if request.method == "POST" else get)(request)
        except SignatureError as error:
            expired = error.code == "link_expired"
            look = _look(request, can_stop=expired)
            return _page(notice_page(look, "expired" if expired else "invalid"), 410 if expired else 404)
        except _Ending as ending:
            look = _look(request, ending.view, can_stop=ending.view is not None)
            return _page(notice_page(look, ending.notice), ending.status)
        except StoreUnavailable as error:
            button = "page.again" if request.method == "POST" else ""
            page = notice_page(_look(request), "unavailable", button=button)
            return _page(page, 503, retry_after=error.retry_after)

    return respond


class _Pages:
    def __init__(self, desk: SurveyDesk, signer: LinkSigner, clock: Clock) -> None:
        self._desk = desk
        self._signer = signer
        self._clock = clock

    async def show(self, request: Request) -> Response:
        """The page as the invitation stands; writes nothing, for mail scanners follow links too."""
        view = await self._open(self._token(request))
        look = _look(request, view, can_stop=True)
        step = request.query_params.get("step")
        if step == "thanks":
            said = "thanks_contact" if "contact" in request.query_params else "thanks"
            return _page(notice_page(look, "thanks", said=said))
        filled, anew = _so_far(view, request)
        if view.state == "answered" and step != "more" and not anew:
            return _page(notice_page(look, "answered", more_link=look.link(step="more")))
        nonce = secrets.token_urlsafe(9)
        return _page(ask_page(look, view.survey, _step_to_show(view.survey, step, filled), filled, nonce=nonce))

    async def take(self, request: Request) -> Response:
        """Hands what was sent to the account, and shows the next step."""
        token, body = self._token(request), await _body(request)
        raw = self._raw(f"{token}:{body_id(body)[:32]}", token, "answer", body)
        try:
            view = await self._open(token)
        except StoreUnavailable as error:
            page = notice_page(_look(request), "retry", button="page.again", fields=raw.form())
            return _page(page, 503, retry_after=error.retry_after)
        return await self._keep(request, view, raw)

    async def _keep(self, request: Request, view: SurveyView, raw: Raw) -> Response:
        look, form = _look(request, view, can_stop=True), raw.form()
        filled, step = read_form(view.survey, form), _step_sent(form)
        again = partial(ask_page, look, view.survey, step, filled, nonce=form.get("nonce", ""))
        if filled.problems:
            return _page(again(), 422)
        try:
            await self._desk.receive(view.account, _for_survey(raw, view.survey))
        except StoreUnavailable as error:
            return _page(again(retry=True), 503, retry_after=error.retry_after)
        return RedirectResponse(_next(look, view.survey, step, filled), 303, headers=_headers())

    async def ask_to_stop(self, request: Request) -> Response:
        """Asks before it opts anybody out: a mail scanner's GET must not."""
        view = await self._view(self._signer.token(request.path_params["signed"]))
        return _page(notice_page(_look(request, view), "stop", button="page.stop_button"))

    async def stop(self, request: Request) -> Response:
        """Opts out, whatever the body says and however old the link is."""
        token = self._signer.token(request.path_params["signed"])
        await _body(request)
        view = await self._view(token)
        # Who opted back in may opt out by the same link again
        said = f"{token}:stop:{self._clock.now().isoformat()}"
        await self._desk.receive(view.account, self._raw(said, token, "stop", b""))
        return _page(notice_page(_look(request, view), "stopped"))

    def _token(self, request: Request) -> str:
        return self._signer.read(request.path_params["signed"], self._clock.now())

    async def _view(self, token: str) -> SurveyView:
        view = await run_in_threadpool(self._desk.view, token)
        if view is None:
            raise _Ending(404, "invalid")
        return view

    async def _open(self, token: str) -> SurveyView:
        view = await self._view(token)
        if view.state in ("expired", "cancelled"):
            raise _Ending(410, view.state, view)
        return view

    def _raw(self, id: str, token: str, action: str, body: bytes) -> Raw:
        headers = {"content-type": _FORM, "x-invitation": token, "x-action": action}
        return Raw(id=id, body=body, headers=headers, source="page", received_at=self._clock.now())


def _for_survey(raw: Raw, survey: Survey) -> Raw:
    """The record with what its parser must know of the survey: which fields it has, and which of them are numbers."""
    scales = " ".join(question.id for question in survey.questions if question.scale is not None)
    words = " ".join(question.id for question in survey.questions if question.scale is None)
    return raw.model_copy(update={"headers": {**raw.headers, "x-scales": scales, "x-words": words}})


def _so_far(view: SurveyView, request: Request) -> tuple[Filled, bool]:
    """What is answered already, and whether the link chooses a score other than the stored one."""
    answers = {id: answer for id, answer in view.answers.items() if answer is not None}
    asked = view.survey.score_question
    score = grade_of(asked, request.query_params.get("score", "")) if asked is not None else None
    if asked is None or score is None:
        return Filled(answers=answers), False
    return Filled(answers={**answers, asked.id: score}), answers.get(asked.id) != score


def _step_to_show(survey: Survey, wish: str | None, filled: Filled) -> str:
    asked = survey.score_question
    if asked is not None and asked.id not in filled.answers:
        return "score"
    return "more" if wish == "more" else "full"


def _step_sent(form: Mapping[str, str]) -> str:
    step = form.get("step", "")
    return step if step in ("score", "more") else "full"


def _next(look: Look, survey: Survey, step: str, filled: Filled) -> str:
    if step != "score":
        return look.link(step="thanks", **({"contact": "1"} if filled.contact else {}))
    asked = survey.score_question
    score = filled.answers.get(asked.id) if asked is not None else None
    return look.link(step="more", **({} if score is None else {"score": str(score)}))


def _look(request: Request, view: SurveyView | None = None, *, can_stop: bool = False) -> Look:
    wish = request.query_params.get("lang", "")
    accepted = request.headers.get("accept-language", "")
    usual = language_of(view.language) if view is not None else preferred_language(accepted)
    keep = f"?lang={wish}" if wish in LANGUAGES else ""
    return Look(
        language=wish if keep else usual,
        chosen_language=bool(keep),
        company=view.company if view is not None else "",
        texts=view.texts if view is not None else {},
        query={name: value for name in _KEPT if (value := request.query_params.get(name))},
        stop_link=f"{request.path_params['signed']}/stop{keep}" if can_stop else "",
    )


async def _body(request: Request) -> bytes:
    try:
        body = await read_body(request.receive, BODY_LIMIT)
    except ClientDisconnect:
        raise _Ending(400, "unavailable") from None
    if body is None:
        raise _Ending(413, "large")
    return body


def _page(html: str, status: int = 200, *, retry_after: float | None = None) -> Response:
    waiting = {} if retry_after is None else {"Retry-After": str(max(1, round(retry_after)))}
    return HTMLResponse(html, status, headers=_headers() | waiting)


def _headers() -> dict[str, str]:
    policy = (
        f"default-src 'none'; style-src 'sha256-{style_hash()}'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex, nofollow",
    }
