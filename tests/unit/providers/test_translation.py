"""What each notification says, field by field: booked in our words, noted, waiting, or parked with its reason.

The notifications here carry no more than what is read of them; whole ones stand in `events/`.
"""

import copy
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.domain import catalogue
from ledger.domain.catalogue import Resolution
from ledger.domain.errors import InvalidBody
from ledger.domain.events import Claim, Event, Owner
from ledger.domain.facts import (
    BalanceCredited,
    ChargebackChanged,
    ChargebackState,
    DisputeChanged,
    DisputeReason,
    DisputeState,
    EvidenceState,
    FraudWarned,
    MoneyLinked,
    PaidLine,
    PaymentFailed,
    PaymentSettled,
    RefundChanged,
    RefundedItem,
    RefundState,
    RefundTotalReported,
    ResolutionReported,
    UngrantedLine,
)
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.purchases import Purchase, target
from ledger.domain.receipts import NotBookable, ParkReason
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.providers import tags
from ledger.providers.paddle import events as paddle
from ledger.providers.parsing import (
    MAX_BODY_BYTES,
    currency,
    is_text,
    load_notification,
    objects,
    optional_text,
    rfc3339_time,
    text,
    unix_time,
    whole_number,
)
from ledger.providers.stripe import events as stripe
from ledger.providers.stripe import taxes
from ledger.providers.translation import bookable_lines, names_ours

Json = dict[str, Any]

SOLD = catalogue.load()


def _sold(**of_the_plan: Any) -> catalogue.Catalogue:
    """The catalogue, with these terms of its subscription."""
    plan = replace(SOLD.products["creator_monthly"], **of_the_plan)
    return catalogue.Catalogue(SOLD.version, {**SOLD.products, plan.product_id: plan})


OFFERS = {"stripe": ("price_offer",)}
OFFER = _sold(trial_credits=100, trial_price_ids={"paddle": ("pri_offer",)})
TRIAL, NO_TRIAL = _sold(trial_credits=100, trial_price_ids=OFFERS), _sold(trial_price_ids=OFFERS)
GONE = object()
"""Stands for a field that is not there."""


def changed(content: Json, changes: Json) -> Json:
    """A content with other values at these paths: `lines.data.0.amount`."""
    made = copy.deepcopy(content)
    for path, value in changes.items():
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        inner: Any = made
        for part in way:
            inner = inner[part]
        if value is GONE:
            del inner[last]
        else:
            inner[last] = copy.deepcopy(value)
    return made


# ── Stripe ────────────────────────────────────────────────────────────────────────────────────────────────────────────

AT = datetime(2026, 9, 1, 12, tzinfo=UTC)
START, END = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
LAPSE = END + timedelta(hours=3)
METADATA = {"order_id": "ord_1", "account_id": "acct_ada", "product_id": "pack_1000"}
ADA = Owner(order_id=OrderId("ord_1"), account_id=AccountId("acct_ada"), customer_id="stripe:cus_1")
CUSTOMER = Owner(customer_id="stripe:cus_1")
NOBODY = AccountId("")
PI, CH = PaymentId("stripe:pi_1"), PaymentId("stripe:ch_1")

SESSION = {
    "id": "cs_1",
    "mode": "payment",
    "payment_status": "paid",
    "amount_subtotal": 2000,
    "amount_total": 2200,
    "currency": "usd",
    "customer": "cus_1",
    "payment_intent": "pi_1",
    "metadata": METADATA,
}
INVOICE: Json = {
    "id": "in_1",
    "number": "ITAI-1",
    "billing_reason": "subscription_create",
    "amount_paid": 1500,
    "starting_balance": 0,
    "ending_balance": 0,
    "subtotal": 1500,
    "total": 1500,
    "currency": "usd",
    "customer": "cus_1",
    "parent": {"subscription_details": {"subscription": "sub_1", "metadata": METADATA}},
    "lines": {
        "has_more": False,
        "data": [
            {
                "id": "il_1",
                "amount": 1500,
                "quantity": 1,
                "pricing": {"price_details": {"price": "price_creator_monthly"}},
                "period": {"start": int(START.timestamp()), "end": int(END.timestamp())},
                "parent": {"subscription_item_details": {"proration": False}},
            }
        ],
    },
}
SUBSCRIPTION = {
    "id": "sub_1",
    "status": "active",
    "customer": "cus_1",
    "metadata": METADATA,
    "cancel_at": None,
    "cancel_at_period_end": False,
    "items": {
        "data": [{"current_period_end": int(END.timestamp()), "price": {"id": "price_creator_monthly"}}],
    },
}
REFUND = {
    "id": "re_1",
    "status": "succeeded",
    "amount": 500,
    "currency": "usd",
    "created": int(START.timestamp()),
    "payment_intent": "pi_1",
    "charge": "ch_1",
}
DISPUTE = {
    "id": "dp_1",
    "status": "needs_response",
    "amount": 2000,
    "currency": "usd",
    "created": int(START.timestamp()),
    "payment_intent": "pi_1",
    "charge": "ch_1",
    "balance_transactions": [{"amount": -2000, "reporting_category": "dispute"}],
}
WARNING = {"id": "issfr_1", "actionable": True, "payment_intent": "pi_1", "charge": "ch_1"}


def stripes(event_type: str, source: Json, changes: Json | None = None, **envelope: Any) -> Json:
    """Stripe's envelope around an object."""
    return {
        "id": "evt_1",
        "object": "event",
        "type": event_type,
        "api_version": "2026-10-28.endive",
        "created": int(AT.timestamp()),
        "livemode": False,
        "data": {"object": changed(source, changes or {})},
        **envelope,
    }


def says(
    event_type: str, source: Json, changes: Json | None = None, *, sold: catalogue.Catalogue = SOLD, **envelope: Any
) -> Event:
    """What Stripe says of an object."""
    event = stripe.translate(stripes(event_type, source, changes, **envelope), sold, is_live=False)
    assert event is not None
    assert (event.provider, event.event_id, event.event_type, event.at) == ("stripe", "evt_1", event_type, AT)
    return under_its_terms(event, sold)


def under_its_terms(event: Event, sold: catalogue.Catalogue) -> Event:
    """The same event, once each line has named the terms that it grants by, without these names."""
    if event.payment is None:
        return event
    lines = event.payment.lines
    assert [line.terms for line in lines] == [sold.products[line.product_id].digest for line in lines]
    return replace(event, payment=replace(event.payment, lines=tuple(replace(line, terms=None) for line in lines)))


def said(event: Event, **wanted: Any) -> Event:
    """The same event saying this, and no more."""
    return Event(provider=event.provider, event_id=event.event_id, event_type=event.event_type, at=event.at, **wanted)


PACK = PaymentSettled(
    payment_id=PI,
    account_id=AccountId("acct_ada"),
    paid_minor=2200,
    currency="USD",
    lines=(PaidLine(line_id="0", product_id="pack_1000", credits=1000, amount_minor=2200, expires_at=None),),
    at=AT,
    cause="stripe:evt_1",
    fulfilment_key="order/ord_1",
    order_id=OrderId("ord_1"),
    customer_id="stripe:cus_1",
    locked_until=None,
)


@pytest.mark.parametrize(
    ("details", "country", "is_company", "has_other"),
    [
        (GONE, None, False, False),
        (None, None, False, False),
        ({"address": None, "tax_ids": None}, None, False, False),
        ({"address": {"country": None}, "tax_ids": []}, None, False, False),
        ({"address": {"country": "Germany"}}, None, False, False),
        ({"address": "DE"}, None, False, False),
        ({"address": {"country": "DE"}, "tax_ids": [{"type": "eu_vat", "value": "DE123456789"}]}, "DE", True, False),
        ({"tax_ids": [{"type": "eu_vat", "value": " atu12345678"}]}, None, True, False),
        ({"tax_ids": [{"type": "eu_vat", "value": "PT234567890"}]}, None, False, True),
        ({"tax_ids": [{"type": "eu_vat", "value": "HR12345678901"}]}, None, False, True),
        ({"tax_ids": [{"type": "eu_vat", "value": None}]}, None, False, True),
        ({"tax_ids": [{"type": "nz_gst", "value": "49091850"}]}, None, False, True),
        ({"address": {"country": "PL"}, "tax_ids": [{"type": "pl_nip", "value": "x"}]}, "PL", True, False),
        ({"address": {"country": "IT"}, "tax_ids": [{"type": "it_cf", "value": "x"}]}, "IT", False, True),
        ({"address": {"country": "BR"}, "tax_ids": [{"type": "br_cpf", "value": "x"}]}, "BR", False, True),
        ({"address": {"country": "DE"}, "tax_ids": [{"type": "unknown", "value": "x"}]}, "DE", False, True),
        ({"tax_ids": [{"type": "it_cf"}, {"type": "eu_vat", "value": "IT00743110157"}]}, None, True, False),
        ({"tax_ids": [{"value": "x"}]}, None, False, True),
        ({"tax_ids": [{"type": ["eu_vat"]}]}, None, False, True),
        ({"tax_ids": ["eu_vat"]}, None, False, True),
        ({"tax_ids": "eu_vat"}, None, False, True),
    ],
)
def test_the_country_of_the_address_and_a_tax_id_are_read_and_park_nothing(
    details: object, country: str | None, *, is_company: bool, has_other: bool
) -> None:
    """Of a session and of an invoice. Whatever they are, the payment grants the same."""
    given = {} if details is GONE else {"customer_details": details}
    session = says("checkout.session.completed", {**SESSION, **given})
    known = {"billing_country": country, "has_company_data": is_company, "has_other_tax_id": has_other}
    assert session.payment == replace(PACK, **known)  # type: ignore[arg-type]
    of_invoice = details if isinstance(details, dict) else {}
    invoice = {**INVOICE, "customer_address": of_invoice.get("address"), "customer_tax_ids": of_invoice.get("tax_ids")}
    told, plain = says("invoice.paid", invoice).payment, says("invoice.paid", INVOICE).payment
    assert plain
    assert told == replace(plain, **known)  # type: ignore[arg-type]


BUSINESS_KINDS = """
au_abn au_acn bg_uic bh_vat br_cnpj bw_vat ca_bn ca_gst_hst ch_uid ch_vat ci_vat eu_oss_vat fo_vat fr_siren
fr_siret gb_vat ge_vat hk_br hu_tin il_vat in_gst is_vat jp_cn kr_brn li_uid li_vat lk_vat ma_vat md_vat mk_vat
mu_vat no_vat no_voec nz_bn om_vat pl_nip rs_pib sa_vat sg_gst sg_uen tt_vat tw_vat tz_vat ua_vat uz_vat za_vat
"""
"""What only who trades has, as Stripe calls it, but for `eu_vat`."""


@pytest.mark.parametrize("kind", BUSINESS_KINDS.split())
def test_each_tax_id_that_only_who_trades_has_shows_a_business(kind: str) -> None:
    """And the same with another ending shows nothing."""
    assert taxes.shows_business([{"type": kind, "value": "1"}])
    assert not taxes.shows_business([{"type": f"{kind}x", "value": "1"}])


@pytest.mark.parametrize(
    "country", ["AT", "BE", "DE", "DK", "EE", "FI", "FR", "HU", "IT", "LT", "LU", "MT", "NL", "PL", "XI"]
)
def test_each_vat_number_that_only_who_trades_has_shows_a_business(country: str) -> None:
    """By the country that it begins with."""
    assert taxes.shows_business([{"type": "eu_vat", "value": f"{country}123456789"}])


COMPUTED = {"automatic_tax": {"enabled": True, "status": "complete"}}


@pytest.mark.parametrize(
    ("given", "tax_minor"),
    [
        ({"total_details": GONE}, None),
        ({"total_details": None}, None),
        ({"total_details": {"amount_tax": 0}}, None),
        ({"total_details": {"amount_tax": 0}, **COMPUTED}, 0),
        ({"total_details": {"amount_tax": 0}, "automatic_tax": {"status": "failed"}}, None),
        ({"total_details": {"amount_tax": 0}, "automatic_tax": None}, None),
        ({"total_details": {"amount_tax": 160}}, 160),
        ({"total_details": {"amount_tax": -1}, **COMPUTED}, None),
        ({"total_details": {"amount_tax": True}}, None),
        ({"total_details": {"amount_tax": "160"}, **COMPUTED}, None),
        ({"total_details": {}, **COMPUTED}, None),
        ({"total_details": 160, "automatic_tax": "complete"}, None),
    ],
)
def test_the_tax_of_a_session_is_known_if_it_was_computed(given: dict[str, Any], tax_minor: int | None) -> None:
    """What can't be read is not known, and parks nothing."""
    session = {name: value for name, value in {**SESSION, "automatic_tax": None, **given}.items() if value is not GONE}
    assert says("checkout.session.completed", session).payment == replace(PACK, tax_minor=tax_minor)


@pytest.mark.parametrize(
    ("given", "tax_minor"),
    [
        ({"total_taxes": None}, None),
        ({"total_taxes": []}, None),
        ({"total_taxes": [], **COMPUTED}, 0),
        ({"total_taxes": [{"amount": 0}]}, None),
        ({"total_taxes": [{"amount": 0}], **COMPUTED}, 0),
        ({"total_taxes": [{"amount": 100}, {"amount": 60}]}, 160),
        ({"total_taxes": [{"amount": 100}, {"amount": -60}]}, None),
        ({"total_taxes": [{"amount": 100}, {}]}, None),
        ({"total_taxes": [100]}, None),
        ({"total_taxes": 100}, None),
    ],
)
def test_the_tax_of_an_invoice_is_the_sum_of_its_taxes(given: dict[str, Any], tax_minor: int | None) -> None:
    """Of all, or of none: a part of them is not the tax of the payment."""
    told = says("invoice.paid", {**INVOICE, "automatic_tax": None, **given}).payment
    plain = says("invoice.paid", {**INVOICE, "automatic_tax": None, "total_taxes": []}).payment
    assert plain
    assert told == replace(plain, tax_minor=tax_minor)


@pytest.mark.parametrize("kind", ["completed", "async_payment_succeeded"])
def test_a_session_that_is_paid_pays_for_its_pack(kind: str) -> None:
    """Whatever way the money took."""
    event = says(f"checkout.session.{kind}", SESSION)
    assert event == said(event, owner=ADA, names=(PI,), payment=PACK)


def lines_of(**of_the_line: Any) -> tuple[PaidLine, ...]:
    """The pack's line, but for this."""
    return (replace(PACK.lines[0], **of_the_line),)


@pytest.mark.parametrize(
    ("changes", "payment"),
    [
        ({"payment_status": "no_payment_required"}, PACK),
        ({"payment_intent": None}, replace(PACK, payment_id=PaymentId("stripe:cs_1"))),
        ({"customer": None}, replace(PACK, customer_id=None)),
        ({"customer": ""}, replace(PACK, customer_id=None)),
        ({"metadata.order_id": GONE}, replace(PACK, fulfilment_key=None, order_id=None)),
        ({"metadata.account_id": GONE}, replace(PACK, account_id=NOBODY)),
        ({"currency": "eur"}, replace(PACK, currency="EUR", overcharge_minor=220)),
        ({"metadata.quantity": "1"}, PACK),
        (
            {"metadata.quantity": "3", "amount_subtotal": 6000, "amount_total": 6000},
            replace(PACK, paid_minor=6000, lines=lines_of(credits=3000, amount_minor=6000)),
        ),
        # 500 above the price, with its tenth of tax
        (
            {"amount_subtotal": 2500, "amount_total": 2750},
            replace(PACK, paid_minor=2750, overcharge_minor=550, lines=lines_of(amount_minor=2750)),
        ),
        ({"amount_total": 0}, replace(PACK, paid_minor=0, lines=lines_of(amount_minor=0))),  # our discount made it free
        (
            {"amount_total": 1, "metadata.order_id": GONE},
            replace(PACK, paid_minor=1, fulfilment_key=None, order_id=None, lines=lines_of(amount_minor=1)),
        ),
    ],
)
def test_a_session_pays_for_what_its_metadata_and_our_catalogue_say(changes: Json, payment: PaymentSettled) -> None:
    """Never for what a number in it says that a browser could have sent."""
    event = says("checkout.session.completed", SESSION, changes)
    assert (event.payment, event.names, event.parked) == (payment, (payment.payment_id,), None), event.detail


