"""Mails about an order: its confirmation, and the information on withdrawal that it did not show."""

from datetime import UTC

from ledger.domain.catalogue import ProductKind
from ledger.domain.facts import PaymentSettled
from ledger.domain.mails import MailIntent, order_of
from ledger.domain.orders import Order
from ledger.mails.confirmation import ConfirmedOrder, confirmation, withdrawal_information
from ledger.policy.law import RightKind
from ledger.policy.withdrawal import may_be_informed
from ledger.ports.reads import Keys
from ledger.usecases.late_information import mail_of
from ledger.usecases.write_mails.desk import Desk, Outdated, Written, reach


def write_confirmation(intent: MailIntent, desk: Desk) -> Written:
    """Confirm the contract of an order that was paid. Raise Outdated, NoAddress or StoreUnavailable."""
    order, payment = _paid_order(intent, desk)
    to, writer = reach(intent, desk)
    confirmed = confirmed_order(order, payment, desk)
    return to, confirmation(confirmed, intent.mail_id, writer)


def write_withdrawal_information(intent: MailIntent, desk: Desk) -> Written:
    """Send the information that an order did not show. Raise Outdated if it is not due, NoAddress or StoreUnavailable.

    The days run from when it is accepted, which is never before the day that it names.
    """
    (order, payment), now = _paid_order(intent, desk), desk.clock()
    mail = mail_of(intent.subject, order)
    is_due = mail is not None and not (mail.returned_at or order.shown_at)
    if not is_due or may_be_informed(order, payment.billing_country, payment.at, now, desk.policy):
        raise Outdated
    to, writer = reach(intent, desk)
    confirmed = confirmed_order(order, payment, desk)
    return to, withdrawal_information(confirmed, now, intent.mail_id, writer)


def _paid_order(intent: MailIntent, desk: Desk) -> tuple[Order, PaymentSettled]:
    """Return the order that a mail is about, with its payment. Raise Outdated if it has none."""
    order_id = order_of(intent.subject)
    key = f"order/{order_id}"
    known = desk.store.read(Keys(fulfilment_keys=frozenset({key})))
    order, fulfilled = known.order(order_id), known.fulfilment_keys.get(key)
    if order is None or fulfilled is None or fulfilled.payment_id is None:
        raise Outdated
    home = desk.store.read(Keys(payments=frozenset({fulfilled.payment_id}))).home_of(fulfilled.payment_id)
    if home is None or home.payment is None:
        raise Outdated
    return order, home.payment


def confirmed_order(order: Order, payment: PaymentSettled, desk: Desk) -> ConfirmedOrder:
    """Return what the confirmation of an order says, which this payment has paid.

    A plan renews first when the period ends that was paid: what was shown counts only where that is not reported.
    """
    agreed = desk.catalogue.agreed(order)
    version = desk.policy.sold_under(order.policy_version) or desk.policy
    right = desk.policy.law.right_of(order.country, order.made_at.date())
    sold = desk.catalogue.product(order.product_id, order.made_at)
    is_subscription = agreed is not None and agreed.kind is ProductKind.SUBSCRIPTION
    terms = order.shown.renewal if order.shown else None
    ends_at = payment.period_ends_at
    return ConfirmedOrder(
        order=order,
        name=sold.name if sold else order.product_id,
        paid_minor=payment.paid_minor,
        currency=payment.currency,
        paid_at=payment.at,
        expires_at=agreed.expires_at(payment.at, None) if agreed and not is_subscription else None,
        is_subscription=is_subscription,
        renews_every_months=terms.every_months if terms else sold.period_months if sold else None,
        renews_on=ends_at.astimezone(UTC).date() if ends_at else terms.first_on if terms else None,
        has_right=right.kind is not RightKind.NONE,
        reseller=desk.resellers.get(order.provider),
        policy_text=version.read_published_text(),
    )
