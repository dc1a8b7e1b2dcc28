"""Import every built function with nothing on the path but itself and the built layers: what tests can't catch."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tools.template import functions, load

BUILD = Path(__file__).parent.parent / ".aws-sam" / "build"
_PROBE = (
    "import app, botocore.session as b; s = b.get_session();"
    "[s.create_client(name, 'eu-central-1', aws_access_key_id='x', aws_secret_access_key='x')"
    " for name in ('dynamodb', 'secretsmanager', 'firehose')]; print(app.lambda_handler.__module__)"
)


def main() -> int:
    """Probe each function of the built template; exit code 1 names the ones that fail."""
    parser = argparse.ArgumentParser(prog="python -m tools.check_build", description=__doc__)
    parser.add_argument("--python", default="python3.13", help="the runtime's interpreter (default: python3.13)")
    arguments = parser.parse_args()
    template = load(BUILD / "template.yaml")
    layers = [BUILD / name / "python" for name in ("DependenciesLayer", "LedgerLayer")]
    failed = 0
    for name in functions(template):
        path = os.pathsep.join(map(str, (BUILD / name, *layers)))
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        probe = [arguments.python, "-S", "-c", _PROBE]
        result = subprocess.run(probe, env=environment, capture_output=True, text=True)
        failed += result.returncode != 0
        print(f"{name:32} {'ok' if result.returncode == 0 else result.stderr.strip()}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
