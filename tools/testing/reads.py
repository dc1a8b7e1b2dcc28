"""Record what the translators read: each field that they access, and each value that they compare with a word.

A notification is passed to a provider's `translate` as dictionaries that note every access, with the module of
`ledger.providers` that makes it. Texts that are values of an enum note what they are equal to.
"""

import inspect
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tools.drift.vocabulary import Vocabulary, Word, ancestors

Modules = dict[tuple[str, str], set[str]]


@dataclass(slots=True)
class Reads:
    """What was read of one provider's objects."""

    fields: Modules = field(default_factory=lambda: defaultdict(set))
    """The modules that read a field, by the object's name and the field's path."""

    unknown: Modules = field(default_factory=lambda: defaultdict(set))
    """The same for fields that the vocabulary does not have."""

    values: dict[tuple[str, str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """The modules that compared a field's value with an equal word, by object, path and value."""

    def add(self, others: "Reads") -> None:
        """Add the reads of another recording."""
        for total, added in ((self.fields, others.fields), (self.unknown, others.unknown)):
            for read, modules in added.items():
                total[read] |= modules
        for value, modules in others.values.items():
            self.values[value] |= modules


@dataclass(frozen=True, slots=True)
class Place:
    """A field in a notification."""

    holder: dict[str, Any]
    key: str
    name: str  # of the object
    path: str
    word: Word | None  # its entry in the vocabulary; None: it has none


class Recorder:
    """Wraps the objects of one provider's notifications."""

    def __init__(self, provider: str, vocabulary: Vocabulary) -> None:
        self.provider = provider
        self.vocabulary = vocabulary
        self.reads = Reads()
        self._parts = {name: {part for path in words for part in ancestors(path)} for name, words in vocabulary.items()}

    def wrapped(self, content: Mapping[str, Any], carried: Mapping[str, str]) -> Any:
        """Return a notification that records. `carried` names the object at a path of the event."""
        return _Object(self, content, "event", "", carried)

    def part(self, value: Any, name: str, path: str, carried: Mapping[str, str]) -> Any:
        """Return a field's value that records, if there is anything to record about it."""
        word = self.vocabulary[name].get(path, Word())
        referred = carried.get(path) or word.refers_to
        if isinstance(value, list):
            return [self._element(item, name, f"{path}[].", referred, {}) for item in value]
        if isinstance(value, str) and word.values:
            return _Text(self, value, name, path)
        return self._element(value, name, f"{path}.", referred, carried)

    def _element(self, value: Any, name: str, prefix: str, referred: str | None, carried: Mapping[str, str]) -> Any:
        if not isinstance(value, dict):
            return value
        if referred in self.vocabulary:
            return _Object(self, value, str(referred), "", {})
        if prefix.removesuffix(".").removesuffix("[]") in self._parts[name]:
            return _Object(self, value, name, prefix, carried)
        return value  # a free map, such as metadata: its keys are no vocabulary

    def places(self, content: dict[str, Any], carried: Mapping[str, str]) -> Iterator["Place"]:
        """Yield each field of a notification, with the dictionary that holds it. Free maps are not entered."""
        return self._places(content, "event", "", carried)

    def _places(self, content: dict[str, Any], name: str, prefix: str, carried: Mapping[str, str]) -> Iterator["Place"]:
        for key, value in content.items():
            path = f"{prefix}{key}"
            word = self.vocabulary[name].get(path)
            yield Place(content, key, name, path, word)
            referred = carried.get(path) or (word.refers_to if word is not None else None)
            for item, inside in [(value, f"{path}.")] if isinstance(value, dict) else _listed(value, path):
                if referred in self.vocabulary:
                    yield from self._places(item, str(referred), "", {})
                elif path in self._parts[name]:
                    yield from self._places(item, name, inside, carried)

    def note_field(self, name: str, path: str) -> None:
        """Record that a field was read."""
        known = path in self.vocabulary[name]
        (self.reads.fields if known else self.reads.unknown)[name, path].add(self._module())

    def note_value(self, name: str, path: str, value: str) -> None:
        """Record that a value was compared with an equal word."""
        self.reads.values[name, path, value].add(self._module())

    def _module(self) -> str:
        frame = inspect.currentframe()
        while frame is not None:
            if module := _module_of(frame.f_code.co_filename, self.provider):
                return module
            frame = frame.f_back
        return "elsewhere"


def _listed(value: Any, path: str) -> list[tuple[dict[str, Any], str]]:
    items = value if isinstance(value, list) else []
    return [(item, f"{path}[].") for item in items if isinstance(item, dict)]


@cache
def _module_of(file: str, provider: str) -> str | None:
    path = Path(file)
    return path.stem if path.parts[-3:-1] == ("providers", provider) else None


class _Object(dict[str, Any]):
    """An object whose fields are recorded when they are accessed by name, whether they are there or not.

    A copy of it (`{**source}`) is a plain dictionary and records nothing.
    """

    def __init__(
        self, recorder: Recorder, content: Mapping[str, Any], name: str, prefix: str, carried: Mapping[str, str]
    ) -> None:
        super().__init__(content)
        self._recorder, self._name, self._prefix, self._carried = recorder, name, prefix, carried

    def __getitem__(self, key: str) -> Any:
        self._recorder.note_field(self._name, f"{self._prefix}{key}")
        return self._recorder.part(super().__getitem__(key), self._name, f"{self._prefix}{key}", self._carried)

    def __contains__(self, key: object) -> bool:
        self._recorder.note_field(self._name, f"{self._prefix}{key}")
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self else default  # noqa: SIM401 - this is `get`


class _Text(str):
    """A value of an enum, which records that it was equal to a word, or began or ended with it."""

    _recorder: Recorder
    _place: tuple[str, str]
    __hash__ = str.__hash__

    def __new__(cls, recorder: Recorder, value: str, name: str, path: str) -> "_Text":
        text = super().__new__(cls, value)
        text._recorder, text._place = recorder, (name, path)
        return text

    def __eq__(self, other: object) -> bool:
        return self._noted(is_equal=str.__eq__(self, other) is True)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def startswith(self, *arguments: Any) -> bool:
        return self._noted(is_equal=super().startswith(*arguments))

    def endswith(self, *arguments: Any) -> bool:
        return self._noted(is_equal=super().endswith(*arguments))

    def _noted(self, *, is_equal: bool) -> bool:
        if is_equal:
            self._recorder.note_value(*self._place, str(self))
        return is_equal
