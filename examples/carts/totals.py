"""Follows a table of carts and keeps what its customers spend: each has a total in another table.

A record may come again. What it has added is written down beside the total in one transaction, under the record's own
id, and what was written down is not added again.
"""

import os
from decimal import Decimal
from typing import Any

import boto3

dynamodb = boto3.client("dynamodb")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    for record in event["Records"]:
        try:
            add(record["eventID"], record["dynamodb"])
        except dynamodb.exceptions.TransactionCanceledException as error:
            if error.response["CancellationReasons"][0]["Code"] != "ConditionalCheckFailed":
                return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
            print("was added before", record["eventID"])
    return {"batchItemFailures": []}


def add(record_id: str, change: dict[str, Any]) -> None:
    """The difference that the change makes is in its customer's total, once."""
    table = os.environ["TOTALS"]
    image = change.get("NewImage") or change["OldImage"]
    difference = price(change.get("NewImage")) - price(change.get("OldImage"))
    seen = {"TableName": table, "Item": {"customer": {"S": f"record {record_id}"}}}
    total = {
        "TableName": table,
        "Key": {"customer": image["customer"]},
        "UpdateExpression": "ADD spent :difference",
        "ExpressionAttributeValues": {":difference": {"N": str(difference)}},
    }
    dynamodb.transact_write_items(
        TransactItems=[{"Put": {**seen, "ConditionExpression": "attribute_not_exists(customer)"}}, {"Update": total}]
    )
    print(image["customer"]["S"], difference)


def price(image: dict[str, Any] | None) -> Decimal:
    return Decimal(image["price"]["N"]) if image else Decimal(0)
