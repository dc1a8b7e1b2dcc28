"""Sign a body as the providers do, for local deliveries and tests."""

import hashlib
import hmac

LOCAL_SECRETS = {"stripe": "whsec_local_only", "paddle": "pdl_ntfset_local_only"}
"""What the local run signs and verifies with unless the environment says otherwise. They protect nothing."""


def headers(provider: str, body: bytes, secret: str, now: float) -> dict[str, str]:
    """The signature header of one delivery at `now` (seconds since 1970)."""
    stamp = str(int(now))
    joint, name, template = {
        "stripe": (b".", "Stripe-Signature", "t={stamp},v1={digest}"),
        "paddle": (b":", "Paddle-Signature", "ts={stamp};h1={digest}"),
    }[provider]
    digest = hmac.new(secret.encode(), stamp.encode() + joint + body, hashlib.sha256).hexdigest()
    return {name: template.format(stamp=stamp, digest=digest), "Content-Type": "application/json"}
