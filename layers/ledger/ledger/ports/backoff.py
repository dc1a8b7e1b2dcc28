"""Backoff: how long to wait before an attempt that follows a failed one."""

import random
import time


def pause_before(attempt: int, *, limit_s: float = 0.5) -> None:
    """Sleep before attempt number `attempt` (0: the first, no pause), longer each time and at most `limit_s` seconds.

    The length is random between 0 and the limit of this attempt ("full jitter"), so that competing callers spread.
    """
    if attempt:
        time.sleep(random.uniform(0, min(limit_s, 0.01 * 2**attempt)))  # noqa: S311 - spreads load, guards nothing
