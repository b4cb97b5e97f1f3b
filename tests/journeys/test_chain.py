"""An upload wakes a function, it changes a table, another follows its stream: one story, with every right enforced."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import wakeful
from tests.functions import deploy
from tests.running_node import RunningNode, running_node

COUNT = """
import boto3

def handler(event, context):
    (record,) = event["Records"]
    boto3.client("dynamodb").update_item(
        TableName="albums",
        Key={"album": {"S": record["s3"]["bucket"]["name"]}},
        UpdateExpression="ADD pictures :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
"""
FOLLOW = """
def handler(event, context):
    print("followed", [record["dynamodb"]["NewImage"]["pictures"]["N"] for record in event["Records"]])
"""


def role(node: RunningNode, name: str, managed: str, **may: str) -> str:
    """A role for functions, with a managed policy, that may do these actions of DynamoDB on these resources."""
    iam = node.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:aws:iam::aws:policy/service-role/{managed}")
    statements = [{"Effect": "Allow", "Action": f"dynamodb:{each}", "Resource": may[each]} for each in may]
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=document)
    return str(arn)


def build(node: RunningNode) -> None:
    functions, s3 = node.client("lambda"), node.client("s3")
    table = node.client("dynamodb").create_table(
        TableName="albums",
        KeySchema=[{"AttributeName": "album", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "album", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    counts = role(node, "counts", "AWSLambdaBasicExecutionRole", UpdateItem=table["TableArn"])
    counting = deploy(functions, "count", COUNT, Timeout=30, Role=counts)
    deploy(functions, "follow", FOLLOW, Role=role(node, "follows", "AWSLambdaDynamoDBExecutionRole"))
    functions.create_event_source_mapping(
        EventSourceArn=table["LatestStreamArn"], FunctionName="follow", StartingPosition="TRIM_HORIZON"
    )
    s3.create_bucket(Bucket="summer")
    functions.add_permission(
        FunctionName="count",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::summer",
    )
    wakes: list[Any] = [{"LambdaFunctionArn": counting, "Events": ["s3:ObjectCreated:*"]}]
    s3.put_bucket_notification_configuration(
        Bucket="summer", NotificationConfiguration={"LambdaFunctionConfigurations": wakes}
    )


@pytest.mark.slow
def test_an_upload_and_what_follows_the_table_that_it_changed_are_one_story(tmp_path: Path) -> None:
    with running_node(tmp_path / "data", isolation="auto", iam="enforce", rehearse=False) as node:
        build(node)
        uploaded = node.client("s3").put_object(Bucket="summer", Key="beach.jpg", Body=b"x")
        node.settle()
        said = wakeful("trace", uploaded["ResponseMetadata"]["RequestId"], endpoint=node.endpoint)
        steps = [
            re.sub(r"^ *[0-9.,]+ ms  ", "", line) for line in said.out.splitlines() if re.match(r" *[0-9.,]+ ms ", line)
        ]
        assert [(len(step) - len(step.lstrip()), *step.split()[:2]) for step in steps] == [
            (0, "call", "s3:PutObject"),
            (2, "event", "ObjectCreated:Put"),
            (4, "run", "count"),
            (6, "call", "dynamodb:UpdateItem"),
            (8, "run", "follow"),
        ], said.out
        assert node.run(node.node.telemetry.recent_notes(kind="denial", limit=5)) == []
