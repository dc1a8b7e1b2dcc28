"""The archive of raw bodies: evidence for an audit. The ledger does not need it.

    delivery → verify → translate ─┬─ the write ──────────────┬─ response
                                   └─ PutRecord, in a thread ─┘

A delivery takes the longer of both, not the sum. Each body is compressed, and put on one of several Firehose streams:
docs/decisions/0032-the-archive-of-raw-bodies.md.
"""

import base64
import json
import threading
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import botocore.exceptions

_FASTEST = 1  # a level of zlib: half the CPU of its default, for a tenth more bytes


def stream_of(event_id: str, streams: Sequence[str]) -> str:
    """Return the stream for an event's body: always the same one, and each stream gets an equal share."""
    return streams[zlib.crc32(event_id.encode()) % len(streams)]


def line_of(provider: str, event_id: str, body: bytes, received_at: datetime) -> bytes:
    """Return a body as a line of JSON. `body_zlib` is the body, compressed with zlib, in Base64."""
    line = {
        "provider": provider,
        "event_id": event_id,
        "received_at": received_at.isoformat(),
        "body_zlib": base64.b64encode(zlib.compress(body, _FASTEST)).decode("ascii"),
    }
    return json.dumps(line).encode() + b"\n"


def body_of(line: bytes) -> bytes:
    """Return the body that a line of the archive holds."""
    return zlib.decompress(base64.b64decode(json.loads(line)["body_zlib"]))


class Put(threading.Thread):
    """A line on its way to a stream. `failure` is None once the stream has it, else the kind of what went wrong."""

    def __init__(self, client: Callable[[], Any], stream: str, line: bytes) -> None:
        """Prepare it. `client` returns botocore's client of Firehose; it is called in the thread."""
        super().__init__(name="archive", daemon=True)
        self.failure: str | None = "Unfinished"
        self._client = client
        self._stream = stream
        self._line = line

    def run(self) -> None:
        """Put the line on the stream. A botocore error becomes `failure`."""
        try:
            self._client().put_record(DeliveryStreamName=self._stream, Record={"Data": self._line})
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            self.failure = type(error).__name__
        else:
            self.failure = None
