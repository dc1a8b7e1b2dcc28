"""GET /account, /account/statement, /purchases: what a customer has, how it came about, and what could be refunded."""

import csv
import io
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from ledger.accounts import Account
from ledger.api import cursors
from ledger.api.answers import AccountShown, EntryShown, PurchasePage, PurchaseShown, StatementPage
from ledger.api.asked import PageCursor, PageSize
from ledger.api.http import answers, caller, lambda_handler_of, resolver, services
from ledger.casework import preview_all
from ledger.ports import Keys

app = resolver()


@app.get(
    "/account", summary="Credits, holds, subscription, debt", tags=["Account"], responses=answers(AccountShown, 403)
)
def account() -> AccountShown:
    """Of the customer whose token it is. Who never bought anything has an empty account."""
    here, account_id = services(), caller(app).account_id
    stored = here.store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    return AccountShown.of(
        stored or Account(account_id=account_id), here.now(), is_debt_withheld=here.config.is_debt_withheld
    )


@app.get(
    "/account/statement",
    summary="Every movement of credits, newest first",
    tags=["Account"],
    responses=answers(StatementPage, 403),
)
def statement(
    limit: PageSize = 50,
    after: PageCursor = None,
    format: Annotated[Literal["json", "csv"], Query(description="csv: for a spreadsheet.")] = "json",  # noqa: A002
) -> Response[Any]:
    """Each with its cause and the balance after it. As CSV the next page is named by the header `next-page`."""
    start, balance = cursors.opened(after, mark="ENTRY#")
    stored, page = services().store.statement_page(caller(app).account_id, limit, start)
    if start is None:
        balance = stored.balance if stored else 0
    shown = []
    for entry in page.items:
        shown.append(EntryShown.of(entry, balance))
        balance -= entry.credits
    following = cursors.close(page.next, balance)
    if format == "csv":
        headers = {"next-page": following} if following else {}
        return Response(200, "text/csv; charset=utf-8", _as_csv(shown), headers)
    return Response(200, "application/json", StatementPage(entries=shown, next=following).model_dump_json())


@app.get(
    "/purchases",
    summary="Payments, and whether each could be refunded now",
    tags=["Account"],
    responses=answers(PurchasePage, 403),
)
def purchases(limit: PageSize = 20, after: PageCursor = None) -> PurchasePage:
    """Newest first. Each says what a request would be answered now, under the reason that fits it best, and why."""
    here = services()
    found, following = preview_all(
        caller(app).account_id,
        here.store,
        here.policy,
        limit=limit,
        after=cursors.opened(after, mark="Z#")[0],
        now=here.now(),
    )
    shown = [PurchaseShown.of(purchase, reason, decision) for purchase, reason, decision in found]
    return PurchasePage(purchases=shown, next=cursors.close(following))


def _as_csv(entries: list[EntryShown]) -> str:
    text = io.StringIO()
    columns = list(EntryShown.model_fields)
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(entry.model_dump(mode="json") for entry in entries)
    return text.getvalue()


lambda_handler = lambda_handler_of(app)
