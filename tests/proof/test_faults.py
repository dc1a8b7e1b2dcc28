"""The part of the proof that lets AWS and the providers fail: it holds, and it finds a mistake."""

import io
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest

from ledger.domain.errors import ProviderUnavailable
from ledger.domain.refund_cases import RefundCase
from ledger.domain.runs import FailedRun, Run
from ledger.ports.commit import Commit, FulfilmentKey, Refusal
from ledger.ports.gateway import Gateway, RefundToSend, SentRefund
from ledger.ports.store import Store
from proof.faults import Around, Size, play
from proof.faults.batch import made, stored
from proof.faults.customer_lives import LIVES, Customer, UnexpectedResponse
from proof.faults.fault_plan import FaultPlan
from proof.work import Work
from tools import engines
from tools.devserver import environment
from tools.testing.builders import ADA, LATER
from tools.testing.frontend import ApiResponse, Frontend
from tools.verify import World

pytestmark = pytest.mark.usefixtures("few_shards")

STORIES = ("stripe_partial_refunds", "stripe_dispute_won", "paddle_subscription_three_months", "paddle_chargeback")


@pytest.fixture(scope="module")
def proxy(ministack: str) -> Iterator[str]:
    """Between the code and MiniStack."""
    with engines.proxied(ministack) as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "CRITICAL")


def played(ministack: str, proxy: str, size: Size, around: Around | None = None, seed: int = 7) -> Work:
    """One small case."""
    work = Work("faults", seed=seed, seconds=0, out=io.StringIO())
    play(work, ministack, proxy, size, around)
    return work


class Calm(random.Random):
    """Dice by which nothing ever fails."""

    def random(self) -> float:
        return 0.99


def test_weather_that_is_not_bad_is_found(ministack: str, proxy: str) -> None:
    """Neither a plan that nothing asks, nor one whose dice let every call through."""
    plan = FaultPlan(proxy, ministack)
    assert plan.misses_its_share
    client = boto3.client("dynamodb", endpoint_url=proxy, region_name=environment.REGION)
    plan.watch(client)
    with plan.over(Calm()):
        for _ in range(300):
            client.list_tables(Limit=1)  # other tests have hundreds on this engine
    assert plan.misses_its_share == "0 of the 300 calls to AWS in bad weather failed: it should have been about 30"


@dataclass
class Forgetful:
    """A store that says that it has written, and has not, every second time: in any weather."""

    store: Store
    commits: Iterator[int] = field(default_factory=itertools.count)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def commit(self, commit: Commit) -> Refusal | None:
        return self.store.commit(commit) if next(self.commits) % 2 else None


def test_a_store_that_forgets_is_found(ministack: str, proxy: str) -> None:
    """What is answered 200 and not stored is lost."""
    forgetful = Around(store=Forgetful)
    work = played(ministack, proxy, Size(1, STORIES, lives=()), forgetful)
    assert any("has no receipt" in found for found in work.found), work.found


@dataclass
class Hasty:
    """A gateway that never looks whether a refund was sent before, and sends it again at once.

    At once: between two sweeps of the outbox the bad weather of AWS may last until the first refund's event is there.
    """

    gateway: Gateway

    def __getattr__(self, name: str) -> Any:
        return getattr(self.gateway, name)

    def send_refund(self, refund: RefundToSend) -> SentRefund:
        try:
            return self.gateway.send_refund(refund)
        except ProviderUnavailable:
            return self.gateway.send_refund(refund)

    def find_refunds(self, refund: RefundToSend) -> tuple[SentRefund, ...]:  # noqa: ARG002 - the protocol's
        return ()


def test_a_gateway_that_does_not_look_before_it_sends_again_is_found(ministack: str, proxy: str) -> None:
    """Paddle has no idempotency keys: when its answer is lost, the money goes back twice."""
    hasty = Around(gateway=Hasty)
    size = Size(0, copies_of_lives=6, lives=("gets-a-part-paddle",), provider_faults=("lost_after",), late_refunds=1)
    work = played(ministack, proxy, size, hasty, seed=5)
    assert any("got 600 back, 300 is due" in found for found in work.found), work.found


def test_what_was_answered_and_is_not_stored_is_told() -> None:
    """Of an order, a case in either form of answer, a run and its failure."""
    told = {
        *made("/orders", {}, {"order_id": "ord_1"}),
        *made("/refund-requests", {}, {"case_id": "case_1"}),
        *made("/withdrawals/case_2/confirmation", {}, {"case": {"case_id": "case_2"}, "receipt": "…"}),
        *made("/usage", {"account_id": ADA}, {"run_id": "run_1"}),
        *made("/usage/run_1/failure", {"account_id": ADA}, {"run_id": "run_1"}),
    }
    assert told == {"order ord_1", "case case_1", "case case_2", f"run {ADA}/run_1", f"failure {ADA}/run_1"}
    assert not told & stored(World())
    fulfilment_key = FulfilmentKey(key="order/ord_1", product_id="pack_500")
    failed = (ADA, FailedRun(run_id="run_1", credits=5, at=LATER))
    run = Run(account_id=ADA, run_id="run_1", drawn={}, at=LATER)
    cases = {case_id: cast(RefundCase, None) for case_id in ("case_1", "case_2")}
    assert told == stored(
        World(fulfilment_keys={fulfilment_key.key: fulfilment_key}, runs=[run], failed_runs=[failed], cases=cases)
    )


PAID = {"payment_intent": "pi_1", "amount_total": 900}


@dataclass
class Shown:
    """A world in which every request succeeds, and the account shows this balance in the end."""

    balance: int
    paddle: Any = None
    stripe: Any = field(default_factory=lambda: SimpleNamespace(pay=lambda _: PAID))

    def ask(self, _who: Frontend, method: str, path: str, _content: Any, _key: str | None) -> ApiResponse:
        state = "in_review" if method == "POST" else "refunded"
        answer = {"case_id": "case_1", "state": state, "status": "active"}
        balance = {"balance": self.balance, "spendable": self.balance}
        return ApiResponse(201 if path == "/refund-requests" else 200, {}, json.dumps(answer | balance))

    def opened(self, purchase_id: str) -> None: ...


class Ordered(Customer):
    """Somebody whose order is made already."""

    def order(self, provider: str, product_id: str, *, is_confirmed: bool = True) -> tuple[str, str]:  # noqa: ARG002 - the customer's
        return "ord_1", "cs_1"


def test_a_refund_in_part_that_takes_no_credits_is_told() -> None:
    """A third of the money takes a third of the credits."""
    assert len(list(LIVES["gets-a-part"](Ordered(ADA, Shown(334))))) == 2
    with pytest.raises(UnexpectedResponse, match="'balance': 334"):
        list(LIVES["gets-a-part"](Ordered(ADA, Shown(500))))
