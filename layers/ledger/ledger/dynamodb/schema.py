"""The stored format: every name that is written to the table, and what a missing attribute means.

This file is a contract with what is stored, and with the releases that read and write it at the same time. It stands
apart from Python's names: rename a class, a field or an enum member, reorder it, change a dataclass's default, and
nothing stored changes. Each table reads

    Python's name: Field(stored name, type, what a missing attribute means)

Without a third column the attribute must be there. Every field is written but None. To change the format:

* Add a field, a fact or a state: additive. Keep `VERSION`. A release without it keeps an unknown field, and answers 503
  for an unknown fact, state or kind until it is upgraded. A new field needs a third column: items without it are there.
* Change the meaning, the type or the name of something stored: raise `VERSION`. Releases below it then refuse the item
  (UnreadableItem, 503) instead of misreading it. Read both forms in this release.
* Never remove a name from an enum's table, and never give it to another member.
* An open lot is a row: its columns, and what a missing one means, never change. A new field of a lot gets no column.

The golden items (`tests/unit/dynamodb/golden`) show each kind of item. `docs/decisions/0007-stored-format.md` says why.
"""

from collections.abc import Mapping
from typing import Any

from ledger.domain.audit import AuditAction, AuditRecord
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
    AmountStated,
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
    FraudWarned,
    HoldLifted,
    MoneyLinked,
    PaidLine,
    PaymentFailed,
    PaymentSettled,
    RefundAbandoned,
    RefundApproved,
    RefundAttempted,
    RefundChanged,
    RefundDeclined,
    RefundedItem,
    RefundPart,
    RefundSent,
    RefundState,
    RefundTotalReported,
    ResolutionReported,
    UngrantedLine,
    WithdrawalChanged,
)
from ledger.domain.holds import Hold
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import subscription_of
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
from ledger.domain.receipts import Mute, ParkReason, Receipt, RecordOutcome
from ledger.domain.recent_requests import RecentRequests
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
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.domain.texts import Figure, Text
from ledger.domain.timeline import TimelineRow, TimelineRowKind
from ledger.dynamodb.codec import (
    BINARY,
    BOOLEAN,
    COUNTS,
    DAY,
    DIGESTS,
    NAMES,
    TEXT,
    TEXTS,
    TIME,
    TIMES,
    WHOLE,
    Field,
    Row,
    Shape,
    one_of,
    record_of,
    records_of,
)
from ledger.ports.commit import FulfilmentKey
from ledger.ports.documents import (
    AwaitedOrder,
    CasePointer,
    CreditNotePointer,
    DocumentKind,
    JobCursor,
    OrderPointer,
    WatchedPlan,
)

SCHEMA = "schema"
"""The attribute of every item that holds the version of its format. Without it: version 1."""

VERSION = 1
"""The newest format that this release reads, and the one that it writes."""

# ── Enums ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

REFUND_STATE = one_of(
    "refund state",
    {
        RefundState.PENDING: "pending",
        RefundState.REQUIRES_ACTION: "requires_action",
        RefundState.SUCCEEDED: "succeeded",
        RefundState.CANCELED: "canceled",
        RefundState.FAILED: "failed",
    },
)
DISPUTE_STATE = one_of(
    "dispute state",
    {
        DisputeState.INQUIRY: "inquiry",
        DisputeState.INQUIRY_CLOSED: "inquiry_closed",
        DisputeState.OPEN: "open",
        DisputeState.UNDER_REVIEW: "under_review",
        DisputeState.LOST: "lost",
        DisputeState.APPEALED: "appealed",
        DisputeState.PREVENTED: "prevented",
        DisputeState.WON: "won",
        DisputeState.RESOLVED: "resolved",
    },
)
DISPUTE_REASON = one_of(
    "reason of a dispute",
    {
        DisputeReason.FRAUDULENT: "fraudulent",
        DisputeReason.UNRECOGNISED: "unrecognised",
        DisputeReason.DUPLICATE: "duplicate",
        DisputeReason.SUBSCRIPTION_CANCELED: "subscription_canceled",
        DisputeReason.NOT_RECEIVED: "not_received",
        DisputeReason.UNACCEPTABLE: "unacceptable",
        DisputeReason.CREDIT_NOT_PROCESSED: "credit_not_processed",
        DisputeReason.GENERAL: "general",
    },
)
EVIDENCE_STATE = one_of(
    "state of the evidence",
    {
        EvidenceState.NONE: "none",
        EvidenceState.DRAFT: "draft",
        EvidenceState.SUBMITTED: "submitted",
    },
)
CHARGEBACK_STATE = one_of(
    "chargeback state",
    {
        ChargebackState.TAKEN: "taken",
        ChargebackState.REJECTED: "rejected",
        ChargebackState.REVERSED: "reversed",
    },
)
SUBSCRIPTION_STATUS = one_of(
    "subscription status",
    {
        SubscriptionStatus.INCOMPLETE: "incomplete",
        SubscriptionStatus.TRIALING: "trialing",
        SubscriptionStatus.ACTIVE: "active",
        SubscriptionStatus.PAST_DUE: "past_due",
        SubscriptionStatus.PAUSED: "paused",
        SubscriptionStatus.UNPAID: "unpaid",
        SubscriptionStatus.INACTIVE: "inactive",
        SubscriptionStatus.ENDED: "ended",
    },
)
ENTRY_KIND = one_of(
    "entry kind",
    {
        EntryKind.GRANT: "grant",
        EntryKind.DRAW: "draw",
        EntryKind.RETURN: "return",
        EntryKind.CLAWBACK: "clawback",
        EntryKind.RESTORE: "restore",
        EntryKind.EXPIRE: "expire",
        EntryKind.FREEZE: "freeze",
        EntryKind.RESCHEDULE: "reschedule",
        EntryKind.THAW: "thaw",
        EntryKind.RESERVE: "reserve",
        EntryKind.RELEASE: "release",
        EntryKind.ADJUST: "adjust",
    },
)
COUNTER_ACCOUNT = one_of(
    "counter-account",
    {
        CounterAccount.SALES: "sales",
        CounterAccount.USAGE: "usage",
        CounterAccount.REFUNDS: "refunds",
        CounterAccount.DISPUTES: "disputes",
        CounterAccount.GOODWILL: "goodwill",
        CounterAccount.EXPIRY: "expiry",
    },
)
RECORD_OUTCOME = one_of(
    "receipt outcome",
    {
        RecordOutcome.BOOKED: "booked",
        RecordOutcome.ALREADY_BOOKED: "already_booked",
        RecordOutcome.WAITING: "waiting",
        RecordOutcome.NOTED: "noted",
        RecordOutcome.PARKED: "parked",
        RecordOutcome.IGNORED: "ignored",
    },
)
PARK_REASON = one_of(
    "park reason",
    {
        ParkReason.WRONG_MODE: "wrong_mode",
        ParkReason.OTHER_ACCOUNT: "other_account",
        ParkReason.UNKNOWN_VERSION: "unknown_version",
        ParkReason.UNKNOWN_SHAPE: "unknown_shape",
        ParkReason.UNKNOWN_STATE: "unknown_state",
        ParkReason.UNKNOWN_PRODUCT: "unknown_product",
        ParkReason.UNKNOWN_PRICE: "unknown_price",
        ParkReason.UNKNOWN_CURRENCY: "unknown_currency",
        ParkReason.UNDERPAID: "underpaid",
        ParkReason.UNEXPECTED_CHARGE: "unexpected_charge",
        ParkReason.UNKNOWN_ORIGIN: "unknown_origin",
        ParkReason.NO_ACCOUNT: "no_account",
        ParkReason.AMBIGUOUS_ACCOUNT: "ambiguous_account",
        ParkReason.ORDER_MISMATCH: "order_mismatch",
        ParkReason.AMBIGUOUS_PAYMENT: "ambiguous_payment",
        ParkReason.PERIOD_ALREADY_PAID: "period_already_paid",
        ParkReason.TOO_LARGE: "too_large",
    },
)
REFUND_REASON = one_of(
    "refund reason",
    {
        RefundReason.CHARGED_TWICE: "charged_twice",
        RefundReason.WRONG_AMOUNT: "wrong_amount",
        RefundReason.MISTAKEN_RENEWAL: "mistaken_renewal",
        RefundReason.CHANGED_MY_MIND: "changed_my_mind",
        RefundReason.TECHNICAL_PROBLEM: "technical_problem",
        RefundReason.UNRECOGNISED_CHARGE: "unrecognised_charge",
        RefundReason.FRAUD_WARNING: "fraud_warning",
        RefundReason.INQUIRY: "inquiry",
        RefundReason.WITHDRAWAL: "withdrawal",
    },
)
PAYMENT_CONCERN = one_of(
    "payment concern",
    {
        PaymentConcern.REFUNDED: "refunded",
        PaymentConcern.WARNED: "warned",
        PaymentConcern.INQUIRED: "inquired",
    },
)
CASE_STATE = one_of(
    "case state",
    {
        CaseState.DECLARED: "declared",
        CaseState.REQUESTED: "requested",
        CaseState.IN_REVIEW: "in_review",
        CaseState.APPROVED: "approved",
        CaseState.ISSUED: "issued",
        CaseState.REFUNDED: "refunded",
        CaseState.DECLINED: "declined",
        CaseState.REPLACED: "replaced",
    },
)
DECISION_OUTCOME = one_of(
    "decision",
    {
        DecisionOutcome.APPROVE: "approve",
        DecisionOutcome.DECLINE: "decline",
        DecisionOutcome.REVIEW: "review",
        DecisionOutcome.WAIT: "wait",
        DecisionOutcome.REPLACE: "replace",
    },
)

