"""The rules of the house, read from the sources: who imports whom, who names which table, how large a file is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SRC = Path(__file__).parent.parent / "src" / "wakeful"
FILES = sorted(path for path in SRC.rglob("*.py") if "bootstrap" not in path.parts and "jail" not in path.parts)

# What each package may import of ours, besides itself. Lowest first.
ALLOWED: dict[str, set[str]] = {
    "__init__": set(),
    "names": set(),
    "limits": set(),
    "clock": set(),
    "config": set(),
    "shapes": set(),
    "wire": {"names", "limits"},
    "store": {"names", "limits", "clock"},
    "fabric": {"names", "limits", "clock", "config", "wire", "store"},
    "environments": {"names", "limits", "clock", "config", "store", "fabric"},
    "gateway": {"__init__", "names", "limits", "clock", "config", "wire", "store", "fabric"},
    "services": {
        "names",
        "limits",
        "fabric",
        "store",
        "wire.errors",
        "wire.checksums",
        "wire.message",
        "shapes",
        "environments.version",
    },
}
COMPOSITION = {"node", "composition", "cli", "__main__"}
"""Nothing but the command line knows the node, and the node knows everything."""

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "base", "misc"}
LINES_MAX = 520


@cache
def imports(path: Path) -> list[tuple[int, str, bool]]:
    """(line, what of ours is imported, whether only for types)."""
    return list(_imports(path, ast.parse(path.read_text()).body, for_types=False))


def _imports(path: Path, body: list[ast.stmt], *, for_types: bool) -> Iterator[tuple[int, str, bool]]:
    for each in body:
        if isinstance(each, ast.ImportFrom):
            assert each.level == 0, f"{path}:{each.lineno} imports by dots; name the package"
            names = [f"{each.module}.{alias.name}" for alias in each.names]
        elif isinstance(each, ast.Import):
            names = [alias.name for alias in each.names]
        else:
            is_for_types = (
                isinstance(each, ast.If) and isinstance(each.test, ast.Name) and each.test.id == "TYPE_CHECKING"
            )
            for inner in _bodies(each):
                yield from _imports(path, inner, for_types=for_types or is_for_types)
            continue
        for name in names:
            if name == "wakeful" or name.startswith("wakeful."):
                yield each.lineno, name.removeprefix("wakeful").removeprefix("."), for_types


def _bodies(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The statements in it. Its expressions, which are most of a tree, can import nothing."""
    for holder in (statement, *getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        for part in ("body", "orelse", "finalbody"):
            yield getattr(holder, part, [])


def package_of(path: Path) -> str:
    return path.relative_to(SRC).with_suffix("").parts[0]


def is_allowed(there: str, allowed: set[str]) -> bool:
    parts = there.split(".")
    return any(".".join(parts[:length]) in allowed for length in (1, 2))


def test_imports_point_down() -> None:
    wrong = []
    for path in FILES:
        here = package_of(path)
        if here in COMPOSITION:
            continue
        for line, there, for_types in imports(path):
            if there.split(".")[0] == here or there in ("", "__version__") or for_types:
                continue
            if not is_allowed(there, ALLOWED[here]):
                wrong.append(f"{path.relative_to(SRC)}:{line} imports {there}")
    assert not wrong, "\n".join(wrong)


def test_nothing_imports_the_node_but_the_command_line() -> None:
    wrong = [
        f"{path.relative_to(SRC)}:{line}"
        for path in FILES
        if package_of(path) not in COMPOSITION
        for line, there, _ in imports(path)
        if there.split(".")[0] in COMPOSITION
    ]
    assert not wrong, "\n".join(wrong)


def test_a_service_never_imports_another_service() -> None:
    wrong = []
    for path in FILES:
        parts = path.relative_to(SRC).parts
        if parts[0] != "services" or len(parts) < 3:
            continue
        for line, there, _ in imports(path):
            other = there.split(".")
            if other[0] == "services" and len(other) > 1 and other[1] != parts[1]:
                wrong.append(f"{path.relative_to(SRC)}:{line} imports {there}")
    assert not wrong, "\n".join(wrong)


def owner_of(path: Path) -> str:
    """The owner of the tables that may be named in this file."""
    parts = path.relative_to(SRC).with_suffix("").parts
    return parts[1].rstrip("_") if parts[0] == "services" and len(parts) > 1 else parts[0]


def test_a_table_is_named_only_by_its_owner() -> None:
    texts = {path: path.read_text() for path in [*FILES, *SRC.rglob("*.sql")]}
    owners: dict[str, str] = {}
    for path, text in texts.items():
        for table in re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", text):
            owners[table] = owner_of(path)
    assert "sqs_messages" in owners
    any_table = re.compile(rf"\b(?:{'|'.join(owners)})\b")
    wrong = [
        f"{path.relative_to(SRC)} names {table}, which {owners[table]} owns"
        for path, text in texts.items()
        for table in sorted(set(any_table.findall(text)))
        if owner_of(path) != owners[table]
    ]
    assert not wrong, "\n".join(wrong)


def test_tasks_threads_and_timers_live_only_where_they_may() -> None:
    """Rows are the only timer; one task group owns every task. The command line is a process of its own."""
    may = {"store", "environments", "node", "cli"}
    stray = re.compile(r"asyncio\.create_task|threading\.Thread\(|call_later|ensure_future|to_thread|run_in_executor")
    wrong = [
        f"{path.relative_to(SRC)}: {hit[0]}"
        for path in FILES
        if package_of(path) not in may
        for hit in [stray.search(path.read_text())]
        if hit
    ]
    assert not wrong, "\n".join(wrong)


def test_services_ask_nobody_for_the_time_chance_or_the_environment() -> None:
    forbidden = re.compile(r"time\.time\(|datetime\.now\(|os\.environ|\buuid4\(|random\.random\(")
    wrong = [
        f"{path.relative_to(SRC)}: {hit[0]}"
        for path in FILES
        if package_of(path) in ("services", "fabric", "store")
        for hit in [forbidden.search(path.read_text())]
        if hit and path.name != "postgres.py"  # the pause before a transaction is run again is nobody's event
    ]
    assert not wrong, "\n".join(wrong)


def test_a_limit_has_one_value() -> None:
    """A second one of the same name would quietly be everybody's."""
    statements = [each for path in (SRC / "limits").glob("*.py") for each in ast.parse(path.read_text()).body]
    named = [target for each in statements if isinstance(each, ast.Assign) for target in each.targets]
    names = [target.id for target in named if isinstance(target, ast.Name)]
    assert names
    assert sorted(set(names)) == sorted(names)


def test_a_file_is_short_named_for_a_thing_and_says_what_it_is() -> None:
    """One test for all files: which tests there are must not hang on what lies in a folder while they are collected.

    Processes that collect at the same time would otherwise disagree when a file comes or goes in that moment.
    """
    wrong = []
    for path in sorted(SRC.rglob("*.py")):
        text = path.read_text()
        lines = len(text.splitlines())
        if FORBIDDEN_NAMES & set(path.relative_to(SRC).with_suffix("").parts):
            wrong.append(f"{path.relative_to(SRC)} is not named for a thing")
        if lines > LINES_MAX:
            wrong.append(f"{path.relative_to(SRC)} has {lines} lines")
        if text.strip() and not re.match(r'(#.*\n)*"""\S', text):
            wrong.append(f"{path.relative_to(SRC)} says nothing about itself")
    assert not wrong, "\n".join(wrong)
