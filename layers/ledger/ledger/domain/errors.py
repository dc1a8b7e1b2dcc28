"""What can stop a caller.

    BillingError
    ├── ConfigurationError     the deployment is wrong: fix it, nothing was done
    │   ├── CatalogueError     the catalogue file is wrong: says which field and what would be right
    │   └── PolicyError        the policy file is: likewise
    ├── InvalidBody           what was delivered is not what its signature promises: 400 or 413
    ├── NotSpendable           a draw was refused, nothing was drawn
    │   ├── InsufficientCredits
    │   └── AccountSuspended
    ├── Refused                a request can't be carried out as things stand: the message says why
    │   ├── NotFound           nothing of that name is this account's
    │   ├── Invalid            a field has a value that can't be: says which, and what could
    │   ├── IdempotencyKeyReused  the Idempotency-Key, or the run id, belongs to another request
    │   ├── CaseAlreadyOpen        a case about the same purchase and reason is open
    │   └── CaseClosed         the case is in a state from which there is no way there
    ├── ProviderRefused        a provider said no, clearly: it was not done; `code` says why
    ├── ProviderUnavailable    a provider did not answer, or not clearly: ask again, look before sending again
    └── StoreUnavailable       we could not store it: 5xx, the provider delivers again

Expected outcomes (booked, parked, heard before) are values, see `ledger.usecases.record_event`.
"""


class BillingError(Exception):
    """The root: everything that this package raises on purpose."""


class ConfigurationError(BillingError):
    """The deployment is wrong: the message says what to set."""


class CatalogueError(ConfigurationError):
    """The catalogue file is wrong: the message names the product, the field and what would be right."""


class PolicyError(ConfigurationError):
    """The policy file is wrong: the message names the field and what would be right."""


class InvalidBody(BillingError):
    """A body that is no notification. `status` is the HTTP status to answer with (400 or 413)."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class NotSpendable(BillingError):
    """A draw was refused as a whole."""


class InsufficientCredits(NotSpendable):
    """The account has fewer spendable credits than the run needs."""

    def __init__(self, wanted: int, spendable: int) -> None:
        super().__init__(f"The run needs {wanted} credits, the account can spend {spendable}.")
        self.wanted = wanted
        self.spendable = spendable

    @property
    def missing(self) -> int:
        return self.wanted - self.spendable


class AccountSuspended(NotSpendable):
    """The account is on hold; `holds` says why."""

    def __init__(self, holds: tuple[str, ...]) -> None:
        super().__init__(f"The account is suspended: {', '.join(holds)}.")
        self.holds = holds


class RequestRefused(BillingError):
    """A request can't be carried out as things stand. Nothing was done; the message says why, to the customer."""


class NotFound(RequestRefused):
    """Nothing of that name is this account's. Another account's things are not told apart from what isn't there."""


class InvalidRequest(RequestRefused):
    """A field has a value that can't be used: the message says what would be right."""

    def __init__(self, field: str, message: str, part: str = "body") -> None:
        super().__init__(message)
        self.field = f"{part}.{field}" if field else part


class IdempotencyKeyReused(RequestRefused):
    """The Idempotency-Key, or the run id, belongs to another request."""


class CaseAlreadyOpen(RequestRefused):
    """A case about the same purchase and reason is open: `case_id` is its id."""

    def __init__(self, case_id: str) -> None:
        super().__init__(f"Case {case_id} about this purchase, for this reason, is open.")
        self.case_id = case_id


class CaseClosed(RequestRefused):
    """A case is in a state from which there is no way to the one that was asked for."""


class ProviderRefused(BillingError):
    """A provider refused, clearly: it has not done what was asked. `code` is the provider's own word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ProviderUnavailable(BillingError):
    """A provider did not answer, or not clearly. It may have done what was asked: look before asking again."""


class StoreUnavailable(BillingError):
    """The ledger could not be read or written now (throttling, conflicts, time-outs), or its answer was lost.

    What was asked may have been done: ask the same again, it is done once.
    """
