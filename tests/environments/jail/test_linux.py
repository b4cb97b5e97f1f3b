"""System calls by name, and forks that are what they should be."""

from __future__ import annotations

import errno
import os
import signal
import threading
from pathlib import Path

import pytest

from wakeful.environments.jail import linux

from .alone import alone


def test_a_call_that_fails_raises_as_os_does() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        linux.call("open_tree", -100, b"/no/such/place", 0)
    assert caught.value.errno == errno.ENOENT


def test_a_fork_is_a_child_of_ours_that_runs_on() -> None:
    read_end, write_end = os.pipe()
    pid = linux.fork()
    if pid == 0:
        os.write(write_end, str(os.getppid()).encode())
        os._exit(7)
    os.close(write_end)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert int(os.read(read_end, 20)) == os.getpid()
    os.close(read_end)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes namespaces without a user namespace")
def test_a_fork_into_a_process_namespace_is_its_first_process_and_our_child() -> None:
    alone(a_fork_into_a_process_namespace)


def a_fork_into_a_process_namespace() -> None:
    read_end, write_end = os.pipe()
    pid = linux.fork(linux.CLONE_NEWPID)
    if pid == 0:
        os.write(write_end, str(os.getpid()).encode())
        os._exit(0)
    os.close(write_end)
    assert os.waitpid(pid, 0) == (pid, 0)
    assert os.read(read_end, 20) == b"1"
    os.close(read_end)


def test_a_process_with_more_than_one_thread_is_not_forked_into_anything() -> None:
    over = threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    with pytest.raises(RuntimeError, match="one thread"):
        linux.fork(linux.CLONE_NEWPID)
    over.set()
    other.join()


def test_a_fork_that_fails_leaves_us_as_we_were() -> None:
    alone(a_fork_fails)


def a_fork_fails() -> None:
    with pytest.raises(OSError, match="clone3"):
        linux.fork(cgroup=0)  # not a control group
    assert os.getpid() > 0
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    assert os.waitpid(pid, 0) == (pid, 0)


def test_a_child_dies_with_its_parent() -> None:
    read_end, write_end = os.pipe()
    parent = os.fork()
    if parent == 0:
        child = os.fork()
        if child == 0:
            linux.die_with_parent()
            os.write(write_end, f"{os.getpid()}\n".encode())
            signal.pause()
        signal.pause()
    child = int(os.read(read_end, 20))
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    os.close(write_end)
    assert os.read(read_end, 1) == b""  # its end of the pipe is closed: it is dead
    os.close(read_end)
    assert child != parent


def test_every_descriptor_but_those_named_is_closed() -> None:
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(read_end, 50)
        linux.close_all_but(1, write_end, 50)
        left = [descriptor for descriptor in range(1024) if is_open(descriptor)]
        os._exit(0 if set(left) == {1, write_end, 50} else 1)
    assert os.waitpid(pid, 0) == (pid, 0)
    os.close(read_end)
    os.close(write_end)


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_a_directory_is_locked_once(tmp_path: Path) -> None:
    first = linux.lock_directory(str(tmp_path))
    with pytest.raises(BlockingIOError):
        linux.lock_directory(str(tmp_path))
    os.close(first)
    os.close(linux.lock_directory(str(tmp_path)))


def test_every_architecture_has_every_number() -> None:
    assert all(len(numbers) == len(linux.ARCHITECTURES) for numbers in linux.NUMBERS.values())


def test_a_directory_that_is_cleared_up_between_its_making_and_its_locking_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, clearings = tmp_path / "mine", 3
    really_lock = linux.lock_directory

    def lock_after_a_clearing(place: str) -> int:
        nonlocal clearings
        if clearings:
            clearings -= 1
            path.rmdir()
        return really_lock(place)

    monkeypatch.setattr(linux, "lock_directory", lock_after_a_clearing)
    descriptor = linux.make_locked_directory(str(path))
    assert path.is_dir()
    assert clearings == 0
    with pytest.raises(BlockingIOError):
        really_lock(str(path))
    os.close(descriptor)
