"""What is measured, each started on a free port with nothing in it: Wakeful, its peers, and the floor."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from bench.signed import REGION, Access, Signer

HERE = Path(__file__).parent
PEERS = HERE.parent / ".bench"
"""A virtual environment of its own for the peers: `make bench` makes it."""

HOME = PEERS / "home"
"""What Wakeful gets for the runtimes that are measured."""


@dataclass(frozen=True)
class System:
    """A server that runs."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    ready_s: float
    access: Access = dataclasses.field(default_factory=Access)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access.key,
            aws_secret_access_key=self.access.secret,
            config=Config(retries={"max_attempts": 0}, read_timeout=120),
        )

    def request(self, service: str, path: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
        """A signed request as it goes over the wire, to be sent again and again."""
        unsigned = AWSRequest(method="POST", url=self.endpoint + path, data=body, headers=headers or {})
        SigV4Auth(Credentials(self.access.key, self.access.secret), service, REGION).add_auth(unsigned)
        lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in unsigned.headers.items() if name.lower() != "host"]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def signer(self, service: str, target: str) -> Signer:
        """Of many requests to an operation of the service's JSON protocol."""
        return Signer(f"127.0.0.1:{self.port}", service, target, self.access)

    def memory_mb(self) -> float:
        """The proportional share of memory of the process and everything it started."""
        return sum(_pss_kb(pid) for pid in _tree(self.process.pid)) / 1024


@contextlib.contextmanager
def wakeful(*flags: str) -> Iterator[System]:
    with (
        tempfile.TemporaryDirectory(prefix="wakeful-bench-", dir="/var/tmp") as folder,
        _wakeful(Path(folder) / "data", flags) as system,
    ):
        yield system


@contextlib.contextmanager
def strict_wakeful(*flags: str) -> Iterator[System]:
    """With a key of its own: the signature of every request is verified, as the others' never is."""
    with tempfile.TemporaryDirectory(prefix="wakeful-bench-", dir="/var/tmp") as folder:
        data = Path(folder) / "data"
        command = [sys.executable, "-m", "wakeful", "keys", "create", "--data-dir", str(data)]
        made = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        said = dict(re.findall(r"(AWS_\w+)=(\S+)", made))
        access = Access(said["AWS_ACCESS_KEY_ID"], said["AWS_SECRET_ACCESS_KEY"])
        with _wakeful(data, flags) as system:
            yield dataclasses.replace(system, access=access)


@contextlib.contextmanager
def _wakeful(data: Path, flags: Sequence[str]) -> Iterator[System]:
    port = free_port()
    os.environ["WAKEFUL_HOME"] = str(HOME)
    command = [sys.executable, "-m", "wakeful", "start", "--port", str(port), "--data-dir", str(data), *flags]
    with _running("wakeful", command, port, "/_wakeful/health") as system:
        yield system


@contextlib.contextmanager
def ministack() -> Iterator[System]:
    port = free_port()
    command = [str(PEERS / "bin" / "ministack")]
    with (
        tempfile.TemporaryDirectory(prefix="ministack-", dir="/var/tmp") as folder,
        _running(
            "ministack", command, port, "/_ministack/health", {"GATEWAY_PORT": str(port), "HOME": folder}
        ) as system,
    ):
        yield system


@contextlib.contextmanager
def moto() -> Iterator[System]:
    port = free_port()
    command = [str(PEERS / "bin" / "moto_server"), "--host", "127.0.0.1", "--port", str(port)]
    with _running("moto", command, port, "/moto-api/") as system:
        yield system


@contextlib.contextmanager
def dynalite() -> Iterator[System]:
    """On disk, in LevelDB. Its tables are ready at once."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="dynalite-", dir="/var/tmp") as folder:
        command = [str(PEERS / "npm" / "node_modules" / ".bin" / "dynalite"), "--port", str(port), "--path", folder]
        command += ["--createTableMs", "0", "--deleteTableMs", "0"]
        with _running("dynalite", command, port, "/") as system:
            yield system


@contextlib.contextmanager
def dynamodb_local() -> Iterator[System]:
    """AWS's own, on disk, in SQLite."""
    port, lies = free_port(), PEERS / "maven"
    with tempfile.TemporaryDirectory(prefix="dynamodb-local-", dir="/var/tmp") as folder:
        command = ["java", "-Xmx2g", f"-Djava.library.path={lies}", "-cp", f"{lies}/*"]
        command += ["com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-disableTelemetry"]
        with _running("DynamoDB Local", [*command, "-port", str(port), "-dbPath", folder], port, "/") as system:
            yield system


@contextlib.contextmanager
def functions_framework() -> Iterator[System]:
    port = free_port()
    command = [str(PEERS / "bin" / "functions-framework"), "--target", "handler", "--port", str(port)]
    command += ["--source", str(HERE / "peer_function.py")]
    with _running("functions-framework", command, port, "/") as system:
        yield system


@contextlib.contextmanager
def serverless_offline(folder: Path) -> Iterator[System]:
    """With the functions that `serverless.json` in the folder names."""
    port = json.loads((folder / "serverless.json").read_text())["custom"]["serverless-offline"]["lambdaPort"]
    (folder / "node_modules").symlink_to(PEERS / "npm" / "node_modules")
    command = [str(PEERS / "npm" / "node_modules" / ".bin" / "serverless"), "offline"]
    variables = {"SLS_TELEMETRY_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off"}
    try:
        with _running("serverless-offline", command, port, "/", variables, folder) as system:
            yield system
    finally:
        (folder / "node_modules").unlink()


def serverless_configuration(functions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """serverless.json, with handlers loaded anew when they are called."""
    ports = {"host": "127.0.0.1", "httpPort": free_port(), "lambdaPort": free_port(), "reloadHandler": True}
    return {
        "service": "bench",
        "frameworkVersion": "3",
        "provider": {"name": "aws"},
        "plugins": ["serverless-offline"],
        "custom": {"serverless-offline": ports},
        "functions": functions,
    }


@contextlib.contextmanager
def echo() -> Iterator[System]:
    port = free_port()
    with _running("asyncio echo", [sys.executable, "-m", "bench.echo", str(port)], port, "/") as system:
        yield system


@contextlib.contextmanager
def _running(
    name: str,
    command: list[str],
    port: int,
    health: str,
    variables: dict[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[System]:
    begun = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(variables or {})},
        start_new_session=True,
        cwd=folder,
    )
    try:
        _await_answer(process, f"http://127.0.0.1:{port}{health}")
        yield System(name, port, process, time.perf_counter() - begun)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_answer(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError:
            return  # it answers
        except OSError:
            time.sleep(0.005)
    raise RuntimeError(f"{process.args!r} did not answer")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _tree(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                found += _tree(int(child))
    return found


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
