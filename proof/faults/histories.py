"""The stories of `events/` for many customers, each with ids of its own, and what a fine day makes of them."""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from ledger.domain import catalogue
from ledger.domain.errors import BillingError
from ledger.domain.events import Event
from ledger.domain.ids import AccountId
from ledger.domain.receipts import Receipt
from ledger.ports.commit import PaymentPointer
from ledger.providers.registry import PROVIDERS
from ledger.usecases import usage
from ledger.usecases.record_event import record_event, release_parked
from tools.orders import place_orders_of
from tools.stories import Story, stories
from tools.testing.fakes import FakeStore, world
from tools.testing.unguarded import expire_credits
from tools.verify import World

SOLD = catalogue.load()

_OURS = r"(?:acct|ord)_[a-z0-9_]+"
_THEIRS = r"(?!price_|pri_|pro_|prod_|pack_)[a-z]{2,6}_(?:test_)?[0-9A-Za-z]*[0-9][0-9A-Za-z]*"  # the catalogue's stay
_ID = re.compile(rf'"({_OURS}|{_THEIRS})"(?!:)'.encode())


@dataclass(frozen=True, slots=True)
class Draw:
    """Credits that a run asks for after a story's end."""

    run_id: str
    credits: int
    is_failing: bool


DRAWS = (Draw("run_1", 7, is_failing=False), Draw("run_2", 600, is_failing=True))


def customers(copies: int, names: Collection[str] | None = None) -> list[Story]:
    """Return every story so often, or those of these names, each time of another customer."""
    chosen = [story for story in stories() if names is None or story.name in names]
    return [_of_its_own(story, number) for number in range(copies) for story in chosen]


def _of_its_own(story: Story, number: int) -> Story:
    mark = f"x{number}"
    notifications = tuple(
        replace(
            notification,
            body=_ID.sub(rb'"\1%s"' % mark.encode(), notification.body),
            event_id=notification.event_id + mark,
        )
        for notification in story.notifications
    )
    return replace(
        story, name=f"{story.name} {number}", account_id=story.account_id + mark, notifications=notifications
    )


@dataclass(frozen=True, slots=True)
class FineDay:
    """What a story ends in when nothing fails: it is told once and in its order, then its draws, then a month."""

    story: Story
    store: FakeStore
    drawn: frozenset[str]  # the runs that got their credits

    @classmethod
    def of(cls, story: Story, now: datetime, a_month_later: datetime) -> "FineDay":
        """Play it."""
        store, account_id = FakeStore(), AccountId(story.account_id)
        place_orders_of(story.notifications, store)
        for notification in story.notifications:
            record_event(
                _event(notification.provider, notification.body),
                store,
                body=notification.body,
                body_sha256=hashlib.sha256(notification.body).hexdigest(),
                now=now,
            )
            for parked in sorted(store.parked_receipts(), key=lambda receipt: receipt.occurred_at):
                release_parked(parked, _read_again, store, now)
        drawn = frozenset(draw.run_id for draw in DRAWS if _is_drawn(account_id, draw, store, now))
        expire_credits(store, now=a_month_later)
        return cls(story, store, drawn)


def _is_drawn(account_id: AccountId, draw: Draw, store: FakeStore, now: datetime) -> bool:
    try:
        usage.draw_credits(account_id, draw.run_id, draw.credits, store, now=now)
    except BillingError:
        return False
    if draw.is_failing:
        usage.fail_run(account_id, draw.run_id, store, now=now)
    return True


def _event(provider: str, body: bytes) -> Event:
    module = PROVIDERS[provider]
    event: Event | None = module.translate(module.parse(body), SOLD, is_live=False)
    if event is None:
        raise ValueError(f"{provider} told what we do not know: {body!r}")
    return event


def _read_again(parked: Receipt) -> Event | None:
    return _event(parked.provider, parked.body or b"")


def meaning(known: World) -> dict[str, object]:
    """What a ledger means, by account or payment: facts, lots, holds, the net of entries; not who was heard first."""
    net: Counter[tuple[str, str, str]] = Counter()
    for entry in known.entries:
        net[entry.account_id, entry.lot_id, entry.counter] += entry.credits
    return {
        **{f"net of {'/'.join(key)}": credits_ for key, credits_ in net.items() if credits_},
        **{f"lot {'/'.join(key)}": lot for key, lot in known.lots().items()},
        **{
            f"account {account.account_id}": (account.holds, account.flags, account.status)
            for account in known.accounts.values()
        },
        **{
            f"facts of {item.payment_id}": (
                {key: replace(fact, cause="") for key, fact in item.facts.items()},
                item.names,
            )
            for item in known.payments.values()
            if not isinstance(item, PaymentPointer)
        },
        **{f"run {run.account_id}/{run.run_id}": (run.drawn, run.failed_at is None) for run in known.runs},
        **{f"parked {receipt.event_id}": receipt.parked_reason for receipt in known.receipts if receipt.parked_reason},
    }


def differences(days: list[FineDay], found: World) -> Iterator[str]:
    """How the ledger of these accounts differs from that of a fine day."""
    accounts = {day.story.account_id for day in days}
    fine = {name: value for day in days for name, value in meaning(world(day.store)).items()}
    stored = meaning(found)
    for name in sorted(fine.keys() | {name for name in stored if _is_of(name, accounts)}):
        if fine.get(name) != stored.get(name):
            yield f"{name} is {stored.get(name)}, should be {fine.get(name)}"


def _is_of(name: str, accounts: set[str]) -> bool:
    """Whether what is stored is of one of these accounts."""
    _, _, rest = name.partition(" ")
    return any(part.partition("/")[0] in accounts for part in (rest, rest.removeprefix("of ")))
