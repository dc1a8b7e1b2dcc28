"""The store's promise, held by every store: the fake, MiniStack, AWS's own engine, and moto beside a mutant."""

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import pytest

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.entries import CounterAccount, Entry, EntryKind
from ledger.domain.errors import AccountSuspended, InsufficientCredits
from ledger.domain.facts import DisputeState, PaymentFailed, RefundState
from ledger.domain.holds import Hold
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.receipts import ParkReason, Receipt, RecordOutcome, Trigger
from ledger.domain.refund_cases import CaseState, DecisionOutcome, QueuedCase, RefundCase, RefundReason
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.renewal_stops import RenewalStop
from ledger.domain.runs import FailedRun
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.dynamodb import items, keys
from ledger.ports.commit import AccountChange, Commit, DocumentChange, PaymentPointer
from ledger.ports.documents import (
    CasePointer,
    Document,
    DocumentKey,
    JobCursor,
    audit_key,
    case_key,
    case_pointer_key,
    deferred_queue_key,
    failed_run_key,
    idempotency_key,
    intent_key,
    job_cursor_key,
    position_of,
    renewal_stop_key,
    review_queue_key,
    sortable,
)
from ledger.ports.reads import Keys, Page, WaitingPayment
from ledger.ports.store import Store
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.stop_renewals import StopResult, stop_renewals
from ledger.usecases.usage import draw_credits
from tools.testing.builders import (
    ADA,
    CH,
    IN,
    LATER,
    NOON,
    PI,
    POLICY,
    RENEWED,
    at,
    dispute,
    event_of,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider
from tools.testing.unguarded import decide_case, lift_hold

_T = TypeVar("_T")


def account(store: Store):  # type: ignore[no-untyped-def]
    """Ada's account as it is stored."""
    return store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]


def parked(number: int = 1) -> Receipt:
    """The receipt of an event that waits for its release."""
    return Receipt(
        provider="stripe",
        event_id=f"evt_parked_{number}",
        event_type="invoice.paid",
        occurred_at=NOON,
        received_at=LATER,
        outcome=RecordOutcome.PARKED,
        body_sha256="0" * 64,
        correlation_id=f"stripe:evt_parked_{number}",
        customer_id=f"stripe:cus_{number}",
        parked_reason=ParkReason.UNKNOWN_PRICE,
        detail="price_x",
        body=b'{"id": "evt_parked"}',
    )


def test_a_grant_is_written_once_however_often_it_is_heard(any_store: Store) -> None:
    """The same event again, and another event of the same payment, find it booked."""
    event = paid()
    outcomes = [recorded.outcome for recorded in record_events(any_store, event, event, paid())]
    assert outcomes == [RecordOutcome.BOOKED, RecordOutcome.ALREADY_BOOKED, RecordOutcome.ALREADY_BOOKED]
    assert account(any_store).balance == 1000
    assert len(list(any_store.entries(ADA))) == 1


def test_another_event_of_a_payment_that_knows_more_names_links_them(any_store: Store) -> None:
    """It books nothing more; what is said under the new name finds the payment."""
    linking = replace(paid(), names=(PI, CH))
    outcomes = [
        recorded.outcome for recorded in record_events(any_store, paid(), linking, event_of(refund(500), names=(CH,)))
    ]
    assert outcomes == [RecordOutcome.BOOKED] * 3
    assert account(any_store).balance == 750
    assert len(list(any_store.entries(ADA))) == 2


def test_everything_read_back_equals_what_was_written(any_store: Store) -> None:
    """Facts, names, lots, holds, flags, claims and entries survive the way into the store and out again."""
    settled = paid(payment(fulfilment_key="order/ord_1", overcharge_minor=100, expires_at=at(60 * 24 * 60)))
    later = event_of(refund(600), dispute(), dispute(DisputeState.INQUIRY, dispute_id="dp_2", minute=21), minute=21)
    record_events(any_store, settled, later)
    known = any_store.read(
        Keys(frozenset({PI, CH}), frozenset({ADA}), frozenset({"order/ord_1"}), frozenset(), frozenset())
    )
    purchase = known.home_of(CH)
    assert purchase is not None
    assert known.payments[CH] == PaymentPointer(
        name=CH, to=PI, account_id=ADA, fulfilment_keys=("order/ord_1",), lot_ids=("order/ord_1/0",)
    )
    assert purchase.payment == settled.payment
    assert purchase.facts == {"payment": settled.payment, **{fact.key: fact for fact in later.facts}}
    assert purchase.names == {PI, CH}
    assert known.fulfilment_keys["order/ord_1"].payment_id == PI
    lot = known.accounts[ADA].lots["order/ord_1/0"]
    assert (lot.granted, lot.refunded, lot.is_frozen) == (1000, 263, True)
    assert known.accounts[ADA].holds == {"dispute:stripe:dp_1": Hold(at(20), PI)}
    assert known.accounts[ADA].flags == {"inquiry:stripe:dp_2": at(20)}
    assert [(entry.kind, entry.credits) for entry in any_store.entries(ADA)] == [
        ("freeze", 0),
        ("clawback", -263),
        ("grant", 1000),
    ]


