"""Kubernetes quantities are read exactly."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.quantity import parse_quantity
from shared.errors import InputError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("512Mi", 512 * 2**20),
        ("1.5Gi", 3 * 2**29),
        ("1G", 10**9),
        ("500m", Decimal("0.5")),
        ("2", 2),
        (2, 2),
        (0.5, Decimal("0.5")),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1E", 10**18),
        ("2.", 2),
        (".5", Decimal("0.5")),
        ("+1k", 1000),
        ("5u", Decimal("0.000005")),
    ],
)
def test_a_quantity_is_its_number(text: str | int | float, value: int | Decimal) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize("text", ["", "Mi", "1mi", "1 Gi", "-1", "1KiB", "1e", "1.2.3", "NaN", "\u0661"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a quantity"):
        parse_quantity(text)


@given(st.text(max_size=8))
def test_no_text_breaks_it(text: str) -> None:
    with suppress(InputError):
        assert parse_quantity(text) >= 0
