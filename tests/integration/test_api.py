"""The API's routes as customers, our services and support use them; every answer is held to the description."""

import csv
import io
import json
import re
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ledger.domain.errors import StoreUnavailable
from ledger.domain.ids import PaymentId
from ledger.domain.mails import MailKind
from ledger.domain.refund_cases import DecisionOutcome
from ledger.domain.subscriptions import SubscriptionState, SubscriptionStatus
from ledger.ports.commit import Commit, DocumentChange, Refusal
from ledger.ports.documents import case_key, sortable
from ledger.usecases.refund_cases.cases import read_case
from tests.integration.conftest import ADA, ADAS, BOB, BOBS, BOBS_CHARGE, LONG_AGO, SUBSCRIPTION, World, outage
from tests.integration.test_release_parked import SECRET, of_a_price, receive
from tools.testing.builders import dispute, event_of, paid, payment, refund
from tools.testing.frontend import ApiResponse, Frontend, operations, supporter

CONSENT = {"text_version": "2026-11-01", "asked_to_begin": True, "acknowledged_loss": True}
ORDER = {
    "product_id": "pack_1000",
    "provider": "stripe",
    "currency": "EUR",
    "country": "DE",
    "policy_version": "2026-11-01",
    "consent": CONSENT,
}


WITH_KEY = [
    path
    for method, path, operation in operations()
    if method == "POST" and any(one["name"].lower() == "idempotency-key" for one in operation.get("parameters", ()))
]
"""The routes that take an Idempotency-Key, as they are described."""


def new_key() -> str:
    """A fresh Idempotency-Key."""
    return uuid.uuid4().hex


def ask(who: Frontend, purchase_id: str, reason: str = "technical_problem", **more: Any) -> ApiResponse:
    """A refund request. A technical problem is always for a person."""
    key = more.pop("key", None) or new_key()
    return who.post("/refund-requests", {"purchase_id": purchase_id, "reason": reason, **more}, key=key)


def pages(who: Frontend, path: str, name: str, limit: int) -> list[Any]:
    """Every item of a listing, page by page to the end."""
    found: list[Any] = []
    after = None
    for _ in range(100):
        page = who.get(path, query={"limit": limit, **({"after": after} if after else {})})
        assert page.status == 200, page.text
        assert len(page.json[name]) <= limit
        found += page.json[name]
        if (after := page.json["next"]) is None:
            return found
    raise AssertionError("the listing has no end")


def test_who_never_bought_anything_has_an_empty_account(world: World) -> None:
    """An answer, not an error: every customer of the product may ask. No account is made for it."""
    before = world.table()
    eve = Frontend("acct_eve")
    assert eve.get("/account").json["balance"] == 0
    assert eve.get("/account/statement").json == {"entries": [], "next": None}
    assert eve.get("/purchases").json == {"purchases": [], "next": None}
    assert eve.get("/refund-requests").json == {"cases": [], "next": None}
    assert world.table() == before


def test_an_account_shows_credits_holds_and_its_subscription(world: World) -> None:
    """Balance and lots, the next charge, and why it is suspended, in plain words."""
    shown = world.bob.get("/account").json
    assert (shown["status"], shown["balance"], shown["spendable"], shown["shortfall"]) == ("active", 1000, 1000, 0)
    (subscription,) = shown["subscriptions"]
    assert subscription["renews_at"] == subscription["period_end"]
    world.record_events(event_of(dispute(), names=(BOBS,)))
    shown = world.bob.get("/account").json
    assert (shown["status"], shown["balance"], shown["spendable"]) == ("suspended", 1000, 0)
    assert "disputed with your bank" in shown["holds"][0]["words"]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_a_statement_runs_to_its_end_with_the_balance_after_each_entry(world: World, limit: int) -> None:
    """Newest first; each balance is the sum of the entries up to it, across pages, memos included."""
    for run in range(4):
        world.service.post("/usage", {"account_id": ADA, "run_id": f"run_{run}", "credits": 10 + run})
    world.service.post("/usage/run_2/failure", {"account_id": ADA, "error": "out of memory"})
    assert [row for row in world.table() if "out of memory" in row], "evidence of a technical problem"
    entries = pages(world.ada, "/account/statement", "entries", limit)
    assert [entry["credits"] for entry in entries] == [12, -13, -12, -11, -10, 1000]
    assert [entry["balance_after"] for entry in entries] == [
        sum(later["credits"] for later in entries[position:]) for position in range(len(entries))
    ]
    assert entries[0]["balance_after"] == world.ada.get("/account").json["balance"]
    assert entries[0]["cause"] == "run:run_2"


def test_a_statement_comes_as_csv_with_its_next_page_in_a_header(world: World) -> None:
    """The same rows as JSON; a spreadsheet reads it."""
    for run in range(3):
        world.service.post("/usage", {"account_id": ADA, "run_id": f"run_{run}", "credits": 10})
    rows: list[dict[str, str]] = []
    page = world.ada.get("/account/statement.csv", query={"limit": 3})
    rows += csv.DictReader(io.StringIO(page.text))
    assert page.headers["content-type"] == "text/csv; charset=utf-8"
    page = world.ada.get("/account/statement.csv", query={"limit": 3, "after": page.headers["next-page"]})
    rows += csv.DictReader(io.StringIO(page.text))
    assert "next-page" not in page.headers
    as_json = world.ada.get("/account/statement").json["entries"]
    assert rows == [{name: str(value) for name, value in entry.items()} for entry in as_json]


def test_purchases_say_what_a_request_would_be_answered(world: World) -> None:
    """Newest first, whoever sold them, each with its decision and clause."""
    for number in range(5):
        world.pays(PaymentId(f"paddle:txn_{number}"), ADA, minute=number)
    found = pages(world.ada, "/purchases", "purchases", 2)
    assert len({purchase["purchase_id"] for purchase in found}) == 6
    assert [purchase["paid_at"] for purchase in found] == sorted((p["paid_at"] for p in found), reverse=True)
    assert {purchase["provider"] for purchase in found} == {"stripe", "paddle"}
    (mine,) = [purchase for purchase in found if purchase["purchase_id"] == ADAS]
    assert mine["refundable"] == {"amount_minor": 2000, "currency": "USD"}
    assert (mine["refundability"]["is_refundable"], mine["refundability"]["decision"]["clause"]) == (False, "2")


