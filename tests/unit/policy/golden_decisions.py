"""Golden decisions of many situations: `python -m tests.unit.policy.golden_decisions`.

Each differs from a plain request in some fields, which a hash of its number and the field's name picks. Its first line
says in which; the others what the policy decides. After a change that is meant, the difference shows whom it reaches.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

from ledger.domain.ids import PaymentId
from ledger.domain.orders import LateInformation, ShownInformation
from ledger.domain.refund_cases import Decision, DecisionOutcome, RefundReason
from ledger.domain.texts import Text
from ledger.policy import law, rules
from ledger.policy.law import Measure, MeasureRule
from ledger.policy.parameters import PolicyParameters
from tools.testing.builders import CONSENT, MADE, ORDER, POLICY, line_usage, own_words, refund_context

FILE = Path(__file__).parent / "golden" / "decisions.txt"
MANY = 150
"""How many situations there are of each reason."""

BEFORE = Decision(outcome=DecisionOutcome.DECLINE, clause="2", rule="", reasons=own_words("No."), policy_version="1")
SHOWN = ShownInformation(at=MADE, text_version="1", policy_version="1", language="en", digest="0" * 64)
LATE = LateInformation(number=1, asked_at=MADE, sent_at=MADE + timedelta(days=10))
ORDERS = {
    "plain": ORDER,
    "none": None,
    "US": replace(ORDER, country="US"),
    "KR": replace(ORDER, country="KR"),
    "business": replace(ORDER, is_business=True),
    "no consent": replace(ORDER, consent=None),
    "consent in part": replace(ORDER, consent=replace(CONSENT, acknowledged_loss=False)),
    "consent returned": replace(ORDER, consent=replace(CONSENT, revoked_at=MADE + timedelta(days=1))),
    "consent late": replace(ORDER, consent=replace(CONSENT, is_late=True)),
    "informed late": replace(ORDER, consent=None, late_information=(LATE,)),
    "shown before": replace(ORDER, shown=replace(SHOWN, at=MADE - timedelta(minutes=1))),
    "shown after": replace(ORDER, shown=replace(SHOWN, at=MADE + timedelta(minutes=1))),
    "cheaper": replace(ORDER, price_minor=2000),
}
LINES = {
    "unused": (line_usage(),),
    "one used": (line_usage(1),),
    "part used": (line_usage(250),),
    "all used": (line_usage(1000),),
    "part back": (line_usage(0, 250),),
    "part used and back": (line_usage(300, 200),),
    "none": (),
    "two": (
        line_usage(100, line_id="a", amount_minor=1200, granted=600),
        line_usage(0, line_id="b", amount_minor=800, granted=400),
    ),
}
ADDRESS = {"none": None, "DE": "DE", "US": "US"}
VALUES: Mapping[str, Sequence[Any] | Mapping[str, Any]] = {
    "order": ORDERS,
    "lines": LINES,
    "billing_country": ADDRESS,
    "now": {f"day {day}": MADE + timedelta(days=day) for day in (3, 0, 1, 13.9, 14, 14.9, 20, 40, 400)},
    "paid_at": {"as ordered": MADE, "before": MADE - timedelta(days=2), "after": MADE + timedelta(days=2)},
    "submitted_at": {"now": None, "day 2": MADE + timedelta(days=2)},
    "currency": ("EUR", "USD"),
    "paid_minor": (2000, 1800, 2500),
    "refundable_minor": (2000, 1500, 300, 1, 0, 2500),
    "value_left_minor": (None, 2000, 900),
    "refunded_minor": (0, 500),
    "overcharge_minor": (0, 0, 500),
    "overcharge_left_minor": (None, 300, 0),
    "is_subscription": (False, True),
    "is_renewal": (False, True),
    "is_plan_change": (False, False, True),
    "is_of_known_contract": (False, True),
    "follows_trial": (False, False, True),
    "lasts_for": {"a month": timedelta(days=30), "nothing": timedelta(0)},
    "has_unordered_sale": (False, False, True),
    "is_duplicate": (False, False, True),
    "duplicate_minor": (0, 0, 700),
    "doubles_subscription": (False, True),
    "is_disputed": (False, False, False, True),
    "is_inquired": (False, True),
    "has_company_data": (False, False, True),
    "has_other_tax_id": (False, False, True),
    "provider": (None, "stripe", "paddle"),
    "is_for_ordered_product": (True, True, False),
    "similar": {"none": (), "one": (PaymentId("stripe:pi_7"),)},
    "is_similar_disputed": (False, True),
    "failed_runs": (0, 1, 2, 3, 5),
    "failed_credits": (30, 100),
    "replaced_runs": (0, 1),
    "replaced_credits": (0, 1, 30),
    "given_credits": (0, 0, 1, 250, 1200),
    "failed_since_decline": (0, 0, 1),
    "declined_before": {"not": None, "once": BEFORE},
}
POLICIES: Mapping[str, PolicyParameters] = {
    "shipped": rules.load(),
    "renewals by mistake": replace(POLICY, fraud_warning_refund_up_to_minor={"EUR": 2000}),
    "by a person": replace(POLICY, law=replace(law.load(), plan_measures={})),
    "by time": replace(
        POLICY, law=replace(law.load(), plan_measures={"*": (MeasureRule(since=date.min, measure=Measure.TIME),)})
    ),
}


_ALWAYS = {f"input.{name}" for name in ("request", "paid", "refunded", "refundable", "credits")}


MONTH: dict[str, Any] = {"is_subscription": True, "lasts_for": timedelta(days=30)}
BOUGHT: Mapping[str, dict[str, Any]] = {
    "a pack": {},
    "a plan": {**MONTH, "lines": LINES["part used"]},
    "a renewal": {**MONTH, "is_renewal": True, "is_of_known_contract": True},
}


def picked(number: int, name: str, among: int) -> int:
    """Return a number below `among` that follows from a situation's number and a name alone."""
    return crc32(f"{number} {name}".encode()) % among


