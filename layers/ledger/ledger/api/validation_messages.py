"""Validation messages for people: what is wrong with a field and what would be right. No patterns are shown."""

from collections.abc import Mapping
from typing import Any

VISIBLE = r"^[!-~]+$"
CASE_ID = r"^case_[0-9a-f]{24}$"
ORDER_ID = r"^ord_[0-9a-f]{24}$"
DECLARATION_ID = r"^[WCR](-[0-9A-HJKMNP-TV-Z]{4}){3}$"
LINE = r"^[^\r\n\t]*$"
HOLD_ID = r"^support:[a-z0-9_-]{1,64}$"
CURRENCY = r"^[A-Z]{3}$"
CLAUSE = r"^[1-7]$"
LANGUAGE = r"^[a-z]{2}$"
EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"

NO_SUCH_FIELD = "There is no such field. Remove it or correct its name."

_PATTERNS: Mapping[str, str] = {
    VISIBLE: "Should be ASCII letters, digits and symbols, without spaces.",
    CASE_ID: "Should be a case id, for example case_0123456789abcdef01234567.",
    ORDER_ID: "Should be an order id, for example ord_0123456789abcdef01234567.",
    DECLARATION_ID: "Should be the id of a declaration, for example W-7K3F-9Q2M-4XNP.",
    LINE: "Should be one line of text.",
    HOLD_ID: "Should be `support:` and a name in lower case, for example support:stolen-card.",
    CURRENCY: "Should be a currency code of three upper-case letters, for example EUR.",
    CLAUSE: "Should be the number of a clause of the published policy, 1 to 7.",
    LANGUAGE: "Should be a language of two lower-case letters, for example de.",
    EMAIL: "Should be an e-mail address, for example ada@example.com.",
}
_TYPES: Mapping[str, str] = {
    "missing": "It is missing.",
    "extra_forbidden": NO_SUCH_FIELD,
    "model_type": "Should be a JSON object.",
    "model_attributes_type": "Should be a JSON object.",
    "string_unicode": "Should be valid Unicode: this has half of a surrogate pair.",
    "timezone_aware": "Should have an offset from UTC, for example 2026-11-01T12:00:00Z.",
}


def message_for(item: Mapping[str, Any]) -> str:
    """Return the message for one of pydantic's validation errors."""
    if item["type"] == "string_pattern_mismatch":
        return _PATTERNS.get(item.get("ctx", {}).get("pattern", ""), "Has the wrong format.")
    return _TYPES.get(item["type"], str(item["msg"]))
