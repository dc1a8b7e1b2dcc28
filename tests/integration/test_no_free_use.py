"""Nobody uses credits for free: who leaves out the consent can use nothing, and who gives it pays for what is used."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ledger.domain.facts import DisputeReason
from ledger.domain.ids import OrderId, PaymentId
from ledger.domain.mails import MailKind
from ledger.domain.orders import Order
from ledger.policy import law
from ledger.ports.commit import Commit
from ledger.ports.reads import Keys
from ledger.usecases.contacts import Address, contact_change
from ledger.usecases.send_mails import MailResult, send_mail
from tests.integration.conftest import World
from tests.integration.test_api import CONSENT, ORDER, new_key
from tests.unit.usecases.test_sending_mails import Postbox
from tools.testing.builders import dispute, event_of, paid, payment
from tools.testing.frontend import ApiResponse, Frontend

EVE = "acct_eve"
PACK = {**ORDER, "product_id": "pack_2500"}
BARE = {name: content for name, content in PACK.items() if name != "consent"}


def ordered(world: World, body: dict[str, Any]) -> Order:
    """Eve's order, as it is stored."""
    order_id = Frontend(EVE).post("/orders", body, key=new_key()).json["order_id"]
    order = world.services.store.read(Keys(fulfilment_keys=frozenset({f"order/{order_id}"}))).order(OrderId(order_id))
    assert order
    return order


def pays(world: World, order: Order, name: str) -> str:
    """Eve pays 41.00 EUR for 2,500 credits, as the checkout carries the terms of the order."""
    settled = payment(PaymentId(f"stripe:pi_{name}"), credits_=2500, paid_minor=4100, account_id=order.account_id)
    at = datetime.now(UTC) - timedelta(minutes=1)
    assert order.terms
    assert order.terms.lock_days == (20 if order.shown else 386)
    locked_until = at + timedelta(days=order.terms.lock_days)
    key = f"order/{order.order_id}"
    lines = (replace(settled.lines[0], product_id=order.product_id),)
    settled = replace(settled, currency="EUR", at=at, fulfilment_key=key, order_id=order.order_id, lines=lines)
    event = paid(replace(settled, locked_until=locked_until), customer="cus_eve")
    world.record_events(replace(event, terms_hash=order.terms_hash))
    return settled.payment_id


def draws(world: World, run_id: str, credits_: int = 2500) -> ApiResponse:
    """A run of Eve's."""
    return world.service.post("/usage", {"account_id": EVE, "run_id": run_id, "credits": credits_})


def changes_her_mind(purchase_id: str) -> dict[str, Any]:
    """Eve wants her money back."""
    claim = {"purchase_id": purchase_id, "reason": "changed_my_mind"}
    answered: dict[str, Any] = Frontend(EVE).post("/refund-requests", claim, key=new_key()).json
    return answered


def confirms(world: World, order: Order) -> ApiResponse:
    """The mail with the confirmation was accepted for delivery."""
    path = f"/orders/{order.order_id}/consent-confirmation"
    return world.service.post(path, {"confirmation_id": f"mail_{order.order_id}"})


def test_without_consent_nothing_can_be_used_and_everything_is_paid_back(world: World) -> None:
    """The loop: order without consent, use all, change one's mind, and so on. Its second step is refused each time."""
    for number in range(3):
        purchase_id = pays(world, ordered(world, BARE), f"loop_{number}")
        shown = Frontend(EVE).get("/account").json
        assert (shown["spendable"], shown["locked"]) == (0, 2500)
        refused = draws(world, f"run_{number}")
        assert (refused.status, refused.json["type"]) == (402, "urn:imagetagger:problem:credits-locked")
        assert (refused.json["missing"], refused.json["locked"]) == (2500, 2500)
        case = changes_her_mind(purchase_id)
        assert (case["state"], case["decision"]["money"]["amount_minor"]) == ("approved", 4100)
        assert Frontend(EVE).get("/account").json["spendable"] == 0
        assert draws(world, f"run_again_{number}").status == 402


