"""``python -m tests.servers [COMMAND…]``: runs a command, or a shell, with the servers ready that tests need."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests import servers


def main(command: list[str]) -> int:
    """Runs the command to its end, stops the servers whatever happens, and returns the command's exit code."""
    stop_cleanly()
    with servers.started() as missing:
        for name, reason in missing.items():
            print(f"{servers.MISSING}{name}: {reason}", file=sys.stderr)
        return run_to_end(command or [os.environ.get("SHELL", "/bin/sh")])


def stop_cleanly() -> None:
    """Makes SIGTERM end this process like an exit, so that what it started is stopped."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def run_to_end(command: list[str]) -> int:
    """Runs a command and waits until it has ended, also when we are told to end: it has things to stop as well."""
    process = subprocess.Popen(command)
    try:
        return process.wait()
    except KeyboardInterrupt:  # Ctrl-C has reached the command as well
        process.wait()
        raise
    except SystemExit:
        process.terminate()
        process.wait()
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
