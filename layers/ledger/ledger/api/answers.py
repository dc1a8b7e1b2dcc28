"""What is answered. Amounts are whole minor units of their currency, times are RFC 3339 in UTC."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ledger.accounts import Account
from ledger.cases import CaseState, Decision, Outcome, Reason, RefundCase, Waiting
from ledger.entries import Counter, Entry, Kind
from ledger.lots import Lot
from ledger.orders import Order
from ledger.purchases import Purchase
from ledger.subscriptions import Subscription, SubscriptionStatus


class Answer(BaseModel):
    """An answer's body."""

    model_config = ConfigDict(frozen=True)


class FieldProblem(Answer):
    """One field that is wrong."""

    field: str = Field(examples=["body.currency"])
    message: str


class Problem(Answer):
    """What went wrong, and what would be right (RFC 9457)."""

    type: str = Field(examples=["urn:imagetagger:problem:insufficient-credits"])
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = None
    case_id: str | None = Field(default=None, description="The open case that stands in the way.")
    missing: int | None = Field(default=None, description="Credits that the account is short of.")
    holds: list[str] | None = None


class Money(Answer):
    """An amount."""

    amount_minor: int
    currency: str


class HoldShown(Answer):
    """Why an account is suspended."""

    hold_id: str
    since: datetime
    words: str

    @classmethod
    def of(cls, hold_id: str, since: datetime) -> "HoldShown":
        """A hold in plain words."""
        return cls(hold_id=hold_id, since=since, words=_HOLD_WORDS.get(hold_id.partition(":")[0], _OTHER_HOLD))


_HOLD_WORDS: Mapping[str, str] = {
    "dispute": "A charge was disputed at your bank. The account is suspended until that is settled; write to us if you "
    "did not mean to dispute it.",
    "fraud": "A payment was reported as fraud. Write to us, and we look at it together.",
    "support": "Our support has suspended the account. Write to us, and we explain why.",
}
_OTHER_HOLD = "The account is suspended. Write to us, and we explain why."


class LotShown(Answer):
    """What remains of one grant."""

    lot_id: str
    granted: int
    remaining: int
    spendable: int = Field(description="Now: nothing that is frozen, lapsed or reserved for a refund.")
    reserved: int
    is_frozen: bool
    expires_at: datetime | None

    @classmethod
    def of(cls, lot: Lot, now: datetime) -> "LotShown":
        """A lot as of now."""
        return cls(
            lot_id=lot.lot_id,
            granted=lot.granted,
            remaining=lot.remaining,
            spendable=lot.spendable(now),
            reserved=lot.reserved,
            is_frozen=lot.is_frozen,
            expires_at=lot.expires_at,
        )


class SubscriptionShown(Answer):
    """A subscription."""

    subscription_id: str
    product_id: str | None
    status: SubscriptionStatus
    period_end: datetime | None = Field(description="Credits and features stay until then.")
    renews_at: datetime | None = Field(description="The next charge; null: none will come.")
    cancel_at: datetime | None

    @classmethod
    def of(cls, subscription: Subscription) -> "SubscriptionShown":
        """A subscription and its next date."""
        goes_on = subscription.cancel_at is None and subscription.status is not SubscriptionStatus.ENDED
        return cls(
            subscription_id=subscription.subscription_id,
            product_id=subscription.product_id,
            status=subscription.status,
            period_end=subscription.period_end,
            renews_at=subscription.period_end if goes_on else None,
            cancel_at=subscription.cancel_at,
        )


class AccountShown(Answer):
    """One customer's credits."""

    account_id: str
    status: str = Field(examples=["active", "suspended"])
    holds: list[HoldShown]
    balance: int
    spendable: int
    shortfall: int = Field(description="A debt: credits that should have been taken back but were already used.")
    lots: list[LotShown]
    subscriptions: list[SubscriptionShown]

    @classmethod
    def of(cls, account: Account, now: datetime, *, is_debt_withheld: bool) -> "AccountShown":
        """An account as of now, the lot that is drawn first first."""
        lots = sorted(account.lots.values(), key=lambda lot: (lot.expires_at is None, str(lot.expires_at), lot.lot_id))
        return cls(
            account_id=account.account_id,
            status=account.status,
            holds=[HoldShown.of(hold_id, hold.since) for hold_id, hold in sorted(account.holds.items())],
            balance=account.balance,
            spendable=account.spendable(now, is_debt_withheld=is_debt_withheld),
            shortfall=account.shortfall,
            lots=[LotShown.of(lot, now) for lot in lots],
            subscriptions=[SubscriptionShown.of(item) for item in account.subscriptions.values()],
        )


