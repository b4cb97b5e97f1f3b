"""Patterns that AWS refuses, with the messages that it was seen to give."""

from __future__ import annotations

import json

import pytest

from wakeful import limits
from wakeful.fabric.pattern_grammar import EVENTBRIDGE, SNS, PatternFault, read_pattern


def fault_of(text: str) -> str:
    with pytest.raises(PatternFault) as caught:
        read_pattern(text, EVENTBRIDGE)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason", "column"),
    [
        ('{"int": 42}', '"int" must be an object or an array', 11),
        ('{"string": "my-value"}', '"string" must be an object or an array', 13),
        ('{"source": ["aws.health"], "detail": {}}', "Empty objects are not allowed", 40),
        ('{"resources": []}', "Empty arrays are not allowed", 17),
        ('["not", "a", "dict", "but valid json"]', "Filter is not an object", 2),
        ('{"my_key": [{"EXISTS": true}]}', "Unrecognized match type EXISTS", 28),
        ('{"detail": {"equal": [{"NUMERIC": ["=", 5]}]}}', "Unrecognized match type NUMERIC", 36),
        ('{"detail": {"c-count": [{"numeric": [">", 0, ">", 0]}]}}', "Bad numeric range operator: >", 49),
        ('{"detail": {"c-count": [{"numeric": [">", 0, "<"]}]}}', "Value of < must be numeric", 50),
        ('{"EventBusArn": [{"wildcard": 123}]}', "wildcard match pattern must be a string", 34),
        ('{"time": [{"prefix": ["2022-07-13"]}]}', "prefix match pattern must be a string", 23),
        ('{"time": [{"prefix": 123}]}', "prefix match pattern must be a string", 25),
        ('{"FileName": [{"suffix": [".png"]}]}', "suffix match pattern must be a string", 27),
        (
            '{"detail-type": [{"equals-ignore-case": ["ec2 instance state-change notification"]}]}',
            "equals-ignore-case match pattern must be a string",
            42,
        ),
        (
            '{"detail": {"state": [{"anything-but": {"equals-ignore-case": 123}}]}}',
            "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
            66,
        ),
        (
            '{"detail": {"state": [{"anything-but": {"prefix": 123}}]}}',
            "prefix/suffix match pattern must be a string",
            54,
        ),
        (
            '{"detail": {"FileName": [{"anything-but": {"prefix": {"equals-ignore-case": "file"}}}]}}',
            "Value of anything-but must be an array or single string/number value.",
            55,
        ),
        (
            '{"detail": {"sourceIPAddress": [{"cidr": ["bad-type"]}]}}',
            "prefix match pattern must be a string",
            43,
        ),
        ('{"key":[["value"]]}', "Match value must be String, number, true, false, or null", 10),
        ('{"key":[{"suffix":"value","prefix":"value2"}]}', "Only one key allowed in match expression", 37),
        ('{"key":[{"numeric":[]}]}', "Invalid member in numeric match: ]", 22),
        ('{"key":[{"numeric":["operator"]}]}', "Unrecognized numeric range operator: operator", 32),
        ('{"key":[{"numeric":[1,"<="]}]}', "Invalid member in numeric match: 1", 22),
        ('{"key":[{"numeric":["=","000"]}]}', "Value of equals must be numeric", 26),
        ('{"key":[{"numeric":[">="]}]}', "Value of >= must be numeric", 26),
        ('{"key":[{"numeric":["<",100,">",10]}]}', "Too many elements in numeric expression", 30),
        ('{"key":[{"numeric":[">",3,"<",1]}]}', "Bottom must be less than top", 33),
        ('{"key":[{"numeric":[">",20,30]}]}', "Bad value in numeric range: 30", 30),
        ('{"key":[{"numeric":[">",20,"<",30,"<",50]}]}', "Too many terms in numeric range expression", 36),
        ('{"key":[{"exists":null}]}', "exists match pattern must be either true or false.", 23),
        ('{"key":[{"exists":"no"}]}', "exists match pattern must be either true or false.", 20),
        ('{"key":[{"anything-but":{"wrong-operator":null}}]}', "Unsupported anything-but pattern: wrong-operator", 47),
        ('{"a":[{"anything-but":{"prefix":""}}]}', "Null prefix/suffix not allowed", 35),
        ('{"a":[{"wildcard":"a**b"}]}', "Consecutive wildcard characters at pos 2", 25),
        (r'{"a":[{"wildcard":"a\\b"}]}', "Invalid escape character at pos 2", 25),
        ('{"a":[{"prefix":{"suffix":"x"}}]}', "Unsupported prefix pattern: suffix", 28),
        ('{"a":[{}]}', "Match expression name not found", 9),
        ('{"a":[{"numeric":["=",5000000001]}]}', "Value must be between -5.0E9 and 5.0E9, inclusive", 34),
        ("", "Filter is not an object", 1),
    ],
)
def test_a_refused_pattern_is_explained_at_its_place(text: str, reason: str, column: int) -> None:
    assert fault_of(text) == f'{reason}\n at [Source: (String)"{text}"; line: 1, column: {column}]'


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ('{"detail": {"state": [{"anything-but": {"wildcard": [123, "*/dir/*"]}}]}}', 57),
        ('{"detail": {"state": [{"anything-but": {"prefix": [123, "test"]}}]}}', 55),
        ('{"detail": {"state": [{"anything-but": {"equals-ignore-case": [123, 456]}}]}}', 67),
    ],
)
def test_a_fault_within_a_negated_list_is_placed_twice_as_aws_does(text: str, column: int) -> None:
    place = f'\n at [Source: (String)"{text}"; line: 1, column: {column}]'
    assert fault_of(text).endswith(place + place)


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ("bad-filter", "Malformed CIDR, one '/' required"),
        ("10.0.0.0/xx", "Malformed CIDR, mask bits must be an integer"),
        ("10.0.0.0/-1", "Malformed CIDR, mask bits must not be negative"),
        ("xx.11.xx/8", "Nonstandard IP address: xx.11.xx"),
        ("xxxx:db8:1234:1a00::/64", "Nonstandard IP address: xxxx:db8:1234:1a00::"),
        ("10.0.0.0/32", "IPv4 mask bits must be < 32"),
        ("2001:db8::/128", "IPv6 mask bits must be < 128"),
        ("300.0.0.0/8", "Invalid IP address: 300.0.0.0"),
    ],
)
def test_a_bad_block_is_explained_without_a_place(block: str, reason: str) -> None:
    assert fault_of(json.dumps({"ip": [{"cidr": block}]})) == reason


