"""Lambda's Python runtime, through real processes. Texts and types are those of AWS's own runtime client."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

import pytest

from tests.environments.conftest import MakeWorld
from tests.environments.world import World
from wakeful.environments.runtimes import RuntimeAbsent

pytestmark = pytest.mark.slow

APP = """
import collections, datetime, decimal, json, logging, os, sys, time

logger = logging.getLogger()
counter = 0

def echo(event, context):
    return event

def raises(event, context):
    raise ValueError("boom")

class Problem(Exception):
    pass

def raises_own(event, context):
    def inner():
        raise Problem({"a": 1})
    inner()

def raises_without_words(event, context):
    raise Exception()

def returns_set(event, context):
    return {1, 2}

async def is_async(event, context):
    return 1

def generates(event, context):
    yield 1

def returns_circle(event, context):
    circle = []
    circle.append(circle)
    return circle

def returns_datetime(event, context):
    return datetime.datetime(2020, 1, 1)

def returns_decimals(event, context):
    return {name: decimal.Decimal(name) for name in ("1.10", "NaN", "123456789012345678901")}

def returns_nan(event, context):
    return float("nan")

def returns_bytes(event, context):
    return b"raw \\xff"

def returns_bytes_within(event, context):
    return {"a": b"x"}

def returns_keys(event, context):
    return {1: 2, None: 3, True: 4, 1.5: 2}

def returns_tuple_keys(event, context):
    return {(1, 2): 3}

def returns_surrogate(event, context):
    return event["text"] + "\\ud800"

def returns_nothing(event, context):
    pass

def returns_size(event, context):
    return "x" * (event["size"] - 2)

def returns_text(event, context):
    return event["text"]

def prints(event, context):
    print("one\\ntwo")
    sys.stderr.write("to stderr\\n")
    print("begun", end="")

def prints_more(event, context):
    print("x" * 300000)
    for number in range(1000):
        print(number)

def prints_bytes(event, context):
    sys.stdout.buffer.write(b"\\xc3\\xa9 \\xfe\\n")

def logs(event, context):
    logger.warning("warned %s", 1)
    logger.info("not shown")
    logger.error("two\\nlines")
    logger.setLevel(logging.INFO)
    logging.getLogger("some.library").info("from a library")
    try:
        1 / 0
    except ZeroDivisionError:
        logger.exception("divided")

def tells_context(event, context):
    context.log("by the context\\n")
    return {
        "class": type(context).__name__,
        "function_name": context.function_name,
        "function_version": context.function_version,
        "invoked_function_arn": context.invoked_function_arn,
        "memory_limit_in_mb": context.memory_limit_in_mb,
        "aws_request_id": context.aws_request_id,
        "log_group_name": context.log_group_name,
        "log_stream_name": context.log_stream_name,
        "tenant_id": context.tenant_id,
        "remaining": context.get_remaining_time_in_millis(),
        "identity": [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id],
        "client_context": None if context.client_context is None else {
            "custom": context.client_context.custom,
            "env": context.client_context.env,
            "title": context.client_context.client.app_title,
            "package": context.client_context.client.app_package_name,
        },
        "w3c": context.w3c(),
        "repr": repr(context),
    }

def tells_environment(event, context):
    return {
        "variables": dict(os.environ),
        "path": sys.path,
        "argv": sys.argv,
        "cwd": os.getcwd(),
        "stdin": sys.stdin.read(),
        "encoding": [sys.stdout.encoding, sys.getfilesystemencoding()],
        "zone": time.tzname[0],
        "umask": "%o" % (os.umask(0o022)),
        "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:4],
        "exit": repr(exit),
    }

def counts(event, context):
    global counter
    counter += 1
    return [counter, os.getpid()]

def exits(event, context):
    sys.exit(event)

def exits_at_once(event, context):
    print("unfinished", end="")
    os._exit(7)

def interrupts(event, context):
    raise KeyboardInterrupt

