"""The model holds where it is checked, breaks without each guard, and speaks of the code that is there."""

import importlib
import io
import re

import pytest

from proof.model import exhaust, show_needed
from proof.model.checker import HERE, require
from proof.model.configurations import ENDED, GUARDS, ISSUE, LONG, ORDER, SHORT, Configuration, Guard
from proof.work import CannotRun, Work
from tools.engines import ROOT

DOCUMENT = (ROOT / "docs" / "model.md").read_text()


def checker() -> None:
    """Skip where there is none; CI has it."""
    try:
        require()
    except CannotRun as missing:
        pytest.skip(str(missing))


def working() -> Work:
    """A part's work that tells nobody."""
    return Work("model", seed=7, seconds=60, out=io.StringIO())


@pytest.mark.parametrize("configuration", [ORDER, ENDED], ids=lambda configuration: configuration.name)
def test_every_state_is_visited_nothing_breaks_and_the_figures_are_the_documented_ones(
    configuration: Configuration,
) -> None:
    """The checker is deterministic: what docs/model.md shows is what it says here."""
    checker()
    work = working()
    seen = exhaust(configuration, work)
    assert work.found == []
    row = f"| {configuration.name} | {seen.states:,} | {seen.transitions:,} | {seen.depth:,} |"
    assert row in DOCUMENT


def test_a_refund_that_is_sent_without_looking_is_found() -> None:
    """It goes back twice: the part tells the assertion, and the steps that lead there."""
    checker()
    work = working()
    exhaust(Configuration("planted", "refunds", (*ISSUE.switches, "SEND_WITHOUT_LOOKING")), work)
    [found] = work.found
    assert "assertion violated (has[tag]<=1)" in found
    assert "Sender:1" in found


def test_a_guard_taken_away_is_found_necessary() -> None:
    """A torn read that is trusted leaves a lot off its target."""
    checker()
    work = working()
    [guard] = [guard for guard in GUARDS if guard.without == "TRUST_A_TORN_READ"]
    assert show_needed(guard, work).error
    assert work.counts == {"guards shown necessary": 1}


def test_a_guard_that_nothing_needs_is_told() -> None:
    """A switch that takes nothing away proves nothing."""
    checker()
    work = working()
    show_needed(Guard("NO_SUCH_SWITCH", ISSUE), work)
    assert work.found == ["without NO_SUCH_SWITCH: nothing broke in two senders"]


def test_every_switch_is_in_its_model_and_every_configuration_is_documented() -> None:
    """A switch with a typo would check the whole model and call it a guard."""
    for guard in GUARDS:
        source = (HERE / f"{guard.where.model}.pml").read_text()
        assert all(re.search(rf"#ifn?def {switch}\b", source) for switch in guard.without.split())
        assert all(f"`{switch}`" in DOCUMENT for switch in guard.without.split())
    assert all(f"| {configuration.name} |" in DOCUMENT for configuration in (*SHORT, *LONG))


def test_every_function_that_the_correspondence_names_is_there() -> None:
    """`ledger.book.record` in the document is a thing of the code."""
    names = set(re.findall(r"`(ledger(?:\.\w+)+)`", DOCUMENT))
    models = "".join((HERE / f"{model}.pml").read_text() for model in ("booking", "refunds"))
    names |= set(re.findall(r"\b(ledger\.\w+\.\w+(?:\.\w+)*)", models))
    assert len(names) > 20
    missing = [name for name in names if not _is_there(name)]
    assert missing == []


def _is_there(name: str) -> bool:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False
