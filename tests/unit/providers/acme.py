"""A provider that does not exist, as `ledger.providers.registry.Provider` requires it: for test_new_provider.py."""

from collections.abc import Mapping

from ledger.domain.catalogue import Catalogue
from ledger.domain.events import Event, Owner
from ledger.domain.facts import DisputeChanged, DisputeState, PaidLine, PaymentSettled
from ledger.domain.ids import AccountId
from ledger.domain.index_rows import EventNames
from ledger.domain.receipts import ParkReason
from ledger.ports.gateway import Gateway
from ledger.providers.naming import amounts_in, event_names, pattern_of_ids
from ledger.providers.parsing import Json, amount, currency, load_notification, text, unix_time
from ledger.providers.scope import EVERYTHING, Scope
from ledger.providers.signatures import Scheme
from ledger.providers.translation import EventFields, EventNotBookable, Notification, translated
from tools.testing.fakes import FakeProvider

NAME = "acme"
ID_FIELD, TYPE_FIELD = "ref", "kind"
EXAMPLE_PAYMENT_ID, EXAMPLE_SUBSCRIPTION_ID = "sale_1", "plan_1"
MERCHANT_OF_RECORD, BUYERS_PAGE = "", ""

verify = Scheme(header="acme-signature", separator=" ", time_key="at", signature_key="sig", joint=b"/").verify


def parse(body: bytes) -> Json:
    """Return the notification in a verified body."""
    return load_notification(body, ID_FIELD, TYPE_FIELD)


def translate(
    content: Json,
    catalogue: Catalogue,
    *,
    is_live: bool,  # noqa: ARG001 - it has no modes
    scope: Scope = EVERYTHING,  # noqa: ARG001 - all of it is ours
) -> Event | None:
    """Return the event of a parsed notification."""
    translator = _TRANSLATORS.get(content[TYPE_FIELD])
    if translator is None:
        return None
    notification = Notification(
        provider=NAME,
        event_id=content[ID_FIELD],
        event_type=content[TYPE_FIELD],
        at=unix_time(content["at"]),
        source=content["sale"],
        catalogue=catalogue,
    )
    return translated(notification, lambda: translator(notification), notification.source.get("buyer"))


def names_in(content: Json) -> EventNames:
    """Return what a parsed notification is found by."""
    sale = content["sale"]
    return event_names(sale, pattern_of_ids("sale", "b"), amounts_in(sale, ("cents",), sale.get("currency")))


def gateway(key: str, *, is_live: bool, base_url: str | None) -> Gateway:  # noqa: ARG001 - it has one address
    """Return a gateway in memory, for the API key that the test sets."""
    assert key == "acme_key"
    return FakeProvider()


def _sale_paid(notification: Notification) -> EventFields:
    sale = notification.source
    product = notification.product_priced(text(sale, "price"), notification.at)
    if product is None:
        raise EventNotBookable(ParkReason.UNKNOWN_PRICE, text(sale, "price"))
    owner = Owner(account_id=AccountId(text(sale, "account")), customer_id=notification.customer_id(sale["buyer"]))
    paid_minor = amount(sale, "cents")
    line = PaidLine(
        line_id="0", product_id=product.product_id, credits=product.credits, amount_minor=paid_minor, expires_at=None
    )
    payment = PaymentSettled(
        payment_id=notification.payment_id(text(sale, "id")),
        account_id=AccountId(text(sale, "account")),
        paid_minor=paid_minor,
        currency=currency(sale, "currency"),
        lines=(line,),
        at=notification.at,
        cause=notification.cause,
        locked_until=None,
    )
    return {"owner": owner, "names": (payment.payment_id,), "payment": payment}


def _sale_contested(notification: Notification) -> EventFields:
    sale = notification.source
    fact = DisputeChanged(
        currency="USD",
        dispute_id=text(sale, "dispute"),
        state=DisputeState.OPEN,
        amount_minor=amount(sale, "cents"),
        opened_at=notification.at,
        at=notification.at,
        cause=notification.cause,
    )
    return {"names": (notification.payment_id(text(sale, "id")),), "facts": (fact,)}


_TRANSLATORS = {"sale.paid": _sale_paid, "sale.contested": _sale_contested}

FUNCTIONS: Mapping[str, frozenset[str]] = {
    "sale.paid": frozenset({"payment_succeeded"}),
    "sale.contested": frozenset({"dispute_opened"}),
}
