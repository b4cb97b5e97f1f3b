"""Updates: an item after SET, REMOVE, ADD and DELETE. Whatever they read is of the item before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.expressions import arithmetic, parser
from wakeful.services.dynamodb.expressions.bound import Path, Substitutes
from wakeful.services.dynamodb.expressions.compiling import Compiled, Compiler, Impossible, Needs, Others, Read, Values
from wakeful.services.dynamodb.expressions.kept import Names, kept
from wakeful.services.dynamodb.expressions.tokens import refused
from wakeful.services.dynamodb.expressions.tree import (
    Action,
    Attribute,
    Call,
    Operand,
    Placeholder,
    Section,
    Sum,
)
from wakeful.services.dynamodb.values import Item, Value, kind

_CALLED = "UpdateExpression"
_ALLOWED = frozenset(("if_not_exists", "list_append"))
_NUMBER = frozenset("N")
_LIST = frozenset("L")


@dataclass(frozen=True, slots=True)
class Step:
    """What happens at a path: it is set to what is read of the item, or becomes what is made of what was there.
    `takes_away` is true of REMOVE and DELETE, `copies` of SET to anything but a value of the request.
    """

    path: Path
    takes_away: bool
    read: Read | None
    become: Callable[[Value | None, Values], Value | None] | None = None
    copies: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """An update whose names are known. `read` are the paths that it looks at."""

    needs: Needs
    steps: tuple[Step, ...]
    read: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class BoundUpdate:
    steps: tuple[Step, ...]
    values: Values
    read: tuple[Path, ...]
    """What it looks at."""

    def apply(self, item: Item) -> Item:
        return _changed(item, self.steps, self.values)

    def of_nothing(self, key: Item) -> Item | None:
        """What takes away finds nothing there, wherever its path would lead."""
        steps = tuple(step for step in self.steps if not step.takes_away)
        return _changed(key, steps, self.values) if steps else None

    def paths(self) -> tuple[Path, ...]:
        return tuple(step.path for step in self.steps)

    def copied(self) -> frozenset[str]:
        return frozenset(str(step.path[0]) for step in self.steps if step.copies)


def bound(text: str, substitutes: Substitutes) -> BoundUpdate:
    """Raises ValidationException."""
    program = compiled(text, _CALLED, substitutes.names_as_key)
    substitutes.meet(program.needs)
    return BoundUpdate(program.steps, substitutes.values, program.read)


@kept
def compiled(text: str, called: str, names: Names) -> Program:
    sections = parser.update(text)
    compiler = Compiler(called, text, dict(names))
    steps: list[Step] = []
    try:
        _check_form(compiler, sections)
        actions = [action for section in reversed(sections) for action in reversed(section.actions)]
        others = Others()
        paths: list[Path] = []
        for action in actions:  # in this order AWS finds what is wrong
            paths.append(compiler.path(action.target))
            compiler.check_apart(paths[-1], others)
        for action, path in zip(actions, paths, strict=True):
            steps.append(_step(compiler, action, path))
        compiler.count_operators()
    except Impossible:
        pass  # the last check says why
    return Program(compiler.needs(), tuple(reversed(steps)), tuple(compiler.read))


def _check_form(compiler: Compiler, sections: tuple[Section, ...]) -> None:
    seen: set[str] = set()
    for section in sections:
        for action in section.actions:
            compiler.check_path(action.target)
            if action.value is not None:
                _check_value(compiler, action.value)
        if section.name in seen:
            compiler.refuse(f'The "{section.name}" section can only be used once in an update expression;')
        seen.add(section.name)


def _check_value(compiler: Compiler, value: Operand | Sum) -> None:
    waiting: list[tuple[Operand, bool]] = []  # and whether it is all that an attribute is set to
    if isinstance(value, Sum):
        waiting += [(value.right, False), (value.left, False)]
    else:
        waiting.append((value, True))
    while waiting:
        node, is_whole = waiting.pop()
        if isinstance(node, Attribute):
            compiler.check_path(node)
        elif isinstance(node, Call):
            is_here = is_whole or node.function != "list_append"
            compiler.check_function(node, allowed=_ALLOWED, kind_of="an update", is_here=is_here)
            waiting.extend((each, False) for each in reversed(node.operands))


# --- what one action does ---------------------------------------------------------------------------------------------


def _step(compiler: Compiler, action: Action, path: Path) -> Step:
    if action.value is None:
        return Step(path, True, None, lambda before, values: None)
    if action.section == "SET":
        read = _value(compiler, action.value)
        copies = not isinstance(action.value, Placeholder)
        return Step(path, False, lambda item, values: _required(read(item, values)), copies=copies)
    assert isinstance(action.value, Placeholder)  # the grammar has nothing else there
    name = compiler.value(action.value).placeholder
    assert name is not None
    compiler.checks.append(_check_operand(action.section, name))
    change = _added if action.section == "ADD" else _deleted
    return Step(path, action.section == "DELETE", None, lambda before, values: change(before, values[name]))


def _check_operand(section: str, name: str) -> Callable[[Values], None]:
    types = arithmetic.ADDED if section == "ADD" else arithmetic.SETS

    def check(values: Values) -> None:
        if (found := kind(values[name])) not in types:
            raise refused(
                _CALLED,
                f"Incorrect operand type for operator or function; operator: {section},"
                f" operand type: {arithmetic.TYPE_WORDS[found]}, typeSet: ALLOWED_FOR_{section}_OPERAND",
            )

    return check


def _value(compiler: Compiler, value: Operand | Sum) -> Read:
    if not isinstance(value, Sum):
        return _operand(compiler, value).read
    left, right = _operand(compiler, value.left), _operand(compiler, value.right)
    compiler.operators += 1
    for each in (left, right):
        compiler.check_type(value.operator, each, _NUMBER)
    combine = arithmetic.plus if value.operator == "+" else arithmetic.minus

    def number(read: Read, item: Item, values: Values) -> str:
        found = _required(read(item, values))
        if "N" not in found:
            raise wrong_operand()
        return str(found["N"])

    def total(item: Item, values: Values) -> Value:
        return {"N": combine(number(left.read, item, values), number(right.read, item, values))}

    return total


def _operand(compiler: Compiler, operand: Operand) -> Compiled:
    if isinstance(operand, Attribute):
        return compiler.attribute(operand)
    if isinstance(operand, Placeholder):
        return compiler.value(operand)
    operands = tuple(_operand(compiler, each) for each in operand.operands)
    compiler.check_count(operand)
    one, other = (each.read for each in operands)
    if operand.function == "if_not_exists":
        compiler.check_is_path("if_not_exists", operands[0])
        compiler.check_distinct("if_not_exists", operands)

        def first(item: Item, values: Values) -> Value:
            found, otherwise = one(item, values), _required(other(item, values))  # which must be there in any case
            return found if found is not None else otherwise

        return Compiled(first)
    for each in operands:
        compiler.check_type("list_append", each, _LIST)

    def together(item: Item, values: Values) -> Value:
        begin, end = _required(one(item, values)), _required(other(item, values))
        if "L" not in begin or "L" not in end:
            raise wrong_operand()
        return {"L": [*begin["L"], *end["L"]]}

    return Compiled(together)


def _required(value: Value | None) -> Value:
    if value is None:
        raise ValidationException("The provided expression refers to an attribute that does not exist in the item")
    return value


def wrong_operand() -> ValidationException:
    return ValidationException("An operand in the update expression has an incorrect data type")


def _added(before: Value | None, value: Value) -> Value:
    after = arithmetic.added(before, value)
    if after is None:
        raise wrong_operand()
    return after


def _deleted(before: Value | None, value: Value) -> Value | None:
    if before is None:
        return None
    if kind(before) != kind(value):
        raise wrong_operand()
    return arithmetic.without(before, value)


# --- the item after all of them ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Lists:
    """What happens to lists when everything else has: places are those of the list before."""

    ends: list[tuple[list[Value], int, Value]] = field(default_factory=list)
    gone: list[tuple[list[Value], int]] = field(default_factory=list)

    def finish(self) -> None:
        for held, _, value in sorted(self.ends, key=lambda each: each[1]):
            held.append(value)
        for held, place in sorted(self.gone, key=lambda each: each[1], reverse=True):
            del held[place]


def _changed(item: Item, steps: tuple[Step, ...], values: Values) -> Item:
    after = dict(item)
    copied: set[int] = set()  # containers that are this update's own
    lists = _Lists()
    for step in steps:
        *way, last = step.path
        holder: Any = _holder(after, way, copied) if way else after
        before = _held(holder, last)
        if step.read is not None:
            value: Value | None = step.read(item, values)
        else:
            assert step.become is not None
            value = step.become(before, values)
        if isinstance(holder, dict):
            if value is not None:
                holder[last] = value
            else:
                holder.pop(last, None)
        else:
            assert isinstance(last, int)
            _put_in_list(holder, last, value, lists)
    lists.finish()
    return after


def _put_in_list(holder: list[Value], place: int, value: Value | None, lists: _Lists) -> None:
    if place < len(holder):
        if value is not None:
            holder[place] = value
        else:
            lists.gone.append((holder, place))
    elif value is not None:
        lists.ends.append((holder, place, value))


def _held(holder: Any, last: str | int) -> Value | None:
    if isinstance(holder, dict) and isinstance(last, str):
        return holder.get(last)
    if isinstance(holder, list) and isinstance(last, int):
        return holder[last] if last < len(holder) else None
    raise _no_way()


def _holder(after: Item, way: list[str | int], copied: set[int]) -> Any:
    """The map or list at the end of the way; all that it goes through are copies, so that the item before stays."""
    holder: Any = after
    for part in way:
        value = _held(holder, part)
        if value is None:
            raise _no_way()
        [(what, held)] = value.items()
        if what not in ("M", "L"):
            raise _no_way()
        if id(held) not in copied:
            held = dict(held) if what == "M" else list(held)
            copied.add(id(held))
            holder[part] = {what: held}
        holder = held
    return holder


def _no_way() -> ValidationException:
    return ValidationException("The document path provided in the update expression is invalid for update")
