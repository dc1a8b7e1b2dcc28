"""The names under which things are stored and found, word for word: each release has to find what the others stored."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ledger.domain.credit_notes import CreditNoteKind, subject_of
from ledger.domain.ids import PaymentId, derived_id
from ledger.domain.incidents import IncidentShare
from ledger.domain.index_rows import IndexRow, NameKind, rows_of_purchase
from ledger.domain.purchases import Purchase
from ledger.domain.subjects import subject_of_declaration, subject_of_event, subject_of_mute
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.domain.timeline import TimelineRow, TimelineRowKind
from ledger.ports.documents import checkout_key, index_row_key, place_of_amount, place_of_failures, timeline_position
from tools.testing.builders import ADA, NOON, PI, event_of, refund

SHARE = IncidentShare(incident_id="incident_1", account_id=ADA, at=NOON)
SUBSCRIPTION = Subscription(subscription_id="stripe:sub_1", status=SubscriptionStatus.ACTIVE, at=NOON, cause="c")


FAILED_RUN = IndexRow(kind=NameKind.RUN, name="", subject="run_1", account_id=ADA, at=NOON)
LOOK = TimelineRow(kind=TimelineRowKind.LOOK, at=NOON, actor="sam", subject="account")
STORED: dict[str, Callable[[], str]] = {
    "req_3554d2b8a1e34099053865de": lambda: derived_id("req", "a", "b"),
    "event:stripe:cus_1~evt_1": lambda: subject_of_event(("stripe:cus_1", "evt_1")),
    "kind:mute_1": lambda: subject_of_mute("mute_1"),
    "declaration:W-1": lambda: subject_of_declaration("W-1"),
    "stripe:re_1": lambda: subject_of("stripe:re_1", CreditNoteKind.CREDIT),
    "stripe:re_1/correction": lambda: subject_of("stripe:re_1", CreditNoteKind.CORRECTION),
    "goodwill/incident_1/2": lambda: SHARE.lot_id(2),
    "subscription:stripe:sub_1": lambda: SUBSCRIPTION.key,
    "stripe:cs_1": lambda: "/".join(checkout_key("stripe", "cs_1").parts),
    "acct_ada#run_1": lambda: index_row_key(FAILED_RUN).parts[-1],
    "2026-11-01T12:00:00.000000Z#sam#account": lambda: timeline_position(LOOK),
    "2026-11-01/USD/2000/3": lambda: place_of_amount("2026-11-01", "USD", 2000, 3),
    "2026-11-01/3": lambda: place_of_failures("2026-11-01", 3),
    "stripe:evt_1": lambda: replace(event_of(refund()), event_id="evt_1").cause,
}


@pytest.mark.parametrize("name", STORED)
def test_a_name_stays_what_it_is(name: str) -> None:
    """Under another one it would be there twice, or not at all."""
    assert STORED[name]() == name


def test_a_refund_is_found_by_its_own_id_at_its_provider() -> None:
    """Both providers could have one of that id."""
    for provider in ("stripe", "paddle"):
        purchase = Purchase(payment_id=PaymentId(f"{provider}:{PI}"), facts={"refund:re_1": refund()})
        assert [row.subject for row in rows_of_purchase(purchase)] == [f"{provider}:re_1"]
