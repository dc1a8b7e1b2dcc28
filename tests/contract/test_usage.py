"""Runs that fail give back, what lapses is written down; over every store."""

from datetime import datetime, timedelta

import pytest

from ledger.domain.accounts import Account
from ledger.domain.entries import Entry, EntryKind
from ledger.domain.errors import IdempotencyKeyReused, InsufficientCredits, RunFailed
from ledger.domain.facts import RefundState
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.purchases import Purchase
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.usage import draw_credits, fail_run
from tools.testing.builders import ADA, IN, LATER, at, event_of, paid, payment, record_events, refund
from tools.testing.unguarded import expire_credits

PERIOD = "period/stripe:sub_1/2026-11-01T00:00:00Z"
END = LATER + timedelta(days=1)
AFTER = END + timedelta(minutes=1)


def account(store: Store) -> Account:
    """Ada's account."""
    return store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]


def kinds(store: Store) -> list[EntryKind]:
    """The kinds of Ada's entries, oldest first."""
    return [entry.kind for entry in store.entries(ADA)][::-1]


def subscribed(store: Store, ends_at: datetime = END) -> None:
    """Ada has a pack and a subscription's period, 1,000 credits each."""
    record_events(store, paid(), paid(payment(IN, fulfilment_key=PERIOD, expires_at=ends_at)))


def test_a_failed_run_gives_back_what_it_drew_once(any_store: Store) -> None:
    """To the lots that it came from, however often the failure is reported."""
    subscribed(any_store)
    draw_credits(ADA, "run_1", 1200, any_store, now=LATER)
    failed = [fail_run(ADA, "run_1", any_store, now=LATER) for _ in range(2)]
    assert failed[0] == failed[1]
    assert {lot.remaining for lot in account(any_store).lots.values()} == {1000}
    assert kinds(any_store).count(EntryKind.RETURN) == 2
    causes = [entry.cause for entry in any_store.entries(ADA) if entry.kind in {EntryKind.DRAW, EntryKind.RETURN}]
    assert causes == ["run:run_1"] * 4


def test_a_run_draws_one_number_of_credits(any_store: Store) -> None:
    """Its id can't be drawn again with another number."""
    subscribed(any_store)
    draw_credits(ADA, "run_1", 1200, any_store, now=LATER)
    with pytest.raises(IdempotencyKeyReused, match="drew 1200"):
        draw_credits(ADA, "run_1", 1, any_store, now=LATER)


@pytest.mark.parametrize("credits_", [1200, 1])
def test_a_failed_run_never_draws_again_under_its_id(any_store: Store, credits_: int) -> None:
    """Its credits were returned: answering as if it had drawn would make the repetition free."""
    subscribed(any_store)
    draw_credits(ADA, "run_1", 1200, any_store, now=LATER)
    fail_run(ADA, "run_1", any_store, now=LATER)
    with pytest.raises(RunFailed, match="run_1"):
        draw_credits(ADA, "run_1", credits_, any_store, now=LATER)
    assert account(any_store).spendable(LATER) == 2000


def test_a_failure_reported_before_its_draw_refuses_the_late_draw(any_store: Store) -> None:
    """Whether or not the account is known. The failure is evidence, reported however often, and returns nothing."""
    for account_id in (ADA, AccountId("acct_ben")):
        failed = [fail_run(account_id, "run_1", any_store, now=now, error="E1") for now in (at(1), LATER)]
        assert failed[0] == failed[1]
        assert (failed[0].drawn, failed[0].failed_at) == ({}, at(1))
        assert [(run.credits, run.error) for run in any_store.failed_runs(account_id, at(0))] == [(0, "E1")]
    subscribed(any_store)
    with pytest.raises(RunFailed):
        draw_credits(ADA, "run_1", 1, any_store, now=LATER)
    assert account(any_store).spendable(LATER) == 2000


