"""Sign a body as the providers do, for local deliveries and tests.

python -m tools.signing events/api/stripe_payment_succeeded.json      the same API Gateway event, signed now
"""

import argparse
import base64
import hashlib
import hmac
import json
import sys
import time
from pathlib import Path
from typing import Any

LOCAL_SECRETS = {"stripe": "whsec_local_only", "paddle": "pdl_ntfset_local_only"}
"""The local run's signing secrets, unless the environment sets others. They protect nothing."""

LOCAL_ADDRESS_KEY = "local_address_key_only"
"""The local run's key of the hashes of e-mail addresses, unless the environment sets another. It protects nothing."""


def headers(provider: str, body: bytes, secret: str, now: float) -> dict[str, str]:
    """Return the signature header of one delivery at `now` (seconds since 1970)."""
    stamp = str(int(now))
    joint, name, template = {
        "stripe": (b".", "Stripe-Signature", "t={stamp},v1={digest}"),
        "paddle": (b":", "Paddle-Signature", "ts={stamp};h1={digest}"),
    }[provider]
    digest = hmac.new(secret.encode(), stamp.encode() + joint + body, hashlib.sha256).hexdigest()
    return {name: template.format(stamp=stamp, digest=digest), "Content-Type": "application/json"}


def signed_again(request: dict[str, Any], secrets: dict[str, str], now: float) -> dict[str, Any]:
    """Return an API Gateway event of `events/api`, signed at `now`: the stored signatures have expired."""
    provider = request["pathParameters"]["provider"]
    body = base64.b64decode(request["body"]) if request["isBase64Encoded"] else request["body"].encode()
    fresh = {name.lower(): value for name, value in headers(provider, body, secrets[provider], now).items()}
    return request | {"headers": request["headers"] | fresh}


def main() -> int:
    """Print an API Gateway event with a signature of now, for `sam local invoke -e -`."""
    parser = argparse.ArgumentParser(prog="python -m tools.signing", description=main.__doc__)
    parser.add_argument("file", type=Path, help="an event of a webhook, in events/api")
    request = json.loads(parser.parse_args().file.read_text("utf-8"))
    print(json.dumps(signed_again(request, LOCAL_SECRETS, time.time())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
