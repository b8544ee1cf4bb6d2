"""A phone system: it posts each contact, numbered in its content, until that is acknowledged."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Sequence

import requests

from tests.benchmarks.contacts import Contacts, signed

#: How many contacts are under way at once, at most.
THREADS = 16
#: How long it waits for an answer, and before it tries again, in seconds.
ANSWER_S, PAUSE_S = 3.0, 0.3
#: How long it still tries after the load has ended, in seconds.
LAST_TRIES_S = 15.0
#: Customers who call again and again; one call in ten is somebody's first.
REGULARS = 100
ACKNOWLEDGED = 202


class Sender:
    """Sends so many contacts a second, and again what was not acknowledged: the same id, the same bytes."""

    def __init__(self, urls: Sequence[str], per_second: float) -> None:
        self.acked: dict[int, float] = {}  #: when, in seconds since 1970, by the contact's number
        self.answers: Counter[str] = Counter()
        self._urls = urls
        self._per_second = per_second
        self._contacts = Contacts(0, 0, REGULARS)
        self._numbers = itertools.count()
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(THREADS)]

    def start(self) -> None:
        """Begins at once."""
        self._contacts.body(0)  # which numbers are valid is worked out once
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Sends nothing new; what is under way is tried for a while, and then was never acknowledged."""
        self._give_up_at = time.monotonic() + LAST_TRIES_S
        self._ending.set()

    def has_ended(self) -> bool:
        """Whether nothing is under way any more."""
        return not any(thread.is_alive() for thread in self._threads)

    def _send(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            for number in self._numbers:
                turn = self._began + number / self._per_second
                if self._ending.wait(max(0.0, turn - time.monotonic())):
                    return
                self._deliver(session, number)

    def _deliver(self, session: requests.Session, number: int) -> None:
        body = self._contacts.body(number)
        for attempt in itertools.count(number):
            if self._post(session, self._urls[attempt % len(self._urls)], body):
                self.acked[number] = time.time()
                return
            time.sleep(PAUSE_S)
            if self._ending.is_set() and time.monotonic() > self._give_up_at:
                return

    def _post(self, session: requests.Session, url: str, body: bytes) -> bool:
        try:
            status = session.post(url, data=body, headers=signed(body), timeout=ANSWER_S).status_code
        except requests.RequestException as error:
            self.answers[type(error).__name__] += 1
            return False
        self.answers[str(status)] += 1
        return status == ACKNOWLEDGED
