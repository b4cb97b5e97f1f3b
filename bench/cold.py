"""Cold starts: of every runtime that this machine has, many at once, and what an environment that waits weighs."""

from __future__ import annotations

import io
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.clients import builds

from bench import systems
from bench.subjects import ECHO, EVENT, PYTHON, Absent, load, make_function, or_told, quantile, zipped
from bench.systems import System

COUNT = 40
PEERS_COUNT = 5
BURSTS = (40, 100)
BURST_SLEEP_S = 2.0
IDLE_COUNT = 20
FRESH_COUNT = 10

_PYTHON_MAIN = "import json, sys; sys.path.insert(0, sys.argv[1]); import h; print(json.dumps(h.handler({}, None)))"
_NODE = b"exports.handler = async (event) => event;\n"
_NODE_MAIN = "require(process.argv[1] + '/h.js').handler({}).then((answer) => console.log(JSON.stringify(answer)))"
_JAVA = b"""import java.util.Map;
public class H {
    public Map<String, Object> handle(Map<String, Object> event) { return event; }
    public Map<String, Object> sleep(Map<String, Object> event) throws Exception { Thread.sleep(1000); return event; }
    public static void main(String[] words) { System.out.println(new H().handle(Map.of())); }
}
"""


@dataclass(frozen=True)
class Subject:
    """A function that returns its event. `fresh` runs it in a process of its own, from a folder that stands last."""

    runtime: str
    package: dict[str, bytes]
    handler: str = "h.handler"
    fresh: list[str] = field(default_factory=list)
    published_ms: int | None = None
    """What AWS publishes as INIT of a function like this, in this language."""

    language: str = ""
    """Of a runtime that does not tell it."""

    @property
    def title(self) -> str:
        return f"{self.runtime}, {self.language}" if self.language else self.runtime


def cold() -> None:
    """The first Invoke of a function that nobody has called before."""
    print("## Cold start (from the request to the answer of a function's first invoke, through boto3)\n")
    print("| system | runtime | p50 ms | p99 ms | warm p50 ms | cold less warm | fresh process ms | AWS's INIT ms |")
    print("|---|---|---|---|---|---|---|---|")
    for start, count in ((systems.wakeful, COUNT), (systems.ministack, PEERS_COUNT)):
        with or_told(start) as system:
            if system is None:
                continue
            for subject in subjects():
                try:
                    first, later = _cold_and_warm(system, subject, count)
                except Absent as absent:
                    print(f"| {system.name} | {subject.title} | not here: {absent} |")
                    continue
                cold_ms, warm_ms = statistics.median(first), statistics.median(later)
                slow_ms = quantile(first, 0.99)
                print(
                    f"| {system.name} | {subject.title} | {cold_ms:.1f} | {slow_ms:.1f} | {warm_ms:.1f} |"
                    f" {cold_ms - warm_ms:.1f} | {_fresh(subject)} | {subject.published_ms or ''} |"
                )
    print()


def burst() -> None:
    """Many callers at once of a function that nobody has called before, each with an environment of its own."""
    print(f"## Cold starts at once (a function that sleeps {BURST_SLEEP_S} s, which is taken off)\n")
    print("| system | callers | p50 ms | p99 ms | answered |")
    print("|---|---|---|---|---|")
    code = f"import time\ndef handler(event, context):\n    time.sleep({BURST_SLEEP_S})\n    return event\n".encode()
    for start in (systems.wakeful, systems.ministack):
        with or_told(start) as system:
            if system is None:
                continue
            make_function(system, "primer")
            system.client("lambda").invoke(FunctionName="primer", Payload=EVENT)
            for callers in BURSTS:
                name = f"burst-{callers}"
                make_function(system, name, package=zipped({"h.py": code}))
                time.sleep(1)
                request = system.request("lambda", f"/2015-03-31/functions/{name}/invocations", EVENT)
                found = load(system, request, callers, BURST_SLEEP_S * 0.9)
                p50, p99 = (found[name] - BURST_SLEEP_S * 1000 for name in ("p50_ms", "p99_ms"))
                answered = found["requests"] - found["errors"]
                print(f"| {system.name} | {callers} | {p50:.0f} | {p99:.0f} | {answered} |")
    print()


def idle() -> None:
    """What an environment weighs that waits for its next event."""
    print(f"## Memory of an idle environment (PSS of all its processes, mean of {IDLE_COUNT})\n")
    print("| system | runtime | MB |")
    print("|---|---|---|")
    with or_told(systems.wakeful) as system:
        if system is None:
            return
        for runtime, package, handler in _sleepers():
            name = f"idle-{runtime.replace('.', '-')}"
            try:
                make_function(system, name, runtime, zipped(package), handler)
            except Absent as absent:
                print(f"| {system.name} | {runtime} | not here: {absent} |")
                continue
            time.sleep(1)
            before = system.memory_mb()
            request = system.request("lambda", f"/2015-03-31/functions/{name}/invocations", EVENT)
            load(system, request, IDLE_COUNT, 0.9)
            time.sleep(1)
            print(f"| {system.name} | {runtime} | {(system.memory_mb() - before) / IDLE_COUNT:.1f} |")
    print()


