"""What a person does to a parked event, or to all of a kind."""

from pydantic import Field

from ledger.api.requests.model import Id, Line, RequestModel


class AttributionRequest(RequestModel):
    """Whose a parked event is."""

    account_id: Id = Field(examples=["acct_ada"])
    why: Line = Field(examples=["The customer's letter names the invoice."])


class ReplayRequest(RequestModel):
    """Why a parked event is tried again."""

    why: Line = Field(examples=["The price is in the catalogue now."])


class DismissalRequest(RequestModel):
    """Why a parked event is dismissed."""

    why: Line = Field(examples=["It is of our other shop."])


class MuteRequest(RequestModel):
    """Why parked events of a kind need no attention, or do again."""

    why: Line = Field(examples=["They are of our other shop, which has no credits."])
