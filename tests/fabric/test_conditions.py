"""Every condition operator, its negation, its variants for missing keys and for several values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.fabric.conditions import BadValue, UnknownOperator, compile_condition, moment_of


def holds(operator: str, wanted: str | list[str], *given_: str, **others: str) -> bool:
    """Whether the condition on key `k` holds where the request has these values."""
    values = wanted if isinstance(wanted, list) else [wanted]
    request: dict[str, tuple[str, ...]] = {key: (value,) for key, value in others.items()}
    if given_:
        request["k"] = given_
    return compile_condition(operator, "K", values, has_variables=True).holds(request.get)


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "expected"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", ["b", "a"], "a", True),
        ("StringEquals", "a*", "ab", False),
        ("StringEqualsIgnoreCase", "a", "A", True),
        ("StringLike", "a*?", "abc", True),
        ("StringLike", "a?", "abc", False),
        ("NumericEquals", "1.0", "1", True),
        ("NumericLessThan", "10", "9.5", True),
        ("NumericLessThan", "10", "10", False),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericGreaterThan", "10", "11", True),
        ("NumericGreaterThanEquals", "10", "9", False),
        ("NumericEquals", "1", "one", False),
        ("DateEquals", "2026-11-20T13:00:00Z", "2026-11-20T14:00:00+01:00", True),
        ("DateLessThan", "2026-11-20", "2026-11-19T23:59:59Z", True),
        ("DateLessThanEquals", "2026-11-20", "2026-11-20T00:00:00Z", True),
        ("DateGreaterThan", "2026-11-20T00:00:00Z", "1795132800", False),
        ("DateGreaterThanEquals", "2026-11-20T00:00:00Z", "1795132800", True),
        ("Bool", "true", "True", True),
        ("Bool", "false", "true", False),
        ("BinaryEquals", "QUJD", "QUJD", True),
        ("BinaryEquals", "QUJD", "QUJE", False),
        ("IpAddress", "203.0.113.0/24", "203.0.113.77", True),
        ("IpAddress", "203.0.113.7", "203.0.113.7", True),
        ("IpAddress", ["10.0.0.0/8", "2001:db8::/32"], "2001:db8::1", True),
        ("IpAddress", "203.0.113.0/24", "somewhere", False),
        ("ArnEquals", "arn:aws:sns:*:1:t", "arn:aws:sns:us-east-1:1:t", True),
        ("ArnLike", "arn:aws:sns:*:1:t*", "arn:aws:sns:us-east-1:1:topic", True),
        ("ArnLike", "arn:aws:sns:*:1:t", "arn:aws:sns:us-east-1:2:t", False),
    ],
)
def test_operators_and_their_negations(operator: str, wanted: Any, value: str, expected: bool) -> None:
    assert holds(operator, wanted, value) == expected
    negations = {"StringEquals": "StringNotEquals", "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase"} | {
        "StringLike": "StringNotLike",
        "NumericEquals": "NumericNotEquals",
        "DateEquals": "DateNotEquals",
        "IpAddress": "NotIpAddress",
        "ArnEquals": "ArnNotEquals",
        "ArnLike": "ArnNotLike",
    }
    if operator in negations:
        assert holds(negations[operator], wanted, value) != expected


def test_a_missing_key_fails_unless_the_operator_is_negated_or_says_if_exists() -> None:
    assert not holds("StringEquals", "a")
    assert not holds("IpAddress", "10.0.0.0/8")
    assert holds("StringNotEquals", "a")
    assert holds("ArnNotLike", "arn:aws:s3:::x")
    assert holds("StringEqualsIfExists", "a")
    assert holds("NumericLessThanIfExists", "1")
    assert not holds("StringEqualsIfExists", "a", "b")


def test_null_asks_whether_the_key_is_there() -> None:
    assert holds("Null", "true")
    assert not holds("Null", "true", "x")
    assert holds("Null", "false", "x")
    assert not holds("Null", "False")


def test_for_all_values_every_value_must_be_wanted() -> None:
    assert holds("ForAllValues:StringEquals", ["a", "b"], "a", "b")
    assert not holds("ForAllValues:StringEquals", ["a", "b"], "a", "c")
    assert holds("ForAllValues:StringEquals", ["a"]), "no value is a wrong one"
    assert holds("ForAllValues:StringNotEquals", ["x"], "a", "b")
    assert not holds("ForAllValues:StringNotEquals", ["x"], "a", "x")


def test_for_any_value_one_value_must_be_wanted() -> None:
    assert holds("ForAnyValue:StringLike", ["a*"], "b", "ab")
    assert not holds("ForAnyValue:StringLike", ["a*"], "b", "c")
    assert not holds("ForAnyValue:StringEquals", ["a"])
    assert holds("ForAnyValue:StringNotEquals", ["x"], "x", "a")
    assert not holds("ForAnyValue:StringNotEquals", ["x"])
    assert holds("ForAnyValue:StringEqualsIfExists", ["a"])


def test_without_a_set_operator_a_negation_means_every_value() -> None:
    assert not holds("StringNotEquals", ["x"], "x", "a")
    assert holds("StringEquals", ["x"], "x", "a")


def test_variables_take_their_value_from_the_request() -> None:
    assert holds("StringEquals", "${aws:username}", "ann", **{"aws:username": "ann"})
    assert holds("StringLike", "${aws:username}/*", "ann/x", **{"aws:username": "ann"})
    assert not holds("StringLike", "${aws:username}/*", "bob/x", **{"aws:username": "*"})
    assert not holds("StringEquals", "${aws:username}", "ann")
    assert holds("StringEquals", "${aws:username, 'ann'}", "ann")
    assert holds("ArnLike", "arn:aws:iam::1:user/${aws:username}", "arn:aws:iam::1:user/ann", **{"aws:username": "ann"})


@pytest.mark.parametrize(
    "operator", ["StringEqual", "stringequals", "NullIfExists", "ForSome:StringEquals", "", "Bools"]
)
def test_operators_that_do_not_exist(operator: str) -> None:
    with pytest.raises(UnknownOperator):
        compile_condition(operator, "k", ["a"], has_variables=True)


@pytest.mark.parametrize(
    ("operator", "value", "is_syntax"),
    [
        ("NumericEquals", "one", False),
        ("DateLessThan", "tomorrow", False),
        ("DateLessThan", "2026-13-01", False),
        ("IpAddress", "example.com", False),
        ("IpAddress", "10.0.0.256", False),
        ("ArnLike", "bucket", False),
        ("Null", "maybe", False),
        ("BinaryEquals", "no base64", True),
    ],
)
def test_values_of_the_wrong_type(operator: str, value: str, is_syntax: bool) -> None:
    with pytest.raises(BadValue) as caught:
        compile_condition(operator, "k", [value], has_variables=True)
    assert caught.value.is_syntax == is_syntax


@given(st.integers(0, 4_000_000_000))
def test_moments_are_read_in_every_usual_form(moment_s: int) -> None:
    moment = datetime.fromtimestamp(moment_s, UTC)
    for text in (moment.strftime("%Y-%m-%dT%H:%M:%SZ"), moment.isoformat(), moment.strftime("%Y-%m-%d %H:%M:%S+0000")):
        assert moment_of(text) == moment_s
    if moment_s >= 10_000:
        assert moment_of(str(moment_s)) == moment_s
    assert moment_of(moment.strftime("%Y-%m-%dT%H:%M:%S.5-01:30")) == moment_s + 0.5 + 5400
