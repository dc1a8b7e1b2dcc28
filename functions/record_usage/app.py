"""POST /usage, POST /usage/{run_id}/failure: the tagging service draws credits for a run; a run that failed is free.

For the tagging service alone (IAM): its role may name any account.
"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from ledger.api.answers import RunShown
from ledger.api.asked import DECODED, RunDrawn, RunFailed
from ledger.api.http import answers, lambda_handler_of, resolver, services
from ledger.facts import AccountId
from ledger.ports import Run
from ledger.usage import fail_run, spend

app = resolver()
RunId = Annotated[str, DECODED, Path(min_length=1, max_length=200, description="The run's own id.")]


@app.post("/usage", summary="Draw credits for a run", tags=["Usage"], responses=answers(RunShown, 402))
def draw(asked: RunDrawn) -> RunShown:
    """Whole or not at all. The same run again draws nothing, and is answered as before."""
    here = services()
    run = spend(
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
    responses=answers(RunShown, 404),
)
def fail(run_id: RunId, asked: RunFailed) -> RunShown:
    """To the lots that they came from, once."""
    here = services()
    return _shown(fail_run(AccountId(asked.account_id), run_id, here.store, now=here.now(), error=asked.error))


def _shown(run: Run) -> RunShown:
    return RunShown(run_id=run.run_id, credits=sum(run.drawn.values()), at=run.at, failed_at=run.failed_at)


lambda_handler = lambda_handler_of(app)
