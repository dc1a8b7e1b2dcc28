"""The calls that processes make at one moment: what is asked of the product, and what it answered, in plain words."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ledger.domain.errors import (
    AccountSuspended,
    CaseAlreadyOpen,
    CaseClosed,
    IdempotencyKeyReused,
    InsufficientCredits,
    NotFound,
    RequestRefused,
    RunFailed,
)
from ledger.domain.events import Event
from ledger.domain.facts import PaymentSettled
from ledger.domain.ids import AccountId, PaymentId, derived_id
from ledger.domain.receipts import ParkReason, Receipt
from ledger.domain.receipts import RecordOutcome as Became
from ledger.domain.refund_cases import DecisionOutcome, RefundCase
from ledger.policy.parameters import PolicyParameters
from ledger.ports.gateway import Gateway, RefundToSend
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases import record_event, send_refunds, usage
from ledger.usecases.expire_credits import expire_account
from ledger.usecases.holds import place_hold
from ledger.usecases.refund_cases import open_case
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.refund_cases.open_case import RefundClaim
from proof.concurrency.serial import Answer
from tools.testing.builders import SHA256
from tools.testing.unguarded import decide_case, decide_deferred, lift_hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """A provider delivers an event."""

    event: Event
    now: datetime
    is_release: bool = False  # somebody tries it again, since it was parked


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """The tagging service draws credits for a run."""

    account_id: AccountId
    run_id: str
    credits: int
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FailRun:
    """Our system failed a run: its credits come back."""

    account_id: AccountId
    run_id: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire:
    """The job writes down what has lapsed on an account."""

    account_id: AccountId
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The customer looks at the account."""

    account_id: AccountId
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The customer asks for a refund."""

    wish: RefundClaim
    now: datetime

    @property
    def case_id(self) -> str:
        """The case that it opens, if it opens one."""
        return derived_id("case", self.wish.account_id, self.wish.route, self.wish.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """A person decides a case."""

    case_id: str
    verdict: ReviewDecision
    actor: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideWaiting:
    """The job decides every case whose settling time is over, whoever's it is."""

    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """The stream, or the job, brings a purchase's cases to where its refunds have come."""

    payment_id: PaymentId
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A sender takes up an approved refund."""

    tag: str
    now: datetime
    is_last: bool = False  # alone, when nothing fails any more: the refund comes to its end now, or has


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """The provider's webhook, as soon as the provider has the refund: perhaps before our sender has its answer.

    Whoever plays it makes a delivery of it.
    """

    provider: str
    refund: RefundToSend
    event: Event  # without the refund, which is not known yet
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """A person lifts a hold."""

    account_id: AccountId
    hold_id: str
    actor: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lay:
    """A person lays a hold."""

    account_id: AccountId
    hold_id: str
    actor: str
    now: datetime


Call = Deliver | Spend | FailRun | Expire | Look | Ask | Decide | DecideWaiting | Follow | Issue | Announce | Lift | Lay


def perform(call: Call, store: Store, policy: PolicyParameters, gateway_of: Callable[[str], Gateway]) -> Answer:
    """Make a call; the answer in words that a model can give too. Raises StoreUnavailable: it may have been done."""
    try:
        return _perform(call, store, policy, gateway_of)
    except AccountSuspended as refusal:
        return ("suspended", *refusal.holds)
    except InsufficientCredits as refusal:
        return ("only", refusal.spendable)
    except RunFailed:
        return ("run failed",)
    except CaseAlreadyOpen as refusal:
        return ("asked already", refusal.case_id)
    except IdempotencyKeyReused:
        return ("asked already", None)
    except CaseClosed:
        return ("closed",)
    except NotFound:
        return ("not found",)
    except RequestRefused:
        return ("refused",)


def _perform(call: Call, store: Store, policy: PolicyParameters, gateway_of: Callable[[str], Gateway]) -> Answer:
    match call:
        case Deliver() if call.is_release:
            return (
                record_event.release_parked(_parked(call.event), lambda _: call.event, store, call.now).outcome.value,
            )
        case Deliver():
            recorded = record_event.record_event(call.event, store, body=b"{}", body_sha256=SHA256, now=call.now)
            return (recorded.outcome.value,)
        case Spend():
            run = usage.draw_credits(call.account_id, call.run_id, call.credits, store, now=call.now)
            return ("drawn", *sorted(run.drawn.items()))
        case FailRun():
            run = usage.fail_run(call.account_id, call.run_id, store, now=call.now)
            return ("returned", *sorted(run.returned.items()))
        case Expire():
            return ("expired", expire_account(call.account_id, store, now=call.now))
        case Look():
            account = store.read(Keys(accounts=frozenset({call.account_id}))).accounts.get(call.account_id)
            if account is None:
                return ("nothing",)
            spendable = account.spendable(call.now)
            holds, cases = tuple(sorted(account.holds)), tuple(sorted(account.cases))
            return ("holds", holds, "balance", account.balance, spendable, "owed", account.shortfall, "cases", cases)
        case Ask():
            return _case(open_case.open_case(call.wish, store, policy, now=call.now))
        case Decide():
            return _case(decide_case(call.case_id, call.verdict, call.actor, store, policy, now=call.now))
        case DecideWaiting():
            decided = decide_deferred(store, policy, now=call.now)
            return ("decided", *map(_case, decided))  # of all accounts: whoever records it takes them apart
        case Follow():
            return ("moved", *(_case(case) for case in follow(call.payment_id, store, now=call.now)))
        case Issue():
            return (send_refunds.send_refund(call.tag, store, gateway_of, clock=lambda: call.now).value,)
        case Lift():
            return (lift_hold(call.hold_id, call.account_id, call.actor, store, why="proof", now=call.now),)
        case Lay():
            return (place_hold(call.hold_id, call.account_id, call.actor, store, why="proof", now=call.now),)
        case Announce():
            raise ValueError("an announcement becomes a delivery first")


def _case(case: RefundCase) -> Answer:
    """A case, and the money that was approved last."""
    decision = case.decision
    is_approved = decision is not None and decision.outcome is DecisionOutcome.APPROVE
    return (case.case_id, case.state.value, decision.money_minor if decision and is_approved else 0)


def _parked(event: Event) -> Receipt:
    """The parked receipt of an event, as whoever releases it has read it."""
    return Receipt(
        provider=event.provider,
        event_id=event.event_id,
        event_type=event.event_type,
        occurred_at=event.at,
        received_at=event.at,
        outcome=Became.PARKED,
        body_sha256=SHA256,
        correlation_id=event.correlation_id,
        parked_reason=ParkReason.NO_ACCOUNT,
        body=b"{}",
    )


def told(call: Call) -> str:
    """A call for people."""
    match call:
        case Deliver():
            event = call.event
            says = [_payment(event.payment)] if event.payment else []
            says += [f"{fact.key} {getattr(fact, 'state', '')} of {_amount(fact)}" for fact in event.facts]
            verb = "release" if call.is_release else "deliver"
            return f"{verb} {event.event_id} ({', '.join(event.names)}): {'; '.join(says) or 'a link'}"
        case Spend():
            return f"spend {call.credits} for {call.run_id} at {call.now:%m-%d %H:%M}"
        case FailRun():
            return f"fail {call.run_id} at {call.now:%m-%d %H:%M}"
        case Ask():
            return f"ask for {call.wish.payment_id} under {call.wish.key}: {call.wish.reason}"
        case Decide():
            return f"{call.actor} decides {call.case_id}: {call.verdict.outcome} {call.verdict.money_minor}"
        case Announce():
            return f"the provider announces {call.refund.tag}"
        case Lift() | Lay():
            return f"{type(call).__name__.lower()} {call.hold_id}"
        case _:
            named = getattr(call, "tag", None) or getattr(call, "payment_id", None) or f"at {call.now:%m-%d %H:%M}"
            return f"{type(call).__name__.lower()} {named}"


def _payment(payment: PaymentSettled) -> str:
    fulfilment_keys = "".join(
        f", {what}" for what in (payment.fulfilment_key, payment.covers and f"covers {payment.covers}") if what
    )
    return f"{payment.paid_minor} paid at {payment.at:%H:%M} for {payment.lines[0].credits} credits{fulfilment_keys}"


def _amount(fact: object) -> object:
    return getattr(fact, "amount_minor", getattr(fact, "total_minor", ""))
