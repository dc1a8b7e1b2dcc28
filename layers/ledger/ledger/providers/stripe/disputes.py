"""Disputes and early fraud warnings: payments that are contested, or may be soon."""

from ledger.domain.facts import DisputeChanged, DisputeState, FraudWarned
from ledger.providers.parsing import amount, text, unix_time, whole_number
from ledger.providers.stripe.notification import StripeNotification
from ledger.providers.translation import EventFields, known_state

_STATES = {
    "warning_needs_response": DisputeState.INQUIRY,
    "warning_under_review": DisputeState.INQUIRY,
    "warning_closed": DisputeState.INQUIRY_CLOSED,
    "needs_response": DisputeState.OPEN,
    "under_review": DisputeState.UNDER_REVIEW,
    "appeal_needs_response": DisputeState.APPEALED,
    "appeal_under_review": DisputeState.APPEALED,
    "lost": DisputeState.LOST,
    "won": DisputeState.WON,
    "prevented": DisputeState.PREVENTED,
}


def dispute_changed(notification: StripeNotification) -> EventFields:
    """Translate `charge.dispute.*`: a dispute's state, by its status and by where the money is.

    Source: docs.stripe.com/api/disputes/object, its `status` and `balance_transactions`.
    """
    dispute = notification.source
    amounts = [whole_number(movement, "amount") for movement in dispute.get("balance_transactions") or []]
    state = known_state(_STATES, text(dispute, "status"), "dispute status")
    if state is DisputeState.LOST and any(amounts) and sum(amounts) == 0:
        state = DisputeState.WON  # the money was withdrawn and has come back, whatever the status still says
    fact = DisputeChanged(
        dispute_id=text(dispute, "id"),
        state=state,
        amount_minor=amount(dispute, "amount"),
        opened_at=unix_time(dispute["created"]),
        at=notification.at,
        cause=notification.cause,
        movements=len(amounts),
    )
    return {"names": notification.charge_names(), "facts": (fact,)}


def fraud_warning_changed(notification: StripeNotification) -> EventFields:
    """Translate `radar.early_fraud_warning.*`: whether the warning can still be acted on.

    Source: `actionable` of docs.stripe.com/api/radar/early_fraud_warnings/object.
    """
    fact = FraudWarned(
        warning_id=text(notification.source, "id"),
        is_actionable=notification.source["actionable"] is True,
        at=notification.at,
        cause=notification.cause,
    )
    return {"names": notification.charge_names(), "facts": (fact,)}
