"""Paddle's errors."""

import uuid

from tools.simulators.common.account import Json
from tools.simulators.common.api import ApiError
from tools.simulators.common.server import Response


class PaddleError(ApiError):
    """An error of Paddle. `errors` names fields, each with its message."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        group: str = "shared",
        status: int = 400,
        kind: str = "request_error",
        errors: tuple[tuple[str, str], ...] = (),
        retry_after_s: int | None = None,
    ) -> None:
        error: Json = {
            "type": kind,
            "code": code,
            "detail": detail,
            "documentation_url": f"https://developer.paddle.com/errors/{group}/{code}",
        }
        if errors:
            error["errors"] = [{"field": field, "message": message} for field, message in errors]
        headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        super().__init__(detail, Response(status, {"error": error, "meta": {"request_id": str(uuid.uuid4())}}, headers))


def invalid(*errors: tuple[str, str]) -> PaddleError:
    """Return the error of a request that does not pass validation."""
    return PaddleError("invalid_field", "Request does not pass validation.", errors=errors)
