"""Deploy the built stack to MiniStack as a person deploys it to AWS, and stay up: `make deploy-local`.

`sam deploy` creates the whole stack from the built template, with `samconfig.toml`. MiniStack enforces the policies of
the functions' roles, and plays API, stream, bus, queues and schedules. Simulators of Stripe and Paddle are its
providers.
What MiniStack does otherwise than AWS, and what is done here about it, is in docs/recipes/deploy-local.md.
"""

import argparse
import contextlib
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.session
from botocore.credentials import Credentials

from tools import engines, token
from tools.check_build import BUILD, BuiltLayers
from tools.devserver import environment
from tools.devserver.authorizers import KeySet
from tools.devserver.gateway import Callers, NoStream
from tools.real_runtime import ROOT
from tools.signing import LOCAL_SECRETS
from tools.simulators import paddle as paddle_simulator
from tools.simulators import stripe as stripe_simulator
from tools.simulators.paddle.account import PaddleAccount
from tools.simulators.stripe.account import StripeAccount
from tools.template import load, permissions_of

SAM = ROOT / ".venv-sam" / "bin" / "sam"
STACK = "image-tagger-billing"  # as in samconfig.toml
PARAMETERS = {
    "ProviderMode": "test",
    "JwtIssuer": environment.ISSUER,
    "JwtAudience": environment.AUDIENCE,
    "AllowedOrigin": "*",
    "SuccessUrl": "https://shop.example.com/thanks",
    "CancelUrl": "https://shop.example.com/cart",
}
_METHODS = ("get", "put", "post", "delete", "patch", "x-amazon-apigateway-any-method")  # in OpenAPI


class DeploymentFailed(Exception):
    """The stack can't be deployed. The message says why."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A stack that is deployed to MiniStack, with the providers that it calls."""

    endpoint: str
    url: str  # of the API
    issuer: str  # of the tokens that the API accepts
    names: Mapping[str, str]  # the physical name of each resource, by logical id
    callers: Callers
    stripe: StripeAccount
    paddle: PaddleAccount
    stream: NoStream = field(default_factory=NoStream)  # MiniStack reads it; nobody can wait for that

    @property
    def table_name(self) -> str:
        """The name of the ledger's table."""
        return self.names["LedgerTable"]

    def client(self, service: str) -> Any:
        """Return a botocore client with an administrator's rights."""
        return _client(self.endpoint, service)

    def run_job(self, folder: str, event: dict[str, Any] | None = None) -> Any:
        """Run a function as its first schedule does, or with this event. Raise DeploymentFailed if it raises."""
        if event is None:
            event = next((input_ for target, input_ in self.schedules() if target == folder), {})
        logical_id = f"{''.join(part.title() for part in folder.split('_'))}Function"
        response = self.client("lambda").invoke(FunctionName=self.names[logical_id], Payload=json.dumps(event))
        result = json.loads(response["Payload"].read() or "null")
        if "FunctionError" in response:
            raise DeploymentFailed(f"{folder} failed: {result}")
        return result

    def schedules(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the function's folder and the event of each schedule, as the rules and their targets have them."""
        folders = {self.names[name]: name for name in self.names if name.endswith("Function")}
        events = self.client("events")
        for rule in events.list_rules()["Rules"]:
            for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
                name = folders[target["Arn"].rpartition(":")[2]].removesuffix("Function")
                event = json.loads(target["Input"]) if "Input" in target else {"source": "aws.events"}
                yield re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(), event


@contextlib.contextmanager
def deployed(python: Path, show: Callable[[str], None] = lambda _: None) -> Iterator[Deployment]:
    """Yield the built stack, deployed to a MiniStack of its own. `python` runs the functions.

    `show` gets a line for each step. Raise DeploymentFailed or EngineError.
    """
    if not (BUILD / "template.yaml").exists():
        raise DeploymentFailed("Nothing is built: run `make build`.")
    environment.use_local_credentials()  # who has the credentials of MiniStack's environment is its administrator
    with contextlib.ExitStack() as stack:
        show("starting MiniStack, which enforces the roles' policies")
        settings = {"AUTH": "true", "MINISTACK_REGION": environment.REGION}
        endpoint = stack.enter_context(engines.running("ministack", python=python, settings=settings))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="deploy-")))
        show("deploying the stack with `sam deploy`")
        _deploy(endpoint, _local_template(scratch), python)
        names = _names(endpoint)
        show("creating the API's routes")
        issuer = stack.enter_context(_serving_keys())
        url = _create_routes(endpoint, names, issuer)
        show("filling the secrets, and starting the providers' simulators")
        stripe = stack.enter_context(stripe_simulator.running(url, signing_secret=LOCAL_SECRETS["stripe"]))
        paddle = stack.enter_context(paddle_simulator.running(url, signing_secret=LOCAL_SECRETS["paddle"]))
        _fill_secrets(endpoint, names, {"stripe": stripe.api_key, "paddle": paddle.api_key})
        _call_simulators(endpoint, names, {"STRIPE_API_BASE": stripe.url, "PADDLE_API_BASE": paddle.url})
        callers = Callers(
            keys=KeySet(token.JWKS_FILE),
            credentials=Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]),
            region=environment.REGION,
        )
        yield Deployment(endpoint, url, issuer, names, callers, stripe, paddle)


