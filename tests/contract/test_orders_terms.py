"""A payment grants what its order says, to whom its order says: whatever the catalogue, or a browser, says by then."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.domain import catalogue
from ledger.domain.catalogue import Catalogue
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.orders import Checkout, Consent, Order, RenewalConsent, ShownInformation
from ledger.domain.receipts import ParkReason, RecordOutcome
from ledger.domain.refund_cases import DecisionOutcome, RefundReason
from ledger.ports.commit import Commit
from ledger.ports.documents import OrderPointer, checkout_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.providers.registry import PROVIDERS
from ledger.providers.translation import carried
from ledger.usecases.limits import Limits
from ledger.usecases.place_order import OrderRequest, _store_checkout, place_order
from ledger.usecases.record_event import RecordResult, record_event
from ledger.usecases.refund_cases.preview import preview
from ledger.usecases.shown_terms import PlanNeeds
from tools.stories import read_notification
from tools.testing.builders import POLICY
from tools.testing.fakes import FakeProvider, FakeStore, world
from tools.testing.unguarded import NO_NEEDS, confirm_consent
from tools.verify import check

ADA, VICTIM = AccountId("acct_ada"), AccountId("acct_victim")
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
DOCUMENT: dict[str, Any] = json.loads(catalogue.DEFAULT_FILE.read_text("utf-8"))
SOLD = catalogue.load()
FILES = {
    ("stripe", "pack_1000"): "stripe/partial_refunds_01_checkout_session_completed.json",
    ("stripe", "creator_monthly"): "stripe/subscription_three_months_03_invoice_paid.json",
    ("paddle", "pack_1000"): "paddle/refund_approved_01_transaction_completed.json",
    ("paddle", "creator_monthly"): "paddle/subscription_three_months_01_transaction_completed.json",
}
WAYS = sorted(FILES)
CREATED = "paddle/subscription_three_months_02_subscription_created.json"


def rewritten(product_id: str, **terms: Any) -> Catalogue:
    """The catalogue after a deployment that rewrote the terms of a product."""
    document = copy.deepcopy(DOCUMENT)
    next(row for row in document["products"] if row["product_id"] == product_id).update(terms)
    return catalogue.parse(document)


def without(product_id: str) -> Catalogue:
    """The catalogue after a deployment that sells a product no more."""
    document = copy.deepcopy(DOCUMENT)
    document["products"] = [row for row in document["products"] if row["product_id"] != product_id]
    return catalogue.parse(document)


LATER_CATALOGUES: dict[str, Callable[[str], Catalogue]] = {
    "the same": lambda _: SOLD,
    "dearer": lambda product_id: rewritten(product_id, prices={"USD": 99900}),
    "cheaper": lambda product_id: rewritten(product_id, prices={"USD": 100}),
    "fewer credits": lambda product_id: rewritten(product_id, credits=800),
    "sold in euros alone": lambda product_id: rewritten(product_id, prices={"EUR": 1800}),
    "another price id": lambda product_id: rewritten(product_id, price_ids={"stripe": ["p_1"], "paddle": ["p_2"]}),
    "sold no more": without,
}


@dataclass
class Shop:
    """A buyer, the provider's checkouts and our ledger."""

    store: Store
    provider: str
    product_id: str
    gateways: FakeProvider = field(default_factory=FakeProvider)
    gateway_of: Callable[[str], FakeProvider] | None = None  # None: all providers are `gateways`
    lock_days: int | None = None
    needs: PlanNeeds = NO_NEEDS
    limits: Limits = field(default_factory=dict)

    def order(
        self,
        key: str = "key_1",
        account_id: AccountId = ADA,
        consent: Consent | None = None,
        now: datetime = NOW - timedelta(hours=1),
        email: str | None = None,
        shown: ShownInformation | None = None,
        renewal_consent: RenewalConsent | None = None,
        **changes: Any,
    ) -> Order:
        """Place an order, with its checkout. `changes` are of the request."""
        request = OrderRequest(
            account_id=account_id,
            provider=self.provider,
            product_id=self.product_id,
            currency="USD",
            country="DE",
            is_business=False,
            policy_version="1",
            consent=consent,
            shown=shown,
            renewal_consent=renewal_consent,
            key=key,
            fingerprint=f"fingerprint of {key}",
            email=email,
        )
        return place_order(
            replace(request, **changes),
            self.store,
            SOLD,
            self.gateway_of or (lambda _: self.gateways),
            policy_version="1",
            success_url="",
            cancel_url="",
            now=now,
            lock_days=self.lock_days,
            needs=self.needs,
            limits=self.limits,
        )

    def paid(self, order: Order, ours: object = None, **changes: Any) -> dict[str, Any]:
        """Return the notification of the order's payment. `ours`: what the checkout carries, if not what we wrote."""
        content: dict[str, Any] = json.loads(read_notification(FILES[self.provider, self.product_id], "").body)
        assert order.checkout
        carries: Any = dict(carried(order)) if ours is None else ours
        if self.provider == "paddle":
            content["data"] |= {"id": order.checkout.checkout_id, "custom_data": carries}
            source = content["data"]
        else:
            source = content["data"]["object"]
            is_pack = self.product_id == "pack_1000"
            place = source if is_pack else source["parent"]["subscription_details"]
            place["metadata"] = carries
            address = source["customer_details"]["address"] if is_pack else source["customer_address"]
            address["country"] = order.country  # the buyer pays from where the order says
        source |= changes
        return content

    def hear(self, content: dict[str, Any], under: Catalogue = SOLD) -> RecordResult:
        """Record a notification, translated by this catalogue."""
        provider = PROVIDERS[self.provider]
        event = provider.translate(provider.parse(json.dumps(content).encode()), under, is_live=False)
        assert event is not None
        return record_event(event, self.store, body=b"{}", body_sha256="0" * 64, now=event.at)

    def balance(self, account_id: AccountId = ADA) -> int:
        account = self.store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
        return account.balance if account else 0


