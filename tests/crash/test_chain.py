"""SIGKILL under the whole chain: an upload wakes a function, it changes a table, another follows its stream."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.crash.conftest import CRASHES
from tests.crash.load import Load
from tests.crash.tables import changes_in, make_table
from tests.functions import deploy
from tests.node_process import NodeProcess

pytestmark = pytest.mark.slow

COUNT = """
import boto3

client = boto3.client("dynamodb")

def handler(event, context):
    for record in event["Records"]:
        key = record["s3"]["object"]["key"]
        client.update_item(
            TableName="albums",
            Key={"p": {"S": key.partition("/")[0]}},
            UpdateExpression="SET picture = :picture ADD changes :one",
            ExpressionAttributeValues={":picture": {"S": key}, ":one": {"N": "1"}},
        )
"""
FOLLOW = """
import json, os

def handler(event, context):
    with open(os.environ["SEEN"], "a") as seen:
        for record in event["Records"]:
            seen.write(json.dumps(record["dynamodb"]["NewImage"]) + "\\n")
"""
ALBUMS = 6
FOUR_HOURS = 4 * 3600 + 1
ROLLS = range(0, 15, 3)
"""After these kills the shards roll: the stream keeps what it has for a day."""

Change = tuple[int, str]
"""The number that the item counts, and the picture that caused it."""


def build(node: NodeProcess, seen: Path) -> str:
    """Bucket → count → table → follow; the ARN of the table's stream."""
    functions, s3 = node.client("lambda"), node.client("s3")
    stream = make_table(node, "albums", "NEW_IMAGE")
    counting = deploy(functions, "count", COUNT, Timeout=60)
    deploy(functions, "follow", FOLLOW, Timeout=30, Environment={"Variables": {"SEEN": str(seen)}})
    request = {"EventSourceArn": stream, "FunctionName": "follow", "StartingPosition": "TRIM_HORIZON"}
    functions.create_event_source_mapping(**request, BatchSize=10, ParallelizationFactor=2)
    functions.add_permission(
        FunctionName="count", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    s3.create_bucket(Bucket="pictures")
    wakes = [{"LambdaFunctionArn": counting, "Events": ["s3:ObjectCreated:*"]}]
    s3.put_bucket_notification_configuration(
        Bucket="pictures", NotificationConfiguration={"LambdaFunctionConfigurations": wakes}
    )
    return stream


def picture(number: int) -> str:
    return f"album {number % ALBUMS}/{number}".replace(" ", "-")


def by_album(images: list[Any]) -> dict[str, list[Change]]:
    found = defaultdict(list)
    for image in images:
        found[image["p"]["S"]].append((int(image["changes"]["N"]), image["picture"]["S"]))
    return dict(found)


def test_what_an_upload_comes_to_is_in_the_stream_once_and_reaches_who_follows_it(
    tmp_path: Path, engine: str, request: pytest.FixtureRequest
) -> None:
    store = ["--store", request.getfixturevalue("database")] if engine == "postgres" else []
    node, log = NodeProcess(tmp_path / "data", "--isolation", "none", *store), tmp_path / "seen"
    node.start()
    stream = build(node, log)

    def seen() -> list[Any]:
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    load = Load(node, "s3", lambda s3, number: s3.put_object(Bucket="pictures", Key=picture(number), Body=b"x"))

    def arrive() -> None:
        """Whatever was acknowledged has been followed."""
        for _ in range(5):
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                if uploaded() <= {each["picture"]["S"] for each in seen()}:
                    return
                time.sleep(0.02)
            node.advance(180)  # a function that failed, as it may on a busy machine, is tried again
        raise AssertionError("an upload was lost on its way")

    def uploaded() -> set[str]:
        return {picture(number) for number in load.acknowledged}

    for crash in range(CRASHES):
        load.run(0.1 + 0.4 * (crash % 4))
        node.start()
        if crash in ROLLS:
            arrive()  # an event that waits for six hours is given up
            node.advance(FOUR_HOURS)
    arrive()
    changes = by_album([each["NewImage"] for each in changes_in(node, stream)])
    for album, found in changes.items():
        assert [number for number, _ in found] == list(range(1, len(found) + 1)), "lost, doubled or out of order"
        item = node.client("dynamodb").get_item(TableName="albums", Key={"p": {"S": album}})["Item"]
        assert by_album([item])[album] == found[-1:], "the table is not what its stream says"
    followed = {album: list(dict.fromkeys(told)) for album, told in by_album(seen()).items()}
    assert followed == changes, "who follows has another story than the stream"
    assert node.stop() == 0
    made = sum(map(len, changes.values()))
    counts = {"uploads": len(load.acknowledged), "changes": made, "followed": len(seen())}
    print(json.dumps({"engine": engine, "kills": CRASHES, **counts}))
