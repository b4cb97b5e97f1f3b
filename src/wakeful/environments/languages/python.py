"""Python: the runtimes python3.9 to python3.14, run by our own runtime client in a pre-started interpreter."""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from wakeful import names
from wakeful.environments import variables
from wakeful.environments.inside import Inside
from wakeful.environments.languages import programs
from wakeful.environments.languages.interpreters import Interpreter, Search
from wakeful.environments.languages.language import CannotAdd, ReadAtStart, RuntimeAbsent, placed
from wakeful.environments.languages.python_folder import OLDER_SDKS, RuntimeFolder
from wakeful.environments.sandbox import Runtime
from wakeful.environments.version import Debugger


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
    oldest=(3, 9),
)

RUNTIMES: Mapping[str, tuple[int, ...]] = {f"python3.{minor}": (3, minor) for minor in range(9, 15)}


class Python:
    """See `Language`."""

    name = "python"
    title = "Python"
    runtimes = RUNTIMES
    search = SEARCH
    read_at_start = ReadAtStart(("PYTHON",), frozenset({"PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}))

    def __init__(self, cache: Path, added: Path) -> None:
        self._cache = cache
        self._folder = RuntimeFolder(cache, added)

    def remedy(self, number: str) -> str:
        return f"uv python install {number}"

    async def runtime(self, name: str, interpreter: Interpreter) -> Runtime:
        binary, mounts = placed(interpreter)
        mounts = (*mounts, (await self._folder.path(interpreter), variables.RUNTIME_DIR))
        argv = (binary, "-I", "-S", "-X", "utf8", f"{variables.RUNTIME_DIR}/bootstrap.py")
        major, minor, patch = interpreter.version
        release = f"python:{major}.{minor}.v{patch}"
        return Runtime(name, argv, mounts, True, variables.PROCESS_VARIABLES, release, divides=True)

    async def warm_up(self, interpreter: Interpreter, inside: Inside | None) -> None:
        """Its compiled files are there."""
        await self._folder.compile(interpreter)

    def fitted(self, runtime: Runtime, memory_mb: int, given: Mapping[str, str]) -> Runtime:
        return runtime

    def own_process(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """The interpreter honours the variables it is started with."""
        return tuple("-s" if word == "-I" else word for word in argv)

    async def debugged(self, runtime: Runtime, interpreter: Interpreter, debugger: Debugger) -> Runtime:
        """debugpy, as it is beside us, can be imported; our client starts it."""
        folder = await asyncio.to_thread(_debugpy, self._cache)
        binary, *rest = runtime.argv
        if interpreter.version >= (3, 11):
            rest = ["-X", "frozen_modules=off", *rest]  # else it misses breakpoints, and says so in the log
        mounts = (*runtime.mounts, (folder, variables.DEBUGGER_ROOT))
        return replace(runtime, argv=(binary, *rest), mounts=mounts)

    async def add(self, number: str, folder: Path, report: programs.Report) -> None:
        """As `uv python install` gets it. Where there is no uv, it is got from PyPI first, for this once."""
        report(f"Getting Python {number} with uv …")
        folder.mkdir(parents=True, exist_ok=True)
        otherwise = f"Install Python {number} otherwise: pyenv install {number}; apt install python{number}"
        with programs.for_once() as place:
            try:
                uv = programs.find_uv()
                if uv is None:
                    await programs.pip_install(place, "uv", what="pip install uv")
                    uv = str(place / "bin" / "uv")
                await programs.run(
                    [uv, "python", "install", "--no-progress", number],
                    "uv python install",
                    UV_PYTHON_INSTALL_DIR=str(folder),
                )
            except CannotAdd as error:
                raise CannotAdd(f"Python {number} could not be got: {error}. {otherwise}") from error

    def sdk(self, interpreter: Interpreter) -> str | None:
        return self._folder.sdk(interpreter)

    async def add_sdk(
        self, interpreter: Interpreter, folder: Path, packages: Sequence[str], report: programs.Report
    ) -> None:
        """The one beside us is there anyway; a Python that is too old for it gets the last that supports it."""
        if packages:
            raise CannotAdd("Further packages for Python belong into the function's package or a layer.")
        if self._folder.sdk(interpreter) is not None:
            return
        number = ".".join(map(str, interpreter.version[:2]))
        if number not in OLDER_SDKS:
            raise CannotAdd(f"There is no AWS SDK for Python {number}.")
        report(f"Getting {OLDER_SDKS[number]} for Python {number} with pip …")
        with programs.being_made(folder / f"sdk-{number}") as made:
            wanted = ("--python-version", number, OLDER_SDKS[number])
            await programs.pip_install(made, *wanted, what="pip install boto3")


def _debugpy(cache: Path) -> Path:
    """A folder with debugpy and nothing else in it: what else is installed beside us is no function's business."""
    found = importlib.util.find_spec("debugpy")
    if found is None or not found.submodule_search_locations:
        raise RuntimeAbsent("Python functions are debugged with debugpy. Get it with: pip install 'wakeful[debug]'")
    final = cache / f"debugpy-{importlib.metadata.version('debugpy')}"
    if not final.exists():
        cache.mkdir(parents=True, exist_ok=True)
        beside = final.with_name(f"{final.name}.{names.new_token(4)}")
        beside.mkdir(mode=0o755)
        shutil.copytree(found.submodule_search_locations[0], beside / "debugpy")
        for each in (beside, *beside.rglob("*")):
            each.chmod(0o755 if each.is_dir() else 0o644)
        try:
            beside.rename(final)
        except OSError:  # another node of this user was faster
            shutil.rmtree(beside, ignore_errors=True)
    return final
