"""A sale's own part of money that several sales share, or that several payments brought: in all, what moved."""

import itertools
from dataclasses import replace

import pytest

from ledger.domain.currencies import comparable
from ledger.domain.disputes import disputed
from ledger.domain.facts import (
    AmountStated,
    DisputeChanged,
    DisputeState,
    Fact,
    MoneyLinked,
    RefundChanged,
    RefundSent,
    RefundState,
    RefundTotalReported,
)
from ledger.domain.ids import PaymentId
from ledger.domain.parts import own_left, own_part
from ledger.domain.purchases import Purchase, target
from ledger.domain.refunds import outstanding_minor, returned, returned_minor
from tests.unit.domain.test_links import CREDIT, IN_2, PI_2, SHARED, WARNING, link, sale
from tests.unit.domain.test_purchases import TAG, approved, attempted, reported
from tools.testing.builders import IN, PI, at, dispute, payment, refund

LOST, OPEN, PENDING = DisputeState.LOST, DisputeState.OPEN, RefundState.PENDING


def of_pi(fact: RefundChanged | DisputeChanged, money_id: PaymentId = PI) -> Fact:
    """A refund or dispute of this payment."""
    return replace(fact, money_id=money_id)


def back(
    amount_minor: int,
    number: int = 1,
    *,
    minute: float = 10,
    state: RefundState = RefundState.SUCCEEDED,
    tag: str | None = None,
) -> RefundChanged:
    """A refund of the shared payment: by default somebody's in the dashboard."""
    return replace(refund(amount_minor, refund_id=f"re_{number}", minute=minute, state=state), money_id=PI, tag=tag)


def total(amount_minor: int) -> RefundTotalReported:
    """The running total of the shared payment's charge."""
    return replace(reported(amount_minor), money_id=PI)


def parts(*facts: Fact, links: tuple[MoneyLinked, ...] = SHARED) -> list[list[int]]:
    """What each of two sales that share a payment has of each of these refunds and disputes."""
    owned = [comparable(sale(sale_id, *links, *facts).facts) for sale_id in (IN, IN_2)]
    keys = [fact.key for fact in facts if isinstance(fact, RefundChanged | DisputeChanged)]
    return [[own[key].amount_minor for key in keys] for own in owned]  # type: ignore[union-attr]


def gone(*facts: Fact) -> list[int]:
    """How much of each sale went back."""
    return [returned_minor(sale(sale_id, *SHARED, *facts).facts) for sale_id in (IN, IN_2)]


# ── One payment, several sales ────────────────────────────────────────────────────────────────────────────────────────


def test_each_sale_has_its_own_part_of_what_goes_back_of_shared_money() -> None:
    """By what is left of each: three fifths and two fifths, and all of it together."""
    assert parts(back(999)) == [[599], [400]]
    assert parts(of_pi(dispute(LOST, 999))) == [[599], [400]]
    assert parts(of_pi(dispute(OPEN, 999))) == [[599], [400]]
    assert parts(back(999, state=PENDING)) == [[599], [400]]
    assert gone(total(999)) == [599, 400]
    third = link(IN, PI_2, 5000)  # another payment's money is no measure for it
    assert comparable(sale(IN, *SHARED, third, back(999)).facts)["refund:re_1"] == replace(back(999), amount_minor=599)


@pytest.mark.parametrize("paid_minor", [(1500, 1000), (1, 2499), (833, 1667)])
@pytest.mark.parametrize("amounts", [(1, 2499), (833, 833, 834), (3, 5, 7, 11, 2474), (2500, 1)])
def test_all_money_back_is_all_of_each_sale_however_odd_its_parts_are(
    paid_minor: tuple[int, int], amounts: tuple[int, ...]
) -> None:
    """What was rounded away of one part is in the next one. A sale never gives more than it was paid."""
    links = (link(IN, amount_minor=paid_minor[0]), link(IN_2, amount_minor=paid_minor[1]))
    for number in range(len(amounts) + 1):
        refunds: list[Fact] = [back(minor, at_, minute=at_) for at_, minor in enumerate(amounts[:number])]
        first, second = parts(*refunds, links=links)
        assert sum(first) + sum(second) == min(2500, sum(amounts[:number]))
        assert sum(first) <= paid_minor[0]
        assert sum(second) <= paid_minor[1]
    for sale_id, minor in ((IN, paid_minor[0]), (IN_2, paid_minor[1])):
        sold = Purchase(payment_id=sale_id).with_facts(payment(sale_id, paid_minor=minor), *links, *refunds)
        assert [(lot.granted, lot.refund_target) for lot in target(sold).lots] == [(1000, 1000)]