def test_each_order_shows_until_when_its_own_credits_are_locked(world: World) -> None:
    """Not until when those of another one are."""
    orders = []
    for name in ("first", "second"):
        orders.append(ordered(world, BARE))
        pays(world, orders[-1], name)
    shown = [Frontend(EVE).get(f"/orders/{order.order_id}").json["locked_until"] for order in orders]
    locks = {lock["order_id"]: lock["until"] for lock in Frontend(EVE).get("/account").json["locks"]}
    assert shown == [locks[order.order_id] for order in orders]
    assert shown[0] != shown[1]


def test_with_consent_what_is_used_is_paid_for(world: World) -> None:
    """Given with the order, or later; it counts from the confirmation on."""
    for body in (PACK, BARE):
        order = ordered(world, body)
        purchase_id = pays(world, order, f"consent_{len(body)}")
        page = Frontend(EVE).get(f"/orders/{order.order_id}").json
        assert page["missing_consent"] == ("confirmation" if body is PACK else "consent")
        assert page["locked_until"]
        (lock,) = Frontend(EVE).get("/account").json["locks"]
        assert (lock["order_id"], lock["credits"], lock["missing"]) == (order.order_id, 2500, page["missing_consent"])
        if body is BARE:
            assert confirms(world, order).status == 409
            path = f"/orders/{order.order_id}/consent"
            assert Frontend(EVE).post(path, {**CONSENT, "acknowledged_loss": False}).status == 409
            given = Frontend(EVE).post(path, {**CONSENT, "language": "de"})
            assert (given.status, given.json["missing_consent"]) == (200, "confirmation")
        assert draws(world, f"early_{len(body)}").status == 402
        assert world.service.get(f"/usage/accounts/{EVE}").json["locks"][0]["missing"] == "confirmation"
        assert confirms(world, order).json["is_complete"] is True
        page = Frontend(EVE).get(f"/orders/{order.order_id}").json
        assert (page["missing_consent"], page["locked_until"]) == (None, None)
        assert draws(world, f"run_{len(body)}").status == 200
        case = changes_her_mind(purchase_id)
        assert case["state"] == "declined", "all of it was used, and is paid for"


def test_an_order_shows_the_lock_of_its_own_credits(world: World) -> None:
    """Not that of another order of the account, which may last for a year longer."""
    informed = {**BARE, "information": {"text_version": "withdrawal-7"}}
    orders = [ordered(world, body) for body in (informed, BARE)]
    for number, order in enumerate(orders):
        pays(world, order, f"own_{number}")
    locks = {lock["order_id"]: lock["until"] for lock in Frontend(EVE).get("/account").json["locks"]}
    assert len(set(locks.values())) == 2
    for order in orders:
        page = Frontend(EVE).get(f"/orders/{order.order_id}").json
        assert (page["missing_consent"], page["locked_until"]) == ("consent", locks[order.order_id])


def test_what_a_buyer_was_shown_is_recorded(world: World) -> None:
    """Apart from the consent: the versions, the language, the digest of the published policy, and when."""
    order = ordered(world, {**BARE, "information": {"text_version": "withdrawal-7"}, "language": "de"})
    assert order.consent is None
    assert order.shown
    assert (order.shown.policy_version, order.shown.text_version, order.shown.language) == (
        *("2026-11-01", "withdrawal-7", "de"),
    )
    assert order.shown.digest == world.services.policy.digest_of_text
    assert order.shown.at == order.informed_at == order.made_at
    assert ordered(world, BARE).informed_at is None


def test_the_first_charge_after_a_trial_is_recorded_as_it_was_shown(world: World) -> None:
    """Amount and day; half of it is refused, and without it nothing is recorded."""
    plan = {**BARE, "product_id": "creator_monthly"}
    charge = {"amount_minor": 1200, "charged_on": "2026-12-01"}
    order = ordered(world, {**plan, "information": {"text_version": "1", "first_charge": charge}})
    assert order.shown
    assert order.shown.first_charge == (1200, date(2026, 12, 1))
    for name in charge:
        half = {key: content for key, content in charge.items() if key != name}
        body = {**plan, "information": {"text_version": "1", "first_charge": half}}
        refused = Frontend(EVE).post("/orders", body, key=new_key())
        assert [one["field"] for one in refused.json["errors"]] == [f"body.information.first_charge.{name}"]


