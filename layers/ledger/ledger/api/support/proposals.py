"""Acts above one person's limits, until a colleague has confirmed or rejected them."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from ledger.api.auth import support
from ledger.api.http import documented_problems, routes, services
from ledger.api.pagination import Listing
from ledger.api.requests.decisions import RejectionRequest
from ledger.api.requests.parameters import AccountPath, PageCursor, PageSize
from ledger.api.responses.support import (
    ProposalPage,
    ProposalResponse,
)
from ledger.domain.ids import AccountId
from ledger.usecases.settle_proposals import confirm_proposal, read_proposal, reject_proposal

router = routes()
ProposalPath = Annotated[str, Path(pattern=r"^prop_[0-9a-f]{24}$", description="The proposal's id.")]


@router.get(
    "/support/proposals",
    summary="What waits for a second person, oldest first",
    tags=["Support"],
    responses=documented_problems(ProposalPage),
)
def list_proposals(limit: PageSize = 50, after: PageCursor = None) -> ProposalPage:
    """Return the acts that are above what one person may do, until a colleague has confirmed or rejected them."""
    support(router, about=None)
    store, listing = services().store, Listing("support", "proposals")
    found, following = listing.page(after, lambda start: store.proposals(limit, start))
    shown = [read_proposal(one.account_id, one.proposal_id, store) for one in found]
    return ProposalPage(proposals=[ProposalResponse.of(one) for one in shown], next=following)


@router.post(
    "/support/accounts/<account_id>/proposals/<proposal_id>/confirmation",
    summary="Confirm a proposal",
    tags=["Support"],
    responses=documented_problems(ProposalResponse, 404, 409),
)
def confirm_proposed_act(account_id: AccountPath, proposal_id: ProposalPath) -> ProposalResponse:
    """Carry out what a colleague has proposed. Who proposed it can't confirm it. Idempotent."""
    here, person = services(), support(router, about=account_id)
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


@router.post(
    "/support/accounts/<account_id>/proposals/<proposal_id>/rejection",
    summary="Reject a proposal",
    tags=["Support"],
    responses=documented_problems(ProposalResponse, 404, 409),
)
def reject_proposed_act(
    account_id: AccountPath, proposal_id: ProposalPath, request: RejectionRequest
) -> ProposalResponse:
    """Take a colleague's proposal out of the queue, without carrying it out. Idempotent."""
    here, person = services(), support(router, about=account_id)
    settled = reject_proposal(
        AccountId(account_id), proposal_id, person.account_id, here.store, why=request.why, now=here.now()
    )
    return ProposalResponse.of(settled)
