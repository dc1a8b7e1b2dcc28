"""The SDKs whose vocabulary is watched: one row for each provider."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tools.drift import paddle_sdk, stripe_sdk
from tools.drift.verdicts import Drift, Verdicts, drift, load
from tools.drift.vocabulary import Vocabulary

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Vendor:
    """One provider's SDK."""

    provider: str
    distribution: str  # its name in the package index
    package: str  # its name in an import
    event_types: tuple[str, str]  # the object and the field whose values are the types of events
    vocabulary: Callable[[Path], Vocabulary]
    """Return the vocabulary of the SDK in a directory of packages. Raise UnreadableSdk."""

    @property
    def file(self) -> Path:
        """The file with the verdicts on this vocabulary."""
        return _HERE / f"{self.provider}.toml"

    @property
    def verdicts(self) -> Verdicts:
        """The committed verdicts on this vocabulary. Raise UnusableVerdicts."""
        return load(self.file)

    def locked(self) -> Vocabulary:
        """Return the vocabulary of the SDK that is installed, which is the locked one. Raise UnreadableSdk."""
        return self.vocabulary(Path(str(metadata.distribution(self.distribution).locate_file(self.package))))

    def drift(self, vocabulary: Vocabulary) -> Drift:
        """Return how a vocabulary differs from the committed verdicts."""
        return drift(self.verdicts, vocabulary, self.event_types)


VENDORS: Mapping[str, Vendor] = {
    vendor.provider: vendor
    for vendor in (
        Vendor("stripe", "stripe", "stripe", stripe_sdk.EVENT_TYPES, stripe_sdk.vocabulary),
        Vendor("paddle", "paddle-python-sdk", "paddle_billing", paddle_sdk.EVENT_TYPES, paddle_sdk.vocabulary),
    )
}
"""Every watched SDK, by the provider's name."""
