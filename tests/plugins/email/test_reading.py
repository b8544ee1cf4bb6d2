"""Folders read page by page, polled and idling."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from cxsdk import AuthenticationError, BadInput, Raw, Secret, Transient
from cxsdk.testing import read
from cxsdk.testing.imap import ImapServer
from cxsdk_email import Email
from cxsdk_email.mailbox import PAGE_MAILS, Position
from tests.plugins.email.letters import mail

Account = Callable[..., Email]


def records(account: Email, source: str = "inbox", cursor: str | None = None) -> list[Raw]:
    return [raw for page in read(account, source, cursor) for raw in page.items]


def test_a_folder_is_read_in_pages_and_nothing_is_marked_as_read(account: Account, imap: ImapServer) -> None:
    mails = [mail(f"Mail {number}", message_id=f"<{number}@example.net>") for number in range(PAGE_MAILS + 10)]
    for body in mails:
        imap.deliver("INBOX", body)
    pages = read(account(imap=imap), "inbox")
    assert [len(page.items) for page in pages] == [PAGE_MAILS, 10]
    assert [raw.body for page in pages for raw in page.items] == mails
    assert imap.unseen("INBOX") == len(mails)


def test_reading_goes_on_after_the_cursor_and_brings_nothing_twice(account: Account, imap: ImapServer) -> None:
    plugin = account(imap=imap)
    imap.deliver("INBOX", mail(message_id="<1@example.net>"))
    [page] = read(plugin, "inbox")
    assert read(plugin, "inbox", page.cursor) == []
    imap.deliver("INBOX", mail(message_id="<2@example.net>"))
    [raw] = records(plugin, cursor=page.cursor)
    assert raw.id.startswith("<2@example.net>#")


def test_a_record_knows_when_the_server_got_it(account: Account, imap: ImapServer) -> None:
    at = datetime(2025, 3, 1, 23, 30, tzinfo=UTC)
    imap.deliver("INBOX", mail(), at=at)
    assert records(account(imap=imap))[0].received_at == at


def test_after_the_numbers_changed_the_folder_is_read_anew_with_the_same_record_ids(
    account: Account, imap: ImapServer
) -> None:
    plugin = account(imap=imap)
    for number in range(3):
        imap.deliver("INBOX", mail(message_id=f"<{number}@example.net>"))
    imap.deliver("INBOX", mail(message_id=""))
    [before] = read(plugin, "inbox")
    imap.remove("INBOX", 1)
    imap.renumber("INBOX")
    [after] = read(plugin, "inbox", before.cursor)
    assert [raw.id for raw in after.items] == [raw.id for raw in before.items[1:]]


def test_a_mail_is_the_same_record_in_another_folder(account: Account, imap: ImapServer) -> None:
    for folder in ("INBOX", "Sent"):
        imap.deliver(folder, mail())
    plugin = account(imap=imap)
    [inbox], [sent] = records(plugin, "inbox"), records(plugin, "sent")
    assert inbox.id == sent.id
    assert (inbox.source, sent.source) == ("inbox", "sent")


def test_mails_of_a_program_that_gives_all_the_same_message_id_are_different_records(
    account: Account, imap: ImapServer
) -> None:
    for hour in (10, 11):
        imap.deliver("INBOX", mail(date=f"Mon, 05 Jan 2026 {hour}:00:00 +0000"))
    assert len({raw.id for raw in records(account(imap=imap))}) == 2


def test_of_a_large_mail_only_the_beginning_is_read_and_its_text_says_so(account: Account, imap: ImapServer) -> None:
    body = mail("Hello " + "x" * 30_000)
    imap.deliver("INBOX", body)
    plugin = account(imap=imap, mail_limit=10_000)
    [raw] = records(plugin)
    [fact] = plugin.parse(raw)
    assert len(raw.body) == 10_000
    assert fact.text.endswith(f"[The mail has {len(body)} bytes; only the first 10000 were read.]")


def test_mails_from_before_a_day_are_left_alone_and_not_looked_at_again(account: Account, imap: ImapServer) -> None:
    for day in (1, 2, 3):
        imap.deliver("INBOX", mail(message_id=f"<{day}@example.net>"), at=datetime(2026, 1, day, tzinfo=UTC))
    plugin = account(imap=imap, since=date(2026, 1, 3))
    assert [raw.id[:15] for raw in records(plugin)] == ["<3@example.net>"]
    [page] = read(account(imap=imap, since=date(2026, 2, 1)), "inbox")
    assert (page.items, json.loads(page.cursor or "")["uid"]) == ((), 3)


def test_a_mail_that_the_server_cannot_give_is_set_aside_and_the_rest_is_read(
    account: Account, imap: ImapServer
) -> None:
    for number in range(3):
        imap.deliver("INBOX", mail(message_id=f"<{number}@example.net>"))
    imap.damage("INBOX", 2)
    plugin = account(imap=imap)
    first, broken, last = records(plugin)
    assert plugin.parse(first)
    assert plugin.parse(last)
    with pytest.raises(BadInput, match="could not give"):
        plugin.parse(broken)


@pytest.mark.parametrize(
    "folders",
    [
        {"INBOX": "", "Gesendet": "\\Sent"},
        {"INBOX": "", "Sent Items": ""},
        {"INBOX": "", "[Gmail]/Sent Mail": ""},
        {"INBOX": "", "INBOX.Sent": ""},
        {"INBOX": "", "Sent": "", "Archive/Letters": "\\Sent"},
    ],
)
def test_the_sent_folder_is_found_by_its_mark_or_its_name(account: Account, folders: dict[str, str]) -> None:
    with ImapServer(user="support@example.com", password="sample", folders=folders) as imap:
        imap.deliver(list(folders)[-1], mail())
        assert len(records(account(imap=imap), "sent")) == 1


def test_a_sent_folder_that_is_not_found_is_asked_for(account: Account) -> None:
    with ImapServer(user="support@example.com", password="sample", folders={"INBOX": ""}) as imap:
        with pytest.raises(Transient, match="sent=None"):
            read(account(imap=imap), "sent")
        assert read(account(imap=imap), "inbox") == []


def test_a_folder_can_be_named(account: Account, imap: ImapServer) -> None:
    imap.deliver("Sent", mail())
    assert len(records(account(imap=imap, folders="Sent"), "folder:Sent")) == 1


def test_a_folder_that_is_not_there_says_so(account: Account, imap: ImapServer) -> None:
    with pytest.raises(Transient, match="No such folder"):
        read(account(imap=imap, folders=("Nowhere",)), "folder:Nowhere")


@pytest.mark.parametrize("password", ["wrong-password", "невірний-пароль"])
def test_a_wrong_password_is_an_authentication_error_without_it(
    account: Account, imap: ImapServer, password: str
) -> None:
    with pytest.raises(AuthenticationError, match=r"refuses user support@example\.com") as refused:
        read(account(imap=imap, password=Secret(password)), "inbox")
    assert password not in str(refused.value)


def test_a_password_beyond_ascii_lets_us_in(account: Account) -> None:
    with ImapServer(user="support@example.com", password="пароль") as imap:
        imap.deliver("INBOX", mail())
        assert len(records(account(imap=imap, password=Secret("пароль")))) == 1


def test_a_server_that_is_not_there_is_transient(account: Account, imap: ImapServer) -> None:
    plugin = account(imap=imap)
    imap.__exit__()
    with pytest.raises(Transient, match="failed"):
        read(plugin, "inbox")


def test_a_connection_that_breaks_is_transient_and_the_cursor_stands(account: Account, imap: ImapServer) -> None:
    for number in range(PAGE_MAILS + 1):
        imap.deliver("INBOX", mail(message_id=f"<{number}@example.net>"))
    plugin = account(imap=imap)
    pages = plugin.sources()["inbox"](None, threading.Event())
    first = next(pages)
    imap.hang_up()
    with pytest.raises(Transient):
        next(pages)
    assert len(records(plugin, cursor=first.cursor)) == 1


def test_a_reader_told_to_stop_ends_after_its_page(account: Account, imap: ImapServer) -> None:
    for number in range(2 * PAGE_MAILS):
        imap.deliver("INBOX", mail(message_id=f"<{number}@example.net>"))
    stop = threading.Event()
    pages = account(imap=imap).sources()["inbox"](None, stop)
    next(pages)
    stop.set()
    assert list(pages) == []


def test_new_mail_is_brought_while_idling_and_stop_ends_it(account: Account, imap: ImapServer) -> None:
    stop = threading.Event()
    pages = account(imap=imap, idle=True).sources()["inbox"](None, stop)
    threading.Timer(0.1, imap.deliver, ["INBOX", mail(message_id="<1@example.net>")]).start()
    assert next(pages).items[0].id.startswith("<1@example.net>")
    threading.Timer(0.1, imap.deliver, ["INBOX", mail(message_id="<2@example.net>")]).start()
    assert next(pages).items[0].id.startswith("<2@example.net>")
    stop.set()
    assert list(pages) == []


def test_a_stream_that_stands_idle_ends_when_told(account: Account, imap: ImapServer) -> None:
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    assert list(account(imap=imap, idle=True).sources()["inbox"](None, stop)) == []


def test_a_stream_whose_connection_breaks_is_transient(account: Account, imap: ImapServer) -> None:
    pages = account(imap=imap, idle=True).sources()["inbox"](None, threading.Event())
    threading.Timer(0.1, imap.hang_up).start()
    with pytest.raises(Transient):
        next(pages)


def test_a_server_without_idle_is_polled(account: Account) -> None:
    with ImapServer(user="support@example.com", password="sample", idle=False) as imap:
        imap.deliver("INBOX", mail())
        assert len(list(account(imap=imap, idle=True).sources()["inbox"](None, threading.Event()))) == 1


@pytest.mark.parametrize("cursor", [None, "", "nonsense", "[]", "{}", '{"validity": 7}', '{"validity": 8, "uid": 5}'])
def test_a_cursor_that_means_nothing_begins_at_the_start(cursor: str | None) -> None:
    assert Position.after(cursor, 7) == Position(7, 0)


def test_a_cursor_is_read_back_as_it_was_written() -> None:
    assert Position.after(Position(7, 42).cursor(), 7) == Position(7, 42)


def test_one_source_does_not_disturb_the_other(account: Account, imap: ImapServer) -> None:
    plugin: Any = account(imap=imap)
    imap.deliver("INBOX", mail(message_id="<1@example.net>"))
    inbox = plugin.sources()["inbox"](None, threading.Event())
    next(inbox)
    assert records(plugin, "sent") == []
    assert list(inbox) == []
