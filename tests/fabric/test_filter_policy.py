"""Filter policies of SNS: AWS's examples, its limits and its messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wakeful.fabric.filter_policy import InvalidParameterException, attribute_values, compile_filter_policy


def wants(policy: dict[str, Any], **attributes: tuple[str, str]) -> bool:
    given = {name: {"DataType": kind, "StringValue": text} for name, (kind, text) in attributes.items()}
    return compile_filter_policy(policy).matches("a body", given)


def complaint(policy: dict[str, Any] | str, scope: str = "MessageAttributes", **options: str) -> str:
    with pytest.raises(InvalidParameterException) as caught:
        compile_filter_policy(policy, scope, **options)
    assert caught.value.code == "InvalidParameter"
    return caught.value.message


def test_strings_and_arrays_of_strings_are_compared() -> None:
    policy = {"customer_interests": ["rugby", "tennis"]}
    assert wants(policy, customer_interests=("String", "rugby"))
    assert wants(policy, customer_interests=("String.Array", '["rugby", "tennis"]'))
    assert not wants(policy, customer_interests=("String", "baseball"))
    assert not wants(policy, customer_interests=("String.Array", '["baseball"]'))
    assert not wants(policy)


def test_anything_but() -> None:
    policy = {"customer_interests": [{"anything-but": ["rugby", "tennis"]}]}
    assert wants(policy, customer_interests=("String", "baseball"))
    assert wants(policy, customer_interests=("String.Array", '["rugby", "baseball"]'))
    assert not wants(policy, customer_interests=("String", "rugby"))
    event = {"event": [{"anything-but": {"prefix": "order-"}}]}
    assert wants(event, event=("String", "data-entry"))
    assert not wants(event, event=("String", "order-cancelled"))
    assert not wants({"attr1": [None, {"anything-but": "whatever"}]})


def test_numbers() -> None:
    policy = {"price": [{"numeric": [">", 0, "<=", 150]}], "size": [10, {"anything-but": 5}]}
    assert wants(policy, price=("Number", "99"), size=("Number", "10.0"))
    assert not wants(policy, price=("Number", "151"), size=("Number", "10"))
    assert not wants(policy, price=("Number", "99"), size=("Number", "5"))
    assert not wants({"price": [99]}, price=("String", "99"))
    assert not wants({"price": ["99"]}, price=("Number", "99"))


def test_other_operators() -> None:
    assert wants({"ip": [{"cidr": "10.0.0.0/24"}]}, ip=("String", "10.0.0.255"))
    assert wants({"a": [{"prefix": "bas"}]}, a=("String", "baseball"))
    assert wants({"a": [{"suffix": "ball"}]}, a=("String", "baseball"))
    assert wants({"a": [{"equals-ignore-case": "tennis"}]}, a=("String", "TENNIS"))
    assert wants({"store": [{"exists": True}]}, store=("Number", "99"))
    assert wants({"store": [{"exists": False}]}, other=("Number", "99"))
    assert not wants({"store": [{"exists": False}]}, store=("String", ""))


def test_or_on_attributes() -> None:
    policy = {"source": ["cw"], "$or": [{"metric": ["cpu"]}, {"namespace": ["ec2"]}]}
    assert wants(policy, source=("String", "cw"), namespace=("String", "ec2"))
    assert not wants(policy, source=("String", "cw"), namespace=("String", "es"))


def test_binary_attributes_are_not_there() -> None:
    attributes: dict[str, dict[str, Any]] = {
        "image": {"DataType": "Binary", "BinaryValue": b"x"},
        "n": {"DataType": "Number", "StringValue": "7"},
    }
    assert attribute_values(attributes) == {"n": 7}
    assert compile_filter_policy({"image": [{"exists": False}]}).matches("", attributes)


def test_what_does_not_parse_is_a_string() -> None:
    assert attribute_values({"a": {"DataType": "String.Array", "StringValue": "[oops"}}) == {"a": "[oops"}


def test_a_policy_on_the_body_reads_json_objects() -> None:
    policy = {"object": {"key": [{"prefix": "auto-"}, "hardcodedvalue"], "nested_key": [{"exists": False}]}}
    compiled = compile_filter_policy(json.dumps(policy), "MessageBody")
    assert compiled.matches('{"object": {"key": "auto-test"}}', {})
    assert compiled.matches('{"object": {"key": "hardcodedvalue"}}', {})
    for body in (
        '{"object": {"key": "test-auto"}}',
        '{"object": {"key": "auto-a", "nested_key": 1}}',
        "text",
        '"text"',
    ):
        assert not compiled.matches(body, {})
    assert not compiled.matches("[" * 100_000, {})


def test_records_of_an_s3_event_are_matched_one_by_one() -> None:
    policy = {
        "Records": {"s3": {"object": {"key": [{"prefix": "auto-"}]}}, "eventName": [{"prefix": "ObjectCreated:"}]}
    }
    compiled = compile_filter_policy(policy, "MessageBody")

    def record(name: str, key: str, *, is_wrapped: bool = False) -> dict[str, Any]:
        thing: Any = {"key": key, "size": 17}
        return {"eventName": name, "s3": {"object": [[thing]] if is_wrapped else thing}}

    created, removed = "ObjectCreated:Put", "ObjectRemoved:Delete"
    assert compiled.matches(json.dumps({"Records": [record(created, "auto-1")]}), {})
    assert compiled.matches(
        json.dumps({"Records": [record(created, "auto-1", is_wrapped=True), record(removed, "home-1")]}), {}
    )
    assert not compiled.matches(json.dumps({"Records": [record(removed, "auto-1"), record(created, "home-1")]}), {})


def test_nested_policies_need_the_body() -> None:
    text = "Filter policy scope MessageAttributes does not support nested filter policy"
    assert complaint({"object": {"key": ["x"]}}) == f"Invalid parameter: {text}"
    assert complaint({"a": {"b": ["x"]}}, prefix="Invalid parameter: Attributes Reason: ") == (
        f"Invalid parameter: Attributes Reason: {text}"
    )


def test_limits() -> None:
    many = {f"key{number}": ["value"] for number in range(6)}
    assert complaint(many) == "Invalid parameter: FilterPolicy: Filter policy can not have more than 5 keys"
    too_complex = "Invalid parameter: FilterPolicy: Filter policy is too complex"
    values = [f"value{number}" for number in range(151)]
    assert complaint({"key": values}) == too_complex
    assert compile_filter_policy({"key": values[:150]}).scope == "MessageAttributes"
    assert complaint({"key1": values[:100], "key2": values[:51]}) == too_complex
    # The documentation counts 3 x 4 x 2 x 3 x 1 x 3 = 216: values times depth, multiplied.
    nested = {"a": {"b": {"c": list("1234")}}, "d": {"e": list("123")}, "f": list("123")}
    assert complaint(nested, "MessageBody") == too_complex
    assert compile_filter_policy(
        {"a": {"b": {"c": list("1234")}}, "d": {"e": list("123")}}, "MessageBody"
    ).pattern.alternatives
    assert (
        complaint('{"key":["' + "x" * 300_000 + '"]}') == "Invalid parameter: FilterPolicy: Filter policy is too large"
    )


def test_alternatives_of_or_add_up() -> None:
    def policy(first: int) -> dict[str, Any]:
        return {
            "source": list("1234"),
            "$or": [
                {"metricName": [str(number) for number in range(first)]},
                {"metricType": list("1234"), "$or": [{"metricId": list("1234")}, {"spaceId": list("1234")}]},
            ],
        }

    assert len(compile_filter_policy(policy(5)).pattern.alternatives) == 3  # 20 + 64 + 64
    assert complaint(policy(6)) == "Invalid parameter: FilterPolicy: Filter policy is too complex"


def test_faults_have_a_place() -> None:
    assert complaint({"key_a": "value_one"}, "MessageBody") == (
        'Invalid parameter: FilterPolicy: "key_a" must be an object or an array\n'
        ' at [Source: (String)"{"key_a":"value_one"}"; line: 1, column: 11]'
    )


def test_the_scope_is_one_of_two() -> None:
    assert complaint({}, "RandomValue") == (
        "Invalid parameter: FilterPolicyScope: Invalid value [RandomValue]. "
        "Please use either MessageBody or MessageAttributes"
    )


@pytest.mark.parametrize(
    ("text", "fault", "column"),
    [
        ('{"key":[["value"]]}', "Match value must be String, number, true, false, or null", 10),
        ('{"key":[{"wrong-operator":true}]}', "Unrecognized match type wrong-operator", 31),
        ('{"key":[{"suffix":"value","prefix":"value2"}]}', "Only one key allowed in match expression", 37),
        ('{"key":[{"suffix":100}]}', "suffix match pattern must be a string", 22),
        ('{"key":[{"suffix":null}]}', "suffix match pattern must be a string", 23),
        ('{"key":{"suffix":"value"}}', '"suffix" must be an object or an array', 19),
        ('{"key":[{"suffix":["test","test2"]}]}', "suffix match pattern must be a string", 20),
        ('{"key":{"not-an-operator":"value"}}', '"not-an-operator" must be an object or an array', 28),
        ('{"key":[{"numeric":[]}]}', "Invalid member in numeric match: ]", 22),
        ('{"key":[{"numeric":["operator"]}]}', "Unrecognized numeric range operator: operator", 32),
        ('{"key":[{"numeric":[1,"<="]}]}', "Invalid member in numeric match: 1", 22),
        ('{"key":[{"numeric":["=","000"]}]}', "Value of equals must be numeric", 26),
        ('{"key":[{"numeric":[">="]}]}', "Value of >= must be numeric", 26),
        ('{"key":[{"numeric":["<",100,">",10]}]}', "Too many elements in numeric expression", 30),
        ('{"key":[{"numeric":[">=",1,">",2]}]}', "Bad numeric range operator: >", 31),
        ('{"key":[{"numeric":[">",3,"<",1]}]}', "Bottom must be less than top", 33),
        ('{"key":[{"numeric":[">",20,"<="]}]}', "Value of <= must be numeric", 33),
        ('{"key":[{"numeric":[">",20,30]}]}', "Bad value in numeric range: 30", 30),
        ('{"key":[{"numeric":[">",20,"test"]}]}', "Bad numeric range operator: test", 34),
        ('{"key":[{"numeric":[">",20,"<",30,"<",50]}]}', "Too many terms in numeric range expression", 36),
        ('{"key":[{"exists":null}]}', "exists match pattern must be either true or false.", 23),
        ('{"key":[{"exists":"no"}]}', "exists match pattern must be either true or false.", 20),
    ],
)
def test_a_fault_is_told_as_aws_tells_it(text: str, fault: str, column: int) -> None:
    place = f'\n at [Source: (String)"{text}"; line: 1, column: {column}]'
    assert complaint(text) == f"Invalid parameter: FilterPolicy: {fault}{place}"


@pytest.mark.parametrize("operator", ['{"wildcard":"a*"}', '{"anything-but":{"suffix":"a"}}'])
def test_what_only_event_patterns_know_is_no_operator_of_sns(operator: str) -> None:
    assert complaint(f'{{"key":[{operator}]}}').startswith("Invalid parameter: FilterPolicy: Un")
