"""Find, through the API: what support may search, what comes back, and who may not."""

import importlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from ledger.domain.declarations import DeclarationKind, Submission
from ledger.domain.domain_events import DeclarationConfirmed, EventParked
from ledger.domain.events import Owner
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.receipts import NotBookable, ParkReason
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store
from ledger.usecases.declarations.submit import submit
from ledger.usecases.index_names import index_purchases
from ledger.usecases.record_event import record_event
from tests.integration.conftest import ADA, ADAS, BOB, World
from tests.integration.test_no_free_use import BARE, EVE, ordered, pays
from tools.testing.builders import event_of, paid, payment, refund
from tools.testing.domain_events import delivered
from tools.testing.frontend import deployed, supporter

WITHDRAWAL = Submission(
    kind=DeclarationKind.WITHDRAWAL,
    name="Zoe",
    contract="the one of May",
    email="zoe@example.com",
    language="en",
    statement="I withdraw.",
)


@pytest.fixture
def invoiced(world: World) -> World:
    """Ada has bought a pack with an invoice today, of which a part was refunded."""
    settled = replace(payment(PaymentId("stripe:in_7"), account_id=ADA), at=datetime.now(UTC), invoice_number="INV-7")
    world.record_events(paid(settled), replace(event_of(refund(refund_id="re_7"), names=(settled.payment_id,))))
    index_purchases([settled.payment_id], world.services.store)
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
        index_purchases([world_payment.payment_id], invoiced.services.store)
    asked: dict[str, Any] = {"paid_on": f"{now:%Y-%m-%d}", "amount_minor": 1234, "currency": "USD", "limit": 2}
    first = invoiced.sam.get("/support/search", query=asked).json
    assert [one["id"] for one in first["results"]] == ["stripe:pi_0", "stripe:pi_1"]
    second = invoiced.sam.get("/support/search", query={**asked, "after": first["next"]}).json
    assert ([one["id"] for one in second["results"]], second["next"]) == (["stripe:pi_2"], None)
    other = invoiced.sam.get("/support/search", query={**asked, "amount_minor": 2000, "after": first["next"]})
    assert (other.status, other.fields) == (422, ["query.after"])


PAID = {"paid_on": "2026-11-01", "amount_minor": 5, "currency": "EUR"}


@pytest.mark.parametrize(
    "query",
    [
        {},
        *({name: value for name, value in PAID.items() if name != left_out} for left_out in PAID),
        *({name: value} for name, value in PAID.items()),
        *({"q": "x", name: value} for name, value in PAID.items()),
        {"q": "x", **PAID},
    ],
    ids=" ".join,
)
def test_half_a_search_is_refused(world: World, query: dict[str, Any]) -> None:
    """It says what is missing."""
    told = world.sam.get("/support/search", query=query)
    assert (told.status, told.fields) == (422, ["query.q"])


def test_customers_search_nothing(world: World) -> None:
    """Not even their own account."""
    assert world.ada.get("/support/search", query={"q": ADA}).status == 403


