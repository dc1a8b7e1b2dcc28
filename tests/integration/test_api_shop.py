"""What the shop and our own services read: the catalogue, the policy, an order, and what an account can spend."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.api.responses.catalogue import ProductResponse
from ledger.domain.ids import PaymentId
from ledger.domain.recent_requests import LimitedRequest
from ledger.policy import rules
from ledger.usecases.credit_notes import issue_credit_notes
from tests.integration.conftest import ADA, ADAS, BOB, BOBS, World
from tests.integration.test_api import CONSENT, ORDER, new_key
from tools.testing.builders import dispute, event_of, refund
from tools.testing.frontend import Frontend


@pytest.fixture
def anyone() -> Frontend:
    """A visitor without a token."""
    return Frontend("")


def test_the_catalogue_is_public_and_may_be_cached(world: World, anyone: Frontend) -> None:
    """With the version of the policy that an order names."""
    before = world.table()
    shown = anyone.get("/catalogue")
    assert (shown.status, shown.headers["cache-control"]) == (200, "public, max-age=300")
    assert (shown.json["version"], shown.json["policy_version"]) == ("2026-11-01", world.services.policy.version)
    products = {product["product_id"]: product for product in shown.json["products"]}
    assert list(products) == ["pack_500", "pack_1000", "pack_2500", "creator_monthly"]
    assert products["pack_1000"] == {
        "product_id": "pack_1000",
        "name": "1,000 credits",
        "kind": "pack",
        "credits": 1000,
        "prices": [
            {"amount_minor": 1800, "currency": "EUR"},
            {"amount_minor": 1600, "currency": "GBP"},
            {"amount_minor": 2000, "currency": "USD"},
        ],
        "providers": ["paddle", "stripe"],
        "expires_after_days": None,
        "is_expiring": False,
        "takes_discount_codes": False,
        "trial_credits": 0,
        "renews_every_months": None,
    }
    assert products["creator_monthly"]["renews_every_months"] == 1
    assert shown.json["renewal_consent_countries"] == ["US"]
    assert (products["creator_monthly"]["kind"], products["creator_monthly"]["is_expiring"]) == ("subscription", True)
    assert world.table() == before


def test_what_the_catalogue_shows_can_be_ordered(world: World, anyone: Frontend) -> None:
    """Each product, from each provider that it names, in each currency that it has a price in."""
    catalogue = anyone.get("/catalogue").json
    for product in catalogue["products"]:
        for provider in product["providers"]:
            for price in product["prices"]:
                sold = {"product_id": product["product_id"], "provider": provider, "currency": price["currency"]}
                order = {**ORDER, **sold, "policy_version": catalogue["policy_version"]}
                placed = Frontend(f"acct_{new_key()}").post("/orders", order, key=new_key())
                assert (placed.status, placed.json["price"]) == (201, price)
    assert world.provider.calls


def test_the_policy_is_public_whole_and_by_version(world: World, anyone: Frontend) -> None:
    """The published text, word for word."""
    current = anyone.get("/policy")
    assert (current.status, current.headers["cache-control"]) == (200, "public, max-age=300")
    version = world.services.policy.version
    text = rules.load().read_published_text()
    assert current.json == {"version": version, "is_current": True, "text": text, "versions": [version]}
    assert anyone.get(f"/policy/{version}").json == current.json
    unknown = anyone.get("/policy/1999-01-01")
    assert (unknown.status, unknown.json["type"]) == (404, "urn:imagetagger:problem:not-found")
    assert version in unknown.json["detail"]


def test_an_earlier_version_stays_readable_and_decides_its_contracts(
    world: World, anyone: Frontend, tmp_path: Path
) -> None:
    """Ada orders under one version; under the next one, which is stricter, she is judged by hers."""
    shipped = json.loads(rules.DEFAULT_FILE.read_text("utf-8"))

    def stored(version: str, **figures: Any) -> Path:
        (tmp_path / f"{version}.txt").write_text(f"Policy {version}.", "utf-8")
        path = tmp_path / f"{version}.json"
        path.write_text(json.dumps({**shipped, "version": version, "published_text": f"{version}.txt", **figures}))
        return path

    world.services.policy = rules.load(stored("first", withdrawal_days=60))
    placed = world.ada.post("/orders", {**ORDER, "policy_version": "first"}, key=new_key()).json
    world.pays(PaymentId("stripe:pi_old"), ADA, fulfilment_key=f"order/{placed['order_id']}")
    world.services.policy = rules.load(stored("second", replaces="first.json", withdrawal_days=14))
    assert [one["version"] for one in (anyone.get("/policy").json, anyone.get("/policy/first").json)] == [
        "second",
        "first",
    ]
    assert anyone.get("/policy/first").json["text"] == "Policy first."
    outdated = world.ada.post("/orders", {**ORDER, "policy_version": "first"}, key=new_key())
    assert (outdated.status, outdated.fields) == (422, ["body.policy_version"])
    shown = {
        one["purchase_id"]: one["refundability"]["decision"] for one in world.ada.get("/purchases").json["purchases"]
    }
    assert (shown["stripe:pi_old"]["outcome"], shown["stripe:pi_old"]["policy_version"]) == ("approve", "first")
    assert shown[ADAS]["policy_version"] == "second"


def test_an_order_says_what_became_of_it(world: World) -> None:
    """It awaits its payment, at its checkout's address; then it is paid, and names its purchase."""
    placed = world.ada.post("/orders", ORDER, key=new_key()).json
    path = f"/orders/{placed['order_id']}"
    shown = world.ada.get(path).json
    assert (shown["state"], shown["purchase_ids"], shown["checkout_url"]) == (
        "awaiting_payment",
        [],
        placed["checkout_url"],
    )
    assert (shown["price"], shown["policy_version"]) == (placed["price"], ORDER["policy_version"])
    assert (shown["has_consent"], shown["is_consent_confirmed"]) == (True, False)
    assert shown["withdrawal_page"] == f"/withdrawal?contract={placed['order_id']}", "its form, filled in"
    world.service.post(f"{path}/consent-confirmation", {"confirmation_id": "mail_1"})
    world.pays(PaymentId("stripe:pi_9"), ADA, fulfilment_key=f"order/{placed['order_id']}")
    shown = world.ada.get(path).json
    assert (shown["state"], shown["purchase_ids"], shown["checkout_url"]) == ("paid", ["stripe:pi_9"], None)
    assert shown["is_consent_confirmed"]