def test_facts_that_come_first_wait_for_their_payment(any_store: Store) -> None:
    """A refund and a dispute are heard before the payment; it takes their effect in one write."""
    waiting = record_events(any_store, event_of(refund(500)), event_of(dispute(DisputeState.LOST)))
    assert [recorded.outcome for recorded in waiting] == [RecordOutcome.WAITING, RecordOutcome.WAITING]
    record_events(any_store, paid())
    stored = account(any_store)
    assert (stored.balance, stored.status) == (0, "suspended")


def test_facts_that_wait_for_their_payment_are_listed_until_it_is_received(any_store: Store) -> None:
    """Since the provider's time of the earliest. A failed attempt to pay waits for nothing."""
    unpaid = PaymentFailed(at=at(1), cause="stripe:evt")
    record_events(any_store, event_of(unpaid, names=(PaymentId("stripe:pi_failed"),)))
    assert list(any_store.waiting_payments(LATER)) == []
    record_events(any_store, event_of(refund(500, minute=10), names=(PI,)))
    record_events(any_store, event_of(dispute(minute=20), names=(PI,)))
    assert list(any_store.waiting_payments(at(10))) == [WaitingPayment(PI, at(10))]
    assert list(any_store.waiting_payments(at(9))) == []
    assert list(any_store.waiting_payments(LATER, at(10))) == [WaitingPayment(PI, at(10))]
    assert list(any_store.waiting_payments(LATER, at(11))) == [], "what has waited for longer raises no alarm"
    record_events(any_store, paid())
    assert list(any_store.waiting_payments(LATER)) == []


def test_facts_that_wait_under_another_id_are_listed_until_the_link_is_received(any_store: Store) -> None:
    """The refund names a charge. Its purchase becomes a pointer to the payment's."""
    record_events(any_store, paid(), event_of(refund(500), names=(CH,)))
    assert [waiting.payment_id for waiting in any_store.waiting_payments(LATER)] == [CH]
    record_events(any_store, event_of(names=(PI, CH)))
    assert list(any_store.waiting_payments(LATER)) == []


def test_a_link_brings_an_invoice_and_its_refund_together_from_either_side(any_store: Store) -> None:
    """A refund names the PaymentIntent, the payment its invoice: whichever side comes last moves the waiting facts."""
    record_events(any_store, event_of(refund(1000), names=(PI, CH)), event_of(names=(IN, PI)), paid(payment(IN)))
    assert account(any_store).balance == 500
    known = any_store.read(Keys(frozenset({IN, PI, CH})))
    assert known.home_of(PI) == known.payments[IN]


def test_a_dispute_that_names_only_a_charge_waits_for_its_link(any_store: Store) -> None:
    """A charge alone leads nowhere until another event names it beside its PaymentIntent."""
    only_charge = replace(event_of(dispute()), names=(CH,))
    record_events(any_store, paid(), only_charge)
    assert account(any_store).status == "active"
    record_events(any_store, event_of(refund(100)))
    assert account(any_store).status == "suspended"


def test_an_event_that_repeats_a_payment_and_names_its_charge_is_a_link_too(any_store: Store) -> None:
    """What waited under the charge finds its payment, though the payment itself is no news."""
    again = replace(paid(), names=(PI, CH))
    record_events(any_store, paid(), event_of(dispute(), names=(CH,)), again)
    assert account(any_store).holds.keys() == {"dispute:stripe:dp_1"}


IN_2 = PaymentId("stripe:in_2")


