"""`wakeful doctor`: what this host gives, found out by trying it, and what bites in the wiring of a node."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import typer

from wakeful import __version__
from wakeful.cli import client
from wakeful.cli.runtimes import brought
from wakeful.cli.wiring import report
from wakeful.cli.wiring.checks import CHECKS
from wakeful.cli.wiring.findings import examine as examine_wiring
from wakeful.cli.wiring.gather import gather
from wakeful.config import default_home
from wakeful.environments.runtimes import Found, Runtimes
from wakeful.environments.sandboxes import open_sandboxes
from wakeful.environments.scratch import ScratchRefused, open_scratch
from wakeful.environments.tiers import Finding, Isolation, NotConfined

_SLOW_SYNC_MS = 5.0


@dataclass(frozen=True, slots=True)
class Line:
    """One finding: good, or something to know."""

    holds: bool
    text: str

    def __str__(self) -> str:
        return f"  {'ok  ' if self.holds else 'note'}  {self.text}"


@dataclass(frozen=True, slots=True)
class Asked:
    """How the wiring is to be looked at."""

    endpoint: str | None = None
    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    is_strict: bool = False
    as_json: bool = False

    @property
    def is_of_wiring(self) -> bool:
        """Whoever says how wants it looked at, and nothing else."""
        return self != Asked()


def look_at_wiring(asked: Asked, *, is_needed: bool) -> bool:
    """Says what bites in the wiring. Whether it is sound: no errors, and where that is asked for no warnings."""
    unknown = [each for each in (*asked.only, *asked.ignore) if not _is_code(each)]
    if unknown:
        raise typer.BadParameter(f"there is no check {unknown[0]}")
    at = client.endpoint_of(asked.endpoint)
    if not _answers(at):
        if is_needed:
            client.nobody_at(at)
        typer.echo(f"Wiring\n{Line(False, f'no node answers at {at}: nothing is wired')}")
        return True
    with client.in_words(asked.endpoint):
        wiring = gather(asked.endpoint)
    found = examine_wiring(wiring, CHECKS, asked.only, asked.ignore)
    if asked.as_json:
        typer.echo(json.dumps(report.document(wiring, found), indent=2))
    else:
        width = shutil.get_terminal_size((report.WIDTH, 0)).columns
        typer.echo("\n".join([f"Wiring of {at}", *report.lines(wiring, found, width)]))
    bad = ("error", "warning") if asked.is_strict else ("error",)
    return not any(each.check.severity in bad for each in found)


def _is_code(text: str) -> bool:
    return len(text) >= 2 and any(check.code.startswith(text) for check in CHECKS)


def _answers(endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=2):
            return True
    except OSError:
        return False


def examine(data_dir: Path, isolation: str) -> Iterator[str]:
    """The findings, section by section, as they are found."""
    yield f"Wakeful {__version__} on Python {platform.python_version()}, {platform.system()} {platform.release()}"
    yield ""
    yield "Isolation of functions (a sandbox was built and attacked from inside)"
    yield from map(str, asyncio.run(_isolation(data_dir, isolation)))
    yield ""
    yield "Runtimes"
    yield from map(str, asyncio.run(_runtimes(data_dir)))
    yield ""
    yield "State"
    yield from map(str, _state(data_dir))


async def _isolation(data_dir: Path, isolation: str) -> list[Line]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    try:
        sandboxes = await open_sandboxes(port, isolation, private=(data_dir.resolve(),))
    except NotConfined as error:
        return [Line(False, f"functions cannot be confined here: {error}"), Line(False, "try --isolation none")]
    found = sandboxes.isolation
    await sandboxes.close()
    assert isinstance(found, Isolation), "it was examined before it was given out"
    return [
        Line(found.tier in "AB", f"tier {found.tier}"),
        *(_finding(finding, "a function cannot", "a function can") for finding in found.findings),
        *(_finding(finding, "", "") for finding in found.limits),
    ]


def _finding(finding: Finding, good: str, bad: str) -> Line:
    text = f"{good if finding.holds else bad} {finding.what} {finding.detail}"
    return Line(finding.holds, " ".join(text.split()))


async def _runtimes(data_dir: Path) -> list[Line]:
    try:
        scratch = open_scratch(data_dir)
    except (ScratchRefused, OSError) as error:
        return [Line(False, f"the runtimes cannot be looked at: {error}")]
    found = await Runtimes(scratch.runtimes, default_home() / "runtimes").listing()
    return [Line(each.reason is None, f"{each.name:<16} {_runtime(each)}") for each in found]


def _runtime(found: Found) -> str:
    if found.reason is None:
        return str(found.path or brought(found.name))
    return f"absent; get it with: {found.remedy}" if found.remedy else "not in Wakeful yet"


def _state(data_dir: Path) -> Iterator[Line]:
    folder = next(each for each in (data_dir.resolve(), *data_dir.resolve().parents) if each.exists())
    try:
        sync_ms = _sync_ms(folder)
    except OSError as error:
        yield Line(False, f"nothing can be kept in {folder}: {error.strerror}; choose another with --data-dir")
    else:
        words = "" if sync_ms < _SLOW_SYNC_MS else "; every acknowledged write waits for it"
        yield Line(sync_ms < _SLOW_SYNC_MS, f"{folder} syncs in {sync_ms:.2f} ms{words}")
    try:
        import psycopg

        yield Line(True, f"PostgreSQL can be used (psycopg {psycopg.__version__})")
    except ImportError:
        yield Line(False, "PostgreSQL needs psycopg: pip install 'wakeful[postgres]'")


def _sync_ms(folder: Path) -> float:
    """The median of a few small synced writes."""
    times = []
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".wakeful-doctor-") as file:
        for _ in range(11):
            begun = time.perf_counter()
            file.write(b"x" * 512)
            file.flush()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - begun) * 1000)
    return sorted(times)[5]
