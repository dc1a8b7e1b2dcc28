"""Approve a declaration, or object to it, by the links that were mailed to the address on file."""

from dataclasses import replace
from datetime import datetime

from ledger.domain.declarations import (
    BY_LINK,
    BY_SILENCE,
    Declaration,
    DeclarationState,
    ReviewCause,
    hash_of,
    is_one_of,
)
from ledger.domain.errors import NotFound, RequestRefused
from ledger.ports.commit import DocumentChange
from ledger.ports.store import Store
from ledger.usecases.declarations.change import (
    change_declaration,
    contract_change,
    find_declaration,
    read_contract,
)

MOST_LINKS = 20
"""How many pairs of links a declaration has at most: a mail that is sent again has new ones."""


def issue_links(name: str, approval_token: str, objection_token: str, store: Store) -> Declaration:
    """Store the hashes of two new secrets, for the links of one mail to the address on file. Earlier ones stay valid.

    Raise NotFound, and RequestRefused unless the declaration waits for an answer.
    """

    def issued(declaration: Declaration) -> Declaration:
        if declaration.state is not DeclarationState.MATCHED:
            raise RequestRefused(f"The declaration is {declaration.state}: it waits for no answer.")
        return replace(
            declaration,
            approval_hashes=(*declaration.approval_hashes, hash_of(approval_token))[-MOST_LINKS:],
            objection_hashes=(*declaration.objection_hashes, hash_of(objection_token))[-MOST_LINKS:],
        )

    return change_declaration(name, issued, store)


def linked_declaration(name: str, token: str, store: Store, *, is_objection: bool) -> Declaration:
    """Return the declaration that a link is about. Raise NotFound, also if the link's secret is another's."""
    declaration = find_declaration(name, store)
    if declaration is None or not _fits(declaration, token, is_objection=is_objection):
        raise NotFound("This link is not valid.")
    return declaration


def approve(name: str, token: str, store: Store) -> Declaration:
    """Approve a declaration that waits for an answer. Else it stays as it is. Raise NotFound for another secret."""

    def approved(declaration: Declaration) -> Declaration:
        if not _fits(declaration, token, is_objection=False):
            raise NotFound("This link is not valid.")
        if declaration.state is not DeclarationState.MATCHED:
            return declaration
        return replace(declaration.with_state(DeclarationState.APPROVED), approved_by=BY_LINK)

    return change_declaration(name, approved, store)


def object_to(name: str, token: str, store: Store, *, now: datetime) -> Declaration:
    """Object to a declaration: a person decides. What is being carried out, or was approved by a person, stays.

    The first objection stays. It is one of the contract: no later declaration about it is approved by silence. Raise
    NotFound for another secret.
    """

    def objected(declaration: Declaration) -> Declaration:
        if not _fits(declaration, token, is_objection=True):
            raise NotFound("This link is not valid.")
        if declaration.objected_at:
            return declaration
        declaration = replace(declaration, objected_at=now)
        is_undecided = declaration.approved_by in {None, BY_LINK, BY_SILENCE}
        is_waiting = declaration.state in {DeclarationState.MATCHED, DeclarationState.APPROVED} and is_undecided
        is_in_time = is_waiting and declaration.begun_at is None
        return declaration.in_review(ReviewCause.OBJECTED) if is_in_time else declaration

    def of_contract(declaration: Declaration) -> tuple[DocumentChange, ...]:
        contract = read_contract(declaration, store)
        if contract is None or contract.objected_at:
            return ()
        return (contract_change(replace(contract, objected_at=now)),)

    return change_declaration(name, objected, store, of_contract)


def _fits(declaration: Declaration, token: str, *, is_objection: bool) -> bool:
    return is_one_of(token, declaration.objection_hashes if is_objection else declaration.approval_hashes)
