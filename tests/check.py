"""``make test``: every step of it, quickest first, then one summary that ends with what was missing."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass

from tests import servers
from tests.servers.__main__ import run_to_end, stop_cleanly

QUICK = ("lint", "imports", "types", "docs")
WITH_SERVERS = ("pytest",)


@dataclass(frozen=True)
class Done:
    """One step, and how it went."""

    step: str
    passed: bool
    seconds: float


def main() -> int:
    """Runs all steps, whatever becomes of each. Where CI=true, a missing server is a failure too."""
    stop_cleanly()
    done = [_run(step) for step in QUICK]
    with servers.started() as missing:
        done += [_run(step) for step in WITH_SERVERS]
    _tell(done, missing)
    complete = not missing or os.environ.get("CI") != "true"
    return 0 if complete and all(step.passed for step in done) else 1


def _run(step: str) -> Done:
    print(f"\n== {step}", flush=True)
    began = time.monotonic()
    passed = run_to_end(["make", "--no-print-directory", "--jobs", "2", step]) == 0
    return Done(step, passed, time.monotonic() - began)


def _tell(done: list[Done], missing: dict[str, str]) -> None:
    print("\n== summary")
    for step in done:
        print(f"{step.step:10} {'passed' if step.passed else 'FAILED'} {step.seconds:6.1f} s")
    for name, reason in missing.items():
        print(f"{servers.MISSING}{name}: {reason}")


if __name__ == "__main__":
    sys.exit(main())
