"""SnapStart by fork, in real sandboxes: INIT runs once, environments are copies; what cannot be copied is parked."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from tests.environments.conftest import MakeWorld
from tests.environments.test_in_sandboxes import confined
from tests.environments.test_restorable import APP, BROKEN, is_parked, restorable
from tests.environments.world import World, held, until
from wakeful.environments.jail import processes
from wakeful.environments.sandboxes import LaunchedSandbox
from wakeful.environments.version import RestoreFailed, Version

pytestmark = pytest.mark.slow

FRESH = """
import os, random, secrets, tempfile, time, uuid
from snapshot_restore_py import register_after_restore

HERE = str(uuid.uuid4())
ONCE = random.Random()
open("/tmp/left", "w").write("by INIT")
os.mkdir("/tmp/folder")
os.symlink("../left", "/tmp/folder/link")
AFTER = []
register_after_restore(lambda: AFTER.append(time.time()))

def handler(event, context):
    if isinstance(event, str):
        open("/tmp/" + event, "w").close()
    return {
        "here": HERE,
        "random": [random.random(), str(uuid.uuid4()), secrets.token_hex(), os.urandom(8).hex(), tempfile.mktemp()],
        "shared": ONCE.random(),
        "tmp": sorted(os.listdir("/tmp")),
        "read": open("/tmp/folder/link").read(),
        "pids": [int(name) for name in os.listdir("/proc") if name.isdigit()],
        "pid": os.getpid(),
        "cwd": os.getcwd(),
        "host": os.uname().nodename,
        "after": AFTER,
        "now": time.time(),
    }
