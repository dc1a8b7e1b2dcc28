"""What goes to a person is decided by one. For the support group alone; every act keeps its actor's name.

GET, POST /support/refund-cases · GET /support/refund-cases/{case_id} · POST /support/refund-cases/{case_id}/decision
POST /support/accounts/{account_id}/holds · DELETE /support/accounts/{account_id}/holds/{hold_id}
"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from ledger import casework
from ledger.api.answers import CaseShown, HoldChanged, SupportCase, WaitingCase, WaitingPage
from ledger.api.asked import (
    DECODED,
    CaseId,
    DecisionAsked,
    HoldAsked,
    IdempotencyKey,
    OptionalKey,
    PageCursor,
    PageSize,
    SupportRefundAsked,
)
from ledger.api.cursors import Listing
from ledger.api.http import answers, lambda_handler_of, resolver, services, support
from ledger.api.review import support_case
from ledger.api.wishes import wish
from ledger.book import lay_hold, lift_hold
from ledger.cases import Outcome, Waiting
from ledger.casework import Verdict
from ledger.facts import AccountId

app = resolver()
AccountPath = Annotated[str, DECODED, Path(min_length=1, max_length=200, description="The account's id.")]
HoldPath = Annotated[
    str, DECODED, Path(min_length=1, max_length=300, description="The hold's id, as the account shows it.")
]
Why = Annotated[str, Query(min_length=1, max_length=1000, description="The reason. It is recorded with your name.")]


@app.get(
    "/support/refund-cases",
    summary="Cases in review, oldest first",
    tags=["Support"],
    responses=answers(WaitingPage),
)
def queue(limit: PageSize = 50, after: PageCursor = None) -> WaitingPage:
    """Those that a person is to decide."""
    support(app)
    listing = Listing("REVIEW", "WAITING#.+")
    start, _ = listing.opened(after)
    page = services().store.documents("REVIEW", "WAITING#", limit, start)
    shown = [WaitingCase.of(waiting) for waiting in page.items if isinstance(waiting, Waiting)]
    return WaitingPage(cases=shown, next=listing.close(page.next))


@app.post(
    "/support/refund-cases",
    summary="Open a case in a customer's name",
    tags=["Support"],
    status_code=201,
    responses=answers(CaseShown, 404, 409, status=201, headers={"location": "The case."}),
)
def open_case(asked: SupportRefundAsked, idempotency_key: IdempotencyKey) -> Response[CaseShown]:
    """From what was written by e-mail: the same rules, the same record."""
    here, person = services(), support(app)
    wanted = wish(
        asked,
        AccountId(asked.account_id),
        idempotency_key,
        opened_by=f"support:{person.account_id}",
        email=None,
        route="support/refund-cases",
    )
    case = casework.open_case(wanted, here.store, here.policy, now=here.now())
    return Response(201, "application/json", CaseShown.of(case), {"location": f"/support/refund-cases/{case.case_id}"})


@app.get(
    "/support/refund-cases/<case_id>",
    summary="One case, with all that a decision needs",
    tags=["Support"],
    responses=answers(SupportCase, 404),
)
def case(case_id: CaseId) -> SupportCase:
    """Purchase, facts, usage since, evidence, what the policy says and why."""
    support(app)
    return support_case(case_id, services())


@app.post(
    "/support/refund-cases/<case_id>/decision",
    summary="Decide a case",
    tags=["Support"],
    responses=answers(SupportCase, 404, 409),
)
def decide(case_id: CaseId, asked: DecisionAsked, idempotency_key: OptionalKey = None) -> SupportCase:
    """Approve in full or in part, replace by credits, or decline with a reason. A second click changes nothing.

    With an Idempotency-Key not even when the refund has failed and the case is in review again.
    """
    here, person = services(), support(app)
    asked.check()
    verdict = Verdict(
        outcome=Outcome(asked.outcome),
        words=tuple(asked.words),
        clause=asked.clause,
        money_minor=asked.money_minor or 0,
        credits=asked.credits or 0,
        takes_credits=asked.takes_credits,
        ends_subscription=asked.ends_subscription,
    )
    casework.decide_case(
        case_id, verdict, person.account_id, here.store, here.policy, now=here.now(), key=idempotency_key
    )
    return support_case(case_id, here)


@app.post(
    "/support/accounts/<account_id>/holds",
    summary="Suspend an account",
    tags=["Support"],
    responses=answers(HoldChanged, 404),
)
def hold(account_id: AccountPath, asked: HoldAsked) -> HoldChanged:
    """Until this hold is lifted. Laying it again changes nothing."""
    here, person = services(), support(app)
    changed = lay_hold(
        asked.hold_id, AccountId(account_id), person.account_id, here.store, why=asked.why, now=here.now()
    )
    return HoldChanged(hold_id=asked.hold_id, changed=changed)


@app.delete(
    "/support/accounts/<account_id>/holds/<hold_id>",
    summary="Lift one hold",
    tags=["Support"],
    responses=answers(HoldChanged),
)
def lift(account_id: AccountPath, hold_id: HoldPath, why: Why) -> HoldChanged:
    """That one and no other. Later news of the same dispute don't hold again."""
    here, person = services(), support(app)
    changed = lift_hold(hold_id, AccountId(account_id), person.account_id, here.store, why=why, now=here.now())
    return HoldChanged(hold_id=hold_id, changed=changed)


lambda_handler = lambda_handler_of(app)
