"""A synchronous Invoke, from the client to a real sandbox and back, without a transaction."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.functions import call, deploy
from tests.running_node import running_node

WHERE = """
import os, socket

def handler(event, context):
    return {
        "pid": os.getpid(),
        "files": sorted(os.listdir("/")),
        "code": sorted(os.listdir("/var/task")),
        "request": context.aws_request_id,
        "home": os.path.exists(event["home"]),
    }
"""


@pytest.mark.slow
def test_an_invoke_reaches_a_sandbox_and_comes_back_without_a_transaction(tmp_path: Path) -> None:
    with running_node(tmp_path / "data", isolation="auto", rehearse=False) as node:
        client = node.client("lambda")
        deploy(client, code=WHERE, MemorySize=1769)

        cold = call(client, event={"home": str(Path.home() / ".bashrc")})
        assert cold.error is None
        assert cold.payload["code"] == ["index.py"]
        if node.node.isolation.tier in "AB":
            assert cold.payload["home"] is False
            assert cold.payload["pid"] < 10, "it has a process namespace of its own"
            assert "home" not in cold.payload["files"]
        assert "Init Duration" in cold.log

        node.settle()
        commits = node.node.store.commit_count  # type: ignore[attr-defined] # SQLite counts them
        warm = [call(client, event={"home": os.sep}) for _ in range(20)]
        assert {answer.payload["pid"] for answer in warm} == {cold.payload["pid"]}, "another environment was used"
        assert len({answer.payload["request"] for answer in warm}) == 20
        assert all("Init Duration" not in answer.log for answer in warm)
        assert node.node.store.commit_count == commits, "a warm Invoke wrote a transaction"  # type: ignore[attr-defined]

        runs = node.run(node.node.telemetry.recent_notes(kind="run", limit=50))
        assert [run.detail["cold"] for run in reversed(runs)] == [True] + [False] * 20
