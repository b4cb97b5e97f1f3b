"""Wakes when a photograph comes into the bucket: makes its thumbnail, keeps it, and says so on the bus."""

import io
import json
import os
import urllib.parse

import boto3
from PIL import Image

s3 = boto3.client("s3")
events = boto3.client("events")


def handler(event, context):  # type: ignore[no-untyped-def]
    made = []
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = urllib.parse.unquote_plus(record["s3"]["object"]["key"])
        thumbnail = key.replace("incoming/", "thumbnails/", 1)

        photograph = Image.open(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
        width, height = photograph.size
        photograph.thumbnail((320, 320))
        small = io.BytesIO()
        photograph.save(small, "JPEG", quality=85)
        s3.put_object(Bucket=bucket, Key=thumbnail, Body=small.getvalue(), ContentType="image/jpeg")

        detail = {"bucket": bucket, "photograph": key, "thumbnail": thumbnail, "width": width, "height": height}
        events.put_events(
            Entries=[
                {
                    "Source": "photographs",
                    "DetailType": "ThumbnailReady",
                    "Detail": json.dumps(detail),
                    "EventBusName": os.environ["BUS"],
                }
            ]
        )
        print(f"{key} ({width}x{height}) -> {thumbnail}, {len(small.getvalue())} bytes")
        made.append(thumbnail)
    return made
