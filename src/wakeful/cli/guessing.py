"""What a folder says of the function in it: its runtime and its handler, and by what one can tell."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PYTHON = ("lambda_function.py", "app.py", "main.py", "handler.py", "index.py", "function.py")
_PYTHON_HANDLERS = ("lambda_handler", "handler", "main")
_NODE = ("index", "app", "main", "handler", "lambda")
_NODE_ENDINGS = (".mjs", ".js", ".cjs")
_NODE_MAJORS = (18, 20, 22, 24)
_NODE_DEFAULT = 22
_NODE_EXPORT = re.compile(
    r"^\s*(?:export\s+(?:const|let|var|async\s+function|function)\s+|(?:module\.)?exports\.)(\w+)", re.MULTILINE
)
_RUBY = ("lambda_function.rb", "app.rb", "handler.rb", "function.rb", "main.rb")
_RUBY_HANDLER = re.compile(r"^\s*def\s+(?:self\.)?(lambda_handler|handler)\b", re.MULTILINE)
_RUBY_RUNTIME = "ruby3.4"


@dataclass(frozen=True, slots=True)
class Guess:
    """`because` goes on from "because"."""

    runtime: str
    handler: str
    because: str


def guess(folder: Path) -> Guess | None:
    """None where the folder says too little."""
    return next((found for of in (_bootstrap, _python, _node, _ruby) for found in of(folder)), None)


def _bootstrap(folder: Path) -> Iterator[Guess]:
    place = folder / "bootstrap"
    if place.is_file() and os.access(place, os.X_OK):
        yield Guess("provided.al2023", "bootstrap", "of the program bootstrap")


def _python(folder: Path) -> Iterator[Guess]:
    others = sorted(each.name for each in folder.glob("*.py") if each.name not in _PYTHON)
    for name in (*_PYTHON, *others):
        place = folder / name
        if place.is_file() and (handler := _python_handler(place)) is not None:
            yield Guess(_python_runtime(folder), f"{place.stem}.{handler}", f"{name} has {handler}()")


def _python_handler(place: Path) -> str | None:
    try:
        tree = ast.parse(place.read_bytes())
    except (SyntaxError, ValueError):
        return "lambda_handler" if place.name == _PYTHON[0] else None
    named = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
    named |= {
        target.id
        for each in tree.body
        if isinstance(each, ast.Assign)
        for target in each.targets
        if isinstance(target, ast.Name)
    }
    return next((name for name in _PYTHON_HANDLERS if name in named), None)


def _python_runtime(folder: Path) -> str:
    """As `.python-version` says; else the version of Python that this command runs on, which is surely here."""
    minor = sys.version_info.minor
    try:
        asked = re.match(r"3\.(\d+)", (folder / ".python-version").read_text())
        minor = int(asked.group(1)) if asked else minor
    except FileNotFoundError:
        pass  # most have none
    return f"python3.{min(max(minor, 9), 14)}"


def _node(folder: Path) -> Iterator[Guess]:
    package = _package(folder)
    named = package.get("main")
    main = named.removeprefix("./") if isinstance(named, str) else ""
    names = [main, *(f"{stem}{end}" for stem in _NODE for end in _NODE_ENDINGS)]
    for name in names:
        place = folder / name
        if not place.is_file() or place.suffix not in _NODE_ENDINGS:
            continue
        exported = _NODE_EXPORT.findall(place.read_text(errors="replace"))
        handler = "handler" if "handler" in exported or not exported else exported[0]
        because = f"package.json names {name}" if name == main else f"{name} is there"
        yield Guess(_node_runtime(package), f"{name.removesuffix(place.suffix)}.{handler}", because)


def _package(folder: Path) -> dict[str, object]:
    try:
        package = json.loads((folder / "package.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return package if isinstance(package, dict) else {}


def _node_runtime(package: dict[str, object]) -> str:
    """As `engines` says; else the version on the path."""
    engines = package.get("engines")
    asked = re.search(r"\d+", str(engines.get("node", ""))) if isinstance(engines, dict) else None
    major = int(asked.group()) if asked else _node_on_path()
    return f"nodejs{next((each for each in _NODE_MAJORS if each >= major), _NODE_MAJORS[-1])}.x"


def _node_on_path() -> int:
    node = shutil.which("node")
    if node is None:
        return _NODE_DEFAULT
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    number = re.match(r"v(\d+)", told)
    return int(number.group(1)) if number else _NODE_DEFAULT


def _ruby(folder: Path) -> Iterator[Guess]:
    for name in _RUBY:
        place = folder / name
        if place.is_file():
            found = _RUBY_HANDLER.search(place.read_text(errors="replace"))
            handler = found.group(1) if found else "lambda_handler"
            yield Guess(_RUBY_RUNTIME, f"{place.stem}.{handler}", f"{name} is there")
