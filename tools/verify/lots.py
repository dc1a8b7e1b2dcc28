"""Rules about lots, their entries, and the runs that used them."""

from collections import Counter, defaultdict

from ledger.domain.disputes import disputed
from ledger.domain.entries import CounterAccount, EntryKind
from ledger.domain.ids import AccountId
from ledger.domain.refund_cases import CaseState
from ledger.domain.refunds import returned_minor
from tools.verify.world import Verdicts, World


def balances(world: World) -> Verdicts:
    """An account's balance is the sum of its entries."""
    sums: Counter[AccountId] = Counter()
    for entry in world.entries:
        sums[entry.account_id] += entry.credits
    for account_id in world.accounts.keys() | sums.keys():
        account = world.accounts.get(account_id)
        yield account_id, (account.balance if account else 0) == sums[account_id]


def figures(world: World) -> Verdicts:
    """A lot's figures are the sums of its entries by counter-account."""
    sums: dict[tuple[AccountId, str], Counter[CounterAccount]] = defaultdict(Counter)
    for entry in world.entries:
        sums[entry.account_id, entry.lot_id][entry.counter] += entry.credits
    lots = world.lots()
    for key in lots.keys() | sums.keys():
        lot, booked = lots.get(key), sums[key]
        yield (
            "/".join(key),
            lot is not None
            and (lot.granted, -lot.drawn, -lot.refunded, -lot.disputed, -lot.expired)
            == (
                booked[lot.source],
                booked[CounterAccount.USAGE],
                booked[CounterAccount.REFUNDS],
                booked[CounterAccount.DISPUTES],
                booked[CounterAccount.EXPIRY],
            ),
        )


def granted_once(world: World) -> Verdicts:
    """Every purchase is granted exactly once, every duplicate never; goodwill comes from a case that it replaced."""
    grants = Counter((entry.account_id, entry.lot_id) for entry in world.entries if entry.kind is EntryKind.GRANT)
    due: set[tuple[AccountId, str]] = set()
    for account_id, expected in world.targets():
        keys = {(account_id, lot.lot_id) for lot in expected.lots}
        yield expected.lots[0].lot_id, all(grants[key] == 1 for key in keys) and not keys & due
        due |= keys
    lots = world.lots()
    for case in world.cases.values():
        if case.state is CaseState.REPLACED:
            key = (case.account_id, f"goodwill/{case.case_id}/{case.approvals}")
            lot = lots.get(key)
            is_given = lot is not None and case.decision is not None and lot.granted == case.decision.credits
            yield case.case_id, grants[key] == 1 and is_given
            due.add(key)
    for key in grants.keys() - due:
        yield "/".join(key), False


def on_target(world: World) -> Verdicts:
    """Every lot is what its purchase's facts say: granted, taken back, owed, frozen."""
    lots = world.lots()
    for account_id, expected in world.targets():
        for lot_target in expected.lots:
            lot = lots.get((account_id, lot_target.lot_id))
            yield lot_target.lot_id, lot is not None and lot_target.applied_to(lot) == lot


def within_grant(world: World) -> Verdicts:
    """No lot has a figure below 0 or gave more than was granted."""
    for key, lot in world.lots().items():
        figures = (lot.granted, lot.drawn, lot.refunded, lot.disputed, lot.expired, lot.remaining, lot.owed)
        yield "/".join(key), min(figures) >= 0


def nothing_left_without_money(world: World) -> Verdicts:
    """Where all money of an order, a period or a payment went back, none of its credits are left."""
    lots = world.lots()
    for group in world.payments_for_one_thing():
        payments = [one.payment for one in group if one.payment]
        gone_minor = [returned_minor(one.facts) + disputed(one.facts, one.payment_id).lost_minor for one in group]
        all_back = all(0 < payment.paid_minor <= gone for payment, gone in zip(payments, gone_minor, strict=True))
        for lot_id in {payment.lot_id(place) for payment in payments for place in range(len(payment.lines))}:
            lot = lots.get((payments[0].account_id, lot_id))
            yield lot_id, not (all_back and lot and lot.remaining)


_POSTINGS = {
    EntryKind.GRANT: {CounterAccount.SALES, CounterAccount.GOODWILL},
    EntryKind.ADJUST: {CounterAccount.SALES, CounterAccount.GOODWILL},
    EntryKind.DRAW: {CounterAccount.USAGE},
    EntryKind.RETURN: {CounterAccount.USAGE},
    EntryKind.CLAWBACK: {CounterAccount.REFUNDS, CounterAccount.DISPUTES},
    EntryKind.RESTORE: {CounterAccount.REFUNDS, CounterAccount.DISPUTES},
    EntryKind.EXPIRE: {CounterAccount.EXPIRY},
    EntryKind.FREEZE: {CounterAccount.DISPUTES},
    EntryKind.THAW: {CounterAccount.DISPUTES},
    EntryKind.RESERVE: {CounterAccount.REFUNDS},
    EntryKind.RELEASE: {CounterAccount.REFUNDS},
    EntryKind.RESCHEDULE: {CounterAccount.EXPIRY},
}
_SIGNS = {
    EntryKind.GRANT: 1,
    EntryKind.DRAW: -1,
    EntryKind.RETURN: 1,
    EntryKind.CLAWBACK: -1,
    EntryKind.RESTORE: 1,
    EntryKind.FREEZE: 0,
    EntryKind.THAW: 0,
    EntryKind.RESERVE: 0,
    EntryKind.RELEASE: 0,
    EntryKind.RESCHEDULE: 0,
}


def balanced(world: World) -> Verdicts:
    """Every entry is one balanced posting: its kind fits its counter-account and its sign."""
    for entry in world.entries:
        sign = (entry.credits > 0) - (entry.credits < 0)
        fits = entry.counter in _POSTINGS[entry.kind] and sign == _SIGNS.get(entry.kind, sign)
        yield entry.entry_id, fits and bool(entry.cause)


def drawn(world: World) -> Verdicts:
    """Every run drew what its entries say; what failed came back and is listed."""
    listed = Counter((account_id, failure.run_id, failure.credits) for account_id, failure in world.failed_runs)
    drawn: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in world.entries:
        if entry.counter is CounterAccount.USAGE:
            drawn[f"{entry.account_id}/{entry.cause}"][entry.lot_id] -= entry.credits
    for run in world.runs:
        net = Counter(run.drawn)
        net.subtract(run.returned)
        is_drawn = drawn.pop(f"{run.account_id}/run:{run.run_id}", Counter()) == net
        failure = (run.account_id, run.run_id, sum(run.drawn.values()))
        yield run.run_id, is_drawn and listed.pop(failure, 0) == (run.failed_at is not None)
    for name in drawn:
        yield name, False
    for _, run_id, _ in listed:
        yield run_id, False
