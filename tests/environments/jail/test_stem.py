"""What a keeper makes of the answers of a stem. Real stems are in `tests/environments/test_stems.py`."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet

import pytest

from wakeful.environments.jail import messages, stem
from wakeful.environments.jail.cgroups import Entrance
from wakeful.environments.jail.entry import Terms

_TERMS = Terms(None, 993, 990, 10, 10)
_BORN = 9
"""Where the pipe is that tells who was born, among the descriptors of a request."""


@pytest.fixture
def asked() -> Iterator[tuple[Future[int], int]]:
    """A keeper that waits for its cell, and the end of a pipe on which a stem answers."""
    channel, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with channel, far_end, ThreadPoolExecutor(1) as keeper:
        cell = keeper.submit(stem.divide, channel, _TERMS, b"filter", Entrance(), (0, 1, 2, 2))
        request = messages.receive(far_end)
        assert request is not None
        born = os.dup(request.descriptors[_BORN])
        request.close()
        yield cell, born


def test_nobody_goes_on_while_whoever_forked_the_cell_is_still_there(asked: tuple[Future[int], int]) -> None:
    cell, born = asked
    os.write(born, b"7")
    with pytest.raises(NotYet):
        cell.result(0.02)
    os.close(born)
    assert cell.result(5) == 7


def test_a_stem_that_forked_nobody_gave_no_cell(asked: tuple[Future[int], int]) -> None:
    cell, born = asked
    os.close(born)
    with pytest.raises(stem.NotDivided, match="gave none"):
        cell.result(5)


def test_a_stem_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stem, "DIVIDE_TIME_MAX_S", 0)
    channel, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with channel, far_end, pytest.raises(stem.NotDivided, match="did not answer"):
        stem.divide(channel, _TERMS, b"filter", Entrance(), (0, 1, 2, 2))


def test_a_stem_that_is_gone_gives_no_cell() -> None:
    channel, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    far_end.close()
    with channel, pytest.raises(stem.NotDivided):
        stem.divide(channel, _TERMS, b"filter", Entrance(), (0, 1, 2, 2))
