"""Letters: what a mail says, in parts that can be written out as text and as HTML."""

from collections.abc import Iterable
from typing import TypeAlias

from ledger.domain.records import record


@record(frozen=True, kw_only=True)
class House:
    """Who writes: the product, the seller behind it, and the pages that mails link to."""

    seller: str
    address: str
    email: str  # of the support desk
    account_url: str
    public_url: str  # where the pages for everybody are: `{public_url}/withdrawal`
    product: str = "Image Tagger AI"


@record(frozen=True)
class Paragraph:
    """Text of one or more lines."""

    text: str


@record(frozen=True)
class Section:
    """The title of what follows."""

    title: str


@record(frozen=True)
class Facts:
    """Names and values, one pair in a row."""

    rows: tuple[tuple[str, str], ...]


@record(frozen=True)
class Link:
    """A page to open, with the label of its button."""

    label: str
    url: str
    is_main: bool = True  # what most readers want to do next


@record(frozen=True)
class Quote:
    """A text that stands apart: words that were agreed to, a form, the published policy."""

    text: str


Block: TypeAlias = Paragraph | Section | Facts | Link | Quote


@record(frozen=True, kw_only=True)
class Letter:
    """One mail, in one language."""

    language: str
    subject: str
    heading: str
    blocks: tuple[Block, ...]
    footer: tuple[str, ...]  # the closing, then who writes


MOST_IN_A_SUBJECT = 120
"""The most characters of a subject: what is longer, mail programs cut or refuse."""


def one_line(text: str, most: int = MOST_IN_A_SUBJECT) -> str:
    """Return a text that is safe as a header: in one line, without control characters, and not too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def blocks(parts: Iterable[Block | None]) -> tuple[Block, ...]:
    """Return the parts that are there."""
    return tuple(part for part in parts if part is not None)
