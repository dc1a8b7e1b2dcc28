"""An account's timeline: what was received, booked, decided, done, mailed and looked at, merged by time, newest first.

    entries · acts · looks · mails      each a list by time: a page of it is one query from a position on
    deliveries · cases                  read whole, up to a bound, and sorted here: an account has few

A page reads one more line of each list than it shows. So it costs the same whatever else the account has. Lines of one
instant are in the order of `ledger.usecases.chain`: causes before what they led to. So a page that ends at a line tells
each list where it goes on. The entries alone need a place of their own: of a second, their number is their order. An
earlier one can be the later one by the clock, and then both are placed by its time: so a second is read whole.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum

from ledger.domain.entries import Entry
from ledger.domain.errors import InvalidRequest
from ledger.domain.ids import AccountId
from ledger.domain.mails import MailRecord
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt
from ledger.domain.records import record
from ledger.domain.refund_cases import RefundCase
from ledger.domain.timeline import TimelineRowKind
from ledger.ports.documents import (
    audit_position,
    entry_position,
    mail_record_key,
    sortable,
    timeline_position,
)
from ledger.ports.reads import Keys, Page
from ledger.ports.store import Store
from ledger.usecases.chain import Line, in_one_order, rank_of
from ledger.usecases.chain_lines import (
    act_line,
    case_lines,
    entry_line,
    look_line,
    mail_words,
    names_of_lots,
    receipt_line,
)

MOST_RECEIPTS = 1000
"""How many receipts of one of the account's customers are read."""
MOST_CUSTOMERS = 4
MOST_PURCHASES = 100
"""How many of the latest purchases lead to receipts that name no customer."""
MOST_CASES = 300
CASES_AT_ONCE = 100
ENTRIES_AT_ONCE = 100
"""How many of the other entries of a second are read at once."""


class LineKind(StrEnum):
    """A list of the timeline."""

    ENTRY = "entry"
    MAIL = "mail"
    CASE = "case"
    ACT = "act"
    DELIVERY = "delivery"
    LOOK = "look"


@record(frozen=True, kw_only=True)
class TimelineLine:
    """A line of the timeline."""

    kind: LineKind
    line_id: str  # of the event, entry, case or mail, or of what an act is about
    position: str  # in its list
    line: Line
    actor: str = ""  # of an act, a look, or a step of a case
    # By which it is placed, if that is not its own time. Entries of a second are in the order of their numbers.
    placed_at: datetime | None = field(default=None, compare=False, repr=False)

    @property
    def instant(self) -> str:
        """Return the time by which it is placed, as text that sorts."""
        return sortable(self.placed_at or self.line.at)

    @property
    def place(self) -> tuple[str, int, str]:
        """Return where it is in the order of the timeline: the newest sorts last."""
        return (self.instant, rank_of(self.line.kind), self.position)


@record(frozen=True)
class TimelinePage:
    """A page of a timeline, and where the next one starts: a text, and the balance before its first entry."""

    lines: tuple[TimelineLine, ...]
    next: str | None
    balance: int
    left_out: frozenset[LineKind] = frozenset()  # of these kinds there are more than are read, on whichever page


@record(frozen=True)
class _End:
    """Where a page ends: at a line of a list, and behind an entry."""

    kind: LineKind
    instant: str
    position: str
    entry: str  # the position of the last entry that was shown; empty: none was

    @classmethod
    def of(cls, text: str) -> "_End":
        """Return the end that a text names. Raise InvalidRequest if it can't be one."""
        try:
            kind, instant, position, entry = json.loads(text)
            if not all(isinstance(one, str) for one in (instant, position, entry)) or len(instant) != _INSTANT:
                raise ValueError("no end of a page")
            return cls(LineKind(kind), instant, position, entry)
        except (ValueError, TypeError, RecursionError):
            raise InvalidRequest("after", "This is not a `next` of this list.", "query") from None

    def __str__(self) -> str:
        return json.dumps([self.kind, self.instant, self.position, self.entry])

    def below(self, kind: LineKind) -> str:
        """Return the position below which a list goes on."""
        if kind is self.kind:
            return self.position
        if kind is LineKind.ENTRY:
            return self.entry or f"{self.instant[:_SECOND]}~"
        is_shown = _RANKS[kind] > _RANKS[self.kind]  # whole, of this instant
        return self.instant if is_shown else f"{self.instant}~"


_RANKS = {kind: rank_of("event" if kind is LineKind.DELIVERY else kind) for kind in LineKind}
_SECOND = len("2026-11-01T12:00:00")
_INSTANT = len("2026-11-01T12:00:00.000000Z")