def again(content: dict[str, Any], name: str) -> dict[str, Any]:
    """The same notification under another event id."""
    return content | {("event_id" if "event_id" in content else "id"): name}


@pytest.mark.parametrize("later", LATER_CATALOGUES)
@pytest.mark.parametrize("carries", ["terms", "ids alone", "other terms"])
@pytest.mark.parametrize(("provider", "product_id"), WAYS)
def test_a_payment_grants_what_its_order_says(provider: str, product_id: str, carries: str, later: str) -> None:
    """1,000 credits that expire as agreed, for the price that was agreed: nothing is underpaid, nothing overpaid."""
    shop = Shop(FakeStore(), provider, product_id)
    order = shop.order()
    ours: dict[str, str] = dict(carried(order))
    if carries == "ids alone":
        ours = {name: text for name, text in ours.items() if not name.startswith("terms")}
    if carries == "other terms":
        assert order.terms
        ours = dict(carried(replace(order, terms=replace(order.terms, credits=9000), price_minor=1)))
    content = shop.paid(order, ours)
    result = shop.hear(content, LATER_CATALOGUES[later](product_id))
    assert result.outcome is RecordOutcome.BOOKED, result
    account = shop.store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]
    (lot,) = account.lots.values()
    assert (lot.granted, account.flags) == (1000, {})
    assert (lot.expires_at is None) == (product_id == "pack_1000")
    for number, (name, of) in enumerate(LATER_CATALOGUES.items()):
        assert (
            shop.hear(again(content, f"evt_again{number}"), of(product_id)).outcome is RecordOutcome.ALREADY_BOOKED
        ), name
    assert shop.store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA].lots == account.lots
    assert not [finding for finding in check(world(shop.store)) if finding.broken]  # type: ignore[arg-type]


@pytest.mark.parametrize(("provider", "product_id"), WAYS)
def test_an_orders_payment_is_granted_in_one_round_trip(provider: str, product_id: str) -> None:
    """The checkout carries the terms, and a condition of the write proves that they are the order's."""
    store = FakeStore()
    shop = Shop(store, provider, product_id)
    content, before = shop.paid(shop.order()), store.round_trips
    assert shop.hear(content, without(product_id)).outcome is RecordOutcome.BOOKED
    assert store.round_trips - before == 1


