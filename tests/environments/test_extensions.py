"""Extensions beside real functions in real sandboxes: started, told, waited for, asked to end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.environments.conftest import MakeWorld
from tests.environments.test_in_sandboxes import confined
from tests.environments.world import World, until
from wakeful import limits
from wakeful.environments import attack, extensions, tiers, variables
from wakeful.environments.pool import Bounds
from wakeful.environments.sandbox import Exit
from wakeful.environments.version import Version

TIERS = pytest.mark.parametrize("isolation", ["auto", "C", "none"])

ECHO = {"app.py": "def handler(event, context):\n    print('handled')\n    return event\n"}

CLIENT = """#!/usr/bin/env -S python3 -S
import http.client, json, os, sys, time
NAME = os.path.basename(sys.argv[0])
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def say(*words):
    print(NAME, *words, flush=True)
def ask(method, path, body=None, **headers):
    headers = {"Lambda-Extension-" + name.replace("_", "-"): value for name, value in headers.items()}
    api.request(method, "/2020-01-01/extension/" + path, body and json.dumps(body), headers)
    answer = api.getresponse()
    return answer.status, answer.headers, json.loads(answer.read())
def register(*events):
    status, headers, body = ask("POST", "register", {"events": events}, Name=NAME, Accept_Feature="accountId")
    assert status == 200, body
    return headers["Lambda-Extension-Identifier"], body
def next_event(me):
    return ask("GET", "event/next", Identifier=me)[2]
"""

FAITHFUL = (
    CLIENT
    + """
me, about = register("INVOKE", "SHUTDOWN")
say("registered", json.dumps(about))
while True:
    event = next_event(me)
    say(event["eventType"], json.dumps(event))
    if event["eventType"] == "SHUTDOWN":
        say("bye")
        break
"""
)


def with_extensions(
    world: World, programs: dict[str, str], files: dict[str, str] | None = None, **more: Any
) -> Version:
    layers = world.files({f"extensions/{name}": text for name, text in programs.items()})
    return world.version(files or ECHO, layers=layers, memory_mb=512, **more)


def said(world: World, name: str, word: str) -> list[Any]:
    """What an extension told of events of one kind."""
    start = f"{name} {word} "
    return [json.loads(line.removeprefix(start)) for line in world.lines if line.startswith(start)]


async def stopped(world: World) -> None:
    """Every environment is given up."""
    for environment in list(world.pool._environments):
        world.pool.retire(environment.version.arn)
    await until(lambda: world.pool.counts.environments == 0)


@pytest.mark.slow
@TIERS
async def test_an_extension_sees_init_every_invocation_and_the_end(make_world: MakeWorld, isolation: str) -> None:
    async with confined(make_world, isolation) as world:
        version = with_extensions(world, {"watcher": FAITHFUL})
        invocations = [world.invocation(number) for number in range(3)]
        for invocation in invocations:
            assert (await world.pool.invoke(version, invocation)).error is None
            await until(lambda: world.pool.counts.idle == 1)
        await stopped(world)
        (about,) = said(world, "watcher", "registered")
        assert about == {
            "functionName": version.name,
            "functionVersion": "$LATEST",
            "handler": "app.handler",
            "accountId": "000000000000",
        }
        events = said(world, "watcher", "INVOKE")
        assert [event["requestId"] for event in events] == [each.request_id for each in invocations]
        assert events[0]["invokedFunctionArn"] == invocations[0].invoked_arn
        assert events[0]["tracing"]["type"] == "X-Amzn-Trace-Id"
        (shutdown,) = said(world, "watcher", "SHUTDOWN")
        assert shutdown["shutdownReason"] == "spindown"
        assert "watcher bye\n" in world.lines
        assert "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n" in world.lines
        assert world.lines.index("EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n") < [
            line.split(" ")[0] for line in world.lines
        ].index("START")


@pytest.mark.slow
@TIERS
async def test_the_runtime_starts_when_every_extension_has_registered(make_world: MakeWorld, isolation: str) -> None:
    late = CLIENT + "time.sleep(0.3)\nsay('registers')\nme, _ = register()\nnext_event(me)\n"
    bootstrap = """#!/bin/sh
