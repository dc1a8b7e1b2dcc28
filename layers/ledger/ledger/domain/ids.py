"""Identifiers, and how they are derived."""

import hashlib
import json
from datetime import UTC, datetime
from typing import NewType

AccountId = NewType("AccountId", str)
OrderId = NewType("OrderId", str)
PaymentId = NewType("PaymentId", str)
"""The provider and its own id of a payment, or of what leads to one: `stripe:pi_3Q…`, `paddle:txn_01j…`."""
SubjectId = NewType("SubjectId", str)
"""What people of support act on and look at, and that may belong to no account: `event:…`, `declaration:…`."""


def derived_id(prefix: str, *causes: str) -> str:
    """Return the id that follows from these causes. The same request always gets the same id."""
    return f"{prefix}_{hashlib.sha256(json.dumps(causes).encode()).hexdigest()[:24]}"


def request_correlation_id(account_id: AccountId, route: str, key: str) -> str:
    """Return the correlation id of a request: the same for each repetition of it.

    `key` is its Idempotency-Key, or the id of the run or hold that it is about. The id is derived from it, because the
    key is the client's own text, which does not belong in logs and events.
    """
    return derived_id("req", account_id, route, key)


def job_correlation_id(job: str, started_at: datetime) -> str:
    """Return the correlation id of one run of a job: `job:<name>:<time in UTC>`."""
    return f"job:{job}:{started_at.astimezone(UTC).isoformat(timespec='seconds')[:-6]}Z"


def provider_of(qualified_id: str) -> str:
    """Return the provider of a payment, subscription or customer id: what stands before its first colon."""
    return qualified_id.partition(":")[0]


def subscription_of(lot_id: str) -> str | None:
    """Return the subscription that a lot's id names: `period/<subscription>/<start>/<line>`. None: it names none."""
    parts = lot_id.split("/", 2)
    return parts[1] if parts[0] == "period" else None


def part_tag(tag: str, number: int) -> str:
    """Return the tag of a part of an approval. Parts are numbered from 1."""
    return f"{tag}{_PART}{number}"


def approval_tag(tag: str) -> str:
    """Return the tag of the approval that a tag belongs to: of a part, or the approval's own."""
    return tag.partition(_PART)[0]


def part_number(tag: str | None) -> int:
    """Return the number of the part that a tag names. 0: it is an approval's own tag."""
    number = (tag or "").partition(_PART)[2]
    return int(number) if number.isdecimal() else 0


_PART = "/"
"""Separates the tag of an approval from the number of a part of its refund."""
