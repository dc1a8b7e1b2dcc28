"""What happened, in words: how far our answer to a bank is, and until when it is taken."""

import re
from dataclasses import replace
from datetime import datetime

import pytest

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.facts import DisputeState, EvidenceState
from ledger.domain.ids import PaymentId
from ledger.domain.purchases import Purchase
from ledger.domain.runs import FailedRun
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.domain.texts import text
from ledger.usecases.chain_lines import (
    act_line,
    actor_in_words,
    cause_in_words,
    failed_run_line,
    names_of_lots,
    order_line,
    purchase_lines,
    subject_act_line,
    subscription_line,
)
from tools.testing.builders import NOON, PI, at, dispute, ordered, payment
from tools.testing.fakes import FakeStore

OPEN = "stripe:pi_1: dispute dp_1 over 20.00 USD is open"
UNTIL = "; the bank takes evidence until 1 Nov 2026, 13:30 UTC"


@pytest.mark.parametrize(
    ("state", "evidence", "due_at", "words"),
    [
        (DisputeState.OPEN, None, None, OPEN),
        (DisputeState.OPEN, None, at(90), OPEN + UNTIL),
        (DisputeState.OPEN, EvidenceState.NONE, None, f"{OPEN}; no evidence was handed in"),
        (DisputeState.OPEN, EvidenceState.NONE, at(90), f"{OPEN}; no evidence was handed in{UNTIL}"),
        (DisputeState.OPEN, EvidenceState.DRAFT, at(90), f"{OPEN}; evidence is saved, and not handed in{UNTIL}"),
        (
            DisputeState.INQUIRY,
            EvidenceState.SUBMITTED,
            at(90),
            f"{OPEN.replace('open', 'inquiry')}; evidence was handed in",
        ),
        (
            DisputeState.UNDER_REVIEW,
            EvidenceState.SUBMITTED,
            at(90),
            f"{OPEN.replace('open', 'under review')}; evidence was handed in",
        ),
        (
            DisputeState.LOST,
            EvidenceState.NONE,
            at(90),
            f"{OPEN.replace('open', 'lost')}; no evidence was handed in",
        ),
    ],
)
def test_a_dispute_says_what_was_handed_in_and_what_is_due(
    state: DisputeState, evidence: EvidenceState | None, due_at: datetime | None, words: str
) -> None:
    """A deadline is said while an answer is awaited."""
    told = replace(dispute(state), evidence=evidence, evidence_due_at=due_at)
    (line,) = [
        one for one in purchase_lines(Purchase(payment_id=PI).with_facts(payment(), told)) if "dispute" in one.words
    ]
    assert line.words == words


def test_an_order_is_found_by_its_id_and_by_the_key_that_its_payments_name() -> None:
    """And says whether it is paid."""
    store = FakeStore()
    ordered(store)
    order = store.fulfilment_keys["order/ord_1"].terms
    assert order
    line = order_line(order, [])
    assert line.ids == {order.order_id, f"order/{order.order_id}"}
    assert (line.is_open, line.words.endswith("; not paid")) == (True, True)
    assert not order_line(order, [PI]).is_open


@pytest.mark.parametrize("status", SubscriptionStatus)
def test_a_subscription_says_its_state(status: SubscriptionStatus) -> None:
    """Of a plan that is known, or not."""
    known = Subscription(subscription_id="stripe:sub_1", status=status, at=at(0), cause="stripe:evt_1")
    line = subscription_line(known)
    assert line.words.startswith(f"subscription stripe:sub_1 to an unknown plan is {status.replace('_', ' ')}")
    assert {"stripe:evt_1", "stripe:sub_1"} <= line.ids
    named = subscription_line(replace(known, product_id="creator_monthly"))
    assert named.words.startswith("subscription stripe:sub_1 to creator_monthly is ")


def test_a_failed_run_is_found_by_its_id_and_by_the_cause_of_its_entries() -> None:
    """Also once an incident has replaced it."""
    failed = FailedRun(run_id="run_1", credits=5, at=at(0))
    assert failed_run_line("acct_ada", failed).ids == {"run_1", "run:run_1"}
    replaced = failed_run_line("acct_ada", replace(failed, replaced_by="inc_1"))
    assert replaced.about == {"inc_1"}
    assert "replaced by inc_1" in replaced.words


def test_a_person_is_named_as_such_and_a_rule_by_its_words() -> None:
    """What is stored names both by a code."""
    said = [cause_in_words(text("change.decided", rule=rule, clause="6")) for rule in ("person:sue", "wrong_amount")]
    assert said == ["Decided by sue, clause 6.", "Decided by the rule “wrong amount”, clause 6."]
    assert [actor_in_words(one) for one in ("send_refunds", "sue")] == ["the system", "sue"]


@pytest.mark.parametrize("action", AuditAction)
def test_each_act_of_support_has_words_of_its_own(action: AuditAction) -> None:
    """Of an account's and of what belongs to none: an act without them would end each page that shows it."""
    record = AuditRecord(actor="staff_sue", action=action, subject="case_1", reason="A letter.", at=NOON, step=0)
    of_account, of_none = act_line("acct_ada", record).words, subject_act_line(record).words
    (done,) = re.findall(r"^staff_sue (.+) case_1 of acct_ada: A letter\.$", of_account)
    assert of_none == f"staff_sue {done} case_1: A letter."
    others = [replace(record, action=other) for other in AuditAction if other is not action]
    assert of_none not in {subject_act_line(other).words for other in others}


@pytest.mark.parametrize("turned", [1, -1])
def test_lots_that_were_paid_twice_are_named_by_the_original_payment(turned: int) -> None:
    """Whichever is read first: the twin granted nothing."""
    original = payment(fulfilment_key="order/ord_1")
    twin = payment(PaymentId("stripe:pi_2"), fulfilment_key="order/ord_1", paid_minor=2500, minute=60 * 24)
    purchases = [Purchase(payment_id=one.payment_id).with_facts(one) for one in (original, twin)]
    assert names_of_lots(purchases[::turned]) == {"order/ord_1/0": "1,000 credits of 1 Nov 2026, 20.00 USD"}
