"""What a bank asks for, by the reason of a dispute: whether the ledger has it, and where it is otherwise.

Source: docs.stripe.com/disputes/categories, and docs.stripe.com/disputes/api/visa-ce3 for earlier payments.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta

from ledger.api.responses.disputes import ChecklistItem, DisputedPurchaseResponse
from ledger.domain.disputes import reported_disputes
from ledger.domain.facts import DisputeReason, RefundState
from ledger.domain.purchases import Purchase
from ledger.domain.records import record
from ledger.domain.subscriptions import Subscription

_OLDEST, _YOUNGEST = timedelta(days=364), timedelta(days=120)
"""How much older than the disputed payment those are by which Visa takes it as the customer's."""

_EARLIER_PAYMENTS = 2
"""How many of them it takes."""


@record(frozen=True)
class Known:
    """What is known of a disputed purchase."""

    shown: DisputedPurchaseResponse
    purchase: Purchase
    earlier: Collection[Purchase]  # others of the account
    subscription: Subscription | None


def checklist(known: Known, reason: DisputeReason | None) -> list[ChecklistItem]:
    """Return what a bank asks for, in the order of its weight."""
    return [_ITEMS[name](known) for name in _ASKED.get(reason or DisputeReason.GENERAL, _IN_GENERAL)]


def _order(known: Known) -> ChecklistItem:
    order = known.shown.order
    words = f"Order {order.order_id}: what was offered, for how much." if order else "No order of ours is known."
    return ChecklistItem(asked="What was offered and accepted", is_there=order is not None, words=words)


def _consent(known: Known) -> ChecklistItem:
    consent = known.shown.order.consent if known.shown.order else None
    if consent is None:
        words = "No consent is recorded."
    elif consent.is_complete:
        words = "The customer asked to begin at once, acknowledged what that ends, and it was confirmed in time."
    else:
        words = "A consent was given, and it does not count: see below."
    is_there = consent is not None and consent.is_complete
    return ChecklistItem(asked="The customer's consent, confirmed before the first use", is_there=is_there, words=words)


def _renewal(known: Known) -> ChecklistItem:
    order = known.shown.order
    consent = order.renewal_consent if order else None
    words = f"Given {consent.given_at:%Y-%m-%d %H:%M} UTC, with its words below." if consent else "None is recorded."
    return ChecklistItem(asked="The customer's consent to the renewals", is_there=consent is not None, words=words)


def _address(_: Known) -> ChecklistItem:
    words = "Not kept here. The provider's page of the payment shows what its checkout recorded."
    return ChecklistItem(asked="The IP address and the device of the purchase", is_there=False, words=words)


def _usage(known: Known) -> ChecklistItem:
    shown = known.shown
    runs = len({one.cause for one in shown.usage if one.credits < 0})
    number = f"{'at least ' if shown.has_more_usage else ''}{runs:,} {'run' if runs == 1 else 'runs'}"
    times = "the latest with their times" if shown.has_more_usage else "each with its time"
    words = f"{shown.credits_used:,} of {shown.credits_granted:,} credits, in {number}, {times}."
    is_there = shown.credits_used > 0
    return ChecklistItem(
        asked="That the customer used it, and when", is_there=is_there, words=words if is_there else "Nothing was used."
    )


def _delivery(known: Known) -> ChecklistItem:
    words = (
        f"{known.shown.credits_granted:,} credits were on the account since {known.shown.paid_at:%Y-%m-%d %H:%M} UTC."
    )
    return ChecklistItem(asked="That it was delivered", is_there=True, words=words)


def _receipt(known: Known) -> ChecklistItem:
    number = known.shown.invoice_number
    words = (
        f"Invoice {number}: the provider has the document." if number else "No number is known. The provider has it."
    )
    return ChecklistItem(asked="The invoice or receipt", is_there=number is not None, words=words)


def _policy(known: Known) -> ChecklistItem:
    order = known.shown.order
    words = f"Version {order.policy_version}, accepted with the order." if order else "No order of ours is known."
    return ChecklistItem(asked="The refund policy, as it was shown", is_there=order is not None, words=words)