def test_a_failure_names_the_run_of_its_own_account(any_store: Store) -> None:
    """Another account's run of this id keeps what it drew."""
    subscribed(any_store)
    draw_credits(ADA, "run_1", 1, any_store, now=LATER)
    fail_run(AccountId("acct_ben"), "run_1", any_store, now=LATER)
    assert sum(draw_credits(ADA, "run_1", 1, any_store, now=LATER).drawn.values()) == 1


def test_a_run_that_emptied_a_lot_opens_it_again_when_it_fails(any_store: Store) -> None:
    """The pack had left the account."""
    record_events(any_store, paid())
    draw_credits(ADA, "run_1", 1000, any_store, now=LATER)
    assert not account(any_store).lots
    fail_run(ADA, "run_1", any_store, now=LATER)
    assert account(any_store).spendable(LATER) == 1000


def test_what_comes_back_to_a_refunded_lot_pays_its_debt(any_store: Store) -> None:
    """The money went back while the run was under way: its credits are not given twice."""
    record_events(any_store, paid())
    draw_credits(ADA, "run_1", 400, any_store, now=LATER)
    record_events(any_store, event_of(refund(2000)))
    assert account(any_store).shortfall == 400
    fail_run(ADA, "run_1", any_store, now=LATER)
    stored = account(any_store)
    assert (stored.balance, stored.shortfall) == (0, 0)


def test_a_debt_lowers_what_can_be_drawn(any_store: Store) -> None:
    """400 are owed of a pack that was refunded, so 600 of the next pack can be spent. A setting spares them."""
    record_events(any_store, paid())
    draw_credits(ADA, "run_1", 400, any_store, now=LATER)
    record_events(any_store, event_of(refund(2000)), paid(payment(PaymentId("stripe:pi_2"), minute=1)))
    assert (account(any_store).balance, account(any_store).spendable(LATER)) == (1000, 600)
    with pytest.raises(InsufficientCredits) as refused:
        draw_credits(ADA, "run_2", 601, any_store, now=LATER)
    assert refused.value.missing == 1
    draw_credits(ADA, "run_2", 600, any_store, now=LATER)
    assert account(any_store).spendable(LATER) == 0
    draw_credits(ADA, "run_3", 400, any_store, now=LATER, is_debt_withheld=False)
    assert account(any_store).balance == 0


def test_what_comes_back_to_a_lapsed_lot_lapses(any_store: Store) -> None:
    """Whether or not its lapse was written down before."""
    for number, is_written_down in enumerate((True, False)):
        ada_run = f"run_{number}"
        period = PERIOD.replace("sub_1", f"sub_{number}")
        record_events(any_store, paid(payment(PaymentId(f"stripe:in_{number}"), fulfilment_key=period, expires_at=END)))
        draw_credits(ADA, ada_run, 100, any_store, now=LATER)
        if is_written_down:
            expire_credits(any_store, now=AFTER)
        fail_run(ADA, ada_run, any_store, now=AFTER)
        assert (account(any_store).balance, account(any_store).spendable(AFTER)) == (0, 0)


def test_expiry_is_an_instant_and_the_job_only_writes_it_down(any_store: Store) -> None:
    """Lapsed credits can't be drawn though the job is late; the job books each lapse once, as of its instant."""
    subscribed(any_store)
    assert account(any_store).spendable(END - timedelta(microseconds=1)) == 2000
    with pytest.raises(InsufficientCredits):
        draw_credits(ADA, "run_1", 1001, any_store, now=END)
    assert expire_credits(any_store, now=END - timedelta(seconds=1)) == {}
    assert expire_credits(any_store, now=AFTER) == {ADA: 1000}
    assert expire_credits(any_store, now=AFTER + timedelta(hours=1)) == {}
    (entry,) = [entry for entry in any_store.entries(ADA) if entry.kind is EntryKind.EXPIRE]
    assert (entry.credits, entry.occurred_at) == (-1000, END)
    assert next(iter(account(any_store).lots.values())).expires_at is None


