"""Names: by which things the rules find each other, or that they compare.

Two things that a rule looks at together share a name, or a chain of things that share names leads from one to the
other. So all things of such a group can be checked without the rest of the table. `tests/unit/tools/verify` holds that
no rule is left out: it plants faults in several ledgers, and checks their groups one by one and all things at once.

What many unrelated things have in common is no name: a provider's customer, the run of a job, a person of support. The
rules look at these with their account alone.
"""

from collections.abc import Iterator

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.facts import (
    CreditsReplaced,
    CustomerWrote,
    Fact,
    MoneyLinked,
    PaymentSettled,
    RefundAttempted,
    RefundDeclined,
    WithdrawalChanged,
)
from ledger.domain.ids import AccountId, request_correlation_id
from ledger.domain.mails import MailIntent, MailRecord
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import DISMISSED, Receipt
from ledger.domain.refund_cases import case_id_of
from ledger.domain.subjects import subject_of_declaration, subject_of_event, subject_of_mute
from ledger.domain.subscriptions import Subscription
from ledger.ports.commit import FulfilmentKey, PaymentPointer
from ledger.ports.documents import DocumentKey
from ledger.usecases.holds import HOLDS_ROUTE
from ledger.usecases.state_amount import AMOUNTS_ROUTE
from tools.verify.world import World

ROUTES_OF_ACTS = {AuditAction.LIFT: HOLDS_ROUTE, AuditAction.STATE_AMOUNT: AMOUNTS_ROUTE}
"""Of the acts that write entries."""

_OF_AN_ACCOUNT = frozenset({"case", "expiry", "incident", "job", "run", "support"})
"""How causes and correlation ids begin that are looked for among the things of one account."""


def names_of(world: World) -> set[str]:
    """Return the names of everything in it: of one item, if it holds one."""
    return {name for name in _names(world) if name}


def _names(world: World) -> Iterator[str]:
    yield from _of_money(world)
    yield from _of_accounts(world)
    yield from _of_cases(world)
    for receipt in world.receipts:
        yield from _of_receipt(receipt)
    for subject_id, act in world.subject_acts:
        yield _subject(subject_id)
        yield _cause(act.subject) if act.action is AuditAction.ATTRIBUTE else ""
    for mute in world.mutes.values():
        yield _subject(subject_of_mute(mute.mute_id))
    for key in world.subject_requests:
        yield _subject(key.parts[0])
    for subscription in world.subscriptions.values():
        for report in (subscription, *subscription.reports):
            yield from _of_report(report)


def _of_money(world: World) -> Iterator[str]:
    for payment_id, item in world.payments.items():
        yield _payment(payment_id)
        yield from _of_pointer(item) if isinstance(item, PaymentPointer) else _of_purchase(item)
    for name, fulfilment in world.fulfilment_keys.items():
        yield _thing(name)
        yield from _of_fulfilment_key(fulfilment)
    yield from map(_order, world.order_pointers.values())
    for key, checkout in world.open_checkouts.items():
        yield from (_owner(key), _order(checkout.order_id))
    for stop in world.renewal_stops.values():
        yield from (_payment(stop.payment_id), _cause(stop.cause), _account(stop.account_id))


def _of_pointer(pointer: PaymentPointer) -> Iterator[str]:
    yield _account(pointer.account_id)
    yield from map(_payment, (pointer.name, pointer.to, *pointer.also_to))


def _of_purchase(purchase: Purchase) -> Iterator[str]:
    yield _account(purchase.account_id)
    yield from map(_payment, (purchase.payment_id, *purchase.names))
    for key, fact in purchase.facts.items():
        yield _cause(fact.cause)
        yield from _of_fact(key, fact)


def _of_fact(key: str, fact: Fact) -> Iterator[str]:
    match fact:
        case PaymentSettled():
            yield _account(fact.account_id)
            yield from (_thing(name) for name in (fact.fulfilment_key, fact.period, fact.payment_id))
        case MoneyLinked() | RefundAttempted():
            yield _payment(fact.sale_id)
        case RefundDeclined():
            return  # its key is a reason, which many have in common
    yield _fact(key)
    yield _case_of(getattr(fact, "tag", None))
    yield _cause(fact.case_id) if isinstance(fact, CreditsReplaced | CustomerWrote | WithdrawalChanged) else ""


def _of_fulfilment_key(item: FulfilmentKey) -> Iterator[str]:
    yield from (_thing(item.key), _account(item.account_id))
    if item.terms:
        yield from (_order(item.terms.order_id), _account(item.terms.account_id))


def _of_accounts(world: World) -> Iterator[str]:
    for account_id, account in world.accounts.items():
        yield from (_account(account_id), _account(account.account_id))
    for account_id, _ in world.closed_lots:
        yield _account(account_id)
    for entry in world.entries:
        yield from (_account(entry.account_id), _cause(entry.cause), _cause(entry.correlation_id))
    for run in world.runs:
        yield _account(run.account_id)
    for account_id, _ in world.failed_runs:
        yield _account(account_id)
    for account_id, record in world.audit_records:
        yield from _of_act(account_id, record)
    yield from (_account(contact.account_id) for contact in world.contacts.values())
    mails: tuple[MailIntent | MailRecord, ...] = (*world.mail_intents.values(), *world.mail_records.values())
    for mail in mails:
        yield from (_account(mail.account_id), _cause(f"declaration:{mail.subject}"))
    for awaited in world.awaited_orders.values():
        yield from (_account(awaited.account_id), _order(awaited.order_id))
    for key, note in world.credit_notes.items():
        yield from (_owner(key), _account(note.account_id), _payment(note.payment_id))
    for key, pointer in world.credit_note_pointers.items():
        yield from (_account(pointer.account_id), _refund(key.parts[0]))
    for plan in world.watched_plans.values():
        yield from (_account(plan.account_id), _order(plan.order_id))
    for proposal_id, proposal in world.proposals.items():
        yield from (_account(proposal.account_id), _cause(proposal_id), _cause(proposal.proposal_id))
    for key, queued in world.queued_proposals.items():
        yield from (_account(queued.account_id), *map(_cause, (*key.parts[-1:], queued.proposal_id)))
    yield from map(_owner, world.account_sums)
    yield from _of_incidents(world)


