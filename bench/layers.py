"""The layers as `sam build` makes them, and what the floor has instead: the same botocore untrimmed, with bytecode."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parent.parent
_OF_THE_FLOOR = ("botocore", "jmespath", "python-dateutil", "six", "urllib3")


class NoPython(Exception):
    """The functions' own interpreter is missing. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Built:
    """What each side has on its path, and the functions' own interpreter."""

    python: str
    ours: tuple[Path, ...]
    floor: tuple[Path, ...]

    def run(self, content: Path, *, is_floor: bool) -> dict[str, Any]:
        """Run `bench.cold` on a file in a process of its own. Return what it measured, and the bytes that it logged."""
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, self.floor if is_floor else self.ours))}
        environment |= {} if is_floor else {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}
        command = [self.python, "-m", "bench.cold", str(content)]
        done: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603 - ours
            command, env=environment, capture_output=True, text=True, check=True
        )
        return {**json.loads(done.stderr.splitlines()[-1]), "log_bytes": len(done.stdout)}


def as_it_is() -> Built:
    """Return both as they are in this folder, for this interpreter: a test counts modules with it."""
    return Built(sys.executable, (_ROOT, _ROOT / "layers" / "ledger"), (_ROOT,))


def build(scratch: Path) -> Built:
    """Build both into a folder. Raise NoPython."""
    python, floor = _python(), build_floor(scratch)
    function = scratch / "function"
    shutil.copytree(_ROOT / "functions", function / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    opt = scratch / "opt"
    here = f"LAYER_PLATFORM=manylinux2014_{platform.machine()}"  # the API's layer contains compiled code
    for folder in ("dependencies", "api", "ledger"):
        artifacts = scratch / folder
        target = f"build-{folder.title()}Layer"
        _run("make", "--silent", "-C", str(_ROOT / "layers" / folder), target, f"ARTIFACTS_DIR={artifacts}", here)
        shutil.copytree(artifacts / "python", opt, dirs_exist_ok=True)  # as Lambda unpacks all layers into /opt
    _compile(python, function)
    return Built(python, (floor[0], function, opt), floor)


def build_floor(scratch: Path) -> tuple[Path, Path]:
    """Build into a folder what the floor has on its path: this package's files for it, and stock botocore.

    Raise NoPython.
    """
    python = _python()
    bench, stock = scratch / "bench", scratch / "stock"
    (bench / "bench").mkdir(parents=True)
    for name in ("__init__.py", "cold.py", "floor.py", "floor_handler.py", "empty_handler.py"):
        shutil.copy(_ROOT / "bench" / name, bench / "bench")
    requirements = scratch / "floor.txt"
    requirements.write_text(_of_the_floor((_ROOT / "layers" / "dependencies" / "requirements.txt").read_text()))
    install = [python, "-m", "pip", "install", "--quiet", "--no-compile", "--require-hashes", "--no-deps"]
    _run(*install, "--requirement", str(requirements), "--target", str(stock))
    _compile(python, stock, bench)
    return bench, stock


def _python() -> str:
    python = shutil.which("python3.13")
    if python is None:
        raise NoPython("The hot path is measured with python3.13, the functions' own: put it on PATH, and try again.")
    return python


def _compile(python: str, *folders: Path) -> None:
    _run(python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", *map(str, folders))


def _of_the_floor(requirements: str) -> str:
    """Return the locked lines of the floor's packages."""
    packages = re.split(r"\n(?=[a-z0-9])", requirements)
    return "\n".join(one for one in packages if one.partition("==")[0] in _OF_THE_FLOOR) + "\n"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"})  # noqa: S603
