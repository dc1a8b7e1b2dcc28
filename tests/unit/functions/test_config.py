"""Each setting is read from its own variable, and what is not set is the safe side."""

from pathlib import Path

import pytest

from ledger.config import Config
from ledger.domain import catalogue
from ledger.domain.errors import ConfigurationError
from ledger.providers.scope import MuteRule, Scope

EVERYTHING_SET = {
    "TABLE_NAME": "table",
    "PROVIDER_MODE": "test",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "CATALOGUE_FILE": "sold.json",
    "POLICY_FILE": "policy.json",
    "SIGNING_SECRETS_NAME": "signing",
    "PROVIDER_KEYS_NAME": "keys",
    "STRIPE_SIGNING_SECRETS": "whsec",
    "PADDLE_SIGNING_SECRETS": "pdl_ntfset",
    "STRIPE_API_KEY": "sk",
    "PADDLE_API_KEY": "pdl",
    "STRIPE_API_BASE": "http://stripe",
    "PADDLE_API_BASE": "http://paddle",
    "STRIPE_ACCOUNT_ID": "acct_1",
    "PADDLE_ACCOUNT_ID": "acct_2",
    "MUTED": "stripe:a=b",
    "POWERTOOLS_METRICS_DISABLED": "true",
    "SUCCESS_URL": "https://success",
    "CANCEL_URL": "https://cancel",
    "SUPPORT_GROUP": "desk",
    "GROUPS_CLAIM": "roles",
    "EVIDENCE_BUCKET_NAME": "evidence",
    "DEBT_WITHHELD": "false",
    "LOW_BALANCE": "50",
    "ORDER_REFUSED_IN_DEBT": "false",
    "ARCHIVE_STREAM_NAMES": "one,two",
    "REFUNDS_PAUSED": "true",
    "RELEASE": "arn:layer:7",
    "MAILS_FROM": "Shop <shop@example.com>",
    "RECEIPTS_FROM": "receipts@example.com",
    "MAILS_REPLY_TO": "desk@example.com",
    "MAILS_CONFIGURATION_SET": "mails",
    "RECEIPTS_CONFIGURATION_SET": "receipts",
    "SELLER_NAME": "Shop Ltd",
    "SELLER_ADDRESS": "1 High Street",
    "PUBLIC_URL": "https://public/",
    "AWS_ENDPOINT_URL_S3": "http://s3",
}


def test_each_setting_has_its_variable() -> None:
    """All of them differ here, so that none is read from another's."""
    assert Config.of(EVERYTHING_SET) == Config(
        table_name="table",
        region="eu-central-1",
        is_live=False,
        catalogue_file=Path("sold.json"),
        policy_file=Path("policy.json"),
        secrets_name="signing",
        keys_name="keys",
        signing_secrets={"stripe": "whsec", "paddle": "pdl_ntfset"},
        api_keys={"stripe": "sk", "paddle": "pdl"},
        api_bases={"stripe": "http://stripe", "paddle": "http://paddle"},
        scope=Scope({"stripe": "acct_1", "paddle": "acct_2"}, (MuteRule("stripe", ("a",), "b"),)),
        is_measured=False,
        mails_from="Shop <shop@example.com>",
        receipts_from="receipts@example.com",
        mails_reply_to="desk@example.com",
        mail_sets=("mails", "receipts"),
        seller=("Shop Ltd", "1 High Street"),
        public_url="https://public",
        success_url="https://success",
        cancel_url="https://cancel",
        support_group="desk",
        groups_claim="roles",
        evidence_bucket="evidence",
        is_debt_withheld=False,
        low_balance=50,
        is_order_refused_in_debt=False,
        archive_streams=("one", "two"),
        is_paused=True,
        release="arn:layer:7",
        is_s3_local=True,
    )


@pytest.mark.parametrize("environment", [{"TABLE_NAME": "t"}, dict.fromkeys(EVERYTHING_SET, "") | {"TABLE_NAME": "t"}])
def test_what_is_not_set_is_the_safe_side(environment: dict[str, str]) -> None:
    """Live mode, a debt that counts, no refund, no local address. A parameter that is left empty is not set."""
    config = Config.of({name: value for name, value in environment.items() if name != "PROVIDER_MODE"})
    assert (config.is_live, config.is_debt_withheld, config.is_order_refused_in_debt) == (True, True, True)
    assert (config.is_measured, config.is_paused, config.is_s3_local) == (True, True, False)
    assert (config.secrets_name, config.keys_name, config.policy_file, config.evidence_bucket) == (None,) * 4
    assert (config.support_group, config.groups_claim) == ("billing-support", "cognito:groups")
    assert (config.catalogue_file, config.archive_streams, config.scope.text) == (catalogue.DEFAULT_FILE, (), "")
    assert config.success_url != config.cancel_url
    assert config.low_balance == 0
    assert set(config.api_bases.values()) == {None}


@pytest.mark.parametrize("variable", ["DEBT_WITHHELD", "ORDER_REFUSED_IN_DEBT", "REFUNDS_PAUSED"])
@pytest.mark.parametrize(("value", "is_on"), [("true", True), ("True", True), ("FALSE", False), ("no", True)])
def test_only_false_turns_a_guard_off(variable: str, value: str, *, is_on: bool) -> None:
    """Whatever else is written leaves it on."""
    guards = {"DEBT_WITHHELD": "true", "ORDER_REFUSED_IN_DEBT": "true", "REFUNDS_PAUSED": "true"}
    config = Config.of({"TABLE_NAME": "t"} | guards | {variable: value})
    assert (config.is_debt_withheld and config.is_order_refused_in_debt and config.is_paused) is is_on


@pytest.mark.parametrize("value", ["-1", "x", "1.5", "1000000000", "²"])
def test_a_low_balance_is_a_number_of_credits(value: str) -> None:
    """The message names the variable."""
    with pytest.raises(ConfigurationError, match=r"LOW_BALANCE is .*, should be a number of credits, or 0"):
        Config.of({"TABLE_NAME": "t", "LOW_BALANCE": value})
    assert Config.of({"TABLE_NAME": "t", "LOW_BALANCE": "99999999"}).low_balance == 99_999_999


@pytest.mark.parametrize("environment", [{"PROVIDER_MODE": "test"}, {"TABLE_NAME": "t", "PROVIDER_MODE": "sandbox"}])
def test_a_wrong_environment_names_the_variable(environment: dict[str, str]) -> None:
    """Before anything is done."""
    with pytest.raises(ConfigurationError, match=r"TABLE_NAME is not set|PROVIDER_MODE is 'sandbox'"):
        Config.of(environment)


def test_no_secret_is_in_the_text_of_the_settings() -> None:
    """A log line may have it."""
    shown = repr(Config.of(EVERYTHING_SET))
    assert not [name for name in ("whsec", "pdl_ntfset", "'sk'", "'pdl'") if name in shown]
