"""The proof of bad input holds for our webhooks, and finds what is wrong with worse ones."""

import functools
import hashlib
import hmac
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ledger.domain.errors import StoreUnavailable
from ledger.ports.reads import Keys
from ledger.runtime import runtime
from proof.input import forged, kept, strange
from proof.input.entrypoint import NOW, Entrypoint, Handler, deployed, genuine_headers, secret_of
from proof.input.library import Scene, scenes
from proof.work import Work
from tools import signing
from tools.stories import EVENTS

Event = dict[str, Any]
SESSION = "stripe/pack_bought_01_checkout_session_completed.json"


@pytest.fixture(autouse=True)
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment that the proof's worker makes."""
    monkeypatch.setenv("TABLE_NAME", "ledger")
    monkeypatch.setenv("PROVIDER_MODE", "test")
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    for provider, secret in signing.LOCAL_SECRETS.items():
        monkeypatch.setenv(f"{provider.upper()}_SIGNING_SECRETS", secret)
    runtime.cache_clear()
    logger = runtime().logger
    monkeypatch.setattr(logger.registered_handler, "stream", io.StringIO())
    level = logger.log_level
    yield
    logger.setLevel(level)
    runtime.cache_clear()


def work(seconds: float = 0.0) -> Work:
    """A part's work, as short as can be."""
    return Work("input", 7, seconds, out=io.StringIO())


def scene(file: str = SESSION) -> Scene:
    """One event of the library."""
    return next(scene for scene in scenes() if scene.file == file)


def found(handler: Handler, *, seconds: float = 0.0) -> list[str]:
    """What the forgeries find at such a door."""
    worked = work(seconds)
    for number in range(3):
        forged.play(worked, number, number * 50, Entrypoint(handler))
    return worked.found


def header_of(event: Event) -> tuple[str, bytes]:
    """Stripe's signature header, and the body."""
    return (event["headers"] or {}).get("stripe-signature", ""), (event.get("body") or "").encode(errors="replace")


def signed_again(event: Event, body: bytes, provider: str = "stripe") -> Event:
    """The event with a right signature, as a door lets it in that should not have."""
    headers = {**(event["headers"] or {}), **genuine_headers(provider, body)}
    return event | {"body": body.decode(errors="replace"), "headers": headers}


