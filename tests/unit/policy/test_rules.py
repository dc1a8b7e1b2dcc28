"""The published policy, sentence by sentence and by the law beside it; then what holds for every request there can be.

`docs/policy.md` leads from each sentence to its rule and to the tests here.
"""

import itertools
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.domain.catalogue import ProductKind
from ledger.domain.catalogue import load as load_catalogue
from ledger.domain.facts import PaidLine, RefundApproved, RefundChanged, RefundedItem, RefundState
from ledger.domain.ids import PaymentId
from ledger.domain.money import format_amount, share_of
from ledger.domain.orders import Consent, Order
from ledger.domain.purchases import Purchase, target
from ledger.domain.refund_cases import Decision, DecisionOutcome, RefundReason, RuleTrace
from ledger.domain.texts import Text
from ledger.policy import law, rules
from ledger.policy.context import LineUsage, PolicyContext
from ledger.policy.explanation import explain
from ledger.policy.parameters import PolicyParameters
from ledger.policy.rules import RULES
from ledger.policy.texts import shipped_texts
from ledger.policy.withdrawal import WITHDRAWAL_REASONS
from tools.testing.builders import CONSENT, MADE, ORDER, own_words, payment, refund_context, rendered

TEXTS = shipped_texts()
POLICY = rules.load()
INCOMPLETE = [
    replace(CONSENT, asked_to_begin=False),
    replace(CONSENT, acknowledged_loss=False),
    replace(CONSENT, confirmation_id=None),
]
BEFORE = Decision(outcome=DecisionOutcome.DECLINE, clause="2", rule="", reasons=own_words("No."), policy_version="1")
CHANGED, WITHDRAWAL, TWICE = RefundReason.CHANGED_MY_MIND, RefundReason.WITHDRAWAL, RefundReason.CHARGED_TWICE
AMOUNT, MISTAKEN = RefundReason.WRONG_AMOUNT, RefundReason.MISTAKEN_RENEWAL
TECHNICAL, UNRECOGNISED = RefundReason.TECHNICAL_PROBLEM, RefundReason.UNRECOGNISED_CHARGE


def order(**changed: Any) -> Order:
    """What a consumer in Germany ordered: 1,000 credits at 18.00 EUR, with complete consent, unless told otherwise."""
    made = replace(ORDER, **changed)
    if made.consent and "made_at" in changed and "consent" not in changed:
        made = replace(made, consent=replace(made.consent, given_at=made.made_at))
    return made


US, UK, BUSINESS = order(country="US"), order(country="GB"), order(is_business=True)
JAPAN = order(country="JP")


def line(drawn: int = 0, taken_back: int = 0, *, line_id: str = "0", amount_minor: int = 2000) -> LineUsage:
    """A line of 1,000 credits at 20.00."""
    return LineUsage(line_id=line_id, amount_minor=amount_minor, granted=1000, drawn=drawn, taken_back=taken_back)


def asks(reason: RefundReason, *, day: float = 3, drawn: int = 0, taken_back: int = 0, **changed: Any) -> PolicyContext:
    """Somebody paid 20.00 EUR for 1,000 credits, used some, and asks for money back after so many days."""
    asked = refund_context(reason, day=day, lines=(line(drawn, taken_back),), order=order())
    return replace(asked, **changed)


def decide(situation: PolicyContext) -> Decision:
    """By the policy that is shipped."""
    return rules.decide(situation, POLICY)


def said(situation: PolicyContext) -> tuple[str, str, str, int]:
    """A decision in short: outcome, clause, rule, money."""
    decision = decide(situation)
    return str(decision.outcome), decision.clause, decision.rule, decision.money_minor


def keys(texts: Iterable[Text]) -> list[str]:
    """The keys of texts."""
    return [one.key for one in texts]


def trace_of(decision: Decision, rule: str) -> RuleTrace:
    """Why a rule did or did not speak."""
    return next(trace for trace in decision.explanation if trace.rule == rule)


# ── Versions ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def versions(agreed: dict[str, Any], current: dict[str, Any]) -> PolicyParameters:
    """A current version of the policy, and the one before it, under which `order()` was sold."""
    before = replace(POLICY, version=order().policy_version, **agreed)
    return replace(POLICY, version="next", replaces=before, **current)


GENEROUS: dict[str, Any] = {"mistaken_renewal_days": 60, "automatic_renewal_refund_up_to_minor": {"EUR": 2000}}
REVIEWED: dict[str, Any] = {"mistaken_renewal_days": 60}
STRICT: dict[str, Any] = {"mistaken_renewal_days": 1}


@pytest.mark.parametrize(
    ("agreed", "current", "version", "outcome", "recommended"),
    [
        (GENEROUS, STRICT, "agreed", "approve", None),
        (STRICT, GENEROUS, "current", "approve", None),
        (REVIEWED, STRICT, "agreed", "review", "approve"),
        (STRICT, REVIEWED, "current", "review", "approve"),
        (GENEROUS, GENEROUS, "agreed", "approve", None),
        (STRICT, STRICT, "agreed", "review", "decline"),
    ],
)
def test_a_contract_is_judged_by_the_version_it_was_sold_under_or_by_a_kinder_one(
    agreed: dict[str, Any], current: dict[str, Any], version: str, outcome: str, recommended: str | None
) -> None:
    """A renewal by mistake, asked for on day 30. The decision names the version that it rests on."""
    policy = versions(agreed, current)
    made = rules.decide(asks(MISTAKEN, day=30, is_renewal=True, is_subscription=True), policy)
    assert made.policy_version == {"agreed": order().policy_version, "current": "next"}[version]
    assert (made.outcome, made.recommended) == (outcome, recommended)


@pytest.mark.parametrize("is_agreed", [False, True])
def test_a_deferral_is_kinder_than_a_person_and_an_approval_is_kinder_still(*, is_agreed: bool) -> None:
    """A second charge may still be reported: then it is refunded at once."""
    waits, decides = {"duplicate_settling": timedelta(hours=1)}, {"duplicate_settling": timedelta(0)}
    policy = versions(waits, decides) if is_agreed else versions(decides, waits)
    asked = asks(TWICE, day=0.01)
    assert rules.decide(asked, policy).outcome is DecisionOutcome.WAIT
    twin = replace(asked, is_duplicate=True, duplicate_minor=2000)
    assert rules.decide(twin, policy).outcome is DecisionOutcome.APPROVE


def test_decisions_are_compared_by_outcome_then_recommendation_then_money() -> None:
    """Whatever comes after it in this order: a cent that is approved is more than all that only a person may give."""

    def made(outcome: str, recommended: str | None = None, money_minor: int = 0) -> Decision:
        expected = DecisionOutcome(recommended) if recommended else None
        return replace(BEFORE, outcome=DecisionOutcome(outcome), recommended=expected, money_minor=money_minor)

    ordered = [
        made("decline", money_minor=9000),
        made("review", "decline", 8000),
        made("review", None, 0),
        made("review", None, 7000),
        made("review", "approve", 0),
        made("review", "approve", 6000),
        made("wait"),
        made("approve", None, 1),
        made("approve", None, 2),
    ]
    keys_ = [rules.kindness(one) for one in ordered]
    assert all(one < other for one, other in itertools.pairwise(keys_))


