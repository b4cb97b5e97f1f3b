"""SnapStart: initialised ahead, parked, restored for the first event; with our client, AWS's, Node.js and a shell."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from tests.environments.conftest import MakeWorld
from tests.environments.test_extensions import FAITHFUL, said, with_extensions
from tests.environments.test_in_sandboxes import confined
from tests.environments.test_real_clients import bootstrap_of, python_with_client, runtime_of
from tests.environments.world import World, held, until
from wakeful import limits
from wakeful.environments.pool import Bounds
from wakeful.environments.states import State
from wakeful.environments.version import RestoreFailed, Version

pytestmark = pytest.mark.slow

APP = """
import json, os, random, urllib.request, uuid
from snapshot_restore_py import register_after_restore, register_before_snapshot

HERE = str(uuid.uuid4())
SEEN = [os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]]

@register_before_snapshot
def first_registered():
    SEEN.append("before 1")

register_before_snapshot(SEEN.append, "before 2")
register_after_restore(SEEN.append, "after 1")

@register_after_restore
def last():
    print("restored")
    SEEN.append("after 2")

def handler(event, context):
    return {"seen": SEEN, "here": HERE, "group": context.log_group_name, "key": os.environ.get("AWS_ACCESS_KEY_ID")}

def credentials(event, context):
    url = os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    token = os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"] if event == "right" else "wrong"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": token})) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code
"""
BROKEN = """
import os, time
from snapshot_restore_py import register_after_restore, register_before_snapshot

def fail():
    raise ValueError("not today")

if os.environ.get("WHEN") == "init":
    fail()
if os.environ.get("WHEN") == "before":
    register_before_snapshot(fail)
if os.environ.get("WHEN") == "after":
    register_after_restore(fail)
if os.environ.get("WHEN") == "exit":
    register_after_restore(os._exit, 3)
if os.environ.get("WHEN") == "slow":
    register_after_restore(time.sleep, 60)

def handler(event, context):
    return "fine"
