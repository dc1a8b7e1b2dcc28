"""Each answer of the policy as a whole: what moves, what a person is recommended, and what the customer is told."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain.facts import RefundedItem
from ledger.domain.ids import PaymentId
from ledger.domain.refund_cases import Decision, DecisionOutcome, RefundReason
from ledger.policy import rules
from ledger.policy.context import PolicyContext
from tools.testing.builders import MADE, ORDER, asks, use

POLICY = rules.load()
US, UNINFORMED = replace(ORDER, country="US"), replace(ORDER, consent=None)
BUSINESS = replace(ORDER, is_business=True)
BEFORE = Decision(outcome=DecisionOutcome.DECLINE, clause="2", rule="", reasons=("No.",), policy_version="1")
CHANGED, WITHDRAWAL, TWICE = RefundReason.CHANGED_MY_MIND, RefundReason.WITHDRAWAL, RefundReason.CHARGED_TWICE
AMOUNT, MISTAKEN = RefundReason.WRONG_AMOUNT, RefundReason.MISTAKEN_RENEWAL
TECHNICAL, UNRECOGNISED = RefundReason.TECHNICAL_PROBLEM, RefundReason.UNRECOGNISED_CHARGE

APPROVE, DECLINE, REVIEW, WAIT = (
    DecisionOutcome.APPROVE,
    DecisionOutcome.DECLINE,
    DecisionOutcome.REVIEW,
    DecisionOutcome.WAIT,
)
CANCEL = "You can cancel the subscription at any time"
HINT = "Apart from that, the law lets you withdraw"
RENEWAL: dict[str, Any] = {
    "is_subscription": True,
    "is_renewal": True,
    "order": replace(ORDER, made_at=MADE - timedelta(days=90)),
}
OVER: dict[str, Any] = {"overcharge_minor": 500, "paid_minor": 2500, "refundable_minor": 2500}
REFUNDED = MADE + POLICY.duplicate_settling


def answer(situation: PolicyContext, by: rules.PolicyParameters = POLICY) -> dict[str, Any]:
    """What a decision says that is not said by itself: everything but explanation, facts and words."""
    decision = rules.decide(situation, by)
    told = {
        "outcome": decision.outcome,
        "clause": decision.clause,
        "rule": decision.rule,
        "money_minor": decision.money_minor,
        "credits": decision.credits,
        "recommended": decision.recommended,
        "items": decision.items,
        "takes_credits": decision.takes_credits,
        "ends_subscription": decision.ends_subscription,
    }
    silent = {"money_minor": 0, "credits": 0, "recommended": None, "items": (), "takes_credits": True}
    return {key: value for key, value in told.items() if value != {**silent, "ends_subscription": False}.get(key)}


def says(outcome: DecisionOutcome, clause: str, rule: str, **more: Any) -> dict[str, Any]:
    """An answer, and what it says beside that."""
    return {"outcome": outcome, "clause": clause, "rule": rule, **more}


ANSWERS = [
    # nothing is left
    (asks(CHANGED, refundable_minor=0), says(DECLINE, "1", "already_refunded"), "has gone back already", CANCEL),
    (
        asks(CHANGED, paid_minor=1, refundable_minor=0),
        says(DECLINE, "1", "already_refunded"),
        "back already",
        "Nothing",
    ),
    (asks(CHANGED, refundable_minor=1, order=US), says(DECLINE, "2", "not_refundable"), "packs are generally", CANCEL),
    (asks(CHANGED, paid_minor=0), says(DECLINE, "1", "already_refunded"), "Nothing was paid", CANCEL),
    (asks(CHANGED, paid_minor=0, is_subscription=True), says(DECLINE, "1", "already_refunded"), CANCEL, "gone back"),
    (
        asks(TECHNICAL, refundable_minor=0),
        says(REVIEW, "6", "technical_problem", recommended=DECLINE),
        "no run failed",
        "gone back",
    ),
    (
        asks(TECHNICAL, refundable_minor=0, lines=(use(taken_back=1000),)),
        says(DECLINE, "1", "already_refunded"),
        "has gone back already",
        "Nothing was paid",
    ),
    (
        asks(CHANGED, refundable_minor=0, declined_before=BEFORE, is_disputed=True, order=US),
        says(DECLINE, "1", "already_refunded"),
        "back already",
        "No.",
    ),
    # decided before
    (
        asks(CHANGED, declined_before=BEFORE, is_disputed=True, order=US),
        says(DECLINE, "2", "decided_before"),
        "No.",
        "bank",
    ),
    (
        asks(CHANGED, declined_before=BEFORE, order=US),
        says(DECLINE, "2", "decided_before"),
        "We have decided about this request before. No. This rests on section 2",
        "what is new",
    ),
    (
        asks(TECHNICAL, declined_before=BEFORE, order=US, failed_since_decline=1),
        says(REVIEW, "2", "decided_before", recommended=DECLINE),
        "before. No. We look at what is new.",
        "rests on",
    ),
    (
        asks(TECHNICAL, declined_before=BEFORE, order=US),
        says(DECLINE, "2", "decided_before"),
        "No.",
        "what is new",
    ),
    (
        asks(CHANGED, declined_before=BEFORE, order=US, failed_since_decline=1),
        says(DECLINE, "2", "decided_before"),
        "No.",
        "what is new",
    ),
    (
        asks(UNRECOGNISED, declined_before=BEFORE, order=US),
        says(REVIEW, "2", "decided_before", recommended=DECLINE),
        "what is new",
        "rests on",
    ),
    (
        asks(CHANGED, declined_before=BEFORE, is_duplicate=True, order=US),
        says(APPROVE, "4", "charged_twice", money_minor=2000, takes_credits=False),
        "This was charged twice",
        "No.",
    ),
    (
        asks(AMOUNT, declined_before=BEFORE, order=US, **OVER),
        says(APPROVE, "4", "wrong_amount", money_minor=500),
        "5.00 EUR above the price",
        "No.",
    ),
    (asks(AMOUNT, declined_before=BEFORE, order=US), says(DECLINE, "2", "decided_before"), "No.", "above"),
    (asks(CHANGED, declined_before=BEFORE, order=US, **OVER), says(DECLINE, "2", "decided_before"), "No.", "above"),
    (
        asks(WITHDRAWAL, declined_before=BEFORE),
        says(APPROVE, "2", "right_of_withdrawal", money_minor=2000),
        "We refund what you paid.",
        "No.",
    ),
    (
        asks(WITHDRAWAL, declined_before=BEFORE, order=US),
        says(REVIEW, "2", "right_of_withdrawal"),
        "whether the law of your country",
        "No.",
    ),
    (asks(CHANGED, declined_before=BEFORE, order=None), says(DECLINE, "2", "decided_before"), "No.", "law"),
    (
        asks(MISTAKEN, declined_before=BEFORE),
        says(APPROVE, "2", "right_of_withdrawal", money_minor=2000),
        "paid",
        "No.",
    ),
    (asks(WITHDRAWAL, declined_before=BEFORE, day=40), says(DECLINE, "2", "decided_before"), "No.", "law"),
    # a dispute is open
    (
        asks(WITHDRAWAL, is_disputed=True),
        says(REVIEW, "5", "open_dispute"),
        "We have noted when you declared",
        HINT,
    ),
    (
        asks(WITHDRAWAL, is_disputed=True, is_subscription=True),
        says(REVIEW, "5", "open_dispute", ends_subscription=True),
        "We have noted when you declared",
        "ask us again",
    ),
    (
        asks(TECHNICAL, is_disputed=True, order=US),
        says(REVIEW, "5", "open_dispute", recommended=DECLINE),
        "looks into what you describe",
        "ask us again",
    ),
    (
        asks(UNRECOGNISED, is_disputed=True, order=US),
        says(REVIEW, "5", "open_dispute", recommended=DECLINE),
        "looks into what you describe",
        "ask us again",
    ),
    (asks(TWICE, is_disputed=True, order=US), says(DECLINE, "5", "open_dispute"), "ask us again", "noted"),
    (asks(CHANGED, is_disputed=True, order=US), says(DECLINE, "5", "open_dispute"), "section 5", "noted"),
    # charged twice
    (asks(CHANGED, is_duplicate=True, now=MADE), says(WAIT, "4", "charged_twice"), "a few minutes", "refund the"),
    (
        asks(CHANGED, is_duplicate=True, now=REFUNDED, doubles_subscription=True),
        says(APPROVE, "4", "charged_twice", money_minor=2000, takes_credits=False, ends_subscription=True),
        "We refund the duplicate charge",
        "rests",
    ),
    (asks(TWICE, order=US, now=MADE), says(WAIT, "4", "charged_twice"), "a few minutes", "only"),
    (
        asks(TWICE, order=US, now=REFUNDED),
        says(REVIEW, "4", "charged_twice", recommended=DECLINE),
        "one charge only",
        HINT,
    ),
    (
        asks(TWICE, order=US, similar=(PaymentId("stripe:a"), PaymentId("stripe:b")), lines=(use(250),)),
        says(REVIEW, "4", "charged_twice", recommended=APPROVE, money_minor=1500),
        "close to it: stripe:a, stripe:b.",
        HINT,
    ),
    (
        asks(TWICE, order=US, similar=(PaymentId("stripe:a"),), lines=(use(1000),)),
        says(REVIEW, "4", "charged_twice", recommended=DECLINE),
        "close to it: stripe:a.",
        HINT,
    ),
    # a wrong amount
    (asks(AMOUNT, order=US, **OVER), says(APPROVE, "4", "wrong_amount", money_minor=500), "your credits stay", HINT),
    (
        asks(AMOUNT, order=US, **{**OVER, "refundable_minor": 2000}),
        says(DECLINE, "4", "wrong_amount"),
        "has gone back to you already",
        HINT,
    ),
    (
        asks(AMOUNT, order=US, overcharge_minor=1, paid_minor=2001),
        says(DECLINE, "4", "wrong_amount"),
        "has gone back to you already",
        HINT,
    ),
    (asks(AMOUNT, order=None), says(REVIEW, "4", "wrong_amount"), "You paid 20.00 EUR. We compare", HINT),
    (
        asks(AMOUNT, order=US, overcharge_minor=-1),
        says(REVIEW, "4", "wrong_amount"),
        "You paid 20.00 EUR; the price that you accepted was 18.00 EUR before tax. We look",
        HINT,
    ),
    (
        asks(AMOUNT, order=US, paid_minor=1800),
        says(DECLINE, "4", "wrong_amount"),
        "You paid 18.00 EUR; the price that you accepted was 18.00 EUR before tax. So nothing",
        HINT,
    ),
    (asks(AMOUNT, order=US, paid_minor=1801), says(REVIEW, "4", "wrong_amount"), "We look where", "So nothing"),
    (
        asks(AMOUNT, order=US, paid_minor=1, currency="USD"),
        says(REVIEW, "4", "wrong_amount"),
        "0.01 USD;",
        "So nothing",
    ),
    # the right of withdrawal
    (
        asks(WITHDRAWAL, is_subscription=True),
        says(APPROVE, "2", "right_of_withdrawal", money_minor=2000, ends_subscription=True),
        "We refund what you paid.",
        "left of it",
    ),
    (
        asks(CHANGED, refundable_minor=1500),
        says(APPROVE, "2", "right_of_withdrawal", money_minor=1500),
        "We refund all that is left of it.",
        "what you paid",
    ),
    (
        asks(WITHDRAWAL, lines=(use(1000),)),
        says(DECLINE, "2", "right_of_withdrawal"),
        "But its credits were used",
        CANCEL,
    ),
    (
        asks(WITHDRAWAL, lines=(use(1000),), is_subscription=True),
        says(DECLINE, "2", "right_of_withdrawal"),
        CANCEL,
        "We refund",
    ),
    (
        asks(WITHDRAWAL, lines=(use(250),), is_subscription=True),
        says(APPROVE, "2", "right_of_withdrawal", money_minor=1500, ends_subscription=True),
        "250 credits were used",
        CANCEL,
    ),
    (
        asks(WITHDRAWAL, lines=(use(1000, amount_minor=1000), use(0, line_id="b", amount_minor=1000))),
        says(
            APPROVE, "2", "right_of_withdrawal", money_minor=1000, items=(RefundedItem(line_id="b", amount_minor=1000),)
        ),
        "1000 credits were used",
        CANCEL,
    ),
    (
        asks(WITHDRAWAL, lines=(use(1000), use(0, line_id="b")), is_subscription=True),
        says(REVIEW, "2", "right_of_withdrawal", recommended=APPROVE, money_minor=1000, ends_subscription=True),
        "We look which part belongs to what.",
        CANCEL,
    ),
    (asks(WITHDRAWAL, order=BUSINESS), says(DECLINE, "2", "not_refundable"), "does not apply: the buyer is a", HINT),
    (asks(CHANGED, order=None), says(REVIEW, "2", "right_of_withdrawal"), "which country's law", HINT),
    # technical problems
    (
        asks(TECHNICAL, order=US),
        says(REVIEW, "6", "technical_problem", recommended=DECLINE),
        "no run failed by our records. Short maintenance",
        "runs failed",
    ),
    (
        asks(TECHNICAL, order=US, failed_runs=1, failed_credits=10),
        says(REVIEW, "6", "technical_problem", recommended=DECLINE),
        "Since your purchase 1 run failed; the 10 credits that they cost are back. Short",
        "no run failed",
    ),
    (
        asks(TECHNICAL, order=US, failed_runs=2, failed_credits=20),
        says(REVIEW, "6", "technical_problem", recommended=DECLINE),
        "2 runs failed; the 20 credits",
        "whether replacement",
    ),
    (
        asks(TECHNICAL, order=US, failed_runs=3, failed_credits=1),
        says(REVIEW, "6", "technical_problem", recommended=DecisionOutcome.REPLACE, money_minor=2000, credits=1),
        "whether replacement credits",
        "Short maintenance",
    ),
    (
        asks(TECHNICAL, order=US, failed_runs=3, failed_credits=-1),
        says(REVIEW, "6", "technical_problem", recommended=APPROVE, money_minor=2000),
        "whether replacement credits",
        "Short maintenance",
    ),
    (
        asks(TECHNICAL, order=US, failed_runs=3, failed_credits=0, lines=(use(1000),)),
        says(REVIEW, "6", "technical_problem", recommended=DECLINE),
        "whether replacement credits",
        "Short maintenance",
    ),
    # a renewal by mistake
    (
        asks(MISTAKEN, **{**RENEWAL, "lines": (use(1),)}),
        says(DECLINE, "3", "mistaken_renewal"),
        "so that there is no further one",
        "We look",
    ),
    (
        asks(MISTAKEN, day=15, **RENEWAL),
        says(REVIEW, "3", "mistaken_renewal", recommended=DECLINE),
        "some time ago",
        "case by case",
    ),
    (
        asks(MISTAKEN, day=14, **RENEWAL),
        says(REVIEW, "3", "mistaken_renewal", recommended=APPROVE, money_minor=2000, ends_subscription=True),
        "case by case",
        "some time ago",
    ),
    (
        asks(MISTAKEN, day=15, asked_at=MADE, **RENEWAL),
        says(REVIEW, "3", "mistaken_renewal", recommended=APPROVE, money_minor=2000, ends_subscription=True),
        "case by case",
        "some time ago",
    ),
    (asks(MISTAKEN, order=US), says(DECLINE, "2", "not_refundable"), "was not the renewal of a subscription", CANCEL),
    # a charge that is not recognised
    (
        asks(UNRECOGNISED, order=US, lines=(use(250), use(5))),
        says(REVIEW, "5", "unrecognised_charge"),
        "This charge of 20.00 EUR on 2 November 2026 is a pack for pack_1000, ordered on 2 November 2026. "
        "Of its 2000 credits 255 were used",
        "subscription",
    ),
    (
        asks(UNRECOGNISED, order=None, is_subscription=True),
        says(REVIEW, "5", "unrecognised_charge"),
        "on 2 November 2026 is a subscription. Of its",
        "renewal",
    ),
    (
        asks(UNRECOGNISED, **RENEWAL),
        says(REVIEW, "5", "unrecognised_charge"),
        "is the renewal of a subscription for pack_1000, ordered on 4 August 2026.",
        HINT,
    ),
    (
        asks(UNRECOGNISED, **RENEWAL),
        says(REVIEW, "5", "unrecognised_charge"),
        "Thank you for asking us first.",
        HINT,
    ),
    (asks(UNRECOGNISED, order=US, **OVER), says(REVIEW, "5", "unrecognised_charge"), "25.00 EUR", "above the price"),
    # not refundable
    (
        asks(CHANGED, order=US, **OVER),
        says(APPROVE, "4", "amount_above_the_price", money_minor=500),
        "5.00 EUR above the price",
        HINT,
    ),
    (
        asks(CHANGED, order=US, is_subscription=True),
        says(DECLINE, "3", "not_refundable"),
        "normally not refundable",
        "by mistake",
    ),
    (
        asks(CHANGED, order=US, is_subscription=True),
        says(DECLINE, "3", "not_refundable"),
        "until the end of the period. Mandatory consumer rights of your country stay as they are. This rests on",
        "was not the renewal",
    ),
    (
        asks(CHANGED, **RENEWAL),
        says(DECLINE, "3", "not_refundable"),
        "If it was renewed by mistake, tell us so",
        "was not the renewal",
    ),
    (
        asks(CHANGED, **{**RENEWAL, "lines": (use(1),)}),
        says(DECLINE, "3", "not_refundable"),
        "does not apply: a renewal starts no new contract.",
        "by mistake",
    ),
    # the right is mentioned to whom it would serve
    (
        asks(TWICE, now=REFUNDED),
        says(REVIEW, "4", "charged_twice", recommended=DECLINE),
        f"that you describe. {HINT} from this contract, for no reason, until 16 November 2026.",
        "rests",
    ),
    (asks(TWICE, is_disputed=True), says(DECLINE, "5", "open_dispute"), HINT, "noted"),
    (asks(TWICE, declined_before=BEFORE), says(DECLINE, "2", "decided_before"), HINT, "twice"),
    (asks(TECHNICAL), says(REVIEW, "6", "technical_problem", recommended=DECLINE), "until 16 November 2026.", "rests"),
    (asks(AMOUNT, paid_minor=1800), says(DECLINE, "4", "wrong_amount"), "until 16 November 2026.", "does not apply"),
    (asks(AMOUNT, **OVER), says(APPROVE, "4", "wrong_amount", money_minor=500), "the difference", HINT),
    (asks(TWICE, now=MADE), says(WAIT, "4", "charged_twice"), "a few minutes", HINT),
    (
        asks(TECHNICAL, lines=(use(1000),)),
        says(REVIEW, "6", "technical_problem", recommended=DECLINE),
        "no run failed",
        HINT,
    ),
    (
        asks(UNRECOGNISED, refundable_minor=1),
        says(REVIEW, "5", "unrecognised_charge"),
        HINT,
        "rests",
    ),
]


@pytest.mark.parametrize(("asked", "wanted", "told", "untold"), ANSWERS, ids=range(len(ANSWERS)))
def test_each_answer_is_whole(asked: PolicyContext, wanted: dict[str, Any], told: str, untold: str) -> None:
    """Its outcome, clause and rule, what moves or is recommended, and whom it tells what."""
    assert answer(asked) == wanted
    reasons = rules.decide(asked, POLICY).reasons
    assert all(reason.endswith(".") for reason in reasons)
    words = " ".join(reasons)
    assert told in words
    assert untold not in words


def test_a_small_renewal_by_mistake_is_refunded_up_to_the_limit_of_its_currency() -> None:
    """And ends the subscription; in another currency, or above, a person decides."""
    generous = replace(POLICY, automatic_renewal_refund_up_to_minor={"EUR": 2000})
    asked = asks(MISTAKEN, **RENEWAL)
    approved = says(APPROVE, "3", "mistaken_renewal", money_minor=2000, ends_subscription=True)
    assert answer(asked, generous) == approved
    assert "We refund it and stop further renewals." in rules.decide(asked, generous).reasons[0]
    assert answer(replace(asked, paid_minor=2001, refundable_minor=2001), generous)["outcome"] is REVIEW
    assert answer(replace(asked, currency="USD"), generous)["outcome"] is REVIEW
    assert answer(replace(asked, paid_minor=1, refundable_minor=1), POLICY)["outcome"] is REVIEW


def test_the_figures_that_decide_are_the_policys() -> None:
    """Days, runs and settling time are not written into the rules."""
    strict = replace(POLICY, mistaken_renewal_days=1, persistent_failed_runs=1, duplicate_settling=timedelta(days=9))
    assert answer(asks(MISTAKEN, day=2, **RENEWAL), strict)["recommended"] is DECLINE
    assert answer(asks(TECHNICAL, order=US, failed_runs=1, failed_credits=5), strict)["credits"] == 5
    assert answer(asks(CHANGED, is_duplicate=True), strict)["outcome"] is WAIT
    assert answer(asks(TWICE, order=US), strict)["outcome"] is WAIT


def test_every_reference_is_told_once() -> None:
    """What a decision rests on is said at its end, also where the decision before said it."""
    decided = rules.decide(asks(CHANGED, order=US), POLICY)
    again = rules.decide(asks(CHANGED, order=US, declined_before=decided), POLICY)
    rests = "This rests on section 2 of our Refund & Cancellation Policy."
    assert (decided.reasons.count(rests), again.reasons.count(rests), again.reasons[-1]) == (1, 1, rests)


def test_an_explanation_has_a_line_for_each_fact_and_each_rule() -> None:
    """And marks the rule that spoke."""
    decided = rules.decide(asks(TECHNICAL, order=US, failed_runs=3, failed_credits=30, lines=(use(250),)), POLICY)
    first, *lines = rules.explain(decided).split("\n")
    recommended = "review, recommended: replace, 15.00 EUR, 30 credits"
    assert first == f"{recommended} (technical_problem, clause 6, policy {POLICY.version})"
    facts, asked = lines[: len(decided.seen)], lines[len(decided.seen) :]
    assert facts == [f"  · {fact}" for fact in decided.seen]
    marks = [(" " if rule.rule != "technical_problem" else "→", rule) for rule in decided.explanation]
    assert asked == [f"  {mark} {rule.rule}: {rule.why}" for mark, rule in marks]


def test_the_rules_stand_in_the_order_that_the_design_gives() -> None:
    """The first that speaks decides, and the explanation of a decision tells them in this order."""
    assert [rule.__name__ for rule in rules.RULES] == [
        "already_refunded",
        "decided_before",
        "open_dispute",
        "charged_twice",
        "wrong_amount",
        "right_of_withdrawal",
        "technical_problem",
        "mistaken_renewal",
        "unrecognised_charge",
        "amount_above_the_price",
        "not_refundable",
    ]
