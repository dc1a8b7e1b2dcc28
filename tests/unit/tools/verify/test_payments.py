"""Each way in which the rules about payments and orders can be broken is named, and nothing else is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.domain.audit import AuditAction
from ledger.domain.declarations import BY_SILENCE, Declaration, DeclarationKind, DeclarationState, Submission
from ledger.domain.facts import (
    ChargebackChanged,
    ChargebackState,
    ConsentChanged,
    DisputeState,
    PaymentSettled,
    RefundApproved,
    RefundState,
    RefundTotalReported,
)
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.mails import MailIntent, MailKind, MailOutcome
from ledger.domain.orders import OpenCheckout, Order
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import RefundReason
from ledger.ports.commit import FulfilmentKey, PaymentPointer
from tools.testing.builders import ADA, IN, PI, at, dispute, payment, refund
from tools.testing.planting import (
    Fault,
    Rule,
    add_facts,
    drop,
    drop_fact,
    name_of,
    named,
    one,
    purchase,
    put,
    put_fact,
    rows,
)
from tools.verify import World
from tools.verify.payments import (
    consents,
    late_information,
    linked,
    orders,
    paid_once,
    periods_granted_once,
    refunded_within_paid,
    renewals_stopped,
)

EVE = AccountId("acct_eve")
SECOND, THIRD, FOURTH = (PaymentId(f"stripe:pi_{number}") for number in (2, 3, 4))
CH = PaymentId("stripe:ch_1")
KEY = "order/ord_1"  # of `paid_again`
PERIOD = "period/stripe:sub_1/2026-11-01T00:00:00Z"
MONTHS = "stripe_subscription_three_months"
OTHER, REFUSED = MailKind.CONTRACT_CONFIRMATION, MailOutcome.REFUSED
LATE_CONSENT = ConsentChanged(order_id=OrderId("ord_9"), is_complete=True, step=1, at=at(5), cause="order:ord_9")


def paid(whole: World, of: PaymentId, **changes: object) -> PaymentSettled:
    """The payment of a purchase, with these changes."""
    known = purchase(whole, of)
    if known.payment is None:
        raise TypeError(f"{of} is not paid")
    new = replace(known.payment, **changes)  # type: ignore[arg-type]
    put(whole, known, facts={**known.facts, "payment": new})
    return new


def pointer(whole: World, **changes: object) -> PaymentPointer:
    """The first pointer, with these changes."""
    found = next(item for item in whole.payments.values() if isinstance(item, PaymentPointer))
    return put(whole, found, **changes)


def consent(whole: World, of: PaymentId, **changes: object) -> PaymentId:
    """What a purchase knows of its order's consent, with these changes."""
    known = purchase(whole, of)
    name, change = next((name, fact) for name, fact in known.facts.items() if isinstance(fact, ConsentChanged))
    put(whole, known, facts={**known.facts, name: replace(change, **changes)})  # type: ignore[arg-type]
    return of


def order_of(whole: World, of: PaymentId, **changes: object) -> PaymentId:
    """The order that a payment is for, with these changes. Return the payment's id."""
    item = whole.fulfilment_keys[str(paid(whole, of).fulfilment_key)]
    if item.terms is None:
        raise TypeError(f"{item.key} has no terms")
    put(whole, item, terms=replace(item.terms, **changes))  # type: ignore[arg-type]
    return of


def never_locked(whole: World, of: PaymentId) -> None:
    """The terms of an order say nothing of a lock, so its payments know nothing of its consent."""
    order = whole.fulfilment_keys[str(paid(whole, of, locked_until=None).fulfilment_key)].terms
    if order is None or order.terms is None:
        raise TypeError(f"the order of {of} has no terms")
    order_of(whole, without_consent(whole, of), terms=replace(order.terms, lock_days=None))


def of_days(whole: World, of: PaymentId, *, locked: int, is_trial: bool = False) -> PaymentSettled:
    """A payment for five days and for what has none, whose credits are locked for so many days."""
    settled = paid(whole, of)
    (line,) = settled.lines
    days = replace(line, period_ends_at=settled.at + timedelta(days=5))
    until = settled.at + timedelta(days=locked)
    return paid(whole, of, lines=(days, line), is_trial=is_trial, locked_until=until)


def without_consent(whole: World, of: PaymentId) -> PaymentId:
    """A purchase knows nothing of its order's consent."""
    known = purchase(whole, of)
    put(whole, known, facts={name: fact for name, fact in known.facts.items() if not isinstance(fact, ConsentChanged)})
    return of


