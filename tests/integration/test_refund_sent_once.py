"""A refund from the order to the money, over the real SDKs: the provider accepts, the answer is lost, and it is one."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain import catalogue
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.orders import Consent
from ledger.domain.refund_cases import CaseState, DecisionOutcome, RefundCase, RefundReason
from ledger.ports.gateway import Gateway
from ledger.providers.paddle.client import PaddleGateway
from ledger.providers.stripe.client import StripeGateway
from ledger.usecases.place_order import OrderRequest
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.refund_cases.open_case import open_case
from ledger.usecases.send_refunds import SendResult, send_refund
from ledger.usecases.usage import draw_credits
from tests.integration.test_simulators import Webhooks, webhooks
from tools.devserver.customer_lives import ShiftedClock
from tools.simulators import paddle, stripe
from tools.testing.builders import ADA, POLICY, refund_claim
from tools.testing.fakes import world
from tools.testing.unguarded import confirm_consent, decide_case, place_order
from tools.verify import check

__all__ = ["webhooks"]  # the fixture

PATHS = {"stripe": "/v1/refunds", "paddle": "/adjustments"}
LOST = {"stripe": 2, "paddle": 1}
"""How many answers are lost: Stripe's SDK asks once more by itself, under the same key."""


@pytest.fixture(params=["stripe", "paddle"])
def provider(request: pytest.FixtureRequest, webhooks: Webhooks) -> Iterator[tuple[str, Any, Gateway]]:
    """A simulator that delivers to our webhooks, and our gateway to it, which does not wait for long."""
    running: Callable[..., Any] = {"stripe": stripe, "paddle": paddle}[request.param].running
    gateways: dict[str, Callable[..., Gateway]] = {"stripe": StripeGateway, "paddle": PaddleGateway}
    with running(webhooks.url) as account:
        yield (
            request.param,
            account,
            gateways[request.param](account.api_key, is_live=False, base_url=account.url, timeout_s=(60.0, 60.0)),
        )


def test_the_answer_is_lost_and_the_money_goes_back_once(
    provider: tuple[str, Any, Gateway], webhooks: Webhooks
) -> None:
    """Half of it, so that the provider itself would let it go twice. The second try finds what the first one sent."""
    name, account, gateway = provider
    store = webhooks.store
    clock = ShiftedClock()
    start = clock.now()

    order = place_order(
        OrderRequest(
            account_id=AccountId(ADA),
            provider=name,
            product_id="pack_1000",
            currency="EUR",
            country="DE",
            is_business=False,
            policy_version=POLICY.version,
            consent=Consent(given_at=start, text_version="1", asked_to_begin=True, acknowledged_loss=True),
            key="key",
            fingerprint="f",
        ),
        store,
        catalogue.load(),
        lambda _: gateway,
        policy_version=POLICY.version,
        success_url="https://example.com/done",
        cancel_url="https://example.com/",
        now=start,
    )
    assert order.checkout
    confirm_consent(order.order_id, "mail_1", store, start)
    account.pay(order.checkout.checkout_id)
    assert account.drain() == []
    (purchase,) = store.purchases_of(ADA, 10).items
    draw_credits(ADA, "run_1", 500, store, now=clock.now())

    wanted = refund_claim(RefundReason.CHANGED_MY_MIND, payment_id=purchase.payment_id)
    case = open_case(wanted, store, POLICY, now=clock.now())
    assert case.decision
    assert purchase.payment
    assert case.decision.money_minor == purchase.payment.paid_minor // 2
    account.fault("POST", PATHS[name], "lost_after", times=LOST[name])
    (intent,) = store.outbox()
    became = []
    for _ in range(4):
        became.append(send_refund(intent.tag, store, lambda _: gateway, clock=clock.now))
        clock.advance(timedelta(minutes=2) if len(became) > 1 else timedelta(seconds=1))
    assert became[:2] == [SendResult.UNCLEAR, SendResult.LEASED]
    assert became[2] in {SendResult.FOUND, SendResult.ENDED}, "looked for, unless the provider's webhook was quicker"
    assert became[3] is SendResult.ENDED
    assert account.drain() == []

    follow(purchase.payment_id, store, now=clock.now())
    assert webhooks.problems == []
    sent = {event_id(content) for _, event_type, content in webhooks.heard if event_type in NEW_REFUND}
    assert len(sent) == 1
    assert (webhooks.balance, webhooks.ada.spendable(clock.now())) == (0, 0)
    assert not [finding for finding in check(world(store)) if finding.broken]
    (case,) = [kept for kept in store.documents.values() if isinstance(kept, RefundCase)]
    assert case.state is CaseState.REFUNDED


