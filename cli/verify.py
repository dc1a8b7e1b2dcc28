"""`billing verify`."""

import json
import sqlite3
import sys
from typing import TYPE_CHECKING

import click

from cli.errors import CannotRun
from cli.options import json_option, reads_port

if TYPE_CHECKING:
    from tools.ledger import Scanned
    from tools.verify import Finding


def verified(store: "Scanned") -> "list[Finding]":
    """Check every invariant over the whole table, and show how far that is. Raise CannotRun if the disk is full."""
    from cli.progress import progress
    from tools.ledger import about_how_many, read_table
    from tools.verify import check_all
    from tools.verify.table import Table

    try:
        with Table() as table:
            with progress("reading the table", "items", about_how_many(store), is_estimated=True) as advance:
                read_table(store, table, advance)
            with progress("checking the invariants", "items", table.count) as advance:
                return check_all(table.worlds(advance))
    except sqlite3.OperationalError as problem:
        raise CannotRun(f"What is read needs room on a disk: {problem}. TMPDIR names the folder.") from problem


@click.command(short_help="Check every invariant over the whole table.")
@json_option
@reads_port
def verify(*, is_json: bool) -> None:
    """Check every invariant over the whole table.

    Reads the table of the running server (`billing serve`), or the table that TABLE_NAME names: in AWS, or at
    AWS_ENDPOINT_URL_DYNAMODB. Ends with exit code 1 if an invariant is broken, with 2 if the table has no items.

    The table may be of any size: what was read of it is on disk until it is checked, in a file under TMPDIR that takes
    up to three times the size of the table and is gone when the command ends.
    """
    from cli.paper import findings_table, paper
    from cli.table import opened_table
    from tools.verify import as_json

    with opened_table() as store:
        findings = verified(store)
    if is_json:
        click.echo(json.dumps(as_json(findings), indent=2))
    else:
        paper().print(findings_table(findings))
    if not any(finding.checked for finding in findings):
        raise CannotRun("The table has no items: nothing was checked. Does TABLE_NAME name the right table?")
    if any(finding.broken for finding in findings):
        sys.exit(1)
