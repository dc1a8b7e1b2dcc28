"""Each condition under which a commit is written: one commit that keeps it is written, each that breaks it is refused.

A refused commit writes nothing, and its refusal shows what is stored where the store can return it.
"""

from dataclasses import replace

import pytest

from ledger.domain.entries import CounterAccount, Entry, EntryKind
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.orders import Checkout, Consent, Terms
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import ParkReason, Receipt, RecordOutcome
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.runs import Run
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.ports.commit import AccountChange, Commit, DocumentChange, FulfilmentKeyChange, PaymentPointer
from ledger.ports.documents import intent_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from tools.testing.builders import ADA, CH, IN, LATER, NOON, ORDER, PI

BOB = AccountId("acct_bob")
IN_2 = PaymentId("stripe:in_2")
KEY = "order/ord_1"
SUBSCRIPTION = Subscription(
    subscription_id="stripe:sub_1", status=SubscriptionStatus.ACTIVE, at=NOON, cause="stripe:evt_1", account_id=ADA
)


def lot(lot_id: str) -> Lot:
    """A lot of 10 credits."""
    return Lot(lot_id=lot_id, granted=10)


def adds(*lot_ids: str, **more: object) -> Commit:
    """The account is not read, and gets these lots."""
    lots = {name: lot(name) for name in lot_ids}
    return Commit(account=AccountChange(account_id=ADA, version=None, lots=lots, **more))  # type: ignore[arg-type]


def changes(version: int, *closed: str) -> Commit:
    """The account was read in this version; these of its lots leave it."""
    lots = {name: lot(name) for name in closed}
    return Commit(account=AccountChange(account_id=ADA, version=version, lots=lots, closed=frozenset(closed)))


def pays(*payment_ids: PaymentId, replaces: tuple[PaymentId, ...] = (), **more: object) -> Commit:
    """These payments are the ones for the order."""
    unasked = dict.fromkeys(("terms_hash", "checkout_id", "has_consent"))
    given: dict[str, object] = {"account_id": ADA, "product_ids": frozenset({"pack_500", "pack_1000"})} | unasked | more
    change = FulfilmentKeyChange(key=KEY, payment_ids=payment_ids, replaces=replaces, **given)  # type: ignore[arg-type]
    return Commit(fulfilment_keys=(change,))


def orders(version: int = 0, **more: object) -> Commit:
    """The order is stored, over this version."""
    return Commit(order=replace(AGREED_ORDER, version=version, **more))  # type: ignore[arg-type]


AGREED_ORDER = replace(
    ORDER,
    order_id=OrderId("ord_1"),
    terms=Terms(kind="pack", price_id="price_1", credits=1000, lock_days=None),
    consent=None,
)
AGREED = AGREED_ORDER.terms_hash
CONSENT = Consent(given_at=NOON, text_version="1", asked_to_begin=True, acknowledged_loss=True)
CONFIRMED = replace(CONSENT, confirmation_id="mail_1")
CONFIRMED_LATE = replace(CONFIRMED, is_late=True)


def agrees(*paid: PaymentId) -> Commit:
    """The order is stored over its first version, if these are its payments."""
    return replace(orders(1, consent=CONSENT), fulfilment_keys=pays(*paid, replaces=paid).fulfilment_keys)


def grants(consent: Consent | None, *, has_consent: bool | None) -> Commit:
    """The order with this consent is paid, and its lots were planned with or without a complete one."""
    return pays(PI, terms_hash=replace(AGREED_ORDER, consent=consent).terms_hash, has_consent=has_consent)


def with_consent(consent: Consent | None, *, is_complete: bool) -> tuple[tuple[Commit], Commit, tuple[Commit]]:
    """An order with this consent, a commit that has read it, and one that has read another."""
    kept, broken = (grants(consent, has_consent=read) for read in (is_complete, not is_complete))
    return (orders(consent=consent),), kept, (broken,)


