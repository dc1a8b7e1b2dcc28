"""Declarations, as whoever made them sees them. Nothing here depends on whether the contract is known."""

from datetime import datetime

from pydantic import Field

from ledger.api.pages.texts import words_of
from ledger.api.responses.model import ResponseModel
from ledger.domain.declarations import Declaration, DeclarationKind


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
