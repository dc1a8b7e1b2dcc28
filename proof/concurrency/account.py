"""One account as a child would keep it: every call looks at all that was ever heard and reckons anew.

It shares no code with what it judges: it has the facts' shapes from there, and its own arithmetic. Whole credits;
money in minor units. What goes back takes its part of the credits, rounded down. All payments for one thing (an order,
or a period of a subscription) are evaluated together: their lots keep what is left of one price.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple, TypeVar

from ledger.domain.canonical import canonical
from ledger.domain.facts import (
    DisputeChanged,
    Fact,
    HoldLifted,
    PaymentSettled,
    RefundAbandoned,
    RefundApproved,
    RefundChanged,
    RefundDeclined,
    RefundTotalReported,
)
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.refund_cases import DecisionOutcome, RefundReason
from ledger.domain.texts import Text
from proof.concurrency.calls import (
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
from proof.concurrency.serial import Answer

_F = TypeVar("_F", bound=Fact)

REFUNDS = ["pending", "requires_action", "succeeded", "canceled", "failed"]
DISPUTES = ["inquiry", "inquiry_closed", "open", "under_review", "lost", "appealed", "prevented", "won"]
FROZEN = {"open", "under_review", "appealed"}
_NEVER = datetime.max.replace(tzinfo=UTC)
SETTLING = timedelta(minutes=15)
MOST_MISTAKEN_MINOR = 5000


class Back(NamedTuple):
    """Money of one payment that went back, or is going back. Sorted, they are in the order in which they act."""

    at: datetime
    name: str
    amount_minor: int
    takes_credits: bool = True  # False: goodwill


@dataclass(frozen=True, slots=True)
class Purchase:
    """What was heard about one payment, under all its names: of each thing the word that stands."""

    names: frozenset[PaymentId]
    facts: frozenset[Fact]

    @property
    def payment(self) -> PaymentSettled | None:
        return next((fact for fact in self.facts if isinstance(fact, PaymentSettled)), None)

    def all_of(self, kind: type[_F]) -> list[_F]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def is_frozen(self) -> bool:
        return any(dispute.state in FROZEN for dispute in self.all_of(DisputeChanged))

    def end_of(self, tag: str) -> str | None:
        """How the refund of an approval ended: by the provider's word if there is one, else by our giving it up."""
        told = [refund for refund in self.all_of(RefundChanged) if refund.tag == tag]
        if told:
            return next((refund.state.value for refund in told if refund.state in REFUNDS[2:]), None)
        return "abandoned" if any(given_up.tag == tag for given_up in self.all_of(RefundAbandoned)) else None

    # ── Its money, and what is left of it ─────────────────────────────────────────────────────────────────────────────

    @property
    def refunded(self) -> list[Back]:
        """What went back: the refunds that succeeded, and what a running total tells beyond all that were told."""
        refunds, totals = self.all_of(RefundChanged), self.all_of(RefundTotalReported)
        done = [self._refund(refund) for refund in refunds if refund.state == "succeeded"]
        beyond = sum(total.total_minor for total in totals) - sum(refund.amount_minor for refund in refunds)
        if beyond > 0:
            done.append(Back(max(total.at for total in totals), "total", beyond))
        return sorted(done)

    @property
    def lost(self) -> list[Back]:
        return self._disputed({"lost"})

    @property
    def contested(self) -> list[Back]:
        return self._disputed(FROZEN)

    @property
    def going(self) -> list[Back]:
        """What has not ended: what we approved, and what somebody else began at the provider."""
        approvals = [one for one in self.all_of(RefundApproved) if self.end_of(one.tag) is None]
        ours = [Back(one.at, one.tag, one.amount_minor, one.takes_credits) for one in approvals]
        begun = [refund for refund in self.all_of(RefundChanged) if refund.state in REFUNDS[:2]]
        theirs = [self._refund(refund) for refund in begun if refund.tag not in {one.tag for one in approvals}]
        return sorted([*ours, *theirs])

    def _refund(self, refund: RefundChanged) -> Back:
        is_goodwill = any(one.tag == refund.tag and not one.takes_credits for one in self.all_of(RefundApproved))
        return Back(refund.created_at, refund.refund_id, refund.amount_minor, takes_credits=not is_goodwill)

    def _disputed(self, states: set[str]) -> list[Back]:
        disputes = [dispute for dispute in self.all_of(DisputeChanged) if dispute.state in states]
        return sorted(Back(dispute.opened_at, dispute.dispute_id, dispute.amount_minor) for dispute in disputes)

    @property
    def left_minor(self) -> int:
        """What could still be given back."""
        gone = sum(back.amount_minor for back in [*self.refunded, *self.lost, *self.going])
        return max(0, self.payment.paid_minor - gone) if self.payment else 0

    def left(self, *went: list[Back]) -> Fraction:
        """The share of its credits that is left after this went back: each takes its part of what is left then."""
        credits_, money = Fraction(1), self.payment.paid_minor if self.payment else 0
        for back in [back for group in went for back in group]:
            if back.amount_minor >= money:
                return Fraction(0)
            if back.takes_credits:
                credits_ *= 1 - Fraction(back.amount_minor, money)
            money -= back.amount_minor
        return credits_

    @property
    def left_at_last(self) -> Fraction:
        """The share that is left once all that is going back has gone."""
        return self.left(self.refunded, self.lost, self.going)

    @property
    def certain(self) -> Fraction:
        """The share that is left whatever becomes of open disputes and of what is going back."""
        return self.left(self.refunded, self.lost, self.contested, self.going)

    def holds(self) -> Iterator[str]:
        """The holds that lie on the account because of it, unless other payments for the same leave one whole price."""
        provider = self.payment.payment_id.partition(":")[0] if self.payment else ""
        lifted = {lift.hold_id: lift.at for lift in self.all_of(HoldLifted)}
        for dispute in self.all_of(DisputeChanged):
            hold_id = f"dispute:{provider}:{dispute.dispute_id}"
            if dispute.state in {*FROZEN, "lost"} and not (hold_id in lifted and lifted[hold_id] >= dispute.opened_at):
                yield hold_id


