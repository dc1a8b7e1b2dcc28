"""Rules about credit notes: each is of a refund that its payment has, and is found by it; and each refund has one."""

from collections import defaultdict

from ledger.domain.credit_notes import CreditNote, CreditNoteKind, tax_within
from ledger.domain.facts import RefundChanged
from ledger.domain.ids import PaymentId, provider_of
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import PaymentConcern
from ledger.domain.refunds import succeeded_refunds
from ledger.ports.documents import credit_note_key, credit_note_pointer_key
from ledger.providers.registry import PROVIDERS
from tools.verify.world import Verdicts, World


def documented(world: World) -> Verdicts:
    """A credit note is of a refund of its payment, with its amount, and its refund leads to it and to no other."""
    for note in world.credit_notes.values():
        pointer = world.credit_note_pointers.get(credit_note_pointer_key(note.subject))
        is_led_to = pointer is not None and (pointer.number, pointer.account_id) == (note.number, note.account_id)
        yield note.number, is_led_to and _is_of_its_refund(note, world) and _corrects_another(note, world)
    yield from _taxed(world)
    for key, pointer in world.credit_note_pointers.items():
        found = world.credit_notes.get(credit_note_key(pointer.account_id, pointer.number))
        yield key.parts[0], found is not None and credit_note_pointer_key(found.subject) == key


def due(world: World) -> Verdicts:
    """Each refund that succeeded, of a sale of ours, has its credit note, or its payment waits for it."""
    waiting = {one.payment_id for one in world.queued_cases.values() if one.concern is PaymentConcern.REFUNDED}
    for name, item in world.payments.items():
        provider = provider_of(name)
        if not isinstance(item, Purchase) or item.payment is None or PROVIDERS[provider].MERCHANT_OF_RECORD:
            continue
        for refund_id in succeeded_refunds(item.facts):
            pointer = world.credit_note_pointers.get(credit_note_pointer_key(f"{provider}:{refund_id}"))
            yield f"{provider}:{refund_id}", pointer is not None or name in waiting


def _is_of_its_refund(note: CreditNote, world: World) -> bool:
    home = world.home_of(note.payment_id)
    if home is None or home.payment is None:
        return False
    refund = home.facts.get(f"refund:{note.refund_id.removeprefix(f'{provider_of(note.payment_id)}:')}")
    if not isinstance(refund, RefundChanged):
        return False
    return (home.payment.account_id, refund.amount_minor, refund.currency) == (
        *(note.account_id, note.amount_minor),
        note.currency,
    )


def _taxed(world: World) -> Verdicts:
    """Yield whether each tax is the share that its payment's tax had left for it, by the documents before."""
    by_payment: dict[PaymentId, list[CreditNote]] = defaultdict(list)
    for note in sorted(world.credit_notes.values(), key=lambda note: note.number):
        home, before = world.home_of(note.payment_id), by_payment[note.payment_id]
        payment = home.payment if home else None
        if note.tax_minor is not None and note.kind is CreditNoteKind.CREDIT:
            known = payment and tax_within(note.amount_minor, payment.tax_minor, payment.paid_minor, before)
            yield note.number, known == note.tax_minor
        before.append(note)


def _corrects_another(note: CreditNote, world: World) -> bool:
    """Return whether a correction names the credit note of the same refund, and a credit note none."""
    if note.kind is CreditNoteKind.CREDIT:
        return note.corrects is None
    before = world.credit_notes.get(credit_note_key(note.account_id, note.corrects)) if note.corrects else None
    corrected = (note.refund_id, CreditNoteKind.CREDIT, note.tax_minor)
    return before is not None and (before.refund_id, before.kind, before.tax_minor) == corrected
