"""Refunds that we approve and send, after a history: of whatever is left, over whatever paid."""

import contextlib
import copy
import random
from datetime import datetime, timedelta

from ledger.domain.errors import BillingError, ProviderRefused
from ledger.domain.facts import RefundState
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import CaseState, DecisionOutcome
from ledger.ports.gateway import PaidSource, RefundToSend, SentRefund
from ledger.providers.tags import METADATA_KEY, to_reason
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.open_case import open_case
from ledger.usecases.send_refunds import send_refund
from proof.kinds.history import History
from tools.testing.builders import POLICY, refund_claim
from tools.testing.fakes import FakeProvider, FakeStore
from tools.testing.unguarded import decide_case


class ReportingProvider(FakeProvider):
    """Both providers: what they refund is reported in a history. They refund no more than they have."""

    def __init__(self, history: History) -> None:
        super().__init__()
        self._history = history

    def sources(self, refund: RefundToSend) -> tuple[PaidSource, ...]:
        paid = self._history.paid_for({name.partition(":")[2] for name in refund.names})
        if len(paid) < 2:
            return ()
        left = {intent: min(minor, self._history.left_of(intent)) for intent, minor in sorted(paid.items())}
        return tuple(PaidSource(source=intent, left_minor=max(0, minor)) for intent, minor in left.items())

    def send_refund(self, refund: RefundToSend) -> SentRefund:
        names = sorted(name.partition(":")[2] for name in refund.names)
        paid = [
            refund.source,
            *(name for name in names if name.startswith(("pi_", "txn_"))),
            *self._history.paid_for(names),
        ]
        target = next((name for name in paid if name), None)
        if target is None or refund.amount_minor > self._history.left_of(target):
            raise ProviderRefused("refused", "There is no such payment, or not so much of it is left.")
        if target.startswith("pi_"):
            refund_id = self._history.refund(
                target, refund.amount_minor, currency=refund.currency.lower(), metadata={METADATA_KEY: refund.tag}
            )
        else:
            amounts = {item.line_id: item.amount_minor for item in refund.items}
            refund_id = self._history.refund_of_lines(target, amounts, reason=to_reason(refund.tag, "As requested."))
        return SentRefund(
            refund_id=refund_id, state=RefundState.PENDING, tag=refund.tag, amount_minor=refund.amount_minor
        )


def refunded_by_us(history: History, store: FakeStore, chance: random.Random, now: datetime) -> History:
    """Customers request refunds, a person approves them in part or whole, and they are sent. What is reported then."""
    after = copy.deepcopy(history)
    after.now, after.told = int(now.timestamp()), []
    provider = ReportingProvider(after)
    for purchase in [home for home in store.payments.values() if isinstance(home, Purchase)]:
        if purchase.payment and purchase.refundable_minor > 0 and chance.random() < 0.7:
            with contextlib.suppress(BillingError):
                _approve(purchase, store, chance, now)
    for intent in list(store.outbox()):
        send_refund(intent.tag, store, lambda _: provider, clock=lambda: now + timedelta(minutes=1))
    return after


def refunded_by_others(after: History) -> History:
    """Then somebody refunds some of what is left in Stripe's dashboard. What is reported of that."""
    later = copy.deepcopy(after)
    later.told = []
    for intent in later.intents:
        if later.left_of(intent) > 0 and later.chance.random() < 0.5:
            later.refund(intent, later.part(later.left_of(intent)))
    return later


def _approve(purchase: Purchase, store: FakeStore, chance: random.Random, now: datetime) -> None:
    claim = refund_claim(payment_id=purchase.payment_id, key=f"of {purchase.payment_id}")
    case = open_case(claim, store, POLICY, now=now)
    if case.state is CaseState.IN_REVIEW:
        part = chance.choice((1, 1, 2, 3))
        decision = ReviewDecision(
            outcome=DecisionOutcome.APPROVE,
            words=("You get it back.",),
            clause="6",
            money_minor=max(1, purchase.refundable_minor // part),
        )
        decide_case(case.case_id, decision, "sam", store, POLICY, now=now)
