"""The proof's first part: histories in every order and long ones, held against the oracle; and what it would find."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

import pytest

from ledger.domain.credit_notes import CreditNote
from ledger.domain.events import Event
from ledger.domain.facts import CreditsReplaced, CustomerWrote, Fact, PaymentSettled
from ledger.domain.ids import AccountId
from ledger.domain.refund_cases import DecisionOutcome, RefundCase, RefundReason
from ledger.domain.runs import FailedRun
from ledger.ports.commit import AccountChange, Commit, Refusal
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from proof.convergence import Life, every_order, long_histories, short_history
from proof.play import START, Play, Wrong, compare, translated
from tools.testing.fakes import FakeStore


def forgets_frozen(change: AccountChange) -> AccountChange:
    """Credits stay spendable while a bank contests their payment."""
    return replace(change, lots={name: replace(lot, is_frozen=False) for name, lot in change.lots.items()})


def forgets_holds(change: AccountChange) -> AccountChange:
    """A chargeback suspends nobody."""
    return replace(change, holds={})


def takes_nothing_back(change: AccountChange) -> AccountChange:
    """Money goes back, its credits stay."""
    return replace(change, lots={name: replace(lot, refunded=0, disputed=0) for name, lot in change.lots.items()})


def test_a_short_history_is_what_the_oracle_says_in_every_order() -> None:
    """It is delivered in all of its orders, every notification twice, some with a run in between."""
    chance = random.Random(1)
    told: list[int] = []
    assert every_order(short_history(chance), chance, tried=told.append) is None
    assert len(told) in {6, 24, 120}


@pytest.mark.parametrize("bug", [forgets_frozen, forgets_holds, takes_nothing_back])
def test_a_ledger_with_a_bug_is_found(bug: Callable[[AccountChange], AccountChange]) -> None:
    """A proof that can't fail would prove nothing."""

    class Wronged(Life):
        def __init__(self) -> None:
            super().__init__()
            self.play = Play(store=_Bugged(bug))

    told = long_histories(seed=2, histories=200, machine=Wronged, is_made_short=False)
    assert told is not None
    assert "Wrong: " in told
    assert "state.teardown()" in told, "with the steps that lead there"


def test_a_ledger_that_does_not_hear_of_disputes_is_found() -> None:
    """The oracle reads every notification that was delivered, whatever the ledger takes it for."""

    def deaf(provider: str, body: bytes) -> Event | None:
        event = translated(provider, body)
        return None if event and "dispute" in event.event_type else event

    class Deaf(Life):
        def __init__(self) -> None:
            super().__init__()
            self.play = Play(translate=deaf)

    told = long_histories(seed=2, histories=200, machine=Deaf, is_made_short=False)
    assert told is not None
    assert "Wrong: " in told


class OnlyOracles(Play):
    """No invariant looks on."""

    def hold(self, *, is_quiet: bool = False, **_: bool | None) -> None:
        compare(self.store, self.expected(), self.now, has_expired=is_quiet)


class RefundsNoWarned(OnlyOracles):
    """The oracle is told that no warned payment is refunded at once. The ledger refunds those up to its figure."""

    @property
    def warned_up_to_minor(self) -> Mapping[str, int]:
        return {}


class RefundsAllWarned(OnlyOracles):
    """The oracle is told that every warned payment is refunded at once. The ledger keeps to its figure."""

    @property
    def warned_up_to_minor(self) -> Mapping[str, int]:
        return dict.fromkeys(("EUR", "USD"), 10**9)


def deaf_to_warnings(provider: str, body: bytes) -> Event | None:
    """The ledger hears of no warning."""
    event = translated(provider, body)
    return None if event and "fraud_warning" in event.event_type else event


def writes_and_disputes(play: Play) -> None:
    """The customer writes, and disputes the payment later."""
    play.ask(0, RefundReason.UNRECOGNISED_CHARGE)
    play.tick()
    play.contest("stripe", 0, 100, is_soft=False)
    play.settle()


def asks_after_gift(play: Play) -> None:
    """A run fails, its credits are given, and the money is asked for all the same."""
    play.spend(100)
    play.fail(0)
    play.ask(0, RefundReason.TECHNICAL_PROBLEM)
    play.give(0, 100)
    play.ask_after_gift(0, RefundReason.TECHNICAL_PROBLEM)
    play.settle()


def asks_after_incident(play: Play) -> None:
    """Of two runs that fail, an incident makes good the later one, twice; then the customer asks for both."""
    for hours in (9, 1):
        play.spend(100)
        play.fail(play.runs - 1)
        play.pass_time(hours)
    for _ in range(2):
        play.make_good(2)
        play.hold()
        play.tick()
    play.ask(0, RefundReason.TECHNICAL_PROBLEM)
    play.settle()


def is_warned_of(play: Play) -> None:
    """The card network warns of the payment."""
    play.warn_of_fraud(0)
    play.settle()


