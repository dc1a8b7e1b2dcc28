"""The languages of a request's header Accept-Language."""

import re

_LONGEST = 500
_WEIGHT = re.compile(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", re.IGNORECASE)


def languages_in(header: str) -> list[str]:
    """Return the languages of a header (RFC 9110, 12.5.4), the preferred one first. Weight 0: it is not acceptable."""
    ranked: list[tuple[float, int, str]] = []
    for position, part in enumerate(header[:_LONGEST].split(",")):
        name, _, parameter = part.partition(";")
        found = _WEIGHT.fullmatch(parameter)
        weight = float(found[1]) if found else 1.0
        if name.strip() and weight > 0:
            ranked.append((-weight, position, name.strip()))
    return [name for _, _, name in sorted(ranked)]
