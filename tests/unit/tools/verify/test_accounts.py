"""Each way in which the rules about accounts can be broken is named, and nothing else is."""

from dataclasses import replace

import pytest

from ledger.domain.accounts import Account
from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.facts import AmountStated, HoldLifted
from ledger.domain.holds import Hold
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from tools.testing.builders import ADA, LATER, at
from tools.testing.planting import (
    Fault,
    Rule,
    account,
    add_facts,
    double,
    drop,
    drop_fact,
    name_of,
    named,
    one,
    put,
    put_fact,
    put_keys,
    rows,
)
from tools.verify import World
from tools.verify.accounts import acts_of_people, covered_periods, held, open_cases, subscriptions, versions

EVE = AccountId("acct_eve")
DISPUTE, LIFTED = "dispute:stripe:dp_2", "dispute:stripe:dp_1"
OVERCHARGE = "overcharge:stripe:pi_4"
SUB = "stripe:sub_1"
MONTHS = "stripe_subscription_three_months"


def act(whole: World, action: AuditAction, subject: str | None = None) -> AuditRecord:
    """The first record of an action."""
    having = {"action": action} if subject is None else {"action": action, "subject": subject}
    return one((record for _, record in whole.audit_records), **having)


def owned_by(whole: World, record: AuditRecord, owner: AccountId) -> None:
    """Another account has the record."""
    whole.audit_records = [(owner if known is record else of, known) for of, known in whole.audit_records]


def held_anew_by_a_slow_clock(whole: World) -> None:
    """The mail's hold was lifted and placed again by a Lambda whose clock was behind."""
    placed = double(whole, act(whole, AuditAction.HOLD, "support:mail"), at=at(59), step=9)
    put_keys(whole, "holds", {"support:mail": Hold(placed.at, None)})
    whole.audit_records.reverse()


def lifted_twice(whole: World) -> None:
    """The later lift is the fact, the earlier one has only its record."""
    double(whole, act(whole, AuditAction.LIFT, LIFTED), at=at(49), actor="kim")


def same_hold_of_another_account(whole: World) -> None:
    """A person placed a hold of the same id on another account. That makes no lift of a fact one of a person's hold."""
    drop_fact(whole, "lifted:")
    whole.audit_records.append((EVE, replace(act(whole, AuditAction.HOLD), subject=LIFTED)))


def subscription(whole: World) -> Subscription:
    """The one of which three events report one instant."""
    return whole.subscriptions[SUB]


def reports_exchanged(whole: World) -> None:
    """Of the reports of one instant another one counts."""
    current = subscription(whole)
    first, *others = current.instant or ()
    own = replace(current, instant=None)
    put(whole, current, status=first.status, cause=first.cause, left=first.left, instant=(own, *others))


def period(whole: World) -> str:
    """The period that the payment of an order covers."""
    return next(iter(account(whole).covered))


def covered_by(whole: World, payment_id: str | None) -> str:
    """Another payment, or none, covers it."""
    name = period(whole)
    put_keys(whole, "covered", {name: payment_id})
    return name


def covering_payment_of(whole: World, owner: AccountId) -> str:
    """Another account paid for it."""
    put_fact(whole, "payment", account_id=owner)
    return period(whole)