def test_a_pointer_is_written_over_what_was_read_alone(any_store: Store) -> None:
    """Nothing, or a pointer to the same; only one that was not read is written over any pointer."""
    numbers = itertools.count(1)

    def is_written(*replaces: PaymentId, also_to: tuple[PaymentId, ...] = (), was_read: bool = True) -> bool:
        pointer = PaymentPointer(name=PI, to=IN, also_to=also_to, replaces=replaces if was_read else None)
        return any_store.commit(Commit(receipt=parked(next(numbers)), pointers=(pointer,))) is None

    def targets() -> tuple[PaymentId, ...]:
        stored = any_store.read(Keys(frozenset({PI}))).payments[PI]
        return stored.targets if isinstance(stored, PaymentPointer) else ()

    assert not is_written(IN)
    assert is_written()
    assert not is_written(also_to=(IN_2,))
    assert not is_written(IN_2, also_to=(IN_2,))
    assert not is_written(IN, IN_2)
    assert is_written(IN, also_to=(IN_2,))
    assert not is_written(IN), "it leads to another one too"
    assert not is_written(IN, CH)
    assert targets() == (IN, IN_2)
    assert is_written(IN, IN_2)
    assert is_written(also_to=(IN_2,), was_read=False)
    record_events(any_store, event_of(refund(), names=(CH,)))
    for replaces in (None, (), (IN,)):
        over = PaymentPointer(name=CH, to=IN, replaces=replaces)
        assert any_store.commit(Commit(receipt=parked(next(numbers)), pointers=(over,))), "a purchase is stored there"


def test_a_pointer_that_is_only_checked_stays_and_refuses_what_was_planned_by_another_one(any_store: Store) -> None:
    """It leads elsewhere now, or to one more."""
    stored = PaymentPointer(name=PI, to=IN, also_to=(IN_2,), account_id=ADA)
    any_store.commit(Commit(pointers=(stored,)))
    for number, replaces in enumerate([(), (IN,), (IN_2,), (IN, CH), (IN, IN_2)]):
        check = PaymentPointer(name=PI, to=CH, replaces=replaces, is_check=True)
        refusal = any_store.commit(Commit(receipt=parked(number), pointers=(check,)))
        assert (refusal is None) == (replaces == (IN, IN_2))
    assert any_store.read(Keys(frozenset({PI}))).payments[PI] == stored


def test_the_lower_payment_of_an_order_is_the_original_whichever_comes_first(any_store: Store) -> None:
    """The later one is a duplicate charge; when the earlier comes late the grant is re-attributed, no credits move."""
    late, early = (
        payment(PI, fulfilment_key="order/ord_1", minute=5),
        payment(IN, fulfilment_key="order/ord_1", minute=1),
    )
    record_events(any_store, paid(late), paid(early))
    assert account(any_store).balance == 1000
    assert len(list(any_store.entries(ADA))) == 1
    known = any_store.read(Keys(frozenset({PI, IN}), fulfilment_keys=frozenset({"order/ord_1"})))
    assert known.fulfilment_keys["order/ord_1"].payment_id == IN
    assert {name: item.is_duplicate for name, item in known.payments.items()} == {PI: True, IN: False}  # type: ignore[union-attr]
    record_events(any_store, event_of(refund(2000), names=(PI,)))
    assert account(any_store).balance == 1000, "the duplicate granted nothing, so its refund takes nothing back"


def test_a_run_draws_once_and_never_more_than_there_is(any_store: Store) -> None:
    """The same run again draws nothing; too much draws nothing; a hold stops every draw."""
    record_events(any_store, paid())
    first = draw_credits(ADA, "run_1", 300, any_store, now=LATER)
    assert draw_credits(ADA, "run_1", 300, any_store, now=LATER) == first
    with pytest.raises(InsufficientCredits):
        draw_credits(ADA, "run_2", 701, any_store, now=LATER)
    assert account(any_store).balance == 700
    most = draw_credits(ADA, "run_most", 600, any_store, now=LATER)
    assert draw_credits(ADA, "run_most", 600, any_store, now=LATER) == most, "100 are left, and yet it was drawn"
    record_events(any_store, event_of(dispute()))
    assert draw_credits(ADA, "run_most", 600, any_store, now=LATER) == most, "a hold since then changes nothing of it"
    with pytest.raises(AccountSuspended):
        draw_credits(ADA, "run_3", 1, any_store, now=LATER)


def test_a_closed_lot_leaves_the_account_and_comes_back_when_its_refund_fails(any_store: Store) -> None:
    """What is fully taken back lies beside the account; a refund that fails later restores it from there."""
    record_events(any_store, paid(), event_of(refund(2000)))
    assert not account(any_store).lots
    record_events(any_store, event_of(refund(2000, state=RefundState.FAILED, minute=30)))
    assert account(any_store).balance == 1000


