"""The ledger once more, deliberately naive: what it should hold, from the notifications' own words, from scratch.

It imports nothing of the ledger. It keeps nothing, merges nothing, books nothing: given everything that has been heard
and done so far, it says what is right. So two answers to one question can be compared after every step.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_CATALOGUE = Path(__file__).parent.parent / "layers" / "ledger" / "ledger" / "domain" / "catalogue.json"
_PRODUCTS = json.loads(_CATALOGUE.read_text("utf-8"))["products"]
_BY_ID: dict[str, Json] = {row["product_id"]: row for row in _PRODUCTS}
_BY_PRICE: dict[str, Json] = {
    price_id: row for row in _PRODUCTS for price_ids in row["price_ids"].values() for price_id in price_ids
}

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Approval:
    """A refund that we decided on."""

    tag: str
    amount_minor: int
    takes_credits: bool = True
    items: tuple[tuple[str, int], ...] = ()  # (line, minor units)
    at: datetime = _NEVER
    is_by_law: bool = False  # a withdrawal: what was used is no debt once the money is back

    @property
    def case_id(self) -> str:
        return self.tag.rpartition("-")[0]


@dataclass(frozen=True, slots=True)
class Letter:
    """What the customer wrote about a payment."""

    at: datetime
    excuses_from: datetime | None  # from when on who wrote before a dispute is not suspended, by the policy; None: off


@dataclass(frozen=True, slots=True)
class Gift:
    """Credits that a person gave instead of money."""

    lot_id: str
    credits: int


@dataclass(slots=True)
class Ours:
    """What we did ourselves: the product's runs, support's acts, and refunds."""

    drawn: dict[str, dict[str, int]] = field(default_factory=dict)  # by run and lot; of failed runs nothing is left
    lifted: dict[str, datetime] = field(default_factory=dict)
    approvals: dict[str, list[Approval]] = field(default_factory=dict)  # by the payment's id
    abandoned: set[str] = field(default_factory=set)
    sent: dict[str, str] = field(default_factory=dict)  # the refund's id, by tag
    begun: set[str] = field(default_factory=set)  # whose sending began: the provider may have it
    withdrawn: dict[str, dict[str, bool]] = field(default_factory=dict)  # by payment: which case's withdrawal stands
    letters: dict[str, list[Letter]] = field(default_factory=dict)  # by the payment's id
    gifts: dict[str, list[Gift]] = field(default_factory=dict)  # by the id of the payment that they make good
    failed: dict[str, tuple[datetime, int]] = field(default_factory=dict)  # by run: when, and the credits it gave back
    replaced: set[str] = field(default_factory=set)  # runs whose credits an incident gave once more
    incidents: list[Gift] = field(default_factory=list)  # what incidents gave
    ticked: set[str] = field(default_factory=set)  # orders of which the buyer says that a business places them


@dataclass(frozen=True, slots=True)
class Lot:
    """What should remain of one grant."""

    granted: int
    drawn: int
    refunded: int
    disputed: int
    reserve_target: int
    owed: int
    expires_at: datetime | None
    is_frozen: bool
    grace_from: datetime | None = None
    subscription_id: str | None = None
    is_withdrawn: bool = False

    @property
    def left(self) -> int:
        """What remains, or has lapsed."""
        return self.granted - self.drawn - self.refunded - self.disputed

    def spendable(self, now: datetime) -> int:
        is_lapsed = self.expires_at is not None and self.expires_at <= now
        return 0 if self.is_frozen or self.is_withdrawn or is_lapsed else max(0, self.left - self.reserve_target)


@dataclass(frozen=True, slots=True)
class Book:
    """What one customer's ledger should hold."""

    lots: Mapping[str, Lot]
    holds: frozenset[str]
    excused: frozenset[str]  # the flags in place of holds: the customer had written before

    def spendable(self, now: datetime) -> int:
        """What all lots together can give, less what is owed."""
        return max(0, sum(self._spendable(lot, now) - lot.owed for lot in self.lots.values()))

    def _spendable(self, lot: Lot, now: datetime) -> int:
        """A period's credits outlive it until the next period of its subscription is paid. A withdrawal is of all."""
        if any(other.is_withdrawn for other in self.lots.values() if other.subscription_id == lot.subscription_id):
            return 0 if lot.subscription_id else lot.spendable(now)
        later = [
            other
            for other in self.lots.values()
            if lot.subscription_id and other.subscription_id == lot.subscription_id
            if lot.expires_at and other.expires_at and other.expires_at > lot.expires_at
        ]
        return 0 if later and lot.grace_from and lot.grace_from <= now else lot.spendable(now)

    def draw(self, credits_: int, now: datetime) -> dict[str, int] | None:
        """Which lots a run should draw from: what lapses first goes first. None: it should be refused."""
        if self.holds or credits_ > self.spendable(now):
            return None
        drawn = {}
        never = datetime.max.replace(tzinfo=UTC)
        for lot_id, lot in sorted(self.lots.items(), key=lambda pair: (pair[1].expires_at or never, pair[0])):
            if part := min(credits_, self._spendable(lot, now)):
                drawn[lot_id] = part
                credits_ -= part
        return drawn


