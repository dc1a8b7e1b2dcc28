"""Each way in which the rules about lots, entries and runs can be broken is named, and nothing else is."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from ledger.domain.accounts import Account
from ledger.domain.entries import CounterAccount, Entry, EntryKind
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.refund_cases import CaseState, RefundCase
from ledger.domain.runs import FailedRun, Run
from tools.testing.builders import ADA, LATER, at, payment, refund
from tools.testing.planting import (
    Fault,
    Rule,
    account,
    add_facts,
    double,
    drop,
    drop_fact,
    drop_lot,
    name_of,
    named,
    one,
    put,
    put_fact,
    put_lot,
    rows,
)
from tools.verify import World
from tools.verify.lots import (
    balanced,
    balances,
    drawn,
    figures,
    granted_once,
    nothing_left_without_money,
    on_target,
    times_of_entries,
    within_grant,
)

EVE = AccountId("acct_eve")
SPENT, LASTING = "stripe:pi_1/0", "stripe:pi_2/0"  # of `used`: the one has expired, the other has not
PERIOD = "period/stripe:sub_1/2026-11-01T00:00:00Z/0"
EXPIRED_BY_JOB, EXPIRED_BY_RUN = "stripe:pi_1/0/7/expire/expiry", "stripe:pi_1/0/8/expire/expiry"
ENDED = "period/stripe:sub_1/2026-11-01T12:00:00Z/0"  # of `renewed`
ORDER = "order/ord_1/0"  # of `paid_again`: refunded, paid again, and rescheduled by that


def entry(whole: World, kind: EntryKind, lot_id: str | None = None, **having: object) -> Entry:
    """The first entry of a kind, and of a lot."""
    return one(whole.entries, kind=kind, **({"lot_id": lot_id} if lot_id else {}), **having)


def of_lots(whole: World, start: str) -> Entry:
    """The first grant of a lot whose id begins so."""
    return next(one for one in whole.entries if one.kind is EntryKind.GRANT and one.lot_id.startswith(start))


def run(whole: World, number: int) -> Run:
    """A run by its number."""
    return one(whole.runs, run_id=f"run_{number}")


def failed(whole: World, number: int) -> FailedRun:
    """What is listed of a run that failed."""
    return one((listed for _, listed in whole.failed_runs), run_id=f"run_{number}")


def replaced(whole: World) -> RefundCase:
    """The case that ended with goodwill."""
    return one(whole.cases.values(), state=CaseState.REPLACED)


def goodwill(whole: World) -> str:
    """Its lot."""
    return f"goodwill/{replaced(whole).case_id}/0"


def granted_to_nobody(whole: World) -> None:
    """A second grant of a lot of another account, whose payment is not there."""
    granted = entry(whole, EntryKind.GRANT, LASTING)
    whole.entries.append(replace(granted, account_id=EVE))


def with_goodwill(whole: World, **changes: object) -> RefundCase:
    """The lot of the goodwill has changed."""
    put_lot(whole, goodwill(whole), **changes)
    return replaced(whole)


def granted_goodwill_twice(whole: World) -> RefundCase:
    """Its grant is there twice."""
    double(whole, entry(whole, EntryKind.GRANT, goodwill(whole)))
    return replaced(whole)


def without_goodwill(whole: World) -> RefundCase:
    """Neither the lot nor its grant is there."""
    drop(whole, entry(whole, EntryKind.GRANT, goodwill(whole)))
    drop_lot(whole, goodwill(whole))
    return replaced(whole)


def without_goodwills_lot(whole: World) -> RefundCase:
    """Its grant is there, and no lot."""
    drop_lot(whole, goodwill(whole))
    return replaced(whole)


def without_decision(whole: World) -> RefundCase:
    """Nobody knows how many credits were decided."""
    return put(whole, replaced(whole), decision=None)


def not_replaced(whole: World) -> str:
    """The case that gave credits ended otherwise."""
    lot_id = goodwill(whole)
    put(whole, replaced(whole), state=CaseState.DECLINED)
    return lot_id


def refused(whole: World, **changed: Any) -> Run:
    """A run got nothing: the account lacked credits."""
    whole.runs.append(replace(run(whole, 3), run_id="run_8", drawn={}, returned={}, missing=500))
    return put(whole, whole.runs[-1], **changed)


def failed_after_refusal(whole: World, **changed: Any) -> None:
    """The same run was reported as failed, and is listed."""
    failed = refused(whole, at=at(95), failed_at=at(95), **changed)
    listed = FailedRun(run_id=failed.run_id, credits=0, at=at(95), error="")
    whole.failed_runs.append((failed.account_id, listed))


def given_back_at_once(whole: World) -> None:
    """The rest of a run could not be drawn any more, and its first part came back in the same call."""
    known = run(whole, 3)
    draw = one(whole.entries, cause="run:run_3")
    double(whole, draw, kind=EntryKind.RETURN, credits=-draw.credits, step=draw.step + 1)
    put(whole, known, drawn={}, missing=known.credits, resumed_at=known.at)


def in_parts(whole: World, *, drawn_at: datetime, until: datetime) -> None:
    """A run was drawn in several calls; one of its entries has this time."""
    put(whole, run(whole, 3), resumed_at=until)
    put(whole, one(whole.entries, cause="run:run_3"), occurred_at=drawn_at)


def drawn_goodwill(whole: World) -> None:
    """Credits of goodwill are spent like others."""
    put_lot(whole, goodwill(whole), drawn=40)


def stored_twice(whole: World) -> None:
    """Two purchases have the same payment. It grants its lot once."""
    settled = replace(payment(PaymentId("stripe:pi_3"), minute=40))
    put(whole, one(whole.payments.values(), payment_id="stripe:pi_4"), facts={"payment": settled})


def wholly_refunded(whole: World, *, gone_minor: int, **lot: int) -> Lot:
    """All but so much of a payment went back, and credits are left."""
    add_facts(whole, "stripe:pi_2", refund(gone_minor, refund_id="re_9"))
    return put_lot(whole, LASTING, **lot)


def free(whole: World) -> Lot:
    """A payment of nothing: an order with a full discount."""
    settled = replace(payment(PaymentId("stripe:pi_2")), paid_minor=0)
    put(whole, one(whole.payments.values(), payment_id="stripe:pi_2"), facts={"payment": settled})
    return put_lot(whole, LASTING)


def listed_for(whole: World, owner: AccountId) -> FailedRun:
    """A failure is listed for another account."""
    known = failed(whole, 1)
    whole.failed_runs = [(owner if listed is known else of, listed) for of, listed in whole.failed_runs]
    return known


def renamed(whole: World, known: Entry, **changes: object) -> Entry:
    """An entry with these changes, and the id that it should have."""
    new = replace(known, **changes)  # type: ignore[arg-type]
    return put(whole, known, **changes, entry_id=f"{new.lot_id}/{new.step}/{new.kind}/{new.counter}")


def account_without(whole: World, lot_id: str) -> Account:
    """An account that has lost a lot."""
    drop_lot(whole, lot_id)
    return account(whole)


def beside_the_share(whole: World, number: int) -> Entry:
    """A lot is granted that the share of its incident does not count."""
    share = one(whole.incident_shares.values(), account_id=ADA)
    granted = of_lots(whole, share.lot_id(1))
    more = replace(granted, lot_id=share.lot_id(number))
    whole.entries.append(more)
    return more


FAULTS: dict[Rule, list[Fault]] = {
    balances: [
        Fault("a lot has more", "used", lambda w: put_lot(w, LASTING, drawn=4), (ADA,)),
        Fault("a lot has less", "used", lambda w: put_lot(w, LASTING, drawn=6), (ADA,)),
        Fault("an entry is missing", "used", lambda w: drop(w, entry(w, EntryKind.DRAW)), (ADA,)),
        Fault("an entry is there twice", "used", lambda w: double(w, entry(w, EntryKind.DRAW)), (ADA,)),
        Fault("an entry has the other sign", "used", lambda w: put(w, entry(w, EntryKind.DRAW), credits=10), (ADA,)),
        Fault("entries are of another account", "used", lambda w: put(w, w.entries[0], account_id=EVE), (ADA, EVE)),
        Fault("a lot is missing", "used", lambda w: drop_lot(w, LASTING), (ADA,)),
        Fault("the account is not there", "used", lambda w: w.accounts.clear(), (ADA,)),
        Fault("a balance without entries", "used", lambda w: w.entries.clear(), (ADA,)),
        Fault(
            "entries of an account that is not there come to nothing",
            "used",
            lambda w: [double(w, entry(w, EntryKind.DRAW), account_id=EVE, credits=credits_) for credits_ in (7, -7)],
        ),
        Fault("an account without lots", "used", lambda w: w.accounts.setdefault(EVE, Account(account_id=EVE))),
    ],
    figures: [
        *(
            Fault(
                f"{figure} is another",
                "used",
                lambda w, figure=figure: put_lot(w, LASTING, **{figure: getattr(account(w).lots[LASTING], figure) + 1}),
                (f"{ADA}/{LASTING}",),
            )
            for figure in ("granted", "drawn", "refunded", "disputed", "expired")
        ),
        Fault("it is frozen", "used", lambda w: put_lot(w, LASTING, is_frozen=True), (f"{ADA}/{LASTING}",)),
        Fault("it is not frozen", "held", lambda w: put_lot(w, SPENT, is_frozen=False), (f"{ADA}/{SPENT}",)),
        Fault("a freeze is missing", "held", lambda w: drop(w, entry(w, EntryKind.FREEZE)), (f"{ADA}/{SPENT}",)),
        Fault("a freeze is doubled", "held", lambda w: double(w, entry(w, EntryKind.FREEZE)), (f"{ADA}/{SPENT}",)),
        Fault("a thaw is missing", "held", lambda w: drop(w, entry(w, EntryKind.THAW)), (f"{ADA}/{SPENT}",)),
        Fault("it is reserved", "used", lambda w: put_lot(w, LASTING, reserved=1), (f"{ADA}/{LASTING}",)),
        Fault("nothing reserved it", "requested", lambda w: drop(w, entry(w, EntryKind.RESERVE)), (f"{ADA}/{PERIOD}",)),
        Fault("it was reserved twice", "requested", lambda w: double(w, entry(w, EntryKind.RESERVE))),
        Fault("it is no more reserved", "requested", lambda w: put_lot(w, PERIOD, reserved=0)),
        Fault("it is missing", "used", lambda w: drop_lot(w, LASTING), (f"{ADA}/{LASTING}",)),
        Fault("its entries are missing", "used", lambda w: w.entries.clear(), (f"{ADA}/{SPENT}", f"{ADA}/{LASTING}")),
        Fault(
            "an entry is of another lot",
            "used",
            lambda w: put(w, entry(w, EntryKind.DRAW, SPENT), lot_id=LASTING),
            (f"{ADA}/{SPENT}", f"{ADA}/{LASTING}"),
        ),
        Fault(
            "an entry is of another account",
            "used",
            lambda w: put(w, entry(w, EntryKind.DRAW, SPENT), account_id=EVE),
            (f"{ADA}/{SPENT}", f"{EVE}/{SPENT}"),
        ),
        Fault(
            "a freeze is of another lot",
            "held",
            lambda w: put(w, entry(w, EntryKind.FREEZE), lot_id="stripe:pi_9/0"),
            (f"{ADA}/{SPENT}", f"{ADA}/stripe:pi_9/0"),
        ),
        Fault(
            "an entry has another counter-account",
            "used",
            lambda w: put(w, entry(w, EntryKind.DRAW, SPENT), counter=CounterAccount.REFUNDS),
            (f"{ADA}/{SPENT}",),
        ),
        Fault(
            "it has another source",
            "used",
            lambda w: put_lot(w, LASTING, source=CounterAccount.GOODWILL),
            (f"{ADA}/{LASTING}",),
        ),
        Fault("a closed lot is another", "used", lambda w: put_lot(w, SPENT, expired=29), (f"{ADA}/{SPENT}",)),
    ],
    granted_once: [
        Fault("a grant is missing", "used", lambda w: drop(w, entry(w, EntryKind.GRANT, LASTING)), (LASTING,)),
        Fault("a grant is doubled", "used", lambda w: double(w, entry(w, EntryKind.GRANT, LASTING)), (LASTING,)),
        Fault(
            "a grant is of another account",
            "used",
            lambda w: put(w, entry(w, EntryKind.GRANT, LASTING), account_id=EVE),
            (LASTING, f"{EVE}/{LASTING}"),
        ),
        Fault("a grant of another account too", "used", granted_to_nobody, (f"{EVE}/{LASTING}",)),
        Fault(
            "a grant of another lot",
            "used",
            lambda w: put(w, entry(w, EntryKind.GRANT, LASTING), lot_id="stripe:pi_9/0"),
            (LASTING, f"{ADA}/stripe:pi_9/0"),
        ),
        Fault(
            "a grant without a payment",
            "used",
            lambda w: w.payments.pop(PaymentId("stripe:pi_2")),
            (f"{ADA}/{LASTING}",),
        ),
        Fault(
            "a duplicate is granted",
            "paid_again",
            lambda w: put(w, entry(w, EntryKind.GRANT), lot_id="stripe:pi_2/0"),
            (ORDER, f"{ADA}/stripe:pi_2/0"),
        ),
        Fault(
            "a payment is stored twice",
            "paid_again",
            stored_twice,
            (f"{ADA}/stripe:pi_4/0",),
        ),
        Fault(
            "a line is not granted",
            "of_two_lines",
            lambda w: drop(w, entry(w, EntryKind.GRANT, "stripe:pi_1/1")),
            (SPENT,),
        ),
        Fault("goodwill is granted twice", "requested", granted_goodwill_twice, ("{0.case_id}",)),
        Fault("goodwill is not granted", "requested", without_goodwill, ("{0.case_id}",)),
        Fault("goodwill has no lot", "requested", without_goodwills_lot, ("{0.case_id}",)),
        Fault("goodwill is more", "requested", lambda w: with_goodwill(w, granted=101), ("{0.case_id}",)),
        Fault(
            "goodwill is a sale", "requested", lambda w: with_goodwill(w, source=CounterAccount.SALES), ("{0.case_id}",)
        ),
        Fault("goodwill expires", "requested", lambda w: with_goodwill(w, expires_at=LATER), ("{0.case_id}",)),
        Fault("goodwill is taken back", "requested", lambda w: with_goodwill(w, refunded=1), ("{0.case_id}",)),
        Fault("goodwill is spent", "requested", drawn_goodwill),
        Fault("goodwill of no decision", "requested", without_decision, ("{0.case_id}",)),
        Fault("goodwill of a case that was declined", "requested", not_replaced, (f"{ADA}/{{0}}",)),
        *(
            Fault(
                f"{what} is granted twice",
                ledger,
                lambda w, start=start: double(w, of_lots(w, start)),
                ("{0.account_id}/{0.lot_id}",),
            )
            for what, ledger, start in (
                ("an adjustment", "by_two", "goodwill/adj_"),
                ("what replaced failed runs", "made_good", "goodwill/inc_"),
            )
        ),
        *(
            Fault(
                f"an incident gave lot {number} of one",
                "made_good",
                lambda w, number=number: beside_the_share(w, number),
                ("{0.account_id}/{0.lot_id}",),
            )
            for number in (0, 2)
        ),
    ],
    on_target: [
        *(
            Fault(
                f"{part} is another",
                "used",
                lambda w, part=part, value=value: put_lot(w, LASTING, **{part: value}),
                (LASTING,),
            )
            for part, value in (
                ("granted", 999),
                ("refunded", 1),
                ("disputed", 1),
                ("refund_target", 1),
                ("dispute_target", 1),
                ("reserve_target", 1),
                ("reserved", 1),
                ("is_frozen", True),
                ("expires_at", LATER),
                ("grace_from", LATER),
                ("subscription_id", "stripe:sub_9"),
            )
        ),
        Fault("it is missing", "used", lambda w: drop_lot(w, LASTING), (LASTING,)),
        Fault("it is of another account", "used", lambda w: put_fact(w, "payment", account_id=EVE), (SPENT,)),
        Fault("a refund came to nothing", "refunded", lambda w: drop_fact(w, "refund:"), (SPENT,)),
        Fault("a dispute came to nothing", "charged_back", lambda w: drop_fact(w, "dispute:"), (PERIOD,)),
        Fault(
            "more was paid for",
            "used",
            lambda w: put_fact(w, "payment", lines=(replace(payment().lines[0], credits=31),)),
            (SPENT,),
        ),
    ],
    within_grant: [
        *(
            Fault(
                f"{figure} is below nothing",
                "used",
                lambda w, figure=figure: put_lot(w, LASTING, **{figure: -1}),
                (f"{ADA}/{LASTING}",),
            )
            for figure in ("granted", "drawn", "refunded", "disputed", "expired")
        ),
        Fault("more was drawn than granted", "used", lambda w: put_lot(w, LASTING, drawn=1001), (f"{ADA}/{LASTING}",)),
        Fault("all was drawn", "used", lambda w: put_lot(w, LASTING, drawn=1000)),
        Fault(
            "more was taken back than is due", "used", lambda w: put_lot(w, LASTING, refunded=1), (f"{ADA}/{LASTING}",)
        ),
        Fault("nothing was ever in it", "used", lambda w: put_lot(w, SPENT, granted=0, expired=0)),
        Fault("a closed lot gave more", "used", lambda w: put_lot(w, SPENT, expired=31), (f"{ADA}/{SPENT}",)),
    ],
    nothing_left_without_money: [
        Fault("all went back, and credits are left", "used", lambda w: wholly_refunded(w, gone_minor=2000), (LASTING,)),
        Fault(
            "more went back, and credits are left", "used", lambda w: wholly_refunded(w, gone_minor=2001), (LASTING,)
        ),
        Fault("a cent is left", "used", lambda w: wholly_refunded(w, gone_minor=1999)),
        Fault("no credits are left", "used", lambda w: wholly_refunded(w, gone_minor=2000, refunded=995)),
        Fault(
            "a cent was paid and went back",
            "used",
            lambda w: (
                put_fact(w, "payment", paid_minor=1),
                add_facts(w, "stripe:pi_1", refund(1)),
                put_lot(w, SPENT, expired=0),
            ),
            (SPENT,),
        ),
        Fault("its lot is not there", "used", lambda w: (wholly_refunded(w, gone_minor=2000), drop_lot(w, LASTING))),
        Fault("it cost nothing", "used", free),
        Fault("a chargeback took all", "charged_back", lambda w: put_lot(w, PERIOD, disputed=999), (PERIOD,)),
        Fault(
            "a refund and a chargeback took all",
            "charged_back",
            lambda w: (
                put_fact(w, "dispute:", amount_minor=1500),
                add_facts(w, "stripe:in_1", refund(500)),
                put_lot(w, PERIOD, disputed=999),
            ),
            (PERIOD,),
        ),
        Fault(
            "both payments for one thing went back",
            "paid_again",
            lambda w: add_facts(w, "stripe:pi_2", refund(2000, refund_id="re_9")),
            (ORDER,),
        ),
    ],
    balanced: [
        *(
            Fault(
                f"{kind} against {counter}",
                "used",
                lambda w, kind=kind, counter=counter, sign=sign: renamed(
                    w, w.entries[0], kind=kind, counter=counter, credits=sign
                ),
                () if is_posting else ("{0.entry_id}",),
            )
            for kind, counters, sign in (
                (EntryKind.GRANT, "sales goodwill", 1),
                (EntryKind.ADJUST, "sales goodwill", 1),
                (EntryKind.DRAW, "usage", -1),
                (EntryKind.RETURN, "usage", 1),
                (EntryKind.CLAWBACK, "refunds disputes", -1),
                (EntryKind.RESTORE, "refunds disputes", 1),
                (EntryKind.EXPIRE, "expiry", -1),
                (EntryKind.FREEZE, "disputes", 0),
                (EntryKind.THAW, "disputes", 0),
                (EntryKind.RESERVE, "refunds", 0),
                (EntryKind.RELEASE, "refunds", 0),
                (EntryKind.RESCHEDULE, "expiry", 0),
            )
            for counter in CounterAccount
            for is_posting in [counter in counters.split()]
        ),
        *(
            Fault(
                f"{kind} of {sign}",
                "used",
                lambda w, kind=kind, counter=counter, sign=sign: renamed(
                    w, w.entries[0], kind=kind, counter=counter, credits=sign
                ),
                () if is_right else ("{0.entry_id}",),
            )
            for kind, counter, signs in (
                (EntryKind.GRANT, CounterAccount.SALES, {0, 5}),
                (EntryKind.ADJUST, CounterAccount.SALES, {5, -5}),
                (EntryKind.DRAW, CounterAccount.USAGE, {-5}),
                (EntryKind.RETURN, CounterAccount.USAGE, {5}),
                (EntryKind.CLAWBACK, CounterAccount.REFUNDS, {-5}),
                (EntryKind.RESTORE, CounterAccount.REFUNDS, {5}),
                (EntryKind.EXPIRE, CounterAccount.EXPIRY, {5, -5}),
                (EntryKind.FREEZE, CounterAccount.DISPUTES, {0}),
                (EntryKind.THAW, CounterAccount.DISPUTES, {0}),
                (EntryKind.RESERVE, CounterAccount.REFUNDS, {0}),
                (EntryKind.RELEASE, CounterAccount.REFUNDS, {0}),
                (EntryKind.RESCHEDULE, CounterAccount.EXPIRY, {0}),
            )
            for sign in (5, 1, 0, -1, -5)
            for is_right in [(5 if sign > 0 else -5 if sign < 0 else 0) in signs]
        ),
        Fault("its id is another", "used", lambda w: put(w, entry(w, EntryKind.DRAW), entry_id="x"), ("x",)),
        *(
            Fault(
                f"its {part} is another",
                "used",
                lambda w, part=part, value=value: put(w, entry(w, EntryKind.DRAW), **{part: value}),
                ("{0.entry_id}",),
            )
            for part, value in (
                ("lot_id", "stripe:pi_9/0"),
                ("step", 99),
                ("kind", EntryKind.GRANT),
                ("counter", CounterAccount.SALES),
            )
        ),
    ],
    times_of_entries: [
        Fault(
            "a grant at another time",
            "used",
            lambda w: put(w, entry(w, EntryKind.GRANT, LASTING), occurred_at=at(1)),
            ("{0.entry_id}",),
        ),
        Fault(
            "a grant expires",
            "used",
            lambda w: put(w, entry(w, EntryKind.GRANT, LASTING), expires_at=LATER),
            ("{0.entry_id}", f"{ADA}/{LASTING}"),
        ),
        Fault(
            "a grant never expires",
            "used",
            lambda w: put(w, entry(w, EntryKind.GRANT, SPENT), expires_at=None),
            ("{0.entry_id}", EXPIRED_BY_JOB, EXPIRED_BY_RUN, f"{ADA}/{SPENT}"),
        ),
        Fault(
            "a draw happened before it was recorded",
            "used",
            lambda w: put(w, entry(w, EntryKind.DRAW), occurred_at=at(89)),
            ("{0.entry_id}",),
        ),
        Fault(
            "a provider's entry happened before it was recorded",
            "held",
            lambda w: put(w, entry(w, EntryKind.FREEZE), occurred_at=at(3)),
        ),
        Fault(
            "a draw has the time of an expiry", "used", lambda w: put(w, entry(w, EntryKind.DRAW), expires_at=at(100))
        ),
        Fault(
            "a draw has the time of another expiry",
            "used",
            lambda w: put(w, entry(w, EntryKind.DRAW), expires_at=at(101)),
            ("{0.entry_id}",),
        ),
        Fault(
            "an expiry by the job at another time",
            "used",
            lambda w: put(w, one(w.entries, entry_id=EXPIRED_BY_JOB), occurred_at=at(101)),
            ("{0.entry_id}",),
        ),
        Fault(
            "an expiry by a return at another time",
            "used",
            lambda w: put(w, one(w.entries, entry_id=EXPIRED_BY_RUN), occurred_at=at(60 * 24 * 3)),
            ("{0.entry_id}",),
        ),
        Fault(
            "an expiry by a refund at the refund's time",
            "used",
            lambda w: put(w, one(w.entries, entry_id=EXPIRED_BY_RUN), occurred_at=at(0), cause="stripe:evt"),
        ),
        Fault(
            "an act of a person happened before it was recorded",
            "foreign",
            lambda w: put(w, entry(w, EntryKind.RELEASE), occurred_at=at(29)),
            ("{0.entry_id}",),
        ),
        Fault(
            "an approval happened before it was recorded",
            "requested",
            lambda w: put(w, entry(w, EntryKind.RESERVE), occurred_at=at(59)),
            ("{0.entry_id}",),
        ),
        Fault(
            "goodwill happened before it was recorded",
            "requested",
            lambda w: put(w, entry(w, EntryKind.GRANT, goodwill(w)), occurred_at=at(70)),
            ("{0.entry_id}",),
        ),
        Fault(
            "an entry was recorded before its event was received",
            "used",
            lambda w: put(w, w.entries[0], recorded_at=at(-1)),
            ("{0.entry_id}",),
        ),
        Fault(
            "a lot expires at another time", "used", lambda w: put_lot(w, SPENT, expires_at=LATER), (f"{ADA}/{SPENT}",)
        ),
        Fault("a lot never expires", "used", lambda w: put_lot(w, SPENT, expires_at=None), (f"{ADA}/{SPENT}",)),
        Fault(
            "nothing granted a lot",
            "used",
            lambda w: drop(w, entry(w, EntryKind.GRANT, LASTING)),
            (f"{ADA}/{LASTING}",),
        ),
        Fault(
            "a new time is missing",
            "paid_again",
            lambda w: drop(w, entry(w, EntryKind.RESCHEDULE)),
            (f"{ADA}/{ORDER}",),
        ),
        Fault(
            "a new time is another",
            "paid_again",
            lambda w: put(w, entry(w, EntryKind.RESCHEDULE), expires_at=LATER),
            (f"{ADA}/{ORDER}",),
        ),
        Fault(
            "a new time is none",
            "paid_again",
            lambda w: double(w, entry(w, EntryKind.RESCHEDULE), step=9),
            (f"{ADA}/{ORDER}",),
        ),
        Fault(
            "the new time before it was set",
            "paid_again",
            lambda w: put(w, entry(w, EntryKind.CLAWBACK, ORDER), expires_at=at(9000)),
            ("{0.entry_id}",),
        ),
        Fault(
            "the old time before the new one was set",
            "paid_again",
            lambda w: put(w, entry(w, EntryKind.CLAWBACK, ORDER), expires_at=at(100)),
        ),
        Fault(
            "the old time after the new one was set",
            "paid_again",
            lambda w: put(w, entry(w, EntryKind.RESTORE, ORDER), expires_at=at(100)),
            ("{0.entry_id}",),
        ),
        Fault("the entries are in no order", "paid_again", lambda w: w.entries.reverse()),
        Fault(
            "a grant by an event that another payment has replaced",
            "paid_again",
            lambda w: put(w, entry(w, EntryKind.GRANT, "stripe:pi_3/0"), occurred_at=at(41)),
        ),
        Fault(
            "a lot of another account",
            "used",
            lambda w: put(w, entry(w, EntryKind.GRANT, LASTING), account_id=EVE),
            (f"{ADA}/{LASTING}",),
        ),
    ],
    drawn: [
        Fault("a run drew more", "used", lambda w: put(w, run(w, 3), drawn={LASTING: 6}), ("run_3",)),
        Fault("a run drew nothing", "used", lambda w: put(w, run(w, 3), drawn={}), ("run_3",)),
        Fault("a run drew from another lot", "used", lambda w: put(w, run(w, 3), drawn={SPENT: 5}), ("run_3",)),
        Fault("a run has drawn at another time", "used", lambda w: put(w, run(w, 3), at=at(89)), ("run_3",)),
        Fault("a run is missing", "used", lambda w: drop(w, run(w, 3)), (f"{ADA}/run:run_3",)),
        Fault("a run drew and lacks some", "used", lambda w: put(w, run(w, 3), missing=1), ("run_3",)),
        Fault("a run failed and lacks some", "used", lambda w: put(w, run(w, 1), missing=1), ("run_1",)),
        Fault("a run was refused", "used", refused),
        Fault("a run lacked a single credit", "used", lambda w: refused(w, missing=1)),
        Fault("a run was refused for nothing", "used", lambda w: refused(w, missing=0), ("run_8",)),
        Fault("a run was refused, failed and lacks some", "used", failed_after_refusal, ("run_8",)),
        Fault("a run was refused and failed", "used", lambda w: failed_after_refusal(w, missing=0)),
        Fault("a part is later than the run", "used", lambda w: in_parts(w, drawn_at=at(95), until=at(95))),
        Fault("a part was given back at once", "used", given_back_at_once),
        Fault("a part is before the run", "used", lambda w: in_parts(w, drawn_at=at(89), until=at(95)), ("run_3",)),
        Fault("a part is after the last", "used", lambda w: in_parts(w, drawn_at=at(96), until=at(95)), ("run_3",)),
        Fault(
            "a run is of another account",
            "used",
            lambda w: put(w, run(w, 3), account_id=EVE),
            ("run_3", f"{ADA}/run:run_3"),
        ),
        Fault("a draw has no entry", "used", lambda w: drop(w, one(w.entries, cause="run:run_3")), ("run_3",)),
        Fault("a draw is doubled", "used", lambda w: double(w, one(w.entries, cause="run:run_3")), ("run_3",)),
        Fault(
            "a draw has the other sign",
            "used",
            lambda w: put(w, one(w.entries, cause="run:run_3"), credits=5),
            ("run_3",),
        ),
        Fault(
            "a draw is of another run",
            "used",
            lambda w: put(w, one(w.entries, cause="run:run_3"), cause="run:run_9"),
            ("run_3", f"{ADA}/run:run_9"),
        ),
        Fault(
            "a draw is of another account",
            "used",
            lambda w: put(w, one(w.entries, cause="run:run_3"), account_id=EVE),
            ("run_3", f"{EVE}/run:run_3"),
        ),
        Fault(
            "a draw is of another time",
            "used",
            lambda w: put(w, one(w.entries, cause="run:run_3"), occurred_at=LATER),
            ("run_3",),
        ),
        Fault(
            "a return is of the draw's time",
            "used",
            lambda w: put(w, entry(w, EntryKind.RETURN, SPENT), occurred_at=at(90)),
            ("run_1",),
        ),
        Fault(
            "a draw is of the return's time",
            "used",
            lambda w: put(w, entry(w, EntryKind.DRAW, SPENT), occurred_at=at(91)),
            ("run_1",),
        ),
        Fault(
            "an entry that moves nothing is of a run",
            "used",
            lambda w: put(w, one(w.entries, cause="run:run_3"), credits=0, cause="run:run_9"),
            ("run_3", f"{ADA}/run:run_9"),
        ),
        Fault(
            "what failed did not come back",
            "used",
            lambda w: (drop(w, entry(w, EntryKind.RETURN)), put(w, run(w, 1), returned={})),
            ("run_1",),
        ),
        Fault(
            "a part of what failed came back",
            "used",
            lambda w: (put(w, entry(w, EntryKind.RETURN), credits=9), put(w, run(w, 1), returned={SPENT: 9})),
            ("run_1",),
        ),
        Fault(
            "a run that did not fail gave back", "used", lambda w: put(w, run(w, 1), failed_at=None), ("run_1", "run_1")
        ),
        Fault("a failure is not listed", "used", lambda w: drop(w, failed(w, 1)), ("run_1",)),
        Fault("a failure is listed twice", "used", lambda w: w.failed_runs.append(w.failed_runs[0]), ("run_1",)),
        Fault("a failure is listed of more", "used", lambda w: put(w, failed(w, 1), credits=11), ("run_1",)),
        Fault("a failure is listed at another time", "used", lambda w: put(w, failed(w, 1), at=LATER), ("run_1",)),
        Fault("a failure is listed of another account", "used", lambda w: listed_for(w, EVE), ("run_1",)),
        Fault(
            "a failure of no run is listed",
            "used",
            lambda w: w.failed_runs.append((ADA, replace(failed(w, 1), run_id="run_9"))),
            ("run_9",),
        ),
        Fault("a run that drew nothing failed later", "used", lambda w: put(w, run(w, 4), at=at(91)), ("run_4",)),
        Fault(
            "a run that drew nothing never failed",
            "used",
            lambda w: w.runs.append(Run(account_id=ADA, run_id="run_9", drawn={}, at=at(1))),
            ("run_9",),
        ),
    ],
}


@pytest.mark.parametrize(("rule", "fault"), rows(FAULTS), ids=name_of)
def test_each_fault_is_named(rule: Rule, fault: Fault) -> None:
    """And a change that is no fault names nothing."""
    found, expected = named(rule, fault)
    assert found == expected
