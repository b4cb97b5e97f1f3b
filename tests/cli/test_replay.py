"""Past invocations looked at and run again, as a user types it, against a real node."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests import functions
from tests.cli.conftest import Said, typed, wakeful
from tests.node_process import NodeProcess
from tests.running_node import RunningNode, running_node
from wakeful import limits

pytestmark = pytest.mark.slow

CODE = """
def handler(event, context):
    print("got", event)
    if event == "fail" or event == "fail still":
        raise ValueError("as asked for")
    if event == "large":
        return "y" * 5_000_000
    return {"status": 200, "items": [1, 2], "id": context.aws_request_id, "who": context.client_context and 1}
"""
BETTER = """
def handler(event, context):
    print("got", event)
    print("and more")
    if event == "fail still":
        raise KeyError("another")
    return {"status": 201, "items": [0, 1, 2], "id": context.aws_request_id, "who": None}
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    with running_node(tmp_path_factory.mktemp("node") / "data") as started:
        functions.deploy(started.client("lambda"), code=CODE)
        yield started


@pytest.fixture
def better(tmp_path: Path) -> str:
    folder = tmp_path / "better"
    folder.mkdir()
    (folder / "index.py").write_text(BETTER)
    return str(folder)


def invoked(node: RunningNode, event: Any, name: str = "f", key: str = "test", **more: Any) -> str:
    """The request id of an invocation that is over."""
    answer = node.client("lambda", key=key).invoke(FunctionName=name, Payload=json.dumps(event), **more)
    answer["Payload"].read()
    return str(answer["ResponseMetadata"]["RequestId"])


def say(node: RunningNode, *words: str, **variables: str) -> Said:
    return wakeful(*words, endpoint=node.endpoint, **variables)


def replayed(node: RunningNode, *words: str, status: int = 0) -> dict[str, Any]:
    said = say(node, "replay", *words, "--json")
    assert said.status == status, said
    document: dict[str, Any] = json.loads(said.out)
    return document


def left_of_trials(node: RunningNode) -> list[Any]:
    return list(node.run(node.node.store.read(lambda tx: tx.all("SELECT id FROM lambda_trials"))))


# --- looking ---------------------------------------------------------------------------------------------------------


def test_an_event_is_printed_as_it_was_and_what_it_answered(node: RunningNode) -> None:
    context = base64.b64encode(b'{"custom":{"a":"b"}}').decode()
    request_id = invoked(node, {"a": "ü"}, ClientContext=context)
    assert say(node, "event", request_id).out == '{"a": "\\u00fc"}\n'
    assert json.loads(say(node, "event", request_id, "--answer").out)["id"] == request_id
    told = json.loads(say(node, "event", request_id, "--json").out)
    assert (told["kind"], told["source"]) == ("RequestResponse", "arn:aws:iam::000000000000:root")
    assert (told["client_context"], told["tenant"], told["is_failed"]) == ('{"custom":{"a":"b"}}', None, False)


def test_traces_say_what_can_be_replayed(node: RunningNode) -> None:
    request_id = invoked(node, 1)
    (latest,) = [line for line in say(node, "trace").out.splitlines() if request_id in line]
    assert f"{request_id} ↻ f" in latest
    assert "recorded, for `wakeful replay ID`" in say(node, "trace", request_id).out


# --- replaying -------------------------------------------------------------------------------------------------------


def test_a_replay_of_the_same_code_is_told_to_be_the_same(node: RunningNode) -> None:
    request_id = invoked(node, {"a": 1})
    said = say(node, "replay", request_id)
    assert (said.status, "The answers are the same." in said.out) == (0, True)
    assert "The logs are the same." in said.out
    assert all(len(line) <= 80 for line in said.out.splitlines())


def test_a_replay_is_in_the_story_as_an_effect_of_what_it_replays(node: RunningNode) -> None:
    request_id = invoked(node, {"a": 1})
    found = replayed(node, request_id)
    assert found["now"]["request_id"] != request_id
    assert found["now"]["replay_of"] == request_id
    told = say(node, "trace", request_id).out
    assert "), replay " in told
    notes = json.loads(say(node, "trace", request_id, "--json").out)["notes"]
    assert [(note["id"], note["cause"]) for note in notes if note["kind"] == "run"][1:] == [
        (found["now"]["request_id"], request_id)
    ]
    assert replayed(node, found["now"]["request_id"])["equal"], "a replay can be replayed"


