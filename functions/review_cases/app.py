"""The review queue, decisions, holds, amounts. For the support group only; every action is recorded with its actor.

No person changes their own account: a colleague has to. What is above one person's limits becomes a proposal.

GET, POST /support/refund-cases · GET /support/refund-cases/{case_id} · POST /support/refund-cases/{case_id}/decision
POST, DELETE /support/refund-cases/{case_id}/claim
POST /support/accounts/{account_id}/holds · DELETE /support/accounts/{account_id}/holds/{hold_id}
POST /support/accounts/{account_id}/amounts · POST /support/accounts/{account_id}/adjustments
GET /support/accounts/{account_id}/disputes
GET /support/disputes · GET /support/suspended-accounts
GET /support/proposals · POST /support/accounts/{account_id}/proposals/{proposal_id}/{confirmation, rejection}
GET /support/declarations · GET /support/declarations/{declaration_id} · POST …/decision
"""

from itertools import islice
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from ledger.api.auth import support
from ledger.api.declarations import DeclarationDecision, DeclarationPath
from ledger.api.disputes import disputed_purchases
from ledger.api.http import documented_problems, lambda_handler_of, resolver, services
from ledger.api.pagination import Listing
from ledger.api.refund_claims import refund_claim
from ledger.api.requests import (
    DECODED,
    AdjustmentRequest,
    AmountRequest,
    CaseId,
    DecisionRequest,
    HoldRequest,
    IdempotencyKey,
    OptionalKey,
    PageCursor,
    PageSize,
    RejectionRequest,
    SupportRefundRequest,
)
from ledger.api.responses.accounts import SuspendedAccountPage, SuspendedAccountResponse
from ledger.api.responses.credit_notes import CreditNoteList, CreditNoteResponse
from ledger.api.responses.declarations import DeclarationList, DeclarationPageResponse, DeclarationResponse
from ledger.api.responses.disputes import DisputedPurchaseList, OpenDisputePage, OpenDisputeResponse
from ledger.api.responses.refund_cases import CaseResponse
from ledger.api.responses.support import (
    AdjustmentResponse,
    AmountResponse,
    ClaimResponse,
    HoldChangeResponse,
    ProposalPage,
    ProposalResponse,
    QueuedCaseResponse,
    ReviewQueuePage,
    SupportCaseResponse,
)
from ledger.api.support_case import support_case
from ledger.domain.declarations import DeclarationState
from ledger.domain.disputes import Awaits
from ledger.domain.errors import InvalidRequest
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.refund_cases import DecisionOutcome
from ledger.domain.subjects import subject_of_declaration
from ledger.usecases.adjust_credits import Adjustment, adjust_credits
from ledger.usecases.authority import Authority
from ledger.usecases.declarations.change import read_declaration
from ledger.usecases.declarations.review import NamedContract, carry_out, close, record_forwarding
from ledger.usecases.holds import lift_hold, place_hold
from ledger.usecases.looks import record_look, record_look_at
from ledger.usecases.refund_cases.cases import account_of_case
from ledger.usecases.refund_cases.claim_case import claim_case, read_claim, release_case
from ledger.usecases.refund_cases.decide_case import ReviewDecision, decide_case
from ledger.usecases.refund_cases.open_case import SUPPORT_CASES_ROUTE, open_case
from ledger.usecases.refund_cases.queue import waiting_cases
from ledger.usecases.settle_proposals import confirm_proposal, read_proposal, reject_proposal
from ledger.usecases.state_amount import state_amount
from ledger.usecases.subject_history import subject_history

app = resolver()
WhoseTurn = Annotated[
    Awaits,
    Query(description="Whose turn it is. `evidence`: ours, by the deadline. `bank`: the bank's, the latest first."),
]
AccountPath = Annotated[str, DECODED, Path(min_length=1, max_length=200, description="The account's id.")]
HoldPath = Annotated[
    str, DECODED, Path(min_length=1, max_length=300, description="The hold's id, as the account shows it.")
]
StateOfDeclaration = Annotated[DeclarationState, Query(description="The state of the declarations.")]
ProposalPath = Annotated[str, Path(pattern=r"^prop_[0-9a-f]{24}$", description="The proposal's id.")]
Why = Annotated[str, Query(min_length=1, max_length=1000, description="The reason. It is recorded with your name.")]


