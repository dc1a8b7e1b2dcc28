"""Withdrawals and cancellations without a login, as JSON. Public: nothing but the form of the request is a condition.

POST /withdrawal-declarations · POST /cancellation-declarations: step 1
POST /declarations/{declaration_id}/confirmation: step 2

Neither reads the ledger: the same response for known and unknown contracts and addresses.
"""

import secrets
from dataclasses import replace

from aws_lambda_powertools.event_handler import Response

from ledger.api.declarations import CancellationInput, ConfirmationInput, DeclarationPath, WithdrawalInput
from ledger.api.gateway_event import source_of
from ledger.api.http import documented_problems, lambda_handler_of, resolver, services
from ledger.api.pages.texts import statement_of
from ledger.api.responses.declarations import DeclarationReceipt, DraftResponse
from ledger.domain.declarations import Submission
from ledger.usecases.declarations.submit import confirm, declare

app = resolver()


@app.post(
    "/withdrawal-declarations",
    summary="Withdraw without a login: declare",
    tags=["Withdrawals"],
    status_code=201,
    responses=documented_problems(DraftResponse, status=201),
)
def send_withdrawal(request: WithdrawalInput) -> Response[DraftResponse]:
    """Declare a withdrawal: the first of two steps. Its time counts if the second follows within a day."""
    return _declared(request.submission(source_of(app.current_event.raw_event)))


@app.post(
    "/cancellation-declarations",
    summary="Cancel without a login: declare",
    tags=["Subscription"],
    status_code=201,
    responses=documented_problems(DraftResponse, status=201),
)
def send_cancellation(request: CancellationInput) -> Response[DraftResponse]:
    """Declare a cancellation: the first of two steps."""
    return _declared(request.submission(source_of(app.current_event.raw_event)))


@app.post(
    "/declarations/<declaration_id>/confirmation",
    summary="Withdraw or cancel without a login: confirm",
    tags=["Withdrawals"],
    responses=documented_problems(DeclarationReceipt, 404),
)
def confirm_declaration(declaration_id: DeclarationPath, request: ConfirmationInput) -> DeclarationReceipt:
    """Confirm a declaration: the second step. The response is the receipt. Idempotent: the first time stays."""
    here = services()
    return DeclarationReceipt.of(confirm(declaration_id, request.token, here.store, now=here.now()))


def _declared(submission: Submission) -> Response[DraftResponse]:
    here, token = services(), secrets.token_urlsafe(24)
    declaration = declare(replace(submission, statement=statement_of(submission)), token, here.store, now=here.now())
    return Response(201, "application/json", DraftResponse.of(declaration, token))


lambda_handler = lambda_handler_of(app)
