"""The AWS CLI for tests: one process of it that runs command after command, each as `aws …` would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.running_node import REGION

_DRIVER = """
import contextlib, io, json, sys
from awscli.clidriver import create_clidriver

driver = create_clidriver()
for line in sys.stdin:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = driver.main(json.loads(line))
        except SystemExit as ended:
            code = ended.code
    said = [each.buffer.getvalue().decode() for each in (out, err)]
    print(json.dumps([code, *said]), flush=True)
"""
"""Starting `aws` takes half a second, most of it for imports; this does it once."""


@dataclass(frozen=True)
class Result:
    """What a command ended with."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> Any:
        """The JSON that it wrote."""
        return json.loads(self.out)


class AwsCli:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, *words: str) -> Result:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        return Result(*json.loads(self._process.stdout.readline()))

    def ok(self, *words: str) -> Any:
        """What a command of Lambda's that must succeed answered; None for nothing."""
        result = self.run("lambda", *words)
        assert (result.code, result.err) == (0, ""), result
        return result.answer if result.out.strip() else None


def variables(endpoint: str) -> dict[str, str]:
    """What tells the AWS CLI where to go."""
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_PAGER": "",
    }


def program() -> str:
    """Where `aws` is; skips, loudly, where it is not."""
    path = Path(sys.executable).with_name("aws")
    if not path.exists():
        pytest.skip("NO AWS CLI HERE: nothing was tried with it")
    return str(path)


@contextmanager
def aws_cli(endpoint: str) -> Iterator[AwsCli]:
    program()
    with subprocess.Popen(
        [sys.executable, "-c", _DRIVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=variables(endpoint),
    ) as process:
        try:
            yield AwsCli(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
