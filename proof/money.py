"""A second oracle that knows money alone: amounts in delivered notifications, held against credits that a ledger shows.

It reads no word about a state: money may have come in unless it surely did not, and is away only if it surely is.

    nothing left     no money of a payment is left, and credits of it are
    too much left    the credits that are left cost more than the money that is (one credit of rounding a line)
    nothing got      a known price was surely paid (first, if all is back), and there is no credit, park or flag
    too much used    an account used more than all money that ever came in can have bought
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple

Json = dict[str, Any]


class Sale(NamedTuple):
    """Payments that belong together."""

    names: tuple[str, ...] = ()
    moves: tuple[tuple[Any, ...], ...] = ()  # at, currency; came (at most, surely), away, from balance, by an intent
    lines: tuple[tuple[str, Fraction, int], ...] = ()  # currency, credits, what they cost
    lots: tuple[Json, ...] = ()

    @staticmethod
    def joined(sales: Iterable["Sale"]) -> "list[Sale]":
        home: dict[str, Sale] = {}
        for sale in sales:
            parts = [sale, *{id(home[name]): home[name] for name in sale.names if name in home}.values()]
            home |= dict.fromkeys((whole := Sale(*(sum(part, ()) for part in zip(*parts, strict=True)))).names, whole)
        return list({id(sale): sale for sale in home.values()}.values())

    def money(self, place: int) -> Counter[str]:
        return +Counter({x[1]: sum(move[place] for move in self.moves if move[1] == x[1]) for x in self.moves})

    def capped(self, place: int = 2) -> "Sale":
        came, over = self.money(place), self.money(4) - self.money(place)  # no more can go away than came
        return self._replace(moves=(*self.moves, *((0.0, x, 0, 0, -over[x], 0, 0) for x in over if came[x])))

    def ever(self) -> Counter[str]:
        """All money that came in: what a balance paid did so unless it had been filled from these sales."""
        money, filled = Counter[str](), Counter[str]()
        for _, currency, came, _, _, moved, _ in sorted(self.moves):
            filled[currency] -= (known := min(max(0, moved), filled[currency])) + min(0, moved)
            money[currency] += max(0, came - known)
        return money

    def bought(self, money: Counter[str]) -> Fraction:
        """The most credits that so much money can have bought of the lines, and one for each line."""
        most, money = Fraction(len(self.lines)), Counter(money)
        for currency, credits_, cost in sorted(self.lines, key=lambda line: line[2] / (line[1] or 1)):
            spent = min(cost, max(0, money[currency]))
            most, money[currency] = most + credits_ * (Fraction(spent, cost) if cost else 1), money[currency] - spent
        return most

    def wrong(self, shown: Json) -> Iterator[str]:
        came, sure, away, credits_ = *map(self.money, (2, 3, 4)), sum(lot["left"] for lot in self.lots)
        left = came - away if away.keys() <= came.keys() else Counter()  # gone in a currency of its own: all is gone
        if credits_ > 0 and not left and (not self.lines or any(cost for _, _, cost in self.lines)):
            yield f"nothing left: {credits_} credits are, of {dict(came)} − {dict(away)}"
        given = Counter(dict.fromkeys(came, sum(shown["given"].get(name, 0) for name in {*self.names})))  # as a favour
        if credits_ > (most := self.bought(left + given)):
            yield f"too much left: {credits_} credits, {dict(left)} bought {float(most):.2f}"
        paid_at = (max if sure - away else min)((move[0] for move in self.moves if move[3] > 0), default=0.0)
        is_usable = any(lot["granted"] and (lot["ends"] is None or lot["ends"] > paid_at) for lot in self.lots)
        is_told = {*self.names} & {*shown["parked"]} or any(x in flag for flag in shown["flags"] for x in self.names)
        if sure and any(part and cost for _, part, cost in self.lines) and not is_usable and not is_told:
            yield f"nothing got: {dict(sure)} came in, there is no credit, park or flag"


def findings(bodies: Iterable[Json], shown: Json) -> list[str]:
    """What can't be right in `shown` (see `proof.shown`), if these were all notifications, in any order and number."""
    told: dict[str, dict[str, Json]] = defaultdict(dict)  # the states of each object, by event
    for body in (body for body in bodies if not body.get("account")):  # else it is somebody else's money
        it, event_id = body["data"].get("object") or body["data"], body.get("event_id") or body["id"]
        at = body.get("created") or datetime.fromisoformat(body["occurred_at"]).timestamp()
        told[it["id"]][event_id] = {"object": it["id"][:3], **it, **(it.get("payment") or {}), "told_at": at}
    rows = [_sale((name, *told[name]), told, shown["sold"]) for name in told]
    cash = Sale.joined(row._replace(names=tuple(x for x in row.names if x[:3] != "in_")) for row in rows)
    paid = Sale.joined([*rows, *(Sale(one.names[:1], one.capped(6).moves[len(one.moves) :]) for one in cash)])
    sales = Sale.joined([*map(Sale.capped, paid), *(Sale(tuple(x["names"]), lots=(x,)) for x in shown["lots"])])
    wrong = [f"{what}: {', '.join(sorted({*sale.names}))}" for sale in sales for what in sale.wrong(shown)]
    for own in Sale.joined(sale._replace(names=tuple(lot["account"] for lot in sale.lots)) for sale in sales):
        used, most = sum(lot["used"] for lot in own.lots), own.bought(own.ever())
        wrong += [f"too much used: {used}, all that came in bought {float(most):.2f}: {own.names[0]}"] * (used > most)
    return wrong


