"""HTTP, once for every function of the API: who asks, what is refused and how, and one log line for each request.

a body that is too large               413        a field that is wrong, unknown or missing       422, naming it
a body that is not JSON                415, 422   what nobody foresaw, or a wrong deployment      500, and an alarm
not this account's, or not there       404        not as things stand (ended, decided, open)      409
too few credits                        402        suspended, or not of the support group          403
a provider refused                     502        a provider or the table did not answer          503, ask again
"""

import traceback
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError, ResponseValidationError

from ledger.api.errors import PROBLEM_JSON, _problem_of, problem
from ledger.api.gateway_event import UnreadableBody, normalized, read_object, shortened
from ledger.api.responses.model import ResponseModel
from ledger.api.responses.problems import FieldProblem, Problem
from ledger.api.validation_messages import NO_SUCH_FIELD, message_for
from ledger.domain.errors import BillingError, InvalidRequest
from ledger.runtime import Runtime, runtime

Handler = Callable[[dict[str, Any], object], dict[str, Any]]


def documented_problems(
    model: type[ResponseModel],
    *problems: int,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    other: Mapping[str, Any] | None = None,
) -> dict[int, Any]:
    """What a route answers, for its description: this, or one of these problem documents.

    `headers` are those of the answer, each with what it says; `other` are other forms of it, by media type.
    """
    content = {"application/json": {"model": model}, **(other or {})}
    told: dict[int, Any] = {status: {"description": HTTPStatus(status).phrase, "content": content}}
    if headers:
        told[status]["headers"] = {
            name: {"description": words, "schema": {"type": "string"}} for name, words in headers.items()
        }
    for problem_status in sorted({*problems, 403, 413, 415, 422, 500, 503}):
        content = {PROBLEM_JSON: {"model": Problem}}
        told[problem_status] = {"description": HTTPStatus(problem_status).phrase, "content": content}
    return told


def resolver() -> APIGatewayHttpResolver:
    """Routes whose requests and answers are checked by their types, with every refusal as a problem document."""
    # An answer that is not what its type promises is our mistake: a 500, not the caller's 422.
    app = APIGatewayHttpResolver(
        enable_validation=True, response_validation_error_http_code=500, json_body_deserializer=read_object
    )
    app.use(middlewares=[_refuse_what_is_unknown])

    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(ResponseValidationError)(_invalid_response)
    app.exception_handler(BillingError)(_problem_of)
    app.not_found(_no_route)
    return app


def lambda_handler_of(app: APIGatewayHttpResolver) -> Handler:
    """The function's entry point."""

    def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
        """Answer one request. One log line, whatever the outcome; what nobody foresaw is a 500 and an alarm."""
        services = runtime()
        try:
            answer = app.resolve(normalized(event), context)  # type: ignore[arg-type]
        except (UnreadableBody, InvalidRequest) as error:
            answer = _gateway_response(_problem_of(error))
        except Exception as error:  # noqa: BLE001 - logged below, without what it may quote
            services.logger.error("unforeseen", extra={"route": event.get("routeKey"), **_error_location(error)})
            services.metrics.add_metric("UnforeseenErrors", "Count", 1)
            answer = _gateway_response(
                problem(500, "unforeseen", "This is our mistake. Nothing was done by half; ask again.")
            )
        finally:
            services.publish_metrics()
        answer["headers"] = {"cache-control": "no-store", "x-content-type-options": "nosniff", **answer["headers"]}
        services.logger.info("answered", extra={"route": event.get("routeKey"), "status": answer["statusCode"]})
        return answer

    return lambda_handler


def services() -> Runtime:
    """What the function works with."""
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


def _no_route(_: NotFoundError) -> Response[Any]:
    return problem(404, "no-such-route", "There is no such route: /openapi.json describes those that there are.")


def _refuse_what_is_unknown(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
    """A query parameter, or a body, that the route does not know is a mistake, and is told as one."""
    wanted, event = app.context["_route"].dependant, app.current_event
    known = {parameter.alias for parameter in wanted.query_params}
    parameters = sorted(event.query_string_parameters.keys() - known)
    there_is = f"there are {', '.join(sorted(known))}" if known else "there are none"
    found = [(f"query.{name}", f"There is no such parameter: {there_is}.") for name in parameters]
    if not wanted.body_params:
        found += [(f"body.{name}", NO_SUCH_FIELD) for name in event.json_body or ()]
    if found:
        errors = [FieldProblem(field=shortened(field), message=message) for field, message in found[:20]]
        return problem(422, "invalid-request", f"{errors[0].field}: {errors[0].message}", errors=errors)
    return next_middleware(app)


def _error_location(error: BaseException) -> dict[str, Any]:
    """What an error is and where it was raised. A message of others may quote what was sent: only ours are told."""
    told = {"error": type(error).__name__, "because": [type(cause).__name__ for cause in _causes(error)]}
    frames = traceback.extract_tb(error.__traceback__)
    told["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]]
    return told | {"detail": str(error)} if isinstance(error, BillingError) else told


def _causes(error: BaseException) -> Iterator[BaseException]:
    while cause := error.__cause__ or error.__context__:
        yield cause
        error = cause


def _gateway_response(response: Response[Any]) -> dict[str, Any]:
    return {
        "statusCode": response.status_code,
        "headers": {"content-type": PROBLEM_JSON, **response.headers},
        "body": response.body,
        "isBase64Encoded": False,
    }
