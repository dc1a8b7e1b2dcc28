"""Disputes and early fraud warnings: payments that are contested, or may be soon."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from itertools import accumulate, groupby
from operator import itemgetter

from ledger.domain.catalogue import Resolution
from ledger.domain.facts import (
    DisputeChanged,
    DisputeReason,
    DisputeState,
    EvidenceState,
    Fact,
    FraudWarned,
    ResolutionReported,
)
from ledger.domain.records import record
from ledger.providers.parsing import Json, amount, currency, optional_text, text, unix_time, whole_number
from ledger.providers.stripe.notification import StripeNotification
from ledger.providers.translation import EventFields, known_state

_WITHDRAWAL, _RETURN = "dispute", "dispute_reversal"

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

_AWAITS_EVIDENCE = frozenset({"warning_needs_response", "needs_response", "appeal_needs_response"})
_IS_WITH_THE_BANK = frozenset({"warning_under_review", "under_review", "appeal_under_review"})

_REASONS = {
    "fraudulent": DisputeReason.FRAUDULENT,
    "unrecognized": DisputeReason.UNRECOGNISED,
    "duplicate": DisputeReason.DUPLICATE,
    "subscription_canceled": DisputeReason.SUBSCRIPTION_CANCELED,
    "product_not_received": DisputeReason.NOT_RECEIVED,
    "product_unacceptable": DisputeReason.UNACCEPTABLE,
    "credit_not_processed": DisputeReason.CREDIT_NOT_PROCESSED,
}


def dispute_changed(notification: StripeNotification) -> EventFields:
    """Translate `charge.dispute.*`: a dispute's state, its amount, what moved because of it, and our answer's deadline.

    Source: docs.stripe.com/api/disputes/object, its `status`, `payment_method_details`, `balance_transactions`,
    `reason` and `evidence_details`.
    """
    dispute, names = notification.source, notification.charge_names()
    card = (dispute.get("payment_method_details") or {}).get("card") or {}
    movements = list(dispute.get("balance_transactions") or [])
    moved = _moved(movements)
    fact = DisputeChanged(
        dispute_id=text(dispute, "id"),
        state=known_state(_STATES, text(dispute, "status"), "dispute status"),
        amount_minor=amount(dispute, "amount"),
        currency=currency(dispute, "currency"),
        opened_at=unix_time(dispute["created"]),
        at=notification.at,
        cause=notification.cause,
        movements=len(movements),
        taken_minor=moved.taken_minor,
        returned_minor=moved.returned_minor,
        money_id=names[0],
        charge_id=optional_text(dispute, "charge"),
        is_resolution=card.get("case_type") == "resolution",
        is_withdrawn_again=moved.is_withdrawn_again,
        reason=_reason(dispute.get("reason")),
        evidence=_evidence(dispute),
        evidence_due_at=_evidence_due_at(dispute, notification.at),
    )
    facts: list[Fact] = [fact]
    if _is_repaid_uncontested(notification, fact, movements):
        facts.append(ResolutionReported(subject=fact.key, at=fact.at, cause=fact.cause, money_id=fact.money_id))
    return {"names": names, "facts": tuple(facts)}


def _reason(word: object) -> DisputeReason | None:
    """Return the reason of a dispute. Stripe adds words without notice: none of them parks a dispute."""
    if not isinstance(word, str) or not word:
        return None
    return _REASONS.get(word, DisputeReason.GENERAL)


def _evidence(dispute: Json) -> EvidenceState | None:
    """Return how far our answer is. What was handed in before an inquiry escalated, or before an appeal, is no answer.

    status           submission_count   has_evidence
    needs response   0                  yes            draft
    needs response   others             others         none
    under review     any                any            submitted
    ended            1 or more          any            submitted, else none
    """
    details, status = _details(dispute), dispute["status"]
    if details is None:
        return None
    count = details.get("submission_count")
    if status in _AWAITS_EVIDENCE:
        return EvidenceState.DRAFT if details.get("has_evidence") is True and not count else EvidenceState.NONE
    return EvidenceState.SUBMITTED if status in _IS_WITH_THE_BANK or count else EvidenceState.NONE


def _evidence_due_at(dispute: Json, now: datetime) -> datetime | None:
    """Return until when the bank takes evidence. Whatever is no time is unknown: it must not park a dispute.

    An appeal that waits for us has a later deadline than the dispute's own.
    """
    due_at = None
    with suppress(TypeError, ValueError):
        due_at = unix_time((_details(dispute) or {}).get("due_by"))
    is_over = due_at is not None and due_at <= now and dispute["status"] == "appeal_needs_response"
    return None if is_over else due_at


def _details(dispute: Json) -> Json | None:
    details = dispute.get("evidence_details")
    return details if isinstance(details, Mapping) else None


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


@record(frozen=True)
class _Moved:
    """What a dispute moved, as in `DisputeChanged`."""

    taken_minor: int
    returned_minor: int
    is_withdrawn_again: bool


def _moved(movements: list[Json]) -> _Moved:
    """Return what the movements of a dispute come to. Money can be withdrawn again after it was given back.

    Of the rows of one category that follow each other the largest is the money: fees and conversions have rows of their
    own. Source: `reporting_category` and `created` of docs.stripe.com/api/balance_transactions/object.

        movements in their order        taken   returned   withdrawn again
        -1800                            1800          0   no
        -1800, +1785                     1800       1785   no
        -1800, +1785, -1790              1805          0   yes
        -1800, +1785, -1790, +1790       1805       1790   yes
    """
    moving = [one for one in movements if one.get("reporting_category") in {_WITHDRAWAL, _RETURN}]
    steps = groupby(sorted(moving, key=_created), key=itemgetter("reporting_category"))
    amounts = [(category, max(abs(whole_number(one, "amount")) for one in rows)) for category, rows in steps]
    balances = list(accumulate(minor if category == _WITHDRAWAL else -minor for category, minor in amounts))
    withdrawals = [minor for category, minor in amounts if category == _WITHDRAWAL]
    taken_minor = max([0, *balances, *withdrawals])
    return _Moved(
        taken_minor=taken_minor,
        returned_minor=taken_minor - balances[-1] if balances else 0,
        is_withdrawn_again=len(withdrawals) > 1,
    )


def _created(movement: Json) -> int:
    return whole_number(movement, "created") if movement.get("created") is not None else 0


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