def test_an_order_makes_its_checkout_once(world: World) -> None:
    """201 with the page to pay on; the same key again gives the same order and asks the provider no more."""
    first = world.ada.post("/orders", ORDER, key="k1")
    assert first.status == 201
    assert first.json["price"] == {"amount_minor": 1800, "currency": "EUR"}
    assert first.json["checkout_url"] == "https://pay.example/1"
    again = world.ada.post("/orders", {"is_business": False, **dict(reversed(ORDER.items()))}, key="k1")
    assert (again.status, again.json) == (201, first.json)
    assert len(world.provider.checkouts) == 1


@pytest.mark.parametrize(
    ("change", "field", "says_"),
    [
        ({"product_id": "pack_9"}, "body.product_id", "pack_1000"),
        ({"currency": "JPY"}, "body.currency", "EUR"),
        ({"country": "UK"}, "body.country", "GB"),
        ({"policy_version": "2020-01-01"}, "body.policy_version", "2026-11-01"),
    ],
)
def test_what_is_not_sold_so_is_told_with_what_is(world: World, change: dict[str, str], field: str, says_: str) -> None:
    """The field, and what could stand there."""
    told = world.ada.post("/orders", {**ORDER, **change}, key=new_key())
    assert (told.status, told.fields) == (422, [field])
    assert says_ in told.json["detail"]
    assert not world.provider.calls


def test_a_suspended_account_buys_nothing(world: World) -> None:
    """403 with the holds; the provider is not asked."""
    world.record_events(event_of(dispute(), names=(BOBS,)))
    told = world.bob.post("/orders", ORDER, key=new_key())
    assert (told.status, told.json["type"]) == (403, "urn:imagetagger:problem:account-suspended")
    assert told.json["holds"] == ["dispute:stripe:dp_1"]
    assert not world.provider.calls


PLAN = {**ORDER, "product_id": "creator_monthly"}
RUNNING = [SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING, SubscriptionStatus.PAST_DUE]


@pytest.mark.parametrize("provider", ["stripe", "paddle"])
@pytest.mark.parametrize("status", SubscriptionStatus)
def test_a_plan_that_runs_is_not_ordered_again(world: World, provider: str, status: SubscriptionStatus) -> None:
    """At whichever provider it runs and is ordered. A pack can be, and the plan once it does not run."""
    world.subscribes(f"{provider}:sub_ada", ADA, status=status)
    for sold_by in ("stripe", "paddle"):
        told = world.ada.post("/orders", {**PLAN, "provider": sold_by}, key=new_key())
        if status in RUNNING:
            assert (told.status, told.json["type"]) == (409, "urn:imagetagger:problem:subscription-already-runs")
            assert told.json["subscription_id"] == f"{provider}:sub_ada"
        else:
            assert told.status == 201
        assert world.ada.post("/orders", {**ORDER, "provider": sold_by}, key=new_key()).status == 201
        assert world.ada.post("/orders", {**PLAN, "provider": sold_by}, key=new_key()).status == told.status
    assert world.bob.post("/orders", PLAN, key=new_key()).status == 409, "he has one too"


def test_an_order_of_the_plan_is_answered_alike_once_its_subscription_runs(world: World) -> None:
    """The same request under the same key is the order that was made."""
    first = world.ada.post("/orders", PLAN, key="k1")
    world.subscribes("stripe:sub_ada", ADA)
    assert world.ada.post("/orders", PLAN, key="k1").json == first.json
    assert world.ada.post("/orders", PLAN, key="k2").status == 409


def test_an_account_with_a_debt_orders_nothing(world: World) -> None:
    """409 with what is owed, unless a setting allows it; what can be spent is lower by it, which a setting spares."""
    world.service.post("/usage", {"account_id": ADA, "run_id": "run_1", "credits": 300})
    world.record_events(event_of(refund(2000), names=(PaymentId(ADAS),)))
    world.pays(PaymentId("stripe:pi_next"), ADA)
    told = world.ada.post("/orders", ORDER, key=new_key())
    assert (told.status, told.json["type"]) == (409, "urn:imagetagger:problem:account-in-debt")
    assert told.json["owed"] == 300
    assert not world.provider.calls
    shown = world.ada.get("/account").json
    assert (shown["balance"], shown["shortfall"], shown["spendable"]) == (1000, 300, 700)
    short = world.service.post("/usage", {"account_id": ADA, "run_id": "run_2", "credits": 701})
    assert (short.status, short.json["missing"]) == (402, 1)
    world.services.config = replace(world.services.config, is_order_refused_in_debt=False, is_debt_withheld=False)
    assert world.ada.post("/orders", ORDER, key=new_key()).status == 201
    assert world.ada.get("/account").json["spendable"] == 1000


@pytest.mark.parametrize(("is_refused", "is_withheld"), [(True, False), (False, True)])
def test_a_debt_that_refuses_orders_need_not_be_withheld_and_the_reverse(
    world: World, *, is_refused: bool, is_withheld: bool
) -> None:
    """Two settings, each with its own effects, which are the same wherever they are seen."""
    world.services.config = replace(
        world.services.config, is_order_refused_in_debt=is_refused, is_debt_withheld=is_withheld
    )
    world.service.post("/usage", {"account_id": ADA, "run_id": "run_1", "credits": 300})
    world.record_events(event_of(refund(2000), names=(ADAS,)))
    world.pays(PaymentId("stripe:pi_next"), ADA)
    spendable = 700 if is_withheld else 1000
    account, supports = world.ada.get("/account").json, world.sam.get(f"/support/accounts/{ADA}").json
    service = world.service.get(f"/usage/accounts/{ADA}").json
    assert [shown["spendable"] for shown in (account, supports, service)] == [spendable] * 3
    assert {product["is_orderable"] for product in account["products"]} == {not is_refused}
    assert world.ada.post("/orders", ORDER, key=new_key()).status == (409 if is_refused else 201)
    short = world.service.post("/usage", {"account_id": ADA, "run_id": "run_2", "credits": spendable + 1})
    assert (short.status, short.json["missing"]) == (402, 1)


