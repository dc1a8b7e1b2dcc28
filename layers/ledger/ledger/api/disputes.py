"""The evidence about an account's disputed purchases, for the person who answers the bank."""

from collections.abc import Iterable

from ledger.api.checklist import Known, checklist
from ledger.api.responses.disputes import (
    DeclaredWithdrawal,
    DisputedPurchaseList,
    DisputedPurchaseResponse,
    DisputeResponse,
    MadeRefund,
    SentMail,
    UsedCredits,
    WrittenCase,
)
from ledger.api.responses.model import Money
from ledger.api.responses.orders import AgreedOrder
from ledger.api.responses.purchases import LineResponse
from ledger.domain.contacts import Contact
from ledger.domain.disputes import ReportedDispute, first_disputed_at, reported_disputes
from ledger.domain.entries import CounterAccount, Entry
from ledger.domain.errors import NotFound
from ledger.domain.facts import WithdrawalChanged, facts_of
from ledger.domain.ids import AccountId, provider_of
from ledger.domain.mails import MailKind, MailRecord, mail_id_of, order_of
from ledger.domain.orders import Order
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import RefundCase
from ledger.domain.timeline import TimelineRowKind
from ledger.policy.texts import shipped_texts
from ledger.ports.documents import contact_key, mail_record_key
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store
from ledger.runtime import Runtime
from ledger.usecases.look_up import LookUp

_PAGE = 100
_OF_SUSPENSION = frozenset(
    {MailKind.ACCOUNT_SUSPENDED, MailKind.ACCOUNT_ACTIVE, MailKind.REVIEW_RECEIVED, MailKind.REVIEW_ANSWERED}
)
_MOST_PURCHASES = 20
_AT_ONCE = _PAGE + 10  # more than are shown: some are no usage, and one more says that there is more
_MOST_ENTRIES = 20 * _AT_ONCE


def disputed_purchases(account_id: AccountId, services: Runtime) -> DisputedPurchaseList:
    """Return the account's disputed purchases, the most urgent first. Raise NotFound if there is no such account."""
    store = services.store
    purchases = list(_purchases(account_id, store))
    disputed = [one for one in purchases if disputes_of(one)]
    found = sorted(disputed, key=lambda one: disputes_of(one)[0].urgency)[:_MOST_PURCHASES]
    known = LookUp(store, with_orders=True)(
        Keys(
            accounts=frozenset({account_id}),
            payments=frozenset(one.payment_id for one in found),
            documents=frozenset({contact_key(account_id)}),
        )
    )
    if account_id not in known.accounts:
        raise NotFound(f"There is no account {account_id}.")
    cases = list(_cases(account_id, store)) if found else []
    records = _latest_mails(account_id, found, store) if found else []
    shown = []
    for listed in found:
        purchase = known.home_of(listed.payment_id) or listed
        order = known.order(purchase.payment.order_id) if purchase.payment else None
        own = [case for case in cases if case.payment_id == purchase.payment_id]
        ours = order if order and order.account_id == account_id else None
        used = _used(purchase, account_id, known)
        response = _shown(purchase, ours, own, records, account_id, used, services)
        if dispute := purchase.open_dispute:
            subscription = known.accounts[account_id].subscriptions.get(response.subscription_id or "")
            asked = checklist(Known(response, purchase, purchases, subscription), dispute.reason)
            response = response.model_copy(update={"checklist": asked})
        shown.append(response)
    contact = known.document(contact_key(account_id), Contact)
    return DisputedPurchaseList(email=contact.email if contact else None, purchases=shown)


def _shown(
    purchase: Purchase,
    order: Order | None,
    cases: list[RefundCase],
    records: list[MailRecord],
    account_id: AccountId,
    used: int,
    services: Runtime,
) -> DisputedPurchaseResponse:
    payment, store = purchase.payment, services.store
    if payment is None:
        raise ValueError("a purchase of an account has its payment")
    lots = {payment.lot_id(position) for position in range(len(payment.lines))}
    usage, has_more = _usage(account_id, lots, purchase, store)
    return DisputedPurchaseResponse(
        purchase_id=purchase.payment_id,
        provider=provider_of(purchase.payment_id),
        is_live=services.config.is_live,
        paid_at=payment.at,
        paid=Money(amount_minor=payment.paid_minor, currency=payment.currency),
        invoice_number=payment.invoice_number,
        subscription_id=payment.subscription_id,
        lines=[
            LineResponse(product_id=line.product_id, credits=line.credits, expires_at=line.expires_at)
            for line in payment.lines
        ],
        disputes=[DisputeResponse.of(one, services.now()) for one in disputes_of(purchase)],
        checklist=[],
        order=AgreedOrder.of(order) if order else None,
        withdrawals=[
            DeclaredWithdrawal(case_id=fact.case_id, at=fact.at, stands=fact.stands)
            for fact in sorted(facts_of(purchase.facts, WithdrawalChanged), key=lambda fact: fact.at)
        ],
        credits_granted=sum(line.credits for line in payment.lines),
        credits_used=used,
        usage=[
            UsedCredits(at=entry.occurred_at, kind=entry.kind, credits=entry.credits, cause=entry.cause)
            for entry in usage[:_PAGE]
        ],
        has_more_usage=has_more or len(usage) > _PAGE,
        refunds=MadeRefund.of_purchase(purchase),
        cases=[_written(case) for case in sorted(cases, key=lambda case: case.opened_at)],
        mails=_mails(purchase, order, cases, records, store),
    )


