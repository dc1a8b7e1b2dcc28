"""Refund requests and withdrawals: the published policy decides what is clear, a person what is not.

POST, GET /refund-requests · GET /refund-requests/{case_id} · POST /refund-requests/{case_id}/evidence
POST /withdrawals (declare) · POST /withdrawals/{case_id}/confirmation (confirm) · GET /withdrawals/{case_id}
POST /reviews · GET /reviews/{review_id}
"""

from dataclasses import replace

from aws_lambda_powertools.event_handler import Response

from ledger.api import evidence
from ledger.api.auth import accepted_languages, caller
from ledger.api.declarations import ReviewInput, ReviewPath
from ledger.api.http import documented_problems, lambda_handler_of, resolver, services
from ledger.api.pages.texts import choose_language, statement_of
from ledger.api.pagination import Listing
from ledger.api.refund_claims import refund_claim
from ledger.api.requests.parameters import CaseId, IdempotencyKey, PageCursor, PageSize
from ledger.api.requests.refund_cases import EvidenceRequest, RefundRequest, WithdrawalRequest
from ledger.api.responses.decisions import DecisionResponse
from ledger.api.responses.declarations import ReviewResponse
from ledger.api.responses.refund_cases import CasePage, CaseResponse, UploadResponse, WithdrawalReceipt
from ledger.domain.errors import CaseAlreadyOpen, NotFound
from ledger.domain.ids import PaymentId
from ledger.domain.refund_cases import CaseState, RefundCase, RefundReason, SubmittedEvidence
from ledger.domain.texts import text
from ledger.policy.texts import shipped_texts
from ledger.usecases.declarations.request_review import read_review, request_review
from ledger.usecases.refund_cases.add_evidence import add_evidence
from ledger.usecases.refund_cases.cases import read_case, read_own_case
from ledger.usecases.refund_cases.confirm_withdrawal import confirm_withdrawal
from ledger.usecases.refund_cases.open_case import WITHDRAWALS_ROUTE, RefundClaim, open_case
from ledger.usecases.refund_cases.preview import preview

app = resolver()


@app.post(
    "/refund-requests",
    summary="Request a refund",
    tags=["Refunds"],
    status_code=201,
    responses=documented_problems(CaseResponse, 404, 409, 429, status=201, headers={"location": "The case."}),
)
def request_refund(request: RefundRequest, idempotency_key: IdempotencyKey) -> Response[CaseResponse]:
    """Open a case. A clear case is decided at once. There is one open case for each purchase and reason."""
    here, who = services(), caller(app)
    claim = refund_claim(request, who.account_id, idempotency_key, opened_by=who.account_id, email=who.email)
    case = open_case(claim, here.store, here.policy, now=here.now())
    return Response(201, "application/json", CaseResponse.of(case), {"location": f"/refund-requests/{case.case_id}"})


@app.get("/refund-requests", summary="The caller's cases", tags=["Refunds"], responses=documented_problems(CasePage))
def list_refund_cases(limit: PageSize = 50, after: PageCursor = None) -> CasePage:
    """Return the caller's cases, withdrawals included. A page can have fewer than `limit` and not be the last."""
    store, account_id = services().store, caller(app).account_id
    listing = Listing(account_id, "refund cases")
    cases, following = listing.page(after, lambda start: store.cases_of(account_id, limit, start))
    return CasePage(cases=[CaseResponse.of(case) for case in cases if not case.is_internal], next=following)


@app.get(
    "/refund-requests/<case_id>", summary="One case", tags=["Refunds"], responses=documented_problems(CaseResponse, 404)
)
def read_refund_case(case_id: CaseId) -> CaseResponse:
    """Return a case: the decision, its reasons and its result."""
    return CaseResponse.of(read_own_case(caller(app).account_id, case_id, services().store))


@app.post(
    "/refund-requests/<case_id>/evidence",
    summary="Upload a screenshot",
    tags=["Refunds"],
    status_code=201,
    responses=documented_problems(UploadResponse, 404, 409, 429, status=201),
)
def upload_evidence(case_id: CaseId, request: EvidenceRequest) -> Response[UploadResponse]:
    """Return a form that uploads one file of at most 10 MB within the next ten minutes."""
    here, account_id = services(), caller(app).account_id
    upload = evidence.upload(here, case_id, request.content_type)
    limits, name = here.policy.request_limits, upload.evidence_id
    add_evidence(account_id, case_id, name, evidence.MAX_FILES, here.store, now=here.now(), limits=limits)
    return Response(201, "application/json", upload)


