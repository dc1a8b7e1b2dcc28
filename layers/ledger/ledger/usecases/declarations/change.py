"""Read a declaration, change it, and keep the list of open declarations with it."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from ledger.domain.declarations import Declaration, DeclaredContract, ListedDeclaration, hash_of
from ledger.domain.errors import NotFound
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import declaration_key, declared_contract_key, listed_declaration_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction


def find_declaration(declaration_id: str, store: Store) -> Declaration | None:
    """Return a declaration, in one round trip. None: there is none."""
    key = declaration_key(declaration_id)
    return store.read(Keys(documents=frozenset({key}))).document(key, Declaration)


def read_declaration(declaration_id: str, store: Store) -> Declaration:
    """Return a declaration, in one round trip. Raise NotFound."""
    declaration = find_declaration(declaration_id, store)
    if declaration is None:
        raise NotFound(f"There is no declaration {declaration_id}.")
    return declaration


def read_contract(declaration: Declaration, store: Store) -> DeclaredContract | None:
    """Return what was declared about the contract of a declaration. None: its contract is not known."""
    if declaration.contract_id is None:
        return None
    key = declared_contract_key(declaration.contract_id)
    found = store.read(Keys(documents=frozenset({key}))).document(key, DeclaredContract)
    return found or DeclaredContract(contract_id=declaration.contract_id)


def contract_change(contract: DeclaredContract) -> DocumentChange:
    """Return the change that stores what was declared about a contract, on condition of the version that was read."""
    return DocumentChange(declared_contract_key(contract.contract_id), contract, contract.version)


def change_declaration(
    declaration_id: str,
    change: Callable[[Declaration], Declaration],
    store: Store,
    beside: Callable[[Declaration], tuple[DocumentChange, ...]] = lambda _: (),
) -> Declaration:
    """Store what `change` makes of a declaration, and return it. What it leaves as it is is not written.

    `beside` returns what is written with it. `change` is called again if another writer was first. Raise NotFound, and
    what it raises.
    """

    def attempt() -> Declaration | Retry:
        before = read_declaration(declaration_id, store)
        after = change(before)
        if after == before:
            return before
        after = kept(after)
        if store.commit(Commit(documents=(*document_changes(before, after), *beside(after)))):
            return CONFLICT
        return replace(after, version=after.version + 1)

    return run_transaction(attempt, declaration_id)


def document_changes(before: Declaration | None, after: Declaration) -> Iterator[DocumentChange]:
    """Yield the changes that store a declaration, and that list it in its state while it is open."""
    yield DocumentChange(declaration_key(after.declaration_id), after, before.version if before else 0)
    place = listed_declaration_key(after) if after.is_listed else None
    if before and before.is_listed and listed_declaration_key(before) != place:
        yield DocumentChange(listed_declaration_key(before), None)
    if place and not (before and before.is_listed and listed_declaration_key(before) == place):
        yield DocumentChange(place, _listed(after), None)


def kept(declaration: Declaration) -> Declaration:
    """Return what is kept of a declaration: once nothing is left to be done, without the digest that only counts."""
    if declaration.is_listed or not declaration.is_confirmed:
        return declaration
    return replace(declaration, submission=replace(declaration.submission, source=""))


def _listed(declaration: Declaration) -> ListedDeclaration:
    submission = declaration.submission
    return ListedDeclaration(
        declaration_id=declaration.declaration_id,
        state=declaration.state,
        since=declaration.confirmed_at or declaration.declared_at,
        source=submission.source,
        email_hash=hash_of(submission.email.casefold()),
    )
