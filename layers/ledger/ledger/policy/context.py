"""What a decision about a refund may depend on: the purchase, the use of its credits, its order, and the request."""

from datetime import datetime, timedelta
from fractions import Fraction

from ledger.domain.ids import PaymentId
from ledger.domain.money import Money, portion
from ledger.domain.orders import Consent, Order
from ledger.domain.records import record
from ledger.domain.refund_cases import Decision, RefundReason
from ledger.domain.texts import Text, text


@record(frozen=True, kw_only=True)
class LineUsage:
    """One line of the payment: its price, and the state of its credits."""

    line_id: str
    amount_minor: int
    granted: int
    drawn: int  # net of what failed runs returned
    taken_back: int  # by refunds and disputes, or reserved for a pending refund

    @property
    def kept(self) -> int:
        """Credits that were not taken back, used or not."""
        return max(0, self.granted - max(0, self.taken_back))

    @property
    def unused(self) -> int:
        """Credits that were neither taken back nor used. Expired credits count as unused."""
        return max(0, self.kept - max(0, self.drawn))


@record(frozen=True, kw_only=True)
class PolicyContext:
    """Everything that a decision may depend on."""

    reason: RefundReason
    now: datetime
    paid_at: datetime
    paid_minor: int
    currency: str
    refundable_minor: int  # what can still go back to the card, less finished and pending refunds
    value_left_minor: int | None  # of what was paid, the part from a balance included; None: `refundable_minor`
    refunded_minor: int
    overcharge_minor: int
    overcharge_left_minor: int | None  # what we still have of it; None: earlier refunds returned it first
    lines: tuple[LineUsage, ...]
    is_subscription: bool
    is_renewal: bool  # a later period of a subscription
    is_plan_change: bool  # a part of a later period, because the subscription changed
    is_of_known_contract: bool  # of a later payment: the order began its subscription
    follows_trial: bool  # of a renewal: all payments before it were for a trial
    lasts_for: timedelta  # of a plan: how long the period is that it is for, from the payment on
    has_unordered_sale: bool  # beside a later period, it pays for something else, without an order
    is_duplicate: bool  # another payment is the original for this order or period
    duplicate_minor: int  # what can be refunded because all payments for the same are above one price
    doubles_subscription: bool  # a duplicate that started a second subscription
    is_disputed: bool  # a dispute of the payment is open
    is_inquired: bool  # a bank asks about the payment, and has not closed that
    order: Order | None
    billing_country: str | None  # of the buyer's address at the provider; None: unknown
    has_company_data: bool  # the provider has a tax id of a business, or the data of a company
    has_other_tax_id: bool  # the provider has a tax id, which does not show a business
    provider: str | None  # that sold it, or that we sold it through
    is_for_ordered_product: bool  # False: its order has another price, or is for another product
    similar: tuple[PaymentId, ...]  # other payments of this account for the same product and sum, close in time
    is_similar_disputed: bool  # a dispute of one of them is open
    failed_runs: int  # since the payment
    failed_credits: int
    replaced_runs: int  # of them, those whose credits an incident has replaced
    replaced_credits: int
    given_credits: int  # that a person gave instead of money for this payment before
    failed_since_decline: int  # of them, those after a person declined
    declined_before: Decision | None  # by a person, for the same purchase and reason
    submitted_at: datetime | None  # when the customer submitted the request; None: now

    @property
    def requested_at(self) -> datetime:
        """The time that counts for every time limit: the second in which it was sent, as providers count."""
        return (self.submitted_at or self.now).replace(microsecond=0)

    @property
    def starts_contract(self) -> bool:
        """Whether a new contract begins with the payment."""
        return not (self.is_renewal or self.is_plan_change)

    @property
    def countries(self) -> tuple[str, ...]:
        """The buyer's countries, by the order and by the address at the provider. Empty: there is no order."""
        if self.order is None:
            return ()
        known = dict.fromkeys((self.order.country, self.billing_country or self.order.country))
        return tuple(known)

    @property
    def ordered_product(self) -> Order | None:
        """The order, if its product and price are those of the payment."""
        return self.order if self.is_for_ordered_product else None

    @property
    def age(self) -> timedelta:
        return self.now - self.paid_at

    @property
    def drawn(self) -> int:
        return sum(max(0, line.drawn) for line in self.lines)

    @property
    def kept(self) -> int:
        return sum(line.kept for line in self.lines)

    @property
    def left_minor(self) -> int:
        """The part of the payment that can still go back. No decision refunds more."""
        return max(0, min(self.refundable_minor, self.paid_minor))

    @property
    def value_minor(self) -> int:
        """The part of the payment that we still have. What came from the buyer's balance can't go back to a card."""
        value_left_minor = self.refundable_minor if self.value_left_minor is None else self.value_left_minor
        return max(self.left_minor, min(value_left_minor, self.paid_minor))

    @property
    def is_partly_from_balance(self) -> bool:
        """Whether a part of what we still have came from the buyer's balance."""
        return self.value_minor > self.left_minor

    @property
    def excess_minor(self) -> int:
        """The part of the amount above the price that can go back. Refunds that name no line returned it first."""
        left_minor = self.overcharge_left_minor
        if left_minor is None:
            left_minor = self.overcharge_minor - (self.paid_minor - self.value_minor)
        return max(0, min(left_minor, self.left_minor))

    @property
    def unused_minor(self) -> int:
        """The part of `unused_value_minor` that can go back to the card."""
        return min(self.unused_value_minor, self.left_minor)

    @property
    def unused_after_replacement_minor(self) -> int:
        """The same, less the value of the credits that were given instead before. Their value is rounded down."""
        granted = sum(line.granted for line in self.lines)
        replaced_minor = self.paid_minor * self.given_credits // granted if granted else 0
        return max(0, self.unused_minor - replaced_minor)

    @property
    def unused_value_minor(self) -> int:
        """The value of the unused credits, plus any amount above the price.

        The unused credits have a share in the price of all credits that were not taken back. Their value is that share
        of the money that we still have, rounded down, so that no refund takes back a used credit.
        """
        if self.drawn == 0:
            return self.value_minor
        return self.excess_minor + portion(self.value_minor - self.excess_minor, self._unused_share)

    @property
    def less_used_value_minor(self) -> int:
        """The value that we still have, less the price of the used credits, which is rounded down.

        By law a customer owes for what was used, and no fraction of a cent more. A refund of this may take up to one
        cent's worth of used credits: such a refund leaves no debt.
        """
        if self.drawn == 0:
            return self.value_minor
        return self.value_minor - portion(self.value_minor - self.excess_minor, 1 - self._unused_share)

    @property
    def less_used_minor(self) -> int:
        """The part of `less_used_value_minor` that can go back to the card."""
        return min(self.less_used_value_minor, self.left_minor)

    @property
    def is_consent_complete(self) -> bool:
        """Whether used credits are paid for: the buyer was informed, asked to begin, knew what that ends, and had the
        confirmation of it, all before the first use. Else a withdrawal returns their price too.
        """
        return self._consent is not None and self._consent.is_complete

    @property
    def was_confirmation_returned(self) -> bool:
        """Whether credits were used under a confirmation that came back afterwards."""
        return self._consent is not None and self._consent.revoked_at is not None and self.drawn > 0

    @property
    def _consent(self) -> Consent | None:
        """Return the consent of the order, which names the text that informed the buyer."""
        return self.order.consent if self.order else None

    @property
    def _unused_share(self) -> Fraction:
        is_priced = any(line.amount_minor > 0 for line in self.lines)
        unused, kept = Fraction(0), Fraction(0)
        for line in self.lines:
            if line.granted > 0:
                price = Fraction(max(0, line.amount_minor), line.granted) if is_priced else Fraction(1)
                unused += price * line.unused
                kept += price * line.kept
        return unused / kept if kept else Fraction(0)


