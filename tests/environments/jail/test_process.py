"""Commands and variables are rewritten to where things are, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.environments.jail.process import HostProcess
from wakeful.environments.jail.walls import Order, Room

ROOM = Room(
    number=1,
    user=None,
    tree=None,
    directory="/tmp/room",
    endpoint_port=4566,
    tmp_mb=512,
    processes_max=10,
    open_files_max=10,
    is_counted=False,
)
MOUNTS = [("/opt/python3.12", "/var/lang"), ("/srv/bootstrap", "/var/runtime"), ("/srv/deep", "/var/lang/deep")]
ORDER = Order(code="/data/code/abc", layers="/data/layers/def", memory_mb=128, tmp_mb=512, extensions=(), trees=())


@pytest.fixture
def walls() -> Iterator[HostProcess]:
    walls = HostProcess(ROOM, MOUNTS, None)
    walls._ports = (41001, 41002)
    walls.furnish(ORDER)
    yield walls


def test_the_command_is_where_the_mounts_come_from(walls: HostProcess) -> None:
    assert walls.translate(["/var/lang/bin/python3", "-I", "/var/runtime/main.py"]) == [
        "/opt/python3.12/bin/python3",
        "-I",
        "/srv/bootstrap/main.py",
    ]


def test_the_nearest_mount_counts(walls: HostProcess) -> None:
    assert walls.translate(["/var/lang/deep/x", "/var/lang/deeper/x"]) == ["/srv/deep/x", "/opt/python3.12/deeper/x"]


def test_what_lambda_sets_is_rewritten(walls: HostProcess) -> None:
    here = walls.relocate(
        {
            "LAMBDA_TASK_ROOT": "/var/task",
            "PATH": "/var/lang/bin:/usr/bin:/opt/bin",
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
            "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:4566/s3",
        }
    )
    assert here == {
        "LAMBDA_TASK_ROOT": "/data/code/abc",
        "PATH": "/opt/python3.12/bin:/usr/bin:/data/layers/def/bin",
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:41001",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:41002",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:41002/s3",
        "TMPDIR": "/tmp/room",
    }


@given(name=st.from_regex(r"MY_[A-Z]{1,8}", fullmatch=True), value=st.text(max_size=30).map("/var/task:/opt".__add__))
def test_a_functions_own_variables_stay_as_they_are(name: str, value: str) -> None:
    walls = HostProcess(ROOM, MOUNTS, None)
    walls.furnish(ORDER)
    assert walls.relocate({name: value})[name] == value


def test_without_layers_opt_is_not_the_hosts(walls: HostProcess) -> None:
    bare = HostProcess(ROOM, MOUNTS, None)
    bare.furnish(Order(code="/c", layers=None, memory_mb=128, tmp_mb=512, extensions=(), trees=()))
    assert not Path(bare.translate(["/opt/bootstrap"])[0]).parent.exists()


def test_a_functions_own_tmpdir_stands(walls: HostProcess) -> None:
    assert walls.relocate({"TMPDIR": "/mine"})["TMPDIR"] == "/mine"