def kills(event, context):
    os.kill(os.getpid(), event)

class Callable:
    def __call__(self, event, context):
        return "called"

instance = Callable()

def recurses(event, context):
    return recurses(event, context)

def imports(event, context):
    module = __import__(event)
    return [module.__file__, getattr(module, "__version__", None)]

def forks(event, context):
    import subprocess
    return subprocess.run([sys.executable, "-c", "print('child', flush=True)"], check=True).returncode

def threads(event, context):
    import threading
    seen = []
    thread = threading.Thread(target=lambda: seen.append(os.environ["_X_AMZN_TRACE_ID"]))
    thread.start()
    thread.join()
    return seen
"""

FILES = {
    "app.py": APP,
    "broken.py": "def handler(:\n    pass\n",
    "raising.py": "raise ValueError('at import')\n",
    "missing.py": "import nothing_there\n",
    "leaving.py": "import sys\nsys.exit(4)\n",
    "talking.py": "print('at import')\nimport logging\nlogging.warning('warned')\ndef handler(event, context): pass\n",
    "package/__init__.py": "",
    "package/module.py": "def handler(event, context): return __name__\n",
    "folder/module.py": "def handler(event, context): return __name__\n",
}


@pytest.mark.parametrize(
    ("handler", "event", "answer"),
    [
        ("app.echo", {"k": "é漢😀"}, b'{"k": "\\u00e9\\u6f22\\ud83d\\ude00"}'),
        ("app.echo", {"n": 1.5, "l": [None, True]}, b'{"n": 1.5, "l": [null, true]}'),
        ("app.echo", "text", b'"text"'),
        ("app.returns_nothing", None, b"null"),
        ("app.returns_decimals", None, b'{"1.10": 1.10, "NaN": NaN, "123456789012345678901": 123456789012345678901}'),
        ("app.returns_nan", None, b"NaN"),
        ("app.returns_bytes", None, b"raw \xff"),
        ("app.returns_bytes_within", None, b'{"a": "x"}'),
        ("app.returns_keys", None, b'{"1": 4, "null": 3, "1.5": 2}'),
        ("app.instance", None, b'"called"'),
        ("package.module.handler", None, b'"package.module"'),
        ("package/module.handler", None, b'"package.module"'),
        ("folder/module.handler", None, b'"folder.module"'),
    ],
)
async def test_answers_are_written_as_lambda_writes_them(
    make_world: MakeWorld, handler: str, event: Any, answer: bytes
) -> None:
    async with make_world() as world:
        outcome = await world.invoke(world.version(FILES, handler), event)
        assert (outcome.payload, outcome.error) == (answer, None)


async def test_from_python_3_12_on_other_than_ascii_is_not_escaped(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await skip_without(world, "python3.12")
        outcome = await world.invoke(world.version(FILES, "app.echo", runtime="python3.12"), "é")
        assert outcome.payload == '"é"'.encode()


@pytest.mark.parametrize(
    ("handler", "kind", "message", "trace"),
    [
        (
            "app.raises",
            "ValueError",
            "boom",
            ['  File "TASK/app.py", line 11, in raises\n    raise ValueError("boom")\n'],
        ),
        ("app.raises_without_words", "Exception", "", ["LAST"]),
        (
            "app.raises_own",
            "Problem",
            "{'a': 1}",
            ["FIRST", '  File "TASK/app.py", line 18, in inner\n    raise Problem({"a": 1})\n'],
        ),
        (
            "app.returns_set",
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type set is not JSON serializable",
            [],
        ),
        (
            "app.returns_datetime",
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type datetime is not JSON serializable",
            [],
        ),
        (
            "app.generates",
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type generator is not JSON serializable",
            [],
        ),
        (
            "app.is_async",
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type coroutine is not JSON serializable",
            [],
        ),
        ("app.returns_circle", "Runtime.MarshalError", "Unable to marshal response: Circular reference detected", []),
        (
            "app.returns_tuple_keys",
            "Runtime.MarshalError",
            "Unable to marshal response: keys must be str, int, float, bool or None, not tuple",
            [],
        ),
    ],
)
async def test_what_goes_wrong_in_a_handler_is_told_in_lambdas_words(
    make_world: MakeWorld, handler: str, kind: str, message: str, trace: list[str]
) -> None:
    async with make_world() as world:
        version = world.version(FILES, handler)
        invocation = world.invocation()
        outcome = await world.pool.invoke(version, invocation)
        document = json.loads(outcome.payload)
        assert list(document) == ["errorMessage", "errorType", "requestId", "stackTrace"]
        assert (document["errorType"], document["errorMessage"]) == (kind, message)
        assert document["requestId"] == invocation.request_id
        assert len(document["stackTrace"]) == len(trace)
        for shown, expected in zip(document["stackTrace"], trace, strict=True):
            assert expected in ("FIRST", "LAST") or shown == expected.replace("TASK", str(version.code))
        assert (outcome.error, outcome.status, outcome.error_type) == ("Unhandled", "error", None)


async def test_a_failure_is_one_log_event_indented_with_no_break_spaces(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = world.version(FILES, "app.raises")
        await world.error(version)
        assert world.printed == [
            "[ERROR] ValueError: boom\nTraceback (most recent call last):\n"
            f'\u00a0\u00a0File "{version.code}/app.py", line 11, in raises\n'
            '\u00a0\u00a0\u00a0\u00a0raise ValueError("boom")\n'
        ]


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        (
            "nothing.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'nothing': No module named 'nothing'",
        ),
        (
            "missing.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'missing': No module named 'nothing_there'",
        ),
        ("app.nothing", "Runtime.HandlerNotFound", "Handler 'nothing' missing on module 'app'"),
        (
            "nodot",
            "Runtime.MalformedHandlerName",
            "Bad handler 'nodot': not enough values to unpack (expected 2, got 1)",
        ),
        ("sys.exit", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"),
    ],
)
async def test_a_handler_that_is_not_found_fails_init(
    make_world: MakeWorld, handler: str, kind: str, message: str
) -> None:
    async with make_world() as world:
        outcome = await world.invoke(world.version(FILES, handler))
        document = {"errorMessage": message, "errorType": kind, "requestId": "", "stackTrace": []}
        assert json.loads(outcome.payload) == document
        assert outcome.error_type == kind
        assert world.printed[0] == f"[ERROR] {kind}: {message}\nTraceback (most recent call last):\n"
        assert [line.split("\t", 1)[1] for line in world.lines if line.startswith("INIT_REPORT")] == [
            f"Phase: init\tStatus: error\tError Type: {kind}\n",
            f"Phase: invoke\tStatus: error\tError Type: {kind}\n",
        ]


async def test_a_syntax_error_shows_its_line(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = world.version(FILES, "broken.handler")
        document = await world.error(version)
        assert document["errorType"] == "Runtime.UserCodeSyntaxError"
        assert document["errorMessage"].startswith(
            "Syntax error in module 'broken': invalid syntax (broken.py, line 1)"
        )
        assert document["stackTrace"] == [f'  File "{version.code}/broken.py" Line 1\n    def handler(:\n']


async def test_an_exception_at_import_is_told_with_its_trace(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = world.version(FILES, "raising.handler")
        outcome = await world.invoke(version)
        document = json.loads(outcome.payload)
        assert (document["errorType"], document["errorMessage"]) == ("ValueError", "at import")
        assert document["stackTrace"][-1].startswith(f'  File "{version.code}/raising.py", line 1')
        assert outcome.error_type == "Runtime.Unknown"  # not one of Lambda's own


async def test_what_is_printed_at_import_comes_before_start(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await world.answer(world.version(FILES, "talking.handler"))
        kinds = [line.split(" ")[0].split("\t")[0].strip() for line in world.lines]
        assert kinds == ["INIT_START", "at", "[WARNING]", "START", "END", "REPORT"]
        assert re.fullmatch(r"\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t\twarned\n", world.lines[2])


async def test_every_line_is_an_event_and_what_is_begun_comes_before_end(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await world.answer(world.version(FILES, "app.prints"))
        assert world.printed == ["one\n", "two\n", "to stderr\n", "begun"]
        assert world.lines[-3] == "begun"


async def test_much_output_is_complete_and_in_order(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await world.answer(world.version(FILES, "app.prints_more"))
        assert "".join(world.printed) == "x" * 300000 + "\n" + "".join(f"{n}\n" for n in range(1000))
        assert max(len(text) for text in world.printed) == 262_118


async def test_bytes_that_are_no_text_are_replaced(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await world.answer(world.version(FILES, "app.prints_bytes"))
        assert world.printed == ["é \ufffd\n"]


async def test_the_root_logger_writes_level_time_and_request_id(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = world.version(FILES, "app.logs")
        invocation = world.invocation()
        await world.pool.invoke(version, invocation)
        texts = []
        for text in world.printed:
            level, at, request_id, message = text.split("\t", 3)
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", at)
            assert request_id == invocation.request_id
            texts.append((level, message))
        assert texts[:3] == [
            ("[WARNING]", "warned 1\n"),
            ("[ERROR]", "two\nlines\n"),
            ("[INFO]", "from a library\n"),
        ]
        assert texts[3][0] == "[ERROR]"
        assert texts[3][1].startswith("divided\nTraceback (most recent call last):\n  File")
        assert texts[3][1].endswith("ZeroDivisionError: division by zero\n")


async def test_json_logs_have_the_members_of_lambdas(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = world.version(FILES, "app.logs", log_format="JSON", application_log_level="INFO")
        invocation = world.invocation()
        await world.pool.invoke(version, invocation)
        entries = [json.loads(line) for line in world.lines]
        written = [entry for entry in entries if "level" in entry]
        assert [(entry["level"], entry["message"]) for entry in written] == [
            ("WARNING", "warned 1"),
            ("INFO", "not shown"),  # at this level it is
            ("ERROR", "two\nlines"),
            ("INFO", "from a library"),
            ("ERROR", "divided"),
        ]
        assert written[3]["logger"] == "some.library"
        assert all(entry["requestId"] == invocation.request_id for entry in written)
        assert written[4]["errorType"] == "ZeroDivisionError"
        assert written[4]["errorMessage"] == "division by zero"
        assert written[4]["location"].startswith(f"{version.code}/app.py:logs:")
        assert [entry["type"] for entry in entries if "type" in entry] == [
            "platform.initStart",
            "platform.start",
            "platform.report",
        ]


async def test_a_json_failure_is_one_object(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await world.error(world.version(FILES, "app.raises", log_format="JSON"))
        entry = next(entry for entry in map(json.loads, world.printed) if entry.get("level") == "ERROR")
        assert (entry["errorType"], entry["errorMessage"]) == ("ValueError", "boom")


async def test_the_context_object_is_whole(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = world.version(FILES, "app.tells_context", memory_mb=256)
        invocation = world.invocation(
            client_context=json.dumps(
                {
                    "custom": {"é": 1},
                    "env": {"locale": "de"},
                    "client": {"app_title": "T"},
                    "w3c": {"traceparent": "00-1", "other": "x"},
                },
                ensure_ascii=False,
            ),
            cognito_identity='{"cognitoIdentityId": "id", "cognitoIdentityPoolId": "pool"}',
            tenant_id="tenant",
        )
        outcome = await world.pool.invoke(version, invocation)
        told = json.loads(outcome.payload)
        assert 9000 < told.pop("remaining") <= 10000
        assert told.pop("repr").startswith(f"LambdaContext([aws_request_id={invocation.request_id},log_group_name=")
        assert told == {
            "class": "LambdaContext",
            "function_name": version.name,
            "function_version": "$LATEST",
            "invoked_function_arn": invocation.invoked_arn,
            "memory_limit_in_mb": "256",
            "aws_request_id": invocation.request_id,
            "log_group_name": f"/aws/lambda/{version.name}",
            "log_stream_name": outcome.log_stream,
            "tenant_id": "tenant",
            "identity": ["id", "pool"],
            "client_context": {"custom": {"é": 1}, "env": {"locale": "de"}, "title": "T", "package": None},
            "w3c": {"traceparent": "00-1"},
        }
        assert world.printed == ["by the context\n"]


async def test_without_a_client_the_context_has_none(make_world: MakeWorld) -> None:
    async with make_world() as world:
        told = await world.answer(world.version(FILES, "app.tells_context"))
        assert (told["client_context"], told["identity"], told["tenant_id"]) == (None, [None, None], None)


@pytest.mark.parametrize("fresh", [False, True], ids=["cell", "own process"])
async def test_variables_paths_and_streams_are_as_on_lambda(make_world: MakeWorld, fresh: bool) -> None:
    async with make_world() as world:
        own = {"MINE": "é", "PYTHONHASHSEED": "0"} if fresh else {"MINE": "é"}
        version = world.version(FILES, "app.tells_environment", variables=own)
        outcome = await world.invoke(version)
        told = json.loads(outcome.payload)
        found = told["variables"]
        task = str(version.code)
        runtime = found["LAMBDA_RUNTIME_DIR"]
        assert {name: found[name] for name in ("MINE", "_HANDLER", "AWS_REGION", "AWS_DEFAULT_REGION")} == {
            "MINE": "é",
            "_HANDLER": "app.tells_environment",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        assert found["AWS_LAMBDA_FUNCTION_NAME"] == version.name
        assert found["AWS_LAMBDA_LOG_STREAM_NAME"] == outcome.log_stream
        assert found["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11"
        assert found["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
        assert found["AWS_SESSION_TOKEN"] == "token of arn:aws:iam::000000000000:role/test"
        assert found["_X_AMZN_TRACE_ID"].startswith("Root=1-")
        assert found["TZ"] == ":UTC"
        assert not {name for name in found if name.startswith("WAKEFUL")}
        assert told["path"][0] == task
        assert told["path"][1].endswith("/python/lib/python3.11/site-packages")
        assert told["path"][3] == runtime
        assert all("site-packages" not in path for path in told["path"][3:])
        assert (told["cwd"], told["stdin"]) == (task, "")
        assert told["argv"] == [f"{runtime}/bootstrap.py"]
        assert told["encoding"] == ["utf-8", "utf-8"]
        assert (told["zone"], told["umask"]) == ("UTC", f"{os.umask(0o022):o}")
        assert told["descriptors"][:3] == [0, 1, 2]
        assert told["exit"].startswith("Use exit()")


async def test_globals_and_the_process_stay_between_events(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = world.version(FILES, "app.counts")
        first, second = await world.answer(version), await world.answer(version)
        assert (first[0], second[0]) == (1, 2)
        assert first[1] == second[1]


@pytest.mark.parametrize(
    ("handler", "event", "words"),
    [
        ("app.exits", 3, "Runtime exited with error: exit status 3"),
        ("app.exits", None, "Runtime exited without providing a reason"),
        ("app.exits", "bye", "Runtime exited with error: exit status 1"),
        ("app.exits_at_once", None, "Runtime exited with error: exit status 7"),
        ("app.interrupts", None, "Runtime exited with error: signal: interrupt"),
        ("app.kills", 9, "Runtime exited with error: signal: killed"),
        ("app.kills", 11, "Runtime exited with error: signal: segmentation fault"),
        ("app.kills", 6, "Runtime exited with error: signal: aborted"),
    ],
)
async def test_a_process_that_ends_is_an_exit_error(
    make_world: MakeWorld, handler: str, event: Any, words: str
) -> None:
    async with make_world() as world:
        version = world.version(FILES, handler)
        invocation = world.invocation(json.dumps(event).encode())
        outcome = await world.pool.invoke(version, invocation)
        document = {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: {invocation.request_id} Error: {words}",
        }
        assert json.loads(outcome.payload) == document
        assert (outcome.status, outcome.error_type) == ("error", "Runtime.ExitError")
        assert world.lines[-1].endswith("\tStatus: error\tError Type: Runtime.ExitError\n")
        assert world.pool.counts.environments == 0


async def test_what_was_printed_before_the_end_is_in_the_log(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await world.error(world.version(FILES, "app.exits_at_once"))
        assert world.printed == ["unfinished"]


async def test_an_exit_at_import_is_an_exit_error(make_world: MakeWorld) -> None:
    async with make_world() as world:
        document = await world.error(world.version(FILES, "leaving.handler"))
        assert document["errorType"] == "Runtime.ExitError"
        assert document["errorMessage"].endswith("Error: Runtime exited with error: exit status 4")


@pytest.mark.parametrize(("size", "fits"), [(6_291_556, True), (6_291_557, False)])
async def test_a_response_may_have_6_291_556_bytes(make_world: MakeWorld, size: int, fits: bool) -> None:
    async with make_world() as world:
        version = world.version(FILES, "app.returns_size")
        outcome = await world.invoke(version, {"size": size})
        if fits:
            assert len(outcome.payload) == size
        else:
            assert json.loads(outcome.payload) == {
                "errorType": "Function.ResponseSizeTooLarge",
                "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
            }
            assert outcome.error_type == "Function.ResponseSizeTooLarge"
        assert await world.answer(version, {"size": 5}) == "xxx"  # and the runtime goes on
        assert world.pool.counts.environments == 1


async def test_a_large_event_arrives_whole(make_world: MakeWorld) -> None:
    async with make_world() as world:
        outcome = await world.invoke(world.version(FILES, "app.returns_text"), {"text": "x" * 6_000_000})
        assert outcome.payload == b'"' + b"x" * 6_000_000 + b'"'


async def test_an_event_that_is_no_json_is_an_unmarshal_error(make_world: MakeWorld) -> None:
    async with make_world() as world:
        document = await world.error(world.version(FILES, "app.echo"), b"{")
        assert document["errorType"] == "Runtime.UnmarshalError"
        assert document["errorMessage"].startswith("Unable to unmarshal input: Expecting property name")


async def test_half_a_character_is_a_marshal_error(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await skip_without(world, "python3.12")
        version = world.version(FILES, "app.returns_surrogate", runtime="python3.12")
        document = await world.error(version, {"text": "a"})
        assert document["errorType"] == "Runtime.MarshalError"


async def test_endless_recursion_is_an_ordinary_failure(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = world.version(FILES, "app.recurses")
        assert (await world.error(version))["errorType"] == "RecursionError"
        assert (await world.error(version))["errorType"] == "RecursionError"  # in the same environment
        assert world.pool.counts.environments == 1


async def test_children_and_threads_have_the_functions_streams_and_variables(make_world: MakeWorld) -> None:
    async with make_world() as world:
        assert await world.answer(world.version(FILES, "app.forks")) == 0
        assert world.printed == ["child\n"]
        assert (await world.answer(world.version(FILES, "app.threads")))[0].startswith("Root=1-")


async def test_the_sdk_is_there_and_a_package_can_bring_its_own(make_world: MakeWorld) -> None:
    async with make_world() as world:
        file, version = await world.answer(world.version(FILES, "app.imports"), "boto3")
        assert version is not None
        assert "/python-" in file  # the runtime's own folder
        own = world.version({**FILES, "boto3/__init__.py": "__version__ = 'own'"}, "app.imports")
        assert (await world.answer(own, "boto3"))[1] == "own"


async def test_a_layer_comes_after_the_package_and_before_the_sdk(make_world: MakeWorld) -> None:
    async with make_world() as world:
        layers = world.files(
            {
                "python/boto3/__init__.py": "__version__ = 'of the layer'",
                "python/lib/python3.11/site-packages/inner.py": "__version__ = 'inner'",
                "python/inner.py": "__version__ = 'outer'",
            }
        )
        version = world.version(FILES, "app.imports", layers=layers)
        assert (await world.answer(version, "boto3"))[1] == "of the layer"
        assert (await world.answer(version, "inner"))[1] == "inner"


async def test_pythonpath_of_the_function_is_honoured(make_world: MakeWorld) -> None:
    async with make_world() as world:
        version = world.version(
            {**FILES, "vendored/dependency.py": "__version__ = 'vendored'"},
            "app.imports",
            variables={"PYTHONPATH": "/var/task/vendored"},
        )
        assert (await world.answer(version, "dependency"))[1] == "vendored"


async def test_interpreter_options_get_a_process_of_their_own(make_world: MakeWorld) -> None:
    async with make_world() as world:
        code = {"app.py": "import sys\ndef handler(event, context): return [sys.flags.optimize, hash('a')]"}
        variables = {"PYTHONOPTIMIZE": "2", "PYTHONHASHSEED": "0"}
        first = await world.answer(world.version(code, variables=variables))
        second = await world.answer(world.version(code, variables=variables))
        assert first == second
        assert first[0] == 2


async def test_an_exec_wrapper_starts_the_runtime(make_world: MakeWorld) -> None:
    async with make_world() as world:
        files = {
            "app.py": "import os\ndef handler(event, context): return os.environ['WRAPPED']",
            "wrapper": '#!/bin/sh\nexport WRAPPED="by $#"\nexec "$@"\n',
        }
        version = world.version(files, variables={"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"})
        assert (await world.answer(version)).startswith("by ")


@pytest.mark.parametrize("runtime", [f"python3.{minor}" for minor in range(9, 15)])
async def test_every_python_runs_the_same_function(make_world: MakeWorld, runtime: str) -> None:
    async with make_world() as world:
        await skip_without(world, runtime)
        version = world.version(FILES, "app.tells_context", runtime=runtime)
        assert (await world.answer(version))["function_name"] == version.name
        document = await world.error(world.version(FILES, "app.raises", runtime=runtime))
        assert document["errorMessage"] == "boom"
        assert len(document["stackTrace"]) == 1


CHILDREN = {
    "app.py": """
import multiprocessing

def child(sending, value):
    sending.send(value * 2)

def handler(event, context):
    way = multiprocessing.get_context(event)
    receiving, sending = way.Pipe(duplex=False)
    process = way.Process(target=child, args=(sending, 21))
    process.start()
    sending.close()
    try:
        return receiving.recv()
    except EOFError:
        return "nothing"
    finally:
        process.join()
"""
}


@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
async def test_a_function_can_have_child_processes_of_every_kind(make_world: MakeWorld, way: str) -> None:
    async with make_world() as world:
        assert await world.answer(world.version(CHILDREN), way) == 42


@pytest.mark.skipif(sys.platform != "linux", reason="functions run on Linux")
async def test_a_cell_that_is_given_up_ends_quietly(make_world: MakeWorld) -> None:
    async with make_world() as world:
        runtime = await world.runtimes.cell("python3.11")
        await world.plain.prepare(runtime, 1)
        end = await world.plain.give_up_cell(runtime)
        assert (end.status, end.signal) == (0, None)


async def skip_without(world: World, runtime: str) -> None:
    try:
        await world.runtimes.cell(runtime)
    except RuntimeAbsent as absent:
        pytest.skip(str(absent))
