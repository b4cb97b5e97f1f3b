"""From a change in a table, or a record in a stream, to the handler of the function that follows it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bench import systems
from bench.mapping import PATIENCE_S, told
from bench.subjects import Absent, make_function, or_told, quantile, zipped
from bench.systems import System

SINGLE = 200
"""Changes that are made one after the other, to see how long each takes to its handler."""

_HANDLER = b"""import base64, time
def handler(event, context):
    now = time.time()
    for record in event["Records"]:
        if "kinesis" in record:
            sent = base64.b64decode(record["kinesis"]["data"]).decode()
        else:
            sent = record["dynamodb"]["NewImage"]["at"]["S"]
        print("took", now - float(sent))
"""

Send = Callable[[str], Any]


def follow() -> None:
    """Changes one by one, each followed by a function."""
    print(f"## Stream to Lambda ({SINGLE} changes one by one, from the request to the handler)\n")
    print("| system | stream | handler after p50 ms | p99 ms |")
    print("|---|---|---|---|")
    for start in (systems.wakeful, systems.ministack):
        with or_told(start) as system:
            if system is not None:
                for name, make in (("DynamoDB", _table), ("Kinesis", _stream)):
                    print(f"| {system.name} | {name} | {_line(system, name.lower(), make)} |", flush=True)
    print()


def _line(system: System, name: str, make: Callable[[System, str], tuple[str, Send]]) -> str:
    arn, send = make(system, f"follow-{name}")
    functions = system.client("lambda")
    try:
        make_function(system, name, package=zipped({"h.py": _HANDLER}))
    except Absent as absent:
        return f"{absent} | "
    mapping = functions.create_event_source_mapping(
        FunctionName=name, EventSourceArn=arn, BatchSize=100, StartingPosition="TRIM_HORIZON"
    )
    _until_enabled(functions, mapping["UUID"])
    for _ in range(SINGLE):
        send(repr(time.time()))
        time.sleep(0.02)
    times = told(system, name, SINGLE)
    if len(times) < SINGLE:
        return f"{len(times)} of {SINGLE} came within {PATIENCE_S:.0f} s | "
    return f"{quantile(times, 0.5) * 1000:.1f} | {quantile(times, 0.99) * 1000:.1f}"


def _table(system: System, name: str) -> tuple[str, Send]:
    """The ARN of a table's stream, and what changes the table."""
    client = system.client("dynamodb")
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "at", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "at", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    arn = client.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    return arn, lambda at: client.put_item(TableName=name, Item={"at": {"S": at}})


def _stream(system: System, name: str) -> tuple[str, Send]:
    client = system.client("kinesis")
    client.create_stream(StreamName=name, ShardCount=1)
    client.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    arn = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    return arn, lambda at: client.put_record(StreamName=name, Data=at.encode(), PartitionKey=at)


def _until_enabled(functions: Any, uuid: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while functions.get_event_source_mapping(UUID=uuid)["State"] != "Enabled" and time.monotonic() < deadline:
        time.sleep(0.05)
