"""Mails on every engine: listed, leased, recorded, each under its condition."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from ledger.domain.ids import OrderId
from ledger.domain.mails import MailKind, MailOutcome
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import WatchedPlan, mail_shard, watched_plan_key
from ledger.ports.store import Store
from ledger.usecases.confirm_orders import list_confirmation
from ledger.usecases.list_mails import list_mail
from ledger.usecases.send_mails import MailResult
from tests.unit.usecases.test_sending_mails import (
    Postbox,
    bought,
    order_of,
    ordered,
    pay,
    record_of,
    send,
)
from tools.testing.builders import ADA, NOON


def test_a_paid_order_is_confirmed_once(any_store: Store) -> None:
    """From the order to the complete consent; the list is empty then, and a repetition finds the record."""
    postbox = Postbox()
    order, mail_id = bought(any_store)
    assert list(any_store.awaited_orders()) == []
    assert [intent.mail_id for intent in any_store.mail_intents()] == [mail_id]
    assert [send(any_store, mail_id, postbox) for _ in range(2)] == [MailResult.SENT, MailResult.ENDED]
    assert list_confirmation(order.order_id, any_store, now=NOON) == mail_id
    assert list(any_store.mail_intents()) == []
    record = record_of(any_store, mail_id)
    assert record
    assert record.outcome is MailOutcome.SENT
    consent = order_of(any_store, order.order_id).consent
    assert consent
    assert consent.is_complete
    assert len(postbox.messages) == 1


def test_the_list_of_mails_and_of_awaited_orders(any_store: Store) -> None:
    """Over all shards; those of one hour, and those since a time."""
    orders = [ordered(any_store, key=f"key_{n}", now=NOON + timedelta(hours=n)) for n in range(5)]
    listed = [list_mail(MailKind.CASE_UPDATE, f"case/{n}", ADA, NOON) for n in range(30)]
    any_store.commit(Commit(documents=tuple(listed)))
    assert {intent.subject for intent in any_store.mail_intents()} == {f"case/{n}" for n in range(30)}
    assert {one.order_id for one in any_store.awaited_orders()} == {order.order_id for order in orders}
    since = any_store.awaited_orders(NOON + timedelta(hours=3))
    assert {one.order_id for one in since} == {order.order_id for order in orders[3:]}
    for turn in range(24):
        of_turn = {order.order_id for order in orders if mail_shard(order.order_id) == turn}
        assert {one.order_id for one in any_store.awaited_orders(turn=turn)} == of_turn
    assert any_store.commit(Commit(documents=(listed[0],))), "a mail is listed once"


def test_the_list_of_plans_that_are_watched(any_store: Store) -> None:
    """Over all shards: those whose day has come."""
    plans = [
        WatchedPlan(order_id=OrderId(f"ord_{n}"), account_id=ADA, product_id="p", due_at=NOON + timedelta(days=n))
        for n in range(5)
    ]
    changes = tuple(DocumentChange(watched_plan_key(plan.due_at, plan.order_id), plan, None) for plan in plans)
    assert any_store.commit(Commit(documents=changes)) is None
    assert {plan.order_id for plan in any_store.watched_plans(NOON + timedelta(days=2))} == {"ord_0", "ord_1", "ord_2"}
    assert [*any_store.watched_plans(NOON - timedelta(microseconds=1))] == []
    assert sorted(any_store.watched_plans(NOON + timedelta(days=9)), key=lambda plan: plan.due_at) == plans


def test_of_many_senders_at_once_one_sends(real_store: DynamoDBStore) -> None:
    """Each was delivered the same event, and none waits for another."""
    order = ordered(real_store)
    pay(real_store, order)
    postbox, barrier = Postbox(), Barrier(8)

    def deliver(_: int) -> MailResult:
        barrier.wait(60)
        mail_id = list_confirmation(order.order_id, real_store, now=NOON)
        assert mail_id
        return send(real_store, mail_id, postbox)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(deliver, range(8)))
    assert results.count(MailResult.SENT) == 1
    assert set(results) <= {MailResult.SENT, MailResult.LEASED, MailResult.ENDED}
    assert len(postbox.messages) == 1
