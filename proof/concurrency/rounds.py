"""What races with what: rounds of calls about one account each, made at one moment, wave after wave.

Everything is chosen by the case's randomness, so a round can be played again. What interleaves how, the machine says.
"""

import random
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.domain import catalogue
from ledger.domain.events import Event, Owner
from ledger.domain.facts import (
    DisputeChanged,
    DisputeState,
    Fact,
    PaidLine,
    PaymentSettled,
    RefundChanged,
    RefundState,
    RefundTotalReported,
)
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.orders import Order
from ledger.domain.refund_cases import DecisionOutcome, RefundReason, SubmittedEvidence
from ledger.ports.gateway import RefundToSend
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.open_case import RefundClaim
from proof.concurrency.calls import (
    Announce,
    Ask,
    Call,
    Decide,
    DecideWaiting,
    Deliver,
    Expire,
    FailRun,
    Follow,
    Issue,
    Lay,
    Lift,
    Look,
    Spend,
)

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
EARLY, LATE = NOON + timedelta(days=1), NOON + timedelta(days=40)
LAPSES = NOON + timedelta(days=30)
PACK = "pack_1000"


def at(minute: float) -> datetime:
    """A time, in minutes after noon."""
    return NOON + timedelta(minutes=minute)


@dataclass(frozen=True, slots=True)
class AtProvider:
    """The one refund of a payment that was made at a simulator."""

    tag: str
    names: frozenset[PaymentId]
    paid_minor: int
    given_back: Callable[[], list[int]]  # the sums that the provider has given back


