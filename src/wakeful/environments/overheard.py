"""Who listens in on what a runtime says, for as long as an extension wants to hear of it."""

from __future__ import annotations

from collections.abc import Callable

from wakeful.clock import Clock
from wakeful.environments import report
from wakeful.environments.faults import Fault
from wakeful.environments.runtime_api import Host
from wakeful.environments.streamed import StreamedResponse
from wakeful.environments.telemetry import Telemetry


class Overheard:
    """Stands between a Runtime API and its host, and passes everything on."""

    def __init__(self, host: Host, telemetry: Telemetry, clock: Clock, drain: Callable[[], None]) -> None:
        """`drain`: what was printed so far has been told."""
        self._host = host
        self._telemetry = telemetry
        self._clock = clock
        self._drain = drain

    def runtime_is_ready(self) -> None:
        spans = self._telemetry.spans
        if spans is not None:
            self._drain()
            status = "success" if spans.error is None else "error"
            self._telemetry.runtime_is_done(status, spans.error[0] if spans.error is not None else None)
        else:
            self._telemetry.runtime_ended_init()
        self._host.runtime_is_ready()

    def runtime_answered(self, payload: bytes) -> None:
        self._answered(len(payload))
        self._host.runtime_answered(payload)

    def runtime_failed(self, payload: bytes, error_type: str | None) -> None:
        self._answered(len(payload), error=(report.fault_type(error_type),))
        self._host.runtime_failed(payload, error_type)

    def runtime_refused(self, error_type: str, message: str) -> None:
        self._answered(0, error=(error_type,))
        self._host.runtime_refused(error_type, message)

    def runtime_streams(self, response: StreamedResponse) -> None:
        if self._telemetry.spans is not None:
            self._telemetry.spans.answers(self._clock.now())
        self._host.runtime_streams(response)

    def runtime_streamed(self, response: StreamedResponse) -> None:
        self._answered(response.taken_bytes, error=(response.error_type,) if response.is_error else None)
        self._host.runtime_streamed(response)

    def runtime_failed_to_start(self, payload: bytes, error_type: str | None) -> None:
        self._telemetry.runtime_ended_init(Fault("error", report.fault_type(error_type)))
        self._host.runtime_failed_to_start(payload, error_type)

    def _answered(self, size: int, error: tuple[str | None] | None = None) -> None:
        spans = self._telemetry.spans
        if spans is not None:
            spans.answered(self._clock.now(), size)
            spans.error = error
