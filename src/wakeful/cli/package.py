"""Code on this machine as a deployment package: a folder is zipped, a zip is taken as it is."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

_LEFT_OUT = {"__pycache__", ".git", ".wakeful"}
_EARLIEST = (1980, 1, 1, 0, 0, 0)


def package_of(code: Path) -> bytes:
    """The package. Raises OSError where it cannot be read, ValueError where there is nothing in it.

    The same files make the same package, whenever they were written: its hash says whether code is the same.
    """
    if not code.is_dir():
        return code.read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(_files_below(code)):
            entry = zipfile.ZipInfo(file.relative_to(code).as_posix(), _EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if os.access(file, os.X_OK) else 0o644) << 16
            archive.writestr(entry, file.read_bytes())
        if not archive.namelist():
            raise ValueError(f"There is no file in {code}.")
    return packed.getvalue()


def _files_below(folder: Path) -> list[Path]:
    """Links are followed, as they are when a package is built by other tools."""
    found = []
    seen = set()
    for top, folders, files in os.walk(folder, followlinks=True):
        seen.add(Path(top).resolve())
        folders[:] = [each for each in folders if each not in _LEFT_OUT and Path(top, each).resolve() not in seen]
        found += [Path(top, each) for each in files if not each.endswith(".pyc")]
    return found
