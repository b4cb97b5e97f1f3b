"""Several invocations at a time on AWS's runtime client for Java: threads of one JVM."""

from __future__ import annotations

import json

import pytest

from tests.environments.test_java_runtime import JavaWorld, java_world
from tests.environments.test_shared import shared, together, workers
from tests.environments.world import until

__all__ = ["java_world"]

pytestmark = pytest.mark.slow


async def test_threads_of_one_jvm_answer_side_by_side(java_world: JavaWorld) -> None:
    async with java_world as world:
        function = world.function("Handlers$Meets")
        version = shared(
            world, slots=4, runtime=function.runtime, handler=function.handler, code=function.code, timeout_s=20.0
        )
        assert await world.pool.crews.staff(version) is None
        (environment,) = world.pool._environments
        await until(lambda: workers(environment) == 4)
        outcomes = await together(world, version, *({"count": 4} for _ in range(4)))
        answers = [json.loads(outcome.payload) for outcome in outcomes]
        assert len({answer["thread"] for answer in answers}) == 4
        assert len({answer["process"] for answer in answers}) == 1
        assert len({answer["id"] for answer in answers}) == 4
        failed, fine = await together(world, version, {"count": 2, "do": "fail"}, {"count": 2})
        assert (failed.error, fine.error) == ("Unhandled", None)
        records = [json.loads(line) for line in world.lines if '"met"' in line]
        assert {each["AWSRequestId"] for each in records} >= {answer["id"] for answer in answers}
