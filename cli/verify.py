"""`billing verify`."""

import json
import sys

import click

from cli.errors import CannotRun
from cli.options import json_option, reads_port


@click.command(short_help="Check every invariant over the whole table.")
@json_option
@reads_port
def verify(*, is_json: bool) -> None:
    """Check every invariant over the whole table.

    Reads the table of the running server (`billing serve`), or the table that TABLE_NAME names: in AWS, or at
    AWS_ENDPOINT_URL_DYNAMODB. Ends with exit code 1 if an invariant is broken, with 2 if the table has no items.
    """
    from cli.paper import findings_table, paper
    from cli.progress import progress
    from cli.table import opened_table
    from tools.ledger import read_world
    from tools.verify import World, as_json, check

    world = World()
    with opened_table() as store, progress("reading the table", "items") as advance:
        read_world(store, world, advance)
    with progress("checking the invariants"):
        findings = check(world)
    if is_json:
        click.echo(json.dumps(as_json(findings), indent=2))
    else:
        paper().print(findings_table(findings))
    if not any(finding.checked for finding in findings):
        raise CannotRun("The table has no items: nothing was checked. Does TABLE_NAME name the right table?")
    if any(finding.broken for finding in findings):
        sys.exit(1)
