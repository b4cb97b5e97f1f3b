"""Values and items, in the form that the API has: `{"S": "text"}`, `{"N": "1"}`, `{"M": {…}}`; binaries stay base64.

Above the wire nothing is converted: what a client sent is what is stored, but for numbers, which get AWS's one way to
write them, and sets, which are stored in order, so that the same value is the same JSON. What is wrong with a value is
said here, in DynamoDB's words.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import orjson

from wakeful import limits
from wakeful.services.dynamodb import decimals
from wakeful.services.dynamodb.errors import SerializationException, ValidationException

Value: TypeAlias = dict[str, Any]
"""One AttributeValue: one key, its type, and what that type holds."""

Item: TypeAlias = dict[str, Value]

TYPES = frozenset(("S", "N", "B", "SS", "NS", "BS", "M", "L", "BOOL", "NULL"))

TOO_DEEP = (
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
)

_INVALID = "One or more parameter values were invalid: "


def parsed(raw: bytes) -> Item:
    item: Item = orjson.loads(raw)
    return item


def raw(item: Item) -> bytes:
    """As it is stored, and answered without being read again (`orjson.Fragment`)."""
    return orjson.dumps(item)


def answered(raw: bytes) -> Item:
    """An item as it is stored, for an answer: the wire writes it as it stands, and nobody reads it before."""
    return orjson.Fragment(raw)  # type: ignore[return-value] # JSON that is ready, where an item would be


def kind(value: Value) -> str:
    """S, N, B, SS, NS, BS, M, L, BOOL or NULL."""
    return next(iter(value))


def decoded(text: str) -> bytes:
    """What a checked binary holds."""
    return b64decode(text)


# --- what a client sent -----------------------------------------------------------------------------------------------


def checked(item: Any) -> Item:
    """The same item, every value of it as it is stored. Raises SerializationException for what is of a type that JSON
    should not have there, else ValidationException for what DynamoDB refuses.
    """
    if type(item) is not dict:
        raise SerializationException(_not_a("map", item))
    try:
        return _checked_map(item, 1)
    except ValidationException:
        typed_as_map(item)  # what has a wrong type is said first, wherever it stands
        raise


def checked_value(value: Any, level: int = 1) -> Value:
    """The same for one value; what was sent beside its type as null or under names that no type has is left out."""
    if type(value) is not dict:
        raise SerializationException(
            "Start of list found where not expected" if type(value) is list else "Expected null"
        )
    if len(value) != 1:
        _keep_one(value)
    for what, held in value.items():
        check = _CHECKS.get(what)
        if check is None or held is None:
            raise ValidationException(
                "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
            )
        value[what] = check(held, level)
    return value


def _checked_map(held: dict[str, Any], level: int) -> Item:
    for name, value in held.items():
        if type(value) is dict and len(value) == 1 and type(value.get("S")) is str:
            continue  # by far most of all
        if value is None:
            raise ValidationException(f"The supplied Item contains a null AttributeValue: {name} is null")
        checked_value(value, level)
    if "" in held:
        raise ValidationException("Empty attribute name")
    if any(_is_too_long(name) for name in held):
        raise ValidationException("Attribute name is too large, must be less than 65536 bytes")
    return held


def _is_too_long(name: str) -> bool:
    most = limits.DYNAMODB_ATTRIBUTE_NAME_BYTES_MAX
    return len(name) * 4 > most and len(name.encode()) > most


def _keep_one(value: dict[str, Any]) -> None:
    given = {what: held for what, held in value.items() if what in TYPES and held is not None}
    if len(given) > 1:
        for what, held in given.items():
            _CHECKS[what](held, 1)  # what is wrong with one of them is said before
        raise ValidationException(
            "Supplied AttributeValue has more than one datatypes set,"
            " must contain exactly one of the supported datatypes"
        )
    if not given:
        raise ValidationException(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
        )
    value.clear()
    value.update(given)


# --- each type --------------------------------------------------------------------------------------------------------


def _string(held: Any, level: int) -> str:
    if type(held) is not str:
        raise SerializationException(_not_a("String", held))
    return held


def _number(held: Any, level: int) -> str:
    return decimals.normalised(_string(held, level))


def _binary(held: Any, level: int) -> str:
    """The same text: a binary has one way to be written, and it is kept like that."""
    if type(held) is not str:
        raise SerializationException(_not_a("Blob", held))
    try:
        if b2a_base64(a2b_base64(held, strict_mode=True), newline=False).decode() == held:
            return held
    except (Base64Error, ValueError):
        pass  # said below, as AWS says it
    raise SerializationException(f"'{held}' can not be converted to a Blob: {_fault_of(held)}")


def _fault_of(text: str) -> str:
    if len(text) % 4:
        return f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(text)}"
    letters = text[:-2] + text[-2:].rstrip("=")
    strange = next((each for each in letters if not (each.isascii() and (each.isalnum() or each in "+/"))), None)
    if strange is not None:
        return f"Invalid Base64 character: '{strange}'"
    return "Invalid last non-pad Base64 character dectected"  # AWS's own spelling


def _boolean(held: Any, level: int) -> bool:
    if type(held) is not bool:
        if type(held) is str:
            raise SerializationException(f"'{held.upper()}' can not be converted to an Boolean")
        raise SerializationException(_not_a("Boolean", held))
    return held


def _null(held: Any, level: int) -> bool:
    """True, whatever a client says it is: AWS no longer minds."""
    _boolean(held, level)
    return True


def _list(held: Any, level: int) -> list[Value]:
    if type(held) is not list:
        raise SerializationException(_not_a("list", held))
    _check_level(level)
    for value in held:
        if value is None:
            raise ValidationException("The supplied Item contains a null AttributeValue")
        checked_value(value, level + 1)
    return held


def _map(held: Any, level: int) -> Item:
    if type(held) is not dict:
        raise SerializationException(_not_a("map", held))
    _check_level(level)
    return _checked_map(held, level + 1)


def _check_level(level: int) -> None:
    if level >= limits.DYNAMODB_NESTING_MAX:
        raise ValidationException(TOO_DEEP)


def _strings(held: Any, level: int) -> list[str]:
    _check_members(held, _string)
    if not held:
        raise ValidationException(f"{_INVALID}An string set  may not be empty")
    if len(set(held)) != len(held):
        raise ValidationException(f"{_INVALID}Input collection [{', '.join(held)}] contains duplicates.")
    return sorted(held)


def _numbers(held: Any, level: int) -> list[str]:
    _check_members(held, _string)
    if not held:
        raise ValidationException(f"{_INVALID}An number set  may not be empty")
    found = [decimals.normalised(each) for each in held]
    if len(set(found)) != len(found):
        raise ValidationException("Input collection contains duplicates")
    return sorted(found, key=decimals.order)


def _binaries(held: Any, level: int) -> list[str]:
    _check_members(held, _binary)
    if not held:
        raise ValidationException(f"{_INVALID}Binary sets should not be empty")
    if len(set(held)) != len(held):
        raise ValidationException(f"{_INVALID}Input collection [{', '.join(held)}]of type BS contains duplicates.")
    return sorted(held, key=decoded)


def _check_members(held: Any, check: Callable[[Any, int], Any]) -> None:
    if type(held) is not list:
        raise SerializationException(_not_a("list", held))
    for each in held:
        if each is None:
            raise ValidationException(f"{_INVALID}An string set may not have a null string as a member")
        check(each, 1)


_CHECKS: Mapping[str, Callable[[Any, int], Any]] = {
    "S": _string,
    "N": _number,
    "B": _binary,
    "SS": _strings,
    "NS": _numbers,
    "BS": _binaries,
    "M": _map,
    "L": _list,
    "BOOL": _boolean,
    "NULL": _null,
}


# --- types, as the reader of JSON sees them ---------------------------------------------------------------------------


def typed_as_map(held: Any) -> None:
    """Raises SerializationException where a value below has a type that does not belong there; says nothing else."""
    for value in held.values():
        _typed(value)


def _typed(value: Any) -> None:
    """Every value below is looked at once, however deep it lies."""
    for what, held in value.items() if type(value) is dict else (("", value),):
        is_whole = (what == "M" and type(held) is dict) or (what == "L" and type(held) is list)
        for inner in (held.values() if what == "M" else held) if is_whole else ():
            if inner is not None:
                _typed(inner)
        if not is_whole:
            _typed_alone(value, what, held)


def _typed_alone(value: Any, what: str, held: Any) -> None:
    """What is no map or list, or should be one."""
    try:
        if type(value) is not dict:
            checked_value(value)
        elif what in TYPES and held is not None:
            _CHECKS[what](held, 1)
    except ValidationException:
        pass  # only types matter here


def _not_a(wanted: str, found: Any) -> str:
    """What AWS's reader says to something of another type ("String", "Blob", "Boolean"; "list" and "map")."""
    if type(found) is list:
        return "Start of list found where not expected"
    if type(found) is dict:
        return "Start of structure or map found where not expected."
    if wanted in ("list", "map"):
        return f"Expected {wanted} or null"
    of = "java.lang.Boolean" if type(found) is bool else "com.amazon.coral.value.json.numbers.TruncatingBigNumber"
    return f"class {of} can not be converted to {'a' if wanted == 'Blob' else 'an'} {wanted}"
