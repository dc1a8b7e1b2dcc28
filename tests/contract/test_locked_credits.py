"""Credits are granted at once, and locked until the consent of their order is complete, whatever comes first."""

import itertools
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest

from ledger.domain.accounts import Account
from ledger.domain.contacts import Contact
from ledger.domain.errors import CreditsLocked, NotFound, RequestRefused
from ledger.domain.orders import Consent, MissingConsent, Order, ShownInformation
from ledger.domain.receipts import RecordOutcome
from ledger.domain.refund_cases import CaseState, RefundReason
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.commit import Commit
from ledger.ports.documents import contact_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.consents import revoke_confirmation
from ledger.usecases.contacts import Address, contact_change
from ledger.usecases.explain_chain import explain_balance
from ledger.usecases.locks import read_locks
from ledger.usecases.refund_cases.confirm_withdrawal import confirm_withdrawal
from ledger.usecases.refund_cases.open_case import open_case
from ledger.usecases.usage import draw_credits, fail_run
from tests.contract.test_orders_terms import ADA, NOW, WAYS, Shop, again
from tools.testing.builders import POLICY, refund_claim
from tools.testing.fakes import FakeStore, world
from tools.testing.unguarded import confirm_consent, expire_credits, give_consent
from tools.verify import check

DAYS = 20
GIVEN = Consent(given_at=NOW, text_version="1", asked_to_begin=True, acknowledged_loss=True)
SHOWN = ShownInformation(policy_version="1", text_version="1", language="en", digest="d", at=NOW)


@dataclass
class Buyer:
    """A buyer of an order whose credits are locked."""

    shop: Shop
    order: Order
    runs: int = 0

    @classmethod
    def at(cls, store: Store, way: tuple[str, str] = WAYS[-1], consent: Consent | None = GIVEN) -> "Buyer":
        """A buyer who has placed the order and not paid it."""
        shop = Shop(store, *way, lock_days=DAYS)
        return cls(shop, shop.order(consent=consent))

    def pays(self, name: str = "evt_paid") -> RecordOutcome:
        return self.shop.hear(again(self.shop.paid(self.order), name)).outcome

    def confirms(self, mail: str = "mail_1", at: datetime = NOW) -> Order:
        return confirm_consent(self.order.order_id, mail, self.shop.store, at)

    def bounces(self, mail: str = "mail_1", at: datetime = NOW) -> Order:
        return revoke_confirmation(self.order.order_id, mail, self.shop.store, at)

    def gives(self, consent: Consent = GIVEN) -> Order:
        return give_consent(ADA, self.order.order_id, consent, SHOWN, self.shop.store)

    def draws(self, credits_: int = 1) -> None:
        self.runs += 1
        draw_credits(ADA, f"run_{self.runs}", credits_, self.shop.store, now=self.now)

    @property
    def now(self) -> datetime:
        """A time within the period that was paid for, and before the end of the lock."""
        (lot,) = self.account.lots.values()
        return lot.locked_until - timedelta(days=1) if lot.locked_until else NOW

    @property
    def account(self) -> Account:
        return self.shop.store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]

    @property
    def spendable(self) -> int:
        return self.account.spendable(self.now)

    def is_sound(self) -> bool:
        """Whether every invariant holds. Only the fake shows its whole table."""
        store = self.shop.store
        return not isinstance(store, FakeStore) or not [one for one in check(world(store)) if one.broken]


@pytest.mark.parametrize("way", WAYS)
def test_a_payment_after_its_consent_is_complete_locks_nothing(any_store: Store, way: tuple[str, str]) -> None:
    """Nor does another event of it."""
    early = Buyer.at(any_store, way)
    assert early.confirms().consent.is_complete  # type: ignore[union-attr]
    assert early.pays() is RecordOutcome.BOOKED
    assert (early.account.balance, early.spendable, early.account.locks(NOW)) == (1000, 1000, {})
    assert early.pays("evt_again") is RecordOutcome.ALREADY_BOOKED
    assert early.is_sound()


