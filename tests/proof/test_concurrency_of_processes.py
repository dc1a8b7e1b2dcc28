"""The part of the proof that plays races between processes: it runs, and it finds what it is there to find."""

import io

import pytest

from ledger.domain.facts import RefundAbandoned, RefundApproved
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import RefundReason
from ledger.domain.texts import Text
from proof.concurrency import account
from proof.concurrency.calls import Issue
from proof.concurrency.part import case_of, misgiven, run, too_few_decided
from proof.concurrency.pool import OpenStore
from proof.work import Work
from tools.engines import unavailable
from tools.testing.builders import at, payment
from tools.testing.careless_store import LosesUpdates, SpendsBlindly
from tools.verify import World

pytestmark = pytest.mark.skipif(bool(unavailable("dynamodb-local")), reason="only AWS's own engine proves this")


class UntilFound(Work):
    """Work that ends with the first thing that is found."""

    @property
    def is_over(self) -> bool:
        return bool(self.found) or super().is_over


def worked(open_store: OpenStore, seconds: float) -> Work:
    """What came of so many seconds."""
    work = UntilFound("concurrency", 7, seconds, out=io.StringIO())
    run(work, open_store, processes=8)
    return work


@pytest.mark.parametrize("careless", [LosesUpdates, SpendsBlindly])
def test_a_careless_store_is_found(careless: OpenStore) -> None:
    """The history that shows it is told."""
    found = worked(careless, 60).found
    assert any("no serial order explains what was answered" in what for what in found)


APPROVED = RefundApproved(tag="case_1-1", case_id="case_1", amount_minor=900, at=at(70), cause="")
GIVEN_UP = RefundAbandoned(tag="case_1-1", reason=Text(key=""), at=at(80), cause="")


def test_a_refund_that_is_never_sent_is_found() -> None:
    """By what the provider gave back in the end, and by the last sender's answer."""
    approved = {APPROVED.key: APPROVED}
    assert misgiven(2000, [900], approved) is None
    assert misgiven(2000, [], approved) == "2000 was paid, [900] is due, and [] went back"
    assert misgiven(2000, [900, 900], approved)
    assert misgiven(800, [900], approved)
    assert misgiven(2000, [], approved | {GIVEN_UP.key: GIVEN_UP}) is None
    assert misgiven(2000, [900], approved | {GIVEN_UP.key: GIVEN_UP})

    name = PaymentId("stripe:pi_1")
    refund_case = account.Case("case_1", name, RefundReason.TECHNICAL_PROBLEM, "key_1", at(60), "approved", approvals=1)
    known = account.Account().hears([name], [APPROVED]).files(refund_case)
    for answer, may_be_last in (("leased", False), ("unclear", False), ("ended", False), ("sent", True)):
        last = Issue(tag="case_1-1", now=at(100), is_last=True)
        assert bool(account.step(known, last, (answer,))) == may_be_last
    assert account.step(known, Issue(tag="case_1-1", now=at(80)), ("unclear",))


def test_histories_that_are_left_undecided_are_no_proof() -> None:
    """A few of many may be."""
    assert too_few_decided({"histories": 20, "histories left undecided": 2}) is None
    assert too_few_decided({"histories": 20}) is None
    assert too_few_decided({"histories": 20, "histories left undecided": 3})


def test_what_is_broken_in_a_table_is_told_with_its_own_case() -> None:
    """A table holds many cases; the name of what is broken, or its account, says whose it is."""
    settled = payment(PaymentId("paddle:txn_1"), account_id=AccountId("acct_31_2"))
    home = Purchase(payment_id=settled.payment_id, facts={settled.key: settled})
    world = World(payments={home.payment_id: home})
    assert case_of(["acct_17_0/order/ord_1/0"], world) == 17
    assert case_of(["paddle:txn_1"], world) == 31
    assert case_of(["entry_1"], world) is None
