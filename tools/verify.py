"""The invariants of the whole ledger, checked over everything that is stored."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ledger.accounts import Account
from ledger.dynamodb import items
from ledger.entries import Counter as CounterAccount
from ledger.entries import Entry, Kind
from ledger.events import Receipt
from ledger.facts import AccountId, PaymentId
from ledger.lots import Lot
from ledger.ports import Claim, Pointer, Run
from ledger.purchases import Purchase, Target, target
from ledger.refunds import outstanding, refunded


@dataclass(slots=True)
class World:
    """Everything that a ledger stores."""

    receipts: list[Receipt] = field(default_factory=list)
    payments: dict[PaymentId, Purchase | Pointer] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    accounts: dict[AccountId, Account] = field(default_factory=dict)
    closed_lots: dict[tuple[AccountId, str], Lot] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    def add(self, item: items.Item) -> None:
        """One item of the table."""
        account_id = AccountId(item["pk"]["S"].partition("#")[2])
        match item["pk"]["S"].partition("#")[0], item["sk"]["S"].partition("#")[0]:
            case "RECEIPT", _:
                self.receipts.append(items.from_receipt(item))
            case "PAYMENT", _:
                payment = items.from_payment(item)
                self.payments[payment.name if isinstance(payment, Pointer) else payment.payment_id] = payment
            case "CLAIM", _:
                claim = items.from_claim(item)
                self.claims[claim.key] = claim
            case "ACCOUNT", items.ACCOUNT:
                self.accounts[account_id] = items.from_account(item)
            case "ACCOUNT", "LOT":
                lot = items.from_lot(item)
                self.closed_lots[account_id, lot.lot_id] = lot
            case "ACCOUNT", "ENTRY":
                self.entries.append(items.from_entry(item))
            case "ACCOUNT", "RUN":
                self.runs.append(items.from_run(item))

    def purchases(self) -> Iterator[tuple[Purchase, Target]]:
        """Every purchase whose payment is known, and what the ledger should hold because of it."""
        for item in self.payments.values():
            if isinstance(item, Purchase) and item.payment:
                yield item, target(item)

    def lots(self) -> dict[tuple[AccountId, str], Lot]:
        """Every lot: as it stands on its account, else as it was when it closed."""
        opened = {
            (account.account_id, lot_id): lot
            for account in self.accounts.values()
            for lot_id, lot in account.lots.items()
        }
        return {**self.closed_lots, **opened}


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant: over how many things it was checked, and which of them break it."""

    invariant: str
    checked: int
    broken: tuple[str, ...]


def check(world: World) -> list[Finding]:
    """Hold every invariant over everything stored."""
    findings = []
    for rule in _RULES:
        verdicts = list(rule(world))
        broken = tuple(sorted(name for name, holds in verdicts if not holds))
        findings.append(Finding((rule.__doc__ or rule.__name__).rstrip("."), len(verdicts), broken))
    return findings


Verdicts = Iterable[tuple[str, bool]]


def _balances(world: World) -> Verdicts:
    """An account's balance is the sum of its entries."""
    sums: Counter[AccountId] = Counter()
    for entry in world.entries:
        sums[entry.account_id] += entry.credits
    for account_id in world.accounts.keys() | sums.keys():
        account = world.accounts.get(account_id)
        yield account_id, (account.balance if account else 0) == sums[account_id]


def _lots(world: World) -> Verdicts:
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


def _granted_once(world: World) -> Verdicts:
    """Every purchase is granted exactly once, every duplicate never."""
    grants = Counter((entry.account_id, entry.lot_id) for entry in world.entries if entry.kind is Kind.GRANT)
    due: set[tuple[AccountId, str]] = set()
    for purchase, wanted in world.purchases():
        keys = {(purchase.account_id or AccountId(""), lot.lot_id) for lot in wanted.lots}
        yield purchase.payment_id, all(grants[key] == 1 for key in keys) and not keys & due
        due |= keys
    for key in grants.keys() - due:
        yield "/".join(key), False


def _on_target(world: World) -> Verdicts:
    """Every lot is what its purchase's facts say: granted, taken back, owed, frozen."""
    lots = world.lots()
    for purchase, wanted in world.purchases():
        for lot_target in wanted.lots:
            lot = lots.get((purchase.account_id or AccountId(""), lot_target.lot_id))
            yield lot_target.lot_id, lot is not None and lot_target.applied_to(lot) == lot


def _within_grant(world: World) -> Verdicts:
    """No lot has a figure below 0 or gave more than was granted."""
    for key, lot in world.lots().items():
        figures = (lot.granted, lot.drawn, lot.refunded, lot.disputed, lot.expired, lot.remaining, lot.owed)
        yield "/".join(key), min(figures) >= 0


def _refunded_within_paid(world: World) -> Verdicts:
    """No payment was refunded by more than was paid, what is approved included."""
    for purchase, _ in world.purchases():
        money = refunded(purchase.facts) + outstanding(purchase.facts)
        yield purchase.payment_id, purchase.payment is not None and money.total_minor <= purchase.payment.paid_minor


