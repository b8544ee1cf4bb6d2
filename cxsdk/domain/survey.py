"""What is asked, when it is asked, and what came back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from cxsdk.domain.values import Moment, Value


class Scale(StrEnum):
    """The scale of a score question; each is a series of its own and never averaged with another."""

    NPS = "nps"  #: 0 to 10, how likely to recommend
    NPS_1_10 = "nps_1_10"  #: 1 to 10, as some providers ask it: a series of its own, never rescaled
    TNPS = "tnps"  #: 0 to 10, asked in a closing survey only
    CSAT_2 = "csat_2"  #: bad or good
    CSAT_3 = "csat_3"  #: do not like, like but there are problems, like
    CSAT_5 = "csat_5"  #: one to five
    CES_EASE = "ces_ease"  #: 1 to 7, how easy it was: higher is better
    CES_EFFORT = "ces_effort"  #: 1 to 5, how much effort it took: lower is better
    SOLVED = "solved"  #: yes (1) or no (0)

    @property
    def grades(self) -> range:
        """The answers that the scale allows."""
        return _GRADES[self]

    def category(self, score: int) -> Category:
        """What a score means for the follow-up (requirements of sources E and W)."""
        unhappy, happy = _BOUNDS[self]
        if self is Scale.CES_EFFORT:
            score, unhappy, happy = -score, -unhappy, -happy
        if score <= unhappy:
            return Category.UNHAPPY
        return Category.HAPPY if score >= happy else Category.NEUTRAL


class Category(StrEnum):
    """What a score means: whom to follow up."""

    UNHAPPY = "unhappy"  #: a detractor, a bad grade: opens a case
    NEUTRAL = "neutral"  #: neither
    HAPPY = "happy"  #: a promoter, a good grade


_GRADES = {
    Scale.NPS: range(11),
    Scale.NPS_1_10: range(1, 11),
    Scale.TNPS: range(11),
    Scale.CSAT_2: range(1, 3),
    Scale.CSAT_3: range(1, 4),
    Scale.CSAT_5: range(1, 6),
    Scale.CES_EASE: range(1, 8),
    Scale.CES_EFFORT: range(1, 6),
    Scale.SOLVED: range(2),
}

#: scale -> (the last unhappy grade, the first happy grade)
_BOUNDS = {
    Scale.NPS: (6, 9),
    Scale.NPS_1_10: (6, 9),
    Scale.TNPS: (6, 9),
    Scale.CSAT_2: (1, 2),
    Scale.CSAT_3: (1, 3),
    Scale.CSAT_5: (2, 4),
    Scale.CES_EASE: (3, 5),
    Scale.CES_EFFORT: (4, 2),
    Scale.SOLVED: (0, 1),
}


class Question(Value):
    """One question. ``scale`` makes it a score question; without one it asks for words.

    ``text`` gives the wording by language, or is empty where cxsdk ships one under the question's id.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    scale: Scale | None = None
    text: Mapping[str, str] = Field(default_factory=dict)


class Survey(Value):
    """A definition: its questions in their order. A change of wording or order is a new ``version``."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    version: int = 1
    questions: tuple[Question, ...]

    @property
    def score_question(self) -> Question | None:
        """The question whose answer is the survey's score: the first one with a scale; None where all ask for words."""
        return next((question for question in self.questions if question.scale is not None), None)

    def question(self, id: str) -> Question | None:
        """The question with this id, or None."""
        return next((question for question in self.questions if question.id == id), None)


class InvitationState(StrEnum):
    """How far an invitation got."""

    SCHEDULED = "scheduled"  #: its time has not come
    HELD = "held"  #: its time came, and a rule speaks against it for now
    SENT = "sent"  #: the channel took it
    DELIVERED = "delivered"  #: it reached the customer's device or mailbox
    OPENED = "opened"  #: the survey page was opened and used, or the message read
    ANSWERED = "answered"  #: there is an answer
    EXPIRED = "expired"  #: no answer before its link ran out
    SKIPPED = "skipped"  #: decided against, with a reason
    FAILED = "failed"  #: could not be sent, with a reason


class Invitation(Value):
    """One survey for one customer for one trigger, as a survey provider needs it to build a link.

    ``token`` is opaque and unguessable; the provider brings it back as ``Response.invitation``.
    """

    key: str
    token: str
    survey: str
    version: int = 1
    language: str = "en"
    expires_at: datetime


class ContactRequest(Value):
    """A wish to be contacted: to be called within the hour, whatever the score (source E)."""

    phone: str = ""
    hours: str = ""  #: when the customer prefers to be called, in their own words


class Response(Value):
    """An answer, or a part of one: what comes later of the same invitation adds to it.

    ``invitation`` is the token of the invitation. ``answers`` maps question ids to what was chosen or written;
    ``score`` stands for the survey's score question and ``comment`` for its free text, whatever their ids.
    """

    key: str = Field(min_length=1, max_length=200)
    at: Moment
    invitation: str
    answers: Mapping[str, int | str | None] = Field(default_factory=dict)
    contact: ContactRequest | None = None
