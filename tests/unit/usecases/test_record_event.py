"""Recording a payment: the account that it belongs to, and the original of two payments of one order."""

import itertools
from dataclasses import replace

import pytest

from ledger.domain.events import Claim, Event, Owner
from ledger.domain.facts import MoneyLinked, PaidLine
from ledger.domain.ids import AccountId, OrderId
from ledger.domain.lots import Lot
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import NotBookable, ParkReason, RecordOutcome
from ledger.ports.commit import AccountChange, Commit, FulfilmentKey
from tools.testing.builders import ADA, IN, PI, at, event_of, paid, payment, record_events, refund
from tools.testing.fakes import FakeStore, world
from tools.verify import check

BEN, NOBODY = AccountId("acct_ben"), AccountId("")


def with_order(store: FakeStore, account_id: AccountId = ADA, product_id: str = "pack_1000") -> FakeStore:
    """A store in which we made order ord_1."""
    store.fulfilment_keys["order/ord_1"] = FulfilmentKey(
        key="order/ord_1", account_id=account_id, product_id=product_id
    )
    return store


def told(**owner: object) -> Event:
    """A payment for ord_1 by an owner that is still to be found."""
    ids = {"order_id": OrderId("ord_1"), "customer_id": "stripe:cus_1", **owner}
    event = paid(payment(fulfilment_key="order/ord_1", account_id=NOBODY))
    return replace(event, owner=Owner(**ids))  # type: ignore[arg-type]


@pytest.mark.parametrize("owner", [{}, {"account_id": ADA}])
def test_our_order_says_whose_it_is(owner: dict[str, object]) -> None:
    """Alone, or together with ids that fit it."""
    store = with_order(FakeStore())
    assert record_events(store, told(**owner))[0].outcome is RecordOutcome.BOOKED
    assert store.accounts[ADA].balance == 1000
    assert store.fulfilment_keys["order/ord_1"].payment_id == "stripe:pi_1"


def test_an_order_of_another_account_parks() -> None:
    """Money is never guessed: a person looks."""
    store = with_order(FakeStore())
    assert record_events(store, told(account_id=BEN))[0].parked_reason is ParkReason.ORDER_MISMATCH
    assert not store.accounts


def test_an_order_for_another_product_parks() -> None:
    """What was paid for is not what was ordered."""
    store = with_order(FakeStore(), product_id="pack_2500")
    assert record_events(store, told(account_id=ADA))[0].parked_reason is ParkReason.ORDER_MISMATCH


def test_a_customer_who_bought_for_one_account_is_that_accounts() -> None:
    """And one who bought for two is nobody's, until a person says."""
    store = FakeStore()
    unnamed = replace(paid(payment(IN, account_id=NOBODY)), owner=Owner(customer_id="stripe:cus_1"))
    assert record_events(store, unnamed)[0].parked_reason is ParkReason.NO_ACCOUNT
    record_events(store, paid())
    assert record_events(store, unnamed)[0].outcome is RecordOutcome.BOOKED, (
        "the parked event is released by its redelivery"
    )
    record_events(store, paid(payment("stripe:pi_2", account_id=BEN)))  # type: ignore[arg-type]
    another = replace(paid(payment("stripe:pi_3", account_id=NOBODY)), owner=unnamed.owner)  # type: ignore[arg-type]
    assert record_events(store, another)[0].parked_reason is ParkReason.AMBIGUOUS_ACCOUNT


def test_what_is_parked_is_no_evidence_of_whose_its_customer_is() -> None:
    """Its claim was not proved: the customer's next payment waits for a booked one."""
    store = FakeStore()
    parked = replace(paid(payment(IN)), not_bookable=NotBookable(ParkReason.UNKNOWN_PRICE))
    assert record_events(store, parked)[0].parked_reason is ParkReason.UNKNOWN_PRICE
    assert [(receipt.customer_id, receipt.account_id) for receipt in store.receipts.values()] == [
        ("stripe:cus_1", None)
    ]
    next_one = replace(paid(payment(account_id=NOBODY)), owner=Owner(customer_id="stripe:cus_1"))
    assert record_events(store, next_one)[0].parked_reason is ParkReason.NO_ACCOUNT
    assert not store.accounts


def test_what_a_browser_wrote_is_nobodys() -> None:
    """Without a checkout or a subscription of ours it says nothing, though it names an order and its account."""
    claim = Claim(order_id=OrderId("ord_1"), account_id=ADA)
    unproven = told(order_id=None, claim=claim, checkout_id="txn_1")
    store = with_order(FakeStore())
    assert record_events(store, unproven)[0].parked_reason is ParkReason.NO_ACCOUNT
    (receipt,) = (one for one in store.receipts.values() if one.parked_reason)
    assert receipt.detail == "no checkout or subscription of ours proves whose it is"


