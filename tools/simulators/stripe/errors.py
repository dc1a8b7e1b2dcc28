"""Stripe's errors."""

from tools.simulators.common.api import ApiError
from tools.simulators.common.server import Response


class StripeError(ApiError):
    """An error of Stripe. The Idempotency-Key keeps it only if the call was executed."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        may_retry: bool | None = None,
        is_executed: bool = False,
    ) -> None:
        error = {"code": code, "message": message, "param": param, "type": kind}
        content = {"error": {name: value for name, value in error.items() if value is not None}}
        headers = {} if may_retry is None else {"Stripe-Should-Retry": str(may_retry).lower()}
        super().__init__(message, Response(status, content, headers))
        self.is_executed = is_executed
