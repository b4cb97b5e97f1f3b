"""A node in a process of its own, as a user starts it: for tests that kill it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import weakref
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

SRC = Path(__file__).parent.parent / "src"


class NodeProcess:
    """`wakeful start` on one data directory and one port; started, killed and started again."""

    def __init__(self, data_dir: Path, *flags: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.log = data_dir.parent / f"{data_dir.name}.log"
        self._command = [sys.executable, "-m", "wakeful", "start", "--port", str(self.port)]
        self._command += ["--data-dir", str(data_dir), *flags]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """The node answers."""
        environment = {**os.environ, "PYTHONPATH": str(SRC)}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment)
        weakref.finalize(self, _end, self._process)  # whatever becomes of the test, its node does not outlive it
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"the node ended:\n{self.log.read_text()}"
            try:
                with urllib.request.urlopen(f"{self.endpoint}/_wakeful/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.01)
        raise AssertionError("the node does not answer")

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def ended(self) -> None:
        """Somebody else killed it."""
        assert self._process is not None
        self._process.wait(30)

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """The exit status after SIGTERM."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(30)

    def advance(self, seconds: float) -> None:
        """Moves the clock; returns when everything that fell due has been done."""
        body = json.dumps({"advance_s": seconds}).encode()
        with urllib.request.urlopen(f"{self.endpoint}/_wakeful/clock", body, timeout=120) as answer:
            assert answer.status == 200

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=30, max_pool_connections=1),
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
