"""The mail about a balance that gets low: once until credits are bought, and never about credits that are locked."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.domain.errors import InsufficientCredits
from ledger.domain.ids import PaymentId
from ledger.domain.mails import MailKind
from ledger.ports.store import Store
from ledger.usecases.holds import place_hold
from ledger.usecases.send_mails import MailResult, send_mail
from ledger.usecases.usage import draw_credits, fail_run
from tests.unit.usecases.test_sending_mails import LOW, Postbox, desk
from tests.unit.usecases.test_what_is_mailed import mailed, store_with_contact
from tools.testing.builders import ADA, at, event_of, paid, payment, record_events, refund
from tools.testing.fakes import FakeStore

LOW_MAIL = [(MailKind.LOW_BALANCE, "Your credits are running low")]
SECOND = PaymentId("stripe:pi_2")


def draws(store: Store, run_id: str, credits_: int, *, minute: float = 60) -> None:
    """Draw, as the function does."""
    draw_credits(ADA, run_id, credits_, store, now=at(minute), low_balance=LOW)


def listed(store: FakeStore) -> int:
    """How many such mails are listed."""
    return sum(intent.kind is MailKind.LOW_BALANCE for intent in store.mail_intents())


def test_the_draw_that_leaves_fewer_than_the_figure_is_mailed_once() -> None:
    """Not the one that leaves as many, and none of those after it. The mail says what is left now."""
    store, postbox = store_with_contact(), Postbox()
    draws(store, "run_1", 950)
    assert listed(store) == 0
    draws(store, "run_2", 1)
    draws(store, "run_2", 1)
    draws(store, "run_3", 9)
    assert listed(store) == 1
    assert mailed(store, postbox) == LOW_MAIL
    assert "Credits left: 40" in postbox.messages[-1].text
    draws(store, "run_4", 40)
    assert mailed(store) == []


@pytest.mark.parametrize("is_sent", [True, False])
def test_a_run_that_fails_and_returns_its_credits_does_not_make_a_second_one(*, is_sent: bool) -> None:
    """Whether the first one was sent by then or not. Credits that were bought meanwhile do."""
    store = store_with_contact()
    for number in range(3):
        draws(store, f"run_{number}", 960)
        assert listed(store) == (number == 0 or not is_sent)
        if number == 0 and is_sent:
            assert mailed(store) == LOW_MAIL
        fail_run(ADA, f"run_{number}", store, now=at(61))
    draws(store, "run_8", 960)
    assert mailed(store) == ([] if is_sent else LOW_MAIL)
    record_events(store, paid(payment(SECOND)))
    draws(store, "run_9", 1000)
    assert mailed(store) == LOW_MAIL


def test_a_mail_that_is_overtaken_is_not_sent() -> None:
    """Credits were bought, or the account was suspended: that has a mail of its own."""
    store = store_with_contact()
    draws(store, "run_1", 999)
    record_events(store, paid(payment(SECOND)))
    assert mailed(store) == []
    draws(store, "run_2", 1000)
    place_hold("support:x", ADA, "sam", store, why="x", now=at(70))
    assert MailKind.LOW_BALANCE not in [kind for kind, _ in mailed(store)]
    assert listed(store) == 0


def test_locked_credits_do_not_count_and_are_named() -> None:
    """A customer who has others, but can't use them, learns why."""
    store, postbox = store_with_contact(), Postbox()
    locked = replace(payment(SECOND, fulfilment_key="order/ord_2"), locked_until=at(0) + timedelta(days=19))
    record_events(store, paid(locked))
    draws(store, "run_1", 990)
    assert mailed(store, postbox) == LOW_MAIL
    text = " ".join(postbox.messages[-1].text.split())
    assert "Credits left: 10 Locked credits: 1,000" in text


@pytest.mark.parametrize(("is_debt_withheld", "credits_"), [(True, 460), (False, 960)])
def test_a_debt_counts_in_the_mail_as_it_does_in_a_draw(*, is_debt_withheld: bool, credits_: int) -> None:
    """By the same setting: 500 of 1,000 credits that came back as money had been used, and 1,000 more were bought."""
    store, postbox = store_with_contact(), Postbox()
    draw_credits(ADA, "run_1", 500, store, now=at(5))
    record_events(store, event_of(refund(2000)), paid(payment(SECOND)))
    account = store.accounts[ADA]
    assert (account.balance, account.shortfall) == (1000, 500)
    draw_credits(ADA, "run_2", credits_, store, now=at(60), is_debt_withheld=is_debt_withheld, low_balance=LOW)
    (intent,) = (one for one in store.mail_intents() if one.kind is MailKind.LOW_BALANCE)
    send_mail(intent.mail_id, replace(desk(store), is_debt_withheld=is_debt_withheld), postbox, clock=lambda: at(100))
    assert "Credits left: 40" in postbox.messages[-1].text


def test_a_debt_that_is_not_withheld_does_not_make_a_balance_low() -> None:
    """Credits were bought since: the draw can use all of them, so the mail is overtaken."""
    store, postbox = store_with_contact(), Postbox()
    draw_credits(ADA, "run_1", 960, store, now=at(5), is_debt_withheld=False, low_balance=LOW)
    record_events(store, event_of(refund(2000)), paid(payment(SECOND)))
    assert store.accounts[ADA].shortfall == 960
    (intent,) = (one for one in store.mail_intents() if one.kind is MailKind.LOW_BALANCE)
    written = replace(desk(store), is_debt_withheld=False)
    assert send_mail(intent.mail_id, written, postbox, clock=lambda: at(100)) is MailResult.OUTDATED


def test_credits_that_are_unlocked_before_the_mail_is_sent_are_counted_and_named_no_longer() -> None:
    """The figures are those of the customer's account when he opens it, not those of the draw."""
    store, postbox = store_with_contact(), Postbox()
    locked = replace(payment(SECOND, fulfilment_key="order/ord_2"), locked_until=at(80))
    record_events(store, paid(locked))
    draws(store, "run_1", 990)
    (intent,) = (one for one in store.mail_intents() if one.kind is MailKind.LOW_BALANCE)
    low = replace(desk(store), low_balance=2000)
    send_mail(intent.mail_id, low, postbox, clock=lambda: at(100))
    text = " ".join(postbox.messages[-1].text.split())
    assert "Credits left: 1,010" in text
    assert "Locked credits" not in text


def test_without_the_setting_nothing_is_listed_and_a_refused_draw_lists_nothing() -> None:
    """And a balance that was low before a draw is no news."""
    store = store_with_contact()
    draw_credits(ADA, "run_1", 960, store, now=at(60))
    draws(store, "run_2", 10)
    with pytest.raises(InsufficientCredits):
        draws(store, "run_3", 100)
    assert listed(store) == 0


def test_only_the_draw_that_crosses_costs_a_round_trip_more() -> None:
    """One read, to see whether it was listed before."""
    store = store_with_contact()
    costs = []
    for number, credits_ in enumerate((900, 60, 5)):
        store.round_trips = 0
        draws(store, f"run_{number}", credits_)
        costs.append(store.round_trips)
    assert costs == [2, 3, 2]