@dataclass(frozen=True, slots=True)
class _Line:
    line_id: str
    credits: int
    amount_minor: int
    expires_at: datetime | None
    grace_from: datetime | None = None
    subscription_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Paid:
    payment_id: str
    at: datetime
    currency: str
    paid_minor: int
    lines: tuple[_Line, ...]
    fulfilment_key: str | None
    overcharge_minor: int = 0
    from_balance_minor: int = 0
    grants_nothing: Mapping[str, int] = field(default_factory=dict, hash=False)  # what a line cost beside the others
    tax_ids: tuple[tuple[str, str], ...] = ()  # of the buyer: kind and number

    @property
    def card_minor(self) -> int:
        return self.paid_minor - self.from_balance_minor


@dataclass(frozen=True, slots=True)
class _Refund:
    refund_id: str
    rank: int
    at: datetime
    created_at: datetime
    amount_minor: int
    tag: str | None
    charge_id: str | None = None
    items: tuple[tuple[str, int, bool], ...] = ()  # (line, minor units, is it tax alone?)


@dataclass(slots=True)
class _Heard:
    """Everything that was said about one payment, sorted by kind; of each thing all that was said."""

    names: set[str] = field(default_factory=set)
    paid: list[_Paid] = field(default_factory=list)
    refunds: list[_Refund] = field(default_factory=list)
    totals: list[tuple[str, datetime, int]] = field(default_factory=list)
    disputes: list[tuple[str, datetime, Json]] = field(default_factory=list)
    adjustments: list[tuple[str, datetime, Json]] = field(default_factory=list)
    moved: list[tuple[str, "_Step"]] = field(default_factory=list)  # to the buyer's balance, by the line that says so
    warnings: list[tuple[str, datetime, Json]] = field(default_factory=list)

    def join(self, other: "_Heard") -> None:
        self.names |= other.names
        for kind in ("paid", "refunds", "totals", "disputes", "adjustments", "moved", "warnings"):
            getattr(self, kind).extend(getattr(other, kind))


_PENDING, _SUCCEEDED, _CANCELED, _FAILED = 0, 2, 3, 4
_RANKS = {
    "pending": _PENDING,
    "requires_action": 1,
    "succeeded": _SUCCEEDED,
    "canceled": _CANCELED,
    "failed": _FAILED,
    "pending_approval": _PENDING,
    "approved": _SUCCEEDED,
    "rejected": _CANCELED,
    "reversed": _FAILED,
}


def book(notifications: Iterable[tuple[str, Json]], ours: Ours) -> Book:
    """What the ledger should hold after these (provider, notification) and our own acts, whatever their order was."""
    paid = _paid(notifications)
    gifts = [*ours.incidents, *(gift for gifts in ours.gifts.values() for gift in gifts)]
    lots = {gift.lot_id: _given(gift, ours) for gift in gifts}
    holds: set[str] = set()
    excused: set[str] = set()
    for sold_as, all_paid in _sold(paid).items():
        stages = [_stages(payment, paid[payment], ours) for payment in all_paid]
        all_left = [[sum(line) for line in zip(*stage, strict=True)] for stage in zip(*stages, strict=True)]
        is_contested = len(all_paid) < 2 or min(all_left[3]) < 1  # else one whole price stands without the disputes
        is_frozen = is_contested and any(_is_open(paid[payment]) for payment in all_paid)
        stays = [stage[2] for stage in stages]
        waived = [any(line) for line in zip(*(_waived(one, paid[one], ours) for one in all_paid), strict=True)]
        of_it = _lots(sold_as, all_paid, stays, all_left, waived, ours, is_frozen=is_frozen)
        is_withdrawn = any(_is_undecided(paid[payment], ours) for payment in all_paid)
        lots |= {lot_id: replace(lot, is_withdrawn=is_withdrawn) for lot_id, lot in of_it.items()}
        if is_contested:
            for payment in all_paid:
                holds |= _holds(payment, paid[payment], ours)
        for payment in all_paid:
            excused |= _excused(payment, paid[payment], ours)
    return Book(lots, frozenset(holds), frozenset(excused))


def to_replace(ours: Ours, since: datetime, until: datetime) -> dict[str, int]:
    """The credits, by run, that an incident gives for what failed between two times: once as many as it had cost."""
    return {
        run_id: credits_
        for run_id, (at, credits_) in ours.failed.items()
        if since <= at <= until and run_id not in ours.replaced and credits_
    }


def _paid(notifications: Iterable[tuple[str, Json]]) -> dict[_Paid, _Heard]:
    """Each payment, and all that was said about it."""
    payments: list[_Heard] = []
    for provider, content in notifications:
        for said in [_stripe(content), *_credits(content)] if provider == "stripe" else [_paddle(content)]:
            for known in [one for one in payments if one.names & said.names]:
                payments.remove(known)
                said.join(known)
            if said.names:
                payments.append(said)
    return {min(one.paid, key=lambda paid: paid.at): one for one in payments if one.paid}


