"""The header in which a trace goes to functions, as X-Ray's clients read it."""

from __future__ import annotations

import re

from wakeful import names
from wakeful.fabric.trace import Trace, new_trace

ROOT = "1-6b013b54-11c38355981ad1c45133a798"


def test_a_parent_is_a_segment_id_of_sixteen_hexadecimal_digits() -> None:
    header = Trace(ROOT, names.new_uuid()).header
    assert re.fullmatch(rf"Root={ROOT};Parent=[0-9a-f]{{16}};Sampled=0", header)


def test_the_same_cause_is_the_same_parent() -> None:
    assert Trace(ROOT, "one").header == Trace(ROOT, "one", 3).header != Trace(ROOT, "other").header


def test_where_a_story_begins_there_is_no_parent() -> None:
    trace = new_trace(1_700_000_000.0)
    assert trace.header == f"Root={trace.id};Sampled=0"