AUDIT_ACTION = one_of(
    "audit action",
    {
        AuditAction.HOLD: "hold",
        AuditAction.LIFT: "lift",
        AuditAction.APPROVE: "approve",
        AuditAction.REPLACE: "replace",
        AuditAction.DECLINE: "decline",
        AuditAction.STATE_AMOUNT: "state_amount",
        AuditAction.ADJUST: "adjust",
        AuditAction.REPLACE_RUNS: "replace_runs",
        AuditAction.ATTRIBUTE: "attribute",
        AuditAction.REPLAY: "replay",
        AuditAction.DISMISS: "dismiss",
        AuditAction.INFORM: "inform",
        AuditAction.MUTE: "mute",
        AuditAction.UNMUTE: "unmute",
        AuditAction.CARRY_OUT: "carry_out",
        AuditAction.CLOSE: "close",
        AuditAction.FORWARD: "forward",
        AuditAction.PROPOSE: "propose",
        AuditAction.CONFIRM: "confirm",
        AuditAction.REJECT: "reject",
    },
)

PROPOSAL_STATE = one_of(
    "proposal state",
    {
        ProposalState.PROPOSED: "proposed",
        ProposalState.CONFIRMED: "confirmed",
        ProposalState.REJECTED: "rejected",
    },
)
DECLARATION_KIND = one_of(
    "kind of declaration",
    {
        DeclarationKind.WITHDRAWAL: "withdrawal",
        DeclarationKind.CANCELLATION: "cancellation",
        DeclarationKind.REVIEW: "review",
    },
)
DECLARATION_STATE = one_of(
    "declaration state",
    {
        DeclarationState.DRAFT: "draft",
        DeclarationState.CONFIRMED: "confirmed",
        DeclarationState.MATCHED: "matched",
        DeclarationState.APPROVED: "approved",
        DeclarationState.EXECUTED: "executed",
        DeclarationState.IN_REVIEW: "in_review",
        DeclarationState.CLOSED: "closed",
    },
)
REVIEW_CAUSE = one_of(
    "review cause",
    {
        ReviewCause.NO_MATCH: "no_match",
        ReviewCause.SEVERAL_MATCHES: "several_matches",
        ReviewCause.OBJECTED: "objected",
        ReviewCause.OBJECTED_BEFORE: "objected_before",
        ReviewCause.NOT_NOTICED: "not_noticed",
        ReviewCause.MANY: "many",
        ReviewCause.EXTRAORDINARY: "extraordinary",
        ReviewCause.LATER_END: "later_end",
        ReviewCause.NO_SUBSCRIPTION: "no_subscription",
        ReviewCause.NOT_EXECUTABLE: "not_executable",
        ReviewCause.SUSPENDED: "suspended",
        ReviewCause.DECLINED: "declined",
    },
)
CHANNEL = one_of("channel", {Channel.PAGE: "page", Channel.API: "api"})

MAIL_KIND = one_of(
    "mail kind",
    {
        MailKind.CONTRACT_CONFIRMATION: "contract_confirmation",
        MailKind.CASE_UPDATE: "case_update",
        MailKind.WITHDRAWAL_RECEIPT: "withdrawal_receipt",
        MailKind.CANCELLATION_RECEIPT: "cancellation_receipt",
        MailKind.DECLARATION_RECEIPT: "declaration_receipt",
        MailKind.DECLARATION_NOTICE: "declaration_notice",
        MailKind.ACCOUNT_SUSPENDED: "account_suspended",
        MailKind.REVIEW_RECEIVED: "review_received",
        MailKind.REVIEW_ANSWERED: "review_answered",
        MailKind.ACCOUNT_ACTIVE: "account_active",
        MailKind.CREDITS_REPLACED: "credits_replaced",
        MailKind.CANCELLATION_CONFIRMED: "cancellation_confirmed",
        MailKind.LOW_BALANCE: "low_balance",
        MailKind.RENEWAL_REMINDER: "renewal_reminder",
        MailKind.PRICE_CHANGE: "price_change",
        MailKind.CREDIT_NOTE: "credit_note",
        MailKind.WITHDRAWAL_INFORMATION: "withdrawal_information",
    },
)
MAIL_OUTCOME = one_of(
    "outcome of a mail",
    {
        MailOutcome.SENT: "sent",
        MailOutcome.REFUSED: "refused",
        MailOutcome.OUTDATED: "outdated",
        MailOutcome.OFF: "off",
    },
)

TIMELINE_ROW_KIND = one_of("kind of row of a timeline", {TimelineRowKind.LOOK: "look", TimelineRowKind.MAIL: "mail"})
NAME_KIND = one_of(
    "kind of name",
    {
        NameKind.INVOICE: "invoice",
        NameKind.REFUND: "refund",
        NameKind.DISPUTE: "dispute",
        NameKind.CREDIT: "credit",
        NameKind.ADDRESS: "address",
        NameKind.RUN: "run",
        NameKind.AMOUNT: "amount",
        NameKind.PARKED: "parked",
        NameKind.DECLARATION: "declaration",
    },
)

