"""From saving a file to the first answer of the new code: `wakeful dev` beside serverless-offline, in one run.

`sam local` is not here: it runs functions in Docker.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench import systems
from bench.cold import node_runtime
from bench.subjects import PYTHON, Absent, or_told, quantile
from bench.systems import System

COUNT = 20
PAUSE_S = 0.3
LIBRARIES = 3000
"""Files of a node_modules that is there and does not change, 40 MB of it."""

LIBRARY_BYTES = 13_500
_ANSWER_S = 30.0


@dataclass(frozen=True)
class Language:
    title: str
    runtime: str
    file: str
    text: str
    """With ANSWER in it."""

    has_libraries: bool = False


@dataclass(frozen=True)
class Times:
    edit_ms: list[float]
    call_ms: list[float]


def dev() -> None:
    """How long one waits for what one has just saved."""
    print(f"## Edit to new answer ({COUNT} edits, the function called until it answers with the new code)\n")
    print("| system | function | p50 ms | p90 ms | a call without an edit, p50 ms |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="wakeful-bench-", dir="/var/tmp") as place:
        languages = _languages(Path(place))

        def serverless_offline() -> AbstractContextManager[System]:
            return systems.serverless_offline(Path(place))

        with or_told(systems.wakeful) as system:
            if system is not None:
                for language in languages:
                    _row("wakeful dev", language, partial(_with_wakeful, system, Path(place), language))
        with or_told(serverless_offline) as system:
            if system is not None:
                for language in languages:
                    _row("serverless-offline", language, partial(_with_serverless, system, Path(place), language))
    print()


# --- below -----------------------------------------------------------------------------------------------------------


def _languages(place: Path) -> list[Language]:
    """Each with its folder. serverless-offline is told of all of them when it starts."""
    python = "def handler(event, context):\n    return {'answer': ANSWER}\n"
    node = "exports.handler = async () => ({ answer: ANSWER });\n"
    found = [Language("Python", PYTHON, "h.py", python)]
    if shutil.which("node"):
        runtime = node_runtime()
        found.append(Language("Node.js", runtime, "h.js", node))
        found.append(Language("Node.js with node_modules of 40 MB", runtime, "h.js", node, has_libraries=True))
    for language in found:
        folder = _folder(place, language)
        folder.mkdir()
        (folder / language.file).write_text(language.text.replace("ANSWER", "0"))
        for each in range(LIBRARIES if language.has_libraries else 0):
            library = folder / "node_modules" / f"library-{each // 30}"
            library.mkdir(parents=True, exist_ok=True)
            (library / f"part-{each}.js").write_bytes(os.urandom(LIBRARY_BYTES // 2).hex().encode())
    functions = {
        _name(each): {"handler": f"{_name(each)}/h.handler", "runtime": each.runtime, "timeout": 30} for each in found
    }
    (place / "serverless.json").write_text(json.dumps(systems.serverless_configuration(functions)))
    return found


def _name(language: Language) -> str:
    return "".join(letter for letter in language.title.lower() if letter.isalnum())


def _folder(place: Path, language: Language) -> Path:
    return place / _name(language)


def _row(system: str, language: Language, measure: Callable[[], Times]) -> None:
    try:
        times = measure()
    except Absent as absent:
        print(f"| {system} | {language.title} | not here: {absent} |")
        return
    p50, slow = statistics.median(times.edit_ms), quantile(times.edit_ms, 0.9)
    print(f"| {system} | {language.title} | {p50:.1f} | {slow:.1f} | {statistics.median(times.call_ms):.1f} |")


def _with_wakeful(system: System, place: Path, language: Language) -> Times:
    folder = _folder(place, language)
    # One vCPU: with less, the CPU that belongs to the memory is what would be measured.
    options = ["--runtime", language.runtime, "--handler", "h.handler", "--memory", "1769"]
    with _command(["dev", str(folder), *options], system.endpoint):
        return _measured(system.client("lambda"), _name(language), folder / language.file, language.text)


def _with_serverless(system: System, place: Path, language: Language) -> Times:
    name = f"bench-dev-{_name(language)}"
    return _measured(system.client("lambda"), name, _folder(place, language) / language.file, language.text)


def _measured(functions: Any, name: str, file: Path, text: str) -> Times:
    def answer() -> Any:
        body = functions.invoke(FunctionName=name, Payload=b"{}")["Payload"].read()
        return json.loads(body).get("answer")

    def until(wanted: int) -> None:
        deadline = time.monotonic() + _ANSWER_S
        while answer() != wanted:
            if time.monotonic() > deadline:
                raise Absent(f"it does not answer with what was saved after {_ANSWER_S:.0f} s")

    _await_function(functions, name, answer)
    begin = int(time.time())
    edit_ms, call_ms = [], []
    for number in range(begin, begin + COUNT + 1):
        content = text.replace("ANSWER", str(number))
        began = time.perf_counter()
        file.write_text(content)
        until(number)
        edit_ms.append((time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        answer()
        call_ms.append((time.perf_counter() - began) * 1000)
        time.sleep(PAUSE_S)  # as nobody saves faster
    return Times(edit_ms[1:], call_ms[1:])


def _await_function(functions: Any, name: str, answer: Callable[[], Any]) -> None:
    deadline = time.monotonic() + _ANSWER_S
    while True:
        try:
            answer()
            return
        except functions.exceptions.ClientError as error:
            if time.monotonic() > deadline:
                raise Absent(str(error)) from error
            time.sleep(0.1)


@contextmanager
def _command(words: list[str], endpoint: str) -> Iterator[None]:
    """A command of ours that runs until the block ends, and watches by then."""
    variables = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1"}
    command = [sys.executable, "-u", "-m", "wakeful", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("Ctrl-C"):
                    break
            time.sleep(0.5)  # the watcher has begun
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.stdout.read()
