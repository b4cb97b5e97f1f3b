"""SELECT finds what its WHERE is true of, in the partitions it names or in all, in the order it asks for."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.keys import Attribute, KeySchema
from wakeful.services.dynamodb.partiql import binding, plans
from wakeful.services.dynamodb.partiql.binding import Parameters
from wakeful.services.dynamodb.partiql.parser import parsed
from wakeful.services.dynamodb.partiql.plans import Plan
from wakeful.services.dynamodb.partiql.syntax import Select
from wakeful.services.dynamodb.values import Item

KEYS = KeySchema((Attribute("p", "S"),), (Attribute("s", "N"),))
SEVERAL = KeySchema((Attribute("p", "S"), Attribute("s", "N")), (Attribute("x", "S"), Attribute("y", "N")))
NONE = Parameters(())


@cache
def items() -> tuple[Item, ...]:
    every = product("abc", range(-1, 3), "kl", (0, 1))
    return tuple({"p": {"S": p}, "s": {"N": str(s)}, "x": {"S": x}, "y": {"N": str(y)}} for p, s, x, y in every)


def plan(where: str, schema: KeySchema = KEYS, order: str = "") -> Plan:
    statement = parsed(f"SELECT * FROM t WHERE {where} {order}").statement
    assert isinstance(statement, Select)
    return plans.planned(schema, statement.where, statement.order, NONE)


def found(plan: Plan, schema: KeySchema) -> list[Item]:
    left = binding.filter_of(plan.filter, NONE)
    return [
        item
        for item in items()
        for _ in (within for within in plan.ranges if within.has(schema.of(item)))
        if left is None or left.holds(item)
    ]


def matching(where: str) -> list[Item]:
    statement = parsed(f"SELECT * FROM t WHERE {where}").statement
    assert isinstance(statement, Select)
    condition = binding.filter_of(statement.where, NONE)
    assert condition is not None
    return [item for item in items() if condition.holds(item)]


_LETTERS = st.sampled_from(("'a'", "'b'", "'c'", "'d'", "'k'"))
_NUMBERS = st.sampled_from(("-1", "0", "1", "2", "7"))


@st.composite
def comparisons(draw: Any) -> str:
    name = draw(st.sampled_from("ppsxy"))
    values = _LETTERS if name in "px" else _NUMBERS
    one, other = draw(values), draw(values)
    low, high = sorted((one, other), key=lambda each: each if name in "px" else float(each))
    kinds = [
        f"{name} = {one}",
        f"{name} IN [{one}, {other}]",
        f"{one} = {name}",
        f"{name} {draw(st.sampled_from(('<', '<=', '>', '>=', '<>')))} {one}",
        f"{one} < {name}",
        f"{name} BETWEEN {low} AND {high}",
        f"{name} IS NOT MISSING",
        f"begins_with({name}, {one})" if name in "px" else f"{name} >= {one}",
    ]
    return str(draw(st.sampled_from(kinds)))


def _joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    lists = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        lists.map(lambda parts: f"({' AND '.join(parts)})"),
        lists.map(lambda parts: f"({' OR '.join(parts)})"),
        inner.map(lambda part: f"NOT {part}"),
    )


@given(
    st.lists(st.recursive(comparisons(), _joined, max_leaves=4), min_size=1, max_size=3).map(" AND ".join),
    st.sampled_from((KEYS, SEVERAL)),
)
@examples(100)
def test_a_plan_finds_exactly_what_the_condition_is_true_of(where: str, schema: KeySchema) -> None:
    try:
        expected = matching(where)
    except ValidationException:  # x <> x, and the like
        return
    assert found(plan(where, schema), schema) == expected


@pytest.mark.parametrize(
    ("where", "ranges", "is_filtered"),
    [
        ("p = 'a'", 1, False),
        ("p = 'a' AND s > 1 AND s <= 7", 1, False),
        ("p = 'a' AND s = 1 AND x = 'k'", 1, True),
        ("p IN ['a', 'b', 'a'] AND s = 1", 2, False),
        ("p = 'a' OR p = 'b'", 2, True),
        ("(p = 'a' AND s = 1) OR (p = 'b' AND x = 'k')", 2, True),
    ],
)
def test_partitions_that_are_named_are_queried_and_no_others(where: str, ranges: int, is_filtered: bool) -> None:
    made = plan(where)
    assert not made.is_scan
    assert len(made.ranges) == ranges
    assert (made.filter is not None) == is_filtered


@pytest.mark.parametrize("where", ["p > 'a'", "s = 1", "p = 'a' OR s = 1", "NOT p = 'a'", "p = x"])
def test_everything_else_is_a_scan(where: str) -> None:
    assert plan(where).is_scan


def test_more_partitions_than_a_query_may_name_are_scanned() -> None:
    names = ", ".join(f"'{number}'" for number in range(51))
    assert plan(f"p IN [{names}]").is_scan


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("", (False, False)),
        ("ORDER BY p", (False, False)),
        ("ORDER BY p DESC, s DESC", (True, False)),
        ("ORDER BY s DESC", (True, True)),
        ("ORDER BY s, p", (False, True)),
    ],
)
def test_an_order_is_a_way_through_the_ranges(order: str, expected: tuple[bool, bool]) -> None:
    made = plan("p IN ['b', 'a']", order=order)
    assert (made.backwards, made.is_merged) == expected
    first = "b" if order in ("", "ORDER BY s DESC") or "p DESC" in order else "a"
    assert made.ranges[0].has(KEYS.of({"p": {"S": first}, "s": {"N": "1"}}))


@pytest.mark.parametrize(
    ("where", "order", "message"),
    [
        ("p = 'a'", "ORDER BY x", "Variable reference x in ORDER BY clause must be part of the primary key"),
        (
            "s = 1",
            "ORDER BY s",
            "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.",
        ),
        ("p = 1", "", "Key attribute's data type should match its data type in table's schema: Key p"),
        ("p = 'a' AND s > '1'", "", "Key attribute's data type should match its data type in table's schema: Key s"),
        (
            "p = ''",
            "",
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty"
            " string value. Key: p",
        ),
    ],
)
def test_what_no_key_can_answer_is_refused(where: str, order: str, message: str) -> None:
    with pytest.raises(ValidationException) as refused:
        plan(where, order=order)
    assert refused.value.message == message
