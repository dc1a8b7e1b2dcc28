"""Kinds of histories at Paddle."""

from proof.kinds.history import History
from proof.kinds.terms import DAY, PADDLE_PRICES, STUDIO
from tools.fixtures.tariff import Tariff

_TRIAL = {"interval": "day", "frequency": 7, "requires_payment_method": True, "unit_price": None}


def _share(history: History) -> int:
    return history.chance.choice((1, 1, 2, 3))


def several_payments_of_one_order_at_paddle(history: History) -> None:
    """An order is paid two or three times; some are refunded or contested."""
    paid = history.transaction("pack_500")
    order_id = paid["custom_data"]["order_id"]
    twins = [paid, *(history.transaction("pack_500", order_id=order_id) for _ in range(history.chance.randint(1, 2)))]
    for twin in history.chance.sample(twins, history.chance.choice((1, len(twins), len(twins)))):
        history.adjustment(twin, history.chance.choice(("refund", "refund", "chargeback")), share=_share(history))


def tax_goes_back(history: History) -> None:
    """The tax goes back, then a part or the rest."""
    paid = history.transaction("pack_1000")
    history.adjustment(paid, "refund", tax_only=True)
    rest = int(paid["details"]["totals"]["subtotal"])
    history.refund_of_lines(paid["id"], {paid["details"]["line_items"][0]["id"]: history.part(rest)})


def trials_at_paddle(history: History) -> None:
    """A paid trial has the price id of its plan; a renewal of the same price is no trial. One of them is refunded."""
    priced = {"trial_period": _TRIAL}
    cheap = Tariff("USD", {"studio_monthly": (STUDIO["paddle"], 100)}, frozenset({"studio_monthly"}))
    made = history.subscribed("studio_monthly", days=7, tariff=cheap, price=priced)
    history.now += 7 * DAY
    period, sub_id = (history.stamp(), history.stamp(30 * DAY)), made["subscription_id"]
    renewed = history.transaction(
        "studio_monthly", origin="subscription_recurring", subscription_id=sub_id, period=period, price=priced
    )
    history.adjustment(history.chance.choice((made, renewed)), "refund", share=_share(history))


def change_of_plan_at_paddle(history: History) -> None:
    """To a dearer plan in the middle of a period: the old one is credited in part, which pays the new one in part."""
    paid = history.subscribed("creator_monthly")
    credited = history.adjustment(paid, "credit", share=history.chance.choice((2, 3)))
    period, sub_id = (history.stamp(), paid["billing_period"]["ends_at"]), paid["subscription_id"]
    changed = history.transaction(
        "studio_monthly",
        origin="subscription_update",
        subscription_id=sub_id,
        period=period,
        is_proration=True,
        credit=int(credited["totals"]["total"]),
    )
    history.adjustment(changed, history.chance.choice(("refund", "chargeback")), share=_share(history))


def charged_on_a_subscription(history: History) -> None:
    """A pack is charged on a subscription, and carries the order of the subscription."""
    paid = history.subscribed("creator_monthly")
    charged = history.transaction(
        "pack_500",
        origin="subscription_charge",
        subscription_id=paid["subscription_id"],
        order_id=paid["custom_data"]["order_id"],
    )
    history.adjustment(history.chance.choice((paid, charged)), "refund", share=_share(history))


def another_currency_than_ordered(history: History) -> None:
    """An order of one currency is paid in another that the catalogue lists, and is refunded."""
    order_id = history.order("paddle", "pack_500")
    euros = Tariff("EUR", PADDLE_PRICES | {"pack_500": (PADDLE_PRICES["pack_500"][0], 900)})
    paid = history.transaction("pack_500", order_id=order_id, tariff=euros)
    history.adjustment(paid, history.chance.choice(("refund", "chargeback")), share=_share(history))


def adjustments(history: History) -> None:
    """Credits and chargebacks, with reversals by row, by status, in part; then a refund."""
    paid, share = history.transaction("pack_1000"), history.chance.choice((1, 2, 3))
    action = history.chance.choice(("credit", "chargeback", "chargeback_warning"))
    made = history.adjustment(paid, action, share=share)
    if history.chance.random() < 0.6:
        of_it = history.chance.choice((share, share, 2 * share))
        history.adjustment(paid, f"{action}_reverse", share=of_it)
        if of_it == share and history.chance.random() < 0.5:
            history.at_paddle("adjustment.updated", made | {"status": "reversed", "updated_at": history.stamp()})
    history.adjustment(paid, "refund", share=history.chance.choice((1, 2, 3)))


def paid_from_a_balance(history: History) -> None:
    """A payment is credited to the buyer's balance, which pays a part of the next one, or all; that goes back."""
    credited = 0
    if history.chance.random() < 0.7:
        made = history.adjustment(history.transaction("pack_500"), "credit", share=_share(history))
        credited = int(made["totals"]["total"])
    paid = history.transaction("pack_2500", credit=credited or history.part(4950))
    history.adjustment(paid, history.chance.choice(("refund", "credit")), share=_share(history))


KINDS = (
    several_payments_of_one_order_at_paddle,
    tax_goes_back,
    trials_at_paddle,
    change_of_plan_at_paddle,
    charged_on_a_subscription,
    another_currency_than_ordered,
    adjustments,
    paid_from_a_balance,
)
