"""One record of each kind with every field set, and the items that it becomes. `python -m` this module writes them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from ledger.domain.accounts import Account
from ledger.domain.audit import (
    AuditAction,
    AuditRecord,
)
from ledger.domain.claims import CaseClaim
from ledger.domain.contacts import Contact
from ledger.domain.credit_notes import CreditNote, CreditNoteKind, CreditNoteSeries
from ledger.domain.declarations import (
    Channel,
    Declaration,
    DeclarationKind,
    DeclarationState,
    DeclaredContract,
    ListedDeclaration,
    ReviewCause,
    Submission,
)
from ledger.domain.entries import CounterAccount, Entry, EntryKind
from ledger.domain.facts import (
    BalanceCredited,
    ChargebackChanged,
    ChargebackState,
    ConsentChanged,
    CreditsReplaced,
    CustomerWrote,
    DisputeChanged,
    DisputeReason,
    DisputeState,
    EvidenceState,
    Fact,
    FraudWarned,
    HoldLifted,
    PaidLine,
    PaymentFailed,
    PaymentSettled,
    RefundAbandoned,
    RefundApproved,
    RefundChanged,
    RefundDeclined,
    RefundedItem,
    RefundSent,
    RefundState,
    RefundTotalReported,
    ResolutionReported,
    UngrantedLine,
    WithdrawalChanged,
)
from ledger.domain.holds import Hold
from ledger.domain.idempotency import (
    IdempotencyRecord,
)
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.incidents import Incident, IncidentShare, IncidentState, LeftOut, ListedIncident
from ledger.domain.index_rows import IndexRow, NameKind
from ledger.domain.lots import Lot
from ledger.domain.mails import MailIntent, MailKind, MailOutcome, MailRecord
from ledger.domain.money import Money
from ledger.domain.orders import (
    Checkout,
    Consent,
    LateInformation,
    OpenCheckout,
    Order,
    RenewalConsent,
    RenewalTerms,
    ShownInformation,
    Terms,
)
from ledger.domain.proposals import ActSums, Proposal, ProposalState, QueuedProposal
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Mute, ParkReason, Receipt, RecordOutcome
from ledger.domain.recent_requests import LimitedRequest, RecentRequests
from ledger.domain.refund_cases import (
    CaseState,
    Decision,
    DecisionOutcome,
    PaymentConcern,
    QueuedCase,
    RefundCase,
    RefundReason,
    RuleTrace,
    StateChange,
    SubmittedEvidence,
)
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.renewal_stops import RenewalStop
from ledger.domain.runs import FailedRun, Run
from ledger.domain.subjects import subject_of_event
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.domain.texts import text
from ledger.domain.timeline import TimelineRow, TimelineRowKind
from ledger.dynamodb import items, schema
from ledger.dynamodb.codec import Field, Shape
from ledger.dynamodb.writes import Writes
from ledger.ports.commit import AccountChange, Commit, FulfilmentKey, FulfilmentKeyChange, PaymentPointer
from ledger.ports.documents import (
    AwaitedOrder,
    CasePointer,
    CreditNotePointer,
    Document,
    JobCursor,
    OrderPointer,
    WatchedPlan,
    account_sums_key,
    actor_sums_key,
    audit_key,
    awaited_order_key,
    case_claim_key,
    case_key,
    case_pointer_key,
    checkout_key,
    contact_key,
    credit_note_key,
    credit_note_pointer_key,
    credit_note_series_key,
    declaration_key,
    declared_contract_key,
    deferred_queue_key,
    failed_run_key,
    idempotency_key,
    incident_key,
    incident_share_key,
    index_row_key,
    intent_key,
    job_cursor_key,
    listed_declaration_key,
    listed_incident_key,
    mail_intent_key,
    mail_record_key,
    mute_key,
    open_checkout_key,
    position_of,
    proposal_key,
    proposal_queue_key,
    recent_requests_key,
    renewal_stop_key,
    review_queue_key,
    running_incident_key,
    subject_act_key,
    subject_look_key,
    subject_request_key,
    timeline_row_key,
    watched_plan_key,
)
from tools.testing.stored_items import stored_by

FOLDER = Path(__file__).parent / "golden"
MISSING = FOLDER / "missing_attributes.txt"
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = AT + timedelta(days=3, microseconds=250_000)
ADA, PI = AccountId("acct_ada"), PaymentId("stripe:pi_1")
PERIOD = "period/stripe:sub_1/2026-11-01T00:00:00Z"
_ITEM = RefundedItem(line_id="li_1", amount_minor=500, is_tax_only=True)

FACTS: tuple[Fact, ...] = (
    PaymentSettled(
        payment_id=PI,
        account_id=ADA,
        paid_minor=2000,
        currency="EUR",
        lines=(
            PaidLine(
                line_id="li_1",
                product_id="creator",
                credits=1000,
                amount_minor=2000,
                expires_at=LATER,
                grace_from=AT,
                period_ends_at=LATER,
                terms="0123456789abcdef",
            ),
        ),
        at=AT,
        cause="stripe:evt_1",
        card_minor=1500,
        overcharge_minor=100,
        ungranted=(UngrantedLine(line_id="li_2", amount_minor=100, is_overcharge=True),),
        fulfilment_key="order/ord_1",
        covers=PERIOD,
        order_id=OrderId("ord_1"),
        subscription_id="sub_1",
        is_renewal=True,
        customer_id="stripe:cus_1",
        invoice_number="INV-1",
        billing_country="DE",
        has_company_data=True,
        has_other_tax_id=True,
        tax_minor=333,
        is_trial=True,
        locked_until=LATER,
    ),
    PaymentFailed(at=AT, cause="stripe:evt_2"),
    RefundChanged(
        currency="USD",
        created_at=AT,
        refund_id="re_1",
        state=RefundState.SUCCEEDED,
        amount_minor=500,
        at=LATER,
        cause="stripe:evt_3",
        items=(_ITEM,),
        tag="case_1-1",
    ),
    RefundApproved(
        tag="case_1-1",
        case_id="case_1",
        amount_minor=500,
        at=AT,
        cause="case:1",
        items=(_ITEM,),
        takes_credits=False,
        is_by_law=True,
        used_credits=7,
        is_repeated=True,
    ),
    RefundSent(tag="case_1-1", refund_id="re_1", at=AT, cause="case:1"),
    RefundAbandoned(
        tag="case_1-2", reason=text("not_sent.provider_refused", code="refused", message="No."), at=AT, cause="case:1"
    ),
    RefundDeclined(
        case_id="case_1",
        reason="withdrawal",
        clause="2",
        reasons=(text("decision.own_words", words="No."),),
        at=AT,
        cause="case:1",
    ),
    RefundTotalReported(currency="USD", charge_id="ch_1", total_minor=500, at=AT, cause="stripe:evt_4"),
    DisputeChanged(
        currency="USD",
        dispute_id="dp_1",
        state=DisputeState.UNDER_REVIEW,
        amount_minor=2000,
        opened_at=AT,
        at=LATER,
        cause="stripe:evt_5",
        movements=2,
        reason=DisputeReason.FRAUDULENT,
        evidence=EvidenceState.SUBMITTED,
        evidence_due_at=LATER,
    ),
    ChargebackChanged(
        currency="USD",
        adjustment_id="adj_1",
        kind="chargeback",
        is_reversal=True,
        state=ChargebackState.REVERSED,
        amount_minor=2000,
        created_at=AT,
        at=LATER,
        cause="paddle:evt_6",
    ),
    BalanceCredited(
        currency="USD",
        created_at=AT,
        credit_id="adj_2",
        is_reversal=True,
        amount_minor=10,
        at=AT,
        cause="paddle:evt_7",
    ),
    FraudWarned(warning_id="issfr_1", is_actionable=True, at=AT, cause="stripe:evt_8"),
    ResolutionReported(subject="dispute:dp_2", at=AT, cause="stripe:evt_9", money_id=PI),
    ConsentChanged(order_id=OrderId("ord_1"), is_complete=True, step=3, at=AT, cause="order:ord_1"),
    CreditsReplaced(case_id="case_3", credits=50, at=AT, cause="case:case_3"),
    CustomerWrote(case_id="case_2", at=AT, cause="case:case_2"),
    WithdrawalChanged(case_id="case_1", stands=True, step=2, at=AT, cause="case:case_1"),
    HoldLifted(hold_id="dispute:stripe:dp_1", actor="sam", at=AT, cause="act:1"),
)
PURCHASE = Purchase(
    payment_id=PI,
    names=frozenset({PI, PaymentId("stripe:ch_1")}),
    facts={fact.key: fact for fact in FACTS},
    is_duplicate=True,
    version=4,
)
LOT = Lot(
    lot_id="order/ord_1/0",
    granted=1000,
    expires_at=LATER,
    grace_from=AT,
    subscription_id="stripe:sub_1",
    drawn=10,
    refunded=20,
    disputed=30,
    expired=40,
    refund_target=50,
    dispute_target=60,
    reserve_target=70,
    reserved=80,
    is_frozen=True,
    source=CounterAccount.GOODWILL,
    locked_until=LATER,
    owes_no_refund=True,
    is_withdrawn=True,
)
SUBSCRIPTION = Subscription(
    subscription_id="stripe:sub_1",
    status=SubscriptionStatus.ACTIVE,
    at=AT,
    cause="stripe:evt_9",
    product_id="creator",
    period_end=LATER,
    cancel_at=LATER,
    pauses_at=AT,
    resumes_at=LATER,
    account_id=ADA,
    customer_id="stripe:cus_1",
)
REPORTED = replace(
    SUBSCRIPTION,
    left="state_1",
    instant=(replace(SUBSCRIPTION, status=SubscriptionStatus.PAST_DUE, cause="stripe:evt_8", left="state_2"),),
    version=3,
)
ACCOUNT = AccountChange(
    account_id=ADA,
    version=None,
    lots={LOT.lot_id: LOT},
    holds={"dispute:stripe:dp_1": Hold(AT, PI), "support:1": Hold(LATER, None)},
    flags={"inquiry:stripe:dp_2": AT},
    cases={"case_1": "stripe:pi_1/withdrawal"},
    subscription=SUBSCRIPTION,
    period=PERIOD,
    covered_by=PI,
)
ENTRY = Entry(
    entry_id="order/ord_1/0/7/restore/refunds",
    account_id=ADA,
    kind=EntryKind.RESTORE,
    counter=CounterAccount.REFUNDS,
    lot_id=LOT.lot_id,
    credits=1000,
    cause="stripe:evt_1",
    occurred_at=AT,
    recorded_at=LATER,
    correlation_id="stripe:evt_1",
    step=7,
    expires_at=LATER,
)
RUN = Run(
    account_id=ADA,
    run_id="run_1",
    drawn={LOT.lot_id: 10},
    at=AT,
    failed_at=LATER,
    returned={LOT.lot_id: 10},
    missing=5,
    resumed_at=LATER,
    version=2,
)
RECEIPT = Receipt(
    provider="stripe",
    event_id="evt_1",
    event_type="invoice.paid",
    occurred_at=AT,
    received_at=LATER,
    outcome=RecordOutcome.PARKED,
    body_sha256="0" * 64,
    correlation_id="stripe:evt_1",
    customer_id="stripe:cus_1",
    account_id=ADA,
    parked_reason=ParkReason.UNKNOWN_PRICE,
    muted_by="mute_1",
    detail="price_x",
    body=b'{"id": "evt_1"}',
    facts={"payment": "0123456789ab"},
)
ORDER = Order(
    order_id=OrderId("ord_1"),
    account_id=ADA,
    provider="stripe",
    product_id="pack_1000",
    price_minor=2000,
    currency="EUR",
    country="DE",
    is_business=False,
    policy_version="2026-11-01",
    made_at=AT,
    terms=Terms(
        kind="subscription",
        price_id="price_1",
        credits=1000,
        expires_after_days=30,
        rolls_over=True,
        renewal_grace_s=10800,
        usable_at_least_s=604800,
        trial_credits=50,
        lock_days=20,
    ),
    consent=Consent(
        given_at=AT,
        text_version="1",
        asked_to_begin=True,
        acknowledged_loss=True,
        confirmation_id="mail_2",
        confirmed_at=LATER,
        is_late=True,
        revoked_at=AT,
        further_ids=("mail_3",),
        returned_ids=("mail_1",),
    ),
    shown=ShownInformation(
        policy_version="1",
        text_version="1",
        language="de",
        digest="0123",
        at=AT,
        first_charge_minor=1200,
        first_charge_on=date(2026, 12, 1),
        button_label="zahlungspflichtig bestellen",
        total_minor=1200,
        renewal=RenewalTerms(amount_minor=1200, every_months=1, first_on=date(2026, 12, 1)),
    ),
    renewal_consent=RenewalConsent(given_at=AT, text_version="1", words="I agree to the renewals."),
    late_information=(
        LateInformation(number=1, asked_at=AT, sent_at=LATER, message_id="0103", returned_at=LATER),
        LateInformation(number=2, asked_at=LATER),
    ),
    agreement="4567",
    checkout=Checkout(checkout_id="cs_1", url="https://checkout.example/cs_1"),
    version=2,
)
CASE = RefundCase(
    case_id="case_1",
    account_id=ADA,
    payment_id=PI,
    reason=RefundReason.WITHDRAWAL,
    state=CaseState.IN_REVIEW,
    opened_at=AT,
    opened_by="sam",
    correlation_id="req_1",
    submitted_evidence=SubmittedEvidence(
        message="It failed.",
        email="ada@example.com",
        charged_on=date(2026, 11, 1),
        reference="INV-1",
        happened_at=AT,
        error_messages=("E1",),
        channel="email",
    ),
    mismatches=(text("mismatch.charged_on", charged_on=date(2026, 11, 1), submitted=date(2026, 10, 1)),),
    evidence=("screen.png",),
    decision=Decision(
        outcome=DecisionOutcome.REVIEW,
        clause="2",
        rule="right_of_withdrawal",
        reasons=(
            text("decision.withdrawal_part_used", used=250),
            text("decision.similar_payments", payments=("paddle:txn_1", "stripe:pi_2")),
        ),
        policy_version="1",
        money_minor=500,
        currency="EUR",
        credits=5,
        takes_credits=False,
        items=(_ITEM,),
        ends_subscription=True,
        ends_contract=True,
        recommended=DecisionOutcome.APPROVE,
        explanation=(RuleTrace(rule="right_of_withdrawal", decided=True, why=(text("decision.withdrawal_in_time"),)),),
        inputs=(text("input.paid", amount=Money(amount_minor=2000, currency="EUR"), at=AT),),
    ),
    decided_at=AT + timedelta(hours=1),
    decided_by="policy",
    deferred_until=LATER,
    contract_case_id="case_0",
    rest_due_at=LATER,
    asked_at=AT,
    confirmed_at=AT,
    approvals=1,
    history=(
        StateChange(
            at=AT,
            from_state=CaseState.DECLARED,
            to_state=CaseState.IN_REVIEW,
            cause=text("change.decided", rule="right_of_withdrawal", clause="2"),
            actor="policy",
        ),
    ),
    version=3,
)
INTENT = RefundIntent(
    tag="case_1-1",
    account_id=ADA,
    payment_id=PI,
    approved_at=AT,
    first_sent_at=AT,
    leased_until=LATER,
    attempts=2,
    last_error="timeout",
    version=1,
)

PROPOSAL = Proposal(
    proposal_id="prop_1",
    account_id=ADA,
    action=AuditAction.ADJUST,
    subject="adj_1",
    reason="A late reply.",
    request='{"credits": 500, "key": "key_1"}',
    amount=500,
    unit="credits",
    proposed_by="sam",
    proposed_at=AT,
    state=ProposalState.CONFIRMED,
    settled_by="kim",
    settled_at=LATER,
    version=1,
)
SUMS = ActSums(by_day={"credits/01": 60}, version=4)
REQUESTS = RecentRequests(times=(AT, LATER), version=4)
OPEN_CHECKOUT = OpenCheckout(order_id=ORDER.order_id, provider="stripe", checkout_id="cs_1", version=2)
CONTACT = Contact(
    account_id=ADA,
    email="ada@example.com",
    language="de",
    noted_at=AT,
    failing_since=LATER,
    failure="bounce",
    version=1,
)
MAIL_INTENT = MailIntent(
    kind=MailKind.CONTRACT_CONFIRMATION,
    subject=ORDER.order_id,
    account_id=ADA,
    listed_at=AT,
    first_sent_at=AT,
    leased_until=LATER,
    attempts=2,
    last_error="timeout",
    message_id="0100-1",
    accepted_at=LATER,
    language="de",
    body_sha256="5e88",
    version=2,
)
MAIL_RECORD = MailRecord(
    kind=MailKind.CONTRACT_CONFIRMATION,
    subject=ORDER.order_id,
    account_id=ADA,
    listed_at=AT,
    outcome=MailOutcome.SENT,
    ended_at=LATER,
    message_id="0100-1",
    language="de",
    body_sha256="5e88",
    failed_at=LATER,
    failure="bounce",
    version=1,
)
CLAIM = CaseClaim(case_id="case_1", account_id=ADA, actor="sam", until=LATER, version=1)
EVENT = subject_of_event(("stripe:cus_1", "evt_1"))
ACT_ABOUT_AN_EVENT = AuditRecord(
    actor="sam", action=AuditAction.REPLAY, subject="stripe:evt_1", reason="The price is there.", at=AT, step=0
)
REPLAYED = IdempotencyRecord(fingerprint="replay_1", subject="stripe:evt_1", at=AT)
LOOK = TimelineRow(kind=TimelineRowKind.LOOK, subject="account", at=AT, actor="sam")
NAMED_ROW = IndexRow(kind=NameKind.INVOICE, name="INV-1", subject=PI, payment_id=PI)
PAID_ROW = IndexRow(
    kind=NameKind.AMOUNT, name="", subject=PI, payment_id=PI, account_id=ADA, at=AT, amount=1999, currency="EUR"
)
FAILED_ROW = IndexRow(kind=NameKind.RUN, name="", subject="run_1", account_id=ADA, at=AT, amount=25)
NOTE = CreditNote(
    number="2026-000007",
    kind=CreditNoteKind.CORRECTION,
    issued_at=AT,
    issued_by="Shop, 1 High Street",
    account_id=ADA,
    payment_id=PaymentId("stripe:pi_1"),
    refund_id="stripe:re_1",
    case_id="case_1",
    amount_minor=500,
    currency="EUR",
    invoice_number="INV-1",
    paid_at=AT,
    order_id=ORDER.order_id,
    product_ids=("pack_1000",),
    credits=1000,
    corrects="2026-000006",
    tax_minor=83,
)
SERIES = CreditNoteSeries(last=7, version=4)
WATCHED = WatchedPlan(order_id=ORDER.order_id, account_id=ADA, product_id="creator_monthly", due_at=AT)
INCIDENT = Incident(
    incident_id="inc_1",
    since=AT,
    until=AT + timedelta(hours=1),
    reason="The queue stood still.",
    credits=500,
    begun_by="sam",
    begun_at=AT,
    confirmed_by="kim",
    state=IncidentState.DONE,
    accounts=3,
    runs=12,
    given=480,
    left_out={LeftOut.SUSPENDED: 1},
    after="acct_9",
    is_cut=True,
    ended_at=AT,
    version=4,
)
MUTE = Mute(
    provider="stripe",
    event_type="charge.refunded",
    reason=ParkReason.OTHER_ACCOUNT,
    detail="acct_2",
    muted_by="sam",
    muted_at=AT,
    why="Of our other shop.",
    ended_by="kim",
    ended_at=AT + timedelta(hours=1),
    ended_why="It is sold here now.",
    is_settled=True,
    version=2,
)
SHARE = IncidentShare(
    incident_id="inc_1", account_id=ADA, runs=4, credits=160, lots=1, at=AT, left_out=LeftOut.SUSPENDED, version=1
)
LISTED_INCIDENT = ListedIncident(incident_id="inc_1", at=AT)
AWAITED = AwaitedOrder(order_id=ORDER.order_id, account_id=ADA, since=AT)
STOP = RenewalStop(
    account_id=ADA,
    subscription_id="stripe:sub_1",
    payment_id=PaymentId("stripe:in_1"),
    since=AT,
    cause="stripe:evt_1",
)

DECLARATION = Declaration(
    declaration_id="C-7K3F-9Q2M-4XNP",
    state=DeclarationState.CONFIRMED,
    submission=Submission(
        kind=DeclarationKind.CANCELLATION,
        name="Ada Lovelace",
        contract="ord_1",
        email="ada@example.com",
        language="de",
        statement="Ich kündige diesen Vertrag aus wichtigem Grund: ord_1",
        part="The second one",
        message="It never worked.",
        is_extraordinary=True,
        ends_on=LATER.date(),
        channel=Channel.PAGE,
        source="0123456789abcdef",
    ),
    declared_at=AT,
    confirmed_at=LATER,
    token_hash="0" * 64,
    acknowledged_at=LATER,
    noticed_at=LATER,
    approval_hashes=("1" * 64,),
    objection_hashes=("2" * 64,),
    account_id=ADA,
    payment_id=PI,
    subscription_id="stripe:sub_1",
    approved_by="link",
    begun_at=LATER,
    objected_at=LATER,
    review_cause=ReviewCause.EXTRAORDINARY,
    case_id="case_1",
    reseller="Paddle.com",
    forwarded_at=LATER,
    forwarded_by="sam",
    closed_by="sam",
    closing_reason="Settled by mail.",
    version=1,
)
LISTED = ListedDeclaration(
    declaration_id=DECLARATION.declaration_id,
    state=DeclarationState.CONFIRMED,
    since=LATER,
    source="0123456789abcdef",
    email_hash="3" * 64,
)


DECLARED = DeclaredContract(contract_id="stripe:sub_1", declared_at=(AT, LATER), objected_at=LATER, version=2)


class Golden(NamedTuple):
    """A record, the item that it becomes, and what is read back from that item."""

    item: dict[str, Any]
    read: Callable[[Mapping[str, Any]], object]
    expected: object


def _document(key: Any, document: Document, expected: Document | None = None) -> Golden:
    return Golden(items.to_document(key, document), items.from_document, expected or document)


def goldens() -> dict[str, Golden]:
    """Return one golden item of each kind by its file's name."""
    writes = Writes("ledger")
    claim = FulfilmentKeyChange(
        key="order/ord_1",
        payment_ids=(PI,),
        account_id=ADA,
        product_ids=frozenset({"pack_1000"}),
        terms_hash=None,
        checkout_id=None,
        has_consent=None,
    )
    parts = dict(writes.updates(Commit(account=ACCOUNT, fulfilment_keys=(claim,), order=ORDER)))
    pointer = PaymentPointer(
        name=PaymentId("stripe:ch_1"),
        to=PI,
        account_id=ADA,
        fulfilment_keys=("order/ord_1", "period/stripe:sub_1/2026-11-01T00:00:00Z"),
        lot_ids=("order/ord_1/0",),
    )
    queued = QueuedCase(case_id="case_1", account_id=ADA, since=AT)
    audit = AuditRecord(
        actor="sam",
        action=AuditAction.LIFT,
        subject="support:1",
        reason="A stolen card.",
        at=AT,
        step=3,
        amount=1000,
        unit="credits",
        is_counted=True,
    )
    failed = FailedRun(run_id="run_1", credits=10, at=AT, error="E1", replaced_by="inc_1", version=1)
    return {
        "purchase": Golden(items.to_purchase(PURCHASE), items.from_payment, replace(PURCHASE, version=5)),
        "pointer": Golden(items.to_pointer(pointer), items.from_payment, pointer),
        "receipt": Golden(items.to_receipt(RECEIPT), items.from_receipt, RECEIPT),
        "account": Golden(
            stored_by(parts["account"]),
            items.from_account,
            Account(
                account_id=ADA,
                version=1,
                lots=ACCOUNT.lots,
                holds={name: hold for name, hold in ACCOUNT.holds.items() if hold},
                flags={name: since for name, since in ACCOUNT.flags.items() if since},
                subscriptions={SUBSCRIPTION.subscription_id: SUBSCRIPTION},
                cases={name: mark for name, mark in ACCOUNT.cases.items() if mark},
                covered={PERIOD: PI},
            ),
        ),
        "lot": Golden(items.to_closed_lot(ADA, LOT), items.from_lot, LOT),
        "subscription": Golden(items.to_subscription(REPORTED), items.from_subscription, REPORTED),
        "entry": Golden(items.to_entry(ENTRY), items.from_entry, ENTRY),
        "run": Golden(items.to_run(RUN), items.from_run, replace(RUN, version=3)),
        "fulfilment_key": Golden(
            stored_by(parts["fulfilment key order/ord_1"]),
            items.from_fulfilment_key,
            FulfilmentKey(key="order/ord_1", payment_id=PI, account_id=ADA),
        ),
        "order": Golden(
            stored_by(parts["order"]),
            items.from_fulfilment_key,
            FulfilmentKey(
                key="order/ord_1",
                account_id=ADA,
                product_id="pack_1000",
                terms=replace(ORDER, version=3),
                terms_hash=ORDER.terms_hash,
            ),
        ),
        "refund_case": _document(case_key(ADA, "case_1"), CASE, replace(CASE, version=4)),
        "case_pointer": _document(case_pointer_key("case_1"), CasePointer(case_id="case_1", account_id=ADA)),
        "order_pointer": _document(
            checkout_key("stripe", "cs_1"), OrderPointer(order_id=ORDER.order_id, url="https://checkout.example/cs_1")
        ),
        "review_queue": _document(review_queue_key(CASE), queued),
        "deferred_queue": _document(
            deferred_queue_key(CASE), replace(queued, payment_id=PI, concern=PaymentConcern.REFUNDED)
        ),
        "refund_intent": _document(intent_key("case_1-1"), INTENT, replace(INTENT, version=2)),
        "open_checkout": _document(
            open_checkout_key(ADA, "creator_monthly"), OPEN_CHECKOUT, replace(OPEN_CHECKOUT, version=3)
        ),
        "renewal_stop": _document(renewal_stop_key(STOP), STOP),
        "declaration": _document(
            declaration_key(DECLARATION.declaration_id), DECLARATION, replace(DECLARATION, version=2)
        ),
        "listed_declaration": _document(listed_declaration_key(DECLARATION), LISTED),
        "declared_contract": _document(
            declared_contract_key(DECLARED.contract_id), DECLARED, replace(DECLARED, version=3)
        ),
        "contact": _document(contact_key(ADA), CONTACT, replace(CONTACT, version=2)),
        "mail_intent": _document(mail_intent_key(MAIL_INTENT.mail_id), MAIL_INTENT, replace(MAIL_INTENT, version=3)),
        "mail_record": _document(mail_record_key(MAIL_INTENT.mail_id), MAIL_RECORD, replace(MAIL_RECORD, version=2)),
        "credit_note": _document(credit_note_key(ADA, NOTE.number), NOTE),
        "credit_note_series": _document(credit_note_series_key("Shop", 2026), SERIES, replace(SERIES, version=5)),
        "credit_note_pointer": _document(
            credit_note_pointer_key(NOTE.refund_id), CreditNotePointer(number=NOTE.number, account_id=ADA)
        ),
        "watched_plan": _document(watched_plan_key(AT, ORDER.order_id), WATCHED),
        "awaited_order": _document(awaited_order_key(AT, ORDER.order_id), AWAITED),
        "case_claim": _document(case_claim_key(ADA, "case_1"), CLAIM, replace(CLAIM, version=2)),
        "timeline_row": _document(timeline_row_key(ADA, LOOK), LOOK),
        "subject_act": _document(subject_act_key(EVENT, ACT_ABOUT_AN_EVENT), ACT_ABOUT_AN_EVENT),
        "subject_look": _document(subject_look_key(EVENT, LOOK), LOOK),
        "subject_request": _document(subject_request_key(EVENT, "replays", "key_1"), REPLAYED),
        "indexed_name": _document(index_row_key(NAMED_ROW), NAMED_ROW),
        "indexed_amount": _document(index_row_key(PAID_ROW), PAID_ROW),
        "indexed_failure": _document(index_row_key(FAILED_ROW), FAILED_ROW),
        "failed_run": _document(failed_run_key(ADA, AT, "run_1"), failed, replace(failed, version=2)),
        "incident": _document(incident_key("inc_1"), INCIDENT, replace(INCIDENT, version=5)),
        "mute": _document(mute_key(MUTE.mute_id), MUTE, replace(MUTE, version=3)),
        "incident_share": _document(incident_share_key("inc_1", ADA), SHARE, replace(SHARE, version=2)),
        "listed_incident": _document(listed_incident_key(INCIDENT), LISTED_INCIDENT),
        "running_incident": _document(running_incident_key(INCIDENT), LISTED_INCIDENT),
        "audit_record": _document(audit_key(ADA, audit), audit),
        "proposal": _document(proposal_key(ADA, "prop_1"), PROPOSAL, replace(PROPOSAL, version=2)),
        "proposal_queue": _document(
            proposal_queue_key(PROPOSAL), QueuedProposal(proposal_id="prop_1", account_id=ADA, since=AT)
        ),
        "actor_sums": _document(actor_sums_key("sam", "2026-11"), SUMS, replace(SUMS, version=5)),
        "recent_requests": _document(
            recent_requests_key(ADA, LimitedRequest.ORDERS), REQUESTS, replace(REQUESTS, version=5)
        ),
        "account_sums": _document(account_sums_key(ADA, "2026-11"), SUMS, replace(SUMS, version=5)),
        "idempotency_record": _document(
            idempotency_key(ADA, "orders", "key_1"), IdempotencyRecord(fingerprint="f", subject="ord_1", at=AT)
        ),
        "job_cursor": _document(
            job_cursor_key("expire_credits"),
            JobCursor(
                after={"due": position_of(AT, "acct_1")},
                failed=frozenset({position_of(AT, "acct_2")}),
                deployment="1 test",
            ),
        ),
    }


