"""What a client is told that sends what we don't take, word for word."""

from tests.integration import golden_refusals


def test_a_refusal_says_what_is_written_here() -> None:
    """`python -m tests.integration.golden_refusals` writes it anew: look at the difference by its words."""
    assert [*golden_refusals.lines()] == golden_refusals.FILE.read_text("utf-8").splitlines()