def test_a_consent_is_confirmed_by_the_mail_service(world: World) -> None:
    """With request and acknowledgement it is complete; an order without consent has nothing to confirm."""
    order_id = world.ada.post("/orders", ORDER, key="k1").json["order_id"]
    path = f"/orders/{order_id}/consent-confirmation"
    complete = {"order_id": order_id, "is_complete": True, "missing_consent": None}
    assert world.service.post(path, {"confirmation_id": "msg_1"}).json == complete
    bare = world.ada.post("/orders", {**ORDER, "consent": None}, key="k2").json["order_id"]
    assert world.service.post(f"/orders/{bare}/consent-confirmation", {"confirmation_id": "msg_2"}).status == 409
    nowhere = f"/orders/ord_{'0' * 24}/consent-confirmation"
    assert world.service.post(nowhere, {"confirmation_id": "msg_3"}).status == 404


def test_a_run_is_drawn_once_and_refused_whole(world: World) -> None:
    """Again: as before. Short: 402 with what is missing. Another number: 422. Suspended: 403."""
    run = {"account_id": BOB, "run_id": "run_1", "credits": 700}
    first = world.service.post("/usage", run)
    assert (first.status, first.json["credits"], first.json["failed_at"]) == (200, 700, None)
    assert world.service.post("/usage", run).json == first.json
    short = world.service.post("/usage", {**run, "run_id": "run_2", "credits": 301})
    assert (short.status, short.json["missing"]) == (402, 1)
    assert world.service.post("/usage", {**run, "credits": 7}).status == 422
    assert world.bob.get("/account").json["balance"] == 300
    failed = world.service.post("/usage/run_1/failure", {"account_id": BOB})
    assert failed.json["failed_at"]
    assert world.service.post("/usage/run_1/failure", {"account_id": BOB}).json == failed.json
    assert world.bob.get("/account").json["balance"] == 1000
    world.record_events(event_of(dispute(), names=(BOBS,)))
    assert world.service.post("/usage", {**run, "run_id": "run_3"}).json["holds"] == ["dispute:stripe:dp_1"]


def test_a_failed_run_is_refused_under_its_id(world: World) -> None:
    """409 `run-failed`: after its draw, and before it."""
    run = {"account_id": BOB, "run_id": "run_1", "credits": 700}
    world.service.post("/usage", run)
    world.service.post("/usage/run_1/failure", {"account_id": BOB})
    early = world.service.post("/usage/run_2/failure", {"account_id": BOB})
    assert (early.status, early.json["credits"]) == (200, 0)
    for run_id in ("run_1", "run_2"):
        refused = world.service.post("/usage", {**run, "run_id": run_id})
        assert (refused.status, refused.json["type"]) == (409, "urn:imagetagger:problem:run-failed")
    assert world.bob.get("/account").json["balance"] == 1000


def test_who_gets_no_answer_of_the_table_is_told_to_ask_the_same_again(world: World) -> None:
    """It may have been written and only the answer lost: nobody is told that nothing was done."""
    store = world.services.store

    class Silent:
        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        def commit(self, commit: Commit) -> Refusal | None:
            store.commit(commit)
            raise StoreUnavailable("the answer was lost")

    world.services.store = Silent()
    run = {"account_id": ADA, "run_id": "run_1", "credits": 10}
    told = world.service.post("/usage", run)
    assert (told.status, told.headers["retry-after"]) == (503, "5")
    assert "the same" in told.json["detail"]
    assert "othing was done" not in told.json["detail"]
    world.services.store = store
    assert world.service.post("/usage", run).json["credits"] == 10
    assert world.ada.get("/account").json["balance"] == 990


def test_what_is_clear_is_decided_at_once_and_what_is_not_goes_to_a_person(world: World) -> None:
    """201 with where the case is; a second request for the same is told of the open case, whatever its key."""
    world.pays(LONG_AGO, ADA, at=datetime.now(UTC) - timedelta(days=400))
    clear = ask(world.ada, LONG_AGO, "changed_my_mind")
    assert (clear.status, clear.json["state"], clear.json["decision"]["clause"]) == (201, "declined", "2")
    unclear = ask(world.ada, ADAS, message="It failed.", error_messages=["E42"])
    assert unclear.json["state"] == "in_review"
    assert unclear.headers["location"] == f"/refund-requests/{unclear.json['case_id']}"
    assert world.ada.get(unclear.headers["location"]).json == unclear.json
    second = ask(world.ada, ADAS)
    assert (second.status, second.json["case_id"]) == (409, unclear.json["case_id"])
    listed = pages(world.ada, "/refund-requests", "cases", 1)
    assert sorted(case["case_id"] for case in listed) == sorted([clear.json["case_id"], unclear.json["case_id"]])


def test_what_was_told_is_held_against_the_ledger(world: World) -> None:
    """The policy's evidence: what does not fit is shown, on the case."""
    shown = ask(world.ada, ADAS, charged_on="2020-01-01", reference="INV-9", email="eve@example.com").json
    assert len(shown["mismatches"]) == 3
    unknown = "We could not compare the email address you gave with the one linked to your account."
    assert unknown in shown["mismatches"], "the token says no e-mail address, and no contact is stored"
    ada = Frontend(ADA, {"email": "ada@example.com"})
    shown = ask(ada, ADAS, "unrecognised_charge", email="eve@example.com").json
    assert shown["mismatches"] == ["The email address you gave is not the one linked to your account."]


def test_a_purchase_may_be_named_by_any_of_its_ids(world: World) -> None:
    """A customer sees the charge's id on a receipt; the case is about the purchase."""
    assert ask(world.bob, BOBS_CHARGE).json["purchase_id"] == BOBS


def test_evidence_is_uploaded_by_a_form_that_only_fits_one_file(world: World) -> None:
    """For an open case alone, ten at most; support gets addresses to read them."""
    case_id = ask(world.ada, ADAS).json["case_id"]
    path = f"/refund-requests/{case_id}/evidence"
    upload = world.ada.post(path, {"content_type": "image/png"})
    assert upload.status == 201
    assert upload.json["fields"]["key"] == f"evidence/{case_id}/{upload.json['evidence_id']}"
    assert upload.json["fields"]["Content-Type"] == "image/png"
    for _ in range(9):
        assert world.ada.post(path, {"content_type": "text/plain"}).status == 201
    assert world.ada.post(path, {"content_type": "text/plain"}).status == 409
    shown = world.sam.get(f"/support/refund-cases/{case_id}").json
    assert len(shown["evidence_urls"]) == 10
    world.pays(LONG_AGO, ADA, at=datetime.now(UTC) - timedelta(days=400))
    declined = ask(world.ada, LONG_AGO, "changed_my_mind").json["case_id"]
    assert world.ada.post(f"/refund-requests/{declined}/evidence", {"content_type": "image/png"}).status == 409


