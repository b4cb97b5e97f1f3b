"""AWS's own clients for Python and Node.js, unmodified, on our Runtime API, and ours beside them: the same words."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from functools import lru_cache
from pathlib import Path

import pytest

from tests.clients import builds
from tests.environments import test_nodejs_runtime
from tests.environments.conftest import MakeWorld
from tests.environments.test_python_runtime import FILES
from tests.functions import NODE_RUNTIME, needs_node

pytestmark = pytest.mark.slow

HANDLERS = [
    *("app.echo", "app.raises", "app.raises_own", "app.raises_without_words", "app.returns_set", "app.returns_circle"),
    *("app.returns_datetime", "app.returns_decimals", "app.returns_nan", "app.returns_bytes", "app.returns_keys"),
    *("app.returns_bytes_within", "app.returns_tuple_keys", "app.returns_nothing", "app.prints", "app.instance"),
    *("app.exits_at_once", "package.module.handler", "folder/module.handler", "nothing.handler", "missing.handler"),
    *("app.nothing", "nodot", "sys.exit", "broken.handler", "raising.handler", "leaving.handler"),
]
NODE_HANDLERS = [
    *("app.echo", "app.callback", "app.callbackDoesNotWait", "app.callbackString", "app.doneThenThrows", "app.fail"),
    *("app.throwsOwn", "app.throwsNull", "app.deep", "app.rejects", "app.throwsLater", "app.circular", "app.nothing"),
    *("app.silent", "app.logs", "app.exit", "app.missing", "broken.handler", "missing.handler", "raising.handler"),
    *("leaving.handler", "esm.handler", "esmbroken.handler", "folder/inner.handler", "nodot", "nothing.handler"),
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


def bootstrap_of(python: str, runtime: str) -> str:
    """A package's own program that is awslambdaric, and says which runtime it stands for."""
    return (
        f"#!/bin/sh\nexport AWS_EXECUTION_ENV=AWS_Lambda_{runtime}\nunset PYTHONPATH\n"
        f'exec {python} -m awslambdaric "$_HANDLER"\n'
    )


@pytest.mark.parametrize("handler", HANDLERS)
async def test_awslambdaric_and_our_client_say_the_same(make_world: MakeWorld, handler: str) -> None:
    python = python_with_client()
    if python is None:
        pytest.skip("AWSLAMBDARIC IS NOT INSTALLED: our Python client was not compared with it (WAKEFUL_RIC_PYTHON)")
    runtime = runtime_of(python)
    bootstrap = bootstrap_of(python, runtime)
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


@needs_node
@pytest.mark.parametrize("handler", NODE_HANDLERS)
async def test_aws_lambda_ric_and_our_client_say_the_same(make_world: MakeWorld, handler: str, tmp_path: Path) -> None:
    client = tmp_path / "client"
    zipfile.ZipFile(io.BytesIO(builds.package(builds.NODEJS))).extractall(client)
    main = client / "node_modules" / "aws-lambda-ric" / "bin" / "index.mjs"
    bootstrap = (
        f"#!/bin/sh\nexport AWS_EXECUTION_ENV=AWS_Lambda_{NODE_RUNTIME}\n"
        f'exec {shutil.which("node")} {main} "$_HANDLER"\n'
    )
    files = test_nodejs_runtime.FILES
    event = 7 if handler == "app.exit" else {"text": "é"}
    async with make_world() as world:
        told = []
        assert NODE_RUNTIME is not None
        for version in (
            world.version(files, handler, runtime=NODE_RUNTIME),
            world.version({**files, "bootstrap": bootstrap}, handler, runtime="provided.al2023"),
        ):
            world.log.clear()
            outcome = await world.invoke(version, event)
            words = [outcome.payload.decode(), "".join(world.printed)]
            told.append([outcome.error, outcome.status, outcome.error_type, *(_without_frames(text) for text in words)])
        assert told[0] == told[1]


def _without_frames(text: str) -> str:
    """Without what differs by nature: times, frames of the clients' own code, what AWS's says when it starts."""
    text = re.sub(r"Executing '.*' in function directory '.*'\n?", "", _anonymous(text)).replace("\r", "\n")
    text = re.sub(r',"    at (?:(?!/var/task/)[^"])*"', "", text)
    text = re.sub(r"[^\s\"]*/(bootstrap/nodejs|aws-lambda-ric/dist)/index.mjs", "<client>", text)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "<time>", text)
