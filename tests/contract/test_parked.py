"""What support does about parked events, on every engine: money is booked once, by the same way, and never guessed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from ledger.domain.audit import AuditAction
from ledger.domain.errors import IdempotencyKeyReused, NotFound, RequestRefused, SecondPersonNeeded
from ledger.domain.events import Event, Owner
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.proposals import SupportLimit
from ledger.domain.receipts import MUTED, NotBookable, ParkReason, Receipt, RecordOutcome, Trigger
from ledger.domain.subjects import subject_of_event
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.commit import Commit
from ledger.ports.store import Store
from ledger.usecases.attribute_parked import Attribution, Replay, book_attributed, dismiss_parked, replay_parked
from ledger.usecases.authority import Authority
from ledger.usecases.looks import record_look_at
from ledger.usecases.record_event import record_event
from ledger.usecases.subject_history import MOST_LISTED, subject_history
from tests.unit.usecases.test_rounds import parked
from tools.testing.builders import ADA, LATER, POLICY, at, ordered, paid, payment, record_events
from tools.testing.races import assert_sound, at_once
from tools.testing.unguarded import attribute_parked, confirm_proposal

BOB = AccountId("acct_bob")
NOBODY = AccountId("")


def renewal(number: int = 1, customer: str = "stripe:cus_9") -> Event:
    """A payment of a customer whose account is not known."""
    settled = payment(PaymentId(f"stripe:in_{number}"), minute=number)
    event = paid(settled, event_id=f"evt_{number}_parked")
    bare = replace(settled, account_id=NOBODY, customer_id=customer, cause=event.cause)
    return replace(event, owner=Owner(customer_id=customer), payment=bare)


def park(store: Store, event: Event, minute: float = 20) -> tuple[str, str]:
    """The event is received, and parked. Return the name of its receipt."""
    result = record_event(event, store, body=b"{}", body_sha256="0" * 64, now=at(minute))
    assert result.outcome is RecordOutcome.PARKED
    return (event.owner.customer_id or event.cause, event.event_id)


def said(event: Event, name: tuple[str, str], account_id: AccountId = ADA) -> Attribution:
    """Sam says whose it is."""
    assert name[1] == event.event_id
    return Attribution(name=name, account_id=account_id, actor="sam", reason="The letter names it.")


def balance(store: Store, account_id: AccountId = ADA) -> int:
    """An account's credits."""
    account, _ = store.statement_page(account_id, 1)
    return account.balance if account else 0


def acts(store: Store, name: tuple[str, str]) -> list[tuple[AuditAction, str, str]]:
    """What people did about an event, newest first."""
    page = store.subject_acts(subject_of_event(name), 10)
    return [(act.action, act.actor, act.reason) for act in page.items]


def test_an_attributed_event_is_booked_once_however_often_it_is_said(any_store: Store) -> None:
    """For the account that was named first. The act is on record."""
    event = renewal()
    record_events(any_store, paid(), paid(payment(PaymentId("stripe:pi_bob"), account_id=BOB)))
    name = park(any_store, event)
    before = balance(any_store)
    first = attribute_parked(said(event, name), any_store, lambda _: event, now=at(30))
    assert (first.outcome, first.account_id) == (RecordOutcome.BOOKED, ADA)
    again = attribute_parked(said(event, name, BOB), any_store, lambda _: event, now=at(31))
    assert (again.outcome, again.account_id) == (RecordOutcome.BOOKED, ADA)
    assert (balance(any_store), balance(any_store, BOB)) == (before + 1000, 1000)
    (act,) = any_store.audit_records(ADA)
    assert (act.action, act.subject, act.amount, act.unit) == (AuditAction.ATTRIBUTE, event.cause, 2000, "USD")
    assert acts(any_store, name) == [(AuditAction.ATTRIBUTE, "sam", "The letter names it.")]


def test_of_many_who_attribute_at_once_one_books(real_store: DynamoDBStore) -> None:
    """Also for different accounts."""
    event = renewal()
    record_events(real_store, paid(), paid(payment(PaymentId("stripe:pi_bob"), account_id=BOB)))
    name = park(real_store, event)
    calls: list[Callable[[], object]] = [
        partial(attribute_parked, said(event, name, account_id), real_store, lambda _: event, now=at(30))
        for account_id in (ADA, BOB) * 4
    ]
    at_once(calls)
    assert balance(real_store) + balance(real_store, BOB) == 3000
    assert_sound(real_store)


def test_what_names_an_order_of_another_account_stays_parked(any_store: Store) -> None:
    """Money is never guessed: our own order says whose it is."""
    settled = ordered(any_store, "ord_1")
    event = replace(
        paid(settled, event_id="evt_1_parked"), owner=Owner(order_id=OrderId("ord_1"), customer_id="stripe:cus_9")
    )
    stranger = replace(event, owner=replace(event.owner, account_id=BOB))
    record_events(any_store, paid(payment(PaymentId("stripe:pi_bob"), account_id=BOB)))
    name = park(any_store, stranger)
    with pytest.raises(RequestRefused, match="does not lack an account"):
        attribute_parked(said(event, name, BOB), any_store, lambda _: stranger, now=at(30))
    assert balance(any_store, BOB) == 1000