@pytest.mark.parametrize(
    ("changes", "owner"),
    [
        ({"mode": "subscription"}, ADA),
        ({"mode": "setup", "metadata": None}, CUSTOMER),
        ({"payment_status": "unpaid"}, ADA),
        ({"payment_status": "unpaid", "customer": {"id": "cus_1"}}, replace(ADA, customer_id=None)),
    ],
)
def test_a_session_that_is_not_paid_or_not_for_a_pack_only_says_whose_it_is(changes: Json, owner: Owner) -> None:
    """A subscription's invoice pays; a delayed payment arrives later."""
    event = says("checkout.session.completed", SESSION, changes)
    assert event == said(event, owner=owner)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metadata.product_id": GONE}, ParkReason.UNKNOWN_PRODUCT),
        ({"metadata.product_id": "pack_7"}, ParkReason.UNKNOWN_PRODUCT),
        ({"metadata.product_id": "creator_monthly"}, ParkReason.UNKNOWN_PRODUCT),
        ({"metadata": None}, ParkReason.UNKNOWN_PRODUCT),
        ({"metadata.quantity": "0"}, ParkReason.UNKNOWN_SHAPE),
        ({"metadata.quantity": "many"}, ParkReason.UNKNOWN_SHAPE),
        ({"metadata.quantity": "2"}, ParkReason.UNDERPAID),
        ({"currency": "chf"}, ParkReason.UNKNOWN_CURRENCY),
        ({"amount_subtotal": 1999}, ParkReason.UNDERPAID),
        ({"amount_total": 0, "metadata.order_id": GONE}, ParkReason.UNDERPAID),
        ({"amount_total": -1}, ParkReason.UNKNOWN_SHAPE),
        ({"amount_total": GONE}, ParkReason.UNKNOWN_SHAPE),
        ({"mode": GONE}, ParkReason.UNKNOWN_SHAPE),
        ({"payment_status": None}, ParkReason.UNKNOWN_SHAPE),
        ({"payment_intent": None, "id": None}, ParkReason.UNKNOWN_SHAPE),
        ({"metadata": []}, ParkReason.UNKNOWN_PRODUCT),
        ({"metadata": ["x"]}, ParkReason.UNKNOWN_SHAPE),
    ],
)
def test_a_session_that_cant_be_believed_is_parked_with_its_reason(changes: Json, reason: ParkReason) -> None:
    """It says why, and whose customer it is; it pays for nothing."""
    event = says("checkout.session.completed", SESSION, changes)
    assert (event.parked, event.payment, event.names) == (reason, None, ())
    assert event.owner.customer_id == CUSTOMER.customer_id
    assert event.detail


@pytest.mark.parametrize("kind", ["async_payment_failed", "expired"])
def test_a_session_that_failed_says_so_of_its_payment_if_there_is_one(kind: str) -> None:
    """One that expired may have none."""
    event = says(f"checkout.session.{kind}", SESSION)
    assert event == said(event, owner=ADA, names=(PI,), facts=(PaymentFailed(at=AT, cause="stripe:evt_1"),))
    nobody = says(f"checkout.session.{kind}", SESSION, {"payment_intent": None})
    assert nobody == said(nobody, owner=ADA)


PERIOD = "period/stripe:sub_1/2026-09-01T00:00:00Z"
MONTH = PaymentSettled(
    payment_id=PaymentId("stripe:in_1"),
    account_id=AccountId("acct_ada"),
    paid_minor=1500,
    currency="USD",
    lines=(
        PaidLine(
            line_id="il_1",
            product_id="creator_monthly",
            credits=1000,
            amount_minor=1500,
            expires_at=LAPSE,
            period_ends_at=END,
            grace_from=END,
        ),
    ),
    at=AT,
    cause="stripe:evt_1",
    fulfilment_key="order/ord_1",
    covers=PERIOD,
    order_id=OrderId("ord_1"),
    subscription_id="stripe:sub_1",
    customer_id="stripe:cus_1",
    invoice_number="ITAI-1",
    locked_until=None,
)
RENEWED = replace(MONTH, fulfilment_key=PERIOD, covers=None, is_renewal=True)
RENEWS = {"billing_reason": "subscription_cycle"}
PACK_LINE = {
    "id": "il_2",
    "amount": 1000,
    "quantity": 2,
    "pricing": {"price_details": {"price": "price_pack500"}},
    "period": {"start": 10**9, "end": 10**9},
}
UNKNOWN_LINE = {**PACK_LINE, "amount": 0, "pricing": {"price_details": {"price": "price_other"}}}


def test_an_invoice_pays_for_a_subscriptions_first_period_and_its_order() -> None:
    """Both, so that neither an order nor a period is paid for twice."""
    event = says("invoice.paid", INVOICE)
    assert event == said(event, owner=ADA, names=(PaymentId("stripe:in_1"),), payment=MONTH)


def month(payment: PaymentSettled = MONTH, **of_the_line: Any) -> PaymentSettled:
    """A month whose line is otherwise."""
    return replace(payment, lines=(replace(payment.lines[0], **of_the_line),))


@pytest.mark.parametrize(
    ("changes", "payment"),
    [
        (RENEWS, RENEWED),
        (
            {"parent.subscription_details.metadata.order_id": GONE},
            replace(MONTH, fulfilment_key=PERIOD, covers=None, order_id=None),
        ),
        (
            {"parent.subscription_details.metadata": None},
            replace(MONTH, fulfilment_key=PERIOD, covers=None, order_id=None, account_id=NOBODY),
        ),
        ({"number": None}, replace(MONTH, invoice_number=None)),
        # the buyer's balance paid a part, or all; it may have been larger
        ({"amount_paid": 900, "starting_balance": -600}, replace(MONTH, card_minor=900)),
        ({"amount_paid": 0, "starting_balance": -1500}, replace(MONTH, card_minor=0)),
        ({"amount_paid": 0, "starting_balance": -2000, "ending_balance": -500}, replace(MONTH, card_minor=0)),
        # a credit note before the payment lowered what was due
        ({"amount_paid": 900, "pre_payment_credit_notes_amount": 600}, replace(month(credits=600), paid_minor=900)),
        ({"amount_paid": 50, "pre_payment_credit_notes_amount": 1450}, replace(month(credits=34), paid_minor=50)),
        ({"amount_paid": 1, "pre_payment_credit_notes_amount": 1499}, replace(month(credits=1), paid_minor=1)),
        (
            {"lines.data.0.amount": 1, "total": 2, "amount_paid": 1, "pre_payment_credit_notes_amount": 1},
            replace(month(credits=500, amount_minor=1), paid_minor=1),
        ),
        (
            {"amount_paid": 0, "starting_balance": -50, "pre_payment_credit_notes_amount": 1450},
            replace(month(credits=34), paid_minor=50, card_minor=0),
        ),
        # the invoice collected an older debt too
        ({"amount_paid": 1700, "starting_balance": 200}, replace(MONTH, card_minor=1700)),
        # a part was paid outside of Stripe; more than was due was paid
        ({"amount_paid_off_stripe": 600}, replace(MONTH, card_minor=900)),
        ({"amount_paid_off_stripe": None}, MONTH),
        ({"amount_paid": 1600, "amount_overpaid": 100}, replace(MONTH, card_minor=1600)),
        ({"total": 0, "amount_paid": 0}, replace(MONTH, paid_minor=0)),  # our discount made it free
        ({"total": 1, "amount_paid": 1, **RENEWS}, replace(RENEWED, paid_minor=1)),
        ({"total": 0, "subtotal": 1, "amount_paid": 0}, replace(MONTH, paid_minor=0)),
        (
            {"total": 1, "amount_paid": 1, "parent.subscription_details.metadata": None},
            replace(MONTH, paid_minor=1, fulfilment_key=PERIOD, covers=None, order_id=None, account_id=NOBODY),
        ),
        ({"lines.data.0.amount": 1}, month(amount_minor=1)),
        ({"lines.data.0.id": GONE}, month(line_id="0")),
        ({"lines.data.0.quantity": 2}, month(credits=2000)),
        ({"lines.data.0.quantity": None, "lines.data.0.quantity_decimal": "2"}, month(credits=2000)),
        ({"lines.data.0.quantity": None, "lines.data.0.quantity_decimal": "2.000"}, month(credits=2000)),
        ({"lines.data.0.parent": GONE}, MONTH),
        ({"lines.has_more": GONE}, MONTH),
        ({"lines.data.0.taxes": [{"amount": 150, "tax_behavior": "exclusive"}]}, month(amount_minor=1650)),
        ({"lines.data.0.discount_amounts": [{"amount": 100}, {"amount": 1}]}, month(amount_minor=1399)),
        (
            {"lines.data": [PACK_LINE, INVOICE["lines"]["data"][0]]},
            replace(
                MONTH,
                lines=(
                    PaidLine(line_id="il_2", product_id="pack_500", credits=1000, amount_minor=1000, expires_at=None),
                    *MONTH.lines,
                ),
            ),
        ),
        # in a renewal: the period is paid for all the same
        (
            {"lines.data": [PACK_LINE, INVOICE["lines"]["data"][0]], **RENEWS},
            replace(
                RENEWED,
                lines=(
                    PaidLine(line_id="il_2", product_id="pack_500", credits=1000, amount_minor=1000, expires_at=None),
                    *MONTH.lines,
                ),
            ),
        ),
        # alone on the first invoice: that is the order's
        (
            {"lines.data": [PACK_LINE]},
            replace(
                MONTH,
                covers=None,
                lines=(
                    PaidLine(line_id="il_2", product_id="pack_500", credits=1000, amount_minor=1000, expires_at=None),
                ),
            ),
        ),
        # a proration, and a line of nothing at an unknown price, give nothing beside what does
        (
            {
                "lines.data": [
                    {**PACK_LINE, "amount": 0, "parent": {"invoice_item_details": {"proration": True}}},
                    UNKNOWN_LINE,
                    {**PACK_LINE, "amount": 0},
                    INVOICE["lines"]["data"][0],
                ]
            },
            MONTH,
        ),
        # later than in the first invoice, nothing is charged for what grants nothing, and for no trial
        (
            {
                "lines.data": [INVOICE["lines"]["data"][0], {**INVOICE["lines"]["data"][0], "id": "il_2", "amount": 0}],
                **RENEWS,
            },
            RENEWED,
        ),
        (
            {
                "lines.data": [
                    {
                        **INVOICE["lines"]["data"][0],
                        "amount": 0,
                        "parent": {"invoice_item_details": {"proration": False}},
                    },
                    INVOICE["lines"]["data"][0],
                ]
            },
            MONTH,
        ),
        (
            {"lines.data.0.amount": -1, "lines.data": [INVOICE["lines"]["data"][0], {**UNKNOWN_LINE, "amount": -1}]},
            MONTH,
        ),
        # a whole period, after a trial that was ended or from an anchor that was moved
        ({"billing_reason": "subscription_update"}, RENEWED),
        # a pack alone, on a subscription's invoice: no period is paid for
        (
            {"lines.data": [PACK_LINE], **RENEWS},
            replace(
                MONTH,
                fulfilment_key=None,
                covers=None,
                order_id=None,
                subscription_id=None,
                lines=(
                    PaidLine(line_id="il_2", product_id="pack_500", credits=1000, amount_minor=1000, expires_at=None),
                ),
            ),
        ),
    ],
)
def test_an_invoice_pays_for_what_its_lines_are_priced_at(changes: Json, payment: PaymentSettled) -> None:
    """By the catalogue's price ids."""
    event = says("invoice.paid", INVOICE, changes)
    assert (event.payment, event.parked) == (payment, None), event.detail


def test_the_first_of_several_periods_names_what_was_paid_for() -> None:
    """Whatever order the lines are in."""
    line = INVOICE["lines"]["data"][0]
    later = {**line, "period": {"start": int(END.timestamp()), "end": int(END.timestamp()) + 1}}
    for lines in ([line, later], [later, line]):
        event = says("invoice.paid", INVOICE, {"lines.data": lines, **RENEWS})
        assert event.payment
        assert event.payment.fulfilment_key == PERIOD


PRORATED = {"lines.data.0.parent": {"subscription_item_details": {"proration": True}}}
NOTHING_PAID = {"amount_paid": 0, "total": 0, "subtotal": 0}


@pytest.mark.parametrize(
    ("changes", "owner"),
    [
        ({"parent": None, **NOTHING_PAID}, CUSTOMER),  # an invoice of ours, by hand
        ({"parent": {"quote_details": {}}, **NOTHING_PAID}, CUSTOMER),
        # it collects what an earlier one, which was booked, left to pay
        ({"parent": None, **NOTHING_PAID, "amount_paid": 50, "starting_balance": 50}, CUSTOMER),
        ({"lines.data": [], **NOTHING_PAID, "amount_paid": 50, "starting_balance": 50}, ADA),
        ({"lines.data.0.amount": 0, **NOTHING_PAID, **PRORATED}, ADA),
        ({"lines.data.0.amount": 0, **NOTHING_PAID}, ADA),  # a trial
        ({"lines.data.0.quantity": None, "lines.data.0.amount": 0, **NOTHING_PAID}, ADA),
        ({"lines.data.0.pricing": None, "lines.data.0.amount": 0, **NOTHING_PAID}, ADA),
        ({"lines.data": [], **NOTHING_PAID}, ADA),
    ],
)
def test_what_pays_for_no_period_grants_nothing(changes: Json, owner: Owner) -> None:
    """It is noted, not parked."""
    event = says("invoice.paid", INVOICE, changes)
    assert event == said(event, owner=owner)


def test_a_trial_grants_what_the_catalogue_says_of_trials() -> None:
    """Its invoice is of nothing, and no order has to say that it is free. A later one of nothing is no trial."""
    free: Json = {"lines.data.0.amount": 0, **NOTHING_PAID, "parent.subscription_details.metadata": None}
    event = says("invoice.paid", INVOICE, free, sold=TRIAL)
    assert event.payment, event.detail
    assert (event.payment.paid_minor, event.payment.lines[0].credits) == (0, 100)
    for later in ("subscription_cycle", "subscription_update"):
        assert says("invoice.paid", INVOICE, {**free, "billing_reason": later}, sold=TRIAL).payment is None


