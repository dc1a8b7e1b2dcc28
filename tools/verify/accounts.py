"""Rules about accounts: what suspends them, and which open cases they list."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.audit import AuditAction
from ledger.domain.facts import AmountStated, HoldLifted
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.subscriptions import Subscription
from tools.verify.world import Verdicts, World


def held(world: World) -> Verdicts:
    """An account is suspended exactly by the holds that its purchases' facts or people give, and flagged by facts."""
    placed_by_people = _placed_by_people(world)
    holds: dict[AccountId, dict[str, object]] = defaultdict(dict)
    flags: dict[AccountId, dict[str, object]] = defaultdict(dict)
    for account_id, expected in world.targets():
        holds[account_id] |= expected.holds
        flags[account_id] |= expected.flags
    for account_id in {*world.accounts, *placed_by_people}:
        account = world.accounts.get(account_id) or Account(account_id=account_id)
        derived = {hold_id: hold for hold_id, hold in account.holds.items() if hold.payment_id}
        by_people = {hold_id: hold.since for hold_id, hold in account.holds.items() if hold.payment_id is None}
        is_held = derived == holds[account.account_id] and by_people == placed_by_people.get(account_id, {})
        yield account_id, is_held and account.flags == flags[account_id]


def _placed_by_people(world: World) -> dict[AccountId, dict[str, datetime]]:
    """Return the holds that people placed and nobody has lifted: since when, by account and hold id.

    The steps are versions of the account. They tell the order where the clocks of two writers differ.
    """
    placed_by_people: dict[AccountId, dict[str, datetime]] = defaultdict(dict)
    for account_id, act in sorted(world.audit_records, key=lambda one: one[1].step):
        if act.action is AuditAction.HOLD:
            placed_by_people[account_id][act.subject] = act.at
        elif act.action is AuditAction.LIFT:
            placed_by_people[account_id].pop(act.subject, None)
    return placed_by_people


def acts_of_people(world: World) -> Verdicts:
    """Every hold that a person lifted, and every amount that a person stated, is a fact with its audit record."""
    acts = {(account_id, act.action, act.subject, act.actor, act.at) for account_id, act in world.audit_records}
    facts: dict[tuple[AccountId | None, AuditAction, str], datetime] = {}
    for purchase, _ in world.purchases():
        for fact in purchase.facts.values():
            if isinstance(fact, HoldLifted | AmountStated):
                action, subject = _act_of(fact)
                facts[purchase.account_id, action, subject] = fact.at
                yield fact.key, (purchase.account_id, action, subject, fact.actor, fact.at) in acts
    placed = {(account_id, act.subject) for account_id, act in world.audit_records if act.action is AuditAction.HOLD}
    for account_id, act in world.audit_records:
        is_of_a_fact = act.action is AuditAction.STATE_AMOUNT or (
            act.action is AuditAction.LIFT and (account_id, act.subject) not in placed
        )
        if is_of_a_fact:
            # Of several acts about one thing the latest is the fact.
            at = facts.get((account_id, act.action, act.subject))
            yield act.subject, at is not None and at >= act.at


def _act_of(fact: HoldLifted | AmountStated) -> tuple[AuditAction, str]:
    if isinstance(fact, HoldLifted):
        return AuditAction.LIFT, fact.hold_id
    return AuditAction.STATE_AMOUNT, fact.subject.split(":")[1]


def subscriptions(world: World) -> Verdicts:
    """An account lists each of its subscriptions as it stands, and what counts of an instant is what its events say."""
    own: dict[AccountId | None, dict[str, Subscription]] = defaultdict(dict)
    for name, subscription in world.subscriptions.items():
        own[subscription.account_id][name] = subscription.summary
        others = subscription.instant
        again = others[0].merge(replace(subscription, instant=others[1:])) if others else subscription
        yield name, again == subscription and subscription.account_id in world.accounts
    for account in world.accounts.values():
        yield account.account_id, account.subscriptions == own[account.account_id]


def covered_periods(world: World) -> Verdicts:
    """An account names the payment of each period that the payment of an order covers, and no other."""
    covering: dict[tuple[AccountId, str], set[PaymentId]] = defaultdict(set)
    for _, payment in world.purchases():
        if payment.covers:
            covering[payment.account_id, payment.covers].add(payment.payment_id)
    for account in world.accounts.values():
        for period, payment_id in account.covered.items():
            yield period, payment_id in covering.pop((account.account_id, period), ())
    for _, period in covering:
        yield period, False


def versions(world: World) -> Verdicts:
    """No entry is of a later version of its account than the stored one, and entries of one version are of one time."""
    recorded: dict[tuple[AccountId, int], set[datetime]] = defaultdict(set)
    for entry in world.entries:
        account = world.accounts.get(entry.account_id)
        recorded[entry.account_id, entry.step].add(entry.recorded_at)
        yield entry.entry_id, account is not None and entry.step <= account.version
    for (account_id, step), times in recorded.items():
        if step:
            yield f"{account_id} {step}", len(times) == 1


def open_cases(world: World) -> Verdicts:
    """Exactly the open cases are marked on their accounts."""
    expected: dict[AccountId, dict[str, str]] = defaultdict(dict)
    for case in world.cases.values():
        if case.state.is_open:
            expected[case.account_id][case.case_id] = case.open_case_key
    for account_id in {*world.accounts, *expected}:
        account = world.accounts.get(account_id)
        yield account_id, (account.cases if account else {}) == expected[account_id]
