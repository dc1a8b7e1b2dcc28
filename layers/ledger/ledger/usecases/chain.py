"""The chain of what led to an id and what followed from it: lines, each with the ids that it names, in one order.

The words of a line are in `ledger.usecases.chain_lines`.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import field
from datetime import datetime

from ledger.domain.index_rows import number_as_searched
from ledger.domain.records import record


@record(frozen=True)
class Line:
    """One thing that happened, in words."""

    at: datetime
    kind: str  # order, event, fact, run, entry, case, act, mail or look
    words: str
    ids: frozenset[str] = field(repr=False)  # what it names: two lines that share one belong together
    credits: int | None = None  # of an entry
    balance: int | None = None  # of an entry: the account's balance after it
    lot_id: str | None = None  # of an entry
    is_open: bool = False  # it waits for something: `words` say for what
    about: frozenset[str] = field(default=frozenset(), repr=False)  # what many have in common: it leads to no other


def lines_that_concern(text: str, lines: Iterable[Line]) -> list[Line]:
    """Return the lines that mention an id, and those that lead to it or follow from it.

    Entries follow from what caused them and from the lot that they move. They lead on only if they mention the id
    themselves: a run draws from several lots, and would lead to everything.
    """
    lines = list(lines)
    chosen = {n for n, line in enumerate(lines) if any(is_about(name, text) for name in line.ids | line.about)}
    known = frozenset[str]().union(*(lines[n].ids for n in chosen))
    while True:
        more = {n for n, line in enumerate(lines) if n not in chosen and line.ids & known}
        if not more:
            return [lines[n] for n in sorted(chosen)]
        chosen |= more
        known = known.union(*(lines[n].ids for n in more if lines[n].kind not in {"entry", "run"}))


_RANKS = ("order", "event", "fact", "run", "act", "case", "entry", "mail", "look")


def rank_of(kind: str) -> int:
    """Return the place of a kind of lines among those of one instant: causes come before what they led to."""
    return _RANKS.index(kind)


def in_one_order(times: Iterable[datetime]) -> list[datetime]:
    """Return by which time each entry of an account is placed among other lines, given theirs in their own order.

    Of one second that order counts: a provider reports whole seconds, and our clock has more.
    """
    placed: list[datetime] = []
    for at in times:
        is_same = placed and at.replace(microsecond=0) == placed[-1].replace(microsecond=0)
        placed.append(max(at, placed[-1]) if is_same else at)
    return placed


def in_order(lines: Iterable[Line]) -> list[Line]:
    """Return lines in the order of time. Of one instant, causes come before what they led to.

    Those of a kind are given in the order in which they happened: it counts among those of one instant, and among the
    entries of one second.
    """
    lines = list(lines)
    entries = iter(in_one_order(line.at for line in lines if line.kind == "entry"))
    placed = [(next(entries) if line.kind == "entry" else line.at, rank_of(line.kind), line) for line in lines]
    return [line for *_, line in sorted(placed, key=lambda one: one[:2])]


def is_about(name: str, text: str) -> bool:
    """Return whether a text is a name, or an id in it. An invoice's number may be written in any case and spacing."""
    return mentions(name, text) or number_as_searched(name) == number_as_searched(text)


def mentions(value: object, text: str) -> bool:
    """Return whether a text occurs in a value as an id: it is not a part of a longer word."""
    written = value if isinstance(value, str) else json.dumps(value, default=str)
    return re.search(rf"(?<![\w-]){re.escape(text)}(?![\w-])", written) is not None
