"""Terms are fixed when agreed: a later catalogue, or an event that is received again, changes no grant."""

import copy
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.domain import catalogue
from ledger.domain.catalogue import Catalogue
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.receipts import RecordOutcome
from ledger.providers.registry import PROVIDERS
from ledger.usecases.record_event import RecordResult, record_event
from tools.stories import read_notification
from tools.testing.builders import event_of, refund
from tools.testing.fakes import FakeStore, world
from tools.verify import check

DAN = AccountId("acct_dan")
DOCUMENT: dict[str, Any] = json.loads(catalogue.DEFAULT_FILE.read_text("utf-8"))
RENEWAL = json.loads(read_notification("stripe/subscription_three_months_05_invoice_paid.json", "").body)
LINE = RENEWAL["data"]["object"]["lines"]["data"][0]
START, END = (datetime.fromtimestamp(LINE["period"][name], UTC) for name in ("start", "end"))
PAID_AT = datetime.fromtimestamp(RENEWAL["created"], UTC)
GRACE = timedelta(hours=3)

_count = itertools.count(1)


def sold(**of_the_plan: Any) -> Catalogue:
    """The catalogue, in which the plan has always had these terms."""
    document = copy.deepcopy(DOCUMENT)
    document["products"][3] |= of_the_plan
    return catalogue.parse(document)


def dated(begin: datetime, **since: Any) -> Catalogue:
    """The catalogue, in which the plan has these terms since a time."""
    document = copy.deepcopy(DOCUMENT)
    plan = document["products"][3]
    terms = {name: plan.pop(name) for name in ("credits", "prices", "price_ids", "proration_grants")}
    plan["terms"] = [terms, {"from": begin.isoformat(), **terms, **since}]
    return catalogue.parse(document)


def hear(store: FakeStore, under: Catalogue, *, seconds: int = 0, now: datetime | None = None) -> RecordResult:
    """The renewal is told by another event, so many seconds after the first, and translated by this catalogue."""
    content = RENEWAL | {"id": f"evt_again_{next(_count)}", "created": RENEWAL["created"] + seconds}
    stripe = PROVIDERS["stripe"]
    event = stripe.translate(stripe.parse(json.dumps(content).encode()), under, is_live=False)
    assert event is not None
    moment = now or datetime.fromtimestamp(content["created"] + 60, UTC)
    return record_event(event, store, body=b"{}", body_sha256="0" * 64, now=moment)


def lot(store: FakeStore) -> Lot:
    """The renewal's lot."""
    (found,) = [*store.accounts[DAN].lots.values(), *store.closed_lots.values()]
    return found


def test_a_renewal_is_under_the_terms_of_its_periods_start() -> None:
    """Whatever the catalogue says when it is paid, or heard."""
    for begin, credits_ in ((START - timedelta(days=1), 800), (START, 800), (START + timedelta(seconds=1), 1000)):
        store = FakeStore()
        hear(store, dated(begin, credits=800, renewal_grace_s=60))
        expected = END + (timedelta(seconds=60) if credits_ == 800 else GRACE)
        assert (lot(store).granted, lot(store).expires_at) == (credits_, expected), begin


@pytest.mark.parametrize("seconds", [-3600, -1, 0, 1, 3600])
@pytest.mark.parametrize(
    "changed",
    [
        {"credits": 800},
        {"credits": 1200},
        {"rolls_over": True},
        {"renewal_grace_s": 0},
        {"renewal_grace_s": 3600 * 24},
        {"usable_at_least_s": 3600 * 24 * 365},
    ],
    ids=str,
)
def test_an_event_that_is_heard_again_changes_no_grant(changed: dict[str, Any], seconds: int) -> None:
    """Under another id, at another time, and though the catalogue was rewritten instead of being dated."""
    store = FakeStore()
    assert hear(store, sold()).outcome is RecordOutcome.BOOKED
    granted, entries = lot(store), list(store.entries(DAN))
    again = hear(store, sold(**changed), seconds=seconds)
    assert again.outcome in {RecordOutcome.BOOKED, RecordOutcome.ALREADY_BOOKED}, again
    assert (lot(store), list(store.entries(DAN))) == (granted, entries)
    assert not [finding for finding in check(world(store)) if finding.broken]


@pytest.mark.parametrize("seconds", [-3600, 0, 3600])
def test_a_default_that_changes_leaves_what_was_booked(seconds: int) -> None:
    """A renewal that was booked without grace, told again when there is some: its credits end when they did."""
    store = FakeStore()
    hear(store, sold(renewal_grace_s=0))
    hear(store, sold(), seconds=seconds)
    assert lot(store).expires_at == END


def test_a_period_that_is_paid_late_can_be_used_and_is_flagged() -> None:
    """Fifteen days after it ended: for a week, and support sees why, as long as we have its money."""
    store, late = FakeStore(), int((END - PAID_AT + timedelta(days=15)).total_seconds())
    paid_at = PAID_AT + timedelta(seconds=late)
    hear(store, sold(), seconds=late)
    account = store.accounts[DAN]
    assert lot(store).expires_at == paid_at + timedelta(days=7)
    assert account.spendable(paid_at + timedelta(days=6)) == 1000
    (flag,) = account.flags
    assert flag == f"late_payment:stripe:{RENEWAL['data']['object']['id']}"
    assert not [finding for finding in check(world(store)) if finding.broken]

    names = (PaymentId(f"stripe:{RENEWAL['data']['object']['id']}"),)
    record_event(event_of(refund(1500), names=names), store, body=b"{}", body_sha256="0" * 64, now=paid_at)
    assert not store.accounts[DAN].flags


def test_a_period_that_is_paid_in_time_is_not_flagged() -> None:
    """Not on its last day either."""
    store = FakeStore()
    hear(store, sold(), seconds=int((END - PAID_AT).total_seconds()) - 1)
    assert not store.accounts[DAN].flags
    assert lot(store).expires_at == END + timedelta(days=7, seconds=-1)
