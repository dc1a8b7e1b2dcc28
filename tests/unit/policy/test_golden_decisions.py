"""What the policy decides of many situations is what it decided before."""

from tests.unit.policy.golden_decisions import FILE, lines


def test_each_decision_is_what_it_was() -> None:
    """After a change that is meant: write the golden file anew, and read whom it reaches."""
    golden = FILE.read_text("utf-8").splitlines()
    assert [line for decision in lines() for line in decision.splitlines()] == golden
