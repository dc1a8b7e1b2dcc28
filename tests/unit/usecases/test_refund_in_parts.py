"""A refund of money that several payments paid: sent in parts, each once, wherever an attempt breaks off."""

from dataclasses import replace

import pytest

from ledger.domain.errors import ProviderRefused, ProviderUnavailable
from ledger.domain.facts import (
    Fact,
    MoneyLinked,
    RefundApproved,
    RefundAttempted,
    RefundChanged,
    RefundedItem,
    RefundPart,
    RefundSent,
    RefundState,
    facts_of,
)
from ledger.domain.ids import PaymentId
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import CaseState, DecisionOutcome, RefundCase
from ledger.domain.refunds import outstanding_minor, returned_minor, share_of_items, split_over_sources
from ledger.ports.gateway import RefundToSend, SentRefund
from ledger.ports.reads import Keys
from ledger.usecases.credit_notes import issue_credit_notes
from ledger.usecases.refund_cases.cases import read_case
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.send_refunds import SendResult, send_refund
from tools.testing.builders import (
    ADA,
    IN,
    POLICY,
    at,
    event_of,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider, FakeStore, ResponseLost, world
from tools.testing.ledgers import SELLER
from tools.testing.unguarded import decide_case
from tools.verify import check

PI_A, PI_B = PaymentId("stripe:pi_a"), PaymentId("stripe:pi_b")


@pytest.fixture
def store() -> FakeStore:
    """An invoice of 20.00 for 1,000 credits, paid by two PaymentIntents."""
    made = FakeStore()
    record_events(made, paid(payment(IN)), event_of(names=(IN, PI_A)), event_of(names=(IN, PI_B)))
    return made


@pytest.fixture
def provider() -> FakeProvider:
    """One of them paid 12.00, the other 8.00."""
    return FakeProvider(paid_minor={IN: 2000}, paid_by={"pi_a": 1200, "pi_b": 800})


def approve(store: FakeStore, money_minor: int, *, key: str = "key_1", minute: float = 70) -> RefundCase:
    """A person approves this sum."""
    case = request_refund(store, refund_claim(payment_id=IN, key=key))
    return decide(store, case, money_minor, minute=minute)


def decide(store: FakeStore, case: RefundCase, money_minor: int, *, minute: float = 70) -> RefundCase:
    """A person approves this sum of a case."""
    verdict = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("Yes.",), clause="6", money_minor=money_minor)
    return decide_case(case.case_id, verdict, "sam", store, POLICY, now=at(minute))


def send(store: FakeStore, provider: FakeProvider, case: RefundCase, minute: float = 75) -> SendResult:
    """Send a case's latest approval."""
    return send_refund(case.tag, store, lambda _: provider, clock=lambda: at(minute))


def made(provider: FakeProvider) -> list[tuple[str, str | None, int]]:
    """What the provider has made: tag, source and amount."""
    return [(sent.tag, kept.source, kept.amount_minor) for kept, sent in provider.refunds]


def reports(store: FakeStore, provider: FakeProvider, position: int, state: RefundState) -> None:
    """The provider's webhook about one of its refunds, and what follows from it."""
    fact = provider.move_refund_to(state, position)
    name = PI_A if provider.refunds[position][0].source == "pi_a" else PI_B
    record_events(store, event_of(fact, names=(name,)))
    follow(IN, store, now=at(90))


def state(store: FakeStore, case: RefundCase) -> CaseState:
    """The state of a case, with everything in order."""
    assert not [finding for finding in check(world(store)) if finding.broken]
    return read_case(ADA, case.case_id, store).state


def purchase(store: FakeStore) -> Purchase:
    """The purchase, as it is stored."""
    found = store.read(Keys(payments=frozenset({IN}))).payments[IN]
    assert isinstance(found, Purchase)
    return found


def balance(store: FakeStore) -> int:
    """Ada's credits."""
    return store.accounts[ADA].balance


