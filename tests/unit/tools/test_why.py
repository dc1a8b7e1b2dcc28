"""`why` finds the whole chain from any id, and nothing of another account; each line is in words."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

import pytest

from ledger.domain import facts as fact_module
from ledger.domain.entries import EntryKind
from ledger.domain.facts import Fact, HoldLifted
from ledger.domain.index_rows import IndexRow, NameKind
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import ParkReason, RecordOutcome
from ledger.dynamodb import keys
from ledger.dynamodb.items import Item, to_document
from ledger.ports.documents import index_row_key
from ledger.usecases import chain_lines
from ledger.usecases.chain import mentions
from tools.index import rows_of
from tools.testing.builders import at, paid, payment, record_events
from tools.testing.fakes import FakeStore
from tools.testing.ledgers import LEDGERS
from tools.testing.stored_items import items_of
from tools.verify.world import World
from tools.why import FoundBy, NotFoundAnywhere, collect, lines_of, lines_that_concern
from tools.why.chain import balance_in_words


class Items:
    """A table of these items. It counts what was read."""

    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self.scanned = 0

    def partition(self, key: keys.Key) -> Iterator[Item]:
        """Yield every item of a partition."""
        return (item for item in self.items if item["pk"] == key["pk"])

    def scan(self, segment: int = 0, segments: int = 1) -> Iterator[Item]:
        """Yield a segment."""
        for item in self.items[segment::segments]:
            self.scanned += 1
            yield item


def world_of(items: list[Item]) -> World:
    """Everything that these items hold."""
    world = World()
    for item in items:
        world.add(item)
    return world


def ids_of(world: World) -> Iterator[str]:
    """Every id with which somebody may ask, of everything in a ledger that has an account."""
    yield from world.accounts
    for entry in world.entries:
        yield from (entry.entry_id, entry.lot_id, entry.cause)
    for run in world.runs:
        if run.drawn:
            yield run.run_id
    for case in world.cases.values():
        yield from (case.case_id, case.payment_id)
    for purchase, settled in world.purchases():
        yield from purchase.names
        yield from (name.partition(":")[2] for name in purchase.names)
        yield from filter(None, (settled.order_id, settled.customer_id, settled.invoice_number))
        for fact in purchase.facts.values():
            if not isinstance(fact, HoldLifted):
                yield fact.cause.partition(":")[2]
            for name in ("refund_id", "dispute_id", "adjustment_id", "credit_id", "tag"):
                if value := getattr(fact, name, None):
                    yield str(value)


@pytest.mark.parametrize("name", sorted(LEDGERS))
def test_every_id_leads_to_its_account_and_explains_something(name: str) -> None:
    """Whatever part of it is known; and the whole account is explained by its own id."""
    items = items_of(LEDGERS[name]())
    world = world_of(items)
    for text in {one for one in ids_of(world) if one}:
        found = collect(text, Items(items)).world
        assert found.accounts.keys() <= world.accounts.keys()
        every = lines_of(found)
        lines = every if text in found.accounts else lines_that_concern(text, every)
        assert lines, text


@pytest.mark.parametrize("name", sorted(LEDGERS))
def test_an_account_is_explained_by_all_that_it_has(name: str) -> None:
    """Every entry with the balance after it, and the sums of them in a sentence."""
    items = items_of(LEDGERS[name]())
    world = world_of(items)
    for account_id, account in world.accounts.items():
        has = f"{account_id} has {account.balance:,} credit{'' if account.balance == 1 else 's'}: "
        found = collect(account_id, Items(items)).world
        own = [entry for entry in world.entries if entry.account_id == account_id]
        lines = [line for line in lines_of(found) if line.kind == "entry"]
        of_it = [line for line in lines if line.ids & {entry.entry_id for entry in own}]
        assert (len(of_it), sum(line.credits or 0 for line in of_it)) == (len(own), account.balance)
        assert any(sentence.startswith(has) for sentence in balance_in_words(found, at(0)))


def test_a_key_is_looked_up_and_the_rest_is_looked_for() -> None:
    """A payment, an order and an account read no more than theirs; a refund's id is in no key."""
    items = items_of(LEDGERS["refunded"]())
    world = world_of(items)
    (purchase, settled), *_ = world.purchases()
    for text in (settled.payment_id, settled.payment_id.partition(":")[2], settled.account_id, *purchase.names):
        table = Items(items)
        collect(text, table)
        assert table.scanned == 0, text
    table = Items(items)
    advanced: list[int] = []
    refund = next(fact for fact in purchase.facts.values() if isinstance(fact, fact_module.RefundChanged))
    found, by = collect(refund.refund_id, table, advanced.append)
    assert (table.scanned, sum(advanced), by) == (len(items), len(items), FoundBy.SCAN)
    assert settled.payment_id in found.payments


def indexed(items: list[Item]) -> list[Item]:
    """Items with the rows of the index that `billing index` writes."""
    rows = [row for item in items for row in rows_of(item, "k" * 32)]
    return [*items, *({keys.primary_key(one)["pk"]["S"] + one["sk"]["S"]: one for one in map(row_item, rows)}.values())]