# ── Facts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

FACT_KIND = "is"
"""The attribute of a fact that holds its kind."""

PAID_LINE = Shape(
    "a paid line",
    PaidLine,
    {
        "line_id": Field("line_id", TEXT),
        "product_id": Field("product_id", TEXT),
        "credits": Field("credits", WHOLE),
        "amount_minor": Field("amount_minor", WHOLE),
        "expires_at": Field("expires_at", TIME, None),
        "period_ends_at": Field("period_ends_at", TIME, None),
        "terms": Field("terms", TEXT, None),
        "grace_from": Field("grace_from", TIME, None),
    },
)
UNGRANTED_LINE = Shape(
    "a line that grants nothing",
    UngrantedLine,
    {
        "line_id": Field("line_id", TEXT),
        "amount_minor": Field("amount_minor", WHOLE),
        "is_overcharge": Field("is_overcharge", BOOLEAN, False),
    },
)
REFUNDED_ITEM = Shape(
    "a refunded item",
    RefundedItem,
    {
        "line_id": Field("line_id", TEXT),
        "amount_minor": Field("amount_minor", WHOLE),
        "is_tax_only": Field("is_tax_only", BOOLEAN, False),
    },
)
REFUND_PART = Shape(
    "a part of a refund",
    RefundPart,
    {
        "tag": Field("tag", TEXT),
        "amount_minor": Field("amount_minor", WHOLE),
        "money_id": Field("money_id", TEXT, None),
    },
)
MONEY = Shape(
    "an amount",
    Money,
    {"amount_minor": Field("amount_minor", WHOLE), "currency": Field("currency", TEXT)},
)
FIGURE = Shape(
    "a figure",
    Figure,
    {
        "name": Field("name", TEXT),
        "word": Field("word", TEXT, None),
        "words": Field("words", TEXTS, None),
        "count": Field("count", WHOLE, None),
        "money": Field("money", record_of(MONEY), None),
        "day": Field("day", DAY, None),
        "at": Field("at", TIME, None),
    },
)
TEXT_RECORD = Shape(
    "a text",
    Text,
    {"key": Field("key", TEXT), "figures": Field("figures", records_of(FIGURE), ())},
)
FACTS: Mapping[str, Shape[Any]] = {
    "payment_settled": Shape(
        "a settled payment",
        PaymentSettled,
        {
            "payment_id": Field("payment_id", TEXT),
            "account_id": Field("account_id", TEXT),
            "paid_minor": Field("paid_minor", WHOLE),
            "currency": Field("currency", TEXT),
            "lines": Field("lines", records_of(PAID_LINE)),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
            "card_minor": Field("card_minor", WHOLE, None),
            "overcharge_minor": Field("overcharge_minor", WHOLE, 0),
            "ungranted": Field("ungranted", records_of(UNGRANTED_LINE), None),
            "fulfilment_key": Field("fulfilment_key", TEXT, None),
            "covers": Field("covers", TEXT, None),
            "order_id": Field("order_id", TEXT, None),
            "subscription_id": Field("subscription_id", TEXT, None),
            "is_renewal": Field("is_renewal", BOOLEAN, False),
            "customer_id": Field("customer_id", TEXT, None),
            "invoice_number": Field("invoice_number", TEXT, None),
            "billing_country": Field("billing_country", TEXT, None),
            "has_company_data": Field("has_company_data", BOOLEAN, False),
            "has_other_tax_id": Field("has_other_tax_id", BOOLEAN, False),
            "tax_minor": Field("tax_minor", WHOLE, None),
            "is_trial": Field("is_trial", BOOLEAN, False),
            "locked_until": Field("locked_until", TIME, None),
        },
    ),
    "payment_failed": Shape(
        "a failed payment",
        PaymentFailed,
        {"at": Field("at", TIME), "cause": Field("cause", TEXT)},
    ),
    "refund_changed": Shape(
        "a refund",
        RefundChanged,
        {
            "refund_id": Field("refund_id", TEXT),
            "state": Field("state", REFUND_STATE),
            "amount_minor": Field("amount_minor", WHOLE),
            "currency": Field("currency", TEXT),
            "created_at": Field("created_at", TIME),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
            "items": Field("items", records_of(REFUNDED_ITEM), ()),
            "tag": Field("tag", TEXT, None),
            "charge_id": Field("charge_id", TEXT, None),
            "money_id": Field("money_id", TEXT, None),
        },
    ),
    "refund_approved": Shape(
        "an approved refund",
        RefundApproved,
        {
            "tag": Field("tag", TEXT),
            "case_id": Field("case_id", TEXT),
            "amount_minor": Field("amount_minor", WHOLE),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
            "items": Field("items", records_of(REFUNDED_ITEM), ()),
            "takes_credits": Field("takes_credits", BOOLEAN, True),
            "is_by_law": Field("is_by_law", BOOLEAN, False),
            "used_credits": Field("used_credits", WHOLE, 0),
            "is_repeated": Field("is_repeated", BOOLEAN, False),
        },
    ),
    "refund_attempted": Shape(
        "a refund whose sending has begun",
        RefundAttempted,
        {
            "tag": Field("tag", TEXT),
            "sale_id": Field("sale_id", TEXT),
            "parts": Field("parts", records_of(REFUND_PART)),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
            "attempt": Field("attempt", WHOLE, 1),
        },
    ),
    "refund_sent": Shape(
        "a sent refund",
        RefundSent,
        {
            "tag": Field("tag", TEXT),
            "refund_id": Field("refund_id", TEXT),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
        },
    ),
    "refund_abandoned": Shape(
        "an abandoned refund",
        RefundAbandoned,
        {
            "tag": Field("tag", TEXT),
            "reason": Field("reason", record_of(TEXT_RECORD)),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
        },
    ),
    "refund_declined": Shape(
        "a declined refund",
        RefundDeclined,
        {
            "case_id": Field("case_id", TEXT),
            "reason": Field("reason", TEXT),
            "clause": Field("clause", TEXT),
            "reasons": Field("reasons", records_of(TEXT_RECORD)),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
        },
    ),
    "refund_total_reported": Shape(
        "a refund total",
        RefundTotalReported,
        {
            "charge_id": Field("charge_id", TEXT),
            "total_minor": Field("total_minor", WHOLE),
            "currency": Field("currency", TEXT),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
            "money_id": Field("money_id", TEXT, None),
        },
    ),
    "dispute_changed": Shape(
        "a dispute",
        DisputeChanged,
        {
            "dispute_id": Field("dispute_id", TEXT),
            "state": Field("state", DISPUTE_STATE),
            "amount_minor": Field("amount_minor", WHOLE),
            "currency": Field("currency", TEXT),
            "opened_at": Field("opened_at", TIME),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
            "movements": Field("movements", WHOLE, 0),
            "taken_minor": Field("taken_minor", WHOLE, 0),
            "returned_minor": Field("returned_minor", WHOLE, 0),
            "money_id": Field("money_id", TEXT, None),
            "charge_id": Field("charge_id", TEXT, None),
            "is_resolution": Field("is_resolution", BOOLEAN, False),
            "is_withdrawn_again": Field("is_withdrawn_again", BOOLEAN, False),
            "reason": Field("reason", DISPUTE_REASON, None),
            "evidence": Field("evidence", EVIDENCE_STATE, None),
            "evidence_due_at": Field("evidence_due_at", TIME, None),
        },
    ),
    "chargeback_changed": Shape(
        "a chargeback",
        ChargebackChanged,
        {
            "adjustment_id": Field("adjustment_id", TEXT),
            "kind": Field("kind", TEXT),
            "is_reversal": Field("is_reversal", BOOLEAN),
            "state": Field("state", CHARGEBACK_STATE),
            "amount_minor": Field("amount_minor", WHOLE),
            "currency": Field("currency", TEXT),
            "created_at": Field("created_at", TIME),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
        },
    ),
    "balance_credited": Shape(
        "a credit to the buyer's balance",
        BalanceCredited,
        {
            "credit_id": Field("credit_id", TEXT),
            "amount_minor": Field("amount_minor", WHOLE),
            "currency": Field("currency", TEXT),
            "created_at": Field("created_at", TIME),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
            "items": Field("items", records_of(REFUNDED_ITEM), ()),
            "is_reversal": Field("is_reversal", BOOLEAN, False),
            "is_reversed": Field("is_reversed", BOOLEAN, False),
        },
    ),
    "money_linked": Shape(
        "a link between money and a sale",
        MoneyLinked,
        {
            "money_id": Field("money_id", TEXT),
            "sale_id": Field("sale_id", TEXT),
            "amount_minor": Field("amount_minor", WHOLE),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
        },
    ),
    "amount_stated": Shape(
        "an amount that a person stated",
        AmountStated,
        {
            "subject": Field("subject", TEXT),
            "amount_minor": Field("amount_minor", WHOLE),
            "actor": Field("actor", TEXT),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
        },
    ),
    "fraud_warned": Shape(
        "a fraud warning",
        FraudWarned,
        {
            "warning_id": Field("warning_id", TEXT),
            "is_actionable": Field("is_actionable", BOOLEAN),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
            "money_id": Field("money_id", TEXT, None),
            "charge_id": Field("charge_id", TEXT, None),
        },
    ),
    "resolution_reported": Shape(
        "a resolution",
        ResolutionReported,
        {
            "subject": Field("subject", TEXT),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
            "money_id": Field("money_id", TEXT, None),
        },
    ),
    "consent_changed": Shape(
        "a consent to the early start",
        ConsentChanged,
        {
            "order_id": Field("order_id", TEXT),
            "is_complete": Field("is_complete", BOOLEAN),
            "step": Field("step", WHOLE),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
        },
    ),
    "credits_replaced": Shape(
        "credits that were given instead of money",
        CreditsReplaced,
        {
            "case_id": Field("case_id", TEXT),
            "credits": Field("credits", WHOLE),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
        },
    ),
    "customer_wrote": Shape(
        "what a customer wrote about a payment",
        CustomerWrote,
        {
            "case_id": Field("case_id", TEXT),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
        },
    ),
    "withdrawal_changed": Shape(
        "a withdrawal",
        WithdrawalChanged,
        {
            "case_id": Field("case_id", TEXT),
            "stands": Field("stands", BOOLEAN),
            "step": Field("step", WHOLE),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
        },
    ),
    "hold_lifted": Shape(
        "a lifted hold",
        HoldLifted,
        {
            "hold_id": Field("hold_id", TEXT),
            "actor": Field("actor", TEXT),
            "at": Field("at", TIME),
            "cause": Field("cause", TEXT),
        },
    ),
}
"""Every fact by its kind."""

