"""What is to be registered at the providers is what the code reads: a handler that nobody calls is a silent loss."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from paddle_billing.Entities.Events.EventTypeName import EventTypeName

from ledger.providers.registry import PROVIDERS, Provider
from tests.unit.tools.test_events_library import ENABLED_EVENTS
from tools.template import load, routes

WEBHOOKS = [route for route in routes(load()) if "{provider}" in route.path]


def registered() -> Mapping[str, set[str]]:
    """The events of each endpoint, as the runbook has them registered."""
    rows = re.findall(r"^\| `(/webhooks/\S+)` \| (.+) \|$", Path("docs/runbook.md").read_text("utf-8"), re.MULTILINE)
    return {endpoint: set(re.findall(r"`([^`]+)`", events)) for endpoint, events in rows}


def endpoint(path: str, provider: str) -> str:
    """A route, as one provider calls it."""
    return path.replace("{provider}", provider)


def test_every_webhook_route_is_to_be_registered_and_nothing_else() -> None:
    """Each function at each provider."""
    assert registered().keys() == {endpoint(route.path, provider) for route in WEBHOOKS for provider in PROVIDERS}


@pytest.mark.parametrize(("name", "provider"), PROVIDERS.items())
def test_every_event_that_is_read_is_subscribed_to_where_it_is_read(name: str, provider: Provider) -> None:
    """Paddle's adjustments above all: without them neither refunds nor chargebacks would be heard of."""
    for route in WEBHOOKS:
        read = {event_type for event_type, functions in provider.FUNCTIONS.items() if route.folder in functions}
        assert registered()[endpoint(route.path, name)] == read
    assert {"adjustment.created", "adjustment.updated"} <= registered()["/webhooks/paddle/refund-settled"]


def test_the_providers_know_every_event_that_we_read() -> None:
    """By their own packages: a name with a slip in it could never be subscribed to."""
    assert PROVIDERS["stripe"].FUNCTIONS.keys() <= set(ENABLED_EVENTS)
    values = [value for name, value in vars(EventTypeName).items() if not name.startswith("_")]
    assert PROVIDERS["paddle"].FUNCTIONS.keys() <= {str(getattr(value, "value", value)) for value in values}
