"""Write mails: read what a mail is about, and return what is to be sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ledger.domain.catalogue import Catalogue, ProductKind
from ledger.domain.contacts import Contact
from ledger.domain.ids import OrderId
from ledger.domain.mails import RECEIPTS, MailIntent, MailKind
from ledger.domain.orders import Order
from ledger.mails.confirmation import ConfirmedOrder, Reseller, confirmation
from ledger.mails.letters import House, Letter
from ledger.mails.rendering import as_html, as_text
from ledger.mails.writing import Writer
from ledger.policy import law
from ledger.policy.law import RightKind
from ledger.policy.parameters import PolicyParameters
from ledger.ports.documents import contact_key
from ledger.ports.mailer import Message
from ledger.ports.reads import Keys
from ledger.ports.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What mails are written from."""

    store: Store
    catalogue: Catalogue
    policy: PolicyParameters
    house: House
    resellers: Mapping[str, Reseller]  # by provider: those that sell in their own name


class Outdated(Exception):
    """Nothing is to be sent any more: what the mail is about has gone on."""


class NoAddress(Exception):
    """The account has no address to which mails can be delivered."""


def write_mail(intent: MailIntent, desk: Desk) -> Message:
    """Return the message of an intent. Raise NoAddress, Outdated or StoreUnavailable."""
    contact = _contact(intent, desk.store)
    writer = Writer(contact.language, desk.house)
    letter = _LETTERS[intent.kind](intent, desk, writer)
    is_receipt = intent.kind in RECEIPTS
    return Message(
        mail_id=intent.mail_id,
        to=contact.email,
        subject=letter.subject,
        text=as_text(letter),
        html=None if is_receipt else as_html(letter, desk.house),
        language=letter.language,
        is_receipt=is_receipt,
    )


def _contact(intent: MailIntent, store: Store) -> Contact:
    if intent.account_id is None:
        raise NoAddress
    key = contact_key(intent.account_id)
    contact = store.read(Keys(documents=frozenset({key}))).document(key, Contact)
    if contact is None or contact.failing_since:
        raise NoAddress
    return contact


def _confirmation(intent: MailIntent, desk: Desk, writer: Writer) -> Letter:
    order_id = OrderId(intent.subject)
    key = f"order/{order_id}"
    known = desk.store.read(Keys(fulfilment_keys=frozenset({key})))
    order, fulfilled = known.order(order_id), known.fulfilment_keys.get(key)
    if order is None or fulfilled is None or fulfilled.payment_id is None:
        raise Outdated
    home = desk.store.read(Keys(payments=frozenset({fulfilled.payment_id}))).home_of(fulfilled.payment_id)
    if home is None or home.payment is None:
        raise Outdated
    return confirmation(
        confirmed_order(order, desk, home.payment.paid_minor, home.payment.currency, home.payment.at),
        intent.mail_id,
        writer,
    )


def confirmed_order(order: Order, desk: Desk, paid_minor: int, currency: str, paid_at: datetime) -> ConfirmedOrder:
    """Return what the confirmation of an order says."""
    agreed = desk.catalogue.agreed(order)
    sold = desk.catalogue.product(order.product_id, order.made_at)
    version = desk.policy.sold_under(order.policy_version) or desk.policy
    right = law.load().right_of(order.country, order.made_at.date())
    is_subscription = agreed is not None and agreed.kind is ProductKind.SUBSCRIPTION
    return ConfirmedOrder(
        order=order,
        name=sold.name if sold else order.product_id,
        paid_minor=paid_minor,
        currency=currency,
        paid_at=paid_at,
        expires_at=agreed.expires_at(paid_at, None) if agreed and not is_subscription else None,
        is_subscription=is_subscription,
        has_right=right.kind is not RightKind.NONE,
        reseller=desk.resellers.get(order.provider),
        policy_text=version.read_published_text(),
    )


_LETTERS: Mapping[MailKind, Callable[[MailIntent, Desk, Writer], Letter]] = {
    MailKind.CONTRACT_CONFIRMATION: _confirmation,
}
