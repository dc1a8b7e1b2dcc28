"""Audit records: what support staff did, to whom and why."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """What a person of support did, and to whom."""

    actor: str
    act: str  # `hold`, `lift`, `decide`
    subject: str  # a hold's or a case's id
    why: str
    at: datetime
