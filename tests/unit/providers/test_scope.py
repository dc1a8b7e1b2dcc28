"""Whose event it is: another seller's is never booked; another application's alarms nobody once a person said so."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ledger.config import Config
from ledger.domain import catalogue
from ledger.domain.errors import ConfigurationError
from ledger.domain.receipts import ParkReason, RecordOutcome
from ledger.providers.registry import PROVIDERS
from ledger.providers.scope import EVERYTHING, MuteRule, Scope, parse_mute_rules
from ledger.usecases.record_event import RecordResult, record_event, release_parked
from tools.orders import place_orders_of
from tools.stories import read_notification
from tools.testing.builders import NOON
from tools.testing.fakes import FakeStore

SESSION = "stripe/pack_bought_01_checkout_session_completed.json"
SUBSCRIPTION = "stripe/subscription_three_months_02_customer_subscription_created.json"
REFUND = "stripe/partial_refunds_02_refund_created.json"
OURS = Scope({"stripe": "acct_ours"})
MUTED = Scope(rules=parse_mute_rules("stripe:metadata.app=newsletter, paddle:custom_data.app=newsletter", PROVIDERS))


def read(file: str, **envelope: Any) -> dict[str, Any]:
    """A notification of the library."""
    content: dict[str, Any] = json.loads(read_notification(file, "").body)
    return content | envelope


def theirs(file: str, metadata: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The same of another application."""
    content = read(file)
    content["data"]["object"] |= {"metadata": {"app": "newsletter"} if metadata is None else metadata}
    return content


def hear(store: FakeStore, content: dict[str, Any], scope: Scope = EVERYTHING) -> RecordResult:
    """Record a notification."""
    provider = PROVIDERS["stripe" if "id" in content else "paddle"]
    body = json.dumps(content).encode()
    event = provider.translate(provider.parse(body), catalogue.load(), is_live=False, scope=scope)
    assert event is not None
    return record_event(event, store, body=body, body_sha256="0" * 64, now=NOON)


@pytest.mark.parametrize("scope", [EVERYTHING, OURS], ids=["unknown", "known"])
@pytest.mark.parametrize("field", ["account", "context"])
@pytest.mark.parametrize("value", ["acct_other", "org_1/acct_other", 7, ""])
def test_an_event_of_another_account_is_parked(field: str, value: object, scope: Scope) -> None:
    """Its metadata is whatever that seller wrote: it names an account of ours, and nothing is booked."""
    store = FakeStore()
    recorded = hear(store, read(SESSION, **{field: value}), scope)
    assert recorded.parked_reason is ParkReason.OTHER_ACCOUNT
    assert not store.accounts
    assert not store.payments


@pytest.mark.parametrize("envelope", [{}, {"account": None, "context": None}, {"account": "acct_ours"}], ids=str)
def test_an_event_of_our_own_account_is_booked(envelope: dict[str, Any]) -> None:
    """Also if it comes by way of an organization, which names it."""
    assert hear(FakeStore(), read(SESSION, **envelope), OURS).outcome is RecordOutcome.BOOKED
    for context in ("acct_ours", "org_1/acct_ours"):
        assert hear(FakeStore(), read(SESSION, context=context), OURS).outcome is RecordOutcome.BOOKED


@pytest.mark.parametrize(
    ("scope", "known"), [(EVERYTHING, "not configured: set STRIPE_ACCOUNT_ID"), (OURS, "acct_ours")], ids=str
)
def test_an_event_of_another_account_says_which_is_ours(scope: Scope, known: str) -> None:
    """So that a person sees what to configure."""
    store = FakeStore()
    hear(store, read(SESSION, account="acct_other"), scope)
    (receipt,) = store.receipts.values()
    assert receipt.detail == f"account is acct_other, and our own account is {known}"


def test_what_is_muted_at_paddle_is_noted() -> None:
    """By its custom data."""
    content = read("paddle/pack_bought_01_transaction_completed.json")
    content["data"] |= {"custom_data": {"app": "newsletter"}}
    for scope, outcome in ((EVERYTHING, RecordOutcome.PARKED), (MUTED, RecordOutcome.NOTED)):
        assert hear(FakeStore(), content, scope).outcome is outcome


@pytest.mark.parametrize("file", [SESSION, SUBSCRIPTION, REFUND])
def test_what_is_muted_is_noted(file: str) -> None:
    """Its session, its subscription and its refund: no alarm, and no fact that waits for ever."""
    before = FakeStore()
    assert hear(before, theirs(file)).outcome in {RecordOutcome.PARKED, RecordOutcome.WAITING}
    store = FakeStore()
    recorded = hear(store, theirs(file), MUTED)
    assert (recorded.outcome, store.payments, store.accounts) == (RecordOutcome.NOTED, {}, {})
    (receipt,) = store.receipts.values()
    assert receipt.detail == "muted: stripe:metadata.app=newsletter"
    assert hear(store, theirs(file), MUTED).outcome is RecordOutcome.ALREADY_BOOKED


def test_what_was_parked_is_noted_once_it_is_muted() -> None:
    """The alarm ends by itself."""
    store, content = FakeStore(), theirs(SESSION)
    assert hear(store, content).parked_reason is ParkReason.UNKNOWN_PRODUCT
    (parked,) = store.parked_receipts()

    def translate(_: object) -> Any:
        return PROVIDERS["stripe"].translate(content, catalogue.load(), is_live=False, scope=MUTED)

    assert release_parked(parked, translate, store, NOON).outcome is RecordOutcome.NOTED
    assert not list(store.parked_receipts())


