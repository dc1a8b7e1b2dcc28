"""Write texts out: from a key and its figures to a sentence in a language.

`texts/<language>.toml` holds every sentence for customers, `texts/support.<language>.toml` those for support staff.
Days and amounts are formatted here. The rules and the stored records hold keys and figures only.
"""

import functools
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from string import Formatter
from typing import Any

from ledger.domain.errors import ConfigurationError
from ledger.domain.money import Money, format_amount
from ledger.domain.records import record
from ledger.domain.refund_cases import CaseState
from ledger.domain.texts import FigureValue, Text

DIRECTORY = Path(__file__).with_name("texts")
DEFAULT_LANGUAGE = "en"
"""The language of every text. A text without a translation is written out in it."""

_SUPPORT = "support."
_FORMAT = "format"


class TextError(ConfigurationError):
    """A text file is wrong, or a text's figures are not those of its placeholders."""


@record(frozen=True, kw_only=True)
class Language:
    """One language: how it writes days, and a template for each key."""

    day: str  # `{day} {month} {year}`
    months: tuple[str, ...]
    decimal: str  # between the whole units of an amount and the rest
    unknown: str  # instead of a text whose key this release does not know
    templates: Mapping[str, str]


class Texts:
    """Every text in every language that has a file."""

    def __init__(self, languages: Mapping[str, Language]) -> None:
        self.languages = languages

    def render(self, text: Text, language: str = DEFAULT_LANGUAGE) -> str:
        """Return the sentence for a text.

        A text that has no translation is written out in DEFAULT_LANGUAGE. A key that is in no file was stored by
        another release: the result is that language's general sentence. Raise TextError if a placeholder has no
        figure, or a figure no placeholder.
        """
        default = self.languages[DEFAULT_LANGUAGE]
        chosen = self.languages.get(language, default)
        if text.key not in chosen.templates:
            chosen = default
        template = chosen.templates.get(text.key)
        if template is None:
            return chosen.unknown
        figures = {figure.name: figure.value for figure in text.figures}
        if figures.keys() != placeholders(template):
            raise TextError(f"{text.key} needs {sorted(placeholders(template))}, not {sorted(figures)}")
        return _SentenceFormatter(chosen).vformat(template, (), figures)

    def render_all(self, texts: Iterable[Text], language: str = DEFAULT_LANGUAGE) -> list[str]:
        """Return the sentences for several texts, in their order."""
        return [self.render(text, language) for text in texts]


def placeholders(template: str) -> set[str]:
    """Return the names of the figures that a template needs."""
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def case_state_text(state: CaseState) -> Text:
    """Return the text that tells a customer what happens next."""
    return Text(key=f"case_state.{state}")


@functools.cache
def shipped_texts() -> Texts:
    """Return the texts of this package. They are read once, when the first sentence is needed."""
    return load()


def load(directory: Path = DIRECTORY) -> Texts:
    """Read every text file of a directory. Raise TextError naming the file and what is wrong."""
    names = [path.stem for path in directory.glob("*.toml")]
    languages = {}
    for name in names:
        if not name.startswith(_SUPPORT):
            files = [name, *(other for other in names if other == f"{_SUPPORT}{name}")]
            languages[name] = _language([_read(directory / f"{file}.toml") for file in files], name)
    if DEFAULT_LANGUAGE not in languages:
        raise TextError(f"{directory} has no {DEFAULT_LANGUAGE}.toml")
    return Texts(languages)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise TextError(f"{path} is not TOML: {error}") from error


def _language(documents: list[dict[str, Any]], name: str) -> Language:
    style = documents[0].pop(_FORMAT, {})
    templates: dict[str, str] = {}
    for document in documents:
        for group, sentences in document.items():
            if not isinstance(sentences, dict):
                raise TextError(f"{name}: {group} is no table of texts")
            for key, template in sentences.items():
                if not isinstance(template, str) or not template or f"{group}.{key}" in templates:
                    raise TextError(f"{name}: {group}.{key} is no text, or it is there twice")
                templates[f"{group}.{key}"] = template
    try:
        return Language(
            day=style["day"],
            months=tuple(style["months"]),
            decimal=style.get("decimal", "."),
            unknown=style["unknown"],
            templates=templates,
        )
    except KeyError as error:
        raise TextError(f"{name}: [format] lacks {error}") from error


class _SentenceFormatter(Formatter):
    """Writes each figure as its type asks: `{runs:failed run|failed runs}` is a count with its noun."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec:
            one, many = format_spec.split("|")
            return f"{value} {one if value == 1 else many}"
        return self._format(value)

    def _format(self, value: FigureValue) -> str:
        match value:
            case Money():
                return format_amount(value.amount_minor, value.currency).replace(".", self._language.decimal)
            case datetime():
                return value.astimezone(UTC).isoformat()
            case date():
                months = self._language.months
                return self._language.day.format(day=value.day, month=months[value.month - 1], year=value.year)
            case tuple():
                return ", ".join(value)
        return str(value)
