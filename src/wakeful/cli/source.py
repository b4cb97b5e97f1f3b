"""A function's folder: what is in it, as a package and as what has changed since it was last looked at."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import stat
import time
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wakeful import limits
from wakeful.cli.ignored import FILE, Ignored

_SETTLED_S = 0.003
"""A file that was written to so recently is looked at again: whoever writes may not have come to the end."""

_EMPTY_S = 0.05
"""One that is empty most often is about to be written."""

_WAITS_MAX_S = 2.0
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


class NoPackage(Exception):
    """The folder cannot be a function's package. The message says why."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A file of the function, by its path below the folder; or a link that stays one."""

    path: str
    place: Path
    is_link: bool


@dataclass(frozen=True, slots=True)
class _Taken:
    body: bytes
    is_executable: bool = False
    is_link: bool = False

    @property
    def told(self) -> dict[str, Any]:
        if self.is_link:
            return {"to": os.fsdecode(self.body)}
        return {"content": base64.b64encode(self.body).decode(), "executable": self.is_executable}


@dataclass(slots=True)
class Source:
    """`root` is absolute. Links within the folder stay links; what one leads to outside of it is taken as its own."""

    root: Path
    ignored: Ignored = field(init=False)
    _known: dict[str, bytes] = field(default_factory=dict)
    """The digest of what each path had when it was last taken."""

    is_changed: bool = False
    """Something was told since the package was made."""

    unreadable: set[str] = field(default_factory=set)
    """What the last look found and was not allowed to read."""

    def __post_init__(self) -> None:
        self._read_ignored()

    def package(self) -> bytes:
        """All of it as a zip, the same for the same files. From here on, changes are told. Raises NoPackage."""
        self._known.clear()
        content = self._all()
        size = sum(len(taken.body) for taken in content.values())
        if size >= limits.LAMBDA_UNZIPPED_BYTES_MAX:
            raise NoPackage(
                f"{self.root} has {size:,} bytes; a function may have {limits.LAMBDA_UNZIPPED_BYTES_MAX:,}."
                f" Name what it does not need in {FILE}."
            )
        # What is stored takes no time; only where that would be too large, it is compressed.
        is_small = size < limits.LAMBDA_UPLOAD_BYTES_MAX * 9 // 10
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED if is_small else zipfile.ZIP_DEFLATED) as archive:
            for path, taken in sorted(content.items()):
                self._known[path] = _digest(taken)
                entry = zipfile.ZipInfo(path, _LONG_AGO)
                entry.compress_type = archive.compression
                mode = stat.S_IFREG | (0o755 if taken.is_executable else 0o644)
                entry.external_attr = (stat.S_IFLNK | 0o777 if taken.is_link else mode) << 16
                archive.writestr(entry, taken.body)
        if packed.tell() > limits.LAMBDA_UPLOAD_BYTES_MAX:
            raise NoPackage(
                f"{self.root} has {packed.tell():,} bytes when it is zipped; {limits.LAMBDA_UPLOAD_BYTES_MAX:,} can be"
                f" uploaded. Name what it does not need in {FILE}, or put libraries into a layer."
            )
        return packed.getvalue()

    def _all(self) -> dict[str, _Taken]:
        content = {}
        for found in self._below(self.root, ""):
            try:
                content[found.path] = _taken(found)
            except FileNotFoundError:  # gone while we looked
                continue
            except PermissionError as error:
                raise NoPackage(
                    f"{found.place} cannot be read. Name it in {FILE} if the function can do without."
                ) from error
        return content

    def changes(self, touched: Iterable[str]) -> dict[str, Any]:
        """Of what these paths (absolute) have in them, what is other than it was; as the node is told.

        Whoever wrote to a file that is named itself has closed it.
        """
        now: dict[str, _Found] = {}
        named: set[str] = set()
        before: set[str] = set()
        for name in touched:
            path = os.path.relpath(name, self.root)
            if path.startswith(".."):
                continue
            if path == FILE:
                self._read_ignored()
                path = "."  # what is ignored no more is new, what is from now on has gone
            named.add(path)
            before.update(each for each in self._known if path == "." or each == path or each.startswith(f"{path}/"))
            now.update({found.path: found for found in self._at(self.root / path, "" if path == "." else path)})
        told: dict[str, Any] = {}
        self.unreadable.clear()
        for path, found in now.items():
            try:
                taken = _taken(found, 0 if path in named else _SETTLED_S)
            except FileNotFoundError:  # gone again, or not there yet: its coming will be told
                continue
            except PermissionError:
                before.discard(path)  # it stays as it was, until it may be read
                self.unreadable.add(path)
                continue
            before.discard(path)
            if self._known.get(path) != (digest := _digest(taken)):
                self._known[path] = digest
                told[path] = taken.told
        for path in before:
            del self._known[path]
            told[path] = None
        self.is_changed |= bool(told)
        return told

    def owe(self, paths: Iterable[str]) -> None:
        """The node did not take these: the next look at them tells them again, whatever they are by then."""
        self._known.update(dict.fromkeys(paths, b""))

    @property
    def has_files(self) -> bool:
        return bool(self._known)

    def is_ignored(self, path: str) -> bool:
        """Whether a change of this path, below the folder, cannot matter. Asked for every event."""
        return path != FILE and self.ignored.has(path)

    def _read_ignored(self) -> None:
        try:
            lines = (self.root / FILE).read_text().splitlines()
        except FileNotFoundError:
            lines = []
        self.ignored = Ignored(lines)

    def _at(self, place: Path, path: str) -> Iterator[_Found]:
        """The files at the place: itself, or what is in the folder."""
        is_link = place.is_symlink() and _leads_inside(place, self.root)
        is_folder = place.is_dir() and not is_link
        if path and self.ignored.has(path, is_folder=is_folder):
            return
        if is_folder:
            yield from self._below(place, f"{path}/" if path else "")
        elif is_link or place.is_file():
            yield _Found(path, place, is_link)

    def _below(self, folder: Path, prefix: str, inside: tuple[str, ...] = ()) -> Iterator[_Found]:
        real = os.path.realpath(folder)
        if real in inside:  # a link that leads above itself
            return
        try:
            entries = list(os.scandir(folder))
        except (FileNotFoundError, NotADirectoryError):  # gone while we looked
            return
        for entry in entries:
            path, place = prefix + entry.name, Path(entry.path)
            is_link = entry.is_symlink() and _leads_inside(place, self.root)
            is_folder = not is_link and entry.is_dir()
            if self.ignored.has(path, is_folder=is_folder):
                continue
            if is_folder:
                yield from self._below(place, f"{path}/", (*inside, real))
            elif is_link or entry.is_file():
                yield _Found(path, place, is_link)


def _leads_inside(link: Path, root: Path) -> bool:
    to = os.readlink(link)  # noqa: PTH115  the text itself
    return not to.startswith("/") and Path(os.path.realpath(link)).is_relative_to(os.path.realpath(root))


def _taken(found: _Found, settled_s: float = _SETTLED_S) -> _Taken:
    """What is there, once nobody writes to it any more. Raises FileNotFoundError."""
    if found.is_link:
        return _Taken(os.fsencode(os.readlink(found.place)), is_link=True)  # noqa: PTH115
    deadline = time.monotonic() + _WAITS_MAX_S
    while True:
        before = found.place.stat()
        wait_s = (_EMPTY_S if before.st_size == 0 else settled_s) - (time.time() - before.st_mtime)
        if 0 < wait_s <= _EMPTY_S and time.monotonic() < deadline:
            time.sleep(wait_s)
            continue
        body = found.place.read_bytes()
        after = found.place.stat()
        is_same = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
        if is_same or time.monotonic() >= deadline:
            return _Taken(body, is_executable=bool(after.st_mode & 0o111))


def _digest(taken: _Taken) -> bytes:
    kind = bytes((taken.is_executable, taken.is_link))
    return hashlib.blake2b(taken.body, digest_size=16, person=kind).digest()