def test_a_paid_trial_with_a_price_of_its_own_grants_what_the_catalogue_says_of_trials() -> None:
    """Where it says nothing, a person decides what the money was for."""
    offer = {
        "lines.data.0.pricing.price_details.price": "price_offer",
        "lines.data.0.amount": 100,
        "amount_paid": 100,
        "total": 100,
    }
    paid = says("invoice.paid", INVOICE, offer, sold=TRIAL)
    assert paid.payment == replace(month(credits=100, amount_minor=100), paid_minor=100, is_trial=True), paid.detail
    nothing = says("invoice.paid", INVOICE, offer, sold=NO_TRIAL)
    assert (nothing.parked, nothing.payment) == (ParkReason.UNEXPECTED_CHARGE, None)
    credited = {**offer, "amount_paid": 0, "pre_payment_credit_notes_amount": 100}
    for total in (100, 1):
        unpaid = says("invoice.paid", INVOICE, {**credited, "total": total}, sold=TRIAL)
        assert unpaid.parked is ParkReason.UNDERPAID, "nobody paid"
    free = says(
        "invoice.paid", INVOICE, {**offer, "lines.data.0.amount": 0, "amount_paid": 0, "total": 0}, sold=NO_TRIAL
    )
    assert (free.parked, free.payment) == (None, None)


def test_a_free_trial_beside_a_pack_keeps_its_credits_though_a_credit_note_lowered_the_pack() -> None:
    """10.00 for the pack, of which 4.00 were paid."""
    trial = {**INVOICE["lines"]["data"][0], "amount": 0}
    both = {"lines.data": [PACK_LINE, trial], "amount_paid": 400, "total": 1000}
    event = says("invoice.paid", INVOICE, {**both, "pre_payment_credit_notes_amount": 600}, sold=TRIAL)
    assert event.payment, event.detail
    assert [line.credits for line in event.payment.lines] == [400, 100]


def test_a_paid_trial_that_grants_nothing_beside_a_pack_is_known_by_its_line() -> None:
    """What is refunded or credited of it is no price of the pack."""
    trial = {**INVOICE["lines"]["data"][0], "pricing": {"price_details": {"price": "price_offer"}}, "amount": 100}
    for amount in (100, 1, 0):
        known = (UngrantedLine(line_id=trial["id"], amount_minor=amount),) if amount else None
        both = {
            "lines.data": [PACK_LINE, {**trial, "amount": amount}],
            "amount_paid": 1000 + amount,
            "total": 1000 + amount,
        }
        event = says("invoice.paid", INVOICE, both, sold=NO_TRIAL)
        assert event.payment, event.detail
        assert ([line.line_id for line in event.payment.lines], event.payment.ungranted) == (["il_2"], known)
        later = says("invoice.paid", INVOICE, {**both, **RENEWS}, sold=NO_TRIAL).payment
        assert later
        assert (bool(later.order_id), bool(later.subscription_id), later.is_renewal) == (known is not None,) * 3


PART: Json = {
    "billing_reason": "subscription_update",
    "amount_paid": 750,
    "total": 750,
    "subtotal": 750,
    "lines.data.0.amount": 750,
    **PRORATED,
}
CHANGED_UP = replace(
    RENEWED,
    paid_minor=750,
    fulfilment_key=None,
    lines=(replace(MONTH.lines[0], credits=500, amount_minor=750),),
)


@pytest.mark.parametrize(
    ("changes", "payment"),
    [
        ({}, CHANGED_UP),
        ({"lines.data.0.quantity": 2}, CHANGED_UP),  # the amount says it all
        ({"lines.data.0.quantity": None}, CHANGED_UP),
        (
            {"lines.data.0.amount": 749},
            replace(CHANGED_UP, lines=(replace(CHANGED_UP.lines[0], credits=499, amount_minor=749),)),
        ),
        ({"currency": "eur"}, replace(CHANGED_UP, currency="EUR", lines=(replace(CHANGED_UP.lines[0], credits=535),))),
        # before tax and discount, as the price is
        (
            {"lines.data.0.taxes": [{"amount": 75, "tax_behavior": "exclusive"}]},
            replace(CHANGED_UP, lines=(replace(CHANGED_UP.lines[0], amount_minor=825),)),
        ),
        ({"billing_reason": "automatic_pending_invoice_item_invoice"}, CHANGED_UP),
        ({"parent": None}, replace(CHANGED_UP, account_id=NOBODY, order_id=None, subscription_id=None)),
    ],
)
def test_a_part_of_a_period_grants_its_part_where_the_catalogue_says_so(changes: Json, payment: PaymentSettled) -> None:
    """In proportion of its amount to the price, in whole credits. It pays for no period and no order."""
    event = says("invoice.paid", INVOICE, {**PART, **changes})
    assert (event.payment, event.parked) == (payment, None), event.detail


def test_a_part_of_a_period_that_grants_nothing_is_an_overcharge_beside_what_grants() -> None:
    """The renewal is granted, and the flag tells a person of the rest."""
    lines = [INVOICE["lines"]["data"][0], {**PACK_LINE, "parent": {"invoice_item_details": {"proration": True}}}]
    paid = {"lines.data": lines, "amount_paid": 2500, "total": 2500, "subtotal": 2500, **RENEWS}
    event = says("invoice.paid", INVOICE, paid)
    over = UngrantedLine(line_id="il_2", amount_minor=1000, is_overcharge=True)
    assert event.payment == replace(RENEWED, paid_minor=2500, overcharge_minor=1000, ungranted=(over,)), event.detail


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({**PART, "lines.data.0.pricing.price_details.price": "price_other"}, ParkReason.UNKNOWN_PRICE),
        ({**PART, "lines.data.0.pricing.price_details.price": "price_pack500"}, ParkReason.UNEXPECTED_CHARGE),
        ({**PART, "currency": "chf"}, ParkReason.UNKNOWN_CURRENCY),
        ({**PART, "lines.data.0.amount": 1}, ParkReason.UNEXPECTED_CHARGE),  # no whole credit
        ({"lines.data": []}, ParkReason.UNEXPECTED_CHARGE),
        ({"lines.data.0.amount": 0}, ParkReason.UNEXPECTED_CHARGE),
        ({"lines.data": [], "amount_paid": 0, "starting_balance": -1500}, ParkReason.UNEXPECTED_CHARGE),
        ({"lines.data": [], "amount_paid": 1, "total": 1}, ParkReason.UNEXPECTED_CHARGE),
        # nothing was due for a part of a period, and no order says that it is free
        (
            {**PART, **NOTHING_PAID, "parent.subscription_details.metadata": None},
            ParkReason.UNDERPAID,
        ),
        # a part of a period, and a whole one of no subscription
        (
            {
                **PART,
                "lines.data": [
                    {**INVOICE["lines"]["data"][0], "parent": PRORATED["lines.data.0.parent"]},
                    INVOICE["lines"]["data"][0],
                ],
                "parent": None,
            },
            ParkReason.UNEXPECTED_CHARGE,
        ),
        ({"billing_reason": "subscription_threshold"}, ParkReason.UNEXPECTED_CHARGE),
        # somebody added the plan's price by hand: its times are no period's
        ({"lines.data.0.parent": {"invoice_item_details": {"proration": False}}}, ParkReason.UNEXPECTED_CHARGE),
        (
            {"lines.data": [{**PACK_LINE, "parent": {"invoice_item_details": {"proration": False}}}], "parent": None},
            ParkReason.UNEXPECTED_CHARGE,
        ),
        (
            {
                "lines.data.0.amount": 1,
                "lines.data.0.parent": {"invoice_item_details": {"proration": False}},
                "amount_paid": 1,
                "total": 1,
            },
            ParkReason.UNEXPECTED_CHARGE,
        ),
        ({"parent": None, **NOTHING_PAID, "total": -500, "ending_balance": -500}, ParkReason.UNKNOWN_ORIGIN),
        ({"parent": None, **NOTHING_PAID, "total": -1, "ending_balance": -1}, ParkReason.UNKNOWN_ORIGIN),
    ],
)
def test_money_that_grants_nothing_is_parked(changes: Json, reason: ParkReason) -> None:
    """Whoever paid it is owed something: it is never noted and forgotten."""
    event = says("invoice.paid", INVOICE, changes)
    assert (event.parked, event.payment) == (reason, None), event.detail


@pytest.mark.parametrize("parent", [None, {"quote_details": {}}])
@pytest.mark.parametrize("paid", [{}, {"amount_paid": 0, "starting_balance": -1500}, {"amount_paid": 1, "total": 1}])
def test_an_invoice_of_no_subscription_is_parked_unless_its_money_is_booked(parent: Json | None, paid: Json) -> None:
    """It names itself, so that the session that it was made beside can be found."""
    event = says("invoice.paid", INVOICE, {"parent": parent, "billing_reason": "manual", **paid})
    detail = "billing_reason manual, and no subscription that was paid for"
    parked = NotBookable(ParkReason.UNEXPECTED_CHARGE, detail)
    assert event == said(event, owner=CUSTOMER, names=(PaymentId("stripe:in_1"),), not_bookable=parked)
    session = says("checkout.session.completed", SESSION, {"invoice": "in_1"})
    assert session.names == (PI, PaymentId("stripe:in_1"))


def test_no_session_books_an_invoice_that_has_prorations() -> None:
    """Beside a line that is none it is parked under no name: a person has to look at it."""
    part = {**INVOICE["lines"]["data"][0], "parent": PRORATED["lines.data.0.parent"]}
    mixed = {"parent": None, "lines.data": [part, INVOICE["lines"]["data"][0]]}
    event = says("invoice.paid", INVOICE, mixed)
    assert (event.parked, event.names) == (ParkReason.UNEXPECTED_CHARGE, ())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"billing_reason": "manual"}, ParkReason.UNEXPECTED_CHARGE),
        ({"billing_reason": None}, ParkReason.UNKNOWN_SHAPE),
        ({"total": 0, "amount_paid": 0, "parent.subscription_details.metadata": {}}, ParkReason.UNDERPAID),
        ({"total": -1, "amount_paid": 0, "parent.subscription_details.metadata": {}}, ParkReason.UNKNOWN_ORIGIN),
        ({"total": -1, "amount_paid": 0, "subtotal": 0}, ParkReason.UNKNOWN_ORIGIN),
        # a credit note settled the open invoice: nobody paid
        ({"amount_paid": 0, "pre_payment_credit_notes_amount": 1500, **RENEWS}, ParkReason.UNDERPAID),
        ({"amount_paid": 0, "pre_payment_credit_notes_amount": 1500}, ParkReason.UNDERPAID),
        ({"amount_paid": 0, "total": 1, "pre_payment_credit_notes_amount": 1}, ParkReason.UNDERPAID),
        ({"amount_paid": 0, "ending_balance": -500}, ParkReason.UNDERPAID),  # it filled the balance, and nobody paid
        ({"starting_balance": GONE}, ParkReason.UNKNOWN_SHAPE),
        ({"ending_balance": None}, ParkReason.UNKNOWN_SHAPE),
        ({"lines.has_more": True}, ParkReason.UNKNOWN_SHAPE),
        ({"lines.data.0.pricing.price_details.price": "price_other"}, ParkReason.UNKNOWN_PRICE),
        ({"lines.data": [{**UNKNOWN_LINE, "amount": 1}]}, ParkReason.UNKNOWN_PRICE),
        ({"lines.data.0.pricing": None}, ParkReason.UNKNOWN_PRICE),
        ({"lines.data.0.pricing.price_details": None}, ParkReason.UNKNOWN_PRICE),
        ({"lines.data.0.quantity": 0}, ParkReason.UNKNOWN_SHAPE),
        ({"lines.data.0.quantity": None}, ParkReason.UNKNOWN_SHAPE),
        ({"lines.data.0.quantity": None, "lines.data.0.quantity_decimal": "1.5"}, ParkReason.UNKNOWN_SHAPE),
        ({"lines.data.0.quantity": None, "lines.data.0.quantity_decimal": "1.0X"}, ParkReason.UNKNOWN_SHAPE),
        ({"lines.data.0.quantity": None, "lines.data.0.quantity_decimal": "0"}, ParkReason.UNKNOWN_SHAPE),
        ({"lines.data.0.quantity": None, "lines.data.0.quantity_decimal": "1e3"}, ParkReason.UNKNOWN_SHAPE),
        ({"lines.data.0.period": GONE}, ParkReason.UNKNOWN_SHAPE),
        ({"parent.subscription_details.subscription": None}, ParkReason.UNKNOWN_SHAPE),
        ({"id": None}, ParkReason.UNKNOWN_SHAPE),
    ],
)
def test_an_invoice_that_cant_be_believed_is_parked_with_its_reason(changes: Json, reason: ParkReason) -> None:
    """A period that was paid somehow else waits for a person; it is never guessed."""
    event = says("invoice.paid", INVOICE, changes)
    assert (event.parked, event.payment, event.owner.customer_id) == (reason, None, CUSTOMER.customer_id), event.detail
    assert event.detail


def test_an_invoice_is_linked_to_what_paid_it() -> None:
    """By PaymentIntent, else by charge; neither links nothing."""
    both = {"invoice": "in_1", "amount_paid": 1500, "payment": {"payment_intent": "pi_1", "charge": "ch_1"}}
    link = MoneyLinked(money_id=PI, sale_id=PaymentId("stripe:in_1"), amount_minor=1500, at=AT, cause="stripe:evt_1")
    event = says("invoice_payment.paid", both)
    assert event == said(event, owner=Owner(), names=(PaymentId("stripe:in_1"), PI), facts=(link,))
    of_charge = says("invoice_payment.paid", both, {"payment.payment_intent": None})
    assert (of_charge.names, of_charge.facts) == (("stripe:in_1", CH), (replace(link, money_id=CH),))
    none = says("invoice_payment.paid", both, {"payment": {}})
    assert none == said(none, owner=Owner())


def test_an_invoice_that_failed_says_so() -> None:
    """It waits for the payment that may follow."""
    event = says("invoice.payment_failed", INVOICE)
    failed = PaymentFailed(at=AT, cause="stripe:evt_1")
    assert event == said(event, owner=CUSTOMER, names=(PaymentId("stripe:in_1"),), facts=(failed,))


SUBSCRIBED = Subscription(
    subscription_id="stripe:sub_1",
    status=SubscriptionStatus.ACTIVE,
    at=AT,
    cause="stripe:evt_1",
    product_id="creator_monthly",
    period_end=END,
    customer_id="stripe:cus_1",
)


@pytest.mark.parametrize("kind", ["created", "updated", "deleted", "paused", "resumed"])
def test_a_subscriptions_state_is_told(kind: str) -> None:
    """It grants nothing."""
    event = says(f"customer.subscription.{kind}", SUBSCRIPTION)
    assert event == said(event, owner=ADA, subscription=SUBSCRIBED)


@pytest.mark.parametrize(
    ("changes", "subscription"),
    [
        ({"cancel_at": int(START.timestamp())}, replace(SUBSCRIBED, cancel_at=START)),
        ({"cancel_at": int(START.timestamp()), "cancel_at_period_end": True}, replace(SUBSCRIBED, cancel_at=START)),
        ({"cancel_at_period_end": True}, replace(SUBSCRIBED, cancel_at=END)),
        ({"pause_collection": {"behavior": "void", "resumes_at": None}}, replace(SUBSCRIBED, pauses_at=END)),
        (
            {"pause_collection": {"behavior": "keep_as_draft", "resumes_at": int(END.timestamp())}},
            replace(SUBSCRIBED, pauses_at=END, resumes_at=END),
        ),
        (
            {"pause_collection": {"behavior": "void"}, "items.data": []},
            replace(SUBSCRIBED, product_id=None, period_end=None, pauses_at=AT),
        ),
        ({"customer": None, "customer_account": "acct_1"}, replace(SUBSCRIBED, customer_id="stripe:acct_1")),
        ({"items.data": []}, replace(SUBSCRIBED, product_id=None, period_end=None)),
        ({"items.data.0.price.id": "price_other"}, replace(SUBSCRIBED, product_id=None)),
        (
            {"items.data": [{"current_period_end": 10**9, "price": {"id": "x"}}, *SUBSCRIPTION["items"]["data"]]},  # type: ignore[index]
            SUBSCRIBED,
        ),
        *(
            ({"status": word}, replace(SUBSCRIBED, status=status))
            for word, status in {
                "incomplete": SubscriptionStatus.INCOMPLETE,
                "incomplete_expired": SubscriptionStatus.ENDED,
                "trialing": SubscriptionStatus.TRIALING,
                "active": SubscriptionStatus.ACTIVE,
                "past_due": SubscriptionStatus.PAST_DUE,
                "paused": SubscriptionStatus.PAUSED,
                "unpaid": SubscriptionStatus.UNPAID,
                "canceled": SubscriptionStatus.ENDED,
            }.items()
        ),
    ],
)
def test_a_subscription_is_read_in_either_form(changes: Json, subscription: Subscription) -> None:
    """Classic or flexible, and in each of Stripe's words."""
    assert says("customer.subscription.updated", SUBSCRIPTION, changes).subscription == subscription


