"""The parameters of a call, and the lookups that all endpoints share."""

import json
from datetime import datetime

from tools.simulators.common.account import Json
from tools.simulators.common.server import Request
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.paddle.errors import PaddleError, invalid


class Parameters:
    """The parameters of one params."""

    def __init__(self, request: Request) -> None:
        self.path = request.path
        self.query = dict(request.query)
        try:
            values = json.loads(request.body) if request.body else {}
        except ValueError as error:
            raise PaddleError("bad_request", "The body is not JSON.") from error
        if not isinstance(values, dict):
            raise PaddleError("bad_request", "The body is not a JSON object.")
        self.body: Json = values

    def allow(self, names: str) -> None:
        """Refuse all other fields of the body."""
        unknown = sorted(self.body.keys() - set(names.split()))
        if unknown:
            raise invalid(*((name, "unknown, or not supported by this simulator") for name in unknown))

    def listed(self, name: str) -> set[str]:
        """Return the values of a filter. An empty set accepts everything."""
        return set(filter(None, self.query.get(name, "").split(",")))


def stored(among: dict[str, Json], entity_id: str) -> Json:
    """Return an object by its id. Raise the provider's 404 if it does not exist."""
    if entity_id not in among:
        raise PaddleError("not_found", f"Entity {entity_id} not found", status=404)
    return among[entity_id]


def require_customer(account: PaddleAccount, customer_id: str) -> None:
    """Raise the provider's error if there is no such customer."""
    if customer_id not in account.customers:
        raise PaddleError("not_found", f"Entity {customer_id} not found", status=404)


def compares(at: str, comparator: str | None, bound: str) -> bool:
    """Return whether a time has this relation to a bound; without a comparator, whether both are equal."""
    left, right = datetime.fromisoformat(at), datetime.fromisoformat(bound)
    kinds = {"LT": left < right, "LTE": left <= right, "GT": left > right, "GTE": left >= right, None: left == right}
    return kinds[comparator]
