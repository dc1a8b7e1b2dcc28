"""Facts merge as a join: order, repetition and grouping can't matter. And the states that are easy to get wrong."""

import re
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain import catalogue
from ledger.domain.conclusions import conclusion
from ledger.domain.disputes import Awaits
from ledger.domain.facts import (
    AmountStated,
    BalanceCredited,
    ChargebackChanged,
    ChargebackState,
    ConsentChanged,
    CreditsReplaced,
    CustomerWrote,
    DisputeChanged,
    DisputeReason,
    DisputeState,
    EvidenceState,
    Fact,
    Facts,
    FraudWarned,
    HoldLifted,
    MoneyLinked,
    PaidLine,
    PaymentFailed,
    PaymentSettled,
    RefundAbandoned,
    RefundApproved,
    RefundAttempted,
    RefundChanged,
    RefundDeclined,
    RefundedItem,
    RefundPart,
    RefundSent,
    RefundState,
    RefundTotalReported,
    ResolutionReported,
    UngrantedLine,
    WithdrawalChanged,
    digest_of,
    facts_of,
    is_by,
    merge,
)
from ledger.domain.ids import OrderId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.purchases import Purchase, target
from ledger.domain.texts import Text
from ledger.providers.stripe import events as stripe
from tools.stories import EVENTS, read_notification
from tools.testing.builders import ADA, IN, PI, at, dispute, payment, refund

minutes = st.integers(0, 5)
facts = st.one_of(
    st.builds(lambda m, p: payment(minute=m, paid_minor=p), minutes, st.sampled_from([1000, 2000])),
    st.builds(
        lambda m, s, a, n: refund(a, refund_id=n, state=s, minute=m),
        minutes,
        st.sampled_from(RefundState),
        st.sampled_from([100, 700]),
        st.sampled_from(["re_1", "re_2"]),
    ),
    st.builds(
        lambda m, s, a, due, e: replace(dispute(s, a, minute=m), evidence_due_at=due, evidence=e),
        minutes,
        st.sampled_from(DisputeState),
        st.sampled_from([500, 2000]),
        st.sampled_from([None, at(60), at(90)]),
        st.sampled_from([None, *EvidenceState]),
    ),
    st.builds(
        lambda m, t: RefundTotalReported(currency="USD", charge_id="ch_1", total_minor=t, at=at(m), cause="stripe:evt"),
        minutes,
        st.sampled_from([300, 600]),
    ),
)
heard = st.lists(facts, max_size=6)


@given(heard, heard, heard)
def test_merging_is_commutative_associative_and_idempotent(a: list[Fact], b: list[Fact], c: list[Fact]) -> None:
    """The laws of a join, over facts that contradict each other in the same instant."""
    nothing: Facts = {}
    assert merge(merge(nothing, a), b) == merge(merge(nothing, b), a)
    assert merge(merge(nothing, a), [*b, *c]) == merge(merge(merge(nothing, a), b), c)
    assert merge(merge(nothing, a), a) == merge(nothing, a)


@given(heard)
def test_a_target_never_takes_more_than_was_granted(told: list[Fact]) -> None:
    """Whatever is said about a payment, what is taken back lies between nothing and everything."""
    known = target(Purchase(payment_id=PaymentId("stripe:pi_1")).with_facts(payment(), *told))
    for lot in known.lots:
        assert min(lot.refund_target, lot.dispute_target) >= 0
        assert lot.refund_target + lot.dispute_target <= lot.granted


def test_which_event_told_a_fact_is_no_news() -> None:
    """Two Event objects of one payment carry one fact."""
    known = merge({}, [payment()])
    assert merge(known, [replace(payment(), cause="stripe:evt_other")]) is known


