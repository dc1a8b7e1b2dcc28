"""Each way in which the rules about credit notes can be broken is named, and nothing else is."""

from dataclasses import replace

import pytest

from ledger.domain.credit_notes import CreditNote
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import PaymentConcern, QueuedCase
from ledger.ports.documents import credit_note_pointer_key
from tools.testing.planting import Fault, Rule, drop, drop_fact, name_of, named, one, put, rows
from tools.verify import World
from tools.verify.credit_notes import documented, due

FIRST, SECOND, THIRD, FOURTH = (f"2026-{number:06}" for number in range(1, 5))


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


def of_a_longer_key(whole: World) -> str:
    """Let the key of a pointer say more than a refund. Return its refund."""
    subject = one(whole.credit_notes.values(), number=FIRST).subject
    key = credit_note_pointer_key(subject)
    whole.credit_note_pointers[key._replace(parts=(*key.parts, "x"))] = whole.credit_note_pointers.pop(key)
    return str(subject)


def of_another_provider(whole: World) -> str:
    """Let a document and the pointer to it be about a refund of another provider. Return what the others name."""
    found = one(whole.credit_notes.values(), number=FIRST)
    note(whole, FIRST, refund_id="paddle:re_1")
    pointer = whole.credit_note_pointers.pop(credit_note_pointer_key(found.subject))
    whole.credit_note_pointers[credit_note_pointer_key("paddle:re_1")] = pointer
    return SECOND


def waiting(whole: World) -> QueuedCase:
    """Return what says that a payment waits for the credit notes of its refunds."""
    return one(whole.queued_cases.values(), concern=PaymentConcern.REFUNDED)


def waits_no_more(whole: World, *numbers: str) -> None:
    """Forget that a payment waits for the credit notes of its refunds, and the pointers to some documents."""
    drop(whole, waiting(whole))
    for number in numbers:
        forgotten(whole, number)


def waits_without_a_payment(whole: World) -> None:
    """Forget the same, and each payment itself: refunds without one wait for it."""
    waits_no_more(whole)
    for name, item in whole.payments.items():
        if isinstance(item, Purchase):
            facts = {key: fact for key, fact in item.facts.items() if key != "payment"}
            whole.payments[name] = replace(item, facts=facts)


FAULTS: dict[Rule, list[Fault]] = {
    documented: [
        Fault("its amount is another", "documented", lambda w: note(w, FIRST, amount_minor=1), (FIRST,)),
        Fault("its currency is another", "documented", lambda w: note(w, FIRST, currency="JPY"), (FIRST,)),
        Fault("its payment is none", "documented", lambda w: note(w, FIRST, payment_id=PaymentId("x")), (FIRST,)),
        Fault("a credit corrects one", "documented", lambda w: note(w, FIRST, corrects=SECOND), (FIRST,)),
        Fault("a correction corrects none", "documented", lambda w: note(w, SECOND, corrects=None), (SECOND,)),
        Fault("a correction corrects itself", "documented", lambda w: note(w, SECOND, corrects=SECOND), (SECOND,)),
        Fault("its payment did not arrive", "documented", waits_without_a_payment, (FIRST, SECOND, THIRD)),
        Fault("its refund is no fact", "documented", lambda w: drop_fact(w, "refund:re_2"), (THIRD,)),
        Fault("its refund is another provider's", "documented", of_another_provider, (FIRST, "{0}")),
        Fault("its tax is another", "taxed", lambda w: note(w, FOURTH, tax_minor=282), (FOURTH,)),
        Fault("its tax was not known yet", "taxed", lambda w: note(w, FOURTH, tax_minor=None)),
        Fault("its payment is none, with a tax", "taxed", lambda w: note(w, FOURTH, payment_id="x"), (FOURTH,)),
        Fault("a correction has another tax", "taxed", lambda w: note(w, THIRD, tax_minor=82), (THIRD, FOURTH)),
        Fault("an unknown tax is said", "documented", lambda w: note(w, THIRD, tax_minor=33), (THIRD,)),
        Fault("nothing leads to it", "documented", lambda w: forgotten(w, FIRST), (FIRST,)),
        Fault("its pointer's key says more", "documented", of_a_longer_key, (FIRST, "{0}")),
        Fault("it is not there", "documented", lambda w: gone(w, SECOND), ("{0}",)),
        Fault("another number", "documented", lambda w: another(w, SECOND, number=FIRST), (SECOND, "{0}")),
        Fault(
            "of another account",
            "documented",
            lambda w: another(w, SECOND, account_id=AccountId("acct_eve")),
            (SECOND, "{0}"),
        ),
    ],
    due: [
        Fault("it waits no more", "documented", waits_no_more, ("stripe:re_3",)),
        Fault(
            "it waits for something else",
            "documented",
            lambda w: put(w, waiting(w), concern=PaymentConcern.WARNED),
            ("stripe:re_3",),
        ),
        Fault("a seller of record documents its refunds", "paddle_partial_refund", lambda w: w.queued_cases.clear()),
        Fault(
            "another one lost its document",
            "documented",
            lambda w: waits_no_more(w, THIRD),
            ("stripe:re_2", "stripe:re_3"),
        ),
        Fault("while its payment waits, none is missed", "documented", lambda w: forgotten(w, THIRD)),
        Fault("a refund that failed needs none", "documented", lambda w: forgotten(w, SECOND)),
        Fault("without a payment none is due", "documented", waits_without_a_payment),
    ],
}


@pytest.mark.parametrize(("rule", "fault"), rows(FAULTS), ids=name_of)
def test_each_fault_is_named(rule: Rule, fault: Fault) -> None:
    """And nothing else is."""
    found, expected = named(rule, fault)
    assert found == expected
