"""A wrong setting is an error with a code, the path to the field and a cure, and never shows a secret."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cxsdk import CX, Channel, ConfigurationError, FollowUp, Limit, Loyalty, PostPurchase, Secret
from cxsdk_email import Email
from cxsdk_hostedsurvey import HostedSurvey
from cxsdk_localcrm import LocalCRM
from cxsdk_telegram import Telegram
from cxsdk_telephony import Telephony

HUSH = "very-secret-value"


def refused(make: Any) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as error:
        make()
    told = "".join(traceback.format_exception(error.value))
    assert HUSH not in told
    return error.value


def test_the_readmes_file_is_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_TOKEN", "123:abc")
    cx = CX(
        public_url="https://cx.example.com",
        crm=LocalCRM(),
        channels=[Telegram(token=Secret.env("TELEGRAM_TOKEN"))],
        survey_providers=[HostedSurvey()],
        surveys=[PostPurchase(after="2h"), Loyalty(between=("14d", "28d"))],
        follow_up=FollowUp(contact_within="1h", solve_within="24h"),
    )
    assert (cx.database, cx.broker) == ("sqlite:///cxsdk.db", "memory://")


def test_a_missing_environment_variable_is_named_with_its_field() -> None:
    error = refused(lambda: Telephony(secret=Secret.env("CXSDK_NOT_SET")))
    assert (error.code, error.path) == ("secret_missing", "Telephony.secret")
    assert "CXSDK_NOT_SET" in str(error)


def test_a_missing_secret_file_is_named(tmp_path: Path) -> None:
    assert "nothing" in str(refused(lambda: Telephony(secret=Secret.file(tmp_path / "nothing"))))


def test_a_secret_in_plain_text_is_refused_without_being_shown() -> None:
    error = refused(lambda: Telephony(secret=HUSH))  # type: ignore[arg-type]
    assert error.code == "secret_plain"
    assert "Secret.env" in error.cure


def test_a_pydantic_secret_is_taken() -> None:
    assert Telephony(secret=SecretStr(HUSH)).secret.reveal() == HUSH  # type: ignore[arg-type]


def test_no_repr_shows_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{HUSH}\n")
    pbx = Telephony(secret=Secret.file(file))
    cx = CX(
        crm=LocalCRM(), channels=[pbx], database=f"postgresql://me:{HUSH}@localhost/x", broker=f"amqp://me:{HUSH}@h"
    )
    for shown in (repr(pbx), str(pbx), repr(cx), str(cx), repr(cx.model_dump()["channels"]), repr(cx.store())):
        assert HUSH not in shown
    assert pbx.secret.reveal() == HUSH


def test_a_misspelt_setting_is_named() -> None:
    error = refused(lambda: Telephony(secret=Secret(HUSH), regoin="UA"))  # type: ignore[call-arg]
    assert (error.code, error.path) == ("setting_unknown", "Telephony.regoin")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: CX(crm=LocalCRM(), chanels=[]), "CX.chanels: There is no such setting. Did you mean channels?"),
        (lambda: CX(crm=LocalCRM), "CX.crm: This is a class, not an object of it. Write LocalCRM(), with"),
        (lambda: CX(crm=HostedSurvey()), "CX.crm: must be an object of CRM, not of HostedSurvey."),
        (lambda: CX(crm=LocalCRM(), channels=HostedSurvey()), "CX.channels: must be a list: channels=[…]."),
        (lambda: CX(crm=LocalCRM(), channels=[Email]), "CX.channels.0: This is a class, not an object of it."),
        (lambda: CX(crm=LocalCRM(), plugins=pytest), "CX.plugins: must be a list: plugins=[…]."),
        (lambda: Loyalty(between="14d"), "Loyalty.between: must be 2 values: between=(…, …)."),
        (lambda: LocalCRM(agent_names="Agent One"), "LocalCRM.agent_names: must be a list: agent_names=[…, …]."),
        (lambda: LocalCRM(limits=10), 'must be a list of limits: limits=[Limit(calls=100, per="10s")].'),
        (lambda: LocalCRM(limits=Limit(calls=1, per="1s")), "LocalCRM.limits: must be a list of limits"),
        (lambda: LocalCRM(limits=[10]), "LocalCRM.limits.0: must be an object of Limit, not of int."),
        (lambda: PostPurchase(after="soon"), "PostPurchase.after: is not a length of time;"),
        (lambda: CX(crm=LocalCRM(), language="de"), "There are no texts in 'de'. Choose one of en, ru, uk,"),
        (lambda: CX(crm=LocalCRM(), database="mysql://h/x").store(), "or postgresql://user:password@host/name."),
    ],
)  # fmt: skip
def test_an_error_says_what_is_wanted(make: Any, told: str) -> None:
    error = str(refused(make))
    assert told in error
    assert not any(words in error for words in ("Value error", "Input should", "Extra inputs"))


def test_a_language_of_ones_own_is_taken() -> None:
    own = {"reply.thanks": {"de": "Danke!"}}
    assert CX(crm=LocalCRM(), language="de", texts=own).language == "de"
    assert CX(crm=LocalCRM(), language="uk-UA").language == "uk-UA"


def test_a_class_gives_its_limits_without_their_type() -> None:
    class Slow(Channel):
        limits = [Limit(calls=1, per="1s")]  # noqa: RUF012 - as an author writes it

    assert Slow().limits == (Limit(calls=1, per="1s"),)
    assert Slow(limits=[]).limits == ()

    class Wrong(Channel):
        limits = 10

    assert "must be a list of limits" in str(refused(Wrong))


def test_a_missing_setting_is_named() -> None:
    error = refused(lambda: Email(host="mail.example.com", password=Secret(HUSH)))  # type: ignore[call-arg]
    assert (error.code, error.path) == ("setting_missing", "Email.address")


def test_several_mistakes_are_told_together() -> None:
    error = refused(Email)
    assert "Email.host" in str(error)
    assert "Email.password" in str(error)


@pytest.mark.parametrize("length", ["2", "soon", "-1h", "0s", 7200])
def test_a_length_of_time_that_is_none_is_refused_with_examples(length: Any) -> None:
    error = refused(lambda: PostPurchase(after=length))
    assert error.path == "PostPurchase.after"


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    assert refused(lambda: Loyalty(between=("28d", "14d"))).path.startswith("Loyalty")


def test_two_accounts_of_one_name_are_refused() -> None:
    error = refused(
        lambda: CX(crm=LocalCRM(), channels=[Telephony(secret=Secret(HUSH)), Telephony(secret=Secret(HUSH))])
    )
    assert (error.code, "telephony" in str(error)) == ("name_taken", True)


def test_the_name_of_the_ingest_api_is_taken() -> None:
    assert refused(lambda: CX(crm=LocalCRM(name="api"))).code == "name_taken"


@pytest.mark.parametrize("name", ["", "My CRM", "a/b", "ä", "x" * 41])
def test_a_name_that_does_not_fit_a_url_is_refused(name: str) -> None:
    assert refused(lambda: LocalCRM(name=name)).path == "LocalCRM.name"


@pytest.mark.parametrize("url", ["mysql://localhost/x", f"postgres:{HUSH}", ""])
def test_an_unknown_database_is_refused_without_showing_its_address(url: str) -> None:
    error = refused(lambda: CX(crm=LocalCRM(), database=url).store())
    assert (error.code, error.path) == ("database_url_invalid", "CX.database")


def test_an_unknown_broker_is_refused() -> None:
    from cxsdk_workers.brokers import make_broker

    error = refused(lambda: make_broker(f"kafka://me:{HUSH}@localhost"))
    assert (error.code, error.path) == ("broker_url_invalid", "CX.broker")


def test_rings_over_postgresql_need_postgresql() -> None:
    error = refused(lambda: CX(crm=LocalCRM(), database=f"sqlite:///{HUSH}.db", broker="database://"))
    assert (error.code, error.path) == ("broker_needs_postgresql", "CX.broker")
    assert 'database="postgresql://' in str(error)
    CX(crm=LocalCRM(), database="postgresql://db.example.com/cx", broker="database://")


@pytest.mark.parametrize(
    ("field", "value"),
    [("public_url", "cx.example.com"), ("timezone", "Kyiv"), ("texts", {"question.nsp": {"en": "?"}})],
)
def test_what_makes_no_sense_is_refused_with_its_field(field: str, value: Any) -> None:
    assert field in str(refused(lambda: CX(crm=LocalCRM(), **{field: value})))


def test_surveys_that_nobody_could_answer_or_get_are_refused() -> None:
    surveys = [Loyalty()]
    assert refused(lambda: CX(crm=LocalCRM(), surveys=surveys)).code == "survey_provider_missing"
    silent = {"channels": [Telephony(secret=Secret(HUSH))], "survey_providers": [HostedSurvey()]}
    assert refused(lambda: CX(crm=LocalCRM(), surveys=surveys, **silent)).code == "channel_missing"


def test_two_rules_of_one_kind_are_refused() -> None:
    telegram = Telegram(token=Secret("123:abc"))
    doubled = {"channels": [telegram], "survey_providers": [HostedSurvey()], "surveys": [Loyalty(), Loyalty()]}
    assert refused(lambda: CX(crm=LocalCRM(), **doubled)).code == "survey_rule_doubled"


@pytest.mark.parametrize("status", [500, 199, 300, True, "202", None])
def test_a_plugin_that_would_answer_what_it_took_with_an_error_is_refused(status: Any) -> None:
    sample = type("Sample", (Channel,), {"webhook_status": status})
    error = refused(sample)
    assert (error.path, repr(status) in str(error)) == ("Sample", True)
    assert "200 to 299" in str(error)
