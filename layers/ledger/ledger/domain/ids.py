"""Identifiers, and how they are derived."""

import hashlib
import json
from typing import NewType

AccountId = NewType("AccountId", str)
OrderId = NewType("OrderId", str)
PaymentId = NewType("PaymentId", str)
"""The provider and its own id of a payment, or of what leads to one: `stripe:pi_3Q…`, `paddle:txn_01j…`."""


def derived_id(prefix: str, *causes: str) -> str:
    """Return the id that follows from these causes. The same request always gets the same id."""
    return f"{prefix}_{hashlib.sha256(json.dumps(causes).encode()).hexdigest()[:24]}"


def provider_of(qualified_id: str) -> str:
    """Return the provider of a payment, subscription or customer id: what stands before its first colon."""
    return qualified_id.partition(":")[0]
