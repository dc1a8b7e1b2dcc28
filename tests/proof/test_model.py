"""The model holds where it is checked, breaks without each guard, and speaks of the code that is there."""

import importlib
import io
import re

import pytest

from proof.model import compare, exhaust, show_needed, show_reached
from proof.model.checker import HERE, Search, never, require
from proof.model.configurations import GUARDS, ISSUE, LONG, RUN, SHORT, Configuration, Guard
from proof.work import CannotRun, Work
from tools.engines import ROOT

DOCUMENT = (ROOT / "docs" / "model.md").read_text()
MODELS = ("booking", "refunds")
QUICK = [
    configuration
    for configuration in SHORT
    if configuration.name
    not in {
        *("a payment told again with its charge", "a duplicate refunded", "a lot closes while it is read"),
        "webhooks and the stream",
    }
]
"""Less than two seconds each. The part itself holds all to what is documented."""


def checker() -> None:
    """Skip where there is none; CI has it."""
    try:
        require()
    except CannotRun as missing:
        pytest.skip(str(missing))


def working() -> Work:
    """A part's work that tells nobody."""
    return Work("model", seed=7, seconds=60, out=io.StringIO())


@pytest.mark.parametrize("configuration", QUICK, ids=lambda configuration: configuration.name)
def test_every_state_is_visited_nothing_breaks_and_the_figures_are_the_documented_ones(
    configuration: Configuration,
) -> None:
    """The checker is deterministic: what docs/model.md shows is what it says here."""
    checker()
    work = working()
    beside = set(HERE.iterdir())
    compare(configuration, exhaust(configuration, work), work)
    assert work.found == []
    assert work.counts["configurations exhausted"] == 1
    assert set(HERE.iterdir()) == beside


def test_figures_other_than_the_documented_are_told() -> None:
    """With the row that the document should have."""
    work = working()
    compare(ISSUE, searched(states=1_234), work)
    assert work.found == ["docs/model.md says otherwise than | two senders | 1,234 | 0 | 0 |"]


def test_a_step_that_never_happens_is_told() -> None:
    """Unless it is marked. What a configuration does not have says nothing; what is reached in any is reached."""
    short = searched(lines=frozenset({1, 2}), unreached=frozenset({("Sender", 1), ("Sender", 2)}))
    other = searched(lines=frozenset({2, 3}), unreached=frozenset({("Sender", 3)}))
    assert never([short]) == {("Sender", 1), ("Sender", 2)}
    assert never([short, other]) == {("Sender", 1), ("Sender", 3)}
    work = working()
    show_reached({configuration: short for configuration in SHORT if configuration.model == "booking"}, work)
    assert work.found == ["booking.pml: lines [1, 2] are never reached, [] are marked so"]


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
    assert show_needed(guard, work).broken == "_on_target"
    assert work.counts == {"guards shown necessary": 1}


def test_a_guard_without_which_something_else_breaks_is_told() -> None:
    """A control that breaks for another reason than it should shows nothing of the guard."""
    checker()
    work = working()
    show_needed(Guard("SEND_WITHOUT_LOOKING", ISSUE, "_on_target"), work)
    [found] = work.found
    assert found.startswith("without SEND_WITHOUT_LOOKING: _one_refund breaks, not _on_target: ")


def test_a_receipt_apart_does_harm_only_where_somebody_dies_between_the_two() -> None:
    """So what breaks without this guard is not the taking away itself."""
    checker()
    work = working()
    apart = [guard for guard in GUARDS if "RECEIPT_APART" in guard.without]
    assert [guard.where for guard in apart] == [RUN, RUN]
    for guard in apart:
        show_needed(guard, work)
    assert work.found == []
    assert work.counts == {"guards shown necessary": 1, "guards shown to be doubled by others": 1}


def test_a_guard_that_nothing_needs_is_told() -> None:
    """A switch that takes nothing away proves nothing."""
    checker()
    work = working()
    show_needed(Guard("NO_SUCH_SWITCH", ISSUE), work)
    assert work.found == ["without NO_SUCH_SWITCH: nothing broke in two senders"]


def test_every_switch_is_in_its_model_and_every_row_is_documented() -> None:
    """A switch with a typo would check the whole model and call it a guard."""
    for guard in GUARDS:
        assert set(guard.without.split()) <= switches(guard.where.model)
        names = ", ".join(f"`{switch}`" for switch in guard.without.split())
        came = f"doubled: {guard.doubled_by}" if guard.doubled_by else f"breaks `{guard.breaks}`"
        assert f"| {names} | {guard.where.name} | {came} |" in DOCUMENT
    assert all(f"| {configuration.name} |" in DOCUMENT for configuration in (*SHORT, *LONG))


@pytest.mark.parametrize("model", MODELS)
def test_every_switch_of_a_model_is_a_guard_or_used_by_a_configuration(model: str) -> None:
    """A condition whose switch nobody turns was never shown to be needed."""
    turned = {switch for guard in GUARDS if guard.where.model == model for switch in guard.without.split()}
    used = {switch for configuration in (*SHORT, *LONG) for switch in configuration.switches}
    assert switches(model) - turned - used == set()


def switches(model: str) -> set[str]:
    """What a model's source asks for, but for bounds, which it defines itself."""
    source = (HERE / f"{model}.pml").read_text()
    bounds = set(re.findall(r"#ifndef (\w+)\n#define \1\b", source))
    return set(re.findall(r"(?:#ifn?def |defined\()(\w+)", source)) - bounds


def searched(
    states: int = 0, lines: frozenset[int] = frozenset(), unreached: frozenset[tuple[str, int]] = frozenset()
) -> Search:
    """A search that came to its end and found nothing wrong."""
    return Search(
        None, None, "", is_exhausted=True, states=states, transitions=0, depth=0, lines=lines, unreached=unreached
    )


def test_every_function_that_the_correspondence_names_is_there() -> None:
    """`ledger.usecases.record_event.record_event` in the document is a thing of the code."""
    names = set(re.findall(r"`(ledger(?:\.\w+)+)`", DOCUMENT))
    models = "".join((HERE / f"{model}.pml").read_text() for model in MODELS)
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