def test_what_goes_back_after_one_sale_is_refunded_is_of_the_other() -> None:
    """Also of three. And what was refunded before ours was split by what was left then."""
    ours: tuple[Fact, ...] = (attempted(1500, sale_id=IN), back(1500, tag=TAG))
    assert parts(*ours, back(400, 2, minute=11)) == [[1500, 0], [0, 400]]
    assert parts(*ours, back(500, 2, minute=9)) == [[1200, 300], [300, 200]], "ours came after it"
    assert parts(*ours, of_pi(dispute(LOST, 2500))) == [[1500, 0], [0, 1000]]
    since = replace(back(1500, tag=TAG, minute=30), created_at=at(30))
    assert parts(ours[0], since, of_pi(dispute(LOST, 999, minute=40))) == [[901, 599], [599, 400]], "opened before ours"
    assert parts(*ours, back(400, 2, state=PENDING)) == [[1500, 0], [0, 400]]


@pytest.mark.parametrize("amounts", [((0, 0), [[4], [5]]), ((9, 0), [[9], [0]]), ((0, 9), [[0], [9]])])
def test_shared_money_without_amounts_is_taken_once(amounts: tuple[tuple[int, int], list[list[int]]]) -> None:
    """From each sale the same part, whatever was received first."""
    paid_minor, expected = amounts
    first, second = link(IN, amount_minor=paid_minor[0]), link(IN_2, amount_minor=paid_minor[1])
    assert parts(back(9), links=(first, second)) == parts(back(9), links=(second, first)) == expected


def test_a_refund_of_ours_is_for_the_sale_that_it_was_approved_for() -> None:
    """The attempt says so to each sale; the approval lies with one. Of what nobody approved, each has its part."""
    ours = back(900, tag=TAG)
    assert parts(ours, attempted(900, sale_id=IN)) == [[900], [0]]
    assert parts(ours, attempted(900, sale_id=IN_2)) == [[0], [900]]
    assert parts(ours, attempted(900, sale_id=PaymentId("stripe:in_9"))) == [[0], [0]], "its link is to come"
    unlinked = attempted(900, sale_id=PaymentId("stripe:in_9"))
    assert parts(ours, unlinked, back(2500, 2)) == [[0, 1500], [0, 1000]], "it brought more than is known"
    assert parts(replace(ours, tag=f"{TAG}/2"), attempted(900, sale_id=IN)) == [[900], [0]]
    assert parts(ours) == [[540], [360]], "another table of ours has sent it"
    own = comparable(sale(IN, *SHARED, approved(900), ours).facts)
    assert own["refund:re_1"] == ours


def test_what_our_refund_takes_beyond_its_sale_is_the_others() -> None:
    """Someone else refunded meanwhile: no money is left of the payment, so none of either sale."""
    ours = (attempted(1500, sale_id=IN), back(1500, tag=TAG, minute=12))
    assert parts(*ours, back(1000, 2)) == [[900, 600], [600, 400]]
    of_second = (attempted(1000, sale_id=IN_2), back(1000, tag=TAG, minute=12))
    assert parts(*of_second, back(2000, 2)) == [[300, 1200], [200, 800]]


def test_the_order_in_which_money_went_back_is_that_of_its_parts() -> None:
    """By their creation; of one instant, by their names. What was received first does not matter."""
    one, two = back(1249, 1), back(1249, 2)
    for order in itertools.permutations([one, two, replace(back(1, 3), created_at=at(9))]):
        split = {fact.key: minor for fact, minor in zip(order, parts(*order)[0], strict=True)}
        assert split == {"refund:re_3": 0, "refund:re_1": 749, "refund:re_2": 750}


