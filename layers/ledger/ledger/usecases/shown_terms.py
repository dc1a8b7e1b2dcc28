"""What a buyer was shown of an order, checked before it is placed: the information, and the renewal terms of a plan.

Nothing of it is made up: what the page does not report is not recorded, and is refused only where a plan needs it.
"""

from datetime import UTC, datetime

from ledger.domain.catalogue import Product, ProductKind
from ledger.domain.errors import InvalidRequest
from ledger.domain.money import format_amount
from ledger.domain.orders import RenewalConsent, RenewalTerms, ShownInformation
from ledger.domain.records import record


@record(frozen=True, kw_only=True)
class PlanNeeds:
    """What a plan is sold only with."""

    information: bool  # what the buyer was shown: without it the credits of a period expire while locked
    renewal_consent: bool  # a consent to the renewal terms


_MOST_WITH_TAX = 2
"""How many times its price a renewal may cost at most, tax included. No tax on sales comes near it."""


def check_shown(
    product: Product,
    shown: ShownInformation | None,
    consent: RenewalConsent | None,
    needs: PlanNeeds,
    *,
    currency: str,
    country: str,
    now: datetime,
) -> None:
    """Raise InvalidRequest if what was shown is not what is sold, or if a plan needs more."""
    terms = shown.renewal if shown else None
    if product.kind is not ProductKind.SUBSCRIPTION:
        if terms or consent:
            name = "information.renewal" if terms else "renewal_consent"
            raise InvalidRequest(name, f"Leave it out: {product.product_id} is paid once.")
        return
    if shown is None and needs.information:
        raise InvalidRequest(
            "information",
            "It is missing: say what the buyer was shown. Else the credits of a plan are locked for more than a year, "
            "and those of each period expire before they can be used.",
        )
    if consent is None and needs.renewal_consent:
        raise InvalidRequest(
            "renewal_consent",
            f"It is missing: a plan is not sold in {country} without it. Show the renewal terms, ask for a "
            "consent to them by a box of its own, and send it here with its words, and the terms as "
            "information.renewal.",
        )
    if consent and terms is None:
        raise InvalidRequest("information.renewal", "It is missing: a consent to renewal terms needs those shown.")
    if shown and terms:
        _check_terms(product, terms, shown, currency=currency, now=now)


def _check_terms(
    product: Product, terms: RenewalTerms, shown: ShownInformation, *, currency: str, now: datetime
) -> None:
    """Raise InvalidRequest if renewal terms can't be those of the plan."""
    if terms.every_months != product.period_months:
        raise InvalidRequest(
            "information.renewal.every_months",
            f"It should be {product.period_months}: the months of a period of {product.product_id}.",
        )
    price_minor = product.prices[currency]
    price = f"{product.product_id} costs {format_amount(price_minor, currency)} before tax."
    if terms.amount_minor < price_minor:
        raise InvalidRequest("information.renewal.amount_minor", f"{price} A renewal is never less.")
    if terms.amount_minor > _MOST_WITH_TAX * price_minor:
        raise InvalidRequest("information.renewal.amount_minor", f"{price} No tax makes that twice as much.")
    charge = shown.first_charge
    if charge and charge[1] != terms.first_on:
        raise InvalidRequest("information.renewal.first_on", "It should be the day of information.first_charge.")
    if terms.first_on <= now.astimezone(UTC).date():
        raise InvalidRequest("information.renewal.first_on", "It should be a day after the order.")