def decision_inputs(context: PolicyContext) -> tuple[Text, ...]:
    """Return the facts that a decision rests on, to store them with it."""

    def money(amount_minor: int) -> Money:
        return Money(amount_minor=amount_minor, currency=context.currency)

    inputs = [
        text("input.request", reason=context.reason, at=context.requested_at),
        text("input.paid", amount=money(context.paid_minor), at=context.paid_at),
        text("input.refunded", amount=money(context.refunded_minor)),
        text("input.refundable", amount=money(context.left_minor)),
        text(
            "input.credits",
            granted=sum(line.granted for line in context.lines),
            used=context.drawn,
            taken_back=sum(line.taken_back for line in context.lines),
        ),
        *_order_inputs(context.order),
    ]
    if context.billing_country:
        inputs.append(text("input.billing_country", country=context.billing_country))
    if context.has_company_data:
        inputs.append(text("input.company_data"))
    if context.has_other_tax_id:
        inputs.append(text("input.other_tax_id"))
    if context.overcharge_minor:
        inputs.append(text("input.overcharge", amount=money(context.overcharge_minor)))
    if context.is_subscription:
        inputs.append(_period_input(context))
    if context.is_duplicate:
        inputs.append(text("input.duplicate"))
    if context.similar:
        inputs.append(text("input.similar", payments=context.similar))
    if context.is_disputed:
        inputs.append(text("input.open_dispute"))
    if context.failed_runs:
        inputs.append(text("input.failed_runs", runs=context.failed_runs, credits=context.failed_credits))
    if context.replaced_runs:
        inputs.append(text("input.replaced_runs", runs=context.replaced_runs, credits=context.replaced_credits))
    if context.given_credits:
        inputs.append(text("input.credits_replaced", credits=context.given_credits))
    if context.declined_before:
        inputs.append(text("input.declined_before"))
    return tuple(inputs)


def _period_input(context: PolicyContext) -> Text:
    if context.is_plan_change:
        return text("input.plan_change")
    if context.follows_trial:
        return text("input.after_trial")
    return text("input.renewal") if context.is_renewal else text("input.first_payment")


def _order_inputs(order: Order | None) -> tuple[Text, ...]:
    if order is None:
        return (text("input.no_order"),)
    price = Money(amount_minor=order.price_minor, currency=order.currency)
    if order.consent is None:
        consent = text("input.consent_missing")
    elif order.consent.revoked_at:
        consent = text("input.consent_returned")
    elif order.consent.is_late:
        consent = text("input.consent_late")
    elif order.consent.is_complete:
        consent = text("input.consent_complete")
    else:
        consent = text("input.consent_incomplete")
    return (
        text("input.order", order=order.order_id, product=order.product_id, at=order.made_at),
        text("input.order_price", price=price),
        text("input.business", country=order.country)
        if order.is_business
        else text("input.consumer", country=order.country),
        consent,
        *_late_information_inputs(order),
    )


def _late_information_inputs(order: Order) -> tuple[Text, ...]:
    """Return what the mails about the right of withdrawal say that the order did not show. Empty: there are none."""
    sent = [text("input.informed_late", at=one.informed_at) for one in order.late_information if one.informed_at]
    returned = [
        text("input.information_returned", at=one.returned_at) for one in order.late_information if one.returned_at
    ]
    return (*sent, *returned)
