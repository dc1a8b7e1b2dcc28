"""A mail is sent once, whatever is delivered twice, fails or comes at the same time; what is paid is confirmed."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import pytest

from ledger.domain import catalogue
from ledger.domain.contacts import Contact
from ledger.domain.errors import MailRefused, MailUnavailable, StoreUnavailable
from ledger.domain.ids import AccountId, OrderId
from ledger.domain.mails import MailKind, MailOutcome, MailRecord, mail_id_of
from ledger.domain.orders import Consent, Order, RenewalTerms, ShownInformation
from ledger.domain.receipts import RecordOutcome
from ledger.mails.confirmation import Reseller
from ledger.policy import rules
from ledger.policy.law import RightKind
from ledger.ports.commit import Commit, DocumentChange, Refusal
from ledger.ports.documents import contact_key, mail_intent_key, mail_record_key
from ledger.ports.mailer import Message
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.confirm_orders import AWAITED_FOR, list_confirmation
from ledger.usecases.list_mails import await_payment
from ledger.usecases.place_order import OrderRequest
from ledger.usecases.send_mails import LEASE_DURATION, MailResult, send_mail
from ledger.usecases.sweep import ONE_AFTER_THE_OTHER
from ledger.usecases.write_mails import Desk, confirmed_order
from tests.contract.test_orders_terms import Shop
from tests.unit.mails.samples import HOUSE
from tools.testing.builders import ADA, NOON, at, payment
from tools.testing.fakes import FakeProvider, FakeStore
from tools.testing.unguarded import give_consent, list_confirmations, place_order

SOLD = catalogue.load(catalogue.DEFAULT_FILE)
POLICY = rules.load(rules.DEFAULT_FILE)
LOW = 50
CONSENT = Consent(given_at=NOON, text_version="1", asked_to_begin=True, acknowledged_loss=True)


@dataclass
class Postbox:
    """A mail service in memory. `faults`: one for each coming message."""

    messages: list[Message] = field(default_factory=list)
    faults: list[Exception | None] = field(default_factory=list)
    meanwhile: Callable[[], object] | None = None

    def send(self, message: Message) -> str:
        if self.meanwhile:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        fault = self.faults.pop(0) if self.faults else None
        if not isinstance(fault, MailRefused):
            self.messages.append(message)
        if fault:
            raise fault
        return f"message_{len(self.messages)}"


def desk(store: Store) -> Desk:
    """What mails are written from."""
    return Desk(
        store=store,
        catalogue=SOLD,
        policy=POLICY,
        house=HOUSE,
        new_secret=lambda: "secret",
        clock=lambda: at(100),
        low_balance=LOW,
        resellers={"paddle": Reseller(name="Paddle.com", page="paddle.net")},
    )


def ordered(
    store: Store,
    *,
    consent: Consent | None = CONSENT,
    email: str | None = "ada@example.com",
    language: str = "de",
    key: str = "key_1",
    now: datetime = NOON,
    account_id: AccountId = ADA,
) -> Order:
    """Order a pack of 1,000 credits."""
    request = OrderRequest(
        account_id=account_id,
        provider="stripe",
        product_id="pack_1000",
        currency="USD",
        country="DE",
        is_business=False,
        policy_version=POLICY.version,
        consent=consent,
        key=key,
        fingerprint=key,
        email=email,
        language=language,
    )
    return place_order(
        request,
        store,
        SOLD,
        lambda _: FakeProvider(),
        policy_version=POLICY.version,
        success_url="",
        cancel_url="",
        now=now,
    )


def pay(store: Store, order: Order) -> None:
    """Pay for an order."""
    shop = Shop(store, "stripe", "pack_1000")
    assert shop.hear(shop.paid(order)).outcome is RecordOutcome.BOOKED


def bought(store: Store, **order: object) -> tuple[Order, str]:
    """Order, pay, and list the confirmation. Return the order and the mail's id."""
    placed = ordered(store, **order)  # type: ignore[arg-type]
    pay(store, placed)
    mail_id = list_confirmation(placed.order_id, store, now=NOON)
    assert mail_id == mail_id_of(MailKind.CONTRACT_CONFIRMATION, placed.order_id)
    return placed, mail_id


def record_of(store: Store, mail_id: str) -> MailRecord | None:
    """The record of a mail."""
    key = mail_record_key(mail_id)
    return store.read(Keys(documents=frozenset({key}))).document(key, MailRecord)


