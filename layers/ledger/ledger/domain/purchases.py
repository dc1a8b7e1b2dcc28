"""Purchases: one payment at a provider, and what the ledger must hold because of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from functools import cached_property
from itertools import groupby
from operator import attrgetter

from ledger.domain.disputes import ReportedDispute, disputed, reported_disputes
from ledger.domain.facts import ConsentChanged, Fact, Facts, PaymentFailed, PaymentSettled, facts_of, merge
from ledger.domain.holds import Hold
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.late import late_flags
from ledger.domain.lots import Lot
from ledger.domain.money import Share, portion, share_of
from ledger.domain.records import record
from ledger.domain.refunds import (
    is_returned_by_law,
    outstanding,
    outstanding_minor,
    returned,
    returned_minor,
    unknown_refunds,
)
from ledger.domain.shares import WHOLE, overcharge_left, shares_left
from ledger.domain.withdrawn import is_undecided, withdrawal_flags


@record(frozen=True, kw_only=True)
class Purchase:
    """The merged facts of one payment.

    Facts may be received before the payment itself. They wait here, and take effect when the payment is received.
    """

    payment_id: PaymentId  # the id that it is stored under
    names: frozenset[PaymentId] = frozenset()  # all ids of this payment that were received
    facts: Facts = field(default_factory=dict)  # by their keys
    is_duplicate: bool = False  # another payment is the original for the same order or period
    version: int = 0  # of the stored item; 0: not stored yet
    stored_facts: Facts = field(default_factory=dict, compare=False, repr=False)  # as read: they need not be written

    @property
    def has_new_facts(self) -> bool:
        """Return whether it has facts that are not stored yet."""
        return self.facts != self.stored_facts

    @cached_property
    def payment(self) -> PaymentSettled | None:
        fact = self.facts.get("payment")
        return fact if isinstance(fact, PaymentSettled) else None

    @property
    def waits_since(self) -> datetime | None:
        """Return since when facts about money wait here for their payment, by the provider's time. None: none waits.

        A failed attempt to pay waits for nothing.
        """
        if self.payment:
            return None
        return min((fact.at for fact in self.facts.values() if not isinstance(fact, PaymentFailed)), default=None)

    @property
    def open_dispute(self) -> ReportedDispute | None:
        """Return the most urgent of its open disputes, or None."""
        most_urgent = next(iter(reported_disputes(self.facts, self.payment_id)), None)
        return most_urgent if most_urgent and most_urgent.is_open else None

    @property
    def account_id(self) -> AccountId | None:
        return self.payment.account_id if self.payment else None

    @property
    def value_left_minor(self) -> int:
        """Return the value that we still have: what was paid, less all refunds, approvals and lost disputes."""
        if self.payment is None:
            return 0
        gone_minor = returned_minor(self.facts) + outstanding_minor(self.facts) + self._lost_minor(self.payment)
        return max(0, self.payment.paid_minor - gone_minor)

    @property
    def refundable_minor(self) -> int:
        """Return what can still go back to the card: no more than it paid, and no more than the value that is left.

        Nothing, while an amount in another currency is not known in the payment's.
        """
        if self.payment is None or self._has_unknown_amounts(self.payment):
            return 0
        to_card = [one for one in [*returned(self.facts), *outstanding(self.facts)] if not one.is_to_balance]
        card_left_minor = self.payment.returnable_minor - sum(one.amount_minor for one in to_card)
        return max(0, min(card_left_minor - self._lost_minor(self.payment), self.value_left_minor))

    @property
    def overcharge_left_minor(self) -> int:
        """Return what we still have of the amount above the price, less what is going back."""
        if self.payment is None:
            return 0
        lost = disputed(self.facts, self.payment.payment_id).lost
        return overcharge_left(self.payment, returned(self.facts), lost, outstanding(self.facts))

    def _has_unknown_amounts(self, payment: PaymentSettled) -> bool:
        return disputed(self.facts, payment.payment_id).is_unknown or bool(unknown_refunds(self.facts))

    def _lost_minor(self, payment: PaymentSettled) -> int:
        return disputed(self.facts, payment.payment_id).lost_minor

    def with_facts(self, *facts: Fact) -> "Purchase":
        """Return this purchase with these facts merged into it."""
        return replace(self, facts=merge(self.facts, facts))


@record(frozen=True)
class LotTarget:
    """What a lot must be, whatever was booked before. The numbers are as in `Lot`."""

    lot_id: str
    granted: int
    expires_at: datetime | None
    refund_target: int
    dispute_target: int
    is_frozen: bool
    reserve_target: int
    grace_from: datetime | None
    subscription_id: str | None
    locked_until: datetime | None
    owes_no_refund: bool
    is_withdrawn: bool

    def applied_to(self, lot: Lot | None) -> Lot:
        """Return the lot at this target. None: it is granted now."""
        lot = lot or Lot(lot_id=self.lot_id, granted=self.granted, expires_at=self.expires_at)
        return replace(
            lot.rescheduled(self.expires_at),
            granted=self.granted,
            grace_from=self.grace_from,
            subscription_id=self.subscription_id,
            refund_target=self.refund_target,
            dispute_target=self.dispute_target,
            reserve_target=self.reserve_target,
            is_frozen=self.is_frozen,
            locked_until=self.locked_until,
            owes_no_refund=self.owes_no_refund,
            is_withdrawn=self.is_withdrawn,
        ).rebalance()


@record(frozen=True)
class Target:
    """What the ledger must hold because of some purchases."""

    lots: tuple[LotTarget, ...]
    holds: Mapping[str, Hold]  # by hold id
    flags: Mapping[str, datetime]  # since when, by flag id
    cleared_holds: frozenset[str]  # holds of these purchases that must not be on the account
    cleared_flags: frozenset[str]
    lost: Mapping[PaymentId, str]  # payments of subscriptions that a dispute took: the subscription, by payment id


def target(*purchases: Purchase) -> Target:
    """Return what the ledger must hold because of these purchases, each with its payment. Only their facts count.

    They are all payments for one thing: an order, or a period of a subscription. The lots keep what is left of one
    price. What is left above it is a duplicate charge: it grants nothing, and its refund takes nothing, whichever of
    the payments is refunded. A dispute that leaves one whole price standing is a flag instead of a hold.

        payments   left of each   of 1,000 credits there are   duplicate charge
        one        100 %          1,000                        no
        two        100 %, 100 %   1,000                        one price
        two        100 %, 2.5 %   1,000                        2.5 % of the price
        two        0 %, 50 %      500                          no
    """
    paid = sorted(map(_Paid, purchases), key=lambda one: one.payment.precedence)
    is_alike = len(set(map(_items_of, paid))) == 1
    is_undisputed = len(paid) > 1 and is_alike and _is_whole(one.contested for one in paid)
    holds: dict[str, Hold] = {}
    flags: dict[str, datetime] = {}
    cleared_holds: set[str] = set()
    cleared_flags: set[str] = set()
    lost: dict[PaymentId, str] = {}
    has_duplicate = not is_alike or _exceeds_whole(one.lost for one in paid)
    for number, one in enumerate(paid):
        name, payment, dispute = one.payment.payment_id, one.payment, one.dispute
        if dispute.is_lost and payment.subscription_id:
            lost[name] = payment.subscription_id
        marks = {
            f"overcharge:{name}": one.overcharge_left_minor > 0,
            f"duplicate_charge:{name}": has_duplicate and one is not paid[0] and payment.paid_minor > one.gone_minor,
            **dict.fromkeys((f"duplicate_disputed:{hold_id}" for hold_id in dispute.holds), is_undisputed),
            f"other_currency:{name}": bool(one.unknown_refunds),
        }
        used = withdrawal_flags(name, payment.order_id, one.facts)
        pays = number == 0 or not _is_whole(other.reserved for other in paid[:number])
        late = late_flags(payment, one.facts, has_value=payment.paid_minor > one.gone_minor, grants=pays)
        flags |= {**dispute.flags, **{flag: payment.at for flag, is_on in marks.items() if is_on}}
        flags |= {flag: since for flag, since in (*late.items(), *used.items()) if since}
        cleared_flags |= dispute.cleared_flags | marks.keys() | late.keys() | used.keys()  # without those that are on
        cleared_flags |= {f"duplicate_disputed:{hold_id}" for hold_id in dispute.cleared_holds}
        cleared_holds |= dispute.cleared_holds
        if is_undisputed:
            cleared_holds |= dispute.holds.keys()
        else:
            holds |= {
                hold_id: Hold(since, dispute.shared.get(hold_id, name)) for hold_id, since in dispute.holds.items()
            }
    return Target(
        lots=tuple(_lot_targets(paid, is_undisputed=is_undisputed)),
        holds=holds,
        flags=flags,
        cleared_holds=frozenset(cleared_holds),
        cleared_flags=frozenset(cleared_flags - flags.keys()),
        lost=lost,
    )


def duplicate_minor(purchase: Purchase, others: Iterable[Purchase]) -> int:
    """Return what of a purchase can be refunded as a duplicate charge, in minor units: what takes no credits.

    `others` are the other payments for the same thing. What is going back already is left out, and so is what an open
    dispute may take: a customer who refuses one of two charges at the bank is not paid the other one too.
    """
    paid = [_Paid(one) for one in (purchase, *others)]
    own = paid[0]
    if len(set(map(_items_of, paid))) > 1:
        return 0
    spare = min(_together(one.certain for one in paid)) - WHOLE
    return portion(purchase.refundable_minor, share_of(spare, min(own.reserved)))


def is_covered_by(purchase: Purchase, others: Iterable[Purchase]) -> bool:
    """Return whether the other payments for the same thing leave one whole price: then this one pays for no credits."""
    items = _items_of(_Paid(purchase))
    alike = [paid for paid in map(_Paid, others) if _items_of(paid) == items]
    return bool(alike) and _is_whole(one.certain for one in alike)


class _Paid:
    """One payment, and the share of each line that is left at each stage of its money going back.

    ├── refunded ──┼── lost in disputes ──┼── reserved: going back ──┼── left ──┤
    """

    def __init__(self, purchase: Purchase) -> None:
        if purchase.payment is None:
            raise ValueError("a purchase without its payment has no target: its facts wait for the payment")
        self.facts = facts = purchase.facts
        self.payment = purchase.payment
        self.dispute = disputed(facts, self.payment.payment_id)
        self.unknown_refunds = unknown_refunds(facts)
        self.are_returned_by_law = [is_returned_by_law(facts, line.line_id) for line in self.payment.lines]
        self.is_withdrawn = is_undecided(facts)
        self.has_consent = any(one.is_complete for one in facts_of(facts, ConsentChanged))
        gone, lost, going = returned(facts), self.dispute.lost, outstanding(facts)
        self.gone_minor = sum(one.amount_minor for one in gone) + self.dispute.lost_minor
        self.overcharge_left_minor = overcharge_left(self.payment, gone, lost)
        self.refunded = shares_left(self.payment, gone)
        self.lost = shares_left(self.payment, gone, lost)
        contested = shares_left(self.payment, gone, lost, self.dispute.contested)
        nothing: list[Share] = [0 for _ in self.payment.lines]
        self.contested = nothing if self.dispute.is_unknown else contested
        self.reserved = nothing if self.unknown_refunds else shares_left(self.payment, gone, lost, going)
        has_unknown = self.dispute.is_unknown or self.unknown_refunds
        certain = shares_left(self.payment, gone, lost, self.dispute.contested, going)
        self.certain = nothing if has_unknown else certain  # what stays whatever becomes of disputes and approvals


def _lot_targets(paid: Sequence[_Paid], *, is_undisputed: bool) -> Iterator[LotTarget]:
    """Yield a target for each lot. Payments with other lot ids get what is left of one price after those before them.

    Money that went back twice, by a refund and by a dispute, counts once.

    ├── refund_target ──┼── dispute_target ──┼── reserve_target ──┼── what stays ──┤
    refunded            and lost in disputes  and going back       line.credits

    A dispute that takes the lots of one payment gives back those of another that stands, so a refund target can become
    smaller. What is going back is reserved of the lots that there are, the last one first, as far as no whole price
    would be left:

        two lots of 1,000             refund    dispute     reserve    stays
        the first payment is lost     0, 0      1000, 0     0, 0       0, 1000
        it is going back              0, 1000   0, 0        0, 0       1000, 0
        half of the second one too    0, 1000   0, 0        500, 0     500, 0
    """
    before: list[_Paid] = []
    has_consent = any(one.has_consent for one in paid)
    is_withdrawn = any(one.is_withdrawn for one in paid)
    for _, group in groupby(_by_lots(paid), key=_lots_of):
        same_lots = list(group)
        payment = same_lots[0].payment
        alike = [one for one in before if _items_of(one) == _items_of(same_lots[0])]
        stays = _together(one.reserved for one in paid if _items_of(one) == _items_of(same_lots[0]))
        is_frozen = not is_undisputed and any(one.dispute.is_frozen for one in same_lots)
        locks = [one.payment.locked_until for one in same_lots if one.payment.locked_until]
        locked_until = None if has_consent else max(locks, default=None)
        for position, line in enumerate(payment.lines):
            lasting = _longest(position, same_lots, alike)
            refunded_to, lost_to, reserved_to = (
                portion(line.credits, WHOLE - share)
                for share in (
                    _share(position, "refunded", same_lots, alike),
                    _share(position, "lost", same_lots, alike),
                    _share(position, "lost", same_lots, alike, most=stays[position]),
                )
            )
            refund_target = min(refunded_to, lost_to)
            yield LotTarget(
                lot_id=payment.lot_id(position),
                granted=line.credits,
                expires_at=lasting.expires_at,
                grace_from=lasting.grace_from,
                subscription_id=lasting.subscription_id,
                refund_target=refund_target,
                dispute_target=lost_to - refund_target,
                reserve_target=max(0, reserved_to - lost_to),
                is_frozen=is_frozen,
                locked_until=locked_until,
                owes_no_refund=any(one.are_returned_by_law[position] for one in same_lots),
                is_withdrawn=is_withdrawn,
            )
        before += same_lots


def _by_lots(paid: Sequence[_Paid]) -> list[_Paid]:
    """Return the payments so that those with the same lots stand together, each group at its earliest payment."""
    first: dict[str, int] = {}
    for position, one in enumerate(paid):
        first.setdefault(_lots_of(one), position)
    return sorted(paid, key=lambda one: first[_lots_of(one)])


def _lots_of(paid: _Paid) -> str:
    """Return what the ids of its lots begin with."""
    return paid.payment.fulfilment_key or paid.payment.payment_id


def _share(
    position: int, level: str, same_lots: Sequence[_Paid], before: Sequence[_Paid], *, most: Share = WHOLE
) -> Share:
    """Return the share of a line that is left for these payments, after those before them: all together at `most`."""
    earlier: Share = sum(getattr(one, level)[position] for one in before)
    own: Share = sum(getattr(one, level)[position] for one in same_lots)
    return min(most, earlier + own) - min(most, earlier)


@record(frozen=True)
class _Lasting:
    """How long the credits of a line last."""

    expires_at: datetime | None
    grace_from: datetime | None
    subscription_id: str | None


def _longest(position: int, same_lots: Sequence[_Paid], before: Sequence[_Paid]) -> _Lasting:
    """Return how long a line's credits last: as long as those of the payments that pay for what is left of it.

    So who paid again after a refund has the time of the new payment. A duplicate pays for nothing, and extends nothing.
    """
    paying = []
    for number, one in enumerate(same_lots):
        if _share(position, "reserved", [one], [*before, *same_lots[:number]]) > 0:
            paying.append(one)
    longest = max(paying or same_lots[:1], key=lambda one: one.payment.lines[position].lasts_until)
    line = longest.payment.lines[position]
    return _Lasting(
        expires_at=line.expires_at,
        grace_from=line.grace_from,
        subscription_id=longest.payment.subscription_id if line.period_ends_at else None,
    )


def _items_of(paid: _Paid) -> tuple[tuple[str, int], ...]:
    return tuple(map(attrgetter("product_id", "credits"), paid.payment.lines))


def _is_whole(levels: Iterable[list[Share]]) -> bool:
    return all(line >= WHOLE for line in _together(levels))


def _exceeds_whole(levels: Iterable[list[Share]]) -> bool:
    return any(line > WHOLE for line in _together(levels))


def _together(levels: Iterable[list[Share]]) -> list[Share]:
    """Return what payments for the same items have left of each line, all together."""
    return [sum(line) for line in zip(*levels, strict=True)]