def test_new_code_is_tried_and_the_difference_is_shown_member_by_member(node: RunningNode, better: str) -> None:
    request_id = invoked(node, {"a": 1})
    found = replayed(node, request_id, "--code", better, status=1)
    assert found["equal"] is False
    assert found["changes"] == [
        {"kind": "changed", "path": "status", "then": 200, "now": 201},
        {"kind": "added", "path": "items[0]", "now": 0},
    ]
    assert (found["then"]["log"], found["now"]["log"]) == (["got {'a': 1}"], ["got {'a': 1}", "and more"])
    for width in (80, 160):
        said = say(node, "replay", request_id, "--code", better, COLUMNS=str(width))
        assert said.status == 1
        assert "  ~ status  200 → 201" in said.out.splitlines()
        assert '"status": 200,' in said.out
        assert " ≠   " in said.out
        assert all(len(line) <= width for line in said.out.splitlines())


def test_nobody_else_gets_new_code_and_nothing_of_it_is_left(node: RunningNode, better: str) -> None:
    client = node.client("lambda")
    before = client.get_function(FunctionName="f")["Configuration"]
    request_id = invoked(node, {"a": 1})
    pool = node.node.environments
    revisions = {each.version.revision for each in pool._idle}
    assert revisions
    replayed(node, request_id, "--code", better, status=1)
    assert functions.call(client).payload["status"] == 200
    assert client.get_function(FunctionName="f")["Configuration"] == before
    assert [each["FunctionName"] for each in client.list_functions()["Functions"]].count("f") == 1
    assert left_of_trials(node) == []
    assert {each.version.revision for each in pool._idle} <= revisions


def test_an_error_is_compared_with_its_type_and_its_lines(node: RunningNode, better: str) -> None:
    request_id = invoked(node, "fail")
    same = say(node, "replay", request_id)
    assert (same.status, same.out.count("failed: ValueError: as asked")) == (0, 2)
    found = replayed(node, request_id, "--code", better, status=1)
    assert (found["then"]["is_failed"], found["now"]["is_failed"]) == (True, False)
    other = replayed(node, invoked(node, "fail still"), "--code", better, status=1)
    assert {"kind": "changed", "path": "errorType", "then": "ValueError", "now": "KeyError"} in other["changes"]
    assert any(change["path"].startswith("stackTrace[0]") for change in other["changes"])


def test_quiet_says_it_by_the_exit_status_alone(node: RunningNode, better: str) -> None:
    request_id = invoked(node, {"a": 1})
    assert say(node, "replay", request_id, "--quiet") == Said(0, "", "")
    said = say(node, "replay", request_id, "--quiet", "--code", better)
    assert (said.status, said.out) == (1, "")


def test_a_zip_is_as_good_as_a_folder_and_what_is_neither_is_told(node: RunningNode, tmp_path: Path) -> None:
    request_id = invoked(node, {"a": 1})
    package = tmp_path / "better.zip"
    package.write_bytes(functions.package(index__py=BETTER))
    assert replayed(node, request_id, "--code", str(package), status=1)["now"]["is_failed"] is False
    package.write_bytes(b"no zip")
    said = say(node, "replay", request_id, "--code", str(package))
    assert (said.status, "Could not unzip" in said.err) == (2, True)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert say(node, "replay", request_id, "--code", str(empty)) == Said(2, "", f"There is no file in {empty}.\n")
    missing = say(node, "replay", request_id, "--code", str(tmp_path / "nowhere"))
    assert (missing.status, "cannot be read: No such file" in missing.err) == (2, True)


