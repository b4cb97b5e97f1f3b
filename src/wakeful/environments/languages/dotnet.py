""".NET: the runtimes dotnet6, dotnet8 and dotnet10, for functions that are executables.

A handler without colons names one in the package: an assembly, run by a .NET of that version where this host has it, or
a program that needs none, compiled ahead of time or with its runtime in the package. A handler with colons names a
method of a class library; calling it takes AWS's own host for such libraries, which is not here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wakeful.environments import links, variables
from wakeful.environments.version import Version

RUNTIMES: Mapping[str, int] = {"dotnet6": 6, "dotnet8": 8, "dotnet10": 10}

ROOT_INSIDE = "/var/lang/bin"
"""Where a .NET of the host stands inside, as Lambda's own does."""

_PLACES = (
    "~/.dotnet",
    "/usr/share/dotnet",
    "/usr/lib/dotnet",
    "/usr/lib64/dotnet",
    "/usr/local/share/dotnet",
    "~/.local/share/mise/installs/dotnet-root",
)
_FRAMEWORK = "shared/Microsoft.NETCore.App"
_CONFIGURATION_BYTES_MAX = 64 * 1024
"""Of a file that is in the package and may be anything; those that .NET writes have some hundred."""


class Refused(Exception):
    """This function cannot be run here, whatever is in its package. The message is for whoever made it."""


class NotThere(Exception):
    """The package has no executable of that name. The message is as Lambda's own bootstrap words it."""


@dataclass(frozen=True, slots=True)
class Command:
    """How a function is started. `executable` is a file of the package that exec would be given, where it is one."""

    argv: tuple[str, ...]
    mounts: tuple[tuple[Path, str], ...] = ()
    executable: Path | None = None


def command(version: Version, root: Path | None) -> Command:
    """How this version is started, with the .NET of this host in `root`, if there is one. Raises Refused, NotThere."""
    name = version.handler
    if ":" in name:
        raise Refused(
            f"The handler {name} names a method of a class library, which is not implemented in Wakeful yet. Build the "
            "function as an executable assembly (OutputType Exe, LambdaBootstrapBuilder in Main), and let the handler "
            "name the assembly alone."
        )
    name = name.removesuffix(".dll")
    if name.startswith("/") or ".." in name.split("/"):
        raise NotThere(_absent(name))
    if _file(version, f"{name}.dll") is not None:
        major = RUNTIMES[version.runtime]
        if root is not None:
            argv = (f"{ROOT_INSIDE}/dotnet", "exec", f"{variables.TASK_ROOT}/{name}.dll")
            return _wrapped(version, Command(argv, ((root, ROOT_INSIDE),)))
        if _file(version, name) is None or not _brings_its_runtime(version, f"{name}.runtimeconfig.json"):
            raise Refused(
                f"The runtime {version.runtime} is not available: No .NET {major} was found on this machine to run "
                f"{name}.dll. Install it, for instance: dotnet-install.sh --channel {major}.0 --runtime dotnet"
            )
    for each in (name, "bootstrap"):
        path = _file(version, each)
        if path is not None:
            return _wrapped(version, Command((f"{variables.TASK_ROOT}/{each}",), executable=path))
    raise NotThere(_absent(name))


def _file(version: Version, name: str) -> Path | None:
    """The file of the package that has this name; a link out of the package is none."""
    path = links.follow(f"{variables.TASK_ROOT}/{name}", {variables.TASK_ROOT: version.code})
    return path if path is not None and path.is_file() else None


def _absent(name: str) -> str:
    task = variables.TASK_ROOT
    return f"Error: executable assembly {task}/{name}.dll or binary {task}/{name} not found."


def find(major: int) -> Path | None:
    """The folder of a .NET of this host that has this version, the newest of those there are."""
    found: list[tuple[tuple[int, ...], Path]] = []
    for root in _roots():
        if not os.access(root / "dotnet", os.X_OK):
            continue
        for folder in (root / _FRAMEWORK).glob(f"{major}.*"):
            numbers = folder.name.split(".")
            if all(number.isdigit() for number in numbers):  # else a preview
                found.append((tuple(map(int, numbers)), root))
    return max(found)[1] if found else None


def _roots() -> Iterator[Path]:
    """Folders in which the program `dotnet` may be, each once."""
    seen: set[Path] = set()
    named = [os.environ.get("DOTNET_ROOT", ""), *os.environ.get("PATH", "").split(os.pathsep)]
    places = [Path(place).expanduser() for place in (*filter(None, named), *_PLACES)]
    for place in places:
        root = Path(os.path.realpath(place / "dotnet")).parent
        if root not in seen:
            seen.add(root)
            yield root


def _brings_its_runtime(version: Version, name: str) -> bool:
    """Whether it was published self-contained: such a configuration lists frameworks that are included."""
    path = _file(version, name)
    if path is None:
        return False
    try:
        with path.open("rb") as file:
            return "includedFrameworks" in json.loads(file.read(_CONFIGURATION_BYTES_MAX))["runtimeOptions"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _wrapped(version: Version, plain: Command) -> Command:
    wrapper = version.variables.get(variables.EXEC_WRAPPER)
    return Command((wrapper, *plain.argv), plain.mounts, plain.executable) if wrapper else plain