FAULTS: dict[Rule, list[Fault]] = {
    held: [
        Fault("a dispute's hold is missing", "held", lambda w: put_keys(w, "holds", {DISPUTE: None}), (ADA,)),
        Fault(
            "a dispute's hold since another time",
            "held",
            lambda w: put_keys(w, "holds", {DISPUTE: replace(account(w).holds[DISPUTE], since=LATER)}),
            (ADA,),
        ),
        Fault(
            "a dispute's hold of another payment",
            "held",
            lambda w: put_keys(
                w, "holds", {DISPUTE: replace(account(w).holds[DISPUTE], payment_id=PaymentId("stripe:pi_9"))}
            ),
            (ADA,),
        ),
        Fault(
            "a dispute's hold of nobody",
            "held",
            lambda w: put_keys(w, "holds", {DISPUTE: replace(account(w).holds[DISPUTE], payment_id=None)}),
            (ADA,),
        ),
        Fault(
            "a hold that no dispute lays",
            "used",
            lambda w: put_keys(w, "holds", {DISPUTE: Hold(at(0), PaymentId("stripe:pi_1"))}),
            (ADA,),
        ),
        Fault(
            "a hold that was lifted",
            "held",
            lambda w: put_keys(w, "holds", {LIFTED: Hold(at(20), PaymentId("stripe:pi_1"))}),
            (ADA,),
        ),
        Fault("a person's hold is missing", "held", lambda w: put_keys(w, "holds", {"support:cards": None}), (ADA,)),
        Fault(
            "a person's hold since another time",
            "held",
            lambda w: put_keys(w, "holds", {"support:cards": Hold(LATER, None)}),
            (ADA,),
        ),
        Fault(
            "a person's hold that was lifted",
            "held",
            lambda w: put_keys(w, "holds", {"support:mail": Hold(at(52), None)}),
            (ADA,),
        ),
        Fault("a hold that nobody placed", "used", lambda w: put_keys(w, "holds", {"x": Hold(LATER, None)}), (ADA,)),
        Fault("placing is not on record", "held", lambda w: drop(w, act(w, AuditAction.HOLD)), (ADA,)),
        Fault("lifting is not on record", "held", lambda w: drop(w, act(w, AuditAction.LIFT, "support:mail")), (ADA,)),
        Fault(
            "a hold on an account that is not there",
            "held",
            lambda w: w.audit_records.append((EVE, act(w, AuditAction.HOLD))),
            (EVE,),
        ),
        Fault("a flag is missing", "paid_again", lambda w: put_keys(w, "flags", {OVERCHARGE: None}), (ADA,)),
        Fault("a flag since another time", "paid_again", lambda w: put_keys(w, "flags", {OVERCHARGE: LATER}), (ADA,)),
        Fault("a flag of nothing", "used", lambda w: put_keys(w, "flags", {OVERCHARGE: LATER}), (ADA,)),
        Fault(
            "another act has the name of a hold",
            "held",
            lambda w: double(w, act(w, AuditAction.HOLD), action=AuditAction.DECLINE, step=9),
        ),
        Fault("the records are in no order", "held", lambda w: w.audit_records.reverse()),
        Fault("placed again by a slow clock", "held", held_anew_by_a_slow_clock),
    ],
    acts_of_people: [
        Fault("a lift has no record", "held", lambda w: drop(w, act(w, AuditAction.LIFT)), (f"lifted:{LIFTED}",)),
        Fault(
            "a lift by another person",
            "held",
            lambda w: put_fact(w, "lifted:", actor="kim"),
            (f"lifted:{LIFTED}",),
        ),
        Fault("a lift at a later time", "held", lambda w: put_fact(w, "lifted:", at=at(51)), (f"lifted:{LIFTED}",)),
        Fault(
            "a lift at an earlier time",
            "held",
            lambda w: put_fact(w, "lifted:", at=at(49)),
            (f"lifted:{LIFTED}", LIFTED),
        ),
        Fault(
            "a lift is on record for another account",
            "held",
            lambda w: owned_by(w, act(w, AuditAction.LIFT), EVE),
            (f"lifted:{LIFTED}", LIFTED),
        ),
        Fault(
            "a lift is on record for another hold",
            "held",
            lambda w: put(w, act(w, AuditAction.LIFT), subject="dispute:stripe:dp_9"),
            (f"lifted:{LIFTED}", "dispute:stripe:dp_9"),
        ),
        Fault(
            "another act is on record",
            "held",
            lambda w: put(w, act(w, AuditAction.LIFT), action=AuditAction.DECLINE),
            (f"lifted:{LIFTED}",),
        ),
        Fault("a lift is no fact", "held", lambda w: drop_fact(w, "lifted:"), (LIFTED,)),
        Fault("a lift is no fact, whoever else is held", "held", same_hold_of_another_account, (LIFTED,)),
        Fault("lifted twice", "held", lifted_twice),
        Fault(
            "a stated amount has no record",
            "foreign",
            lambda w: drop(w, act(w, AuditAction.STATE_AMOUNT)),
            ("amount:refund:re_1",),
        ),
        Fault("a stated amount is no fact", "foreign", lambda w: drop_fact(w, "amount:"), ("re_1",)),
        Fault(
            "an amount of another refund was stated",
            "foreign",
            lambda w: put(w, act(w, AuditAction.STATE_AMOUNT), subject="re_2"),
            ("amount:refund:re_1", "re_2"),
        ),
        Fault(
            "an amount stated by nobody on record",
            "used",
            lambda w: add_facts(
                w,
                "stripe:pi_1",
                AmountStated(subject="dispute:dp_1", amount_minor=1, actor="sam", at=at(1), cause="support:sam"),
            ),
            ("{0.key}",),
        ),
        Fault(
            "a lift by nobody on record",
            "used",
            lambda w: add_facts(
                w, "stripe:pi_1", HoldLifted(hold_id="dispute:x", actor="sam", at=at(1), cause="support:sam")
            ),
            ("{0.key}",),
        ),
    ],
    subscriptions: [
        Fault("one is not listed", "subscribed", lambda w: put_keys(w, "subscriptions", {SUB: None}), (ADA,)),
        Fault(
            "an account lists one in another state",
            "subscribed",
            lambda w: put_keys(
                w,
                "subscriptions",
                {SUB: replace(account(w).subscriptions[SUB], status=SubscriptionStatus.ENDED)},
            ),
            (ADA,),
        ),
        Fault(
            "one is listed and not there",
            "subscribed",
            lambda w: w.subscriptions.pop("stripe:sub_2"),
            (ADA,),
        ),
        Fault(
            "one of an account that is not there",
            "subscribed",
            lambda w: put(w, subscription(w), account_id=EVE),
            (SUB, ADA),
        ),
        Fault(
            "one of another account",
            "subscribed",
            lambda w: (
                w.accounts.setdefault(EVE, Account(account_id=EVE)),
                put(w, w.subscriptions["stripe:sub_2"], account_id=EVE),
            ),
            (EVE, ADA),
        ),
        Fault("another report counts", "subscribed", reports_exchanged, (SUB, ADA)),
        Fault(
            "the reports of the instant are exchanged",
            "subscribed",
            lambda w: put(w, subscription(w), instant=(subscription(w).instant or ())[::-1]),
            (SUB,),
        ),
        Fault(
            "a report is there twice",
            "subscribed",
            lambda w: put(w, subscription(w), instant=(*(subscription(w).instant or ()),) * 2),
            (SUB,),
        ),
        Fault(
            "a report of another instant",
            "subscribed",
            lambda w: put(
                w,
                subscription(w),
                instant=tuple(replace(report, at=at(-9)) for report in subscription(w).instant or ()),
            ),
            (SUB,),
        ),
    ],
    covered_periods: [
        Fault("a covered period is not listed", MONTHS, lambda w: covered_by(w, None), ("{0}",)),
        Fault("another payment covers it", MONTHS, lambda w: covered_by(w, "stripe:in_9"), ("{0}",)),
        Fault("another account paid for it", MONTHS, lambda w: covering_payment_of(w, EVE), ("{0}",)),
        Fault(
            "a period that nothing covers",
            MONTHS,
            lambda w: put_keys(w, "covered", {"period/x": account(w).covered[period(w)]}),
            ("period/x",),
        ),
    ],
    versions: [
        Fault(
            "entries of a later version",
            "used",
            lambda w: put(w, account(w), version=7),
            tuple(
                f"stripe:{lot}" for lot in ("pi_1/0/8/return/usage", "pi_1/0/8/expire/expiry", "pi_2/0/8/return/usage")
            ),
        ),
        Fault(
            "an entry of an account that is not there",
            "used",
            lambda w: put(w, one(w.entries, step=3), account_id=EVE),
            ("{0.entry_id}",),
        ),
        Fault(
            "entries of one version and two times",
            "used",
            lambda w: put(w, one(w.entries, step=4), recorded_at=LATER),
            (f"{ADA} 4",),
        ),
        Fault(
            "one step of two accounts",
            "used",
            lambda w: (
                w.accounts.setdefault(EVE, Account(account_id=EVE, version=9)),
                put(w, one(w.entries, step=4), account_id=EVE, recorded_at=LATER),
            ),
        ),
        Fault("a grant of another time", "used", lambda w: put(w, one(w.entries, step=0), recorded_at=LATER)),
    ],
    open_cases: [
        Fault(
            "an open case is not marked",
            "ordered_twice",
            lambda w: put_keys(w, "cases", dict.fromkeys(account(w).cases)),
            (ADA,),
        ),
        Fault(
            "an open case of another reason is marked",
            "ordered_twice",
            lambda w: put_keys(w, "cases", dict.fromkeys(account(w).cases, "stripe:pi_1/withdrawal")),
            (ADA,),
        ),
        Fault("a case that is not there is marked", "used", lambda w: put_keys(w, "cases", {"case_0": "x"}), (ADA,)),
        Fault(
            "an open case of an account that is not there",
            "ordered_twice",
            lambda w: put(w, one(w.cases.values()), account_id=EVE),
            (ADA, EVE),
        ),
        Fault(
            "a closed case is marked",
            "requested",
            lambda w: put_keys(w, "cases", {case.case_id: case.open_case_key for case in w.cases.values()}),
            (ADA,),
        ),
    ],
}


@pytest.mark.parametrize(("rule", "fault"), rows(FAULTS), ids=name_of)
def test_each_fault_is_named(rule: Rule, fault: Fault) -> None:
    """And a change that is no fault names nothing."""
    found, expected = named(rule, fault)
    assert found == expected