HOSTILE_NAMES = [
    "<script>alert(1)</script>.png",
    'a"; filename="b.html',
    "a.png\r\nSet-Cookie: a=b",
    "../../other/secret.png",
    "${filename}",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_file_is_named_by_us_and_never_by_the_customer(world: World, name: str) -> None:
    """Neither a field of the request nor its type puts a word into the key, the form, or a header."""
    case_id = ask(world.ada, ADAS).json["case_id"]
    path = f"/refund-requests/{case_id}/evidence"
    assert world.ada.post(path, {"content_type": "image/png"}).status == 201
    for field in ("file_name", "filename", "name", "evidence_id", "key"):
        answered = world.ada.post(path, {"content_type": "image/png", field: name})
        assert answered.status in {201, 422}
        assert name not in json.dumps(answered.json.get("fields", {}))
    for content_type in (f"image/png; name={name}", f"image/png\r\nX-Evil: {name}", "text/html", "image/svg+xml", name):
        assert world.ada.post(path, {"content_type": content_type}).status == 422
    shown = world.sam.get(f"/support/refund-cases/{case_id}").json
    assert shown["evidence"]
    assert [one for one in shown["evidence"] if not re.fullmatch(r"[0-9a-f]{16}\.png", one)] == []


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_that_was_stored_all_the_same_is_no_header_of_its_own(world: World, name: str) -> None:
    """Whoever wrote it: the file is only downloaded, under a plain name, and no line can be added."""
    case_id = ask(world.ada, ADAS).json["case_id"]
    store_evidence(world, case_id, name)
    (url,) = world.sam.get(f"/support/refund-cases/{case_id}").json["evidence_urls"]
    query = parse_qs(urlsplit(url).query)
    (disposition,) = query["response-content-disposition"]
    assert re.fullmatch(r'attachment; filename="[A-Za-z0-9._-]+"', disposition)
    assert "<" not in url
    assert "\r" not in url
    assert "\n" not in url


def store_evidence(world: World, case_id: str, name: str) -> None:
    """Store a case with a file of this name, as no route of ours would."""
    case = read_case(ADA, case_id, world.services.store)
    changed = replace(case, evidence=(name,))
    refused = world.services.store.commit(
        Commit(documents=(DocumentChange(case_key(ADA, case_id), changed, case.version),))
    )
    assert not refused


def test_a_withdrawal_is_declared_then_confirmed_and_has_its_receipt(world: World) -> None:
    """Two steps. Nothing happens at the first; the second is decided at once; asked again, the same."""
    order_id = world.ada.post("/orders", ORDER, key="k1").json["order_id"]
    world.pays(PaymentId("stripe:pi_eu"), ADA, fulfilment_key=f"order/{order_id}", paid_minor=1800)
    declared = world.ada.post("/withdrawals", {"purchase_id": "stripe:pi_eu"}, key="k1")
    assert (declared.status, declared.json["case"]["state"]) == (201, "declared")
    assert declared.json["would_be"]["outcome"] == "approve"
    assert declared.json["confirmed_at"] is None
    place = declared.headers["location"]
    again = world.ada.post("/withdrawals", {"purchase_id": "stripe:pi_eu"}, key="k2")
    assert again.json["case"] == declared.json["case"], "one declaration, however often"
    confirmed = world.ada.post(f"{place}/confirmation")
    assert (confirmed.status, confirmed.json["case"]["state"]) == (200, "approved")
    assert declared.json["case"]["due_by"] is None
    due_by, confirmed_at = confirmed.json["case"]["due_by"], confirmed.json["confirmed_at"]
    assert datetime.fromisoformat(due_by) - datetime.fromisoformat(confirmed_at) == timedelta(days=14)
    assert confirmed.json["confirmed_at"]
    assert confirmed.json["would_be"] is None
    assert world.ada.post(f"{place}/confirmation").json == confirmed.json
    assert world.ada.get(place).json == confirmed.json
    other = ask(world.ada, ADAS).json["case_id"]
    assert world.ada.get(f"/withdrawals/{other}").status == 404
    assert world.ada.post(f"/withdrawals/{other}/confirmation").status == 404


def test_nothing_is_promised_while_refunds_are_paused(world: World) -> None:
    """What would be approved at once waits: in the list of purchases, for a withdrawal, and for support."""
    order_id = world.ada.post("/orders", ORDER, key="k1").json["order_id"]
    world.pays(PaymentId("stripe:pi_eu"), ADA, fulfilment_key=f"order/{order_id}", paid_minor=1800)
    case_id = ask(world.ada, ADAS).json["case_id"]

    def purchases() -> list[dict[str, Any]]:
        return [one["refundability"] for one in world.ada.get("/purchases").json["purchases"]]

    assert {(one["is_refundable"], one["decision"]["outcome"]) for one in purchases()} == {
        (True, "approve"),
        (False, "review"),
    }
    world.services.policy = replace(world.services.policy, is_paused=True)
    for one in purchases():
        assert (one["is_refundable"], one["decision"]["outcome"], one["decision"]["money"]) == (False, "wait", None)
        (words,) = one["decision"]["reasons"]
        assert "paused for a short time" in words
        assert "We have received" not in words
    would_be = world.ada.post("/withdrawals", {"purchase_id": "stripe:pi_eu"}, key="k1").json["would_be"]
    assert (would_be["outcome"], would_be["money"]) == ("wait", None)
    shown = world.sam.get(f"/support/refund-cases/{case_id}").json
    assert (shown["recommended"]["outcome"], shown["recommended_outcome"], shown["recommended_money"]) == (
        "wait",
        None,
        None,
    )
    assert shown["purchase"]["refundability"]["decision"]["outcome"] == "wait"
    assert shown["explanation"]
    verdict = {"outcome": "approve", "clause": "6", "words": ["Sorry."], "money_minor": 500}
    assert world.sam.post(f"/support/refund-cases/{case_id}/decision", verdict).status == 409


@pytest.mark.parametrize("body", [None, {}, {"subscription_id": None}, {"subscription_id": SUBSCRIPTION}])
def test_renewals_stop_and_go_on(world: World, body: dict[str, Any] | None) -> None:
    """Which subscription need not be said where there is one: then there need not be a body."""
    stopped = world.bob.post("/subscription/cancellation", body)
    assert stopped.status == 200, stopped.text
    assert world.provider.stopped == {SUBSCRIPTION}
    assert stopped.json["subscription"]["renews_at"] is None
    assert stopped.json["subscription"]["cancel_at"] == stopped.json["subscription"]["period_end"]
    assert "will not renew" in stopped.json["words"]
    resumed = world.bob.delete("/subscription/cancellation")
    assert (resumed.status, world.provider.stopped) == (200, set())
    assert resumed.json["subscription"]["renews_at"]
    assert "will renew" in resumed.json["words"]


END, LATER_ON = datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC)
EARLIER = datetime(2026, 12, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "shown", "words"),
    [
        ({"cancel_at": END}, (END, None), "will not renew"),
        ({"cancel_at": None}, (None, END), "will renew"),
        ({"cancel_at": LATER_ON}, (LATER_ON, END), "will end on 1 March 2027"),
        ({"cancel_at": None, "pauses_at": END}, (None, None), "is paused"),
        ({"cancel_at": None, "status": SubscriptionStatus.PAUSED}, (None, None), "is paused"),
        ({"cancel_at": END, "pauses_at": END}, (END, None), "will not renew"),
        ({"cancel_at": END, "status": SubscriptionStatus.PAUSED}, (END, None), "will not renew"),
        ({"cancel_at": None, "status": SubscriptionStatus.UNPAID}, (None, None), "only when its payments succeed"),
        ({"cancel_at": END, "status": SubscriptionStatus.ENDED}, (END, None), "has ended"),
    ],
)
@pytest.mark.parametrize("asks", [lambda bob, path: bob.post(path), lambda bob, path: bob.delete(path)])
def test_the_answer_tells_what_the_provider_made_of_it(
    world: World, asks: Any, state: dict[str, Any], shown: tuple[datetime | None, ...], words: str
) -> None:
    """Not what was requested; nor is a renewal promised that will not come."""
    world.provider.states[SUBSCRIPTION] = SubscriptionState(
        **{"status": SubscriptionStatus.ACTIVE, "period_end": END, **state}
    )
    told = asks(world.bob, "/subscription/cancellation").json
    times = tuple(told["subscription"][name] for name in ("cancel_at", "renews_at"))
    assert tuple(at and datetime.fromisoformat(at) for at in times) == shown
    assert words in told["words"]


