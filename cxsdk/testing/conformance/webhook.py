"""What a webhook owes: it believes the provider, nobody else, and knows an event again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from cxsdk.capabilities import Inbound
from cxsdk.domain.raw import Raw, Request
from cxsdk.errors import SignatureError
from cxsdk.testing.conformance.base import kind
from cxsdk.testing.conformance.documents import Payload, body_of, content_type, raw_of
from cxsdk.testing.conformance.rig import Rig
from cxsdk.testing.conformance.sources import SourceConformance
from cxsdk.testing.context import NOW, webhook_url

#: What a header must never be compared with by functions that want ASCII.
NOT_ASCII = "підпис"


class WebhookConformance(SourceConformance):
    """The tests of what comes in: a webhook's signature and replay, and all of ``parse`` and of sources.

    Give ``payloads``, ``key`` and ``sign``. The conformance classes of CRMs, channels and survey providers hold these
    tests, too: a plugin of two kinds subclasses both.
    """

    #: The secret with which the provider proves its requests: the one that ``plugin`` has.
    key: str = ""

    def sign(self, request: Request, key: str, at: datetime) -> Mapping[str, str] | Request:
        """The headers with which the provider proves this request at this moment, made with this key.

        Where the proof stands in the URL or the body, return the whole request with it.
        """
        self.fail(
            "The plugin has a webhook: write `sign(self, request, key, at)`, which returns the provider's headers."
        )

    @kind("proven requests are taken")
    def test_what_the_provider_signed_is_taken(self) -> None:
        """A good signature of now, or of a minute ago, is believed."""
        with self.webhook() as (rig, raw):
            for at in (NOW, NOW - timedelta(seconds=60)):
                try:
                    rig.plugin.verify(self._signed(rig, raw, at=at), NOW)
                except Exception as error:  # noqa: BLE001 - which error it is, is what is tested
                    if isinstance(error, SignatureError) and error.code == "webhook_off":
                        self.skip("With these settings the plugin has no webhook.")
                    self.fail(
                        f"What sign() signed with `key` raises {type(error).__name__}: plugin() must have the "
                        "same key, and "
                        f"verify must look at the raw body. {error}"
                    )  # fmt: skip

    @kind("proven requests are taken")
    def test_samples_are_taken(self) -> None:
        """What ``samples`` offers is believed, and understood."""
        if not isinstance(plugin := self.bare(), Inbound) or not plugin.supports("samples"):
            self.skip("The plugin offers no samples.")
        with self.running() as rig:
            for name, request in rig.plugin.samples(webhook_url(rig.plugin), NOW).items():
                try:
                    rig.plugin.verify(request, NOW)
                    id, headers = rig.plugin.event_key(request), request.kept_headers()
                    raw = Raw(id=id, body=request.body, headers=headers, received_at=NOW)
                    found = self.understood(rig, raw)
                except SignatureError as error:
                    self.fail(f"The sample {name!r} is not proven: sign it as of `now`, for `url`. {error}")
                self.demand(found, f"The sample {name!r} brings no fact: parse must understand it.")

    @kind("unproven requests are refused")
    def test_what_nobody_signed_is_refused(self) -> None:
        """No proof, a foreign key, another body, letters that are not ASCII: SignatureError, and nothing else."""
        with self.webhook() as (rig, raw):
            good = self._signed(rig, raw)
            bare = self._bare(rig, raw)
            tries = {
                "a request without a proof": bare,
                "a key that is not ours": self._signed(rig, raw, other_key(self.key)),
            }
            proofs = {n: v for n, v in good.headers.items() if bare.headers.get(n) != v}
            for name, proof in proofs.items():
                headers = {"an empty": "", "a non-ASCII": NOT_ASCII, "a truncated": proof[:-2]}
                for what, value in headers.items():
                    changed = {**good.headers, name: value}
                    tries[f"{what} {name}"] = good.model_copy(update={"headers": changed})
            if self._covers_the_body(rig, raw):
                tries["another body under the same signature"] = good.model_copy(update={"body": good.body + b" "})
            for what, request in tries.items():
                self._refused(rig, request, what)

    @kind("old requests are refused")
    def test_an_old_request_is_refused(self) -> None:
        """Where the provider signs the time, a request of yesterday or of tomorrow is not believed again."""
        with self.webhook() as (rig, raw):
            if self._signed(rig, raw) == self._signed(rig, raw, at=NOW - timedelta(days=1)):
                self.skip("The provider's proof holds no time.")
            for by in (timedelta(days=-1), timedelta(minutes=-16), timedelta(days=1)):
                self._refused(rig, self._signed(rig, raw, at=NOW + by), f"a request signed {-by} ago")

    @kind("a replay is the same event")
    def test_a_replay_is_the_same_event(self) -> None:
        """The same request later has the same event key and the same facts' keys; another one has another."""
        with self.webhook() as (rig, _), self.another(rig.clock) as restarted:
            keys: dict[str, bytes] = {}
            for raw in map(raw_of, self.payloads):
                request, late = self._signed(rig, raw), self._signed(rig, raw, at=NOW + timedelta(minutes=3))
                key, again = rig.plugin.event_key(request), restarted.plugin.event_key(late)
                self.demand(
                    key == again, f"The same event has the keys {key!r} and {again!r}: take it from the body alone."
                )
                self.demand(
                    isinstance(key, str) and 0 < len(key) <= 200, f"event_key gave {key!r}: give 1 to 200 letters."
                )
                self.demand(
                    keys.setdefault(key, raw.body) == raw.body,
                    f"Two different events have the key {key!r}, so that the second is lost: name the event, not "
                    "its subject.",
                )
                first = self._keys(rig, raw, key, NOW)
                second = self._keys(restarted, raw, key, NOW + timedelta(minutes=3))
                self.demand(
                    first == second,
                    f"A replay gives facts with other keys ({first}, {second}): take them from the event.",
                )

    # -- what tests use

    @contextmanager
    def webhook(self) -> Iterator[tuple[Rig, Raw]]:
        """The plugin and its first recorded payload; skips where there is no webhook."""
        plugin = self.bare()
        if not isinstance(plugin, Inbound) or type(plugin).verify is Inbound.verify:
            self.skip("The plugin does not override verify: it has no webhook.")
        self.demand(self.payloads, "The plugin has a webhook: give `payloads = [...]`, what the provider really sent.")
        with self.running() as rig:
            yield rig, raw_of(self.payloads[0])

    def record(self, rig: Rig, payload: Payload) -> Raw:
        """The record that a payload becomes when it comes in: a webhook's has its event key as id."""
        raw = raw_of(payload)
        if isinstance(payload, Raw) or type(rig.plugin).verify is Inbound.verify:
            return raw
        request = self._signed(rig, raw)
        id = rig.plugin.event_key(request)
        return raw.model_copy(update={"id": id, "body": request.body, "headers": request.kept_headers()})

    def _bare(self, rig: Rig, raw: Raw) -> Request:
        body = body_of(raw)
        headers = {"Content-Type": content_type(body), **raw.headers}
        return Request(url=webhook_url(rig.plugin), headers=headers, body=body)

    def _signed(self, rig: Rig, raw: Raw, key: str | None = None, *, at: datetime = NOW) -> Request:
        request = self._bare(rig, raw)
        proof = self.sign(request, self.key if key is None else key, at)
        if isinstance(proof, Request):
            return proof
        return request.model_copy(update={"headers": {**request.headers, **proof}})

    def _covers_the_body(self, rig: Rig, raw: Raw) -> bool:
        other = raw.model_copy(update={"body": raw.body + b" "})
        return self._signed(rig, raw).headers != self._signed(rig, other).headers

    def _refused(self, rig: Rig, request: Request, what: str) -> None:
        try:
            rig.plugin.verify(request, NOW)
        except SignatureError:
            return
        except Exception as error:  # noqa: BLE001 - which error it is, is what is tested
            self.fail(
                f"{what} raises {type(error).__name__} in place of SignatureError: compare bytes, check for missing."
            )
        self.fail(f"{what} is believed: raise SignatureError; verify_hmac and verify_token do.")

    def _keys(self, rig: Rig, raw: Raw, id: str, at: datetime) -> list[str]:
        record = raw.model_copy(update={"id": id, "received_at": at})
        return [fact.key for fact in rig.plugin.parse(record)]


def other_key(key: str) -> str:
    """A key of the same form: another letter stands in its middle."""
    middle = next((at for at in range(len(key) // 2, len(key)) if key[at].isalnum()), 0)
    return key[:middle] + ("a" if key[middle : middle + 1] != "a" else "b") + key[middle + 1 :]
