"""Where the launcher process begins: `main(descriptor, pid of the node)`, called by the node's one-line program."""

from __future__ import annotations

import gc
import mmap
import os
import signal
import socket

from . import linux, messages
from .host import COUNTERS_BYTES, Host
from .launcher import Launcher


def main(descriptor: int, node: int) -> None:
    """Returns when the node is gone and nothing is left of what was made for it."""
    channel = socket.socket(fileno=descriptor)
    opening = messages.receive(channel)
    if opening is None:
        return
    try:
        host = Host(opening.body["walls"])
    except (OSError, RuntimeError) as error:
        messages.send(channel, {"verb": "refused", "error": str(error)})
        return
    # After the last change of identity, which would forget it. Should our end of the channel live on in some child of
    # the node's, this is how we hear of the node's end.
    linux.die_with_parent(signal.SIGTERM)
    if os.getppid() == node:
        counters = mmap.mmap(opening.descriptors[0], COUNTERS_BYTES)
        opening.close()
        channel.setblocking(False)
        gc.freeze()  # what is there now is shared with every keeper, and no collection shall touch it
        Launcher(channel, host, opening.body, memoryview(counters).cast("Q")).run()
    host.close()
