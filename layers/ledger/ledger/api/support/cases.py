"""The review queue, and each case: claim it, decide it, overturn it, open one in a customer's name."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from ledger.api.auth import support
from ledger.api.http import documented_problems, routes, services
from ledger.api.pagination import Listing
from ledger.api.refund_claims import refund_claim
from ledger.api.requests.decisions import DecisionRequest
from ledger.api.requests.parameters import CaseId, IdempotencyKey, OptionalKey, PageCursor, PageSize
from ledger.api.requests.refund_cases import SupportRefundRequest
from ledger.api.responses.refund_cases import CaseResponse
from ledger.api.responses.support import (
    ClaimResponse,
    DecidedCasePage,
    DecidedCaseResponse,
    QueuedCaseResponse,
    ReviewQueuePage,
    SupportCaseResponse,
)
from ledger.api.support_case import support_case
from ledger.domain.errors import InvalidRequest
from ledger.domain.ids import AccountId
from ledger.domain.refund_cases import DecidedList, DecisionOutcome
from ledger.usecases.authority import Authority
from ledger.usecases.looks import record_look
from ledger.usecases.refund_cases.cases import account_of_case
from ledger.usecases.refund_cases.claim_case import claim_case, read_claim, release_case
from ledger.usecases.refund_cases.decide_case import ReviewDecision, decide_case
from ledger.usecases.refund_cases.open_case import SUPPORT_CASES_ROUTE, open_case
from ledger.usecases.refund_cases.queue import waiting_cases

router = routes()
WhichDecided = Annotated[
    DecidedList,
    Query(description="`declined_by_policy`: a person can overturn these. `decided_otherwise`: all others."),
]


@router.get(
    "/support/refund-cases",
    summary="Cases in review, what is due by law first",
    tags=["Support"],
    responses=documented_problems(ReviewQueuePage),
)
def list_cases_in_review(limit: PageSize = 50, after: PageCursor = None) -> ReviewQueuePage:
    """Return the cases that a person has to decide, each with its reason, its amount, and who has it open."""
    support(router, about=None)
    here = services()
    waiting, following = Listing("support", "review queue").page(
        after, lambda start: waiting_cases(here.store, limit=limit, after=start, now=here.now())
    )
    return ReviewQueuePage(cases=[QueuedCaseResponse.of(one) for one in waiting], next=following)


@router.get(
    "/support/decided-cases",
    summary="Decided cases, the latest decision first",
    tags=["Support"],
    responses=documented_problems(DecidedCasePage),
)
def list_decided_cases(
    which: WhichDecided = DecidedList.DECLINED_BY_POLICY, limit: PageSize = 50, after: PageCursor = None
) -> DecidedCasePage:
    """Return the cases that the policy declined by itself, which a person can overturn, or all others.

    A case has one place, by its latest decision, and appears some seconds later. One that is in review again has none.
    """
    support(router, about=None)
    store, listing = services().store, Listing("support", f"decided cases {which}")
    found, following = listing.page(after, lambda start: store.decided_cases(which, limit, start))
    return DecidedCasePage(cases=[DecidedCaseResponse.of(one) for one in found], next=following)


@router.post(
    "/support/refund-cases",
    summary="Open a case in a customer's name",
    tags=["Support"],
    status_code=201,
    responses=documented_problems(CaseResponse, 404, 409, status=201, headers={"location": "The case."}),
)
def open_case_for_customer(request: SupportRefundRequest, idempotency_key: IdempotencyKey) -> Response[CaseResponse]:
    """Open a case for a request received by e-mail, letter or phone. The same rules and the same record apply."""
    here, person = services(), support(router, about=request.account_id)
    if request.sent_at and request.sent_at > here.now():
        raise InvalidRequest("sent_at", "Should not be in the future.")
    claim = refund_claim(
        request,
        AccountId(request.account_id),
        idempotency_key,
        opened_by=f"support:{person.account_id}",
        email=None,
        route=SUPPORT_CASES_ROUTE,
        channel=request.channel,
        sent_at=request.sent_at or here.now(),
    )
    case = open_case(claim, here.store, here.policy, now=here.now())
    return Response(
        201, "application/json", CaseResponse.of(case), {"location": f"/support/refund-cases/{case.case_id}"}
    )


@router.get(
    "/support/refund-cases/<case_id>",
    summary="A case with everything needed to decide it",
    tags=["Support"],
    responses=documented_problems(SupportCaseResponse, 404),
)
def read_case_for_support(case_id: CaseId) -> SupportCaseResponse:
    """Return the case, its purchase, facts, usage, evidence, and the policy's recommendation with its explanation."""
    here, person = services(), support(router, about=None)
    owner = account_of_case(case_id, here.store)
    record_look(owner, person.account_id, f"case {case_id}", here.store, now=here.now())
    return support_case(case_id, here)