PLAN = {**PACK, "product_id": "creator_monthly", "country": "US", "language": "de"}
FIRST_ON = date(2099, 1, 1)
RENEWAL = {"amount_minor": 1428, "every_months": 1, "first_on": str(FIRST_ON)}
SHOWN = {
    "text_version": "withdrawal-7",
    "button_label": "zahlungspflichtig bestellen",
    "total_minor": 1428,
    "renewal": RENEWAL,
}
RENEWS = {"text_version": "renewal-2", "words": "Ich stimme der monatlichen Verlängerung zu 14,28 EUR zu."}


def test_a_plan_is_sold_in_the_united_states_without_a_consent_to_its_renewals_until_the_shop_sets_a_day(
    world: World,
) -> None:
    """A page that does not ask yet sells. Who looks at the order sees that there is none."""
    order = ordered(world, PLAN)
    assert Frontend(EVE).get(f"/orders/{order.order_id}").json["renewal_consent"] is None


def test_a_plan_is_sold_in_the_united_states_only_with_a_consent_to_its_renewals(world: World) -> None:
    """From the day that the shop has set. The problem says what to send. No order is stored before, and the provider
    is not called.
    """
    here = world.services
    begun = law.RenewalConsentRule(since=date(2025, 7, 1), refused_since=here.now().date())
    here.policy = replace(here.policy, law=replace(here.policy.law, renewal_consents={"US": begun}))
    before = world.table()
    for body, field in (
        (PLAN, "body.renewal_consent"),
        ({**PLAN, "information": SHOWN}, "body.renewal_consent"),
        ({**PLAN, "renewal_consent": RENEWS}, "body.information.renewal"),
        ({**PLAN, "renewal_consent": {**RENEWS, "words": " "}, "information": SHOWN}, "body.renewal_consent.words"),
    ):
        refused = Frontend(EVE).post("/orders", body, key="one-key")
        assert (refused.status, refused.json["type"]) == (422, "urn:imagetagger:problem:invalid-request")
        assert [one["field"] for one in refused.json["errors"]] == [field]
    assert not world.provider.calls
    assert world.table() == before
    sold = Frontend(EVE).post("/orders", {**PLAN, "information": SHOWN, "renewal_consent": RENEWS}, key="one-key")
    assert sold.status == 201
    assert Frontend(EVE).post("/orders", {**PACK, "country": "US"}, key=new_key()).status == 201, "a pack renews never"


def test_what_was_shown_and_the_consent_to_renewals_are_seen_by_customer_support_and_bank(world: World) -> None:
    """On the order, the account's page and the evidence: the button, the price, the terms, the words."""
    order = ordered(world, {**PLAN, "information": SHOWN, "renewal_consent": RENEWS})
    assert order.renewal_consent
    shown = {
        "at": Frontend(EVE).get(f"/orders/{order.order_id}").json["made_at"],
        "text_version": "withdrawal-7",
        "language": "de",
        "button_label": "zahlungspflichtig bestellen",
        "total": {"amount_minor": 1428, "currency": "EUR"},
        "first_charge": None,
        "renewal": {
            "amount": {"amount_minor": 1428, "currency": "EUR"},
            "every_months": 1,
            "first_on": "2099-01-01",
        },
    }
    disputed = replace(dispute(), reason=DisputeReason.SUBSCRIPTION_CANCELED)
    world.record_events(event_of(disputed, names=(PaymentId(pays(world, order, "plan")),)))
    account = f"/support/accounts/{EVE}"
    (of_account,) = world.sam.get(account).json["orders"]
    (evidence,) = world.sam.get(f"{account}/disputes").json["purchases"]
    for seen in (Frontend(EVE).get(f"/orders/{order.order_id}").json, of_account, evidence["order"]):
        assert seen["shown"] == shown
        assert seen["renewal_consent"] == {**RENEWS, "given_at": shown["at"]}
    assert of_account["is_plan"]
    assert of_account == evidence["order"]
    (asked,) = [one for one in evidence["checklist"] if one["asked"] == "The customer's consent to the renewals"]
    assert (asked["is_there"], asked["words"][:6]) == (True, "Given ")


