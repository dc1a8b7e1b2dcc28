"""What happened, in words and with the ids that it names: of each record, whose fields differ from one another."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Any, get_args

import pytest

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.entries import CounterAccount, Entry, EntryKind
from ledger.domain.facts import (
    AmountStated,
    BalanceCredited,
    ChargebackChanged,
    ChargebackState,
    ConsentChanged,
    CreditsReplaced,
    CustomerWrote,
    DisputeState,
    EvidenceState,
    Fact,
    FraudWarned,
    HoldLifted,
    MoneyLinked,
    PaymentFailed,
    PaymentSettled,
    RefundAbandoned,
    RefundApproved,
    RefundAttempted,
    RefundDeclined,
    RefundSent,
    RefundTotalReported,
    ResolutionReported,
    WithdrawalChanged,
)
from ledger.domain.ids import OrderId, PaymentId
from ledger.domain.mails import MailKind, MailOutcome, MailRecord
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import ParkReason, Receipt, RecordOutcome
from ledger.domain.refund_cases import CaseState, Decision, DecisionOutcome, RefundCase, RefundReason, StateChange
from ledger.domain.runs import FailedRun
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.domain.texts import text
from ledger.domain.timeline import TimelineRow, TimelineRowKind
from ledger.usecases.chain import Line, lines_that_concern
from ledger.usecases.chain_lines import (
    act_line,
    actor_in_words,
    case_lines,
    cause_in_words,
    entry_line,
    failed_run_line,
    look_line,
    mail_words,
    names_of_lots,
    order_line,
    purchase_lines,
    receipt_line,
    subject_act_line,
    subscription_line,
)
from tools.testing.builders import (
    ADA,
    CH,
    CONSENT,
    IN,
    NOON,
    ORDER,
    PI,
    at,
    dispute,
    ordered,
    own_words,
    payment,
    refund,
)
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


RECEIVED: dict[str, Any] = {"at": at(5), "cause": "stripe:evt_7"}
FACTS: tuple[tuple[Fact, str, set[str]], ...] = (
    (
        replace(payment(fulfilment_key="order/ord_1", paid_minor=2100), invoice_number="INV-1", covers="period/x"),
        "paid 21.00 USD for order/ord_1: 1,000 credits",
        {"ord_1", "order/ord_1", "order/ord_1/0", "period/x", "INV-1", "stripe:stripe:pi_1"},
    ),
    (payment(credits_=900), "paid 20.00 USD for no order: 900 credits", {"stripe:pi_1/0", "stripe:stripe:pi_1"}),
    (PaymentFailed(**RECEIVED), "an attempt to pay failed", set()),
    (refund(300), "refund re_1 of 3.00 USD is succeeded (begun at the provider)", {"refund:re_1", "re_1"}),
    (
        replace(refund(300), tag="case_1-1", currency="EUR"),
        "refund re_1 of 3.00 EUR is succeeded (approval case_1-1)",
        {"refund:re_1", "re_1", "case_1-1"},
    ),
    (
        RefundApproved(tag="case_1-1", case_id="case_1", amount_minor=400, **RECEIVED),
        "a refund of 4.00 USD was approved (case_1-1)",
        {"approved:case_1-1", "case_1-1", "case_1"},
    ),
    (
        RefundApproved(tag="case_1-2", case_id="case_1", amount_minor=400, takes_credits=False, **RECEIVED),
        "a refund of 4.00 USD was approved (case_1-2), the credits stay",
        {"approved:case_1-2", "case_1-2", "case_1"},
    ),
    (
        RefundAttempted(tag="case_1-1", sale_id=PI, parts=(), attempt=3, **RECEIVED),
        "sending case_1-1 began, attempt 3",
        {"attempted:case_1-1", "case_1-1"},
    ),
    (
        RefundSent(tag="case_1-1", refund_id="re_1", **RECEIVED),
        "the provider accepted case_1-1 as re_1",
        {"sent:case_1-1", "case_1-1", "re_1"},
    ),
    (
        RefundAbandoned(tag="case_1-1", reason=text("not_sent.dispute_open"), **RECEIVED),
        "case_1-1 is not sent: The refund was not sent: a dispute of the payment is open.",
        {"abandoned:case_1-1", "case_1-1"},
    ),
    (
        RefundDeclined(case_id="case_1", reason="wrong_amount", clause="6", reasons=(), **RECEIVED),
        "a person declined a refund, wrong amount (case_1)",
        {"declined:wrong_amount", "case_1"},
    ),
    (
        RefundTotalReported(charge_id="ch_1", total_minor=500, currency="EUR", **RECEIVED),
        "5.00 EUR of ch_1 were refunded in all",
        {"refund_total:ch_1"},
    ),
    (dispute(amount_minor=600), "dispute dp_1 over 6.00 USD is open", {"dispute:dp_1", "dp_1"}),
    (
        ChargebackChanged(
            adjustment_id="adj_1",
            kind="chargeback_warning",
            is_reversal=True,
            state=ChargebackState.TAKEN,
            amount_minor=700,
            currency="EUR",
            created_at=at(4),
            **RECEIVED,
        ),
        "chargeback warning reversal adj_1 of 7.00 EUR is taken",
        {"chargeback:adj_1", "adj_1"},
    ),
    (
        BalanceCredited(credit_id="cn_1", amount_minor=800, currency="EUR", created_at=at(4), **RECEIVED),
        "8.00 EUR went to the buyer's balance (cn_1)",
        {"credit:cn_1", "cn_1"},
    ),
    (
        MoneyLinked(money_id=PI, sale_id=IN, amount_minor=900, **RECEIVED),
        "stripe:pi_1 paid 9.00 USD of stripe:in_1",
        {"link:stripe:pi_1:stripe:in_1"},
    ),
    (
        ConsentChanged(order_id=OrderId("ord_1"), is_complete=True, step=2, **RECEIVED),
        "the consent of order ord_1 is complete",
        {"consent:ord_1", "ord_1"},
    ),
    (
        WithdrawalChanged(case_id="case_1", stands=False, step=2, **RECEIVED),
        "the withdrawal case_1 was declined",
        {"withdrawal:case_1", "case_1"},
    ),
    (
        CreditsReplaced(case_id="case_1", credits=1100, **RECEIVED),
        "1,100 credits were given instead of money (case_1)",
        {"replaced:case_1", "case_1"},
    ),
    (
        CustomerWrote(case_id="case_1", **RECEIVED),
        "the customer wrote to us about it (case_1)",
        {"wrote:case_1", "case_1"},
    ),
    (
        HoldLifted(hold_id="dispute:dp_1", actor="sam", **RECEIVED),
        "sam lifted dispute:dp_1",
        {"lifted:dispute:dp_1"},
    ),
    (
        AmountStated(subject="refund:re_1", amount_minor=920, actor="sam", **RECEIVED),
        "sam stated 9.20 USD for refund:re_1",
        {"amount:refund:re_1"},
    ),
    (
        FraudWarned(warning_id="issfr_1", is_actionable=True, **RECEIVED),
        "the issuer warned of fraud",
        {"fraud_warning:issfr_1"},
    ),
    (
        ResolutionReported(subject="dispute:dp_1", **RECEIVED),
        "the card network refunded the buyer",
        {"resolution:dispute:dp_1"},
    ),
)


@pytest.mark.parametrize(("fact", "words", "ids"), FACTS)
def test_a_fact_says_what_was_reported_when_and_which_ids_it_names(fact: Fact, words: str, ids: set[str]) -> None:
    """What many payments have in common, its customer and its subscription, leads to none of them."""
    settled = fact if isinstance(fact, PaymentSettled) else payment()
    settled = replace(settled, customer_id="stripe:cus_1", subscription_id="stripe:sub_1")
    facts = {fact.key: fact, settled.key: settled}
    lines = [*purchase_lines(Purchase(payment_id=PI, names=frozenset({PI, CH}), facts=facts))]
    line = lines[sorted(facts).index(fact.key)]
    assert (line.at, line.kind, line.words, line.is_open) == (fact.at, "fact", f"stripe:pi_1: {words}", False)
    assert line.ids == ids | {fact.cause, PI, CH}
    assert line.about == {"stripe:cus_1", "stripe:sub_1"}


def test_each_kind_of_fact_has_a_line_of_its_own() -> None:
    """A new one needs words."""
    assert {type(fact) for fact, *_ in FACTS} == {*get_args(Fact)}


def test_what_waits_for_its_payment_says_so() -> None:
    """Its amount is in a currency that nobody knows yet. A failed attempt waits for nothing."""
    approved = RefundApproved(tag="case_1-1", case_id="case_1", amount_minor=400, **RECEIVED)
    purchase = Purchase(payment_id=PI).with_facts(approved, PaymentFailed(**RECEIVED))
    assert {line.words: line.is_open for line in purchase_lines(purchase)} == {
        "stripe:pi_1: a refund of 4.00 in minor units was approved (case_1-1);"
        " its payment was not reported: it counts when that is": True,
        "stripe:pi_1: an attempt to pay failed": False,
    }


@pytest.mark.parametrize(
    ("changes", "words", "is_open"),
    [
        ({}, "booked (by hand)", False),
        (
            {"outcome": RecordOutcome.PARKED, "parked_reason": ParkReason.NO_ACCOUNT},
            "parked, no account (by hand); another event or order that says whose it is, or a person, releases it",
            True,
        ),
        ({"received_at": at(65)}, "booked (by hand); received 1 Nov 2026, 13:05 UTC", False),
        ({"detail": "", "muted_by": "mute_1"}, "booked", False),
        (
            {"outcome": RecordOutcome.PARKED, "parked_reason": ParkReason.NO_ACCOUNT, "detail": ""},
            "parked, no account; another event or order that says whose it is, or a person, releases it",
            True,
        ),
    ],
)
def test_an_event_says_what_became_of_it(changes: dict[str, Any], words: str, *, is_open: bool) -> None:
    """It names what it reported; its customer has many events."""
    receipt = Receipt(
        provider="stripe",
        event_id="evt_7",
        event_type="charge.updated",
        occurred_at=at(5),
        received_at=at(6),
        outcome=RecordOutcome.BOOKED,
        body_sha256="0" * 64,
        correlation_id="case_1",
        customer_id="stripe:cus_1",
        account_id=ADA,
        detail="by hand",
        muted_by="mute_1",
        facts={"refund:re_1": "0123"},
    )
    line = receipt_line(replace(receipt, **changes), "in_1")
    assert (line.at, line.kind) == (at(5), "event")
    assert (line.words, line.is_open) == (f"event stripe:evt_7 (charge.updated): {words}", is_open)
    assert line.ids == {"stripe:evt_7", "refund:re_1"}
    assert line.about == {"in_1", "stripe:cus_1"}
    assert receipt_line(replace(receipt, customer_id=None)).about == set()


def test_a_case_says_its_steps_and_its_decision_each_at_its_time() -> None:
    """Who did what, why and by which clause. The last step is open while the case is."""
    case = RefundCase(
        case_id="case_1",
        account_id=ADA,
        payment_id=PI,
        reason=RefundReason.WRONG_AMOUNT,
        state=CaseState.APPROVED,
        opened_at=at(60),
        opened_by="sue",
        correlation_id="req_1",
        asked_at=at(50),
        confirmed_at=at(55),
        decided_at=at(70),
        decided_by="sam",
        decision=Decision(
            outcome=DecisionOutcome.APPROVE,
            recommended=DecisionOutcome.DECLINE,
            clause="6",
            rule="person:sam",
            reasons=own_words("Half of it."),
            policy_version="3",
        ),
        history=(
            StateChange(
                at=at(61),
                from_state=CaseState.REQUESTED,
                to_state=CaseState.IN_REVIEW,
                cause=text("change.decided", rule="wrong_amount", clause="4"),
                actor="policy",
            ),
            StateChange(
                at=at(71),
                from_state=CaseState.IN_REVIEW,
                to_state=CaseState.APPROVED,
                cause=text("change.decided", rule="person:sam", clause="6"),
                actor="sam",
            ),
        ),
    )
    lines = [*case_lines(case)]
    assert {line.ids for line in lines} == {frozenset({"case_1", PI, "req_1"})}
    assert [(line.at, line.is_open, line.words) for line in lines] == [
        (at(60), False, "case_1: a refund was requested, wrong amount"),
        (at(61), False, "case_1: sent to a person, by the policy. Decided by the rule “wrong amount”, clause 4."),
        (at(71), True, "case_1: refund approved, by sam. Decided by sam, clause 6."),
        (at(70), False, "case_1: the decision by sam, clause 6: refund. Half of it."),
    ]
    ended = [*case_lines(replace(case, state=CaseState.DECLINED))]
    assert not any(line.is_open for line in ended)


def test_a_mail_says_what_it_was_about_and_what_became_of_it() -> None:
    """Of its subject the order, not what tells several of its mails apart."""
    record = MailRecord(
        kind=MailKind.WITHDRAWAL_INFORMATION,
        subject="ord_1/2",
        account_id=ADA,
        listed_at=at(5),
        outcome=MailOutcome.REFUSED,
        ended_at=at(6),
        message_id="ses_1",
        language="de",
        body_sha256="0123",
        reason="MessageRejected",
    )
    words = "mail about ord_1: information about the right of withdrawal; not accepted for delivery"
    assert mail_words(record) == words
    bounced = replace(record, failure="bounce", failed_at=at(7))
    assert mail_words(bounced) == f"{words}, then a bounce was reported"


def test_an_act_says_what_it_moved_and_a_look_what_was_looked_at() -> None:
    """Money in its currency, credits in words. Both have the time at which they were done."""
    act = AuditRecord(
        actor="sam", action=AuditAction.APPROVE, subject="case_1", reason="A letter.", at=at(5), step=2, amount=1001
    )
    for unit, moved in (("EUR", "10.01 EUR"), ("credits", "1,001 credits")):
        words = f", {moved}: A letter."
        of_account, of_none = act_line(ADA, replace(act, unit=unit)), subject_act_line(replace(act, unit=unit))
        assert of_account.words == f"sam approved a refund in case_1 of acct_ada{words}"
        assert of_none.words == f"sam approved a refund in case_1{words}"
        assert {(one.at, one.kind, one.ids) for one in (of_account, of_none)} == {(at(5), "act", frozenset({"case_1"}))}
    assert act_line(ADA, replace(act, amount=0)).words == "sam approved a refund in case_1 of acct_ada: A letter."
    look = look_line(TimelineRow(kind=TimelineRowKind.LOOK, subject="case case_1", at=at(6), actor="sue"))
    assert (look.at, look.words) == (at(6), "sue looked at case case_1")
    assert look.ids == {"case case_1"}


def test_an_entry_says_what_moved_in_which_lot_and_why() -> None:
    """At the time at which it happened. It names what caused it, with and without its kind."""
    entry = Entry(
        entry_id="order/ord_1/0/2/draw",
        account_id=ADA,
        kind=EntryKind.DRAW,
        counter=CounterAccount.USAGE,
        lot_id="order/ord_1/0",
        credits=-40,
        cause="run:run_1",
        correlation_id="req_1",
        occurred_at=at(5),
        recorded_at=at(6),
        step=2,
        expires_at=at(7),
    )
    line = entry_line(entry, 960, {})
    assert (line.at, line.words) == (at(5), "lot order/ord_1/0: drawn (run:run_1)")
    assert (line.credits, line.balance, line.lot_id) == (-40, 960, "order/ord_1/0")
    assert line.ids == {"order/ord_1/0/2/draw", "run:run_1", "run_1", "req_1", "order/ord_1/0"}
    assert entry_line(entry, 960, {entry.lot_id: "a pack"}).words == "a pack: drawn (run:run_1)"
    given = entry_line(replace(entry, lot_id="goodwill/incident/inc_1", cause="incident:inc_1"), None, {})
    assert given.words == (
        "given credits: granted, to replace the credits of runs that failed in an incident (incident:inc_1)"
    )


def test_an_id_leads_on_by_what_a_line_names_and_not_by_what_many_have_in_common() -> None:
    """From the refund to its payment, and on to the order; not to what else the customer bought."""
    refunded, bought, agreed, other = (
        Line(at(minute), "fact", "", frozenset(ids), about=frozenset({"cus_1"}))
        for minute, ids in enumerate((("re_1", "pi_1"), ("pi_1", "ord_1"), ("ord_1",), ("pi_2",)))
    )
    assert lines_that_concern("re_1", [refunded, bought, agreed, other]) == [refunded, bought, agreed]
    assert len(lines_that_concern("cus_1", [refunded, bought, agreed, other])) == 4


def test_an_order_says_what_was_agreed() -> None:
    """And whether its consent was confirmed, by whatever text it was given."""
    order = replace(ORDER, policy_version="3", price_minor=1900)
    words = "order order_1: pack_1000 for 19.00 EUR through stripe, country DE, policy 3, consent"
    for consent, state in (
        (CONSENT, "confirmed"),
        (replace(CONSENT, confirmation_id=None), "not confirmed"),
        (None, "none"),
    ):
        line = order_line(replace(order, consent=consent), [PI])
        assert (line.at, line.kind, line.words) == (order.made_at, "order", f"{words} {state}")


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
    whole = replace(known, period_end=at(90), pauses_at=at(30), resumes_at=at(40), customer_id="stripe:cus_1")
    line = subscription_line(replace(whole, account_id=ADA))
    assert line.words.endswith(", paid to 1 Nov 2026, 13:30 UTC")
    assert line.at == at(0)
    assert line.about == {ADA}
    assert subscription_line(replace(whole, cancel_at=at(60))).words.endswith(", it ends 1 Nov 2026, 13:00 UTC")


def test_a_failed_run_is_found_by_its_id_and_by_the_cause_of_its_entries() -> None:
    """Also once an incident has replaced it."""
    failed = FailedRun(run_id="run_1", credits=5, at=at(0))
    line = failed_run_line("acct_ada", replace(failed, error="timeout", version=2))
    assert (line.at, line.about) == (at(0), frozenset())
    assert line.ids == {"run_1", "run:run_1"}
    assert line.words == "run run_1 of acct_ada failed: 5 credits were returned"
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
