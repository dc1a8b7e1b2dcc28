"""Who calls: the claims of the token that API Gateway has verified, by the names that the deployment gives them."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from ledger.api.auth import Forbidden, caller, support
from ledger.runtime import runtime

ENVIRONMENT = {
    "TABLE_NAME": "ledger",
    "PROVIDER_MODE": "test",
    "GROUPS_CLAIM": "https://tagger/roles",
    "SUPPORT_GROUP": "refund desk",
}


@pytest.fixture(autouse=True)
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A deployment whose issuer has another claim for groups, and another group for support."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    runtime.cache_clear()
    yield
    runtime.cache_clear()


def request_of(**claims: object) -> Any:
    """A request with these claims."""
    event = {"requestContext": {"authorizer": {"jwt": {"claims": {"sub": "acct_sam", **claims}}}}}
    return SimpleNamespace(current_event=SimpleNamespace(raw_event=event))


@pytest.mark.parametrize("groups", ["refund desk", ["refund desk"], '["refund desk"]', '["sales", "refund desk"]'])
def test_the_group_of_the_configured_claim_is_support(groups: object) -> None:
    """In each shape that issuers send, but for API Gateway's own list: there a space ends a group."""
    assert support(request_of(**{"https://tagger/roles": groups}), about=None).account_id == "acct_sam"


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"cognito:groups": ["refund desk"]},
        {"groups": "refund desk"},
        {"scope": "refund desk"},
        {"https://tagger/roles": "billing-support"},
        {"https://tagger/roles": "refund"},
        {"https://tagger/roles": "the refund desk"},
        {"https://tagger/roles": "[refund desk]"},
        {"https://tagger/roles": {"refund desk": True}},
        {"https://tagger/roles": True},
    ],
    ids=str,
)
def test_no_other_claim_and_no_other_group_is_support(claims: dict[str, object]) -> None:
    """The shipped names count only where nothing else is configured."""
    assert caller(request_of(**claims)).account_id == "acct_sam"
    with pytest.raises(Forbidden):
        support(request_of(**claims), about=None)


def test_without_an_authorizer_there_is_no_caller() -> None:
    """A route that was deployed without one refuses every request."""
    for context in ({}, {"authorizer": None}, {"authorizer": {"jwt": None}}, {"authorizer": {"iam": {"userId": "x"}}}):
        app: Any = SimpleNamespace(current_event=SimpleNamespace(raw_event={"requestContext": context}))
        with pytest.raises(Forbidden):
            caller(app)