Paid = tuple[Purchase, PaymentSettled]


def _keys(payment: PaymentSettled) -> set[str]:
    """What it pays for: payments are for the same thing if one of these is the same."""
    return {key for key in (payment.fulfilment_key, payment.covers) if key} or {payment.payment_id}


def _lot_id(payment: PaymentSettled) -> str:
    return f"{payment.fulfilment_key or payment.payment_id}/0"


@dataclass(frozen=True, slots=True)
class Lot:
    """The credits of one thing, reckoned from what was heard, what was drawn and what was written off."""

    lot_id: str
    granted: int
    expires_at: datetime | None
    is_frozen: bool
    due: int  # to take back, for refunds and disputes
    reserve_due: int
    drawn: int
    expired: int

    @property
    def taken(self) -> int:
        return min(self.due, self.granted - self.drawn)

    @property
    def owed(self) -> int:
        return self.due - self.taken

    @property
    def written_off(self) -> int:
        """What expired, unless a refund or a dispute has taken it since."""
        return min(self.expired, self.granted - self.drawn - self.taken)

    @property
    def remaining(self) -> int:
        return self.granted - self.drawn - self.taken - self.written_off

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def spendable(self, now: datetime) -> int:
        return 0 if self.is_frozen or self.has_expired(now) else max(0, self.remaining - self.reserve_due)


