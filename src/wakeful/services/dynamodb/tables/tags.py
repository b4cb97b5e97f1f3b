"""Tags of tables ("Adding tags and labels to resources"): what a key and a value may be, and how many there may be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from wakeful import limits
from wakeful.services.dynamodb.errors import ValidationException

_LETTERS = re.compile(r"[\w\s+\-=._:/@]*")
_KEY_MAX, _VALUE_MAX = 128, 256


def of_new_table(tags: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """By their keys. Raises ValidationException for what cannot be tags of one table."""
    found: dict[str, str] = {}
    for tag in tags:
        key, value = tag["Key"], tag["Value"]
        check_key(key)
        if len(value) > _VALUE_MAX or not _LETTERS.fullmatch(value):
            raise ValidationException(f"The Tag Value provided is invalid, Value: {value}")
        if key in found:
            raise ValidationException(f"Duplicate Tag Keys provided as input: Duplicate Tag Key found {key}")
        found[key] = value
    check_number(found)
    return found


def check_key(key: str) -> None:
    if key.lower().startswith("aws:"):
        raise ValidationException(f"Tag Key cannot be prefixed with aws:, Key: {key}")
    if not 1 <= len(key) <= _KEY_MAX or not _LETTERS.fullmatch(key):
        raise ValidationException(f"The Tag Key provided is invalid, Key: {key}")


def check_number(keys: Iterable[str]) -> None:
    if len(list(keys)) > limits.DYNAMODB_TAGS_MAX:
        raise ValidationException("Number of Tags exceed the current limit for the provided ResourceArn")