def updated(previous: Json, changes: Json | None = None) -> Subscription:
    """What an update reports, with what was different before it."""
    notification = stripes("customer.subscription.updated", SUBSCRIPTION, changes)
    notification["data"]["previous_attributes"] = previous
    event = stripe.translate(notification, SOLD, is_live=False)
    assert event
    assert event.subscription
    return event.subscription


@pytest.mark.parametrize(
    ("previous", "left"),
    [
        ({"status": "past_due"}, replace(SUBSCRIBED, status=SubscriptionStatus.PAST_DUE)),
        ({"cancel_at": int(START.timestamp())}, replace(SUBSCRIBED, cancel_at=START)),
        ({"pause_collection": {"behavior": "void"}}, replace(SUBSCRIBED, pauses_at=END)),
        ({"items": {"data": []}}, replace(SUBSCRIBED, product_id=None, period_end=None)),
        ({"latest_invoice": "in_1"}, SUBSCRIBED),
    ],
)
def test_an_update_names_the_state_that_it_left(previous: Json, left: Subscription) -> None:
    """Of two events of one second this alone tells which came last."""
    assert updated(previous) == replace(SUBSCRIBED, left=left.state_id)


def test_of_a_changed_part_only_what_was_different_is_told() -> None:
    """The rest of the part was as it is: here the time at which collection goes on."""
    now = {"pause_collection": {"behavior": "keep_as_draft", "resumes_at": int(END.timestamp())}}
    same = updated({}, now)
    assert same.resumes_at == END
    assert updated({"pause_collection": {"behavior": "void"}}, now) == replace(same, left=same.state_id)


@pytest.mark.parametrize(
    "previous",
    [
        {},
        [],
        None,
        {"status": "who_knows"},
        {"status": 7},
        {"items": None},
        {"items": {"data": [{}]}},
        {"pause_collection": "void"},
    ],
)
def test_a_state_before_that_is_not_told_is_not_guessed(previous: Json) -> None:
    """The state itself is read all the same."""
    assert updated(previous) == SUBSCRIBED


@pytest.mark.parametrize(
    ("event_type", "source"),
    [
        ("checkout.session.completed", SESSION),
        ("invoice.paid", INVOICE),
        ("customer.subscription.updated", SUBSCRIPTION),
    ],
)
def test_a_customer_of_the_accounts_api_is_known_by_its_account(event_type: str, source: Json) -> None:
    """Such objects have no `customer`."""
    event = says(event_type, source, {"customer": None, "customer_account": "acct_1"})
    assert event.owner.customer_id == "stripe:acct_1"
    parked = says(event_type, source, {"customer": None, "customer_account": "acct_1"}, livemode=True)
    assert (bool(parked.not_bookable), parked.owner.customer_id) == (True, "stripe:acct_1")


def test_a_refund_of_the_accounts_api_names_its_account() -> None:
    """As one with a customer does."""
    refunded = says("refund.created", REFUND, {"customer": None, "customer_account": "acct_1"})
    assert refunded.owner.customer_id == "stripe:acct_1"


REFUNDED = RefundChanged(
    currency="USD",
    created_at=START,
    refund_id="re_1",
    state=RefundState.SUCCEEDED,
    amount_minor=500,
    at=AT,
    cause="stripe:evt_1",
    charge_id="ch_1",
    money_id=PI,
)


@pytest.mark.parametrize("kind", ["created", "updated", "failed"])
def test_a_refund_is_told_with_both_names_of_its_payment(kind: str) -> None:
    """Which links them."""
    event = says(f"refund.{kind}", REFUND)
    assert event == said(event, owner=Owner(), names=(PI, CH), facts=(REFUNDED,))


@pytest.mark.parametrize(
    ("changes", "fact", "names"),
    [
        ({"charge": None}, replace(REFUNDED, charge_id=None), (PI,)),
        ({"created": None}, replace(REFUNDED, created_at=AT), (PI, CH)),
        ({"payment_intent": None}, replace(REFUNDED, money_id=CH), (CH,)),
        ({"metadata": {"refund_tag": "case_1-1"}}, replace(REFUNDED, tag="case_1-1"), (PI, CH)),
        *(
            ({"status": word}, replace(REFUNDED, state=state), (PI, CH))
            for word, state in {
                "pending": RefundState.PENDING,
                "requires_action": RefundState.REQUIRES_ACTION,
                "succeeded": RefundState.SUCCEEDED,
                "failed": RefundState.FAILED,
                "canceled": RefundState.CANCELED,
            }.items()
        ),
    ],
)
def test_a_refund_is_read_in_each_state(changes: Json, fact: RefundChanged, names: tuple[PaymentId, ...]) -> None:
    """With our tag, if it bears one."""
    event = says("refund.updated", REFUND, changes)
    assert (event.facts, event.names) == ((fact,), names)


CREDIT_NOTE = {
    "id": "cn_1",
    "status": "issued",
    "invoice": "in_1",
    "currency": "usd",
    "created": int(START.timestamp()),
    "customer": "cus_1",
    "post_payment_amount": 1500,
    "refunds": [],
}


@pytest.mark.parametrize(
    ("changes", "amount_minor", "is_reversed"),
    [
        ({}, 1500, False),
        ({"status": "void"}, 1500, True),
        ({"refunds": [{"type": "refund", "amount_refunded": 500}]}, 1000, False),
        ({"refunds": [{"type": "payment_record_refund", "amount_refunded": 500}]}, 1500, False),
        ({"refunds": [{"type": None, "amount_refunded": 1500}]}, 0, False),
        ({"post_payment_amount": 1}, 1, False),
        ({"post_payment_amount": 0}, 0, False),  # it only lowered what was due
    ],
)
@pytest.mark.parametrize("kind", ["created", "updated", "voided"])
def test_what_a_credit_note_gives_back_without_a_refund_is_told(
    kind: str, changes: Json, amount_minor: int, is_reversed: bool
) -> None:
    """To the balance, or outside of Stripe. Its refunds have events of their own."""
    event = says(f"credit_note.{kind}", CREDIT_NOTE, changes)
    credited = BalanceCredited(
        credit_id="cn_1",
        amount_minor=amount_minor,
        currency="USD",
        created_at=START,
        at=AT,
        cause="stripe:evt_1",
        is_reversed=is_reversed,
    )
    names = (PaymentId("stripe:in_1"),)
    assert event == said(event, owner=CUSTOMER, names=names, facts=(credited,) if amount_minor else ())


def credited_line(line_id: str | None, amount: int, **more: Any) -> Json:
    """A line of a credit note, which credits a line of the invoice, or is its own."""
    return {"invoice_line_item": line_id, "amount": amount, "discount_amounts": [], "taxes": None} | more


@pytest.mark.parametrize(
    ("lines", "changes", "items"),
    [
        ([], {}, {}),
        ([credited_line("il_1", 1500)], {}, {"il_1": 1500}),
        ([credited_line(None, 1500)], {}, {}),
        ([credited_line("il_1", 1000), credited_line("il_2", 500)], {}, {"il_1": 1000, "il_2": 500}),
        ([credited_line(None, 500), credited_line("il_2", 1000)], {}, {"il_2": 1000}),
        (
            [credited_line("il_1", 1000), credited_line("il_2", 501)],
            {"post_payment_amount": 500},
            {"il_1": 333, "il_2": 167},
        ),
        (
            [
                credited_line("il_1", 1400, taxes=[{"amount": 140, "tax_behavior": "exclusive"}]),
                credited_line("il_2", 100, discount_amounts=[{"amount": 50}]),
            ],
            {"post_payment_amount": 1590},
            {"il_1": 1540, "il_2": 50},
        ),
        ([credited_line("il_1", 0)], {}, {}),
        ([credited_line("il_1", 1500)], {"lines.has_more": True}, {}),
        ([credited_line("il_1", 1500)], {"lines.has_more": GONE}, {"il_1": 1500}),
        ([], {"lines": GONE}, {}),
    ],
)
def test_a_credit_note_names_the_lines_that_it_credits(lines: list[Json], changes: Json, items: dict[str, int]) -> None:
    """In proportion, where a part of it went back by refunds, or was never paid."""
    note = {**CREDIT_NOTE, "lines": {"data": lines, "has_more": False}}
    (credited,) = says("credit_note.created", note, changes).facts
    assert isinstance(credited, BalanceCredited)
    assert {item.line_id: item.amount_minor for item in credited.items} == items


def test_a_credit_note_of_a_line_that_grants_nothing_takes_no_credits() -> None:
    """15.00 for the period, 10.00 for a part of one that grants nothing."""
    lines = [INVOICE["lines"]["data"][0], {**PACK_LINE, "parent": {"invoice_item_details": {"proration": True}}}]
    paid = says("invoice.paid", INVOICE, {"lines.data": lines, "amount_paid": 2500, "total": 2500, **RENEWS}).payment
    assert paid
    purchase = Purchase(payment_id=paid.payment_id).with_facts(paid)
    for line_id, left in (("il_2", 1000), (paid.lines[0].line_id, 334)):
        note = {**CREDIT_NOTE, "post_payment_amount": 1000, "lines": {"data": [credited_line(line_id, 1000)]}}
        after = purchase.with_facts(*says("credit_note.created", note).facts)
        assert [lot.granted - lot.refund_target for lot in target(after).lots] == [left]


def test_a_running_total_is_told_of_its_charge() -> None:
    """And of the PaymentIntent, if it has one."""
    charge = {"id": "ch_1", "amount_refunded": 700, "currency": "usd", "payment_intent": "pi_1", "customer": "cus_1"}
    total = RefundTotalReported(
        currency="USD", charge_id="ch_1", total_minor=700, at=AT, cause="stripe:evt_1", money_id=PI
    )
    event = says("charge.refunded", charge)
    assert event == said(event, owner=CUSTOMER, names=(PI, CH), facts=(total,))
    assert says("charge.refunded", charge, {"payment_intent": None}).names == (CH,)


DISPUTED = DisputeChanged(
    currency="USD",
    dispute_id="dp_1",
    state=DisputeState.OPEN,
    amount_minor=2000,
    opened_at=START,
    at=AT,
    cause="stripe:evt_1",
    movements=1,
    taken_minor=2000,
    money_id=PI,
    charge_id="ch_1",
)


def moved(amount_minor: int, category: str = "dispute", at: int | None = None) -> Json:
    """One of a dispute's balance transactions."""
    return {"amount": amount_minor, "reporting_category": category} | ({} if at is None else {"created": at})


def back(amount_minor: int, at: int | None = None) -> Json:
    """One that gives money back."""
    return moved(amount_minor, "dispute_reversal", at)


@pytest.mark.parametrize("kind", ["created", "updated", "closed", "funds_withdrawn", "funds_reinstated"])
def test_a_dispute_is_told(kind: str) -> None:
    """By every event of it alike."""
    event = says(f"charge.dispute.{kind}", DISPUTE)
    assert event == said(event, owner=Owner(), names=(PI, CH), facts=(DISPUTED,))


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"balance_transactions": None}, replace(DISPUTED, movements=0, taken_minor=0)),
        ({"balance_transactions": []}, replace(DISPUTED, movements=0, taken_minor=0)),
        (
            {"balance_transactions": [moved(-920), moved(930, "dispute_reversal")]},
            replace(DISPUTED, movements=2, taken_minor=920, returned_minor=930),
        ),
        (
            {"balance_transactions": [moved(-15, "fee"), moved(-5), moved(-920), moved(3, "other_adjustment")]},
            replace(DISPUTED, movements=4, taken_minor=920),
        ),
        *(
            (
                {"balance_transactions": rows},
                replace(
                    DISPUTED,
                    movements=len(rows),
                    taken_minor=taken_minor,
                    returned_minor=returned_minor,
                    is_withdrawn_again=is_again,
                ),
            )
            for rows, taken_minor, returned_minor, is_again in (
                ([moved(-1800), back(1800), moved(-1800)], 1800, 0, True),
                ([moved(-1800), back(1785), moved(-1790)], 1805, 0, True),
                ([moved(-1800), back(1785), moved(-1790), back(1790)], 1805, 1790, True),
                ([moved(-1800), back(900), moved(-450)], 1800, 450, True),
                ([moved(-1800), back(1800), moved(-15)], 1800, 1785, True),  # the fee of a conversion
                ([moved(-900), moved(-15, "fee"), moved(-1800), back(1800), back(20)], 1800, 1800, False),
                ([back(1800)], 0, 1800, False),
                ([back(1800), moved(-1800)], 1800, 1800, False),  # of one instant, in whatever order
                # by their times, in whatever order they are listed
                ([moved(-1800, at=3), back(1800, at=2), moved(-1800, at=1)], 1800, 0, True),
                ([moved(-900, at=0), back(900), moved(-1800, at=0)], 1800, 0, True),  # one has no time
                ([back(1800, at=4), moved(-1800, at=1), moved(-1800, at=3), back(1800, at=2)], 1800, 1800, True),
            )
        ),
        ({"currency": "eur"}, replace(DISPUTED, currency="EUR")),
        ({"payment_method_details": {"card": {"case_type": "resolution"}}}, replace(DISPUTED, is_resolution=True)),
        ({"payment_method_details": {"card": {"case_type": "block"}}}, DISPUTED),
        ({"payment_method_details": {"klarna": {}}}, DISPUTED),
        *(
            ({"status": word}, replace(DISPUTED, state=state))
            for word, state in {
                "warning_needs_response": DisputeState.INQUIRY,
                "warning_under_review": DisputeState.INQUIRY,
                "warning_closed": DisputeState.INQUIRY_CLOSED,
                "needs_response": DisputeState.OPEN,
                "under_review": DisputeState.UNDER_REVIEW,
                "appeal_needs_response": DisputeState.APPEALED,
                "appeal_under_review": DisputeState.APPEALED,
                "lost": DisputeState.LOST,
                "won": DisputeState.WON,
                "prevented": DisputeState.PREVENTED,
            }.items()
        ),
    ],
)
def test_a_dispute_is_read_in_each_state_and_by_where_the_money_is(changes: Json, fact: DisputeChanged) -> None:
    """Lost, with the money back, is won."""
    assert says("charge.dispute.updated", DISPUTE, changes).facts == (fact,)


DUE_AT = AT + timedelta(days=9)


