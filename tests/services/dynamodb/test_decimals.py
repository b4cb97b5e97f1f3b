"""Numbers: one way to write each, and none that DynamoDB cannot hold."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful.services.dynamodb import decimals
from wakeful.services.dynamodb.errors import ValidationException

digits = st.integers(1, 10**38 - 1)
exponents = st.integers(-130, 125)


@st.composite
def held(draw: st.DrawFn) -> Decimal:
    """Any number that DynamoDB can hold."""
    if not draw(st.integers(0, 9)):
        return Decimal(0)
    significant = str(draw(digits)).rstrip("0")
    first = draw(exponents)
    return Decimal((draw(st.integers(0, 1)), tuple(map(int, significant)), first - len(significant) + 1))


@st.composite
def spelled(draw: st.DrawFn, number: Decimal) -> str:
    """One of the ways in which clients write it."""
    sign, figures, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, figures)) + "0" * (more := draw(st.integers(0, 3)))
    point = draw(st.integers(0, len(text)))
    power = exponent - more + len(text) - point
    written = f"{'0' * draw(st.integers(0, 2))}{text[:point]}.{text[point:]}"
    return f"{'-' if sign else draw(st.sampled_from(['', '+']))}{written}{draw(st.sampled_from('eE'))}{power:+}"


@given(data=st.data(), number=held())
@examples(300)
def test_every_way_to_write_a_number_becomes_one(data: st.DataObject, number: Decimal) -> None:
    plain = decimals.normalised(f"{number:f}")
    assert decimals.normalised(data.draw(spelled(number))) == plain == decimals.normalised(plain)
    with localcontext() as exact:
        exact.prec = 300
        assert Decimal(plain) == number
    assert "E" not in plain
    assert plain == "0" or not plain.startswith("-0") or "." in plain


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("007", "7"),
        ("-0.0", "0"),
        ("0e500", "0"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+1.50", "1.5"),
        ("1E+5", "100000"),
        ("9.9e125", "99" + "0" * 124),
        ("1e-130", "0." + "0" * 129 + "1"),
        ("1234567890123456789012345678901234567800000", "1234567890123456789012345678901234567800000"),
        ("1e0000000000000000000002", "100"),
    ],
)
def test_a_number_is_written_without_an_exponent(sent: str, stored: str) -> None:
    assert decimals.normalised(sent) == stored


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("", "The parameter cannot be converted to a numeric value"),
        ("b", "The parameter cannot be converted to a numeric value: b"),
        (".", "The parameter cannot be converted to a numeric value: ."),
        ("1 ", "The parameter cannot be converted to a numeric value: 1 "),
        ("\uff11", "The parameter cannot be converted to a numeric value: \uff11"),
        ("NaN", "The parameter cannot be converted to a numeric value: NaN"),
        ("1e126", "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        (
            "-1e" + "9" * 5000,
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        ("1e-131", "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
        ("1" * 39, "Attempting to store more than 38 significant digits in a Number"),
    ],
)
def test_what_is_no_number_is_refused_in_awss_words(sent: str, said: str) -> None:
    with pytest.raises(ValidationException) as refused:
        decimals.normalised(sent)
    assert refused.value.message == said


@pytest.mark.parametrize(
    ("number", "size"),
    [
        *(("0", 1), ("1", 2), ("-1", 3), ("100", 2), ("123", 3), ("1.5", 3), ("0.001", 2), ("-12.5", 4)),
        *(("1e125", 2), ("1e-130", 2), ("1" * 38, 20), ("1" * 38 + "0", 21), ("-" + "1" * 38, 21)),
        *(("1." + "1" * 37, 21), ("-1." + "1" * 37, 21)),
    ],
)
def test_two_digits_on_either_side_of_the_point_are_a_byte(number: str, size: int) -> None:
    assert decimals.size(decimals.normalised(number)) == size


def test_a_text_of_a_million_digits_is_gone_through_once() -> None:
    """In as many ways as there are digits it would take hours."""
    text = "0" * 1_000_000
    assert decimals.normalised(text + ".") == "0"
    with pytest.raises(ValidationException, match="cannot be converted"):
        decimals.normalised(text + "x")
