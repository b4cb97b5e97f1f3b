"""Lambda's Java runtimes: AWS's own runtime client, in real JVMs. What it says is AWS's; where it runs is ours."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.environments import java_functions
from tests.environments.world import World
from wakeful import limits
from wakeful.environments.languages import java, java_client, native_library
from wakeful.environments.languages.java_client import NotInstalled
from wakeful.environments.languages.language import CannotAdd
from wakeful.environments.runtimes import Runtimes
from wakeful.environments.sandbox import Runtime
from wakeful.environments.version import Version
from wakeful.environments.waiting import WaitingCells

pytestmark = pytest.mark.slow

FIRST = ("java17", "java21", "java25", "java11")


class JavaWorld(World):
    """With one Java runtime of this machine."""

    java = ""

    async def __aenter__(self) -> JavaWorld:
        await super().__aenter__()
        present = java_functions.present()
        self.java = next(name for name in FIRST if name in present)
        return self

    def function(self, handler: str, **settings: Any) -> Version:
        return self.version(
            {}, f"app.{handler}", **{"runtime": self.java, "code": java_functions.classes(), **settings}
        )


@pytest.fixture
def java_world(tmp_path: Path) -> JavaWorld:
    java_functions.classes()
    return JavaWorld(tmp_path, Runtimes(java_functions.cache()))


@pytest.mark.parametrize(
    ("handler", "event", "answer"),
    [
        ("Handlers$Maps", {"a": [1, 2.5, None, "é漢😀"]}, {"a": [1, 2.5, None, "é漢😀"]}),
        ("Handlers$Strings", "é", "é!"),
        ("Handlers$Integers::handleRequest", 41, 42),
        ("Handlers$Lists", [1, 2, 3], 6),
        ("Handlers$Pojos", {"name": "a", "items": [{"count": 2}]}, {"name": "A", "items": [{"count": 4}]}),
        ("Handlers$Nothing", {}, None),
        ("Handlers$Streams", {"a": 1}, {"length": 8}),
        ("Handlers::greet", "you", "Hello you"),
        ("Handlers::add", [1, 2], 3),
        ("Handlers::still", {"a": "static"}, "static"),
        ("Handlers::silent", {}, None),
        ("Handlers::stream", {"x": 1}, {"x": 1}),
    ],
)
async def test_every_form_of_handler_answers(java_world: JavaWorld, handler: str, event: Any, answer: Any) -> None:
    async with java_world as world:
        version = world.function(handler)
        assert await world.answer(version, event) == answer
        assert await world.answer(version, event) == answer  # and goes on
        assert world.pool.counts.environments == 1


async def test_every_java_of_this_machine_runs_the_same_function(java_world: JavaWorld) -> None:
    async with java_world as world:
        for name in java_functions.present():
            version = world.function("Handlers$Surroundings", runtime=name, variables={"MINE": "its own"})
            seen = await world.answer(version, "note.txt")
            assert "error" not in seen, (name, seen)
            where = str(version.code)
            assert (seen["read"], seen["by path"], seen["exists"]) == ("beside the code", "beside the code", True)
            assert (seen["directory"], seen["absolute"], seen["path"]) == (where, *[f"{where}/note.txt"] * 2)
            assert seen["child"] == f"{where}\nits own\n"
            assert (seen["stdin"], seen["zone"], seen["library"]) == (-1, "UTC", "helper")
            assert seen["open"] is (name == "java11")  # of the JDK nothing more is open than by itself
            assert seen["variables"]["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{name}"
            assert not [variable for variable in seen["variables"] if variable.startswith("WAKEFUL")]
            assert [line for line in world.printed if "note" not in line] == []


async def test_events_of_services_are_read_and_answered_in_aws_own_classes(java_world: JavaWorld) -> None:
    async with java_world as world:
        attributes = {"a": {"stringValue": "attribute", "dataType": "String"}}
        event = {"Records": [{"messageId": "1", "body": "b", "eventSourceARN": "arn", "messageAttributes": attributes}]}
        answer = {"batchItemFailures": [{"itemIdentifier": "1 attribute"}]}
        assert await world.answer(world.function("Queue"), event) == answer


async def test_the_context_object_is_whole(java_world: JavaWorld) -> None:
    async with java_world as world:
        version = world.function("Handlers$Looks", memory_mb=256)
        identity = json.dumps({"cognitoIdentityId": "who", "cognitoIdentityPoolId": "where"})
        client = json.dumps({"client": {"app_title": "app"}, "custom": {"k": "v"}, "env": {}})
        invocation = world.invocation(1, cognito_identity=identity, client_context=client)
        outcome = await world.pool.invoke(version, invocation)
        seen = json.loads(outcome.payload)
        assert 0 < seen.pop("remaining") <= 10_000
        assert seen == {
            "id": invocation.request_id,
            "name": version.name,
            "version": "$LATEST",
            "arn": invocation.invoked_arn,
            "memory": 256,
            "group": f"/aws/lambda/{version.name}",
            "stream": outcome.log_stream,
            "identity": "who/where",
            "client": "app{k=v}",
            "trace": seen["trace"],
        }
        assert seen["trace"].startswith("Root=1-00000000-000000000000000000000000")


async def test_an_exception_is_told_with_its_type_and_trace_and_logged_as_one_event(java_world: JavaWorld) -> None:
    async with java_world as world:
        version = world.function("Handlers$Throws")
        outcome = await world.invoke(version, "x")
        document = json.loads(outcome.payload)
        assert (document["errorType"], document["errorMessage"]) == ("java.lang.IllegalStateException", "it failed")
        assert document["stackTrace"][0].startswith("app.Handlers$Throws.handleRequest(Handlers.java:")
        assert (outcome.error, outcome.error_type) == ("Unhandled", None)
        (event,) = world.printed
        lines = event.splitlines()
        assert lines[:2] == ["it failed: java.lang.IllegalStateException", "java.lang.IllegalStateException: it failed"]
        assert "Caused by: java.io.IOException: the disk is full" in lines
        assert (await world.error(version, "x"))["errorMessage"] == "it failed"
        assert world.pool.counts.environments == 1


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        ("Missing", "java.lang.ClassNotFoundException", "Class not found: app.Missing"),
        ("Handlers::nope", None, "No public method named nope with appropriate method signature found on class"),
        ("Handlers", None, "Class does not implement an appropriate handler interface: app.Handlers"),
        ("Handlers$NoConstructor", "java.lang.Exception", "has no public zero-argument constructor"),
        ("Handlers$Inner", "java.lang.Exception", "cannot be instantiated because it is a non-static inner class"),
        ("Handlers$BadConstructor", "java.lang.IllegalArgumentException", "no luck"),
        ("Handlers$BadStatic", "java.lang.ExceptionInInitializerError", "Error loading class app.Handlers$BadStatic"),
        ("Handlers$Integers", "java.lang.RuntimeException", "An error occurred during JSON parsing"),
    ],
)
async def test_what_cannot_be_run_says_why(java_world: JavaWorld, handler: str, kind: str | None, message: str) -> None:
    async with java_world as world:
        document = await world.error(world.function(handler), "x")
        assert document.get("errorType") == kind
        assert message in document["errorMessage"]


async def test_exit_and_timeout_end_the_environment(java_world: JavaWorld) -> None:
    async with java_world as world:
        outcome = await world.invoke(world.function("Handlers$Exits"), 3)
        assert (outcome.error_type, outcome.status) == ("Runtime.ExitError", "error")
        assert json.loads(outcome.payload)["errorMessage"].endswith("Runtime exited with error: exit status 3")
        version = world.function("Handlers$Sleeps", timeout_s=1.0)
        assert await world.answer(version, 0) == "done"
        late = await world.invoke(version, 60_000)
        assert json.loads(late.payload)["errorMessage"].endswith("Task timed out after 1.00 seconds")
        assert await world.answer(version, 0) == "done"


async def test_a_full_heap_is_an_error_of_the_functions_size_and_the_next_call_starts_anew(
    java_world: JavaWorld,
) -> None:
    async with java_world as world:
        version = world.function("Handlers$Fills", memory_mb=192)
        assert await world.answer(version, 60) == 60
        document = await world.error(version, 400)
        assert (document["errorType"], document["errorMessage"]) == ("java.lang.OutOfMemoryError", "Java heap space")
        assert await world.answer(version, 1) == 1


async def test_lines_of_streams_and_of_the_logger_are_events(java_world: JavaWorld) -> None:
    async with java_world as world:
        assert await world.answer(world.function("Handlers$Logs")) == "logged"
        plain = ["to stdout\n", "to stderr\n", "by the logger\n"]
        assert world.printed == [*plain, "[DEBUG] at debug\n", "[ERROR] at error\n"]
        world.log.clear()
        version = world.function("Handlers$Logs", log_format="JSON", application_log_level="INFO")
        invocation = world.invocation()
        await world.pool.invoke(version, invocation)
        documents = [json.loads(line) for line in world.lines if line.startswith("{")]
        said = [each for each in documents if each.get("level") and "message" in each]
        assert [(each["level"], each["message"]) for each in said] == [("UNDEFINED", "by the logger\n"),
                                                                      ("ERROR", "at error\n")]  # fmt: skip
        assert {each["AWSRequestId"] for each in said} == {invocation.request_id}
        failed = world.function("Handlers$Throws", log_format="JSON")
        world.log.clear()
        await world.error(failed, "x")
        assert [each for each in world.lines if "ERROR" in each and "it failed" in each]


async def test_what_a_function_says_of_the_jvm_holds(java_world: JavaWorld) -> None:
    async with java_world as world:
        options = {"JAVA_TOOL_OPTIONS": "-Xmx100m -XX:+UseParallelGC -Dmine=1"}
        version = world.function("Handlers$Surroundings", memory_mb=512, variables=options)
        seen = await world.answer(version, "note.txt")
        assert 90 << 20 < seen["heap"] <= 100 << 20
        assert world.printed[0] == f"Picked up JAVA_TOOL_OPTIONS: {options['JAVA_TOOL_OPTIONS']}\n"
        zone = world.function("Handlers$Surroundings", memory_mb=512, variables={"TZ": "Asia/Tokyo"})
        seen = await world.answer(zone, "note.txt")
        assert (seen["zone"], seen["heap"] >> 20) == ("Asia/Tokyo", 421)


async def test_a_waiting_jvm_becomes_the_function_and_one_that_is_given_up_ends(java_world: JavaWorld) -> None:
    async with java_world as world:
        runtime = await world.runtimes.cell(world.java, 512)
        await world.plain.prepare(runtime, 2)
        seen = await world.answer(world.function("Handlers$Surroundings", memory_mb=512), "note.txt")
        assert seen["heap"] >> 20 == 421
        assert (await world.plain.give_up_cell(runtime)).status == 0


async def test_a_heap_follows_the_functions_memory(java_world: JavaWorld) -> None:
    async with java_world as world:
        small, large = [await world.runtimes.cell(world.java, size) for size in (128, 10_240)]
        assert "-XX:MaxHeapSize=111411k" in small.argv
        assert "-XX:MaxHeapSize=8912896k" in large.argv
        found = await world.runtimes.find(world.function("Handlers$Maps", memory_mb=10_240))
        assert found == large


# --- SnapStart --------------------------------------------------------------------------------------------------------


async def test_a_function_is_restored_with_its_hooks(java_world: JavaWorld) -> None:
    async with java_world as world:
        version = world.function("Hooked", version="1", is_snap_start=True)
        assert await world.pool.park(version)
        assert [line for line in world.printed if line.startswith(("before", "after"))] == ["before checkpoint\n"]
        seen = await world.answer(version)
        assert seen == {"type": "snap-start", "hooks": ["before", "after"]}
        assert "after restore\n" in world.printed
        assert [line.split(" ")[0] for line in world.lines if line.startswith("RESTORE")] == [
            "RESTORE_START",
            "RESTORE_REPORT",
        ]


# --- the client -------------------------------------------------------------------------------------------------------


async def test_without_the_client_a_function_fails_with_the_command_that_gets_it(tmp_path: Path) -> None:
    present = java_functions.present()
    reason = await Runtimes(tmp_path).prepare(present[0])
    assert reason == (
        f"The runtime {present[0]} is not available: AWS's runtime client for Java is not on this machine."
        f" Get it with: wakeful runtimes add {present[0]}; then update the function"
    )


async def test_the_command_gets_the_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, client = java_functions.got()
    name = java_functions.present()[0]

    def fetch(jar: java_client.Jar, repository: str) -> bytes:
        return (client / jar.name).read_bytes()

    monkeypatch.setattr(java_client, "fetch", fetch)
    runtimes, said = Runtimes(tmp_path), list[str]()
    assert await runtimes.prepare(name) is not None
    await runtimes.add(name, [], said.append)
    assert any("AWS's runtime client for Java" in line for line in said)
    assert await runtimes.prepare(name) is None
    (found,) = [each for each in await runtimes.listing() if each.name == name]
    assert (found.reason, found.sdk) == (None, f"client {java_client.CLIENT.version}")
    with pytest.raises(CannotAdd, match="belong into the function's package"):
        await runtimes.add(name, ["more"], said.append)


async def test_only_the_jars_that_we_know_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, client = java_functions.got()
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    for jar in java_client.JARS:
        place = home / ".m2" / "repository" / jar.path
        place.parent.mkdir(parents=True)
        shutil.copy(client / jar.name, place)
    nowhere = "http://127.0.0.1:1/maven"
    got = await java_client.install(tmp_path / "cache", nowhere)  # nothing is asked for that lies here
    assert java_client.installed(tmp_path / "cache") == got
    assert {path.name for path in got.iterdir()} == {
        java_client.NATIVE_LIBRARY,
        *(jar.name for jar in java_client.JARS),
    }
    place.write_bytes(b"something else")
    with pytest.raises(NotInstalled, match=r"http://127\.0\.0\.1:1/maven/.*Connection refused"):
        await java_client.install(tmp_path / "other", nowhere)
    assert list((tmp_path / "other").iterdir()) == []
    monkeypatch.setenv(java_client.REPOSITORY_VARIABLE, "file:///tmp")
    with pytest.raises(NotInstalled, match="must begin with https://"):
        await java_client.install(tmp_path / "other")


def test_cells_wait_for_the_sizes_that_were_asked_for_last() -> None:
    sizes = [Runtime("java17", (str(size),), (), True, {}) for size in (128, 256, 512)]
    base, python = Runtime("java17", (), (), True, {}), Runtime("python3.12", (), (), True, {})
    cells, count = WaitingCells(), limits.CELLS_WAITING
    assert cells.wanted(base, sizes[0]) == [(sizes[0], count)]
    assert cells.wanted(python, python) == [(python, count)]
    assert cells.wanted(base, sizes[1]) == [(sizes[1], count)]
    assert cells.wanted(base, sizes[0]) == [(sizes[0], count)]
    assert cells.wanted(base, sizes[2]) == [(sizes[1], 0), (sizes[2], count)]
    other = Runtime("java17", ("another JVM",), (), True, {})
    assert cells.wanted(other, other) == [(sizes[0], 0), (sizes[2], 0), (other, count)]
    assert cells.wanted(python, python) == [(python, count)]


def test_the_native_library_is_made_for_both_architectures() -> None:
    for machine, code in (("x86_64", 62), ("aarch64", 183)):
        file = native_library.library(machine)
        assert file[:4] == b"\x7fELF"
        assert int.from_bytes(file[18:20], "little") == code
        assert len(file) < 1200


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("openjdk 17.0.15 2025-04-15\nOpenJDK Runtime Environment", "17 0 15 /jdk"),
        ("openjdk 21 2023-09-19\nOpenJDK 64-Bit Server VM", "21 0 0 /jdk"),
        ("java 25.0.1 2025-10-21 LTS\nJava HotSpot(TM)", "25 0 1 /jdk"),
        ("openjdk 17.0.9 2023-10-17\nEclipse OpenJ9 VM", ""),
        ("", ""),
    ],
)
def test_a_jvm_tells_its_version(words: str, told: str) -> None:
    assert java.SEARCH.told(Path("/jdk/bin/java"), words) == told