EACH: dict[str, Fact] = {
    "payment": payment(),
    "failure": PaymentFailed(at=at(1), cause="c"),
    "refund:re_1": refund(),
    "approved:case_1-1": RefundApproved(tag="case_1-1", case_id="case_1", amount_minor=5, at=at(1), cause="c"),
    "attempted:case_1-1": RefundAttempted(
        tag="case_1-1",
        sale_id=PI,
        parts=(RefundPart(tag="case_1-1", amount_minor=5),),
        at=at(1),
        cause="c",
    ),
    "sent:case_1-1": RefundSent(tag="case_1-1", refund_id="re_1", at=at(1), cause="c"),
    "abandoned:case_1-1": RefundAbandoned(tag="case_1-1", reason=Text(key="r"), at=at(1), cause="c"),
    "declined:withdrawal": RefundDeclined(
        case_id="case_1",
        reason="withdrawal",
        clause="2",
        reasons=(Text(key="decision.own_words"),),
        at=at(1),
        cause="c",
    ),
    "refund_total:ch_1": RefundTotalReported(currency="USD", charge_id="ch_1", total_minor=5, at=at(1), cause="c"),
    "dispute:dp_1": dispute(),
    "chargeback:adj_1": ChargebackChanged(
        currency="USD",
        adjustment_id="adj_1",
        kind="chargeback",
        is_reversal=False,
        state=ChargebackState.TAKEN,
        amount_minor=5,
        created_at=at(1),
        at=at(1),
        cause="c",
    ),
    "credit:adj_1": BalanceCredited(
        currency="USD", created_at=at(0), credit_id="adj_1", is_reversal=False, amount_minor=5, at=at(1), cause="c"
    ),
    "amount:refund:re_1": AmountStated(subject="refund:re_1", amount_minor=5, actor="sam", at=at(1), cause="c"),
    f"link:{PI}:{IN}": MoneyLinked(money_id=PI, sale_id=IN, amount_minor=5, at=at(1), cause="c"),
    "fraud_warning:w_1": FraudWarned(warning_id="w_1", is_actionable=True, at=at(1), cause="c"),
    "resolution:dispute:dp_1": ResolutionReported(subject="dispute:dp_1", at=at(1), cause="c"),
    "consent:ord_1": ConsentChanged(order_id=OrderId("ord_1"), is_complete=True, step=2, at=at(1), cause="c"),
    "replaced:case_1": CreditsReplaced(case_id="case_1", credits=5, at=at(1), cause="c"),
    "wrote:case_1": CustomerWrote(case_id="case_1", at=at(1), cause="c"),
    "withdrawal:case_1": WithdrawalChanged(case_id="case_1", stands=True, step=2, at=at(1), cause="c"),
    "lifted:dispute:stripe:dp_1": HoldLifted(hold_id="dispute:stripe:dp_1", actor="sam", at=at(1), cause="c"),
}
"""One fact of each kind, by the key that it is stored under."""


def test_there_is_one_fact_of_each_kind() -> None:
    """What the tests below say of a fact they say of each."""
    assert {type(fact) for fact in EACH.values()} == set(Fact.__args__)


@pytest.mark.parametrize("key", EACH)
def test_a_fact_is_stored_under_what_it_is_about(key: str) -> None:
    """Another key would be another fact: what is stored already would be heard anew."""
    assert EACH[key].key == key


def otherwise(fact: Fact) -> Fact:
    """The same fact with another content."""
    match fact:
        case RefundDeclined():
            return replace(fact, reasons=())
        case PaymentSettled():
            return replace(fact, currency="USDX")
        case PaymentFailed() | CustomerWrote():
            return fact  # it has no content but its time
        case RefundAbandoned():
            return replace(fact, reason=Text(key="none"))
        case RefundSent():
            return replace(fact, refund_id="re_2")
        case RefundAttempted():
            return replace(fact, parts=())
        case ConsentChanged():
            return replace(fact, is_complete=False)
        case WithdrawalChanged():
            return replace(fact, stands=False)
        case CreditsReplaced():
            return replace(fact, credits=6)
        case HoldLifted():
            return replace(fact, actor="tom")
        case RefundTotalReported():
            return replace(fact, total_minor=6)
        case FraudWarned():
            return replace(fact, is_actionable=False)
        case ResolutionReported():
            return replace(fact, money_id=PaymentId("stripe:pi_2"))
        case _:
            return replace(fact, amount_minor=fact.amount_minor + 1)


@pytest.mark.parametrize("key", EACH)
def test_of_two_facts_of_one_kind_the_later_stands_and_of_payments_the_first(key: str) -> None:
    """Whichever is heard first, and whatever they say."""
    fact = EACH[key]
    for one, two in ((fact, otherwise(fact)), (otherwise(fact), fact)):
        later = replace(two, at=two.at + timedelta(seconds=1))
        stands = one if key == "payment" else later
        assert merge(merge({}, [one]), [later]) == merge(merge({}, [later]), [one]) == {key: stands}


