"""Run a function under Lambda's own runtime: AWS's interface emulator (from the SAM CLI) around `awslambdaric`.

A built function has only its folder and the built layers on its path. Differences to AWS: memory has no limit, and the
task folder is writable. The emulator crashes on two concurrent invocations, so a lock serializes them.
"""

import contextlib
import http.client
import json
import os
import platform
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools import engines
from tools.check_build import BUILD, BuiltLayers
from tools.devserver import environment
from tools.template import functions, layers_of, load

ROOT = Path(__file__).parent.parent
PYTHON = ROOT / ".venv-runtime" / "bin" / "python"
ARCHITECTURE = "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"

_READY_WITHIN_S = 60
_INVOCATIONS = "/2015-03-31/functions/function/invocations"


class RuntimeMissing(Exception):
    """The runtime or the build is missing. The message says what to do."""


class FunctionFailed(Exception):
    """The function raised an error, did not start, or timed out."""


class RealRuntime:
    """One running function."""

    def __init__(self, function: str, emulator: int, port: int, log: Path, timeout_s: int) -> None:
        self.function = function
        self._emulator = emulator  # its process id
        self._port = port
        self._log = log
        self._timeout_s = timeout_s
        self._turn = threading.Lock()

    def invoke(self, event: object) -> Any:
        """Return the function's result. Raise FunctionFailed."""
        with self._turn:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout_s + 30)
            with contextlib.closing(connection):
                connection.request("POST", _INVOCATIONS, json.dumps(event))
                content = connection.getresponse().read()
        try:
            result = json.loads(content)
        except ValueError as error:
            raise FunctionFailed(f"{self.function}: {content.decode(errors='replace')}\n{self.log()}") from error
        if isinstance(result, dict) and "errorType" in result:
            raise FunctionFailed(f"{self.function}: {result['errorType']}: {result.get('errorMessage')}")
        return result

    def process_id(self) -> int:
        """Return the id of the function's process: the emulator's only child, since the first invocation."""
        threads = Path(f"/proc/{self._emulator}/task").iterdir()
        (child,) = (child for thread in threads for child in (thread / "children").read_text().split())
        return int(child)

    def log(self) -> str:
        """Return the output of the function and the emulator so far."""
        return self._log.read_text(errors="replace")

    def init_ms(self) -> float | None:
        """Return the duration of the cold start in milliseconds, module imports included; None: it has not started."""
        found = re.search(r"INIT REPORT\(durationMs: ([\d.]+)\)", self.log())
        return float(found[1]) if found else None


def built_template() -> dict[str, Any]:
    """Return the template that `sam build` wrote. Raise RuntimeMissing."""
    if not (BUILD / "template.yaml").exists():
        raise RuntimeMissing("Nothing is built: run `make build`.")
    return load(BUILD / "template.yaml")


@contextlib.contextmanager
def running(
    template: dict[str, Any], layers: BuiltLayers, function: str, variables: Mapping[str, str], endpoint: str
) -> Iterator[RealRuntime]:
    """Yield one built function, ready to be invoked. `endpoint` replaces AWS. Raise RuntimeMissing, FunctionFailed."""
    properties = {**template["Globals"]["Function"], **functions(template)[function]}
    path = (BUILD / function, layers.merged(layers_of(template, function)))
    with emulated(function, properties, path, variables, endpoint) as real:
        yield real


@contextlib.contextmanager
def emulated(
    name: str, properties: Mapping[str, Any], path: Sequence[Path], variables: Mapping[str, str], endpoint: str
) -> Iterator[RealRuntime]:
    """Yield a function of these properties (as in the template). Its own folder is the first one of its path.

    `endpoint` replaces AWS. Raise RuntimeMissing, FunctionFailed.
    """
    emulator = _emulator()
    address, runtime_api = (f"127.0.0.1:{engines.free_port()}" for _ in range(2))
    settings = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONDONTWRITEBYTECODE": "1",  # no files are added to the build
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(properties["Timeout"]),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(properties["MemorySize"]),
        "AWS_LAMBDA_LOG_FORMAT": properties["LoggingConfig"].get("LogFormat", "Text"),
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": environment.REGION,
        "AWS_DEFAULT_REGION": environment.REGION,
        "AWS_ENDPOINT_URL": endpoint,
    }
    command = [str(emulator), "--log-level", "info", "--runtime-interface-emulator-address", address]
    command += ["--runtime-api-address", runtime_api, str(PYTHON), "-m", "awslambdaric", properties["Handler"]]
    with tempfile.TemporaryDirectory(prefix="runtime-") as folder:
        log = Path(folder, "log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=path[0],
                env={**settings, **variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=engines.die_with_parent,
            )
        port = int(address.rpartition(":")[2])
        try:
            _wait_until_open(process, port, log)
            yield RealRuntime(name, process.pid, port, log, properties["Timeout"])
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _emulator() -> Path:
    """Return the emulator's path. Raise RuntimeMissing if the emulator or the runtime is missing."""
    if platform.system() != "Linux":
        raise RuntimeMissing("Lambda's runtime runs only on Linux.")
    found = sorted(ROOT.glob(f".venv-sam/lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-{ARCHITECTURE}"))
    if not found or not PYTHON.exists():
        raise RuntimeMissing("Lambda's runtime is not installed: run `make runtime`.")
    return found[-1]


def _wait_until_open(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as probe:
            probe.connect()
            return
        time.sleep(0.02)
    raise FunctionFailed(f"The emulator did not start: {log.read_text(errors='replace')[-2000:]}")
