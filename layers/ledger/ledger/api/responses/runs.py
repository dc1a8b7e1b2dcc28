"""Runs of the tagging service, and what an account can spend on them."""

from datetime import datetime

from pydantic import Field

from ledger.api.responses.locks import LockResponse
from ledger.api.responses.model import ResponseModel
from ledger.domain.accounts import Account


class RunResponse(ResponseModel):
    """A run: the credits that it drew (0: it failed before its draw), and when it failed, which returned them."""

    run_id: str
    credits: int
    at: datetime
    failed_at: datetime | None


class DrawResponse(RunResponse):
    """A run that drew its credits, and what is left."""

    spendable: int = Field(description="What the account can spend now, after this draw and all others.")


class SpendableResponse(ResponseModel):
    """What an account can spend now."""

    account_id: str
    status: str = Field(examples=["active", "suspended"])
    spendable: int = Field(description="The largest draw that would succeed now. 0 while the account is suspended.")
    shortfall: int = Field(description="A debt: credits that should have been taken back but were already used.")
    locked: int = Field(description="Credits that wait for the consent of their orders.")
    locks: list[LockResponse]

    @classmethod
    def of(cls, account: Account, spendable: int, locks: list[LockResponse]) -> "SpendableResponse":
        """Return what an account can spend, as a draw would find it."""
        return cls(
            account_id=account.account_id,
            status=account.status,
            spendable=spendable,
            shortfall=account.shortfall,
            locked=sum(lock.credits for lock in locks),
            locks=locks,
        )