def test_an_order_says_what_its_page_has_shown(world: World) -> None:
    """The button, the price, the first charge after a trial and the renewals, word for word."""
    renewal = {"amount_minor": 1400, "every_months": 1, "first_on": "2026-12-08"}
    charge = {"amount_minor": 1450, "charged_on": "2026-12-08"}
    page = {"text_version": "2026-11-01", "button_label": "zahlungspflichtig bestellen", "total_minor": 0}
    plan = {**ORDER, "product_id": "creator_monthly", "language": "de"}
    asked = {**plan, "information": {**page, "renewal": renewal, "first_charge": charge}}
    placed = world.ada.post("/orders", asked, key=new_key())
    assert placed.status == 201, placed.json
    shown = world.ada.get(f"/orders/{placed.json['order_id']}").json["shown"]
    assert shown.pop("at")

    def euros(amount_minor: int) -> dict[str, object]:
        return {"amount_minor": amount_minor, "currency": "EUR"}

    assert shown == {
        "text_version": "2026-11-01",
        "language": "de",
        "button_label": "zahlungspflichtig bestellen",
        "total": euros(0),
        "first_charge": {"amount": euros(1450), "charged_on": "2026-12-08"},
        "renewal": {"amount": euros(1400), "every_months": 1, "first_on": "2026-12-08"},
    }


def test_anothers_order_is_like_one_that_there_is_not(world: World) -> None:
    """404, in the same words."""
    placed = world.ada.post("/orders", ORDER, key=new_key()).json["order_id"]
    foreign, unknown = world.bob.get(f"/orders/{placed}"), world.bob.get(f"/orders/ord_{'0' * 24}")
    assert (foreign.status, unknown.status) == (404, 404)
    assert foreign.text.replace(placed, "") == unknown.text.replace(f"ord_{'0' * 24}", "")
    assert world.bob.get("/orders/none").fields == ["path.order_id"]


