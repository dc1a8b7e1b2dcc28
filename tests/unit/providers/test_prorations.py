"""What a change within a period means: what moves away takes its credits along, what is charged grants its own.

The first month, 15.00 for 1,000 credits, is the line il_1 of the invoice in_1. Half of it is credited.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.domain import catalogue
from ledger.domain.events import About, Event, Owner
from ledger.domain.facts import BalanceCredited, PaymentSettled, RefundedItem, UngrantedLine
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.purchases import Purchase, target
from ledger.domain.receipts import ParkReason
from ledger.providers.stripe import events as stripe
from tools.fixtures import stripe_shapes as shapes

Json = dict[str, Any]

SOLD = catalogue.load()
PLAN = SOLD.products["creator_monthly"]
SILENT = catalogue.Catalogue(SOLD.version, {**SOLD.products, PLAN.product_id: replace(PLAN, proration_grants=False)})
CREATED, AT = 1_788_264_000, datetime(2026, 9, 1, 12, 1, tzinfo=UTC)
PERIOD = (CREATED, CREATED + 30 * 86400)
FIRST = ("in_1", ["il_1"])
IN_1 = PaymentId("stripe:in_1")


def line(line_id: str, amount: int, *, origin: tuple[str, list[str]] | None = None, tax: int = 0, **more: Any) -> Json:
    """A line for a part of the period, which credits these lines of an invoice, if they are told."""
    plan, more = "price_creator_monthly", {"proration": True, "item": "si_1", **more}
    sub = more.pop("subscription", "sub_1")
    return shapes.invoice_line(line_id, "in_2", sub, plan, amount, PERIOD, tax=tax, credits_lines=origin, **more)


def renewal() -> Json:
    """The next period, whole."""
    return shapes.invoice_line("il_9", "in_2", "sub_1", "price_creator_monthly", 1500, PERIOD, item="si_1")


def told(*lines: Json, sold: catalogue.Catalogue = SOLD, reason: str = "subscription_update", **fields: Any) -> Event:
    """What an invoice of these lines says: the card paid what was due, and the balance took what was not."""
    ours = {"account_id": "acct_ada"}
    invoice = shapes.invoice(
        "in_2", reason, CREATED, list(lines), who="Ada", customer="cus_1", subscription_id="sub_1", metadata=ours
    )
    envelope = shapes.envelope("evt_1", "invoice.paid", CREATED + 60, invoice | fields, None)
    event = stripe.translate(envelope, sold, is_live=False)
    assert event is not None
    return event


def moved(amount_minor: int, credit: str = "il_a", lines: tuple[str, ...] = ("il_1",)) -> BalanceCredited:
    """What moved away from a payment by the line of this credit."""
    return BalanceCredited(
        credit_id=f"in_2/{credit}",
        amount_minor=amount_minor,
        currency="USD",
        created_at=day(CREATED),
        at=AT,
        cause="stripe:evt_1",
        items=tuple(RefundedItem(line_id=line_id, amount_minor=amount_minor) for line_id in lines),
    )


UNUSED = line("il_a", -750, origin=FIRST)


@pytest.mark.parametrize(
    ("charged", "sold", "moves", "granted", "paid", "card"),
    [
        (1500, SOLD, 750, 1000, 1500, 750),  # an upgrade: what moved pays for a half of it
        (750, SOLD, 750, 500, 750, 0),
        (250, SOLD, 750, 166, 250, 0),  # a downgrade: what it does not use up stays on the balance
        (250, SILENT, 500, 0, 0, 0),
        (750, SILENT, 0, 0, 0, 0),
        (0, SOLD, 750, 0, 0, 0),  # a cancellation
        (0, SILENT, 750, 0, 0, 0),
    ],
)
def test_what_a_change_credits_moves_away_and_what_it_charges_is_paid_by_it(
    charged: int, sold: catalogue.Catalogue, moves: int, granted: int, paid: int, card: int
) -> None:
    """Value counts once: what moves takes its credits along, and is value where it is spent."""
    event = told(UNUSED, line("il_b", charged), sold=sold)
    assert not event.parked, event.detail
    abouts = [*event.also, *([About(names=event.names, facts=event.facts)] if event.facts else [])]
    assert abouts == ([About(names=(IN_1,), facts=(moved(moves),))] if moves else [])
    if not granted:
        assert event.payment is None
        return
    assert event.payment
    assert event.names == ("stripe:in_2",)
    assert (sum(line.credits for line in event.payment.lines), event.payment.paid_minor) == (granted, paid)
    assert (event.payment.returnable_minor, event.payment.overcharge_minor) == (card, 0)
    assert (event.payment.fulfilment_key, event.payment.is_renewal) == (None, True)


@pytest.mark.parametrize(("sold", "lines"), [(SOLD, 2), (SILENT, 1)])
def test_a_pack_beside_a_change_is_paid_for_with_the_subscription(sold: catalogue.Catalogue, lines: int) -> None:
    """Also if the change grants nothing. Without a change it is a sale of its own."""
    price = SOLD.products["pack_500"].price_ids["stripe"][0]
    pack = shapes.invoice_line("il_p", "in_2", "sub_1", price, 1000, (CREATED, CREATED), item="si_2")
    changed, alone = told(UNUSED, line("il_b", 1500), pack, sold=sold).payment, told(pack, sold=sold).payment
    assert changed
    assert alone
    assert (len(changed.lines), changed.subscription_id, changed.is_renewal) == (lines, "stripe:sub_1", True)
    assert (len(alone.lines), alone.subscription_id, alone.is_renewal) == (1, None, False)


def test_an_upgrade_that_grants_nothing_is_parked_and_beside_a_renewal_flagged() -> None:
    """The difference was paid, and a person must know."""
    assert told(UNUSED, line("il_b", 1500), sold=SILENT).parked is ParkReason.UNEXPECTED_CHARGE
    event = told(UNUSED, line("il_b", 1500), renewal(), sold=SILENT, reason="subscription_cycle")
    assert event.payment, event.detail
    assert (event.payment.paid_minor, event.payment.overcharge_minor, event.also) == (2250, 750, ())
    assert [line.credits for line in event.payment.lines] == [1000]


def test_what_is_charged_and_grants_nothing_is_known_by_its_lines() -> None:
    """As overcharges, of what they cost above what was credited; their parts add up."""
    lines = (UNUSED, line("il_b", 1000, tax=100), line("il_c", 500), line("il_d", 1))
    event = told(*lines, renewal(), sold=SILENT, reason="subscription_cycle")
    assert event.payment, event.detail
    assert event.payment.overcharge_minor == 851
    assert event.payment.ungranted == (
        *(
            UngrantedLine(line_id=line_id, amount_minor=amount_minor, is_overcharge=True)
            for line_id, amount_minor in (("il_b", 584), ("il_c", 266), ("il_d", 1))
        ),
    )
    used_up = told(line("il_a", -2000, origin=FIRST), *lines, renewal(), sold=SILENT, reason="subscription_cycle")
    assert used_up.payment, used_up.detail
    assert (used_up.payment.overcharge_minor, used_up.payment.ungranted) == (0, None)


@pytest.mark.parametrize(
    ("credited", "credits_", "overcharges"),
    [
        (0, 1000, [584, 266, 1]),
        (1, 1000, [583, 266, 1]),
        (425, 1000, [292, 133, 1]),
        (851, 1000, []),
        (852, 1000, []),
        (853, 999, []),
        (1601, 500, []),
        (2350, 1, []),
    ],
)
def test_a_credit_note_before_the_payment_takes_the_overcharge_first(
    credited: int, credits_: int, overcharges: list[int]
) -> None:
    """As one after it does. Then it takes its part of the credits that the renewal's 15.00 bought, rounded down."""
    lines = (UNUSED, line("il_b", 1000, tax=100), line("il_c", 500), line("il_d", 1), renewal())
    event = told(
        *lines,
        sold=SILENT,
        reason="subscription_cycle",
        amount_paid=2351 - credited,
        pre_payment_credit_notes_amount=credited,
    )
    assert event.payment, event.detail
    assert [each.credits for each in event.payment.lines] == [credits_]
    assert event.payment.overcharge_minor == sum(overcharges)
    assert [each.amount_minor for each in event.payment.ungranted or ()] == overcharges
    assert event.payment.paid_minor == 2351 - credited