def as_text(item: Mapping[str, Any]) -> str:
    """Return an item as its golden file; binary content in hexadecimal digits."""
    return json.dumps(item, indent=1, sort_keys=True, ensure_ascii=False, default=bytes.hex) + "\n"


def from_text(text: str) -> dict[str, Any]:
    """Return the item of a golden file."""

    def binary(part: dict[str, Any]) -> dict[str, Any]:
        return {"B": bytes.fromhex(part["B"])} if part.keys() == {"B"} else part

    item: dict[str, Any] = json.loads(text, object_hook=binary)
    return item


def missing_as_text() -> str:
    """Return what each attribute means that an item of an older release lacks, a line for each."""

    def stored(field: Field) -> str:
        return json.dumps(None if field.default is None else field.type.encode(field.default))

    lines = [
        f"{shape.what}: {field.name} = {stored(field)}"
        for shape in (*schema.FACTS.values(), *vars(schema).values())
        if isinstance(shape, Shape)
        for field in shape.fields.values()
        if field.default is not ...
    ]
    return "\n".join(sorted(lines)) + "\n"


def main() -> None:
    """Write the golden items, and what a missing attribute means."""
    FOLDER.mkdir(exist_ok=True)
    MISSING.write_text(missing_as_text())
    for name, golden in goldens().items():
        (FOLDER / f"{name}.json").write_text(as_text(golden.item))
    print(f"{len(goldens())} items of format {schema.VERSION} in {FOLDER}")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
