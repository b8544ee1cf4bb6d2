"""Postfix and Dovecot from Debian: mail handed in over SMTP is delivered into mailboxes that are read over IMAP.

Every address of example.com is a mailbox, made when it is first used; only those that begin with ``nobody`` do not
exist. No mail leaves the machine: what goes to another domain is taken, and bounces. Whoever signs in (with their
address and the one password) may write to anybody; others, as strangers would, to example.com only.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

from tests.servers import debian
from tests.servers.process import (
    LOOPBACK,
    UNPRIVILEGED,
    Unavailable,
    free_port,
    give_away,
    is_root,
    listens,
    run,
    scratch,
    serving,
)

DOMAIN = "example.com"


@dataclass(frozen=True)
class MailServer:
    """Where a mail host listens. TLS (STARTTLS, or IMAPS) is there and not demanded; ``ca_file`` proves it."""

    host: str
    smtp_port: int
    imap_port: int
    imaps_port: int
    password: str
    ca_file: str

    @classmethod
    def at(cls, url: str) -> MailServer:
        """The server of an address that ``running`` gave."""
        known = dict(parse_qsl(url.removeprefix("mail:?")))
        ports = {name: int(value) for name, value in known.items() if name.endswith("_port")}
        return cls(**(known | ports))  # type: ignore[arg-type]

    @property
    def url(self) -> str:
        """All of it in one line."""
        return f"mail:?{urlencode(asdict(self))}"

    def mailbox(self, name: str) -> str:
        """An address like ``support-1f2e3d4c@example.com``, whose mailbox is empty."""
        return f"{name}-{uuid4().hex[:8]}@{DOMAIN}"


@contextmanager
def running() -> Iterator[str]:
    """The address of a fresh server, for ``MailServer.at``."""
    debian.require("postfix", "dovecot-imapd", "dovecot-lmtpd", "openssl")
    if not is_root():
        raise Unavailable("Postfix starts as root only; name a running server in CXSDK_TEST_MAIL_URL")
    with scratch("mail") as home:
        server = MailServer(LOOPBACK, free_port(), free_port(), free_port(), "sample", str(home / "cert.pem"))
        _make_certificate(home)
        with _dovecot(home, server), _postfix(home, server):
            yield server.url


def _make_certificate(home: Path) -> None:
    files = ["-keyout", f"{home}/key.pem", "-out", f"{home}/cert.pem"]
    names = ["-subj", "/CN=localhost", "-addext", f"subjectAltName=DNS:localhost,IP:{LOOPBACK}"]
    run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files])


def _dovecot(home: Path, server: MailServer) -> AbstractContextManager[None]:
    give_away(home / "mail")
    config = home / "dovecot.conf"
    config.write_text(_DOVECOT.format(home=home, user=UNPRIVILEGED, **asdict(server)))
    return serving(
        ["/usr/sbin/dovecot", "-F", "-c", str(config)],
        log=home / "dovecot.log",
        ready=lambda: listens(server.imap_port) and (home / "run" / "lmtp").exists(),
    )


def _postfix(home: Path, server: MailServer) -> AbstractContextManager[None]:
    etc = home / "postfix"
    for directory in (etc, home / "queue", home / "data"):
        directory.mkdir()
    shutil.chown(home / "data", "postfix")
    (etc / "main.cf").write_text(_MAIN.format(home=home, domain=DOMAIN))
    (etc / "master.cf").write_text(_MASTER.format(**asdict(server)))
    (etc / "mailboxes").write_text("!/^nobody/ exists\n")
    env = {"PATH": f"/usr/sbin:{os.defpath}:/sbin"}
    run(["/usr/sbin/postfix", "-c", str(etc), "check"], env=env)  # makes the queue's directories
    return serving(
        ["/usr/lib/postfix/sbin/master", "-c", str(etc), "-s"],
        log=home / "postfix.log",
        ready=lambda: listens(server.smtp_port),
        env=env,
    )


_DOVECOT = """
base_dir = {home}/run
state_dir = {home}/run
log_path = /dev/stderr
protocols = imap lmtp
listen = {host}
ssl = yes
ssl_cert = <{home}/cert.pem
ssl_key = <{home}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_username_format = %Lu
mail_location = maildir:{home}/mail/%u
mail_uid = {user}
mail_gid = nogroup
first_valid_gid = 1
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = home={home}/mail/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  mailbox Sent {{
    auto = subscribe
    special_use = \\Sent
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
  }}
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
}}
service auth {{
  unix_listener auth-smtp {{
    mode = 0666
  }}
}}
"""

_MAIN = """
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file_prefixes = {home}
maillog_file = {home}/maillog
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.{domain}
mydestination =
alias_maps =
alias_database =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = regexp:{home}/postfix/mailboxes
virtual_transport = lmtp:unix:{home}/run/lmtp
default_transport = gone
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {home}/run/auth-smtp
smtpd_tls_security_level = may
smtpd_tls_cert_file = {home}/cert.pem
smtpd_tls_key_file = {home}/key.pem
"""

_MASTER = """
{host}:{smtp_port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
gone unix - n n - - pipe user=nobody argv=/bin/sh -c {{exit 67}}
postlog unix-dgram n - n - 1 postlogd
"""