def disputes_of(purchase: Purchase) -> list[ReportedDispute]:
    """Return the disputes of a purchase, the most urgent first."""
    return reported_disputes(purchase.facts, purchase.payment_id)


def _used(purchase: Purchase, account_id: AccountId, known: Snapshot) -> int:
    """Return how many of the purchase's credits were drawn, without what came back. Its lots know it."""
    payment = purchase.payment
    names = [payment.lot_id(position) for position in range(len(payment.lines))] if payment else []
    return sum(lot.drawn for name in names if (lot := known.lot(account_id, name)))


def _usage(account_id: AccountId, lots: set[str], purchase: Purchase, store: Store) -> tuple[list[Entry], bool]:
    """Return what was drawn from the purchase's lots and came back, latest first; and whether there is more.

    It reads no more entries than it takes to fill a page, and of an account that has used other credits since only the
    latest: a page of an account with many has to be as quick.
    """
    since = purchase.payment.at if purchase.payment else None
    used: list[Entry] = []
    read, after = 0, None
    while read < _MOST_ENTRIES and len(used) <= _PAGE:
        _, page = store.statement_page(account_id, _AT_ONCE, after)
        for entry in page.items:
            if since and entry.occurred_at < since:
                return used, False
            if entry.lot_id in lots and entry.counter is CounterAccount.USAGE:
                used.append(entry)
        read, after = read + len(page.items), page.next
        if after is None:
            return used, False
    return used, True


def _written(case: RefundCase) -> WrittenCase:
    return WrittenCase(
        case_id=case.case_id,
        reason=case.reason,
        state=case.state,
        opened_at=case.opened_at,
        message=case.submitted_evidence.message,
        answer=shipped_texts().render_all(case.decision.reasons) if case.decision else [],
        decided_at=case.decided_at,
    )


def _latest_mails(account_id: AccountId, purchases: Iterable[Purchase], store: Store) -> list[MailRecord]:
    """Return the records of the account's latest mails since these purchases were paid."""
    since = min((one.payment.at for one in purchases if one.payment), default=None)
    rows = store.timeline_rows(account_id, TimelineRowKind.MAIL, _PAGE).items
    keys = [mail_record_key(row.subject) for row in rows if since is None or row.at >= since]
    known = store.read(Keys(documents=frozenset(keys))) if keys else None
    return [record for key in keys if known and (record := known.document(key, MailRecord))]


def _mails(
    purchase: Purchase,
    order: Order | None,
    cases: Iterable[RefundCase],
    latest: Iterable[MailRecord],
    store: Store,
) -> list[SentMail]:
    """Return the records of the mails about the purchase, and about a suspension since its dispute, oldest first.

    The id of a mail about an order or a case follows from its subject. The others are among the account's latest.
    """
    subjects = [(MailKind.CONTRACT_CONFIRMATION, str(order.order_id))] if order else []
    for case in cases:
        subjects.append((MailKind.WITHDRAWAL_RECEIPT, case.case_id))
        steps = range(1, len(case.history) + 1)
        subjects += [(MailKind.CASE_UPDATE, f"{case.case_id}/{step}") for step in steps]
    keys = {mail_record_key(mail_id_of(kind, subject)) for kind, subject in subjects}
    known = store.read(Keys(documents=frozenset(keys)))
    found = {(one.kind, one.subject): one for key in keys if (one := known.document(key, MailRecord))}
    disputed_at = first_disputed_at(purchase.facts)
    for one in latest:
        is_of_suspension = one.kind in _OF_SUSPENSION and disputed_at is not None and one.listed_at >= disputed_at
        is_of_order = one.kind is MailKind.CONTRACT_CONFIRMATION and order and order_of(one.subject) == order.order_id
        if is_of_suspension or is_of_order:
            found[one.kind, one.subject] = one
    return [
        SentMail(kind=one.kind, subject=one.subject, at=one.ended_at, outcome=one.outcome, failed_at=one.failed_at)
        for one in sorted(found.values(), key=lambda one: (one.ended_at, one.subject))
    ]


def _purchases(account_id: AccountId, store: Store) -> Iterable[Purchase]:
    """Yield the account's latest purchases: at most a few pages."""
    after = None
    for _ in range(3):
        page = store.purchases_of(account_id, _PAGE, after)
        yield from page.items
        after = page.next
        if after is None:
            return


def _cases(account_id: AccountId, store: Store) -> Iterable[RefundCase]:
    after = None
    while True:
        page = store.cases_of(account_id, _PAGE, after)
        yield from page.items
        after = page.next
        if after is None:
            return