@pytest.mark.parametrize("of", [CREDIT, WARNING, replace(refund(900), money_id=PaymentId("stripe:pi_9")), refund(900)])
def test_what_is_not_about_a_linked_payment_is_the_sales_alone(of: Fact) -> None:
    """Two payments paid for the sale, and another sale shares the first of them."""
    facts = sale(IN, *SHARED, link(IN, PI_2), of).facts
    assert comparable(facts) == facts


def test_nothing_is_split_before_the_sale_is_paid() -> None:
    """Nobody knows yet which sale it is."""
    waiting = Purchase(payment_id=IN).with_facts(*SHARED, back(1000)).facts
    assert own_part(waiting) == waiting


def test_what_a_person_stated_is_the_sales_own_part() -> None:
    """It is not split again, and the others know nothing of it."""
    euros = replace(back(1000), currency="EUR")
    stated = AmountStated(subject=euros.key, amount_minor=700, actor="sam", at=at(60), cause="person:sam")
    assert returned_minor(sale(IN, *SHARED, euros, stated).facts) == 700
    assert gone(euros) == [0, 0]


# ── Several payments, one sale ────────────────────────────────────────────────────────────────────────────────────────

TWO = (link(IN, PI, 1200), link(IN, PI_2, 800))


def left_of(*facts: Fact) -> int:
    """What is left of a sale of 20.00 for 1,000 credits, that two payments paid."""
    (lot,) = target(sale(IN, *TWO, *facts)).lots
    return 1000 - lot.refund_target - lot.dispute_target


def second(fact: RefundChanged | DisputeChanged) -> Fact:
    """A fact about the second payment."""
    return replace(fact, money_id=PI_2, charge_id="ch_2")


@pytest.mark.parametrize("state", [LOST, DisputeState.PREVENTED])
def test_no_more_of_a_payment_goes_back_than_it_paid(state: DisputeState) -> None:
    """A refund and a dispute of the smaller one both say 8.00: the larger one is untouched."""
    refunded, contested = second(refund(800)), second(replace(dispute(state, 800), taken_minor=800))
    for order in itertools.permutations([refunded, contested]):
        assert left_of(*order) == 600
    assert left_of(second(refund(500)), contested) == 600
    assert left_of(second(refund(300)), second(replace(dispute(state, 300), taken_minor=300))) == 700
    assert left_of(of_pi(refund(1200, refund_id="re_2")), refunded, contested) == 0
    assert left_of(second(refund(900))) == 600
    assert left_of(refunded, second(refund(100, refund_id="re_2"))) == 600


def test_what_is_contested_or_going_back_is_at_most_what_is_left_of_the_payment() -> None:
    """Each of the two, by itself."""
    going, contested = second(refund(800, refund_id="re_2", state=PENDING)), second(dispute(OPEN, 800))
    known = sale(IN, *TWO, second(refund(500)), going, contested)
    assert outstanding_minor(known.facts) == 300
    assert [one.amount_minor for one in disputed(known.facts, IN).contested] == [300]
    won = second(dispute(DisputeState.WON, 800, dispute_id="dp_0"))
    ended = (RefundState.CANCELED, RefundState.FAILED)
    not_gone = [second(refund(800, refund_id=f"re_{state}", state=state, minute=1)) for state in ended]
    beside = known.with_facts(won, *not_gone)
    assert outstanding_minor(beside.facts) == 300
    assert [one.amount_minor for one in disputed(beside.facts, IN).contested] == [300]
    lost = known.with_facts(second(dispute(LOST, 800, dispute_id="dp_2")))
    assert outstanding_minor(lost.facts) == 0
    assert [one.amount_minor for one in disputed(lost.facts, IN).contested] == [0]
    assert disputed(lost.facts, IN).lost_minor == 300