def _sale(names: tuple[str, ...], told: dict[str, dict[str, Json]], sold: dict[str, list[Json]]) -> Sale:
    """What one object tells of money."""
    *_, it = states = sorted(told[names[0]].values(), key=lambda state: state["told_at"])
    names += tuple(it[key] for key in ("payment_intent", "charge", "invoice", "transaction_id") if it.get(key))
    currency, came, is_sure, away, moved = (it.get("currency") or it.get("currency_code") or "").upper(), 0, True, 0, 0
    brought = it["amount_paid"] if it["object"] == "invoice_payment" else 0
    rows: list[tuple[str, Any, int, int]] = []  # what; how many (0: a part); the price (0: of a trial); what was paid
    match it["object"]:
        case "checkout.session" if it["payment_intent"] and it["invoice"] not in told:
            came, ours, is_sure = it["amount_total"], it["metadata"], it["payment_method_types"] == ["card"]
            net = came - it["total_details"]["amount_tax"]
            rows = [(ours.get("product_id"), ours.get("quantity", 1), it["amount_subtotal"], net)]
        case "invoice":
            moved = (it["ending_balance"] or 0) - (it["starting_balance"] or 0)
            came, away = max(0, it["amount_paid"] + moved), max(0, -it["amount_paid"] - moved)
            for row in it["lines"]["data"]:
                item = row["parent"]["subscription_item_details"] or row["parent"]["invoice_item_details"]
                names += (f"{item['subscription']} to {row['period']['end']}",) if item["subscription"] else ()
                off = [*row["discount_amounts"], *(tax for tax in row["taxes"] if tax["tax_behavior"] == "inclusive")]
                what, many, full = row["pricing"]["price_details"]["price"], row["quantity_decimal"], row["amount"]
                rows.append((what, 0 if item["proration"] else many, full, full - sum(x["amount"] for x in off)))
        case "txn":
            sums, is_first = it["details"]["totals"], it["origin"] in {"api", "web"}
            total, due, used, back = (int(sums[key]) for key in ("total", "balance", "credit", "credit_to_balance"))
            came, moved = total - due - back, used - back
            names += (f"{it['subscription_id']} to {it['billing_period']['ends_at']}",) if it["billing_period"] else ()
            trials = [item["price"]["id"] for item in it["items"] if item["price"]["trial_period"] and is_first]
            for row in it["details"]["line_items"]:
                gross, net, tax = (int(row["totals"][key]) for key in ("subtotal", "total", "tax"))
                what, count = row["price_id"], 0 if row["proration"] else row["quantity"]
                rows.append((what, count, 0 if what in trials else gross, net - tax))
        case "refund":
            away = it["amount"] * any(one["balance_transaction"] and not one["pending_reason"] for one in states)
            away *= not any(one["failure_reason"] or one["failure_balance_transaction"] for one in states)
        case "charge":  # a running total: what no refund explains
            refunds = [one for said in told.values() for one in [*said.values()][:1] if one["object"] == "refund"]
            away = max(0, it["amount_refunded"] - sum(one["amount"] for one in refunds if one["charge"] == it["id"]))
        case "dispute":
            listed = max((one["balance_transactions"] for one in states), key=len)  # rows are only ever added
            ways = {"dispute": 1, "dispute_reversal": -1}
            out = [abs(one["amount"]) * ways.get(one["reporting_category"], 0) for one in listed]
            sums = [abs(one["amount"]) for one in listed if one["currency"] == it["currency"]] or [it["amount"]]
            away = min(it["amount"], max(sums)) * (sum(out) >= max([1, *out]))  # it may be back, and away again
        case "credit_note" if not it["voided_at"]:
            away = it["post_payment_amount"] - sum(refund["amount_refunded"] for refund in it["refunds"])
            moved = min(0, (it["out_of_band_amount"] or 0) - away)
        case "adj":
            times = {one["updated_at"] for one in states if one["payout_totals"]}
            away = int(it["totals"]["total"]) * bool(times) * (-1 if it["action"].endswith("_reverse") else 1)
            away *= it["action"] != "refund" or len(times) == 1  # told again: it may be back
            moved = -away * it["action"].startswith("credit")
    lines: list[tuple[str, Fraction, int]] = []
    for what, count, gross, net in rows:
        terms = sold.get(what, []) if gross >= 0 else []
        price = min((one["prices"][currency] for one in terms if currency in one["prices"]), default=0)
        many = Fraction(count or 0) or Fraction(gross, price or 1)
        each = [one["credits" if gross else "trial_credits"] for one in terms]
        lines += [(currency, max(each) * many, max(0, min(net, int(price * many) or net)))] if terms else []
    return Sale(names, ((it["told_at"], currency, came, came * is_sure, away, moved, brought),), tuple(lines))
