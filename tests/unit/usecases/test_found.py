"""What a search finds, in words and with where to look further: of records whose fields differ from one another."""

from dataclasses import replace
from typing import Any

import pytest

from ledger.domain.declarations import Declaration, DeclarationKind, DeclarationState, Submission
from ledger.domain.ids import PaymentId
from ledger.domain.incidents import Incident, IncidentState
from ledger.domain.index_rows import EventNames
from ledger.domain.money import Money
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import DISMISSED, ParkReason, Receipt, RecordOutcome
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.usecases.found import (
    Found,
    FoundKind,
    GoTo,
    found_declaration,
    found_event,
    found_fact,
    found_incident,
    found_order,
    found_payment,
    found_subscription,
)
from tools.testing.builders import ADA, CH, ORDER, PI, at, payment, refund


def test_a_declaration_has_its_state_and_the_time_of_its_first_step() -> None:
    """It leads to its own page."""
    submission = Submission(
        kind=DeclarationKind.WITHDRAWAL, name="Ada", contract="x", email="a@b.example", language="en", statement="y"
    )
    declaration = Declaration(
        declaration_id="W-1",
        state=DeclarationState.CONFIRMED,
        submission=submission,
        declared_at=at(1),
        confirmed_at=at(2),
        acknowledged_at=at(3),
        token_hash="0123",
        account_id=ADA,
    )
    assert found_declaration(declaration, "e-mail address") == Found(
        kind=FoundKind.DECLARATION,
        found_id="W-1",
        matched="e-mail address",
        account_id=ADA,
        at=at(1),
        summary="Declaration without a login: confirmed",
        go_to=GoTo.DECLARATION,
        go_to_id="W-1",
    )


@pytest.mark.parametrize(("is_paid", "state"), [(True, "paid"), (False, "not paid")])
def test_an_order_has_its_price(state: str, *, is_paid: bool) -> None:
    """As it was agreed, and whether it was paid."""
    assert found_order(ORDER, "order_1", is_paid=is_paid) == Found(
        kind=FoundKind.ORDER,
        found_id="order_1",
        matched="order_1",
        account_id=ADA,
        at=ORDER.made_at,
        amount=Money(amount_minor=1800, currency="EUR"),
        summary=f"Order of pack_1000 through stripe: {state}",
    )


@pytest.mark.parametrize(
    ("changes", "suffix"),
    [
        ({}, ""),
        ({"covers": "period/x", "billing_country": "DE"}, ""),
        ({"fulfilment_key": "order/ord_1", "covers": "period/x"}, " for order/ord_1"),
        ({"invoice_number": "INV-1", "billing_country": "DE"}, ", invoice INV-1"),
    ],
)
def test_a_payment_has_what_was_paid_and_its_invoice(changes: dict[str, Any], suffix: str) -> None:
    """Of which a part may have come from the buyer's balance."""
    settled = replace(payment(), card_minor=1500, overcharge_minor=100, tax_minor=333, **changes)
    assert found_payment(Purchase(payment_id=CH).with_facts(settled), "ch_1") == Found(
        kind=FoundKind.PAYMENT,
        found_id=PI,
        matched="ch_1",
        account_id=ADA,
        at=at(0),
        amount=Money(amount_minor=2000, currency="USD"),
        summary=f"Payment of 20.00 USD{suffix}",
    )


RECEIPT = Receipt(
    provider="stripe",
    event_id="evt_7",
    event_type="invoice.paid",
    occurred_at=at(5),
    received_at=at(6),
    outcome=RecordOutcome.BOOKED,
    body_sha256="0" * 64,
    correlation_id="case_1",
    customer_id="stripe:cus_1",
    account_id=ADA,
    detail="by hand",
)
PARKED = replace(RECEIPT, outcome=RecordOutcome.PARKED, parked_reason=ParkReason.NO_ACCOUNT)
MONEY = Money(amount_minor=900, currency="EUR")