"""


def restorable(world: World, code: str = APP, handler: str = "app.handler", **settings: Any) -> Version:
    files = {"app.py": code, **settings.pop("files", {})}
    return world.version(files, handler, version="1", is_snap_start=True, **settings)


def is_parked(world: World, version: Version, count: int = 1) -> bool:
    standing = world.pool.provisioned(version.key)
    return standing.available == count


async def test_hooks_run_at_their_time_and_nothing_of_a_snapshot_lies_in_the_environment(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = restorable(world)
        assert await world.pool.park(version)
        assert is_parked(world, version)
        assert "restored\n" not in world.lines
        answer = await world.answer(version)
        assert answer["seen"] == ["snap-start", "before 2", "before 1", "after 1", "after 2"]
        assert (answer["group"], answer["key"]) == (None, None)


async def test_the_log_tells_of_init_once_and_of_every_restore(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = restorable(world)
        await world.pool.park(version)
        ahead = [re.sub(r"\d+\.\d\d", "N", line) for line in world.lines]
        assert ahead[0].startswith("INIT_START Runtime Version: python:")
        assert ahead[1:] == ["INIT_REPORT Init Duration: N ms\n"]
        world.log.clear()
        outcome = await world.invoke(version, log_tail=True)
        stream = outcome.log_stream
        kinds = [text.split(" ")[0].strip() for where, _, text in world.log if where == stream]
        assert kinds == ["RESTORE_START", "restored", "RESTORE_REPORT", "START", "END", "REPORT"]
        assert outcome.log_tail.startswith(b"RESTORE_START Runtime Version: python:")
        report = world_report(world, stream)
        found = re.search(
            r"Max Memory Used: \d+ MB\tRestore Duration: ([\d.]+) ms\tBilled Restore Duration: (\d+) ms", report
        )
        assert found is not None, report
        assert "Init Duration" not in report
        duration = re.search(r"\tDuration: ([\d.]+) ms\tBilled Duration: (\d+) ms", report)
        assert duration is not None
        assert int(duration[2]) == outcome.billed_ms
        assert outcome.billed_ms - int(found[2]) - float(duration[1]) < 1.01
        assert outcome.restore_ms is not None
        assert outcome.cold
        warm = await world.invoke(version)
        assert (warm.restore_ms, warm.cold) == (None, False)


def world_report(world: World, stream: str) -> str:
    return next(text for where, _, text in world.log if where == stream and text.startswith("REPORT "))


async def test_the_json_log_has_the_records_of_the_telemetry_schema(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = restorable(world, log_format="JSON")
        await world.pool.park(version)
        outcome = await world.invoke(version)
        records = {
            each["type"]: each["record"]
            for where, _, text in world.log
            if where == outcome.log_stream and "type" in (each := _json(text))
        }
        assert records["platform.initStart"]["initializationType"] == "snap-start"
        assert records["platform.initReport"]["status"] == "success"
        assert records["platform.restoreStart"]["functionVersion"] == "1"
        assert records["platform.restoreReport"]["status"] == "success"
        assert records["platform.report"]["metrics"]["restoreDurationMs"] > 0
        assert records["platform.report"]["metrics"]["billedRestoreDurationMs"] >= 1


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {}


async def test_what_is_taken_is_replaced_and_every_environment_is_itself(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = restorable(world)
        await world.pool.park(version)
        world.pool.provision({version.key: (version, 2)})
        await until(lambda: is_parked(world, version, 2))
        async with held(world.pool, version) as one, held(world.pool, version) as other:
            outcomes = [await each.invoke(world.invocation()) for each in (one, other)]
        assert len({json.loads(outcome.payload)["here"] for outcome in outcomes}) == 2
        await until(lambda: is_parked(world, version, 2))
        world.pool.provision({})
        await until(lambda: is_parked(world, version, 0))


async def test_credentials_are_asked_for_and_only_with_the_token(make_world: MakeWorld) -> None:
    async with make_world() as world:
        world.credentials_s = 100.0
        version = restorable(world, handler="app.credentials", timeout_s=5.0)
        given = await world.answer(version, "right")
        assert given["AccessKeyId"] == "ASIAEXAMPLE"
        assert given["Token"] == f"token of {version.role_arn}"
        assert given["Expiration"].endswith("Z")
        assert await world.answer(version, "wrong") == 403
        first = await world.invoke(version, "wrong")
        world.clock.advance(60.0)
        second = await world.invoke(version, "wrong")
        assert first.environment_id != second.environment_id, "what it holds had expired"


@pytest.mark.parametrize("when", ["init", "before"])
async def test_init_that_fails_is_told_and_nothing_is_parked(make_world: MakeWorld, when: str) -> None:
    async with make_world() as world:
        version = restorable(world, BROKEN, variables={"WHEN": when})
        assert not await world.pool.park(version)
        kind = "Runtime.BeforeSnapshotError" if when == "before" else "Runtime.Unknown"
        assert any(f"Phase: init\tStatus: error\tError Type: {kind}" in line for line in world.lines), world.lines
        assert any("[ERROR] ValueError: not today" in line for line in world.lines)
        await until(lambda: world.pool.counts.environments == 0)
        error = await world.error(version)
        assert error["errorMessage"] == "not today"


@pytest.mark.parametrize(("when", "kind"), [("after", "Runtime.AfterRestoreError"), ("exit", "Runtime.ExitError")])
async def test_a_restore_that_fails_is_the_callers_to_hear(make_world: MakeWorld, when: str, kind: str) -> None:
    async with make_world() as world:
        version = restorable(world, BROKEN, variables={"WHEN": when})
        assert await world.pool.park(version)
        with pytest.raises(RestoreFailed) as failure:
            await world.invoke(version)
        assert failure.value.status == "error"
        (line,) = [line for line in world.lines if line.startswith("RESTORE_REPORT ")]
        assert line.endswith(f" ms\tStatus: error\tError Type: {kind}\n")
        assert not any(line.startswith("START ") for line in world.lines)


async def test_a_restore_that_takes_too_long_is_given_up(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RESTORE_TIMEOUT_S", 0.2)
    async with make_world() as world:
        version = restorable(world, BROKEN, variables={"WHEN": "slow"})
        with pytest.raises(RestoreFailed) as failure:
            await world.invoke(version)
        assert failure.value.status == "timeout"
        (line,) = [line for line in world.lines if line.startswith("RESTORE_REPORT ")]
        assert line.endswith(" ms\tStatus: timeout\n")


async def test_init_may_take_longer_than_ten_seconds_but_not_for_ever(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "INIT_TIMEOUT_S", 0.01)
    async with make_world() as world:
        assert await world.pool.park(restorable(world))
        monkeypatch.setattr(limits, "SNAP_START_INIT_TIMEOUT_S", 0.1)
        slow = restorable(world, "import time\ntime.sleep(60)\n", timeout_s=0.2)
        assert not await world.pool.park(slow)
        assert any("Phase: init\tStatus: timeout" in line for line in world.lines)


async def test_who_calls_while_init_is_under_way_waits_for_it(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = restorable(world, "import time, uuid\ntime.sleep(0.3)\nHERE = str(uuid.uuid4())\n" + HANDLER)
        parking = asyncio.create_task(world.pool.park(version))
        await until(lambda: world.pool.counts.environments == 1)
        outcome = await world.invoke(version)
        assert await parking
        assert outcome.restore_ms is not None
        assert sum(line.startswith("START ") for line in world.lines) == 1
        (began,) = {stream for stream, _, text in world.log if text.startswith("RESTORE_START ")}
        assert began == outcome.log_stream


HANDLER = "def handler(event, context):\n    return HERE\n"


async def test_parked_environments_make_room_for_others(make_world: MakeWorld) -> None:
    async with make_world(bounds=Bounds(environments_max=1, freeze_after_s=3600.0)) as world:
        version = restorable(world)
        assert await world.pool.park(version)
        other = world.version({"app.py": "def handler(event, context):\n    return 1\n"})
        assert await world.answer(other) == 1


async def test_what_is_parked_does_not_run_and_ends_with_its_function(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = restorable(world)
        assert await world.pool.park(version)
        (endpoint,) = world.endpoints
        assert [each.environment.state for each in world.endpoints] == [State.PARKED]
        world.pool.provision({})
        await until(lambda: endpoint.environment.state is State.GONE)


BOOTSTRAP = """#!/bin/bash
api() { # method, path, body
  exec 3<>/dev/tcp/127.0.0.1/${AWS_LAMBDA_RUNTIME_API##*:}
  printf '%s /2018-06-01/runtime/%s HTTP/1.1\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n%s' \\
    "$1" "$2" "${#3}" "$3" >&3
  cat <&3
}
"""


async def test_a_bootstrap_that_knows_nothing_of_snapshots_is_restored_too(make_world: MakeWorld) -> None:
    loop = """
while true; do
  id=$(api GET invocation/next | tr -d '\\r' | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //p')
  api POST "invocation/$id/response" "\\"$AWS_LAMBDA_INITIALIZATION_TYPE\\"" >/dev/null
done
"""
    async with make_world() as world:
        for asks in ("", "api GET restore/next >/dev/null\n"):
            version = restorable(world, files={"bootstrap": BOOTSTRAP + asks + loop}, runtime="provided.al2023")
            assert await world.pool.park(version)
            assert await world.answer(version) == "snap-start"


async def test_node_is_restored(make_world: MakeWorld) -> None:
    code = "exports.handler = async () => process.env.AWS_LAMBDA_INITIALIZATION_TYPE;\n"
    async with make_world() as world:
        version = restorable(world, files={"index.js": code}, handler="index.handler", runtime="nodejs20.x")
        if await world.pool.prepare("nodejs20.x") is not None:
            pytest.skip("NODE.JS 20 IS NOT INSTALLED: SnapStart was not tried with it")
        assert await world.pool.park(version)
        world.log.clear()
        assert await world.answer(version) == "snap-start"
        assert [line.split(" ")[0] for line in world.lines if line.startswith("RESTORE")] == [
            "RESTORE_START",
            "RESTORE_REPORT",
        ]


@pytest.mark.slow
@pytest.mark.parametrize("when", ["never", "before", "after"])
async def test_awslambdaric_and_our_client_do_the_same(make_world: MakeWorld, when: str) -> None:
    python = python_with_client()
    if python is None:
        pytest.skip("AWSLAMBDARIC IS NOT INSTALLED: our Python client was not compared with it (WAKEFUL_RIC_PYTHON)")
    runtime = runtime_of(python)
    bootstrap = bootstrap_of(python, runtime)
    async with make_world() as world:
        told: list[list[Any]] = []
        for more in ({"runtime": runtime}, {"runtime": "provided.al2023", "files": {"bootstrap": bootstrap}}):
            world.log.clear()
            version = restorable(world, BROKEN, variables={"WHEN": when}, **more)
            result: list[Any] = [await world.pool.park(version)]
            if result[0]:
                try:
                    result.append(await world.answer(version))
                except RestoreFailed as failure:
                    result.append(failure.status)
            first = world.log[0][0]  # not what replaces the environment
            told.append([*result, [_anonymous(text) for stream, _, text in world.log if stream == first]])
        assert told[0] == told[1]


def _anonymous(text: str) -> str:
    """Without figures, places, the name of the runtime, and the frames in which AWS's client runs the hooks."""
    text = re.sub(r"[^\r]*File \"\S*/lambda_runtime_hooks_runner.py[^\r]*\r[^\r]*\r", "", text)
    text = re.sub(r"Runtime Version: .*|RequestId: \S+|[\d.]+ (ms|MB)|line \d+", "N", text)
    return re.sub(r"/\S*/code-\d+/", "/var/task/", text).replace("\r", "\n")


@pytest.mark.slow
async def test_an_extension_is_ready_before_its_function_is_parked_and_hears_of_its_end(make_world: MakeWorld) -> None:
    async with confined(make_world) as world:
        version = with_extensions(world, {"watcher": FAITHFUL}, {"app.py": APP}, version="1", is_snap_start=True)
        assert await world.pool.park(version)
        kinds = [line.split(" ")[0].split("\t")[0].strip() for line in world.lines]
        assert kinds.index("EXTENSION") < kinds.index("INIT_REPORT")
        world.pool.provision({})
        await until(lambda: world.pool.counts.environments == 0)
        (shutdown,) = said(world, "watcher", "SHUTDOWN")  # out of its sleep
        assert shutdown["shutdownReason"] == "spindown"
        assert (await world.answer(version))["seen"][-1] == "after 2"
        await until(lambda: len(said(world, "watcher", "INVOKE")) == 1)
