"""What a ledger shows of its credits, as plain JSON: what `proof.money` holds the delivered amounts against.

sold    by product and price id: the credits and prices of all terms
lots    account, names of the payments for it, credits granted, used, left (below 0: gone and owed, so they are withheld
        from what other lots give) and owed, when they end (seconds since 1970)
given   money that we gave back as a favour, by a payment's name: its credits stay
parked  events that wait for a person
flags   of all accounts, each with the name that it is about
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ledger.domain import catalogue
from ledger.domain.entries import CounterAccount
from ledger.domain.facts import RefundApproved, facts_of
from ledger.domain.lots import Lot
from ledger.domain.purchases import Purchase
from proof import money
from tools.verify import World

Json = dict[str, Any]


def wrong(world: World, bodies: Iterable[Json]) -> list[str]:
    """What the money in these notifications, all that were delivered, says against a ledger."""
    return money.findings(bodies, shown(world))


def shown(world: World, content: Json | None = None) -> Json:
    """What a ledger shows. `content`: of another catalogue's file than the one that is deployed."""
    names: dict[str, set[str]] = defaultdict(set)  # by what was paid for: several payments can be for one thing
    given: dict[str, int] = {}
    for home in world.payments.values():
        if isinstance(home, Purchase) and home.payment:
            paid_for = home.payment.fulfilment_key or home.payment_id
            names[paid_for] |= {_bare(name) for name in {home.payment_id, *home.names}}
            favours = [fact for fact in facts_of(home.facts, RefundApproved) if not fact.takes_credits]
            given[_bare(home.payment_id)] = sum(fact.amount_minor for fact in favours)
    lots = [
        shown_lot(account_id, lot, sorted(names[lot_id.rpartition("/")[0]]))
        for (account_id, lot_id), lot in world.lots().items()
        if lot.source is CounterAccount.SALES
    ]
    return {
        "sold": sold(content or json.loads(catalogue.DEFAULT_FILE.read_text("utf-8"))),
        "lots": lots,
        "given": {name: minor for name, minor in given.items() if minor},
        "parked": [receipt.event_id for receipt in world.receipts if receipt.parked_reason],
        "flags": [flag for account in world.accounts.values() for flag in account.flags],
    }


def _bare(name: str) -> str:
    """A payment's name as its provider writes it."""
    return name.partition(":")[2]


def shown_lot(account_id: str, lot: Lot, names: list[str]) -> Json:
    """A lot. What has expired counts as left: a clawback takes it. What is frozen or reserved does not.

    Owed are credits to give back that are gone: used, or moved to another lot by a balance. Of a frozen lot all that is
    gone may be, once its dispute is lost; the hold of its account stands for that until then.
    """
    there = lot.remaining + lot.expired
    left = there - lot.granted if lot.is_frozen else (there - lot.reserved or -lot.owed)
    return {
        "account": account_id,
        "names": names or [lot.lot_id],
        "granted": lot.granted,
        "used": lot.drawn,
        "left": left,
        "owed": lot.owed,
        "ends": lot.expires_at.timestamp() if lot.expires_at else None,
    }


def sold(content: Json) -> dict[str, list[Json]]:
    """The terms of all times by product and price id. A price of trials sells trials alone."""
    found: dict[str, list[Json]] = defaultdict(list)
    for row in content["products"]:
        for terms in row.get("terms", [row]):
            of_trials = terms.get("trial_credits", 0)
            for kind, credits_ in (("price_ids", terms["credits"]), ("trial_price_ids", of_trials)):
                names = {name for names in terms.get(kind, {}).values() for name in names}
                for name in names | ({row["product_id"]} if kind == "price_ids" else set()):
                    sells = {"credits": credits_, "trial_credits": of_trials, "prices": terms["prices"]}
                    found[name].append(sells)
    return dict(found)
