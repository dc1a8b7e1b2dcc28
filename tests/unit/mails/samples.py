"""Letters of each kind, in each language, about a customer whose words are hostile."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from itertools import pairwise
from typing import Any

from ledger.domain.credit_notes import CreditNoteKind
from ledger.domain.ids import OrderId
from ledger.domain.orders import Consent
from ledger.domain.refund_cases import (
    BY_POLICY,
    CaseState,
    Decision,
    DecisionOutcome,
    RefundCase,
    RefundReason,
    StateChange,
)
from ledger.domain.texts import text
from ledger.mails.cases import Reported, case_update, credit_note
from ledger.mails.confirmation import ConfirmedOrder, Reseller, confirmation, withdrawal_information
from ledger.mails.letters import House, Letter
from ledger.mails.notices import (
    Declared,
    account_active,
    account_suspended,
    cancellation_confirmed,
    credits_replaced,
    declaration_notice,
    low_balance,
)
from ledger.mails.plans import PlanReported, price_changed, renewal_reminder
from ledger.mails.receipts import Received, receipt
from ledger.mails.writing import Writer
from ledger.policy.reminders import ReminderKind
from ledger.usecases.list_mails import step_name
from tests.unit.dynamodb.golden_items import CASE, NOTE, ORDER

AT = datetime(2026, 11, 29, 10, 25, 7, tzinfo=UTC)
HOUSE = House(
    seller="Actinium Agency",
    address="Serbia",
    email="support@imagetaggerai.com",
    account_url="https://imagetaggerai.com/billing",
    public_url="https://imagetaggerai.com",
)
HOSTILE = 'Robert"><script>alert(1)</script>\r\nBcc: all@example.com'
CONFIRMED = ConfirmedOrder(
    order=replace(
        ORDER,
        order_id=OrderId("ord_0123456789abcdef01234567"),
        made_at=AT,
        consent=Consent(given_at=AT, text_version="2026-11-01", asked_to_begin=True, acknowledged_loss=True),
    ),
    name="1,000 credits",
    paid_minor=2142,
    currency="EUR",
    paid_at=AT,
    expires_at=None,
    is_subscription=False,
    renews_every_months=None,
    renews_on=None,
    has_right=True,
    reseller=None,
    policy_text="Legal\nRefund & Cancellation Policy\nClause 1 <b>",
)
PADDLE = Reseller(name="Paddle.com", page="paddle.net")


def confirmed(**changes: object) -> Callable[[Writer], Letter]:
    """Return what writes the confirmation of an order."""
    return lambda writer: confirmation(replace(CONFIRMED, **changes), "mail_1", writer)  # type: ignore[arg-type]


def informed(**changes: object) -> Callable[[Writer], Letter]:
    """Return what writes the information about the right of withdrawal."""
    return lambda writer: withdrawal_information(replace(CONFIRMED, **changes), AT, "mail_1", writer)  # type: ignore[arg-type]


DECISION = Decision(
    outcome=DecisionOutcome.DECLINE,
    clause="2",
    rule="packs",
    reasons=(text("decision.own_words", words=HOSTILE), text("decision.based_on_clause", clause="2")),
    policy_version="2026-11-01",
    money_minor=2142,
    currency="EUR",
    credits=500,
)


def case(*states: CaseState, actor: str = BY_POLICY, reason: RefundReason = RefundReason.WITHDRAWAL) -> RefundCase:
    """A case that went through these states."""
    cause = text("change.refund_accepted", refund="re_1", state="pending")
    steps = pairwise(states)
    history = (StateChange(at=AT, from_state=a, to_state=b, cause=cause, actor=actor) for a, b in steps)
    return replace(CASE, state=states[-1], reason=reason, decision=DECISION, confirmed_at=AT, history=tuple(history))


def update(*states: CaseState, **more: Any) -> Callable[[Writer], Letter]:
    """What writes the mail about the last step of a case."""
    reported = Reported(case=case(*states, **more), product="1,000 credits", paid_at=AT)
    step = len(states) - 1
    name = step_name(reported.case.history[step - 1], RefundReason.CHANGED_MY_MIND)
    assert name
    return lambda writer: case_update(reported, step, name, "mail_1", writer)


RECEIVED = Received(
    is_cancellation=False,
    reference="W-7K3F-9Q2M-4XNP",
    name=HOSTILE,
    contract="My order of last week, see https://example.com/offer",
    statement=f"I withdraw.\n{HOSTILE}\nhttp://evil.example and www.evil.example",
    received_at=AT,
    due_by=AT,
)
DECLARED = Declared(
    is_cancellation=False,
    reference="W-7K3F-9Q2M-4XNP",
    contract="pi_1234",
    received_at=AT,
    approval_url=f"{HOUSE.public_url}/declarations/W-7K3F-9Q2M-4XNP/approval?token=a",
    objection_url=f"{HOUSE.public_url}/declarations/W-7K3F-9Q2M-4XNP/objection?token=b",
)
RECEIPT_KINDS = {
    "withdrawal receipt": RECEIVED,
    "cancellation receipt": replace(RECEIVED, is_cancellation=True, due_by=None),
    "receipt with a login": replace(RECEIVED, name=""),
    "cancellation with a login": replace(RECEIVED, name="", is_cancellation=True, due_by=None, ends_on=AT),
}

PLAN = PlanReported(
    order_id=CONFIRMED.order.order_id,
    name="Creator Monthly",
    credits=1000,
    price_minor=1400,
    currency="EUR",
    charged_on=date(2026, 12, 1),
    provider="stripe",
)


def reminder(kind: ReminderKind, writer: Writer) -> Letter:
    """A reminder of a plan."""
    return renewal_reminder(PLAN, kind, "mail_1", writer)


LETTERS: Mapping[str, Callable[[Writer], Letter]] = {
    "pack": confirmed(),
    "pack that expires": confirmed(expires_at=AT),
    "plan": confirmed(
        is_subscription=True, name="Creator Monthly", renews_every_months=1, renews_on=date(2026, 12, 29)
    ),
    "plan of before": confirmed(is_subscription=True, order=replace(CONFIRMED.order, shown=None, renewal_consent=None)),
    "no consent": confirmed(order=replace(CONFIRMED.order, consent=None)),
    "reseller": confirmed(reseller=PADDLE),
    "business": confirmed(order=replace(CONFIRMED.order, is_business=True)),
    "no right": confirmed(has_right=False),
    "hostile": confirmed(name=HOSTILE),
    "late information": informed(),
    "late information of a reseller": informed(reseller=PADDLE),
    "received": update(CaseState.DECLARED, CaseState.REQUESTED),
    "review": update(CaseState.REQUESTED, CaseState.IN_REVIEW),
    "approved": update(CaseState.REQUESTED, CaseState.APPROVED),
    "declined": update(CaseState.REQUESTED, CaseState.DECLINED),
    "declined by a person": update(CaseState.IN_REVIEW, CaseState.DECLINED, actor="sam"),
    "replaced": update(CaseState.IN_REVIEW, CaseState.REPLACED),
    "refunded": update(CaseState.APPROVED, CaseState.REFUNDED),
    "failed": update(CaseState.ISSUED, CaseState.IN_REVIEW),
    **{name: partial(receipt, of, "mail_1") for name, of in RECEIPT_KINDS.items()},
    "withdrawal notice": partial(declaration_notice, DECLARED, "mail_1"),
    "cancellation notice": partial(declaration_notice, replace(DECLARED, is_cancellation=True), "mail_1"),
    "suspended": partial(account_suspended, ("dispute", "fraud", "support"), "mail_1"),
    "active": partial(account_active, "mail_1"),
    "replaced by an incident": partial(credits_replaced, 3, 1200, "mail_1"),
    "credit note": partial(credit_note, replace(NOTE, kind=CreditNoteKind.CREDIT, corrects=None), "Pack", "mail_1"),
    "correction": partial(credit_note, replace(NOTE, invoice_number=None), "Pack", "mail_1"),
    "low balance": partial(low_balance, 12, 0, "mail_1"),
    "low balance, others locked": partial(low_balance, 0, 1000, "mail_1"),
    "trial ends": partial(reminder, ReminderKind.TRIAL_END),
    "renews": partial(reminder, ReminderKind.RENEWAL),
    "runs": partial(reminder, ReminderKind.RUNNING),
    "new price": partial(price_changed, PLAN, 1200, "mail_1"),
    "cancelled": partial(cancellation_confirmed, "C-7K3F-9Q2M-4XNP", AT, "mail_1"),
    "cancelled, end unknown": partial(cancellation_confirmed, "C-7K3F-9Q2M-4XNP", None, "mail_1"),
}
