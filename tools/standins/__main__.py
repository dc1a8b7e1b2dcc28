"""Stand in for Stripe and Paddle on 127.0.0.1, until Ctrl-C. `curl $URL/_standin` lists what you can let happen."""

import argparse
import contextlib
import os
import signal
import sys

from tools import signing
from tools.standins import paddle, stripe

EXAMPLES = """
  curl $URL/_standin                                             what can happen
  curl $URL/_standin/pay -d checkout=cs_test_…                   the customer pays (or open the checkout's url)
  curl $URL/_standin/renew -d subscription=sub_…                 a month later
  curl $URL/_standin/open_dispute -d payment=pi_…                the bank takes the money (Paddle: open_chargeback)
  curl $URL/_standin/fault -d method=POST -d path=/v1/refunds -d kind=lost_after -d times=2
"""


def main() -> int:
    """Serve until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.standins",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--deliver-to", metavar="URL", help="where our webhooks are, as in http://127.0.0.1:3000")
    parser.add_argument("--stripe-port", type=int, default=12111, help="(default: %(default)s)")
    parser.add_argument("--paddle-port", type=int, default=12112, help="(default: %(default)s)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    secrets = {
        provider: os.environ.get(f"{provider.upper()}_SIGNING_SECRETS", secret).split(",")[0]
        for provider, secret in signing.LOCAL_SECRETS.items()
    }
    to = arguments.deliver_to
    with (
        contextlib.suppress(KeyboardInterrupt),
        stripe.running(to, signing_secret=secrets["stripe"], port=arguments.stripe_port) as first,
        paddle.running(to, signing_secret=secrets["paddle"], port=arguments.paddle_port) as second,
    ):
        for account in (first, second):
            print(f"{account.name}  {account.url}  API key {account.api_key}", flush=True)
        print(f"webhooks go to {to}" if to else "webhooks go nowhere: --deliver-to sends them", flush=True)
        signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
