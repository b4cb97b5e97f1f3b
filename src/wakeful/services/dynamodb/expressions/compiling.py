"""From a tree to what can be evaluated, once for a text and its names: everything that needs no value is decided here.

What AWS refuses, it refuses in a certain order. So compiling makes a list of checks, in that order: most are asked
with a request's values; a mistake that needs no value to be seen is the last of the list, and ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from wakeful import limits
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.expressions import documents, reserved
from wakeful.services.dynamodb.expressions.bound import Path
from wakeful.services.dynamodb.expressions.parser import too_many_operators
from wakeful.services.dynamodb.expressions.tokens import refused
from wakeful.services.dynamodb.expressions.tree import Attribute, Call, Placeholder
from wakeful.services.dynamodb.values import Item, Value, kind

Values: TypeAlias = Mapping[str, Value]
Check: TypeAlias = Callable[[Values], None]
Read: TypeAlias = Callable[[Item, Values], "Value | None"]

CONDITIONS = {"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2, "contains": 2}
"""Functions that are conditions, and how many operands each has."""

FUNCTIONS = {**CONDITIONS, "size": 1, "if_not_exists": 2, "list_append": 2}


@dataclass(frozen=True, slots=True)
class Compiled:
    """An operand. It has a path, or stands for a value of the request, or is what a function makes (of a type that is
    known, perhaps).
    """

    read: Read
    path: Path | None = None
    placeholder: str | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """What a compiled expression asks of a request, whatever else it is."""

    called: str
    checks: tuple[Check, ...]
    names: frozenset[str]
    """Placeholders that it uses, of names and of values."""

    bytes: int
    """Of its text and, wherever they stand in it, its names; `values` are the placeholders that add theirs."""

    values: tuple[str, ...]


class Impossible(Exception):
    """A check was added that nothing passes: there is no need to go on."""


class Compiler:
    """Of one expression."""

    def __init__(self, called: str, text: str, names: Mapping[str, str]) -> None:
        self.called = called
        self.checks: list[Check] = []
        self.used: set[str] = set()
        self.operators = 0
        self.read: list[Path] = []  # by the operands
        self._names = names
        self._bytes = len(text.encode(errors="surrogatepass"))
        self._values: list[str] = []

    def needs(self) -> Needs:
        return Needs(self.called, tuple(self.checks), frozenset(self.used), self._bytes, tuple(self._values))

    def refuse(self, why: str) -> None:
        """From here on nothing passes."""
        error = str(refused(self.called, why))

        def fail(values: Values) -> None:
            raise ValidationException(error)

        self.checks.append(fail)
        raise Impossible

    def count_operators(self) -> None:
        """Asked last."""
        if self.operators > limits.DYNAMODB_EXPRESSION_OPERATORS_MAX:
            self.refuse(too_many_operators())

    # --- before any placeholder is looked at --------------------------------------------------------------------------

    def check_path(self, attribute: Attribute) -> None:
        for part in attribute.parts:
            if isinstance(part, int):
                if part > limits.DYNAMODB_PATH_INDEX_MAX:
                    self.refuse(f"List index is not within the allowable range; index: [{part}]")
            elif part.upper() in reserved.WORDS:
                self.refuse(f"Attribute name is a reserved keyword; reserved keyword: {part}")

    def check_function(self, call: Call, *, allowed: frozenset[str], kind_of: str, is_here: bool) -> None:
        """`allowed` are those of this kind of expression, `is_here` whether it is one for this place."""
        if call.function not in FUNCTIONS:
            self.refuse(f"Invalid function name; function: {call.function}")
        if call.function not in allowed:
            self.refuse(f"The function is not allowed in {kind_of} expression; function: {call.function}")
        if not is_here:
            self.refuse(f"The function is not allowed to be used this way in an expression; function: {call.function}")

    # --- operands -----------------------------------------------------------------------------------------------------

    def path(self, attribute: Attribute) -> Path:
        parts = attribute.parts
        if len(parts) > limits.DYNAMODB_PATH_PARTS_MAX:
            self.refuse(f"The document path has too many nesting levels; nesting levels: {len(parts)}")
        return tuple(self._named(part) if isinstance(part, str) and part[0] in "#:" else part for part in parts)

    def attribute(self, attribute: Attribute) -> Compiled:
        path = self.path(attribute)
        self.read.append(path)
        if len(path) == 1:
            name = path[0]
            assert isinstance(name, str)
            return Compiled(lambda item, values: item.get(name), path)
        return Compiled(lambda item, values: documents.found(item, path), path)

    def value(self, placeholder: Placeholder) -> Compiled:
        name = placeholder.name
        self.used.add(name)
        self._values.append(name)
        undefined = f"An expression attribute value used in expression is not defined; attribute value: {name}"

        def check(values: Values) -> None:
            if name not in values:
                raise refused(self.called, undefined)

        self.checks.append(check)
        return Compiled(lambda item, values: values[name], placeholder=name)

    def _named(self, placeholder: str) -> str:
        self.used.add(placeholder)
        if placeholder not in self._names:
            self.refuse(
                f"An expression attribute name used in the document path is not defined; attribute name: {placeholder}"
            )
        self._bytes += len(self._names[placeholder].encode())
        return self._names[placeholder]

    # --- what operands may be -----------------------------------------------------------------------------------------

    def check_count(self, call: Call) -> None:
        self.operators += 1
        if len(call.operands) != FUNCTIONS[call.function]:
            self.refuse(
                "Incorrect number of operands for operator or function;"
                f" operator or function: {call.function}, number of operands: {len(call.operands)}"
            )

    def check_is_path(self, function: str, operand: Compiled) -> None:
        if operand.path is None:
            self.refuse(f"Operator or function requires a document path; operator or function: {function}")

    def check_distinct(self, what: str, operands: tuple[Compiled, ...]) -> None:
        first = operands[0].path
        if first is not None and any(each.path == first for each in operands[1:]):
            self.refuse(
                "The first operand must be distinct from the remaining operands for this operator or function;"
                f" operator: {what}, first operand: {shown(first)}"
            )

    def check_type(self, what: str, operand: Compiled, types: frozenset[str]) -> None:
        """Of what is known of it: an attribute may be anything, until there is an item."""

        def text(found: str) -> str:
            return (
                f"Incorrect operand type for operator or function; operator or function: {what}, operand type: {found}"
            )

        if operand.type is not None and operand.type not in types:
            self.refuse(text(operand.type))
        if (name := operand.placeholder) is not None:

            def check(values: Values) -> None:
                if (found := kind(values[name])) not in types:
                    raise refused(self.called, text(found))

            self.checks.append(check)

    def check_apart(self, path: Path, others: Others) -> None:
        """It neither leads into what another one names, nor takes for a list what another takes for a map."""
        if (clash := others.add(path)) is not None:
            wrong, other = clash
            self.refuse(
                f"Two document paths {wrong} with each other; must remove or rewrite one of these paths;"
                f" path one: {shown(path)}, path two: {shown(other)}"
            )


class Others:
    """Paths that go apart from each other, as a tree."""

    def __init__(self) -> None:
        self._below: dict[str | int, Others] = {}
        self._path: Path = ()
        self._is_whole = False

    def add(self, path: Path) -> tuple[str, Path] | None:
        """One more. Says what is wrong, and with which other path, where it does not go apart from all."""
        here = self
        for part in path:
            if here._is_whole:
                return "overlap", here._path
            if here._below and isinstance(next(iter(here._below)), int) != isinstance(part, int):
                return "conflict", here._path
            here._path = path
            here = here._below.setdefault(part, Others())
        if here._is_whole or here._below:
            return "overlap", here._path
        here._is_whole, here._path = True, path
        return None


def shown(path: Path) -> str:
    return "[" + ", ".join(f"[{part}]" if isinstance(part, int) else part for part in path) + "]"