@pytest.mark.parametrize("way", WAYS)
def test_credits_are_there_at_once_and_locked_until_the_confirmation(any_store: Store, way: tuple[str, str]) -> None:
    """A draw is refused with what is locked, until when, and of which order."""
    buyer = Buyer.at(any_store, way)
    assert buyer.pays() is RecordOutcome.BOOKED
    ((lot_id, lock),) = buyer.account.locks(buyer.now).items()
    assert (buyer.account.balance, buyer.spendable, lock.credits) == (1000, 0, 1000)
    assert (lot_id, lock.order_id) == (f"order/{buyer.order.order_id}/0", buyer.order.order_id)
    (shown,) = read_locks(buyer.account, any_store, buyer.now)
    assert (shown.credits, shown.until, shown.missing) == (1000, lock.until, MissingConsent.CONFIRMATION)
    has, why = explain_balance(ADA, any_store, buyer.now)
    assert has == f"{ADA} has 1,000 credits: 1,000 granted."
    assert why.startswith("1,000 of them are locked: our mail that confirms the consent")
    assert buyer.order.order_id in why
    assert "That mail unlocks them, or at the end of that right: " in why
    with pytest.raises(CreditsLocked) as refused:
        buyer.draws(5)
    assert (refused.value.missing, refused.value.locked, refused.value.until) == (5, 1000, lock.until)
    assert refused.value.order_ids == (buyer.order.order_id,)
    assert buyer.is_sound()
    buyer.confirms()
    assert buyer.spendable == 1000
    buyer.draws(5)
    assert (buyer.account.balance, read_locks(buyer.account, any_store, NOW)) == (995, [])
    assert explain_balance(ADA, any_store, NOW) == [f"{ADA} has 995 credits: 1,000 granted − 5 drawn."]
    assert buyer.is_sound()


def test_the_lock_ends_with_the_right_of_withdrawal(any_store: Store) -> None:
    """At that instant, without any job."""
    buyer = Buyer.at(any_store, consent=None)
    buyer.pays()
    ((_, lock),) = buyer.account.locks(NOW).items()
    assert lock.until
    assert buyer.account.spendable(lock.until - timedelta.resolution) == 0
    assert buyer.account.spendable(lock.until) == 1000
    draw_credits(ADA, "run_1", 1000, any_store, now=lock.until)
    assert buyer.is_sound()


def test_the_grant_stays_one_round_trip() -> None:
    """Locked. Confirmed before: the grant is refused once, then planned with the order."""
    store = FakeStore()
    buyer = Buyer.at(store)
    store.round_trips = 0
    buyer.pays()
    assert store.round_trips == 1
    early = Buyer.at(other := FakeStore())
    early.confirms()
    other.round_trips = 0
    early.pays()
    assert other.round_trips <= 4


def test_a_consent_can_be_given_later(any_store: Store) -> None:
    """For an order that has none; its terms stay as they were agreed, and it counts once it is confirmed."""
    buyer = Buyer.at(any_store, consent=None)
    assert buyer.order.missing_consent is MissingConsent.REQUEST
    with pytest.raises(RequestRefused):
        buyer.confirms()
    with pytest.raises(RequestRefused):
        buyer.gives(replace(GIVEN, acknowledged_loss=False))
    with pytest.raises(NotFound):
        give_consent("acct_eve", buyer.order.order_id, GIVEN, SHOWN, any_store)  # type: ignore[arg-type]
    given = buyer.gives()
    assert (given.terms_hash, given.shown) == (buyer.order.terms_hash, SHOWN)
    assert given.missing_consent is MissingConsent.CONFIRMATION
    again_given = buyer.gives(replace(GIVEN, text_version="2"))
    assert again_given.consent == GIVEN, "the first one stands"
    assert buyer.pays() is RecordOutcome.BOOKED
    assert buyer.spendable == 0
    assert buyer.confirms().missing_consent is None
    assert buyer.spendable == 1000
    assert buyer.is_sound()


