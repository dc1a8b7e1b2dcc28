"""The words of a checklist are those of the fields that are meant, of records whose fields all differ."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.api.checklist import Known, checklist
from ledger.api.responses.disputes import DisputedPurchaseResponse
from ledger.domain.facts import DisputeReason
from ledger.domain.purchases import Purchase
from ledger.domain.subscriptions import Subscription
from tests.unit.api import golden_checklists
from tests.unit.api.filled_records import filled

DAY = timedelta(days=1)
SHOWN, SUBSCRIPTION = filled(DisputedPurchaseResponse, apart=DAY), filled(Subscription, apart=DAY)
KNOWN = Known(SHOWN, filled(Purchase), [], SUBSCRIPTION)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("What was offered and accepted", f"Order {SHOWN.order.order_id}:"),
        ("The refund policy, as it was shown", f"Version {SHOWN.order.policy_version}, accepted with the order."),
        ("The invoice or receipt", f"Invoice {SHOWN.invoice_number}:"),
        (
            "The customer's consent to the renewals",
            f"Given {SHOWN.order.renewal_consent.given_at:%Y-%m-%d %H:%M} UTC, with its words below.",
        ),
        (
            "That it was delivered",
            f"{SHOWN.credits_granted:,} credits were on the account since {SHOWN.paid_at:%Y-%m-%d %H:%M} UTC.",
        ),
        ("Whether and when it was cancelled", f"It was cancelled with effect from {SUBSCRIPTION.cancel_at:%Y-%m-%d}."),
    ],
)
def test_each_item_says_what_it_is_about(asked: str, words: str) -> None:
    """A bank is told no other day, number or version."""
    items = {one.asked: one.words for reason in DisputeReason for one in checklist(KNOWN, reason)}
    assert items[asked].startswith(words)


def test_a_subscription_that_ends_or_pauses_some_day_is_not_cancelled_by_it() -> None:
    """Its period has an end, and a pause is none."""
    going_on = replace(KNOWN, subscription=replace(SUBSCRIPTION, cancel_at=None))
    items = {one.asked: one.words for reason in DisputeReason for one in checklist(going_on, reason)}
    assert items["Whether and when it was cancelled"] == f"No cancellation is recorded: it is {SUBSCRIPTION.status}."


def test_a_bank_is_told_in_each_situation_what_is_written_here() -> None:
    """`python -m tests.unit.api.golden_checklists` writes it anew: look at the difference by its words."""
    assert [*golden_checklists.lines()] == golden_checklists.FILE.read_text("utf-8").splitlines()
