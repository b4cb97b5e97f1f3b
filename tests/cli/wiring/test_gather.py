"""The wiring as a running node tells it, and that its events have the shapes that the checks believe in."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws_cli import aws_cli
from tests.cli.conftest import wakeful
from tests.cli.wiring.shaped import has_shape
from tests.functions import RUNTIME, package
from tests.running_node import RunningNode, running_node
from wakeful.cli.wiring.checks import CHECKS
from wakeful.cli.wiring.events import (
    bus_event,
    data_record,
    put_event,
    s3_bus_event,
    s3_messages,
    sns_envelope,
    sqs_record,
    table_record,
)
from wakeful.cli.wiring.findings import examine
from wakeful.cli.wiring.gather import gather
from wakeful.cli.wiring.model import EventConfig, Notification, Wiring
from wakeful.fabric.journal import Entry, Shard
from wakeful.fabric.source import Taken
from wakeful.fabric.trace import Trace
from wakeful.services.dynamodb.streams.stream_records import TableStreams
from wakeful.services.kinesis.followed import Followed
from wakeful.services.sqs.messages import QueueSource

SERVICES = ("lambda", "sqs", "sns", "events", "s3", "dynamodb", "kinesis", "iam", "logs")


class Account:
    """An account of its own on the shared node."""

    def __init__(self, node: RunningNode, number: str) -> None:
        self.number = number
        self._node = node
        self.clients = {name: node.client(name, key=number) for name in SERVICES}

    def __getattr__(self, name: str) -> Any:
        return self.clients[name.rstrip("_")]

    def queue(self, name: str, **attributes: str) -> str:
        self.sqs.create_queue(QueueName=name, Attributes=attributes)
        return f"arn:aws:sqs:us-east-1:{self.number}:{name}"

    def function(self, name: str, **settings: Any) -> str:
        made = self.lambda_.create_function(
            FunctionName=name,
            Runtime=RUNTIME,
            Handler="index.handler",
            Role=f"arn:aws:iam::{self.number}:role/{name}",
            Code={"ZipFile": package(index__py="def handler(event, context):\n    return event\n")},
            **settings,
        )
        self.lambda_.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.02})
        return str(made["FunctionArn"])

    def table(self, name: str, view: str = "NEW_IMAGE") -> str:
        """With a stream, whose ARN it is."""
        key = {"AttributeName": "id"}
        made = self.dynamodb.create_table(
            TableName=name,
            AttributeDefinitions=[{**key, "AttributeType": "S"}],
            KeySchema=[{**key, "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
        )
        return str(made["TableDescription"]["LatestStreamArn"])

    def data_stream(self, name: str) -> str:
        self.kinesis.create_stream(StreamName=name, ShardCount=1)
        return f"arn:aws:kinesis:us-east-1:{self.number}:stream/{name}"

    def role(self, name: str, *rights: tuple[str, str]) -> None:
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))
        allowed = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in rights]
        self.iam.put_role_policy(RoleName=name, PolicyName="its", PolicyDocument=policy(*allowed))

    def wiring(self) -> Wiring:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", self.number)
            patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
            patch.setenv("AWS_REGION", "us-east-1")
            return gather(self._node.endpoint)

    def said(self, *words: str) -> Any:
        variables = {"AWS_ACCESS_KEY_ID": self.number, "AWS_SECRET_ACCESS_KEY": "test"}
        return wakeful("doctor", *words, endpoint=self._node.endpoint, **variables)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture(scope="module")
def wired(shared: RunningNode) -> Account:
    """Some of everything, wired so that it bites."""
    it = Account(shared, "100000000001")
    dead = it.queue("dead", MessageRetentionPeriod="600")
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 3})
    orders = it.queue("orders", RedrivePolicy=redrive, VisibilityTimeout="20")
    it.role("bill", ("sqs:*", orders), ("sqs:SendMessage", orders), ("events:PutEvents", "*"))
    bill = it.function("bill", Timeout=20, DeadLetterConfig={"TargetArn": dead})
    it.lambda_.create_event_source_mapping(
        EventSourceArn=orders,
        FunctionName="bill",
        BatchSize=5,
        ScalingConfig={"MaximumConcurrency": 7},
        FunctionResponseTypes=["ReportBatchItemFailures"],
        FilterCriteria={"Filters": [{"Pattern": '{"detail": ["x"]}'}]},
    )
    carts, clicks = it.table("carts"), it.data_stream("clicks")
    it.dynamodb.enable_kinesis_streaming_destination(TableName="carts", StreamArn=clicks)
    it.lambda_.create_event_source_mapping(
        EventSourceArn=carts,
        FunctionName="bill",
        StartingPosition="LATEST",
        MaximumRetryAttempts=3,
        BisectBatchOnFunctionError=True,
        DestinationConfig={"OnFailure": {"Destination": dead}},
    )
    it.lambda_.put_function_concurrency(FunctionName="bill", ReservedConcurrentExecutions=6)
    it.lambda_.put_function_recursion_config(FunctionName="bill", RecursiveLoop="Allow")
    it.lambda_.put_function_event_invoke_config(
        FunctionName="bill", MaximumRetryAttempts=1, DestinationConfig={"OnSuccess": {"Destination": orders}}
    )
    it.lambda_.add_permission(
        FunctionName="bill", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    it.s3.create_bucket(Bucket="pictures")
    rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".jpg"}]
    told = {"LambdaFunctionArn": bill, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
    it.s3.put_bucket_notification_configuration(
        Bucket="pictures",
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [{"Id": "n", **told}],
            "EventBridgeConfiguration": {},
        },
    )
    news = it.sns.create_topic(Name="news")["TopicArn"]
    it.sns.subscribe(
        TopicArn=news,
        Protocol="sqs",
        Endpoint=orders,
        Attributes={"FilterPolicy": '{"kind": ["x"]}', "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead})},
    )
    it.events.create_event_bus(Name="own")
    it.events.put_rule(Name="r", EventBusName="own", EventPattern='{"source": ["mine"]}')
    retries = {"RetryPolicy": {"MaximumRetryAttempts": 4, "MaximumEventAgeInSeconds": 60}}
    targets = [{"Id": "1", "Arn": orders, "InputPath": "$.detail", "DeadLetterConfig": {"Arn": dead}, **retries}]
    it.events.put_targets(Rule="r", EventBusName="own", Targets=targets)
    it.logs.create_log_group(logGroupName="/aws/lambda/bill")
    it.sqs.send_message(QueueUrl=it.sqs.get_queue_url(QueueName="dead")["QueueUrl"], MessageBody="x")
    return it


@pytest.fixture(scope="module")
def found(wired: Account) -> Wiring:
    return wired.wiring()


def test_everything_is_read_as_it_was_wired(wired: Account, found: Wiring) -> None:
    orders, dead, bill = (f"arn:aws:{each}" for each in _arns(wired.number))
    assert (found.account, found.region, dict(found.unread)) == (wired.number, "us-east-1", {})
    function = found.functions[bill]
    assert (function.timeout_s, function.reserved, function.allows_loops, function.dead_letter) == (20, 6, True, dead)
    assert function.events == (EventConfig(attempts=1, on_success=orders),)
    queue = found.queues[orders]
    assert (queue.visibility_s, queue.dead_letter, queue.receives_max) == (20, dead, 3)
    assert (found.queues[dead].retention_s, found.queues[dead].waiting) == (600, 1)
    (mapping,) = (each for each in found.mappings if not each.is_of_stream)
    (follows,) = (each for each in found.mappings if each.is_of_stream)
    (table,), (stream,) = found.tables.values(), found.streams.values()
    assert (table.stream, table.view, table.destinations) == (follows.source, "NEW_IMAGE", (stream.arn,))
    assert (follows.origin, follows.tries_max, follows.age_s, follows.halves) == (table.arn, 3, None, True)
    assert (follows.on_failure, stream.name, stream.retention_s) == (dead, "clicks", 86_400)
    assert (mapping.source, mapping.function, mapping.batch, mapping.concurrency_max) == (orders, bill, 5, 7)
    assert (mapping.reports_items, mapping.is_enabled, mapping.filters) == (True, True, ('{"detail": ["x"]}',))
    (subscription,) = found.subscriptions
    assert (subscription.endpoint, subscription.dead_letter, subscription.is_pending) == (orders, dead, False)
    assert json.loads(subscription.filter_policy or "") == {"kind": ["x"]}
    told = Notification(id="n", target=bill, events=("s3:ObjectCreated:*",), prefix="in/", suffix=".jpg")
    assert (found.buckets["pictures"].notifications, found.buckets["pictures"].has_eventbridge) == ((told,), True)
    (rule,) = found.rules
    (target,) = rule.targets
    assert (target.arn, target.dead_letter, target.attempts, target.age_s) == (orders, dead, 4, 60)
    assert not target.is_whole
    assert {bus.name for bus in found.buses.values()} == {"default", "own"}
    assert list(found.permissions) == [bill]
    assert len(found.roles[f"arn:aws:iam::{wired.number}:role/bill"]) == 1
    assert [group.is_kept_for_ever for group in found.log_groups if group.name == function.log_group] == [True]


def _arns(account: str) -> Iterator[str]:
    for service, name in (("sqs", "orders"), ("sqs", "dead"), ("lambda", "function:bill")):
        yield f"{service}:us-east-1:{account}:{name}"


def test_what_bites_on_a_node_is_named(found: Wiring) -> None:
    codes = {each.check.code for each in examine(found, CHECKS)}
    assert codes >= {"W106", "W107", "W109", "W202", "W203", "W302", "W303", "W401", "W504", "W602", "W702"}
    assert not codes & {"W101", "W102", "W103", "W104", "W105", "W205", "W301", "W407", "W503"}


def test_it_is_told_in_words_and_for_programs_with_a_status_for_scripts(
    wired: Account, found: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = wired.said("wiring")
    assert said.status == 1
    assert (
        "1 function, 2 queues, 1 topic, 1 rule, 1 bucket, 1 table, 1 data stream, 2 mappings in us-east-1" in said.out
    )
    assert "  W401  error  filter-never-matches" in said.out
    assert "→ ask for what is in the message, below body, or for nothing: aws lambda" in said.out
    monkeypatch.setattr("wakeful.cli.doctor.gather", lambda endpoint: found)
    document = json.loads(wired.said("--json", "--only", "W4", "--only", "W109").out)
    assert [(each["code"], each["severity"]) for each in document["findings"]] == [
        ("W401", "error"),
        ("W109", "warning"),
    ]
    assert document["findings"][1]["arn"].endswith(":dead")
    assert set(document["findings"][0]) == {"code", "name", "severity", "arn", "what", "do", "page"}
    assert wired.said("wiring", "--only", "W1", "--ignore", "W106").status == 0
    assert wired.said("wiring", "--only", "W1", "--ignore", "W106", "--strict").status == 1
    nothing = wired.said("wiring", "--only", "W601")
    assert (nothing.status, nothing.out.splitlines()[-1].strip()) == (0, "Nothing was found that bites.")


@pytest.mark.slow
def test_what_the_caller_may_not_see_is_said_and_not_judged(tmp_path: Path) -> None:
    with running_node(tmp_path / "data", iam="enforce") as node:
        it = Account(node, "100000000004")
        it.queue("orders", RedrivePolicy=json.dumps({"deadLetterTargetArn": it.queue("dead"), "maxReceiveCount": 5}))
        it.sns.create_topic(Name="news")
        it.iam.create_user(UserName="u")
        allowed = {"Effect": "Allow", "Action": ["sns:*", "sts:*", "events:List*"], "Resource": "*"}
        it.iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=policy(allowed))
        key = it.iam.create_access_key(UserName="u")["AccessKey"]
        secrets = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        said = wakeful("doctor", "wiring", endpoint=node.endpoint, **secrets)
    assert said.status == 0
    assert "0 functions, 0 queues, 1 topic" in said.out
    assert "note  queues could not all be read (ListQueues: AccessDenied" in said.out
    assert said.out.splitlines()[-1].strip() == "1 advice."


@pytest.mark.slow
def test_what_is_advised_works_and_the_findings_are_gone(shared: RunningNode) -> None:
    """By AWS's own command line, each as it was said, although everything is called alike and has a policy already."""
    it = Account(shared, "000000000000")
    others = policy({"Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "sqs:*", "Resource": "*"})
    orders, topic = it.queue("orders", Policy=others), it.sns.create_topic(Name="orders")["TopicArn"]
    it.role("orders", ("sqs:ReceiveMessage", orders))
    bill = it.function("orders", Timeout=10)
    for each in (orders, it.queue("more")):
        it.lambda_.create_event_source_mapping(EventSourceArn=each, FunctionName="orders")
    it.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=orders)
    it.sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=bill)
    it.events.put_rule(Name="orders", EventPattern='{"source": ["mine"]}')
    targets = [{"Id": str(number), "Arn": arn} for number, arn in enumerate((bill, orders, topic))]
    it.events.put_targets(Rule="orders", Targets=[{**each, "InputPath": "$.detail"} for each in targets])
    it.s3.create_bucket(Bucket="orders")
    removed = {"QueueConfigurations": [{"Id": "n", "QueueArn": orders, "Events": ["s3:ObjectRemoved:*"]}]}
    it.s3.put_bucket_notification_configuration(Bucket="orders", NotificationConfiguration=removed)
    uploaded = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": ["orders"]}}}
    it.events.put_rule(Name="uploaded", EventPattern=json.dumps(uploaded))
    it.events.put_targets(Rule="uploaded", Targets=targets[:2])
    for each in (it.table("orders"), it.data_stream("orders")):
        it.lambda_.create_event_source_mapping(EventSourceArn=each, FunctionName="orders", StartingPosition="LATEST")
    it.table("carts")
    ignored = ("W702",)
    before = examine(it.wiring(), CHECKS, ignore=ignored)
    assert {each.check.code for each in before} == {
        *("W101", "W102", "W103", "W104", "W202", "W205", "W407", "W504"),
        *("W209", "W509", "W511"),
    }
    with aws_cli(shared.endpoint) as cli:
        for finding in before:
            line = finding.hit.do
            for command in line[line.index("aws ") :].split(" && "):
                told = cli.run(*shlex.split(command)[1:], "--endpoint-url", shared.endpoint)
                assert (told.code, told.err) == (0, ""), (command, told)
    found = examine(it.wiring(), CHECKS, ignore=ignored)
    assert [(each.check.code, each.hit.what) for each in found] == []
    assert all(each["InputPath"] == "$.detail" for each in it.events.list_targets_by_rule(Rule="orders")["Targets"])
    (kept, *_) = json.loads(it.wiring().queues[orders].policy or "")["Statement"]
    assert kept["Principal"] == {"AWS": "111111111111"}
    assert [each.id for each in it.wiring().buckets["orders"].notifications] == ["n"]


