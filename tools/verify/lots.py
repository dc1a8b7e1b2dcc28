"""Rules about lots, their entries, and the runs that used them."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime
from operator import ne

from ledger.domain.disputes import disputed
from ledger.domain.entries import CounterAccount, Entry, EntryKind
from ledger.domain.facts import PaidLine, PaymentSettled
from ledger.domain.ids import AccountId
from ledger.domain.lots import Lot
from ledger.domain.refund_cases import CaseState, RefundCase
from ledger.domain.refunds import returned_minor
from ledger.domain.runs import Run
from tools.verify.incidents import lots_of_incidents
from tools.verify.proposals import lots_of_adjustments
from tools.verify.world import Paid, Verdicts, World


def balances(world: World) -> Verdicts:
    """An account's balance is the sum of its entries."""
    sums: Counter[AccountId] = Counter()
    for entry in world.entries:
        sums[entry.account_id] += entry.credits
    for account_id in {*world.accounts, *sums}:
        account = world.accounts.get(account_id)
        yield account_id, (account.balance if account else 0) == sums[account_id]


def figures(world: World) -> Verdicts:
    """A lot's figures are the sums of its entries by counter-account, and it is frozen and reserved as they say."""
    sums: dict[tuple[AccountId, str], Counter[CounterAccount]] = defaultdict(Counter)
    memos: dict[tuple[AccountId, str], Counter[EntryKind]] = defaultdict(Counter)
    for entry in world.entries:
        sums[entry.account_id, entry.lot_id][entry.counter] += entry.credits
        memos[entry.account_id, entry.lot_id][entry.kind] += 1
    lots = world.lots()
    for key in {*lots, *sums}:
        lot, booked, memo = lots.get(key), sums[key], memos[key]
        yield (
            "/".join(key),
            lot is not None
            and lot.is_frozen == memo[EntryKind.FREEZE] - memo[EntryKind.THAW]
            and (not lot.reserved or memo[EntryKind.RESERVE] > 0)
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
    """Every purchase is granted exactly once, every duplicate never; goodwill has a case, an act or an incident."""
    grants = Counter((entry.account_id, entry.lot_id) for entry in world.entries if entry.kind is EntryKind.GRANT)
    due: set[tuple[AccountId, str]] = set()
    for account_id, expected in world.targets():
        keys = {(account_id, lot.lot_id) for lot in expected.lots}
        yield expected.lots[0].lot_id, all(grants[key] == 1 for key in keys)
        due |= keys
    lots = world.lots()
    for case in world.cases.values():
        if case.state is CaseState.REPLACED:
            key = (case.account_id, f"goodwill/{case.case_id}/{case.approvals}")
            lot = lots.get(key)
            yield case.case_id, grants[key] == 1 and lot is not None and _is_as_decided(lot, case)
            due.add(key)
    others = {*lots_of_adjustments(world), *lots_of_incidents(world)}
    for key in {*grants} - due:
        yield "/".join(key), key in others and grants[key] == 1


def _is_as_decided(lot: Lot, case: RefundCase) -> bool:
    """Return whether a lot, apart from what was drawn, has the credits that were given instead of money."""
    given = Lot(lot_id=lot.lot_id, granted=lot.granted, source=CounterAccount.GOODWILL)
    return replace(lot, drawn=0) == given and case.decision is not None and lot.granted == case.decision.credits


def on_target(world: World) -> Verdicts:
    """Every lot is what its purchase's facts say: granted, taken back, owed, frozen."""
    lots = world.lots()
    for account_id, expected in world.targets():
        for lot_target in expected.lots:
            lot = lots.get((account_id, lot_target.lot_id))
            yield lot_target.lot_id, lot_target.applied_to(lot) == lot


def within_grant(world: World) -> Verdicts:
    """No lot has a figure below 0 or gave more than was granted."""
    for key, lot in world.lots().items():
        yield "/".join(key), min(lot.drawn, lot.refunded, lot.disputed, lot.expired, lot.remaining, lot.owed) >= 0


def nothing_left_without_money(world: World) -> Verdicts:
    """Where all money of an order, a period or a payment went back, none of its credits are left."""
    lots = world.lots()
    for group in world.payments_for_one_thing():
        all_back = all(map(_is_all_back, group))
        for _, payment in group:
            for lot_id in {payment.lot_id(place) for place in range(len(payment.lines))}:
                lot = lots.get((payment.account_id, lot_id))
                yield lot_id, not (all_back and lot and lot.remaining)


def _is_all_back(paid: Paid) -> bool:
    purchase, payment = paid
    gone_minor = returned_minor(purchase.facts) + disputed(purchase.facts, purchase.payment_id).lost_minor
    return 0 < payment.paid_minor <= gone_minor


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
    EntryKind.GRANT: {0, 1},  # a trial can grant nothing
    EntryKind.ADJUST: {1, -1},
    EntryKind.DRAW: {-1},
    EntryKind.RETURN: {1},
    EntryKind.CLAWBACK: {-1},
    EntryKind.RESTORE: {1},
    EntryKind.EXPIRE: {1, -1},  # a later time brings back what has expired
    EntryKind.FREEZE: {0},
    EntryKind.THAW: {0},
    EntryKind.RESERVE: {0},
    EntryKind.RELEASE: {0},
    EntryKind.RESCHEDULE: {0},
}


