"""Examples for the API's description: of each request by its schema, of each problem by the error that causes it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.api.auth import Forbidden
from ledger.api.errors import PROBLEM_JSON, problem, problem_of
from ledger.domain.errors import (
    AccountInDebt,
    AccountInReview,
    AccountSuspended,
    BillingError,
    CaseAlreadyOpen,
    CommitTooLarge,
    CreditsLocked,
    IdempotencyKeyReused,
    IncidentChanged,
    InsufficientCredits,
    InvalidBody,
    InvalidRequest,
    NotFound,
    ProviderRefused,
    ProviderUnavailable,
    RequestRefused,
    RunFailed,
    SecondPersonNeeded,
    StoreUnavailable,
    SubscriptionAlreadyRuns,
    TooManyRequests,
)

LOCKED = CreditsLocked(25, 10, 2500, datetime(2026, 11, 21, 12, tzinfo=UTC), ("ord_0123456789abcdef01234567",))
WITHDRAWN = CreditsLocked(25, 10, 0, None, ("ord_0123456789abcdef01234567",), 2500)
SUSPENDED = AccountSuspended(("dispute:stripe:dp_1Q9x",))
PROPOSED = SecondPersonNeeded("prop_0123456789abcdef01234567")
NOT_YOURS = RequestRefused("Somebody else has to settle it: it is your own proposal, or about your own account.")
ANY: Mapping[str, Sequence[BillingError]] = {
    "402": [InsufficientCredits(needed=25, spendable=10)],
    "403": [Forbidden("This route is for support.")],
    "404": [NotFound("You have no order ord_0123456789abcdef01234567.")],
    "413": [InvalidBody("The body has 300000 bytes. The limit is 262144.", 413, "too-large")],
    "415": [InvalidBody("Send the body as application/json in UTF-8.", 415, "unsupported-media-type")],
    "422": [InvalidRequest("currency", "Should be an ISO 4217 code in upper case, for example EUR.")],
    "429": [TooManyRequests(20, timedelta(hours=1), 840)],
    "502": [ProviderRefused("resource_missing", "There is no such subscription.")],
    "503": [StoreUnavailable("")],
    "507": [CommitTooLarge("")],
}
"""What each route with this status can answer. The message is that of the error."""

OF_ONE: Mapping[str, Mapping[str, Sequence[BillingError]]] = {
    "createOrder": {
        "409": [
            AccountInDebt(120),
            AccountInReview(),
            SubscriptionAlreadyRuns("creator_monthly", "stripe:sub_1Q9x"),
            RequestRefused("The refund policy has a newer version: 2026-11-01. Show it and send the order again."),
        ]
    },
    "recordConsentConfirmation": {
        "409": [RequestRefused("Order ord_0123456789abcdef01234567 has no consent that could be confirmed.")]
    },
    "giveConsent": {
        "409": [RequestRefused("Credits are unlocked only if you ask us to begin and acknowledge what that ends.")]
    },
    "recordUsage": {"402": [LOCKED, WITHDRAWN], "403": [SUSPENDED], "409": [RunFailed("run_20261101_0001")]},
    "requestRefund": {"409": [CaseAlreadyOpen("case_0123456789abcdef01234567")]},
    "uploadEvidence": {"409": [RequestRefused("The case is closed.")]},
    "openCaseForCustomer": {"409": [CaseAlreadyOpen("case_0123456789abcdef01234567")]},
    "askForReview": {"409": [RequestRefused("The account is not suspended: there is nothing to review.")]},
    "reviewDeclaration": {"409": [RequestRefused("The declaration is executed: it can't become approved.")]},
    "reviewCase": {"409": [RequestRefused("The case is closed."), PROPOSED]},
    "recordAmount": {
        "409": [RequestRefused("The payment has no such refund or dispute in another currency."), PROPOSED]
    },
    "informBuyer": {"409": [RequestRefused("The buyer was shown the right of withdrawal at 2026-11-01 12:00 UTC.")]},
    "removeHold": {"409": [PROPOSED]},
    "adjustAccountCredits": {
        "409": [RequestRefused("20 credits of earlier adjustments are left. No others can be taken back."), PROPOSED]
    },
    "beginAnIncident": {"409": [IncidentChanged(42), PROPOSED]},
    "muteKindOfEvent": {
        "409": [
            RequestRefused(
                "It names an order or account of ours, or what the catalogue sells: it always needs a person."
            )
        ]
    },
    "attributeParkedEvent": {
        "409": [RequestRefused("It is parked as unknown_price: it does not lack an account."), PROPOSED]
    },
    "confirmProposedAct": {"409": [NOT_YOURS]},
    "rejectProposedAct": {"409": [NOT_YOURS]},
    "forwardDeclaration": {"409": [RequestRefused("We sold this contract, or it is not known.")]},
}
"""What only these operations can answer, in addition."""


def add_examples(operation: dict[str, Any], components: dict[str, Any]) -> None:
    """Add an example to the request body and to each problem of an operation. Raise KeyError for one without.

    Problems that differ have a name each in `components/examples`.
    """
    for body in operation.get("requestBody", {}).get("content", {}).values():
        body["example"] = example_of(body["schema"], components["schemas"])
    takes_key = any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", ()))
    for status, response in operation["responses"].items():
        if content := response.get("content", {}).get(PROBLEM_JSON):
            asks = "502" in operation["responses"]
            shown = _documents(operation["operationId"], status, takes_key=takes_key, asks=asks)
            content["examples"] = examples = {}
            for document in shown:
                kind, name = document["type"].rpartition(":")[2], _stored(document, components)
                examples[name if kind in examples else kind] = {"$ref": f"#/components/examples/{name}"}


def _stored(document: Mapping[str, Any], components: dict[str, Any]) -> str:
    """Return the name under which the components have a document. It is added if it is not there."""
    examples = components.setdefault("examples", {})
    kind: str = document["type"].rpartition(":")[2]
    name = kind
    number = 1
    while examples.setdefault(name, {"value": document})["value"] != document:
        number += 1
        name = f"{kind}-{number}"
    return name


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """Return an example by the examples of the fields. Raise KeyError for a required field that has none."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "examples" in schema:
        return schema["examples"][0]
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if "anyOf" in schema:  # a value, or null
        return example_of(schema["anyOf"][0], schemas)
    if schema["type"] == "boolean":
        return True
    if schema["type"] == "array":
        return [example_of(schema["items"], schemas)]
    if schema["type"] != "object":
        raise KeyError(f"{schema.get('title')} has no example")
    required = schema.get("required", ())
    return {
        name: example_of(field, schemas)
        for name, field in schema["properties"].items()
        if name in required or "examples" in field or "$ref" in json.dumps(field)
    }


def _documents(operation_id: str, status: str, *, takes_key: bool, asks: bool) -> Iterator[dict[str, Any]]:
    errors = [*OF_ONE.get(operation_id, {}).get(status, ()), *ANY.get(status, ())]
    if status == "422" and takes_key:
        errors.append(IdempotencyKeyReused("This Idempotency-Key belongs to another request."))
    if status == "503" and asks:
        errors.append(ProviderUnavailable(""))
    responses = [problem_of(error) for error in errors]
    if status == "500":
        responses.append(
            problem(500, "unforeseen", "An unexpected error occurred. Nothing was half done. Retry the request.")
        )
    if not responses:
        raise KeyError(f"{operation_id}: {status} has no example")
    for response in responses:
        yield json.loads(response.body or "")