def _held(world: World) -> Verdicts:
    """An account is suspended exactly by the holds that its purchases' facts give, and flagged by their flags."""
    holds: dict[AccountId, dict[str, object]] = defaultdict(dict)
    flags: dict[AccountId, dict[str, object]] = defaultdict(dict)
    for purchase, wanted in world.purchases():
        holds[purchase.account_id or AccountId("")] |= wanted.holds
        flags[purchase.account_id or AccountId("")] |= wanted.flags
    for account in world.accounts.values():
        stored = {hold_id: hold.since for hold_id, hold in account.holds.items()}
        yield account.account_id, stored == holds[account.account_id] and account.flags == flags[account.account_id]


_POSTINGS = {
    Kind.GRANT: {CounterAccount.SALES},
    Kind.ADJUST: {CounterAccount.SALES, CounterAccount.GOODWILL},
    Kind.DRAW: {CounterAccount.USAGE},
    Kind.RETURN: {CounterAccount.USAGE},
    Kind.CLAWBACK: {CounterAccount.REFUNDS, CounterAccount.DISPUTES},
    Kind.RESTORE: {CounterAccount.REFUNDS, CounterAccount.DISPUTES},
    Kind.EXPIRE: {CounterAccount.EXPIRY},
    Kind.FREEZE: {CounterAccount.DISPUTES},
    Kind.THAW: {CounterAccount.DISPUTES},
    Kind.RESERVE: {CounterAccount.REFUNDS},
    Kind.RELEASE: {CounterAccount.REFUNDS},
}
_SIGNS = {
    Kind.GRANT: 1,
    Kind.DRAW: -1,
    Kind.RETURN: 1,
    Kind.CLAWBACK: -1,
    Kind.RESTORE: 1,
    Kind.FREEZE: 0,
    Kind.THAW: 0,
    Kind.RESERVE: 0,
    Kind.RELEASE: 0,
}


def _balanced(world: World) -> Verdicts:
    """Every entry is one balanced posting: its kind fits its counter-account and its sign."""
    for entry in world.entries:
        sign = (entry.credits > 0) - (entry.credits < 0)
        fits = entry.counter in _POSTINGS[entry.kind] and sign == _SIGNS.get(entry.kind, sign)
        yield entry.entry_id, fits and bool(entry.cause)


def _claimed_once(world: World) -> Verdicts:
    """Every claim has one original, the least by time and id; every other payment for it is a duplicate."""
    rivals: dict[str, list[Purchase]] = defaultdict(list)
    for purchase, _ in world.purchases():
        if purchase.payment and purchase.payment.claim:
            rivals[purchase.payment.claim].append(purchase)
    for key in rivals.keys() | {claim.key for claim in world.claims.values() if claim.payment_id}:
        ranked = sorted((p for p in rivals[key] if p.payment), key=lambda p: p.payment.precedence)  # type: ignore[union-attr]
        originals = [purchase for purchase in ranked if not purchase.is_duplicate]
        claim = world.claims.get(key)
        yield (
            key,
            bool(ranked)
            and originals == ranked[:1]
            and claim is not None
            and ranked[0].payment is not None
            and claim.payment_id == ranked[0].payment.payment_id,
        )


def _periods_granted_once(world: World) -> Verdicts:
    """No period of a subscription is granted by two payments."""
    granting: dict[str, int] = defaultdict(int)
    for purchase, _ in world.purchases():
        if purchase.payment and purchase.payment.period:
            granting[purchase.payment.period] += not purchase.is_duplicate
    for period, payments in granting.items():
        yield period, payments <= 1


def _linked(world: World) -> Verdicts:
    """Every pointer leads to a purchase that knows its name."""
    for pointer in world.payments.values():
        if isinstance(pointer, Pointer):
            home: Purchase | Pointer | None = pointer
            for _ in range(10):
                home = world.payments.get(home.to) if isinstance(home, Pointer) else home
            yield pointer.name, isinstance(home, Purchase) and pointer.name in home.names


def _drawn(world: World) -> Verdicts:
    """Every run drew what its entries say, and what failed came back."""
    drawn: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in world.entries:
        if entry.counter is CounterAccount.USAGE:
            drawn[f"{entry.account_id}/{entry.cause}"][entry.lot_id] -= entry.credits
    for run in world.runs:
        net = Counter(run.drawn)
        net.subtract(run.returned)
        yield run.run_id, drawn.pop(f"{run.account_id}/run:{run.run_id}", Counter()) == net
    for name in drawn:
        yield name, False


def _parked_whole(world: World) -> Verdicts:
    """A parked event is kept whole, with its reason; no other receipt keeps a body."""
    for receipt in world.receipts:
        yield receipt.event_id, bool(receipt.body) == (receipt.parked_reason is not None)


_RULES: tuple[Callable[[World], Verdicts], ...] = (
    _balances,
    _lots,
    _granted_once,
    _on_target,
    _within_grant,
    _refunded_within_paid,
    _held,
    _balanced,
    _claimed_once,
    _periods_granted_once,
    _linked,
    _drawn,
    _parked_whole,
)


def as_json(findings: list[Finding]) -> dict[str, Any]:
    """The findings for machines."""
    return {
        "holds": not any(finding.broken for finding in findings),
        "invariants": [
            {"invariant": finding.invariant, "checked": finding.checked, "broken": list(finding.broken)}
            for finding in findings
        ],
    }
