"""Which events a pattern matches: AWS's own examples, a model that goes by the book, and sets of patterns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful import limits
from wakeful.fabric.pattern import (
    EventPatternTooLong,
    InvalidEventPatternException,
    PatternSet,
    check_pattern_size,
    compile_pattern,
)

EC2 = {
    "version": "0",
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "111122223333",
    "time": "2017-12-22T18:43:48Z",
    "region": "us-west-1",
    "resources": ["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"],
    "detail": {
        "instance-id": "i-1234567890abcdef0",
        "state": "terminated",
        "c-count": 5,
        "x-limit": 301.8,
        "source-ip": "10.0.0.33",
        "eventVersion": "",
        "responseElements": None,
        "is-spot": False,
    },
}


def matches(pattern: dict[str, Any], event: dict[str, Any] = EC2) -> bool:
    return compile_pattern(pattern).matches(event)


@pytest.mark.parametrize(
    "expression",
    [
        "terminated",
        {"prefix": "term"},
        {"suffix": "ated"},
        {"prefix": {"equals-ignore-case": "TERM"}},
        {"suffix": {"equals-ignore-case": "ATED"}},
        {"equals-ignore-case": "TERMINATED"},
        {"wildcard": "t*m*d"},
        {"anything-but": "running"},
        {"anything-but": ["running", "stopped"]},
        {"anything-but": 7},
        {"anything-but": {"prefix": "run"}},
        {"anything-but": {"prefix": ["run", "stop"]}},
        {"anything-but": {"suffix": "ing"}},
        {"anything-but": {"equals-ignore-case": ["RUNNING", "STOPPED"]}},
        {"anything-but": {"wildcard": "r*g"}},
        {"anything-but": {"wildcard": ["r*g", "s*d"]}},
        {"exists": True},
        {"exactly": "terminated"},
    ],
)
def test_every_operator_on_strings(expression: Any) -> None:
    assert matches({"detail": {"state": [expression]}})
    assert matches({"detail": {"state": ["nothing else", expression]}})


@pytest.mark.parametrize(
    "expression",
    [
        "running",
        "Terminated",
        {"prefix": "ated"},
        {"suffix": "term"},
        {"wildcard": "*x*"},
        {"anything-but": "terminated"},
        {"anything-but": ["terminated", "running"]},
        {"anything-but": {"prefix": ["run", "term"]}},
        {"anything-but": {"suffix": ["ing", "ated"]}},
        {"anything-but": {"equals-ignore-case": "TERMINATED"}},
        {"anything-but": {"wildcard": "t*"}},
        {"exists": False},
        {"numeric": [">", 0]},
        {"cidr": "10.0.0.0/8"},
        None,
    ],
)
def test_every_operator_that_says_no(expression: Any) -> None:
    assert not matches({"detail": {"state": [expression]}})


def test_other_types_have_operators_of_their_own() -> None:
    assert matches({"detail": {"c-count": [{"numeric": [">", 0, "<=", 5]}], "x-limit": [{"numeric": ["=", 3.018e2]}]}})
    assert matches({"detail": {"source-ip": [{"cidr": "10.0.0.0/24"}]}})
    assert matches({"detail": {"eventVersion": [""], "responseElements": [None], "is-spot": [False]}})
    assert matches({"detail": {"responseElements": [{"exists": True}]}})
    assert matches({"detail": {"responseElements": [{"anything-but": "x"}]}})
    assert matches({"detail": {"c-count": [{"anything-but": {"prefix": "5"}}]}})
    assert not matches({"detail": {"is-spot": [0]}})
    assert not matches({"detail": {"c-count": ["5"]}})
    assert not matches({"detail": {"c-count": [True]}})
    assert not matches({"detail": {"responseElements": [""]}})
    assert not matches({"detail": {"c-count": [{"anything-but": [5, 6]}]}})


def test_a_missing_field_is_not_null_and_meets_only_its_absence() -> None:
    for expression in (None, {"anything-but": "x"}, {"exists": True}, {"anything-but": {"prefix": "x"}}):
        assert not matches({"detail": {"nothing": [expression]}})
    assert matches({"detail": {"nothing": [{"exists": False}]}})
    assert matches({"detail": {"nothing": [{"anything-but": ["roses"]}, {"exists": False}]}})
    assert not matches({"detail": {"state": [{"exists": False}]}})


def test_existence_is_asked_of_leaves_only() -> None:
    event = {"detail": {"count": {"c1": 100}, "empty": [], "nested": [[]]}}
    for name in ("count", "empty", "nested"):
        assert matches({"detail": {name: [{"exists": False}]}}, event)
        assert not matches({"detail": {name: [{"exists": True}]}}, event)
    assert not matches({"detail": {"empty": [None]}}, event)


def test_an_array_stands_for_its_elements() -> None:
    event = {"tags": ["user", "admin"], "n": [100, 5], "deep": [["x"], [["y"]]]}
    assert matches({"tags": ["admin", "root"]}, event)
    assert matches({"tags": [{"anything-but": "user"}]}, event)
    assert matches({"n": [{"numeric": ["<", 10]}]}, event)
    assert matches({"deep": ["y"]}, event)
    assert not matches({"tags": ["root"]}, event)
    assert not matches({"tags": [{"anything-but": ["user", "admin"]}]}, event)


EMPLOYEES = {
    "employees": [
        {"firstName": "John", "lastName": "Doe"},
        {"firstName": "Anna", "lastName": "Smith"},
        [{"firstName": "Peter", "lastName": "Jones"}],
    ]
}


def test_fields_within_an_array_must_come_from_one_element() -> None:
    assert matches({"employees": {"firstName": ["Anna"]}}, EMPLOYEES)
    assert matches({"employees": {"firstName": ["Anna"], "lastName": ["Smith"]}}, EMPLOYEES)
    assert matches({"employees": {"firstName": ["Peter"], "lastName": ["Jones"]}}, EMPLOYEES)
    assert not matches({"employees": {"firstName": ["Anna"], "lastName": ["Jones"]}}, EMPLOYEES)


def test_inner_arrays_must_agree_as_well() -> None:
    pattern = {"u": {"t": {"k": ["color"], "v": ["blue"]}, "n": ["x"]}}
    assert matches(pattern, {"u": [{"n": "y"}, {"n": "x", "t": [{"k": "size"}, {"k": "color", "v": "blue"}]}]})
    assert not matches(pattern, {"u": [{"n": "x", "t": [{"k": "color"}, {"v": "blue"}]}]})
    assert not matches(pattern, {"u": [{"n": "x"}, {"t": [{"k": "color", "v": "blue"}]}]})


def test_absence_is_judged_within_the_element_chosen_so_far() -> None:
    event = {"d": [{"b": 1, "c": 2}, {"b": 1}]}
    assert matches({"d": {"b": [1], "c": [{"exists": False}]}}, event)
    # AWS goes by name: "a" is looked for before an element is chosen, and is there.
    assert not matches({"d": {"a": [{"exists": False}], "b": [1]}}, {"d": [{"a": 2, "b": 1}, {"b": 1}]})


@pytest.mark.parametrize(
    "event",
    [
        {"object": {"nested": {"test": "v"}}},
        {"object.nested.test": "v"},
        {"object.nested": {"test": "v"}},
        {"object": {"nested.test": "v"}},
    ],
)
def test_dots_and_nesting_are_the_same(event: dict[str, Any]) -> None:
    assert matches({"object.nested.test": ["v"]}, event)
    assert matches({"object": {"nested": {"test": ["v"]}}}, event)
    assert not matches({"object.nested.test": ["w"]}, event)


def test_or_wants_one_of_its_members() -> None:
    pattern = {
        "source": ["aws.cloudwatch"],
        "$or": [
            {"metricName": ["CPUUtilization", "ReadLatency"]},
            {"metricType": ["MetricType"], "$or": [{"metricId": [1234]}, {"spaceId": [1000]}]},
            {"scope": ["Service"]},
        ],
    }
    source = {"source": "aws.cloudwatch"}
    assert matches(pattern, source | {"metricName": "ReadLatency"})
    assert matches(pattern, source | {"metricType": "MetricType", "spaceId": 1000})
    assert matches(pattern, source | {"scope": "Service"})
    assert not matches(pattern, source | {"metricType": "MetricType"})
    assert not matches(pattern, {"source": "other", "scope": "Service"})


def test_a_bad_pattern_raises_what_put_rule_answers() -> None:
    with pytest.raises(InvalidEventPatternException) as caught:
        compile_pattern('{"source": "aws.ec2"}')
    assert caught.value.message == (
        'Event pattern is not valid. Reason: "source" must be an object or an array\n'
        ' at [Source: (String)"{"source": "aws.ec2"}"; line: 1, column: 13]'
    )
    with pytest.raises(InvalidEventPatternException, match="Rule is too complex - try using fewer wildcard"):
        compile_pattern({"EventBusArn": [{"wildcard": "*:*:*:*:*:event-bus/*"}]})


def test_a_pattern_has_a_size() -> None:
    check_pattern_size("x" * limits.EVENT_PATTERN_CHARS_MAX, "r")
    with pytest.raises(EventPatternTooLong, match=r"Parameter EventPattern for rule r exceeds limit of 2048\."):
        check_pattern_size("x" * (limits.EVENT_PATTERN_CHARS_MAX + 1), "r")


# --- by the book ------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "a.b", "c"])
SCALARS = st.sampled_from(["x", "y", 1, None, True])
EVENTS = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
    ),
    max_size=3,
)
EXPRESSIONS = st.lists(
    SCALARS
    | st.sampled_from(
        [{"exists": True}, {"exists": False}, {"anything-but": "x"}, {"prefix": "x"}, {"anything-but": 1}]
    ),
    min_size=1,
    max_size=2,
)


def nested(fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(NAMES, fields, min_size=1, max_size=3)


PATTERNS = nested(EXPRESSIONS | nested(EXPRESSIONS | nested(EXPRESSIONS)))
WITH_OR = PATTERNS | st.builds(lambda one, two, more: more | {"$or": [one, two]}, PATTERNS, PATTERNS, PATTERNS)

Leaf = tuple[str, Any, dict[int, int]]


def leaves_of(value: Any, name: str, places: dict[int, int]) -> Iterator[Leaf]:
    """Every leaf of an event with its dotted name and the array elements it lies in."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves_of(inner, f"{name}.{key}" if name else key, places)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            is_container = isinstance(inner, dict | list)
            yield from leaves_of(inner, name, places | {id(value): index} if is_container else places)
    else:
        yield name, value, places