def test_what_did_not_come_back_of_a_dispute_is_what_it_takes_of_its_payment() -> None:
    """A half did."""
    half = second(replace(dispute(LOST, 800), taken_minor=800, returned_minor=400))
    assert left_of(half) == 800
    assert left_of(half, second(refund(800))) == 600


def test_a_refund_and_a_dispute_of_equal_parts_of_one_payment_are_flagged() -> None:
    """Before they are split: their parts may differ. Above what the payment paid, nothing is counted twice."""
    flag = f"refund_and_dispute:{IN}:dp_1"

    def flags(*facts: Fact) -> set[str]:
        return set(disputed(sale(IN, *facts).facts, IN).flags)

    assert flag in flags(*SHARED, back(999), of_pi(dispute(LOST, 999)))
    assert flag not in flags(*SHARED, back(1251), of_pi(dispute(LOST, 1251)))
    assert flag not in flags(*SHARED, back(998), of_pi(dispute(LOST, 999)))
    alone = "refund_and_dispute:stripe:dp_1"
    assert alone in flags(*TWO, second(refund(400)), second(dispute(LOST, 400)))
    assert alone not in flags(*TWO, second(refund(401)), second(dispute(LOST, 401)))
    assert alone not in flags(*TWO, of_pi(refund(400)), second(dispute(LOST, 400))), "another payment's"
    assert alone in flags(*TWO, replace(CREDIT, amount_minor=400), second(dispute(LOST, 400)))


def test_what_is_left_of_each_payment_for_a_sale_is_neither_gone_nor_going_back() -> None:
    """What is contested may come back; what failed never went."""
    moves: list[Fact] = [
        of_pi(refund(100)),
        of_pi(refund(200, refund_id="re_2", state=PENDING)),
        of_pi(refund(400, refund_id="re_3", state=RefundState.FAILED)),
        second(dispute(LOST, 50)),
        second(dispute(OPEN, 300, dispute_id="dp_2")),
        refund(10, refund_id="re_4"),
    ]
    assert own_left(comparable(sale(IN, *TWO, *moves).facts)) == {PI: 900, PI_2: 750}
    assert own_left(comparable(sale(IN, *SHARED, back(500)).facts)) == {PI: 1200}
    assert own_left(comparable(sale(IN_2, link(IN)).facts)) == {PI: 0}
    assert own_left(Purchase(payment_id=IN).with_facts(*TWO).facts) == {}


# ── Running totals ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_being_sent_for_one_sale_is_no_other_sales_in_a_running_total() -> None:
    """Between the sending and the report. The rest is somebody else's: of what is left of each."""
    sent = (attempted(1500, sale_id=IN), approved(1500))
    assert gone(total(1500), attempted(1500, sale_id=IN)) == [1500, 0]
    own = sale(IN, *SHARED, total(1500), *sent)
    assert (returned_minor(own.facts), outstanding_minor(own.facts)) == (1500, 0)
    assert gone(total(1900), attempted(1500, sale_id=IN)) == [1500, 400]
    assert gone(total(1499), attempted(1500, sale_id=IN)) == [899, 600]
    assert gone(total(1500), attempted(1500, sale_id=IN), back(1500, tag=TAG)) == [1500, 0]
    assert gone(total(1900), attempted(1500, sale_id=IN), back(1500, tag=TAG, minute=8)) == [1500, 400]
    assert gone(total(1500)) == [900, 600]


def test_a_running_total_contains_the_parts_of_a_refund_that_its_payment_gives() -> None:
    """Each is recognized by its own amount. A part of another payment is none of it."""
    sent = attempted(1200, 800, sale_id=IN)
    of_each = replace(
        sent, parts=tuple(replace(part, money_id=one) for part, one in zip(sent.parts, (PI, PI_2), strict=True))
    )
    known = sale(IN, *TWO, approved(2000), of_each, total(1200))
    assert (returned_minor(known.facts), outstanding_minor(known.facts)) == (1200, 800)
    other = sale(IN, *TWO, approved(2000), of_each, total(800))
    assert (returned_minor(other.facts), outstanding_minor(other.facts)) == (800, 2000)
    both = known.with_facts(replace(reported(800, "ch_2"), money_id=PI_2))
    assert (returned_minor(both.facts), outstanding_minor(both.facts)) == (2000, 0)
    of_any = sale(IN, *TWO, approved(2000), sent, total(800))
    assert (returned_minor(of_any.facts), outstanding_minor(of_any.facts)) == (800, 1200)
    alone = sale(IN, approved(2000), of_each, total(800))
    assert (returned_minor(alone.facts), outstanding_minor(alone.facts)) == (800, 1200), "nobody knows the links"


