"""Builds the scene of the example through unmodified boto3: a bucket, two functions, a bus, a topic, a queue.

upload ─► S3 ─► thumbnail (Python) ─► bus ─► rule ─► announce (Node.js) ─► topic ─► queue
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Client = Callable[[str], Any]


@dataclass(frozen=True)
class Scene:
    """What was built."""

    bucket: str
    queue_url: str


def build(client: Client, node_runtime: str | None) -> Scene:
    """The whole scene. Every right is given as on AWS, so that it also works where rights are enforced."""
    s3, sqs, sns, events, functions = (client(name) for name in ("s3", "sqs", "sns", "events", "lambda"))
    bucket, bus = "photographs", "pictures"
    s3.create_bucket(Bucket=bucket)
    bus_arn = events.create_event_bus(Name=bus)["EventBusArn"]
    topic = sns.create_topic(Name="thumbnails")["TopicArn"]
    queue_url = sqs.create_queue(QueueName="thumbnails")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(
        QueueUrl=queue_url, Attributes={"Policy": _allow("sns.amazonaws.com", "sqs:SendMessage", queue, topic)}
    )
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})

    role = _role(client("iam"), bucket, bus_arn, topic)
    thumbnail = functions.create_function(
        FunctionName="thumbnail",
        Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
        Role=role,
        Handler="handler.handler",
        Code={"ZipFile": _zip(_thumbnail_files())},
        Timeout=30,
        MemorySize=512,
        Environment={"Variables": {"BUS": bus}},
    )["FunctionArn"]
    folder, runtime = ("announce", node_runtime) if node_runtime else ("announce_python", f"python{_python()}")
    announce = functions.create_function(
        FunctionName="announce",
        Runtime=runtime,
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": _zip((path.name, path) for path in sorted((HERE / folder).iterdir()) if path.is_file())},
        Timeout=10,
        Environment={"Variables": {"TOPIC": topic}},
    )["FunctionArn"]
    for name in ("thumbnail", "announce"):
        functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})

    rule = events.put_rule(
        Name="thumbnail-ready",
        EventBusName=bus,
        EventPattern=json.dumps({"source": ["photographs"], "detail-type": ["ThumbnailReady"]}),
    )["RuleArn"]
    _let(functions, "announce", "events.amazonaws.com", rule)
    events.put_targets(Rule="thumbnail-ready", EventBusName=bus, Targets=[{"Id": "announce", "Arn": announce}])

    _let(functions, "thumbnail", "s3.amazonaws.com", f"arn:aws:s3:::{bucket}")
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {
                    "LambdaFunctionArn": thumbnail,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "incoming/"}]}},
                }
            ]
        },
    )
    return Scene(bucket, queue_url)


def _role(iam: Any, bucket: str, bus_arn: str, topic: str) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName="photographs", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    iam.attach_role_policy(
        RoleName="photographs", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    )
    may = (
        (["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{bucket}/*"),
        (["events:PutEvents"], bus_arn),
        (["sns:Publish"], topic),
    )
    statements = [{"Effect": "Allow", "Action": actions, "Resource": resource} for actions, resource in may]
    iam.put_role_policy(
        RoleName="photographs",
        PolicyName="pictures",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
    )
    return str(role)


def _let(functions: Any, name: str, service: str, source_arn: str) -> None:
    functions.add_permission(
        FunctionName=name,
        StatementId=service.partition(".")[0],
        Action="lambda:InvokeFunction",
        Principal=service,
        SourceArn=source_arn,
    )


def _allow(service: str, action: str, resource: str, source_arn: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": action,
        "Resource": resource,
        "Condition": {"ArnEquals": {"aws:SourceArn": source_arn}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _thumbnail_files() -> Iterator[tuple[str, Path]]:
    """The handler, and Pillow as it is installed beside us: a deployment package brings its own libraries."""
    import PIL

    yield "handler.py", HERE / "thumbnail" / "handler.py"
    site = Path(PIL.__file__).parent.parent
    for folder in ("PIL", "pillow.libs"):
        for path in sorted((site / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield str(path.relative_to(site)), path


def _zip(files: Iterator[tuple[str, Path]]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in files:
            archive.write(path, name)
    return packed.getvalue()


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"
