"""Paddle's row in the registry: see `ledger.providers.registry.Provider`."""

from ledger.domain.index_rows import EventNames
from ledger.ports.gateway import Gateway
from ledger.providers.paddle.events import FUNCTIONS, ID_FIELD, TYPE_FIELD, parse, translate
from ledger.providers.paddle.notification import NAME
from ledger.providers.parsing import Json
from ledger.providers.signatures import Scheme

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

MERCHANT_OF_RECORD, BUYERS_PAGE = "Paddle.com", "paddle.net"
EXAMPLE_PAYMENT_ID = "txn_01k9ypz2t8m5q4c7v3w6n0d1e2"
EXAMPLE_SUBSCRIPTION_ID = "sub_01k9ypz2t8m5q4c7v3w6n0d1e2"

# `Paddle-Signature: ts=…;h1=…[;h1=…]`. Source: developer.paddle.com/webhooks/signature-verification.
verify = Scheme(header="paddle-signature", separator=";", time_key="ts", signature_key="h1", joint=b":").verify


def names_in(content: Json) -> EventNames:
    """Return what a parsed notification is found by. The import is here because webhook functions find nothing."""
    from ledger.providers.paddle.names import names_in as read

    return read(content)


def gateway(key: str, *, is_live: bool, base_url: str | None) -> Gateway:
    """Return the gateway to Paddle's API. The import is here because webhook functions have no SDK."""
    from ledger.providers.paddle.client import PaddleGateway

    return PaddleGateway(key, is_live=is_live, base_url=base_url)
