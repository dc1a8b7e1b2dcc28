"""Credit notes on every store: numbered without a gap, one for each refund, never changed; also when many race."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import cast

import pytest

from ledger.domain.credit_notes import CreditNote, CreditNoteKind
from ledger.domain.errors import StoreUnavailable
from ledger.domain.facts import RefundState
from ledger.domain.ids import AccountId, PaymentId, part_tag
from ledger.domain.mails import MailKind
from ledger.domain.refund_cases import DecisionOutcome, PaymentConcern
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.commit import Commit, Refusal
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.credit_notes import issue_credit_notes, issue_for_purchase
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from tools.testing.builders import (
    ADA,
    LATER,
    PI,
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
from tools.testing.fakes import FakeStore, world
from tools.testing.ledgers import SELLER
from tools.testing.races import assert_sound, at_once, retrying
from tools.testing.unguarded import decide_case, decide_deferred
from tools.verify import check

BEN = AccountId("acct_ben")


def issued(store: Store, minute: float = 100, payment_id: PaymentId = PI) -> list[tuple[str, str, int]]:
    """Issue what is due. Return number, kind and amount of what is new."""
    notes = issue_credit_notes(payment_id, SELLER, store, now=at(minute))
    return [(note.number, note.kind, note.amount_minor) for note in notes]


def bought(store: Store, payment_id: PaymentId = PI, account_id: AccountId = ADA) -> None:
    """A customer with a pack."""
    settled = replace(payment(payment_id, account_id=account_id), invoice_number="INV-1")
    record_events(store, paid(settled, customer=f"cus_{account_id}"))


def listed(store: Store) -> list[str]:
    """The numbers of the documents whose mails are listed."""
    return sorted(one.subject.rpartition("/")[2] for one in store.mail_intents() if one.kind is MailKind.CREDIT_NOTE)


def test_each_refund_that_succeeded_has_one_credit_note(any_store: Store) -> None:
    """Not while it is pending, and once however often it is reported. Each has a mail, and names its invoice."""
    bought(any_store)
    record_events(any_store, event_of(refund(500, state=RefundState.PENDING)))
    assert issued(any_store) == []
    record_events(any_store, event_of(refund(500, minute=20)))
    assert issued(any_store) == [("2026-000001", "credit", 500)]
    assert issued(any_store) == []
    record_events(any_store, event_of(refund(300, refund_id="re_2", minute=30)))
    assert issued(any_store) == [("2026-000002", "credit", 300)]
    first, second = any_store.credit_notes(ADA)
    assert (first.number, second.number) == ("2026-000001", "2026-000002")
    assert first == CreditNote(
        number="2026-000001",
        kind=CreditNoteKind.CREDIT,
        issued_at=at(100),
        issued_by="Shop, 1 High Street",
        account_id=ADA,
        payment_id=PI,
        refund_id="stripe:re_1",
        case_id=None,
        amount_minor=500,
        currency="USD",
        invoice_number="INV-1",
        paid_at=payment().at,
        order_id=None,
        product_ids=("pack_1000",),
        credits=1000,
    )
    assert listed(any_store) == ["2026-000001", "2026-000002"]
    assert {one.listed_at for one in any_store.mail_intents()} == {at(100)}
    assert [*any_store.credit_notes(BEN)] == []
    assert [one.payment_id for one in any_store.purchases_of(ADA, 10).items] == [PI]  # the notes are no purchases


def test_a_credit_note_names_the_case_that_approved_its_refund(any_store: Store) -> None:
    """Also of a part of it. What somebody tagged at the provider names no case of ours."""
    bought(any_store)
    case = request_refund(any_store, refund_claim())
    half = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("Half.",), clause="6", money_minor=1000)
    approved = decide_case(case.case_id, half, "sam", any_store, POLICY, now=at(70))
    assert approved.tag
    tags = (approved.tag, part_tag(approved.tag, 1), "case_none-1")
    for number, tag in enumerate(tags):
        record_events(any_store, event_of(replace(refund(100, refund_id=f"re_{number}", minute=80 + number), tag=tag)))
        issued(any_store)
    assert [note.case_id for note in any_store.credit_notes(ADA)] == [case.case_id, case.case_id, None]


def check_sound(store: Store) -> None:
    """Raise AssertionError if an invariant of everything that is stored is broken."""
    if isinstance(store, FakeStore):
        assert not [one for one in check(world(store)) if one.broken]
    else:
        assert_sound(cast(DynamoDBStore, store))


@pytest.mark.parametrize("order", [*permutations(range(3))], ids=str)
def test_a_refund_that_was_made_at_the_provider_is_due_whatever_the_order(
    any_store: Store, order: tuple[int, ...]
) -> None:
    """Payment, refund and its end come in any order, and twice. One document is due, and is issued by the job once."""
    pending = event_of(refund(500, state=RefundState.PENDING, minute=15))
    events = [paid(replace(payment(), invoice_number="INV-1")), pending, event_of(refund(500, minute=20))]
    for number in (*order, *order):
        record_events(any_store, events[number])
        check_sound(any_store)
    assert [(one.payment_id, one.concern) for one in any_store.deferred_cases()] == [(PI, PaymentConcern.REFUNDED)]
    for minute in (100, 105):
        decide_deferred(any_store, POLICY, now=LATER + timedelta(minutes=minute), seller=SELLER)
        check_sound(any_store)
    assert [(one.number, one.refund_id, one.case_id) for one in any_store.credit_notes(ADA)] == [
        ("2026-000001", "stripe:re_1", None)
    ]
    assert [*any_store.deferred_cases()] == []
    for event in events:
        record_events(any_store, event)
    assert [*any_store.deferred_cases()] == [], "what was documented is not due again"


def test_a_refund_that_fails_before_its_document_is_issued_has_none(any_store: Store) -> None:
    """Both waited for the job: what it finds is that nothing went back."""
    bought(any_store)
    for minute, state in ((20, RefundState.SUCCEEDED), (30, RefundState.FAILED)):
        record_events(any_store, event_of(refund(500, state=state, minute=minute)))
    assert len([*any_store.deferred_cases()]) == 2
    assert decide_deferred(any_store, POLICY, now=LATER, seller=SELLER) == []
    assert not [*any_store.credit_notes(ADA)]
    assert not [*any_store.deferred_cases()]


def test_without_a_seller_what_is_due_waits(any_store: Store) -> None:
    """A round that issues nothing forgets nothing."""
    bought(any_store)
    record_events(any_store, event_of(refund(500)))
    decide_deferred(any_store, POLICY, now=LATER)
    assert len([*any_store.deferred_cases()]) == 1


def test_what_could_not_be_issued_is_still_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves the queue once its document is stored, not before."""
    store = FakeStore()
    bought(store)
    record_events(store, event_of(refund(500)))
    commit = store.commit

    def without_notes(change: Commit) -> Refusal | None:
        if any(isinstance(one.document, CreditNote) for one in change.documents):
            raise StoreUnavailable("not now")
        return commit(change)

    with monkeypatch.context() as patch:
        patch.setattr(store, "commit", without_notes)
        with pytest.raises(StoreUnavailable):
            decide_deferred(store, POLICY, now=LATER, seller=SELLER)
    assert [one.payment_id for one in store.deferred_cases()] == [PI]
    decide_deferred(store, POLICY, now=LATER, seller=SELLER)
    assert [one.refund_id for one in store.credit_notes(ADA)] == ["stripe:re_1"]


