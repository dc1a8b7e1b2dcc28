"""`billing mutes`."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from cli.errors import CannotRun, Refused
from cli.options import json_option, reads_port

if TYPE_CHECKING:
    from tools.support_api import SupportApi

_ID_WIDTH = len("mute_0123456789abcdef01234567")
_why = click.option("--why", required=True, help="The reason. It is recorded with your name.")


@contextmanager
def _called() -> "Iterator[SupportApi]":
    """Yield the API of support. Raise CannotRun if there is none, or no token for it, and Refused as it does."""
    from tools.support_api import ApiRefused, NoApi, api

    try:
        yield api()
    except NoApi as problem:
        raise CannotRun(str(problem)) from problem
    except ApiRefused as problem:
        raise Refused(str(problem)) from problem


def _kind(mute: dict[str, Any]) -> str:
    detail = f" ({mute['detail']})" if mute["detail"] else ""
    return f"{mute['provider']} {mute['event_type']}, {mute['reason']}{detail}"


@click.group(short_help="List, add and end mutes of parked events that need no attention.")
def mutes() -> None:
    """List, add and end mutes: kinds of parked events that need no attention. Also those that come later.

    Calls the API of support at API_URL, or that of the running server, with the access token API_TOKEN of a person of
    support. What is done is recorded with that person's name.
    """


@mutes.command("list", short_help="List the mutes, those in force first.")
@json_option
@reads_port
def list_mutes(*, is_json: bool) -> None:
    """List each mute with who muted it, when and why, and how many of its events are parked."""
    from rich.table import Table
    from rich.text import Text

    from cli.paper import paper

    with _called() as api:
        found = api.get("/support/mutes")
    if is_json:
        click.echo(json.dumps(found, indent=2))
        return
    if not found["mutes"]:
        click.echo("Nothing is muted.", err=True)
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("id", no_wrap=True, min_width=_ID_WIDTH)
    for column in ("events", "kind", "muted", "why", "state"):
        table.add_column(column, overflow="fold")
    for one in found["mutes"]:
        state = "in force" if one["is_in_force"] else f"ended by {one['ended_by']}: {one['ended_why']}"
        muted = f"{one['muted_at'][:10]} by {one['muted_by']}"
        row = (one["mute_id"], f"{one['events']:,}", _kind(one), muted, one["why"], state)
        table.add_row(*map(Text, row))
    paper().print(table)
    if found["is_cut"]:
        click.echo("There are more muted events than were counted.", err=True)


@mutes.command("add", short_help="Mute the kind of a parked event.")
@click.argument("parked_id")
@_why
@json_option
@reads_port
def add(parked_id: str, *, why: str, is_json: bool) -> None:
    """Mute the kind of the parked event PARKED_ID: its provider, type, reason and exact detail. Idempotent.

    The events stay parked, and each deployment tries them again. What names an order, an account or a price of ours is
    never muted: the command ends with exit code 1, and so it does if there is no such event.
    """
    _changed(lambda api: api.post(f"/support/parked/{quote(parked_id, safe='')}/mute", {"why": why}), is_json=is_json)


@mutes.command("end", short_help="End a mute.")
@click.argument("mute_id")
@_why
@json_option
@reads_port
def end(mute_id: str, *, why: str, is_json: bool) -> None:
    """End the mute MUTE_ID: its events are among those that need a person again. Idempotent.

    Some are moved at once, the others within the hour. Ends with exit code 1 if there is no such mute.
    """
    _changed(lambda api: api.post(f"/support/mutes/{quote(mute_id, safe='')}/end", {"why": why}), is_json=is_json)


def _changed(change: "Callable[[SupportApi], dict[str, Any]]", *, is_json: bool) -> None:
    with _called() as api:
        mute = change(api)
    if is_json:
        click.echo(json.dumps(mute, indent=2))
        return
    state = "is muted" if mute["is_in_force"] else "is no longer muted"
    later = "" if mute["is_settled"] else " Some of its events are moved within the hour."
    click.echo(f"{mute['mute_id']}: {_kind(mute)} {state}.{later}")
