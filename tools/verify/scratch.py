"""Things in any number, on disk, in groups that share names."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from hashlib import blake2b
from threading import Lock
from types import TracebackType

CACHE_KB = 32_768  # of memory, for the file and for each sort

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -{cache_kb};
CREATE TABLE thing (home INTEGER NOT NULL, content BLOB NOT NULL);
CREATE TABLE link (name INTEGER NOT NULL, home INTEGER NOT NULL);
CREATE TABLE parent (home INTEGER PRIMARY KEY, parent INTEGER NOT NULL);
BEGIN;
"""


class Scratch:
    """Things of any number in groups: a chain of things that share names connects those of one group.

    They are in a file without a name, which nobody else can open. It is gone with the process, however that ends. In
    memory are `CACHE_KB` and the thing at hand. Names are hashed: two of one hash only make one group of two.

    Most things have a name that others have too, their home. So homes are connected, not things: the forest `parent`
    has a row for a home only if a thing of another home shares a name with one of its own.
    """

    def __init__(self, cache_kb: int = CACHE_KB) -> None:
        # SQLite's temporary file: in SQLITE_TMPDIR or TMPDIR, of mode 0600, unlinked as soon as it is open.
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._file.executescript(_SCHEMA.format(cache_kb=cache_kb))
        self._lock = Lock()

    def __enter__(self) -> "Scratch":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._lock:  # SQLite crashes the process if a connection is closed while another thread uses it
            self._file.close()

    def add(self, things: Iterable[tuple[Collection[str], bytes]]) -> None:
        """Add things with their names: at least one each, the least of which is its home. Safe between threads.

        Raise sqlite3.ProgrammingError once it is closed: a second Ctrl-C closes it while segments are still read.
        """
        rows, links = [], []
        for names, content in things:
            home, *others = (_hash(name) for name in sorted(names))
            rows.append((home, content))
            links += [(name, home) for name in (home, *others)]
        with self._lock:
            self._file.executemany("INSERT INTO thing VALUES (?, ?)", rows)
            self._file.executemany("INSERT INTO link VALUES (?, ?)", links)

    def groups(self) -> Iterator[tuple[int, bytes]]:
        """Yield each thing with the number of its group: group by group, and in a group in the order of adding."""
        self._connect()
        query = """
            SELECT coalesce(parent, thing.home) AS root, content
            FROM thing LEFT JOIN parent ON parent.home = thing.home
            ORDER BY root, thing.rowid
        """
        with closing(self._file.execute(query)) as rows:
            yield from rows

    def _connect(self) -> None:
        """Connect the homes that share a name, and let each lead to the root of its tree at once."""
        last_name = last_home = 0
        with closing(self._file.execute("SELECT name, home FROM link ORDER BY name, home")) as links:
            for name, home in links:
                if name == last_name and home != last_home:
                    self._join(home, last_home)
                last_name, last_home = name, home
        with closing(self._file.execute("SELECT home FROM parent ORDER BY home")) as homes:
            for (home,) in homes:
                self._root(home)

    def _join(self, one: int, other: int) -> None:
        lower, higher = sorted((self._root(one), self._root(other)))
        if lower != higher:
            self._file.execute("INSERT INTO parent VALUES (?, ?)", (higher, lower))

    def _root(self, home: int) -> int:
        """Return the root of the tree that a home is in. Let every home on the way lead there from now on."""
        way = []
        while (parent := self._parent(home)) != home:
            way.append(home)
            home = parent
        self._file.executemany("UPDATE parent SET parent = ? WHERE home = ?", [(home, passed) for passed in way[:-1]])
        return home

    def _parent(self, home: int) -> int:
        row = self._file.execute("SELECT parent FROM parent WHERE home = ?", (home,)).fetchone()
        return int(row[0]) if row else home


def _hash(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
