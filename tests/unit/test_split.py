"""A sum over the lines of a payment: to the last minor unit, and to no line more than is left of it."""

from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.facts import PaidLine
from ledger.domain.refunds import Refunded, split_over_lines
from tools.testing.builders import payment

AMOUNTS = st.lists(st.integers(0, 10_000), min_size=1, max_size=6)


def _lines(amounts: list[int]) -> tuple[PaidLine, ...]:
    return tuple(
        PaidLine(line_id=str(number), product_id="pack", credits=10, amount_minor=amount, expires_at=None)
        for number, amount in enumerate(amounts)
    )


@given(AMOUNTS.filter(any), st.data())
def test_the_parts_are_the_whole_and_each_fits_what_its_line_has_left(amounts: list[int], data: st.DataObject) -> None:
    """Whatever was refunded of some lines by name before: what is left is given back to the last unit."""
    named = {str(number): data.draw(st.integers(0, amount)) for number, amount in enumerate(amounts)}
    left = {line_id: amounts[int(line_id)] - minor for line_id, minor in named.items()}
    amount_minor = data.draw(st.integers(0, sum(left.values())))
    settled = payment(lines=_lines(amounts), paid_minor=sum(amounts))
    items = split_over_lines(amount_minor, settled, Refunded(named_minor=named))
    assert sum(item.amount_minor for item in items) == amount_minor
    assert all(0 < item.amount_minor <= left[item.line_id] for item in items)


@given(AMOUNTS.filter(any), st.data())
def test_after_sums_without_lines_the_rest_is_still_given_back_whole(amounts: list[int], data: st.DataObject) -> None:
    """A provider that knows no lines refunded before: the rest adds up, and no line gives more than it cost."""
    before_minor = data.draw(st.integers(0, sum(amounts)))
    amount_minor = data.draw(st.integers(0, sum(amounts) - before_minor))
    settled = payment(lines=_lines(amounts), paid_minor=sum(amounts))
    items = split_over_lines(amount_minor, settled, Refunded(before_minor))
    assert sum(item.amount_minor for item in items) == amount_minor
    assert all(item.amount_minor <= amounts[int(item.line_id)] for item in items)
