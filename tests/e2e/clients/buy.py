"""What a service does with the generated package: show the catalogue, place an order, read it, and what is wrong."""

import json
import sys
from typing import Any

from image_tagger_ai_billing_client import AuthenticatedClient
from image_tagger_ai_billing_client.api.account import read_statement_as_csv
from image_tagger_ai_billing_client.api.orders import create_order, read_order
from image_tagger_ai_billing_client.api.shop import read_catalogue
from image_tagger_ai_billing_client.api.support import list_cases_in_review
from image_tagger_ai_billing_client.models import PlaceOrderRequest

address, token = sys.argv[1:]
client = AuthenticatedClient(base_url=address, token=token)
WANTED = {
    "product_id": "pack_1000",
    "provider": "stripe",
    "currency": "EUR",
    "country": "DE",
    "policy_version": "2026-11-01",
}


def order(key: str, **changed: str) -> Any:
    """Place an order under this key."""
    body = PlaceOrderRequest.from_dict(WANTED | changed)
    return create_order.sync_detailed(client=client, body=body, idempotency_key=key)


catalogue = read_catalogue.sync(client=client)
placed, again = order("python-1"), order("python-1")
refused = order("python-2", currency="euros")
found = read_order.sync(placed.parsed.order_id, client=client)
forbidden = list_cases_in_review.sync_detailed(client=client)
statement = read_statement_as_csv.sync_detailed(client=client)
print(
    json.dumps(
        {
            "products": [product.product_id for product in catalogue.products],
            "placed": placed.status_code,
            "same": placed.parsed.order_id == again.parsed.order_id,
            "state": found.state,
            "refused": [wrong.field for wrong in refused.parsed.errors],
            "forbidden": forbidden.status_code,
            "columns": len(statement.content.decode().splitlines()[0].split(",")),
            "unknown": "cheques",
        }
    )
)