def balanced(world: World) -> Verdicts:
    """Every entry is one balanced posting: its kind fits its counter-account and its sign."""
    for entry in world.entries:
        sign = (entry.credits > 0) - (entry.credits < 0)
        fits = entry.counter in _POSTINGS[entry.kind] and sign in _SIGNS[entry.kind]
        is_named = entry.entry_id == f"{entry.lot_id}/{entry.step}/{entry.kind}/{entry.counter}"
        yield entry.entry_id, fits and is_named


def times_of_entries(world: World) -> Verdicts:
    """Every entry has the time of its cause, and if its credits expire, the time at which its lot expires."""
    granted_by, ends = _granted_by(world), _ends_of_lots(world)
    received_at = {receipt.cause: receipt.received_at for receipt in world.receipts}
    for entry in world.entries:
        granted = granted_by.get((entry.account_id, entry.lot_id, entry.cause))
        if entry.kind is EntryKind.GRANT and granted:
            payment, line = granted
            is_dated = (entry.occurred_at, entry.expires_at) == (payment.at, line.expires_at)
        else:
            end = [end for step, end in ends[entry.account_id, entry.lot_id] if step <= entry.step][-1:]
            is_dated = _is_at_its_time(entry, end) and entry.expires_at in {None, *end}
        yield entry.entry_id, is_dated and received_at.get(entry.correlation_id, entry.recorded_at) <= entry.recorded_at
    for key, lot in world.lots().items():
        times = [end for _, end in ends[key]]
        yield "/".join(key), times[-1:] == [lot.expires_at] and all(map(ne, times, times[1:]))


_DATING = {EntryKind.GRANT, EntryKind.RESCHEDULE}


def _ends_of_lots(world: World) -> dict[tuple[AccountId, str], list[tuple[int, datetime | None]]]:
    """Return when each lot expires, from which version of its account on, as its entries say."""
    ends: dict[tuple[AccountId, str], list[tuple[int, datetime | None]]] = defaultdict(list)
    for entry in sorted(world.entries, key=lambda one: one.step):
        if entry.kind in _DATING:
            ends[entry.account_id, entry.lot_id].append((entry.step, entry.expires_at))
    return ends


def _is_at_its_time(entry: Entry, end: list[datetime | None]) -> bool:
    """Return whether an entry that is no grant of a payment happened when its cause says. `end` is its lot's end.

    Nothing happens to a lot before its payment, and the provider's clock may be ahead of ours.
    """
    by = entry.cause.partition(":")[0]
    if entry.kind is EntryKind.EXPIRE and by in {"expiry", "run"}:
        return [entry.occurred_at] == end
    return by not in {"case", "run", "support"} or entry.occurred_at >= entry.recorded_at


def _granted_by(world: World) -> dict[tuple[AccountId, str, str], tuple[PaymentSettled, PaidLine]]:
    """Return the payments that can have granted a lot, each with its line, by account, lot and cause.

    The fact of a payment can have been replaced by an earlier one. Then the grant has the cause of the one before.
    """
    return {
        (payment.account_id, payment.lot_id(position), payment.cause): (payment, line)
        for _, payment in world.purchases()
        for position, line in enumerate(payment.lines)
    }


def drawn(world: World) -> Verdicts:
    """Every run drew what its entries say, when it says; what failed came back and is listed."""
    listed = Counter((account_id, one.run_id, one.credits, one.at) for account_id, one in world.failed_runs)
    drawn: dict[str, Counter[str]] = defaultdict(Counter)
    times: dict[str, set[tuple[bool, datetime]]] = defaultdict(set)
    for entry in world.entries:
        if entry.counter is CounterAccount.USAGE:
            drawn[f"{entry.account_id}/{entry.cause}"][entry.lot_id] -= entry.credits
            times[f"{entry.account_id}/{entry.cause}"].add((entry.kind is EntryKind.DRAW, entry.occurred_at))
    for run in world.runs:
        name = f"{run.account_id}/run:{run.run_id}"
        net = Counter(run.drawn)
        net.subtract(run.returned)
        is_drawn = drawn.pop(name, Counter()) == net and all(_is_dated(run, *one) for one in times[name])
        is_drawn &= not (run.missing and (run.drawn or run.failed_at))
        failure = (run.account_id, run.run_id, sum(run.drawn.values()), run.failed_at)
        is_listed = listed.pop(failure, 0) == (run.failed_at is not None)  # type: ignore[arg-type]
        is_listed &= run.returned == (run.drawn if run.failed_at else {})
        is_listed &= bool(run.drawn) or run.at == run.failed_at or run.missing > 0
        yield run.run_id, is_drawn and is_listed
    for name in drawn:
        yield name, False
    for _, run_id, _, _ in listed:
        yield run_id, False


def _is_dated(run: Run, is_draw: bool, at: datetime) -> bool:
    """Return whether an entry of a run has its time: of the draw, of the failure, or of a part that came later."""
    is_of_a_part = run.resumed_at is not None and run.at <= at <= run.resumed_at
    return is_of_a_part or at == (run.at if is_draw else run.failed_at)
