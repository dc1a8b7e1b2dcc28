"""Simulate Stripe and Paddle on 127.0.0.1, until Ctrl-C. `curl $URL/_simulator` lists the available actions."""

import argparse
import contextlib
import os
import signal
import sys

from tools import signing
from tools.simulators import paddle, stripe

EXAMPLES = """
  curl $URL/_simulator                                           list the actions
  curl $URL/_simulator/pay -d checkout=cs_test_…                 pay a checkout (or open its url)
  curl $URL/_simulator/renew -d subscription=sub_…               renew a subscription
  curl $URL/_simulator/open_dispute -d payment=pi_…              dispute a payment (Paddle: open_chargeback)
  curl $URL/_simulator/fault -d method=POST -d path=/v1/refunds -d kind=lost_after -d times=2
"""


def main() -> int:
    """Serve until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.simulators",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--deliver-to", metavar="URL", help="where the webhooks are, as in http://127.0.0.1:3000")
    parser.add_argument("--stripe-port", type=int, default=12111, help="(default: %(default)s)")
    parser.add_argument("--paddle-port", type=int, default=12112, help="(default: %(default)s)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    secrets = {
        provider: os.environ.get(f"{provider.upper()}_SIGNING_SECRETS", secret).split(",")[0]
        for provider, secret in signing.LOCAL_SECRETS.items()
    }
    receiver = arguments.deliver_to
    with (
        contextlib.suppress(KeyboardInterrupt),
        stripe.running(receiver, signing_secret=secrets["stripe"], port=arguments.stripe_port) as stripe_account,
        paddle.running(receiver, signing_secret=secrets["paddle"], port=arguments.paddle_port) as paddle_account,
    ):
        for account in (stripe_account, paddle_account):
            print(f"{account.name}  {account.url}  API key {account.api_key}", flush=True)
        print(f"webhooks go to {receiver}" if receiver else "webhooks go nowhere: --deliver-to sends them", flush=True)
        signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
