"""Patterns of the models, which are Java's, as Python's regular expressions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

# Java's \p{…} as what stands inside Python's brackets. Python has no classes for letters and numbers alone, but all
# patterns that use one use both, with "_", and that is \w.
_PROPERTIES: Mapping[str, str] = MappingProxyType(
    {
        "L": r"\w",
        "N": r"\w",
        "Z": " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
        "Alnum": "a-zA-Z0-9",
        "Alpha": "a-zA-Z",
        "ASCII": r"\x00-\x7f",
        "Digit": "0-9",
        "Graph": r"\x21-\x7e",
        "Lower": "a-z",
        "Print": r"\x20-\x7e",
        "Space": r" \t\n\x0b\f\r",
        "Upper": "A-Z",
        "XDigit": "0-9a-fA-F",
        "Zs": " \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000",
    }
)
_CATEGORIES = frozenset("MPS")
"""Marks, punctuation and symbols, which are read from Python's own tables where a pattern asks for them."""

_PLANES = (range(0x20000), range(0xE0000, 0xE1000))
"""In others there are letters only, or nothing."""

# Patterns that could take for ever over a few hundred hostile characters, and what accepts the same in one pass.
_SLOW: Mapping[str, str] = MappingProxyType(
    {
        r"^[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*$": r"(?=\t*[\x20-\x7E])[\t\x20-\x7E]+",
        r"^[ \t]*[^\x00-\x1F:\x7F]+([ \t]+[^\x00-\x1F:\x7F]+)*[ \t]*$": (
            r"(?=\t*[^\x00-\x1F:\x7F])[^\x00-\x08\x0A-\x1F:\x7F]+"
        ),
    }
)

_PROPERTY = re.compile(r"\\p\{(?:Is)?(\w+)\}")
_SURROGATES = re.compile(r"\\u(D[89AB][0-9A-F]{2})\\u(D[C-F][0-9A-F]{2})")
_CLASS_THEN_DASH = re.compile(r"(\\[wds])-(?=[^\]])")


@lru_cache(None)
def compile_pattern(java: str) -> re.Pattern[str]:
    """To be used with `fullmatch`, as Java's matches() does. Raises ValueError for what cannot be translated."""
    flags = 0 if r"\p{" in java else re.ASCII  # Java's \w and \d know ASCII only
    python = _PROPERTY.sub(_in_brackets, _SLOW.get(java, java))
    python = _SURROGATES.sub(_joined, python)
    python = _CLASS_THEN_DASH.sub(r"\1\\-", python)  # [\w-_] has three members in Java, and is an error in Python
    try:
        return re.compile(python, flags)
    except re.error as error:
        raise ValueError(f"the pattern {java!r} has no counterpart: {error}") from error


def _joined(match: re.Match[str]) -> str:
    """The one character that Java writes as two."""
    pair = bytes.fromhex(match[1] + match[2]).decode("utf-16-be")
    return f"\\U{ord(pair):08x}"


def _in_brackets(match: re.Match[str]) -> str:
    name = match[1]
    if name not in _PROPERTIES and name not in _CATEGORIES:
        raise ValueError(f"Python knows no property {name!r}")
    members = _PROPERTIES[name] if name in _PROPERTIES else _of_category(name)
    before = match.string[: match.start()]
    inside = before.rfind("[") > before.rfind("]")
    return members if inside else f"[{members}]"


@lru_cache(None)
def _of_category(letter: str) -> str:
    """Every character whose category begins with the letter, in ranges."""
    codes = [code for plane in _PLANES for code in plane if unicodedata.category(chr(code))[0] == letter]
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