"""


@asynccontextmanager
async def namespaced(make_world: MakeWorld, isolation: str = "auto", **settings: Any) -> AsyncIterator[World]:
    async with confined(make_world, isolation, **settings) as world:
        if world.isolation not in ("A", "B"):
            pytest.skip("NO NAMESPACES ON THIS HOST: SnapStart by fork was not tried")
        yield world


def inits(world: World) -> int:
    return sum(line.startswith("INIT_START ") for line in world.lines)


async def together(world: World, version: Version, count: int, event: Any = None) -> list[Any]:
    """What so many environments answer that are alive at the same time."""
    async with AsyncExitStack() as stack:
        taken = [stack.enter_async_context(held(world.pool, version)) for _ in range(count)]
        environments = await asyncio.gather(*taken)
        outcomes = [await each.invoke(world.invocation(event)) for each in environments]
    assert all(outcome.error is None for outcome in outcomes), outcomes
    return [json.loads(outcome.payload) for outcome in outcomes]


async def test_init_runs_once_and_every_environment_is_itself(make_world: MakeWorld) -> None:
    async with namespaced(make_world) as world:
        version = restorable(world, FRESH)
        assert await world.pool.park(version)
        world.pool.provision({version.key: (version, 2)})
        await until(lambda: is_parked(world, version, 2))
        answers = await together(world, version, 4, "mine")
        assert inits(world) == 1
        assert {answer["here"] for answer in answers} == {answers[0]["here"]}
        for kind in zip(*(answer["random"] for answer in answers), strict=True):
            assert len(set(kind)) == 4, kind
        assert len({answer["shared"] for answer in answers}) == 1  # random.Random() objects are as INIT left them
        for answer in answers:
            assert answer["tmp"] == ["folder", "left", "mine"]
            assert answer["read"] == "by INIT"
            assert answer["pids"] == [answer["pid"]]
            assert answer["cwd"] == "/var/task"
            assert len(answer["after"]) == 1
            assert 0 <= answer["now"] - answer["after"][0] < 30
        assert len({answer["host"] for answer in answers}) == 4


async def test_init_runs_once_also_where_several_are_wanted_before_anybody_ran_it(make_world: MakeWorld) -> None:
    """As after a restart of the node."""
    async with namespaced(make_world) as world:
        version = restorable(world)
        world.pool.provision({version.key: (version, 2)})
        await until(lambda: is_parked(world, version, 2))
        assert inits(world) == 1
        async with asyncio.timeout(10):
            await world.pool.close()


async def test_what_nobody_wants_any_more_when_its_init_ends_is_not_kept(make_world: MakeWorld) -> None:
    async with namespaced(make_world) as world:
        version = restorable(world, "import time; time.sleep(0.3)\n" + FRESH)
        world.pool.provision({version.key: (version, 2)})
        await until(lambda: len(world.pool._environments) == 2 and inits(world) == 1)
        world.pool.provision({})
        await until(lambda: not world.pool._environments)
        assert not world.pool._origins._origins
        world.pool.provision({version.key: (version, 1)})
        await until(lambda: is_parked(world, version, 1))
        assert inits(world) == 2


async def test_hooks_credentials_and_the_log_are_those_of_snapstart(make_world: MakeWorld) -> None:
    async with namespaced(make_world) as world:
        version = restorable(world)
        assert await world.pool.park(version)
        world.log.clear()
        outcome = await world.invoke(version, log_tail=True)
        answer = json.loads(outcome.payload)
        assert answer["seen"] == ["snap-start", "before 2", "before 1", "after 1", "after 2"]
        assert (answer["group"], answer["key"]) == (None, None)
        kinds = [text.split(" ")[0].strip() for where, _, text in world.log if where == outcome.log_stream]
        assert kinds == ["RESTORE_START", "restored", "RESTORE_REPORT", "START", "END", "REPORT"]
        assert outcome.restore_ms is not None
        assert inits(world) == 0
        held_by = restorable(world, APP, handler="app.credentials", timeout_s=5.0)
        assert await world.pool.park(held_by)
        assert (await world.answer(held_by, "right"))["AccessKeyId"] == "ASIAEXAMPLE"
        assert await world.answer(held_by, "wrong") == 403


@pytest.mark.parametrize(("when", "kind"), [("after", "Runtime.AfterRestoreError"), ("exit", "Runtime.ExitError")])
async def test_a_restore_that_fails_is_the_callers_to_hear(make_world: MakeWorld, when: str, kind: str) -> None:
    async with namespaced(make_world) as world:
        version = restorable(world, BROKEN, variables={"WHEN": when})
        assert await world.pool.park(version)
        for _ in range(2):
            with pytest.raises(RestoreFailed) as failure:
                await world.invoke(version)
            assert failure.value.status == "error"
        lines = [line for line in world.lines if line.startswith("RESTORE_REPORT ")]
        assert all(line.endswith(f" ms\tStatus: error\tError Type: {kind}\n") for line in lines), lines
        assert inits(world) == 1


UNCOPIED = {
    "a thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n",
    "a socket": "import socket\nKEPT = socket.socket()\n",
    "a file": "KEPT = open('/var/task/app.py')\n",
    "a process": "import subprocess\nKEPT = subprocess.Popen(['sleep', '99'])\n",
    "shared memory": "import mmap\nKEPT = mmap.mmap(-1, 4096)\n",
    "another output": "import os\nos.dup2(os.open('/tmp/out', os.O_CREAT | os.O_WRONLY), 2)\n",
}


@pytest.mark.parametrize("what", UNCOPIED)
async def test_what_cannot_be_copied_is_parked_as_it_is(
    make_world: MakeWorld, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "wakeful.environments.origins")
    code = UNCOPIED[what] + "import uuid\nHERE = str(uuid.uuid4())\ndef handler(event, context): return HERE\n"
    async with namespaced(make_world) as world:
        version = restorable(world, code)
        assert await world.pool.park(version)
        world.pool.provision({version.key: (version, 2)})
        await until(lambda: is_parked(world, version, 2))
        answers = await together(world, version, 2)
        assert len(set(answers)) == 2
        assert len([record for record in caplog.records if "could not be copied" in record.message]) == 1


async def test_a_template_that_dies_is_made_anew_and_its_copies_live_on(make_world: MakeWorld) -> None:
    async with namespaced(make_world) as world:
        version = restorable(world, FRESH)
        assert await world.pool.park(version)
        async with held(world.pool, version) as environment:
            first = json.loads((await environment.invoke(world.invocation())).payload)
            origin = world.pool._origins.find(version.key)
            assert origin is not None
            sandbox = origin.process.sandbox
            assert isinstance(sandbox, LaunchedSandbox)
            (template,) = [pid for pid in processes.children(sandbox._keeper) if processes.state(pid) == "t"]
            os.kill(template, signal.SIGKILL)
            await until(lambda: world.pool._origins.find(version.key) not in (None, origin))
            again = json.loads((await environment.invoke(world.invocation())).payload)
        assert again["here"] == first["here"]
        assert inits(world) == 2
        async with held(world.pool, version), held(world.pool, version) as other:
            fresh = json.loads((await other.invoke(world.invocation())).payload)
        assert fresh["here"] != first["here"]


async def test_a_template_that_is_given_up_leaves_its_copies_alone(make_world: MakeWorld) -> None:
    async with namespaced(make_world) as world:
        version = restorable(world, FRESH)
        assert await world.pool.park(version)
        async with held(world.pool, version) as environment:
            world.pool.provision({})
            assert world.pool._origins.find(version.key) is None
            outcome = await environment.invoke(world.invocation())
            assert outcome.error is None
        assert (await world.answer(version))["read"] == "by INIT"


async def test_nothing_is_left_when_the_node_ends(make_world: MakeWorld) -> None:
    async with namespaced(make_world) as world:
        version = restorable(world, FRESH)
        assert await world.pool.park(version)
        await together(world, version, 2)
        launcher = world.pool._surroundings.sandboxes.launcher_pid  # type: ignore[attr-defined]
        everyone = processes.descendants(launcher)
        assert len(everyone) > 4
    await until(lambda: not any(processes.state(pid) not in ("", "Z") for pid in everyone))