@app.get(
    "/support/refund-cases",
    summary="Cases in review, what is due by law first",
    tags=["Support"],
    responses=documented_problems(ReviewQueuePage),
)
def list_cases_in_review(limit: PageSize = 50, after: PageCursor = None) -> ReviewQueuePage:
    """Return the cases that a person has to decide, each with its reason, its amount, and who has it open."""
    support(app)
    listing = Listing("support", "review queue")
    start, _ = listing.opened(after)
    here = services()
    page = waiting_cases(here.store, limit=limit, after=start, now=here.now())
    shown = [QueuedCaseResponse.of(waiting) for waiting in page.items]
    return ReviewQueuePage(cases=shown, next=listing.close(page.next))


@app.post(
    "/support/refund-cases",
    summary="Open a case in a customer's name",
    tags=["Support"],
    status_code=201,
    responses=documented_problems(CaseResponse, 404, 409, status=201, headers={"location": "The case."}),
)
def open_case_for_customer(request: SupportRefundRequest, idempotency_key: IdempotencyKey) -> Response[CaseResponse]:
    """Open a case for a request received by e-mail, letter or phone. The same rules and the same record apply."""
    here, person = services(), support(app, request.account_id)
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


@app.get(
    "/support/refund-cases/<case_id>",
    summary="A case with everything needed to decide it",
    tags=["Support"],
    responses=documented_problems(SupportCaseResponse, 404),
)
def read_case_for_support(case_id: CaseId) -> SupportCaseResponse:
    """Return the case, its purchase, facts, usage, evidence, and the policy's recommendation with its explanation."""
    here, person = services(), support(app)
    owner = account_of_case(case_id, here.store)
    record_look(owner, person.account_id, f"case {case_id}", here.store, now=here.now())
    return support_case(case_id, here)


@app.post(
    "/support/refund-cases/<case_id>/claim",
    summary="Show colleagues that you have a case open",
    tags=["Support"],
    responses=documented_problems(ClaimResponse, 404),
)
def claim_refund_case(case_id: CaseId) -> ClaimResponse:
    """Claim the case for ten minutes, or renew the claim. A colleague's claim stands, and forbids nothing."""
    here, person = services(), support(app)
    owner = account_of_case(case_id, here.store)
    support(app, owner)
    claim = claim_case(owner, case_id, person.account_id, here.store, now=here.now())
    return ClaimResponse(
        case_id=case_id,
        claimed_by=claim.actor,
        claimed_until=claim.until,
        is_yours=claim.actor == person.account_id,
    )


@app.delete(
    "/support/refund-cases/<case_id>/claim",
    summary="Show colleagues that you have closed a case's page",
    tags=["Support"],
    responses=documented_problems(ClaimResponse, 404),
)
def release_refund_case(case_id: CaseId) -> ClaimResponse:
    """End your own claim. A colleague's stands. Idempotent."""
    here, person = services(), support(app)
    owner, now = account_of_case(case_id, here.store), here.now()
    support(app, owner)
    release_case(owner, case_id, person.account_id, here.store, now=now)
    claim = read_claim(owner, case_id, here.store)
    is_claimed = claim is not None and now < claim.until
    return ClaimResponse(
        case_id=case_id,
        claimed_by=claim.actor if claim and is_claimed else None,
        claimed_until=claim.until if claim and is_claimed else None,
        is_yours=False,
    )