def order_of(store: Store, order_id: OrderId) -> Order:
    """The order as it is stored."""
    order = store.read(Keys(fulfilment_keys=frozenset({f"order/{order_id}"}))).order(order_id)
    assert order
    return order


def send(store: Store, mail_id: str, postbox: Postbox | None, minute: float = 0) -> MailResult:
    """Send a mail, so many minutes after noon."""
    return send_mail(mail_id, desk(store), postbox, clock=lambda: at(minute))


def test_a_paid_order_is_confirmed_once_and_its_consent_is_complete() -> None:
    """In the customer's language, to the address of the token. Whatever comes again changes nothing."""
    store, postbox = FakeStore(), Postbox()
    order, mail_id = bought(store)
    assert not order.consent or not order.consent.is_complete
    assert [send(store, mail_id, postbox) for _ in range(3)] == [MailResult.SENT, MailResult.ENDED, MailResult.ENDED]
    (message,) = postbox.messages
    assert (message.to, message.language, message.mail_id) == ("ada@example.com", "de", mail_id)
    assert "Widerrufsbelehrung" in message.text
    consent = order_of(store, order.order_id).consent
    assert consent
    assert (consent.confirmation_id, consent.is_complete) == ("message_1", True)
    record = record_of(store, mail_id)
    assert record
    assert (record.outcome, record.message_id, record.language) == (MailOutcome.SENT, "message_1", "de")
    assert list_confirmation(order.order_id, store, now=NOON) == mail_id
    assert list(store.mail_intents()) == []
    assert "ada@example.com" not in repr(record)


def test_a_mail_that_is_listed_again_after_it_was_sent_leaves_the_list() -> None:
    """Its record says that it was."""
    store, postbox = FakeStore(), Postbox()
    _, mail_id = bought(store)
    (intent,) = store.mail_intents()
    assert send(store, mail_id, postbox) is MailResult.SENT
    store.commit(Commit(documents=(DocumentChange(mail_intent_key(mail_id), replace(intent, version=0)),)))
    assert [one.mail_id for one in store.mail_intents()] == [mail_id]
    assert send(store, mail_id, postbox) is MailResult.ENDED
    assert (list(store.mail_intents()), len(postbox.messages)) == ([], 1)


def test_an_order_without_a_consent_is_confirmed_too() -> None:
    """There is nothing to complete."""
    store, postbox = FakeStore(), Postbox()
    order, mail_id = bought(store, consent=None)
    assert send(store, mail_id, postbox) is MailResult.SENT
    assert len(postbox.messages) == 1
    assert order_of(store, order.order_id).consent is None


def test_credits_expire_so_long_after_their_payment_not_after_their_order() -> None:
    """A bank debit is paid days later."""
    order = ordered(store := FakeStore())
    assert order.terms
    order = replace(order, terms=replace(order.terms, expires_after_days=30))
    paid_at = NOON + timedelta(days=5)
    confirmed = confirmed_order(order, replace(payment(), at=paid_at), desk(store))
    assert confirmed.expires_at == paid_at + timedelta(days=30)


def test_a_plan_renews_when_the_paid_period_ends_and_as_was_shown_where_that_is_not_known() -> None:
    """The provider charges by the period. Its months are those that were shown, else the catalogue's."""
    order = Shop(store := FakeStore(), "stripe", "creator_monthly").order()
    terms = RenewalTerms(amount_minor=1800, every_months=3, first_on=date(2026, 12, 24))
    shown = ShownInformation(policy_version="1", text_version="1", language="en", digest="d", at=NOON, renewal=terms)
    told = replace(order, shown=shown)
    unknown = payment()
    known = replace(unknown, lines=(replace(unknown.lines[0], period_ends_at=NOON + timedelta(days=31)),))
    for placed, paid_by, months, day in (
        (order, unknown, 1, None),
        (order, known, 1, (NOON + timedelta(days=31)).date()),
        (told, unknown, 3, date(2026, 12, 24)),
        (told, known, 3, (NOON + timedelta(days=31)).date()),
    ):
        confirmed = confirmed_order(placed, paid_by, desk(store))
        assert (confirmed.is_subscription, confirmed.renews_every_months, confirmed.renews_on) == (True, months, day)
    gone = replace(order, product_id="sold no more")
    confirmed = confirmed_order(gone, unknown, desk(store))
    assert (confirmed.name, confirmed.renews_every_months) == ("sold no more", None)