class EntryShown(Answer):
    """One movement of credits, and the balance after it."""

    entry_id: str
    occurred_at: datetime
    kind: Kind
    credits: int
    balance_after: int
    counter: Counter
    lot_id: str
    cause: str

    @classmethod
    def of(cls, entry: Entry, balance_after: int) -> "EntryShown":
        """An entry on a statement."""
        return cls(
            entry_id=entry.entry_id,
            occurred_at=entry.occurred_at,
            kind=entry.kind,
            credits=entry.credits,
            balance_after=balance_after,
            counter=entry.counter,
            lot_id=entry.lot_id,
            cause=entry.cause,
        )


class StatementPage(Answer):
    """Entries, newest first."""

    entries: list[EntryShown]
    next: str | None = Field(description="Ask for the next page with it; null: this was the last.")


class DecisionShown(Answer):
    """What is decided, the clause of the published policy it rests on, and why."""

    outcome: Outcome
    money: Money | None
    credits: int | None
    takes_credits: bool
    ends_subscription: bool
    clause: str
    reasons: list[str]
    policy_version: str

    @classmethod
    def of(cls, decision: Decision) -> "DecisionShown":
        """A decision, as the customer sees it. What a review recommends is support's to know."""
        is_final = decision.outcome in {Outcome.APPROVE, Outcome.REPLACE}
        has_money = is_final and decision.money_minor > 0
        return cls(
            outcome=decision.outcome,
            money=Money(amount_minor=decision.money_minor, currency=decision.currency) if has_money else None,
            credits=decision.credits if is_final and decision.credits else None,
            takes_credits=decision.takes_credits,
            ends_subscription=decision.ends_subscription,
            clause=decision.clause,
            reasons=list(decision.reasons),
            policy_version=decision.policy_version,
        )


class Refundability(Answer):
    """What a request for this reason would be answered now."""

    reason: Reason
    is_refundable: bool
    decision: DecisionShown


class LineShown(Answer):
    """What a payment paid for."""

    product_id: str
    credits: int
    expires_at: datetime | None


class PurchaseShown(Answer):
    """One payment."""

    purchase_id: str
    provider: str
    paid_at: datetime
    paid: Money
    refundable: Money
    lines: list[LineShown]
    order_id: str | None
    subscription_id: str | None
    invoice_number: str | None
    is_duplicate: bool
    refundability: Refundability

    @classmethod
    def of(cls, purchase: Purchase, reason: Reason, decision: Decision) -> "PurchaseShown":
        """A purchase, and whether it could be refunded now."""
        payment = purchase.payment
        if payment is None:
            raise ValueError("a purchase is shown once its payment is known")
        return cls(
            purchase_id=purchase.payment_id,
            provider=payment.payment_id.partition(":")[0],
            paid_at=payment.at,
            paid=Money(amount_minor=payment.paid_minor, currency=payment.currency),
            refundable=Money(amount_minor=purchase.refundable_minor, currency=payment.currency),
            lines=[
                LineShown(product_id=line.product_id, credits=line.credits, expires_at=line.expires_at)
                for line in payment.lines
            ],
            order_id=payment.order_id,
            subscription_id=payment.subscription_id,
            invoice_number=payment.invoice_number,
            is_duplicate=purchase.is_duplicate,
            refundability=Refundability(
                reason=reason,
                is_refundable=decision.outcome in {Outcome.APPROVE, Outcome.WAIT},
                decision=DecisionShown.of(decision),
            ),
        )


class PurchasePage(Answer):
    """Purchases, newest first."""

    purchases: list[PurchaseShown]
    next: str | None = Field(description="Ask for the next page with it; null: this was the last.")


class OrderShown(Answer):
    """An order, and the page on which it is paid."""

    order_id: str
    product_id: str
    price: Money = Field(description="Before tax and discount.")
    provider: str
    made_at: datetime
    checkout_url: str

    @classmethod
    def of(cls, order: Order) -> "OrderShown":
        """An order whose checkout is made."""
        if order.checkout is None:
            raise ValueError("an order is shown once its checkout is made")
        return cls(
            order_id=order.order_id,
            product_id=order.product_id,
            price=Money(amount_minor=order.price_minor, currency=order.currency),
            provider=order.provider,
            made_at=order.made_at,
            checkout_url=order.checkout.url,
        )


class ConsentShown(Answer):
    """The consent of an order."""

    order_id: str
    is_complete: bool = Field(description="Express request, acknowledgement and confirmation are all on record.")


class RunShown(Answer):
    """What a run drew, or that its credits came back."""

    run_id: str
    credits: int
    at: datetime
    failed_at: datetime | None


