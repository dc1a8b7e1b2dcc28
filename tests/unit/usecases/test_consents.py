"""A consent counts only if it was complete before the first use, also of a trial, of a returned mail and in a race."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.domain.errors import RequestRefused
from ledger.domain.ids import OrderId
from ledger.domain.orders import Consent, MissingConsent
from ledger.domain.refund_cases import RefundReason
from ledger.ports.commit import Commit, Refusal
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.consents import revoke_confirmation
from ledger.usecases.refund_cases.open_case import open_case
from ledger.usecases.usage import draw_credits
from tests.contract.test_locked_credits import GIVEN, Buyer
from tests.contract.test_orders_terms import ADA, NOW, Shop
from tests.contract.test_trials import BEGINS, CHARGED, DAYS, first_charge, on_trial
from tools.testing.builders import POLICY, at, ordered, paid, record_events, refund_claim
from tools.testing.fakes import FakeStore, world
from tools.testing.unguarded import confirm_consent
from tools.verify import check

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


class Interrupted(FakeStore):
    """A store in which another call is carried out between a read and the commit that follows."""

    meanwhile: Callable[[], object] | None = None
    commits_before = 0  # the other call

    def commit(self, commit: Commit) -> Refusal | None:
        """Carry out the other call once, when it is its turn, then the commit."""
        if self.meanwhile and self.commits_before:
            self.commits_before -= 1
        elif self.meanwhile:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return super().commit(commit)


def assert_sound(store: Store) -> None:
    """Raise AssertionError if an invariant is broken."""
    assert isinstance(store, FakeStore)
    assert not [finding for finding in check(world(store)) if finding.broken]


# ── Use of a later period ─────────────────────────────────────────────────────────────────────────────────────────────


def charged_after_trial(provider: str, *, confirmations: int) -> tuple[FakeStore, OrderId]:
    """A trial that granted nothing, confirmed by so many mails, and its first charge. Return the order's id too."""
    store = FakeStore()
    shop = Shop(store, provider, "creator_monthly", lock_days=DAYS.days)
    order = shop.order(consent=GIVEN)
    shop.hear(on_trial(shop, order))
    for number in range(confirmations):
        confirm_consent(order.order_id, f"mail_{number}", store, BEGINS + DAY)
    shop.hear(first_charge(shop, order))
    return store, order.order_id


@pytest.mark.parametrize("provider", ["stripe", "paddle"])
def test_a_confirmation_that_comes_back_after_the_first_charge_was_used_is_remembered(provider: str) -> None:
    """The lot of the trial has no credits. Those of the charge after it are of the same contract."""
    store, order_id = charged_after_trial(provider, confirmations=1)
    draw_credits(ADA, "run_1", 1, store, now=CHARGED + HOUR)
    revoked = revoke_confirmation(order_id, "mail_0", store, CHARGED + DAY).consent
    assert revoked
    assert (revoked.confirmation_id, revoked.revoked_at) == (None, CHARGED + DAY)
    assert_sound(store)


@pytest.mark.parametrize("provider", ["stripe", "paddle"])
def test_a_confirmation_after_the_first_charge_was_used_is_late(provider: str) -> None:
    """The lock has ended by then, and nothing else kept the customer from using it."""
    store, order_id = charged_after_trial(provider, confirmations=0)
    draw_credits(ADA, "run_1", 1, store, now=CHARGED + DAYS)
    late = confirm_consent(order_id, "mail_0", store, CHARGED + DAYS + HOUR).consent
    assert late
    assert (late.is_late, late.is_complete) == (True, False)
    assert_sound(store)


# ── Another consent ───────────────────────────────────────────────────────────────────────────────────────────────────


def without_lock(store: FakeStore) -> Buyer:
    """A customer who has paid for an order whose credits are not locked, with a consent that nothing confirms yet."""
    shop = Shop(store, "stripe", "pack_1000")
    buyer = Buyer(shop, shop.order(consent=GIVEN))
    buyer.pays()
    return buyer


def test_the_confirmation_of_an_order_without_a_lock_books_nothing() -> None:
    """Its purchase keeps nothing of a consent that unlocks nothing."""
    buyer = without_lock(FakeStore())
    assert buyer.confirms().missing_consent is None
    (purchase,) = buyer.shop.store.purchases_of(ADA, 10).items
    assert [*purchase.facts] == ["payment"]


def consent_of(buyer: Buyer) -> Consent:
    """The consent as it is stored."""
    key = f"order/{buyer.order.order_id}"
    order = buyer.shop.store.read(Keys(fulfilment_keys=frozenset({key}))).order(buyer.order.order_id)
    assert order
    assert order.consent
    return order.consent


def test_a_mail_that_came_back_does_not_confirm_a_consent_that_is_given_after_a_late_one() -> None:
    """It is remembered with the order, also if it came back before it was recorded."""
    buyer = Buyer.at(FakeStore())
    buyer.pays()
    declares_withdrawal(buyer)
    buyer.bounces("mail_1")
    assert buyer.confirms("mail_2").missing_consent is MissingConsent.REQUEST
    given = replace(GIVEN, given_at=NOW + HOUR)
    assert buyer.gives(given).consent == replace(given, returned_ids=("mail_1",))
    confirmed = buyer.confirms("mail_1", NOW + HOUR)
    assert (confirmed.missing_consent, buyer.spendable) == (MissingConsent.CONFIRMATION, 0)
    assert_sound(buyer.shop.store)


