"""The oracle of money: it finds nothing in what is right, and sees each kind of wrong ledger that is planted."""

import ast
import copy
import json
import re
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.lots import Lot
from proof import money
from proof.faults.histories import FineDay
from proof.shown import shown, shown_lot, wrong
from tools.engines import ROOT
from tools.stories import Story, stories
from tools.testing.fakes import world

Json = dict[str, Any]
SOURCE = ROOT / "proof" / "money.py"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
STORIES = {story.name: story for story in stories()}


def told(story: Story) -> list[Json]:
    """The notifications of a story."""
    return [json.loads(one.body) for one in story.notifications]


def of(name: str) -> tuple[list[Json], Json]:
    """A story's notifications, and what the ledger shows after it."""
    story = STORIES[name]
    return told(story), shown(world(FineDay.of(story, NOW, NOW + timedelta(days=32)).store))


def kinds(found: list[str]) -> set[str]:
    """The inequalities that are broken."""
    return {what.partition(":")[0] for what in found}


@pytest.mark.parametrize("story", stories(), ids=lambda story: story.name)
def test_nothing_is_found_in_a_story(story: Story) -> None:
    """The ledger after each story of the library is right."""
    day = FineDay.of(story, NOW, NOW + timedelta(days=32))
    assert wrong(world(day.store), told(story)) == []
    assert wrong(world(day.store), [*reversed(told(story)), *told(story)]) == [], "in whatever order and as often"


@pytest.mark.parametrize(
    "name",
    [
        "stripe_dispute_lost",
        "stripe_subscription_disputed",
        "stripe_subscription_refunded",
        "stripe_fraud_warning",
        "paddle_refund_approved",
        "paddle_chargeback",
    ],
)
def test_credits_that_stay_after_all_money_is_gone_are_seen(name: str) -> None:
    """Planted: the credits stay, whichever way the money went."""
    bodies, view = of(name)
    assert not any(lot["left"] for lot in view["lots"])
    view["lots"][0]["left"] = 1
    assert kinds(money.findings(bodies, view)) >= {"nothing left"}


@pytest.mark.parametrize(
    ("moved", "found"),
    [([-2000, 2000], set()), ([-2000, 2000, -2000], {"nothing left", "too much left"}), ([-2000, 2000, -15], set())],
)
def test_what_a_dispute_took_again_after_it_gave_it_back_is_seen(moved: list[int], found: set[str]) -> None:
    """Planted: the credits stay. The rows of a conversion are no money of the payment."""
    bodies, view = of("stripe_dispute_won")
    again = copy.deepcopy(bodies[-1])
    again["id"], again["created"] = "evt_again", again["created"] + 1
    row = again["data"]["object"]["balance_transactions"][0]
    again["data"]["object"]["balance_transactions"] = [
        row | {"amount": amount, "reporting_category": "dispute" if amount < 0 else "dispute_reversal"}
        for amount in moved
    ]
    assert view["lots"][0]["left"] > 0
    assert kinds(money.findings([*bodies, again], view)) == found


@pytest.mark.parametrize(("name", "most"), [("stripe_partial_refunds", 501), ("paddle_partial_refund", 551)])
def test_a_credit_too_many_after_a_partial_refund_is_seen(name: str, most: int) -> None:
    """Half of 20.00 is left: half of 1,000 credits may be, and one for rounding. Of 22.00 with tax 11.00 is."""
    bodies, view = of(name)
    (bought,) = view["lots"]
    bought["left"] = most
    assert money.findings(bodies, view) == []
    bought["left"] += 1
    assert kinds(money.findings(bodies, view)) == {"too much left"}


@pytest.mark.parametrize("name", ["stripe_pack_bought", "paddle_pack_bought", "stripe_subscription_three_months"])
def test_credits_granted_twice_are_seen(name: str) -> None:
    """Planted: a lot of twice the credits, and a second lot."""
    bodies, view = of(name)
    doubled, second = copy.deepcopy(view), copy.deepcopy(view)
    for lot in doubled["lots"]:
        lot["left"] *= 2
    second["lots"] += view["lots"]
    assert kinds(money.findings(bodies, doubled)) == {"too much left"}
    assert kinds(money.findings(bodies, second)) == {"too much left"}


