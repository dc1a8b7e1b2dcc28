"""`billing why`."""

import json

import click

from cli.errors import Refused
from cli.options import json_option, reads_port


@click.command(short_help="Explain what led to an id, what followed from it, and the balance.")
@click.argument("id_", metavar="ID")
@json_option
@reads_port
def why(id_: str, *, is_json: bool) -> None:
    """Explain ID: what led to it, what followed from it, what it waits for, and the balance of its account.

    ID is of an account, event, entry, lot, run, order or refund case, an invoice's number, or any id of a provider: of
    a payment, charge, customer, subscription, checkout, refund or dispute, with or without the provider's name.

    An id that is part of no key (an event of a known customer, a run, a refund, a dispute, an invoice's number) is
    looked for in the whole table. Reads the table of the running server, or the one that TABLE_NAME names. Ends with
    exit code 1 if nothing mentions ID.
    """
    from cli.paper import chain_table, paper
    from cli.progress import progress
    from cli.table import opened_table
    from tools.ledger import about_how_many
    from tools.why import NotFoundAnywhere, collect, lines_of, lines_that_concern
    from tools.why.chain import as_json, balance_in_words

    with opened_table() as store:
        try:
            with progress("looking for it in the table", "items", about_how_many(store), is_estimated=True) as advance:
                world = collect(id_, store, advance)
        except NotFoundAnywhere as error:
            raise Refused(f"Nothing in this table mentions {id_}. Check the id, and --port or TABLE_NAME.") from error
    every = lines_of(world)
    lines = every if id_ in world.accounts else lines_that_concern(id_, every)
    sentences = balance_in_words(world)
    if is_json:
        click.echo(json.dumps({"id": id_, "lines": as_json(lines), "balance": sentences}, indent=2))
    else:
        paper().print(chain_table(lines, sentences))