@pytest.mark.parametrize("key", EACH)
def test_two_contents_of_one_instant_end_the_same_in_any_order(key: str) -> None:
    """The order of versions is total: something always has the last word, and it is never the event."""
    fact = EACH[key]
    other = otherwise(fact)
    assert merge(merge({}, [fact]), [other]) == merge(merge({}, [other]), [fact])
    assert merge({key: fact}, [replace(fact, cause="zzz")]) == {key: fact}
    assert merge({key: fact}, [replace(fact, cause="")]) == {key: fact}


RANKS = {
    RefundState: "pending requires_action succeeded canceled failed",
    DisputeState: "inquiry inquiry_closed open under_review lost appealed prevented won resolved",
    ChargebackState: "taken rejected reversed",
}


@pytest.mark.parametrize("states", RANKS)
def test_states_are_stored_by_name_and_supersede_each_other_in_this_order(states: type[RefundState]) -> None:
    """Facts are stored with them, and merged by their ranks: neither may ever change."""
    assert sorted(states, key=lambda state: state.rank) == RANKS[states].split()
    assert [state.rank for state in states] == list(range(len(states)))


def test_a_refunds_state_outranks_its_time_a_disputes_time_its_state() -> None:
    """A refund may fail late, and is never unfailed; a dispute goes wherever the bank takes it."""
    failed, late = refund(state=RefundState.FAILED, minute=1), refund(minute=2)
    assert merge(merge({}, [failed]), [late])[failed.key] == failed
    won, reopened = dispute(DisputeState.WON, minute=1), dispute(DisputeState.OPEN, minute=2)
    assert merge(merge({}, [won]), [reopened])[won.key] == reopened
    reversed_, taken = chargeback("a", state=ChargebackState.REVERSED), replace(chargeback("a"), at=at(90))
    assert merge(merge({}, [reversed_]), [taken])[taken.key] == reversed_


def test_a_later_report_of_a_dispute_stands_although_it_lists_fewer_movements() -> None:
    """The provider's time comes first: an older report is received late."""
    older = replace(dispute(DisputeState.LOST, minute=20), movements=3)
    newer = replace(dispute(DisputeState.WON, minute=30), movements=1)
    assert max(older, newer, key=lambda fact: fact.version) is newer


def test_of_a_disputes_facts_of_one_instant_its_movements_tell_then_its_state_then_its_content() -> None:
    """Money before words: more movements are later. The rest is anything, so long as it is always the same."""
    small, large = dispute(DisputeState.LOST, 1), dispute(DisputeState.LOST, 2)
    one, two = replace(large, movements=1), replace(small, movements=2)
    won = dispute(DisputeState.WON, 1)
    assert merge({}, [one, two])[one.key] == two
    assert merge({}, [two, one])[one.key] == two
    assert merge({}, [small, won])[won.key] == merge({}, [won, small])[won.key] == won
    assert merge({}, [two, won])[won.key] == merge({}, [won, two])[won.key] == two
    assert small.movements == 0


@pytest.mark.parametrize("key", ["refund_total:ch_1", "fraud_warning:w_1"])
def test_what_else_two_facts_of_one_instant_say_decides_in_any_order(key: str) -> None:
    """Here of whose money they are."""
    fact = EACH[key]
    other = replace(fact, money_id=PaymentId("stripe:pi_2"))  # type: ignore[arg-type]
    assert merge({}, [fact, other]) == merge({}, [other, fact])


def test_a_later_attempt_outranks_its_time_and_of_one_attempt_the_later_stands() -> None:
    """The first attempt is the first."""
    first = EACH["attempted:case_1-1"]
    assert isinstance(first, RefundAttempted)
    assert first.attempt == 1
    second, late = replace(first, attempt=2), replace(first, at=at(9), parts=())
    for one, two, stands in ((second, late, second), (first, late, late)):
        assert merge({}, [one, two]) == merge({}, [two, one]) == {first.key: stands}


def test_a_credit_that_was_reversed_stays_reversed_whatever_is_heard_later() -> None:
    """A void is never undone."""
    credit = EACH["credit:adj_1"]
    reversed_, late = replace(credit, is_reversed=True), replace(credit, at=at(9))  # type: ignore[arg-type]
    assert merge({}, [reversed_, late]) == merge({}, [late, reversed_]) == {credit.key: reversed_}


