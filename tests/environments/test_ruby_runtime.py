"""Lambda's Ruby runtime, through real processes. Texts and types are those of AWS's own runtime client.

Where this machine has none of Lambda's Rubies but another one, that stands in: the runtime client is the same for all.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.environments.conftest import MakeWorld
from tests.environments.world import World, until
from tests.functions import call, deploy, package
from tests.running_node import running_node
from wakeful.environments.languages import ruby
from wakeful.environments.languages.interpreters import Interpreter, discover
from wakeful.environments.runtimes import RuntimeAbsent
from wakeful.environments.version import Invocation

pytestmark = pytest.mark.slow

RUBY = "ruby3.3"
LEAST = (3, 1)

APP = r"""
require "stringio"

class Own < StandardError; end
$count = 0

def echo(event:, context:) = event
def counts(event:, context:) = [$count += 1, Process.pid]
def nothing(event:, context:) = nil
def fails(event:, context:) = raise(StandardError, "boom")
def fails_deep(event:, context:) = dig(3)
def dig(depth) = depth.zero? ? raise(Own, "deep") : dig(depth - 1)
def fails_type(event:, context:) = [1, 2, 3].first("two")
def unknown_name(event:, context:) = nowhere
def unknown_method(event:, context:) = nil.nowhere
def leaves(event:, context:) = exit(3)
def leaves_at_once(event:, context:) = exit!(3)
def runs_out(event:, context:) = runs_out(event: event, context: context)
def hangs(event:, context:) = sleep
def not_json(event:, context:) = Float::NAN
def raw(event:, context:) = StringIO.new("\x00 raw")
def size(event:, context:) = "x" * (event["size"] - 2)
def hashes(event:, context:) = { symbol: :value, 1 => [nil, 1.5, "é"] }
def bad_bytes(event:, context:) = raise("\xff\xfe é")
def prints(event:, context:)
  puts "two\nlines", ["and", ["more"]]
  puts
  $stdout.puts "raw"
  $stderr.puts "error"
  print "no newline"
  $stdout.print "\n"
  p({ a: 1 })
  nil
end
def seen(event:, context:)
  {
    function_name: context.function_name, function_version: context.function_version,
    invoked_function_arn: context.invoked_function_arn, memory_limit_in_mb: context.memory_limit_in_mb,
    aws_request_id: context.aws_request_id, log_group_name: context.log_group_name,
    log_stream_name: context.log_stream_name, deadline_ms: context.deadline_ms, identity: context.identity,
    client_context: context.client_context, tenant_id: context.tenant_id, w3c: context.w3c,
    remaining: context.get_remaining_time_in_millis, trace: ENV["_X_AMZN_TRACE_ID"], request: $_global_aws_request_id
  }
end
def environment(event:, context:)
  {
    variables: ENV.to_h, directory: Dir.pwd, stdin: $stdin.read, load_path: $LOAD_PATH.first(4), gems: Gem.path,
    zone: Time.now.utc_offset, encoding: [Encoding.default_external, "é".encoding], http: defined?(Net::HTTP)
  }
end
def requires(event:, context:) = require(event) && Library::NAME

class Tasks
  def self.run(event:, context:) = ["Tasks", event]
end
module Deep
  class Inner
    class << self
      def run(event:, context:) = ["Deep::Inner", event]
    end
  end
end
"""

LOGGING = r"""
require "logger"
AT_INIT = Logger.new($stdout, progname: "app")
def handler(event:, context:)
  AT_INIT.info("one\ntwo")
  AT_INIT.debug { "fine" }
  Logger.new($stderr).warn("é")
  Logger.new(nil, level: Logger::ERROR).warn("not this")
  begin
    raise ArgumentError, "logged"
  rescue ArgumentError => error
    AT_INIT.error(error)
  end
  own = Logger.new($stdout, formatter: ->(severity, _, _, message) { "#{severity}=#{message}\n" })
  own.fatal("own")
  nil
