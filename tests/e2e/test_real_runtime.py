"""What `sam build` made, under Lambda's own runtime: the functions, the layers and nothing else on the path.

What they lean on is there by the names of `template.yaml`: table, secrets, buckets, the stream of raw bodies.
`make runtime` builds and runs these; `make test` does not, for it needs neither Python 3.13 nor SAM.
"""

import base64
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pynamodb.connection import Connection

from ledger.archive import body_of
from ledger.domain.domain_events import SOURCE, CustomerIdentified
from ledger.domain.ids import AccountId, PaymentId
from ledger.dynamodb.store import DynamoDBStore
from tests.conftest import REGION
from tests.unit.dynamodb.golden_items import FOLDER as GOLDEN
from tools.check_build import BuiltLayers
from tools.devserver.cloud import Cloud, create_resources
from tools.ledger import read_world
from tools.orders import place_orders_of
from tools.real_runtime import FunctionFailed, RealRuntime, built_template, running
from tools.signing import LOCAL_SECRETS, headers, signed_again
from tools.statement import statement
from tools.stories import EVENTS, Notification, read_notification, stories
from tools.template import functions, load, routes
from tools.testing.domain_events import delivered
from tools.verify import World, check

pytestmark = pytest.mark.runtime

FUNCTIONS = {
    route.path.rpartition("/")[2]: route.function for route in routes(load()) if route.path.startswith("/webhooks/")
}
OUTCOMES = {  # told once, told again
    "stripe_payment_succeeded": ("booked", "already_booked"),
    "stripe_subscription_renewed": ("booked", "already_booked"),
    "stripe_dispute_opened": ("waiting", "already_booked"),  # for the payment, which is not among these requests
    "stripe_refund_settled": ("waiting", "already_booked"),
    "paddle_payment_succeeded": ("booked", "already_booked"),
    "paddle_subscription_renewed": ("booked", "already_booked"),
    "paddle_dispute_opened": ("waiting", "already_booked"),
    "paddle_refund_settled": ("waiting", "already_booked"),
}
Invoke = Callable[[str], RealRuntime]


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """The template that `sam build` wrote."""
    return built_template()


@pytest.fixture(scope="module")
def cloud(ministack: str, template: dict[str, Any]) -> Cloud:
    """What the functions lean on."""
    return create_resources(ministack, template)


@pytest.fixture(scope="module")
def layers() -> BuiltLayers:
    """The built layers; one with code compiled for another machine is built again for this one."""
    return BuiltLayers()


@pytest.fixture(scope="module")
def real(cloud: Cloud, template: dict[str, Any], layers: BuiltLayers) -> Iterator[Invoke]:
    """The runtime of a function, started when it is first asked for."""
    with contextlib.ExitStack() as started:
        known: dict[str, RealRuntime] = {}

        def of(function: str) -> RealRuntime:
            if function not in known:
                variables = cloud.variables(template, function)
                known[function] = started.enter_context(running(template, layers, function, variables, cloud.endpoint))
            return known[function]

        yield of


@pytest.fixture(scope="module")
def store(cloud: Cloud) -> DynamoDBStore:
    """The functions' table, read from outside. The library's buyers have placed their orders."""
    made = DynamoDBStore(cloud.table_name, Connection(region=REGION, host=cloud.endpoint))
    place_orders_of((one for story in stories() for one in story.notifications), made)
    return made


def answered(answer: dict[str, Any]) -> tuple[int, str]:
    """The status, and the outcome or what was wrong."""
    body = json.loads(answer["body"])
    return answer["statusCode"], body.get("outcome") or body["title"]


def deliver(real: Invoke, told: Notification) -> tuple[int, str]:
    """One signed notification, to the function of its webhook."""
    request = {
        "version": "2.0",
        "headers": {
            name.lower(): value
            for name, value in headers(told.provider, told.body, LOCAL_SECRETS[told.provider], time.time()).items()
        },
        "pathParameters": {"provider": told.provider},
        "body": told.body.decode(),
        "isBase64Encoded": False,
    }
    return answered(real(FUNCTIONS[told.to]).invoke(request))


@pytest.mark.parametrize("function", functions(load()))
def test_a_built_function_starts(function: str, real: Invoke, record_property: Callable[[str, object], None]) -> None:
    """Its modules are all in the build: it answers, or raises an error of its own, never one of the runtime's."""
    started = real(function)
    with contextlib.suppress(FunctionFailed):
        started.invoke({})
    assert "INIT RTDONE(status: success)" in started.log()
    record_property("cold_start", (function, started.init_ms()))


@pytest.mark.parametrize(("name", "outcomes"), OUTCOMES.items())
@pytest.mark.usefixtures("store")
def test_a_webhook_refuses_what_is_not_proven_and_books_once(
    name: str, outcomes: tuple[str, str], real: Invoke, cloud: Cloud
) -> None:
    """Stale, as filed, or signed with another secret: 401. Signed now it is stored once, and its body kept."""
    request = json.loads((EVENTS / "api" / f"{name}.json").read_text("utf-8"))
    function = real(FUNCTIONS[request["rawPath"].rpartition("/")[2]])
    assert answered(function.invoke(request)) == (401, "Unauthorized")
    forged = signed_again(request, dict.fromkeys(LOCAL_SECRETS, "whsec_of_another"), time.time())
    assert answered(function.invoke(forged)) == (401, "Unauthorized")

    genuine = signed_again(request, LOCAL_SECRETS, time.time())
    assert [answered(function.invoke(genuine)) for _ in range(2)] == [(200, outcome) for outcome in outcomes]

    body = base64.b64decode(request["body"]) if request["isBase64Encoded"] else request["body"].encode()
    assert body in set(kept_bodies(cloud))
    assert "not archived" not in function.log()


