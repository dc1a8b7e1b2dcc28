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
    """A condition of the code, or several. Without it what it guards breaks, unless others do its work."""

    without: str  # the switches that take it away
    where: Configuration
    breaks: str = ""  # the first that the checker finds broken, by its name in the model; none if others do its work
    doubled_by: str = ""  # these
    seconds: int = 0  # as of a configuration


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
APPROVE_AT_ONCE = Configuration(
    "one case approved twice at once, and a sender",
    "refunds",
    ("PEOPLE=2", "AMOUNT=1", "APPROVALS=1", "NO_FAULTS", _NOT_HEARD),
)
SEND_AND_DRAW = Configuration("a sender and a run", "refunds", ("AMOUNT=1", "APPROVALS=1", "SPENDERS=1", _NOT_HEARD))
SETTLE = Configuration("webhooks and the stream", "refunds", ("APPROVALS=1", "NO_FAULTS", "FAILS=0"))
ENDED = Configuration("at last every intent ends", "refunds", ("APPROVALS=1", _NOT_HEARD, "LIVE"), True)

SHORT = (
    *(ORDER, LINK, FORGOTTEN, DUPLICATE, DISPUTE, RUN, SAME_RUN, CLOSED, CLOSED_AT_ONCE, BOOKED),
    *(ISSUE, KEYED, APPROVE, HALVES, APPROVE_AT_ONCE, SEND_AND_DRAW, SETTLE, ENDED),
)
"""Small enough for every run."""

CRASHES = Configuration("webhooks, the stream and crashes", "refunds", ("FAILS=0",), seconds=90)
ANEW = Configuration("webhooks and the stream, approved anew", "refunds", ("NO_FAULTS", "FAILS=0"), seconds=10)
SETTLE_AND_DRAW = Configuration(
    "webhooks, the stream and a run", "refunds", (*SETTLE.switches, "AMOUNT=1", "SPENDERS=1"), seconds=30
)
CLOSED_AND_REOPENED = Configuration(
    "a lot closes and reopens while it is read",
    "booking",
    (_events("PAID_1_TOO", "REFUNDED", "REFUND_FAILED"), _ALONE, "BACK=2", "CLOSES"),
    seconds=90,
)

TWO_CASES = Configuration(
    "webhooks, the stream and two cases", "refunds", ("CASES=2", "AMOUNT=1", "NO_FAULTS", "FAILS=0"), seconds=600
)
"""Too large to come to its end: it is broken, but never claimed to hold."""

LONG = (
    CRASHES,
    ANEW,
    SETTLE_AND_DRAW,
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
    Guard("RECEIPT_APART", RUN, "converged"),
    Guard("RECEIPT_APART NO_FAULTS", RUN, doubled_by="nobody dies between the two"),
    Guard(
        "NO_RECEIPT",
        RUN,
        doubled_by="facts merge, and a payment grants once: the receipt proves and saves work, no more",
    ),
    # What a grant that reads nothing asks of each item.
    Guard("BLIND_OVER_PURCHASE", RUN, "converged"),
    Guard(
        "NO_FULFILMENT_KEY_CONDITION",
        ORDER,
        doubled_by="the lot bears the fulfilment key's name, and its grant's entry is written once",
    ),
    Guard(
        "NO_LOT_CONDITION",
        ORDER,
        doubled_by="the fulfilment key has one payment, and the grant's entry is written once",
    ),
    Guard("NO_FULFILMENT_KEY_CONDITION NO_LOT_CONDITION NO_ENTRY_CONDITION", ORDER, "_balances"),
    Guard("NO_POINTER_CONDITION", LINK, "converged"),
    Guard("FORGET_THE_LINK", FORGOTTEN, "converged"),
    # The versions of what was read, item by item.
    Guard("NO_PURCHASE_VERSION", DISPUTE, "_on_target"),
    Guard("NO_RIVAL_VERSION", DUPLICATE, "converged"),
    Guard("NO_ACCOUNT_VERSION", RUN, "_balances"),
    Guard("TRUST_A_TORN_READ", DISPUTE, "_on_target"),
    Guard("NO_ENTRY_CONDITION", CLOSED_AND_REOPENED, "_lots"),
    Guard("SPEND_WITHOUT_VERSION", RUN, "_balances"),
    Guard("SPEND_WITHOUT_VERSION", APPROVE, "_on_target"),
    Guard("NO_RUN_CONDITION", SAME_RUN, "_balances"),
    # Approval: one transaction under all versions.
    Guard("APPROVE_WITHOUT_ACCOUNT", APPROVE, "_drawn"),
    Guard("APPROVE_WITHOUT_CASE", APPROVE_AT_ONCE, "_one_refund"),
    Guard(
        "APPROVE_WITHOUT_PURCHASE",
        APPROVE,
        doubled_by="who moves a purchase's target writes its account, whose version refuses",
    ),
    Guard("APPROVE_WITHOUT_ACCOUNT APPROVE_WITHOUT_CASE APPROVE_WITHOUT_PURCHASE", APPROVE, "_approved"),
    Guard(
        "APPROVE_OVER_AN_INTENT",
        APPROVE_AT_ONCE,
        doubled_by="who writes an intent writes its case, whose version refuses",
    ),
    Guard("INTENT_APART", HALVES, "_in_the_outbox"),
    Guard("SPEND_WHAT_IS_RESERVED", APPROVE, "_reserved"),
    # One refund for one approval.
    Guard("SEND_WITHOUT_LOOKING", ISSUE, "_one_refund"),
    Guard("TAKE_WITHOUT_VERSION", ISSUE, "_one_refund"),
    Guard("SHORT_LEASE", ISSUE, "_one_refund"),
    Guard("SEND_WHEN_HELD_UP", ISSUE, doubled_by="a function ends before its lease does"),
    Guard("SLOW_LISTING", ISSUE, "_one_refund"),
    Guard("SEND_WITHOUT_LOOKING SLOW_LISTING", KEYED, doubled_by="the provider knows the tag as its key"),
    Guard("LEASE_WITHOUT_END", ENDED, "acceptance cycle"),
    # What ends a sending, and what is heard of it.
    Guard("END_WITHOUT_PURCHASE", SETTLE, "_on_target"),
    Guard("END_WITHOUT_ACCOUNT", SEND_AND_DRAW, "_drawn"),
    Guard("END_WITHOUT_CASE", SETTLE, doubled_by="the facts written with it have the case followed again", seconds=5),
    Guard("HEAR_WITHOUT_PURCHASE", TWO_CASES, "converged", seconds=10),
    Guard("HEAR_WITHOUT_ACCOUNT", SETTLE_AND_DRAW, "_drawn", seconds=10),
    Guard("FOLLOW_WITHOUT_CASE", ANEW, "_in_the_outbox", seconds=10),
    Guard(
        "FOLLOW_WITHOUT_ACCOUNT", SETTLE, doubled_by="no credits are moved, and the case's version refuses", seconds=5
    ),
    Guard("DROP_WITHOUT_FOLLOWING", CRASHES, "_in_the_outbox"),
)
"""Some of the short form break a configuration of the long one: what is broken is found long before its end."""