def information(whole: World, number: int = 1, **changes: object) -> str:
    """The mail of an order that had so many, with these changes. Return what the mail is about."""
    key = next(one for one in whole.fulfilment_keys.values() if one.terms and len(one.terms.late_information) == number)
    if key.terms is None:
        raise TypeError(f"{key.key} has no terms")
    mail = key.terms.late_information[0]
    changed = replace(mail, **changes)  # type: ignore[arg-type]
    put(whole, key, terms=replace(key.terms, late_information=(changed, *key.terms.late_information[1:])))
    return f"{key.terms.order_id}/{mail.number}"


def waits(whole: World) -> MailIntent:
    """The mail that is not sent yet."""
    return one(whole.mail_intents.values(), kind=MailKind.WITHDRAWAL_INFORMATION)


def waiting_information(whole: World, **changes: object) -> str:
    """The order whose mail is not sent yet says so of it. Return what the mail is about."""
    subject = waits(whole).subject
    key = whole.fulfilment_keys[f"order/{subject.partition('/')[0]}"]
    if key.terms is None:
        raise TypeError(f"{key.key} has no terms")
    (mail,) = key.terms.late_information
    put(whole, key, terms=replace(key.terms, late_information=(replace(mail, **changes),)))  # type: ignore[arg-type]
    return subject


def mail_listed(whole: World, **changes: object) -> str:
    """What is listed of the mail that is not sent yet, with these changes. Return what the mail is about."""
    return put(whole, waits(whole), **changes).subject


def asked_for_nothing(whole: World) -> str:
    """Somebody has asked for the mail of an order that had none. Return the order."""
    account_id, act = next(known for known in whole.audit_records if known[1].action is AuditAction.INFORM)
    whole.audit_records.append((account_id, replace(act, subject="ord_9")))
    return "ord_9"


def order_informed(whole: World, number: int = 1) -> str:
    """The order that had so many mails."""
    return information(whole, number).rpartition("/")[0]


def mail_recorded(whole: World, **changes: object) -> str:
    """The record of the first order's mail, with these changes. Return what the mail is about."""
    record = one(whole.mail_records.values(), subject=information(whole))
    return put(whole, record, **changes).subject


def mail_gone(whole: World) -> str:
    """Nothing is left of the first order's mail."""
    return drop(whole, one(whole.mail_records.values(), subject=information(whole))).subject


def asked_at_another_time(whole: World) -> str:
    """The first order says another time than the act on record. Return the order."""
    return information(whole, asked_at=at(90)).rpartition("/")[0]


def asked_by_nobody(whole: World) -> str:
    """Nobody has asked for the first order's mail. Return the order."""
    found = one((act for _, act in whole.audit_records), subject=order_informed(whole))
    return drop(whole, found).subject


def key(whole: World, **changes: object) -> FulfilmentKey:
    """The first fulfilment key, with these changes."""
    return put(whole, next(iter(whole.fulfilment_keys.values())), **changes)


def terms(whole: World, **changes: object) -> FulfilmentKey:
    """The terms of the first order, with these changes."""
    item = next(iter(whole.fulfilment_keys.values()))
    if item.terms is None:
        raise TypeError(f"{item.key} has no terms")
    return put(whole, item, terms=replace(item.terms, **changes))  # type: ignore[arg-type]


def order(whole: World) -> Order:
    """The terms of the first order."""
    found = key(whole).terms
    if found is None:
        raise TypeError("it has no terms")
    return found


def _agreed_otherwise(whole: World) -> FulfilmentKey:
    """The first order says another country than its agreement is the digest of. Its terms have that digest."""
    other = replace(order(whole).with_agreement(), country="FR")
    return put(whole, key(whole), terms=other, terms_hash=other.terms_hash)


def open_checkout(whole: World, **changes: object) -> OpenCheckout:
    """The open checkout, with these changes."""
    return put(whole, one(whole.open_checkouts.values()), **changes)


def latest(whole: World, **changes: object) -> OpenCheckout:
    """The fulfilment key of the latest order has these changes. Return its checkout."""
    found = open_checkout(whole)
    put(whole, whole.fulfilment_keys[f"order/{found.order_id}"], **changes)
    return found


def latest_terms(whole: World, **changes: object) -> OpenCheckout:
    """The terms of the latest order have these changes. Return its checkout."""
    found = whole.fulfilment_keys[f"order/{open_checkout(whole).order_id}"].terms
    if found is None:
        raise TypeError("it has no terms")
    return latest(whole, terms=replace(found, **changes))  # type: ignore[arg-type]


def at_another_key(whole: World, *parts: str) -> None:
    """The open checkout is under another key."""
    ((place, latest),) = whole.open_checkouts.items()
    whole.open_checkouts = {place._replace(parts=parts): latest}


