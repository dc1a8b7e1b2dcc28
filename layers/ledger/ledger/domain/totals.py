"""Totals: what a charge's running total contains beyond the refunds that were reported one by one.

A total may contain a refund of ours from the moment when its sending began. A part of it that nobody has reported is
recognised by its amount. The rest was refunded by someone else:

    total    reported    being sent    rest
    1800     300         1000          500
"""

from collections.abc import Collection, Iterator

from ledger.domain.facts import (
    Facts,
    RefundAttempted,
    RefundChanged,
    RefundPart,
    RefundSent,
    RefundState,
    RefundTotalReported,
    facts_of,
)
from ledger.domain.ids import PaymentId
from ledger.domain.links import Links


def explained(facts: Facts) -> Facts:
    """Return the facts with refunds in place of running totals: those that only the totals report.

    What is being sent has the tag of its part. The rest is one refund for each payment, of all lines.
    """
    totals = facts_of(facts, RefundTotalReported)
    if not totals:
        return facts
    links, unreported = Links(facts), _unreported(facts)
    found = {key: fact for key, fact in facts.items() if not isinstance(fact, RefundTotalReported)}
    for money_id in sorted({links.money_of(total) for total in totals}, key=str):
        of_money = [total for total in totals if links.money_of(total) == money_id]
        refunds = [one for one in facts_of(facts, RefundChanged) if links.money_of(one) == money_id]
        for refund in _only_in(of_money, refunds, money_id, unreported):
            found[refund.key] = refund
    return found


def _only_in(
    totals: list[RefundTotalReported],
    refunds: Collection[RefundChanged],
    money_id: PaymentId | None,
    unreported: list[tuple[RefundAttempted, RefundPart]],
) -> Iterator[RefundChanged]:
    """Yield what only these totals of one payment report, and take what is being sent from `unreported`."""
    latest = max(totals, key=lambda total: (total.at, total.charge_id))
    beyond_minor = -sum(refund.amount_minor for refund in refunds if refund.charge_id is None)
    for total in totals:
        reported_minor = sum(refund.amount_minor for refund in refunds if refund.charge_id == total.charge_id)
        beyond_minor += max(0, total.total_minor - reported_minor)
    for attempt, part in list(unreported):
        may_be_of_it = money_id is None or part.money_id in {None, money_id}
        if may_be_of_it and part.amount_minor <= beyond_minor:
            beyond_minor -= part.amount_minor
            unreported.remove((attempt, part))
            yield RefundChanged(
                refund_id=part.tag,
                tag=part.tag,
                state=RefundState.SUCCEEDED,
                amount_minor=part.amount_minor,
                currency=latest.currency,
                created_at=attempt.at,
                at=latest.at,
                cause=latest.cause,
                money_id=money_id,
            )
    if beyond_minor > 0:
        yield RefundChanged(
            refund_id=f"total:{latest.charge_id}",
            state=RefundState.SUCCEEDED,
            amount_minor=beyond_minor,
            currency=latest.currency,
            created_at=latest.at,
            at=latest.at,
            cause=latest.cause,
            money_id=money_id,
        )


def _unreported(facts: Facts) -> list[tuple[RefundAttempted, RefundPart]]:
    """Return what is being sent and is not reported by itself, the earliest first."""
    tags = {refund.tag for refund in facts_of(facts, RefundChanged)}
    tags |= {sent.tag for sent in facts_of(facts, RefundSent) if f"refund:{sent.refund_id}" in facts}
    attempts = sorted(facts_of(facts, RefundAttempted), key=lambda attempt: (attempt.at, attempt.tag))
    return [(attempt, part) for attempt in attempts for part in attempt.parts if part.tag not in tags]
