"""Acts about an account: holds, amounts, adjustments. And its purchases, and what it has on paper."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from ledger.api import validation_messages
from ledger.api.auth import support
from ledger.api.http import documented_problems, routes, services
from ledger.api.pagination import PURCHASE_POSITION, Listing
from ledger.api.requests.accounts import AdjustmentRequest, HoldRequest
from ledger.api.requests.disputes import AmountRequest
from ledger.api.requests.orders import InformationRequest
from ledger.api.requests.parameters import DECODED, AccountPath, IdempotencyKey, PageCursor, PageSize
from ledger.api.responses.accounts import SuspendedAccountPage, SuspendedAccountResponse
from ledger.api.responses.credit_notes import CreditNoteList, CreditNoteResponse
from ledger.api.responses.purchases import PurchaseResponse
from ledger.api.responses.support import (
    AdjustmentResponse,
    AmountResponse,
    HoldChangeResponse,
    InformationResponse,
)
from ledger.api.responses.support_accounts import SupportPurchasePage, SupportPurchaseResponse
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.usecases.adjust_credits import Adjustment, adjust_credits
from ledger.usecases.authority import Authority
from ledger.usecases.holds import lift_hold, place_hold
from ledger.usecases.late_information import ask_for_information
from ledger.usecases.looks import record_look
from ledger.usecases.refund_cases.preview import preview_all
from ledger.usecases.state_amount import state_amount

router = routes()
HoldPath = Annotated[
    str, DECODED, Path(min_length=1, max_length=300, description="The hold's id, as the account shows it.")
]
OrderPath = Annotated[str, Path(pattern=validation_messages.ORDER_ID, description="The order's id.")]
Why = Annotated[str, Query(min_length=1, max_length=1000, description="The reason. It is recorded with your name.")]


@router.get(
    "/support/suspended-accounts",
    summary="Suspended accounts, the latest first",
    tags=["Support"],
    responses=documented_problems(SuspendedAccountPage),
)
def list_suspended_accounts(limit: PageSize = 50, after: PageCursor = None) -> SuspendedAccountPage:
    """Return the accounts that have a hold, by the time of their oldest one. One appears some seconds later."""
    support(router, about=None)
    store, listing = services().store, Listing("support", "suspended accounts")
    found, following = listing.page(after, lambda start: store.suspended_accounts(limit, start))
    return SuspendedAccountPage(accounts=[SuspendedAccountResponse.of(one) for one in found], next=following)


@router.post(
    "/support/accounts/<account_id>/holds",
    summary="Suspend an account",
    tags=["Support"],
    responses=documented_problems(HoldChangeResponse, 404),
)
def hold_account(account_id: AccountPath, request: HoldRequest) -> HoldChangeResponse:
    """Suspend the account until this hold is lifted. Idempotent."""
    here, person = services(), support(router, about=account_id)
    changed = place_hold(
        request.hold_id, AccountId(account_id), person.account_id, here.store, why=request.why, now=here.now()
    )
    return HoldChangeResponse(hold_id=request.hold_id, changed=changed)


@router.delete(
    "/support/accounts/<account_id>/holds/<hold_id>",
    summary="Lift one hold",
    tags=["Support"],
    responses=documented_problems(HoldChangeResponse, 409),
)
def remove_hold(account_id: AccountPath, hold_id: HoldPath, why: Why) -> HoldChangeResponse:
    """Lift this hold only. Later events of the same dispute do not place it again. Idempotent."""
    here, person = services(), support(router, about=account_id)
    changed = lift_hold(
        hold_id,
        AccountId(account_id),
        person.account_id,
        here.store,
        why=why,
        now=here.now(),
        authority=Authority(limits=here.policy.support_limits),
    )
    return HoldChangeResponse(hold_id=hold_id, changed=changed)


@router.post(
    "/support/accounts/<account_id>/orders/<order_id>/information",
    summary="Mail the information about the right of withdrawal that an order did not show",
    tags=["Support"],
    responses=documented_problems(InformationResponse, 404, 409),
)
def inform_buyer(account_id: AccountPath, order_id: OrderPath, request: InformationRequest) -> InformationResponse:
    """Mail it to the buyer of a paid order. The 14 days run from its sending, if it does not come back. Idempotent.

    Until then the buyer has 12 months more. 409: it was shown with the order, or would change nothing.
    """
    here, person = services(), support(router, about=account_id)
    asked = ask_for_information(
        OrderId(order_id),
        AccountId(account_id),
        person.account_id,
        here.store,
        here.policy,
        why=request.why,
        now=here.now(),
    )
    return InformationResponse(
        order_id=order_id, asked_at=asked.mail.asked_at, sent_at=asked.mail.sent_at, changed=asked.is_new
    )


@router.post(
    "/support/accounts/<account_id>/amounts",
    summary="State an amount in the payment's currency",
    tags=["Support"],
    responses=documented_problems(AmountResponse, 404, 409),
)
def record_amount(account_id: AccountPath, request: AmountRequest) -> AmountResponse:
    """Say what a refund or dispute in another currency is in its payment's currency, so that it can be booked.

    Until then all credits of the payment are frozen or reserved. Idempotent.
    """
    here, person = services(), support(router, about=account_id)
    changed = state_amount(
        PaymentId(request.payment_id),
        request.subject_id,
        request.amount_minor,
        AccountId(account_id),
        person.account_id,
        here.store,
        why=request.why,
        now=here.now(),
        authority=Authority(limits=here.policy.support_limits),
    )
    return AmountResponse(
        payment_id=request.payment_id,
        subject_id=request.subject_id,
        amount_minor=request.amount_minor,
        changed=changed,
    )


@router.post(
    "/support/accounts/<account_id>/adjustments",
    summary="Adjust credits",
    tags=["Support"],
    responses=documented_problems(AdjustmentResponse, 404, 409),
)
def adjust_account_credits(
    account_id: AccountPath, request: AdjustmentRequest, idempotency_key: IdempotencyKey
) -> AdjustmentResponse:
    """Give credits out of goodwill, or take back what was given so. Each is an entry with its reason on record."""
    here, person = services(), support(router, about=account_id)
    request.check()
    adjustment = Adjustment(
        account_id=AccountId(account_id),
        credits=request.credits,
        reason=request.why,
        actor=person.account_id,
        key=idempotency_key,
    )
    adjustment_id = adjust_credits(adjustment, here.store, Authority(limits=here.policy.support_limits), now=here.now())
    return AdjustmentResponse(adjustment_id=adjustment_id, credits=request.credits)


@router.get(
    "/support/accounts/<account_id>/purchases",
    summary="An account's payments, and whether each can be refunded now",
    tags=["Support"],
    responses=documented_problems(SupportPurchasePage),
)
def list_purchases_of_account(
    account_id: AccountPath, limit: PageSize = 20, after: PageCursor = None
) -> SupportPurchasePage:
    """Return the account's purchases, newest first, with their refunds, disputes and ids. Empty: it has none."""
    here, person, owner = services(), support(router, about=None), AccountId(account_id)
    listing = Listing(account_id, "purchases", PURCHASE_POSITION)
    start, _ = listing.opened(after)
    record_look(owner, person.account_id, "purchases", here.store, now=here.now())
    now = here.now()
    found, following = preview_all(owner, here.store, here.policy, limit=limit, after=start, now=now)
    responses = [SupportPurchaseResponse.seen(PurchaseResponse.of(*one), one[0], now) for one in found]
    return SupportPurchasePage(purchases=responses, next=listing.close(following))


@router.get(
    "/support/accounts/<account_id>/credit-notes",
    summary="The documents of an account's refunds",
    tags=["Support"],
    responses=documented_problems(CreditNoteList),
)
def list_credit_notes_of_account(account_id: AccountPath) -> CreditNoteList:
    """Return the account's credit notes, the oldest first."""
    here, person, owner = services(), support(router, about=None), AccountId(account_id)
    record_look(owner, person.account_id, "credit-notes", here.store, now=here.now())
    notes = here.store.credit_notes(owner)
    return CreditNoteList(credit_notes=[CreditNoteResponse.of(note) for note in notes])
