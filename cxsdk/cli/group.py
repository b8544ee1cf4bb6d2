"""The command group: finds commands by name, and tells errors plainly."""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from importlib.metadata import version

import click

from cxsdk.errors import BadInput, CxsdkError
from cxsdk.observe import configure, crashing

#: Each command and the module that holds it under the same name; loaded only when it is called.
COMMANDS = {
    "demo": "cxsdk.cli.demo",
    "run": "cxsdk.cli.run",
    "dev": "cxsdk.cli.dev",
    "web": "cxsdk.cli.web",
    "worker": "cxsdk.cli.worker",
    "clock": "cxsdk.cli.clock",
    "db": "cxsdk.cli.db",
    "explain": "cxsdk.cli.explain",
    "erase": "cxsdk.cli.erase",
    "plugins": "cxsdk.cli.plugins",
    "doctor": "cxsdk.cli.doctor",
    "dead": "cxsdk.cli.dead",
    "replay": "cxsdk.cli.replay",
    "token": "cxsdk.cli.token",
    "connect": "cxsdk.cli.connect",
    "key": "cxsdk.cli.key",
    "new": "cxsdk.cli.new",
    "webhook": "cxsdk.cli.webhook",
}


class Commands(click.Group):
    """Our own commands, then those that plugins add."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, ours first."""
        return [*COMMANDS, *sorted(self._plugins_commands())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        if cmd_name in COMMANDS:
            command: click.Command = import_module(COMMANDS[cmd_name]).command
            return command
        return self._plugins_commands().get(cmd_name)

    def _plugins_commands(self) -> dict[str, click.Command]:
        from cxsdk.hooks import Hooks

        return {c.name: c for c in Hooks.load().commands() if isinstance(c, click.Command) and c.name}


@click.group(cls=Commands)
@click.version_option(version("cxsdk"), prog_name="cxsdk")
def cli() -> None:
    """Logs every contact in the CRM you have, asks customers at the right moment, follows up the unhappy."""


def run() -> None:
    """Runs the command line; an error of ours is one line that says what to do."""
    configure()
    crashing.arm(os.environ.get(crashing.VARIABLE, ""))
    logging.getLogger("alembic").setLevel(logging.WARNING)  # says nothing that an operator needs
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except CxsdkError as error:
        click.echo(f"{error.code}: {error}", err=True)
        sys.exit(2 if isinstance(error, BadInput) else 1)
