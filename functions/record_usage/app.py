"""POST /usage, POST /usage/{run_id}/failure: draw credits for a run; return the credits of a failed run.

GET /usage/accounts/{account_id}: what an account can spend, before a run is begun.

For the tagging service only (IAM): its role may name any account.
"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from ledger.api.http import documented_problems, lambda_handler_of, resolver, services
from ledger.api.requests.model import Id
from ledger.api.requests.parameters import DECODED
from ledger.api.requests.runs import DrawRequest, RunFailureRequest
from ledger.api.responses.locks import LockResponse
from ledger.api.responses.runs import DrawResponse, RunResponse, SpendableResponse
from ledger.domain.accounts import Account
from ledger.domain.ids import AccountId
from ledger.domain.runs import Run
from ledger.ports.reads import Keys
from ledger.usecases.locks import read_locks
from ledger.usecases.usage import draw_credits, fail_run

app = resolver()
RunId = Annotated[Id, DECODED, Path(description="The run's own id.")]


@app.post(
    "/usage", summary="Draw credits for a run", tags=["Usage"], responses=documented_problems(DrawResponse, 402, 409)
)
def record_usage(request: DrawRequest) -> DrawResponse:
    """Draw all credits of the run or none. Repeating the request draws nothing more, and says what is spendable now.

    Refused with 402: `insufficient-credits`, and `credits-locked` if more are there that wait for the consent of their
    orders. A run whose failure was reported is refused with `run-failed`, even if this is its first draw.
    """
    here = services()
    run = draw_credits(
        AccountId(request.account_id),
        request.run_id,
        request.credits,
        here.store,
        now=here.now(),
        is_debt_withheld=here.config.is_debt_withheld,
        low_balance=here.config.low_balance,
    )
    spendable = run.spendable_after
    if spendable is None:
        _, spendable = _spendable(run.account_id)
    return DrawResponse(**_response(run).model_dump(), spendable=spendable)


@app.get(
    "/usage/accounts/<account_id>",
    summary="What an account can spend",
    tags=["Usage"],
    responses=documented_problems(SpendableResponse),
)
def read_spendable_credits(
    account_id: Annotated[str, DECODED, Path(description="The account's id.")],
) -> SpendableResponse:
    """Return what a draw could take now. An account without purchases has nothing.

    Another run may draw between this answer and the next request: only `POST /usage` decides.
    """
    here = services()
    found, spendable = _spendable(AccountId(account_id))
    locks = [LockResponse.of(one) for one in read_locks(found, here.store, here.now())]
    return SpendableResponse.of(found, spendable, locks)


@app.post(
    "/usage/<run_id>/failure",
    summary="Return the credits of a failed run",
    tags=["Usage"],
    responses=documented_problems(RunResponse),
)
def report_failed_run(run_id: RunId, request: RunFailureRequest) -> RunResponse:
    """Return the credits, once, to the lots that they were drawn from. The run never draws again.

    The failure may arrive before the draw: `credits` is 0, and the late draw is refused.
    """
    here = services()
    return _response(fail_run(AccountId(request.account_id), run_id, here.store, now=here.now(), error=request.error))


def _spendable(account_id: AccountId) -> tuple[Account, int]:
    """Return an account, and what it can spend now."""
    here = services()
    found = here.store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    account = found or Account(account_id=account_id)
    return account, account.spendable(here.now(), is_debt_withheld=here.config.is_debt_withheld)


def _response(run: Run) -> RunResponse:
    return RunResponse(run_id=run.run_id, credits=sum(run.drawn.values()), at=run.at, failed_at=run.failed_at)


lambda_handler = lambda_handler_of(app)
