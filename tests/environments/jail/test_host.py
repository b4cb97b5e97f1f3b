"""What the launcher takes from the host, and gives back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wakeful.environments.jail import host
from wakeful.environments.jail.host import SANDBOXES_MAX, Rooms, Users


def test_two_launchers_never_give_the_same_user() -> None:
    first, second = Users(), Users()
    users = [users.of(number) for users in (first, second) for number in range(SANDBOXES_MAX)]
    assert len(set(users)) == 2 * SANDBOXES_MAX
    assert min(users) > 1_879_048_191  # systemd's containers end there
    assert max(users) < 2**31
    first.close()
    second.close()


def test_users_are_free_again_when_their_launcher_is_gone() -> None:
    first = Users()
    base = first.of(0)
    first.close()
    again = Users()
    assert again.of(0) == base
    again.close()


def test_a_room_is_removed_whatever_is_left_in_it() -> None:
    rooms = Rooms()
    try:
        path = Path(rooms.make(7))
        deep = path
        for _ in range(300):
            deep /= "d"
        deep.mkdir(parents=True)
        (path / "file").write_text("x")
        (path / "link").symlink_to("/etc")
        closed = path / "closed"
        closed.mkdir()
        (closed / "file").write_text("x")
        closed.chmod(0)
        remover = rooms.remove(7)
        assert not path.exists()
        again = Path(rooms.make(7))
        assert list(again.iterdir()) == []
        assert os.waitpid(remover, 0) == (remover, 0)
        assert [entry.name for entry in again.parent.iterdir()] == ["7"]
    finally:
        rooms.close()
    assert not path.parent.exists()
    assert Path("/etc/passwd").exists()


def test_rooms_of_a_launcher_that_was_killed_are_removed_and_those_of_a_living_one_are_not() -> None:
    living, dead = Rooms(), Rooms()
    left = Path(dead.make(1))
    os.close(dead._lock)  # as the kernel does when it is killed
    kept = Path(living.make(1))
    Rooms().close()
    assert not left.exists()
    assert kept.exists()
    living.close()


def test_rooms_that_another_launcher_is_just_removing_are_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "listdir", lambda path: ["wakeful-rooms-gone"])
    Rooms().close()


@pytest.mark.parametrize(("first", "count", "expected"), [(0, 1, True), (2**32 - 2, 100, False)])
def test_users_that_a_container_does_not_have_are_known(first: int, count: int, expected: bool) -> None:
    assert host._is_mapped(first, count) is expected