@dataclass(slots=True)
class Round:
    """The calls about one account: what is in one wave is made at once, and its waves one after the other."""

    name: str  # of the kind
    account_id: AccountId
    chance: random.Random
    waves: list[list[Call]] = field(default_factory=list)
    at_provider: AtProvider | None = None
    _made: int = 0
    _refunded: dict[PaymentId, int] = field(default_factory=dict)  # at the provider, in minor units

    def number(self) -> int:
        """A number that was not given out before."""
        self._made += 1
        return self._made

    def name_of(self, kind: str) -> PaymentId:
        """A new name of a payment: `pi`, `ch`, `in`."""
        return PaymentId(f"stripe:{kind}_{self.account_id}_{self.number()}")

    def some(self, most: int, least: int = 1) -> range:
        """So many."""
        return range(self.chance.randint(least, most))

    # ── What is said ──────────────────────────────────────────────────────────────────────────────────────────────────

    def payment(
        self,
        *,
        minute: float = 0,
        fulfilment_key: str | None = None,
        covers: str | None = None,
        expires_at: datetime | None = None,
        payment_id: PaymentId | None = None,
        paid_minor: int = 2000,
        credits_: int = 1000,
        line_id: str = "0",
    ) -> PaymentSettled:
        """A payment of a pack."""
        payment_id = payment_id or self.name_of("pi")
        line = PaidLine(
            line_id=line_id, product_id=PACK, credits=credits_, amount_minor=paid_minor, expires_at=expires_at
        )
        return PaymentSettled(
            payment_id=payment_id,
            account_id=self.account_id,
            paid_minor=paid_minor,
            currency="USD",
            lines=(line,),
            at=at(minute),
            cause=f"stripe:{payment_id}",
            locked_until=None,
            fulfilment_key=fulfilment_key,
            covers=covers,
            order_id=OrderId(fulfilment_key.removeprefix("order/"))
            if fulfilment_key and fulfilment_key.startswith("order/")
            else None,
        )

    def paid(self, payment: PaymentSettled, *names: PaymentId, is_ours: bool = True) -> Deliver:
        """The event of a payment; `is_ours` False: only its customer tells whose it is."""
        owner = Owner(
            account_id=self.account_id if is_ours else None,
            order_id=payment.order_id,
            customer_id=f"stripe:cus_{self.account_id}",
        )
        settled = payment if is_ours else replace(payment, account_id=AccountId(""))
        return self._event(settled.at, (payment.payment_id, *names), owner=owner, payment=settled)

    def says(self, names: Iterable[PaymentId], *facts: Fact) -> Deliver:
        """An event that says something about a payment, or only links its names."""
        return self._event(facts[0].at if facts else NOON, tuple(names), facts=facts)

    def _event(
        self, moment: datetime, names: tuple[PaymentId, ...], facts: tuple[Fact, ...] = (), **more: Any
    ) -> Deliver:
        event_id = f"evt_{self.account_id}_{self.number()}"
        provider = names[0].partition(":")[0]
        cause = f"{provider}:{event_id}"
        more["facts"] = tuple(replace(fact, cause=cause) for fact in more.get("facts", ()))
        if payment := more.get("payment"):
            more["payment"] = replace(payment, cause=cause)
        event = Event(provider=provider, event_id=event_id, event_type="proof", at=moment, names=names, **more)
        return Deliver(event=replace(event, facts=tuple(replace(fact, cause=event.cause) for fact in facts)), now=EARLY)

    def refund(self, minor: int, state: RefundState = RefundState.SUCCEEDED, *, number: int = 1) -> RefundChanged:
        return RefundChanged(
            currency="USD",
            created_at=NOON,
            refund_id=f"re_{self.account_id}_{number}",
            state=state,
            amount_minor=minor,
            at=at(10 + self.number()),
            cause="stripe:evt",
        )

    def dispute(self, state: DisputeState, minor: int, *, minute: float, number: int = 1) -> DisputeChanged:
        return DisputeChanged(
            currency="USD",
            dispute_id=f"dp_{self.account_id}_{number}",
            state=state,
            amount_minor=minor,
            opened_at=at(20 + number),
            at=at(minute),
            cause="stripe:evt",
        )

    def hold_of(self, dispute: DisputeChanged) -> str:
        return f"dispute:stripe:{dispute.dispute_id}"

    # ── What is asked ─────────────────────────────────────────────────────────────────────────────────────────────────

    def spend(self, credits_: int, now: datetime = EARLY) -> Spend:
        return Spend(account_id=self.account_id, run_id=f"run_{self.number()}", credits=credits_, now=now)

    def spends(self, most: int = 4, now: datetime = EARLY) -> list[Call]:
        return [self.spend(self.chance.choice((1, 50, 200, 333, 500, 999)), now) for _ in self.some(most)]

    def looks(self, most: int = 2, now: datetime = EARLY) -> list[Call]:
        return [Look(account_id=self.account_id, now=now) for _ in self.some(most)]

    def fails(self, spends: Iterable[Call], now: datetime = EARLY) -> list[Call]:
        runs = [call.run_id for call in spends if isinstance(call, Spend)]
        return [FailRun(account_id=self.account_id, run_id=run_id, now=now) for run_id in runs]

    def ask(self, payment: PaymentSettled, reason: RefundReason, key: str = "key_1", minute: float = 60) -> Ask:
        wish = RefundClaim(
            account_id=self.account_id,
            payment_id=payment.payment_id,
            reason=reason,
            submitted_evidence=SubmittedEvidence(),
            key=key,
            fingerprint="f",
            opened_by=self.account_id,
        )
        return Ask(wish=wish, now=at(minute))

    def decide(self, ask: Ask, minor: int, actor: str = "sam") -> Decide:
        """A person's decision: so much money, sometimes out of goodwill, or none."""
        verdict = ReviewDecision(
            outcome=DecisionOutcome.APPROVE,
            words=("So much.",),
            clause="6",
            money_minor=minor,
            takes_credits=self.chance.random() < 0.7,
        )
        return Decide(
            case_id=ask.case_id,
            verdict=verdict if minor else replace(verdict, outcome=DecisionOutcome.DECLINE),
            actor=actor,
            now=at(70),
        )

    def sweep(self, *asks: Ask) -> list[Call]:
        """Senders of what was approved. No provider knows these payments, so each is given up, and a person asked.

        They are early enough to send without a look-up first, whose refusal would say nothing about the refund.
        """
        return [Issue(tag=f"{ask.case_id}-1", now=at(70)) for ask in asks]

    def goes_back(self, payments: Sequence[PaymentSettled], most: int) -> list[Call]:
        """What takes money of some of these payments: refunds, finished or not, of no more than was paid; disputes."""
        told: list[Call] = []
        for _ in self.some(most, 0):
            payment, number = self.chance.choice(payments), self.number()
            minor = self.chance.choice((500, 1000, 2000))
            refunded = self._refunded.get(payment.payment_id, 0) + minor
            if self.chance.random() < 0.6 and refunded <= payment.paid_minor:
                self._refunded[payment.payment_id] = refunded
                state = self.chance.choice((RefundState.PENDING, RefundState.SUCCEEDED))
                fact: Fact = self.refund(minor, state, number=number)
            else:
                outcome = self.chance.choice((DisputeState.OPEN, DisputeState.LOST, DisputeState.WON))
                fact = self.dispute(outcome, minor, minute=60, number=number)
            told.append(self.says([payment.payment_id], fact))
        return told

    def lift(self, hold_id: str, minute: float = 90) -> Lift:
        number = self.number()
        return Lift(account_id=self.account_id, hold_id=hold_id, actor=f"sam_{number}", now=at(minute + number / 100))


