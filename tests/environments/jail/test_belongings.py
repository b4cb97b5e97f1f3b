"""What a template has left in /tmp is there in every copy, as it was."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from wakeful.environments.jail import belongings


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    return source, target


def test_everything_but_sockets_is_copied_as_it_was(places: tuple[Path, Path]) -> None:
    source, target = places
    (source / "folder" / "deep").mkdir(parents=True)
    (source / "folder" / "deep" / "file").write_bytes(b"x" * 3_000_000)
    (source / "folder" / "deep" / "file").chmod(0o640)
    os.link(source / "folder" / "deep" / "file", source / "twin")
    (source / "link").symlink_to("/etc/passwd")
    os.mkfifo(source / "pipe", 0o600)
    (source / "folder").chmod(0o500)
    os.utime(source / "folder", (1, 2))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "socket"))
        belongings.copy(str(source), str(target))
    assert sorted(path.name for path in target.iterdir()) == ["folder", "link", "pipe", "twin"]
    copy = target / "folder" / "deep" / "file"
    assert copy.read_bytes() == b"x" * 3_000_000
    assert stat.S_IMODE(copy.stat().st_mode) == 0o640
    assert copy.stat().st_ino == (target / "twin").stat().st_ino
    assert str((target / "link").readlink()) == "/etc/passwd"
    assert stat.S_ISFIFO((target / "pipe").lstat().st_mode)
    assert stat.S_IMODE((target / "folder").stat().st_mode) == 0o500
    assert (target / "folder").stat().st_mtime == 2


def test_holes_stay_holes(places: tuple[Path, Path]) -> None:
    source, target = places
    with (source / "sparse").open("wb") as file:
        file.truncate(50 << 20)
        file.seek(10 << 20)
        file.write(b"here")
    belongings.copy(str(source), str(target))
    copy = target / "sparse"
    assert copy.stat().st_size == 50 << 20
    assert copy.stat().st_blocks * 512 < 1 << 20
    with copy.open("rb") as file:
        file.seek(10 << 20)
        assert file.read(4) == b"here"


def test_a_second_name_of_a_socket_is_left_out_too(places: tuple[Path, Path]) -> None:
    source, target = places
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "socket"))
        os.link(source / "socket", source / "another")
        belongings.copy(str(source), str(target))
    assert list(target.iterdir()) == []
