"""Conditions and updates against a model that is a page long: values are Python's own, expressions are trees."""

from __future__ import annotations

from base64 import b64encode
from copy import deepcopy
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.services.dynamodb.expressions.asking import KEYS
from wakeful.services.dynamodb import decimals
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.expressions import asked
from wakeful.services.dynamodb.values import Item, Value

NAMES = ("n", "s", "b", "set", "l", "m")
words = st.text("ab\u00e9", max_size=3)
numbers = st.decimals(-20, 20, places=1)
binaries = st.binary(max_size=2)
scalars = st.one_of(words, numbers, binaries, st.booleans(), st.none())
sets = st.one_of(st.frozensets(words, min_size=1, max_size=3), st.frozensets(numbers, min_size=1, max_size=3))
values = st.recursive(
    st.one_of(scalars, sets),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)),
    max_leaves=3,
)
items = st.dictionaries(st.sampled_from(NAMES), values, max_size=5)
paths = st.tuples(
    st.sampled_from(NAMES), st.lists(st.one_of(st.sampled_from(NAMES), st.integers(0, 3)), max_size=2)
).map(lambda path: (path[0], *path[1]))
operands = st.one_of(
    paths.map(lambda path: ("path", path)),
    values.map(lambda value: ("value", value)),
    paths.map(lambda path: ("size", path)),
)
comparisons = st.tuples(st.sampled_from(("=", "<>", "<", "<=", ">", ">=")), operands, operands)
conditions = st.recursive(
    st.one_of(
        comparisons,
        st.tuples(st.just("between"), operands, operands, operands),
        st.tuples(st.just("in"), operands, operands, operands),
        st.tuples(st.sampled_from(("begins_with", "contains")), operands, operands),
        st.tuples(
            st.sampled_from(("attribute_exists", "attribute_not_exists")), paths.map(lambda path: ("path", path))
        ),
    ),
    lambda inner: st.one_of(st.tuples(st.sampled_from(("and", "or")), inner, inner), st.tuples(st.just("not"), inner)),
    max_leaves=4,
)


def value_of(value: Any) -> Value:
    """As the API has it."""
    if value is None or isinstance(value, bool):
        return {"NULL": True} if value is None else {"BOOL": value}
    if isinstance(value, Decimal):
        return {"N": decimals.normalised(f"{value:f}")}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bytes):
        return {"B": b64encode(value).decode()}
    if isinstance(value, frozenset):
        kind = "SS" if isinstance(next(iter(value)), str) else "NS"
        return {kind: [next(iter(value_of(each).values())) for each in sorted(value)]}
    if isinstance(value, list):
        return {"L": [value_of(each) for each in value]}
    return {"M": {name: value_of(each) for name, each in value.items()}}


def item_of(item: dict[str, Any]) -> Item:
    return {name: value_of(value) for name, value in item.items()}


# --- the model -------------------------------------------------------------------------------------------------------

MISSING = object()


def at(item: Any, path: tuple[Any, ...]) -> Any:
    here = item
    for part in path:
        if not is_there(here, part):
            return MISSING
        here = here[part]
    return here


def is_there(holder: Any, part: str | int) -> bool:
    if isinstance(part, str):
        return isinstance(holder, dict) and part in holder
    return isinstance(holder, list) and part < len(holder)


def read(item: Any, operand: tuple[str, Any]) -> Any:
    kind, what = operand
    if kind == "value":
        return what
    found = at(item, what)
    if kind == "path" or found is MISSING:
        return found
    if isinstance(found, str):
        return Decimal(len(found.encode()))
    return Decimal(len(found)) if isinstance(found, (bytes, frozenset, list, dict)) else MISSING


def same(left: Any, right: Any) -> bool:
    """True and 1 are the same to Python only, and so is what lists and maps have of them."""
    return left is not MISSING and right is not MISSING and value_of(left) == value_of(right)


def changed(item: dict[str, Any], actions: list[tuple[Any, Any]]) -> dict[str, Any] | None:
    """The item afterwards; None where a path leads nowhere."""
    after = deepcopy(item)
    ends: list[tuple[int, Any, Any]] = []
    gone: list[tuple[int, Any]] = []
    for (*way, last), value in actions:
        holder: Any = at(after, tuple(way))
        if not isinstance(holder, dict if isinstance(last, str) else list):
            return None
        if isinstance(last, int) and value is MISSING:
            gone.append((last, holder))
        elif value is MISSING:
            holder.pop(last, None)  # type: ignore[call-arg] # of a map
        elif isinstance(last, str) or last < len(holder):
            holder[last] = value
        else:
            ends.append((last, holder, value))
    gone = [(last, holder) for last, holder in gone if last < len(holder)]
    for _, holder, value in sorted(ends, key=lambda each: each[0]):
        holder.append(value)
    for last, holder in sorted(gone, key=lambda each: each[0], reverse=True):
        del holder[last]
    return after


def ordered(left: Any, right: Any) -> bool:
    return type(left) is type(right) and isinstance(left, (str, bytes, Decimal))