def _sold(paid: Iterable[_Paid]) -> dict[str, list[_Paid]]:
    """The payments by what they are for, the first one first."""
    sold: dict[str, list[_Paid]] = {}
    for payment in sorted(paid, key=lambda paid: (paid.at, paid.payment_id)):
        sold.setdefault(payment.fulfilment_key or payment.payment_id, []).append(payment)
    return sold


def _given(gift: Gift, ours: Ours) -> Lot:
    """A lot of its own, which never lapses, and of which nothing is ever taken back."""
    drawn = sum(run.get(gift.lot_id, 0) for run in ours.drawn.values())
    return Lot(gift.credits, drawn, 0, 0, 0, 0, None, is_frozen=False)


class Buyer(Enum):
    """Who has bought: the law of withdrawal is for consumers."""

    CONSUMER = "consumer"
    UNCLEAR = "unclear"  # a tick, or a tax id that persons have too, shows no business, and no consumer either
    BUSINESS = "business"


_OF_BUSINESSES = {"br_cnpj", "gb_vat", "rs_pib"}
_VAT_OF_BUSINESSES = {"DE", "FR"}
"""Of the tax ids that are played: the kinds, and the countries of VAT numbers, that only businesses have."""


def _buyer(payment: _Paid, ours: Ours) -> Buyer:
    for kind, number in payment.tax_ids:
        if kind in _OF_BUSINESSES or (kind == "eu_vat" and number[:2] in _VAT_OF_BUSINESSES):
            return Buyer.BUSINESS
    is_unclear = payment.tax_ids or _order_of(payment) in ours.ticked
    return Buyer.UNCLEAR if is_unclear else Buyer.CONSUMER


