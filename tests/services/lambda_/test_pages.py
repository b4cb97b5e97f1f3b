"""Markers of lists: ours are read, and whatever else a client sends is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.errors import refusal
from tests.running_node import RunningNode
from wakeful.services.lambda_.errors import InvalidParameterValueException
from wakeful.services.lambda_.pages import marked, unmarked

HOSTILE = [
    *("no base64", "[]", "null", "{}", '["a"]', '["a", true]', '["a", 1, 2]', "[" * 100_000),
    *('["a", 9223372036854775808]', '["\\ud800", 1]', '["\\u0000", 1]'),
]


@given(st.from_regex(r"[a-zA-Z0-9_:-]*", fullmatch=True), st.integers(-2, 1 << 62))
def test_our_own_are_read(name: str, number: int) -> None:
    assert unmarked(marked(name, number), ["", 0]) == [name, number]


@pytest.mark.parametrize("text", HOSTILE)
def test_others_are_refused(text: str) -> None:
    with pytest.raises(InvalidParameterValueException, match="Invalid Marker"):
        unmarked(base64.b64encode(text.encode()).decode() if text != "no base64" else text, ["", 0])


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_what_is_read_can_be_asked_for(value: Any) -> None:
    try:
        name, number = unmarked(base64.b64encode(json.dumps(value).encode()).decode(), ["", 0])
    except InvalidParameterValueException:
        return
    assert "\0" not in name.encode().decode()
    assert -(1 << 63) < number < 1 << 63


def test_every_list_refuses_what_is_no_marker(shared_node: RunningNode) -> None:
    client = shared_node.client("lambda")
    for listing in ("functions", "layers", "code_signing_configs", "event_source_mappings", "capacity_providers"):
        assert refusal(getattr(client, f"list_{listing}"), Marker="x") == (
            "InvalidParameterValueException",
            "Invalid Marker",
        )