def test_of_two_approvals_the_larger_one_counts() -> None:
    """A longer period of withdrawal returns everything; a shorter one only the amount above the price."""
    asked = asks(CHANGED, day=20, overcharge_minor=100)
    short, long = {"withdrawal_days": 14}, {"withdrawal_days": 30}
    for policy in (versions(short, long), versions(long, short)):
        assert rules.decide(asked, policy).money_minor == 2000


def test_without_a_known_version_the_current_one_decides() -> None:
    """No order, or an order under a version whose file is gone."""
    policy = versions(GENEROUS, STRICT)
    for placed in (None, order(policy_version="2001-01-01")):
        made = rules.decide(asks(MISTAKEN, day=30, is_renewal=True, is_subscription=True, order=placed), policy)
        assert made.policy_version == "next"


# ── 1. General information ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_payment_of_which_nothing_is_left_is_not_refunded_again() -> None:
    """By a refund, through the bank, or under way: for every reason, also where a right would be."""
    for reason in RefundReason:
        gone = asks(reason, refundable_minor=0, refunded_minor=2000, lines=(line(taken_back=1000),))
        assert said(gone) == ("decline", "1", "already_refunded", 0)


def test_what_the_buyers_balance_paid_is_given_back_by_a_person() -> None:
    """No card can get it, but it is the customer's; who was declined before gets the same answer again."""
    from_balance = asks(CHANGED, refundable_minor=0, value_left_minor=2000)
    assert said(from_balance) == ("review", "1", "already_refunded", 0)
    declined = replace(from_balance, order=US, declined_before=decide(asks(CHANGED, order=US)))
    assert said(declined)[:3] == ("decline", "2", "decided_before")
    assert said(replace(from_balance, value_left_minor=0)) == ("decline", "1", "already_refunded", 0)
    assert keys(decide(from_balance).reasons) == ["decision.paid_from_balance"]
    assert keys(trace_of(decide(declined), "already_refunded").why) == ["why.paid_from_balance"]


@pytest.mark.parametrize(
    ("drawn", "refundable_minor", "outcome", "money_minor"),
    [
        (0, 500, "review", 500),  # all of it is due, of which the card paid a quarter
        (500, 500, "review", 500),  # half of it is due: 10.00
        (750, 500, "approve", 500),  # what is due can go to the card
        (900, 500, "approve", 200),
        (0, 2000, "approve", 2000),
    ],
)
def test_a_withdrawal_returns_the_unused_part_whatever_way_it_was_paid(
    drawn: int, refundable_minor: int, outcome: str, money_minor: int
) -> None:
    """Where the card paid less than is due, a person returns the rest."""
    asked = asks(WITHDRAWAL, drawn=drawn, refundable_minor=refundable_minor, value_left_minor=2000)
    assert said(asked) == (outcome, "2", "right_of_withdrawal", money_minor)
    is_told = "decision.withdrawal_balance_in_review" in keys(decide(asked).reasons)
    assert is_told == (outcome == "review")


def test_without_a_complete_consent_a_person_returns_what_the_balance_paid_too() -> None:
    """Used or not: 15.00 of it can't go back to the card."""
    asked = asks(WITHDRAWAL, drawn=900, refundable_minor=500, value_left_minor=2000, order=order(consent=None))
    assert said(asked) == ("review", "2", "right_of_withdrawal", 500)


def test_what_was_free_is_not_refunded_and_a_technical_problem_with_it_is_reviewed() -> None:
    """There is no money in it, but there are credits."""
    free = asks(CHANGED, paid_minor=0, refundable_minor=0)
    assert said(free) == ("decline", "1", "already_refunded", 0)
    assert "cancel" in " ".join(rendered(decide(replace(free, is_subscription=True)).reasons))
    assert said(replace(free, reason=TECHNICAL, is_duplicate=True, duplicate_minor=9999))[:3] == (
        "review",
        "6",
        "technical_problem",
    )


# ── 2. One-time credit packs ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("drawn", [0, 400])
def test_a_pack_is_not_refundable_by_default(drawn: int) -> None:
    """Where no law says otherwise: with kind words, the clause, and what the customer can do instead."""
    decision = decide(asks(CHANGED, drawn=drawn, order=US))
    assert (decision.outcome, decision.clause, decision.rule) == (DecisionOutcome.DECLINE, "2", "not_refundable")
    words = " ".join(rendered(decision.reasons))
    for wanted in ("generally non-refundable", "do not expire", "technical problem", "section 2", "consumer rights"):
        assert wanted in words


def test_credits_of_a_pack_do_not_expire_unless_the_catalogue_says_so() -> None:
    """None of the packs that are sold does; one that said so would lapse that long after the payment."""
    packs = [product for product in load_catalogue().products.values() if product.kind is ProductKind.PACK]
    assert packs
    assert {pack.expires_at(MADE, None) for pack in packs} == {None}
    assert replace(packs[0], expires_after_days=30).expires_at(MADE, None) == MADE + timedelta(days=30)


@pytest.mark.parametrize("failed_runs", [0, 1, 2, 3, 50])
def test_a_technical_problem_is_reviewed_by_a_person_always(failed_runs: int) -> None:
    """Of a pack and of a subscription, while a dispute is open, and again if runs failed after a person declined."""
    asked = asks(TECHNICAL, day=200, order=None, failed_runs=failed_runs, failed_credits=failed_runs * 10)
    for situation in (
        asked,
        replace(asked, is_subscription=True, is_renewal=True),
        replace(asked, declined_before=BEFORE, failed_since_decline=1),
        replace(asked, is_disputed=True),
    ):
        assert decide(situation).outcome is DecisionOutcome.REVIEW


WITHDRAWALS = {
    # buyer, consent, used, reason: outcome, clause, money
    "EU, unused": (order(), 0, WITHDRAWAL, "approve", "2", 2000),
    "EU, a change of mind is a withdrawal": (order(), 0, CHANGED, "approve", "2", 2000),
    "EU, so is a mistake": (order(), 0, MISTAKEN, "approve", "2", 2000),
    "EU, used in part": (order(), 250, WITHDRAWAL, "approve", "2", 1500),
    "EU, used all": (order(), 1000, WITHDRAWAL, "decline", "2", 0),
    "EU, never asked to begin": (order(consent=INCOMPLETE[0]), 1000, WITHDRAWAL, "approve", "2", 2000),
    "EU, loss not acknowledged": (order(consent=INCOMPLETE[1]), 1000, WITHDRAWAL, "approve", "2", 2000),
    "EU, nothing durable": (order(consent=INCOMPLETE[2]), 999, WITHDRAWAL, "approve", "2", 2000),
    "EU, no consent": (order(consent=None), 1000, CHANGED, "approve", "2", 2000),
    "UK, unused": (UK, 0, WITHDRAWAL, "approve", "2", 2000),
    "UK, used in part": (UK, 1, CHANGED, "approve", "2", 1998),
    "UK, used all": (UK, 1000, CHANGED, "decline", "2", 0),
    "EEA": (order(country="NO"), 0, WITHDRAWAL, "approve", "2", 2000),
    "overseas, EU law all the same": (order(country="RE"), 0, WITHDRAWAL, "approve", "2", 2000),
    "other, a change of mind": (US, 0, CHANGED, "decline", "2", 0),
    "other, declared as a withdrawal": (US, 0, WITHDRAWAL, "decline", "2", 0),
    "not looked into": (JAPAN, 0, WITHDRAWAL, "review", "2", 0),
    "business": (BUSINESS, 0, CHANGED, "review", "2", 2000),
    "business, declared as a withdrawal": (BUSINESS, 500, WITHDRAWAL, "review", "2", 1000),
    "business elsewhere": (order(country="US", is_business=True), 0, WITHDRAWAL, "decline", "2", 0),
    "no order": (None, 0, WITHDRAWAL, "review", "2", 0),
    "no order, a change of mind": (None, 1000, CHANGED, "review", "2", 0),
}