def test_another_version_can_be_chosen(node: RunningNode) -> None:
    client = node.client("lambda")
    functions.deploy(client, "versions", code=CODE, Publish=True)
    client.update_function_code(FunctionName="versions", ZipFile=functions.package(index__py=BETTER))
    functions.wait_until_updated(client, "versions")
    client.create_alias(FunctionName="versions", Name="live", FunctionVersion="1")
    request_id = invoked(node, {}, "versions")
    assert replayed(node, request_id)["now"]["version"] == "$LATEST"
    for version in ("1", "live"):
        found = replayed(node, request_id, "--version", version, status=1)
        assert (found["now"]["version"], found["changes"][0]["now"]) == ("1", 200)
    called_by_alias = invoked(node, {}, "versions", Qualifier="live")
    found = replayed(node, called_by_alias)
    assert (found["now"]["invoked_arn"].rsplit(":", 1)[1], found["now"]["version"]) == ("live", "1")
    said = say(node, "replay", request_id, "--version", "9")
    assert (said.status, "Function not found" in said.err) == (2, True)


def test_the_last_one_and_all_that_failed(node: RunningNode, better: str) -> None:
    functions.deploy(node.client("lambda"), "many", code=CODE)
    assert say(node, "replay", "--failed", "many") == Said(0, "No invocation of many that failed is recorded.\n", "")
    said = say(node, "replay", "--last", "many")
    assert (said.status, said.err) == (2, "No invocation of many is recorded.\n")
    ids = [invoked(node, event, "many") for event in ("fail", "well", "fail still")]
    assert replayed(node, "--last", "many")["then"]["request_id"] == ids[2]
    as_it_is = say(node, "replay", "--failed", "many")
    assert (as_it_is.status, as_it_is.out.splitlines()[-1]) == (1, "0 of 2 now pass, 2 still fail.")
    told = say(node, "replay", "--failed", "many", "--since", "1h", "--code", better)
    assert told.status == 1
    first, second, summary = told.out.splitlines()
    assert first.startswith(f"✓ {ids[0]}")
    assert second.startswith(f"✗ {ids[2]}")
    assert second.endswith("KeyError: 'another'")
    assert summary == "1 of 2 now pass, 1 still fail."
    assert left_of_trials(node) == []
    found = json.loads(say(node, "replay", "--failed", "many", "--code", better, "--json").out)
    assert (found["pass"], found["fail"], len(found["replayed"])) == (1, 1, 2)


def test_a_large_event_and_answer_are_recorded_whole(node: RunningNode) -> None:
    large = "x" * (6 * 1024 * 1024 - 100)
    request_id = invoked(node, large)
    assert json.loads(say(node, "event", request_id).out) == large
    request_id = invoked(node, "large")
    assert len(say(node, "event", request_id, "--answer").out) == 5_000_000 + 3


# --- how it may end --------------------------------------------------------------------------------------------------


def test_errors_end_with_two_and_a_sentence(node: RunningNode) -> None:
    unknown = say(node, "replay", "unknown")
    assert unknown == Said(2, "", "No invocation with the request id unknown is known.\n")
    assert say(node, "replay").status == 2
    assert say(node, "replay", "x", "--last", "f").status == 2
    assert say(node, "replay", "--failed", "f", "--since", "soon").status == 2
    assert wakeful("replay", "x").status == 2, "no node answers"
    assert wakeful("event", "x").status == 1


def test_a_function_that_is_gone_cannot_be_replayed_but_looked_at(node: RunningNode, better: str) -> None:
    client = node.client("lambda")
    functions.deploy(client, "gone", code=CODE)
    request_id = invoked(node, {"a": 1}, "gone")
    client.delete_function(FunctionName="gone")
    assert say(node, "event", request_id).out == '{"a": 1}\n'
    for more in ((), ("--code", better)):
        said = say(node, "replay", request_id, *more)
        assert (said.status, "Function not found" in said.err) == (2, True)