@dataclass(frozen=True, slots=True)
class Run:
    """What a run drew, by lot."""

    run_id: str
    drawn: tuple[tuple[str, int], ...]
    has_failed: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A refund case."""

    case_id: str
    payment_id: PaymentId
    reason: RefundReason
    key: str
    asked_at: datetime
    state: str = "requested"
    money_minor: int = 0
    approvals: int = 0
    decided: object = "policy"  # by whom, and what they said

    @property
    def tag(self) -> str:
        return f"{self.case_id}-{self.approvals}"

    @property
    def is_open(self) -> bool:
        return self.state not in {"refunded", "declined", "replaced"}


@dataclass(frozen=True, slots=True)
class Account:
    """Everything about one account."""

    heard: frozenset[str] = frozenset()  # events
    customers: frozenset[str] = frozenset()  # the provider's, known to be this account
    purchases: frozenset[Purchase] = frozenset()
    moved: frozenset[tuple[str, int, int]] = frozenset()  # by lot: drawn, written off
    runs: frozenset[Run] = frozenset()
    laid: frozenset[str] = frozenset()  # holds, by a person
    cases: frozenset[Case] = frozenset()
    sent: frozenset[str] = frozenset()  # refunds that the provider has, by tag

    # ── What there is ─────────────────────────────────────────────────────────────────────────────────────────────────

    def paid(self) -> list[Paid]:
        return [(purchase, payment) for purchase in self.purchases if (payment := purchase.payment)]

    def of(self, payment_id: PaymentId) -> Purchase | None:
        return next((purchase for purchase in self.purchases if payment_id in purchase.names), None)

    def things(self) -> list[list[Paid]]:
        """All payments for one thing together, the earliest first: that one is the original."""
        things: list[list[Paid]] = []
        for paid in self.paid():
            same = [thing for thing in things if any(_keys(paid[1]) & _keys(other) for _, other in thing)]
            together = [paid, *(other for thing in same for other in thing)]
            together.sort(key=lambda one: (one[1].at, one[1].payment_id))
            things = [*(thing for thing in things if thing not in same), together]
        return things

    def thing_of(self, payment: PaymentSettled) -> list[Paid]:
        """All payments for what this one pays for, itself included."""
        return next(thing for thing in self.things() if payment in [other for _, other in thing])

    def lots(self) -> list[Lot]:
        """In the order in which they are drawn from: what lapses first, first."""
        moved = {lot_id: (drawn, expired) for lot_id, drawn, expired in self.moved}
        lots = [lot for thing in self.things() for lot in _lots_of(thing, moved)]
        return sorted(lots, key=lambda lot: (lot.expires_at is None, lot.expires_at or _NEVER, lot.lot_id))

    def holds(self) -> frozenset[str]:
        return self.laid.union(*(one.holds() for thing in self.things() if _is_contested(thing) for one, _ in thing))

    def spendable(self, now: datetime) -> int:
        return 0 if self.holds() else max(0, sum(lot.spendable(now) - lot.owed for lot in self.lots()))

    def case(self, case_id: str) -> Case | None:
        return next((case for case in self.cases if case.case_id == case_id), None)

    def shown(self, case_id: str) -> Answer:
        """A case as its answer shows it."""
        return next((case.case_id, case.state, case.money_minor) for case in self.cases if case.case_id == case_id)

    # ── What changes ──────────────────────────────────────────────────────────────────────────────────────────────────

    def hears(self, names: Iterable[PaymentId], facts: Iterable[Fact]) -> "Account":
        """Put what is said beside what was said before about the same payment."""
        names = frozenset(names)
        touched = [purchase for purchase in self.purchases if purchase.names & names]
        heard = [*(replace(fact, cause="") for fact in facts), *(fact for one in touched for fact in one.facts)]
        merged = Purchase(names.union(*(one.names for one in touched)), frozenset(_standing(heard)))
        return replace(self, purchases=self.purchases.difference(touched) | {merged}).settled()

    def puts(self, lot_id: str, drawn: int, expired: int) -> "Account":
        others = {entry for entry in self.moved if entry[0] != lot_id}
        return replace(self, moved=frozenset(others | {(lot_id, drawn, expired)})).settled()

    def settled(self) -> "Account":
        """What was written off and then taken back is not written off any more."""
        return replace(
            self,
            moved=frozenset(
                (lot.lot_id, lot.drawn, lot.written_off) for lot in self.lots() if lot.drawn or lot.written_off
            ),
        )

    def files(self, case: Case) -> "Account":
        return replace(self, cases=frozenset({case} | {one for one in self.cases if one.case_id != case.case_id}))


def _lots_of(thing: list[Paid], moved: dict[str, tuple[int, int]]) -> Iterator[Lot]:
    """The lots of one thing, the earliest first: each keeps of one price what those before it do not.

    What is going back is reserved where it leaves less than one price, of the lots as they are, the last ones first.
    """
    price, stays = Fraction(1), min(Fraction(1), _sum(one.left_at_last for one, _ in thing))
    for lot_id in dict.fromkeys(_lot_id(payment) for _, payment in thing):
        mine = [(one, payment) for one, payment in thing if _lot_id(payment) == lot_id]
        (line,) = mine[0][1].lines
        keeps = min(price, _sum(one.left(one.refunded, one.lost) for one, _ in mine))
        keeps_at_last = min(stays, keeps)
        price, stays = price - keeps, stays - keeps_at_last
        due, due_at_last = (int(line.credits * (1 - share)) for share in (keeps, keeps_at_last))
        is_frozen = _is_contested(thing) and any(one.is_frozen for one, _ in mine)
        drawn, expired = moved.get(lot_id, (0, 0))
        yield Lot(lot_id, line.credits, line.expires_at, is_frozen, due, due_at_last - due, drawn, expired)


def _is_contested(thing: list[Paid]) -> bool:
    """Whether disputes count: not if others paid too, and one whole price is left whatever the banks decide."""
    return len(thing) == 1 or _sum(one.left(one.refunded, one.lost, one.contested) for one, _ in thing) < 1


def _sum(shares: Iterable[Fraction]) -> Fraction:
    return sum(shares, Fraction(0))


def _standing(facts: Iterable[Fact]) -> Iterator[Fact]:
    """Of each thing the word that stands, whatever was heard first."""
    by_key: dict[str, list[Fact]] = {}
    for fact in facts:
        by_key.setdefault(fact.key, []).append(fact)
    return (max(said, key=_weight) for said in by_key.values())


def _weight(fact: Fact) -> tuple[object, ...]:
    match fact:
        case PaymentSettled():
            return (-fact.at.timestamp(), _content(fact))
        case RefundChanged():
            return (REFUNDS.index(fact.state), fact.at, _content(fact))
        case DisputeChanged():
            return (fact.at, DISPUTES.index(fact.state), _content(fact))
        case RefundTotalReported():
            return (fact.at, fact.total_minor)
        case _:
            return (fact.at, _content(fact))


def _content(fact: Fact) -> str:
    """The last tie-break: the content, whichever event reported it."""
    return canonical(fact, without="cause")


# ── What each call does ───────────────────────────────────────────────────────────────────────────────────────────────


def step(account: Account, call: Call, answer: Answer | None) -> tuple[Account, ...]:
    """The states that a call may lead to if it is answered so: none, if it can't be."""
    if isinstance(call, Issue):
        return tuple(_issue(account, call, answer))
    after, said = _ACTS[type(call)](account, call)
    return (after,) if answer is None or answer == said else ()


