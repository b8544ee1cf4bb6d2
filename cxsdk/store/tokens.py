"""Bearer tokens of the ingest API: each is shown once; only its SHA-256 is kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from cxsdk.store.engine import Store, Transaction
from cxsdk.store.rows import insert_for
from cxsdk.store.tables import tokens

#: How every token begins, so that people and secret scanners know one when they see it.
PREFIX = "cxsdk_"


@dataclass(frozen=True)
class Token:
    """What is known of a token: who uses it, and since and until when."""

    name: str
    created_at: datetime
    revoked_at: datetime | None


def digest(token: bytes) -> str:
    """What is kept of a token. A token is 256 random bits, so that a plain hash cannot be guessed back."""
    return hashlib.sha256(token).hexdigest()


def create(store: Store, tx: Transaction, name: str) -> str | None:
    """A new token under this name, to be shown once; None where the name was given before, revoked or not."""
    token = PREFIX + secrets.token_urlsafe(32)
    row = {"name": name, "hash": digest(token.encode()), "created_at": store.clock.now()}
    made = tx.execute(insert_for(store)(tokens).values(**row).on_conflict_do_nothing().returning(tokens.c.name))
    return token if made.first() else None


def all_tokens(tx: Transaction) -> list[Token]:
    """Every token that was ever made, oldest first."""
    query = select(tokens.c.name, tokens.c.created_at, tokens.c.revoked_at)
    return [Token(*row) for row in tx.execute(query.order_by(tokens.c.created_at, tokens.c.name))]


def revoke(store: Store, tx: Transaction, name: str) -> bool:
    """Makes a token invalid; False where none of this name is valid."""
    valid = update(tokens).where(tokens.c.name == name, tokens.c.revoked_at.is_(None))
    return tx.execute(valid.values(revoked_at=store.clock.now())).rowcount > 0


def valid_digests(tx: Transaction) -> frozenset[str]:
    """The digests of all tokens that are valid."""
    return frozenset(tx.scalars(select(tokens.c.hash).where(tokens.c.revoked_at.is_(None))))
