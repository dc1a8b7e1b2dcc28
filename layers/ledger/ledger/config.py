"""Configuration: read once from the environment, typed and checked."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from ledger.domain import catalogue
from ledger.domain.errors import ConfigurationError
from ledger.domain.records import record
from ledger.providers.registry import PROVIDERS
from ledger.providers.scope import EVERYTHING, Scope, parse_mute_rules


@record(frozen=True, kw_only=True)
class Config:
    """The settings of a deployment."""

    table_name: str
    region: str
    is_live: bool  # whether the providers' live mode or their test mode is used
    catalogue_file: Path
    secrets_name: str | None  # of the signing secrets in Secrets Manager; None: use `signing_secrets`
    signing_secrets: Mapping[str, str] = field(repr=False)  # by provider, comma-separated; for local runs
    is_measured: bool  # whether metrics are printed for CloudWatch
    policy_file: Path | None  # None: the package's own
    success_url: str  # where a customer returns to after a checkout or from a billing page
    cancel_url: str
    support_group: str  # the group whose members may decide cases
    groups_claim: str  # the claim of a token that lists its groups
    evidence_bucket: str | None  # where customers upload screenshots
    is_debt_withheld: bool  # whether a shortfall lowers what is spendable
    low_balance: int  # a customer with fewer credits that can be spent gets a mail; 0: none does
    is_order_refused_in_debt: bool  # whether an account with a shortfall can place no new order
    archive_streams: tuple[str, ...]  # the Firehose streams for raw bodies; empty: bodies are not archived
    keys_name: str | None = None  # of the providers' API keys in Secrets Manager; None: use `api_keys`
    api_keys: Mapping[str, str] = field(default_factory=dict, repr=False)  # by provider; for local runs
    address_key_name: str | None = None  # of the key of addresses' hashes in Secrets Manager; None: use `address_key`
    address_key: str = field(default="", repr=False)  # for local runs
    is_paused: bool  # whether no refund is decided or sent, while a restored table catches up
    scope: Scope = EVERYTHING  # what in the providers' accounts is ours
    release: str = ""  # which release of this package is deployed, as its layer's version names it
    api_bases: Mapping[str, str | None] = field(default_factory=dict)  # by provider: a simulator's address
    mails_from: str | None = None  # under which address mails are sent; None: this deployment sends none
    receipts_from: str | None = None  # the same of receipts; None: as the other mails
    mails_reply_to: str = "support@imagetaggerai.com"  # of the support desk
    mail_sets: tuple[str, str] = ("", "")  # the configuration sets at SES: of mails, of receipts
    seller: tuple[str, str] = ("Actinium Agency", "Serbia")  # who sells and writes the mails: name and address
    public_url: str = "https://imagetaggerai.com"  # where the pages for everybody are, such as /withdrawal
    is_s3_local: bool = False  # whether S3 is another server, whose buckets have no host names of their own

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Config":
        """Read and check the environment. Raise ConfigurationError, naming the variable and what it should be."""
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
            signing_secrets=_by_provider(environment, "SIGNING_SECRETS"),
            is_measured=environment.get("POWERTOOLS_METRICS_DISABLED", "").lower() != "true",
            policy_file=Path(environment["POLICY_FILE"]) if environment.get("POLICY_FILE") else None,
            success_url=environment.get("SUCCESS_URL") or "https://imagetaggerai.com/billing?checkout=done",
            cancel_url=environment.get("CANCEL_URL") or "https://imagetaggerai.com/billing",
            support_group=environment.get("SUPPORT_GROUP") or "billing-support",
            groups_claim=environment.get("GROUPS_CLAIM") or "cognito:groups",
            evidence_bucket=environment.get("EVIDENCE_BUCKET_NAME") or None,
            is_debt_withheld=environment.get("DEBT_WITHHELD", "").lower() != "false",
            low_balance=_credits(environment, "LOW_BALANCE"),
            is_order_refused_in_debt=environment.get("ORDER_REFUSED_IN_DEBT", "").lower() != "false",
            archive_streams=tuple(filter(None, environment.get("ARCHIVE_STREAM_NAMES", "").split(","))),
            is_paused=environment.get("REFUNDS_PAUSED", "").lower() != "false",
            scope=Scope(
                _by_provider(environment, "ACCOUNT_ID"), parse_mute_rules(environment.get("MUTED", ""), PROVIDERS)
            ),
            release=environment.get("RELEASE", ""),
            keys_name=environment.get("PROVIDER_KEYS_NAME") or None,
            api_keys=_by_provider(environment, "API_KEY"),
            address_key_name=environment.get("ADDRESS_KEY_NAME") or None,
            address_key=environment.get("ADDRESS_KEY", ""),
            api_bases={name: address or None for name, address in _by_provider(environment, "API_BASE").items()},
            mails_from=environment.get("MAILS_FROM") or None,
            receipts_from=environment.get("RECEIPTS_FROM") or None,
            mails_reply_to=environment.get("MAILS_REPLY_TO") or "support@imagetaggerai.com",
            mail_sets=(
                environment.get("MAILS_CONFIGURATION_SET", ""),
                environment.get("RECEIPTS_CONFIGURATION_SET", ""),
            ),
            seller=(
                environment.get("SELLER_NAME") or "Actinium Agency",
                environment.get("SELLER_ADDRESS") or "Serbia",
            ),
            public_url=(environment.get("PUBLIC_URL") or "https://imagetaggerai.com").rstrip("/"),
            is_s3_local=bool(environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")),
        )


def _credits(environment: Mapping[str, str], variable: str) -> int:
    """Return a number of credits. Not set: 0. Raise ConfigurationError."""
    text = environment.get(variable) or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise ConfigurationError(f"{variable} is {text!r}, should be a number of credits, or 0.")
    return int(text)


def _by_provider(environment: Mapping[str, str], suffix: str) -> dict[str, str]:
    """Return the value of `<PROVIDER>_<suffix>` for each registered provider. Empty: the variable is not set."""
    return {name: environment.get(f"{name.upper()}_{suffix}", "") for name in PROVIDERS}
