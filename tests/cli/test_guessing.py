"""What a folder says of its function."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from wakeful.cli.guessing import guess

PYTHON = f"python3.{sys.version_info.minor}"


@pytest.mark.parametrize(
    ("files", "runtime", "handler"),
    [
        ({"lambda_function.py": "def lambda_handler(event, context): ..."}, PYTHON, "lambda_function.lambda_handler"),
        ({"app.py": "def handler(e, c): ...", "other.py": ""}, PYTHON, "app.handler"),
        ({"thumb.py": "handler = make()"}, PYTHON, "thumb.handler"),
        ({"lambda_function.py": "def lambda_handler(event:"}, PYTHON, "lambda_function.lambda_handler"),
        ({"app.py": "def handler(e, c): ...", ".python-version": "3.13.1"}, "python3.13", "app.handler"),
        ({"index.mjs": "export const handler = 1", "package.json": '{"engines": {"node": ">=22"}}'},
         "nodejs22.x", "index.handler"),
        ({"src/main.js": "exports.run = 1", "package.json": '{"main": "./src/main.js", "engines": {"node": "20"}}'},
         "nodejs20.x", "src/main.run"),
        ({"index.js": "module.exports.handler = 1", "package.json": "{", "x.rb": ""}, None, "index.handler"),
        ({"lambda_function.rb": "def lambda_handler(event:, context:)\nend"}, "ruby3.4",
         "lambda_function.lambda_handler"),
    ],
)  # fmt: skip
def test_the_usual_folders_speak_for_themselves(
    tmp_path: Path, files: dict[str, str], runtime: str | None, handler: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = guess(tmp_path)
    assert found is not None and found.handler == handler
    assert runtime is None or found.runtime == runtime


def test_a_program_called_bootstrap_is_a_runtime_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "bootstrap").write_text("#!/bin/sh\n")
    assert guess(tmp_path) is None
    (tmp_path / "bootstrap").chmod(0o755)
    found = guess(tmp_path)
    assert found is not None and (found.runtime, found.handler) == ("provided.al2023", "bootstrap")


def test_a_folder_that_says_nothing_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "notes.py").write_text("x = 1")
    assert guess(tmp_path) is None
