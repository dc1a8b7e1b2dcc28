"""What is not proven to be the provider's: every event with one byte changed, and forgeries of every other kind.

Its answer is a problem document, its effect none: nothing is written, nothing even read. One thing is lawful: a byte
that leaves the signed time, the signature and the body as they are, such as a comma more between the header's parts.
"""

import base64
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ledger.providers.parsing import MAX_BODY_BYTES
from proof.input.entrypoint import NOW, Entrypoint, StrictStore, WebhookResponse, event_of, genuine_headers, secret_of
from proof.input.library import Scene, scenes
from proof.work import Work
from tools import signing

STRIDE = 64
"""Each case changes every 64th byte of one event: after so many rounds over the library, every byte."""

_SEPARATORS = {"stripe": (",", "t"), "paddle": (";", "ts")}
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Forgery:
    """One delivery, and how it may be answered: 401 unless it says otherwise."""

    what: str
    event: Event
    statuses: frozenset[int] = frozenset({401})


def play(work: Work, case: int, number: int, door: Entrypoint) -> None:
    """Every 64th byte of one event and of its signature changed, and one forgery of each other kind."""
    scene = scenes()[number % len(scenes())]
    chance = work.chance(case)
    store = StrictStore()
    for forgery in (*_by_byte(scene, number // len(scenes()), chance), *_by_kind(scene, chance)):
        work.count("forgeries")
        trips = store.round_trips
        answer = door.open(scene.told.to, forgery.event, store)
        is_lawful = 200 in forgery.statuses
        if wrong := answer.wrong(forgery.statuses) or _quoted(answer, scene):
            work.find(f"{scene.file}, {forgery.what}: {wrong}", case)
        elif not is_lawful and (store.round_trips != trips or any(store.content())):
            work.find(f"{scene.file}, {forgery.what}: refused, but the store was asked or written", case)
        if is_lawful:
            store = StrictStore()
            work.count("of them lawful")


def _by_byte(scene: Scene, number: int, chance: random.Random) -> Iterator[Forgery]:
    """Flip, insert, delete; in the body, and in the header."""
    told, headers = scene.told, genuine_headers(scene.told.provider, scene.told.body)
    name = f"{told.provider}-signature"
    for where, raw in (("body", told.body), ("signature", headers[name].encode())):
        first = number % STRIDE if len(raw) >= STRIDE else number % len(raw)
        for position in range(first, len(raw), STRIDE):
            for what, changed in _changes(raw, position, chance):
                said = f"the {where} with byte {position} {what}"
                if where == "body":
                    yield Forgery(said, event_of(told.provider, told.to, changed, headers))
                    continue
                header = changed.decode("latin-1")
                statuses = {200} if _says_the_same(told.provider, header, headers[name]) else {401}
                forged = event_of(told.provider, told.to, told.body, headers | {name: header})
                yield Forgery(f"{said}: {header!r}", forged, frozenset(statuses))


def _changes(raw: bytes, position: int, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    head, byte, tail = raw[:position], raw[position], raw[position + 1 :]
    other, flipped = chance.randrange(256), byte ^ (1 << chance.randrange(8))
    yield f"changed to {flipped:#04x}", head + bytes([flipped]) + tail
    yield f"preceded by {other:#04x}", head + bytes([other, byte]) + tail
    yield "missing", head + tail


def _says_the_same(provider: str, header: str, genuine: str) -> bool:
    """Whether the header still says this one time and this signature, whatever else it says."""
    separator, time_key = _SEPARATORS[provider]
    parts, (time, signature) = header.split(separator), genuine.split(separator)
    times = [part for part in parts if part.partition("=")[0] == time_key]
    return times == [time] and signature in parts


def _by_kind(scene: Scene, chance: random.Random) -> Iterator[Forgery]:
    """Cut short, signed by others or at another time, written anew, said twice, too large, not readable."""
    told = scene.told
    provider, body, secret = told.provider, told.body, secret_of(told.provider)
    other = next(name for name in _SEPARATORS if name != provider)
    name = f"{provider}-signature"
    right = genuine_headers(provider, body)
    separator, time_key = _SEPARATORS[provider]
    time, signature = right[name].split(separator)
    scheme, _, digest = signature.partition("=")

    def delivered(what: str, body: bytes, headers: Mapping[str, str] = right, *statuses: int) -> Forgery:
        return Forgery(what, event_of(provider, told.to, body, headers), frozenset(statuses or {401}))

    def header(what: str, value: str) -> Forgery:
        return delivered(what, body, {name: value})

    def signed(secret: str, seconds: float = 0, by: str = provider) -> Mapping[str, str]:
        return {
            key.lower(): value for key, value in signing.headers(by, body, secret, NOW.timestamp() + seconds).items()
        }

    cut = chance.randrange(len(body))
    anew = json.dumps(json.loads(body), separators=chance.choice([(",", ":"), (", ", ": "), (" ,", ":")]))
    yield delivered(f"the body cut after {cut} bytes", body[:cut])
    yield delivered("an empty body", b"")
    if anew.encode() != body:
        yield delivered("the body written anew", anew.encode())
    yield delivered("the body and a line break", body + b"\n")
    yield delivered("the body twice", body * 2)
    yield delivered("the body after a byte order mark", b"\xef\xbb\xbf" + body)
    yield delivered("the other provider's secret", body, signed(secret_of(other)))
    yield delivered("the other provider's header", body, signed(secret, by=other))
    yield delivered("no secret", body, signed(""))
    yield delivered("a secret cut short", body, signed(secret[:-1]))
    yield delivered("too old", body, signed(secret, -chance.randrange(301, 10**9)))
    yield delivered("of the future", body, signed(secret, chance.randrange(301, 10**9)))
    yield delivered("no headers", body, {})
    yield Forgery("headers that are null", event_of(provider, told.to, body, {}) | {"headers": None})
    yield header("an empty signature", "")
    yield header("the time alone", time)
    yield header("the signature alone", signature)
    yield header("the time twice", separator.join([time, time, signature]))
    yield header("another time beside it", separator.join([time, f"{time_key}=1", signature]))
    yield header("the time with a sign", right[name].replace("=", "=+", 1))
    yield header("the time after a zero", right[name].replace("=", "=0", 1))
    yield header("the time in other digits", right[name].replace("1", "１", 1))
    yield header("the time with a fraction", f"{time}.0{separator}{signature}")
    yield header("the signature in capitals", f"{time}{separator}{scheme}={digest.upper()}")
    yield header("half of the signature", f"{time}{separator}{scheme}={digest[:32]}")
    yield header("an empty signature beside the time", f"{time}{separator}{scheme}=")
    yield header("more after the signature", f"{right[name]}00")
    yield header("another scheme", f"{time}{separator}v0={digest}")
    yield header(
        "a hundred signatures", separator.join([time, *[f"{scheme}={number}" for number in range(99)], signature])
    )
    yield header("a header of 60 KB", time + separator + f"{scheme}={'0' * 60_000}" + separator + signature)
    if provider == "stripe":  # API Gateway joins what is said twice by a comma; Paddle's parts end at semicolons
        yield header("the header twice", f"{right[name]},{right[name]}")
    yield delivered("the header in capitals", body, {name.title(): right[name]}, 200)
    yield delivered(
        "another signature before the right one",
        body,
        {name: f"{time}{separator}{scheme}=00{separator}{signature}"},
        200,
    )
    yield delivered("too large", b" " * (MAX_BODY_BYTES + 1), signed(secret), 413)
    large = base64.b64encode(b" " * (MAX_BODY_BYTES + 1)).decode()
    plain = event_of(provider, told.to, body, right)
    yield Forgery("too large, in Base64", plain | {"body": large, "isBase64Encoded": True}, frozenset({413}))
    yield Forgery("no Base64", plain | {"body": "%%%", "isBase64Encoded": True}, frozenset({400}))
    yield Forgery("Base64 cut short", plain | {"body": "abc", "isBase64Encoded": True}, frozenset({400}))
    yield Forgery("not said to be Base64", plain | {"body": base64.b64encode(body).decode()})
    yield Forgery("half a pair of surrogates", plain | {"body": f"{body.decode()}\ud800"}, frozenset({400}))
    yield Forgery("no body", {key: value for key, value in plain.items() if key != "body"})
    yield Forgery("nobody we know", plain | {"pathParameters": {"provider": "paypal"}}, frozenset({404}))
    yield Forgery("the other provider's route", plain | {"pathParameters": {"provider": other}})


def _quoted(answer: WebhookResponse, scene: Scene) -> str:
    """What is refused is not told back."""
    is_quoted = answer.status >= 400 and (scene.told.event_id in answer.text or "@" in answer.text)
    return f"the answer quotes the body: {answer.text[:200]}" if is_quoted else ""
