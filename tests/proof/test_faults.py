"""The part of the proof that lets AWS and the providers fail: it holds, and it finds a mistake."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ledger.errors import StoreUnavailable
from ledger.ports import Commit, Gateway, RefundToSend, Refusal, SentRefund, Store
from proof.faults import Around, Size, play
from proof.work import Work
from tools import engines


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


def test_nothing_is_lost_or_doubled_when_a_fifth_of_the_calls_fail(ministack: str, proxy: str) -> None:
    """Every story once, and some lives."""
    work = played(ministack, proxy, Size(1, 1, ("withdraws-paddle", "pays-twice", "charges-back", "cancels")))
    assert work.found == []
    assert work.counts["deliveries made again"]
    assert work.counts["requests made again"]
    assert 0.15 < work.counts["of them failed"] / work.counts["calls to AWS"] < 0.3


@dataclass
class Hopeful:
    """A store that takes what was not answered for written."""

    store: Store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def commit(self, commit: Commit) -> Refusal | None:
        try:
            return self.store.commit(commit)
        except StoreUnavailable:
            return None


def test_a_store_that_hopes_is_found(ministack: str, proxy: str) -> None:
    """What is answered 200 and not stored is lost."""
    hopeful = Around(store=Hopeful)
    work = played(ministack, proxy, Size(copies_of_stories=1, lives=()), hopeful)
    assert any("has no receipt" in found for found in work.found), work.found


@dataclass
class Hasty:
    """A gateway that never looks whether a refund was sent before."""

    gateway: Gateway

    def __getattr__(self, name: str) -> Any:
        return getattr(self.gateway, name)

    def find_refund(self, refund: RefundToSend) -> SentRefund | None:  # noqa: ARG002 - the protocol's
        return None


def test_a_gateway_that_does_not_look_before_it_sends_again_is_found(ministack: str, proxy: str) -> None:
    """Paddle has no idempotency keys: when its answer is lost, the money goes back twice."""
    hasty = Around(gateway=Hasty)
    size = Size(0, 6, lives=("gets-a-part-paddle",), provider_faults=("lost_after",), late_refunds=1)
    work = played(ministack, proxy, size, hasty, seed=5)
    assert any("got 600 back, 300 is due" in found for found in work.found), work.found