def went_back(whole: World, *minor: int, state: RefundState = RefundState.SUCCEEDED) -> Purchase:
    """So much of a payment went back."""
    for number, amount_minor in enumerate(minor):
        add_facts(whole, SECOND, refund(amount_minor, refund_id=f"re_{number}", state=state))
    return purchase(whole, SECOND)


def total(whole: World, minor: int) -> Purchase:
    """The provider's running total says so."""
    return total_of(whole, SECOND, minor, minute=30)


def total_of(whole: World, of: PaymentId, minor: int, *, minute: float) -> Purchase:
    """The running total of a payment, reported then."""
    add_facts(
        whole,
        of,
        RefundTotalReported(charge_id="ch_1", total_minor=minor, currency="USD", at=at(minute), cause="stripe:evt"),
    )
    return purchase(whole, of)


def besides(whole: World, amount_minor: int, *, minute: float, state: RefundState = RefundState.SUCCEEDED) -> Purchase:
    """The provider has refunded by itself what an approval in the outbox is about. It was approved at minute 70."""
    reported = refund(amount_minor, refund_id="re_besides", minute=minute, state=state)
    add_facts(whole, PI, reported)
    return purchase(whole, PI)


def told_later(whole: World, amount_minor: int, *, minute: float, tag: str | None = None) -> Purchase:
    """The same, by the clock of the provider long before, but the event was received then."""
    cause = whole.receipts[0].cause
    put(whole, whole.receipts[0], received_at=at(minute))
    reported = replace(refund(amount_minor, refund_id="re_besides", minute=1), cause=cause, tag=tag)
    add_facts(whole, PI, reported)
    return purchase(whole, PI)


def approved_more(whole: World, amount_minor: int) -> Purchase:
    """The approval in the outbox is of so much."""
    put_fact(whole, f"approved:{_tag(whole)}", amount_minor=amount_minor)
    return purchase(whole, PI)


def _tag(whole: World) -> str:
    return one(whole.intents.values(), payment_id=PI).tag


def ours(whole: World, *, minute: float) -> Purchase:
    """The refund of the approval in the outbox was reported: it is that approval, not beside it."""
    put_fact(whole, f"approved:{_tag(whole)}", amount_minor=1500)
    add_facts(whole, PI, replace(refund(1500, refund_id="re_ours", minute=minute), tag=_tag(whole)))
    return purchase(whole, PI)


def failed_later(whole: World) -> None:
    """The refund of another approval had not ended when the one in the outbox was approved. It has failed since."""
    other = RefundApproved(tag="case_0-1", case_id="case_0", amount_minor=1600, at=at(60), cause="case:case_0")
    failed = replace(refund(1600, refund_id="re_0", state=RefundState.FAILED, minute=71), tag=other.tag)
    add_facts(whole, PI, other, failed)


def approved_later(whole: World) -> None:
    """What is in the outbox was approved before. Both together are more than was paid."""
    other = RefundApproved(tag="case_0-1", case_id="case_0", amount_minor=1501, at=at(71), cause="case:case_0")
    add_facts(whole, PI, other)


def period_paid_twice(whole: World) -> PaymentSettled:
    """Another payment covers the period that a renewal pays for, and is no duplicate."""
    return paid(whole, SECOND, covers=PERIOD)


def without_dispute(whole: World) -> str:
    """The dispute for which renewals are stopped is not there."""
    drop_fact(whole, "dispute:")
    return stop_name(whole)


def cancelled(
    whole: World,
    *,
    kind: DeclarationKind = DeclarationKind.CANCELLATION,
    approved_by: str | None = BY_SILENCE,
    by: str = "W-1",
) -> str:
    """Instead of the dispute there is a declaration, and renewals are stopped by one."""
    drop_fact(whole, "dispute:")
    submission = Submission(kind=kind, name="Ada", contract="", email="a@b.c", language="en", statement="")
    whole.declarations["W-1"] = Declaration(
        declaration_id="W-1",
        state=DeclarationState.EXECUTED,
        submission=submission,
        declared_at=at(0),
        token_hash="",
        payment_id=IN,
        approved_by=approved_by,
    )
    return stop(whole, cause=f"declaration:{by}")


def charged_back(whole: World) -> str:
    """A chargeback is there in the place of the dispute."""
    known = drop_fact(whole, "dispute:")
    add_facts(
        whole,
        IN,
        ChargebackChanged(
            adjustment_id="adj_1",
            kind="chargeback",
            state=ChargebackState.TAKEN,
            amount_minor=2000,
            currency="USD",
            created_at=at(20),
            at=at(20),
            is_reversal=False,
            cause=known.cause,
        ),
    )
    return stop_name(whole)


