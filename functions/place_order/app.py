"""POST /orders: store the order's terms, then create its checkout at the provider.

POST /orders/{order_id}/consent: the customer asks to begin at once, for an order that was placed without that.
POST /orders/{order_id}/consent-confirmation is for the mail service (IAM): it has confirmed the consent by e-mail.
"""

from datetime import datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from ledger.api import validation_messages
from ledger.api.auth import accepted_languages, caller
from ledger.api.http import documented_problems, lambda_handler_of, resolver, services
from ledger.api.requests.orders import (
    ConsentConfirmationRequest,
    ConsentInput,
    GiveConsentRequest,
    InformationInput,
    PlaceOrderRequest,
)
from ledger.api.requests.parameters import IdempotencyKey
from ledger.api.responses.orders import ConsentResponse, OrderResponse
from ledger.domain.contacts import known_language
from ledger.domain.ids import OrderId
from ledger.domain.orders import Consent, RenewalConsent, RenewalTerms, ShownInformation
from ledger.policy import withdrawal
from ledger.usecases import consents
from ledger.usecases.contacts import Address
from ledger.usecases.place_order import OrderRequest, place_order
from ledger.usecases.shown_terms import PlanNeeds

app = resolver()


@app.post(
    "/orders",
    summary="Buy credits",
    tags=["Orders"],
    status_code=201,
    responses=documented_problems(OrderResponse, 409, 429, 502, status=201),
)
def create_order(request: PlaceOrderRequest, idempotency_key: IdempotencyKey) -> Response[OrderResponse]:
    """Create an order and its checkout. Redirect the customer to `checkout_url`. The payment grants the credits.

    An older checkout of the same subscription is closed: its `checkout_url` can't be paid any more.

    Where a law wants a consent to the renewal terms of a plan (`renewal_consent_countries` of the catalogue), send
    `renewal_consent`. From a day that the shop sets, a plan is refused there with 422 without it.

    Refused with 409: `subscription-already-runs` (this plan is active, in its trial or past due, at either provider, or
    was just paid for in another checkout), `account-in-debt`, and `account-in-review` (a person looks at the account
    first, because the price of used credits went back by law more than once).
    """
    here, now, person = services(), services().now(), caller(app)
    consent = Consent(given_at=now, **request.consent.model_dump()) if request.consent else None
    agreed = request.renewal_consent
    language = known_language(request.language or "", *accepted_languages(app))
    text = request.information or request.consent
    shown = _shown(text, language, now) if text else None
    lock_days = withdrawal.lock_days(now, here.policy, is_informed=shown is not None)
    placed = place_order(
        OrderRequest(
            account_id=person.account_id,
            provider=request.provider,
            product_id=request.product_id,
            currency=request.currency,
            country=request.country,
            is_business=request.is_business,
            policy_version=request.policy_version,
            consent=consent,
            shown=shown,
            renewal_consent=RenewalConsent(given_at=now, **agreed.model_dump()) if agreed else None,
            key=idempotency_key,
            fingerprint=request.fingerprint(),
            email=person.email,
            language=language,
        ),
        here.store,
        here.catalogue,
        here.gateway,
        policy_version=here.policy.version,
        success_url=here.config.success_url,
        cancel_url=here.config.cancel_url,
        now=now,
        lock_days=lock_days,
        needs=PlanNeeds(
            information=bool(lock_days),
            renewal_consent=here.policy.law.is_refused_without_renewal_consent(request.country, now.date()),
        ),
        debt_allowed=here.policy.debt_refuses_orders_above,
        is_refused_in_debt=here.config.is_order_refused_in_debt,
        limits=here.policy.request_limits,
    )
    return Response(201, "application/json", OrderResponse.of(placed))


@app.post(
    "/orders/<order_id>/consent-confirmation",
    summary="Record that the consent was confirmed by e-mail",
    tags=["Orders"],
    responses=documented_problems(ConsentResponse, 404, 409),
)
def record_consent_confirmation(
    order_id: Annotated[str, Path(pattern=validation_messages.ORDER_ID)], request: ConsentConfirmationRequest
) -> ConsentResponse:
    """Record the confirmation. With it the consent is complete, unless it is too late: the credits are unlocked."""
    here, order = services(), OrderId(order_id)
    # The mail service does not report when it wrote the message.
    confirmed = consents.confirm_consent(order, request.confirmation_id, here.store, here.now(), written_at=None)
    return ConsentResponse.of(confirmed)


@app.post(
    "/orders/<order_id>/consent",
    summary="Ask to begin at once",
    tags=["Orders"],
    responses=documented_problems(ConsentResponse, 404, 409, 429),
)
def give_consent(
    order_id: Annotated[str, Path(pattern=validation_messages.ORDER_ID)], request: GiveConsentRequest
) -> ConsentResponse:
    """Record the consent to an order that has none. Its credits are unlocked once we have confirmed it by e-mail.

    If that mail did not arrive, and your address is another one by now, send it again: the confirmation goes there.
    """
    here, now = services(), services().now()
    given = Consent(given_at=now, **request.model_dump(exclude={"language"}))
    language, person = known_language(request.language or "", *accepted_languages(app)), caller(app)
    recorded = consents.give_consent(
        person.account_id,
        OrderId(order_id),
        given,
        _shown(request, language, now),
        here.store,
        here.policy.request_limits,
        Address(person.email, language),
    )
    return ConsentResponse.of(recorded)


def _shown(text: InformationInput | ConsentInput, language: str, now: datetime) -> ShownInformation:
    """Return what the buyer was shown. A page that names no text of its own has shown that of the consent."""
    policy, page = services().policy, text if isinstance(text, InformationInput) else None
    charge, renewal = page.first_charge if page else None, page.renewal if page else None
    return ShownInformation(
        policy_version=policy.version,
        text_version=text.text_version,
        language=language,
        digest=policy.digest_of_text,
        at=now,
        first_charge_minor=charge.amount_minor if charge else None,
        first_charge_on=charge.charged_on if charge else None,
        button_label=page.button_label if page else None,
        total_minor=page.total_minor if page else None,
        renewal=RenewalTerms(**renewal.model_dump()) if renewal else None,
    )


lambda_handler = lambda_handler_of(app)