def test_only_what_lacks_an_account_can_be_attributed(any_store: Store) -> None:
    """And only to an account that is there."""
    event = replace(renewal(), not_bookable=NotBookable(ParkReason.UNKNOWN_PRICE, "price_x"))
    record_events(any_store, paid())
    name = park(any_store, event)
    with pytest.raises(RequestRefused):
        attribute_parked(said(event, name), any_store, lambda _: event, now=at(30))
    other = renewal(2)
    with pytest.raises(NotFound, match="acct_none"):
        attribute_parked(
            said(other, park(any_store, other), AccountId("acct_none")), any_store, lambda _: other, now=at(30)
        )
    assert list(any_store.audit_records(ADA)) == []


def test_above_a_limit_a_second_person_attributes(any_store: Store) -> None:
    """The proposal carries all that it takes. A confirmation whose booking failed is repeated."""
    event = renewal()
    record_events(any_store, paid())
    name = park(any_store, event)
    alone = Authority(limits={"USD": SupportLimit(day=1999, month=1999)})
    with pytest.raises(SecondPersonNeeded) as raised:
        attribute_parked(said(event, name), any_store, lambda _: event, authority=alone, now=at(30))
    assert balance(any_store) == 1000
    proposal_id = raised.value.proposal_id

    calls: list[Receipt] = []

    def fails_at_the_booking(receipt: Receipt) -> Event:
        calls.append(receipt)
        if len(calls) == 2:
            raise ConnectionError("the process ended")
        return event

    with pytest.raises(ConnectionError):
        confirm_proposal(ADA, proposal_id, "kim", any_store, POLICY, translate=fails_at_the_booking, now=at(40))
    assert balance(any_store) == 1000
    confirm_proposal(ADA, proposal_id, "kim", any_store, POLICY, translate=lambda _: event, now=at(41))
    confirm_proposal(ADA, proposal_id, "kim", any_store, POLICY, translate=lambda _: event, now=at(42))
    assert balance(any_store) == 2000
    assert [act.action for act in any_store.audit_records(ADA)] == [
        AuditAction.PROPOSE,
        AuditAction.ATTRIBUTE,
        AuditAction.CONFIRM,
    ]


def tried(name: tuple[str, str], key: str = "key_1", reason: str = "The price is there.", actor: str = "sam") -> Replay:
    """Sam wants another try."""
    return Replay(name=name, actor=actor, reason=reason, key=key)


def test_a_try_is_on_record_once_under_its_key_whether_it_books_or_not(any_store: Store) -> None:
    """A second click is the same try, another tab's is another one; what is booked by then is left as it is."""
    event = renewal()
    record_events(any_store, paid())
    name = park(any_store, event)
    known = replace(event, owner=replace(event.owner, account_id=ADA))
    for minute in (30, 31):
        still = replay_parked(tried(name), any_store, lambda _: event, now=at(minute))
        assert (still.outcome, still.parked_reason) == (RecordOutcome.PARKED, ParkReason.NO_ACCOUNT)
    assert acts(any_store, name) == [(AuditAction.REPLAY, "sam", "The price is there.")]
    first = replay_parked(tried(name, "key_2", actor="kim"), any_store, lambda _: known, now=at(32))
    again = replay_parked(tried(name, "key_2", actor="kim"), any_store, lambda _: known, now=at(33))
    late = replay_parked(tried(name, "key_3"), any_store, lambda _: known, now=at(34))
    assert {(one.outcome, one.account_id) for one in (first, again, late)} == {(RecordOutcome.BOOKED, ADA)}
    assert [actor for _, actor, _ in acts(any_store, name)] == ["kim", "sam"]
    assert balance(any_store) == 2000
    for other in (tried(name, "key_2", reason="Another one.", actor="kim"), tried(name, "key_2")):
        with pytest.raises(IdempotencyKeyReused):
            replay_parked(other, any_store, lambda _: known, now=at(35))


def test_a_try_that_stopped_after_its_record_is_carried_out_by_the_next_click(any_store: Store) -> None:
    """Nothing is half done: the record is there first, and the same key goes on from it."""
    event = renewal()
    record_events(any_store, paid())
    name = park(any_store, event)
    known = replace(event, owner=replace(event.owner, account_id=ADA))

    def stops(_: Receipt) -> Event:
        raise ConnectionError("the process ended")

    with pytest.raises(ConnectionError):
        replay_parked(tried(name), any_store, stops, now=at(30))
    done = replay_parked(tried(name), any_store, lambda _: known, now=at(31))
    assert (done.outcome, balance(any_store)) == (RecordOutcome.BOOKED, 2000)
    assert len(acts(any_store, name)) == 1


