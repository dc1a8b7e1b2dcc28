"""Incidents: the runs that failed between two times, and what replaced their credits."""

from datetime import datetime

from pydantic import Field

from ledger.api.responses.model import ResponseModel
from ledger.domain.incidents import Incident, IncidentShare, IncidentState, LeftOut
from ledger.domain.refund_cases import CaseState, RefundCase, RefundReason
from ledger.usecases.incidents.find_runs import AccountFailures

_LEFT_OUT = (
    "Why it gets nothing: it is yours, or of who confirmed it (`own`); it is suspended; or its runs were found after "
    "the sum was agreed (`above_sum`). null: nothing is against it."
)
_NEXT = "Send it as `after` to get the next page. null: this was the last page."


class CaseBesideResponse(ResponseModel):
    """A case by which an account gets, or has got, something for the same failures."""

    case_id: str
    reason: RefundReason
    state: CaseState

    @classmethod
    def of(cls, case: RefundCase) -> "CaseBesideResponse":
        """Return what a person needs to find the case."""
        return cls(case_id=case.case_id, reason=case.reason, state=case.state)


class AccountFailuresResponse(ResponseModel):
    """The failed runs of one account between two times."""

    account_id: str
    runs: int
    credits: int = Field(description="That they had cost. They were returned when the runs failed.")
    replaced_runs: int = Field(description="Of them, those whose credits an incident has replaced already.")
    replaceable: int = Field(description="Credits of the others.")
    left_out: LeftOut | None = Field(description=_LEFT_OUT)
    cases: list[CaseBesideResponse] = Field(
        description="Technical problems that are open, and cases decided with credits since: what it would get twice "
        "is for you to judge. They are in no sum."
    )

    @classmethod
    def of(cls, found: AccountFailures, cases: list[RefundCase]) -> "AccountFailuresResponse":
        """Return an account's failed runs."""
        return cls(
            account_id=found.account_id,
            runs=found.runs,
            credits=found.credits,
            replaced_runs=found.replaced_runs,
            replaceable=found.replaceable,
            left_out=found.left_out,
            cases=[CaseBesideResponse.of(case) for case in cases],
        )


class FailedRunsPage(ResponseModel):
    """What an incident about a time would replace. The figures are of all accounts, not of the page."""

    runs: int
    credits: int = Field(description="That the runs had cost.")
    replaced_runs: int = Field(description="Of them, those whose credits an incident has replaced already.")
    to_give: int = Field(description="Credits that an incident of yours would give: send them as its `credits`.")
    accounts_to_give: int = Field(description="To how many accounts.")
    accounts_in_all: int
    cut_at: datetime | None = Field(
        description="More runs failed than one incident takes: those from this time on are in no figure. Make several "
        "incidents of the time. null: all are counted."
    )
    accounts: list[AccountFailuresResponse]
    next: str | None = Field(description=_NEXT)


class LeftOutResponse(ResponseModel):
    """How many accounts were left out for one reason."""

    why: LeftOut
    accounts: int


class IncidentResponse(ResponseModel):
    """An incident that was begun, as far as it is."""

    incident_id: str
    since: datetime
    until: datetime
    why: str
    credits: int = Field(description="The most that it gives: the sum that was agreed.")
    begun_by: str
    begun_at: datetime
    confirmed_by: str | None = Field(description="The second person, if its sum needed one.")
    state: IncidentState
    accounts: int = Field(description="That got credits so far.")
    runs: int = Field(description="That were replaced so far.")
    given: int = Field(description="Credits so far.")
    left_out: list[LeftOutResponse]
    is_cut: bool = Field(description="By now more runs are in its time than one incident takes. Make another one.")
    ended_at: datetime | None

    @classmethod
    def of(cls, incident: Incident) -> "IncidentResponse":
        """Return an incident."""
        return cls(
            incident_id=incident.incident_id,
            since=incident.since,
            until=incident.until,
            why=incident.reason,
            credits=incident.credits,
            begun_by=incident.begun_by,
            begun_at=incident.begun_at,
            confirmed_by=incident.confirmed_by,
            state=incident.state,
            accounts=incident.accounts,
            runs=incident.runs,
            given=incident.given,
            left_out=[
                LeftOutResponse(why=LeftOut(why), accounts=number) for why, number in sorted(incident.left_out.items())
            ],
            is_cut=incident.is_cut,
            ended_at=incident.ended_at,
        )


class IncidentPage(ResponseModel):
    """Incidents, newest first."""

    incidents: list[IncidentResponse]
    next: str | None = Field(description=_NEXT)


class IncidentShareResponse(ResponseModel):
    """What one account got from an incident."""

    account_id: str
    runs: int = Field(description="That were replaced.")
    credits: int = Field(description="That it got.")
    at: datetime
    left_out: LeftOut | None = Field(description=_LEFT_OUT)

    @classmethod
    def of(cls, share: IncidentShare) -> "IncidentShareResponse":
        """Return what an account got."""
        return cls(
            account_id=share.account_id,
            runs=share.runs,
            credits=share.credits,
            at=share.at,
            left_out=share.left_out,
        )


class IncidentAccountsPage(ResponseModel):
    """An incident, and a page of its accounts, by their ids."""

    incident: IncidentResponse
    accounts: list[IncidentShareResponse]
    next: str | None = Field(description=_NEXT)
