"""Records: dataclasses that nobody changes, completed on first use.

To the type checker `record` is `dataclass`, and it refuses an assignment to a field of a frozen one, here and in the
tests. Python would check that once more at run time, and pays for it at each field of each new record: a grant makes 43
records with 362 fields. So at run time a record is a plain dataclass that has a hash.

A webhook imports 131 records, and its first delivery uses a quarter of them. What `dataclass` makes of a class takes a
tenth of a cold start, so it is made on first use.

The figures: docs/decisions/0070-records-are-frozen-by-the-type-checker.md and 0075-records-on-first-use.md.
"""

from typing import TYPE_CHECKING

__all__ = ["complete_all", "record"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record

    def complete_all() -> None:
        """Make what is left to be made on first use, of all records that are imported."""
else:
    from dataclasses import dataclass
    from threading import RLock

    def record(*, frozen, kw_only=False):
        """Return a decorator: `dataclass` with these parameters, on first use. `frozen` adds the hash, and no check."""

        def defer(cls):
            _PENDING[cls] = {"kw_only": kw_only, "unsafe_hash": frozen}
            for name, on_first_use in _ON_FIRST_USE.items():
                setattr(cls, name, on_first_use)
            return cls

        return defer

    def complete_all():
        """Make what is left to be made on first use, of all records that are imported."""
        for cls in list(_PENDING):
            _complete(cls)

    def _complete(cls):
        """Give a class, and those it inherits from, what `dataclass` makes of them.

        It is made of a copy. So another thread finds either what is there on first use, or what takes its place.
        """
        with _LOCK:
            for one in reversed(cls.__mro__):
                if one in _PENDING:
                    own = {name: value for name, value in vars(one).items() if name not in _NOT_COPIED}
                    made = vars(dataclass(**_PENDING[one])(type(one.__name__, one.__bases__, own)))
                    for name in own.keys() - made.keys():  # the factories of defaults
                        delattr(one, name)
                    for name in made.keys() - {"__dict__", "__weakref__"}:
                        if made[name] is not own.get(name):
                            setattr(one, name, made[name])
                    del _PENDING[one]

    def _init(self, *values, **fields):
        _complete(type(self))
        self.__init__(*values, **fields)

    def _eq(self, other):
        _complete(type(self))
        return self.__eq__(other)

    def _hash(self):
        _complete(type(self))
        return self.__hash__()

    def _repr(self):
        _complete(type(self))
        return self.__repr__()

    class _Fields:
        """What `fields` and `replace` look for."""

        def __get__(self, instance, cls):
            _complete(cls)
            return cls.__dataclass_fields__

    _LOCK = RLock()
    _PENDING = {}
    _ON_FIRST_USE = {
        "__init__": _init,
        "__eq__": _eq,
        "__hash__": _hash,
        "__repr__": _repr,
        "__dataclass_fields__": _Fields(),
    }
    _NOT_COPIED = {*_ON_FIRST_USE, "__dict__", "__weakref__"}
