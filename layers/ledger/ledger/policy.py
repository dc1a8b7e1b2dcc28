"""The published refund and cancellation policy, as rules. Pure, total, versioned.

Rules are asked in the order of `RULES`; the first that speaks decides. Each rests on a clause of the published text;
`docs/policy.md` leads from its every sentence to a rule and the test that holds it. Figures stand in `policy.json`.

    fully refunded, decided before ─► open dispute ─► charged twice ─► wrong amount ─► right of withdrawal
        ─► technical problem ─► mistaken renewal ─► unrecognised charge ─► packs, subscriptions: not refundable
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from ledger.cases import Considered, Decision, Outcome, Reason
from ledger.errors import PolicyError
from ledger.facts import PaymentId, RefundedItem
from ledger.fields import Fields, is_whole
from ledger.money import in_words, portion
from ledger.orders import Order

DEFAULT_FILE = Path(__file__).with_name("policy.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The figures that the published text leaves open."""

    version: str
    withdrawal_countries: frozenset[str]  # EU, EEA and the United Kingdom; ISO 3166-1 alpha-2
    withdrawal_days: int
    withdrawal_days_uninformed: int  # where no consent was recorded: 14 days and 12 months
    duplicate_settling: timedelta  # so long a lower rival may still arrive that is the original
    similar_within: timedelta  # two payments of one product and sum so close in time look like one charged twice
    mistaken_renewal_days: int
    automatic_renewal_refund_up_to_minor: Mapping[str, int]  # by currency; a person decides what is not in it
    persistent_failed_runs: int  # fewer are a minor outage


@dataclass(frozen=True, slots=True, kw_only=True)
class LineUse:
    """One line of the payment: what it cost and what became of its credits."""

    line_id: str
    amount_minor: int
    granted: int
    drawn: int  # net of what failed runs gave back
    taken_back: int = 0  # or reserved for a refund under way

    @property
    def unused(self) -> int:
        return max(0, self.granted - self.drawn - self.taken_back)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that a decision may depend on."""

    reason: Reason
    now: datetime
    paid_at: datetime
    paid_minor: int
    currency: str
    refundable_minor: int  # paid, less what went back or is about to
    refunded_minor: int = 0
    overcharge_minor: int = 0
    lines: tuple[LineUse, ...] = ()
    is_subscription: bool = False
    is_renewal: bool = False  # a later period of a subscription
    is_duplicate: bool = False  # another payment is the original for this order or period
    is_disputed: bool = False  # a dispute on it is open
    order: Order | None = None
    similar: tuple[PaymentId, ...] = ()  # other payments of this account for the same product and sum, close in time
    failed_runs: int = 0  # since the payment
    failed_credits: int = 0
    declined_before: Decision | None = None  # by a person, for the same purchase and reason

    @property
    def drawn(self) -> int:
        return sum(line.drawn for line in self.lines)

    @property
    def age(self) -> timedelta:
        return self.now - self.paid_at


Said = Decision | str
"""What a rule says: a decision, or why it is silent."""


def decide(situation: Situation, policy: Policy) -> Decision:
    """The decision of the first rule that speaks, with every rule's answer as its explanation."""
    decision: Decision | None = None
    considered = []
    for rule in RULES:
        if decision:
            considered.append(Considered(rule=rule.__name__, spoke=False, why=f"not asked: {decision.rule} had spoken"))
            continue
        said = rule(situation, policy)
        if isinstance(said, str):
            considered.append(Considered(rule=rule.__name__, spoke=False, why=said))
        else:
            decision = replace(said, rule=rule.__name__, policy_version=policy.version, currency=situation.currency)
            considered.append(Considered(rule=rule.__name__, spoke=True, why=" ".join(said.reasons)))
    if decision is None:
        raise AssertionError("the last rule speaks always")
    return replace(decision, explanation=tuple(considered))


def already_refunded(s: Situation, _: Policy) -> Said:
    """Clause 1: the policy is about payments; of this one nothing is left to give back."""
    if s.refundable_minor > 0:
        return f"{_money(s.refundable_minor, s)} of it could still be refunded"
    if s.paid_minor == 0:
        return _decline("1", "Nothing was paid for this purchase, so there is nothing to refund.")
    return _decline("1", "This payment has already been refunded in full, or its refund is under way.")


def decided_before(s: Situation, _: Policy) -> Said:
    """Clause 7: a request that a person has declined stays declined by itself; a new one needs a person again."""
    if s.declined_before is None:
        return "nobody has decided about this before"
    reasons = ("We have decided about this purchase before.", *s.declined_before.reasons)
    return _decline(s.declined_before.clause, *reasons)


def open_dispute(s: Situation, _: Policy) -> Said:
    """Clause 5: while the bank decides, a refund would pay twice."""
    if not s.is_disputed:
        return "no dispute is open"
    return _decline(
        "5",
        "A dispute of this charge is open at your bank. While it is, we can't refund it as well; the bank decides, "
        "or you withdraw the dispute and ask us again.",
    )


