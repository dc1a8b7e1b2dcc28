"""Paddle Billing's objects as its notifications carry them, whole."""

from collections.abc import Sequence
from typing import Any

from tools.events.tariff import Tariff

Json = dict[str, Any]

PRICES = {
    "pack_500": ("pri_01jpack500000000000000000a", 1000),
    "pack_1000": ("pri_01jpack100000000000000000a", 2000),
    "pack_2500": ("pri_01jpack250000000000000000a", 4500),
    "creator_monthly": ("pri_01jcreatormonthly0000000a", 1500),
}
USD = Tariff("USD", PRICES)
MADE_AT = "2026-01-01T00:00:00.000000Z"


def price(product_id: str, tariff: Tariff = USD) -> Json:
    """A price; one with a billing cycle recurs."""
    price_id, amount = tariff.prices[product_id]
    return {
        "id": price_id,
        "product_id": f"pro_{price_id[4:]}",
        "name": product_id,
        "description": product_id,
        "type": "standard",
        "billing_cycle": {"interval": "month", "frequency": 1} if product_id in tariff.recurring else None,
        "trial_period": None,
        "tax_mode": "account_setting",
        "unit_price": {"amount": str(amount), "currency_code": tariff.currency},
        "unit_price_overrides": [],
        "quantity": {"minimum": 1, "maximum": 10},
        "status": "active",
        "custom_data": None,
        "import_meta": None,
        "created_at": MADE_AT,
        "updated_at": MADE_AT,
    }


def product(product_id: str, tariff: Tariff = USD) -> Json:
    """What a price sells."""
    return {
        "id": f"pro_{tariff.prices[product_id][0][4:]}",
        "name": product_id,
        "type": "standard",
        "status": "active",
        "tax_category": "saas",
        "description": product_id,
        "image_url": None,
        "custom_data": None,
        "import_meta": None,
        "created_at": MADE_AT,
        "updated_at": MADE_AT,
    }


def attempt(attempt_id: str, method_id: str, at: str, *, is_captured: bool) -> Json:
    """One attempt to pay by card; its amount is the transaction's."""
    return {
        "payment_attempt_id": attempt_id,
        "payment_method_id": method_id,
        "stored_payment_method_id": attempt_id,
        "amount": "",
        "status": "captured" if is_captured else "error",
        "error_code": None if is_captured else "declined",
        "method_details": {
            "type": "card",
            "card": {
                "type": "visa",
                "last4": "4242" if is_captured else "0002",
                "expiry_month": 12,
                "expiry_year": 2030,
                "cardholder_name": "Ada Example",
            },
            "south_korea_local_card": None,
            "paypal": None,
        },
        "created_at": at,
        "captured_at": at if is_captured else None,
    }


