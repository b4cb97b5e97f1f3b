"""The launcher's loop: descriptors, timers, and messages that wait until the other side listens."""

from __future__ import annotations

import os
import socket

from wakeful.environments.jail import messages
from wakeful.environments.jail.loop import Loop, Outbox


def test_handlers_are_called_when_there_is_something_to_read_and_not_after_they_are_forgotten() -> None:
    loop, heard = Loop(), []
    read_end, write_end = os.pipe()
    loop.when_readable(read_end, lambda: heard.append(os.read(read_end, 10)))
    os.write(write_end, b"a")
    loop.turn()
    loop.forget(read_end)
    os.write(write_end, b"b")
    loop.after(0, lambda: heard.append(b"timer"))
    loop.turn()
    assert heard == [b"a", b"timer"]
    os.close(read_end)
    os.close(write_end)


def test_timers_go_off_in_their_order() -> None:
    loop, heard = Loop(), []
    for name, seconds in (("late", 0.004), ("early", 0.001), ("also early", 0.001)):
        loop.after(seconds, lambda name=name: heard.append(name))  # type: ignore[misc]
    while len(heard) < 3:
        loop.turn()
    assert heard == ["early", "also early", "late"]


def test_a_handler_may_forget_another_that_is_about_to_be_called() -> None:
    loop, heard = Loop(), []
    pairs = [os.pipe(), os.pipe()]

    def on_first() -> None:
        heard.append("one")
        for read_end, _ in pairs:
            loop.forget(read_end)

    for read_end, write_end in pairs:
        loop.when_readable(read_end, on_first)
        os.write(write_end, b"x")
    loop.turn()
    assert heard == ["one"]
    for pair in pairs:
        os.close(pair[0])
        os.close(pair[1])


def test_what_does_not_fit_is_sent_later_in_order_with_its_descriptors() -> None:
    loop = Loop()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    theirs.setblocking(False)
    loop.when_readable(ours.fileno(), lambda: None)
    outbox = Outbox(loop, ours, lambda: None)
    count = 3000
    for number in range(count):
        outbox.put({"verb": str(number)}, (os.dup(0),) if number % 1000 == 0 else ())
    received: list[messages.Message] = []
    while len(received) < count:
        try:
            message = messages.receive(theirs)
        except BlockingIOError:
            loop.turn()
            continue
        assert message is not None
        received.append(message)
    assert [message.verb for message in received] == [str(number) for number in range(count)]
    assert sum(len(message.descriptors) for message in received) == 3
    for message in received:
        message.close()
    ours.close()
    theirs.close()


def test_a_lost_listener_is_noticed() -> None:
    loop, lost = Loop(), []
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.close()
    Outbox(loop, ours, lambda: lost.append(True)).put({"verb": "x"})
    assert lost == [True]
    ours.close()
