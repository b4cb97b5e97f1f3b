"""Several invocations at a time in one environment, in the sandboxes that this host gives."""

from __future__ import annotations

import json

import pytest

from tests.environments.conftest import MakeWorld
from tests.environments.test_in_sandboxes import PYTHON, confined
from tests.environments.test_shared import meeting, ready, shared, together

pytestmark = pytest.mark.slow

APP = """
import os, time, uuid
COUNT = [0]
def handler(event, context):
    COUNT[0] += 1
    if "meet" in event:
        os.makedirs("/tmp/meeting", exist_ok=True)
        open(f"/tmp/meeting/{uuid.uuid4()}", "w").close()
        until = time.monotonic() + 20
        while len(os.listdir("/tmp/meeting")) < event["count"] and time.monotonic() < until:
            time.sleep(0.002)
    if event.get("do") == "grow":
        kept = [bytearray(b"x") * 2**24 for _ in range(100)]
        return len(kept)
    time.sleep(event.get("sleep", 0))
    return [os.getpid(), os.getppid(), COUNT[0]]
"""


async def test_processes_share_one_sandbox_and_its_tmp(make_world: MakeWorld) -> None:
    async with confined(make_world) as world:
        if world.isolation == "C":
            pytest.skip("NO /tmp OF THEIR OWN ON THIS HOST: what processes of a function share was not tried")
        version = shared(world, {"app.py": APP}, runtime=PYTHON)
        await ready(world, version)
        outcomes = await together(world, version, *meeting(world, 8))
        answers = [json.loads(outcome.payload) for outcome in outcomes]
        assert len({process for process, _, _ in answers}) == 8
        assert len({parent for _, parent, _ in answers}) == 1
        assert len({outcome.environment_id for outcome in outcomes}) == 1
        assert all(count == 1 for _, _, count in answers)


async def test_processes_share_one_memory(make_world: MakeWorld) -> None:
    """Whoever takes more than there is ends, as a worker that crashes or with the whole environment."""
    async with confined(make_world) as world:
        version = shared(world, {"app.py": APP}, slots=3, runtime=PYTHON, memory_mb=256, timeout_s=2.0)
        await ready(world, version)
        world.pool.crews.keep([version])
        (grown,) = await together(world, version, {"do": "grow"})
        assert grown.error == "Unhandled"
        assert (grown.status, grown.error_type) in {
            ("timeout", "Sandbox.Timedout"),
            ("error", "Runtime.OutOfMemory"),
            ("error", None),
        }
        assert (await world.invoke(version, {})).status == "success"