def charged_twice(s: Situation, p: Policy) -> Said:
    """Clause 4: the same order paid twice, or one period of a subscription: the duplicate is refunded."""
    if s.is_duplicate:
        if s.age < p.duplicate_settling:
            return Decision(
                **_with("4", "We check whether this was charged twice; that takes a few minutes."), outcome=Outcome.WAIT
            )
        return _approve("4", s.refundable_minor, "This was charged twice. We refund the duplicate charge.")
    if s.reason is not Reason.CHARGED_TWICE:
        return "it is not a second charge for an order or a period"
    if s.similar:
        return _review(
            "4",
            Outcome.APPROVE,
            f"There is a payment like this one close to it: {', '.join(s.similar)}. It is for another order, so we "
            "look whether both were meant.",
            money_minor=s.refundable_minor,
        )
    return _review("4", Outcome.DECLINE, "We find one charge only. We look for the second one that you describe.")


def wrong_amount(s: Situation, _: Policy) -> Said:
    """Clause 4: an amount above the agreed price: the difference is refunded, the credits stay."""
    if s.reason is not Reason.WRONG_AMOUNT:
        return "no wrong amount was reported"
    over_minor = min(s.overcharge_minor - s.refunded_minor, s.refundable_minor)
    if over_minor > 0:
        return replace(
            _approve("4", over_minor, f"You paid {_money(over_minor, s)} above the price. We refund the difference."),
            takes_credits=False,
        )
    if s.overcharge_minor > 0:
        return _decline("4", "The amount above the price has already been refunded.")
    if s.order and s.order.currency == s.currency and s.paid_minor <= s.order.price_minor:
        return _decline(
            "4",
            f"You paid {_money(s.paid_minor, s)}; the price that you accepted was {_money(s.order.price_minor, s)}.",
        )
    return _review("4", Outcome.DECLINE, "We compare what you paid with what was agreed.")


def right_of_withdrawal(s: Situation, p: Policy) -> Said:
    """Clause 2, "where required by local law": consumers in the EU, the EEA and the UK, once for each contract.

    Unused credits are refunded always. Used ones are not, if the express request to begin, the acknowledgement and
    the confirmation on a durable medium are all on record; else everything is (Directive 2011/83/EU, articles 9 to
    16; CCR 2013, regulations 29 to 38).
    """
    if s.reason not in {Reason.WITHDRAWAL, Reason.CHANGED_MY_MIND, Reason.MISTAKEN_RENEWAL}:
        return f"the reason is {s.reason}"
    if s.is_renewal:
        return "a renewal starts no new contract"
    if s.order is None:
        if s.age > timedelta(days=p.withdrawal_days_uninformed):
            return "the payment is too old for it wherever it was made"
        return _review("2", None, "We look which country's law applies to this purchase.")
    if s.order.is_business:
        return "the buyer is a business"
    if s.order.country not in p.withdrawal_countries:
        return f"the law of {s.order.country} knows no such right"
    consent = s.order.consent
    days = p.withdrawal_days if consent else p.withdrawal_days_uninformed
    if s.now - s.order.made_at > timedelta(days=days):
        return f"its {days} days are over"
    if s.drawn == 0 or consent is None or not consent.is_complete:
        words = "You withdraw from the contract within the time that the law gives you. We refund what you paid."
        return replace(_approve("2", s.refundable_minor, words), ends_subscription=s.is_subscription)
    unused = tuple(
        RefundedItem(line_id=line.line_id, amount_minor=portion(line.amount_minor, Fraction(line.unused, line.granted)))
        for line in s.lines
        if line.granted and line.unused
    )
    money_minor = min(sum(item.amount_minor for item in unused), s.refundable_minor)
    words = (
        f"You withdraw from the contract within the time that the law gives you. {s.drawn} credits were used, as you "
        "had asked us to begin at once; we refund the unused part."
    )
    if money_minor == 0:
        return _decline("2", "All credits were used, as you had asked us to begin at once: nothing is left to refund.")
    is_exact = money_minor == sum(item.amount_minor for item in unused)
    return replace(
        _approve("2", money_minor, words),
        items=unused if is_exact and len(s.lines) > 1 else (),
        ends_subscription=s.is_subscription,
    )


def technical_problem(s: Situation, p: Policy) -> Said:
    """Clauses 2 and 6: failed runs cost nothing; persistent failure is made good, by a person."""
    if s.reason is not Reason.TECHNICAL_PROBLEM:
        return "no technical problem was reported"
    if s.failed_runs < p.persistent_failed_runs:
        return _review(
            "6",
            Outcome.DECLINE,
            f"Since your purchase {s.failed_runs} runs failed; their {s.failed_credits} credits are back. Short "
            "maintenance and minor outages do not normally qualify for a refund. We review your case.",
        )
    unused_minor = sum(
        portion(line.amount_minor, Fraction(line.unused, line.granted)) for line in s.lines if line.granted
    )
    return _review(
        "6",
        Outcome.REPLACE,
        f"Since your purchase {s.failed_runs} runs failed; their {s.failed_credits} credits are back. We review "
        "whether replacement credits or a partial refund make it good.",
        money_minor=min(unused_minor, s.refundable_minor),
        credits_=s.failed_credits,
    )