def test_a_seller_of_another_name_begins_a_series_of_its_own_and_each_note_has_its_mail(any_store: Store) -> None:
    """Two customers have a document of one number then: neither mail is taken for the other one."""
    other = PaymentId("stripe:pi_ben")
    bought(any_store)
    bought(any_store, other, BEN)
    record_events(any_store, event_of(refund(500)), event_of(refund(500, refund_id="re_2"), names=(other,)))
    assert issued(any_store) == [("2026-000001", "credit", 500)]
    (note,) = issue_credit_notes(other, replace(SELLER, name="Shop & Sons"), any_store, now=at(101))
    assert (note.number, note.account_id) == ("2026-000001", BEN)
    assert listed(any_store) == ["2026-000001"] * 2


def test_a_refund_that_fails_later_is_taken_back_by_another_document(any_store: Store) -> None:
    """The first one stays as it was. A refund that failed from the start has none."""
    bought(any_store)
    record_events(any_store, event_of(refund(500)))
    assert issued(any_store) == [("2026-000001", "credit", 500)]
    (before,) = any_store.credit_notes(ADA)
    record_events(any_store, event_of(refund(500, state=RefundState.FAILED, minute=50)))
    for _ in range(2):
        issued(any_store, 110)
    first, second = any_store.credit_notes(ADA)
    assert first == before
    assert (second.number, second.kind, second.corrects) == ("2026-000002", CreditNoteKind.CORRECTION, "2026-000001")
    record_events(any_store, event_of(refund(700, refund_id="re_2", state=RefundState.FAILED, minute=60)))
    assert issued(any_store, 120) == []
    record_events(any_store, event_of(refund(300, refund_id="re_3", minute=60)))
    assert issued(any_store, 130) == [("2026-000003", "credit", 300)]
    record_events(any_store, event_of(refund(300, refund_id="re_3", state=RefundState.FAILED, minute=70)))
    assert issued(any_store, 140) == [("2026-000004", "correction", 300)], "one for each refund"


