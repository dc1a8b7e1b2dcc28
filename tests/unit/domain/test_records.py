"""Records: values, which the type checker holds, and which are made when the first one is."""

import dataclasses
import functools
import inspect
import pickle
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field, fields, replace
from typing import TYPE_CHECKING, Any

import pytest

from ledger.domain.records import complete_all, record


@record(frozen=True, kw_only=True)
class Pair:
    """A record."""

    left: int
    right: tuple[str, ...] = ()
    read_as: str | None = field(default=None, compare=False, repr=False)


if TYPE_CHECKING:
    # mypy reports an ignore that is not needed: it must refuse each of these.
    Pair(left=1).left = 2  # type: ignore[misc]
    Pair(left=1).other = 2  # type: ignore[attr-defined]
    Pair(1)  # type: ignore[call-arg]
    replace(Pair(left=1), left="one")  # type: ignore[arg-type]


def test_a_record_is_a_value() -> None:
    """It is equal to another one with the same content, and stands for it in a set."""
    pair = Pair(left=1, right=("a",), read_as="x")
    assert pair == Pair(left=1, right=("a",), read_as="y") != Pair(left=2, right=("a",))
    assert {pair, Pair(left=1, right=("a",))} == {pair}
    assert repr(pair) == "Pair(left=1, right=('a',))"


def test_a_copy_leaves_the_record_as_it_is() -> None:
    """And has what the copy was not given."""
    pair = Pair(left=1, read_as="x")
    assert replace(pair, left=2) == Pair(left=2)
    assert replace(pair, left=2).read_as == "x"
    assert pair.left == 1


@record(frozen=True, kw_only=True)
class Base:
    """A record that others inherit from."""

    unknown: str | None = None


def fresh() -> Any:
    """A record that nobody has used, with what the package's records have."""

    @record(frozen=True, kw_only=True)
    class Sample(Base):
        number: int
        lots: Mapping[str, int] = field(default_factory=dict)
        seen: list[int] = field(default_factory=list, compare=False, repr=False)

        def __post_init__(self) -> None:
            self.seen.append(self.number)

        @functools.cached_property
        def doubled(self) -> int:
            return 2 * self.number

    return Sample


FIRST_USES: dict[str, Callable[[Any], object]] = {
    "made": lambda cls: cls(number=1).number == 1,
    "fields": lambda cls: [one.name for one in fields(cls)] == ["unknown", "number", "lots", "seen"],
    "known as a dataclass": dataclasses.is_dataclass,
    "compared": lambda cls: bare(cls, number=1) == bare(cls, number=1),
    "told apart": lambda cls: bare(cls, number=1) != bare(cls, number=2),
    "hashed": lambda cls: hash(bare(cls, lots=())) == hash(bare(cls, lots=())),
    "printed": lambda cls: repr(bare(cls)).endswith("Sample(unknown=None, number=1, lots={})"),
    "copied": lambda cls: replace(bare(cls), number=3).number == 3,
    "inherited from": lambda cls: inheriting(cls)(number=4).number == 4,
    "a refusal": lambda cls: refuses(cls, name=1),
}


def inheriting(cls: Any) -> Any:
    """A record that inherits from one."""
    return record(frozen=True, kw_only=True)(type("Inheriting", (cls,), {}))


def bare(cls: Any, **values: object) -> Any:
    """An instance that no `__init__` has made, as the rows of lots and `pickle` make them."""
    made = object.__new__(cls)
    made.__dict__.update({"unknown": None, "number": 1, "lots": {}, "seen": []} | values)
    return made


def refuses(cls: Any, **values: object) -> bool:
    """Whether a record can't be made of these."""
    with pytest.raises(TypeError):
        cls(**values)
    return True


@pytest.mark.parametrize("use", FIRST_USES.values(), ids=FIRST_USES)
def test_whatever_uses_a_record_first_finds_it_made(use: Callable[[Any], object]) -> None:
    """And once it was used, it is what `dataclass` makes: no way through this module is left in it."""
    cls = fresh()
    assert use(cls)
    made = cls(number=1)
    assert (made, made.doubled, made.seen) == (cls(number=1, lots={}), 2, [1])
    assert cls(number=1).lots is not made.lots
    assert [name for name, one in vars(cls).items() if getattr(one, "__module__", "") == record.__module__] == []
    assert "lots" not in vars(cls)
    assert list(inspect.signature(cls).parameters) == ["unknown", "number", "lots", "seen"]
    assert pickle.loads(pickle.dumps(Pair(left=1))) == Pair(left=1)  # noqa: S301 - ours


def test_what_is_left_is_made_at_once() -> None:
    """The build needs the code of all of them."""
    cls = fresh()
    complete_all()
    assert "lots" not in vars(cls)
    assert vars(cls)["__init__"].__module__ != record.__module__


def test_threads_that_use_a_record_first_all_find_it_made() -> None:
    """Not one of them finds it half made."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            for _ in range(60):
                assert list(threads.map(used, [fresh()] * 4, [threading.Barrier(4)] * 4)) == [4] * 4
    finally:
        sys.setswitchinterval(before)


def used(cls: Any, begin: threading.Barrier) -> int:
    """Use a record together with others. Return how many fields it has."""
    begin.wait(60)
    assert {cls(number=one) == cls(number=one) for one in range(3)} == {True}
    assert cls(number=1).lots == {}
    return len(fields(cls))