def test_a_lifted_hold_stays_lifted_for_the_same_dispute_and_a_new_one_holds_again(any_store: Store) -> None:
    """Lifting is a fact: later news of the same dispute don't hold again, a new dispute does."""
    record_events(any_store, paid(), event_of(dispute(DisputeState.LOST)))
    assert lift_hold("dispute:stripe:dp_1", ADA, "sam", any_store, why="the bank withdrew it", now=LATER)
    record_events(any_store, event_of(dispute(DisputeState.APPEALED, minute=60)))
    assert account(any_store).status == "active"
    record_events(any_store, event_of(dispute(dispute_id="dp_2", minute=90)))
    assert set(account(any_store).holds) == {"dispute:stripe:dp_2"}
    assert not lift_hold("dispute:stripe:dp_1", ADA, "sam", any_store, why="the bank withdrew it", now=LATER)


def test_a_parked_event_is_found_again_whole_and_leaves_when_released(any_store: Store) -> None:
    """Its body, reason and detail are kept; its release replaces the receipt and the body goes."""
    receipt = parked()
    assert any_store.commit(Commit(receipt=receipt)) is None
    assert list(any_store.parked_receipts()) == [receipt]
    assert list(any_store.customer_receipts("stripe:cus_1")) == [receipt]
    released = replace(receipt, outcome=RecordOutcome.BOOKED, parked_reason=None, detail="", body=None)
    assert any_store.commit(Commit(receipt=released)) is None
    assert list(any_store.parked_receipts()) == []
    refusal = any_store.commit(Commit(receipt=released))
    assert refusal is not None
    assert refusal.receipt == released
    refusal = any_store.commit(Commit(receipt=receipt))
    assert refusal is not None
    assert refusal.receipt == released, "what was booked is never parked again"


def test_a_parked_event_that_is_received_again_keeps_its_evidence(any_store: Store) -> None:
    """The first time at which it was received stays: parked again, for another reason, and when it is booked."""
    first = parked()
    any_store.commit(Commit(receipt=first))
    again = replace(first, received_at=LATER + timedelta(days=1))
    refusal = any_store.commit(Commit(receipt=again))
    assert refusal is not None
    assert refusal.receipt == first, "for the same reason nothing is written"

    other = replace(again, parked_reason=ParkReason.NO_ACCOUNT, detail="no customer")
    assert any_store.commit(Commit(receipt=other)) is None
    stored = replace(other, received_at=first.received_at)
    assert list(any_store.parked_receipts()) == [stored]
    assert [len(list(any_store.parked_names(trigger))) for trigger in (Trigger.DEPLOYMENT, Trigger.FACTS)] == [0, 1]

    booked = replace(again, outcome=RecordOutcome.BOOKED, parked_reason=None, detail="", body=None)
    assert any_store.commit(Commit(receipt=booked)) is None
    assert list(any_store.customer_receipts("stripe:cus_1")) == [replace(booked, received_at=first.received_at)]
    assert not [name for trigger in Trigger for name in any_store.parked_names(trigger)]


def test_a_customers_receipts_are_read_page_by_page(any_store: Store) -> None:
    """Each once, and none of another customer."""
    own = [replace(parked(number), customer_id="stripe:cus_1") for number in range(3)]
    for receipt in (*own, replace(parked(3), customer_id="stripe:cus_2")):
        assert any_store.commit(Commit(receipt=receipt)) is None
    first = any_store.receipts_page("stripe:cus_1", 2)
    rest = any_store.receipts_page("stripe:cus_1", 2, first.next)
    assert (len(first.items), len(rest.items), rest.next) == (2, 1, None)
    assert sorted([*first.items, *rest.items], key=lambda one: one.event_id) == own


def test_a_customers_parked_events_are_found_among_all_that_he_has_received(any_store: Store) -> None:
    """Those that wait for facts, until their release; no other customer's, and none that waits for a deployment."""
    record_events(any_store, paid(), paid(payment(PaymentId("stripe:pi_2"))))
    mine = replace(parked(1), parked_reason=ParkReason.NO_ACCOUNT)
    others = replace(parked(2), parked_reason=ParkReason.NO_ACCOUNT)
    unpriced = replace(parked(3), customer_id="stripe:cus_1")
    for receipt in (mine, others, unpriced):
        any_store.commit(Commit(receipt=receipt))
    assert list(any_store.parked_of_customer("stripe:cus_1")) == [mine]
    assert list(any_store.parked_of_customer("stripe:cus_unknown")) == []
    released = replace(mine, outcome=RecordOutcome.BOOKED, parked_reason=None, detail="", body=None)
    any_store.commit(Commit(receipt=released))
    assert list(any_store.parked_of_customer("stripe:cus_1")) == []


