"""Rules about accounts: what suspends them, and which open cases they list."""

from collections import defaultdict

from ledger.domain.audit import AuditAction
from ledger.domain.ids import AccountId
from tools.verify.world import Verdicts, World


def held(world: World) -> Verdicts:
    """An account is suspended exactly by the holds that its purchases' facts or people give, and flagged by facts."""
    held_by_people = {
        (owner, act.subject, act.at) for owner, act in world.audit_records if act.action is AuditAction.HOLD
    }
    holds: dict[AccountId, dict[str, object]] = defaultdict(dict)
    flags: dict[AccountId, dict[str, object]] = defaultdict(dict)
    for account_id, expected in world.targets():
        holds[account_id] |= expected.holds
        flags[account_id] |= expected.flags
    for account in world.accounts.values():
        derived = {hold_id: hold for hold_id, hold in account.holds.items() if hold.payment_id}
        by_people = {
            (account.account_id, hold_id, hold.since)
            for hold_id, hold in account.holds.items()
            if hold.payment_id is None
        }
        is_held = derived == holds[account.account_id] and by_people <= held_by_people
        yield account.account_id, is_held and account.flags == flags[account.account_id]


def open_cases(world: World) -> Verdicts:
    """Exactly the open cases are marked on their accounts."""
    expected: dict[AccountId, dict[str, str]] = defaultdict(dict)
    for case in world.cases.values():
        if case.state.is_open:
            expected[case.account_id][case.case_id] = case.open_case_key
    for account_id in world.accounts.keys() | expected.keys():
        account = world.accounts.get(account_id)
        yield account_id, (account.cases if account else {}) == expected[account_id]