@pytest.mark.parametrize("buyer", WITHDRAWALS)
def test_the_law_of_the_buyers_country_is_followed_in_addition(buyer: str) -> None:
    """Unused credits always; used ones unless the consent is complete; consumers only; unclear ones by a person."""
    made, drawn, reason, outcome, clause, money_minor = WITHDRAWALS[buyer]
    decision = decide(asks(reason, drawn=drawn, order=made))
    assert (decision.outcome, decision.clause, decision.money_minor) == (outcome, clause, money_minor)


@pytest.mark.parametrize("country", sorted(law.load().statutory_countries))
def test_every_country_of_the_list_has_the_right(country: str) -> None:
    """Each of them, by name; the list is in `law.json`."""
    assert said(asks(WITHDRAWAL, order=order(country=country))) == ("approve", "2", "right_of_withdrawal", 2000)


def test_the_list_holds_the_eu_the_eea_the_uk_and_serbia() -> None:
    """Twenty-seven, three, one and one, and the parts of member states that have codes of their own."""
    union = set(re.findall("..", "ATBEBGCYCZDEDKEEESFIFRGRHRHUIEITLTLULVMTNLPLPTROSESISK"))
    overseas = {"AX", "GF", "GP", "MF", "MQ", "RE", "YT"}
    assert len(union) == 27
    assert law.load().statutory_countries == union | overseas | {"IS", "LI", "NO", "GB", "RS"}


PLUS_2, MINUS_4 = timezone(timedelta(hours=2)), timezone(-timedelta(hours=4))


@pytest.mark.parametrize(
    ("made", "last"),
    [
        (datetime(2026, 11, 2, 12, tzinfo=UTC), datetime(2026, 11, 16, 23, 59, 59, tzinfo=UTC)),  # Monday to Monday
        (datetime(2026, 11, 2, 0, 0, 1, tzinfo=UTC), datetime(2026, 11, 16, 23, 59, 59, tzinfo=UTC)),
        (datetime(2026, 11, 3, 1, tzinfo=PLUS_2), datetime(2026, 11, 17, 23, 59, 59, tzinfo=PLUS_2)),  # Monday in UTC
        (datetime(2026, 11, 2, 23, tzinfo=MINUS_4), datetime(2026, 11, 16, 23, 59, 59, tzinfo=MINUS_4)),
        (datetime(2026, 11, 7, 12, tzinfo=UTC), datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC)),  # Saturday: the Monday
        (datetime(2026, 11, 8, 12, tzinfo=UTC), datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC)),  # Sunday: the Monday
    ],
)
def test_the_day_of_the_order_is_not_counted_and_the_last_day_counts_to_its_end(made: datetime, last: datetime) -> None:
    """Fourteen days are not 336 hours: the customer's own calendar holds, and weekends move the end to Monday."""
    asked = asks(WITHDRAWAL, order=order(made_at=made), paid_at=made, now=last)
    assert said(asked)[0] == "approve"
    assert said(replace(asked, now=last + timedelta(days=2)))[0] == "decline"


def test_the_instant_at_which_the_right_ends_is_one_instant() -> None:
    """One moment before it is in time, the moment itself is not."""
    ends = law.load().period_end(MADE, 14, "DE")
    asked = asks(WITHDRAWAL, now=ends - timedelta.resolution)
    assert said(asked) == ("approve", "2", "right_of_withdrawal", 2000)
    late = decide(replace(asked, now=ends))
    assert (late.outcome, late.rule) == (DecisionOutcome.DECLINE, "not_refundable")
    assert "The withdrawal period ended on 16 November 2026." in " ".join(rendered(late.reasons))


@given(st.integers(-9000, 27000).map(lambda days: MADE + timedelta(days=days, hours=days % 24)), st.integers(14, 400))
def test_a_period_is_never_shorter_than_its_days_nor_much_longer(since: datetime, days: int) -> None:
    """At most one day for the day itself, and two for a weekend."""
    assert timedelta(days=days) < law.load().period_end(since, days, "") - since <= timedelta(days=days + 3)


def test_it_counts_when_the_customer_asked_not_when_we_decide() -> None:
    """A declaration in time stays in time however long we take."""
    asked = asks(WITHDRAWAL, day=40, submitted_at=MADE + timedelta(days=13))
    assert said(asked) == ("approve", "2", "right_of_withdrawal", 2000)
    renewal = asks(MISTAKEN, day=40, submitted_at=MADE + timedelta(days=13), is_subscription=True, is_renewal=True)
    elsewhere = asks(WITHDRAWAL, day=40, submitted_at=MADE + timedelta(days=13), order=JAPAN)
    assert said(elsewhere) == ("review", "2", "right_of_withdrawal", 0), "the law's countries may be more than ours"
    assert decide(renewal).recommended is DecisionOutcome.APPROVE


def test_a_second_that_the_provider_did_not_count_never_makes_a_request_late() -> None:
    """A renewal's charge is told in whole seconds: it was made within that one."""
    last = MADE + timedelta(days=POLICY.mistaken_renewal_days)
    for asked_at, recommended in (
        (last + timedelta(seconds=0.9), DecisionOutcome.APPROVE),
        (last + timedelta(seconds=1), DecisionOutcome.DECLINE),
    ):
        asked = asks(MISTAKEN, day=40, submitted_at=asked_at, is_subscription=True, is_renewal=True, order=JAPAN)
        assert decide(asked).recommended is recommended


def test_an_order_that_is_paid_later_is_a_contract_from_then_on() -> None:
    """Else the right could be over before anything was bought."""
    paid_at = MADE + timedelta(days=20)
    assert said(asks(WITHDRAWAL, paid_at=paid_at, now=paid_at + timedelta(days=10)))[0] == "approve"


@pytest.mark.parametrize(("day", "outcome"), [(379, "approve"), (384, "decline")])
def test_who_was_not_informed_has_twelve_months_more(day: int, outcome: str) -> None:
    """No consent on record means that nothing proves that anyone was told."""
    assert said(asks(WITHDRAWAL, day=day, order=order(consent=None)))[0] == outcome


def test_without_an_order_a_person_looks_as_long_as_a_right_could_last() -> None:
    """After that it is too old for it wherever the buyer lives."""
    assert said(asks(CHANGED, day=379, order=None)) == ("review", "2", "right_of_withdrawal", 0)
    assert said(asks(CHANGED, day=388, order=None)) == ("decline", "2", "not_refundable", 0)


