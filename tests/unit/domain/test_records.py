"""Records: values, which the type checker holds."""

from dataclasses import field, replace
from typing import TYPE_CHECKING

import pytest

from ledger.domain.records import record


@record(frozen=True, slots=True, kw_only=True)
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


def test_a_record_has_no_field_but_its_own() -> None:
    """Not even by accident."""
    with pytest.raises(AttributeError):
        setattr(Pair(left=1), "other", 2)  # noqa: B010 - the type checker refuses an assignment
    with pytest.raises(TypeError):
        Pair(left=1, other=2)  # type: ignore[call-arg]
