"""POST /usage, POST /usage/{run_id}/failure: the tagging service draws credits for a run; a run that failed is free.

For the tagging service alone (IAM): its role may name any account.
"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from ledger.api.http import documented_problems, lambda_handler_of, resolver, services
from ledger.api.requests import DECODED, DrawRequest, RunFailureRequest
from ledger.api.responses.runs import RunResponse
from ledger.domain.ids import AccountId
from ledger.domain.runs import Run
from ledger.usecases.usage import draw_credits, fail_run

app = resolver()
RunId = Annotated[str, DECODED, Path(min_length=1, max_length=200, description="The run's own id.")]


@app.post("/usage", summary="Draw credits for a run", tags=["Usage"], responses=documented_problems(RunResponse, 402))
def draw(asked: DrawRequest) -> RunResponse:
    """Whole or not at all. The same run again draws nothing, and is answered as before."""
    here = services()
    run = draw_credits(
        AccountId(asked.account_id),
        asked.run_id,
        asked.credits,
        here.store,
        now=here.now(),
        is_debt_withheld=here.config.is_debt_withheld,
    )
    return _shown(run)


@app.post(
    "/usage/<run_id>/failure",
    summary="Give a failed run's credits back",
    tags=["Usage"],
    responses=documented_problems(RunResponse, 404),
)
def fail(run_id: RunId, asked: RunFailureRequest) -> RunResponse:
    """To the lots that they came from, once."""
    here = services()
    return _shown(fail_run(AccountId(asked.account_id), run_id, here.store, now=here.now(), error=asked.error))


def _shown(run: Run) -> RunResponse:
    return RunResponse(run_id=run.run_id, credits=sum(run.drawn.values()), at=run.at, failed_at=run.failed_at)


lambda_handler = lambda_handler_of(app)