def mistaken_renewal(s: Situation, p: Policy) -> Said:
    """Clause 3: a renewal by mistake may be refunded if none of its credits were used since."""
    if s.reason is not Reason.MISTAKEN_RENEWAL:
        return "no mistaken renewal was reported"
    if not s.is_renewal:
        return "the payment is no renewal"
    if s.drawn:
        return _decline("3", f"{s.drawn} credits of this renewal were used since, so it can't be refunded.")
    if s.age > timedelta(days=p.mistaken_renewal_days):
        return _review("3", Outcome.DECLINE, "The renewal was some time ago. We look at your case.")
    limit_minor = p.automatic_renewal_refund_up_to_minor.get(s.currency, 0)
    if s.refundable_minor <= limit_minor:
        words = "The renewal was a mistake and none of its credits were used. We refund it and stop further renewals."
        return replace(_approve("3", s.refundable_minor, words), ends_subscription=True)
    return replace(
        _review(
            "3",
            Outcome.APPROVE,
            "None of the renewal's credits were used. We handle such requests case by case and look at yours.",
            money_minor=s.refundable_minor,
        ),
        ends_subscription=True,
    )


def unrecognised_charge(s: Situation, _: Policy) -> Said:
    """Clause 5: please contact us first; a person checks activity and invoices with the customer."""
    if s.reason is not Reason.UNRECOGNISED_CHARGE:
        return "the charge is recognised"
    return _review("5", None, "We check the account's activity and invoices for this charge and come back to you.")


def not_refundable(s: Situation, _: Policy) -> Said:
    """Clauses 2 and 3: packs and processed subscription payments are not refundable by default."""
    if s.is_subscription:
        return _decline(
            "3",
            "Subscription payments that have been processed are normally not refundable. You can cancel at any time; "
            "credits and features stay until the end of the period.",
        )
    return _decline(
        "2",
        "Credits of a pack are available at once, so packs are generally not refundable. They do not expire, unless "
        "the pricing page said otherwise when you bought them.",
    )


Rule = Callable[[Situation, Policy], Said]
RULES: tuple[Rule, ...] = (
    already_refunded,
    decided_before,
    open_dispute,
    charged_twice,
    wrong_amount,
    right_of_withdrawal,
    technical_problem,
    mistaken_renewal,
    unrecognised_charge,
    not_refundable,
)


def _with(clause: str, *reasons: str) -> dict[str, Any]:
    return {"clause": clause, "reasons": reasons, "rule": "", "policy_version": ""}


def _approve(clause: str, money_minor: int, *reasons: str) -> Decision:
    return Decision(**_with(clause, *reasons), outcome=Outcome.APPROVE, money_minor=money_minor)


def _decline(clause: str, *reasons: str) -> Decision:
    return Decision(**_with(clause, *reasons), outcome=Outcome.DECLINE)


def _review(
    clause: str, recommended: Outcome | None, *reasons: str, money_minor: int = 0, credits_: int = 0
) -> Decision:
    return Decision(
        **_with(clause, *reasons),
        outcome=Outcome.REVIEW,
        recommended=recommended,
        money_minor=money_minor,
        credits=credits_,
    )


def _money(amount_minor: int, s: Situation) -> str:
    return in_words(amount_minor, s.currency)


def load(path: Path = DEFAULT_FILE) -> Policy:
    """Read and validate a policy file. Raises PolicyError naming what is wrong."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise PolicyError(f"The policy {path} can't be read ({error.strerror}): set POLICY_FILE.") from error
    except ValueError as error:
        raise PolicyError(f"The policy {path} is not JSON: {error}.") from error
    return parse(document)


def parse(document: Any) -> Policy:
    """Validate a policy that was read from JSON. Raises PolicyError naming the field."""
    fields = Fields(document, "the policy", PolicyError)
    countries = fields.take("withdrawal_countries", list)
    for country in countries:
        if not (isinstance(country, str) and len(country) == 2 and country.isalpha() and country.isupper()):
            fields.refuse("withdrawal_countries", country, "country codes of two upper-case letters")
    limits = fields.take("automatic_renewal_refund_up_to_minor", dict)
    for currency, limit_minor in limits.items():
        if not is_whole(limit_minor) or limit_minor < 0:
            fields.refuse(f"automatic_renewal_refund_up_to_minor.{currency}", limit_minor, "minor units, 0 or more")
    policy = Policy(
        version=fields.take("version", str),
        withdrawal_countries=frozenset(countries),
        withdrawal_days=fields.take("withdrawal_days", int),
        withdrawal_days_uninformed=fields.take("withdrawal_days_uninformed", int),
        duplicate_settling=timedelta(seconds=fields.take("duplicate_settling_s", int)),
        similar_within=timedelta(hours=fields.take("similar_within_hours", int)),
        mistaken_renewal_days=fields.take("mistaken_renewal_days", int),
        automatic_renewal_refund_up_to_minor=limits,
        persistent_failed_runs=fields.take("persistent_failed_runs", int),
    )
    fields.end()
    if policy.withdrawal_days < 14:
        fields.refuse("withdrawal_days", policy.withdrawal_days, "at least the 14 days of the law")
    return policy
