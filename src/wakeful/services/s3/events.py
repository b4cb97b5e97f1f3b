"""What S3 tells the world of itself: event documents, in the form for SQS, SNS and Lambda and in EventBridge's."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from wakeful import names
from wakeful.fabric.service import Call, Principal
from wakeful.services.s3 import keys
from wakeful.services.s3.buckets import Bucket, customer_id


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to an object.

    `event` is S3's name for it, without "s3:"; `detail_type` and `reason` are what EventBridge calls it. Only what
    comes and goes has a place in the order of a key's events.
    """

    event: str
    detail_type: str
    reason: str | None = None
    is_sequenced: bool = True
    version: str = "2.1"
    key: str = ""
    size: int | None = None
    etag: str | None = None

    def of(self, key: str, *, size: int | None = None, etag: str | None = None) -> Happening:
        """The same, of this object."""
        return replace(self, key=key, size=size, etag=etag)


PUT = Happening("ObjectCreated:Put", "Object Created", "PutObject")
COPIED = Happening("ObjectCreated:Copy", "Object Created", "CopyObject")
COMPLETED = Happening("ObjectCreated:CompleteMultipartUpload", "Object Created", "CompleteMultipartUpload")
DELETED = Happening("ObjectRemoved:Delete", "Object Deleted", "DeleteObject")
TAGGED = Happening("ObjectTagging:Put", "Object Tags Added", is_sequenced=False, version="2.3")
UNTAGGED = Happening("ObjectTagging:Delete", "Object Tags Deleted", is_sequenced=False, version="2.3")


def record(
    call: Call, bucket: Bucket, happening: Happening, configuration_id: str, sequencer: str | None, now: float
) -> dict[str, Any]:
    """As it stands in `Records` ("Event message structure"). The key is URL-encoded there."""
    facts = {"size": happening.size, "eTag": happening.etag, "sequencer": sequencer}
    return {
        "eventVersion": happening.version,
        "eventSource": "aws:s3",
        "awsRegion": bucket.region,
        "eventTime": timestamp(now),
        "eventName": happening.event,
        "userIdentity": {"principalId": principal_id(call.principal)},
        "requestParameters": {"sourceIPAddress": call.source_ip},
        "responseElements": {
            "x-amz-request-id": call.request_id,
            "x-amz-id-2": names.host_id(call.request_id),
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration_id,
            "bucket": {
                "name": bucket.name,
                "ownerIdentity": {"principalId": customer_id(bucket.account)},
                "arn": bucket.arn,
            },
            "object": {"key": keys.encoded(happening.key), **_present(facts)},
        },
    }


def bridge_event(call: Call, bucket: Bucket, happening: Happening, sequencer: str | None, now: float) -> dict[str, Any]:
    """As EventBridge gets it ("EventBridge event message structure"). The key is as it is."""
    facts = {"size": happening.size, "etag": happening.etag, "sequencer": sequencer}
    is_deletion = happening.event.startswith("ObjectRemoved:")
    return {
        "version": "0",
        "id": names.new_uuid(),
        "detail-type": happening.detail_type,
        "source": "aws.s3",
        "account": bucket.account,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "region": bucket.region,
        "resources": [bucket.arn],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket.name},
            "object": {"key": happening.key, **_present(facts)},
            "request-id": call.request_id,
            "requester": call.principal.arn if call.principal.kind == "service" else call.principal.account,
            "source-ip-address": call.source_ip,
            **_present({"reason": happening.reason}),
            **({"deletion-type": "Permanently Deleted"} if is_deletion else {}),
        },
    }


def test_message(call: Call, bucket: Bucket, now: float) -> dict[str, Any]:
    """What a queue or a topic gets when it is named in a bucket's configuration."""
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": timestamp(now),
        "Bucket": bucket.name,
        "RequestId": call.request_id,
        "HostId": names.host_id(call.request_id),
    }


def principal_id(principal: Principal) -> str:
    """How an event names who did it."""
    return f"AWS:{principal.id or principal.account}"


def timestamp(now: float) -> str:
    """To the millisecond, UTC."""
    whole, ms = divmod(int(now * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{ms:03d}Z"


def _present(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}