# ── Accounts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

LOT = Shape(
    "a lot",
    Lot,  # its id is part of its key or of its attribute's name
    {
        "granted": Field("granted", WHOLE),
        "expires_at": Field("expires_at", TIME, None),
        "grace_from": Field("grace_from", TIME, None),
        "subscription_id": Field("subscription_id", TEXT, None),
        "drawn": Field("drawn", WHOLE, 0),
        "refunded": Field("refunded", WHOLE, 0),
        "disputed": Field("disputed", WHOLE, 0),
        "expired": Field("expired", WHOLE, 0),
        "refund_target": Field("refund_target", WHOLE, 0),
        "dispute_target": Field("dispute_target", WHOLE, 0),
        "reserve_target": Field("reserve_target", WHOLE, 0),
        "reserved": Field("reserved", WHOLE, 0),
        "is_frozen": Field("is_frozen", BOOLEAN, False),
        "source": Field("source", COUNTER_ACCOUNT, CounterAccount.SALES),
        "locked_until": Field("locked_until", TIME, None),
        "owes_no_refund": Field("owes_no_refund", BOOLEAN, False),
        "is_withdrawn": Field("is_withdrawn", BOOLEAN, False),
    },
)
OPEN_LOT = Row(
    LOT,
    "lot_id",
    (
        *("granted", "expires_at", "grace_from", "subscription_id", "drawn", "refunded", "disputed", "expired"),
        *("refund_target", "dispute_target", "reserve_target", "reserved", "is_frozen", "source"),
    ),
    {"subscription_id": subscription_of},
)
"""A lot as its account stores it: see `docs/decisions/0035-compact-lots.md`."""
HOLD = Shape(
    "a hold",
    Hold,
    {"since": Field("since", TIME), "payment_id": Field("payment_id", TEXT, None)},
)
_STATUS_OF_A_SUBSCRIPTION = {
    "status": Field("status", SUBSCRIPTION_STATUS),
    "at": Field("at", TIME),
    "cause": Field("cause", TEXT),
    "product_id": Field("product_id", TEXT, None),
    "period_end": Field("period_end", TIME, None),
    "cancel_at": Field("cancel_at", TIME, None),
    "pauses_at": Field("pauses_at", TIME, None),
    "resumes_at": Field("resumes_at", TIME, None),
    "customer_id": Field("customer_id", TEXT, None),
}
SUBSCRIPTION_REPORT = Shape(
    "what an event reported of a subscription",
    Subscription,
    {
        "subscription_id": Field("subscription_id", TEXT),
        "account_id": Field("account_id", TEXT, None),
        "left": Field("left", TEXT, None),
        **_STATUS_OF_A_SUBSCRIPTION,
    },
)
SUBSCRIPTION = Shape(
    "a subscription",
    Subscription,
    {
        **SUBSCRIPTION_REPORT.fields,
        "instant": Field("instant", records_of(SUBSCRIPTION_REPORT), None),
        "version": Field("version", WHOLE, 0),
    },
)
SUBSCRIPTION_OF_AN_ACCOUNT = Shape(
    "an account's subscription",
    Subscription,  # its id is part of its attribute's name, its account is the item's
    _STATUS_OF_A_SUBSCRIPTION,
)
ENTRY = Shape(
    "an entry",
    Entry,
    {
        "entry_id": Field("entry_id", TEXT),
        "account_id": Field("account_id", TEXT),
        "kind": Field("kind", ENTRY_KIND),
        "counter": Field("counter", COUNTER_ACCOUNT),
        "lot_id": Field("lot_id", TEXT),
        "credits": Field("credits", WHOLE),
        "cause": Field("cause", TEXT),
        "occurred_at": Field("occurred_at", TIME),
        "recorded_at": Field("recorded_at", TIME),
        "correlation_id": Field("correlation_id", TEXT, ""),
        "step": Field("step", WHOLE, 0),
        "expires_at": Field("expires_at", TIME, None),
    },
)
RUN = Shape(
    "a run",
    Run,
    {
        "account_id": Field("account_id", TEXT),
        "run_id": Field("run_id", TEXT),
        "drawn": Field("drawn", COUNTS),
        "at": Field("at", TIME),
        "failed_at": Field("failed_at", TIME, None),
        "returned": Field("returned", COUNTS, {}),
        "missing": Field("missing", WHOLE, 0),
        "resumed_at": Field("resumed_at", TIME, None),
        "version": Field("version", WHOLE),
    },
)

