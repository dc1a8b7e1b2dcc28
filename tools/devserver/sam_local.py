"""Prepare `sam local` for the built functions: MiniStack with their resources, and a template that refers to it.

The written template is the built one with every function's environment resolved, and of this machine's architecture:
`sam local` passes on only such variables as a template declares, and does not emulate another processor. A layer
with compiled code is built again if the build is for another processor.
"""

import argparse
import json
import signal
import sys
from typing import Any

from tools import engines
from tools.check_build import BUILD, BuiltLayers
from tools.devserver import environment
from tools.devserver.cloud import create_resources
from tools.real_runtime import ARCHITECTURE, ROOT
from tools.template import functions, load

WRITTEN = BUILD / "local.json"
HOST = "host.docker.internal"  # this machine, as a container names it


def main() -> int:
    """Run until Ctrl-C. Return 1 if nothing is built or the engine can't be started."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.devserver.sam_local",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    if not (BUILD / "template.yaml").exists():
        print("Nothing is built: run `make build`.", file=sys.stderr)
        return 1
    template = load(BUILD / "template.yaml")
    try:
        with engines.running("ministack") as endpoint:
            cloud = create_resources(endpoint, template)
            for name, properties in functions(template).items():
                variables = cloud.variables(template, name)
                properties["Environment"] = {
                    "Variables": variables | {"AWS_ENDPOINT_URL": endpoint.replace("127.0.0.1", HOST)}
                }
                properties["Architectures"] = [ARCHITECTURE]
            built = BuiltLayers()
            for name, layer in _layers(template).items():
                layer["ContentUri"] = str(built.path(name).parent)
                layer.pop("CompatibleArchitectures", None)
            WRITTEN.write_text(json.dumps(template, indent=2) + "\n", "utf-8")
            environment.register_running_server(endpoint=endpoint, table_name=cloud.table_name)
            print(f"{WRITTEN.relative_to(ROOT)} is ready for `sam local`, over DynamoDB at {endpoint}.", flush=True)
            print("Ctrl-C ends it. `make ledger ACCOUNT=…` and `make verify` read its table.", flush=True)
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            signal.pause()
    except KeyboardInterrupt:
        return 0
    except engines.EngineError as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        WRITTEN.unlink(missing_ok=True)
        environment.unregister_running_server()
    return 0


def _layers(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the properties of every layer, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::LayerVersion"
    }


if __name__ == "__main__":
    sys.exit(main())
