"""What is saved in a folder, as soon as the kernel tells: a file when it is closed, a batch when nothing more comes."""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from wakeful.cli.ignored import FILE

_CLOSE_WRITE, _MODIFY, _ATTRIB = 0x8, 0x2, 0x4
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF = 0x400, 0x800
_OVERFLOW, _IGNORED = 0x4000, 0x8000
_ONLY_FOLDERS, _NO_LINKS, _IS_FOLDER = 0x01000000, 0x02000000, 0x40000000
_WRITING = _CREATE | _MODIFY
_ALL = _CLOSE_WRITE | _ATTRIB | _MOVED_FROM | _MOVED_TO | _DELETE | _DELETE_SELF | _MOVE_SELF | _WRITING
_ELSEWHERE = frozenset((0x6969, 0x01021997, 0xFF534D42, 0xFE534D42, 0x65735546, 0x786F4256))
"""NFS, 9p, CIFS, SMB2, FUSE and VirtualBox, as statfs has them."""

_EVENT = struct.Struct("iIII")
_READ_BYTES = 256 * 1024

_QUIET_S = 0.001
"""With nothing told for so long, what was saved together is together."""

_FEW = 8
_MANY_QUIET_S = 0.03
"""The same where it is more than few: a branch that is switched, or a build, pauses now and then."""

_OPEN_S = 0.05
"""A file that is written to and not closed is taken after so long: its writer may keep it open."""

_TOGETHER_S = 1.0
"""Who goes on saving is not waited for any longer."""

_LOOK_S = 0.2
"""How often it is looked whether it is over, and whether a folder that has gone is there again."""


class CannotWatch(Exception):
    """The kernel does not let us. The message says why."""


def saves(root: Path, is_ignored: Callable[[str], bool], over: threading.Event) -> Iterator[set[str] | None]:
    """What was touched, as absolute paths: at first, and whenever anything may have been missed, the folder itself.

    None where the folder has gone. Raises CannotWatch.
    """
    if _is_of_elsewhere(root):
        yield from _polled(root, is_ignored, over)
        return
    with closing(Watcher(root, is_ignored)) as watcher:
        yield from watcher.saves(over)


def _is_of_elsewhere(root: Path) -> bool:
    """On a file system that others change, too, of which the kernel does not tell: NFS, a host's folder, WSL's C:."""
    found = (ctypes.c_long * 32)()
    return ctypes.CDLL(None).statfs(os.fsencode(root), found) == 0 and found[0] & 0xFFFFFFFF in _ELSEWHERE


def _polled(root: Path, is_ignored: Callable[[str], bool], over: threading.Event) -> Iterator[set[str]]:
    import watchfiles

    def matters(change: watchfiles.Change, path: str) -> bool:
        return not is_ignored(os.path.relpath(path, root))

    yield {str(root)}
    for touched in watchfiles.watch(
        root, watch_filter=matters, stop_event=over, raise_interrupt=True, force_polling=True, rust_timeout=500
    ):
        yield {path for _, path in touched}


