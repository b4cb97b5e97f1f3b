"""What AWS's own DynamoDB Local answered to random operations, Wakeful answers too. Recordings are never edited."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tools.differential import RECORDED, ask

from tests.parity.dynamodb_answers import Answer, comparable, is_to_be_compared
from tests.parity.dynamodb_operations import operations
from tests.running_node import RunningNode

TOLD = 5
"""Differences that a failure shows."""


def recorded(path: Path) -> Iterator[tuple[str, dict[str, Any], Answer]]:
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        operation, request, status, body = json.loads(line)
        yield operation, request, Answer(status, body)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.jsonl.gz")), ids=lambda path: path.name.partition(".")[0])
def test_every_answer_is_as_recorded(node: RunningNode, path: Path) -> None:
    count, wrong = 0, []
    for operation, request, theirs in recorded(path):
        ours = ask(node.endpoint, operation, request)
        if not is_to_be_compared(operation, request, theirs):
            continue
        count += 1
        expected, found = comparable(operation, theirs), comparable(operation, ours)
        if expected != found:
            wrong.append(f"{operation} {request}\n  recorded: {expected}\n  answered: {found}")
    assert count > 1000
    assert not wrong, f"{len(wrong)} of {count} differ:\n" + "\n".join(wrong[:TOLD])


def test_a_seed_always_means_the_same_operations() -> None:
    assert list(operations(7, 50)) == list(operations(7, 50))
    assert list(operations(7, 50)) != list(operations(8, 50))
