"""Java functions through a whole node: packages as they are built for Lambda."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.environments import java_functions
from tests.functions import ROLE, call, wait_until_active, wait_until_updated
from tests.running_node import RunningNode
from wakeful.environments.languages.java import Java

pytestmark = pytest.mark.slow


@pytest.fixture
def runtime(node: RunningNode) -> str:
    """One that the node has, with the client that was got for the tests."""
    name = java_functions.present()[0]
    language = node.node.runtimes._managed[name]
    assert isinstance(language, Java)
    language._added = java_functions.added()
    return name


def packed(folder: Path, *, as_jar: bool) -> bytes:
    """As a zip of classes with a lib folder, or as one jar, with its manifest, that holds all the classes."""
    target = BytesIO()
    with ZipFile(target, "w") as archive:
        if as_jar:
            archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
            with ZipFile(folder / "lib" / "helper.jar") as helper:
                for name in helper.namelist():
                    archive.writestr(name, helper.read(name))
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder))
            if path.is_file() and not (as_jar and name.startswith("lib/")):
                archive.write(path, name)
    return target.getvalue()


@pytest.mark.parametrize("as_jar", [False, True], ids=["zip", "jar"])
def test_a_package_may_be_a_zip_or_a_jar(client: Any, runtime: str, as_jar: bool) -> None:
    code = {"ZipFile": packed(java_functions.classes(), as_jar=as_jar)}
    create(client, runtime, "app.Handlers$Surroundings::handleRequest", code, MemorySize=256)
    answer = call(client, event="note.txt")
    assert answer.error is None, answer.payload
    assert (answer.payload["read"], answer.payload["library"]) == ("beside the code", "helper")
    assert answer.payload["heap"] < 256 << 20
    client.update_function_configuration(FunctionName="f", MemorySize=1024)
    wait_until_updated(client, "f")
    assert call(client, event="note.txt").payload["heap"] > 800 << 20


def create(client: Any, runtime: str, handler: str, code: Any, **more: Any) -> None:
    client.create_function(FunctionName="f", Runtime=runtime, Handler=handler, Role=ROLE, Code=code, Timeout=20, **more)
    wait_until_active(client, "f")