@pytest.mark.parametrize(
    ("status", "details", "evidence"),
    [
        ("needs_response", {"has_evidence": False, "submission_count": 0}, EvidenceState.NONE),
        ("needs_response", {"has_evidence": True, "submission_count": 0}, EvidenceState.DRAFT),
        ("needs_response", {"has_evidence": True, "submission_count": 1}, EvidenceState.NONE),  # of the inquiry before
        ("appeal_needs_response", {"has_evidence": True, "submission_count": 1}, EvidenceState.NONE),
        ("warning_needs_response", {"has_evidence": True, "submission_count": 0}, EvidenceState.DRAFT),
        ("under_review", {"has_evidence": True, "submission_count": 1}, EvidenceState.SUBMITTED),
        ("under_review", {}, EvidenceState.SUBMITTED),
        ("warning_under_review", {}, EvidenceState.SUBMITTED),
        ("appeal_under_review", {}, EvidenceState.SUBMITTED),
        ("lost", {"has_evidence": True, "submission_count": 0}, EvidenceState.NONE),
        ("lost", {"has_evidence": False, "submission_count": 1}, EvidenceState.SUBMITTED),
        ("won", {"submission_count": 2}, EvidenceState.SUBMITTED),
        ("needs_response", None, None),
        ("needs_response", [], None),
    ],
)
def test_a_dispute_says_how_far_our_answer_is(status: str, details: object, evidence: EvidenceState | None) -> None:
    """A draft is not handed in; what was handed in before the bank asked anew is no answer."""
    (fact,) = says("charge.dispute.updated", DISPUTE, {"status": status, "evidence_details": details}).facts
    assert isinstance(fact, DisputeChanged)
    assert fact.evidence == evidence


@pytest.mark.parametrize(
    ("changes", "due_at"),
    [
        ({"evidence_details": {"due_by": int(DUE_AT.timestamp())}}, DUE_AT),
        ({"evidence_details": {"due_by": None}}, None),
        ({"evidence_details": {"due_by": 0}}, None),
        ({"evidence_details": {"due_by": "soon"}}, None),
        ({"evidence_details": {}}, None),
        ({"evidence_details": None}, None),
        ({"evidence_details": 5}, None),
        ({}, None),
        ({"evidence_details": {"due_by": int(START.timestamp())}}, START),
        ({"evidence_details": {"due_by": int(START.timestamp())}, "status": "appeal_needs_response"}, None),
        ({"evidence_details": {"due_by": int(AT.timestamp())}, "status": "appeal_needs_response"}, None),
        ({"evidence_details": {"due_by": int(DUE_AT.timestamp())}, "status": "appeal_needs_response"}, DUE_AT),
    ],
)
def test_a_dispute_says_until_when_the_bank_takes_evidence(changes: Json, due_at: datetime | None) -> None:
    """Whatever is no time is unknown, and parks nothing. A deadline that is over is not the appeal's."""
    (fact,) = says("charge.dispute.updated", DISPUTE, changes).facts
    assert isinstance(fact, DisputeChanged)
    assert fact.evidence_due_at == due_at


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("fraudulent", DisputeReason.FRAUDULENT),
        ("unrecognized", DisputeReason.UNRECOGNISED),
        ("duplicate", DisputeReason.DUPLICATE),
        ("subscription_canceled", DisputeReason.SUBSCRIPTION_CANCELED),
        ("product_not_received", DisputeReason.NOT_RECEIVED),
        ("product_unacceptable", DisputeReason.UNACCEPTABLE),
        ("credit_not_processed", DisputeReason.CREDIT_NOT_PROCESSED),
        ("general", DisputeReason.GENERAL),
        ("insufficient_funds", DisputeReason.GENERAL),
        ("a_word_of_next_year", DisputeReason.GENERAL),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_a_dispute_says_why(word: object, reason: DisputeReason | None) -> None:
    """A word that is not known parks nothing."""
    (fact,) = says("charge.dispute.created", DISPUTE, {"reason": word}).facts
    assert isinstance(fact, DisputeChanged)
    assert fact.reason == reason


BORN_LOST: Json = {
    "status": "lost",
    "payment_method_details": {"type": "card", "card": {}},
    "balance_transactions": [{"amount": -2000, "fee": 0, "reporting_category": "dispute"}],
}
ENROLLED = catalogue.Catalogue(SOLD.version, SOLD.products, resolutions=dict.fromkeys(Resolution, START))


def test_a_card_dispute_that_begins_lost_and_costs_no_fee_is_a_resolution_of_who_enrolled() -> None:
    """Nobody contests anything, so nobody is suspended."""
    event = says("charge.dispute.created", DISPUTE, BORN_LOST, sold=ENROLLED)
    cent = says("charge.dispute.created", DISPUTE, {**BORN_LOST, "balance_transactions.0.amount": -1}, sold=ENROLLED)
    assert cent.facts[1:] == event.facts[1:]
    assert event.facts[1:] == (ResolutionReported(subject="dispute:dp_1", at=AT, cause="stripe:evt_1", money_id=PI),)


@pytest.mark.parametrize(
    ("event_type", "changes", "sold"),
    [
        ("charge.dispute.created", {}, SOLD),
        ("charge.dispute.created", {"created": int(START.timestamp()) - 1}, ENROLLED),
        ("charge.dispute.closed", {}, ENROLLED),  # it may have begun otherwise
        ("charge.dispute.created", {"status": "needs_response"}, ENROLLED),
        ("charge.dispute.created", {"payment_method_details": {"type": "sepa_debit"}}, ENROLLED),
        ("charge.dispute.created", {"payment_method_details": None}, ENROLLED),
        ("charge.dispute.created", {"balance_transactions.0.fee": 1500}, ENROLLED),
        ("charge.dispute.created", {"balance_transactions": [back(2000) | {"fee": 0}]}, ENROLLED),
        ("charge.dispute.created", {"balance_transactions": []}, ENROLLED),
        (
            "charge.dispute.created",
            {"balance_transactions": [*BORN_LOST["balance_transactions"], moved(-1500, "fee") | {"fee": 0}]},
            ENROLLED,
        ),
    ],
    ids=[
        *("not enrolled", "before the enrolment", "a later report", "contested", "a bank's return", "method unknown"),
        *("with a fee", "only given back", "nothing taken", "fee in a row of its own"),
    ],
)
def test_no_other_dispute_is_a_resolution(event_type: str, changes: Json, sold: catalogue.Catalogue) -> None:
    """A chargeback suspends the account."""
    assert len(says(event_type, changed(DISPUTE, BORN_LOST), changes, sold=sold).facts) == 1


@pytest.mark.parametrize("kind", ["created", "updated"])
@pytest.mark.parametrize("actionable", [True, False, None, "true"])
def test_a_fraud_warning_is_told_while_it_can_be_acted_on(kind: str, actionable: object) -> None:
    """Only a plain yes is one."""
    event = says(f"radar.early_fraud_warning.{kind}", WARNING, {"actionable": actionable})
    warned = FraudWarned(
        warning_id="issfr_1",
        is_actionable=actionable is True,
        at=AT,
        cause="stripe:evt_1",
        money_id=PI,
        charge_id="ch_1",
    )
    assert event == said(event, owner=Owner(), names=(PI, CH), facts=(warned,))


@pytest.mark.parametrize(
    ("event_type", "source", "changes", "reason"),
    [
        ("refund.updated", REFUND, {"status": "lost"}, ParkReason.UNKNOWN_STATE),
        ("refund.updated", REFUND, {"payment_intent": None, "charge": None}, ParkReason.UNKNOWN_SHAPE),
        ("refund.updated", REFUND, {"amount": "5 EUR"}, ParkReason.UNKNOWN_SHAPE),
        ("refund.updated", REFUND, {"id": ""}, ParkReason.UNKNOWN_SHAPE),
        ("charge.dispute.updated", DISPUTE, {"status": "succeeded"}, ParkReason.UNKNOWN_STATE),
        ("charge.dispute.updated", DISPUTE, {"balance_transactions": [5]}, ParkReason.UNKNOWN_SHAPE),
        ("charge.dispute.updated", DISPUTE, {"created": 10**18}, ParkReason.UNKNOWN_SHAPE),
        ("charge.dispute.updated", DISPUTE, {"payment_intent": None, "charge": None}, ParkReason.UNKNOWN_SHAPE),
        ("radar.early_fraud_warning.created", WARNING, {"actionable": GONE}, ParkReason.UNKNOWN_SHAPE),
        ("customer.subscription.updated", SUBSCRIPTION, {"status": "lost"}, ParkReason.UNKNOWN_STATE),
        ("customer.subscription.updated", SUBSCRIPTION, {"items": GONE}, ParkReason.UNKNOWN_SHAPE),
        ("invoice_payment.paid", {"payment": "py_1"}, {}, ParkReason.UNKNOWN_SHAPE),
    ],
)
def test_what_is_not_of_the_known_shape_is_parked_whole(
    event_type: str, source: Json, changes: Json, reason: ParkReason
) -> None:
    """No fact of it is kept, and no exception leaves the translation."""
    event = says(event_type, source, changes)
    assert (event.parked, event.facts, event.names, event.subscription) == (reason, (), (), None)
    assert event.detail


@pytest.mark.parametrize(
    ("envelope", "is_live", "reason"),
    [
        ({"livemode": True}, False, ParkReason.WRONG_MODE),
        ({"livemode": False}, True, ParkReason.WRONG_MODE),
        ({"livemode": None}, False, ParkReason.WRONG_MODE),
        ({"livemode": 0}, False, ParkReason.WRONG_MODE),
        ({"livemode": True}, True, None),
        ({"api_version": "2026-01-01.endive"}, False, None),
        ({"api_version": "2026-10-28.dahlia"}, False, ParkReason.UNKNOWN_VERSION),
        ({"api_version": "endive.2026"}, False, ParkReason.UNKNOWN_VERSION),
        ({"api_version": None}, False, ParkReason.UNKNOWN_VERSION),
    ],
)
def test_an_event_of_the_wrong_mode_or_version_is_parked(
    envelope: Json, is_live: bool, reason: ParkReason | None
) -> None:
    """A test event on a live ledger grants nothing; within a major version Stripe only adds."""
    event = stripe.translate(stripes("refund.updated", REFUND, **envelope), SOLD, is_live=is_live)
    assert event is not None
    assert event.parked is reason
    assert bool(event.detail) is (reason is not None)


def test_why_an_event_is_of_the_wrong_mode_is_told_to_whoever_looks() -> None:
    """Which endpoint is subscribed to which ledger."""
    for livemode, told in ((True, "a live-mode event on a test ledger"), (False, "a test-mode event on a live ledger")):
        event = stripe.translate(stripes("refund.updated", REFUND, livemode=livemode), SOLD, is_live=not livemode)
        assert event is not None
        assert event.detail == told


@pytest.mark.parametrize(
    ("event_type", "source", "changes", "detail"),
    [
        ("checkout.session.completed", SESSION, {"metadata.product_id": "x"}, "metadata.product_id is x"),
        ("checkout.session.completed", SESSION, {"metadata": None}, "metadata.product_id is of type NoneType"),
        ("checkout.session.completed", SESSION, {"metadata.quantity": "0"}, "ValueError: metadata.quantity is 0"),
        ("checkout.session.completed", SESSION, {"currency": "chf"}, "pack_1000 has no price in CHF"),
        (
            "checkout.session.completed",
            SESSION,
            {"amount_subtotal": 1},
            "0.01 USD for 1 × pack_1000, which costs 20.00 USD",
        ),
        (
            "invoice.paid",
            INVOICE,
            {"billing_reason": "manual"},
            "billing_reason manual with lines that are no prorations",
        ),
        (
            "invoice.paid",
            INVOICE,
            {"lines.data.0.pricing.price_details.price": "x"},
            "price x is not in the catalogue",
        ),
        ("invoice.paid", INVOICE, {"lines.has_more": True}, "the invoice has more lines than the event shows"),
        ("invoice.paid", INVOICE, {"lines.data.0.quantity": 0}, "ValueError: quantity of creator_monthly is 0"),
        ("checkout.session.completed", SESSION, {"mode": "x"}, "session mode x"),
        ("checkout.session.completed", SESSION, {"payment_status": "x"}, "payment_status x"),
        ("refund.updated", REFUND, {"status": "x"}, "refund status x"),
        ("refund.updated", REFUND, {"status": "x y"}, "refund status an unusable text"),
        ("charge.dispute.updated", DISPUTE, {"status": "x"}, "dispute status x"),
        ("customer.subscription.updated", SUBSCRIPTION, {"status": "x"}, "subscription status x"),
        (
            "refund.updated",
            REFUND,
            {"charge": "", "payment_intent": ""},
            "ValueError: neither payment_intent nor charge is named",
        ),
        ("refund.updated", REFUND, {"amount": GONE}, "KeyError: 'amount'"),
    ],
)
def test_a_parked_event_says_what_was_found(event_type: str, source: Json, changes: Json, detail: str) -> None:
    """For the person who releases it: ids and words of the provider, nothing of a customer's."""
    assert says(event_type, source, changes).detail == detail


@pytest.mark.parametrize("version", ["2026-10-28.endive", "2026-11-25.preview.endive", "endive"])
def test_a_version_is_known_by_its_last_word(version: str) -> None:
    """Within a major version Stripe only adds, whatever stands before its name."""
    assert says("refund.updated", REFUND, api_version=version).parked is None


def test_an_unknown_version_is_told_with_the_one_to_set() -> None:
    """For whoever set the endpoint up."""
    told = says("refund.updated", REFUND, api_version="2025-03-31.basil").detail
    assert told == "api_version 2025-03-31.basil: set the endpoint's version to 2026-10-28.endive"


def test_a_parked_event_of_paddles_says_what_was_found() -> None:
    """As Stripe's do."""
    for event_type, data, changes, detail in (
        ("transaction.completed", TRANSACTION, {"status": "paid"}, "transaction status paid"),
        (
            "transaction.completed",
            TRANSACTION,
            {"origin": "other"},
            "origin other with lines that are no prorations",
        ),
        (
            "transaction.completed",
            TRANSACTION,
            {"details.line_items.0.price_id": "x"},
            "price x is not in the catalogue",
        ),
        (
            "transaction.completed",
            TRANSACTION,
            {"details.line_items.0.quantity": 0},
            "ValueError: quantity of pack_1000 is 0",
        ),
        (
            "transaction.completed",
            TRANSACTION,
            {**RECURRING, "billing_period": None},
            "ValueError: creator_monthly was paid without a billing_period",
        ),
        ("subscription.updated", ENTITY, {"status": "x"}, "subscription status x"),
        ("adjustment.updated", ADJUSTMENT, {"status": "x"}, "adjustment status x"),
        ("adjustment.updated", ADJUSTMENT, {"action": "x"}, "adjustment action x"),
    ):
        assert tells(event_type, data, changes).detail == detail


def test_a_type_that_nobody_reads_says_nothing() -> None:
    """On either provider."""
    assert stripe.translate(stripes("charge.succeeded", REFUND), SOLD, is_live=False) is None
    assert paddle.translate(paddles("address.created", TRANSACTION), SOLD, is_live=False) is None


FUNCTIONS = {
    "payment_succeeded": "checkout.session.completed checkout.session.async_payment_succeeded "
    "checkout.session.async_payment_failed checkout.session.expired transaction.completed transaction.payment_failed",
    "subscription_renewed": "invoice.paid invoice_payment.paid invoice.payment_failed customer.subscription.created "
    "customer.subscription.updated customer.subscription.deleted customer.subscription.paused "
    "customer.subscription.resumed transaction.completed transaction.payment_failed "
    "subscription.activated subscription.canceled subscription.created subscription.imported subscription.past_due "
    "subscription.paused subscription.resumed subscription.trialing subscription.updated",
    "dispute_opened": "charge.dispute.created charge.dispute.updated charge.dispute.closed "
    "charge.dispute.funds_withdrawn charge.dispute.funds_reinstated radar.early_fraud_warning.created "
    "radar.early_fraud_warning.updated adjustment.created adjustment.updated",
    "refund_settled": "refund.created refund.updated refund.failed charge.refunded "
    "credit_note.created credit_note.updated credit_note.voided adjustment.created "
    "adjustment.updated",
}


