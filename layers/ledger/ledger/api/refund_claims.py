"""From a refund request to the claim that a case is opened for."""

from datetime import datetime

from ledger.api.requests.refund_cases import RefundRequest
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.refund_cases import RefundReason, SubmittedEvidence
from ledger.usecases.refund_cases.open_case import REFUND_REQUESTS_ROUTE, RefundClaim


def refund_claim(
    request: RefundRequest,
    account_id: AccountId,
    key: str,
    *,
    opened_by: str,
    email: str | None,
    route: str = REFUND_REQUESTS_ROUTE,
    channel: str = "",
    sent_at: datetime | None = None,
) -> RefundClaim:
    """Return the claim of a customer, or of support in the customer's name. `sent_at` is of support's claims alone."""
    reason = RefundReason(request.reason)
    return RefundClaim(
        account_id=account_id,
        payment_id=PaymentId(request.purchase_id),
        reason=reason,
        submitted_evidence=SubmittedEvidence(
            message=request.message,
            email=request.email,
            charged_on=request.charged_on,
            reference=request.reference,
            happened_at=request.happened_at,
            error_messages=tuple(request.error_messages),
            channel=channel,
        ),
        key=key,
        fingerprint=request.fingerprint(),
        opened_by=opened_by,
        email=email,
        asked_at=sent_at,
        received_at=sent_at if reason is RefundReason.WITHDRAWAL else None,
        route=route,
    )
