"""Charges for each order it gets. An order that comes twice is charged twice."""

import json
import os
import uuid
from typing import Any

import boto3

s3 = boto3.client("s3")


def handler(event: dict[str, Any], context: object) -> None:
    for record in event["Records"]:
        order = json.loads(record["body"])
        s3.put_object(Bucket=os.environ["BUCKET"], Key=f"charges/{uuid.uuid4()}", Body=record["body"])
        print("charged", order["id"])