def test_a_credit_note_before_the_payment_counts_what_was_credited_and_used_up_as_paid() -> None:
    """7.50 of what was paid before, 0.75 by card, and 6.75 that nobody paid: 825 of 1,500 bought 550 credits."""
    event = told(UNUSED, renewal(), reason="subscription_cycle", amount_paid=75, pre_payment_credit_notes_amount=675)
    assert event.payment, event.detail
    assert (event.payment.paid_minor, event.payment.returnable_minor) == (825, 75)
    assert [each.credits for each in event.payment.lines] == [550]
    assert event.also == (About(names=(IN_1,), facts=(moved(750),)),)


@pytest.mark.parametrize(
    ("credited", "by_note", "tax_minor"), [(0, 0, 250), (0, 1, None), (750, 0, None), (750, 1, None), (750, 750, None)]
)
def test_the_tax_of_an_invoice_is_the_payments_only_if_all_of_it_was_paid_with_new_money(
    credited: int, by_note: int, tax_minor: int | None
) -> None:
    """Nor if the part that a credit note left out is as much as what was credited: 7.50 are paid, of other things."""
    lines = (renewal(), *([line("il_a", -credited, origin=FIRST)] if credited else []))
    due = 1500 - credited
    event = told(
        *lines,
        reason="subscription_cycle",
        amount_paid=due - by_note,
        pre_payment_credit_notes_amount=by_note,
        total_taxes=[{"amount": 250}],
    )
    assert event.payment, event.detail
    assert (event.payment.paid_minor, event.payment.tax_minor) == (1500 - by_note, tax_minor)