def test_a_renewal_starts_no_new_contract() -> None:
    """The right exists once. Where the contract's own time still runs, a person looks at a declared withdrawal."""
    later: dict[str, Any] = {**RENEWAL, "order": order(), "paid_at": MADE + timedelta(days=30), "day": 31}
    assert said(asks(WITHDRAWAL, **later)) == ("decline", "3", "not_refundable", 0)
    words = " ".join(rendered(decide(asks(WITHDRAWAL, **later)).reasons))
    assert "a renewal does not start a new contract" in words
    assert "If this renewal was a mistake" in words
    uninformed = asks(WITHDRAWAL, **{**later, "order": order(consent=None)})
    assert said(uninformed)[:2] == ("review", "2")
    assert said(replace(uninformed, reason=CHANGED))[0] == "decline"


def test_a_subscription_that_is_withdrawn_from_ends() -> None:
    """The contract is over: the first payment goes back and no further one is asked for."""
    decision = decide(asks(WITHDRAWAL, is_subscription=True))
    assert (decision.outcome, decision.ends_subscription) == (DecisionOutcome.APPROVE, True)
    assert decide(asks(WITHDRAWAL)).ends_subscription is False


@pytest.mark.parametrize("reason", [WITHDRAWAL, CHANGED])
def test_a_persons_decline_never_bars_the_right(reason: RefundReason) -> None:
    """Not while it lasts; once it is over, the answer that was given stands."""
    asked = asks(reason, declined_before=BEFORE)
    assert said(asked) == ("approve", "2", "right_of_withdrawal", 2000)
    over = decide(replace(asked, now=MADE + timedelta(days=30)))
    assert (over.outcome, over.rule) == (DecisionOutcome.DECLINE, "decided_before")
    assert own_words("No.")[0] in over.reasons


def test_an_open_dispute_does_not_let_the_right_run_out() -> None:
    """It is noted, and a person takes it up afterwards; no money moves meanwhile."""
    for made in (order(), JAPAN, None):
        asked = asks(WITHDRAWAL, is_disputed=True, is_subscription=True, order=made)
        assert said(asked) == ("review", "5", "open_dispute", 0)
        assert decide(asked).ends_subscription is True


@pytest.mark.parametrize("reason", [TWICE, AMOUNT, TECHNICAL, UNRECOGNISED])
def test_who_gave_another_reason_is_told_of_the_right(reason: RefundReason) -> None:
    """A refusal must not cost it. Where it is over, or worth nothing, nothing is promised."""
    told = [
        any(
            "legal right to withdraw" in said and "16 November 2026" in said for said in rendered(decide(asked).reasons)
        )
        for asked in (
            asks(reason, paid_minor=1800, refundable_minor=1800),
            asks(reason, paid_minor=1800, refundable_minor=1800, day=30),
            asks(reason, paid_minor=1800, refundable_minor=1800, drawn=1000),
            asks(reason, paid_minor=1800, refundable_minor=1800, order=US),
        )
    ]
    assert told == [True, False, False, False]


# ── 3. Subscriptions ──────────────────────────────────────────────────────────────────────────────────────────────────

RENEWAL: dict[str, Any] = {
    "is_subscription": True,
    "is_renewal": True,
    "order": order(made_at=MADE - timedelta(days=90)),
}


@pytest.mark.parametrize("is_renewal", [False, True])
def test_a_processed_subscription_payment_is_not_refundable_by_default(is_renewal: bool) -> None:
    """And the customer is told how to cancel, and what stays."""
    decision = decide(asks(CHANGED, day=20, is_subscription=True, is_renewal=is_renewal))
    assert (decision.outcome, decision.clause, decision.rule) == (DecisionOutcome.DECLINE, "3", "not_refundable")
    words = " ".join(rendered(decision.reasons))
    for wanted in ("normally non-refundable", "cancel at any time", "until the end of the billing period", "section 3"):
        assert wanted in words


@pytest.mark.parametrize(
    ("changed", "outcome", "recommended", "money_minor"),
    [
        ({}, "review", "approve", 2000),
        ({"day": 14}, "review", "approve", 2000),
        ({"day": 14.00002}, "review", "decline", 0),  # more than a second later
        ({"drawn": 1}, "decline", None, 0),
        ({"drawn": 1, "day": 30}, "decline", None, 0),
        # some of it went back before: what is left can
        ({"taken_back": 250, "refundable_minor": 1500, "refunded_minor": 500}, "review", "approve", 1500),
        # credits that were given instead count: they are not given twice
        ({"given_credits": 250}, "review", "approve", 1500),
        ({"given_credits": 250, "refundable_minor": 900}, "review", "approve", 400),
    ],
)
def test_a_renewal_by_mistake_may_be_refunded_if_none_of_its_credits_were_used(
    changed: dict[str, Any], outcome: str, recommended: str | None, money_minor: int
) -> None:
    """A person decides, with the policy's recommendation; credits that lapsed or went back were not used."""
    decision = decide(asks(MISTAKEN, **{**RENEWAL, **changed}))
    assert (decision.outcome, decision.recommended, decision.money_minor) == (outcome, recommended, money_minor)
    assert (decision.clause, decision.rule) == ("3", "mistaken_renewal")
    assert decision.ends_subscription is (money_minor > 0)


@pytest.mark.parametrize(
    ("limit_minor", "currency", "outcome"), [(2000, "EUR", "approve"), (1999, "EUR", "review"), (2000, "USD", "review")]
)
def test_a_small_one_is_refunded_without_a_person_where_the_policy_says_so(
    limit_minor: int, currency: str, outcome: str
) -> None:
    """A limit is of one currency; there is none as shipped."""
    generous = replace(POLICY, automatic_renewal_refund_up_to_minor={currency: limit_minor})
    decision = rules.decide(asks(MISTAKEN, **RENEWAL), generous)
    assert (decision.outcome, decision.money_minor, decision.ends_subscription) == (outcome, 2000, True)
    assert POLICY.automatic_renewal_refund_up_to_minor == {}


def test_what_is_no_renewal_is_told_as_such() -> None:
    """A pack, or a first payment, whose right to withdraw is over."""
    for is_subscription, clause in ((False, "2"), (True, "3")):
        decision = decide(asks(MISTAKEN, day=30, is_subscription=is_subscription))
        assert (decision.outcome, decision.clause) == (DecisionOutcome.DECLINE, clause)
        assert "This payment was not a subscription renewal." in rendered(decision.reasons)


@pytest.mark.parametrize("reason", [MISTAKEN, CHANGED, WITHDRAWAL])
def test_what_a_change_of_the_plan_cost_is_no_renewal(reason: RefundReason) -> None:
    """Nobody forgot to cancel: the plan was changed. No refund of it ends the subscription."""
    changed = {**RENEWAL, "is_renewal": False, "is_plan_change": True}
    generous = replace(POLICY, automatic_renewal_refund_up_to_minor={"EUR": 9999})
    decision = rules.decide(asks(reason, **changed), generous)
    words = " ".join(rendered(decision.reasons))
    assert (decision.outcome, decision.rule, decision.ends_subscription) == (
        DecisionOutcome.DECLINE,
        "not_refundable",
        False,
    )
    assert "renewal was a mistake" not in words
    assert "a change of your plan does not start a new contract" in words


# ── 4. Failed or duplicate payments ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("reason", RefundReason)
def test_a_duplicate_charge_is_refunded_whatever_reason_was_given(reason: RefundReason) -> None:
    """Also one that a person declined before the ledger knew."""
    for before in (None, BEFORE):
        decision = decide(asks(reason, is_duplicate=True, duplicate_minor=9999, declined_before=before, order=BUSINESS))
        assert (decision.outcome, decision.clause, decision.money_minor) == (DecisionOutcome.APPROVE, "4", 2000)


