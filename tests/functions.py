"""Functions for tests: packed, deployed and called through an unmodified client."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import textwrap
import zipfile
from dataclasses import dataclass
from typing import Any

import pytest

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
ROLE = "arn:aws:iam::000000000000:role/function"
_OFTEN = {"Delay": 0.005, "MaxAttempts": 6000}
ECHO = "def handler(event, context):\n    return event\n"


def package(**files: str | bytes) -> bytes:
    """A deployment package; a name's double underscore stands for a dot."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            text = textwrap.dedent(content) if isinstance(content, str) else content
            archive.writestr(name.replace("__", "."), text)
    return packed.getvalue()


def deploy(client: Any, name: str = "f", code: str = ECHO, **settings: Any) -> str:
    """The ARN of a function that is Active."""
    request = {
        "FunctionName": name,
        "Runtime": RUNTIME,
        "Role": ROLE,
        "Handler": "index.handler",
        "Code": {"ZipFile": package(index__py=code)},
        **settings,
    }
    arn = str(client.create_function(**request)["FunctionArn"])
    wait_until_active(client, name)
    return arn


def wait_until_active(client: Any, name: str) -> None:
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=_OFTEN)


def wait_until_updated(client: Any, name: str) -> None:
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=_OFTEN)


def find_node() -> str | None:
    """The runtime of this host's Node.js; None where there is none."""
    try:
        found = subprocess.run(["node", "-p", "process.versions.node"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"nodejs{found.stdout.partition('.')[0]}.x"


NODE_RUNTIME = find_node()
needs_node = pytest.mark.skipif(NODE_RUNTIME is None, reason="NO NODE.JS ON THIS HOST: nothing was tried with it")


@dataclass(frozen=True)
class Answer:
    """What an invocation answered."""

    status: int
    payload: Any
    error: str | None
    version: str | None
    log: str


def call(client: Any, name: str = "f", event: Any = None, **more: Any) -> Answer:
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event).encode(), LogType="Tail", **more)
    body = answer["Payload"].read()
    return Answer(
        answer["StatusCode"],
        json.loads(body) if body else None,
        answer.get("FunctionError"),
        answer.get("ExecutedVersion"),
        base64.b64decode(answer.get("LogResult", "")).decode(),
    )
