"""Several processes for several invocations at a time, as Lambda Managed Instances have them: each runs INIT itself."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from . import client as runtime_api
from . import log

_INVOCATION_ID = b"Lambda-Runtime-Invocation-Id"


class Client(runtime_api.Client):
    """Answers name the invocation they are for: the same request may have come before, and have timed out."""

    invocation_id = b""

    def next_event(self) -> tuple[dict[bytes, bytes], bytes]:
        headers, body = super().next_event()
        self.invocation_id = headers.get(_INVOCATION_ID, b"")
        return headers, body

    def _post(self, path: bytes, body: bytes, header: bytes) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(ValueError):  # the function has closed it
                stream.flush()
        super()._post(path, body, header + _INVOCATION_ID + b": " + self.invocation_id + b"\r\n")


def run(count: int, work: Callable[[runtime_api.Client], NoReturn]) -> NoReturn:
    """So many processes work. When one ends the others go on; with the last of them this one ends."""
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    workers = set()
    for _ in range(count):
        worker = os.fork()
        if worker == 0:
            log.open_streams(by_line=True)
            work(runtime_api.connect(address, Client))
        workers.add(worker)
    while workers:
        ended, _ = os.wait()
        workers.discard(ended)
    sys.exit(1)
