"""The shipped wording: complete, fillable, and read in the language that was asked for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cxsdk.domain.survey import Question, Scale
from cxsdk.domain.surveys import CLOSING, LOYALTY, POST_PURCHASE, SURVEYS, fitting
from cxsdk.domain.texts import LANGUAGES, check_overrides, language_of, names_in, text, text_ids, wording
from cxsdk.domain.wording import (
    answer_text,
    duration_text,
    grade_text,
    invitation_text,
    question_text,
    questionnaire,
    scale_ends,
    survey_title,
)
from cxsdk.errors import ConfigurationError

CYRILLIC = set("абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґ")


@pytest.mark.parametrize("id", text_ids())
def test_every_text_is_there_in_every_language_with_the_same_names(id: str) -> None:
    languages = wording(id)
    assert set(languages) == set(LANGUAGES)
    assert all(languages.values())
    assert {names_in(words) for words in languages.values()} == {names_in(languages["en"])}


@pytest.mark.parametrize("id", text_ids())
def test_every_text_is_written_in_the_letters_of_its_language(id: str) -> None:
    languages = wording(id)
    assert not CYRILLIC & set(languages["en"].lower())
    assert not set("іїєґ") & set(languages["ru"].lower())
    assert not set("ыэъё") & set(languages["uk"].lower())


@pytest.mark.parametrize("id", text_ids())
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_can_be_filled(id: str, language: str) -> None:
    filled = text(id, language, None, **dict.fromkeys(names_in(wording(id)["en"]), 5))
    assert "{" not in filled
    assert "|" not in filled


def test_the_given_wording_is_shipped_word_for_word() -> None:
    assert text("question.nps", "ru") == (
        "С какой вероятностью от 0 до 10 вы порекомендуете нас своим друзьям и близким?"
    )
    assert text("question.nps", "uk") == "Яка вірогідність, що ви порадите нашу компанію, продукт чи послугу?"
    assert text("question.liked", "ru") == "Что вам больше всего понравилось?"
    assert text("question.disliked", "ru") == "Что вам не понравилось?"
    assert text("question.comment", "ru") == "Что можно было сделать лучше?"
    assert text("question.tnps", "ru", company="Сова") == (
        "Насколько вероятно, что вы порекомендуете Сова своим друзьям и знакомым?"
    )
    assert text("question.solved", "ru") == "Был ли решен ваш вопрос?"
    assert text("page.contact", "ru", company="Сова") == "Хочу, чтобы со мной связался специалист Сова"
    assert [grade_text(Scale.CSAT_3, grade, "ru").lower() for grade in (3, 2, 1)] == [
        "нравится",
        "нравится, но есть проблемы",
        "не нравится",
    ]
    assert text("acknowledgement", "ru", minutes=10) == (
        "Мы получили ваше сообщение, менеджер ответит вам в течение 10 минут"
    )


@pytest.mark.parametrize(
    ("tag", "language"),
    [("ru-RU", "ru"), ("uk_UA", "uk"), ("UK", "uk"), ("de", "en"), ("", "en"), ("zh-Hant-TW", "en"), ("-", "en")],
)
def test_a_language_falls_back_to_its_kin_and_then_to_english(tag: str, language: str) -> None:
    assert text("page.send", tag) == text("page.send", language)
    assert language_of(tag) == language


def test_numbers_choose_the_form_of_the_word_after_them() -> None:
    said = [text("duration.hours", "ru", n=n) for n in (1, 2, 5, 11, 21, 104, 111)]
    assert said == ["1 часа", "2 часов", "5 часов", "11 часов", "21 часа", "104 часов", "111 часов"]
    assert [text("page.error_long", "uk", limit=n).split()[-1] for n in (1, 3, 12, 2000)] == [
        "символ",
        "символи",
        "символів",
        "символів",
    ]
    assert [text("duration.days", "en", n=n) for n in (0, 1, 2)] == ["0 days", "1 day", "2 days"]


def test_own_wording_replaces_the_shipped_one_language_by_language() -> None:
    own = {"page.send": {"en": "Go", "de": "Los"}}
    assert text("page.send", "en", own) == "Go"
    assert text("page.send", "de-AT", own) == "Los"
    assert text("page.send", "uk", own) == "Надіслати"


def test_a_name_that_is_not_given_is_an_error() -> None:
    with pytest.raises(KeyError, match="company"):
        text("page.contact", "en")
    with pytest.raises(KeyError, match="nowhere"):
        text("nowhere", "en")


@pytest.mark.parametrize(
    ("overrides", "path"),
    [
        ({"page.sned": {"en": "Go"}}, "texts.page.sned"),
        ({"page.contact": {"ru": "{compny}"}}, "texts.page.contact.ru"),
        ({"page.send": {"uk": "{"}}, "texts.page.send.uk"),
        ({"page.send": {"uk": "{}"}}, "texts.page.send.uk"),
        ({"page.contact": {"en": "{company!z}"}}, "texts.page.contact.en"),
        ({"page.contact": {"en": "{company.name}"}}, "texts.page.contact.en"),
        ({"page.send": {"pt-BR": "Enviar"}}, "texts.page.send.pt-BR"),
    ],
)
def test_wrong_own_wording_is_refused_with_its_path(overrides: dict[str, dict[str, str]], path: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check_overrides(overrides)
    assert refused.value.path == path
    assert refused.value.cure


def test_right_own_wording_is_accepted() -> None:
    check_overrides({"page.contact": {"en": "Call me, {company}!"}, "page.send": {"de": "Los"}})


@pytest.mark.parametrize("scale", Scale)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_grade_of_every_scale_has_a_label_and_a_reading(scale: Scale, language: str) -> None:
    labels = [grade_text(scale, grade, language) for grade in scale.grades]
    assert len(set(labels)) == len(scale.grades)
    assert len({answer_text(scale, grade, language) for grade in scale.grades}) == len(scale.grades)
    ends = scale_ends(scale, language)
    assert ends is None or all(ends)


def test_answers_read_as_entries_tell_them() -> None:
    assert answer_text(Scale.NPS, 3, "en") == "3 of 10"
    assert answer_text(Scale.CSAT_3, 1, "ru") == "«Не нравится»"
    told = text("entry.answered_comment", "en", answer=answer_text(Scale.NPS, 3, "en"), comment="late")
    assert told == "Answered: 3 of 10, “late”"
    within = duration_text(timedelta(hours=1), "en")
    title = text("task.unhappy.title", "en", within=within, answer="3 of 10")
    assert title == "Get in touch within 1 hour: unhappy answer, 3 of 10"


@pytest.mark.parametrize(
    ("minutes", "told"),
    [(0, "0 minutes"), (5, "5 minutes"), (60, "1 hour"), (90, "90 minutes"), (1440, "24 hours"), (4320, "3 days")],
)
def test_a_duration_is_told_in_its_largest_exact_unit(minutes: int, told: str) -> None:
    assert duration_text(timedelta(minutes=minutes), "en") == told


@pytest.mark.parametrize("name", SURVEYS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_shipped_survey_can_be_asked_about_and_invited_to(name: str, language: str) -> None:
    survey = SURVEYS[name]
    assert survey.score_question == survey.score_question == survey.questions[0]
    assert survey.question("comment")
    assert survey_title(name, language) != name
    asked = [question_text(question, language, company="Sample Shop") for question in survey.questions]
    assert len(set(asked)) == len(asked)
    for part in ("email", "message"):
        assert "https://example.com/s/x" in invitation_text(
            name, part, language, company="Sample Shop", link="https://example.com/s/x"
        )
    assert invitation_text(name, "subject", language, company="Sample Shop").startswith("Sample Shop")


def test_a_survey_of_the_integrators_own_has_words_too() -> None:
    assert invitation_text("picnic", "subject", "en", company="Sample Shop") == "Sample Shop: a short question"
    assert survey_title("picnic", "en") == "picnic"
    assert question_text(Question(id="again", scale=Scale.CSAT_5), "en") == text("question.csat", "en")
    assert question_text(Question(id="why"), "uk") == text("question.comment", "uk")
    own = Question(id="why", text={"ru": "Почему {company}?", "de": "Warum?"})
    assert question_text(own, "ru-RU", company="Сова") == "Почему Сова?"
    assert question_text(own, "uk") == "Почему {company}?".replace("{company}", "")


def test_nobody_is_asked_what_they_liked_after_saying_that_they_did_not() -> None:
    assert [question.id for question in fitting(POST_PURCHASE, 1)] == ["csat", "disliked", "comment"]
    assert [question.id for question in fitting(LOYALTY, 9)] == ["nps", "liked", "comment"]
    assert [question.id for question in fitting(LOYALTY, 7)] == ["nps", "liked", "comment"]
    assert fitting(LOYALTY, None) == LOYALTY.questions
    assert fitting(CLOSING, 0) == CLOSING.questions


def test_the_whole_questionnaire_goes_to_the_agent() -> None:
    told = questionnaire(CLOSING, {"solved": 0, "comment": "still broken"}, "en", company="Sample Shop")
    assert told == (
        "Has your problem been solved?\n“No”\n\n"
        "How likely are you to recommend Sample Shop to your friends and acquaintances?\n—\n\n"
        "What could we have done better?\nstill broken"
    )
