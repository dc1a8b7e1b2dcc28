"""Consents: give one later, record that it was confirmed, or that its confirmation came back.

A customer asks us to begin before the right of withdrawal ends. We confirm that by e-mail. Until both are there, the
credits of the order are locked:

    order ──► consent given ──► its message accepted for delivery ──► credits unlocked
                   ▲                     └► it came back ──► what is unused is locked again ─┐
                   └──────────────── another address, another message ◄──────────────────────┘

The first step of a withdrawal stands in the way for a day: if the second one follows later, its own time counts. So who
made the first step by accident can consent again after that.

What was complete before the first use counts for a later withdrawal. So each change is made under the versions of the
order and of the account: no draw and no withdrawal comes between what is read and what is written. A payment that is
granted meanwhile is seen too: the grant has a condition on the consent, and the change on the payments.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from ledger.domain.contacts import Contact
from ledger.domain.errors import NotFound, RequestRefused
from ledger.domain.ids import AccountId, OrderId, request_correlation_id
from ledger.domain.mails import MailKind
from ledger.domain.orders import Consent, Order, ShownInformation
from ledger.domain.purchases import Purchase
from ledger.domain.recent_requests import LimitedRequest
from ledger.domain.records import record
from ledger.domain.refund_cases import STEPS_WITHIN, CaseState, RefundCase, open_case_key
from ledger.policy.withdrawal import WITHDRAWAL_REASONS
from ledger.ports.commit import AccountChange, Commit, FulfilmentKey, FulfilmentKeyChange
from ledger.ports.documents import case_key, contact_key, recent_requests_key, sortable
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store
from ledger.usecases import plan_booking
from ledger.usecases.contacts import Address, confirmations_to_new_address, contact_change
from ledger.usecases.limits import Limits, counted
from ledger.usecases.list_mails import list_mail
from ledger.usecases.look_up import LookUp
from ledger.usecases.plan_booking import Origin, consent_fact
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

CONSENTS_ROUTE = "consents"
"""The route of which an order's id is the key."""


@record(frozen=True)
class _Use:
    """What happened to the credits of an order."""

    is_used: bool
    is_withdrawn: bool  # a withdrawal from the order is confirmed and not decided, or its first step still counts


def give_consent(
    account_id: AccountId,
    order_id: OrderId,
    consent: Consent,
    shown: ShownInformation,
    store: Store,
    limits: Limits,
    address: Address | None = None,
) -> Order:
    """Record the consent to an order that has none yet. Return the order. A consent that counts already stays.

    If the order is paid, its contract is confirmed by another mail, whose acceptance completes the consent. `address`
    is the customer's by now. If it is another one than before, a consent that still waits for its confirmation gets one
    more mail.

    `shown` is what the customer was shown with it. It counts as the information of an order that has none. Raise
    NotFound if the account has no such order, RequestRefused if the customer does not agree to all of it,
    TooManyRequests.
    """

    requests_key = recent_requests_key(account_id, LimitedRequest.CONSENTS)
    documents_read = frozenset({requests_key, contact_key(account_id)})
    keys = Keys(fulfilment_keys=frozenset({f"order/{order_id}"}), documents=documents_read)

    def attempt() -> Order | Retry:
        known = store.read(keys)
        order = known.order(order_id)
        if order is None or order.account_id != account_id:
            raise NotFound(f"You have no order {order_id}.")
        before = order.consent
        as_read = _as_read(known.fulfilment_keys[f"order/{order_id}"], order)
        contact = known.document(contact_key(account_id), Contact)
        noted = contact_change(account_id, address, contact, consent.given_at) if address else ()
        if before and before.is_requested and not before.is_late:
            if not address or before.is_complete or not as_read.payment_ids:
                return order
            mails = confirmations_to_new_address(account_id, [order_id], address, contact, consent.given_at)
            anew = Commit(documents=(*mails, *noted))
            return CONFLICT if mails and store.commit(anew) else order
        if not consent.is_requested:
            raise RequestRefused("Credits are unlocked only if you ask us to begin and acknowledge what that ends.")
        kept = {"returned_ids": before.returned_ids, "revoked_at": before.revoked_at} if before else {}
        given = order.with_later_consent(replace(consent, **kept), shown)  # type: ignore[arg-type]
        # Of an order that is not paid yet, the confirmation of its contract says what was consented to by then.
        subject = f"{order_id}/{sortable(consent.given_at)}"
        mail = list_mail(MailKind.CONTRACT_CONFIRMATION, subject, account_id, consent.given_at)
        count = counted(LimitedRequest.CONSENTS, account_id, known, limits, consent.given_at)
        documents = (*((mail,) if as_read.payment_ids else ()), *noted, *count)
        commit = Commit(order=given, fulfilment_keys=(as_read,), documents=documents)
        return given if store.commit(commit) is None else CONFLICT

    return run_transaction(attempt, f"order {order_id}")


