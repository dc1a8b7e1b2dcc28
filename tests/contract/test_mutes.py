"""Muted kinds of parked events, on every engine: nothing of ours is hidden, and nothing is lost by it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from hashlib import sha256

import pytest

from ledger.domain.audit import AuditAction
from ledger.domain.errors import NotFound, RequestRefused
from ledger.domain.events import Claim, Event, Owner
from ledger.domain.ids import OrderId, PaymentId
from ledger.domain.receipts import Mute, NotBookable, ParkReason, Receipt, RecordOutcome, Trigger
from ledger.domain.subjects import subject_of_mute
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.store import Store
from ledger.usecases.attribute_parked import dismiss_parked, read_receipt
from ledger.usecases.mute_parked import end_mute, list_mutes, mute_kind, preview_mute, settle_mutes
from ledger.usecases.record_event import RecordResult, record_event
from tools.testing.builders import ADA, PI, at, event_of, paid, payment, refund
from tools.testing.races import assert_sound, at_once
from tools.testing.unguarded import release_all

THEIRS = NotBookable(ParkReason.UNKNOWN_PRICE, "price 'price_shop' is not in the catalogue")
SHA = sha256(b"{}").hexdigest()
WHY = "Of our other shop."


def theirs(number: int, not_bookable: NotBookable = THEIRS, owner: Owner | None = None) -> Event:
    """An event of the other shop."""
    name = PaymentId(f"stripe:in_shop_{number}")
    event = replace(event_of(refund(), names=(name,)), event_id=f"evt_shop_{number}", not_bookable=not_bookable)
    return replace(event, owner=owner or Owner(customer_id=f"stripe:cus_{number}"))


class Shop:
    """The events that were sent, by id: what translation makes of each now."""

    def __init__(self, store: Store, *events: Event) -> None:
        self.store = store
        self.events: dict[str, Event | None] = {}
        self.names: dict[str, tuple[str, str]] = {}
        for event in events:
            self.send(event)

    def send(self, event: Event, minute: float = 20) -> RecordResult:
        """The event is received."""
        self.events[event.event_id] = event
        self.names[event.event_id] = (event.owner.customer_id or event.cause, event.event_id)
        return record_event(event, self.store, body=b"{}", body_sha256=SHA, now=at(minute))

    def translate(self, receipt: Receipt) -> Event | None:
        """Return what translation makes of a receipt."""
        return self.events[receipt.event_id]

    def mute(self, event: Event, minute: float = 30, actor: str = "sam") -> Mute:
        """A person mutes the event's kind."""
        return mute_kind(self.names[event.event_id], actor, WHY, self.store, self.translate, now=at(minute))

    def end(self, mute: Mute, minute: float = 40, actor: str = "kim") -> Mute:
        """A person ends it."""
        return end_mute(mute.mute_id, actor, "It is sold here now.", self.store, self.translate, now=at(minute))

    def listed(self, *, are_muted: bool = False) -> list[str]:
        """The ids of the events of a list."""
        triggers = [one for one in Trigger if (one is Trigger.MUTED) == are_muted]
        return sorted(name.event_id for trigger in triggers for name in self.store.parked_names(trigger))


def acts(store: Store, mute: Mute) -> list[tuple[AuditAction, str, str]]:
    """What people did about a kind, newest first."""
    page = store.subject_acts(subject_of_mute(mute.mute_id), 10)
    return [(act.action, act.actor, act.reason) for act in page.items]


def test_a_muted_kind_leaves_the_list_now_and_later(any_store: Store) -> None:
    """Events of this detail alone. They stay parked, whole."""
    first, second, later = (theirs(number) for number in (1, 2, 3))
    other = theirs(4, replace(THEIRS, detail="price 'price_club' is not in the catalogue"))
    shop = Shop(any_store, first, second, other)
    mute = shop.mute(first)
    result = shop.send(later, 31)
    assert (result.outcome, result.muted_by) == (RecordOutcome.PARKED, mute.mute_id)
    assert shop.listed() == ["evt_shop_4"]
    assert shop.listed(are_muted=True) == ["evt_shop_1", "evt_shop_2", "evt_shop_3"]
    stored = read_receipt(shop.names["evt_shop_3"], any_store)
    assert (stored.outcome, stored.parked_reason, stored.body) == (RecordOutcome.PARKED, THEIRS.reason, b"{}")
    assert shop.send(later, 32).muted_by == mute.mute_id, "also when it is delivered again"
    ((listed,), is_cut) = list_mutes(any_store)
    assert (listed.mute, listed.events, is_cut) == (mute, 3, False)
    assert acts(any_store, mute) == [(AuditAction.MUTE, "sam", WHY)]


