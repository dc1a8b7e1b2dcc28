"""Refunds by line, as Paddle reports them: each takes the credits of the line that it names, and of no other."""

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.domain import catalogue
from ledger.domain.events import Event
from ledger.domain.purchases import Purchase, target
from ledger.providers.paddle import events as paddle
from tools.fixtures import paddle_shapes as shapes

Json = dict[str, Any]

AT, NEXT = "2026-09-01T12:00:00.000000Z", "2026-10-01T12:00:00.000000Z"
TXN = "txn_01hv8wptq8987qeep44cyrewp9"


@pytest.fixture
def without_parts(tmp_path: Path) -> catalogue.Catalogue:
    """The catalogue, if a part of a period grants nothing."""
    content = json.loads(catalogue.DEFAULT_FILE.read_text("utf-8"))
    for product in content["products"]:
        product.pop("proration_grants", None)
    (tmp_path / "catalogue.json").write_text(json.dumps(content))
    return catalogue.load(tmp_path / "catalogue.json")


def tells(event_type: str, data: Json, sold: catalogue.Catalogue) -> Event:
    """What Paddle says."""
    envelope = {"event_id": f"evt_{event_type}", "event_type": event_type, "occurred_at": AT, "data": data}
    event = paddle.translate(envelope, sold, is_live=False)
    assert event is not None
    assert event.parked is None, event.detail
    return event


def after(
    transaction: Json, *refunds: tuple[int, int, str], sold: catalogue.Catalogue | None = None
) -> tuple[list[int], list[str]]:
    """The credits that are left of each lot, and the flags, after refunds: (position of the line, amount, type)."""
    sold = sold or catalogue.load()
    paid = tells("transaction.completed", transaction, sold).payment
    assert paid is not None
    purchase = Purchase(payment_id=paid.payment_id).with_facts(paid)
    for number, (position, amount, kind) in enumerate(refunds):
        refund = shapes.adjustment(f"adj_{number}", transaction, "refund", "approved", AT, created_at=AT)
        line_id, totals = transaction["details"]["line_items"][position]["id"], {"total": str(amount)}
        refund["items"] = [{"item_id": line_id, "type": kind, "amount": str(amount), "totals": totals}]
        refund["totals"] |= totals
        purchase = purchase.with_facts(*tells("adjustment.created", refund, sold).facts)
    known = target(purchase)
    left = [lot.granted - lot.refund_target for lot in known.lots]
    return left, [flag.partition(":")[0] for flag in known.flags if not flag.startswith("late")]


def transaction(*products: str, **fields: Any) -> Json:
    """A transaction of these products, one each."""
    fields.setdefault("invoice_number", "1234-1")
    fields.setdefault("custom", {"account_id": "acct_ada", "order_id": "ord_1", "product_id": products[0]})
    return shapes.transaction(TXN, AT, [(product, 1) for product in products], customer="ctm_1", **fields)


def test_a_renewals_item_takes_its_credits_though_a_part_of_a_period_was_an_overcharge(
    without_parts: catalogue.Catalogue,
) -> None:
    """16.50 for the period, 16.50 for a part that grants nothing. The overcharge is what the other item is about."""
    renewal = transaction(
        "creator_monthly",
        "creator_monthly",
        subscription_id="sub_1",
        origin="subscription_recurring",
        period=(AT, NEXT),
    )
    renewal["details"]["line_items"][1]["proration"] = {
        "rate": "0.5",
        "billing_period": {"starts_at": AT, "ends_at": NEXT},
    }
    assert after(renewal, sold=without_parts) == ([1000], ["overcharge"])
    assert after(renewal, (0, 1650, "full"), sold=without_parts) == ([0], ["overcharge"])
    assert after(renewal, (1, 1650, "full"), sold=without_parts) == ([1000], [])


def test_a_paid_trial_and_a_pack_are_refunded_each_by_its_own_item() -> None:
    """11.00 for the pack, 5.50 for a trial that grants nothing."""
    both = transaction("pack_500", "creator_monthly", subscription_id="sub_1", period=(AT, NEXT))
    both["items"][1]["price"]["trial_period"] = {"interval": "day", "frequency": 7}
    both["details"]["line_items"][1]["totals"] = shapes.money(500, 0, 50)
    for totals in (both["details"]["totals"], both["details"]["adjusted_totals"]):
        totals |= {"subtotal": "1500", "tax": "150", "total": "1650", "grand_total": "1650"}
    assert after(both) == ([500], [])
    assert after(both, (0, 1100, "full")) == ([0], [])
    assert after(both, (1, 550, "full")) == ([500], [])
    assert after(both, (1, 550, "full"), (0, 550, "partial")) == ([250], [])


def test_an_item_and_then_its_tax_leave_no_credits_of_the_line() -> None:
    """10.00 and 1.00 of tax, of the first of two packs."""
    packs = transaction("pack_500", "pack_1000")
    assert after(packs, (0, 1000, "partial"), (0, 100, "tax")) == ([0, 1000], [])
    assert after(packs, (0, 100, "tax"), (0, 1000, "partial")) == ([0, 1000], [])
    assert after(packs, (0, 100, "tax")) == ([500, 1000], [])
