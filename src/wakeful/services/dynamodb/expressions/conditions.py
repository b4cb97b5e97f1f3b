"""Conditions and filters: what is true of an item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from wakeful import limits
from wakeful.services.dynamodb.expressions import comparing, parser
from wakeful.services.dynamodb.expressions.bound import Path, Substitutes
from wakeful.services.dynamodb.expressions.compiling import (
    CONDITIONS,
    Compiled,
    Compiler,
    Impossible,
    Needs,
    Values,
)
from wakeful.services.dynamodb.expressions.kept import Names, kept
from wakeful.services.dynamodb.expressions.tokens import refused
from wakeful.services.dynamodb.expressions.tree import (
    Attribute,
    Both,
    Call,
    Comparison,
    Condition,
    Not,
    Operand,
    Placeholder,
)
from wakeful.services.dynamodb.values import TYPES, Item, Value, kind

Test: TypeAlias = Callable[[Item, Values], bool]

_ALLOWED = frozenset((*CONDITIONS, "size"))
_ORDERED = frozenset(comparing.ORDERED)
_TEXTS = frozenset(("S", "B"))
_TYPE_NAMES = "{N,BS,L,B,NULL,M,S,SS,NS,BOOL}"  # in AWS's own order
_ANY_TYPE = "{L,M,INT,N,BOOL,FLOAT,BS,DICT,B,HD,DOUBLE,INTSET,DECIMAL,DOUBLESET,DECIMALSET,NULL,S,SS,FS,HDS,NS}"


@dataclass(frozen=True, slots=True)
class Program:
    """A condition whose names are known. It holds, or not, of an item and a request's values."""

    needs: Needs
    test: Test
    paths: tuple[Path, ...]
    tree: Condition


@dataclass(frozen=True, slots=True)
class BoundCondition:
    """The same, with a request's values."""

    program: Program
    values: Values

    def holds(self, item: Item | None) -> bool:
        return self.program.test(item if item is not None else {}, self.values)

    def attributes(self) -> frozenset[str]:
        return frozenset(path[0] for path in self.program.paths if isinstance(path[0], str))

    def paths(self) -> tuple[Path, ...]:
        return self.program.paths


def bound(text: str, substitutes: Substitutes, called: str) -> BoundCondition:
    """Raises ValidationException: `Invalid {called}: …`."""
    program = compiled(text, called, substitutes.names_as_key)
    substitutes.meet(program.needs)
    return BoundCondition(program, substitutes.values)


@kept
def compiled(text: str, called: str, names: Names) -> Program:
    """The text's program; its checks say what is wrong with it. Raises ValidationException where it cannot be read."""
    tree = parser.condition(text, called)
    compiler = Compiler(called, text, dict(names))
    test: Test = _never
    try:
        _check_form(compiler, tree)
        test = _Conditions(compiler).test(tree)
        compiler.count_operators()
    except Impossible:
        pass  # the last check says why
    return Program(compiler.needs(), test, tuple(compiler.read), tree)


def _never(item: Item, values: Values) -> bool:
    return False


def _check_form(compiler: Compiler, tree: Condition) -> None:
    """What can be seen without names: reserved words, functions in their places."""
    # With each, whether it stands where a condition does, and within how many others.
    waiting: list[tuple[Condition | Operand, bool, int]] = [(tree, True, 0)]
    while waiting:
        node, is_condition, level = waiting.pop()
        if level > limits.DYNAMODB_CONDITION_LEVELS_MAX:
            compiler.refuse(parser.too_many_operators())
        if isinstance(node, Attribute):
            compiler.check_path(node)
        elif isinstance(node, Call):
            is_here = (node.function in CONDITIONS) == is_condition
            compiler.check_function(node, allowed=_ALLOWED, kind_of="a condition", is_here=is_here)
            waiting.extend((each, False, level + 1) for each in reversed(node.operands))
        elif isinstance(node, Comparison):
            waiting.extend((each, False, level) for each in reversed(node.operands))
        elif isinstance(node, Both):
            is_chain = isinstance(node.left, Both) and node.left.operator == node.operator
            waiting += [(node.right, True, level + 1), (node.left, True, level if is_chain else level + 1)]
        elif isinstance(node, Not):
            waiting.append((node.inner, True, level if isinstance(node.inner, Not) else level + 1))