@pytest.mark.parametrize("minute", [-1, 0, 1])
def test_a_payment_that_is_booked_is_never_booked_for_another_account(minute: float) -> None:
    """Whichever event of it says so, earlier or later: the first account keeps its credits, and a person looks."""
    store = FakeStore()
    other = replace(payment(account_id=BEN), at=payment(minute=minute).at)
    told_twice = record_events(store, paid(), paid(other))
    assert told_twice[1].parked_reason is ParkReason.AMBIGUOUS_PAYMENT
    assert {name: account.balance for name, account in store.accounts.items()} == {ADA: 1000}


def test_a_lot_of_this_name_on_the_account_is_not_granted_again() -> None:
    """The account's own condition refuses the blind grant; reading then finds the lot and adds nothing."""
    store = FakeStore()
    lot = Lot(lot_id="stripe:pi_1/0", granted=1000)
    store.commit(Commit(account=AccountChange(account_id=ADA, version=None, lots={lot.lot_id: lot})))
    record_events(store, paid())
    assert store.accounts[ADA].balance == 1000


def test_a_payment_whose_account_was_found_is_planned_from_what_was_read() -> None:
    """Its grant without reading is refused, since another payment has the order: only the rest is read then."""
    store = with_order(FakeStore())
    record_events(store, told(account_id=ADA))
    found = replace(
        paid(payment(IN, fulfilment_key="order/ord_1", account_id=NOBODY, minute=1)),
        owner=Owner(order_id=OrderId("ord_1")),
    )
    before = store.round_trips
    assert record_events(store, found)[0].outcome is RecordOutcome.BOOKED
    purchase = store.payments["stripe:in_1"]
    assert isinstance(purchase, Purchase)
    assert (purchase.is_duplicate, store.accounts[ADA].balance) == (True, 1000)
    assert store.round_trips - before == 5, "order; its payment; refused grant; account; commit"


def assert_sound(store: FakeStore) -> None:
    """Every invariant holds."""
    assert not [finding for finding in check(world(store)) if finding.broken]


def test_the_original_is_the_same_when_a_second_event_moves_a_payment_back_in_time() -> None:
    """A provider may make two events of one payment, with times of their own: the earlier one counts."""
    events = [
        paid(payment(name, fulfilment_key="order/o", minute=minute)) for name, minute in ((PI, 6), (IN, 5), (PI, 4))
    ]
    for order in itertools.permutations(events):
        store = FakeStore()
        record_events(store, *order)
        assert {name: item.is_duplicate for name, item in store.payments.items()} == {PI: False, IN: True}  # type: ignore[union-attr]
        assert store.accounts[ADA].balance == 1000
        assert_sound(store)


def test_a_second_payment_of_an_order_for_other_things_waits_for_a_person() -> None:
    """In a browser one order can be paid with two carts. Were the larger one taken for a duplicate, its credits would
    outlive its refund.
    """
    one, two = (
        PaidLine(line_id=str(credits_), product_id="pack", credits=credits_, amount_minor=2000, expires_at=None)
        for credits_ in (500, 2500)
    )
    small = paid(payment(IN, fulfilment_key="order/o", minute=1, lines=(one,)))
    large = paid(payment(PI, fulfilment_key="order/o", minute=5, paid_minor=4000, lines=(one, two)))
    many = paid(payment(PI, fulfilment_key="order/o", minute=5, paid_minor=4000, lines=(two,)))
    for order in ((small, large), (large, small), (small, many), (many, small)):
        store = FakeStore()
        first, second = record_events(store, *order)
        assert (first.outcome, second.parked_reason) == (RecordOutcome.BOOKED, ParkReason.ORDER_MISMATCH)
        settled = order[0].payment
        assert settled
        assert store.accounts[ADA].balance == sum(line.credits for line in settled.lines)
        assert_sound(store)
        record_events(store, event_of(refund(4000), names=order[0].names))
        assert store.accounts[ADA].balance == 0


def test_an_invoice_beside_a_session_is_parked_until_the_session_is_booked() -> None:
    """Whichever arrives first, the money is booked once, and its invoice is not left to a person."""
    by_hand = replace(
        event_of(names=(IN,)), event_id="evt_invoice", not_bookable=NotBookable(ParkReason.UNEXPECTED_CHARGE, "by hand")
    )
    session = replace(paid(), names=(PI, IN))
    early, late = FakeStore(), FakeStore()
    assert record_events(early, by_hand)[0].parked_reason is ParkReason.UNEXPECTED_CHARGE
    for store in (early, late):
        assert record_events(store, session, by_hand)[1].outcome is RecordOutcome.ALREADY_BOOKED
        assert store.accounts[ADA].balance == 1000
        assert [receipt.parked_reason for receipt in store.receipts.values()] == [None, None]
        assert_sound(store)