def expected(account: Account, call: Call) -> Answer:
    """What a call would be answered in this state, for the report."""
    if isinstance(call, Issue):
        words = ("sent", "found", "abandoned", "ended", "leased", "unclear")
        return ("one of", *(word for word in words if tuple(_issue(account, call, (word,)))))
    return _ACTS[type(call)](account, call)[1]


def _deliver(account: Account, call: Deliver) -> tuple[Account, Answer]:
    event, payment = call.event, call.event.payment
    if event.event_id in account.heard:
        return account, ("already_booked",)
    customer = event.owner.customer_id
    if payment:
        if not event.owner.account_id and customer not in account.customers:
            return account, ("parked",)
        payment = replace(payment, account_id=AccountId(""))  # this one's, whoever told it
    known = replace(account, heard=account.heard | {event.event_id})
    if payment and customer:
        known = replace(known, customers=account.customers | {customer})
    after = known.hears(event.names, [*event.facts, *([payment] if payment else [])])
    if after.purchases == known.purchases:
        return known, ("already_booked",)
    home = after.of(event.names[0])
    if home is None or home.payment is None:
        return after, ("waiting",)
    before = account.of(event.names[0])
    if payment and not (before and before.payment) and _is_taken(payment, [other for _, other in account.paid()]):
        return account, ("parked",)
    return after, ("booked",)


