"""Is a history lawful: is there a serial order, true to real time, in which a simple model gives the same answers?

The search is Wing and Gong's, with Lowe's memory of the states that were tried:

    process 1   ├── spend 60 ──┤                      a call takes effect at one instant between its start and its end
    process 2        ├─ refund ─┤                     one that ended before another began comes before it
    process 3                      ├ look: 0 ┤        one whose answer is unknown takes effect later, or never

A history is judged by account: accounts don't depend on each other, and it is lawful when each of its parts is.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Generic, TypeVar

C = TypeVar("C")
S = TypeVar("S", bound=Hashable)

Answer = tuple[object, ...]
MOST_STATES = 200_000
"""After so many states a history is given up as undecided: told as such, never as lawful."""


@dataclass(frozen=True, slots=True)
class Done(Generic[C]):
    """One call, what it was answered, and when. `answer` None: nobody knows what came of it."""

    call: C
    answer: Answer | None
    began: float
    ended: float
    process: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the search found: `order` holds positions in the history; None: there is none."""

    order: tuple[int, ...] | None
    states: int
    is_decided: bool = True
    longest: tuple[int, ...] = ()  # the longest beginning of a serial order

    @property
    def is_lawful(self) -> bool:
        return self.order is not None


Step = Callable[[S, C, Answer | None], Iterable[S]]
"""The states that a call with this answer may lead to; none: in this state it could not be answered so."""


def serial_order(history: Sequence[Done[C]], start: S, step: Step[S, C]) -> Verdict:
    """Look for a serial order."""
    ends = [done.ended if done.answer is not None else inf for done in history]
    everything = frozenset(i for i, done in enumerate(history) if done.answer is not None)
    tried: set[tuple[frozenset[int], S]] = set()
    longest: tuple[int, ...] = ()
    paths: list[tuple[tuple[int, ...], frozenset[int], S]] = [((), frozenset(range(len(history))), start)]
    while paths:
        order, left, state = paths.pop()
        if (left, state) in tried:
            continue
        if len(tried) >= MOST_STATES:
            return Verdict(None, len(tried), is_decided=False, longest=longest)
        tried.add((left, state))
        longest = max(longest, order, key=len)
        if not left & everything:
            return Verdict(order, len(tried), longest=order)
        first_end = min(ends[i] for i in left)
        following = []
        for i in sorted((i for i in left if history[i].began <= first_end), key=lambda i: ends[i]):
            states = tuple(step(state, history[i].call, history[i].answer))
            if states == (state,) and history[i].answer is not None:
                # It can stand here and changes nothing: what is lawful with it later is lawful with it here.
                following = [((*order, i), left - {i}, state)]
                break
            # What nobody answered and changed nothing may as well never have been; what was answered has to stand.
            is_answered = history[i].answer is not None
            following += [((*order, i), left - {i}, after) for after in states if is_answered or after != state]
        paths += reversed(following)
    return Verdict(None, len(tried), longest=longest)


def smallest_beginning(history: Sequence[Done[C]], start: S, step: Step[S, C]) -> list[Done[C]]:
    """The shortest beginning of an unlawful history that is unlawful itself: calls under way at its end are unknown."""
    moments = sorted(done.ended for done in history if done.answer is not None)
    low, high = 0, len(moments) - 1
    while low < high:
        middle = (low + high) // 2
        verdict = serial_order(until(history, moments[middle]), start, step)
        low, high = (middle + 1, high) if verdict.is_lawful or not verdict.is_decided else (low, middle)
    return until(history, moments[high])


def until(history: Sequence[Done[C]], moment: float) -> list[Done[C]]:
    """What could be seen of a history up to a moment."""
    begun = [done for done in history if done.began <= moment]
    return [done if done.ended <= moment else replace(done, answer=None) for done in begun]


def drawn(history: Sequence[Done[C]], told: Callable[[C], str]) -> str:
    """A history for people: one numbered line a call, by its start, with milliseconds from the first one's."""
    origin = min((done.began for done in history), default=0.0)
    lines = []
    for position, done in sorted(enumerate(history), key=lambda numbered: numbered[1].began):
        end = f"{1000 * (done.ended - origin):8.1f}" if done.answer is not None else "       …"
        answer = " ".join(map(str, done.answer)) if done.answer is not None else "?"
        times = f"{1000 * (done.began - origin):8.1f} – {end} ms"
        lines.append(f"  [{position:2}] {times}  process {done.process:2}  {told(done.call)} → {answer}")
    return "\n".join(lines)