def confirmations(store: Store) -> list[str]:
    """The orders whose confirmations are listed."""
    return sorted(one.subject.partition("/")[0] for one in store.mail_intents())


def test_a_new_address_gets_the_confirmation_that_the_old_one_never_had(any_store: Store) -> None:
    """Once. While the address is the same, or nothing waits for it, nothing more is mailed."""
    buyer = Buyer.at(any_store)
    buyer.pays()
    old, new = Address("ada@example.com", "en"), Address("ada@example.org", "de")
    any_store.commit(Commit(documents=contact_change(ADA, old, None, NOW - timedelta(days=1))))

    def asks(address: Address, moment: datetime = NOW) -> Order:
        given = replace(GIVEN, given_at=moment)
        return give_consent(ADA, buyer.order.order_id, given, SHOWN, any_store, address=address)

    asks(old)
    assert confirmations(any_store) == []
    assert asks(new).consent == GIVEN
    asks(new, NOW + timedelta(minutes=1))
    assert confirmations(any_store) == [buyer.order.order_id]
    (mail,) = any_store.mail_intents()
    key = contact_key(ADA)
    contact = any_store.read(Keys(documents=frozenset({key}))).document(key, Contact)
    assert contact
    assert (contact.email, contact.language, contact.noted_at) == (*new, NOW)
    confirm_consent(buyer.order.order_id, "mail_2", any_store, NOW + timedelta(minutes=2), written_at=mail.listed_at)
    assert buyer.spendable == 1000
    asks(old, NOW + timedelta(minutes=3))
    assert confirmations(any_store) == [buyer.order.order_id]
    assert buyer.is_sound()


@pytest.mark.parametrize(
    ("address", "is_new"),
    [(("ada@example.com", "en"), False), (("ada@example.com", "de"), True), (("ada@example.org", "en"), True)],
)
def test_an_address_is_noted_if_it_or_its_language_is_new(address: tuple[str, str], *, is_new: bool) -> None:
    """What is known is not written again with each order."""
    known = Contact(account_id=ADA, email="ada@example.com", language="en", noted_at=NOW, version=3)
    changes = contact_change(ADA, Address(*address), known, NOW + timedelta(days=1))
    assert [one.replaces for one in changes] == [3] * is_new


def test_each_new_address_has_a_mail_of_its_own(any_store: Store) -> None:
    """The one before may wait still: it is not taken for the next one of the same order."""
    buyer = Buyer.at(any_store)
    buyer.pays()
    any_store.commit(Commit(documents=contact_change(ADA, Address("ada@example.com", "en"), None, NOW)))
    for minute, email in enumerate(("ada@example.org", "ada@example.net"), 1):
        given = replace(GIVEN, given_at=NOW + timedelta(minutes=minute))
        give_consent(ADA, buyer.order.order_id, given, SHOWN, any_store, address=Address(email, "en"))
        assert confirmations(any_store) == [buyer.order.order_id] * minute
    assert buyer.is_sound()


def test_an_order_with_a_new_address_confirms_what_still_waits(any_store: Store) -> None:
    """The customer buys again, and the credits of before are locked all the same."""
    buyer = Buyer.at(any_store)
    buyer.pays()
    any_store.commit(Commit(documents=contact_change(ADA, Address("ada@example.com", "en"), None, NOW)))
    for key, email in (("same", "ada@example.com"), ("new", "ada@example.org"), ("again", "ada@example.org")):
        buyer.shop.order(key=key, email=email, now=NOW)
        assert confirmations(any_store) == [buyer.order.order_id] * (key != "same")
    assert buyer.is_sound()


