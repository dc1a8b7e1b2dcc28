"""A checkout is closed through the providers' own SDKs, at simulators that refuse what the providers refuse."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.domain import catalogue
from ledger.domain.errors import ProviderRefused, ProviderUnavailable, SubscriptionAlreadyRuns
from ledger.domain.orders import Order
from ledger.ports.gateway import Gateway
from ledger.providers.paddle.client import PaddleGateway
from ledger.providers.stripe.client import StripeGateway
from ledger.usecases.place_order import OrderRequest
from tests.integration.test_gateways import (
    Answer,
    Recorder,
    paddle_at,
    paddle_data,
    paddle_error,
    provider,
    stripe_at,
    stripe_error,
)
from tests.integration.test_simulators import Webhooks, webhooks
from tools.fixtures import paddle_shapes
from tools.simulators import paddle, stripe
from tools.simulators.common.account import NotPossible
from tools.simulators.paddle.account import PaddleAccount
from tools.testing.builders import ADA, POLICY
from tools.testing.fakes import world
from tools.testing.unguarded import place_order
from tools.verify import check

__all__ = ["provider", "webhooks"]  # the fixtures

SOLD = catalogue.load()
TRANSACTION = paddle_shapes.transaction(
    "txn_1", "2026-11-01T12:00:00.000000Z", [("creator_monthly", 1)], customer="ctm_1", custom=None, status="ready"
)
DRAFT = TRANSACTION | {"status": "draft"}
INVOICED = {
    "collection_mode": "manual",
    "billing_details": {"payment_terms": {"interval": "day", "frequency": 1}, "enable_checkout": False},
}


class Shop:
    """Our shop at one provider's simulator, whose events are delivered to our webhooks."""

    def __init__(self, name: str, account: Any, gateway: Gateway, webhooks: Webhooks) -> None:
        self.name = name
        self.account = account
        self.gateway = gateway
        self.webhooks = webhooks

    def order(self, key: str) -> Order:
        """Order the plan."""
        return place_order(
            OrderRequest(
                account_id=ADA,
                provider=self.name,
                product_id="creator_monthly",
                currency="EUR",
                country="DE",
                is_business=False,
                policy_version=POLICY.version,
                consent=None,
                key=key,
                fingerprint=key,
            ),
            self.webhooks.store,
            SOLD,
            lambda _: self.gateway,
            policy_version=POLICY.version,
            success_url="https://example.com/done",
            cancel_url="https://example.com/",
            now=datetime.now(UTC),
        )

    def pay(self, order: Order) -> Any:
        """Pay the order's checkout."""
        assert order.checkout
        return self.account.pay(order.checkout.checkout_id)


@pytest.fixture(params=["stripe", "paddle"])
def shop(request: pytest.FixtureRequest, webhooks: Webhooks) -> Iterator[Shop]:
    """A shop at each provider."""
    running: Callable[..., Any] = {"stripe": stripe, "paddle": paddle}[request.param].running
    gateways: dict[str, Callable[..., Gateway]] = {"stripe": StripeGateway, "paddle": PaddleGateway}
    with running(webhooks.url) as account:
        gateway = gateways[request.param](account.api_key, is_live=False, base_url=account.url, timeout_s=(60.0, 60.0))
        yield Shop(request.param, account, gateway, webhooks)


@pytest.mark.parametrize("is_filled_in", [False, True])
def test_the_older_checkout_can_not_be_paid_and_the_newer_one_can(shop: Shop, is_filled_in: bool) -> None:
    """Also if the customer had filled it in already: at Paddle it is a draft before that, which can't be canceled."""
    older = shop.order("key_1")
    if is_filled_in and isinstance(shop.account, PaddleAccount):
        assert older.checkout
        shop.account.fill_in(older.checkout.checkout_id)
    newer = shop.order("key_2")
    with pytest.raises(NotPossible):
        shop.pay(older)
    shop.pay(newer)
    assert shop.account.drain() == []
    assert shop.webhooks.problems == []
    assert shop.webhooks.ada.running_subscription("creator_monthly")
    assert not [finding for finding in check(world(shop.webhooks.store)) if finding.broken]


def test_a_checkout_that_was_paid_is_not_closed_and_no_second_one_is_sold(shop: Shop) -> None:
    """The payment was not reported yet. The refused order's checkout is closed; the same request is refused again."""
    paid = shop.order("key_1")
    shop.account.mute()
    shop.pay(paid)
    for _ in range(2):
        with pytest.raises(SubscriptionAlreadyRuns):
            shop.order("key_2")
    sold = {**getattr(shop.account, "sessions", {}), **getattr(shop.account, "transactions", {})}
    assert len(sold) > 1
    for checkout_id in sold:
        with pytest.raises(NotPossible):
            shop.account.pay(checkout_id)


def test_a_request_that_was_refused_is_repeated_and_gets_an_open_checkout(shop: Shop) -> None:
    """The checkout that was made for it was closed. Meanwhile the older subscription has ended."""
    paid = shop.order("key_1")
    shop.account.mute()
    shop.pay(paid)
    with pytest.raises(SubscriptionAlreadyRuns):
        shop.order("key_2")
    shop.account.work()
    for event in shop.account.events():
        shop.account.send_again(event.get("id") or event["event_id"])
    (subscription_id,) = shop.account.subscriptions
    shop.account.end_now(shop.account.live_subscription(subscription_id))
    assert shop.account.drain() == []
    shop.pay(shop.order("key_2"))
    assert shop.account.drain() == []
    assert shop.webhooks.problems == []


