"""Regular expressions of filter patterns: what they match, what they may not say, and that none takes long."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful.services.logs.regex import BadRegex, Regex


def found(source: str, texts: list[str]) -> list[str]:
    regex = Regex(source)
    return [text for text in texts if regex.search(text)]


@pytest.mark.parametrize(
    ("source", "matching", "others"),
    [
        ("^[hc]at", ["hat", "cat on"], ["that"]),
        ("[hc]at$", ["a hat", "cat\n"], ["hats"]),
        ("colou?r", ["color", "my colour"], ["colouur"]),
        ("a{3,5}b", ["aaab", "aaaaab", "xaaaaaaab"], ["aab"]),
        ("gra|ey", ["gray", "grey"], ["gr y"]),
        ("^starting|^initializing|^shutting down", ["starting ...", "shutting down"], ["skipping initializing ..."]),
        (r"\[.\]", ["[a]", "[]]", "x[ ]"], ["[]"]),
        (r"10\.10\.0\.1", ["10.10.0.1"], ["10010,051"]),
        ("ab*c", ["ac", "abc", "abbbc"], ["adc"]),
        ("ab[0-9]*$", ["ab", "ab0", "ab129"], ["ab1x"]),
        ("ab+c", ["abc", "abbbc"], ["ac"]),
        (r"^\d\D\s\S\w\W$", ["1a bc-"], ["11 bc-", "1a b--"]),
        (r"\x28\x3A", ["(:"], ["(", ":"]),
        ("abcc|ab[^c]$", ["abcc ...", "xaba"], ["aac ...", "abc"]),
        ("a?b?c?d", ["d", "acd", "abcd", "xxbd"], ["abc"]),
        ("x{2}", ["xx"], ["x"]),
        ("x{2,}y", ["xxy", "xxxxy"], ["xy"]),
        ("x{,2}$", ["", "x"], []),
        ("a$b|^$", [""], ["ab", "a\nb"]),
    ],
)
def test_it_matches_as_documented(source: str, matching: list[str], others: list[str]) -> None:
    assert found(source, [*matching, *others]) == matching


@pytest.mark.parametrize(
    "source", ["", "a(b)", "something!", "*a", "a**", "[ab", "a{", "a{3,2}", "a{}", "\\", "\\x2", "^*", "ü"]
)
def test_what_may_not_be_said_is_refused(source: str) -> None:
    with pytest.raises(BadRegex):
        Regex(source)


def test_an_expression_that_is_too_large_is_refused() -> None:
    for source in (".{9999}", "a{600}b{600}"):
        with pytest.raises(BadRegex, match="too large"):
            Regex(source)


ATOMS = st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", r"\d", r"\W", "1"])
TIMES = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "{0,2}"])
BRANCHES = st.lists(st.tuples(ATOMS, TIMES), max_size=6).map(lambda parts: "".join(map("".join, parts)))
ANCHORED = st.tuples(st.sampled_from(["", "^"]), BRANCHES, st.sampled_from(["", "$"])).map("".join)


@examples(400)
@given(
    source=st.lists(ANCHORED, min_size=1, max_size=3).map("|".join).filter(bool),
    texts=st.lists(st.text("ab1c-\n", max_size=9), min_size=1, max_size=6),
)
def test_it_finds_what_any_other_engine_finds(source: str, texts: list[str]) -> None:
    other = re.compile(source, re.ASCII)
    assert found(source, texts) == [text for text in texts if other.search(text)]


def test_no_expression_takes_long() -> None:
    """The other engine would need longer than anybody lives."""
    text = "a" * 20_000
    begun = time.monotonic()
    assert not Regex("a*" * 200 + "b").search(text)
    assert not Regex("a.{300}b.{300}c").search("ab" * 10_000)
    assert time.monotonic() - begun < 5
