"""What a run means: everything that must be the same whether or not something died on the way.

Left out is what may lawfully differ: when something was done (the second try is later; that it was done is compared,
and when credits lapse, periods end and renewals stop), who was heard first, the versions of what is stored, how often a
refund was tried, that a case was `issued` for a while (its refund's end may be heard first), an invoice's random
number, the digest of a request (its body has random ids) and of an order's terms (it has when it was placed), of a
receipt all but its event and that it is parked, and a provider's page that was made and never answered for (it is made
without an idempotency key; nobody can pay what nobody was sent to).
"""

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from ledger.domain.facts import RefundSent
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import CaseState, StateChange
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.stripe.account import StripeAccount
from tools.verify import World

_TIMES = {"expires_at", "period_end", "cancel_at"}
_DIFFERS = {"cause", "version", "attempt", "attempts", "invoice_number", "terms_hash"}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+\+00:00")
_ID = re.compile(r"\b[a-z]+(?:_test)?_[0-9A-Za-z]{14,}")


def meaning(world: World, providers: Mapping[str, StripeAccount | PaddleAccount]) -> dict[str, Any]:
    """What is stored here and at the providers; their random ids are numbered as they were first told of."""
    net: Counter[str] = Counter()
    for entry in world.entries:
        net[f"{entry.account_id} {entry.lot_id} {entry.counter}"] += entry.credits
    purchases = [purchase for purchase in world.payments.values() if isinstance(purchase, Purchase)]
    said = {
        "net": {key: credits_ for key, credits_ in net.items() if credits_},
        "lots": {"/".join(key): _plain(lot) for key, lot in world.lots().items()},
        "accounts": {
            account.account_id: {
                "holds": sorted(account.holds),
                "flags": sorted(account.flags),
                "subscriptions": _plain(account.subscriptions),
                "cases": dict(account.cases),
            }
            for account in world.accounts.values()
        },
        "purchases": {
            purchase.payment_id: {
                "names": sorted(purchase.names),
                "is_duplicate": purchase.is_duplicate,
                "facts": {
                    key: _plain(fact) for key, fact in purchase.facts.items() if not isinstance(fact, RefundSent)
                },
            }
            for purchase in purchases
        },
        "claims": {fulfilment_key.key: _plain(fulfilment_key) for fulfilment_key in world.fulfilment_keys.values()},
        "cases": {case.case_id: _plain(case) for case in world.cases.values()},
        "outbox": sorted(world.intents),
        "renewals": sorted(f"{stop.subscription_id} {stop.payment_id}" for stop in world.renewal_stops.values()),
        "open checkouts": {"/".join(key.parts): latest.order_id for key, latest in world.open_checkouts.items()},
        "waiting": sorted(f"{key.kind} {waiting.case_id}" for key, waiting in world.queued_cases.items()),
        "runs": {run.run_id: _plain(run) for run in world.runs},
        "failures": {f"{account_id} {failure.run_id}": _plain(failure) for account_id, failure in world.failed_runs},
        "incidents": {name: _plain(incident) for name, incident in world.incidents.items()},
        "shares": [_plain(world.incident_shares[key]) for key in sorted(world.incident_shares, key=str)],
        "acts": sorted(
            f"{owner} {act.actor} {act.action} {act.subject}: {act.reason}" for owner, act in world.audit_records
        ),
        "answered": sorted(f"{key.parts} {answered.subject}" for key, answered in world.idempotency_records.items()),
        "receipts": sorted(receipt.event_id for receipt in world.receipts),
        "parked": sorted(receipt.event_id for receipt in world.receipts if receipt.parked_reason),
        **{name: _at_provider(account) for name, account in providers.items()},
    }
    numbered: dict[str, Any] = json.loads(_numbered(json.dumps(said), providers))
    return numbered


def differences(wanted: Any, found: Any, where: str = "") -> list[str]:
    """Where two runs do not mean the same."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        names = sorted(wanted.keys() | found.keys())
        inner = (differences(wanted.get(name), found.get(name), f"{where}/{name}") for name in names)
        return [told for one in inner for told in one]
    one, other = _ordered(wanted), _ordered(found)
    return [] if one == other else [f"{where}: {json.dumps(other)}, without a crash {json.dumps(one)}"]


def _ordered(value: Any) -> Any:
    """A list of names in the order of their numbers."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return sorted(value)
    return value


def _at_provider(account: StripeAccount | PaddleAccount) -> dict[str, Any]:
    """What a provider holds: pages, payments, refunds, subscriptions."""
    if isinstance(account, StripeAccount):
        return {
            "checkouts": [one["status"] for one in account.sessions.values() if one["status"] != "open"],
            "charges": [[one["amount"], one["amount_refunded"]] for one in account.charges.values()],
            "refunds": [[one["amount"], one["status"]] for one in account.refunds.values()],
            "subscriptions": [[one["status"], bool(one["cancel_at"])] for one in account.subscriptions.values()],
        }
    return {
        "paid": [one["status"] for one in account.transactions.values() if one["status"] not in {"draft", "ready"}],
        "adjustments": [[one["totals"]["total"], one["status"]] for one in account.adjustments.values()],
        "subscriptions": [[one["status"], bool(one["scheduled_change"])] for one in account.subscriptions.values()],
    }


def _numbered(text: str, providers: Mapping[str, StripeAccount | PaddleAccount]) -> str:
    """The providers' ids by their kind and the order in which events first named them."""
    numbers: dict[str, str] = {}
    kinds: Counter[str] = Counter()
    for account in providers.values():
        for event in account.outbox.events:
            for name in _ID.findall(json.dumps(event)):
                if name not in numbers:
                    kind = name.rpartition("_")[0]
                    kinds[kind] += 1
                    numbers[name] = f"{kind}_{kinds[kind]}"
    return _ID.sub(lambda found: numbers.get(found[0], found[0]), re.sub(r"\breq_\w+", "req", text))


def _plain(value: Any, name: str = "") -> Any:
    """A thing as JSON, without what may differ."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name), field.name)
            for field in dataclasses.fields(value)
            if field.compare and field.name not in _DIFFERS
        }
    if name == "history":
        return _moves(value)
    match value:
        case datetime():
            return value.isoformat() if name in _TIMES else "some time"
        case date():
            return value.isoformat()
        case Mapping():
            return {str(key): _plain(one, name) for key, one in value.items()}
        case frozenset() | set():
            return sorted(_plain(one) for one in value)
        case list() | tuple():
            return [_plain(one) for one in value]
        case bytes():
            return value.decode(errors="replace")
        case str():
            return _INSTANT.sub("some time", value)
        case int() | bool() | None:
            return value
    return str(value)


def _moves(history: Iterable[StateChange]) -> list[Any]:
    """A case's changes without their times, and without `issued`: the refund's end may be reported before that."""
    moves: list[Any] = []
    for change in history:
        if change.to_state is CaseState.ISSUED:
            continue
        from_state = CaseState.APPROVED if change.from_state is CaseState.ISSUED else change.from_state
        moves.append(_plain(replace(change, from_state=from_state)))
    return moves