@pytest.mark.parametrize("lost", [0, 2], ids=["answered", "the first answer is lost"])
def test_an_invoice_that_two_payment_intents_paid_is_refunded_from_both(webhooks: Webhooks, lost: int) -> None:
    """Stripe refuses more than one of them has left. Each gives its part, once, and all credits are taken."""
    with stripe.running(webhooks.url) as account:
        gateway = StripeGateway(account.api_key, is_live=False, base_url=account.url, timeout_s=(60.0, 60.0))
        store, clock = webhooks.store, ShiftedClock()
        order = place_order(
            replace(ORDERED, provider="stripe", product_id="creator_monthly"),
            store,
            catalogue.load(),
            lambda _: gateway,
            policy_version=POLICY.version,
            success_url="https://example.com/done",
            cancel_url="https://example.com/",
            now=clock.now(),
        )
        assert order.checkout
        account.pay(order.checkout.checkout_id)
        (subscription,) = account.subscriptions
        invoice = account.renew(subscription, first_minor=900)
        assert account.drain() == []
        name = PaymentId(f"stripe:{invoice['id']}")
        before = webhooks.balance

        case = open_case(refund_claim(payment_id=name), store, POLICY, now=clock.now())
        whole = ReviewDecision(
            outcome=DecisionOutcome.APPROVE, words=("All of it.",), clause="6", money_minor=invoice["amount_paid"]
        )
        decide_case(case.case_id, whole, "sam", store, POLICY, now=clock.now())
        (intent,) = store.outbox()
        if lost:
            account.fault("POST", PATHS["stripe"], "lost_after", times=lost)
            assert send_refund(intent.tag, store, lambda _: gateway, clock=clock.now) is SendResult.UNCLEAR
            clock.advance(timedelta(minutes=2))
        assert send_refund(intent.tag, store, lambda _: gateway, clock=clock.now) is SendResult.SENT
        assert account.drain() == []
        follow(name, store, now=clock.now())

        assert webhooks.problems == []
        made = [(one["amount"], one["metadata"]["refund_tag"]) for one in account.refunds.values()]
        rest_minor = invoice["amount_paid"] - 900
        assert sorted(made) == sorted([(900, f"{intent.tag}/1"), (rest_minor, f"{intent.tag}/2")])
        assert len({one["charge"] for one in account.refunds.values()}) == 2
        assert (webhooks.balance, before - webhooks.balance) == (before - 1000, 1000)
        (kept,) = [kept for kept in store.documents.values() if isinstance(kept, RefundCase)]
        assert kept.state is CaseState.REFUNDED


ORDERED = OrderRequest(
    account_id=AccountId(ADA),
    provider="stripe",
    product_id="pack_1000",
    currency="EUR",
    country="DE",
    is_business=False,
    policy_version=POLICY.version,
    consent=Consent(given_at=ShiftedClock().now(), text_version="1", asked_to_begin=True, acknowledged_loss=True),
    key="key",
    fingerprint="f",
)
"""An order with complete consent."""

NEW_REFUND = {"refund.created", "adjustment.created"}


def event_id(content: Any) -> str:
    """The id of the refund that an event announces."""
    return str((content["data"].get("object") or content["data"])["id"])
