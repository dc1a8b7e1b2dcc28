"""What the translators read of the providers' objects, recorded over all notifications.

`test_reads.py` compares it with the verdicts of `tools/drift/*.toml`. This writes it into them:

    PYTHONPATH=.:layers/ledger python -m tests.contract.recorded_reads

It names the words that have no verdict then: they are new, or were read and no longer are. A person judges them.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from ledger.domain import catalogue
from ledger.providers.registry import PROVIDERS
from tools.drift.vendors import VENDORS
from tools.drift.verdicts import Verdict, Verdicts
from tools.drift.vocabulary import Vocabulary
from tools.drift.writing import written
from tools.stories import EVENTS
from tools.testing.reads import Reads, Recorder

SESSION = "stripe/pack_bought_01_checkout_session_completed.json"
TAX_ID = {"type": "eu_vat", "value": "DE123456789"}
INVOICE = "stripe/renewal_failed_01_invoice_paid.json"
CREDIT_NOTE = "stripe/credited_03_credit_note_created.json"
DISPUTE = "stripe/dispute_lost_02_charge_dispute_created.json"
WITHDRAWN = {"object": "balance_transaction", "amount": -1000, "fee": 0, "reporting_category": "dispute"}
TRANSACTION = "paddle/subscription_canceled_01_transaction_completed.json"

STRANGE: tuple[tuple[str, Mapping[str, Any]], ...] = (
    # A line with a discount, and with a tax that comes on top.
    (INVOICE, {"lines.data.0.discount_amounts": [{"amount": 100}]}),
    (INVOICE, {"lines.data.0.taxes": [{"amount": 100, "tax_behavior": "exclusive"}]}),
    (INVOICE, {"total_taxes": [{"amount": 100}]}),
    (CREDIT_NOTE, {"lines.data.0.discount_amounts": [{"amount": 100}]}),
    (CREDIT_NOTE, {"lines.data.0.taxes": [{"amount": 100, "tax_behavior": "exclusive"}]}),
    # A buyer with a tax id.
    (SESSION, {"customer_details.tax_ids": [TAX_ID]}),
    (INVOICE, {"customer_tax_ids": [TAX_ID]}),
    # A price with a trial.
    (
        TRANSACTION,
        {"items.0.price.trial_period": {"interval": "day", "frequency": 7, "requires_payment_method": True}},
    ),
    # A dispute that is lost when it begins.
    (DISPUTE, {"status": "lost", "balance_transactions": [WITHDRAWN]}),
)
"""Fields that only exist in rare branches: the notification, and what becomes of places in its object."""

PROVIDERS_FOLDER = Path(__file__).parents[2] / "layers/ledger/ledger/providers"
CLIENT = "client"  # the module that sends requests and reads the responses

READ_BY_PARSE = {("event", "object")}
"""Fields that only `parse` reads, before translation."""

READ_OF_EVERY_OBJECT = {"customer", "customer_account", "customer_id"}
"""Fields that `events` looks for in every object, whatever its kind: they say whose a parked event is."""


def carried(provider: str, content: Mapping[str, Any]) -> dict[str, str]:
    """Return the place and the name of the object that a notification carries."""
    if provider == "stripe":
        return {"data.object": content["data"]["object"]["object"]}
    return {"data": content["event_type"].partition(".")[0]}


def notifications(provider: str) -> Iterator[dict[str, Any]]:
    """Yield each notification of the library, and the strange ones."""
    for file in sorted((EVENTS / provider).glob("*.json")):
        yield json.loads(file.read_text("utf-8"))
    for name, changes in STRANGE:
        if name.startswith(f"{provider}/"):
            content = json.loads((EVENTS / name).read_text("utf-8"))
            for place, value in changes.items():
                *steps, last = place.split(".")
                holder = content["data"].get("object") or content["data"]
                for step in steps:
                    holder = holder[int(step) if step.isdecimal() else step]
                holder[last] = value
            yield content


@cache
def locked(provider: str) -> Vocabulary:
    """Return the vocabulary of the locked SDK."""
    return VENDORS[provider].locked()


@cache
def recorded(provider: str) -> Reads:
    """Return what a provider's translators read of all notifications.

    One notification of each kind is also translated with each field that was read set to null, to 0 or the opposite,
    and to each value of its enum. Two are of one kind if the same fields are read of them, and the same words are met.
    """
    sold = catalogue.load()
    # Every setting is on, so that what it reads is read.
    always = dict.fromkeys(catalogue.Resolution, datetime.min.replace(tzinfo=UTC))
    products = catalogue.Catalogue(sold.version, sold.products, resolutions=always)
    recorder = Recorder(provider, locked(provider))
    kinds = set()

    def translate(content: dict[str, Any], payload: Mapping[str, str]) -> Reads:
        recorder.reads = Reads()
        PROVIDERS[provider].translate(recorder.wrapped(content, payload), products, is_live=False)
        total.add(recorder.reads)
        return recorder.reads

    total = Reads()
    for content in notifications(provider):
        payload = carried(provider, content)
        reads = translate(content, payload)
        kind = (frozenset(reads.fields), frozenset(reads.values))
        if kind in kinds:
            continue
        kinds.add(kind)
        for place in list(recorder.places(content, payload)):
            if place.word is None or place.name == "event" or (place.name, place.path) not in reads.fields:
                continue
            before = place.holder[place.key]
            for value in (*_others(before), *place.word.values):
                place.holder[place.key] = value
                translate(content, payload)
            place.holder[place.key] = before
    return total


@cache
def lines_run(provider: str) -> Mapping[str, set[int]]:
    """Return the lines of a provider's modules that `recorded` runs, by the module's name."""
    lines: dict[str, set[int]] = defaultdict(set)
    folder = str(PROVIDERS_FOLDER / provider)
    traced: dict[CodeType, tuple[set[int], Callable[..., Any]]] = {}  # lines not run so far, and what notes the others

    def noting(code: CodeType) -> tuple[set[int], Callable[..., Any]]:
        if not code.co_filename.startswith(folder):
            return set(), lambda *_: None
        left = {line for *_, line in code.co_lines() if line is not None} - {code.co_firstlineno}
        run = lines[Path(code.co_filename).stem]

        def in_function(frame: FrameType, event: str, _: Any) -> Any:
            if event == "line":
                run.add(frame.f_lineno)
                left.discard(frame.f_lineno)
            return in_function

        return left, in_function

    def at_call(frame: FrameType, *_: Any) -> Any:
        known = traced.get(frame.f_code)
        if known is None:
            known = traced[frame.f_code] = noting(frame.f_code)
        left, in_function = known
        return in_function if left else None

    before = sys.gettrace()
    sys.settrace(at_call)
    try:
        recorded.__wrapped__(provider)
    finally:
        sys.settrace(before)
    return lines


def _others(value: Any) -> tuple[Any, ...]:
    """Return what a field can be instead: null, and 0 for a number (which Paddle writes as text)."""
    match value:
        case bool():
            return None, not value
        case int():
            return None, 0, -value
        case str() if value.isdecimal():
            return None, "0", f"-{value}"
    return (None,)


def updated(provider: str) -> Verdicts:
    """Return the committed verdicts with what is read as it was recorded. What is ignored keeps its reason."""
    vendor = VENDORS[provider]
    old, reads = vendor.verdicts, recorded(provider)
    fields: dict[str, dict[str, Verdict]] = {}
    values: dict[str, dict[str, dict[str, Verdict]]] = {}
    new = Verdicts(old.reasons, fields, values)
    for name, words in locked(provider).items():
        fields[name], values[name] = {}, {}
        for path, word in words.items():
            if new.is_within_unread(name, path):
                continue
            known = old.fields.get(name, {}).get(path, Verdict())
            modules = reads.fields.get((name, path), set()) | (known.modules & {CLIENT})
            if (name, path) in READ_BY_PARSE:
                modules |= known.modules
            if modules or known.reason:
                fields[name][path] = Verdict(modules, "" if modules else known.reason)
            if not modules or not word.values:
                continue
            judged = old.values.get(name, {}).get(path, {})
            values[name][path] = {}
            for value in sorted(word.values):
                verdict = judged.get(value, Verdict())
                compared = reads.values.get((name, path, value), set())
                if (name, path) == vendor.event_types:
                    compared = {"events"} if value in PROVIDERS[provider].FUNCTIONS else set()
                if (name, path) in READ_BY_PARSE:
                    compared = verdict.modules
                if compared or verdict.reason:
                    values[name][path][value] = Verdict(compared, "" if compared else verdict.reason)
    return new


if __name__ == "__main__":
    for row in VENDORS.values():
        row.file.write_text(written(updated(row.provider)), "utf-8")
        for finding in row.drift(locked(row.provider)).new:
            print(f"{row.file.name}: no verdict on {finding}")  # noqa: T201 - it is a command