def _order_of(payment: _Paid) -> str | None:
    kind, _, order_id = (payment.fulfilment_key or "").partition("/")
    return order_id if kind == "order" else None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a payment stands when the policy decides about it."""

    currency: str
    paid_minor: int
    left_minor: int  # that can go back to the card
    granted: int
    drawn: int
    failed: int  # credits of the runs that failed since it was paid
    replaced: int  # of these, the credits that incidents gave once more
    given: int  # credits that were given instead of its money
    paid_at: datetime
    order_id: str | None  # that it is for
    buyer: "Buyer"
    is_alone: bool  # no other payment is for the same
    is_open: bool  # a dispute of it is
    is_warned: bool  # the card network warns of it, and that can be acted on


def standings(notifications: Iterable[tuple[str, Json]], ours: Ours) -> dict[str, Standing]:
    """How each payment stands, by each of its names."""
    paid = _paid(notifications)
    found: dict[str, Standing] = {}
    for sold_as, all_paid in _sold(paid).items():
        lots = [f"{sold_as}/{position}" for position in range(len(all_paid[0].lines))]
        for payment in all_paid:
            heard = paid[payment]
            one = Standing(
                currency=payment.currency,
                paid_minor=payment.paid_minor,
                left_minor=_left_minor(payment, heard, ours),
                granted=sum(line.credits for line in payment.lines),
                drawn=sum(run.get(lot_id, 0) for run in ours.drawn.values() for lot_id in lots),
                failed=sum(credits_ for at, credits_ in ours.failed.values() if at >= payment.at),
                replaced=sum(ours.failed[run][1] for run in ours.replaced if ours.failed[run][0] >= payment.at),
                given=sum(gift.credits for name in heard.names for gift in ours.gifts.get(name, ())),
                paid_at=payment.at,
                order_id=_order_of(payment),
                buyer=_buyer(payment, ours),
                is_alone=len(all_paid) == 1,
                is_open=_is_open(heard),
                is_warned=any(one["actionable"] for one in _last_words(heard.warnings).values()),
            )
            found |= dict.fromkeys(heard.names, one)
    return found


def _lots(
    sold_as: str,
    all_paid: list[_Paid],
    stays: list[list[Fraction]],
    left: list[list[Fraction]],
    waived: list[bool],
    ours: Ours,
    *,
    is_frozen: bool,
) -> dict[str, Lot]:
    lots = {}
    for position, line in enumerate(all_paid[0].lines):
        lot_id = f"{sold_as}/{position}"
        # Of the payments that pay for what stays, the first ones first, the one whose credits lapse last.
        before = [sum((one[position] for one in stays[:number]), Fraction(0)) for number in range(len(stays))]
        paying = [
            payment.lines[position]
            for payment, one, sum_before in zip(all_paid, stays, before, strict=True)
            if one[position] > 0 and sum_before < 1
        ]
        never = datetime.max.replace(tzinfo=UTC)
        longest = max(paying or [line], key=lambda one: one.expires_at or never)
        drawn = sum(run.get(lot_id, 0) for run in ours.drawn.values())
        shares = [1 - min(Fraction(1), stage[position]) for stage in left[:3]]
        to_refund, gone, whole = (line.credits * share.numerator // share.denominator for share in shares)
        refunded = min(to_refund, line.credits - drawn)
        disputed = min(gone - to_refund, line.credits - drawn - refunded)
        lots[lot_id] = Lot(
            granted=line.credits,
            drawn=drawn,
            refunded=refunded,
            disputed=disputed,
            reserve_target=max(0, min(whole, line.credits) - gone),  # more than there is can't be reserved
            owed=gone - to_refund - disputed + (0 if waived[position] else to_refund - refunded),
            expires_at=longest.expires_at,
            is_frozen=is_frozen,
            grace_from=longest.grace_from,
            subscription_id=longest.subscription_id,
        )
    return lots


def _waived(payment: _Paid, heard: _Heard, ours: Ours) -> list[bool]:
    """Of which lines a refund that the law demands has succeeded: what was used of them is not owed."""
    approvals = {approval.tag: approval for name in heard.names for approval in ours.approvals.get(name, ())}
    back = {_tag(refund, approvals, ours) for refund in _latest(heard.refunds) if refund.rank == _SUCCEEDED}
    by_law = [approval for tag, approval in approvals.items() if approval.is_by_law and tag in back]
    named = [{line_id for line_id, amount_minor in approval.items if amount_minor} for approval in by_law]
    return [any(not names or line.line_id in names for names in named) for line in payment.lines]


@dataclass(frozen=True, slots=True)
class _Step:
    """Money that goes back."""

    at: datetime
    amount_minor: int
    items: tuple[tuple[str, int, bool], ...] = ()
    takes_credits: bool = True


@dataclass(frozen=True, slots=True)
class _Back:
    """The money of a payment that is back, or may be."""

    gone: list[_Step]  # refunded, or moved to the balance
    lost: list[_Step]
    going: list[_Step]
    contested: list[_Step]
    moved_minor: int  # of what is gone, what moved to the balance


def _back(heard: _Heard, ours: Ours) -> _Back:
    approvals = {approval.tag: approval for name in heard.names for approval in ours.approvals.get(name, ())}
    refunds = _latest(heard.refunds)
    bears = {refund.refund_id: _tag(refund, approvals, ours) for refund in refunds}

    def step(refund: _Refund) -> _Step:
        approval, items = approvals.get(bears[refund.refund_id] or ""), refund.items
        if approval and not items and approval.amount_minor == refund.amount_minor:
            items = tuple((line_id, amount_minor, False) for line_id, amount_minor in approval.items)
        return _Step(refund.created_at, refund.amount_minor, items, approval is None or approval.takes_credits)

    gone = [step(refund) for refund in refunds if refund.rank == _SUCCEEDED] + _credited(heard)
    gone += dict(heard.moved).values()
    moved = sum(step.amount_minor for step in [*_credited(heard), *dict(heard.moved).values()])
    totals: dict[str, tuple[datetime, int]] = {}
    for charge_id, at, total in heard.totals:
        totals[charge_id] = max(totals.get(charge_id, (at, total)), (at, total))
    beyond = -sum(refund.amount_minor for refund in refunds if refund.charge_id is None)
    for charge_id, (_, total) in totals.items():
        told = sum(refund.amount_minor for refund in refunds if refund.charge_id == charge_id)
        beyond += max(0, total - told)
    contained: set[str] = set()  # approvals of ours that no refund was told of, and a running total contains
    for tag, approval in sorted(approvals.items(), key=lambda pair: (pair[1].at, pair[0])):
        if tag in ours.begun and tag not in bears.values() and approval.amount_minor <= beyond:
            items = tuple((line_id, amount_minor, False) for line_id, amount_minor in approval.items)
            gone.append(_Step(approval.at, approval.amount_minor, items, approval.takes_credits))
            beyond -= approval.amount_minor
            contained.add(tag)
    if beyond > 0:
        gone.append(_Step(max(at for at, _ in totals.values()), beyond))
    going = [
        step(refund)
        for refund in refunds
        if refund.rank < _SUCCEEDED
        and ((own := bears[refund.refund_id]) not in approvals or _has_ended(own or "", refunds, bears, ours))
    ]
    for tag, approval in approvals.items():
        if tag not in contained and not _has_ended(tag, refunds, bears, ours):
            items = tuple((line_id, amount_minor, False) for line_id, amount_minor in approval.items)
            going.append(_Step(approval.at, approval.amount_minor, items, approval.takes_credits))
    lost, contested = _disputed(heard)
    for steps in (gone, going):
        steps.sort(key=lambda step: step.at)
    return _Back(gone, lost, going, contested, moved)


def _left_minor(payment: _Paid, heard: _Heard, ours: Ours) -> int:
    """What can still go back to the card: no more than it paid, and no more than what is left of all."""
    back = _back(heard, ours)
    gone, lost = (sum(step.amount_minor for step in steps) for steps in ([*back.gone, *back.going], back.lost))
    return max(0, min(payment.card_minor - (gone - back.moved_minor), payment.paid_minor - gone) - lost)


def _stages(payment: _Paid, heard: _Heard, ours: Ours) -> list[list[Fraction]]:
    """What is left of each line: after refunds, after lost disputes, after what is going back, after open disputes."""
    back = _back(heard, ours)
    gone, lost, going, contested, moved = back.gone, back.lost, back.going, back.contested, back.moved_minor

    def left(*steps: _Step) -> list[Fraction]:
        """What moved to the balance although the card had it back is missing."""
        to_card = min(sum(step.amount_minor for step in steps) - moved, payment.card_minor)
        over = max(0, min(moved, to_card + moved - payment.paid_minor))
        missing = Fraction(over, payment.paid_minor) if payment.paid_minor else Fraction(over > 0)
        return [share - missing for share in _left(payment, list(steps))]

    return [left(*gone), left(*gone, *lost), left(*gone, *lost, *going), left(*gone, *lost, *contested)]


def _left(payment: _Paid, steps: list[_Step]) -> list[Fraction]:
    """What is left of each line's credits after these steps, each a part of the money that was left before it."""
    price = payment.paid_minor - payment.overcharge_minor
    prices = {line.line_id: line.amount_minor for line in payment.lines} | dict(payment.grants_nothing)
    money = {line_id: Fraction(price * minor, sum(prices.values()) or 1) for line_id, minor in prices.items()}
    credits_ = dict.fromkeys(money, Fraction(1))
    overcharge = Fraction(payment.overcharge_minor)

    def take(line_id: str, amount: Fraction, *, takes_credits: bool) -> None:
        if amount and takes_credits:
            credits_[line_id] *= 1 - amount / money[line_id]
        money[line_id] -= amount

    for step in steps:
        rest = Fraction(step.amount_minor)
        for line_id, amount_minor, is_tax_alone in step.items:
            amount = min(Fraction(amount_minor), money.get(line_id, Fraction(0)), rest)
            if amount:  # a tax alone is no price of credits, but where no money is left, no credits are
                is_price = not is_tax_alone or amount == money[line_id]
                take(line_id, amount, takes_credits=step.takes_credits and is_price)
            rest -= amount
        of_it = min(overcharge, rest)
        overcharge -= of_it
        rest -= of_it
        if all_money := sum(money.values()):
            part = min(Fraction(1), rest / all_money)
            for line_id, amount in list(money.items()):
                take(line_id, amount * part, takes_credits=step.takes_credits)
        if payment.paid_minor > 0 and not sum(money.values()) and not overcharge:
            credits_ = dict.fromkeys(money, Fraction(0))
    return [credits_[line.line_id] for line in payment.lines]


