"""A table is checked part by part, with the findings that all of it at once would have."""

import gc
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import pytest

from ledger.dynamodb.items import Item, to_receipt
from tools.testing.builders import paid, record_events
from tools.testing.fakes import FakeStore
from tools.testing.ledgers import LEDGERS
from tools.testing.stored_items import items_of
from tools.verify import LISTED, World, check, check_all
from tools.verify.table import Table


def whole(items: list[Item]) -> World:
    """Everything at once."""
    world = World()
    for item in items:
        world.add(item)
    return world


def of_customers(number: int) -> Iterator[list[Item]]:
    """The items of so many customers, who have nothing in common. All of them break several invariants."""
    pattern = repr(items_of(LEDGERS["held"]()))
    for customer in range(number):
        text = pattern
        for name in ("acct_", "stripe:", "evt_", "pi_", "ch_", "dp_", "req_", "case_", "ord_"):
            text = text.replace(name, f"{name}{customer}x")
        text = re.sub(r"mail_(?=[0-9a-f]{24})", f"mail_{customer}x", text)
        yield eval(text)  # noqa: S307 - our own text


@pytest.mark.parametrize("name", LEDGERS)
@pytest.mark.parametrize("at_once", [1, 5_000])
def test_a_ledger_has_the_same_findings_part_by_part(name: str, at_once: int) -> None:
    """Each invariant is checked over as many things."""
    items = items_of(LEDGERS[name]())
    with Table() as table:
        assert table.add(items) == table.count == len(items)
        assert check_all(table.worlds(at_once=at_once)) == check(whole(items))


def test_the_items_in_memory_are_bounded() -> None:
    """A part is complete as soon as it has enough items, and only the last account may bring more."""
    customers = [*of_customers(40)]
    most = max(map(len, customers))
    with Table() as table:
        for number in range(most):
            table.add(customer[number] for customer in customers if number < len(customer))
        for at_once in (1, 50, 100):
            sizes = [len(world.is_readable) for world in table.worlds(at_once=at_once)]
            assert sum(sizes) == table.count == sum(map(len, customers))
            assert min(sizes[:-1]) >= at_once
            assert max(sizes) < at_once + most
        assert [len(world.is_readable) for world in table.worlds()] == [table.count]


def test_one_part_is_in_memory() -> None:
    """The one before is gone when the next one is read."""

    def parts() -> int:
        return sum(isinstance(one, World) and bool(one.is_readable) for one in gc.get_objects())

    with Table() as table:
        table.add(chain.from_iterable(of_customers(5)))
        before, seen, done = parts(), [], []

        def advance(count: int) -> None:
            done.append(count)
            seen.append(parts() - before)

        check_all(table.worlds(advance, at_once=1))
        assert sum(done) == table.count
        assert len(seen) == 5
        assert max(seen) <= 1


def test_what_breaks_an_invariant_in_several_parts_is_summed() -> None:
    """Named once, in order, as if it were checked at once."""
    items = [*chain.from_iterable(of_customers(12))]
    with Table() as table:
        table.add(items)
        found = check_all(table.worlds(at_once=1))
    assert found == check(whole(items))
    assert max(len(finding.broken) for finding in found) >= 12


def test_the_names_of_what_is_broken_are_bounded() -> None:
    """The others are counted."""
    worlds = [World(is_readable={f"{part} {number:03}": False for number in range(400)}) for part in range(4)]
    (readable, *_) = check_all([*worlds, worlds[0]])
    assert (readable.checked, len(readable.broken), readable.more) == (2_000, LISTED, 600)
    assert readable.broken[:2] == ("0 000", "0 001")
    assert readable.broken == tuple(sorted(readable.broken))


def test_an_item_that_cannot_be_read_is_in_one_part() -> None:
    """With those that can, each found as it was."""
    items = items_of(LEDGERS["used"]())
    spoilt = [{**items[0], "schema": {"N": "99"}}, {**items[-1], "pk": {"S": "NOTHING#of-ours"}}]
    with Table() as table:
        table.add([*spoilt, *items[1:-1]])
        found = check_all(table.worlds(at_once=1))
    assert found == check(whole([*spoilt, *items[1:-1]]))
    assert len(found[0].broken) == 2


def test_bytes_are_kept() -> None:
    """The body of a parked event is as it was read."""
    items = items_of(LEDGERS["foreign"]())
    with Table() as table:
        table.add(items)
        (world,) = table.worlds()
    bodies = {receipt.event_id: receipt.body for receipt in whole(items).receipts}
    assert {receipt.event_id: receipt.body for receipt in world.receipts} == bodies
    assert any(bodies.values())


def test_a_fact_without_an_id_is_known_whoever_has_it() -> None:
    """The event of an earlier failure names no account, and its fact gave way to that of a later one."""
    items = items_of(LEDGERS["stripe_pack_delayed_failed"]())
    latest = next(receipt for receipt in whole(items).receipts if "failure" in receipt.facts)
    earlier = replace(latest, event_id="evt_0", correlation_id="stripe:evt_0", account_id=None)
    items.append(to_receipt(earlier))
    with Table() as table:
        table.add(items)
        assert len([*table.worlds(at_once=1)]) == 2
        found = check_all(table.worlds(at_once=1))
    assert found == check(whole(items))
    assert not [finding for finding in found if finding.broken]


def test_an_empty_table_has_no_parts() -> None:
    """So nothing was checked."""
    with Table() as table:
        table.add([])
        assert [*table.worlds()] == []
        assert {finding.checked for finding in check_all(table.worlds())} == {0}


def test_an_item_that_was_read_twice_counts_as_often() -> None:
    """As it would at once: a scan returns an item once, unless it was made anew meanwhile."""
    store = FakeStore()
    record_events(store, paid())
    items = items_of(store)
    with Table() as table:
        table.add([*items, *items])
        assert check_all(table.worlds(at_once=1)) == check(whole([*items, *items]))
