"""What *why* and *find* say of each account of the ledgers: `python -m tests.unit.usecases.golden_chains`.

The ledgers are those that `verify` is spoilt with, and the stories, each with its index. An account has its lines, its
balance and its timeline; then each id that a line names has what a search finds by it, and the lines that concern it.
After a change that is meant, the difference shows what people will read.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ledger.domain.contacts import Contact
from ledger.domain.declarations import Declaration
from ledger.domain.errors import NotFound
from ledger.domain.ids import AccountId
from ledger.domain.incidents import Incident
from ledger.providers.registry import names_of_parked
from ledger.usecases.explain_chain import explain_chain
from ledger.usecases.find_records import Searched, find_records
from ledger.usecases.timeline import timeline
from tests.unit.usecases import golden_ledgers
from tests.unit.usecases.golden_ledgers import in_words
from tests.unit.usecases.test_what_is_mailed import mailed, store_with_contact
from tools.index import rows_of
from tools.testing.builders import at, numbered_anew, refund_claim, request_refund
from tools.testing.fakes import FakeStore
from tools.testing.stored_items import items_of

FILE = Path(__file__).parent / "golden" / "chains.txt"
NOW = at(2 * 24 * 60)
"""Two days after the ledgers begin."""
KEY = "k" * 32
"""Of the hashes of addresses."""


def written_to() -> FakeStore:
    """A customer who was sent what there was to write about a request."""
    store = store_with_contact()
    request_refund(store, refund_claim())
    mailed(store)
    return store


ALL: Mapping[str, Callable[[], FakeStore]] = {**golden_ledgers.ALL, "written_to": written_to}


def lines(name: str) -> Iterator[str]:
    """Yield the lines of a ledger."""
    with numbered_anew():
        store = ALL[name]()
    store.put_index_rows([row for item in items_of(store) for row in rows_of(item, KEY)])
    searched = Searched(store, ("stripe", "paddle"), lambda: KEY, names_of_parked)
    for account_id in map(AccountId, sorted(store.accounts)):
        yield account_id
        yield from (f"  {line}" for line in _of_account(account_id, searched))
    for text in _other_names(store):
        yield from (f"find {text}: {in_words(found)}" for found in find_records(text, searched))


def _other_names(store: FakeStore) -> list[str]:
    """Return what people search by that is in no line of an account."""
    customers = {one.customer_id for one in store.receipts.values() if one.customer_id}
    events = {one.event_id for one in store.receipts.values() if one.parked_reason}
    documents = [one for one in store.documents.values() if isinstance(one, Contact | Declaration | Incident)]
    ids = {getattr(one, "declaration_id", None) or getattr(one, "incident_id", None) for one in documents}
    addresses = {one.email for one in documents if isinstance(one, Contact)}
    runs = {run_id for _, run_id in store.runs}
    return sorted({*store.accounts, *store.payments, *customers, *events, *addresses, *runs, *filter(None, ids)})


def _of_account(account_id: AccountId, searched: Searched) -> Iterator[str]:
    chain = explain_chain(account_id, searched, now=NOW)
    numbers = {(line.at, line.words): number for number, line in enumerate(chain.lines, 1)}
    for number, line in enumerate(chain.lines, 1):
        yield f"{number}. {in_words(line)}"
    yield from (f"balance: {sentence}" for sentence in chain.balance)
    page = timeline(account_id, searched.store, limit=200)
    for one in page.lines:
        number_of = numbers.get((one.line.at, one.line.words), one.line.words)
        yield f"timeline: {one.kind} {one.line_id} {one.position} {one.actor} {in_words(one.placed_at)} {number_of}"
    for text in sorted({text for line in chain.lines for text in line.ids}):
        yield from (f"find {text}: {in_words(found)}" for found in find_records(text, searched))
        try:
            of_it = explain_chain(text, searched, account_id, now=NOW)
        except NotFound as error:
            yield f"why {text}: {error}"
            continue
        shown = (str(numbers.get((line.at, line.words), in_words(line))) for line in of_it.lines)
        yield f"why {text}: {', '.join(shown)}{' of ' if of_it.account_ids else ''}{', '.join(of_it.account_ids)}"


if __name__ == "__main__":
    golden_ledgers.write(FILE, ALL, lines)
