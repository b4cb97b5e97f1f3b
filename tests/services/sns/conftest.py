"""What many of these tests begin with."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running_node import RunningNode
from tests.services.sns.people import Inbox, new_inbox


@pytest.fixture
def inbox(shared_node: RunningNode) -> Inbox:
    return new_inbox(shared_node)


@pytest.fixture
def sns(inbox: Inbox) -> Any:
    return inbox.client()


@pytest.fixture(scope="module")
def shared_sns(shared_node: RunningNode) -> Any:
    """For what is refused."""
    return shared_node.client("sns")
