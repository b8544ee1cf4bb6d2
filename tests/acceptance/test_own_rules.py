"""A survey rule and budgets of the company's own, in a whole installation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from starlette.testclient import TestClient

from cxsdk import CX, Budgets, ConfigurationError, EventKind, Loyalty, Question, Scale, Survey, SurveyRule
from cxsdk.domain.clock import ManualClock
from cxsdk.web import public_app
from cxsdk_hostedsurvey import HostedSurvey
from cxsdk_localcrm import LocalCRM
from tests.acceptance.conftest import NOON, Company, Letters
from tests.installing import installed

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EASE = Survey(
    name="renewed", questions=(Question(id="ease", scale=Scale.CES_EASE, text={"en": "How easy was it at {company}?"}),)
)


class Renewed(SurveyRule):
    """Asks the next day how easy it was to renew."""

    kind = "renewed"
    triggers = frozenset({EventKind.RENEWAL})

    survey: Survey = EASE

    def window(self, at: datetime) -> tuple[datetime, datetime]:
        return at + DAY, at + 8 * DAY


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    crm, letters = LocalCRM(database=str(tmp_path / "crm.db"), durable=False), Letters()
    cx = CX(
        company="Sample Shop",
        crm=crm,
        channels=[letters],
        survey_providers=[HostedSurvey()],
        surveys=[Renewed(), Loyalty()],
        budgets=Budgets(any_survey="3d", quiet=("11:00", "13:00")),
        database=f"sqlite:///{tmp_path}/cx.db",
    )
    with (
        installed(cx, clock=ManualClock(NOON)) as installation,
        TestClient(public_app(installation.opened), base_url="http://127.0.0.1:8000") as web,
    ):
        yield Company(installation, crm, letters, web)


def test_a_rule_of_ones_own_asks_its_survey_when_budgets_of_ones_own_allow_it(company: Company) -> None:
    company.buys(kind="renewal")
    company.later(DAY)
    assert company.letters.sent == []
    company.later(HOUR)
    [letter] = company.letters.sent
    page = company.web.get(str(letter.link).removeprefix(company.runtime.public_url)).text
    assert "How easy was it at Sample Shop?" in page
    company.answers(q_ease="1", nonce="n1", step="score")
    assert company.case().state == "open"


def rule(**body: Any) -> SurveyRule:
    """A rule with something wrong."""
    return type("Wrong", (Renewed,), body)()  # type: ignore[no-any-return]


class Kindless(SurveyRule):
    """Forgets to say its kind."""

    survey: Survey = EASE
    window = Renewed.window
    triggers: ClassVar[frozenset[EventKind]] = frozenset()


@pytest.mark.parametrize(
    "make",
    [
        Kindless,
        lambda: rule(kind="closing"),
        lambda: rule(kind="Renewed!"),
        lambda: Renewed(survey=EASE.model_copy(update={"name": "closing"})),
    ],
    ids=["no kind", "a kind of ours", "not a name", "a survey of ours"],
)
def test_a_rule_that_could_not_be_told_apart_is_refused(make: Any) -> None:
    with pytest.raises(ConfigurationError) as error:
        make()
    assert (error.value.code, error.value.path.endswith(".kind"), bool(error.value.cure)) == (
        "survey_rule_invalid", True, True,
    )  # fmt: skip


def test_two_surveys_of_one_name_are_refused() -> None:
    other = Renewed(survey=EASE.model_copy(update={"version": 2}))
    loyalty = Loyalty(survey=EASE)
    with pytest.raises(ConfigurationError) as error:
        CX(crm=LocalCRM(), channels=[Letters()], survey_providers=[HostedSurvey()], surveys=[other, loyalty])
    assert (error.value.code, error.value.path) == ("survey_name_taken", "CX.surveys")


def test_two_rules_may_ask_the_same_survey() -> None:
    surveys = [Renewed(), Loyalty(survey=EASE)]
    CX(crm=LocalCRM(), channels=[Letters()], survey_providers=[HostedSurvey()], surveys=surveys)
