"""ExpressionAttributeNames and ExpressionAttributeValues, as a request has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wakeful import limits
from wakeful.services.dynamodb import sizes
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.expressions.bound import Substitutes
from wakeful.services.dynamodb.values import checked_value

_PLACEHOLDER = {"#": re.compile(r"#[A-Za-z0-9_]+"), ":": re.compile(r":[A-Za-z0-9_]+")}
NONE: Mapping[str, Any] = {}


def of(request: Mapping[str, Any]) -> Substitutes:
    """Checked, whether an expression uses them or not. Raises ValidationException."""
    names, values = request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues")
    if names is not None:
        _check_names(names)
    if values is not None:
        values = _checked_values(values)
    return Substitutes(names if names is not None else NONE, values if values is not None else NONE)


def _check_names(names: Mapping[str, str]) -> None:
    what = "ExpressionAttributeNames"
    if not names:
        raise ValidationException(f"{what} must not be empty")
    for key, name in names.items():
        _check_key(what, key, "#")
        if not name:
            raise ValidationException(f"{what} contains invalid value: Empty attribute name for key {key}")
        if len(name.encode()) > limits.DYNAMODB_ATTRIBUTE_NAME_BYTES_MAX:
            raise ValidationException(
                f"{what} contains invalid value: Attribute name is too large, must be less than"
                f" {limits.DYNAMODB_ATTRIBUTE_NAME_BYTES_MAX + 1} bytes for key {key}"
            )


def _checked_values(values: Mapping[str, Any]) -> Mapping[str, Any]:
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
        size += len(key) + sizes.value_size(checked[key])
    if size > limits.DYNAMODB_SUBSTITUTES_BYTES_MAX:
        raise ValidationException(f"{what} exceeds max size")
    return checked


def _check_key(what: str, key: str, begins: str) -> None:
    if not key:
        raise ValidationException(f"{what} contains invalid key: The expression attribute map contains an empty key;")
    if len(key) > limits.DYNAMODB_PLACEHOLDER_BYTES_MAX:
        size = f" size of key: {len(key)}" if begins == "#" else ""  # as AWS says it
        raise ValidationException(
            f"{what} contains invalid key: The expression attribute map contains a key that is too long;{size}"
        )
    if not _PLACEHOLDER[begins].fullmatch(key):
        raise ValidationException(f'{what} contains invalid key: Syntax error; key: "{key}"')
