"""Filters, parts and reports of batches: the rules that mappings and pipes share."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful import limits
from wakeful.fabric import batches
from wakeful.fabric.batches import Filter
from wakeful.fabric.source import Taken
from wakeful.fabric.trace import new_trace

KNOWN = {"a", "b", "c"}


def taken(id: str, body: str, **facts: Any) -> Taken:
    return Taken(id, body, new_trace(0.0), facts)


def record(each: Taken) -> dict[str, Any]:
    return {"messageId": each.id, "body": each.body}


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (b"", set()),
        (b"null", set()),
        (b'""', set()),
        (b"{}", set()),
        (b'{"batchItemFailures": null}', set()),
        (b'{"batchItemFailures": []}', set()),
        (b'{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "a"}]}', {"a"}),
        (b'{"batchItemFailures": [{"itemIdentifier": "c"}, {"itemIdentifier": "b", "more": 1}]}', {"b", "c"}),
        (b"done", None),
        (b"[]", None),
        (b"7", None),
        (b'"done"', None),
        (b'{"batchItemFailures": {}}', None),
        (b'{"batchItemFailures": "a"}', None),
        (b'{"batchItemFailures": ["a"]}', None),
        (b'{"batchItemFailures": [{}]}', None),
        (b'{"batchItemFailures": [{"itemIdentifier": ""}]}', None),
        (b'{"batchItemFailures": [{"itemIdentifier": null}]}', None),
        (b'{"batchItemFailures": [{"itemIdentifier": ["a"]}]}', None),
        (b'{"batchItemFailures": [{"itemidentifier": "a"}]}', None),
        (b'{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "of nobody"}]}', None),
    ],
)
def test_a_report_names_what_failed_or_condemns_the_batch(answer: bytes, failed: set[str] | None) -> None:
    assert batches.reported_failures(answer, KNOWN) == failed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(sorted(KNOWN)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["batchItemFailures", "itemIdentifier", "x"]), inner, max_size=2)
    ),
    max_leaves=6,
)


@examples(60)
@given(JSON)
def test_no_report_fails_us_or_names_what_is_not_in_the_batch(answer: Any) -> None:
    failed = batches.reported_failures(json.dumps(answer).encode(), KNOWN)
    assert failed is None or failed <= KNOWN


@pytest.mark.parametrize(
    ("pattern", "body", "is_wanted"),
    [
        ({"body": {"kind": ["order"]}}, '{"kind": "order"}', True),
        ({"body": {"kind": ["order"]}}, '{"kind": "noise"}', False),
        ({"body": {"kind": ["order"]}}, "order", False),
        ({"body": {"kind": ["order"]}}, '{"kind": "order"', False),
        ({"body": ["order"]}, "order", True),
        ({"body": [{"prefix": "or"}]}, "order", True),
        ({"body": ["order"]}, '{"kind": "order"}', False),
        ({"body": {"kind": [{"exists": False}]}}, "order", False),
        ({"body": {"$or": [{"a": [1]}, {"b": [{"exists": False}]}]}}, "order", False),
        ({"body": [{"anything-but": ["x"]}]}, '["y"]', False),
        ({"$or": [{"messageId": ["1"]}, {"body": {"a": [1]}}]}, "order", True),
        ({"body": ["7"]}, "7", True),
        ({"body": [{"anything-but": ["7"]}]}, "7", False),
        ({"body": {"tags": ["b"]}}, '{"tags": ["a", "b"]}', True),
        ({"body": {"n": [{"numeric": [">", 5]}]}}, '{"n": 6}', True),
        ({"body": {"n": [{"exists": False}]}}, '{"m": 6}', True),
        ({"$or": [{"body": {"a": [1]}}, {"body": {"b": [1]}}]}, '{"b": 1}', True),
        ({"messageId": ["1"]}, "no json", True),
        ({"messageId": ["2"]}, '{"any": "json"}', False),
    ],
)
def test_a_filter_sees_json_as_what_it_says_and_text_as_text(pattern: Any, body: str, is_wanted: bool) -> None:
    """The table of "Properly filtering Amazon SQS messages"."""
    chosen = Filter([json.dumps(pattern)], "body").wanted([taken("1", body)], record)
    assert [each.body for each in chosen] == ([body] if is_wanted else [])


def test_what_any_of_several_filters_wants_gets_through_and_everything_where_there_is_none() -> None:
    batch = [taken(str(number), f'{{"n": {number}}}') for number in range(4)]
    two = Filter(['{"body": {"n": [1]}}', '{"body": {"n": [3]}}'], "body")
    assert [each.id for each in two.wanted(batch, record)] == ["1", "3"]
    assert Filter([], "body").wanted(batch, record) == batch


@examples(50)
@given(st.lists(st.integers(0, 400), max_size=30), st.integers(200, 1000))
@example([0, 0, 0, 75], 200)
def test_parts_are_the_batch_in_its_order_and_none_is_larger_than_it_may_be(sizes: list[int], bytes_max: int) -> None:
    batch = [taken(str(number), "x" * size) for number, size in enumerate(sizes)]
    parts = list(batches.parts(batch, record, bytes_max))
    assert [each for part in parts for each in part] == batch
    for part in parts:
        assert len(part) == 1 or len(json.dumps({"Records": [record(each) for each in part]})) <= bytes_max * 1.2
    for part, following in pairwise(parts):
        both = json.dumps({"Records": [record(each) for each in [*part, following[0]]]}, separators=(",", ":"))
        assert len(both) > bytes_max, "a part that had room for one more"


@examples(50)
@example(6151, 523)
@given(st.integers(1, 10_000), st.integers(1, 100_000))
def test_slices_fill_a_batch_and_hardly_more_than_an_event(wanted: int, size: int) -> None:
    bytes_max = limits.LAMBDA_SYNCHRONOUS_BYTES_MAX
    batch: list[Taken] = []
    one = taken("1", "x" * size)
    slices = []
    while count := batches.next_slice(wanted - len(batch), batch, bytes_max):
        slices.append(count)
        batch += [one] * count
    assert len(batch) == wanted or len(batch) * batches.size_of(one) >= bytes_max
    assert (len(batch) - slices[-1]) * batches.size_of(one) < bytes_max
    assert len(slices) <= 2 + wanted / limits.BATCH_SLICE_MAX


def test_only_messages_of_fifo_queues_have_a_group_whose_order_counts() -> None:
    fair = taken("1", "", system={"MessageGroupId": "g"})
    fifo = taken("2", "", system={"MessageGroupId": "g", "SequenceNumber": "1"})
    assert (batches.group_of(fair), batches.group_of(fifo), batches.group_of(taken("3", ""))) == (None, "g", None)
