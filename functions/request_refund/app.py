"""Refund requests and withdrawals: the published policy decides what is clear, a person what is not.

POST, GET /refund-requests · GET /refund-requests/{case_id} · POST /refund-requests/{case_id}/evidence
POST /withdrawals (declare) · POST /withdrawals/{case_id}/confirmation (confirm) · GET /withdrawals/{case_id}
"""

from aws_lambda_powertools.event_handler import Response

from ledger import casework
from ledger.api import cursors, evidence
from ledger.api.answers import CasePage, CaseShown, DecisionShown, UploadShown, WithdrawalReceipt
from ledger.api.asked import (
    CaseId,
    EvidenceAsked,
    IdempotencyKey,
    PageCursor,
    PageSize,
    RefundAsked,
    WithdrawalDeclared,
)
from ledger.api.http import answers, caller, lambda_handler_of, resolver, services
from ledger.api.wishes import wish
from ledger.cases import CaseState, Reason, RefundCase, Told
from ledger.casework import Wish
from ledger.errors import AlreadyAsked, NotFound
from ledger.facts import PaymentId

app = resolver()


@app.post(
    "/refund-requests",
    summary="Ask for money back",
    tags=["Refunds"],
    status_code=201,
    responses=answers(CaseShown, 404, 409, status=201),
)
def ask(asked: RefundAsked, idempotency_key: IdempotencyKey) -> Response[CaseShown]:
    """Opens a case. What is clear is decided at once; there is one open case for each purchase and reason."""
    here, who = services(), caller(app)
    wanted = wish(asked, who.account_id, idempotency_key, opened_by=who.account_id, email=who.email)
    case = casework.open_case(wanted, here.store, here.policy, now=here.now())
    return Response(201, "application/json", CaseShown.of(case), {"location": f"/refund-requests/{case.case_id}"})


@app.get("/refund-requests", summary="One's cases", tags=["Refunds"], responses=answers(CasePage))
def cases(limit: PageSize = 50, after: PageCursor = None) -> CasePage:
    """Withdrawals included."""
    start, _ = cursors.opened(after, mark="CASE#")
    page = services().store.documents(f"ACCOUNT#{caller(app).account_id}", "CASE#", limit, start)
    shown = [CaseShown.of(case) for case in page.items if isinstance(case, RefundCase)]
    return CasePage(cases=shown, next=cursors.close(page.next))


@app.get("/refund-requests/<case_id>", summary="One case", tags=["Refunds"], responses=answers(CaseShown, 404))
def case(case_id: CaseId) -> CaseShown:
    """What was decided and why, and what became of it."""
    return CaseShown.of(casework.read_case(caller(app).account_id, case_id, services().store))


@app.post(
    "/refund-requests/<case_id>/evidence",
    summary="Upload a screenshot",
    tags=["Refunds"],
    status_code=201,
    responses=answers(UploadShown, 404, 409, status=201),
)
def add_evidence(case_id: CaseId, asked: EvidenceAsked) -> Response[UploadShown]:
    """Answers where one file of at most 10 MB may be uploaded within the next minutes, by a form POST."""
    here, account_id = services(), caller(app).account_id
    upload = evidence.upload(here, case_id, asked.content_type)
    casework.add_evidence(account_id, case_id, upload.evidence_id, evidence.MOST_FILES, here.store)
    return Response(201, "application/json", upload)


@app.post(
    "/withdrawals",
    summary="Withdraw from a contract: declare",
    tags=["Withdrawals"],
    status_code=201,
    responses=answers(WithdrawalReceipt, 404, status=201),
)
def declare(asked: WithdrawalDeclared, idempotency_key: IdempotencyKey) -> Response[WithdrawalReceipt]:
    """The first of two steps. Nothing happens until it is confirmed; the answer says what would be decided now."""
    here, account_id = services(), caller(app).account_id
    declared = Wish(
        account_id=account_id,
        payment_id=PaymentId(asked.purchase_id),
        reason=Reason.WITHDRAWAL,
        told=Told(),
        key=idempotency_key,
        fingerprint=asked.fingerprint(),
        opened_by=account_id,
        is_declaration=True,
    )
    try:
        opened = casework.open_case(declared, here.store, here.policy, now=here.now())
    except AlreadyAsked as asked_before:
        if asked_before.subject is None:
            raise
        opened = casework.read_case(account_id, asked_before.subject, here.store)  # declared before: that one stands
    return Response(201, "application/json", _receipt(opened))


@app.post(
    "/withdrawals/<case_id>/confirmation",
    summary="Withdraw from a contract: confirm",
    tags=["Withdrawals"],
    responses=answers(WithdrawalReceipt, 404),
)
def confirm(case_id: CaseId) -> WithdrawalReceipt:
    """The second step. The answer is the receipt: what was declared, and when. Asked again, it is the same."""
    here = services()
    return _receipt(
        casework.confirm_withdrawal(caller(app).account_id, case_id, here.store, here.policy, now=here.now())
    )


@app.get(
    "/withdrawals/<case_id>",
    summary="The receipt again",
    tags=["Withdrawals"],
    responses=answers(WithdrawalReceipt, 404),
)
def receipt(case_id: CaseId) -> WithdrawalReceipt:
    """As often as it is asked for."""
    found = casework.read_case(caller(app).account_id, case_id, services().store)
    if found.reason is not Reason.WITHDRAWAL:
        raise NotFound(f"There is no withdrawal {case_id}.")
    return _receipt(found)


def _receipt(case: RefundCase) -> WithdrawalReceipt:
    here = services()
    would_be = None
    if case.state is CaseState.DECLARED:
        decision = casework.preview(
            case.account_id, case.payment_id, Reason.WITHDRAWAL, here.store, here.policy, now=here.now()
        )
        would_be = DecisionShown.of(decision)
    return WithdrawalReceipt(
        case=CaseShown.of(case),
        declared_at=case.opened_at,
        confirmed_at=case.confirmed_at,
        statement=f"I withdraw from the contract about purchase {case.payment_id}.",
        would_be=would_be,
    )


lambda_handler = lambda_handler_of(app)
