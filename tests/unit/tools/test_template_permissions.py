"""What each function may do is what its code does, and no more. What the code does is read from the code."""

import ast
import functools
import inspect
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from ledger.domain.facts import RefundAbandoned
from ledger.domain.refund_cases import CaseState, DecisionOutcome
from ledger.domain.texts import Text
from ledger.dynamodb import keys, reads
from ledger.dynamodb.keys import ItemKind
from ledger.ports.commit import Commit, Refusal
from ledger.ports.documents import DocumentKind
from ledger.ports.store import Store
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from tests.unit.tools.template_parts import (
    ARCHIVE_STREAMS,
    FOLDERS,
    FUNCTIONS,
    RESOURCES,
    WEBHOOKS,
    each,
    logical_id,
    statements,
    text,
)
from tools.testing.builders import (
    LATER,
    PI,
    POLICY,
    at,
    event_of,
    paid,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeStore
from tools.testing.reach import calls_of, reach_of
from tools.testing.unguarded import decide_case

TABLE = {"Fn::GetAtt": ["LedgerTable", "Arn"]}
WHOLE = {"ForAnyValue:StringEquals": {"dynamodb:EnclosingOperation": "TransactWriteItems"}}
"""A transaction passes its name as one of several values, which a plain StringEquals does not match everywhere."""

STORE_METHODS = {name for name, _ in inspect.getmembers(Store, inspect.isfunction) if not name.startswith("_")}
INDEXES = {
    "purchases_of": keys.PURCHASES_INDEX,
    "parked_names": keys.PARKED_INDEX,
    "parked_of_customer": keys.PARKED_OF_CUSTOMER_INDEX,
    "waiting_payments": keys.WAITING_INDEX,
    "open_disputes": keys.LISTED_INDEX,
    "suspended_accounts": keys.LISTED_INDEX,
    "decided_cases": keys.LISTED_INDEX,
    "followed_cases": keys.FOLLOWED_INDEX,
    "expiring": keys.EXPIRING_INDEX,
    "first_expiry": keys.EXPIRING_INDEX,
}
"""The methods of the store that read an index, and then by key what it names."""
SCANS = {"first_expiry"}
"""Those that read it whole."""

LISTS = {
    "intent_key": DocumentKind.REFUND_INTENT,
    "proposal_queue_key": DocumentKind.PROPOSAL_QUEUE,
    "review_queue_key": DocumentKind.REVIEW_QUEUE,
    "deferred_queue_key": DocumentKind.DEFERRED_QUEUE,
    "deferred_queue_key_of": DocumentKind.DEFERRED_QUEUE,
    "renewal_stop_key": DocumentKind.RENEWAL_STOP,
    "listed_declaration_key": DocumentKind.LISTED_DECLARATION,
    "mail_intent_key": DocumentKind.MAIL_INTENT,
    "awaited_order_key": DocumentKind.AWAITED_ORDER,
    "watched_plan_key": DocumentKind.WATCHED_PLAN,
    "running_incident_key": DocumentKind.RUNNING_INCIDENT,
}
"""The lists of work, whose items are the only ones that are ever removed, by the functions that name an item."""

_SET = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:configuration-set/"
MAIL_IDENTITIES = (
    {"Ref": "MailsIdentityArn"},
    {"Fn::If": ["HasReceiptsIdentity", {"Ref": "ReceiptsIdentityArn"}, {"Ref": "MailsIdentityArn"}]},
    {"Fn::Sub": _SET + "${MailsConfiguration}"},
    {"Fn::Sub": _SET + "${ReceiptsConfiguration}"},
)
"""Under which identities mails are sent, and by which configuration sets."""

DECLARED = [keys.range_of(DocumentKind.DECLARATION).pk + "*", keys.range_of(DocumentKind.LISTED_DECLARATION).pk]
WRITES_ONLY = {
    # The functions that write nothing outside these partitions, and why.
    "record_usage": [keys.range_of(ItemKind.ACCOUNT).pk + "*"],  # the tagging service has nothing to do with payments
    "find_accounts": [keys.range_of(ItemKind.ACCOUNT).pk + "*"],  # looks
    "receive_declarations": DECLARED,  # anybody can call it
    "show_pages": [
        *DECLARED,
        keys.range_of(DocumentKind.DECLARED_CONTRACT).pk + "*",
    ],  # an objection is of the contract
    "review_incidents": [  # begins incidents, which it gives to nobody: the job does
        *(keys.range_of(kind).pk + "*" for kind in (DocumentKind.INCIDENT, DocumentKind.ACTOR_SUMS)),
        keys.range_of(ItemKind.ACCOUNT).pk + "inc_*",  # its acts and proposals stand under the incident's id
        *(
            keys.range_of(kind).pk
            for kind in (DocumentKind.LISTED_INCIDENT, DocumentKind.RUNNING_INCIDENT, DocumentKind.PROPOSAL_QUEUE)
        ),
    ],
    "replace_failed_runs": [  # a job without a person: credits for runs, and its own progress
        keys.range_of(ItemKind.ACCOUNT).pk + "*",
        *(keys.range_of(kind).pk + "*" for kind in (DocumentKind.INCIDENT, DocumentKind.INCIDENT_SHARE)),
        keys.range_of(DocumentKind.JOB_CURSOR).pk,
    ],
}


INDEX_ROWS = {
    "ForAllValues:StringLike": {
        "dynamodb:LeadingKeys": [
            keys.range_of(kind).pk + "*"
            for kind in (DocumentKind.INDEXED_NAME, DocumentKind.INDEXED_AMOUNT, DocumentKind.INDEXED_FAILURE)
        ]
    }
}
"""The rows of the index of find: they alone are written outside a transaction, by whoever writes nothing else."""


class Permission(NamedTuple):
    """One action on one resource, on a condition."""

    action: str
    resource: str
    condition: str

    @classmethod
    def of(cls, action: str, resource: Any, condition: Any = None) -> "Permission":
        """Make it comparable."""
        return cls(action, text(resource), text(condition or {}))


def permissions(folder: str) -> set[Permission]:
    """Return what the template lets a function do."""
    return {
        Permission.of(action, resource, statement.get("Condition"))
        for statement in statements(folder)
        for action in each(statement["Action"])
        for resource in each(statement["Resource"])
    }


def needed(folder: str) -> Iterator[Permission]:
    """Yield what a function's code needs."""
    called, names = reach_of(folder).attributes, reach_of(folder).names
    methods = (called & STORE_METHODS) if any(name.startswith("ledger.runtime:") for name in names) else set()
    for operation in {operation for method in methods for operation in operations(method)}:
        yield Permission.of(f"dynamodb:{operation}", TABLE)
    for method in methods & INDEXES.keys():
        operation = "Scan" if method in SCANS else "Query"
        yield Permission.of(f"dynamodb:{operation}", {"Fn::Sub": f"${{LedgerTable.Arn}}/index/{INDEXES[method]}"})
    if "commit" in methods:
        where = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": WRITES_ONLY.get(folder)}}
        condition = WHOLE | (where if folder in WRITES_ONLY else {})
        for action in ("ConditionCheckItem", "PutItem", "UpdateItem"):
            yield Permission.of(f"dynamodb:{action}", TABLE, condition)
    if "put_index_rows" in methods:
        yield Permission.of("dynamodb:UpdateItem", TABLE, INDEX_ROWS)
    if lists := sorted(set(deleted_from(folder))):
        compares = "StringLike" if any(pk.endswith("#") for pk in lists) else "StringEquals"
        patterns = [f"{pk}*" if pk.endswith("#") else pk for pk in lists]
        where = {f"ForAllValues:{compares}": {"dynamodb:LeadingKeys": patterns}}
        yield Permission.of("dynamodb:DeleteItem", TABLE, WHOLE | where)
    if "ledger.webhook:handle" in names:
        secrets = logical_id(folder).removesuffix("Function") + "Secrets"
        yield Permission.of("secretsmanager:GetSecretValue", {"Ref": secrets})
    if "gateway" in called:
        yield Permission.of("secretsmanager:GetSecretValue", {"Ref": "ProviderKeys"})
    if "address_key" in called:
        yield Permission.of("secretsmanager:GetSecretValue", {"Ref": "AddressKey"})
    if "archiving" in called:
        for stream in ARCHIVE_STREAMS:
            yield Permission.of("firehose:PutRecord", {"Fn::GetAtt": [stream, "Arn"]})
    evidence = {"Fn::Sub": "${EvidenceBucket.Arn}/evidence/*"}
    if "generate_presigned_post" in called:
        yield Permission.of("s3:PutObject", evidence)
    if "generate_presigned_url" in called:
        yield Permission.of("s3:GetObject", evidence)
    if "put_events" in called:
        yield Permission.of("events:PutEvents", {"Fn::GetAtt": ["LedgerBus", "Arn"]})
    if "mailer" in called:
        for resource in MAIL_IDENTITIES:
            yield Permission.of("ses:SendEmail", resource)
    for queue in dead_letter_queues(folder):
        yield Permission.of("sqs:SendMessage", queue)


def operations(method: str) -> frozenset[str]:
    """Return the operations that a method of the store sends to DynamoDB to read the table itself."""
    if method in {"commit", "put_index_rows"}:
        return frozenset()
    found, waiting = set(), [method]
    done: set[str] = set()
    while waiting:
        name = waiting.pop()
        done.add(name)
        for node in ast.walk(_reads()[name]):
            match node:
                case ast.Attribute(value=ast.Name(id="self"), attr=other) if other in _reads().keys() - done:
                    waiting.append(other)
                case ast.Constant(value="GetItem" | "BatchGetItem" | "Query" as operation):
                    found.add(str(operation))
    asks_an_index = method in INDEXES
    reads_by_key = found & {"GetItem", "BatchGetItem"}
    return frozenset(reads_by_key if asks_an_index else found)


@functools.cache
def _reads() -> dict[str, ast.FunctionDef]:
    (cls,) = (node for node in ast.parse(inspect.getsource(reads)).body if getattr(node, "name", "") == "Reads")
    assert isinstance(cls, ast.ClassDef)
    return {node.name: node for node in cls.body if isinstance(node, ast.FunctionDef)}


def deleted_from(folder: str) -> Iterator[str]:
    """Yield the partitions that a function removes items from: where its code changes a document to None."""
    for node in calls_of(folder):
        match node:
            case ast.Call(
                func=ast.Name(id="DocumentChange"),
                args=[ast.Call(func=ast.Name(id=key)), ast.Constant(value=None)],
            ):
                yield keys.range_of(LISTS[key]).pk
            case ast.Call(func=ast.Name(id="DocumentChange"), args=[_, ast.Constant(value=None)]):
                raise AssertionError(f"{ast.unparse(node)} does not say which list it removes from")


def dead_letter_queues(folder: str) -> Iterator[Any]:
    """Yield the queues to which Lambda itself, by the function's role, moves what the function gave up."""
    invoked = FUNCTIONS[folder].get("EventInvokeConfig", {})
    if target := invoked.get("DestinationConfig", {}).get("OnFailure"):
        yield target["Destination"]
    for event in FUNCTIONS[folder].get("Events", {}).values():
        if event["Type"] == "DynamoDB":
            yield event["Properties"].get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_may_do_exactly_what_its_code_does(folder: str) -> None:
    """Each action on the resource, under the condition; nothing else; and nothing is denied by mistake."""
    assert permissions(folder) == set(needed(folder))
    assert {statement["Effect"] for statement in statements(folder)} <= {"Allow"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_permission_is_a_wildcard(folder: str) -> None:
    """No `*` for an action, none for a resource; only `verify`, which is no function, scans the table."""
    for permission in permissions(folder):
        assert "*" not in permission.action
        assert permission.resource != '"*"'
        assert permission.action != "dynamodb:Scan" or "/index/" in permission.resource


def test_what_is_written_is_written_within_a_transaction() -> None:
    """PutItem, UpdateItem and DeleteItem of their own would move credits by half. Rows of the index have no credits.

    Whoever may write these rows by themselves may write nothing else at all.
    """
    written = {
        (folder, permission)
        for folder in FOLDERS
        for permission in permissions(folder)
        if permission.action in {f"dynamodb:{name}" for name in ("PutItem", "UpdateItem", "DeleteItem")}
    }
    alone = Permission.of("dynamodb:UpdateItem", TABLE, INDEX_ROWS)
    assert {(folder, one) for folder, one in written if folder == "index_names"} == {("index_names", alone)}
    for folder, permission in written:
        if folder != "index_names":
            assert '"dynamodb:EnclosingOperation": "TransactWriteItems"' in permission.condition


def test_only_functions_have_roles_of_their_own_and_the_archive() -> None:
    """Firehose writes into its own bucket, for this account's stream alone."""
    roles = {name: item for name, item in RESOURCES.items() if item["Type"] == "AWS::IAM::Role"}
    assert roles.keys() == {"RawBodyStreamRole"}
    properties = roles["RawBodyStreamRole"]["Properties"]
    (trust,) = properties["AssumeRolePolicyDocument"]["Statement"]
    assert trust == {
        "Effect": "Allow",
        "Principal": {"Service": "firehose.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": {"Ref": "AWS::AccountId"}}},
    }
    (policy,) = properties["Policies"]
    in_bucket, of_bucket = {"Fn::Sub": "${RawBodyBucket.Arn}/*"}, {"Fn::GetAtt": ["RawBodyBucket", "Arn"]}
    assert {
        (one["Effect"], action, text(one["Resource"]))
        for one in policy["PolicyDocument"]["Statement"]
        for action in each(one["Action"])
    } == {
        *(("Allow", f"s3:{action}", text(in_bucket)) for action in ("PutObject", "AbortMultipartUpload")),
        *(
            ("Allow", f"s3:{action}", text(of_bucket))
            for action in ("ListBucket", "GetBucketLocation", "ListBucketMultipartUploads")
        ),
    }


def test_a_webhook_can_reach_no_key_of_a_provider() -> None:
    """Whatever a stranger sends, the function that reads it has nothing with which money can be moved."""
    for folder in WEBHOOKS:
        assert not any("ProviderKeys" in permission.resource for permission in permissions(folder))


def test_a_case_that_settles_in_review_leaves_only_lists_that_its_followers_may_delete_from() -> None:
    """A refund that we had given up may turn out to be sent: whoever hears of it takes the case off the queue."""
    store = _Watched()
    record_events(store, paid())
    case = request_refund(store, refund_claim())
    verdict = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("Half of it.",), clause="6", money_minor=1000)
    case = decide_case(case.case_id, verdict, "sam", store, POLICY, now=LATER)
    given_up = RefundAbandoned(tag=case.tag, reason=Text(key="refused"), at=at(70), cause="case:1")
    record_events(store, event_of(given_up))
    follow(PI, store, now=LATER)
    store.deleted.clear()
    record_events(store, event_of(replace(refund(1000, minute=80), tag=case.tag)))
    assert [moved.state for moved in follow(PI, store, now=LATER)] == [CaseState.REFUNDED]
    assert store.deleted
    for folder in ("follow_cases", "send_refunds"):
        assert store.deleted <= set(deleted_from(folder))


class _Watched(FakeStore):
    """A store that notes from which lists documents are taken off."""

    def __init__(self) -> None:
        super().__init__()
        self.deleted: set[str] = set()

    def commit(self, commit: Commit) -> Refusal | None:
        self.deleted |= {keys.document_key(c.key)["pk"]["S"] for c in commit.documents if c.document is None}
        return super().commit(commit)
