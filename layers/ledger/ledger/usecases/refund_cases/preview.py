"""Preview decisions: what the policy would decide now. While decisions are paused, that a request would wait."""

from datetime import datetime

from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import Decision, RefundReason
from ledger.policy.parameters import PolicyParameters
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.look_up import LookUp
from ledger.usecases.refund_cases.context import CaseContext, case_context_in
from ledger.usecases.refund_cases.contract import payments_of_subscription
from ledger.usecases.refund_cases.evaluate_policy import policy_context, preview_decision


def preview(
    account_id: AccountId,
    payment_id: PaymentId,
    reason: RefundReason,
    store: Store,
    policy: PolicyParameters,
    *,
    now: datetime,
) -> Decision:
    """Return what the policy would decide now. Raise NotFound."""
    look_up = LookUp(store, with_orders=True)
    known = look_up(Keys(payments=frozenset({payment_id}), accounts=frozenset({account_id})))
    context = case_context_in(account_id, payment_id, known)
    return preview_decision(policy_context(reason, context, store, policy, now), policy)


def preview_all(
    account_id: AccountId, store: Store, policy: PolicyParameters, *, limit: int, after: str | None, now: datetime
) -> tuple[list[tuple[Purchase, RefundReason, Decision]], str | None]:
    """Return a page of an account's purchases, newest first, and where the next page starts.

    With each purchase: the reason with the best prospects, and what the policy would decide now for that reason.
    """
    page = store.purchases_of(account_id, limit, after)
    payment_ids = frozenset(purchase.payment_id for purchase in page.items)
    known = LookUp(store, with_orders=True)(Keys(accounts=frozenset({account_id}), payments=payment_ids))
    previews = []
    for purchase in page.items:
        context = case_context_in(account_id, purchase.payment_id, known)
        reason = best_reason(context)
        contract = payments_of_subscription(context, page.items) if context.payment.is_renewal else ()
        inputs = policy_context(reason, context, store, policy, now, contract=contract)
        decision = preview_decision(inputs, policy)
        previews.append((context.purchase, reason, decision))
    return previews, page.next


def best_reason(context: CaseContext) -> RefundReason:
    """Return the reason for which a request about this purchase has the best prospects."""
    if context.purchase.is_duplicate:
        return RefundReason.CHARGED_TWICE
    if context.payment.overcharge_minor:
        return RefundReason.WRONG_AMOUNT
    payment = context.payment
    is_renewal = payment.is_renewal and not payment.is_plan_change
    return RefundReason.MISTAKEN_RENEWAL if is_renewal else RefundReason.CHANGED_MY_MIND
