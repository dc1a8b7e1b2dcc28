"""Whether a stored purchase has all that a payment's event reports: then the event books nothing."""

from dataclasses import replace
from typing import Any

import pytest

from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.purchases import Purchase
from ledger.usecases.plan_booking import is_already_booked
from tools.testing.builders import CH, PI, event_of, paid, payment, refund

STORED = Purchase(payment_id=PI, names=frozenset({PI, CH})).with_facts(payment(), refund())


@pytest.mark.parametrize(
    ("event", "is_booked"),
    [
        (paid(), True),
        (replace(paid(), facts=(refund(),)), True),
        (replace(paid(), facts=(refund(600, minute=40),)), False),
        (replace(paid(), names=(PI, CH)), True),
        (replace(paid(), names=(PI, PaymentId("stripe:ch_2"))), False),
        (paid(payment(account_id=AccountId("acct_ben"))), False),
        (paid(payment(fulfilment_key="order/ord_1")), False),
        (event_of(refund()), False),
    ],
)
def test_everything_that_is_reported_must_be_there(event: Any, *, is_booked: bool) -> None:
    """Its facts, its names, its account and what it pays for."""
    assert is_already_booked(event, STORED) is is_booked