@pytest.mark.parametrize(("provider", "product_id"), WAYS)
def test_orders_grant_under_their_conditions(any_store: Store, provider: str, product_id: str) -> None:
    """On every engine: the checkout carries the terms of the order, none, or terms that are not the order's."""
    shop = Shop(any_store, provider, product_id)
    first, second, third = (shop.order(f"key_{number}") for number in range(3))
    assert third.terms
    cheap = dict(carried(replace(third, terms=replace(third.terms, credits=9000), price_minor=1)))
    ids = {"account_id": "acct_ada", "order_id": second.order_id}
    for number, (order, ours) in enumerate(((first, None), (second, ids), (third, cheap))):
        content = again(shop.paid(order, ours), f"evt_{number}")
        source = content["data"].get("object") or content["data"]
        for name, own_id in (("id", "other"), ("payment_intent", "pi_other"), ("subscription_id", "sub_other")):
            if name in source and not (name == "id" and provider == "paddle"):
                source[name] = f"{own_id}_{number}"
        if provider == "stripe" and product_id == "creator_monthly":
            source["parent"]["subscription_details"]["subscription"] = f"sub_other_{number}"
        assert shop.hear(content, without(product_id)).outcome is RecordOutcome.BOOKED
        assert shop.balance() == 1000 * (number + 1)


def test_terms_stay_the_same_when_the_consent_is_confirmed(any_store: Store) -> None:
    """The digest is of what was agreed. The message that confirms it comes later."""
    shop = Shop(any_store, "paddle", "pack_1000")
    consent = Consent(given_at=NOW, text_version="1", asked_to_begin=True, acknowledged_loss=True)
    order = shop.order(consent=consent)
    confirmed = confirm_consent(order.order_id, "msg_1", any_store, NOW)
    assert confirmed.consent != consent
    assert confirmed.terms_hash == order.terms_hash
    otherwise = replace(order, consent=replace(consent, acknowledged_loss=False), agreement=None)
    assert otherwise.terms_hash != order.terms_hash
    assert shop.hear(shop.paid(order)).outcome is RecordOutcome.BOOKED


# ── Whose ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("product_id", ["pack_1000", "creator_monthly"])
@pytest.mark.parametrize("wrote", [{"account_id": VICTIM}, {}, "nonsense", {"order_id": "ord_none"}], ids=str)
def test_a_checkout_of_ours_is_its_buyers(any_store: Store, product_id: str, wrote: object) -> None:
    """Whatever a browser wrote into it: its order is the one whose checkout was paid."""
    shop = Shop(any_store, "paddle", product_id)
    content = shop.paid(shop.order(), wrote)
    assert shop.hear(content).outcome is RecordOutcome.BOOKED
    assert (shop.balance(), shop.balance(VICTIM)) == (1000, 0)
    assert shop.hear(again(content, "evt_again")).outcome is RecordOutcome.ALREADY_BOOKED


@pytest.mark.parametrize("product_id", ["pack_1000", "creator_monthly"])
def test_anothers_order_is_not_paid_by_naming_it(any_store: Store, product_id: str) -> None:
    """A browser that writes into another checkout all that the victim's carries pays for nothing of the victim's."""
    shop = Shop(any_store, "paddle", product_id)
    ordered = shop.order(account_id=VICTIM)
    content = shop.paid(ordered)
    for origin in ("web", "api"):
        content["data"] |= {"id": f"txn_of_{origin}", "origin": origin}
        assert shop.hear(again(content, f"evt_{origin}")).parked_reason is ParkReason.NO_ACCOUNT
    assert shop.balance(VICTIM) == 0
    assert shop.hear(shop.paid(ordered)).outcome is RecordOutcome.BOOKED
    assert shop.balance(VICTIM) == 1000


