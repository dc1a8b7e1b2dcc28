"""POST /orders: what is offered and accepted is written down, then the provider makes the page on which it is paid.

POST /orders/{order_id}/consent-confirmation is for the mail service (IAM): the consent was confirmed by e-mail.
"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from ledger.api import validation_messages
from ledger.api.auth import caller
from ledger.api.http import documented_problems, lambda_handler_of, resolver, services
from ledger.api.requests import ConsentConfirmationRequest, IdempotencyKey, PlaceOrderRequest
from ledger.api.responses.orders import ConsentResponse, OrderResponse
from ledger.domain.ids import OrderId
from ledger.domain.orders import Consent
from ledger.usecases.place_order import OrderRequest, confirm_consent, place_order

app = resolver()


@app.post(
    "/orders",
    summary="Buy credits",
    tags=["Orders"],
    status_code=201,
    responses=documented_problems(OrderResponse, 502, status=201),
)
def order(asked: PlaceOrderRequest, idempotency_key: IdempotencyKey) -> Response[OrderResponse]:
    """Makes the order and its checkout. Send the customer to `checkout_url`; the credits come with the payment."""
    here, now = services(), services().now()
    consent = Consent(given_at=now, **asked.consent.model_dump()) if asked.consent else None
    made = place_order(
        OrderRequest(
            account_id=caller(app).account_id,
            provider=asked.provider,
            product_id=asked.product_id,
            currency=asked.currency,
            country=asked.country,
            is_business=asked.is_business,
            policy_version=asked.policy_version,
            consent=consent,
            key=idempotency_key,
            fingerprint=asked.fingerprint(),
        ),
        here.store,
        here.catalogue,
        here.gateway,
        policy_version=here.policy.version,
        success_url=here.config.success_url,
        cancel_url=here.config.cancel_url,
        now=now,
    )
    return Response(201, "application/json", OrderResponse.of(made))


@app.post(
    "/orders/<order_id>/consent-confirmation",
    summary="The consent was confirmed by e-mail",
    tags=["Orders"],
    responses=documented_problems(ConsentResponse, 404, 409),
)
def confirm(
    order_id: Annotated[str, Path(pattern=validation_messages.ORDER_ID)], asked: ConsentConfirmationRequest
) -> ConsentResponse:
    """With request and acknowledgement it ends the right to withdraw for credits that are used."""
    confirmed = confirm_consent(OrderId(order_id), asked.confirmation_id, services().store)
    return ConsentResponse(order_id=order_id, is_complete=bool(confirmed.consent and confirmed.consent.is_complete))


lambda_handler = lambda_handler_of(app)
