"""Genuine, but strange: every event of the library with anything in the place of anything, rightly signed.

200 or 4xx                    never a 5xx; what is refused or parked moves nothing
nothing granted               that the provider's own lines don't say was bought, read by the letter a second time;
                              a session has none: that its sum doesn't pay for at our price
parked                        whole, with a reason that quotes none of it
the same event, unchanged     is booked afterwards as if the strange one had never come
"""

import base64
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ledger.domain.catalogue import Catalogue, ProductKind
from ledger.domain.receipts import ParkReason, Receipt
from ledger.ports.documents import checkout_key
from proof.input.entrypoint import Entrypoint, StrictStore, WebhookResponse
from proof.input.library import Scene, scenes
from proof.work import Work
from tools.orders import place_orders_of
from tools.testing.fakes import world
from tools.verify import World, check

Json = Any
_ANY_TIME = datetime(2026, 11, 1, tzinfo=UTC)  # all terms of the catalogue count always
AT_ONCE = 32
"""Single mutations of one case: the history before them is told once. After enough turns, all were made."""

WORDS = "my own private words"
"""They stand where no text is expected, and may not be told again."""

_DEEP = 100_000
STRANGE: dict[str, str] = {
    **{
        word: word
        for word in ("null", "true", "false", "0", "-1", "1.5", "-0.0", "NaN", "-Infinity", "1e999", "[]", "{}")
    },
    **{
        f"{number:.0e}": str(number)
        for number in (10**9, 10**15, 10**18, 2**62, 10**40, -(10**40), -62135596800, 253402300799)
    },
    "a number of 5,000 digits": "9" * 5000,
    "nested": "[" * 400 + "]" * 400,
    "nested too deep": "[" * _DEEP + "]" * _DEEP,
    "an object": json.dumps({"id": "x", "email": "eve@secret.example", "note": WORDS}),
    "a list": json.dumps([WORDS, {"email": "eve@secret.example"}]),
    **{
        f"{text[:20]!r}" + (f" of {len(text):,}" if len(text) > 20 else ""): json.dumps(text)
        for text in (
            "",
            " ",
            "x" * 255,
            "x" * 256,
            "é" * 200,
            "😀" * 255,
            "x" * 3000,
            "x" * 100_000,
            "9" * 5000,
            "\0",
            "acct_ada\0",
            "\ud800",
            "\udfff😀",
            "\u202eada",
            "a\u0301" * 40,
            "line\nbreak",
            "3",
            "-3",
            "+3",
            " 3 ",
            "3_0",
            "0x3",
            "3e9",
            "3.0",
            "３",
            "٣",
            "1" + "0" * 40,
            "NaN",
            "Infinity",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "0001-01-01T00:00:00+14:00",
            "2026-02-30T00:00:00Z",
            "2026-11-01T00:00:00",
            "2026-11-01",
            "unheard_of",
            "SEK",
            "ＵＳＤ",
            "price_unknown",
            "../x#y",
            "order/x",
            WORDS,
        )
    },
}
"""What is put in every node's place, in JSON: types, sizes and scripts that nobody expects there."""

_HARD = tuple(f"as {name}" for name in STRANGE if any(part in name for part in ("xxx", "😀", "é", "\\", "+", "#")))
"""The hardest for a table: what is long, odd or large."""

_NAMED_SO = re.compile(rf"(_id|customer) as '{WORDS}'")
"""Where they are an account's, an order's or a customer's name, and may be told as such."""

_MARK = "\ue000"


@dataclass(frozen=True, slots=True)
class Strange:
    """One event made strange, in these ways."""

    what: str
    body: bytes
    content: Json  # None: it can't be read


def play(work: Work, case: int, number: int, door: Entrypoint) -> None:
    """Some mutations of one event."""
    turn, position = divmod(number, len(scenes()))
    scene = scenes()[position]
    tell(work, case, scene, some_of(scene, turn, work.seed, work.chance(case)), door)


def tell(work: Work, case: int, scene: Scene, strange_ones: Iterable[Strange], door: Entrypoint) -> None:
    """Each of these is told to the same history, and the event itself after it."""
    start = StrictStore()
    place_orders_of([*scene.before, scene.told], start)
    for told in scene.before:
        door.signed(told.provider, told.to, told.body, start)
    baseline = start.copy()
    wanted = door.signed(scene.told.provider, scene.told.to, _again(scene), baseline)
    for strange in strange_ones:
        work.count("strange events")
        store = start.copy()
        answer = door.signed(scene.told.provider, scene.told.to, strange.body, store)
        work.count(f"of them {answer.outcome or 'refused'}")
        problem = (
            answer.wrong((200, 400, 413))
            or _effects(strange, answer, start, store, door)
            or _logged(door)
            or _afterwards(scene, answer, store, (wanted, baseline), door)
        )
        if problem:
            work.find(f"{scene.file} with {strange.what}: {problem}", case)