def test_a_refund_is_split_over_what_each_payment_has_left(store: FakeStore, provider: FakeProvider) -> None:
    """No payment has enough: the one with the most gives first. The case ends with the last part."""
    case = approve(store, 2000)
    assert send(store, provider, case) is SendResult.SENT
    assert made(provider) == [(f"{case.tag}/1", "pi_a", 1200), (f"{case.tag}/2", "pi_b", 800)]
    assert (state(store, case), list(store.outbox())) == (CaseState.ISSUED, [])
    reports(store, provider, 1, RefundState.SUCCEEDED)
    assert (state(store, case), returned_minor(purchase(store).facts)) == (CaseState.ISSUED, 800)
    assert outstanding_minor(purchase(store).facts) == 1200, "nothing is counted twice"
    assert balance(store) == 600
    reports(store, provider, 0, RefundState.SUCCEEDED)
    assert (state(store, case), balance(store)) == (CaseState.REFUNDED, 0)
    assert outstanding_minor(purchase(store).facts) == 0


def test_a_payment_that_has_enough_left_gives_all_of_it(store: FakeStore, provider: FakeProvider) -> None:
    """One refund under the approval's own tag: of two that have enough, the smaller is used up first."""
    case = approve(store, 700)
    assert send(store, provider, case) is SendResult.SENT
    assert made(provider) == [(case.tag, "pi_b", 700)]
    reports(store, provider, 0, RefundState.SUCCEEDED)
    assert (state(store, case), balance(store)) == (CaseState.REFUNDED, 650)


def test_parts_respect_what_was_refunded_before(store: FakeStore, provider: FakeProvider) -> None:
    """Half of one payment is back already."""
    first = approve(store, 600)
    send(store, provider, first)
    reports(store, provider, 0, RefundState.SUCCEEDED)
    second = approve(store, 1400, key="key_2")
    assert send(store, provider, second) is SendResult.SENT
    assert made(provider)[1:] == [(f"{second.tag}/1", "pi_a", 1200), (f"{second.tag}/2", "pi_b", 200)]


@pytest.mark.parametrize("is_answer_lost", [False, True])
@pytest.mark.parametrize("broken_part", [1, 2])
def test_an_attempt_that_breaks_off_is_continued_and_nothing_is_sent_twice(
    store: FakeStore, provider: FakeProvider, broken_part: int, is_answer_lost: bool
) -> None:
    """Before or after either part: the next attempt finds what was sent, and sends the rest.

    The record of the attempt still says which payment gave which part: of money that is shared, that decides what it
    has left.
    """
    case = approve(store, 2000)
    fault = ResponseLost("lost") if is_answer_lost else ProviderUnavailable("down")
    provider.when(broken_part, fault)
    assert send(store, provider, case) is SendResult.UNCLEAR
    assert state(store, case) is CaseState.APPROVED
    assert len(list(store.outbox())) == 1
    assert send(store, provider, case, minute=80) in {SendResult.SENT, SendResult.FOUND}
    assert sorted(made(provider)) == [(f"{case.tag}/1", "pi_a", 1200), (f"{case.tag}/2", "pi_b", 800)]
    attempted = purchase(store).facts[f"attempted:{case.tag}"]
    assert isinstance(attempted, RefundAttempted)
    parts = [(part.tag, part.money_id, part.amount_minor) for part in attempted.parts]
    assert sorted(parts) == [(f"{case.tag}/1", PI_A, 1200), (f"{case.tag}/2", PI_B, 800)]
    assert (state(store, case), list(store.outbox())) == (CaseState.ISSUED, [])


def test_no_part_is_sent_once_the_lease_is_over(store: FakeStore, provider: FakeProvider) -> None:
    """Another sender may work on the rest by then. What was sent is found again, and the rest is sent."""
    case = approve(store, 2000)
    minutes = [75.0]

    class Slow(FakeProvider):
        def send_refund(self, refund: RefundToSend) -> SentRefund:
            minutes[0] += 1
            return provider.send_refund(refund)

    slow = Slow(paid_by=provider.paid_by)
    assert send_refund(case.tag, store, lambda _: slow, clock=lambda: at(minutes[0])) is SendResult.LEASED
    assert made(provider) == [(f"{case.tag}/1", "pi_a", 1200)]
    assert send(store, provider, case, minute=80) is SendResult.SENT
    assert made(provider)[1:] == [(f"{case.tag}/2", "pi_b", 800)]
    assert (state(store, case), list(store.outbox())) == (CaseState.ISSUED, [])


