"""Read a purchase with everything that a decision about it rests on."""

from ledger.domain.accounts import Account
from ledger.domain.errors import NotFound
from ledger.domain.facts import PaymentSettled
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.orders import Order
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import NotBookable
from ledger.domain.records import record
from ledger.domain.refund_cases import RefundCase
from ledger.ports.documents import case_key
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store
from ledger.usecases.look_up import LookUp
from ledger.usecases.plan_booking.fulfilment import find_fulfilment


@record(frozen=True, kw_only=True)
class CaseContext:
    """A purchase, its account and its order, as they were read for one decision."""

    account: Account
    purchase: Purchase
    payment: PaymentSettled
    order: Order | None
    known: Snapshot

    @property
    def is_for_ordered_product(self) -> bool:
        """Return whether the payment is for what its order offers, so that the order's price is the payment's.

        Later payments of a subscription keep the order that began it. They can be for another plan, for more than the
        plan, or for a part of a period.
        """
        order, payment = self.order, self.payment
        if order is None:
            return False
        is_same_product = [line.product_id for line in payment.lines] == [order.product_id]
        return payment.fulfilment_key == f"order/{order.order_id}" or (is_same_product and payment.period is not None)

    @property
    def other_payments(self) -> list[Purchase]:
        """The other payments for the same order or period."""
        fulfilment = find_fulfilment(self.purchase, self.known)
        if isinstance(fulfilment, NotBookable):
            return []
        return [one for one in fulfilment.purchases if one.payment_id != self.purchase.payment_id]


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
