"""Accounts: balance, lots, holds and subscriptions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import Field, WrapValidator
from typing_extensions import TypedDict

from ledger.api.responses.locks import LockResponse
from ledger.api.responses.model import CANCELLATION_PAGE, WITHDRAWAL_PAGE, ResponseModel
from ledger.api.responses.subscriptions import SubscriptionResponse
from ledger.domain.accounts import Account
from ledger.domain.contacts import Contact
from ledger.domain.texts import Text, text
from ledger.policy.texts import shipped_texts


class HoldResponse(ResponseModel):
    """A hold: a reason why the account is suspended."""

    hold_id: str
    since: datetime
    words: str

    @classmethod
    def of(cls, hold_id: str, since: datetime) -> "HoldResponse":
        """Return a hold with the text for its kind, which is the first part of its id."""
        hold_text = _HOLD_TEXTS.get(hold_id.partition(":")[0], text("hold.other"))
        return cls(hold_id=hold_id, since=since, words=shipped_texts().render(hold_text))


class SuspendedAccountResponse(ResponseModel):
    """A suspended account."""

    account_id: str
    since: datetime = Field(description="Of its oldest hold.")
    holds: list[HoldResponse] = Field(description="The oldest first.")
    balance: int
    shortfall: int = Field(description="A debt: credits that should have been taken back but were already used.")

    @classmethod
    def of(cls, account: Account) -> "SuspendedAccountResponse":
        """Return an account that has a hold."""
        holds = sorted(account.holds.items(), key=lambda pair: (pair[1].since, pair[0]))
        return cls(
            account_id=account.account_id,
            since=holds[0][1].since,
            holds=[HoldResponse.of(hold_id, hold.since) for hold_id, hold in holds],
            balance=account.balance,
            shortfall=account.shortfall,
        )


class SuspendedAccountPage(ResponseModel):
    """A part of the suspended accounts."""

    accounts: list[SuspendedAccountResponse]
    next: str | None = Field(description="Send it as `after` to get the next page. null: this was the last page.")


_HOLD_TEXTS: Mapping[str, Text] = {
    "dispute": text("hold.dispute"),
    "fraud": text("hold.fraud"),
    "support": text("hold.support"),
}


class LotResponse(TypedDict):  # there may be thousands: a model for each takes three times as long
    """A lot: what remains of one grant of credits."""

    lot_id: str
    granted: int
    remaining: int
    spendable: Annotated[
        int,
        Field(
            description="Now: without credits that are frozen, expired or reserved for a refund, and without those of "
            "a period that has ended and whose next one is paid for."
        ),
    ]
    reserved: int
    is_frozen: bool
    locked_until: Annotated[
        datetime | None, Field(description="Until then it waits for the consent of its order: see `locks`.")
    ]
    expires_at: datetime | None


def _as_it_is(lots: object, _: object) -> object:
    """Return lots without validation: they are our own. `SkipValidation` would also copy them when they are sent."""
    return lots


class OrderableResponse(ResponseModel):
    """Whether the account can order a product now."""

    product_id: str
    is_orderable: bool
    problem: str | None = Field(
        description="The type of the problem that `POST /orders` would be refused with.",
        examples=["urn:imagetagger:problem:subscription-already-runs"],
    )
    words: str | None = Field(description="The same in plain words.")


class ContactResponse(ResponseModel):
    """Where mails go. A customer whose address fails places the next order under another one."""

    email: str = Field(examples=["ada@example.com"])
    language: str = Field(examples=["de"])
    failing_since: datetime | None = Field(description="Since then mails to it come back: none is sent any more.")

    @classmethod
    def of(cls, contact: Contact) -> "ContactResponse":
        """Return a contact."""
        return cls(email=contact.email, language=contact.language, failing_since=contact.failing_since)


class AccountResponse(ResponseModel):
    """An account: one customer's credits."""

    account_id: str
    status: str = Field(examples=["active", "suspended"])
    holds: list[HoldResponse]
    balance: int
    spendable: int
    shortfall: int = Field(description="A debt: credits that should have been taken back but were already used.")
    locked: int = Field(description="Credits that are here, but wait for the consent of their orders.")
    locks: list[LockResponse]
    lots: Annotated[list[LotResponse], WrapValidator(_as_it_is)]
    subscriptions: list[SubscriptionResponse]
    products: list[OrderableResponse] = Field(description="What can be ordered now. `GET /catalogue` has the prices.")
    contact: ContactResponse | None = Field(
        default=None, description="The address that the latest order was placed with. null: none, so no mail is sent."
    )
    withdrawal_page: str = Field(
        default=WITHDRAWAL_PAGE,
        description="The public page to withdraw from a contract, relative to the API's address.",
    )
    cancellation_page: str = Field(
        default=CANCELLATION_PAGE, description="The public page to cancel a subscription, in the same way."
    )

    @classmethod
    def of(
        cls,
        account: Account,
        products: list[OrderableResponse],
        locks: list[LockResponse],
        now: datetime,
        *,
        is_debt_withheld: bool,
        contact: Contact | None = None,
    ) -> "AccountResponse":
        """Return an account as of now. Lots are in the order in which they are drawn."""
        locked, shortfall = account.locks(now), account.shortfall
        by_lot = account.spendable_by_lot(now, locked)
        return cls(
            account_id=account.account_id,
            status=account.status,
            holds=[HoldResponse.of(hold_id, hold.since) for hold_id, hold in sorted(account.holds.items())],
            balance=account.balance,
            spendable=account.spendable(now, is_debt_withheld=is_debt_withheld and shortfall > 0, by_lot=by_lot),
            shortfall=shortfall,
            locked=sum(lock.credits for lock in locks),
            locks=locks,
            lots=[
                {
                    "lot_id": lot.lot_id,
                    "granted": lot.granted,
                    "remaining": lot.remaining,
                    "spendable": by_lot[lot.lot_id],
                    "reserved": lot.reserved,
                    "is_frozen": lot.is_frozen,
                    "locked_until": locked[lot.lot_id].until if lot.lot_id in locked else None,
                    "expires_at": lot.expires_at,
                }
                for lot in account.lots_in_draw_order
            ],
            subscriptions=[SubscriptionResponse.of(item) for item in account.subscriptions.values()],
            products=products,
            contact=ContactResponse.of(contact) if contact else None,
        )