@app.post(
    "/support/refund-cases/<case_id>/decision",
    summary="Decide a case",
    tags=["Support"],
    responses=documented_problems(SupportCaseResponse, 404, 409),
)
def review_case(case_id: CaseId, request: DecisionRequest, idempotency_key: OptionalKey = None) -> SupportCaseResponse:
    """Approve in full or in part, replace with credits, or decline with a reason. Idempotent.

    What the policy declined by itself can be approved or replaced all the same.

    With an Idempotency-Key this holds even if the refund has failed since and the case is in review again. A colleague
    has to decide a case of your own account.
    """
    here, person = services(), support(app)
    support(app, account_of_case(case_id, here.store))  # after the group: only support learns that a case exists
    request.check()
    decision = ReviewDecision(
        outcome=DecisionOutcome(request.outcome),
        words=tuple(request.words),
        clause=request.clause,
        money_minor=request.money_minor if request.outcome == "approve" else 0,
        credits=request.credits or 0,
        takes_credits=request.takes_credits,
        ends_subscription=request.ends_subscription,
    )
    decide_case(
        case_id,
        decision,
        person.account_id,
        here.store,
        here.policy,
        now=here.now(),
        key=idempotency_key,
        authority=_alone(),
        may_overturn=True,
    )
    return support_case(case_id, here)


@app.post(
    "/support/accounts/<account_id>/holds",
    summary="Suspend an account",
    tags=["Support"],
    responses=documented_problems(HoldChangeResponse, 404),
)
def hold_account(account_id: AccountPath, request: HoldRequest) -> HoldChangeResponse:
    """Suspend the account until this hold is lifted. Idempotent."""
    here, person = services(), support(app, account_id)
    changed = place_hold(
        request.hold_id, AccountId(account_id), person.account_id, here.store, why=request.why, now=here.now()
    )
    return HoldChangeResponse(hold_id=request.hold_id, changed=changed)


@app.delete(
    "/support/accounts/<account_id>/holds/<hold_id>",
    summary="Lift one hold",
    tags=["Support"],
    responses=documented_problems(HoldChangeResponse, 409),
)
def remove_hold(account_id: AccountPath, hold_id: HoldPath, why: Why) -> HoldChangeResponse:
    """Lift this hold only. Later events of the same dispute do not place it again. Idempotent."""
    here, person = services(), support(app, account_id)
    changed = lift_hold(
        hold_id,
        AccountId(account_id),
        person.account_id,
        here.store,
        why=why,
        now=here.now(),
        authority=_alone(),
    )
    return HoldChangeResponse(hold_id=hold_id, changed=changed)


@app.post(
    "/support/accounts/<account_id>/amounts",
    summary="State an amount in the payment's currency",
    tags=["Support"],
    responses=documented_problems(AmountResponse, 404, 409),
)
def record_amount(account_id: AccountPath, request: AmountRequest) -> AmountResponse:
    """Say what a refund or dispute in another currency is in its payment's currency, so that it can be booked.

    Until then all credits of the payment are frozen or reserved. Idempotent.
    """
    here, person = services(), support(app, account_id)
    changed = state_amount(
        PaymentId(request.payment_id),
        request.subject_id,
        request.amount_minor,
        AccountId(account_id),
        person.account_id,
        here.store,
        why=request.why,
        now=here.now(),
        authority=_alone(),
    )
    return AmountResponse(
        payment_id=request.payment_id,
        subject_id=request.subject_id,
        amount_minor=request.amount_minor,
        changed=changed,
    )


@app.get(
    "/support/disputes",
    summary="Open disputes, by the deadline for evidence",
    tags=["Support"],
    responses=documented_problems(OpenDisputePage),
)
def list_open_disputes(
    awaits: WhoseTurn = Awaits.EVIDENCE, limit: PageSize = 50, after: PageCursor = None
) -> OpenDisputePage:
    """Return the disputes and inquiries that wait for our answer, or those that a bank or a seller decides.

    A dispute has one place, with its purchase: that of the purchase's most urgent one. It appears some seconds later.
    """
    support(app)
    here, listing = services(), Listing("support", f"disputes {awaits}")
    start, _ = listing.opened(after)
    page = here.store.open_disputes(awaits, limit, start)
    found = [OpenDisputeResponse.of(one, here.now(), is_live=here.config.is_live) for one in page.items]
    return OpenDisputePage(purchases=found, next=listing.close(page.next))


