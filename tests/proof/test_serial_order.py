"""The search for a serial order, on histories written by hand: of a register, and of an account."""

from collections.abc import Iterable

from ledger.domain.ids import AccountId, PaymentId
from proof.concurrency import account
from proof.concurrency.calls import Call, Deliver, Expire, FailRun, Look, Spend, told
from proof.concurrency.serial import Answer, Done, drawn, serial_order, smallest_beginning
from tools.testing.builders import ADA, CH, LATER, PI, at, event_of, paid, payment, refund


def register(state: int, call: str, answer: Answer | None) -> Iterable[int]:
    """A register: `write 1`, `read`."""
    verb, _, number = call.partition(" ")
    if verb == "write":
        return [int(number)]
    return [state] if answer is None or answer == (state,) else []


def done(call: str, began: float, ended: float, *answer: object) -> Done[str]:
    """A call that was answered."""
    return Done(call, answer, began, ended)


def is_lawful(*history: Done[str]) -> bool:
    """Whether a register that starts at 0 explains it."""
    return serial_order(history, 0, register).is_lawful


def test_calls_at_once_may_take_effect_in_any_order() -> None:
    """Two reads during two writes see the one and the other, in the order of their own."""
    writes = done("write 1", 0, 10), done("write 2", 0, 10)
    assert is_lawful(*writes, done("read", 2, 3, 2), done("read", 4, 5, 1))
    assert is_lawful(*writes, done("read", 2, 3, 0), done("read", 4, 5, 2))
    assert not is_lawful(*writes, done("read", 2, 3, 1), done("read", 4, 5, 2), done("read", 6, 7, 1))


def test_what_had_ended_comes_before_what_began_later() -> None:
    """A stale read is unlawful, though some order in no time would explain it."""
    assert is_lawful(done("write 1", 0, 5), done("read", 4, 6, 0))
    assert not is_lawful(done("write 1", 0, 3), done("read", 4, 6, 0))


def test_a_lost_update_is_unlawful() -> None:
    """Both counted up from 0: no order ends at 1."""

    def counter(state: int, call: str, answer: Answer | None) -> Iterable[int]:
        after = state + (call == "up")
        return [after] if answer in {None, (after,)} else []

    ups = [done("up", 0, 5, 1), done("up", 0, 5, 1)]
    assert not serial_order(ups, 0, counter).is_lawful
    assert serial_order([ups[0], done("up", 0, 5, 2)], 0, counter).order == (0, 1)


def test_what_nobody_answered_takes_effect_at_any_later_time_or_never() -> None:
    """But not before it began."""
    unknown = Done("write 1", None, 2, 3)
    assert is_lawful(unknown, done("read", 90, 91, 1))
    assert is_lawful(unknown, done("read", 90, 91, 0))
    assert is_lawful(unknown, done("read", 90, 91, 0), done("read", 92, 93, 1))
    assert not is_lawful(unknown, done("read", 90, 91, 1), done("read", 92, 93, 0))
    assert not is_lawful(unknown, done("read", 0, 1, 1))


def test_what_was_answered_may_have_changed_something_or_nothing() -> None:
    """Both are tried, though it is known that it was done."""

    def perhaps(state: int, call: str, answer: Answer | None) -> Iterable[int]:
        return [state, state + 1] if call == "perhaps" else register(state, call, answer)

    for seen in (0, 1):
        assert serial_order([done("perhaps", 0, 1), done("read", 2, 3, seen)], 0, perhaps).is_lawful
    assert not serial_order([done("perhaps", 0, 1), done("read", 2, 3, 2)], 0, perhaps).is_lawful


def test_the_smallest_beginning_ends_where_it_became_unlawful() -> None:
    """What came later is left out, what was under way is unknown."""
    history = [
        *(done("write 1", 0, 1), done("read", 2, 4, 0), done("write 2", 3, 9)),
        *(done("read", 10, 11, 2), done("read", 12, 13, 7)),
    ]
    least = smallest_beginning(history, 0, register)
    assert [(seen.call, seen.answer) for seen in least] == [("write 1", ()), ("read", (0,)), ("write 2", None)]
    assert "read → 0" in drawn(least, str)


def judged(*calls: tuple[Call, Answer]) -> bool:
    """Whether one account explains these, one after the other."""
    history = [Done(call, answer, number, number + 0.5) for number, (call, answer) in enumerate(calls)]
    return serial_order(history, account.Account(), account.step).is_lawful


def looked(balance: int, spendable: int, owed: int = 0) -> tuple[Call, Answer]:
    """What the customer sees of an account without holds and cases."""
    seen = ("holds", (), "balance", balance, spendable, "owed", owed, "cases", ())
    return Look(account_id=ADA, now=LATER), seen


def test_an_account_by_hand() -> None:
    """1000 credits for 20.00; 600 are used, 10.00 go back: 400 are taken, 100 are owed, and paid by a failed run."""
    grant = Deliver(event=paid(), now=LATER)
    spend = Spend(account_id=ADA, run_id="run_1", credits=600, now=LATER)
    lawful: list[tuple[Call, Answer]] = [
        (grant, ("booked",)),
        (grant, ("already_booked",)),
        (spend, ("drawn", ("stripe:pi_1/0", 600))),
        (spend, ("drawn", ("stripe:pi_1/0", 600))),
        looked(400, 400),
        (Deliver(event=event_of(refund(1000)), now=LATER), ("booked",)),
        looked(0, 0, owed=100),
        (Spend(account_id=ADA, run_id="run_2", credits=1, now=LATER), ("only", 0)),
        (FailRun(account_id=ADA, run_id="run_1", now=LATER), ("returned", ("stripe:pi_1/0", 600))),
        looked(500, 500),
    ]
    assert judged(*lawful)
    assert not judged(*lawful[:-1], looked(600, 600))
    assert not judged(*lawful[:2], (grant, ("booked",)))
    assert not judged(*lawful[:4], looked(1000, 1000))


def test_a_refund_that_came_first_waits_by_hand() -> None:
    """Under the charge's name, which only a link leads to the payment."""
    early, link = event_of(refund(500), names=(CH,)), event_of(names=(PI, CH))
    assert judged(
        (Deliver(event=early, now=LATER), ("waiting",)),
        (Deliver(event=paid(), now=LATER), ("booked",)),
        looked(1000, 1000),
        (Deliver(event=link, now=LATER), ("booked",)),
        looked(750, 750),
    )


def test_a_period_that_lapses_by_hand() -> None:
    """It is drawn from first; what comes back after its end has lapsed."""
    period = payment(PaymentId("stripe:in_1"), expires_at=at(60))
    first, second = ("stripe:in_1/0", 1000), ("stripe:pi_1/0", 200)
    assert judged(
        (Deliver(event=paid(), now=LATER), ("booked",)),
        (Deliver(event=paid(period), now=LATER), ("booked",)),
        (Spend(account_id=ADA, run_id="run_1", credits=1200, now=at(1)), ("drawn", first, second)),
        (FailRun(account_id=ADA, run_id="run_1", now=at(90)), ("returned", first, second)),
        looked(1000, 1000),
        (Expire(account_id=ADA, now=LATER), ("expired", 0)),
    )


def test_a_call_is_told_in_words() -> None:
    """For the report of what was found."""
    assert told(Spend(account_id=AccountId("acct"), run_id="run_1", credits=5, now=at(0))).startswith("spend 5")
    assert "2000 paid at 12:00" in told(Deliver(event=paid(), now=at(0)))