def _letters(known: Known) -> ChecklistItem:
    cases = known.shown.cases
    count = f"{len(cases)} {'request' if len(cases) == 1 else 'requests'}"
    words = f"{count}, with our answer." if cases else "The customer did not write to us about it."
    return ChecklistItem(asked="What the customer wrote, and our answer", is_there=bool(cases), words=words)


def _refunds(known: Known) -> ChecklistItem:
    made = [one for one in known.shown.refunds if one.state == RefundState.SUCCEEDED]
    words = "With the provider's ids below." if made else "None was made. If one was promised, the bank is right."
    return ChecklistItem(asked="The refunds that were made", is_there=bool(made), words=words)


def _other_payment(known: Known) -> ChecklistItem:
    is_second = known.purchase.is_duplicate
    words = (
        "This is a second payment for the same order or period: the customer may be right."
        if is_second
        else "No other payment of the account is for the same order or period."
    )
    return ChecklistItem(asked="That the payments are for different things", is_there=not is_second, words=words)


def _cancellation(known: Known) -> ChecklistItem:
    if known.shown.subscription_id is None:
        words = "The payment is for no subscription."
        return ChecklistItem(asked="Whether and when it was cancelled", is_there=True, words=words)
    subscription = known.subscription
    if subscription is None:
        words = "Its state is no longer on the account. The provider's page shows it."
    elif subscription.cancel_at:
        words = (
            f"It was cancelled with effect from {subscription.cancel_at:%Y-%m-%d}. Is that after this payment's period?"
        )
    else:
        words = f"No cancellation is recorded: it is {subscription.status}."
    return ChecklistItem(asked="Whether and when it was cancelled", is_there=subscription is not None, words=words)


def _earlier_payments(known: Known) -> ChecklistItem:
    count = sum(_counts_for_visa(one, known) for one in known.earlier)
    number = f"{count} of the account {'is' if count == 1 else 'are'}"
    words = f"{number} of that age. The provider's page says whether card and address match."
    return ChecklistItem(
        asked="Visa: two earlier undisputed payments, 120 to 364 days older",
        is_there=count >= _EARLIER_PAYMENTS,
        words=words if count else "None of the account is of that age.",
    )


def _counts_for_visa(earlier: Purchase, known: Known) -> bool:
    if earlier.payment is None or reported_disputes(earlier.facts, earlier.payment_id):
        return False
    return _YOUNGEST <= known.shown.paid_at - earlier.payment.at <= _OLDEST


_ITEMS: Mapping[str, Callable[[Known], ChecklistItem]] = {
    "order": _order,
    "consent": _consent,
    "renewal": _renewal,
    "address": _address,
    "usage": _usage,
    "delivery": _delivery,
    "receipt": _receipt,
    "policy": _policy,
    "letters": _letters,
    "refunds": _refunds,
    "other_payment": _other_payment,
    "cancellation": _cancellation,
    "earlier_payments": _earlier_payments,
}
_IN_GENERAL: Iterable[str] = ("order", "consent", "usage", "policy", "refunds", "letters")
_ASKED: Mapping[DisputeReason, Iterable[str]] = {
    DisputeReason.FRAUDULENT: ("usage", "earlier_payments", "address", "order", "consent", "letters"),
    DisputeReason.UNRECOGNISED: ("usage", "order", "receipt", "address", "letters"),
    DisputeReason.DUPLICATE: ("other_payment", "order", "receipt", "refunds"),
    DisputeReason.SUBSCRIPTION_CANCELED: ("cancellation", "renewal", "usage", "policy", "refunds", "letters"),
    DisputeReason.NOT_RECEIVED: ("delivery", "usage", "order", "letters"),
    DisputeReason.UNACCEPTABLE: ("order", "usage", "policy", "refunds", "letters"),
    DisputeReason.CREDIT_NOT_PROCESSED: ("refunds", "policy", "consent", "letters"),
    DisputeReason.GENERAL: _IN_GENERAL,
}
