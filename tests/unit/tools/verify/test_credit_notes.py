"""Each way in which the rule about credit notes can be broken is named, and nothing else is."""

from dataclasses import replace

import pytest

from ledger.domain.credit_notes import CreditNote
from ledger.domain.ids import AccountId, PaymentId
from tools.testing.planting import Fault, Rule, name_of, named, rows
from tools.verify import World
from tools.verify.credit_notes import documented

FIRST, SECOND = "2026-000001", "2026-000002"


def note(whole: World, number: str, **changes: object) -> None:
    """Change a document."""
    key = next(key for key in whole.credit_notes if key.parts[1] == number)
    whole.credit_notes[key] = replace(whole.credit_notes[key], **changes)  # type: ignore[arg-type]


def gone(whole: World, number: str) -> str:
    """Remove a document. Return what it was about."""
    found: CreditNote = whole.credit_notes.pop(next(key for key in whole.credit_notes if key.parts[1] == number))
    return found.subject


def forgotten(whole: World, number: str) -> None:
    """Remove the pointer to a document."""
    key = next(key for key, one in whole.credit_note_pointers.items() if one.number == number)
    del whole.credit_note_pointers[key]


def another(whole: World, of: str, **changes: object) -> str:
    """Change the pointer to a document. Return what it is about."""
    key = next(key for key, one in whole.credit_note_pointers.items() if one.number == of)
    whole.credit_note_pointers[key] = replace(whole.credit_note_pointers[key], **changes)  # type: ignore[arg-type]
    return key.parts[0]


FAULTS: dict[Rule, list[Fault]] = {
    documented: [
        Fault("its amount is another", "documented", lambda w: note(w, FIRST, amount_minor=1), (FIRST,)),
        Fault("its currency is another", "documented", lambda w: note(w, FIRST, currency="JPY"), (FIRST,)),
        Fault("its payment is none", "documented", lambda w: note(w, FIRST, payment_id=PaymentId("x")), (FIRST,)),
        Fault("a credit corrects one", "documented", lambda w: note(w, FIRST, corrects=SECOND), (FIRST,)),
        Fault("a correction corrects none", "documented", lambda w: note(w, SECOND, corrects=None), (SECOND,)),
        Fault("a correction corrects itself", "documented", lambda w: note(w, SECOND, corrects=SECOND), (SECOND,)),
        Fault("nothing leads to it", "documented", lambda w: forgotten(w, FIRST), (FIRST,)),
        Fault("it is not there", "documented", lambda w: gone(w, SECOND), ("{0}",)),
        Fault("another number", "documented", lambda w: another(w, SECOND, number=FIRST), (SECOND, "{0}")),
        Fault(
            "of another account",
            "documented",
            lambda w: another(w, SECOND, account_id=AccountId("acct_eve")),
            (SECOND, "{0}"),
        ),
    ],
}


@pytest.mark.parametrize(("rule", "fault"), rows(FAULTS), ids=name_of)
def test_each_fault_is_named(rule: Rule, fault: Fault) -> None:
    """And nothing else is."""
    found, expected = named(rule, fault)
    assert found == expected