def test_a_mail_that_does_not_name_the_consent_does_not_confirm_it(any_store: Store) -> None:
    """The contract was confirmed while the customer was asking us to begin. The consent has a mail of its own."""
    buyer = Buyer.at(any_store, consent=None)
    buyer.pays()
    buyer.gives(replace(GIVEN, given_at=NOW))
    moment = timedelta(seconds=1)
    before = confirm_consent(buyer.order.order_id, "mail_1", any_store, NOW + moment, written_at=NOW - moment)
    assert (before.missing_consent, buyer.spendable) == (MissingConsent.CONFIRMATION, 0)
    after = confirm_consent(buyer.order.order_id, "mail_2", any_store, NOW + 2 * moment, written_at=NOW)
    assert (after.missing_consent, buyer.spendable) == (None, 1000)
    assert buyer.is_sound()


def test_a_confirmation_that_came_back_locks_what_is_unused(any_store: Store) -> None:
    """Another message unlocks it. The same one does not, whichever was reported first."""
    buyer = Buyer.at(any_store)
    buyer.pays()
    buyer.confirms()
    assert buyer.bounces().missing_consent is MissingConsent.CONFIRMATION
    assert buyer.spendable == 0
    assert buyer.is_sound()
    assert buyer.bounces() == buyer.confirms()
    assert buyer.spendable == 0
    buyer.bounces("mail_2")
    buyer.confirms("mail_2")
    assert buyer.spendable == 0, "it came back before it was recorded"
    confirmed = buyer.confirms("mail_3")
    assert (buyer.spendable, confirmed.consent and confirmed.consent.revoked_at) == (1000, None)
    assert buyer.is_sound()


def test_what_was_used_before_a_confirmation_came_back_stays_used(any_store: Store) -> None:
    """The rest is locked, and a person decides about a withdrawal, also after another confirmation."""
    buyer = Buyer.at(any_store)
    buyer.pays()
    buyer.confirms()
    buyer.draws(400)
    returned = buyer.bounces().consent
    assert returned
    assert (returned.revoked_at, returned.confirmation_id, buyer.spendable) == (NOW, None, 0)
    confirmed = buyer.confirms("mail_2").consent
    assert confirmed
    assert (confirmed.is_complete, confirmed.revoked_at, buyer.spendable) == (True, NOW, 600)
    (purchase,) = any_store.purchases_of(ADA, 10).items
    claim = refund_claim(RefundReason.WITHDRAWAL, payment_id=purchase.payment_id, is_declaration=True)
    case = confirm_withdrawal(ADA, open_case(claim, any_store, POLICY, now=NOW).case_id, any_store, POLICY, now=NOW)
    assert case.state is CaseState.IN_REVIEW
    assert buyer.is_sound()


def test_a_run_that_failed_is_no_use(any_store: Store) -> None:
    """Its credits came back: nothing was used before the confirmation."""
    buyer = Buyer.at(any_store)
    buyer.pays()
    buyer.confirms()
    buyer.draws(400)
    fail_run(ADA, "run_1", any_store, now=NOW)
    returned = buyer.bounces().consent
    assert returned
    assert returned.revoked_at is None


def test_a_confirmation_after_the_first_use_does_not_count() -> None:
    """Of an order without a lock: what is used before cannot be paid for afterwards."""
    store = FakeStore()
    shop = Shop(store, "stripe", "pack_1000")
    order = shop.order(consent=GIVEN)
    shop.hear(shop.paid(order))
    draw_credits(ADA, "run_1", 1, store, now=NOW)
    late = confirm_consent(order.order_id, "mail_1", store, NOW).consent
    assert late
    assert (late.is_late, late.is_complete) == (True, False)