def test_parked_events_are_named_by_what_they_wait_for_and_since_when(any_store: Store) -> None:
    """A name leads to its receipt; a name of a receipt that was released leads to none."""
    old, new = parked(1), replace(parked(2), received_at=LATER + timedelta(hours=1))
    facts = replace(parked(3), parked_reason=ParkReason.NO_ACCOUNT)
    for receipt in (old, new, facts):
        any_store.commit(Commit(receipt=receipt))
    names = {name.event_id: name for name in any_store.parked_names(Trigger.DEPLOYMENT)}
    assert {name: names[name].received_at for name in names} == {
        "evt_parked_1": LATER,
        "evt_parked_2": LATER + timedelta(hours=1),
    }
    assert [name.event_id for name in any_store.parked_names(Trigger.DEPLOYMENT, LATER + timedelta(hours=1))] == [
        "evt_parked_2"
    ]
    assert [name.event_id for name in any_store.parked_names(Trigger.FACTS)] == ["evt_parked_3"]
    booked = replace(old, outcome=RecordOutcome.BOOKED, parked_reason=None, detail="", body=None)
    any_store.commit(Commit(receipt=booked))
    assert list(any_store.parked_receipts(names.values())) == [new]


def test_more_parked_events_than_one_read_takes_are_all_found(any_store: Store) -> None:
    """A price that is missing from the catalogue parks hundreds: they are what the release is for."""
    receipts = [parked(number) for number in range(101)]
    for receipt in receipts:
        any_store.commit(Commit(receipt=receipt))
    assert {found.event_id for found in any_store.parked_receipts()} == {receipt.event_id for receipt in receipts}


def test_parked_events_of_one_reason_are_spread_over_the_shards_and_found_in_each(any_store: Store) -> None:
    """A missing price parks every event under one reason. None of them is left in a shard that nobody reads."""
    receipts = [parked(number) for number in range(40)]
    spread = Counter(keys.shard_of(items.to_receipt(receipt)) for receipt in receipts)
    assert len(spread) > keys.SHARDS / 2, "the test reads most shards"
    for receipt in receipts:
        any_store.commit(Commit(receipt=receipt))
    found = list(any_store.parked_receipts())
    assert sorted(receipt.event_id for receipt in found) == sorted(receipt.event_id for receipt in receipts)
    released = replace(receipts[0], outcome=RecordOutcome.BOOKED, parked_reason=None, body=None)
    any_store.commit(Commit(receipt=released))
    assert receipts[0].event_id not in {receipt.event_id for receipt in any_store.parked_receipts()}


def test_accounts_with_expiring_grants_are_found_by_day_in_every_shard(any_store: Store) -> None:
    """Each account once, however many of its grants expire on that day; no account of another day."""
    accounts = [AccountId(f"acct_{number:03}") for number in range(60)]
    for number, account_id in enumerate(accounts):
        for copy in range(1 + (number == 0)):
            payment_id = PaymentId(f"stripe:pi_{number}_{copy}")
            ends_at = at(60 * 24 * (30 if number % 3 else 31))
            record_events(any_store, paid(payment(payment_id, account_id=account_id, expires_at=ends_at)))
    day = at(60 * 24 * 30).date()
    due = [entry for one in accounts for entry in any_store.entries(one) if (entry.expiry_due_at or NOON).date() == day]
    assert len({keys.shard_of(keys.entry_key(entry)) for entry in due}) > keys.SHARDS / 2, "most shards have one"

    def listed(after: str, until: datetime) -> list[AccountId]:
        return list(dict.fromkeys(one.account_id for one in any_store.expiring(after, until)))

    first, second = at(60 * 24 * 30), at(60 * 24 * 31)
    of_first = sorted(accounts[n] for n in range(60) if n % 3)
    of_second = sorted(accounts[n] for n in range(60) if not n % 3)
    assert listed(sortable(NOON), second) == [*of_first, *of_second], "by time, then by account"
    assert listed(sortable(first), first) == of_first, "both ends are included"
    assert listed(sortable(NOON), first - timedelta(microseconds=1)) == []
    assert listed(sortable(first + timedelta(microseconds=1)), second) == of_second
    behind = position_of(first, of_first[9])
    assert listed(behind, first) == of_first[10:], "behind a position among those of one time"
    assert any_store.first_expiry() == first


