"""`wakeful start`: what it says at the beginning, how it ends, and what it refuses."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.cli.conftest import wakeful
from tests.node_process import NodeProcess


def test_a_node_says_what_it_is_and_ends_well_when_asked_to(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data", "--isolation", "none")
    node.start()
    in_use = wakeful("start", "--port", "0", "--data-dir", str(tmp_path / "data"))
    assert node.stop() == 0
    told = node.log.read_text()
    assert told.startswith(f"Wakeful is ready on {node.endpoint}\n")
    for words in ("any access key is taken", "audit", "none", str(tmp_path / "data")):
        assert words in told
    assert f"\n  export AWS_ENDPOINT_URL={node.endpoint}\n" in told
    assert "Traceback" not in told
    assert (in_use.status, in_use.err) == (1, f"a node runs on {tmp_path / 'data'}; stop it first\n")


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = wakeful("start", "--port", str(port), "--data-dir", str(tmp_path))
    assert said.status == 1
    assert said.err.startswith(f"nothing can listen on 127.0.0.1 port {port}: Address already in use")


def test_a_node_that_others_can_reach_wants_a_key_first(tmp_path: Path) -> None:
    said = wakeful("start", "--host", "0.0.0.0", "--port", "0", "--isolation", "none", "--data-dir", str(tmp_path))
    assert said.status == 1
    assert "wakeful keys create" in said.err


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("--isolation", "Z", "--isolation is one of auto, A, B, C, none"),
        ("--iam", "maybe", "--iam is one of off, audit, enforce"),
        ("--port", "65536", "less than or equal to 65535"),
        ("--port", "http", "valid integer"),
    ],
)
def test_a_setting_that_makes_no_sense_is_said(flag: str, value: str, words: str, tmp_path: Path) -> None:
    said = wakeful("start", flag, value, "--data-dir", str(tmp_path / "data"))
    assert said.status == 2
    assert words in said.err
    assert not (tmp_path / "data").exists()


def test_without_a_command_there_is_help() -> None:
    said = wakeful()
    for command in ("start", "status", "doctor", "invoke", "logs", "trace", "keys"):
        assert command in said.out + said.err


def test_the_version_is_told() -> None:
    assert wakeful("--version").out.startswith("wakeful ")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [("--smtp-relay", "http://mail", "smtp://[user:password@]host[:port]"), ("--smtp-from", "me", "e-mail address")],
)
def test_a_relay_that_is_none_is_refused_before_anything_starts(
    tmp_path: Path, option: str, value: str, words: str
) -> None:
    said = wakeful("start", option, value, "--data-dir", str(tmp_path / "data"))
    assert said.status == 2
    assert words in " ".join(said.err.replace("│", " ").split())
    assert not (tmp_path / "data").exists()