@pytest.mark.parametrize("name", ["stripe_pack_bought", "paddle_pack_bought", "stripe_subscription_three_months"])
def test_a_payer_with_nothing_is_seen(name: str) -> None:
    """Planted: no lot; a lot that had ended before it was paid. A park or a flag is enough."""
    bodies, view = of(name)
    event_id = bodies[0].get("event_id") or bodies[-1]["id"]
    without = {**view, "lots": []}
    assert kinds(money.findings(bodies, without)) == {"nothing got"}
    ended = {**view, "lots": [lot | {"ends": 0.0} for lot in view["lots"]]}
    assert kinds(money.findings(bodies, ended)) == {"nothing got"}
    names = view["lots"][-1]["names"]
    assert len(money.findings(bodies, {**without, "parked": [event_id]})) < len(money.findings(bodies, without))
    assert len(money.findings(bodies, {**without, "flags": [f"any:stripe:{names[0]}"]})) < len(
        money.findings(bodies, without)
    )


@pytest.mark.parametrize("name", ["stripe_pack_bought", "paddle_pack_bought", "stripe_subscription_three_months"])
def test_more_used_than_was_ever_bought_is_seen(name: str) -> None:
    """Planted: an account used more than what came in can have bought."""
    bodies, view = of(name)
    for one in view["lots"]:
        one["used"] = one["granted"]
    assert money.findings(bodies, view) == []
    view["lots"][0]["used"] += 1 + len(view["lots"])
    assert kinds(money.findings(bodies, view)) == {"too much used"}


def test_credits_without_any_money_are_seen() -> None:
    """Planted: a lot of a payment that nobody reported."""
    _, view = of("stripe_pack_bought")
    assert kinds(money.findings([], view)) == {"nothing left", "too much left", "too much used"}


def test_a_payment_that_is_contested_twice_takes_nothing_of_its_twin() -> None:
    """Of one payment no more can go away than came in, however often it is contested: the other's credits stay."""
    bodies, view = of("stripe_dispute_lost")
    twin = copy.deepcopy(bodies[0])
    twin["id"], twin["data"]["object"]["id"], twin["data"]["object"]["payment_intent"] = "evt_t", "cs_t", "pi_t"
    again = copy.deepcopy(bodies[-1])
    again["id"], again["data"]["object"]["id"] = "evt_again", "dp_again"
    (bought,) = view["lots"]
    bought["names"], bought["left"] = [*bought["names"], "pi_t"], bought["granted"]
    assert money.findings([*bodies, again, twin], view) == []
    assert kinds(money.findings([*bodies, again], view)) == {"nothing left", "too much left"}


def invoice(name: str, **fields: Any) -> Json:
    """A month of Creator Monthly for 15.00, as `invoice.paid` reports it."""
    bodies, _ = of("stripe_subscription_refunded")
    made: Json = copy.deepcopy(bodies[0])
    source = made["data"]["object"]
    made["id"], made["created"] = f"evt_{name}", fields.pop("created", made["created"])
    source.update({"id": f"in_{name}"} | fields)
    for line in source["lines"]["data"]:
        line["parent"]["subscription_item_details"]["subscription"] = f"sub_{name}"
    return made


def lot(*names: str, **fields: Any) -> Json:
    """A month's credits."""
    return {"account": "acct_eve", "names": names, "granted": 1000, "used": 0, "left": 1000, "ends": None} | fields


def view_of(*lots: Json, **fields: Any) -> Json:
    """What a ledger shows that has these lots."""
    _, view = of("stripe_pack_bought")
    return view | {"lots": list(lots), "parked": [], "flags": []} | fields


def test_an_invoice_that_a_credit_note_settled_buys_nothing() -> None:
    """A total is no money: nothing was paid."""
    settled = invoice("a", amount_paid=0, pre_payment_credit_notes_amount=1500)
    assert kinds(money.findings([settled], view_of(lot("in_a")))) == {"nothing left", "too much left"}
    assert money.findings([settled], view_of()) == []


def test_a_credit_note_before_the_payment_is_no_money() -> None:
    """5.00 of 15.00 was left to pay, and was paid: a third of the credits is bought. Half back takes half of them."""
    lowered = invoice("a", amount_paid=500, pre_payment_credit_notes_amount=1000)
    assert money.findings([lowered], view_of(lot("in_a", left=334))) == []
    assert kinds(money.findings([lowered], view_of(lot("in_a", left=335)))) == {"too much left"}
    back = credit_note(post_payment_amount=250, out_of_band_amount=250)
    assert money.findings([lowered, back], view_of(lot("in_a", left=167))) == []
    assert kinds(money.findings([lowered, back], view_of(lot("in_a", left=168)))) == {"too much left"}


