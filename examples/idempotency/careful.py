"""Charges for each order once: the charge has the order's name, and S3 takes it only if there is none of that name.

The charge is its own record that it was made: nothing can happen between the two.
"""

import json
import os
from typing import Any

import boto3

s3 = boto3.client("s3")


def handler(event: dict[str, Any], context: object) -> None:
    for record in event["Records"]:
        order = json.loads(record["body"])
        try:
            s3.put_object(
                Bucket=os.environ["BUCKET"], Key=f"charges/{order['id']}", Body=record["body"], IfNoneMatch="*"
            )
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
            print("was charged before", order["id"])
        else:
            print("charged", order["id"])