def writes(*documents: tuple[str, int | None]) -> Commit:
    """Each intent is stored, over this version."""
    intent = RefundIntent(tag="", account_id=ADA, payment_id=PI, approved_at=NOON)
    return Commit(
        documents=tuple(
            DocumentChange(intent_key(tag), replace(intent, tag=tag, version=replaces or 0), replaces)
            for tag, replaces in documents
        )
    )


def draws(version: int = 0) -> Commit:
    """The run draws, over this version."""
    return Commit(run=Run(account_id=ADA, run_id="run_1", drawn={"a": 3}, at=NOON, version=version))


def buys(version: int = 0) -> Commit:
    """The purchase is stored, over this version."""
    return Commit(purchases=(Purchase(payment_id=PI, version=version),))


def points(*to: PaymentId, replaces: tuple[PaymentId, ...] | None = (), version: int = 0) -> Commit:
    """The payment's id leads there, over these targets or this version of a purchase."""
    pointer = PaymentPointer(name=PI, to=to[0], also_to=to[1:], replaces=replaces, replaces_version=version)
    return Commit(pointers=(pointer,))


def entry(entry_id: str) -> Entry:
    """An entry of this second and step."""
    return Entry(
        entry_id=entry_id,
        account_id=ADA,
        kind=EntryKind.GRANT,
        counter=CounterAccount.SALES,
        lot_id="a",
        credits=10,
        cause="stripe:evt_1",
        occurred_at=NOON,
        recorded_at=LATER,
        correlation_id="req_1",
        step=1,
    )


ENTRY, OTHER_ENTRY = entry("a/1/grant/sales"), entry("b/1/grant/sales")


def parked(number: int) -> Receipt:
    """The receipt of an event that waits."""
    return Receipt(
        provider="stripe",
        event_id=f"evt_{number}",
        event_type="invoice.paid",
        occurred_at=NOON,
        received_at=LATER,
        outcome=RecordOutcome.PARKED,
        body_sha256="0" * 64,
        correlation_id=f"stripe:evt_{number}",
        customer_id="stripe:cus_1",
        parked_reason=ParkReason.UNKNOWN_PRICE,
        detail="price_x",
        body=b"{}",
    )