def written(store: Store, *documents: tuple[DocumentKey, Document]) -> None:
    """Store these documents, each where none is stored."""
    for key, document in documents:
        assert store.commit(Commit(documents=(DocumentChange(key, document),))) is None


def case(number: int, account_id: AccountId = ADA, *, minute: float = 0) -> RefundCase:
    """A case that was opened at this minute."""
    return RefundCase(
        case_id=f"case_{number}",
        account_id=account_id,
        payment_id=PI,
        reason=RefundReason.CHANGED_MY_MIND,
        state=CaseState.IN_REVIEW,
        opened_at=at(minute),
        opened_by=account_id,
        correlation_id=f"req_{number}",
    )


def read_by_pages(read: Callable[[int, str | None], Page[_T]], limit: int) -> list[tuple[_T, ...]]:
    """Every page of a listing."""
    pages = [read(limit, None)]
    while pages[-1].next is not None:
        pages.append(read(limit, pages[-1].next))
    return [page.items for page in pages if page.items]


def test_cases_of_an_account_are_listed_by_pages_and_no_other_accounts(any_store: Store) -> None:
    """In the order of their ids, each once; the position is opaque and leads nowhere else."""
    mine, others = [case(number) for number in range(5)], case(9, AccountId("acct_ada2"))
    written(any_store, *((case_key(one.account_id, one.case_id), one) for one in (*mine, others)))
    written(
        any_store,
        (idempotency_key(ADA, "refund-requests", "key"), IdempotencyRecord(fingerprint="f", subject="case_0", at=NOON)),
    )
    pages = read_by_pages(lambda limit, after: any_store.cases_of(ADA, limit, after), 2)
    assert [[one.case_id for one in page] for page in pages] == [["case_0", "case_1"], ["case_2", "case_3"], ["case_4"]]
    assert {one.account_id for page in pages for one in page} == {ADA}
    assert any_store.cases_of(ADA, 2, "~").items == ()
    assert any_store.cases_of(ADA, 9, "case_2").items == tuple(replace(one, version=1) for one in mine[3:])


def test_the_review_queue_lists_cases_in_the_order_in_which_they_were_opened(any_store: Store) -> None:
    """Whatever their ids; page by page; what leaves it is gone from it."""
    opened = [case(number, minute=10 - number) for number in range(5)]
    queued = {one.case_id: QueuedCase(case_id=one.case_id, account_id=ADA, since=LATER) for one in opened}
    written(any_store, *((review_queue_key(one), queued[one.case_id]) for one in opened))
    pages = read_by_pages(any_store.review_queue, 3)
    assert [[one.case_id for one in page] for page in pages] == [["case_4", "case_3", "case_2"], ["case_1", "case_0"]]
    assert pages[0][0] == queued["case_4"]
    any_store.commit(Commit(documents=(DocumentChange(review_queue_key(opened[4]), None),)))
    assert [one.case_id for one in any_store.review_queue(9).items] == ["case_3", "case_2", "case_1", "case_0"]


def test_deferred_cases_intents_and_the_review_queue_do_not_mix(any_store: Store) -> None:
    """Each list has its own documents, all of them."""
    waiting = QueuedCase(case_id="case_1", account_id=ADA, since=LATER)
    intents = [
        RefundIntent(tag=f"case_{number}-1", account_id=ADA, payment_id=PI, approved_at=NOON) for number in range(3)
    ]
    written(
        any_store,
        (deferred_queue_key(case(1)), waiting),
        (review_queue_key(case(2)), replace(waiting, case_id="case_2")),
    )
    written(any_store, *((intent_key(intent.tag), intent) for intent in intents))
    assert list(any_store.deferred_cases()) == [waiting]
    assert sorted(intent.tag for intent in any_store.outbox()) == [intent.tag for intent in intents]
    assert [one.case_id for one in any_store.review_queue(9).items] == ["case_2"]


def test_renewals_to_stop_are_listed_the_oldest_first_and_removed_one_by_one(any_store: Store) -> None:
    """The same payment, lost anew, is another one: removing the first leaves the second."""
    first = RenewalStop(
        account_id=ADA,
        subscription_id="stripe:sub_1",
        payment_id=PaymentId("stripe:in_2"),
        since=NOON,
        cause="stripe:evt",
    )
    again = replace(first, since=LATER)
    other = replace(first, payment_id=PaymentId("stripe:in_1"), since=LATER)
    written(any_store, *((renewal_stop_key(stop), stop) for stop in (again, other, first)))
    assert list(any_store.renewal_stops()) == [first, other, again]
    any_store.commit(Commit(documents=(DocumentChange(renewal_stop_key(first), None),)))
    assert list(any_store.renewal_stops()) == [other, again]
    assert list(any_store.outbox()) == []


