"""Reads what filter patterns are made of: terms, quoted texts, regular expressions, values and operators."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from wakeful import limits
from wakeful.services.logs.errors import InvalidParameterException
from wakeful.services.logs.regex import BadRegex, Regex, compile_regex

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_BARE_VALUE = re.compile(r"[\w.*+\-]+")
_OPERATOR = re.compile(r"!=|<=|>=|=|<|>")

TestText = Callable[[str], bool]


def number_of(text: str) -> Decimal | None:
    """The number that a text is; None where it is none."""
    return Decimal(text) if len(text) <= limits.LOGS_NUMBER_CHARS_MAX and _NUMBER.fullmatch(text) else None


class Scanner:
    """Goes through a pattern from left to right. Raises InvalidParameterException for what cannot be read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._regex_count = 0

    @property
    def is_at_end(self) -> bool:
        return self._at >= len(self._text)

    def skip_spaces(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def peek(self, count: int = 1) -> str:
        return self._text[self._at : self._at + count]

    def take(self, wanted: str) -> bool:
        """Whether it goes on with this; if so, it is read."""
        if self._text.startswith(wanted, self._at):
            self._at += len(wanted)
            return True
        return False

    def take_word(self, word: str) -> bool:
        """The same for a keyword in any case, and spaces before it."""
        self.skip_spaces()
        end = self._at + len(word)
        if self._text[self._at : end].upper() != word or self._text[end : end + 1].isalnum():
            return False
        self._at = end
        return True

    def match(self, pattern: re.Pattern[str]) -> str:
        """What matches here, read; "" where nothing does."""
        hit = pattern.match(self._text, self._at)
        if hit is None:
            return ""
        self._at = hit.end()
        return hit[0]

    def operator(self) -> str:
        self.skip_spaces()
        found = self.match(_OPERATOR)
        if not found:
            raise self.invalid()
        return found

    def quoted(self) -> str:
        r"""The text between the quotation marks that begin here; `\"` and `\\` stand for the characters themselves."""
        opening = self._text[self._at]
        start = self._at
        self._at += 1
        found: list[str] = []
        while self._at < len(self._text):
            char = self._text[self._at]
            self._at += 1
            if char == opening:
                return "".join(found)
            if char == "\\" and self.peek() in (opening, "\\"):
                char = self.peek()
                self._at += 1
            found.append(char)
        raise InvalidParameterException(f"Unclosed quote in term '{self._text[start:]}'")

    def regex(self) -> Regex:
        """The expression between the percent signs that begin here."""
        end = self._at + 1
        while end < len(self._text) and self._text[end] != "%":
            end += 2 if self._text[end] == "\\" else 1
        source = self._text[self._at + 1 : end]
        if end >= len(self._text):
            raise InvalidParameterException(f"Invalid character(s) in term '%{source}'")
        self._at = end + 1
        self._regex_count += 1
        if self._regex_count > limits.LOGS_PATTERN_REGEXES_MAX:
            raise InvalidParameterException(
                f"A filter pattern can have at most {limits.LOGS_PATTERN_REGEXES_MAX} regular expressions"
            )
        try:
            return compile_regex(source)
        except BadRegex as fault:
            raise InvalidParameterException(f"Invalid character(s) in term '%{source}%': {fault}") from fault

    def bare_value(self) -> str:
        """A value without quotation marks: letters, digits, and what numbers and wildcards need besides."""
        found = self.match(_BARE_VALUE)
        if not found:
            raise self.invalid()
        return found

    def invalid(self) -> InvalidParameterException:
        """The complaint about what stands here."""
        odd = re.match(r"[^\w\s]*", self._text[self._at :])
        return InvalidParameterException(f"Invalid character(s) in term '{odd[0] if odd else ''}'")


def wildcard_test(wanted: str) -> TestText:
    """Whether a text is the wanted one. A `*` at either end stands for anything; elsewhere it is itself."""
    if wanted == "*":
        return lambda text: True
    core = wanted.removeprefix("*").removesuffix("*") if wanted else ""
    if len(wanted) > 1 and wanted.startswith("*") and wanted.endswith("*"):
        return lambda text: core in text
    if wanted.startswith("*"):
        return lambda text: text.endswith(core)
    if wanted.endswith("*"):
        return lambda text: text.startswith(core)
    return lambda text: text == wanted


_COMPARISONS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def value_test(scanner: Scanner, operator: str) -> Callable[[str, bool], bool]:
    """Reads the value after an operator. The test wants a text, and whether that text is a number in its log."""
    scanner.skip_spaces()
    char = scanner.peek()
    if operator not in ("=", "!=") and char in ('"', "%"):
        raise InvalidParameterException(f"Invalid character(s) in term '{char}'")
    if char == '"':
        return _text_test(wildcard_test(scanner.quoted()), operator)
    if char == "%":
        return _text_test(scanner.regex().search, operator)
    return _bare_test(scanner.bare_value(), operator)


def _text_test(test: TestText, operator: str) -> Callable[[str, bool], bool]:
    if operator == "=":
        return lambda text, is_number: test(text)
    return lambda text, is_number: not test(text)


def _bare_test(wanted: str, operator: str) -> Callable[[str, bool], bool]:
    number = number_of(wanted)
    compare = _COMPARISONS[operator]
    is_equality = operator in ("=", "!=")
    if number is None and not is_equality:
        raise InvalidParameterException(f"Invalid character(s) in term '{wanted}'")
    as_text = _text_test(wildcard_test(wanted), operator)
    if number is None:
        return as_text
    wanted_number = number

    def test(text: str, is_number: bool) -> bool:
        value = number_of(text) if is_number else None
        if value is not None:
            return compare(value, wanted_number)
        return is_equality and as_text(text, is_number)

    return test
