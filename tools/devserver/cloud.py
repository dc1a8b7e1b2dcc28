"""Create the resources of `template.yaml` in MiniStack: table, secrets, buckets, bus, and the streams of raw bodies.

They replace those of CloudFormation: the environment of the functions refers to their names.
"""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import botocore.session

from tools.devserver import environment
from tools.signing import LOCAL_ADDRESS_KEY, LOCAL_SECRETS
from tools.template import TemplateError, functions, resolved, table_definition


class Unresolved(Exception):
    """A variable of the template refers to a resource that is not created here. The message names both."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """An engine with the resources."""

    endpoint: str
    table_name: str
    references: Mapping[str, str]  # the value of `!Ref`, by logical id

    def variables(self, template: Mapping[str, Any], function: str) -> dict[str, str]:
        """Return a function's environment as the template defines it, with references resolved. Raise Unresolved."""
        shared = template["Globals"]["Function"]["Environment"]["Variables"]
        own = functions(dict(template))[function].get("Environment", {}).get("Variables", {})
        return {name: self._resolved(dict(template), name, value) for name, value in {**shared, **own}.items()}

    def client(self, service: str) -> Any:
        """Return a client of one service of this engine."""
        return _client(self.endpoint, service)

    def _resolved(self, template: dict[str, Any], name: str, value: Any) -> str:
        if isinstance(value, dict) and re.findall(r"\$\{(.*?)\}", value.get("Fn::Sub", "")) == ["AWS::StackName"]:
            return str(value["Fn::Sub"]).replace("${AWS::StackName}", self.table_name)
        try:
            return str(resolved(template, value, self.references))
        except TemplateError as error:
            raise Unresolved(f"{name} is {value}: tools.devserver.cloud does not create it.") from error


def create_resources(endpoint: str, template: dict[str, Any]) -> Cloud:
    """Create the resources that the functions' variables refer to, under new names.

    Parameters have their defaults, except for the mode and the public address.
    """
    name = f"local-{uuid.uuid4().hex[:12]}"
    references = {parameter: str(item.get("Default", "")) for parameter, item in template["Parameters"].items()}
    references |= {"ProviderMode": "test", "PublicUrl": "https://public.local.invalid"}  # no API is created here
    for logical_id, resource in template["Resources"].items():
        match resource["Type"]:
            case "AWS::DynamoDB::Table":
                _client(endpoint, "dynamodb").create_table(**table_definition(template, name))
                references[logical_id] = name
            case "AWS::SecretsManager::Secret":
                secrets = _client(endpoint, "secretsmanager")
                content = _content(resource["Properties"])
                created = secrets.create_secret(Name=f"{name}/{logical_id}", SecretString=content)
                references[logical_id] = created["ARN"]
            case "AWS::S3::Bucket":
                bucket = f"{name}-{logical_id.lower()}"
                _client(endpoint, "s3").create_bucket(
                    Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": environment.REGION}
                )
                references[logical_id] = bucket
            case "AWS::KinesisFirehose::DeliveryStream":
                bucket_id, _ = resource["Properties"]["ExtendedS3DestinationConfiguration"]["BucketARN"]["Fn::GetAtt"]
                destination = {
                    "BucketARN": f"arn:aws:s3:::{name}-{bucket_id.lower()}",
                    "RoleARN": "arn:aws:iam::000000000000:role/stream",
                }
                _client(endpoint, "firehose").create_delivery_stream(
                    DeliveryStreamName=f"{name}-{logical_id}", ExtendedS3DestinationConfiguration=destination
                )
                references[logical_id] = f"{name}-{logical_id}"
            case "AWS::Events::EventBus":
                _client(endpoint, "events").create_event_bus(Name=name)
                references[logical_id] = name
            case "AWS::Serverless::LayerVersion":  # the code is not built: its name stands for a version
                references[logical_id] = name
    return Cloud(endpoint, table_name=name, references=references)


def _content(properties: dict[str, Any]) -> str:
    """Return a secret's content: the local signing secrets, or the template's content for any other secret."""
    if "GenerateSecretString" in properties:
        return LOCAL_ADDRESS_KEY
    is_signing = "/signing-secrets/" in str(properties.get("Name"))
    return json.dumps(LOCAL_SECRETS) if is_signing else str(properties.get("SecretString", ""))


def _client(endpoint: str, service: str) -> Any:
    environment.use_local_credentials()
    return botocore.session.get_session().create_client(service, environment.REGION, endpoint_url=endpoint)
