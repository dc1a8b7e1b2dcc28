"""Letters of each kind, in each language, about a customer whose words are hostile."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from ledger.domain.ids import OrderId
from ledger.domain.orders import Consent
from ledger.mails.confirmation import ConfirmedOrder, Reseller, confirmation
from ledger.mails.letters import House, Letter
from ledger.mails.writing import Writer
from tests.unit.dynamodb.golden_items import ORDER

AT = datetime(2026, 11, 29, 10, 25, 7, tzinfo=UTC)
HOUSE = House(
    seller="Actinium Agency",
    address="Serbia",
    email="support@imagetaggerai.com",
    account_url="https://imagetaggerai.com/billing",
    withdrawal_url="https://imagetaggerai.com/withdrawal",
)
HOSTILE = 'Robert"><script>alert(1)</script>\r\nBcc: all@example.com'
CONFIRMED = ConfirmedOrder(
    order=replace(
        ORDER,
        order_id=OrderId("ord_0123456789abcdef01234567"),
        made_at=AT,
        consent=Consent(given_at=AT, text_version="2026-11-01", asked_to_begin=True, acknowledged_loss=True),
    ),
    name="1,000 credits",
    paid_minor=2142,
    currency="EUR",
    paid_at=AT,
    expires_at=None,
    is_subscription=False,
    has_right=True,
    reseller=None,
    policy_text="Legal\nRefund & Cancellation Policy\nClause 1 <b>",
)
PADDLE = Reseller(name="Paddle.com", page="paddle.net")


def confirmed(**changes: object) -> Callable[[Writer], Letter]:
    """Return what writes the confirmation of an order."""
    return lambda writer: confirmation(replace(CONFIRMED, **changes), "mail_1", writer)  # type: ignore[arg-type]


LETTERS: Mapping[str, Callable[[Writer], Letter]] = {
    "pack": confirmed(),
    "pack that expires": confirmed(expires_at=AT),
    "plan": confirmed(is_subscription=True, name="Creator Monthly"),
    "no consent": confirmed(order=replace(CONFIRMED.order, consent=None)),
    "reseller": confirmed(reseller=PADDLE),
    "business": confirmed(order=replace(CONFIRMED.order, is_business=True)),
    "no right": confirmed(has_right=False),
    "hostile": confirmed(name=HOSTILE),
}
