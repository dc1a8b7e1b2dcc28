"""`billing ledger`."""

import json
from datetime import UTC, datetime

import click

from cli.errors import Refused
from cli.options import AccountId, json_option, reads_port


@click.command(short_help="Print an account's statement.")
@click.argument("account", type=AccountId())
@json_option
@reads_port
def ledger(account: str, *, is_json: bool) -> None:
    """Print the statement of ACCOUNT, for example acct_ada: its lots, holds and entries.

    Reads the table of the running server (`billing serve`), or the table that TABLE_NAME names: in AWS, or at
    AWS_ENDPOINT_URL_DYNAMODB. Ends with exit code 1 if there is no such account.
    """
    from cli.paper import paper, statement_table
    from cli.table import opened_table
    from ledger.domain.ids import AccountId as Id
    from tools.statement import statement

    with opened_table() as store:
        data = statement(store, Id(account), datetime.now(UTC))
    if data is None:
        raise Refused(f"There is no account {account} in this table. Check the id, and --port or TABLE_NAME.")
    if is_json:
        click.echo(json.dumps(data, indent=2))
    else:
        paper().print(statement_table(data))
