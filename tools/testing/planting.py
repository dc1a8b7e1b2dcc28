"""Plant one fault in a lawful ledger, and see which things an invariant names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import cache
from typing import Any, NamedTuple, TypeVar

from ledger.domain.accounts import Account
from ledger.domain.facts import Fact
from ledger.domain.lots import Lot
from ledger.domain.purchases import Purchase
from tools.testing.builders import ADA
from tools.testing.fakes import world
from tools.testing.ledgers import LEDGERS
from tools.verify import Verdicts, World, check

_T = TypeVar("_T")
Rule = Callable[[World], Verdicts]


class Fault(NamedTuple):
    """One fault in one lawful ledger, and what the invariant names then. No names: it is no fault."""

    what: str
    ledger: str
    plant: Callable[..., object]  # is given the ledger
    names: tuple[str, ...] = ()  # `{0}` stands for what `plant` returned: `{0.entry_id}`


def rows(faults: Mapping[Rule, Sequence[Fault]]) -> list[tuple[Rule, Fault]]:
    """Return each fault with its rule."""
    return [(rule, fault) for rule, each in faults.items() for fault in each]


def name_of(part: object) -> str | None:
    """Return the name of a row for pytest."""
    return part.what if isinstance(part, Fault) else getattr(part, "__name__", None)


def named(rule: Rule, fault: Fault) -> tuple[set[str], set[str]]:
    """Return what the rule names once the fault is planted, and what it should name. A row has to change something."""
    ledger = lawful(fault.ledger)
    before = repr(ledger)
    planted = fault.plant(ledger)
    if repr(ledger) == before:
        raise ValueError(f"nothing is planted: {fault.what}")
    return broken_by(rule, ledger), {name.format(planted) for name in fault.names}


def broken_by(rule: Rule, ledger: World) -> set[str]:
    """Return what breaks this rule, as `check` finds it."""
    invariant = (rule.__doc__ or "").rstrip(".")
    (finding,) = (finding for finding in check(ledger) if finding.invariant == invariant)
    return {*finding.broken}


def lawful(ledger: str) -> World:
    """Return one of the lawful ledgers, to be changed at will."""
    return copy_of(_lawful(ledger))


@cache
def _lawful(ledger: str) -> World:
    return copy_of(world(LEDGERS[ledger]()))


def copy_of(whole: World) -> World:
    """Return the same ledger in containers of its own."""
    return World(**{one.name: getattr(whole, one.name).copy() for one in fields(World) if one.init})


# ── What a fault is made of ───────────────────────────────────────────────────────────────────────────────────────────


def one(things: Iterable[_T], **having: object) -> _T:
    """Return the first thing that has these attributes."""
    return next(thing for thing in things if all(getattr(thing, name, None) == value for name, value in having.items()))


def put(whole: World, old: _T, **changes: Any) -> _T:
    """Change a thing where it stands. Return it as it is now."""
    new: _T = replace(old, **changes)  # type: ignore[type-var]
    _stand(whole, old, [new])
    return new


def drop(whole: World, old: _T) -> _T:
    """Remove a thing. Return it."""
    _stand(whole, old, [])
    return old


def double(whole: World, old: _T, **changes: Any) -> _T:
    """Add a thing once more, with these changes, to the list that it stands in. Return the added one."""
    new: _T = replace(old, **changes)  # type: ignore[type-var]
    _stand(whole, old, [old, new])
    return new


def _stand(whole: World, old: object, instead: list[Any]) -> None:
    for container in (getattr(whole, part.name) for part in fields(World) if part.init):
        if isinstance(container, dict):
            kept = [(key, new) for key, thing in container.items() for new in _each(thing, old, instead)]
            container.clear()
            container.update(kept)
        elif isinstance(container, list):
            container[:] = [new for thing in container for new in _each(thing, old, instead)]


def _each(thing: object, old: object, instead: list[Any]) -> list[Any]:
    if isinstance(thing, tuple) and thing[-1] is old:
        return [(*thing[:-1], new) for new in instead]
    return instead if thing is old else [thing]


def purchase(whole: World, payment_id: str) -> Purchase:
    """Return a purchase by its id."""
    found = one(whole.payments.values(), payment_id=payment_id)
    if not isinstance(found, Purchase):
        raise TypeError(f"{payment_id} is no purchase")
    return found


def fact(whole: World, key: str) -> Any:
    """Return the first fact whose key begins so. Who asks for it knows of which kind it is."""
    return next(
        known
        for payment in whole.payments.values()
        if isinstance(payment, Purchase)
        for name, known in payment.facts.items()
        if name.startswith(key)
    )


def put_fact(whole: World, key: str, **changes: Any) -> Any:
    """Change the first fact whose key begins so, in each purchase that has it. Return it as it is now."""
    old = fact(whole, key)
    new = replace(old, **changes)
    _put_facts(whole, old, [(old.key, new)])
    return new


def drop_fact(whole: World, key: str) -> Any:
    """Remove the first fact whose key begins so from each purchase that has it. Return it."""
    old = fact(whole, key)
    _put_facts(whole, old, [])
    return old


def add_facts(whole: World, payment_id: str, *facts: Fact) -> Fact:
    """Add facts to a purchase. Return the last one."""
    known = purchase(whole, payment_id)
    put(whole, known, facts={**known.facts, **{new.key: new for new in facts}})
    return facts[-1]


def _put_facts(whole: World, old: Fact, instead: list[tuple[str, Fact]]) -> None:
    for known in [payment for payment in whole.payments.values() if isinstance(payment, Purchase)]:
        if known.facts.get(old.key) == old:
            facts = [
                each for key, value in known.facts.items() for each in (instead if value == old else [(key, value)])
            ]
            put(whole, known, facts=dict(facts))


def account(whole: World) -> Account:
    """Return the account of the ledger: Ada's, or that of a story."""
    return whole.accounts.get(ADA) or next(iter(whole.accounts.values()))


def put_keys(whole: World, part: str, changes: Mapping[str, Any]) -> Account:
    """Change one part of the account, by its keys. None: remove it."""
    known = account(whole)
    changed = {**getattr(known, part), **changes}
    return put(whole, known, **{part: {key: value for key, value in changed.items() if value is not None}})


def put_lot(whole: World, lot_id: str, **changes: Any) -> Lot:
    """Change a lot, on its account or closed. Return it as it is now."""
    known = account(whole)
    if lot_id in known.lots:
        new = replace(known.lots[lot_id], **changes)
        put_keys(whole, "lots", {lot_id: new})
        return new
    return put(whole, whole.closed_lots[known.account_id, lot_id], **changes)


def drop_lot(whole: World, lot_id: str) -> Account:
    """Remove a lot, from its account or of the closed ones. Return the account."""
    whole.closed_lots.pop((account(whole).account_id, lot_id), None)
    return put_keys(whole, "lots", {lot_id: None})