# ── The kinds ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def one_payment_heard_often(r: Round) -> None:
    """The same event to many, and other events of the same payment, which may know it by more names."""
    fulfilment_key = r.chance.choice((None, f"order/{r.account_id}"))
    payment, charge, invoice = r.payment(fulfilment_key=fulfilment_key), r.name_of("ch"), r.name_of("in")
    delivery = r.paid(payment)
    others = [r.paid(payment, *r.chance.choice(((), (charge,), (charge, invoice)))) for _ in r.some(3, 0)]
    late = r.says([r.chance.choice((charge, payment.payment_id))], r.refund(r.chance.choice((500, 2000))))
    r.waves.append([*[delivery] * r.chance.randint(3, 6), *others, *r.spends(2), *r.looks(1)])
    r.waves.append([late, delivery, r.says([payment.payment_id, charge]), *r.spends(2), *r.looks()])


def facts_about_one_purchase(r: Round) -> None:
    """The payment, its refunds and disputes, and the links between its names, in any order and all at once."""
    payment, charge, invoice = r.payment(), r.name_of("ch"), r.name_of("in")
    names = [(payment.payment_id,), (charge,), (payment.payment_id, charge), (charge, invoice)]
    facts: list[Fact] = []
    for number, minor in enumerate(r.chance.choice(((2000,), (333, 1000), (667, 667, 666)))):
        states = list(RefundState)
        facts += [r.refund(minor, state, number=number) for state in r.chance.sample(states, r.chance.randint(1, 2))]
    for number in r.some(2, 0):
        states_then = r.chance.choice(((DisputeState.OPEN,), (DisputeState.OPEN, DisputeState.LOST)))
        end = r.chance.choice((DisputeState.WON, DisputeState.UNDER_REVIEW, DisputeState.INQUIRY_CLOSED))
        minor = r.chance.choice((400, 2000))
        facts += [
            r.dispute(state, minor, minute=30 + 5 * step, number=number)
            for step, state in enumerate((*states_then, end)[: r.chance.randint(1, 3)])
        ]
    if r.chance.random() < 0.3:
        total = r.chance.choice((100, 1000))
        facts.append(
            RefundTotalReported(currency="USD", charge_id=charge, total_minor=total, at=at(50), cause="stripe:evt")
        )
    told: list[Call] = [r.says(r.chance.choice(names), fact) for fact in facts]
    links: list[Call] = [r.says((payment.payment_id, charge)), r.says((charge, invoice))]
    paid = r.paid(payment, *r.chance.choice(((), (charge,))))
    if r.chance.random() < 0.5:
        r.waves.append([paid, *links])
    r.waves.append([paid, *told, *links, *r.spends(3), *r.looks()])
    r.waves.append([*r.chance.sample(told, min(2, len(told))), *r.spends(1), *r.looks(1)])


def spending_against_what_takes_credits(r: Round) -> None:
    """Runs, failed runs, refunds, disputes and the lapse of a period at once."""
    pack, period = r.payment(), r.payment(expires_at=LAPSES)
    first = r.spends(3)
    r.waves.append([r.paid(pack), r.paid(period)])
    r.waves.append([*first, *r.looks(1)])
    name, when = r.chance.choice((pack, period)).payment_id, r.chance.choice((EARLY, LATE))
    taking: list[Call] = [
        r.says([name], r.refund(r.chance.choice((700, 2000)))),
        r.says([name], r.dispute(r.chance.choice((DisputeState.OPEN, DisputeState.LOST)), 2000, minute=30)),
        Expire(account_id=r.account_id, now=LATE),
        Expire(account_id=r.account_id, now=LATE),
    ]
    taking = r.chance.sample(taking, r.chance.randint(1, 4))
    same = r.spend(400)
    spends = [*r.spends(4, when), *([same] * r.chance.randint(0, 3))]
    racing = r.fails(r.chance.sample(spends, r.chance.randint(0, 1)), when)
    r.waves.append([*spends, *racing, *r.fails(first, when), *taking, *r.looks(2, when)])
    r.waves.append([*r.fails([*spends, *first], LATE), Expire(account_id=r.account_id, now=LATE), *r.looks(1, LATE)])


