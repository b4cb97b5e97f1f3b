"""What is written about the product is true: generated pages are current, and named tests exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tools import coverage

from wakeful.cli.app import app
from wakeful.node import SERVICES

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SPECIFICATION.md")


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
    assert [name for name in sorted(commands) if f"wakeful {name}" not in text] == []