def test_a_part_that_is_too_small_for_a_credit_is_known_by_its_line() -> None:
    """It has a price, and takes no credits of the other lines when it is credited."""
    free = line("il_d", 1) | {"discount_amounts": [{"amount": 1}]}
    small = (line("il_b", 1, tax=1), free, line("il_e", 1))
    event = told(*small, line("il_c", 750), renewal(), reason="subscription_cycle")
    assert event.payment, event.detail
    assert [(each.line_id, each.credits) for each in event.payment.lines] == [("il_9", 1000), ("il_c", 500)]
    known = [(each.line_id, each.amount_minor) for each in event.payment.ungranted or ()]
    assert known == [("il_b", 2), ("il_e", 1)]
    assert event.payment.overcharge_minor == 0


def left_after(payment: PaymentSettled, *credits_: tuple[int, str]) -> list[int]:
    """The credits of each lot after a later change credited these amounts of lines of the invoice in_2."""
    purchase = Purchase(payment_id=payment.payment_id).with_facts(payment)
    for number, (amount, line_id) in enumerate(credits_):
        (credit,) = told(line(f"il_{number}", -amount, origin=("in_2", [line_id]))).facts
        assert isinstance(credit, BalanceCredited)
        purchase = purchase.with_facts(replace(credit, credit_id=f"in_3/{number}"))
    return [lot.granted - lot.refund_target for lot in target(purchase).lots]


