"""Configuration: read once from the environment, typed and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ledger.domain import catalogue
from ledger.domain.errors import ConfigurationError
from ledger.providers.registry import PROVIDERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a deployment sets in the environment."""

    table_name: str
    region: str
    is_live: bool  # whether the providers' live mode or their test mode is heard
    catalogue_file: Path
    secrets_name: str | None  # in Secrets Manager; None: the secrets stand in the environment, for local runs
    signing_secrets: Mapping[str, str]
    is_measured: bool  # whether metrics are printed for CloudWatch
    policy_file: Path | None  # None: the package's own
    success_url: str  # where a customer comes back to from a checkout or a billing page
    cancel_url: str
    support_group: str  # who is in it may decide cases
    groups_claim: str  # the claim of a token that names its groups
    evidence_bucket: str | None  # where customers upload screenshots
    is_debt_withheld: bool  # whether a shortfall lowers what is spendable
    archive_stream: str | None  # the Firehose stream that keeps raw bodies; None: they are not kept
    keys_name: str | None = None  # of the providers' API keys in Secrets Manager; None: they stand in the environment
    api_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    api_bases: Mapping[str, str | None] = field(default_factory=dict)  # stand-ins for the providers, for local runs

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Config":
        """Read and check the environment. Raises ConfigurationError naming the variable and what it should be."""
        mode = environment.get("PROVIDER_MODE", "live")
        if mode not in {"live", "test"}:
            raise ConfigurationError(f"PROVIDER_MODE is {mode!r}, should be live or test.")
        if not environment.get("TABLE_NAME"):
            raise ConfigurationError("TABLE_NAME is not set: it names the ledger's DynamoDB table.")
        return cls(
            table_name=environment["TABLE_NAME"],
            region=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1",
            is_live=mode == "live",
            catalogue_file=Path(environment.get("CATALOGUE_FILE") or catalogue.DEFAULT_FILE),
            secrets_name=environment.get("SIGNING_SECRETS_NAME") or None,
            signing_secrets={
                provider: environment.get(f"{provider.upper()}_SIGNING_SECRETS", "") for provider in PROVIDERS
            },
            is_measured=environment.get("POWERTOOLS_METRICS_DISABLED", "").lower() != "true",
            policy_file=Path(environment["POLICY_FILE"]) if environment.get("POLICY_FILE") else None,
            success_url=environment.get("SUCCESS_URL") or "https://imagetaggerai.com/billing?checkout=done",
            cancel_url=environment.get("CANCEL_URL") or "https://imagetaggerai.com/billing",
            support_group=environment.get("SUPPORT_GROUP") or "billing-support",
            groups_claim=environment.get("GROUPS_CLAIM") or "cognito:groups",
            evidence_bucket=environment.get("EVIDENCE_BUCKET_NAME") or None,
            is_debt_withheld=environment.get("DEBT_WITHHELD", "").lower() == "true",
            archive_stream=environment.get("ARCHIVE_STREAM_NAME") or None,
            keys_name=environment.get("PROVIDER_KEYS_NAME") or None,
            api_keys={provider: environment.get(f"{provider.upper()}_API_KEY", "") for provider in PROVIDERS},
            api_bases={provider: environment.get(f"{provider.upper()}_API_BASE") or None for provider in PROVIDERS},
        )
