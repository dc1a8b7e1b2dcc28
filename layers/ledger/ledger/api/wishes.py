"""From what was asked to the wish that a case is opened for."""

from ledger.api.asked import RefundAsked
from ledger.cases import Reason, Told
from ledger.casework import Wish
from ledger.facts import AccountId, PaymentId


def wish(asked: RefundAsked, account_id: AccountId, key: str, *, opened_by: str, email: str | None) -> Wish:
    """The wish of a customer, or of support in a customer's name."""
    return Wish(
        account_id=account_id,
        payment_id=PaymentId(asked.purchase_id),
        reason=Reason(asked.reason),
        told=Told(
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
    )
