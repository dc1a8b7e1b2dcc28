"""Orders, what became of them, and their consent."""

from datetime import date, datetime
from enum import StrEnum

from pydantic import Field

from ledger.api.responses.model import WITHDRAWAL_PAGE, Money, ResponseModel
from ledger.domain.catalogue import ProductKind
from ledger.domain.ids import PaymentId
from ledger.domain.orders import Consent, MissingConsent, Order, RenewalConsent, ShownInformation


class OrderResponse(ResponseModel):
    """An order, and the URL of its checkout."""

    order_id: str
    product_id: str
    price: Money = Field(description="Before tax and discount.")
    provider: str
    made_at: datetime
    checkout_url: str

    @classmethod
    def of(cls, order: Order) -> "OrderResponse":
        """Return an order whose checkout exists."""
        if order.checkout is None or order.checkout.url is None:
            raise ValueError("an order is shown once its checkout is made")
        return cls(
            order_id=order.order_id,
            product_id=order.product_id,
            price=Money(amount_minor=order.price_minor, currency=order.currency),
            provider=order.provider,
            made_at=order.made_at,
            checkout_url=order.checkout.url,
        )


class FirstChargeResponse(ResponseModel):
    """The first charge after a trial."""

    amount: Money = Field(description="Tax included.")
    charged_on: date = Field(description="The day, in UTC.")


class RenewalTermsResponse(ResponseModel):
    """The renewals of a plan."""

    amount: Money = Field(description="Of each, tax included.")
    every_months: int
    first_on: date = Field(description="The day, in UTC, of the first charge after the order.")


class ShownResponse(ResponseModel):
    """What the buyer was shown before the order, as the page has reported it."""

    at: datetime
    text_version: str = Field(description="Of the text about the right of withdrawal.")
    language: str
    button_label: str | None = Field(description="On the button that placed the order. null: not recorded.")
    total: Money | None = Field(description="The price, tax included. null: not recorded.")
    first_charge: FirstChargeResponse | None = Field(description="Of a trial. null: not recorded.")
    renewal: RenewalTermsResponse | None = Field(description="Of a plan. null: not recorded.")

    @classmethod
    def of(cls, shown: ShownInformation, currency: str) -> "ShownResponse":
        """Return what was shown. `currency` is the order's."""

        def money(amount_minor: int) -> Money:
            return Money(amount_minor=amount_minor, currency=currency)

        charge, renewal = shown.first_charge, shown.renewal
        return cls(
            at=shown.at,
            text_version=shown.text_version,
            language=shown.language,
            button_label=shown.button_label,
            total=None if shown.total_minor is None else money(shown.total_minor),
            first_charge=FirstChargeResponse(amount=money(charge[0]), charged_on=charge[1]) if charge else None,
            renewal=RenewalTermsResponse(
                amount=money(renewal.amount_minor), every_months=renewal.every_months, first_on=renewal.first_on
            )
            if renewal
            else None,
        )


class RenewalConsentResponse(ResponseModel):
    """The buyer's consent to the renewal terms of a plan."""

    given_at: datetime
    text_version: str
    words: str = Field(description="What the buyer agreed to, word for word.")

    @classmethod
    def of(cls, consent: RenewalConsent) -> "RenewalConsentResponse":
        """Return a consent."""
        return cls(given_at=consent.given_at, text_version=consent.text_version, words=consent.words)


class OrderState(StrEnum):
    """What became of an order."""

    PLACED = "placed"  # its checkout was not created: repeat `POST /orders` with its Idempotency-Key
    AWAITING_PAYMENT = "awaiting_payment"  # no payment was reported: it is not paid, or the bank takes days
    PAID = "paid"


