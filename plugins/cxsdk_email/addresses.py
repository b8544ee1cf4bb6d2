"""Whose address it is: the company's, or a customer's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

#: Domains where everybody may have a mailbox: the neighbours there are customers, not colleagues.
PUBLIC_DOMAINS = frozenset(  # as words, since a list of this length is no pleasure to read
    """
    gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com yahoo.co.uk icloud.com me.com mac.com
    aol.com gmx.com gmx.net gmx.de web.de proton.me protonmail.com zoho.com fastmail.com mail.com tutanota.com
    ukr.net i.ua meta.ua bigmir.net online.ua email.ua
    mail.ru bk.ru list.ru inbox.ru internet.ru yandex.ru yandex.com yandex.ua ya.ru rambler.ru
    """.split()  # noqa: SIM905
)


def domain_of(address: str) -> str:
    """The part behind the @, in lower case."""
    return address.rpartition("@")[2].lower()


def without_tag(address: str) -> str:
    """``user+tag@domain`` is the mailbox ``user@domain``."""
    user, at, domain = address.lower().rpartition("@")
    return user.partition("+")[0] + at + domain


def ascii_address(address: str) -> str | None:
    """The address as SMTP takes it, or None where there is no such form.

    That is what is no address, and what has letters before the @ that only servers with SMTPUTF8 take.
    """
    from email_validator import EmailNotValidError, validate_email

    try:
        checked = validate_email(address.strip(), check_deliverability=False, test_environment=True)
    except (EmailNotValidError, ValueError):
        return None
    return checked.ascii_email.lower() if checked.ascii_email else None


@dataclass(frozen=True)
class Ours:
    """The company's addresses and domains."""

    mailbox: str
    addresses: frozenset[str]
    domains: frozenset[str]

    @classmethod
    def of(cls, mailbox: str, named: Iterable[str]) -> Self:
        """The mailbox's own address, and what the settings name or, where they name nothing, its domain."""
        given = [entry.strip().lower() for entry in named]
        if not given and domain_of(mailbox) not in PUBLIC_DOMAINS:
            given = [f"@{domain_of(mailbox)}"]
        return cls(
            mailbox=mailbox,
            addresses=frozenset({mailbox, *(entry for entry in given if not entry.startswith("@"))}),
            domains=frozenset(entry[1:] for entry in given if entry.startswith("@")),
        )

    def __contains__(self, address: str) -> bool:
        return without_tag(address) in self.addresses or domain_of(address) in self.domains
