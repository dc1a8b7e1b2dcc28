"""Reading files that a deployment can replace, field by field: what is wrong is named, what is unknown is refused."""

from typing import Any, NoReturn

from ledger.domain.errors import ConfigurationError

_REQUIRED = object()
_WORDS = {str: "a text", int: "a whole number", bool: "true or false", list: "a list", dict: "an object"}


def is_whole(value: Any) -> bool:
    """Whether it is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


class Fields:
    """One JSON object. Raises `error` naming where, which field, and what would be right."""

    def __init__(self, value: Any, where: str, error: type[ConfigurationError]) -> None:
        self.where = where
        self._error = error
        if not isinstance(value, dict):
            raise error(f"{where}: is {type(value).__name__}, should be an object.")
        self._left = dict(value)

    def take(self, name: str, kind: type, default: Any = _REQUIRED) -> Any:
        """A field of this kind; a whole number is 0 or more."""
        if name not in self._left and default is not _REQUIRED:
            return default
        value: Any = self._left.pop(name, None)
        is_right = is_whole(value) if kind is int else isinstance(value, kind)
        if not is_right or (kind is str and not value.strip()):
            self.refuse(name, value, _WORDS.get(kind, kind.__name__))
        if kind is int and value < 0:
            self.refuse(name, value, "0 or more")
        return value

    def between(self, name: str, least: int, most: int, wanted: str = "") -> int:
        """A whole number within these bounds."""
        value: int = self.take(name, int)
        if not least <= value <= most:
            self.refuse(name, value, wanted or f"{least} to {most}")
        return value

    def refuse(self, name: str, value: Any, wanted: str) -> NoReturn:
        """Say what would be right."""
        raise self._error(f"{self.where}: {name} is {value!r}, should be {wanted}.")

    def end(self) -> None:
        """Nothing may be left over."""
        if self._left:
            raise self._error(f"{self.where}: unknown field {min(self._left)}; remove it or correct its name.")