def stop_name(whole: World) -> str:
    """The name of the stop of renewals."""
    return "/".join(next(iter(whole.renewal_stops)).parts)


def with_reason(whole: World, reason: str) -> str:
    """The case of the withdrawal has another reason."""
    put(whole, one(whole.cases.values()), reason=RefundReason(reason))
    return stop_name(whole)


def not_confirmed(whole: World) -> str:
    """The withdrawal was only declared."""
    put(whole, one(whole.cases.values()), confirmed_at=None)
    return stop_name(whole)


def stop(whole: World, **changes: object) -> str:
    """The stop of renewals has these changes."""
    put(whole, one(whole.renewal_stops.values()), **changes)
    return stop_name(whole)


FAULTS: dict[Rule, list[Fault]] = {
    refunded_within_paid: [
        Fault("all went back", "used", lambda w: went_back(w, 2000)),
        Fault("more went back", "used", lambda w: went_back(w, 2001), ("{0.payment_id}",)),
        Fault("more went back by two", "used", lambda w: went_back(w, 1000, 1001), ("{0.payment_id}",)),
        Fault(
            "more is going back", "used", lambda w: went_back(w, 2001, state=RefundState.PENDING), ("{0.payment_id}",)
        ),
        Fault(
            "what went back and what goes back is more",
            "used",
            lambda w: (
                went_back(w, 1000),
                add_facts(w, SECOND, refund(1001, refund_id="re_9", state=RefundState.PENDING)),
            ),
            (SECOND,),
        ),
        Fault("more has failed", "used", lambda w: went_back(w, 2001, state=RefundState.FAILED)),
        Fault("a total of more", "used", lambda w: total(w, 2001), ("{0.payment_id}",)),
        Fault("a total of all", "used", lambda w: total(w, 2000)),
        Fault(
            "a total that contains what is pending",
            "used",
            lambda w: (went_back(w, 2000, state=RefundState.PENDING), total(w, 2000)),
        ),
        Fault(
            "a total and an approval of more",
            "requested",
            lambda w: total_of(w, PI, 1501, minute=69),
            ("{0.payment_id}",),
        ),
        Fault("a total and an approval of all", "requested", lambda w: total_of(w, PI, 1500, minute=69)),
        Fault("a total after the approval", "requested", lambda w: total_of(w, PI, 1501, minute=71)),
        Fault("a total that contains what was sent", "requested", lambda w: total_of(w, IN, 2000, minute=71)),
        Fault("more was on the card", "requested", lambda w: (paid(w, SECOND, card_minor=2300), went_back(w, 2300))),
        Fault(
            "more than was on the card",
            "requested",
            lambda w: (paid(w, SECOND, card_minor=2300), went_back(w, 2301)),
            (SECOND,),
        ),
        Fault("less was on the card", "requested", lambda w: went_back(w, 1600)),
        Fault("more moved to the balance", "renewed", lambda w: put_fact(w, "credit:", amount_minor=2001)),
        Fault("more is approved", "requested", lambda w: approved_more(w, 2001), ("{0.payment_id}",)),
        Fault("all is approved", "requested", lambda w: approved_more(w, 2000)),
        Fault(
            "more is approved and was sent",
            "requested",
            lambda w: (approved_more(w, 2001), w.intents.clear())[0],
            ("{0.payment_id}",),
        ),
        Fault(
            "more went back before the approval",
            "requested",
            lambda w: besides(w, 1501, minute=69),
            ("{0.payment_id}",),
        ),
        Fault(
            "more went back at the approval", "requested", lambda w: besides(w, 1501, minute=70), ("{0.payment_id}",)
        ),
        Fault("more went back after the approval", "requested", lambda w: besides(w, 1501, minute=71)),
        Fault(
            "more than all went back after the approval",
            "requested",
            lambda w: besides(w, 2001, minute=71),
            ("{0.payment_id}",),
        ),
        Fault(
            "more is going back after the approval",
            "requested",
            lambda w: besides(w, 1501, minute=71, state=RefundState.PENDING),
        ),
        Fault(
            "more went back after the approval was sent",
            "requested",
            lambda w: (besides(w, 1501, minute=71), w.intents.clear())[0],
            ("{0.payment_id}",),
        ),
        Fault("what went back was known after the approval", "requested", lambda w: told_later(w, 1501, minute=71)),
        Fault(
            "what went back was known before the approval",
            "requested",
            lambda w: told_later(w, 1501, minute=69),
            ("{0.payment_id}",),
        ),
        Fault("another approval after this one is of more", "requested", approved_later, (PI,)),
        Fault("another approval has failed after this one", "requested", failed_later),
        Fault("what went back is the approval's own", "requested", lambda w: ours(w, minute=71)),
    ],
    paid_once: [
        Fault("a key is missing", "paid_again", lambda w: w.fulfilment_keys.clear(), (KEY,)),
        Fault("a key lists one payment less", "paid_again", lambda w: key(w, duplicates=()), (KEY,)),
        Fault("a key lists one payment more", "paid_again", lambda w: key(w, duplicates=(SECOND, THIRD)), (KEY,)),
        Fault(
            "a key lists the later payment first",
            "paid_again",
            lambda w: key(w, payment_id=SECOND, duplicates=(PI,)),
            (KEY,),
        ),
        Fault("a key lists no payment", "paid_again", lambda w: key(w, payment_id=None, duplicates=()), (KEY,)),
        Fault(
            "a key lists a payment that is not there",
            "used",
            lambda w: w.fulfilment_keys.setdefault("order/x", FulfilmentKey(key="order/x", payment_id=PI)),
            ("order/x",),
        ),
        Fault(
            "a key without a payment",
            "used",
            lambda w: w.fulfilment_keys.setdefault("order/x", FulfilmentKey(key="order/x")),
        ),
        Fault(
            "a payment is for another key",
            "paid_again",
            lambda w: paid(w, SECOND, fulfilment_key="order/x"),
            (KEY, "order/x", "{0.payment_id}"),
        ),
        Fault(
            "the later payment is the original", "paid_again", lambda w: (paid(w, SECOND, at=at(-1)),), (KEY, SECOND)
        ),
        Fault(
            "no payment is a duplicate", "paid_again", lambda w: put(w, purchase(w, SECOND), is_duplicate=False), (PI,)
        ),
        Fault("the original is a duplicate", "paid_again", lambda w: put(w, purchase(w, PI), is_duplicate=True), (PI,)),
        Fault(
            "a single payment is a duplicate",
            "paid_again",
            lambda w: put(w, purchase(w, THIRD), is_duplicate=True),
            (THIRD,),
        ),
    ],
    periods_granted_once: [
        Fault("two payments grant a period", "charged_back", period_paid_twice, (PERIOD,)),
        Fault(
            "one of two is a duplicate",
            "charged_back",
            lambda w: (period_paid_twice(w), put(w, purchase(w, SECOND), is_duplicate=True)),
        ),
        Fault(
            "both are duplicates",
            "charged_back",
            lambda w: (
                period_paid_twice(w),
                put(w, purchase(w, SECOND), is_duplicate=True),
                put(w, purchase(w, IN), is_duplicate=True),
            ),
        ),
        Fault(
            "two payments cover a period",
            MONTHS,
            lambda w: [paid(w, known.payment_id, covers="period/x") for _, known in [*w.purchases()][1:]],
            ("period/x",),
        ),
    ],
    linked: [
        Fault("a name leads nowhere", "held", lambda w: w.payments.pop(CH), (PI,)),
        Fault(
            "a name leads to another purchase",
            "refunded_in_parts",
            lambda w: put(w, w.payments[SECOND], to=THIRD),
            (IN, SECOND),
        ),
        Fault("a pointer leads nowhere", "held", lambda w: pointer(w, to="stripe:pi_9"), (PI, CH)),
        Fault(
            "a pointer of nobody leads nowhere",
            "held",
            lambda w: pointer(w, to="stripe:pi_9", account_id=None),
            (PI, CH),
        ),
        Fault("a pointer leads to itself", "held", lambda w: pointer(w, to=CH), (PI, CH)),
        Fault("a pointer leads to one purchase less", "refunded_in_parts", lambda w: pointer(w, also_to=()), (THIRD,)),
        Fault(
            "a pointer leads to one purchase more",
            "refunded_in_parts",
            lambda w: put(w, w.payments[SECOND], also_to=(THIRD,)),
            (SECOND,),
        ),
        Fault("a pointer is of another account", "held", lambda w: pointer(w, account_id=EVE), (CH,)),
        Fault("a pointer is of no account", "held", lambda w: pointer(w, account_id=None)),
        Fault("a pointer knows the account before the payment", "held", lambda w: drop_fact(w, "payment"), (CH,)),
        Fault(
            "a purchase does not know a name", "held", lambda w: put(w, purchase(w, PI), names=frozenset({PI})), (CH,)
        ),
        Fault(
            "a purchase does not know its own name",
            "held",
            lambda w: put(w, purchase(w, PI), names=frozenset({CH})),
            (PI,),
        ),
        Fault(
            "a purchase has a name that is not there",
            "held",
            lambda w: put(w, purchase(w, PI), names=frozenset({PI, CH, SECOND})),
            (PI,),
        ),
        Fault(
            "a purchase is stored under another name",
            "held",
            lambda w: w.payments.update({SECOND: w.payments.pop(PI)}),
            (PI, CH),
        ),
        Fault(
            "a duplicate without a payment",
            "held",
            lambda w: (
                drop_fact(w, "payment"),
                put(w, purchase(w, PI), is_duplicate=True),
                pointer(w, account_id=None),
            ),
            (PI,),
        ),
        Fault("a purchase without a payment", "held", lambda w: (drop_fact(w, "payment"), pointer(w, account_id=None))),
    ],
    orders: [
        Fault(
            "a checkout leads to no order",
            "ordered_anew",
            lambda w: (
                "/".join(next(iter(w.order_pointers)).parts),
                w.fulfilment_keys.pop(key(w).key),
                w.open_checkouts.clear(),
            )[0],
            ("{0}",),
        ),
        Fault(
            "a checkout leads to an order without terms",
            "ordered_twice",
            lambda w: (key(w, terms=None), "/".join(next(iter(w.order_pointers)).parts))[1],
            ("{0}",),
        ),
        Fault(
            "an order's checkout leads nowhere",
            "ordered_twice",
            lambda w: (w.order_pointers.clear(), key(w))[1],
            ("{0.key}",),
        ),
        Fault(
            "an order's checkout leads to another order",
            "ordered_anew",
            lambda w: (
                w.order_pointers.update(dict.fromkeys(w.order_pointers, order(w).order_id)) or [*w.fulfilment_keys][1]
            ),
            ("{0}",),
        ),
        Fault(
            "an order has no checkout",
            "ordered_anew",
            lambda w: (terms(w, checkout=None), w.order_pointers.pop(next(iter(w.order_pointers)))),
        ),
        Fault(
            "an order has another id",
            "ordered_anew",
            lambda w: (key(w), terms(w, order_id=OrderId("ord_0")), w.order_pointers.pop(next(iter(w.order_pointers))))[
                0
            ],
            ("{0.key}",),
        ),
        Fault("an order is of another account", "ordered_anew", lambda w: terms(w, account_id=EVE), ("{0.key}",)),
        Fault(
            "an order is for another product", "ordered_anew", lambda w: terms(w, product_id="pack_500"), ("{0.key}",)
        ),
        Fault("an order has another price", "ordered_anew", lambda w: terms(w, price_minor=1), ("{0.key}",)),
        Fault("an order has another agreement", "ordered_anew", _agreed_otherwise, ("{0.key}",)),
        Fault("a key is of another account", "ordered_anew", lambda w: key(w, account_id=EVE), ("{0.key}",)),
        Fault("a key is for another product", "ordered_anew", lambda w: key(w, product_id="pack_500"), ("{0.key}",)),
        Fault("a key has other terms", "ordered_anew", lambda w: key(w, terms_hash="0"), ("{0.key}",)),
        Fault(
            "an open checkout of no order",
            "ordered_anew",
            lambda w: open_checkout(w, order_id="ord_0"),
            ("acct_ada/creator_monthly",),
        ),
        Fault(
            "an open checkout of an order without terms",
            "ordered_anew",
            lambda w: latest(w, terms=None),
            ("stripe:{0.checkout_id}", "acct_ada/creator_monthly"),
        ),
        Fault(
            "an open checkout of an order that has none",
            "ordered_anew",
            lambda w: latest_terms(w, checkout=None),
            ("acct_ada/creator_monthly",),
        ),
        Fault(
            "an open checkout of another order",
            "ordered_anew",
            lambda w: open_checkout(w, order_id=order(w).order_id),
            ("acct_ada/creator_monthly",),
        ),
        Fault(
            "an open checkout at another provider",
            "ordered_anew",
            lambda w: open_checkout(w, provider="paddle"),
            ("acct_ada/creator_monthly",),
        ),
        Fault(
            "an open checkout by another id",
            "ordered_anew",
            lambda w: open_checkout(w, checkout_id="cs_0"),
            ("acct_ada/creator_monthly",),
        ),
        Fault(
            "an open checkout of another account",
            "ordered_anew",
            lambda w: at_another_key(w, EVE, "creator_monthly"),
            ("acct_eve/creator_monthly",),
        ),
        Fault(
            "an open checkout of another product",
            "ordered_anew",
            lambda w: at_another_key(w, ADA, "pack_500"),
            ("acct_ada/pack_500",),
        ),
        Fault(
            "a payment of another account",
            "ordered_twice",
            lambda w: paid(w, SECOND, account_id=EVE),
            ("{0.payment_id}",),
        ),
        Fault(
            "a payment for another product",
            "ordered_twice",
            lambda w: paid(w, SECOND, lines=(replace(payment().lines[0], product_id="pack_500"),)),
            ("{0.payment_id}",),
        ),
        Fault(
            "a payment for another product too",
            "ordered_twice",
            lambda w: paid(w, SECOND, lines=(*payment().lines, replace(payment().lines[0], product_id="pack_500"))),
        ),
        Fault(
            "a payment at another provider",
            "ordered_twice",
            lambda w: terms(w, provider="paddle"),
            ("{0.key}", PI, SECOND),
        ),
        Fault(
            "a payment that names another order",
            "ordered_twice",
            lambda w: paid(w, SECOND, order_id=OrderId("ord_0")),
            ("{0.payment_id}",),
        ),
        Fault(
            "a payment that names no order",
            "ordered_twice",
            lambda w: paid(w, SECOND, order_id=None),
            ("{0.payment_id}",),
        ),
        Fault("a renewal that names its order", "renewed", lambda w: paid(w, SECOND, order_id=OrderId("ord_0"))),
        Fault("a payment for a key that is not there", "charged_back", lambda w: w.fulfilment_keys.clear()),
        Fault("a payment of a key of another account", "charged_back", lambda w: key(w, account_id=EVE), (IN,)),
        Fault(
            "a payment of another purchase", "used", lambda w: paid(w, SECOND, payment_id=THIRD), ("{0.payment_id}",)
        ),
    ],
    consents: [
        Fault("locked for longer", "unlocked", lambda w: paid(w, SECOND, locked_until=at(90)), ("{0.payment_id}",)),
        Fault("locked for ever", "unlocked", lambda w: paid(w, SECOND, locked_until=None), ("{0.payment_id}",)),
        Fault("locked for no order", "used", lambda w: add_facts(w, PI, LATE_CONSENT) and PI, ("{0}",)),
        Fault("another order's consent", "unlocked", lambda w: consent(w, SECOND, order_id=OrderId("ord_9")), ("{0}",)),
        Fault("a consent by another cause", "unlocked", lambda w: consent(w, SECOND, cause="order:ord_9"), ("{0}",)),
        Fault("a consent of no version", "unlocked", lambda w: consent(w, SECOND, step=0), ("{0}",)),
        Fault("a consent of a later version", "unlocked", lambda w: consent(w, SECOND, step=99), ("{0}",)),
        Fault("a consent at another time", "unlocked", lambda w: consent(w, SECOND, at=at(90)), ("{0}",)),
        Fault("it is not unlocked", "unlocked", lambda w: consent(w, SECOND, is_complete=False), ("{0}",)),
        Fault("nothing is known of it", "unlocked", lambda w: without_consent(w, SECOND), ("{0}",)),
        Fault("nothing is known of a mail that came back", "unlocked", lambda w: without_consent(w, THIRD), ("{0}",)),
        Fault("nothing is known of one that came late", "locked", lambda w: without_consent(w, SECOND), ("{0}",)),
        Fault("nothing is known of one, without a lock", "locked", lambda w: never_locked(w, SECOND)),
        Fault("a consent of the first version", "unlocked", lambda w: consent(w, SECOND, step=1)),
        Fault("a consent of an order without one", "unlocked", lambda w: order_of(w, SECOND, consent=None), ("{0}",)),
        Fault("a late one of an order without one", "locked", lambda w: order_of(w, SECOND, consent=None), ("{0}",)),
        Fault("a trial, locked from its end on", "unlocked", lambda w: of_days(w, SECOND, is_trial=True, locked=25)),
        Fault(
            "a trial, locked from its payment on",
            "unlocked",
            lambda w: of_days(w, SECOND, is_trial=True, locked=20),
            ("{0.payment_id}",),
        ),
        Fault("a period, locked from its payment on", "unlocked", lambda w: of_days(w, SECOND, locked=20)),
    ],
    late_information: [
        Fault("asked at another time", "informed_late", asked_at_another_time, ("{0}",)),
        Fault("asked by nobody", "informed_late", asked_by_nobody, ("{0}",)),
        Fault("no mail is left", "informed_late", mail_gone, ("{0}",)),
        Fault("sent at another time", "informed_late", lambda w: information(w, sent_at=at(90)), ("{0}",)),
        Fault("its sending is not known", "informed_late", lambda w: information(w, sent_at=None), ("{0}",)),
        Fault("it came back unseen", "informed_late", lambda w: information(w, returned_at=at(90)), ("{0}",)),
        Fault("recorded at another time", "informed_late", lambda w: mail_recorded(w, ended_at=at(90)), ("{0}",)),
        Fault("of another kind as recorded", "informed_late", lambda w: mail_recorded(w, kind=OTHER), ("{0}",)),
        Fault("of another kind as listed", "informed_late", lambda w: mail_listed(w, kind=OTHER), ("{0}",)),
        Fault("sent, and refused as recorded", "informed_late", lambda w: mail_recorded(w, outcome=REFUSED), ("{0}",)),
        Fault(
            "refused as recorded",
            "informed_late",
            lambda w: (information(w, sent_at=None), mail_recorded(w, outcome=REFUSED)),
        ),
        Fault("accepted, and not sent yet", "informed_late", lambda w: mail_listed(w, accepted_at=at(10))),
        Fault(
            "accepted and sent",
            "informed_late",
            lambda w: (mail_listed(w, accepted_at=at(10)), waiting_information(w, sent_at=at(10))),
        ),
        Fault(
            "sent before it was accepted",
            "informed_late",
            lambda w: (mail_listed(w, accepted_at=at(10)), waiting_information(w, sent_at=at(9)))[1],
            ("{0}",),
        ),
        Fault(
            "it came back before it ended",
            "informed_late",
            lambda w: waiting_information(w, returned_at=at(90)),
            ("{0}",),
        ),
        Fault("it never was listed", "informed_late", lambda w: drop(w, waits(w)).subject, ("{0}",)),
        Fault("it came back in vain", "informed_late", lambda w: information(w, 2, returned_at=None), ("{0}",)),
        Fault(
            "it was reported as spam, and came back",
            "informed_late",
            lambda w: put(w, one(w.mail_records.values(), failure="bounce"), failure="complaint"),
        ),
        Fault(
            "it was reported as spam", "informed_late", lambda w: mail_recorded(w, failed_at=at(9), failure="complaint")
        ),
        Fault("an act that no order knows", "informed_late", asked_for_nothing, ("{0}",)),
    ],
    renewals_stopped: [
        Fault("nothing was disputed", "charged_back", without_dispute, ("{0}",)),
        Fault("it was charged back", "charged_back", charged_back),
        Fault("another fact beside the dispute", "charged_back", lambda w: add_facts(w, IN, refund())),
        Fault("another fact beside the withdrawal", "withdrawn", lambda w: add_facts(w, PI, refund())),
        Fault("it was cancelled", "charged_back", cancelled),
        Fault("another cancellation", "charged_back", lambda w: cancelled(w, by="W-2"), ("{0}",)),
        Fault(
            "a declaration that is no cancellation",
            "charged_back",
            lambda w: cancelled(w, kind=DeclarationKind.WITHDRAWAL),
            ("{0}",),
        ),
        Fault("nobody approved it", "charged_back", lambda w: cancelled(w, approved_by=None), ("{0}",)),
        Fault("a withdrawal that was not confirmed", "withdrawn", not_confirmed, ("{0}",)),
        Fault("a case that is no withdrawal", "withdrawn", lambda w: with_reason(w, "changed_my_mind"), ("{0}",)),
        Fault("a stop by another case", "withdrawn", lambda w: stop(w, cause="case:case_9"), ("{0}",)),
        Fault("a withdrawal from another payment", "withdrawn", lambda w: stop(w, payment_id=SECOND), ("{0}",)),
        Fault("a stop by another cause", "charged_back", lambda w: stop(w, cause="stripe:evt_0"), ("{0}",)),
        Fault("a stop for another account", "charged_back", lambda w: stop(w, account_id=EVE), ("{0}",)),
        Fault("a stop of another subscription", "charged_back", lambda w: stop(w, subscription_id="sub_9"), ("{0}",)),
        Fault(
            "a stop for another payment",
            "charged_back",
            lambda w: (
                add_facts(w, SECOND, replace(dispute(DisputeState.LOST), dispute_id="dp_9")),
                stop(w, payment_id=SECOND),
            )[1],
            ("{0}",),
        ),
        Fault(
            "a stop for a payment that is not there",
            "charged_back",
            lambda w: stop(w, payment_id=PaymentId("stripe:pi_9")),
            ("{0}",),
        ),
        Fault(
            "a stop before the payment",
            "charged_back",
            lambda w: (
                put(w, purchase(w, IN), facts={k: v for k, v in purchase(w, IN).facts.items() if k != "payment"}),
                stop_name(w),
            )[1],
            ("{0}",),
        ),
    ],
}


@pytest.mark.parametrize(("rule", "fault"), rows(FAULTS), ids=name_of)
def test_each_fault_is_named(rule: Rule, fault: Fault) -> None:
    """And a change that is no fault names nothing."""
    found, expected = named(rule, fault)
    assert found == expected
