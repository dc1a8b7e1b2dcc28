"""An account's timeline: what was received, booked, decided, done, mailed and looked at, merged by time, newest first.

    entries · acts · looks · mails      each a list by time: a page of it is one query from a position on
    deliveries · cases                  read whole, up to a bound, and sorted here: an account has few

A page reads one more line of each list than it shows. So it costs the same whatever else the account has. A page ends
at one line: its list, and its position there. Lines of one second are in the order of the lists, so that each list
knows where to go on.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from ledger.domain.errors import InvalidRequest
from ledger.domain.ids import AccountId
from ledger.domain.mails import MailRecord
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt
from ledger.domain.refund_cases import RefundCase
from ledger.domain.timeline import TimelineRowKind
from ledger.ports.documents import (
    audit_position,
    entry_position,
    mail_record_key,
    sortable,
    timeline_position,
)
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.chain import Line, act_line, case_lines, entry_line, look_line, receipt_line

MOST_RECEIPTS = 1000
"""How many receipts of one of the account's customers are read."""
MOST_CUSTOMERS = 4
MOST_PURCHASES = 100
"""How many of the latest purchases lead to receipts that name no customer."""
MOST_CASES = 300


class LineKind(StrEnum):
    """A list of the timeline. Of one second, the lines of a list come before those of the next one."""

    ENTRY = "entry"
    MAIL = "mail"
    CASE = "case"
    ACT = "act"
    DELIVERY = "delivery"
    LOOK = "look"