def test_what_is_ours_is_never_muted() -> None:
    """An order, an account or a booked payment of ours outweighs every rule."""
    store = FakeStore()
    ours = {"app": "newsletter", "account_id": "acct_ada", "order_id": "ord_ada", "product_id": "pack_500"}
    assert hear(store, theirs(SESSION, ours), MUTED).outcome is RecordOutcome.BOOKED
    unknown = theirs(SESSION, ours | {"product_id": "nothing"}) | {"id": "evt_2"}
    assert hear(FakeStore(), unknown, MUTED).outcome is RecordOutcome.PARKED
    refund = theirs(REFUND)
    refund["data"]["object"]["payment_intent"] = read(SESSION)["data"]["object"]["payment_intent"]
    refund["data"]["object"]["amount"] = 500
    assert hear(store, refund, MUTED).outcome is RecordOutcome.BOOKED
    assert store.accounts["acct_ada"].balance == 250


def test_what_is_ours_at_paddle_is_never_muted_whatever_arrives_first() -> None:
    """Its ids count with a proof beside them: until the checkout, or the transaction, is stored, it is parked."""
    scope = Scope(rules=parse_mute_rules("paddle:business_id=biz_1", PROVIDERS))
    files = [
        f"paddle/subscription_three_months_0{one}.json" for one in ("1_transaction_completed", "2_subscription_created")
    ]
    transaction, subscription = (read(file) for file in files)
    for content in (transaction, subscription):
        content["data"]["business_id"] = "biz_1"
    store = FakeStore()
    for content in (subscription, transaction):
        assert hear(store, content, scope).parked_reason is ParkReason.NO_ACCOUNT
    place_orders_of([read_notification(files[0], "")], store)
    for content in (transaction, subscription):
        assert hear(store, content, scope).outcome is RecordOutcome.BOOKED
    (account,) = store.accounts.values()
    assert (account.balance, [one.status for one in account.subscriptions.values()]) == (1000, ["active"])
    assert not list(store.parked_receipts())
    theirs = transaction["data"] | {"id": "txn_other", "custom_data": None}
    recorded = hear(store, transaction | {"event_id": "evt_other", "data": theirs}, scope)
    assert recorded.outcome is RecordOutcome.NOTED


def test_a_muted_subscription_is_not_its_customers() -> None:
    """The customer has bought from us too: another application's subscription is none of the account's."""
    store = FakeStore()
    hear(store, read(SESSION))
    subscription = theirs(SUBSCRIPTION)
    subscription["data"]["object"]["customer"] = read(SESSION)["data"]["object"]["customer"]
    assert hear(store, subscription, MUTED).outcome is RecordOutcome.NOTED
    assert not store.accounts["acct_ada"].subscriptions


@pytest.mark.parametrize(
    ("rule", "is_recognized"),
    [
        ("stripe:metadata.app=newsletter", True),
        ("stripe:metadata.app=shop", False),
        ("stripe:metadata=newsletter", False),
        ("stripe:lines.data.price=p_2", True),
        ("stripe:lines.data.price=p_3", False),
        ("stripe:event.account=acct_1", True),
        ("stripe:account=acct_1", False),
        ("stripe:livemode=True", True),
        ("paddle:metadata.app=newsletter", False),
    ],
)
def test_a_rule_recognizes_a_field(rule: str, *, is_recognized: bool) -> None:
    """Of the object or of the event, whole, and of its own provider."""
    source = {
        "metadata": {"app": "newsletter"},
        "livemode": True,
        "lines": {"data": [{"price": "p_1"}, {"price": "p_2"}, "no price"]},
    }
    scope = Scope(rules=parse_mute_rules(rule, PROVIDERS))
    assert (scope.mute_rule("stripe", {"account": "acct_1"}, source) == rule) is is_recognized


@pytest.mark.parametrize(
    "wrong", ["newsletter", "acme:a=b", "stripe:a", "stripe:a=", "stripe:=b", "stripe:a..b=c", "stripe:event=x"]
)
def test_a_wrong_rule_is_refused_at_the_start(wrong: str) -> None:
    """It says which one, and what a rule looks like."""
    with pytest.raises(ConfigurationError, match=r"MUTED is wrong in .*stripe:metadata\.app=newsletter"):
        Config.of({"TABLE_NAME": "t", "MUTED": f"stripe:a=b,{wrong}"})


def test_the_scope_is_configured() -> None:
    """By two settings; another scope is another deployment of the translation."""
    config = Config.of({"TABLE_NAME": "t", "STRIPE_ACCOUNT_ID": "acct_1", "MUTED": " stripe:a.b=c , paddle:d=e=f,"})
    assert config.scope.account_ids["stripe"] == "acct_1"
    assert config.scope.rules == (MuteRule("stripe", ("a", "b"), "c"), MuteRule("paddle", ("d",), "e=f"))
    assert config.scope.text == "stripe=acct_1,stripe:a.b=c,paddle:d=e=f"
    assert Config.of({"TABLE_NAME": "t"}).scope.text == ""
    both = {"stripe": "acct_1", "paddle": "acct_2"}
    assert Scope(both).text == Scope(dict(reversed(both.items()))).text == "paddle=acct_2,stripe=acct_1"
    assert parse_mute_rules("stripe:a=b:c", PROVIDERS) == (MuteRule("stripe", ("a",), "b:c"),)
