"""GET /account, /account/statement and .csv, /purchases, /credit-notes, /orders/{id}: what a customer has and did."""

import csv
import io
import json
from datetime import datetime
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from ledger.api import validation_messages
from ledger.api.auth import caller
from ledger.api.errors import problem_of
from ledger.api.http import documented_problems, lambda_handler_of, resolver, services
from ledger.api.pagination import PURCHASE_POSITION, Listing
from ledger.api.requests.parameters import PageCursor, PageSize
from ledger.api.responses.accounts import AccountResponse, OrderableResponse
from ledger.api.responses.credit_notes import CreditNoteList, CreditNoteResponse
from ledger.api.responses.locks import LockResponse
from ledger.api.responses.orders import PlacedOrderResponse
from ledger.api.responses.purchases import PurchasePage, PurchaseResponse
from ledger.api.responses.statements import EntryResponse, StatementPage, with_balances
from ledger.domain.accounts import Account
from ledger.domain.contacts import Contact
from ledger.domain.errors import NotFound
from ledger.domain.ids import OrderId
from ledger.domain.orders import Order
from ledger.ports.documents import contact_key
from ledger.ports.reads import Keys
from ledger.usecases.debts import refusing_debt
from ledger.usecases.locks import read_locks
from ledger.usecases.place_order import obstacle_to_order, with_checkout_address
from ledger.usecases.refund_cases.preview import preview_all

app = resolver()


@app.get(
    "/account",
    summary="Credits, holds, subscription, debt, and what can be ordered",
    tags=["Account"],
    responses=documented_problems(AccountResponse),
)
def read_account() -> Response[Any]:
    """Return the caller's account. A customer without purchases has an empty account."""
    here, account_id = services(), caller(app).account_id
    key = contact_key(account_id)
    stored = here.store.read(Keys(accounts=frozenset({account_id}), documents=frozenset({key})))
    found = stored.accounts.get(account_id) or Account(account_id=account_id)
    now = here.now()
    locks = [LockResponse.of(one) for one in read_locks(found, here.store, now)]
    response = AccountResponse.of(
        found,
        _orderable(found),
        locks,
        now,
        is_debt_withheld=here.config.is_debt_withheld,
        contact=stored.document(key, Contact),
    )
    return Response(200, "application/json", response.model_dump_json())


def _orderable(account: Account) -> list[OrderableResponse]:
    """Return each product that is sold, and what an order of it would be refused with."""
    here = services()
    allowed = here.policy.debt_refuses_orders_above
    debt = refusing_debt(account, here.store, allowed) if here.config.is_order_refused_in_debt else 0
    found = []
    for product_id in here.catalogue.sold(here.now()):
        obstacle = obstacle_to_order(product_id, account, debt)
        refused = problem_of(obstacle) if obstacle else None
        document = json.loads(refused.body) if refused and refused.body else {}
        found.append(
            OrderableResponse(
                product_id=product_id,
                is_orderable=obstacle is None,
                problem=document.get("type"),
                words=document.get("detail"),
            )
        )
    return found


@app.get(
    "/account/statement",
    summary="Every movement of credits, newest first",
    tags=["Account"],
    responses=documented_problems(StatementPage),
)
def read_statement(limit: PageSize = 50, after: PageCursor = None) -> Response[Any]:
    """Return entries with their cause and the balance after each."""
    entries, following = _statement(limit, after)
    return Response(200, "application/json", StatementPage(entries=entries, next=following).model_dump_json())


@app.get(
    "/account/statement.csv",
    summary="The same for a spreadsheet",
    tags=["Account"],
    responses=documented_problems(
        None,
        headers={"Next-Page": "Send it as `after` to get the next page. Absent: this was the last page."},
        other={"text/csv": {"schema": {"type": "string", "description": "A header line, then a line for each entry."}}},
    ),
)
def read_statement_as_csv(limit: PageSize = 50, after: PageCursor = None) -> Response[Any]:
    """Return a page of the statement as CSV. The columns are the fields of an entry."""
    entries, following = _statement(limit, after)
    headers = {"next-page": following} if following else {}
    return Response(200, "text/csv; charset=utf-8", _as_csv(entries), headers)


def _statement(limit: int, after: str | None) -> tuple[list[EntryResponse], str | None]:
    """Return a page of the caller's entries, and the cursor of the next one."""
    account_id = caller(app).account_id
    listing = Listing(account_id, "statement")
    start, balance = listing.opened(after)
    stored, page = services().store.statement_page(account_id, limit, start)
    if start is None:
        balance = stored.balance if stored else 0
    following = listing.close(page.next, balance - sum(entry.credits for entry in page.items))
    return with_balances(page.items, balance), following


@app.get(
    "/purchases",
    summary="Payments, and whether each can be refunded now",
    tags=["Account"],
    responses=documented_problems(PurchasePage),
)
def list_purchases(limit: PageSize = 20, after: PageCursor = None) -> PurchasePage:
    """Return purchases, newest first, each with the decision that a request would get now for its best reason."""
    here, account_id = services(), caller(app).account_id
    listing = Listing(account_id, "purchases", PURCHASE_POSITION)
    start, _ = listing.opened(after)
    found, following = preview_all(account_id, here.store, here.policy, limit=limit, after=start, now=here.now())
    responses = [PurchaseResponse.of(purchase, reason, decision) for purchase, reason, decision in found]
    return PurchasePage(purchases=responses, next=listing.close(following))


@app.get(
    "/credit-notes",
    summary="The documents of refunds",
    tags=["Account"],
    responses=documented_problems(CreditNoteList),
)
def list_credit_notes() -> CreditNoteList:
    """Return the caller's credit notes, the oldest first. Each was sent by e-mail too, with a PDF."""
    notes = services().store.credit_notes(caller(app).account_id)
    return CreditNoteList(credit_notes=[CreditNoteResponse.of(note) for note in notes])


@app.get(
    "/orders/<order_id>",
    summary="What became of an order",
    tags=["Orders"],
    responses=documented_problems(PlacedOrderResponse, 404),
)
def read_order(order_id: Annotated[str, Path(pattern=validation_messages.ORDER_ID)]) -> PlacedOrderResponse:
    """Return an order of the caller. Its payment may be reported seconds after the customer has returned from it."""
    account_id, store, key = caller(app).account_id, services().store, f"order/{order_id}"
    known = store.read(Keys(fulfilment_keys=frozenset({key})))
    placed = known.order(OrderId(order_id))
    if placed is None or placed.account_id != account_id:
        raise NotFound(f"You have no order {order_id}.")
    payment_ids = known.fulfilment_keys[key].payment_ids
    if placed.checkout and not payment_ids:
        placed = with_checkout_address(placed, placed.checkout, store)
    locked_until = _locked_until(placed) if payment_ids and placed.missing_consent else None
    return PlacedOrderResponse.of(placed, payment_ids, placed.checkout.url if placed.checkout else None, locked_until)


def _locked_until(placed: Order) -> datetime | None:
    """Return until when credits of a paid order are locked. None: they are not."""
    if placed.terms is None or placed.terms.lock_days is None:
        return None
    here = services()
    found = here.store.read(Keys(accounts=frozenset({placed.account_id}))).accounts.get(placed.account_id)
    locks = found.locks(here.now()).values() if found else ()
    return max((lock.until for lock in locks if lock.until and lock.order_id == placed.order_id), default=None)


def _as_csv(entries: list[EntryResponse]) -> str:
    text = io.StringIO()
    columns = list(EntryResponse.model_fields)
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(entry.model_dump(mode="json") for entry in entries)
    return text.getvalue()


lambda_handler = lambda_handler_of(app)