class _Conditions:
    """Makes tests of a tree's parts, from the left to the right."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler

    def test(self, tree: Condition) -> Test:
        if isinstance(tree, Both):
            return self._both(tree)
        if isinstance(tree, Not):
            return self._not(tree)
        if isinstance(tree, Comparison):
            return self._comparison(tree)
        return self._function(tree)

    def _both(self, tree: Both) -> Test:
        """A chain of the same operator is one test: it is as deep as its text has parentheses."""
        chain: list[Condition] = []
        left: Condition = tree
        while isinstance(left, Both) and left.operator == tree.operator:
            chain.append(left.right)
            left = left.left
        tests = tuple(self.test(each) for each in (left, *reversed(chain)))
        self._compiler.operators += len(chain)
        if len(tests) == 2:
            one, other = tests
            if tree.operator == "AND":
                return lambda item, values: one(item, values) and other(item, values)
            return lambda item, values: one(item, values) or other(item, values)
        if tree.operator == "AND":
            return lambda item, values: all(test(item, values) for test in tests)
        return lambda item, values: any(test(item, values) for test in tests)

    def _not(self, tree: Not) -> Test:
        inner: Condition = tree
        is_negative = False
        while isinstance(inner, Not):
            self._compiler.operators += 1
            is_negative = not is_negative
            inner = inner.inner
        test = self.test(inner)
        return (lambda item, values: not test(item, values)) if is_negative else test

    # --- comparisons --------------------------------------------------------------------------------------------------

    def _comparison(self, tree: Comparison) -> Test:
        what = tree.operator
        operands = tuple(self._operand(each) for each in tree.operands)
        self._compiler.operators += 1
        if what == "IN" and len(operands) > limits.DYNAMODB_IN_OPERANDS_MAX + 1:
            self._compiler.refuse(
                f"The IN operator is provided with too many operands; number of operands: {len(operands) - 1}"
            )
        if what == "BETWEEN":
            for each in operands:
                self._compiler.check_type(what, each, _ORDERED)
        self._compiler.check_distinct(what, operands)
        if what == "IN":
            return _among(operands)
        if what == "BETWEEN":
            return self._between(operands)
        if what not in ("=", "<>"):
            for each in operands:
                self._compiler.check_type(what, each, _ORDERED)
        return _compared(what, *operands)

    def _between(self, operands: tuple[Compiled, ...]) -> Test:
        value, low, high = (each.read for each in operands)
        lower, upper = operands[1].placeholder, operands[2].placeholder
        if lower is not None and upper is not None:
            called = self._compiler.called
            self._compiler.checks.append(lambda values: check_bounds(called, values[lower], values[upper]))
        return lambda item, values: comparing.between(value(item, values), low(item, values), high(item, values))

    # --- functions ----------------------------------------------------------------------------------------------------

    def _operand(self, operand: Operand) -> Compiled:
        if isinstance(operand, Attribute):
            return self._compiler.attribute(operand)
        if isinstance(operand, Placeholder):
            return self._compiler.value(operand)
        return self._size(operand)

    def _operands(self, call: Call) -> tuple[Compiled, ...]:
        operands = tuple(self._operand(each) for each in call.operands)
        self._compiler.check_count(call)
        return operands

    def _size(self, call: Call) -> Compiled:
        (operand,) = self._operands(call)
        self._compiler.check_type("size", operand, comparing.SIZED)
        read = operand.read
        return Compiled(lambda item, values: comparing.size(read(item, values)), type="N")

    def _function(self, call: Call) -> Test:
        operands = self._operands(call)
        if call.function == "attribute_exists":
            read = self._path_alone(call, operands)
            return lambda item, values: read(item, values) is not None
        if call.function == "attribute_not_exists":
            read = self._path_alone(call, operands)
            return lambda item, values: read(item, values) is None
        self._compiler.check_distinct(call.function, operands)
        if call.function == "attribute_type":
            return self._attribute_type(operands)
        one, other = (each.read for each in operands)
        if call.function == "begins_with":
            for each in operands:
                self._compiler.check_type("begins_with", each, _TEXTS)
            return lambda item, values: comparing.begins_with(one(item, values), other(item, values))
        return lambda item, values: comparing.contains(one(item, values), other(item, values))

    def _path_alone(self, call: Call, operands: tuple[Compiled, ...]) -> Callable[[Item, Values], Value | None]:
        self._compiler.check_is_path(call.function, operands[0])
        return operands[0].read

    def _attribute_type(self, operands: tuple[Compiled, ...]) -> Test:
        called, (tested, wanted) = self._compiler.called, operands
        if wanted.path is not None:
            self._compiler.refuse(
                "Incorrect operand type for operator or function;"
                f" operator or function: attribute_type, operand type: {_ANY_TYPE}"
            )
        self._compiler.check_type("attribute_type", wanted, frozenset("S"))
        name = wanted.placeholder
        assert name is not None  # what a function makes was refused

        def check(values: Values) -> None:
            if (given := values[name]["S"]) not in TYPES:
                raise refused(called, f"Invalid attribute type name found; type: {given}, valid types: {_TYPE_NAMES}")

        self._compiler.checks.append(check)
        read = tested.read

        def test(item: Item, values: Values) -> bool:
            value = read(item, values)
            return value is not None and kind(value) == values[name]["S"]

        return test


def check_bounds(called: str, low: Value, high: Value) -> None:
    """Of BETWEEN, both of types that have an order."""
    bounds = f"lower bound operand: AttributeValue: {_shown(low)}, upper bound operand: AttributeValue: {_shown(high)}"
    if kind(low) != kind(high):
        raise refused(called, f"The BETWEEN operator requires same data type for lower and upper bounds; {bounds}")
    if not comparing.at_most(low, high):
        raise refused(
            called, f"The BETWEEN operator requires upper bound to be greater than or equal to lower bound; {bounds}"
        )


def _shown(value: Value) -> str:
    [(what, held)] = value.items()
    return f"{{{what}:{held}}}"


def _compared(what: str, left: Compiled, right: Compiled) -> Test:
    compare, one, other = comparing.COMPARATORS[what], left.read, right.read
    return lambda item, values: compare(one(item, values), other(item, values))


def _among(operands: tuple[Compiled, ...]) -> Test:
    value, others = operands[0].read, tuple(each.read for each in operands[1:])
    return lambda item, values: comparing.among(value(item, values), [other(item, values) for other in others])