@pytest.mark.parametrize(
    ("acts", "make", "seen"),
    [
        (writes_and_disputes, lambda: OnlyOracles(store=_Forgetful(CustomerWrote)), "the account is held by"),
        (asks_after_gift, lambda: OnlyOracles(store=_Forgetful(CreditsReplaced)), "100 were given"),
        (asks_after_incident, lambda: OnlyOracles(store=_ForgetsIncidents()), "200 credits are due of 200 that failed"),
        (asks_after_incident, lambda: OnlyOracles(store=_ReplacesAgain()), "0 credits should be made good"),
        (is_warned_of, lambda: OnlyOracles(translate=deaf_to_warnings), "nobody has looked"),
        (is_warned_of, RefundsNoWarned, "2000 are left of a warned payment, and the policy says approve"),
        (is_warned_of, RefundsAllWarned, "2000 are left of a warned payment, and the policy says review"),
    ],
    ids=["letters", "gifts", "incidents", "runs made good twice", "warnings", "refunds too many", "refunds too few"],
)
def test_the_oracles_find_what_a_decision_forgets(
    acts: Callable[[Play], None], make: Callable[[], Play], seen: str
) -> None:
    """Who wrote first, what a person or an incident gave, and small payments that the card network warns of."""
    for play in (Play(), make()):
        limit_minor = 1999 if isinstance(play, RefundsAllWarned) else 2000
        play.policy = replace(
            play.policy, contacted_first_from=START, fraud_warning_refund_up_to_minor={"USD": limit_minor}
        )
        play.buy("stripe", ["pack_1000"], 1, flags=0b10000)
        play.settle()
        if type(play) is Play:
            acts(play)
        else:
            with pytest.raises(Wrong, match=seen):
                acts(play)


def as_consumer(provider: str, body: bytes) -> Event | None:
    """The ledger reads no tax id."""
    return _with_buyer(provider, body, lambda paid: replace(paid, has_company_data=False, has_other_tax_id=False))


def as_business(provider: str, body: bytes) -> Event | None:
    """Any tax id shows a business."""
    return _with_buyer(
        provider, body, lambda paid: replace(paid, has_company_data=paid.has_company_data or paid.has_other_tax_id)
    )


def _with_buyer(provider: str, body: bytes, read: Callable[[PaymentSettled], PaymentSettled]) -> Event | None:
    event = translated(provider, body)
    return replace(event, payment=read(event.payment)) if event and event.payment else event


class AgreesForAll(Play):
    """The ledger gives credits as if everybody had agreed."""

    def _decide(self, case: RefundCase, verdict: ReviewDecision) -> bool:
        return super()._decide(case, replace(verdict, agreement=verdict.agreement or "?"))


class GivesNothing(Play):
    """The ledger refuses all credits."""

    def _decide(self, case: RefundCase, verdict: ReviewDecision) -> bool:
        return verdict.outcome is not DecisionOutcome.REPLACE and super()._decide(case, verdict)


OF_PERSONS, OF_BUSINESSES = ("br_cpf", "111.444.777-35"), ("gb_vat", "GB980780684")


@pytest.mark.parametrize(
    ("tax_id", "make", "seen"),
    [
        (OF_BUSINESSES, lambda: Play(translate=as_consumer), "a business has no right of withdrawal"),
        (OF_PERSONS, lambda: Play(translate=as_consumer), "is not clear, and the policy says approve"),
        (OF_PERSONS, lambda: Play(translate=as_business), "who may be a consumer is refused in time"),
        (OF_PERSONS, AgreesForAll, "credits are given, agreed to: False"),
        (OF_PERSONS, GivesNothing, "credits are refused, agreed to: True"),
        (OF_PERSONS, lambda: Play(store=_ForgetsInputs()), "only where the customer agreed"),
    ],
    ids=["a business", "perhaps one", "perhaps none", "nobody agreed", "agreed in vain", "agreed, and forgotten"],
)
def test_the_oracle_finds_who_is_taken_for_another_buyer_and_what_nobody_agreed_to(
    tax_id: tuple[str, str], make: Callable[[], Play], seen: str
) -> None:
    """The customer changes his mind. If that may be a withdrawal, a person gives credits."""

    def changes_mind(play: Play) -> None:
        play.buy("stripe", ["pack_1000"], 1, flags=0b10001, tax_id=tax_id)
        play.settle()
        play.ask(0, RefundReason.CHANGED_MY_MIND)
        for is_agreed in (False, True):
            play.give(0, 100, is_agreed=is_agreed)
        play.settle()

    changes_mind(Play())
    with pytest.raises(Wrong, match=seen):
        changes_mind(make())


def numbers_again(note: CreditNote) -> CreditNote:
    """A number is given twice."""
    return replace(note, number="2026-000001")


def says_another_amount(note: CreditNote) -> CreditNote:
    """One unit more."""
    return replace(note, amount_minor=note.amount_minor + 1)


def says_no_tax_of_it(note: CreditNote) -> CreditNote:
    """The tax of the payment is known, and its document says 0."""
    return replace(note, tax_minor=0 if note.tax_minor else note.tax_minor)


