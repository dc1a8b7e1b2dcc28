"""State an amount: a person says what a refund or dispute in another currency is in its payment's currency.

Amounts of two currencies are never compared. Until a person has stated the amount, all credits of the payment are
frozen or reserved, and a flag on the account says so.
"""

import json
from datetime import datetime, timedelta

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.errors import NotFound, RequestRefused
from ledger.domain.facts import AmountStated, Fact, Facts, PaymentSettled
from ledger.domain.ids import AccountId, PaymentId, request_correlation_id
from ledger.domain.money import format_amount
from ledger.domain.proposals import Stake
from ledger.domain.purchases import Purchase
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases import plan_booking
from ledger.usecases.authority import Act, Authority, commit_act
from ledger.usecases.look_up import LookUp
from ledger.usecases.plan_booking import Origin
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

AMOUNTS_ROUTE = "amounts"
"""The route of which the provider's id of a refund or dispute is the key."""


def state_amount(
    payment_id: PaymentId,
    subject_id: str,
    amount_minor: int,
    account_id: AccountId,
    actor: str,
    store: Store,
    *,
    why: str,
    now: datetime,
    authority: Authority,
) -> bool:
    """Record an amount in minor units of the payment's currency, as the support person `actor`.

    `subject_id` is the provider's id of the refund, credit, dispute or chargeback. Return False if this amount was
    stated before. At stake is the whole payment. Raise SecondPersonNeeded if a colleague has to confirm it, NotFound if
    the account has no such payment or the payment no such refund or dispute, RequestRefused if there is nothing to
    state or more than was paid, StoreUnavailable after too many conflicts.
    """

    def attempt() -> bool | Retry:
        look_up = LookUp(store)
        homes = look_up(Keys(payments=frozenset({payment_id}))).homes_of(payment_id)
        purchase = next((home for home in homes if home.account_id == account_id), None)
        if purchase is None or purchase.payment is None:
            raise NotFound(f"There is no purchase {payment_id} of {account_id}.")
        subject = _subject(subject_id, purchase, purchase.payment)
        if not 0 <= amount_minor <= purchase.payment.paid_minor:
            most = format_amount(purchase.payment.paid_minor, purchase.payment.currency)
            raise RequestRefused(f"The amount must be between 0 and {most}.")
        before = _stated(subject, purchase.facts)
        if before and before.amount_minor == amount_minor:
            return False
        # Of two statements the later one counts: what replaces one is later than it, whatever the clocks say.
        at = max(now, before.at + timedelta.resolution) if before else now
        stated = AmountStated(
            subject=subject.key, amount_minor=amount_minor, actor=actor, at=at, cause=f"support:{actor}"
        )
        record = AuditRecord(
            actor=actor,
            action=AuditAction.STATE_AMOUNT,
            subject=subject_id,
            reason=why,
            at=at,
            step=purchase.version,
        )
        stake = Stake(amount=purchase.payment.paid_minor, unit=purchase.payment.currency)
        origin = Origin(now, stated.cause, request_correlation_id(account_id, AMOUNTS_ROUTE, subject_id))
        commit = plan_booking.plan_internal_fact([purchase.with_facts(stated)], look_up.known, origin)
        request = json.dumps({"payment_id": payment_id, "amount_minor": amount_minor}, sort_keys=True)
        act = Act(
            account_id=account_id,
            record=record,
            stake=stake,
            request=request,
            key=before.at.isoformat() if before else "",
        )
        return CONFLICT if commit_act(commit, act, authority, store) else True

    return run_transaction(attempt, f"{subject_id} of {account_id}")


def _subject(subject_id: str, purchase: Purchase, payment: PaymentSettled) -> Fact:
    """Return the fact that a provider's id names. Raise NotFound, or RequestRefused if its amount is comparable."""
    for key, fact in purchase.facts.items():
        currency = getattr(fact, "currency", None)
        if key.partition(":")[2] != subject_id or currency is None:
            continue
        if currency == payment.currency:
            raise RequestRefused(f"{subject_id} is in {currency}, as the payment is: there is nothing to state.")
        return fact
    raise NotFound(f"{purchase.payment_id} has no refund or dispute {subject_id}.")


def _stated(subject: Fact, facts: Facts) -> AmountStated | None:
    stated = facts.get(f"amount:{subject.key}")
    return stated if isinstance(stated, AmountStated) else None
