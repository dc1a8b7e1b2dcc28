"""Our verdicts on a vocabulary: a TOML file for each provider, and what of a vocabulary it does not cover.

[reasons]
evidence = "Evidence is written in the provider's dashboard."

[dispute.read]                          the fields that a module of `ledger.providers` reads
disputes = ["id", "status"]

[dispute.ignored]                       the fields that none reads, under the name of the reason
evidence = ["evidence", "evidence_details"]

[dispute.values.status.read]            the values of a field that is read and has an enum
disputes = ["lost", "won"]

What is ignored is ignored with all its parts and values: only what is read needs verdicts on what is in it.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

from tools.drift.vocabulary import Vocabulary, ancestors


class UnusableVerdicts(Exception):
    """A file of verdicts contradicts itself. The message names the place."""


@dataclass(slots=True)
class Verdict:
    """What we do with a field or a value."""

    modules: set[str] = field(default_factory=set)  # that read it, by name; none: it is ignored
    reason: str = ""  # the name of the reason why it is ignored

    @property
    def is_read(self) -> bool:
        return bool(self.modules)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts on one provider's vocabulary, by the object's name and the field's path."""

    reasons: Mapping[str, str]  # by name
    fields: Mapping[str, Mapping[str, Verdict]]
    values: Mapping[str, Mapping[str, Mapping[str, Verdict]]]

    @property
    def count(self) -> int:
        """How many fields and values have a verdict."""
        values = (group for fields in self.values.values() for group in fields.values())
        return sum(map(len, self.fields.values())) + sum(map(len, values))

    def is_within_unread(self, name: str, path: str) -> bool:
        """Return whether a field is part of one that is ignored, or that has no verdict."""
        known = self.fields.get(name, {})
        return any(part not in known or not known[part].is_read for part in ancestors(path))


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference between the verdicts and a vocabulary."""

    kind: str  # object, field, value, event type
    name: str  # `dispute.status`, or the type of an event
    value: str = ""  # of an enum

    def __str__(self) -> str:
        return f"{self.name} = {self.value}" if self.value else self.name


@dataclass(frozen=True, slots=True)
class Drift:
    """How a vocabulary differs from the verdicts."""

    new: tuple[Finding, ...]  # it has no verdict
    gone: tuple[Finding, ...]  # it has a verdict, but the vocabulary does not have it

    def __bool__(self) -> bool:
        return bool(self.new or self.gone)


def load(file: Path) -> Verdicts:
    """Return the verdicts of a file. Raise UnusableVerdicts if it contradicts itself."""
    tables = tomllib.loads(file.read_text("utf-8"))
    reasons: dict[str, str] = tables.pop("reasons")
    used: set[str] = set()
    fields: dict[str, dict[str, Verdict]] = {}
    values: dict[str, dict[str, dict[str, Verdict]]] = {}
    for name, table in tables.items():
        fields[name] = _verdicts(table, f"{file.name}: {name}", reasons, used)
        values[name] = {
            path: _verdicts(group, f"{file.name}: {name}.{path}", reasons, used)
            for path, group in table.get("values", {}).items()
        }
    verdicts = Verdicts(reasons, fields, values)
    if unused := reasons.keys() - used:
        raise UnusableVerdicts(f"{file.name}: no verdict gives the reason {', '.join(sorted(unused))}.")
    for name, path in _without_effect(verdicts):
        raise UnusableVerdicts(f"{file.name}: {name}.{path} has a verdict, and is part of a field that is not read.")
    return verdicts


def _verdicts(table: Mapping[str, Any], place: str, reasons: Mapping[str, str], used: set[str]) -> dict[str, Verdict]:
    """Return the verdicts of a table with the tables `read` and `ignored`, and note the reasons that it uses."""
    verdicts: dict[str, Verdict] = {}
    for module, words in table.get("read", {}).items():
        for word in words:
            verdicts.setdefault(word, Verdict()).modules.add(module)
    for reason, words in table.get("ignored", {}).items():
        if reason not in reasons:
            raise UnusableVerdicts(f"{place}: the reason {reason} does not stand under [reasons].")
        used.add(reason)
        for word in words:
            if word in verdicts:
                raise UnusableVerdicts(f"{place}: {word} has two verdicts.")
            verdicts[word] = Verdict(reason=reason)
    return verdicts


def _without_effect(verdicts: Verdicts) -> Iterator[tuple[str, str]]:
    for name, fields in verdicts.fields.items():
        yield from ((name, path) for path in fields if verdicts.is_within_unread(name, path))
        yield from ((name, path) for path in verdicts.values[name] if not fields.get(path, Verdict()).is_read)


def drift(verdicts: Verdicts, vocabulary: Vocabulary, event_types: tuple[str, str]) -> Drift:
    """Return what of the vocabulary has no verdict, and which verdicts are on words that it does not have.

    `event_types`: the object and the field whose values are the types of events.
    """
    new = sorted(set(_new(verdicts, vocabulary, event_types)), key=astuple)
    gone = sorted(set(_gone(verdicts, vocabulary, event_types)), key=astuple)
    return Drift(tuple(new), tuple(gone))


def _new(verdicts: Verdicts, vocabulary: Vocabulary, event_types: tuple[str, str]) -> Iterator[Finding]:
    for name, words in vocabulary.items():
        known = verdicts.fields.get(name, {})
        for path, word in words.items():
            if verdicts.is_within_unread(name, path):
                continue
            if path not in known:
                yield Finding("field", f"{name}.{path}")
            elif known[path].is_read:
                if word.refers_to is not None and word.refers_to not in vocabulary:
                    yield Finding("object", word.refers_to)
                for value in word.values - verdicts.values[name].get(path, {}).keys():
                    yield _value(name, path, value, event_types)


def _gone(verdicts: Verdicts, vocabulary: Vocabulary, event_types: tuple[str, str]) -> Iterator[Finding]:
    for name, fields in verdicts.fields.items():
        if name not in vocabulary:
            yield Finding("object", name)
            continue
        words = vocabulary[name]
        yield from (Finding("field", f"{name}.{path}") for path in fields if path not in words)
        for path, values in verdicts.values[name].items():
            if path in words:
                yield from (_value(name, path, value, event_types) for value in values.keys() - words[path].values)


def _value(name: str, path: str, value: str, event_types: tuple[str, str]) -> Finding:
    return Finding("event type", value) if (name, path) == event_types else Finding("value", f"{name}.{path}", value)
