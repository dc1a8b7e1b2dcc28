"""Translating notifications: what the providers' packages share.

notification ──► translator, by its event type ──► the fields of an `Event`
                     └─ EventNotBookable, or a field that is missing or of another shape ──► a parked `Event`
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypedDict, TypeVar

from ledger.domain.catalogue import Catalogue, Product, agreed_product
from ledger.domain.events import About, CreditedPeriod, Event, Owner
from ledger.domain.facts import Fact, PaidLine, PaymentSettled
from ledger.domain.ids import PaymentId
from ledger.domain.orders import Order, Terms, hash_of_terms
from ledger.domain.receipts import MUTABLE, NotBookable, ParkReason
from ledger.domain.records import record
from ledger.domain.subscriptions import Subscription
from ledger.providers.parsing import OUR_FIELDS, Json, excerpt, is_text

MAX_CARRIED = 500
"""The length of the text in which a checkout carries terms. Stripe's metadata takes 500 characters a value."""

MAX_LINES = 10
"""How many lines of a payment may give credits. A DynamoDB transaction has 100 actions, and a line may need seven."""

_State = TypeVar("_State")


class EventNotBookable(Exception):
    """A genuine event that can't be booked. `translated` catches it, and the event is parked."""

    def __init__(self, reason: ParkReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.not_bookable = NotBookable(reason, detail)


class EventFields(TypedDict, total=False):
    """The fields of an `Event` that a translator sets."""

    owner: Owner
    names: tuple[PaymentId, ...]
    facts: tuple[Fact, ...]
    payment: PaymentSettled
    also: tuple[About, ...]
    credited_periods: tuple[CreditedPeriod, ...]
    subscription: Subscription
    not_bookable: NotBookable


@record(frozen=True)
class Agreement:
    """The product of an order under the terms that were agreed."""

    product: Product
    terms_hash: str | None


class Notification:
    """One notification during translation: the object that it carries, and the catalogue to translate it with."""

    known_owner: Owner | None = None  # whose the object is, once the translator knows it
    agreement: Agreement | None = None  # the terms that the object is under, if it pays for an order

    def __init__(
        self,
        *,
        provider: str,
        event_id: str,
        event_type: str,
        at: datetime,
        source: Json,
        catalogue: Catalogue,
        order: Order | None = None,
    ) -> None:
        self.provider = provider
        self.event_id = event_id
        self.event_type = event_type
        self.at = at  # when the event occurred, by the provider's clock
        self.source = source  # the provider's object: a session, an invoice, a transaction, …
        self.catalogue = catalogue
        self.order = order  # the order that it pays for, as it is stored; None: it was not read

    @property
    def cause(self) -> str:
        """The cause of each fact of this notification: the provider and the event's id."""
        return f"{self.provider}:{self.event_id}"

    def qualified(self, own_id: str) -> str:
        """Return a provider's own id with the provider in front, as the ledger stores it."""
        return f"{self.provider}:{own_id}"

    def payment_id(self, own_id: str) -> PaymentId:
        """Return the payment id for an id of the provider."""
        return PaymentId(self.qualified(own_id))

    def customer_id(self, own_id: object) -> str | None:
        """Return the customer id for an id of the provider. None if it is missing or no usable text."""
        return self.qualified(own_id) if is_text(own_id) else None

    def product_priced(self, price_id: str | None, at: datetime) -> Product | None:
        """Return the product with this price id of the provider. None if there is none.

        Its terms are those of the order that is paid for, else those of a time.
        """
        product = self.catalogue.priced(self.provider, price_id, at)
        if self.agreement and price_id in self.agreement.product.price_ids.get(self.provider, ()):
            return self.agreement.product
        return product and self._as_agreed(product)

    def trial_priced(self, price_id: str | None, at: datetime) -> Product | None:
        """Return the product of which this price id sells a trial, as `product_priced` does. None: none."""
        product = self.catalogue.trial_priced(self.provider, price_id, at)
        return product and self._as_agreed(product)

    def put_under_order(self, carrier: Json | None) -> None:
        """Put the object under the terms of the order that it pays for: as it is stored, else as `carrier` has them.

        Without either, the object stays under the terms of the catalogue.
        """
        if self.order is None:
            self.agreement = _carried_agreement(self.provider, carrier)
        elif product := self.catalogue.agreed(self.order):
            self.agreement = Agreement(product, self.order.terms_hash)

    @property
    def has_lock(self) -> bool:
        """Return whether the terms of the order that is paid for lock its credits until its consent is complete."""
        return self.agreement is not None and self.agreement.product.lock_days is not None

    def locked_until(self, lines: Iterable[PaidLine], *, is_trial: bool) -> datetime | None:
        """Return until when the credits of a payment for an order are locked. None: its terms say nothing of it.

        The first charge after a trial has days of its own, so the lock of a trial is counted from its end.
        """
        if self.agreement is None:
            return None
        ends = [line.period_ends_at for line in lines if is_trial and line.period_ends_at]
        return self.agreement.product.locked_until(max((self.at, *ends)))

    def _as_agreed(self, product: Product) -> Product:
        agreed = self.agreement.product if self.agreement else product
        return agreed if agreed.product_id == product.product_id else product


def translated(
    notification: Notification,
    translate: Callable[[], EventFields],
    own_customer_id: object,
    *,
    under_order: Callable[[Order], Event] | None = None,
    muted_by: str | None = None,
) -> Event:
    """Return the event with the fields that `translate` returns, or with `not_bookable` set to the reason.

    `own_customer_id` names the owner if `translate` sets none: the receipt of a parked event is stored under it.
    """
    try:
        fields = translate()
    except EventNotBookable as problem:
        fields = {"not_bookable": problem.not_bookable}
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        fields = {"not_bookable": NotBookable(ParkReason.UNKNOWN_SHAPE, f"{type(error).__name__}: {error}")}
    fields.setdefault("owner", notification.known_owner or Owner(customer_id=notification.customer_id(own_customer_id)))
    parked = fields.get("not_bookable")
    is_mutable = parked is not None and parked.reason in MUTABLE
    return Event(
        names_ours=is_mutable and names_ours(notification.source, notification.provider, notification.catalogue),
        terms_hash=notification.agreement.terms_hash if notification.agreement else None,
        under_order=under_order,
        muted_by=muted_by,
        provider=notification.provider,
        event_id=notification.event_id,
        event_type=notification.event_type,
        at=notification.at,
        **fields,
    )


def names_ours(source: object, provider: str, catalogue: Catalogue) -> bool:
    """Return whether an object of a provider names an order or account of ours, or what the catalogue sells.

    However deep it is nested: no event is answered by an error for that.
    """
    waiting = [source]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            if any(value and name in OUR_FIELDS for name, value in one.items()):
                return True
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str) and catalogue.has_price(provider, one):
            return True
    return False


