"""A new provider is a package and a row in the registry: with both, the whole webhook path works for it."""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from ledger.api.providers import ProviderName
from ledger.config import Config
from ledger.domain import catalogue
from ledger.domain.accounts import Account
from ledger.domain.errors import ConfigurationError
from ledger.domain.ids import AccountId, PaymentId, provider_of
from ledger.domain.money import Money
from ledger.ports.reads import Keys
from ledger.providers.registry import PROVIDERS, Provider, names_of_parked
from ledger.runtime import Runtime
from ledger.usecases.find_records import Searched, find_records
from ledger.usecases.found import FoundKind
from ledger.usecases.index_names import index_parked
from ledger.usecases.record_event import release_parked
from ledger.webhook import handle
from tests.unit.providers import acme
from tools.testing.fakes import FakeProvider, FakeStore

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ADA = AccountId("acct_ada")
SALE = {"id": "sale_1", "price": "small", "account": ADA, "buyer": "b_1", "cents": 1100, "currency": "usd"}
SECRET = "acme_new"
Deliver = Callable[..., dict[str, Any]]


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A runtime with a third provider: its row, its variables in the environment, its prices in the catalogue."""
    row: Provider = acme
    monkeypatch.setitem(PROVIDERS, acme.NAME, row)
    document = json.loads(catalogue.DEFAULT_FILE.read_text("utf-8"))
    document["products"][0]["price_ids"][acme.NAME] = ["small"]
    file = tmp_path / "catalogue.json"
    file.write_text(json.dumps(document), "utf-8")
    environment = {
        "TABLE_NAME": "ledger",
        "PROVIDER_MODE": "test",
        "CATALOGUE_FILE": str(file),
        "POWERTOOLS_METRICS_DISABLED": "true",
        "ACME_SIGNING_SECRETS": "acme_old,acme_new",
        "ACME_API_KEY": "acme_key",
    }
    runtime = Runtime(Config.of(environment))
    runtime.store = FakeStore()
    runtime.clock = lambda: NOW
    return runtime


@pytest.fixture
def deliver(services: Runtime) -> Deliver:
    """Deliver a sale to a function, signed as the provider signs. Return its status and body."""

    def deliver_sale(ref: str, kind: str, *, to: str, secret: str = SECRET, **changes: Any) -> dict[str, Any]:
        at = int(NOW.timestamp())
        body = json.dumps({"ref": ref, "kind": kind, "at": at, "sale": SALE | changes})
        digest = hmac.new(secret.encode(), f"{at}/{body}".encode(), hashlib.sha256).hexdigest()
        request = {
            "pathParameters": {"provider": acme.NAME},
            "headers": {"acme-signature": f"at={at} sig={digest}"},
            "body": body,
            "isBase64Encoded": False,
        }
        response = handle(to, request, services)
        return {"status": response["statusCode"], **json.loads(response["body"])}

    return deliver_sale


def account(services: Runtime) -> Account:
    """The customer's account."""
    return services.store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]


def test_a_payment_of_a_new_provider_is_booked_once(services: Runtime, deliver: Deliver) -> None:
    """Verified, translated and recorded by the handler that all providers share."""
    assert deliver("ev_1", "sale.paid", to="payment_succeeded") == {
        "status": 200,
        "outcome": "booked",
        "event_id": "ev_1",
    }
    assert deliver("ev_1", "sale.paid", to="payment_succeeded", secret="acme_old")["outcome"] == "already_booked"
    assert account(services).balance == 500
    payments = services.store.read(Keys(payments=frozenset({PaymentId("acme:sale_1")}))).payments
    assert [provider_of(payment_id) for payment_id in payments] == [acme.NAME]


def test_a_dispute_of_a_new_provider_holds_the_account(services: Runtime, deliver: Deliver) -> None:
    """The domain names the hold after the provider in the payment's id."""
    deliver("ev_1", "sale.paid", to="payment_succeeded")
    assert deliver("ev_2", "sale.contested", to="dispute_opened", dispute="d_1")["outcome"] == "booked"
    assert [*account(services).holds] == ["dispute:acme:d_1"]


def test_a_forged_or_unknown_delivery_of_a_new_provider_books_nothing(services: Runtime, deliver: Deliver) -> None:
    """The signature is checked with the secrets from the environment; an unused type is ignored."""
    assert deliver("ev_1", "sale.paid", to="payment_succeeded", secret="forged")["status"] == 401
    assert deliver("ev_1", "sale.viewed", to="payment_succeeded")["outcome"] == "ignored"
    assert services.store.read(Keys(accounts=frozenset({ADA}))).accounts == {}


def test_a_parked_event_of_a_new_provider_can_be_released(services: Runtime, deliver: Deliver) -> None:
    """Its body is translated again by the row of the provider that the receipt names."""
    assert deliver("ev_1", "sale.paid", to="payment_succeeded", price="large")["reason"] == "unknown_price"
    (parked,) = services.store.parked_receipts()
    searched = Searched(services.store, services.providers, lambda: "a key", names_of_parked)
    for text in ("ev_1", "sale_1", "b_1", "acme:sale_1"):
        assert index_parked(parked.name, names_of_parked, lambda: "a key", services.store) == 4
        found = [(one.kind, one.found_id, one.amount) for one in find_records(text, searched)]
        assert (FoundKind.PARKED_EVENT, "acme:ev_1", Money(amount_minor=1100, currency="USD")) in found
    document = json.loads(services.config.catalogue_file.read_text("utf-8"))
    document["products"][1]["price_ids"][acme.NAME] = ["large"]
    services.catalogue = catalogue.parse(document)
    assert release_parked(parked, services.translate_parked, services.store, NOW).outcome == "booked"
    assert account(services).balance == 1000


def test_the_gateway_and_the_api_know_a_new_provider(services: Runtime) -> None:
    """The key comes from the environment, the names that the API accepts from the registry."""
    assert isinstance(services.gateway("acme"), FakeProvider)
    assert TypeAdapter(ProviderName).validate_python("acme") == "acme"


def test_without_its_row_a_provider_is_unknown(
    services: Runtime, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else makes it known."""
    monkeypatch.delitem(PROVIDERS, acme.NAME)
    assert deliver("ev_1", "sale.paid", to="payment_succeeded")["status"] == 404
    with pytest.raises(ConfigurationError, match="'acme' is not a registered provider"):
        services.gateway("acme")
    with pytest.raises(ValidationError, match="Should be one of: stripe, paddle"):
        TypeAdapter(ProviderName).validate_python("acme")
