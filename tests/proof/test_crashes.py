"""The part `crashes` of the proof: it holds of the product, and it finds what is planted."""

import io
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from ledger.ports import Commit, Gateway, RefundToSend, Refusal, SentRefund, Store
from ledger.runtime import runtime
from proof.crashes import Planned, prove, prove_one
from proof.crashes.functions import Cut
from proof.crashes.play import Broken, Death, Stage, staged
from proof.crashes.scenarios import scenarios
from proof.work import Work
from tools import engines
from tools.gateway import Handler, handler_of

pytestmark = pytest.mark.skipif(engines.unavailable("ministack") is not None, reason="there is no MiniStack")


class TwoWrites:
    """A store that writes the receipt first, and what it is the receipt of in a second write."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def commit(self, commit: Commit) -> Refusal | None:
        if commit.receipt and commit.purchases:
            if refusal := self._store.commit(Commit(receipt=commit.receipt)):
                return refusal
            commit = replace(commit, receipt=None)
        return self._store.commit(commit)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Blind:
    """A gateway that never finds what was sent before."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def find_refund(self, refund: RefundToSend) -> SentRefund | None:  # noqa: ARG002 - the port's
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)


def planted(folder: str) -> Handler:
    """A function with a bug, found in its own process."""
    here = runtime()
    if folder == "payment_succeeded":
        here.store = TwoWrites(here.store)
    if folder == "issue_refunds":
        look = here.gateway
        here.gateway = lambda provider: Blind(look(provider))  # type: ignore[method-assign]
    handler = handler_of(folder)
    if folder == "record_usage":

        def leaking(event: dict[str, Any], context: object) -> Any:
            with socket.create_connection(("127.0.0.1", urlsplit(here.connection.client.meta.endpoint_url).port or 0)):
                return handler(event, context)

        return leaking
    return handler


@pytest.fixture(scope="module")
def broken() -> Iterator[Stage]:
    """Functions with bugs."""
    with staged(planted) as stage:
        yield stage


def work(seconds: float = 0) -> Work:
    """A part's work, told to nobody."""
    return Work("crashes", 1, seconds, out=io.StringIO())


def found(stage: Stage, name: str, call: str) -> str:
    """What is found when a scenario is cut after the first call of this kind, made again at once or later."""
    scenario, told = scenarios()[name], work()
    uncut = stage.play(scenario)
    point = next(point for point in uncut.points if call in point.what)
    planned = Planned(name, scenario, uncut, point, Death(point.invocation, Cut(point.call, is_made=True)))
    for case in range(8):
        if not told.found:
            prove_one(told, stage, planned, case)
    return told.found[0]


def test_it_holds_of_the_product() -> None:
    """Cuts at a payment, at a release, and at an order, each made again."""
    chosen = {name: scenarios()[name] for name in ("stripe_pack_bought", "parked_and_released", "ordered_from_paddle")}
    told = work()
    prove(told, handler_of, chosen, at_least=5)
    assert told.found == []
    assert (told.counts["scenarios"], told.counts["cuts"]) == (3, 5)


def test_it_finds_a_receipt_that_is_written_before_its_grant(broken: Stage) -> None:
    """Dying between the two, the redelivery is taken for booked: the credits never come."""
    assert "/net/acct_ada" in found(broken, "stripe_pack_bought", "TransactWriteItems")


def test_it_finds_a_refund_that_is_sent_without_looking_first(broken: Stage) -> None:
    """Paddle knows no idempotency keys: dying before it is written down that it was sent, it is sent twice."""
    assert "/paddle/adjustments" in found(broken, "reviewed_and_partly_refunded", "POST /adjustments")


def test_what_is_made_again_may_die_again(broken: Stage) -> None:
    """Twice dead before it reads its secret, the third time it is booked: as if nothing had been."""
    scenario = scenarios()["stripe_pack_bought"]
    uncut, at_the_door = broken.play(scenario), Cut(0, is_made=False)
    told = broken.play(scenario, Death(0, at_the_door, at_the_door))
    assert (told.cuts, told.redeliveries) == (2, 2)
    assert told.meaning == uncut.meaning


def test_it_finds_a_call_that_leaves_by_another_door(broken: Stage) -> None:
    """Its crash points would go unseen."""
    with pytest.raises(Broken, match="another door"):
        broken.play(scenarios()["runs_and_failures"])