def test_each_type_is_meant_for_the_functions_that_the_design_names() -> None:
    """An endpoint that is subscribed to another one is told so."""
    known = {**stripe.FUNCTIONS, **paddle.FUNCTIONS}
    meant = {name: {kind for kind, names in known.items() if name in names} for name in FUNCTIONS}
    assert meant == {name: set(kinds.split()) for name, kinds in FUNCTIONS.items()}
    assert set().union(*known.values()) == FUNCTIONS.keys()


# ── Paddle ────────────────────────────────────────────────────────────────────────────────────────────────────────────

WHEN, SINCE, UNTIL = "2026-09-01T12:00:00.000000Z", "2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z"
TXN = PaymentId("paddle:txn_1")
CLAIM = Claim(order_id=OrderId("ord_1"), account_id=AccountId("acct_ada"))
RIA = Owner(claim=CLAIM, checkout_id="txn_1", payment_id=TXN, customer_id="paddle:ctm_1")
LATER_RIA = Owner(claim=CLAIM, subscription_id="paddle:sub_1", customer_id="paddle:ctm_1")
OF_NO_SUBSCRIPTION = replace(LATER_RIA, subscription_id=None)
PADDLES = Owner(customer_id="paddle:ctm_1")
TRANSACTION: Json = {
    "id": "txn_1",
    "status": "completed",
    "origin": "api",
    "customer_id": "ctm_1",
    "subscription_id": None,
    "invoice_number": "1234-1",
    "billing_period": None,
    "custom_data": {"order_id": "ord_1", "account_id": "acct_ada"},
    "details": {
        "totals": {"subtotal": "2000", "total": "2200", "grand_total": "2200", "currency_code": "USD"},
        "adjusted_totals": {"total": "2200"},
        "line_items": [
            {
                "id": "txnitm_1",
                "price_id": "pri_01jpack100000000000000000a",
                "quantity": 1,
                "proration": None,
                "totals": {"subtotal": "2000", "total": "2200"},
            }
        ],
    },
}
RECURRING = {
    "origin": "subscription_recurring",
    "subscription_id": "sub_1",
    "billing_period": {"starts_at": SINCE, "ends_at": UNTIL},
    "details.line_items.0.price_id": "pri_01jcreatormonthly0000000a",
}
SUBSCRIBES = {**RECURRING, "origin": "web"}


def paddles(event_type: str, data: Json, changes: Json | None = None, event_id: str = "evt_1") -> Json:
    """Paddle's envelope around an entity."""
    return {
        "event_id": event_id,
        "event_type": event_type,
        "occurred_at": WHEN,
        "data": changed(data, changes or {}),
    }


def tells(event_type: str, data: Json, changes: Json | None = None, *, sold: catalogue.Catalogue = SOLD) -> Event:
    """What Paddle says of an entity."""
    event = paddle.translate(paddles(event_type, data, changes), sold, is_live=False)
    assert event is not None
    assert (event.provider, event.event_id, event.event_type, event.at) == ("paddle", "evt_1", event_type, AT)
    return under_its_terms(event, sold)


BOUGHT = PaymentSettled(
    payment_id=TXN,
    account_id=NOBODY,
    paid_minor=2200,
    currency="USD",
    lines=(PaidLine(line_id="txnitm_1", product_id="pack_1000", credits=1000, amount_minor=2200, expires_at=None),),
    at=AT,
    cause="paddle:evt_1",
    fulfilment_key="order/ord_1",
    order_id=OrderId("ord_1"),
    customer_id="paddle:ctm_1",
    invoice_number="1234-1",
    locked_until=None,
)
PAID_PERIOD = "period/paddle:sub_1/2026-09-01T00:00:00Z"
FIRST = replace(
    BOUGHT,
    account_id=NOBODY,
    subscription_id="paddle:sub_1",
    covers=PAID_PERIOD,
    lines=(
        replace(BOUGHT.lines[0], product_id="creator_monthly", expires_at=LAPSE, period_ends_at=END, grace_from=END),
    ),
)
LATER_PERIOD = replace(FIRST, fulfilment_key=PAID_PERIOD, covers=None, is_renewal=True)


def test_a_transaction_pays_for_its_pack() -> None:
    """Whose it is, its transaction has to prove: whatever `custom_data` says, and whoever made the checkout."""
    event = tells("transaction.completed", TRANSACTION)
    assert event == said(event, owner=RIA, names=(TXN,), payment=BOUGHT)
    from_browser = tells("transaction.completed", TRANSACTION, {"origin": "web"})
    assert from_browser == said(from_browser, owner=RIA, names=(TXN,), payment=BOUGHT)


@pytest.mark.parametrize("name", ["order_id", "account_id"])
def test_a_claim_has_no_more_than_what_is_claimed(name: str) -> None:
    """The other id is not known."""
    owner = tells("transaction.completed", TRANSACTION, {"custom_data": {name: "x_1"}}).owner
    assert owner
    assert owner.claim == Claim(**{name: "x_1"})  # type: ignore[arg-type]


@pytest.mark.parametrize("amount_minor", [0, 1])
@pytest.mark.parametrize("grants", [False, True])
def test_a_part_of_a_period_without_credits_is_an_overcharge_only_if_parts_grant_nothing(
    amount_minor: int, *, grants: bool
) -> None:
    """Where they grant, it was too small for a credit. What cost nothing is not noted."""
    totals = {"subtotal": str(amount_minor), "total": str(amount_minor)}
    part = {**PRORATION, "id": "txnitm_part", "price_id": PLAN, "totals": totals}
    lines = {"details.line_items": [part, TRANSACTION["details"]["line_items"][0]]}
    sold = _sold(proration_grants=grants, credits=1)
    payment = tells("transaction.completed", TRANSACTION, lines, sold=sold).payment
    known = UngrantedLine(line_id="txnitm_part", amount_minor=1, is_overcharge=not grants)
    assert payment
    assert payment.ungranted == ((known,) if amount_minor else None)


def test_a_paid_trial_of_paddles_that_grants_nothing_beside_a_pack_is_no_overcharge() -> None:
    """It is known by its line: what is refunded of it is no price of the pack, and not above any."""
    line = TRANSACTION["details"]["line_items"][0]
    trial = {**line, "id": "txnitm_trial", "price_id": "pri_offer", "totals": {"subtotal": "100", "total": "100"}}
    none = _sold(trial_price_ids={"paddle": ("pri_offer",)}, proration_grants=False)
    event = tells("transaction.completed", TRANSACTION, {"details.line_items": [trial, line]}, sold=none)
    assert event.payment, event.detail
    assert event.payment.ungranted == (UngrantedLine(line_id="txnitm_trial", amount_minor=100, is_overcharge=False),)
    assert event.payment.overcharge_minor == 0


def one(payment: PaymentSettled = BOUGHT, **of_the_line: Any) -> PaymentSettled:
    """A payment whose one line is otherwise."""
    return replace(payment, lines=(replace(payment.lines[0], **of_the_line),))


NO_MONEY = {"details.totals.total": "0", "details.totals.grand_total": "0"}
PRORATION = {**TRANSACTION["details"]["line_items"][0], "proration": {"rate": "0.5"}}
OF_THE_PACK: Json = {"line_id": "txnitm_1", "amount_minor": 2200}
FREE_PART = {**PRORATION, "totals": {"subtotal": "0", "total": "0"}}
FREE_LINE = {"price_id": "pri_other", "totals": {"subtotal": "0", "total": "0"}}
TAX_ALONE = {**TRANSACTION["details"]["line_items"][0], "totals": {"subtotal": "0", "total": "200"}}
TRIAL_LINE = {**TRANSACTION["details"]["line_items"][0], "totals": {"subtotal": "0", "total": "0"}}


@pytest.mark.parametrize(
    ("changes", "payment"),
    [
        ({"details.totals.currency_code": "eur"}, replace(BOUGHT, currency="EUR")),
        ({"custom_data": {"account_id": "acct_ada"}}, replace(BOUGHT, fulfilment_key=None, order_id=None)),
        ({"custom_data": None}, replace(BOUGHT, fulfilment_key=None, order_id=None, account_id=NOBODY)),
        ({"custom_data": ["order_id"]}, replace(BOUGHT, fulfilment_key=None, order_id=None, account_id=NOBODY)),
        ({"customer_id": None}, replace(BOUGHT, customer_id=None)),
        ({"customer_id": {"id": "ctm_1"}}, replace(BOUGHT, customer_id=None)),
        ({"invoice_number": None}, replace(BOUGHT, invoice_number=None)),
        ({"details.line_items.0.quantity": 3}, one(credits=3000)),
        ({"details.line_items.0.totals": {"subtotal": "1", "total": "1"}}, one(amount_minor=1)),
        ({"details.adjusted_totals": GONE}, BOUGHT),
        ({"details.totals.credit_to_balance": "0"}, BOUGHT),
        ({"details.adjusted_totals": {"total": "1"}}, BOUGHT),
        ({"details.totals.total": "1", "details.totals.grand_total": "1"}, replace(BOUGHT, paid_minor=1)),
        ({"details.totals.grand_total": "2100"}, replace(BOUGHT, card_minor=2100)),  # the buyer's balance paid a part
        ({"details.totals.grand_total": "0"}, replace(BOUGHT, card_minor=0)),  # or all of it
        ({**NO_MONEY, "details.totals.subtotal": "1"}, replace(BOUGHT, paid_minor=0)),
        (NO_MONEY, replace(BOUGHT, paid_minor=0)),  # our discount made it free
        (
            {
                "details.line_items": [
                    {**FREE_LINE, "proration": {"rate": "0.5"}},
                    TRANSACTION["details"]["line_items"][0],
                ]
            },
            BOUGHT,
        ),
        ({"details.line_items": [FREE_LINE, FREE_PART, TRIAL_LINE, TRANSACTION["details"]["line_items"][0]]}, BOUGHT),
        # a line that only its tax makes cost something grants nothing, and is no overcharge
        (
            {"details.line_items": [TAX_ALONE, TRANSACTION["details"]["line_items"][0]]},
            BOUGHT,
        ),
        # a part of a period that grants nothing, beside a pack
        (
            {"details.line_items": [PRORATION, TRANSACTION["details"]["line_items"][0]]},
            replace(BOUGHT, overcharge_minor=2200, ungranted=(UngrantedLine(**OF_THE_PACK, is_overcharge=True),)),
        ),
        (RECURRING, LATER_PERIOD),
        ({**RECURRING, "origin": "subscription_payment_method_change"}, LATER_PERIOD),
        (
            {**RECURRING, "details.totals.total": "0", "details.totals.grand_total": "0"},
            replace(LATER_PERIOD, paid_minor=0),
        ),
        (SUBSCRIBES, FIRST),
        ({**SUBSCRIBES, "custom_data": None}, replace(LATER_PERIOD, is_renewal=False, order_id=None)),
        ({**SUBSCRIBES, "subscription_id": None}, replace(FIRST, covers=None, subscription_id=None)),
        # one more pack, charged to a subscription: no period is paid for, and no order
        (
            {
                "origin": "subscription_charge",
                "subscription_id": "sub_1",
                "billing_period": RECURRING["billing_period"],
            },
            replace(BOUGHT, account_id=NOBODY, fulfilment_key=None, order_id=None),
        ),
        (
            {**RECURRING, "origin": "subscription_charge"},
            replace(LATER_PERIOD, fulfilment_key=None, is_renewal=False, order_id=None, subscription_id=None),
        ),
        # a pack beside a subscription: the period is paid for all the same
        (
            {
                **SUBSCRIBES,
                "details.line_items": [
                    {**TRANSACTION["details"]["line_items"][0], "id": "txnitm_0"},
                    {**TRANSACTION["details"]["line_items"][0], "price_id": "pri_01jcreatormonthly0000000a"},
                ],
            },
            replace(FIRST, lines=(replace(BOUGHT.lines[0], line_id="txnitm_0"), *FIRST.lines)),
        ),
        # and in a renewal too
        (
            {
                **RECURRING,
                "details.line_items": [
                    {**TRANSACTION["details"]["line_items"][0], "id": "txnitm_0"},
                    {**TRANSACTION["details"]["line_items"][0], "price_id": "pri_01jcreatormonthly0000000a"},
                ],
            },
            replace(LATER_PERIOD, lines=(replace(BOUGHT.lines[0], line_id="txnitm_0"), *LATER_PERIOD.lines)),
        ),
        # a pack in a renewal's transaction
        (
            {**RECURRING, "details.line_items.0.price_id": "pri_01jpack100000000000000000a"},
            replace(BOUGHT, account_id=NOBODY, fulfilment_key=None, order_id=None),
        ),
    ],
)
def test_a_transaction_pays_for_what_its_lines_are_priced_at(changes: Json, payment: PaymentSettled) -> None:
    """Judged by origin, total and price."""
    event = tells("transaction.completed", TRANSACTION, changes)
    assert (event.payment, event.parked, event.names) == (payment, None, (TXN,)), event.detail


@pytest.mark.parametrize(
    ("changes", "owner"),
    [
        ({**NO_MONEY, "details.totals.subtotal": "0"}, RIA),  # a trial
        ({**NO_MONEY, "custom_data": None}, replace(RIA, claim=Claim())),  # free, and no order of ours says so
        ({**NO_MONEY, "origin": "subscription_payment_method_change"}, OF_NO_SUBSCRIPTION),
        ({**NO_MONEY, "status": "paid", "custom_data": None}, replace(RIA, claim=Claim())),
        ({"details.totals.total": "-1"}, RIA),
        ({**NO_MONEY, "details.line_items": [FREE_PART], "details.totals.subtotal": "0"}, RIA),
        (
            {**NO_MONEY, "details.line_items": [], "origin": "subscription_update"},
            OF_NO_SUBSCRIPTION,
        ),
        (
            {**NO_MONEY, "details.totals.subtotal": "0", "items": [{"price": {"id": "pri_other", "trial_period": {}}}]},
            RIA,
        ),
    ],
)
def test_a_transaction_that_bought_nothing_grants_nothing(changes: Json, owner: Owner) -> None:
    """It is noted, not parked."""
    event = tells("transaction.completed", TRANSACTION, changes)
    assert event == said(event, owner=owner)


PLAN = "pri_01jcreatormonthly0000000a"
OF_A_PLAN = {key: value for key, value in SUBSCRIBES.items() if not key.startswith("details")}
ON_TRIAL: Json = {"items": [{"price": {"id": PLAN, "trial_period": {"interval": "day", "unit_price": None}}}]}
FREE_TRIAL: Json = {
    **SUBSCRIBES,
    **NO_MONEY,
    **ON_TRIAL,
    "details.totals.subtotal": "0",
    "details.line_items.0.totals": {"subtotal": "0", "total": "0"},
}