@pytest.mark.parametrize("is_listed", [True, False], ids=["listed", "not listed yet"])
def test_a_webhook_between_two_parts_does_not_end_the_approval(
    store: FakeStore, provider: FakeProvider, is_listed: bool
) -> None:
    """The first part is reported, and even succeeds, before the second is sent: the intent stays."""
    case = approve(store, 2000)
    provider.when(2, ProviderUnavailable("down"))
    send(store, provider, case)
    reports(store, provider, 0, RefundState.SUCCEEDED)
    assert state(store, case) is CaseState.APPROVED
    assert len(list(store.outbox())) == 1
    provider.is_late = not is_listed
    assert send(store, provider, case, minute=80) is SendResult.SENT
    assert made(provider)[1:] == [(f"{case.tag}/2", "pi_b", 800)]
    reports(store, provider, 1, RefundState.SUCCEEDED)
    assert (state(store, case), balance(store)) == (CaseState.REFUNDED, 0)


def test_a_part_that_is_refused_returns_the_rest_to_review(store: FakeStore, provider: FakeProvider) -> None:
    """The first part has gone: its credits are taken, the rest is free again, and a person decides about the rest."""
    case = approve(store, 2000)
    provider.when(2, ProviderRefused("charge_disputed", "The charge is disputed."))
    assert send(store, provider, case) is SendResult.ABANDONED
    assert (state(store, case), list(store.outbox())) == (CaseState.IN_REVIEW, [])
    reports(store, provider, 0, RefundState.SUCCEEDED)
    assert (state(store, case), balance(store)) == (CaseState.IN_REVIEW, 400)
    assert purchase(store).refundable_minor == 800
    again = decide(store, read_case(ADA, case.case_id, store), 800, minute=100)
    assert send(store, provider, again, minute=101) is SendResult.SENT
    assert made(provider)[1:] == [(again.tag, "pi_b", 800)]
    reports(store, provider, 1, RefundState.SUCCEEDED)
    assert (state(store, case), balance(store)) == (CaseState.REFUNDED, 0)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_part_that_fails_after_the_other_succeeded_returns_to_review(
    store: FakeStore, provider: FakeProvider, order: tuple[int, int]
) -> None:
    """In either order: what failed is free again, what succeeded stays taken."""
    case = approve(store, 2000)
    send(store, provider, case)
    states = (RefundState.SUCCEEDED, RefundState.FAILED)
    for position in order:
        reports(store, provider, position, states[position])
    assert (state(store, case), balance(store)) == (CaseState.IN_REVIEW, 400)
    assert (outstanding_minor(purchase(store).facts), purchase(store).refundable_minor) == (0, 800)


def test_a_part_that_failed_before_the_next_was_sent_stops_the_rest(store: FakeStore, provider: FakeProvider) -> None:
    """A person decides anew: nothing more is sent for an approval that has failed."""
    case = approve(store, 2000)
    provider.when(2, ProviderUnavailable("down"))
    send(store, provider, case)
    reports(store, provider, 0, RefundState.FAILED)
    assert send(store, provider, case, minute=80) is SendResult.ENDED
    assert (state(store, case), list(store.outbox())) == (CaseState.IN_REVIEW, [])
    assert len(provider.refunds) == 1
    assert balance(store) == 1000


@pytest.mark.parametrize("ended", [RefundState.FAILED, RefundState.CANCELED])
def test_a_part_that_the_provider_lists_as_failed_stops_the_rest(
    store: FakeStore, provider: FakeProvider, ended: RefundState
) -> None:
    """Its webhook has not arrived. The case says which refund it was."""
    case = approve(store, 2000)
    provider.when(2, ProviderUnavailable("down"))
    send(store, provider, case)
    provider.move_refund_to(ended, 0)
    assert send(store, provider, case, minute=80) is SendResult.ABANDONED
    assert len(provider.refunds) == 1
    assert state(store, case) is CaseState.IN_REVIEW
    cause = read_case(ADA, case.case_id, store).history[-1].cause
    assert (cause.key, "stripe_refund_1" in str(cause.figures)) == ("change.refund_ended", True)


def test_nothing_is_sent_if_all_payments_together_have_too_little_left(
    store: FakeStore, provider: FakeProvider
) -> None:
    """Someone refunded in the dashboard, and its webhook has not arrived."""
    case = approve(store, 2000)
    provider.paid_by["pi_b"] = 300
    assert send(store, provider, case) is SendResult.ABANDONED
    assert made(provider) == []
    assert state(store, case) is CaseState.IN_REVIEW


