"""`billing index`."""

import json
import os
from typing import TYPE_CHECKING

import click

from cli.errors import CannotRun, Refused
from cli.options import json_option, reads_port

if TYPE_CHECKING:
    from tools.index import IndexCheck


def address_key() -> str:
    """Return the key of addresses' hashes: the deployment's, or that of the local run. Raise CannotRun."""
    from ledger.config import Config
    from ledger.domain.errors import BillingError
    from ledger.runtime import Runtime
    from tools.devserver import environment
    from tools.signing import LOCAL_ADDRESS_KEY

    is_local = environment.running_server().get("table_name") == os.environ["TABLE_NAME"]
    names = dict(os.environ)
    if is_local:
        names.setdefault("ADDRESS_KEY", LOCAL_ADDRESS_KEY)
    try:
        return Runtime(Config.of(names)).address_key
    except BillingError as problem:
        raise CannotRun(f"{problem} Set ADDRESS_KEY_NAME to the name of the deployment's secret.") from problem


def _report(found: "IndexCheck", *, is_json: bool) -> None:
    """Print what is wrong with the index. Raise Refused if anything is."""
    from tools.index import RowFault

    if is_json:
        faults = {fault: {"rows": found.faults[fault], "first": found.named.get(fault, [])} for fault in RowFault}
        click.echo(json.dumps({"rows": found.rows, "faults": faults, "unreadable": found.unreadable}, indent=2))
    else:
        for fault in RowFault:
            for name in found.named.get(fault, []):
                click.echo(f"{fault}: {name}")
        counted = ", ".join(f"{found.faults[fault]:,} {fault}" for fault in RowFault)
        click.echo(f"{found.rows:,} rows of the index: {counted}.")
    if found.unreadable:
        raise Refused(f"{found.unreadable:,} items can't be read by this release. `billing verify` names them.")
    if found.faults.total():
        raise Refused("The index is not what follows from the ledger. `billing index` writes what is missing or stale.")


@click.command(short_help="Write or check the whole index of find from what is stored.")
@click.option("--check", "is_checked", is_flag=True, help="Compare the rows with what is stored, and write nothing.")
@json_option
@reads_port
def index(*, is_checked: bool, is_json: bool) -> None:
    """Write the whole index by which support finds invoices' numbers, refunds, disputes, addresses, amounts, and events
    that nobody could book.

    Run it once over a table that is older than the index, after events for index_names were given up, and after the key
    of addresses has changed. It reads the whole table, adds the rows that are missing, and changes nothing else: it can
    be interrupted, and run again, beside a running system.

    With --check it names rows that are missing, that say something else than what is stored, and that lead to nothing
    with their name, and ends with exit code 1 if there are any. A run without --check mends the first two. The third
    stays: a search reads what a row leads to, and shows nothing that is not so.

    Reads the table of the running server, or the one that TABLE_NAME names. In AWS, ADDRESS_KEY_NAME names the secret
    with the key of addresses. Ends with exit code 1 if there are items that this release can't read.
    """
    from cli.progress import progress
    from cli.table import opened_table
    from tools.index import UNREADABLE, check_index, write_index
    from tools.ledger import about_how_many

    with opened_table() as store:
        key = address_key()
        if is_checked:
            with progress("checking the index", "items", about_how_many(store), is_estimated=True) as advance:
                found = check_index(store, key, advance)
            _report(found, is_json=is_json)
            return
        with progress("writing the index", "items", about_how_many(store), is_estimated=True) as advance:
            counts = write_index(store, key, advance)
    unreadable = counts.pop(UNREADABLE, 0)
    if is_json:
        click.echo(json.dumps({"rows": dict(sorted(counts.items())), "unreadable": unreadable}, indent=2))
    else:
        written = ", ".join(f"{count:,} of {kind}" for kind, count in sorted(counts.items()))
        click.echo(f"{counts.total():,} rows of the index are there{f': {written}' if written else ''}.")
    if unreadable:
        raise Refused(
            f"{unreadable:,} items can't be read by this release, and have no rows. `billing verify` names them."
        )
