"""A contract for import-linter: third-party packages are imported only where a list allows it.

import-linter's own `forbidden` type needs the name of each package that it forbids, so a new dependency passes until
somebody lists it. Here whatever is neither in the standard library nor listed is forbidden.
"""

import sys
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.domain.helpers import resolve_import_expressions


class ThirdPartyContract(Contract):
    """Fail for each import of a package outside the standard library that `allowed` does not list.

    `allowed` has a line for each permission, for example `ledger.api.** -> pydantic`. An unused line is no failure.
    """

    type_name = "third_party"

    allowed = fields.SetField(subfield=fields.ImportExpressionField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 - the interface has it
        """Return the check, with the forbidden imports as (importer, package)."""
        expressions: Any = self.allowed
        resolved, _ = resolve_import_expressions(graph, expressions)
        allowed = {(direct.importer.name, direct.imported.name) for direct in resolved}
        imports = {
            (importer, package)
            for package in graph.modules
            if graph.is_module_squashed(package) and package not in sys.stdlib_module_names
            for importer in graph.find_modules_that_directly_import(package)
        }
        forbidden = sorted(imports - allowed)
        return ContractCheck(kept=not forbidden, metadata={"forbidden": forbidden})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each forbidden import."""
        for importer, package in check.metadata["forbidden"]:
            output.print_error(f"{importer} -> {package}: not listed under `allowed` in .importlinter.")
