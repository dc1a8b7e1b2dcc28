"""The public pages in English, tag by tag. `python -m tests.unit.api.golden_pages` writes them anew.

The other languages have the same tags: a test of their texts compares these.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ledger.api.pages.html import Form, answer_page, form_page, message_page, receipt_page
from ledger.api.pages.texts import words_of
from ledger.domain.declarations import DeclarationKind
from tests.unit.api.test_pages import declaration, form

FILE = Path(__file__).parent / "golden" / "pages.txt"
WITHDRAWAL, CANCELLATION = DeclarationKind.WITHDRAWAL, DeclarationKind.CANCELLATION
FULL = {"name": "Ada <Lovelace>", "contract": "ord_1", "email": "ada@example.com", "message": "a\nb"}
BUSY = Form(kind=WITHDRAWAL, language="en", secret="s", entered=FULL, trouble=words_of("en")("error.busy", email="x@y"))


def pages() -> Mapping[str, str]:
    """Return the pages by what they are."""
    return {
        "a withdrawal's form": form(WITHDRAWAL),
        "a withdrawal's form with everything in it": form(WITHDRAWAL, **FULL, part="The second one."),
        "a withdrawal's form with everything wrong": form(WITHDRAWAL, name="", contract="", email="x"),
        "a withdrawal's form while the table is busy": form_page(BUSY),
        "a cancellation's form": form(CANCELLATION),
        "a cancellation's form with everything in it": form(
            CANCELLATION, **FULL, type="extraordinary", ends_on="2026-12-31"
        ),
        "a cancellation's form with everything wrong": form(
            CANCELLATION, name="", contract="", email="x", ends_on="x", type="x"
        ),
        **{f"the receipt of a {kind}": receipt_page(declaration(kind=kind)) for kind in (WITHDRAWAL, CANCELLATION)},
        "the answer to a stranger's withdrawal": answer_page(declaration(), "en", "token", is_objection=False),
        "the objection to it": answer_page(declaration(), "en", "token", is_objection=True),
        "a message": message_page("en", "answer.busy"),
    }


def lines() -> Iterator[str]:
    """Yield the pages: each tag with the text behind it has a line. What is as on the page before is left out."""
    before: list[str] = []
    for name, html in pages().items():
        yield f"# {name}"
        page = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
        tags = [line.replace("\n", "⏎") for line in re.split(r"(?=<(?!/))", page) if line]
        yield from (line for line in tags if line not in before)
        before = tags


if __name__ == "__main__":
    FILE.write_text("\n".join(lines()) + "\n", "utf-8")