@pytest.mark.parametrize("is_payment_last", [False, True])
def test_a_lost_dispute_stops_the_renewals_of_its_subscription(any_store: Store, is_payment_last: bool) -> None:
    """The booking writes it, once; the provider is asked, and it is removed."""
    lost = event_of(dispute(DisputeState.LOST), names=(IN, PI))
    events = [paid(replace(RENEWED, subscription_id="stripe:sub_1")), lost]
    record_events(any_store, *(reversed(events) if is_payment_last else events))
    record_events(any_store, *events, event_of(dispute(DisputeState.LOST, minute=30), names=(IN, PI)))
    (stop,) = any_store.renewal_stops()
    assert (stop.subscription_id, stop.payment_id) == ("stripe:sub_1", IN)
    provider, key = FakeProvider(), renewal_stop_key(stop)
    results = [stop_renewals(key, any_store, lambda _: provider) for _ in range(2)]
    assert results == [StopResult.STOPPED, StopResult.DONE_BEFORE]
    assert (list(any_store.renewal_stops()), provider.calls) == ([], ["stop stripe:sub_1"])


def test_a_case_pointer_names_the_account_and_a_job_cursor_its_progress(any_store: Store) -> None:
    """Both are read by their keys, beside documents of other kinds, in one read."""
    pointer = CasePointer(case_id="case_1", account_id=ADA)
    cursor = JobCursor(after={"due": position_of(LATER, ADA)}, failed=frozenset({"x"}), deployment="1")
    written(any_store, (case_pointer_key("case_1"), pointer), (job_cursor_key("expire_credits"), cursor))
    names = frozenset({case_pointer_key("case_1"), case_pointer_key("case_2"), job_cursor_key("expire_credits")})
    known = any_store.read(Keys(documents=names))
    assert known.documents == {case_pointer_key("case_1"): pointer, job_cursor_key("expire_credits"): cursor}
    assert known.document(case_pointer_key("case_1"), QueuedCase) is None, "a pointer is no place in a queue"


def test_failed_runs_are_listed_from_a_time_on(any_store: Store) -> None:
    """The time itself included, oldest first, of this account alone."""
    failed = [FailedRun(run_id=f"run_{number}", credits=number, at=at(number)) for number in range(1, 5)]
    written(any_store, *((failed_run_key(ADA, run.at, run.run_id), run) for run in reversed(failed)))
    written(any_store, (failed_run_key(AccountId("acct_ada2"), at(3), "run_9"), replace(failed[0], run_id="run_9")))
    stored = [replace(run, version=1) for run in failed]
    assert list(any_store.failed_runs(ADA, at(2))) == stored[1:]
    assert list(any_store.failed_runs(ADA, at(2) + timedelta(microseconds=1))) == stored[2:]


def test_the_latest_closed_lot_is_found_between_two_ids(any_store: Store) -> None:
    """Both included; of this account, and none that is open."""
    ids = [f"period/stripe:{name}" for name in ("sub_1/2026-09", "sub_1/2026-10", "sub_1/2026-11", "sub_10/2026-09")]
    lots = {lot_id: Lot(lot_id=lot_id, granted=1, drawn=1) for lot_id in ids}
    for account_id, closed in ((ADA, ids[:2]), (AccountId("acct_ada2"), ids)):
        change = AccountChange(account_id=account_id, version=0, lots=lots, closed=frozenset(closed))
        assert any_store.commit(Commit(account=change)) is None
    first = "period/stripe:sub_1/"
    assert any_store.latest_closed_lot(ADA, first, f"{first}2026-11") == ids[1], "the latest one is open"
    assert any_store.latest_closed_lot(ADA, first, ids[0]) == ids[0]
    assert any_store.latest_closed_lot(ADA, ids[1], ids[1]) == ids[1]
    assert any_store.latest_closed_lot(ADA, first, first) is None
    assert any_store.latest_closed_lot(AccountId("acct_ad"), first, ids[1]) is None


