"""The function that attackers look for: it has a secret wherever a function may have one, and shares what it can.

This file is the code of a function: standard library only.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import time
from pathlib import Path

KEY = 0x77616B65


def live() -> None:
    """Says where its /tmp is once everything is there, and goes on having it."""
    secret = os.environ["SECRET"]
    folder = os.environ.get("TMPDIR", "/tmp")
    Path(folder, "secret.txt").write_text(secret)
    kept = _offer(secret)
    sys.stdout.write(f"{folder}\n")
    sys.stdout.flush()
    time.sleep(60)
    del kept


def _offer(secret: str) -> list[object]:
    """A socket without a path and memory under a key, where its walls let it have them."""
    kept: list[object] = []
    try:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(f"\0{secret[::-1]}")
        listener.listen()
        kept.append(listener)
    except OSError:
        pass  # behind Landlock there are no such sockets
    libc = ctypes.CDLL(None, use_errno=True)
    kept.append(libc.shmget(KEY, 4096, 0o1666))
    return kept
