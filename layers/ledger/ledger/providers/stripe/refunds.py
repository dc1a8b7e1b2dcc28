"""Refunds: money that was given back. Source: docs.stripe.com/refunds, docs.stripe.com/api/refunds/object."""

from ledger.domain.facts import RefundChanged, RefundState, RefundTotalReported
from ledger.providers import tags
from ledger.providers.parsing import amount, currency, optional_text, text, unix_time
from ledger.providers.stripe.notification import StripeNotification
from ledger.providers.translation import EventFields, known_state

REFUND_STATES = {
    "pending": RefundState.PENDING,
    "requires_action": RefundState.REQUIRES_ACTION,
    "succeeded": RefundState.SUCCEEDED,
    "failed": RefundState.FAILED,
    "canceled": RefundState.CANCELED,
}
"""The states of a Refund, by its `status`."""


def refund_changed(notification: StripeNotification) -> EventFields:
    """Translate `refund.*`: a refund's amount and state. Source: the Refund's `status`, `amount` and `metadata`."""
    refund, names = notification.source, notification.charge_names()
    fact = RefundChanged(
        refund_id=text(refund, "id"),
        state=known_state(REFUND_STATES, text(refund, "status"), "refund status"),
        amount_minor=amount(refund, "amount"),
        currency=currency(refund, "currency"),
        created_at=notification.at if refund.get("created") is None else unix_time(refund["created"]),
        at=notification.at,
        cause=notification.cause,
        charge_id=optional_text(refund, "charge"),
        money_id=names[0],
        tag=optional_text(refund.get("metadata"), tags.METADATA_KEY),
    )
    return {"names": names, "facts": (fact,)}


def charge_refunded(notification: StripeNotification) -> EventFields:
    """Translate `charge.refunded`: the sum of a charge's refunds so far.

    Source: `amount_refunded` of docs.stripe.com/api/charges/object.
    """
    charge = notification.source
    charge_id = text(charge, "id")
    intent = optional_text(charge, "payment_intent")
    names = tuple(notification.payment_id(own_id) for own_id in (intent, charge_id) if own_id)
    fact = RefundTotalReported(
        charge_id=charge_id,
        total_minor=amount(charge, "amount_refunded"),
        currency=currency(charge, "currency"),
        money_id=names[0],
        at=notification.at,
        cause=notification.cause,
    )
    return {"names": names, "facts": (fact,)}