def _local_template(scratch: Path) -> Path:
    """Write the built template as MiniStack needs it. Return the file.

    A layer with compiled code is this machine's. A role's secret is named by its ARN: `!Ref` of a secret is that
    at AWS, and its name at MiniStack.
    """
    template = load(BUILD / "template.yaml")
    built = BuiltLayers()
    resources: dict[str, dict[str, Any]] = template["Resources"]
    secrets = {
        name: resource["Properties"]["Name"]["Fn::Sub"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::SecretsManager::Secret"
    }
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["ContentUri"] = str(built.path(name).parent)
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = str(BUILD / properties["CodeUri"])
            for statement, _ in permissions_of(properties):
                if isinstance(named := statement["Resource"], dict) and named.get("Ref") in secrets:
                    arn = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:"
                    statement["Resource"] = {"Fn::Sub": f"{arn}{secrets[named['Ref']]}-??????"}
    written = scratch / "template.json"
    written.write_text(json.dumps(template), "utf-8")
    return written


def _deploy(endpoint: str, template: Path, python: Path) -> None:
    command = [str(SAM), "deploy", "--template-file", str(template), "--config-file", str(ROOT / "samconfig.toml")]
    command += ["--no-confirm-changeset", "--no-progressbar", "--region", environment.REGION, "--parameter-overrides"]
    command += [f"{name}={value}" for name, value in PARAMETERS.items()]
    result = subprocess.run(command, cwd=ROOT, env=_sam_environment(endpoint, python), capture_output=True, text=True)
    if result.returncode:
        raise DeploymentFailed(f"`sam deploy` failed:\n{result.stdout[-4000:]}\n{result.stderr[-2000:]}")


def _sam_environment(endpoint: str, python: Path) -> dict[str, str]:
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": endpoint,
        "SAM_CLI_TELEMETRY": "0",
        "PATH": f"{python.parent}:{os.environ['PATH']}",
    }


