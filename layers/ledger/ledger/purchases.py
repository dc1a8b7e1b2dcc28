"""Purchases: one payment at a provider, and what the ledger should hold because of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction

from ledger.disputes import disputed
from ledger.facts import AccountId, Fact, Facts, PaymentId, PaymentSettled, merge
from ledger.lots import Lot
from ledger.money import portion, share_of
from ledger.refunds import Refunded, refunded


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

    def heard(self, *facts: Fact) -> "Purchase":
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

    def applied_to(self, lot: Lot | None) -> Lot:
        """The lot brought to this target."""
        lot = lot or Lot(lot_id=self.lot_id, granted=self.granted)
        return replace(
            lot,
            granted=self.granted,
            expires_at=self.expires_at,
            refund_target=self.refund_target,
            dispute_target=self.dispute_target,
            is_frozen=self.is_frozen,
        ).settle()


@dataclass(frozen=True, slots=True)
class Target:
    """What the ledger should hold because of one purchase: a pure function of its merged facts."""

    payment_id: PaymentId
    lots: tuple[LotTarget, ...]
    holds: Mapping[str, datetime]
    flags: Mapping[str, datetime]
    settled_holds: frozenset[str]
    settled_flags: frozenset[str]


def target(purchase: Purchase) -> Target:
    """Evaluate a purchase. A duplicate grants nothing, so nothing is taken back; its disputes hold all the same."""
    payment = purchase.payment
    if payment is None:
        raise ValueError("a purchase without its payment has no target yet: its facts wait")
    refund = refunded(purchase.facts)
    dispute = disputed(purchase.facts, payment.payment_id)
    flags = {
        f"overcharge:{payment.payment_id}": payment.overcharge_minor > _sum_minor(refund),
        f"duplicate_charge:{payment.payment_id}": purchase.is_duplicate and payment.paid_minor > _sum_minor(refund),
    }
    return Target(
        payment_id=payment.payment_id,
        lots=() if purchase.is_duplicate else _lot_targets(payment, refund, dispute.lost_minor, dispute.is_frozen),
        holds=dispute.holds,
        flags={**dispute.flags, **{flag: payment.at for flag, is_on in flags.items() if is_on}},
        settled_holds=dispute.settled_holds,
        settled_flags=dispute.settled_flags | {flag for flag, is_on in flags.items() if not is_on},
    )


def _sum_minor(refund: Refunded) -> int:
    return refund.unnamed_minor + sum(refund.named_minor.values())


def _lot_targets(payment: PaymentSettled, refund: Refunded, lost_minor: int, is_frozen: bool) -> tuple[LotTarget, ...]:
    """Per line: what was refunded, then what was lost in disputes beyond it. Money that went back twice counts once."""
    by_refund = _shares_gone(payment, refund)
    by_both = _shares_gone(payment, replace(refund, unnamed_minor=refund.unnamed_minor + lost_minor))
    targets = []
    for position, line in enumerate(payment.lines):
        refund_target = portion(line.credits, by_refund[position])
        targets.append(
            LotTarget(
                lot_id=payment.lot_id(position),
                granted=line.credits,
                expires_at=line.expires_at,
                refund_target=refund_target,
                dispute_target=portion(line.credits, by_both[position]) - refund_target,
                is_frozen=is_frozen,
            )
        )
    return tuple(targets)


def _shares_gone(payment: PaymentSettled, refund: Refunded) -> list[Fraction]:
    """The share of each line whose money went back: first by the refunds that name it, then evenly by all others.

    What corrects an overcharge is not the price of any credits and takes none back.
    """
    named = [share_of(refund.named_minor.get(line.line_id, 0), line.amount_minor) for line in payment.lines]
    named_minor = sum(min(refund.named_minor.get(line.line_id, 0), line.amount_minor) for line in payment.lines)
    rest = share_of(
        refund.unnamed_minor - payment.overcharge_minor,
        payment.paid_minor - payment.overcharge_minor - named_minor,
    )
    return [share + (1 - share) * rest for share in named]
