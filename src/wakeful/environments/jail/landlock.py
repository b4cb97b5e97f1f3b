"""Landlock: an ordinary process gives up, for itself and its children, all files and TCP ports but those it names.

Needs no rights at all, and no namespaces. What it does not see is left to the seccomp filter: UNIX sockets in the file
tree, datagrams.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable

from . import linux

# From this version on (Linux 6.12) signals and abstract UNIX sockets do not leave the process's own domain. Without
# that, a function could stop any process of the user who runs the node.
VERSION_MIN = 6

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEVICE = 1 << 14, 1 << 15
_EVERY_FILE_ACCESS = (1 << 16) - 1
_READING = _EXECUTE | _READ_FILE | _READ_DIR
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE  # the others make sense for directories

_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_SCOPE_ABSTRACT_SOCKETS, _SCOPE_SIGNALS = 1 << 0, 1 << 1

_RULE_PATH_BENEATH, _RULE_PORT = 1, 2


def restrict(readable: Iterable[str], writable: Iterable[str], ports: Iterable[int]) -> None:
    """From now on only these paths can be read and run, only those written, only these local ports connected to.

    A path that does not exist is left out. Privileges must have been given up before (no_new_privs).
    """
    everything = struct.pack(
        "3Q", _EVERY_FILE_ACCESS, _BIND_TCP | _CONNECT_TCP, _SCOPE_ABSTRACT_SOCKETS | _SCOPE_SIGNALS
    )
    rules = linux.call("landlock_create_ruleset", everything, len(everything), 0)
    try:
        for path in readable:
            _allow_path(rules, path, _READING)
        for path in writable:
            _allow_path(rules, path, _EVERY_FILE_ACCESS)
        for port in ports:
            linux.call("landlock_add_rule", rules, _RULE_PORT, struct.pack("2Q", _CONNECT_TCP, port), 0)
        linux.call("landlock_restrict_self", rules, 0)
    finally:
        os.close(rules)


def _allow_path(rules: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        allowed = access if os.path.isdir(path) else access & _ON_FILES
        linux.call("landlock_add_rule", rules, _RULE_PATH_BENEATH, struct.pack("=Qi", allowed, descriptor), 0)
    finally:
        os.close(descriptor)
