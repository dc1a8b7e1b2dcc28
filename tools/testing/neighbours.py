"""Several ledgers in one table, and one ledger thing by thing: for what is checked part by part."""

import pickle
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from itertools import groupby
from operator import itemgetter
from typing import Any

from ledger.domain.canonical import digest
from ledger.domain.facts import digest_of
from ledger.domain.ids import request_correlation_id
from ledger.domain.purchases import Purchase
from ledger.usecases.usage import RUNS_ROUTE
from tools.verify import World
from tools.verify.names import ROUTES_OF_ACTS, names_of
from tools.verify.scratch import Scratch
from tools.verify.table import facts_without_id
from tools.verify.world import incident_sums, mutes_that_hold

_ELSEWHERE = ("facts_elsewhere", "incidents_elsewhere", "mutes_elsewhere")
_PARTS = [part.name for part in fields(World) if part.init and part.name not in _ELSEWHERE]
_ID = re.compile(
    r"\b(?:(acct|adj|case|ch|cn|cs|ctm|cus|dp|evt|in|inc|issfr|mail|ord|pi|prop|re|run|sub|stripe_refund|txn)"
    r"_[A-Za-z0-9]+|([WCR])(?:-[0-9A-Z]{4}){3})"
)


def things_of(world: World) -> Iterator[World]:
    """Yield each thing of a ledger alone."""
    for name in _PARTS:
        part = getattr(world, name)
        each = [{key: thing} for key, thing in part.items()] if isinstance(part, dict) else [[thing] for thing in part]
        for thing in each:
            parts: dict[str, Any] = {name: thing}
            yield World(**parts)


def merged(worlds: Iterable[World]) -> World:
    """Return everything that these hold. What has one key in two of them stands once."""
    whole = World()
    for world in worlds:
        for name in (*_PARTS, *_ELSEWHERE):
            part, more = getattr(whole, name), getattr(world, name)
            part.extend(more) if isinstance(part, list) else part.update(more)
    return whole


def groups_of(world: World) -> list[World]:
    """Return a ledger in its groups, each of which is checked without the others."""
    with Scratch() as scratch:
        for number, thing in enumerate(things_of(world)):
            scratch.add([(names_of(thing) or {f"thing {number}"}, pickle.dumps(thing))])
        groups = [
            merged(pickle.loads(content) for _, content in group)  # noqa: S301 - ours, of this moment
            for _, group in groupby(scratch.groups(), key=itemgetter(0))
        ]
    known, sums, mutes = facts_without_id(world), incident_sums(world), mutes_that_hold(world)
    return [replace(group, facts_elsewhere=known, incidents_elsewhere=sums, mutes_elsewhere=mutes) for group in groups]


def renamed(world: World, suffix: str, but: int = -1) -> World:
    """Return a ledger like it, of other customers: each id has a suffix, but the one at this place, counted from 0.

    So that one id leads into the ledger that it is like.
    """
    renaming = _Renaming(suffix, but, _requests(world))
    new = World(**{name: renaming.of(getattr(world, name), name) for name in _PARTS})
    digests = dict(zip(_reports(world), _reports(new), strict=True))
    new.receipts = [
        replace(one, facts={key: digests.get(known, known) for key, known in one.facts.items()}) for one in new.receipts
    ]
    return new


def ids_in(world: World) -> list[str]:
    """Return every place of a ledger at which there is an id, as class, field and the id's first letters."""
    renaming = _Renaming("", -1, {})
    for name in _PARTS:
        renaming.of(getattr(world, name), name)
    return renaming.places


class _Renaming:
    """One way to rename all ids."""

    def __init__(self, suffix: str, but: int, requests: Mapping[str, tuple[str, ...]]) -> None:
        self.places: list[str] = []
        self._suffix, self._but, self._requests = suffix, but, requests

    def of(self, thing: Any, place: str) -> Any:
        """Return the thing with its ids renamed."""
        if isinstance(thing, Enum):
            return thing
        if isinstance(thing, str):
            return self._text(thing, place)
        if is_dataclass(thing) and not isinstance(thing, type):
            held = {one.name: getattr(thing, one.name) for one in fields(thing) if one.init}
            return replace(
                thing, **{name: self.of(part, f"{type(thing).__name__}.{name}") for name, part in held.items()}
            )
        if isinstance(thing, Mapping):
            return {self.of(key, f"{place} key"): self.of(value, place) for key, value in thing.items()}
        if isinstance(thing, list | tuple | frozenset | set):
            parts = [self.of(part, place) for part in (thing if isinstance(thing, list | tuple) else sorted(thing))]
            return type(thing)._make(parts) if hasattr(thing, "_make") else type(thing)(parts)
        return thing

    def _text(self, text: str, place: str) -> str:
        if text in self._requests:
            account_id, route, key = self._requests[text]
            account_id, key = self._text(account_id, f"{place} owner"), self._text(key, f"{place} key")
            return request_correlation_id(account_id, route, key)  # type: ignore[arg-type]
        return _ID.sub(lambda found: self._id(found, place), text)

    def _id(self, found: re.Match[str], place: str) -> str:
        is_kept = len(self.places) == self._but
        self.places.append(f"{place} {found[1] or found[2]}")
        return found[0] + ("" if is_kept else self._suffix)


def _requests(world: World) -> dict[str, tuple[str, ...]]:
    """Return of which account, route and key each correlation id of a request is."""
    requests: list[tuple[str, ...]] = [key.parts for key in world.idempotency_records if len(key.parts) == 3]
    requests += [(run.account_id, RUNS_ROUTE, run.run_id) for run in world.runs]
    requests += [
        (account_id, ROUTES_OF_ACTS[act.action], act.subject)
        for account_id, act in world.audit_records
        if act.action in ROUTES_OF_ACTS
    ]
    return {request_correlation_id(*one): one for one in requests}  # type: ignore[arg-type]


def _reports(world: World) -> list[str]:
    """Return the digests of all that events have reported."""
    purchases = [item for item in world.payments.values() if isinstance(item, Purchase)]
    reports = [digest_of(fact) for purchase in purchases for fact in purchase.facts.values()]
    return reports + [digest(report) for one in world.subscriptions.values() for report in one.reports]
