"""The lines of an invoice: what each is for, and what it cost.

Source: docs.stripe.com/api/invoice-line-item/object.
"""

from ledger.domain.catalogue import Period, Product
from ledger.providers.parsing import Json, text, unix_time, whole_number


def price_id_of(line: Json) -> str | None:
    """Return the price of a line, or None."""
    price_id: str | None = ((line.get("pricing") or {}).get("price_details") or {}).get("price")
    return price_id


def period_of(line: Json) -> Period:
    """Return what a line is for: a subscription's period, or the moment at which something else was added.

    The line is under the terms of its start.
    """
    return unix_time(line["period"]["start"]), unix_time(line["period"]["end"])


def item_details(line: Json) -> Json:
    """Return what made a line: a subscription's item, or an invoice item of its own."""
    parent = line.get("parent") or {}
    details: Json = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    return details


def is_invoice_item(line: Json) -> bool:
    """Return whether somebody added a line to the invoice: it is no period of a subscription's item."""
    return bool((line.get("parent") or {}).get("invoice_item_details"))


def is_proration(line: Json) -> bool:
    """Return whether a line charges or credits a part of a period, because a subscription changed within it."""
    return bool(item_details(line).get("proration"))


def with_tax_and_discount(line: Json) -> int:
    """Return what a line cost: its amount is before discounts and before exclusive taxes. A credit's is below 0."""
    discount_minor = sum(whole_number(discount, "amount") for discount in line.get("discount_amounts") or ())
    taxes = (tax for tax in line.get("taxes") or () if tax.get("tax_behavior") == "exclusive")
    return whole_number(line, "amount") + sum(whole_number(tax, "amount") for tax in taxes) - discount_minor


def quantity_of(line: Json, product: Product) -> int:
    """Return the units of a product that a line is for. Raise ValueError if they are none."""
    quantity = _whole_quantity(line)
    if quantity < 1:
        raise ValueError(f"quantity of {product.product_id} is {quantity}")
    return quantity


def _whole_quantity(line: Json) -> int:
    """Return the quantity. It is null where only `quantity_decimal` is given: a decimal text."""
    if line.get("quantity") is not None:
        return whole_number(line, "quantity")
    whole, _, fraction = text(line, "quantity_decimal").partition(".")
    if fraction.strip("0"):
        raise ValueError("quantity_decimal is not whole")
    return whole_number({"quantity_decimal": whole}, "quantity_decimal")
