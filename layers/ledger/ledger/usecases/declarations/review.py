"""Settle a declaration as a person: name its contract, so that it is carried out; pass it on; or close it.

Each is on record under the declaration, which may belong to no account, in the transaction that carries it out.
"""

from dataclasses import replace
from datetime import datetime

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.declarations import Declaration, DeclarationKind, DeclarationState
from ledger.domain.errors import NotFound, RequestRefused
from ledger.domain.facts import PaymentSettled
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.mails import MailKind
from ledger.domain.records import record
from ledger.domain.subjects import subject_of_declaration
from ledger.ports.commit import DocumentChange
from ledger.ports.documents import subject_act_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.declarations.change import change_declaration
from ledger.usecases.declarations.find_contract import reseller_of
from ledger.usecases.list_mails import list_mail
from ledger.usecases.look_up import LookUp


@record(frozen=True, kw_only=True)
class NamedContract:
    """The contract that a person has found for a declaration."""

    account_id: AccountId
    payment_id: PaymentId


def carry_out(
    name: str, contract: NamedContract | None, person: str, store: Store, *, why: str, now: datetime
) -> Declaration:
    """Have a declaration in review carried out, about this contract or the one that was found. Idempotent.

    `why` is put on record. Raise NotFound if there is no such declaration or purchase, and RequestRefused unless it is
    in review.
    """
    payment = _payment(contract, store) if contract else None

    def approved(declaration: Declaration) -> Declaration:
        is_repeated = declaration.state in {DeclarationState.APPROVED, DeclarationState.EXECUTED}
        if is_repeated and declaration.approved_by == person:
            return declaration
        if declaration.kind is DeclarationKind.REVIEW:
            raise RequestRefused("Lift the hold or decide the case, then close the review with the answer.")
        if declaration.state is not DeclarationState.IN_REVIEW:
            raise RequestRefused(f"The declaration is {declaration.state}: no person decides about it.")
        changed = replace(declaration.with_state(DeclarationState.APPROVED), approved_by=person)
        if payment is None or contract is None:
            return changed
        return replace(
            changed,
            account_id=contract.account_id,
            payment_id=payment.payment_id,
            subscription_id=payment.subscription_id,
            reseller=reseller_of(payment.payment_id),
        )

    return change_declaration(name, approved, store, lambda one: (_act(AuditAction.CARRY_OUT, one, person, why, now),))


def record_forwarding(name: str, person: str, store: Store, *, why: str, now: datetime) -> Declaration:
    """Record that a person has passed a withdrawal on to who sold the contract. The first time stays.

    `why` says how, and is put on record. Raise NotFound, and RequestRefused if it is none that a reseller has to know.
    """

    def forwarded(declaration: Declaration) -> Declaration:
        if declaration.forwarded_at:
            return declaration
        if not declaration.is_to_be_forwarded:
            raise RequestRefused("We sold this contract, or it is not known: there is nobody to pass it on to.")
        return replace(declaration, forwarded_at=now, forwarded_by=person)

    return change_declaration(name, forwarded, store, lambda one: (_act(AuditAction.FORWARD, one, person, why, now),))


def close(name: str, reason: str, person: str, store: Store, *, now: datetime) -> Declaration:
    """Close a declaration in review that a person has settled another way, or one that was objected to too late.

    `reason` is the answer to a review: it is mailed to the customer. Idempotent. Raise as `carry_out`.
    """

    def closed(declaration: Declaration) -> Declaration:
        if (declaration.state, declaration.closed_by) == (DeclarationState.CLOSED, person):
            return declaration
        if declaration.state is DeclarationState.EXECUTED and not declaration.has_late_objection:
            raise RequestRefused(f"The declaration is {declaration.state}: no person decides about it.")
        return replace(declaration.with_state(DeclarationState.CLOSED), closed_by=person, closing_reason=reason)

    def beside(declaration: Declaration) -> tuple[DocumentChange, ...]:
        act = _act(AuditAction.CLOSE, declaration, person, reason, now)
        if declaration.kind is not DeclarationKind.REVIEW:
            return (act,)
        return (act, list_mail(MailKind.REVIEW_ANSWERED, name, declaration.account_id, now))

    return change_declaration(name, closed, store, beside)


def _act(action: AuditAction, declaration: Declaration, person: str, why: str, now: datetime) -> DocumentChange:
    """Return the change that puts an act on record under its declaration, whose condition holds for both."""
    name, step = declaration.declaration_id, declaration.version
    record = AuditRecord(actor=person, action=action, subject=name, reason=why, at=now, step=step)
    return DocumentChange(subject_act_key(subject_of_declaration(name), record), record, None)


def _payment(contract: NamedContract, store: Store) -> PaymentSettled:
    """Return the payment of a contract. Raise NotFound, also if it is another account's."""
    known = LookUp(store)(Keys(payments=frozenset({contract.payment_id})))
    purchase = known.home_of(contract.payment_id)
    if purchase is None or purchase.payment is None or purchase.account_id != contract.account_id:
        raise NotFound(f"There is no purchase {contract.payment_id}.")
    return purchase.payment
