"""What both APIs do with a call: authenticate it, apply its fault, find its route, and return the response."""

import base64
import contextlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from tools.simulators.common.account import Account
from tools.simulators.common.faults import Fault
from tools.simulators.common.server import Request, Response

AccountT = TypeVar("AccountT", bound=Account)
ParametersT = TypeVar("ParametersT")

BEFORE_EXECUTION = frozenset({"429", "503"})
"""The faults that refuse a call before it is executed."""


class ApiError(Exception):
    """An error of the API. It carries the response."""

    def __init__(self, message: str, response: Response) -> None:
        super().__init__(message)
        self.response = response


@dataclass(frozen=True, slots=True)
class Route:
    """One call of the API. Each group of the path's pattern is an argument of the endpoint."""

    method: str
    path: str
    endpoint: Callable[..., Any]  # (account, parameters, *ids) → content
    status: int = 200


class Api(ABC, Generic[AccountT, ParametersT]):
    """The API in front of one account."""

    routes: ClassVar[Sequence[Route]]
    schemes: ClassVar[frozenset[str]] = frozenset({"Bearer"})

    def __init__(self, account: AccountT) -> None:
        self.account = account

    def respond(self, request: Request, fault: Fault | None) -> Response:
        """Return the response to one call, which has this fault if any."""
        try:
            self._authenticate(request)
            if fault and fault.kind in BEFORE_EXECUTION:
                raise self._fault_error(fault.kind)
            return self._respond_authenticated(request, fault)
        except ApiError as error:
            return error.response

    def _respond_authenticated(self, request: Request, fault: Fault | None) -> Response:
        return self._execute(request, fault)

    def _execute(self, request: Request, fault: Fault | None) -> Response:
        """Carry out a call under the account's lock."""
        if fault and fault.kind == "500":
            raise self._fault_error(fault.kind)
        if fault and fault.kind == "slow":
            self.account.faults.pause(fault.seconds)
        parameters = self._parameters(request)
        for route in self.routes:
            if route.method == request.method and (match := re.fullmatch(route.path, request.path)):
                with self.account.lock:
                    content = route.endpoint(self.account, parameters, *match.groups())
                    return self._response(parameters, route.status, content)
        raise self._unknown_route(request)

    def _authenticate(self, request: Request) -> None:
        header = request.headers.get("authorization")
        scheme, _, key = (header or "").partition(" ")
        if scheme == "Basic" and scheme in self.schemes:  # `curl -u key:` sends the key as the user
            with contextlib.suppress(ValueError):
                key = base64.b64decode(key).decode().partition(":")[0]
        if scheme not in self.schemes or not key:
            raise self._no_key(is_missing=header is None)
        if key != self.account.api_key:
            raise self._wrong_key(key)

    @abstractmethod
    def _parameters(self, request: Request) -> ParametersT: ...

    @abstractmethod
    def _response(self, parameters: ParametersT, status: int, content: Any) -> Response:
        """Return a response with a copy of the content."""

    @abstractmethod
    def _no_key(self, *, is_missing: bool) -> ApiError: ...

    @abstractmethod
    def _wrong_key(self, key: str) -> ApiError: ...

    @abstractmethod
    def _fault_error(self, kind: str) -> ApiError:
        """Return the provider's error for a fault: 429, 503 or 500."""

    @abstractmethod
    def _unknown_route(self, request: Request) -> ApiError: ...
