"""Read a purchase with everything that a decision about it rests on."""

from dataclasses import dataclass

from ledger.domain.accounts import Account
from ledger.domain.errors import NotFound
from ledger.domain.facts import PaymentSettled
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.orders import Order
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import RefundCase
from ledger.ports.documents import case_key
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store
from ledger.usecases.look_up import LookUp


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseContext:
    """A purchase, its account and its order, as they were read for one decision."""

    account: Account
    purchase: Purchase
    payment: PaymentSettled
    order: Order | None
    known: Snapshot


def read_case_context(account_id: AccountId, case_id: str, store: Store) -> tuple[RefundCase, CaseContext]:
    """Return a case and its purchase: two or three round trips. Raise NotFound."""
    look_up = LookUp(store, with_orders=True)
    key = case_key(account_id, case_id)
    known = look_up(Keys(accounts=frozenset({account_id}), documents=frozenset({key})))
    case = known.document(key, RefundCase)
    if case is None:
        raise NotFound(f"There is no case {case_id}.")
    known = look_up(Keys(payments=frozenset({case.payment_id})))
    return case, case_context_in(account_id, case.payment_id, known)


def case_context_in(account_id: AccountId, payment_id: PaymentId, known: Snapshot) -> CaseContext:
    """Return the purchase in what was read. Raise NotFound, also if the purchase belongs to another account."""
    purchase, account = known.home_of(payment_id), known.accounts.get(account_id)
    if purchase is None or purchase.payment is None or account is None or purchase.account_id != account_id:
        raise NotFound(f"There is no purchase {payment_id}.")
    payment = purchase.payment
    order = known.order(payment.order_id)
    if order and order.account_id != account_id:
        order = None  # a later payment of a subscription carries an id that nothing has proven
    return CaseContext(account=account, purchase=purchase, payment=payment, order=order, known=known)
