"""Build small histories, each in one line. Times are minutes after `NOON`; ids count up from 1."""

import contextlib
import hashlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.domain.events import Event, Owner
from ledger.domain.facts import (
    DisputeChanged,
    DisputeState,
    Fact,
    PaidLine,
    PaymentSettled,
    RefundChanged,
    RefundedItem,
    RefundState,
)
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.orders import Consent, Order
from ledger.domain.refund_cases import RefundCase, RefundReason, SubmittedEvidence
from ledger.domain.refunds import Returned
from ledger.domain.texts import Text, text
from ledger.policy import rules
from ledger.policy.context import LineUsage, PolicyContext
from ledger.policy.texts import shipped_texts
from ledger.ports.store import Store
from ledger.usecases.record_event import RecordResult, record_event
from ledger.usecases.refund_cases.open_case import RefundClaim, open_case
from tools.orders import order_commit

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADA = AccountId("acct_ada")
PI, CH, IN = PaymentId("stripe:pi_1"), PaymentId("stripe:ch_1"), PaymentId("stripe:in_1")

_count = itertools.count(1)


@contextlib.contextmanager
def numbered_anew() -> Iterator[None]:
    """Number the events that are built meanwhile from 1, whatever was built before in this process."""
    global _count
    before, _count = _count, itertools.count(1)
    try:
        yield
    finally:
        _count = before


def at(minute: float) -> datetime:
    """Return a time, in minutes after noon."""
    return NOON + timedelta(minutes=minute)


def payment(
    payment_id: PaymentId = PI,
    *,
    credits_: int = 1000,
    paid_minor: int = 2000,
    minute: float = 0,
    fulfilment_key: str | None = None,
    covers: str | None = None,
    lines: tuple[PaidLine, ...] | None = None,
    overcharge_minor: int = 0,
    account_id: AccountId = ADA,
    expires_at: datetime | None = None,
) -> PaymentSettled:
    """Return a payment of one pack, unless the arguments change it."""
    line = PaidLine(
        line_id="0", product_id="pack_1000", credits=credits_, amount_minor=paid_minor, expires_at=expires_at
    )
    return PaymentSettled(
        payment_id=payment_id,
        account_id=account_id,
        paid_minor=paid_minor,
        currency="USD",
        lines=lines or (line,),
        at=at(minute),
        cause=f"stripe:{payment_id}",
        overcharge_minor=overcharge_minor,
        locked_until=None,
        fulfilment_key=fulfilment_key,
        covers=covers,
        order_id=OrderId(fulfilment_key.removeprefix("order/"))
        if fulfilment_key and fulfilment_key.startswith("order/")
        else None,
    )


def paid(settled: PaymentSettled | None = None, *, event_id: str | None = None, customer: str = "cus_1") -> Event:
    """Return the event of a payment."""
    settled = settled or payment()
    owner = Owner(account_id=settled.account_id, order_id=settled.order_id, customer_id=f"stripe:{customer}")
    event_id = event_id or f"evt_{next(_count)}"
    settled = replace(settled, cause=f"stripe:{event_id}")
    return Event(
        provider="stripe",
        event_id=event_id,
        event_type="checkout.session.completed",
        at=settled.at,
        owner=owner,
        names=(settled.payment_id,),
        payment=settled,
    )


def event_of(*facts: Fact, names: tuple[PaymentId, ...] = (PI, CH), minute: float | None = None) -> Event:
    """Return an event that reports facts about a payment, or only links its names."""
    moment = at(minute) if minute is not None else facts[0].at if facts else NOON
    event_id = f"evt_{next(_count)}"
    facts = tuple(replace(fact, cause=f"stripe:{event_id}") for fact in facts)
    return Event(
        provider="stripe",
        event_id=event_id,
        event_type="refund.updated",
        at=moment,
        names=names,
        facts=facts,
    )


def refund(
    amount_minor: int = 500, *, refund_id: str = "re_1", state: RefundState = RefundState.SUCCEEDED, minute: float = 10
) -> RefundChanged:
    """Return a state of a refund, as it is known half a minute after it was created."""
    return RefundChanged(
        refund_id=refund_id,
        state=state,
        amount_minor=amount_minor,
        currency="USD",
        created_at=at(minute - 0.5),
        at=at(minute),
        cause="stripe:evt",
        charge_id="ch_1",
    )


def returned(amount_minor: int, *, minute: float = 10, **named: int) -> Returned:
    """Return an amount that went back. `named` are the parts that are for one line each, by line id."""
    items = tuple(RefundedItem(line_id=line_id, amount_minor=minor) for line_id, minor in named.items())
    return Returned(amount_minor=amount_minor, created_at=at(minute), id="re_0", items=items)


def dispute(
    state: DisputeState = DisputeState.OPEN, amount_minor: int = 2000, *, dispute_id: str = "dp_1", minute: float = 20.5
) -> DisputeChanged:
    """Return a state of a dispute that was opened at minute 20."""
    return DisputeChanged(
        dispute_id=dispute_id,
        state=state,
        amount_minor=amount_minor,
        currency="USD",
        opened_at=at(20),
        at=at(minute),
        cause="stripe:evt",
    )


SHA256 = hashlib.sha256(b"{}").hexdigest()
"""Of the body of an event that no provider has made: `{}`."""