def timeline(
    account_id: AccountId,
    store: Store,
    *,
    kinds: Collection[LineKind] = tuple(LineKind),
    limit: int = 50,
    after: str | None = None,
    balance: int = 0,
    bought: Page[Purchase] | None = None,
) -> TimelinePage:
    """Return a page of an account's timeline, newest first.

    `after` and `balance` are `next` and `balance` of the page before. `bought`: the account's latest purchases, up to
    MOST_PURCHASES, if they were read before. Raise InvalidRequest if `after` can't be that.
    """
    found: list[TimelineLine] = []
    left_out = set()
    known = _Bought(account_id, store, bought)
    end = None if after is None else _End.of(after)
    for kind in LineKind:
        if kind in kinds:
            below = end.below(kind) if end else None
            if kind is LineKind.ENTRY:
                entries, balance = _entries(account_id, store, limit + 1, below, balance, known)
                found += entries
            elif kind in _READ_WHOLE:
                lines, is_cut = _READ_WHOLE[kind](known)
                found += _newest(lines, limit + 1, below)
                left_out |= {kind} if is_cut else set()
            else:
                found += _LISTS[kind](account_id, store, limit + 1, below)
    found.sort(key=lambda one: one.place, reverse=True)
    shown = tuple(found[:limit])
    entry = end.entry if end else ""
    for one in shown:
        if one.kind is LineKind.ENTRY and one.line.balance is not None:
            balance = one.line.balance - (one.line.credits or 0)
            entry = one.position
    last = None if len(found) <= limit else shown[-1]
    following = str(_End(last.kind, last.instant, last.position, entry)) if last else None
    return TimelinePage(shown, following, balance, frozenset(left_out))


def _entries(
    account_id: AccountId, store: Store, limit: int, below: str | None, balance: int, bought: "_Bought"
) -> tuple[list[TimelineLine], int]:
    """Return the entries below a position, each with the balance after it, and the balance after the first one."""
    account, page = store.statement_page(account_id, limit, below)
    if below is None:
        balance = account.balance if account else 0
    after, lines = balance, []
    names = names_of_lots(bought.latest.items) if page.items else {}
    for entry in page.items:
        line = entry_line(entry, after, names)
        lines.append(
            TimelineLine(kind=LineKind.ENTRY, line_id=entry.entry_id, position=entry_position(entry), line=line)
        )
        after -= entry.credits
    before = _of_last_second(account_id, store, page)
    placed = in_one_order([entry.occurred_at for entry in (*reversed(before), *reversed(page.items))])[len(before) :]
    return [replace(line, placed_at=at) for line, at in zip(lines, reversed(placed), strict=True)], balance


def _of_last_second(account_id: AccountId, store: Store, page: Page[Entry]) -> list[Entry]:
    """Return the entries behind a page that are of the second in which it ends, newest first.

    The last entry itself is only one more than is shown: if it is alone in its second, its place does not matter.
    """
    found: list[Entry] = []
    seconds = [_second_of(entry) for entry in page.items[-2:]]
    if len(seconds) < 2 or seconds[0] != seconds[1]:
        return found
    while page.next:
        _, page = store.statement_page(account_id, ENTRIES_AT_ONCE, page.next)
        same = [entry for entry in page.items if _second_of(entry) == seconds[0]]
        found += same
        if len(same) < len(page.items):
            break
    return found


def _second_of(entry: Entry) -> str:
    return entry_position(entry)[:_SECOND]


def _mails(account_id: AccountId, store: Store, limit: int, below: str | None) -> list[TimelineLine]:
    rows = store.timeline_rows(account_id, TimelineRowKind.MAIL, limit, below).items
    keys = {row.subject: mail_record_key(row.subject) for row in rows}
    stored = store.read(Keys(documents=frozenset(keys.values()))) if keys else None
    lines = []
    for row in rows:
        record = stored.document(keys[row.subject], MailRecord) if stored else None
        words = mail_words(record) if record else f"mail {row.subject}"
        ids = frozenset({row.subject, *(record.subject.split("/")[:1] if record else ())})
        position = timeline_position(row)
        line = Line(row.at, "mail", words, ids)
        lines.append(TimelineLine(kind=LineKind.MAIL, line_id=row.subject, position=position, line=line))
    return lines


def _looks(account_id: AccountId, store: Store, limit: int, below: str | None) -> list[TimelineLine]:
    rows = store.timeline_rows(account_id, TimelineRowKind.LOOK, limit, below).items
    return [
        TimelineLine(
            kind=LineKind.LOOK,
            line_id=row.subject,
            position=timeline_position(row),
            line=look_line(row),
            actor=row.actor,
        )
        for row in rows
    ]


