"""Rules about accounts: what suspends them, and what is marked on them."""

from collections import defaultdict

from ledger.domain.audit import AuditAction
from ledger.domain.ids import AccountId
from tools.verify.world import Verdicts, World


def held(world: World) -> Verdicts:
    """An account is suspended exactly by the holds that its purchases' facts or people give, and flagged by facts."""
    laid = {(account_id, act.subject, act.at) for account_id, act in world.acts if act.action is AuditAction.HOLD}
    holds: dict[AccountId, dict[str, object]] = defaultdict(dict)
    flags: dict[AccountId, dict[str, object]] = defaultdict(dict)
    for account_id, wanted in world.targets():
        holds[account_id] |= wanted.holds
        flags[account_id] |= wanted.flags
    for account in world.accounts.values():
        derived = {hold_id: hold for hold_id, hold in account.holds.items() if hold.payment_id}
        by_people = {
            (account.account_id, hold_id, hold.since)
            for hold_id, hold in account.holds.items()
            if hold.payment_id is None
        }
        is_held = derived == holds[account.account_id] and by_people <= laid
        yield account.account_id, is_held and account.flags == flags[account.account_id]


def marked(world: World) -> Verdicts:
    """Exactly the open cases are marked on their accounts."""
    wanted: dict[AccountId, dict[str, str]] = defaultdict(dict)
    for case in world.cases.values():
        if case.state.is_open:
            wanted[case.account_id][case.case_id] = case.open_case_key
    for account_id in world.accounts.keys() | wanted.keys():
        account = world.accounts.get(account_id)
        yield account_id, (account.cases if account else {}) == wanted[account_id]
