"""Errors: what can stop a caller.

    BillingError
    ├── ConfigurationError         the deployment is wrong; nothing was done
    │   ├── CatalogueError         the catalogue file is wrong
    │   └── PolicyError            the policy file is wrong
    ├── InvalidBody                a webhook's body is not a notification: HTTP 400 or 413
    ├── NotSpendable               a draw was refused; nothing was drawn
    │   ├── InsufficientCredits
    │   │   └── CreditsLocked      they are there, but wait for a consent, or for a decision about a withdrawal
    │   └── AccountSuspended
    ├── RequestRefused             a request can't be carried out in the current state
    │   ├── NotFound               this account has nothing with this id
    │   ├── InvalidRequest         a field has a value that can't be used
    │   ├── IdempotencyKeyReused   the Idempotency-Key, or the run id, belongs to another request
    │   ├── RunFailed              the run failed: it draws nothing again
    │   ├── AccountInDebt          the account has a debt: it places no new order
    │   ├── AccountInReview        a person must look at the account before it places a new order
    │   ├── SubscriptionAlreadyRuns  a subscription to this plan is running
    │   ├── CaseAlreadyOpen        a case about the same purchase and reason is open
    │   ├── TooManyRequests        the account has made as many such requests as it may for now
    │   ├── IncidentChanged        the sum that was agreed is another one by now
    │   ├── SecondPersonNeeded     the act is above what one person may do: it is proposed
    │   └── CaseClosed             the case can't change from its state to the requested one
    ├── ProviderRefused            a provider refused: it has done nothing
    ├── ProviderUnavailable        a provider did not respond clearly: it may have done what was requested
    ├── MailRefused                a mail was not accepted, and a repetition will not be either
    ├── MailUnavailable            the mail service did not respond clearly: it may have accepted the mail
    ├── CommitTooLarge             a commit exceeds a limit of the store: it can't succeed as it is
    └── StoreUnavailable           the ledger could not be read or written: HTTP 503, repeat the request
        ├── TransactionInConflict  another transaction on one of the items was in progress: nothing was written
        └── UnreadableItem         a stored item is of a newer release: repeat until this one is upgraded

Expected outcomes (booked, already booked, parked) are values: see `ledger.domain.receipts.RecordOutcome`.
"""

from datetime import datetime, timedelta


class BillingError(Exception):
    """The root of all errors that this package raises on purpose."""


class ConfigurationError(BillingError):
    """The deployment is wrong. The message says what to set."""


class CatalogueError(ConfigurationError):
    """The catalogue file is wrong. The message names the product, the field and what is expected."""


class PolicyError(ConfigurationError):
    """The policy file is wrong. The message names the field and what is expected."""


class InvalidBody(BillingError):
    """A body that can't be used. `status` is the HTTP status of the response (400, 404, 413, 415), `code` its name."""

    def __init__(self, message: str, status: int = 400, code: str = "invalid-body") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class NotSpendable(BillingError):
    """A draw was refused. Nothing was drawn."""


class InsufficientCredits(NotSpendable):
    """The account has fewer spendable credits than the run needs."""

    def __init__(self, needed: int, spendable: int) -> None:
        super().__init__(f"The run needs {needed} credits, but the account can spend {spendable}.")
        self.needed = needed
        self.spendable = spendable

    @property
    def missing(self) -> int:
        return self.needed - self.spendable


class CreditsLocked(InsufficientCredits):
    """The account has credits that can't be used yet.

    `locked` is the number of those whose orders have no complete consent to the early start. At `until` the last of
    them can be used in any case. `withdrawn` is the number of those of contracts that are withdrawn from, until that is
    decided.
    """

    def __init__(
        self,
        needed: int,
        spendable: int,
        locked: int,
        until: datetime | None,
        order_ids: tuple[str, ...],
        withdrawn: int = 0,
    ) -> None:
        super().__init__(needed, spendable)
        self.locked = locked
        self.until = until
        self.order_ids = order_ids
        self.withdrawn = withdrawn

    def __str__(self) -> str:
        parts = [f"The run needs {self.needed} credits, but the account can spend {self.spendable}."]
        if self.until:
            parts.append(
                f"{self.locked} more are locked until {self.until:%Y-%m-%d %H:%M} UTC, unless the customer asks to "
                "begin before the end of the right of withdrawal and we have confirmed that by e-mail: see the orders."
            )
        if self.withdrawn:
            parts.append(f"{self.withdrawn} more are of a contract that the customer withdraws from: we decide soon.")
        return " ".join(parts)


class AccountSuspended(NotSpendable):
    """The account is suspended. `holds` are the ids of its holds."""

    def __init__(self, holds: tuple[str, ...]) -> None:
        super().__init__(f"The account is suspended: {', '.join(holds)}.")
        self.holds = holds


class RequestRefused(BillingError):
    """A request can't be carried out in the current state. Nothing was done. The message tells the customer why."""