def two_payments_of_one_order(r: Round) -> None:
    """Whoever is first, the earlier one is the original; the other is refunded once its time is over."""
    fulfilment_key = f"order/{r.account_id}"
    rivals = [
        r.payment(fulfilment_key=fulfilment_key, minute=minute)
        for minute in r.chance.sample(range(5), r.chance.randint(2, 3))
    ]
    later = max(rivals, key=lambda payment: payment.at)
    r.waves.append(
        [*(r.paid(competing_payment) for competing_payment in rivals for _ in r.some(2)), *r.spends(2), *r.looks(1)]
    )
    asks = [
        r.ask(later, RefundReason.CHARGED_TWICE, key, r.chance.choice((7, 60))) for key in ("key_1", "key_1", "key_2")
    ]
    r.waves.append([*asks, *r.goes_back(rivals, 3), *r.spends(2), *r.looks(1)])
    r.waves.append([*[DecideWaiting(now=at(60))] * r.chance.randint(1, 3), *asks[:1], *r.looks(1)])
    r.waves.append(r.sweep(*asks))


def two_things_for_one_order(r: Round) -> None:
    """Neither can take the other's place: whoever is heard second waits for a person."""
    fulfilment_key = f"order/{r.account_id}"
    rivals = [
        r.payment(fulfilment_key=fulfilment_key, minute=minute, credits_=r.chance.choice((500, 1000)))
        for minute in range(3)
    ]
    r.chance.shuffle(rivals)
    r.waves.append(
        [*(r.paid(competing_payment) for competing_payment in rivals for _ in r.some(2)), *r.spends(2), *r.looks(1)]
    )
    r.waves.append([*map(r.paid, rivals), *r.spends(2), *r.looks(1)])


def a_renewal_and_the_first_payment_of_its_period(r: Round) -> None:
    """One period paid in two ways: each has credits of its own, together never more than those of one price."""
    period = f"period/stripe:sub_{r.account_id}/2026-11-01T00:00:00Z"
    renewal = r.payment(fulfilment_key=period, expires_at=LAPSES, minute=r.chance.choice((0, 2)))
    first = r.payment(fulfilment_key=f"order/{r.account_id}", covers=period, expires_at=LAPSES, minute=1)
    both = [first, renewal]
    r.waves.append([*[r.paid(renewal)] * 2, r.paid(renewal), *[r.paid(first)] * 2, r.paid(first), *r.spends(2)])
    asks = [r.ask(payment, RefundReason.CHARGED_TWICE, f"key_{number}") for number, payment in enumerate(both)]
    asks = r.chance.sample(asks, r.chance.randint(0, 2))
    r.waves.append([r.paid(renewal), r.paid(first), *asks, *r.goes_back(both, 2), *r.spends(2), *r.looks(1)])
    r.waves.append([*r.sweep(*asks), *r.goes_back(both, 1), *r.spends(2), *r.looks(1)])


def requests_for_one_refund(r: Round) -> None:
    """Under one key and under several, while runs draw and somebody refunds at the provider."""
    payment = replace(
        r.payment(fulfilment_key=f"period/stripe:sub_{r.account_id}/2026-11-01T00:00:00Z", expires_at=LAPSES),
        subscription_id=f"stripe:sub_{r.account_id}",
        is_renewal=True,
    )
    r.waves.append([r.paid(payment)])
    if r.chance.random() < 0.3:
        r.waves.append(r.spends(1))
    reasons = (RefundReason.MISTAKEN_RENEWAL, RefundReason.MISTAKEN_RENEWAL, RefundReason.TECHNICAL_PROBLEM)
    asks = [r.ask(payment, r.chance.choice(reasons), f"key_{key}") for key in r.some(3)]
    others: list[Call] = [
        r.spend(1),
        r.says([payment.payment_id], r.refund(r.chance.choice((500, 2000)))),
        r.says([payment.payment_id], r.dispute(DisputeState.OPEN, 2000, minute=30)),
    ]
    others = r.chance.sample(others, r.chance.randint(0, 2))
    r.waves.append([*asks, *r.chance.choices(asks, k=2), *others, *r.looks(1)])
    r.waves.append([*asks, *r.spends(2), *r.looks(1)])
    r.waves.append(r.sweep(*asks))