@pytest.fixture
def unbooked(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Nobody could book an invoice: it says no account, and has no customer of ours. Its rows are written."""
    monkeypatch.setitem(world.services.__dict__, "address_key", "a key")
    for event_id, total in (("evt_8", 5100), ("evt_9", 4900)):
        reason = NotBookable(ParkReason.NO_ACCOUNT, "no customer")
        event = replace(event_of(names=(PaymentId(f"stripe:in_{event_id}"),)), event_id=event_id, not_bookable=reason)
        event = replace(event, event_type="invoice.paid", at=datetime.now(UTC), owner=Owner(customer_id="stripe:cus_9"))
        invoice = {"id": f"in_{event_id}", "customer_email": "zoe@example.com", "number": f"N-{event_id}"}
        envelope = {"id": event_id, "object": "event", "type": "invoice.paid", "created": 1793534400}
        content = {**envelope, "data": {"object": {**invoice, "total": total, "currency": "eur"}}}
        body = json.dumps(content).encode()
        record_event(event, world.services.store, body=body, body_sha256="0" * 64, now=world.services.now())
        told = delivered(EventParked(owner="stripe:cus_9", parked_event_id=event_id))
        assert importlib.import_module("functions.index_names.app").lambda_handler(told, None)["rows"] == 6
    return world


@pytest.mark.parametrize("text", ["N-evt_9", "in_evt_9", "evt_9", "stripe:evt_9", "zoe@example.com"])
def test_money_that_nobody_could_book_is_found_by_what_its_event_names(unbooked: World, text: str) -> None:
    """It leads to the page of the parked event, which records who looked."""
    results = unbooked.sam.get("/support/search", query={"q": text}).json["results"]
    (one,) = (one for one in results if one["id"] == "stripe:evt_9")
    assert one.pop("at").startswith(f"{datetime.now(UTC):%Y-}")
    assert one == {
        "kind": "parked_event",
        "id": "stripe:evt_9",
        "matched": "e-mail address" if "@" in text else text,
        "account_id": None,
        "amount": {"amount_minor": 4900, "currency": "EUR"},
        "summary": "Parked event invoice.paid of 49.00 EUR, invoice N-evt_9: no account",
        "go": {"page": "parked", "id": "stripe:cus_9~evt_9"},
    }
    page = unbooked.sam.get(f"/support/parked/{quote(one['go']['id'], safe='')}")
    assert (page.status, page.json["event_id"]) == (200, "evt_9")
    assert unbooked.ada.get("/support/search", query={"q": text}).status == 403
    chain = unbooked.sam.get(f"/support/why/{quote(text, safe='')}").json
    assert [one["is_open"] for one in chain["lines"]] == [True] * (2 if "@" in text else 1)


def test_what_was_dismissed_is_not_shown_as_parked(unbooked: World) -> None:
    """Neither by its names nor by its day and amount. The other one still is."""
    asked = {"paid_on": f"{datetime.now(UTC):%Y-%m-%d}", "amount_minor": 4900, "currency": "EUR"}
    (found,) = unbooked.sam.get("/support/search", query=asked).json["results"]
    assert (found["kind"], found["id"], found["matched"]) == ("parked_event", "stripe:evt_9", "49.00 EUR")
    path = f"/support/parked/{quote(found['go']['id'], safe='')}/dismissal"
    assert unbooked.sam.post(path, {"why": "Of our other shop."}).status == 200
    assert unbooked.sam.get("/support/search", query=asked).json["results"] == []
    shown = unbooked.sam.get("/support/search", query={"q": "zoe@example.com"}).json["results"]
    assert [(one["kind"], one["id"], one["summary"][:26]) for one in shown] == [
        ("parked_event", "stripe:evt_8", "Parked event invoice.paid "),
        ("event", "stripe:evt_9", "Event invoice.paid: dismis"),
    ]


def test_a_declaration_is_found_by_the_address_in_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event that a job follows brings it into the index too."""
    monkeypatch.setitem(world.services.__dict__, "address_key", "a key")
    made = submit(WITHDRAWAL, "form", world.services.store, now=world.services.now())
    told = delivered(DeclarationConfirmed(declaration_id=made.declaration_id))
    assert importlib.import_module("functions.index_names.app").lambda_handler(told, None) == {"rows": 1}
    (one,) = world.sam.get("/support/search", query={"q": "Zoe@Example.com"}).json["results"]
    assert (one["kind"], one["id"], one["matched"]) == ("declaration", made.declaration_id, "e-mail address")
    assert one["go"] == {"page": "declaration", "id": made.declaration_id}


def test_an_address_is_searched_by_its_hash(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it comes back. A deployment without its key answers 500, and raises an alarm."""
    assert world.sam.get("/support/search", query={"q": "ada@example.com"}).status == 500
    monkeypatch.setitem(world.services.__dict__, "address_key", "a key")
    told = world.sam.get("/support/search", query={"q": "ada@example.com"})
    assert (told.status, told.json) == (200, {"results": [], "next": None})


def test_an_accounts_page_has_what_support_asks_for(invoiced: World) -> None:
    """Balance, lots, holds and why, open cases, and why the balance is what it is; and each reader is on record."""
    invoiced.ada.post("/refund-requests", {"purchase_id": ADAS, "reason": "technical_problem"}, key="k")
    invoiced.sam.post(f"/support/accounts/{ADA}/holds", {"hold_id": "support:x", "why": "A stolen card."})
    page = invoiced.sam.get(f"/support/accounts/{ADA}").json
    assert (page["account_id"], page["status"], page["spendable"]) == (ADA, "suspended", 0)
    assert page["balance"] == sum(lot["remaining"] for lot in page["lots"]) > 0
    assert [hold["hold_id"] for hold in page["holds"]] == ["support:x"]
    assert [case["purchase_id"] for case in page["open_cases"]] == [ADAS]
    assert page["balance_explained"][0].startswith(f"{ADA} has ")
    assert invoiced.sam.get("/support/accounts/nobody").status == 404
    looks = invoiced.sam.get(f"/support/accounts/{ADA}/timeline", query={"kinds": "look"}).json["lines"]
    assert {(one["actor"], one["id"]) for one in looks} == {("sam", "account"), ("sam", "timeline")}


def test_an_accounts_page_reads_what_is_locked_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """For its list of locks, and for the sentences about the balance. Its orders are read beside it."""
    order = ordered(world, BARE)
    pays(world, order, "pack")
    store, reads = type(world.services.store), []
    read = store.read

    def counted(self: Store, wanted: Keys) -> Snapshot:
        reads.append(wanted.fulfilment_keys)
        return read(self, wanted)

    monkeypatch.setattr(store, "read", counted)
    page = world.sam.get(f"/support/accounts/{EVE}").json
    assert [(one["order_id"], one["credits"]) for one in page["locks"]] == [(order.order_id, 2500)]
    assert [one for one in page["balance_explained"] if one.startswith("2,500 of them are locked")]
    assert len([names for names in reads if f"order/{order.order_id}" in names]) == 2


def test_each_page_of_an_account_records_who_read_it(invoiced: World) -> None:
    """Of the routes that are deployed: a new one under an account is asked here too."""
    pages = [
        route.path
        for route in deployed()
        if route.method == "GET" and re.match(r"/support/accounts/\{account_id\}(/|$)", route.path)
    ]
    assert len(pages) >= 4
    for path in pages:
        assert invoiced.sam.get(path.replace("{account_id}", ADA)).status == 200
    shown = supporter(name="kim").get(f"/support/accounts/{ADA}/timeline", query={"kinds": "look"}).json["lines"]
    looks = {one["id"] for one in shown if one["actor"] == "sam"}
    assert looks == {path.rpartition("/")[2].replace("{account_id}", "account") for path in pages}


def test_a_timeline_is_read_page_by_page(invoiced: World) -> None:
    """A cursor is of its account and its kinds alone."""
    path, asked = f"/support/accounts/{ADA}/timeline", {"kinds": "entry,delivery", "limit": 2}
    first = invoiced.sam.get(path, query=asked).json
    assert len(first["lines"]) == 2
    rest = invoiced.sam.get(path, query={**asked, "limit": 100, "after": first["next"]}).json
    lines = first["lines"] + rest["lines"]
    assert {one["kind"] for one in lines} == {"entry", "delivery"}
    assert invoiced.sam.get(path, query={**asked, "limit": 100}).json["lines"] == lines
    assert invoiced.sam.get(path, query={"kinds": "entry", "after": first["next"]}).status == 422
    assert invoiced.sam.get(path.replace(ADA, "acct_bob"), query={**asked, "after": first["next"]}).status == 422
    told = invoiced.sam.get(path, query={"kinds": "entry,xyz"})
    assert (told.status, told.fields) == (422, ["query.kinds"])
    assert invoiced.ada.get(path).status == 403


def test_why_explains_an_id_with_its_chain(invoiced: World) -> None:
    """And beside its account a run."""
    chain = invoiced.sam.get("/support/why/INV-7").json
    assert (chain["account_ids"], chain["is_cut"]) == ([ADA], False)
    assert {"event", "fact", "entry"} <= {one["kind"] for one in chain["lines"]}
    assert invoiced.sam.get("/support/why/inv-7").json == chain | {"id": "inv-7"}
    invoiced.service.post("/usage", {"account_id": ADA, "run_id": "run_1", "credits": 5})
    assert invoiced.sam.get("/support/why/run_1").status == 404
    shown = invoiced.sam.get("/support/why/run_1", query={"account_id": ADA}).json
    assert any("run_1" in one["words"] for one in shown["lines"])
    assert invoiced.ada.get("/support/why/INV-7").status == 403


@pytest.mark.parametrize(("text", "query"), [("INV-7", {}), (ADAS, {}), (ADA, {}), ("run_1", {"account_id": ADA})])
def test_who_reads_a_chain_is_on_record_with_each_account_of_it(
    invoiced: World, text: str, query: dict[str, str]
) -> None:
    """Also if no account was named: the page shows its credits."""
    invoiced.service.post("/usage", {"account_id": ADA, "run_id": "run_1", "credits": 5})
    chain = invoiced.sam.get(f"/support/why/{quote(text, safe='')}", query=query).json
    assert chain["account_ids"] == [ADA]
    looks = supporter(name="kim").get(f"/support/accounts/{ADA}/timeline", query={"kinds": "look"}).json["lines"]
    assert [(one["actor"], one["id"]) for one in looks if one["actor"] == "sam"] == [("sam", "why")]


def test_a_chain_that_leads_to_another_account_is_on_record_with_both(invoiced: World) -> None:
    """With the one that was named beside the id, and with the one whose invoice it is."""
    assert invoiced.sam.get("/support/why/INV-7", query={"account_id": BOB}).json["account_ids"] == [BOB, ADA]
    for owner in (ADA, BOB):
        looks = supporter(name="kim").get(f"/support/accounts/{owner}/timeline", query={"kinds": "look"}).json["lines"]
        assert [(one["actor"], one["id"]) for one in looks if one["actor"] == "sam"] == [("sam", "why")]


def test_who_looks_at_the_own_account_is_on_record(invoiced: World) -> None:
    """It is not forbidden, and it is seen."""
    invoiced.pays(PaymentId("stripe:pi_sam"), AccountId("sam"))
    assert invoiced.sam.get("/support/accounts/sam").status == 200
    looks = invoiced.sam.get("/support/accounts/sam/timeline", query={"kinds": "look"}).json["lines"]
    assert ("sam", "account") in {(one["actor"], one["id"]) for one in looks}


def test_a_case_shows_who_has_it_open_and_what_waits(world: World) -> None:
    """A colleague sees it in the queue and on the case; reading the case is on record."""
    case_id = world.ada.post("/refund-requests", {"purchase_id": ADAS, "reason": "technical_problem"}, key="k1").json[
        "case_id"
    ]
    kim = supporter(name="kim")
    mine = world.sam.post(f"/support/refund-cases/{case_id}/claim").json
    assert (mine["claimed_by"], mine["is_yours"]) == ("sam", True)
    assert kim.post(f"/support/refund-cases/{case_id}/claim").json["is_yours"] is False
    (queued,) = kim.get("/support/refund-cases").json["cases"]
    assert (queued["claimed_by"], queued["reason"], queued["purchase_id"]) == ("sam", "technical_problem", ADAS)
    assert queued["paid"] == {"amount_minor": 2000, "currency": "USD"}
    case = kim.get(f"/support/refund-cases/{case_id}").json
    assert (case["claimed_by"], case["proposals"], case["can_overturn"], case["duplicates"]) == ("sam", [], False, [])
    assert case["claimed_until"] == queued["claimed_until"] == mine["claimed_until"] is not None
    assert any("paid 20.00 USD" in words for words in case["purchase_facts"])
    looks = kim.get(f"/support/accounts/{ADA}/timeline", query={"kinds": "look"}).json["lines"]
    assert ("kim", f"case {case_id}") in {(one["actor"], one["id"]) for one in looks}
    assert kim.call("DELETE", f"/support/refund-cases/{case_id}/claim").json["claimed_by"] == "sam"
    assert world.sam.call("DELETE", f"/support/refund-cases/{case_id}/claim").json["claimed_by"] is None
