"""What DynamoDB does at AWS and at no local engine: held by the fake, and by AWS's engine behind what plays it.

Secondary indexes lag behind the table, each in its own time. Batches and pages end before they are whole.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.disputes import Awaits
from ledger.domain.facts import EvidenceState
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.receipts import ParkReason, Receipt, RecordOutcome, Trigger
from ledger.domain.refund_cases import CaseState, DecidedList, FollowStage, RefundReason
from ledger.domain.runs import FailedRun
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.commit import Commit
from ledger.ports.documents import audit_key, case_key, failed_run_key, sortable
from ledger.ports.reads import Keys, Page, ParkedName
from ledger.ports.store import Store
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.send_refunds import SendResult, send_refund
from tests.conftest import connection_to, store_at
from tests.contract.test_cases import HALF
from tests.contract.test_store import account, case, parked, read_by_pages, written
from tools.testing.aws import LaggingIndexes, ShortAnswers
from tools.testing.builders import (
    ADA,
    CH,
    LATER,
    NOON,
    PI,
    POLICY,
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
from tools.testing.fakes import FakeProvider, FakeStore
from tools.testing.unguarded import decide_case, expire_credits, follow_all, lift_hold, release_all

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Lagging:
    """A store, and what brings its indexes to what is stored."""

    store: Store
    catch_up: Callable[[], None]


@pytest.fixture(params=["fake", "dynamodb-local"])
def lagging(request: pytest.FixtureRequest) -> Lagging:
    """A store whose indexes lag until they are told to catch up."""
    if request.param == "fake":
        fake = FakeStore(is_lagging=True)
        return Lagging(fake, fake.catch_up)
    endpoint = request.getfixturevalue("dynamodb_local")
    table, copy = (store_at(endpoint)._table for _ in range(2))  # noqa: SLF001 - made here
    indexes = LaggingIndexes(connection_to(endpoint), table, copy)
    return Lagging(DynamoDBStore(table, indexes), indexes.catch_up)  # type: ignore[arg-type]


@pytest.fixture(params=["fake", "dynamodb-local"])
def short(request: pytest.FixtureRequest) -> Store:
    """A store whose batches are left half read, and whose pages end after two rows."""
    if request.param == "fake":
        return FakeStore(rows=2)
    return store_at(request.getfixturevalue("dynamodb_local"), around=ShortAnswers)


def released(receipt: Receipt) -> Receipt:
    """A parked receipt after its release."""
    return replace(receipt, outcome=RecordOutcome.BOOKED, parked_reason=None, detail="", body=None)


def parked_ids(store: Store, trigger: Trigger = Trigger.DEPLOYMENT) -> list[str]:
    """What the index says waits for this trigger."""
    return [name.event_id for name in store.parked_names(trigger)]


def test_what_was_just_written_is_read_by_its_key_and_in_no_index_yet(lagging: Lagging) -> None:
    """The port promises no more of an index; whatever money rests on is read by keys."""
    store, ends_at = lagging.store, at(60 * 24 * 30)
    store.commit(Commit(receipt=parked()))
    record_events(store, event_of(refund(), names=(PaymentId("stripe:pi_waits"),)))
    record_events(store, paid(payment(expires_at=ends_at)))
    approved = decide_case(request_refund(store, refund_claim()).case_id, HALF, "sam", store, POLICY, now=at(70))

    def indexed() -> list[list[object]]:
        return [
            list(parked_ids(store)),
            [waiting.payment_id for waiting in store.waiting_payments(LATER)],
            [purchase.payment_id for purchase in store.purchases_of(ADA, 5).items],
            [name.case_id for name in store.followed_cases(FollowStage.UNDER_WAY)],
            [one.account_id for one in store.expiring(sortable(NOON), ends_at)],
        ]

    assert indexed() == [[], [], [], [], []]
    assert list(store.customer_receipts("stripe:cus_1"))
    assert account(store).balance == 1000
    assert store.read(Keys(payments=frozenset({PI}))).home_of(PI)
    assert [kept.case_id for kept in store.cases_of(ADA, 5).items] == [approved.case_id]
    assert [intent.tag for intent in store.outbox()] == [approved.tag]
    lagging.catch_up()
    assert indexed() == [["evt_parked_1"], ["stripe:pi_waits"], [PI], [approved.case_id], [ADA]]


def test_what_an_index_still_lists_is_read_as_it_is_now(lagging: Lagging) -> None:
    """A name that is old leads to what is stored, or to nothing; an old row never shows an old object."""
    store = lagging.store
    store.commit(Commit(receipt=parked()))
    record_events(store, paid())
    lagging.catch_up()
    store.commit(Commit(receipt=released(parked())))
    record_events(store, event_of(refund(500)))
    assert parked_ids(store) == ["evt_parked_1"]
    assert list(store.parked_receipts()) == []
    (purchase,) = store.purchases_of(ADA, 5).items
    assert purchase.refundable_minor == 1500


def test_the_lists_of_support_show_what_is_stored_and_nothing_that_they_alone_still_name(lagging: Lagging) -> None:
    """A dispute that was answered waits for nobody here; an account whose hold was lifted is not suspended."""
    store = lagging.store
    asked = replace(dispute(), evidence_due_at=at(600))
    record_events(store, paid(), event_of(asked))
    lagging.catch_up()
    (waiting,) = store.open_disputes(Awaits.EVIDENCE, 5).items
    (held,) = store.suspended_accounts(5).items
    assert (waiting.payment_id, held.account_id) == (PI, ADA)
    record_events(store, event_of(replace(asked, evidence=EvidenceState.SUBMITTED, at=at(60))))
    assert [store.open_disputes(awaits, 5).items for awaits in Awaits] == [(), ()]
    lift_hold(next(iter(held.holds)), ADA, "sam", store, why="It was his.", now=at(70))
    assert store.suspended_accounts(5).items == ()
    lagging.catch_up()
    assert [one.payment_id for one in store.open_disputes(Awaits.BANK, 5).items] == [PI]
    assert store.suspended_accounts(5).items == ()


def test_a_decided_case_is_listed_as_it_stands(lagging: Lagging) -> None:
    """One that was overturned since is no decline of the policy any more, whatever the index still says."""
    store = lagging.store
    record_events(store, paid())
    late = 60 * 24 * 500  # minutes: the right of withdrawal is over
    case = request_refund(store, refund_claim(RefundReason.CHANGED_MY_MIND), minute=late)
    assert store.decided_cases(DecidedList.DECLINED_BY_POLICY, 5).items == ()
    lagging.catch_up()
    (listed,) = store.decided_cases(DecidedList.DECLINED_BY_POLICY, 5).items
    assert listed.case_id == case.case_id
    decide_case(case.case_id, HALF, "sam", store, POLICY, now=at(late + 10), may_overturn=True)
    assert [store.decided_cases(name, 5).items for name in DecidedList] == [(), ()]
    lagging.catch_up()
    assert [[one.case_id for one in store.decided_cases(name, 5).items] for name in DecidedList] == [[], [case.case_id]]


def test_a_receipt_that_two_partitions_of_the_index_name_is_read_once(any_store: Store) -> None:
    """It was parked again, for another reason, between the two queries. DynamoDB refuses a batch with a key twice."""
    any_store.commit(Commit(receipt=parked(1)))
    any_store.commit(Commit(receipt=parked(2)))
    names = list(any_store.parked_names(Trigger.DEPLOYMENT))
    again = replace(parked(1), parked_reason=ParkReason.NO_ACCOUNT)
    any_store.commit(Commit(receipt=again))
    names += any_store.parked_names(Trigger.FACTS)
    assert len(names) == 3
    found = list(any_store.parked_receipts(names))
    assert sorted(receipt.event_id for receipt in found) == ["evt_parked_1", "evt_parked_2"]


def test_a_parked_event_that_the_index_did_not_have_is_tried_in_the_next_round(lagging: Lagging) -> None:
    """The round before has moved its cursor past it. What it released is not released again."""
    store = lagging.store
    tried: list[str] = []

    def translate(receipt: Receipt) -> None:
        tried.append(receipt.event_id)

    store.commit(Commit(receipt=parked(1)))
    lagging.catch_up()
    store.commit(Commit(receipt=parked(2)))
    release_all(translate, "1", store, now=LATER + timedelta(seconds=1))
    assert tried == ["evt_parked_1"]
    store.commit(Commit(receipt=released(parked(1))))
    release_all(translate, "1", store, now=LATER + timedelta(minutes=5))
    assert tried == ["evt_parked_1"], "the index still names it: it was released, so it is not tried"
    lagging.catch_up()
    release_all(translate, "1", store, now=LATER + timedelta(minutes=10))
    assert tried == ["evt_parked_1", "evt_parked_2"]


def test_a_grant_that_the_index_did_not_have_expires_in_the_next_round(lagging: Lagging) -> None:
    """It was granted minutes before the day on which it ends; the round before has passed that day."""
    store, ends_at = lagging.store, NOON.replace(hour=23, minute=58)
    record_events(store, paid(payment(expires_at=ends_at)), now=ends_at)
    assert expire_credits(store, now=ends_at + timedelta(minutes=10)) == {}
    lagging.catch_up()
    assert expire_credits(store, now=ends_at + timedelta(hours=1, minutes=10)) == {ADA: 1000}


def test_a_case_that_the_index_did_not_have_is_followed_in_the_next_round(lagging: Lagging) -> None:
    """And one that it lists under its former stage is followed as it is."""
    store, provider = lagging.store, FakeProvider()
    record_events(store, paid())
    approved = decide_case(request_refund(store, refund_claim()).case_id, HALF, "sam", store, POLICY, now=at(70))
    assert send_refund(approved.tag, store, lambda _: provider, clock=lambda: at(72)) is SendResult.SENT
    record_events(store, event_of(refund(1000, refund_id=provider.refunds[0][1].refund_id), names=(PI, CH)))
    assert follow_all(store, now=at(80)) == []
    lagging.catch_up()
    assert [one.state for one in follow_all(store, now=at(90))] == [CaseState.REFUNDED]
    assert [name.case_id for name in store.followed_cases(FollowStage.UNDER_WAY)] == [approved.case_id]
    assert follow_all(store, now=at(100)) == []


def test_nobody_spends_or_is_refunded_by_what_an_index_says(lagging: Lagging) -> None:
    """A refund in full, while the index has nothing or something old, takes all credits and no more money."""
    store, provider = lagging.store, FakeProvider(paid_minor={PI: 2000})
    record_events(store, paid(), event_of(refund(500)))
    lagging.catch_up()
    record_events(store, event_of(refund(500, refund_id="re_2", minute=12)))
    all_of_it = ReviewDecision(outcome=HALF.outcome, words=("All.",), clause="6", money_minor=1000)
    approved = decide_case(request_refund(store, refund_claim()).case_id, all_of_it, "sam", store, POLICY, now=at(70))
    assert send_refund(approved.tag, store, lambda _: provider, clock=lambda: at(72)) is SendResult.SENT
    assert (provider.refunded_minor, account(store).spendable(at(80))) == (1000, 0)


def test_a_batch_is_read_whole_however_little_one_call_reads(short: Store) -> None:
    """Whatever was left unread looks like nothing: a payment that nobody has paid, an account without credits."""
    accounts = [AccountId(f"acct_{number}") for number in range(70)]
    for number, account_id in enumerate(accounts):
        record_events(short, paid(payment(PaymentId(f"stripe:pi_{number}"), account_id=account_id)))
    found = short.read(Keys(accounts=frozenset(accounts)))
    assert found.accounts.keys() == set(accounts)
    for number in range(70):
        short.commit(Commit(receipt=parked(number)))
    names = [ParkedName(f"stripe:cus_{number}", f"evt_parked_{number}", LATER) for number in range(70)]
    assert len(list(short.parked_receipts(names))) == 70


def test_a_listing_is_whole_however_early_its_pages_end(short: Store) -> None:
    """By key and by index."""
    days = [AccountId(f"acct_{number}") for number in range(9)]
    ends_at = at(60 * 24 * 30)
    for number, account_id in enumerate(days):
        short.commit(Commit(receipt=parked(number)))
        paid_by = payment(PaymentId(f"stripe:pi_{number}"), account_id=account_id, expires_at=ends_at)
        record_events(short, paid(paid_by), event_of(refund(), names=(PaymentId(f"stripe:pi_waits_{number}"),)))
        record_events(short, paid(payment(PaymentId(f"stripe:pi_ada_{number}"), minute=number)))
        run = FailedRun(run_id=f"run_{number}", credits=1, at=at(number))
        written(short, (failed_run_key(ADA, run.at, run.run_id), run))
        record = AuditRecord(actor="sam", action=AuditAction.HOLD, subject="x", reason="", at=at(number), step=number)
        written(short, (audit_key(ADA, record), record))
    assert len(parked_ids(short)) == 9
    assert len(list(short.waiting_payments(LATER))) == 9
    assert [one.account_id for one in short.expiring(sortable(NOON), ends_at)] == days
    assert len(list(short.entries(ADA))) == 9
    assert len(list(short.failed_runs(ADA, NOON))) == 9
    assert len(list(short.audit_records(ADA))) == 9
    assert expire_credits(short, now=ends_at + DAY) == dict.fromkeys(days, 1000)


def test_a_page_that_ends_before_its_limit_names_the_next(short: Store) -> None:
    """Who takes a short page for the last one loses the rest."""
    cases = [case(number) for number in range(4)]
    written(short, *((case_key(ADA, one.case_id), one) for one in cases))
    page = short.cases_of(ADA, 100)
    assert len(page.items) == 2
    listed = read_by_pages(lambda limit, after: short.cases_of(ADA, limit, after), 100)
    assert [one.case_id for part in listed for one in part] == [one.case_id for one in cases]
    for number in range(4):
        record_events(short, paid(payment(PaymentId(f"stripe:pi_{number}"), minute=number)))
    purchases = read_by_pages(lambda limit, after: short.purchases_of(ADA, limit, after), 100)
    newest_first = [at(number) for number in reversed(range(4))]
    assert [one.payment.at for part in purchases for one in part if one.payment] == newest_first
    entries = read_by_pages(lambda limit, after: short.statement_page(ADA, limit, after)[1], 100)
    assert [one.occurred_at for part in entries for one in part] == newest_first
    assert short.cases_of(ADA, 2, short.cases_of(ADA, 2).next).next is not None
    assert short.cases_of(AccountId("acct_nobody"), 2) == Page((), None)


def test_what_a_customers_first_payment_did_not_release_is_released_by_the_schedule(lagging: Lagging) -> None:
    """The index lacked it when the payment was published; once it names it, a release has been before it or not."""
    store = lagging.store
    waiting = replace(parked(1), parked_reason=ParkReason.NO_ACCOUNT)
    store.commit(Commit(receipt=waiting))
    assert list(store.parked_of_customer("stripe:cus_1")) == []
    tried: list[str] = []

    def translate(receipt: Receipt) -> None:
        tried.append(receipt.event_id)

    lagging.catch_up()
    release_all(translate, "1", store, now=LATER + timedelta(minutes=5))
    assert tried == ["evt_parked_1"]
    assert list(store.parked_of_customer("stripe:cus_1")) == [waiting]
    store.commit(Commit(receipt=released(waiting)))
    assert list(store.parked_of_customer("stripe:cus_1")) == []
