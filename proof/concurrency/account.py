"""One account as a child would keep it: every call looks at all that was ever heard and reckons anew.

It shares no code with what it judges: it has the facts' shapes from there, and its own arithmetic. Whole credits;
money in minor units; of what goes back in part, the credits in proportion to the sum so far, rounded down.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, TypeVar

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
    def refunded_minor(self) -> int:
        refunds = self.all_of(RefundChanged)
        done = sum(refund.amount_minor for refund in refunds if refund.state == "succeeded")
        reported = sum(report.total_minor for report in self.all_of(RefundTotalReported))
        return max(done, reported - sum(refund.amount_minor for refund in refunds if refund.state != "succeeded"))

    @property
    def lost_minor(self) -> int:
        return sum(dispute.amount_minor for dispute in self.all_of(DisputeChanged) if dispute.state == "lost")

    @property
    def is_frozen(self) -> bool:
        return any(dispute.state in FROZEN for dispute in self.all_of(DisputeChanged))

    def end_of(self, tag: str) -> str | None:
        """How the refund of an approval ended: by the provider's word if there is one, else by our giving it up."""
        told = [refund for refund in self.all_of(RefundChanged) if refund.tag == tag]
        if told:
            return next((refund.state.value for refund in told if refund.state in REFUNDS[2:]), None)
        return "abandoned" if any(given_up.tag == tag for given_up in self.all_of(RefundAbandoned)) else None

    def approved_minor(self, *, is_taking: bool = False) -> int:
        """Approved and not ended; `is_taking`: only what takes its credits back."""
        return sum(
            approval.amount_minor
            for approval in self.all_of(RefundApproved)
            if self.end_of(approval.tag) is None and (approval.takes_credits or not is_taking)
        )

    @property
    def left_minor(self) -> int:
        """What could still be given back."""
        payment = self.payment
        tags = {approval.tag for approval in self.all_of(RefundApproved) if self.end_of(approval.tag) is None}
        under_way = sum(
            refund.amount_minor
            for refund in self.all_of(RefundChanged)
            if refund.state in {"pending", "requires_action"} and refund.tag not in tags
        )
        gone = self.refunded_minor + self.lost_minor + self.approved_minor() + under_way
        return max(0, payment.paid_minor - gone) if payment else 0

    def left(self, level: str) -> Fraction:
        """The share of the price that is left at a stage of its money going back."""
        paid = self.payment.paid_minor if self.payment else 0
        gone = self.refunded_minor
        if level != "refunded":
            gone += self.lost_minor
        if level == "reserved":
            gone = paid - self.left_minor
        if level == "contested":
            gone += sum(one.amount_minor for one in self.all_of(DisputeChanged) if one.state in FROZEN)
        return 1 - Fraction(min(gone, paid), paid) if paid else Fraction(1)

    def holds(self) -> Iterator[str]:
        """The holds that lie on the account because of it."""
        provider = self.payment.payment_id.partition(":")[0] if self.payment else ""
        lifted = {lift.hold_id: lift.at for lift in self.all_of(HoldLifted)}
        for dispute in self.all_of(DisputeChanged):
            hold_id = f"dispute:{provider}:{dispute.dispute_id}"
            if dispute.state in {*FROZEN, "lost"} and not (hold_id in lifted and lifted[hold_id] >= dispute.opened_at):
                yield hold_id


