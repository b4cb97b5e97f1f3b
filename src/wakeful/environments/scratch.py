"""Where what can be made again lies: unpacked code of each node, and the runtimes' libraries, shared by all of a user.

The paths tell nothing of the user's own, because functions can see the paths of their mounts.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/var/tmp")
_OWNER = "owner"


class ScratchRefused(Exception):
    """The folder is not ours; the message says which."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """Two folders. `code` belongs to one data directory, `runtimes` to every node of this user."""

    code: Path
    runtimes: Path


def open_scratch(data_dir: Path) -> Scratch:
    """The folders are there. Those of data directories that are no more are gone. Raises ScratchRefused."""
    ours = _ROOT / f"wakeful-{os.getuid()}"
    ours.mkdir(mode=0o711, exist_ok=True)
    if ours.is_symlink() or ours.stat().st_uid != os.getuid():
        raise ScratchRefused(f"{ours} belongs to somebody else")
    _forget_the_gone(ours)
    owner = str(data_dir.resolve())
    code = ours / f"code-{hashlib.sha256(owner.encode()).hexdigest()[:16]}"
    code.mkdir(mode=0o711, exist_ok=True)
    (code / _OWNER).write_text(owner)
    (code / _OWNER).chmod(0o600)
    return Scratch(code, ours / "runtimes")


def _forget_the_gone(ours: Path) -> None:
    for folder in ours.glob("code-*"):
        try:
            owner = (folder / _OWNER).read_text()
        except FileNotFoundError:
            continue  # another node is just making it, or just removing it
        if not Path(owner).exists():
            shutil.rmtree(folder, ignore_errors=True)