end
"""

FILES = {
    "app.rb": APP,
    "logging.rb": LOGGING,
    "lib/inner.rb": 'def handler(event:, context:) = "inner"',
    "broken.rb": "def handler(",
    "missing.rb": 'require "nothing-there"',
    "raising.rb": 'raise ArgumentError, "at load"',
    "leaving.rb": "exit 4",
    "leaving_at_once.rb": "exit! 4",
    "own_codec.rb": (
        "module AwsLambda; class Marshaller; class << self\n"
        '  def marshall_request(request) = [request["Content-Type"], request.body]\n'
        '  def marshall_response(value) = [StringIO.new("<#{value}>"), "application/unknown"]\n'
        "end; end; end\n"
        "def handler(event:, context:) = event.inspect\n"
    ),
}


async def with_ruby(world: World) -> None:
    """The world has a Ruby, one of Lambda's or another of this machine's; else the test is skipped, loudly."""
    try:
        await world.runtimes.cell(RUBY)
    except RuntimeAbsent:
        found = await discover({"ruby": ruby.SEARCH}, world.folder / "rubies")
        if not found or found[0].version[:2] < LEAST:
            pytest.skip("NO RUBY ON THIS HOST: our Ruby client was not tried")
        world.runtimes._runtimes[RUBY] = await ruby.Ruby().runtime(RUBY, found[0])


def printed_by(world: World) -> list[str]:
    return [text.removesuffix("\n") for text in world.printed]


async def answer(world: World, handler: str, event: Any = None, **settings: Any) -> Any:
    return await world.answer(world.version(FILES, handler, runtime=RUBY, **settings), event)


@pytest.mark.parametrize(
    ("handler", "event", "expected"),
    [
        ("app.echo", {"text": "é", "list": [1, 2.5, None, True]}, {"text": "é", "list": [1, 2.5, None, True]}),
        ("app.nothing", {}, None),
        ("app.hashes", {}, {"symbol": "value", "1": [None, 1.5, "é"]}),
        ("app.Tasks.run", 1, ["Tasks", 1]),
        ("app.Deep::Inner.run", 2, ["Deep::Inner", 2]),
        ("lib/inner.handler", {}, "inner"),
    ],
)
async def test_every_form_of_handler_answers(make_world: MakeWorld, handler: str, event: Any, expected: Any) -> None:
    async with make_world() as world:
        await with_ruby(world)
        assert await answer(world, handler, event) == expected


async def test_a_stream_is_answered_as_it_is_and_a_function_may_bring_its_own_codec(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await with_ruby(world)
        assert (await world.invoke(world.version(FILES, "app.raw", runtime=RUBY))).payload == b"\0 raw"
        own = world.version(FILES, "own_codec.handler", runtime=RUBY)
        assert (await world.invoke(own, {"a": 1})).payload == b'<["application/json", "{\\"a\\": 1}"]>'


async def test_the_context_object_is_whole(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await with_ruby(world)
        version = world.version(FILES, "app.seen", runtime=RUBY, memory_mb=256)
        traceparent = {"traceparent": "00-a-b-01", "more": "x", "tracestate": 5}
        outcome = await world.invoke(
            version,
            client_context=json.dumps({"custom": {"a": "é"}, "w3c": traceparent}),
            cognito_identity='{"cognitoIdentityId": "who", "cognitoIdentityPoolId": "where"}',
            tenant_id="blue",
        )
        told = json.loads(outcome.payload)
        assert 9000 < told.pop("remaining") <= 10_000
        assert told.pop("deadline_ms") > 1_600_000_000_000
        request_id = told["aws_request_id"]
        assert re.fullmatch(r"[0-9a-f-]{36}", request_id)
        assert told == {
            "function_name": version.name,
            "function_version": "$LATEST",
            "invoked_function_arn": "arn:aws:lambda:us-east-1:000000000000:function:invoked",
            "memory_limit_in_mb": "256",
            "aws_request_id": request_id,
            "log_group_name": f"/aws/lambda/{version.name}",
            "log_stream_name": outcome.log_stream,
            "identity": {"cognitoIdentityId": "who", "cognitoIdentityPoolId": "where"},
            "client_context": {"custom": {"a": "é"}},
            "tenant_id": "blue",
            "w3c": {"traceparent": "00-a-b-01"},
            "trace": told["trace"],
            "request": request_id,
        }
        assert told["trace"].startswith("Root=1-")
        bare = await world.pool.invoke(version, Invocation(request_id, b"{}", "arn", tenant_id=None))
        told = json.loads(bare.payload)
        assert [told[name] for name in ("trace", "identity", "client_context", "w3c")] == [None, None, None, {}]


async def test_an_environment_is_used_again_and_a_standard_error_does_not_end_it(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await with_ruby(world)
        counting = world.version(FILES, "app.counts", runtime=RUBY)
        first, second = await world.answer(counting), await world.answer(counting)
        assert (second[0], second[1]) == (first[0] + 1, first[1])
        failing = world.version(FILES, "app.fails", runtime=RUBY)
        streams = {(await world.invoke(failing)).log_stream for _ in range(2)}
        assert len(streams) == 1


@pytest.mark.parametrize(
    ("handler", "kind", "message", "method"),
    [
        ("app.fails", "Function<StandardError>", "boom", "fails"),
        ("app.fails_deep", "Function<Own>", "deep", "dig"),
        ("app.fails_type", "Function<TypeError>", "no implicit conversion of String into Integer", "first"),
    ],
)
async def test_what_a_handler_raises_is_told_as_lambda_tells_it(
    make_world: MakeWorld, handler: str, kind: str, message: str, method: str
) -> None:
    async with make_world() as world:
        await with_ruby(world)
        version = world.version(FILES, handler, runtime=RUBY)
        outcome = await world.invoke(version)
        document = json.loads(outcome.payload)
        assert (outcome.error, outcome.status, outcome.error_type) == ("Unhandled", "error", None)
        assert list(document) == ["errorMessage", "errorType", "stackTrace"]
        assert (document["errorMessage"], document["errorType"]) == (message, kind)
        code = re.escape(str(version.code))
        assert all(re.match(rf"{code}/app\.rb:\d+:in ", frame) for frame in document["stackTrace"])
        assert re.search(rf":in [`'](\w+#)?{method}'$", document["stackTrace"][0])
        assert printed_by(world)[0] == "Error raised from handler method"
        assert printed_by(world)[1] == json.dumps(document, indent=2)


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        ("app.unknown_name", "Function<NameError>", "undefined local variable or method"),
        ("app.unknown_method", "Function<NoMethodError>", "undefined method"),
        ("app.not_there", "Function<NoMethodError>", "undefined method"),
        ("app.Nowhere.run", "Function<NameError>", "uninitialized constant"),
        ("app.leaves", "Function<SystemExit>", "exit"),
        ("app.runs_out", "Function<SystemStackError>", "stack level too deep"),
    ],
)
async def test_what_is_critical_ends_the_environment_too(
    make_world: MakeWorld, handler: str, kind: str, message: str
) -> None:
    async with make_world() as world:
        await with_ruby(world)
        document = await world.error(world.version(FILES, handler, runtime=RUBY))
        assert document["errorType"] == kind
        assert document["errorMessage"].startswith(message)
        assert printed_by(world)[0] == "Critical exception from handler"
        await until(lambda: world.plain.alive_count == 0)


async def test_a_value_that_is_no_json_and_words_that_are_no_utf8_are_errors_of_the_event(
    make_world: MakeWorld,
) -> None:
    async with make_world() as world:
        await with_ruby(world)
        document = await world.error(world.version(FILES, "app.not_json", runtime=RUBY))
        assert document["errorType"] == "Function<JSON::GeneratorError>"
        document = await world.error(world.version(FILES, "app.bad_bytes", runtime=RUBY))
        assert document["errorMessage"] == "\ufffd\ufffd é"


async def test_an_exit_at_once_is_told_with_its_status(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await with_ruby(world)
        document = await world.error(world.version(FILES, "app.leaves_at_once", runtime=RUBY))
        assert document["errorType"] == "Runtime.ExitError"
        assert document["errorMessage"].endswith("Runtime exited with error: exit status 3")


async def test_who_hangs_is_gone_when_the_time_is_up(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await with_ruby(world)
        document = await world.error(world.version(FILES, "app.hangs", runtime=RUBY, timeout_s=0.3))
        assert document["errorType"] == "Sandbox.Timedout"
        await until(lambda: world.plain.alive_count == 0)


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        ("nothing.handler", "Init<LoadError>", "cannot load such file -- nothing"),
        ("missing.handler", "Init<LoadError>", "cannot load such file -- nothing-there"),
        ("broken.handler", "Init<SyntaxError>", ""),
        ("raising.handler", "Init<ArgumentError>", "at load"),
        ("leaving.handler", "Init<SystemExit>", "exit"),
        ("nodot", "Init<ArgumentError>", 'Invalid handler ["nodot"], must be of form FILENAME.METHOD or'),
        ("a.b.c.d", "Init<ArgumentError>", 'Invalid handler ["a", "b", "c", "d"], must be of form'),
    ],
)
async def test_what_goes_wrong_in_init_is_told_as_lambda_tells_it(
    make_world: MakeWorld, handler: str, kind: str, message: str
) -> None:
    async with make_world() as world:
        await with_ruby(world)
        outcome = await world.invoke(world.version(FILES, handler, runtime=RUBY))
        document = json.loads(outcome.payload)
        assert (outcome.error, document["errorType"]) == ("Unhandled", kind)
        assert document["errorMessage"].startswith(message)
        assert printed_by(world)[0] == "Init error when loading handler "
        assert json.loads(printed_by(world)[1]) == document


async def test_an_exit_at_once_in_init_is_told_with_its_status(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await with_ruby(world)
        document = await world.error(world.version(FILES, "leaving_at_once.handler", runtime=RUBY))
        assert document["errorMessage"].endswith("Runtime exited with error: exit status 4")


async def test_every_puts_is_one_event_and_other_output_is_lines(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await with_ruby(world)
        await answer(world, "app.prints")
        printed = [text for text in printed_by(world) if text]
        assert printed[:4] == ["two\nlines\nand\nmore", "raw", "error", "no newline"]
        assert printed[4] in ("{:a=>1}", "{a: 1}")  # as of Ruby 3.4


async def test_loggers_write_as_lambda_has_it(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await with_ruby(world)
        outcome = await world.invoke(world.version(FILES, "logging.handler", runtime=RUBY))
        assert outcome.error is None, outcome.payload
        request_id = next(line for line in world.lines if line.startswith("START"))[17:53]
        stamp = r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6} #\d+\]"
        expected = [
            rf"I, {stamp}  INFO {request_id} -- app: one\ntwo",
            rf"D, {stamp} DEBUG {request_id} -- app: fine",
            rf"W, {stamp}  WARN {request_id} -- : é",
            rf"E, {stamp} ERROR {request_id} -- app: logged \(ArgumentError\)\n.*/logging.rb:10:in .*handler'(\n.*)*",
            "FATAL=own",
        ]
        assert len(printed_by(world)) == len(expected)
        for text, pattern in zip(printed_by(world), expected, strict=True):
            assert re.fullmatch(pattern, text), (text, pattern)


async def test_loggers_write_json_of_the_level_that_is_asked_for(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await with_ruby(world)
        settings = {"log_format": "JSON", "application_log_level": "INFO"}
        version = world.version(FILES, "logging.handler", runtime=RUBY, **settings)
        assert (await world.invoke(version)).error is None
        entries = [json.loads(text) for text in world.lines if text.startswith('{"timestamp"')]
        request_id = entries[0]["requestId"]
        assert [entry["level"] for entry in entries] == ["INFO", "WARN", "ERROR"]
        assert entries[0]["message"] == "one\ntwo"
        assert entries[0]["logger"] == "app"
        assert entries[1]["message"] == "é"
        assert "logger" not in entries[1]
        assert (entries[2]["errorType"], entries[2]["errorMessage"]) == ("ArgumentError", "logged")
        assert entries[2]["location"].endswith("logging.rb:handler:10") or "Object#handler" in entries[2]["location"]
        assert entries[2]["stackTrace"]
        assert {entry["requestId"] for entry in entries} == {request_id}
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}Z", entry["timestamp"]) for entry in entries)


async def test_the_process_is_set_up_as_on_lambda(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await with_ruby(world)
        layers = world.files({"ruby/lib/library.rb": ""})
        version = world.version(
            FILES, "app.environment", runtime=RUBY, variables={"A": "b", "TZ": "UTC"}, layers=layers
        )
        told = await world.answer(version)
        found = told["variables"]
        code = str(version.code)
        assert found["A"] == "b"
        assert found["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{RUBY}"
        assert found["GEM_PATH"].split(":")[:2] == [f"{code}/vendor/bundle/ruby/3.3.0", f"{layers}/ruby/gems/3.3.0"]
        assert found["RUBYLIB"].split(":")[0::2] == [code, f"{layers}/ruby/lib"]
        assert not [name for name in found if name.startswith("WAKEFUL")]
        assert told["gems"][:2] == found["GEM_PATH"].split(":")[:2]
        assert told["load_path"][0] == told["directory"] == code
        assert f"{layers}/ruby/lib" in told["load_path"]
        assert (told["stdin"], told["zone"], told["encoding"]) == ("", 0, ["UTF-8", "UTF-8"])
        assert told["http"] == "constant"


def test_a_function_in_a_sandbox_starts_from_a_waiting_cell(tmp_path: Path) -> None:
    with running_node(tmp_path / "data", isolation="auto", rehearse=False) as node:
        runtimes = node.node.environments._surroundings.runtimes
        found = node.run(discover({"ruby": ruby.SEARCH}, tmp_path / "rubies"))
        if not found or found[0].version[:2] < LEAST:
            pytest.skip("NO RUBY ON THIS HOST: our Ruby client was not tried")
        runtimes._interpreters = [replace(found[0], version=(3, 3, 0))]  # stands in for one of Lambda's
        client = node.client("lambda")
        deploy(client, Runtime=RUBY, Handler="app.environment", Code={"ZipFile": package(app__rb=APP)})
        cold = call(client)
        assert cold.error is None, cold.payload
        assert cold.payload["directory"] == "/var/task"
        assert cold.payload["load_path"][:3] == ["/var/task", "/var/runtime/lib", "/opt/ruby/lib"]
        assert "Init Duration" in cold.log
        assert "Init Duration" not in call(client).log


GEM = {
    "specifications/library-1.0.gemspec": (
        'Gem::Specification.new { |s| s.name = "library"; s.version = "1.0"; s.summary = "x"; s.authors = ["x"];'
        ' s.require_paths = ["lib"]; s.files = ["lib/library.rb"] }'
    ),
}


async def test_gems_and_libraries_are_found_in_the_package_and_in_layers(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await with_ruby(world)

        def gem(place: str, name: str) -> dict[str, str]:
            library = {"gems/library-1.0/lib/library.rb": f'module Library; NAME = "{name}"; end'}
            return {f"{place}/{path}": text for path, text in {**GEM, **library}.items()}

        packaged = world.version(
            {**FILES, **gem("vendor/bundle/ruby/3.3.0", "package")},
            "app.requires",
            runtime=RUBY,
            layers=world.files(gem("ruby/gems/3.3.0", "layer")),
        )
        assert await world.answer(packaged, "library") == "package"
        layers = world.files(gem("ruby/gems/3.3.0", "layer"))
        layered = world.version(FILES, "app.requires", runtime=RUBY, layers=layers)
        assert await world.answer(layered, "library") == "layer"
        layers = world.files({"ruby/lib/library.rb": 'module Library; NAME = "plain"; end'})
        plain = world.version(FILES, "app.requires", runtime=RUBY, layers=layers)
        assert await world.answer(plain, "library") == "plain"


async def test_an_answer_that_is_too_large_is_an_error_of_the_event(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await with_ruby(world)
        version = world.version(FILES, "app.size", runtime=RUBY)
        assert len(await world.answer(version, {"size": 6_291_556})) == 6_291_554
        document = await world.error(version, {"size": 6_291_557})
        assert document["errorType"] == "Function.ResponseSizeTooLarge"
        assert len(await world.answer(version, {"size": 100})) == 98


async def test_what_ruby_reads_when_it_starts_is_honoured_in_a_process_of_its_own(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await with_ruby(world)
        files = {"own.rb": "def handler(event:, context:) = $VERBOSE"}
        version = world.version(files, "own.handler", runtime=RUBY)
        assert await world.answer(version) is False
        version = world.version(files, "own.handler", runtime=RUBY, variables={"RUBYOPT": "-w"})
        assert await world.answer(version) is True


async def test_a_cell_that_is_given_up_ends_quietly(make_world: MakeWorld) -> None:
    async with make_world() as world:
        await with_ruby(world)
        runtime = await world.runtimes.cell(RUBY)
        await world.plain.prepare(runtime, 1)
        end = await world.plain.give_up_cell(runtime)
        assert (end.status, end.signal) == (0, None)


@pytest.mark.parametrize("runtime", list(ruby.RUNTIMES))
async def test_every_ruby_runs_the_same_function(make_world: MakeWorld, runtime: str) -> None:
    async with make_world() as world:
        try:
            await world.runtimes.cell(runtime)
        except RuntimeAbsent as absent:
            pytest.skip(str(absent))
        assert await world.answer(world.version(FILES, "app.echo", runtime=runtime), {"a": 1}) == {"a": 1}


async def test_a_ruby_elsewhere_than_in_usr_stands_at_its_own_path_inside() -> None:
    elsewhere = Path("/home/somebody/.rbenv/versions/3.3.5")
    interpreter = Interpreter("ruby", (3, 3, 5), elsewhere / "bin" / "ruby", elsewhere)
    runtime = await ruby.Ruby().runtime(RUBY, interpreter)
    assert runtime.argv[0] == str(elsewhere / "bin" / "ruby")
    assert {inside for outside, inside in runtime.mounts if outside == elsewhere} == {str(elsewhere), "/var/lang"}
    assert runtime.release == "ruby:3.3.v5"