def lines() -> Iterator[str]:
    """Yield each situation with its decision."""
    for reason in RefundReason:
        for number in range(MANY):
            what = list(BOUGHT)[picked(number, f"{reason} bought", len(BOUGHT))]
            plain = refund_context(reason, **BOUGHT[what])
            changed: dict[str, Any] = {}
            words = [what]
            for name, values in VALUES.items():
                if picked(number, f"{reason} leaves {name}", 3):
                    continue
                known = values if isinstance(values, Mapping) else {str(value): value for value in values}
                chosen = list(known)[picked(number, f"{reason} {name}", len(known))]
                if known[chosen] != getattr(plain, name):
                    changed[name] = known[chosen]
                    words.append(f"{name}={chosen}")
            policy = list(POLICIES)[picked(number, f"{reason} policy", len(POLICIES))]
            decision = rules.decide(replace(plain, **changed), POLICIES[policy])
            yield f"{reason} {number}, {policy}: {', '.join(words)}\n  {_said(decision)}"


def _said(decision: Decision) -> str:
    """Return a decision in a few words: what it says, and the sentences that it says it with."""
    flags = [
        name for name in ("takes_credits", "ends_subscription", "ends_contract") if getattr(decision, name) is True
    ]
    items = [f"{item.line_id}:{item.amount_minor}" for item in decision.items]
    recommended = f"→{decision.recommended}" if decision.recommended else ""
    return "\n  ".join(
        (
            f"{decision.outcome}{recommended} {decision.clause} {decision.rule}"
            f" {decision.money_minor} {decision.credits} {' '.join(items)} {' '.join(flags)}".rstrip(),
            *(f"- {_sentence(one)}" for one in decision.reasons),
            " ".join(one.key.removeprefix("input.") for one in decision.inputs if one.key not in _ALWAYS),
        )
    )


def _sentence(one: Text) -> str:
    return " ".join((one.key, *(f"{figure.name}={figure.value}" for figure in one.figures)))


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text("\n".join(lines()) + "\n", "utf-8")