def forgets_the_tax(note: CreditNote) -> CreditNote:
    """The tax is known, and its document does not say it."""
    return replace(note, tax_minor=None)


@pytest.mark.parametrize("bug", [None, says_another_amount, says_no_tax_of_it, forgets_the_tax, numbers_again])
def test_wrong_documents_are_found(bug: Callable[[CreditNote], CreditNote] | None) -> None:
    """By the oracle of documents alone, which reads what Stripe says. None: a document is missing."""
    play = Play()
    play.buy("stripe", ["pack_1000"], 1, flags=0b00011)
    play.settle()
    for percent in (30, 50, 100):
        play.refund_at_stripe(0, percent)
        play.settle()
    notes = {key: one for key, one in play.store.documents.items() if isinstance(one, CreditNote)}
    assert len(notes) == 3
    play.hold_documents()
    for key, note in notes.items():
        if bug:
            play.store.documents[key] = bug(note)
        else:
            del play.store.documents[key]
            break
    with pytest.raises(Wrong):
        play.hold_documents()


def test_a_history_is_the_same_under_the_same_seed() -> None:
    """Ids, times and orders: what was found can be played again."""
    first, second = (short_history(random.Random(7)) for _ in range(2))
    assert [told.body for told in first.waiting] == [told.body for told in second.waiting]
    assert first.waiting
    other = short_history(random.Random(8))
    assert [told.body for told in first.waiting] != [told.body for told in other.waiting]


def grants_twice(change: AccountChange) -> AccountChange:
    """Twice the credits."""
    return replace(change, lots={name: replace(lot, granted=2 * lot.granted) for name, lot in change.lots.items()})


def grants_nothing(change: AccountChange) -> AccountChange:
    """The payment is booked, its credits are not."""
    return replace(change, lots={})


def grants_what_has_expired(change: AccountChange) -> AccountChange:
    """The credits ended before they were paid."""
    return replace(change, lots={name: replace(lot, expires_at=START) for name, lot in change.lots.items()})


@pytest.mark.parametrize(
    ("bug", "seen"),
    [
        (takes_nothing_back, "nothing left"),
        (takes_nothing_back, "too much left"),
        (grants_twice, "too much left"),
        (grants_nothing, "nothing got"),
        (grants_what_has_expired, "nothing got"),
    ],
)
def test_the_oracle_of_money_finds_it_without_any_other(
    bug: Callable[[AccountChange], AccountChange], seen: str
) -> None:
    """Neither the first oracle nor an invariant looks on."""

    class OnlyMoney(Play):
        def hold(self, **_: bool | None) -> None:
            try:
                self.hold_money()
            except Wrong as problem:
                if seen in str(problem):
                    raise

        def spend(self, credits_: int) -> None:
            """No run: what a broken ledger draws, the first oracle would judge."""

    class Wronged(Life):
        def __init__(self) -> None:
            super().__init__()
            self.play = OnlyMoney(store=_Bugged(bug))

    told = long_histories(seed=3, histories=200, machine=Wronged, is_made_short=False)
    assert told is not None
    assert f"Wrong: {seen}" in told or f"; {seen}" in told


class _Forgetful(FakeStore):
    """Every purchase loses its facts of one kind."""

    def __init__(self, kind: type[Fact]) -> None:
        super().__init__()
        self._kind = kind

    def commit(self, commit: Commit) -> Refusal | None:
        kept = [
            replace(one, facts={key: fact for key, fact in one.facts.items() if not isinstance(fact, self._kind)})
            for one in commit.purchases
        ]
        return super().commit(replace(commit, purchases=tuple(kept)))


class _Bugged(FakeStore):
    def __init__(self, bug: Callable[[AccountChange], AccountChange]) -> None:
        super().__init__()
        self._bug = bug

    def commit(self, commit: Commit) -> Refusal | None:
        if commit.account is None:
            return super().commit(commit)
        return super().commit(replace(commit, account=self._bug(commit.account)))


class _ForgetsIncidents(FakeStore):
    """Decisions do not learn what incidents replaced."""

    def failed_runs(self, account_id: AccountId, since: datetime) -> Iterator[FailedRun]:
        return (replace(run, replaced_by=None) for run in super().failed_runs(account_id, since))


class _ReplacesAgain(FakeStore):
    """No run says that an incident has replaced it."""

    def commit(self, commit: Commit) -> Refusal | None:
        documents = [
            replace(one, document=replace(one.document, replaced_by=None))
            if isinstance(one.document, FailedRun)
            else one
            for one in commit.documents
        ]
        return super().commit(replace(commit, documents=tuple(documents)))


class _ForgetsInputs(FakeStore):
    """Decisions are stored without what they rest on."""

    def commit(self, commit: Commit) -> Refusal | None:
        documents = [
            replace(one, document=replace(one.document, decision=replace(one.document.decision, inputs=())))
            if isinstance(one.document, RefundCase) and one.document.decision
            else one
            for one in commit.documents
        ]
        return super().commit(replace(commit, documents=tuple(documents)))
