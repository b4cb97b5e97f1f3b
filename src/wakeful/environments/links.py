"""Where links of a package lead inside a sandbox; on the host they would lead to files that are none of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_LINKS_MAX = 40  # on one way, as the kernel has it


def follow(inside: str, roots: Mapping[str, Path]) -> Path | None:
    """The file of the host that stands at this path inside; None where links lead out of the folders in `roots`.

    `roots` are folders of the host by where they stand inside. No link is followed by the host itself, so the path
    that is returned has none; there may be nothing there.
    """
    ahead, links = _names(inside), 0
    done: list[str] = []
    while ahead:
        name = ahead.pop(0)
        if name == "..":
            del done[-1:]
            continue
        done.append(name)
        here = _on_host(done, roots)
        if here is not None and here.is_symlink():
            links += 1
            if links > _LINKS_MAX:
                return None
            target = str(here.readlink())
            del done[0 if target.startswith("/") else -1 :]
            ahead = _names(target) + ahead
    return _on_host(done, roots)


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _on_host(names: list[str], roots: Mapping[str, Path]) -> Path | None:
    """None for what is not in one of the folders."""
    for root, folder in roots.items():
        beginning = _names(root)
        if names[: len(beginning)] == beginning:
            return folder.joinpath(*names[len(beginning) :])
    return None
