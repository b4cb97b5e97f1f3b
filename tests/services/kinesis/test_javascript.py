"""AWS's JavaScript client for Kinesis, unmodified: it speaks HTTP/2 and nothing else."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.durable import sdks
from tests.running_node import RunningNode
from tests.services.kinesis.conftest import arn

HERE = Path(__file__).parent / "nodejs"
PINS = (HERE / "package.json", HERE / "package-lock.json")
CLIENT = sdks.Sdk("client-kinesis", PINS, sdks.npm(PINS))


@pytest.mark.slow
def test_the_javascript_client_puts_and_follows_a_shard_to_its_end(shared_node: RunningNode, tmp_path: Path) -> None:
    program = shutil.which("node")
    if program is None:
        pytest.skip("Node.js is not here")
    with zipfile.ZipFile(io.BytesIO(sdks.layer(CLIENT))) as packed:
        packed.extractall(tmp_path)
    shutil.copy(HERE / "client.mjs", tmp_path / "nodejs")
    said = subprocess.run(
        [program, "--no-warnings", tmp_path / "nodejs" / "client.mjs", shared_node.endpoint, "js", arn("js")],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout) == {
        "data": ["a", "b", "c"],
        "children": ["shardId-000000000001", "shardId-000000000002"],
        "error": ["ResourceNotFoundException", "Stream none under account 000000000000 not found."],
    }
