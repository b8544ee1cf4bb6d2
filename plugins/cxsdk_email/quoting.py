"""Cuts from a reply what it quotes, in English, Russian and Ukrainian, and never everything."""

from __future__ import annotations

import re
from functools import cache

#: Longer lines are prose, never the line that introduces a quotation; patterns are not tried on them.
_LINE_CHARS = 240

_WEEKDAY = (
    r"(?:пн|вт|ср|чт|пт|сб|вс|нд|понедельник|вторник|среда|четверг|пятница|суббота|воскресенье|понеділок|вівторок|середа"
    r"|четвер|п.ятниця|субота|неділя|on|mon|tue|wed|thu|fri|sat|sun)"
)
#: "пн, 3 февр. 2025 г. в 14:05, Имя <a@example.com>:" and its kin begin with a day, tell a time and a year, and end
#: with a colon after an address or a verb of writing.
_STARTS_WITH_DATE = re.compile(
    rf"(?:> ?)*\W{{0,2}}(?:{_WEEKDAY}\b[.,]*\s+)?(?:\d{{1,2}}[.:/ ]|\d{{4}}-)", re.IGNORECASE
)
_TIME = re.compile(r"\b\d{1,2}[:.]\d{2}\b")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,2}[./]\d{1,2}[./]\d{2}\b")
_WRITER = re.compile(
    r"@|\b(?:пишет|написала?|написал\(а\)|написали|пише|написав|написала|написав\(ла\)|wrote)\b", re.IGNORECASE
)

_LABEL = (
    r"(?:от кого|от|від кого|від|отправлено|надіслано|отправитель|відправник|дата|кому|копия|копія|тема"
    r"|from|sent|to|cc|date|subject)"
)
_SENDER_LABEL = r"(?:от кого|от|від кого|від|отправитель|відправник|from)"
#: The block of headers that Outlook, mail.ru and others put above the mail that is answered.
_BLOCK = re.compile(
    rf"^[>* ]*{_SENDER_LABEL}\*?:.*(?:\n[>* ]*(?!{_LABEL}\*?:).*)?(?:\n+[>* ]*{_LABEL}\*?:.*){{2}}",
    re.IGNORECASE | re.MULTILINE,
)
_SEPARATOR = re.compile(
    r"^[> ]*[-_=*]{2,} ?(?:(?:исходное|оригинальное|первоначальное|первинне|вихідне|оригінальне|початкове) "
    r"(?:сообщение|повідомлення)|original message) ?[-_=*]{2,}",
    re.IGNORECASE | re.MULTILINE,
)
#: What is passed on is news, not a quotation.
_FORWARDED = re.compile(
    r"^[> ]*(?:[-_=]{2,} ?(?:пересылаемое сообщение|пересланное сообщение|переслане повідомлення|перенаправлене "
    r"повідомлення|forwarded message) ?[-_=]{2,}|начало переадресованного сообщения:|початок пересланого "
    r"повідомлення:|begin forwarded message:|-------- ?перенаправленное сообщение ?--------)",
    re.IGNORECASE | re.MULTILINE,
)
_DEVICE = re.compile(
    r"(?:отправлено|надіслано|відправлено) (?:с|из|через|з|із) |sent from (?:my |mail |outlook|yahoo)"
    r"|(?:получить|отримати|завантажити|get) outlook (?:для|for) ",
    re.IGNORECASE,
)
#: Behind the signature's delimiter ("-- ", RFC 3676) stand at most so many lines.
_SIGNATURE_LINES = 12


def trimmed(text: str) -> str:
    """What the writer of a mail added to what was there before; the whole where nothing would be left."""
    text = "\n".join(line.rstrip() for line in text.replace("\xa0", " ").strip().split("\n"))
    text = re.sub(r"\n{3,}", "\n\n", text)
    forwarded = _FORWARDED.search(text)
    if forwarded is None:
        return _unsigned(_answer(text)) or text
    note = text[: forwarded.start()]
    if _quotation_start(note) is not None:  # it was passed on in what is quoted
        return _unsigned(_answer(note)) or text
    return text


def _answer(text: str) -> str:
    start = _quotation_start(text)
    if start is None:
        return _unquoted(text)
    head, tail = text[:start], text[start:]
    answers = _unquoted(_after_introduction(tail)) if re.search(r"^>", tail, re.MULTILINE) else ""
    return "\n\n".join(part for part in (_unruled(_unquoted(head)), answers) if part)


def _quotation_start(text: str) -> int | None:
    """Where the line stands that introduces the quotation, if there is one."""
    short = re.sub(rf"[^\n]{{{_LINE_CHARS},}}", lambda line: "\0" * len(line[0]), text)
    found = [match.start() for pattern in (_BLOCK, _SEPARATOR) if (match := pattern.search(short))]
    found += [match.start() for match in _library().finditer(short) if re.search(r"\d", match[0])][:1]
    return min([*found, *_dated_line(short)], default=None)


def _dated_line(text: str) -> list[int]:
    lines = text.split("\n")
    position = 0
    for number, line in enumerate(lines):
        if _STARTS_WITH_DATE.match(line) and any(
            _introduces(" ".join(lines[number : number + span]))
            for span in (1, 2, 3)  # long ones are wrapped
        ):
            return [position]
        position += len(line) + 1
    return []


def _introduces(line: str) -> bool:
    return (
        line.rstrip().endswith(":")
        and len(line) < 2 * _LINE_CHARS
        and all(pattern.search(line) for pattern in (_TIME, _YEAR, _WRITER))
    )


def _after_introduction(tail: str) -> str:
    """The quotation without the line or lines that introduce it."""
    first_quoted = re.search(r"^>", tail, re.MULTILINE)
    return tail[first_quoted.start() :] if first_quoted else tail


def _unquoted(text: str) -> str:
    return "\n".join(line for line in text.split("\n") if not line.startswith(">")).strip()


def _unruled(text: str) -> str:
    """Without the ruler that some programs draw above the quotation."""
    above, _, last = text.rpartition("\n")
    return above.strip() if re.fullmatch(r"[-_=]{5,}", last.strip()) else text


def _unsigned(text: str) -> str:
    """Without "Sent from my ..." in the last line, and without a signature of a few short lines."""
    lines = text.split("\n")
    if _DEVICE.match(lines[-1]):
        lines = "\n".join(lines[:-1]).strip().split("\n")
    tail = lines[-_SIGNATURE_LINES - 1 :]
    if "--" in tail and all(len(line) <= 120 for line in tail[tail.index("--") :]):
        lines = lines[: len(lines) - len(tail) + tail.index("--")]
    return "\n".join(lines).strip()


@cache
def _library() -> re.Pattern[str]:
    """The introductions ("On ..., ... wrote:") that mail-parser-reply knows, in English and some other languages.

    It has no Russian or Ukrainian ones, and its header blocks are found in orders and postal addresses too.
    """
    from mailparser_reply.constants import MAIL_LANGUAGES  # type: ignore[import-untyped]

    patterns = [MAIL_LANGUAGES[language]["wrote_header"] for language in ("en", "pl", "fr", "es", "it")]
    return re.compile("|".join(patterns), re.IGNORECASE | re.MULTILINE)