def people_deciding(r: Round) -> None:
    """The same verdict and opposite ones, while the purchase changes under them."""
    payment = r.payment()
    ask = r.ask(payment, RefundReason.TECHNICAL_PROBLEM)
    second = r.ask(payment, RefundReason.UNRECOGNISED_CHARGE, "key_2")
    r.waves.append([r.paid(payment)])
    r.waves.append([ask, second])
    decisions = [
        r.decide(r.chance.choice((ask, ask, second)), r.chance.choice((0, 1000, 2000)), actor)
        for actor in ("sam", "eve", "kim")[: r.chance.randint(2, 3)]
    ]
    others: list[Call] = [
        r.says([payment.payment_id], r.refund(r.chance.choice((500, 2000)))),
        r.says([payment.payment_id], r.dispute(DisputeState.OPEN, 2000, minute=30)),
        *r.spends(3),
    ]
    others = r.chance.sample(others, r.chance.randint(1, 3))
    r.waves.append([*decisions, *r.chance.choices(decisions, k=r.chance.randint(1, 2)), *others, *r.looks(1)])
    r.waves.append([*decisions, *r.spends(2), *r.looks(1)])
    r.waves.append(r.sweep(ask, second))


def a_parked_payment_and_what_releases_it(r: Round) -> None:
    """Nobody knows whose it is, until another payment of the same customer says so; several try it again."""
    unknown, known = r.payment(), r.payment()
    parked, releasing = r.paid(unknown, is_ours=False), r.paid(known)
    again = replace(parked, is_release=True)
    if r.chance.random() < 0.5:
        r.waves.append([parked, parked, again])
    r.waves.append([*[parked] * 2, *[again] * r.chance.randint(1, 3), *[releasing] * 2, *r.spends(2), *r.looks(1)])
    r.waves.append([again, again, r.says([unknown.payment_id], r.refund(500)), *r.looks(1)])


def lifting_against_news_of_the_dispute(r: Round) -> None:
    """People lift and lay holds while the bank goes on."""
    payment = r.payment()
    opened = r.dispute(DisputeState.OPEN, 2000, minute=30)
    hold_id = r.hold_of(opened)
    r.waves.append([r.paid(payment), r.says([payment.payment_id], opened)])
    ends = (DisputeState.UNDER_REVIEW, DisputeState.LOST, DisputeState.WON)
    news = [r.dispute(state, 2000, minute=40 + step) for step, state in enumerate(r.chance.sample(ends, 2))]
    second = r.dispute(DisputeState.OPEN, 500, minute=35, number=2)
    person: list[Call] = [
        *(Lay(account_id=r.account_id, hold_id="by_hand", actor="eve", now=at(80 + n / 100)) for n in r.some(2, 0)),
        *(r.lift("by_hand") for _ in r.some(2, 0)),
    ]
    lifts = [r.lift(hold_id) for _ in r.some(3)]
    facts = [r.says([payment.payment_id], fact) for fact in r.chance.sample([*news, second], 2)]
    r.waves.append([*lifts, *facts, *person, *r.spends(2), *r.looks(1)])
    r.waves.append([r.lift(hold_id), r.lift("by_hand"), *facts[:1], *r.spends(2), *r.looks(1)])


KINDS: tuple[Callable[[Round], None], ...] = (
    one_payment_heard_often,
    facts_about_one_purchase,
    spending_against_what_takes_credits,
    two_payments_of_one_order,
    two_things_for_one_order,
    a_renewal_and_the_first_payment_of_its_period,
    requests_for_one_refund,
    people_deciding,
    a_parked_payment_and_what_releases_it,
    lifting_against_news_of_the_dispute,
)


# ── With a provider ───────────────────────────────────────────────────────────────────────────────────────────────────