def test_a_confirmation_after_a_declared_withdrawal_unlocks_nothing(any_store: Store) -> None:
    """Else who has declared one could use all credits, and confirm the withdrawal then."""
    buyer = Buyer.at(any_store)
    buyer.pays()
    (purchase,) = any_store.purchases_of(ADA, 10).items
    claim = refund_claim(RefundReason.WITHDRAWAL, payment_id=purchase.payment_id, account_id=ADA, is_declaration=True)
    open_case(claim, any_store, POLICY, now=NOW)
    late = buyer.confirms()
    assert late.missing_consent is MissingConsent.REQUEST
    assert buyer.spendable == 0
    assert buyer.is_sound()


def test_an_accidental_first_step_of_a_withdrawal_blocks_the_consent_for_a_day(any_store: Store) -> None:
    """Later its time does not count. Who consents again can use the credits, and pays for them with a second step."""
    buyer = Buyer.at(any_store)
    buyer.pays()
    (purchase,) = any_store.purchases_of(ADA, 10).items
    claim = refund_claim(RefundReason.WITHDRAWAL, payment_id=purchase.payment_id, account_id=ADA, is_declaration=True)
    case = open_case(claim, any_store, POLICY, now=NOW)
    assert confirm_consent(buyer.order.order_id, "mail_1", any_store, NOW + timedelta(days=1)).missing_consent
    later = NOW + timedelta(days=1, seconds=1)
    again = Consent(given_at=later, text_version="1", asked_to_begin=True, acknowledged_loss=True)
    give_consent(ADA, buyer.order.order_id, again, SHOWN, any_store)
    assert confirm_consent(buyer.order.order_id, "mail_2", any_store, later).missing_consent is None
    assert buyer.spendable == 1000
    draw_credits(ADA, "run_1", 400, any_store, now=later)
    withdrawn = confirm_withdrawal(ADA, case.case_id, any_store, POLICY, now=NOW + timedelta(days=2))
    assert withdrawn.decision
    assert (withdrawn.state.value, withdrawn.decision.money_minor) == ("approved", 1200)
    assert buyer.is_sound()


def test_a_withdrawal_from_locked_credits_returns_everything(any_store: Store) -> None:
    """They are reserved for the refund; what is unlocked later is not spendable."""
    buyer = Buyer.at(any_store)
    buyer.pays()
    (purchase,) = any_store.purchases_of(ADA, 10).items
    claim = refund_claim(RefundReason.WITHDRAWAL, payment_id=purchase.payment_id, account_id=ADA, is_declaration=True)
    case = open_case(claim, any_store, POLICY, now=NOW)
    case = confirm_withdrawal(ADA, case.case_id, any_store, POLICY, now=NOW)
    assert (case.state.value, case.decision and case.decision.money_minor) == ("approved", 2000)
    assert read_locks(buyer.account, any_store, NOW) == [], "none of its credits is kept by the lock"
    assert explain_balance(ADA, any_store, NOW) == [
        f"{ADA} has 1,000 credits: 1,000 granted.",
        "1,000 of them are reserved for a refund under way.",
    ]
    buyer.confirms()
    assert buyer.spendable == 0
    assert buyer.is_sound()


def test_a_second_payment_of_the_order_is_locked_and_unlocked_with_it(any_store: Store) -> None:
    """Before and after the confirmation: the order has one consent."""
    buyer = Buyer.at(any_store)
    buyer.pays()
    twin = buyer.shop.paid(buyer.order, payment_intent="pi_twin", id="cs_twin")
    assert buyer.shop.hear(again(twin, "evt_twin")).outcome is RecordOutcome.BOOKED
    assert (buyer.account.balance, buyer.spendable) == (1000, 0)
    buyer.confirms()
    assert buyer.spendable == 1000
    third = buyer.shop.paid(buyer.order, payment_intent="pi_third", id="cs_third")
    assert buyer.shop.hear(again(third, "evt_third")).outcome is RecordOutcome.BOOKED
    assert (buyer.account.balance, buyer.spendable) == (1000, 1000)
    assert buyer.is_sound()


