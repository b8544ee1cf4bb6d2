"""``cxsdk plugins``: which plugins there are, and how the accounts of an installation are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from cxsdk.app import CX
from cxsdk.cli import shown
from cxsdk.cli.condition import Known, known_of, told_of
from cxsdk.cli.loading import load_app, store_of
from cxsdk.errors import CxsdkError
from cxsdk.hooks import Found, Hooks, named


@click.command()
@click.argument("app", metavar="[APP]", envvar="CXSDK_APP", required=False)
@click.option("--json", "as_json", is_flag=True, help="Prints one JSON object.")
def command(app: str | None, as_json: bool) -> None:
    """Lists the plugins that were found; with APP also its accounts: what each can do, and whether it works.

    A plugin is enabled, or broken and then left out, with the reason. An account is healthy until it counts as broken.
    """
    cx = load_app(app) if app else None
    hooks = Hooks.load(extra=named(cx.plugins) if cx else ())
    told: dict[str, Any] = {"plugins": [_plugin(hooks, found, cx) for found in hooks.found]}
    if cx is not None:
        known, why = _known(cx)
        told["accounts"] = [told_of(account, cx.public_url, known) for account in cx.accounts()]
        told["health_unknown"] = why
    if as_json:
        click.echo(shown.line(told))
    else:
        click.echo(shown.storable(shown.plain("\n".join(_lines(told)))))


def _plugin(hooks: Hooks, found: Found, cx: CX | None) -> dict[str, Any]:
    classes = [] if found.problem else hooks.classes_of(found.name)
    mine = [one.name for one in cx.accounts() if type(one) in classes] if cx else []
    return {
        "name": found.name,
        "distribution": found.distribution or None,
        "version": found.version or None,
        "state": "broken" if found.problem else "enabled",
        "code": found.code if found.problem else None,
        "why": found.problem or None,
        "classes": [cls.__name__ for cls in classes],
        "hooks": [] if found.problem else hooks.hooks_of(found.name),
        "accounts": mine,
    }


def _known(cx: CX) -> tuple[Known | None, str | None]:
    """What the database knows, or why it cannot be asked."""
    try:
        with store_of(cx) as store, store.read() as tx:
            return known_of(cx, store, tx), None
    except CxsdkError as error:
        return None, f"{error.code}: {error}"


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield "Plugins"
    for plugin in told["plugins"]:
        yield from _about_plugin(plugin)
    if "accounts" in told:
        yield "\nAccounts"
        for account in told["accounts"]:
            yield from about_account(account)
        if told["health_unknown"]:
            yield f"\nWhether they work cannot be told. {told['health_unknown']}"


def _about_plugin(plugin: Mapping[str, Any]) -> Iterator[str]:
    source = " ".join(filter(None, [plugin["distribution"], plugin["version"]])) or "from APP"
    has = ", ".join(plugin["classes"]) or ", ".join(plugin["hooks"])
    yield f"  {plugin['name']:<20} {plugin['state']:<8} {source}{f': {has}' if has else ''}"
    if plugin["why"]:
        yield f"      {plugin['why']}"


def about_account(account: Mapping[str, Any]) -> Iterator[str]:
    """The lines about one account."""
    state = {True: "healthy", False: "broken", None: "unknown"}[account["healthy"]]
    yield f"  {account['name']:<20} {state:<8} {account['plugin']}, {account['kind']}"
    for trouble in account.get("troubles", ()):
        yield f"      {trouble['code'] or 'failing'} ({trouble['part']}) since {trouble['since']}: {trouble['why']}"
        if trouble["cure"]:
            yield f"      {trouble['cure']}"
    for name, value in [*_counts(account), *account["can"].items()]:
        yield f"      {name.replace('_', ' ')}: {_said(value)}"


def _counts(account: Mapping[str, Any]) -> Sequence[tuple[str, Any]]:
    return [(name, account[name]) for name in ("waiting", "limits_used") if account.get(name)]


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(value)
    return "yes" if value is True else f"{value}"
