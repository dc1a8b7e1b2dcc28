"""The calls of Stripe's API that we make, in front of a `StripeAccount`. Source: docs.stripe.com/api.

POST, GET   /v1/checkout/sessions            GET  …/{id}    POST …/{id}/expire
POST, GET   /v1/refunds                      GET  …/{id}
POST        /v1/billing_portal/sessions
GET, POST, DELETE  /v1/subscriptions/{id}
GET         /v1/invoice_payments             GET  …/{id}
GET         /v1/events                       GET  …/{id}
GET         /v1/invoices/{id}  /v1/charges/{id}  /v1/disputes/{id}
"""

import contextlib
import copy
import json
import urllib.parse
from collections.abc import Iterator
from typing import Unpack

from tools.simulators.common.account import AccountOptions, Json
from tools.simulators.common.api import Api, Route
from tools.simulators.common.faults import Fault
from tools.simulators.common.idempotency import KeyInUse, KeyReused
from tools.simulators.common.ids import stripe_id
from tools.simulators.common.server import Request, Response, serving
from tools.simulators.stripe.account import StripeAccount
from tools.simulators.stripe.endpoints import checkout_sessions, reads, refunds, subscriptions
from tools.simulators.stripe.errors import StripeError
from tools.simulators.stripe.parameters import Parameters, nested


class StripeApi(Api[StripeAccount, Parameters]):
    """Stripe's API in front of one account."""

    schemes = frozenset({"Bearer", "Basic"})
    routes = (
        Route("POST", "/v1/checkout/sessions", checkout_sessions.create_session),
        Route("GET", "/v1/checkout/sessions", checkout_sessions.list_sessions),
        Route("GET", "/v1/checkout/sessions/([^/]+)", checkout_sessions.get_session),
        Route("POST", "/v1/checkout/sessions/([^/]+)/expire", checkout_sessions.expire_session),
        Route("POST", "/v1/refunds", refunds.create_refund),
        Route("GET", "/v1/refunds", refunds.list_refunds),
        Route("GET", "/v1/refunds/([^/]+)", refunds.get_refund),
        Route("POST", "/v1/billing_portal/sessions", subscriptions.create_portal_session),
        Route("GET", "/v1/subscriptions/([^/]+)", subscriptions.get_subscription),
        Route("POST", "/v1/subscriptions/([^/]+)", subscriptions.update_subscription),
        Route("DELETE", "/v1/subscriptions/([^/]+)", subscriptions.cancel_subscription),
        Route("GET", "/v1/invoice_payments", reads.list_invoice_payments),
        Route("GET", "/v1/invoice_payments/([^/]+)", reads.reader("invoice_payments", "invoice_payment")),
        Route("GET", "/v1/events", reads.list_events),
        Route("GET", "/v1/events/([^/]+)", reads.get_event),
        Route("GET", "/v1/invoices/([^/]+)", reads.reader("invoices", "invoice")),
        Route("GET", "/v1/charges/([^/]+)", reads.reader("charges", "charge")),
        Route("GET", "/v1/disputes/([^/]+)", reads.reader("disputes", "dispute")),
    )

    def respond(self, request: Request, fault: Fault | None) -> Response:
        """Return the response to one call, with its Request-Id."""
        request_id = stripe_id("req_", 18)
        response = super().respond(request, fault)
        return Response(response.status, response.content, {"Request-Id": request_id, **response.headers})

    def _respond_authenticated(self, request: Request, fault: Fault | None) -> Response:
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        return self._execute_once(key, request, fault) if key else self._execute(request, fault)

    def _execute_once(self, key: str, request: Request, fault: Fault | None) -> Response:
        """Execute a call whose key is new. Otherwise return the response that the key has."""
        if len(key) > 255:
            raise StripeError("Idempotency keys can be at most 255 characters long.")
        body = json.dumps(sorted(urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True)))
        try:
            before = self.account.keys.begin(key, (request.method, request.path, body))
        except KeyInUse as problem:
            message = f"There is currently another in-progress request using this Idempotent Key: {key}."
            raise StripeError(message, status=409, code="idempotency_key_in_use") from problem
        except KeyReused as problem:
            same = "parameters they were" if problem.is_same_path else f"endpoint ('{problem.first_path}') they were"
            message = f"Keys for idempotent requests can only be used with the same {same} first used with: '{key}'."
            raise StripeError(message, kind="idempotency_error") from problem
        if before:
            return Response(before.status, before.content, {**before.headers, "Idempotent-Replayed": "true"})
        stored: Response | None = None
        try:
            response = stored = self._execute(request, fault)
        except StripeError as error:
            response, stored = error.response, error.response if error.is_executed else None
        finally:
            self.account.keys.complete(key, stored)
        return response

    def _parameters(self, request: Request) -> Parameters:
        body = urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True)
        return Parameters(nested([*request.query, *body]))

    def _response(self, parameters: Parameters, status: int, content: Json) -> Response:  # noqa: ARG002
        return Response(status, copy.deepcopy(content))

    def _no_key(self, *, is_missing: bool) -> StripeError:  # noqa: ARG002
        return StripeError("You did not provide an API key.", status=401)

    def _wrong_key(self, key: str) -> StripeError:
        return StripeError(f"Invalid API Key provided: {key[:7]}***{key[-4:]}", status=401)

    def _fault_error(self, kind: str) -> StripeError:
        match kind:
            case "429":
                return StripeError("Too many requests hit the API too quickly.", status=429, code="rate_limit")
            case "503":
                return StripeError("The service is unavailable for the moment.", status=503, kind="api_error")
            case _:
                message = "Something went wrong on Stripe's end."
                return StripeError(message, status=500, kind="api_error", is_executed=True)

    def _unknown_route(self, request: Request) -> StripeError:
        return StripeError(f"Unrecognized request URL ({request.method}: {request.path}).", status=404)


@contextlib.contextmanager
def running(
    deliver_to: str | None = None, *, port: int = 0, **options: Unpack[AccountOptions]
) -> Iterator[StripeAccount]:
    """Serve a Stripe account at its `url`. Deliver its events to `deliver_to`; without it events are only stored."""
    account = StripeAccount(deliver_to=deliver_to, **options)
    with serving(account, StripeApi(account).respond, port):
        yield account
