"""The scope: which part of a provider's account this ledger is for.

A provider's account may be shared. Stripe sends the events of connected accounts, and those of every other application
in the same account. Nothing of them is booked. A person mutes what is recognized as another application's:

    stripe:metadata.app=newsletter                  a field of the object
    stripe:items.data.price.id=price_newsletter     of a list, any object
    stripe:payment_intent=pi_3Qx7Lm2eZvKYlo2C       one object alone
    stripe:event.account=acct_1Nv0FGQ9RKHgCVdK      a field of the event, with `event.` before it
"""

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from ledger.domain.errors import ConfigurationError
from ledger.domain.records import record
from ledger.providers.parsing import Json

_OF_THE_EVENT = "event"


@record(frozen=True)
class MuteRule:
    """What another application's objects have. An event that it recognizes is only noted, if it can't be booked."""

    provider: str
    path: tuple[str, ...]
    value: str

    def __str__(self) -> str:
        return f"{self.provider}:{'.'.join(self.path)}={self.value}"

    def recognizes(self, event: Json, source: Json) -> bool:
        """Return whether an event, or the object that it carries, has the value."""
        is_of_event = self.path[0] == _OF_THE_EVENT
        found = _values(event, self.path[1:]) if is_of_event else _values(source, self.path)
        return any(str(value) == self.value for value in found)


@record(frozen=True)
class Scope:
    """Our own accounts at the providers, and what is not ours in them."""

    account_ids: Mapping[str, str] = field(default_factory=dict)  # by provider; missing or empty: it is not known
    rules: tuple[MuteRule, ...] = ()

    @property
    def text(self) -> str:
        """All of it, as text: another scope has another one."""
        accounts = (
            f"{provider}={account_id}" for provider, account_id in sorted(self.account_ids.items()) if account_id
        )
        return ",".join((*accounts, *map(str, self.rules)))

    def mute_rule(self, provider: str, event: Json, source: Json) -> str | None:
        """Return the first rule that recognizes an event as another application's. None: it may be ours."""
        rules = (rule for rule in self.rules if rule.provider == provider)
        return next((str(rule) for rule in rules if rule.recognizes(event, source)), None)


EVERYTHING = Scope()


def parse_mute_rules(text: str, providers: Mapping[str, object]) -> tuple[MuteRule, ...]:
    """Return the rules of a setting, separated by commas. Raise ConfigurationError naming the wrong one."""
    rules = []
    for written in filter(None, (part.strip() for part in text.split(","))):
        provider, _, rest = written.partition(":")
        name, _, value = rest.partition("=")
        path = tuple(name.split("."))
        if provider not in providers or not all(path) or path == (_OF_THE_EVENT,) or not value:
            form = "<provider>:<field>=<value>, as stripe:metadata.app=newsletter"
            raise ConfigurationError(f"MUTED is wrong in {written!r}: each rule is {form}.")
        rules.append(MuteRule(provider, path, value))
    return tuple(rules)


def _values(source: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """Yield what is at a path: of a list, in any of its objects."""
    if isinstance(source, list):
        for item in source:
            yield from _values(item, path)
    elif not path:
        yield source
    elif isinstance(source, Mapping) and path[0] in source:
        yield from _values(source[path[0]], path[1:])