def _acts(account_id: AccountId, store: Store, limit: int, below: str | None) -> list[TimelineLine]:
    return [
        TimelineLine(
            kind=LineKind.ACT,
            line_id=record.subject,
            position=audit_position(record),
            line=act_line(account_id, record),
            actor=record.actor,
        )
        for record in store.acts_page(account_id, limit, below).items
    ]


class _Bought:
    """The latest purchases of an account. They are read once, when they are needed first."""

    def __init__(self, account_id: AccountId, store: Store, latest: Page[Purchase] | None) -> None:
        self.account_id = account_id
        self.store = store
        self._latest = latest

    @property
    def latest(self) -> Page[Purchase]:
        """The latest purchases, up to MOST_PURCHASES."""
        if self._latest is None:
            self._latest = latest_purchases(self.account_id, self.store)
        return self._latest


def latest_purchases(account_id: AccountId, store: Store) -> Page[Purchase]:
    """Return the latest purchases of an account, up to MOST_PURCHASES."""
    return store.purchases_of(account_id, MOST_PURCHASES)


def _cases(bought: _Bought) -> tuple[list[TimelineLine], bool]:
    """Return the lines of an account's cases, up to MOST_CASES of them, and whether there are more."""
    account_id, store = bought.account_id, bought.store
    page = store.cases_of(account_id, CASES_AT_ONCE)
    cases = [*page.items]
    while page.next and len(cases) < MOST_CASES:
        page = store.cases_of(account_id, CASES_AT_ONCE, page.next)
        cases += page.items
    return [line for case in cases for line in _of_case(case)], page.next is not None


def _of_case(case: RefundCase) -> Iterator[TimelineLine]:
    actors = {change.at: change.actor for change in case.history}
    for number, line in enumerate(case_lines(case)):
        position = f"{sortable(line.at)}#{case.case_id}#{number:06}"
        yield TimelineLine(
            kind=LineKind.CASE,
            line_id=case.case_id,
            position=position,
            line=line,
            actor=actors.get(line.at, case.opened_by if number == 0 else ""),
        )


def _deliveries(bought: _Bought) -> tuple[list[TimelineLine], bool]:
    receipts, is_cut = _receipts_of(bought)
    lines = [
        TimelineLine(
            kind=LineKind.DELIVERY,
            line_id=receipt.cause,
            position=f"{sortable(receipt.occurred_at)}#{receipt.cause}",
            line=receipt_line(receipt),
        )
        for receipt in receipts
    ]
    return lines, is_cut


def _receipts_of(bought: _Bought) -> tuple[list[Receipt], bool]:
    """Return the receipts of an account: of its customers at the providers, and of the events that its facts name.

    And whether there may be more: those of a customer are read in the order of their ids, so that the newest can be
    among those that are left out. What is of another account is none of it: a customer can have bought for two.
    """
    account_id, store = bought.account_id, bought.store
    purchases, is_cut = bought.latest.items, bought.latest.next is not None
    customers = [*filter(None, dict.fromkeys(one.payment.customer_id for one in purchases if one.payment))]
    is_cut |= len(customers) > MOST_CUSTOMERS
    found: dict[str, Receipt] = {}
    for customer_id in customers[:MOST_CUSTOMERS]:
        page = store.receipts_page(customer_id, MOST_RECEIPTS)
        is_cut |= page.next is not None
        for receipt in page.items:
            if receipt.account_id in {None, account_id}:
                found[receipt.cause] = receipt
    causes = {fact.cause for one in purchases for fact in one.facts.values()} - found.keys()
    names = frozenset((cause, cause.partition(":")[2]) for cause in causes if ":" in cause)
    for receipt in store.read(Keys(receipts=names)).receipts.values() if names else ():
        found[receipt.cause] = receipt
    return list(found.values()), is_cut


def _newest(lines: Iterable[TimelineLine], limit: int, below: str | None) -> list[TimelineLine]:
    behind = (line for line in lines if below is None or line.position < below)
    return sorted(behind, key=lambda line: line.position, reverse=True)[:limit]


_LISTS: dict[LineKind, Callable[[AccountId, Store, int, str | None], list[TimelineLine]]] = {
    LineKind.MAIL: _mails,
    LineKind.ACT: _acts,
    LineKind.LOOK: _looks,
}
_READ_WHOLE: dict[LineKind, Callable[[_Bought], tuple[list[TimelineLine], bool]]] = {
    LineKind.CASE: _cases,
    LineKind.DELIVERY: _deliveries,
}
