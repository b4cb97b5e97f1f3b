"""What a keeper learns of processes that it traces."""

from __future__ import annotations

import os

import pytest

from wakeful.environments.jail import tracing


def test_the_end_of_a_process_is_left_for_whoever_reaps() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(3)
    with pytest.raises(tracing.Lost):
        tracing._wait(pid)
    assert os.waitpid(pid, 0) == (pid, 3 << 8)
