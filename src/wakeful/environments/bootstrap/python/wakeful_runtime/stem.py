"""A stem: warmed up, and never given a function. Cells are forked from it, each into a sandbox that stands ready.

The other side is the keeper of that sandbox (`divide` in the jail's `stem.py`), which says who the cell is to be and
hands over the namespaces to be entered.
"""

from __future__ import annotations

import _socket
import array
import json
import os
from typing import Any

from .jail import entry, linux  # type: ignore[import-untyped]  # put there by the runtime folder

_CHANNEL = 3
_MESSAGE_BYTES_MAX = 65_536
_DESCRIPTORS_MAX = 16
_NAMESPACES = (
    linux.CLONE_NEWPID,
    linux.CLONE_NEWNS,
    linux.CLONE_NEWNET,
    linux.CLONE_NEWIPC,
    linux.CLONE_NEWUTS,
)
_OPENINGS = 4
"""Descriptors that become 0 to 3 of a cell."""

_SCRATCH = 32
"""Descriptors from here on are in nobody's way."""


def divide() -> None:
    """Returns in every cell that is asked for, behind its walls; in the stem it does not return."""
    channel = _socket.socket(fileno=_CHANNEL)
    while True:
        packet, descriptors = _receive(channel)
        if not packet:
            os._exit(0)
        if _is_cell(json.loads(packet), descriptors):
            channel.detach()  # its number is another descriptor's by now
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _receive(channel: _socket.socket) -> tuple[bytes, list[int]]:
    size = array.array("i").itemsize
    packet, ancillary, _, _ = channel.recvmsg(
        _MESSAGE_BYTES_MAX, _socket.CMSG_SPACE(_DESCRIPTORS_MAX * size), _socket.MSG_CMSG_CLOEXEC
    )
    descriptors = array.array("i")
    for _, _, payload in ancillary:
        descriptors.frombytes(payload[: len(payload) - len(payload) % size])
    return packet, list(descriptors)


def _is_cell(request: dict[str, Any], descriptors: list[int]) -> bool:
    """True in the cell. Whoever forked it ends at once, so that it becomes a child of its sandbox's first process."""
    try:
        linux.enter_namespace(descriptors[0], _NAMESPACES[0])
        between = linux.fork(cgroup=descriptors[-1] if request["has_directory"] else None)
    except OSError:
        return False  # the sandbox has ended meanwhile, or there is no room; whoever asked sees that nobody is born
    if between:
        os.waitpid(between, 0)
        return False
    born = descriptors[len(_NAMESPACES) + _OPENINGS]
    cell = 0
    try:
        cell = os.fork()
        if cell:
            os.write(born, b"%d" % cell)
    except OSError:
        os._exit(1)
    if cell:
        os._exit(0)
    _settle(request, descriptors)
    return True


def _settle(request: dict[str, Any], descriptors: list[int]) -> None:
    """Behind the walls, with the descriptors of a cell."""
    count = len(_NAMESPACES)
    namespaces, openings = descriptors[:count], descriptors[count : count + _OPENINGS]
    joins = descriptors[count + _OPENINGS + 1 :]
    os.setsid()
    for tasks in joins[: request["tasks"]]:
        os.write(tasks, b"0")
    for descriptor, kind in zip(namespaces[1:], _NAMESPACES[1:]):  # noqa: B905  not before Python 3.10
        linux.enter_namespace(descriptor, kind)
    for place, descriptor in enumerate(openings):
        os.dup2(descriptor, _SCRATCH + place, inheritable=True)
    for place in range(_OPENINGS):
        os.dup2(_SCRATCH + place, place)
    linux.close_all_but(*range(_OPENINGS))
    entry.confine(entry.Terms(*request["terms"]), bytes.fromhex(request["program"]))
    os.chdir("/")