def _credited(heard: _Heard) -> list[_Step]:
    """What has moved to the buyer's balance and was not reversed."""
    rows = [row for row in _last_words(heard.adjustments).values() if row["action"].startswith("credit")]
    rows.sort(key=lambda row: _stamp(row["created_at"]))
    given = [row for row in rows if row["action"] == "credit" and row["status"] != "reversed"]
    marked = sum(_total(row) for row in rows if row["action"] == "credit" and row["status"] == "reversed")
    undone = max(0, sum(_total(row) for row in rows if row["action"] == "credit_reverse") - marked)
    steps = []
    for row in reversed(given):
        part = min(undone, _total(row))
        undone -= part
        items = (
            () if part else tuple((i["item_id"], int(i["totals"]["total"]), i["type"] == "tax") for i in row["items"])
        )
        steps.append(_Step(_stamp(row["created_at"]), _total(row) - part, items))
    return steps


def _latest(said: Iterable[_Refund]) -> list[_Refund]:
    """Of each refund the state that ranks highest."""
    latest: dict[str, _Refund] = {}
    for refund in said:
        known = latest.get(refund.refund_id)
        if known is None or (refund.rank, refund.at) > (known.rank, known.at):
            latest[refund.refund_id] = refund
    return list(latest.values())


def _tag(refund: _Refund, approvals: Mapping[str, Approval], ours: Ours) -> str | None:
    if refund.tag in approvals:
        return refund.tag
    sent = sorted(tag for tag, refund_id in ours.sent.items() if refund_id == refund.refund_id)
    return sent[0] if sent else None


def _is_undecided(heard: _Heard, ours: Ours) -> bool:
    """Whether a withdrawal stands, and no approval of its case is on the way or has succeeded."""
    refunds = _latest(heard.refunds)
    approvals = {approval.tag: approval for name in heard.names for approval in ours.approvals.get(name, ())}
    bears = {refund.refund_id: _tag(refund, approvals, ours) for refund in refunds}

    def has_failed(tag: str) -> bool:
        ranks = [refund.rank for refund in refunds if bears[refund.refund_id] == tag]
        return (
            min((rank for rank in ranks if rank >= _SUCCEEDED), default=0) > _SUCCEEDED
            if ranks
            else tag in ours.abandoned
        )

    known = {case_id: stands for name in heard.names for case_id, stands in ours.withdrawn.get(name, {}).items()}
    settled = {approval.case_id for tag, approval in approvals.items() if not has_failed(tag)}
    return any(stands and case_id not in settled for case_id, stands in known.items())


def _has_ended(tag: str, refunds: list[_Refund], bears: Mapping[str, str | None], ours: Ours) -> bool:
    ours_of_it = [refund for refund in refunds if bears[refund.refund_id] == tag]
    if ours_of_it:
        return any(refund.rank >= _SUCCEEDED for refund in ours_of_it)
    return tag in ours.abandoned


