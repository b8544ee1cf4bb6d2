"""People: who is in the CRM already, and new leads with somebody responsible for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from sqlite3 import Connection, Row

from cxsdk import Person, Receipt
from cxsdk_localcrm.database import marks, number, stamp
from cxsdk_localcrm.tables import agents

#: The person that a key was answered with.
WRITTEN = "SELECT id FROM people WHERE key = ? UNION ALL SELECT person_id FROM aliases WHERE key = ?"


def find(db: Connection, who: Sequence[Person]) -> list[str | None]:
    """For each, the id of the person who has one of the identities; the first of them that is known here decides."""
    owners = _owners(db, {identity for person in who for identity in _known(person)})
    return [next((owners[i] for i in _known(person) if i in owners), None) for person in who]


def create(db: Connection, person: Person, now: datetime) -> Receipt:
    """Makes a lead, unless this key made one before or an identity is another person's."""
    if row := db.execute(WRITTEN, (person.key,) * 2).fetchone():
        return Receipt.duplicate(row["id"])
    if (owner := find(db, [person])[0]) is None:
        return Receipt.accepted(_insert(db, person, now))
    db.execute("INSERT INTO aliases VALUES (?, ?)", (person.key, owner))
    return Receipt.duplicate(owner)


def _insert(db: Connection, person: Person, now: datetime) -> int:
    values = [identity.value for identity in person.identities]
    row = db.execute(
        "INSERT INTO people (key, name, label, agent_id, language, source, created_at, search)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            person.key,
            person.name,
            next((text for text in (person.name, *values) if text.strip()), "Nameless"),
            agents.active(db, person.agent_id) or agents.take_turn(db),
            person.language,
            person.source,
            stamp(now),
            " ".join([person.name, *values]).casefold(),
        ),
    ).fetchone()
    id = int(row["id"])
    # known ones first: where the same identity is given twice, once as a guess, it is known
    rows = [(id, str(i), i.is_known) for i in sorted(person.identities, key=lambda i: not i.is_known)]
    db.executemany("INSERT INTO identities VALUES (?, ?, ?) ON CONFLICT (person_id, identity) DO NOTHING", rows)
    return id


def _known(person: Person) -> list[str]:
    return [str(identity) for identity in person.identities if identity.is_known]


def _owners(db: Connection, identities: set[str]) -> dict[str, str]:
    asked = sorted(identities)
    rows = db.execute(
        f"SELECT identity, person_id FROM identities WHERE known AND identity IN ({marks(asked)})",  # noqa: S608
        asked,
    ).fetchall()
    return {row["identity"]: str(row["person_id"]) for row in rows}


def exists(db: Connection, id: str) -> bool:
    """Whether this is a person's id."""
    return db.execute("SELECT 1 FROM people WHERE id = ?", (number(id),)).fetchone() is not None


def search(db: Connection, text: str, *, limit: int, offset: int) -> list[Row]:
    """The people whose name, number or address holds this text, newest first, with how many there are in all."""
    return db.execute(
        "SELECT people.*, agents.name AS agent, count(*) OVER () AS total,"
        " (SELECT json_group_array(identity) FROM identities WHERE person_id = people.id) AS identities"
        " FROM people JOIN agents ON agents.id = agent_id WHERE instr(search, ?)"
        " ORDER BY people.id DESC LIMIT ? OFFSET ?",
        (_needle(text), limit, offset),
    ).fetchall()


def _needle(text: str) -> str:
    """The text as ``search`` has it: a phone number may be written with brackets and spaces, as people write it."""
    text = text.strip().casefold()
    return re.sub(r"[^\d+]", "", text) if re.fullmatch(r"\+?[\d\s()./-]{5,}", text) else text


def load(db: Connection, id: str) -> Row | None:
    """One person, with the name of the responsible agent."""
    found: Row | None = db.execute(
        "SELECT people.*, agents.name AS agent FROM people JOIN agents ON agents.id = agent_id WHERE people.id = ?",
        (number(id),),
    ).fetchone()
    return found


def identities(db: Connection, id: int) -> list[Row]:
    """How one person can be recognised, what is known before what is only guessed."""
    return db.execute(
        "SELECT * FROM identities WHERE person_id = ? ORDER BY known DESC, identity DESC", (id,)
    ).fetchall()