def test_a_payment_that_is_heard_before_its_checkout_was_stored_waits(any_store: Store) -> None:
    """The provider is called between two writes. Nothing is lost: it is booked when it is tried again."""
    shop = Shop(any_store, "paddle", "pack_1000")
    order = replace(shop.order(), order_id=OrderId("ord_early"), checkout=None, version=0)
    any_store.commit(Commit(order=order))
    checkout = Checkout(checkout_id="txn_early", url="")
    early = shop.paid(replace(order, checkout=checkout))
    assert shop.hear(early).parked_reason is ParkReason.NO_ACCOUNT
    _store_checkout(replace(order, version=1), checkout, any_store)
    assert shop.hear(early).outcome is RecordOutcome.BOOKED
    assert shop.balance() == 1000


def later(content: dict[str, Any], origin: str, **changes: Any) -> dict[str, Any]:
    """What is charged later on the subscription of a first payment."""
    made = copy.deepcopy(content)
    made["data"] |= {"id": f"txn_{origin}", "origin": origin, **changes}
    return again(made, f"evt_{origin}")


def a_pack(content: dict[str, Any]) -> dict[str, Any]:
    """The same, for a pack of 500."""
    price = "pri_01jpack500000000000000000a"
    for line in content["data"]["details"]["line_items"]:
        line["price_id"] = price
    content["data"]["items"][0]["price"]["id"] = price
    return content


def test_a_pack_that_is_charged_to_an_ordered_subscription_is_granted(any_store: Store) -> None:
    """It carries the order's id in its copied custom_data, and is for something else: with or without a read."""
    shop = Shop(any_store, "paddle", "creator_monthly")
    first = shop.paid(shop.order())
    shop.hear(first)
    charge = a_pack(later(first, "subscription_charge", billing_period=None))
    assert shop.hear(charge).outcome is RecordOutcome.BOOKED
    assert shop.balance() == 1500
    subscription = json.loads(
        read_notification("paddle/subscription_three_months_02_subscription_created.json", "").body
    )
    subscription["data"] |= {"transaction_id": first["data"]["id"], "custom_data": {"account_id": VICTIM}}
    assert shop.hear(subscription).outcome is RecordOutcome.BOOKED
    again_charged = a_pack(later(first, "subscription_charge", id="txn_second", billing_period=None))
    assert shop.hear(again(again_charged, "evt_second")).outcome is RecordOutcome.BOOKED
    assert (shop.balance(), shop.balance(VICTIM)) == (2000, 0)


def charged_at_paddle(shop: Shop, first: dict[str, Any], order: Order) -> dict[str, Any]:  # noqa: ARG001
    """A pack that is charged on a subscription, once."""
    return a_pack(later(first, "subscription_charge", billing_period=None))


def invoiced_at_stripe(shop: Shop, first: dict[str, Any], order: Order) -> dict[str, Any]:  # noqa: ARG001
    """A pack that was added to a subscription, and is invoiced when the subscription changes."""
    invoice = shop.paid(order, id="in_item", billing_reason="subscription_update", number="X-2")
    line = invoice["data"]["object"]["lines"]["data"][0]
    line["pricing"]["price_details"]["price"] = "price_pack500"
    line["parent"] = {"type": "invoice_item_details", "invoice_item_details": {"proration": False}}
    line["period"]["end"] = line["period"]["start"]
    return again(invoice, "evt_item")


@pytest.mark.parametrize(("provider", "charged"), [("paddle", charged_at_paddle), ("stripe", invoiced_at_stripe)])
def test_what_is_charged_on_a_subscription_is_a_sale_of_its_own(
    provider: str, charged: Callable[[Shop, dict[str, Any], Order], dict[str, Any]], any_store: Store
) -> None:
    """It carries the subscription's order, and has neither its price nor its consent. Its refund ends nothing."""
    shop = Shop(any_store, provider, "creator_monthly")
    consent = Consent(given_at=NOW, text_version="1", asked_to_begin=True, acknowledged_loss=True)
    order = shop.order(consent=consent)
    first = shop.paid(order)
    content = charged(shop, first, order)
    assert [shop.hear(one).outcome for one in (first, content)] == [RecordOutcome.BOOKED] * 2
    page = any_store.purchases_of(ADA, 10).items
    (pack,) = [one for one in page if one.payment and one.payment.lines[0].product_id == "pack_500"]
    assert pack.payment
    assert (pack.payment.order_id, pack.payment.subscription_id, pack.payment.is_renewal) == (None, None, False)
    for reason, clause in ((RefundReason.WITHDRAWAL, "2"), (RefundReason.WRONG_AMOUNT, "4")):
        decision = preview(ADA, pack.payment_id, reason, any_store, POLICY, now=pack.payment.at)
        assert (decision.outcome, decision.clause, decision.ends_subscription) == (
            DecisionOutcome.REVIEW,
            clause,
            False,
        )