def test_whoever_names_a_charge_as_the_second_one_gets_what_is_above_one_price() -> None:
    """Whichever of the twins it is. For another reason only the duplicate itself is refunded."""
    for above_minor in (1, 500, 2000):
        twin = asks(TWICE, duplicate_minor=above_minor, order=BUSINESS)
        assert said(twin) == ("approve", "4", "charged_twice", above_minor)
    assert said(replace(twin, duplicate_minor=9999))[3] == 2000
    assert said(replace(twin, reason=CHANGED))[2] != "charged_twice"
    assert said(replace(twin, duplicate_minor=0))[0] != "approve"


def test_a_second_subscription_of_one_order_ends_with_its_refund() -> None:
    """One period of *one* subscription that was paid twice does not end it."""
    assert decide(asks(TWICE, is_duplicate=True, duplicate_minor=9999, is_subscription=True)).ends_subscription is False
    doubled = asks(TWICE, is_duplicate=True, duplicate_minor=9999, is_subscription=True, doubles_subscription=True)
    assert decide(doubled).ends_subscription is True


@pytest.mark.parametrize("is_duplicate", [False, True])
def test_a_second_charge_is_waited_for_until_it_has_settled(is_duplicate: bool) -> None:
    """Until then a payment may arrive that makes this one, or the other, the duplicate."""
    asked = asks(TWICE, is_duplicate=is_duplicate, now=MADE + POLICY.duplicate_settling - timedelta.resolution)
    assert said(asked) == ("wait", "4", "charged_twice", 0)
    assert decide(replace(asked, now=MADE + POLICY.duplicate_settling)).outcome is not DecisionOutcome.WAIT


def test_what_looks_like_a_second_charge_goes_to_a_person_with_the_evidence() -> None:
    """Two orders of one product and sum: perhaps both were meant. What was used of this one is not recommended."""
    asked = asks(TWICE, similar=(PaymentId("paddle:txn_2"),), order=US)
    assert said(asked) == ("review", "4", "charged_twice", 2000)
    assert decide(asked).recommended is DecisionOutcome.APPROVE
    assert "paddle:txn_2" in " ".join(rendered(decide(asked).reasons))
    assert said(replace(asked, lines=(line(drawn=250),)))[3] == 1500
    assert decide(replace(asked, lines=(line(drawn=1000),))).recommended is DecisionOutcome.DECLINE
    disputed = decide(replace(asked, is_similar_disputed=True))
    assert (disputed.outcome, disputed.recommended, disputed.money_minor) == (
        DecisionOutcome.REVIEW,
        DecisionOutcome.DECLINE,
        0,
    )
    assert "an open dispute for that payment" in " ".join(rendered(disputed.reasons))
    nothing = decide(replace(asked, similar=()))
    assert (nothing.outcome, nothing.recommended, nothing.money_minor) == (
        DecisionOutcome.REVIEW,
        DecisionOutcome.DECLINE,
        0,
    )


@pytest.mark.parametrize(
    ("changed", "outcome", "money_minor"),
    [
        ({"overcharge_minor": 500, "paid_minor": 2500, "refundable_minor": 2500}, "approve", 500),
        ({"overcharge_minor": 500, "paid_minor": 2500, "refundable_minor": 2300}, "approve", 300),  # 200 went back
        ({"overcharge_minor": 500, "paid_minor": 2500, "refundable_minor": 2000}, "decline", 0),  # or is under way
        ({"overcharge_minor": 500, "paid_minor": 2500, "refundable_minor": 100}, "decline", 0),
        ({"paid_minor": 1800, "refundable_minor": 1800}, "decline", 0),  # the price
        ({"paid_minor": 1500, "refundable_minor": 1500}, "decline", 0),  # less: a discount
        ({"paid_minor": 2142, "refundable_minor": 2142}, "review", 0),  # more: perhaps tax
        ({"paid_minor": 1800, "refundable_minor": 1800, "currency": "USD"}, "review", 0),  # not the agreed currency
        ({"order": None}, "review", 0),
        ({"is_for_ordered_product": False}, "review", 0),  # another plan, or a part of a period
        ({"is_for_ordered_product": False, "paid_minor": 1500, "refundable_minor": 1500}, "review", 0),
    ],
)
def test_a_wrong_amount_is_held_against_the_price_that_was_agreed(
    changed: dict[str, Any], outcome: str, money_minor: int
) -> None:
    """The difference goes back, once; what tax or a currency may explain is looked at by a person."""
    asked = asks(AMOUNT, **changed)
    assert said(asked) == (outcome, "4", "wrong_amount", money_minor)


def test_an_amount_above_the_price_goes_back_whatever_was_asked_for() -> None:
    """Who only changed their mind about a pack in another country is owed it all the same, also after a decline."""
    over: dict[str, Any] = {"overcharge_minor": 500, "paid_minor": 2500, "refundable_minor": 2500, "order": US}
    assert said(asks(CHANGED, **over)) == ("approve", "4", "amount_above_the_price", 500)
    declined = asks(AMOUNT, declined_before=BEFORE, **over)
    assert said(declined) == ("approve", "4", "wrong_amount", 500)


def approved(decision: Decision, tag: str) -> tuple[RefundApproved, RefundChanged]:
    """A decision carried out: its approval, and the refund that bears its tag."""
    assert decision.outcome is DecisionOutcome.APPROVE
    common: dict[str, Any] = {"amount_minor": decision.money_minor, "at": MADE, "cause": "test"}
    return (
        RefundApproved(
            tag=tag,
            case_id=tag,
            items=decision.items,
            takes_credits=decision.takes_credits,
            **common,
        ),
        RefundChanged(
            currency="USD", created_at=MADE, refund_id=f"re_{tag}", state=RefundState.SUCCEEDED, tag=tag, **common
        ),
    )


def test_the_difference_costs_no_credits_and_a_later_refund_takes_all_of_them() -> None:
    """Both decisions, booked: the ledger takes nothing for the first, and everything for the second."""
    over: dict[str, Any] = {"overcharge_minor": 500, "paid_minor": 2500}
    bought = Purchase(payment_id=PaymentId("stripe:pi_1")).with_facts(payment(paid_minor=2500, overcharge_minor=500))
    corrected = bought.with_facts(*approved(decide(asks(AMOUNT, refundable_minor=2500, **over)), "1"))
    assert [lot.refund_target for lot in target(corrected).lots] == [0]
    withdrawn = decide(asks(WITHDRAWAL, refundable_minor=corrected.refundable_minor, **over))
    assert withdrawn.money_minor == 2000
    ended = corrected.with_facts(*approved(withdrawn, "2"))
    assert [lot.refund_target for lot in target(ended).lots] == [1000]


# ── 5. Chargebacks and disputes ───────────────────────────────────────────────────────────────────────────────────────


