"""Disputes and early fraud warnings: payments that are contested, or may be soon."""

from ledger.domain.catalogue import Resolution
from ledger.domain.facts import DisputeChanged, DisputeState, Fact, FraudWarned, ResolutionReported
from ledger.providers.parsing import Json, amount, currency, optional_text, text, unix_time, whole_number
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
    """Translate `charge.dispute.*`: a dispute's state, its amount and what moved because of it.

    Source: docs.stripe.com/api/disputes/object, its `status`, `payment_method_details` and `balance_transactions`.
    """
    dispute, names = notification.source, notification.charge_names()
    card = (dispute.get("payment_method_details") or {}).get("card") or {}
    movements = list(dispute.get("balance_transactions") or [])
    fact = DisputeChanged(
        dispute_id=text(dispute, "id"),
        state=known_state(_STATES, text(dispute, "status"), "dispute status"),
        amount_minor=amount(dispute, "amount"),
        currency=currency(dispute, "currency"),
        opened_at=unix_time(dispute["created"]),
        at=notification.at,
        cause=notification.cause,
        movements=len(movements),
        taken_minor=_moved_minor(movements, "dispute"),
        returned_minor=_moved_minor(movements, "dispute_reversal"),
        money_id=names[0],
        charge_id=optional_text(dispute, "charge"),
        is_resolution=card.get("case_type") == "resolution",
    )
    facts: list[Fact] = [fact]
    if _is_repaid_uncontested(notification, fact, movements):
        facts.append(ResolutionReported(subject=fact.key, at=fact.at, cause=fact.cause, money_id=fact.money_id))
    return {"names": names, "facts": tuple(facts)}


def _is_repaid_uncontested(notification: StripeNotification, dispute: DisputeChanged, movements: list[Json]) -> bool:
    """Return whether the catalogue lets this count as a resolution: a card dispute that was lost when it began, no fee.

    Only the first report says how it began. Source: `fee` of docs.stripe.com/api/balance_transactions/object.
    """
    return (
        notification.catalogue.is_resolution(Resolution.LOST_WITHOUT_FEE, dispute.opened_at)
        and notification.event_type == "charge.dispute.created"
        and dispute.state is DisputeState.LOST
        and (notification.source.get("payment_method_details") or {}).get("type") == "card"
        and dispute.taken_minor > 0
        and not any(whole_number(one, "fee") or one.get("reporting_category") == "fee" for one in movements)
    )


def _moved_minor(movements: list[Json], category: str) -> int:
    """Return the amount of the largest movement of a category: fees and conversions have rows of their own.

    Source: `reporting_category` of docs.stripe.com/api/balance_transactions/object.
    """
    amounts = (movement for movement in movements if movement.get("reporting_category") == category)
    return max((abs(whole_number(movement, "amount")) for movement in amounts), default=0)


def fraud_warning_changed(notification: StripeNotification) -> EventFields:
    """Translate `radar.early_fraud_warning.*`: whether the warning can still be acted on.

    Source: `actionable` of docs.stripe.com/api/radar/early_fraud_warnings/object.
    """
    names = notification.charge_names()
    fact = FraudWarned(
        warning_id=text(notification.source, "id"),
        is_actionable=notification.source["actionable"] is True,
        at=notification.at,
        cause=notification.cause,
        money_id=names[0],
        charge_id=optional_text(notification.source, "charge"),
    )
    return {"names": names, "facts": (fact,)}