def flat(pattern: dict[str, Any], prefix: str = "") -> Iterator[dict[str, list[Any]]]:
    """The pattern as sets of fields, one for each way through its `$or`s."""
    found: list[dict[str, list[Any]]] = [{}]
    for key, value in pattern.items():
        if key == "$or":
            inner = [one for branch in value for one in flat(branch, prefix)]
        elif isinstance(value, dict):
            inner = list(flat(value, f"{prefix}{key}."))
        else:
            inner = [{prefix + key: value}]
        found = [one | more for one in found for more in inner]
    yield from found


def meets(expression: Any, value: Any) -> bool:
    match expression:
        case {"exists": wanted}:
            return bool(wanted)
        case {"prefix": prefix}:
            return isinstance(value, str) and value.startswith(prefix)
        case {"anything-but": other}:
            return not meets(other, value)
        case _:
            return type(expression) is type(value) and expression == value


def agree(one: dict[int, int], other: dict[int, int]) -> bool:
    return all(one.get(array, index) == index for array, index in other.items())


def matches_by_the_book(fields: list[tuple[str, list[Any]]], leaves: list[Leaf], so_far: dict[int, int]) -> bool:
    if not fields:
        return True
    (name, wanted), rest = fields[0], fields[1:]
    here = [(value, places) for leaf, value, places in leaves if leaf == name]
    is_absent = not any(agree(so_far, places) for _, places in here)
    if {"exists": False} in wanted and is_absent and matches_by_the_book(rest, leaves, so_far):
        return True
    return any(
        any(meets(expression, value) for expression in wanted if expression != {"exists": False})
        and agree(so_far, places)
        and matches_by_the_book(rest, leaves, so_far | places)
        for value, places in here
    )


