"""`wakeful invoke`, as far as no function runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import wakeful
from tests.running_node import RunningNode


def test_a_payload_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    missing = tmp_path / "missing.json"
    for file, reason in ((missing, "No such file or directory"), (tmp_path, "Is a directory")):
        said = wakeful("invoke", "f", f"@{file}")
        assert (said.status, said.out, said.err) == (1, "", f"The payload @{file} cannot be read: {reason}.\n")


@pytest.mark.parametrize(
    ("function", "code"),
    [("nope", "ResourceNotFoundException"), ("no name", "ValidationException"), ("", "ParamValidation")],
)
def test_aws_own_words_are_told(function: str, code: str, shared: RunningNode) -> None:
    said = wakeful("invoke", function, endpoint=shared.endpoint)
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith(code) or "Parameter validation failed" in said.err
