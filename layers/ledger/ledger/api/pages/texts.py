"""The words of the public pages: `texts/<language>.toml` has every one of them, by key.

`{name}` in a text is replaced by what the page has to say. The labels of the buttons are those of the law and must not
be changed: see `docs/decisions/0041-declarations-without-a-login.md`.
"""

import functools
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from string import Formatter

from ledger.api.languages import languages_in
from ledger.domain.declarations import DeclarationKind, Submission
from ledger.domain.records import record

DIRECTORY = Path(__file__).with_name("texts")
LANGUAGES = ("en", "de", "fr", "it", "es", "nl", "pl")
"""The languages of the pages. The first one is that of whoever asks for none of them."""


@record(frozen=True)
class Words:
    """The words of one language."""

    language: str
    templates: Mapping[str, str]

    def __call__(self, key: str, /, **figures: str) -> str:
        """Return a text with its figures. Raise KeyError for a key that has none."""
        return self.templates[key].format(**figures)

    def day(self, day: date) -> str:
        """Return a day as this language writes it."""
        month = self.templates["format.months"].split()[day.month - 1]
        return self("format.day", day=str(day.day), month=month, year=str(day.year))

    def time(self, at: datetime) -> str:
        """Return a time with its seconds and its offset, in the language's own time zone."""
        offset = _offset(at) if self.templates["format.zone"] == "CET" else timedelta()
        there = at.astimezone(UTC) + offset
        hours = int(offset / timedelta(hours=1))
        zone = f"UTC+{hours:02}:00" if hours else "UTC"
        return f"{self.day(there.date())}, {there:%H:%M:%S} ({zone})"


def statement_of(submission: Submission) -> str:
    """Return the whole statement of a declaration, in its language, with what the customer wrote."""
    words = words_of(submission.language)
    sentences = [words(f"statement.{_statement(submission)}", contract=submission.contract)]
    if submission.part:
        sentences.append(words("statement.part", part=submission.part))
    if submission.ends_on:
        sentences.append(words("statement.ends_on", day=words.day(submission.ends_on)))
    if submission.message:
        sentences.append(submission.message)
    return "\n".join(sentences)


def _statement(submission: Submission) -> str:
    if submission.kind is DeclarationKind.REVIEW:
        return "review_decision" if submission.contract else "review_suspension"
    if submission.kind is DeclarationKind.WITHDRAWAL:
        return "withdrawal"
    return "extraordinary" if submission.is_extraordinary else "cancellation"


@functools.cache
def words_of(language: str) -> Words:
    """Return the words of a language; of an unknown one, those of the first."""
    known = language if language in LANGUAGES else LANGUAGES[0]
    content = tomllib.loads((DIRECTORY / f"{known}.toml").read_text("utf-8"))
    return Words(known, {f"{group}.{key}": text for group, texts in content.items() for key, text in texts.items()})


def figures_of(template: str) -> set[str]:
    """Return the names of the figures that a text needs."""
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def choose_language(wanted: str | None, accepted: str | None) -> str:
    """Return the language of a page: the one of its address, else the best one that the browser accepts."""
    if wanted in LANGUAGES:
        return wanted
    short = (name.lower().partition("-")[0] for name in languages_in(accepted or ""))
    return next((name for name in short if name in LANGUAGES), LANGUAGES[0])


def _offset(at: datetime) -> timedelta:
    """Return the offset of Central European Time: two hours from the last Sunday of March to that of October, 1:00 UTC.

    Source: Directive 2000/84/EC, articles 2 and 3.
    """
    year = at.astimezone(UTC).year
    is_summer = _last_sunday(year, 3) <= at < _last_sunday(year, 10)
    return timedelta(hours=2 if is_summer else 1)


def _last_sunday(year: int, month: int) -> datetime:
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)
