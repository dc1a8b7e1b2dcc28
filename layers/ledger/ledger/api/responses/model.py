"""The base of every response body. Amounts are whole minor units, times are RFC 3339 in UTC."""

from pydantic import BaseModel, ConfigDict

WITHDRAWAL_PAGE, CANCELLATION_PAGE = "/withdrawal", "/cancellation"
"""The public pages, relative to the API's address: they need no login, and are always open."""


class ResponseModel(BaseModel):
    """The base of every response body."""

    model_config = ConfigDict(frozen=True)


class Money(ResponseModel):
    """An amount in minor units of its currency."""

    amount_minor: int
    currency: str
