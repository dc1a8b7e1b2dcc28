"""Backoff: how long to wait before an attempt that follows a failed one."""

import random
import time
from collections.abc import Callable

FIRST_LIMIT_S = 0.02
"""The longest pause before the second attempt, in seconds. The limit doubles with each further attempt."""


def pause_before(
    attempt: int,
    *,
    limit_s: float = 0.5,
    sleep: Callable[[float], object] | None = None,
    random_between: Callable[[float, float], float] = random.uniform,
) -> None:
    """Sleep before attempt number `attempt` (0: the first, no pause), longer each time and at most `limit_s` seconds.

    The length is random between 0 and the limit of this attempt ("full jitter"), so that competing callers spread.
    `sleep` is time.sleep unless given.
    """
    if attempt:
        pause_s = random_between(0, min(limit_s, FIRST_LIMIT_S * 2 ** (attempt - 1)))
        (sleep or time.sleep)(pause_s)