def test_each_part_is_recorded_under_the_providers_id(store: FakeStore, provider: FakeProvider) -> None:
    """So a notification that carries no tag finds its approval too."""
    case = approve(store, 2000)
    send(store, provider, case)
    sent = facts_of(purchase(store).facts, RefundSent)
    assert sorted((fact.tag, fact.refund_id) for fact in sent) == [
        (f"{case.tag}/1", "stripe_refund_1"),
        (f"{case.tag}/2", "stripe_refund_2"),
    ]
    assert not facts_of(purchase(store).facts, RefundChanged)


def test_a_part_from_a_shared_payment_is_for_the_approved_sale_alone() -> None:
    """The intent paid another invoice, too: our part is not split over both."""
    links = [
        MoneyLinked(money_id=PI_A, sale_id=sale_id, amount_minor=1000, at=at(1), cause="stripe:evt")
        for sale_id in (IN, PaymentId("stripe:in_2"))
    ]
    part = replace(refund(400), money_id=PI_A, tag="case_1-1/1")
    approval = RefundApproved(tag="case_1-1", case_id="case_1", amount_minor=900, at=at(2), cause="case:case_1")
    attempted = RefundAttempted(
        tag="case_1-1",
        sale_id=IN,
        parts=(RefundPart(tag="case_1-1/1", amount_minor=400, money_id=PI_A),),
        at=at(3),
        cause="case:case_1",
    )
    known: tuple[Fact, ...] = (*links, part, attempted)
    for settled, parts_minor in ((payment(IN), 400), (payment(PaymentId("stripe:in_2")), 0)):
        own: tuple[Fact, ...] = (settled, approval) if parts_minor else (settled,)
        assert returned_minor({fact.key: fact for fact in (*own, *known)}) == parts_minor


def test_a_split_uses_as_few_payments_as_it_can() -> None:
    """One if one has enough; what can't be covered is missing from the sum."""
    left = [("pi_a", 500), ("pi_b", 900), ("pi_c", 0)]
    assert split_over_sources(400, left) == [("pi_a", 400)]
    assert split_over_sources(900, left) == [("pi_b", 900)]
    assert split_over_sources(500, left) == [("pi_a", 500)], "what has just enough is used up"
    assert split_over_sources(901, left) == [("pi_b", 900), ("pi_a", 1)]
    assert split_over_sources(1000, left) == [("pi_b", 900), ("pi_a", 100)]
    assert split_over_sources(2000, left) == [("pi_b", 900), ("pi_a", 500)]
    assert split_over_sources(600, [("pi_a", 900), ("pi_b", 800), ("pi_c", 700)]) == [("pi_c", 600)]
    for alike in ([("pi_b", 500), ("pi_a", 500)], [("pi_a", 500), ("pi_b", 500)]):
        assert split_over_sources(800, alike) == [("pi_a", 500), ("pi_b", 300)], "always the same"
        assert split_over_sources(300, alike) == [("pi_b", 300)]


def test_the_items_of_a_part_add_up_to_it() -> None:
    """The lines of an approval are split in proportion, without a cent lost."""
    items = tuple(RefundedItem(line_id=str(number), amount_minor=333) for number in range(3))
    for part_minor in (1, 500, 998):
        assert sum(item.amount_minor for item in share_of_items(items, part_minor, 999)) == part_minor
    assert share_of_items(items, 999, 999) == items
    assert share_of_items(items, 1, 999) == (replace(items[2], amount_minor=1),), "an item of nothing is none"


@pytest.mark.parametrize(("money_minor", "parts"), [(2000, 2), (700, 1)])
def test_the_documents_of_a_refund_name_the_case_that_approved_it(
    store: FakeStore, provider: FakeProvider, money_minor: int, parts: int
) -> None:
    """Sent whole or in parts, and taken back when it fails. What was refunded at the provider has no case."""
    case = approve(store, money_minor)
    send(store, provider, case)
    documents = []
    for end in (RefundState.SUCCEEDED, RefundState.FAILED):
        for position in range(parts):
            reports(store, provider, position, end)
        documents += issue_credit_notes(IN, SELLER, store, now=at(100))
    assert [(one.kind, one.case_id) for one in documents] == [
        *[("credit", case.case_id)] * parts,
        *[("correction", case.case_id)] * parts,
    ]
    record_events(store, event_of(refund(100, refund_id="re_elsewhere", minute=95), names=(IN,)))
    (elsewhere,) = issue_credit_notes(IN, SELLER, store, now=at(110))
    assert elsewhere.case_id is None
