"""Disputes: what the disputes of a payment mean for its credits and its account.

state                  lot frozen   account held   credits are taken back
inquiry                no           no (flagged)   no
open, appealed         yes          yes            no
lost                   no           yes            in proportion to the disputed amount
resolved               no           no             in proportion to the disputed amount
won, prevented         no           no             no

What moved outweighs the provider's word: see `ledger.domain.conclusions`. A dispute that is lost or resolved also stops
the renewals of the subscription that the payment was for.

Who wrote to us about the payment before its dispute opened is not suspended, if a setting says so: a flag takes the
place of the hold. Of shared money the hold stays, since the other sales derive it too.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from operator import attrgetter

from ledger.domain.conclusions import conclusion, is_short
from ledger.domain.currencies import comparable, whole
from ledger.domain.facts import (
    ChargebackChanged,
    ChargebackState,
    CustomerWrote,
    DisputeChanged,
    DisputeReason,
    DisputeState,
    EvidenceState,
    Facts,
    FraudWarned,
    HoldLifted,
    PaymentSettled,
    ResolutionReported,
    facts_of,
    is_by,
)
from ledger.domain.ids import PaymentId, provider_of
from ledger.domain.links import Links
from ledger.domain.records import record
from ledger.domain.refunds import Returned, returned_of


@record(frozen=True)
class Disputed:
    """The joint effect of all disputes of one payment."""

    lost: tuple[Returned, ...]  # by disputes that were lost or resolved, and by chargebacks
    contested: tuple[Returned, ...]  # by disputes that are open
    is_lost: bool  # a dispute is lost or resolved, or a chargeback stands, whether or not its amount is known
    is_frozen: bool  # a dispute is open, or unknown
    is_unknown: bool  # what a dispute takes is not known in the payment's currency
    holds: Mapping[str, datetime]  # since when, by hold id
    shared: Mapping[str, PaymentId]  # of the holds that other sales derive too: the money that they share
    flags: Mapping[str, datetime]  # since when, by flag id
    cleared_holds: frozenset[str]  # holds of this payment that must not be on the account
    cleared_flags: frozenset[str]

    @property
    def lost_minor(self) -> int:
        return sum(one.amount_minor for one in self.lost)


@dataclass(slots=True)
class _Marks:
    """Holds or flags: since when each is on the account, None: it must not be there."""

    since: dict[str, datetime | None] = field(default_factory=dict)

    @property
    def active(self) -> dict[str, datetime]:
        return {name: since for name, since in self.since.items() if since is not None}

    @property
    def cleared(self) -> frozenset[str]:
        return frozenset(name for name, since in self.since.items() if since is None)

    def lift(self, lift: HoldLifted) -> None:
        """Take away what a person has lifted, unless it began anew after that."""
        since = self.since.get(lift.hold_id)
        if since is not None and lift.at >= since:
            self.since[lift.hold_id] = None


_UNDISPUTED = Disputed(
    lost=(),
    contested=(),
    is_lost=False,
    is_frozen=False,
    is_unknown=False,
    holds={},
    shared={},
    flags={},
    cleared_holds=frozenset(),
    cleared_flags=frozenset(),
)


class Awaits(StrEnum):
    """Whose turn it is in an open dispute."""

    EVIDENCE = "evidence"  # ours
    BANK = "bank"  # the bank's, or a merchant of record's


CONTACTED_FIRST = "contacted_first"
"""The kind of flag that takes the place of a hold."""

NO_DEADLINE = datetime.max.replace(tzinfo=UTC)
"""Where a dispute is listed whose deadline is not known: behind all others."""

DUE_SOON = timedelta(days=3)
"""How long before its deadline a dispute without evidence is marked."""

FRAUD_WARNING = "fraud_warning:"
"""How the flags of fraud warnings begin."""

INQUIRY = "inquiry:"
"""How the flags of inquiries begin."""

_Disputing = DisputeChanged | ChargebackChanged | FraudWarned


def disputed(facts: Facts, payment_id: PaymentId) -> Disputed:
    """Return the joint effect of every dispute, chargeback and fraud warning of one payment.

    A dispute in another currency than the payment's has its full effect: while nobody has stated its amount, the lot is
    frozen and a flag tells a person.
    """
    if not any(isinstance(fact, _Disputing) for fact in facts.values()):
        return _UNDISPUTED
    provider, links = provider_of(payment_id), Links(facts)
    in_one_currency, compared = whole(facts), comparable(facts)
    undivided = {one.key: one for one in facts_of(in_one_currency, DisputeChanged)}
    holds, flags = _Marks(), _Marks()
    shared: dict[str, PaymentId] = {}
    resolved = {fact.subject for fact in facts_of(facts, ResolutionReported)}
    wrote_at = min((fact.at for fact in facts_of(facts, CustomerWrote)), default=None)
    lost, contested, is_lost, is_frozen, has_unknown = [], [], False, False, False
    for dispute in facts_of(facts, DisputeChanged):
        since, name = dispute.opened_at, f"{provider}:{dispute.dispute_id}"
        state = conclusion(dispute, is_resolution=dispute.key in resolved)
        own = compared.get(dispute.key)
        amount = _amount_of(own) if isinstance(own, DisputeChanged) else None
        own_name = name  # of what one sale of shared money derives by its own part, whatever the others derive
        if money_id := links.shared_money_of(dispute):
            shared[f"dispute:{name}"] = money_id
            own_name = f"{payment_id}:{dispute.dispute_id}"
            flags.since |= {f"other_currency:{name}": None, f"refund_and_dispute:{name}": None}  # before it was shared
        is_gone = state in {DisputeState.LOST, DisputeState.RESOLVED}
        is_unknown = amount is None and (is_gone or state.is_open)
        is_excused = wrote_at is not None and is_by(wrote_at, since) and not links.shared_money_of(dispute)
        held_since = since if state.holds_account else None
        holds.since[f"dispute:{name}"] = None if is_excused else held_since
        flags.since[f"{CONTACTED_FIRST}:{name}"] = held_since if is_excused else None
        flags.since[f"{INQUIRY}{name}"] = since if state is DisputeState.INQUIRY else None
        flags.since[f"other_currency:{own_name}"] = since if is_unknown else None
        flags.since[f"returned_short:{name}"] = since if _is_returned_short(dispute, state) else None
        is_known_to_be_gone = is_gone and amount is not None
        is_counted_twice = is_known_to_be_gone and _may_be_a_refund(undivided[dispute.key], links, in_one_currency)
        flags.since[f"refund_and_dispute:{own_name}"] = since if is_counted_twice else None
        is_lost |= is_gone
        is_frozen |= state.is_open or is_unknown
        has_unknown |= is_unknown
        if amount and is_gone:
            lost.append(amount)
        elif amount and state.is_open:
            contested.append(amount)
    for kind, rows in _by_kind(facts_of(facts, ChargebackChanged)).items():
        known = [row for row in rows if row.key in compared]
        taken_since = _open_since([_chargeback(compared.get(row.key), row) for row in rows])
        first_at = min(row.created_at for row in rows)
        is_excused = wrote_at is not None and is_by(wrote_at, first_at)
        held_since = None if _are_resolved(rows, resolved) else taken_since
        holds.since[f"dispute:{payment_id}:{kind}"] = None if is_excused else held_since
        flags.since[f"{CONTACTED_FIRST}:{payment_id}:{kind}"] = held_since if is_excused else None
        is_unknown = taken_since is not None and len(known) < len(rows)
        flags.since[f"other_currency:{payment_id}:{kind}"] = taken_since if is_unknown else None
        is_lost |= taken_since is not None
        is_frozen |= is_unknown
        has_unknown |= is_unknown
        if taken_since and (
            minor := _lost_minor([row for row in facts_of(compared, ChargebackChanged) if row.kind == kind])
        ):
            lost.append(Returned(amount_minor=minor, created_at=taken_since, id=kind))
    for warning in facts_of(facts, FraudWarned):
        flags.since[warning_flag(warning, payment_id)] = warning.at if warning.is_actionable else None
    for lift in facts_of(facts, HoldLifted):
        holds.lift(lift)
        flags.lift(lift)
    return Disputed(
        lost=tuple(lost),
        contested=tuple(contested),
        is_lost=is_lost,
        is_frozen=is_frozen,
        is_unknown=has_unknown,
        holds=holds.active,
        shared=shared,
        flags=flags.active,
        cleared_holds=holds.cleared,
        cleared_flags=flags.cleared,
    )


@record(frozen=True, kw_only=True)
class ReportedDispute:
    """A dispute, an inquiry or a chargeback of a payment, as it stands for who answers the bank."""

    dispute_id: str  # the provider's; of a chargeback the adjustment's
    state: DisputeState | ChargebackState
    is_open: bool  # the bank has not decided, or the chargeback stands and no person has settled it
    awaits_evidence: bool  # of us, and nothing was handed in
    amount_minor: int
    currency: str
    opened_at: datetime
    reason: DisputeReason | None = None
    evidence: EvidenceState | None = None  # None: unknown, or a merchant of record answers
    evidence_due_at: datetime | None = None  # as in `DisputeChanged`

    @property
    def awaits(self) -> Awaits:
        return Awaits.EVIDENCE if self.awaits_evidence else Awaits.BANK

    @property
    def position(self) -> datetime:
        """Return the time by which it is listed: until when evidence is taken, or since when the bank decides."""
        if self.awaits_evidence:
            return self.evidence_due_at or NO_DEADLINE
        return self.opened_at

    @property
    def urgency(self) -> tuple[int, datetime, str]:
        """Sort disputes by this key: first what awaits evidence, by its deadline, then what is open."""
        rank = 0 if self.awaits_evidence else 1 if self.is_open else 2
        return (rank, self.position, self.dispute_id)

    def is_due_soon(self, now: datetime) -> bool:
        """Return whether evidence is awaited, and its deadline is over or within three days."""
        due_at = self.evidence_due_at
        return self.awaits_evidence and due_at is not None and due_at - now <= DUE_SOON


def reported_disputes(facts: Facts, payment_id: PaymentId) -> list[ReportedDispute]:
    """Return every dispute of a payment, and of chargebacks the rows that took money; the most urgent first."""
    if not any(isinstance(fact, _Disputing) for fact in facts.values()):
        return []
    resolved = {fact.subject for fact in facts_of(facts, ResolutionReported)}
    found = []
    for dispute in facts_of(facts, DisputeChanged):
        state = conclusion(dispute, is_resolution=dispute.key in resolved)
        found.append(
            ReportedDispute(
                dispute_id=dispute.dispute_id,
                state=state,
                is_open=state.is_open or state is DisputeState.INQUIRY,
                awaits_evidence=awaits_evidence(dispute, state),
                amount_minor=dispute.amount_minor,
                currency=dispute.currency,
                opened_at=dispute.opened_at,
                reason=dispute.reason,
                evidence=dispute.evidence,
                evidence_due_at=dispute.evidence_due_at,
            )
        )
    lifted = {fact.hold_id: fact.at for fact in facts_of(facts, HoldLifted)}
    for kind, rows in _by_kind(facts_of(facts, ChargebackChanged)).items():
        since, lifted_at = _open_since(rows), lifted.get(f"dispute:{payment_id}:{kind}")
        is_settled = _are_resolved(rows, resolved) or (since and lifted_at and lifted_at >= since)
        found += [
            ReportedDispute(
                dispute_id=row.adjustment_id,
                state=row.state,
                is_open=row.state is ChargebackState.TAKEN and since is not None and not is_settled,
                awaits_evidence=False,
                amount_minor=row.amount_minor,
                currency=row.currency,
                opened_at=row.created_at,
            )
            for row in rows
            if not row.is_reversal
        ]
    return sorted(found, key=attrgetter("urgency"))


def awaits_evidence(dispute: DisputeChanged, state: DisputeState) -> bool:
    """Return whether a dispute or an inquiry waits for our answer: nothing was handed in yet.

    `state` is what it has come to. Of one that does not say how far our answer is, the state tells.
    """
    is_ours = state in {DisputeState.INQUIRY, DisputeState.OPEN, DisputeState.APPEALED}
    return is_ours and dispute.evidence is not EvidenceState.SUBMITTED


def warning_flag(warning: FraudWarned, payment_id: PaymentId) -> str:
    """Return the flag of a fraud warning about a payment."""
    return f"{FRAUD_WARNING}{provider_of(payment_id)}:{warning.warning_id}"


def first_disputed_at(facts: Facts) -> datetime | None:
    """Return when the first dispute, inquiry or chargeback of a payment was opened, whatever became of it, or None."""
    disputes = (one.opened_at for one in facts_of(facts, DisputeChanged))
    chargebacks = (one.created_at for one in facts_of(facts, ChargebackChanged) if not one.is_reversal)
    return min((*disputes, *chargebacks), default=None)


def _amount_of(dispute: DisputeChanged) -> Returned:
    return Returned(amount_minor=dispute.amount_minor, created_at=dispute.opened_at, id=dispute.dispute_id)


def _may_be_a_refund(dispute: DisputeChanged, links: Links, facts: Facts) -> bool:
    """Return whether a dispute may have been reported as a refund of the same amount too.

    Both count. Where both together are more than was paid, nothing is counted twice. `facts` are whole: shared money is
    compared before it is split.
    """
    payment, money_id = facts.get("payment"), links.money_of(dispute)
    if not isinstance(payment, PaymentSettled):
        return False
    paid_minor = sum(links.paid_by(money_id).values()) if money_id else payment.paid_minor
    beside = {key: fact for key, fact in facts.items() if links.money_of(fact) in {None, money_id}}
    refunds = [one.amount_minor for one in returned_of(beside)]
    return dispute.amount_minor in refunds and dispute.amount_minor + sum(refunds) <= paid_minor


def _is_returned_short(dispute: DisputeChanged, state: DisputeState) -> bool:
    """Return whether a dispute ended, and only a part of its money came back: a person should look."""
    has_ended = state in {DisputeState.WON, DisputeState.LOST, DisputeState.RESOLVED}
    return has_ended and dispute.returned_minor > 0 and is_short(dispute)


def _by_kind(rows: Iterable[ChargebackChanged]) -> dict[str, list[ChargebackChanged]]:
    kinds: dict[str, list[ChargebackChanged]] = {}
    for row in rows:
        if row.state is not ChargebackState.REJECTED:
            kinds.setdefault(row.kind, []).append(row)
    return kinds


def _are_resolved(rows: Iterable[ChargebackChanged], resolved: Collection[str]) -> bool:
    """Return whether each chargeback among the rows is one by which the buyer was repaid without a contest."""
    return all(row.key in resolved for row in rows if not row.is_reversal)


def _chargeback(compared: object, row: ChargebackChanged) -> ChargebackChanged:
    """Return the row in the payment's currency, as far as its amount is known in it."""
    return compared if isinstance(compared, ChargebackChanged) else row


