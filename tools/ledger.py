"""Read a ledger: an account's statement, or the proof that every invariant holds over the whole table.

They read the table of the local server that runs (`make serve`), or the one that the environment names: TABLE_NAME, and
AWS_ENDPOINT_URL_DYNAMODB unless it lies in AWS.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from pynamodb.connection import Connection
from pynamodb.exceptions import PynamoDBException
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ledger.domain.errors import StoreUnavailable
from ledger.domain.ids import AccountId
from ledger.dynamodb.store import DynamoDBStore
from tools.devserver import environment
from tools.statement import paper, render, statement
from tools.verify import Finding, World, as_json, check

SEGMENTS = 4


def main() -> int:
    """Print a statement or a verification. Exit code 1: no such account, or a broken invariant; 2: nothing to read."""
    parser = argparse.ArgumentParser(prog="python -m tools.ledger", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("statement", help="one account's lots, holds and entries")
    one.add_argument("--account", required=True, help="the account's id, as in acct_ada")
    whole = commands.add_parser("verify", help="prove the invariants of the whole table")
    for command in (one, whole):
        command.add_argument("--json", action="store_true", help="for machines")
    arguments = parser.parse_args()
    try:
        environment.use_running_table()
    except environment.NoTable as problem:
        print(problem, file=sys.stderr)
        return 2
    store = DynamoDBStore(os.environ["TABLE_NAME"], Connection(region=os.environ["AWS_DEFAULT_REGION"]))
    try:
        if arguments.command == "verify":
            return _verify(store, is_json=arguments.json)
        return _statement(store, AccountId(arguments.account), is_json=arguments.json)
    except (StoreUnavailable, PynamoDBException) as problem:
        where = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB") or "AWS; AWS_ENDPOINT_URL_DYNAMODB names another place"
        print(f"The table {os.environ['TABLE_NAME']} can't be read at {where}: {problem}", file=sys.stderr)
        return 2


def _statement(store: DynamoDBStore, account_id: AccountId, *, is_json: bool) -> int:
    data = statement(store, account_id, datetime.now(UTC))
    if data is None:
        print(f"There is no account {account_id} in this table.", file=sys.stderr)
        return 1
    if is_json:
        print(json.dumps(data, indent=2))
    else:
        paper().print(render(data))
    return 0


def _verify(store: DynamoDBStore, *, is_json: bool) -> int:
    world = World()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,} items"))
    told = Console(stderr=True)
    with Progress(
        *columns, TimeElapsedColumn(), console=told, transient=True, disable=not told.is_terminal
    ) as progress:
        scan = progress.add_task("reading the table")
        read_world(store, world, lambda: progress.advance(scan))
    findings = check(world)
    if is_json:
        print(json.dumps(as_json(findings), indent=2))
    else:
        paper().print(findings_table(findings))
    return 1 if any(finding.broken for finding in findings) else 0


def read_world(store: DynamoDBStore, world: World, told: Callable[[], None] = lambda: None) -> None:
    """Scan the table in parallel segments into `world`."""

    def read(segment: int) -> None:
        for item in store.scan(segment, SEGMENTS):
            world.add(item)
            told()

    with ThreadPoolExecutor(SEGMENTS) as pool:
        list(pool.map(read, range(SEGMENTS)))


def findings_table(findings: list[Finding]) -> Table:
    """The findings for a person."""
    table = Table(box=None, padding=(0, 2))
    table.add_column("")
    table.add_column("invariant")
    table.add_column("checked", justify="right")
    table.add_column("broken")
    for finding in findings:
        broken = ", ".join(finding.broken[:5]) + (f" and {len(finding.broken) - 5} more" if finding.broken[5:] else "")
        mark = "[red]✗[/]" if finding.broken else "[green]✓[/]"
        table.add_row(mark, finding.invariant, f"{finding.checked:,}", f"[red]{broken}[/]" if broken else "none")
    return table


if __name__ == "__main__":
    sys.exit(main())