def test_other_accounts_and_functions_inside_see_nothing(node: RunningNode) -> None:
    request_id = invoked(node, {"secret": 1})
    key = {"AWS_ACCESS_KEY_ID": "222222222222", "AWS_SECRET_ACCESS_KEY": "x"}
    for command in ("event", "replay"):
        said = say(node, command, request_id, **key)
        assert (said.out, said.err) == ("", f"No invocation with the request id {request_id} is known.\n")
    said = say(node, "replay", "--last", "arn:aws:lambda:us-east-1:000000000000:function:f", **key)
    assert (said.status, "Function not found" in said.err) == (2, True)
    looks = f"""
import boto3, os, urllib.error, urllib.request
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
def handler(event, context):
    url = os.environ["AWS_ENDPOINT_URL"] + "/_wakeful/lambda/recorded/{request_id}"
    request = AWSRequest("GET", url)
    SigV4Auth(boto3.Session().get_credentials(), "lambda", "us-east-1").add_auth(request)
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=dict(request.headers))).status
    except urllib.error.HTTPError as error:
        return error.code
"""
    functions.deploy(node.client("lambda"), "looks", code=looks, Timeout=20)
    assert functions.call(node.client("lambda"), "looks").payload == 403


def test_nothing_is_told_without_a_signature(node: RunningNode) -> None:
    request_id = invoked(node, {"secret": 1})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{node.endpoint}/_wakeful/lambda/recorded/{request_id}")
    with refused.value:
        assert refused.value.code == 403
        assert b"secret" not in refused.value.read()


def test_who_may_not_invoke_may_not_look(tmp_path: Path) -> None:
    made = wakeful("keys", "create", "--data-dir", str(tmp_path / "data"))
    root = dict(line.removeprefix("export ").split("=", 1) for line in made.out.splitlines())
    with running_node(tmp_path / "data", iam="enforce") as node:
        keys = {"key": root["AWS_ACCESS_KEY_ID"], "secret": root["AWS_SECRET_ACCESS_KEY"]}
        iam, client = (node.client(service, **keys) for service in ("iam", "lambda"))
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": trust})
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        functions.deploy(client, code=CODE, Role=role)
        answer = client.invoke(FunctionName="f", Payload=b"1")
        request_id = answer["ResponseMetadata"]["RequestId"]
        iam.create_user(UserName="u")
        made_key = iam.create_access_key(UserName="u")["AccessKey"]
        user = {"AWS_ACCESS_KEY_ID": made_key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": made_key["SecretAccessKey"]}

        def allow(*actions: str) -> None:
            statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
            iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=policy)

        allow("lambda:InvokeFunction")
        said = say(node, "event", request_id, **user)
        assert (said.out, "lambda:GetFunction" in said.err) == ("", True)
        allow("lambda:InvokeFunction", "lambda:GetFunction")
        assert say(node, "event", request_id, **user).out == "1\n"
        assert say(node, "replay", request_id, "--quiet", **user).status == 0
        package = tmp_path / "code.zip"
        package.write_bytes(functions.package(index__py=CODE))
        said = say(node, "replay", request_id, "--code", str(package), **user)
        assert (said.status, "lambda:UpdateFunctionCode" in said.err) == (2, True)


def test_what_is_too_old_or_was_not_recorded_is_told_to_be_so(tmp_path: Path) -> None:
    with running_node(tmp_path / "data", record_hours=1) as node:
        functions.deploy(node.client("lambda"), code=CODE)
        request_id = invoked(node, 1)
        assert say(node, "event", request_id).status == 0
        node.advance(3700)
        said = say(node, "replay", request_id)
        assert said == Said(2, "", f"What was recorded of the invocation {request_id} is not kept any more.\n")
        assert "↻" not in say(node, "trace").out
    with running_node(tmp_path / "data", record_mb=0) as node:
        request_id = invoked(node, 1)
        said = say(node, "replay", request_id)
        assert said == Said(2, "", f"The invocation {request_id} was not recorded.\n")