# ── Receipts, orders, fulfilment keys ─────────────────────────────────────────────────────────────────────────────────

RECEIPT = Shape(
    "a receipt",
    Receipt,
    {
        "provider": Field("provider", TEXT),
        "event_id": Field("event_id", TEXT),
        "event_type": Field("event_type", TEXT),
        "occurred_at": Field("occurred_at", TIME),
        "received_at": Field("received_at", TIME),
        "outcome": Field("outcome", RECORD_OUTCOME),
        "body_sha256": Field("body_sha256", TEXT),
        "correlation_id": Field("correlation_id", TEXT, ""),
        "customer_id": Field("customer_id", TEXT, None),
        "account_id": Field("account_id", TEXT, None),
        "parked_reason": Field("parked_reason", PARK_REASON, None),
        "detail": Field("detail", TEXT, ""),
        "body": Field("body", BINARY, None),
        "muted_by": Field("muted_by", TEXT, None),
        "facts": Field("facts", DIGESTS, {}),
    },
)
CONSENT = Shape(
    "a consent",
    Consent,
    {
        "given_at": Field("given_at", TIME),
        "text_version": Field("text_version", TEXT),
        "asked_to_begin": Field("asked_to_begin", BOOLEAN, False),
        "acknowledged_loss": Field("acknowledged_loss", BOOLEAN, False),
        "confirmation_id": Field("confirmation_id", TEXT, None),
        "confirmed_at": Field("confirmed_at", TIME, None),
        "is_late": Field("is_late", BOOLEAN, False),
        "revoked_at": Field("revoked_at", TIME, None),
        "further_ids": Field("further_ids", TEXTS, ()),
        "returned_ids": Field("returned_ids", TEXTS, ()),
    },
)
RENEWAL_CONSENT = Shape(
    "a consent to renewal terms",
    RenewalConsent,
    {
        "given_at": Field("given_at", TIME),
        "text_version": Field("text_version", TEXT),
        "words": Field("words", TEXT),
    },
)
RENEWAL_TERMS = Shape(
    "shown renewal terms",
    RenewalTerms,
    {
        "amount_minor": Field("amount_minor", WHOLE),
        "every_months": Field("every_months", WHOLE),
        "first_on": Field("first_on", DAY),
    },
)
SHOWN_INFORMATION = Shape(
    "what a buyer was shown",
    ShownInformation,
    {
        "policy_version": Field("policy_version", TEXT),
        "text_version": Field("text_version", TEXT),
        "language": Field("language", TEXT),
        "digest": Field("digest", TEXT),
        "at": Field("at", TIME),
        "first_charge_minor": Field("first_charge_minor", WHOLE, None),
        "first_charge_on": Field("first_charge_on", DAY, None),
        "button_label": Field("button_label", TEXT, None),
        "total_minor": Field("total_minor", WHOLE, None),
        "renewal": Field("renewal", record_of(RENEWAL_TERMS), None),
    },
)
LATE_INFORMATION = Shape(
    "information that was mailed late",
    LateInformation,
    {
        "number": Field("number", WHOLE),
        "asked_at": Field("asked_at", TIME),
        "sent_at": Field("sent_at", TIME, None),
        "message_id": Field("message_id", TEXT, None),
        "returned_at": Field("returned_at", TIME, None),
    },
)
CHECKOUT = Shape(
    "a checkout",
    Checkout,
    {"checkout_id": Field("checkout_id", TEXT), "url": Field("url", TEXT, None)},
)
TERMS = Shape(
    "an order's terms",
    Terms,
    {
        "kind": Field("kind", TEXT),
        "price_id": Field("price_id", TEXT),
        "credits": Field("credits", WHOLE),
        "expires_after_days": Field("expires_after_days", WHOLE, None),
        "rolls_over": Field("rolls_over", BOOLEAN, False),
        "renewal_grace_s": Field("renewal_grace_s", WHOLE, 0),
        "usable_at_least_s": Field("usable_at_least_s", WHOLE, 0),
        "trial_credits": Field("trial_credits", WHOLE, 0),
        "lock_days": Field("lock_days", WHOLE, None),
    },
)
ORDER = Shape(
    "an order",
    Order,
    {
        "order_id": Field("order_id", TEXT),
        "account_id": Field("account_id", TEXT),
        "provider": Field("provider", TEXT),
        "product_id": Field("product_id", TEXT),
        "price_minor": Field("price_minor", WHOLE),
        "currency": Field("currency", TEXT),
        "country": Field("country", TEXT),
        "is_business": Field("is_business", BOOLEAN),
        "policy_version": Field("policy_version", TEXT),
        "made_at": Field("made_at", TIME),
        "terms": Field("terms", record_of(TERMS), None),
        "consent": Field("consent", record_of(CONSENT), None),
        "shown": Field("shown", record_of(SHOWN_INFORMATION), None),
        "renewal_consent": Field("renewal_consent", record_of(RENEWAL_CONSENT), None),
        "late_information": Field("late_information", records_of(LATE_INFORMATION), ()),
        "agreement": Field("agreement", TEXT, None),
        "checkout": Field("checkout", record_of(CHECKOUT), None),
        "version": Field("version", WHOLE),
    },
)
FULFILMENT_KEY = Shape(
    "a fulfilment key",
    FulfilmentKey,  # the key itself is the item's
    {
        "payment_id": Field("payment_id", TEXT, None),
        "duplicates": Field("duplicates", TEXTS, ()),
        "account_id": Field("account_id", TEXT, None),
        "product_id": Field("product_id", TEXT, None),
        "terms": Field("terms", record_of(ORDER), None),
        "terms_hash": Field("terms_hash", TEXT, None),
    },
)

# ── Documents ─────────────────────────────────────────────────────────────────────────────────────────────────────────

