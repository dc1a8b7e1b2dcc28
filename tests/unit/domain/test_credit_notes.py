"""The tax of a payment goes back in shares that sum to it, whatever the amounts are."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.credit_notes import CreditNote, CreditNoteKind, tax_within
from tools.testing.builders import ADA, PI

AT = datetime(2026, 11, 1, tzinfo=UTC)


def note(amount_minor: int, tax_minor: int | None, kind: CreditNoteKind = CreditNoteKind.CREDIT) -> CreditNote:
    """A document of a refund of this amount."""
    return CreditNote(
        number="2026-000001",
        kind=kind,
        issued_at=AT,
        issued_by="Shop",
        account_id=ADA,
        payment_id=PI,
        refund_id="stripe:re_1",
        case_id=None,
        amount_minor=amount_minor,
        currency="EUR",
        invoice_number=None,
        paid_at=AT,
        order_id=None,
        product_ids=(),
        credits=0,
        tax_minor=tax_minor,
    )


def taken_back(one: CreditNote) -> CreditNote:
    """The document that takes one back."""
    return replace(one, kind=CreditNoteKind.CORRECTION)


def documents(amounts: list[int], tax_minor: int, before: tuple[CreditNote, ...] = ()) -> list[CreditNote]:
    """The documents of these refunds, one after the other."""
    found = list(before)
    paid_minor = sum(amounts)
    for amount_minor in amounts:
        found.append(note(amount_minor, tax_within(amount_minor, tax_minor, paid_minor, found)))
    return found


def test_each_has_its_share_and_the_last_one_the_remainder() -> None:
    """Rounded down: 333 of 2,000."""
    assert [one.tax_minor for one in documents([500, 500, 1000], 333)] == [83, 83, 167]
    assert [one.tax_minor for one in documents([2000], 333)] == [333]
    assert [one.tax_minor for one in documents([1, 1, 1], 1)] == [0, 0, 1]
    assert [one.tax_minor for one in documents([500, 1500], 0)] == [0, 0]


@given(amounts=st.lists(st.integers(1, 10**6), min_size=1, max_size=12), data=st.data())
def test_the_documents_of_a_payment_sum_to_its_tax(amounts: list[int], data: st.DataObject) -> None:
    """Each is within its amount, and less than one unit off its exact share. One that is taken back changes nothing."""
    paid_minor = sum(amounts)
    tax_minor = data.draw(st.integers(0, paid_minor))
    failed_minor = data.draw(st.integers(1, paid_minor))
    first = note(failed_minor, tax_within(failed_minor, tax_minor, paid_minor, ()))
    for before in ((), (first, taken_back(first))):
        found = documents(amounts, tax_minor, before)[len(before) :]
        assert sum(one.tax_minor or 0 for one in found) == tax_minor
        for one in found:
            assert one.tax_minor is not None
            assert 0 <= one.tax_minor <= one.amount_minor
            assert abs(one.tax_minor * paid_minor - tax_minor * one.amount_minor) < paid_minor


@pytest.mark.parametrize(
    ("amount_minor", "tax_minor", "before"),
    [
        (500, None, []),
        (500, 2001, []),
        (500, -1, []),
        (2001, 333, []),
        (1501, 333, [note(500, 83)]),
        (500, 333, [note(500, None)]),
    ],
    ids=["none reported", "above the payment", "below 0", "too much", "too much together", "an older document"],
)
def test_what_is_not_known_is_not_said(amount_minor: int, tax_minor: int | None, before: list[CreditNote]) -> None:
    """Nor what would contradict the documents before."""
    assert tax_within(amount_minor, tax_minor, 2000, before) is None