class PlacedOrderResponse(ResponseModel):
    """An order, and what became of it."""

    order_id: str
    product_id: str
    price: Money = Field(description="Before tax and discount.")
    provider: str
    made_at: datetime
    policy_version: str = Field(description="Of the refund policy under which it was sold: `GET /policy/{version}`.")
    has_consent: bool = Field(description="The customer asked to begin at once, and knows what that ends.")
    is_consent_confirmed: bool = Field(description="The consent was confirmed by e-mail.")
    missing_consent: MissingConsent | None = Field(
        description="What the consent still needs. consent: the customer's, `POST /orders/{order_id}/consent`. "
        "confirmation: ours, by e-mail. null: it is complete."
    )
    shown: ShownResponse | None = Field(description="What the buyer was shown. null: nothing is recorded.")
    renewal_consent: RenewalConsentResponse | None = Field(
        description="To the renewal terms of a plan, apart from the other consent. null: none is recorded."
    )
    lock_days: int | None = Field(
        description="So many days after the payment the credits are locked, unless the consent is complete. null: they "
        "are not."
    )
    locked_until: datetime | None = Field(description="Its credits are locked until then. null: they are not.")
    state: OrderState
    purchase_ids: list[str] = Field(description="Its payments, as in `GET /purchases`. Two: it was paid twice.")
    checkout_url: str | None = Field(description="Where to pay, while it awaits payment.")
    withdrawal_page: str = Field(
        description="The public page to withdraw from this contract, relative to the API's address. It needs no login.",
        examples=["/withdrawal?contract=ord_0123456789abcdef01234567"],
    )

    @classmethod
    def of(
        cls, order: Order, payment_ids: tuple[PaymentId, ...], url: str | None, locked_until: datetime | None
    ) -> "PlacedOrderResponse":
        """Return an order with its payments, the original first. `url` is its checkout's."""
        consent = order.consent
        is_placed = OrderState.AWAITING_PAYMENT if order.checkout else OrderState.PLACED
        return cls(
            order_id=order.order_id,
            product_id=order.product_id,
            price=Money(amount_minor=order.price_minor, currency=order.currency),
            provider=order.provider,
            made_at=order.made_at,
            policy_version=order.policy_version,
            has_consent=consent is not None and consent.asked_to_begin and consent.acknowledged_loss,
            is_consent_confirmed=consent is not None and consent.confirmation_id is not None,
            missing_consent=order.missing_consent,
            shown=ShownResponse.of(order.shown, order.currency) if order.shown else None,
            renewal_consent=RenewalConsentResponse.of(order.renewal_consent) if order.renewal_consent else None,
            lock_days=order.terms.lock_days if order.terms else None,
            locked_until=locked_until,
            state=OrderState.PAID if payment_ids else is_placed,
            purchase_ids=list(payment_ids),
            checkout_url=None if payment_ids else url,
            withdrawal_page=f"{WITHDRAWAL_PAGE}?contract={order.order_id}",
        )


class ConsentResponse(ResponseModel):
    """The consent of an order."""

    order_id: str
    is_complete: bool = Field(description="All of it is there, and was in time: the credits are not locked.")
    missing_consent: MissingConsent | None = Field(
        description="What is still missing, as `GET /orders/{order_id}` says."
    )

    @classmethod
    def of(cls, order: Order) -> "ConsentResponse":
        """Return what is known of an order's consent."""
        is_complete = order.consent is not None and order.consent.is_complete
        return cls(order_id=order.order_id, is_complete=is_complete, missing_consent=order.missing_consent)


class AgreedConsent(ResponseModel):
    """What the customer agreed to before the first use, and how it was confirmed."""

    given_at: datetime
    text_version: str
    asked_to_begin: bool
    acknowledged_loss: bool
    confirmed_at: datetime | None = Field(description="When the mail that confirms it was accepted for delivery.")
    is_complete: bool = Field(description="Whether it counts: both were said, and confirmed in time.")
    is_confirmed: bool = Field(description="Whether a confirmation stands, also if it was late.")
    is_late: bool = Field(description="Confirmed after the first use, or after a withdrawal: it does not count.")
    came_back: bool = Field(description="Whether a mail that confirmed it came back.")

    @classmethod
    def of(cls, consent: Consent) -> "AgreedConsent":
        """Return a consent."""
        return cls(
            given_at=consent.given_at,
            text_version=consent.text_version,
            asked_to_begin=consent.asked_to_begin,
            acknowledged_loss=consent.acknowledged_loss,
            confirmed_at=consent.confirmed_at,
            is_complete=consent.is_complete,
            is_confirmed=consent.confirmation_id is not None,
            is_late=consent.is_late,
            came_back=bool(consent.returned_ids),
        )


class AgreedOrder(ResponseModel):
    """The order: what the customer was offered and accepted."""

    order_id: str
    placed_at: datetime
    product_id: str
    is_plan: bool = Field(description="Whether it renews. Of an order without its terms: false.")
    price: Money = Field(description="Before tax and discount.")
    country: str
    is_business: bool
    policy_version: str = Field(description="Of the refund policy that the customer accepted: `GET /policy/{version}`.")
    informed_at: datetime | None = Field(description="When the customer was informed of the right of withdrawal.")
    consent: AgreedConsent | None
    shown: ShownResponse | None = Field(description="What the customer was shown. null: nothing is recorded.")
    renewal_consent: RenewalConsentResponse | None = Field(description="To the renewal terms of a plan. null: none.")

    @classmethod
    def of(cls, order: Order) -> "AgreedOrder":
        """Return an order."""
        consent = order.consent
        return cls(
            order_id=order.order_id,
            placed_at=order.made_at,
            product_id=order.product_id,
            is_plan=order.terms is not None and order.terms.kind == ProductKind.SUBSCRIPTION,
            price=Money(amount_minor=order.price_minor, currency=order.currency),
            country=order.country,
            is_business=order.is_business,
            policy_version=order.policy_version,
            informed_at=order.informed_at,
            consent=AgreedConsent.of(consent) if consent else None,
            shown=ShownResponse.of(order.shown, order.currency) if order.shown else None,
            renewal_consent=RenewalConsentResponse.of(order.renewal_consent) if order.renewal_consent else None,
        )
