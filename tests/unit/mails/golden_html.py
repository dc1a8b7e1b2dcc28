"""The letters in English as HTML, tag by tag. `python -m tests.unit.mails.golden_html` writes them anew.

The other languages have the same tags: a test of the letters compares text and HTML.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ledger.mails.rendering import as_html
from tests.unit.mails.samples import HOUSE, LETTERS
from tests.unit.mails.test_letters import letter

FILE = Path(__file__).parent / "golden" / "letters.html.txt"


def lines() -> Iterator[str]:
    """Yield the letters: each tag with the text behind it has a line. What is as on any letter before is left out."""
    shown: set[str] = set()
    for kind in LETTERS:
        yield f"# {kind}"
        tags = [line.replace("\n", "⏎") for line in re.split(r"(?=<(?!/))", as_html(letter(kind, "en"), HOUSE)) if line]
        yield from (line for line in tags if line not in shown)
        shown.update(tags)


if __name__ == "__main__":
    FILE.write_text("".join(f"{line}\n" for line in lines()), "utf-8")