def test_an_invoice_by_hand_stays_parked_while_only_its_refund_is_known() -> None:
    """What waits under its name is no payment."""
    store = FakeStore()
    by_hand = replace(event_of(names=(IN,)), not_bookable=NotBookable(ParkReason.UNEXPECTED_CHARGE, "by hand"))
    assert record_events(store, event_of(refund(), names=(IN,)), replace(by_hand, event_id="evt_2"))[1].parked_reason


def test_a_session_its_invoice_and_the_link_between_them_are_one_payment_in_any_order() -> None:
    """The invoice that is made beside a session names what paid it, as every invoice does."""
    linked = MoneyLinked(sale_id=IN, money_id=PI, amount_minor=2000, at=at(1), cause="stripe:evt_l")
    by_hand = replace(
        event_of(names=(IN,)), event_id="evt_invoice", not_bookable=NotBookable(ParkReason.UNEXPECTED_CHARGE, "by hand")
    )
    session = replace(paid(), names=(PI, IN))
    for order in itertools.permutations([by_hand, session, event_of(linked, names=(IN, PI))]):
        store = FakeStore()
        record_events(store, *order)
        assert record_events(store, by_hand)[0].outcome is RecordOutcome.ALREADY_BOOKED, order
        assert store.accounts[ADA].balance == 1000
        assert_sound(store)


@pytest.mark.parametrize(
    "owner",
    [
        Owner(order_id=OrderId("ord_1")),
        Owner(account_id=ADA),
        Owner(claim=Claim(order_id=OrderId("ord_1"))),
        Owner(claim=Claim(account_id=ADA)),
        Owner(claim=Claim(order_id=OrderId("ord_1"), account_id=ADA), customer_id="paddle:ctm_1"),
    ],
    ids=["our order", "our account", "a claimed order", "a claimed account", "both claimed"],
)
@pytest.mark.parametrize("reason", [None, ParkReason.UNKNOWN_PRICE])
def test_what_names_an_id_of_ours_is_parked_although_a_rule_recognizes_it(
    owner: Owner, reason: ParkReason | None
) -> None:
    """Whether our server wrote the id or a browser may have: its order may be stored later."""
    unknown = replace(
        paid(payment(fulfilment_key="order/ord_1", account_id=NOBODY)),
        not_bookable=NotBookable(reason) if reason else None,
        muted_by="paddle:business_id=biz_1",
    )
    store = FakeStore()
    (ours,) = record_events(store, replace(unknown, owner=owner))
    is_proved = reason is None and owner.account_id is not None
    assert ours.outcome is (RecordOutcome.BOOKED if is_proved else RecordOutcome.PARKED)
    assert ours.parked_reason is (None if is_proved else reason or ParkReason.NO_ACCOUNT)
    (theirs,) = record_events(FakeStore(), replace(unknown, owner=Owner(claim=Claim(), customer_id="paddle:ctm_1")))
    assert theirs.outcome is RecordOutcome.NOTED


PARKED, WAITS = NotBookable(ParkReason.UNKNOWN_PRICE, "price_x"), (RecordOutcome.WAITING, None)
ALREADY = (RecordOutcome.ALREADY_BOOKED, ADA)
MUTED_EVENT = replace(
    paid(payment(IN, account_id=NOBODY)), owner=Owner(customer_id="stripe:cus_2"), not_bookable=PARKED, muted_by="x"
)


@pytest.mark.parametrize(
    ("before", "event", "stored"),
    [
        ([], paid(), (RecordOutcome.BOOKED, ADA)),
        ([paid()], event_of(refund()), (RecordOutcome.BOOKED, ADA)),
        ([paid()], paid(), ALREADY),
        ([paid(), event_of(refund())], event_of(refund()), ALREADY),
        ([paid()], replace(paid(), not_bookable=PARKED), ALREADY),
        ([], event_of(refund()), WAITS),
        ([], replace(paid(), not_bookable=PARKED), (RecordOutcome.PARKED, None)),
        ([], told(order_id=None), (RecordOutcome.PARKED, None)),
        ([], MUTED_EVENT, (RecordOutcome.NOTED, None)),
    ],
    ids=[
        *("granted unread", "booked", "another event of the payment", "another event of the refund"),
        *("not bookable, paid by another", "waiting", "parked", "nobody's", "muted"),
    ],
)
def test_what_is_answered_is_stored_whatever_came_of_it(
    before: list[Event], event: Event, stored: tuple[RecordOutcome, AccountId | None]
) -> None:
    """The provider is told 200 and never delivers it again: its receipt is the proof that it was received."""
    store = FakeStore()
    record_events(store, *before)
    (result,) = record_events(store, event)
    (receipt,) = [one for one in store.receipts.values() if one.event_id == event.event_id]
    assert (receipt.outcome, receipt.account_id) == stored
    assert (result.outcome, result.account_id, result.parked_reason) == (*stored, receipt.parked_reason)
    (again,) = record_events(store, event)
    expected = result.outcome if receipt.parked_reason else RecordOutcome.ALREADY_BOOKED
    assert again.outcome is expected
