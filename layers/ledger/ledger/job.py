"""Jobs: what the functions share that a schedule, the bus or a queue starts."""

from datetime import datetime, timedelta

from ledger.runtime import Runtime

TIME_FOR_AN_ITEM = timedelta(seconds=10)
"""What one item may take. A round begins no item with less time left, so that Lambda stops no round halfway."""


class JobWatch:
    """Report a round to log and metrics, and end it before Lambda does: see `ledger.usecases.sweep.Watch`."""

    def __init__(
        self,
        services: Runtime,
        context: object,
        time_for_an_item: timedelta = TIME_FOR_AN_ITEM,
        *,
        backlog: str = "Backlog",
        oldest: str = "OldestItemAge",
    ) -> None:
        """Report number and age of what waits as the metrics `backlog` and `oldest`."""
        self._services = services
        self._context = context
        self._time_for_an_item = time_for_an_item
        self._backlog = backlog
        self._oldest = oldest

    def backlog(self, count: int, oldest_at: datetime | None, *, is_at_least: bool = False) -> None:
        """Publish number and age at once: whatever happens to the round, they are reported."""
        now = self._services.now()
        if is_at_least:
            self._services.logger.warning("more waits than one round takes", extra={"at_least": count})
        age = now - (oldest_at or now)
        self._services.metrics.add_metric(self._backlog, "Count", count)
        self._services.metrics.add_metric(self._oldest, "Seconds", max(0.0, age.total_seconds()))
        self._services.publish_metrics()

    def failed(self, name: str, error: Exception) -> None:
        """Log which item failed, and why."""
        self._services.logger.error("item failed", exc_info=error, extra={"item": name, "error": type(error).__name__})
        self._services.metrics.add_metric("FailedItems", "Count", 1)

    def has_time(self) -> bool:
        """Return whether Lambda leaves time for one more item. Outside Lambda there is always time."""
        remaining_ms = getattr(self._context, "get_remaining_time_in_millis", None)
        return remaining_ms is None or remaining_ms() > self._time_for_an_item / timedelta(milliseconds=1)
