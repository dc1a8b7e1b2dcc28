"""Lawful ledgers: what the use-cases write in one story each. Between them they hold one of everything."""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ledger.domain import catalogue
from ledger.domain.contacts import Contact
from ledger.domain.declarations import DeclarationKind, DeclarationState, Submission
from ledger.domain.errors import SecondPersonNeeded, StoreUnavailable
from ledger.domain.events import Event, Owner
from ledger.domain.facts import (
    BalanceCredited,
    DisputeState,
    FraudWarned,
    MoneyLinked,
    PaymentFailed,
    PaymentSettled,
    RefundedItem,
    RefundState,
    RefundTotalReported,
    ResolutionReported,
    UngrantedLine,
)
from ledger.domain.ids import AccountId, PaymentId, request_correlation_id
from ledger.domain.mails import MailIntent, MailKind, MailOutcome, MailRecord, mail_id_of
from ledger.domain.orders import Consent, Order, RenewalConsent, RenewalTerms, ShownInformation
from ledger.domain.proposals import CREDITS, SupportLimit
from ledger.domain.receipts import NotBookable, ParkReason, Receipt
from ledger.domain.refund_cases import DecisionOutcome, RefundCase, RefundReason, SubmittedEvidence
from ledger.domain.runs import Run
from ledger.domain.subjects import subject_of_event
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import contact_key, mail_intent_key, mail_record_key
from ledger.ports.reads import Keys, Snapshot
from ledger.providers.registry import PROVIDERS, names_of_parked
from ledger.usecases.adjust_credits import Adjustment, adjust_credits
from ledger.usecases.attribute_parked import Attribution, Replay, dismiss_parked, replay_parked
from ledger.usecases.authority import Authority
from ledger.usecases.consents import revoke_confirmation
from ledger.usecases.credit_notes import Seller
from ledger.usecases.declarations.answer import approve, issue_links, object_to
from ledger.usecases.declarations.follow import follow as follow_declaration
from ledger.usecases.declarations.mails import record_acknowledgement, record_notice
from ledger.usecases.declarations.request_review import request_review
from ledger.usecases.declarations.review import NamedContract, carry_out, close, record_forwarding
from ledger.usecases.declarations.submit import declare, submit
from ledger.usecases.holds import place_hold
from ledger.usecases.incidents.begin import IncidentRequest, begin_incident
from ledger.usecases.index_names import (
    index_contact,
    index_declaration,
    index_failed_run,
    index_parked,
    index_purchases,
)
from ledger.usecases.late_information import (
    ask_for_information,
    record_information_returned,
    record_information_sent,
)
from ledger.usecases.looks import (
    record_look,
    record_look_at,
)
from ledger.usecases.mute_parked import end_mute, list_mutes, mute_kind, settle_mutes
from ledger.usecases.place_order import OrderRequest
from ledger.usecases.plan_booking import Origin
from ledger.usecases.record_event import record_event
from ledger.usecases.refund_cases.add_evidence import add_evidence
from ledger.usecases.refund_cases.claim_case import claim_case
from ledger.usecases.refund_cases.confirm_withdrawal import confirm_withdrawal
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.refund_cases.open_case import open_case
from ledger.usecases.send_refunds import send_refund
from ledger.usecases.settle_proposals import reject_proposal
from ledger.usecases.usage import RUNS_ROUTE, draw_credits, fail_run, lot_changes
from tools.orders import place_orders_of
from tools.stories import stories
from tools.testing.builders import (
    ADA,
    CH,
    CONSENT,
    IN,
    LATER,
    PI,
    POLICY,
    RENEWED,
    at,
    dispute,
    event_of,
    ordered,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider, FakeStore, ResponseLost
from tools.testing.unguarded import (
    attribute_parked,
    confirm_consent,
    confirm_proposal,
    decide_case,
    decide_deferred,
    expire_credits,
    give_consent,
    lift_hold,
    place_order,
    release_all,
    replace_runs,
    state_amount,
)

SOLD = catalogue.load()
EXPIRING = catalogue.Catalogue(
    SOLD.version,
    {**SOLD.products, "pack_1000": replace(SOLD.products["pack_1000"], expires_after_days=365)},
)
UNCONFIRMED = Consent(given_at=at(-5), text_version="1", asked_to_begin=True, acknowledged_loss=True)
SHOWN = ShownInformation(
    policy_version="1",
    text_version="1",
    language="de",
    digest="0123",
    at=at(-5),
    first_charge_minor=1200,
    first_charge_on=at(0).date(),
    button_label="Order with obligation to pay",
    total_minor=2380,
)
RENEWAL = RenewalTerms(amount_minor=1785, every_months=1, first_on=at(60 * 24 * 30).date())
SHOWN_OF_PLAN = replace(SHOWN, first_charge_minor=None, first_charge_on=None, renewal=RENEWAL)
SECOND, THIRD, FOURTH = (PaymentId(f"stripe:pi_{number}") for number in (2, 3, 4))


def story(name: str) -> FakeStore:
    """A story of `events/`, delivered in its order."""
    store = FakeStore()
    notifications = next(one for one in stories() if one.name == name).notifications
    place_orders_of(notifications, store)
    for notification in notifications:
        provider = PROVIDERS[notification.provider]
        event: Event | None = provider.translate(provider.parse(notification.body), SOLD, is_live=False)
        assert event is not None
        digest = hashlib.sha256(notification.body).hexdigest()
        received_at = event.at + timedelta(seconds=2)
        record_event(event, store, body=notification.body, body_sha256=digest, now=received_at)
    return store


def decided(store: FakeStore, case: RefundCase, outcome: DecisionOutcome, *, minute: float, **given: Any) -> RefundCase:
    """A person decides a case in review."""
    review = ReviewDecision(outcome=outcome, words=("As we", "agreed."), clause="6", **given)
    return decide_case(case.case_id, review, "sam", store, POLICY, now=at(minute), key=f"decision {minute}")


def ordered_twice() -> FakeStore:
    """An order with complete consent that was paid twice, and a request for the second payment that must wait."""
    store, provider = FakeStore(), FakeProvider()
    request = OrderRequest(
        account_id=ADA,
        provider="stripe",
        product_id="pack_1000",
        currency="USD",
        country="DE",
        is_business=False,
        policy_version="1",
        consent=replace(CONSENT, confirmation_id=None),
        key="order",
        fingerprint="of the order",
    )
    order = place_order(
        request, store, EXPIRING, lambda _: provider, policy_version="1", success_url="s", cancel_url="c", now=at(-5)
    )
    confirm_consent(order.order_id, "mail_1", store, at(-4))
    first = replace(payment(fulfilment_key=f"order/{order.order_id}"), currency="USD")
    record_events(store, paid(first), paid(replace(first, payment_id=SECOND, at=at(1))), now=at(2))
    request_refund(store, refund_claim(RefundReason.CHARGED_TWICE, payment_id=PI), minute=3)
    return store


def ordered_anew() -> FakeStore:
    """Two orders of a plan: the checkout of the first was closed."""
    store, provider = FakeStore(), FakeProvider()
    for minute in (1, 2):
        request = OrderRequest(
            account_id=ADA,
            provider="stripe",
            product_id="creator_monthly",
            currency="USD",
            country="DE",
            is_business=False,
            policy_version="1",
            consent=None,
            shown=SHOWN_OF_PLAN,
            renewal_consent=RenewalConsent(given_at=at(minute), text_version="1", words="I agree to the renewals."),
            key=f"order {minute}",
            fingerprint="of the order",
        )
        place_order(
            request,
            store,
            SOLD,
            lambda _: provider,
            policy_version="1",
            success_url="s",
            cancel_url="c",
            now=at(minute),
        )
    return store


def requested() -> FakeStore:
    """A case in every state, and one whose sending has failed once."""
    store, provider = FakeStore(), FakeProvider()
    for settled in (payment(), replace(payment(SECOND), card_minor=1500), payment(THIRD), payment(FOURTH), RENEWED):
        record_events(store, paid(settled), now=settled.at)
    evidence = SubmittedEvidence(
        message="It failed.",
        email="ada@example.com",
        charged_on=LATER.date(),
        reference="INV-1",
        happened_at=at(5),
        error_messages=("E1",),
        channel="email",
    )
    renewed = request_refund(store, refund_claim(RefundReason.MISTAKEN_RENEWAL, payment_id=IN, key="renewal"))
    provider.faults = [ResponseLost("no answer")]
    send_refund(renewed.tag, store, lambda _: provider, clock=lambda: at(65))
    request_refund(store, refund_claim(RefundReason.WITHDRAWAL, is_declaration=True, key="declared"))
    withdrawal = refund_claim(RefundReason.WITHDRAWAL, payment_id=FOURTH, is_declaration=True, key="withdrawn")
    confirm_withdrawal(ADA, request_refund(store, withdrawal).case_id, store, POLICY, now=at(62))
    unrecognised = refund_claim(RefundReason.UNRECOGNISED_CHARGE, key="in review", evidence=evidence)
    add_evidence(
        ADA, request_refund(store, unrecognised).case_id, "card.pdf", 1, store, now=at(60), limits=POLICY.request_limits
    )
    one, two, three = (
        request_refund(store, refund_claim(payment_id=name, key=f"problem with {name}"), minute=61)
        for name in (PI, SECOND, THIRD)
    )
    items = (RefundedItem(line_id="0", amount_minor=500),)
    decided(store, one, DecisionOutcome.APPROVE, minute=70, money_minor=500, items=items)
    decided(store, two, DecisionOutcome.REPLACE, minute=71, credits=100)
    decided(store, three, DecisionOutcome.DECLINE, minute=72)
    return store


def _locked_order(store: FakeStore, key: str, consent: Consent | None) -> Order:
    """An order whose credits are locked until its consent is complete."""
    request = OrderRequest(
        account_id=ADA,
        provider="stripe",
        product_id="pack_1000",
        currency="USD",
        country="DE",
        is_business=False,
        policy_version="1",
        consent=consent,
        shown=SHOWN if consent else None,
        key=key,
        fingerprint="of the order",
    )
    provider = FakeProvider()
    return place_order(
        *(request, store, SOLD, lambda _: provider),
        policy_version="1",
        success_url="s",
        cancel_url="c",
        now=at(-5),
        lock_days=20,
    )


def locked_payment(order: Order, payment_id: PaymentId = PI, *, minute: float = 0) -> PaymentSettled:
    """The payment for an order whose credits are locked."""
    settled = payment(payment_id, fulfilment_key=f"order/{order.order_id}", minute=minute)
    return replace(settled, locked_until=settled.at + timedelta(days=20))


def of_locked(order: Order, payment_id: PaymentId = PI, *, minute: float = 0) -> Event:
    """The event of the payment for an order whose credits are locked."""
    return replace(paid(locked_payment(order, payment_id, minute=minute)), terms_hash=order.terms_hash)


def locked() -> FakeStore:
    """Orders whose credits wait for a consent, one of which was given later and confirmed too late."""
    store = FakeStore()
    bare, late = _locked_order(store, "bare", None), _locked_order(store, "late", None)
    record_events(store, of_locked(bare), of_locked(late, SECOND), now=at(1))
    give_consent(ADA, bare.order_id, replace(UNCONFIRMED, given_at=at(2)), replace(SHOWN, at=at(2)), store)
    request_refund(store, refund_claim(RefundReason.WITHDRAWAL, payment_id=SECOND, is_declaration=True))
    give_consent(ADA, late.order_id, replace(UNCONFIRMED, given_at=at(61)), replace(SHOWN, at=at(61)), store)
    confirm_consent(late.order_id, "mail_1", store, at(62))
    return store


def informed_late() -> FakeStore:
    """Orders that showed nothing of the right of withdrawal: informed by a mail, by a second one, and not yet."""
    store = FakeStore()
    orders = [_locked_order(store, key, None) for key in ("informed", "again", "waits")]
    payments = (of_locked(order, name) for order, name in zip(orders, (PI, SECOND, THIRD), strict=True))
    record_events(store, *payments, now=at(1))

    def asks(order: Order, minute: float) -> MailIntent:
        ask_for_information(order.order_id, ADA, "sam", store, POLICY, why="It was left out.", now=at(minute))
        return next(one for one in store.mail_intents() if one.listed_at == at(minute))

    def sends(intent: MailIntent, minute: float, returned_at: datetime | None = None) -> None:
        record_information_sent(intent.subject, f"0{minute}", store, at(minute))
        record = MailRecord(
            kind=intent.kind,
            subject=intent.subject,
            account_id=ADA,
            listed_at=intent.listed_at,
            outcome=MailOutcome.SENT,
            ended_at=at(minute),
            message_id=f"0{minute}",
            failed_at=returned_at,
            failure="bounce" if returned_at else "",
        )
        changes = (
            DocumentChange(mail_record_key(intent.mail_id), record),
            DocumentChange(mail_intent_key(intent.mail_id), None),
        )
        assert store.commit(Commit(documents=changes)) is None

    informed, again, waits = orders
    sends(asks(informed, 2), 3)
    returned = asks(again, 4)
    sends(returned, 5, at(6))
    record_information_returned(returned.subject, store, at(6))
    sends(asks(again, 7), 8)
    asks(waits, 9)
    return store


def unlocked() -> FakeStore:
    """Orders whose credits were unlocked: before their payment, after it, and in vain, since the mail came back."""
    store = FakeStore()
    before, after, returned = (_locked_order(store, key, UNCONFIRMED) for key in ("before", "after", "returned"))
    confirm_consent(before.order_id, "mail_1", store, at(-4))
    record_events(store, of_locked(before), of_locked(after, SECOND), of_locked(returned, THIRD, minute=1), now=at(2))
    for order in (after, returned):
        confirm_consent(order.order_id, f"mail of {order.order_id}", store, at(3))
    confirm_consent(after.order_id, "mail_2", store, at(3))
    draw_credits(ADA, "run_1", 2500, store, now=at(4))
    revoke_confirmation(returned.order_id, f"mail of {returned.order_id}", store, at(5))
    return store


def withdrawn_again() -> FakeStore:
    """Withdrawals from three orders without consent whose credits were used: the price goes back, and nothing is owed.

    A person has looked at the second one.
    """
    store, provider = FakeStore(), FakeProvider()
    for number, payment_id in enumerate((PI, SECOND, THIRD)):
        settled = replace(ordered(store, f"ord_{number}"), payment_id=payment_id, at=at(number))
        if payment_id is THIRD:  # its lot stays on the account until then
            settled = replace(settled, lines=tuple(replace(line, expires_at=LATER) for line in settled.lines))
        record_events(store, paid(settled), now=at(10 * number))
        draw_credits(ADA, f"run_{number}", 400, store, now=at(10 * number + 1))
        claim = refund_claim(RefundReason.CHANGED_MY_MIND, payment_id=payment_id, key=f"key_{number}")
        case = request_refund(store, claim, minute=10 * number + 2)
        send_refund(case.tag, store, lambda _: provider, clock=lambda number=number: at(10 * number + 3))  # type: ignore[misc]
        moved = event_of(provider.move_refund_to(RefundState.SUCCEEDED), names=(payment_id,))
        record_events(store, moved, now=at(10 * number + 4))
        follow(payment_id, store, now=at(10 * number + 5))
        if payment_id is SECOND:
            flag = f"repeated_withdrawal:{payment_id}"
            assert lift_hold(flag, ADA, "sam", store, why="They explained.", now=at(10 * number + 6))
    return store


def withdrawn_early() -> FakeStore:
    """A withdrawal from an order that was paid three times a moment ago.

    The second payment was decided once its settling time was over. The third one waits for that.
    """
    store = FakeStore()
    settled = ordered(store, consent=CONSENT)
    for payment_id, minute in ((PI, 0), (SECOND, 50), (THIRD, 58)):
        record_events(store, paid(replace(settled, payment_id=payment_id, at=at(minute))), now=at(minute))
    claim = refund_claim(RefundReason.WITHDRAWAL, is_declaration=True)
    confirm_withdrawal(ADA, request_refund(store, claim, minute=59).case_id, store, POLICY, now=at(60))
    for minute in (61, 66):
        decide_deferred(store, POLICY, now=at(minute))
    return store


def withdrawn() -> FakeStore:
    """A withdrawal from a subscription whose credits are used up: nothing is refunded, and its renewals stop.

    A payment that came later is withdrawn from with it.
    """
    store = FakeStore()
    settled = replace(ordered(store, consent=CONSENT), subscription_id="stripe:sub_1")
    renewal = replace(RENEWED, subscription_id="stripe:sub_1", order_id=settled.order_id, at=at(3))
    renewal = replace(renewal, lines=tuple(replace(line, period_ends_at=LATER) for line in renewal.lines))
    record_events(store, paid(settled), now=at(1))
    draw_credits(ADA, "run_1", 1000, store, now=at(2))
    claim = refund_claim(RefundReason.WITHDRAWAL, is_declaration=True)
    record_events(store, paid(renewal), now=at(3))
    confirm_withdrawal(ADA, request_refund(store, claim).case_id, store, POLICY, now=at(62))
    decide_deferred(store, POLICY, now=at(63))
    return store


def undecided() -> FakeStore:
    """Withdrawals that only a person can judge: one that waits, and one that was declined."""
    store = FakeStore()
    for number, payment_id in enumerate((PI, SECOND)):
        settled = ordered(store, f"ord_{number}", consent=CONSENT, is_business=True)
        record_events(store, paid(replace(settled, payment_id=payment_id)), now=at(1))
        claim = refund_claim(RefundReason.WITHDRAWAL, payment_id=payment_id, is_declaration=True, key=payment_id)
        case = confirm_withdrawal(ADA, request_refund(store, claim).case_id, store, POLICY, now=at(62))
    decided(store, case, DecisionOutcome.DECLINE, minute=70)
    return store


def agreed() -> FakeStore:
    """Withdrawals that were replaced by credits as the customer agreed: two in review, and one that was declined.

    Of another request that was declined, no agreement is asked.
    """
    store = FakeStore()
    mind = RefundReason.CHANGED_MY_MIND
    requests = (
        (PI, mind, "DE", False),  # its credits are used, so that the rule of withdrawal declines it
        (SECOND, RefundReason.WITHDRAWAL, "DE", True),
        (THIRD, RefundReason.WITHDRAWAL, "US", False),
        (FOURTH, mind, "DE", True),
    )
    for payment_id, _, country, is_business in requests:
        settled = ordered(store, payment_id, country=country, consent=CONSENT, is_business=is_business)
        record_events(store, paid(replace(settled, payment_id=payment_id)), now=at(1))
    draw_credits(ADA, "run_1", 1000, store, now=at(2))
    for number, (payment_id, reason, _, _) in enumerate(requests):
        is_declared = reason is RefundReason.WITHDRAWAL
        claim = refund_claim(reason, payment_id=payment_id, is_declaration=is_declared, key=payment_id)
        case = request_refund(store, claim)
        if is_declared:
            case = confirm_withdrawal(ADA, case.case_id, store, POLICY, now=at(62))
        review = ReviewDecision(
            outcome=DecisionOutcome.REPLACE,
            words=("As we agreed.",),
            clause="6",
            credits=100,
            agreement=None if payment_id == PI else "By mail of 3 November.",
        )
        key, minute = f"decision {number}", 70 + number
        decide_case(case.case_id, review, "sam", store, POLICY, now=at(minute), key=key, may_overturn=True)
    return store


def declared() -> FakeStore:
    """Declarations: a draft, one in review, a withdrawal and a cancellation that were carried out, and two reviews.

    People have closed one, passed one on, and approved one that nobody could match.
    """
    store = FakeStore()
    record_events(store, paid(ordered(store, "ord_1234", consent=CONSENT)), now=at(1))
    plan = replace(RENEWED, subscription_id="stripe:sub_1234")
    state = Subscription(
        subscription_id="stripe:sub_1234",
        status=SubscriptionStatus.ACTIVE,
        at=at(0),
        cause="stripe:evt_active",
        period_end=LATER,
    )
    event = Event(
        provider="stripe",
        event_id="evt_active",
        event_type="customer.subscription.updated",
        at=at(0),
        owner=Owner(account_id=ADA, customer_id="stripe:cus_1"),
        subscription=state,
    )
    record_events(store, paid(plan), event, now=at(2))
    withdrawal = Submission(
        kind=DeclarationKind.WITHDRAWAL,
        name="Ada",
        contract="ord_1234",
        email="ada@example.com",
        language="en",
        statement="I withdraw from this contract: ord_1234",
        source="0123456789abcdef",
    )
    cancellation = replace(
        withdrawal, kind=DeclarationKind.CANCELLATION, contract=f"{IN} of sub_1234".replace(":", " ")
    )
    unmatched = replace(withdrawal, contract="no id", part="The second one", message="Thank you")
    later = replace(cancellation, ends_on=(LATER + timedelta(days=9)).date(), is_extraordinary=True, message="Too slow")
    resold, lost = replace(withdrawal, contract="txn_1234"), replace(unmatched, contract="the one of May")
    record_events(store, paid(payment(PaymentId("paddle:txn_1234"), minute=2)), now=at(3))
    for number, one in enumerate((withdrawal, cancellation, unmatched, unmatched, later, resold, lost)):
        name = submit(one, f"form {number}", store, now=at(60)).declaration_id
        if follow_declaration(name, store, POLICY, PROVIDERS, now=at(61)).state is DeclarationState.MATCHED:
            issue_links(name, f"yes {number}", f"no {number}", store)
            record_notice(name, store, at=at(62))
            approve(name, f"yes {number}", store)
            follow_declaration(name, store, POLICY, PROVIDERS, now=at(63))
            object_to(name, f"no {number}", store, now=at(64))
        elif number == 3:
            close(name, "A second mail.", "sam", store, now=at(64))
        if one is resold:
            record_forwarding(name, "sam", store, why="By mail.", now=at(65))
        if one is lost:
            contract = NamedContract(account_id=ADA, payment_id=PI)
            carry_out(name, contract, "kim", store, why="Of the same address.", now=at(65))
        if number:
            record_acknowledgement(name, store, at=at(66))
    declare(withdrawal, "token", store, now=at(60))
    review = replace(withdrawal, kind=DeclarationKind.REVIEW, name="", contract="", statement="Why?", source="")
    for number in (1, 2):
        place_hold(f"support:{number}", ADA, "sam", store, why="Look.", now=at(69 + number))
        asked = request_review(ADA, review, store, now=at(71 + number))
        if number == 1:
            close(asked.declaration_id, "Because.", "sam", store, now=at(75))
    return store


SELLER = Seller(name="Shop", address="1 High Street", providers=frozenset({"stripe"}))


def documented() -> FakeStore:
    """A refund with its credit note, which failed later: another document takes the first one back.

    Two more were made at the provider: one has its credit note, the other one waits for it.
    """
    store = FakeStore()
    record_events(store, paid(replace(ordered(store), invoice_number="INV-1")), now=at(1))
    case = decided(store, request_refund(store, refund_claim()), DecisionOutcome.APPROVE, minute=70, money_minor=500)
    for minute, state in ((80, RefundState.SUCCEEDED), (90, RefundState.FAILED)):
        sent = replace(refund(500, state=state, minute=minute), tag=case.tag)
        record_events(store, event_of(sent), now=at(minute + 1))
        follow(PI, store, now=at(minute + 2))
        decide_deferred(store, POLICY, now=at(minute + 2), seller=SELLER)
    record_events(store, event_of(refund(200, refund_id="re_2", minute=95)), now=at(96))
    decide_deferred(store, POLICY, now=at(97), seller=SELLER)
    record_events(store, event_of(refund(100, refund_id="re_3", minute=98)), now=at(99))
    return store


def taxed() -> FakeStore:
    """Refunds of a payment with a tax: one failed later, the others share its tax."""
    store = FakeStore()
    record_events(store, paid(replace(payment(), invoice_number="INV-1", tax_minor=333)), now=at(1))
    for number, amount_minor, state in (
        (1, 500, RefundState.SUCCEEDED),
        (2, 304, RefundState.SUCCEEDED),
        (1, 500, RefundState.FAILED),
        (3, 1696, RefundState.SUCCEEDED),
    ):
        minute = 10.0 * number if state is RefundState.SUCCEEDED else 25
        record_events(
            store, event_of(refund(amount_minor, refund_id=f"re_{number}", state=state, minute=minute)), now=at(40)
        )
        decide_deferred(store, POLICY, now=at(41), seller=SELLER)
    return store


def refunded() -> FakeStore:
    """An approval that was refused, one that the provider carried out, and one that failed after it succeeded."""
    store, provider = FakeStore(), FakeProvider()
    record_events(store, paid(), now=at(0))
    case = request_refund(store, refund_claim())
    provider.faults = [ResponseLost("no answer")]
    for minute, state in ((70, RefundState.SUCCEEDED), (90, RefundState.FAILED)):
        case = decided(store, case, DecisionOutcome.APPROVE, minute=minute, money_minor=500)
        for later in (1, 11):
            send_refund(case.tag, store, lambda _: provider, clock=lambda now=minute + later: at(now))  # type: ignore[misc]
        record_events(store, event_of(provider.move_refund_to(state), names=(PI,)), now=at(minute + 12))
        for changed in follow(PI, store, now=at(minute + 13)):
            case = changed
        if state is RefundState.SUCCEEDED:
            case = request_refund(store, refund_claim(key="again"), minute=85)
    provider.disputed = {PI}
    case = decided(store, case, DecisionOutcome.APPROVE, minute=120, money_minor=300)
    send_refund(case.tag, store, lambda _: provider, clock=lambda: at(121))
    return store


def refunded_in_parts() -> FakeStore:
    """A refund that two payments give. One of them paid for another purchase too, and reports its running total."""
    store, provider = FakeStore(), FakeProvider(paid_minor={IN: 2000}, paid_by={"pi_1": 1200, "pi_2": 800})
    shared = ((PI, IN, 1200), (SECOND, IN, 800), (PI, THIRD, 2000))
    links = [
        MoneyLinked(money_id=money_id, sale_id=sale_id, amount_minor=minor, at=at(1), cause="stripe:evt")
        for money_id, sale_id, minor in shared
    ]
    linked = [event_of(link, names=(link.sale_id, link.money_id)) for link in links]
    record_events(store, paid(payment(IN)), paid(payment(THIRD)), *linked, now=at(2))
    case = request_refund(store, refund_claim(payment_id=IN))
    case = decided(store, case, DecisionOutcome.APPROVE, minute=70, money_minor=2000)
    send_refund(case.tag, store, lambda _: provider, clock=lambda: at(71))
    total = RefundTotalReported(
        charge_id="ch_1", total_minor=1200, currency="USD", at=at(72), cause="stripe:evt", money_id=PI
    )
    record_events(store, event_of(total), now=at(73))
    return store


def used() -> FakeStore:
    """Runs, some of which failed, credits that expired, and a lot that has left its account."""
    store = FakeStore()
    record_events(store, paid(payment(credits_=30, expires_at=at(100))), paid(payment(SECOND)), now=at(0))
    for run_id, credits_ in (("run_1", 10), ("run_2", 25), ("run_3", 5)):
        draw_credits(ADA, run_id, credits_, store, now=at(90))
    fail_run(ADA, "run_1", store, now=at(91), error="E1")
    fail_run(ADA, "run_4", store, now=at(92), error="E2")
    for day in (1, 2):
        expire_credits(store, now=at(60 * 24 * day))
    fail_run(ADA, "run_2", store, now=at(60 * 24 * 3), error="E1")
    return store


def drawn_in_parts() -> FakeStore:
    """A run whose rest a later call drew, as if one commit could not write both of its lots."""
    store = FakeStore()
    record_events(store, paid(payment(credits_=30)), paid(payment(SECOND)), now=at(0))
    account = store.accounts[ADA]
    first, *_ = account.draw(40, at(90), is_debt_withheld=True)
    run = Run(account_id=ADA, run_id="run_1", drawn={first.lot_id: 30}, missing=10, at=at(90))
    origin = Origin(run.at, "run:run_1", request_correlation_id(ADA, RUNS_ROUTE, "run_1"))
    assert store.commit(lot_changes(account, account.lots, [first], run, origin)) is None
    draw_credits(ADA, "run_1", 40, store, now=at(95))
    return store


class Throttled(FakeStore):
    """A store that refuses to read accounts while it is throttled."""

    is_throttled = False

    def read(self, names: Keys) -> Snapshot:
        if self.is_throttled and names.accounts:
            raise StoreUnavailable("throttled")
        return super().read(names)


def expired_later() -> FakeStore:
    """Credits whose expiry a round could not book, so that the job's cursor keeps their account for the next round."""
    store = Throttled()
    record_events(store, paid(payment(expires_at=at(100))), now=at(0))
    store.is_throttled = True
    with suppress(StoreUnavailable):
        expire_credits(store, now=at(60 * 24))
    store.is_throttled = False
    return store


def excused() -> FakeStore:
    """A customer who wrote before one dispute and after another: the second one alone holds the account.

    The first case has priority.
    """
    store, policy = FakeStore(), replace(POLICY, contacted_first_from=at(0))
    second = replace(payment(SECOND, minute=1), order_id=None)
    record_events(store, paid(), paid(second), now=at(2))
    technical = RefundReason.TECHNICAL_PROBLEM
    open_case(refund_claim(technical, key="first"), store, policy, now=at(3))
    record_events(store, event_of(dispute()), now=at(21))
    record_events(store, event_of(dispute(dispute_id="dp_2"), names=(SECOND,)), now=at(22))
    open_case(refund_claim(technical, payment_id=SECOND, key="second"), store, policy, now=at(23))
    follow(PI, store, now=at(24))
    return store


def held() -> FakeStore:
    """A lost dispute whose hold a person lifted, and holds by people, of which one was lifted."""
    store = FakeStore()
    record_events(store, paid(), event_of(dispute()), event_of(dispute(DisputeState.LOST, minute=30)), now=at(40))
    lift_hold("dispute:stripe:dp_1", ADA, "sam", store, why="We erred.", now=at(50))
    for number, hold_id in enumerate(("support:cards", "support:mail")):
        place_hold(hold_id, ADA, "sam", store, why="Three cards.", now=at(51 + number))
    lift_hold("support:mail", ADA, "kim", store, why="Explained.", now=at(60))
    record_events(store, event_of(dispute(dispute_id="dp_2", minute=70)), now=at(71))
    return store


def charged_back() -> FakeStore:
    """A dispute that takes the payment of a subscription, whose renewals are to be stopped."""
    store = FakeStore()
    lost = event_of(dispute(DisputeState.LOST), names=(IN,))
    record_events(store, paid(RENEWED), paid(payment(SECOND)), lost, now=at(30))
    return store


def resolved() -> FakeStore:
    """A dispute that counts as resolved: the seller enrolled for that."""
    store = FakeStore()
    lost = replace(dispute(DisputeState.LOST), taken_minor=2000)
    resolution = ResolutionReported(subject=lost.key, at=lost.at, cause=lost.cause, money_id=PI)
    record_events(store, paid(), event_of(lost, resolution), now=at(30))
    return store


def foreign() -> FakeStore:
    """A refund in another currency, whose amount a person has stated; an event that is parked; facts that wait."""
    store = FakeStore()
    record_events(store, paid(), event_of(replace(refund(460), currency="EUR")), now=at(20))
    state_amount(PI, "re_1", 500, ADA, "sam", store, why="By the bank's rate.", now=at(30))
    by_hand = replace(event_of(names=(SECOND,)), not_bookable=NotBookable(ParkReason.UNEXPECTED_CHARGE, "by hand"))
    record_events(store, by_hand, event_of(refund(refund_id="re_2"), names=(THIRD, CH)), now=at(31))
    return store


def subscribed() -> FakeStore:
    """Subscriptions: what three events of one second report, and a later state of another one."""
    store = FakeStore()
    trialing = Subscription(
        subscription_id="stripe:sub_1",
        status=SubscriptionStatus.TRIALING,
        at=at(0),
        cause="stripe:evt_trialing",
        product_id="creator_monthly",
        period_end=LATER,
        cancel_at=LATER,
        pauses_at=LATER,
        resumes_at=at(60 * 24 * 40),
        customer_id="stripe:cus_1",
    )
    past_due = replace(
        trialing, status=SubscriptionStatus.PAST_DUE, cause="stripe:evt_past_due", left=trialing.state_id
    )
    active = replace(trialing, status=SubscriptionStatus.ACTIVE, cause="stripe:evt_active", left=past_due.state_id)
    other = replace(trialing, subscription_id="stripe:sub_2", cause="stripe:evt_other")
    later = replace(other, status=SubscriptionStatus.ENDED, at=at(1), cause="stripe:evt_ended")
    for state in (past_due, active, trialing, other, later, replace(other, cause="stripe:evt_late", at=at(-1))):
        event = Event(
            provider="stripe",
            event_id=state.cause.removeprefix("stripe:"),
            event_type="customer.subscription.updated",
            at=state.at,
            owner=Owner(account_id=ADA, customer_id=state.customer_id),
            subscription=state,
        )
        record_events(store, event, now=at(2))
    return store


def renewed() -> FakeStore:
    """Two periods of a subscription, the first of which has ended; and a credit of one of its lines."""
    store = FakeStore()
    for number, settled in enumerate((replace(RENEWED, payment_id=SECOND), RENEWED)):
        start = 60 * 24 * 30 * number
        line = replace(
            settled.lines[0],
            expires_at=at(start + 60 * 24 * 30 + 180),
            period_ends_at=at(start + 60 * 24 * 30),
            grace_from=at(start + 60 * 24 * 30),
        )
        period = f"period/stripe:sub_1/{at(start):%Y-%m-%dT%H:%M:%SZ}"
        period_paid = replace(
            settled, lines=(line,), fulfilment_key=period, subscription_id="stripe:sub_1", at=at(start)
        )
        record_events(store, paid(period_paid), now=at(start + 1))
    expire_credits(store, now=at(60 * 24 * 31))
    credit = BalanceCredited(
        credit_id="cn_1",
        amount_minor=500,
        currency="USD",
        created_at=at(60 * 24 * 31),
        at=at(60 * 24 * 31),
        cause="",
        items=(RefundedItem(line_id="0", amount_minor=500),),
    )
    record_events(store, event_of(credit, names=(IN,)), now=at(60 * 24 * 31 + 1))
    return store


def paid_again() -> FakeStore:
    """An order that was paid back and paid again, a payment that was reported anew, and one with a line too many."""
    store = FakeStore()
    first = payment(fulfilment_key="order/ord_1", expires_at=at(100))
    again = replace(first, payment_id=SECOND, at=at(90), lines=(replace(first.lines[0], expires_at=at(9000)),))
    record_events(store, paid(first), event_of(refund(2000), names=(PI,)), paid(again), now=at(91))
    told = payment(THIRD, credits_=900, minute=50)
    record_events(store, paid(told), paid(payment(THIRD, minute=40)), paid(told), now=at(92))
    over = UngrantedLine(line_id="1", amount_minor=300, is_overcharge=True)
    dearer = replace(payment(FOURTH, overcharge_minor=300), paid_minor=2300, ungranted=(over,))
    record_events(store, paid(dearer), now=at(93))
    return store


def not_ours() -> FakeStore:
    """Events that a rule mutes, that another account at the provider sent, and that change nothing."""
    store = FakeStore()
    muted = replace(event_of(refund()), owner=Owner(), muted_by="stripe:metadata.app=newsletter")
    connected = NotBookable(ParkReason.OTHER_ACCOUNT, "acct_1")
    noted = replace(event_of(names=(FOURTH,)), names=())
    record_events(store, muted, replace(event_of(names=(SECOND,)), not_bookable=connected), noted, now=at(20))
    release_all(lambda _: None, "the next release", store, now=at(30))
    return store


def looked_at_by_people() -> FakeStore:
    """Parked events that people of support have looked at, tried again, attributed and dismissed."""
    store = FakeStore()
    record_events(store, paid(), now=at(1))
    settled = replace(payment(SECOND, minute=5), account_id=AccountId(""), customer_id="stripe:cus_9")
    found = replace(paid(settled, event_id="evt_found"), owner=Owner(customer_id="stripe:cus_9"))
    connected = NotBookable(ParkReason.OTHER_ACCOUNT, "acct_1")
    dismissed = replace(event_of(names=(THIRD,)), not_bookable=connected)
    left = replace(event_of(names=(FOURTH,)), not_bookable=connected)
    record_events(store, found, dismissed, left, now=at(20))
    events = {one.event_id: one for one in (found, dismissed, left)}
    names = {receipt.event_id: receipt.name for receipt in store.parked_receipts()}
    for number, event_id in enumerate(events):
        record_look_at(subject_of_event(names[event_id]), "kim", "event", store, now=at(30 + number))
        replay = Replay(name=names[event_id], actor="sam", reason="It may be ours by now.", key=f"key_{number}")
        replay_parked(replay, store, lambda receipt: events[receipt.event_id], now=at(40 + number))
    said = Attribution(name=names["evt_found"], account_id=ADA, actor="sam", reason="The letter names it.")
    attribute_parked(said, store, lambda receipt: events[receipt.event_id], now=at(50))
    dismiss_parked(names[dismissed.event_id], "kim", "Of our other shop.", store, now=at(51))
    return store


def muted_by_people() -> FakeStore:
    """Parked events of kinds that people have muted: one that is in force, and one that was ended."""
    store = FakeStore()
    record_events(store, paid(), now=at(1))
    kinds = [NotBookable(ParkReason.OTHER_ACCOUNT, f"the account is {number}") for number in (1, 2)]
    events = {
        f"evt_m{number}": replace(
            event_of(names=(PaymentId(f"stripe:ch_{number}"),)),
            event_id=f"evt_m{number}",
            owner=Owner(),
            not_bookable=kinds[number % 2],
        )
        for number in range(4)
    }

    def translate(receipt: Receipt) -> Event | None:
        return events[receipt.event_id]

    record_events(store, *(events[name] for name in ("evt_m0", "evt_m1", "evt_m2")), now=at(20))
    names = {receipt.event_id: receipt.name for receipt in store.parked_receipts()}
    for number, name in enumerate(("evt_m0", "evt_m1")):
        mute_kind(names[name], "sam", "Of our other shop.", store, translate, now=at(30 + number))
    record_events(store, events["evt_m3"], now=at(40))
    mute = next(one.mute for one in list_mutes(store)[0] if one.mute.detail == "the account is 2")
    end_mute(mute.mute_id, "kim", "It may be ours.", store, translate, now=at(50))
    settle_mutes(store, translate, lambda: True, now=at(99))
    return store


def asked_about_two_like_it() -> FakeStore:
    """A request about a charge beside which another one looks alike: a person decides."""
    store = FakeStore()
    record_events(store, paid(), paid(payment(SECOND, minute=3)), now=at(5))
    request_refund(store, refund_claim(RefundReason.CHARGED_TWICE))
    return store


def of_two_lines() -> FakeStore:
    """A payment of two lines, one of which a refund names; and a run that drew from both."""
    store = FakeStore()
    first = payment().lines[0]
    second = replace(first, line_id="1", product_id="pack_500", credits=500, amount_minor=1000)
    record_events(store, paid(replace(payment(lines=(first, second)), paid_minor=3000)), now=at(1))
    draw_credits(ADA, "run_1", 1200, store, now=at(5))
    named = replace(refund(1000), items=(RefundedItem(line_id="1", amount_minor=1000),))
    record_events(store, event_of(named), now=at(11))
    return store


def mailed() -> FakeStore:
    """A customer's address that fails, a mail that is to be sent, one that was sent and came back, and one refused."""
    store = FakeStore()
    record_events(store, paid())
    contact = Contact(account_id=ADA, email="ada@example.com", language="de", noted_at=at(60))
    failing = replace(contact, failing_since=at(90), failure="bounce")
    intent = MailIntent(
        kind=MailKind.CASE_UPDATE,
        subject="case_1/1",
        account_id=ADA,
        listed_at=at(60),
        first_sent_at=at(61),
        leased_until=at(62),
        attempts=1,
        last_error="Throttling",
        lacks_address=True,
        message_id="0102",
        accepted_at=at(61),
        language="de",
        body_sha256="0" * 64,
    )
    record = MailRecord(
        kind=MailKind.ACCOUNT_SUSPENDED,
        subject=f"{ADA}/3",
        account_id=ADA,
        listed_at=at(60),
        outcome=MailOutcome.SENT,
        ended_at=at(61),
        message_id="0101",
        language="de",
        body_sha256="0" * 64,
        failed_at=at(90),
        failure="bounce",
    )
    refused = MailRecord(
        kind=MailKind.ACCOUNT_ACTIVE,
        subject=f"{ADA}/4",
        account_id=ADA,
        listed_at=at(60),
        outcome=MailOutcome.REFUSED,
        ended_at=at(61),
        reason="MessageRejected",
    )
    documents = (
        DocumentChange(contact_key(ADA), failing),
        DocumentChange(mail_intent_key(intent.mail_id), intent),
        *(DocumentChange(mail_record_key(mail_id_of(one.kind, one.subject)), one) for one in (record, refused)),
    )
    assert store.commit(Commit(documents=documents)) is None
    return store


def waiting() -> FakeStore:
    """A refund whose payment is not known yet, and an attempt to pay that has failed."""
    store = FakeStore()
    failed = PaymentFailed(at=at(5), cause="")
    record_events(store, event_of(refund(), names=(THIRD, CH)), event_of(failed, names=(FOURTH,)), now=at(20))
    return store


def by_two() -> FakeStore:
    """Acts of support: within the limits, above them and waiting, confirmed, and rejected."""
    store = FakeStore()
    record_events(store, paid(), now=at(1))
    alone = Authority(limits={CREDITS: SupportLimit(day=100, month=150), "USD": SupportLimit(day=100, month=150)})

    def adjusted(credits_: int, key: str, *, minute: float) -> str:
        adjustment = Adjustment(account_id=ADA, credits=credits_, reason="A late reply.", actor="sam", key=key)
        try:
            return adjust_credits(adjustment, store, alone, now=at(minute))
        except SecondPersonNeeded as needed:
            return needed.proposal_id

    adjusted(60, "key_1", minute=60)
    adjusted(-20, "key_2", minute=61)
    confirmed, rejected, _ = (adjusted(500 + number, f"big_{number}", minute=62 + number) for number in range(3))
    confirm_proposal(ADA, confirmed, "kim", store, POLICY, now=at(70))
    reject_proposal(ADA, rejected, "kim", store, why="Too much.", now=at(71))
    return store


def indexed() -> FakeStore:
    """A pack, a refund, an address, a failed run, a parked event and a declaration, with their rows in the index."""
    store = FakeStore()
    record_events(store, paid(replace(payment(), invoice_number="INV-1")), event_of(refund()), now=at(20))
    contact = Contact(account_id=ADA, email="ada@example.com", language="en", noted_at=at(1))
    assert store.commit(Commit(documents=(DocumentChange(contact_key(ADA), contact),))) is None
    draw_credits(ADA, "run_1", 5, store, now=at(30))
    fail_run(ADA, "run_1", store, now=at(31))
    index_purchases([PI], store)
    index_contact(ADA, "a key", store)
    index_failed_run(ADA, "run_1", at(31), store)
    invoice = {"id": "in_9", "customer_email": "zoe@example.com", "number": "INV-9", "total": 900, "currency": "usd"}
    envelope = {"id": "evt_9", "object": "event", "type": "invoice.paid", "created": 1793534400}
    body = json.dumps({**envelope, "data": {"object": invoice}}).encode()
    parked = replace(event_of(names=(PaymentId("stripe:in_9"),)), event_id="evt_9", event_type="invoice.paid")
    parked = replace(parked, owner=Owner(), not_bookable=NotBookable(ParkReason.UNEXPECTED_CHARGE, "by hand"))
    record_event(parked, store, body=body, body_sha256=hashlib.sha256(body).hexdigest(), now=at(32))
    index_parked((parked.cause, "evt_9"), names_of_parked, lambda: "a key", store)
    withdrawal = Submission(
        kind=DeclarationKind.WITHDRAWAL,
        name="Zoe",
        contract="the one of May",
        email="zoe@example.com",
        language="en",
        statement="I withdraw from this contract: the one of May",
    )
    index_declaration(submit(withdrawal, "form", store, now=at(33)).declaration_id, "a key", store)
    record_look(ADA, "sam", "account", store, now=at(40))
    claim_case(ADA, request_refund(store, refund_claim()).case_id, "sam", store, now=at(41))
    return store


def made_good() -> FakeStore:
    """Two incidents: one that was made good for two accounts, of which one is left out, and one that still runs."""
    store, ben = FakeStore(), AccountId("acct_ben")
    for account_id in (ADA, ben):
        record_events(store, paid(payment(PaymentId(f"stripe:pi_{account_id}"), account_id=account_id)), now=at(1))
        for number in (1, 2):
            minute, run_id = 30 * number, f"run_{number}_{account_id}"
            draw_credits(account_id, run_id, 5 * number, store, now=at(minute))
            fail_run(account_id, run_id, store, now=at(minute + 1))
            index_failed_run(account_id, run_id, at(minute + 1), store)
    place_hold("support:1", ben, "sam", store, why="A suspicion.", now=at(70))
    alone = Authority(limits={CREDITS: SupportLimit(day=5, month=5)})

    def begun(first: float, last: float, credits_: int, *, minute: float) -> str:
        request = IncidentRequest(
            since=at(first), until=at(last), credits=credits_, reason="It stood still.", actor="sam", key=f"k{first}"
        )
        try:
            begin_incident(request, store, alone, now=at(minute))
        except SecondPersonNeeded as needed:
            confirm_proposal(
                AccountId(request.incident_id), needed.proposal_id, "kim", store, POLICY, now=at(minute + 1)
            )
        return request.incident_id

    replace_runs(begun(20, 40, 5, minute=80), store, now=at(81))
    draw_credits(ADA, "run_3", 1001, store, now=at(82))
    begun(50, 65, 10, minute=90)
    return store


def warned() -> FakeStore:
    """A person has the case of a payment that is warned of. One that a bank asks about waits for its case."""
    store = FakeStore()
    warning = FraudWarned(
        warning_id="issfr_1", is_actionable=True, at=at(10), cause="stripe:evt", money_id=PI, charge_id=CH
    )
    record_events(store, paid(payment()), event_of(warning), now=at(11))
    decide_deferred(store, POLICY, now=at(15))
    inquiry = dispute(DisputeState.INQUIRY)
    record_events(store, paid(payment(SECOND)), event_of(inquiry, names=(SECOND,)), now=at(21))
    return store


_MADE = (
    *(ordered_twice, ordered_anew, requested, refunded, used, held, excused, charged_back, resolved, foreign),
    subscribed,
    *(
        refunded_in_parts,
        drawn_in_parts,
        expired_later,
        withdrawn,
        withdrawn_early,
        withdrawn_again,
        undecided,
        agreed,
        declared,
    ),
    *(locked, informed_late, unlocked, by_two, documented, taxed, made_good, warned),
    *(renewed, paid_again, not_ours, asked_about_two_like_it, of_two_lines, mailed, waiting, indexed),
    looked_at_by_people,
    muted_by_people,
)
LEDGERS: dict[str, Callable[[], FakeStore]] = {
    **{one.__name__: one for one in _MADE},
    **{
        name: lambda name=name: story(name)  # type: ignore[misc]
        for name in (
            "stripe_pack_delayed_failed",
            "stripe_subscription_three_months",
            "stripe_credited",
            "stripe_partial_refunds",
            "stripe_fraud_warning",
            "stripe_dispute_won",
            "paddle_partial_refund",
            "paddle_warning_reversed",
        )
    },
}
