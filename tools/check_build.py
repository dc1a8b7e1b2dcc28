"""Import each built function with only its own folder and its layers on the path. Tests can't catch what this finds.

It checks every function with its layers, and every optional layer with the layers that it needs. A layer with compiled
code is built for Lambda's processor. If this machine has another one, the layer is built again for the import.
"""

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tools.template import FILE, functions, layers_of, load

BUILD = FILE.parent / ".aws-sam" / "build"
_CLIENTS = (
    "import botocore.session as b; s = b.get_session();"
    "clients = {name: s.create_client(name, 'eu-central-1', aws_access_key_id='x', aws_secret_access_key='x')"
    " for name in ('dynamodb', 'secretsmanager', 'firehose', 's3')};"
    "clients['s3'].generate_presigned_post('evidence', 'a');"
)
_FUNCTION = f"import app; {_CLIENTS} print(app.lambda_handler.__module__)"
_STACKS = {
    ("DependenciesLayer", "LedgerLayer", "ProvidersLayer"): (
        "from ledger.providers.registry import PROVIDERS;"
        "[provider.gateway('x', is_live=False, base_url=None) for provider in PROVIDERS.values()]"
    ),
    ("DependenciesLayer", "LedgerLayer", "ApiLayer"): (
        "import pydantic, aws_lambda_powertools.event_handler.openapi.models;"
        "from aws_lambda_powertools.event_handler import APIGatewayHttpResolver;"
        "APIGatewayHttpResolver(enable_validation=True); pydantic.TypeAdapter(int).validate_python('1')"
    ),
}


class BuiltLayers:
    """The folders of the built template's layers, importable on this machine.

    A layer that is built again for this machine stays beside the build, for whoever needs it next.
    """

    def __init__(self) -> None:
        self._importable: dict[str, Path] = {}
        self._merged: dict[tuple[str, ...], tempfile.TemporaryDirectory[str]] = {}

    def merged(self, names: Sequence[str]) -> Path:
        """Return a folder with the content of these layers, as Lambda unpacks them all into one: /opt/python."""
        if tuple(names) not in self._merged:
            folder = tempfile.TemporaryDirectory(dir=BUILD.parent, prefix="opt-")
            for name in names:
                shutil.copytree(self.path(name), folder.name, dirs_exist_ok=True, copy_function=os.link)
            self._merged[tuple(names)] = folder  # it goes with this object
        return Path(self._merged[tuple(names)].name)

    def path(self, name: str) -> Path:
        """Return the folder of a layer that must be on the path."""
        if name not in self._importable:
            built = BUILD / name / "python"
            own = all(f"-{platform.machine()}-" in library.name for library in built.rglob("*.so"))
            self._importable[name] = built if own else self._for_this_machine(name)
        return self._importable[name]

    def _for_this_machine(self, name: str) -> Path:
        source = FILE.parent / load()["Resources"][name]["Properties"]["ContentUri"]
        made_of = hashlib.sha256(b"".join((source / file).read_bytes() for file in ("Makefile", "requirements.txt")))
        target = BUILD.parent / "importable" / f"{name}-{platform.machine()}-{made_of.hexdigest()[:16]}"
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                make = ["make", "--silent", "-C", str(source), f"build-{name}", f"ARTIFACTS_DIR={scratch}/{name}"]
                named = f"LAYER_PLATFORM=manylinux2014_{platform.machine()}"
                subprocess.run([*make, named], check=True, capture_output=True)
                try:
                    Path(scratch, name).rename(target)
                except OSError:
                    if not target.exists():  # else another process built it first
                        raise
        return target / "python"


def main() -> int:
    """Check everything in the built template. Print a line for each check; the exit code is 1 if one fails."""
    parser = argparse.ArgumentParser(prog="python -m tools.check_build", description=__doc__)
    parser.add_argument("--python", default="python3.13", help="the runtime's interpreter (default: python3.13)")
    arguments = parser.parse_args()
    template = load(BUILD / "template.yaml")
    failed = 0
    layers = BuiltLayers()
    probes = [(name, [BUILD / name], layers_of(template, name), _FUNCTION) for name in functions(template)]
    probes += [(stack[-1], [], list(stack), script) for stack, script in _STACKS.items()]
    for name, own, below, script in probes:
        problem = _problem(arguments.python, script, [*own, *map(layers.path, below)])
        failed += problem is not None
        print(f"{name:32} {problem or 'ok'}")
    return 1 if failed else 0


def _problem(python: str, script: str, folders: Iterable[Path]) -> str | None:
    """Return the error output of a script that runs with only these folders on the path; None: it succeeds."""
    path = os.pathsep.join(map(str, folders))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run([python, "-S", "-c", script], env=environment, capture_output=True, text=True)
    return None if result.returncode == 0 else result.stderr.strip()


if __name__ == "__main__":
    sys.exit(main())
