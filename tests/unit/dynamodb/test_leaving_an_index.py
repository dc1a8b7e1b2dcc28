"""What an index lists no longer loses the attributes that brought it there: else it is listed for ever."""

import re
from dataclasses import replace
from typing import Any

import pytest

from ledger.domain.facts import DisputeState, Fact, PaymentSettled, merge
from ledger.domain.holds import Hold
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import RecordOutcome
from ledger.domain.refund_cases import CaseState
from ledger.dynamodb.writes import Writes
from ledger.ports.commit import AccountChange, Commit, DocumentChange
from ledger.ports.documents import case_key
from tests.contract.test_store import case, parked
from tools.testing.builders import ADA, NOON, PI, dispute, payment, refund

HELD = {"dispute:stripe:dp_1": Hold(NOON, PI), "support:x": Hold(NOON, None)}


def changed(*facts: Fact) -> Purchase:
    """A stored purchase, with these facts by now."""
    return Purchase(payment_id=PI, names=frozenset({PI}), facts=merge({}, facts), version=1)


def account(*lifted: str) -> Commit:
    """An account of which these holds are lifted."""
    holds = dict.fromkeys(lifted)
    return Commit(account=AccountChange(account_id=ADA, version=1, holds=holds, held=HELD))


def is_written(commit: Commit) -> tuple[set[str], set[str]]:
    """The attributes that the commit's one update sets, and those that it removes."""
    ((_, operation),) = Writes("ledger").updates(commit)
    names: dict[str, Any] = operation["ExpressionAttributeNames"]
    clauses = dict(re.findall(r"(SET|REMOVE|ADD) (.+?)(?= REMOVE | ADD |$)", operation["UpdateExpression"]))

    def named(clause: str) -> set[str]:
        return {names[placeholder] for placeholder in re.findall(r"#\d+", clauses.get(clause, ""))}

    return named("SET"), named("REMOVE")


RELEASED = replace(parked(), outcome=RecordOutcome.BOOKED, parked_reason=None, detail="", body=None)
PAID: PaymentSettled = payment()
OPEN = case(1)
LEAVING: dict[str, tuple[set[str], Commit, Commit]] = {
    "a parked receipt that is booked": (
        {"parked_shard", "parked_reason", "body"},
        Commit(receipt=parked()),
        Commit(receipt=RELEASED),
    ),
    "facts whose payment comes": (
        {"waiting_shard", "waits_since"},
        Commit(purchases=(changed(refund()),)),
        Commit(purchases=(changed(refund(), PAID),)),
    ),
    "a dispute that is decided": (
        {"listed_in", "listed_at"},
        Commit(purchases=(changed(PAID, dispute()),)),
        Commit(purchases=(changed(PAID, dispute(DisputeState.WON)),)),
    ),
    "an account whose last hold is lifted": (
        {"listed_in", "listed_at"},
        account("support:x"),
        account(*HELD),
    ),
    "a case whose approval is taken back": (
        {"followed_shard", "moved_at"},
        Commit(
            documents=(
                DocumentChange(case_key(ADA, OPEN.case_id), replace(OPEN, state=CaseState.ISSUED, approvals=1), 1),
            )
        ),
        Commit(documents=(DocumentChange(case_key(ADA, OPEN.case_id), replace(OPEN, state=CaseState.DECLINED), 1),)),
    ),
}


@pytest.mark.parametrize("name", LEAVING)
def test_what_is_listed_no_longer_leaves_its_index_with_the_write_that_ends_it(name: str) -> None:
    """While it is listed the same write sets them."""
    attributes, listed, left = LEAVING[name]
    set_, removed = is_written(listed)
    assert attributes <= set_
    assert not attributes & removed
    set_, removed = is_written(left)
    assert attributes <= removed
    assert not attributes & set_
