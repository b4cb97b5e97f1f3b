"""Values, as clients send them: what becomes of them, and what DynamoDB says of those that are none."""

from __future__ import annotations

from typing import Any

import pytest

from wakeful.services.dynamodb import sizes, values
from wakeful.services.dynamodb.errors import SerializationException, ValidationException
from wakeful.services.dynamodb.values import TOO_DEEP

EMPTY = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
SEVERAL = "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
INVALID = "One or more parameter values were invalid: "


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "deep"}
    for level in range(levels):
        value = {"M": {"m": value}} if level % 2 else {"L": [value]}
    return value


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"S": ""}, {"S": ""}),
        ({"S": "a", "N": None, "X": 1}, {"S": "a"}),
        ({"N": "1.0"}, {"N": "1"}),
        ({"NULL": False}, {"NULL": True}),
        ({"SS": ["b", "", "a"]}, {"SS": ["", "a", "b"]}),
        ({"NS": ["10", "9.0", "-1"]}, {"NS": ["-1", "9", "10"]}),
        ({"BS": ["/w==", "AA=="]}, {"BS": ["AA==", "/w=="]}),
        ({"L": [{"N": "01"}, {"M": {"x": {"NS": ["2", "1"]}}}]}, {"L": [{"N": "1"}, {"M": {"x": {"NS": ["1", "2"]}}}]}),
        (nested(31), nested(31)),
    ],
)
def test_a_value_is_stored_in_one_form(sent: dict[str, Any], stored: dict[str, Any]) -> None:
    assert values.checked({"a": sent}) == {"a": stored}


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, EMPTY),
        ({"X": "a"}, EMPTY),
        ({"S": None}, EMPTY),
        ({"S": "a", "N": "1"}, SEVERAL),
        ({"S": "a", "N": "b"}, "The parameter cannot be converted to a numeric value: b"),
        ({"SS": []}, f"{INVALID}An string set  may not be empty"),
        ({"NS": []}, f"{INVALID}An number set  may not be empty"),
        ({"BS": []}, f"{INVALID}Binary sets should not be empty"),
        ({"SS": ["a", "a"]}, f"{INVALID}Input collection [a, a] contains duplicates."),
        ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
        ({"BS": ["YQ==", "YQ=="]}, f"{INVALID}Input collection [YQ==, YQ==]of type BS contains duplicates."),
        ({"M": {"": {"S": "a"}}}, "Empty attribute name"),
        ({"M": {"x" * 65_536: {"S": "a"}}}, "Attribute name is too large, must be less than 65536 bytes"),
        ({"L": [{"N": "x"}]}, "The parameter cannot be converted to a numeric value: x"),
        ({"M": {"a": None}}, "The supplied Item contains a null AttributeValue: a is null"),
        (nested(32), TOO_DEEP),
    ],
)
def test_a_value_that_is_none_is_refused_in_awss_words(sent: Any, said: str) -> None:
    with pytest.raises(ValidationException) as refused:
        values.checked({"a": sent})
    assert refused.value.message == said


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("a", "Expected null"),
        ([], "Start of list found where not expected"),
        ({"S": 5}, "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String"),
        ({"N": True}, "class java.lang.Boolean can not be converted to an String"),
        ({"BOOL": "true"}, "'TRUE' can not be converted to an Boolean"),
        ({"B": {}}, "Start of structure or map found where not expected."),
        (
            {"B": "abcde"},
            "'abcde' can not be converted to a Blob: "
            "Base64 encoded length is expected a multiple of 4 bytes but found: 5",
        ),
        ({"B": "=+/="}, "'=+/=' can not be converted to a Blob: Invalid Base64 character: '='"),
        ({"B": "YR=="}, "'YR==' can not be converted to a Blob: Invalid last non-pad Base64 character dectected"),
        ({"SS": "a"}, "Expected list or null"),
        ({"L": [{"N": "x"}, {"M": 5}]}, "Expected map or null"),
    ],
)
def test_what_json_should_not_have_there_is_said_first(sent: Any, said: str) -> None:
    with pytest.raises(SerializationException) as refused:
        values.checked({"first": {"N": "no number"}, "a": sent})
    assert refused.value.message == said


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "é"}, 2),
        ({"B": "YWI="}, 2),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"M": {}}, 3),
        ({"L": [{"S": "b"}, {"S": "b"}]}, 7),
        ({"M": {"a": {"L": []}}}, 8),
        ({"SS": ["a", "bc"]}, 3),
        ({"NS": ["1", "2"]}, 4),
        ({"BS": ["YQ=="]}, 1),
    ],
)
def test_names_and_values_make_an_items_size(value: dict[str, Any], size: int) -> None:
    assert sizes.item_size({"name": value}) == len("name") + size


def test_a_value_that_is_refused_is_looked_at_a_second_time_for_types_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []

    def text(held: str, level: int) -> str:
        seen.append(held)
        return held

    monkeypatch.setattr(values, "_CHECKS", {**values._CHECKS, "S": text})
    deep: dict[str, Any] = {"L": [{"S": "x"}, {"SS": []}]}
    for _ in range(20):
        deep = {"L": [deep]}
    with pytest.raises(ValidationException, match="may not be empty"):
        values.checked({"a": deep})
    assert seen == ["x", "x"]