@pytest.mark.slow
@examples(600)
@given(WITH_OR, EVENTS)
def test_it_matches_what_a_search_by_the_book_finds(pattern: dict[str, Any], event: dict[str, Any]) -> None:
    leaves = list(leaves_of(event, "", {}))
    expected = any(matches_by_the_book(sorted(one.items()), leaves, {}) for one in flat(pattern))
    assert compile_pattern(pattern).matches(event) == expected


@pytest.mark.slow
@examples(200)
@given(st.lists(WITH_OR, max_size=12), st.lists(EVENTS, min_size=1, max_size=4), st.sets(st.integers(0, 11)))
def test_a_set_finds_what_trying_each_would_find(
    patterns: list[dict[str, Any]], events: list[dict[str, Any]], dropped: set[int]
) -> None:
    compiled = dict(enumerate(map(compile_pattern, patterns)))
    found = PatternSet(compiled.items())
    for key in dropped:
        found.discard(key)
        compiled.pop(key, None)
    assert len(found) == len(compiled)
    for event in events:
        assert found.matching(event) == [key for key, pattern in compiled.items() if pattern.matches(event)]


def test_a_set_tries_only_patterns_filed_under_what_the_event_has() -> None:
    found = PatternSet[int]()
    for number in range(500):
        found.add(number, compile_pattern({"source": ["app"], "detail": {"tenant": [f"t{number}"]}}))
    assert found.matching({"source": "app", "detail": {"tenant": "t77"}}) == [77]
    filed = [keys for by_value in found._filed.values() for keys in by_value.values()]
    assert max(map(len, filed)) == 1


def test_a_set_is_empty_again_when_all_is_discarded() -> None:
    found = PatternSet([("one", compile_pattern({"a": ["x"]})), ("two", compile_pattern({"a": [{"prefix": "x"}]}))])
    assert found.matching({"a": "x"}) == ["one", "two"]
    found.add("one", compile_pattern({"a": ["y"]}))
    assert found.matching({"a": "x"}) == ["two"]
    found.discard("one")
    found.discard("two")
    found.discard("never there")
    assert found.matching({"a": "x"}) == []
    assert not found._filed and not found._steps and not found._unfiled