def carried(order: Order) -> Mapping[str, str]:
    """Return what the checkout of an order carries: the ids, and the terms with their digest, as texts by name.

    Terms that are too long for a provider's field are left out. The payment is then granted after reading the order.
    """
    ours = {"account_id": order.account_id, "order_id": order.order_id, "product_id": order.product_id}
    terms = order.carried_terms
    if terms is None or len(terms) > MAX_CARRIED:
        return ours
    return {**ours, "terms": terms, "terms_hash": hash_of_terms(terms)}


def _carried_agreement(provider: str, carrier: Json | None) -> Agreement | None:
    """Return the terms that an object carries. None: it has none, or they are not those that our server wrote.

    Whether they are those of the order is for the order's item to say: the grant has their digest as a condition.
    """
    carrier = carrier or {}
    terms = carrier.get("terms")
    if not isinstance(terms, str) or len(terms) > MAX_CARRIED:
        return None
    digest = hash_of_terms(terms)
    if carrier.get("terms_hash") != digest:
        return None
    try:
        content = json.loads(terms)
        if any(content[name] != carrier.get(name) for name in ("account_id", "order_id")):
            return None
        sale = {name: content.pop(name) for name in ("product_id", "price_minor", "currency")}
        for name in ("account_id", "order_id", "agreement"):
            content.pop(name)
        content.setdefault("lock_days", None)  # what there is none of is not carried
        return Agreement(agreed_product(Terms(**content), provider=provider, **sale), digest)
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return None


def known_state(states: Mapping[str, _State], status: str, field: str) -> _State:
    """Return the state for a provider's word. Raise EventNotBookable for a word that is not in `states`."""
    if status not in states:
        raise EventNotBookable(ParkReason.UNKNOWN_STATE, f"{field} {excerpt(status)}")
    return states[status]


def bookable_lines(lines: Sequence[PaidLine], *, also: int = 0) -> tuple[PaidLine, ...]:
    """Return the lines of a payment. Raise ValueError if there are more than one transaction can book.

    `also` is the number of other payments that the event reports on.
    """
    if len(lines) + also > MAX_LINES:
        raise ValueError(f"it has more than {MAX_LINES} lines that give credits")
    return tuple(lines)