@app.get(
    "/support/suspended-accounts",
    summary="Suspended accounts, the latest first",
    tags=["Support"],
    responses=documented_problems(SuspendedAccountPage),
)
def list_suspended_accounts(limit: PageSize = 50, after: PageCursor = None) -> SuspendedAccountPage:
    """Return the accounts that have a hold, by the time of their oldest one. One appears some seconds later."""
    support(app)
    listing = Listing("support", "suspended accounts")
    start, _ = listing.opened(after)
    page = services().store.suspended_accounts(limit, start)
    found = [SuspendedAccountResponse.of(one) for one in page.items]
    return SuspendedAccountPage(accounts=found, next=listing.close(page.next))


@app.get(
    "/support/declarations",
    summary="Open withdrawals and cancellations that need no login",
    tags=["Support"],
    responses=documented_problems(DeclarationList),
)
def list_declarations(state: StateOfDeclaration = DeclarationState.IN_REVIEW, limit: PageSize = 50) -> DeclarationList:
    """Return the declarations that a person has to settle, or those in another state. What is settled is not listed."""
    support(app)
    store = services().store
    listed = list(islice(store.declarations(state), limit + 1))
    found = [DeclarationResponse.of(read_declaration(one.declaration_id, store)) for one in listed[:limit]]
    return DeclarationList(declarations=found, has_more=len(listed) > limit)


@app.get(
    "/support/declarations/<declaration_id>",
    summary="A declaration",
    tags=["Support"],
    responses=documented_problems(DeclarationPageResponse, 404),
)
def read_declaration_for_support(declaration_id: DeclarationPath) -> DeclarationPageResponse:
    """Return a declaration by its reference number, also one that is settled, with who has looked at it.

    The look is recorded with its actor, also on the timeline of the account if one was found.
    """
    here, person = services(), support(app)
    declaration, now = read_declaration(declaration_id, here.store), here.now()
    subject_id = subject_of_declaration(declaration_id)
    record_look_at(subject_id, person.account_id, "declaration", here.store, now=now)
    if owner := declaration.account_id:
        record_look(owner, person.account_id, f"declaration {declaration_id}", here.store, now=now)
    return DeclarationPageResponse.with_history(declaration, subject_history(subject_id, here.store))


@app.post(
    "/support/declarations/<declaration_id>/decision",
    summary="Carry out a declaration, or close it",
    tags=["Support"],
    responses=documented_problems(DeclarationResponse, 404, 409),
)
def review_declaration(declaration_id: DeclarationPath, request: DeclarationDecision) -> DeclarationResponse:
    """Name the contract of a declaration in review, so that it is carried out, or close it with a reason. Idempotent.

    A review that a customer has asked for is only closed: `why` is the answer, which is mailed to the customer.

    It is carried out in the customer's name: a withdrawal as a refund case, a cancellation by stopping the renewals. A
    colleague has to settle one about your own account.
    """
    here, person = services(), support(app, request.account_id)
    request.check()
    support(app, read_declaration(declaration_id, here.store).account_id)
    if request.outcome == "close":
        return DeclarationResponse.of(close(declaration_id, request.why, person.account_id, here.store, now=here.now()))
    contract = None
    if request.account_id and request.purchase_id:
        contract = NamedContract(account_id=AccountId(request.account_id), payment_id=PaymentId(request.purchase_id))
    return DeclarationResponse.of(carry_out(declaration_id, contract, person.account_id, here.store))


@app.post(
    "/support/declarations/<declaration_id>/forwarding",
    summary="Record that a withdrawal was passed on to its seller",
    tags=["Support"],
    responses=documented_problems(DeclarationResponse, 404, 409),
)
def forward_declaration(declaration_id: DeclarationPath) -> DeclarationResponse:
    """Record that you have passed a withdrawal on to the reseller who sold the contract. Idempotent.

    Do it on the day on which it was confirmed. It stays in its list until then, even if its refund was requested.
    """
    here, person = services(), support(app)
    support(app, read_declaration(declaration_id, here.store).account_id)
    forwarded = record_forwarding(declaration_id, person.account_id, here.store, now=here.now())
    return DeclarationResponse.of(forwarded)


