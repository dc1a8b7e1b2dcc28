"""Declarations, as whoever made them sees them. Nothing here depends on whether the contract is known."""

from datetime import date, datetime
from typing import Any

from pydantic import Field

from ledger.api.pages.texts import words_of
from ledger.api.responses.history import HistoryResponse
from ledger.api.responses.model import ResponseModel
from ledger.domain.declarations import Channel, Declaration, DeclarationKind, DeclarationState, ReviewCause
from ledger.usecases.subject_history import SubjectHistory


class DraftResponse(ResponseModel):
    """The first step: it has no effect before the second one."""

    declaration_id: str
    token: str = Field(description="The second step needs it.")
    kind: DeclarationKind
    statement: str
    declared_at: datetime
    confirmation_label: str = Field(description="The one label that the button of the second step may have.")

    @classmethod
    def of(cls, declaration: Declaration, token: str) -> "DraftResponse":
        """Return a draft with its secret."""
        return cls(
            declaration_id=declaration.declaration_id,
            token=token,
            kind=declaration.kind,
            statement=declaration.submission.statement,
            declared_at=declaration.declared_at,
            confirmation_label=words_of(declaration.submission.language)(f"label.confirm_{declaration.kind}"),
        )


class DeclarationReceipt(ResponseModel):
    """The receipt of a declaration: what was declared, and when it was received. An e-mail with the same follows."""

    declaration_id: str
    kind: DeclarationKind
    name: str
    contract: str
    email: str
    statement: str
    declared_at: datetime
    confirmed_at: datetime
    due_by: datetime = Field(description="By then the decision is made and, where due, the money is back.")

    @classmethod
    def of(cls, declaration: Declaration) -> "DeclarationReceipt":
        """Return the receipt of a confirmed declaration. Raise ValueError for a draft."""
        if declaration.confirmed_at is None or declaration.due_by is None:
            raise ValueError(f"{declaration.declaration_id} is not confirmed")
        submission = declaration.submission
        return cls(
            declaration_id=declaration.declaration_id,
            kind=declaration.kind,
            name=submission.name,
            contract=submission.contract,
            email=submission.email,
            statement=submission.statement,
            declared_at=declaration.declared_at,
            confirmed_at=declaration.confirmed_at,
            due_by=declaration.due_by,
        )


class ReviewResponse(ResponseModel):
    """A review by a person that the customer asked for."""

    review_id: str
    case_id: str | None = Field(description="The declined request. None: it is about the account's suspension.")
    statement: str
    asked_at: datetime
    due_by: datetime = Field(description="By then a person has answered.")
    is_answered: bool
    answer: str = Field(description="The person's words. Empty: it is not answered yet.")

    @classmethod
    def of(cls, review: Declaration) -> "ReviewResponse":
        """Return a review as its customer sees it. Raise ValueError if it is none that was sent."""
        if review.due_by is None:
            raise ValueError(f"{review.declaration_id} was not sent")
        is_answered = review.state is DeclarationState.CLOSED
        return cls(
            review_id=review.declaration_id,
            case_id=review.case_id,
            statement=review.submission.statement,
            asked_at=review.declared_at,
            due_by=review.due_by,
            is_answered=is_answered,
            answer=review.closing_reason if is_answered else "",
        )


class DeclarationResponse(ResponseModel):
    """A declaration, as support sees it: what was declared, when, and what became of it."""

    declaration_id: str
    kind: DeclarationKind
    state: DeclarationState
    review_cause: ReviewCause | None = Field(description="Why a person decides.")
    name: str
    contract: str
    email: str = Field(description="As it was given. It may be a stranger's.")
    language: str
    statement: str
    channel: Channel
    is_extraordinary: bool
    ends_on: date | None
    declared_at: datetime
    confirmed_at: datetime | None
    due_by: datetime | None = Field(description="By then it has to be settled, and where due, the money is back.")
    acknowledged_at: datetime | None
    noticed_at: datetime | None = Field(description="When the mail to the address on file was accepted for delivery.")
    objected_at: datetime | None
    account_id: str | None = Field(description="Of the contract that was found.")
    purchase_id: str | None
    subscription_id: str | None
    approved_by: str | None = Field(description="`link`, `silence`, or the id of a person.")
    case_id: str | None
    reseller: str = Field(description="Who sold the contract: a withdrawal is passed on the same day. Empty: we did.")
    forwarded_at: datetime | None = Field(description="When a person passed it on.")
    forwarded_by: str | None
    closed_by: str | None
    closing_reason: str = Field(description="In the person's words. Of a review: the answer, as it was mailed.")

    @classmethod
    def of(cls, declaration: Declaration) -> "DeclarationResponse":
        """Return a declaration."""
        return cls(**_fields(declaration))


class DeclarationPageResponse(DeclarationResponse):
    """A declaration with its history."""

    history: HistoryResponse

    @classmethod
    def with_history(cls, declaration: Declaration, history: SubjectHistory) -> "DeclarationPageResponse":
        """Return a declaration, who has looked at it, and who did what about it and why."""
        return cls(**_fields(declaration), history=HistoryResponse.of(history))


def _fields(declaration: Declaration) -> dict[str, Any]:
    submission = declaration.submission
    return {
        "declaration_id": declaration.declaration_id,
        "kind": declaration.kind,
        "state": declaration.state,
        "review_cause": declaration.review_cause,
        "name": submission.name,
        "contract": submission.contract,
        "email": submission.email,
        "language": submission.language,
        "statement": submission.statement,
        "channel": submission.channel,
        "is_extraordinary": submission.is_extraordinary,
        "ends_on": submission.ends_on,
        "declared_at": declaration.declared_at,
        "confirmed_at": declaration.confirmed_at,
        "due_by": declaration.due_by,
        "acknowledged_at": declaration.acknowledged_at,
        "noticed_at": declaration.noticed_at,
        "objected_at": declaration.objected_at,
        "account_id": declaration.account_id,
        "purchase_id": declaration.payment_id,
        "subscription_id": declaration.subscription_id,
        "approved_by": declaration.approved_by,
        "case_id": declaration.case_id,
        "reseller": declaration.reseller,
        "forwarded_at": declaration.forwarded_at,
        "forwarded_by": declaration.forwarded_by,
        "closed_by": declaration.closed_by,
        "closing_reason": declaration.closing_reason,
    }


class DeclarationList(ResponseModel):
    """The open declarations in a state: the one that is due first comes first."""

    declarations: list[DeclarationResponse]
    has_more: bool = Field(description="Whether there are more. Settle these first.")
