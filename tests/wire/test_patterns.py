"""Java's patterns in Python."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful import limits
from wakeful.wire.model import service_model
from wakeful.wire.patterns import compile_pattern

SERVICES = ("lambda", "sqs", "sns", "events", "logs", "iam", "sts", "s3", "cloudwatch", "dynamodb")
UNITS = ("a", "-", "/", " ", "\t", "a ", "a-", "a/", "a.", "$.a", "arn:aws:", "_")


def patterns() -> Iterator[tuple[str, int]]:
    for service in SERVICES:
        model = service_model(service)
        for name in model.shape_names:
            limit = model.shape_for(name).metadata
            if "pattern" in limit:
                yield limit["pattern"], int(limit.get("max", limits.PATTERN_TEXT_MAX))


def test_every_pattern_of_the_models_compiles() -> None:
    assert len({compile_pattern(pattern) for pattern, _ in patterns()}) > 150


def test_no_pattern_takes_long_over_hostile_text() -> None:
    def give_up(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    previous = signal.signal(signal.SIGALRM, give_up)
    try:
        for pattern, longest in set(patterns()):
            match = compile_pattern(pattern).fullmatch
            for unit in UNITS:
                signal.setitimer(signal.ITIMER_REAL, 2)
                match((unit * longest)[: min(longest, limits.PATTERN_TEXT_MAX) - 1] + "\x00")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@given(st.text(alphabet=" \t!~\x1f\x7f:é\n", max_size=12))
def test_the_quick_patterns_accept_what_the_slow_ones_do(text: str) -> None:
    import re

    from wakeful.wire import patterns as product

    for slow in product._SLOW:
        assert bool(compile_pattern(slow).fullmatch(text)) == bool(re.compile(slow, re.ASCII).fullmatch(text))


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", ("Größe 5", "日本語", "a\u00a0b", "½_-"), ("a!", "a\tb")),
        (r"[\w-_]*", ("a-b_c",), ("a.b", "é")),
        (r"\p{Alpha}+", ("abc",), ("a1", "é")),
        (r"\d+", ("123",), ("١٢٣",)),
        ("a|b", ("a",), ("a\n",)),
        (r"[\u0020-\uD7FF\uD800\uDC00-\uDBFF\uDFFF\t]*", ("a 😀\t\U0010ffff",), ("a\n", "\ue000")),
        (r"[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]+", ("Größe 3€ \u2013 a\u0301!😀",), ("a\n", "a\x00", "a\u2028")),
    ],
)
def test_a_translated_pattern_means_the_same(pattern: str, good: tuple[str, ...], bad: tuple[str, ...]) -> None:
    match = compile_pattern(pattern).fullmatch
    assert all(match(text) for text in good)
    assert not any(match(text) for text in bad)


def test_a_property_that_python_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="Greek"):
        compile_pattern(r"\p{IsGreek}")