def test_the_customer_returns_with_the_orders_id(world: World) -> None:
    """From either page; what the address had in its query stays."""
    placed = world.ada.post("/orders", ORDER, key=new_key()).json["order_id"]
    config = world.services.config
    (call,) = [one for one in world.provider.calls if one.startswith(f"checkout {placed} ")]
    assert call.split()[-2:] == [f"{config.success_url}&order_id={placed}", f"{config.cancel_url}?order_id={placed}"]


def test_a_service_reads_what_an_account_can_spend(world: World) -> None:
    """As a draw would find it: none of a suspended account, nothing of an unknown one."""
    path = f"/usage/accounts/{ADA}"
    spendable = {"account_id": ADA, "status": "active", "spendable": 1000, "shortfall": 0, "locked": 0, "locks": []}
    assert world.service.get(path).json == spendable
    drawn = world.service.post("/usage", {"account_id": ADA, "run_id": "run_1", "credits": 300}).json
    assert drawn["spendable"] == world.service.get(path).json["spendable"] == 700
    world.service.post("/usage", {"account_id": ADA, "run_id": "run_2", "credits": 100})
    again = world.service.post("/usage", {"account_id": ADA, "run_id": "run_1", "credits": 300}).json
    assert again == {**drawn, "spendable": 600}
    world.record_events(event_of(dispute(), names=(ADAS,)))
    assert world.service.get(path).json == {**spendable, "status": "suspended", "spendable": 0}
    assert world.service.get("/usage/accounts/acct_nobody").json["spendable"] == 0
    assert world.service.get(f"/usage/accounts/{BOB}").json["spendable"] == 1000


PLAN = "creator_monthly"


def orderable(who: Frontend) -> dict[str, str | None]:
    """Each product, and the problem that an order of it would be refused with."""
    found = {}
    for product in who.get("/account").json["products"]:
        assert product["is_orderable"] == (product["problem"] is None) == (product["words"] is None)
        found[product["product_id"]] = product["problem"] and product["problem"].rpartition(":")[2]
    return found


def test_an_account_says_what_it_can_order_and_an_order_is_refused_for_just_that(world: World) -> None:
    """A plan that runs, a debt, a suspension; a newcomer can order everything."""
    packs = ["pack_500", "pack_1000", "pack_2500"]
    assert orderable(Frontend("acct_eve")) == dict.fromkeys([*packs, PLAN])
    world.subscribes()
    assert orderable(world.bob) == {**dict.fromkeys(packs), PLAN: "subscription-already-runs"}
    world.service.post("/usage", {"account_id": ADA, "run_id": "run_1", "credits": 1000})
    world.record_events(event_of(refund(1000), names=(ADAS,)))
    assert orderable(world.ada) == dict.fromkeys([*packs, PLAN], "account-in-debt")
    world.record_events(event_of(dispute(), names=(BOBS,)))
    assert orderable(world.bob) == dict.fromkeys([*packs, PLAN], "account-suspended")
    for who in (world.ada, world.bob):
        refused = who.post("/orders", {**ORDER, "product_id": PLAN}, key=new_key()).json
        assert refused["type"].endswith(orderable(who)[PLAN] or "-")
        assert refused["detail"] in {product["words"] for product in who.get("/account").json["products"]}


def test_the_account_shows_where_its_mails_go(world: World) -> None:
    """The address of the token and the language of the page, since the latest order. Nobody else's is shown."""
    assert world.ada.get("/account").json["contact"] is None
    ada = replace(world.ada, claims={**world.ada.claims, "email": "ada@example.com"})
    assert ada.post("/orders", ORDER, key="k1", headers={"accept-language": "fr, en;q=0.5"}).status == 201
    contact = {"email": "ada@example.com", "language": "fr", "failing_since": None}
    assert world.ada.get("/account").json["contact"] == contact
    assert ada.post("/orders", {**ORDER, "language": "de"}, key="k2").status == 201
    assert world.ada.get("/account").json["contact"] == {**contact, "language": "de"}
    assert world.bob.get("/account").json["contact"] is None
    of_support = [world.sam.get(f"/support/accounts/{account_id}").json for account_id in (ADA, BOB)]
    shown = [(one["email"], one["language"], one["email_failing_since"]) for one in of_support]
    assert shown == [("ada@example.com", "de", None), (None, None, None)]


