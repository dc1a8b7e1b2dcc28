"""HTTP for every function of the API: validation, problem documents, and one log line for each request.

body too large                         413        a field is wrong, unknown or missing            422, names the field
body is not JSON                       415, 422   unexpected error, or wrong configuration        500, and an alarm
not found, or of another account       404        conflict with the current state                 409
too few credits                        402        suspended, or not in the support group          403
as many requests as an account may     429, Retry-After
a provider refused                     502        a provider or the table did not respond         503, retry
"""

import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError, ResponseValidationError
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from ledger.api.errors import PROBLEM_JSON, name_of_status, problem, problem_of
from ledger.api.gateway_event import normalized, read_object, shortened
from ledger.api.responses.model import ResponseModel
from ledger.api.responses.problems import FieldProblem, Problem
from ledger.api.validation_messages import NO_SUCH_FIELD, message_for
from ledger.domain.errors import BillingError, CommitTooLarge, InvalidBody, InvalidRequest
from ledger.runtime import Runtime, runtime

Handler = Callable[[dict[str, Any], object], dict[str, Any]]


def documented_problems(
    model: type[ResponseModel] | None,
    *problems: int,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    other: Mapping[str, Any] | None = None,
) -> dict[int, Any]:
    """Return a route's responses for its OpenAPI description: the success, and the problem documents.

    `headers` are the success response's headers with their descriptions. `other` are media types other than JSON;
    `model` is None if it has no JSON.
    """
    content = {**({"application/json": {"model": model}} if model else {}), **(other or {})}
    documented: dict[int, Any] = {status: {"description": name_of_status(status), "content": content}}
    if headers:
        documented[status]["headers"] = {
            name: {"description": description, "schema": {"type": "string"}} for name, description in headers.items()
        }
    for problem_status in sorted({*problems, 403, 413, 415, 422, 500, 503}):
        content = {PROBLEM_JSON: {"model": Problem}}
        documented[problem_status] = {"description": name_of_status(problem_status), "content": content}
    return documented


def resolver() -> APIGatewayHttpResolver:
    """Return a resolver that validates requests and responses by their types, and reports problem documents."""
    # A response that does not match its type is our fault: 500, not the caller's 422.
    app = APIGatewayHttpResolver(
        enable_validation=True, response_validation_error_http_code=500, json_body_deserializer=read_object
    )
    app.use(middlewares=[_reject_unknown_input])
    # It logs an unexpected error with its message, which may quote the request. We log the error ourselves, without.
    logging.getLogger("aws_lambda_powertools.event_handler.api_gateway").disabled = True

    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(ResponseValidationError)(_invalid_response)
    app.exception_handler(BillingError)(problem_of)
    app.exception_handler(CommitTooLarge)(_too_large)
    app.not_found(_no_route)
    return app


def routes() -> APIGatewayHttpRouter:
    """Return an empty collection of routes, which a function's resolver includes."""
    return APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


def lambda_handler_of(app: APIGatewayHttpResolver) -> Handler:
    """Return the function's entry point."""

    def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
        """Handle one request. Write one log line; an unexpected error is a 500 and raises an alarm."""
        services = runtime()
        try:
            response = app.resolve(normalized(event), context)  # type: ignore[arg-type]
        except (InvalidBody, InvalidRequest) as error:
            response = _gateway_response(problem_of(error))
        except Exception as error:  # noqa: BLE001 - logged below, without its message, which may quote the request
            services.logger.error("unexpected error", extra={**_request_ids(event), **_error_location(error)})
            services.metrics.add_metric("UnforeseenErrors", "Count", 1)
            response = _gateway_response(
                problem(500, "unforeseen", "An unexpected error occurred. Nothing was half done. Retry the request.")
            )
        finally:
            services.publish_metrics()
        response["headers"] = {"cache-control": "no-store", "x-content-type-options": "nosniff", **response["headers"]}
        services.logger.info("answered", extra={**_request_ids(event), "status": response["statusCode"]})
        return response

    return lambda_handler


def services() -> Runtime:
    """Return the process's runtime."""
    return runtime()


def _invalid(error: RequestValidationError) -> Response[Any]:
    found = [
        FieldProblem(field=".".join(shortened(str(part)) for part in item["loc"]), message=message_for(item))
        for item in error.errors()[:20]
    ]
    detail = "; ".join(f"{wrong.field}: {wrong.message}" for wrong in found[:3])
    return problem(422, "invalid-request", detail, errors=found)


def _invalid_response(error: ResponseValidationError) -> Response[Any]:
    raise error


def _too_large(error: CommitTooLarge) -> Response[Any]:
    """Log which account is full: a 5xx raises an alarm, and its reader must find the account."""
    services().logger.error("account full", extra={"detail": str(error)})
    return problem_of(error)


def _no_route(_: NotFoundError) -> Response[Any]:
    return problem(404, "no-such-route", "There is no such route. /openapi.json describes all routes.")


def _reject_unknown_input(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
    """Reject query parameters and body fields that the route does not define: 422, naming each."""
    wanted, event = app.context["_route"].dependant, app.current_event
    known = {parameter.alias for parameter in wanted.query_params}
    parameters = sorted(event.query_string_parameters.keys() - known)
    allowed = f"The parameters are {', '.join(sorted(known))}" if known else "This route has no parameters"
    found = [(f"query.{name}", f"There is no such parameter. {allowed}.") for name in parameters]
    if not wanted.body_params:
        found += [(f"body.{name}", NO_SUCH_FIELD) for name in event.json_body or ()]
    if found:
        errors = [FieldProblem(field=shortened(field), message=message) for field, message in found[:20]]
        return problem(422, "invalid-request", f"{errors[0].field}: {errors[0].message}", errors=errors)
    return next_middleware(app)


def _request_ids(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what finds a request again: its route, its id in the access log, and the account that made it."""
    context = event.get("requestContext") or {}
    claims = ((context.get("authorizer") or {}).get("jwt") or {}).get("claims") or {}
    ids = {"request_id": context.get("requestId"), "account_id": claims.get("sub")}
    return {"route": event.get("routeKey"), **{name: found for name, found in ids.items() if found}}


def _error_location(error: BaseException) -> dict[str, Any]:
    """Return the error's type, causes and stack for the log.

    A third-party message may quote the request, so only the messages of our own errors are included.
    """
    frames = traceback.extract_tb(error.__traceback__)
    location = {
        "error": type(error).__name__,
        "because": [type(cause).__name__ for cause in _causes(error)],
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    }
    return location | {"detail": str(error)} if isinstance(error, BillingError) else location


def _causes(error: BaseException) -> Iterator[BaseException]:
    while cause := error.__cause__ or error.__context__:
        yield cause
        error = cause


def _gateway_response(response: Response[Any]) -> dict[str, Any]:
    return {
        "statusCode": response.status_code,
        "headers": response.headers,
        "body": response.body,
        "isBase64Encoded": False,
    }
