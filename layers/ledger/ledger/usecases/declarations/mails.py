"""Record which mails about a declaration were accepted for delivery. The first time of each stays.

The same content for the same address within an hour has one acknowledgement. Of different content an address gets a
few within an hour, and the others later: anybody can have them sent to anybody, and none is left out.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, islice, takewhile

from ledger.domain.declarations import Declaration, DeclarationState, hash_of
from ledger.ports.documents import declaration_key
from ledger.ports.reads import Keys
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

MOST_RECEIPTS = 5
"""How many acknowledgements one address gets within an hour. The next ones wait: a public form floods no mailbox."""
_BATCH = 100


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


def paced_until(declaration: Declaration, store: Store, now: datetime) -> datetime | None:
    """Return until when an acknowledgement waits, because its address had so many within the hour. None: it does not.

    Those count that are listed, which each declaration is until it is settled.
    """
    email_hash = hash_of(declaration.submission.email.casefold())
    listed = chain.from_iterable(islice(store.declarations(state), MOST_COMPARED) for state in DeclarationState)
    names = [declaration_key(one.declaration_id) for one in listed if one.email_hash == email_hash]
    read = (store.read(Keys(documents=frozenset(names[at : at + _BATCH]))) for at in range(0, len(names), _BATCH))
    found = (one for known in read for one in known.documents.values() if isinstance(one, Declaration))
    times = sorted(
        one.acknowledged_at for one in found if one.acknowledged_at and one.acknowledged_at > now - SHARED_FOR
    )
    return times[-MOST_RECEIPTS] + SHARED_FOR if len(times) >= MOST_RECEIPTS else None
