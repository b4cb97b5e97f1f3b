"""The header in which a trace goes to functions, as X-Ray's clients read it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful import limits, names
from wakeful.fabric.trace import Trace, lineage_of, merged, new_trace, of_header

ROOT = "1-6b013b54-11c38355981ad1c45133a798"


def test_a_parent_is_a_segment_id_of_sixteen_hexadecimal_digits() -> None:
    header = Trace(ROOT, names.new_uuid()).header
    assert re.fullmatch(rf"Root={ROOT};Parent=[0-9a-f]{{16}};Sampled=0", header)


def test_the_same_cause_is_the_same_parent() -> None:
    assert Trace(ROOT, "one").header == Trace(ROOT, "one", 3).header != Trace(ROOT, "other").header


def test_where_a_story_begins_there_is_no_parent() -> None:
    trace = new_trace(1_700_000_000.0)
    assert trace.header == f"Root={trace.id};Sampled=0"


def test_a_lineage_counts_every_function_and_outlives_its_header() -> None:
    trace = Trace(ROOT).through("a").through("b").through("a")
    assert (trace.passes("a"), trace.passes("b"), trace.passes("c")) == (2, 1, 0)
    read = of_header(trace.header)
    assert read is not None
    assert read == trace
    assert trace.caused_by("note", hops=1).passes("a") == 2
    assert trace.without_lineage() == Trace(ROOT)


@pytest.mark.parametrize("lineage", ["x", "aaaaaaaa", "aaaaaaaa:1|", "aaaaaaaa:1000000", "|".join(["aaaaaaaa:1"] * 33)])
def test_what_is_no_lineage_of_ours_is_none(lineage: str) -> None:
    assert lineage_of(f"Root={ROOT};Lineage={lineage}") == ""


@given(st.lists(st.integers(0, 100), max_size=200))
def test_a_lineage_remembers_the_functions_it_came_through_last(passed: list[int]) -> None:
    trace = Trace(ROOT)
    for number in passed:
        trace = trace.through(str(number))
    assert len(trace.header) < 1024
    last = list(dict.fromkeys(reversed(passed)))[: limits.LINEAGE_FUNCTIONS_MAX]
    assert all(trace.passes(str(number)) > 0 for number in last)


def test_what_several_set_off_has_come_through_each_function_as_often_as_the_most_of_them() -> None:
    near, far = Trace(ROOT, "n", 1).through("a").through("a"), Trace("other", "f", 5).through("a").through("b")
    both = merged([near, far])
    assert (both.id, both.cause, both.hops) == ("other", "f", 5)
    assert (both.passes("a"), both.passes("b")) == (2, 1)
