"""The node's side of a launcher: starting the process, and talking with it on the event loop."""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wakeful.environments.jail import messages
from wakeful.environments.jail.host import COUNTERS_BYTES

log = logging.getLogger(__name__)

# The launcher imports the folder `jail` by itself and nothing else of ours; -I and -S keep everybody else's away too.
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); from jail.main import main; main(int(sys.argv[2]), int(sys.argv[3]))"
)

_END_TIME_MAX_S = 5.0


class LauncherFailed(RuntimeError):
    """The launcher could not start, or has ended. The message says why."""


class Connection:
    """One launcher process. `on_message` hears what it says, `on_lost` that it has ended."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        channel: socket.socket,
        counters: mmap.mmap,
        on_message: Callable[[messages.Message], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._process = process
        self._channel = channel
        self._counters = counters
        self._on_message = on_message
        self._on_lost = on_lost
        self._outbox: deque[tuple[bytes, list[int]]] = deque()
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        self._loop.add_reader(channel, self._read)
        self.features: Mapping[str, Any] = {}
        """What the launcher found on this host."""

    @property
    def pid(self) -> int:
        return self._process.pid

    def counters(self, number: int) -> tuple[int, int]:
        """Memory peak in bytes and CPU time in nanoseconds of one sandbox, as last counted."""
        view = memoryview(self._counters)[number * 16 : number * 16 + 16].cast("Q")
        return view[0], view[1]

    def send(self, body: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Says something now, or as soon as the launcher listens. The caller keeps its descriptors."""
        self._outbox.append((messages.encode(body), [os.dup(descriptor) for descriptor in descriptors]))
        if len(self._outbox) == 1:
            self._flush()

    async def close(self) -> None:
        """The launcher has ended, and nothing it made is left."""
        if not self._ended.done():
            self.send({"verb": "close"})
            try:
                async with asyncio.timeout(_END_TIME_MAX_S):
                    await asyncio.shield(self._ended)
            except TimeoutError:
                log.warning("the launcher (pid %d) did not end in time and is killed", self.pid)
                self._process.kill()
                await self._ended

    def _flush(self) -> None:
        while self._outbox:
            packet, descriptors = self._outbox[0]
            try:
                messages.send_packet(self._channel, packet, descriptors)
            except BlockingIOError:
                self._loop.add_writer(self._channel, self._flush)
                return
            except OSError:
                self._forget_outbox()  # its end is about to be read, and is handled there
                return
            self._outbox.popleft()
            for descriptor in descriptors:
                os.close(descriptor)
        self._loop.remove_writer(self._channel)

    def _forget_outbox(self) -> None:
        for _, descriptors in self._outbox:
            for descriptor in descriptors:
                os.close(descriptor)
        self._outbox.clear()

    def _read(self) -> None:
        while True:
            try:
                message = messages.receive(self._channel)
            except BlockingIOError:
                return
            if message is None:
                self._lose()
                return
            self._on_message(message)

    def _lose(self) -> None:
        self._loop.remove_reader(self._channel)
        self._loop.remove_writer(self._channel)
        self._forget_outbox()
        self._channel.close()
        self._reap()

    def _reap(self) -> None:
        # It closed its end by ending, so this is a matter of microseconds; but only the kernel can say so.
        if self._process.poll() is None:
            self._loop.call_later(0.001, self._reap)
            return
        self._ended.set_result(None)
        self._on_lost()


async def connect(
    opening: Mapping[str, Any], on_message: Callable[[messages.Message], None], on_lost: Callable[[], None]
) -> Connection:
    """A launcher that has settled on this host. Raises LauncherFailed where it could not.

    Called on the thread that lives as long as the node: when the thread that started it ends, so does the launcher.
    """
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    descriptor = os.memfd_create("wakeful-counters", os.MFD_CLOEXEC)
    try:
        os.ftruncate(descriptor, COUNTERS_BYTES)
        counters = mmap.mmap(descriptor, COUNTERS_BYTES)
        messages.send(ours, {"verb": "open", **opening}, [descriptor])
        process = _spawn(theirs)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
        os.close(descriptor)
    ours.setblocking(False)
    settled: asyncio.Future[dict[str, Any]] = loop.create_future()

    def first(message: messages.Message) -> None:
        settled.set_result(message.body)
        connection._on_message = on_message

    def lost() -> None:
        if not settled.done():
            settled.set_result({"error": f"it ended with status {process.returncode} before it was ready"})
        elif "error" not in settled.result():
            on_lost()

    connection = Connection(process, ours, counters, first, lost)
    try:
        answer = await settled
    except BaseException:  # whoever wanted it does not any more
        await connection.close()
        raise
    if "error" in answer:
        await connection.close()
        raise LauncherFailed(answer["error"])
    connection.features = answer
    return connection


def _spawn(channel: socket.socket) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-I", "-S", "-c", _PROGRAM),
            *(str(Path(__file__).parent), str(channel.fileno()), str(os.getpid())),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd="/",
        env={},  # what is in the user's shell stays there
        pass_fds=(channel.fileno(),),
        start_new_session=True,  # Ctrl-C in the node's terminal is the node's to handle
    )