def test_mixed_types_cannot_be_negated_together() -> None:
    reason = fault_of('{"a":[{"anything-but":["x", 1]}]}')
    assert reason.startswith("Inside anything but list, either all values are number or string, mixed type is not")
    assert "Inside anything but list, start|null|boolean is not supported." in fault_of(
        '{"a":[{"anything-but":[null]}]}'
    )


def test_or_with_one_member_is_read_as_the_name_of_a_field() -> None:
    # Seen in AWS: the complaint is about the field within, not about `$or`.
    text = '{"source": ["a"], "detail": {"$or": [{"x": ["1"]}], "y": ["2"]}}'
    assert fault_of(text).startswith("Unrecognized match type x")


def test_or_may_be_the_name_of_a_field() -> None:
    (alternative,) = read_pattern('{"$or": {"a": [1]}, "b": ["x"]}', EVENTBRIDGE)
    assert sorted(alternative) == ["$or.a", "b"]


def test_or_multiplies_what_is_around_it() -> None:
    found = read_pattern('{"a":["1"],"$or":[{"b":["2"]},{"c":["3"],"$or":[{"d":["4"]},{"e":["5"]}]}],"f":["6"]}', SNS)
    assert [sorted(one) for one in found] == [["a", "b", "f"], ["a", "c", "d", "f"], ["a", "c", "e", "f"]]


def test_operators_inside_or_make_it_the_name_of_a_field() -> None:
    (alternative,) = read_pattern('{"$or": [{"prefix": "a"}, {"suffix": "b"}]}', EVENTBRIDGE)
    assert list(alternative) == ["$or"]
    assert fault_of('{"$or": [{"numeric": 123}, {"prefix": "abc"}]}').startswith("Value of numeric must be an array.")


def test_ors_cannot_stand_for_more_than_a_thousand_rules() -> None:
    branch = '"$or":[' + ",".join(f'{{"x{i}":[1]}}' for i in range(11)) + "]"
    text = "{" + ",".join(f'"l{i}":{{{branch}}}' for i in range(3)) + "}"
    assert fault_of(text) == f"Over {limits.EVENT_PATTERN_COMBINATIONS_MAX} rule combinations"


def test_nesting_has_an_end() -> None:
    depth = limits.EVENT_PATTERN_DEPTH_MAX
    assert read_pattern('{"a":' * depth + "[1]" + "}" * depth, EVENTBRIDGE)
    assert "nested deeper" in fault_of('{"a":' * (depth + 1) + "[1]" + "}" * (depth + 1))


def test_the_same_field_again_replaces_what_was_asked() -> None:
    (alternative,) = read_pattern('{"a": {"b": ["1"]}, "a.b": ["2"]}', EVENTBRIDGE)
    assert alternative["a.b"].strings == {"2"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"key":[{"anything-but":{"suffix":"test"}}]}', "Unsupported anything-but pattern: suffix"),
        ('{"key":[{"anything-but":{"prefix":false}}]}', "prefix match pattern must be a string"),
        ('{"key":[{"wildcard":"a*"}]}', "Unrecognized match type wildcard"),
        ('{"key":[{"prefix":{"equals-ignore-case":"a"}}]}', "prefix match pattern must be a string"),
        ('{"key":[{"numeric":["<",2000000000]}]}', "Value must be between -1.0E9 and 1.0E9, inclusive"),
    ],
)
def test_sns_knows_fewer_operators(text: str, reason: str) -> None:
    with pytest.raises(PatternFault) as caught:
        read_pattern(text, SNS)
    assert str(caught.value).startswith(reason)
