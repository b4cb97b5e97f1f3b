"""The Runtime API's connections, with what they cost counted: one that costs too much is read later."""

from __future__ import annotations

import asyncio
import time

from wakeful import limits
from wakeful.environments.runtime_api import RuntimeApi
from wakeful.environments.runtime_connection import Connection
from wakeful.fabric.shares import Share


class MeteredConnection(Connection):
    """One connection of one of a tenant's environments."""

    def __init__(self, api: RuntimeApi, share: Share) -> None:
        super().__init__(api)
        self._share = share
        self._requests = 0

    def data_received(self, data: bytes) -> None:
        began = time.perf_counter()
        self._requests = 0
        super().data_received(data)
        self._share.spend(time.perf_counter() - began)
        self._rest_if_due()

    def on_message_complete(self) -> None:
        self._requests += 1
        if self._requests > limits.RUNTIME_PIPELINE_MAX:
            self.abort()  # a runtime asks once; nobody who means well asks without waiting for an answer
            return
        super().on_message_complete()

    def _rest_if_due(self) -> None:
        """It is not read until its tenant has waited for what it had."""
        pause_s = self._share.pause_s()
        if pause_s > 0 and self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(pause_s, self._go_on)

    def _go_on(self) -> None:
        self.resume()
        self._rest_if_due()  # others of the tenant's may have been faster