@pytest.mark.parametrize("key", EACH)
def test_the_digest_of_a_fact_is_of_what_it_reports_and_not_of_its_event(key: str) -> None:
    """Two events may report one fact."""
    fact = EACH[key]
    assert re.fullmatch("[0-9a-f]{12}", digest_of(fact))
    assert digest_of(replace(fact, cause="another")) == digest_of(fact)
    assert digest_of(replace(fact, at=at(9))) != digest_of(fact)


def test_a_payment_is_under_other_terms_if_one_of_its_lines_is() -> None:
    """Another product, or other terms of the same product. A line that only one of them has decides nothing."""
    line = PaidLine(line_id="a", product_id="pack_500", credits=500, amount_minor=1000, expires_at=None, terms="0" * 12)
    other_terms, other_product = replace(line, terms="1" * 12), replace(line, product_id="pack_1000")
    second = replace(line, line_id="b")
    known = payment(lines=(line, second))
    for lines, is_other in (
        ((line, second), False),
        ((other_terms, second), True),
        ((line, replace(other_product, line_id="b")), True),
        ((replace(line, line_id="c", terms="2" * 12), line), False),
        ((), False),
    ):
        assert known.is_under_other_terms(payment(lines=lines)) is is_other


def test_what_pays_for_no_period_is_never_late() -> None:
    """A pack is for no time."""
    assert payment().is_late is False


def test_of_two_running_totals_of_one_instant_the_larger_stands() -> None:
    """A total only grows."""
    nine, ten = (
        RefundTotalReported(currency="USD", charge_id="c", total_minor=minor, at=at(1), cause="") for minor in (9, 10)
    )
    assert merge({}, [ten, nine]) == merge({}, [nine, ten]) == {"refund_total:c": ten}


def test_of_two_warnings_of_one_instant_the_one_that_is_over_stands() -> None:
    """A warning is acted on once."""
    warned = FraudWarned(warning_id="w", is_actionable=True, at=at(1), cause="")
    over = replace(warned, is_actionable=False)
    assert merge({}, [over, warned]) == merge({}, [warned, over]) == {"fraud_warning:w": over}
    again = replace(warned, at=at(2))
    assert merge({}, [again, over]) == {"fraud_warning:w": again}


OPEN = {"open", "under_review", "appealed"}


@pytest.mark.parametrize("state", DisputeState)
def test_a_dispute_is_open_until_the_bank_decides_and_holds_until_it_is_won(state: DisputeState) -> None:
    """An inquiry is no dispute yet; one that was prevented never became one."""
    assert state.is_open is (state in OPEN)
    assert state.holds_account is (state in OPEN | {"lost"})


def test_a_payment_says_no_more_than_was_told() -> None:
    """What a provider doesn't say is not made up: no overcharge, no claim, no renewal."""
    line = PaidLine(line_id="0", product_id="pack", credits=5, amount_minor=5, expires_at=None)
    told = PaymentSettled(
        payment_id=PI,
        account_id=ADA,
        paid_minor=5,
        currency="USD",
        lines=(line,),
        at=at(0),
        cause="stripe:evt_1",
        locked_until=None,
    )
    assert (told.overcharge_minor, told.is_renewal, told.period, told.fulfilment_key) == (0, False, None, None)
    assert (told.is_trial, told.has_company_data, told.is_plan_change, told.is_late) == (False, False, False, False)
    assert not told.has_other_tax_id
    assert (told.returnable_minor, told.lines_with_price) == (5, [line])
    assert told.lot_id(0) == "stripe:pi_1/0"
    assert UngrantedLine(line_id="1", amount_minor=5).is_overcharge is False
    assert RefundedItem(line_id="0", amount_minor=5).is_tax_only is False
    approved = EACH["approved:case_1-1"]
    assert isinstance(approved, RefundApproved)
    assert approved.takes_credits is True
    assert (approved.is_by_law, approved.used_credits, approved.is_repeated) == (False, 0, False)


def test_the_latest_word_about_a_deadline_counts_in_any_order() -> None:
    """Also if it takes the deadline back. A dispute that was stored before deadlines were known gets one."""
    first = replace(dispute(), evidence_due_at=at(60), evidence=EvidenceState.DRAFT)
    later = replace(first, evidence_due_at=at(90), at=at(30))
    ended = replace(first, state=DisputeState.LOST, evidence_due_at=None, evidence=None, at=at(40))
    for told in permutations((first, later, first)):
        assert merge({}, told) == {later.key: later}
    for told in permutations((first, later, ended)):
        assert merge({}, told) == {ended.key: ended}
    assert merge({first.key: dispute()}, [later]) == {later.key: later}


