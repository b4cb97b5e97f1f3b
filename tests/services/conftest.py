"""What the tests of services share: a node that is empty, whatever the tests before did with it."""

from __future__ import annotations

import pytest

from tests.running_node import RunningNode


@pytest.fixture
def node(lent_node: RunningNode) -> RunningNode:
    return lent_node
