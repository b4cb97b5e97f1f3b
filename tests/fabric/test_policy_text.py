"""Wildcards and variables within policies."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful.fabric.policy_text import Form, Text, without_regret

VALUES = {"aws:username": ("ann",), "aws:principaltag/team": ("blue*",), "k": ("1", "2")}


def lookup(key: str) -> tuple[str, ...] | None:
    return VALUES.get(key)


def covers(pattern: str, resource: str) -> bool:
    return Text(pattern).matches(resource, "resource", lookup)


@given(st.text(alphabet="ab*?", max_size=6), st.text(alphabet="ab", max_size=6))
def test_wildcards_stand_for_any_or_one_character(pattern: str, value: str) -> None:
    expected = re.fullmatch(pattern.replace("*", ".*").replace("?", "."), value) is not None
    assert Text(pattern).matches(value, "text", lookup) == expected
    assert Text(pattern, has_variables=False).matches(value, "text", lookup) == expected


@given(st.text(alphabet="a.+[($*?{}", max_size=8))
def test_a_text_without_variables_is_itself(text: str) -> None:
    assert Text(text, has_variables=False).literal(lookup) == text


@pytest.mark.parametrize(
    ("pattern", "resource", "expected"),
    [
        ("*", "arn:aws:s3:::bucket/key", True),
        ("*", "*", True),
        ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/a/b", True),
        ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket", False),
        ("arn:aws:s3:::buck?t", "arn:aws:s3:::bucket", True),
        ("arn:aws:s3:::Bucket", "arn:aws:s3:::bucket", False),
        ("arn:aws:sqs:*:123456789012:q*", "arn:aws:sqs:eu-west-1:123456789012:q1", True),
        ("arn:aws:sqs:us-*-1:123456789012:q", "arn:aws:sqs:us-east-1:123456789012:q", True),
        ("arn:aws:sqs:us-*1:1:q", "arn:aws:sqs:us-east:1:1:q", False),
        ("arn:aws:sqs:us-*", "arn:aws:sqs:us-east-1:123456789012:q", True),
        ("arn:aws:logs:*:*:*", "arn:aws:logs:us-east-1:1:log-group:/a:log-stream:b", True),
        ("arn:aws:logs:us-east-?:1:x", "arn:aws:logs:us-east-1:1:x", True),
        ("arn:aws:s3:::home/${aws:username}/*", "arn:aws:s3:::home/ann/x", True),
        ("arn:aws:s3:::home/${aws:username}/*", "arn:aws:s3:::home/bob/x", False),
        ("arn:aws:s3:::${AWS:UserName}", "arn:aws:s3:::ann", True),
        ("arn:aws:s3:::${aws:PrincipalTag/team}", "arn:aws:s3:::blue*", True),
        ("arn:aws:s3:::${aws:PrincipalTag/team}", "arn:aws:s3:::blueish", False),
        ("arn:aws:s3:::${aws:gone}", "arn:aws:s3:::", False),
        ("arn:aws:s3:::${aws:gone, 'all'}/x", "arn:aws:s3:::all/x", True),
        ("arn:aws:s3:::${aws:username, 'all'}", "arn:aws:s3:::ann", True),
        ("arn:aws:s3:::${k}", "arn:aws:s3:::1", False),
        ("arn:aws:s3:::a${*}b${?}c${$}", "arn:aws:s3:::a*b?c$", True),
        ("arn:aws:s3:::a${*}b", "arn:aws:s3:::axb", False),
    ],
)
def test_resources(pattern: str, resource: str, expected: bool) -> None:
    assert covers(pattern, resource) == expected


def test_version_2008_has_no_variables() -> None:
    text = Text("arn:aws:s3:::${aws:username}", has_variables=False)
    assert text.matches("arn:aws:s3:::${aws:username}", "resource", lookup)
    assert not text.matches("arn:aws:s3:::ann", "resource", lookup)


@pytest.mark.parametrize(
    ("pattern", "arn", "expected"),
    [
        ("arn:aws:sns:*:1:t", "arn:aws:sns:us-east-1:1:t", True),
        ("arn:aws:sns:*:t", "arn:aws:sns:us-east-1:1:t", False),
        ("arn:aws:sns:us-*:1:t*", "arn:aws:sns:us-east-1:1:topic:sub", True),
        ("arn:aws:sns:us-*", "arn:aws:sns:us-east-1:1:t", False),
        ("*", "arn:aws:sns:us-east-1:1:t", True),
    ],
)
def test_arns_are_compared_part_by_part(pattern: str, arn: str, expected: bool) -> None:
    assert Text(pattern).matches(arn, "arn", lookup) == expected


def test_a_literal_keeps_its_wildcards() -> None:
    found: Callable[[str], str | None] = lambda source: Text(source).literal(lookup)  # noqa: E731
    assert found("a*?") == "a*?"
    assert found("x-${aws:username}") == "x-ann"
    assert found("${*}${?}${$}") == "*?$"
    assert found("${aws:gone}") is None


PARTS = st.lists(st.sampled_from([".*", "[^:]*", ".*", "[^:]*", "a", "b", ":", "[^:]"]), max_size=9)


@examples(300)
@given(PARTS, st.text(alphabet="ab:", max_size=12))
def test_stars_that_are_looked_for_once_match_the_same_texts(parts: list[str], text: str) -> None:
    once = re.compile(without_regret(parts), re.DOTALL)
    assert bool(once.fullmatch(text)) == bool(re.fullmatch("".join(parts), text, re.DOTALL))


@pytest.mark.parametrize("form", ["text", "arn", "resource"])
def test_many_stars_end_at_once(form: Form) -> None:
    colons = "*:x*y" * 4 + "*:x"
    for pattern, value in (("*a" * 40, "a" * 100 + "b"), (f"{colons}{'*a' * 40}", ":xy" * 200 + "a" * 80 + "b")):
        assert not Text(pattern).matches(value, form, lambda key: None)