@pytest.mark.parametrize("kind", ["500", "503", "429", "lost_before", "lost_after"])
def test_a_request_whose_checkout_was_not_made_is_repeated_and_gets_one(shop: Shop, kind: str) -> None:
    """Also if the provider keeps its failure under the key of the call."""
    path, attempts = {"stripe": ("/v1/checkout/sessions", 2), "paddle": ("/transactions", 1)}[shop.name]
    shop.account.fault("POST", path, kind, attempts)
    with pytest.raises(ProviderUnavailable):
        shop.order("key_1")
    shop.account.work()
    shop.pay(shop.order("key_1"))


def test_closing_twice_and_closing_what_is_not_known_counts_as_closed(shop: Shop) -> None:
    """Whoever closed it."""
    order = shop.order("key_1")
    assert order.checkout
    assert [shop.gateway.expire_checkout(order.checkout.checkout_id) for _ in range(2)] == [True, True]
    assert shop.gateway.expire_checkout({"stripe": "cs_gone", "paddle": "txn_gone"}[shop.name])


def test_stripe_is_asked_to_expire_and_then_for_the_status(provider: Recorder) -> None:
    """A refusal has no code; only what is still open is one. What is not known to be expired may be paid."""
    refused = Answer(stripe_error(None), 400)
    for status, is_closed in (("expired", True), ("complete", False), (None, False), ("unknown", False)):
        provider.will(refused, {"id": "cs_1", "object": "checkout.session", "status": status})
        assert stripe_at(provider).expire_checkout("cs_1") is is_closed
    provider.will(refused, {"id": "cs_1", "object": "checkout.session", "status": "open"})
    with pytest.raises(ProviderRefused):
        stripe_at(provider).expire_checkout("cs_1")
    asked = [(call.method, call.path) for call in provider.calls]
    assert asked == [("POST", "/v1/checkout/sessions/cs_1/expire"), ("GET", "/v1/checkout/sessions/cs_1")] * 5


def test_paddle_is_asked_to_cancel_then_to_collect_without_a_checkout(provider: Recorder) -> None:
    """A draft can't be canceled."""
    provider.will(
        Answer(paddle_error("transaction_invalid_status_change"), 400),
        paddle_data(TRANSACTION),
        paddle_data(TRANSACTION),
    )
    assert paddle_at(provider).expire_checkout("txn_1")
    assert [(call.method, call.path, call.content) for call in provider.calls] == [
        ("PATCH", "/transactions/txn_1", {"status": "canceled"}),
        ("GET", "/transactions/txn_1", None),
        ("PATCH", "/transactions/txn_1", INVOICED),
    ]


OVER_AT_PADDLE = [("canceled", True)]
OVER_AT_PADDLE += [(status, False) for status in ("billed", "paid", "completed", "past_due", "of_next_year")]
"""The statuses of a transaction that no checkout can pay, and whether it counts as closed: else it may be paid for."""


@pytest.mark.parametrize(("status", "is_closed"), OVER_AT_PADDLE)
def test_what_paddle_can_not_change_is_closed_or_paid(provider: Recorder, status: str, is_closed: bool) -> None:
    """By its status."""
    found = paddle_data({**TRANSACTION, "status": status})
    provider.will(Answer(paddle_error("transaction_immutable"), 400), found)
    assert paddle_at(provider).expire_checkout("txn_1") is is_closed
    assert [call.method for call in provider.calls] == ["PATCH", "GET"]


def test_a_payment_that_paddle_is_processing_delays_the_answer(provider: Recorder) -> None:
    """It may succeed or fail: the request is repeated."""
    busy = Answer(paddle_error("transaction_immutable_while_processing_payment"), 400)
    ready = paddle_data({**TRANSACTION, "status": "ready"})
    provider.will(busy, ready, busy)
    with pytest.raises(ProviderUnavailable, match="A payment of this checkout is being processed"):
        paddle_at(provider).expire_checkout("txn_1")


@pytest.mark.parametrize(("status", "is_closed"), OVER_AT_PADDLE)
@pytest.mark.parametrize("before", ["draft", "ready"])
def test_what_is_paid_or_canceled_between_two_refusals_of_paddle_is_seen(
    provider: Recorder, before: str, status: str, is_closed: bool
) -> None:
    """The second refusal may be because of that."""
    refused = Answer(paddle_error("transaction_immutable"), 400)
    found = [paddle_data({**TRANSACTION, "status": one}) for one in (before, status)]
    provider.will(refused, found[0], refused, found[1])
    assert paddle_at(provider).expire_checkout("txn_1") is is_closed
    assert [call.method for call in provider.calls] == ["PATCH", "GET", "PATCH", "GET"]


def test_what_paddle_will_not_close_is_a_refusal(provider: Recorder) -> None:
    """A draft in a currency that Paddle does not invoice, for example."""
    refused = Answer(paddle_error("invalid_field"), 400)
    provider.will(refused, paddle_data(DRAFT), refused, paddle_data(DRAFT))
    with pytest.raises(ProviderRefused):
        paddle_at(provider).expire_checkout("txn_1")
