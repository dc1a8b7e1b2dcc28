"""What a search of support has found."""

from datetime import datetime

from pydantic import Field

from ledger.api.providers import EXAMPLE_PAYMENT_ID
from ledger.api.responses.model import Money, ResponseModel
from ledger.usecases.found import Found, FoundKind, GoTo


class GoResponse(ResponseModel):
    """Where to look further."""

    page: GoTo = Field(description="The page of an account, case, parked event, declaration or incident, or of `why`.")
    id: str = Field(description="The id for that page.", examples=["acct_ada"])


class FoundResponse(ResponseModel):
    """One thing that was found."""

    kind: FoundKind
    id: str = Field(description="Its own id.", examples=[EXAMPLE_PAYMENT_ID])
    matched: str = Field(description="What of the search it has. Of an e-mail address: `e-mail address`.")
    account_id: str | None = Field(description="null: it is not known whose it is.")
    at: datetime | None = Field(description="When it happened, by the provider's time.")
    amount: Money | None
    summary: str
    go: GoResponse

    @classmethod
    def of(cls, found: Found) -> "FoundResponse":
        """Return one thing that was found."""
        amount = found.amount
        return cls(
            kind=found.kind,
            id=found.found_id,
            matched=found.matched,
            account_id=found.account_id,
            at=found.at,
            amount=Money(amount_minor=amount.amount_minor, currency=amount.currency) if amount else None,
            summary=found.summary,
            go=GoResponse(page=found.go_to, id=found.go_to_id or found.account_id or found.found_id),
        )


class SearchPage(ResponseModel):
    """What was found. Empty: nothing."""

    results: list[FoundResponse]
    next: str | None = Field(description="Send it as `after` to get the next page. null: this was the last page.")
