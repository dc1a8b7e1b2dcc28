"""A purchase with everything that a decision about it rests on, and what the policy sees of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from ledger.accounts import Account
from ledger.cases import Decision, FailedRun, Outcome, Reason, RefundCase
from ledger.disputes import disputed
from ledger.errors import NotFound
from ledger.facts import AccountId, Fact, PaymentId, PaymentSettled, RefundDeclined
from ledger.lookup import LookUp
from ledger.orders import Order
from ledger.policy import LineUse, Policy, Situation
from ledger.ports import Keys, Snapshot, Store, case_place, failure_place
from ledger.purchases import Purchase
from ledger.refunds import refunded


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """A purchase with everything that a decision about it rests on, as it was read at one time."""

    account: Account
    purchase: Purchase
    payment: PaymentSettled
    order: Order | None
    known: Snapshot


def read_dossier(account_id: AccountId, case_id: str, store: Store) -> tuple[RefundCase, Dossier]:
    """A case and its purchase: two or three round trips. Raises NotFound."""
    look_up = LookUp(store, with_orders=True)
    place = case_place(account_id, case_id)
    known = look_up(Keys(accounts=frozenset({account_id}), documents=frozenset({place})))
    case = known.document(place, RefundCase)
    if case is None:
        raise NotFound(f"There is no case {case_id}.")
    known = look_up(Keys(payments=frozenset({case.payment_id})))
    return case, dossier_in(account_id, case.payment_id, known)


def dossier_in(account_id: AccountId, payment_id: PaymentId, known: Snapshot) -> Dossier:
    """The dossier in what was read. Raises NotFound: another account's purchase is not told apart from none."""
    purchase, account = known.home_of(payment_id), known.accounts.get(account_id)
    if purchase is None or purchase.payment is None or account is None or purchase.account_id != account_id:
        raise NotFound(f"There is no purchase {payment_id}.")
    payment = purchase.payment
    return Dossier(
        account=account, purchase=purchase, payment=payment, order=known.order(payment.order_id), known=known
    )


def situation(
    reason: Reason, dossier: Dossier, store: Store, policy: Policy, now: datetime, *, asked_at: datetime | None = None
) -> Situation:
    """What the policy sees of a purchase now. For a technical problem or a double charge it looks further.

    `asked_at` is when the customer asked, if that is past: time limits count from there.
    """
    payment, purchase = dossier.payment, dossier.purchase
    dispute = disputed(purchase.facts, payment.payment_id)
    failures = list(_failures(dossier, store)) if reason is Reason.TECHNICAL_PROBLEM else []
    declined = purchase.facts.get(f"declined:{reason}")
    looks_twice = reason is Reason.CHARGED_TWICE and not purchase.is_duplicate
    return Situation(
        reason=reason,
        now=now,
        paid_at=payment.at,
        paid_minor=payment.paid_minor,
        currency=payment.currency,
        refundable_minor=purchase.refundable_minor,
        refunded_minor=refunded(purchase.facts).total_minor,
        overcharge_minor=payment.overcharge_minor,
        lines=tuple(_uses(dossier)),
        is_subscription=payment.subscription_id is not None,
        is_renewal=payment.is_renewal,
        is_duplicate=purchase.is_duplicate,
        doubles_subscription=purchase.is_duplicate and _doubles_subscription(dossier, store),
        is_disputed=dispute.is_frozen,
        order=dossier.order,
        similar=tuple(_similar(dossier, store, policy)) if looks_twice else (),
        failed_runs=len(failures),
        failed_credits=sum(failure.credits for failure in failures),
        failed_since_decline=sum(failure.at > declined.at for failure in failures) if declined else 0,
        declined_before=_remembered(declined, policy),
        asked_at=asked_at,
    )


def since_asked(case: RefundCase) -> datetime | None:
    """When a case was asked for. A withdrawal is asked for when it is confirmed."""
    return case.confirmed_at if case.reason is Reason.WITHDRAWAL else case.opened_at


def _uses(dossier: Dossier) -> Iterator[LineUse]:
    """What became of each line's credits. A duplicate gave none: the lots of its claim are the original's."""
    payment, purchase = dossier.payment, dossier.purchase
    for position, line in enumerate(payment.lines):
        lot = None if purchase.is_duplicate else dossier.known.lot(payment.account_id, payment.lot_id(position))
        yield LineUse(
            line_id=line.line_id,
            amount_minor=line.amount_minor,
            granted=lot.granted if lot else 0,
            drawn=lot.drawn if lot else 0,
            taken_back=min(lot.granted, lot.refund_target + lot.dispute_target + lot.reserve_target) if lot else 0,
        )


def _failures(dossier: Dossier, store: Store) -> Iterable[FailedRun]:
    """The runs that failed since the payment: one query, which counts up to a thousand."""
    account_id = dossier.payment.account_id
    since = failure_place(account_id, dossier.payment.at).name
    page = store.documents(f"ACCOUNT#{account_id}", "FAILED#", 1000, since)
    return [failure for failure in page.items if isinstance(failure, FailedRun)]


def _similar(dossier: Dossier, store: Store, policy: Policy) -> Iterator[PaymentId]:
    """Other payments for the same thing, close in time: of either provider, among the account's latest."""
    payment = dossier.payment
    sold = sorted(line.product_id for line in payment.lines)
    for other in store.purchases_of(payment.account_id, 50).items:
        rival = other.payment
        if rival is None or rival.payment_id == payment.payment_id or rival.currency != payment.currency:
            continue
        if other.refundable_minor == 0:
            continue  # it went back already
        is_close = abs(rival.at - payment.at) <= policy.similar_within
        if is_close and rival.paid_minor == payment.paid_minor and sorted(x.product_id for x in rival.lines) == sold:
            yield rival.payment_id


def _doubles_subscription(dossier: Dossier, store: Store) -> bool:
    """Whether a duplicate began a subscription of its own: refunding it does not stop that."""
    payment = dossier.payment
    claim = dossier.known.claims.get(payment.claim or "")
    if payment.subscription_id is None or claim is None or claim.payment_id is None:
        return False
    original = store.read(Keys(payments=frozenset({claim.payment_id}))).home_of(claim.payment_id)
    return bool(original and original.payment and original.payment.subscription_id != payment.subscription_id)


def _remembered(declined: Fact | None, policy: Policy) -> Decision | None:
    if not isinstance(declined, RefundDeclined):
        return None
    return Decision(
        outcome=Outcome.DECLINE,
        clause=declined.clause,
        rule="person",
        reasons=declined.words,
        policy_version=policy.version,
    )
