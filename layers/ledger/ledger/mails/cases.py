"""Mails about a refund case: what was received, what was decided and why, and what became of the money.

The credit note of a refund is one of them, and a document that is attached to it.
"""

from datetime import datetime

from ledger.domain.credit_notes import CreditNote, CreditNoteKind
from ledger.domain.records import record
from ledger.domain.refund_cases import BY_POLICY, CaseState, RefundCase, StateChange
from ledger.mails.letters import Block, Facts, Letter, Link, Paragraph, Quote, Section
from ledger.mails.writing import Writer
from ledger.policy.texts import shipped_texts

_DECIDED = frozenset({CaseState.APPROVED, CaseState.DECLINED, CaseState.REPLACED})


@record(frozen=True, kw_only=True)
class Reported:
    """What the mails of a case say beside the case itself."""

    case: RefundCase
    product: str
    paid_at: datetime


def is_outdated(case: RefundCase, step: int) -> bool:
    """Return whether a later step has its own mail about the same: a decision replaces the one before it."""
    later = [change.to_state for change in case.history[step:]]
    decides = case.history[step - 1].to_state in _DECIDED
    return any(state in _DECIDED for state in later) if decides else bool(later)


def case_update(reported: Reported, step: int, name: str, mail_id: str, writer: Writer) -> Letter:
    """Return the letter about one step of a case, counted from 1. `name` says what the step means to the customer."""
    case = reported.case
    change = case.history[step - 1]

    def write(key: str, **figures: str | int) -> str:
        return writer.write(f"case_update.{key}", **figures)

    return writer.letter(
        write(f"{name}_subject", case_id=case.case_id),
        write(f"{name}_heading"),
        mail_id,
        Paragraph(writer.write("common.greeting")),
        Paragraph(write(name)),
        Facts(_rows(reported, name, writer)),
        *_reasons(case, change, name, writer),
        *_review(case, name, writer),
        Link(write("button"), writer.house.account_url),
    )


def _rows(reported: Reported, name: str, writer: Writer) -> tuple[tuple[str, str], ...]:
    def label(key: str) -> str:
        return writer.write(f"case_update.{key}_label")

    case, decision = reported.case, reported.case.decision
    rows = [
        (label("case"), case.case_id),
        (label("product"), reported.product),
        (label("paid_on"), writer.day(reported.paid_at)),
    ]
    if decision and name in {"approved", "refunded", "failed"}:
        rows.append((label("amount"), writer.money(decision.money_minor, decision.currency)))
    if decision and name == "replaced":
        rows.append((label("credits"), writer.number(decision.credits)))
    if case.due_by and name in {"approved", "failed"}:
        rows.append((label("due_by"), writer.day(case.due_by)))
    return tuple(rows)


def _reasons(case: RefundCase, change: StateChange, name: str, writer: Writer) -> list[Block]:
    """Return why it was decided so, in the words that the case shows."""
    decision = case.decision
    if decision is None or name not in {"approved", "declined", "replaced"}:
        return []
    words = shipped_texts().render_all(decision.reasons, writer.language)
    by = "automatic" if change.actor == BY_POLICY else "person"
    return [
        Section(writer.write("case_update.reason_title")),
        *([Quote("\n".join(words))] if words else []),
        Paragraph(writer.write(f"case_update.by_{by}", clause=decision.clause)),
    ]


def _review(case: RefundCase, name: str, writer: Writer) -> list[Block]:
    """Return how a person reviews it: whoever decided, the customer can ask for that."""
    if name != "declined":
        return []
    return [
        Section(writer.write("case_update.review_title")),
        Paragraph(writer.write("case_update.review_how", case_id=case.case_id)),
    ]


def _taxed(note: CreditNote, writer: Writer) -> list[tuple[str, str]]:
    """Return the rows of net and tax, if the tax is known."""
    if note.tax_minor is None:
        return []
    parts = (("net", note.amount_minor - note.tax_minor), ("tax_amount", note.tax_minor))
    return [(writer.write(f"credit_note.{key}"), writer.money(minor, note.currency)) for key, minor in parts]


def credit_note(note: CreditNote, product: str, mail_id: str, writer: Writer) -> Letter:
    """Return the letter that is a credit note, or the document that takes one back."""
    is_correction = note.kind is CreditNoteKind.CORRECTION
    kind = "correction" if is_correction else "credit"

    def write(key: str, **figures: str) -> str:
        return writer.write(f"credit_note.{key}", **figures)

    invoice = note.invoice_number or write("no_number")
    rows = [
        (write("number"), note.number),
        (write("issued_on"), writer.day(note.issued_at)),
        (write("seller"), note.issued_by),
        (write("buyer"), note.account_id),
        *([(write("corrects"), note.corrects)] if note.corrects else []),
        (write("invoice"), f"{invoice}, {writer.day(note.paid_at)}"),
        (write("payment"), note.payment_id.partition(":")[2]),
        (write("product"), product),
        *_taxed(note, writer),
        (write("amount"), writer.money(note.amount_minor, note.currency)),
    ]
    return writer.letter(
        write(f"{kind}_subject", number=note.number),
        write(f"{kind}_heading", number=note.number),
        mail_id,
        Paragraph(writer.write("common.greeting")),
        Paragraph(write(kind)),
        Facts(tuple(rows)),
        Paragraph(write("tax" if note.tax_minor is None else "tax_known")),
        Paragraph(write("keep")),
    )
