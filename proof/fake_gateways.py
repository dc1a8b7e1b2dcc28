"""The counters of the providers where we ask for refunds, without HTTP: over the simulators in memory.

As the providers do: what was just made is not listed yet, and an idempotency key is forgotten after a day.
"""

from typing import Any

from ledger.domain.errors import ProviderRefused, ProviderUnavailable
from ledger.domain.facts import RefundState
from ledger.domain.ids import approval_tag
from ledger.ports.gateway import RefundToSend, SentRefund
from ledger.providers.paddle import adjustments as paddle
from ledger.providers.stripe import refunds as stripe
from ledger.providers.tags import METADATA_KEY, to_reason
from tools.simulators.common.account import NotPossible
from tools.simulators.common.clock import Clock
from tools.simulators.common.idempotency import RETENTION_S
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.paddle.adjustments import Share
from tools.simulators.stripe.account import StripeAccount
from tools.testing.fakes import FakeProvider

LISTED_AFTER_S = 45
"""When a refund is listed. A sender has its intent to itself for longer."""


class _Counter(FakeProvider):
    """What both have in common: trouble on the way, and what was made, when and under which tag."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._kept: list[tuple[float, SentRefund]] = []
        self.last_error = "none"  # of the next call: `down` (nothing is done) or `lost` (done, and not answered)

    def send_refund(self, refund: RefundToSend) -> SentRefund:
        last_error, self.last_error = self.last_error, "none"
        if last_error == "down":
            raise ProviderUnavailable("down")
        try:
            sent = self._make(refund)
        except NotPossible as problem:
            raise ProviderRefused("refused", str(problem)) from problem
        if sent not in self.made_under(refund.tag):
            self._kept.append((self._clock.now(), sent))
        if last_error == "lost":
            raise ProviderUnavailable("no answer")
        return sent

    def find_refunds(self, refund: RefundToSend) -> tuple[SentRefund, ...]:
        if self.last_error == "down":
            self.last_error = "none"
            raise ProviderUnavailable("down")
        until = self._clock.now() - LISTED_AFTER_S
        return tuple(sent for made_at, sent in self._kept if made_at <= until and approval_tag(sent.tag) == refund.tag)

    def made_under(self, tag: str, within_s: float | None = None) -> list[SentRefund]:
        """Return what was made under this tag, of late or ever."""
        since = self._clock.now() - within_s if within_s is not None else 0
        return [sent for made_at, sent in self._kept if sent.tag == tag and made_at > since]

    def _make(self, refund: RefundToSend) -> SentRefund:
        raise NotImplementedError


class StripeCounter(_Counter):
    """Stripe: for a day, the same tag again answers what was made under it, and another amount is unclear."""

    def __init__(self, account: StripeAccount) -> None:
        super().__init__(account.clock)
        self._account = account

    def _make(self, refund: RefundToSend) -> SentRefund:
        if known := self.made_under(refund.tag, RETENTION_S):
            if known[0].amount_minor != refund.amount_minor:
                raise ProviderUnavailable("idempotency_error")
            return known[0]
        names = sorted(name.partition(":")[2] for name in refund.names)
        charge = self._account.charge_of(next(name for name in names if name.startswith(("pi_", "ch_", "in_"))))
        left = charge["amount_captured"] - charge["amount_refunded"]
        if self._account.held_by_bank(charge) or not 0 < refund.amount_minor <= left:
            raise NotPossible(f"{left} of {charge['id']} can be given back, unless a bank holds it")
        made = self._account.give_back(charge, refund.amount_minor, reason=None, metadata={METADATA_KEY: refund.tag})
        return _sent(made, refund, stripe.REFUND_STATES)


class PaddleCounter(_Counter):
    """Paddle: lines are refunded, and one refund that waits for its approval keeps out the next."""

    def __init__(self, account: PaddleAccount) -> None:
        super().__init__(account.clock)
        self._account = account

    def _make(self, refund: RefundToSend) -> SentRefund:
        account = self._account
        name = next(name.partition(":")[2] for name in refund.names if name.startswith("paddle:txn_"))
        if account.has_pending(name):
            raise ProviderRefused("adjustment_pending_refund_request", "A refund of this transaction is pending.")
        transaction = account.transactions[name]
        left, shares = account.left_of(transaction), account.whole(transaction)
        if not refund.is_whole:
            shares = []
            for item in refund.items:
                total, tax = left[item.line_id]
                if not 0 < item.amount_minor <= total:
                    raise NotPossible(f"{total} of {item.line_id} can be given back")
                shares.append(Share(item.line_id, "partial", item.amount_minor, tax * item.amount_minor // total))
        if sum(share.total_minor for share in shares) != refund.amount_minor:
            raise NotPossible("the lines do not make up the amount")
        kind = "full" if refund.is_whole else "partial"
        made = account.adjust(transaction, "refund", shares, reason=to_reason(refund.tag, "As asked."), kind=kind)
        return _sent(made, refund, paddle.REFUND_STATES)


def _sent(made: dict[str, Any], refund: RefundToSend, states: dict[str, RefundState]) -> SentRefund:
    state = states[made["status"]]
    return SentRefund(refund_id=made["id"], state=state, tag=refund.tag, amount_minor=refund.amount_minor)
