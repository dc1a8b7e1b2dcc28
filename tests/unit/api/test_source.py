"""By what declarations from one place are counted: a digest, never the address itself."""

from typing import Any

import pytest

from ledger.api.gateway_event import source_of


def event_from(address: str) -> dict[str, Any]:
    """A request from a network address."""
    return {"requestContext": {"http": {"sourceIp": address}}}


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
    ],
)
def test_an_address_or_the_network_of_a_household_is_one_source(one: str, other: str, is_same: bool) -> None:
    """A household has one IPv4 address, and 2^64 IPv6 addresses."""
    assert (source_of(event_from(one)) == source_of(event_from(other))) is is_same
    assert one not in source_of(event_from(one))


def test_without_an_address_there_is_no_source() -> None:
    """Nothing is counted by it then."""
    assert source_of(event_from("")) == ""
