"""The calls of Paddle's API that we make, in front of a `PaddleAccount`. Source: developer.paddle.com/api-reference.

    POST, GET   /transactions                 GET, PATCH  …/{id}
    POST, GET   /adjustments
    GET         /events
    GET, PATCH  /subscriptions/{id}           POST …/{id}/cancel
    POST        /customers/{id}/portal-sessions

No POST is idempotent: a repeated request is executed again.
"""

import contextlib
import copy
import urllib.parse
import uuid
from collections.abc import Iterator
from typing import Unpack

from tools.simulators.common.account import AccountOptions, Json
from tools.simulators.common.api import Api, Route
from tools.simulators.common.listing import UnknownCursor, object_id, page_of
from tools.simulators.common.server import Request, Response, serving
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.paddle.endpoints import adjustments, events, subscriptions, transactions
from tools.simulators.paddle.errors import PaddleError, invalid
from tools.simulators.paddle.parameters import Parameters


class PaddleApi(Api[PaddleAccount, Parameters]):
    """Paddle's API in front of one account."""

    routes = (
        Route("POST", "/transactions", transactions.create_transaction, 201),
        Route("GET", "/transactions", transactions.list_transactions),
        Route("GET", "/transactions/([^/]+)", transactions.get_transaction),
        Route("PATCH", "/transactions/([^/]+)", transactions.update_transaction),
        Route("POST", "/adjustments", adjustments.create_adjustment, 201),
        Route("GET", "/adjustments", adjustments.list_adjustments),
        Route("GET", "/events", events.list_events),
        Route("GET", "/subscriptions/([^/]+)", subscriptions.get_subscription),
        Route("PATCH", "/subscriptions/([^/]+)", subscriptions.update_subscription),
        Route("POST", "/subscriptions/([^/]+)/cancel", subscriptions.cancel_subscription),
        Route("POST", "/customers/([^/]+)/portal-sessions", subscriptions.create_portal_session, 201),
    )

    def _parameters(self, request: Request) -> Parameters:
        return Parameters(request)

    def _response(self, parameters: Parameters, status: int, content: Json | list[Json]) -> Response:
        """Return one entity, or one page of a list."""
        meta: Json = {"request_id": str(uuid.uuid4())}
        if isinstance(content, dict):
            return Response(status, {"data": copy.deepcopy(content), "meta": meta})
        page, meta["pagination"] = self._page(parameters, content)
        return Response(status, {"data": copy.deepcopy(page), "meta": meta})

    def _page(self, parameters: Parameters, entities: list[Json]) -> tuple[list[Json], Json]:
        """Return a page in the requested order and size, and its description."""
        per_page, after = parameters.query.get("per_page", "50"), parameters.query.get("after")
        if not per_page.isdecimal() or not 1 <= int(per_page) <= 200:
            raise invalid(("per_page", "must be between 1 and 200"))
        field, _, direction = parameters.query.get("order_by", "id[ASC]").upper().partition("[")
        if field != "ID" or direction not in {"ASC]", "DESC]"}:
            raise invalid(("order_by", "this simulator orders by id"))
        ordered = entities if direction == "ASC]" else entities[::-1]
        try:
            page, has_more = page_of(ordered, int(per_page), after=after)
        except UnknownCursor as error:
            raise invalid(("after", "is not known")) from error
        last = object_id(page[-1]) if page else after or ""
        query = urllib.parse.urlencode({**parameters.query, "per_page": per_page, "after": last})
        return page, {
            "per_page": int(per_page),
            "next": f"{self.account.url}{parameters.path}?{query}",
            "has_more": has_more,
            "estimated_total": len(ordered),
        }

    def _no_key(self, *, is_missing: bool) -> PaddleError:
        if is_missing:
            return PaddleError("authentication_missing", "Authentication header missing", status=403)
        detail = "Authentication header included, but incorrectly formatted"
        return PaddleError("authentication_malformed", detail, status=403)

    def _wrong_key(self, key: str) -> PaddleError:  # noqa: ARG002
        return PaddleError("invalid_token", "Invalid or revoked API key.", status=403)

    def _fault_error(self, kind: str) -> PaddleError:
        match kind:
            case "429":
                detail = "You've made too many requests."
                return PaddleError("too_many_requests", detail, status=429, retry_after_s=1)
            case "503":
                detail = "The service is unavailable."
                return PaddleError("service_unavailable", detail, status=503, kind="api_error")
            case _:
                detail = "An internal error occurred."
                return PaddleError("internal_error", detail, status=500, kind="api_error")

    def _unknown_route(self, request: Request) -> PaddleError:
        return PaddleError("not_found", f"{request.method} {request.path} not found", status=404)


@contextlib.contextmanager
def running(
    deliver_to: str | None = None, *, port: int = 0, **options: Unpack[AccountOptions]
) -> Iterator[PaddleAccount]:
    """Serve a Paddle account at its `url`. Deliver its events to `deliver_to`; without it events are only stored."""
    account = PaddleAccount(deliver_to=deliver_to, **options)
    with serving(account, PaddleApi(account).respond, port):
        yield account
