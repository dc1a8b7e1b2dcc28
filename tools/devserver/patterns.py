"""Patterns of EventBridge, as rules of the bus and filters of the stream have them: which events they match."""

from collections.abc import Callable, Mapping
from typing import Any

from tools.template import TemplateError


def matches(pattern: Mapping[str, Any], data: Any) -> bool:
    """Return whether a record matches a filter's pattern: every key must match, a leaf by one of its rules."""
    for key, rules in pattern.items():
        if key == "$or":
            if not any(matches(one, data) for one in rules):
                return False
            continue
        is_there = isinstance(data, Mapping) and key in data
        value = data[key] if is_there else None
        if isinstance(rules, Mapping):
            if not matches(rules, value):
                return False
        elif not any(_fits(rule, value, is_there=is_there) for rule in rules):
            return False
    return True


def checked(pattern: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the pattern. Raise TemplateError if it has a rule that is not implemented here."""
    for key, rules in pattern.items():
        if key == "$or":
            for one in rules:
                checked(one)
        elif isinstance(rules, Mapping):
            checked(rules)
        elif not isinstance(rules, list):
            raise TemplateError(f"The filter's {key} should be a list of rules, not {rules!r}.")
        else:
            for rule in rules:
                if isinstance(rule, Mapping) and (len(rule) != 1 or not rule.keys() <= _RULES.keys()):
                    hint = " DynamoDB's numbers are strings: it would never match." if "numeric" in rule else ""
                    raise TemplateError(f"The filter's {key} has a rule that is not supported here: {rule!r}.{hint}")
    return pattern


def _fits(rule: Any, value: Any, *, is_there: bool) -> bool:
    if isinstance(rule, Mapping):
        ((name, operand),) = rule.items()
        if name == "exists":
            # `exists` applies to leaves only: an object is matched by a nested pattern.
            return operand is (is_there and not isinstance(value, Mapping))
        return is_there and any(_RULES[name](operand, one) for one in _elements(value))
    return is_there and any(type(one) is type(rule) and one == rule for one in _elements(value))


def _elements(value: Any) -> list[Any]:
    """Return the elements of a set or a list, which matches if one of them does; else the value alone."""
    return value if isinstance(value, list) else [value]


def _is_other(unwanted: Any, value: Any) -> bool:
    if isinstance(unwanted, Mapping):
        return not _fits(unwanted, value, is_there=True)
    return value not in (unwanted if isinstance(unwanted, list) else [unwanted])


_RULES: Mapping[str, Callable[[Any, Any], bool]] = {
    "exists": lambda operand, _: bool(operand),
    "prefix": lambda operand, value: isinstance(value, str) and value.startswith(operand),
    "suffix": lambda operand, value: isinstance(value, str) and value.endswith(operand),
    "equals-ignore-case": lambda operand, value: isinstance(value, str) and value.casefold() == operand.casefold(),
    "anything-but": _is_other,
}
