"""The base of every response body. Amounts are whole minor units, times are RFC 3339 in UTC."""

from pydantic import BaseModel, ConfigDict


class ResponseModel(BaseModel):
    """The base of every response body."""

    model_config = ConfigDict(frozen=True)


class Money(ResponseModel):
    """An amount in minor units of its currency."""

    amount_minor: int
    currency: str
