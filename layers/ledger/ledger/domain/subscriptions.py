"""Subscriptions: their state as the provider reports it. A subscription grants nothing: its paid periods do."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum

from ledger.domain.canonical import canonical
from ledger.domain.ids import AccountId, derived_id
from ledger.domain.records import record
from ledger.domain.unknown_fields import KeepsUnknownFields


class SubscriptionStatus(StrEnum):
    """A subscription's status."""

    INCOMPLETE = "incomplete"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    UNPAID = "unpaid"
    INACTIVE = "inactive"  # the provider says that it is not running, and no more
    ENDED = "ended"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS: Mapping[SubscriptionStatus, int] = {
    SubscriptionStatus.INCOMPLETE: 0,
    SubscriptionStatus.INACTIVE: 1,
    SubscriptionStatus.UNPAID: 2,
    SubscriptionStatus.PAST_DUE: 3,
    SubscriptionStatus.PAUSED: 4,
    SubscriptionStatus.TRIALING: 5,
    SubscriptionStatus.ACTIVE: 6,
    SubscriptionStatus.ENDED: 7,
}
"""Of two states of one instant, the one with the higher rank counts, if the events don't say which followed which."""

RUNNING = frozenset({SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE})
"""The statuses in which the plan runs: a second subscription to it would be charged beside the first."""

_RENEWING = RUNNING
"""The statuses in which the provider charges the next period."""


@record(frozen=True, kw_only=True)
class SubscriptionState:
    """A subscription's state in a response of the provider."""

    status: SubscriptionStatus | None  # None: a status that is not known here
    period_end: datetime | None
    cancel_at: datetime | None
    pauses_at: datetime | None = None
    resumes_at: datetime | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether no further period will be charged: it has ended, or ends with its period. A pause is no end."""
        if self.status is SubscriptionStatus.ENDED:
            return True
        return self.cancel_at is not None and (self.period_end is None or self.cancel_at <= self.period_end)


@record(frozen=True, kw_only=True)
class Subscription(KeepsUnknownFields):
    """A subscription as of `at`. Of two states, the later one counts.

    A provider's clock may be in whole seconds, so that several events are of one instant. They are kept as a set until
    a later event arrives, because only all of them together tell which state was the last:

    events of one instant                            entered − left              counts
    incomplete; incomplete → active                  incomplete 0, active 1      active
    active → past due                                active −1, past due 1       past due
    active → past due; past due → active             both 0                      active, by rank
    """

    subscription_id: str  # the provider and its id: `stripe:sub_1Q…`
    status: SubscriptionStatus
    at: datetime
    cause: str
    product_id: str | None = None
    period_end: datetime | None = None
    cancel_at: datetime | None = None  # renewals stop here; credits and features stay until then
    pauses_at: datetime | None = None  # from here on no renewal is charged, until `resumes_at`
    resumes_at: datetime | None = None  # None: nobody has said when
    account_id: AccountId | None = None
    customer_id: str | None = None  # the provider's: `stripe:cus_…`
    left: str | None = None  # the `state_id` before this event, if the event tells it
    instant: tuple["Subscription", ...] | None = None  # what other events of the same instant reported
    version: int = field(default=0, compare=False)  # of the stored item; 0: not stored yet

    @property
    def key(self) -> str:
        """Return the key under which the receipt of its event keeps its digest."""
        return f"subscription:{self.subscription_id}"

    @property
    def reports(self) -> tuple["Subscription", ...]:
        """Return what each event of its instant reported, the one that counts first."""
        return (replace(self, instant=None, version=0), *(self.instant or ()))

    @property
    def state_id(self) -> str:
        """Return the id of the state: the same for two events that report the same state."""
        times = (self.period_end, self.cancel_at, self.pauses_at, self.resumes_at)
        return derived_id("state", self.status, self.product_id or "", *(at.isoformat() if at else "" for at in times))

    @property
    def renews_at(self) -> datetime | None:
        """Return when the next period is charged. None: there will be no charge, or nobody has said when."""
        end = self.period_end
        if end is None or self.status not in _RENEWING:
            return None
        if self.cancel_at and self.cancel_at <= end:
            return None
        is_paused = self.pauses_at is not None and self.pauses_at <= end
        return None if is_paused and (self.resumes_at is None or self.resumes_at > end) else end

    @property
    def summary(self) -> "Subscription":
        """Return the state alone, as its account shows it."""
        return replace(self, left=None, instant=None)

    def in_state(self, state: SubscriptionState) -> "Subscription":
        """Return the subscription in this state, for an answer. What is stored follows from the provider's events."""
        return replace(
            self,
            status=state.status or self.status,
            period_end=state.period_end,
            cancel_at=state.cancel_at,
            pauses_at=state.pauses_at,
            resumes_at=state.resumes_at,
        )

    def merge(self, received: "Subscription") -> "Subscription":
        """Return the later of this state and the received one, or what both say of one instant.

        Return `self` if the received one is not news.
        """
        if received.at < self.at:
            return self
        reports = {report.cause: report for report in self.reports} if received.at == self.at else {}
        before = dict(reports)
        for report in received.reports:
            known = reports.get(report.cause)
            reports[report.cause] = max(known, report, key=_content) if known else report
        if reports == before:
            return self
        merged = replace(_last_of(reports.values()), version=self.version)
        if self.unknown_fields is None or merged.unknown_fields is not None:
            return merged
        return replace(merged, unknown_fields=self.unknown_fields)


def _last_of(reports: Iterable[Subscription]) -> Subscription:
    """Return the state that counts of one instant's events, with the others beside it."""
    ordered = sorted(reports, key=_content)
    entered_more_often = Counter(report.state_id for report in ordered)
    entered_more_often.subtract(report.left for report in ordered if report.left)

    def precedence(report: Subscription) -> tuple[object, ...]:
        is_last = entered_more_often[report.state_id] > 0
        return (is_last, report.status.rank, report.cancel_at is not None, _content(report))

    last = max(ordered, key=precedence)
    return replace(last, instant=tuple(report for report in ordered if report is not last) or None)


def _content(report: Subscription) -> str:
    return canonical(report, without="instant")
