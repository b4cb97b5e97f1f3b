"""Functions in the sandboxes that this host gives: the same behaviour as in the plain ones, at the paths of Lambda."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.environments.conftest import MakeWorld
from tests.environments.test_nodejs_runtime import skip_without
from tests.environments.world import World, held, until
from wakeful.environments.pool import Bounds
from wakeful.environments.sandboxes import open_sandboxes
from wakeful.environments.states import State
from wakeful.environments.tiers import NotConfined
from wakeful.environments.version import Version

pytestmark = pytest.mark.slow

PYTHON = "python3.11"
NODE = "nodejs20.x"


@asynccontextmanager
async def confined(make_world: MakeWorld, isolation: str = "auto", **settings: Any) -> AsyncIterator[World]:
    try:
        sandboxes = await open_sandboxes(4566, isolation)
    except NotConfined as error:
        pytest.skip(f"NO SANDBOXES ON THIS HOST: {error}")
    try:
        async with make_world(sandboxes=sandboxes, **settings) as world:
            await skip_without(world, PYTHON)
            assert sandboxes.isolation is not None
            world.isolation = sandboxes.isolation.tier
            yield world
    finally:
        await sandboxes.close()


LOOK = {
    "app.py": """
import os, sys
import boto3
TMP = os.environ.get("TMPDIR", "/tmp")
def handler(event, context):
    open(TMP + "/written", "a").close()
    return {
        "path": sys.path,
        "cwd": os.getcwd(),
        "boto3": boto3.__file__,
        "note": open(event).read(),
        "tmp": os.listdir(TMP),
        "api": os.environ["AWS_LAMBDA_RUNTIME_API"],
        "variables": [name for name in os.environ if name.startswith("WAKEFUL")],
    }
"""
}


@pytest.mark.parametrize("isolation", ["auto", "C", "none"])
async def test_a_python_function_finds_everything(make_world: MakeWorld, isolation: str) -> None:
    async with confined(make_world, isolation) as world:
        layers = world.files({"note": "of the layer"})
        version = world.version(LOOK, layers=layers, memory_mb=1024)
        has_tree = world.isolation in ("A", "B")
        found = await world.answer(version, "/opt/note" if has_tree else f"{layers}/note")
        assert (found["note"], found["variables"]) == ("of the layer", [])
        assert "written" in found["tmp"]
        if has_tree:
            assert found["cwd"] == "/var/task"
            assert found["path"][:4] == [
                "/var/task",
                "/opt/python/lib/python3.11/site-packages",
                "/opt/python",
                "/var/runtime",
            ]
            assert found["boto3"] == "/var/runtime/boto3/__init__.py"
            assert found["api"] == "127.0.0.1:9001"


@pytest.mark.parametrize("isolation", ["auto", "C", "none"])
async def test_a_node_function_finds_everything(make_world: MakeWorld, isolation: str) -> None:
    async with confined(make_world, isolation) as world:
        await skip_without(world, NODE)
        files = {
            "app.js": """
