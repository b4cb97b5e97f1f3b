"""The interpreters of this host: where they are, and which versions. Each is run once, and remembered."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wakeful import limits

_ELF = b"\x7fELF"
_MEMORY = "interpreters.json"
_ENTRY_PARTS = 3  # stamp, question, answer


def _nowhere() -> Iterable[Path]:
    return ()


def _as_told(path: Path, words: str) -> str:
    return words


@dataclass(frozen=True, slots=True)
class Search:
    """How the interpreters of a language are found."""

    names: tuple[str, ...]
    """Of the binaries; patterns of files."""

    places: tuple[str, ...]
    """Folders in which version managers put them, below the home directory or absolute; patterns."""

    question: tuple[str, ...]
    """Arguments at which it prints the three numbers of its version and all it needs besides /usr, with spaces."""

    first: Callable[[], Iterable[Path]] = _nowhere
    """Folders to be looked at before all others."""

    told: Callable[[Path, str], str] = _as_told
    """For one that prints something else: its path and what it printed, as what `question` should get."""

    added: tuple[str, ...] = ("*/bin",)
    """Patterns of folders with binaries, below the folder of what was added to Wakeful in this language."""

    oldest: tuple[int, ...] = ()
    """Older ones cannot stand in for a version that is absent: our runtime client would not run on them."""

    def with_added(self, folder: Path) -> Search:
        """The same, also of what was added to `folder`."""
        patterns, first = self.added, self.first
        return replace(self, first=lambda: (*first(), *(place for each in patterns for place in folder.glob(each))))


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One interpreter that was seen to run. `prefix` holds all that it needs besides /usr and /lib."""

    language: str
    version: tuple[int, int, int]
    path: Path
    prefix: Path

    @property
    def is_of_host(self) -> bool:
        """Whether it lies in the part of the host that every sandbox has anyway."""
        return self.path.is_relative_to("/usr")


async def discover(searches: Mapping[str, Search], folder: Path) -> list[Interpreter]:
    """Every interpreter there is, newest first. What was seen before and has not changed is not run again."""
    memory = folder / _MEMORY
    known = _recall(memory)
    found: dict[str, list[object]] = {}
    interpreters: list[Interpreter] = []
    asked = [(language, path) for language, search in searches.items() for path in _candidates(search)]
    stamps = {path: _stamp(path) for _, path in asked}
    marks = {language: [*search.question] for language, search in searches.items()}
    fresh = [
        (language, path)
        for language, path in asked
        if known.get(str(path), [None])[:2] != [stamps[path], marks[language]]
    ]
    limit = asyncio.Semaphore(os.cpu_count() or 1)
    answers = await asyncio.gather(*(_ask(searches[language].question, path, limit) for language, path in fresh))
    answered = {
        path: searches[language].told(path, words) for (language, path), words in zip(fresh, answers, strict=True)
    }
    for language, path in asked:
        words = answered[path] if path in answered else known[str(path)][2]
        found[str(path)] = [stamps[path], marks[language], words]
        interpreter = _read(language, path, words)
        if interpreter is not None:
            interpreters.append(interpreter)
    if fresh:
        folder.mkdir(parents=True, exist_ok=True)
        memory.write_text(json.dumps(found))
    return sorted(interpreters, key=lambda found: (found.version, found.is_of_host), reverse=True)


def _candidates(search: Search) -> list[Path]:
    """Real binaries, each once. Scripts that choose a version, such as pyenv's shims, are none."""
    seen: dict[Path, None] = {}
    for folder in _folders(search):
        for name in search.names:
            for path in folder.glob(name) if "[" in name else [folder / name]:
                real = Path(os.path.realpath(path))
                if real not in seen and _is_binary(real):
                    seen[real] = None
    return list(seen)


def _folders(search: Search) -> Iterator[Path]:
    yield from search.first()
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        if entry:
            yield Path(entry)
    for place in search.places:
        pattern = Path(place).expanduser()
        yield from sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))


def _is_binary(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == _ELF and os.access(path, os.X_OK)
    except OSError:
        return False


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_mtime_ns, status.st_size]


async def _ask(question: tuple[str, ...], path: Path, limit: asyncio.Semaphore) -> str:
    """What it says of itself; empty where it does not run."""
    async with limit:
        try:
            process = await asyncio.create_subprocess_exec(
                path,
                *question,
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


def _read(language: str, path: Path, words: object) -> Interpreter | None:
    parts = str(words).split(" ", 3)
    if len(parts) != 4 or not all(part.isdigit() for part in parts[:3]):
        return None
    version = (int(parts[0]), int(parts[1]), int(parts[2]))
    prefix = Path(parts[3])
    if not path.is_relative_to("/usr") and not path.is_relative_to(prefix):
        return None  # its library is elsewhere; mounting the prefix would not bring it
    return Interpreter(language, version, path, prefix)


def _recall(memory: Path) -> dict[str, list[object]]:
    try:
        known = json.loads(memory.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    # What another version of Wakeful wrote is not ours to read.
    return {path: entry for path, entry in known.items() if isinstance(entry, list) and len(entry) == _ENTRY_PARTS}