@pytest.mark.parametrize("steps", [*itertools.permutations(["pay", "pay again", "confirm", "bounce", "confirm anew"])])
def test_any_order_of_the_same_messages_ends_with_the_same_lots(steps: tuple[str, ...]) -> None:
    """Two payments, a confirmation that comes back, and another one."""
    buyer = Buyer.at(FakeStore())
    twin = buyer.shop.paid(buyer.order, payment_intent="pi_twin", id="cs_twin")
    acts = {
        "pay": buyer.pays,
        "pay again": lambda: buyer.shop.hear(again(twin, "evt_twin")),
        "confirm": buyer.confirms,
        "bounce": buyer.bounces,
        "confirm anew": lambda: buyer.confirms("mail_2"),
    }
    for step in steps:
        acts[step]()  # type: ignore[operator]
        assert buyer.is_sound(), step
    (lot,) = buyer.account.lots.values()
    assert (lot.granted, lot.drawn, lot.locked_until, buyer.spendable) == (1000, 0, None, 1000)


@pytest.mark.parametrize("number", range(6))
def test_a_payment_and_a_confirmation_at_the_same_moment(real_store: DynamoDBStore, number: int) -> None:
    """Whichever is written first, nothing stays locked."""
    way = WAYS[number % len(WAYS)]
    buyer = Buyer.at(real_store, way)
    start = Barrier(2)

    def at_once(act: str) -> None:
        start.wait()
        getattr(buyer, act)()

    threads = [Thread(target=at_once, args=(act,)) for act in ("pays", "confirms")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (buyer.account.balance, buyer.spendable) == (1000, 1000)
    (purchase,) = real_store.purchases_of(ADA, 10).items
    assert f"consent:{buyer.order.order_id}" in purchase.facts


def test_later_periods_are_locked_with_their_contract(any_store: Store) -> None:
    """While the contract's own lot is locked, and until its consent is complete."""
    buyer = Buyer.at(any_store, ("stripe", "creator_monthly"))
    buyer.pays()
    ((_, lock),) = buyer.account.locks(NOW).items()
    assert lock.until
    first = buyer.shop.paid(buyer.order)
    renewal = again(first, "evt_renewal")
    invoice = renewal["data"]["object"]
    line = invoice["lines"]["data"][0]
    length = line["period"]["end"] - line["period"]["start"]
    line["period"] = {"start": line["period"]["end"], "end": line["period"]["end"] + length}
    invoice |= {"id": "in_renewal", "billing_reason": "subscription_cycle"}
    assert buyer.shop.hear(renewal).outcome is RecordOutcome.BOOKED
    assert buyer.account.balance == 2000
    assert (buyer.account.spendable(lock.until - timedelta(days=1)), buyer.account.locks(lock.until)) == (0, {})
    found = read_locks(buyer.account, any_store, NOW)
    assert [(one.order_id, one.credits) for one in found] == [(buyer.order.order_id, 2000)]
    expire_credits(any_store, now=lock.until - timedelta(days=1))
    buyer.confirms()
    assert buyer.account.locks(NOW) == {}
    assert buyer.is_sound()


@pytest.mark.parametrize("number", range(4))
def test_a_draw_and_a_confirmation_that_comes_back_at_the_same_moment(real_store: DynamoDBStore, number: int) -> None:
    """Either the draw was first, and the order remembers that, or nothing was drawn under the returned confirmation."""
    buyer = Buyer.at(real_store, WAYS[number])
    buyer.pays()
    buyer.confirms()
    start, refused = Barrier(2), []

    def draws() -> None:
        start.wait()
        try:
            buyer.draws(400)
        except CreditsLocked as error:
            refused.append(error)

    def bounces() -> None:
        start.wait()
        buyer.bounces()

    threads = [Thread(target=act) for act in (draws, bounces)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    consent = buyer.bounces().consent
    assert consent
    assert (buyer.account.balance, consent.revoked_at is None) == ((1000, True) if refused else (600, False))
    assert buyer.spendable == 0
