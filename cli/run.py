"""`billing run`."""

import os
import random
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from cli.options import port_option

if TYPE_CHECKING:
    from rich.console import Console

    from ledger.domain.ids import AccountId
    from tools.devserver.gateway import Gateway
    from tools.local import LocalBackend
    from tools.stories import Notification, Story

LIFE = "life"
"""The name of the lives of customers, which are played over the API and the simulators of the providers."""


def _titles() -> dict[str, str]:
    from tools.stories import stories

    return {story.name: story.title for story in stories()} | {LIFE: "Whole lives of customers, over the API."}


def _complete_story(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name, help=title) for name, title in _titles().items() if name.startswith(incomplete)]


def _checked_stories(_ctx: click.Context, _parameter: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    known = _titles() if names else {}
    for name in names:
        if name not in known:
            raise click.BadParameter(f"there is no story {name}. There are: {', '.join(known)}.")
    return names


@click.command(short_help="Play real deliveries and print the ledger that results.")
@click.option("--seed", type=int, default=7, show_default=True, help="Seed of the order and the repetitions.")
@click.option(
    "--story",
    "names",
    metavar="NAME",
    multiple=True,
    callback=_checked_stories,
    shell_complete=_complete_story,
    help="Play only this story; may be given several times. `life` plays the lives.",
)
@click.option("--in-order", "is_in_order", is_flag=True, help="Deliver each event once and in order.")
@port_option("Listen on this port of 127.0.0.1. Default: 3000.")
def run(*, seed: int, names: tuple[str, ...], is_in_order: bool) -> None:
    """Play the stories of events/ as signed HTTP deliveries, and print the ledger that results.

    Some events are delivered twice or out of order. Then whole lives of customers are played over the API, with
    simulators for the providers. The environment variables are those of `billing serve`. Ends with exit code 1 if a
    response is not as expected, or an invariant is broken.
    """
    from rich.text import Text

    from cli.local import opened_backend
    from cli.paper import findings_table, paper, statement_table
    from cli.verify import verified
    from ledger.domain.ids import AccountId
    from ledger.dynamodb.store import DynamoDBStore
    from ledger.runtime import runtime
    from tools.devserver.mailbox import Mailbox
    from tools.local import disordered
    from tools.orders import place_orders_of
    from tools.statement import statement
    from tools.stories import stories

    chosen = [story for story in stories() if not names or story.name in names]
    console = paper()
    with opened_backend(console) as backend:
        place_orders_of((one for story in chosen for one in story.notifications), runtime().store)
        deliveries = list(disordered(chosen, random.Random(seed), is_in_order=is_in_order))
        responses = _deliver_all(backend.gateway, deliveries, console)
        backend.gateway.stream.drain(30)
        lives = _play_lives(backend, console) if not names or LIFE in names else {}

        store = DynamoDBStore(os.environ["TABLE_NAME"], runtime().connection)
        console.print("\n[bold]What the ledger holds[/]\n")
        for story in chosen:
            data = statement(store, AccountId(story.account_id), datetime.now(UTC))
            nothing = Text(f"{story.account_id}  nothing  {story.title}\n")
            console.print(statement_table(data, story.title) if data else nothing)
        for account_id, title in lives.items():
            data = statement(store, account_id, backend.clock.now())
            console.print(statement_table(data, title) if data else Text(f"{account_id}  nothing  {title}\n"))
        findings = verified(store)
        console.print(findings_table(findings))
        count = len({notification.event_id for _, notification in deliveries})
        is_fine = all(status == 200 for status, _ in responses) and not any(finding.broken for finding in findings)
        console.print(
            f"\n{len(responses)} deliveries of {count} events, "
            + (f"{len(lives)} lives, " if lives else "")
            + ("[green]every invariant holds.[/]" if is_fine else "[red]something is wrong, see above.[/]")
        )
        mailer = runtime().mailer
        if mails := len(mailer.written) if isinstance(mailer, Mailbox) else 0:
            console.print(f"[dim]Mails that customers got: {mails}. `billing mails` lists them, and prints each.[/]")
        console.print("[dim]`make demo` plays a month of customers, and opens the support console on it.[/]")
    if not is_fine:
        sys.exit(1)


def _deliver_all(
    gateway: "Gateway", deliveries: "list[tuple[Story, Notification]]", console: "Console"
) -> list[tuple[int, str]]:
    """Deliver, and print each delivery with its response as it comes."""
    from rich.text import Text

    from tools.local import deliver

    rows = [
        ("story", "delivered", "to"),
        *((story.name, notification.event_type, notification.to) for story, notification in deliveries),
    ]
    name_width, type_width, to_width = (max(map(len, column)) for column in zip(*rows, strict=True))
    responses, previous = [], ""
    if deliveries:
        console.print(f"[dim]{'story':{name_width}}  {'delivered':{type_width}}  {'to':{to_width}}  response[/]")
    for story, notification in deliveries:
        status, outcome = deliver(gateway, notification)
        responses.append((status, outcome))
        style = {"booked": "green", "already_booked": "dim", "noted": "dim", "waiting": "yellow"}.get(outcome, "red")
        name = story.name if story.name != previous else ""
        line = f"{name:{name_width}}  {notification.event_type:{type_width}}  {notification.to:{to_width}}  "
        console.print(Text.assemble(line, (f"{status} {outcome}", style)), soft_wrap=True)
        previous = story.name
    return responses


def _play_lives(backend: "LocalBackend", console: "Console") -> "dict[AccountId, str]":
    """Play the lives, and print each step with its response. Return the title of each account's life."""
    from rich.text import Text

    from tools.devserver.customer_lives import LIVES, Life, Player, Step, World

    if backend.stripe is None or backend.paddle is None:
        console.print("[dim]The lives are not played: the environment names providers to call.[/]")
        return {}
    world = World(backend.gateway, backend.stripe, backend.paddle, backend.clock)
    console.print(f"\n[dim]{'life':12}  {'who':12}  {'what':30}  result[/]")
    titles: dict[AccountId, str] = {}
    for account_id, life in LIVES.items():
        titles[account_id] = (life.__doc__ or "").strip()
        printed: set[str] = set()

        def show(step: Step, life: Life = life, printed: set[str] = printed) -> None:
            name = "" if life.__name__ in printed else life.__name__
            printed.add(life.__name__)
            result = (step.result, "green" if step.is_expected else "red")
            console.print(Text.assemble(f"{name:12}  {step.who:12}  {step.what:30}  ", result), soft_wrap=True)

        life(Player(account_id, world, show))
    return titles
