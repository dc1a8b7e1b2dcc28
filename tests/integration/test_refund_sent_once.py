"""A refund from the order to the money, over the real SDKs: the provider accepts, the answer is lost, and it is one."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from ledger import catalogue
from ledger.cases import CaseState, Reason
from ledger.casework import follow, open_case
from ledger.facts import AccountId
from ledger.issuing import Issued, issue, outbox
from ledger.ordering import Request, confirm_consent, place_order
from ledger.orders import Consent
from ledger.ports import Gateway
from ledger.providers.paddle_gateway import PaddleGateway
from ledger.providers.stripe_gateway import StripeGateway
from ledger.usage import spend
from tests.builders import ADA, POLICY, wish
from tests.fakes import world
from tests.integration.test_standins import Webhooks, webhooks
from tools.life import ShiftedClock
from tools.standins import paddle, stripe
from tools.verify import check

__all__ = ["webhooks"]  # the fixture

PATHS = {"stripe": "/v1/refunds", "paddle": "/adjustments"}
LOST = {"stripe": 2, "paddle": 1}
"""How many answers are lost: Stripe's SDK asks once more by itself, under the same key."""


@pytest.fixture(params=["stripe", "paddle"])
def provider(request: pytest.FixtureRequest, webhooks: Webhooks) -> Iterator[tuple[str, Any, Gateway]]:
    """A stand-in that delivers to our webhooks, and our gateway to it, which does not wait for long."""
    running: Callable[..., Any] = {"stripe": stripe, "paddle": paddle}[request.param].running
    gateways: dict[str, Callable[..., Gateway]] = {"stripe": StripeGateway, "paddle": PaddleGateway}
    with running(webhooks.url) as account:
        yield (
            request.param,
            account,
            gateways[request.param](account.api_key, is_live=False, base_url=account.url, timeout_s=(2.0, 2.0)),
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
        Request(
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
    confirm_consent(order.order_id, "mail_1", store)
    account.pay(order.checkout.checkout_id)
    assert account.drain() == []
    (purchase,) = store.purchases_of(ADA, 10).items
    spend(ADA, "run_1", 500, store, now=clock.now())

    wanted = wish(Reason.CHANGED_MY_MIND, payment_id=purchase.payment_id)
    case = open_case(wanted, store, POLICY, now=clock.now())
    assert case.decision
    assert purchase.payment
    assert case.decision.money_minor == purchase.payment.paid_minor // 2
    account.fault("POST", PATHS[name], "lost_after", times=LOST[name])
    (intent,) = outbox(store)
    became = []
    for _ in range(4):
        became.append(issue(intent.tag, store, lambda _: gateway, clock=clock.now))
        clock.advance(timedelta(minutes=2) if len(became) > 1 else timedelta(seconds=1))
    assert became[:2] == [Issued.UNCLEAR, Issued.TAKEN]
    assert became[2] in {Issued.FOUND, Issued.GONE}, "looked for, unless the provider's webhook was quicker"
    assert became[3] is Issued.GONE
    assert account.drain() == []

    follow(purchase.payment_id, store, now=clock.now())
    assert webhooks.problems == []
    sent = {event_id(content) for _, event_type, content in webhooks.heard if event_type in NEW_REFUND}
    assert len(sent) == 1
    assert (webhooks.balance, webhooks.ada.spendable(clock.now())) == (0, 0)
    assert not [finding for finding in check(world(store)) if finding.broken]
    (kept,) = [kept for place, kept in store.kept.items() if place.kind == "CASE" and place.partition.startswith("ACC")]
    assert getattr(kept, "state", None) is CaseState.SETTLED


NEW_REFUND = {"refund.created", "adjustment.created"}


def event_id(content: Any) -> str:
    """The id of the refund that an event announces."""
    return str((content["data"].get("object") or content["data"])["id"])
