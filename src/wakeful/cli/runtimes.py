"""`wakeful runtimes`: which of Lambda's runtimes this machine has, and how to have the others."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wakeful.cli import client
from wakeful.config import default_home
from wakeful.environments.languages.language import CannotAdd
from wakeful.environments.runtimes import Found, Runtimes
from wakeful.environments.scratch import ScratchRefused, open_scratch


def show(data_dir: Path, *, has_fallback: bool, as_json: bool) -> None:
    """The table, or the same for programs."""
    found = _run(_open(data_dir, has_fallback=has_fallback).listing())
    if as_json:
        typer.echo(json.dumps([_entry(each) for each in found], indent=2))
        return
    ours = [each for each in found if each.reason is None or each.remedy is not None]
    others = [each.name for each in found if each not in ours]
    console = Console(highlight=False)
    console.print(_table(ours))
    console.print()
    for each in ours:
        if each.reason is None and each.remedy is not None:
            console.print(Text(f"{each.name}: {_lacks(each)}; {each.remedy}"))
    if any(each.reason is not None for each in ours) and not has_fallback:
        console.print("--runtime-fallback of `wakeful start` takes the nearest version for what is absent.")
    if others:
        console.print(f"Not in Wakeful yet: {', '.join(others)}")


def add(data_dir: Path, names: Sequence[str], packages: Sequence[str] | None) -> None:
    """They are here. Ends with status 1 and a sentence for each that is not; the others are got all the same."""
    runtimes = _open(data_dir, has_fallback=False)
    failed = False
    for name in dict.fromkeys(names):
        try:
            _run(runtimes.add(name, packages, typer.echo))
        except CannotAdd as error:
            typer.echo(f"{name}: {error}", err=True)
            failed = True
        except OSError as error:
            typer.echo(f"{name}: {error.filename or 'the folder of runtimes'}: {error.strerror}", err=True)
            failed = True
    if failed:
        raise typer.Exit(1)


def _open(data_dir: Path, *, has_fallback: bool) -> Runtimes:
    try:
        scratch = open_scratch(data_dir)
    except (ScratchRefused, OSError) as error:
        client.give_up(f"The runtimes cannot be looked at: {error}.")
    return Runtimes(scratch.runtimes, default_home() / "runtimes", has_fallback=has_fallback)


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    return asyncio.run(work)


def _state(found: Found) -> str:
    if found.reason is not None:
        return "absent"
    return "fallback" if found.stands_in else "ready"


def _entry(found: Found) -> dict[str, Any]:
    return {
        "runtime": found.name,
        "state": _state(found),
        "version": found.version or None,
        "path": None if found.path is None else str(found.path),
        "sdk": found.sdk,
        "reason": found.reason,
        "remedy": found.remedy,
    }


def _table(found: Sequence[Found]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("RUNTIME", "STATE", "VERSION", "AWS SDK"):
        table.add_column(name, no_wrap=True)
    table.add_column("WHERE, OR WHAT GETS IT", overflow="fold")
    colours = {"ready": "green", "fallback": "yellow", "absent": "dim"}
    for each in found:
        state = _state(each)
        where = _where(each.name, each.path) if each.reason is None else each.remedy or ""
        sdk = (each.sdk or "").removeprefix("AWS SDK ")
        table.add_row(each.name, Text(state, colours[state]), each.version, sdk, Text(where))
    return table


def brought(name: str) -> str:
    """What runs functions of a runtime that has no interpreter."""
    return "the package's bootstrap" if name.startswith("provided") else "the package's executable"


def _where(name: str, path: Path | None) -> str:
    """As short as people need it; `--json` has all of it."""
    if path is None:
        return brought(name)
    if path.is_relative_to(default_home()):
        return "got by wakeful"
    folder = path.parent.parent if path.parent.name == "bin" else path.parent
    return f"~/{folder.relative_to(Path.home())}" if folder.is_relative_to(Path.home()) else str(folder)


def _lacks(found: Found) -> str:
    return "another version stands in for it" if found.stands_in else "it has no AWS SDK"