def test_messages_of_senders_have_the_shapes_that_filters_are_held_against(shared: RunningNode) -> None:
    it = Account(shared, "100000000003")
    queue = it.queue("all")
    it.s3.create_bucket(Bucket="films")
    configuration = {"QueueArn": queue, "Events": ["s3:ObjectCreated:*"]}
    it.s3.put_bucket_notification_configuration(
        Bucket="films",
        NotificationConfiguration={"QueueConfigurations": [configuration], "EventBridgeConfiguration": {}},
    )
    it.events.put_rule(Name="any", EventPattern='{"version": ["0"]}')
    it.events.put_targets(Rule="any", Targets=[{"Id": "1", "Arn": queue}])
    topic = it.sns.create_topic(Name="news")["TopicArn"]
    it.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    it.s3.put_object(Bucket="films", Key="a.b/c", Body=b"x")
    it.events.put_events(Entries=[{"Source": "mine", "DetailType": "T", "Detail": '{"a": 1}'}])
    attribute = {"DataType": "String", "StringValue": "v"}
    it.sns.publish(TopicArn=topic, Message="m", Subject="s", MessageAttributes={"k": attribute})
    shared.settle()
    url = it.sqs.get_queue_url(QueueName="all")["QueueUrl"]
    bodies = [json.loads(each["Body"]) for _ in range(3) for each in _received(it, url)]
    shapes = {
        "test": s3_messages("films")[1],
        "record": s3_messages("films")[0],
        "bucket on the bus": s3_bus_event("films"),
        "put": put_event(),
        "topic": sns_envelope(topic),
    }
    found = [name for body in bodies for name, shape in shapes.items() if has_shape(body, shape)]
    assert sorted(found) == sorted(shapes)
    assert sum(has_shape(body, bus_event()) for body in bodies) == 2