def test_a_renewal_of_another_plan_is_not_compared_with_the_price_of_the_order(any_store: Store) -> None:
    """Its order offered the plan that began the subscription. A renewal of that plan is compared."""
    shop = Shop(any_store, "stripe", "creator_monthly")
    order = shop.order(consent=Consent(given_at=NOW, text_version="1"))
    shop.hear(shop.paid(order))
    outcomes = []
    for number, price in enumerate(("price_creatormonthly", "price_pack1000")):
        renewal = shop.paid(order, id=f"in_{number}", billing_reason="subscription_cycle", number=f"X-{number}")
        line = renewal["data"]["object"]["lines"]["data"][0]
        own = line["pricing"]["price_details"]
        extra = {**copy.deepcopy(line), "id": "il_extra"}
        length = line["period"]["end"] - line["period"]["start"]
        line["period"] = {name: at + length * (number + 1) for name, at in line["period"].items()}
        if price != "price_creatormonthly":
            extra["pricing"]["price_details"] = {**own, "price": price}
            renewal["data"]["object"]["lines"]["data"].append(extra)
        assert shop.hear(again(renewal, f"evt_{number}")).outcome is RecordOutcome.BOOKED
        payment_id = PaymentId(f"stripe:in_{number}")
        decision = preview(ADA, payment_id, RefundReason.WRONG_AMOUNT, any_store, POLICY, now=NOW)
        withdrawal = preview(ADA, payment_id, RefundReason.WITHDRAWAL, any_store, POLICY, now=NOW + timedelta(days=90))
        outcomes.append((decision.outcome, withdrawal.outcome))
    assert outcomes == [
        (DecisionOutcome.DECLINE, DecisionOutcome.DECLINE),
        (DecisionOutcome.REVIEW, DecisionOutcome.REVIEW),  # the pack beside it may be a contract of its own
    ]


def test_a_renewal_is_the_subscribers_whatever_it_carries(any_store: Store) -> None:
    """Its subscription was created by a checkout of ours: custom_data that says otherwise changes nothing."""
    shop = Shop(any_store, "paddle", "creator_monthly")
    first = shop.paid(shop.order(), {"account_id": VICTIM})
    shop.hear(first)
    subscription = json.loads(
        read_notification("paddle/subscription_three_months_02_subscription_created.json", "").body
    )
    subscription["data"] |= {"transaction_id": first["data"]["id"], "custom_data": {"account_id": VICTIM}}
    shop.hear(subscription)
    period = {"starts_at": "2026-10-01T12:00:00Z", "ends_at": "2026-11-01T12:00:00Z"}
    renewal = later(first, "subscription_recurring", billing_period=period)
    assert shop.hear(renewal).outcome is RecordOutcome.BOOKED
    assert (shop.balance(), shop.balance(VICTIM)) == (2000, 0)


