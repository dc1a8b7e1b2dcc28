"""What a provider forgets, and what it does not show yet: held by the fakes, and by the real SDKs over the simulators.

An idempotency key protects for a day, and a list lags behind. So whoever tries again later must look first, and whoever
looks too early must not send.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.domain import catalogue
from ledger.domain.errors import ProviderUnavailable
from ledger.domain.facts import PaidLine, PaymentSettled, RefundedItem
from ledger.domain.ids import OrderId, PaymentId
from ledger.domain.orders import Order
from ledger.ports.gateway import Gateway, RefundToSend
from ledger.providers.paddle.client import PaddleGateway
from ledger.providers.stripe.client import StripeGateway
from ledger.usecases.send_refunds import LEASE_DURATION, SendResult, send_refund
from proof.fake_gateways import LISTED_AFTER_S, PaddleCounter, StripeCounter
from tests.contract.test_cases import HALF
from tools.simulators import paddle, stripe
from tools.simulators.common.idempotency import RETENTION_S
from tools.simulators.paddle.account import Share
from tools.testing.builders import ADA, POLICY, at, paid, payment, record_events, refund_claim, request_refund
from tools.testing.fakes import FakeProvider, FakeStore, ResponseLost
from tools.testing.unguarded import decide_case

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
KEPT, LAG, MOMENT = timedelta(seconds=RETENTION_S), timedelta(seconds=LISTED_AFTER_S), timedelta(seconds=1)
SOLD = catalogue.load()


@dataclass
class Counter:
    """A provider with one payment, behind the gateway's port. Its lists lack what is younger than LAG."""

    gateway: Gateway
    payment: PaymentSettled
    pass_time: Callable[[timedelta], None]
    made: Callable[[], int]  # how many refunds there are
    make_others: Callable[[int], None]  # refunds of a cent that nobody of us has sent
    lose_answer: Callable[[], None]  # to the next refund

    @property
    def refund(self) -> RefundToSend:
        """The request for a cent of the payment."""
        return RefundToSend(
            tag="case_1-1",
            names=frozenset({self.payment.payment_id}),
            amount_minor=1,
            currency="USD",
            items=(RefundedItem(line_id=self.payment.lines[0].line_id, amount_minor=1),),
            is_whole=False,
        )


def fake(kind: str) -> Counter:
    """The fake of the use-cases' tests."""
    settled = payment(PaymentId({"stripe": "stripe:pi_1", "paddle": "paddle:txn_1"}[kind]))
    provider = FakeProvider(kind, has_keys=True, is_late=True)
    passed = timedelta()

    def pass_time(duration: timedelta) -> None:
        nonlocal passed
        passed += duration
        provider.is_late, provider.has_keys = passed < LAG, passed < KEPT

    def make_others(number: int) -> None:
        for one in range(number):
            provider.send_refund(replace(made.refund, tag=f"other_{one}"))

    def lose_answer() -> None:
        provider.faults = [ResponseLost("time-out")]

    made = Counter(provider, settled, pass_time, lambda: len(provider.refunds), make_others, lose_answer)
    return made


def simulated(kind: str, account: Any, gateway: Any, counted_by: Gateway | None = None) -> Counter:
    """A simulator with a payment, behind our gateway and the real SDK, or behind the proof's counter."""
    product = SOLD.products["pack_1000"]
    order = Order(
        order_id=OrderId("ord_1"),
        account_id=ADA,
        provider=kind,
        product_id=product.product_id,
        price_minor=product.prices["USD"],
        currency="USD",
        country="DE",
        is_business=False,
        policy_version=POLICY.version,
        made_at=START,
        terms=product.terms_at(kind, lock_days=None),
    )
    checkout = gateway.make_checkout(order, product, success_url="https://example.com/", cancel_url="https://e.com/")
    told = account.pay(checkout.checkout_id)
    name, line_id, paid_minor = told.get("payment_intent"), "0", told.get("amount_total")
    if kind == "paddle":
        (line,) = told["details"]["line_items"]
        name, line_id, paid_minor = told["id"], line["id"], int(told["details"]["totals"]["grand_total"])
    account.listing_lag_s = LAG.total_seconds()
    bought = PaidLine(
        line_id=line_id, product_id=product.product_id, credits=1000, amount_minor=paid_minor, expires_at=None
    )
    settled = payment(PaymentId(f"{kind}:{name}"), paid_minor=paid_minor, lines=(bought,))

    def make_others(number: int) -> None:
        for one in range(number):
            if kind == "stripe":
                account.refund(name, 1)
            else:
                share = Share(line_id, "partial", 1, 0)
                account.adjust(account.transactions[name], "refund", [share], reason=f"{one}", kind="partial")

    def lose_answer() -> None:
        if counted_by:
            counted_by.last_error = "lost"  # type: ignore[attr-defined]
        else:  # Stripe's SDK asks once more by itself, under the same key
            paths = {"stripe": ("/v1/refunds", 2), "paddle": ("/adjustments", 1)}
            account.fault("POST", paths[kind][0], "lost_after", times=paths[kind][1])

    return Counter(
        counted_by or gateway,
        settled,
        lambda duration: account.advance(duration.total_seconds()),
        lambda: len(account.refunds if kind == "stripe" else account.adjustments),
        make_others,
        lose_answer,
    )


PLAYED_BY = ("fake", "simulator", "proof")


