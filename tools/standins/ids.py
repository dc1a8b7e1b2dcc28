"""Ids in the providers' forms. No two are alike."""

import random
import string
import time

_BASE62 = string.digits + string.ascii_letters
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's, as ULIDs have it
_chance = random.SystemRandom()


def stripe_id(prefix: str, length: int = 24) -> str:
    """`re_3…`, `cs_test_a1…`: the prefix and letters and digits up to `length`."""
    return prefix + "".join(_chance.choices(_BASE62, k=length - (len(prefix.rpartition("_")[2]))))


def paddle_id(prefix: str) -> str:
    """`txn_01…`: the prefix and a ULID in lower case, which begins with the time."""
    milliseconds, letters = int(time.time() * 1000), ""
    for _ in range(10):
        milliseconds, digit = divmod(milliseconds, 32)
        letters = _BASE32[digit] + letters
    return f"{prefix}_{letters}{''.join(_chance.choices(_BASE32, k=16))}"
