"""Filter patterns: the guide's examples, what AWS was seen to answer, and what is refused."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.services.logs.errors import InvalidParameterException
from wakeful.services.logs.filter_pattern import compile_filter_pattern


def wanted(pattern: str, messages: list[str]) -> list[str]:
    matches = compile_filter_pattern(pattern)
    return [message for message in messages if matches(message)]


def takes(pattern: str, message: Any) -> bool:
    return compile_filter_pattern(pattern)(message if isinstance(message, str) else json.dumps(message))


ERRORS = [
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERROR 419] MISSING ARGUMENTS",
    "[INFO] REQUEST OK",
]


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [
        ("", [0, 1, 2, 3]),
        ('" "', [0, 1, 2, 3]),
        ("ERROR", [0, 1, 2]),
        ("ERROR ARGUMENTS", [2]),
        ("?ARGUMENTS ?INFO", [2, 3]),
        ("?ARGUMENTS ?INFO REQUEST", [0, 1, 3]),
        ("ERROR -ARGUMENTS", [0, 1]),
        ('ERROR - "BAD REQUEST"', [1, 2]),
        ("-ERROR", [3]),
        ('"401] UNAUTHORIZED"', [1]),
        ("AUTHORIZED", [1]),
        ("%AUTHORIZED%", [1]),
        (r"%ERROR 4[01]\d%", [0, 1, 2]),
        ("error", []),
    ],
)
def test_terms_are_found_anywhere_in_a_message(pattern: str, numbers: list[int]) -> None:
    assert wanted(pattern, ERRORS) == [ERRORS[number] for number in numbers]


EVENT = {
    "eventType": "UpdateTrail",
    "sourceIPAddress": "111.111.111.111",
    "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": None,
    "cluster.name": "c",
    "ThisFlag": True,
    "detail-type": "Shop",
    "latency": 55.5,
    "numbers": [1000, 0.001],
    "user": {"id": 1, "email": "John.Stiles@example.com"},
    "coordinates": [[0, 1, 2], [4, 5, 6]],
}


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "UpdateTrail" }',
        "{$.eventType=UpdateTrail}",
        "{ $.sourceIPAddress != 123.123.* }",
        "{ $.sourceIPAddress = 111.* }",
        "{ $.sourceIPAddress = *.111 }",
        "{ $.sourceIPAddress = *1.1* }",
        '{ $.arrayKey[0] = "value" }',
        "{ $.objectList[1].id = 2 }",
        "{ $.eventType = %Trail% }",
        "{ $.arrayKey[*] = %val.{2}% }",
        r"{ $.* = %111\.111\.111\.1[0-9]{1,2}% }",
        "{ $.['cluster.name'] = \"c\" }",
        '{ $["cluster.name"] = "c" }',
        "{ $.SomeObject IS NULL }",
        "{ $.ThisFlag is true }",
        "{ $.SomeOtherObject NOT EXISTS }",
        "{ $.user.missing.deeper NOT EXISTS }",
        "{ $.numbers[2] NOT EXISTS }",
        "{ $.latency >= 55.5 && $.latency < 56 }",
        "{ $.numbers[0] = 1e+3 }",
        "{ $.numbers[1] = 1e-3 }",
        "{ $.numbers[0] > +999 }",
        "{ $.numbers[1] != 1 }",
        '{ $.detail-type = "Shop" }',
        '{ ($.user.id = 1) && ($.user.email = "John.Stiles@example.com") }',
        '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = 5 && $.eventType = "x" }',
    ],
)
def test_conditions_on_json_hold_as_documented(pattern: str) -> None:
    assert takes(pattern, EVENT)


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "Update" }',
        '{ $.eventType != "UpdateTrail" }',
        "{ $.eventType > 1 }",
        "{ $.missing = 1 }",
        "{ $.missing != 1 }",
        "{ $.arrayKey != 1 }",
        "{ $.user != 1 }",
        "{ $.SomeObject != 1 }",
        "{ $.ThisFlag = true }",
        "{ $.ThisFlag IS FALSE }",
        "{ $.ThisFlag IS NULL }",
        "{ $.SomeObject NOT EXISTS }",
        "{ $.arrayKey.name = 1 }",
        "{ $.user[0] = 1 }",
        '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = 5) && $.eventType = "x" }',
    ],
)
def test_conditions_on_json_fail_as_documented(pattern: str) -> None:
    assert not takes(pattern, EVENT)


@pytest.mark.parametrize(
    ("condition", "is_met"),
    [
        # Between quotation marks a number is compared as it is written, otherwise by its value.
        ('$.int = "123"', True),
        ('$.int != "123.0"', True),
        ("$.int = 123.0", True),
        ('$.whole != "12"', True),
        ("$.whole = 12", True),
        ("$.int = 12*", True),
        ('$.int = "*23"', True),
        ('$.float = "*2.34"', True),
        ("$.float != *43", True),
        ('$.text = "*"', True),
        ('$.empty = "*"', True),
        ("$.int = *", True),
        # In the middle of a text `*` is itself.
        ("$.text != 111*111", True),
        # A text is never compared by value.
        ("$.text != 111", True),
        ("$.text = 123", False),
        ("$.text >= 123", False),
        ("$.text <= 123", False),
        # Neither objects nor arrays meet anything.
        ('$.object != "x"', False),
        ('$.array != "x"', False),
    ],
)
def test_values_are_compared_as_aws_was_seen_to(condition: str, is_met: bool) -> None:
    event = '{"text": "111.111", "empty": "", "int": 123, "float": 12.34, "whole": 12.0, "object": {}, "array": []}'
    assert takes(f"{{ {condition} }}", event) is is_met


def test_what_is_no_json_object_meets_no_condition() -> None:
    for message in ("text", "[1]", '{"a": 1', '{"a": NaN}', '"a"', "{" + '"a":{' * 100_000):
        assert not takes("{ $.a NOT EXISTS }", message)
    assert takes("{ $.a = 1 }", ' {"a": 1}\n')


ACCESS = [
    '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534',
    '127.0.0.9 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /a.gif HTTP/1.0" 200 5324',
    '127.0.0.1 Prod ann [10/Oct/2000:13:25:16 -0700] "PUT /b.html HTTP/1.0" 403 900',
]


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [
        ("[ip, user, username, timestamp, request, status_code, bytes]", [0, 1, 2]),
        (r"[ip=%127\.0\.0\.[1-8]%, user, username, timestamp, request =*.html*, status_code = 4*, bytes]", [0, 2]),
        ("[ip, user, username, timestamp, request, status_code, bytes > 1000]", [0, 1]),
        ("[..., request =*.html*, status_code = 404 || status_code = 410, bytes]", [0]),
        ("[..., status_code = 4* && status_code != 403, bytes]", [0]),
        ("[..., request=*.html*, status_code=4*,]", [0, 2]),
        ("[ip, user, ..., status_code = 200, bytes]", [1]),
        ("[ip, user, name=ann, ...]", [2]),
        ('[ip, user, name, time="10/Oct/2000:13:25:15 -0700", ...]', [0, 1]),
        ("[a, b, c, d, e, f, g, h]", []),
        ("[..., a, b, c, d, e, f, g, h]", []),
        ("[...]", [0, 1, 2]),
    ],
)
def test_fields_are_counted_and_compared(pattern: str, numbers: list[int]) -> None:
    assert wanted(pattern, ACCESS) == [ACCESS[number] for number in numbers]


def test_the_last_field_takes_the_rest() -> None:
    lines = [
        "INFO 09/25/2014 12:00:00 GET /service/resource/67 1200",
        "WARNING 09/25/2014 12:00:02 Invalid user request",
        "ERROR 09/25/2014 12:00:02 Failed to process request",
    ]
    assert wanted("[w1=ERROR, w2]", lines) == [lines[2]]
    assert wanted("[w1=ERROR || w1=WARNING, w2]", lines) == lines[1:]
    assert wanted("[w1!=ERROR && w1!=WARNING, w2]", lines) == lines[:1]
    assert wanted("[level, date, time, method, url=%/service/resource/[0-9]+$%, response_time]", lines) == lines[:1]
    assert wanted('[w1, w2="12:00 by noon"]', ["at 12:00 by noon\n"]) == ["at 12:00 by noon\n"]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("{ $.a = 1", "If a filter pattern starts with '{' it must end with '}'"),
        ("[a, b", "If a filter pattern starts with '[' it must end with ']'"),
        ("?Status: timeout", "Invalid character(s) in term ':'"),
        ('""', "Invalid character(s) in term '\"\"'"),
        ('"open', "Unclosed quote"),
        ("%a(b)%", "Invalid character(s) in term '%a(b)%'"),
        ("%open", "Invalid character(s)"),
        ("%a% %b% %c%", "at most 2 regular expressions"),
        ('{ $."sc-status" = 5* }', "Invalid character(s) in term '\"'"),
        ("{ $.a > text }", "Invalid character(s) in term 'text'"),
        ('{ $.a > "1" }', "Invalid character(s) in term '\"'"),
        ("{ $.a > %1% }", "Invalid character(s)"),
        ("{ $.a IS NOT NULL }", "Invalid character(s)"),
        ("{ $.a EXISTS }", "Invalid character(s)"),
        ("{ $.a NOT NULL }", "Invalid character(s)"),
        ("{ $.a == 1 }", "Invalid character(s) in term '='"),
        ("{ $.a % 1 }", "Invalid character(s)"),
        ("{ $ = 1 }", "Invalid character(s)"),
        ("{ a = 1 }", "Invalid character(s)"),
        ("{ $.a[x] = 1 }", "Invalid character(s)"),
        ("{ $.a[0 = 1 }", "Invalid character(s)"),
        ("{ ($.a = 1 }", "Invalid character(s)"),
        ("{ $.a = 1 $.b = 2 }", "Invalid character(s)"),
        ("{}", "Invalid character(s)"),
        ("{ $.*.* = 1 }", "at most one wildcard"),
        ("{ $.* = 1 || $.a.* = 1 || $.b.* = 1 || $.c[*] = 1 }", "at most 3 wildcard selectors"),
        ("{ " + "(" * 60 + "$.a = 1" + ")" * 60 + " }", "nested too deeply"),
        ("[a, ..., b, ...]", "Only one ellipsis"),
        ("[a = 1 && b = 2]", "Invalid character(s) in term 'b'"),
        ("[a b]", "Invalid character(s)"),
        ("[=4]", "Invalid character(s) in term '='"),
    ],
)
def test_what_is_no_pattern_is_refused_with_the_reason(pattern: str, reason: str) -> None:
    with pytest.raises(InvalidParameterException) as refused:
        compile_filter_pattern(pattern)
    assert reason in refused.value.message


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_a_pattern_or_refused(pattern: str, message: str) -> None:
    try:
        matches = compile_filter_pattern(pattern)
    except InvalidParameterException:
        return
    assert matches(message) in (True, False)


@given(st.text(min_size=1, max_size=20).filter(lambda text: not text.isspace()), st.text(max_size=20))
def test_a_quoted_phrase_is_looked_for_as_it_is(phrase: str, rest: str) -> None:
    escaped = phrase.replace("\\", "\\\\").replace('"', '\\"')
    assert takes(f'"{escaped}"', f"{rest}{phrase}{rest}")
    assert takes(f'"{escaped}"', rest) is (phrase in rest)


def test_no_message_takes_long_to_look_at() -> None:
    begun = time.monotonic()
    for message in ("[ " * 200_000, '" \\' * 200_000, "] [" * 200_000):
        takes("[..., a = 1]", message)
        takes("[w1, w2]", message)
    assert time.monotonic() - begun < 5
