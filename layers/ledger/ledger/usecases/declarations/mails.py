"""Record which mails about a declaration were accepted for delivery. The first time of each stays."""

from dataclasses import replace
from datetime import datetime

from ledger.domain.declarations import Declaration
from ledger.ports.store import Store
from ledger.usecases.declarations.change import change_declaration


def record_acknowledgement(name: str, store: Store, *, at: datetime) -> Declaration:
    """Record that the acknowledgement, to the address that the declaration names, was accepted. Raise NotFound."""
    return change_declaration(name, lambda one: one if one.acknowledged_at else replace(one, acknowledged_at=at), store)


def record_notice(name: str, store: Store, *, at: datetime) -> Declaration:
    """Record that the mail with the links, to the address on file, was accepted. Raise NotFound.

    From then on a day without an objection approves the declaration.
    """
    return change_declaration(name, lambda one: one if one.noticed_at else replace(one, noticed_at=at), store)
