"""Python: the runtimes python3.9 to python3.14, run by our own runtime client in a pre-started interpreter."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from wakeful.environments import variables
from wakeful.environments.languages.interpreters import Interpreter, Search
from wakeful.environments.languages.language import ReadAtStart, placed
from wakeful.environments.languages.python_folder import RuntimeFolder
from wakeful.environments.sandbox import Runtime


def _own() -> Iterable[Path]:
    yield Path(sys.base_prefix, "bin")


SEARCH = Search(
    names=("python3", "python3.[0-9]", "python3.[0-9][0-9]"),
    places=(
        "~/.pyenv/versions/*/bin",
        "~/.local/share/uv/python/*/bin",
        "~/.asdf/installs/python/*/bin",
        "~/.local/share/mise/installs/python/*/bin",
        "~/miniconda3/bin",
        "/usr/bin",
        "/usr/local/bin",
        "/opt/*/bin",
    ),
    # Asked without the site module, so that nothing of the host's packages is run.
    question=("-I", "-S", "-c", "import sys; print(*sys.version_info[:3], sys.base_prefix)"),
    first=_own,
)

RUNTIMES: Mapping[str, tuple[int, ...]] = {f"python3.{minor}": (3, minor) for minor in range(9, 15)}


class Python:
    """See `Language`."""

    name = "python"
    title = "Python"
    runtimes = RUNTIMES
    search = SEARCH
    read_at_start = ReadAtStart(("PYTHON",), frozenset({"PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}))

    def __init__(self, cache: Path) -> None:
        self._folder = RuntimeFolder(cache)

    def remedy(self, number: str) -> str:
        return f"uv python install {number}"

    async def runtime(self, name: str, interpreter: Interpreter) -> Runtime:
        binary, mounts = placed(interpreter)
        mounts = (*mounts, (await self._folder.path(interpreter), variables.RUNTIME_DIR))
        argv = (binary, "-I", "-S", "-X", "utf8", f"{variables.RUNTIME_DIR}/bootstrap.py")
        major, minor, patch = interpreter.version
        release = f"python:{major}.{minor}.v{patch}"
        return Runtime(name, argv, mounts, True, variables.PROCESS_VARIABLES, release, divides=True)

    async def warm_up(self, interpreter: Interpreter) -> None:
        """Its compiled files are there."""
        await self._folder.compile(interpreter)

    def own_process(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """The interpreter honours the variables it is started with."""
        return tuple("-s" if word == "-I" else word for word in argv)
