"""Fields: read a JSON file that a deployment can replace. Name each wrong field, and refuse each unknown one."""

from typing import Any, NoReturn

from ledger.domain.errors import ConfigurationError

_REQUIRED = object()
_WORDS = {str: "a text", int: "a whole number", bool: "true or false", list: "a list", dict: "an object"}


def is_whole(value: Any) -> bool:
    """Return whether it is a whole number. True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool)


class Fields:
    """One JSON object, from which its fields are taken. Raise `error` naming place, field and what is expected."""

    def __init__(self, value: Any, where: str, error: type[ConfigurationError]) -> None:
        self.where = where
        self._error = error
        if not isinstance(value, dict):
            raise error(f"{where}: is {type(value).__name__}, should be an object.")
        self._left = dict(value)

    def take(self, name: str, kind: type, default: Any = _REQUIRED) -> Any:
        """Return a field of this type, and remove it. A whole number must be 0 or more, a text not blank."""
        if name not in self._left and default is not _REQUIRED:
            return default
        value: Any = self._left.pop(name, None)
        is_right = is_whole(value) if kind is int else isinstance(value, kind)
        if not is_right or (kind is str and not value.strip()):
            self.refuse(name, value, _WORDS.get(kind, kind.__name__))
        if kind is int and value < 0:
            self.refuse(name, value, "0 or more")
        return value

    def between(self, name: str, least: int, most: int, expected: str = "") -> int:
        """Return a whole number from `least` to `most`, and remove it."""
        value: int = self.take(name, int)
        if not least <= value <= most:
            self.refuse(name, value, expected or f"{least} to {most}")
        return value

    def refuse(self, name: str, value: Any, expected: str) -> NoReturn:
        """Raise the error for a field with a wrong value."""
        raise self._error(f"{self.where}: {name} is {value!r}, should be {expected}.")

    def end(self) -> None:
        """Raise the error for a field that was not taken, if there is one."""
        if self._left:
            raise self._error(f"{self.where}: unknown field {min(self._left)}; remove it or correct its name.")
