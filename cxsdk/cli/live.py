"""Asks each account that can be asked, with one cheap read: each by itself, so that a broken one hides no other."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass

from cxsdk.app import CX
from cxsdk.capabilities import Plugin
from cxsdk.cli import vendors
from cxsdk.cli.findings import Finding, Severity, finding, found_error
from cxsdk.cli.loading import DEV
from cxsdk.context import AccountContext
from cxsdk.domain.clock import SystemClock
from cxsdk.errors import ConfigurationError
from cxsdk.http.deadline import deadline
from cxsdk.journeys.health import trouble_in
from cxsdk.observe import redact, register_secrets
from cxsdk.observe.guarding import guarded
from cxsdk.policy.health import Trouble
from cxsdk.store import Store
from cxsdk.store.sealing import Sealer
from cxsdk.webhooks.links import LinkSigner


@dataclass(frozen=True)
class Asked:
    """What came of asking an account; ``said`` is whom it reached, or that it cannot be asked."""

    account: str
    state: str  #: ``ok``, ``failed`` or ``not checked``
    said: str
    finding: Finding | None = None


def ask(cx: CX, account: Plugin, store: Store) -> Asked:
    """Opens an account, has its plugin ask its provider, and closes it. Never raises."""
    if not account.supports("check"):
        return Asked(account.name, "not checked", f"{type(account).__name__} cannot be checked live.")
    if os.environ.get(DEV) and not vendors.is_kept_in(account):
        return Asked(account.name, "not checked", "It has no stand-in, and in development nothing leaves this machine.")
    # No link is made while it is asked: any key will do
    signer, sealer = LinkSigner(secrets.token_bytes(32)), Sealer(cx.secrets_keys)
    context = AccountContext(account, store, SystemClock(), signer, cx.public_url, sealer)
    try:
        said = _ask(account, context)
    except ConfigurationError as error:
        return _failed(account, found_error(error, account.name))
    except Exception as error:  # a plugin's code
        return _failed(account, _finding(account, error))
    finally:
        context.close()
    return Asked(account.name, "ok", redact(said))


def _ask(account: Plugin, context: AccountContext) -> str:
    with guarded(f"{account.name}.check"), deadline(account.deadline_s):
        account.open(context)
        register_secrets(account)
        try:
            return str(account.check())
        finally:
            account.close()


def _finding(account: Plugin, error: Exception) -> Finding:
    trouble, said = trouble_in(error), f"{type(error).__name__}: {error}"
    if trouble is Trouble.PLUGIN:
        return Finding(trouble, Severity.ERROR, account.name, redact(f"Its check failed. {said}"), trouble.cure)
    return finding(trouble, account.name, redact(str(error)))


def _failed(account: Plugin, found: Finding) -> Asked:
    return Asked(account.name, "failed", found.message, found)
