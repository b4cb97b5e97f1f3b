"""The keeper: the process that looks after one runtime process, from before its start until nothing of it is left.

In namespaces it is pid 1 of the sandbox. It builds the walls, starts the runtime process (before its assignment where
that runtime knows how to wait, at its assignment otherwise), reaps every orphan, watches memory where no cgroup does,
and tells the launcher how the runtime ended. When the launcher is gone, so is all that is inside.

Extensions run beside the runtime process, behind the same walls. It waits for "begin" before it runs any of the
function's code, and its end is not theirs: somebody outside decides when all is over.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import signal
import socket
from dataclasses import dataclass
from typing import Any, NoReturn

from . import linux, messages, processes
from .cgroups import Entrance
from .namespaces import Namespaces
from .nursery import Nursery
from .root import LAYERS_ROOT
from .stem import divide
from .walls import Order, Walls, limit_data

WATCH_INTERVAL_S = 0.02
WATCH_INTERVAL_MAX_S = 0.1
"""The time between two looks grows to this while nothing changes."""

CELL_VARIABLE = "WAKEFUL_CELL"
READY = b"."

# One process is looked at after the other. What is shared counts too much when some of them end meanwhile.
_LOOKS_AGAIN = 3

_EXEC_FAILED = 127
_SOMEBODY_ELSES = -1  # a runtime process for which we cannot wait
_SCRATCH_DESCRIPTOR = 16  # above the ones that a runtime process starts with


@dataclass(frozen=True, slots=True)
class Command:
    """How a runtime process is started."""

    argv: tuple[str, ...]
    variables: dict[str, str]
    prestart: bool


@dataclass(frozen=True, slots=True)
class Extension:
    """A program beside the runtime process. `exec_error` tells why it could not be run."""

    name: str
    exec_error: int


class Keeper:
    """Lives in the process that the launcher forked for one sandbox. `run` does not return."""

    def __init__(
        self,
        walls: Walls,
        command: Command,
        channel: socket.socket,
        output: int,
        entrance: Entrance,
        counters: memoryview | None,
        stem: socket.socket | None = None,
    ) -> None:
        self._walls = walls
        self._command = command
        self._channel = channel
        self._output = output
        self._entrance = entrance
        self._counters = counters
        """Where no cgroup counts: memory peak in bytes, CPU time in nanoseconds; the node reads them."""
        self.nursery: Nursery | None = None
        """Where the runtime process may become a template."""
        self.introduces_itself = False
        """The launcher is not our parent, and learns from us who we are."""
        self._stem = stem
        """Where the runtime process may be forked from; until it was, or could not be."""
        self._poll = select.poll()
        self._runtime_pid = 0
        self._ready = -1
        self._is_ready = False
        self._feed = -1
        self._exec_error = -1
        self._variables = -1
        self._gate = -1
        self._extensions: dict[int, Extension] = {}
        """By process, until they have ended."""
        self._is_held = False
        self._outlives_runtime = False
        self._memory_max_bytes: int | None = None
        self._interval_s = WATCH_INTERVAL_S
        self._is_frozen = False

    def run(self) -> NoReturn:
        """Never returns; what goes wrong is told to the launcher."""
        status = 1
        try:
            self._live()
            status = 0
        except Exception as error:  # noqa: BLE001 - a keeper's last words: whatever it was, somebody has to hear it
            self.tell({"verb": "failed", "error": f"{type(error).__name__}: {error}"})
        finally:
            self._walls.bury()
            os._exit(status)

    def _live(self) -> None:
        openings = self._walls.enclose()
        self._listen_to_signals()
        self._poll.register(self._channel, select.POLLIN)
        if self._command.prestart and not self._walls.is_rebuilt:
            self._start_waiting("/")
            while not self._is_ready:
                if not self._serve():
                    return
        descriptors = [openings.runtime_api.fileno(), openings.endpoint.fileno()]
        if openings.tmp is not None:
            descriptors.append(openings.tmp)
        if self.introduces_itself:
            descriptors.append(os.pidfd_open(os.getpid()))
        messages.send(self._channel, {"verb": "built"}, descriptors)
        openings.runtime_api.close()
        openings.endpoint.close()
        for other in descriptors[2:]:
            os.close(other)
        while self._serve():
            pass

    def _listen_to_signals(self) -> None:
        """A child's end makes the poll return."""
        self._wakeup, write_end = os.pipe()
        for end in (self._wakeup, write_end):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _ignore)
        self._poll.register(self._wakeup, select.POLLIN)

    def _serve(self) -> bool:
        """One round: what the launcher says, who ended, what is used. False when the runtime or launcher is gone."""
        watches = self._memory_max_bytes is not None and self._runtime_pid and not self._is_frozen
        if self.nursery is not None and self.nursery.is_needed:
            watches = False  # it stands still, and what else we see in here has keepers of its own
        ready = {fd for fd, _ in self._poll.poll(self._interval_s * 1000 if watches else None)}
        if self._channel.fileno() in ready and not self._obey():
            return False
        if self._ready in ready:
            self._on_ready()
        if self._wakeup in ready:
            _drain(self._wakeup)
            if not self._reap():
                return False
        return not watches or self._watch()

    def _obey(self) -> bool:
        message = messages.receive(self._channel)
        if message is None:
            return False
        if message.verb == "assign":
            self._assign(message)
        elif message.verb == "begin":
            self._begin()
        elif message.verb == "connector":
            self._give_connector()
        elif message.verb == "signal":
            self._signal(message.body["who"], message.body["number"])
        elif message.verb == "freeze":
            self._walls.signal_everyone(signal.SIGSTOP)
            self._is_frozen = True
            self.tell({"verb": "done", "of": "freeze"})
        elif message.verb == "thaw":
            self._is_frozen = False
            self._walls.signal_everyone(signal.SIGCONT)
            self.tell({"verb": "done", "of": "thaw"})
        elif message.verb == "adopt":
            self._adopt(message.body["memory_mb"])
        elif self.nursery is not None:
            return self._obey_as_template(self.nursery, message)
        else:
            raise ValueError(f"a keeper does not know {message.verb!r}")
        return True

    def _adopt(self, memory_mb: int) -> None:
        """The runtime process is in here, as somebody else's child; whoever begot it tells of its end."""
        self._runtime_pid = _SOMEBODY_ELSES
        if self._counters is not None:
            self._memory_max_bytes = memory_mb << 20
        self._walls.retire()

    def _obey_as_template(self, nursery: Nursery, message: messages.Message) -> bool:
        """False when nobody needs us any more."""
        if message.verb == "trace":
            nursery.trace(self._runtime_pid)
            self._retire_if_barren(nursery)
        elif message.verb == "annex":
            nursery.build(message)
        elif message.verb == "fork":
            nursery.fork(message.body["number"])
        elif message.verb == "stand":
            nursery.stand(message.body["number"])
        elif message.verb == "forget":
            nursery.forget(message.body["number"])
        elif message.verb == "drop":
            if self._runtime_pid > 0:
                os.kill(self._runtime_pid, signal.SIGKILL)
        else:
            raise ValueError(f"a keeper does not know {message.verb!r}")
        return True

    def _assign(self, message: messages.Message) -> None:
        variables, *trees = message.descriptors
        output = trees.pop(0) if message.body["extensions"] else -1
        order = Order.of(message.body, trees)
        self._is_held = self._outlives_runtime = bool(order.extensions)
        directory = self._walls.furnish(order)
        if self._counters is not None:
            self._memory_max_bytes = order.memory_mb << 20
        given: dict[str, dict[str, str]] = json.loads(_read_all(variables)) if order.extensions else {}
        if self._command.prestart:
            self._variables = variables
            if self._runtime_pid == 0:
                self._start_waiting(directory)  # behind walls that depend on the function; `_on_ready` goes on
            else:
                self._limit_data(self._runtime_pid)
                self._hand_over_if_due()
        else:
            assigned: dict[str, str] = json.loads(_read_all(variables))["variables"]
            os.close(variables)
            stdin = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
            self._start_runtime(self._walls.relocate(assigned), directory, stdin, None)
            os.close(stdin)
        if order.extensions:
            self._start_extensions(order.extensions, given["extension_variables"], output)
        if self._counters is not None:
            self._watch()
        if self.nursery is None:
            self._walls.retire()
        else:
            self.nursery.retire()

    def _retire_if_barren(self, nursery: Nursery) -> None:
        """What could have become a template did not, and is as any other."""
        if nursery.is_barren:
            self.nursery = None
            self._walls.retire()

    def _start_extensions(self, names: tuple[str, ...], variables: dict[str, str], output: int) -> None:
        """After the runtime process, which is our first child by that, and before our rights are given up."""
        variables = self._walls.relocate(variables)
        stdin = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        for name in names:
            path = f"{LAYERS_ROOT}/extensions/{name}"
            pid, exec_error = self._start((path,), variables, "/", (stdin, output, output))
            self._extensions[pid] = Extension(name, exec_error)
        os.close(stdin)
        os.close(output)

    def _begin(self) -> None:
        """The runtime process goes on to the function's code."""
        self._is_held = False
        if self._gate >= 0:
            os.close(self._gate)
            self._gate = -1
        self._hand_over_if_due()

    def _signal(self, who: str | None, number: int) -> None:
        """To an extension with all it has started, or to the runtime process (None)."""
        pids = [pid for pid, extension in self._extensions.items() if extension.name == who]
        for pid in [self._runtime_pid] if who is None else pids:
            try:
                if pid > 0:
                    os.killpg(pid, number)
            except ProcessLookupError:
                continue  # it has ended, or is not its group's first yet

    def _give_connector(self) -> None:
        """A socket of the network in here, with which somebody outside reaches what listens in here."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connector:
            messages.send(self._channel, {"verb": "done", "of": "connector"}, [connector.fileno()])

    def _limit_data(self, pid: int) -> None:
        """Of a process, or of our own (0), where no cgroup does it."""
        if self._memory_max_bytes is not None:
            limit_data(pid, self._memory_max_bytes)

    def _start_waiting(self, directory: str) -> None:
        """The runtime process runs, warms up, and waits for its assignment on its standard input."""
        stdin, self._feed = os.pipe()
        self._ready, ready = os.pipe()
        if not self._is_divided((stdin, self._output, self._output, ready)):
            variables = self._walls.relocate({**self._command.variables, CELL_VARIABLE: "1"})
            self._start_runtime(variables, directory, stdin, ready)
        os.close(stdin)
        os.close(ready)
        self._poll.register(self._ready, select.POLLIN)

    def _is_divided(self, descriptors: tuple[int, ...]) -> bool:
        """Whether a stem has given us the runtime process."""
        if self._stem is None or not isinstance(self._walls, Namespaces):
            return False
        stem, self._stem = self._stem, None
        pid = divide(stem, self._walls.terms, self._walls.program, self._entrance, descriptors)
        stem.close()
        if pid is None:
            self.tell({"verb": "unstemmed"})
            return False
        self._runtime_pid = pid
        self._exec_error, end = os.pipe()
        os.close(end)
        return True

    def _on_ready(self) -> None:
        self._is_ready = os.read(self._ready, 1) == READY
        self._poll.unregister(self._ready)
        os.close(self._ready)
        self._ready = -1
        self._hand_over_if_due()

    def _hand_over_if_due(self) -> None:
        if self._is_ready and self._variables >= 0 and not self._is_held:
            self._hand_over()

    def _hand_over(self) -> None:
        """The waiting runtime process has its environment."""
        given: dict[str, Any] = json.loads(_read_all(self._variables))
        given = {"variables": self._walls.relocate(given["variables"])}
        os.close(self._variables)
        self._variables = -1
        try:
            # It reads to the end before it runs any code of the function's, so this does not wait for anybody else.
            with os.fdopen(self._feed, "wb") as feed:
                feed.write(json.dumps(given).encode())
        except BrokenPipeError:
            return  # it has ended; that is reported where it is reaped
        finally:
            self._feed = -1

    def _start_runtime(self, variables: dict[str, str], directory: str, stdin: int, ready: int | None) -> None:
        gate = None
        if self._is_held and ready is None:  # it cannot wait by itself
            gate, self._gate = os.pipe()
        descriptors = (stdin, self._output, self._output, ready)
        self._runtime_pid, self._exec_error = self._start(self._command.argv, variables, directory, descriptors, gate)
        if gate is not None:
            os.close(gate)

    def _start(
        self,
        argv: tuple[str, ...],
        variables: dict[str, str],
        directory: str,
        descriptors: tuple[int | None, ...],
        gate: int | None = None,
    ) -> tuple[int, int]:
        """A process behind the walls, and where it says why it could not be run."""
        exec_error, error_end = os.pipe()
        pid = linux.fork(cgroup=self._entrance.directory)
        if pid == 0:
            try:
                self._become(argv, variables, directory, descriptors, error_end, gate)
            finally:
                os._exit(_EXEC_FAILED)
        os.close(error_end)
        return pid, exec_error

    def _become(
        self,
        command: tuple[str, ...],
        variables: dict[str, str],
        directory: str,
        descriptors: tuple[int | None, ...],
        error_end: int,
        gate: int | None,
    ) -> None:
        """`descriptors` become 0, 1, 2 and, for one that waits, 3. `gate` is at its end when it may go on."""
        argv = self._walls.translate(command)
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            os.umask(0o022)
            os.setsid()
            self._entrance.enter()
            scratch = [
                fd if fd is None else fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _SCRATCH_DESCRIPTOR) for fd in descriptors
            ]
            error_end = fcntl.fcntl(error_end, fcntl.F_DUPFD_CLOEXEC, _SCRATCH_DESCRIPTOR)
            if gate is not None:
                gate = fcntl.fcntl(gate, fcntl.F_DUPFD_CLOEXEC, _SCRATCH_DESCRIPTOR)
            taken = [os.dup2(fd, place) for place, fd in enumerate(scratch) if fd is not None]
            linux.close_all_but(*taken, error_end, *(() if gate is None else (gate,)))
            self._limit_data(0)
            self._walls.confine()
            os.chdir(directory)
        except OSError as error:
            os.write(error_end, f"the sandbox could not be closed: {error}".encode())
            return
        if gate is not None:
            linux.set_dumpable(False)  # until it is another program: extensions run already
            os.read(gate, 1)
        try:
            os.execve(argv[0], argv, variables)
        except (OSError, ValueError) as error:
            reason = os.strerror(error.errno or errno.EINVAL).lower() if isinstance(error, OSError) else str(error)
            # Lambda's own words for an entry point that cannot be run.
            os.write(error_end, f"fork/exec {argv[0]}: {reason}".encode())

    def _reap(self) -> bool:
        """Waits for all that has ended. False when the runtime process was among it."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return True
            if os.WIFSTOPPED(status):
                assert self.nursery is not None  # nobody else traces
                self.nursery.on_stop(pid, status)
                self._retire_if_barren(self.nursery)
                continue
            if self.nursery is not None and (number := self.nursery.on_exit(pid)) is not None:
                self.tell({"verb": "child ended", "number": number, **_ended(status, None)})
            elif pid == self._runtime_pid:
                self._report(status)
                if not self._outlives_runtime and not (self.nursery is not None and self.nursery.is_needed):
                    return False
                self._runtime_pid = -1
            elif extension := self._extensions.pop(pid, None):
                ended = _ended(status, _words(extension.exec_error))
                self.tell({"verb": "extension", "name": extension.name, **ended})

    def _report(self, status: int) -> None:
        self.tell({"verb": "ended", "out_of_memory": False, **_ended(status, _words(self._exec_error))})

    def _watch(self) -> bool:
        """Counts; kills all when there is more memory in use than the function has. False when it did."""
        assert self._counters is not None and self._memory_max_bytes is not None
        use, memory_bytes = self._count()
        for _ in range(_LOOKS_AGAIN):
            if memory_bytes > self._memory_max_bytes:
                use, memory_bytes = self._count()
        cpu_ns = int(use.cpu_s * 1e9)
        is_quiet = cpu_ns == self._counters[1] and memory_bytes <= self._counters[0]
        self._interval_s = min(self._interval_s * 2, WATCH_INTERVAL_MAX_S) if is_quiet else WATCH_INTERVAL_S
        self._counters[0] = max(self._counters[0], memory_bytes)
        self._counters[1] = max(self._counters[1], cpu_ns)
        if memory_bytes <= self._memory_max_bytes:
            return True
        ended = {"verb": "ended", "status": None, "signal": int(signal.SIGKILL), "out_of_memory": True, "error": None}
        self.tell(ended)
        self._walls.signal_everyone(signal.SIGKILL)
        return False

    def _count(self) -> tuple[processes.Use, int]:
        assert self._counters is not None and self._memory_max_bytes is not None
        use = processes.use(self._walls.everyone(), min(self._memory_max_bytes, self._counters[0]))
        return use, use.private_bytes + max(0, use.shared_bytes - self._walls.tmp_bytes())

    def tell(self, body: dict[str, Any], *descriptors: int) -> None:
        try:
            messages.send(self._channel, body, descriptors)
        except OSError:
            return  # the launcher is gone, and with it whoever wanted to know


def _ignore(number: int, frame: object) -> None:
    """The wakeup descriptor does the work; without a handler the kernel would not even interrupt the poll."""


def _words(exec_error: int) -> str | None:
    """Why a process that has ended was not run, if it was not."""
    words = os.read(exec_error, 4096).decode(errors="replace") or None
    os.close(exec_error)
    return words


def _ended(status: int, error: str | None) -> dict[str, Any]:
    code = os.waitstatus_to_exitcode(status)
    return {
        "status": code if code >= 0 and error is None else None,
        "signal": -code if code < 0 else None,
        "error": error,
    }


def _drain(descriptor: int) -> None:
    try:
        while os.read(descriptor, 512):
            pass
    except BlockingIOError:
        return


def _read_all(descriptor: int) -> bytes:
    """The whole of a memory file, whatever its position."""
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
