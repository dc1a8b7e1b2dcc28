"""Recent requests of an account: how many of one kind it may make, and when it may make the next one.

The times of the latest requests are kept, at most as many as the limit. So the limit holds in each period of its
length, wherever that begins, and the time to wait is known.
"""

import math
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from ledger.domain.errors import TooManyRequests
from ledger.domain.records import record


class LimitedRequest(StrEnum):
    """A kind of request that an account can make so many times only. A statutory withdrawal is none."""

    ORDERS = "orders"
    CONSENTS = "consents"
    REFUND_REQUESTS = "refund_requests"
    EVIDENCE = "evidence"
    BILLING_PORTAL_SESSIONS = "billing_portal_sessions"


@record(frozen=True, kw_only=True)
class RequestLimit:
    """How many requests of one kind an account may make within a time."""

    most: int
    within: timedelta


@record(frozen=True, kw_only=True)
class RecentRequests:
    """The times of an account's latest requests of one kind, the oldest first."""

    times: tuple[datetime, ...] = ()
    version: int = 0  # 0: not stored yet

    def plus(self, at: datetime, limit: RequestLimit) -> "RecentRequests":
        """Return the requests with one of this time. Raise TooManyRequests if the limit is reached."""
        recent = [time for time in self.times if time > at - limit.within]
        if len(recent) >= limit.most:
            wait = recent[-limit.most] + limit.within - at
            raise TooManyRequests(limit.most, limit.within, math.ceil(wait.total_seconds()))
        return replace(self, times=tuple(sorted((*recent, at))))
