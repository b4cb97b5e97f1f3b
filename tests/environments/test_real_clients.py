"""AWS's own runtime client, unmodified, against our Runtime API, and ours beside it: the same words from both."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import lru_cache

import pytest

from tests.environments.conftest import MakeWorld
from tests.environments.test_python_runtime import FILES

pytestmark = pytest.mark.slow

HANDLERS = [
    *("app.echo", "app.raises", "app.raises_own", "app.raises_without_words", "app.returns_set", "app.returns_circle"),
    *("app.returns_datetime", "app.returns_decimals", "app.returns_nan", "app.returns_bytes", "app.returns_keys"),
    *("app.returns_bytes_within", "app.returns_tuple_keys", "app.returns_nothing", "app.prints", "app.instance"),
    *("app.exits_at_once", "package.module.handler", "folder/module.handler", "nothing.handler", "missing.handler"),
    *("app.nothing", "nodot", "sys.exit", "broken.handler", "raising.handler", "leaving.handler"),
]


@lru_cache(1)
def python_with_client() -> str | None:
    """An interpreter that has awslambdaric: the one named by WAKEFUL_RIC_PYTHON, or our own."""
    python = os.environ.get("WAKEFUL_RIC_PYTHON", sys.executable)
    found = subprocess.run([python, "-c", "import awslambdaric"], capture_output=True, check=False)
    return python if found.returncode == 0 else None


def runtime_of(python: str) -> str:
    words = "import sys; print('python%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", words], capture_output=True, check=True, text=True).stdout.strip()


@pytest.mark.parametrize("handler", HANDLERS)
async def test_awslambdaric_and_our_client_say_the_same(make_world: MakeWorld, handler: str) -> None:
    python = python_with_client()
    if python is None:
        pytest.skip("AWSLAMBDARIC IS NOT INSTALLED: our Python client was not compared with it (WAKEFUL_RIC_PYTHON)")
    runtime = runtime_of(python)
    bootstrap = (
        f"#!/bin/sh\nexport AWS_EXECUTION_ENV=AWS_Lambda_{runtime}\nunset PYTHONPATH\n"
        f'exec {python} -m awslambdaric "$_HANDLER"\n'
    )
    async with make_world() as world:
        told = []
        for version in (
            world.version(FILES, handler, runtime=runtime),
            world.version({**FILES, "bootstrap": bootstrap}, handler, runtime="provided.al2023"),
        ):
            world.log.clear()
            outcome = await world.invoke(version, {"text": "é"})
            printed = [text.replace("\r", "\n") for text in world.printed if "LAMBDA_WARNING" not in text]
            words = [outcome.payload.decode("utf-8", "backslashreplace"), "".join(printed)]
            told.append([outcome.error, outcome.status, outcome.error_type, *(_anonymous(text) for text in words)])
        assert told[0] == told[1]


def _anonymous(text: str) -> str:
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", text)
    return re.sub(r"/[^\s\"]*/code-\d+/", "/var/task/", text)
