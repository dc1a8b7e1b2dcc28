"""By what a parked event is found: read from what the provider sent, whatever shape that has.

An event may be parked because nobody can read it. So nothing here is required: what is missing, or of another shape, is
left out. The names follow from the body alone, not from the catalogue or the release: a row that was written once stays
right.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from ledger.domain.contacts import is_address
from ledger.domain.index_rows import EventNames
from ledger.domain.money import Money
from ledger.providers.parsing import MAX_DIGITS, OUR_FIELDS, Json, is_text

MOST_IDS = 40
"""How many ids of an event are read: an invoice of a hundred lines names its subscription first."""
MOST_OTHERS = 5
"""How many numbers, addresses and amounts of each kind are read."""

_NUMBERS = frozenset({"number", "invoice_number", "credit_note_number", "receipt_number"})
_WHOLE_NUMBER = re.compile(rf"[1-9][0-9]{{0,{MAX_DIGITS - 1}}}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")


def pattern_of_ids(*prefixes: str) -> re.Pattern[str]:
    """Return the pattern of a provider's ids with these prefixes. An id has a digit; a word like a state has none."""
    return re.compile(rf"(?:{'|'.join(prefixes)})_(?=\w*\d)\w+")


def event_names(source: Json, ids: re.Pattern[str], amounts: Iterable[Money]) -> EventNames:
    """Return what a provider's object is found by, what is not nested first, each once.

    Ids are recognized by their form, wherever they are. Ours, addresses and numbers are recognized by their fields. An
    address is only ever an address, whatever the field is: it must not be indexed in clear.
    """
    found: dict[str, dict[str, None]] = {"ids": {}, "numbers": {}, "addresses": {}}
    for name, value in _texts(source):
        is_ours, is_number = name in OUR_FIELDS, name in _NUMBERS
        if is_address(value):
            if "email" in name or is_ours or is_number:
                found["addresses"][value] = None
        elif is_ours or ids.fullmatch(value):
            found["ids"][value] = None
        elif is_number:
            found["numbers"][value] = None
    return EventNames(
        ids=tuple(found["ids"])[:MOST_IDS],
        numbers=tuple(found["numbers"])[:MOST_OTHERS],
        addresses=tuple(found["addresses"])[:MOST_OTHERS],
        amounts=tuple(dict.fromkeys(amounts))[:MOST_OTHERS],
    )


def amounts_in(source: object, fields: Iterable[str], currency: object) -> Iterator[Money]:
    """Yield the sums of money above 0 in these fields of an object, in minor units of a currency."""
    if not isinstance(source, Mapping) or not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        return
    for field in fields:
        value = source.get(field)
        if isinstance(value, int | str) and _WHOLE_NUMBER.fullmatch(str(value)):
            yield Money(amount_minor=int(value), currency=currency.upper())


def _texts(source: Json) -> Iterator[tuple[str, str]]:
    """Yield each short text of an object with the name of its field, what is not nested first."""
    waiting: deque[tuple[str, object]] = deque([("", source)])
    while waiting:
        name, value = waiting.popleft()
        if isinstance(value, Mapping):
            waiting += value.items()
        elif isinstance(value, list):
            waiting += ((name, one) for one in value)
        elif is_text(value):
            yield name, value
