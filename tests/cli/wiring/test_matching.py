"""Whether an event of a shape can match a pattern: never is said only where it is so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from tests.cli.wiring.shaped import LEAVES, NAMES, WORDS, of_shape
from tests.examples import examples
from wakeful.cli.wiring.events import (
    ANYTHING,
    NO_ATTRIBUTES,
    Shape,
    bus_event,
    message_attributes,
    not_of_s3_itself,
    put_event,
    s3_bus_event,
    s3_messages,
    sns_envelope,
    sqs_record,
)
from wakeful.cli.wiring.matching import may_match, obstacle
from wakeful.fabric.pattern import InvalidEventPatternException, compile_pattern

QUEUE = "arn:aws:sqs:us-east-1:000000000000:orders"
TOPIC = "arn:aws:sns:us-east-1:000000000000:news"
SHAPES: tuple[Shape, ...] = (
    sqs_record(QUEUE),
    sqs_record(QUEUE, sns_envelope(TOPIC)),
    *(sqs_record(QUEUE, each) for each in s3_messages("pictures")),
    bus_event(),
    put_event(),
    s3_bus_event("pictures"),
    *not_of_s3_itself(),
    message_attributes(),
    NO_ATTRIBUTES,
    ANYTHING,
)


def can(pattern: Any, *shapes: Shape) -> bool:
    return may_match(json.dumps(pattern), shapes)


@pytest.mark.parametrize(
    "pattern",
    [
        {"detail": {"kind": ["order"]}},
        {"Body": {"kind": ["order"]}},
        {"eventSource": ["aws:kinesis"]},
        {"eventSourceARN": [f"{QUEUE}s"]},
        {"messageId": [7]},
        {"messageId": {"id": ["x"]}},
        {"body": {"n": [{"numeric": [">", 1, "<", 1.000001]}]}},
        {"body": {"ok": ["yes"]}, "kind": [{"exists": True}]},
        {"$or": [{"data": ["x"]}, {"detail": ["y"]}]},
        {"attributes": {"SenderId": [None]}},
        {"eventSource": [{"exists": False}]},
    ],
)
def test_filters_that_no_message_of_a_queue_can_meet(pattern: Any) -> None:
    assert not can(pattern, sqs_record(QUEUE))
    assert obstacle(json.dumps(pattern), sqs_record(QUEUE))


@pytest.mark.parametrize(
    "pattern",
    [
        {"body": {"kind": ["order"]}},
        {"body.kind": ["order"]},
        {"body": ["text"]},
        {"body": [{"prefix": "x"}, {"numeric": [">", 1, "<", 2]}]},
        {"detail": [{"exists": False}], "body": {"a": {"b": [None]}}},
        {"messageAttributes": {"kind": {"stringValue": ["order"]}}},
        {"eventSource": [{"prefix": "aws:"}]},
        {"$or": [{"detail": ["x"]}, {"body": {"a": [1]}}]},
        {"detail": ["x", {"exists": False}]},
        {"detail": ["x"], "$or": "not understood"},
        {"body": [{"an-operator-to-come": 1}]},
    ],
)
def test_filters_that_some_message_meets(pattern: Any) -> None:
    assert can(pattern, sqs_record(QUEUE))


def test_what_is_no_pattern_is_not_judged() -> None:
    for text in ("", "[]", "{", "7", "null", '{"a": 1}', "[" * 5000):
        assert may_match(text, [NO_ATTRIBUTES])


def test_events_of_a_bus_have_the_members_that_events_have() -> None:
    assert not can({"detailType": ["x"]}, bus_event())
    assert not can({"detail": ["x"]}, bus_event())
    assert not can({"time": [{"numeric": [">", 0]}]}, bus_event())
    assert not can({"resources": {"arn": ["x"]}}, bus_event())
    assert can({"resources": [{"suffix": "x"}], "detail": {"x": {"y": [1]}}, "replay-name": ["r"]}, bus_event())
    assert not can({"source": ["aws.ec2"]}, put_event())
    assert not can({"source": [{"prefix": "aws."}, {"exactly": "aws.s3"}]}, put_event())
    assert can({"source": [{"prefix": "aws"}]}, put_event())
    assert can({"source": [{"anything-but": "x"}]}, put_event())


def test_events_of_s3_itself_are_told_from_those_of_its_trail() -> None:
    created = {"source": ["aws.s3"], "detail-type": ["Object Created"]}
    assert not can(created, *not_of_s3_itself())
    assert can(created, s3_bus_event("pictures"))
    assert not can({**created, "detail": {"bucket": {"name": ["films"]}}}, s3_bus_event("pictures"))
    assert can({**created, "detail-type": ["AWS API Call via CloudTrail"]}, *not_of_s3_itself())
    assert can({"source": ["aws.s3"]}, *not_of_s3_itself())


def test_a_message_of_a_topic_is_text_within_an_envelope() -> None:
    record = sqs_record(QUEUE, sns_envelope(TOPIC))
    assert not can({"body": {"kind": ["order"]}}, record)
    assert not can({"body": {"Message": {"kind": ["order"]}}}, record)
    assert can({"body": {"Message": [{"wildcard": "*order*"}]}}, record)
    assert can({"body": {"MessageAttributes": {"kind": {"Value": ["order"]}}}}, record)


def test_where_there_are_no_attributes_only_their_absence_is_met() -> None:
    assert not can({"kind": ["order"]}, NO_ATTRIBUTES)
    assert not can({"kind": [{"anything-but": "order"}]}, NO_ATTRIBUTES)
    assert can({"kind": ["order", {"exists": False}]}, NO_ATTRIBUTES)


# --- soundness --------------------------------------------------------------------------------------------------------


def met_by(leaf: Any) -> st.SearchStrategy[Any]:
    """Expressions, most of which the leaf meets."""
    found: list[Any] = [{"exists": True}, {"anything-but": "something else"}, {"anything-but": [3, 4]}]
    if isinstance(leaf, str):
        found += [leaf, {"prefix": leaf[:1]}, {"suffix": leaf[-1:]}, {"equals-ignore-case": leaf.swapcase()}]
        found += [{"wildcard": "*"}, {"exactly": leaf}, {"anything-but": {"prefix": "zz"}}, {"cidr": "10.0.0.0/8"}]
        found += [{"prefix": {"equals-ignore-case": leaf[:2].upper()}}]
    elif isinstance(leaf, bool) or leaf is None:
        found += [leaf]
    else:
        found += [leaf, {"numeric": ["=", leaf]}, {"numeric": [">", leaf - 1, "<", leaf + 1]}, {"numeric": ["<=", 9]}]
    return st.sampled_from(found)


def leaves_of(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() for leaf in leaves_of(inner, (*path, name))]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves_of(inner, path)]
    return [(path, value)] if path else []


@st.composite
def patterns_for(draw: Any, document: Any) -> dict[str, Any]:
    """A pattern that asks for some of what is in the document, and for the absence of what probably is not."""
    pattern: dict[str, Any] = {}
    leaves = leaves_of(document)
    for path, leaf in draw(st.lists(st.sampled_from(leaves), max_size=3)) if leaves else ():
        noise = draw(st.lists(LEAVES | WORDS.map(lambda text: {"prefix": text}), max_size=1))
        asked = draw(st.permutations([draw(met_by(leaf)), *noise]))
        if draw(st.booleans()):
            pattern[".".join(path)] = asked
        else:
            put(pattern, path, asked)
    for name in draw(st.lists(NAMES, max_size=1)):
        put(pattern, (name, "absent"), [{"exists": False}, *draw(st.lists(LEAVES, max_size=1))])
    if pattern and draw(st.booleans()):
        return {"$or": draw(st.permutations([pattern, {"nowhere": ["to be found"]}]))}
    return pattern


def put(pattern: dict[str, Any], path: tuple[str, ...], asked: list[Any]) -> None:
    for step in path[:-1]:
        inner = pattern.get(step)
        pattern[step] = inner if isinstance(inner, dict) else {}
        pattern = pattern[step]
    pattern[path[-1]] = asked


@examples(150)
@given(st.data(), st.sampled_from(SHAPES))
def test_where_an_event_matches_never_is_not_said(data: st.DataObject, shape: Shape) -> None:
    document = data.draw(of_shape(shape), label="event")
    assume(isinstance(document, dict))
    pattern = data.draw(patterns_for(document), label="pattern")
    try:
        matches = compile_pattern(pattern).matches(document)
    except InvalidEventPatternException:
        assume(False)
    event(f"matches: {matches}")
    assert can(pattern, shape) or not matches