@pytest.mark.parametrize(
    ("state", "ends_at"),
    [
        ({"cancel_at": END}, END),
        ({"cancel_at": EARLIER}, EARLIER),
        ({"cancel_at": None, "status": SubscriptionStatus.ENDED}, END),
        ({"cancel_at": EARLIER, "status": SubscriptionStatus.ENDED}, EARLIER),
        ({"cancel_at": None}, None),
        ({"cancel_at": LATER_ON}, None),
        ({"cancel_at": None, "pauses_at": END}, None),
    ],
)
def test_a_cancellation_is_confirmed_by_mail_only_if_the_renewals_have_stopped(
    world: World, state: dict[str, Any], ends_at: datetime | None
) -> None:
    """With its subscription and its end. Who is charged again must not have a mail that says otherwise."""

    def receipts() -> list[list[str]]:
        mails = world.services.store.mail_intents()
        return [one.subject.split("/")[:2] for one in mails if one.kind is MailKind.CANCELLATION_RECEIPT]

    world.provider.states[SUBSCRIPTION] = SubscriptionState(
        **{"status": SubscriptionStatus.ACTIVE, "period_end": END, **state}
    )
    assert world.bob.delete("/subscription/cancellation").status == 200
    assert receipts() == []
    assert world.bob.post("/subscription/cancellation").status == 200
    assert receipts() == ([[SUBSCRIPTION, sortable(ends_at)]] if ends_at else [])


def test_an_account_shows_a_pause_and_promises_no_renewal(world: World) -> None:
    """Since when, and until when."""
    now = datetime.now(UTC)
    world.subscribes(at=now, status=SubscriptionStatus.PAUSED, pauses_at=now, resumes_at=now + timedelta(days=60))
    (shown,) = world.bob.get("/account").json["subscriptions"]
    assert (shown["status"], shown["renews_at"]) == ("paused", None)
    assert shown["pauses_at"]
    assert shown["resumes_at"]


def test_several_subscriptions_want_a_name(world: World) -> None:
    """The answer names them, and the field that is missing: of the body, or of the query."""
    world.subscribes("paddle:sub_two")
    told = world.bob.post("/subscription/cancellation")
    assert (told.status, told.fields) == (422, ["body.subscription_id"])
    assert f"Name one of paddle:sub_two, {SUBSCRIPTION}." in told.json["detail"]
    assert world.bob.delete("/subscription/cancellation").fields == ["query.subscription_id"]
    named = {"subscription_id": "paddle:sub_two"}
    assert world.bob.post("/subscription/cancellation", named).status == 200
    assert world.bob.delete("/subscription/cancellation", query=named).status == 200


def test_a_subscription_that_has_ended_cant_be_cancelled(world: World) -> None:
    """404: nothing is going on."""
    world.subscribes(status=SubscriptionStatus.ENDED, at=datetime.now(UTC) - timedelta(minutes=1))
    assert world.bob.post("/subscription/cancellation").status == 404
    assert world.ada.delete("/subscription/cancellation").status == 404
    assert not world.provider.calls