@dataclass(frozen=True, slots=True)
class Lot:
    """The credits of one payment, reckoned from what was heard, what was drawn and what was written off."""

    lot_id: str
    granted: int
    expires_at: datetime | None
    is_frozen: bool
    refund_due: int
    dispute_due: int
    reserve_due: int
    drawn: int
    expired: int

    @property
    def refunded(self) -> int:
        return min(self.refund_due, self.granted - self.drawn)

    @property
    def disputed(self) -> int:
        return min(self.dispute_due, self.granted - self.drawn - self.refunded)

    @property
    def owed(self) -> int:
        return self.refund_due + self.dispute_due - self.refunded - self.disputed

    @property
    def written_off(self) -> int:
        """What expired, unless a refund or a dispute has taken it since."""
        return min(self.expired, self.granted - self.drawn - self.refunded - self.disputed)

    @property
    def remaining(self) -> int:
        return self.granted - self.drawn - self.refunded - self.disputed - self.written_off

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

    def paid(self) -> list[tuple[Purchase, PaymentSettled]]:
        return [(purchase, payment) for purchase in self.purchases if (payment := purchase.payment)]

    def of(self, payment_id: PaymentId) -> Purchase | None:
        return next((purchase for purchase in self.purchases if payment_id in purchase.names), None)

    def beside(self, payment: PaymentSettled) -> list[tuple[Purchase, PaymentSettled]]:
        """All payments for the same order or period, the earliest first, with this one."""
        keys = {key for key in (payment.fulfilment_key, payment.covers) if key}
        found = [
            (purchase, other)
            for purchase, other in self.paid()
            if other.payment_id == payment.payment_id or keys & {other.fulfilment_key, other.covers}
        ]
        return sorted(found, key=lambda pair: (pair[1].at, pair[1].payment_id))

    def is_duplicate(self, payment: PaymentSettled) -> bool:
        """Another payment of the same order or period is the earlier one."""
        return self.beside(payment)[0][1].payment_id != payment.payment_id

    def is_undisputed(self, payment: PaymentSettled) -> bool:
        """One whole price stands, whatever the banks decide."""
        beside = self.beside(payment)
        return len(beside) > 1 and sum(purchase.left("contested") for purchase, _ in beside) >= 1

    def spare_minor(self, purchase: Purchase, payment: PaymentSettled) -> int:
        """What of a payment is above one price of what it and others paid for."""
        beside, own = self.beside(payment), purchase.left("reserved")
        spare = sum(one.left("reserved") for one, _ in beside) - 1
        if len(beside) < 2 or spare <= 0 or not own:
            return 0
        return int(purchase.left_minor * min(Fraction(1), spare / own))

    def lots(self) -> list[Lot]:
        """In the order in which they are drawn from: what lapses first, first."""
        moved = {lot_id: (drawn, expired) for lot_id, drawn, expired in self.moved}
        lots: dict[str, Lot] = {}
        for _, payment in sorted(self.paid(), key=lambda pair: (pair[1].at, pair[1].payment_id)):
            lot_id = f"{payment.fulfilment_key or payment.payment_id}/0"
            if lot_id in lots:
                continue
            (line,) = payment.lines
            beside = self.beside(payment)
            mine = [pair for pair in beside if pair[1].fulfilment_key == payment.fulfilment_key or pair[1] is payment]
            before = [pair for pair in beside if pair not in mine and f"{pair[1].fulfilment_key}/0" in lots]
            taken = []
            for level in ("refunded", "lost", "reserved"):
                earlier = sum((one.left(level) for one, _ in before), Fraction(0))
                own = sum((one.left(level) for one, _ in mine), Fraction(0))
                share = 1 - (min(Fraction(1), earlier + own) - min(Fraction(1), earlier))
                taken.append(line.credits * share.numerator // share.denominator)
            is_frozen = any(one.is_frozen for one, _ in mine) and not self.is_undisputed(payment)
            due = (taken[0], taken[1] - taken[0], taken[2] - taken[1])
            lots[lot_id] = Lot(lot_id, line.credits, line.expires_at, is_frozen, *due, *moved.get(lot_id, (0, 0)))
        return sorted(lots.values(), key=lambda lot: (lot.expires_at is None, lot.expires_at or _NEVER, lot.lot_id))

    def holds(self) -> frozenset[str]:
        return self.laid.union(*(one.holds() for one, payment in self.paid() if not self.is_undisputed(payment)))

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
    if rivals:
        return any(competing_payment.lines[0].credits != payment.lines[0].credits for competing_payment in rivals)
    return False


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
    left = purchase.left_minor
    lot = next(
        (lot for lot in account.lots() if lot.lot_id == f"{payment.fulfilment_key or payment.payment_id}/0"), None
    )
    is_duplicate = account.is_duplicate(payment)
    taken = min(lot.granted, lot.refund_due + lot.dispute_due + lot.reserve_due) if lot else 0
    others = [one for one, other in account.beside(payment) if other.payment_id != payment.payment_id]
    is_covered = is_duplicate and sum(one.left("reserved") for one in others) >= 1
    kept = lot.granted - taken if lot and not is_covered else 0
    spare = account.spare_minor(purchase, payment)
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
        if lot and not is_covered and lot.drawn:
            return account.files(replace(case, state="declined"))
        if left <= MOST_MISTAKEN_MINOR:
            return _approved(account, case, left)
    return account.files(replace(case, state="in_review"))


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
    money_minor = call.verdict.money_minor
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
        if call.hold_id in purchase.holds():
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
