"""What is checked: each model under some bounds, and each guard of the code by taking it away."""

from dataclasses import dataclass

_EVENTS = (  # in the model's order
    *("PAID_1", "PAID_1_TOO", "PAID_2", "LINKED"),
    *("REFUNDED", "REFUND_FAILED", "DISPUTED", "DISPUTE_ENDED", "REFUNDED_2"),
)


def _events(*names: str) -> str:
    return f"EVENTS={sum(1 << _EVENTS.index(name) for name in names)}"


@dataclass(frozen=True, slots=True)
class Configuration:
    """One model under some bounds."""

    name: str
    model: str
    switches: tuple[str, ...]
    is_liveness: bool = False
    seconds: int = 0  # about how long a search of the long form takes; 0: it belongs to the short form


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition of the code, or several. Without it the checker finds a counterexample, unless others do its work."""

    without: str  # the switches that take it away
    where: Configuration
    doubled_by: str = ""  # why nothing breaks without it


_ONE, _ALONE, _NOT_HEARD = "DELIVERERS=1", "SPENDERS=0", "HEARD=0"
_DISPUTE = _events("PAID_1", "DISPUTED", "DISPUTE_ENDED")
_APPROVE = ("PEOPLE=2", "CASES=2", "SENDERS=0", "SPENDERS=1", _NOT_HEARD)

ORDER = Configuration("two payments of an order", "booking", (_events("PAID_1", "PAID_2"), _ALONE))
LINK = Configuration("a refund before its link", "booking", (_events("PAID_1_TOO", "REFUNDED"), _ALONE))
FORGOTTEN = Configuration(
    "a payment told again with its charge", "booking", (_events("PAID_1", "PAID_1_TOO", "REFUNDED"), _ALONE)
)
DUPLICATE = Configuration(
    "a duplicate refunded", "booking", (_events("PAID_1", "PAID_2", "REFUNDED_2"), _ALONE, "BACK=2")
)
DISPUTE = Configuration("a dispute won", "booking", (_DISPUTE, _ALONE))
RUN = Configuration("a run and a dispute lost", "booking", (_DISPUTE, _ONE, "LAST=LOST"))
SAME_RUN = Configuration("a run asked twice at once", "booking", (_events("PAID_1"), _ONE, "SPENDERS=2"))
CLOSED = Configuration("a lot closes and comes back", "booking", (_DISPUTE, _ONE, "LAST=LOST", "CLOSES"))
CLOSED_AT_ONCE = Configuration(
    "a lot closes while it is read", "booking", (_events("PAID_1_TOO", "REFUNDED"), _ALONE, "BACK=2", "CLOSES")
)
BOOKED = Configuration("at last every event is booked", "booking", (_events("PAID_1", "PAID_2"), _ALONE, "LIVE"), True)

ISSUE = Configuration("two senders", "refunds", ("SENDERS=2", _NOT_HEARD))
KEYED = Configuration("two senders, a provider with keys", "refunds", (*ISSUE.switches, "APPROVALS=1", "KEYED"))
APPROVE = Configuration("two cases and a run", "refunds", _APPROVE)
HALVES = Configuration("two cases of half the sum, and a run", "refunds", (*_APPROVE, "AMOUNT=1"))
SETTLE = Configuration("webhooks and the stream", "refunds", ("APPROVALS=1", "NO_FAULTS", "FAILS=0"))
ENDED = Configuration("at last every intent ends", "refunds", ("APPROVALS=1", _NOT_HEARD, "LIVE"), True)

SHORT = (
    *(ORDER, LINK, FORGOTTEN, DUPLICATE, DISPUTE, RUN, SAME_RUN, CLOSED, CLOSED_AT_ONCE, BOOKED),
    *(ISSUE, KEYED, APPROVE, HALVES, SETTLE, ENDED),
)
"""Small enough for every run."""

CRASHES = Configuration("webhooks, the stream and crashes", "refunds", ("FAILS=0",), seconds=90)
CLOSED_AND_REOPENED = Configuration(
    "a lot closes and reopens while it is read",
    "booking",
    (_events("PAID_1_TOO", "REFUNDED", "REFUND_FAILED"), _ALONE, "BACK=2", "CLOSES"),
    seconds=90,
)

LONG = (
    CRASHES,
    CLOSED_AND_REOPENED,
    Configuration(
        "a refund that failed, before its link",
        "booking",
        (_events("PAID_1", "PAID_1_TOO", "REFUNDED", "REFUND_FAILED"), _ALONE),
        seconds=90,
    ),
    Configuration(
        "a refund and a dispute",
        "booking",
        (_events("PAID_1", "REFUNDED", "REFUND_FAILED", "DISPUTED"), _ALONE),
        seconds=60,
    ),
    Configuration(
        "a duplicate refunded, its lot closes",
        "booking",
        (_events("PAID_1", "PAID_2", "REFUNDED_2"), _ALONE, "BACK=2", "CLOSES"),
        seconds=90,
    ),
    Configuration(
        "a run asked twice, in a dispute",
        "booking",
        (_events("PAID_1", "DISPUTED"), _ONE, "SPENDERS=2", "CLOSES"),
        seconds=60,
    ),
    Configuration("webhooks, the stream, crashes, a refund that fails", "refunds", ("APPROVALS=1",), seconds=150),
)
"""Millions of states each."""

GUARDS = (
    # A receipt is in the same transaction as what it stands for.
    Guard("RECEIPT_APART", RUN),
    Guard("NO_RECEIPT", RUN, "facts merge, and a payment grants once: the receipt proves and saves work, no more"),
    # What a grant that reads nothing asks of each item.
    Guard("BLIND_OVER_PURCHASE", RUN),
    Guard("NO_CLAIM_CONDITION", ORDER, "the lot bears the claim's name, and its grant's entry is written once"),
    Guard("NO_LOT_CONDITION", ORDER, "the claim has one payment, and the grant's entry is written once"),
    Guard("NO_CLAIM_CONDITION NO_LOT_CONDITION NO_ENTRY_CONDITION", ORDER),
    Guard("NO_POINTER_CONDITION", LINK),
    Guard("FORGET_THE_LINK", FORGOTTEN),
    # The versions of what was read, item by item.
    Guard("NO_PURCHASE_VERSION", DISPUTE),
    Guard("NO_RIVAL_VERSION", DUPLICATE),
    Guard("NO_ACCOUNT_VERSION", RUN),
    Guard("TRUST_A_TORN_READ", DISPUTE),
    Guard("NO_ENTRY_CONDITION", CLOSED_AND_REOPENED),
    Guard("SPEND_WITHOUT_VERSION", RUN),
    Guard("NO_RUN_CONDITION", SAME_RUN),
    # Approval: one transaction under all versions.
    Guard("APPROVE_WITHOUT_ACCOUNT", APPROVE),
    Guard("APPROVE_WITHOUT_CASE", APPROVE, "who writes a case writes its account too, whose version refuses"),
    Guard("APPROVE_WITHOUT_ACCOUNT APPROVE_WITHOUT_CASE APPROVE_WITHOUT_PURCHASE", APPROVE),
    Guard("INTENT_APART", HALVES),
    Guard("SPEND_WHAT_IS_RESERVED", APPROVE),
    # One refund for one approval.
    Guard("SEND_WITHOUT_LOOKING", ISSUE),
    Guard("TAKE_WITHOUT_VERSION", ISSUE),
    Guard("SHORT_LEASE", ISSUE),
    Guard("SLOW_LISTING", ISSUE),
    Guard("SEND_WITHOUT_LOOKING SLOW_LISTING", KEYED, "the provider knows the tag as its key"),
    Guard("LEASE_WITHOUT_END", ENDED),
    Guard("DROP_WITHOUT_FOLLOWING", CRASHES),
)