def test_each_payments_total_is_explained_by_its_own_refunds() -> None:
    """One that names no charge explains its own payment's total."""
    of_no_charge = replace(refund(300), charge_id=None, money_id=PI_2)
    other = replace(reported(300, "ch_2"), money_id=PI_2)
    assert returned_minor(sale(IN, *TWO, of_no_charge, total(300)).facts) == 600
    assert returned_minor(sale(IN, *TWO, of_no_charge, other).facts) == 300
    assert returned_minor(sale(IN, *TWO, total(300), other).facts) == 600


def ids(*facts: Fact) -> list[str]:
    """What went back, in its order."""
    return [one.id for one in returned(sale(IN, *facts).facts)]


def test_a_running_total_is_gone_once_it_is_explained() -> None:
    """What it contains beyond the refunds stands for it; if that is nothing, nothing does."""
    known = comparable(sale(IN, *TWO, total(300), of_pi(refund(300))).facts)
    assert not [key for key in known if "total" in key]
    fewer = replace(refund(300), charge_id=None, money_id=PI)
    assert returned_minor(sale(IN, *TWO, fewer, total(200)).facts) == 300


def test_each_payment_has_running_totals_of_its_own() -> None:
    """And no more goes back of it than it paid; a total that names none of them is the sale's alone."""
    other = replace(reported(800, "ch_2"), money_id=PI_2)
    assert returned_minor(sale(IN, *TWO, total(1200), other).facts) == 2000
    assert returned_minor(sale(IN, *TWO, replace(other, total_minor=900)).facts) == 800
    ours = attempted(900, sale_id=IN, money_id=PI_2)
    assert returned_minor(sale(IN, *TWO, ours, replace(other, total_minor=900)).facts) == 800
    unknown = replace(reported(50, "ch_3"), money_id=PaymentId("stripe:pi_9"))
    assert ids(*TWO, unknown, reported(7, "ch_4"), other) == ["total:ch_2", "total:ch_4"]


def test_a_part_that_is_being_sent_is_in_one_total_alone() -> None:
    """Of another one, somebody else refunded as much."""
    other = replace(reported(300, "ch_2"), money_id=PI_2)
    assert ids(*TWO, attempted(300, sale_id=IN), total(300), other) == [TAG, "total:ch_2"]


def test_the_rest_of_several_totals_is_as_of_the_latest() -> None:
    """Of one payment, whatever its charges are called."""
    late = replace(total(300), at=at(30))
    (rest,) = returned(sale(IN, late, reported(20, "ch_2")).facts)
    assert (rest.id, rest.amount_minor, rest.created_at) == ("total:ch_1", 320, at(30))


def test_a_part_that_was_reported_is_not_what_a_total_contains_beyond_it() -> None:
    """By its own tag, or by the refund under which it was sent."""
    sent = RefundSent(tag=TAG, refund_id="re_1", at=at(7), cause="case:1")
    assert ids(approved(500), attempted(500), sent, refund(500), reported(1000)) == ["total:ch_1", "re_1"]
    assert ids(approved(500), attempted(500), sent, reported(500)) == [TAG]
    first = replace(refund(400), tag=f"{TAG}/1")
    assert ids(approved(1000), attempted(400, 600), first, reported(800)) == ["total:ch_1", "re_1"]
    assert ids(approved(1000), attempted(400, 600), first, reported(1000)) == [f"{TAG}/2", "re_1"]
