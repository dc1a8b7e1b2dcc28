"""The part `crashes` of the proof: it holds of the product, and it finds what is planted."""

import io
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.money import Money
from ledger.domain.refund_cases import (
    CaseState,
    Decision,
    DecisionOutcome,
    RefundCase,
    RefundReason,
    RuleTrace,
    StateChange,
    SubmittedEvidence,
)
from ledger.domain.runs import FailedRun
from ledger.domain.texts import Text, text
from ledger.ports.commit import Commit, Refusal
from ledger.ports.gateway import Gateway, RefundToSend, SentRefund
from ledger.ports.store import Store
from ledger.runtime import runtime
from proof.crashes import Planned, differing, prove_one
from proof.crashes.functions import Cut
from proof.crashes.meaning import differences, meaning
from proof.crashes.play import READS, Broken, Death, Point, Stage, staged
from proof.crashes.scenarios import scenarios
from proof.work import Work
from tools import engines
from tools.devserver.gateway import Handler, handler_of
from tools.testing.builders import ADA, LATER, PI
from tools.verify import World

pytestmark = [
    pytest.mark.skipif(engines.unavailable("ministack") is not None, reason="there is no MiniStack"),
    pytest.mark.usefixtures("few_shards"),
]


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

    def find_refunds(self, refund: RefundToSend) -> tuple[SentRefund, ...]:  # noqa: ARG002 - the port's
        return ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)


def planted(folder: str) -> Handler:
    """A function with a bug, found in its own process."""
    here = runtime()
    if folder == "payment_succeeded":
        here.store = TwoWrites(here.store)
    if folder == "send_refunds":
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
def broken(few_shards: None) -> Iterator[Stage]:  # noqa: ARG001 - the functions are forked from this process
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


def test_it_finds_a_receipt_that_is_written_before_its_grant(broken: Stage) -> None:
    """Dying between the two, the redelivery is taken for booked: the credits never come. The money tells it."""
    assert "nothing got" in found(broken, "stripe_pack_bought", "TransactWriteItems")


def test_it_finds_a_refund_that_is_sent_without_looking_first(broken: Stage) -> None:
    """Paddle knows no idempotency keys: dying before it is written down that it was sent, it is sent twice."""
    assert "/paddle/adjustments" in found(broken, "reviewed_and_partly_refunded", "POST /adjustments")


def test_cuts_that_leave_the_same_behind_are_one(broken: Stage) -> None:
    """Before the first call of each invocation, and after each write; reads leave nothing."""
    made = [
        "POST DynamoDB_20120810.BatchGetItem",
        "POST DynamoDB_20120810.TransactWriteItems",
        "GET /refunds",
        "POST /r",
    ]
    points = [Point(number, call, f"f: {what}") for number in (0, 1) for call, what in enumerate(made)]
    assert [(point.invocation, cut.call, cut.is_made) for point, cut in differing(points)] == [
        *((0, 0, False), (1, 0, False)),
        *((0, 1, True), (0, 3, True), (1, 1, True), (1, 3, True)),
    ]
    called = {point.what.partition(": ")[2] for point in broken.play(scenarios()["charged_back_at_paddle"]).points}
    reads = {what for what in called if Point(0, 0, f"f: {what}").is_read}
    assert {what.rpartition(".")[2] for what in reads if what.startswith("POST")} <= READS
    assert {"POST DynamoDB_20120810.TransactWriteItems", "POST /transactions"} <= called - reads


NINE, EIGHT = Money(amount_minor=900, currency="EUR"), Money(amount_minor=800, currency="EUR")


def change(from_state: CaseState, to_state: CaseState, cause: Text) -> StateChange:
    """A step of a case."""
    return StateChange(at=LATER, from_state=from_state, to_state=to_state, cause=cause, actor="policy")


REQUESTED = change(
    CaseState.DECLARED, CaseState.REQUESTED, text("change.decided", rule="right_of_withdrawal", clause="2")
)
CASE = RefundCase(
    case_id="case_1",
    account_id=ADA,
    payment_id=PI,
    reason=RefundReason.WITHDRAWAL,
    state=CaseState.REQUESTED,
    opened_at=LATER,
    opened_by=ADA,
    correlation_id="req_1",
    submitted_evidence=SubmittedEvidence(happened_at=LATER),
    decision=Decision(
        outcome=DecisionOutcome.WAIT,
        clause="2",
        rule="right_of_withdrawal",
        reasons=(),
        policy_version="1",
        explanation=(RuleTrace(rule="open_dispute", decided=False, why=(text("why.no_open_dispute"),)),),
        inputs=(text("input.paid", amount=NINE, at=LATER),),
    ),
    decided_at=LATER,
    confirmed_at=LATER,
    history=(REQUESTED,),
)
DECISION = CASE.decision or pytest.fail("there is one")
LOST = {
    "confirmed_at": replace(CASE, confirmed_at=None),
    "decided_at": replace(CASE, decided_at=None),
    "happened_at": replace(CASE, submitted_evidence=SubmittedEvidence()),
    "history": replace(CASE, history=()),
    "explanation": replace(CASE, decision=replace(DECISION, explanation=())),
    "inputs": replace(CASE, decision=replace(DECISION, inputs=(text("input.paid", amount=EIGHT, at=LATER),))),
}


@pytest.mark.parametrize("what", LOST)
def test_it_finds_what_a_case_has_lost(what: str) -> None:
    """That something was done is compared, not when."""
    (told,) = differences(meaning(World(cases={"case_1": CASE}), {}), meaning(World(cases={"case_1": LOST[what]}), {}))
    assert what in told


def test_it_may_be_done_later() -> None:
    """Whoever was dead for a minute decides a minute later."""
    later = LATER + timedelta(minutes=1)
    second = replace(
        CASE,
        decided_at=later,
        history=(replace(REQUESTED, at=later),),
        decision=replace(DECISION, inputs=(text("input.paid", amount=NINE, at=later),)),
    )
    assert not differences(meaning(World(cases={"case_1": CASE}), {}), meaning(World(cases={"case_1": second}), {}))


def test_a_refund_s_end_may_be_heard_before_who_sent_it_writes_so() -> None:
    """The case is settled from `approved` then; that it is settled at all has to be told."""
    told = []
    issued = change(CaseState.APPROVED, CaseState.ISSUED, text("change.refund_reported", refund="re_1"))
    succeeded = text("change.refund_succeeded", refund="re_1")
    for history in (
        (issued, change(CaseState.ISSUED, CaseState.REFUNDED, succeeded)),
        (change(CaseState.APPROVED, CaseState.REFUNDED, succeeded),),
        (issued,),
    ):
        told.append(meaning(World(cases={"case_1": replace(CASE, history=history)}), {}))
    assert not differences(told[0], told[1])
    assert differences(told[0], told[2])


def test_it_finds_another_error_or_another_why() -> None:
    """What the tagging service said of a failure, and support of an act."""
    failed, act = FailedRun(run_id="run_1", credits=5, at=LATER, error="out of memory"), act_of("It was told.")
    known = World(failed_runs=[(ADA, failed)], audit_records=[(ADA, act)])
    other = World(failed_runs=[(ADA, replace(failed, error=""))], audit_records=[(ADA, act_of(""))])
    told = "\n".join(differences(meaning(known, {}), meaning(other, {})))
    assert "/error" in told
    assert "/acts" in told


def act_of(why: str) -> AuditRecord:
    """A hold, laid by a person."""
    return AuditRecord(actor="sue", action=AuditAction.HOLD, subject="support:odd", reason=why, at=LATER, step=1)


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
