"""Functions whose code is being worked on: what serves in place of the uploaded package, as long as somebody is at it.

Every save is a folder of its own, so that what runs never sees half of a change. A folder is the one before it by hard
links, with the changed files in their places. The links are made ahead, while nobody waits: a save costs what changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wakeful import limits
from wakeful.environments.debugger import HostDebugger
from wakeful.environments.packages import Packages, is_outside
from wakeful.environments.tasks import Tasks
from wakeful.environments.version import BadPackage, Changes, Version

_FOLDER = "work"
_NAME_CHARS = 16


@dataclass(frozen=True, slots=True)
class Tree:
    """Code on disk that is not changed any more."""

    path: Path
    number: int
    bytes: int = 0


class Workpiece:
    """One function that is being worked on. Whoever changes it holds `lock`."""

    def __init__(
        self,
        function: str,
        folder: Path,
        base: str,
        code: Path,
        debugger: HostDebugger | None,
        is_used: Callable[[Path], bool],
    ) -> None:
        self.function = function
        self.base = base
        """The package that it stands in for. Where another was uploaded meanwhile, that one serves."""

        self.serving = self.latest = Tree(code, 0)
        self.is_sound = True
        """INIT of what serves has succeeded, as far as anybody knows."""

        self.is_to_start = True
        """What serves has not been started yet: whoever looks after it does that, ahead of who calls."""

        self.debugger = debugger
        self.lock = asyncio.Lock()
        self._folder = folder
        self._is_used = is_used
        self._names = itertools.count(1)
        self._kept: list[Tree] = []
        self.tasks = Tasks("the workshop")
        """Whatever goes on beside; they have ended when it is closed."""

        self._spare: asyncio.Task[tuple[Path, int]] | None = None
        self.prepare()

    def of(self, version: Version, tree: Tree | None = None) -> Version:
        """The version as it runs on this tree, or on the one that serves."""
        tree = tree or self.serving
        revision = f"{version.revision.partition('+')[0]}+{tree.number}"
        version = replace(version, code=tree.path, revision=revision)
        if self.debugger is not None:
            version = replace(version, debugger=self.debugger, timeout_s=limits.DEBUG_S)
        return version

    async def change(self, changes: Changes) -> Tree:
        """The latest code with these changes, which does not serve yet. Raises BadPackage: then nothing has changed."""
        for path in changes:
            if is_outside(path):
                raise BadPackage(f"{path!r} cannot be a file of a function")
        if self._spare is None:
            self.prepare()
        assert self._spare is not None
        spare, size = await self._spare
        self._spare = None
        try:
            size += await asyncio.to_thread(_apply, spare, changes)
            if size >= limits.LAMBDA_UNZIPPED_BYTES_MAX:
                raise BadPackage(f"Unzipped size must be smaller than {limits.LAMBDA_UNZIPPED_BYTES_MAX} bytes")
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, spare, ignore_errors=True)
            raise
        if self.latest.number:  # else it is the package's own
            self._kept.append(self.latest)
        self.latest = Tree(spare, self.latest.number + 1, size)
        return self.latest

    def serve(self, tree: Tree, base: str) -> None:
        """It serves from now on, in the place of the package `base`."""
        self.serving, self.base = tree, base

    async def close(self) -> None:
        if self.debugger is not None:
            await self.debugger.close()
        await self.tasks.end()

    def prepare(self) -> None:
        """The next tree is on its way, and old ones that nobody runs any more are going. For when nobody waits."""
        if self._spare is not None:
            return
        old = [tree for tree in list(self._kept)[: -limits.DEV_TREES_KEPT] if self._can_go(tree)]
        for tree in old:
            self._kept.remove(tree)
        self._spare = self.tasks.start(asyncio.to_thread(self._linked, self.latest, old))

    def _can_go(self, tree: Tree) -> bool:
        return tree is not self.serving and not self._is_used(tree.path)

    def _linked(self, tree: Tree, old: Sequence[Tree]) -> tuple[Path, int]:
        """A folder that has all that the tree has, and its size. On a thread, while nobody waits."""
        spare = self._folder / f"{next(self._names)}"
        spare.mkdir(parents=True)
        spare.chmod(0o755)
        size = _link_all(str(tree.path), str(spare), is_counted=not tree.number) or tree.bytes
        for each in old:
            shutil.rmtree(each.path, ignore_errors=True)
        return spare, size


class Workshop:
    """All that is being worked on, on this node."""

    def __init__(self, packages: Packages, folder: Path, is_used: Callable[[Path], bool], *, can_debug: bool) -> None:
        """`is_used` says whether anybody runs what is in a folder, `can_debug` whether anything inside may listen."""
        self.can_debug = can_debug
        self._packages = packages
        self._is_used = is_used
        self._folder = folder / _FOLDER
        self._pieces: dict[str, Workpiece] = {}
        shutil.rmtree(self._folder, ignore_errors=True)  # of a node that was killed

    @property
    def functions(self) -> dict[str, bool]:
        """By ARN, whether each is being debugged."""
        return {function: piece.debugger is not None for function, piece in self._pieces.items()}

    def piece(self, function: str) -> Workpiece | None:
        return self._pieces.get(function)

    def serving(self, version: Version, base: str) -> Version:
        """What invocations of this version get, whose uploaded package is `base`."""
        piece = self._pieces.get(version.arn)
        return version if piece is None or piece.base != base else piece.of(version)

    async def begin(self, function: str, base: str, *, debug_port: int | None, waits: bool) -> Workpiece:
        """It is being worked on, beginning with the package `base`. Raises OSError where the port cannot be had."""
        code = await self._packages.unpacked(base)
        debugger = None
        if debug_port is not None:
            debugger = HostDebugger(waits=waits)
            debugger.open(debug_port)
        folder = self._folder / hashlib.sha256(function.encode()).hexdigest()[:_NAME_CHARS]
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)  # of whoever worked on it before
        piece = self._pieces[function] = Workpiece(function, folder, base, code, debugger, self._is_used)
        return piece

    async def end(self, piece: Workpiece) -> None:
        """The uploaded package serves again. Who still runs what was here may load more of it: its files stay."""
        if self._pieces.get(piece.function) is piece:
            del self._pieces[piece.function]
        await piece.close()

    async def close(self) -> None:
        for piece in list(self._pieces.values()):
            await self.end(piece)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


def _link_all(source: str, target: str, *, is_counted: bool) -> int:
    """The bytes of all files, where they are counted."""
    size = 0
    with os.scandir(source) as entries:
        for entry in entries:
            place = f"{target}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                os.mkdir(place)  # noqa: PTH102  thousands of them
                os.chmod(place, 0o755)  # noqa: PTH101  whatever our umask is
                size += _link_all(entry.path, place, is_counted=is_counted)
            else:
                os.link(entry.path, place, follow_symlinks=False)
                if is_counted:
                    size += entry.stat(follow_symlinks=False).st_size
    return size


def _apply(tree: Path, changes: Changes) -> int:
    """The changes are in the tree. How many bytes larger it is."""
    grown = 0
    for path, file in changes.items():
        target = tree / path
        is_there = _clear_way(tree, target, makes_folders=file is not None)
        if is_there:
            grown -= _remove(target)
        if file is None:
            continue
        if file.to is not None:
            target.symlink_to(file.to)
            continue
        # Never written through: the file that was there is also that of the trees before.
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as opened:  # noqa: PTH123  of a descriptor
            opened.write(file.content)
            os.fchmod(descriptor, 0o755 if file.is_executable else 0o644)
        grown += len(file.content)
    return grown


def _clear_way(tree: Path, target: Path, *, makes_folders: bool) -> bool:
    """Whether anything can be at `target`. Every folder above is one of the tree: nothing is done through a link."""
    for parent in reversed(target.relative_to(tree).parents[:-1]):
        folder = tree / parent
        if folder.is_symlink() or folder.is_file():
            if not makes_folders:
                return False
            folder.unlink()
        if not folder.exists():
            if not makes_folders:
                return False
            folder.mkdir(mode=0o755)
            folder.chmod(0o755)
    return True


def _remove(target: Path) -> int:
    """How many bytes there were."""
    if target.is_dir() and not target.is_symlink():
        size = sum(each.lstat().st_size for each in target.rglob("*") if each.is_symlink() or each.is_file())
        shutil.rmtree(target)
        return size
    try:
        size = target.lstat().st_size
    except FileNotFoundError:
        return 0
    target.unlink()
    return size
