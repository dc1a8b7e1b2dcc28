"""Refund a small payment at once that the card network warns of, before it becomes a dispute.

warning booked ──► entry in the queue of deferred decisions ──► the policy's figure covers it   case, approved
                                                            └─► it does not                     the flag stays
"""

from datetime import datetime

from ledger.domain.disputes import FRAUD_WARNING, disputed
from ledger.domain.errors import CaseAlreadyOpen
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import BY_POLICY, QueuedCase, RefundCase, RefundReason, SubmittedEvidence
from ledger.policy.parameters import PolicyParameters
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import deferred_queue_key_of
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.look_up import LookUp
from ledger.usecases.refund_cases.open_case import RefundClaim, open_case

WARNINGS_ROUTE = "fraud-warnings"
"""The route of the keys by which warned payments are refunded: each once."""


def refund_warned(queued: QueuedCase, store: Store, policy: PolicyParameters, *, now: datetime) -> RefundCase | None:
    """Open the case of a payment that was warned of, if the policy refunds it. None: it does not, or it has one.

    It may be called any number of times. While decisions are paused, the entry stays in the queue.
    """
    if policy.is_paused or queued.payment_id is None:
        return None
    purchase = LookUp(store)(Keys(payments=frozenset({queued.payment_id}))).home_of(queued.payment_id)
    case = _opened(queued, purchase, store, policy, now) if purchase and _is_refunded(purchase, policy) else None
    store.commit(Commit(documents=(DocumentChange(deferred_queue_key_of(queued.case_id), None),)))
    return case if case and case.opened_at == now else None


def _is_refunded(purchase: Purchase, policy: PolicyParameters) -> bool:
    """Return whether the warning stands, nothing is disputed, and what is left is within the policy's figure."""
    if purchase.payment is None:
        return False
    found = disputed(purchase.facts, purchase.payment.payment_id)
    is_warned = any(name.startswith(FRAUD_WARNING) for name in found.flags)
    limit_minor = policy.fraud_warning_refund_up_to_minor.get(purchase.payment.currency, 0)
    return is_warned and not found.is_frozen and 0 < purchase.refundable_minor <= limit_minor


def _opened(
    queued: QueuedCase, purchase: Purchase, store: Store, policy: PolicyParameters, now: datetime
) -> RefundCase | None:
    claim = RefundClaim(
        account_id=queued.account_id,
        payment_id=purchase.payment_id,
        reason=RefundReason.FRAUD_WARNING,
        submitted_evidence=SubmittedEvidence(),
        key=queued.case_id,
        fingerprint=queued.case_id,
        opened_by=BY_POLICY,
        route=WARNINGS_ROUTE,
    )
    try:
        return open_case(claim, store, policy, now=now)
    except CaseAlreadyOpen:
        return None
