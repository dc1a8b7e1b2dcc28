"""Claims: which person of support has a refund case open. A claim lapses, and forbids nobody to decide."""

from datetime import datetime, timedelta

from ledger.domain.ids import AccountId
from ledger.domain.records import record

CLAIMED_FOR = timedelta(minutes=10)
"""How long a claim lasts, unless it is renewed."""


@record(frozen=True, kw_only=True)
class CaseClaim:
    """The claim of a person on a refund case."""

    case_id: str
    account_id: AccountId  # of the case
    actor: str
    until: datetime
    version: int = 0  # 0: not stored yet

    def is_of_another(self, actor: str, now: datetime) -> bool:
        """Return whether a colleague has the case open now."""
        return self.actor != actor and now < self.until
