"""``python -m tests.soak``: soaks one side and prints its line; exit code 1 where that is not as it should be."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Ours must lose and double nothing; the naive one must, or the soak would not notice."""
    from tests.servers.__main__ import stop_cleanly
    from tests.servers.process import scratch
    from tests.soak.sides import Naive, Ours
    from tests.soak.soaking import soak

    given = _options().parse_args(arguments)
    stop_cleanly()
    with scratch("soak") as folder:
        asked = {"duration_s": given.duration, "seed": given.seed, "per_second": given.rate}
        try:
            report = soak(Naive if given.naive else Ours, **asked, folder=folder)
        finally:
            _keep_logs(folder, given.logs)
    print(json.dumps(report.line()), flush=True)
    for what in (*report.verdict.lost[:10], *report.verdict.doubled[:10]):
        print(f"{report.side} lost or doubled: {what}", file=sys.stderr)
    return 0 if report.verdict.is_clean != given.naive else 1


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m tests.soak")
    options.add_argument("--duration", type=float, default=60, help="seconds under load")
    options.add_argument("--seed", type=int, default=1, help="which troubles there are")
    options.add_argument("--rate", type=float, default=50, help="contacts a second for each of the two accounts")
    options.add_argument("--naive", action="store_true", help="soak the naive integration instead")
    options.add_argument("--logs", type=Path, help="a folder in which logs and ledgers are kept")
    return options


def _keep_logs(folder: Path, kept: Path | None) -> None:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        for file in (*folder.glob("*.log"), *folder.glob("*.ledger")):
            shutil.copy(file, kept)


if __name__ == "__main__":
    sys.exit(main())