def row_item(row: IndexRow) -> Item:
    """The item of a row."""
    return to_document(index_row_key(row), row)


@pytest.mark.parametrize("name", ["refunded", "stripe_dispute_won", "paddle_warning_reversed", "used", "renewed"])
def test_the_index_leads_to_what_no_key_has(name: str) -> None:
    """A refund, a dispute, an invoice's number, a failed run: the table is not read, and the chain is the same.

    Only a scan finds a delivery that names no customer, and whose facts later ones have replaced.
    """
    items = indexed(items_of(LEDGERS[name]()))
    rows = [row for row in world_of(items).index_rows.values() if row.name and row.kind is not NameKind.ADDRESS]
    assert rows
    for row in rows:
        by_index, by_scan = Items(items), Items(items)
        found, by = collect(row.name, by_index)
        assert by in {FoundBy.INDEX, FoundBy.KEY}, row
        assert by_index.scanned == 0
        whole, by = collect(row.name, by_scan, is_whole=True)
        assert (by, by_scan.scanned) == (FoundBy.SCAN, len(items))
        shown, every = (lines_that_concern(row.name, lines_of(one)) for one in (found, whole))
        assert shown, row
        assert shown == [line for line in every if line in shown], row
        assert {line.kind for line in every if line not in shown} <= {"event"}, row


@pytest.mark.parametrize("number", ["INV-0001", "inv-0001", "Re 2026 / 1a"])
def test_an_invoices_number_is_found_however_its_letters_are_written(number: str) -> None:
    """The index has it in upper case and without spaces: the table is not read."""
    store = FakeStore()
    record_events(store, paid(replace(payment(), invoice_number=number)))
    for asked in (number, number.upper(), number.lower(), "".join(number.split())):
        table = Items(indexed(items_of(store)))
        found, by = collect(asked, table)
        assert (by, table.scanned) == (FoundBy.INDEX, 0), asked
        shown = lines_that_concern(asked, lines_of(found))
        assert any(line.words.startswith("stripe:pi_1: paid") for line in shown), asked


def test_a_row_that_leads_to_nothing_of_the_name_is_no_answer() -> None:
    """Its purchase does not have the refund: the table is read."""
    items = items_of(LEDGERS["refunded"]())
    (purchase, _), *_ = world_of(items).purchases()
    wrong = IndexRow(kind=NameKind.REFUND, name="re_9", subject="stripe:re_9", payment_id=purchase.payment_id)
    table = Items([*items, row_item(wrong)])
    assert (collect("re_9", table).found_by, table.scanned) == (FoundBy.SCAN, len(table.items))


def test_what_nothing_mentions_is_not_found() -> None:
    """Nor is a part of an id, nor one that goes on."""
    table = Items(items_of(LEDGERS["refunded"]()))
    for text in ("acct_nobody", "acct", "acct_ada2", "pi"):
        with pytest.raises(NotFoundAnywhere):
            collect(text, table)


@pytest.mark.parametrize(
    ("written", "is_there"),
    [("pi_1", True), ("stripe:pi_1/0", True), ("pi_12", False), ("api_1", False), ("pi_1-2", False), ("x.pi_1", True)],
)
def test_an_id_is_no_part_of_a_longer_one(written: str, is_there: bool) -> None:
    """Its parts are separated by colons, slashes and the like."""
    assert mentions({"S": written}, "pi_1") is is_there


def test_one_accounts_chain_has_nothing_of_anothers() -> None:
    """Though both are in one table."""
    mine, others = items_of(LEDGERS["refunded"]()), items_of(LEDGERS["not_ours"]())
    accounts = world_of(others).accounts.keys() - world_of(mine).accounts.keys()
    found = collect(next(iter(world_of(mine).accounts)), Items(mine + others)).world
    assert not accounts & found.accounts.keys()


def test_a_parked_event_says_what_releases_it() -> None:
    """And a fact whose payment was not reported says so. Both are open."""
    opened = []
    for make in LEDGERS.values():
        world = world_of(items_of(make()))
        opened += [line for line in lines_of(world) if line.is_open]
    words = "\n".join(line.words for line in opened)
    assert "parked" in words
    assert "releases it" in words
    assert "its payment was not reported: it counts when that is" in words


def test_everything_has_words() -> None:
    """Each kind of fact, of entry, of outcome and of reason: a new one fails here, not for the person who asks."""
    worlds = [world_of(items_of(make())) for make in LEDGERS.values()]
    purchases = [one for world in worlds for one in world.payments.values() if isinstance(one, Purchase)]
    assert {type(fact) for one in purchases for fact in one.facts.values()} == set(get_args(Fact))
    assert [line for world in worlds for line in lines_of(world) if re.search(r"^$|\bNone\b(?! of)", line.words)] == []
    assert chain_lines.MOVED.keys() == set(EntryKind)
    assert chain_lines.OUTCOMES.keys() == set(RecordOutcome)
    assert {reason.trigger for reason in ParkReason} == chain_lines.RELEASED_BY.keys()