def record_events(store: Store, *events: Event, now: datetime = LATER) -> list[RecordResult]:
    """Record these events in order. Return the result of each."""
    return [record_event(event, store, body=b"{}", body_sha256=SHA256, now=now) for event in events]


POLICY = replace(rules.load(), automatic_renewal_refund_up_to_minor={"USD": 5000})
"""The published parameters. In addition, mistaken renewals up to 50.00 USD are refunded without review."""

RENEWED = replace(
    payment(IN, fulfilment_key="period/stripe:sub_1/2026-11-01T00:00:00Z", expires_at=LATER + timedelta(days=11)),
    subscription_id="sub_1",
    is_renewal=True,
)
"""A renewal of 2000 minor units and 1000 credits."""


def refund_claim(
    reason: RefundReason = RefundReason.TECHNICAL_PROBLEM,
    *,
    payment_id: PaymentId = PI,
    key: str = "key_1",
    evidence: SubmittedEvidence = SubmittedEvidence(),  # noqa: B008 - frozen
    account_id: AccountId = ADA,
    email: str | None = None,
    is_declaration: bool = False,
) -> RefundClaim:
    """Return a refund claim under an Idempotency-Key, with a fingerprint that follows from the other fields."""
    return RefundClaim(
        account_id=account_id,
        payment_id=payment_id,
        reason=reason,
        submitted_evidence=evidence,
        key=key,
        fingerprint=f"{payment_id} {reason} {evidence}",
        opened_by=account_id,
        email=email,
        is_declaration=is_declaration,
    )


def request_refund(store: Store, claim: RefundClaim, *, minute: float = 60) -> RefundCase:
    """Open a case for a refund claim."""
    return open_case(claim, store, POLICY, now=at(minute))


def ordered(
    store: Store,
    order_id: str = "ord_1",
    *,
    country: str = "DE",
    consent: Consent | None = None,
    is_business: bool = False,
) -> PaymentSettled:
    """Store an order for a pack. Return its payment, which is not recorded yet."""
    order = Order(
        order_id=OrderId(order_id),
        account_id=ADA,
        provider="stripe",
        product_id="pack_1000",
        price_minor=2000,
        currency="USD",
        country=country,
        is_business=is_business,
        policy_version=POLICY.version,
        made_at=at(-5),
        consent=consent,
    )
    if store.commit(order_commit(order)):
        raise AssertionError(f"{order_id} is there already")
    return payment(fulfilment_key=f"order/{order_id}")


MADE = datetime(2026, 11, 2, 12, tzinfo=UTC)  # a Monday
CONSENT = Consent(
    given_at=MADE, text_version="1", asked_to_begin=True, acknowledged_loss=True, confirmation_id="mail_1"
)
ORDER = Order(
    order_id=OrderId("order_1"),
    account_id=ADA,
    provider="stripe",
    product_id="pack_1000",
    price_minor=1800,
    currency="EUR",
    country="DE",
    is_business=False,
    policy_version="1",
    made_at=MADE,
    consent=CONSENT,
)
"""The order of a consumer in Germany: 1,000 credits at 18.00 EUR, with complete consent."""


def line_usage(
    drawn: int = 0, taken_back: int = 0, *, line_id: str = "0", amount_minor: int = 2000, granted: int = 1000
) -> LineUsage:
    """Return the usage of a line, by default of 1,000 credits at 20.00."""
    return LineUsage(line_id=line_id, amount_minor=amount_minor, granted=granted, drawn=drawn, taken_back=taken_back)


def own_words(*sentences: str) -> tuple[Text, ...]:
    """Return sentences that a person wrote, as they are stored."""
    return tuple(text("decision.own_words", words=sentence) for sentence in sentences)


def rendered(texts: Iterable[Text]) -> list[str]:
    """Return texts as customers and support staff read them."""
    return shipped_texts().render_all(texts)


def refund_context(reason: RefundReason = RefundReason.WITHDRAWAL, *, day: float = 3, **changed: Any) -> PolicyContext:
    """Return the context of a refund request, `day` days after 20.00 EUR were paid for 1,000 credits with `ORDER`."""
    context = PolicyContext(
        reason=reason,
        now=MADE + timedelta(days=day),
        paid_at=MADE,
        paid_minor=2000,
        currency="EUR",
        refundable_minor=2000,
        value_left_minor=None,
        refunded_minor=0,
        overcharge_minor=0,
        overcharge_left_minor=None,
        lines=(line_usage(),),
        is_subscription=False,
        is_renewal=False,
        is_plan_change=False,
        is_of_known_contract=False,
        follows_trial=False,
        lasts_for=timedelta(0),
        has_unordered_sale=False,
        is_duplicate=False,
        duplicate_minor=0,
        doubles_subscription=False,
        is_disputed=False,
        is_inquired=False,
        order=ORDER,
        billing_country=None,
        has_company_data=False,
        has_other_tax_id=False,
        provider=None,
        is_for_ordered_product=True,
        similar=(),
        is_similar_disputed=False,
        failed_runs=0,
        failed_credits=0,
        replaced_runs=0,
        replaced_credits=0,
        given_credits=0,
        failed_since_decline=0,
        declined_before=None,
        submitted_at=None,
    )
    return replace(context, **changed)