def test_a_real_engine_keeps_what_the_store_in_memory_keeps(
    dynamodb_local: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The strangest of it, told to both."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_local)  # as `kept.table` does, to be undone afterwards
    worked = work()
    table = kept.table(dynamodb_local)
    for number in (3, 60):
        kept.play(worked, number, number, Entrypoint(), table)
    assert (worked.found, worked.counts["of them on a real engine"]) == ([], 8)


def test_every_event_of_the_library_is_played() -> None:
    """Each with what came before it; and each place in it is made strange in every way."""
    files = {f"{folder}/{path.name}" for folder in ("stripe", "paddle") for path in (EVENTS / folder).glob("*.json")}
    assert {one.file for one in scenes()} == files
    assert len(files) > 130
    assert len(scene("stripe/dispute_won_06_charge_dispute_funds_reinstated.json").before) == 5
    known = strange.ways(scene(), 7)
    done: dict[object, set[str]] = {}
    for path, how, _ in known:
        done.setdefault(path, set()).add(how)
    assert done.keys() == {path for path, _ in strange.nodes(json.loads(scene().told.body))}
    assert all(hows >= {f"as {name}" for name in strange.STRANGE} for hows in done.values())
    in_lists = {path for path, *_ in strange.ways(scene(INVOICE), 7) if path[3:5] == ("data", 0)}
    assert ("data", "object", "lines", "data", 0, "amount") in in_lists
    assert sorted(known) == sorted(strange.ways(scene(), 8))
    turns = [list(strange.some_of(scene(), turn, 7, work().chance(turn)))[: strange.AT_ONCE] for turn in range(2)]
    assert len({one.what for turn in turns for one in turn}) == 2 * strange.AT_ONCE


def test_it_finds_a_door_that_compares_half_of_a_signature() -> None:
    """A prefix that matches is no match."""

    def half(folder: str, event: Event) -> dict[str, Any]:
        header, body = header_of(event)
        right = genuine_headers("stripe", body)["stripe-signature"]
        return deployed(folder, signed_again(event, body) if header.startswith(right[:40]) else event)

    assert any("half of the signature: answered 200" in what for what in found(half))


def test_it_finds_a_door_that_believes_old_signatures() -> None:
    """Right, but as old as whoever recorded it likes."""

    def timeless(folder: str, event: Event) -> dict[str, Any]:
        header, body = header_of(event)
        stamp, _, digest = header.removeprefix("t=").partition(",v1=")
        mac = hmac.new(secret_of("stripe").encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return deployed(folder, signed_again(event, body) if digest == mac else event)

    assert any("too old: answered 200" in what for what in found(timeless))


def test_it_finds_a_door_that_looks_before_it_verifies() -> None:
    """Nobody may make us read who has proven nothing."""

    def curious(folder: str, event: Event) -> dict[str, Any]:
        runtime().store.read(Keys())
        return deployed(folder, event)

    assert any("the store was asked" in what for what in found(curious))


def test_it_finds_a_refusal_that_does_not_help() -> None:
    """A bare status says nothing to whoever configured the endpoint."""

    def curt(folder: str, event: Event) -> dict[str, Any]:
        answer = deployed(folder, event)
        return answer | {"body": "{}"} if answer["statusCode"] >= 400 else answer

    assert any("no problem document" in what for what in found(curt))


def strangely(
    handler: Handler, about: str, file: str = SESSION, *, is_a_place: bool = False, until: str | None = None
) -> list[str]:
    """What the strange ways about something find at such a door; of a place alone, the first sixty.

    `until`: no more of them than it takes to find this.
    """
    told = scene(file)
    ways = [way for way in strange.ways(told, 7) if about in way[0] or (about in way[1] and not is_a_place)]
    ways = ways[:60] if is_a_place else ways
    worked = work(60)

    def strange_ones() -> Iterator[strange.Strange]:
        for way in ways:
            if until and is_among(until, worked.found):
                return
            yield strange.made(told, [way])

    strange.tell(worked, 0, told, strange_ones(), Entrypoint(handler))
    return worked.found


def is_among(problem: str, found: list[str]) -> bool:
    """Whether one of these tells it."""
    return any(problem in what for what in found)


def is_found(problem: str, handler: Handler, about: str, file: str = SESSION, *, is_a_place: bool = False) -> bool:
    """Whether the strange ways about something find this at such a door."""
    return is_among(problem, strangely(handler, about, file, is_a_place=is_a_place, until=problem))


@functools.cache
def found_at_ours(about: str, file: str = SESSION, *, is_a_place: bool = False) -> tuple[str, ...]:
    """What they find at our own door, the same for every test that asks."""
    return tuple(strangely(deployed, about, file, is_a_place=is_a_place))


def test_it_finds_credits_for_a_quantity_that_nobody_paid() -> None:
    """A translation that believes metadata, and raises the sum to what would be right."""

    def generous(folder: str, event: Event) -> dict[str, Any]:
        _, body = header_of(event)
        content = json.loads(body)
        content["data"]["object"]["amount_subtotal"] = 10**14
        return deployed(folder, signed_again(event, json.dumps(content).encode()))

    assert found_at_ours("quantity") == ()
    assert is_found("credits were granted", generous, "quantity")
    assert is_found("credits were granted", generous, "amount_subtotal")


INVOICE = "stripe/loose_pack_and_plan.json"
TRANSACTION = "paddle/mixed_checkout_01_transaction_completed.json"


def _with_quantities(invoice: Event) -> None:
    invoice["lines"]["data"][1]["quantity"] = 7


def _with_prorations(invoice: Event) -> None:
    for line in invoice["lines"]["data"]:
        for item in ("subscription_item_details", "invoice_item_details"):
            line["parent"][item] = None


def _with_lines_unseen(invoice: Event) -> None:
    invoice["lines"]["has_more"] = False


def _with_a_sum(invoice: Event) -> None:
    invoice["total"] = invoice["subtotal"]


def _with_a_count_of_its_own(transaction: Event) -> None:
    transaction["details"]["line_items"][0]["quantity"] += 1


def _with_paddle_prorations(transaction: Event) -> None:
    for line in transaction["details"]["line_items"]:
        line["proration"] = None


def _with_any_origin(transaction: Event) -> None:
    transaction["origin"] = "api"


@pytest.mark.parametrize(
    ("file", "about", "believe"),
    [
        (INVOICE, "currency", _with_quantities),
        (INVOICE, "proration", _with_prorations),
        (INVOICE, "has_more", _with_lines_unseen),
        (INVOICE, "total", _with_a_sum),
        (TRANSACTION, "customer_id", _with_a_count_of_its_own),
        (TRANSACTION, "proration", _with_paddle_prorations),
        (TRANSACTION, "origin", _with_any_origin),
    ],
)
def test_it_finds_credits_that_no_line_says_were_bought(
    file: str, about: str, believe: Callable[[Event], None]
) -> None:
    """A translation that counts what its lines don't say, or what is no purchase."""
    provider = file.partition("/")[0]

    def generous(folder: str, event: Event) -> dict[str, Any]:
        content = json.loads(event["body"])
        try:
            believe(content["data"].get("object") or content["data"])
        except (KeyError, TypeError, AttributeError, IndexError):
            return deployed(folder, event)
        return deployed(folder, signed_again(event, json.dumps(content).encode(), provider))

    assert found_at_ours(about, file, is_a_place=True) == ()
    assert is_found("credits were granted", generous, about, file, is_a_place=True)


@pytest.mark.parametrize("written", ["stored_entries", "documents", "runs"])
def test_it_finds_any_effect_of_what_is_refused_or_parked(written: str) -> None:
    """An entry, a document or a run alone, with no receipt and nothing on the account."""

    def scribbling(folder: str, event: Event) -> dict[str, Any]:
        answer = deployed(folder, event)
        if answer["statusCode"] >= 400 or "parked" in answer["body"]:
            getattr(runtime().store, written)["somewhere"] = "something"
        return answer

    assert found_at_ours("created") == ()
    assert is_found("refused with 400, and written", scribbling, "created")
    assert is_found("parked, and more written", scribbling, "currency")


def test_it_finds_an_exception_and_an_effect_of_what_is_refused() -> None:
    """Whatever leaves the function, and whatever it has written before."""

    def brittle(folder: str, event: Event) -> dict[str, Any]:
        json.loads(event["body"])["data"]["object"]["metadata"]["product_id"].upper()
        return deployed(folder, event)

    def hasty(folder: str, event: Event) -> dict[str, Any]:
        answer = deployed(folder, event)
        return answer if answer["statusCode"] >= 400 else answer | curt_refusal

    curt_refusal = {"statusCode": 400, "headers": {"content-type": "application/problem+json"}}
    curt_refusal["body"] = json.dumps({"type": "x", "title": "x", "status": 400, "detail": "It is too strange."})
    assert is_found("answered 500: AttributeError", brittle, "product_id")
    assert is_found("refused with 400, and written", hasty, "left out")


def test_it_finds_a_strange_event_that_takes_the_place_of_the_real_one() -> None:
    """What was parked may not make the event itself heard before."""
    seen: set[str] = set()

    def forgetful(folder: str, event: Event) -> dict[str, Any]:
        answer = deployed(folder, event)
        session = json.loads(event["body"])["data"]["object"]["id"]
        if str(session) in seen and json.loads(answer["body"]).get("outcome") == "booked":
            raise StoreUnavailable(f"{session} was heard before, at {NOW}")
        seen.add(str(session))
        return answer

    assert is_found("the event itself", forgetful, "amount_total")
