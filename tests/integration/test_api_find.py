"""Find, through the API: what support may search, what comes back, and who may not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.domain.ids import PaymentId
from ledger.usecases.index_names import index_purchase
from tests.integration.conftest import ADA, ADAS, World
from tools.testing.builders import event_of, paid, payment, refund


@pytest.fixture
def invoiced(world: World) -> World:
    """Ada has bought a pack with an invoice today, of which a part was refunded."""
    settled = replace(payment(PaymentId("stripe:in_7"), account_id=ADA), at=datetime.now(UTC), invoice_number="INV-7")
    world.record_events(paid(settled), replace(event_of(refund(refund_id="re_7"), names=(settled.payment_id,))))
    index_purchase(settled.payment_id, world.services.store)
    return world


def test_an_invoices_number_leads_to_the_account(invoiced: World) -> None:
    """With its kind, its time, its amount, and where to look further."""
    (one,) = invoiced.sam.get("/support/search", query={"q": "inv-7"}).json["results"]
    assert one.pop("at").startswith(f"{datetime.now(UTC):%Y-}")
    assert one == {
        "kind": "payment",
        "id": "stripe:in_7",
        "matched": "inv-7",
        "account_id": ADA,
        "amount": {"amount_minor": 2000, "currency": "USD"},
        "summary": "Payment of 20.00 USD, invoice INV-7",
        "go": {"page": "account", "id": ADA},
    }


@pytest.mark.parametrize(
    ("text", "kind"), [(ADA, "account"), (ADAS, "payment"), ("re_7", "refund"), ("cus_acct_ada", "customer")]
)
def test_an_id_leads_to_the_account(invoiced: World, text: str, kind: str) -> None:
    """Ours or a provider's."""
    (one,) = invoiced.sam.get("/support/search", query={"q": text}).json["results"]
    assert (one["kind"], one["account_id"]) == (kind, ADA)


def test_a_day_and_an_amount_lead_to_payments_page_by_page(invoiced: World) -> None:
    """A cursor is of its own search alone."""
    now = datetime.now(UTC)
    if now.hour == 0:
        now += timedelta(hours=1)
    for number in range(3):
        world_payment = replace(payment(PaymentId(f"stripe:pi_{number}"), account_id=ADA, paid_minor=1234), at=now)
        invoiced.record_events(paid(world_payment))
        index_purchase(world_payment.payment_id, invoiced.services.store)
    asked: dict[str, Any] = {"paid_on": f"{now:%Y-%m-%d}", "amount_minor": 1234, "currency": "USD", "limit": 2}
    first = invoiced.sam.get("/support/search", query=asked).json
    assert [one["id"] for one in first["results"]] == ["stripe:pi_0", "stripe:pi_1"]
    second = invoiced.sam.get("/support/search", query={**asked, "after": first["next"]}).json
    assert ([one["id"] for one in second["results"]], second["next"]) == (["stripe:pi_2"], None)
    other = invoiced.sam.get("/support/search", query={**asked, "amount_minor": 2000, "after": first["next"]})
    assert (other.status, other.fields) == (422, ["query.after"])


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"paid_on": "2026-11-01"},
        {"amount_minor": 5, "currency": "EUR"},
        {"q": "x", "paid_on": "2026-11-01", "amount_minor": 5, "currency": "EUR"},
    ],
)
def test_half_a_search_is_refused(world: World, query: dict[str, Any]) -> None:
    """It says what is missing."""
    told = world.sam.get("/support/search", query=query)
    assert (told.status, told.fields) == (422, ["query.q"])


def test_customers_search_nothing(world: World) -> None:
    """Not even their own account."""
    assert world.ada.get("/support/search", query={"q": ADA}).status == 403


def test_an_address_is_searched_by_its_hash(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it comes back. A deployment without its key answers 500, and raises an alarm."""
    assert world.sam.get("/support/search", query={"q": "ada@example.com"}).status == 500
    monkeypatch.setitem(world.services.__dict__, "address_key", "a key")
    told = world.sam.get("/support/search", query={"q": "ada@example.com"})
    assert (told.status, told.json) == (200, {"results": [], "next": None})