def _received(it: Account, url: str) -> list[Any]:
    told = it.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return list(told)


def test_records_of_streams_have_the_shapes_that_filters_are_held_against() -> None:
    shard = Shard(1, "j", "shardId-000000000000", (), 0, 9, 0.0, None, 0, None)
    table = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026-11-21T00:00:00.000"
    item = {"id": {"S": "1"}, "l": {"L": [{"N": "1"}]}, "b": {"BOOL": True}, "s": {"NS": ["1"]}}
    images = {"NewImage": item, "OldImage": item}
    ttl = {"userIdentity": {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}}
    for view, shown in (("KEYS_ONLY", {}), ("NEW_AND_OLD_IMAGES", images)):
        change = {"Keys": {"id": {"S": "1"}}, **shown, "StreamViewType": view}
        body = json.dumps({"eventName": "REMOVE", "dynamodb": change, **ttl}).encode()
        record = TableStreams().as_record(table, shard, Entry(1, 1, 1.5, 9, body, Trace("t")))
        assert has_shape(record, table_record(table, view))
    stream = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
    entry = Entry(1, 1, 1.5, 9, b"\0\0\3key{}", Trace("t"))
    record = Followed().as_record(stream, shard, entry)
    assert has_shape({**record, **record["kinesis"]}, data_record(stream))


def test_a_record_of_a_mapping_has_the_shape_that_filters_are_held_against() -> None:
    arn = "arn:aws:sqs:us-east-1:000000000000:orders"
    facts = {
        "attributes": {"k": {"DataType": "String", "StringValue": "v"}},
        "system": {"ApproximateReceiveCount": "1", "MessageGroupId": "g"},
        "handle": "h",
    }
    record = QueueSource().as_record(arn, Taken("1", '{"a": 1}', Trace("t"), facts))
    assert has_shape(record, sqs_record(arn))