def confirm_consent(
    order_id: OrderId, confirmation_id: str, store: Store, at: datetime, *, written_at: datetime | None
) -> Order:
    """Record that the consent was confirmed on a durable medium, and unlock the order's credits. Return the order.

    `confirmation_id` is the id of the message to the customer, which was accepted for delivery `at` this time. It does
    not count if credits were used before, or if a withdrawal is declared. A repetition changes nothing, and neither
    does a message that came back already, or one that was `written_at` a time before the consent was given: it does not
    name it. Raise NotFound if there is no such order, RequestRefused if it has no consent
    that could be confirmed, StoreUnavailable after too many conflicts.
    """

    def confirmed(order: Order, use: _Use) -> Order:
        consent = order.consent
        if consent is None or not consent.is_requested:
            raise RequestRefused(f"Order {order_id} has no consent that could be confirmed.")
        if written_at and consent.given_at > written_at:
            return order
        return replace(
            order,
            consent=consent.confirmed(confirmation_id, at, is_used=use.is_used, is_withdrawn=use.is_withdrawn),
        )

    return run_transaction(lambda: _change(order_id, confirmed, store, at), f"order {order_id}")


def revoke_confirmation(order_id: OrderId, confirmation_id: str, store: Store, at: datetime) -> Order:
    """Record that a confirmation came back, and lock what is unused again. Return the order.

    What was used before stays confirmed: a person decides about a withdrawal then. It may be reported before the
    confirmation is recorded, or after another message confirmed the consent. Raise NotFound if there is no such order,
    RequestRefused if it has no consent.
    """

    def revoked(order: Order, use: _Use) -> Order:
        if order.consent is None:
            raise RequestRefused(f"Order {order_id} has no consent.")
        return replace(order, consent=order.consent.without(confirmation_id, at, is_used=use.is_used))

    return run_transaction(lambda: _change(order_id, revoked, store, at), f"order {order_id}")


def _change(order_id: OrderId, change: Callable[[Order, _Use], Order], store: Store, at: datetime) -> Order | Retry:
    """Change an order's consent, and with it the locks of what was paid for it. One attempt."""
    key = f"order/{order_id}"
    known = LookUp(store, {key})(Keys(fulfilment_keys=frozenset({key})))
    order, paid = known.order_under(key), known.fulfilment_keys.get(key)
    if order is None or paid is None:
        raise NotFound(f"There is no order {order_id}.")
    homes = (known.home_of(payment_id) for payment_id in paid.payment_ids)
    purchases = [purchase for purchase in homes if purchase and purchase.payment]
    changed = change(order, _use_of(order, purchases, known, _withdrawals(order, purchases, known, store), at))
    if changed == order:
        return order
    commit = Commit(fulfilment_keys=(_as_read(paid, order),))
    fact = consent_fact(replace(changed, version=order.version + 1))
    if fact and any(purchase.payment and purchase.payment.locked_until for purchase in purchases):
        origin = Origin(at, fact.cause, request_correlation_id(order.account_id, CONSENTS_ROUTE, order_id))
        commit = plan_booking.plan_internal_fact([one.with_facts(fact) for one in purchases], known, origin)
    account = known.accounts.get(order.account_id)
    if account and commit.account is None:  # no draw and no withdrawal may have come between
        commit = replace(commit, account=AccountChange(account_id=account.account_id, version=account.version))
    return changed if store.commit(replace(commit, order=changed)) is None else CONFLICT


def _as_read(paid: FulfilmentKey, order: Order) -> FulfilmentKeyChange:
    """Return the condition that the payments for an order are still those that were read."""
    return FulfilmentKeyChange(
        key=paid.key,
        payment_ids=paid.payment_ids,
        account_id=order.account_id,
        product_ids=frozenset({order.product_id}),
        replaces=paid.payment_ids,
        terms_hash=None,  # a check of the payments alone
        checkout_id=None,
        has_consent=None,
    )


def _withdrawals(order: Order, purchases: list[Purchase], known: Snapshot, store: Store) -> list[RefundCase]:
    """Return the open cases that withdraw from what was paid for an order. They cost a read only if there are any."""
    account = known.accounts.get(order.account_id)
    keys = {open_case_key(one.payment_id, reason) for one in purchases for reason in WITHDRAWAL_REASONS}
    cases = account.cases.items() if account else ()
    names = frozenset(case_key(order.account_id, case_id) for case_id, key in cases if key in keys)
    found = store.read(Keys(documents=names)).documents.values() if names else ()
    return [case for case in found if isinstance(case, RefundCase)]


def _use_of(
    order: Order, purchases: list[Purchase], known: Snapshot, withdrawals: list[RefundCase], at: datetime
) -> _Use:
    """Return what happened to what was paid for an order, and to the later periods of its subscription."""
    account = known.accounts.get(order.account_id)
    payments = [purchase.payment for purchase in purchases if purchase.payment]
    own = [
        known.lot(payment.account_id, payment.lot_id(position))
        for payment in payments
        for position in range(len(payment.lines))
    ]
    contracts = {payment.subscription_id for payment in payments} - {None}
    later = [lot for lot in account.lots.values() if lot.subscription_id in contracts] if account else []
    # A first step that the second one did not follow within a day does not count: it may have been an accident.
    lapsed = [case for case in withdrawals if case.state is CaseState.DECLARED and at - case.opened_at > STEPS_WITHIN]
    return _Use(
        is_used=any(lot.drawn for lot in (*own, *later) if lot),
        is_withdrawn=len(lapsed) < len(withdrawals),
    )
