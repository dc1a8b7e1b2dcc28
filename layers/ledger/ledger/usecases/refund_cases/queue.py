"""The review queue with what a person chooses by: reason, amount, due date, who has it open, who wrote to us first."""

from datetime import datetime

from ledger.domain.claims import CaseClaim
from ledger.domain.disputes import first_disputed_at
from ledger.domain.purchases import Purchase
from ledger.domain.records import record
from ledger.domain.refund_cases import QueuedCase, RefundCase
from ledger.ports.documents import case_claim_key, case_key
from ledger.ports.reads import Keys, Page
from ledger.ports.store import Store


@record(frozen=True, kw_only=True)
class WaitingCase:
    """A case in the review queue, with what it is about."""

    queued: QueuedCase
    case: RefundCase
    purchase: Purchase | None
    claim: CaseClaim | None  # that has not lapsed

    @property
    def is_priority(self) -> bool:
        """Return whether the customer wrote to us before the payment was disputed."""
        return self.purchase is not None and self.case.wrote_before(first_disputed_at(self.purchase.facts))


def waiting_cases(store: Store, *, limit: int, after: str | None, now: datetime) -> Page[WaitingCase]:
    """Return a page of the review queue: three round trips, however many cases wait.

    A case that was decided since the queue was read is left out.
    """
    page = store.review_queue(limit, after)
    cases = {one.case_id: case_key(one.account_id, one.case_id) for one in page.items}
    claims = {one.case_id: case_claim_key(one.account_id, one.case_id) for one in page.items}
    names = Keys(documents=frozenset({*cases.values(), *claims.values()}))
    stored = store.read(names) if cases else None
    found = []
    for one in page.items:
        case = stored.document(cases[one.case_id], RefundCase) if stored else None
        claim = stored.document(claims[one.case_id], CaseClaim) if stored else None
        if case:
            found.append((one, case, claim if claim and now < claim.until else None))
    payment_ids = frozenset(case.payment_id for _, case, _ in found)
    purchases = store.read(Keys(payments=payment_ids)) if payment_ids else None
    return Page(
        tuple(
            WaitingCase(
                queued=queued,
                case=case,
                purchase=purchases.home_of(case.payment_id) if purchases else None,
                claim=claim,
            )
            for queued, case, claim in found
        ),
        page.next,
    )
