"""From what was asked to the wish that a case is opened for."""

from ledger.api.requests import RefundRequest
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.refund_cases import RefundReason, SubmittedEvidence
from ledger.usecases.refund_cases.open_case import REFUND_REQUESTS_ROUTE, RefundClaim


def refund_claim(
    asked: RefundRequest,
    account_id: AccountId,
    key: str,
    *,
    opened_by: str,
    email: str | None,
    route: str = REFUND_REQUESTS_ROUTE,
) -> RefundClaim:
    """The wish of a customer, or of support in a customer's name."""
    return RefundClaim(
        account_id=account_id,
        payment_id=PaymentId(asked.purchase_id),
        reason=RefundReason(asked.reason),
        told=SubmittedEvidence(
            message=asked.message,
            email=asked.email,
            charged_on=asked.charged_on,
            reference=asked.reference,
            happened_at=asked.happened_at,
            error_messages=tuple(asked.error_messages),
        ),
        key=key,
        fingerprint=asked.fingerprint(),
        opened_by=opened_by,
        email=email,
        route=route,
    )
