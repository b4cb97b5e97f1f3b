"""ExpressionAttributeNames and ExpressionAttributeValues, as a request has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from wakeful import limits
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.expressions.bound import Substitutes
from wakeful.services.dynamodb.sizes import value_size
from wakeful.services.dynamodb.values import checked_value

_PLACEHOLDER = {"#": re.compile(r"#[A-Za-z0-9_]+"), ":": re.compile(r":[A-Za-z0-9_]+")}
NONE: Mapping[str, Any] = {}


def of(request: Mapping[str, Any]) -> Substitutes:
    """Checked, whether an expression uses them or not. Raises ValidationException."""
    names, values = request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues")
    names_bytes = values_bytes = 0
    if names is not None:
        names_bytes = _check_names(names)
    if values is not None:
        values, values_bytes = _checked_values(values)
    _check_size("Combined size of ExpressionAttributeNames and ExpressionAttributeValues", names_bytes + values_bytes)
    return Substitutes(names if names is not None else NONE, values if values is not None else NONE, values_bytes)


def _check_names(names: Mapping[str, str]) -> int:
    """How large all of them are together."""
    what = "ExpressionAttributeNames"
    if not names:
        raise ValidationException(f"{what} must not be empty")
    size = 0
    for key, name in names.items():
        _check_key(what, key, "#")
        if not name:
            raise ValidationException(f"{what} contains invalid value: Empty attribute name for key {key}")
        if len(name.encode()) > limits.DYNAMODB_ATTRIBUTE_NAME_BYTES_MAX:
            raise ValidationException(
                f"{what} contains invalid value: Attribute name is too large, must be less than"
                f" {limits.DYNAMODB_ATTRIBUTE_NAME_BYTES_MAX + 1} bytes for key {key}"
            )
        size += len(key) + len(name.encode())
        _check_size(what, size)
    return size


def _checked_values(values: Mapping[str, Any]) -> tuple[Mapping[str, Any], int]:
    """As they are compared, and how large they are together."""
    what = "ExpressionAttributeValues"
    if not values:
        raise ValidationException(f"{what} must not be empty")
    checked = {}
    size = 0
    for key, value in values.items():
        _check_key(what, key, ":")
        try:
            checked[key] = checked_value(value)
        except ValidationException as error:
            raise ValidationException(f"{what} contains invalid value: {error.message} for key {key}") from None
        size += len(key) + value_size(checked[key])
        _check_size(what, size)
    return checked, size


def _check_size(what: str, size: int) -> None:
    if size > limits.DYNAMODB_SUBSTITUTES_BYTES_MAX:
        raise ValidationException(f"{what} exceeds max size")


def _check_key(what: str, key: str, begins: str) -> None:
    is_long = len(key) > limits.DYNAMODB_PLACEHOLDER_BYTES_MAX
    if (wrong := _too_long(key, begins) if is_long else _wrong_key(key, begins)) is not None:
        raise ValidationException(f"{what} contains invalid key: {wrong}")


def _too_long(key: str, begins: str) -> str:
    size = f" size of key: {len(key)}" if begins == "#" else ""  # as AWS says it
    return f"The expression attribute map contains a key that is too long;{size}"


@lru_cache(limits.DYNAMODB_COMPILED_EXPRESSIONS)
def _wrong_key(key: str, begins: str) -> str | None:
    if not key:
        return "The expression attribute map contains an empty key;"
    return None if _PLACEHOLDER[begins].fullmatch(key) else f'Syntax error; key: "{key}"'