def test_what_a_balance_paid_buys_credits() -> None:
    """A renewal that a balance pays is paid; who filled that balance is another question."""
    paid = invoice("a", amount_paid=0, starting_balance=-1500, ending_balance=0)
    assert money.findings([paid], view_of(lot("in_a"))) == []
    assert kinds(money.findings([paid], view_of())) == {"nothing got"}


def test_money_that_goes_round_over_a_balance_buys_once() -> None:
    """15.00 is paid, used up, credited to the balance, and pays again: four rounds would be 4,000 for 15.00."""
    bodies: list[Json] = []
    lots: list[Json] = []
    for number in range(4):
        at = 1_790_000_000 + number * 100
        by_card = 1500 if number == 0 else 0
        bodies.append(invoice(f"{number}", created=at, amount_paid=by_card, starting_balance=by_card - 1500))
        back = invoice(f"back{number}", created=at + 50, amount_paid=0, ending_balance=-1500)
        (unused,) = back["data"]["object"]["lines"]["data"]
        unused["amount"], unused["parent"]["subscription_item_details"]["subscription"] = -1500, f"sub_{number}"
        bodies.append(back)
        lots.append(lot(f"in_{number}", left=0, used=1000))
    assert money.findings(bodies[:2], view_of(lots[0])) == []
    assert kinds(money.findings(bodies, view_of(*lots))) == {"too much used"}


@pytest.mark.parametrize("is_lost", [False, True])
def test_what_moved_to_another_lot_is_owed_when_its_money_goes(*, is_lost: bool) -> None:
    """An upgrade moves half of a month to a lot that costs 15.00; then a bank takes the whole first charge back.

    7.50 is left, so half of the new lot must be withheld: by a debt of the first one, or by what it may still owe.
    """
    bought = invoice("a", amount_paid=1500, starting_balance=0, ending_balance=0)
    upgraded = invoice("b", created=bought["created"] + 10, amount_paid=750, starting_balance=0, ending_balance=0)
    (new,) = upgraded["data"]["object"]["lines"]["data"]
    unused = copy.deepcopy(new)
    unused["amount"], unused["parent"]["subscription_item_details"]["subscription"] = -750, "sub_a"
    upgraded["data"]["object"]["lines"]["data"].append(unused)
    contested = copy.deepcopy(of("stripe_dispute_lost")[0][-1])
    contested["data"]["object"].update(charge="in_a", payment_intent="in_a", amount=1500, balance_transactions=[])
    row = {"amount": -1500, "currency": "usd", "reporting_category": "dispute"}
    contested["data"]["object"]["balance_transactions"] = [row]
    at_first = Lot(lot_id="a", granted=1000, refund_target=500, refunded=500)
    disputed = replace(at_first, dispute_target=1000) if is_lost else replace(at_first, is_frozen=True)
    first, second = shown_lot("acct_eve", disputed.rebalance(), ["in_a"]), lot("in_b")
    assert first["left"] == -500
    assert money.findings([bought, upgraded, contested], view_of(first, second)) == []
    assert kinds(money.findings([bought, upgraded, contested], view_of(first | {"left": 0}, second))) == {
        "too much left"
    }


def test_a_debt_hides_no_credits_of_its_own_lot() -> None:
    """Planted: credits are owed while there are some in the lot. All money is gone."""
    bodies, view = of("stripe_dispute_lost")
    names = view["lots"][0]["names"]
    kept = Lot(lot_id="a", granted=1000, refund_target=1000)
    assert (kept.remaining, kept.owed) == (1000, 1000)
    view["lots"] = [shown_lot("acct_eve", kept, names)]
    assert kinds(money.findings(bodies, view)) >= {"nothing left"}


def test_two_currencies_never_meet() -> None:
    """A dispute in euros over a payment in dollars: no share of the credits may stay."""
    bodies, _ = of("stripe_subscription_disputed")
    for body in bodies:
        if body["data"]["object"]["object"] == "dispute":
            body["data"]["object"].update(currency="eur", amount=1380)
    name = bodies[0]["data"]["object"]["id"]
    assert kinds(money.findings(bodies, view_of(lot(name, left=80)))) == {"nothing left", "too much left"}
    assert money.findings(bodies, view_of(lot(name, left=0))) == []