exports.handler = async () => ({
  cwd: process.cwd(), argv: process.argv.slice(1), layer: require("of-layer").name,
});
"""
        }
        layers = world.files({"nodejs/node_modules/of-layer/index.js": "exports.name = 'layer'"})
        found = await world.answer(world.version(files, runtime=NODE, layers=layers))
        assert found["layer"] == "layer"
        if world.isolation in ("A", "B"):
            assert found["cwd"] == "/var/task"
            assert found["argv"] == ["/var/runtime/index.mjs"]
        missing = await world.error(world.version({}, "nothing.handler", runtime=NODE))
        assert missing["errorMessage"].startswith("Error: Cannot find module 'nothing'\nRequire stack:\n- /")


@pytest.mark.parametrize("isolation", ["auto", "C", "none"])
async def test_a_node_function_imports_the_sdk_that_was_added(
    make_world: MakeWorld, tmp_path: Path, isolation: str
) -> None:
    package = tmp_path / "added/nodejs/sdk-20/node_modules/@aws-sdk/client-s3"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"name": "@aws-sdk/client-s3", "exports": "./index.mjs"}')
    (package / "index.mjs").write_text("export const place = import.meta.url;")
    async with confined(make_world, isolation, added=tmp_path / "added") as world:
        await skip_without(world, NODE)
        files = {"app.mjs": "import { place } from '@aws-sdk/client-s3'; export const handler = async () => place;"}
        place = await world.answer(world.version(files, runtime=NODE))
        has_tree = world.isolation in ("A", "B")
        assert place == f"file://{'/var/runtime/node_modules/@aws-sdk/client-s3' if has_tree else package}/index.mjs"


async def test_waiting_cells_serve_cold_starts(make_world: MakeWorld) -> None:
    async with confined(make_world) as world:
        version = world.version({"app.py": "def handler(event, context): return event"})
        runtime = await world.runtimes.cell(PYTHON)
        sandboxes = world.surroundings().sandboxes
        await sandboxes.prepare(runtime, 2)
        try:
            outcomes = [await world.invoke(world.version({"app.py": "def handler(e, c): pass"})) for _ in range(4)]
            assert all(outcome.error is None for outcome in outcomes)
            assert await world.answer(version, 1) == 1
        finally:
            await sandboxes.prepare(runtime, 0)


async def test_memory_beyond_the_functions_is_an_out_of_memory_fault(make_world: MakeWorld) -> None:
    code = {"app.py": "def handler(event, context):\n    return len(bytearray(event << 20))"}
    async with confined(make_world) as world:
        version = world.version(code, memory_mb=128, timeout_s=20)
        assert await world.answer(version, 30) == 30 << 20
        outcome = await world.invoke(version, 400)
        assert (outcome.status, outcome.error_type) == ("error", "Runtime.OutOfMemory")
        assert json.loads(outcome.payload)["errorMessage"].endswith("signal: killed")
        assert await world.answer(version, 1) == 1 << 20


async def test_what_forks_away_ends_with_its_invocation(make_world: MakeWorld, tmp_path: Path) -> None:
    code = {
        "app.py": """
import os, time
def handler(event, context):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                os.write(1, b"alive\\n")
                time.sleep(0.01)
        os._exit(0)
    time.sleep(60)
