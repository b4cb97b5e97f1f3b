"""Messages arrive whole, with their descriptors, or not at all."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.environments.jail import messages

texts = st.text(max_size=200)
bodies = st.dictionaries(
    texts, st.none() | st.booleans() | st.integers() | texts | st.lists(texts, max_size=3), max_size=8
)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with left, right:
        right.setblocking(False)
        yield left, right


@given(body=bodies)
def test_what_is_sent_is_received(body: dict[str, object]) -> None:
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with left, right:
        messages.send(left, {**body, "verb": "x"})
        received = messages.receive(right)
        assert received is not None
        assert received.body == {**body, "verb": "x"}
        assert received.verb == "x"
        assert received.descriptors == ()


def test_descriptors_come_along_and_close_on_exec(pair: tuple[socket.socket, socket.socket]) -> None:
    read_end, write_end = os.pipe()
    messages.send(pair[0], {"verb": "x"}, [read_end, write_end])
    os.close(read_end)
    os.close(write_end)
    received = messages.receive(pair[1])
    assert received is not None
    os.write(received.descriptors[1], b"through")
    assert os.read(received.descriptors[0], 10) == b"through"
    assert not any(map(os.get_inheritable, received.descriptors))
    received.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(received.descriptors[0])


def test_many_messages_stay_apart(pair: tuple[socket.socket, socket.socket]) -> None:
    for number in range(50):
        messages.send(pair[0], {"verb": str(number)})
    assert [messages.receive(pair[1]).verb for _ in range(50)] == [str(number) for number in range(50)]  # type: ignore[union-attr]
    with pytest.raises(BlockingIOError):
        messages.receive(pair[1])


def test_the_end_of_the_other_side_is_none(pair: tuple[socket.socket, socket.socket]) -> None:
    messages.send(pair[0], {"verb": "last"})
    pair[0].close()
    last = messages.receive(pair[1])
    assert last is not None and last.verb == "last"
    assert messages.receive(pair[1]) is None


def test_what_is_too_large_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match="more than"):
        messages.encode({"verb": "x", "argv": ["x" * messages.MESSAGE_BYTES_MAX]})


def test_the_largest_message_fits_into_a_packet(pair: tuple[socket.socket, socket.socket]) -> None:
    body = {"verb": "x", "fill": ""}
    body["fill"] = "x" * (messages.MESSAGE_BYTES_MAX - len(messages.encode(body)))
    messages.send(pair[0], body)
    received = messages.receive(pair[1])
    assert received is not None and received.body == body
