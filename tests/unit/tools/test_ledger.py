"""A table is read in parallel segments, into memory or onto the disk, and reading stops where it can't go on."""

import signal
from collections.abc import Iterator
from threading import Event, main_thread

import pytest
from botocore.exceptions import ClientError

from ledger.dynamodb.items import Item
from tools.ledger import SEGMENTS, about_how_many, read_table, read_world
from tools.testing.ledgers import LEDGERS
from tools.testing.stored_items import items_of
from tools.verify import World, check, check_all
from tools.verify.table import Table


class Stored:
    """A table of these items."""

    def __init__(self, items: list[Item]) -> None:
        self.items = items

    def item_count(self) -> int:
        return len(self.items)

    def scan(self, segment: int = 0, segments: int = 1) -> Iterator[Item]:
        assert segments == SEGMENTS
        yield from self.items[segment::segments]


def test_every_segment_is_read() -> None:
    """Each item once, into memory or onto the disk; progress counts them all."""
    stored, world, counts = Stored(items_of(LEDGERS["requested"]())), World(), list[int]()
    read_world(stored, world)
    with Table() as table:
        read_table(stored, table, counts.append)
        assert sum(counts) == table.count == len(world.is_readable) == about_how_many(stored)
        assert check_all(table.worlds()) == check(world)
    assert not any(finding.broken for finding in check(world))


def test_who_may_not_know_how_many_items_there_are_reads_them_all_the_same() -> None:
    """The number is only shown."""

    class Untold(Stored):
        def item_count(self) -> int:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeTable")

    items, world = items_of(LEDGERS["requested"]()), World()
    stored = Untold(items)
    read_world(stored, world)
    assert (about_how_many(stored), len(world.is_readable)) == (0, len(items))


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_reading_stops_soon_where_one_segment_fails(error: type[BaseException]) -> None:
    """The others don't read to the end of a table of any size."""
    failed = Event()

    class Endless(Stored):
        def scan(self, segment: int = 0, segments: int = 1) -> Iterator[Item]:
            if segment == 0:
                failed.set()
                raise error
            failed.wait(60)
            while True:
                yield self.items[segment % segments]

    with Table() as table, pytest.raises(error):
        read_table(Endless(items_of(LEDGERS["held"]())), table)


@pytest.fixture
def heard_ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts, also where the tests run in the background of a shell that ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard_ctrl_c")
def test_reading_stops_soon_at_ctrl_c() -> None:
    """Which arrives while the segments are read, in the thread that waits for them."""

    class Endless(Stored):
        def scan(self, segment: int = 0, segments: int = 1) -> Iterator[Item]:
            while True:
                yield self.items[segment % segments]

    waits = main_thread().ident
    assert waits
    signals = iter([signal.SIGINT])  # once: a second Ctrl-C would interrupt the wait for the other segments

    def advance(_count: int) -> None:
        for one in signals:
            signal.pthread_kill(waits, one)  # a real one: it wakes the thread, whatever that waits for

    with Table() as table, pytest.raises(KeyboardInterrupt):
        read_table(Endless(items_of(LEDGERS["held"]())), table, advance)
