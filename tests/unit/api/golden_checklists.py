"""What a bank is told of each thing that it asks for. `python -m tests.unit.api.golden_checklists` writes it anew.

Of each item stands what it says of a record with everything; then of each situation what it says otherwise.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ledger.api.checklist import _ITEMS, Known, checklist
from ledger.api.responses.disputes import DisputedPurchaseResponse
from ledger.domain.facts import DisputeReason, RefundState
from ledger.domain.ids import PaymentId
from ledger.domain.purchases import Purchase
from ledger.domain.subscriptions import Subscription
from tests.unit.api.filled_records import filled
from tools.testing.builders import dispute, payment

FILE = Path(__file__).parent / "golden" / "checklists.txt"
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
FILLED = filled(DisputedPurchaseResponse, apart=DAY)
SHOWN = FILLED.model_copy(
    update={"usage": [FILLED.usage[0].model_copy(update={"credits": -102})], "has_more_usage": False}
)
SUBSCRIPTION = filled(Subscription, apart=DAY)
KNOWN = Known(SHOWN, replace(filled(Purchase), is_duplicate=False), [], SUBSCRIPTION)
ORDER, (USED,), (CASE,), (REFUND,) = SHOWN.order, SHOWN.usage, SHOWN.cases, SHOWN.refunds
CONSENT = ORDER.consent


def of(**changes: Any) -> Known:
    """Return what is known, where the response says something else."""
    return replace(KNOWN, shown=SHOWN.model_copy(update=changes))


def ordered(**changes: Any) -> Known:
    """Return what is known of an order that says something else."""
    return of(order=ORDER.model_copy(update=changes))


def used(*runs: tuple[str, int], **more: Any) -> Known:
    """Return what is known of these draws: the run of each, and what it moved."""
    usage = [USED.model_copy(update={"cause": cause, "credits": credits_}) for cause, credits_ in runs]
    return of(usage=usage, **more)


def earlier(*ages: timedelta, is_disputed: bool = False) -> Known:
    """Return what is known beside earlier payments of these ages."""

    def paid(at: datetime, number: int) -> Purchase:
        settled = replace(payment(PaymentId(f"stripe:pi_{number}")), at=at)
        facts: dict[str, Any] = {"payment": settled, **({"dispute": dispute()} if is_disputed else {})}
        return Purchase(payment_id=settled.payment_id, facts=facts)

    return replace(KNOWN, earlier=[paid(SHOWN.paid_at - age, number) for number, age in enumerate(ages)])


SITUATIONS: Mapping[str, Known] = {
    "no order": of(order=None),
    "no consent": ordered(consent=None),
    "consent that counts": ordered(consent=CONSENT.model_copy(update={"is_complete": True})),
    "consent that does not count": ordered(consent=CONSENT.model_copy(update={"is_complete": False})),
    "no consent to renewals": ordered(renewal_consent=None),
    "nothing used": used(credits_used=0),
    "one run, and one that came back": used(("run:1", -5), ("run:1", 5), ("run:2", 0), ("run:3", 1), credits_used=1),
    "two runs": used(("run:1", -1), ("run:2", -5), ("run:2", -3)),
    "more than a page of runs": of(has_more_usage=True),
    "no invoice's number": of(invoice_number=None),
    "no letter": of(cases=[]),
    "two letters": of(cases=[CASE, CASE]),
    "no refund": of(refunds=[]),
    "a refund under way": of(refunds=[REFUND.model_copy(update={"state": RefundState.PENDING})]),
    "a refund": of(refunds=[REFUND.model_copy(update={"state": RefundState.SUCCEEDED})]),
    "a second payment": replace(KNOWN, purchase=replace(KNOWN.purchase, is_duplicate=True)),
    "no subscription": of(subscription_id=None),
    "a subscription that is no longer known": replace(KNOWN, subscription=None),
    "a subscription that goes on": replace(KNOWN, subscription=replace(SUBSCRIPTION, cancel_at=None)),
    "a payment of 120 days": earlier(120 * DAY),
    "payments of 120 and 364 days": earlier(120 * DAY, 364 * DAY),
    "payments of three ages, and one that is too young": earlier(*(days * DAY for days in (121, 200, 363, 119))),
    "a payment that is too young by a second": earlier(120 * DAY - SECOND),
    "a payment that is too old by a second": earlier(364 * DAY + SECOND),
    "payments that were disputed": earlier(200 * DAY, 300 * DAY, is_disputed=True),
    "a payment that was not reported yet": replace(KNOWN, earlier=[Purchase(payment_id=PaymentId("stripe:pi_1"))]),
}


def lines() -> Iterator[str]:
    """Yield each item with what it says, and what is asked for by each reason."""
    for name, item in _ITEMS.items():
        first = item(KNOWN)
        yield f"{name}: {first.asked}"
        yield f"  {_said(first.is_there, first.words)}"
        for situation, known in SITUATIONS.items():
            found = item(known)
            if found != first:
                yield f"  {situation}: {_said(found.is_there, found.words)}"
    for reason in (None, *DisputeReason):
        asked = [one.asked for one in checklist(KNOWN, reason)]
        names = [name for one in asked for name, item in _ITEMS.items() if item(KNOWN).asked == one]
        yield f"{reason or 'no reason'}: {', '.join(names)}"


def _said(is_there: bool, words: str) -> str:
    return f"[{'x' if is_there else ' '}] {words}"


if __name__ == "__main__":
    FILE.write_text("\n".join(lines()) + "\n", "utf-8")
