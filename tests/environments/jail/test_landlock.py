"""A process that gives up files and ports has only those it named."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from wakeful.environments.jail import landlock, linux

pytestmark = pytest.mark.skipif(
    linux.landlock_version() < landlock.VERSION_MIN, reason=f"NO LANDLOCK {landlock.VERSION_MIN} ON THIS HOST"
)


def refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except PermissionError:
        return True
    return False


def in_a_child(readable: list[str], writable: list[str], ports: list[int], attempts: list[Callable[[], object]]) -> str:
    """For each attempt "r" where it was refused and "." where it was not."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            linux.forbid_new_privileges()
            landlock.restrict(readable, writable, ports)
            os.write(write_end, "".join("r" if refused(attempt) else "." for attempt in attempts).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    os.waitpid(pid, 0)
    answer = os.read(read_end, 100).decode()
    os.close(read_end)
    return answer


def test_files_outside_are_closed_and_those_named_are_open(tmp_path: Path) -> None:
    inside, outside, mine = tmp_path / "inside", tmp_path / "outside", tmp_path / "mine"
    for folder in (inside, outside, mine):
        folder.mkdir()
        (folder / "file").write_text("x")
    answer = in_a_child(
        [str(inside), str(tmp_path / "is not there")],
        [str(mine)],
        [],
        [
            (inside / "file").read_text,
            (outside / "file").read_text,
            lambda: list(outside.iterdir()),
            lambda: (inside / "file").write_text("y"),
            lambda: (mine / "file").write_text("y"),
            (mine / "new").mkdir,
        ],
    )
    assert answer == ".rrr.."


def test_only_the_ports_named_can_be_connected_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as allowed, socket.create_server(("127.0.0.1", 0)) as other:
        here, there = allowed.getsockname(), other.getsockname()
        answer = in_a_child(
            ["/"],
            [],
            [here[1]],
            [
                lambda: socket.create_connection(here, 5),
                lambda: socket.create_connection(there, 5),
                lambda: socket.create_server(("127.0.0.1", 0)),
            ],
        )
    assert answer == ".rr"


def test_processes_outside_cannot_be_signalled() -> None:
    parent = os.getpid()
    assert in_a_child(["/"], [], [], [lambda: os.kill(parent, 0), lambda: os.kill(os.getpid(), 0)]) == "r."