@app.post(
    "/withdrawals",
    summary="Withdraw from a contract: declare",
    tags=["Withdrawals"],
    status_code=201,
    responses=documented_problems(WithdrawalReceipt, 404, status=201, headers={"location": "The receipt."}),
)
def declare_withdrawal(request: WithdrawalRequest, idempotency_key: IdempotencyKey) -> Response[WithdrawalReceipt]:
    """Declare a withdrawal: the first of two steps. The response previews the decision; confirm to carry it out."""
    here, account_id = services(), caller(app).account_id
    declared = RefundClaim(
        account_id=account_id,
        payment_id=PaymentId(request.purchase_id),
        reason=RefundReason.WITHDRAWAL,
        submitted_evidence=SubmittedEvidence(),
        key=idempotency_key,
        fingerprint=request.fingerprint(),
        opened_by=account_id,
        is_declaration=True,
        route=WITHDRAWALS_ROUTE,
    )
    try:
        opened = open_case(declared, here.store, here.policy, now=here.now())
    except CaseAlreadyOpen as conflict:
        opened = read_case(account_id, conflict.case_id, here.store)  # it was declared before
    return Response(201, "application/json", _receipt(opened), {"location": f"/withdrawals/{opened.case_id}"})


@app.post(
    "/withdrawals/<case_id>/confirmation",
    summary="Withdraw from a contract: confirm",
    tags=["Withdrawals"],
    responses=documented_problems(WithdrawalReceipt, 404),
)
def submit_withdrawal(case_id: CaseId) -> WithdrawalReceipt:
    """Confirm a withdrawal: the second step. The response is the receipt. Idempotent."""
    here = services()
    return _receipt(confirm_withdrawal(caller(app).account_id, case_id, here.store, here.policy, now=here.now()))


@app.get(
    "/withdrawals/<case_id>",
    summary="The receipt of a withdrawal",
    tags=["Withdrawals"],
    responses=documented_problems(WithdrawalReceipt, 404),
)
def read_withdrawal(case_id: CaseId) -> WithdrawalReceipt:
    """Return the receipt of a withdrawal."""
    found = read_case(caller(app).account_id, case_id, services().store)
    if found.reason is not RefundReason.WITHDRAWAL:
        raise NotFound(f"There is no withdrawal {case_id}.")
    return _receipt(found)


@app.post(
    "/reviews",
    summary="Ask for a review by a person",
    tags=["Reviews"],
    status_code=201,
    responses=documented_problems(ReviewResponse, 404, 409, status=201, headers={"location": "The review."}),
)
def ask_for_review(request: ReviewInput) -> Response[ReviewResponse]:
    """Ask a person to look again at your account's suspension, or at a declined request.

    Open to suspended accounts. There is one review of each suspension and of each decision: a repeated request adds its
    message to it while it is open. The answer comes by e-mail.
    """
    here, who = services(), caller(app)
    submission = request.submission(choose_language(None, ",".join(accepted_languages(app))), who.email or "")
    submission = replace(submission, statement=statement_of(submission))
    review = request_review(who.account_id, submission, here.store, now=here.now())
    location = {"location": f"/reviews/{review.declaration_id}"}
    return Response(201, "application/json", ReviewResponse.of(review), location)


@app.get(
    "/reviews/<review_id>",
    summary="A review by a person",
    tags=["Reviews"],
    responses=documented_problems(ReviewResponse, 404),
)
def show_review(review_id: ReviewPath) -> ReviewResponse:
    """Return a review: what was asked, by when a person answers, and the answer."""
    return ReviewResponse.of(read_review(caller(app).account_id, review_id, services().store))


def _receipt(case: RefundCase) -> WithdrawalReceipt:
    here = services()
    would_be = None
    if case.state is CaseState.DECLARED:
        decision = preview(
            case.account_id, case.payment_id, RefundReason.WITHDRAWAL, here.store, here.policy, now=here.now()
        )
        would_be = DecisionResponse.of(decision)
    return WithdrawalReceipt(
        case=CaseResponse.of(case),
        declared_at=case.opened_at,
        confirmed_at=case.confirmed_at,
        statement=shipped_texts().render(text("withdrawal.statement", purchase=case.payment_id)),
        would_be=would_be,
    )


lambda_handler = lambda_handler_of(app)
