"""Wait for a condition in a test, never for a time: how fast the machine is says nothing."""

import time
from collections.abc import Callable

PATIENCE_S = 60.0
"""How long a test waits for what must come, in seconds. Nothing that works needs it."""


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true. Raise TimeoutError after `PATIENCE_S`."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not true within {PATIENCE_S:.0f} s")
        time.sleep(0.01)
