"""Several invocations at a time in one environment, as Lambda Managed Instances have them."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from tests.environments.conftest import MakeWorld
from tests.environments.test_real_clients import bootstrap_of, python_with_client, runtime_of
from tests.environments.world import World, until
from tests.functions import NODE_RUNTIME, needs_node
from wakeful.environments.shared import SharedEnvironment
from wakeful.environments.version import CAPACITY, Outcome, Sharing, Throttled, Version

pytestmark = pytest.mark.slow

APP = """
import logging, os, sys, time, uuid
HERE = str(uuid.uuid4())
COUNT = [0]
def meet(folder, count):
    open(f"{folder}/{uuid.uuid4()}", "w").close()
    until = time.monotonic() + 20
    while len(os.listdir(folder)) < count:
        if time.monotonic() > until:
            raise TimeoutError("nobody else came")
        time.sleep(0.002)
def handler(event, context):
    COUNT[0] += 1
    if "meet" in event:
        meet(event["meet"], event["count"])
    print(context.aws_request_id, "says", event.get("say"))
    logging.getLogger().warning("careful")
    if event.get("do") == "fail":
        raise ValueError("not today")
    if event.get("do") == "leave":
        os._exit(7)
    if event.get("do") == "end all":
        os.kill(os.getppid(), 9)
        time.sleep(20)
    time.sleep(event.get("sleep", 0))
    return {
        "process": os.getpid(), "parent": os.getppid(), "here": HERE, "count": COUNT[0], "id": context.aws_request_id,
        "left": context.get_remaining_time_in_millis(), "slots": os.environ["AWS_LAMBDA_MAX_CONCURRENCY"],
        "kind": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], "trace": os.environ.get("_X_AMZN_TRACE_ID"),
    }
