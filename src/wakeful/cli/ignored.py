"""What of a folder is no part of the function: what tools leave behind, and what `.wakefulignore` names.

The file has the patterns of .gitignore. That one itself, and .dockerignore, are not read: what they name first of all,
node_modules and what a build makes, is just what a function needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

FILE = ".wakefulignore"

USUAL = (
    *(".git", ".hg", ".svn", ".DS_Store", ".idea", ".vscode", ".wakeful", FILE),
    *("__pycache__", "*.pyc", ".venv", "venv", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".tox"),
    *("node_modules/.cache", ".nyc_output", ".serverless", ".aws-sam"),
    # What editors save by way of.
    *("*.swp", "*.swx", "*.swo", "4913", "*~", ".#*", "#*#", "*.tmp.[0-9]*", "*___jb_*___", ".goutputstream-*"),
)


@dataclass(frozen=True, slots=True)
class _Rule:
    expression: re.Pattern[str]
    ignores: bool
    is_for_folders: bool


class Ignored:
    def __init__(self, lines: Iterable[str] = ()) -> None:
        """`lines` are those of the file; they come after the usual ones, and so may take one back with `!`."""
        self._rules = [rule for line in (*map(_escaped, USUAL), *lines) if (rule := _rule(line)) is not None]

    def has(self, path: str, *, is_folder: bool = False) -> bool:
        """Whether this path (with slashes, below the folder) is ignored, itself or with a folder above it."""
        parts = path.split("/")
        return any(
            self._has("/".join(parts[:length]), is_folder=is_folder or length < len(parts))
            for length in range(1, len(parts) + 1)
        )

    def _has(self, path: str, *, is_folder: bool) -> bool:
        """The last rule that speaks of it counts."""
        for rule in reversed(self._rules):
            if (is_folder or not rule.is_for_folders) and rule.expression.fullmatch(path):
                return rule.ignores
        return False


def _escaped(pattern: str) -> str:
    return f"\\{pattern}" if pattern.startswith("#") else pattern


def _rule(line: str) -> _Rule | None:
    pattern = line.rstrip("\n").rstrip()
    if not pattern or pattern.startswith("#"):
        return None
    ignores = not pattern.startswith("!")
    pattern = pattern.removeprefix("!")
    is_for_folders = pattern.endswith("/")
    pattern = pattern.rstrip("/")
    is_anchored = "/" in pattern
    pattern = pattern.removeprefix("/")
    if not pattern:
        return None
    begin = "" if is_anchored else "(?:.*/)?"
    return _Rule(re.compile(begin + _expression(pattern), re.DOTALL), ignores, is_for_folders)


_PIECES = re.compile(r"\*\*/|/\*\*$|\*+|\?|\[!?\]?[^]/]*\]|\\.|.", re.DOTALL)


def _expression(pattern: str) -> str:
    return "".join(_piece(found.group()) for found in _PIECES.finditer(pattern))


def _piece(text: str) -> str:
    if text == "**/":
        return "(?:.*/)?"
    if text == "/**":
        return "/.*"
    if text.startswith("*"):
        return "[^/]*"
    if text == "?":
        return "[^/]"
    if text.startswith("[") and len(text) > 2:
        inner = text[1:-1].replace("\\", "\\\\").replace("[", "\\[")
        inner = inner.replace("]", "\\]")
        negated = inner.startswith("!")
        return f"(?!/)[{'^' if negated else ''}{_class(inner[1:] if negated else inner)}]"
    return re.escape(text[1:] if text.startswith("\\") and len(text) > 1 else text)


def _class(inner: str) -> str:
    """A range whose end comes before its beginning has nothing in it, where the expression would be refused."""
    inner = inner.replace("^", "\\^").replace("&", "\\&").replace("~", "\\~").replace("|", "\\|")
    try:
        re.compile(f"[{inner}]")
    except re.error:
        return re.escape(inner)
    return inner
