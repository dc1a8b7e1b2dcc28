"""How many requests an account may make, and how long it has to wait for the next one."""

from datetime import timedelta

import pytest

from ledger.domain.errors import TooManyRequests
from ledger.domain.recent_requests import RecentRequests, RequestLimit
from tools.testing.builders import NOON

LIMIT = RequestLimit(most=3, within=timedelta(hours=1))


def after(*minutes: float) -> RecentRequests:
    """The requests of an account that made them at these minutes."""
    made = RecentRequests()
    for minute in minutes:
        made = made.plus(NOON + timedelta(minutes=minute), LIMIT)
    return made


def test_so_many_are_allowed_and_the_next_one_waits_for_the_oldest() -> None:
    """To the second, rounded up."""
    made = after(0, 10, 20)
    with pytest.raises(TooManyRequests) as refused:
        made.plus(NOON + timedelta(minutes=30, milliseconds=1), LIMIT)
    assert refused.value.retry_after_s == 1800
    with pytest.raises(TooManyRequests) as refused:
        made.plus(NOON + timedelta(minutes=59, seconds=59), LIMIT)
    assert refused.value.retry_after_s == 1
    assert str(refused.value).startswith("An account can make 3 such requests within 60 minutes. Wait 1 seconds")
    assert len(made.plus(NOON + timedelta(minutes=60), LIMIT).times) == 3


def test_the_limit_holds_in_each_period_of_its_length() -> None:
    """Not only from one full hour to the next: what is a period old is dropped, one after the other."""
    made = after(0, 59, 59.5, 61)
    assert [int((at - NOON).total_seconds()) for at in made.times] == [59 * 60, 59 * 60 + 30, 61 * 60]
    with pytest.raises(TooManyRequests):
        made.plus(NOON + timedelta(minutes=62), LIMIT)


def test_a_lower_limit_counts_what_was_made_under_a_higher_one() -> None:
    """The wait is until as few are left as it allows. A clock that is behind keeps the order."""
    made = after(0, 10, 20)
    with pytest.raises(TooManyRequests) as refused:
        made.plus(NOON + timedelta(minutes=30), RequestLimit(most=1, within=timedelta(hours=1)))
    assert refused.value.retry_after_s == 50 * 60
    assert after(10, 5).times == after(5, 10).times