RULE_TRACE = Shape(
    "a rule's trace",
    RuleTrace,
    {
        "rule": Field("rule", TEXT),
        "decided": Field("decided", BOOLEAN),
        "why": Field("why", records_of(TEXT_RECORD)),
    },
)
DECISION = Shape(
    "a decision",
    Decision,
    {
        "outcome": Field("outcome", DECISION_OUTCOME),
        "clause": Field("clause", TEXT),
        "rule": Field("rule", TEXT),
        "reasons": Field("reasons", records_of(TEXT_RECORD)),
        "policy_version": Field("policy_version", TEXT),
        "money_minor": Field("money_minor", WHOLE, 0),
        "currency": Field("currency", TEXT, ""),
        "credits": Field("credits", WHOLE, 0),
        "takes_credits": Field("takes_credits", BOOLEAN, True),
        "items": Field("items", records_of(REFUNDED_ITEM), ()),
        "ends_subscription": Field("ends_subscription", BOOLEAN, False),
        "ends_contract": Field("ends_contract", BOOLEAN, False),
        "recommended": Field("recommended", DECISION_OUTCOME, None),
        "explanation": Field("explanation", records_of(RULE_TRACE), ()),
        "inputs": Field("inputs", records_of(TEXT_RECORD), ()),
    },
)
SUBMITTED_EVIDENCE = Shape(
    "submitted evidence",
    SubmittedEvidence,
    {
        "message": Field("message", TEXT, ""),
        "email": Field("email", TEXT, None),
        "charged_on": Field("charged_on", DAY, None),
        "reference": Field("reference", TEXT, None),
        "happened_at": Field("happened_at", TIME, None),
        "error_messages": Field("error_messages", TEXTS, ()),
        "channel": Field("channel", TEXT, ""),
    },
)
STATE_CHANGE = Shape(
    "a change of a case's state",
    StateChange,
    {
        "at": Field("at", TIME),
        "from_state": Field("from_state", CASE_STATE),
        "to_state": Field("to_state", CASE_STATE),
        "cause": Field("cause", record_of(TEXT_RECORD)),
        "actor": Field("actor", TEXT),
    },
)
REFUND_CASE = Shape(
    "a refund case",
    RefundCase,
    {
        "case_id": Field("case_id", TEXT),
        "account_id": Field("account_id", TEXT),
        "payment_id": Field("payment_id", TEXT),
        "reason": Field("reason", REFUND_REASON),
        "state": Field("state", CASE_STATE),
        "opened_at": Field("opened_at", TIME),
        "opened_by": Field("opened_by", TEXT),
        "correlation_id": Field("correlation_id", TEXT, ""),
        "submitted_evidence": Field("submitted_evidence", record_of(SUBMITTED_EVIDENCE), SubmittedEvidence()),
        "mismatches": Field("mismatches", records_of(TEXT_RECORD), ()),
        "evidence": Field("evidence", TEXTS, ()),
        "decision": Field("decision", record_of(DECISION), None),
        "decided_at": Field("decided_at", TIME, None),
        "decided_by": Field("decided_by", TEXT, None),
        "deferred_until": Field("deferred_until", TIME, None),
        "asked_at": Field("asked_at", TIME, None),
        "confirmed_at": Field("confirmed_at", TIME, None),
        "contract_case_id": Field("contract_case_id", TEXT, None),
        "rest_due_at": Field("rest_due_at", TIME, None),
        "is_priority": Field("is_priority", BOOLEAN, False),
        "approvals": Field("approvals", WHOLE, 0),
        "history": Field("history", records_of(STATE_CHANGE), ()),
        "version": Field("version", WHOLE),
    },
)
REFUND_INTENT = Shape(
    "a refund intent",
    RefundIntent,
    {
        "tag": Field("tag", TEXT),
        "account_id": Field("account_id", TEXT),
        "payment_id": Field("payment_id", TEXT),
        "approved_at": Field("approved_at", TIME),
        "first_sent_at": Field("first_sent_at", TIME, None),
        "leased_until": Field("leased_until", TIME, None),
        "attempts": Field("attempts", WHOLE, 0),
        "last_error": Field("last_error", TEXT, ""),
        "version": Field("version", WHOLE),
    },
)
RENEWAL_STOP = Shape(
    "a stop of renewals",
    RenewalStop,
    {
        "account_id": Field("account_id", TEXT),
        "subscription_id": Field("subscription_id", TEXT),
        "payment_id": Field("payment_id", TEXT),
        "since": Field("since", TIME),
        "cause": Field("cause", TEXT),
    },
)
QUEUED_CASE = Shape(
    "a queued case",
    QueuedCase,
    {
        "case_id": Field("case_id", TEXT),
        "account_id": Field("account_id", TEXT),
        "since": Field("since", TIME),
        "due_by": Field("due_by", TIME, None),
        "payment_id": Field("payment_id", TEXT, None),
        "concern": Field("concern", PAYMENT_CONCERN, None),
    },
)
CASE_POINTER = Shape(
    "a case pointer",
    CasePointer,
    {"case_id": Field("case_id", TEXT), "account_id": Field("account_id", TEXT)},
)
ORDER_POINTER = Shape(
    "an order pointer",
    OrderPointer,
    {"order_id": Field("order_id", TEXT), "url": Field("url", TEXT, None)},
)
OPEN_CHECKOUT = Shape(
    "an open checkout",
    OpenCheckout,
    {
        "order_id": Field("order_id", TEXT),
        "provider": Field("provider", TEXT),
        "checkout_id": Field("checkout_id", TEXT),
        "version": Field("version", WHOLE),
    },
)
FAILED_RUN = Shape(
    "a failed run",
    FailedRun,
    {
        "run_id": Field("run_id", TEXT),
        "credits": Field("credits", WHOLE),
        "at": Field("at", TIME),
        "error": Field("error", TEXT, ""),
        "replaced_by": Field("replaced_by", TEXT, None),
        "version": Field("version", WHOLE),
    },
)
INCIDENT_STATE = one_of(
    "state of an incident",
    {IncidentState.RUNNING: "running", IncidentState.DONE: "done"},
)
LEFT_OUT = one_of(
    "reason to leave an account out",
    {LeftOut.OWN: "own", LeftOut.SUSPENDED: "suspended", LeftOut.ABOVE_SUM: "above_sum"},
)
INCIDENT = Shape(
    "an incident",
    Incident,
    {
        "incident_id": Field("incident_id", TEXT),
        "since": Field("failed_since", TIME),
        "until": Field("failed_until", TIME),
        "reason": Field("reason", TEXT),
        "credits": Field("credits", WHOLE),
        "begun_by": Field("begun_by", TEXT),
        "begun_at": Field("begun_at", TIME),
        "confirmed_by": Field("confirmed_by", TEXT, None),
        "state": Field("state", INCIDENT_STATE),
        "accounts": Field("accounts", WHOLE, 0),
        "runs": Field("runs", WHOLE, 0),
        "given": Field("given", WHOLE, 0),
        "left_out": Field("left_out", COUNTS, {}),
        "after": Field("after", TEXT, ""),
        "is_cut": Field("is_cut", BOOLEAN, False),
        "ended_at": Field("ended_at", TIME, None),
        "version": Field("version", WHOLE),
    },
)
INCIDENT_SHARE = Shape(
    "a share of an incident",
    IncidentShare,
    {
        "incident_id": Field("incident_id", TEXT),
        "account_id": Field("of_account", TEXT),  # `account_id` would bring it into an index
        "runs": Field("runs", WHOLE, 0),
        "credits": Field("credits", WHOLE, 0),
        "lots": Field("lots", WHOLE, 0),
        "at": Field("at", TIME),
        "left_out": Field("left_out", LEFT_OUT, None),
        "version": Field("version", WHOLE),
    },
)
MUTE = Shape(
    "a mute",
    Mute,
    {
        "provider": Field("provider", TEXT),
        "event_type": Field("event_type", TEXT),
        "reason": Field("muted_reason", PARK_REASON),
        "detail": Field("detail", TEXT),
        "muted_by": Field("author", TEXT),
        "muted_at": Field("muted_at", TIME),
        "why": Field("why", TEXT),
        "ended_by": Field("ended_by", TEXT, None),
        "ended_at": Field("ended_at", TIME, None),
        "ended_why": Field("ended_why", TEXT, ""),
        "is_settled": Field("is_settled", BOOLEAN, False),
        "version": Field("version", WHOLE),
    },
)
LISTED_INCIDENT = Shape(
    "a listed incident",
    ListedIncident,
    {"incident_id": Field("incident_id", TEXT), "at": Field("at", TIME)},
)
AUDIT_RECORD = Shape(
    "an audit record",
    AuditRecord,
    {
        "actor": Field("actor", TEXT),
        "action": Field("action", AUDIT_ACTION),
        "subject": Field("subject", TEXT),
        "reason": Field("reason", TEXT),
        "at": Field("at", TIME),
        "step": Field("step", WHOLE),
        "amount": Field("amount", WHOLE, 0),
        "unit": Field("unit", TEXT, ""),
        "is_counted": Field("is_counted", BOOLEAN, False),
    },
)
PROPOSAL = Shape(
    "a proposal",
    Proposal,
    {
        "proposal_id": Field("proposal_id", TEXT),
        "account_id": Field("account_id", TEXT),
        "action": Field("action", AUDIT_ACTION),
        "subject": Field("subject", TEXT),
        "reason": Field("reason", TEXT),
        "request": Field("request", TEXT),
        "amount": Field("amount", WHOLE),
        "unit": Field("unit", TEXT),
        "proposed_by": Field("proposed_by", TEXT),
        "proposed_at": Field("proposed_at", TIME),
        "state": Field("state", PROPOSAL_STATE),
        "settled_by": Field("settled_by", TEXT, None),
        "settled_at": Field("settled_at", TIME, None),
        "version": Field("version", WHOLE),
    },
)
QUEUED_PROPOSAL = Shape(
    "a queued proposal",
    QueuedProposal,
    {
        "proposal_id": Field("proposal_id", TEXT),
        "account_id": Field("account_id", TEXT),
        "since": Field("since", TIME),
    },
)
ACT_SUMS = Shape(
    "the sums of acts",
    ActSums,
    {"by_day": Field("by_day", COUNTS, {}), "version": Field("version", WHOLE)},
)
WATCHED_PLAN = Shape(
    "a watched plan",
    WatchedPlan,
    {
        "order_id": Field("order_id", TEXT),
        "account_id": Field("account_id", TEXT),
        "product_id": Field("product_id", TEXT),
        "due_at": Field("due_at", TIME),
    },
)
CREDIT_NOTE_KIND = one_of(
    "kind of credit note",
    {CreditNoteKind.CREDIT: "credit", CreditNoteKind.CORRECTION: "correction"},
)
CREDIT_NOTE = Shape(
    "a credit note",
    CreditNote,
    {
        "number": Field("number", TEXT),
        "kind": Field("kind", CREDIT_NOTE_KIND),
        "issued_at": Field("issued_at", TIME),
        "issued_by": Field("issued_by", TEXT),
        "account_id": Field("account_id", TEXT),
        "payment_id": Field("payment_id", TEXT),
        "refund_id": Field("refund_id", TEXT),
        "case_id": Field("case_id", TEXT, None),
        "amount_minor": Field("amount_minor", WHOLE),
        "currency": Field("currency", TEXT),
        "invoice_number": Field("invoice_number", TEXT, None),
        "paid_at": Field("payment_at", TIME),  # not `paid_at`: the index of purchases has what is so named
        "order_id": Field("order_id", TEXT, None),
        "product_ids": Field("product_ids", TEXTS),
        "credits": Field("credits", WHOLE),
        "corrects": Field("corrects", TEXT, None),
        "tax_minor": Field("tax_minor", WHOLE, None),
    },
)
CREDIT_NOTE_SERIES = Shape(
    "a series of credit notes",
    CreditNoteSeries,
    {"last": Field("last", WHOLE), "version": Field("version", WHOLE)},
)
CREDIT_NOTE_POINTER = Shape(
    "a pointer to a credit note",
    CreditNotePointer,
    {"number": Field("number", TEXT), "account_id": Field("account_id", TEXT)},
)
RECENT_REQUESTS = Shape(
    "recent requests",
    RecentRequests,
    {"times": Field("times", TIMES, ()), "version": Field("version", WHOLE)},
)
IDEMPOTENCY_RECORD = Shape(
    "an idempotency record",
    IdempotencyRecord,
    {
        "fingerprint": Field("fingerprint", TEXT),
        "subject": Field("subject", TEXT),
        "at": Field("at", TIME),
    },
)
JOB_CURSOR = Shape(
    "a job's cursor",
    JobCursor,
    {
        "after": Field("after", DIGESTS, {}),
        "failed": Field("failed", NAMES, frozenset()),
        "deployment": Field("deployment", TEXT, ""),
    },
)
SUBMISSION = Shape(
    "what a declaration says",
    Submission,
    {
        "kind": Field("kind", DECLARATION_KIND),
        "name": Field("name", TEXT),
        "contract": Field("contract", TEXT),
        "email": Field("email", TEXT),
        "language": Field("language", TEXT),
        "statement": Field("statement", TEXT),
        "part": Field("part", TEXT, ""),
        "message": Field("message", TEXT, ""),
        "is_extraordinary": Field("is_extraordinary", BOOLEAN, False),
        "ends_on": Field("ends_on", DAY, None),
        "channel": Field("channel", CHANNEL),
        "source": Field("source", TEXT, ""),
    },
)
DECLARATION = Shape(
    "a declaration",
    Declaration,
    {
        "declaration_id": Field("declaration_id", TEXT),
        "state": Field("state", DECLARATION_STATE),
        "submission": Field("submission", record_of(SUBMISSION)),
        "declared_at": Field("declared_at", TIME),
        "confirmed_at": Field("confirmed_at", TIME, None),
        "token_hash": Field("token_hash", TEXT),
        "acknowledged_at": Field("acknowledged_at", TIME, None),
        "noticed_at": Field("noticed_at", TIME, None),
        "approval_hashes": Field("approval_hashes", TEXTS, ()),
        "objection_hashes": Field("objection_hashes", TEXTS, ()),
        "account_id": Field("account_id", TEXT, None),
        "payment_id": Field("payment_id", TEXT, None),
        "subscription_id": Field("subscription_id", TEXT, None),
        "approved_by": Field("approved_by", TEXT, None),
        "begun_at": Field("begun_at", TIME, None),
        "objected_at": Field("objected_at", TIME, None),
        "review_cause": Field("review_cause", REVIEW_CAUSE, None),
        "case_id": Field("case_id", TEXT, None),
        "reseller": Field("reseller", TEXT, ""),
        "forwarded_at": Field("forwarded_at", TIME, None),
        "forwarded_by": Field("forwarded_by", TEXT, None),
        "closed_by": Field("closed_by", TEXT, None),
        "closing_reason": Field("closing_reason", TEXT, ""),
        "version": Field("version", WHOLE),
    },
)
DECLARED_CONTRACT = Shape(
    "a contract that was declared about",
    DeclaredContract,
    {
        "contract_id": Field("contract_id", TEXT),
        "declared_at": Field("declared_at", TIMES, ()),
        "objected_at": Field("objected_at", TIME, None),
        "version": Field("version", WHOLE),
    },
)
LISTED_DECLARATION = Shape(
    "an open declaration",
    ListedDeclaration,
    {
        "declaration_id": Field("declaration_id", TEXT),
        "state": Field("state", DECLARATION_STATE),
        "since": Field("since", TIME),
        "source": Field("source", TEXT),
        "email_hash": Field("email_hash", TEXT),
    },
)

