"""Java functions behind the walls that this host gives: what they find, what they do not, and where they end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.environments import java_functions
from tests.environments.conftest import MakeWorld
from tests.environments.test_in_sandboxes import confined
from tests.environments.world import World
from wakeful.environments.runtimes import Runtimes
from wakeful.environments.version import Version

pytestmark = pytest.mark.slow


@pytest.fixture
def make_world(tmp_path: Path) -> MakeWorld:
    """With the client that was got for the tests."""
    java_functions.classes()

    def make(**settings: Any) -> World:
        return World(tmp_path, Runtimes(java_functions.cache()), **settings)

    return make


def function(world: World, handler: str, **settings: Any) -> Version:
    given = {"runtime": java_functions.present()[0], "code": java_functions.classes(), "timeout_s": 20.0}
    return world.version({}, f"app.Handlers${handler}", **{**given, **settings})


@pytest.mark.parametrize("isolation", ["auto", "C", "none"])
async def test_a_java_function_finds_everything(make_world: MakeWorld, isolation: str) -> None:
    async with confined(make_world, isolation) as world:
        version = function(world, "Surroundings", memory_mb=512, variables={"MINE": "its own"})
        outcome = await world.invoke(version, "note.txt")
        assert outcome.error is None, world.lines
        seen = json.loads(outcome.payload)
        assert "error" not in seen, seen
        has_tree = world.isolation in ("A", "B")
        where = "/var/task" if has_tree else str(version.code)
        assert (seen["directory"], seen["absolute"]) == (where, f"{where}/note.txt")
        assert (seen["read"], seen["child"]) == ("beside the code", f"{where}\nits own\n")
        assert (seen["heap"] >> 20, seen["library"]) == (421, "helper")
        assert world.printed == []


async def test_a_layer_has_libraries_in_java_lib(make_world: MakeWorld, tmp_path: Path) -> None:
    async with confined(make_world) as world:
        if world.isolation not in ("A", "B"):
            pytest.skip("THIS HOST GIVES NO FILE TREE OF A SANDBOX'S OWN: layers of Java functions were not tried")
        code, layers = tmp_path / "code", tmp_path / "layers"
        shutil.copytree(java_functions.classes(), code, ignore=shutil.ignore_patterns("lib"))
        seen = await world.answer(function(world, "Surroundings", code=code), "note.txt")
        assert seen["error"] == "java.lang.ClassNotFoundException: library.Helper"
        shutil.copytree(java_functions.classes() / "lib", layers / "java" / "lib")
        seen = await world.answer(function(world, "Surroundings", code=code, layers=layers), "note.txt")
        assert seen["library"] == "helper"


async def test_nothing_of_the_host_is_seen_from_java(make_world: MakeWorld) -> None:
    async with confined(make_world) as world:
        if world.isolation not in ("A", "B"):
            pytest.skip("THIS HOST GIVES NO NAMESPACES: what Java sees of the host was not tried")
        paths = ["/root", "/home", "/proc/1/root", "/proc/1/cwd", "/sys", "/var/lib", str(world.folder)]
        seen = await world.answer(function(world, "Spies"), paths)
        assert (seen["read"], seen["interfaces"]) == ([], ["lo"])
        assert seen["processes"] <= 2  # itself, and pid 1 of its own namespace
        assert seen["proc"] <= 2
        assert seen["parent"] in (0, 1)


async def test_memory_beside_the_heap_ends_at_the_functions_memory(make_world: MakeWorld) -> None:
    async with confined(make_world) as world:
        version = function(world, "FillsNative", memory_mb=128)
        assert await world.answer(version, 10) == 10
        outcome = await world.invoke(version, 100)
        assert (outcome.status, outcome.error_type) == ("error", "Runtime.OutOfMemory")
        assert json.loads(outcome.payload)["errorMessage"].endswith("signal: killed")
        assert await world.answer(version, 1) == 1


async def test_jvms_share_an_archive_of_classes_that_is_made_once(tmp_path: Path) -> None:
    name = java_functions.present()[0]
    cache = tmp_path / "cache"
    shutil.copytree(java_functions.cache(), cache, ignore=shutil.ignore_patterns("*.jsa", "functions-*"))
    runtimes = Runtimes(cache)

    def make(**settings: Any) -> World:
        return World(tmp_path, runtimes, **settings)

    async with confined(make) as world:
        if world.isolation not in ("A", "B"):
            pytest.skip("THIS HOST GIVES NO FILE TREE OF A SANDBOX'S OWN: the archive of classes was not tried")
        sandboxes = world.surroundings().sandboxes
        assert await runtimes.prepare(name, sandboxes) is None
        (archive,) = cache.glob("*.jsa")
        written_at = archive.stat().st_mtime_ns
        assert await Runtimes(cache).prepare(name, sandboxes) is None
        assert archive.stat().st_mtime_ns == written_at
        options = {"JAVA_TOOL_OPTIONS": "-Xlog:class+load:file=/tmp/classes"}
        seen = await world.answer(function(world, "Reads", variables=options), "/tmp/classes")
        ours = [line for line in seen if " com.amazonaws." in line and "Lambda/" not in line]
        assert len(ours) > 100
        shared = [line for line in ours if "source: shared objects file" in line]
        assert len(shared) > 0.8 * len(ours)


async def test_a_waiting_jvm_serves_functions_of_its_size(make_world: MakeWorld) -> None:
    async with confined(make_world) as world:
        name = java_functions.present()[0]
        runtime = await world.runtimes.cell(name, 256)
        sandboxes = world.surroundings().sandboxes
        await sandboxes.prepare(runtime, 1)
        try:
            for memory_mb in (256, 320):
                version = function(world, "Surroundings", memory_mb=memory_mb)
                assert (await world.answer(version, "note.txt"))["heap"] < memory_mb << 20
        finally:
            await sandboxes.prepare(runtime, 0)