def transaction(
    transaction_id: str,
    at: str,
    lines: list[tuple[str, int]],
    *,
    customer: str,
    custom: Json | None,
    origin: str = "api",
    subscription_id: str | None = None,
    period: tuple[str, str] | None = None,
    discount: int = 0,
    status: str = "completed",
    price_id: str | None = None,
    is_proration: bool = False,
    is_free: bool = False,
    attempts: Sequence[Json] = (),
    updated_at: str = "",
    invoice_number: str = "",
    tariff: Tariff = USD,
) -> Json:
    """A transaction of (product, quantity) lines, with 10 % tax inside the totals."""
    items, line_items, subtotal, tax = [], [], 0, 0
    for position, (product_id, quantity) in enumerate(lines):
        unit = 0 if is_free else tariff.prices[product_id][1]
        amount = unit * quantity
        off = discount * amount // sum(tariff.prices[name][1] * count for name, count in lines)
        line_tax = (amount - off) // 10
        subtotal, tax = subtotal + amount, tax + line_tax
        shown = price(product_id, tariff) | ({"id": price_id} if price_id else {})
        proration = (
            {"rate": "0.5", "billing_period": dict(zip(("starts_at", "ends_at"), period or (), strict=False))}
            if is_proration
            else None
        )
        items.append({"price": shown, "quantity": quantity, "proration": proration})
        line_items.append(
            {
                "id": f"txnitm_{transaction_id[4:-1]}{position}",
                "price_id": shown["id"],
                "quantity": quantity,
                "proration": proration,
                "tax_rate": "0.1",
                "unit_totals": money(unit, off // quantity, line_tax // quantity),
                "totals": money(amount, off, line_tax),
                "product": product(product_id, tariff),
            }
        )
    total = subtotal - discount + tax
    is_done, fee = status == "completed", total // 20 + 50 if total else 0
    earned = {"fee": str(fee), "earnings": str(total - tax - fee)} if is_done else {"fee": None, "earnings": None}
    totals = money(subtotal, discount, tax) | {
        "credit": "0",
        "credit_to_balance": "0",
        "balance": "0" if is_done else str(total),
        "grand_total": str(total),
        "grand_total_tax": str(tax),
        **earned,
        "currency_code": tariff.currency,
    }
    adjusted = {
        **{name: totals[name] for name in ("tax", "total", "grand_total", "grand_total_tax", "currency_code")},
        "subtotal": str(subtotal - discount),
        **earned,
        "retained_fee": "0",
    }
    payout = {
        **{name: adjusted[name] for name in ("subtotal", "tax", "total", "retained_fee", "currency_code")},
        **earned,
        "exchange_rate": "1",
    }
    return {
        "id": transaction_id,
        "status": status,
        "customer_id": customer,
        "address_id": f"add_{transaction_id[4:]}",
        "business_id": None,
        "custom_data": custom,
        "currency_code": tariff.currency,
        "origin": origin,
        "subscription_id": subscription_id,
        "invoice_id": None if status == "ready" else f"inv_{transaction_id[4:]}",
        "invoice_number": None if status == "ready" else invoice_number or f"1234-{int(transaction_id[7:11], 16)}",
        "collection_mode": "automatic",
        "discount_id": f"dsc_{transaction_id[4:]}" if discount else None,
        "billing_details": None,
        "billing_period": {"starts_at": period[0], "ends_at": period[1]} if period else None,
        "items": items,
        "details": {
            "tax_rates_used": [{"tax_rate": "0.1", "totals": money(subtotal, discount, tax)}],
            "totals": totals,
            "adjusted_totals": adjusted,
            "payout_totals": totals | {"exchange_rate": "1", "fee_rate": "0.05"} if is_done else None,
            "adjusted_payout_totals": payout | {"chargeback_fee": {"amount": "0", "original": None}}
            if is_done
            else None,
            "line_items": line_items,
        },
        "payments": [made | {"amount": str(total)} for made in attempts],
        "checkout": {"url": "https://app.example.com/pay"},
        "created_at": at,
        "updated_at": updated_at or at,
        "billed_at": None if status == "ready" else at,
        "revised_at": None,
    }


def money(subtotal: int, discount: int, tax: int) -> Json:
    """Totals, as text in minor units."""
    return {
        "subtotal": str(subtotal),
        "discount": str(discount),
        "tax": str(tax),
        "total": str(subtotal - discount + tax),
    }


def subscription(
    subscription_id: str,
    at: str,
    period: tuple[str, str] | None,
    *,
    customer: str,
    custom: Json,
    billed_at: str = "",
    updated_at: str = "",
    product_id: str = "creator_monthly",
    tariff: Tariff = USD,
    **fields: Any,
) -> Json:
    """A subscription, to Creator Monthly unless told otherwise."""
    return {
        "id": subscription_id,
        "status": "active",
        "customer_id": customer,
        "address_id": f"add_{subscription_id[4:]}",
        "business_id": None,
        "currency_code": tariff.currency,
        "created_at": at,
        "updated_at": updated_at or at,
        "started_at": at,
        "first_billed_at": at,
        "next_billed_at": period[1] if period else None,
        "paused_at": None,
        "canceled_at": None,
        "collection_mode": "automatic",
        "billing_details": None,
        "billing_cycle": {"interval": "month", "frequency": 1},
        "current_billing_period": {"starts_at": period[0], "ends_at": period[1]} if period else None,
        "scheduled_change": None,
        "discount": None,
        "import_meta": None,
        "consent_requirements": [],
        "custom_data": custom,
        "items": [
            {
                "status": "active",
                "quantity": 1,
                "recurring": True,
                "created_at": at,
                "updated_at": updated_at or at,
                "previously_billed_at": billed_at or at,
                "next_billed_at": period[1] if period else None,
                "trial_dates": None,
                "price": price(product_id, tariff),
                "product": product(product_id, tariff),
            }
        ],
    } | fields


def adjustment(
    adjustment_id: str,
    of: Json,
    action: str,
    status: str,
    at: str,
    *,
    share: int = 1,
    created_at: str = "",
    tax_only: bool = False,
) -> Json:
    """An adjustment of one transaction: of its whole, or of 1/`share` of every line."""
    items = []
    for position, line in enumerate(of["details"]["line_items"]):
        total, tax = int(line["totals"]["total"]) // share, int(line["totals"]["tax"]) // share
        if tax_only:
            total = tax
        items.append(
            {
                "id": f"adjitm_{adjustment_id[4:-1]}{position}",
                "item_id": line["id"],
                "type": "tax" if tax_only else "full" if share == 1 else "partial",
                "amount": str(total),
                "proration": None,
                "totals": {"subtotal": str(total - tax), "tax": str(tax), "total": str(total)},
            }
        )
    total, tax = (sum(int(item["totals"][name]) for item in items) for name in ("total", "tax"))
    shares = {"subtotal": str(total - tax), "tax": str(tax), "total": str(total)}
    return {
        "id": adjustment_id,
        "action": action,
        "type": "full" if share == 1 and not tax_only else "partial",
        "transaction_id": of["id"],
        "subscription_id": of["subscription_id"],
        "customer_id": of["customer_id"],
        "reason": "requested by the customer",
        "credit_applied_to_balance": None,
        "currency_code": of.get("currency_code", "USD"),
        "status": status,
        "items": items,
        "totals": {
            **shares,
            "fee": "0",
            "retained_fee": "0",
            "earnings": str(total - tax),
            "currency_code": of.get("currency_code", "USD"),
        },
        "payout_totals": {
            **shares,
            "fee": "0",
            "retained_fee": "0",
            "chargeback_fee": {"amount": "1500" if action == "chargeback" else "0", "original": None},
            "earnings": str(total - tax),
            "currency_code": of.get("currency_code", "USD"),
        }
        if status == "approved"
        else None,
        "tax_rates_used": [{"tax_rate": "0.1", "totals": shares}],
        "created_at": created_at or at,
        "updated_at": at,
    }