@router.post(
    "/support/refund-cases/<case_id>/claim",
    summary="Show colleagues that you have a case open",
    tags=["Support"],
    responses=documented_problems(ClaimResponse, 404),
)
def claim_refund_case(case_id: CaseId) -> ClaimResponse:
    """Claim the case for ten minutes, or renew the claim. A colleague's claim stands, and forbids nothing."""
    here, person = services(), support(router, about=None)
    owner = account_of_case(case_id, here.store)
    support(router, about=owner)
    claim = claim_case(owner, case_id, person.account_id, here.store, now=here.now())
    return ClaimResponse(
        case_id=case_id,
        claimed_by=claim.actor,
        claimed_until=claim.until,
        is_yours=claim.actor == person.account_id,
    )


@router.delete(
    "/support/refund-cases/<case_id>/claim",
    summary="Show colleagues that you have closed a case's page",
    tags=["Support"],
    responses=documented_problems(ClaimResponse, 404),
)
def release_refund_case(case_id: CaseId) -> ClaimResponse:
    """End your own claim. A colleague's stands. Idempotent."""
    here, person = services(), support(router, about=None)
    owner, now = account_of_case(case_id, here.store), here.now()
    support(router, about=owner)
    release_case(owner, case_id, person.account_id, here.store, now=now)
    claim = read_claim(owner, case_id, here.store)
    is_claimed = claim is not None and now < claim.until
    return ClaimResponse(
        case_id=case_id,
        claimed_by=claim.actor if claim and is_claimed else None,
        claimed_until=claim.until if claim and is_claimed else None,
        is_yours=False,
    )


@router.post(
    "/support/refund-cases/<case_id>/decision",
    summary="Decide a case",
    tags=["Support"],
    responses=documented_problems(SupportCaseResponse, 404, 409),
)
def review_case(case_id: CaseId, request: DecisionRequest, idempotency_key: OptionalKey = None) -> SupportCaseResponse:
    """Approve in full or in part, replace with credits, or decline with a reason. Idempotent.

    What the policy declined by itself can be approved or replaced all the same. Credits instead of the money of a
    withdrawal need the customer's express agreement.

    With an Idempotency-Key this holds even if the refund has failed since and the case is in review again. A colleague
    has to decide a case of your own account.
    """
    here, person = services(), support(router, about=None)
    support(
        router, about=account_of_case(case_id, here.store)
    )  # after the group: only support learns that a case exists
    request.check()
    decision = ReviewDecision(
        outcome=DecisionOutcome(request.outcome),
        words=tuple(request.words),
        clause=request.clause,
        money_minor=request.money_minor if request.outcome == "approve" else 0,
        credits=request.credits or 0,
        takes_credits=request.takes_credits,
        ends_subscription=request.ends_subscription,
        agreement=request.agreement,
    )
    decide_case(
        case_id,
        decision,
        person.account_id,
        here.store,
        here.policy,
        now=here.now(),
        key=idempotency_key,
        authority=Authority(limits=here.policy.support_limits),
        may_overturn=True,
    )
    return support_case(case_id, here)