class NotFound(RequestRefused):
    """This account has nothing with this id. The error is the same whether the id is unknown or another account's."""


class InvalidRequest(RequestRefused):
    """A field has a value that can't be used. The message says what is expected. `field` is its path in the request."""

    def __init__(self, field: str, message: str, part: str = "body") -> None:
        super().__init__(message)
        self.field = f"{part}.{field}" if field else part


class IdempotencyKeyReused(RequestRefused):
    """The Idempotency-Key, or the run id, belongs to another request."""


class RunFailed(RequestRefused):
    """The run failed: it never draws again under its id, whether or not it had drawn before it failed."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"Run {run_id} has failed. Use another run id for another attempt.")


class AccountInDebt(RequestRefused):
    """The account has a debt, so it places no new order. `owed` is in credits."""

    def __init__(self, owed: int) -> None:
        super().__init__(
            f"Credits of a payment that was returned had been used already: {owed}. Contact support to settle them."
        )
        self.owed = owed


class AccountInReview(RequestRefused):
    """The law demanded the price of used credits back more than once: a person looks before the next order."""

    def __init__(self) -> None:
        super().__init__("We review your account before you can place another order. Contact support for details.")


class SubscriptionAlreadyRuns(RequestRefused):
    """A subscription to this plan is running: a second one would be charged beside it. `subscription_id` is its id.

    None: it was just paid for, and the provider has not reported it yet.
    """

    def __init__(self, product_id: str, subscription_id: str | None) -> None:
        super().__init__(
            f"The subscription {subscription_id} to {product_id} is running already. If it is to end, let it renew."
            if subscription_id
            else f"A subscription to {product_id} was paid for in another checkout."
        )
        self.subscription_id = subscription_id


class CaseAlreadyOpen(RequestRefused):
    """A case about the same purchase and reason is open. `case_id` is its id."""

    def __init__(self, case_id: str) -> None:
        super().__init__(f"Case {case_id} about this purchase is open for the same reason.")
        self.case_id = case_id


class TooManyRequests(RequestRefused):
    """The account has made as many requests of this kind as it may for now. `retry_after_s`: so long it has to wait."""

    def __init__(self, most: int, within: timedelta, retry_after_s: int) -> None:
        minutes = int(within.total_seconds() // 60)
        super().__init__(
            f"An account can make {most} such requests within {minutes} minutes. Wait {retry_after_s} seconds, then "
            "repeat it. A withdrawal (POST /withdrawals) is never limited."
        )
        self.retry_after_s = retry_after_s


class SecondPersonNeeded(RequestRefused):
    """The act is above what one person may do alone. It is stored as a proposal: `proposal_id` is its id."""

    def __init__(self, proposal_id: str) -> None:
        super().__init__("This is above what one person may do. It is proposed: a colleague has to confirm it.")
        self.proposal_id = proposal_id


class IncidentChanged(RequestRefused):
    """The failed runs of an incident have another sum of credits than was agreed. `credits` is what it is by now."""

    def __init__(self, credits_: int) -> None:
        super().__init__(f"By now there are {credits_:,} credits to replace. Look at the preview again.")
        self.credits = credits_


class CaseClosed(RequestRefused):
    """The case can't change from its state to the requested one."""


class ProviderRefused(BillingError):
    """A provider refused a request: it has done nothing. `code` is the provider's code for the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ProviderUnavailable(BillingError):
    """A provider did not respond, or not clearly. It may have done what was requested: check before repeating."""


class MailRefused(BillingError):
    """The mail service did not accept a mail, and will not accept it later. `code` is its code for the reason."""

    def __init__(self, code: str) -> None:
        super().__init__(f"The mail service refused a mail: {code}.")
        self.code = code


class MailUnavailable(BillingError):
    """The mail service did not respond, or refused for now. It may have accepted the mail."""


class CommitTooLarge(BillingError):
    """A commit writes too many items, or makes one larger than the store takes. Nothing was written.

    The same commit can succeed once what it adds to is smaller: a lot that is over leaves its account.
    """


class StoreUnavailable(BillingError):
    """The ledger could not be read or written (throttling, conflicts, time-outs), or its response was lost.

    The request may have been carried out. Repeat it: it is carried out once.
    """


class TransactionInConflict(StoreUnavailable):
    """Another transaction on one of the same items was in progress. Nothing was written: attempt it again."""


class UnreadableItem(StoreUnavailable):
    """A stored item is not readable by this release: a newer one wrote it, or it is damaged.

    It is never overwritten by what this release makes of it. The caller repeats its call until a release that reads the
    item has been deployed. A job over many items leaves it out, reports it, and goes on with the others. `since` is the
    time since which the item waits for the job, as far as that can be read.
    """

    def __init__(self, message: str, since: datetime | None = None) -> None:
        super().__init__(message)
        self.since = since