echo started
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
head="${TMPDIR:-/tmp}/head"
while true; do
  event=$(curl -sS -D "$head" "$api/next")
  id=$(tr -d '\\r' < "$head" | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //p')
  curl -sS -o /dev/null -d "$event" "$api/$id/response"
done
"""
    imported = {"app.py": "print('started')\ndef handler(event, context): return event"}
    async with confined(make_world, isolation) as world:
        for files, runtime in ((imported, "python3.11"), ({"bootstrap": bootstrap}, "provided.al2023")):
            begin = len(world.lines)
            version = with_extensions(world, {"early": FAITHFUL, "late": late}, files, runtime=runtime)
            assert await world.answer(version, 1) == 1
            lines = world.lines[begin:]
            assert lines.index("late registers\n") < lines.index("started\n")
            assert "EXTENSION\tName: late\tState: Ready\tEvents: []\n" in lines


@pytest.mark.slow
async def test_the_caller_hears_at_once_and_pays_until_extensions_are_done(make_world: MakeWorld) -> None:
    slow = (
        CLIENT
        + """
me, _ = register("INVOKE")
while True:
    next_event(me)
    time.sleep(0.4)
    say("is done")
"""
    )
    async with confined(make_world) as world:
        version = with_extensions(world, {"slow": slow})
        early = await world.invoke(version, 1, log_tail=True)
        assert (early.payload, early.status) == (b"1", "success")
        assert b"handled\n" in early.log_tail
        assert early.final is not None
        assert "slow is done\n" not in world.lines
        assert world.pool.counts.idle == 0  # the environment is still busy
        final = await early.final
        assert final.duration_ms >= early.duration_ms + 350
        assert final.billed_ms >= 400
        assert final.final is None
        report = next(line for line in world.lines if line.startswith("REPORT "))
        assert f"Duration: {final.duration_ms:.2f} ms" in report
        await until(lambda: world.pool.counts.idle == 1)
        assert (await world.invoke(version, 2)).environment_id == early.environment_id


@pytest.mark.slow
async def test_extensions_have_no_more_time_than_the_function(make_world: MakeWorld) -> None:
    endless = CLIENT + "me, _ = register('INVOKE')\nnext_event(me)\ntime.sleep(60)\n"
    async with confined(make_world) as world:
        version = with_extensions(world, {"endless": endless}, timeout_s=1.0)
        early = await world.invoke(version, 1)
        assert (early.payload, early.error) == (b"1", None)
        assert early.final is not None
        final = await early.final
        assert (final.status, final.payload, final.duration_ms) == ("timeout", b"1", 1000)
        await until(lambda: world.pool.counts.environments == 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "kind", "words", "line"),
    [
        (
            CLIENT + "sys.exit(3)\n",
            "Extension.Crash",
            "exit status 3",
            "State: Exited\tEvents: []\n",
        ),
        (
            CLIENT + "me, _ = register('INVOKE')\nsys.exit()\n",
            "Extension.Crash",
            "exit code 0",
            "State: Exited\tEvents: [INVOKE]\n",
        ),
        (
            CLIENT + "me, _ = register()\n"
            "ask('POST', 'init/error', {}, Identifier=me, Function_Error_Type='Extension.NoKey')\nsys.exit(1)\n",
            "Extension.InitError",
            "exit status 1",
            "State: InitError\tEvents: []\tError Type: Extension.NoKey\n",
        ),
        (
            "no program\n",
            "Extension.LaunchError",
            "fork/exec /opt/extensions/bad: permission denied",
            "State: LaunchError\tEvents: []\tError Type: PermissionDenied\n",
        ),
        (
            "#!/no/such/interpreter\n",
            "Extension.LaunchError",
            "fork/exec /opt/extensions/bad: no such file or directory",
            "State: LaunchError\tEvents: []\tError Type: UnknownError\n",
        ),
    ],
)
async def test_an_extension_that_fails_in_init_fails_the_function(
    make_world: MakeWorld, program: str, kind: str, words: str, line: str
) -> None:
    async with confined(make_world) as world:
        invocation = world.invocation()
        outcome = await world.pool.invoke(with_extensions(world, {"bad": program}), invocation)
        message = f"RequestId: {invocation.request_id} Error: {words}"
        assert json.loads(outcome.payload) == {"errorType": kind, "errorMessage": message}
        assert outcome.error_type == kind
        assert world.lines.count(f"EXTENSION\tName: bad\t{line}") == 2  # INIT is repeated
        reports = [text for text in world.lines if text.startswith("INIT_REPORT ")]
        assert [text.partition("\t")[2] for text in reports] == [
            f"Phase: {phase}\tStatus: error\tError Type: {kind}\n" for phase in ("init", "invoke")
        ]
        assert "handled\n" not in world.lines


@pytest.mark.slow
async def test_an_extension_that_crashes_ends_its_invocation_and_the_others_hear_of_it(make_world: MakeWorld) -> None:
    crashing = CLIENT + "me, _ = register('INVOKE')\nnext_event(me)\nos.kill(os.getpid(), 9)\n"
    sleepy = {"app.py": "import time\ndef handler(event, context): time.sleep(60)"}
    async with confined(make_world) as world:
        version = with_extensions(world, {"crashing": crashing, "watcher": FAITHFUL}, sleepy)
        document = await world.error(version)
        assert document["errorType"] == "Extension.Crash"
        assert document["errorMessage"].endswith(" Error: signal: killed")
        assert [event["shutdownReason"] for event in said(world, "watcher", "SHUTDOWN")] == ["failure"]


@pytest.mark.slow
@TIERS
async def test_the_end_of_the_runtime_is_told_with_its_reason(make_world: MakeWorld, isolation: str) -> None:
    files = {
        "app.py": """
import os, time
def handler(event, context):
    if event == "exit":
        os._exit(1)
    time.sleep(60)
"""
    }
    async with confined(make_world, isolation) as world:
        version = with_extensions(world, {"watcher": FAITHFUL}, files, timeout_s=0.5)
        assert (await world.error(version, "exit"))["errorType"] == "Runtime.ExitError"
        assert (await world.error(version, "sleep"))["errorType"] == "Sandbox.Timedout"
        assert [event["shutdownReason"] for event in said(world, "watcher", "SHUTDOWN")] == ["failure", "timeout"]
        assert world.lines.count("watcher bye\n") == 2


@pytest.mark.slow
async def test_who_does_not_end_in_time_is_killed(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SHUTDOWN_EXTERNAL_S", 0.5)
    stubborn = (
        CLIENT
        + """
me, _ = register("SHUTDOWN")
next_event(me)
while True:
    say("here")
    time.sleep(0.05)
"""
    )
    async with confined(make_world) as world:
        await world.answer(with_extensions(world, {"stubborn": stubborn}))
        begin = asyncio.get_running_loop().time()
        await stopped(world)
        assert asyncio.get_running_loop().time() - begin >= 0.5
        assert world.lines.count("stubborn here\n") > 3
        assert world.pool.counts.environments == 0


@pytest.mark.slow
async def test_an_environment_can_end_before_its_extensions_have_registered(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "INIT_TIMEOUT_S", 0.5)
    stubborn = (
        CLIENT
        + """
say("waits")
time.sleep(60)
"""
    )
    async with confined(make_world) as world:
        outcome = await world.invoke(with_extensions(world, {"stubborn": stubborn}, timeout_s=0.5))
        assert (outcome.status, world.lines.count("stubborn waits\n")) == ("timeout", 2)
        assert world.lines.count("EXTENSION\tName: stubborn\tState: Started\tEvents: []\n") == 2
        await until(lambda: world.pool.counts.environments == 0)


@pytest.mark.slow
async def test_a_frozen_environment_is_woken_to_end(make_world: MakeWorld) -> None:
    async with confined(make_world, bounds=Bounds(freeze_after_s=0.01)) as world:
        version = with_extensions(world, {"watcher": FAITHFUL})
        await world.answer(version)
        (environment,) = world.pool._environments
        await until(lambda: environment.state.value == "frozen")
        await stopped(world)
        assert "watcher bye\n" in world.lines


@pytest.mark.slow
async def test_an_eleventh_extension_is_one_too_many(make_world: MakeWorld) -> None:
    async with confined(make_world) as world:
        version = with_extensions(world, {f"e{number:02}": FAITHFUL for number in range(limits.EXTENSIONS_MAX + 1)})
        document = await world.error(version)
        assert document["errorType"] == "Extension.LaunchError"
        assert document["errorMessage"].endswith("ErrTooManyExtensions")
        assert "EXTENSION\tName: e10\tState: LaunchError\tEvents: []\tError Type: TooManyExtensions\n" in world.lines


@pytest.mark.slow
async def test_an_internal_extension_is_waited_for_too(make_world: MakeWorld) -> None:
    files = {
        "app.py": """
import http.client, json, os, threading, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
api.request("POST", "/2020-01-01/extension/register", '{"events": ["INVOKE"]}', {"Lambda-Extension-Name": "inside"})
answer = api.getresponse()
answer.read()
me = {"Lambda-Extension-Identifier": answer.headers["Lambda-Extension-Identifier"]}
def watch():
    while True:
        api.request("GET", "/2020-01-01/extension/event/next", headers=me)
        event = json.loads(api.getresponse().read())
        time.sleep(0.2)
        print("inside", event["eventType"], flush=True)
threading.Thread(target=watch, daemon=True).start()
def handler(event, context):
    return event
"""
    }
    async with make_world() as world:
        version = world.version(files)
        early = await world.invoke(version, 1)
        assert early.payload == b"1"
        assert early.final is not None
        assert (await early.final).duration_ms >= 200
        assert "EXTENSION\tName: inside\tState: Ready\tEvents: [INVOKE]\n" in world.lines
        assert "inside INVOKE\n" in world.lines
    async with confined(make_world) as world:
        assert await world.answer(world.version(files), 1) == 1
        await until(lambda: world.pool.counts.idle == 1)
        await stopped(world)


@pytest.mark.slow
async def test_extensions_see_the_functions_environment_without_the_runtimes(make_world: MakeWorld) -> None:
    tells = CLIENT + "say('sees', json.dumps(dict(os.environ)))\nme, _ = register()\nnext_event(me)\n"
    async with confined(make_world) as world:
        version = with_extensions(world, {"tells": tells}, variables={"MINE": "1", "_HIDDEN": "2"})
        await world.answer(version)
        (seen,) = said(world, "tells", "sees")
        assert seen["MINE"] == "1"
        assert seen["AWS_LAMBDA_FUNCTION_NAME"] == version.name
        assert seen["AWS_SESSION_TOKEN"]
        hidden = {"AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "LAMBDA_TASK_ROOT", "_HANDLER", "_HIDDEN"}
        assert not hidden & seen.keys()
        assert not [name for name in seen if name.startswith("WAKEFUL")]


@pytest.mark.slow
async def test_extensions_and_the_function_share_one_memory(make_world: MakeWorld) -> None:
    greedy = CLIENT + "me, _ = register('INVOKE')\nnext_event(me)\nkept = bytearray(600 << 20)\nnext_event(me)\n"
    sleepy = {"app.py": "import time\ndef handler(event, context): time.sleep(20)"}
    async with confined(make_world) as world:
        outcome = await world.invoke(with_extensions(world, {"greedy": greedy}, sleepy, timeout_s=20))
        assert outcome.status == "error"
        assert outcome.error_type in ("Runtime.OutOfMemory", "Extension.Crash")


ATTACKER = "#!/usr/bin/env -S python3 -I -S\n" + (
    (Path(attack.__file__).parent / "attack.py")
    .read_text()
    .replace('os.environ["LAMBDA_TASK_ROOT"]', "os.path.dirname(__file__)")  # where the function is, it is not told
)


@pytest.mark.slow
@TIERS
async def test_an_extension_is_behind_the_same_walls_as_its_function(
    make_world: MakeWorld, isolation: str, tmp_path: Path
) -> None:
    """The attacks that grade a host, from an extension instead of a runtime."""
    private = tmp_path / "private"
    private.write_text("secret")
    async with confined(make_world, isolation) as world:
        walls = {"A": "namespaces", "B": "namespaces", "C": "fence"}.get(world.isolation, "none")
        if walls == "none":
            pytest.skip("there are no walls")
        with tiers._targets(walls, [private]) as targets:
            version = with_extensions(
                world, {"attacker": ATTACKER}, variables={"WAKEFUL_TARGETS": json.dumps(targets)}, timeout_s=20
            )
            assert (await world.error(version))["errorType"] == "Extension.Crash"  # it does not register
        found = [json.loads(line) for line in world.lines if line.startswith("{")]
        assert len(found) == 2  # INIT is repeated
        assert {what: got for answers in found for what, got in answers.items() if got is not None} == {}
        assert len(found[0]) > 5


@pytest.mark.slow
async def test_an_extension_is_the_same_user_as_its_function_and_cannot_change_its_code(
    make_world: MakeWorld,
) -> None:
    looks = (
        CLIENT
        + """
def fails(call, *arguments):
    try:
        call(*arguments)
    except OSError:
        return True
    return False
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
found = {
    "user": [os.getuid(), os.getgid()],
    "rights": [status[name].strip() for name in ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp")],
    "pids": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
    "read-only": [fails(open, path + "/new", "w") for path in ("/var/task", "/opt", "/opt/extensions")],
    "keeper": fails(os.kill, 1, 9),
}
say("found", json.dumps(found))
me, _ = register()
next_event(me)
"""
    )
    files = {
        "app.py": """
import os
def handler(event, context):
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    names = ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp")
    return {"user": [os.getuid(), os.getgid()], "rights": [status[name].strip() for name in names]}
"""
    }
    async with confined(make_world) as world:
        if world.isolation not in ("A", "B"):
            pytest.skip("for sandboxes with namespaces")
        function = await world.answer(with_extensions(world, {"looks": looks}, files))
        (found,) = said(world, "looks", "found")
        assert (found["user"], found["rights"]) == (function["user"], function["rights"])
        assert found["rights"][0] == "0000000000000000"
        assert found["read-only"] == [True, True, True]
        assert found["keeper"]
        assert len(found["pids"]) <= 2  # itself and, perhaps, the runtime


@pytest.mark.slow
async def test_extensions_never_see_a_process_that_is_still_the_launchers_copy(make_world: MakeWorld) -> None:
    looks = (
        CLIENT
        + """
seen = set()
begin = time.monotonic()
while time.monotonic() < begin + 0.4:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            seen.add(open(f"/proc/{pid}/cmdline", "rb").read().decode())
        except OSError:
            continue
say("saw", json.dumps(sorted(seen)))
me, _ = register()
next_event(me)
"""
    )
    bootstrap = "#!/bin/sh\nexit 1\n"
    async with confined(make_world) as world:
        if world.isolation not in ("A", "B"):
            pytest.skip("for sandboxes with namespaces")
        programs = {f"looks{number}": looks for number in range(5)}
        await world.error(with_extensions(world, programs, {"bootstrap": bootstrap}, runtime="provided.al2023"))
        for name in programs:
            for seen in said(world, name, "saw"):
                assert any(name in command for command in seen)
                assert not [command for command in seen if "jail" in command]


def test_ends_are_worded_as_lambda_words_them() -> None:
    ends = [Exit(status=0), Exit(status=7), Exit(signal=9), Exit(signal=15)]
    assert [extensions.exit_words(end) for end in ends] == [
        *("exit code 0", "exit status 7", "signal: killed", "signal: terminated")
    ]


def test_what_is_in_the_extensions_folder_is_an_extension_but_for_folders(make_world: MakeWorld) -> None:
    world = make_world()
    layers = world.files({"extensions/b": "#!", "extensions/a": "x", "extensions/folder/c": "x", "other/d": "x"})
    assert extensions.found(layers) == (("a", "b"), ())
    assert extensions.found(layers / "other") == extensions.found(None) == ((), ())
    assert variables.LAYERS_VARIABLE not in extensions.variables_of({variables.LAYERS_VARIABLE: "/opt"})