def test_an_unrecognised_charge_is_laid_out_for_the_customer_and_a_person_looks() -> None:
    """What was bought, when, for how much, and what was used: always, also after a decline or with a dispute open."""
    asked = asks(UNRECOGNISED, drawn=250, order=US, is_subscription=True)
    assert said(asked) == ("review", "5", "unrecognised_charge", 0)
    assert decide(replace(asked, refundable_minor=1500)).reasons == decide(asked).reasons  # of what was paid
    words = " ".join(rendered(decide(asked).reasons))
    for wanted in ("20.00 EUR", "2 November 2026", "a subscription", "pack_1000", "250 of its 1000 credits"):
        assert wanted in words
    other = " ".join(rendered(decide(replace(asked, is_for_ordered_product=False)).reasons))
    assert "pack_1000" not in other
    assert decide(replace(asked, declined_before=BEFORE)).outcome is DecisionOutcome.REVIEW
    assert decide(replace(asked, is_disputed=True)).outcome is DecisionOutcome.REVIEW


@pytest.mark.parametrize(
    ("left_minor", "currency", "outcome"),
    [
        (2000, "EUR", "approve"),
        (2001, "EUR", "review"),
        (2001, "USD", "approve"),
        (1, "GBP", "review"),
    ],
)
def test_a_small_payment_that_the_network_warns_of_goes_back_by_its_own_limit(
    left_minor: int, currency: str, outcome: str
) -> None:
    """By that of its currency; the limit of renewals by mistake is another one. A plan ends with its first payment."""
    limits = {"EUR": 2000, "USD": 2500}
    policy = replace(POLICY, fraud_warning_refund_up_to_minor=limits, automatic_renewal_refund_up_to_minor={"EUR": 1})
    warned = asks(RefundReason.FRAUD_WARNING, refundable_minor=left_minor, paid_minor=3000, currency=currency)
    decision = rules.decide(warned, policy)
    money_minor = left_minor if outcome == "approve" else 0
    assert (decision.outcome, decision.clause, decision.money_minor) == (outcome, "5", money_minor)
    assert decision.ends_subscription is False
    of_plan = rules.decide(replace(warned, is_subscription=True), policy)
    assert of_plan.ends_subscription is (outcome == "approve")


@pytest.mark.parametrize("reason", RefundReason)
def test_while_a_dispute_is_open_nothing_is_refunded(reason: RefundReason) -> None:
    """The provider would pay twice: not even a duplicate, or an amount above the price."""
    asked = asks(reason, is_disputed=True, is_duplicate=True, duplicate_minor=9999, overcharge_minor=500)
    outcome, clause, rule, money_minor = said(asked)
    assert outcome in {"decline", "review"}
    assert (clause, rule, money_minor) == ("5", "open_dispute", 0)


# ── 6. Technical issues ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("failed_runs", "failed_credits", "drawn", "recommended", "money_minor", "credits_"),
    [
        (0, 0, 0, "decline", 0, 0),
        (2, 20, 0, "decline", 0, 0),  # a minor outage: its credits are back by themselves
        (3, 30, 250, "replace", 1500, 30),  # persistent: replacement credits, or a part of the money
        (3, 0, 250, "approve", 1500, 0),
        (3, 0, 1000, "decline", 0, 0),
    ],
)
def test_short_outages_do_not_qualify_and_persistent_problems_are_made_good(
    failed_runs: int, failed_credits: int, drawn: int, recommended: str, money_minor: int, credits_: int
) -> None:
    """By a person, with a figure for each: the credits that failed, and the price of what was not used."""
    decision = decide(asks(TECHNICAL, drawn=drawn, failed_runs=failed_runs, failed_credits=failed_credits, order=US))
    assert (decision.outcome, decision.clause, decision.rule) == (DecisionOutcome.REVIEW, "6", "technical_problem")
    assert (decision.recommended, decision.money_minor, decision.credits) == (recommended, money_minor, credits_)


@pytest.mark.parametrize(
    ("replaced_credits", "recommended", "credits_"), [(10, "replace", 20), (30, "decline", 0), (35, "decline", 0)]
)
def test_what_an_incident_has_replaced_counts_when_it_is_asked_for_again(
    replaced_credits: int, recommended: str, credits_: int
) -> None:
    """A person still decides, and the customer reads what was given."""
    failed = {"failed_runs": 3, "failed_credits": 30, "replaced_runs": 1, "replaced_credits": replaced_credits}
    decision = decide(asks(TECHNICAL, drawn=250, order=US, **failed))
    assert (decision.outcome, decision.rule) == (DecisionOutcome.REVIEW, "technical_problem")
    assert (decision.recommended, decision.money_minor, decision.credits) == (recommended, 1500, credits_)
    words = TEXTS.render_all(decision.reasons)
    assert f"we have given you {replaced_credits} replacement credits for them" in " ".join(words)


def test_what_was_replaced_for_all_is_told_before_what_was_given_for_this_payment() -> None:
    """A single credit of each is told too."""
    failed = {"failed_runs": 3, "failed_credits": 30, "replaced_runs": 1, "replaced_credits": 1, "given_credits": 1}
    decision = decide(asks(TECHNICAL, drawn=250, order=US, **failed))
    assert keys(decision.reasons)[1:3] == ["decision.runs_replaced", "decision.credits_replaced"]


def test_what_was_given_for_this_payment_counts_when_failed_runs_are_made_good() -> None:
    """Not how many of them failed since a person declined."""
    failed = {"failed_runs": 4, "failed_credits": 30, "given_credits": 12, "failed_since_decline": 3}
    decision = decide(asks(TECHNICAL, drawn=250, order=US, **failed))
    assert (decision.recommended, decision.credits) == (DecisionOutcome.REPLACE, 18)


@pytest.mark.parametrize(
    ("given", "outcome", "recommended", "money_minor"),
    [(0, "approve", None, 2000), (1, "review", "approve", 1998), (1000, "review", "decline", 0)],
)
def test_who_got_credits_instead_has_no_renewal_refunded_without_a_person(
    given: int, outcome: str, recommended: str | None, money_minor: int
) -> None:
    """Below the limit too."""
    policy = replace(POLICY, automatic_renewal_refund_up_to_minor={"EUR": 2000})
    decision = rules.decide(asks(MISTAKEN, **RENEWAL, given_credits=given), policy)
    assert (decision.outcome, decision.recommended, decision.money_minor) == (outcome, recommended, money_minor)


# ── 7. Decided before, and what a decision keeps ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("reason", [TWICE, AMOUNT, CHANGED, MISTAKEN, TECHNICAL])
def test_a_repeated_request_gets_the_answer_that_was_given(reason: RefundReason) -> None:
    """With the reasons that the person gave; nothing moves."""
    decision = decide(asks(reason, declined_before=BEFORE, order=US, similar=(PaymentId("stripe:pi_2"),)))
    assert (decision.outcome, decision.rule, decision.clause) == (DecisionOutcome.DECLINE, "decided_before", "2")
    assert own_words("No.")[0] in decision.reasons


def test_a_decision_keeps_its_version_and_the_facts_it_saw_and_explains_every_rule() -> None:
    """For support: one line for each fact and each rule, the one that spoke marked."""
    asked = asks(WITHDRAWAL, drawn=250, failed_runs=1, similar=(PaymentId("stripe:pi_2"),), overcharge_minor=0)
    decision = decide(asked)
    assert decision.policy_version == POLICY.version
    assert decision.currency == "EUR"
    text = explain(decision, TEXTS)
    assert text.startswith("approve, 15.00 EUR (right_of_withdrawal, clause 2, policy ")
    for wanted in ("paid: 20.00 EUR", "1000 granted, 250 used", "a consumer in DE", "consent: complete", "stripe:pi_2"):
        assert wanted in text
    assert "  → right_of_withdrawal: Your withdrawal is" in text
    assert "    technical_problem: Not evaluated, because right_of_withdrawal decided." in text
    assert text.count("\n") == len(decision.inputs) + len(RULES)