def _is_taken(payment: PaymentSettled, others: list[PaymentSettled]) -> bool:
    """Its order was paid for other things."""
    rivals = [other for other in others if payment.fulfilment_key and other.fulfilment_key == payment.fulfilment_key]
    return any(rival.lines[0].credits != payment.lines[0].credits for rival in rivals)


def _spend(account: Account, call: Spend) -> tuple[Account, Answer]:
    for run in account.runs:
        if run.run_id == call.run_id:
            return account, ("run failed",) if run.has_failed else ("drawn", *run.drawn)
    if holds := account.holds():
        return account, ("suspended", *sorted(holds))
    spendable = account.spendable(call.now)
    if spendable < call.credits:
        return account, ("only", spendable)
    drawn, wanted = [], call.credits
    for lot in account.lots():
        part = min(wanted, lot.spendable(call.now))
        if part:
            account = account.puts(lot.lot_id, lot.drawn + part, lot.expired)
            drawn.append((lot.lot_id, part))
            wanted -= part
    drawn.sort()
    return replace(account, runs=account.runs | {Run(call.run_id, tuple(drawn))}), ("drawn", *drawn)


def _fail(account: Account, call: FailRun) -> tuple[Account, Answer]:
    run = next((run for run in account.runs if run.run_id == call.run_id), None)
    if run is None:
        account = replace(account, runs=account.runs | {Run(call.run_id, (), has_failed=True)})
        return account, ("returned",)
    if not run.has_failed:
        for lot_id, part in run.drawn:
            lot = next(lot for lot in account.lots() if lot.lot_id == lot_id)
            account = account.puts(lot_id, lot.drawn - part, lot.expired)
            lot = next(lot for lot in account.lots() if lot.lot_id == lot_id)
            if lot.has_expired(call.now):
                account = account.puts(lot_id, lot.drawn, lot.written_off + lot.remaining)
        account = replace(account, runs=account.runs - {run} | {replace(run, has_failed=True)})
    return account, ("returned", *run.drawn)


def _expire(account: Account, call: Expire) -> tuple[Account, Answer]:
    lapsed = [lot for lot in account.lots() if lot.has_expired(call.now)]
    for lot in lapsed:
        account = account.puts(lot.lot_id, lot.drawn, lot.written_off + lot.remaining)
    return account, ("expired", sum(lot.remaining for lot in lapsed))


def _look(account: Account, call: Look) -> tuple[Account, Answer]:
    if not account.paid():
        return account, ("nothing",)
    lots = account.lots()
    balance, owed = sum(lot.remaining for lot in lots), sum(lot.owed for lot in lots)
    cases = tuple(sorted(case.case_id for case in account.cases if case.is_open))
    holds, spendable = tuple(sorted(account.holds())), account.spendable(call.now)
    return account, ("holds", holds, "balance", balance, spendable, "owed", owed, "cases", cases)


def _ask(account: Account, call: Ask) -> tuple[Account, Answer]:
    wish = call.wish
    for case in account.cases:
        if case.key == wish.key:
            return account, account.shown(case.case_id)
    purchase = account.of(wish.payment_id)
    if purchase is None or purchase.payment is None:
        return account, ("not found",)
    payment_id = purchase.payment.payment_id
    for case in account.cases:
        if case.is_open and case.payment_id == payment_id and case.reason == wish.reason:
            return account, ("asked already", case.case_id)
    case = Case(call.case_id, payment_id, wish.reason, wish.key, call.now)
    account = _by_policy(account, case, purchase, purchase.payment, call.now)
    return account, account.shown(call.case_id)


