"""Reads the text of an event pattern: what it asks of which field, and what is wrong with it in AWS's words.

EventBridge, Lambda's event filters and SNS's filter policies share the grammar ("Event patterns", "Or matching",
"Amazon SNS subscription filter policies"); a dialect says which operators each of them knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from wakeful import limits
from wakeful.fabric import pattern_tests as tests
from wakeful.fabric.json_tokens import LITERAL, NAME, NUMBER, STRING, JsonFault, JsonTokens
from wakeful.fabric.pattern_tests import Test, Wanted

Alternative = dict[str, Wanted]
"""One way to match: dotted field names and what is wanted of each. All of them have to be met."""

_OR = "$or"
_OPERATORS = frozenset(
    ("exactly", "prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "exists", "cidr")
)
_COMPARISONS = frozenset(("=", "<", "<=", ">", ">="))
_OPERATORS_TO_COME = frozenset(
    ("html", "regex", "not-wildcard", "not-equals-ignore-case", "date-after", "date-on-or-after", "date-before")
) | frozenset(("date-on-or-before", "in-date-range", "ip-address-in-range", "ip-address-not-in-range"))
_RESERVED_IN_OR = _OPERATORS | _COMPARISONS | _OPERATORS_TO_COME


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one service understands of the grammar."""

    operators: frozenset[str]
    negatable: frozenset[str]  # operators that may stand inside `anything-but`
    has_lists_of_negated: bool
    has_affixes_in_any_case: bool
    negated_affix_fault: str
    number_max: int
    decimals_max: int


EVENTBRIDGE = Dialect(
    operators=_OPERATORS,
    negatable=frozenset(("prefix", "suffix", "equals-ignore-case", "wildcard")),
    has_lists_of_negated=True,
    has_affixes_in_any_case=True,
    negated_affix_fault="prefix/suffix match pattern must be a string",
    number_max=limits.EVENT_PATTERN_NUMBER_MAX,
    decimals_max=limits.EVENT_PATTERN_DECIMALS_MAX,
)
SNS = Dialect(
    operators=_OPERATORS - {"wildcard"},
    negatable=frozenset(("prefix",)),
    has_lists_of_negated=False,
    has_affixes_in_any_case=False,
    negated_affix_fault="prefix match pattern must be a string",
    number_max=limits.FILTER_POLICY_NUMBER_MAX,
    decimals_max=limits.FILTER_POLICY_DECIMALS_MAX,
)


class PatternFault(ValueError):
    """What is wrong with a pattern, in AWS's words, with the place where it shows."""


def read_pattern(text: str, dialect: Dialect) -> list[Alternative]:
    """The ways to match the pattern. Raises PatternFault."""
    try:
        return _Reader(text, dialect, has_or=True).pattern()
    except _TooManyCombinations as fault:
        raise PatternFault(str(fault)) from None
    except ValueError as fault:
        if _OR not in text:
            raise PatternFault(str(fault)) from None
    # AWS then reads `$or` as the name of a field, as it was before it became an operator; what is reported is what
    # that second reading finds.
    try:
        return _Reader(text, dialect, has_or=False).pattern()
    except ValueError as fault:
        raise PatternFault(str(fault)) from None


class _TooManyCombinations(ValueError):
    pass


