"""The launcher: a process beside the node that makes sandboxes, and the only one that can.

One loop, never waiting for anybody: what a sandbox does or fails to do shows as an event or does not show. Cells are
made ahead of need and off the path of those who wait. When the node ends, however it ends, the launcher kills every
sandbox, gives back what it took from the host, and ends too; when the launcher is killed, the kernel kills the
sandboxes, and the next launcher gives back what is left.
"""

from __future__ import annotations

import heapq
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from . import balance, cells, linux, messages, processes
from .cells import BUILDING, RUNNING, WAITING, Cell, Runtime, Shape, Start
from .families import Families
from .host import COUNTERS_EACH, NAMESPACES, SANDBOXES_MAX, Host
from .keeper import WATCH_INTERVAL_S
from .loop import Loop, Outbox
from .root import LAYERS_ROOT, READ_ONLY, TASK_ROOT
from .stems import Stems

BUILD_TIME_MAX_S = 10.0
BUILD_FAILURES_MAX = 3
"""After so many in a row, no more cells of that runtime are made ahead; a start still tries."""

_REFILL_PAUSE_S = 0.03  # whoever was just started has the processors first
_FREEZE_TIME_S = 0.00002
_FREEZE_RETRY_S = 0.001
_REMOVE_RETRY_S = 0.002
_LEAVING_TIME_MAX_S = 2.0


