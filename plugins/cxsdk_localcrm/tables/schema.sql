-- Times are UTC in ISO 8601 with microseconds, so that their order as text is their order in time.

CREATE TABLE IF NOT EXISTS agents (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    extension TEXT NOT NULL,
    active INTEGER NOT NULL DEFAULT 1,
    turn INTEGER NOT NULL DEFAULT 0  -- when they last got a lead: the lowest is next
) STRICT;

CREATE TABLE IF NOT EXISTS people (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    label TEXT NOT NULL,  -- what to call them on a page, also where the name is not known
    agent_id INTEGER NOT NULL REFERENCES agents (id),
    language TEXT,
    source TEXT NOT NULL,
    created_at TEXT NOT NULL,
    search TEXT NOT NULL  -- name and identities, case-folded: SQLite itself ignores the case of ASCII only
) STRICT;

-- Keys of leads who turned out to be here already: asked again, the answer is the same, whoever has come since.
CREATE TABLE IF NOT EXISTS aliases (
    key TEXT PRIMARY KEY,
    person_id INTEGER NOT NULL REFERENCES people (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS identities (
    person_id INTEGER NOT NULL REFERENCES people (id),
    identity TEXT NOT NULL,  -- kind:value
    known INTEGER NOT NULL,
    PRIMARY KEY (person_id, identity)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX IF NOT EXISTS known_identity ON identities (identity) WHERE known;

CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    person_id INTEGER NOT NULL REFERENCES people (id),
    revision INTEGER NOT NULL,
    kind TEXT NOT NULL,
    direction TEXT NOT NULL,
    at TEXT NOT NULL,
    account TEXT NOT NULL,
    agent_id INTEGER REFERENCES agents (id),
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    comment TEXT NOT NULL,
    state TEXT,
    seconds INTEGER,
    counterpart TEXT NOT NULL,
    recording_url TEXT,
    attachments TEXT NOT NULL,  -- JSON
    automatic INTEGER NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS timeline ON entries (person_id, at DESC, id DESC);

CREATE TABLE IF NOT EXISTS tasks (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    person_id INTEGER NOT NULL REFERENCES people (id),
    agent_id INTEGER NOT NULL REFERENCES agents (id),
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    due TEXT NOT NULL,
    urgent INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    done_at TEXT,
    comment TEXT NOT NULL DEFAULT '',
    deleted_at TEXT
) STRICT;

-- A deleted task keeps its row, and its key may be used again: for the task that is made in its place.
CREATE UNIQUE INDEX IF NOT EXISTS task_key ON tasks (key) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS open_task ON tasks (due, id) WHERE done_at IS NULL AND deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS task_of_person ON tasks (person_id);

-- What agents did to tasks, each as the task's whole state after it. Numbers are given inside the write transaction,
-- and SQLite has one writer at a time: whoever sees number n sees every lower one as well.
CREATE TABLE IF NOT EXISTS changes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    done INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    agent_id INTEGER NOT NULL,
    comment TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS calls (
    method TEXT PRIMARY KEY,
    calls INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