CONTACT = Shape(
    "a contact",
    Contact,
    {
        "account_id": Field("account_id", TEXT),
        "email": Field("email", TEXT),
        "language": Field("language", TEXT),
        "noted_at": Field("noted_at", TIME),
        "failing_since": Field("failing_since", TIME, None),
        "failure": Field("failure", TEXT, ""),
        "version": Field("version", WHOLE),
    },
)
MAIL_INTENT = Shape(
    "a mail intent",
    MailIntent,
    {
        "kind": Field("mail_kind", MAIL_KIND),
        "subject": Field("subject", TEXT),
        "account_id": Field("account_id", TEXT, None),
        "listed_at": Field("listed_at", TIME),
        "first_sent_at": Field("first_sent_at", TIME, None),
        "leased_until": Field("leased_until", TIME, None),
        "attempts": Field("attempts", WHOLE, 0),
        "last_error": Field("last_error", TEXT, ""),
        "lacks_address": Field("lacks_address", BOOLEAN, False),
        "message_id": Field("message_id", TEXT, None),
        "accepted_at": Field("accepted_at", TIME, None),
        "language": Field("language", TEXT, ""),
        "body_sha256": Field("body_sha256", TEXT, ""),
        "version": Field("version", WHOLE),
    },
)
MAIL_RECORD = Shape(
    "a mail record",
    MailRecord,
    {
        "kind": Field("mail_kind", MAIL_KIND),
        "subject": Field("subject", TEXT),
        "account_id": Field("account_id", TEXT, None),
        "listed_at": Field("listed_at", TIME),
        "outcome": Field("outcome", MAIL_OUTCOME),
        "ended_at": Field("ended_at", TIME),
        "message_id": Field("message_id", TEXT, None),
        "language": Field("language", TEXT, ""),
        "body_sha256": Field("body_sha256", TEXT, ""),
        "reason": Field("reason", TEXT, ""),
        "failed_at": Field("failed_at", TIME, None),
        "failure": Field("failure", TEXT, ""),
        "version": Field("version", WHOLE),
    },
)
AWAITED_ORDER = Shape(
    "an awaited order",
    AwaitedOrder,
    {
        "order_id": Field("order_id", TEXT),
        "account_id": Field("account_id", TEXT),
        "since": Field("since", TIME),
    },
)

