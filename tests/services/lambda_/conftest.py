"""A node of the test's own whose functions run as plain processes, and a client of its Lambda."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running_node import RunningNode


@pytest.fixture
def client(node: RunningNode) -> Any:
    return node.client("lambda")