def _of_incidents(world: World) -> Iterator[str]:
    """Yield the accounts. An incident, whose acts are stored under its own id, leads to none of them: it has many."""
    yield from map(_account, world.incidents)
    for key, listed in world.listed_incidents.items():
        yield from map(_account, (*key.parts[-1:], listed.incident_id))
    for key, share in world.incident_shares.items():
        yield from map(_account, (*key.parts[-1:], share.account_id))


def _of_act(account_id: AccountId, act: AuditRecord) -> Iterator[str]:
    yield _account(account_id)
    if act.action in {
        AuditAction.ADJUST,
        AuditAction.ATTRIBUTE,
        AuditAction.PROPOSE,
        AuditAction.CONFIRM,
        AuditAction.REJECT,
    }:
        yield _cause(act.subject)
    if act.action in ROUTES_OF_ACTS:
        yield _cause(request_correlation_id(account_id, ROUTES_OF_ACTS[act.action], act.subject))


def _of_cases(world: World) -> Iterator[str]:
    for case_id, case in world.cases.items():
        yield from map(_cause, (case_id, case.case_id, case.correlation_id, case.contract_case_id or case_id))
        yield from (_account(case.account_id), _payment(case.payment_id))
    for tag, intent in world.intents.items():
        yield from (_case_of(tag), _case_of(intent.tag), _account(intent.account_id), _payment(intent.payment_id))
    for key, queued in world.queued_cases.items():
        yield from map(_cause, (*key.parts[-1:], queued.case_id))
        yield _account(queued.account_id)
        yield _payment(queued.payment_id) if queued.payment_id else ""
    for declaration in world.declarations.values():
        yield _cause(f"declaration:{declaration.declaration_id}")
        yield _subject(subject_of_declaration(declaration.declaration_id))
        yield _account(declaration.account_id)
        yield _payment(declaration.payment_id) if declaration.payment_id else ""
        yield _cause(declaration.case_id) if declaration.case_id else ""
        yield _thing(declaration.contract_id) if declaration.contract_id else ""
    for contract in world.declared_contracts.values():
        yield _thing(contract.contract_id)
    for key, listed in world.listed_declarations.items():
        yield from (_cause(f"declaration:{name}") for name in (key.parts[-1], listed.declaration_id))
    for case_id, account_id in world.pointers.items():
        yield from (_cause(case_id), _account(account_id))
    for key, record in world.idempotency_records.items():
        yield from (_owner(key), _cause(record.subject), _order(record.subject))
        if len(key.parts) == _PARTS_OF_A_REQUEST:
            owner, route, client_key = key.parts
            yield _cause(request_correlation_id(AccountId(owner), route, client_key))


_PARTS_OF_A_REQUEST = 3


def _of_receipt(receipt: Receipt) -> Iterator[str]:
    yield from (_account(receipt.account_id), _cause(receipt.cause), _cause(receipt.correlation_id))
    yield from map(_fact, receipt.facts)
    if receipt.detail.startswith(DISMISSED):
        yield _subject(subject_of_event(receipt.name))


def _of_report(report: Subscription) -> Iterator[str]:
    yield from (_account(report.account_id), _cause(report.cause), _fact(report.key))


# ── One name each. Empty: it names nothing that a rule looks for ──────────────────────────────────────────────────────


def _account(account_id: str | None) -> str:
    return f"account {account_id}" if account_id else ""


def _owner(key: DocumentKey) -> str:
    return _account(key.parts[0]) if key.parts else ""


def _subject(subject_id: str) -> str:
    return f"subject {subject_id}"


def _payment(payment_id: str) -> str:
    return f"payment {payment_id}"


def _thing(name: str | None) -> str:
    """Return the name of what payments pay for: an order, a period, or else the payment alone."""
    return f"thing {name}" if name else ""


def _order(order_id: str) -> str:
    return _thing(f"order/{order_id}")


def _cause(cause: str) -> str:
    """Return the name of a cause, of a correlation id, or of the case that is one."""
    return "" if cause.partition(":")[0] in _OF_AN_ACCOUNT else f"cause {cause}"


def _case_of(tag: str | None) -> str:
    return _cause(case_id) if tag and (case_id := case_id_of(tag)) else ""


def _refund(subject: str) -> str:
    """Return the fact that a credit note, or its correction, is about."""
    return _fact(f"refund:{subject.partition('/')[0].partition(':')[2]}")


def _fact(key: str) -> str:
    """Return the name of a fact by its key. A key without an id (`payment`) is of one purchase, and names nothing."""
    return f"fact {key}" if ":" in key else ""
