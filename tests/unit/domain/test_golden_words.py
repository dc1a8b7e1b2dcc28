"""Each word that is stored stays what it is: other releases read what this one wrote."""

from tests.unit.domain.golden_words import FILE, lines


def test_each_word_is_what_it_was() -> None:
    """If a change is meant: `python -m tests.unit.domain.golden_words` writes the file anew."""
    assert [*lines()] == FILE.read_text("utf-8").splitlines()
