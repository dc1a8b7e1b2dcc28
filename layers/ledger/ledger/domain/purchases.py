"""Purchases: one payment at a provider, and what the ledger should hold because of it."""

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
    """The merged facts of one payment, under the id that leads to it.

    Facts may come before the payment itself: they wait here, and take effect the moment it is known.
    """

    payment_id: PaymentId  # the id that its item is stored under
    names: frozenset[PaymentId] = frozenset()  # every id that is known to mean this payment
    facts: Facts = field(default_factory=dict)
    is_duplicate: bool = False  # another payment is the original for this claim: this one grants nothing
    version: int = 0  # of the stored item; 0: not stored yet

    @property
    def payment(self) -> PaymentSettled | None:
        fact = self.facts.get("payment")
        return fact if isinstance(fact, PaymentSettled) else None

    @property
    def account_id(self) -> AccountId | None:
        return self.payment.account_id if self.payment else None

    @property
    def refundable_minor(self) -> int:
        """What could still be given back: paid, less what went back or is about to, by refunds and by disputes."""
        if self.payment is None:
            return 0
        gone = refunded(self.facts) + outstanding(self.facts)
        lost_minor = disputed(self.facts, self.payment.payment_id).lost_minor
        return max(0, self.payment.paid_minor - gone.total_minor - under_way_minor(self.facts) - lost_minor)

    def with_facts(self, *facts: Fact) -> "Purchase":
        """This purchase, and these facts too."""
        return replace(self, facts=merge(self.facts, facts))


@dataclass(frozen=True, slots=True)
class LotTarget:
    """What a lot should look like, whatever was booked so far."""

    lot_id: str
    granted: int
    expires_at: datetime | None
    refund_target: int
    dispute_target: int
    is_frozen: bool
    reserve_target: int = 0

    def applied_to(self, lot: Lot | None) -> Lot:
        """The lot brought to this target."""
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
    """What the ledger should hold because of one purchase: a pure function of its merged facts."""

    payment_id: PaymentId
    lots: tuple[LotTarget, ...]
    holds: Mapping[str, datetime]
    flags: Mapping[str, datetime]
    cleared_holds: frozenset[str]
    cleared_flags: frozenset[str]


def target(purchase: Purchase) -> Target:
    """Evaluate a purchase. A duplicate grants nothing, so nothing is taken back; its disputes hold all the same."""
    payment = purchase.payment
    if payment is None:
        raise ValueError("a purchase without its payment has no target yet: its facts wait")
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
    """Per line: what was refunded, what was lost in disputes beyond it, and what approved refunds will take then.

    Money that went back twice counts once.
    """
    with_lost = refund + Refunded(dispute.lost_minor)
    shares = [_shares_gone(payment, money) for money in (refund, with_lost, with_lost + approved)]
    targets = []
    for position, line in enumerate(payment.lines):
        refund_target, gone_target, whole_target = (portion(line.credits, share[position]) for share in shares)
        targets.append(
            LotTarget(
                lot_id=payment.lot_id(position),
                granted=line.credits,
                expires_at=line.expires_at,
                refund_target=refund_target,
                dispute_target=gone_target - refund_target,
                reserve_target=whole_target - gone_target,
                is_frozen=dispute.is_frozen,
            )
        )
    return tuple(targets)


def _shares_gone(payment: PaymentSettled, refund: Refunded) -> list[Fraction]:
    """The share of each line whose money went back: first by the refunds that name it, then evenly by all others.

    What corrects an overcharge is not the price of any credits and takes none back.
    """
    named = [share_of(refund.named_minor.get(line.line_id, 0), line.amount_minor) for line in payment.lines]
    named_minor = sum(min(refund.named_minor.get(line.line_id, 0), line.amount_minor) for line in payment.lines)
    overcharge_left_minor = max(0, payment.overcharge_minor - refund.without_credits_minor)
    rest = share_of(
        refund.unnamed_minor - overcharge_left_minor,
        payment.paid_minor - payment.overcharge_minor - named_minor,
    )
    return [share + (1 - share) * rest for share in named]
