"""Each answer of the policy as a whole: what moves, what a person is recommended, and what the customer is told."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain.facts import RefundedItem
from ledger.domain.ids import PaymentId
from ledger.domain.refund_cases import Decision, DecisionOutcome, RefundReason
from ledger.domain.texts import text
from ledger.policy import rules
from ledger.policy.context import PolicyContext
from ledger.policy.explanation import explain
from ledger.policy.texts import shipped_texts
from tools.testing.builders import CONSENT, MADE, ORDER, line_usage, own_words, refund_context, rendered

POLICY = rules.load()
US, UNINFORMED = replace(ORDER, country="US"), replace(ORDER, consent=None)
RETURNED = replace(ORDER, consent=replace(CONSENT, confirmation_id="mail_2", revoked_at=MADE))
BUSINESS, JAPAN = replace(ORDER, is_business=True), replace(ORDER, country="JP")
BEFORE = Decision(outcome=DecisionOutcome.DECLINE, clause="2", rule="", reasons=own_words("No."), policy_version="1")
CHANGED, WITHDRAWAL, TWICE = RefundReason.CHANGED_MY_MIND, RefundReason.WITHDRAWAL, RefundReason.CHARGED_TWICE
AMOUNT, MISTAKEN = RefundReason.WRONG_AMOUNT, RefundReason.MISTAKEN_RENEWAL
TECHNICAL, UNRECOGNISED = RefundReason.TECHNICAL_PROBLEM, RefundReason.UNRECOGNISED_CHARGE

APPROVE, DECLINE, REVIEW, WAIT = (
    DecisionOutcome.APPROVE,
    DecisionOutcome.DECLINE,
    DecisionOutcome.REVIEW,
    DecisionOutcome.WAIT,
)
CANCEL = "You can cancel your subscription at any time"
HINT = "You also have a legal right to withdraw"
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
        "ends_contract": decision.ends_contract,
    }
    silent = {"money_minor": 0, "credits": 0, "recommended": None, "items": (), "takes_credits": True}
    silent |= {"ends_subscription": False, "ends_contract": False}
    return {key: value for key, value in told.items() if value != silent.get(key)}


def says(outcome: DecisionOutcome, clause: str, rule: str, **more: Any) -> dict[str, Any]:
    """An answer, and what it says beside that."""
    return {"outcome": outcome, "clause": clause, "rule": rule, **more}


def ends(outcome: DecisionOutcome, clause: str, rule: str, **more: Any) -> dict[str, Any]:
    """An answer to a withdrawal that ends its contract."""
    return says(outcome, clause, rule, ends_contract=True, **more)


ANSWERS = [
    # nothing is left
    (
        refund_context(CHANGED, refundable_minor=0),
        says(DECLINE, "1", "already_refunded"),
        "has already been returned",
        CANCEL,
    ),
    (
        refund_context(CHANGED, paid_minor=1, refundable_minor=0),
        says(DECLINE, "1", "already_refunded"),
        "already been returned",
        "You were not charged",
    ),
    (
        refund_context(CHANGED, refundable_minor=1, order=US),
        says(DECLINE, "2", "not_refundable"),
        "packs are generally",
        CANCEL,
    ),
    (refund_context(CHANGED, paid_minor=0), says(DECLINE, "1", "already_refunded"), "You were not charged", CANCEL),
    (
        refund_context(CHANGED, paid_minor=0, is_subscription=True),
        says(DECLINE, "1", "already_refunded"),
        CANCEL,
        "been returned",
    ),
    (
        refund_context(TECHNICAL, refundable_minor=0),
        says(REVIEW, "6", "technical_problem", recommended=DECLINE),
        "no failed runs",
        "been returned",
    ),
    (
        refund_context(TECHNICAL, refundable_minor=0, lines=(line_usage(taken_back=1000),)),
        says(DECLINE, "1", "already_refunded"),
        "has already been returned",
        "You were not charged",
    ),
    (
        refund_context(CHANGED, refundable_minor=0, declined_before=BEFORE, is_disputed=True, order=US),
        says(DECLINE, "1", "already_refunded"),
        "already been returned",
        "No.",
    ),
    # decided before
    (
        refund_context(CHANGED, declined_before=BEFORE, is_disputed=True, order=US),
        says(DECLINE, "2", "decided_before"),
        "No.",
        "bank",
    ),
    (
        refund_context(CHANGED, declined_before=BEFORE, order=US),
        says(DECLINE, "2", "decided_before"),
        "answered it as follows. No. This decision is based on section 2",
        "new information",
    ),
    (
        refund_context(TECHNICAL, declined_before=BEFORE, order=US, failed_since_decline=1),
        says(REVIEW, "2", "decided_before", recommended=DECLINE),
        "as follows. No. A member of our team will review the new information.",
        "based on",
    ),
    (
        refund_context(TECHNICAL, declined_before=BEFORE, order=US),
        says(DECLINE, "2", "decided_before"),
        "No.",
        "new information",
    ),
    (
        refund_context(CHANGED, declined_before=BEFORE, order=US, failed_since_decline=1),
        says(DECLINE, "2", "decided_before"),
        "No.",
        "new information",
    ),
    (
        refund_context(UNRECOGNISED, declined_before=BEFORE, order=US),
        says(REVIEW, "2", "decided_before", recommended=DECLINE),
        "new information",
        "based on",
    ),
    (
        refund_context(CHANGED, declined_before=BEFORE, is_duplicate=True, duplicate_minor=9999, order=US),
        says(APPROVE, "4", "charged_twice", money_minor=2000),
        "You were charged twice",
        "No.",
    ),
    (
        refund_context(AMOUNT, declined_before=BEFORE, order=US, **OVER),
        says(APPROVE, "4", "wrong_amount", money_minor=500),
        "5.00 EUR more than the agreed price",
        "No.",
    ),
    (
        refund_context(AMOUNT, declined_before=BEFORE, order=US),
        says(DECLINE, "2", "decided_before"),
        "No.",
        "more than",
    ),
    (
        refund_context(CHANGED, declined_before=BEFORE, order=US, **OVER),
        says(DECLINE, "2", "decided_before"),
        "No.",
        "more than",
    ),
    (
        refund_context(WITHDRAWAL, declined_before=BEFORE),
        ends(APPROVE, "2", "right_of_withdrawal", money_minor=2000),
        "We are refunding the full amount you paid.",
        "No.",
    ),
    (
        refund_context(WITHDRAWAL, declined_before=BEFORE, order=JAPAN),
        says(REVIEW, "2", "right_of_withdrawal"),
        "whether the law of your country",
        "No.",
    ),
    (
        refund_context(WITHDRAWAL, declined_before=BEFORE, order=US),
        says(DECLINE, "2", "decided_before"),
        "No.",
        "law of your country",
    ),
    (
        refund_context(CHANGED, declined_before=BEFORE, order=None),
        says(DECLINE, "2", "decided_before"),
        "No.",
        "withdraw",
    ),
    (
        refund_context(MISTAKEN, declined_before=BEFORE),
        ends(APPROVE, "2", "right_of_withdrawal", money_minor=2000),
        "amount you paid",
        "No.",
    ),
    (
        refund_context(WITHDRAWAL, declined_before=BEFORE, day=40),
        says(DECLINE, "2", "decided_before"),
        "No.",
        "withdraw",
    ),
    # a dispute is open
    (
        refund_context(WITHDRAWAL, is_disputed=True),
        ends(REVIEW, "5", "open_dispute"),
        "We have recorded the date of your withdrawal.",
        HINT,
    ),
    (
        refund_context(WITHDRAWAL, is_disputed=True, is_subscription=True),
        ends(REVIEW, "5", "open_dispute", ends_subscription=True),
        "We have recorded the date of your withdrawal.",
        "contact us again",
    ),
    (
        refund_context(TECHNICAL, is_disputed=True, order=US),
        says(REVIEW, "5", "open_dispute", recommended=DECLINE),
        "look into the problem you describe",
        "contact us again",
    ),
    (
        refund_context(UNRECOGNISED, is_disputed=True, order=US),
        says(REVIEW, "5", "open_dispute", recommended=DECLINE),
        "look into the problem you describe",
        "contact us again",
    ),
    (
        refund_context(TWICE, is_disputed=True, order=US),
        says(DECLINE, "5", "open_dispute"),
        "contact us again",
        "recorded",
    ),
    (refund_context(CHANGED, is_disputed=True, order=US), says(DECLINE, "5", "open_dispute"), "section 5", "recorded"),
    # charged twice
    (
        refund_context(CHANGED, is_duplicate=True, duplicate_minor=9999, now=MADE),
        says(WAIT, "4", "charged_twice"),
        "a few minutes",
        "refunding",
    ),
    (
        refund_context(CHANGED, is_duplicate=True, duplicate_minor=9999, now=REFUNDED, doubles_subscription=True),
        says(APPROVE, "4", "charged_twice", money_minor=2000, ends_subscription=True),
        "We are refunding the duplicate charge",
        "based on",
    ),
    (refund_context(TWICE, order=US, now=MADE), says(WAIT, "4", "charged_twice"), "a few minutes", "found only"),
    (
        refund_context(TWICE, order=US, now=REFUNDED),
        says(REVIEW, "4", "charged_twice", recommended=DECLINE),
        "only one charge",
        HINT,
    ),
    (
        refund_context(
            TWICE, order=US, similar=(PaymentId("stripe:a"), PaymentId("stripe:b")), lines=(line_usage(250),)
        ),
        says(REVIEW, "4", "charged_twice", recommended=APPROVE, money_minor=1500),
        "around the same time (stripe:a, stripe:b).",
        HINT,
    ),
    (
        refund_context(TWICE, order=US, similar=(PaymentId("stripe:a"),), lines=(line_usage(1000),)),
        says(REVIEW, "4", "charged_twice", recommended=DECLINE),
        "around the same time (stripe:a).",
        HINT,
    ),
    (
        refund_context(TWICE, order=US, similar=(PaymentId("stripe:a"),), is_similar_disputed=True),
        says(REVIEW, "4", "charged_twice", recommended=DECLINE),
        "You have an open dispute for that payment",
        HINT,
    ),
    # a wrong amount
    (
        refund_context(AMOUNT, order=US, **OVER),
        says(APPROVE, "4", "wrong_amount", money_minor=500),
        "you keep all your credits",
        HINT,
    ),
    (
        refund_context(AMOUNT, order=US, **{**OVER, "refundable_minor": 2000}),
        says(DECLINE, "4", "wrong_amount"),
        "has already been returned to you",
        HINT,
    ),
    (
        refund_context(AMOUNT, order=US, overcharge_minor=1, paid_minor=2001),
        says(DECLINE, "4", "wrong_amount"),
        "has already been returned to you",
        HINT,
    ),
    (
        refund_context(AMOUNT, order=None),
        says(REVIEW, "4", "wrong_amount"),
        "You paid 20.00 EUR. We are comparing",
        HINT,
    ),
    (
        refund_context(AMOUNT, order=US, overcharge_minor=-1),
        says(REVIEW, "4", "wrong_amount"),
        "You paid 20.00 EUR. The price you accepted was 18.00 EUR before tax. We are checking",
        HINT,
    ),
    (
        refund_context(AMOUNT, order=US, paid_minor=1800),
        says(DECLINE, "4", "wrong_amount"),
        "You paid 18.00 EUR. The price you accepted was 18.00 EUR before tax. You were not charged more",
        HINT,
    ),
    (
        refund_context(AMOUNT, order=US, paid_minor=1801),
        says(REVIEW, "4", "wrong_amount"),
        "what explains the difference",
        "not charged more",
    ),
    (
        refund_context(AMOUNT, order=US, paid_minor=1, currency="USD"),
        says(REVIEW, "4", "wrong_amount"),
        "0.01 USD.",
        "not charged more",
    ),
    # the right of withdrawal
    (
        refund_context(WITHDRAWAL, is_subscription=True),
        ends(APPROVE, "2", "right_of_withdrawal", money_minor=2000, ends_subscription=True),
        "We are refunding the full amount you paid.",
        "remaining",
    ),
    (
        refund_context(CHANGED, refundable_minor=1500),
        ends(APPROVE, "2", "right_of_withdrawal", money_minor=1500),
        "We are refunding the full remaining amount of this payment.",
        "amount you paid",
    ),
    (
        refund_context(WITHDRAWAL, lines=(line_usage(1000),)),
        ends(DECLINE, "2", "right_of_withdrawal"),
        "All credits of this purchase have been used.",
        "subscription",
    ),
    (
        refund_context(WITHDRAWAL, lines=(line_usage(1000),), is_subscription=True),
        ends(DECLINE, "2", "right_of_withdrawal", ends_subscription=True),
        "Your subscription ends with your withdrawal.",
        CANCEL,
    ),
    (
        refund_context(WITHDRAWAL, lines=(line_usage(250),), is_subscription=True),
        ends(APPROVE, "2", "right_of_withdrawal", money_minor=1500, ends_subscription=True),
        "250 credits were used",
        CANCEL,
    ),
    (
        refund_context(
            WITHDRAWAL, lines=(line_usage(1000, amount_minor=1000), line_usage(0, line_id="b", amount_minor=1000))
        ),
        ends(
            APPROVE, "2", "right_of_withdrawal", money_minor=1000, items=(RefundedItem(line_id="b", amount_minor=1000),)
        ),
        "1000 credits were used",
        CANCEL,
    ),
    (
        refund_context(WITHDRAWAL, lines=(line_usage(1000), line_usage(0, line_id="b")), is_subscription=True),
        ends(REVIEW, "2", "right_of_withdrawal", recommended=APPROVE, money_minor=1000, ends_subscription=True),
        "how the refund is split between the items",
        CANCEL,
    ),
    (
        refund_context(WITHDRAWAL, order=BUSINESS),
        ends(REVIEW, "2", "right_of_withdrawal", recommended=APPROVE, money_minor=2000),
        "whether a consumer's right of withdrawal applies",
        HINT,
    ),
    (
        refund_context(WITHDRAWAL, order=BUSINESS, day=40),
        says(DECLINE, "2", "not_refundable"),
        "was made as a business",
        HINT,
    ),
    (refund_context(CHANGED, order=None), says(REVIEW, "2", "right_of_withdrawal"), "which country's law", HINT),
    # technical problems
    (
        refund_context(TECHNICAL, order=US),
        says(REVIEW, "6", "technical_problem", recommended=DECLINE),
        "no failed runs since your purchase. Short maintenance",
        "been returned",
    ),
    (
        refund_context(TECHNICAL, order=US, failed_runs=1, failed_credits=10),
        says(REVIEW, "6", "technical_problem", recommended=DECLINE),
        "show 1 failed run since your purchase. 10 credits have been returned to your account for this. Short",
        "no failed runs",
    ),
    (
        refund_context(TECHNICAL, order=US, failed_runs=2, failed_credits=20),
        says(REVIEW, "6", "technical_problem", recommended=DECLINE),
        "2 failed runs since your purchase. 20 credits have",
        "whether replacement",
    ),
    (
        refund_context(TECHNICAL, order=US, failed_runs=3, failed_credits=1),
        says(REVIEW, "6", "technical_problem", recommended=DecisionOutcome.REPLACE, money_minor=2000, credits=1),
        "whether replacement credits",
        "Short maintenance",
    ),
    (
        refund_context(TECHNICAL, order=US, failed_runs=3, failed_credits=-1),
        says(REVIEW, "6", "technical_problem", recommended=APPROVE, money_minor=2000),
        "whether replacement credits",
        "Short maintenance",
    ),
    (
        refund_context(TECHNICAL, order=US, failed_runs=3, failed_credits=0, lines=(line_usage(1000),)),
        says(REVIEW, "6", "technical_problem", recommended=DECLINE),
        "whether replacement credits",
        "Short maintenance",
    ),
    # a renewal by mistake
    (
        refund_context(MISTAKEN, **{**RENEWAL, "lines": (line_usage(1),)}),
        says(DECLINE, "3", "mistaken_renewal"),
        "to prevent further renewals",
        "will review",
    ),
    (
        refund_context(MISTAKEN, day=15, **RENEWAL),
        says(REVIEW, "3", "mistaken_renewal", recommended=DECLINE),
        "some time ago",
        "case by case",
    ),
    (
        refund_context(MISTAKEN, day=14, **RENEWAL),
        says(REVIEW, "3", "mistaken_renewal", recommended=APPROVE, money_minor=2000, ends_subscription=True),
        "case by case",
        "some time ago",
    ),
    (
        refund_context(MISTAKEN, day=15, submitted_at=MADE, **RENEWAL),
        says(REVIEW, "3", "mistaken_renewal", recommended=APPROVE, money_minor=2000, ends_subscription=True),
        "case by case",
        "some time ago",
    ),
    (
        refund_context(MISTAKEN, order=US),
        says(DECLINE, "2", "not_refundable"),
        "was not a subscription renewal",
        CANCEL,
    ),
    # a charge that is not recognised
    (
        refund_context(UNRECOGNISED, order=US, lines=(line_usage(250), line_usage(5))),
        says(REVIEW, "5", "unrecognised_charge"),
        "This charge of 20.00 EUR on 2 November 2026 was for a credit pack. The product is pack_1000, ordered on "
        "2 November 2026. Your account has used 255 of its 2000 credits.",
        "subscription",
    ),
    (
        refund_context(UNRECOGNISED, order=None, is_subscription=True),
        says(REVIEW, "5", "unrecognised_charge"),
        "on 2 November 2026 was for a subscription. Your account has used",
        "renewal",
    ),
    (
        refund_context(UNRECOGNISED, **RENEWAL),
        says(REVIEW, "5", "unrecognised_charge"),
        "the renewal of a subscription. The product is pack_1000, ordered on 4 August 2026.",
        HINT,
    ),
    (
        refund_context(UNRECOGNISED, **RENEWAL),
        says(REVIEW, "5", "unrecognised_charge"),
        "Thank you for contacting us first.",
        HINT,
    ),
    (
        refund_context(UNRECOGNISED, order=US, **OVER),
        says(REVIEW, "5", "unrecognised_charge"),
        "25.00 EUR",
        "more than the agreed",
    ),
    # not refundable
    (
        refund_context(CHANGED, order=US, **OVER),
        says(APPROVE, "4", "amount_above_the_price", money_minor=500),
        "5.00 EUR more than the agreed price",
        HINT,
    ),
    (
        refund_context(CHANGED, order=US, is_subscription=True),
        says(DECLINE, "3", "not_refundable"),
        "normally non-refundable",
        "was a mistake",
    ),
    (
        refund_context(CHANGED, order=US, is_subscription=True),
        says(DECLINE, "3", "not_refundable"),
        "end of the billing period. This does not affect the mandatory consumer rights that apply in your country. "
        "This decision",
        "was not a subscription renewal",
    ),
    (
        refund_context(CHANGED, **RENEWAL),
        says(DECLINE, "3", "not_refundable"),
        "If this renewal was a mistake",
        "was not a subscription renewal",
    ),
    (
        refund_context(CHANGED, **{**RENEWAL, "lines": (line_usage(1),)}),
        says(DECLINE, "3", "not_refundable"),
        "does not apply, because a renewal does not start a new contract.",
        "was a mistake",
    ),
    # the right is mentioned to whom it would serve
    (
        refund_context(TWICE, now=REFUNDED),
        says(REVIEW, "4", "charged_twice", recommended=DECLINE),
        f"you describe. {HINT} from this contract, without giving a reason, until 16 November 2026.",
        "based on",
    ),
    (refund_context(TWICE, is_disputed=True), says(DECLINE, "5", "open_dispute"), HINT, "recorded"),
    (refund_context(TWICE, declined_before=BEFORE), says(DECLINE, "2", "decided_before"), HINT, "twice"),
    (
        refund_context(TECHNICAL),
        says(REVIEW, "6", "technical_problem", recommended=DECLINE),
        "until 16 November 2026.",
        "based on",
    ),
    (
        refund_context(AMOUNT, paid_minor=1800),
        says(DECLINE, "4", "wrong_amount"),
        "until 16 November 2026.",
        "does not apply",
    ),
    (refund_context(AMOUNT, **OVER), says(APPROVE, "4", "wrong_amount", money_minor=500), "the difference", HINT),
    (refund_context(TWICE, now=MADE), says(WAIT, "4", "charged_twice"), "a few minutes", HINT),
    (
        refund_context(TECHNICAL, lines=(line_usage(1000),)),
        says(REVIEW, "6", "technical_problem", recommended=DECLINE),
        "no failed runs",
        HINT,
    ),
    (
        refund_context(UNRECOGNISED, refundable_minor=1),
        says(REVIEW, "5", "unrecognised_charge"),
        HINT,
        "based on",
    ),
    # credits were used under a confirmation that came back: a person looks whether the buyer had it
    (
        refund_context(WITHDRAWAL, order=RETURNED, lines=(line_usage(250),), is_subscription=True),
        ends(REVIEW, "2", "right_of_withdrawal", recommended=APPROVE, money_minor=1500, ends_subscription=True),
        "confirmation",
        "We are refunding",
    ),
    (
        refund_context(WITHDRAWAL, order=RETURNED, lines=(line_usage(1000),)),
        ends(REVIEW, "2", "right_of_withdrawal", recommended=DECLINE),
        "confirmation",
        "have been used",
    ),
    # who gave another reason ends no contract before the money is approved, but does end the subscription
    (
        refund_context(CHANGED, order=RETURNED, lines=(line_usage(250),), is_subscription=True),
        says(REVIEW, "2", "right_of_withdrawal", recommended=APPROVE, money_minor=1500, ends_subscription=True),
        "confirmation",
        "We are refunding",
    ),
    (
        refund_context(CHANGED, order=BUSINESS, is_subscription=True),
        says(REVIEW, "2", "right_of_withdrawal", recommended=APPROVE, money_minor=2000, ends_subscription=True),
        "whether a consumer's right of withdrawal applies",
        "We are refunding",
    ),
    (
        refund_context(CHANGED, lines=(line_usage(1000), line_usage(0, line_id="b")), is_subscription=True),
        says(REVIEW, "2", "right_of_withdrawal", recommended=APPROVE, money_minor=1000, ends_subscription=True),
        "how the refund is split between the items",
        CANCEL,
    ),
    (
        refund_context(CHANGED, lines=(line_usage(1000),), is_subscription=True),
        says(DECLINE, "2", "right_of_withdrawal", ends_subscription=True),
        "Your subscription ends with your withdrawal.",
        CANCEL,
    ),
    (
        refund_context(CHANGED, lines=(line_usage(250),), is_subscription=True),
        ends(APPROVE, "2", "right_of_withdrawal", money_minor=1500, ends_subscription=True),
        "250 credits were used",
        CANCEL,
    ),
    # the buyer's balance paid a part that no card can get back
    (
        refund_context(WITHDRAWAL, refundable_minor=500, value_left_minor=2000),
        ends(REVIEW, "2", "right_of_withdrawal", recommended=APPROVE, money_minor=500),
        "balance",
        "We are refunding",
    ),
    # a withdrawal ends its contract also where another rule decides about the money, but not before anything is decided
    (
        refund_context(WITHDRAWAL, is_duplicate=True, duplicate_minor=2000, is_subscription=True),
        ends(APPROVE, "4", "charged_twice", money_minor=2000, ends_subscription=True),
        "refunding the duplicate charge",
        HINT,
    ),
    (
        refund_context(CHANGED, is_duplicate=True, duplicate_minor=2000, is_subscription=True),
        says(APPROVE, "4", "charged_twice", money_minor=2000),
        "refunding the duplicate charge",
        HINT,
    ),
    (
        refund_context(WITHDRAWAL, is_duplicate=True, duplicate_minor=2000, day=0.001),
        says(WAIT, "4", "charged_twice"),
        "This takes a few minutes",
        HINT,
    ),
]


@pytest.mark.parametrize(("asked", "wanted", "told", "untold"), ANSWERS, ids=range(len(ANSWERS)))
def test_each_answer_is_whole(asked: PolicyContext, wanted: dict[str, Any], told: str, untold: str) -> None:
    """Its outcome, clause and rule, what moves or is recommended, and whom it tells what."""
    assert answer(asked) == wanted
    reasons = rendered(rules.decide(asked, POLICY).reasons)
    assert all(reason.endswith(".") for reason in reasons)
    words = " ".join(reasons)
    assert told in words
    assert untold not in words


def test_a_small_renewal_by_mistake_is_refunded_up_to_the_limit_of_its_currency() -> None:
    """And ends the subscription; in another currency, or above, a person decides."""
    generous = replace(POLICY, automatic_renewal_refund_up_to_minor={"EUR": 2000})
    asked = refund_context(MISTAKEN, **RENEWAL)
    approved = says(APPROVE, "3", "mistaken_renewal", money_minor=2000, ends_subscription=True)
    assert answer(asked, generous) == approved
    assert "We are refunding it and stopping further renewals." in rendered(rules.decide(asked, generous).reasons)[0]
    assert answer(replace(asked, paid_minor=2001, refundable_minor=2001), generous)["outcome"] is REVIEW
    assert answer(replace(asked, paid_minor=2001), generous) == approved, "what would go back counts, not what was paid"
    assert answer(replace(asked, currency="USD"), generous)["outcome"] is REVIEW
    assert answer(replace(asked, paid_minor=1, refundable_minor=1), POLICY)["outcome"] is REVIEW


def test_the_figures_that_decide_are_the_policys() -> None:
    """Days, runs and settling time are not written into the rules."""
    strict = replace(POLICY, mistaken_renewal_days=1, persistent_failed_runs=1, duplicate_settling=timedelta(days=9))
    assert answer(refund_context(MISTAKEN, day=2, **RENEWAL), strict)["recommended"] is DECLINE
    assert answer(refund_context(TECHNICAL, order=US, failed_runs=1, failed_credits=5), strict)["credits"] == 5
    assert answer(refund_context(CHANGED, is_duplicate=True, duplicate_minor=9999), strict)["outcome"] is WAIT
    assert answer(refund_context(TWICE, order=US), strict)["outcome"] is WAIT


def test_every_reference_is_told_once() -> None:
    """What a decision rests on is said at its end, also where the decision before said it."""
    decided = rules.decide(refund_context(CHANGED, order=US), POLICY)
    again = rules.decide(refund_context(CHANGED, order=US, declined_before=decided), POLICY)
    rests = text("decision.based_on_clause", clause="2")
    assert (decided.reasons.count(rests), again.reasons.count(rests), again.reasons[-1]) == (1, 1, rests)


def test_an_explanation_has_a_line_for_each_fact_and_each_rule() -> None:
    """And marks the rule that spoke."""
    decided = rules.decide(
        refund_context(TECHNICAL, order=US, failed_runs=3, failed_credits=30, lines=(line_usage(250),)), POLICY
    )
    first, *lines = explain(decided, shipped_texts()).split("\n")
    recommended = "review, recommended: replace, 15.00 EUR, 30 credits"
    assert first == f"{recommended} (technical_problem, clause 6, policy {POLICY.version})"
    facts, asked = lines[: len(decided.inputs)], lines[len(decided.inputs) :]
    assert facts == [f"  · {fact}" for fact in rendered(decided.inputs)]
    assert decided.inputs[-1] == text("input.law", version=POLICY.law.version), "the facts first, then the law"
    marks = [(" " if rule.rule != "technical_problem" else "→", rule) for rule in decided.explanation]
    assert asked == [f"  {mark} {rule.rule}: {' '.join(rendered(rule.why))}" for mark, rule in marks]


@pytest.mark.parametrize(("is_inquired", "expected"), [(True, REVIEW), (False, DECLINE)])
def test_an_inquiry_is_a_persons_until_the_bank_has_closed_it(*, is_inquired: bool, expected: DecisionOutcome) -> None:
    """A refund may stop a dispute; of a closed inquiry there is none to stop."""
    decision = rules.decide(refund_context(RefundReason.INQUIRY, is_inquired=is_inquired), POLICY)
    assert (decision.outcome, decision.rule, decision.clause) == (expected, "inquiry", "5")
    other = rules.decide(refund_context(RefundReason.UNRECOGNISED_CHARGE, is_inquired=is_inquired), POLICY)
    assert other.rule == "unrecognised_charge"


def test_the_rules_stand_in_the_order_that_the_design_gives() -> None:
    """The first that speaks decides, and the explanation of a decision tells them in this order."""
    assert [rule.__name__ for rule in rules.RULES] == [
        "already_refunded",
        "decided_before",
        "open_dispute",
        "charged_twice",
        "wrong_amount",
        "right_of_withdrawal",
        "fraud_warning",
        "inquiry",
        "technical_problem",
        "mistaken_renewal",
        "unrecognised_charge",
        "amount_above_the_price",
        "not_refundable",
    ]