def test_a_consent_that_is_given_anew_keeps_that_credits_were_used_under_a_returned_mail() -> None:
    """A person decides about a withdrawal then, whatever is confirmed later."""
    buyer = Buyer.at(FakeStore())
    buyer.pays()
    buyer.confirms("mail_1")
    buyer.draws(400)
    buyer.bounces("mail_1")
    declares_withdrawal(buyer)
    assert buyer.confirms("mail_2").missing_consent is MissingConsent.REQUEST
    given = buyer.gives(replace(GIVEN, given_at=NOW + HOUR)).consent
    assert given
    assert (given.revoked_at, given.returned_ids, given.is_late) == (NOW, ("mail_1",), False)
    assert_sound(buyer.shop.store)


def test_each_later_consent_has_a_mail_of_its_own_and_one_that_counts_stays() -> None:
    """The mail before may wait still. Who gives none while one counts is told of that one."""
    buyer = Buyer.at(FakeStore(), consent=None)
    buyer.pays()
    given = buyer.gives(GIVEN)
    assert buyer.gives(replace(GIVEN, asked_to_begin=False)).consent == given.consent
    declares_withdrawal(buyer)
    assert buyer.confirms("mail_1").missing_consent is MissingConsent.REQUEST
    buyer.gives(replace(GIVEN, given_at=NOW + 2 * DAY))
    mails = [*buyer.shop.store.mail_intents()]
    assert {mail.listed_at for mail in mails} == {NOW, NOW + 2 * DAY}
    subjects = {mail.subject for mail in mails}
    assert {subject.partition("/")[0] for subject in subjects} == {buyer.order.order_id}
    assert len(subjects) == 2
    assert_sound(buyer.shop.store)


# ── Races ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def declares_withdrawal(buyer: Buyer) -> None:
    """Declare a withdrawal from what was paid for the order. It waits for its second step."""
    (purchase,) = buyer.shop.store.purchases_of(ADA, 10).items
    claim = refund_claim(RefundReason.WITHDRAWAL, payment_id=purchase.payment_id, account_id=ADA, is_declaration=True)
    open_case(claim, buyer.shop.store, POLICY, now=NOW)


@pytest.mark.parametrize("act", [declares_withdrawal, Buyer.draws], ids=["withdrawal", "draw"])
def test_what_comes_while_a_consent_is_confirmed_makes_it_late(act: Callable[[Buyer], None]) -> None:
    """Of an order without a lock, whose confirmation books nothing."""
    buyer = without_lock(store := Interrupted())
    store.meanwhile = lambda: act(buyer)
    confirmed = buyer.confirms().consent
    assert confirmed == consent_of(buyer)
    assert (confirmed.is_late, confirmed.is_complete) == (True, False)
    assert_sound(store)


@pytest.mark.parametrize("make", [Buyer.at, without_lock], ids=["locked", "not locked"])
def test_a_draw_while_the_first_of_two_confirmations_comes_back_is_remembered(
    make: Callable[[FakeStore], Buyer],
) -> None:
    """The consent stays complete by the other one, so nothing is locked and nothing is booked."""
    buyer = make(store := Interrupted())
    if make is not without_lock:
        buyer.pays()
    buyer.confirms("mail_1")
    buyer.confirms("mail_2")
    store.meanwhile = buyer.draws
    returned = buyer.bounces("mail_1").consent
    assert returned == consent_of(buyer)
    assert (returned.confirmation_id, returned.revoked_at) == ("mail_2", NOW)
    assert buyer.account.balance == 999
    assert_sound(store)


@pytest.mark.parametrize("is_returned", [False, True])
def test_a_payment_while_a_confirmation_is_recorded_is_locked_as_the_consent_says(*, is_returned: bool) -> None:
    """The order was not paid when it was read: there was no account, and nothing to book."""
    buyer = Buyer.at(store := Interrupted())
    if is_returned:
        buyer.confirms()
    store.meanwhile = buyer.pays
    (buyer.bounces if is_returned else buyer.confirms)()
    assert store.meanwhile is None
    assert buyer.spendable == (0 if is_returned else 1000)
    assert_sound(store)


@pytest.mark.parametrize("is_paid", [True, False])
def test_a_payment_while_a_later_consent_is_given_gets_its_mail(*, is_paid: bool) -> None:
    """Of an order that was not paid when it was read. The confirmation of its contract may be written by then."""
    buyer = Buyer.at(store := Interrupted(), consent=None)
    store.meanwhile = (lambda: buyer.pays()) if is_paid else None
    buyer.gives()
    mails = [mail.subject.partition("/")[0] for mail in store.mail_intents()]
    assert mails == [buyer.order.order_id] * is_paid
    assert_sound(buyer.shop.store)


def test_an_order_without_a_consent_has_nothing_to_revoke() -> None:
    """Whoever records a mail's failure goes on."""
    store = FakeStore()
    record_events(store, paid(ordered(store)))
    with pytest.raises(RequestRefused, match="Order ord_1 has no consent"):
        revoke_confirmation(OrderId("ord_1"), "mail_1", store, at(5))
