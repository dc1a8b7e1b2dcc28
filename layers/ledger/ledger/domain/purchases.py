"""Purchases: one payment at a provider, and what the ledger must hold because of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction

from ledger.domain.disputes import Disputed, disputed
from ledger.domain.facts import Fact, Facts, PaymentSettled, merge
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.money import portion, share_of
from ledger.domain.refunds import Refunded, outstanding, refunded, under_way_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """The merged facts of one payment.

    Facts may be received before the payment itself. They wait here, and take effect when the payment is received.
    """

    payment_id: PaymentId  # the id that it is stored under
    names: frozenset[PaymentId] = frozenset()  # all ids of this payment that were received
    facts: Facts = field(default_factory=dict)  # by their keys
    is_duplicate: bool = False  # another payment has the fulfilment key: this one grants nothing
    version: int = 0  # of the stored item; 0: not stored yet
    stored_facts: Facts = field(default_factory=dict, compare=False, repr=False)  # as read: they need not be written

    @property
    def payment(self) -> PaymentSettled | None:
        fact = self.facts.get("payment")
        return fact if isinstance(fact, PaymentSettled) else None

    @property
    def account_id(self) -> AccountId | None:
        return self.payment.account_id if self.payment else None

    @property
    def value_left_minor(self) -> int:
        """Return the value that we still have: what was paid, less all refunds, approvals and lost disputes."""
        return max(0, self.payment.paid_minor - self._returned_minor(self.payment)) if self.payment else 0

    @property
    def refundable_minor(self) -> int:
        """Return what can still go back to the card: no more than it paid, and no more than the value that is left."""
        if self.payment is None:
            return 0
        card_left_minor = self.payment.returnable_minor - self._returned_minor(self.payment)
        return max(0, min(card_left_minor, self.value_left_minor))

    def _returned_minor(self, payment: PaymentSettled) -> int:
        returned = refunded(self.facts) + outstanding(self.facts)
        lost_minor = disputed(self.facts, payment.payment_id).lost_minor
        return returned.total_minor + under_way_minor(self.facts) + lost_minor

    def with_facts(self, *facts: Fact) -> "Purchase":
        """Return this purchase with these facts merged into it."""
        return replace(self, facts=merge(self.facts, facts))


@dataclass(frozen=True, slots=True)
class LotTarget:
    """What a lot must be, whatever was booked before. The numbers are as in `Lot`."""

    lot_id: str
    granted: int
    expires_at: datetime | None
    refund_target: int
    dispute_target: int
    is_frozen: bool
    reserve_target: int = 0

    def applied_to(self, lot: Lot | None) -> Lot:
        """Return the lot at this target. None: it is granted now."""
        lot = lot or Lot(lot_id=self.lot_id, granted=self.granted)
        return replace(
            lot,
            granted=self.granted,
            expires_at=self.expires_at,
            refund_target=self.refund_target,
            dispute_target=self.dispute_target,
            reserve_target=self.reserve_target,
            is_frozen=self.is_frozen,
        ).rebalance()


@dataclass(frozen=True, slots=True)
class Target:
    """What the ledger must hold because of one purchase."""

    payment_id: PaymentId
    lots: tuple[LotTarget, ...]
    holds: Mapping[str, datetime]  # since when, by hold id
    flags: Mapping[str, datetime]  # since when, by flag id
    cleared_holds: frozenset[str]  # holds of this purchase that must not be on the account
    cleared_flags: frozenset[str]


def target(purchase: Purchase) -> Target:
    """Return what the ledger must hold because of `purchase`, which must have its payment. Only its facts count.

    A duplicate grants nothing, so nothing is taken back. Its disputes still place holds.
    """
    payment = purchase.payment
    if payment is None:
        raise ValueError("a purchase without its payment has no target: its facts wait for the payment")
    refund = refunded(purchase.facts)
    dispute = disputed(purchase.facts, payment.payment_id)
    flags = {
        f"overcharge:{payment.payment_id}": payment.overcharge_minor > refund.total_minor,
        f"duplicate_charge:{payment.payment_id}": purchase.is_duplicate and payment.paid_minor > refund.total_minor,
    }
    return Target(
        payment_id=payment.payment_id,
        lots=() if purchase.is_duplicate else _lot_targets(payment, refund, dispute, outstanding(purchase.facts)),
        holds=dispute.holds,
        flags={**dispute.flags, **{flag: payment.at for flag, is_on in flags.items() if is_on}},
        cleared_holds=dispute.cleared_holds,
        cleared_flags=dispute.cleared_flags | {flag for flag, is_on in flags.items() if not is_on},
    )


def _lot_targets(
    payment: PaymentSettled, refund: Refunded, dispute: Disputed, approved: Refunded
) -> tuple[LotTarget, ...]:
    """Return a target for each line's lot. Money that went back twice, by a refund and by a dispute, counts once.

    ├── refund_target ──┼── dispute_target ──┼── reserve_target ──┼── what stays ──┤
    refunded            and lost in disputes  and approved         line.credits
    """
    with_lost = refund + Refunded(dispute.lost_minor)
    shares = [_shares_returned(payment, money) for money in (refund, with_lost, with_lost + approved)]
    targets = []
    for position, line in enumerate(payment.lines):
        refunded_to, lost_to, approved_to = (portion(line.credits, share[position]) for share in shares)
        targets.append(
            LotTarget(
                lot_id=payment.lot_id(position),
                granted=line.credits,
                expires_at=line.expires_at,
                refund_target=refunded_to,
                dispute_target=lost_to - refunded_to,
                reserve_target=approved_to - lost_to,
                is_frozen=dispute.is_frozen,
            )
        )
    return tuple(targets)


def _shares_returned(payment: PaymentSettled, refund: Refunded) -> list[Fraction]:
    """Return the share of each line whose money went back: first by refunds that name the line, then evenly by others.

    A refund of an overcharge takes no credits back: it was not the price of any.
    """
    named = [share_of(refund.named_minor.get(line.line_id, 0), line.amount_minor) for line in payment.lines]
    named_minor = sum(min(refund.named_minor.get(line.line_id, 0), line.amount_minor) for line in payment.lines)
    overcharge_left_minor = max(0, payment.overcharge_minor - refund.without_credits_minor)
    rest = share_of(
        refund.unnamed_minor - overcharge_left_minor,
        payment.paid_minor - payment.overcharge_minor - named_minor,
    )
    return [share + (1 - share) * rest for share in named]