def test_the_billing_page_is_the_customers_own(world: World) -> None:
    """201 with a short-lived address; 404 for who bought nothing, or nothing there, or as another's customer."""
    opened = world.bob.post("/billing-portal-sessions")
    assert opened.status == 201
    assert opened.json["url"].endswith(f"/stripe:cus_acct_bob/1?return={world.services.config.success_url}")
    assert world.bob.post("/billing-portal-sessions", {"provider": "stripe"}).status == 201
    assert world.bob.post("/billing-portal-sessions", {"provider": "paddle"}).status == 404
    assert Frontend("acct_eve").post("/billing-portal-sessions").status == 404
    bought = replace(payment(PaymentId("paddle:txn_pack")), account_id=ADA, customer_id="paddle:ctm_ada")
    event = paid(bought)
    world.record_events(replace(event, owner=replace(event.owner, customer_id="paddle:ctm_ada")))
    for body in (None, {"provider": "paddle"}):
        opened = world.ada.post("/billing-portal-sessions", body)
        assert (opened.status, "ctm_ada/0?" in opened.json["url"]) == (201, True)
    for frontend, body, where in ((world.ada, {"provider": "stripe"}, " at stripe"), (Frontend("acct_eve"), None, "")):
        refused = frontend.post("/billing-portal-sessions", body)
        assert refused.json["detail"].startswith(f"There is no billing page{where} that is this account's alone.")


def test_the_billing_page_is_of_as_many_subscriptions_as_it_takes(world: World) -> None:
    """Stripe and Paddle refuse more than 25."""
    for number in range(26):
        world.subscribes(f"stripe:sub_{number}", customer_id="stripe:cus_acct_bob", account_id=BOB)
    opened = world.bob.post("/billing-portal-sessions")
    assert (opened.status, "/25?" in opened.json["url"]) == (201, True), opened.json


def test_who_has_no_account_has_no_subscription(world: World) -> None:
    """404 to end it, and to go on."""
    eve = Frontend("acct_eve")
    assert eve.post("/subscription/cancellation").status == eve.delete("/subscription/cancellation").status == 404
    assert not world.provider.calls


def test_support_reads_the_queue_and_a_case_and_decides_it(world: World) -> None:
    """Oldest first; all that a decision needs; a second click changes nothing, another verdict is refused."""
    first, second = ask(world.ada, ADAS).json["case_id"], ask(world.bob, BOBS).json["case_id"]
    assert [case["case_id"] for case in pages(world.sam, "/support/refund-cases", "cases", 1)] == [first, second]
    shown = world.sam.get(f"/support/refund-cases/{first}").json
    assert (shown["account_id"], shown["facts"]["credits_granted"]) == (ADA, 1000)
    assert shown["explanation"]
    assert shown["recommended_outcome"]
    verdict = {"outcome": "approve", "clause": "6", "words": ["Sorry."], "money_minor": 500}
    path = f"/support/refund-cases/{first}/decision"
    decided = world.sam.post(path, verdict)
    assert (decided.status, decided.json["state"], decided.json["decided_by"]) == (200, "approved", "sam")
    before = world.table()
    assert world.sam.post(path, verdict).json["state"] == "approved"
    assert world.sam.post(path, {**verdict, "money_minor": 501}).status == 409
    assert supporter(name="eve").post(path, verdict).status == 409, "it was decided by somebody else"
    assert world.table() == before
    assert [case["case_id"] for case in world.sam.get("/support/refund-cases").json["cases"]] == [second]
    assert world.ada.get(f"/refund-requests/{first}").json["decision"]["money"]["amount_minor"] == 500


def test_a_decided_case_shows_what_was_recommended_then(world: World) -> None:
    """Its own refund is no reason for it: the decision and each rule's reason are those on record."""
    case_id = ask(world.ada, ADAS).json["case_id"]
    path = f"/support/refund-cases/{case_id}"
    before = world.sam.get(path).json
    verdict = {"outcome": "approve", "clause": "6", "words": ["Sorry."], "money_minor": 2000}
    assert world.sam.post(f"{path}/decision", verdict).json["state"] == "approved"
    world.record_events(event_of(refund(2000), names=(ADAS,)))
    after = world.sam.get(path).json
    assert after["facts"]["refundable"]["amount_minor"] == 0
    assert after["recommended"] == after["decision"]
    assert (after["recommended_outcome"], after["recommended_money"], after["recommended_credits"]) == (
        before["recommended_outcome"],
        None,
        None,
    )
    assert after["explanation"] == before["explanation"]


def test_the_balances_of_a_case_are_read_beside_its_entries(world: World) -> None:
    """A run is booked after the case was read and before its entries are: the balances are those after it."""
    case_id = ask(world.ada, ADAS).json["case_id"]
    store, run = world.services.store, {"account_id": ADA, "run_id": "run_1", "credits": 10}

    class Busy:
        def __getattr__(self, name: str) -> Any:
            if name in {"entries", "statement_page"}:
                world.services.store = store
                assert world.service.post("/usage", run).status == 200
            return getattr(store, name)

    world.services.store = Busy()
    shown = world.sam.get(f"/support/refund-cases/{case_id}").json["usage_since"]
    assert [(entry["kind"], entry["balance_after"]) for entry in shown] == [("draw", 990), ("grant", 1000)]
    assert shown == world.ada.get("/account/statement").json["entries"]


@pytest.mark.parametrize("takes_credits", [True, False])
@pytest.mark.parametrize("ends_subscription", [True, False])
def test_a_decision_is_stored_as_it_was_made(world: World, *, takes_credits: bool, ends_subscription: bool) -> None:
    """Each part of it: what is left out would not be done, and the customer was told otherwise."""
    case_id = ask(world.ada, ADAS).json["case_id"]
    verdict = {
        "outcome": "approve",
        "clause": "3",
        "words": ["We looked.", "Sorry."],
        "money_minor": 700,
        "takes_credits": takes_credits,
        "ends_subscription": ends_subscription,
    }
    assert world.sam.post(f"/support/refund-cases/{case_id}/decision", verdict).status == 200
    decision = read_case(ADA, case_id, world.services.store).decision
    assert decision
    assert (decision.outcome, decision.clause, decision.money_minor) == (DecisionOutcome.APPROVE, "3", 700)
    assert (decision.takes_credits, decision.ends_subscription) == (takes_credits, ends_subscription)
    assert world.ada.get("/account").json["spendable"] == (650 if takes_credits else 1000)


@pytest.mark.parametrize(
    ("verdict", "state"),
    [({"outcome": "replace", "credits": 200}, "replaced"), ({"outcome": "decline"}, "declined")],
)
def test_support_replaces_credits_or_declines(world: World, verdict: dict[str, Any], state: str) -> None:
    """Credits come at once; a decline has its reasons."""
    case_id = ask(world.ada, ADAS).json["case_id"]
    told = {"clause": "6", "words": ["We looked."], **verdict}
    assert world.sam.post(f"/support/refund-cases/{case_id}/decision", told).json["state"] == state
    assert world.ada.get("/account").json["balance"] == 1000 + verdict.get("credits", 0)
    assert world.ada.get(f"/refund-requests/{case_id}").json["decision"]["reasons"] == ["We looked."]


