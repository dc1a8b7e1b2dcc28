"""What a part of the proof works with: a seed, a time, numbered cases, and where it tells what it counts and finds."""

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TextIO

MOST_FOUND = 5
"""Findings after which a part ends: more of them would say the same."""

_LONGEST = 3
"""So many times its time a part may take on a slow machine, to reach its floor."""

_TELL_EVERY_S = 0.5


class CannotRun(Exception):
    """Something that a part needs is not on this machine; the message says what, and how to get it."""


@dataclass(slots=True)
class Work:
    """One part's work. What it tells goes out as lines of JSON: counts as they grow, findings as they come.

    Each case has its own randomness, from the seed, the part and the case's number alone, so that any of them can be
    played again without those before it.
    """

    part: str
    seed: int
    seconds: float  # about how long it may take
    only: int | None = None  # the one case to play
    floor: Mapping[str, int] = field(default_factory=dict)  # so many of these it must try, to prove anything
    out: TextIO = field(default_factory=lambda: sys.stdout)
    counts: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    case: int | None = None  # that is played now
    _began: float = field(default_factory=time.monotonic)
    _told: float = 0.0

    @property
    def spent(self) -> float:
        """How much of its time is over, from 0 to 1."""
        return min(1.0, self._times)

    @property
    def is_over(self) -> bool:
        """Its time has come and its floor is reached, or it has found enough. No floor is waited for without end."""
        reached = all(self.counts[what] >= least for what, least in self.floor.items())
        return self._times >= (1 if reached else _LONGEST) or len(self.found) >= MOST_FOUND

    @property
    def _times(self) -> float:
        """How many times its time it has taken."""
        return (time.monotonic() - self._began) / self.seconds if self.seconds else float(_LONGEST)

    def cases(self, at_least: int = 1, at_most: int | None = None) -> Iterator[int]:
        """The numbers of the cases to play, until the part is over or all have been; at least so many."""
        if self.only is not None:
            self.case = self.only
            yield self.only
            return
        number = 0
        while (at_most is None or number < at_most) and (number < at_least or not self.is_over):
            if len(self.found) >= MOST_FOUND:
                return
            self.case = number
            yield number
            number += 1
        self.case = None

    def chance(self, case: int) -> random.Random:
        """The randomness of one case."""
        return random.Random(f"{self.part}/{self.seed}/{case}")

    def count(self, what: str, number: int = 1) -> None:
        """So many more of these were tried."""
        self.counts[what] += number
        if time.monotonic() - self._told > _TELL_EVERY_S:
            self.tell()

    def find(self, what: str, case: int | None = None) -> None:
        """Something does not hold. `case`: the number under which it can be played again; else the one played now."""
        case = self.case if case is None else case
        again = f" CASE={case}" if case is not None else ""
        self.found.append(what)
        self._say({"found": what, "again": f"make proof PART={self.part} SEED={self.seed}{again}"})

    def tell(self) -> None:
        """Tell how far it has come."""
        self._told = time.monotonic()
        self._say({"counts": dict(self.counts), "spent": round(self.spent, 4)})

    def _say(self, line: dict[str, object]) -> None:
        self.out.write(json.dumps(line) + "\n")
        self.out.flush()
