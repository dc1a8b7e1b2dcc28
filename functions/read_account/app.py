"""GET /account, /account/statement, /purchases: what a customer has, how it came about, and what could be refunded."""

import csv
import io
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from ledger.api.auth import caller
from ledger.api.http import documented_problems, lambda_handler_of, resolver, services
from ledger.api.pagination import Listing
from ledger.api.requests import PageCursor, PageSize
from ledger.api.responses.accounts import AccountResponse
from ledger.api.responses.purchases import PurchasePage, PurchaseResponse
from ledger.api.responses.statements import EntryResponse, StatementPage
from ledger.domain.accounts import Account
from ledger.ports.reads import Keys
from ledger.usecases.refund_cases.preview import preview_all

app = resolver()


@app.get(
    "/account",
    summary="Credits, holds, subscription, debt",
    tags=["Account"],
    responses=documented_problems(AccountResponse),
)
def account() -> AccountResponse:
    """Of the customer whose token it is. Who never bought anything has an empty account."""
    here, account_id = services(), caller(app).account_id
    stored = here.store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    return AccountResponse.of(
        stored or Account(account_id=account_id), here.now(), is_debt_withheld=here.config.is_debt_withheld
    )


@app.get(
    "/account/statement",
    summary="Every movement of credits, newest first",
    tags=["Account"],
    responses=documented_problems(
        StatementPage,
        headers={"next-page": "Of CSV: `after` for the next page; without it, this was the last."},
        other={"text/csv": {"schema": {"type": "string", "description": "A line for each entry, below their names."}}},
    ),
)
def statement(
    limit: PageSize = 50,
    after: PageCursor = None,
    format: Annotated[Literal["json", "csv"], Query(description="csv: for a spreadsheet.")] = "json",  # noqa: A002
) -> Response[Any]:
    """Each with its cause and the balance after it. As CSV the next page is named by the header `next-page`."""
    account_id = caller(app).account_id
    listing = Listing(account_id, "statement")
    start, balance = listing.opened(after)
    stored, page = services().store.statement_page(account_id, limit, start)
    if start is None:
        balance = stored.balance if stored else 0
    shown = []
    for entry in page.items:
        shown.append(EntryResponse.of(entry, balance))
        balance -= entry.credits
    following = listing.close(page.next, balance)
    if format == "csv":
        headers = {"next-page": following} if following else {}
        return Response(200, "text/csv; charset=utf-8", _as_csv(shown), headers)
    return Response(200, "application/json", StatementPage(entries=shown, next=following).model_dump_json())


@app.get(
    "/purchases",
    summary="Payments, and whether each could be refunded now",
    tags=["Account"],
    responses=documented_problems(PurchasePage),
)
def purchases(limit: PageSize = 20, after: PageCursor = None) -> PurchasePage:
    """Newest first. Each says what a request would be answered now, under the reason that fits it best, and why."""
    here, account_id = services(), caller(app).account_id
    listing = Listing(account_id, "purchases", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z#.+")
    start, _ = listing.opened(after)
    found, following = preview_all(account_id, here.store, here.policy, limit=limit, after=start, now=here.now())
    shown = [PurchaseResponse.of(purchase, reason, decision) for purchase, reason, decision in found]
    return PurchasePage(purchases=shown, next=listing.close(following))


def _as_csv(entries: list[EntryResponse]) -> str:
    text = io.StringIO()
    columns = list(EntryResponse.model_fields)
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(entry.model_dump(mode="json") for entry in entries)
    return text.getvalue()


lambda_handler = lambda_handler_of(app)