def test_audit_records_are_listed_in_the_order_of_their_times(any_store: Store) -> None:
    """Of this account alone; subjects may contain any character."""
    records = [
        AuditRecord(
            actor="sam", action=AuditAction.HOLD, subject=f"dispute:#{n}", reason="x", at=at(n // 2), step=9 + n
        )
        for n in range(3)
    ]
    written(any_store, *((audit_key(ADA, record), record) for record in reversed(records)))
    written(any_store, (audit_key(AccountId("acct_ada2"), records[0]), replace(records[0], subject="x")))
    assert list(any_store.audit_records(ADA)) == records


def entry(step: int, kind: EntryKind, *, second: float, lot_id: str = "order/ord_1/0") -> Entry:
    """An entry that this step of its account wrote."""
    return Entry(
        entry_id=f"{lot_id}/{step}/{kind}/{CounterAccount.REFUNDS}",
        account_id=ADA,
        kind=kind,
        counter=CounterAccount.REFUNDS,
        lot_id=lot_id,
        credits=0,
        cause="case:1",
        occurred_at=NOON + timedelta(seconds=second),
        recorded_at=LATER,
        correlation_id="req_1",
        step=step,
    )


def test_within_one_second_a_statement_follows_the_order_in_which_the_account_changed(any_store: Store) -> None:
    """Our clock has microseconds, a provider's has seconds: a clawback never stands below what was reserved for it.

    Nor does the tenth change stand below the ninth, or a lot's name decide.
    """
    reserved = entry(9, EntryKind.RESERVE, second=0.75)
    released = entry(10, EntryKind.RELEASE, second=0)
    taken = entry(10, EntryKind.CLAWBACK, second=0)
    other_lot = entry(11, EntryKind.CLAWBACK, second=0.5, lot_id="a lot that sorts first/0")
    before, after = entry(99, EntryKind.DRAW, second=-0.5), entry(1, EntryKind.DRAW, second=1)
    any_store.commit(Commit(entries=(taken, other_lot, reserved, released, after, before)))
    newest_first = [after, other_lot, taken, released, reserved, before]
    assert list(any_store.entries(ADA)) == newest_first
    pages = read_by_pages(lambda limit, after: any_store.statement_page(ADA, limit, after)[1], 2)
    assert [one for page in pages for one in page] == newest_first
    assert list(any_store.entries(ADA, NOON + timedelta(seconds=0.5))) == [after, other_lot, reserved]


def test_a_reservation_never_stands_above_its_own_clawback(any_store: Store) -> None:
    """Approved half a second after the provider's second in which its refund was reported."""
    record_events(any_store, paid())
    case = request_refund(any_store, refund_claim(), minute=60)
    half = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("Half.",), clause="6", money_minor=1000)
    decided_at = at(70) + timedelta(milliseconds=500)
    case = decide_case(case.case_id, half, "sam", any_store, POLICY, now=decided_at)
    record_events(any_store, event_of(replace(refund(1000, minute=70), tag=case.tag)))
    kinds = [entry.kind for entry in any_store.entries(ADA)]
    assert kinds == [EntryKind.CLAWBACK, EntryKind.RELEASE, EntryKind.RESERVE, EntryKind.GRANT]


def test_a_subscription_is_written_over_the_version_that_was_read_alone(any_store: Store) -> None:
    """Two events of one second must both be kept: the second write has not read the first, so it is refused."""
    state = Subscription(
        subscription_id="stripe:sub_1", status=SubscriptionStatus.ACTIVE, at=at(0), cause="stripe:evt_1", account_id=ADA
    )
    later = replace(state, status=SubscriptionStatus.PAST_DUE, cause="stripe:evt_2", left=state.state_id)
    names = Keys(subscriptions=frozenset({"stripe:sub_1"}))
    assert any_store.commit(Commit(subscription=state)) is None
    assert any_store.commit(Commit(subscription=later)) is not None, "one is stored already"
    stored = any_store.read(names).subscriptions["stripe:sub_1"]
    assert any_store.commit(Commit(subscription=stored.merge(later))) is None
    assert any_store.commit(Commit(subscription=stored.merge(replace(later, cause="stripe:evt_3")))) is not None
    both = any_store.read(names).subscriptions["stripe:sub_1"]
    assert (both.status, both.left, both.instant) == (SubscriptionStatus.PAST_DUE, state.state_id, (state,))


def test_a_purchase_that_was_read_has_no_new_facts(any_store: Store) -> None:
    """Until some are added: what has none need not be written again."""
    record_events(any_store, paid())
    home = any_store.read(Keys(payments=frozenset({PI}))).home_of(PI)
    assert home
    assert not home.has_new_facts
    assert home.with_facts(refund()).has_new_facts
    record_events(any_store, event_of(refund()))
    home = any_store.read(Keys(payments=frozenset({PI}))).home_of(PI)
    assert home
    assert not home.has_new_facts
