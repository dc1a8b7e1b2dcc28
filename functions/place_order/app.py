"""POST /orders: what is offered and accepted is written down, then the provider makes the page on which it is paid.

POST /orders/{order_id}/consent-confirmation is for the mail service (IAM): the consent was confirmed by e-mail.
"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from ledger.api.answers import ConsentShown, OrderShown
from ledger.api.asked import ConsentConfirmed, IdempotencyKey, OrderAsked
from ledger.api.http import answers, caller, lambda_handler_of, resolver, services
from ledger.facts import OrderId
from ledger.ordering import Request, confirm_consent, place_order
from ledger.orders import Consent

app = resolver()


@app.post(
    "/orders",
    summary="Buy credits",
    tags=["Orders"],
    status_code=201,
    responses=answers(OrderShown, 403, 502, status=201),
)
def order(asked: OrderAsked, idempotency_key: IdempotencyKey) -> Response[OrderShown]:
    """Makes the order and its checkout. Send the customer to `checkout_url`; the credits come with the payment."""
    here, now = services(), services().now()
    consent = Consent(given_at=now, **asked.consent.model_dump()) if asked.consent else None
    made = place_order(
        Request(
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
    return Response(201, "application/json", OrderShown.of(made))


@app.post(
    "/orders/<order_id>/consent-confirmation",
    summary="The consent was confirmed by e-mail",
    tags=["Orders"],
    responses=answers(ConsentShown, 404, 409),
)
def confirm(order_id: Annotated[str, Path(pattern=r"^ord_[0-9a-f]{24}$")], asked: ConsentConfirmed) -> ConsentShown:
    """With request and acknowledgement it ends the right to withdraw for credits that are used."""
    confirmed = confirm_consent(OrderId(order_id), asked.confirmation_id, services().store)
    return ConsentShown(order_id=order_id, is_complete=bool(confirmed.consent and confirmed.consent.is_complete))


lambda_handler = lambda_handler_of(app)
