"""The store's promise, held by every store: the fake, moto, MiniStack and AWS's own engine."""

from dataclasses import replace

import pytest

from ledger.domain.errors import AccountSuspended, InsufficientCredits
from ledger.domain.facts import DisputeState, RefundState
from ledger.domain.receipts import ParkReason, Receipt, RecordOutcome
from ledger.ports.commit import Commit, PaymentPointer
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.holds import lift_hold
from ledger.usecases.usage import draw_credits
from tools.testing.builders import ADA, CH, IN, LATER, NOON, PI, at, dispute, paid, payment, refund, says, tell


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
        customer_id=f"stripe:cus_{number}",
        parked_reason=ParkReason.UNKNOWN_PRICE,
        detail="price_x",
        body=b'{"id": "evt_parked"}',
    )


def test_a_grant_is_written_once_however_often_it_is_heard(any_store: Store) -> None:
    """The same event again, and another event of the same payment, find it booked."""
    event = paid()
    outcomes = [recorded.outcome for recorded in tell(any_store, event, event, paid())]
    assert outcomes == [RecordOutcome.BOOKED, RecordOutcome.ALREADY_BOOKED, RecordOutcome.ALREADY_BOOKED]
    assert account(any_store).balance == 1000
    assert len(list(any_store.entries(ADA))) == 1


def test_another_event_of_a_payment_that_knows_more_names_links_them(any_store: Store) -> None:
    """It books nothing more; what is said under the new name finds the payment."""
    linking = replace(paid(), names=(PI, CH))
    outcomes = [recorded.outcome for recorded in tell(any_store, paid(), linking, says(refund(500), names=(CH,)))]
    assert outcomes == [RecordOutcome.BOOKED] * 3
    assert account(any_store).balance == 750
    assert len(list(any_store.entries(ADA))) == 2


def test_everything_read_back_equals_what_was_written(any_store: Store) -> None:
    """Facts, names, lots, holds, flags, claims and entries survive the way into the store and out again."""
    settled = payment(fulfilment_key="order/ord_1", overcharge_minor=100, expires_at=at(60 * 24 * 60))
    tell(any_store, paid(settled), says(refund(600), dispute(), minute=21))
    known = any_store.read(
        Keys(frozenset({PI, CH}), frozenset({ADA}), frozenset({"order/ord_1"}), frozenset(), frozenset())
    )
    purchase = known.home_of(CH)
    assert purchase is not None
    assert known.payments[CH] == PaymentPointer(name=CH, to=PI, account_id=ADA)
    assert purchase.payment == settled
    assert purchase.facts == {fact.key: fact for fact in (settled, refund(600), dispute())}
    assert purchase.names == {PI, CH}
    assert known.fulfilment_keys["order/ord_1"].payment_id == PI
    lot = known.accounts[ADA].lots["order/ord_1/0"]
    assert (lot.granted, lot.refunded, lot.is_frozen) == (1000, 263, True)
    assert set(known.accounts[ADA].holds) == {"dispute:stripe:dp_1"}
    assert [(entry.kind, entry.credits) for entry in any_store.entries(ADA)] == [
        ("freeze", 0),
        ("clawback", -263),
        ("grant", 1000),
    ]


def test_facts_that_come_first_wait_for_their_payment(any_store: Store) -> None:
    """A refund and a dispute are heard before the payment; it takes their effect in one write."""
    waiting = tell(any_store, says(refund(500)), says(dispute(DisputeState.LOST)))
    assert [recorded.outcome for recorded in waiting] == [RecordOutcome.WAITING, RecordOutcome.WAITING]
    tell(any_store, paid())
    stored = account(any_store)
    assert (stored.balance, stored.status) == (0, "suspended")


def test_a_link_brings_an_invoice_and_its_refund_together_from_either_side(any_store: Store) -> None:
    """A refund names the PaymentIntent, the payment its invoice: whichever side comes last moves the waiting facts."""
    tell(any_store, says(refund(1000), names=(PI, CH)), says(names=(IN, PI)), paid(payment(IN)))
    assert account(any_store).balance == 500
    known = any_store.read(Keys(frozenset({IN, PI, CH})))
    assert known.home_of(PI) == known.payments[IN]


