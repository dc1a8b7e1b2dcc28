"""Domain events as the functions get them: from a rule of the bus, or from a queue."""

import json
from typing import Any

from ledger.domain.domain_events import SOURCE, Content, DomainEvent

Delivered = dict[str, Any]


def delivered(content: Content, event_id: str = "change", correlation_id: str = "case_1") -> Delivered:
    """Return an event as a rule hands it to a function."""
    event = DomainEvent(event_id=event_id, correlation_id=correlation_id, content=content)
    return {"version": "0", "id": "1", "source": SOURCE, "detail-type": event.kind, "detail": event.detail}


def queued(*events: Delivered | str) -> dict[str, Any]:
    """Return a batch of a queue's messages, with their positions as their ids. A text is a body that is no JSON."""
    bodies = [event if isinstance(event, str) else json.dumps(event) for event in events]
    return {"Records": [{"messageId": f"{number}", "body": body} for number, body in enumerate(bodies)]}
