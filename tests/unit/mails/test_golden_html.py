"""What a mail's HTML looks like is what it was, tag by tag."""

from tests.unit.mails.golden_html import FILE, lines


def test_each_letters_markup_is_what_it_was() -> None:
    """If a change is meant: `python -m tests.unit.mails.golden_html` writes the file anew. Read what differs."""
    assert [*lines()] == FILE.read_text("utf-8").splitlines()
