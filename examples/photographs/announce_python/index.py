"""The same as announce/index.js, for hosts without Node.js."""

import json
import os

import boto3

sns = boto3.client("sns")


def handler(event, context):  # type: ignore[no-untyped-def]
    detail = event["detail"]
    message = {
        "text": "{photograph} ({width}x{height}) has a thumbnail: {thumbnail}".format(**detail),
        "bucket": detail["bucket"],
        "thumbnail": detail["thumbnail"],
    }
    sns.publish(TopicArn=os.environ["TOPIC"], Subject="A thumbnail is ready", Message=json.dumps(message))
    print("announced", detail["thumbnail"])
    return {"announced": detail["thumbnail"]}