def test_a_consent_is_confirmed_in_the_language_of_the_page_that_asked_for_it(world: World) -> None:
    """Of the page if it names one, else of the browser."""
    ada = replace(world.ada, claims={**world.ada.claims, "email": "ada@example.com"})
    for key, named, language in (("k1", {"language": "de"}, "de"), ("k2", {}, "fr")):
        order_id = ada.post("/orders", {**ORDER, "consent": None}, key=key).json["order_id"]
        given = ada.post(f"/orders/{order_id}/consent", {**CONSENT, **named}, headers={"accept-language": "fr, en"})
        assert given.status == 200
        assert ada.get("/account").json["contact"]["language"] == language


def test_too_many_orders_are_answered_429_and_say_when_the_next_one_may_come(world: World) -> None:
    """A withdrawal is received all the same, and so is another account's order."""
    limit = world.services.policy.request_limits[LimitedRequest.ORDERS]
    for _ in range(limit.most):
        assert world.ada.post("/orders", ORDER, key=new_key()).status == 201
    before = world.table()
    refused = world.ada.post("/orders", ORDER, key=new_key())
    assert (refused.status, refused.json["type"]) == (429, "urn:imagetagger:problem:too-many-requests")
    assert 0 < int(refused.headers["retry-after"]) <= limit.within.total_seconds()
    assert world.table() == before
    assert world.ada.post("/withdrawals", {"purchase_id": ADAS}, key=new_key()).status == 201
    assert world.bob.post("/orders", ORDER, key=new_key()).status == 201


def test_too_many_sessions_of_the_billing_page_are_answered_429(world: World) -> None:
    """A customer without such a page is answered 404, and nothing is counted."""
    limit = world.services.request_limits[LimitedRequest.BILLING_PORTAL_SESSIONS]
    before = world.table()
    assert world.ada.post("/billing-portal-sessions").status == 404
    assert world.table() == before
    statuses = [world.bob.post("/billing-portal-sessions").status for _ in range(limit.most + 1)]
    assert statuses == [*[201] * limit.most, 429]


def test_a_customer_and_support_read_the_credit_notes_of_an_account(world: World) -> None:
    """Each customer the own ones. Nobody else does."""
    world.record_events(event_of(refund(500), names=(PaymentId(ADAS),)))
    issue_credit_notes(PaymentId(ADAS), world.services.seller, world.services.store, now=world.services.now())
    (note,) = world.ada.get("/credit-notes").json["credit_notes"]
    assert (note["kind"], note["amount"]) == ("credit", {"amount_minor": 500, "currency": "USD"})
    assert (note["purchase_id"], note["refund_id"], note["corrects"]) == (ADAS, "stripe:re_1", None)
    assert note["number"].endswith("-000001")
    assert world.bob.get("/credit-notes").json == {"credit_notes": []}
    assert world.sam.get(f"/support/accounts/{ADA}/credit-notes").json == {"credit_notes": [note]}
    assert world.ada.get(f"/support/accounts/{ADA}/credit-notes").status == 403


@pytest.mark.parametrize("asked_to_begin", [True, False])
@pytest.mark.parametrize("acknowledged_loss", [True, False])
def test_a_consent_is_there_once_both_of_its_sentences_are(
    world: World, *, asked_to_begin: bool, acknowledged_loss: bool
) -> None:
    """With one of them alone the credits stay locked, and the order says so."""
    consent = {**CONSENT, "asked_to_begin": asked_to_begin, "acknowledged_loss": acknowledged_loss}
    placed = world.ada.post("/orders", {**ORDER, "consent": consent}, key=new_key())
    assert placed.status == 201, placed.json
    shown = world.ada.get(f"/orders/{placed.json['order_id']}").json
    assert shown["has_consent"] is (asked_to_begin and acknowledged_loss)


def test_a_product_is_offered_through_the_providers_that_have_a_price_for_it(world: World) -> None:
    """A provider that is named without a price sells nothing."""
    product = world.services.catalogue.sold(world.services.now())["pack_1000"]
    for providers in ([], ["stripe"], ["paddle"], ["paddle", "stripe"]):
        prices = {name: ids if name in providers else () for name, ids in product.price_ids.items()}
        assert ProductResponse.of(replace(product, price_ids=prices)).providers == providers