def test_a_dispute_that_names_only_a_charge_waits_for_its_link(any_store: Store) -> None:
    """A charge alone leads nowhere until another event names it beside its PaymentIntent."""
    only_charge = replace(says(dispute()), names=(CH,))
    tell(any_store, paid(), only_charge)
    assert account(any_store).status == "active"
    tell(any_store, says(refund(100)))
    assert account(any_store).status == "suspended"


def test_an_event_that_repeats_a_payment_and_names_its_charge_is_a_link_too(any_store: Store) -> None:
    """What waited under the charge finds its payment, though the payment itself is no news."""
    again = replace(paid(), names=(PI, CH))
    tell(any_store, paid(), says(dispute(), names=(CH,)), again)
    assert account(any_store).holds.keys() == {"dispute:stripe:dp_1"}


def test_the_lower_payment_of_an_order_is_the_original_whichever_comes_first(any_store: Store) -> None:
    """The later one is a duplicate charge; when the earlier comes late the grant is re-attributed, no credits move."""
    late, early = (
        payment(PI, fulfilment_key="order/ord_1", minute=5),
        payment(IN, fulfilment_key="order/ord_1", minute=1),
    )
    tell(any_store, paid(late), paid(early))
    assert account(any_store).balance == 1000
    assert len(list(any_store.entries(ADA))) == 1
    known = any_store.read(Keys(frozenset({PI, IN}), fulfilment_keys=frozenset({"order/ord_1"})))
    assert known.fulfilment_keys["order/ord_1"].payment_id == IN
    assert {name: item.is_duplicate for name, item in known.payments.items()} == {PI: True, IN: False}  # type: ignore[union-attr]
    tell(any_store, says(refund(2000), names=(PI,)))
    assert account(any_store).balance == 1000, "the duplicate granted nothing, so its refund takes nothing back"


def test_a_run_draws_once_and_never_more_than_there_is(any_store: Store) -> None:
    """The same run again draws nothing; too much draws nothing; a hold stops every draw."""
    tell(any_store, paid())
    first = draw_credits(ADA, "run_1", 300, any_store, now=LATER)
    assert draw_credits(ADA, "run_1", 300, any_store, now=LATER) == first
    with pytest.raises(InsufficientCredits):
        draw_credits(ADA, "run_2", 701, any_store, now=LATER)
    assert account(any_store).balance == 700
    most = draw_credits(ADA, "run_most", 600, any_store, now=LATER)
    assert draw_credits(ADA, "run_most", 600, any_store, now=LATER) == most, "100 are left, and yet it was drawn"
    tell(any_store, says(dispute()))
    assert draw_credits(ADA, "run_most", 600, any_store, now=LATER) == most, "a hold since then changes nothing of it"
    with pytest.raises(AccountSuspended):
        draw_credits(ADA, "run_3", 1, any_store, now=LATER)


def test_a_closed_lot_leaves_the_account_and_comes_back_when_its_refund_fails(any_store: Store) -> None:
    """What is fully taken back lies beside the account; a refund that fails later restores it from there."""
    tell(any_store, paid(), says(refund(2000)))
    assert not account(any_store).lots
    tell(any_store, says(refund(2000, state=RefundState.FAILED, minute=30)))
    assert account(any_store).balance == 1000


def test_a_lifted_hold_stays_lifted_for_the_same_dispute_and_a_new_one_holds_again(any_store: Store) -> None:
    """Lifting is a fact: later news of the same dispute don't hold again, a new dispute does."""
    tell(any_store, paid(), says(dispute(DisputeState.LOST)))
    assert lift_hold("dispute:stripe:dp_1", ADA, "sam", any_store, why="the bank withdrew it", now=LATER)
    tell(any_store, says(dispute(DisputeState.APPEALED, minute=60)))
    assert account(any_store).status == "active"
    tell(any_store, says(dispute(dispute_id="dp_2", minute=90)))
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


def test_more_parked_events_than_one_read_takes_are_all_found(any_store: Store) -> None:
    """A price that is missing from the catalogue parks hundreds: they are what the release is for."""
    receipts = [parked(number) for number in range(130)]
    for receipt in receipts:
        any_store.commit(Commit(receipt=receipt))
    assert {found.event_id for found in any_store.parked_receipts()} == {receipt.event_id for receipt in receipts}
