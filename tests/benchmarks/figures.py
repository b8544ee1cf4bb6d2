"""All figures, in the order in which they are measured: those of one scene stand together."""

from __future__ import annotations

from tests.benchmarks import contact_figures as contacts
from tests.benchmarks.answer_figures import answers
from tests.benchmarks.figure import Expected, Figure
from tests.benchmarks.import_figures import imports
from tests.benchmarks.memory_figures import worker_memory
from tests.benchmarks.waiting_figures import claims, inserts

NAIVE = "naive"
FEW_WAIT = "with {waiting_little:,} waiting"

FIGURES = (
    Figure(
        "contacts_batch_crm",
        "Contacts into a CRM that takes 100 in a call, a tenth of them of new customers; PostgreSQL and Redis",
        "contacts/s",
        NAIVE,
        contacts.batch_crm,
        Expected(at_least=20),
    ),
    Figure(
        "cpu_batch_crm",
        "CPU of web and worker for 1,000 contacts, batch CRM; PostgreSQL and Redis",
        "s",
        NAIVE,
        contacts.cpu,
        Expected(at_most=0.3),
    ),
    Figure(
        "crm_calls",
        "CRM calls for a contact, look-ups included, batch CRM, 200 contacts a second",
        "calls",
        "naive, which looks nobody up",
        contacts.calls,
        Expected(at_most=0.03),
    ),
    Figure(
        "latency_idle",
        "From the 2xx until the contact of a known customer is in the CRM, whose call takes 50 ms; idle, median",
        "ms",
        NAIVE,
        contacts.latency,
        Expected(at_most=1.5),
    ),
    Figure(
        "beside_dramatiq",
        "Contacts into a batch CRM; PostgreSQL and Redis",
        "per second",
        "bare dramatiq: messages that do nothing",
        contacts.beside_bare_dramatiq,
    ),
    Figure(
        "contacts_single_crm",
        "Contacts into a CRM that takes one in a call; PostgreSQL and Redis",
        "contacts/s",
        NAIVE,
        contacts.single_crm,
        Expected(at_least=1.0),
    ),
    Figure(
        "answers_sqlite",
        "Webhooks taken durably at 64 connections; SQLite, synchronous=FULL",
        "requests/s",
        "naive: actor.send to Redis",
        answers("sqlite"),
        Expected(at_least=2.0),
    ),
    Figure(
        "answers_postgresql",
        "Webhooks taken durably at 64 connections; PostgreSQL",
        "requests/s",
        "naive: actor.send to Redis",
        answers("postgresql"),
        Expected(at_least=1.4),
    ),
    Figure(
        "contacts_embedded",
        "Contacts into a batch CRM with `cxsdk run`: one process, SQLite, in-process broker",
        "contacts/s",
        "naive, on Redis",
        contacts.embedded,
        Expected(at_least=8),
    ),
    Figure(
        "claim_postgresql",
        "Claim and commit of 500 due rows with {waiting:,} waiting; PostgreSQL",
        "ms",
        FEW_WAIT,
        claims("postgresql"),
        Expected(at_most=1.4),
    ),
    Figure(
        "insert_postgresql",
        "Inserting rows of the far future, 500 a transaction, with {waiting:,} waiting; PostgreSQL",
        "rows/s",
        FEW_WAIT,
        inserts("postgresql"),
        Expected(at_least=0.7),
    ),
    Figure(
        "claim_sqlite",
        "Claim and commit of 500 due rows with {waiting:,} waiting; SQLite",
        "ms",
        FEW_WAIT,
        claims("sqlite"),
        Expected(at_most=1.4),
    ),
    Figure(
        "insert_sqlite",
        "Inserting rows of the far future, 500 a transaction, with {waiting:,} waiting; SQLite",
        "rows/s",
        FEW_WAIT,
        inserts("sqlite"),
        Expected(at_least=0.4),
    ),
    Figure(
        "worker_memory",
        "Memory of a worker after {long_life:,} contacts",
        "MB",
        "after {short_life:,}",
        worker_memory,
        Expected(at_most=1.1),
        runs=1,
    ),
    Figure(
        "import",
        "`import cxsdk`",
        "ms",
        "importing requests, sqlalchemy and a pydantic model",
        imports("import cxsdk"),
        Expected(at_most=1.3),
    ),
    Figure(
        "import_and_use",
        "`from cxsdk import CX, CRM, Channel`",
        "ms",
        "importing requests, sqlalchemy and a pydantic model",
        imports("from cxsdk import CX, CRM, Channel"),
    ),
)