@app.post(
    "/support/accounts/<account_id>/adjustments",
    summary="Adjust credits",
    tags=["Support"],
    responses=documented_problems(AdjustmentResponse, 404, 409),
)
def adjust_account_credits(
    account_id: AccountPath, request: AdjustmentRequest, idempotency_key: IdempotencyKey
) -> AdjustmentResponse:
    """Give credits out of goodwill, or take back what was given so. Each is an entry with its reason on record."""
    here, person = services(), support(app, account_id)
    request.check()
    adjustment = Adjustment(
        account_id=AccountId(account_id),
        credits=request.credits,
        reason=request.why,
        actor=person.account_id,
        key=idempotency_key,
    )
    adjustment_id = adjust_credits(adjustment, here.store, _alone(), now=here.now())
    return AdjustmentResponse(adjustment_id=adjustment_id, credits=request.credits)


@app.get(
    "/support/accounts/<account_id>/disputes",
    summary="Disputed purchases, with what a bank asks for",
    tags=["Support"],
    responses=documented_problems(DisputedPurchaseList, 404),
)
def list_disputed_purchases(account_id: AccountPath) -> DisputedPurchaseList:
    """Return order and consent, usage, refunds, cases and mails of each disputed purchase. Open disputes come first."""
    support(app)
    return disputed_purchases(AccountId(account_id), services())


@app.get(
    "/support/proposals",
    summary="What waits for a second person, oldest first",
    tags=["Support"],
    responses=documented_problems(ProposalPage),
)
def list_proposals(limit: PageSize = 50, after: PageCursor = None) -> ProposalPage:
    """Return the acts that are above what one person may do, until a colleague has confirmed or rejected them."""
    support(app)
    listing, store = Listing("support", "proposals"), services().store
    start, _ = listing.opened(after)
    page = store.proposals(limit, start)
    shown = [read_proposal(one.account_id, one.proposal_id, store) for one in page.items]
    return ProposalPage(proposals=[ProposalResponse.of(one) for one in shown], next=listing.close(page.next))


@app.post(
    "/support/accounts/<account_id>/proposals/<proposal_id>/confirmation",
    summary="Confirm a proposal",
    tags=["Support"],
    responses=documented_problems(ProposalResponse, 404, 409),
)
def confirm_proposed_act(account_id: AccountPath, proposal_id: ProposalPath) -> ProposalResponse:
    """Carry out what a colleague has proposed. Who proposed it can't confirm it. Idempotent."""
    here, person = services(), support(app, account_id)
    settled = confirm_proposal(
        AccountId(account_id),
        proposal_id,
        person.account_id,
        here.store,
        here.policy,
        here.translate_parked,
        now=here.now(),
    )
    return ProposalResponse.of(settled)


@app.post(
    "/support/accounts/<account_id>/proposals/<proposal_id>/rejection",
    summary="Reject a proposal",
    tags=["Support"],
    responses=documented_problems(ProposalResponse, 404, 409),
)
def reject_proposed_act(
    account_id: AccountPath, proposal_id: ProposalPath, request: RejectionRequest
) -> ProposalResponse:
    """Take a colleague's proposal out of the queue, without carrying it out. Idempotent."""
    here, person = services(), support(app, account_id)
    settled = reject_proposal(
        AccountId(account_id), proposal_id, person.account_id, here.store, why=request.why, now=here.now()
    )
    return ProposalResponse.of(settled)


def _alone() -> Authority:
    """Return how far a person may go without a colleague."""
    return Authority(limits=services().policy.support_limits)


@app.get(
    "/support/accounts/<account_id>/credit-notes",
    summary="The documents of an account's refunds",
    tags=["Support"],
    responses=documented_problems(CreditNoteList),
)
def list_credit_notes_of_account(account_id: AccountPath) -> CreditNoteList:
    """Return the account's credit notes, the oldest first."""
    support(app)
    notes = services().store.credit_notes(AccountId(account_id))
    return CreditNoteList(credit_notes=[CreditNoteResponse.of(note) for note in notes])


lambda_handler = lambda_handler_of(app)
