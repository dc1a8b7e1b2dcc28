"""Withdrawals and cancellations without a login: list, read, carry out, close, pass on."""

from itertools import islice
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from ledger.api.auth import support
from ledger.api.declarations import DeclarationDecision, DeclarationPath, ForwardingInput
from ledger.api.http import documented_problems, routes, services
from ledger.api.requests.parameters import PageSize
from ledger.api.responses.declarations import DeclarationList, DeclarationPageResponse, DeclarationResponse
from ledger.domain.declarations import DeclarationState
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.subjects import subject_of_declaration
from ledger.usecases.declarations.change import read_declaration
from ledger.usecases.declarations.review import NamedContract, carry_out, close, record_forwarding
from ledger.usecases.looks import record_look, record_look_at
from ledger.usecases.subject_history import subject_history

router = routes()
StateOfDeclaration = Annotated[DeclarationState, Query(description="The state of the declarations.")]


@router.get(
    "/support/declarations",
    summary="Open withdrawals and cancellations that need no login",
    tags=["Support"],
    responses=documented_problems(DeclarationList),
)
def list_declarations(state: StateOfDeclaration = DeclarationState.IN_REVIEW, limit: PageSize = 50) -> DeclarationList:
    """Return the declarations that a person has to settle, or those in another state. What is settled is not listed."""
    support(router, about=None)
    store = services().store
    listed = list(islice(store.declarations(state), limit + 1))
    found = [DeclarationResponse.of(read_declaration(one.declaration_id, store)) for one in listed[:limit]]
    return DeclarationList(declarations=found, has_more=len(listed) > limit)


@router.get(
    "/support/declarations/<declaration_id>",
    summary="A declaration",
    tags=["Support"],
    responses=documented_problems(DeclarationPageResponse, 404),
)
def read_declaration_for_support(declaration_id: DeclarationPath) -> DeclarationPageResponse:
    """Return a declaration by its reference number, also one that is settled, with who has looked at it.

    The look is recorded with its actor, also on the timeline of the account if one was found.
    """
    here, person = services(), support(router, about=None)
    declaration, now = read_declaration(declaration_id, here.store), here.now()
    subject_id = subject_of_declaration(declaration_id)
    record_look_at(subject_id, person.account_id, "declaration", here.store, now=now)
    if owner := declaration.account_id:
        record_look(owner, person.account_id, f"declaration {declaration_id}", here.store, now=now)
    return DeclarationPageResponse.with_history(declaration, subject_history(subject_id, here.store))


@router.post(
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
    here, person = services(), support(router, about=request.account_id)
    request.check()
    support(router, about=read_declaration(declaration_id, here.store).account_id)
    now = here.now()
    if request.outcome == "close":
        return DeclarationResponse.of(close(declaration_id, request.why, person.account_id, here.store, now=now))
    contract = None
    if request.account_id and request.purchase_id:
        contract = NamedContract(account_id=AccountId(request.account_id), payment_id=PaymentId(request.purchase_id))
    approved = carry_out(declaration_id, contract, person.account_id, here.store, why=request.why, now=now)
    return DeclarationResponse.of(approved)


@router.post(
    "/support/declarations/<declaration_id>/forwarding",
    summary="Record that a withdrawal was passed on to its seller",
    tags=["Support"],
    responses=documented_problems(DeclarationResponse, 404, 409),
)
def forward_declaration(declaration_id: DeclarationPath, request: ForwardingInput) -> DeclarationResponse:
    """Record that you have passed a withdrawal on to the reseller who sold the contract. Idempotent.

    `why` says how, for example by which message. The first one stays, recorded with your name.
    Do it on the day on which it was confirmed. It stays in its list until then, even if its refund was requested.
    """
    here, person = services(), support(router, about=None)
    support(router, about=read_declaration(declaration_id, here.store).account_id)
    forwarded = record_forwarding(declaration_id, person.account_id, here.store, why=request.why, now=here.now())
    return DeclarationResponse.of(forwarded)
