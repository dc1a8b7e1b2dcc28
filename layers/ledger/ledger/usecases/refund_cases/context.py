"""A purchase with everything that a decision about it rests on, and what the policy sees of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from ledger.domain.accounts import Account
from ledger.domain.disputes import disputed
from ledger.domain.errors import NotFound
from ledger.domain.facts import Fact, PaymentSettled, RefundDeclined
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.orders import Order
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import Decision, DecisionOutcome, RefundCase, RefundReason
from ledger.domain.refunds import refunded
from ledger.domain.runs import FailedRun
from ledger.policy.context import LineUsage, PolicyContext
from ledger.policy.parameters import PolicyParameters
from ledger.ports.documents import case_key
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store
from ledger.usecases.look_up import LookUp


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseContext:
    """A purchase with everything that a decision about it rests on, as it was read at one time."""

    account: Account
    purchase: Purchase
    payment: PaymentSettled
    order: Order | None
    known: Snapshot


def read_case_context(account_id: AccountId, case_id: str, store: Store) -> tuple[RefundCase, CaseContext]:
    """A case and its purchase: two or three round trips. Raises NotFound."""
    look_up = LookUp(store, with_orders=True)
    key = case_key(account_id, case_id)
    known = look_up(Keys(accounts=frozenset({account_id}), documents=frozenset({key})))
    case = known.document(key, RefundCase)
    if case is None:
        raise NotFound(f"There is no case {case_id}.")
    known = look_up(Keys(payments=frozenset({case.payment_id})))
    return case, case_context_in(account_id, case.payment_id, known)


def case_context_in(account_id: AccountId, payment_id: PaymentId, known: Snapshot) -> CaseContext:
    """The dossier in what was read. Raises NotFound: another account's purchase is not told apart from none."""
    purchase, account = known.home_of(payment_id), known.accounts.get(account_id)
    if purchase is None or purchase.payment is None or account is None or purchase.account_id != account_id:
        raise NotFound(f"There is no purchase {payment_id}.")
    payment = purchase.payment
    return CaseContext(
        account=account, purchase=purchase, payment=payment, order=known.order(payment.order_id), known=known
    )


def policy_context(
    reason: RefundReason,
    context: CaseContext,
    store: Store,
    policy: PolicyParameters,
    now: datetime,
    *,
    asked_at: datetime | None = None,
) -> PolicyContext:
    """What the policy sees of a purchase now. For a technical problem or a double charge it looks further.

    `asked_at` is when the customer asked, if that is past: time limits count from there.
    """
    payment, purchase = context.payment, context.purchase
    dispute = disputed(purchase.facts, payment.payment_id)
    failures = list(_failures(context, store)) if reason is RefundReason.TECHNICAL_PROBLEM else []
    declined = purchase.facts.get(f"declined:{reason}")
    looks_twice = reason is RefundReason.CHARGED_TWICE and not purchase.is_duplicate
    return PolicyContext(
        reason=reason,
        now=now,
        paid_at=payment.at,
        paid_minor=payment.paid_minor,
        currency=payment.currency,
        refundable_minor=purchase.refundable_minor,
        refunded_minor=refunded(purchase.facts).total_minor,
        overcharge_minor=payment.overcharge_minor,
        lines=tuple(_line_usage(context)),
        is_subscription=payment.subscription_id is not None,
        is_renewal=payment.is_renewal,
        is_duplicate=purchase.is_duplicate,
        doubles_subscription=purchase.is_duplicate and _doubles_subscription(context, store),
        is_disputed=dispute.is_frozen,
        order=context.order,
        similar=tuple(_similar(context, store, policy)) if looks_twice else (),
        failed_runs=len(failures),
        failed_credits=sum(failure.credits for failure in failures),
        failed_since_decline=sum(failure.at > declined.at for failure in failures) if declined else 0,
        declined_before=_earlier_decline(declined, policy),
        asked_at=asked_at,
    )


def requested_at(case: RefundCase) -> datetime | None:
    """When a case was asked for. A withdrawal is asked for when it is confirmed."""
    return case.confirmed_at if case.reason is RefundReason.WITHDRAWAL else case.opened_at


def _line_usage(context: CaseContext) -> Iterator[LineUsage]:
    """What became of each line's credits. A duplicate gave none: the lots of its claim are the original's."""
    payment, purchase = context.payment, context.purchase
    for position, line in enumerate(payment.lines):
        lot = None if purchase.is_duplicate else context.known.lot(payment.account_id, payment.lot_id(position))
        yield LineUsage(
            line_id=line.line_id,
            amount_minor=line.amount_minor,
            granted=lot.granted if lot else 0,
            drawn=lot.drawn if lot else 0,
            taken_back=min(lot.granted, lot.refund_target + lot.dispute_target + lot.reserve_target) if lot else 0,
        )


def _failures(context: CaseContext, store: Store) -> Iterable[FailedRun]:
    """The runs that failed since the payment: one query, which counts up to a thousand."""
    return islice(store.failed_runs(context.payment.account_id, context.payment.at), 1000)


def _similar(context: CaseContext, store: Store, policy: PolicyParameters) -> Iterator[PaymentId]:
    """Other payments for the same thing, close in time: of either provider, among the account's latest."""
    payment = context.payment
    sold = sorted(line.product_id for line in payment.lines)
    for other in store.purchases_of(payment.account_id, 50).items:
        competing_payment = other.payment
        if (
            competing_payment is None
            or competing_payment.payment_id == payment.payment_id
            or competing_payment.currency != payment.currency
        ):
            continue
        if other.refundable_minor == 0:
            continue  # it went back already
        is_close = abs(competing_payment.at - payment.at) <= policy.similar_within
        if (
            is_close
            and competing_payment.paid_minor == payment.paid_minor
            and sorted(x.product_id for x in competing_payment.lines) == sold
        ):
            yield competing_payment.payment_id


def _doubles_subscription(context: CaseContext, store: Store) -> bool:
    """Whether a duplicate began a subscription of its own: refunding it does not stop that."""
    payment = context.payment
    fulfilment_key = context.known.fulfilment_keys.get(payment.fulfilment_key or "")
    if payment.subscription_id is None or fulfilment_key is None or fulfilment_key.payment_id is None:
        return False
    original = store.read(Keys(payments=frozenset({fulfilment_key.payment_id}))).home_of(fulfilment_key.payment_id)
    return bool(original and original.payment and original.payment.subscription_id != payment.subscription_id)


def _earlier_decline(declined: Fact | None, policy: PolicyParameters) -> Decision | None:
    if not isinstance(declined, RefundDeclined):
        return None
    return Decision(
        outcome=DecisionOutcome.DECLINE,
        clause=declined.clause,
        rule="person",
        reasons=declined.words,
        policy_version=policy.version,
    )
