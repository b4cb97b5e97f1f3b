"""Items as Amazon Ion's text has them in exports ("DynamoDB table export output format"): numbers are decimals, sets
are lists with an annotation.
"""

from __future__ import annotations

import re

from wakeful.services.dynamodb.values import Item, Value, kind

_SYMBOL = re.compile("[A-Za-z_$][A-Za-z0-9_$]*")
_KEYWORDS = frozenset(("null", "true", "false", "nan"))
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SETS = {"SS": "S", "NS": "N", "BS": "B"}


def written(item: Item) -> str:
    """A struct of the item's attributes."""
    return "{" + ",".join(f"{_symbol(name)}:{_value(value)}" for name, value in item.items()) + "}"


def _value(value: Value) -> str:
    what = kind(value)
    held = value[what]
    if what == "M":
        return written(held)
    if what == "L":
        return "[" + ",".join(map(_value, held)) + "]"
    if what in _SETS:
        return f"$dynamodb_{what}::[" + ",".join(_value({_SETS[what]: each}) for each in held) + "]"
    if what == "N":
        return _decimal(str(held))
    if what == "B":
        return f"{{{{{held}}}}}"
    if what == "BOOL":
        return "true" if held else "false"
    return "null" if what == "NULL" else _text(str(held), '"')


def _decimal(text: str) -> str:
    if "E" in text:
        return text.replace("E+", "d").replace("E", "d")
    return text if "." in text else text + "."


def _symbol(name: str) -> str:
    return name if _SYMBOL.fullmatch(name) and name not in _KEYWORDS else _text(name, "'")


def _text(text: str, quote: str) -> str:
    return quote + "".join(_escaped(each, quote) for each in text) + quote


def _escaped(character: str, quote: str) -> str:
    if character == "'" or character == '"':
        return "\\" + character if character == quote else character
    if character in _ESCAPES:
        return _ESCAPES[character]
    return f"\\x{ord(character):02x}" if ord(character) < 32 or ord(character) == 127 else character