def test_code_that_nobody_took_away_goes_by_itself(node: RunningNode, better: str, tmp_path: Path) -> None:
    """As after a kill -9 of the command."""
    from wakeful.cli import client
    from wakeful.cli.package import package_of

    trial = client.lambda_("POST", "trials?function=f", node.endpoint, package_of(Path(better)))["trial"]
    request_id = invoked(node, {"a": 1})
    wanted = json.dumps({"request_id": request_id, "trial": trial}).encode()
    assert b"201" in json.dumps(client.lambda_("POST", "replays", node.endpoint, wanted)).encode()
    node.advance(limits.LAMBDA_TRIAL_S - 1)
    assert [row["id"] for row in left_of_trials(node)] == [trial]
    node.advance(2)
    assert left_of_trials(node) == []
    assert all(each.version.revision != trial for each in node.node.environments._idle)


def test_ctrl_c_takes_new_code_away(node: RunningNode, tmp_path: Path) -> None:
    request_id = invoked(node, {"a": 1})
    begun = tmp_path / "begun"
    folder = tmp_path / "slow"
    folder.mkdir()
    code = f"import time\ndef handler(event, context):\n    open({str(begun)!r}, 'w').close()\n    time.sleep(2)\n"
    (folder / "index.py").write_text(code)
    with typed("replay", request_id, "--code", str(folder), endpoint=node.endpoint) as command:
        while not begun.exists():
            assert command._process.poll() is None, command.rest()
        command.interrupt()
        assert command.rest().status != 0
    assert left_of_trials(node) == []


# --- every way in ----------------------------------------------------------------------------------------------------


def test_events_come_back_whichever_way_they_came(node: RunningNode) -> None:
    client, sqs = node.client("lambda"), node.client("sqs")
    functions.deploy(client, "ways", code="def handler(event, context):\n    return event\n")
    invoked(node, {"way": "async"}, "ways", InvocationType="Event")
    stream = client.invoke_with_response_stream(FunctionName="ways", Payload=b'{"way": "stream"}')
    assert list(stream["EventStream"])
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client.create_event_source_mapping(FunctionName="ways", EventSourceArn=arn)
    sqs.send_message(QueueUrl=queue, MessageBody="way")
    url = client.create_function_url_config(FunctionName="ways", AuthType="NONE")["FunctionUrl"]
    for action, more in (
        ("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"}),
        ("lambda:InvokeFunction", {"InvokedViaFunctionUrl": True}),
    ):
        sid = action.rpartition(":")[2]
        client.add_permission(FunctionName="ways", StatementId=sid, Action=action, Principal="*", **more)
    place = url.split("//")[1].split(".")[0]
    with urllib.request.urlopen(f"{node.endpoint}/_wakeful/urls/{place}/path") as response:
        assert response.status == 200
    node.settle()
    ids = {note["id"] for note in _notes(node, "ways")}
    told = {each["kind"]: each for each in (json.loads(say(node, "event", each, "--json").out) for each in ids)}
    assert set(told) == {"Event", "ResponseStream", "EventSourceMapping", "FunctionUrl"}
    assert told["EventSourceMapping"]["source"] == arn
    assert told["Event"]["source"] == "arn:aws:iam::000000000000:root"
    assert json.loads(told["ResponseStream"]["answer"]["text"]) == {"way": "stream"}
    for each in told.values():
        assert replayed(node, each["request_id"])["equal"], each["kind"]


def test_a_delivered_event_tells_what_delivered_it(node: RunningNode) -> None:
    client, sns = node.client("lambda"), node.client("sns")
    arn = functions.deploy(client, "told", code=CODE)
    topic = sns.create_topic(Name="t")["TopicArn"]
    client.add_permission(
        FunctionName="told", StatementId="s", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com"
    )
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="hello")
    node.settle()
    (run,) = _notes(node, "told")
    assert json.loads(say(node, "event", run["id"], "--json").out)["source"] == topic


