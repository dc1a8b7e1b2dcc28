"""Record which mails about a declaration were accepted for delivery. The first time of each stays.

The same content for the same address within an hour has one acknowledgement.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, islice, takewhile

from ledger.domain.declarations import Declaration, DeclarationState, hash_of
from ledger.ports.store import Store
from ledger.usecases.declarations.change import change_declaration, find_declaration


def record_acknowledgement(name: str, store: Store, *, at: datetime) -> Declaration:
    """Record that the acknowledgement, to the address that the declaration names, was accepted. Raise NotFound."""
    return change_declaration(name, lambda one: one if one.acknowledged_at else replace(one, acknowledged_at=at), store)


def record_notice(name: str, store: Store, *, at: datetime) -> Declaration:
    """Record that the mail with the links, to the address on file, was accepted. Raise NotFound.

    From then on a day without an objection approves the declaration.
    """
    return change_declaration(name, lambda one: one if one.noticed_at else replace(one, noticed_at=at), store)


MOST_COMPARED = 1000
"""With how many declarations of each state one is compared: beyond it, each has an acknowledgement of its own."""
SHARED_FOR = timedelta(hours=1)
"""How long one acknowledgement counts for repetitions of the same content to the same address."""


def acknowledged_before(declaration: Declaration, store: Store) -> datetime | None:
    """Return when a declaration of the same content, confirmed within the hour before, was acknowledged. None: none."""
    confirmed_at, submission = declaration.confirmed_at or declaration.declared_at, declaration.submission
    email_hash, since = hash_of(submission.email.casefold()), confirmed_at - SHARED_FOR
    lists = (store.declarations(state, since) for state in DeclarationState)
    found = (takewhile(lambda one: one.since <= confirmed_at, listed) for listed in lists)
    for one in chain.from_iterable(islice(of_state, MOST_COMPARED) for of_state in found):
        if one.email_hash != email_hash or one.declaration_id == declaration.declaration_id:
            continue
        other = find_declaration(one.declaration_id, store)
        if other and other.acknowledged_at and other.submission.fingerprint == submission.fingerprint:
            return other.acknowledged_at
    return None
