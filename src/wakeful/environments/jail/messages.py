"""How the node and the launcher, and the launcher and its keepers, talk: JSON objects with descriptors attached.

One message is one packet (SOCK_SEQPACKET), so it arrives whole or not at all, together with its descriptors. What can
be large or secret, a function's environment variables, is not in the message: it travels as a memory file's
descriptor, which the launcher hands on without reading it.

    node → launcher         open, prepare, start, begin, signal, connector, freeze, thaw, limit_cpu, kill, close
                            and of templates: trace, restore
    launcher → node         opened, started, refused, extension, ended, done, gone, broken; traced, template
    launcher → keeper       assign, begin, signal, connector, freeze, thaw; a template's: trace, annex, stand, fork,
                            forget, drop; an annex's: adopt
    keeper → launcher       built, unstemmed, done, extension, ended, failed; a template's: traced, template, unbuilt,
                            forked, child ended
    keeper → stem           divide
"""

from __future__ import annotations

import array
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Far below what a socket's default buffer takes in one packet (about 200 KB), far above what we send.
MESSAGE_BYTES_MAX = 64 * 1024
DESCRIPTORS_MAX = 16

_ANCILLARY_BYTES = socket.CMSG_SPACE(DESCRIPTORS_MAX * array.array("i").itemsize)


@dataclass(frozen=True, slots=True)
class Message:
    """What was said, and the descriptors that came with it; they belong to whoever received it."""

    body: dict[str, Any]
    descriptors: tuple[int, ...] = ()

    @property
    def verb(self) -> str:
        return str(self.body["verb"])

    def close(self) -> None:
        """For a message that nobody wants any more."""
        for descriptor in self.descriptors:
            os.close(descriptor)


def encode(body: Mapping[str, Any]) -> bytes:
    """The packet. Raises ValueError where it would be too large."""
    packet = json.dumps(body, separators=(",", ":")).encode()
    if len(packet) > MESSAGE_BYTES_MAX:
        raise ValueError(f"a message of {len(packet)} bytes is more than the {MESSAGE_BYTES_MAX} that are taken")
    return packet


def send(channel: socket.socket, body: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Sends one message. Raises BlockingIOError where the channel does not block and is full."""
    send_packet(channel, encode(body), descriptors)


def send_packet(channel: socket.socket, packet: bytes, descriptors: Sequence[int] = ()) -> None:
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    channel.sendmsg([packet], ancillary, socket.MSG_NOSIGNAL)


def receive(channel: socket.socket) -> Message | None:
    """The next message; None once the other side is gone. Raises BlockingIOError where there is none yet."""
    try:
        packet, ancillary, _, _ = channel.recvmsg(MESSAGE_BYTES_MAX, _ANCILLARY_BYTES, socket.MSG_CMSG_CLOEXEC)
    except ConnectionError:
        return None
    if not packet:
        return None
    descriptors = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
    return Message(json.loads(packet), tuple(descriptors))
