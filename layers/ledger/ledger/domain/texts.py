"""Texts as data: a sentence is stored as its key and its figures, and written out when somebody reads it.

Text("decision.overcharge_refunded", excess = 5.00 EUR)
    └─► ledger.policy.texts ─► "You paid 5.00 EUR more than the agreed price. …"
"""

from datetime import date, datetime

from ledger.domain.money import Money
from ledger.domain.records import record
from ledger.domain.unknown_fields import KeepsUnknownFields

FigureValue = str | int | Money | date | datetime | tuple[str, ...]
"""What a sentence may contain: a name, a count, an amount, a day, a time, or several names."""


@record(frozen=True, kw_only=True)
class Figure(KeepsUnknownFields):
    """One value in a sentence. Exactly one of the fields after `name` is set."""

    name: str
    word: str | None = None  # an id, a code, or a person's own words
    words: tuple[str, ...] | None = None
    count: int | None = None
    money: Money | None = None
    day: date | None = None
    at: datetime | None = None

    @classmethod
    def of(cls, name: str, value: FigureValue) -> "Figure":
        """Return the figure for a value. Raise TypeError for a type that no sentence may contain."""
        match value:
            case str():
                return cls(name=name, word=str(value))
            case int() if not isinstance(value, bool):
                return cls(name=name, count=value)
            case Money():
                return cls(name=name, money=value)
            case datetime():
                return cls(name=name, at=value)
            case date():
                return cls(name=name, day=value)
            case tuple():
                return cls(name=name, words=value)
        raise TypeError(f"{name}: a sentence has no place for {value!r}")

    @property
    def value(self) -> FigureValue:
        """The one value that is set. Raise ValueError if none is."""
        for value in (self.word, self.words, self.count, self.money, self.day, self.at):
            if value is not None:
                return value
        raise ValueError(f"the figure {self.name} has no value")


@record(frozen=True, kw_only=True)
class Text(KeepsUnknownFields):
    """A sentence as data: its key in the text files, and the figures that its placeholders need."""

    key: str
    figures: tuple[Figure, ...] = ()


def text(key: str, /, **figures: FigureValue) -> Text:
    """Return the text with these figures, in the order of their names.

    Write the key as a literal: `tests/unit/policy/test_texts.py` compares each call with the text files.
    """
    return Text(key=key, figures=tuple(Figure.of(name, figures[name]) for name in sorted(figures)))
