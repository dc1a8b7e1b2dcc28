"""Take out of botocore's data what no function reads: `python trim.py DATA SERVICE…`. Called by `sam build`.

What is left is what botocore would have read. A client finds the same endpoints, and sends and reads the same.
"""

import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any


def trim(data: Path, services: list[str]) -> None:
    """Keep these services: their newest versions, without the words for people, and their endpoints."""
    prefixes = set()
    for folder in (entry for entry in data.iterdir() if entry.is_dir()):
        if folder.name not in services:
            shutil.rmtree(folder)
            continue
        *older, newest = sorted(folder.iterdir())
        for version in older:
            shutil.rmtree(version)
        (newest / "examples-1.json").unlink(missing_ok=True)
        for packed in newest.glob("*.json.gz"):
            content = _without_words(json.loads(gzip.decompress(packed.read_bytes())))
            _write(packed.with_suffix(""), content)
            packed.unlink()
        prefixes.add(json.loads((newest / "service-2.json").read_text())["metadata"]["endpointPrefix"])
    endpoints = json.loads((data / "endpoints.json").read_text())
    for partition in endpoints["partitions"]:
        partition["services"] = {name: one for name, one in partition["services"].items() if name in prefixes}
    _write(data / "endpoints.json", endpoints)


def _without_words(model: Any) -> Any:
    """Return a model in which every documentation is empty. A member of a shape may have that name too."""
    if isinstance(model, dict):
        return {
            key: "" if key == "documentation" and isinstance(value, str) else _without_words(value)
            for key, value in model.items()
        }
    return [_without_words(value) for value in model] if isinstance(model, list) else model


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, separators=(",", ":")))


if __name__ == "__main__":
    trim(Path(sys.argv[1]), sys.argv[2:])
