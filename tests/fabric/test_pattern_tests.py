"""The single tests of a pattern: wildcards, addresses, numbers, and what is too complex."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful import limits
from wakeful.fabric import pattern_tests as tests
from wakeful.fabric.pattern import compile_pattern

TEXT = st.text(alphabet="ab*\\", max_size=8)


def accepts(expression: Any, value: Any) -> bool:
    return compile_pattern({"f": [expression]}).matches({"f": value})


@given(st.lists(st.text(alphabet="ab", max_size=3), min_size=1, max_size=4), st.text(alphabet="ab", max_size=8))
def test_a_wildcard_is_the_expression_with_anything_in_between(parts: list[str], value: str) -> None:
    joined = [part for index, part in enumerate(parts) if part or index in (0, len(parts) - 1)]
    wildcard = "*".join(joined)
    assert tests.like(tests.wildcard_parts(wildcard))(value) == bool(re.fullmatch(wildcard.replace("*", ".*"), value))


@given(TEXT)
def test_an_escaped_text_is_its_own_only_match(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace("*", "\\*")
    assert tests.wildcard_parts(escaped) == [text]


@pytest.mark.parametrize(
    "wildcards",
    [
        ["*.bif", "*.tiff", "*.tif", "*.svs"],
        ["*/datasync/*.bif", "*/datasync/*.tif"],
        ["*/datasync/*.tiff", "*/datasync/*.svs"],
        ["*:stack/SharedStack/*", "*:stack/ApiStack/*", "*:stack/WebStack/*"],
        ["/Users/*/dir/dir/dir/dir/dir/doc.txt"],
        ["*/dir/*.png"],
    ],
)
def test_what_aws_was_seen_to_take_is_not_too_complex(wildcards: list[str]) -> None:
    assert not tests.is_too_complex(wildcards, limits.EVENT_PATTERN_COMPLEXITY_MAX)


@pytest.mark.parametrize(
    "wildcards",
    [
        ["*:*:*:*:*:event-bus/*"],
        ["*/datasync/*.bif", "*/datasync/*.tiff", "*/datasync/*.tif", "*/datasync/*.svs"],
        ["*:stack/SharedStack/*", "*:stack/ApiStack/*", "*:stack/WebStack/*", "*:stack/MonitoringStack/*"],
    ],
)
def test_what_aws_was_seen_to_refuse_is_too_complex(wildcards: list[str]) -> None:
    assert tests.is_too_complex(wildcards, limits.EVENT_PATTERN_COMPLEXITY_MAX)


@given(st.ip_addresses(v=4), st.integers(0, 31), st.ip_addresses(v=4))
def test_a_block_reaches_from_its_address_to_its_end(base: Any, mask_bits: int, address: Any) -> None:
    end = ipaddress.ip_network(f"{base}/{mask_bits}", strict=False).broadcast_address
    assert tests.within_block(f"{base}/{mask_bits}")(str(address)) == (base <= address <= end)


@given(st.ip_addresses(v=6), st.integers(0, 127), st.ip_addresses(v=6))
def test_a_block_of_the_sixth_version_likewise(base: Any, mask_bits: int, address: Any) -> None:
    network = ipaddress.ip_network(f"{base}/{mask_bits}", strict=False)
    if base.ipv4_mapped is None and address.ipv4_mapped is None:
        inside = base <= address <= network.broadcast_address
        assert tests.within_block(f"{base}/{mask_bits}")(str(address)) == inside


def test_an_address_matches_however_it_is_spelt() -> None:
    assert accepts("2001:db8::1", "2001:0db8:0:0:0:0:0:1")
    assert accepts("10.0.0.1", "10.0.0.1")
    assert not accepts("10.0.0.1", "10.0.0.2")
    assert accepts("1:2:3", "1:2:3"), "looks like an address and is none"
    assert accepts("999.0.0.1", "999.0.0.1")


NUMBERS = st.integers(-20, 20) | st.sampled_from([0.5, -0.25, 3.0])


@given(NUMBERS, NUMBERS, st.booleans(), st.booleans(), NUMBERS)
def test_a_range_contains_what_lies_between(low: float, high: float, opens: bool, closes: bool, value: float) -> None:
    if low >= high:
        return
    expression = {"numeric": [">" if opens else ">=", low, "<" if closes else "<=", high]}
    above = value > low if opens else value >= low
    below = value < high if closes else value <= high
    assert accepts(expression, value) == (above and below)
    assert not accepts(expression, str(value))


@given(st.integers(-50, 50), st.sampled_from(["{}", "{}.0", "{}e0", "{}.00"]), st.sampled_from(["{}", "{}.0", "{}e0"]))
def test_numbers_are_compared_by_value_and_not_by_spelling(number: int, wanted: str, given_: str) -> None:
    pattern = compile_pattern('{"f": [' + wanted.format(number) + "]}")
    assert pattern.matches(json.loads('{"f": ' + given_.format(number) + "}"))
    assert not pattern.matches({"f": number + 1})


def test_numbers_beyond_what_aws_compares_are_in_no_range() -> None:
    assert accepts({"numeric": [">", 0]}, 5_000_000_000)
    assert not accepts({"numeric": [">", 0]}, 5_000_000_001)
    assert not accepts({"numeric": [">", 0]}, 1.1234567)
    assert accepts(123456789012, 123456789012), "an account number is compared as it is"


def test_case_is_ignored_where_asked() -> None:
    assert accepts({"equals-ignore-case": "alice"}, "ALICE")
    assert accepts({"prefix": {"equals-ignore-case": "eventb"}}, "EventBridge")
    assert accepts({"suffix": {"equals-ignore-case": "tBridge"}}, "EVENTBRIDGE")
    assert not accepts({"suffix": {"equals-ignore-case": "tBridge"}}, "Bridge")
    assert not accepts({"prefix": "eventb"}, "EventBridge")