class CaseShown(Answer):
    """A wish for money back, what was decided, and what became of it."""

    case_id: str
    purchase_id: str
    reason: Reason
    state: CaseState
    words: str = Field(description="What happens next.")
    opened_at: datetime
    opened_by: str
    decision: DecisionShown | None
    decided_at: datetime | None
    decide_at: datetime | None = Field(description="Of a requested case: when it is decided by itself.")
    mismatches: list[str]
    evidence: list[str]

    @classmethod
    def of(cls, case: RefundCase) -> "CaseShown":
        """A case, as its customer sees it."""
        return cls(**case_fields(case))


def case_fields(case: RefundCase) -> dict[str, Any]:
    """What a customer and support both see of a case."""
    return {
        "case_id": case.case_id,
        "purchase_id": case.payment_id,
        "reason": case.reason,
        "state": case.state,
        "words": _STATE_WORDS[case.state],
        "opened_at": case.opened_at,
        "opened_by": "you" if case.opened_by == case.account_id else "support",
        "decision": DecisionShown.of(case.decision) if case.decision else None,
        "decided_at": case.decided_at,
        "decide_at": case.decide_at,
        "mismatches": list(case.mismatches),
        "evidence": list(case.evidence),
    }


_STATE_WORDS: Mapping[CaseState, str] = {
    CaseState.DECLARED: "Confirm that you withdraw. Nothing has happened yet.",
    CaseState.REQUESTED: "We check this and decide within minutes.",
    CaseState.IN_REVIEW: "A person looks at it and comes back to you.",
    CaseState.APPROVED: "The refund is on its way to the payment provider.",
    CaseState.ISSUED: "The payment provider has the refund. Your bank may take some days.",
    CaseState.SETTLED: "The money is back.",
    CaseState.DECLINED: "We can't refund this. The reasons stand in the decision.",
    CaseState.REPLACED: "Replacement credits are on your account.",
}


class CasePage(Answer):
    """Cases."""

    cases: list[CaseShown]
    next: str | None = Field(description="Ask for the next page with it; null: this was the last.")


class WaitingCase(Answer):
    """A case in the review queue."""

    case_id: str
    account_id: str
    since: datetime

    @classmethod
    def of(cls, waiting: Waiting) -> "WaitingCase":
        """A place in the queue."""
        return cls(case_id=waiting.case_id, account_id=waiting.account_id, since=waiting.since)


class WaitingPage(Answer):
    """The review queue, oldest first."""

    cases: list[WaitingCase]
    next: str | None = Field(description="Ask for the next page with it; null: this was the last.")


class UploadShown(Answer):
    """Where and how to upload one file: a form POST with these fields, and the file last, as `file`."""

    evidence_id: str
    url: str
    fields: dict[str, str]
    expires_at: datetime
    max_bytes: int


class WithdrawalReceipt(Answer):
    """The receipt of a withdrawal: what was declared, and when. Keep it."""

    case: CaseShown
    declared_at: datetime
    confirmed_at: datetime | None = Field(description="null: it is declared, and still to be confirmed.")
    statement: str
    would_be: DecisionShown | None = Field(description="Before it is confirmed: what would be decided now.")


class CancellationShown(Answer):
    """A subscription's renewals, stopped or going on again."""

    subscription: SubscriptionShown
    words: str


class PortalShown(Answer):
    """The provider's own billing page. The address is short-lived and for this customer alone: do not keep it."""

    url: str


class ConsideredShown(Answer):
    """One rule of the policy, and why it spoke or did not."""

    rule: str
    spoke: bool
    why: str


class FactsShown(Answer):
    """What the ledger knows that a decision may rest on."""

    paid_at: datetime
    paid: Money
    refundable: Money
    refunded: Money
    is_subscription: bool
    is_renewal: bool
    is_duplicate: bool
    is_disputed: bool
    credits_granted: int
    credits_used: int
    failed_runs: int
    failed_credits: int
    similar: list[str]
    country: str | None
    is_business: bool | None


class SupportCase(CaseShown):
    """A case with everything that a person needs to decide it."""

    account_id: str
    message: str
    email: str | None
    charged_on: date | None
    reference: str | None
    happened_at: datetime | None
    error_messages: list[str]
    decided_by: str | None
    history: list[str]
    purchase: PurchaseShown
    facts: FactsShown
    usage_since: list[EntryShown] = Field(description="The account's latest movements since the payment, newest first.")
    recommended: DecisionShown = Field(description="What the policy says of it as things stand now.")
    recommended_outcome: Outcome | None = Field(description="Where the policy leaves it to a person: what it suggests.")
    recommended_money: Money | None
    recommended_credits: int | None
    explanation: list[ConsideredShown] = Field(description="Each rule of the policy, and why it spoke or did not.")
    evidence_urls: list[str] = Field(description="Short-lived addresses of the uploaded files.")


class HoldChanged(Answer):
    """Whether a hold was laid or lifted by this request."""

    hold_id: str
    changed: bool = Field(description="false: it was so before.")
