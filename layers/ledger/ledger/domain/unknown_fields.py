"""Fields that a newer release stored, and that this one does not know."""

from collections.abc import Mapping
from dataclasses import field, fields

from ledger.domain.records import record


@record(frozen=True, kw_only=True)
class KeepsUnknownFields:
    """A record that is stored inside a larger item, so that a rewrite of it must write its unknown fields too.

    During a rolling deploy, and after a rollback, two releases write the same items. The store puts the fields that it
    does not know into `unknown_fields`, as they are stored, and writes them back. No rule reads them, and they take no
    part in comparison. `dataclasses.replace` keeps them.
    """

    unknown_fields: Mapping[str, object] | None = field(default=None, compare=False, repr=False)


def has_unknown_fields(record: KeepsUnknownFields) -> bool:
    """Return whether a newer release stored fields that this one does not know, in the record or in a part of it."""
    if record.unknown_fields:
        return True
    parts = (part for one in fields(record) for part in _listed(getattr(record, one.name)))
    return any(has_unknown_fields(part) for part in parts if isinstance(part, KeepsUnknownFields))


def _listed(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)
