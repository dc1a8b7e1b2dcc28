"""The table from errors to problem documents."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from ledger.api.auth import Forbidden
from ledger.api.responses.problems import FieldProblem, Problem
from ledger.domain.errors import (
    AccountInDebt,
    AccountInReview,
    AccountSuspended,
    BillingError,
    CaseAlreadyOpen,
    CommitTooLarge,
    ConfigurationError,
    CreditsLocked,
    IdempotencyKeyReused,
    IncidentChanged,
    InsufficientCredits,
    InvalidBody,
    InvalidRequest,
    NotFound,
    ProviderRefused,
    ProviderUnavailable,
    RequestRefused,
    RunFailed,
    SecondPersonNeeded,
    StoreUnavailable,
    SubscriptionAlreadyRuns,
    TooManyRequests,
)

PROBLEM_JSON = "application/problem+json"
_RETRY_AFTER_S = "5"
_RENAMED = {413: "Content Too Large", 422: "Unprocessable Content"}


def name_of_status(status: int) -> str:
    """Return the name of a status, as RFC 9110 has it: Python's `http` has these since 3.13."""
    return _RENAMED.get(status) or HTTPStatus(status).phrase


def problem(status: int, name: str, detail: str, **more: Any) -> Response[Any]:
    """Return a problem document (RFC 9457). A 503 carries `retry-after`."""
    document = Problem(
        type=f"urn:imagetagger:problem:{name}", title=name_of_status(status), status=status, detail=detail, **more
    )
    headers = {"retry-after": _RETRY_AFTER_S} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(
        status_code=status,
        content_type=PROBLEM_JSON,
        body=document.model_dump_json(exclude_none=True),
        headers=headers,
    )


def problem_of(error: BillingError) -> Response[Any]:
    """Map an error to its problem document. Raise it again if it is not the caller's concern."""
    match error:
        case CreditsLocked():
            missing = {"missing": error.missing, "locked": error.locked, "withdrawn": error.withdrawn or None}
            until, orders = error.until, list(error.order_ids)
            return problem(402, "credits-locked", str(error), **missing, locked_until=until, order_ids=orders)
        case InsufficientCredits():
            return problem(402, "insufficient-credits", str(error), missing=error.missing)
        case AccountSuspended():
            return problem(403, "account-suspended", str(error), holds=list(error.holds))
        case Forbidden():
            return problem(403, "forbidden", str(error))
        case NotFound():
            return problem(404, "not-found", str(error))
        case IdempotencyKeyReused():
            return problem(422, "idempotency-key-reused", str(error))
        case RunFailed():
            return problem(409, "run-failed", str(error))
        case AccountInDebt():
            return problem(409, "account-in-debt", str(error), owed=error.owed)
        case AccountInReview():
            return problem(409, "account-in-review", str(error))
        case SubscriptionAlreadyRuns():
            return problem(409, "subscription-already-runs", str(error), subscription_id=error.subscription_id)
        case CaseAlreadyOpen():
            return problem(409, "case-open", str(error), case_id=error.case_id)
        case TooManyRequests():
            refused = problem(429, "too-many-requests", str(error))
            refused.headers["retry-after"] = str(error.retry_after_s)
            return refused
        case IncidentChanged():
            return problem(409, "incident-changed", str(error))
        case SecondPersonNeeded():
            return problem(409, "second-person-needed", str(error), proposal_id=error.proposal_id)
        case InvalidBody():
            return problem(error.status, error.code, str(error))
        case InvalidRequest():
            found = [FieldProblem(field=error.field, message=str(error))]
            return problem(422, "invalid-request", f"{error.field}: {error}", errors=found)
        case RequestRefused():
            return problem(409, "refused", str(error))
        case ProviderRefused():
            return problem(502, "provider-refused", f"The payment provider refused: {error}")
        case ProviderUnavailable():
            return problem(503, "provider-unavailable", "The payment provider did not respond. Retry the request.")
        case CommitTooLarge():
            return problem(507, "account-full", "The account has no room for this. Support was notified.")
        case StoreUnavailable():
            return problem(503, "unavailable", "The ledger did not respond. Send the same again: it is done once.")
        case ConfigurationError():
            raise error
    raise error