def test_an_order_of_before_says_that_nothing_of_it_is_recorded(world: World) -> None:
    """Neither the button nor the terms; a page that sent less is shown with less."""
    order = ordered(world, {**BARE, "product_id": "creator_monthly", "information": {"text_version": "1"}})
    page = Frontend(EVE).get(f"/orders/{order.order_id}").json
    assert page["renewal_consent"] is None
    assert {name for name, content in page["shown"].items() if content is None} == {
        *("button_label", "total", "first_charge", "renewal"),
    }
    assert Frontend(EVE).get(f"/orders/{ordered(world, BARE).order_id}").json["shown"] is None


def test_a_plan_is_not_sold_without_saying_what_was_shown(world: World) -> None:
    """Its credits would be locked for more than a year, and each period's would expire before. With either it is."""
    plan = {**BARE, "product_id": "creator_monthly"}
    refused = Frontend(EVE).post("/orders", plan, key=new_key())
    assert (refused.status, refused.json["type"]) == (422, "urn:imagetagger:problem:invalid-request")
    assert [one["field"] for one in refused.json["errors"]] == ["body.information"]
    assert not world.provider.calls
    informed = {**plan, "information": {"text_version": "2026-11-01"}}
    assert Frontend(EVE).post("/orders", informed, key=new_key()).status == 201


def test_an_order_that_was_answered_gets_that_answer_again_whatever_a_plan_needs_since(world: World) -> None:
    """The law of the day on which credits are locked may begin between the request and its repetition."""
    plan, key = {**BARE, "product_id": "creator_monthly"}, new_key()
    here, locking = world.services, world.services.policy
    here.policy = replace(locking, law=replace(locking.law, credits_locked_from=date.max))
    first = Frontend(EVE).post("/orders", plan, key=key)
    here.policy = locking
    again = Frontend(EVE).post("/orders", plan, key=key)
    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json
    assert Frontend(EVE).post("/orders", plan, key=new_key()).status == 422


def test_support_mails_the_information_that_an_order_did_not_show(world: World) -> None:
    """Recorded with its person; 14 days run from the mail; who was shown it needs none."""
    order, shown = ordered(world, BARE), ordered(world, PACK)
    path = f"/support/accounts/{EVE}/orders/{order.order_id}/information"
    assert world.sam.post(path, {"why": "It was not shown."}).status == 409, "it is not paid"
    case = changes_her_mind(pays(world, order, "informed"))
    pays(world, shown, "shown")
    page = world.sam.get(f"/support/refund-cases/{case['case_id']}").json["facts"]
    assert (page["informed_at"], page["can_be_informed"]) == (None, True)
    asked, again = (world.sam.post(path, {"why": "It was not shown."}) for _ in range(2))
    assert (asked.status, asked.json["changed"], again.json["changed"]) == (200, True, False)
    assert (again.json["asked_at"], again.json["sent_at"]) == (asked.json["asked_at"], None)
    store, desk = world.services.store, world.services.mail_desk
    (mail,) = (one for one in store.mail_intents() if one.kind is MailKind.WITHDRAWAL_INFORMATION)
    store.commit(
        Commit(documents=contact_change(order.account_id, Address("eve@example.com", "en"), None, order.made_at))
    )
    postbox = Postbox()
    assert send_mail(mail.mail_id, desk, postbox, clock=world.services.now) is MailResult.SENT
    (message,) = postbox.messages
    assert "When you ordered, we did not give you the information" in message.text
    page = world.sam.get(f"/support/refund-cases/{case['case_id']}").json["facts"]
    assert (page["informed_at"], page["can_be_informed"]) == (world.sam.post(path, {"why": "x"}).json["sent_at"], False)
    acts = world.sam.get(f"/support/accounts/{EVE}/timeline", query={"kinds": "act"}).json["lines"]
    assert [one["words"] for one in acts] == [
        f"sam asked for the mail about withdrawal from {order.order_id} of {EVE}: It was not shown."
    ]
    other = f"/support/accounts/{EVE}/orders/{shown.order_id}/information"
    assert world.sam.post(other, {"why": "x"}).json["detail"].startswith("The buyer was shown the right of withdrawal")
    assert world.sam.post(path.replace(EVE, "acct_bob"), {"why": "x"}).status == 404
