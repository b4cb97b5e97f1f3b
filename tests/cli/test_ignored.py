"""Which paths of a folder are no part of the function."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from wakeful.cli.ignored import Ignored


@pytest.mark.parametrize(
    "path",
    [
        *(".git/HEAD", "deep/.git/config", "__pycache__/app.pyc", "a/__pycache__/b", "app.pyc", ".venv/bin/python"),
        *("node_modules/.cache/x", ".app.py.swp", "app.py~", ".#app.py", "4913", ".wakefulignore"),
    ],
)
def test_what_tools_leave_behind_is_ignored(path: str) -> None:
    assert Ignored().has(path)


@pytest.mark.parametrize(
    "path", ["app.py", "node_modules/a/index.js", "dist/index.js", ".env", "cache/x", "a/.gitkeep"]
)
def test_what_a_function_needs_is_not(path: str) -> None:
    assert not Ignored().has(path)


@pytest.mark.parametrize(
    ("pattern", "path", "is_ignored"),
    [
        ("tests", "tests/test_app.py", True),
        ("tests", "src/tests/x", True),
        ("/tests", "src/tests/x", False),
        ("docs/*.md", "docs/a.md", True),
        ("docs/*.md", "docs/deep/a.md", False),
        ("docs/**/*.md", "docs/deep/er/a.md", True),
        ("docs/**/*.md", "docs/a.md", True),
        ("docs/**", "docs/a/b", True),
        ("**/fixtures", "a/b/fixtures/c", True),
        ("build/", "build", False),  # a file of that name
        ("build/", "build/x", True),
        ("*.lo?", "a.log", True),
        ("file[0-9]", "file7", True),
        ("file[!0-9]", "file7", False),
        ("file[z-a]", "file-", True),
        ("# a comment", "# a comment", False),
        (r"\#file", "#file", True),
        ("", "anything", False),
        ("!", "anything", False),
    ],
)
def test_patterns_are_those_of_gitignore(pattern: str, path: str, is_ignored: bool) -> None:
    assert Ignored([pattern]).has(path) is is_ignored


def test_a_later_line_takes_back_an_earlier_one() -> None:
    ignored = Ignored(["*.json", "!package.json", "!.venv"])
    assert ignored.has("data.json") and not ignored.has("package.json") and not ignored.has(".venv/x")


@given(some.lists(some.text(max_size=12), max_size=4), some.lists(some.text("ab.*[]!^\\", min_size=1), min_size=1))
def test_no_pattern_is_too_strange(lines: list[str], parts: list[str]) -> None:
    assert Ignored(lines).has("/".join(parts)) in (True, False)