def test_a_dispute_and_a_credit_say_no_more_than_was_told() -> None:
    """No movement, no resolution, no reversal."""
    opened = DisputeChanged(
        dispute_id="dp_1",
        state=DisputeState.OPEN,
        amount_minor=5,
        currency="USD",
        opened_at=at(0),
        at=at(1),
        cause="c",
    )
    assert (opened.movements, opened.taken_minor, opened.returned_minor) == (0, 0, 0)
    assert (opened.is_resolution, opened.is_withdrawn_again) == (False, False)
    assert (opened.reason, opened.evidence, opened.evidence_due_at) == (None, None, None)
    credit = BalanceCredited(credit_id="a", amount_minor=5, currency="USD", created_at=at(0), at=at(1), cause="c")
    assert (credit.is_reversal, credit.is_reversed) == (False, False)


@pytest.mark.parametrize(("card_minor", "returnable_minor"), [(None, 2000), (1500, 1500), (0, 0)])
def test_what_the_balance_paid_can_not_go_back_to_the_card(card_minor: int | None, returnable_minor: int) -> None:
    """All of it can, if nothing else is known."""
    assert replace(payment(), card_minor=card_minor).returnable_minor == returnable_minor


def test_lines_that_grant_nothing_share_the_price_unless_they_are_an_overcharge() -> None:
    """A refund is split over those that share it."""
    postage = UngrantedLine(line_id="postage", amount_minor=300)
    above = UngrantedLine(line_id="above", amount_minor=200, is_overcharge=True)
    paid = replace(payment(), ungranted=(above, postage))
    assert paid.lines_with_price == [*paid.lines, postage]


def test_a_payment_is_late_from_the_end_of_its_latest_period_on() -> None:
    """An invoice for a period can charge what is left to pay of the one before."""
    line = PaidLine(line_id="a", product_id="plan", credits=5, amount_minor=5, expires_at=None)
    lines = tuple(replace(line, period_ends_at=ends) for ends in (at(5), at(9), None))
    paid = payment(lines=lines, minute=9)
    assert (paid.period_ends_at, paid.is_late) == (at(9), True)
    assert replace(paid, at=at(8.9)).is_late is False


@pytest.mark.parametrize(
    ("is_renewal", "fulfilment_key", "is_change"),
    [
        (True, None, True),
        (True, "period/stripe:sub_1/2026-11-01", False),
        (False, None, False),
        (False, "period/stripe:sub_1/2026-11-01", False),
    ],
)
def test_a_later_payment_for_no_whole_period_is_for_a_change_of_the_plan(
    fulfilment_key: str | None, *, is_renewal: bool, is_change: bool
) -> None:
    """No new contract begins with it."""
    paid = replace(payment(fulfilment_key=fulfilment_key), is_renewal=is_renewal)
    assert paid.is_plan_change is is_change


def test_the_later_step_of_a_consent_stands_whatever_its_time_is() -> None:
    """The order's version counts: clocks of two Lambdas may differ. Of one step the later fact stands."""
    first = ConsentChanged(order_id=OrderId("ord_1"), is_complete=True, step=2, at=at(9), cause="c")
    second = replace(first, step=3, is_complete=False, at=at(1))
    late = replace(second, at=at(2), is_complete=True)
    for one, two, stands in ((first, second, second), (second, late, late)):
        assert merge({}, [one, two]) == merge({}, [two, one]) == {first.key: stands}


def test_the_later_step_of_a_withdrawal_stands_whatever_its_time_is() -> None:
    """The case's version counts, as the order's does of a consent."""
    first = WithdrawalChanged(case_id="case_1", stands=True, step=2, at=at(9), cause="c")
    second = replace(first, step=3, stands=False, at=at(1))
    late = replace(second, at=at(2), stands=True)
    for one, two, stands in ((first, second, second), (second, late, late)):
        assert merge({}, [one, two]) == merge({}, [two, one]) == {first.key: stands}


def test_the_credits_that_never_expire_last_longest() -> None:
    """Of two others those with the later end."""
    line = PaidLine(line_id="a", product_id="plan", credits=5, amount_minor=5, expires_at=None)
    first, second = replace(line, expires_at=at(1)), replace(line, expires_at=at(2))
    assert sorted([line, second, first], key=lambda one: one.lasts_until) == [first, second, line]


