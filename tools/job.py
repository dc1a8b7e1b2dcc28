"""Run a scheduled function on the local server that runs, now instead of at its time, and print what it answers."""

import argparse
import json
import sys
import urllib.error
import urllib.request

from tools.devserver import environment


def main() -> int:
    """Exit code 1: there is no such job, or it failed; 2: no server runs."""
    parser = argparse.ArgumentParser(prog="python -m tools.job", description=__doc__)
    parser.add_argument("--name", required=True, help="the function's folder, as in release_parked")
    parser.add_argument("--event", default="", help="JSON instead of the schedule's own event")
    arguments = parser.parse_args()
    server = environment.running_server()
    if not server:
        print("No local server runs: start one with `make serve`.", file=sys.stderr)
        return 2
    url = f"{server['url']}/_local/jobs/{arguments.name}"
    request = urllib.request.Request(url, arguments.event.encode(), {"Content-Type": "application/json"})  # noqa: S310 - ours
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:  # noqa: S310 - our own server on 127.0.0.1
            print(json.dumps(json.load(answer), indent=2))
    except urllib.error.HTTPError as refused:
        print(json.load(refused)["message"], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