def some_of(scene: Scene, turn: int, seed: int, chance: random.Random) -> Iterator[Strange]:
    """One turn's share of all single mutations, and some of two or three at once."""
    known = ways(scene, seed)
    for way in known[turn * AT_ONCE : (turn + 1) * AT_ONCE]:
        yield made(scene, [way])
    for _ in range(AT_ONCE // 4):
        yield made(scene, chance.sample(known, chance.choice([2, 2, 3])))
    if chance.random() < 0.25:
        yield _padded(scene, chance)


def hardest_of(scene: Scene, seed: int, chance: random.Random) -> Iterator[Strange]:
    """Some of those that are the hardest to keep."""
    hard = [way for way in ways(scene, seed) if way[1] in _HARD or "times" in way[1]]
    for way in chance.sample(hard, 3):
        yield made(scene, [way])
    yield _padded(scene, chance)


Way = tuple[tuple[str | int, ...], str, str]  # the path to a node, what is done to it, and the JSON that it becomes


def ways(scene: Scene, seed: int) -> list[Way]:
    """Every way to make one event strange once, in an order of the seed's."""
    found: list[Way] = []
    for path, node in nodes(json.loads(scene.told.body)):
        told = json.dumps(node)
        found += [(path, f"as {name}", raw) for name, raw in STRANGE.items()]
        if isinstance(path[-1], str):
            key = json.dumps(path[-1])
            found += [(path, "left out", "")]
            found += [(path, f"twice, first as {raw}", f"{raw},{key}:{told}") for raw in ("null", "1e999", '"x"')]
            found += [(path, f"twice, last as {raw}", f"{told},{key}:{raw}") for raw in ("null", "0", '"x"')]
            found += [
                (path, f"beside an unknown {name} {raw}", f"{told},{json.dumps(name)}:{raw}")
                for name in ("surprise", "id", "type", "quantity", "account_id", "proration")
                for raw in ("[1]", '{"x":1}', "7", '"x"')
            ]
        if isinstance(node, list):
            found += [(path, f"{times} times", json.dumps((node or [1]) * times)) for times in (2, 10, 12, 60, 150)]
    random.Random(f"{seed}/{scene.file}").shuffle(found)
    return found


def nodes(content: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    """Every node below the root with its path; of a long list the first two."""
    inner: Sequence[tuple[str | int, Json]] = ()
    if isinstance(content, dict):
        inner = list(content.items())
    elif isinstance(content, list):
        inner = list(enumerate(content[:2]))
    for name, node in inner:
        yield (*path, name), node
        yield from nodes(node, (*path, name))


def made(scene: Scene, chosen: list[Way]) -> Strange:
    """One event made strange in these ways."""
    content = json.loads(scene.told.body)
    for number, (path, _, raw) in enumerate(chosen):
        _put(content, path, f"{_MARK}{number}" if raw else None)
    text = json.dumps(content)
    for number, (_, _, raw) in enumerate(chosen):
        text = text.replace(json.dumps(f"{_MARK}{number}"), raw, 1)
    what = " and ".join(f"{'.'.join(map(str, path))} {how}" for path, how, _ in chosen)
    return Strange(what, text.encode(), _read(text))


def _put(content: Json, path: tuple[str | int, ...], mark: str | None) -> None:
    for name in path[:-1]:
        if isinstance(content, str):
            return  # the other mutation stands above this one
        content = content[name] if not isinstance(content, dict) else content.get(name)
        if content is None:
            return
    if isinstance(content, str):
        return
    if mark is None and isinstance(content, dict):
        content.pop(path[-1], None)
    elif mark is not None:
        content[path[-1]] = mark


def _padded(scene: Scene, chance: random.Random) -> Strange:
    """As large as a body may be, and more: with text that hardly compresses."""
    size = chance.choice([300, 380, 383, 385, 500]) * 1024
    content = json.loads(scene.told.body)
    content["noise"] = base64.b85encode(chance.randbytes((size - len(scene.told.body)) * 4 // 5)).decode()
    content["livemode"] = content.get("livemode") if chance.random() < 0.3 else "yes"
    text = json.dumps(content, separators=(",", ":"))
    return Strange(f"{size // 1024} KB of noise", text.encode(), content)


def _read(text: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _again(scene: Scene) -> bytes:
    """The same event, unchanged, under another event id."""
    content = json.loads(scene.told.body)
    content["event_id" if "event_id" in content else "id"] = f"{scene.told.event_id}_again"
    return json.dumps(content).encode()


def _effects(
    strange: Strange, answer: WebhookResponse, start: StrictStore, store: StrictStore, door: Entrypoint
) -> str:
    """What is wrong with what it has done; empty: nothing."""
    if answer.status >= 400 and store.content() != start.content():
        return f"refused with {answer.status}, and written"
    if answer.is_without_effect and store.content()[1:] != start.content()[1:]:
        return f"{answer.outcome}, and more written than a receipt"
    if problem := broken(world(store)):
        return problem
    granted, justified = store.granted() - start.granted(), _justified(strange.content, door.services.catalogue, start)
    if granted > justified:
        return f"{granted} credits were granted, {justified} were bought"
    if answer.outcome == "parked":
        parked = [receipt for key, receipt in store.receipts.items() if receipt != start.receipts.get(key)]
        return _parked(strange, parked)
    return ""


def broken(whole: World) -> str:
    """The invariants that don't hold, all but two, which `verify` shows.

    A provider may tell any sum as refunded. And two events of one instant may name two accounts of one subscription,
    which our server never writes: then both accounts list it.
    """
    told = ("refunded by more", "lists each of its subscriptions")
    findings = [one for one in check(whole) if one.broken and not any(words in one.invariant for words in told)]
    said = "; ".join(f"{finding.invariant}: {', '.join(finding.broken)[:200]}" for finding in findings)
    return f"broken: {said}" if said else ""


def _parked(strange: Strange, parked: list[Receipt]) -> str:
    """A parked event is one receipt, with the body and the reason; its detail tells nothing of the content."""
    if len(parked) != 1 or parked[0].body != strange.body or parked[0].parked_reason not in set(ParkReason):
        return f"parked, but not whole: {len(parked)} receipts"
    detail = parked[0].detail
    is_quoted = WORDS in detail and not _NAMED_SO.search(strange.what)
    if is_quoted or "@" in detail or len(detail) > 600 or not detail.isprintable():
        return f"parked, and its detail quotes the content: {detail[:300]!r}"
    return ""


def _logged(door: Entrypoint) -> str:
    said = door.log.getvalue()
    return f"an e-mail address is in the log: {said[:300]}" if "@" in said else ""


def _afterwards(
    scene: Scene,
    answer: WebhookResponse,
    store: StrictStore,
    wanted: tuple[WebhookResponse, StrictStore],
    door: Entrypoint,
) -> str:
    """What is wrong after the event itself has come too."""
    before = store.granted()
    then = door.signed(scene.told.provider, scene.told.to, _again(scene), store)
    if wrong := then.wrong((200,)):
        return f"the event itself, after it: {wrong}"
    if problem := broken(world(store)):
        return f"after the event itself {problem}"
    if store.granted() - before > _justified(json.loads(scene.told.body), door.services.catalogue, store):
        return "the event itself was granted more than it says was bought"
    if answer.is_without_effect and (then.outcome, store.accounts) != (wanted[0].outcome, wanted[1].accounts):
        return f"the event itself is {then.outcome} after it, {wanted[0].outcome} without it"
    return ""


def _justified(content: Json, catalogue: Catalogue, store: StrictStore) -> int:
    """The credits that an event says were bought, read by the letter: 0 if anything about it is in doubt."""
    readers: dict[str, Callable[[Json, Catalogue], int]] = {
        "checkout.session.completed": _session,
        "checkout.session.async_payment_succeeded": _session,
        "invoice.paid": _invoice,
    }
    try:
        if "event_type" in content and "event_id" in content:
            return _paddle(content["data"], catalogue, store) if content["event_type"] == "transaction.completed" else 0
        return readers[content["type"]](content["data"]["object"], catalogue) if content["livemode"] is False else 0
    except (KeyError, TypeError, ValueError, AttributeError):
        return 0


def _number(value: Json) -> int:
    """A whole number, also in ASCII digits."""
    if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).removeprefix("-").isdecimal():
        raise ValueError(value)
    if not str(value).isascii():
        raise ValueError(value)
    return int(value)


def _session(session: Json, catalogue: Catalogue) -> int:
    """A session has no lines: it is for what our server wrote into it, if its sum is that product's price at least."""
    metadata = session["metadata"]
    product = catalogue.products[metadata["product_id"]]
    quantity = _number(metadata.get("quantity", 1))
    is_paid = session["payment_status"] in {"paid", "no_payment_required"} and session["mode"] == "payment"
    price_minor = product.prices[session["currency"].upper()] * quantity
    if not is_paid or quantity < 1 or _number(session["amount_subtotal"]) < price_minor:
        return 0
    if _number(session["amount_total"]) <= 0 and not metadata["order_id"]:
        return 0
    return product.credits * quantity if product.kind is ProductKind.PACK else 0


def _invoice(invoice: Json, catalogue: Catalogue) -> int:
    """Its lines, all of them there; prorations by their amounts."""
    metadata = ((invoice.get("parent") or {}).get("subscription_details") or {}).get("metadata")
    has_more, lines = invoice["lines"].get("has_more"), invoice["lines"]["data"]
    if _number(invoice["total"]) < 0:  # more is credited than charged: what is charged is a part of a period
        lines = [line for line in lines if _invoice_item(line).get("proration")]
    value_minor = sum(_number(invoice[name]) for name in ("amount_paid", "ending_balance"))
    is_unpaid = value_minor - _number(invoice["starting_balance"]) <= 0 < _number(invoice["total"])
    if has_more or is_unpaid or (_number(invoice["total"]) >= 0 and _is_given(invoice, metadata)):
        return 0
    return sum(_invoice_line(line, invoice, catalogue) for line in lines)


def _invoice_item(line: Json) -> Json:
    parent = line.get("parent") or {}
    return parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}


def _invoice_line(line: Json, invoice: Json, catalogue: Catalogue) -> int:
    is_part = _invoice_item(line).get("proration")
    if is_part and _number(line["amount"]) <= 0:
        return 0  # whatever its price is: it credits what was bought before
    price_id = ((line.get("pricing") or {}).get("price_details") or {}).get("price")
    if is_part:
        return _part("stripe", price_id, line["amount"], invoice["currency"], catalogue)
    if invoice["billing_reason"] not in {"subscription_create", "subscription_cycle", "subscription_update"}:
        return 0
    quantity = line["quantity"] if line["quantity"] is not None else line["quantity_decimal"]
    return _line("stripe", price_id, line["amount"], quantity, catalogue)


_BUYS = {"web", "api", "subscription_recurring", "subscription_payment_method_change", "subscription_charge"}


def _paddle(transaction: Json, catalogue: Catalogue, store: StrictStore) -> int:
    """Its lines; prorations by their amounts. An order of ours is known by its checkout, whatever the content says."""
    details, totals = transaction["details"], transaction["details"]["totals"]
    is_credited = _number(totals["total"]) > 0 and (details.get("adjusted_totals") or {}).get("total") == "0"
    is_completed = transaction["status"] == "completed"
    is_ordered = checkout_key("paddle", transaction["id"]) in store.documents
    ours = {"order_id": "known"} if is_ordered else transaction.get("custom_data")
    if is_credited or not is_completed or _is_given(totals, ours):
        return 0
    return sum(
        _part("paddle", line.get("price_id"), line["totals"]["subtotal"], totals["currency_code"], catalogue)
        if line.get("proration")
        else _line("paddle", line.get("price_id"), line["totals"]["subtotal"], line["quantity"], catalogue)
        for line in details["line_items"]
        if line.get("proration") or transaction["origin"] in _BUYS
    )


def _part(provider: str, price_id: Json, amount_minor: Json, charged_in: str, catalogue: Catalogue) -> int:
    """What a part of a period says was bought: as much of the credits as its amount is of our price."""
    product = catalogue.priced(provider, price_id, _ANY_TIME)
    if product is None or not product.proration_grants or _number(amount_minor) <= 0:
        return 0
    return product.credits * _number(amount_minor) // product.prices[charged_in.upper()]


def _is_given(sums: Json, metadata: Json) -> bool:
    """Whether nothing is due for what has a price, though no order of ours says that it is free."""
    total_minor = _number(sums["total"])
    return total_minor < 0 or (total_minor == 0 < _number(sums["subtotal"]) and not metadata["order_id"])


def _line(provider: str, price_id: Json, amount_minor: Json, quantity: Json, catalogue: Catalogue) -> int:
    """What one line says was bought: so many of what the provider sells under this price.

    Whether the amount is so many times our price is not asked: prices are localised, discounted, taxed.
    """
    product = catalogue.priced(provider, price_id, _ANY_TIME)
    if product is None or (_number(amount_minor) <= 0 and not product.trial_credits):
        return 0
    if _number(quantity) < 1:
        raise ValueError(quantity)
    return product.credits * _number(quantity)
