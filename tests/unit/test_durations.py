"""How long something is waited for, beside what it waits for: its own constant can't tell that it is wrong."""

from datetime import timedelta

import pytest

from functions.release_parked.app import ALARMED_FOR, WAITING_FOR
from ledger.api.checklist import _OLDEST, _YOUNGEST
from ledger.api.evidence import _VALID_FOR
from ledger.domain.claims import CLAIMED_FOR
from ledger.domain.declarations import ANSWERED_WITHIN, OBJECTION_PERIOD
from ledger.domain.incidents import LONGEST
from ledger.domain.refund_cases import REPAID_WITHIN, STEPS_WITHIN
from ledger.usecases import expire_credits, mute_parked, release_parked
from ledger.usecases.confirm_orders import _YOUNG, AWAITED_FOR
from ledger.usecases.credit_notes import _NEW_YEAR
from ledger.usecases.declarations.follow import HOUR
from ledger.usecases.declarations.mails import SHARED_FOR
from ledger.usecases.place_order import REPORTED_WITHIN
from ledger.usecases.refund_cases.follow_refunds import _FIRST_DAY, FOLLOWED_FOR
from ledger.usecases.refund_cases.refund_warned import LOOK_AGAIN
from ledger.usecases.refund_cases.withdraw_contract import DISPUTE_LOOKED_AT_EVERY, LOOKED_FOR_AGAIN_AFTER
from ledger.usecases.remind import BEGINS_WITHIN
from ledger.usecases.send_refunds import NEW_FOR
from ledger.usecases.write_mails.accounts import _PARTS_WITHIN

BANK_DEBIT = timedelta(days=14)
"""What the slowest way to pay takes to succeed or fail."""
NIGHTS_AND_HOLIDAYS = timedelta(days=7)
INDEX_LAGS = timedelta(minutes=5)
"""A secondary index lags by seconds, in trouble by minutes. Whoever writes to it runs half a minute."""
SENDING_ROUND = timedelta(minutes=5)
ROUND = timedelta(hours=1)
DAY = timedelta(days=1)
RESTORED_AFTER = timedelta(minutes=20)
"""What AWS takes at least to restore a table, however small."""
RETRIED_FOR = timedelta(days=3)
"""How long both providers deliver an event again."""
RETURNED_AFTER = timedelta(days=30)
"""When a customer's bank may still send a refund back."""
MONEY_BACK_WITHIN = timedelta(days=14)
"""Directive 2011/83/EU, article 13."""
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("waited", [AWAITED_FOR, REPORTED_WITHIN, BEGINS_WITHIN])
def test_a_payment_is_awaited_as_long_as_a_bank_debit_takes_and_not_for_ever(waited: timedelta) -> None:
    """Sooner, a debit that succeeds is missed and its plan is sold twice; later, no customer can buy it again."""
    assert BANK_DEBIT < waited < BANK_DEBIT + NIGHTS_AND_HOLIDAYS


@pytest.mark.parametrize("overlap", [expire_credits._OVERLAP, release_parked._OVERLAP, mute_parked._OVERLAP])  # noqa: SLF001
def test_a_round_looks_back_further_than_an_index_lags_and_not_as_far_as_the_last_round(overlap: timedelta) -> None:
    """Else what is listed late is passed over for ever, or each round does the work of two."""
    assert INDEX_LAGS < overlap < ROUND


@pytest.mark.parametrize("looked_at", [release_parked._FIRST_DAY, _FIRST_DAY])  # noqa: SLF001
def test_what_is_older_than_a_day_has_its_turn_in_one_round_of_each_day(looked_at: timedelta) -> None:
    """Before that, each round looks at it, so there is no gap between the two."""
    assert looked_at == DAY


@pytest.mark.parametrize(
    ("least", "lasts", "most"),
    [
        # An unpaid order is looked at by more than one round, and by its hour of the day on the next day.
        (ROUND, _YOUNG, DAY),
        # A refund that was never tried has had a round; no table was restored since it was approved.
        (SENDING_ROUND, NEW_FOR, RESTORED_AFTER),
        # Who waits for a provider's word looks again in the next rounds, long before the money must be back.
        (ROUND / 2, LOOK_AGAIN, DAY / 4),
        (ROUND / 2, DISPUTE_LOOKED_AT_EVERY, DAY / 4),
        (DAY / 2, LOOKED_FOR_AGAIN_AFTER, MONEY_BACK_WITHIN / 4),
        # A refund that came back from the bank is still followed; not all that ever ended is.
        (RETURNED_AFTER, FOLLOWED_FOR, 6 * RETURNED_AFTER),
        # Facts wait for the provider to deliver their payment first; after its last try they never get one.
        (ROUND / 2, WAITING_FOR, DAY / 4),
        (RETRIED_FOR, ALARMED_FOR, 5 * RETRIED_FOR),
        # The other parts of an account's share in an incident are some transactions away; the customer reads it soon.
        (MINUTE / 2, _PARTS_WITHIN, SENDING_ROUND),
        # The limits of declarations are by the hour, and so is what counts as a repetition.
        (ROUND - MINUTE, HOUR, ROUND + MINUTE),
        (ROUND / 2, SHARED_FOR, ROUND * 2),
        # Somebody who sleeps can object or confirm, and the money is back in time all the same.
        (DAY / 2, OBJECTION_PERIOD, MONEY_BACK_WITHIN / 4),
        (DAY / 2, STEPS_WITHIN, MONEY_BACK_WITHIN / 4),
        # A case is read, and a file of 10 MB is uploaded over half a megabit per second; then others have their turn.
        (3 * MINUTE, CLAIMED_FOR, ROUND),
        (3 * MINUTE, _VALID_FOR, ROUND),
        # Whoever writes documents by the clock of its beginning has ended, and clocks agree.
        (ROUND, _NEW_YEAR, DAY * 7),
        # An outage that began before a long weekend is one incident; two outages are not.
        (DAY * 4, LONGEST, DAY * 14),
        # Visa's rules 10.4 and "Compelling Evidence 3.0": from 120 to 365 days before the dispute.
        (DAY * 119, _YOUNGEST, DAY * 121),
        (DAY * 363, _OLDEST, DAY * 366),
    ],
)
def test_each_wait_is_as_long_as_what_it_waits_for_takes(least: timedelta, lasts: timedelta, most: timedelta) -> None:
    """Sooner, it misses it; later, somebody waits for nothing."""
    assert least < lasts < most


def test_the_money_of_a_withdrawal_is_back_in_the_time_of_the_law() -> None:
    """Wherever it is counted."""
    assert ANSWERED_WITHIN == REPAID_WITHIN == MONEY_BACK_WITHIN