def test_a_sale_of_a_merchant_of_record_has_no_document_of_ours(any_store: Store) -> None:
    """It sends its own."""
    other = PaymentId("paddle:txn_1")
    record_events(any_store, paid(payment(other)))
    record_events(any_store, event_of(refund(500), names=(other,)))
    assert issued(any_store, payment_id=other) == []
    assert issued(any_store, payment_id=PaymentId("stripe:pi_none")) == []


def test_each_year_has_its_own_series(any_store: Store) -> None:
    """By the time of issue, in UTC."""
    bought(any_store)
    record_events(any_store, event_of(refund(500)), event_of(refund(300, refund_id="re_2")))
    for now, number in (
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), ["2026-000001", "2026-000002"]),
        (datetime(2027, 1, 1, tzinfo=UTC), ["2027-000001"]),
    ):
        assert [note.number for note in issue_credit_notes(PI, SELLER, any_store, now=now)] == number
        record_events(any_store, event_of(refund(100, refund_id="re_3")))


@pytest.mark.parametrize("writers", [2, 6])
def test_numbers_have_no_gap_and_none_is_given_twice_when_many_race(real_store: DynamoDBStore, writers: int) -> None:
    """Six accounts, each refund issued by several writers at once: the delivery of an event twice, and a schedule."""
    names = [PaymentId(f"stripe:pi_{number}") for number in range(6)]
    for number, name in enumerate(names):
        bought(real_store, name, AccountId(f"acct_{number}"))
        record_events(real_store, event_of(refund(500, refund_id=f"re_{number}"), names=(name,)))
    calls = [lambda name=name: issued(real_store, payment_id=name) for name in names for _ in range(writers)]
    results = at_once([retrying(call) for call in calls])
    numbers = sorted(number for result in results for number, _, _ in result)
    assert numbers == [f"2026-{number:06}" for number in range(1, 7)]
    stored = [note.number for number in range(6) for note in real_store.credit_notes(AccountId(f"acct_{number}"))]
    assert sorted(stored) == numbers == listed(real_store)
    assert_sound(real_store)


def taxed(store: Store, payment_id: PaymentId = PI) -> None:
    """A pack of 20.00 with a tax of 3.33."""
    record_events(store, paid(replace(payment(payment_id), invoice_number="INV-1", tax_minor=333)))


def taxes(store: Store, account_id: AccountId = ADA) -> list[tuple[str, int, int | None]]:
    """Kind, amount and tax of the documents, by their numbers."""
    notes = sorted(store.credit_notes(account_id), key=lambda note: note.number)
    return [(str(note.kind), note.amount_minor, note.tax_minor) for note in notes]


