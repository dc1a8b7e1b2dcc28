"""Information about the right of withdrawal that is mailed late: listed, sent, come back, asked for again."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier

import pytest

from ledger.domain.errors import MailRefused, NotFound, RequestRefused
from ledger.domain.ids import AccountId, OrderId
from ledger.domain.mails import MailKind
from ledger.domain.orders import Order
from ledger.domain.receipts import RecordOutcome
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.store import Store
from ledger.usecases.late_information import (
    LateInformationAsked,
    ask_for_information,
    record_information_returned,
    record_information_sent,
)
from ledger.usecases.mail_failures import Failure, FailureReport, record_failure
from ledger.usecases.send_mails import MailResult, send_mail
from tests.contract.test_locked_credits import SHOWN
from tests.contract.test_orders_terms import Shop, again
from tests.unit.usecases.test_sending_mails import CONSENT, POLICY, Postbox, desk, order_of, ordered, pay, send
from tools.testing.builders import ADA, NOON, at
from tools.testing.fakes import FakeStore, world
from tools.testing.unguarded import give_consent
from tools.verify import check


def uninformed(store: Store, key: str = "key_1") -> Order:
    """An order that showed nothing, and is paid."""
    order, shop = ordered(store, consent=None, key=key), Shop(store, "stripe", "pack_1000")
    event = again(shop.paid(order, payment_intent=f"pi_{key}", id=f"cs_{key}"), f"evt_{key}")
    assert shop.hear(event).outcome is RecordOutcome.BOOKED
    return order


def asks(store: Store, order: Order, minute: float = 1, account_id: AccountId = ADA) -> LateInformationAsked:
    """Sam asks for the mail about an order."""
    return ask_for_information(
        order.order_id, account_id, "sam", store, POLICY, why="It was not shown.", now=at(minute)
    )


def listed(store: Store) -> list[str]:
    """The ids of the listed mails of this kind."""
    return [one.mail_id for one in store.mail_intents() if one.kind is MailKind.WITHDRAWAL_INFORMATION]


def informed_at(store: Store, order: Order) -> datetime | None:
    """When the buyer was informed, as the order says."""
    return order_of(store, order.order_id).informed_at


def comes_back(store: Store, mail_id: str, minute: float, failure: Failure = Failure.BOUNCE) -> None:
    """The mail service reports a failure."""
    report = FailureReport(
        mail_id=mail_id, message_id="message_1", failure=failure, addresses=("other@example.com",), at=at(minute)
    )
    record_failure(report, store)


def is_sound(store: Store) -> bool:
    """Whether every invariant holds. Only the fake shows its whole table."""
    return not isinstance(store, FakeStore) or not [one for one in check(world(store)) if one.broken]


def test_the_mail_informs_from_its_sending_until_it_comes_back(any_store: Store) -> None:
    """Asked for twice, it is one mail; one that came back can be asked for again, and counts from its own sending."""
    order, postbox = uninformed(any_store), Postbox()
    assert [asks(any_store, order, minute).is_new for minute in (1, 2)] == [True, False]
    (mail_id,) = listed(any_store)
    assert informed_at(any_store, order) is None
    assert [send(any_store, mail_id, postbox, minute) for minute in (3, 4)] == [MailResult.SENT, MailResult.ENDED]
    (message,) = postbox.messages
    assert "binnen vierzehn Tagen" in message.text
    assert informed_at(any_store, order) == at(3)
    assert asks(any_store, order, 5).mail.sent_at == at(3)
    comes_back(any_store, mail_id, 5, Failure.COMPLAINT)
    assert informed_at(any_store, order) == at(3), "it was delivered"
    for minute in (6, 7):
        comes_back(any_store, mail_id, minute)
        assert informed_at(any_store, order) is None
    assert [asks(any_store, order, 8).is_new for _ in range(2)] == [True, False]
    (second,) = listed(any_store)
    assert second != mail_id
    assert send(any_store, second, postbox, 9) is MailResult.SENT
    assert informed_at(any_store, order) == at(9)
    comes_back(any_store, mail_id, 10)
    assert informed_at(any_store, order) == at(9), "the first mail's failure is not the second one's"
    assert is_sound(any_store)


def test_the_first_return_stands(any_store: Store) -> None:
    """Two reports of one mail that came back."""
    order = uninformed(any_store)
    asks(any_store, order, 1)
    for minute in (3, 4, 2):
        record_information_returned(f"{order.order_id}/1", any_store, at(minute))
    (mail,) = order_of(any_store, order.order_id).late_information
    assert mail.returned_at == at(3)


@pytest.mark.parametrize("name", ["{order}/2", "{order}", "ord_none/1"])
def test_a_mail_that_no_order_has_is_not_found(any_store: Store, name: str) -> None:
    """Neither its sending nor its failure is recorded anywhere."""
    order = uninformed(any_store)
    asks(any_store, order)
    subject = name.format(order=order.order_id)
    with pytest.raises(NotFound, match=f"no order with a mail {subject}"):
        record_information_sent(subject, "m1", any_store, at(2))
    with pytest.raises(NotFound, match=f"no order with a mail {subject}"):
        record_information_returned(subject, any_store, at(2))
    assert informed_at(any_store, order) is None


def test_the_first_sending_stands(any_store: Store) -> None:
    """A report that comes again says nothing new: its days count from the first."""
    order = uninformed(any_store)
    asks(any_store, order, 1)
    for minute, message_id in ((2, "m1"), (3, "m2")):
        record_information_sent(f"{order.order_id}/1", message_id, any_store, at(minute))
    (mail,) = order_of(any_store, order.order_id).late_information
    assert (mail.sent_at, mail.message_id, informed_at(any_store, order)) == (at(2), "m1", at(2))


def test_sending_and_coming_back_merge_in_any_order(any_store: Store) -> None:
    """However often each is reported, of two mails."""

    def of(number: int, minute: float) -> tuple[Callable[[str], object], ...]:
        return (
            lambda order_id: record_information_sent(f"{order_id}/{number}", f"m{number}", any_store, at(minute)),
            lambda order_id: record_information_returned(f"{order_id}/{number}", any_store, at(minute + 1)),
        )

    found = set()
    for turn, reports in enumerate(itertools.permutations((*of(1, 10), of(2, 20)[0]))):
        order = uninformed(any_store, key=f"turn_{turn}")
        asks(any_store, order, 1)
        record_information_returned(f"{order.order_id}/1", any_store, at(11))
        asks(any_store, order, 2)
        for report in reports:
            report(order.order_id)
        reported = order_of(any_store, order.order_id)
        for report in reports:
            report(order.order_id)
        assert order_of(any_store, order.order_id) == reported, "nothing is written again"
        found.add(order_of(any_store, order.order_id).late_information)
        assert informed_at(any_store, order) == at(20)
    assert len(found) == 1


def test_a_mail_that_was_not_sent_can_be_asked_for_again(any_store: Store) -> None:
    """It was refused, or this deployment sends none. Nothing began."""
    order = uninformed(any_store)
    asks(any_store, order, 1)
    (first,) = listed(any_store)
    assert send(any_store, first, Postbox(faults=[MailRefused("MessageRejected")]), 2) is MailResult.REFUSED
    assert (asks(any_store, order, 3).is_new, informed_at(any_store, order)) == (True, None)
    (second,) = listed(any_store)
    assert send(any_store, second, None, 4) is MailResult.OFF
    assert (asks(any_store, order, 5).is_new, informed_at(any_store, order)) == (True, None)
    assert is_sound(any_store)


def test_who_was_shown_it_meanwhile_gets_no_mail(any_store: Store) -> None:
    """The customer gave the consent before the mail was sent: the page showed it. Nor can it be asked for then."""
    order, postbox = uninformed(any_store), Postbox()
    asks(any_store, order, 1)
    give_consent(ADA, order.order_id, CONSENT, SHOWN, any_store)
    (mail_id,) = listed(any_store)
    assert send(any_store, mail_id, postbox, 2) is MailResult.OUTDATED
    assert (postbox.messages, informed_at(any_store, order)) == ([], SHOWN.at)
    with pytest.raises(RequestRefused, match="was shown"):
        asks(any_store, order, 3)


def test_a_mail_that_waits_too_long_is_not_sent(any_store: Store) -> None:
    """After 12 months it would promise days that the buyer has anyway."""
    order, postbox = uninformed(any_store), Postbox()
    asks(any_store, order, 1)
    (mail_id,) = listed(any_store)
    late = NOON + timedelta(days=366)
    known = replace(desk(any_store), clock=lambda: late)
    assert send_mail(mail_id, known, postbox, clock=lambda: late) is MailResult.OUTDATED
    assert postbox.messages == []


def test_what_can_not_be_asked_for(any_store: Store) -> None:
    """Of an order that showed it, that is not paid, that is somebody else's, or that is none."""
    shown, unpaid = ordered(any_store, key="shown"), ordered(any_store, consent=None, key="unpaid")
    pay(any_store, shown)
    for order, why in ((shown, "was shown"), (unpaid, "not paid")):
        with pytest.raises(RequestRefused, match=why):
            asks(any_store, order)
    paid = uninformed(any_store)
    with pytest.raises(NotFound):
        asks(any_store, paid, account_id=AccountId("acct_bob"))
    with pytest.raises(NotFound):
        asks(any_store, replace(paid, order_id=OrderId("ord_none")))
    assert listed(any_store) == []


def test_of_many_requests_at_once_one_lists_a_mail(real_store: DynamoDBStore) -> None:
    """Each gets the same mail."""
    order, barrier = uninformed(real_store), Barrier(6)

    def ask(number: int) -> LateInformationAsked:
        barrier.wait(60)
        return asks(real_store, order, number + 1)

    with ThreadPoolExecutor(6) as pool:
        asked = list(pool.map(ask, range(6)))
    assert sum(one.is_new for one in asked) == 1
    assert len({one.mail for one in asked}) == len(listed(real_store)) == 1