def test_an_explanation_begins_with_what_was_decided_and_recommended() -> None:
    """Money and credits only where there are any."""
    technical = asks(TECHNICAL, drawn=250, failed_runs=3, failed_credits=30, order=US)
    figures_ = f"policy {POLICY.version})\n"
    assert explain(decide(technical), TEXTS).startswith(
        f"review, recommended: replace, 15.00 EUR, 30 credits (technical_problem, clause 6, {figures_}"
    )
    assert explain(decide(asks(CHANGED, order=US)), TEXTS).startswith(f"decline (not_refundable, clause 2, {figures_}")


# ── Money ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("drawn", "taken_back", "refundable_minor", "money_minor"),
    [
        (100, 0, 2000, 1800),
        (100, 250, 1500, 1300),  # a quarter went back with its credits: the used ones are still paid
        (100, 0, 1500, 1350),  # a quarter went back as goodwill: the price is lower now
        (750, 250, 1500, 0),
        (999, 0, 2000, 2),
    ],
)
def test_the_unused_part_is_worth_its_share_of_what_is_still_paid(
    drawn: int, taken_back: int, refundable_minor: int, money_minor: int
) -> None:
    """After partial refunds as before."""
    asked = asks(WITHDRAWAL, drawn=drawn, taken_back=taken_back, refundable_minor=refundable_minor)
    assert decide(asked).money_minor == money_minor


@given(st.integers(1, 5000), st.integers(1, 3000), st.data())
def test_a_withdrawal_keeps_the_price_of_what_was_used_rounded_down_and_leaves_no_debt(
    paid_minor: int, granted: int, data: st.DataObject
) -> None:
    """The decision, booked: what it takes back beyond what was unused is less than one cent's worth, and not owed."""
    drawn = data.draw(st.integers(0, granted))
    use = LineUsage(line_id="0", amount_minor=paid_minor, granted=granted, drawn=drawn, taken_back=0)
    decision = decide(asks(WITHDRAWAL, paid_minor=paid_minor, refundable_minor=paid_minor, lines=(use,)))
    assume(decision.outcome is DecisionOutcome.APPROVE)
    bought = Purchase(payment_id=PaymentId("stripe:pi_1")).with_facts(payment(paid_minor=paid_minor, credits_=granted))
    assert decision.money_minor == paid_minor - paid_minor * drawn // granted
    approval, refund = approved(decision, "1")
    (lot,) = target(bought.with_facts(replace(approval, is_by_law=True), refund)).lots
    assert granted - drawn - 1 < lot.refund_target < granted - drawn + Fraction(granted, paid_minor)
    booked = replace(lot.applied_to(None), drawn=drawn).rebalance()
    assert (booked.owed, booked.remaining) == (0, 0)


def two_lines(*, amounts: tuple[int, int] = (1200, 800), **changed: Any) -> PolicyContext:
    """A payment of two products, the first used up."""
    lines = (line(1000, line_id="a", amount_minor=amounts[0]), line(250, line_id="b", amount_minor=amounts[1]))
    return asks(WITHDRAWAL, lines=lines, **changed)


def test_of_several_lines_the_unused_ones_are_named() -> None:
    """So the refund takes its credits from those, and the used one owes nothing."""
    decision = decide(two_lines())
    assert decision.money_minor == 600
    assert decision.items == (RefundedItem(line_id="b", amount_minor=600),)
    paid = [
        PaidLine(line_id=i, product_id="pack_1000", credits=1000, amount_minor=m, expires_at=None)
        for i, m in (("a", 1200), ("b", 800))
    ]
    bought = Purchase(payment_id=PaymentId("stripe:pi_1")).with_facts(payment(lines=tuple(paid)))
    taken = [lot.refund_target for lot in target(bought.with_facts(*approved(decision, "1"))).lots]
    assert taken == [0, 750]


def test_a_cent_that_rounding_gives_of_several_lines_needs_no_person() -> None:
    """Of each line what is owed is rounded down: 399 of 1,201 and 266 of 799."""
    lines = (line(333, line_id="a", amount_minor=1201), line(333, line_id="b", amount_minor=799))
    decision = decide(asks(WITHDRAWAL, lines=lines))
    assert (decision.outcome, decision.money_minor) == (DecisionOutcome.APPROVE, 802 + 533)


@pytest.mark.parametrize(
    "changed",
    [
        {"amounts": (1200, 700)},
        {"refundable_minor": 1900},
        {"paid_minor": 2100},  # a line that granted nothing was refunded
        {"amounts": (-100, 2100)},
        {"overcharge_minor": -1},
        {"overcharge_minor": 100},
    ],
)
def test_lines_that_do_not_make_up_the_price_are_split_by_a_person(changed: dict[str, Any]) -> None:
    """With the sum recommended: a right is not refused because a tax stands beside its lines."""
    decision = decide(two_lines(**changed))
    assert (decision.outcome, decision.recommended) == (DecisionOutcome.REVIEW, DecisionOutcome.APPROVE)
    assert 0 < decision.money_minor < 2000


def test_a_withdrawal_gives_back_what_was_above_the_price_too() -> None:
    """It was never the price of a used credit."""
    over = asks(WITHDRAWAL, drawn=500, paid_minor=2500, refundable_minor=2500, overcharge_minor=500)
    assert decide(over).money_minor == 1500


@pytest.mark.parametrize(
    ("amount_minor", "currency", "words"),
    [
        (1800, "EUR", "18.00 EUR"),
        (5, "EUR", "0.05 EUR"),
        (-195, "EUR", "-1.95 EUR"),
        (1800, "JPY", "1800 JPY"),
        (0, "JPY", "0 JPY"),
        (1800, "KWD", "1.800 KWD"),
        (5, "KWD", "0.005 KWD"),
    ],
)
def test_an_amount_is_written_as_its_currency_is(amount_minor: int, currency: str, words: str) -> None:
    """With two decimals, none, or three."""
    assert format_amount(amount_minor, currency) == words


# ── For every request there can be ────────────────────────────────────────────────────────────────────────────────────