def kept_bodies(cloud: Cloud) -> Iterator[bytes]:
    """Every raw body in the bucket."""
    s3, bucket = cloud.client("s3"), cloud.references["RawBodyBucket"]
    for found in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        for line in s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read().splitlines():
            yield body_of(line)


def test_a_parked_event_is_released(real: Invoke, store: DynamoDBStore) -> None:
    """A renewal is kept until it is known whose it is; the domain event of that makes the job book it."""
    story = next(story for story in stories() if story.name == "paddle_renewal_past_due")
    initial, renewal = story.notifications[0], story.notifications[4]
    assert deliver(real, renewal) == (200, "parked")
    assert real("ReleaseParkedFunction").invoke({})["outcomes"].keys() == {"parked"}
    assert deliver(real, initial) == (200, "booked")
    customer = json.loads(initial.body)["data"]["customer_id"]
    content = CustomerIdentified(
        customer_id=f"paddle:{customer}", account_id=AccountId(story.account_id), payment_id=PaymentId("paddle:txn")
    )
    assert real("ReleaseParkedFunction").invoke(delivered(content)) == {"outcomes": {"booked": 1}}
    account = statement(store, AccountId(story.account_id), datetime.now(UTC))
    assert account
    assert account["balance"] == 2000


def test_the_relay_publishes_on_the_bus(real: Invoke, cloud: Cloud) -> None:
    """With what was built alone: the client of EventBridge, and no other part of the stack."""
    tap = cloud.client("sqs").create_queue(QueueName=f"{cloud.table_name}-tap")["QueueUrl"]
    asked = cloud.client("sqs").get_queue_attributes(QueueUrl=tap, AttributeNames=["QueueArn"])
    bus = cloud.references["LedgerBus"]
    cloud.client("events").put_rule(Name="tap", EventBusName=bus, EventPattern=json.dumps({"source": [SOURCE]}))
    target = {"Id": "tap", "Arn": asked["Attributes"]["QueueArn"]}
    cloud.client("events").put_targets(Rule="tap", EventBusName=bus, Targets=[target])
    golden = json.loads((GOLDEN / "refund_intent.json").read_text("utf-8"))
    record = {"eventName": "INSERT", "dynamodb": {"NewImage": golden, "SequenceNumber": "1"}}
    assert real("RelayChangesFunction").invoke({"Records": [record]}) == {"batchItemFailures": []}
    (message,) = cloud.client("sqs").receive_message(QueueUrl=tap, WaitTimeSeconds=5)["Messages"]
    assert json.loads(message["Body"])["detail-type"] == "RefundIntentListed"


def test_all_stories_end_in_a_sound_ledger(real: Invoke, store: DynamoDBStore) -> None:
    """Every notification of the library, through the built functions: nothing stays parked, every invariant holds."""
    told = [deliver(real, notification) for story in stories() for notification in story.notifications]
    assert {status for status, _ in told} == {200}
    assert {outcome for _, outcome in told} <= {"booked", "already_booked", "waiting", "noted"}
    real("ReleaseParkedFunction").invoke({})
    assert real("ReleaseParkedFunction").invoke({}) == {"outcomes": {}}
    world = World()
    read_world(store, world)
    assert [finding for finding in check(world) if finding.broken] == []


def test_the_api_reads_what_the_webhooks_booked(real: Invoke) -> None:
    """Pydantic and its compiled core load from their layer; the customer is the token's."""
    deliver(real, stories()[0].notifications[0])
    context = {
        "http": {"method": "GET", "path": "/account"},
        "stage": "$default",
        "authorizer": {"jwt": {"claims": {"sub": stories()[0].account_id, "scope": "billing"}, "scopes": ["billing"]}},
    }
    request = {"version": "2.0", "rawPath": "/account", "headers": {}, "requestContext": context}
    answer = real("ReadAccountFunction").invoke(request)
    assert (answer["statusCode"], json.loads(answer["body"])["balance"]) == (200, 500)


def test_a_table_that_does_not_answer_is_told_as_503(
    cloud: Cloud, template: dict[str, Any], layers: BuiltLayers
) -> None:
    """Well within the function's time, so that the provider hears it and delivers again."""
    variables = cloud.variables(template, FUNCTIONS["payment-succeeded"]) | {
        "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9"  # where nothing listens
    }
    told = read_notification("stripe/loose_quantity_three.json", "payment-succeeded")
    with running(template, layers, FUNCTIONS["payment-succeeded"], variables, cloud.endpoint) as broken:
        assert deliver(lambda _: broken, told) == (503, "Unavailable")
