"""What a mail says: its text, and the files that came with it."""

from __future__ import annotations

import re
from email.message import Message
from itertools import islice

from cxsdk import Attachment
from cxsdk_email.charsets import storable
from cxsdk_email.mime import MALFORMED, attempt, body_of, children, data_of, filename, inner_mail, is_attachment, leaves

#: Of longer texts the rest is left out; the stored mail keeps the whole.
TEXT_CHARS = 60_000
_HTML_CHARS = 500_000
_MAX_ATTACHMENTS = 100
_MAX_DEPTH = 30

_QUOTE_BEGINS, _QUOTE_ENDS = "\ue000", "\ue001"


def text_of(part: Message, depth: int = 0) -> str:
    """The text of a mail: of alternatives the first that says something, plain before HTML."""
    parts = children(part) if depth < _MAX_DEPTH else []
    if parts:
        texts = [text for child in parts if (text := text_of(child, depth + 1)).strip()]
        if part.get_content_subtype() == "alternative":
            return next(iter(texts), "")
        return "\n".join(texts)[:TEXT_CHARS]
    if is_attachment(part):
        return ""
    body = body_of(part)
    return (html_to_text(body) if part.get_content_subtype() == "html" else body)[:TEXT_CHARS]


def attachments_of(part: Message, identifier: str) -> tuple[Attachment, ...]:
    """The files of a mail; ``reference`` is its Message-ID and the part's place in it."""
    files = ((place, leaf) for place, leaf in leaves(part) if is_attachment(leaf))
    return tuple(_attachment(leaf, f"{identifier}#{place}") for place, leaf in islice(files, _MAX_ATTACHMENTS))


def _attachment(part: Message, reference: str) -> Attachment:
    return Attachment(
        name=filename(part) or _inner_subject(part),
        content_type=storable(part.get_content_type())[:127],
        size=_size(part),
        reference=reference,
    )


def _inner_subject(part: Message) -> str:
    """A forwarded mail is named by its subject."""
    inner = inner_mail(part)
    return f"{inner.header('subject')[:250]}.eml" if inner else ""


def _size(part: Message) -> int | None:
    if inner := inner_mail(part):
        return attempt(lambda: len(inner.part.as_bytes()), None)
    data = data_of(part)
    return None if data is None else len(data)


def html_to_text(html: str) -> str:
    """The text of an HTML mail; quotations are marked with ``>`` as in plain ones."""
    try:
        return _marked_quotes(_rendered(html[:_HTML_CHARS]))
    except MALFORMED:
        return re.sub(r"<[^<>]*>", " ", html[:_HTML_CHARS])


def _rendered(html: str) -> str:
    from inscriptis.html_engine import Inscriptis  # type: ignore[import-untyped]
    from lxml.etree import ParserError, SubElement, strip_attributes  # type: ignore[import-untyped]
    from lxml.html import document_fromstring  # type: ignore[import-untyped]

    try:
        tree = document_fromstring(re.sub(rf"^\s*<\?xml[^>]*\?>|[{_QUOTE_BEGINS}{_QUOTE_ENDS}]", "", html))
    except ParserError:  # nothing in it
        return ""
    for hidden in tree.xpath('//body//*[contains(translate(@style, " ", ""), "display:none")]'):
        hidden.drop_tree()
    for quotation in list(tree.iter("blockquote")):
        opening = quotation.makeelement("div")
        opening.text, opening.tail, quotation.text = _QUOTE_BEGINS, quotation.text, None
        quotation.insert(0, opening)
        SubElement(quotation, "div").text = _QUOTE_ENDS
    # Tables lay a mail out. Rendered as tables, a few bytes of them, or of style, can fill the memory.
    for element in list(tree.iter(*_UNTABLED)):
        element.tag, element.tail = _UNTABLED[element.tag], f" {element.tail or ''}"
    strip_attributes(tree, "style", "align", "valign")
    return str(Inscriptis(tree).get_text())


_UNTABLED = {"table": "div", "tr": "div", "td": "span", "th": "span"}


def _marked_quotes(text: str) -> str:
    lines, depth = [], 0
    for line in text.split("\n"):
        depth += line.count(_QUOTE_BEGINS) - line.count(_QUOTE_ENDS)
        if _QUOTE_BEGINS in line or _QUOTE_ENDS in line:
            continue
        lines.append("> " * min(depth, 9) + line.rstrip())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
