"""Many who ask a node for the same, as fast as they can, until it is killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from tests.node_process import NodeProcess

CALLERS = 8
LEAST = 11
"""So many are acknowledged before a kill: on a busy machine that may take longer than the load was meant to."""


class Load:
    """`ask` gets a client of the service and a number that nobody else gets; it remembers which were acknowledged."""

    def __init__(self, node: NodeProcess, service: str, ask: Callable[[Any, int], object]) -> None:
        self.acknowledged: set[int] = set()
        self._node = node
        self._service = service
        self._ask = ask
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._one_more = threading.Condition()
        self._count = 0

    def run(self, seconds: float) -> None:
        """Asks until the node has been killed, `seconds` after the first few were acknowledged."""
        enough = len(self.acknowledged) + LEAST
        self._is_over.clear()
        threads = [threading.Thread(target=self._call) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        with self._one_more:
            assert self._one_more.wait_for(lambda: len(self.acknowledged) >= enough, 60), "nothing is acknowledged"
        time.sleep(seconds)  # the moment of the crash is what these tests are about
        self._node.kill()
        self._is_over.set()
        for thread in threads:
            thread.join()

    def _call(self) -> None:
        client = self._node.client(self._service)
        while not self._is_over.is_set():
            with self._lock:
                self._count += 1
                number = self._count
            try:
                self._ask(client, number)
            except (BotoCoreError, ClientError, ResponseParserError):  # the last: a head whose body never came
                return
            with self._one_more:
                self.acknowledged.add(number)
                self._one_more.notify()
