"""DynamoDB's limits, held by the fake and by AWS's own engine: what the fake takes, DynamoDB takes too.

moto and MiniStack do not enforce all of them.
"""

from dataclasses import replace

import pytest
from pynamodb.exceptions import TransactWriteError

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.errors import CommitTooLarge
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId
from ledger.domain.runs import FailedRun
from ledger.ports.commit import MAX_ACTIONS, Commit, DocumentChange
from ledger.ports.documents import audit_key, case_key, failed_run_key, idempotency_key
from ledger.ports.reads import Keys, Page
from ledger.ports.store import Store
from tests.contract.test_store import case, read_by_pages, written
from tools.testing.builders import ADA, NOON
from tools.testing.fakes import MAX_ITEM_BYTES, FakeStore


@pytest.fixture(params=["fake", "dynamodb-local"])
def store(request: pytest.FixtureRequest) -> Store:
    """The fake, and the engine that enforces the limits."""
    return FakeStore() if request.param == "fake" else request.getfixturevalue("real_store")


def answered(number: int) -> DocumentChange:
    """A new document of its own."""
    record = IdempotencyRecord(fingerprint="f", subject=f"case_{number}", at=NOON)
    return DocumentChange(idempotency_key(ADA, "refund-requests", f"key_{number}"), record)


def stored(store: Store, changes: list[DocumentChange]) -> int:
    """Return how many of these documents are stored."""
    keys = [change.key for change in changes]
    return sum(
        len(store.read(Keys(documents=frozenset(keys[start : start + 50]))).documents)
        for start in range(0, len(keys), 50)
    )


def is_refused(store: Store, *changes: DocumentChange) -> bool:
    """Return whether the store writes none of it: it raises, or names what is in the way."""
    try:
        return store.commit(Commit(documents=changes)) is not None
    except (ValueError, CommitTooLarge, TransactWriteError):
        return True


def test_a_transaction_has_at_most_a_hundred_actions(store: Store) -> None:
    """With one more nothing is written."""
    fitting = [answered(number) for number in range(MAX_ACTIONS)]
    assert not is_refused(store, *fitting)
    assert stored(store, fitting) == MAX_ACTIONS
    too_many = [answered(1000 + number) for number in range(MAX_ACTIONS + 1)]
    assert is_refused(store, *too_many)
    assert stored(store, too_many) == 0


def test_no_transaction_writes_one_item_twice(store: Store) -> None:
    """Neither the same content nor another one, and not beside its removal."""
    other = replace(answered(1), document=IdempotencyRecord(fingerprint="g", subject="case_2", at=NOON))
    for second in (answered(1), other, replace(answered(1), document=None)):
        assert is_refused(store, answered(1), second)
    assert stored(store, [answered(1)]) == 0


def test_an_item_has_at_most_400_kilobytes(store: Store) -> None:
    """What is larger is refused whole."""
    for size, fits in ((MAX_ITEM_BYTES - 4096, True), (MAX_ITEM_BYTES + 1, False)):
        record = AuditRecord(actor="sam", action=AuditAction.HOLD, subject="x", reason="x" * size, at=NOON, step=size)
        assert is_refused(store, DocumentChange(audit_key(ADA, record), record)) is not fits
    assert [len(record.reason) for record in store.audit_records(ADA)] == [MAX_ITEM_BYTES - 4096]


def test_a_page_that_ends_exactly_at_the_end_names_a_next_one_which_is_empty(store: Store) -> None:
    """Who reads by pages reads on until none is named, and takes an empty page for no fault."""
    cases = [case(number) for number in range(4)]
    written(store, *((case_key(ADA, one.case_id), one) for one in cases))
    page = store.cases_of(ADA, 4)
    assert len(page.items) == 4
    assert page.next is not None
    assert store.cases_of(ADA, 4, page.next) == Page((), None)
    assert store.cases_of(ADA, 5).next is None
    assert [len(part) for part in read_by_pages(lambda limit, after: store.cases_of(ADA, limit, after), 2)] == [2, 2]


def test_a_listing_goes_on_over_pages_that_the_engine_ends(store: Store) -> None:
    """DynamoDB ends a page at one megabyte, in the middle of what is asked for."""
    error = "x" * 60_000
    for number in range(20):
        run = FailedRun(run_id=f"run_{number:02}", credits=1, at=NOON, error=error)
        written(store, (failed_run_key(ADA, NOON, run.run_id), run))
    assert len(list(store.failed_runs(ADA, NOON))) == 20
    assert list(store.failed_runs(AccountId("acct_nobody"), NOON)) == []