@pytest.mark.parametrize(
    ("stored", "kept", "broken"),
    [
        # An account that was read: its version.
        ((adds("a"),), changes(1), (changes(0), changes(2))),
        ((), changes(0), (changes(1),)),
        ((adds("a"), adds("b")), changes(2, "a"), (changes(1, "a"), changes(3, "a"))),
        # One that was not read: what it may not have, and what it must have.
        ((adds("a"),), adds("b", "c"), (adds("a"), adds("a", "b"), adds("b", "a"))),
        ((adds("period/1/0"),), adds("x", period="period/2"), (adds("x", period="period/1"),)),
        (
            (adds("x", period="period/1", covered_by=PI),),
            adds("y", period="period/2"),
            (adds("y", period="period/1"), adds("y", period="period/1", covered_by=IN)),
        ),
        (
            (Commit(account=AccountChange(account_id=ADA, version=None, subscription=SUBSCRIPTION)),),
            adds("x", has_subscription="stripe:sub_1"),
            (adds("x", has_subscription="stripe:sub_2"),),
        ),
        # The payments of an order are those that were read.
        ((), pays(PI), (pays(PI, replaces=(IN,)), pays(PI, IN, replaces=(PI,)))),
        (
            (pays(PI),),
            pays(PI, IN, replaces=(PI,)),
            (pays(IN), pays(IN, PI, replaces=(IN,)), pays(PI, IN, replaces=(PI, IN_2))),
        ),
        (
            (pays(PI), pays(PI, IN, replaces=(PI,))),
            pays(PI, IN, IN_2, replaces=(PI, IN)),
            (
                pays(PI, IN_2, replaces=(PI,)),
                pays(IN, PI, IN_2, replaces=(IN, PI)),
                pays(PI, IN_2, replaces=(PI, IN_2)),
                pays(CH, IN, IN_2, replaces=(CH, IN)),
            ),
        ),
        # Checked alone, when the payments are still the same.
        ((pays(PI),), pays(PI, replaces=(PI,)), (pays(IN, replaces=(IN,)), pays(PI, IN, replaces=(PI, IN)))),
        ((pays(PI), pays(PI, IN, replaces=(PI,))), pays(PI, IN, replaces=(PI, IN)), (pays(PI, replaces=(PI,)),)),
        # The order is of this account, of a product that was paid, as it was agreed, and paid by its checkout.
        (
            (orders(),),
            pays(PI, terms_hash=AGREED),
            (
                pays(PI, terms_hash=AGREED, account_id=BOB),
                pays(PI, terms_hash=AGREED, product_ids=frozenset({"pack_500", "pack_2500"})),
                pays(PI, terms_hash="0" * 32),
                pays(PI),
                pays(PI, terms_hash=AGREED, checkout_id="stripe:cs_1"),
            ),
        ),
        ((), pays(PI), (pays(PI, terms_hash=AGREED), pays(PI, checkout_id="stripe:cs_1"))),
        (
            (orders(checkout=Checkout(checkout_id="stripe:cs_1")),),
            pays(PI, terms_hash=AGREED, checkout_id="stripe:cs_1"),
            (
                pays(PI, terms_hash=AGREED, checkout_id="stripe:cs_2"),
                pays(PI, terms_hash="0" * 32, checkout_id="stripe:cs_1"),
                pays(PI, checkout_id="stripe:cs_1"),
            ),
        ),
        # Its consent is as complete as it was read, if the lots depend on it.
        with_consent(CONFIRMED, is_complete=True),
        with_consent(CONSENT, is_complete=False),
        with_consent(CONFIRMED_LATE, is_complete=False),
        with_consent(None, is_complete=False),
        ((orders(consent=CONFIRMED),), grants(CONFIRMED, has_consent=None), (grants(None, has_consent=None),)),
        # An order is stored before its payment, and over the version that was read.
        ((), orders(), (orders(1),)),
        ((orders(),), orders(1), (orders(), orders(2))),
        ((orders(), orders(1)), orders(2), (orders(1),)),
        ((pays(PI),), adds("x"), (orders(),)),
        # And, if its payments were read, while they are the same.
        ((orders(),), agrees(), (agrees(PI),)),
        ((orders(), pays(PI, terms_hash=AGREED)), agrees(PI), (agrees(), agrees(IN), agrees(PI, IN))),
        # A document over the version that was read; without one, over anything.
        ((), writes(("t", 0)), (writes(("t", 1)),)),
        ((writes(("t", 0)),), writes(("t", 1)), (writes(("t", 0)), writes(("t", 2)), writes(("u", 0), ("t", 0)))),
        ((writes(("t", 0)),), writes(("t", None)), (writes(("t", 0)),)),
        # A subscription, a run and an entry.
        ((Commit(subscription=SUBSCRIPTION),), adds("x"), (Commit(subscription=SUBSCRIPTION),)),
        ((), Commit(subscription=SUBSCRIPTION), (Commit(subscription=replace(SUBSCRIPTION, version=1)),)),
        ((draws(),), draws(1), (draws(), draws(2))),
        ((), draws(), (draws(1),)),
        ((Commit(entries=(ENTRY,)),), adds("x"), (Commit(entries=(ENTRY,)), Commit(entries=(OTHER_ENTRY, ENTRY)))),
        # A pointer: nothing, another pointer or a purchase, as it was read.
        ((), points(IN), (points(IN, replaces=(IN_2,)), points(IN, version=1))),
        (
            (points(IN),),
            points(IN_2, replaces=(IN,)),
            (points(IN_2), points(IN_2, replaces=(IN_2,)), points(IN_2, replaces=(IN, CH)), points(IN_2, version=1)),
        ),
        (
            (points(IN, IN_2),),
            points(CH, replaces=(IN, IN_2)),
            (points(CH, replaces=(IN,)), points(CH, replaces=(IN, CH)), points(CH, replaces=(CH, IN_2))),
        ),
        ((points(IN, IN_2),), points(CH, replaces=None), (points(CH),)),
        ((), points(CH, replaces=None), (points(CH, replaces=(IN,)),)),
        (
            (buys(),),
            points(CH, version=1),
            (points(CH), points(CH, version=2), points(CH, replaces=None), points(CH, replaces=(PI,))),
        ),
        # A purchase.
        ((buys(),), buys(1), (buys(), buys(2))),
        ((), buys(), (buys(1),)),
    ],
)
def test_a_commit_is_written_only_over_what_was_read(
    any_store: Store, stored: tuple[Commit, ...], kept: Commit, broken: tuple[Commit, ...]
) -> None:
    """Whatever breaks its condition is refused whole, also what comes with it; then what keeps it is written."""
    for commit in stored:
        assert any_store.commit(commit) is None
    for number, commit in enumerate(broken):
        with_more = replace(commit, receipt=parked(number))
        assert any_store.commit(with_more) is not None, commit
    assert list(any_store.customer_receipts("stripe:cus_1")) == []
    assert any_store.commit(replace(kept, receipt=parked(99))) is None
    assert len(any_store.customer_receipts("stripe:cus_1")) == 1


