"""Numbers: up to 38 significant digits, magnitudes from 1E-130 to 9.99…E+125, and one way to write each ("Number").

They are text from the client to the disk and back. Nobody makes floats of them.
"""

from __future__ import annotations

import re
from decimal import Decimal

from wakeful import limits
from wakeful.services.dynamodb.errors import ValidationException

_NUMBER = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?", re.ASCII)
"""Digits have one way to be read as a number, or none: however many there are, they are gone through once."""

_EXPONENT_DIGITS_MAX = 18  # an exponent that is longer is beyond all bounds, whatever stands before it


def normalised(text: str) -> str:
    """The number as DynamoDB writes it: without an exponent, and without zeros or signs that say nothing.

    Raises ValidationException for what is none, or one that DynamoDB cannot hold.
    """
    # Most are whole and short, and written as they should be.
    if text.isdigit() and text.isascii() and len(text) <= limits.DYNAMODB_NUMBER_DIGITS_MAX:
        return text if text[0] != "0" else text.lstrip("0") or "0"
    sign, digits, exponent = parts(text)
    if not digits:
        return "0"
    before = exponent + 1  # how many digits stand before the point
    if before <= 0:
        plain = f"0.{'0' * -before}{digits}"
    elif before >= len(digits):
        plain = digits + "0" * (before - len(digits))
    else:
        plain = f"{digits[:before]}.{digits[before:]}"
    return sign + plain


def parts(text: str) -> tuple[str, str, int]:
    """Its sign ("" or "-"), its significant digits, and the exponent of the first of them; no digits are zero.

    Raises ValidationException, as above.
    """
    if text.isdigit() and text.isascii() and text[0] != "0" and len(text) <= limits.DYNAMODB_NUMBER_DIGITS_MAX:
        return "", text.rstrip("0"), len(text) - 1  # as most are
    found = _NUMBER.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        raise ValidationException(
            "The parameter cannot be converted to a numeric value" + (f": {text}" if text else "")
        )
    sign, whole, fraction, power = found.groups(default="")
    written = whole + fraction
    digits = written.lstrip("0")
    if not digits:
        return "", "", 0
    raised = _exponent(power)
    exponent = raised + len(whole) - 1 - (len(written) - len(digits))
    digits = digits.rstrip("0")
    if exponent > limits.DYNAMODB_NUMBER_EXPONENT_MAX:
        raise ValidationException(
            "Number overflow. Attempting to store a number with magnitude larger than supported range"
        )
    if exponent < limits.DYNAMODB_NUMBER_EXPONENT_MIN:
        raise ValidationException(
            "Number underflow. Attempting to store a number with magnitude smaller than supported range"
        )
    if len(digits) > limits.DYNAMODB_NUMBER_DIGITS_MAX:
        raise ValidationException("Attempting to store more than 38 significant digits in a Number")
    return "-" if sign == "-" else "", digits, exponent


def size(text: str) -> int:
    """Bytes of a normalised number: two digits make one, counted from the point outwards, and one is the exponent's."""
    if text.isdigit() and text != "0":  # as most are
        return (len(text) + 1) // 2 - (len(text) - len(text.rstrip("0"))) // 2 + 1
    plain = text.lstrip("-")
    whole, _, fraction = plain.partition(".")
    whole = whole.lstrip("0")
    pairs = (len(whole) + 1) // 2 + (len(fraction) + 1) // 2
    if not whole:
        pairs -= (len(fraction) - len(fraction.lstrip("0"))) // 2
    elif not fraction:
        pairs -= (len(whole) - len(whole.rstrip("0"))) // 2
    if not pairs:
        return 1
    return min(pairs + 1 + (plain is not text), limits.DYNAMODB_NUMBER_BYTES_MAX)


def order(text: str) -> Decimal:
    """Something that compares as the number does."""
    return Decimal(text)


def _exponent(power: str) -> int:
    if not power:
        return 0
    digits = power.lstrip("+-").lstrip("0") or "0"
    size = int(digits) if len(digits) <= _EXPONENT_DIGITS_MAX else 10**_EXPONENT_DIGITS_MAX
    return -size if power[0] == "-" else size
