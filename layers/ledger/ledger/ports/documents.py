"""Documents: records that are stored whole, each under a key of its own."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from ledger.domain.audit import AuditRecord
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId
from ledger.domain.refund_cases import QueuedCase, RefundCase
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.runs import FailedRun


def sortable(at: datetime) -> str:
    """A time of fixed width in UTC: as text it sorts as time does."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


class DocumentKey(NamedTuple):
    """Where a document lies: its partition, and its name there. The name's first word says what kind it is."""

    partition: str
    name: str

    @property
    def kind(self) -> str:
        return self.name.partition("#")[0]


def case_key(account_id: AccountId, case_id: str) -> DocumentKey:
    """A refund case lies with its account."""
    return DocumentKey(f"ACCOUNT#{account_id}", f"CASE#{case_id}")


def case_pointer_key(case_id: str) -> DocumentKey:
    """Which account a case is of, for support."""
    return DocumentKey(f"CASE#{case_id}", "WAITING")


def intent_key(tag: str) -> DocumentKey:
    """An approved refund lies in the outbox until the provider has it."""
    return DocumentKey("OUTBOX", f"INTENT#{tag}")


def review_queue_key(case: RefundCase) -> DocumentKey:
    """The review queue lies in the order in which its cases were opened."""
    return DocumentKey("REVIEW", f"WAITING#{sortable(case.opened_at)}#{case.case_id}")


def deferred_queue_key(case: RefundCase) -> DocumentKey:
    """Cases that wait for their settling time."""
    return DocumentKey("SETTLING", f"WAITING#{case.case_id}")


def idempotency_key(account_id: AccountId, route: str, key: str) -> DocumentKey:
    """An Idempotency-Key counts for its account and route alone."""
    return DocumentKey(f"ACCOUNT#{account_id}", f"ANSWERED#{route}#{key}")


def failed_run_key(account_id: AccountId, at: datetime, run_id: str = "") -> DocumentKey:
    """A failed run, in order of time."""
    return DocumentKey(f"ACCOUNT#{account_id}", f"FAILED#{sortable(at)}#{run_id}")


def audit_key(account_id: AccountId, at: datetime, subject: str) -> DocumentKey:
    """What support did to an account, in order."""
    return DocumentKey(f"ACCOUNT#{account_id}", f"ACT#{sortable(at)}#{subject}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a job has come."""

    done_until: datetime


Document = RefundCase | RefundIntent | QueuedCase | FailedRun | AuditRecord | IdempotencyRecord | Cursor
