"""A table, its stream, and a function that follows it: changes carts, and looks whether the totals are right.

    wakeful start &
    export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
    export AWS_DEFAULT_REGION=us-east-1
    python shop.py

Nothing in it is Wakeful's own but two requests: one that begins chaos, so that batches come twice, and one that moves
the clock.
"""

from __future__ import annotations

import io
import json
import os
import sys
import urllib.request
import uuid
import zipfile
from pathlib import Path
from typing import Any

import boto3

HERE = Path(__file__).parent


def node(path: str, document: dict[str, Any]) -> dict[str, Any]:
    """What the node answers to POST /_wakeful/{path}."""
    url = f"{os.environ['AWS_ENDPOINT_URL']}/_wakeful/{path}"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(document).encode())) as response:
        return dict(json.load(response))


def table(name: str, key: str, **more: Any) -> dict[str, Any]:
    client = boto3.client("dynamodb")
    made = client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    return dict(made["TableDescription"])


def totals() -> dict[str, str]:
    """What each customer has spent, when carts were put, changed and deleted and the function had every record."""
    name = f"carts-{uuid.uuid4().hex[:8]}"
    dynamodb, functions = boto3.client("dynamodb"), boto3.client("lambda")
    stream = table(name, "id", StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
    table(f"{name}-totals", "customer")
    functions.create_function(
        FunctionName=name,
        Runtime=f"python3.{sys.version_info.minor}",
        Role="arn:aws:iam::000000000000:role/function",
        Handler="totals.handler",
        Timeout=30,
        Code={"ZipFile": package()},
        Environment={"Variables": {"TOTALS": f"{name}-totals"}},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    mapping = functions.create_event_source_mapping(
        EventSourceArn=stream["LatestStreamArn"],
        FunctionName=name,
        StartingPosition="TRIM_HORIZON",
        MaximumRetryAttempts=10,
        BisectBatchOnFunctionError=True,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )["UUID"]
    node("chaos", {"target": mapping, "faults": {"duplicate": {"rate": 0.5}}, "seed": 7, "for_s": 600})
    for number, customer in enumerate(("ann", "bob") * 5):
        cart = {"id": {"S": str(number)}, "customer": {"S": customer}, "price": {"N": "9.5"}}
        dynamodb.put_item(TableName=name, Item=cart)
    update = {"UpdateExpression": "SET price = price + :more", "ExpressionAttributeValues": {":more": {"N": "0.25"}}}
    dynamodb.update_item(TableName=name, Key={"id": {"S": "0"}}, **update)
    dynamodb.delete_item(TableName=name, Key={"id": {"S": "1"}})
    node("clock", {"advance_s": 60})
    told = dynamodb.scan(TableName=f"{name}-totals", FilterExpression="attribute_exists(spent)")["Items"]
    functions.delete_event_source_mapping(UUID=mapping)
    return {each["customer"]["S"]: each["spent"]["N"] for each in told}


def package() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(HERE / "totals.py", "totals.py")
    return packed.getvalue()


if __name__ == "__main__":
    found = totals()
    print(found)
    sys.exit(found != {"ann": "47.75", "bob": "38"})