def test_a_credit_of_a_line_that_grants_nothing_takes_no_credits_of_a_line_that_does() -> None:
    """15.00 for the period, 15.00 for a part of one that grants nothing, or 0.02 that are too little for a credit."""
    both = told(line("il_b", 1500), renewal(), sold=SILENT, reason="subscription_cycle").payment
    assert both
    assert left_after(both, (1500, "il_b")) == [1000]
    assert left_after(both, (1500, "il_9")) == [0]
    assert left_after(both, (750, "il_9"), (1500, "il_b")) == [500]
    small = told(line("il_b", 1, tax=1), renewal(), reason="subscription_cycle").payment
    assert small
    assert left_after(small, (2, "il_b")) == [1000]
    assert left_after(small, (1500, "il_9")) == [0]


def test_a_trial_and_a_part_of_a_period_are_both_known() -> None:
    """The lines that grant nothing, of either kind."""
    trial = renewal() | {"id": "il_t", "pricing": {"price_details": {"price": "price_offer"}}}
    sold = catalogue.Catalogue(
        SOLD.version,
        {
            **SILENT.products,
            PLAN.product_id: replace(SILENT.products[PLAN.product_id], trial_price_ids={"stripe": ("price_offer",)}),
        },
    )
    event = told(trial, renewal(), line("il_b", 500), sold=sold, reason="subscription_cycle")
    assert event.payment, event.detail
    assert event.payment.ungranted == (
        UngrantedLine(line_id="il_t", amount_minor=1500),
        UngrantedLine(line_id="il_b", amount_minor=500, is_overcharge=True),
    )


def test_a_renewal_is_paid_by_what_a_change_before_it_credited() -> None:
    """The card paid half of it; what moved is value all the same."""
    event = told(UNUSED, renewal(), reason="subscription_cycle")
    assert event.payment, event.detail
    assert (event.payment.paid_minor, event.payment.card_minor) == (1500, 750)
    assert event.also == (About(names=(IN_1,), facts=(moved(750),)),)
    more = told(line("il_a", -2000, origin=FIRST), renewal(), reason="subscription_cycle")
    assert more.payment, more.detail
    assert (more.payment.paid_minor, more.payment.card_minor) == (1500, 0)


def test_credits_of_several_payments_are_told_of_each() -> None:
    """What a downgrade uses up is taken from all of them alike, to the cent."""
    lines = (
        line("il_a", -500, origin=FIRST),
        line("il_c", -250, origin=("in_0", ["il_x", "il_y"])),
        line("il_d", -251, origin=FIRST),
    )
    all_of_it = told(*lines)
    first = About(names=(IN_1,), facts=(moved(500), moved(251, "il_d")))
    other = About(names=(PaymentId("stripe:in_0"),), facts=(moved(250, "il_c", ()),))
    assert (all_of_it.names, all_of_it.facts, all_of_it.also) == (first.names, first.facts, (other,))
    half = told(*lines, line("il_b", 500), sold=SILENT)
    told_of_each = (half.facts, *(about.facts for about in half.also))
    facts = [fact for facts in told_of_each for fact in facts if isinstance(fact, BalanceCredited)]
    assert sum(fact.amount_minor for fact in facts) == 501
    assert [fact.amount_minor for fact in facts] == [250, 126, 125]


def test_a_credit_that_names_nothing_is_of_the_period_that_runs() -> None:
    """Beside one that names its lines; whichever payment that is, is found where it is booked."""
    event = told(line("il_a", -500), UNUSED | {"id": "il_b"}, line("il_c", 250), sold=SILENT)
    (period,) = event.credited_periods
    assert (period.subscription_id, period.since, period.until) == ("stripe:sub_1", *map(day, PERIOD))
    assert period.facts == (moved(400, "il_a", ()),)
    assert (event.names, event.facts, event.also) == ((IN_1,), (moved(600, "il_b"),), ())
    named = event.with_credited_periods([PaymentId("stripe:in_0")])
    assert (named.names, named.facts) == (event.names, event.facts)
    assert named.also == (About(names=(PaymentId("stripe:in_0"),), facts=period.facts),)
    assert event.owner == Owner(account_id=AccountId("acct_ada"), customer_id="stripe:cus_1")
    alone = told(line("il_a", -500))
    assert (alone.owner, len(alone.credited_periods), alone.names) == (event.owner, 1, ())
    no_details = line("il_a", -500)
    no_details["parent"]["subscription_item_details"]["proration_details"] = None
    assert told(no_details) == alone
    beside = told(line("il_a", -500), line("il_c", 1500))
    assert (beside.owner, len(beside.credited_periods), beside.names) == (event.owner, 1, ("stripe:in_2",))