def test_a_lot_is_named_after_the_claim_and_its_line() -> None:
    """So that one claim can never be granted twice."""
    assert payment(fulfilment_key="order/ord_1").lot_id(2) == "order/ord_1/2"


@pytest.mark.parametrize(
    ("fulfilment_key", "covers", "period"),
    [
        (None, None, None),
        ("order/ord_1", None, None),
        ("period/stripe:sub_1/2026-11-01", None, "period/stripe:sub_1/2026-11-01"),
        ("order/ord_1", "period/stripe:sub_1/2026-11-01", "period/stripe:sub_1/2026-11-01"),
        ("order/period/", None, None),
    ],
)
def test_a_payment_pays_for_a_period_by_its_claim_or_beside_an_order(
    fulfilment_key: str | None, covers: str | None, period: str | None
) -> None:
    """No other payment may pay for the same one."""
    assert payment(fulfilment_key=fulfilment_key, covers=covers).period == period


def test_the_original_of_two_payments_is_the_earlier_then_the_one_of_the_lower_id() -> None:
    """Whichever was heard first."""
    one, two = payment(PaymentId("stripe:a"), minute=2), payment(PaymentId("stripe:b"), minute=1)
    assert min(one, two, key=lambda paid: paid.precedence) == two
    assert min(replace(two, at=one.at), one, key=lambda paid: paid.precedence) == one


def test_merging_changes_neither_what_was_known_nor_what_is_not_news() -> None:
    """What is known stays as it was for whoever holds it; nothing new is the very same object."""
    known: Facts = {"payment": payment()}
    assert merge(known, []) is known
    grown = merge(known, [refund(), refund(refund_id="re_2"), refund(refund_id="re_2")])
    assert (list(known), list(grown)) == (["payment"], ["payment", "refund:re_1", "refund:re_2"])
    assert merge(grown, [refund(), payment()]) is grown
    assert facts_of(grown, RefundChanged) == [refund(), refund(refund_id="re_2")]
    assert facts_of(grown, DisputeChanged) == []


def test_a_lost_dispute_whose_money_came_back_counts_as_won() -> None:
    """funds_reinstated while the status still says lost; without any movement it stays lost."""
    body = (EVENTS / "stripe/dispute_appealed_07_charge_dispute_closed.json").read_text().replace('"won"', '"lost"')
    content = stripe.parse(body.encode())

    def state(moved: list[dict[str, object]]) -> object:
        content["data"]["object"]["balance_transactions"] = moved
        event = stripe.translate(content, catalogue.load(), is_live=False)
        assert event is not None
        (fact,) = event.facts
        assert isinstance(fact, DisputeChanged)
        return conclusion(fact)

    moved = content["data"]["object"]["balance_transactions"]
    assert [movement["amount"] for movement in moved] == [-1000, 1000]
    assert (state(moved), state(moved[:1]), state([])) == (DisputeState.WON, DisputeState.LOST, DisputeState.LOST)


def chargeback(name: str, *, reversal: bool = False, state: ChargebackState = ChargebackState.TAKEN) -> Fact:
    """A row of Paddle's."""
    return ChargebackChanged(
        currency="USD",
        adjustment_id=name,
        kind="chargeback",
        is_reversal=reversal,
        state=state,
        amount_minor=2000,
        created_at=at(20),
        at=at(20),
        cause="paddle:evt",
    )


@pytest.mark.parametrize(
    ("rows", "taken", "is_held"),
    [
        ([chargeback("a")], 1000, True),
        ([chargeback("a", state=ChargebackState.REJECTED)], 0, False),
        ([chargeback("a"), chargeback("b", reversal=True)], 0, False),
        ([chargeback("a", state=ChargebackState.REVERSED)], 0, False),
        ([chargeback("a", state=ChargebackState.REVERSED), chargeback("b", reversal=True)], 0, False),
        ([chargeback("b", reversal=True)], 0, False),
        ([chargeback("a"), chargeback("b", reversal=True), chargeback("c")], 1000, True),
    ],
)
def test_paddles_chargebacks_and_their_reversals_count_as_sets(rows: list[Fact], taken: int, is_held: bool) -> None:
    """One reversal is told twice, as a row and as the state of another: it undoes one chargeback, once."""
    known = target(Purchase(payment_id=PaymentId("paddle:txn_1")).with_facts(payment(), *rows))
    assert (known.lots[0].dispute_target, bool(known.holds)) == (taken, is_held)


