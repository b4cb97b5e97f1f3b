"""What AWS's own DynamoDB Local answered to random operations, Wakeful answers too. Recordings are never edited."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tools.differential import RECORDED, Asked

from tests.parity.dynamodb_answers import Answer
from tests.parity.dynamodb_operations import operations
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
    ours = System(node.endpoint)
    answers = [
        Asked(operation, request, local, ours.ask(operation, request)) for operation, request, local in recorded(path)
    ]
    assert len(answers) > 1000
    wrong = [str(each) for each in answers if each.why() is None]
    assert not wrong, f"{len(wrong)} of {len(answers)} differ:\n" + "\n".join(wrong[:TOLD])


def test_a_seed_always_means_the_same_operations() -> None:
    assert list(operations(7, 50)) == list(operations(7, 50))
    assert list(operations(7, 50)) != list(operations(8, 50))