@pytest.mark.parametrize(
    ("verdict", "field"),
    [
        ({"outcome": "approve", "money_minor": 5, "credits": 5}, "body.credits"),
        ({"outcome": "replace"}, "body.credits"),
        ({"outcome": "decline", "money_minor": 5}, "body.money_minor"),
        ({"outcome": "decline", "agreement": "By mail."}, "body.agreement"),
    ],
)
def test_a_verdict_says_its_sum_and_no_other(world: World, verdict: dict[str, Any], field: str) -> None:
    """422 naming the field; more than was paid is a conflict with the ledger."""
    case_id = ask(world.ada, ADAS).json["case_id"]
    path, rest = f"/support/refund-cases/{case_id}/decision", {"clause": "6", "words": ["x"]}
    told = world.sam.post(path, {**rest, **verdict})
    assert (told.status, told.fields) == (422, [field])
    assert world.sam.post(path, {**rest, "outcome": "approve", "money_minor": 2001}).status == 409
    assert world.sam.post(path, {**rest, "outcome": "approve"}).status == 409  # the policy recommends nothing here


def test_support_opens_a_case_in_a_customers_name(world: World) -> None:
    """The same rules and record; the customer sees who opened it, and support where it is."""
    asked = {"account_id": ADA, "purchase_id": ADAS, "reason": "technical_problem", "message": "By e-mail."}
    opened = world.sam.post("/support/refund-cases", asked, key="k1")
    assert (opened.status, opened.json["opened_by"]) == (201, "support")
    assert opened.headers["location"] == f"/support/refund-cases/{opened.json['case_id']}"
    assert world.sam.get(opened.headers["location"]).json["message"] == "By e-mail."
    assert read_case(ADA, opened.json["case_id"], world.services.store).opened_by == "support:sam"
    assert world.ada.get(f"/refund-requests/{opened.json['case_id']}").json["opened_by"] == "support"
    assert world.sam.post("/support/refund-cases", {**asked, "account_id": BOB}, key="k2").status == 404


def test_holds_are_laid_and_lifted_one_by_one(world: World) -> None:
    """Each by its id, safe to repeat; lifting one leaves the others."""
    path = f"/support/accounts/{BOB}/holds"
    hold = {"hold_id": "support:stolen-card", "why": "The bank told us."}
    assert world.sam.post(path, hold).json == {"hold_id": "support:stolen-card", "changed": True}
    assert world.sam.post(path, hold).json["changed"] is False
    world.record_events(event_of(dispute(), names=(BOBS,)))
    lifted = world.sam.delete(f"{path}/dispute%3Astripe%3Adp_1", query={"why": "An error, of the bank."})
    assert lifted.json == {"hold_id": "dispute:stripe:dp_1", "changed": True}
    assert [hold["hold_id"] for hold in world.bob.get("/account").json["holds"]] == ["support:stolen-card"]
    assert world.sam.delete(f"{path}/support:stolen-card", query={"why": "Cleared."}).json["changed"] is True
    assert world.sam.delete(f"{path}/support:stolen-card", query={"why": "Cleared."}).json["changed"] is False
    assert world.bob.get("/account").json["status"] == "active"
    assert world.sam.post("/support/accounts/acct_nobody/holds", hold).status == 404


def test_support_states_the_amount_of_a_refund_in_another_currency(world: World) -> None:
    """The purchase shows what is left then; nobody else may say it."""
    path = f"/support/accounts/{BOB}/amounts"
    world.record_events(event_of(replace(refund(920), currency="EUR"), names=(BOBS,)))
    stated = {"payment_id": BOBS, "subject_id": "re_1", "amount_minor": 1000, "why": "By the statement."}
    assert world.bob.post(path, stated).status == 403
    assert world.sam.post(path, stated | {"subject_id": "re_2"}).status == 404
    assert world.sam.post(path, stated | {"amount_minor": -1}).status == 422
    answered = world.sam.post(path, stated)
    assert answered.json == {"payment_id": BOBS, "subject_id": "re_1", "amount_minor": 1000, "changed": True}
    assert world.sam.post(path, stated).json["changed"] is False
    (purchase,) = world.bob.get("/purchases").json["purchases"]
    assert purchase["refundable"]["amount_minor"] == 1000


def test_each_act_of_support_is_recorded_with_who_did_it(world: World) -> None:
    """By the token's subject, once, with the reason as it was given."""
    case_id = ask(world.bob, BOBS).json["case_id"]
    world.record_events(event_of(replace(refund(920), currency="EUR"), names=(BOBS,)))
    account = f"/support/accounts/{BOB}"
    decision = {"outcome": "decline", "clause": "6", "words": ["No failed runs."]}
    for _ in range(2):
        stated = {"payment_id": BOBS, "subject_id": "re_1", "amount_minor": 1000, "why": "By the statement."}
        world.sam.post(f"{account}/amounts", stated)
        world.sam.post(f"{account}/holds", {"hold_id": "support:x", "why": "Three cards."})
        world.sam.post(f"/support/refund-cases/{case_id}/decision", decision, key="k")
    world.sam.call("DELETE", f"{account}/holds/support:x", query={"why": "Explained."})
    acts = world.services.store.audit_records(BOB)
    sam = world.sam.account_id
    assert sorted((act.action, act.actor, act.subject, act.reason) for act in acts) == [
        ("decline", sam, case_id, "No failed runs."),
        ("hold", sam, "support:x", "Three cards."),
        ("lift", sam, "support:x", "Explained."),
        ("state_amount", sam, "re_1", "By the statement."),
    ]


