"""`billing why`."""

import json
from datetime import UTC, datetime

import click

from cli.errors import CannotRun, Refused
from cli.options import json_option, reads_port


def _address_key(text: str) -> str | None:
    """Return the key of addresses' hashes, if it is an address that is searched. None: there is none, so scan."""
    from cli.index import address_key
    from ledger.domain.contacts import is_address

    try:
        return address_key() if is_address(text) else None
    except CannotRun:
        return None


@click.command(short_help="Explain what led to an id, what followed from it, and the balance.")
@click.argument("id_", metavar="ID")
@click.option("is_whole", "--scan", is_flag=True, help="Read the whole table, whatever a key or the index leads to.")
@json_option
@reads_port
def why(id_: str, *, is_whole: bool, is_json: bool) -> None:
    """Explain ID: what led to it, what followed from it, what it waits for, and the balance of its account.

    ID is of an account, event, entry, lot, run, order or refund case, an invoice's number, an e-mail address, or any id
    of a provider: of a payment, charge, customer, subscription, checkout, refund or dispute, with or without the
    provider's name.

    An id that is part of no key is looked for in the index of find: a refund, a dispute, an invoice's number, an
    address, a failed run, and whatever a parked event names. If no row leads to it (an event of a known customer, a
    run), the whole table is read, and the command says so. Only --scan finds a delivery that names no customer, and
    whose facts later ones have replaced.
    Reads the table of the running server, or the one that TABLE_NAME names. Ends with exit code 1 if nothing mentions
    ID.
    """
    from cli.paper import chain_table, paper
    from cli.progress import progress
    from cli.table import opened_table
    from tools.ledger import about_how_many
    from tools.why import FoundBy, NotFoundAnywhere, collect, lines_of, lines_that_concern
    from tools.why.chain import as_json, balance_in_words

    with opened_table() as store:
        try:
            with progress("looking for it in the table", "items", about_how_many(store), is_estimated=True) as advance:
                world, found_by = collect(id_, store, advance, is_whole=is_whole, address_key=_address_key(id_))
        except NotFoundAnywhere as error:
            raise Refused(f"Nothing in this table mentions {id_}. Check the id, and --port or TABLE_NAME.") from error
    if found_by is FoundBy.SCAN and not is_whole:
        click.echo(f"No key, and no row of the index, leads to {id_}: the whole table was read.", err=True)
    every = lines_of(world, id_)
    lines = every if id_ in world.accounts else lines_that_concern(id_, every)
    sentences = balance_in_words(world, datetime.now(UTC))
    if is_json:
        click.echo(
            json.dumps({"id": id_, "found_by": found_by, "lines": as_json(lines), "balance": sentences}, indent=2)
        )
    else:
        paper().print(chain_table(lines, sentences))
