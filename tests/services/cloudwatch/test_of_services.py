"""What queues and topics measure of themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.running_node import RunningNode


def totals(node: RunningNode, namespace: str, **dimensions: str) -> dict[str, float]:
    """The sums of all metrics with these dimensions."""
    client = node.client("cloudwatch")
    now = datetime.fromtimestamp(node.node.clock.now(), UTC)
    named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    found = client.list_metrics(Namespace=namespace, Dimensions=named)["Metrics"]

    def total(metric: dict[str, Any]) -> float:
        asked = {"StartTime": now - timedelta(hours=1), "EndTime": now + timedelta(hours=1), "Period": 60}
        points = client.get_metric_statistics(**metric, **asked, Statistics=["Sum"])["Datapoints"]
        return sum(float(point["Sum"]) for point in points)

    return {metric["MetricName"]: total(metric) for metric in found}


def test_a_queue_counts_what_is_sent_received_and_deleted(node: RunningNode) -> None:
    sqs = node.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.receive_message(QueueUrl=url)
    for body in ("four", "seven77", "left"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2)["Messages"]:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert totals(node, "AWS/SQS", QueueName="q") == {
        "NumberOfEmptyReceives": 1,
        "NumberOfMessagesSent": 3,
        "SentMessageSize": 15,
        "NumberOfMessagesReceived": 2,
        "NumberOfMessagesDeleted": 2,
    }


def test_a_topic_counts_what_is_published_and_who_took_it(node: RunningNode) -> None:
    sns, sqs = node.client("sns"), node.client("sqs")
    topic = sns.create_topic(Name="t")["TopicArn"]
    for name in ("a", "b"):
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="12345")
    sqs.delete_queue(QueueUrl=url)
    sns.publish(TopicArn=topic, Message="123")
    assert totals(node, "AWS/SNS", TopicName="t") == {
        "NumberOfMessagesPublished": 2,
        "PublishSize": 8,
        "NumberOfNotificationsDelivered": 3,
        "NumberOfNotificationsFailed": 1,
    }
    assert totals(node, "AWS/SQS", QueueName="a")["NumberOfMessagesSent"] == 2