def _by_policy(account: Account, case: Case, purchase: Purchase, payment: PaymentSettled, now: datetime) -> Account:
    """What the published policy says of the three reasons that are asked for here."""
    left, thing = purchase.left_minor, account.thing_of(payment)
    is_duplicate = thing[0][1] != payment
    others = _sum(other.certain for other, paid in thing if paid != payment)
    lot = next(lot for lot in account.lots() if lot.lot_id == _lot_id(payment))
    has_credits = not (is_duplicate and others >= 1)
    kept = max(0, lot.granted - lot.due - lot.reserve_due) if has_credits else 0
    spare = _spare_minor(left, purchase, others)
    is_twice = spare > 0 and (is_duplicate or case.reason is RefundReason.CHARGED_TWICE)
    was_declined = any(declined.reason == case.reason for declined in purchase.all_of(RefundDeclined))
    by_person = (
        "in_review" if case.reason in {RefundReason.TECHNICAL_PROBLEM, RefundReason.UNRECOGNISED_CHARGE} else "declined"
    )
    if left == 0 and not (case.reason is RefundReason.TECHNICAL_PROBLEM and kept):
        return account.files(replace(case, state="declined"))
    if was_declined and not is_twice:
        is_looked_at = case.reason is RefundReason.UNRECOGNISED_CHARGE
        return account.files(replace(case, state="in_review" if is_looked_at else "declined"))
    if purchase.is_frozen:
        return account.files(replace(case, state=by_person))
    if is_twice:
        if now - payment.at < SETTLING:
            return account.files(replace(case, state="requested"))
        return _approved(account, case, spare)
    if case.reason is RefundReason.CHARGED_TWICE:
        return account.files(replace(case, state="requested" if now - payment.at < SETTLING else "in_review"))
    if case.reason is RefundReason.MISTAKEN_RENEWAL:
        if has_credits and lot.drawn:
            return account.files(replace(case, state="declined"))
        if left <= MOST_MISTAKEN_MINOR:
            return _approved(account, case, left)
    return account.files(replace(case, state="in_review"))


def _spare_minor(left_minor: int, own: Purchase, others: Fraction) -> int:
    """What of a payment is above one price of what it and others paid for: its refund takes no credits.

    Whatever an open dispute may take is not counted: who disputes one of two charges is not paid the other one too.
    """
    spare, left = own.certain + others - 1, own.left_at_last
    return int(left_minor * min(Fraction(1), spare / left)) if others and left and spare > 0 else 0


def _approved(account: Account, case: Case, money_minor: int, *, takes_credits: bool = True) -> Account:
    case = replace(case, state="approved", money_minor=money_minor, approvals=case.approvals + 1)
    approval = RefundApproved(
        tag=case.tag,
        case_id=case.case_id,
        amount_minor=money_minor,
        at=case.asked_at,
        cause="",
        takes_credits=takes_credits,
    )
    return account.hears([case.payment_id], [approval]).files(case)


def _decide(account: Account, call: Decide) -> tuple[Account, Answer]:
    case = account.case(call.case_id)
    if case is None:
        return account, ("not found",)
    purchase = account.of(case.payment_id)
    decided = (call.actor, call.verdict)
    if case.state != "in_review":
        return account, account.shown(case.case_id) if case.decided == decided else ("closed",)
    if purchase is None:
        raise ValueError("a case is about a purchase")
    money_minor = call.verdict.money_minor or 0
    case = replace(case, decided=decided, money_minor=money_minor)
    if call.verdict.outcome is DecisionOutcome.APPROVE:
        if purchase.is_frozen or money_minor > purchase.left_minor:
            return account, ("refused",)
        account = _approved(account, case, money_minor, takes_credits=call.verdict.takes_credits)
    else:
        case = replace(case, state="declined", money_minor=0)
        no = RefundDeclined(case_id=case.case_id, reason=case.reason, clause="", reasons=(), at=case.asked_at, cause="")
        account = account.hears([case.payment_id], [no]).files(case)
    return account, account.shown(call.case_id)


