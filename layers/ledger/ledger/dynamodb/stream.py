"""The table's stream: which domain events a change of an item is. Pure: it reads the old and the new image alone.

| item             | change                                                     | domain event            |
|------------------|------------------------------------------------------------|-------------------------|
| purchase         | gets its payment, with a customer, and it is no renewal    | CustomerIdentified      |
| subscription     | is known for the first time, with a customer               | CustomerIdentified      |
| receipt          | of what books nothing (a session) names an account         | CustomerIdentified      |
| receipt          | of a parked event is stored                                | EventParked             |
| purchase         | gets or changes a fact that can move an approval's case    | ApprovedRefundChanged   |
| purchase         | with a payment, gets a dispute, inquiry or chargeback      | PaymentDisputed         |
| refund intent    | is created                                                 | RefundIntentListed      |
| stop of renewals | is created                                                 | RenewalStopListed       |
| open declaration | is listed as confirmed                                     | DeclarationConfirmed    |
| open declaration | is listed as approved                                      | DeclarationApproved     |
| order            | gets its first payment                                     | OrderPaid               |
| mail intent      | is created                                                 | MailListed              |
| purchase         | gets a payment, or a refund, dispute or credit with an id  | PurchasesNamed          |
| contact          | gets an address, or another one                            | AddressChanged          |
| failed run       | is created                                                 | RunFailureRecorded      |
| running incident | is created                                                 | IncidentBegun           |
| any other        | any                                                        | none                    |

The filters in `template.yaml` keep most changes from the relay. They see the new image alone, so they pass some changes
that are no event.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ledger.domain.contacts import Contact
from ledger.domain.declarations import DeclarationState, ListedDeclaration
from ledger.domain.domain_events import (
    AddressChanged,
    ApprovedRefundChanged,
    CustomerIdentified,
    DeclarationApproved,
    DeclarationConfirmed,
    DomainEvent,
    EventParked,
    IncidentBegun,
    MailListed,
    OrderPaid,
    PaymentDisputed,
    PurchasesNamed,
    RefundIntentListed,
    RenewalStopListed,
    RunFailureRecorded,
)
from ledger.domain.facts import (
    BalanceCredited,
    ChargebackChanged,
    DisputeChanged,
    PaymentSettled,
    RefundAbandoned,
    RefundApproved,
    RefundChanged,
    RefundSent,
)
from ledger.domain.ids import AccountId, approval_tag
from ledger.domain.incidents import ListedIncident
from ledger.domain.mails import MailIntent
from ledger.domain.refund_cases import case_id_of
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.renewal_stops import RenewalStop
from ledger.domain.runs import FailedRun
from ledger.dynamodb import items, keys
from ledger.dynamodb.keys import ItemKind
from ledger.dynamodb.schema import FACT_KIND, FACTS
from ledger.ports.documents import DocumentKind, sortable

Record = Mapping[str, Any]
Image = Mapping[str, Any]

_MOVE_A_CASE = (RefundChanged, RefundSent, RefundAbandoned)
"""The facts that `follow_refunds` reads, beside the approval itself. An approval alone moves no case."""
_MOVE_A_CASE_NAMES = frozenset(name for name, shape in FACTS.items() if shape.of in _MOVE_A_CASE)
_NAMED = (PaymentSettled, RefundChanged, DisputeChanged, ChargebackChanged, BalanceCredited)
"""The facts that give a purchase a name of the index: see `ledger.domain.index_rows`."""
_NAMED_NAMES = frozenset(name for name, shape in FACTS.items() if shape.of in _NAMED)
_DISPUTE_NAMES = frozenset(name for name, shape in FACTS.items() if shape.of in (DisputeChanged, ChargebackChanged))
_PAYMENT = "payment"
_NOTED, _PARKED = {"S": "noted"}, {"S": "parked"}
_APPROVAL_NAME = next(name for name, shape in FACTS.items() if shape.of is RefundApproved)


def domain_events(record: Record) -> list[DomainEvent]:
    """Return the domain events of one record of the stream: none for most.

    Raise UnreadableItem, KeyError or ValueError for a record that this release can't read.
    """
    new, old = record["dynamodb"].get("NewImage"), record["dynamodb"].get("OldImage")
    if new is None:
        return []
    match keys.kind_of(new):
        case ItemKind.PAYMENT:
            return [event for events_of in _OF_PURCHASE for event in events_of(new, old or {})]
        case DocumentKind.REFUND_INTENT if old is None:
            return [_of_intent(items.from_document(new))]
        case DocumentKind.RENEWAL_STOP if old is None:
            return [_of_stop(items.from_document(new))]
        case DocumentKind.LISTED_DECLARATION if old is None:
            return [*_of_declaration(items.from_document(new))]
        case DocumentKind.MAIL_INTENT if old is None:
            return [_of_mail(items.from_document(new))]
        case DocumentKind.CONTACT if _address(new) != _address(old or {}):
            return [_of_contact(items.from_document(new), new)]
        case DocumentKind.FAILED_RUN if old is None:
            return [_of_failed_run(keys.account_id_of(new), items.from_document(new))]
        case DocumentKind.RUNNING_INCIDENT if old is None:
            return [_of_incident(items.from_document(new))]
        case ItemKind.FULFILMENT_KEY:
            return [*_of_order(new, old or {})]
        case ItemKind.RECEIPT:
            return [*_of_receipt(new, old or {})]
        case ItemKind.SUBSCRIPTION:
            return [*_of_subscription(new, old or {})]
    return []


def _of_receipt(new: Image, old: Image) -> Iterator[DomainEvent]:
    """A session may come after the invoice that it explains: it says whose the customer is.

    What a parked event names follows from its body alone. Another reason, or a mute, is no other event.
    """
    if new["outcome"] == _PARKED and new["body_sha256"] != old.get("body_sha256"):
        cause, digest = f"{new['provider']['S']}:{new['event_id']['S']}", new["body_sha256"]["S"]
        yield DomainEvent(
            event_id=f"event_parked/{cause}/{digest}",
            correlation_id=cause,
            content=EventParked(owner=keys.owner_of(new), parked_event_id=new["event_id"]["S"]),
        )
    if new["outcome"] == _NOTED and _is_named(new, old):
        receipt = items.from_receipt(new)
        yield _identified(receipt.customer_id, receipt.account_id, receipt.cause, receipt.correlation_id)


def _of_subscription(new: Image, old: Image) -> Iterator[DomainEvent]:
    """So may the first event of a subscription, whichever it is: a new state of a known one says nothing new."""
    if _is_named(new, old):
        known = items.from_subscription(new)
        yield _identified(known.customer_id, known.account_id, known.subscription_id, known.cause)


def _is_named(new: Image, old: Image) -> bool:
    """Return whether an item names the account of a customer, and no account before."""
    return {"customer_id", "account_id"} <= new.keys() and "account_id" not in old


def _identified(
    customer_id: str | None, account_id: AccountId | None, shown_by: str, correlation_id: str
) -> DomainEvent:
    """Return the event that something shows whose a customer is. Raise ValueError if it does not."""
    if customer_id is None or account_id is None:
        raise ValueError(f"{shown_by} should name a customer and an account")
    return DomainEvent(
        event_id=f"customer_identified/{customer_id}/{account_id}/{shown_by}",
        correlation_id=correlation_id,
        content=CustomerIdentified(customer_id=customer_id, account_id=account_id),
    )


def _of_customer(new: Image, old: Image) -> Iterator[DomainEvent]:
    payment, before = _facts(new).get("payment"), _facts(old).get("payment")
    if payment is None or (before and "customer_id" in before["M"]):
        return
    fact = items.from_fact(payment)
    if not isinstance(fact, PaymentSettled) or fact.customer_id is None or fact.is_renewal:
        return
    content = CustomerIdentified(customer_id=fact.customer_id, account_id=fact.account_id, payment_id=fact.payment_id)
    event_id = f"customer_identified/{fact.customer_id}/{fact.account_id}/{fact.payment_id}"
    yield DomainEvent(event_id=event_id, correlation_id=fact.cause, content=content)


def _of_refunds(new: Image, old: Image) -> Iterator[DomainEvent]:
    if not new.get("has_approvals", {}).get("BOOL"):
        return
    before = _facts(old)
    changed = {key: fact for key, fact in sorted(_facts(new).items()) if fact != before.get(key)}
    moving = {_kind(fact) for fact in _facts(new).values()} & _MOVE_A_CASE_NAMES
    relevant = [fact for fact in changed.values() if _kind(fact) in {*_MOVE_A_CASE_NAMES, _APPROVAL_NAME}]
    if not relevant or not moving:
        return
    payment_id = keys.payment_id_of(new)
    facts = [items.from_fact(fact) for fact in relevant]
    tags = [tag for fact in facts if (tag := getattr(fact, "tag", None))]
    yield DomainEvent(
        event_id=f"approved_refund_changed/{payment_id}/{new['version']['N']}",
        correlation_id=case_id_of(approval_tag(tags[0])) if tags else facts[0].cause,
        content=ApprovedRefundChanged(payment_id=payment_id),
    )


def _of_disputes(new: Image, old: Image) -> Iterator[DomainEvent]:
    """Only what opens one counts: no later state of a dispute changes when it was opened."""
    facts, before = _facts(new), _facts(old)
    opened = [key for key in sorted(facts) if _kind(facts[key]) in _DISPUTE_NAMES and key not in before]
    if opened and _PAYMENT in facts:
        payment_id = keys.payment_id_of(new)
        yield DomainEvent(
            event_id=f"payment_disputed/{payment_id}/{new['version']['N']}",
            correlation_id=items.from_fact(facts[opened[0]]).cause,
            content=PaymentDisputed(payment_id=payment_id),
        )


def _of_intent(intent: object) -> DomainEvent:
    if not isinstance(intent, RefundIntent):
        raise ValueError(f"{intent!r} should be a refund intent")
    return DomainEvent(
        event_id=f"refund_intent_listed/{intent.tag}",
        correlation_id=case_id_of(intent.tag),
        content=RefundIntentListed(tag=intent.tag, account_id=intent.account_id, payment_id=intent.payment_id),
    )


def _of_stop(stop: object) -> DomainEvent:
    if not isinstance(stop, RenewalStop):
        raise ValueError(f"{stop!r} should be a stop of renewals")
    return DomainEvent(
        event_id=f"renewal_stop_listed/{sortable(stop.since)}/{stop.payment_id}",
        correlation_id=stop.cause,
        content=RenewalStopListed(
            subscription_id=stop.subscription_id,
            account_id=stop.account_id,
            payment_id=stop.payment_id,
            since=stop.since,
        ),
    )


def _of_declaration(listed: object) -> Iterator[DomainEvent]:
    """A declaration is listed anew in each of its states. Not every state is an event."""
    if not isinstance(listed, ListedDeclaration):
        raise ValueError(f"{listed!r} should be an open declaration")
    if of := _DECLARED.get(listed.state):
        yield DomainEvent(
            event_id=f"declaration_{listed.state}/{listed.declaration_id}",
            correlation_id=listed.declaration_id,
            content=of(declaration_id=listed.declaration_id),
        )


_DECLARED: Mapping[DeclarationState, type[DeclarationConfirmed] | type[DeclarationApproved]] = {
    DeclarationState.CONFIRMED: DeclarationConfirmed,
    DeclarationState.APPROVED: DeclarationApproved,
}


def _of_order(new: Image, old: Image) -> Iterator[DomainEvent]:
    order = items.from_fulfilment_key(new).terms if "payment_id" in new and "payment_id" not in old else None
    if order:
        yield DomainEvent(
            event_id=f"order_paid/{order.order_id}",
            correlation_id=order.order_id,
            content=OrderPaid(order_id=order.order_id, account_id=order.account_id),
        )


def _of_mail(intent: object) -> DomainEvent:
    if not isinstance(intent, MailIntent):
        raise ValueError(f"{intent!r} should be a mail intent")
    content = MailListed(mail_id=intent.mail_id)
    return DomainEvent(event_id=f"mail_listed/{intent.mail_id}", correlation_id=intent.subject, content=content)


def _of_names(new: Image, old: Image) -> Iterator[DomainEvent]:
    """What is found by its own key (a charge, a session) needs no row of the index, and is no event."""
    before = _facts(old)
    named = [
        items.from_fact(fact)
        for key, fact in sorted(_facts(new).items())
        if _kind(fact) in _NAMED_NAMES and (key not in before or (key == _PAYMENT and fact != before[key]))
    ]
    if named:
        payment_id = keys.payment_id_of(new)
        yield DomainEvent(
            event_id=f"purchases_named/{payment_id}/{new['version']['N']}",
            correlation_id=named[0].cause,
            content=PurchasesNamed(payment_ids=(payment_id,)),
        )


_OF_PURCHASE = (_of_customer, _of_refunds, _of_disputes, _of_names)


def _address(image: Image) -> object:
    return image.get("email")


def _of_contact(contact: object, image: Image) -> DomainEvent:
    if not isinstance(contact, Contact):
        raise ValueError(f"{image['pk']['S']} should be a contact")  # without its address
    return DomainEvent(
        event_id=f"address_changed/{contact.account_id}/{contact.version}",
        correlation_id=contact.account_id,
        content=AddressChanged(account_id=contact.account_id),
    )


def _of_failed_run(account_id: AccountId, run: object) -> DomainEvent:
    if not isinstance(run, FailedRun):
        raise ValueError(f"{run!r} should be a failed run")
    return DomainEvent(
        event_id=f"run_failed/{account_id}/{run.run_id}",
        correlation_id=run.run_id,
        content=RunFailureRecorded(account_id=account_id, run_id=run.run_id, failed_at=run.at),
    )


def _of_incident(listed: object) -> DomainEvent:
    if not isinstance(listed, ListedIncident):
        raise ValueError(f"{listed!r} should be an incident that runs")
    return DomainEvent(
        event_id=f"incident_begun/{listed.incident_id}",
        correlation_id=listed.incident_id,
        content=IncidentBegun(incident_id=listed.incident_id),
    )


def _facts(image: Image) -> Mapping[str, Any]:
    """Return the facts of a purchase's image, as they are stored. Those of a pointer, or of no item: none."""
    facts: Mapping[str, Any] = image.get("facts", {}).get("M", {})
    return facts


def _kind(fact: Mapping[str, Any]) -> str:
    return str(fact["M"][FACT_KIND]["S"])