class _Reader:
    """One reading of one text."""

    def __init__(self, text: str, dialect: Dialect, *, has_or: bool) -> None:
        self._tokens = JsonTokens(text)
        self._dialect = dialect
        self._has_or = has_or
        self._readers: dict[str, Callable[[Wanted], Test]] = {
            "exactly": self._exactly,
            "prefix": lambda wanted: self._affix("prefix", tests.starts, tests.starts_in_any_case),
            "suffix": lambda wanted: self._affix("suffix", tests.ends, tests.ends_in_any_case),
            "equals-ignore-case": self._equals_ignore_case,
            "wildcard": self._wildcard,
            "anything-but": self._anything_but,
            "numeric": self._numeric,
            "cidr": self._cidr,
        }

    def pattern(self) -> list[Alternative]:
        if self._tokens.next() != "{":
            self._fail("Filter is not an object")
        alternatives: list[Alternative] = []
        self._object(alternatives, "", is_inside_or=False, depth=1)
        self._tokens.finish()
        return alternatives

    def _fail(self, reason: str) -> NoReturn:
        raise self._tokens.fault(reason)

    # --- the structure ------------------------------------------------------------------------------------------------

    def _object(self, alternatives: list[Alternative], prefix: str, *, is_inside_or: bool, depth: int) -> None:
        """Adds what the object asks for to each of the alternatives, in place."""
        if depth > limits.EVENT_PATTERN_DEPTH_MAX:
            self._fail(f"Objects are nested deeper than {limits.EVENT_PATTERN_DEPTH_MAX} levels")
        is_empty = True
        while self._tokens.next() == NAME:
            is_empty = False
            name: str = self._tokens.value
            if name == _OR and self._has_or:
                self._either(alternatives, prefix, depth)
                continue
            if is_inside_or and name in _RESERVED_IN_OR:
                self._fail(f"{name} is Ruler reserved fieldName which cannot be used inside {_OR}.")
            match self._tokens.next():
                case "{":
                    self._object(alternatives, f"{prefix}{name}.", is_inside_or=is_inside_or, depth=depth + 1)
                case "[":
                    self._field(alternatives, prefix + name)
                case _:
                    self._fail(f'"{name}" must be an object or an array')
        if is_empty:
            self._fail("Empty objects are not allowed")

    def _either(self, alternatives: list[Alternative], prefix: str, depth: int) -> None:
        """`$or`: the alternatives so far, once for each member of the array."""
        if self._tokens.next() != "[":
            self._fail(f"It must be an Array followed with {_OR}.")
        before = [dict(one) for one in alternatives] or [{}]
        alternatives.clear()
        count = 0
        while self._tokens.next() != "]":
            if self._tokens.kind != "{":
                self._fail(f"Only JSON object is allowed in array of {_OR} relationship.")
            count += 1
            branch = [dict(one) for one in before]
            self._object(branch, prefix, is_inside_or=True, depth=depth + 1)
            alternatives.extend(branch)
            if len(alternatives) > limits.EVENT_PATTERN_COMBINATIONS_MAX:
                raise _TooManyCombinations(f"Over {limits.EVENT_PATTERN_COMBINATIONS_MAX} rule combinations")
        if count < 2:
            self._fail(f"There must have at least 2 Objects in {_OR} relationship.")

    def _field(self, alternatives: list[Alternative], name: str) -> None:
        wanted = Wanted()
        while (kind := self._tokens.next()) != "]":
            wanted.count += 1
            if kind == "{":
                self._expression(wanted)
            elif kind == STRING:
                text = self._tokens.text()
                address = tests.address_of(text)
                if address is not None:
                    wanted.addresses.add(address)
                else:
                    wanted.strings.add(text)
            elif kind == NUMBER:
                wanted.numbers.add(self._tokens.value)
            elif kind == LITERAL:
                wanted.literals.add(self._tokens.value)
            else:
                self._fail("Match value must be String, number, true, false, or null")
        if not wanted.count:
            self._fail("Empty arrays are not allowed")
        if not alternatives:
            alternatives.append({})
        for alternative in alternatives:
            alternative[name] = wanted  # the same field again replaces what was asked before

    # --- match expressions --------------------------------------------------------------------------------------------

    def _expression(self, wanted: Wanted) -> None:
        if self._tokens.next() != NAME:
            self._fail("Match expression name not found")
        name: str = self._tokens.value
        if name == "exists":
            self._exists(wanted)
        elif name in self._dialect.operators:
            wanted.tests.append(self._readers[name](wanted))
        else:
            self._fail(f"Unrecognized match type {name}")

    def _close(self, reason: str = "Only one key allowed in match expression") -> None:
        if self._tokens.next() != "}":
            self._fail(reason)

    def _string(self, reason: str) -> str:
        if self._tokens.next() != STRING:
            self._fail(reason)
        return self._tokens.text()

    def _exists(self, wanted: Wanted) -> None:
        if self._tokens.next() != LITERAL or self._tokens.value is None:
            self._fail("exists match pattern must be either true or false.")
        if self._tokens.value:
            wanted.tests.append(tests.always)
        else:
            wanted.is_absence_wanted = True
        self._close()

    def _exactly(self, wanted: Wanted) -> Test:
        text = self._string("exact match pattern must be a string")
        self._close()
        return tests.one_of_strings([text])

    def _affix(self, name: str, exactly: Callable[[str], Test], in_any_case: Callable[[str], Test]) -> Test:
        kind = self._tokens.next()
        if kind == "{" and self._dialect.has_affixes_in_any_case:
            if self._tokens.next() != NAME:
                self._fail(f"{name.capitalize()} expression name not found")
            if self._tokens.value != "equals-ignore-case":
                self._fail(f"Unsupported {name} pattern: {self._tokens.value}")
            test = in_any_case(self._string("equals-ignore-case match pattern must be a string"))
            self._close()
        elif kind == STRING:
            test = exactly(self._tokens.text())
        else:
            self._fail(f"{name} match pattern must be a string")
        self._close()
        return test

    def _equals_ignore_case(self, wanted: Wanted) -> Test:
        text = self._string("equals-ignore-case match pattern must be a string")
        self._close()
        return tests.equals_in_any_case([text])

    def _wildcard(self, wanted: Wanted) -> Test:
        text = self._string("wildcard match pattern must be a string")
        test = self._like(text, wanted)
        self._close()
        return test

    def _like(self, text: str, wanted: Wanted) -> Test:
        try:
            parts = tests.wildcard_parts(text)
        except ValueError as fault:
            self._fail(str(fault))
        wanted.wildcards.append(text)
        return tests.like(parts)

    def _cidr(self, wanted: Wanted) -> Test:
        text = self._string("prefix match pattern must be a string")
        test = tests.within_block(text)  # its faults are reported without a place
        self._close()
        return test

    # --- numbers ------------------------------------------------------------------------------------------------------

    def _numeric(self, wanted: Wanted) -> Test:
        if self._tokens.next() != "[":
            self._fail("Value of numeric must be an array.")
        test = self._range()
        self._close("Too many elements in numeric expression")
        return test

    def _range(self) -> Test:
        if self._tokens.next() != STRING:
            self._fail(f"Invalid member in numeric match: {self._tokens.text()}")
        operator = self._tokens.text()
        kind = self._tokens.next()
        if operator not in _COMPARISONS:
            self._fail(f"Unrecognized numeric range operator: {operator}")
        if kind != NUMBER:
            self._fail(f"Value of {'equals' if operator == '=' else operator} must be numeric")
        first = self._tokens.value
        most = self._dialect.number_max
        if operator in ("=", "<", "<="):
            if self._tokens.next() != "]":
                self._fail("Too many elements in numeric expression")
            self._check_number(first)
            if operator == "=":
                return tests.one_of_numbers([first])
            return self._between(-most, False, first, operator == "<")
        if self._tokens.next() == "]":
            self._check_number(first)
            return self._between(first, operator == ">", most, False)
        return self._range_end(first, is_low_open=operator == ">")

    def _range_end(self, low: float, *, is_low_open: bool) -> Test:
        if self._tokens.kind != STRING:
            self._fail(f"Bad value in numeric range: {self._tokens.text()}")
        operator = self._tokens.text()
        if operator not in ("<", "<="):
            self._fail(f"Bad numeric range operator: {operator}")
        if self._tokens.next() != NUMBER:
            self._fail(f"Value of {operator} must be numeric")
        high = self._tokens.value
        if self._tokens.next() != "]":
            self._fail("Too many terms in numeric range expression")
        self._check_number(low)
        self._check_number(high)
        if low >= high:
            self._fail("Bottom must be less than top")
        return self._between(low, is_low_open, high, operator == "<")

    def _between(self, low: float, is_low_open: bool, high: float, is_high_open: bool) -> Test:
        dialect = self._dialect
        return tests.between(
            low, is_low_open, high, is_high_open, number_max=dialect.number_max, decimals_max=dialect.decimals_max
        )

    def _check_number(self, value: float) -> None:
        most, decimals = self._dialect.number_max, self._dialect.decimals_max
        if not -most <= value <= most:
            bound = f"{float(most):.1E}".replace("E+0", "E")
            self._fail(f"Value must be between -{bound} and {bound}, inclusive")
        if round(value, decimals) != value:
            self._fail(f"Only values upto {decimals} decimals are supported")

    # --- anything-but -------------------------------------------------------------------------------------------------

    def _anything_but(self, wanted: Wanted) -> Test:
        kind = self._tokens.next()
        operator = ""
        if kind == "{":
            if self._tokens.next() != NAME:
                self._fail("Anything-But expression name not found")
            operator = self._tokens.value
            if operator not in self._dialect.negatable:
                self._fail(f"Unsupported anything-but pattern: {operator}")
            kind = self._tokens.next()
            if not self._dialect.has_lists_of_negated and kind != STRING:
                self._fail(self._fault_of_negated(operator))
        if kind not in ("[", STRING, NUMBER):
            self._fail("Value of anything-but must be an array or single string/number value.")
        values = self._negated_list(operator) if kind == "[" else [self._negated_value(operator)]
        test = self._negated(operator, values, wanted)
        self._close("Too many elements in numeric expression")
        if operator:
            self._close("Too many elements in numeric expression")
        return test

    def _negated_list(self, operator: str) -> list[Any]:
        values: list[Any] = []
        try:
            while self._tokens.next() != "]":
                values.append(self._negated_value(operator))
        except JsonFault as fault:
            # AWS reports the place of a fault within such a list twice.
            raise self._tokens.fault(str(fault)) from None
        if not operator and (not values or len({type(value) is str for value in values}) > 1):
            self._fail("Inside anything but list, either all values are number or string, mixed type is not supported")
        return values

    def _negated_value(self, operator: str) -> Any:
        kind = self._tokens.kind
        if kind == STRING:
            text = self._tokens.text()
            if operator in ("prefix", "suffix") and not text:
                self._fail("Null prefix/suffix not allowed")
            return text
        if operator:
            self._fail(self._fault_of_negated(operator))
        if kind != NUMBER:
            self._fail("Inside anything but list, start|null|boolean is not supported.")
        self._check_number(self._tokens.value)
        return self._tokens.value

    def _fault_of_negated(self, operator: str) -> str:
        if operator == "equals-ignore-case":
            return "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
        if operator == "wildcard":
            return "wildcard match pattern must be a string"
        return self._dialect.negated_affix_fault

    def _negated(self, operator: str, values: list[Any], wanted: Wanted) -> Test:
        match operator:
            case "prefix":
                found = [tests.starts(text) for text in values]
            case "suffix":
                found = [tests.ends(text) for text in values]
            case "wildcard":
                found = [self._like(text, wanted) for text in values]
            case "equals-ignore-case":
                found = [tests.equals_in_any_case(values)]
            case _:
                are_strings = type(values[0]) is str
                found = [tests.one_of_strings(values) if are_strings else tests.one_of_numbers(values)]
        return tests.none_of(tests.any_of(found)) if found else tests.always
