"""Unique ids in the formats of the providers."""

import random
import string
import time
from collections.abc import Callable

_BASE62 = string.digits + string.ascii_letters
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's, as ULIDs have it
_random: random.Random = random.SystemRandom()
_clock: Callable[[], float] = time.time


def repeat_from(seed: int | str, clock: Callable[[], float]) -> None:
    """Derive all further ids of this process from a seed and a clock, to reproduce a history."""
    global _random, _clock
    _random, _clock = random.Random(seed), clock


def stripe_id(prefix: str, length: int = 24) -> str:
    """Return an id like `re_3…`: the prefix, then random letters and digits. `length` excludes the type."""
    return prefix + "".join(_random.choices(_BASE62, k=length - (len(prefix.rpartition("_")[2]))))


def paddle_id(prefix: str) -> str:
    """Return an id like `txn_01…`: the prefix and a ULID in lower case, which begins with the time."""
    milliseconds, letters = int(_clock() * 1000), ""
    for _ in range(10):
        milliseconds, digit = divmod(milliseconds, 32)
        letters = _BASE32[digit] + letters
    return f"{prefix}_{letters}{''.join(_random.choices(_BASE32, k=16))}"
