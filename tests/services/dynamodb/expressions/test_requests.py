"""Requests as a whole: what may stand beside what, and the placeholders' names and values."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.dynamodb.expressions.asking import ITEM, KEYS, refusal
from wakeful.services.dynamodb.expressions import asked

ONE = {":a": {"N": "1"}}
PARTITION = {"p": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}}
MIXED = (
    "Can not use both expression and non-expression parameters in the same request:"
    " Non-expression parameters: {{{}}} Expression parameters: {{{}}}"
)
WITHOUT = "ExpressionAttributeValues can only be specified when using expressions: {}"


@pytest.mark.parametrize(
    ("operation", "request_", "why"),
    [
        (
            "UpdateItem",
            {
                "ConditionExpression": "a",
                "UpdateExpression": "b",
                "ConditionalOperator": "AND",
                "Expected": {},
                "AttributeUpdates": {},
            },
            MIXED.format("AttributeUpdates, Expected, ConditionalOperator", "UpdateExpression, ConditionExpression"),
        ),
        (
            "Query",
            {
                "KeyConditionExpression": "a",
                "FilterExpression": "b",
                "ProjectionExpression": "c",
                "KeyConditions": PARTITION,
                "ConditionalOperator": "AND",
                "QueryFilter": {},
                "AttributesToGet": [],
            },
            MIXED.format(
                "AttributesToGet, QueryFilter, ConditionalOperator, KeyConditions",
                "ProjectionExpression, FilterExpression, KeyConditionExpression",
            ),
        ),
        (
            "Query",
            {"KeyConditions": PARTITION, "QueryFilter": {}, "FilterExpression": "b"},
            MIXED.format("QueryFilter", "FilterExpression"),
        ),
        ("Scan", {"ScanFilter": {}, "ProjectionExpression": "c"}, MIXED.format("ScanFilter", "ProjectionExpression")),
        (
            "BatchGetItem",
            {"AttributesToGet": ["a"], "ProjectionExpression": "c"},
            MIXED.format("AttributesToGet", "ProjectionExpression"),
        ),
        ("Query", {}, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."),
        ("Put", {"ExpressionAttributeValues": ONE}, WITHOUT.format("ConditionExpression is null")),
        (
            "Update",
            {"ExpressionAttributeValues": ONE},
            WITHOUT.format("UpdateExpression and ConditionExpression are null"),
        ),
        ("Scan", {"ExpressionAttributeValues": ONE}, WITHOUT.format("FilterExpression is null")),
        (
            "Query",
            {"KeyConditions": PARTITION, "ProjectionExpression": "n", "ExpressionAttributeValues": ONE},
            WITHOUT.format("FilterExpression and KeyConditionExpression are null"),
        ),
        (
            "Get",
            {"ExpressionAttributeNames": {"#a": "b"}},
            "ExpressionAttributeNames can only be specified when using expressions",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(operation: str, request_: dict[str, Any], why: str) -> None:
    assert refusal(operation, request_) == why


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ({}, "ExpressionAttributeNames must not be empty"),
        ({"a": "b"}, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "a"'),
        ({"#a-b": "b"}, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#a-b"'),
        (
            {"": "b"},
            "ExpressionAttributeNames contains invalid key: The expression attribute map contains an empty key;",
        ),
        (
            {"#" + "a" * 255: "b"},
            "ExpressionAttributeNames contains invalid key:"
            " The expression attribute map contains a key that is too long; size of key: 256",
        ),
        ({"#a": ""}, "ExpressionAttributeNames contains invalid value: Empty attribute name for key #a"),
        (
            {"#a": "b" * 65536},
            "ExpressionAttributeNames contains invalid value:"
            " Attribute name is too large, must be less than 65536 bytes for key #a",
        ),
        (
            {"#a": "b", "#c": "d", "#e": "f"},
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#c, #e}",
        ),
    ],
)
def test_names_are_checked_and_used(names: dict[str, str], why: str) -> None:
    assert refusal("GetItem", {"ProjectionExpression": "#a", "ExpressionAttributeNames": names}) == why


INVALID_VALUE = "ExpressionAttributeValues contains invalid value: {} for key :a"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "ExpressionAttributeValues must not be empty"),
        ({"a": {"N": "1"}}, 'ExpressionAttributeValues contains invalid key: Syntax error; key: "a"'),
        (
            {":a": {}},
            INVALID_VALUE.format(
                "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
            ),
        ),
        (
            {":a": {"SS": []}},
            INVALID_VALUE.format("One or more parameter values were invalid: An string set  may not be empty"),
        ),
        (
            {":a": {"L": [{"N": "1E126"}]}},
            INVALID_VALUE.format(
                "Number overflow. Attempting to store a number with magnitude larger than supported range"
            ),
        ),
        ({":a": {"S": "x" * (2 * 1024 * 1024)}}, "ExpressionAttributeValues exceeds max size"),
        ({**ONE, ":b": {"N": "1"}}, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:b}"),
    ],
)
def test_values_are_checked_and_used(values: dict[str, Any], why: str) -> None:
    request = {"ConditionExpression": "attribute_type(n, :a) OR n = :a", "ExpressionAttributeValues": values}
    if not why.startswith("Value provided"):
        assert refusal("PutItem", request) == why
    assert refusal("PutItem", {**request, "ConditionExpression": "n = :a"}) == why


def test_an_expression_with_what_its_placeholders_stand_for_has_a_megabyte() -> None:
    def sized(text: str, size: int, name: str) -> str:
        values = {":a": {"S": "x" * size}}
        names = {"#n": name}
        request = {
            "ConditionExpression": text,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }
        return refusal("PutItem", request)

    once, twice = "#n = :a", "#n = :a OR #n = :a"
    room = 1024 * 1024 - len(once)
    wrong = "Invalid ConditionExpression: Expression size has exceeded the maximum allowed size;"
    assert sized(once, room - 100, "n" * 100) == ""
    assert sized(once, room - 99, "n" * 100) == wrong
    assert sized(twice, 500_000, "n") == ""
    assert sized(twice, 600_000, "n") == wrong


def test_names_have_two_megabytes_together_with_values() -> None:
    names = {f"#n{place}": "x" * 65_000 for place in range(33)}
    text = " AND ".join(f"attribute_exists({name})" for name in names)
    assert refusal("PutItem", {"ConditionExpression": text, "ExpressionAttributeNames": names}) == (
        "ExpressionAttributeNames exceeds max size"
    )
    request = {
        "ConditionExpression": "#n0 = :a",
        "ExpressionAttributeNames": {"#n0": names["#n0"]},
        "ExpressionAttributeValues": {":a": {"S": "x" * (2 * 1024 * 1024 - 10)}},
    }
    assert refusal("PutItem", request) == (
        "Combined size of ExpressionAttributeNames and ExpressionAttributeValues exceeds max size"
    )


def test_a_number_is_the_same_however_it_is_written() -> None:
    request = {"ConditionExpression": "n = :a", "ExpressionAttributeValues": {":a": {"N": "0.50E1"}}}
    condition = asked("PutItem", request, KEYS).condition
    assert condition is not None
    assert condition.holds(ITEM)


@pytest.mark.parametrize(
    ("operation", "request_", "why"),
    [
        # names, values, then the expressions one after the other, then what is not used, then keys
        (
            "UpdateItem",
            {
                "UpdateExpression": "SET",
                "ExpressionAttributeNames": {"a": "b"},
                "ExpressionAttributeValues": {":a": {"N": "x"}},
            },
            "ExpressionAttributeNames contains invalid key",
        ),
        ("UpdateItem", {"UpdateExpression": "SET n = n", "ConditionExpression": "a"}, "Invalid ConditionExpression"),
        ("UpdateItem", {"UpdateExpression": "SET n = #u", "ConditionExpression": "a"}, "Invalid UpdateExpression"),
        (
            "Query",
            {"KeyConditionExpression": "a", "FilterExpression": "a", "ProjectionExpression": ","},
            "Invalid FilterExpression",
        ),
        ("Query", {"KeyConditionExpression": "a", "ProjectionExpression": ","}, "Invalid ProjectionExpression"),
        (
            "UpdateItem",
            {"UpdateExpression": "SET p = r", "ExpressionAttributeNames": {"#a": "b"}},
            "Value provided in ExpressionAttributeNames unused",
        ),
        (
            "UpdateItem",
            {"UpdateExpression": "SET p = r.x", "ConditionExpression": "attribute_exists(p.x)"},
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: p",
        ),
        (
            "Query",
            {"KeyConditions": {"p": {"ComparisonOperator": "LT"}}, "FilterExpression": "a"},
            "Invalid FilterExpression",
        ),
    ],
)
def test_of_several_mistakes_the_first_one_is_told(operation: str, request_: dict[str, Any], why: str) -> None:
    assert refusal(operation, request_).startswith(why)


def test_a_filter_of_a_query_has_no_key_attributes_and_that_of_a_scan_may() -> None:
    request = {"FilterExpression": "attribute_exists(n) AND attribute_exists(r)"}
    assert refusal("Scan", request) == ""
    assert refusal("Query", {**request, "KeyConditions": PARTITION}) == (
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: r"
    )


def test_each_expression_is_found() -> None:
    found = asked(
        "Query",
        {
            "KeyConditionExpression": "#p = :p",
            "FilterExpression": "n > :a",
            "ProjectionExpression": "#p, n",
            "ExpressionAttributeNames": {"#p": "p"},
            "ExpressionAttributeValues": {":p": {"S": "a"}, **ONE},
        },
        KEYS,
    )
    assert found.filter is not None
    assert found.projection is not None
    assert found.key_condition is not None
    assert found.filter.holds(ITEM)
    assert found.filter.attributes() == {"n"}
    assert found.projection.of(ITEM) == {"p": ITEM["p"], "n": ITEM["n"]}
    assert found.projection.attributes() == {"p", "n"}
    assert found.key_condition.low <= KEYS.of(ITEM) < found.key_condition.high
    assert asked("GetItem", {"Key": {}}, KEYS) == asked("PutItem", {"Item": {}}, KEYS)