class Launcher:
    """What the launcher knows of its sandboxes, and what it does when something happens to them."""

    def __init__(self, channel: socket.socket, host: Host, opening: Mapping[str, Any], counters: memoryview) -> None:
        limits = opening["limits"]
        self._host = host
        self._endpoint_port: int = opening["endpoint_port"]
        self._tmp_mb: int = limits["tmp_mb"]
        self._shape = Shape(limits["processes_max"], limits["open_files_max"])
        self._pressure = balance.Pressure(opening.get("memory_mb"))
        self._counters = counters
        self._loop = Loop()
        self._channel = channel
        self._node = Outbox(self._loop, channel, self.close)
        self._runtimes: dict[int, Runtime] = {}
        self._cells: dict[int, Cell] = {}
        self.assigned: dict[int, Cell] = {}
        """By the node's number for the sandbox, from the promise to the end."""
        self._free_numbers = list(range(1, SANDBOXES_MAX))
        self._builds_max = (os.cpu_count() or 1) + 1
        self._waited_for: set[int] = set()
        self._refills_from = 0.0
        self._is_watching = False
        self._is_closing = False
        self._families = Families(self, self._node.put)
        self._stems = Stems(self._wait_for)

    def run(self) -> None:
        """Serves until the node is gone, and until nothing is left then."""
        self._loop.when_readable(self._channel.fileno(), self._on_node)
        wakeup, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        self._loop.when_readable(wakeup, partial(self._on_signal, wakeup))
        self._node.put({"verb": "opened", **self._host.features})
        while not (self._is_closing and not self._cells):
            self._loop.turn()

    def close(self) -> None:
        """Every sandbox is on its way out, and none is started any more."""
        if self._is_closing:
            return
        self._is_closing = True
        self._loop.forget(self._channel.fileno())
        self._stems.close(list(self._runtimes.values()))
        for cell in list(self._cells.values()):
            self.end(cell)

    def _on_signal(self, wakeup: int) -> None:
        os.read(wakeup, 512)
        self.close()

    # ── what the node says ───────────────────────────────────────────────────────────────────────────────────────────

    def _on_node(self) -> None:
        while not self._is_closing:
            try:
                message = messages.receive(self._channel)
            except BlockingIOError:
                return
            if message is None or message.verb == "close":
                self.close()
            else:
                self._obey(message)

    def _obey(self, message: messages.Message) -> None:
        verb, body = message.verb, message.body
        if verb == "start":
            self._start(self._runtimes.get(body["runtime"]), Start.of(body, message.descriptors[0]))
        elif verb == "restore":
            self._families.restore(body)
        elif verb == "runtime":
            try:
                self._runtimes[body["key"]] = Runtime.of(body, self._host)
            except (OSError, ValueError) as error:
                self._node.put({"verb": "broken", "runtime": body["key"], "error": str(error)})
        elif verb == "prepare":
            if runtime := self._runtimes.get(body["runtime"]):
                runtime.wanted = body["count"]
                runtime.failures = 0
                self._stems.look_after(runtime)
                self._refill()
        elif cell := self.assigned.get(body["sandbox"]):
            if verb in ("begin", "signal", "trace", "connector"):
                self._ask_keeper(cell, body)
                return
            verbs = {"freeze": self._freeze, "thaw": self._thaw, "limit_cpu": self._limit_cpu, "kill": self._kill}
            self._contained(verbs[verb], cell)
        # else it is gone, and the node has been told or is about to read it

    # ── making cells ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _start(self, runtime: Runtime | None, start: Start) -> None:
        if runtime is None:
            self.refuse(start, "its runtime could not be prepared")
            return
        self.pause_refilling()
        cell = self._spare(runtime, start.shape)
        if cell is None:
            try:
                cell = self._build(runtime, start.shape)
            except OSError as error:
                self.refuse(start, f"no sandbox could be made: {error}")
                return
        cell.start = start
        self.assigned[start.sandbox] = cell
        if cell.state == WAITING:
            self._assign(cell)

    def _spare(self, runtime: Runtime, shape: Shape) -> Cell | None:
        """A cell that nobody was promised: one that waits, or else one that soon will."""
        spare = [
            cell for cell in self._cells.values() if cell.runtime is runtime and cell.is_spare and cell.shape == shape
        ]
        return next((cell for cell in spare if cell.state == WAITING), spare[0] if spare else None)

    def _build(self, runtime: Runtime, shape: Shape) -> Cell:
        more = (self._endpoint_port, self._tmp_mb, self._counters)
        cell = self._numbered(lambda number: cells.build(self._host, runtime, shape, number, *more))
        self._loop.when_readable(cell.pidfd, partial(self._contained, self._on_exit, cell))
        return cell

    def build_annex(self, template: Cell) -> Cell:
        return self._numbered(lambda number: cells.build_annex(self._host, template, number, self._counters))

    def _numbered(self, build: Callable[[int], Cell]) -> Cell:
        if not self._free_numbers:
            raise OSError(f"there are {SANDBOXES_MAX} sandboxes already")
        number = heapq.heappop(self._free_numbers)
        try:
            cell = build(number)
        except OSError:
            heapq.heappush(self._free_numbers, number)
            raise
        self._cells[number] = cell
        self._loop.when_readable(cell.channel.fileno(), partial(self._contained, self.on_keeper, cell))
        self._loop.after(BUILD_TIME_MAX_S, partial(self._end_if_building, cell))
        return cell

    def _end_if_building(self, cell: Cell) -> None:
        if cell.state == BUILDING and not cell.is_leaving:
            cell.error = f"it was not ready after {BUILD_TIME_MAX_S:g} seconds"
            self.end(cell)

    def _refill(self) -> None:
        """Brings the waiting cells to the number wanted, a few at a time, when nobody was started a moment ago."""
        if self._is_closing or time.monotonic() < self._refills_from:
            return
        building = sum(cell.state == BUILDING and not cell.is_leaving for cell in self._cells.values())
        for runtime in self._runtimes.values():
            spare = [cell for cell in self._cells.values() if cell.runtime is runtime and cell.is_spare]
            for cell in spare[runtime.wanted :]:
                self.end(cell)
            for _ in range(runtime.wanted - len(spare)):
                if building >= self._builds_max or runtime.failures >= BUILD_FAILURES_MAX:
                    break
                try:
                    self._build(runtime, self._shape)
                except OSError as error:
                    self._on_stillborn(runtime, str(error))
                building += 1
        self._families.refill()

    def pause_refilling(self) -> None:
        """Whoever is being started has the processors first."""
        self._refills_from = time.monotonic() + _REFILL_PAUSE_S
        self._loop.after(_REFILL_PAUSE_S, self._refill)

    def _on_stillborn(self, runtime: Runtime, error: str) -> None:
        """A cell that was made ahead ended before anybody needed it."""
        runtime.failures += 1
        if runtime.stem is not None:
            self._stems.give_up(runtime, error)
        key = next(key for key, known in self._runtimes.items() if known is runtime)
        self._node.put({"verb": "broken", "runtime": key, "error": error})

    # ── handing over ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _assign(self, cell: Cell) -> None:
        """The cell is this function's. Its runtime may make its first request before the node hears of it."""
        start = cell.start
        assert start is not None
        trees: list[int] = []
        openings: list[int] = []
        try:
            outputs = cells.extension_output(self._host, cell.number, openings) if start.extensions else []
            if self._host.kind == NAMESPACES:
                for path in (start.code, start.layers):
                    if path is not None:
                        trees.append(linux.copy_tree(os.path.realpath(path)))
                        linux.restrict_mount(trees[-1], READ_ONLY)
            cell.group.limit_memory((start.memory_mb + start.tmp_mb) << 20)
            if start.cores > 1:
                cell.group.limit_cpu(start.cores)
            order = {
                "code": start.code,
                "layers": start.layers,
                "memory_mb": start.memory_mb,
                "tmp_mb": start.tmp_mb,
                "extensions": start.extensions,
            }
            messages.send(cell.channel, {"verb": "assign", **order}, [start.variables, *outputs, *trees])
        except OSError as error:
            for opening in openings[:1]:
                os.close(opening)
            self.refuse(start, str(error))
            cell.start = None
            self.end(cell)
            return
        finally:
            for descriptor in [*trees, *openings[1:]]:
                os.close(descriptor)
        os.close(start.variables)
        cell.state = RUNNING
        self.hand_over(cell, start, tuple(openings[:1]))

    def hand_over(self, cell: Cell, start: Start, more: tuple[int, ...] = (), runtime: int = 0) -> None:
        """The sandbox is the node's, and is looked after from now on. `runtime` is its process, where that is known."""
        is_inside = self._host.kind == NAMESPACES
        self._node.put(
            {
                "verb": "started",
                "sandbox": start.sandbox,
                "number": cell.number,
                "keeper": cell.pid,
                "group": cell.group.described if self._host.counts else {},
                "task_root": TASK_ROOT if is_inside else start.code,
                "opt_root": LAYERS_ROOT if is_inside else start.layers,
                "extensions": start.extensions,
                "runtime": runtime,
                "may_be_template": is_inside and start.shape.is_template and cell.template is None,
            },
            (*cell.take_openings(), *more),
        )
        self._watch()

    def refuse(self, start: Start, error: str) -> None:
        if start.variables >= 0:
            os.close(start.variables)
        self.assigned.pop(start.sandbox, None)
        self._node.put({"verb": "refused", "sandbox": start.sandbox, "error": error})

    # ── what keepers say ─────────────────────────────────────────────────────────────────────────────────────────────

    def on_keeper(self, cell: Cell) -> None:
        while True:
            try:
                message = messages.receive(cell.channel)
            except BlockingIOError:
                return
            if message is None:
                self._loop.forget(cell.channel.fileno())
                self._families.on_lost(cell)
                return
            if self._families.hear(cell, message):
                continue
            if message.verb == "built":
                self._on_built(cell, message)
            elif message.verb == "ended":
                self.on_ended(cell, message.body)
            elif message.verb == "unstemmed":
                self._stems.give_up(cell.runtime, "their stem gave none")
            elif message.verb == "failed":
                cell.error = message.body["error"]
            elif message.verb == "extension":
                if cell.start is not None:
                    self._node.put({**message.body, "sandbox": cell.start.sandbox})
            elif cell.start is not None:
                self._done(cell, message.body["of"], message.descriptors)

    def _on_built(self, cell: Cell, message: messages.Message) -> None:
        cell.openings = message.descriptors[:2]
        cell.tmp = message.descriptors[2] if len(message.descriptors) > 2 else -1
        cell.state = WAITING
        if cell.template is not None:
            self._families.introduce(cell, message.descriptors[3])
            self._loop.when_readable(cell.pidfd, partial(self._contained, self._on_exit, cell))
        if cell.is_leaving:
            return
        cell.runtime.failures = 0
        if cell.start is not None:
            (self._assign if cell.template is None else self._families.fork)(cell)
        self._refill()

    def on_ended(self, cell: Cell, body: Mapping[str, Any]) -> None:
        """The runtime process has ended, or was killed with everything around it."""
        if cell.state != RUNNING or cell.start is None:
            cell.error = body["error"] or f"the runtime ended: exit status {body['status']}, signal {body['signal']}"
            return
        if cell.has_ended:
            return
        cell.has_ended = True
        is_killed = body["signal"] == signal.SIGKILL
        place = cell.number * COUNTERS_EACH
        self._node.put(
            {
                "verb": "ended",
                "sandbox": cell.start.sandbox,
                "status": body["status"],
                "signal": body["signal"],
                "out_of_memory": bool(
                    cell.is_over_memory or body["out_of_memory"] or (is_killed and cell.group.memory_kills())
                ),
                "error": body["error"],
                "memory_peak_bytes": self._counters[place],
                "cpu_s": cell.group.cpu_s() if self._host.counts else self._counters[place + 1] / 1e9,
            }
        )
        if cell.is_template:
            self._families.on_template_ended(cell)

    # ── freezing, limits ─────────────────────────────────────────────────────────────────────────────────────────────

    def _freeze(self, cell: Cell) -> None:
        cell.is_frozen = True
        if cell.freezes_by_group:
            cell.group.freeze()
            time.sleep(_FREEZE_TIME_S)  # usually enough, and far less than a timer could do
            self._when_frozen(cell)
        else:
            self._ask_keeper(cell, {"verb": "freeze"})

    def _when_frozen(self, cell: Cell) -> None:
        if not cell.is_running:
            return
        if cell.is_frozen and not cell.group.is_frozen():
            self._loop.after(_FREEZE_RETRY_S, partial(self._contained, self._when_frozen, cell))
        else:
            self._done(cell, "freeze")

    def _thaw(self, cell: Cell) -> None:
        cell.is_frozen = False
        if cell.freezes_by_group:
            cell.group.thaw()
            self._done(cell, "thaw")
        else:
            self._ask_keeper(cell, {"verb": "thaw"})
        self._watch()

    def _ask_keeper(self, cell: Cell, body: Mapping[str, Any]) -> None:
        try:
            messages.send(cell.channel, body)
        except OSError:
            return  # it is ending; the node hears of that instead

    def _limit_cpu(self, cell: Cell) -> None:
        if cell.start is not None:
            cell.group.limit_cpu(cell.start.cores)
        self._done(cell, "limit_cpu")

    def _done(self, cell: Cell, verb: str, descriptors: tuple[int, ...] = ()) -> None:
        if cell.start is not None:
            self._node.put({"verb": "done", "of": verb, "sandbox": cell.start.sandbox}, descriptors)

    def _watch(self) -> None:
        """Looks at everybody's memory, and again, as long as somebody runs."""
        if self._host.counts and not self._is_watching:
            self._look()

    def _look(self) -> None:
        running = [cell for cell in self._cells.values() if cell.is_running and not cell.is_frozen]
        for cell in running:
            self._contained(self._look_at, cell)
        ending = self._pressure.falls_on([cell for cell in self._cells.values() if cell.is_running])
        if ending is not None:
            ending.is_over_memory = True
            self.end(ending)
        balance.weigh([cell for cell in running if cell.is_running])
        self._is_watching = bool(running)
        if running:
            self._loop.after(WATCH_INTERVAL_S, self._look)

    def _look_at(self, cell: Cell) -> None:
        cell.look()
        place = cell.number * COUNTERS_EACH
        self._counters[place] = max(self._counters[place], cell.memory_bytes)
        if cell.start is not None and cell.memory_bytes > cell.start.memory_mb << 20:
            cell.is_over_memory = True
            self.end(cell)

    # ── ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _contained(self, handler: Callable[[Cell], None], cell: Cell) -> None:
        """What fails with one cell ends that cell, and nobody else's."""
        try:
            handler(cell)
        except OSError as error:
            cell.error = f"{handler.__name__.strip('_')}: {error}"
            sys.stderr.write(f"sandbox {cell.number} is ended: {cell.error}\n")
            self.end(cell)

    def _kill(self, cell: Cell) -> None:
        if cell.is_template and self._families.drop(cell):
            return
        if cell.state == RUNNING or cell.start is None:
            self.end(cell)
            return
        # Not this function's yet: somebody else may have it.
        self.refuse(cell.start, "it was killed before it was started")
        cell.start = None

    def end(self, cell: Cell) -> None:
        if not cell.is_leaving:
            cell.end()
            self._loop.after(_LEAVING_TIME_MAX_S, cell.kill_keeper)

    def _on_exit(self, cell: Cell) -> None:
        """The keeper has ended, and with namespaces everything inside with it."""
        self.on_keeper(cell)  # its last words
        if cell.template is None:
            os.waitpid(cell.pid, 0)
        self._loop.forget(cell.pidfd)
        self.bury(cell)

    def bury(self, cell: Cell) -> None:
        """Its keeper is dead."""
        cell.is_reaped = True
        self._loop.forget(cell.channel.fileno())
        try:
            self._report_end(cell)
        finally:
            cell.is_leaving = True
            if not cell.is_namespaced:
                known = {each.pid for each in self._cells.values() if not each.is_reaped}
                processes.kill_strays(self._waited_for | known)
            cell.close()
            self._release(cell, time.monotonic() + _LEAVING_TIME_MAX_S)
            self._refill()

    def _report_end(self, cell: Cell) -> None:
        """To whoever it was promised to, if that was somebody."""
        if cell.state == RUNNING:
            killed = {"status": None, "signal": int(signal.SIGKILL), "out_of_memory": False, "error": cell.error}
            self.on_ended(cell, killed)
        elif cell.start is not None:
            self.refuse(cell.start, cell.last_words())
            cell.start = None
        elif cell.template is None and (not cell.is_leaving or cell.error is not None):
            self._on_stillborn(cell.runtime, cell.last_words())

    def _wait_for(self, pid: int, when_ended: Callable[[], None] | None = None) -> None:
        """A process of ours that works for us, and ends by itself."""
        pidfd = os.pidfd_open(pid)
        self._waited_for.add(pid)

        def on_end() -> None:
            self._loop.forget(pidfd)
            os.close(pidfd)
            os.waitpid(pid, 0)
            self._waited_for.remove(pid)
            if when_ended is not None:
                when_ended()

        self._loop.when_readable(pidfd, on_end)

    def _remove_room(self, cell: Cell) -> None:
        assert self._host.rooms is not None
        self._wait_for(self._host.rooms.remove(cell.number))

    def _release(self, cell: Cell, deadline: float) -> None:
        """All that the cell had is given back; its group as soon as the kernel has forgotten the last process."""
        if not cell.group.remove() and time.monotonic() < deadline:
            self._loop.after(_REMOVE_RETRY_S, partial(self._release, cell, deadline))
            return
        if self._host.rooms is not None:
            self._contained(self._remove_room, cell)
        del self._cells[cell.number]
        self._families.on_gone(cell)
        heapq.heappush(self._free_numbers, cell.number)
        self.leave(cell)

    def leave(self, cell: Cell) -> None:
        """Whoever it was promised to has nothing of it any more."""
        if cell.start is not None:
            del self.assigned[cell.start.sandbox]
            self._node.put({"verb": "gone", "sandbox": cell.start.sandbox})
            cell.start = None
