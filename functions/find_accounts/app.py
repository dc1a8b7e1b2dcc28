"""Find an account by whatever a customer or a bank names. For the support group only.

GET /support/search · GET /support/accounts/{account_id} · GET /support/accounts/{account_id}/timeline
GET /support/why/{record_id}

Each reading of a page about an account is recorded with its actor, also if it is the actor's own account.
"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from ledger.api import validation_messages
from ledger.api.auth import support
from ledger.api.http import documented_problems, lambda_handler_of, resolver, services
from ledger.api.pagination import Listing
from ledger.api.requests.model import Day
from ledger.api.requests.parameters import DECODED, AccountPath, PageCursor, PageSize
from ledger.api.responses.find import FoundResponse, SearchPage
from ledger.api.responses.support_accounts import (
    ChainResponse,
    SupportAccountResponse,
    TimelineLineResponse,
    TimelinePageResponse,
)
from ledger.domain.contacts import Contact
from ledger.domain.errors import InvalidRequest, NotFound
from ledger.domain.ids import AccountId
from ledger.domain.proposals import ProposalState
from ledger.ports.documents import contact_key
from ledger.ports.reads import Keys
from ledger.usecases.explain_chain import explain_balance, explain_chain
from ledger.usecases.find_records import Searched, find_payments, find_records
from ledger.usecases.latest_orders import latest_orders
from ledger.usecases.locks import read_locks
from ledger.usecases.looks import record_look
from ledger.usecases.open_disputes import open_disputes_of
from ledger.usecases.timeline import LineKind, timeline

app = resolver()
SearchText = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=254,
        description="An e-mail address, an account, an order, a refund case, an invoice's number, or a provider's id "
        "of a payment, charge, checkout, customer, subscription, refund, dispute or event, with or without the "
        "provider's name.",
        examples=["INV-0001"],
    ),
]
RecordPath = Annotated[
    str, DECODED, Path(min_length=1, max_length=300, description="Any id, or an e-mail address.", examples=["run_1"])
]
BesideAccount = Annotated[
    str | None, Query(min_length=1, max_length=200, description="The account whose history has the id.")
]
TimelineKinds = Annotated[
    str | None,
    Query(max_length=100, description=f"Which kinds, with commas between them: {', '.join(LineKind)}. Left out: all."),
]
PaidOn = Annotated[
    Day | None, Query(description="Instead of `q`: the day of a payment (UTC).", examples=["2026-11-01"])
]
PaidAmount = Annotated[
    int | None, Query(ge=0, le=100_000_000_000, description="With `paid_on`: the amount in minor units.")
]
PaidCurrency = Annotated[
    str | None,
    Query(pattern=validation_messages.CURRENCY, description="With `paid_on`: the amount's currency.", examples=["EUR"]),
]


@app.get(
    "/support/search",
    summary="Find an account or a parked event by an id, an address, a number, or a day and an amount",
    tags=["Support"],
    responses=documented_problems(SearchPage),
)
def find_accounts(
    q: SearchText = None,
    paid_on: PaidOn = None,
    amount_minor: PaidAmount = None,
    currency: PaidCurrency = None,
    limit: PageSize = 50,
    after: PageCursor = None,
) -> SearchPage:
    """Return what was found, with the account of each and where to look further. Empty: nothing was found.

    Money that nobody could book is found too, as a parked event, by whatever its event names; and a declaration by the
    address that was given in it. What is written now is found by its own id at once. By an address, an invoice's
    number, the id of a refund or dispute, or an amount it is found some seconds later.
    """
    support(app, about=None)
    paid = (paid_on, amount_minor, currency)
    if q is not None:
        if any(one is not None for one in paid):
            raise InvalidRequest("q", "Send either `q`, or `paid_on`, `amount_minor` and `currency`.", "query")
        found = find_records(q, _searched())
        return SearchPage(results=[FoundResponse.of(one) for one in found], next=None)
    if paid_on is None or amount_minor is None or currency is None:
        raise InvalidRequest("q", "Send either `q`, or `paid_on`, `amount_minor` and `currency`.", "query")
    listing = Listing("support", f"payments of {amount_minor} {currency} on {paid_on}")
    payments, following = listing.page(
        after, lambda start: find_payments(paid_on, amount_minor, currency, _searched(), limit=limit, after=start)
    )
    return SearchPage(results=[FoundResponse.of(one) for one in payments], next=following)


@app.get(
    "/support/accounts/<account_id>",
    summary="An account, as support sees it",
    tags=["Support"],
    responses=documented_problems(SupportAccountResponse, 404),
)
def read_account_for_support(account_id: AccountPath) -> SupportAccountResponse:
    """Return balance, lots, holds, flags, open cases and disputes, subscriptions, orders, debt, and what waits."""
    here, person, owner = services(), support(app, about=None), AccountId(account_id)
    key, now = contact_key(owner), here.now()
    stored = here.store.read(Keys(accounts=frozenset({owner}), documents=frozenset({key})))
    account = stored.accounts.get(owner)
    if account is None:
        raise NotFound(f"There is no account {account_id}.")
    record_look(owner, person.account_id, "account", here.store, now=now)
    locked = read_locks(account, here.store, now)
    waiting = [one for one in here.store.proposals_of(owner) if one.state is ProposalState.PROPOSED]
    return SupportAccountResponse.of(
        account,
        stored.document(key, Contact),
        waiting,
        open_disputes_of(account, here.store),
        latest_orders(owner, here.store),
        explain_balance(owner, here.store, now, locked),
        locked,
        now,
        is_debt_withheld=here.config.is_debt_withheld,
    )


@app.get(
    "/support/accounts/<account_id>/timeline",
    summary="Everything that happened to an account, newest first",
    tags=["Support"],
    responses=documented_problems(TimelinePageResponse),
)
def read_timeline(
    account_id: AccountPath, kinds: TimelineKinds = None, limit: PageSize = 50, after: PageCursor = None
) -> TimelinePageResponse:
    """Return deliveries, entries, mails, cases, acts and looks, merged by time.

    Of an account with thousands of deliveries not all are read: `left_out` says so.
    """
    here, person, owner = services(), support(app, about=None), AccountId(account_id)
    wanted = [name.strip() for name in kinds.split(",")] if kinds else [*LineKind]
    if unknown := [name for name in wanted if name not in set(LineKind)]:
        raise InvalidRequest("kinds", f"{unknown[0]!r} is none. They are {', '.join(LineKind)}.", "query")
    chosen = [kind for kind in LineKind if kind in wanted]
    listing = Listing(account_id, f"timeline {' '.join(chosen)}")
    start, balance = listing.opened(after)
    record_look(owner, person.account_id, "timeline", here.store, now=here.now())
    page = timeline(owner, here.store, kinds=chosen, limit=limit, after=start, balance=balance)
    lines = [TimelineLineResponse.of(one) for one in page.lines]
    left_out = [kind for kind in chosen if kind in page.left_out]
    return TimelinePageResponse(lines=lines, next=listing.close(page.next, page.balance), left_out=left_out)


@app.get(
    "/support/why/<record_id>",
    summary="What led to an id, what followed from it, and why the balance is what it is",
    tags=["Support"],
    responses=documented_problems(ChainResponse, 404),
)
def explain_record(record_id: RecordPath, account_id: BesideAccount = None) -> ChainResponse:
    """Return the whole chain of any id: delivery, facts, entries, cases, acts and mails, and what still waits.

    An event of a known customer, a run or an entry is no key: name its account beside it.
    """
    here, person = services(), support(app, about=None)
    chain = explain_chain(record_id, _searched(), AccountId(account_id) if account_id else None, now=here.now())
    for owner in chain.account_ids:
        record_look(owner, person.account_id, "why", here.store, now=here.now())
    return ChainResponse.of(record_id, chain)


def _searched() -> Searched:
    here = services()
    return Searched(here.store, here.providers, lambda: here.address_key, here.names_of_parked)


lambda_handler = lambda_handler_of(app)