def test_what_is_above_one_persons_limit_is_proposed_and_a_colleague_confirms_it(world: World) -> None:
    """Credits that are given, by the figures of the policy: 409 names the proposal, and the queue shows it."""
    path = f"/support/accounts/{BOB}/adjustments"
    given = world.sam.post(path, {"credits": 100, "why": "A late reply."}, key="k1")
    assert (given.status, given.json["credits"]) == (200, 100)
    assert world.sam.post(path, {"credits": 100, "why": "A late reply."}, key="k1").json == given.json
    assert world.sam.post(path, {"credits": 0, "why": "x"}, key="k2").status == 422
    too_much = world.sam.post(path, {"credits": 20_000, "why": "A long outage."}, key="k3")
    assert (too_much.status, too_much.json["type"].rpartition(":")[2]) == (409, "second-person-needed")
    proposal_id = too_much.json["proposal_id"]
    (waiting,) = world.sam.get("/support/proposals").json["proposals"]
    assert (waiting["proposal_id"], waiting["amount"], waiting["unit"]) == (proposal_id, 20_000, "credits")
    confirmation = f"/support/accounts/{BOB}/proposals/{proposal_id}/confirmation"
    assert world.sam.post(confirmation, None).status == 409
    kim = supporter(name="kim")
    before = world.bob.get("/account").json["balance"]
    for _ in range(2):
        done = kim.post(confirmation, None)
        assert (done.status, done.json["state"], done.json["settled_by"]) == (200, "confirmed", "kim")
    assert world.bob.get("/account").json["balance"] == before + 20_000
    assert world.sam.get("/support/proposals").json["proposals"] == []
    rejection = f"/support/accounts/{BOB}/proposals/{proposal_id}/rejection"
    assert kim.post(rejection, {"why": "No."}).status == 409
    assert Frontend("kim").post(confirmation, None).status == 403


@pytest.mark.parametrize("is_decoded", [True, False])
def test_account_ids_with_signs_reach_their_account(world: World, is_decoded: bool) -> None:
    """Issuers put signs into subjects; whether API Gateway hands the raw path on decoded makes no difference."""
    odd = "auth0|ada%41 ö+1"
    world.pays(PaymentId("stripe:pi_odd"), odd)  # type: ignore[arg-type]
    raw = {True: f"/support/accounts/{odd}/holds", False: "/support/accounts/auth0%7Cada%2541%20%C3%B6+1/holds"}
    sent = world.sam.post(
        raw[False],
        {"hold_id": "support:x", "why": "x"},
        event_changes={"rawPath": raw[is_decoded]},
    )
    assert (sent.status, Frontend(odd).get("/account").json["status"]) == (200, "suspended")


class TestIdempotencyKeys:
    """The same key and request: as before. Another request: refused. Another route or account: independent."""

    def test_however_the_json_is_written(self, world: World) -> None:
        """Fields in another order, defaults spelled out, an offset instead of Z."""
        asked = {"purchase_id": ADAS, "reason": "technical_problem", "happened_at": "2026-11-01T12:00:00Z"}
        first = world.ada.post("/refund-requests", asked, key="k")
        spelled: dict[str, Any] = {"error_messages": [], "message": "", "email": None, **dict(reversed(asked.items()))}
        spelled["happened_at"] = "2026-11-01T12:00:00+00:00"
        before = world.table()
        again = world.ada.post("/refund-requests", spelled, key="k")
        assert (again.status, again.json) == (201, first.json)
        assert world.table() == before

    def test_another_request_under_it_is_refused(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """422, on every route that takes a key, and nothing is written."""
        monkeypatch.setenv("PADDLE_SIGNING_SECRETS", SECRET)
        world.services.config = replace(world.services.config, signing_secrets={"paddle": SECRET})
        assert receive(world.services, of_a_price("pri_of_next_month", 0)) == "parked"
        world.pays(PaymentId("stripe:pi_two"), ADA)
        for_ada = {"account_id": ADA, "purchase_id": ADAS, "reason": "unrecognised_charge"}
        requests: dict[str, tuple[Frontend, dict[str, Any], dict[str, Any]]] = {
            "/orders": (world.ada, ORDER, {"currency": "USD"}),
            "/refund-requests": (
                world.ada,
                {"purchase_id": ADAS, "reason": "technical_problem"},
                {"message": "more"},
            ),
            "/withdrawals": (world.ada, {"purchase_id": ADAS}, {"purchase_id": "stripe:pi_two"}),
            "/support/refund-cases": (world.sam, for_ada, {"message": "more"}),
            "/support/refund-cases/{case_id}/decision": (
                world.sam,
                {"outcome": "approve", "clause": "6", "words": ["Sorry."], "money_minor": 500},
                {"money_minor": 501},
            ),
            f"/support/accounts/{BOB}/adjustments": (world.sam, {"credits": 5, "why": "x"}, {"credits": 6}),
            "/support/incidents": (
                world.sam,
                {**outage(world, (ADA, 7)), "credits": 7, "why": "The queue stood still."},
                {"credits": 8},
            ),
            "/support/parked/{parked_id}/replay": (world.sam, {"why": "The price is known now."}, {"why": "Again."}),
        }
        assert {path.replace(BOB, "{account_id}") for path in requests} == set(WITH_KEY)
        ids = {"case_id": ask(world.bob, BOBS).json["case_id"], "parked_id": "paddle:ctm_0~evt_0"}
        for path, (who, content, _) in requests.items():
            told = who.post(path.format(**ids), content, key="k")
            assert told.status in {200, 201}, told.text
        before = world.table()
        for path, (who, content, changed) in requests.items():
            told = who.post(path.format(**ids), content | changed, key="k")
            assert (told.status, told.json["type"]) == (422, "urn:imagetagger:problem:idempotency-key-reused"), path
        assert world.table() == before

    def test_it_counts_for_its_account_and_route(self, world: World) -> None:
        """A customer's key meets neither another's, nor support's, nor one's own on another route."""
        asked = {"purchase_id": ADAS, "reason": "technical_problem"}
        made = [
            world.ada.post("/refund-requests", asked, key="k"),
            world.bob.post("/refund-requests", {**asked, "purchase_id": BOBS}, key="k"),
            world.ada.post("/withdrawals", {"purchase_id": ADAS}, key="k"),
            world.ada.post("/orders", ORDER, key="k"),
            world.sam.post(
                "/support/refund-cases", {**asked, "account_id": ADA, "reason": "unrecognised_charge"}, key="k"
            ),
        ]
        assert [answer.status for answer in made] == [201] * 5
        ids = {(answer.json.get("case") or answer.json).get("case_id") or answer.json["order_id"] for answer in made}
        assert len(ids) == 5, "each is its own"
