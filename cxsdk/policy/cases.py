"""What becomes of a case when something happens: a table of every state and event, and what must follow.

Events come late, twice and out of order. What a table entry does not say changes nothing, so that a late "contacted"
does not undo "solved". Three things are the caller's: a task or a closing answer speaks of its own round (pass the task
that is open now, and the answer to the last closing survey); what another unhappy answer brings later is RENEWED; and a
request to be contacted starts a contact promise where none runs, whatever the state.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from cxsdk.domain.case import CaseState
from cxsdk.domain.values import Value


class CaseEvent(StrEnum):
    """What can happen to a case."""

    CONTACTED = "contacted"  #: a person got in touch with the customer; never an automatic message
    CONSULTED = "consulted"  #: an expert was asked, the owner stays
    TASK_DONE = "task_done"  #: the task in the CRM is done
    CONFIRMED = "confirmed"  #: the customer says that it is solved
    DENIED = "denied"  #: the customer says that it is not solved
    UNANSWERED = "unanswered"  #: no answer to the closing survey in time
    JOINED = "joined"  #: another unhappy answer of the same customer
    RENEWED = "renewed"  #: its own answer goes on, unhappy still or with a wish to be contacted


class Follow(StrEnum):
    """What must follow, in the same transaction as the new state."""

    KEEP_CONTACT = "keep_contact"  #: the promise to get in touch is kept
    KEEP_SOLVE = "keep_solve"  #: the promise to solve it is kept
    NEW_PROMISES = "new_promises"  #: both clocks start anew
    NEW_TASK = "new_task"  #: work for an agent, due when the promises are
    UPDATE_TASK = "update_task"  #: the open task tells what has become known
    ASK_CLOSING = "ask_closing"  #: the customer is asked whether it is solved
    DROP_CLOSING = "drop_closing"  #: a closing survey that has not gone out is cancelled
    RECORD_CONFIRMED = "record_confirmed"  #: closed, and the customer agrees
    RECORD_UNCONFIRMED = "record_unconfirmed"  #: closed, and nobody knows
    NEW_CASE = "new_case"  #: this case is over: the answer opens one of its own


class Step(Value):
    """Where a case stands after an event, and what must follow, in this order."""

    state: CaseState
    follow: tuple[Follow, ...] = ()


def after(state: CaseState, event: CaseEvent) -> Step:
    """What an event does to a case in this state."""
    return STEPS[state, event]


_WORKING = tuple(state for state in CaseState if state.needs_work)
_CONTACTED = Step(state=CaseState.CONTACTED, follow=(Follow.KEEP_CONTACT,))
# Work that is done without a word to the customer before is a contact all the same: the closing survey tells them.
_SOLVED = Step(state=CaseState.SOLVED, follow=(Follow.KEEP_CONTACT, Follow.KEEP_SOLVE, Follow.ASK_CLOSING))
_REOPENED = Step(state=CaseState.REOPENED, follow=(Follow.NEW_PROMISES, Follow.NEW_TASK))
_UNHAPPY_AGAIN = Step(state=CaseState.REOPENED, follow=(Follow.DROP_CLOSING, *_REOPENED.follow))

_MOVES: Mapping[tuple[CaseState, CaseEvent], Step] = {
    (CaseState.OPEN, CaseEvent.CONTACTED): _CONTACTED,
    (CaseState.REOPENED, CaseEvent.CONTACTED): _CONTACTED,
    # The expert is still being asked, whoever talks to the customer meanwhile.
    (CaseState.IN_REVIEW, CaseEvent.CONTACTED): Step(state=CaseState.IN_REVIEW, follow=(Follow.KEEP_CONTACT,)),
    **{(state, CaseEvent.CONSULTED): Step(state=CaseState.IN_REVIEW) for state in _WORKING},
    **{(state, CaseEvent.TASK_DONE): _SOLVED for state in _WORKING},
    **{(state, CaseEvent.JOINED): Step(state=state, follow=(Follow.UPDATE_TASK,)) for state in _WORKING},
    (CaseState.SOLVED, CaseEvent.JOINED): _UNHAPPY_AGAIN,
    **{(state, CaseEvent.RENEWED): Step(state=state, follow=(Follow.UPDATE_TASK,)) for state in _WORKING},
    # Whoever had the task has done it: without a new one nobody would hear of it.
    (CaseState.SOLVED, CaseEvent.RENEWED): _UNHAPPY_AGAIN,
    (CaseState.CLOSED, CaseEvent.RENEWED): _REOPENED,
    (CaseState.CLOSED, CaseEvent.JOINED): Step(state=CaseState.CLOSED, follow=(Follow.NEW_CASE,)),
    (CaseState.SOLVED, CaseEvent.CONFIRMED): Step(state=CaseState.CLOSED, follow=(Follow.RECORD_CONFIRMED,)),
    (CaseState.CLOSED, CaseEvent.CONFIRMED): Step(state=CaseState.CLOSED, follow=(Follow.RECORD_CONFIRMED,)),
    (CaseState.SOLVED, CaseEvent.UNANSWERED): Step(state=CaseState.CLOSED, follow=(Follow.RECORD_UNCONFIRMED,)),
    (CaseState.SOLVED, CaseEvent.DENIED): _REOPENED,
    # Late or not, the customer's word outweighs our clock: a case was closed because nobody had heard from them.
    (CaseState.CLOSED, CaseEvent.DENIED): _REOPENED,
}

#: Every state and event.
STEPS: Mapping[tuple[CaseState, CaseEvent], Step] = MappingProxyType(
    {(state, event): Step(state=state) for state in CaseState for event in CaseEvent} | dict(_MOVES)
)
