"""`verify` sees every attribute that is spoilt, or `unseen.toml` says why nobody can know better."""

import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ledger.dynamodb import schema
from ledger.dynamodb.codec import Shape
from ledger.dynamodb.items import Item
from ledger.dynamodb.keys import ItemKind
from ledger.ports.documents import DocumentKind
from tests.unit.dynamodb.golden_items import goldens
from tools.testing.ledgers import LEDGERS
from tools.testing.stored_items import Spoiling, items_of, spoilings
from tools.verify import World, check, findings

UNSEEN = tomllib.loads((Path(__file__).parent / "unseen.toml").read_text("utf-8"))["unseen"]


class Table(NamedTuple):
    """The items of a ledger, and every way to spoil one of them."""

    items: list[Item]
    ways: list[Spoiling]


class Verdict(NamedTuple):
    """What `verify` says of one spoilt table."""

    spoiling: Spoiling
    is_seen: bool


class Way(NamedTuple):
    """A way to spoil an item, and what that then holds: nothing, if it is deleted."""

    spoiling: Spoiling
    holds: World


def world_of(table: Iterable[Item]) -> World:
    """Everything that these items hold."""
    world = World()
    for item in table:
        world.add(item)
    return world


def with_more(world: World, more: World) -> World:
    """The same with what another part of the table holds."""
    parts = {one.name: getattr(world, one.name).copy() for one in fields(World) if one.init}
    for name, part in parts.items():
        (part.extend if isinstance(part, list) else part.update)(getattr(more, name))
    return World(**parts)


def is_broken(world: World) -> bool:
    """Whether an invariant says so."""
    return any(finding.broken for finding in findings(world))


def verdicts(table: Table) -> list[Verdict]:
    """What becomes of each spoiling. To delete what stands for itself when it is absent spoils nothing."""
    found = []
    for position, spoiled in groupby(table.ways, key=lambda one: one.item):
        ways = [Way(one, world_of([one.becomes] if one.becomes is not None else [])) for one in spoiled]
        rest = world_of(table.items[:position] + table.items[position + 1 :])
        written = repr(world_of([table.items[position]]))
        found += [
            Verdict(way.spoiling, is_broken(with_more(rest, way.holds)))
            for way in ways
            if not is_default(way, ways, written)
        ]
    return found


def is_read_otherwise(way: Way, written: str) -> bool:
    """Whether the item holds something else than it did."""
    return way.spoiling.becomes is None or repr(way.holds) != written


def is_default(way: Way, ways: Iterable[Way], written: str) -> bool:
    """Whether an attribute is deleted that stands for itself when it is absent: another value is read otherwise."""
    if way.spoiling.how != "deleted" or is_read_otherwise(way, written):
        return False
    path = way.spoiling.path
    return any(is_read_otherwise(one, written) for one in ways if one.spoiling.path[: len(path)] == path)


@pytest.fixture(scope="module")
def tables() -> list[Table]:
    """Every ledger."""
    return [Table(table, list(spoilings(table))) for table in (items_of(make()) for make in LEDGERS.values())]


@pytest.fixture(scope="module")
def spoilt(tables: list[Table]) -> list[Verdict]:
    """Every spoiling of every table."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shape, "decode", once(Shape.decode))
        patch.setattr(Shape, "encode", once(Shape.encode))
        return [verdict for table in tables for verdict in verdicts(table)]


def once(convert: Callable[..., Any]) -> Callable[..., Any]:
    """Convert a part once: what is spoilt shares all other parts with the item as it was. A dict is given as a copy."""
    known: dict[tuple[int, int], tuple[Any, Any]] = {}

    def converted(shape: Shape[Any], part: Any, **more: Any) -> Any:
        if more:
            return convert(shape, part, **more)
        key = id(shape), id(part)
        if key not in known:
            known[key] = part, convert(shape, part)  # who holds a part keeps its id
        made = known[key][1]
        return made.copy() if isinstance(made, dict) else made

    return converted


@pytest.mark.parametrize("name", LEDGERS)
def test_nothing_is_broken_before_it_is_spoilt(name: str) -> None:
    """What the use-cases write keeps every invariant."""
    assert not [finding for finding in check(world_of(items_of(LEDGERS[name]()))) if finding.broken]


def test_there_is_one_of_everything(tables: list[Table]) -> None:
    """Every kind of item, every field of every stored record, and every attribute that a golden item has."""
    stores = [make() for make in LEDGERS.values()]
    kinds, attributes = zip(*{named(one) for table in tables for one in table.ways}, strict=True)
    assert {*map(str, ItemKind), *map(str, DocumentKind), *schema.FACTS, "pointer"} - {*kinds} == set()
    stored = {field for store in stores for field in fields_of(vars(store))}
    shapes = [*schema.FACTS.values(), *schema.DOCUMENTS.values(), *vars(schema).values()]
    assert {(one.of, name) for one in shapes if isinstance(one, Shape) for name in one.fields} - stored == set()
    golden = {named(one) for golden in goldens().values() for one in spoilings([golden.item])}
    assert golden - {*zip(kinds, attributes, strict=True)} == set()


def named(spoiling: Spoiling) -> tuple[str, str]:
    """What is spoilt. All sentences are alike: which value a figure has is left out."""
    return spoiling.kind, spoiling.attribute.partition("figures[]")[0]


def fields_of(part: Any) -> Iterator[tuple[type, str]]:
    """The fields that have a value in one of these records."""
    if is_dataclass(part) and not isinstance(part, type):
        held = {one.name: getattr(part, one.name) for one in fields(part)}
        yield from ((type(part), name) for name, value in held.items() if value not in (None, (), {}, ""))
        yield from fields_of(held)
    elif isinstance(part, Mapping):
        yield from fields_of([*part.values()])
    elif isinstance(part, Collection) and not isinstance(part, str | bytes):
        for one in part:
            yield from fields_of(one)


def is_listed(entry: dict[str, Any], spoiling: Spoiling) -> bool:
    """Whether an entry of the list means this."""
    attribute = spoiling.attribute
    return (
        entry["kind"] == spoiling.kind
        and spoiling.how in entry.get("how", [spoiling.how])
        and any(attribute == name or _is_below(attribute, name) for name in entry["attributes"])
    )


def _is_below(attribute: str, name: str) -> bool:
    return attribute != "" and name.endswith("*") and attribute.startswith(name[:-1])


def test_every_spoilt_attribute_is_seen_or_listed(spoilt: list[Verdict]) -> None:
    """And what is listed is really not seen: an entry that is no longer needed goes."""
    unseen = [spoiling for spoiling, is_seen in spoilt if not is_seen]
    not_listed = [one for one in unseen if not any(is_listed(entry, one) for entry in UNSEEN)]
    assert {(one.kind, one.attribute, one.how) for one in not_listed} == set()
    for entry in UNSEEN:
        assert entry["why"]
        for name in entry["attributes"]:
            one_name = {**entry, "attributes": [name]}
            assert any(is_listed(one_name, one) for one in unseen), f"{entry['kind']} {name} is seen"
