"""What a search finds, in words: each kind of thing, with where to look further."""

from datetime import datetime
from enum import StrEnum

from ledger.domain.declarations import Declaration
from ledger.domain.facts import Fact
from ledger.domain.ids import AccountId
from ledger.domain.incidents import Incident
from ledger.domain.index_rows import EventNames
from ledger.domain.money import Money, format_amount
from ledger.domain.orders import Order
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import DISMISSED, Receipt
from ledger.domain.records import record
from ledger.domain.subscriptions import Subscription
from ledger.ports.documents import CasePointer
from ledger.usecases.chain_lines import in_words


class FoundKind(StrEnum):
    """What was found."""

    ACCOUNT = "account"
    ORDER = "order"
    PAYMENT = "payment"
    SUBSCRIPTION = "subscription"
    CUSTOMER = "customer"
    REFUND = "refund"
    DISPUTE = "dispute"
    CREDIT = "credit"
    REFUND_CASE = "refund_case"
    DECLARATION = "declaration"
    INCIDENT = "incident"
    RUN = "run"
    EVENT = "event"
    PARKED_EVENT = "parked_event"


class GoTo(StrEnum):
    """Where to look further."""

    ACCOUNT = "account"
    CASE = "case"
    PARKED = "parked"
    DECLARATION = "declaration"
    INCIDENT = "incident"
    WHY = "why"


@record(frozen=True, kw_only=True)
class Found:
    """One thing that was found."""

    kind: FoundKind
    found_id: str
    matched: str  # what of the search it has; never an address
    account_id: AccountId | None  # None: it is not known whose it is
    summary: str
    at: datetime | None = None
    amount: Money | None = None
    go_to: GoTo = GoTo.ACCOUNT
    go_to_id: str = ""  # empty: the account


def found_customer(name: str, account_id: AccountId | None, summary: str) -> Found:
    """Return a provider's customer, and whose it is. None: it is not known."""
    go_to = GoTo.ACCOUNT if account_id else GoTo.WHY
    return Found(
        kind=FoundKind.CUSTOMER,
        found_id=name,
        matched=name,
        account_id=account_id,
        summary=summary,
        go_to=go_to,
        go_to_id=account_id or name,
    )


def found_declaration(declaration: Declaration, matched: str) -> Found:
    """Return a declaration without a login, with its state."""
    return Found(
        kind=FoundKind.DECLARATION,
        found_id=declaration.declaration_id,
        matched=matched,
        account_id=declaration.account_id,
        at=declaration.declared_at,
        summary=f"Declaration without a login: {declaration.state}",
        go_to=GoTo.DECLARATION,
        go_to_id=declaration.declaration_id,
    )


def found_account(account_id: AccountId, matched: str, summary: str) -> Found:
    """Return an account."""
    return Found(
        kind=FoundKind.ACCOUNT,
        found_id=account_id,
        matched=matched,
        account_id=account_id,
        summary=summary,
        go_to_id=account_id,
    )


def found_order(order: Order, matched: str, *, is_paid: bool) -> Found:
    """Return an order with its price."""
    return Found(
        kind=FoundKind.ORDER,
        found_id=order.order_id,
        matched=matched,
        account_id=order.account_id,
        at=order.made_at,
        amount=Money(amount_minor=order.price_minor, currency=order.currency),
        summary=f"Order of {order.product_id} through {order.provider}: {'paid' if is_paid else 'not paid'}",
    )


def found_payment(home: Purchase, matched: str) -> Found:
    """Return a payment with its amount and its invoice, or what waits for one that was not reported."""
    payment = home.payment
    if payment is None:
        return Found(
            kind=FoundKind.PAYMENT,
            found_id=home.payment_id,
            matched=matched,
            account_id=None,
            at=home.waits_since,
            summary="Facts that wait for this payment: it was not reported",
            go_to=GoTo.WHY,
            go_to_id=home.payment_id,
        )
    return Found(
        kind=FoundKind.PAYMENT,
        found_id=payment.payment_id,
        matched=matched,
        account_id=payment.account_id,
        at=payment.at,
        amount=Money(amount_minor=payment.paid_minor, currency=payment.currency),
        summary=f"Payment of {format_amount(payment.paid_minor, payment.currency)}"
        + (f" for {payment.fulfilment_key}" if payment.fulfilment_key else "")
        + (f", invoice {payment.invoice_number}" if payment.invoice_number else ""),
    )


