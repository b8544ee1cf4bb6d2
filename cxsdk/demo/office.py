"""The company under test: its file of settings, and the servers at the other end of its wires."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cxsdk.app import CX, Loyalty, PostPurchase
from cxsdk.demo.bot import BotServers
from cxsdk.demo.hours import ZONE
from cxsdk.demo.letters import SHOP
from cxsdk.demo.pbx import LINE
from cxsdk.domain.clock import Clock
from cxsdk.domain.secret import Secret
from cxsdk.testing.imap import ImapServer
from cxsdk.testing.smtp import SmtpServer
from cxsdk_email import Email
from cxsdk_hostedsurvey import HostedSurvey
from cxsdk_localcrm import LocalCRM
from cxsdk_telegram import Telegram
from cxsdk_telephony import Telephony

#: The agents; the local CRM gives each an address at example.com and an extension from 101 on.
AGENTS = ("Agent One", "Agent Two", "Agent Three", "Agent Four")
#: Sample passwords: nobody but this process ever listens.
PASSWORD = WEBHOOK_SECRET = "sample-secret"  # noqa: S105


@dataclass(frozen=True)
class StandIns:
    """Servers on this machine's own sockets that stand in for other people's."""

    smtp: SmtpServer
    imap: ImapServer
    bot: BotServers


@contextmanager
def stand_ins(clock: Clock) -> Iterator[StandIns]:
    """Starts the servers, and stops them at the end."""
    with ExitStack() as stack:
        yield StandIns(
            smtp=stack.enter_context(SmtpServer(user=SHOP, password=PASSWORD)),
            imap=stack.enter_context(ImapServer(user=SHOP, password=PASSWORD)),
            bot=stack.enter_context(BotServers(clock=clock)),
        )


def local_crm(file: Path) -> LocalCRM:
    """The CRM with its agents."""
    return LocalCRM(database=str(file), agent_names=AGENTS, durable=False)


def configure(crm: LocalCRM, database: Path, others: StandIns, public_url: str) -> CX:
    """The same file that any company writes; only the servers' addresses are those of this demo."""
    return CX(
        public_url=public_url,
        company="Sample Records",
        timezone=ZONE.key,
        crm=crm,
        channels=(
            Telephony(name="pbx", secret=Secret(PASSWORD), own_numbers=(LINE,)),
            Email(
                address=SHOP, host="127.0.0.1", password=Secret(PASSWORD), sender_name="Sample Records", idle=False,
                smtp_port=others.smtp.port, smtp_security="plain", imap_port=others.imap.port, imap_security="plain",
            ),
            Telegram(
                token=Secret(others.bot.token), webhook_secret=Secret(WEBHOOK_SECRET), api_url=others.bot.url,
            ),
        ),
        survey_providers=(HostedSurvey(),),
        surveys=(PostPurchase(after="2h"), Loyalty(between=("14d", "28d"))),
        signing_key=Secret(PASSWORD * 2),  # one of its own would make each run differ
        database=f"sqlite:///{database}",
    )  # fmt: skip


def register_webhook(cx: CX) -> None:
    """What an operator does once: the messenger is told where to bring its updates."""
    for channel in cx.channels:
        if isinstance(channel, Telegram):
            channel.register_webhook()
