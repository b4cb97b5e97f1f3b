"""The life of an environment, with real processes in it: INIT and its repetition, faults, freezing, the log."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.environments.conftest import MakeWorld
from tests.environments.world import World, until
from wakeful import limits
from wakeful.environments.environment import Environment
from wakeful.environments.pool import Bounds
from wakeful.environments.states import IllegalTransition, State
from wakeful.environments.version import Outcome, Version

pytestmark = pytest.mark.slow

ECHO = {"app.py": "def handler(event, context): return event"}
SLEEPY = {
    "app.py": """
import time
def handler(event, context):
    print("before")
    time.sleep(event)
    print("after")
    return event
"""
}


def flaky(marker: Path, first: str) -> dict[str, str]:
    """A function whose import does `first` the first time, and is fine from then on."""
    code = f"""
import pathlib, sys, time
marker = pathlib.Path({str(marker)!r})
if not marker.exists():
    marker.touch()
    print("first")
    {first}
print("again")
def handler(event, context):
    return "well"
"""
    return {"app.py": code}


def only(world: World) -> Environment:
    (environment,) = world.pool._environments
    return environment


def reports(world: World, kind: str) -> list[str]:
    return [line for line in world.lines if line.startswith(kind + " ")]


# --- INIT ---


async def test_a_cold_start_tells_its_init_duration_and_is_billed_for_it(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = world.version(ECHO)
        cold, warm = await world.invoke(version), await world.invoke(version)
        assert (cold.cold, warm.cold) == (True, False)
        assert cold.init_ms is not None
        assert warm.init_ms is None
        assert cold.billed_ms >= cold.init_ms + cold.duration_ms
        assert warm.billed_ms == max(1, -(-warm.duration_ms // 1))
        assert [("Init Duration" in line) for line in reports(world, "REPORT")] == [True, False]
        assert [line.split(" ")[0] for line in world.lines] == [
            *("INIT_START", "START", "END", "REPORT"),
            *("START", "END", "REPORT"),
        ]
        assert cold.environment_id == warm.environment_id
        assert world.plain.started[0].is_limited  # INIT had a whole core, what follows has not


async def test_an_init_that_takes_too_long_is_repeated_within_the_invocation(
    make_world: MakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "INIT_TIMEOUT_S", 1.5)
    async with make_world() as world:
        outcome = await world.invoke(world.version(flaky(tmp_path / "marker", "time.sleep(60)")))
        assert (outcome.payload, outcome.error, outcome.init_ms, outcome.cold) == (b'"well"', None, None, True)
        (failed,) = reports(world, "INIT_REPORT")
        assert re.fullmatch(r"INIT_REPORT Init Duration: \d{4}\.\d\d ms\tPhase: init\tStatus: timeout\n", failed)
        assert [line.split(" ")[0].strip() for line in world.lines] == [
            *("INIT_START", "first", "INIT_REPORT", "again", "START", "END", "REPORT")
        ]
        assert "Init Duration" not in world.lines[-1]
        assert len({stream for stream, _, _ in world.log}) == 1
        assert world.plain.alive_count == 1
        assert (await world.invoke(only(world).version)).environment_id == outcome.environment_id


@pytest.mark.parametrize(
    ("first", "fault"),
    [
        ("sys.exit(3)", "Runtime.ExitError"),
        ("raise KeyError('x')", "Runtime.Unknown"),
        ("import nothing_there", "Runtime.ImportModuleError"),
    ],
)
async def test_an_init_that_fails_is_repeated_within_the_invocation(
    make_world: MakeWorld, tmp_path: Path, first: str, fault: str
) -> None:
    async with make_world() as world:
        outcome = await world.invoke(world.version(flaky(tmp_path / "marker", first)))
        assert (outcome.payload, outcome.status) == (b'"well"', "success")
        (failed,) = reports(world, "INIT_REPORT")
        assert failed.endswith(f" ms\tPhase: init\tStatus: error\tError Type: {fault}\n")
        assert outcome.duration_ms > 5  # the repetition is part of it


async def test_an_init_that_fails_twice_fails_the_invocation(make_world: MakeWorld) -> None:
    async with make_world() as world:
        outcome = await world.invoke(world.version({"app.py": "import sys; sys.exit(3)"}), log_tail=True)
        assert (outcome.status, outcome.error_type, outcome.cold) == ("error", "Runtime.ExitError", True)
        assert [line.split(" ")[0] for line in world.lines] == [
            *("INIT_START", "INIT_REPORT", "INIT_REPORT", "START", "END", "REPORT")
        ]
        assert "\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError\n" in world.lines[2]
        assert world.lines[-1].endswith("\tStatus: error\tError Type: Runtime.ExitError\n")
        assert outcome.log_tail.decode() == "".join(world.lines[2:])
        assert world.pool.counts.environments == 0


async def test_a_repeated_init_has_no_more_time_than_the_function(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "INIT_TIMEOUT_S", 0.2)
    async with make_world() as world:
        version = world.version({"app.py": "import time; time.sleep(60)"}, timeout_s=0.5)
        invocation = world.invocation()
        outcome = await world.pool.invoke(version, invocation)
        assert json.loads(outcome.payload) == timeout_document(invocation.request_id, "0.50")
        assert (outcome.status, outcome.duration_ms) == ("timeout", 500.0)
        assert "\tPhase: invoke\tStatus: timeout\n" in reports(world, "INIT_REPORT")[1]


async def test_what_is_left_of_the_time_after_a_repeated_init_is_the_handlers(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    files = flaky(tmp_path / "marker", "sys.exit(1)")
    files["app.py"] = (
        files["app.py"].replace('return "well"', "time.sleep(60)").replace('print("again")', "time.sleep(0.2)")
    )
    async with make_world() as world:
        outcome = await world.invoke(world.version(files, timeout_s=0.6))
        assert (outcome.status, outcome.duration_ms) == ("timeout", 600.0)


# --- the end of an invocation ---


def timeout_document(request_id: str, seconds: str) -> dict[str, str]:
    return {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after {seconds} seconds",
    }


async def test_a_timeout_kills_and_says_so(make_world: MakeWorld) -> None:
    async with make_world() as world:
        invocation = world.invocation(60, log_tail=True)
        outcome = await world.pool.invoke(world.version(SLEEPY, timeout_s=0.25), invocation)
        assert world.plain.alive_count == 0  # before the caller hears
        assert json.loads(outcome.payload) == timeout_document(invocation.request_id, "0.25")
        assert (outcome.error, outcome.status, outcome.error_type) == ("Unhandled", "timeout", None)
        assert outcome.init_ms is not None
        assert outcome.billed_ms == -(-(250 + outcome.init_ms) // 1)
        assert world.lines[-3:-1] == ["before\n", f"END RequestId: {invocation.request_id}\n"]
        assert "\tDuration: 250.00 ms\t" in world.lines[-1]
        assert world.lines[-1].endswith("\tStatus: timeout\n")
        assert outcome.log_tail.endswith(b"\tStatus: timeout\n")


async def test_memory_that_runs_out_is_named(make_world: MakeWorld) -> None:
    async with make_world() as world:
        running = asyncio.create_task(world.invoke(world.version(SLEEPY), 60))
        await until(lambda: "before\n" in world.lines)
        world.plain.started[0].run_out_of_memory()
        outcome = await running
        document = json.loads(outcome.payload)
        assert document["errorType"] == "Runtime.OutOfMemory"
        assert document["errorMessage"].endswith(" Error: Runtime exited with error: signal: killed")
        assert world.lines[-1].endswith("\tStatus: error\tError Type: Runtime.OutOfMemory\n")


CUSTOM = """#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while true; do
  event=$(curl -sS -D "$TMP/head" "$api/invocation/next")
  id=$(tr -d '\\r' < "$TMP/head" | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //p')
  {answer}
done
"""


def custom(tmp_path: Path, answer: str) -> dict[str, str]:
    return {"bootstrap": CUSTOM.replace("$TMP", str(tmp_path)).replace("{answer}", answer)}


RESPOND = 'curl -sS -o /dev/null -d "$event" "$api/invocation/$id/response"'


async def test_a_shell_script_is_a_runtime(make_world: MakeWorld, tmp_path: Path) -> None:
    async with make_world() as world:
        version = world.version(custom(tmp_path, RESPOND), runtime="provided.al2023")
        assert await world.answer(version, {"a": 1}) == {"a": 1}
        assert await world.answer(version, {"b": 2}) == {"b": 2}
        assert reports(world, "INIT_START")[0].startswith("INIT_START Runtime Version: provided:al2023.v")


async def test_a_layer_can_bring_the_runtime(make_world: MakeWorld, tmp_path: Path) -> None:
    async with make_world() as world:
        layers = world.files(custom(tmp_path, RESPOND))
        version = world.version({"function.sh": ""}, runtime="provided.al2", layers=layers)
        assert await world.answer(version, 1) == 1


async def test_a_custom_runtime_fails_in_its_own_words(make_world: MakeWorld, tmp_path: Path) -> None:
    fail = (
        'curl -sS -o /dev/null -H "Lambda-Runtime-Function-Error-Type: Function.Mine" '
        '-d \'{"errorType":"Mine","errorMessage":"m"}\' "$api/invocation/$id/error"'
    )
    async with make_world() as world:
        version = world.version(custom(tmp_path, fail), runtime="provided.al2023")
        assert await world.error(version) == {"errorType": "Mine", "errorMessage": "m"}


async def test_an_answer_stays_the_answer_if_the_runtime_ends_after_it(make_world: MakeWorld, tmp_path: Path) -> None:
    async with make_world() as world:
        version = world.version(custom(tmp_path, RESPOND + "; exit 5"), runtime="provided.al2023")
        outcome = await world.invoke(version, {"a": 1})
        assert (outcome.payload, outcome.error) == (b'{"a": 1}', None)
        assert (outcome.status, outcome.error_type) == ("error", "Runtime.ExitError")
        assert world.pool.counts.environments == 0


async def test_an_answer_stays_the_answer_if_the_runtime_never_asks_again(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    async with make_world() as world:
        version = world.version(custom(tmp_path, RESPOND + "; sleep 60"), runtime="provided.al2023", timeout_s=0.6)
        outcome = await world.invoke(version, {"a": 1})
        assert (outcome.payload, outcome.error, outcome.status) == (b'{"a": 1}', None, "timeout")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"other": ""}, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"),
        ({"bootstrap": "echo"}, "fork/exec /var/task/bootstrap: permission denied"),
    ],
)
async def test_a_package_without_entry_point_says_what_is_missing(
    make_world: MakeWorld, files: dict[str, str], words: str
) -> None:
    async with make_world() as world:
        document = await world.error(world.version(files, runtime="provided.al2023"))
        assert document["errorType"] == "Runtime.InvalidEntrypoint"
        assert document["errorMessage"].endswith(f" Error: {words}")
        assert len(reports(world, "INIT_REPORT")) == 2
        assert world.plain.started == []


async def test_a_binary_for_another_machine_cannot_be_run(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = world.version({"bootstrap": ""}, runtime="provided.al2023")
        binary = version.code / "bootstrap"
        binary.write_bytes(b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x02\0" + (243).to_bytes(2, "little"))  # RISC-V
        binary.chmod(0o755)
        document = await world.error(version)
        assert document["errorMessage"].endswith("fork/exec /var/task/bootstrap: exec format error")


# --- who asks, and when ---


async def test_a_caller_that_leaves_does_not_stop_the_function(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = world.version(SLEEPY)
        await world.invoke(version, 0)
        caller = asyncio.create_task(world.invoke(version, 0.2))
        await until(lambda: world.lines.count("before\n") == 2)
        caller.cancel()
        await until(lambda: world.lines.count("after\n") == 2 and world.pool.counts.idle == 1)
        assert (await world.invoke(version, 0)).cold is False
        assert len(reports(world, "REPORT")) == 3


async def test_a_caller_that_leaves_during_a_repeated_init_does_not_stop_it(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    async with make_world() as world:
        version = world.version(flaky(tmp_path / "marker", "sys.exit(1)"))
        caller = asyncio.create_task(world.invoke(version))
        await until(lambda: bool(reports(world, "INIT_REPORT")))
        await asyncio.sleep(0)
        caller.cancel()
        await until(lambda: world.pool.counts.idle == 1 or world.pool.counts.environments == 0)
        assert await world.answer(version) == "well"


async def test_the_running_invocation_is_known_while_it_runs(make_world: MakeWorld) -> None:
    async with make_world() as world:
        invocation = world.invocation(0.1)
        running = asyncio.create_task(world.pool.invoke(world.version(SLEEPY), invocation))
        await until(lambda: "before\n" in world.lines)
        assert world.endpoints[0].environment.current is invocation
        await running
        assert world.endpoints[0].environment.current is None


async def test_shutting_down_ends_what_runs(make_world: MakeWorld) -> None:
    async with make_world() as world:
        running = asyncio.create_task(world.invoke(world.version(SLEEPY), 60))
        await until(lambda: "before\n" in world.lines)
        await world.pool.close()
        outcome = await running
        assert outcome.error_type == "Runtime.ExitError"
        assert world.plain.alive_count == 0
        assert len(world.ended) == 1


@pytest.mark.parametrize("stage", ["sandbox", "credentials"])
async def test_what_the_node_cannot_do_is_told_to_the_caller(make_world: MakeWorld, stage: str) -> None:
    async with make_world() as world:
        version = world.version(ECHO)
        if stage == "sandbox":
            world.plain.failure = OSError("no sandbox")
        else:
            world.failure = OSError("no credentials")
        with pytest.raises(OSError, match=f"no {stage}"):
            await world.invoke(version)
        await until(lambda: world.pool.counts.environments == 0)
        world.plain.failure = world.failure = None
        assert await world.answer(version, 1) == 1


async def test_what_the_node_cannot_do_at_a_repeated_init_is_told_too(make_world: MakeWorld, tmp_path: Path) -> None:
    async with make_world() as world:
        version = world.version(flaky(tmp_path / "marker", "sys.exit(1)"))
        running = asyncio.create_task(world.invoke(version))
        await until(lambda: len(world.plain.started) == 1)
        world.plain.failure = OSError("no second sandbox")
        with pytest.raises(OSError, match="no second"):
            await running
        await until(lambda: world.pool.counts.environments == 0)


# --- between invocations ---

BACKGROUND = {
    "app.py": """
import threading, time
count = 0
def work():
    global count
    while True:
        time.sleep(0.005)
        count += 1
threading.Thread(target=work, daemon=True).start()
def handler(event, context):
    return count
"""
}


async def test_between_invocations_nothing_runs(make_world: MakeWorld) -> None:
    async with make_world(bounds=Bounds(freeze_after_s=0.02)) as world:
        version = world.version(BACKGROUND)
        await world.answer(version)
        environment = only(world)
        await until(lambda: environment.state is State.FROZEN and world.plain.started[0].kernel_state == "T")
        before = await world.answer(version)  # it is thawed
        await until(lambda: world.plain.started[0].kernel_state == "T")
        await asyncio.sleep(0.2)
        assert await world.answer(version) - before <= 40  # far less than it would have counted in that time


async def test_a_frozen_environment_can_be_killed(make_world: MakeWorld) -> None:
    async with make_world(bounds=Bounds(freeze_after_s=0.01)) as world:
        await world.answer(world.version(BACKGROUND))
        await until(lambda: only(world).state is State.FROZEN)
        await only(world).stop()
        assert world.pool.counts.environments == 0


@pytest.mark.parametrize("ask", ["begin", "rest"])
async def test_what_a_state_does_not_allow_is_an_error_of_ours(make_world: MakeWorld, ask: str) -> None:
    async with make_world() as world:
        await world.answer(world.version(ECHO))
        environment = only(world)
        for state in set(State) - {State.READY}:
            environment.state = state
            with pytest.raises(IllegalTransition):
                environment.begin(world.invocation()) if ask == "begin" else environment.rest()
        environment.state = State.READY
        environment._outcome = None


# --- what is told ---


async def test_the_memory_that_was_used_is_measured(make_world: MakeWorld) -> None:
    code = {"app.py": "def handler(event, context):\n    block = bytearray(event << 20)\n    return len(block)"}
    async with make_world() as world:
        version = world.version(code, memory_mb=256)
        little = await world.invoke(version, 1)
        await asyncio.sleep(limits.MEMORY_READ_INTERVAL_S)
        much = await world.invoke(version, 100)
        assert 1 < little.memory_used_mb < 60
        assert 100 < much.memory_used_mb < 200
        await asyncio.sleep(limits.MEMORY_READ_INTERVAL_S)
        assert (await world.invoke(version, 1)).memory_used_mb == much.memory_used_mb  # it is a peak
        assert f"\tMax Memory Used: {much.memory_used_mb} MB" in world.lines[-1]


async def test_the_tail_is_the_end_of_the_invocations_log(make_world: MakeWorld) -> None:
    code = {"app.py": "print('init')\ndef handler(event, context):\n    print('x' * event)"}
    async with make_world() as world:
        version = world.version(code)
        assert (await world.invoke(version, 1)).log_tail == b""
        short = await world.invoke(version, 10, log_tail=True)
        lines = short.log_tail.decode().splitlines()
        assert [line.split(" ")[0] for line in lines] == ["START", "x" * 10, "END", "REPORT"]
        long = await world.invoke(version, 10_000, log_tail=True)
        assert len(long.log_tail) == 4096
        assert long.log_tail.startswith(b"xxx")
        assert b"REPORT RequestId: " in long.log_tail
        fresh = await world.invoke(world.version(code), 1, log_tail=True)
        assert fresh.log_tail.decode().splitlines()[1:3] == ["init", f"START RequestId: {_id(fresh)} Version: $LATEST"]


def _id(outcome: Outcome) -> str:
    found = re.search(rb"START RequestId: (\S+)", outcome.log_tail)
    assert found is not None
    return found[1].decode()


async def test_log_streams_are_named_after_the_day_the_version_and_the_environment(make_world: MakeWorld) -> None:
    async with make_world() as world:
        world.clock.advance(86_400 * 366)
        outcome = await world.invoke(world.version(ECHO, version="7"))
        assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[7\][0-9a-f]{32}", outcome.log_stream)
        assert outcome.log_stream.endswith(outcome.environment_id)
        assert {stream for stream, _, _ in world.log} == {outcome.log_stream}


async def test_events_are_in_the_nodes_time_and_durations_are_not(make_world: MakeWorld) -> None:
    async with make_world() as world:
        running = asyncio.create_task(world.invoke(world.version(SLEEPY), 0.3))
        await until(lambda: "before\n" in world.lines)
        world.clock.advance(3600)
        outcome = await running
        assert 300 <= outcome.duration_ms < 2000
        times = {text.split(" ")[0].strip(): at for _, at, text in world.log}
        assert 3_600_000 <= times["after"] - times["before"] < 3_610_000
        assert outcome.started_at < world.clock.now() - 3600


async def test_deadlines_are_in_the_machines_time(make_world: MakeWorld) -> None:
    code = {"app.py": "def handler(event, context): return context.get_remaining_time_in_millis()"}
    async with make_world() as world:
        world.clock.advance(100_000)
        world.credentials_s = 1e6
        assert 9_000 < await world.answer(world.version(code)) <= 10_000


async def test_a_stuck_function_can_still_be_seen_in_the_log(make_world: MakeWorld) -> None:
    async with make_world() as world:
        running = asyncio.create_task(world.invoke(world.version(SLEEPY), 60))
        await until(lambda: world.lines[-1:] == ["before\n"])
        assert [line.split(" ")[0] for line in world.lines] == ["INIT_START", "START", "before\n"]
        running.cancel()


async def test_variables_of_the_function_cannot_take_the_place_of_lambdas(make_world: MakeWorld) -> None:
    code = {"app.py": "import os\ndef handler(event, context): return [os.environ[name] for name in event]"}
    variables = {"LANG": "C", "AWS_ENDPOINT_URL_S3": "http://elsewhere", "AWS_LAMBDA_FUNCTION_NAME": "forged"}
    async with make_world() as world:
        version: Version = world.version(code, variables=variables)
        answer: list[Any] = await world.answer(version, list(variables))
        assert answer == ["C", "http://elsewhere", version.name]
