"""SIGKILL in the middle of stories: every upload that was acknowledged is made small and announced, however often.

bucket → function → bus → rule → function → topic → queue, as in the demonstration, with many uploads at a time.
"""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest

from tests.crash.conftest import CRASHES
from tests.crash.load import Load
from tests.functions import deploy
from tests.node_process import NodeProcess

SHRINK = """
import boto3, json, urllib.parse

s3, events = boto3.client("s3"), boto3.client("events")

def handler(event, context):
    for record in event["Records"]:
        bucket, key = record["s3"]["bucket"]["name"], urllib.parse.unquote_plus(record["s3"]["object"]["key"])
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        small = key.replace("incoming/", "small/")
        s3.put_object(Bucket=bucket, Key=small, Body=body[:100])
        answer = events.put_events(Entries=[
            {"Source": "pictures", "DetailType": "Small", "Detail": json.dumps({"key": small, "bytes": len(body)})}
        ])
        assert answer["FailedEntryCount"] == 0
"""

ANNOUNCE = """
import boto3, json, os

sns = boto3.client("sns")

def handler(event, context):
    sns.publish(TopicArn=os.environ["TOPIC"], Message=json.dumps(event["detail"]))
"""


class Story:
    """The scene, and what is uploaded to it."""

    def __init__(self, node: NodeProcess) -> None:
        self.node = node
        self.acknowledged: dict[str, int] = {}
        sqs, sns, s3, events = (node.client(name) for name in ("sqs", "sns", "s3", "events"))
        self.url = sqs.create_queue(QueueName="told", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
        told = sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = sns.create_topic(Name="t")["TopicArn"]
        raw = {"RawMessageDelivery": "true"}
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=told, Attributes=raw)
        functions = node.client("lambda")
        shrink = deploy(functions, "shrink", SHRINK, Timeout=60)
        announce = deploy(functions, "announce", ANNOUNCE, Timeout=60, Environment={"Variables": {"TOPIC": topic}})
        events.put_rule(Name="r", EventPattern=json.dumps({"source": ["pictures"]}))
        events.put_targets(Rule="r", Targets=[{"Id": "announce", "Arn": announce}])
        s3.create_bucket(Bucket="pictures")
        prefix = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "incoming/"}]}}
        rule = {"LambdaFunctionArn": shrink, "Events": ["s3:ObjectCreated:*"], "Filter": prefix}
        s3.put_bucket_notification_configuration(
            Bucket="pictures", NotificationConfiguration={"LambdaFunctionConfigurations": [rule]}
        )

    def upload(self, s3: Any, number: int) -> None:
        name, size = f"picture {number}", random.choice((10, 10_000, 2_000_000))
        s3.put_object(Bucket="pictures", Key=f"incoming/{name}", Body=random.randbytes(size))
        self.acknowledged[f"small/{name}"] = size

    def thumbnails(self) -> set[str]:
        """The thumbnails that are there."""
        pages = self.node.client("s3").get_paginator("list_objects_v2").paginate(Bucket="pictures", Prefix="small/")
        return {entry["Key"] for page in pages for entry in page.get("Contents", [])}

    def told(self, patience_s: float) -> dict[str, int]:
        """What the queue told, until it told of everything that was acknowledged and of every thumbnail there is."""
        sqs, told = self.node.client("sqs"), dict[str, int]()
        deadline = time.monotonic() + patience_s
        while not self.acknowledged.keys() | self.thumbnails() <= told.keys() and time.monotonic() < deadline:
            answer = sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=5)
            for message in answer.get("Messages", []):
                detail: dict[str, Any] = json.loads(message["Body"])
                told[detail["key"]] = detail["bytes"]
        return told


@pytest.mark.slow
def test_every_upload_that_was_acknowledged_is_told_of_in_the_end(node: NodeProcess, engine: str) -> None:
    node.start()
    story = Story(node)
    load = Load(node, "s3", story.upload)
    for _ in range(CRASHES):
        load.run(random.uniform(0.1, 0.6))
        node.start()
    assert len(story.acknowledged) > 3 * CRASHES, "there was no load to speak of"
    told = story.told(patience_s=300)
    assert {key: told.get(key) for key in story.acknowledged} == story.acknowledged
    assert story.thumbnails() == told.keys(), "what is there was told, and what was told is there"
    assert node.stop() == 0
    print(json.dumps({"engine": engine, "kills": CRASHES, "uploads": len(story.acknowledged), "told": len(told)}))
