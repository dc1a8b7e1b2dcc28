"""Ids in the providers' forms. No two are alike."""

import random
import string
import time
from collections.abc import Callable

_BASE62 = string.digits + string.ascii_letters
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's, as ULIDs have it
_chance: random.Random = random.SystemRandom()
_clock: Callable[[], float] = time.time


def repeat_from(seed: int | str, clock: Callable[[], float]) -> None:
    """From now on this process's ids follow from a seed and a clock, so that a history can be made again."""
    global _chance, _clock
    _chance, _clock = random.Random(seed), clock


def stripe_id(prefix: str, length: int = 24) -> str:
    """`re_3…`, `cs_test_a1…`: the prefix and letters and digits up to `length`."""
    return prefix + "".join(_chance.choices(_BASE62, k=length - (len(prefix.rpartition("_")[2]))))


def paddle_id(prefix: str) -> str:
    """`txn_01…`: the prefix and a ULID in lower case, which begins with the time."""
    milliseconds, letters = int(_clock() * 1000), ""
    for _ in range(10):
        milliseconds, digit = divmod(milliseconds, 32)
        letters = _BASE32[digit] + letters
    return f"{prefix}_{letters}{''.join(_chance.choices(_BASE32, k=16))}"
