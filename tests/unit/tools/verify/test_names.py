"""Whatever a rule looks at together is in one group: the groups of a table have the findings of all of it at once.

`python -m tests.unit.tools.verify.test_names` tries every fault of these tests, and every id of every ledger.
"""

import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import islice
from pathlib import Path

import pytest

from tools.testing.ledgers import LEDGERS
from tools.testing.neighbours import groups_of, ids_in, merged, renamed
from tools.testing.planting import Fault, lawful, rows
from tools.verify import World, check, check_all


@pytest.mark.parametrize("name", LEDGERS)
def test_two_customers_are_in_groups_of_their_own(name: str) -> None:
    """Though all that happened to them is alike: the same person of support, the same jobs, reasons and run ids."""
    one, other = lawful(name), renamed(lawful(name), "x")
    both = merged([one, other])
    groups = groups_of(both)
    assert len(groups) == len(groups_of(one)) + len(groups_of(other)) - len(both.job_cursors) - len(both.mutes) >= 2
    assert check_all(groups) == check(both)


def _places() -> dict[str, tuple[str, int]]:
    """Return for each field that holds ids a place where it does: in the smallest ledger, the last one."""
    ids = {name: ids_in(lawful(name)) for name in LEDGERS}
    by_size = sorted(ids, key=lambda name: len(ids[name]), reverse=True)
    return {kind: (name, at) for name in by_size for at, kind in enumerate(ids[name])}


def test_what_leads_into_another_customers_ledger_is_found_there() -> None:
    """Each field that holds an id, in turn: it names a thing of the other customer."""
    places = _places()
    assert len(places) > 200
    different = [kind for kind, place in places.items() if not is_same_in_groups(_with_one_id_of_another(*place))]
    assert different == []


def _faults(every: int = 1) -> Iterator[World]:
    """Yield a table for each so-many-th fault of these tests: the ledger with the fault, and three others."""
    for fault in islice(_planted(), 0, None, every):
        ledger = lawful(fault.ledger)
        fault.plant(ledger)
        yield merged([ledger, *_others(fault.ledger)])


def _planted() -> Iterator[Fault]:
    for path in sorted(Path(__file__).parent.glob("test_[!n]*.py")):
        faults = getattr(import_module(f"tests.unit.tools.verify.{path.stem}"), "FAULTS", {})
        yield from (fault for _, fault in rows(faults))


@cache
def _others(name: str) -> list[World]:
    return [renamed(lawful(other), f"x{number}") for number, other in enumerate((name, "waiting", "refunded_in_parts"))]


def _with_one_id_of_another(name: str, at: int) -> World:
    """Two customers of whom one has the other's id at one place."""
    return merged([lawful(name), renamed(lawful(name), "x", at)])


def is_same_in_groups(table: World) -> bool:
    """Whether each invariant is checked over as many things, and the same of them break it."""
    return check_all(groups_of(table)) == check(table)


def test_a_fault_in_one_ledger_is_found_among_several() -> None:
    """And nothing else is. Of the faults, every twentieth."""
    tables = [*_faults(every=20)]
    assert len(tables) > 35
    assert all(map(is_same_in_groups, tables))


if __name__ == "__main__":
    ids = ((name, at) for name in LEDGERS for at in range(len(ids_in(lawful(name)))))
    tried = [is_same_in_groups(table) for table in (*_faults(), *(_with_one_id_of_another(*one) for one in ids))]
    sys.stdout.write(f"{len(tried)} tables, {tried.count(False)} of them have other findings in groups\n")
