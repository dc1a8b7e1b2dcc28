"""Stripe's row in the registry: see `ledger.providers.registry.Provider`."""

from ledger.domain.index_rows import EventNames
from ledger.ports.gateway import Gateway
from ledger.providers.parsing import Json
from ledger.providers.signatures import Scheme
from ledger.providers.stripe.events import FUNCTIONS, ID_FIELD, TYPE_FIELD, parse, translate
from ledger.providers.stripe.notification import NAME

__all__ = [
    "BUYERS_PAGE",
    "EXAMPLE_PAYMENT_ID",
    "EXAMPLE_SUBSCRIPTION_ID",
    "FUNCTIONS",
    "ID_FIELD",
    "MERCHANT_OF_RECORD",
    "NAME",
    "TYPE_FIELD",
    "gateway",
    "names_in",
    "parse",
    "translate",
    "verify",
]

MERCHANT_OF_RECORD, BUYERS_PAGE = "", ""
EXAMPLE_PAYMENT_ID = "pi_3Qx7Lm2eZvKYlo2C"
EXAMPLE_SUBSCRIPTION_ID = "sub_1QabcD2eZvKYlo2C"

# `Stripe-Signature: t=…,v1=…[,v1=…]`. Source: docs.stripe.com/webhooks#verify-manually.
verify = Scheme(header="stripe-signature", separator=",", time_key="t", signature_key="v1", joint=b".").verify


def names_in(content: Json) -> EventNames:
    """Return what a parsed notification is found by. The import is here because webhook functions find nothing."""
    from ledger.providers.stripe.names import names_in as read

    return read(content)


def gateway(key: str, *, is_live: bool, base_url: str | None) -> Gateway:
    """Return the gateway to Stripe's API. The import is here because webhook functions have no SDK."""
    from ledger.providers.stripe.client import StripeGateway

    return StripeGateway(key, is_live=is_live, base_url=base_url)