def senders_of_one_refund(r: Round, provider: str, simulator: Any, gateway: Any) -> None:
    """Senders, the sweep, followers, the provider's webhook and a chargeback: the provider refunds it once."""
    names, payment = _bought(r, provider, simulator, gateway)
    ask = r.ask(payment, RefundReason.TECHNICAL_PROBLEM)
    minor = r.chance.choice((payment.paid_minor // 2, payment.paid_minor))
    tag = f"{ask.case_id}-1"
    r.waves.append([r.paid(payment, *names[1:])])
    r.waves.append([ask])
    approval: list[Call] = [r.decide(ask, minor)] * 2
    senders: list[Call] = [Issue(tag=tag, now=at(80))] * r.chance.randint(2, 4)
    follow = Follow(payment_id=payment.payment_id, now=at(81))
    whole = minor == payment.paid_minor
    to_send = RefundToSend(
        tag=tag, names=frozenset(names), amount_minor=minor, currency="USD", items=(), is_whole=whole
    )
    webhook = r.says(names[:1])
    heard = Announce(provider=provider, refund=to_send, event=webhook.event, now=at(81))
    others: list[Call] = [
        follow,
        heard,
        r.says(names[:1], r.dispute(DisputeState.OPEN, payment.paid_minor, minute=75)),
        r.spend(400),
    ]
    others = r.chance.sample(others, r.chance.randint(1, 3))
    if r.chance.random() < 0.3:
        path = {"stripe": "/v1/refunds", "paddle": "/adjustments"}[provider]
        simulator.faults.add("POST", path, r.chance.choice(("503", "lost_after")), times=2)
    if r.chance.random() < 0.5:
        r.waves.append(approval)
        r.waves.append([*senders, *others, *r.looks(1)])
    else:
        r.waves.append([*approval, *senders, *others, *r.looks(1)])
    sweep: list[Call] = [Issue(tag=tag, now=at(85))] * 3
    r.waves.append([*sweep, follow, *r.looks(1)])
    r.waves.append(
        [Issue(tag=tag, now=at(90)), Announce(provider=provider, refund=to_send, event=webhook.event, now=at(91))]
    )
    r.waves.append([follow, follow, *r.spends(1), *r.looks(1)])
    r.at_provider = AtProvider(
        tag, frozenset(names), payment.paid_minor, lambda: _given_back(provider, simulator, names)
    )


def _bought(r: Round, provider: str, simulator: Any, gateway: Any) -> tuple[list[PaymentId], PaymentSettled]:
    """Something that was bought at the simulator: the names of its payment, and what our events will say of it."""
    order = Order(
        order_id=OrderId(f"ord_{uuid.uuid4().hex}"),  # the simulator remembers those of a case played before
        account_id=r.account_id,
        provider=provider,
        product_id=PACK,
        price_minor=2000,
        currency="USD",
        country="US",
        is_business=False,
        policy_version="1",
        made_at=NOON,
    )
    product = catalogue.load().products[PACK]
    checkout = gateway.make_checkout(order, product, success_url="https://x.test", cancel_url="https://x.test")
    paid = simulator.pay(checkout.checkout_id)
    if provider == "stripe":
        charge = simulator.charge_of(paid["payment_intent"])
        names = [PaymentId(f"stripe:{paid['payment_intent']}"), PaymentId(f"stripe:{charge['id']}")]
        return names, r.payment(payment_id=names[0], paid_minor=charge["amount_captured"])
    (line,) = paid["details"]["line_items"]
    names = [PaymentId(f"paddle:{checkout.checkout_id}")]
    minor = int(line["totals"]["total"])
    return names, r.payment(payment_id=names[0], paid_minor=minor, line_id=line["id"])


def _given_back(provider: str, simulator: Any, names: list[PaymentId]) -> list[int]:
    """What the provider has given back of a payment, refund by refund."""
    bare = {name.partition(":")[2] for name in names}
    if provider == "stripe":
        refunds = [one for one in simulator.refunds.values() if one["payment_intent"] in bare]
        return [one["amount"] for one in refunds if one["status"] != "failed"]
    adjustments = [one for one in simulator.adjustments.values() if one["transaction_id"] in bare]
    return [int(one["totals"]["total"]) for one in adjustments if one["status"] != "rejected"]
