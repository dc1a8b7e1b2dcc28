"""What a function gets from its environment."""

from dataclasses import replace

import pytest

from ledger.config import Config
from ledger.policy import rules
from ledger.runtime import Runtime

ENVIRONMENT = {"TABLE_NAME": "ledger", "PROVIDER_MODE": "test", "AWS_REGION": "eu-central-1"}


@pytest.mark.parametrize(
    ("setting", "is_paused"),
    [({}, False), ({"REFUNDS_PAUSED": "false"}, False), ({"REFUNDS_PAUSED": ""}, False)]
    + [({"REFUNDS_PAUSED": value}, True) for value in ("true", "True")],
)
def test_a_pause_of_refunds_reaches_what_sends_and_what_decides(setting: dict[str, str], *, is_paused: bool) -> None:
    """On a restored table nothing is decided that may have been paid after its time. All else is as published."""
    services = Runtime(Config.of(ENVIRONMENT | setting))
    assert services.config.is_paused is is_paused
    assert services.policy == replace(rules.load(), is_paused=is_paused)


@pytest.mark.parametrize(
    ("setting", "streams"),
    [({}, ()), ({"ARCHIVE_STREAM_NAMES": ""}, ()), ({"ARCHIVE_STREAM_NAMES": "one,two"}, ("one", "two"))],
)
def test_the_streams_of_the_archive_are_listed(setting: dict[str, str], streams: tuple[str, ...]) -> None:
    """None: the deployment keeps no raw bodies."""
    assert Config.of(ENVIRONMENT | setting).archive_streams == streams