def test_an_end_brings_the_events_back_and_muting_again_takes_them(any_store: Store) -> None:
    """Each is on record once, however often it is said."""
    shop = Shop(any_store, theirs(1), theirs(2))
    mute = shop.mute(theirs(1))
    assert shop.mute(theirs(2), 31, "kim") == mute, "the second one changes nothing"
    ended = shop.end(mute)
    assert (ended.is_in_force, ended.ended_by, ended.ended_why) == (False, "kim", "It is sold here now.")
    assert shop.end(mute, 41, "sam") == ended
    assert (len(shop.listed()), shop.listed(are_muted=True)) == (2, [])
    assert shop.send(theirs(3), 42).muted_by is None
    again = shop.mute(theirs(3), 43, "kim")
    assert (again.mute_id, again.muted_by, again.ended_by) == (mute.mute_id, "kim", None)
    assert (shop.listed(), len(shop.listed(are_muted=True))) == ([], 3)
    assert [action for action, _, _ in acts(any_store, mute)] == [
        AuditAction.MUTE,
        AuditAction.UNMUTE,
        AuditAction.MUTE,
    ]


OURS = {
    "an order": Owner(order_id=OrderId("ord_1"), customer_id="stripe:cus_9"),
    "an account": Owner(account_id=ADA, customer_id="stripe:cus_9"),
    "a claim of an order": Owner(claim=Claim(order_id=OrderId("ord_1")), customer_id="stripe:cus_9"),
    "a claim of an account": Owner(claim=Claim(account_id=ADA), customer_id="stripe:cus_9"),
}


@pytest.mark.parametrize("owner", OURS.values(), ids=OURS)
def test_what_names_something_of_ours_is_never_muted(any_store: Store, owner: Owner) -> None:
    """Whatever its kind: neither at once nor later, and its kind is not muted at its hand."""
    ours, later = theirs(9, owner=owner), replace(theirs(10), owner=owner)
    shop = Shop(any_store, theirs(1), ours)
    with pytest.raises(RequestRefused, match="names an order or account of ours"):
        shop.mute(ours)
    assert list(any_store.mutes()) == []
    refused = preview_mute(shop.names["evt_shop_9"], any_store, shop.translate)
    assert "names an order or account of ours" in refused.refusal
    assert (refused.events, refused.of_ours, refused.is_cut) == (0, 0, False), "nothing would be muted"
    seen = preview_mute(shop.names["evt_shop_1"], any_store, shop.translate)
    assert (seen.refusal, seen.events, seen.of_ours, seen.is_cut) == ("", 1, 1, False)
    shop.mute(theirs(1))
    assert shop.send(later, 31).muted_by is None
    assert shop.listed() == ["evt_shop_10", "evt_shop_9"]


def test_what_the_catalogue_sells_is_never_muted(any_store: Store) -> None:
    """Nor what it sells from the next catalogue on: each event is looked at by itself."""
    shop = Shop(any_store, theirs(1), replace(theirs(2), names_ours=True))
    shop.mute(theirs(1))
    assert shop.listed() == ["evt_shop_2"]
    shop.events["evt_shop_1"] = replace(theirs(1), names_ours=True)
    release_all(shop.translate, "the next catalogue", any_store, now=at(50))
    assert shop.listed() == ["evt_shop_1", "evt_shop_2"]


def test_what_a_linked_payment_leads_to_an_account_of_is_never_muted(any_store: Store) -> None:
    """The event itself names nobody: what is stored does."""
    shop = Shop(any_store, theirs(1))
    record_event(paid(), any_store, body=b"{}", body_sha256=SHA, now=at(1))
    shop.mute(theirs(1))
    other = replace(theirs(2), names=(PaymentId("stripe:ch_unknown"), PI), facts=())
    assert shop.send(other, 31).outcome is RecordOutcome.ALREADY_BOOKED


@pytest.mark.parametrize(
    "reason",
    [
        one
        for one in ParkReason
        if one
        not in {ParkReason.OTHER_ACCOUNT, ParkReason.WRONG_MODE, ParkReason.UNKNOWN_PRICE, ParkReason.UNKNOWN_PRODUCT}
    ],
)
def test_other_reasons_always_need_a_person(any_store: Store, reason: ParkReason) -> None:
    """It may be a customer's money."""
    event = theirs(1, NotBookable(reason, "x"))
    shop = Shop(any_store, event)
    assert "always needs a person" in preview_mute(shop.names["evt_shop_1"], any_store, shop.translate).refusal
    with pytest.raises(RequestRefused, match="always needs a person"):
        shop.mute(event)
    assert list(any_store.mutes()) == []


