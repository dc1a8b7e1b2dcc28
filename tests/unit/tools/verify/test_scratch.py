"""Things on disk, in groups that share names."""

import os
import sqlite3
import stat
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from random import Random
from threading import Thread

import pytest

from tools.verify.scratch import Scratch

Names = list[set[str]]


def groups(*each: set[str]) -> list[list[int]]:
    """The groups of things with these names, each by the numbers of its things."""
    with Scratch() as scratch:
        scratch.add((names, b"%d" % number) for number, names in enumerate(each))
        found = [[int(content) for _, content in group] for _, group in groupby(scratch.groups(), key=itemgetter(0))]
    return sorted(found)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], []),
        ([{"a"}], [[0]]),
        ([{"a"}, {"b"}], [[0], [1]]),
        ([{"a"}, {"a"}], [[0, 1]]),
        ([{"a", "b"}, {"b", "c"}, {"c"}], [[0, 1, 2]]),
        ([{"b"}, {"c"}, {"b", "c"}], [[0, 1, 2]]),
        ([{"a", "x"}, {"b"}, {"c", "x"}, {"d"}], [[0, 2], [1], [3]]),
        ([{"d", "x"}, {"c", "x"}, {"b", "x"}, {"a", "x"}], [[0, 1, 2, 3]]),
        ([{"a", "1"}, {"b", "2"}, {"1", "2"}, {"c"}], [[0, 1, 2], [3]]),
    ],
    ids=["none", "one", "two", "alike", "a chain", "joined late", "by a second name", "a shared name", "two joined"],
)
def test_things_that_share_names_are_together(names: Names, expected: list[list[int]]) -> None:
    """However long the chain is, in the order in which they were added."""
    assert groups(*names) == expected


@pytest.mark.parametrize("seed", range(8))
def test_groups_are_those_of_a_plain_search(seed: int) -> None:
    """Whatever shares names with whatever."""
    random = Random(seed)
    names = [{f"n{random.randrange(400)}" for _ in range(random.randint(1, 3))} for _ in range(200)]
    expected: list[set[int]] = []
    for number in range(len(names)):
        near = [group for group in expected if any(names[number] & names[other] for other in group)]
        expected = [group for group in expected if group not in near] + [{number}.union(*near)]
    assert groups(*names) == sorted(map(sorted, expected))


def test_a_long_chain_is_one_group() -> None:
    """Also if each thing is joined to the end of the chain, whichever end that is."""
    chain = [{f"n{number}", f"n{number + 1}"} for number in range(2_000)]
    for each in (chain, chain[::-1], chain[::2] + chain[1::2]):
        assert [len(group) for group in groups(*each)] == [2_000]


def test_the_groups_are_the_same_when_read_again() -> None:
    """With what was added since."""
    with Scratch() as scratch:
        scratch.add([({"a"}, b"1"), ({"b"}, b"2")])
        assert len({group for group, _ in scratch.groups()}) == 2
        scratch.add([({"a", "b"}, b"3")])
        assert len({group for group, _ in scratch.groups()}) == 1


def test_several_threads_add() -> None:
    """Nothing is lost."""
    with Scratch() as scratch:

        def add() -> None:
            for _ in range(50):
                scratch.add([({"a"}, b"1"), ({"b"}, b"2")])

        threads = [Thread(target=add) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(content for _, content in scratch.groups()) == [b"1"] * 200 + [b"2"] * 200


def test_a_thread_that_still_adds_when_it_is_closed_gets_an_error() -> None:
    """After a second Ctrl-C. Without the lock, SQLite ends the whole process."""
    errors: list[str] = []

    def add(scratch: Scratch) -> None:
        try:
            while True:
                scratch.add([({"a"}, bytes(1_000))] * 50)
        except sqlite3.ProgrammingError as error:
            errors.append(str(error))

    for _ in range(10):
        with Scratch() as scratch:
            threads = [Thread(target=add, args=(scratch,)) for _ in range(4)]
            for thread in threads:
                thread.start()
        for thread in threads:
            thread.join()
    assert errors == ["Cannot operate on a closed database."] * 40


def temporary_files() -> dict[str, os.stat_result]:
    """The temporary files of SQLite that this process has open, by their names."""
    files = {}
    for number in map(int, os.listdir("/proc/self/fd")):
        with suppress(OSError):  # the list itself was one
            files[os.readlink(f"/proc/self/fd/{number}")] = os.fstat(number)
    return {name: file for name, file in files.items() if "etilqs" in name}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the open files of a process are seen on Linux alone")
def test_the_file_has_no_name_and_is_private() -> None:
    """So it is gone however the process ends, and nobody else can read it meanwhile."""
    before = temporary_files()
    with Scratch(cache_kb=64) as scratch:
        scratch.add(({f"n{number}"}, bytes(1_000)) for number in range(2_000))
        files = {name: file for name, file in temporary_files().items() if name not in before}
        assert sum(file.st_size for file in files.values()) > 1_000_000
        assert {stat.S_IMODE(file.st_mode) for file in files.values()} == {0o600}
        assert all(name.endswith(" (deleted)") for name in files)
    assert temporary_files().keys() == before.keys()
