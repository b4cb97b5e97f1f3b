"""What environments ask of Lambda: their log is opened whatever fails, and nothing is kept of those that ended."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.functions import call, deploy, package, wait_until_updated
from tests.running_node import RunningNode
from wakeful import limits

pytestmark = pytest.mark.slow


def test_a_log_that_cannot_be_opened_at_once_is_opened_later_with_all_its_lines(
    node: RunningNode, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    attendant = node.node.attendant
    make, failures = attendant._make, [OSError("no space left on device"), KeyError("a mistake of ours")]

    async def fail_first(stream: Any) -> None:
        if failures:
            raise failures.pop()
        await make(stream)

    monkeypatch.setattr(limits, "WORK_BACKOFF_S", 0.01)
    monkeypatch.setattr(attendant, "_make", fail_first)
    deploy(client, code="def handler(event, context):\n    print('hello')\n")
    call(client)
    logs, messages = node.client("logs"), [""]
    while failures or not any(message.startswith("REPORT") for message in messages):
        found = logs.describe_log_groups()["logGroups"]
        events = logs.filter_log_events(logGroupName="/aws/lambda/f")["events"] if found else []
        messages = [event["message"] for event in events]
    assert "hello\n" in messages
    assert call(client).status == 200


def test_nothing_is_kept_of_environments_that_have_ended(node: RunningNode, client: Any) -> None:
    deploy(client)
    call(client)
    assert len(node.node.attendant._streams) == 1
    for _ in range(3):
        client.update_function_code(FunctionName="f", ZipFile=package(index__py="def handler(event, context): pass"))
        wait_until_updated(client, "f")
        call(client)
    kept = (node.node.attendant._streams, node.node.servers.listening)
    deadline = time.monotonic() + 20
    while [len(each) for each in kept] != [1, 2]:  # of the last environment; and the node's own socket
        assert time.monotonic() < deadline, kept
        node.settle()