@contextmanager
def counter_of(kind: str, played_by: str) -> Iterator[Counter]:
    """The fake of the use-cases' tests, a simulator behind the real SDK, or the proof's counter over a simulator."""
    if played_by == "fake":
        yield fake(kind)
        return
    running: Callable[..., Any] = {"stripe": stripe, "paddle": paddle}[kind].running
    gateways: dict[str, Callable[..., Gateway]] = {"stripe": StripeGateway, "paddle": PaddleGateway}
    counters: dict[str, Callable[..., Gateway]] = {"stripe": StripeCounter, "paddle": PaddleCounter}
    with running(clock=lambda: START.timestamp()) as account:
        gateway = gateways[kind](account.api_key, is_live=False, base_url=account.url, timeout_s=(60.0, 60.0))
        yield simulated(kind, account, gateway, counters[kind](account) if played_by == "proof" else None)


@pytest.fixture(params=PLAYED_BY)
def at_stripe(request: pytest.FixtureRequest) -> Iterator[Counter]:
    """Stripe."""
    with counter_of("stripe", request.param) as found:
        yield found


@pytest.fixture(params=PLAYED_BY)
def at_paddle(request: pytest.FixtureRequest) -> Iterator[Counter]:
    """Paddle."""
    with counter_of("paddle", request.param) as found:
        yield found


@pytest.fixture(params=[(kind, by) for kind in ("stripe", "paddle") for by in PLAYED_BY], ids=" ".join)
def counter(request: pytest.FixtureRequest) -> Iterator[Counter]:
    """Either."""
    with counter_of(*request.param) as found:
        yield found


def test_stripe_keeps_a_key_for_a_day_and_then_gives_the_money_again(at_stripe: Counter) -> None:
    """After a day only a look protects."""
    first = at_stripe.gateway.send_refund(at_stripe.refund)
    assert at_stripe.gateway.send_refund(at_stripe.refund).refund_id == first.refund_id
    assert at_stripe.made() == 1
    at_stripe.pass_time(KEPT + MOMENT)
    assert at_stripe.gateway.send_refund(at_stripe.refund).refund_id != first.refund_id
    assert at_stripe.made() == 2


def test_what_stripe_is_asked_for_differently_under_a_key_is_unclear(at_stripe: Counter) -> None:
    """The first request may have been carried out: no refusal, which would free its credits for a second approval."""
    at_stripe.gateway.send_refund(at_stripe.refund)
    other = replace(at_stripe.refund, amount_minor=2, items=())
    with pytest.raises(ProviderUnavailable):
        at_stripe.gateway.send_refund(other)
    assert at_stripe.made() == 1


def test_paddle_has_no_keys_and_gives_the_money_again_at_once(at_paddle: Counter) -> None:
    """Nothing but a look protects."""
    first = at_paddle.gateway.send_refund(at_paddle.refund)
    assert at_paddle.gateway.send_refund(at_paddle.refund).refund_id != first.refund_id
    assert at_paddle.made() == 2


def test_a_refund_that_was_just_made_is_not_listed_yet(counter: Counter) -> None:
    """Later it is found by its tag, also when every key is forgotten."""
    sent = counter.gateway.send_refund(counter.refund)
    assert counter.gateway.find_refunds(counter.refund) == ()
    counter.pass_time(LAG + MOMENT)
    assert [one.refund_id for one in counter.gateway.find_refunds(counter.refund)] == [sent.refund_id]
    counter.pass_time(KEPT)
    assert [one.refund_id for one in counter.gateway.find_refunds(counter.refund)] == [sent.refund_id]


@pytest.mark.parametrize("others", [49, 50, 51, 99, 100, 101])
def test_a_refund_is_found_wherever_a_page_of_the_list_ends(counter: Counter, others: int) -> None:
    """Stripe's pages have 100, the newest first, Paddle's 50, the oldest first: ours is the oldest and the newest."""
    first = counter.gateway.send_refund(counter.refund)
    counter.make_others(others)
    last = counter.gateway.send_refund(replace(counter.refund, tag="case_2-1"))
    counter.pass_time(LAG * 10)
    assert [one.refund_id for one in counter.gateway.find_refunds(counter.refund)] == [first.refund_id]
    found = counter.gateway.find_refunds(replace(counter.refund, tag="case_2-1"))
    assert [one.refund_id for one in found] == [last.refund_id]
    assert counter.gateway.find_refunds(replace(counter.refund, tag="case_3-1")) == ()


@pytest.mark.parametrize("again_after", [LEASE_DURATION + MOMENT, KEPT + MOMENT], ids=["a minute", "a day"])
def test_a_lost_answer_is_one_refund_however_late_it_is_tried_again(counter: Counter, again_after: timedelta) -> None:
    """While the list may lack it nobody else tries; later it is looked for before it is sent."""
    store = FakeStore()
    record_events(store, paid(counter.payment))
    claim = refund_claim(payment_id=counter.payment.payment_id)
    case = decide_case(request_refund(store, claim).case_id, HALF, "sam", store, POLICY, now=at(70))

    def send(after: timedelta) -> SendResult:
        return send_refund(case.tag, store, lambda _: counter.gateway, clock=lambda: at(72) + after)

    counter.lose_answer()
    assert send(timedelta()) is SendResult.UNCLEAR
    assert counter.made() == 1
    counter.pass_time(LAG - MOMENT)
    assert send(LAG - MOMENT) is SendResult.LEASED
    counter.pass_time(again_after - LAG + MOMENT)
    assert send(again_after) is SendResult.FOUND
    assert counter.made() == 1
