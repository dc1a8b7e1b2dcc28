"""Kinds of histories at Stripe."""

import itertools

from proof.kinds.history import CREATOR, MONTH, History, Json
from proof.kinds.terms import DAY, START, STUDIO, STUDIO_TRIAL
from tools.fixtures import stripe_shapes as shapes


def several_payments_of_one_order(history: History) -> None:
    """An order is paid two or three times; each is refunded, or contested, by any part, in any order."""
    order_id = history.order("stripe", "pack_500")
    intents = [history.session("pack_500", 1000, order_id=order_id) for _ in range(history.chance.randint(2, 3))]
    for intent in history.chance.sample(intents, history.chance.choice((1, len(intents), len(intents)))):
        history.goes_back(intent, history.part(1000))


def terms_that_change(history: History) -> None:
    """An order is placed under old terms or new ones, and is paid when others count; or there is no order."""
    history.now = START + history.chance.choice((0, 3, 40)) * DAY
    order_id = history.order("stripe", "pack_1000", days_before=history.chance.choice((0, 45)))
    agreed_minor = history.orders[-1][0].price_minor
    intent = history.session("pack_1000", agreed_minor, order_id=order_id)
    history.refund(intent, history.part(agreed_minor))
    history.session("pack_1000", 2500)


def settings_that_change(history: History) -> None:
    """A payment, and a dispute, of before the change and one of after it; the payment is reported by a second event."""
    history.now = START + history.chance.choice((0, 1, 3)) * DAY
    sub, invoice_id = history.name("sub_1"), history.name("in_1")
    begins = START - 29 * DAY  # it ends between
    line = history.line(sub, invoice_id, CREATOR, 1500, (begins, begins + MONTH))
    paid = history.invoice(sub, invoice_id, "subscription_cycle", [line])
    intent = history.link(invoice_id, 1500)
    history.dispute(intent, history.part(1500))
    history.at_stripe("invoice.paid", paid)
    history.month(history.name("sub_1"), 1)


def tax_and_refunds(history: History) -> None:
    """A payment with tax goes back in part."""
    intent = history.session("pack_500", 1000, tax=200)
    history.refund(intent, history.part(1200))
    history.refund(intent, history.part(1200))


def credit_notes(history: History) -> None:
    """Money of an invoice goes back outside of Stripe, to the balance, or by a refund; a note may be voided."""
    sub = history.name("sub_1")
    paid = history.month(sub)
    amount = history.part(1500)
    out_of_band = history.chance.choice((amount, None))
    note = shapes.credit_note(history.name("cn_1"), paid["id"], amount, history.now, out_of_band_amount=out_of_band)
    history.at_stripe("credit_note.created", note)
    if history.chance.random() < 0.3:
        history.at_stripe("credit_note.voided", note | {"status": "void", "voided_at": history.now + 60})
    intent = history.link(paid["id"], 1500)
    if amount < 1500:
        history.refund(intent, history.part(1500 - amount))


def balances(history: History) -> None:
    """A cancellation credits the balance, which pays the next invoice in part or whole; that is refunded."""
    sub, again = history.name("sub_1"), history.name("sub_1")
    paid = history.month(sub, tax=history.chance.choice((0, 300)))
    credited, invoice_id = 1500 * history.chance.choice((1, 2, 3)) // 3, history.name("in_1")
    unused = history.unused(sub, invoice_id, paid, credited, is_named=history.chance.random() < 0.7)
    history.invoice(sub, invoice_id, "subscription_update", [unused])
    after = history.month(again, starting_balance=-credited)
    if credited < 1500:
        intent = history.link(after["id"], 1500 - credited)
        history.refund(intent, history.part(1500 - credited))
    if paid["total"] > credited and history.chance.random() < 0.5:
        history.refund(history.link(paid["id"], paid["total"]), history.part(paid["total"] - credited))


def rounds_over_a_balance(history: History) -> None:
    """A month is paid by card, credited to the balance, and that pays the next one, again and again."""
    credited = 0
    for _ in range(history.chance.randint(2, 3)):
        sub, invoice_id = history.name("sub_1"), history.name("in_1")
        paid = history.month(sub, starting_balance=-credited)
        credited = history.chance.choice((1500, 1500, 1000))
        unused = history.unused(sub, invoice_id, paid, credited)
        history.invoice(sub, invoice_id, "subscription_update", [unused])


