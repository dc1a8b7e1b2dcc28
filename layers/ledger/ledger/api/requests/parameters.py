"""What stands in the path, the query or the headers of a request."""

from typing import Annotated
from urllib.parse import unquote

from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query
from pydantic import BeforeValidator

from ledger.api import validation_messages

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=validation_messages.VISIBLE,
        description="Chosen by the client, new for each request, for example a UUID. The same request with the same "
        "key gets the same response. Another request with this key is rejected.",
        examples=["7b0fd8a6-5f0e-4a0c-9c1e-3f2f6a8f4f11"],
    ),
]


OptionalKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=validation_messages.VISIBLE,
        description="Chosen by the client, new for each decision. The same decision with the same key is carried out "
        "once, even if the case has returned to review since.",
        examples=["7b0fd8a6-5f0e-4a0c-9c1e-3f2f6a8f4f11"],
    ),
]


DECODED = BeforeValidator(unquote)
"""Decodes an id in a path: see `ledger.api.gateway_event`."""


AccountPath = Annotated[str, DECODED, Path(min_length=1, max_length=200, description="The account's id.")]


CaseId = Annotated[
    str,
    Path(pattern=validation_messages.CASE_ID, description="The case's id.", examples=["case_0123456789abcdef01234567"]),
]


PageSize = Annotated[int, Query(ge=1, le=100, description="The largest number of items in the page.")]


PageCursor = Annotated[
    str | None, Query(max_length=4000, description="`next` of the previous page. Without it: the first page.")
]