def _decide_waiting(account: Account, call: DecideWaiting) -> tuple[Account, Answer]:
    said: list[object] = ["decided"]
    for case in sorted(account.cases, key=lambda case: case.case_id):
        purchase = account.of(case.payment_id)
        payment = purchase.payment if purchase else None
        if case.state == "requested" and purchase and payment and payment.at + SETTLING <= call.now:
            account = _by_policy(account, case, purchase, payment, call.now)
            said.append(account.shown(case.case_id))
    return account, tuple(said)


def _follow(account: Account, call: Follow) -> tuple[Account, Answer]:
    purchase = account.of(call.payment_id)
    said: list[object] = ["moved"]
    for approval in purchase.all_of(RefundApproved) if purchase else []:
        case = account.case(approval.case_id)
        if purchase is None or case is None or case.tag != approval.tag:
            continue
        end = purchase.end_of(case.tag)
        is_known = any(refund.tag == case.tag for refund in purchase.all_of(RefundChanged))
        to = "refunded" if end == "succeeded" else "in_review" if end else "issued" if is_known else case.state
        ways = {
            "approved": {"issued", "refunded", "in_review"},
            "issued": {"refunded", "in_review"},
            "refunded": {"in_review"},
            "in_review": {"refunded"},
        }
        if to in ways.get(case.state, ()):
            case = replace(case, state=to)
            account = account.files(case)
            said.append(account.shown(case.case_id))
    return account, tuple(said)


def _issue(account: Account, call: Issue, answer: Answer | None) -> Iterator[Account]:
    """A sender does several things; what its answer tells happened at one instant.

    Sent or found: once for each approval. Given up: the credits are free again. Ended: its approval had ended. Leased
    or unclear: another try will tell, unless this was the last.
    """
    case = next((case for case in account.cases if case.tag == call.tag), None)
    purchase = account.of(case.payment_id) if case else None
    if case is None or purchase is None:
        if answer in {None, ("ended",)}:
            yield account
        return
    words = {"sent", "abandoned", "ended"} if answer is None else set(answer)
    is_given_up = any(given_up.tag == call.tag for given_up in purchase.all_of(RefundAbandoned))
    if words & {"leased", "unclear"} and not call.is_last:
        yield account
    if words & {"sent", "found"} and call.tag not in account.sent and not is_given_up:
        sent = replace(account, sent=account.sent | {call.tag})
        yield sent.files(replace(case, state="issued")) if case.state == "approved" else sent
    if "abandoned" in words and call.tag not in account.sent and not is_given_up:
        given_up = RefundAbandoned(tag=call.tag, reason=Text(key=""), at=case.asked_at, cause="")
        freed = account.hears([case.payment_id], [given_up])
        yield freed.files(replace(case, state="in_review")) if case.state == "approved" else freed
    if "ended" in words:
        is_sent = any(refund.tag == call.tag for refund in purchase.all_of(RefundChanged))
        if is_sent or is_given_up or call.tag in account.sent:
            followed, _ = _follow(account, Follow(payment_id=case.payment_id, now=call.now))
            yield from {account, followed}


def _lift(account: Account, call: Lift) -> tuple[Account, Answer]:
    if call.hold_id in account.laid:
        return replace(account, laid=account.laid - {call.hold_id}), (True,)
    for purchase, payment in account.paid():
        if call.hold_id in account.holds() and call.hold_id in purchase.holds():
            lift = HoldLifted(hold_id=call.hold_id, actor=call.actor, at=call.now, cause="")
            return account.hears([payment.payment_id], [lift]), (True,)
    return account, (False,)


def _lay(account: Account, call: Lay) -> tuple[Account, Answer]:
    if call.hold_id in account.laid:
        return account, (False,)
    return replace(account, laid=account.laid | {call.hold_id}), (True,)


_ACTS: dict[type, Callable[[Account, Any], tuple[Account, Answer]]] = {
    Deliver: _deliver,
    Spend: _spend,
    FailRun: _fail,
    Expire: _expire,
    Look: _look,
    Ask: _ask,
    Decide: _decide,
    DecideWaiting: _decide_waiting,
    Follow: _follow,
    Lift: _lift,
    Lay: _lay,
}
