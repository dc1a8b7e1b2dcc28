"""What is wrong with a field, and what would be right, for people: no pattern is shown to anybody."""

from collections.abc import Mapping
from typing import Any

VISIBLE = r"^[!-~]+$"
CASE_ID = r"^case_[0-9a-f]{24}$"
ORDER_ID = r"^ord_[0-9a-f]{24}$"
HOLD_ID = r"^support:[a-z0-9_-]{1,64}$"
CURRENCY = r"^[A-Z]{3}$"
CLAUSE = r"^[1-7]$"
EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"

NO_SUCH_FIELD = "There is no such field: remove it or correct its name."

_PATTERNS: Mapping[str, str] = {
    VISIBLE: "Should be letters, digits and signs of ASCII, without spaces.",
    CASE_ID: "Should be a case's id, as in case_0123456789abcdef01234567.",
    ORDER_ID: "Should be an order's id, as in ord_0123456789abcdef01234567.",
    HOLD_ID: "Should be `support:` and a name in small letters, as in support:stolen-card.",
    CURRENCY: "Should be a currency's code of three upper-case letters, as in EUR.",
    CLAUSE: "Should be the number of a clause of the published policy: 1 to 7.",
    EMAIL: "Should be an e-mail address, as in ada@example.com.",
}
_TYPES: Mapping[str, str] = {
    "missing": "It is missing.",
    "extra_forbidden": NO_SUCH_FIELD,
    "model_type": "Should be a JSON object.",
    "model_attributes_type": "Should be a JSON object.",
    "string_unicode": "It is not Unicode: it has half of a pair of surrogates.",
    "timezone_aware": "Should say its offset from UTC, as in 2026-11-01T12:00:00Z.",
}


def message_for(item: Mapping[str, Any]) -> str:
    """The words for one of pydantic's findings."""
    if item["type"] == "string_pattern_mismatch":
        return _PATTERNS.get(item.get("ctx", {}).get("pattern", ""), "Should be written otherwise.")
    return _TYPES.get(item["type"], str(item["msg"]))
