"""HTTP, once for every function of the API: who asks, what is refused and how, and one log line for each request.

a body that is too large               413        a field that is wrong, unknown or missing       422, naming it
not this account's, or not there       404        not as things stand (ended, decided, open)      409
too few credits                        402        suspended, or not of the support group          403
a provider refused                     502        a provider or the table did not answer          503, ask again
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)

from ledger.api.answers import Answer, FieldProblem, Problem
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
from ledger.runtime import Runtime, runtime

MAX_BODY_BYTES = 64 * 1024
"""More than any request of ours needs; a body is measured before anything else is done with it."""

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
    model: type[Answer], *problems: int, status: int = 200, media_type: str = "application/json"
) -> dict[int, Any]:
    """What a route answers, for its description: this, or one of these problem documents."""
    told: dict[int, Any] = {
        status: {"description": HTTPStatus(status).phrase, "content": {media_type: {"model": model}}}
    }
    for problem_status in (*problems, 413, 422, 503):
        content = {PROBLEM_JSON: {"model": Problem}}
        told[problem_status] = {"description": HTTPStatus(problem_status).phrase, "content": content}
    return told


def resolver() -> APIGatewayHttpResolver:
    """Routes whose requests and answers are checked by their types, with every refusal as a problem document."""
    app = APIGatewayHttpResolver(enable_validation=True)
    app.use(middlewares=[_refuse_unknown_parameters])

    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(RequestUnsupportedContentType)(_unsupported)
    app.exception_handler(BillingError)(_problem_of)
    app.not_found(_no_route)
    return app


def lambda_handler_of(app: APIGatewayHttpResolver) -> Handler:
    """The function's entry point."""

    def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
        """Answer one request. One log line, whatever the outcome; what nobody foresaw is a 500, and logged whole."""
        services = runtime()
        try:
            if len(event.get("body") or "") > MAX_BODY_BYTES * (4 / 3 if event.get("isBase64Encoded") else 1):
                answer = _answer(problem(413, "too-large", f"A body may have {MAX_BODY_BYTES} bytes."))
            else:
                answer = app.resolve(event, context)  # type: ignore[arg-type]
        except Exception:
            services.logger.exception("unforeseen", extra={"route": event.get("routeKey")})
            services.metrics.add_metric("UnforeseenErrors", "Count", 1)
            answer = _answer(problem(500, "unforeseen", "This is our mistake. Nothing was done by half; ask again."))
        finally:
            services.publish_metrics()
        services.logger.info("answered", extra={"route": event.get("routeKey"), "status": answer["statusCode"]})
        return answer

    return lambda_handler


def caller(app: APIGatewayHttpResolver) -> Caller:
    """Who asks. Raises Forbidden if the token names nobody."""
    authorizer = app.current_event.raw_event.get("requestContext", {}).get("authorizer") or {}
    claims = (authorizer.get("jwt") or {}).get("claims") or {}
    subject = claims.get("sub") or ""
    if not 0 < len(subject) <= 200:
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
    found = [FieldProblem(field=".".join(map(str, item["loc"])), message=_said(item)) for item in error.errors()]
    detail = "; ".join(f"{wrong.field}: {wrong.message}" for wrong in found[:3])
    return problem(422, "invalid-request", detail, errors=found[:20])


def _unsupported(_: RequestUnsupportedContentType) -> Response[Any]:
    return problem(415, "unsupported-media-type", "Send the body as application/json.")


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
            return problem(503, "unavailable", "This could not be stored now. Nothing was done; ask again.")
        case ConfigurationError():
            raise error
    raise error


def _refuse_unknown_parameters(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
    """A query parameter that no route knows is a mistake, and is told as one."""
    known = {parameter.alias for parameter in app.context["_route"].dependant.query_params}
    unknown = sorted(app.current_event.query_string_parameters.keys() - known)
    if unknown:
        found = [FieldProblem(field=f"query.{name}", message="There is no such parameter.") for name in unknown]
        return problem(422, "invalid-request", f"query.{unknown[0]}: there is no such parameter.", errors=found)
    return next_middleware(app)


def _said(item: Mapping[str, Any]) -> str:
    if item["type"] == "extra_forbidden":
        return "There is no such field: remove it or correct its name."
    return str(item["msg"])


def _listed(claim: object) -> frozenset[str]:
    """A claim that holds several texts: API Gateway hands a list on as `[a b]`."""
    if isinstance(claim, list):
        return frozenset(map(str, claim))
    return frozenset(str(claim or "").strip("[]").replace(",", " ").split())


def _answer(response: Response[Any]) -> dict[str, Any]:
    return {
        "statusCode": response.status_code,
        "headers": {"content-type": PROBLEM_JSON},
        "body": response.body,
        "isBase64Encoded": False,
    }