def test_tax_that_goes_back_takes_no_credits_and_all_money_takes_all() -> None:
    """22.00 with 2.00 of tax: 1,000 credits may stay after the tax, none after the rest."""
    bodies, view = of("paddle_refund_approved")
    (bought,) = view["lots"]
    refund = copy.deepcopy(bodies[-1])
    tax = bodies[0]["data"]["details"]["totals"]["tax"]
    refund["event_id"], refund["data"]["id"], refund["data"]["totals"]["total"] = "evt_tax", "adj_tax", tax
    bought["left"] = bought["granted"]
    assert money.findings([bodies[0], refund], view) == []
    bought["left"] = 91
    assert kinds(money.findings([*bodies, refund], view)) == {"nothing left", "too much left"}


def test_a_favour_lowers_the_money_alone_until_nothing_is_left() -> None:
    """What we give back as a favour takes no credits; without any money there are none."""
    bodies, view = of("stripe_partial_refunds")
    (bought,) = view["lots"]
    bought["left"], view["given"] = bought["granted"], {bought["names"][0]: 1000}
    assert money.findings(bodies, view) == []
    bodies, view = of("stripe_fraud_warning")
    view["lots"][0]["left"], view["given"] = 1, {view["lots"][0]["names"][0]: 10_000}
    assert kinds(money.findings(bodies, view)) == {"nothing left"}


def credit_note(**fields: Any) -> Json:
    """A credit note about the invoice of `invoice("a")`."""
    about = {"id": "cn_1", "object": "credit_note", "invoice": "in_a", "currency": "usd"}
    amounts = {"refunds": [], "post_payment_amount": 1500, "out_of_band_amount": None, "voided_at": None}
    return {"id": "evt_note", "created": 1_790_000_100, "data": {"object": about | amounts | fields}}


@pytest.mark.parametrize("out_of_band", [1500, None], ids=["out of band", "to the balance"])
def test_a_credit_note_after_the_payment_is_money_that_is_away(out_of_band: int | None) -> None:
    """Whether the money went outside of the provider or to the balance; a voided one is not."""
    paid, note = invoice("a"), credit_note(out_of_band_amount=out_of_band)
    assert kinds(money.findings([paid, note], view_of(lot("in_a")))) == {"nothing left", "too much left"}
    assert money.findings([paid, credit_note(voided_at=1)], view_of(lot("in_a"))) == []


def test_money_of_another_seller_buys_nothing() -> None:
    """The envelope names a connected account."""
    foreign = invoice("a") | {"account": "acct_1Connected"}
    assert kinds(money.findings([foreign], view_of(lot("in_a")))) == {"nothing left", "too much left"}


def test_the_oracle_is_short_and_knows_nothing_of_ours() -> None:
    """At most 150 lines, and nothing but the standard library."""
    text = SOURCE.read_text("utf-8")
    assert len(text.splitlines()) <= 150
    modules = {
        name
        for node in ast.walk(ast.parse(text))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])
        + ([one.name for one in node.names] if isinstance(node, ast.Import) else [])
    }
    assert modules == {"collections", "collections.abc", "datetime", "fractions", "typing"}


def test_the_oracle_knows_no_status_word() -> None:
    """No text in it is a status of the providers' objects, and it reads no field that holds one."""
    words = _status_words(ROOT / "tools" / "drift" / "stripe.toml") | _status_words(
        ROOT / "tools" / "drift" / "paddle.toml"
    )
    assert words > {"succeeded", "lost", "won", "approved", "pending", "paid", "completed", "reversed", "void"}
    constants = [node for node in ast.walk(ast.parse(SOURCE.read_text("utf-8"))) if isinstance(node, ast.Constant)]
    texts = {part for node in constants if isinstance(node.value, str) for part in re.split(r"[.\s]+", node.value)}
    documented = {word for word in texts if not re.fullmatch(r"[a-z_]+", word)}
    assert not (texts - documented) & (words - {"paid"})
    assert not {text for text in texts if "status" in text}


def _status_words(file: Path) -> set[str]:
    """The values of every field of this provider's objects that is named status."""
    found: set[str] = set()

    def look(node: Any, path: str) -> None:
        if isinstance(node, dict):
            for name, inner in node.items():
                look(inner, f"{path}.{name}")
        elif isinstance(node, list) and ".values.status" in path:
            found.update(node)

    look(tomllib.loads(file.read_text("utf-8")), "")
    return found