def true_of(item: Any, tree: tuple[Any, ...]) -> bool:
    operator, *rest = tree
    if operator in ("and", "or", "not"):
        held = [true_of(item, each) for each in rest]
        return all(held) if operator == "and" else any(held) if operator == "or" else not held[0]
    given = [read(item, each) for each in rest]
    first, others = given[0], given[1:]
    match operator:
        case "attribute_exists":
            return first is not MISSING
        case "attribute_not_exists":
            return first is MISSING
        case "=":
            return same(first, others[0])
        case "<>":
            return not same(first, others[0])
        case "in":
            return any(same(first, each) for each in others)
        case "between":
            low, high = others
            return ordered(first, low) and ordered(first, high) and low <= first <= high
        case "begins_with":
            return (
                type(first) is type(others[0]) and isinstance(first, (str, bytes)) and bool(first.startswith(others[0]))
            )
        case "contains":
            return is_in(others[0], first)
    if not ordered(first, others[0]):
        return False
    compare = {"<": lt, "<=": le, ">": gt, ">=": ge}[operator]
    return bool(compare(first, others[0]))


def is_in(part: Any, whole: Any) -> bool:
    if part is MISSING:
        return False
    if isinstance(whole, str):
        return isinstance(part, str) and part in whole
    if isinstance(whole, bytes):
        return isinstance(part, bytes) and part in whole
    if isinstance(whole, frozenset):
        return isinstance(part, (str, Decimal)) and part in whole
    return isinstance(whole, list) and any(same(part, each) for each in whole)


# --- from trees to texts ---------------------------------------------------------------------------------------------


class Writer:
    """Texts, and what their placeholders stand for."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Value] = {}

    def path(self, path: tuple[Any, ...]) -> str:
        text = ""
        for part in path:
            if isinstance(part, int):
                text += f"[{part}]"
            else:
                self.names[f"#{part}"] = part
                text += ("." if text else "") + f"#{part}"
        return text

    def value(self, value: Any) -> str:
        name = f":v{len(self.values)}"
        self.values[name] = value_of(value)
        return name

    def operand(self, operand: tuple[str, Any]) -> str:
        kind, what = operand
        if kind == "value":
            return self.value(what)
        return self.path(what) if kind == "path" else f"size({self.path(what)})"

    def condition(self, tree: tuple[Any, ...]) -> str:
        operator, *rest = tree
        if operator in ("and", "or"):
            # A chain of one operator is refused with parentheses that say nothing; these always say something.
            return f"({f' {operator} '.join(self.condition(each) for each in rest)})"
        if operator == "not":
            return f"NOT {self.condition(rest[0])}"
        given = [self.operand(each) for each in rest]
        if operator == "between":
            return f"{given[0]} BETWEEN {given[1]} AND {given[2]}"
        if operator == "in":
            return f"{given[0]} IN ({given[1]}, {given[2]})"
        if operator in ("=", "<>", "<", "<=", ">", ">="):
            return f"{given[0]} {operator} {given[1]}"
        return f"{operator}({', '.join(given)})"

    def request(self, called: str, text: str) -> dict[str, Any]:
        request: dict[str, Any] = {called: text, "ExpressionAttributeNames": self.names}
        if self.values:
            request["ExpressionAttributeValues"] = self.values
        return {name: what for name, what in request.items() if what}


# --- what is claimed -------------------------------------------------------------------------------------------------


@examples(200)
@given(items, conditions)
def test_a_condition_holds_where_the_model_says(item: dict[str, Any], tree: tuple[Any, ...]) -> None:
    writer = Writer()
    request = writer.request("ConditionExpression", writer.condition(tree))
    try:
        condition = asked("PutItem", request, KEYS).condition
    except ValidationException as error:
        # Only for what types or equal operands forbid, which the tables have.
        assert any(why in error.message for why in ("operand", "BETWEEN"))
        return
    assert condition is not None
    assert condition.holds(item_of(item)) == true_of(item, tree)


targets = st.lists(st.tuples(paths, st.one_of(values, st.just(MISSING))), min_size=1, max_size=4)


@examples(150)
@given(items, targets)
def test_an_update_sets_and_removes_what_the_model_does(item: dict[str, Any], actions: list[tuple[Any, Any]]) -> None:
    writer = Writer()
    to_set = [f"{writer.path(path)} = {writer.value(value)}" for path, value in actions if value is not MISSING]
    to_remove = [writer.path(path) for path, value in actions if value is MISSING]
    text = " ".join(f"{name} {', '.join(texts)}" for name, texts in (("SET", to_set), ("REMOVE", to_remove)) if texts)
    try:
        update = asked("UpdateItem", writer.request("UpdateExpression", text), KEYS).update
    except ValidationException as error:
        assert "overlap" in error.message or "conflict" in error.message
        return
    assert update is not None
    expected = changed(item, actions)
    if expected is None:
        with pytest.raises(ValidationException, match="path provided in the update expression is invalid for update"):
            update.apply(item_of(item))
    else:
        assert update.apply(item_of(item)) == item_of(expected)
