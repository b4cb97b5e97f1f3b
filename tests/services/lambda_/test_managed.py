"""Functions on managed instances: which versions run and how, through an unmodified client."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.errors import refusal
from tests.functions import ROLE, call, package, wait_until_active
from tests.running_node import RunningNode, running_node
from tests.services.lambda_.test_capacity import is_gone, provider, until

pytestmark = pytest.mark.slow

RUNTIME = "python3.13"
CODE = """
import os, time, uuid
HERE = str(uuid.uuid4())
if os.environ.get("BREAKS") == "yes":
    raise ValueError("not today")
def handler(event, context):
    event = event or {}
    if "folder" in event:
        open(f"{event['folder']}/{uuid.uuid4()}", "w").close()
        until = time.monotonic() + 20
        while len(os.listdir(event["folder"])) < event["count"] and time.monotonic() < until:
            time.sleep(0.002)
    if event.get("bus"):
        import boto3
        boto3.client("sqs").send_message(QueueUrl=event["bus"], MessageBody=context.aws_request_id)
    return [os.getppid(), HERE, context.function_version, context.aws_request_id]
"""


@pytest.fixture
def arn(client: Any) -> str:
    return provider(client)


def config(arn: str, **more: Any) -> dict[str, Any]:
    return {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": arn, **more}}


def create(client: Any, arn: str, slots: int = 4, **more: Any) -> dict[str, Any]:
    return dict(
        client.create_function(
            **{
                "FunctionName": "f",
                "Runtime": RUNTIME,
                "Role": ROLE,
                "Handler": "index.handler",
                "Timeout": 20,
                "Code": {"ZipFile": package(index__py=CODE)},
                "CapacityProviderConfig": config(arn, PerExecutionEnvironmentMaxConcurrency=slots),
                **more,
            }
        )
    )


def state(client: Any, qualifier: str = "$LATEST") -> Any:
    return client.get_function_configuration(FunctionName="f", Qualifier=qualifier)["State"]


def until_state(client: Any, wanted: str, qualifier: str = "$LATEST") -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        shown = dict(client.get_function_configuration(FunctionName="f", Qualifier=qualifier))
        if shown.get("StateReasonCode") == "InvalidRuntime":
            pytest.skip(f"{RUNTIME.upper()} IS NOT ON THIS HOST: functions on managed instances were not run")
        if shown["State"] == wanted and shown["LastUpdateStatus"] == "Successful":
            return shown
        assert time.monotonic() < deadline, shown
        time.sleep(0.01)


def publish(client: Any, **more: Any) -> str:
    until_state(client, "ActiveNonInvocable")
    version = str(client.publish_version(FunctionName="f", **more)["Version"])
    until_state(client, "Active", version)
    return version


def at_once(client: Any, count: int, folder: Path, name: str = "f:1", **more: Any) -> list[Any]:
    """Invocations that wait until all of them are there."""
    folder.mkdir(exist_ok=True)
    with ThreadPoolExecutor(count) as threads:
        event = {"folder": str(folder), "count": count, **more}
        return [each.payload for each in threads.map(lambda _: call(client, name, event), range(count))]


def runs(node: RunningNode) -> set[str]:
    return {note.id for note in node.run(node.node.telemetry.recent_notes(kind="run", limit=50))}


def test_a_published_version_takes_several_invocations_at_a_time_in_one_environment(
    client: Any, arn: str, tmp_path: Path
) -> None:
    made = create(client, arn, slots=4)
    assert made["CapacityProviderConfig"] == config(
        arn, PerExecutionEnvironmentMaxConcurrency=4, ExecutionEnvironmentMemoryGiBPerVCpu=2.0
    )
    assert (made["MemorySize"], made["LoggingConfig"]["LogFormat"], "SnapStart" in made) == (2048, "JSON", False)
    assert publish(client) == "1"
    answers = at_once(client, 4, tmp_path / "meet")
    assert len({parent for parent, _, _, _ in answers}) == 1
    assert len({here for _, here, _, _ in answers}) == 4
    assert {version for _, _, version, _ in answers} == {"1"}


def test_who_comes_when_all_slots_are_taken_is_throttled(client: Any, arn: str, tmp_path: Path) -> None:
    create(client, arn, slots=2)
    publish(client)
    client.put_function_scaling_config(
        FunctionName="f", Qualifier="1", FunctionScalingConfig={"MaxExecutionEnvironments": 1}
    )
    folder = tmp_path / "meet"
    folder.mkdir()
    with ThreadPoolExecutor(2) as threads:
        event = {"folder": str(folder), "count": 3}
        running = [threads.submit(call, client, "f:1", event) for _ in range(2)]
        until(lambda: len(list(folder.iterdir())) == 2)
        code, _ = refusal(client.invoke, FunctionName="f:1", Payload=b"{}")
        assert code == "TooManyRequestsException"
        (folder / "third").touch()
        assert all(each.result().error is None for each in running)


def test_latest_cannot_be_invoked_and_its_published_form_is_replaced(client: Any, arn: str) -> None:
    create(client, arn, slots=1)
    until_state(client, "ActiveNonInvocable")
    code, words = refusal(client.invoke, FunctionName="f", Payload=b"{}")
    assert code == "NoPublishedVersionException"
    assert words.startswith("The function can't be invoked because no published version exists.")
    published = client.publish_version(FunctionName="f", PublishTo="LATEST_PUBLISHED")
    assert (published["Version"], published["FunctionArn"].rsplit(":", 1)[1]) == ("$LATEST.PUBLISHED",) * 2
    until_state(client, "Active", "$LATEST.PUBLISHED")
    for name in ("f", "f:$LATEST.PUBLISHED"):
        assert call(client, name).payload[2] == "$LATEST.PUBLISHED"
    code, words = refusal(client.invoke, FunctionName="f", Qualifier="$LATEST", Payload=b"{}")
    assert (code, "can't be invoked with $LATEST qualifier" in words) == ("InvalidParameterValueException", True)
    before = call(client, "f").payload[1]
    client.update_function_code(
        FunctionName="f",
        ZipFile=package(index__py=CODE.replace("context.function_version", "'new'")),
        Publish=True,
        PublishTo="LATEST_PUBLISHED",
    )
    until_state(client, "Active", "$LATEST.PUBLISHED")
    after = call(client, "f").payload
    assert (after[1] != before, after[2]) == (True, "new")
    listed = client.list_versions_by_function(FunctionName="f")["Versions"]
    assert [each["Version"] for each in listed] == ["$LATEST.PUBLISHED", "$LATEST"]
    client.delete_function(FunctionName="f", Qualifier="$LATEST.PUBLISHED")
    assert refusal(client.invoke, FunctionName="f", Payload=b"{}")[0] == "NoPublishedVersionException"


def test_environments_are_started_before_a_version_is_active_and_after_a_restart(tmp_path: Path) -> None:
    with running_node(tmp_path / "node") as node:
        client = node.client("lambda")
        create(client, provider(client), slots=2)
        publish(client)
        assert node.node.environments.counts.environments == 1
        log = call(client, "f:1").log
        assert "platform.start" in log
        assert "billedDurationMs" not in log
        (run,) = node.run(node.node.telemetry.recent_notes(kind="run", limit=10))
        assert (run.detail["cold"], run.detail["usd"], run.detail["gb_s"]) == (False, 2e-07, 0.0)
    with running_node(tmp_path / "node") as node:
        until(lambda: node.node.environments.counts.environments == 1)
        assert call(node.client("lambda"), "f:1").error is None


def test_a_version_whose_init_fails_has_failed_with_awss_code(client: Any, arn: str) -> None:
    create(client, arn, Environment={"Variables": {"BREAKS": "yes"}})
    until_state(client, "ActiveNonInvocable")
    client.publish_version(FunctionName="f")
    until(lambda: state(client, "1") != "Pending")
    shown = client.get_function_configuration(FunctionName="f", Qualifier="1")
    assert (shown["State"], shown["StateReasonCode"]) == ("Failed", "FunctionError.RuntimeInitError")
    assert refusal(client.invoke, FunctionName="f:1", Payload=b"{}")[0] == "ResourceConflictException"


def test_so_many_environments_stand_ready_as_the_scaling_configuration_says(
    client: Any, arn: str, node: RunningNode
) -> None:
    create(client, arn, slots=1)
    publish(client)

    def put(**wanted: int) -> Any:
        return client.put_function_scaling_config(FunctionName="f", Qualifier="1", FunctionScalingConfig=wanted)

    def applied() -> Any:
        return client.get_function_scaling_config(FunctionName="f", Qualifier="1")["AppliedFunctionScalingConfig"]

    assert applied() == {"MinExecutionEnvironments": 1}
    answer = put(MinExecutionEnvironments=3, MaxExecutionEnvironments=3)
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["FunctionState"]) == (202, "Active")
    until(lambda: node.node.environments.counts.environments == 3)
    assert applied() == {"MinExecutionEnvironments": 3, "MaxExecutionEnvironments": 3}
    put(MinExecutionEnvironments=1, MaxExecutionEnvironments=1)
    until(lambda: node.node.environments.counts.environments == 1)
    assert put(MinExecutionEnvironments=0, MaxExecutionEnvironments=0)["FunctionState"] == "Deactivating"
    until(lambda: node.node.environments.counts.environments == 0)
    assert state(client, "1") == "Deactivated"
    code, words = refusal(client.invoke, FunctionName="f:1", Payload=b"{}")
    assert (code, words.endswith("Deactivated")) == ("ResourceConflictException", True)
    assert put(MinExecutionEnvironments=1)["FunctionState"] == "Pending"
    until_state(client, "Active", "1")
    assert call(client, "f:1").error is None
    client.put_function_scaling_config(FunctionName="f", Qualifier="1")
    shown = client.get_function_scaling_config(FunctionName="f", Qualifier="1")
    assert (shown["RequestedFunctionScalingConfig"], shown["FunctionArn"].rsplit(":", 1)[1]) == ({}, "f")
    code, words = refusal(put, MinExecutionEnvironments=2, MaxExecutionEnvironments=1)
    assert (code, "less than or equal" in words) == ("InvalidParameterValueException", True)


def test_a_capacity_provider_in_use_stays_and_tells_by_what(client: Any, arn: str) -> None:
    create(client, arn, slots=1)
    publish(client)
    listed = client.list_function_versions_by_capacity_provider(CapacityProviderName="p")
    assert listed["FunctionVersions"] == [
        {"FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f:1", "State": "Active"}
    ]
    assert refusal(client.delete_capacity_provider, CapacityProviderName="p")[0] == "ResourceConflictException"
    client.delete_function(FunctionName="f")
    client.delete_capacity_provider(CapacityProviderName="p")
    until(lambda: is_gone(client, "p"))


def test_no_more_vcpus_are_used_than_the_capacity_provider_may_have(client: Any) -> None:
    small = provider(client, "small", CapacityProviderScalingConfig={"MaxVCpuCount": 2})
    create(client, small, slots=1, MemorySize=4096)
    publish(client)
    client.update_function_configuration(FunctionName="f", Timeout=7)
    until_state(client, "ActiveNonInvocable")
    client.publish_version(FunctionName="f")
    until(lambda: state(client, "2") != "Pending")
    shown = client.get_function_configuration(FunctionName="f", Qualifier="2")
    assert (shown["State"], shown["StateReasonCode"]) == ("Failed", "CapacityProviderScalingLimitExceeded")


def test_events_streams_urls_and_aliases_reach_published_versions(client: Any, arn: str, node: RunningNode) -> None:
    sqs = node.client("sqs")
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    create(client, arn, slots=2)
    version = publish(client)
    client.create_alias(FunctionName="f", Name="live", FunctionVersion=version)
    assert call(client, "f:live").payload[2] == "1"
    client.invoke(FunctionName="f:live", InvocationType="Event", Payload=json.dumps({"bus": queue}).encode())
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=15)["Messages"]
    until(lambda: message["Body"] in runs(node))
    stream = client.invoke_with_response_stream(FunctionName="f:live", Payload=b"{}")["EventStream"]
    pieces = [event["PayloadChunk"]["Payload"] for event in stream if "PayloadChunk" in event]
    assert json.loads(b"".join(pieces))[2] == "1"
    client.create_function_url_config(FunctionName="f", Qualifier="live", AuthType="NONE")


def test_what_a_function_calls_is_told_to_be_caused_by_its_own_invocation(
    client: Any, arn: str, node: RunningNode, tmp_path: Path
) -> None:
    sqs = node.client("sqs")
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    create(client, arn, slots=3)
    publish(client)
    answers = at_once(client, 3, tmp_path / "meet", bus=queue)
    wanted = sorted(answer[3] for answer in answers)

    def causes() -> list[str]:
        sent = node.run(node.node.telemetry.recent_notes(kind="call", limit=200))
        return sorted(note.cause for note in sent if note.name.endswith("SendMessage"))

    until(lambda: causes() == wanted)


def test_what_managed_instances_do_not_have_is_refused(client: Any, arn: str) -> None:
    for more, words in (
        ({"Runtime": "python3.12"}, "python3.12"),
        ({"Runtime": "nodejs20.x"}, "nodejs20.x"),
        ({"Runtime": "provided.al2"}, "provided.al2"),
        ({"MemorySize": 1024}, "must have memory size greater than or equal to 2048"),
        ({"SnapStart": {"ApplyOn": "PublishedVersions"}}, "SnapStart"),
        ({"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}, "tenant isolation"),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}, "VPC configurations"),
        ({"LoggingConfig": {"LogFormat": "Text"}}, "LogFormat"),
        ({"Architectures": ["arm64"]}, "arm64"),
        ({"CapacityProviderConfig": config(arn, ExecutionEnvironmentMemoryGiBPerVCpu=4.0)}, "1 vCPU"),
    ):
        code, message = refusal(create, client=client, arn=arn, **more)
        assert code in ("InvalidParameterValueException", "ValidationException"), message
        assert words in message
    assert refusal(create, client=client, arn=arn + "x")[0] == "ResourceNotFoundException"
    ordinary = {"FunctionName": "g", "Runtime": RUNTIME, "Role": ROLE, "Handler": "index.handler"}
    client.create_function(**ordinary, Code={"ZipFile": package(index__py=CODE)})
    wait_until_active(client, "g")
    code, words = refusal(client.update_function_configuration, FunctionName="g", CapacityProviderConfig=config(arn))
    assert words == "CapacityProviderConfig isn't supported for Lambda Default functions."
    assert refusal(client.publish_version, FunctionName="g", PublishTo="LATEST_PUBLISHED")[0] == code
    client.publish_version(FunctionName="g")
    wanted = {"FunctionName": "g", "Qualifier": "1"}
    assert refusal(client.put_function_scaling_config, **wanted)[0] == code
    assert (
        refusal(client.get_function_scaling_config, FunctionName="f", Qualifier="9")[0] == "ResourceNotFoundException"
    )
    create(client, arn, slots=1)
    publish(client)
    provisioned = {"FunctionName": "f", "Qualifier": "1", "ProvisionedConcurrentExecutions": 1}
    assert refusal(client.put_provisioned_concurrency_config, **provisioned)[0] == code


def test_each_invocation_counts_against_what_is_reserved(client: Any, arn: str, tmp_path: Path) -> None:
    create(client, arn, slots=4)
    publish(client)
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=2)
    folder = tmp_path / "meet"
    folder.mkdir()
    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(call, client, "f:1", {"folder": str(folder), "count": 3}) for _ in range(2)]
        until(lambda: len(list(folder.iterdir())) == 2)
        code, _ = refusal(client.invoke, FunctionName="f:1", Payload=b"{}")
        assert code == "TooManyRequestsException"
        (folder / "third").touch()
        assert all(each.result().error is None for each in running)