def test_a_line_without_an_id_is_known_by_its_position() -> None:
    """Of the invoice's lines."""
    event = told(renewal(), line("il_a", -500, origin=FIRST) | {"id": None}, line("il_b", 250) | {"id": None})
    assert event.payment, event.detail
    assert [each.line_id for each in event.payment.lines] == ["il_9", "2"]
    assert event.also == (About(names=(IN_1,), facts=(moved(500, "1"),)),)


def test_a_line_of_nothing_means_nothing() -> None:
    """Neither a credit nor a charge, whatever its price; and one of the smallest amount is one."""
    nothing = line("il_d", 0) | {"pricing": {"price_details": {"price": "price_other"}}}
    event = told(line("il_a", -1, origin=FIRST), line("il_b", 0, origin=("", [])), line("il_c", 2), nothing)
    assert event.also == (About(names=(IN_1,), facts=(moved(1),)),)
    assert event.payment, event.detail
    assert [(each.line_id, each.credits) for each in event.payment.lines] == [("il_c", 1)]
    silent = told(line("il_c", 1), renewal(), sold=SILENT, reason="subscription_cycle")
    assert silent.payment, silent.detail
    assert silent.payment.overcharge_minor == 1


def day(seconds: int) -> datetime:
    """A time of Stripe's."""
    return datetime.fromtimestamp(seconds, UTC)


def test_an_invoice_that_does_not_say_when_it_was_created_credits_as_of_its_event() -> None:
    """Refunds and credits act in the order in which they were created."""
    assert told(UNUSED, created=None).facts == (replace(moved(750), created_at=AT),)


def test_a_credit_counts_with_its_tax() -> None:
    """As much went back as was paid."""
    event = told(line("il_a", -750, origin=FIRST, tax=-75))
    assert event.facts == (moved(825),)


@pytest.mark.parametrize(
    ("lines", "fields", "reason"),
    [
        ([line("il_a", -750, subscription=None)], {}, ParkReason.UNKNOWN_ORIGIN),
        ([line("il_a", -750, subscription=None), line("il_b", 1500)], {}, ParkReason.UNKNOWN_ORIGIN),
        ([line("il_a", -750, subscription=None), renewal()], {}, ParkReason.UNKNOWN_ORIGIN),
        ([line("il_a", -750, origin=("", ["il_1"]))], {}, ParkReason.UNKNOWN_SHAPE),
        ([line("il_a", -750, origin=("in_1", [""]))], {}, ParkReason.UNKNOWN_SHAPE),
        ([UNUSED], {"created": "yesterday"}, ParkReason.UNKNOWN_SHAPE),
        ([UNUSED], {"total": -900}, ParkReason.UNKNOWN_ORIGIN),  # more moved than was credited
        (
            [line(f"il_{number}", -10, origin=(f"in_{number}x", ["il_1"])) for number in range(9)]
            + [line(f"il_{number}", -10) for number in range(9, 11)],
            {},
            ParkReason.UNKNOWN_SHAPE,
        ),
    ],
)
def test_a_credit_whose_origin_is_not_told_waits_for_a_person(
    lines: list[Json], fields: Json, reason: ParkReason
) -> None:
    """Nobody knows whose credits it takes along. It is not guessed."""
    event = told(*lines, **fields)
    assert (event.parked, event.payment, event.facts) == (reason, None, ()), event.detail
