"""One part of the proof in a process of its own: `python -m proof.worker PART --seed 7 --seconds 30`."""

import argparse
import importlib
import json
import os
import sys
import traceback

from proof.work import CannotRun, Work
from tools import signing
from tools.devserver import environment

CANNOT_RUN = 3


def main() -> int:
    """Run a part; its counts and findings go to the standard output, line by line."""
    parser = argparse.ArgumentParser(prog="python -m proof.worker", description=__doc__)
    parser.add_argument("part")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--case", type=int)
    parser.add_argument("--floor", type=json.loads, default={}, help="what must be tried how often, as JSON")
    arguments = parser.parse_args()
    # Whatever the part prints must not get between its lines.
    out, sys.stdout = sys.stdout, sys.stderr
    work = Work(arguments.part, arguments.seed, arguments.seconds, arguments.case, arguments.floor, out)
    environment.use_local_credentials()
    os.environ |= {
        "POWERTOOLS_SERVICE_NAME": "proof",
        "POWERTOOLS_METRICS_NAMESPACE": "ImageTaggerBilling",
        "POWERTOOLS_METRICS_DISABLED": "true",
        "POWERTOOLS_LOG_LEVEL": os.environ.get("POWERTOOLS_LOG_LEVEL") or "CRITICAL",
        "PROVIDER_MODE": "test",
        "REFUNDS_PAUSED": "false",
        **{f"{provider.upper()}_SIGNING_SECRETS": secret for provider, secret in signing.LOCAL_SECRETS.items()},
    }
    try:
        importlib.import_module(f"proof.{arguments.part}").run(work)
    except CannotRun as problem:
        print(problem, file=sys.stderr)
        return CANNOT_RUN
    except Exception:  # noqa: BLE001 - told as a finding: a part that breaks off has proved nothing
        work.find("the part itself broke off:\n" + traceback.format_exc())
    work.tell()
    return 1 if work.found else 0


if __name__ == "__main__":
    sys.exit(main())
