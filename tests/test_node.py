"""Starting and staying up: what the machine refuses is told in a sentence, and no half of a node is left."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.node_process import SRC
from tests.running_node import running_node
from wakeful.config import Config
from wakeful.node import CannotStart, running


async def refusal(config: Config) -> str:
    """Why the node does not start: one sentence, wherever in its opening that was found."""
    try:
        async with running(config):
            raise AssertionError("it started")
    except* CannotStart as refusals:
        (reason,) = refusals.exceptions
    return str(reason)


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = await refusal(Config(tmp_path / "data", port=port, isolation="none"))
    assert said == f"nothing can listen on 127.0.0.1 port {port}: Address already in use"


async def test_a_data_directory_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    said = await refusal(Config(tmp_path / "data", port=0, isolation="none"))
    assert said == f"the data directory {tmp_path / 'data'} cannot be used: File exists"


async def test_a_state_that_cannot_be_read_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"no database" * 1000)
    said = await refusal(Config(tmp_path, port=0, isolation="none"))
    assert said == f"the state in {tmp_path} cannot be opened: file is not a database"
    assert (tmp_path / "ledger.db").read_bytes() == b"no database" * 1000


async def test_a_second_node_on_the_same_data_is_refused_and_the_first_is_not_disturbed(tmp_path: Path) -> None:
    with running_node(tmp_path / "data") as first:
        said = await refusal(Config(tmp_path / "data", port=0, isolation="none"))
        assert said == f"a node runs on {tmp_path / 'data'}; stop it first"
        assert first.client("sqs").list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_where_the_state_is_is_told_without_a_password() -> None:
    assert Config(Path("d"), store="postgresql://me:secret@db:5432/x?password=y").state == "postgresql://db:5432/x"


@pytest.mark.slow
def test_too_few_open_files_are_told_at_the_start(tmp_path: Path) -> None:
    start = [sys.executable, "-m", "wakeful", "start", "--port", "0", "--data-dir", str(tmp_path / "data")]
    told = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *start],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == "only 64 files may be open (ulimit -n); connections and functions need 512 or more\n"
    assert not (tmp_path / "data").exists()
