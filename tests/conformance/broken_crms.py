"""CRMs that are good but for one thing; each is refused by one kind of test."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import field_validator

from cxsdk import (
    AuthenticationError,
    BusinessEvent,
    Fact,
    LogEntry,
    OutcomeUnknown,
    Page,
    Person,
    RateLimited,
    Raw,
    Receipt,
    Rejected,
    Request,
    SignatureError,
    Stop,
    Task,
    TaskChange,
    verify_hmac,
)
from cxsdk.testing import CRMConformance
from tests.conformance.good import (
    GoodCRM,
    GoodCRMConformance,
    LookupCRM,
    LookupCRMConformance,
    QuietCRM,
    QuietCRMConformance,
)

if TYPE_CHECKING:
    import requests

    from cxsdk import Agent, Context

#: Each broken CRM with the kind of test that refuses it.
BROKEN: list[tuple[str, type[CRMConformance]]] = []


def broken(kind: str, *, methods: Sequence[str] = ("log",)) -> Callable[[type[Any]], type[Any]]:
    """Says which kind of test refuses this plugin. One outward method is enough: it does the same in all."""

    def note(plugin: type[Any]) -> type[Any]:
        authors = {LookupCRM: LookupCRMConformance, GoodCRM: GoodCRMConformance, QuietCRM: QuietCRMConformance}
        author = next(author for good, author in authors.items() if issubclass(plugin, good))
        BROKEN.append((kind, type(plugin.__name__, (author,), {"of": plugin, "methods": methods})))
        return plugin

    return note


# -- receipts


@broken("one receipt for each value")
class ForgetsTheLast(QuietCRM):
    def save(self, kind: str, rows: list[dict[str, Any]]) -> Iterator[Receipt]:
        receipts = list(super().save(kind, rows))
        yield from receipts[:-1] if len(receipts) > 1 else receipts


@broken("one receipt for each value")
class GivesIds(QuietCRM):
    def log(self, entries: Sequence[LogEntry]) -> Any:
        receipts = list(super().log(entries))
        return [receipt.id for receipt in receipts] if len(receipts) > 1 else receipts


@broken("receipts in the order of the values")
class AnswersInItsOrder(QuietCRM):
    def save(self, kind: str, rows: list[dict[str, Any]]) -> Iterator[Receipt]:
        for row in self._http.post(f"/{kind}/batch", json=rows):
            yield Receipt.accepted(row["id"])


@broken("batches no larger than the provider takes")
class TakesTooMany(QuietCRM):
    batch_size = 50


@broken("one bad record does not sink the batch")
class SinksTheBatch(QuietCRM):
    def save(self, kind: str, rows: list[dict[str, Any]]) -> Iterator[Receipt]:
        try:
            yield from super().save(kind, rows)
        except Rejected as error:
            yield from [Receipt.rejected(str(error)) for _ in rows]


# -- once


@broken("nothing twice after an unknown outcome")
class WritesNoKey(QuietCRM):
    def save(self, kind: str, rows: list[dict[str, Any]]) -> Iterator[Receipt]:
        for row in rows:
            [saved] = self._http.post(f"/{kind}/batch", json=[{**row, "reference": None}])
            yield Receipt.accepted(saved["id"])


@broken("nothing twice after an unknown outcome")
class FindsNothing(LookupCRM):
    def find_written(self, keys: Sequence[str]) -> Iterator[str | None]:
        yield from [None for _ in keys]


@broken("nothing twice after an unknown outcome")
class FindsInAnotherOrder(LookupCRM):
    def find_written(self, keys: Sequence[str]) -> Iterator[str | None]:
        return reversed(list(super().find_written(keys)))


@broken("nothing twice after an unknown outcome")
class SaysThatItCannotFind(LookupCRM):
    duplicates = "none"


@broken("nothing twice after an unknown outcome")
class SaysThatItFinds(QuietCRM):
    duplicates = "lookup"


# -- faults


@broken("every limit is honoured")
class OverlooksALimit(QuietCRM):
    def classify(self, response: requests.Response) -> Exception | None:
        found = super().classify(response)
        return None if isinstance(found, RateLimited) else found


@broken("every limit is honoured")
class ForgetsHowLongToWait(QuietCRM):
    def classify(self, response: requests.Response) -> Exception | None:
        found = super().classify(response)
        return RateLimited("slower") if isinstance(found, RateLimited) else found


@broken("every limit is honoured")
class Insists(QuietCRM):
    def save(self, kind: str, rows: list[dict[str, Any]]) -> Iterator[Receipt]:
        for _ in range(5):
            try:
                return iter(list(super().save(kind, rows)))
            except RateLimited as error:
                limit = error
        raise limit


@broken("every limit is honoured")
class TakesALimitForARefusal(QuietCRM):
    def save(self, kind: str, rows: list[dict[str, Any]]) -> Iterator[Receipt]:
        try:
            yield from super().save(kind, rows)
        except RateLimited as error:
            yield Receipt.rejected(str(error))


@broken("wrong credentials are no refusal")
class TakesWrongCredentialsForARefusal(QuietCRM):
    def classify(self, response: requests.Response) -> Exception | None:
        found = super().classify(response)
        return Rejected() if isinstance(found, AuthenticationError) else found


@broken("an outage is no refusal")
class TakesAnOutageForARefusal(QuietCRM):
    def classify(self, response: requests.Response) -> Exception | None:
        return Rejected() if response.status_code == 500 else super().classify(response)


@broken("a lost answer is unknown")
class HopesForTheBest(QuietCRM):
    def save(self, kind: str, rows: list[dict[str, Any]]) -> Iterator[Receipt]:
        try:
            yield from super().save(kind, rows)
        except OutcomeUnknown as error:
            if error.status == 500:
                raise
            yield from [Receipt.accepted("perhaps") for _ in rows]


# -- what is written


@broken("letters of all languages")
class KnowsAsciiOnly(QuietCRM):
    def note(self, entry: LogEntry) -> dict[str, Any]:
        note = super().note(entry)
        return {**note, "text": note["text"].encode("ascii", "replace").decode()}


@broken("huge and empty fields")
class WantsASubject(QuietCRM):
    def note(self, entry: LogEntry) -> dict[str, Any]:
        return {**super().note(entry), "initial": entry.subject[0]}


@broken("moments go out as they are")
class DropsTheZone(QuietCRM):
    def note(self, entry: LogEntry) -> dict[str, Any]:
        return {**super().note(entry), "at": f"{entry.at:%Y-%m-%d %H:%M:%S}"}


@broken("every kind of contact")
class KnowsThreeKinds(QuietCRM):
    def note(self, entry: LogEntry) -> dict[str, Any]:
        return {**super().note(entry), "kind": {"call": "Call", "email": "Mail", "message": "SMS"}[entry.kind]}


@broken("entries are updated")
class NeverUpdates(QuietCRM):
    def note(self, entry: LogEntry) -> dict[str, Any]:
        return {**super().note(entry), "id": None, "reference": f"{entry.key}-{entry.revision}"}


@broken("people are found")
class FindsByMailOnly(QuietCRM):
    def find_people(self, who: Sequence[Person]) -> Iterator[str | None]:
        for person in who:
            mails = tuple(identity for identity in person.identities if identity.kind == "email")
            yield from super().find_people([person.model_copy(update={"identities": mails})])


@broken("tasks are changed and completed")
class NeverCompletes(QuietCRM):
    def todo(self, task: Task) -> dict[str, Any]:
        return {**super().todo(task), "state": "open"}


@broken("tasks done there are told")
class TellsOfOtherTasks(GoodCRM):
    def change(self, raw: Raw, event: Any) -> Fact:
        change = super().change(raw, event)
        assert isinstance(change, TaskChange)
        return change.model_copy(update={"task_id": f"task:{change.task_id}"})


@broken("agents are told")
class TellsAgentsTwice(QuietCRM):
    def agents(self) -> Iterator[Agent]:
        yield from [*super().agents(), *super().agents()]


# -- every plugin


class CleansTheRegion(QuietCRM):
    @field_validator("region", mode="before")
    @classmethod
    def _clean(cls, region: Any) -> Any:
        return region.strip()


broken("settings are checked")(CleansTheRegion)


@broken("secrets are shown nowhere")
class HasAPlainSecret(QuietCRM):
    partner_api_key: str = "sample-partner-key"


@broken("secrets are shown nowhere")
class NamesTheTokenInAnError(QuietCRM):
    def save(self, kind: str, rows: list[dict[str, Any]]) -> Iterator[Receipt]:
        try:
            yield from super().save(kind, rows)
        except AuthenticationError:
            raise AuthenticationError(f"{self.token.reveal()} is not known.") from None


@broken("secrets are shown nowhere")
class PrintsTheToken(QuietCRM):
    def open(self, context: Context) -> None:
        sys.stderr.write(f"opening with {self.token.reveal()}\n")
        super().open(context)


#: Ends the threads that a broken plugin leaves behind.
OVER = threading.Event()


@broken("open and close leave nothing behind")
class LeavesAThread(QuietCRM):
    def open(self, context: Context) -> None:
        super().open(context)
        threading.Thread(target=OVER.wait, name="left behind", daemon=True).start()


@broken("what is not supported is not written")
class SaysThatItHasNoPages(QuietCRM):
    def pages(self) -> Any:
        raise NotImplementedError


# -- what comes in: no outward method is concerned


class GivesALocalTime(GoodCRM):
    def parse(self, raw: Raw) -> Iterator[Fact]:
        for fact in super().parse(raw):
            if isinstance(fact, BusinessEvent):
                ends = datetime.fromisoformat(raw.payload()["ends"])
                yield fact.model_copy(update={"expires_at": ends})
            else:
                yield fact


broken("facts are facts", methods=())(GivesALocalTime)


@broken("parse is pure", methods=())
class AsksWhileItParses(GoodCRM):
    def parse(self, raw: Raw) -> Iterator[Fact]:
        self._http.get("/agents")
        return super().parse(raw)


@broken("poison is bad input", methods=())
class StumblesOverPoison(GoodCRM):
    def parse(self, raw: Raw) -> Iterator[Fact]:
        if raw.payload()["what"]:
            yield from super().parse(raw)


@broken("unknown words and fields are no reason to refuse", methods=())
class KnowsTwoStates(GoodCRM):
    def change(self, raw: Raw, event: Any) -> Fact:
        state = {"done": "done", "open": "open"}[event["state"]]
        return super().change(raw, {**event, "state": state})


@broken("unknown words and fields are no reason to refuse", methods=())
class RefusesNewFields(GoodCRM):
    def change(self, raw: Raw, event: Any) -> Fact:
        known = {"what", "id", "version", "at", "state", "comment"} | {
            "list",
            "reference",
            "person",
            "title",
            "text",
            "due",
        }
        if event.keys() - known:
            raise ValueError("new fields")
        return super().change(raw, event)


@broken("moments of all zones", methods=())
class CutsTheZoneOff(GoodCRM):
    def change(self, raw: Raw, event: Any) -> Fact:
        return super().change(raw, {**event, "at": f"{event['at'][:19]}Z"})


@broken("letters of all languages come in", methods=())
class ReadsAsciiOnly(GoodCRM):
    def change(self, raw: Raw, event: Any) -> Fact:
        said = str(event["comment"]).encode("ascii", "ignore").decode()
        return super().change(raw, {**event, "comment": said})


@broken("sources end and go on", methods=())
class NeverMovesOn(GoodCRM):
    def _read(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        yield from [page.model_copy(update={"cursor": "0"}) for page in super()._read(cursor, stop)]


@broken("sources end and go on", methods=())
class NeverEnds(GoodCRM):
    def _read(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        yield from super()._read(cursor, stop)
        while True:
            yield Page(cursor=cursor)


# -- the webhook


@broken("proven requests are taken", methods=())
class WantsRequestsOfThisVerySecond(GoodCRM):
    def verify(self, request: Request, now: datetime) -> None:
        super().verify(request, now)
        if int(request.header("X-Time")) != int(now.timestamp()):
            raise SignatureError


@broken("unproven requests are refused", methods=())
class BelievesWhatIsNotSigned(GoodCRM):
    def verify(self, request: Request, now: datetime) -> None:
        if request.header("X-Sign"):
            super().verify(request, now)


@broken("unproven requests are refused", methods=())
class BelievesAnyKey(GoodCRM):
    def verify(self, request: Request, now: datetime) -> None:
        try:
            super().verify(request, now)
        except SignatureError as error:
            if error.code != "signature_invalid" or len(request.header("X-Sign")) < 64:
                raise


@broken("unproven requests are refused", methods=())
class StumblesOverForeignLetters(GoodCRM):
    def verify(self, request: Request, now: datetime) -> None:
        request.header("X-Sign").encode("ascii")
        super().verify(request, now)


@broken("old requests are refused", methods=())
class BelievesOldRequests(GoodCRM):
    def verify(self, request: Request, now: datetime) -> None:
        stamp = request.header("X-Time")
        signed = request.model_copy(update={"body": f"{stamp}.".encode() + request.body})
        verify_hmac(signed, header="X-Sign", key=self.webhook_key)


@broken("a replay is the same event", methods=())
class CountsEachRequest(GoodCRM):
    def event_key(self, request: Request) -> str:
        return f"{super().event_key(request)}-{request.header('X-Time')}"


@broken("a replay is the same event", methods=())
class NamesTheSubject(GoodCRM):
    def event_key(self, request: Request) -> str:
        return str(json.loads(request.body)["at"])
