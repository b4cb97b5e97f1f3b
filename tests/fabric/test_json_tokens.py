"""The token reader: it reads what JSON is, and reports faults where AWS does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.fabric.json_tokens import LITERAL, NAME, NUMBER, STRING, JsonFault, JsonTokens

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def read_value(tokens: JsonTokens) -> Any:
    match tokens.kind:
        case "{":
            found = {}
            while tokens.next() == NAME:
                name = tokens.value
                tokens.next()
                found[name] = read_value(tokens)
            return found
        case "[":
            items = []
            while tokens.next() != "]":
                items.append(read_value(tokens))
            return items
        case _:
            assert tokens.kind in (STRING, NUMBER, LITERAL)
            return tokens.value


@given(JSON, st.sampled_from([None, 0, 2]), st.booleans())
def test_what_it_reads_is_what_json_means(value: Any, indent: int | None, is_ascii: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii)
    tokens = JsonTokens(text)
    tokens.next()
    assert read_value(tokens) == value
    tokens.finish()
    assert tokens.next() == ""


@given(st.text(alphabet='{}[]:,"\\ tru1-.eEnul\n', max_size=20))
def test_it_refuses_exactly_what_is_not_json(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(JsonFault):
            drain(text)
    else:
        assert drain(text) == expected


def drain(text: str) -> Any:
    tokens = JsonTokens(text)
    if tokens.next() == "":
        raise JsonFault("empty", text, 0)
    value = read_value(tokens)
    tokens.finish()
    return value


def test_a_string_is_reported_behind_its_opening_quote_until_its_text_is_asked_for() -> None:
    tokens = JsonTokens('["abc"]')
    tokens.next()
    tokens.next()
    assert tokens.at == 2
    assert tokens.text() == "abc"
    assert tokens.at == 6


def test_a_name_is_reported_with_the_start_of_its_value() -> None:
    tokens = JsonTokens('{"a": 123}')
    tokens.next()
    tokens.next()
    assert (tokens.kind, tokens.value, tokens.at) == (NAME, "a", 9)


def test_lines_are_counted_whatever_ends_them() -> None:
    for end in ("\n", "\r", "\r\n"):
        with pytest.raises(JsonFault, match=r"line: 3, column: 3\]"):
            drain(f"[{end}1,{end}  x]"[: len(end) * 2 + 5] + "}")


def test_a_long_source_is_cut() -> None:
    with pytest.raises(JsonFault, match=r'aaa"\[truncated 103 chars\]; line: 1, column: 604\]'):
        drain('["' + "a" * 600 + "]")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "nope",
            "Unrecognized token 'nope': was expecting (JSON String, Number, Array, Object or token 'null', 'true'",
        ),
        ("{'a': 1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name"),
        ('{"a" 1}', "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value"),
        ("[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries"),
        ('{"a":1 "b":2}', "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries"),
        ("[1}", "Unexpected close marker '}': expected ']' (for Array starting at [Source: (String)\"[1}\"; line: 1"),
        ('{"a":', "Unexpected end-of-input"),
        ('{"a":1', "Unexpected end-of-input: expected close marker for Object (start marker at [Source: (String)"),
        ('"a', "Unexpected end-of-input: was expecting closing quote for a string value"),
        ('"\\q"', "Unrecognized character escape 'q' (code 113)"),
        ('"\t"', "Illegal unquoted character ((CTRL-CHAR, code 9)): has to be escaped using backslash"),
        ('"\\u12g4"', "expected a hex-digit for character escape sequence"),
        ("[1,]", "Unexpected character (']' (code 93)): expected a valid value"),
        ("{} {}", "Unexpected text after the end of the value"),
    ],
)
def test_faults_have_the_words_of_aws(text: str, reason: str) -> None:
    with pytest.raises(JsonFault) as caught:
        drain(text)
    assert reason in str(caught.value)
