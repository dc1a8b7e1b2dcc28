"""The languages of a request: in the order in which its header wants them."""

import pytest

from ledger.api.languages import languages_in


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        ("", []),
        ("de", ["de"]),
        ("fr-CH, fr;q=0.9, en;q=0.8, *;q=0.5", ["fr-CH", "fr", "en", "*"]),
        ("en;q=0.5,de", ["de", "en"]),
        ("en;q=0.500, de;q=0.7", ["de", "en"]),
        ("en ; q=0.5 , de ; Q = 0.7", ["de", "en"]),
        ("it, es", ["it", "es"]),
        ("de;q=0, fr;q=0.0, nl;q=0.1", ["nl"]),
        ("de;q=nan, it;q=inf, es;q=-1", ["de", "it", "es"]),
        (", ,de,;q=1", ["de"]),
        ("," * 100_000 + "de", []),
    ],
)
def test_a_header_is_read_by_its_weights(header: str, languages: list[str]) -> None:
    """Spaces may stand beside each sign. What has weight 0 is not acceptable; what is no weight counts as none."""
    assert languages_in(header) == languages
