"""Submit a declaration: step 1 and step 2, together or one after the other.

Neither step reads the ledger: the response and its duration say nothing about whether a contract or an address is
known. The contract is looked for behind the bus.
"""

from dataclasses import replace
from datetime import datetime

from ledger.domain.declarations import (
    Channel,
    Declaration,
    DeclarationState,
    Submission,
    declaration_id,
    hash_of,
    is_one_of,
)
from ledger.domain.errors import NotFound
from ledger.ports.commit import Commit
from ledger.ports.documents import declaration_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.declarations.change import change_declaration, document_changes
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction


def declare(submission: Submission, token: str, store: Store, *, now: datetime) -> Declaration:
    """Store step 1, and return it. `token` is a new secret: step 2 needs it. The same token stores one draft."""
    name = declaration_id(submission.kind, token)

    def attempt() -> Declaration | Retry:
        known = store.read(Keys(documents=frozenset({declaration_key(name)})))
        if draft := known.document(declaration_key(name), Declaration):
            return draft
        draft = _draft(name, submission, token, now)
        return CONFLICT if store.commit(Commit(documents=(*document_changes(None, draft),))) else draft

    return run_transaction(attempt, name)


def confirm(name: str, token: str, store: Store, *, now: datetime) -> Declaration:
    """Make step 2 of a declaration. The first time stays, however often it is repeated.

    Raise NotFound if there is no such declaration, and if the token is another's. A draft of the page is incomplete:
    only its form completes it.
    """

    def confirmed(draft: Declaration) -> Declaration:
        is_of_page = draft.submission.channel is Channel.PAGE and draft.state is DeclarationState.DRAFT
        if is_of_page or not is_one_of(token, (draft.token_hash,)):
            raise NotFound(f"There is no declaration {name}.")
        return _confirmed(draft, now) if draft.state is DeclarationState.DRAFT else draft

    return change_declaration(name, confirmed, store)


def submit(submission: Submission, form: str, store: Store, *, now: datetime) -> Declaration:
    """Make both steps at once, as the page does. The same content of the same form is one declaration.

    `form` is the secret of the form. If it was sent before, incomplete, the time of step 1 is that of then.
    """
    name = declaration_id(submission.kind, form, submission.fingerprint)
    first, own = declaration_key(declaration_id(submission.kind, form)), declaration_key(name)

    def attempt() -> Declaration | Retry:
        known = store.read(Keys(documents=frozenset({first, own})))
        if found := known.document(own, Declaration):
            return found
        draft = known.document(first, Declaration)
        whole = _confirmed(_draft(name, submission, form, draft.declared_at if draft else now), now)
        return CONFLICT if store.commit(Commit(documents=(*document_changes(None, whole),))) else whole

    return run_transaction(attempt, name)


def _draft(name: str, submission: Submission, token: str, now: datetime) -> Declaration:
    return Declaration(
        declaration_id=name,
        state=DeclarationState.DRAFT,
        submission=submission,
        declared_at=now,
        token_hash=hash_of(token),
    )


def _confirmed(draft: Declaration, now: datetime) -> Declaration:
    return replace(draft.with_state(DeclarationState.CONFIRMED), confirmed_at=now)
