"""What is configured of asynchronous invocations, through boto3: success, errors, and what goes along with what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.errors import refusal, status_of
from tests.functions import deploy
from tests.running_node import RunningNode, running_node

pytestmark = pytest.mark.slow

HERE = "us-east-1:000000000000"
ARN = f"arn:aws:lambda:{HERE}:function:f"


@pytest.fixture
def node(tidied_node: RunningNode) -> RunningNode:
    return tidied_node


def shown(config: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in ("ResponseMetadata", "LastModified")}


def test_a_function_a_version_and_an_alias_have_a_configuration_of_their_own(node: RunningNode, client: Any) -> None:
    deploy(client)
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    for qualifier, retries in ((None, 0), ("1", 1), ("live", 2)):
        more = {"Qualifier": qualifier} if qualifier else {}
        put = client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=retries, **more)
        assert shown(put) == {
            "FunctionArn": f"{ARN}:{qualifier or '$LATEST'}",
            "MaximumRetryAttempts": retries,
            "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
        }
        assert put["LastModified"].timestamp() == pytest.approx(node.node.clock.now(), abs=5)
        assert shown(client.get_function_event_invoke_config(FunctionName="f", **more)) == shown(put)
    latest = client.get_function_event_invoke_config(FunctionName=f"{ARN}:$LATEST")
    assert latest["MaximumRetryAttempts"] == 0
    listed = client.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"]
    assert [each["FunctionArn"] for each in listed] == [f"{ARN}:{name}" for name in ("$LATEST", "1", "live")]


def test_put_replaces_everything_and_update_what_it_names(node: RunningNode, client: Any) -> None:
    deploy(client)
    topic = node.client("sns").create_topic(Name="t")["TopicArn"]
    bus = f"arn:aws:events:{HERE}:event-bus/default"
    both = {"OnSuccess": {"Destination": topic}, "OnFailure": {"Destination": bus}}
    client.put_function_event_invoke_config(
        FunctionName="f", MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60, DestinationConfig=both
    )
    updated = client.update_function_event_invoke_config(FunctionName="f", MaximumEventAgeInSeconds=21600)
    assert shown(updated) == {
        "FunctionArn": f"{ARN}:$LATEST",
        "MaximumRetryAttempts": 1,
        "MaximumEventAgeInSeconds": 21600,
        "DestinationConfig": both,
    }
    one_less = client.update_function_event_invoke_config(
        FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": ""}}
    )
    assert one_less["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {"Destination": bus}}
    put = client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0)
    assert "MaximumEventAgeInSeconds" not in put
    assert put["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}


def test_what_is_not_configured_is_not_found(client: Any) -> None:
    deploy(client)
    missing = f"The function {ARN}:$LATEST doesn't have an EventInvokeConfig"
    for operation in (client.get_function_event_invoke_config, client.delete_function_event_invoke_config):
        assert refusal(operation, FunctionName="f") == ("ResourceNotFoundException", missing)
    update = client.update_function_event_invoke_config
    assert refusal(update, FunctionName="f", MaximumRetryAttempts=1) == ("ResourceNotFoundException", missing)
    put = client.put_function_event_invoke_config
    for more in ({"FunctionName": "nobody"}, {"FunctionName": "f", "Qualifier": "7"}):
        refused = refusal(put, MaximumRetryAttempts=1, **more)
        assert refused == ("ResourceNotFoundException", "The function doesn't exist.")
    listing = client.list_function_event_invoke_configs
    assert refusal(listing, FunctionName="nobody") == ("ResourceNotFoundException", "The function doesn't exist.")
    assert refusal(listing, FunctionName="f:1")[0] == "InvalidParameterValueException"


def test_a_configuration_is_deleted_and_goes_with_what_it_is_of(client: Any) -> None:
    deploy(client)
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    for qualifier in ("$LATEST", "1", "live"):
        client.put_function_event_invoke_config(FunctionName="f", Qualifier=qualifier, MaximumRetryAttempts=1)
    answer = client.delete_function_event_invoke_config(FunctionName="f")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    client.delete_alias(FunctionName="f", Name="live")
    listed = client.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"]
    assert [each["FunctionArn"] for each in listed] == [f"{ARN}:1"]
    client.delete_function(FunctionName="f", Qualifier="1")
    assert client.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"] == []
    client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    client.delete_function(FunctionName="f")
    deploy(client)
    assert client.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"] == []


def test_a_list_comes_in_pages(client: Any) -> None:
    deploy(client)
    client.publish_version(FunctionName="f")
    names = [f"alias-{letter}" for letter in "abcde"]
    for name in names:
        client.create_alias(FunctionName="f", Name=name, FunctionVersion="1")
        client.put_function_event_invoke_config(FunctionName="f", Qualifier=name, MaximumRetryAttempts=1)
    pages = client.get_paginator("list_function_event_invoke_configs").paginate(
        FunctionName="f", PaginationConfig={"PageSize": 2}
    )
    found = [[each["FunctionArn"].rsplit(":", 1)[1] for each in page["FunctionEventInvokeConfigs"]] for page in pages]
    assert found == [names[:2], names[2:4], names[4:]]


def test_what_cannot_be_configured_is_refused_in_awss_words(node: RunningNode, client: Any) -> None:
    deploy(client)
    node.client("s3").create_bucket(Bucket="records")
    put = client.put_function_event_invoke_config
    unchecked = node.client("lambda", config={"parameter_validation": False})
    assert refusal(put, FunctionName="f") == (
        "InvalidParameterValueException",
        "You must specify at least one of error handling or destination setting.",
    )
    for more in ({"MaximumRetryAttempts": 3}, {"MaximumEventAgeInSeconds": 59}, {"MaximumEventAgeInSeconds": 21601}):
        code, message = refusal(unchecked.put_function_event_invoke_config, FunctionName="f", **more)
        assert code == "ValidationException"
        assert "failed to satisfy constraint: Member must have value" in message
    own = {"OnFailure": {"Destination": f"{ARN}:1"}}
    assert refusal(put, FunctionName="f", DestinationConfig=own) == (
        "InvalidParameterValueException",
        "You can't specify the function as a destination for itself.",
    )
    for side, arn, told in (
        (
            "OnSuccess",
            "arn:aws:s3:::records",
            "(onSuccess=OnSuccess(destination=arn:aws:s3:::records), onFailure=null)",
        ),
        ("OnFailure", f"arn:aws:kinesis:{HERE}:stream/s", "(onSuccess=null, onFailure=OnFailure(destination="),
        ("OnFailure", f"arn:aws:events:{HERE}:rule/r", "(onSuccess=null, onFailure=OnFailure(destination="),
    ):
        code, message = refusal(put, FunctionName="f", DestinationConfig={side: {"Destination": arn}})
        assert code == "InvalidParameterValueException"
        assert message.startswith(f"The provided destination config DestinationConfig{told}")
    for arn in (
        f"arn:aws:sqs:{HERE}:none",
        f"arn:aws:sqs:{HERE}:q.fifo",
        f"arn:aws:lambda:{HERE}:function:none",
        "arn:aws:s3:::nobodys-bucket",
    ):
        refused = refusal(put, FunctionName="f", DestinationConfig={"OnFailure": {"Destination": arn}})
        assert refused == ("InvalidParameterValueException", f"The destination ARN {arn} is invalid.")
    ordered = {"OnFailure": {"Destination": f"arn:aws:sns:{HERE}:t.fifo"}}
    message = "FIFO-type Amazon SNS topics aren't supported as a destination."
    assert refusal(put, FunctionName="f", DestinationConfig=ordered) == ("InvalidParameterValueException", message)
    letters = {"TargetArn": f"arn:aws:sqs:{HERE}:q.fifo"}
    message = "Invalid dead letter queue ARN: FIFO SQS queue is not supported for dead letter configuration"
    refused = refusal(client.update_function_configuration, FunctionName="f", DeadLetterConfig=letters)
    assert refused == ("InvalidParameterValueException", message)
    assert status_of(client.get_function_event_invoke_config, FunctionName="f") == 404


def test_the_functions_role_must_be_allowed_to_send(tmp_path: Path) -> None:
    with running_node(tmp_path, iam="enforce") as node:
        client = node.client("lambda")
        node.client("sqs").create_queue(QueueName="q")
        node.client("sns").create_topic(Name="t")
        node.client("s3").create_bucket(Bucket="records")
        allow(node, "sts:GetCallerIdentity")
        deploy(client, Role="arn:aws:iam::000000000000:role/r")
        deploy(client, "g", Role="arn:aws:iam::000000000000:role/r")
        places = {
            f"arn:aws:sqs:{HERE}:q": "SendMessage",
            f"arn:aws:sns:{HERE}:t": "Publish",
            f"arn:aws:lambda:{HERE}:function:g": "InvokeFunction",
            f"arn:aws:events:{HERE}:event-bus/default": "PutEvents",
            "arn:aws:s3:::records": "ListBucket",
        }
        put = client.put_function_event_invoke_config
        for arn, action in places.items():
            refused = refusal(put, FunctionName="f", DestinationConfig={"OnFailure": {"Destination": arn}})
            message = f"The function's execution role does not have permissions to call {action} on {arn}"
            assert refused == ("InvalidParameterValueException", message)
        allow(node, "s3:ListBucket")
        bucket = {"OnFailure": {"Destination": "arn:aws:s3:::records"}}
        assert (
            "to call PutObject on arn:aws:s3:::records" in refusal(put, FunctionName="f", DestinationConfig=bucket)[1]
        )
        allow(node, "sqs:*", "sns:*", "lambda:*", "events:*", "s3:*")
        for arn in places:
            put(FunctionName="f", DestinationConfig={"OnFailure": {"Destination": arn}})
        url = node.client("sqs").get_queue_url(QueueName="q")["QueueUrl"]
        assert "Messages" not in node.client("sqs").receive_message(QueueUrl=url), "asking left something behind"


def allow(node: RunningNode, *actions: str) -> None:
    """The role `r` of functions may do this, and nothing else."""
    iam = node.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    if not [role for role in iam.list_roles()["Roles"] if role["RoleName"] == "r"]:
        document = json.dumps({"Version": "2012-10-17", "Statement": trust})
        iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document)
