"""HTTP, once for every function of the API: who asks, what is refused and how, and one log line for each request.

a body that is too large               413        a field that is wrong, unknown or missing       422, naming it
a body that is not JSON                415, 422   what nobody foresaw, or a wrong deployment      500, and an alarm
not this account's, or not there       404        not as things stand (ended, decided, open)      409
too few credits                        402        suspended, or not of the support group          403
a provider refused                     502        a provider or the table did not answer          503, ask again
"""

import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError, ResponseValidationError

from ledger.api.answers import Answer, FieldProblem, Problem
from ledger.api.incoming import Unreadable, read_object, readable, shortened
from ledger.api.wording import NO_SUCH_FIELD, said
from ledger.errors import (
    AccountSuspended,
    AlreadyAsked,
    BillingError,
    ConfigurationError,
    InsufficientCredits,
    Invalid,
    NotFound,
    ProviderRefused,
    ProviderUnavailable,
    Refused,
    StoreUnavailable,
)
from ledger.facts import AccountId
from ledger.providers.reading import is_text
from ledger.runtime import Runtime, runtime

PROBLEM_JSON = "application/problem+json"
_RETRY_AFTER_S = "5"

Handler = Callable[[dict[str, Any], object], dict[str, Any]]


class Forbidden(BillingError):
    """The token is genuine, but its holder may not do this."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, by the token that API Gateway has verified. No request names another account."""

    account_id: AccountId
    email: str | None
    groups: frozenset[str]


def answers(
    model: type[Answer],
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
    app.exception_handler(ResponseValidationError)(_ours)
    app.exception_handler(BillingError)(_problem_of)
    app.not_found(_no_route)
    return app


def lambda_handler_of(app: APIGatewayHttpResolver) -> Handler:
    """The function's entry point."""

    def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
        """Answer one request. One log line, whatever the outcome; what nobody foresaw is a 500 and an alarm."""
        services = runtime()
        try:
            answer = app.resolve(readable(event), context)  # type: ignore[arg-type]
        except (Unreadable, Invalid) as error:
            answer = _answer(_problem_of(error))
        except Exception as error:  # noqa: BLE001 - logged below, without what it may quote
            services.logger.error("unforeseen", extra={"route": event.get("routeKey"), **_where(error)})
            services.metrics.add_metric("UnforeseenErrors", "Count", 1)
            answer = _answer(problem(500, "unforeseen", "This is our mistake. Nothing was done by half; ask again."))
        finally:
            services.publish_metrics()
        answer["headers"] = {"cache-control": "no-store", "x-content-type-options": "nosniff", **answer["headers"]}
        services.logger.info("answered", extra={"route": event.get("routeKey"), "status": answer["statusCode"]})
        return answer

    return lambda_handler


def caller(app: APIGatewayHttpResolver) -> Caller:
    """Who asks. Raises Forbidden if the token names nobody."""
    authorizer = app.current_event.raw_event.get("requestContext", {}).get("authorizer") or {}
    claims = (authorizer.get("jwt") or {}).get("claims") or {}
    subject = claims.get("sub")
    if not is_text(subject) or len(subject) > 200:  # such a one could order and pay, but no payment could be booked
        raise Forbidden("The token has no subject.")
    return Caller(AccountId(subject), claims.get("email") or None, _listed(claims.get(runtime().config.groups_claim)))


def support(app: APIGatewayHttpResolver) -> Caller:
    """A person of support. Raises Forbidden."""
    person = caller(app)
    if runtime().config.support_group not in person.groups:
        raise Forbidden("This is for support.")
    return person


def services() -> Runtime:
    """What the function works with."""
    return runtime()


def problem(status: int, name: str, detail: str, **more: Any) -> Response[Any]:
    """A problem document (RFC 9457)."""
    document = Problem(
        type=f"urn:imagetagger:problem:{name}", title=HTTPStatus(status).phrase, status=status, detail=detail, **more
    )
    headers = {"retry-after": _RETRY_AFTER_S} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(
        status_code=status,
        content_type=PROBLEM_JSON,
        body=document.model_dump_json(exclude_none=True),
        headers=headers,
    )


def _invalid(error: RequestValidationError) -> Response[Any]:
    found = [
        FieldProblem(field=".".join(shortened(str(part)) for part in item["loc"]), message=said(item))
        for item in error.errors()[:20]
    ]
    detail = "; ".join(f"{wrong.field}: {wrong.message}" for wrong in found[:3])
    return problem(422, "invalid-request", detail, errors=found)


def _ours(error: ResponseValidationError) -> Response[Any]:
    raise error


def _no_route(_: NotFoundError) -> Response[Any]:
    return problem(404, "no-such-route", "There is no such route: /openapi.json describes those that there are.")


def _problem_of(error: BillingError) -> Response[Any]:
    """The one table from errors to HTTP."""
    match error:
        case InsufficientCredits():
            return problem(402, "insufficient-credits", str(error), missing=error.missing)
        case AccountSuspended():
            return problem(403, "account-suspended", str(error), holds=list(error.holds))
        case Forbidden():
            return problem(403, "forbidden", str(error))
        case NotFound():
            return problem(404, "not-found", str(error))
        case AlreadyAsked(subject=None):
            return problem(422, "idempotency-key-reused", str(error))
        case AlreadyAsked():
            return problem(409, "case-open", str(error), case_id=error.subject)
        case Unreadable():
            return problem(error.status, error.name, str(error))
        case Invalid():
            found = [FieldProblem(field=error.field, message=str(error))]
            return problem(422, "invalid-request", f"{error.field}: {error}", errors=found)
        case Refused():
            return problem(409, "refused", str(error))
        case ProviderRefused():
            return problem(502, "provider-refused", f"The payment provider refused: {error}")
        case ProviderUnavailable():
            return problem(503, "provider-unavailable", "The payment provider did not answer. Ask again.")
        case StoreUnavailable():
            return problem(503, "unavailable", "The ledger did not answer. Ask the same again: it is done once.")
        case ConfigurationError():
            raise error
    raise error


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


def _where(error: BaseException) -> dict[str, Any]:
    """What an error is and where it was raised. A message of others may quote what was sent: only ours are told."""
    told = {"error": type(error).__name__, "because": [type(cause).__name__ for cause in _causes(error)]}
    frames = traceback.extract_tb(error.__traceback__)
    told["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]]
    return told | {"detail": str(error)} if isinstance(error, BillingError) else told


def _causes(error: BaseException) -> Iterator[BaseException]:
    while cause := error.__cause__ or error.__context__:
        yield cause
        error = cause


def _listed(claim: object) -> frozenset[str]:
    """A claim that holds several texts: API Gateway hands a list on as `[a b]`."""
    if isinstance(claim, list):
        return frozenset(map(str, claim))
    return frozenset(str(claim or "").strip("[]").replace(",", " ").split())


def _answer(response: Response[Any]) -> dict[str, Any]:
    return {
        "statusCode": response.status_code,
        "headers": {"content-type": PROBLEM_JSON, **response.headers},
        "body": response.body,
        "isBase64Encoded": False,
    }
