"""The use-cases with their guards off, for tests and proofs that are about something else.

A guard has no default in the ledger: who calls a use-case says it. Here it is said once: nobody's acts have a limit,
nobody's requests are counted, a plan needs no consent and its credits have no lock, and a job has time without end and
reports to nobody. What is about a guard imports the use-case from the ledger, or passes the guard here.
"""

from datetime import datetime
from functools import partial

from ledger.usecases.adjust_credits import adjust_credits as _adjust_credits
from ledger.usecases.attribute_parked import attribute_parked as _attribute_parked
from ledger.usecases.authority import Authority
from ledger.usecases.confirm_orders import list_confirmations as _list_confirmations
from ledger.usecases.consents import confirm_consent as _confirm_consent
from ledger.usecases.consents import give_consent as _give_consent
from ledger.usecases.expire_credits import expire_credits as _expire_credits
from ledger.usecases.holds import lift_hold as _lift_hold
from ledger.usecases.incidents.begin import begin_incident as _begin_incident
from ledger.usecases.incidents.replace_runs import replace_runs as _replace_runs
from ledger.usecases.limits import NO_LIMITS
from ledger.usecases.place_order import place_order as _place_order
from ledger.usecases.refund_cases.add_evidence import add_evidence as _add_evidence
from ledger.usecases.refund_cases.decide_case import decide_case as _decide_case
from ledger.usecases.refund_cases.decide_deferred import decide_deferred as _decide_deferred
from ledger.usecases.refund_cases.follow_refunds import follow_all as _follow_all
from ledger.usecases.release_parked import release_all as _release_all
from ledger.usecases.release_parked import release_receipts as _release_receipts
from ledger.usecases.remind import remind_customers as _remind_customers
from ledger.usecases.settle_proposals import confirm_proposal as _confirm_proposal
from ledger.usecases.shown_terms import PlanNeeds
from ledger.usecases.state_amount import state_amount as _state_amount


class Unwatched:
    """The watch of a round that reports to nobody and has time without end."""

    def backlog(self, count: int, oldest_at: datetime | None, *, is_at_least: bool = False) -> None:
        """Report nothing."""

    def failed(self, name: str, error: Exception) -> None:
        """Report nothing."""

    def has_time(self) -> bool:
        """Return that there is time."""
        return True


UNLIMITED = Authority(limits=None)
UNWATCHED = Unwatched()
NO_NEEDS = PlanNeeds(information=False, renewal_consent=False)

adjust_credits = partial(_adjust_credits, authority=UNLIMITED)
attribute_parked = partial(_attribute_parked, authority=UNLIMITED)
begin_incident = partial(_begin_incident, authority=UNLIMITED)
decide_case = partial(_decide_case, key=None, authority=UNLIMITED)
lift_hold = partial(_lift_hold, authority=UNLIMITED)
state_amount = partial(_state_amount, authority=UNLIMITED)

place_order = partial(_place_order, lock_days=None, needs=NO_NEEDS, limits=NO_LIMITS)
give_consent = partial(_give_consent, limits=NO_LIMITS)
add_evidence = partial(_add_evidence, limits=NO_LIMITS)
confirm_consent = partial(_confirm_consent, written_at=None)

decide_deferred = partial(_decide_deferred, watch=UNWATCHED)
expire_credits = partial(_expire_credits, watch=UNWATCHED)
follow_all = partial(_follow_all, watch=UNWATCHED)
list_confirmations = partial(_list_confirmations, watch=UNWATCHED)
release_all = partial(_release_all, watch=UNWATCHED)
release_receipts = partial(_release_receipts, watch=UNWATCHED)
remind_customers = partial(_remind_customers, watch=UNWATCHED)
replace_runs = partial(_replace_runs, has_time=UNWATCHED.has_time)

confirm_proposal = partial(_confirm_proposal, translate=lambda _: None)
"""It books no parked event that was attributed."""
