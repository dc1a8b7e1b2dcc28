"""Prorations: what a subscription's change within a period charges and credits.

    line                          what it means
    below 0, it names its origin  the unused part of what was paid before: its money moves, and takes its credits along
    below 0, it names nothing     not bookable: nobody knows whose credits the money takes along
    above 0, the product grants   its part of a period's credits
    above 0, it does not          without credits: it uses up what was credited, and the rest of it is an overcharge

Source: docs.stripe.com/billing/subscriptions/prorations, and `proration_details` of
docs.stripe.com/api/invoice-line-item/object.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.domain.facts import PaidLine
from ledger.domain.receipts import ParkReason
from ledger.providers.parsing import Json, currency, excerpt, objects, optional_text, whole_number
from ledger.providers.stripe.invoice_lines import agreed_at, is_proration, period_of, price_id_of, with_tax_and_discount
from ledger.providers.stripe.notification import StripeNotification
from ledger.providers.translation import EventNotBookable


@dataclass(frozen=True, slots=True)
class Prorated:
    """What the prorations of one invoice mean."""

    lines: tuple[PaidLine, ...]  # that grant credits
    credited_minor: int  # that moved away from what was paid before
    overcharge_minor: int  # charged without granting anything, above what was credited


def prorated(notification: StripeNotification) -> Prorated:
    """Return what the prorations of an invoice mean. Raise EventNotBookable for one that can't be booked."""
    lines = [
        (str(position), line)
        for position, line in enumerate(objects(notification.source["lines"], "data"))
        if is_proration(line)
    ]
    if any(whole_number(line, "amount") < 0 for _, line in lines):
        raise EventNotBookable(ParkReason.UNKNOWN_ORIGIN, "a proration credits what was paid before")
    charged_minor = sum(with_tax_and_discount(line, whole_number(line, "amount")) for _, line in lines)
    granted = _granted(notification, lines)
    return Prorated((), 0, charged_minor) if granted is None else Prorated(granted, 0, 0)


def _granted(notification: StripeNotification, lines: Sequence[tuple[str, Json]]) -> tuple[PaidLine, ...] | None:
    """Return the lines that grant a part of a period's credits. None: the catalogue does not say so of a product."""
    granted = []
    for position, line in lines:
        amount_minor, price_id = whole_number(line, "amount"), price_id_of(line)
        if amount_minor <= 0:
            continue
        product = notification.product_priced(price_id, agreed_at(line, notification.at))
        if product is None:
            raise EventNotBookable(ParkReason.UNKNOWN_PRICE, f"price {excerpt(price_id)} is not in the catalogue")
        if not product.proration_grants:
            return None
        charged_in = currency(notification.source, "currency")
        credits_ = product.prorated_credits(amount_minor, charged_in)
        if credits_ is None:
            raise EventNotBookable(ParkReason.UNKNOWN_CURRENCY, f"{product.product_id} has no price in {charged_in}")
        if credits_ > 0:
            period = period_of(line)
            granted.append(
                PaidLine(
                    line_id=optional_text(line, "id") or position,
                    product_id=product.product_id,
                    credits=credits_,
                    amount_minor=with_tax_and_discount(line, amount_minor),
                    expires_at=product.expires_at(notification.at, period),
                    period_ends_at=period[1],
                    terms=product.digest,
                )
            )
    return tuple(granted)