BOOKED = replace(parked(1), outcome=RecordOutcome.BOOKED, parked_reason=None, detail="", body=None)


@pytest.mark.parametrize(
    ("stored", "kept", "broken"),
    [
        (BOOKED, None, (BOOKED, parked(1), replace(parked(1), muted_by="act_1"))),
        (parked(1), BOOKED, (parked(1),)),
        (parked(1), replace(parked(1), parked_reason=ParkReason.NO_ACCOUNT), ()),
        (parked(1), replace(parked(1), muted_by="act_1"), ()),
        (replace(parked(1), muted_by="act_1"), parked(1), (replace(parked(1), muted_by="act_1"),)),
        (replace(parked(1), muted_by="act_1"), replace(parked(1), muted_by="act_2"), ()),
    ],
)
def test_a_receipt_is_written_over_a_parked_one_alone_and_only_if_it_says_something_else(
    any_store: Store, stored: Receipt, kept: Receipt | None, broken: tuple[Receipt, ...]
) -> None:
    """It is booked, waits for another reason, or is moved to another list. The refusal shows what is stored."""
    assert any_store.commit(Commit(receipt=stored)) is None
    for receipt in broken:
        refusal = any_store.commit(Commit(receipt=receipt, entries=(ENTRY,)))
        assert refusal is not None, receipt
        assert refusal.receipt == stored
    assert any_store.commit(Commit(receipt=kept, entries=(ENTRY,))) is None, "none of them wrote the entry"
    known = any_store.read(Keys(receipts=frozenset({stored.name})))
    assert known.receipts == {stored.name: kept or stored}


def test_each_write_moves_the_version_by_one(any_store: Store) -> None:
    """So the next one must have read it."""
    changed = replace(SUBSCRIPTION, status=SubscriptionStatus.PAST_DUE, version=1)
    for commit in (buys(), buys(1), draws(), draws(1), writes(("t", 0)), writes(("t", 1)), orders(), orders(1)):
        assert any_store.commit(commit) is None
    for subscription in (SUBSCRIPTION, changed):
        assert any_store.commit(Commit(subscription=subscription)) is None
    for change in (adds("a"), adds("b"), changes(2)):
        assert any_store.commit(change) is None
    known = any_store.read(
        Keys(
            payments=frozenset({PI}),
            accounts=frozenset({ADA}),
            fulfilment_keys=frozenset({KEY}),
            subscriptions=frozenset({"stripe:sub_1"}),
            runs=frozenset({(ADA, "run_1")}),
            documents=frozenset({intent_key("t")}),
        )
    )
    (purchase,), (account,), (run,) = known.payments.values(), known.accounts.values(), known.runs.values()
    stored_intent, terms = known.document(intent_key("t"), RefundIntent), known.fulfilment_keys[KEY].terms
    assert isinstance(purchase, Purchase)
    assert (purchase.version, run.version, account.version) == (2, 2, 3)
    assert {one.version for one in known.subscriptions.values()} == {2}
    assert (stored_intent and stored_intent.version, terms and terms.version) == (2, 2)


