"""Local DynamoDB engines: installed once, started on a free port of 127.0.0.1, ended with their parent process.

ministack        the default of local runs: no Java, no Docker, ready in a third of a second
dynamodb-local   AWS's own, the reference for concurrency: needs Java to run and npm to install
microburst       not an engine: a proxy in front of one, which returns AWS's errors according to its rules
"""

import argparse
import base64
import contextlib
import ctypes
import hashlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
MINISTACK = ROOT / ".venv-ministack" / "bin" / "ministack"
MICROBURST = ROOT / ".venv-proof" / "bin" / "microburst"
DYNAMODB_LOCAL = ROOT / ".engines" / "dynamodb-local"
ENGINES = ("ministack", "dynamodb-local")

_NPM_PACKAGE = "amplify-dynamodb-simulator@2.9.30"  # carries AWS's DynamoDB Local 1.25.1
_NPM_SHA512 = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
_READY_WITHIN_S = 60
_PORTS = range(10_000, 32_000)  # outgoing connections get theirs from 32,768 (Linux) or 49,152 (macOS) on


class EngineError(Exception):
    """An engine can't be installed or started. The message says what to do."""


def unavailable(engine: str) -> str | None:
    """Return why an engine can't run on this machine; None: it can."""
    if engine == "ministack":
        return None if MINISTACK.exists() else "MiniStack is not installed: run `make .venv-ministack/.installed`."
    if shutil.which("java") is None:
        return "Java is not installed: install a Java 17 runtime, or use ministack."
    if not (DYNAMODB_LOCAL / "DynamoDBLocal.jar").exists():
        return "DynamoDB Local is not installed: run `make engines`."
    return None


def install_dynamodb_local() -> None:
    """Fetch AWS's DynamoDB Local from npm, check its hash, and unpack its emulator folder. Raise EngineError."""
    if (DYNAMODB_LOCAL / "DynamoDBLocal.jar").exists():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise EngineError("DynamoDB Local comes from npm, and npm is not installed: install Node.js, or use ministack.")
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            [npm, "pack", "--silent", "--loglevel=error", _NPM_PACKAGE], cwd=folder, capture_output=True, text=True
        )
        if packed.returncode:
            raise EngineError(f"npm could not fetch {_NPM_PACKAGE}: {packed.stderr.strip()}")
        archive = next(Path(folder).glob("*.tgz"))
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != _NPM_SHA512:
            raise EngineError(f"{_NPM_PACKAGE} has another SHA-512 than expected: {digest}. Nothing was unpacked.")
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        DYNAMODB_LOCAL.parent.mkdir(exist_ok=True)
        shutil.move(Path(folder) / "package" / "emulator", DYNAMODB_LOCAL)


@contextlib.contextmanager
def running(
    engine: str, port: int | None = None, *, python: Path | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Start an engine, yield its endpoint once it responds, and end that process. Raise EngineError.

    `python`: the interpreter of functions that are deployed to MiniStack. `settings`: variables of its environment.
    """
    if problem := unavailable(engine):
        raise EngineError(problem)
    port = port or free_port()
    folder = DYNAMODB_LOCAL if engine == "dynamodb-local" else None
    with _child(engine, _command(engine, port, python), port, folder, settings or {}) as endpoint:
        yield endpoint


@contextlib.contextmanager
def proxied(endpoint: str) -> Iterator[str]:
    """Start microburst in front of an engine and yield its endpoint. Its rules are set at `/_microburst/rules`."""
    if not MICROBURST.exists():
        raise EngineError("microburst is not installed: run `make .venv-proof/.installed`.")
    port = free_port()
    with _child("microburst", [str(MICROBURST), "--upstream", endpoint, "--port", str(port)], port) as proxy:
        yield proxy


@contextlib.contextmanager
def _child(
    name: str, command: list[str], port: int, cwd: Path | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[str]:
    own = {"GATEWAY_PORT": str(port), "LAMBDA_EXECUTOR": "local"}
    with tempfile.TemporaryDirectory(prefix="engine-") as folder:
        log = Path(folder, "log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=cwd or folder,
                env=os.environ | own | {"TMPDIR": folder} | dict(settings or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent,
            )
        try:
            endpoint = f"http://127.0.0.1:{port}"
            _wait_until_ready(name, endpoint, process, log)
            yield endpoint
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now, below those that the system gives to connections and servers."""
    candidates = list(_PORTS)
    random.SystemRandom().shuffle(candidates)  # not by the common generator: tests seed it, in all workers alike
    for port in candidates:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise EngineError(f"127.0.0.1 has no free port from {_PORTS.start} to {_PORTS.stop - 1}: end what listens there.")


def _command(engine: str, port: int, python: Path | None) -> list[str]:
    if engine == "ministack":
        if python is None:
            return [str(MINISTACK)]
        # MiniStack runs functions with its own interpreter, which is of another version and sees MiniStack's packages.
        start = f"import sys; sys.executable = {str(python)!r}; from ministack.app import main; main()"
        return [str(MINISTACK.with_name("python")), "-c", start]
    java = shutil.which("java") or "java"
    arguments = ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)]
    return [
        java,
        "-Xmx768m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Djava.library.path=./DynamoDBLocal_lib",
        "-jar",
        "DynamoDBLocal.jar",
        *arguments,
    ]


def die_with_parent() -> None:
    """On Linux: end this process when its parent ends, for any reason."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _wait_until_ready(engine: str, endpoint: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise EngineError(f"{engine} ended at once: {log.read_text(errors='replace')[-2000:]}")
        try:
            urllib.request.urlopen(endpoint, timeout=2)  # noqa: S310 - our own engine on 127.0.0.1
        except urllib.error.HTTPError:
            return  # it responds; the error only says that the request is not signed
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise EngineError(f"{engine} did not respond within {_READY_WITHIN_S} s: {log.read_text(errors='replace')[-2000:]}")


def main() -> int:
    """Install or run an engine."""
    parser = argparse.ArgumentParser(prog="python -m tools.engines", description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="fetch AWS's DynamoDB Local (npm; its hash is checked)")
    run = commands.add_parser("run", help="run an engine until Ctrl-C")
    run.add_argument("engine", choices=ENGINES)
    run.add_argument("--port", type=int, help="default: a free one")
    arguments = parser.parse_args()
    try:
        if arguments.command == "install":
            install_dynamodb_local()
            return 0
        with running(arguments.engine, arguments.port) as endpoint:
            print(f"{arguments.engine} at {endpoint}; Ctrl-C ends it.", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        return 0
    except EngineError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