class Watcher:
    """Of everything below `root` but what is ignored. Links are not followed."""

    def __init__(self, root: Path, is_ignored: Callable[[str], bool]) -> None:
        """`is_ignored` is asked about paths below the folder. Raises CannotWatch."""
        self._root = str(root)
        self._is_ignored = is_ignored
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._inotify = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._inotify < 0:
            raise CannotWatch(_words(ctypes.get_errno()))
        self._poll = select.poll()
        self._poll.register(self._inotify, select.POLLIN)
        self._folders: dict[int, str] = {}
        """By the kernel's number: the path below the root, and a slash after it."""

        self._saved: set[str] = set()
        self._writing: dict[str, float] = {}
        """What is written to and has not been closed, and since when."""

        self._is_whole: bool = False
        """The root is there, and all of it is watched."""

    def close(self) -> None:
        os.close(self._inotify)

    def saves(self, over: threading.Event) -> Iterator[set[str] | None]:
        """See `saves` above."""
        was_there = True
        while not over.is_set():
            if not self._is_whole:
                self._begin()
                if not self._is_whole:
                    if was_there:
                        was_there = False
                        yield None
                    over.wait(_LOOK_S)
                    continue
            was_there = True
            self._gather()
            if self._saved and self._folders and self._is_whole:
                saved, self._saved = self._saved, set()
                yield {f"{self._root}/{path}".rstrip("/") for path in saved}
                if FILE in saved:  # which folders are ignored may have changed
                    self._watch("")

    def _begin(self) -> None:
        for number in list(self._folders):
            self._libc.inotify_rm_watch(self._inotify, number)
        self._folders.clear()
        self._writing.clear()
        self._saved = {""}
        self._is_whole = self._watch("")

    def _watch(self, prefix: str) -> bool:
        """The folder is watched, with those below; False where there is none."""
        place = f"{self._root}/{prefix}"
        mask = _ALL | _ONLY_FOLDERS | (_NO_LINKS if prefix else 0)
        number = self._libc.inotify_add_watch(self._inotify, os.fsencode(place.rstrip("/") or "/"), mask)
        if number < 0:
            code = ctypes.get_errno()
            if code in (errno.ENOSPC, errno.ENOMEM):
                raise CannotWatch(_words(code))
            return False  # gone again, or nothing that we may look into
        self._folders[number] = prefix
        try:
            with os.scandir(place) as entries:
                names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            return bool(prefix)
        for name in names:
            if not self._is_ignored(prefix + name):
                self._watch(f"{prefix}{name}/")
        return True

    def _gather(self) -> None:
        """Returns with what was saved together, or with nothing after a while."""
        until = time.monotonic() + _LOOK_S
        while (now := time.monotonic()) < until:
            quiet_s = _QUIET_S if len(self._saved) <= _FEW else _MANY_QUIET_S
            longest_s = _OPEN_S if self._writing else quiet_s if self._saved else _LOOK_S
            wait_s = min(until - now, longest_s)
            is_first = not self._saved
            if self._poll.poll(wait_s * 1000):
                self._read()
                if is_first and self._saved:
                    until = time.monotonic() + _TOGETHER_S
            elif self._saved and not self._writing:
                return
            now = time.monotonic()
            for path in [path for path, since in self._writing.items() if now - since >= _OPEN_S]:
                del self._writing[path]
                self._saved.add(path)

    def _read(self) -> None:
        try:
            told = os.read(self._inotify, _READ_BYTES)
        except BlockingIOError:
            return
        at = 0
        while at < len(told):
            number, mask, _, length = _EVENT.unpack_from(told, at)
            at += _EVENT.size
            name = os.fsdecode(told[at : at + length].rstrip(b"\0"))
            at += length
            self._hear(number, mask, name)

    def _hear(self, number: int, mask: int, name: str) -> None:
        if mask & _OVERFLOW:
            self._is_whole = False
            return
        prefix = self._folders.get(number)
        if prefix is None:
            return
        if mask & _IGNORED:
            del self._folders[number]
        elif mask & (_DELETE_SELF | _MOVE_SELF):
            self._is_whole = self._is_whole and bool(prefix)  # of others, the folder above tells
        elif name and not self._is_ignored(path := prefix + name):
            if mask & _IS_FOLDER:
                self._folder(path, mask)
            else:
                self._file(path, mask)

    def _folder(self, path: str, mask: int) -> None:
        if mask & (_DELETE | _MOVED_FROM):
            for number, prefix in list(self._folders.items()):
                if prefix.startswith(f"{path}/"):
                    self._libc.inotify_rm_watch(self._inotify, number)
                    del self._folders[number]
        elif mask & (_CREATE | _MOVED_TO):
            self._watch(f"{path}/")  # before it is read: what comes later is told
        self._saved.add(path)

    def _file(self, path: str, mask: int) -> None:
        if mask & _WRITING and not self._is_made_at_once(path, mask):
            self._writing[path] = time.monotonic()
            return
        if mask & _ATTRIB and path in self._writing:
            return
        self._writing.pop(path, None)
        self._saved.add(path)

    def _is_made_at_once(self, path: str, mask: int) -> bool:
        """A link, which nobody will close."""
        if not mask & _CREATE:
            return False
        try:
            found = os.lstat(f"{self._root}/{path}")
        except OSError:
            return False
        return found.st_nlink > 1 or (found.st_mode & 0o170000) == 0o120000


def _words(code: int) -> str:
    if code == errno.ENOSPC:
        return (
            "The kernel lets nobody watch more folders (fs.inotify.max_user_watches). Name what the function does not"
            " need in .wakefulignore, or allow more: sudo sysctl fs.inotify.max_user_watches=524288"
        )
    if code == errno.EMFILE:
        return "The kernel lets nobody watch more: sudo sysctl fs.inotify.max_user_instances=512 allows it."
    return f"The folder cannot be watched: {os.strerror(code)}."
