"""Each way in which the rule about declarations can be broken is named, and nothing else is."""

from dataclasses import replace

import pytest

from ledger.domain.declarations import Declaration, DeclarationState, ListedDeclaration
from tools.testing.builders import LATER
from tools.testing.planting import Fault, Rule, drop, name_of, named, one, put, rows
from tools.verify import World
from tools.verify.declarations import listed

OPEN = DeclarationState.IN_REVIEW


def declaration(whole: World, state: DeclarationState = OPEN, **changes: object) -> Declaration:
    """The first declaration in a state, with these changes."""
    return put(whole, one(whole.declarations.values(), state=state), **changes)


def entry(whole: World, **changes: object) -> ListedDeclaration:
    """What the list has of the one in review, with these changes."""
    return put(whole, one(whole.listed_declarations.values(), state=OPEN), **changes)


def without_case(whole: World) -> Declaration:
    """The case that a declaration has opened is missing."""
    known = next(one for one in whole.declarations.values() if one.case_id)
    drop(whole, whole.cases[known.case_id or ""])
    return known


def with_case(whole: World, **changes: object) -> Declaration:
    """A declaration that has opened a case says something else of its contract."""
    return put(whole, next(one for one in whole.declarations.values() if one.case_id), **changes)


def other_listed(whole: World) -> Declaration:
    """In the place of the one in review another one is listed."""
    entry(whole, declaration_id="W-9")
    return one(whole.declarations.values(), state=OPEN)


def listed_alone(whole: World) -> str:
    """A declaration that is listed is not there. Return the name of its entry."""
    drop(whole, declaration(whole))
    return "/".join(next(key for key, listed in whole.listed_declarations.items() if listed.state is OPEN).parts)


def with_capitals(whole: World) -> Declaration:
    """The address of the one in review is written in capitals. Its hash does not tell."""
    submission = declaration(whole).submission
    return declaration(whole, submission=replace(submission, email=submission.email.upper()))


FAULTS: dict[Rule, list[Fault]] = {
    listed: [
        Fault("it is not listed", "declared", lambda w: drop(w, entry(w)), ("{0.declaration_id}",)),
        Fault(
            "a draft is confirmed",
            "declared",
            lambda w: declaration(w, DeclarationState.DRAFT, confirmed_at=LATER),
            ("{0.declaration_id}",),
        ),
        Fault(
            "another state is listed",
            "declared",
            lambda w: entry(w, state=DeclarationState.MATCHED),
            ("{0.declaration_id}",),
        ),
        Fault("another time is listed", "declared", lambda w: entry(w, since=LATER), ("{0.declaration_id}",)),
        Fault("another source is listed", "declared", lambda w: entry(w, source="x"), ("{0.declaration_id}",)),
        Fault("another address is listed", "declared", lambda w: entry(w, email_hash="x"), ("{0.declaration_id}",)),
        Fault("another declaration is listed", "declared", other_listed, ("{0.declaration_id}",)),
        Fault("its case is missing", "declared", without_case, ("{0.declaration_id}",)),
        Fault(
            "its case is another account's", "declared", lambda w: with_case(w, account_id="x"), ("{0.declaration_id}",)
        ),
        Fault(
            "its case is of another payment",
            "declared",
            lambda w: with_case(w, payment_id="x"),
            ("{0.declaration_id}",),
        ),
        Fault("one is listed that is not there", "declared", listed_alone, ("{0}",)),
        Fault("its address has capitals", "declared", with_capitals),
        Fault("it is acknowledged", "declared", lambda w: declaration(w, acknowledged_at=LATER)),
    ],
}


@pytest.mark.parametrize(("rule", "fault"), rows(FAULTS), ids=name_of)
def test_a_fault_is_named(rule: Rule, fault: Fault) -> None:
    """And nothing else is."""
    found, expected = named(rule, fault)
    assert found == expected
