"""The surveys that cxsdk ships: after a purchase, on loyalty, after a solved case, on effort."""

from __future__ import annotations

from collections.abc import Mapping

from cxsdk.domain.survey import Category, Question, Scale, Survey

_LIKED, _DISLIKED, _COMMENT = (Question(id=id) for id in ("liked", "disliked", "comment"))

#: How the purchase went, hours after it (sources E, W).
POST_PURCHASE = Survey(
    name="post_purchase", questions=(Question(id="csat", scale=Scale.CSAT_3), _LIKED, _DISLIKED, _COMMENT)
)

#: Whether they would recommend the company, two to four weeks after they use what they bought (source M).
LOYALTY = Survey(name="loyalty", questions=(Question(id="nps", scale=Scale.NPS), _LIKED, _DISLIKED, _COMMENT))

#: Straight after a case was solved: whether it is, and what that did to their opinion (source E).
CLOSING = Survey(
    name="closing",
    questions=(Question(id="solved", scale=Scale.SOLVED), Question(id="tnps", scale=Scale.TNPS), _COMMENT),
)

#: How easy it was, after a contact that needed no case.
CES = Survey(name="ces", questions=(Question(id="ces_ease", scale=Scale.CES_EASE), _COMMENT))

#: The shipped surveys by name.
SURVEYS: Mapping[str, Survey] = {survey.name: survey for survey in (POST_PURCHASE, LOYALTY, CLOSING, CES)}


def fitting(survey: Survey, score: int | None) -> tuple[Question, ...]:
    """The survey's questions that fit a score: nobody is asked what they liked after saying that they did not."""
    asked = survey.score_question
    if score is None or asked is None or asked.scale is None:
        return survey.questions
    unfit = "liked" if asked.scale.category(score) is Category.UNHAPPY else "disliked"
    return tuple(question for question in survey.questions if question.id != unfit)