# --- below -----------------------------------------------------------------------------------------------------------


def subjects() -> Iterator[Subject]:
    """What can be tried on this machine."""
    yield Subject(PYTHON, ECHO, fresh=[sys.executable, "-I", "-S", "-c", _PYTHON_MAIN], published_ms=91)
    if shutil.which("node"):
        yield Subject(node_runtime(), {"h.js": _NODE}, fresh=["node", "-e", _NODE_MAIN], published_ms=137)
    if shutil.which("javac"):
        version, compiled = _compiled_java()
        subprocess.run(
            [sys.executable, "-m", "wakeful", "runtimes", "add", f"java{version}"], check=False, capture_output=True
        )
        yield Subject(f"java{version}", compiled, "H::handle", ["java", "H", "-cp"], published_ms=242)
    yield from _built()


def _built() -> Iterator[Subject]:
    """Functions on AWS's own clients for compiled languages, as the tests build them."""
    for client, published_ms in ((builds.RUST, 16), (builds.GO, None)):
        made = builds.package_or_reason(client)
        if isinstance(made, bytes):
            with zipfile.ZipFile(io.BytesIO(made)) as archive:
                files = {name: archive.read(name) for name in archive.namelist()}
            yield Subject("provided.al2023", files, published_ms=published_ms, language=client.name.capitalize())


def _sleepers() -> Iterator[tuple[str, dict[str, bytes], str]]:
    """Runtime, package and handler of functions that take a second, so that many callers get as many environments."""
    python = b"import time\ndef handler(event, context):\n    time.sleep(1)\n    return event\n"
    yield PYTHON, {"h.py": python}, "h.handler"
    if shutil.which("node"):
        node = b"exports.handler = (event) => new Promise((done) => setTimeout(done, 1000, event));\n"
        yield node_runtime(), {"h.js": node}, "h.handler"
    if shutil.which("javac"):
        version, compiled = _compiled_java()
        yield f"java{version}", compiled, "H::sleep"


def _cold_and_warm(system: System, subject: Subject, count: int) -> tuple[list[float], list[float]]:
    functions = system.client("lambda")
    first: list[float] = []
    later: list[float] = []
    package, plain = zipped(subject.package), f"{subject.runtime}{subject.language}".replace(".", "-")
    make_function(system, f"primer-{plain}", subject.runtime, package, subject.handler)
    for number in range(count):
        name = f"cold-{plain}-{number}"
        make_function(system, name, subject.runtime, package, subject.handler)
        time.sleep(0.2)  # so that what stands ready for a cold start can be made ready again
        for times in (first, later):
            begun = time.perf_counter()
            answer = functions.invoke(FunctionName=name, Payload=EVENT)
            times.append((time.perf_counter() - begun) * 1000)
            told = json.loads(answer["Payload"].read())
            if "FunctionError" in answer or json.loads(EVENT) not in (told, told.get("event")):
                raise Absent("it does not answer as it should")
    return first, later


def _fresh(subject: Subject) -> str:
    """Starting the interpreter, loading the function and calling it once, without anything of ours around it."""
    if not subject.fresh:
        return ""
    with tempfile.TemporaryDirectory() as place:
        for name, content in subject.package.items():
            Path(place, name).write_bytes(content)
        command = [*subject.fresh, place]
        if subject.fresh[-1] == "-cp":
            command = [subject.fresh[0], "-cp", place, *subject.fresh[1:-1]]
        return f"{statistics.median(_timed(lambda: subprocess.run(command, check=True, capture_output=True))):.1f}"


def _timed(work: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(FRESH_COUNT):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return times


def node_runtime() -> str:
    """The runtime of the Node.js that is here."""
    version = subprocess.run(["node", "-p", "process.versions.node"], capture_output=True, text=True, check=True).stdout
    return f"nodejs{version.split('.')[0]}.x"


def _compiled_java() -> tuple[str, dict[str, bytes]]:
    """The version of the compiler, and the class."""
    told = subprocess.run(["javac", "-version"], capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory() as place:
        Path(place, "H.java").write_bytes(_JAVA)
        subprocess.run(["javac", "-d", place, f"{place}/H.java"], check=True)
        return told.split()[1].split(".")[0], {"H.class": Path(place, "H.class").read_bytes()}