@pytest.mark.parametrize("has_right", [True, False])
def test_a_confirmation_tells_of_the_right_that_the_law_gave_on_the_day_of_the_order(*, has_right: bool) -> None:
    """The law may change before the payment, and before the mail is written."""
    order = ordered(store := FakeStore())
    given = POLICY.law.right_of("DE", NOON.date())
    taken = replace(given, kind=RightKind.NONE, days=0, days_uninformed=0)
    before, after = (given, taken) if has_right else (taken, given)
    rights = (before, replace(after, since=NOON.date() + timedelta(days=1)))
    law = replace(POLICY.law, rights={**POLICY.law.rights, "DE": rights})
    known = replace(desk(store), policy=replace(POLICY, law=law), clock=lambda: NOON + timedelta(days=2))
    confirmed = confirmed_order(order, replace(payment(), at=NOON + timedelta(days=1)), known)
    assert (order.country, confirmed.has_right) == ("DE", has_right)


def test_an_order_that_nobody_paid_is_not_confirmed() -> None:
    """Its payment is awaited."""
    store = FakeStore()
    order = ordered(store)
    assert list_confirmation(order.order_id, store, now=NOON) is None
    assert list(store.mail_intents()) == []
    assert [one.order_id for one in store.awaited_orders()] == [order.order_id]


