"""What is written about the product is true: generated pages are current, and named tests exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import coverage
from wakeful.cli.app import app
from wakeful.composition import SERVICES

ROOT = Path(__file__).parent.parent
FOLDERS = ("src", "tests", "tools", "bench", "examples")
PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SPECIFICATION.md")
LINE_MAX = 141


def every_page() -> list[str]:
    """Looked up when a test runs: which tests are collected must not hang on it."""
    decisions = sorted((ROOT / "docs/decisions").glob("*.md"))
    pages = ["docs/chaos.md", "docs/doctor.md", "docs/runtimes.md"]
    return [*PAGES, *pages, *(f"docs/decisions/{path.name}" for path in decisions)]


def test_the_coverage_table_is_current() -> None:
    assert coverage.PAGE.read_text() == coverage.render(), "run `make generate`"


def test_the_readme_counts_the_operations() -> None:
    count = sum(len(service.operations) for service in SERVICES)
    assert f"{count} operations" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text()
    named = set(re.findall(r"`((?:src|tests|tools|bench|docs|examples)/[\w./-]+)`", text))
    named |= {link for link in re.findall(r"\]\(([\w./-]+)\)", text) if "://" not in link}
    assert named, "a page that names nothing cannot be checked"
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_module_that_a_page_names_and_every_page_it_leads_to_is_there() -> None:
    """A module may be named by the end of its path, such as `jail/cells.py`."""
    sources = [f"/{path.relative_to(ROOT).as_posix()}" for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    wrong = []
    for page in every_page():
        text = (ROOT / page).read_text()
        modules = set(re.findall(r"`([\w/]+\.py)(?:::\w+)?`", text)) - {"__init__.py"}
        wrong += [(page, name) for name in sorted(modules) if not any(path.endswith(f"/{name}") for path in sources)]
        links = {link for link in re.findall(r"\]\(([\w./-]+)\)", text) if "://" not in link}
        wrong += [(page, link) for link in sorted(links) if not (ROOT / page).parent.joinpath(link).exists()]
    assert wrong == []


def test_lines_are_as_long_as_those_of_the_other_pages() -> None:
    """Rows of tables may be longer."""
    wrong = [
        (page, line)
        for page in every_page()
        for line in (ROOT / page).read_text().splitlines()
        if len(line) > LINE_MAX and not re.match(r"\||.*`tests/|<", line)
    ]
    assert wrong == []


def test_every_promise_names_tests_that_exist() -> None:
    text = (ROOT / "SPECIFICATION.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(named) > 20
    wrong = [f"{path}::{name}" for path, name in named if name and f"def {name}(" not in (ROOT / path).read_text()]
    assert wrong == []


def test_every_decision_is_listed_and_says_what_was_decided_and_why() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    pages = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    assert pages
    for page in pages:
        assert f"({page.name})" in index, f"{page.name} is not in the list"
        text = page.read_text()
        assert "## Decision" in text, page.name
        assert "## Why" in text, page.name


def test_every_command_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    commands = {info.name or info.callback.__name__ for info in app.registered_commands if info.callback is not None}
    commands |= {
        f"{group.name} {each.name}"
        for group in app.registered_groups
        if group.typer_instance is not None
        for each in group.typer_instance.registered_commands
    }
    assert len(commands) > 8
    assert [name for name in sorted(commands) if f"wakeful {name}" not in text] == []
