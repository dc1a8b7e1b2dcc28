"""Adjustments: by their action a refund, a chargeback, a credit, or the reversal of one.

Paddle is the merchant of record, so its staff may refund without a request of ours. Source:
developer.paddle.com/api-reference/adjustments/overview.
"""

from typing import Any

from ledger.domain.catalogue import Resolution
from ledger.domain.facts import (
    BalanceCredited,
    ChargebackChanged,
    ChargebackState,
    RefundChanged,
    RefundedItem,
    RefundState,
    ResolutionReported,
)
from ledger.domain.receipts import ParkReason
from ledger.providers import tags
from ledger.providers.paddle.notification import PaddleNotification
from ledger.providers.parsing import Json, amount, currency, excerpt, objects, optional_text, rfc3339_time, text
from ledger.providers.translation import EventFields, EventNotBookable, known_state

REFUND_STATES = {
    "pending_approval": RefundState.PENDING,
    "approved": RefundState.SUCCEEDED,
    "rejected": RefundState.CANCELED,
    "reversed": RefundState.FAILED,
}
"""The states of a refund, by the adjustment's `status`."""

_CHARGEBACK_STATES = {
    "pending_approval": ChargebackState.TAKEN,
    "approved": ChargebackState.TAKEN,
    "rejected": ChargebackState.REJECTED,
    "reversed": ChargebackState.REVERSED,
}
_CHARGEBACK_ACTIONS = {"chargeback", "chargeback_warning", "chargeback_reverse", "chargeback_warning_reverse"}


def adjustment_changed(notification: PaddleNotification) -> EventFields:
    """Translate `adjustment.created` and `.updated`. An adjustment names only its transaction: no prices, no account.

    Source: developer.paddle.com/webhooks/adjustments/adjustment-updated, its `action` and `status`.
    """
    adjustment = notification.source
    action, status = text(adjustment, "action"), text(adjustment, "status")
    refund_state = known_state(REFUND_STATES, status, "adjustment status")
    common: dict[str, Any] = {
        "amount_minor": amount(adjustment["totals"], "total"),
        "currency": currency(adjustment, "currency_code"),
        "created_at": rfc3339_time(adjustment["created_at"]),
        "at": notification.at,
        "cause": notification.cause,
    }
    adjustment_id = text(adjustment, "id")
    fact: RefundChanged | ChargebackChanged | BalanceCredited
    extra: tuple[ResolutionReported, ...] = ()
    if action == "refund":
        fact = RefundChanged(
            refund_id=adjustment_id,
            state=refund_state,
            items=_refunded_items(adjustment),
            # The reason is free text of any length; the tag at its end is an id.
            tag=optional_text({"tag": tags.tag_in(adjustment.get("reason"))}, "tag"),
            **common,
        )
    elif action in {"credit", "credit_reverse"}:
        fact = BalanceCredited(
            credit_id=adjustment_id,
            items=_refunded_items(adjustment),
            is_reversal=action == "credit_reverse",
            is_reversed=status == "reversed",
            **common,
        )
    elif action in _CHARGEBACK_ACTIONS:
        fact = ChargebackChanged(
            adjustment_id=adjustment_id,
            kind=action.removesuffix("_reverse"),
            is_reversal=action.endswith("_reverse"),
            state=_CHARGEBACK_STATES[status],
            **common,
        )
        if action == Resolution.CHARGEBACK_WARNING and notification.catalogue.is_resolution(
            Resolution.CHARGEBACK_WARNING, fact.created_at
        ):
            extra = (ResolutionReported(subject=fact.key, at=fact.at, cause=fact.cause),)
    else:
        raise EventNotBookable(ParkReason.UNKNOWN_STATE, f"adjustment action {excerpt(action)}")
    return {"names": (notification.payment_id(text(adjustment, "transaction_id")),), "facts": (fact, *extra)}


def _refunded_items(adjustment: Json) -> tuple[RefundedItem, ...]:
    """Return the amount refunded of each line, tax included. Only an item's totals always include the tax.

    Source: `items` of the adjustment.
    """
    return tuple(
        RefundedItem(
            line_id=text(item, "item_id"),
            amount_minor=amount(item["totals"], "total") if item.get("totals") else amount(item, "amount"),
            is_tax_only=item.get("type") == "tax",
        )
        for item in objects(adjustment, "items")
    )