def _names(endpoint: str) -> dict[str, str]:
    pages = _client(endpoint, "cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
    return {
        one["LogicalResourceId"]: one["PhysicalResourceId"] for page in pages for one in page["StackResourceSummaries"]
    }


def _create_routes(endpoint: str, names: Mapping[str, str], issuer: str) -> str:
    """Create the authorizer, the integrations and the routes that the processed template describes. Return the URL.

    MiniStack deploys an HTTP API without the routes of its `Body`.
    """
    written = _client(endpoint, "cloudformation").get_template(StackName=STACK, TemplateStage="Processed")[
        "TemplateBody"
    ]
    template = json.loads(written) if isinstance(written, str) else written
    body = template["Resources"]["BillingApi"]["Properties"]["Body"]
    api, api_id = _client(endpoint, "apigatewayv2"), names["BillingApi"]
    parameters = {name: str(one.get("Default", "")) for name, one in template["Parameters"].items()} | PARAMETERS
    authorizers = {}
    for name, scheme in body["components"]["securitySchemes"].items():
        written_authorizer = scheme.get("x-amazon-apigateway-authorizer")
        if written_authorizer:
            audience = [parameters[one["Ref"]] for one in written_authorizer["jwtConfiguration"]["audience"]]
            authorizers[name] = api.create_authorizer(
                ApiId=api_id,
                Name=name,
                AuthorizerType="JWT",
                IdentitySource=[written_authorizer["identitySource"]],
                JwtConfiguration={"Issuer": issuer, "Audience": audience},
            )["AuthorizerId"]
    integrations: dict[str, str] = {}
    for path, operations in body["paths"].items():
        for method in operations.keys() & set(_METHODS):
            operation = operations[method]
            uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
            function = re.search(r"\$\{(\w+)\.Arn\}", uri)[1]  # type: ignore[index]
            if function not in integrations:
                arn = f"arn:aws:lambda:{environment.REGION}:000000000000:function:{names[function]}"
                integrations[function] = api.create_integration(
                    ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
                )["IntegrationId"]
            verb = "ANY" if method.startswith("x-") else method.upper()
            api.create_route(
                ApiId=api_id,
                RouteKey=f"{verb} {path}",
                Target=f"integrations/{integrations[function]}",
                **_authorization(operation, authorizers, parameters),
            )
    return f"{endpoint}/_aws/execute-api/{api_id}"


def _authorization(
    operation: dict[str, Any], authorizers: Mapping[str, str], parameters: Mapping[str, str]
) -> dict[str, Any]:
    """Return who may call a route, as CreateRoute wants it."""
    (required,) = operation.get("security") or [{}]
    for name, scopes in required.items():
        if name in authorizers:
            named = [parameters[scope["Ref"]] if isinstance(scope, dict) else scope for scope in scopes]
            return {"AuthorizationType": "JWT", "AuthorizerId": authorizers[name], "AuthorizationScopes": named}
        return {"AuthorizationType": "AWS_IAM"}
    return {}


def _fill_secrets(endpoint: str, names: Mapping[str, str], keys: Mapping[str, str]) -> None:
    secrets = _client(endpoint, "secretsmanager")
    for name in names:
        if name.endswith("Secrets"):
            secrets.put_secret_value(SecretId=names[name], SecretString=json.dumps(LOCAL_SECRETS))
    secrets.put_secret_value(SecretId=names["ProviderKeys"], SecretString=json.dumps(keys))


def _call_simulators(endpoint: str, names: Mapping[str, str], bases: Mapping[str, str]) -> None:
    """Point each function that has the providers' keys at the simulators."""
    functions = _client(endpoint, "lambda")
    for name, physical in names.items():
        if name.endswith("Function"):
            variables = functions.get_function_configuration(FunctionName=physical)["Environment"]["Variables"]
            if "PROVIDER_KEYS_NAME" in variables:
                settings = {"Variables": {**variables, **bases}}
                functions.update_function_configuration(FunctionName=physical, Environment=settings)


@contextlib.contextmanager
def _serving_keys() -> Iterator[str]:
    """Serve the local issuer's key set, as an issuer publishes it. Yield the issuer."""
    token.local_key()

    class Keys(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_found = self.path == "/.well-known/jwks.json"
            self.send_response(200 if is_found else 404)
            self.end_headers()
            self.wfile.write(token.JWKS_FILE.read_bytes() if is_found else b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Log nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _client(endpoint: str, service: str) -> Any:
    return botocore.session.get_session().create_client(service, environment.REGION, endpoint_url=endpoint)


def main() -> int:
    """Deploy, and stay up until Ctrl-C. Return 1 if the stack can't be deployed."""
    parser = argparse.ArgumentParser(
        prog="make deploy-local", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", type=Path, required=True, help="the interpreter that runs the functions, of 3.13")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with deployed(
            arguments.python, show=lambda step: print(f"… {step}", file=sys.stderr, flush=True)
        ) as deployment:
            environment.register_running_server(
                url=deployment.url,
                endpoint=deployment.endpoint,
                table_name=deployment.table_name,
                issuer=deployment.issuer,
                audience=environment.AUDIENCE,
            )
            print(f"The API answers at    {deployment.url}")
            print(f"AWS is                {deployment.endpoint}  (export AWS_ENDPOINT_URL=…)")
            print(f"The simulators are    {deployment.stripe.url} (Stripe), {deployment.paddle.url} (Paddle)")
            print(
                "`make token`, `make ledger` and `make verify` work with it. Ctrl-C stops it, and nothing is left.",
                flush=True,
            )
            signal.pause()
    except KeyboardInterrupt:
        return 0
    except (DeploymentFailed, engines.EngineError) as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        environment.unregister_running_server()
    return 0


if __name__ == "__main__":
    sys.exit(main())
