"""Fields that a newer release stored, and that this one does not know."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepsUnknownFields:
    """A record that is stored inside a larger item, so that a rewrite of it must write its unknown fields too.

    During a rolling deploy, and after a rollback, two releases write the same items. The store puts the fields that it
    does not know into `unknown_fields`, as they are stored, and writes them back. No rule reads them, and they take no
    part in comparison. `dataclasses.replace` keeps them.
    """

    unknown_fields: Mapping[str, object] | None = field(default=None, compare=False, repr=False)
