"""SQLite, everything in one process."""

from __future__ import annotations

from tests.crash.killing import killed_here

DATABASE, BROKER = "sqlite", "memory"

test_a_process_that_is_killed_here_loses_and_doubles_nothing = killed_here