def test_a_refusal_shows_the_first_purchase_the_run_and_the_receipt_as_they_are_stored(any_store: Store) -> None:
    """So nothing is read again to answer a repetition."""
    for commit in (buys(), draws(), Commit(receipt=parked(1))):
        assert any_store.commit(commit) is None
    for commit in (buys(), buys(5)):
        refusal = any_store.commit(commit)
        assert refusal is not None
        assert refusal.purchase is not None
        assert (refusal.purchase.payment_id, refusal.purchase.version) == (PI, 1)
        assert (refusal.run, refusal.receipt) == (None, None)
    for commit in (draws(), draws(5)):
        refusal = any_store.commit(commit)
        assert refusal is not None
        assert refusal.run is not None
        assert (refusal.run.drawn, refusal.run.version) == ({"a": 3}, 1)
    refusal = any_store.commit(Commit(receipt=parked(1)))
    assert refusal is not None
    assert refusal.receipt == parked(1)
    second = replace(buys(), purchases=(Purchase(payment_id=IN), *buys().purchases))
    refusal = any_store.commit(second)
    assert refusal is not None
    assert refusal.purchase is None, "the first one of the commit is not stored"


def test_a_document_that_is_deleted_is_gone_with_the_rest_of_its_commit_or_not_at_all(any_store: Store) -> None:
    """Beside checks, puts and updates that fail, it stays."""
    for commit in (writes(("t", 0)), pays(PI), adds("a")):
        assert any_store.commit(commit) is None
    leaves = (DocumentChange(intent_key("t"), None),)
    for broken in (pays(IN, replaces=(IN,)), adds("a"), draws(1), buys(1)):
        assert any_store.commit(replace(broken, documents=leaves)) is not None
        assert list(any_store.outbox())
    assert any_store.commit(replace(pays(PI, replaces=(PI,)), documents=leaves)) is None
    assert list(any_store.outbox()) == []


def test_a_closed_lot_is_stored_beside_its_account_and_not_on_it(any_store: Store) -> None:
    """And found there by its account and id."""
    any_store.commit(adds("a"))
    any_store.commit(adds("b"))
    assert any_store.commit(changes(2, "a")) is None
    known = any_store.read(Keys(accounts=frozenset({ADA}), closed_lots=frozenset({(ADA, "a"), (ADA, "b")})))
    assert known.accounts[ADA].lots == {"b": lot("b")}
    assert known.closed_lots == {(ADA, "a"): lot("a")}


@pytest.mark.parametrize("is_put_back", [False, True])
def test_a_closed_lot_that_a_commit_rests_on_must_be_stored_as_it_was_read(
    any_store: Store, *, is_put_back: bool
) -> None:
    """It may have been read before its account, whose version says nothing of it then."""
    assert any_store.commit(changes(0, "old")) is None
    read = any_store.read(Keys(closed_lots=frozenset({(ADA, "old")}))).closed_lots[ADA, "old"]
    assert read == lot("old")
    later = replace(lot("old"), drawn=10)

    def over(version: int, before: Lot, after: Lot) -> Commit:
        closed = frozenset() if is_put_back else frozenset({"old"})
        change = AccountChange(
            account_id=ADA, version=version, lots={"old": after}, closed=closed, closed_before={"old": before}
        )
        return Commit(account=change)

    meanwhile = AccountChange(account_id=ADA, version=1, lots={"old": later}, closed=frozenset({"old"}))
    assert any_store.commit(Commit(account=meanwhile)) is None
    assert any_store.commit(over(2, read, lot("old"))) is not None
    found = any_store.read(Keys(accounts=frozenset({ADA}), closed_lots=frozenset({(ADA, "old")})))
    assert (found.accounts[ADA].lots, found.closed_lots[ADA, "old"]) == ({}, later)
    assert any_store.commit(over(2, found.closed_lots[ADA, "old"], lot("old"))) is None
