"""Many callers at one moment, on AWS's own engine: nothing is booked twice, nothing is lost."""

from collections import Counter
from collections.abc import Callable

from ledger.domain.errors import AccountSuspended, InsufficientCredits, StoreUnavailable
from ledger.domain.events import Event
from ledger.domain.facts import DisputeState
from ledger.domain.ids import PaymentId
from ledger.domain.receipts import RecordOutcome
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.reads import Keys
from ledger.usecases.usage import draw_credits
from tools.testing.builders import ADA, LATER, dispute, event_of, paid, payment, record_events, refund
from tools.testing.races import assert_sound, at_once

THREADS = 64


def delivered(store: DynamoDBStore, event: Event) -> Callable[[], RecordOutcome]:
    """A provider's patience: deliver until it is answered 200."""

    def deliver() -> RecordOutcome:
        for _ in range(50):
            try:
                return record_events(store, event)[0].outcome
            except StoreUnavailable:
                continue
        raise AssertionError("fifty deliveries were not enough")

    return deliver


def test_one_event_from_64_threads_is_one_grant(real_store: DynamoDBStore) -> None:
    """The same delivery at the same moment: one is booked, the others find it booked."""
    event = paid(payment(fulfilment_key="order/ord_1"))
    outcomes = Counter(at_once([delivered(real_store, event)] * THREADS))
    assert outcomes == {RecordOutcome.BOOKED: 1, RecordOutcome.ALREADY_BOOKED: THREADS - 1}
    assert len(list(real_store.entries(ADA))) == 1
    assert_sound(real_store)


def test_different_payments_of_one_account_at_once_are_all_booked(real_store: DynamoDBStore) -> None:
    """A hot account loses nothing."""
    events = [paid(payment(PaymentId(f"stripe:pi_{n}"), fulfilment_key=f"order/ord_{n}")) for n in range(THREADS)]
    assert Counter(at_once([delivered(real_store, event) for event in events])) == {RecordOutcome.BOOKED: THREADS}
    account = real_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]
    assert (account.balance, account.version) == (1000 * THREADS, THREADS)
    assert_sound(real_store)


def test_payment_refunds_and_disputes_of_one_purchase_at_once_converge(real_store: DynamoDBStore) -> None:
    """Facts about one purchase race each other and their payment; the end is the same as in any order."""
    events = [
        paid(),
        *(event_of(refund(100, refund_id=f"re_{n}", minute=10 + n)) for n in range(8)),
        event_of(dispute(DisputeState.OPEN, 400, minute=20)),
        event_of(dispute(DisputeState.LOST, 400, minute=30)),
    ]
    at_once([delivered(real_store, event) for event in events])
    account = real_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]
    assert (account.balance, account.status) == (1000 - 400 - 200, "suspended")
    assert_sound(real_store)


def test_spending_and_a_clawback_cant_both_win(real_store: DynamoDBStore) -> None:
    """Runs draw while the money goes back: what was drawn is owed, what was not is taken, never both."""
    record_events(real_store, paid())

    def run(number: int) -> Callable[[], int]:
        def draw() -> int:
            for _ in range(50):
                try:
                    return sum(draw_credits(ADA, f"run_{number}", 50, real_store, now=LATER).drawn.values())
                except (InsufficientCredits, AccountSuspended):
                    return 0
                except StoreUnavailable:
                    continue
            raise AssertionError("fifty tries were not enough")

        return draw

    drawn = at_once([*(run(number) for number in range(24)), delivered(real_store, event_of(refund(2000)))])
    total = sum(amount for amount in drawn if isinstance(amount, int))
    account = real_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]
    assert (account.balance, account.shortfall) == (0, total)
    assert_sound(real_store)


def test_two_payments_of_one_order_at_once_have_one_original(real_store: DynamoDBStore) -> None:
    """Whoever is first, the lower by (time, id) is the original in the end."""
    rivals = [
        paid(payment(PaymentId(f"stripe:pi_{n}"), fulfilment_key="order/ord_1", minute=20 - n)) for n in range(10)
    ]
    at_once([delivered(real_store, event) for event in rivals])
    known = real_store.read(Keys(fulfilment_keys=frozenset({"order/ord_1"}), accounts=frozenset({ADA})))
    assert known.fulfilment_keys["order/ord_1"].payment_id == "stripe:pi_9"
    assert known.accounts[ADA].balance == 1000
    assert_sound(real_store)
