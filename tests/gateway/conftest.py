"""What the tests of the gateway share: a node on which there is nothing."""

from __future__ import annotations

import pytest

from tests.running_node import RunningNode


@pytest.fixture
def node(lent_node: RunningNode) -> RunningNode:
    return lent_node
