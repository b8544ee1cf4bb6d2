"""Which agent of the CRM is meant: channels know an e-mail or an extension, the CRM wants its own id."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from cxsdk.capabilities import CRM
from cxsdk.domain.clock import Clock
from cxsdk.domain.identity import Agent
from cxsdk.observe import logger
from cxsdk.observe.crashing import calling
from cxsdk.observe.guarding import guarded

#: How long the CRM's list of agents is believed before it is asked again.
FRESH = timedelta(minutes=5)


class AgentBook:
    """The CRM's agents, asked for when needed and remembered for a while."""

    def __init__(self, crm: CRM, clock: Clock) -> None:
        self._crm = crm
        self._clock = clock
        self._lock = threading.Lock()
        self._names: dict[str, Agent] = {}
        self._fetched_at: datetime | None = None

    def refresh(self) -> None:
        """Asks the CRM where the list has become old. Call it outside any transaction; it never raises."""
        if not self._crm.supports("agents"):
            return
        with self._lock:
            now = self._clock.now()
            if self._fetched_at is not None and now - self._fetched_at < FRESH:
                return
            self._fetched_at = now
            try:
                with calling(), guarded():
                    self._names = {name: agent for agent in self._crm.agents() for name in _names(agent)}
            except Exception as error:  # contacts are logged without an agent rather than not at all
                logger("cxsdk.agents").warning("agents_not_fetched", account=self._crm.name, error=str(error))

    def id_of(self, said: str | None) -> str | None:
        """The CRM's id of an agent given as e-mail, extension or id; None where the CRM knows no such agent."""
        agent = self._find(said)
        return agent.id if agent is not None else None

    def active_id_of(self, said: str | None) -> str | None:
        """The same of an agent who may be given new work; None where they have left."""
        agent = self._find(said)
        return agent.id if agent is not None and agent.active else None

    def _find(self, said: str | None) -> Agent | None:
        return self._names.get(said.strip().lower()) if said else None


def _names(agent: Agent) -> list[str]:
    return [name.lower() for name in (agent.id, agent.email, agent.extension) if name]
