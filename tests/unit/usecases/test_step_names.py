"""What a step of a case means to the customer: which steps are mailed, by reason."""

import pytest

from ledger.domain.refund_cases import UNASKED_REASONS, CaseState, RefundReason, StateChange
from ledger.domain.texts import text
from ledger.usecases.list_mails import step_name
from tools.testing.builders import ADA, NOON

OF_A_REQUEST = {
    CaseState.REQUESTED: "received",
    CaseState.IN_REVIEW: "review",
    CaseState.APPROVED: "approved",
    CaseState.DECLINED: "declined",
    CaseState.REPLACED: "replaced",
    CaseState.REFUNDED: "refunded",
}
OF_A_WITHDRAWAL = {**OF_A_REQUEST, CaseState.REQUESTED: None, CaseState.IN_REVIEW: None}
UNASKED = {**OF_A_WITHDRAWAL, CaseState.DECLINED: None}


@pytest.mark.parametrize("reason", RefundReason)
@pytest.mark.parametrize("to_state", CaseState)
def test_a_step_is_mailed_by_what_the_customer_asked_for(reason: RefundReason, to_state: CaseState) -> None:
    """A withdrawal has its own receipt; of what nobody asked for only what comes of it is told."""
    named = UNASKED if reason in UNASKED_REASONS else OF_A_REQUEST
    if reason is RefundReason.WITHDRAWAL:
        named = OF_A_WITHDRAWAL
    for from_state in CaseState:
        change = StateChange(from_state=from_state, to_state=to_state, at=NOON, actor=ADA, cause=text("why.refundable"))
        has_failed = to_state is CaseState.IN_REVIEW and from_state in {
            CaseState.APPROVED,
            CaseState.ISSUED,
            CaseState.REFUNDED,
        }
        assert step_name(change, reason) == ("failed" if has_failed else named.get(to_state)), from_state