# ── Money that banks contest ──────────────────────────────────────────────────────────────────────────────────────────

_OPEN = {"needs_response", "under_review", "appeal_needs_response", "appeal_under_review"}


def _disputed(heard: _Heard) -> tuple[list[_Step], list[_Step]]:
    """What banks have taken for good, and what is contested."""
    lost, contested = [], []
    for dispute in _last_words(heard.disputes).values():
        step = _Step(_seconds(dispute["created"]), dispute["amount"])
        lost += [step] * _is_lost(dispute)
        contested += [step] * _is_contested(dispute)
    for taken, undone in _chargebacks(heard).values():
        gone_minor = _gone_minor(taken, undone)
        lost += [_Step(_NEVER, gone_minor)] * (gone_minor > 0)
    return lost, contested


def _is_open(heard: _Heard) -> bool:
    return any(map(_is_contested, _last_words(heard.disputes).values()))


def _gone_minor(taken: list[Json], undone: list[Json]) -> int:
    """What chargebacks of one kind took and did not give back: a reversal is a row of its own, a mark, or both."""
    marked_minor = sum(_total(row) for row in taken if row["status"] == "reversed")
    return max(0, sum(map(_total, taken)) - max(sum(map(_total, undone)), marked_minor))


def _holds(payment: _Paid, heard: _Heard, ours: Ours) -> set[str]:
    """The holds on the account because of this payment, but for those that a person has lifted since."""
    since = {hold: at for hold, (at, is_excused) in _suspended(payment, heard, ours).items() if not is_excused}
    return {hold for hold, at in since.items() if hold not in ours.lifted or ours.lifted[hold] < at}


def _excused(payment: _Paid, heard: _Heard, ours: Ours) -> set[str]:
    """The flags in place of holds: who had written about this payment before is not suspended."""
    found = _suspended(payment, heard, ours)
    return {f"contacted_first:{hold.partition(':')[2]}" for hold, (_, is_excused) in found.items() if is_excused}


def _suspended(payment: _Paid, heard: _Heard, ours: Ours) -> dict[str, tuple[datetime, bool]]:
    """What suspends an account because of this payment: since when, and whether the customer had written before."""
    letters = [letter for name in heard.names for letter in ours.letters.get(name, ())]
    wrote_at = min((one.at for one in letters if one.excuses_from and one.excuses_from <= one.at), default=_NEVER)
    since: dict[str, tuple[datetime, bool]] = {}
    for dispute_id, dispute in _last_words(heard.disputes).items():
        if _is_contested(dispute) or (dispute["status"] == "lost" and _is_lost(dispute)):
            opened_at = _seconds(dispute["created"])
            since[f"dispute:stripe:{dispute_id}"] = (opened_at, wrote_at.replace(microsecond=0) <= opened_at)
    for kind, (taken, undone) in _chargebacks(heard).items():
        standing = [row for row in taken if row["status"] != "reversed"]
        if _gone_minor(taken, undone) > 0:
            taken_at = max(_stamp(row["created_at"]) for row in standing or taken)
            first_at = min(_stamp(row["created_at"]) for row in taken)
            since[f"dispute:{payment.payment_id}:{kind}"] = (taken_at, wrote_at.replace(microsecond=0) <= first_at)
    return since


def _is_lost(dispute: Json) -> bool:
    """By what moved last, else by the word: of a resolution the buyer has the money, without a fight."""
    moves = _moves(dispute)
    card = (dispute.get("payment_method_details") or {}).get("card") or {}
    if dispute["status"] == "prevented":
        return moves[-1:] == ["dispute"] or (not moves and card.get("case_type") == "resolution")
    return dispute["status"] == "lost" and moves[-1:] != ["dispute_reversal"]


def _is_contested(dispute: Json) -> bool:
    """By the word, or: it is won, and its money was taken once more."""
    is_taken_again = _moves(dispute).count("dispute") > 1 and _moves(dispute)[-1] == "dispute"
    return dispute["status"] in _OPEN or (dispute["status"] == "won" and is_taken_again)


def _moves(dispute: Json) -> list[str]:
    """Which ways its money went, one after the other. All of it, each time: the histories know no part of it."""
    rows = [movement["reporting_category"] for movement in dispute["balance_transactions"]]
    return [row for row in rows if row in {"dispute", "dispute_reversal"}]


def _chargebacks(heard: _Heard) -> dict[str, tuple[list[Json], list[Json]]]:
    """Rows that take and rows that give back, by kind."""
    kinds: dict[str, tuple[list[Json], list[Json]]] = {}
    for row in _last_words(heard.adjustments).values():
        if row["action"].startswith("chargeback") and row["status"] != "rejected":
            kind = kinds.setdefault(row["action"].removesuffix("_reverse"), ([], []))
            kind[row["action"].endswith("_reverse")].append(row)
    return kinds


def _last_words(said: Iterable[tuple[str, datetime, Json]]) -> dict[str, Json]:
    """Of each thing what was said last."""
    last: dict[str, tuple[datetime, Json]] = {}
    for name, at, content in said:
        if name not in last or at > last[name][0]:
            last[name] = (at, content)
    return {name: content for name, (_, content) in last.items()}