"""
    }
    async with confined(make_world) as world:
        outcome = await world.invoke(world.version(code, timeout_s=0.5))
        assert outcome.status == "timeout"
        assert "alive\n" in world.printed
        count = len(world.lines)
        assert world.lines[-1].startswith("REPORT ")
        assert await world.answer(world.version({"app.py": "def handler(event, context): return 1"})) == 1
        assert "alive\n" not in world.lines[count:]


async def test_an_entry_point_that_cannot_be_run_is_named(make_world: MakeWorld) -> None:
    async with confined(make_world) as world:
        version = world.version({"bootstrap": "#!/no/such/interpreter\n"}, runtime="provided.al2023")
        document = await world.error(version)
        assert document["errorType"] == "Runtime.InvalidEntrypoint"
        assert document["errorMessage"].endswith("bootstrap: no such file or directory")


async def test_a_shell_script_is_a_runtime(make_world: MakeWorld) -> None:
    script = """#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while true; do
  event=$(curl -sS -D "$TMPDIR/head" "$api/invocation/next")
  id=$(tr -d '\\r' < "$TMPDIR/head" | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //p')
  curl -sS -o /dev/null -d "$event" "$api/invocation/$id/response"
done
""".replace("api=", 'TMPDIR="${TMPDIR:-/tmp}"\napi=', 1)
    async with confined(make_world) as world:
        version = world.version({"bootstrap": script}, runtime="provided.al2023")
        assert await world.answer(version, {"a": 1}) == {"a": 1}
        assert await world.answer(version, {"b": 2}) == {"b": 2}


async def test_an_idle_environment_is_frozen_and_thawed(make_world: MakeWorld) -> None:
    async with confined(make_world, bounds=Bounds(freeze_after_s=0.01)) as world:
        version = world.version({"app.py": "def handler(event, context): return event"})
        for number in range(3):
            assert await world.answer(version, number) == number
            await until(lambda: all(e.state is State.FROZEN for e in world.pool._environments))
        assert world.pool.counts.environments == 1


RESTORED = {
    "app.py": """
import json, os, urllib.request, uuid
from snapshot_restore_py import register_after_restore
HERE = str(uuid.uuid4())
STEPS = []
register_after_restore(STEPS.append, "restored")
def handler(event, context):
    token = os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    asked = urllib.request.Request(os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"], headers={"Authorization": token})
    with urllib.request.urlopen(asked) as answer:
        return {"here": HERE, "steps": STEPS, "key": json.load(answer)["AccessKeyId"]}
"""
}


@pytest.mark.parametrize("isolation", ["auto", "C", "none"])
async def test_a_parked_environment_is_restored_with_credentials_of_its_own_address(
    make_world: MakeWorld, isolation: str
) -> None:
    async with confined(make_world, isolation) as world:
        version = world.version(RESTORED, version="1", is_snap_start=True, memory_mb=512)
        assert await world.pool.park(version)
        world.pool.provision({version.key: (version, 2)})
        await until(lambda: world.pool.provisioned(version.key).available == 2)
        async with held(world.pool, version) as one, held(world.pool, version) as other:
            found = [json.loads((await each.invoke(world.invocation())).payload) for each in (one, other)]
        assert [(each["steps"], each["key"]) for each in found] == [(["restored"], "ASIAEXAMPLE")] * 2
        assert found[0]["here"] != found[1]["here"]
        await until(lambda: world.pool.provisioned(version.key).available == 2)


# At INIT, which has a whole core: 300 MB of garbage with 20 MB of it in use, then what it is told to keep.
HEAP = {
    "app.js": """
const piece = (i) => new Array(131072).fill(i + 0.5);
const ring = [], held = [];
for (let i = 0; i < 300; i++) ring[i % 20] = piece(i);
for (let i = 20; i < Number(process.env.HOLD_MB); i++) held.push(piece(i));
const mb = Math.round(require("v8").getHeapStatistics().heap_size_limit / (1 << 20));
exports.handler = async () => ({ held: held.length + ring.length, limit: mb });
"""
}


@pytest.mark.parametrize(
    ("memory_mb", "fits_mb", "faults"),
    # V8 gives up when its heap ends. In a small function the sandbox's memory may end first.
    [(128, 45, {"aborted", "killed"}), (1024, 750, {"aborted"})],
)
async def test_a_node_function_can_use_the_memory_it_has_and_no_more(
    make_world: MakeWorld, memory_mb: int, fits_mb: int, faults: set[str]
) -> None:
    async with confined(make_world) as world:
        await skip_without(world, NODE)
        await world.pool.prepare(NODE, memory_mb)  # these run in cells that wait

        def function(held_mb: int) -> Version:
            variables = {"HOLD_MB": str(held_mb)}
            return world.version(HEAP, runtime=NODE, memory_mb=memory_mb, timeout_s=20, variables=variables)

        found = await world.answer(function(fits_mb))
        assert found["held"] == fits_mb
        assert memory_mb * 0.9 <= found["limit"] <= memory_mb * 1.2
        outcome = await world.invoke(function(memory_mb * 2))
        words = json.loads(outcome.payload)["errorMessage"].rpartition("signal: ")[2]
        assert words in faults
        assert outcome.error_type == {"aborted": "Runtime.ExitError", "killed": "Runtime.OutOfMemory"}[words]


async def test_node_options_of_the_function_come_before_ours(make_world: MakeWorld) -> None:
    async with confined(make_world) as world:
        await skip_without(world, NODE)
        variables = {"NODE_OPTIONS": "--max_old_space_size=300", "HOLD_MB": "20"}
        found = await world.answer(world.version(HEAP, runtime=NODE, memory_mb=1024, variables=variables))
        assert 300 <= found["limit"] <= 500


KEEPS = {
    "app.py": """
import os
TMP = os.environ.get("TMPDIR", "/tmp")
def handler(event, context):
    space = os.statvfs(TMP)
    before = sorted(os.listdir(TMP))
    open(TMP + "/" + event, "w").close()
    return {"before": before, "mb": space.f_blocks * space.f_frsize >> 20}
"""
}


@pytest.mark.parametrize("tmp_mb", [512, 10_240])
async def test_tmp_has_its_size_and_stays_with_its_environment(make_world: MakeWorld, tmp_mb: int) -> None:
    async with confined(make_world) as world:
        version = world.version(KEEPS, tmp_mb=tmp_mb)
        found = [await world.answer(version, name) for name in ("one", "two")]
        assert [each["before"] for each in found] == [[], ["one"]]
        if world.isolation in ("A", "B"):
            assert found[0]["mb"] == tmp_mb
        async with held(world.pool, version):
            assert (await world.answer(version, "three"))["before"] == []  # in another environment