def test_a_new_catalogue_books_what_was_muted(any_store: Store) -> None:
    """Each deployment tries muted events too. One that is parked for another reason then needs a person again."""
    shop = Shop(any_store, theirs(1), theirs(2), theirs(3))
    shop.mute(theirs(1))
    settled = payment(PaymentId("stripe:in_shop_1"))
    shop.events["evt_shop_1"] = replace(
        paid(settled, event_id="evt_shop_1"), owner=Owner(account_id=ADA, customer_id="stripe:cus_1")
    )
    shop.events["evt_shop_2"] = theirs(2, NotBookable(ParkReason.UNKNOWN_CURRENCY, "xof"))
    release_all(shop.translate, "the next catalogue", any_store, now=at(50))
    assert read_receipt(shop.names["evt_shop_1"], any_store).outcome is RecordOutcome.BOOKED
    assert (shop.listed(), shop.listed(are_muted=True)) == (["evt_shop_2"], ["evt_shop_3"])


def test_a_job_moves_what_a_request_has_left(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on where it stopped, and looks again until the index can't lag behind the change."""
    shop = Shop(any_store, *map(theirs, range(5)))
    monkeypatch.setattr("ledger.usecases.mute_parked.MOST_AT_ONCE", 2)
    mute = shop.mute(theirs(0))
    assert len(shop.listed()) == 3
    minutes = iter([True, False])
    settle_mutes(any_store, shop.translate, lambda: next(minutes), now=at(31))
    assert len(shop.listed()) == 2
    settle_mutes(any_store, shop.translate, lambda: True, now=at(32))
    assert (shop.listed(), [one.is_settled for one in any_store.mutes()]) == ([], [False])
    settle_mutes(any_store, shop.translate, lambda: True, now=at(30) + timedelta(minutes=10))
    assert [one.is_settled for one in any_store.mutes()] == [True]
    assert settle_mutes(any_store, shop.translate, lambda: True, now=at(99)) == 0
    (settled,) = any_store.mutes()
    assert shop.end(settled, 100).is_settled is False
    assert len(shop.listed()) == 2
    settle_mutes(any_store, shop.translate, lambda: True, now=at(200))
    assert (len(shop.listed()), [one.is_settled for one in any_store.mutes()]) == (5, [True])
    assert mute.mute_id == settled.mute_id


def test_what_this_release_does_not_read_comes_back_too(any_store: Store) -> None:
    """Its type may not be handled any more."""
    shop = Shop(any_store, theirs(1))
    mute = shop.mute(theirs(1))
    shop.events["evt_shop_1"] = None
    shop.end(mute)
    assert (shop.listed(), shop.listed(are_muted=True)) == (["evt_shop_1"], [])


def test_a_muted_event_can_be_dismissed(any_store: Store) -> None:
    """Then it is in no list."""
    shop = Shop(any_store, theirs(1))
    shop.mute(theirs(1))
    dismiss_parked(shop.names["evt_shop_1"], "kim", WHY, any_store, now=at(40))
    assert (shop.listed(), shop.listed(are_muted=True)) == ([], [])
    with pytest.raises(RequestRefused, match="parked no longer"):
        shop.mute(theirs(1), 41)


def test_what_is_not_there_is_not_found(any_store: Store) -> None:
    """Neither an event nor a mute."""
    shop = Shop(any_store)
    with pytest.raises(NotFound):
        mute_kind(("stripe:cus_1", "evt_0"), "sam", WHY, any_store, shop.translate, now=at(1))
    with pytest.raises(NotFound):
        end_mute("mute_0", "sam", WHY, any_store, shop.translate, now=at(1))


def test_of_many_who_mute_and_end_at_once_each_act_is_whole(real_store: DynamoDBStore) -> None:
    """The events are where the last word puts them once the job has looked."""
    shop = Shop(real_store, *map(theirs, range(4)))
    mute = shop.mute(theirs(0))
    calls: list[Callable[[], object]] = [
        *(partial(shop.end, mute, 40 + number, f"kim {number}") for number in range(3)),
        *(partial(shop.mute, theirs(number), 50 + number, f"sam {number}") for number in range(3)),
    ]
    at_once(calls)
    settle_mutes(real_store, shop.translate, lambda: True, now=at(90))
    (last,) = real_store.mutes()
    assert len(shop.listed(are_muted=last.is_in_force)) == 4
    assert_sound(real_store)