def change_of_plan(history: History) -> None:
    """From one plan to a dearer one, or back, in the middle of a period; then money goes back.

    What is credited may name nothing, and the next period, which begins as the credit ends, may be paid before it.
    """
    sub, is_up = history.name("sub_1"), history.chance.random() < 0.6
    old, new = (CREATOR, STUDIO["stripe"])[:: 1 if is_up else -1]
    prices = {CREATOR: 1500, STUDIO["stripe"]: 6000}
    paid = history.month(sub, price_id=old)
    left, invoice_id = history.chance.choice((2, 3, 4)), history.name("in_1")
    unused = history.unused(sub, invoice_id, paid, prices[old] // left, is_named=history.chance.random() < 0.7)
    period = (history.now, START + MONTH)
    rest = history.line(sub, invoice_id, new, prices[new] // left, period, proration=True)
    changed = history.invoice(sub, invoice_id, "subscription_update", [unused, rest])
    if is_up:
        history.goes_back(history.link(invoice_id, changed["total"]), history.part(changed["total"]))
    history.month(sub, 1, price_id=new, starting_balance=changed["ending_balance"])


def trials(history: History) -> None:
    """A trial, free or paid; then the first period; each may be refunded."""
    sub, ends = history.name("sub_1"), START + 7 * DAY
    invoice_id, price = history.name("in_1"), history.chance.choice((0, 100))
    line = history.line(sub, invoice_id, STUDIO_TRIAL if price else STUDIO["stripe"], price, (START, ends))
    history.invoice(sub, invoice_id, "subscription_create", [line])
    if price:
        history.refund(history.link(invoice_id, price), history.part(price))
    paid = history.month(sub, 1, price_id=STUDIO["stripe"])
    history.refund(history.link(paid["id"], 6000), history.part(6000))


def two_currencies(history: History) -> None:
    """A dispute, or a refund, in another currency than the payment's; or a payment in another than the order's."""
    if history.chance.random() < 0.3:
        order_id = history.order("stripe", "pack_500")
        intent = history.session("pack_500", 900, order_id=order_id, currency="eur")
        history.refund(intent, history.part(900), currency="eur")
        return
    intent = history.session("pack_500", 1000)
    history.chance.choice((history.refund, history.dispute))(intent, history.part(920), currency="eur")


def disputes(history: History) -> None:
    """A payment is contested in part or whole, perhaps twice, and partly refunded."""
    intent = history.session("pack_500", 1000)
    history.dispute(intent, history.part(1000))
    history.goes_back(intent, history.part(1000))


def many_to_many(history: History) -> None:
    """An invoice is paid by two intents, or an intent pays two invoices; they are refunded or contested."""
    sub, other = history.name("sub_1"), history.name("sub_1")
    paid = history.month(sub)
    if history.chance.random() < 0.5:
        first = history.link(paid["id"], 900)
        second = history.link(paid["id"], 600)
        history.refund(first, history.part(900))
        history.goes_back(second, history.part(600))
        return
    twin = history.month(other)
    intent = history.link(paid["id"], 1500)
    history.link(twin["id"], 1500, intent)
    history.goes_back(intent, history.part(3000))


def shared_in_parts(history: History) -> None:
    """An intent pays two or three invoices, perhaps one of them with another intent. It goes back in odd parts."""
    chance = history.chance
    months = [history.month(history.name("sub_1")) for _ in range(chance.choice((2, 2, 3)))]
    first, *others = chance.choice(((1500,), (900, 600), (1000, 500)))
    intent = history.link(months[0]["id"], first)
    for minor in others:
        history.goes_back(history.link(months[0]["id"], minor), history.part(minor))
    is_linked_late = chance.random() < 0.5
    if not is_linked_late:
        _link_all(history, months[1:], intent)
    whole = first + 1500 * len(months[1:])
    cuts = sorted(chance.sample(range(1, whole), chance.choice((1, 2, 3))))
    for number, (since, upto) in enumerate(itertools.pairwise((0, *cuts, whole))):
        history.refund(intent, upto - since, is_by_charge=number > 0 and chance.random() < 0.3)
    if is_linked_late:
        _link_all(history, months[1:], intent)
    if chance.random() < 0.3:
        history.dispute(intent, history.part(whole), is_by_charge=chance.random() < 0.5)


def _link_all(history: History, months: list[Json], intent: str) -> None:
    for month in months:
        history.link(month["id"], 1500, intent)


def running_totals(history: History) -> None:
    """Of two charges of one invoice, one's refund is reported by itself, the other's by its running total alone."""
    paid = history.month(history.name("sub_1"))
    first, second = history.link(paid["id"], 900), history.link(paid["id"], 600)
    history.refund(first, history.part(900))
    history.running_total(second, history.part(600))


def paid_late(history: History) -> None:
    """A renewal is paid days or weeks after its period began or ended, and perhaps after the next one."""
    sub = history.name("sub_1")
    if history.chance.random() < 0.5:
        history.month(sub, 1)
    history.now = max(history.now, START + history.chance.choice((5, 25, 35, 60)) * DAY)
    invoice_id = history.name("in_1")
    line = history.line(sub, invoice_id, CREATOR, 1500, (START, START + MONTH))
    history.invoice(sub, invoice_id, "subscription_cycle", [line])
    history.refund(history.link(invoice_id, 1500), history.part(1500))


def settled_by_nobody(history: History) -> None:
    """An invoice that a credit note settled, or lowered, before it was paid."""
    history.month(history.name("sub_1"), amount_paid=0, pre_payment_credit_notes_amount=1500)
    history.month(history.name("sub_1"), amount_paid=500, pre_payment_credit_notes_amount=1000)


KINDS = (
    several_payments_of_one_order,
    terms_that_change,
    settings_that_change,
    tax_and_refunds,
    credit_notes,
    balances,
    rounds_over_a_balance,
    change_of_plan,
    trials,
    two_currencies,
    disputes,
    many_to_many,
    shared_in_parts,
    running_totals,
    paid_late,
    settled_by_nobody,
)