def _notes(node: RunningNode, name: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{node.endpoint}/_wakeful/notes?kind=run&name={name}") as answer:
        notes: list[dict[str, Any]] = json.load(answer)["notes"]
    return notes


@functions.needs_node
def test_what_was_streamed_piece_by_piece_is_recorded_and_replayed_whole(node: RunningNode) -> None:
    code = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.setContentType("text/plain");
  for (const piece of ["a", "b", "c"]) stream.write(piece + event);
  stream.end();
});
"""
    client = node.client("lambda")
    package = {"ZipFile": functions.package(index__js=code)}
    functions.deploy(client, "stream", Runtime=functions.NODE_RUNTIME, Code=package)
    answer = client.invoke_with_response_stream(FunctionName="stream", Payload=b"7")
    pieces = [each["PayloadChunk"]["Payload"] for each in answer["EventStream"] if "PayloadChunk" in each]
    assert b"".join(pieces) == b"a7b7c7"
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert say(node, "event", request_id, "--answer").out == "a7b7c7\n"
    found = replayed(node, request_id)
    assert (found["equal"], found["now"]["answer"]) == (True, {"text": "a7b7c7"})


def test_a_tenant_and_an_invocation_of_a_durable_execution(node: RunningNode) -> None:
    client = node.client("lambda")
    code = "def handler(event, context):\n    return context.tenant_id\n"
    functions.deploy(client, "tenants", code=code, TenancyConfig={"TenantIsolationMode": "PER_TENANT"})
    found = replayed(node, invoked(node, 1, "tenants", TenantId="blue"))
    assert (found["equal"], found["now"]["answer"], found["now"]["tenant"]) == (True, {"text": '"blue"'}, "blue")
    looks_so = {"DurableExecutionArn": "a", "CheckpointToken": "t", "InitialExecutionState": {}}
    assert replayed(node, invoked(node, looks_so))["equal"], "of a function that is none"
    code = "def handler(event, context):\n    return {'Status': 'SUCCEEDED', 'Result': '1'}\n"
    functions.deploy(client, "durable", code=code, DurableConfig={"ExecutionTimeout": 60, "RetentionPeriodInDays": 1})
    answer = client.invoke(FunctionName="durable", Qualifier="$LATEST", Payload=b"{}")
    assert answer["Payload"].read() == b"1"
    (run,) = _notes(node, "durable")
    told = json.loads(say(node, "event", run["id"], "--json").out)
    assert (told["kind"], told["source"]) == ("DurableExecution", answer["DurableExecutionArn"])
    said = say(node, "replay", run["id"])
    assert (said.status, "does not replay durable executions yet" in said.err) == (2, True)


def test_a_request_that_makes_no_sense_is_told_so(node: RunningNode) -> None:
    request_id = invoked(node, 1)
    for wanted in ({"request_id": 7}, {"request_id": request_id, "qualifier": {"a": 1}}, {"request_id": "\0"}):
        assert asked(node, "POST", "replays", wanted) == 400, wanted
    for limit in ("0", "1001", "%C2%B2", "1" * 5000):
        assert asked(node, "GET", f"recorded?function=f&limit={limit}") == 400, limit


def asked(node: RunningNode, method: str, path: str, body: Any = None) -> int:
    """The status of the answer to a signed request."""
    data = None if body is None else json.dumps(body).encode()
    signed = AWSRequest(method, f"{node.endpoint}/_wakeful/lambda/{path}", data=data)
    SigV4Auth(Credentials("test", "test"), "lambda", "us-east-1").add_auth(signed)
    request = urllib.request.Request(signed.url, data, dict(signed.headers), method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


# --- restarts --------------------------------------------------------------------------------------------------------


def test_recordings_outlive_a_restart_and_a_kill(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data", "--isolation", "none")
    node.start()
    try:
        client = node.client("lambda")
        functions.deploy(client, code=CODE)
        ids: list[str] = []
        for stop in (node.stop, node.kill):
            client = node.client("lambda")
            answer = client.invoke(FunctionName="f", Payload=json.dumps({"n": len(ids)}))
            answer["Payload"].read()
            ids.append(answer["ResponseMetadata"]["RequestId"])
            assert wakeful("event", ids[-1], endpoint=node.endpoint).status == 0  # who reads, sees it written
            stop()
            node.start()
            for number, request_id in enumerate(ids):
                assert wakeful("event", request_id, endpoint=node.endpoint).out == json.dumps({"n": number}) + "\n"
        assert wakeful("replay", ids[0], "--quiet", endpoint=node.endpoint).status == 0
    finally:
        if node.is_running:
            node.stop()
