"""`python -m tools.drift`: hold our verdicts against the vocabulary of the newest SDKs."""

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from tools.drift.vendors import VENDORS, Vendor
from tools.drift.verdicts import Drift, Finding, UnusableVerdicts
from tools.drift.vocabulary import UnreadableSdk

EXIT_DRIFT, EXIT_CANNOT_LOOK = 1, 2

_PIP = (
    *("-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--retries=1", "--timeout=15"),
    "--only-binary=:all:",  # a wheel is only unpacked; building a source package would run its code
)


class CannotLook(Exception):
    """The packages can't be downloaded or read. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Result:
    """How one SDK differs from our verdicts."""

    vendor: Vendor
    version: str
    drift: Drift

    def as_json(self) -> dict[str, Any]:
        """Return the result for programs."""
        return {
            "package": self.vendor.distribution,
            "version": self.version,
            "locked": _version(self.vendor),
            "verdicts": self.vendor.verdicts.count,
            "new": [asdict(finding) for finding in self.drift.new],
            "gone": [asdict(finding) for finding in self.drift.gone],
        }

    def as_text(self) -> Iterator[str]:
        """Yield the lines for people."""
        heading = f"{self.vendor.distribution} {self.version} (locked: {_version(self.vendor)})"
        if not self.drift:
            yield f"{heading}: each of its words has a verdict"
            return
        yield f"{heading}: {len(self.drift.new)} new, {len(self.drift.gone)} gone"
        yield from _lines("new ", self.drift.new)
        yield from _lines("gone", self.drift.gone)


def _lines(label: str, findings: tuple[Finding, ...]) -> Iterator[str]:
    return (f"  {label}  {finding.kind:<10}  {finding}" for finding in findings)


@contextmanager
def downloaded() -> Iterator[Path]:
    """Yield a directory with the newest package of each SDK, unpacked and never imported. Raise CannotLook."""
    with tempfile.TemporaryDirectory() as folder:
        names = [vendor.distribution for vendor in VENDORS.values()]
        pip = subprocess.run([sys.executable, *_PIP, "--dest", folder, *names], capture_output=True, text=True)
        if pip.returncode:
            reason = (pip.stderr.strip().splitlines() or ["it gave no reason"])[-1]
            raise CannotLook(
                f"pip could not download {' and '.join(names)}: {reason}\n"
                "Connect to a package index, or name a directory with the unpacked packages: --from DIR."
            )
        packages = Path(folder) / "packages"
        for wheel in Path(folder).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(packages)
        yield packages


def look(packages: Path) -> list[Result]:
    """Return how the SDKs in a directory of unpacked packages differ from our verdicts. Raise CannotLook."""
    results = []
    for vendor in VENDORS.values():
        package = packages / vendor.package
        if not package.is_dir():
            raise CannotLook(f"There is no {package}: unpack {vendor.distribution} there.")
        try:
            found = vendor.drift(vendor.vocabulary(package))
        except (UnreadableSdk, UnusableVerdicts) as error:
            raise CannotLook(str(error)) from error
        results.append(Result(vendor, _version(vendor, packages), found))
    return results


def _version(vendor: Vendor, packages: Path | None = None) -> str:
    """Return the version of an SDK in a directory of packages, by default the one that is installed."""
    name, path = vendor.distribution, sys.path if packages is None else [str(packages)]
    found = next(iter(metadata.distributions(name=name, path=path)), None)
    return found.version if found is not None else "of an unknown version"


def main(words: Sequence[str] | None = None) -> int:
    """Look, print what differs, and return the exit code. `words`: the command line, by default the process's."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.drift",
        description="Hold our verdicts on the providers' words against the newest packages of their SDKs.",
        epilog="Exit codes: 0 each word has a verdict; 1 words are new or gone; 2 the packages can't be looked at.",
    )
    parser.add_argument("--from", dest="packages", type=Path, metavar="DIR", help="look at packages unpacked there")
    parser.add_argument("--json", dest="is_json", action="store_true", help="print the result for programs")
    arguments = parser.parse_args(words)
    try:
        if arguments.packages is not None:
            results = look(arguments.packages)
        else:
            with downloaded() as packages:
                results = look(packages)
    except CannotLook as problem:
        print(problem, file=sys.stderr)
        return EXIT_CANNOT_LOOK
    if arguments.is_json:
        print(json.dumps([result.as_json() for result in results], indent=2))
    else:
        print("\n".join(line for result in results for line in result.as_text()))
    return EXIT_DRIFT if any(result.drift for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