@pytest.mark.parametrize("custom", [TRANSACTION["custom_data"], {"account_id": "acct_ada"}])
def test_a_free_trial_of_paddles_grants_what_the_catalogue_says_of_trials(custom: Json) -> None:
    """With or without an order; a later transaction of nothing is no trial."""
    free = {**FREE_TRIAL, "custom_data": custom}
    event = tells("transaction.completed", TRANSACTION, free, sold=TRIAL)
    assert event.payment, event.detail
    assert (event.payment.paid_minor, event.payment.lines[0].credits) == (0, 100)
    for nothing in (free, {**free, "details.line_items.0.quantity": None}):
        noted = tells("transaction.completed", TRANSACTION, nothing)
        assert (noted.payment, noted.parked) == (None, None), noted.detail
    for later in ("subscription_recurring", "subscription_payment_method_change", "subscription_update"):
        assert tells("transaction.completed", TRANSACTION, {**free, "origin": later}, sold=TRIAL).payment is None
        offer = {**free, "origin": later, "details.line_items.0.price_id": "pri_offer"}
        assert tells("transaction.completed", TRANSACTION, offer, sold=OFFER).payment is None


@pytest.mark.parametrize("kind", ["au_abn", "fr_siren", "gb_vat", "no_voec", "rs_pib", "sg_uen", "za_vat"])
def test_a_tax_id_of_a_kind_that_only_businesses_have_shows_one(kind: str) -> None:
    """By the whole name of the kind: a part of it, or one of its letters, is none."""
    for told, is_business in ((kind, True), (kind[:2], False), (kind[0], False), (kind.upper(), False), ("", False)):
        details = {"tax_ids": [{"type": told, "value": "x"}]}
        settled = says("checkout.session.completed", {**SESSION, "customer_details": details}).payment
        assert settled
        assert (settled.has_company_data, settled.has_other_tax_id) == (is_business, not is_business)


def test_a_paid_trial_of_paddles_is_no_period_and_a_renewal_of_the_same_price_is_no_trial() -> None:
    """They share the price id: the first transaction alone shows which it is."""
    paid = {
        **SUBSCRIBES,
        **ON_TRIAL,
        "details.totals.subtotal": "100",
        "details.totals.total": "100",
        "details.totals.grand_total": "100",
        "details.line_items.0.totals": {"subtotal": "100", "total": "100"},
    }
    trial = tells("transaction.completed", TRANSACTION, paid, sold=TRIAL)
    assert trial.payment == replace(one(FIRST, credits=100, amount_minor=100), paid_minor=100, is_trial=True), (
        trial.detail
    )
    company = tells("transaction.completed", TRANSACTION, {**paid, "business_id": "biz_1"}, sold=TRIAL)
    assert company.payment == replace(trial.payment, has_company_data=True)
    offer = {"details.line_items.0.price_id": "pri_offer", "items": []}
    assert tells("transaction.completed", TRANSACTION, {**paid, **offer}, sold=OFFER).payment == trial.payment
    update = tells("transaction.completed", TRANSACTION, {**paid, **offer, "origin": "subscription_update"}, sold=OFFER)
    assert update.parked is ParkReason.UNEXPECTED_CHARGE
    nothing = tells("transaction.completed", TRANSACTION, paid)
    assert (nothing.parked, nothing.payment) == (ParkReason.UNEXPECTED_CHARGE, None)
    for sold in (TRIAL, SOLD):
        renewal = tells("transaction.completed", TRANSACTION, {**RECURRING, **ON_TRIAL}, sold=sold)
        assert renewal.payment == LATER_PERIOD, renewal.detail


PART_OF_A_PERIOD: Json = {
    **RECURRING,
    "origin": "subscription_update",
    "details.line_items.0.proration": {"rate": "0.5", "billing_period": {"starts_at": SINCE, "ends_at": UNTIL}},
    "details.line_items.0.totals": {"subtotal": "750", "total": "825"},
    "details.totals.total": "825",
    "details.totals.grand_total": "825",
}


@pytest.mark.parametrize("beside", ["pack", "part"])
def test_a_trial_beside_something_that_was_sold_is_not_a_trial_alone(beside: str) -> None:
    """A pack, or a part of a period: its money pays for more than a trial."""
    (sold,) = TRANSACTION["details"]["line_items"]
    trial = {**sold, "id": "txnitm_2", "price_id": "pri_offer", "totals": {"subtotal": "100", "total": "100"}}
    part = {**sold, "price_id": PLAN, "proration": {"billing_period": RECURRING["billing_period"]}}
    lines = [sold if beside == "pack" else part, trial]
    event = tells("transaction.completed", TRANSACTION, {**OF_A_PLAN, "details.line_items": lines}, sold=OFFER)
    assert event.payment, event.detail
    assert (len(event.payment.lines), event.payment.is_trial) == (2, False)
    alone = {**OF_A_PLAN, "details.line_items": [trial]}
    begun = tells("transaction.completed", TRANSACTION, alone, sold=OFFER)
    assert begun.payment, begun.detail
    assert begun.payment.is_trial is True


def test_a_part_of_a_period_that_is_worth_one_credit_grants_it() -> None:
    """Two thousandths of the price are one credit, rounded down; less is none."""
    for minor, credits_ in (("2", 1), ("3", 2)):
        part = {**PART_OF_A_PERIOD, "details.line_items.0.totals": {"subtotal": minor, "total": minor}}
        event = tells("transaction.completed", TRANSACTION, part)
        assert event.payment, event.detail
        assert [line.credits for line in event.payment.lines] == [credits_]
    cent = {**PART_OF_A_PERIOD, "details.line_items.0.totals": {"subtotal": "1", "total": "1"}}
    assert tells("transaction.completed", TRANSACTION, cent).parked is ParkReason.UNEXPECTED_CHARGE
    rich = tells("transaction.completed", TRANSACTION, cent, sold=_sold(credits=3000))
    assert rich.payment, rich.detail
    assert [line.credits for line in rich.payment.lines] == [2]


def test_a_part_of_a_period_that_costs_nothing_needs_no_price() -> None:
    """Beside a pack, in a currency in which the plan is not sold."""
    lines = [{**FREE_PART, "price_id": PLAN}, TRANSACTION["details"]["line_items"][0]]
    event = tells(
        "transaction.completed", TRANSACTION, {"details.line_items": lines, "details.totals.currency_code": "CHF"}
    )
    assert event.payment == replace(BOUGHT, currency="CHF"), event.detail


@pytest.mark.parametrize("billing_period", [RECURRING["billing_period"], None])
def test_a_part_of_a_period_at_paddle_grants_its_part(billing_period: Json | None) -> None:
    """In proportion of its amount before tax to the price. It pays for no period."""
    part = {**PART_OF_A_PERIOD, "billing_period": billing_period}
    event = tells("transaction.completed", TRANSACTION, part)
    granted = replace(one(LATER_PERIOD, credits=500, amount_minor=825), paid_minor=825, fulfilment_key=None)
    assert event.payment == granted, event.detail


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"details.line_items": [PRORATION]}, ParkReason.UNEXPECTED_CHARGE),
        ({"details.line_items": [], "origin": "subscription_update"}, ParkReason.UNEXPECTED_CHARGE),
        ({"details.line_items": [], "details.totals.total": "1"}, ParkReason.UNEXPECTED_CHARGE),
        (
            {"details.line_items": [FREE_LINE], "origin": "subscription_payment_method_change"},
            ParkReason.UNEXPECTED_CHARGE,
        ),
        ({**PART_OF_A_PERIOD, "details.totals.currency_code": "CHF"}, ParkReason.UNKNOWN_CURRENCY),
        ({"details.totals.credit_to_balance": "500"}, ParkReason.UNKNOWN_ORIGIN),
        ({"details.totals.credit_to_balance": "1"}, ParkReason.UNKNOWN_ORIGIN),
        (
            {**NO_MONEY, "origin": "subscription_update", "details.totals.credit_to_balance": "500"},
            ParkReason.UNKNOWN_ORIGIN,
        ),
        ({**PART_OF_A_PERIOD, "details.line_items.0.totals.total": "-825"}, ParkReason.UNKNOWN_ORIGIN),
        ({"details.line_items.0.totals.total": "-1"}, ParkReason.UNKNOWN_ORIGIN),
    ],
)
def test_money_of_paddles_that_grants_nothing_is_parked(changes: Json, reason: ParkReason) -> None:
    """So is money that moved to the buyer's balance, and names no payment."""
    event = tells("transaction.completed", TRANSACTION, changes)
    assert (event.parked, event.payment) == (reason, None), event.detail


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "paid"}, ParkReason.UNKNOWN_STATE),
        ({"status": None}, ParkReason.UNKNOWN_SHAPE),
        ({"origin": None}, ParkReason.UNKNOWN_SHAPE),
        ({"origin": "subscription_update"}, ParkReason.UNEXPECTED_CHARGE),
        ({"details.adjusted_totals.total": "0"}, ParkReason.UNDERPAID),
        ({"details.totals.total": "1", "details.adjusted_totals.total": "0"}, ParkReason.UNDERPAID),
        ({"details.totals.grand_total": "0", "details.adjusted_totals.total": "0"}, ParkReason.UNDERPAID),
        ({"details.line_items.0.price_id": "pri_other"}, ParkReason.UNKNOWN_PRICE),
        ({"details.line_items.0.price_id": GONE}, ParkReason.UNKNOWN_PRICE),
        (
            {"details.line_items": [{**FREE_LINE, "totals": {"subtotal": "1", "total": "1"}}]},
            ParkReason.UNKNOWN_PRICE,
        ),
        ({"details.line_items.0.quantity": 0}, ParkReason.UNKNOWN_SHAPE),
        ({"details.line_items.0.id": None}, ParkReason.UNKNOWN_SHAPE),
        ({**RECURRING, "billing_period": None}, ParkReason.UNKNOWN_SHAPE),
        ({"details": None}, ParkReason.UNKNOWN_SHAPE),
        ({"details.totals.total": "much"}, ParkReason.UNKNOWN_SHAPE),
        ({**RECURRING, "billing_period.starts_at": "0001-01-01T00:00:00+14:00"}, ParkReason.UNKNOWN_SHAPE),
    ],
)
def test_a_transaction_that_cant_be_believed_is_parked_with_its_reason(changes: Json, reason: ParkReason) -> None:
    """Whole: it pays for nothing."""
    content = {**TRANSACTION, "billing_period": {"starts_at": SINCE, "ends_at": UNTIL}}
    event = tells("transaction.completed", content, changes)
    assert (event.parked, event.payment, event.names) == (reason, None, ()), event.detail
    assert event.owner.customer_id == PADDLES.customer_id
    assert event.detail


def test_a_transaction_that_failed_says_so() -> None:
    """It waits for the payment that may follow."""
    event = tells("transaction.payment_failed", TRANSACTION)
    failed = PaymentFailed(at=AT, cause="paddle:evt_1")
    assert event == said(event, owner=PADDLES, names=(TXN,), facts=(failed,))


ENTITY: Json = {
    "id": "sub_1",
    "status": "active",
    "customer_id": "ctm_1",
    "transaction_id": "txn_1",
    "custom_data": {"order_id": "ord_1", "account_id": "acct_ada"},
    "current_billing_period": {"starts_at": SINCE, "ends_at": UNTIL},
    "scheduled_change": None,
    "canceled_at": None,
    "items": [{"price": {"id": "pri_01jcreatormonthly0000000a"}}],
}
KNOWN = replace(SUBSCRIBED, subscription_id="paddle:sub_1", cause="paddle:evt_1", customer_id="paddle:ctm_1")
CANCELS = {"action": "cancel", "effective_at": UNTIL}


@pytest.mark.parametrize("kind", ["created", "updated", "whatever_comes"])
def test_a_subscription_of_paddles_is_told(kind: str) -> None:
    """By every event of it; its copies of custom_data may be a browser's, its first transaction tells whose it is."""
    event = tells(f"subscription.{kind}", ENTITY)
    assert event == said(event, owner=replace(RIA, subscription_id="paddle:sub_1"), subscription=KNOWN)
    assert tells("subscription.updated", ENTITY, {"transaction_id": None}).owner == LATER_RIA


@pytest.mark.parametrize(
    ("changes", "subscription"),
    [
        ({"scheduled_change": CANCELS}, replace(KNOWN, cancel_at=END)),
        ({"scheduled_change": {"action": "pause", "effective_at": UNTIL}}, replace(KNOWN, pauses_at=END)),
        (
            {"scheduled_change": {"action": "pause", "effective_at": SINCE, "resume_at": UNTIL}},
            replace(KNOWN, pauses_at=START, resumes_at=END),
        ),
        (
            {
                "status": "paused",
                "paused_at": SINCE,
                "scheduled_change": {"action": "resume", "effective_at": UNTIL, "resume_at": None},
            },
            replace(KNOWN, status=SubscriptionStatus.PAUSED, pauses_at=START, resumes_at=END),
        ),
        ({"paused_at": SINCE}, KNOWN),
        ({"canceled_at": SINCE}, replace(KNOWN, cancel_at=START)),
        ({"canceled_at": SINCE, "scheduled_change": CANCELS}, replace(KNOWN, cancel_at=END)),
        ({"current_billing_period": None}, replace(KNOWN, period_end=None)),
        ({"items": []}, replace(KNOWN, product_id=None)),
        ({"items.0.price.id": "pri_other"}, replace(KNOWN, product_id=None)),
        ({"customer_id": ""}, replace(KNOWN, customer_id=None)),
        *(
            ({"status": word}, replace(KNOWN, status=status))
            for word, status in {
                "trialing": SubscriptionStatus.TRIALING,
                "active": SubscriptionStatus.ACTIVE,
                "past_due": SubscriptionStatus.PAST_DUE,
                "paused": SubscriptionStatus.PAUSED,
                "inactive": SubscriptionStatus.INACTIVE,
                "canceled": SubscriptionStatus.ENDED,
            }.items()
        ),
    ],
)
def test_a_subscription_of_paddles_is_read_in_each_state(changes: Json, subscription: Subscription) -> None:
    """And with what is scheduled."""
    assert tells("subscription.updated", ENTITY, changes).subscription == subscription


ADJUSTMENT: Json = {
    "currency_code": "USD",
    "id": "adj_1",
    "transaction_id": "txn_1",
    "customer_id": "ctm_1",
    "action": "refund",
    "status": "approved",
    "reason": "Asked for.",
    "created_at": SINCE,
    "totals": {"total": "500"},
    "items": [
        {"item_id": "a", "type": "partial", "amount": "90", "totals": {"total": "100"}},
        {"item_id": "b", "type": "tax", "amount": "400"},
        {"item_id": "c", "type": "full", "amount": "7", "totals": None},
    ],
}
GIVEN_BACK = RefundChanged(
    currency="USD",
    created_at=START,
    refund_id="adj_1",
    state=RefundState.SUCCEEDED,
    amount_minor=500,
    at=AT,
    cause="paddle:evt_1",
    items=(
        RefundedItem(line_id="a", amount_minor=100),
        RefundedItem(line_id="b", amount_minor=400, is_tax_only=True),
        RefundedItem(line_id="c", amount_minor=7),
    ),
)
CHARGED_BACK = ChargebackChanged(
    currency="USD",
    adjustment_id="adj_1",
    kind="chargeback",
    is_reversal=False,
    state=ChargebackState.TAKEN,
    amount_minor=500,
    created_at=START,
    at=AT,
    cause="paddle:evt_1",
)
CREDITED = BalanceCredited(
    currency="USD",
    created_at=START,
    credit_id="adj_1",
    is_reversal=False,
    amount_minor=500,
    at=AT,
    cause="paddle:evt_1",
    items=GIVEN_BACK.items,
)