# ── What the providers say ────────────────────────────────────────────────────────────────────────────────────────────


def _stripe(event: Json) -> _Heard:
    kind, source, at = event["type"], event["data"]["object"], _seconds(event["created"])
    heard = _Heard()
    match kind.split("."):
        case ["checkout", "session", "completed" | "async_payment_succeeded"]:
            if source["mode"] == "payment" and source["payment_status"] != "unpaid":
                paid = _session(source, at)
                heard = _Heard({paid.payment_id}, [paid])
        case ["invoice", "paid"]:
            if invoiced := _invoice(source, at):
                heard = _Heard({invoiced.payment_id}, [invoiced])
        case ["invoice_payment", "paid"]:
            heard = _Heard({f"stripe:{source['invoice']}", f"stripe:{source['payment']['payment_intent']}"})
        case ["refund", _]:
            tag = (source["metadata"] or {}).get("refund_tag")
            refund = _Refund(
                source["id"],
                _RANKS[source["status"]],
                at,
                _seconds(source["created"]),
                source["amount"],
                tag,
                source["charge"],
            )
            heard = _Heard(_charged(source), refunds=[refund])
        case ["charge", "refunded"]:
            names = {f"stripe:{source['id']}", f"stripe:{source['payment_intent']}"}
            heard = _Heard(names, totals=[(source["id"], at, source["amount_refunded"])])
        case ["charge", "dispute", _]:
            heard = _Heard(_charged(source), disputes=[(source["id"], at, source)])
        case ["radar", *_]:
            heard = _Heard(_charged(source), warnings=[(source["id"], at, source)])
        case _:
            pass  # a subscription's state, a failed attempt: no credits move
    return heard


def _charged(source: Json) -> set[str]:
    return {f"stripe:{name}" for name in (source.get("payment_intent"), source.get("charge")) if name}


def _session(session: Json, at: datetime) -> _Paid:
    metadata = session["metadata"]
    product, quantity = _BY_ID[metadata["product_id"]], int(metadata.get("quantity", 1))
    price_minor = product["prices"][session["currency"].upper()] * quantity
    subtotal, total = session["amount_subtotal"], session["amount_total"]
    return _Paid(
        payment_id=f"stripe:{session['payment_intent'] or session['id']}",
        at=at,
        currency=session["currency"].upper(),
        paid_minor=total,
        lines=(_Line("0", product["credits"] * quantity, total, None),),
        fulfilment_key=f"order/{metadata['order_id']}" if "order_id" in metadata else None,
        overcharge_minor=total * (subtotal - price_minor) // subtotal,
        tax_ids=_tax_ids(session["customer_details"]["tax_ids"]),
    )


