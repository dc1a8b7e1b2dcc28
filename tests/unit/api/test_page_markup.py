"""The public pages, tag by tag: what a browser and a screen reader are given."""

from tests.unit.api import golden_pages


def test_each_page_is_marked_up_as_it_is_written_here() -> None:
    """`python -m tests.unit.api.golden_pages` writes it anew: look at the difference, and at the page."""
    assert [*golden_pages.lines()] == golden_pages.FILE.read_text("utf-8").splitlines()