"""


def shared(world: World, files: dict[str, str] | None = None, *, slots: int = 8, **settings: Any) -> Version:
    sharing = Sharing(**{"slots": slots, "vcpus": 2.0, "least": 1, "most": 1, **settings.pop("sharing", {})})
    return world.version(
        files or {"app.py": APP},
        **{"log_format": "JSON", "memory_mb": 2048, "sharing": sharing, "version": "1", **settings},
    )


async def ready(world: World, version: Version) -> None:
    """All of its workers wait for events."""
    assert await world.pool.crews.staff(version) is None
    assert version.sharing is not None
    (crew,) = [each for each in world.pool.crews._crews.values() if each.version.key == version.key]
    await until(lambda: all(workers(each) >= version.sharing.slots for each in crew.members))


def workers(environment: Any) -> int:
    """How many wait for an event."""
    return len(environment._api._parked)


async def together(world: World, version: Version, *events: dict[str, Any]) -> list[Outcome]:
    return list(await asyncio.gather(*(world.invoke(version, event) for event in events)))


def meeting(world: World, count: int, **more: Any) -> list[dict[str, Any]]:
    """Events whose invocations wait until all of them are there."""
    folder = world.files({})
    return [{"meet": str(folder), "count": count, "say": f"number {n}", **more} for n in range(count)]


async def test_eight_run_at_once_in_one_environment(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = shared(world)
        await ready(world, version)
        outcomes = await together(world, version, *meeting(world, 8))
        answers = [json.loads(outcome.payload) for outcome in outcomes]
        assert len({outcome.environment_id for outcome in outcomes}) == 1
        assert len({answer["process"] for answer in answers}) == 8
        assert len({answer["parent"] for answer in answers}) == 1
        assert len({answer["here"] for answer in answers}) == 8  # each process has run INIT
        assert len({answer["trace"] for answer in answers}) == 1
        assert {(answer["slots"], answer["kind"]) for answer in answers} == {("8", "lambda-managed-instances")}
        assert all(outcome.is_shared and outcome.status == "success" and not outcome.cold for outcome in outcomes)


async def test_one_more_is_refused_and_another_environment_started_where_there_may_be(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = shared(world, slots=2, sharing={"most": 2})
        await ready(world, version)
        folder = world.files({})
        running = [asyncio.create_task(world.invoke(version, {"meet": str(folder), "count": 5})) for _ in range(2)]
        await until(lambda: len(list(folder.iterdir())) == 2)
        with pytest.raises(Throttled) as refusal:
            await world.invoke(version, {})
        assert refusal.value.reason == "ConcurrentInvocationLimitExceeded"
        await until(lambda: world.pool.counts.environments == 2)
        await until(lambda: sum(each.is_free for each in world.pool._environments) == 1)  # type: ignore[attr-defined]
        running += [asyncio.create_task(world.invoke(version, {"meet": str(folder), "count": 5}))]
        await until(lambda: len(list(folder.iterdir())) == 3)
        (folder / "four").touch()
        (folder / "five").touch()
        outcomes = await asyncio.gather(*running)
        assert len({outcome.environment_id for outcome in outcomes}) == 2
        assert world.pool._admission._in_flight == {}


async def test_an_error_of_one_is_its_own(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = shared(world, slots=3)
        await ready(world, version)
        one, two, three = meeting(world, 3)
        outcomes = await together(world, version, one, {**two, "do": "fail"}, three)
        assert [outcome.error for outcome in outcomes] == [None, "Unhandled", None]
        failed = json.loads(outcomes[1].payload)
        assert (failed["errorType"], failed["errorMessage"]) == ("ValueError", "not today")
        assert world.pool.counts.environments == 1


async def test_a_timeout_of_one_is_its_own_and_its_code_goes_on(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = shared(world, slots=2, timeout_s=0.3)
        await ready(world, version)
        late, prompt = await together(world, version, {"sleep": 0.8, "say": "late"}, {})
        assert (late.status, late.error, late.error_type) == ("timeout", "Unhandled", "Sandbox.Timedout")
        assert json.loads(late.payload) == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": "Task timed out after 0.30 seconds",
        }
        assert prompt.status == "success"
        for _ in range(2):  # by the worker that is left
            assert json.loads((await world.invoke(version, {})).payload)["count"] >= 1
        await until(lambda: all(workers(each) == 2 for each in world.pool._environments))
        again = [json.loads(outcome.payload) for outcome in await together(world, version, *meeting(world, 2))]
        assert sorted(answer["count"] for answer in again)[0] == 2  # the same process, after its late answer
        assert world.pool.counts.environments == 1


async def test_a_worker_that_ends_leaves_the_others(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = shared(world, slots=2, timeout_s=1.0)
        await ready(world, version)
        left, stayed = await together(world, version, {"do": "leave"}, {})
        assert (left.status, stayed.status) == ("timeout", "success")
        assert (await world.invoke(version, {})).environment_id == stayed.environment_id


async def test_the_end_of_the_runtime_fails_all_that_are_under_way_and_it_is_replaced(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = shared(world, slots=3)
        await ready(world, version)
        world.pool.crews.keep([version])
        first, second, third = meeting(world, 3, sleep=20)
        began = time.monotonic()
        outcomes = await together(world, version, first, second, {**third, "do": "end all"})
        assert time.monotonic() - began < 10
        assert {(each.status, each.error_type, each.error) for each in outcomes} == {
            ("error", "Runtime.ExitError", "Unhandled")
        }
        words = json.loads(outcomes[0].payload)["errorMessage"]
        assert words.endswith("Error: Runtime exited with error: signal: killed")
        assert len({json.loads(each.payload)["errorMessage"] for each in outcomes}) == 3
        after = await world.invoke(version, {})
        assert after.status == "success"
        assert after.environment_id != outcomes[0].environment_id


async def test_every_line_of_the_log_tells_its_invocation(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = shared(world, slots=4)
        await ready(world, version)
        outcomes = await together(world, version, *meeting(world, 4))
        ids = {json.loads(outcome.payload)["id"] for outcome in outcomes}
        records = [json.loads(line) for line in world.lines if line.startswith("{")]
        assert [each["type"] for each in records[:2] if "type" in each] == ["platform.initStart", "platform.initReport"]
        assert records[0]["record"]["initializationType"] == "lambda-managed-instances"
        starts = [each["record"]["requestId"] for each in records if each.get("type") == "platform.start"]
        reports = [each["record"] for each in records if each.get("type") == "platform.report"]
        warnings = [each["requestId"] for each in records if each.get("message") == "careful"]
        assert set(starts) == set(warnings) == {each["requestId"] for each in reports} == ids
        assert {tuple(each) for each in reports} == {("requestId", "status", "metrics", "spans")}
        assert {tuple(each["metrics"]) for each in reports} == {("durationMs",)}
        for request_id in ids:  # what it printed lies between its start and its report
            places = [i for i, line in enumerate(world.lines) if request_id in line]
            assert "platform.start" in world.lines[places[0]]
            assert "platform.report" in world.lines[places[-1]]


async def test_the_tail_of_a_log_is_of_one_invocation(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = shared(world, slots=2)
        await ready(world, version)
        one, two = meeting(world, 2)
        told, other = await asyncio.gather(world.invoke(version, one, log_tail=True), world.invoke(version, two))
        own, others = (json.loads(outcome.payload)["id"] for outcome in (told, other))
        tail = told.log_tail.decode()
        assert "platform.start" in tail and "says number 0" in tail and "platform.report" in tail
        assert own in tail and others not in tail


async def test_an_init_that_fails_fails_the_staffing_with_its_fault(make_world: MakeWorld) -> None:
    async with make_world() as world:
        for files, handler, fault in (
            ({"app.py": "raise ValueError('no')"}, "app.handler", "Runtime.Unknown"),
            ({"app.py": "import nothing"}, "app.handler", "Runtime.ImportModuleError"),
            ({"app.py": "import os\nos._exit(3)"}, "app.handler", "Runtime.ExitError"),
        ):
            version = shared(world, files, slots=2, handler=handler)
            assert await world.pool.crews.staff(version) == fault
            await until(lambda: world.pool.counts.environments == 0)


async def test_no_more_vcpus_are_used_than_a_capacity_provider_has(make_world: MakeWorld) -> None:
    async with make_world() as world:
        capacity = {"capacity": "arn:provider", "capacity_vcpus": 4.0, "least": 2, "most": None}
        first = shared(world, slots=1, sharing=capacity)
        assert await world.pool.crews.staff(first) is None
        second = shared(world, slots=1, sharing={**capacity, "least": 1})
        assert await world.pool.crews.staff(second) == CAPACITY
        assert world.pool.counts.environments == 2


async def test_what_is_kept_no_longer_ends_when_its_invocations_are_over(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = shared(world, slots=2)
        await ready(world, version)
        world.pool.crews.keep([version])
        folder = world.files({})
        running = asyncio.create_task(world.invoke(version, {"meet": str(folder), "count": 2}))
        await until(lambda: len(list(folder.iterdir())) == 1)
        world.pool.crews.keep([])
        (folder / "other").touch()
        assert (await running).status == "success"
        await until(lambda: world.pool.counts.environments == 0)


async def starting(world: World, version: Version, *events: dict[str, Any]) -> list[asyncio.Task[Outcome]]:
    """Callers who wait for the first environment."""
    world.pool.crews.keep([version])
    callers = [asyncio.create_task(world.invoke(version, event)) for event in events]
    crew = world.pool.crews._crew(version)
    await until(lambda: len(crew.waiters) == len(callers))
    return callers


async def test_all_who_have_waited_for_the_start_run_at_once(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_ready = SharedEnvironment.runtime_is_ready

    def late(environment: SharedEnvironment) -> None:
        async def when_all_workers_wait() -> None:
            await until(lambda: workers(environment) == environment.slots)
            is_ready(environment)

        environment._spawn(when_all_workers_wait())

    monkeypatch.setattr(SharedEnvironment, "runtime_is_ready", late)
    async with make_world() as world:
        version = shared(world, slots=3)
        outcomes = await asyncio.gather(*await starting(world, version, *meeting(world, 3)))
        assert [outcome.error for outcome in outcomes] == [None, None, None]


async def test_a_worker_whose_caller_has_left_goes_to_the_next(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with make_world() as world:
        version = shared(world, slots=1)
        first, second = await starting(world, version, {}, {"say": "second"})
        serve = world.pool.crews._serve

        def serve_and_cancel(environment: SharedEnvironment) -> None:
            serve(environment)
            first.cancel()

        monkeypatch.setattr(world.pool.crews, "_serve", serve_and_cancel)
        async with asyncio.timeout(10):
            assert (await second).error is None
        assert first.cancelled()
        assert world.pool._admission._in_flight == {}


async def test_nobody_waits_for_an_environment_that_ended_at_its_start(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = SharedEnvironment.start

    async def start_and_end(environment: SharedEnvironment) -> None:
        await start(environment)
        await environment.stop()

    monkeypatch.setattr(SharedEnvironment, "start", start_and_end)
    async with make_world() as world:
        version = shared(world)
        async with asyncio.timeout(10):
            answers = await asyncio.gather(*await starting(world, version, {}, {}), return_exceptions=True)
        assert [type(answer) for answer in answers] == [Throttled, Throttled]
        assert world.pool._admission._in_flight == {}


async def test_a_caller_who_leaves_does_not_stop_what_runs(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = shared(world, slots=2)
        await ready(world, version)
        folder = world.files({})
        running = asyncio.create_task(world.invoke(version, {"meet": str(folder), "count": 2}))
        await until(lambda: len(list(folder.iterdir())) == 1)
        running.cancel()
        (folder / "other").touch()
        await until(lambda: any("platform.report" in line for line in world.lines))
        await until(lambda: world.pool._admission._in_flight == {})


NODE = """
const { threadId } = require("node:worker_threads");
const state = { here: Math.random(), running: 0, most: 0 };
const waiting = [];
exports.handler = async (event, context) => {
  state.running += 1;
  state.most = Math.max(state.most, state.running);
  console.log("says", event.say);
  if (event.wait) await new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === event.wait) waiting.splice(0).forEach((each) => each());
  });
  await null;
  console.info("still", event.say);
  state.running -= 1;
  if (event.do === "fail") throw new RangeError("not today");
  if (event.do === "throw later") { setTimeout(() => { throw new Error("nobody catches this"); }, 1);
    await new Promise(() => {}); }
  const store = await globalThis.awslambda.InvokeStore;
  return { ...state, threadId, id: context.awsRequestId, stored: store.getRequestId() };
};
exports.callback = (event, context, callback) => setTimeout(() => callback(null, context.awsRequestId), 1);
exports.streaming = awslambda.streamifyResponse(async (event, stream, context) => {
  stream.write("one ");
  await new Promise((resolve) => setTimeout(resolve, 1));
  stream.end(context.awsRequestId);
});
"""


def node_version(world: World, handler: str = "app.handler", *, threads: int = 1, **settings: Any) -> Version:
    variables = {"AWS_LAMBDA_NODEJS_WORKER_COUNT": str(threads)}
    return shared(world, {"app.js": NODE}, handler=handler, runtime=NODE_RUNTIME, variables=variables, **settings)


@needs_node
async def test_one_thread_of_node_answers_many_side_by_side(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = node_version(world, slots=16)
        assert await world.pool.crews.staff(version) is None
        events: list[dict[str, Any]] = [{"wait": 16, "say": f"<{n}>"} for n in range(16)]
        answers = [json.loads(outcome.payload) for outcome in await together(world, version, *events)]
        assert len({answer["here"] for answer in answers}) == 1
        assert max(answer["most"] for answer in answers) == 16
        assert all(answer["id"] == answer["stored"] for answer in answers)
        said = [json.loads(line) for line in world.lines if '"still' in line or '"says' in line]
        assert len(said) == 32
        by_id: dict[str, set[str]] = {}
        for each in said:
            by_id.setdefault(each["requestId"], set()).add(each["message"].split()[-1])
        assert len(by_id) == 16
        assert all(len(names) == 1 for names in by_id.values())


@needs_node
async def test_threads_of_node_are_workers_each_with_an_init_of_its_own(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = node_version(world, slots=4, threads=2, timeout_s=2.0)
        assert await world.pool.crews.staff(version) is None
        (environment,) = world.pool._environments
        await until(lambda: workers(environment) == 2)
        first = await together(world, version, {}, {})
        assert len({json.loads(outcome.payload)["threadId"] for outcome in first}) == 2
        failed = await world.invoke(version, {"do": "fail"})
        assert json.loads(failed.payload)["errorType"] == "RangeError"
        gone = await world.invoke(version, {"do": "throw later"})
        assert gone.status == "timeout"
        answers = [json.loads((await world.invoke(version, {})).payload) for _ in range(3)]
        assert len({answer["threadId"] for answer in answers}) == 1
        assert world.pool.counts.environments == 1


@needs_node
@pytest.mark.parametrize(("handler", "prefix"), [("app.callback", '"'), ("app.streaming", "one ")])
async def test_other_forms_of_node_handlers_answer_side_by_side(
    make_world: MakeWorld, handler: str, prefix: str
) -> None:
    async with make_world() as world:
        version = node_version(world, handler, slots=8)
        assert await world.pool.crews.staff(version) is None
        payloads = [outcome.payload.decode() for outcome in await together(world, version, *({} for _ in range(8)))]
        assert len(set(payloads)) == 8
        assert all(payload.startswith(prefix) for payload in payloads)


SHELL = """#!/bin/sh
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
poll() {
  while true; do
    head=$(mktemp)
    event=$(curl -sS -D "$head" "$api/invocation/next") || exit 1
    id=$(tr -d '\\r' < "$head" | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //p')
    sleep 0.2
    curl -sS -o /dev/null -X POST "$api/invocation/$id/response" -d "\\"$1 $id\\""
  done
}
for n in $(seq "$AWS_LAMBDA_MAX_CONCURRENCY"); do poll "$n" & done
wait
"""


async def test_a_runtime_of_a_package_has_as_many_pollers_as_it_likes(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = shared(world, {"bootstrap": SHELL}, slots=4, runtime="provided.al2023", handler="x")
        await ready(world, version)
        outcomes = await together(world, version, {}, {}, {}, {})
        assert {json.loads(outcome.payload)[0] for outcome in outcomes} == {"1", "2", "3", "4"}


async def test_awslambdaric_runs_its_processes_unmodified(make_world: MakeWorld) -> None:
    python = python_with_client()
    if python is None:
        pytest.skip("AWSLAMBDARIC IS NOT INSTALLED: its multi-concurrent mode was not tried (WAKEFUL_RIC_PYTHON)")
    files = {"app.py": APP, "bootstrap": bootstrap_of(python, runtime_of(python))}
    async with make_world() as world:
        version = shared(world, files, slots=4, runtime="provided.al2023", timeout_s=2.0)
        await ready(world, version)
        one, two, three, four = meeting(world, 4)
        outcomes = await together(world, version, one, two, {**three, "do": "fail"}, {**four, "sleep": 3})
        assert [outcome.status for outcome in outcomes] == ["success", "success", "error", "timeout"]
        answers = [json.loads(outcome.payload) for outcome in outcomes[:2]]
        assert len({answer["process"] for answer in answers}) == 2
        warnings = [line for line in world.lines if '"careful"' in line]
        assert all(any(f'"requestId": "{answer["id"]}"' in line for line in warnings) for answer in answers)
        await until(lambda: any("Invoke timeout" in line or "410" in line for line in world.lines))
        (environment,) = world.pool._environments
        await until(lambda: workers(environment) == 4)
        again = await together(world, version, *meeting(world, 4))  # the late one too is there again
        assert [outcome.status for outcome in again] == ["success"] * 4