INDEX_ROW = Shape(
    "a row of the index of find",
    IndexRow,
    {
        "kind": Field("name_kind", NAME_KIND),
        "name": Field("name", TEXT, ""),
        "subject": Field("subject", TEXT),
        "payment_id": Field("payment_id", TEXT, None),
        "account_id": Field("of_account", TEXT, None),  # `account_id` would bring it into an index
        "at": Field("at", TIME, None),
        "amount": Field("amount", WHOLE, 0),
        "currency": Field("currency", TEXT, ""),
        "owner": Field("owner", TEXT, None),
    },
)

TIMELINE_ROW = Shape(
    "a row of a timeline",
    TimelineRow,
    {
        "kind": Field("row_kind", TIMELINE_ROW_KIND),
        "subject": Field("subject", TEXT),
        "at": Field("at", TIME),
        "actor": Field("actor", TEXT, ""),
    },
)

CASE_CLAIM = Shape(
    "a claim on a case",
    CaseClaim,
    {
        "case_id": Field("case_id", TEXT),
        "account_id": Field("account_id", TEXT),
        "actor": Field("actor", TEXT),
        "until": Field("until", TIME),
        "version": Field("version", WHOLE),
    },
)

DOCUMENTS: Mapping[DocumentKind, Shape[Any]] = {
    DocumentKind.REFUND_CASE: REFUND_CASE,
    DocumentKind.CASE_POINTER: CASE_POINTER,
    DocumentKind.ORDER_POINTER: ORDER_POINTER,
    DocumentKind.REVIEW_QUEUE: QUEUED_CASE,
    DocumentKind.DEFERRED_QUEUE: QUEUED_CASE,
    DocumentKind.REFUND_INTENT: REFUND_INTENT,
    DocumentKind.RENEWAL_STOP: RENEWAL_STOP,
    DocumentKind.OPEN_CHECKOUT: OPEN_CHECKOUT,
    DocumentKind.FAILED_RUN: FAILED_RUN,
    DocumentKind.AUDIT_RECORD: AUDIT_RECORD,
    DocumentKind.PROPOSAL: PROPOSAL,
    DocumentKind.PROPOSAL_QUEUE: QUEUED_PROPOSAL,
    DocumentKind.ACTOR_SUMS: ACT_SUMS,
    DocumentKind.ACCOUNT_SUMS: ACT_SUMS,
    DocumentKind.RECENT_REQUESTS: RECENT_REQUESTS,
    DocumentKind.IDEMPOTENCY_RECORD: IDEMPOTENCY_RECORD,
    DocumentKind.JOB_CURSOR: JOB_CURSOR,
    DocumentKind.DECLARATION: DECLARATION,
    DocumentKind.LISTED_DECLARATION: LISTED_DECLARATION,
    DocumentKind.DECLARED_CONTRACT: DECLARED_CONTRACT,
    DocumentKind.CONTACT: CONTACT,
    DocumentKind.MAIL_INTENT: MAIL_INTENT,
    DocumentKind.MAIL_RECORD: MAIL_RECORD,
    DocumentKind.AWAITED_ORDER: AWAITED_ORDER,
    DocumentKind.CASE_CLAIM: CASE_CLAIM,
    DocumentKind.TIMELINE_ROW: TIMELINE_ROW,
    DocumentKind.SUBJECT_ACT: AUDIT_RECORD,
    DocumentKind.SUBJECT_LOOK: TIMELINE_ROW,
    DocumentKind.SUBJECT_REQUEST: IDEMPOTENCY_RECORD,
    DocumentKind.INDEXED_NAME: INDEX_ROW,
    DocumentKind.INDEXED_AMOUNT: INDEX_ROW,
    DocumentKind.INDEXED_FAILURE: INDEX_ROW,
    DocumentKind.WATCHED_PLAN: WATCHED_PLAN,
    DocumentKind.CREDIT_NOTE: CREDIT_NOTE,
    DocumentKind.CREDIT_NOTE_SERIES: CREDIT_NOTE_SERIES,
    DocumentKind.CREDIT_NOTE_POINTER: CREDIT_NOTE_POINTER,
    DocumentKind.INCIDENT: INCIDENT,
    DocumentKind.INCIDENT_SHARE: INCIDENT_SHARE,
    DocumentKind.LISTED_INCIDENT: LISTED_INCIDENT,
    DocumentKind.RUNNING_INCIDENT: LISTED_INCIDENT,
    DocumentKind.MUTE: MUTE,
}
"""Every document by its kind, which its key says (`ledger.dynamodb.keys`)."""
