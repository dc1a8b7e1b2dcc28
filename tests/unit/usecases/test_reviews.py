"""Reviews by a person: who was suspended or declined asks for one, and gets an answer."""

from dataclasses import replace

import pytest

from ledger.domain.contacts import Contact
from ledger.domain.declarations import DeclarationKind, DeclarationState, ReviewCause, Submission
from ledger.domain.errors import NotFound, RequestRefused
from ledger.domain.facts import RefundState
from ledger.domain.ids import AccountId
from ledger.domain.mails import MailKind
from ledger.domain.refund_cases import DecisionOutcome, RefundReason
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import contact_key
from ledger.usecases.declarations.follow import follow, unacknowledged_since
from ledger.usecases.declarations.request_review import MOST_WRITTEN, read_review, request_review
from ledger.usecases.declarations.review import carry_out, close
from ledger.usecases.holds import place_hold
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow as follow_refunds
from ledger.usecases.write_mails import write_mail
from tests.unit.usecases.test_sending_mails import desk
from tools.testing.builders import (
    ADA,
    LATER,
    PI,
    POLICY,
    at,
    event_of,
    ordered,
    paid,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeStore, world
from tools.testing.unguarded import decide_case
from tools.verify import check

SUSPENSION = Submission(
    kind=DeclarationKind.REVIEW,
    name="",
    contract="",
    email="",
    language="de",
    statement="I ask that a person reviews the suspension of my account.",
)
MESSAGE = "I paid this twice."


@pytest.fixture
def store() -> FakeStore:
    """A customer with an address, whose account is suspended."""
    store = FakeStore()
    record_events(store, paid(ordered(store)), now=at(1))
    contact = Contact(account_id=ADA, email="ada@example.com", language="de", noted_at=at(1))
    store.commit(Commit(documents=(DocumentChange(contact_key(ADA), contact),)))
    place_hold("support:look", ADA, "sam", store, why="Odd.", now=at(2))
    return store


def mails(store: FakeStore, kind: MailKind) -> list[str]:
    """What mails of a kind are about."""
    return [one.subject for one in store.mail_intents() if one.kind is kind]


def written(store: FakeStore, kind: MailKind) -> str:
    """The text of the one mail of a kind, as it is sent."""
    (intent,) = (one for one in store.mail_intents() if one.kind is kind)
    message = write_mail(intent, desk(store))
    assert (message.to, message.language) == ("ada@example.com", "de")
    return message.text


def test_a_suspended_customer_asks_for_a_person_and_is_answered(store: FakeStore) -> None:
    """It is listed with its due date and acknowledged by mail. The answer is mailed, and it leaves the list."""
    review = request_review(ADA, SUSPENSION, store, now=at(3))
    assert (review.state, review.review_cause) == (DeclarationState.IN_REVIEW, ReviewCause.SUSPENDED)
    assert (review.due_by is not None and review.due_by > at(3), review.declaration_id[0]) == (True, "R")
    (listed,) = store.declarations(DeclarationState.IN_REVIEW)
    assert listed.declaration_id == review.declaration_id
    received = written(store, MailKind.REVIEW_RECEIVED)
    assert review.declaration_id in received
    assert SUSPENSION.statement in received
    assert follow(review.declaration_id, store, POLICY, ("stripe",), now=LATER) == review, "no rule decides it"
    with pytest.raises(RequestRefused, match="close the review with the answer"):
        carry_out(review.declaration_id, None, "sam", store, why="x", now=at(4))
    for _ in range(2):
        close(review.declaration_id, "Der Streitfall ist geklärt.", "sam", store, now=at(5))
    assert mails(store, MailKind.REVIEW_ANSWERED) == [review.declaration_id]
    assert "Der Streitfall ist geklärt." in written(store, MailKind.REVIEW_ANSWERED)
    assert not list(store.declarations(DeclarationState.CLOSED))
    assert read_review(ADA, review.declaration_id, store).closing_reason == "Der Streitfall ist geklärt."
    assert not [one for one in check(world(store)) if one.broken]


def test_there_is_one_review_of_each_suspension(store: FakeStore) -> None:
    """What is written later is added while it is open; after the answer it stands. Another suspension has its own."""
    first = request_review(ADA, SUSPENSION, store, now=at(3))
    again = replace(SUSPENSION, message=MESSAGE)
    added = [request_review(ADA, again, store, now=at(4)) for _ in range(2)][-1]
    assert (added.declaration_id, added.submission.message) == (first.declaration_id, MESSAGE)
    assert added.submission.statement == f"{SUSPENSION.statement}\n\n{MESSAGE}"
    assert mails(store, MailKind.REVIEW_RECEIVED) == [first.declaration_id]
    added = request_review(ADA, replace(SUSPENSION, message="And once more."), store, now=at(4))
    assert added.submission.message == f"{MESSAGE}\n\nAnd once more."
    too_much = "x" * (MOST_WRITTEN - len(added.submission.statement) + 1)
    with pytest.raises(RequestRefused, match="no more text"):
        request_review(ADA, replace(SUSPENSION, message=too_much), store, now=at(4))
    closed = close(first.declaration_id, "No.", "sam", store, now=at(5))
    assert request_review(ADA, replace(SUSPENSION, message="Why?"), store, now=at(6)) == closed
    place_hold("support:second", ADA, "sam", store, why="Odder.", now=at(7))
    assert request_review(ADA, SUSPENSION, store, now=at(8)).declaration_id != first.declaration_id


def test_a_declined_request_is_reviewed_too(store: FakeStore) -> None:
    """What is not declined, or is another's, is not."""
    case = request_refund(store, refund_claim())
    of_case = replace(SUSPENSION, contract=case.case_id)
    with pytest.raises(RequestRefused, match="no declined request"):
        request_review(ADA, of_case, store, now=at(71))
    no = ReviewDecision(outcome="decline", words=("No.",), clause="2")  # type: ignore[arg-type]
    decide_case(case.case_id, no, "sam", store, POLICY, now=at(72))
    review = request_review(ADA, of_case, store, now=at(73))
    assert (review.case_id, review.payment_id) == (case.case_id, case.payment_id)
    assert review.review_cause is ReviewCause.DECLINED
    with pytest.raises(NotFound):
        request_review(AccountId("acct_eve"), of_case, store, now=at(74))
    with pytest.raises(NotFound):
        read_review(AccountId("acct_eve"), review.declaration_id, store)
    assert not [one for one in check(world(store)) if one.broken]


def test_each_decline_of_a_case_has_a_review_of_its_own() -> None:
    """The answer to the first stands. The decline was overturned, its refund failed, and a person declined anew."""
    store = FakeStore()
    record_events(store, paid(ordered(store, country="US")), now=at(1))
    case = request_refund(store, refund_claim(RefundReason.CHANGED_MY_MIND))
    of_case = replace(SUSPENSION, contract=case.case_id)
    first = close(request_review(ADA, of_case, store, now=at(61)).declaration_id, "No.", "sam", store, now=at(62))
    yes = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("Yes.",), clause="2", money_minor=500)
    approved = decide_case(case.case_id, yes, "sam", store, POLICY, now=at(63), may_overturn=True)
    with pytest.raises(RequestRefused, match="no declined request"):
        request_review(ADA, of_case, store, now=at(64))
    failed = replace(refund(state=RefundState.FAILED, minute=64), tag=approved.tag)
    record_events(store, event_of(failed), now=at(64))
    follow_refunds(PI, store, now=at(65))
    no = replace(yes, outcome=DecisionOutcome.DECLINE, money_minor=0)
    decide_case(case.case_id, no, "sam", store, POLICY, now=at(66))
    second = request_review(ADA, of_case, store, now=at(67))
    assert (second.state, second.declaration_id != first.declaration_id) == (DeclarationState.IN_REVIEW, True)
    assert request_review(ADA, of_case, store, now=at(68)).declaration_id == second.declaration_id
    assert read_review(ADA, first.declaration_id, store) == first
    assert not [one for one in check(world(store)) if one.broken]


def test_an_active_account_has_nothing_to_review() -> None:
    """Nor has one that does not exist."""
    record_events(active := FakeStore(), paid(ordered(active)), now=at(1))
    for store in (active, FakeStore()):
        with pytest.raises(RequestRefused, match="not suspended"):
            request_review(ADA, SUSPENSION, store, now=at(2))


def test_a_review_needs_no_address_and_raises_no_alarm_for_want_of_one(store: FakeStore) -> None:
    """Its response is its receipt. The alarm is for acknowledgements that the law demands."""
    request_review(ADA, SUSPENSION, store, now=at(3))
    assert unacknowledged_since(store) is None
