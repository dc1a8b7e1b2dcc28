"""Prorations: what a subscription's change within a period credits and charges.

    line     what it means
    below 0  the unused part of what was paid before. Its money moves away and takes its credits along, like a refund:
             from the invoice and the lines that it names, else from the payment of the period that it is a part of
    above 0  it grants its part of a period's credits if the catalogue says so of each product that is charged. Else it
             grants nothing: it uses up what is credited, and what it exceeds that by is an overcharge

                              credited  charged   moves away   grants credits for
    upgrade, granting              750     1500          750                 1500
    upgrade, not granting          750     1500            0                    0, and 750 are an overcharge
    downgrade, granting            750      250          750                  250
    downgrade, not granting        750      250          500                    0
    cancellation                   750        0          750                    0

Source: docs.stripe.com/billing/subscriptions/prorations, and `proration_details` of
docs.stripe.com/api/invoice-line-item/object.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ledger.domain.events import About, CreditedPeriod
from ledger.domain.facts import BalanceCredited, PaidLine, RefundedItem, UngrantedLine
from ledger.domain.ids import PaymentId
from ledger.domain.money import portion, share_of
from ledger.domain.receipts import ParkReason
from ledger.domain.records import record
from ledger.providers.parsing import Json, currency, excerpt, objects, optional_text, text, unix_time, whole_number
from ledger.providers.stripe.invoice_lines import (
    is_proration,
    item_details,
    period_of,
    price_id_of,
    with_tax_and_discount,
)
from ledger.providers.stripe.notification import StripeNotification
from ledger.providers.translation import EventNotBookable


@record(frozen=True)
class Prorated:
    """What the prorations of one invoice mean."""

    lines: tuple[PaidLine, ...]  # that grant credits
    credits: tuple[About, ...]  # what moved away, by the payment that it was a part of
    credited_periods: tuple[CreditedPeriod, ...]  # what moved away from payments that are not named
    credited_minor: int  # the sum of both
    ungranted: tuple[UngrantedLine, ...]  # charged without granting anything, above what was credited

    @property
    def overcharge_minor(self) -> int:
        """Return what was charged for parts of a period that grant nothing by the catalogue."""
        return sum(line.amount_minor for line in self.ungranted if line.is_overcharge)

    def without_overcharge(self, unpaid_minor: int) -> "Prorated":
        """Return the same, if so much of the overcharge was never paid: each line's part of it is that much smaller.

        If there is an overcharge, all lines that grant nothing share it.
        """
        if not self.overcharge_minor:
            return self
        parts = [_Part(line.line_id, {}, line.amount_minor) for line in self.ungranted]
        return replace(self, ungranted=_overcharges(parts, self.overcharge_minor - unpaid_minor))


@record(frozen=True)
class _Part:
    """A line, and what it credits of what was paid before, or charges."""

    line_id: str
    line: Json
    amount_minor: int


def prorated(notification: StripeNotification) -> Prorated:
    """Return what the prorations of an invoice mean. Raise EventNotBookable for one that can't be booked."""
    lines = [
        (optional_text(line, "id") or str(position), line)
        for position, line in enumerate(objects(notification.source["lines"], "data"))
        if is_proration(line)
    ]
    credits_ = [_Part(line_id, line, max(0, -with_tax_and_discount(line))) for line_id, line in lines]
    charged = [
        _Part(line_id, line, with_tax_and_discount(line)) for line_id, line in lines if whole_number(line, "amount") > 0
    ]
    granted = _granted(notification, charged)
    credited_minor = sum(credit.amount_minor for credit in credits_)
    charged_minor = 0 if granted is not None else sum(charge.amount_minor for charge in charged)
    moved_minor = max(0, credited_minor - charged_minor)
    named: dict[PaymentId, list[BalanceCredited]] = {}
    periods = []
    for credit, amount_minor in _split(moved_minor, credits_):
        fact = _moved(notification, credit, amount_minor)
        if origin := _origin(credit.line):
            named.setdefault(notification.payment_id(text(origin, "invoice")), []).append(fact)
        else:
            periods.append(_credited_period(notification, credit.line, fact))
    return Prorated(
        lines=granted or (),
        credits=tuple(About(names=(payment_id,), facts=tuple(facts)) for payment_id, facts in named.items()),
        credited_periods=tuple(periods),
        credited_minor=moved_minor,
        ungranted=_ungranted(charged, granted, over_minor=charged_minor - credited_minor),
    )