@pytest.mark.parametrize("hours", [1, 30, AWAITED_FOR // timedelta(hours=1) + 1])
def test_the_schedule_finds_a_paid_order_that_no_event_reported(hours: int) -> None:
    """A young one in each round, an older one within a day, and one that is awaited no longer for a last time."""
    store = FakeStore()
    order = ordered(store)
    pay(store, order)
    for turn in range(24 if hours > 3 else 1):
        list_confirmations(store, now=NOON + timedelta(hours=hours + turn), pace=ONE_AFTER_THE_OTHER)
    assert [intent.subject for intent in store.mail_intents()] == [order.order_id]
    assert list(store.awaited_orders()) == []


@pytest.mark.parametrize(("hour", "looks"), [(1, 24), (4, 1)])
def test_an_order_that_is_not_paid_is_looked_at_often_at_first_and_then_once_a_day(hour: int, looks: int) -> None:
    """In each round of its first hours, then in one hour of the day."""
    store = FakeStore()
    ordered(store)
    step = timedelta(minutes=5) if looks > 1 else timedelta(hours=1)
    rounds = [NOON + timedelta(hours=hour) + number * step for number in range(24)]
    seen = [list_confirmations(store, now=now, pace=ONE_AFTER_THE_OTHER).results for now in rounds]
    assert sum(map(len, seen)) == looks


def test_an_order_that_is_never_paid_leaves_the_list() -> None:
    """After the time in which a bank debit succeeds or fails."""
    store = FakeStore()
    ordered(store)
    for turn in range(24):
        now = NOON + AWAITED_FOR - timedelta(hours=24 - turn)
        list_confirmations(store, now=now, pace=ONE_AFTER_THE_OTHER)
    assert len(list(store.awaited_orders())) == 1
    for turn in range(24):
        list_confirmations(store, now=NOON + AWAITED_FOR + timedelta(hours=1 + turn), pace=ONE_AFTER_THE_OTHER)
    assert list(store.awaited_orders()) == []


def test_an_order_whose_confirmation_was_listed_before_leaves_the_list_too() -> None:
    """Else the schedule reads it each day for ever."""
    store = FakeStore()
    order, mail_id = bought(store)
    store.commit(Commit(documents=(await_payment(order.order_id, ADA, order.made_at),)))
    for turn in range(24):
        now = NOON + AWAITED_FOR + timedelta(hours=1 + turn)
        list_confirmations(store, now=now, pace=ONE_AFTER_THE_OTHER)
    assert list(store.awaited_orders()) == []
    assert [intent.mail_id for intent in store.mail_intents()] == [mail_id]


def test_a_mail_whose_acceptance_was_not_learned_is_sent_again_with_the_same_id() -> None:
    """After the lease, not before: the mail service may still be working on it."""
    store, postbox = FakeStore(), Postbox(faults=[MailUnavailable("timeout")])
    _, mail_id = bought(store)
    lease = LEASE_DURATION / timedelta(minutes=1)
    assert send(store, mail_id, postbox, 0) is MailResult.UNCLEAR
    (intent,) = store.mail_intents()
    assert (intent.attempts, intent.first_sent_at, intent.leased_until) == (1, at(0), at(lease))
    assert intent.last_error == "timeout"
    results = [send(store, mail_id, postbox, minute) for minute in (lease / 2, lease, lease)]
    assert results == [MailResult.LEASED, MailResult.SENT, MailResult.ENDED]
    assert [message.mail_id for message in postbox.messages] == [mail_id, mail_id]
    record = record_of(store, mail_id)
    assert record
    assert record.message_id == "message_2"


def test_what_follows_from_a_mail_has_the_time_of_its_acceptance() -> None:
    """Not of the first attempt: a day to object, or the end of a consent's wait, begins when the mail has left."""
    store, postbox = FakeStore(), Postbox(faults=[MailUnavailable("timeout")])
    order, mail_id = bought(store)
    assert [send(store, mail_id, postbox, minute) for minute in (0, 300)] == [MailResult.UNCLEAR, MailResult.SENT]
    consent, record = order_of(store, order.order_id).consent, record_of(store, mail_id)
    assert consent
    assert record
    assert (consent.confirmed_at, record.ended_at) == (at(300), at(300))


def test_of_two_senders_at_once_one_sends() -> None:
    """The other one finds the mail leased."""
    store = FakeStore()
    postbox, other = Postbox(), Postbox()
    _, mail_id = bought(store)
    found: list[MailResult] = []
    postbox.meanwhile = lambda: found.append(send(store, mail_id, other))
    assert send(store, mail_id, postbox) is MailResult.SENT
    assert (found, other.messages) == ([MailResult.LEASED], [])


def test_a_consent_that_is_given_while_the_mail_is_on_its_way_is_not_confirmed_by_it() -> None:
    """The mail was written before, and does not name it. The consent has a mail of its own, which confirms it."""
    store, postbox = FakeStore(), Postbox()
    order, mail_id = bought(store, consent=None)
    shown = ShownInformation(policy_version="1", text_version="1", language="de", digest="d", at=NOON)
    given = replace(CONSENT, given_at=at(0.5))
    postbox.meanwhile = lambda: give_consent(ADA, order.order_id, given, shown, store)
    clock = iter([at(0), *(at(minute) for minute in range(1, 10))])
    assert send_mail(mail_id, desk(store), postbox, clock=lambda: next(clock)) is MailResult.SENT
    consent = order_of(store, order.order_id).consent
    assert consent
    assert (consent.given_at, consent.confirmation_id) == (given.given_at, None)
    (own,) = store.mail_intents()
    assert send(store, own.mail_id, postbox, 2) is MailResult.SENT
    after = order_of(store, order.order_id).consent
    assert after
    assert (after.confirmation_id, after.is_complete) == ("message_2", True)
    assert ["Ihre Zustimmung" in message.text for message in postbox.messages] == [False, True]


class Failing(FakeStore):
    """A store whose commit of a number fails, before or after it was written."""

    def __init__(self, number: int, *, is_written: bool) -> None:
        super().__init__()
        self.number: int | None = None
        self._fails_at, self._is_written = number, is_written

    def commit(self, commit: Commit) -> Refusal | None:
        if self.number is None:
            return super().commit(commit)
        self.number += 1
        if self.number != self._fails_at:
            return super().commit(commit)
        if self._is_written:
            super().commit(commit)
        raise StoreUnavailable("cut off")


@pytest.mark.parametrize("is_written", [False, True])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_sender_that_is_cut_off_at_any_write_is_continued(number: int, *, is_written: bool) -> None:
    """One record, a complete consent, an empty list. The mail is sent again only if its acceptance was not stored."""
    store, postbox = Failing(number, is_written=is_written), Postbox()
    order, mail_id = bought(store)
    store.number = 0
    with pytest.raises(StoreUnavailable):
        send(store, mail_id, postbox)
    sent_before = len(postbox.messages)
    assert send(store, mail_id, postbox, 2) in {MailResult.SENT, MailResult.ENDED}
    consent = order_of(store, order.order_id).consent
    assert consent
    assert consent.is_complete
    assert record_of(store, mail_id)
    assert list(store.mail_intents()) == []
    is_acceptance_stored = number > 2 or (number == 2 and is_written)
    assert len(postbox.messages) == (1 if is_acceptance_stored else sent_before + 1)


def test_what_was_accepted_before_mails_were_turned_off_is_recorded_as_sent() -> None:
    """The customer has it: the consent is confirmed, and its credits wait no longer."""
    store, postbox = Failing(3, is_written=False), Postbox()
    order, mail_id = bought(store)
    store.number = 0
    with pytest.raises(StoreUnavailable):
        send(store, mail_id, postbox)
    assert send(store, mail_id, None, 2) is MailResult.SENT
    consent, record = order_of(store, order.order_id).consent, record_of(store, mail_id)
    assert consent
    assert record
    assert (consent.is_complete, record.outcome, len(postbox.messages)) == (True, MailOutcome.SENT, 1)


def test_a_consent_that_is_given_after_a_sender_was_cut_off_is_not_confirmed_by_its_mail() -> None:
    """The next attempt sends nothing: the mail that was accepted before does not name the consent."""
    store, postbox = Failing(3, is_written=False), Postbox()
    order, mail_id = bought(store, consent=None)
    store.number = 0
    with pytest.raises(StoreUnavailable):
        send(store, mail_id, postbox)
    shown = ShownInformation(policy_version="1", text_version="1", language="de", digest="d", at=NOON)
    give_consent(ADA, order.order_id, replace(CONSENT, given_at=at(1)), shown, store)
    assert send(store, mail_id, postbox, 2) is MailResult.SENT
    assert len(postbox.messages) == 1
    consent = order_of(store, order.order_id).consent
    assert consent
    assert consent.confirmation_id is None


def test_a_mail_that_is_refused_for_good_is_recorded_and_not_tried_again() -> None:
    """Its consent stays open: the credits wait for another address, or for a person."""
    store, postbox = FakeStore(), Postbox(faults=[MailRefused("BadRequestException")])
    order, mail_id = bought(store)
    assert [send(store, mail_id, postbox) for _ in range(2)] == [MailResult.REFUSED, MailResult.ENDED]
    record = record_of(store, mail_id)
    assert record
    assert (record.outcome, record.reason, record.message_id) == (MailOutcome.REFUSED, "BadRequestException", None)
    consent = order_of(store, order.order_id).consent
    assert consent
    assert not consent.is_complete


@pytest.mark.parametrize("email", [None, "no address", "a@b.c\r\nBcc: x@example.com"])
def test_a_customer_without_a_usable_address_keeps_the_mail_in_the_list(email: str | None) -> None:
    """Once an address is there, it is sent."""
    store, postbox = FakeStore(), Postbox()
    _, mail_id = bought(store, email=email)
    assert send(store, mail_id, postbox) is MailResult.NO_ADDRESS
    (intent,) = store.mail_intents()
    assert intent.lacks_address
    assert intent.leased_until is None
    ordered(store, key="key_2")
    assert send(store, mail_id, postbox) is MailResult.SENT
    assert [message.to for message in postbox.messages] == ["ada@example.com"]


def test_no_mail_goes_to_an_address_that_fails() -> None:
    """Another address is not known to fail; the same one still is."""
    store, postbox = FakeStore(), Postbox()
    _, mail_id = bought(store)
    key = contact_key(ADA)
    contact = store.read(Keys(documents=frozenset({key}))).document(key, Contact)
    assert contact
    failing = replace(contact, failing_since=NOON, failure="bounce")
    store.commit(Commit(documents=(DocumentChange(key, failing, contact.version),)))
    assert send(store, mail_id, postbox) is MailResult.NO_ADDRESS
    ordered(store, key="key_2", language="fr")
    assert send(store, mail_id, postbox) is MailResult.NO_ADDRESS
    ordered(store, key="key_3", email="new@example.com", language="fr")
    assert send(store, mail_id, postbox) is MailResult.SENT
    assert [(message.to, message.language) for message in postbox.messages] == [("new@example.com", "fr")]


def test_a_stage_that_sends_no_mails_records_that_and_sends_none_later() -> None:
    """Turned on, it does not send what is months old."""
    store, postbox = FakeStore(), Postbox()
    _, mail_id = bought(store)
    assert send(store, mail_id, None) is MailResult.OFF
    assert send(store, mail_id, postbox) is MailResult.ENDED
    assert postbox.messages == []
