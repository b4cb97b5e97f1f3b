"""An environment's log stream: what runs inside prints, what Lambda says about it, and its end for those who ask."""

from __future__ import annotations

import datetime
from collections.abc import Collection

from wakeful.environments import report
from wakeful.environments.extensions_api import Extension
from wakeful.environments.faults import Fault
from wakeful.environments.output import Tail
from wakeful.environments.report import Phase, Run
from wakeful.environments.sandbox import Runtime
from wakeful.environments.surroundings import Surroundings
from wakeful.environments.telemetry import Telemetry
from wakeful.environments.telemetry_request import Api
from wakeful.environments.version import Invocation, Version


class Journal:
    """Everything that is written is stamped with the node's time."""

    def __init__(
        self, surroundings: Surroundings, version: Version, environment_id: str, lines: report.Report | None = None
    ) -> None:
        self._surroundings = surroundings
        self._clock = surroundings.clock
        self._version = version
        self._report = lines or report.report_of(version)
        date = datetime.datetime.fromtimestamp(self._clock.now(), datetime.UTC)
        self.stream = f"{date:%Y/%m/%d}/[{version.version}]{environment_id}"
        self._tail: Tail | None = None
        self._init_tail: Tail | None = Tail()
        self.telemetry: Telemetry | None = None
        """What extensions hear of the process that runs now; after INIT only where one wants to."""

    @property
    def tail(self) -> bytes:
        """The end of the log of the invocation under way; empty where nobody asked for it."""
        return bytes(self._tail) if self._tail is not None else b""

    def printed(self, texts: list[str], *, by_extension: bool = False) -> None:
        now = self._clock.now()
        self._put(texts, now)
        if self.telemetry is not None:
            self.telemetry.printed(texts, now, by_extension=by_extension)

    def init_begins(self, runtime: Runtime) -> None:
        now = self._clock.now()
        self._put(self._report.init_start(now, runtime.release), now)
        if runtime.stands_in:
            self._put(self._report.stands_in(now, runtime.stands_in), now)

    def init_failed(self, duration_ms: float, phase: Phase, fault: Fault) -> None:
        now = self._clock.now()
        self._put(self._report.init_failed(now, duration_ms, phase, fault.status, fault.error_type), now)

    def put(self, lines: list[str]) -> None:
        """What Lambda says besides."""
        self._put(lines, self._clock.now())

    def tail_from_here(self) -> None:
        """The tail of the first invocation begins here, and not with INIT."""
        self._init_tail = Tail()

    def extensions(self, members: Collection[Extension]) -> None:
        now = self._clock.now()
        for each in members:
            self._put(self._report.extension(now, each.name, each.stage.value, each.events, each.error_type), now)
        if self.telemetry is not None:
            self.telemetry.extensions(members)

    def subscribed(self, api: Api, name: str, types: tuple[str, ...], is_new: bool) -> None:
        now = self._clock.now()
        self._put(self._report.subscribed(now, api, name, types, is_new=is_new), now)

    def follow(self, invocation: Invocation, *, anew: bool = False) -> None:
        """The tail begins with INIT where the invocation is the first, unless `anew`."""
        if invocation.log_tail:
            self._tail = Tail() if anew else self._tail or self._init_tail or Tail()

    def begins(self, invocation: Invocation, now: float) -> None:
        self._init_tail = None
        self._put(self._report.start(now, invocation.request_id), now)
        if self.telemetry is not None:
            self.telemetry.starts(invocation)

    def ends(self, run: Run) -> bytes:
        """END and REPORT are written. The tail, which is begun anew by the next invocation that is followed."""
        now = self._clock.now()
        self._put(self._report.end(now, run), now)
        if self.telemetry is not None:
            self.telemetry.ends(run)
        tail, self._tail = self.tail, None
        return tail

    def close(self) -> None:
        """Nothing more comes."""
        self._surroundings.log_ended(self._version, self.stream)

    def _put(self, texts: list[str], now: float) -> None:
        if not texts:
            return
        stamp = int(now * 1000)
        self._surroundings.log(self._version, self.stream, [(stamp, text) for text in texts])
        tail = self._tail or self._init_tail
        if tail is not None:
            tail.add(texts)
