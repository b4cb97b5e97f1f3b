"""The grammar: what is no expression is refused at the token that does not belong, in DynamoDB's words."""

from __future__ import annotations

import pytest

from tests.services.dynamodb.expressions.asking import holds, refusal, refusals, updated, used
from wakeful import limits

CONDITIONS = refusals("condition: what cannot be read")


@pytest.mark.parametrize(("text", "why"), CONDITIONS)
def test_a_condition_that_cannot_be_read_is_refused_at_its_token(text: str, why: str) -> None:
    request = {"ConditionExpression": text, **used(text)}
    assert refusal("PutItem", request) == f"Invalid ConditionExpression: {why}"


def test_space_may_be_everywhere_and_keywords_in_any_case() -> None:
    assert holds("\tn\r\n=   :five")
    assert holds("m . k = :a and l [ 0 ] in ( :a )")
    assert holds("Not n = :a aNd n Between :a And :five oR n=:a")


def test_not_binds_more_than_and_and_and_more_than_or() -> None:
    assert holds("n = :five OR n = :a AND n = :two")
    assert not holds("(n = :five OR n = :a) AND n = :two")
    assert holds("NOT n = :a AND n = :five")
    assert not holds("NOT (n = :a OR n = :five)")
    assert holds("NOT NOT n = :five")


def test_an_operand_may_be_in_one_pair_of_parentheses() -> None:
    assert holds("(n) = (:five) AND size((s)) = (:five) AND n IN ((:five)) AND n BETWEEN (:a) AND (:five)")
    assert updated("SET n = ((n) + (:a))")["n"] == {"N": "6"}


@pytest.mark.parametrize("called", ["ConditionExpression", "UpdateExpression", "FilterExpression"])
def test_an_expression_has_between_one_and_4096_bytes(called: str) -> None:
    operation = {"ConditionExpression": "PutItem", "UpdateExpression": "UpdateItem"}.get(called, "Scan")
    begin, end = ("REMOVE ", "") if called == "UpdateExpression" else ("attribute_exists(", ")")
    longest = begin + "x" * (limits.DYNAMODB_EXPRESSION_BYTES_MAX - len(begin + end)) + end
    told = "" if called == "UpdateExpression" else " expression size: 4097"
    assert refusal(operation, {called: longest}) == ""
    assert refusal(operation, {called: longest + " "}) == (
        f"Invalid {called}: Expression size has exceeded the maximum allowed size;{told}"
    )
    assert refusal(operation, {called: ""}) == f"Invalid {called}: The expression can not be empty;"
    assert refusal(operation, {called: " "}).endswith('Syntax error; token: "<EOF>", near: " "')


@pytest.mark.parametrize(
    "text", ["(" * 4096, "a(" * 2048, "NOT " * 1024, "a[" * 2048, "(a AND" * 682, "a.b" + ".c" * 2000]
)
def test_no_depth_of_nesting_is_more_than_it_can_read(text: str) -> None:
    assert refusal("PutItem", {"ConditionExpression": text}).startswith("Invalid ConditionExpression: ")


def test_what_is_nested_as_deeply_as_operators_allow_holds() -> None:
    text = "n = :five"
    for depth in range(99):
        text = f"(n = :five {'AND' if depth % 2 else 'OR'} {text})"
    assert holds(text)
    assert holds("NOT " * 298 + "n = :five")
    nested = ":a"
    for _ in range(200):
        nested = f"if_not_exists(x,{nested})"
    assert updated(f"SET n = {nested}")["n"] == {"N": "1"}
