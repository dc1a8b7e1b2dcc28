"""Runs that failed in a time, and the credits that replace them."""

from pydantic import Field

from ledger.api.requests.model import Credits, RequestModel, Text, Time


class IncidentRequestBody(RequestModel):
    """A time in which runs failed, and the credits that replace them."""

    since: Time = Field(description="The first failure that counts.", examples=["2026-11-01T12:00:00Z"])
    until: Time = Field(description="The last one: at most seven days later.", examples=["2026-11-01T13:00:00Z"])
    credits: Credits = Field(
        description="`to_give` of the failed runs of this time: no more is given. Another sum by now is refused.",
        examples=[5],
    )
    why: Text = Field(examples=["The queue of the taggers stood still."])
