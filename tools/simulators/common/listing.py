"""Filters and pages of lists of objects."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

Json = dict[str, Any]


class UnknownCursor(Exception):
    """No object of the list has the id from which the page was to begin."""


def matching(objects: Iterable[Json], filters: Mapping[str, Collection[str | None]]) -> list[Json]:
    """Return the objects that have one of the values of each filter. A filter without values accepts everything."""
    return [item for item in objects if all(not values or item[name] in values for name, values in filters.items())]


def page_of(
    objects: list[Json], size: int, *, after: str | None = None, before: str | None = None
) -> tuple[list[Json], bool]:
    """Return one page, and whether more objects follow it (or, with `before`, precede it). Raise UnknownCursor."""
    ids = [object_id(item) for item in objects]
    for cursor in filter(None, (after, before)):
        if cursor not in ids:
            raise UnknownCursor(cursor)
    if before:
        rest = objects[: ids.index(before)]
        return rest[-size:], len(rest) > size
    rest = objects[ids.index(after) + 1 :] if after else objects
    return rest[:size], len(rest) > size


def created_s(item: Json) -> float:
    """Return when an object of either provider was made, or an event happened: in seconds since 1970."""
    if "created" in item:
        return float(item["created"])
    return datetime.fromisoformat(item.get("created_at") or item["occurred_at"]).timestamp()


def object_id(item: Json) -> str:
    """Return the id of an object, or of an event of either provider."""
    found: str = item.get("event_id") or item["id"]
    return found