def _invoice(invoice: Json, at: datetime) -> _Paid | None:
    reason, details = invoice["billing_reason"], invoice["parent"]["subscription_details"]
    lines, starts, grants_nothing = [], [], {}
    for line in invoice["lines"]["data"]:
        product = _BY_PRICE[line["pricing"]["price_details"]["price"]]
        is_plan = product["kind"] == "subscription"
        start, end = (_seconds(line["period"][name]) for name in ("start", "end"))
        lapses, grace_from = _lapses(start, end, at) if is_plan else (None, None)
        credits_ = product["credits"] * line["quantity"]
        if _is_part(line):
            credits_ = product["credits"] * line["amount"] // product["prices"][invoice["currency"].upper()]
        elif is_plan:
            starts.append(line["period"]["start"])
        if credits_ > 0:
            plan = f"stripe:{details['subscription']}" if is_plan else None
            lines.append(_Line(line["id"], credits_, _with_tax(line), lapses, grace_from, plan))
        elif line["amount"] > 0:
            grants_nothing[line["id"]] = _with_tax(line)
    if not lines:
        return None
    order = details["metadata"].get("order_id")
    fulfilment_key = None
    if starts:
        fulfilment_key = f"period/stripe:{details['subscription']}/{_seconds(min(starts)):%Y-%m-%dT%H:%M:%SZ}"
    if reason == "subscription_create" and order:
        fulfilment_key = f"order/{order}"
    value_minor = invoice["amount_paid"] + invoice["ending_balance"] - invoice["starting_balance"]
    moved = -sum(_with_tax(line) for line in invoice["lines"]["data"] if _is_part(line) and line["amount"] < 0)
    value_minor, due = value_minor + moved, invoice["total"] + moved
    from_balance_minor = value_minor - invoice["amount_paid"]
    unpaid = max(0, due - value_minor)  # a credit note took it off before anybody paid
    kept = (line.credits - (line.credits * unpaid // due if line.amount_minor and due else 0) for line in lines)
    granting = tuple(replace(line, credits=credits_) for line, credits_ in zip(lines, kept, strict=True))
    name = f"stripe:{invoice['id']}"
    return _Paid(
        payment_id=name,
        at=at,
        currency=invoice["currency"].upper(),
        paid_minor=value_minor,
        lines=granting,
        fulfilment_key=fulfilment_key,
        from_balance_minor=from_balance_minor,
        grants_nothing=grants_nothing,
        tax_ids=_tax_ids(invoice["customer_tax_ids"]),
    )


def _tax_ids(entered: list[Json]) -> tuple[tuple[str, str], ...]:
    return tuple((one["type"], one["value"]) for one in entered)


def _credits(event: Json) -> list[_Heard]:
    """What an invoice credits of what was paid before: it says of which line."""
    invoice, heard = event["data"]["object"], []
    for line in invoice["lines"]["data"] if event["type"] == "invoice.paid" else ():
        if _is_part(line) and line["amount"] < 0:
            origin = _details(line)["proration_details"]["credited_items"]
            lines = [(line_id, -_with_tax(line), False) for line_id in origin["invoice_line_items"]]
            step = _Step(_seconds(invoice["created"]), -_with_tax(line), tuple(lines) if len(lines) == 1 else ())
            heard.append(_Heard({f"stripe:{origin['invoice']}"}, moved=[(line["id"], step)]))
    return heard


def _details(line: Json) -> Json:
    details: Json = line["parent"]["subscription_item_details"] or line["parent"]["invoice_item_details"]
    return details


def _is_part(line: Json) -> bool:
    """Whether a line is for a part of a period, since the subscription changed in it."""
    return bool(_details(line)["proration"])


def _with_tax(line: Json) -> int:
    return int(line["amount"]) + sum(int(tax["amount"]) for tax in line["taxes"])


def _paddle(event: Json) -> _Heard:
    kind, source, at = event["event_type"], event["data"], _stamp(event["occurred_at"])
    if kind == "transaction.completed":
        paid = _transaction(source, at)
        return _Heard({paid.payment_id}, [paid])
    if kind.startswith("adjustment."):
        heard = _Heard({f"paddle:{source['transaction_id']}"}, adjustments=[(source["id"], at, source)])
        if source["action"] == "refund":
            tag = (
                source["reason"].rpartition("[refund_tag:")[2].rstrip("]")
                if "[refund_tag:" in source["reason"]
                else None
            )
            items = tuple(
                (item["item_id"], int(item["totals"]["total"]), item["type"] == "tax") for item in source["items"]
            )
            created_at = _stamp(source["created_at"])
            heard.refunds.append(
                _Refund(source["id"], _RANKS[source["status"]], at, created_at, _total(source), tag, None, items)
            )
        return heard
    return _Heard()


def _transaction(transaction: Json, at: datetime) -> _Paid:
    period, custom = transaction["billing_period"], transaction["custom_data"] or {}
    trials = [item["price"]["id"] for item in transaction["items"] if item["price"].get("trial_period")]
    is_first = transaction["origin"] in {"api", "web"}
    lines, grants_nothing = [], {}
    for line in transaction["details"]["line_items"]:
        product = _BY_PRICE[line["price_id"]]
        is_plan = product["kind"] == "subscription"
        lapses, grace_from = (
            _lapses(_stamp(period["starts_at"]), _stamp(period["ends_at"]), at) if is_plan else (None, None)
        )
        credits_ = product["credits"] * line["quantity"]
        if line["proration"]:  # a part of a period, for its part of the price
            price = product["prices"][transaction["currency_code"]]
            credits_ = product["credits"] * int(line["totals"]["subtotal"]) // price
        elif is_first and line["price_id"] in trials:
            credits_ = product.get("trial_credits", 0) * line["quantity"]
        if credits_ == 0:
            grants_nothing[line["id"]] = _total(line)
            continue
        plan = f"paddle:{transaction['subscription_id']}" if is_plan and transaction["subscription_id"] else None
        lines.append(_Line(line["id"], credits_, _total(line), lapses, grace_from, plan))
    fulfilment_key = None
    if period and transaction["origin"] != "subscription_update":
        fulfilment_key = (
            f"period/paddle:{transaction['subscription_id']}/{_stamp(period['starts_at']):%Y-%m-%dT%H:%M:%SZ}"
        )
    if is_first and "order_id" in custom:
        fulfilment_key = f"order/{custom['order_id']}"
    paid_minor = int(transaction["details"]["totals"]["total"])
    name = f"paddle:{transaction['id']}"
    currency = transaction["currency_code"]
    return _Paid(name, at, currency, paid_minor, tuple(lines), fulfilment_key, grants_nothing=grants_nothing)


def _lapses(start: datetime, end: datetime, paid_at: datetime) -> tuple[datetime, datetime | None]:
    """When credits lapse, and from when on they lapse as soon as the next period is paid.

    Three hours after the period, but who pays late can use what he paid for a week, or as long as a period is.
    """
    usable_until = max(end, paid_at + min(timedelta(days=7), end - start))
    lapses = max(end + timedelta(hours=3), usable_until)
    return lapses, usable_until if usable_until < lapses else None


def _total(source: Json) -> int:
    return int(source["totals"]["total"])


def _seconds(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _stamp(at: str) -> datetime:
    return datetime.fromisoformat(at).astimezone(UTC)
