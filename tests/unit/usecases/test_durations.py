"""How long something is waited for, beside what it waits for: its own constant can't tell that it is wrong."""

from datetime import timedelta

import pytest

from ledger.usecases.confirm_orders import AWAITED_FOR
from ledger.usecases.place_order import REPORTED_WITHIN
from ledger.usecases.remind import BEGINS_WITHIN

BANK_DEBIT = timedelta(days=14)
"""What the slowest way to pay takes to succeed or fail."""
NIGHTS_AND_HOLIDAYS = timedelta(days=7)


@pytest.mark.parametrize("waited", [AWAITED_FOR, REPORTED_WITHIN, BEGINS_WITHIN])
def test_a_payment_is_awaited_as_long_as_a_bank_debit_takes_and_not_for_ever(waited: timedelta) -> None:
    """Sooner, a debit that succeeds is missed and its plan is sold twice; later, no customer can buy it again."""
    assert BANK_DEBIT < waited < BANK_DEBIT + NIGHTS_AND_HOLIDAYS
