"""The command line as its users have it: what was typed, what was said, and how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from typer.testing import CliRunner

from tests.node_process import SRC
from tests.running_node import RunningNode, running_node
from wakeful.cli.app import app

NOBODY = "http://127.0.0.1:1"
"""An endpoint at which nothing answers."""


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    status: int
    out: str
    err: str


def wakeful(*words: str, endpoint: str = NOBODY, given: bytes | str = "", **variables: str) -> Said:
    """Runs a command in this process. What escapes from it, a user would see as a traceback: it is raised here."""
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": None,
        "AWS_PROFILE": None,
        "AWS_REGION": "us-east-1",
        **variables,
    }
    result = CliRunner().invoke(app, words, input=given, env=environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Said(result.exit_code, result.stdout, result.stderr)


class Typed:
    """A command in a process of its own, that goes on."""

    def __init__(self, process: subprocess.Popen[str], out: IO[str]) -> None:
        self._process = process
        self._out = out

    def line(self) -> str:
        """The next line; waits for it."""
        return self._out.readline().rstrip("\n")

    def terminate(self) -> None:
        """As a terminal that is closed does."""
        self._process.send_signal(signal.SIGHUP)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def rest(self) -> Said:
        """How it ended, and what it had still to say."""
        out, err = self._process.communicate(timeout=30)
        return Said(self._process.returncode, out, err)


@contextmanager
def typed(*words: str, endpoint: str = NOBODY) -> Iterator[Typed]:
    environment = {**os.environ, "PYTHONPATH": str(SRC), "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1"}
    command = [sys.executable, "-u", "-m", "wakeful", *words]
    pipe = subprocess.PIPE
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell that runs the tests in its background has them ignore Ctrl-C, and all that they start.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            yield Typed(process, process.stdout)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """One node for all tests of a file: they only look at it, or add to it under names of their own."""
    folder: Path = tmp_path_factory.mktemp("node")
    with running_node(folder / "data") as started:
        yield started
