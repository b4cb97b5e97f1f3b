"""Other programs that get things for us: pip, uv and npm, with their own settings of where to get them from."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wakeful import limits, names
from wakeful.environments.languages.language import CannotAdd

_WORDS_MAX = 500

Report = Callable[[str], None]
"""Hears, in sentences, what is being done."""


async def run(command: Sequence[str | Path], what: str, **variables: str) -> None:
    """It has ended well. Raises CannotAdd with `what` it should have done and the last it said."""
    program = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **variables},
    )
    try:
        async with asyncio.timeout(limits.RUNTIME_ADD_S):
            said, _ = await program.communicate()
    except BaseException as error:
        if program.returncode is None:
            program.kill()
            await program.wait()
        if isinstance(error, TimeoutError):
            raise CannotAdd(f"{what} took more than {limits.RUNTIME_ADD_S:.0f} s") from None
        raise
    if program.returncode != 0:
        raise CannotAdd(f"{what} failed: {_complaint(said.decode('utf-8', 'replace'))}")


def _complaint(said: str) -> str:
    """What went wrong, of all that a program printed: its last error, and the cause of that."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "npm error", "fatal"))]
    causes = [line for line in lines if line.lower().startswith(("cause:", "caused by:"))]
    return "; ".join([*(errors or lines or ["it said nothing"])[-1:], *causes[-1:]])[:_WORDS_MAX]


async def pip_install(target: Path, *words: str, what: str) -> None:
    """What pip is asked for is in `target`: built packages only, their hashes checked. Raises CannotAdd."""
    arguments = ["install", "--quiet", "--only-binary", ":all:", "--target", str(target), *words]
    if importlib.util.find_spec("pip") is not None:
        quiet = ("--no-input", "--disable-pip-version-check", "--no-warn-script-location", "--root-user-action=ignore")
        await run([sys.executable, "-m", "pip", *arguments, *quiet], what, PIP_USER="0")
        return
    uv = find_uv()
    if uv is None:
        raise CannotAdd(f"{what} needs pip: {sys.executable} -m ensurepip")
    await run([uv, "pip", *arguments], what)


@contextmanager
def for_once() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="wakeful-") as place:
        yield Path(place)


def find_uv() -> str | None:
    """On the path, or beside our own interpreter."""
    return shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))


@contextmanager
def being_made(final: Path) -> Iterator[Path]:
    """A new folder that becomes `final` if all went well, in the place of an older one; else nothing is left of it."""
    beside = final.parent.parent / f".adding-{names.new_token(6)}"
    beside.mkdir(parents=True, mode=0o755)
    try:
        yield beside
        _open_to_everybody(beside)
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.exists():
            final.rename(beside.with_name(f"{beside.name}.old"))
        beside.rename(final)
    finally:
        for folder in (beside, beside.with_name(f"{beside.name}.old")):
            shutil.rmtree(folder, ignore_errors=True)


def _open_to_everybody(folder: Path) -> None:
    """Functions run as users of their own: whatever our umask is, they can read it."""
    for place, _, files in os.walk(folder):
        Path(place).chmod(0o755)
        for file in (Path(place, name) for name in files):
            if not file.is_symlink():
                mode = file.stat().st_mode
                file.chmod(stat.S_IMODE(mode) | (0o555 if mode & stat.S_IXUSR else 0o444))
