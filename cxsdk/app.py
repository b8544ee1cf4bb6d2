"""``CX(...)``: what the integrator writes. It checks the settings, wires the rooms and owns their lifetimes."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SerializeAsAny, ValidationInfo, field_validator, model_validator
from sqlalchemy import select

from cxsdk.capabilities import CRM, Channel, Doorbell, Plugin, SurveyProvider
from cxsdk.context import AccountContext
from cxsdk.domain.clock import Clock, SystemClock
from cxsdk.domain.durations import Duration
from cxsdk.domain.rules import FollowUp, Loyalty, PostPurchase, SurveyRule
from cxsdk.domain.secret import Secret
from cxsdk.domain.settings import Settings
from cxsdk.domain.texts import LANGUAGES, check_overrides, language_of
from cxsdk.domain.zones import TimeZone
from cxsdk.errors import ConfigurationError
from cxsdk.hooks import Hooks, named
from cxsdk.journeys.governor import Governor
from cxsdk.journeys.routing import ANY
from cxsdk.journeys.runtime import LEASE, Policy, Runtime
from cxsdk.observe import redact_url, register_secrets
from cxsdk.observe.guarding import guarded
from cxsdk.policy.rules import Budgets
from cxsdk.store import Store, schema
from cxsdk.store.inbox import KEEP_RAW
from cxsdk.store.rows import insert_for
from cxsdk.store.sealing import Sealer, is_key
from cxsdk.store.tables import keys
from cxsdk.webhooks.ingest import Api
from cxsdk.webhooks.links import LinkSigner

__all__ = ["CX", "Budgets", "FollowUp", "Loyalty", "PostPurchase", "SurveyRule"]

#: The account under which the ingest API's records stand.
API_ACCOUNT = "api"


class CX(Settings):
    """One installation: which CRM, which channels, whom to ask and what is promised.

    Making it does nothing but check; ``open`` connects. ``database`` and ``broker`` are URLs.
    """

    #: The CRM that everything is written to.
    crm: SerializeAsAny[CRM]
    #: The channels over which the company and its customers talk.
    channels: tuple[SerializeAsAny[Channel], ...] = ()
    #: Who asks and takes the answers; the first one is used. Without one, nobody is asked.
    survey_providers: tuple[SerializeAsAny[SurveyProvider], ...] = ()
    #: Whom to ask, and when: one rule of each kind.
    surveys: tuple[SerializeAsAny[SurveyRule], ...] = ()
    #: What is promised to the unhappy.
    follow_up: FollowUp = FollowUp()
    #: Modules and objects with hooks of your own, besides the installed ones; see [hooks](hooks.md).
    plugins: tuple[Any, ...] = ()
    #: The address under which customers and providers reach this installation, as they write it. Links and webhook
    #: signatures are made of it.
    public_url: str = "http://127.0.0.1:8000"
    #: The name under which customers know the company; in letters and on survey pages. Where it is empty, the host of
    #: ``public_url``.
    company: str = ""
    #: The time zone of a customer whose own is not known: an IANA name.
    timezone: TimeZone = "UTC"
    #: The language in which agents are written to, and customers of whom none is known: ``en``, ``uk`` or ``ru``.
    language: str = "en"
    #: How often a person may be asked, and when not.
    budgets: Budgets = Budgets()
    #: Wording of your own: text id, then language in lower case, then the text; see [texts](texts.md).
    texts: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)
    #: ``sqlite:///file.db``, or ``postgresql://user:password@host/name``.
    database: str = Field(default="sqlite:///cxsdk.db", repr=False)
    #: Over what work is rung for: ``memory://`` inside one process; between several ``redis://…``, ``rediss://…``,
    #: ``amqp://…``, ``amqps://…``, or ``database://``, which is PostgreSQL itself and no other server.
    broker: str = Field(default="memory://", repr=False)
    #: The key that signs survey links, at least 16 bytes. Without one, a key is made once and kept in the database.
    signing_key: Secret | None = None
    #: The keys that encrypt what providers grant to accounts that are connected by OAuth: the first one encrypts, all
    #: of them decrypt. Each is made by ``cxsdk key create``; see [OAuth](oauth.md).
    secrets_keys: tuple[Secret, ...] = ()
    #: How long raw inbound records are kept after they were understood.
    keep_raw: Duration = KEEP_RAW
    #: How long a worker holds what it has claimed, or one and a half times a plugin's ``deadline_s`` where that is
    #: longer; and how long a clock that is silent holds the sources that it reads.
    lease: Duration = LEASE

    @field_validator("channels", "survey_providers", "surveys", "plugins", "secrets_keys", mode="before")
    @classmethod
    def _is_a_list(cls, given: Any, info: ValidationInfo) -> Any:
        # A single plugin would be taken for a list of its settings: pydantic's models can be iterated over
        if isinstance(given, list | tuple):
            return given
        raise ValueError(f"must be a list: {info.field_name}=[…]")

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be the address under which customers and providers reach us: https://cx.example.com")
        return url.rstrip("/")

    @field_validator("secrets_keys")
    @classmethod
    def _are_keys(cls, given: tuple[Secret, ...]) -> tuple[Secret, ...]:
        if all(is_key(key.reveal()) for key in given):
            return given
        raise ConfigurationError(
            "One of them is no key.",
            path="CX.secrets_keys",
            cure="Make each with: cxsdk key create",
            code="secrets_key_invalid",
        )

    @field_validator("texts")
    @classmethod
    def _can_be_shown(cls, texts: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
        check_overrides(texts)
        return texts

    @field_validator("plugins")
    @classmethod
    def _have_hooks_and_names(cls, plugins: tuple[Any, ...]) -> tuple[Any, ...]:
        named(plugins)
        return plugins

    @model_validator(mode="after")
    def _names_are_unique(self) -> CX:
        for name, times in Counter(account.name for account in self.accounts()).items():
            if times > 1:
                raise ConfigurationError(
                    f"Two accounts are called {name!r}.",
                    path="CX",
                    cure='Give one another name="…".',
                    code="name_taken",
                )
            if name in (API_ACCOUNT, ANY):
                raise ConfigurationError(
                    f"The name {name!r} is cxsdk's own.", path="CX", cure='Choose another name="…".', code="name_taken"
                )
        return self

    @model_validator(mode="after")
    def _speaks_the_language(self) -> CX:
        own = {language for languages in self.texts.values() for language in languages}
        if language_of(self.language, "") == "" and self.language.lower() not in own:
            raise ConfigurationError(
                f"There are no texts in {self.language!r}.",
                path="CX.language",
                cure=f"Choose one of {', '.join(sorted(own | set(LANGUAGES)))}, or give texts of your own in it.",
                code="language_unknown",
            )
        return self

    @model_validator(mode="after")
    def _can_ring(self) -> CX:
        if self.broker.startswith("database:") and self.database.startswith("sqlite"):
            raise ConfigurationError(
                "database:// rings through PostgreSQL, and the database is SQLite.",
                path="CX.broker",
                cure='Give database="postgresql://…", or keep SQLite with broker="memory://" and: cxsdk run APP',
                code="broker_needs_postgresql",
            )
        return self

    @model_validator(mode="after")
    def _can_ask(self) -> CX:
        if not self.surveys:
            return self
        if not self.survey_providers:
            raise ConfigurationError(
                "Surveys need somewhere to be answered.",
                path="CX.survey_providers",
                cure="Give survey_providers=[HostedSurvey()].",
                code="survey_provider_missing",
            )
        if not any(channel.reaches and channel.supports("send") for channel in self.channels):
            raise ConfigurationError(
                "Surveys need a channel that can send.",
                path="CX.channels",
                cure="Give one, such as Email(...).",
                code="channel_missing",
            )
        return self

    @model_validator(mode="after")
    def _rules_are_told_apart(self) -> CX:
        for kind, times in Counter(rule.kind for rule in self.surveys).items():
            if times > 1:
                raise ConfigurationError(
                    f"Two rules ask for {kind}.",
                    path="CX.surveys",
                    cure="Keep one of them.",
                    code="survey_rule_doubled",
                )
        surveys = {rule.survey.name: rule.survey for rule in self.surveys}
        for rule in self.surveys:
            if rule.survey != surveys[rule.survey.name]:
                raise ConfigurationError(
                    f"Two surveys are called {rule.survey.name!r}.",
                    path="CX.surveys",
                    cure='Give one another name="…".',
                    code="survey_name_taken",
                )
        return self

    @model_validator(mode="after")
    def _can_look_up(self) -> CX:
        accounts: tuple[CRM | Channel, ...] = (self.crm, *self.channels)
        for plugin in accounts:
            if plugin.duplicates == "lookup" and not plugin.supports("find_written"):
                raise ConfigurationError(
                    f"{type(plugin).__name__} says that it looks up what it wrote, and cannot.",
                    path=f"{type(plugin).__name__}.find_written",
                    cure='Write find_written, or say duplicates = "none".',
                    code="plugin_incomplete",
                )
        return self

    def accounts(self) -> tuple[Plugin, ...]:
        """Every configured account."""
        return (self.crm, *self.channels, *self.survey_providers)

    def store(self, clock: Clock | None = None) -> Store:
        """The database, not yet connected."""
        return Store(self.database, clock or SystemClock())

    @contextmanager
    def open(
        self, doorbell_of: Callable[[Store], Doorbell], *, clock: Clock | None = None, hooks: Hooks | None = None
    ) -> Iterator[Opened]:
        """Connects to the database, opens every account, and closes them all at the end.

        ``doorbell_of`` makes the doorbell, given the store; ``hooks`` stand in for those of all plugins. Raises
        ConfigurationError where the database's schema is older than the code.
        """
        clock = clock or SystemClock()
        with ExitStack() as stack:
            store = self.store(clock)
            stack.callback(store.close)
            schema.check(store)
            doorbell = doorbell_of(store)
            store.ring = doorbell.ring
            signer = LinkSigner(self.signing_key or _own_key(store))
            sealer = Sealer(self.secrets_keys)
            governor = Governor(store, {account.name: account for account in self.accounts()})
            for account in self.accounts():
                told = governor.listener(account)
                context = AccountContext(account, store, clock, signer, self.public_url, sealer, told)
                stack.callback(context.close)
                with guarded(f"{account.name}.open"):
                    account.open(context)
                stack.callback(account.close)
                register_secrets(account)
            hooks = hooks or Hooks.load(extra=named(self.plugins))
            yield Opened(self, self._runtime(store, clock, doorbell, signer, hooks, governor))

    def _runtime(
        self, store: Store, clock: Clock, doorbell: Doorbell, signer: LinkSigner, hooks: Hooks, governor: Governor
    ) -> Runtime:
        return Runtime(
            store=store,
            clock=clock,
            hooks=hooks,
            doorbell=doorbell,
            signer=signer,
            public_url=self.public_url,
            crm=self.crm,
            channels={channel.name: channel for channel in self.channels},
            survey_providers={provider.name: provider for provider in self.survey_providers},
            api=Api(name=API_ACCOUNT),
            policy=self._policy(),
            governor=governor,
            lease=self.lease,
        )

    def _policy(self) -> Policy:
        return Policy(
            surveys=self.surveys,
            follow_up=self.follow_up,
            budgets=self.budgets,
            company=self.company or urlsplit(self.public_url).hostname or "",
            timezone=self.timezone,
            language=self.language,
            texts=self.texts,
        )

    def __repr__(self) -> str:
        names = ", ".join(account.name for account in self.accounts())
        return f"CX({names}; database={redact_url(self.database)!r}, broker={redact_url(self.broker)!r})"

    __str__ = __repr__


@dataclass(frozen=True)
class Opened:
    """An installation at work."""

    cx: CX
    runtime: Runtime


def _own_key(store: Store) -> bytes:
    """The installation's own key for links, made when it is first needed and kept in the database."""
    made = insert_for(store)(keys).values(name="links", value=secrets.token_urlsafe(32)).on_conflict_do_nothing()
    with store.write() as tx:
        tx.execute(made)
        return str(tx.scalar(select(keys.c.value).where(keys.c.name == "links"))).encode()
