"""The parameters of a call, and the lookups and pages that all endpoints share."""

import re
from collections.abc import Iterable
from typing import Any

from tools.simulators.common.account import Json
from tools.simulators.common.listing import UnknownCursor, page_of
from tools.simulators.stripe.account import StripeAccount
from tools.simulators.stripe.errors import StripeError


class Parameters:
    """The parameters of one call. A parameter that the simulator does not support is refused, never ignored."""

    def __init__(self, values: Json) -> None:
        self.values = values

    def allow(self, names: str) -> None:
        for name in self.values.keys() - set(names.split()) - {"expand"}:
            message = f"Received unknown parameter: {name} (or one that this simulator does not support)"
            raise StripeError(message, code="parameter_unknown", param=name)

    def text(self, name: str) -> str:
        found = self.optional(name)
        if found is None:
            raise StripeError(f"Missing required param: {name}.", code="parameter_missing", param=name)
        return found

    def optional(self, name: str) -> str | None:
        found = self.values.get(name)
        if found is not None and not isinstance(found, str):
            raise StripeError(f"Invalid string: {name}", param=name)
        return found or None

    def whole(self, name: str, default: int | None = None) -> int | None:
        found = self.optional(name)
        if found is None:
            return default
        if not re.fullmatch(r"-?[0-9]{1,12}", found):
            raise StripeError(f"Invalid integer: {found}", code="parameter_invalid_integer", param=name)
        return int(found)

    def is_true(self, name: str) -> bool | None:
        found = self.optional(name)
        if found not in {None, "true", "false"}:
            raise StripeError(f"Invalid boolean: {found}", param=name)
        return None if found is None else found == "true"

    def object(self, name: str, allowed: str = "") -> Json:
        found = self.values.get(name) or {}
        if not isinstance(found, dict):
            raise StripeError(f"Invalid object: {name}", param=name)
        for inner in found.keys() - set(allowed.split()) if allowed else ():
            message = f"Received unknown parameter: {name}[{inner}] (or one that this simulator does not support)"
            raise StripeError(message, code="parameter_unknown", param=f"{name}[{inner}]")
        return found

    def metadata(self, values: Json | None = None, where: str = "metadata") -> Json:
        """Return metadata: up to 50 texts of at most 500 characters, with keys of at most 40."""
        found = self.object("metadata") if values is None else Parameters(values).object("metadata")
        if len(found) > 50:
            raise StripeError("Metadata can have up to 50 keys.", param=where)
        for name, value in found.items():
            if not isinstance(value, str) or len(name) > 40 or len(value) > 500:
                raise StripeError(f"Invalid metadata under {name}.", param=f"{where}[{name}]")
        return found


def nested(pairs: Iterable[tuple[str, str]]) -> Json:
    """Parse form fields like `line_items[0][price]` into objects and lists."""
    found: Json = {}
    for name, value in pairs:
        path = [part for part in re.split(r"[\[\]]+", name) if part]
        if name.endswith("[]"):
            found.setdefault(path[0], {})[str(len(found[path[0]]) if path[0] in found else 0)] = value
            continue
        inside = found
        for part in path[:-1]:
            inside = inside.setdefault(part, {})
            if not isinstance(inside, dict):
                raise StripeError(f"Invalid object: {name}", param=name)
        inside[path[-1]] = value
    return {name: _as_list(value) for name, value in found.items()}


def _as_list(value: Any) -> Any:
    """Convert an object whose names are all numbers into a list."""
    if not isinstance(value, dict):
        return value
    inner = {name: _as_list(item) for name, item in value.items()}
    return list(inner.values()) if inner and all(name.isdecimal() for name in inner) else inner


def stored(among: dict[str, Json], object_id: str, kind: str) -> Json:
    """Return an object by its id. Raise the provider's 404 if it does not exist."""
    if object_id not in among:
        raise StripeError(f"No such {kind}: '{object_id}'", status=404, code="resource_missing", param="id")
    return among[object_id]


def require_customer(account: StripeAccount, customer: str) -> None:
    """Raise the provider's error if there is no such customer."""
    if customer not in account.customers:
        raise StripeError(f"No such customer: '{customer}'", code="resource_missing", param="customer")


def listing(params: Parameters, objects: list[Json], url: str) -> Json:
    """Return one page of objects, the newest first."""
    limit = params.whole("limit", 10) or 0
    if not 1 <= limit <= 100:
        raise StripeError("limit must be between 1 and 100.", param="limit")
    bounds = params.object("created", "gt gte lt lte")
    for bound in bounds:
        at = Parameters(bounds).whole(bound) or 0
        compare = {"gt": int.__gt__, "gte": int.__ge__, "lt": int.__lt__, "lte": int.__le__}[bound]
        objects = [item for item in objects if compare(item["created"], at)]
    after, before = params.optional("starting_after"), params.optional("ending_before")
    try:
        page, has_more = page_of(objects[::-1], limit, after=after, before=before)
    except UnknownCursor as error:
        raise StripeError(f"No such object: '{error}'", code="resource_missing") from error
    return {"object": "list", "data": page, "has_more": has_more, "url": url}