_RANKS = {kind: rank for rank, kind in enumerate(LineKind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineLine:
    """A line of the timeline."""

    kind: LineKind
    line_id: str  # of the event, entry, case or mail, or of what an act is about
    position: str  # in its list
    line: Line
    actor: str = ""  # of an act, a look, or a step of a case

    @property
    def place(self) -> tuple[str, int, str]:
        """Return where it is in the order of the timeline: the newest sorts last."""
        return (self.position[:_SECOND], -_RANKS[self.kind], self.position)


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """A page of a timeline, and where the next one starts: a text, and the balance before its first entry."""

    lines: tuple[TimelineLine, ...]
    next: str | None
    balance: int


_SECOND = len("2026-11-01T12:00:00")


def timeline(
    account_id: AccountId,
    store: Store,
    *,
    kinds: Collection[LineKind] = tuple(LineKind),
    limit: int = 50,
    after: str | None = None,
    balance: int = 0,
) -> TimelinePage:
    """Return a page of an account's timeline, newest first.

    `after` and `balance` are `next` and `balance` of the page before. Raise InvalidRequest if `after` can't be that.
    """
    found: list[TimelineLine] = []
    for kind in LineKind:
        if kind in kinds:
            below = _below(kind, after)
            if kind is LineKind.ENTRY:
                entries, balance = _entries(account_id, store, limit + 1, below, balance)
                found += entries
            else:
                found += _LISTS[kind](account_id, store, limit + 1, below)
    found.sort(key=lambda one: one.place, reverse=True)
    shown = tuple(found[:limit])
    for one in shown:
        if one.kind is LineKind.ENTRY and one.line.balance is not None:
            balance = one.line.balance - (one.line.credits or 0)
    is_last = len(found) <= limit
    return TimelinePage(shown, None if is_last else _name(shown[-1]), balance)


def _name(line: TimelineLine) -> str:
    return f"{line.kind} {line.position}"


def _below(kind: LineKind, after: str | None) -> str | None:
    """Return the position below which a list goes on behind a line of the timeline. None: with its newest.

    Of the line's second, the lists before its own were shown whole, and of those behind it nothing was shown.
    """
    if after is None:
        return None
    name, _, position = after.partition(" ")
    if name not in set(LineKind) or len(position) < _SECOND:
        raise InvalidRequest("after", "This is not a `next` of this list.", "query")
    rank = _RANKS[LineKind(name)]
    if _RANKS[kind] == rank:
        return position
    second = position[:_SECOND]
    return second if _RANKS[kind] < rank else f"{second}~"


def _entries(
    account_id: AccountId, store: Store, limit: int, below: str | None, balance: int
) -> tuple[list[TimelineLine], int]:
    """Return the entries below a position, each with the balance after it, and the balance after the first one."""
    account, page = store.statement_page(account_id, limit, below)
    if below is None:
        balance = account.balance if account else 0
    after, lines = balance, []
    for entry in page.items:
        line = entry_line(entry, after)
        lines.append(
            TimelineLine(kind=LineKind.ENTRY, line_id=entry.entry_id, position=entry_position(entry), line=line)
        )
        after -= entry.credits
    return lines, balance


def _mails(account_id: AccountId, store: Store, limit: int, below: str | None) -> list[TimelineLine]:
    rows = store.timeline_rows(account_id, TimelineRowKind.MAIL, limit, below).items
    keys = {row.subject: mail_record_key(row.subject) for row in rows}
    stored = store.read(Keys(documents=frozenset(keys.values()))) if keys else None
    lines = []
    for row in rows:
        record = stored.document(keys[row.subject], MailRecord) if stored else None
        words = f"mail {record.kind} about {record.subject}: {record.outcome}" if record else f"mail {row.subject}"
        if record and record.failure:
            words += f", then a {record.failure} was reported"
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


def _cases(account_id: AccountId, store: Store, limit: int, below: str | None) -> list[TimelineLine]:
    lines = (line for case in cases_of(account_id, store) for line in _of_case(case))
    return _newest(lines, limit, below)


def cases_of(account_id: AccountId, store: Store) -> list[RefundCase]:
    """Return an account's refund cases, up to MOST_CASES."""
    page = store.cases_of(account_id, 100)
    cases = [*page.items]
    while page.next and len(cases) < MOST_CASES:
        page = store.cases_of(account_id, 100, page.next)
        cases += page.items
    return cases


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


def _deliveries(account_id: AccountId, store: Store, limit: int, below: str | None) -> list[TimelineLine]:
    lines = (
        TimelineLine(
            kind=LineKind.DELIVERY,
            line_id=receipt.cause,
            position=f"{sortable(receipt.occurred_at)}#{receipt.cause}",
            line=receipt_line(receipt),
        )
        for receipt in receipts_of(account_id, latest_purchases(account_id, store), store)
    )
    return _newest(lines, limit, below)


def latest_purchases(account_id: AccountId, store: Store) -> tuple[Purchase, ...]:
    """Return the latest purchases of an account, up to MOST_PURCHASES."""
    return store.purchases_of(account_id, MOST_PURCHASES).items


def receipts_of(account_id: AccountId, purchases: Iterable[Purchase], store: Store) -> list[Receipt]:
    """Return the receipts of an account: of its customers at the providers, and of the events that its facts name.

    What is of another account is left out: a customer can have bought for two.
    """
    purchases = list(purchases)
    customers = list(dict.fromkeys(one.payment.customer_id for one in purchases if one.payment))
    found: dict[str, Receipt] = {}
    for customer_id in islice(filter(None, customers), MOST_CUSTOMERS):
        for receipt in store.receipts_page(customer_id, MOST_RECEIPTS).items:
            if receipt.account_id in {None, account_id}:
                found[receipt.cause] = receipt
    causes = {fact.cause for one in purchases for fact in one.facts.values()} - found.keys()
    names = frozenset((cause, cause.partition(":")[2]) for cause in causes if ":" in cause)
    for receipt in store.read(Keys(receipts=names)).receipts.values() if names else ():
        found[receipt.cause] = receipt
    return list(found.values())


def _newest(lines: Iterable[TimelineLine], limit: int, below: str | None) -> list[TimelineLine]:
    behind = (line for line in lines if below is None or line.position < below)
    return sorted(behind, key=lambda line: line.position, reverse=True)[:limit]


_LISTS: dict[LineKind, Callable[[AccountId, Store, int, str | None], list[TimelineLine]]] = {
    LineKind.MAIL: _mails,
    LineKind.CASE: _cases,
    LineKind.ACT: _acts,
    LineKind.DELIVERY: _deliveries,
    LineKind.LOOK: _looks,
}