def test_a_subscription_of_nobodys_is_not_the_one_that_it_names(any_store: Store) -> None:
    """A subscription that began in somebody's browser is parked, and so is all that is charged to it."""
    shop = Shop(any_store, "paddle", "creator_monthly")
    victims = shop.order(account_id=VICTIM)
    shop.hear(shop.paid(victims))
    foreign = shop.paid(victims)
    foreign["data"] |= {"id": "txn_foreign", "origin": "web", "subscription_id": "sub_foreign"}
    subscription = json.loads(
        read_notification("paddle/subscription_three_months_02_subscription_created.json", "").body
    )
    subscription["data"] |= {
        "id": "sub_foreign",
        "transaction_id": "txn_foreign",
        "custom_data": foreign["data"]["custom_data"],
    }
    renewal = later(foreign, "subscription_recurring")
    charge = a_pack(later(foreign, "subscription_charge", billing_period=None))
    for content in (again(foreign, "evt_foreign"), subscription, renewal, charge):
        assert shop.hear(content).parked_reason is ParkReason.NO_ACCOUNT
    assert shop.balance(VICTIM) == 1000


def test_a_stripe_renewal_for_another_product_is_not_held_to_its_order(any_store: Store) -> None:
    """The subscription's metadata carries the order's id for ever; only the first invoice pays for the order."""
    shop = Shop(any_store, "stripe", "creator_monthly")
    order = shop.order()
    shop.hear(shop.paid(order))
    renewal = shop.paid(order, id="in_other", billing_reason="subscription_cycle", number="X-2")
    line = renewal["data"]["object"]["lines"]["data"][0]
    line["pricing"]["price_details"]["price"] = "price_pack1000"
    line["period"] = {"start": line["period"]["end"], "end": line["period"]["end"]}
    del renewal["data"]["object"]["parent"]["subscription_details"]["metadata"]["account_id"]
    assert shop.hear(again(renewal, "evt_other")).outcome is RecordOutcome.BOOKED
    assert shop.balance() == 2000


def test_two_checkouts_of_one_order_both_lead_to_it(any_store: Store) -> None:
    """The same request was carried out twice at once: who pays both pays twice for one thing."""
    shop = Shop(any_store, "paddle", "pack_1000")
    order = shop.order()
    twin = replace(order, checkout=None, version=1)
    kept = _store_checkout(twin, Checkout(checkout_id="txn_twin", url=""), any_store)
    assert kept.checkout == order.checkout
    shop.hear(shop.paid(order))
    second = shop.paid(replace(order, checkout=Checkout(checkout_id="txn_twin", url="")))
    assert shop.hear(again(second, "evt_twin")).outcome is RecordOutcome.BOOKED
    account = any_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]
    assert (account.balance, list(account.flags)) == (1000, ["duplicate_charge:paddle:txn_twin"])


def test_a_release_that_knows_only_a_part_of_an_order_leaves_its_digest(any_store: Store) -> None:
    """It rewrites the order without what it does not know, as the digest is concerned: the payment is granted."""
    shop = Shop(any_store, "paddle", "pack_1000")
    order = shop.order(consent=Consent(given_at=NOW, text_version="1", asked_to_begin=True, acknowledged_loss=True))
    name = f"order/{order.order_id}"
    for version, known in ((2, replace(order, consent=None)), (3, order)):
        assert any_store.commit(Commit(order=replace(known, version=version))) is None
        stored = any_store.read(Keys(fulfilment_keys=frozenset({name}))).fulfilment_keys[name]
        assert stored.terms_hash == order.terms_hash
    assert shop.hear(shop.paid(order)).outcome is RecordOutcome.BOOKED


def test_an_order_is_stored_with_the_digest_of_its_terms(any_store: Store) -> None:
    """Also when it is stored anew; and its checkout leads back to it."""
    shop = Shop(any_store, "paddle", "pack_1000")
    order = shop.order()

    def stored_hash() -> str | None:
        name = f"order/{order.order_id}"
        return any_store.read(Keys(fulfilment_keys=frozenset({name}))).fulfilment_keys[name].terms_hash

    assert stored_hash() == order.terms_hash
    assert order.checkout
    pointer = checkout_key("paddle", order.checkout.checkout_id)
    found = any_store.read(Keys(documents=frozenset({pointer}))).document(pointer, OrderPointer)
    assert found
    assert found.order_id == order.order_id
    changed = replace(order, price_minor=1, version=2)
    assert changed.terms_hash != order.terms_hash
    assert any_store.commit(Commit(order=changed)) is None
    assert stored_hash() == changed.terms_hash