def found_event(receipt: Receipt, matched: str, names: EventNames) -> Found:
    """Return an event as it stands: still parked, or what became of it."""
    reason, is_dismissed = receipt.parked_reason, receipt.detail.startswith(DISMISSED)
    amount = names.amounts[0] if len(names.amounts) == 1 else None
    summary = f"Event {receipt.event_type}: {'dismissed' if is_dismissed else receipt.outcome}"
    if reason:
        of = f" of {format_amount(amount.amount_minor, amount.currency)}" if amount else ""
        numbers = f", invoice {', '.join(names.numbers)}" if names.numbers else ""
        state = "Muted event" if receipt.muted_by else "Parked event"
        summary = f"{state} {receipt.event_type}{of}{numbers}: {in_words(reason)}"
    has_page = bool(reason) or is_dismissed
    return Found(
        kind=FoundKind.PARKED_EVENT if reason else FoundKind.EVENT,
        found_id=receipt.cause,
        matched=matched,
        account_id=receipt.account_id,
        at=receipt.occurred_at,
        amount=amount,
        summary=summary,
        go_to=GoTo.PARKED if has_page else GoTo.WHY,
        go_to_id="~".join(receipt.name) if has_page else receipt.cause,
    )


def found_subscription(subscription: Subscription, matched: str) -> Found:
    """Return a subscription, with its state."""
    return Found(
        kind=FoundKind.SUBSCRIPTION,
        found_id=subscription.subscription_id,
        matched=matched,
        account_id=subscription.account_id,
        at=subscription.at,
        summary=f"Subscription to {subscription.product_id or 'an unknown plan'}: {subscription.status}",
    )


def found_case(case: CasePointer, matched: str) -> Found:
    """Return a refund case."""
    return Found(
        kind=FoundKind.REFUND_CASE,
        found_id=case.case_id,
        matched=matched,
        account_id=case.account_id,
        summary="Refund case",
        go_to=GoTo.CASE,
        go_to_id=case.case_id,
    )


def found_incident(incident: Incident, matched: str) -> Found:
    """Return an incident, with its state."""
    return Found(
        kind=FoundKind.INCIDENT,
        found_id=incident.incident_id,
        matched=matched,
        account_id=None,
        at=incident.begun_at,
        summary=f"Incident: {incident.state}, {incident.given:,} credits given",
        go_to=GoTo.INCIDENT,
        go_to_id=incident.incident_id,
    )


def found_run(run_id: str, account_id: AccountId, matched: str) -> Found:
    """Return a failed run."""
    return Found(
        kind=FoundKind.RUN,
        found_id=run_id,
        matched=matched,
        account_id=account_id,
        summary="Run that failed",
        go_to=GoTo.WHY,
        go_to_id=run_id,
    )


def found_fact(kind: FoundKind, fact_id: str, fact: Fact, home: Purchase, matched: str) -> Found:
    """Return a refund, a dispute or a credit of a payment, with its amount and its state."""
    amount_minor, currency = getattr(fact, "amount_minor", None), getattr(fact, "currency", "")
    money = Money(amount_minor=amount_minor, currency=currency) if amount_minor is not None else None
    figure = f" of {format_amount(amount_minor, currency)}" if amount_minor is not None and currency else ""
    state = getattr(fact, "state", None)
    return Found(
        kind=kind,
        found_id=fact_id,
        matched=matched,
        account_id=home.account_id,
        at=fact.at,
        amount=money,
        summary=f"{kind.capitalize()}{figure}{f': {state}' if state else ''}, of {home.payment_id}",
        go_to=GoTo.ACCOUNT if home.account_id else GoTo.WHY,
        go_to_id=home.account_id or str(home.payment_id),
    )
