"""Retry a use-case whose write lost against a concurrent writer."""

import random
import time
from collections.abc import Iterator

ATTEMPTS = 12  # how often an overtaken write is planned again before the caller is asked to come again


def attempts() -> Iterator[int]:
    """Attempt numbers, with a growing pause of random length ("full jitter") before each but the first."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(random.uniform(0, min(0.4, 0.01 * 2**attempt)))  # noqa: S311 - spreads load, guards nothing
        yield attempt
