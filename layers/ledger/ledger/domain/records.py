"""Records: dataclasses that nobody changes.

To the type checker `record` is `dataclass`, and it refuses an assignment to a field of a frozen one, here and in the
tests. Python would check that once more at run time, and pays for it at each field of each new record: a grant makes 43
records with 362 fields. So at run time a record is a plain dataclass that has a hash.

The figures are in docs/decisions/0070-records-are-frozen-by-the-type-checker.md.
"""

from typing import TYPE_CHECKING

__all__ = ["record"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:
    from dataclasses import dataclass

    def record(*, frozen, slots=False, kw_only=False):
        """Return `dataclass` with these parameters. `frozen` adds the hash, and no check of each assignment."""
        return dataclass(slots=slots, kw_only=kw_only, unsafe_hash=frozen)
