"""Rules about causes: what is stored names the event, case, run or person that it comes from, and those are stored."""

from collections.abc import Iterator

from ledger.domain.canonical import digest
from ledger.domain.entries import Entry, EntryKind
from ledger.domain.facts import Facts, RefundChanged, digest_of, facts_of
from ledger.domain.ids import AccountId, PaymentId, job_correlation_id, request_correlation_id
from ledger.domain.incidents import cause_of
from ledger.domain.links import Links
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt, RecordOutcome
from ledger.domain.refund_cases import case_id_of
from ledger.domain.unknown_fields import has_unknown_fields
from ledger.usecases.usage import RUNS_ROUTE
from tools.verify.names import ROUTES_OF_ACTS
from tools.verify.world import Verdicts, World

_EXPIRY = "expiry"
_OF_EXPIRY = {EntryKind.EXPIRE, EntryKind.RELEASE}


def causes_of_all(world: World) -> Verdicts:
    """Every fact, entry and subscription has a cause that is stored: an event's receipt, a case, a run, an act."""
    receipts = {receipt.cause: receipt for receipt in world.receipts}
    others = {(case.account_id, f"case:{case.case_id}") for case in world.cases.values()}
    others |= {(run.account_id, f"run:{run.run_id}") for run in world.runs}
    others |= {
        (item.terms.account_id, f"order:{item.terms.order_id}") for item in world.fulfilment_keys.values() if item.terms
    }
    others |= {(share.account_id, cause_of(share.incident_id)) for share in world.incident_shares.values()}
    others |= {(account_id, f"support:{act.actor}") for account_id, act in world.audit_records}
    for name, account_id, cause in _causes(world):
        receipt = receipts.get(cause)
        yield name, _has_booked(receipt, account_id) if receipt else (account_id, cause) in others


def _causes(world: World) -> Iterator[tuple[str, AccountId | None, str]]:
    """Yield the name, account and cause of all that has one.

    The expiry of credits causes nothing else, but that a refund which is under way keeps fewer of them.
    """
    for payment_id, item in world.payments.items():
        if isinstance(item, Purchase):
            for fact in item.facts.values():
                yield f"{payment_id} {fact.key}", item.account_id, fact.cause
    for entry in world.entries:
        if entry.cause != _EXPIRY or entry.kind not in _OF_EXPIRY:
            yield entry.entry_id, entry.account_id, entry.cause
    for subscription in world.subscriptions.values():
        for report in subscription.reports:
            yield subscription.subscription_id, report.account_id, report.cause


def _has_booked(receipt: Receipt, account_id: AccountId | None) -> bool:
    """Return whether an event can be the cause of something of this account.

    None: its account is not known yet. Then the event may be booked for another sale that shares the money.
    """
    if receipt.outcome is RecordOutcome.WAITING:
        return True
    return receipt.outcome is RecordOutcome.BOOKED and account_id in {receipt.account_id, None}


def reported_facts(world: World) -> Verdicts:
    """Every fact is as its event reported it, and what an event reported is there, or a later fact about it."""
    receipts = {receipt.cause: receipt for receipt in world.receipts}
    known = world.facts_elsewhere | {subscription.key for subscription in world.subscriptions.values()}
    for payment_id, item in world.payments.items():
        if isinstance(item, Purchase):
            known |= item.facts.keys()
            for key, fact in item.facts.items():
                receipt = receipts.get(fact.cause)
                if receipt and not has_unknown_fields(fact):
                    yield f"{payment_id} {key}", receipt.facts.get(key) == digest_of(fact)
            yield from _shared(payment_id, item.facts, world)
    for receipt in world.receipts:
        yield receipt.cause, receipt.facts.keys() <= known


def _shared(payment_id: PaymentId, facts: Facts, world: World) -> Verdicts:
    """Yield whether the other sales of its money have all facts that name it."""
    links = Links(facts)
    for money_id in links.money_ids:
        names = links.names_of({money_id})
        about = {key for key, fact in facts.items() if getattr(fact, "money_id", None) in names}
        for sale_id in {*links.paid_by(money_id)} - {payment_id}:
            yield f"{payment_id} {money_id}", about <= world.facts(sale_id).keys()


def reported_subscriptions(world: World) -> Verdicts:
    """A subscription is as the latest events reported it: each of its last instant, and no later one."""
    receipts = {receipt.cause: receipt for receipt in world.receipts}
    for name, subscription in world.subscriptions.items():
        for report in subscription.reports:
            receipt = receipts.get(report.cause)
            if receipt and not has_unknown_fields(report):
                yield name, receipt.facts.get(report.key) == digest(report)
    stored = {subscription.key: subscription for subscription in world.subscriptions.values()}
    for receipt in world.receipts:
        for latest in (stored[key] for key in receipt.facts if key in stored):
            is_counted = receipt.cause in {report.cause for report in latest.reports}
            yield receipt.cause, is_counted or receipt.occurred_at < latest.at


def correlation_ids(world: World) -> Verdicts:
    """Every receipt, entry and refund case has the correlation id of the event, request, job or case that wrote it."""
    requests = {request_correlation_id(AccountId(key.parts[0]), *key.parts[1:]) for key in world.idempotency_records}
    requests |= {
        request_correlation_id(account_id, ROUTES_OF_ACTS[act.action], act.subject)
        for account_id, act in world.audit_records
        if act.action in ROUTES_OF_ACTS
    }
    written = {*requests, *world.cases} | {receipt.correlation_id for receipt in world.receipts}
    cases = {*world.cases} | {case_id_of(tag) for tag in _tags(world)}
    for receipt in world.receipts:
        is_of_case = receipt.correlation_id in cases or (
            receipt.parked_reason is not None and receipt.correlation_id.startswith("case_")
        )
        yield receipt.cause, receipt.correlation_id == receipt.cause or is_of_case
    for entry in world.entries:
        yield entry.entry_id, _is_correlated(entry, written)
    for case in world.cases.values():
        yield case.case_id, case.correlation_id in requests


def _tags(world: World) -> Iterator[str]:
    """Yield the tags that refunds carry. One of another table of ours may be among them, as on a parked event."""
    for item in world.payments.values():
        if isinstance(item, Purchase):
            yield from (refund.tag for refund in facts_of(item.facts, RefundChanged) if refund.tag)


def _is_correlated(entry: Entry, written: set[str]) -> bool:
    if entry.cause.startswith("run:"):
        run_id = entry.cause.removeprefix("run:")
        return entry.correlation_id == request_correlation_id(entry.account_id, RUNS_ROUTE, run_id)
    if entry.cause.startswith(cause_of("")):
        return entry.correlation_id == entry.cause
    if entry.correlation_id.startswith("job:"):
        job = entry.correlation_id.split(":")[1]
        return entry.correlation_id == job_correlation_id(job, entry.recorded_at)
    return entry.correlation_id in written
