"""What targets get to see of an event: the documentation's examples, what AWS was seen to send, and its refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.fabric.transform import (
    MISSING,
    InvalidTargetInput,
    Occasion,
    TransformFailed,
    compile_target_input,
    parse_path,
)

EVENT = {
    "version": "0",
    "id": "7bf73129-1428-4cd3-a780-95db273d1602",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "123456789012",
    "time": "2015-11-11T21:29:54Z",
    "region": "us-east-1",
    "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],
    "detail": {"instance-id": "i-0123456789", "state": "RUNNING", "n": 3, "none": None, "quote": 'say "hi"'},
}
PATHS = {"timestamp": "$.time", "instance": "$.detail.instance-id", "state": "$.detail.state"}


def render(event: dict[str, Any] = EVENT, **target: Any) -> str:
    occasion = Occasion(event, "arn:aws:events:us-east-2:123456789012:rule/example", "example", "2026-11-20T13:00:00Z")
    return compile_target_input({"Id": "t1", "Arn": "arn:aws:sqs:us-east-1:1:q", **target})(occasion)


def fill(template: str, **paths: str) -> str:
    return render(InputTransformer={"InputPathsMap": PATHS | paths, "InputTemplate": template})


def refusal(**target: Any) -> str:
    with pytest.raises(InvalidTargetInput) as caught:
        render(**target)
    assert (caught.value.code, caught.value.status) == ("ValidationException", 400)
    return caught.value.message


def refused_template(template: str) -> str:
    return refusal(InputTransformer={"InputPathsMap": PATHS, "InputTemplate": template})


def test_without_any_input_the_event_is_sent() -> None:
    assert json.loads(render()) == EVENT


def test_a_constant_is_sent_as_it_is_written() -> None:
    assert render(Input='{"a" :  1}') == '{"a" :  1}'
    assert render(Input='"hello"') == '"hello"'
    assert refusal(Input="hello") == "JSON syntax error in input for target t1."


def test_a_part_is_sent_as_json() -> None:
    assert json.loads(render(InputPath="$.detail")) == EVENT["detail"]
    assert render(InputPath="$.detail.state") == '"RUNNING"'
    assert render(InputPath="$.resources[0]") == '"arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"'
    assert json.loads(render(InputPath="$")) == EVENT
    assert render(InputPath="$.detail.none") == "null"
    with pytest.raises(TransformFailed):
        render(InputPath="$.detail.nothing")


@pytest.mark.parametrize("path", ["detail", "", "$detail", "$.", "$.detail['key']", "$..a", "$.a[-1]", "$.a[?(@.b)]"])
def test_paths_that_eventbridge_does_not_take(path: str) -> None:
    assert refusal(InputPath=path) == "InputPath for target t1 is invalid."
    transformer = {"InputPathsMap": {"a": path}, "InputTemplate": '"<a>"'}
    assert refusal(InputTransformer=transformer) == "InputPath for target t1 is invalid."


def test_only_one_input_may_be_given() -> None:
    expected = "Only one of Input, InputPath, or InputTransformer must be provided for target t1."
    assert refusal(InputPath="$.detail", InputTransformer={"InputTemplate": '"x"'}) == expected
    assert refusal(InputPath="$.detail", Input="{}") == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('"instance <instance> is in <state>"', '"instance i-0123456789 is in RUNNING"'),
        (r'"instance \"<instance>\" is in <state>"', r'"instance \"i-0123456789\" is in RUNNING"'),
        ('{\n  "instance" : <instance>,\n  "state": <state>\n}', '{"instance":"i-0123456789","state":"RUNNING"}'),
        (
            r'{"instance" : <instance>, "state": "<state>", "status": "instance \"<instance>\" is in <state>"}',
            r'{"instance":"i-0123456789","state":"RUNNING","status":"instance \"i-0123456789\" is in RUNNING"}',
        ),
        (
            '{"instance" : <instance>, "state": [ 9, <state>, true ], "Transformed" : "Yes"}',
            '{"instance":"i-0123456789","state":[9,"RUNNING",true],"Transformed":"Yes"}',
        ),
        (
            '{"ruleArn" : <aws.events.rule-arn>, "ruleName" : <aws.events.rule-name>}',
            '{"ruleArn":"arn:aws:events:us-east-2:123456789012:rule/example","ruleName":"example"}',
        ),
        ('"<aws.events.rule-name> triggered"', '"example triggered"'),
        ('"at <aws.events.event.ingestion-time>"', '"at 2026-11-20T13:00:00Z"'),
        ('"<state> of"\n"<instance>"', '"RUNNING of"\n"i-0123456789"'),
        ('"{[/special for <state>"', '"{[/special for RUNNING"'),
        ("<state>", '"RUNNING"'),
        ('{"path": "a/<state>/b", "text": "<timestamp>"}', '{"path":"a/RUNNING/b","text":"2015-11-11T21:29:54Z"}'),
    ],
)
def test_templates_of_the_documentation(template: str, expected: str) -> None:
    assert fill(template) == expected


def test_the_event_can_be_put_in_with_and_without_its_detail() -> None:
    found = json.loads(fill('{"originalEvent": <aws.events.event>, "originalEventJson": <aws.events.event.json>}'))
    assert found["originalEventJson"] == EVENT
    names = ["id", "account", "detailType", "time", "source", "region", "resources", "version"]
    assert list(found["originalEvent"]) == names
    assert found["originalEvent"]["detailType"] == EVENT["detail-type"]


def test_what_is_missing_is_empty() -> None:
    assert fill('"info <gone>"', gone="$.detail.gone") == '"info "'
    assert fill('{"info": <gone>, "text": "x<gone>"}', gone="$.detail.gone") == '{"info":"","text":"x"}'
    assert fill('{"info": <none>}', none="$.detail.none") == '{"info":null}'


def test_objects_lose_their_quotes_within_a_text() -> None:
    paths = {"detail": "$.detail", "list": "$.resources", "n": "$.detail.n"}
    assert fill('"n is <n>"', **paths) == '"n is 3"'
    assert fill('"all: <list>"', **paths) == '"all: [arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111]"'
    assert fill('{"list": <list>, "n": <n>}', **paths) == json.dumps(
        {"list": EVENT["resources"], "n": 3}, separators=(",", ":")
    )


def test_values_are_escaped_outside_quotes_and_not_within() -> None:
    assert json.loads(fill('{"a": <quote>}', quote="$.detail.quote")) == {"a": 'say "hi"'}
    with pytest.raises(TransformFailed):
        fill('{"a": "<quote>"}', quote="$.detail.quote")
    with pytest.raises(TransformFailed):
        fill('{"a": "<aws.events.event.json>"}')


@pytest.mark.parametrize(
    ("template", "column"),
    [
        ("EC2 Patch Notification", 4),
        ('{"a": <state>', 14),
        ('{"a" <state>}', 6),
        ("{<state>: 1}", 2),
        ('{"a": 1} {"b": 2}', 18),
        ("", 1),
        ('{"a": "<state>}', 16),
    ],
)
def test_templates_that_are_not_json_are_refused_at_their_place(template: str, column: int) -> None:
    assert refused_template(template) == (
        f'Invalid InputTemplate for target t1 : [Source: (String)"{template}"; line: 1, column: {column}].'
    )


def test_placeholders_must_be_known() -> None:
    assert refused_template('"<notdefinedkey>"') == (
        "InputTemplate for target t1 contains invalid placeholder notdefinedkey."
    )
    only_json = "InputTemplate for target t1 contains placeholder aws.events.event.json valid only for JSON template."
    assert refused_template('"<aws.events.event.json>"') == only_json
    assert refused_template("[<aws.events.event.json>]") == only_json


TREE = {"a": {"b": [{"c": 1}, {"c": 2, "d": {"e": "x"}}, {}]}, "k/v": 5, "l": [[1, 2], [3]]}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", TREE),
        ("$.a.b[1].d.e", "x"),
        ("$.a.b[*].c", [1, 2]),
        ("$.a.b.*.c", [1, 2]),
        ("$.k/v", 5),
        ("$.l[*][*]", [1, 2, 3]),
        ("$.l[1][0]", 3),
        ("$.a.*", [TREE["a"]["b"]]),  # type: ignore[index]
        ("$.a.b[7]", MISSING),
        ("$.a.b.c", MISSING),
        ("$.a.b[0].c[0]", MISSING),
        ("$.gone[*]", MISSING),
    ],
)
def test_paths(path: str, expected: Any) -> None:
    parsed = parse_path(path)
    assert parsed is not None
    found = parsed.find(TREE)
    assert found is MISSING if expected is MISSING else found == expected


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(JSON_VALUES)
def test_a_value_outside_quotes_arrives_as_it_was(value: Any) -> None:
    transformer = {"InputPathsMap": {"v": "$.detail.v"}, "InputTemplate": '{"v": <v>, "w": [<v>]}'}
    found = json.loads(render({"detail": {"v": value}}, InputTransformer=transformer))
    assert found == {"v": value, "w": [value]}


@given(st.text(alphabet='<>{}[]",:ab \\\n1', max_size=14))
def test_a_template_that_is_taken_can_be_filled_in(template: str) -> None:
    try:
        text = fill(template, a="$.detail.n", b="$.detail.state")
    except InvalidTargetInput:
        return
    if template.lstrip().startswith("{"):
        assert isinstance(json.loads(text), dict)