def _ungranted(
    charged: Sequence[_Part], granted: tuple[PaidLine, ...] | None, *, over_minor: int
) -> tuple[UngrantedLine, ...]:
    """Return the lines that were charged and grant nothing, each with its part of what was paid for them.

    If the catalogue does not let them grant (`granted` is None), they share what they cost above what was credited, if
    anything.
    Else it is the amount of each that is too small for a credit.
    """
    if granted is None:
        return _overcharges(charged, over_minor)
    granting = {line.line_id for line in granted}
    return tuple(
        UngrantedLine(line_id=charge.line_id, amount_minor=charge.amount_minor)
        for charge in charged
        if charge.line_id not in granting and charge.amount_minor > 0
    )


def _overcharges(charged: Sequence[_Part], over_minor: int) -> tuple[UngrantedLine, ...]:
    """Return the lines that share an overcharge, each with its part of it."""
    return tuple(
        UngrantedLine(line_id=charge.line_id, amount_minor=amount_minor, is_overcharge=True)
        for charge, amount_minor in _split(over_minor, charged)
    )


def _split(amount_minor: int, parts: Sequence[_Part]) -> Iterator[tuple[_Part, int]]:
    """Yield each line with its share of an amount, if it has one. The shares add up to `amount_minor`."""
    total_minor = sum(part.amount_minor for part in parts)
    so_far_minor, split_minor = 0, 0
    for part in parts:
        so_far_minor += part.amount_minor
        split_to_minor = portion(amount_minor, share_of(so_far_minor, total_minor))
        if split_to_minor > split_minor:
            yield part, split_to_minor - split_minor
        split_minor = split_to_minor


def _origin(line: Json) -> Json | None:
    """Return the invoice and the lines that a line credits, or None."""
    origin: Json | None = (item_details(line).get("proration_details") or {}).get("credited_items")
    return origin


def _moved(notification: StripeNotification, credit: _Part, amount_minor: int) -> BalanceCredited:
    """Return the fact that an amount moved away. Of several credited lines nothing says how much of each."""
    invoice, origin = notification.source, _origin(credit.line) or {"invoice_line_items": ()}
    line_ids = [text({"line": line_id}, "line") for line_id in origin["invoice_line_items"]]
    items = [RefundedItem(line_id=line_id, amount_minor=amount_minor) for line_id in line_ids]
    return BalanceCredited(
        credit_id=f"{text(invoice, 'id')}/{credit.line_id}",
        amount_minor=amount_minor,
        currency=currency(invoice, "currency"),
        created_at=notification.at if invoice.get("created") is None else unix_time(invoice["created"]),
        at=notification.at,
        cause=notification.cause,
        items=tuple(items) if len(items) == 1 else (),
    )


def _credited_period(notification: StripeNotification, line: Json, fact: BalanceCredited) -> CreditedPeriod:
    """Return the period that a line credits a part of: its subscription's, from the line's start on."""
    subscription_id = optional_text(item_details(line), "subscription")
    if subscription_id is None:
        raise EventNotBookable(ParkReason.UNKNOWN_ORIGIN, "a proration credits what was paid before, and names nothing")
    since, until = period_of(line)
    return CreditedPeriod(
        subscription_id=notification.qualified(subscription_id), since=since, until=until, facts=(fact,)
    )


def _granted(notification: StripeNotification, charged: Sequence[_Part]) -> tuple[PaidLine, ...] | None:
    """Return the lines that grant a part of a period's credits. None: the catalogue does not say so of a product."""
    granted = []
    for charge in charged:
        line = charge.line
        amount_minor, price_id, period = whole_number(line, "amount"), price_id_of(line), period_of(line)
        product = notification.product_priced(price_id, period[0])
        if product is None:
            raise EventNotBookable(ParkReason.UNKNOWN_PRICE, f"price {excerpt(price_id)} is not in the catalogue")
        if not product.proration_grants:
            return None
        charged_in = currency(notification.source, "currency")
        credits_ = product.prorated_credits(amount_minor, charged_in)
        if credits_ is None:
            raise EventNotBookable(ParkReason.UNKNOWN_CURRENCY, f"{product.product_id} has no price in {charged_in}")
        if credits_ > 0:
            granted.append(
                PaidLine(
                    line_id=charge.line_id,
                    product_id=product.product_id,
                    credits=credits_,
                    amount_minor=charge.amount_minor,
                    expires_at=product.expires_at(notification.at, period),
                    grace_from=product.grace_from(notification.at, period),
                    period_ends_at=period[1],
                    terms=product.digest,
                )
            )
    return tuple(granted)
