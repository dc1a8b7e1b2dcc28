"""The registry: one row for each payment provider. Nothing outside this package names a provider."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ledger.domain.catalogue import Catalogue
from ledger.domain.errors import InvalidBody
from ledger.domain.events import Event
from ledger.domain.index_rows import EventNames
from ledger.domain.receipts import Receipt
from ledger.ports.gateway import Gateway
from ledger.providers.paddle import provider as paddle
from ledger.providers.parsing import Json
from ledger.providers.scope import EVERYTHING, Scope
from ledger.providers.stripe import provider as stripe


class Provider(Protocol):
    """What the service uses of a payment provider. The module `provider` of each provider's package implements it."""

    NAME: str
    """Lower case. It is in the webhook's path, the names of environment variables, the keys of secrets and every id."""

    ID_FIELD: str
    """The field of a parsed notification with the event's id."""

    TYPE_FIELD: str
    """The field of a parsed notification with the event's type."""

    FUNCTIONS: Mapping[str, frozenset[str]]
    """The functions that each event type is meant for."""

    EXAMPLE_PAYMENT_ID: str
    EXAMPLE_SUBSCRIPTION_ID: str
    """The provider's own ids, as the API's description shows them."""

    MERCHANT_OF_RECORD: str
    """Under which name the provider sells as merchant of record. Empty: we sell, and the provider only collects."""

    BUYERS_PAGE: str
    """Where buyers reach the merchant of record. Empty: there is none."""

    def verify(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: float) -> None:
        """Return if one of `secrets` signed `body` at about `now` (seconds since 1970). Raise SignatureRejected."""

    def parse(self, body: bytes) -> Json:
        """Return the notification in a verified body. Raise InvalidBody."""

    def translate(
        self, content: Json, catalogue: Catalogue, *, is_live: bool, scope: Scope = EVERYTHING
    ) -> Event | None:
        """Return the event of a parsed notification, with `not_bookable` set if so. None: its type is not used.

        `scope` says what in the provider's account is ours.
        """

    def names_in(self, content: Json) -> EventNames:
        """Return what a parsed notification is found by. It follows from the notification alone, and raises nothing."""

    def gateway(self, key: str, *, is_live: bool, base_url: str | None) -> Gateway:
        """Return the gateway to the provider's API, and import its SDK. Raise ConfigurationError for an unusable key.

        `base_url` replaces the address of the API: for simulators.
        """


_ROWS: tuple[Provider, ...] = (stripe, paddle)

PROVIDERS: Mapping[str, Provider] = {provider.NAME: provider for provider in _ROWS}
"""Every provider by its name."""


def names_of_parked(receipt: Receipt) -> EventNames:
    """Return what a parked event is found by, beside its own id and its customer's.

    Nothing, if it is parked no longer: its body is gone. Nor of a body, or a provider, that this release does not know.
    """
    provider = PROVIDERS.get(receipt.provider)
    try:
        return provider.names_in(provider.parse(receipt.body)) if provider and receipt.body else EventNames()
    except InvalidBody:
        return EventNames()
