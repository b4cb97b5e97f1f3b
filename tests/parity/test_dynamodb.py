"""What AWS's own DynamoDB Local answered to random operations, Wakeful answers too. Recordings are never edited."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tools.differential import RECORDED, Asked

from tests.parity.dynamodb_answers import Answer
from tests.parity.dynamodb_operations import operations
from tests.parity.dynamodb_quirks import SAME, difference
from tests.parity.dynamodb_system import System
from tests.running_node import RunningNode

TOLD = 5
"""Differences that a failure shows."""


def recorded(path: Path) -> Iterator[tuple[str, dict[str, Any], Answer]]:
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        operation, request, status, body = json.loads(line)
        yield operation, request, Answer(status, body)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.jsonl.gz")), ids=lambda path: path.name.partition(".")[0])
def test_every_answer_is_as_recorded_but_for_what_is_known_to_differ(node: RunningNode, path: Path) -> None:
    with closing(System(node.endpoint)) as ours:
        answers = [Asked(asked, request, local, ours.ask(asked, request)) for asked, request, local in recorded(path)]
    assert len(answers) > 1000
    wrong = [str(each) for each in answers if each.why() is None]
    assert not wrong, f"{len(wrong)} of {len(answers)} differ:\n" + "\n".join(wrong[:TOLD])


def test_a_seed_always_means_the_same_operations() -> None:
    assert list(operations(7, 50)) == list(operations(7, 50))
    assert list(operations(7, 50)) != list(operations(8, 50))


def test_what_is_written_otherwise_is_the_same_and_what_nobody_has_named_is_a_difference() -> None:
    asked = {"Key": {"a": {"N": "1.5"}}}
    one = Answer(200, {"Item": {"a": {"N": "1.50"}, "s": {"NS": ["1E3", "2"]}}})
    assert (
        difference("GetItem", asked, one, Answer(200, {"Item": {"s": {"NS": ["2", "1000"]}, "a": {"N": "1.5"}}}))
        == SAME
    )
    assert difference("GetItem", asked, one, Answer(200, {})) is None
    refused = Answer(400, {"__type": "x#ValidationException", "message": "No"})
    assert difference("PutItem", {}, refused, Answer(200, {})) is None
    assert difference("PutItem", {}, refused, Answer(400, {**refused.body, "message": "Not so"})) is None
    failed = Answer(500, {"__type": "x#InternalFailure", "message": ""})
    assert difference("PutItem", {}, failed, refused) == "it fails itself"