def test_expiry_catches_up_after_weeks(any_store: Store) -> None:
    """A job that did not run for long goes through every day that it missed."""
    subscribed(any_store)
    expire_credits(any_store, now=LATER)
    assert expire_credits(any_store, now=END + timedelta(days=40)) == {ADA: 1000}


def test_what_is_booked_after_its_lapse_lapses_too(any_store: Store) -> None:
    """A renewal may be told days after its period, a refund may fail long after it: the job has passed that day."""
    days_later = END + timedelta(days=5)
    subscribed(any_store)
    expire_credits(any_store, now=days_later)
    other = PERIOD.replace("sub_1", "sub_2")
    record_events(
        any_store, paid(payment(PaymentId("stripe:in_2"), fulfilment_key=other, expires_at=END)), now=days_later
    )
    assert expire_credits(any_store, now=days_later + timedelta(hours=1)) == {ADA: 1000}
    failed = refund(2000, state=RefundState.FAILED, minute=30)
    record_events(
        any_store, *(event_of(fact, names=(IN,)) for fact in (refund(2000), failed)), now=days_later + timedelta(days=9)
    )
    assert expire_credits(any_store, now=days_later + timedelta(days=10)) == {ADA: 1000}
    assert account(any_store).balance == 1000, "the pack's"


def test_a_first_run_writes_down_what_lapsed_before_it(any_store: Store) -> None:
    """A job that failed since the first day has no cursor to catch up from."""
    subscribed(any_store)
    assert expire_credits(any_store, now=END + timedelta(days=20)) == {ADA: 1000}


def test_pages_of_entries_and_purchases_are_whole_and_newest_first(any_store: Store) -> None:
    """Page after page, each thing once."""
    for number in range(7):
        record_events(any_store, paid(payment(PaymentId(f"stripe:pi_{number}"), minute=number)))
    record_events(any_store, paid(payment(PaymentId("stripe:pi_ben"), account_id=AccountId("acct_ben"))))
    entries: list[Entry] = []
    purchases: list[Purchase] = []
    after = None
    while True:
        with_account, page = any_store.statement_page(ADA, 3, after)
        assert (with_account is None) == (after is not None)
        entries += page.items
        if (after := page.next) is None:
            break
    while True:
        found = any_store.purchases_of(ADA, 3, after)
        purchases += found.items
        if (after := found.next) is None:
            break
    assert [entry.occurred_at for entry in entries] == [at(number) for number in reversed(range(7))]
    assert [purchase.payment_id for purchase in purchases] == [f"stripe:pi_{number}" for number in reversed(range(7))]


def test_what_lapsed_before_it_was_heard_is_written_down_all_the_same(any_store: Store) -> None:
    """A period's payment released from parking after its end; the day of its lapse was done long ago."""
    expire_credits(any_store, now=AFTER + timedelta(days=9))
    received_at = AFTER + timedelta(days=10)
    record_events(any_store, paid(payment(IN, fulfilment_key=PERIOD, expires_at=END)), now=received_at)
    assert expire_credits(any_store, now=received_at + timedelta(hours=1)) == {ADA: 1000}
    assert account(any_store).balance == 0


def test_what_a_failed_refund_restores_to_a_lapsed_lot_lapses(any_store: Store) -> None:
    """Its lot had nothing left to lapse on the day."""
    failed = refund(2000, state=RefundState.FAILED, minute=30)
    record_events(
        any_store, paid(payment(IN, fulfilment_key=PERIOD, expires_at=END)), event_of(refund(2000), names=(IN,))
    )
    assert expire_credits(any_store, now=AFTER + timedelta(days=9)) == {}
    record_events(any_store, event_of(failed, names=(IN,)), now=AFTER + timedelta(days=10))
    assert expire_credits(any_store, now=AFTER + timedelta(days=10, hours=1)) == {ADA: 1000}
    assert account(any_store).balance == 0
