"""List the confirmations of paid orders.

    an order is placed ──► its payment is awaited ──► it was paid: the confirmation is listed

A grant writes nothing for the confirmation. A domain event reports the payment; the schedule finds the orders that no
event has reported.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import chain

from ledger.domain.ids import OrderId
from ledger.domain.mails import MailKind, mail_id_of
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import AwaitedOrder, awaited_order_key, mail_intent_key, mail_record_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.list_mails import list_mail
from ledger.usecases.sweep import Pace, Round, Watch, hour_of, sweep
from ledger.usecases.transaction import CONFLICT, Retry, commit_unread, run_transaction

AWAITED_FOR = timedelta(days=16)
"""How long the payment of an order is awaited. One that is paid later is reported by its event alone."""

_YOUNG = timedelta(hours=3)
"""An order of this age is looked at in each round, an older one in one hour of the day."""


def list_confirmation(order_id: OrderId, store: Store, *, now: datetime) -> str | None:
    """List the confirmation of an order, if it is paid. Return the mail's id. None: the order is not paid.

    A repetition changes nothing, also after the mail was sent. The payment is awaited no longer.
    """
    mail_id = mail_id_of(MailKind.CONTRACT_CONFIRMATION, order_id)
    intent_key, record_key = mail_intent_key(mail_id), mail_record_key(mail_id)
    fulfilment_key = f"order/{order_id}"
    keys = Keys(fulfilment_keys=frozenset({fulfilment_key}), documents=frozenset({intent_key, record_key}))

    def attempt() -> str | Retry | None:
        known = store.read(keys)
        order, fulfilled = known.order(order_id), known.fulfilment_keys.get(fulfilment_key)
        if order is None or fulfilled is None or fulfilled.payment_id is None:
            return None
        over = DocumentChange(awaited_order_key(order.made_at, order_id), None)
        if intent_key in known.documents or record_key in known.documents:
            return mail_id
        listed = list_mail(MailKind.CONTRACT_CONFIRMATION, order_id, order.account_id, now)
        return mail_id if store.commit(Commit(documents=(listed, over))) is None else CONFLICT

    return run_transaction(attempt, f"mail {mail_id}")


def list_confirmations(store: Store, watch: Watch, *, now: datetime, pace: Pace) -> Round[AwaitedOrder, str | None]:
    """List the confirmations of the orders that were paid and that no event has reported. Return the round.

    Orders leave the list after `AWAITED_FOR`: those that are not paid, and those whose mail was listed before.
    """
    young = store.awaited_orders(now - _YOUNG)
    older = (one for one in store.awaited_orders(turn=hour_of(now)) if one.since < now - _YOUNG)
    return sweep(
        chain(young, older),
        _list_or_give_up(store, now),
        watch,
        name=lambda one: one.order_id,
        since=lambda one: one.since,
        pace=pace,
    )


def _list_or_give_up(store: Store, now: datetime) -> Callable[[AwaitedOrder], str | None]:
    def act(awaited: AwaitedOrder) -> str | None:
        mail_id = list_confirmation(awaited.order_id, store, now=now)
        if now - awaited.since > AWAITED_FOR:
            over = DocumentChange(awaited_order_key(awaited.since, awaited.order_id), None)
            commit_unread(Commit(documents=(over,)), store, f"order {awaited.order_id}")
        return mail_id

    return act