@pytest.mark.parametrize("kind", ["created", "updated"])
@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({}, GIVEN_BACK),
        ({"reason": "Asked for. [refund_tag:case_1-1]"}, replace(GIVEN_BACK, tag="case_1-1")),
        ({"reason": None}, GIVEN_BACK),
        ({"status": "pending_approval"}, replace(GIVEN_BACK, state=RefundState.PENDING)),
        ({"status": "rejected"}, replace(GIVEN_BACK, state=RefundState.CANCELED)),
        ({"status": "reversed"}, replace(GIVEN_BACK, state=RefundState.FAILED)),
        ({"action": "credit"}, CREDITED),
        ({"action": "credit", "status": "reversed"}, replace(CREDITED, is_reversed=True)),
        ({"action": "credit_reverse"}, replace(CREDITED, is_reversal=True)),
        ({"action": "chargeback"}, CHARGED_BACK),
        ({"action": "chargeback_reverse"}, replace(CHARGED_BACK, is_reversal=True)),
        ({"action": "chargeback_warning"}, replace(CHARGED_BACK, kind="chargeback_warning")),
        (
            {"action": "chargeback_warning_reverse"},
            replace(CHARGED_BACK, kind="chargeback_warning", is_reversal=True),
        ),
        ({"action": "chargeback", "status": "pending_approval"}, CHARGED_BACK),
        ({"action": "chargeback", "status": "rejected"}, replace(CHARGED_BACK, state=ChargebackState.REJECTED)),
        ({"action": "chargeback", "status": "reversed"}, replace(CHARGED_BACK, state=ChargebackState.REVERSED)),
    ],
)
def test_an_adjustment_is_told_by_its_action_and_status(kind: str, changes: Json, fact: Any) -> None:
    """Of its transaction alone; a refund by line, tax included."""
    event = tells(f"adjustment.{kind}", ADJUSTMENT, changes)
    assert event == said(event, owner=PADDLES, names=(TXN,), facts=(fact,))


def test_a_warning_is_a_resolution_of_who_enrolled() -> None:
    """Paddle has repaid the buyer before a chargeback was filed. A reversal, or a chargeback, is none."""

    def resolutions(sold: catalogue.Catalogue, **changes: str) -> tuple[Any, ...]:
        return tells("adjustment.created", ADJUSTMENT, changes, sold=sold).facts[1:]

    warned = {"action": "chargeback_warning", "created_at": START.isoformat()}
    assert resolutions(ENROLLED, **warned) == (
        ResolutionReported(subject="chargeback:adj_1", at=AT, cause="paddle:evt_1"),
    )
    earlier = (START - timedelta(seconds=1)).isoformat()
    for changes in ({"created_at": earlier}, {"action": "chargeback_warning_reverse"}, {"action": "chargeback"}):
        assert resolutions(ENROLLED, **(warned | changes)) == ()
    assert resolutions(SOLD, **warned) == ()


@pytest.mark.parametrize(
    ("event_type", "data", "changes", "reason"),
    [
        ("adjustment.updated", ADJUSTMENT, {"status": "lost"}, ParkReason.UNKNOWN_STATE),
        ("adjustment.updated", ADJUSTMENT, {"action": "gift"}, ParkReason.UNKNOWN_STATE),
        ("adjustment.updated", ADJUSTMENT, {"transaction_id": None}, ParkReason.UNKNOWN_SHAPE),
        ("adjustment.updated", ADJUSTMENT, {"items": None}, ParkReason.UNKNOWN_SHAPE),
        ("adjustment.updated", ADJUSTMENT, {"action": "chargeback", "created_at": None}, ParkReason.UNKNOWN_SHAPE),
        ("adjustment.updated", ADJUSTMENT, {"totals": []}, ParkReason.UNKNOWN_SHAPE),
        ("adjustment.updated", ADJUSTMENT, {"totals": GONE}, ParkReason.UNKNOWN_SHAPE),
        ("subscription.updated", ENTITY, {"status": "lost"}, ParkReason.UNKNOWN_STATE),
        ("subscription.updated", ENTITY, {"scheduled_change": "cancel"}, ParkReason.UNKNOWN_SHAPE),
    ],
)
def test_what_is_not_of_paddles_known_shape_is_parked_whole(
    event_type: str, data: Json, changes: Json, reason: ParkReason
) -> None:
    """No fact of it is kept, and no exception leaves the translation."""
    event = tells(event_type, data, changes)
    assert (event.parked, event.facts, event.names, event.subscription) == (reason, (), (), None)
    assert (event.owner, bool(event.detail)) == (PADDLES, True)


@pytest.mark.parametrize(
    ("event_id", "is_live", "reason"),
    [("ntfsim_1", True, ParkReason.WRONG_MODE), ("ntfsim_1", False, None), ("evt_ntfsim", True, None)],
)
def test_a_simulated_notification_is_for_a_test_ledger(event_id: str, is_live: bool, reason: ParkReason | None) -> None:
    """On a live one it grants nothing."""
    content = paddles("transaction.completed", TRANSACTION, event_id=event_id)
    event = paddle.translate(content, SOLD, is_live=is_live)
    assert event is not None
    assert (event.parked, event.payment is None) == (reason, reason is not None)


# ── Reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "says_"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "no usable id"),
        (b'{"id": "", "type": "t"}', "no usable id"),
        (b'{"id": 7, "type": "t"}', "no usable id"),
        (b'{"id": "%s", "type": "t"}' % (b"x" * 256), "no usable id"),
        (b'{"id": "i"}', "no usable type"),
        (b'{"id": "i", "type": null}', "no usable type"),
    ],
)
def test_a_body_that_is_no_notification_is_refused_with_the_reason(body: bytes, says_: str) -> None:
    """Before anything of it is believed."""
    with pytest.raises(InvalidBody, match=says_):
        load_notification(body, "id", "type")


def test_a_body_may_be_as_large_as_the_readme_says() -> None:
    """In kibibytes."""
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    said_ = re.search(r"or larger than (\d+) KiB", readme)
    assert said_
    assert int(said_[1]) * 1024 == MAX_BODY_BYTES


def test_an_id_may_be_as_long_as_a_key_of_the_table_allows() -> None:
    """And no longer."""
    assert load_notification(b'{"id": "%s", "type": "t"}' % (b"x" * 255), "id", "type")["id"] == "x" * 255
    assert load_notification(b'{"id": "i", "type": "t"}', "id", "type") == {"id": "i", "type": "t"}


@pytest.mark.parametrize(
    ("content", "says_"),
    [
        ({"object": "thin_event"}, "thin_event: subscribe the endpoint to snapshot"),
        ({"object": GONE}, "None"),
        ({"created": "now"}, "created"),
        ({"created": True}, "created"),
        ({"created": 10**18}, "created"),
        ({"created": 10**400}, "created"),
        ({"created": GONE}, "created"),
        ({"data": []}, "data.object"),
        ({"data": {"object": []}}, "data.object"),
        ({"type": GONE}, "no usable type"),
        ({"id": GONE}, "no usable id"),
    ],
)
def test_a_body_that_is_no_event_of_stripes_is_refused_with_the_reason(content: Json, says_: str) -> None:
    """The message is for whoever set the endpoint up."""
    whole_ = stripes("refund.updated", REFUND)
    assert stripe.parse(dumped(whole_)) == whole_
    with pytest.raises(InvalidBody, match=says_):
        stripe.parse(dumped(changed(whole_, content)))


@pytest.mark.parametrize(
    ("content", "says_"),
    [
        ({"occurred_at": 5}, "occurred_at"),
        ({"occurred_at": "now"}, "occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at"),
        ({"occurred_at": GONE}, "occurred_at"),
        ({"data": []}, "no data"),
        ({"event_type": GONE}, "no usable event_type"),
        ({"event_id": GONE}, "no usable event_id"),
    ],
)
def test_a_body_that_is_no_notification_of_paddles_is_refused_with_the_reason(content: Json, says_: str) -> None:
    """The message is for whoever set the destination up."""
    whole_ = paddles("transaction.completed", TRANSACTION)
    assert paddle.parse(dumped(whole_)) == whole_
    with pytest.raises(InvalidBody, match=says_):
        paddle.parse(dumped(changed(whole_, content)))


def dumped(content: Json) -> bytes:
    """As it is sent."""
    return json.dumps(content).encode()


@pytest.mark.parametrize("found", [None, "", 7, {"email": "ada@example.com"}, GONE])
def test_a_text_that_must_be_there_is_one(found: object) -> None:
    """What was found instead is told by its kind, never by its content."""
    source = {} if found is GONE else {"name": found}
    with pytest.raises((ValueError, KeyError)) as raised:
        text(source, "name")
    assert "ada" not in str(raised.value)
    assert text({"name": "x"}, "name") == "x"


def test_a_text_that_may_be_missing_is_a_text_or_nothing() -> None:
    """Null and empty are missing; a number is a mistake."""
    assert [optional_text(source, "name") for source in (None, {}, {"name": None}, {"name": ""})] == [None] * 4
    assert optional_text({"name": "x"}, "name") == "x"
    for found, kind in ((7, "int"), ({"a": 1}, "dict"), ([], "list"), (False, "bool")):
        with pytest.raises(TypeError, match=rf"^name is of type {kind}, not a usable text$"):
            optional_text({"name": found}, "name")
    with pytest.raises(ValueError, match=r"^name is empty, not a usable text$"):
        text({"name": ""}, "name")


def test_a_whole_number_may_be_written_as_text() -> None:
    """As Paddle writes amounts; true, a fraction and a word are none."""
    assert [whole_number({"n": found}, "n") for found in (5, "5", "-5", 0)] == [5, 5, -5, 0]
    for found in (True, 5.0, None, [5]):
        with pytest.raises(TypeError, match=r"^n is of type"):
            whole_number({"n": found}, "n")
    assert whole_number({"n": "9" * 15}, "n") == 10**15 - 1
    for words in ("5.0", "", "ada@example.com", "9" * 16, 10**15, "+5", "1_000", "３"):
        with pytest.raises(ValueError, match=r"^n is not a whole number of at most 15 plain digits$"):
            whole_number({"n": words}, "n")


def test_times_are_read_with_their_zone() -> None:
    """Seconds from Stripe, RFC 3339 from Paddle; always told in UTC."""
    assert unix_time(int(AT.timestamp())) == AT == rfc3339_time(WHEN) == rfc3339_time("2026-09-01T14:00:00+02:00")
    assert unix_time(946684800) == datetime(2000, 1, 1, tzinfo=UTC)
    assert unix_time(946684800).tzinfo is UTC
    for beyond in (946684799, 32503680000, 0, 10**18, -(10**18), 10**400):
        with pytest.raises(ValueError, match="not of this millennium"):
            unix_time(beyond)
    assert unix_time(32503679999) == rfc3339_time("2999-12-31T23:59:59Z")
    assert rfc3339_time("2026-09-01T14:00:00+02:00").tzinfo is UTC
    for found in (True, "5", 5.0, None):
        with pytest.raises(TypeError, match=r"a time is (of type|an unusable text)"):
            unix_time(found)
    with pytest.raises(TypeError, match="a time is of type int, not of RFC 3339"):
        rfc3339_time(5)
    for stamp, says_ in (("soon", "not of RFC 3339"), ("2026-09-01T12:00:00", "no time zone")):
        with pytest.raises(ValueError, match=says_):
            rfc3339_time(stamp)


def test_a_time_is_of_this_millennium_to_the_instant() -> None:
    """In whatever zone it is written."""
    assert rfc3339_time("2000-01-01T02:00:00+02:00") == datetime(2000, 1, 1, tzinfo=UTC)
    for stamp in ("1999-12-31T23:59:59.999999Z", "3000-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59"):
        with pytest.raises(ValueError, match="not of this millennium"):
            rfc3339_time(stamp)


def test_a_text_is_one_line_of_at_most_255_bytes() -> None:
    """Of Unicode that can be kept, and measured as it is kept."""
    assert [is_text(found) for found in ("x", "x" * 255, "ä" * 127, "a b")] == [True] * 4
    assert [is_text(found) for found in ("", "x" * 256, "ä" * 128, "a\nb", "\x00", "\ud800", 7, None)] == [False] * 8


def test_a_currency_is_three_letters() -> None:
    """In either case, told in capitals."""
    assert [currency({"c": found}, "c") for found in ("eur", "USD")] == ["EUR", "USD"]
    for found in ("eu", "euro", "e1r", "€€€", "ﬁx"):
        with pytest.raises(ValueError, match=r"^c is no code of a currency$"):
            currency({"c": found}, "c")


def test_as_many_lines_are_booked_as_fit_into_one_transaction() -> None:
    """A list of a hundred objects is read, a payment of ten lines is booked; one more of either is parked."""
    line = PaidLine(line_id="0", product_id="pack_500", credits=500, amount_minor=1000, expires_at=None)
    assert bookable_lines([line] * 10) == (line,) * 10
    with pytest.raises(ValueError, match=r"^it has more than 10 lines that give credits$"):
        bookable_lines([line] * 11)
    assert len(list(objects({"rows": [{}] * 100}, "rows"))) == 100
    with pytest.raises(ValueError, match=r"^rows has more than 100 objects$"):
        list(objects({"rows": [{}] * 101}, "rows"))


def test_a_list_of_objects_is_one() -> None:
    """Anything else in it is a mistake."""
    assert list(objects({"rows": [{"a": 1}, {}]}, "rows")) == [{"a": 1}, {}]
    wrong: list[object] = [None, {}, [1], [{}, "x"]]
    for found in wrong:
        with pytest.raises(TypeError, match="rows is not a list of objects"):
            list(objects({"rows": found}, "rows"))


@pytest.mark.parametrize(
    ("reason", "tag"),
    [
        ("Asked for. [refund_tag:case_1-1]", "case_1-1"),
        ("[refund_tag:a] [refund_tag:b] \n", "b"),
        ("[refund_tag:a] and then some", None),
        ("[refund_tag:]", None),
        ("[refund_tag:a b]", None),
        ("[other:a]", None),
        ("", None),
        (None, None),
    ],
)
def test_a_tag_is_read_at_the_end_of_a_reason(reason: str | None, tag: str | None) -> None:
    """Elsewhere it is somebody's words."""
    assert tags.tag_in(reason) == tag


def test_a_tag_is_written_so_that_it_can_be_read_back() -> None:
    """Or not at all."""
    assert tags.to_reason("case_1-1", "Asked for.") == "Asked for. [refund_tag:case_1-1]"
    for tag in ("a b", "a]", "[a", ""):
        with pytest.raises(ValueError, match="could not be read back"):
            tags.to_reason(tag, "Asked for.")


OUR_PRICE = "price_creator_monthly"


@pytest.mark.parametrize(
    ("source", "is_ours"),
    [
        ({}, False),
        ({"id": "in_1", "amount": 5, "metadata": None}, False),
        ({"metadata": {"order_id": ""}}, False),
        ({"metadata": {"order_id": "ord_1"}}, True),
        ({"parent": {"details": [{"metadata": {"account_id": "acct_ada"}}]}}, True),
        ({"lines": {"data": [{"price": "price_of_another"}, {"price": OUR_PRICE}]}}, True),
        ({"price": OUR_PRICE.upper()}, False),
    ],
)
def test_what_names_an_order_an_account_or_a_price_of_ours_is_found(source: object, *, is_ours: bool) -> None:
    """An event that is muted is looked at by nobody."""
    assert names_ours(source, "stripe", SOLD) is is_ours


def test_what_names_ours_is_found_at_any_depth() -> None:
    """No event is answered by an error because it is nested."""
    nested: object = OUR_PRICE
    for _ in range(5_000):
        nested = [{"inner": nested}]
    assert names_ours(nested, "stripe", SOLD)