near = st.one_of(
    st.integers(-3, 20).map(lambda days: MADE + timedelta(days=days)),
    st.integers(-500_000, 500_000).map(lambda minutes: MADE + timedelta(minutes=minutes)),
)
amounts = st.integers(-100, 5000)
credits_of = st.integers(-10, 1200)
consents = st.none() | st.builds(
    Consent,
    given_at=near,
    text_version=st.just("1"),
    asked_to_begin=st.booleans(),
    acknowledged_loss=st.booleans(),
    confirmation_id=st.none() | st.just("mail_1"),
)
orders = st.none() | st.builds(
    lambda consent, country, is_business, made_at, price_minor, currency: order(
        consent=consent,
        country=country,
        is_business=is_business,
        made_at=made_at,
        price_minor=price_minor,
        currency=currency,
    ),
    consents,
    st.sampled_from(["DE", "GB", "US", ""]),
    st.booleans(),
    near,
    amounts,
    st.sampled_from(["EUR", "USD"]),
)
uses = st.builds(
    LineUsage,
    line_id=st.sampled_from(["a", "b", "c"]),
    amount_minor=amounts,
    granted=credits_of,
    drawn=credits_of,
    taken_back=credits_of,
)
situations = st.builds(
    refund_context,
    reason=st.sampled_from(RefundReason),
    now=near,
    paid_at=near,
    paid_minor=amounts,
    currency=st.sampled_from(["EUR", "USD", "JPY"]),
    refundable_minor=amounts,
    refunded_minor=amounts,
    overcharge_minor=st.just(0) | amounts,
    lines=st.lists(uses, max_size=3).map(tuple),
    is_subscription=st.booleans(),
    is_renewal=st.booleans(),
    is_plan_change=st.booleans(),
    has_unordered_sale=st.booleans(),
    is_for_ordered_product=st.booleans(),
    is_duplicate=st.booleans(),
    duplicate_minor=st.integers(0, 3000),
    doubles_subscription=st.booleans(),
    is_disputed=st.booleans(),
    order=orders,
    similar=st.lists(st.just(PaymentId("stripe:pi_2")), max_size=1).map(tuple),
    is_similar_disputed=st.booleans(),
    failed_runs=st.integers(-1, 5),
    failed_credits=credits_of,
    replaced_runs=st.integers(0, 2),
    replaced_credits=credits_of,
    failed_since_decline=st.integers(-1, 2),
    declined_before=st.none() | st.just(BEFORE),
    submitted_at=st.none() | near,
)
figures = st.builds(
    lambda limit_minor, failed: replace(
        POLICY, automatic_renewal_refund_up_to_minor={"EUR": limit_minor}, persistent_failed_runs=failed
    ),
    st.integers(0, 5000),
    st.integers(1, 4),
)


@given(situations, figures)
def test_every_request_gets_one_decision_and_always_the_same(asked: PolicyContext, by: rules.PolicyParameters) -> None:
    """Whatever the facts, even impossible ones: a clause, reasons, and no exception."""
    decision = rules.decide(asked, by)
    assert decision == rules.decide(asked, by)
    assert decision.reasons
    assert all(rendered(decision.reasons))
    assert decision.clause in {"1", "2", "3", "4", "5", "6", "7"}
    assert decision.outcome is not DecisionOutcome.REPLACE
    assert explain(decision, TEXTS)


@given(situations, figures)
def test_money_stays_between_nothing_and_what_is_left_of_the_payment(
    asked: PolicyContext, by: rules.PolicyParameters
) -> None:
    """Approved money is never 0; there is none beside a decline or a wait; items never exceed it."""
    decision = rules.decide(asked, by)
    assert 0 <= decision.money_minor <= max(0, min(asked.refundable_minor, asked.paid_minor))
    assert decision.credits >= 0
    if decision.outcome is DecisionOutcome.APPROVE:
        assert decision.money_minor > 0
        assert decision.credits == 0
    elif decision.outcome is not DecisionOutcome.REVIEW:
        assert (decision.money_minor, decision.credits) == (0, 0)
        assert not decision.ends_subscription or asked.reason in WITHDRAWAL_REASONS, "a withdrawal ends it in any case"
    if decision.outcome is DecisionOutcome.REVIEW and decision.recommended is DecisionOutcome.APPROVE:
        assert decision.money_minor > 0
    assert (decision.recommended is None) or decision.outcome is DecisionOutcome.REVIEW
    assert all(item.amount_minor > 0 for item in decision.items)
    assert not decision.items or sum(item.amount_minor for item in decision.items) == decision.money_minor


@given(situations, figures, st.data())
def test_more_credits_used_never_give_more_money_back(
    asked: PolicyContext, by: rules.PolicyParameters, data: st.DataObject
) -> None:
    """Whichever line they are of."""
    assume(asked.lines)
    position = data.draw(st.integers(0, len(asked.lines) - 1))
    more = data.draw(st.integers(1, 1200))
    lines = list(asked.lines)
    lines[position] = replace(lines[position], drawn=lines[position].drawn + more)
    used_more = rules.decide(replace(asked, lines=tuple(lines)), by)
    assert used_more.money_minor <= rules.decide(asked, by).money_minor


@given(situations, figures)
def test_an_explanation_lists_every_rule_once_in_order_and_one_that_spoke(
    asked: PolicyContext, by: rules.PolicyParameters
) -> None:
    """Those before it say why they were silent, those after it that they were not asked."""
    decision = rules.decide(asked, by)
    assert [considered.rule for considered in decision.explanation] == [rule.__name__ for rule in RULES]
    assert [considered.rule for considered in decision.explanation if considered.decided] == [decision.rule]
    assert all(considered.why for considered in decision.explanation)
    position = [considered.decided for considered in decision.explanation].index(True)
    skipped = [considered.why[0].key == "why.not_evaluated" for considered in decision.explanation]
    assert skipped == [False] * (position + 1) + [True] * (len(RULES) - position - 1)


@given(situations, figures)
def test_a_duplicate_is_refunded_whatever_was_used_and_only_what_has_not_settled_waits(
    asked: PolicyContext, by: rules.PolicyParameters
) -> None:
    """And a decline by the customer's own bank, or by a person, never stands in a duplicate's way for good."""
    decision = rules.decide(asked, by)
    if decision.outcome is DecisionOutcome.WAIT:
        assert asked.now - asked.paid_at < by.duplicate_settling
    if asked.is_duplicate and min(asked.left_minor, asked.duplicate_minor) and not asked.is_disputed:
        assert decision.rule == "charged_twice"
        is_settling = asked.age < by.duplicate_settling
        assert decision.outcome is (DecisionOutcome.WAIT if is_settling else DecisionOutcome.APPROVE)
        assert decision.money_minor == (0 if is_settling else min(asked.left_minor, asked.duplicate_minor))


@given(
    situations,
    figures,
    orders.filter(bool),
    st.sampled_from(["DE", "GB"]),
    st.sampled_from([WITHDRAWAL, CHANGED]),
    st.integers(1, 5000),
    st.timedeltas(timedelta(0), timedelta(days=14)),
)
def test_who_may_withdraw_is_refunded_or_noted_and_never_just_declined(
    asked: PolicyContext,
    by: rules.PolicyParameters,
    made: Order,
    country: str,
    reason: RefundReason,
    left_minor: int,
    later: timedelta,
) -> None:
    """For consumers on the list, in the plain 14 days: unless all was used, with complete consent."""
    asked = replace(
        asked,
        reason=reason,
        is_renewal=False,
        is_plan_change=False,
        order=replace(made, country=country, is_business=False),
        paid_minor=left_minor,
        refundable_minor=left_minor,
        submitted_at=max(made.made_at, asked.paid_at) + later,
    )
    decision = rules.decide(asked, by)
    if decision.outcome is DecisionOutcome.DECLINE:
        assert asked.is_consent_complete
        assert asked.drawn > 0
        assert asked.unused_minor <= len(asked.lines)


def test_a_share_of_nothing_is_nothing() -> None:
    """Free orders, lines without credits: no division by zero anywhere above."""
    empty = LineUsage(line_id="0", amount_minor=0, granted=0, drawn=5, taken_back=0)
    assert decide(asks(WITHDRAWAL, lines=(empty, empty))).money_minor == 0
    assert share_of(1, 0) == 0