def test_the_documents_of_a_payment_that_went_back_whole_have_its_tax(any_store: Store) -> None:
    """Each has its share; what failed is taken back with the same tax."""
    taxed(any_store)
    for number, amount_minor in enumerate((500, 500), start=1):
        record_events(any_store, event_of(refund(amount_minor, refund_id=f"re_{number}", minute=20 + number)))
        issued(any_store)
    record_events(any_store, event_of(refund(500, refund_id="re_2", state=RefundState.FAILED, minute=50)))
    issued(any_store)
    record_events(any_store, event_of(refund(1500, refund_id="re_3", minute=60)))
    issued(any_store)
    assert taxes(any_store) == [
        ("credit", 500, 83),
        ("credit", 500, 83),
        ("correction", 500, 83),
        ("credit", 1500, 250),
    ]
    check_sound(any_store)


OLD_YEAR, NEW_YEAR = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 1, 1, 0, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "nows",
    [(OLD_YEAR, NEW_YEAR), (NEW_YEAR, OLD_YEAR), (OLD_YEAR, OLD_YEAR)],
    ids=["the old year waits", "the new year waits", "one year"],
)
@pytest.mark.parametrize("has_series", [True, False], ids=["a series", "no series"])
def test_two_writers_do_not_both_take_a_share_of_a_tax(
    any_store: Store, monkeypatch: pytest.MonkeyPatch, nows: tuple[datetime, datetime], *, has_series: bool
) -> None:
    """One writes its document while the other one is about to, of another refund: each knew of its own one alone."""
    if has_series:
        other = PaymentId("stripe:pi_2")
        bought(any_store, other, BEN)
        record_events(any_store, event_of(refund(500, refund_id="re_0"), names=(other,)))
        issued(any_store, payment_id=other)
    taxed(any_store)
    record_events(any_store, event_of(refund(1000)), event_of(refund(1000, refund_id="re_2", minute=30)))
    purchase = any_store.read(Keys(payments=frozenset({PI}))).home_of(PI)
    assert purchase
    first, second = (
        replace(purchase, facts={key: fact for key, fact in purchase.facts.items() if key != f"refund:{left_out}"})
        for left_out in ("re_2", "re_1")
    )
    commit = any_store.commit

    def interrupted(change: Commit) -> Refusal | None:
        monkeypatch.setattr(any_store, "commit", commit)
        assert len(issue_for_purchase(second, SELLER, any_store, now=nows[1])) == 1
        return commit(change)

    monkeypatch.setattr(any_store, "commit", interrupted)
    assert len(issue_for_purchase(first, SELLER, any_store, now=nows[0])) == 1
    notes = sorted(any_store.credit_notes(ADA), key=lambda note: note.number)
    assert [note.tax_minor for note in notes] == [166, 167]
    assert notes[0].issued_at.date() <= notes[1].issued_at.date()
    assert [note.number[:4] for note in notes] == [str(note.issued_at.year) for note in notes]
    check_sound(any_store)


def test_a_tax_that_is_not_known_is_not_said(any_store: Store) -> None:
    """Nothing was reported; or a refund is in another currency."""
    bought(any_store)
    record_events(any_store, event_of(refund(500)))
    issued(any_store)
    other = PaymentId("stripe:pi_2")
    taxed(any_store, other)
    record_events(any_store, event_of(replace(refund(500, refund_id="re_2"), currency="EUR"), names=(other,)))
    issued(any_store, payment_id=other)
    assert taxes(any_store) == [("credit", 500, None)] * 2
    check_sound(any_store)


def test_shares_of_refunds_that_race_sum_to_the_tax(real_store: DynamoDBStore) -> None:
    """Several writers issue the documents of one payment at once."""
    taxed(real_store)
    for number in range(1, 5):
        record_events(real_store, event_of(refund(500, refund_id=f"re_{number}", minute=20 + number)))
    at_once([retrying(lambda: issued(real_store)) for _ in range(5)])
    assert sorted(taxes(real_store)) == [("credit", 500, 83)] * 3 + [("credit", 500, 84)]
    assert_sound(real_store)
