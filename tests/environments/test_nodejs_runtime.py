"""Lambda's Node.js runtime, through real processes. Texts and types are those of AWS's own runtime client."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.environments.conftest import MakeWorld
from tests.environments.world import World, until
from wakeful.environments.runtimes import RuntimeAbsent

pytestmark = pytest.mark.slow

NODE = "nodejs20.x"

APP = r"""
class Own extends Error {
  constructor(words) { super(words); this.name = "Own"; this.code = "E1"; this.extra = { a: 1 }; }
}
let count = 0;

exports.echo = async (event) => event;
exports.sync = (event) => "ignored";
exports.callback = function (event, context, callback) { callback(null, { got: event }); };
exports.callbackWaits = (event, context, callback) => {
  setTimeout(() => console.log("later"), 20);
  callback(null, 1);
};
exports.callbackDoesNotWait = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  setTimeout(() => console.log("never"), 60000);
  callback(null, 2);
};
exports.callbackTwice = (event, context, callback) => { callback(null, 1); callback(null, 2); };
exports.callbackError = (event, context, callback) => { callback(new TypeError("by callback")); };
exports.callbackString = (event, context, callback) => { callback("text"); };
exports.done = (event, context) => { context.done(null, "done"); };
exports.doneThenThrows = (event, context) => { context.done(null, "done"); throw new Error("late"); };
exports.doneError = (event, context) => { context.done(new Error("by done")); };
exports.succeed = (event, context) => { setTimeout(() => context.succeed("succeeded"), 5); };
exports.fail = (event, context) => { context.fail("failed"); };
exports.failNothing = (event, context) => { context.fail(); };
exports.thenable = () => ({ then(resolve) { resolve("thenable"); } });
exports.silent = () => {};
exports.throws = async () => { throw new Error("boom"); };
exports.throwsSync = () => { throw new RangeError("sync"); };
exports.throwsOwn = async () => { throw new Own("mine"); };
exports.throwsString = async () => { throw "a string"; };
exports.throwsNull = async () => { throw null; };
exports.deep = async () => {
  const dig = (depth) => { if (depth === 0) throw new Error("deep"); dig(depth - 1); };
  dig(20);
};
exports.rejects = async () => {
  Promise.reject(new Error("lost"));
  await new Promise((resolve) => setTimeout(resolve, 60000));
};
exports.throwsLater = async () => {
  setTimeout(() => { throw new Error("later"); }, 5);
  await new Promise((resolve) => setTimeout(resolve, 60000));
};
exports.circular = async () => { const circle = {}; circle.circle = circle; return circle; };
exports.bigint = async () => ({ a: 1n });
exports.nothing = async () => undefined;
exports.date = async () => new Date(0);
exports.size = async (event) => "x".repeat(event.size - 2);
exports.logs = async () => {
  console.log("a", { b: 1 }, [2]);
  console.info("two\nlines");
  console.warn("%s=%d", "x", 5);
  console.error("e");
  console.debug("d");
  console.trace("t");
  process.stdout.write("raw\n");
  process.stderr.write("raw too\n");
};
exports.logsError = async () => { console.error("it was", new TypeError("logged")); };
exports.exit = async (event) => { process.exit(event); };
exports.hangs = async () => new Promise(() => setTimeout(() => {}, 600000));
exports.counts = async () => [++count, process.pid];
exports.context = async (event, context) => ({
  ...context, remaining: context.getRemainingTimeInMillis(), keys: Object.keys(context).sort(),
});
exports.environment = async () => ({
  variables: process.env, argv: process.argv.slice(1), cwd: process.cwd(),
  stdin: require("fs").readFileSync(0, "utf8"), zone: new Date(0).getTimezoneOffset(),
});
exports.nested = { deep: { handler: async () => "nested" } };
exports.number = 5;
exports.requires = async (event) => require(event);
exports.large = async (event) => event.text.length;
exports.prints = async () => { for (let i = 0; i < 3000; i++) console.log("line " + i + "x".repeat(50)); };
exports.usesAnEmitter = (event, context, callback) => {
  require("fs").readFile(__filename, "utf8", (error, text) => callback(error, text.length > 0));
};
"""

FILES = {
    "app.js": APP,
    "broken.js": "exports.handler = async ( => {",
    "missing.js": "require('nothing-there');",
    "raising.js": "throw new Error('at load');",
    "rejecting.js": "Promise.reject(new Error('lost at load')); exports.handler = async () => 1;",
    "leaving.js": "process.exit(4);",
    "talking.js": "console.log('at load'); exports.handler = async () => 1;",
    "esm.mjs": "import fs from 'node:fs'; export const handler = async () => typeof fs.readFileSync;",
    "waiting.mjs": "const five = await Promise.resolve(5); export const handler = async () => five;",
    "esmbroken.mjs": "export const handler = async ( => 1;",
    "esmmissing.mjs": "import it from 'nothing-there'; export const handler = async () => 1;",
    "common.cjs": "exports.handler = async () => 'cjs';",
    "folder/inner.js": "exports.handler = async () => require('path').basename(__dirname);",
    "module/package.json": '{"type": "module"}',
    "module/index.js": "export const handler = async () => import.meta.url.split('/').pop();",
    "node_modules/library/index.js": "exports.handler = async () => 'library'; exports.name = 'packaged';",
    "streaming.js": (
        "exports.handler = async () => {};"
        "exports.handler[Symbol.for('aws.lambda.runtime.handler.streaming')] = 'request';"
    ),
}


@pytest.mark.parametrize(
    ("handler", "answer"),
    [
        ("app.echo", {"a": "é漢😀"}),
        ("app.sync", None),
        ("app.callback", {"got": {"a": "é漢😀"}}),
        ("app.callbackDoesNotWait", 2),
        ("app.callbackTwice", 1),
        ("app.done", "done"),
        ("app.doneThenThrows", "done"),
        ("app.succeed", "succeeded"),
        ("app.thenable", "thenable"),
        ("app.silent", None),
        ("app.nothing", None),
        ("app.date", "1970-01-01T00:00:00.000Z"),
        ("app.nested.deep.handler", "nested"),
        ("app.usesAnEmitter", True),
        ("esm.handler", "function"),
        ("waiting.handler", 5),
        ("common.handler", "cjs"),
        ("folder/inner.handler", "folder"),
        ("module/index.handler", "index.js"),
        ("library.handler", "library"),
    ],
)
async def test_every_form_of_handler_answers(make_world: MakeWorld, handler: str, answer: Any) -> None:
    async with make_world() as world:
        version = world.version(FILES, handler, runtime=NODE)
        assert await world.answer(version, {"a": "é漢😀"}) == answer
        assert await world.answer(version, {"a": "é漢😀"}) == answer  # and goes on
        assert world.pool.counts.environments == 1


async def test_a_callback_waits_until_the_event_loop_is_empty(make_world: MakeWorld) -> None:
    async with make_world() as world:
        assert await world.answer(world.version(FILES, "app.callbackWaits", runtime=NODE)) == 1
        assert [line.split("\t")[-1] for line in world.printed] == ["later\n"]
        assert world.lines[-3].endswith("later\n")  # before END


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        ("app.throws", "Error", "boom"),
        ("app.throwsSync", "RangeError", "sync"),
        ("app.throwsOwn", "Own", "mine"),
        ("app.callbackError", "TypeError", "by callback"),
        ("app.doneError", "Error", "by done"),
        ("app.circular", "Error", "Unable to stringify response body"),
        ("app.bigint", "Error", "Unable to stringify response body"),
    ],
)
async def test_an_error_is_told_with_type_message_and_trace(
    make_world: MakeWorld, handler: str, kind: str, message: str
) -> None:
    async with make_world() as world:
        version = world.version(FILES, handler, runtime=NODE)
        invocation = world.invocation()
        outcome = await world.pool.invoke(version, invocation)
        document = json.loads(outcome.payload)
        assert list(document) == ["errorType", "errorMessage", "trace"]
        assert (document["errorType"], document["errorMessage"]) == (kind, message)
        assert document["trace"][0] == f"{kind}: {message}"
        assert (outcome.error, outcome.status, outcome.error_type) == ("Unhandled", "error", None)
        (line,) = world.printed
        at, request_id, level, title, logged = line.split("\t")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", at)
        assert (request_id, level, title) == (invocation.request_id, "ERROR", "Invoke Error ")
        shown = json.loads(logged)
        assert (shown["errorType"], shown["errorMessage"]) == (kind, message)
        assert shown["stack"] == document["trace"]
        if kind == "Own":
            assert (shown["code"], shown["extra"]) == ("E1", {"a": 1})


async def test_the_frames_of_a_trace_are_the_functions(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = world.version(FILES, "app.throws", runtime=NODE)
        document = await world.error(version)
        assert document["trace"][1].startswith(f"    at exports.throws [as handler] ({version.code}/app.js:")
        assert len(document["trace"]) <= 6
        deep = await world.error(world.version(FILES, "app.deep", runtime=NODE))
        assert len([frame for frame in deep["trace"] if "at dig" in frame]) == 10


@pytest.mark.parametrize(
    ("handler", "document"),
    [
        ("app.callbackString", {"errorType": "string", "errorMessage": "text", "trace": []}),
        ("app.fail", {"errorType": "string", "errorMessage": "failed", "trace": []}),
        ("app.failNothing", {"errorType": "string", "errorMessage": "handled", "trace": []}),
        ("app.throwsString", {"errorType": "string", "errorMessage": "a string", "trace": []}),
        ("app.throwsNull", {"errorType": "string", "errorMessage": "handled", "trace": []}),
    ],
)
async def test_what_is_no_error_is_told_by_its_type(
    make_world: MakeWorld, handler: str, document: dict[str, Any]
) -> None:
    async with make_world() as world:
        assert await world.error(world.version(FILES, handler, runtime=NODE)) == document


@pytest.mark.parametrize(
    ("handler", "kind", "message", "title", "status"),
    [
        ("app.rejects", "Runtime.UnhandledPromiseRejection", "Error: lost", "Unhandled Promise Rejection ", 128),
        ("app.throwsLater", "Error", "later", "Uncaught Exception ", 129),
    ],
)
async def test_what_nobody_catches_fails_the_event_and_ends_the_process(
    make_world: MakeWorld, handler: str, kind: str, message: str, title: str, status: int
) -> None:
    async with make_world() as world:
        outcome = await world.invoke(world.version(FILES, handler, runtime=NODE))
        document = json.loads(outcome.payload)
        assert (document["errorType"], document["errorMessage"]) == (kind, message)
        assert world.printed[0].split("\t")[3] == title
        assert (outcome.error, outcome.error_type) == ("Unhandled", "Runtime.ExitError")
        assert world.pool.counts.environments == 0


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        (
            "nothing.handler",
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'nothing'\nRequire stack:\n- RUNTIME/index.mjs",
        ),
        (
            "missing.handler",
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'nothing-there'\nRequire stack:\n- TASK/missing.js\n- RUNTIME/index.mjs",
        ),
        ("app.absent", "Runtime.HandlerNotFound", "app.absent is undefined or not exported"),
        ("app.number", "Runtime.HandlerNotFound", "app.number is not a function"),
        ("nodot", "Runtime.MalformedHandlerName", "Bad handler"),
        (
            "../app.echo",
            "Runtime.MalformedHandlerName",
            "'../app.echo' is not a valid handler name. "
            "Use absolute paths when specifying root directories in handler names.",
        ),
        ("broken.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected token '=>'"),
        ("esmbroken.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected token '=>'"),
        ("raising.handler", "Error", "at load"),
        ("rejecting.handler", "Runtime.UnhandledPromiseRejection", "Error: lost at load"),
        (
            "streaming.handler",
            "Runtime.MalformedStreamingHandler",
            "Only response streaming is supported.",
        ),
    ],
)
async def test_a_handler_that_cannot_be_loaded_fails_init(
    make_world: MakeWorld, handler: str, kind: str, message: str
) -> None:
    async with make_world() as world:
        version = world.version(FILES, handler, runtime=NODE)
        outcome = await world.invoke(version)
        document = json.loads(outcome.payload)
        assert document["errorType"] == kind
        runtime = str(
            next(host for host, inside in (await world.runtimes.cell(NODE)).mounts if inside == "/var/runtime")
        )
        assert document["errorMessage"] == message.replace("TASK", str(version.code)).replace("RUNTIME", runtime)
        assert document["trace"][0] == f"{kind}: " + document["errorMessage"].split("\n")[0]
        assert outcome.error_type == (kind if kind.startswith("Runtime.") else "Runtime.Unknown")
        line = world.printed[0].split("\t")
        assert line[1:3] == ["undefined", "ERROR"]
        assert json.loads(line[4])["errorType"] == kind


async def test_a_missing_es_module_is_an_error_of_node(make_world: MakeWorld) -> None:
    async with make_world() as world:
        document = await world.error(world.version(FILES, "esmmissing.handler", runtime=NODE))
        assert document["errorType"] == "Error"
        assert document["errorMessage"].startswith("Cannot find package 'nothing-there' imported from ")


async def test_console_writes_time_request_id_and_level(make_world: MakeWorld) -> None:
    async with make_world() as world:
        invocation = world.invocation()
        await world.pool.invoke(world.version(FILES, "app.logs", runtime=NODE), invocation)
        written = [line.split("\t") for line in world.printed if "\t" in line]
        assert {line[1] for line in written} == {invocation.request_id}
        assert [line[2:] for line in written] == [
            ["INFO", "a { b: 1 } [ 2 ]\n"],
            ["INFO", "two\nlines\n"],
            ["WARN", "x=5\n"],
            ["ERROR", "e\n"],
            ["DEBUG", "d\n"],
            ["TRACE", "t\n"],
        ]
        assert [line for line in world.printed if "\t" not in line] == ["raw\n", "raw too\n"]


async def test_json_logs_have_the_members_of_lambdas(make_world: MakeWorld) -> None:
    async with make_world() as world:
        settings = {"runtime": NODE, "log_format": "JSON", "application_log_level": "WARN"}
        await world.answer(world.version(FILES, "app.logs", **settings))
        entries = [json.loads(line) for line in world.printed if '"level"' in line]
        assert [(entry["level"], entry["message"]) for entry in entries] == [("WARN", "x=5"), ("ERROR", "e")]
        assert list(entries[0]) == ["timestamp", "level", "requestId", "message"]
        world.log.clear()
        await world.answer(world.version(FILES, "app.logsError", **settings))
        entry = next(json.loads(line) for line in world.printed if '"level"' in line)
        assert (entry["errorType"], entry["errorMessage"]) == ("TypeError", "logged")
        assert entry["stackTrace"][0] == "TypeError: logged"


async def test_much_output_is_complete_and_in_order(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await world.answer(world.version(FILES, "app.prints", runtime=NODE))
        assert [line.split("\t")[-1] for line in world.printed] == [f"line {i}{'x' * 50}\n" for i in range(3000)]


async def test_the_context_object_is_whole(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = world.version(FILES, "app.context", runtime=NODE, memory_mb=256)
        invocation = world.invocation(
            client_context=json.dumps({"custom": {"é": 1}}, ensure_ascii=False),
            cognito_identity='{"cognitoIdentityId": "id", "cognitoIdentityPoolId": "pool"}',
        )
        outcome = await world.pool.invoke(version, invocation)
        told = json.loads(outcome.payload)
        assert 9000 < told.pop("remaining") <= 10000
        keys = told.pop("keys")
        assert {"done", "fail", "getRemainingTimeInMillis", "succeed"} < set(keys)
        assert told == {
            "functionVersion": "$LATEST",
            "functionName": version.name,
            "memoryLimitInMB": "256",
            "logGroupName": f"/aws/lambda/{version.name}",
            "logStreamName": outcome.log_stream,
            "clientContext": {"custom": {"é": 1}},
            "identity": {"cognitoIdentityId": "id", "cognitoIdentityPoolId": "pool"},
            "invokedFunctionArn": invocation.invoked_arn,
            "awsRequestId": invocation.request_id,
            "callbackWaitsForEmptyEventLoop": True,
        }


@pytest.mark.parametrize("fresh", [False, True], ids=["cell", "own process"])
async def test_variables_paths_and_streams_are_as_on_lambda(make_world: MakeWorld, fresh: bool) -> None:
    async with make_world() as world:
        own = {"MINE": "é", "NODE_OPTIONS": "--stack-trace-limit=3"} if fresh else {"MINE": "é"}
        version = world.version(FILES, "app.environment", runtime=NODE, variables=own)
        told = await world.answer(version)
        found = told["variables"]
        assert (found["MINE"], found["_HANDLER"]) == ("é", "app.environment")
        assert found["AWS_EXECUTION_ENV"] == "AWS_Lambda_nodejs20.x"
        assert found["_X_AMZN_TRACE_ID"].startswith("Root=1-")
        assert not {name for name in found if name.startswith("WAKEFUL")}
        assert found["NODE_PATH"].endswith(f":{version.code}")
        assert (told["cwd"], told["stdin"], told["zone"]) == (str(version.code), "", 0)
        assert told["argv"] == [f"{found['LAMBDA_RUNTIME_DIR']}/index.mjs"]


async def test_globals_and_the_process_stay_between_events(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = world.version(FILES, "app.counts", runtime=NODE)
        first, second = await world.answer(version), await world.answer(version)
        assert (first[0], second[0]) == (1, 2)
        assert first[1] == second[1]


@pytest.mark.parametrize(
    ("status", "words"),
    [(3, "Runtime exited with error: exit status 3"), (0, "Runtime exited without providing a reason")],
)
async def test_process_exit_is_an_exit_error(make_world: MakeWorld, status: int, words: str) -> None:
    async with make_world() as world:
        document = await world.error(world.version(FILES, "app.exit", runtime=NODE), status)
        assert document["errorType"] == "Runtime.ExitError"
        assert document["errorMessage"].endswith(f"Error: {words}")


async def test_an_exit_at_load_is_an_exit_error(make_world: MakeWorld) -> None:
    async with make_world() as world:
        document = await world.error(world.version(FILES, "leaving.handler", runtime=NODE))
        assert document["errorMessage"].endswith("Error: Runtime exited with error: exit status 4")


async def test_what_is_printed_at_load_comes_before_start(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await world.answer(world.version(FILES, "talking.handler", runtime=NODE))
        assert world.lines[1].endswith("\tundefined\tINFO\tat load\n")
        assert world.lines[2].startswith("START ")


@pytest.mark.parametrize(("size", "fits"), [(6_291_556, True), (6_291_557, False)])
async def test_a_response_may_have_6_291_556_bytes(make_world: MakeWorld, size: int, fits: bool) -> None:
    async with make_world() as world:
        version = world.version(FILES, "app.size", runtime=NODE)
        outcome = await world.invoke(version, {"size": size})
        assert (outcome.error is None) == fits
        assert outcome.error_type == (None if fits else "Function.ResponseSizeTooLarge")
        assert await world.answer(version, {"size": 5}) == "xxx"
        assert world.pool.counts.environments == 1


async def test_a_large_event_arrives_whole(make_world: MakeWorld) -> None:
    async with make_world() as world:
        text = "é" * 1_000_000
        assert await world.answer(world.version(FILES, "app.large", runtime=NODE), {"text": text}) == 1_000_000


async def test_a_layer_brings_modules(make_world: MakeWorld) -> None:
    async with make_world() as world:
        layers = world.files(
            {
                "nodejs/node_modules/of-layer/index.js": "exports.name = 'layer'",
                "nodejs/node_modules/library/index.js": "exports.name = 'layer'",
                "nodejs/node20/node_modules/of-version/index.js": "exports.name = 'version'",
            }
        )
        version = world.version(FILES, "app.requires", runtime=NODE, layers=layers)
        assert await world.answer(version, "of-layer") == {"name": "layer"}
        assert await world.answer(version, "of-version") == {"name": "version"}
        assert await world.answer(version, "library") == {"name": "packaged"}  # what is packaged comes first


async def test_an_event_that_is_no_json_is_an_error_of_the_event(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = world.version(FILES, "app.echo", runtime=NODE)
        assert (await world.error(version, b"{"))["errorType"] == "SyntaxError"
        assert await world.answer(version, 1) == 1


async def test_from_node_24_on_callbacks_are_refused_and_answers_do_not_wait(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await skip_without(world, "nodejs24.x")
        document = await world.error(world.version(FILES, "app.callback", runtime="nodejs24.x"))
        assert document["errorType"] == "Runtime.CallbackHandlerDeprecated"
        assert document["errorMessage"].startswith("ERROR: AWS Lambda has removed support for callback-based")
        assert await world.answer(world.version(FILES, "app.sync", runtime="nodejs24.x")) == "ignored"


@pytest.mark.parametrize("runtime", ["nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x"])
async def test_every_node_runs_the_same_function(make_world: MakeWorld, runtime: str) -> None:
    async with make_world() as world:
        await skip_without(world, runtime)
        version = world.version(FILES, "app.context", runtime=runtime)
        assert (await world.answer(version))["functionName"] == version.name
        assert (await world.error(world.version(FILES, "app.throws", runtime=runtime)))["errorMessage"] == "boom"
        assert await world.answer(world.version(FILES, "esm.handler", runtime=runtime)) == "function"


async def test_a_cell_that_is_given_up_ends_quietly(make_world: MakeWorld) -> None:
    async with make_world() as world:
        runtime = await world.runtimes.cell(NODE)
        await world.plain.prepare(runtime, 1)
        end = await world.plain.give_up_cell(runtime)
        assert (end.status, end.signal) == (0, None)


async def test_a_process_that_hangs_is_gone_when_its_time_is_up(make_world: MakeWorld) -> None:
    async with make_world() as world:
        document = await world.error(world.version(FILES, "app.hangs", runtime=NODE, timeout_s=0.3))
        assert document["errorType"] == "Sandbox.Timedout"
        await until(lambda: world.plain.alive_count == 0)


async def skip_without(world: World, runtime: str) -> None:
    try:
        await world.runtimes.cell(runtime)
    except RuntimeAbsent as absent:
        pytest.skip(str(absent))