def test_a_chargeback_after_a_full_refund_adds_nothing() -> None:
    """The money can't go back twice."""
    known = target(Purchase(payment_id=PaymentId("paddle:txn_1")).with_facts(payment(), refund(2000), chargeback("a")))
    assert (known.lots[0].refund_target, known.lots[0].dispute_target) == (1000, 0)


def test_an_expired_lot_gives_way_to_a_late_refund() -> None:
    """What lapsed unused is no debt, whether the refund or the expiry is booked first."""
    lot = Lot(lot_id="l", granted=1000, drawn=300, expires_at=at(0))
    first_refunded = replace(lot, refund_target=500).rebalance().expire()
    first_expired = replace(lot.expire(), refund_target=500).rebalance()
    assert first_refunded == first_expired
    assert (first_expired.refunded, first_expired.expired, first_expired.owed) == (500, 200, 0)


def test_a_subscriptions_session_only_links() -> None:
    """Its invoice pays; the session would pay again."""
    told = read_notification("stripe/subscription_three_months_01_checkout_session_completed.json", "")
    event = stripe.translate(stripe.parse(told.body), catalogue.load(), is_live=False)
    assert event is not None
    assert (event.payment, event.facts, event.owner.account_id) == (None, (), "acct_dan")


def test_a_renewals_credits_outlive_their_period_by_the_catalogues_grace() -> None:
    """The gap between a period's end and the renewal's payment is a term; three hours where none is stated."""
    product = catalogue.load().products["creator_monthly"]
    month = (at(0), at(0) + timedelta(days=30))
    assert product.expires_at(at(0), month) == month[1] + timedelta(hours=3)
    assert replace(product, renewal_grace=timedelta(0)).expires_at(at(0), month) == month[1]
    assert replace(product, rolls_over=True).expires_at(at(0), month) is None


@pytest.mark.parametrize(("days_late", "usable_days"), [(-29, 29), (-7, 7), (-5, 7), (0, 7), (15, 7), (400, 7)])
def test_credits_that_are_paid_late_can_still_be_used(days_late: int, usable_days: int) -> None:
    """For seven days from the payment where no other time is stated, and never for more than their period's length."""
    product = catalogue.load().products["creator_monthly"]
    end = at(0) + timedelta(days=30)
    paid_at = end + timedelta(days=days_late)
    lapses = product.expires_at(paid_at, (at(0), end))
    assert lapses == max(paid_at + timedelta(days=usable_days), end + timedelta(hours=3))
    at_once = replace(product, usable_at_least=timedelta(days=90))
    assert at_once.expires_at(paid_at, (at(0), end)) == max(paid_at + timedelta(days=30), end + timedelta(hours=3))


def test_what_happened_here_within_the_second_of_a_report_counts_as_before_it() -> None:
    """A provider may count in whole seconds. Later than that second is later."""
    second = at(0)
    for later, counts in ((0, True), (1, True), (999_999, True), (1_000_000, False), (-1, True)):
        assert is_by(second + timedelta(microseconds=later), second) is counts


@pytest.mark.parametrize("states", list(permutations(DisputeState, 2)), ids=" ".join)
def test_of_two_reports_of_one_instant_the_later_state_counts(states: tuple[DisputeState, DisputeState]) -> None:
    """Whatever else they say, and whichever is received first. Money that the provider listed outweighs it."""
    first, second = states
    if first.rank >= second.rank:
        return
    early, late = (replace(dispute(state), amount_minor=minor) for state, minor in ((first, 9), (second, 1)))
    assert merge({}, (early, late)) == merge({}, (late, early)) == {late.key: late}
    moved = replace(early, movements=1)
    assert merge({}, (moved, late)) == merge({}, (late, moved)) == {late.key: moved}


def test_the_words_for_reasons_and_answers_are_those_that_are_stored() -> None:
    """Another word would be unknown in what is stored, and to whoever reads the API."""
    assert [*DisputeReason] == [
        *("fraudulent", "unrecognised", "duplicate", "subscription_canceled", "not_received"),
        *("unacceptable", "credit_not_processed", "general"),
    ]
    assert [*EvidenceState] == ["none", "draft", "submitted"]
    assert [*Awaits] == ["evidence", "bank"]