def _open_since(rows: list[ChargebackChanged]) -> datetime | None:
    """Return when the latest chargeback that was not reversed began, or None if all of their money came back.

    Money counts, not rows: a reversal of a part lifts nothing, and neither does one in another currency.
    """
    chargebacks = [row for row in rows if not row.is_reversal]
    standing = [row.created_at for row in chargebacks if not _is_reversed(row)]
    is_lost = any(_lost_minor([row for row in rows if row.currency == one.currency]) for one in chargebacks)
    is_returned = not is_lost and (any(row.amount_minor for row in chargebacks) or not standing)
    return None if is_returned else max(standing)


def _lost_minor(rows: Iterable[ChargebackChanged]) -> int:
    """Return what chargebacks of one kind took and did not give back.

    A reversal is reported twice: as a row of its own, which names no chargeback, and as the state of the row that it
    reverses. So the larger of the two sums counts.
    """
    rows = [row for row in rows if row.state is not ChargebackState.REJECTED]
    chargebacks = [row for row in rows if not row.is_reversal]
    reversed_minor = max(
        sum(row.amount_minor for row in rows if row.is_reversal),
        sum(row.amount_minor for row in chargebacks if _is_reversed(row)),
    )
    return max(0, sum(row.amount_minor for row in chargebacks) - reversed_minor)


def _is_reversed(row: ChargebackChanged) -> bool:
    return row.state is ChargebackState.REVERSED
