"""Audit records: what support staff did, to whom and why."""

from datetime import datetime
from enum import StrEnum

from ledger.domain.records import record


class AuditAction(StrEnum):
    """What a person of support can do that is recorded."""

    HOLD = "hold"
    LIFT = "lift"
    APPROVE = "approve"
    REPLACE = "replace"
    DECLINE = "decline"
    STATE_AMOUNT = "state_amount"
    ADJUST = "adjust"
    REPLACE_RUNS = "replace_runs"  # the credits of all runs that failed in an incident
    ATTRIBUTE = "attribute"  # say whose a parked event is
    REPLAY = "replay"  # try again to book a parked event
    DISMISS = "dismiss"  # say that a parked event is none of ours
    INFORM = "inform"  # mail the information about the right of withdrawal that was not shown with an order
    MUTE = "mute"  # say that parked events of a kind need no attention
    UNMUTE = "unmute"  # that they do again
    CARRY_OUT = "carry_out"  # have a declaration without a login carried out
    CLOSE = "close"  # close one, or answer a review
    FORWARD = "forward"  # pass a withdrawal on to who sold the contract
    PROPOSE = "propose"  # an act that needs a second person
    CONFIRM = "confirm"  # the act that a colleague proposed
    REJECT = "reject"


@record(frozen=True, kw_only=True)
class AuditRecord:
    """One action of a person of support. It is written in the transaction that carries the action out."""

    actor: str
    action: AuditAction
    # The id of a hold, case, order, adjustment, incident, proposal, event or declaration; a provider's of the money
    subject: str
    reason: str  # in the person's own words
    at: datetime
    step: int  # the version of what the action changed, as it was read; it tells the actions of one instant apart
    amount: int = 0  # that it moved at most, in its unit
    unit: str = ""  # a currency, or `credits`; empty: it moved nothing
    is_counted: bool = False  # it is in the sums of its actor and its account: one person did it alone
