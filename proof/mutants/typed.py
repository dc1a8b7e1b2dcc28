"""Whether the type checker refuses a mutant, as CI would: a condition that no test needs may be there for it.

The mutant's text stands in for its module (`--shadow-file`). Only errors in the module itself count.
"""

import ast
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from proof.mutants.mutations import Mutant
from tools.engines import ROOT

_CACHE = ROOT / ".local" / "mutants" / "types"


def refuses(mutant: Mutant) -> bool:
    """Return whether the type checker finds an error in the module because of this wrong."""
    text = text_of(mutant)
    if text is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        shadow = Path(folder, mutant.path.name)
        shadow.write_text(text, "utf-8")
        path = str(mutant.path.relative_to(ROOT))
        command = [sys.executable, "-m", "mypy", "--cache-dir", str(_CACHE), "--no-warn-unused-ignores"]
        checked = subprocess.run(
            [*command, "--shadow-file", path, str(shadow), path], cwd=ROOT, capture_output=True, text=True, check=False
        )
    return checked.returncode == 1 and any(line.startswith(f"{path}:") for line in checked.stdout.splitlines())


def text_of(mutant: Mutant) -> str | None:
    """Return the module's text with the wrong in it, and all else as it is. None: the wrong has no place of its own."""
    parent, field, position = mutant.place
    node: Any = getattr(parent, field) if position is None else getattr(parent, field)[position]
    if not isinstance(node, ast.stmt | ast.expr) or isinstance(parent, ast.JoinedStr | ast.FormattedValue):
        return None
    written = ast.unparse(mutant.instead)
    if isinstance(node, ast.expr):
        written = f"({written})"
    lines = mutant.path.read_bytes().splitlines(keepends=True)
    before = b"".join(lines[: node.lineno - 1]) + lines[node.lineno - 1][: node.col_offset]
    last = (node.end_lineno or node.lineno) - 1
    after = lines[last][node.end_col_offset :] + b"".join(lines[last + 1 :])
    indented = written.replace("\n", "\n" + " " * node.col_offset)
    return (before + indented.encode() + after).decode()
