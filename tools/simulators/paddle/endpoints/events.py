"""/events"""

from tools.simulators.common.account import Json
from tools.simulators.common.clock import DAY_S, stamp
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.paddle.parameters import Parameters, compares

EVENT_RETENTION_S = 90 * DAY_S


def list_events(account: PaddleAccount, params: Parameters) -> list[Json]:
    """Return the stored events that match the filters."""
    kinds, bounds = params.listed("event_type"), {"from": "GTE", "to": "LT"}
    stored_since = stamp(account.clock.now() - EVENT_RETENTION_S)
    found = [one for one in account.listed(account.outbox.events) if one["occurred_at"] >= stored_since]
    for name, comparator in bounds.items():
        if value := params.query.get(name):
            found = [one for one in found if compares(one["occurred_at"], comparator, value)]
    return [one for one in found if not kinds or one["event_type"] in kinds]