def test_of_many_tries_at_once_each_key_is_one_and_one_books(real_store: DynamoDBStore) -> None:
    """Two tabs, and several clicks in each."""
    event = renewal()
    record_events(real_store, paid())
    name = park(real_store, event)
    known = replace(event, owner=replace(event.owner, account_id=ADA))
    results = at_once(
        [
            partial(replay_parked, tried(name, key), real_store, lambda _: known, now=at(30 + number))
            for number, key in enumerate(("key_1", "key_2") * 4)
        ]
    )
    assert len(results) == 8
    assert balance(real_store) == 2000
    assert 1 <= len(acts(real_store, name)) <= 2
    assert_sound(real_store)


def test_what_was_never_received_can_not_be_tried(any_store: Store) -> None:
    """And nothing is on record about it."""
    with pytest.raises(NotFound):
        replay_parked(tried(("stripe:cus_9", "evt_9")), any_store, lambda _: None, now=at(30))
    assert acts(any_store, ("stripe:cus_9", "evt_9")) == []


def test_a_history_has_the_newest_acts_and_looks_first(any_store: Store) -> None:
    """Each with its person, and the reason of each act. It says if there are more."""
    name = park(any_store, renewal())
    subject_id = subject_of_event(name)
    assert subject_history(subject_id, any_store).lines == ()
    for minute in (30, 30.5, 40):  # the same page within a minute is one look
        record_look_at(subject_id, "kim", "event", any_store, now=at(minute))
    dismiss_parked(name, "sam", "Of our other shop.", any_store, now=at(35))
    told = subject_history(subject_id, any_store)
    assert [one.line.words for one in told.lines] == [
        "kim looked at event",
        "sam dismissed stripe:evt_1_parked: Of our other shop.",
        "kim looked at event",
    ]
    assert [(one.kind, one.actor) for one in told.lines] == [("look", "kim"), ("act", "sam"), ("look", "kim")]
    assert not told.is_cut
    for minute in range(50, 50 + MOST_LISTED):
        record_look_at(subject_id, "kim", "event", any_store, now=at(minute))
    assert subject_history(subject_id, any_store).is_cut


def test_a_dismissed_event_books_nothing_and_says_who_dismissed_it(any_store: Store) -> None:
    """Delivered again, or tried again, it stays noted."""
    event = renewal()
    name = park(any_store, event)
    first = dismiss_parked(name, "sam", "Of our other shop.", any_store, now=at(30))
    assert (first.outcome, first.detail) == (RecordOutcome.NOTED, f"{MUTED}dismissed by sam: Of our other shop.")
    assert dismiss_parked(name, "kim", "Mine.", any_store, now=at(31)).detail == first.detail
    record_events(any_store, paid(customer="cus_9"))
    said_late = attribute_parked(said(event, name), any_store, lambda _: event, now=at(31))
    booked_late = book_attributed(said(event, name), any_store, lambda _: event, now=at(31))
    assert (said_late, booked_late) == (first, first)
    again = record_event(event, any_store, body=b"{}", body_sha256="0" * 64, now=at(40))
    assert again.outcome is RecordOutcome.ALREADY_BOOKED
    replayed = replay_parked(tried(name), any_store, lambda _: event, now=at(41))
    assert replayed == first
    assert balance(any_store) == 1000
    assert list(any_store.parked_receipts()) == []
    assert acts(any_store, name) == [(AuditAction.DISMISS, "sam", "Of our other shop.")]


def test_a_dismissal_and_a_booking_at_once_are_one_of_both(real_store: DynamoDBStore) -> None:
    """Two people, one event."""
    event = renewal()
    record_events(real_store, paid())
    name = park(real_store, event)
    at_once(
        [
            partial(dismiss_parked, name, "kim", "Not ours.", real_store, now=at(30)),
            partial(attribute_parked, said(event, name), real_store, lambda _: event, now=at(30)),
        ]
        * 3
    )
    assert balance(real_store) in {1000, 2000}
    assert_sound(real_store)


def test_what_is_parked_is_listed_oldest_first_whatever_part_of_the_index_it_is_in(any_store: Store) -> None:
    """Two dozen events are in most of its parts; those of one instant are in one order, too."""
    minutes = [(7 * number) % 24 // 2 for number in range(24)]
    for number, minute in enumerate(minutes):
        receipt = parked(number, LATER + timedelta(minutes=minute), ParkReason.NO_ACCOUNT)
        assert any_store.commit(Commit(receipt=replace(receipt, customer_id=f"stripe:cus_{number}"))) is None
    names = [*any_store.parked_names(Trigger.FACTS)]
    assert [one.received_at for one in names] == [LATER + timedelta(minutes=minute) for minute in sorted(minutes)]
    assert names == [*any_store.parked_names(Trigger.FACTS)]
    later = [*any_store.parked_names(Trigger.FACTS, LATER + timedelta(minutes=6))]
    assert later == [one for one in names if one.received_at >= LATER + timedelta(minutes=6)]
