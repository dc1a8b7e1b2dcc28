"""What is counted of calls, and what the floor sends instead of them."""

from typing import Any

from bench.counted import Call, Counts, floor_s
from bench.histories import Kind, history
from ledger.dynamodb import keys

KEY = {"pk": {"S": "ACCOUNT#a"}, "sk": {"S": "ENTRY~ACCOUNT"}}
READ = Call("GetItem", {"Key": KEY, "ConsistentRead": True}, {"Item": KEY})
WRITE = Call(
    "TransactWriteItems",
    {
        "condition_check_items": [{"Key": KEY, "ConditionExpression": "x"}],
        "delete_items": [{"Key": KEY}],
        "put_items": [{"Item": {**KEY, "account_id": {"S": "a"}, "paid_at": {"S": "now"}}}],
        "update_items": [{"Key": KEY, "ExpressionAttributeValues": {":0": {"N": "1"}}}],
    },
    {},
)


class Client:
    """A client that notes what it is asked."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, method: str) -> Any:
        return lambda **arguments: self.sent.append((method, arguments))


def test_calls_are_counted_by_what_they_read_and_write() -> None:
    """A condition check writes nothing."""
    assert Counts.of([READ, WRITE]) == Counts(calls=2, items_read=1, read_units=1, items_written=3)


def test_the_floor_sends_the_same_reads_and_as_many_writes_to_keys_of_its_own() -> None:
    """No condition can refuse them, and no index gets a row."""
    client = Client()
    assert floor_s(client, [READ, WRITE], "ledger", 1) > 0
    (read, sent), (write, transaction) = client.sent
    assert (read, sent) == ("get_item", READ.arguments)
    assert write == "transact_write_items"
    items = [one["Put"]["Item"] for one in transaction["TransactItems"]]
    assert len(items) == 3
    assert all(item.keys() == {"pk", "sk", "content"} for item in items)
    assert len({item["pk"]["S"] for item in items} - {"ACCOUNT#a"}) == 3


def test_each_history_leaves_its_thing_to_do() -> None:
    """As the rows of the index or the list that its job reads."""
    leaves = {
        Kind.EXPIRES: "expiry_due",
        Kind.RENEWAL: "expiry_due",
        Kind.PARKED: "parked_shard",
        Kind.DEFERRED: "DEFERRED",
        Kind.APPROVED: "OUTBOX",
        Kind.DISPUTED: "RENEWALS",
        Kind.REPORTED: "followed_shard",
    }
    for kind, left in leaves.items():
        assert len([item for item in history(kind, 1) if left in item or item["pk"]["S"] == left]) == 1, kind
    past = [item for number in (0, 1) for item in history(Kind.PAST, number)]
    assert {str(keys.kind_of(item)) for item in past} >= {"account", "entry", "lot", "run", "refund_case", "receipt"}
    assert not [item for item in past if item["pk"]["S"] in {"OUTBOX", "RENEWALS", "DEFERRED"}]
