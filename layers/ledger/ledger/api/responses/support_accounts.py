"""What support reads about an account: its page, its timeline, and why."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from ledger.api.responses.accounts import HoldResponse
from ledger.api.responses.disputes import DisputeResponse, MadeRefund
from ledger.api.responses.locks import LockResponse
from ledger.api.responses.model import Money, ResponseModel
from ledger.api.responses.orders import AgreedOrder
from ledger.api.responses.purchases import PurchaseResponse
from ledger.api.responses.subscriptions import SubscriptionResponse
from ledger.api.responses.support import ProposalResponse
from ledger.domain.accounts import Account
from ledger.domain.contacts import Contact
from ledger.domain.disputes import ReportedDispute, reported_disputes
from ledger.domain.lots import Lot
from ledger.domain.orders import Order
from ledger.domain.proposals import Proposal
from ledger.domain.purchases import Purchase
from ledger.domain.refunds import returned_minor
from ledger.usecases.chain import Line
from ledger.usecases.explain_chain import Chain
from ledger.usecases.found import GoTo
from ledger.usecases.locks import LockedOrder
from ledger.usecases.timeline import LineKind, TimelineLine

MOST_LOTS = 500
"""How many open lots the page shows: an account may have thousands."""

_FLAGS: Mapping[str, str] = {
    "inquiry": "The bank asks about a payment: it is no dispute yet.",
    "contacted_first": "A payment is disputed, and the customer had written to us before.",
    "fraud_warning": "The card's issuer warns of fraud.",
    "overcharge": "More was paid than the price, and it was not returned.",
    "duplicate_charge": "The same was paid twice, and it was not returned.",
    "duplicate_disputed": "A dispute leaves a whole payment for the same: nothing is held.",
    "other_currency": "A refund or dispute is in another currency: a person states its amount.",
    "returned_short": "A dispute was won, and its money is not wholly back.",
    "refund_and_dispute": "One payment was refunded and disputed.",
    "late_payment": "A period was paid after its end.",
    "late_return": "Credits came back after their end.",
    "repeated_withdrawal": "The price of used credits went back by law more than once.",
}


class FlagResponse(ResponseModel):
    """A flag: something for support to see. It has no effect on spending."""

    flag: str
    since: datetime
    why: str

    @classmethod
    def of(cls, flag: str, since: datetime) -> "FlagResponse":
        """Return a flag with a sentence for its kind, which is the first part of its id."""
        kind = flag.partition(":")[0]
        return cls(flag=flag, since=since, why=_FLAGS.get(kind, kind.replace("_", " ").capitalize() + "."))


class SupportPurchaseResponse(PurchaseResponse):
    """A purchase, as support sees it: with what went back, what is disputed, and every id that it is known by."""

    refunded: Money = Field(description="What has gone back by refunds.")
    refunds: list[MadeRefund]
    disputes: list[DisputeResponse] = Field(description="All that there were, the most urgent first.")
    lot_ids: list[str] = Field(description="The lots of its credits, in the order of `lines`.")
    provider_ids: list[str] = Field(description="Every id of it that was received, with the provider's name.")
    customer_id: str | None = Field(description="The provider's customer.")

    @classmethod
    def seen(cls, shown: PurchaseResponse, purchase: Purchase, now: datetime) -> "SupportPurchaseResponse":
        """Return a purchase as of now, with what only support sees. `shown`: as its customer sees it."""
        payment = purchase.payment
        if payment is None:
            raise ValueError("a purchase is shown once its payment is known")
        return cls(
            **dict(shown),
            refunded=Money(amount_minor=returned_minor(purchase.facts), currency=payment.currency),
            refunds=MadeRefund.of_purchase(purchase),
            disputes=[DisputeResponse.of(one, now) for one in reported_disputes(purchase.facts, purchase.payment_id)],
            lot_ids=[payment.lot_id(position) for position in range(len(payment.lines))],
            provider_ids=sorted(purchase.names),
            customer_id=payment.customer_id,
        )


class SupportPurchasePage(ResponseModel):
    """Purchases as support sees them, newest first."""

    purchases: list[SupportPurchaseResponse]
    next: str | None = Field(description="Send it as `after` to get the next page. null: this was the last page.")


class OpenLotResponse(ResponseModel):
    """A lot that has not closed."""

    lot_id: str
    granted: int
    remaining: int
    owed: int
    reserved: int
    is_frozen: bool
    expires_at: datetime | None
    locked_until: datetime | None

    @classmethod
    def of(cls, lot: Lot) -> "OpenLotResponse":
        """Return a lot."""
        return cls(
            lot_id=lot.lot_id,
            granted=lot.granted,
            remaining=lot.remaining,
            owed=lot.owed,
            reserved=lot.reserved,
            is_frozen=lot.is_frozen,
            expires_at=lot.expires_at,
            locked_until=lot.locked_until,
        )


class OpenCaseResponse(ResponseModel):
    """A refund case that has not ended."""

    case_id: str
    purchase_id: str
    reason: str


class SupportAccountResponse(ResponseModel):
    """An account, as support sees it."""

    account_id: str
    status: str = Field(examples=["active", "suspended"])
    email: str | None
    language: str | None
    email_failing_since: datetime | None
    balance: int
    spendable: int
    frozen: int
    reserved: int
    locked: int
    shortfall: int = Field(description="A debt: credits that should have been taken back but were already used.")
    lots: list[OpenLotResponse] = Field(description="In the order in which they are drawn; the first 500.")
    number_of_lots: int
    locks: list[LockResponse] = Field(description="What of it is locked, why, and what unlocks it.")
    holds: list[HoldResponse]
    flags: list[FlagResponse]
    open_cases: list[OpenCaseResponse]
    open_disputes: list[DisputeResponse] = Field(description="The most urgent first.")
    subscriptions: list[SubscriptionResponse]
    orders: list[AgreedOrder] = Field(
        description="Of the latest 20 purchases: what was shown and agreed to. The newest first."
    )
    proposals: list[ProposalResponse] = Field(description="Those that wait for a second person.")
    balance_explained: list[str] = Field(description="Why the balance is what it is, in sentences.")

    @classmethod
    def of(
        cls,
        account: Account,
        contact: Contact | None,
        proposals: Sequence[Proposal],
        disputes: Sequence[ReportedDispute],
        orders: Sequence[Order],
        explained: Sequence[str],
        locked: Sequence[LockedOrder],
        now: datetime,
        *,
        is_debt_withheld: bool,
    ) -> "SupportAccountResponse":
        """Return an account as of now."""
        lots = account.lots_in_draw_order
        return cls(
            account_id=account.account_id,
            status=account.status,
            email=contact.email if contact else None,
            language=contact.language if contact else None,
            email_failing_since=contact.failing_since if contact else None,
            balance=account.balance,
            spendable=account.spendable(now, is_debt_withheld=is_debt_withheld),
            frozen=sum(lot.remaining for lot in lots if lot.is_frozen),
            reserved=sum(lot.reserved for lot in lots),
            locked=sum(one.credits for one in locked),
            shortfall=account.shortfall,
            lots=[OpenLotResponse.of(lot) for lot in lots[:MOST_LOTS]],
            number_of_lots=len(lots),
            locks=[LockResponse.of(one) for one in locked],
            holds=[HoldResponse.of(hold_id, hold.since) for hold_id, hold in sorted(account.holds.items())],
            flags=[FlagResponse.of(flag, since) for flag, since in sorted(account.flags.items())],
            open_cases=[_open_case(case_id, key) for case_id, key in sorted(account.cases.items())],
            open_disputes=[DisputeResponse.of(one, now) for one in disputes],
            subscriptions=[SubscriptionResponse.of(one) for one in account.subscriptions.values()],
            orders=[AgreedOrder.of(one) for one in orders],
            proposals=[ProposalResponse.of(one) for one in proposals],
            balance_explained=list(explained),
        )


def _open_case(case_id: str, key: str) -> OpenCaseResponse:
    purchase_id, _, reason = key.rpartition("/")
    return OpenCaseResponse(case_id=case_id, purchase_id=purchase_id, reason=reason)


class LineGoResponse(ResponseModel):
    """Where a line leads."""

    page: GoTo
    id: str


class TimelineLineResponse(ResponseModel):
    """One thing that happened."""

    at: datetime
    kind: str = Field(examples=["entry", "delivery", "case", "act", "mail", "look"])
    id: str | None = Field(description="Of the event, entry, case or mail, or of what an act is about.")
    words: str
    credits: int | None = Field(description="Of an entry: the credits that it moves.")
    balance: int | None = Field(description="Of an entry: the account's balance after it.")
    actor: str | None = Field(description="Of an act, a look, or a step of a case.")
    lot_id: str | None = Field(description="Of an entry: the lot that it moves. `words` name it by its purchase.")
    is_open: bool = Field(description="It waits for something: `words` say for what.")
    go: LineGoResponse | None

    @classmethod
    def of(cls, one: TimelineLine) -> "TimelineLineResponse":
        """Return a line of a timeline."""
        return cls(
            **_of_line(one.line), kind=one.kind, id=one.line_id, actor=one.actor or None, go=_go(one.kind, one.line_id)
        )

    @classmethod
    def of_chain(cls, line: Line) -> "TimelineLineResponse":
        """Return a line of a chain."""
        return cls(**_of_line(line), kind=line.kind, id=None, actor=None, go=None)


def _of_line(line: Line) -> dict[str, Any]:
    return {
        "at": line.at,
        "words": line.words,
        "credits": line.credits,
        "balance": line.balance,
        "lot_id": line.lot_id,
        "is_open": line.is_open,
    }


def _go(kind: LineKind, line_id: str) -> LineGoResponse | None:
    match kind:
        case LineKind.CASE:
            return LineGoResponse(page=GoTo.CASE, id=line_id)
        case LineKind.ENTRY | LineKind.DELIVERY | LineKind.ACT:
            return LineGoResponse(page=GoTo.WHY, id=line_id)
    return None


class TimelinePageResponse(ResponseModel):
    """A part of an account's timeline, newest first."""

    lines: list[TimelineLineResponse]
    next: str | None = Field(description="Send it as `after` to get the next page. null: this was the last page.")
    left_out: list[LineKind] = Field(
        description="Of these kinds the account has more than are read: some of their lines are on no page."
    )


class ChainResponse(ResponseModel):
    """What led to an id, what followed from it, what it waits for, and the balance of its account."""

    id: str
    account_ids: list[str]
    lines: list[TimelineLineResponse] = Field(description="Oldest first.")
    balance: list[str]
    is_cut: bool = Field(description="There is more than was read: the newest lines are here.")

    @classmethod
    def of(cls, text: str, chain: Chain) -> "ChainResponse":
        """Return a chain."""
        return cls(
            id=text,
            account_ids=list(chain.account_ids),
            lines=[TimelineLineResponse.of_chain(line) for line in chain.lines],
            balance=list(chain.balance),
            is_cut=chain.is_cut,
        )
