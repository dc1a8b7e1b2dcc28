"""Records whose fields all differ: what reads the wrong one of two fields says something else."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from itertools import count
from typing import Any

from pydantic import BaseModel

START = datetime(2026, 1, 1, tzinfo=UTC)
SPELT: Mapping[str, str] = {
    **dict.fromkeys(("payment_id", "cause", "subscription_id", "hold", "flag"), "stripe:{}"),
    **dict.fromkeys(("country", "billing_country"), "DE"),
    "currency": "EUR",
    "language": "de",
    "provider": "stripe",
    "left_out": "own",
}
"""How a field spells its value, if not every text will do."""


def filled(kind: Any, *, variant: int = 0, apart: timedelta = timedelta(minutes=1)) -> Any:
    """Return a value of an annotated type, with a value of its own in each field at any depth.

    Two yes-or-no fields of a record differ in one of the variants 0 to 3. A record in itself is left out. Two times are
    as far apart as that, or more.
    """
    return _Filler(variant, apart).value(kind, "it", ())


class _Filler:
    def __init__(self, variant: int, apart: timedelta) -> None:
        self._numbers = count(1)
        self._variant = variant
        self._apart = apart

    def value(self, kind: Any, name: str, inside: tuple[Any, ...]) -> Any:
        number = next(self._numbers)
        kind = getattr(kind, "__supertype__", kind)  # of a NewType
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):
            kinds = [one for one in arguments if one is not types.NoneType and one not in inside]
            return self.value(kinds[0], name, inside) if kinds else None
        if origin is typing.Literal:
            return arguments[number % len(arguments)]
        if origin is not None:
            return self._collection(origin, [one for one in arguments if one is not Ellipsis], name, inside)
        if kind is bool:
            return bool(number >> self._variant & 1)
        if issubclass(kind, Enum):
            return list(kind)[number % len(kind)]
        if dataclasses.is_dataclass(kind):
            hints, within = typing.get_type_hints(kind), (*inside, kind)
            taken = [one.name for one in dataclasses.fields(kind) if one.init]
            make: Any = kind
            return make(**{one: self.value(hints[one], one, within) for one in taken})
        if issubclass(kind, BaseModel):
            return kind(**{one: self.value(of.annotation, one, inside) for one, of in kind.model_fields.items()})
        return _plain(kind, name, number, self._apart)

    def _collection(self, origin: Any, arguments: list[Any], name: str, inside: tuple[Any, ...]) -> Any:
        if any(one in inside for one in arguments):
            return origin() if origin in (tuple, list, dict) else {}
        values = [self.value(one, name, inside) for one in arguments]
        if issubclass(origin, Mapping):
            return dict([values])
        return frozenset(values) if issubclass(origin, AbstractSet) else tuple(values)


def _plain(kind: Any, name: str, number: int, apart: timedelta) -> Any:
    made: dict[Any, Any] = {
        **dict.fromkeys((str, object), SPELT.get(name, name + "_{}").format(number)),
        bytes: f"{name}_{number}".encode(),
        int: number,
        Decimal: Decimal(number),
        Fraction: Fraction(number),
        datetime: START + number * apart,
        date: START.date() + timedelta(days=number),
        timedelta: timedelta(hours=number),
    }
    return made[kind]