@pytest.mark.parametrize(
    ("receipt", "names", "summary", "page"),
    [
        (RECEIPT, EventNames(), "Event invoice.paid: booked", None),
        (replace(RECEIPT, detail=f"{DISMISSED}kim: x"), EventNames(), "Event invoice.paid: dismissed", GoTo.PARKED),
        (PARKED, EventNames(ids=("in_1",)), "Parked event invoice.paid: no account", GoTo.PARKED),
        (
            PARKED,
            EventNames(ids=("in_1",), numbers=("A1", "B2"), addresses=("a@b.example",), amounts=(MONEY,)),
            "Parked event invoice.paid of 9.00 EUR, invoice A1, B2: no account",
            GoTo.PARKED,
        ),
        (
            replace(PARKED, muted_by="mute_1"),
            EventNames(addresses=("a@b.example",), amounts=(MONEY, replace(MONEY, amount_minor=800))),
            "Muted event invoice.paid: no account",
            GoTo.PARKED,
        ),
    ],
)
def test_an_event_says_what_became_of_it(receipt: Receipt, names: EventNames, summary: str, page: GoTo | None) -> None:
    """What is parked, or was dismissed, has a page of its own."""
    assert found_event(receipt, "evt_7", names) == Found(
        kind=FoundKind.PARKED_EVENT if receipt.parked_reason else FoundKind.EVENT,
        found_id="stripe:evt_7",
        matched="evt_7",
        account_id=ADA,
        at=at(5),
        amount=MONEY if names.amounts == (MONEY,) else None,
        summary=summary,
        go_to=page or GoTo.WHY,
        go_to_id="stripe:cus_1~evt_7" if page else "stripe:evt_7",
    )


@pytest.mark.parametrize(("product_id", "plan"), [("creator", "creator"), (None, "an unknown plan")])
def test_a_subscription_has_its_plan_and_its_state(product_id: str | None, plan: str) -> None:
    """As of its latest event."""
    subscription = Subscription(
        subscription_id="stripe:sub_1",
        status=SubscriptionStatus.ACTIVE,
        at=at(5),
        cause="stripe:evt_7",
        product_id=product_id,
        period_end=at(90),
        account_id=ADA,
        customer_id="stripe:cus_1",
    )
    assert found_subscription(subscription, "sub_1") == Found(
        kind=FoundKind.SUBSCRIPTION,
        found_id="stripe:sub_1",
        matched="sub_1",
        account_id=ADA,
        at=at(5),
        summary=f"Subscription to {plan}: active",
    )


def test_an_incident_has_what_it_gave() -> None:
    """Which is less than what was agreed at most. It is of no account."""
    incident = Incident(
        incident_id="inc_1",
        since=at(1),
        until=at(2),
        reason="It stood still.",
        credits=2000,
        begun_by="sam",
        begun_at=at(3),
        state=IncidentState.DONE,
        accounts=2,
        runs=3,
        given=1500,
        ended_at=at(4),
        version=5,
    )
    assert found_incident(incident, "inc_1") == Found(
        kind=FoundKind.INCIDENT,
        found_id="inc_1",
        matched="inc_1",
        account_id=None,
        at=at(3),
        summary="Incident: done, 1,500 credits given",
        go_to=GoTo.INCIDENT,
        go_to_id="inc_1",
    )


@pytest.mark.parametrize("is_paid", [True, False])
def test_a_refund_has_its_amount_and_leads_to_its_account_or_to_its_payment(*, is_paid: bool) -> None:
    """The payment may be one that nobody has reported."""
    home = Purchase(payment_id=PaymentId("stripe:in_1")).with_facts(*((payment(),) if is_paid else ()))
    returned = replace(refund(300, minute=10), at=at(12), currency="EUR", tag="case_1-1")
    assert found_fact(FoundKind.REFUND, "stripe:re_1", returned, home, "re_1") == Found(
        kind=FoundKind.REFUND,
        found_id="stripe:re_1",
        matched="re_1",
        account_id=ADA if is_paid else None,
        at=at(12),
        amount=Money(amount_minor=300, currency="EUR"),
        summary="Refund of 3.00 EUR: succeeded, of stripe:in_1",
        go_to=GoTo.ACCOUNT if is_paid else GoTo.WHY,
        go_to_id=ADA if is_paid else "stripe:in_1",
    )
