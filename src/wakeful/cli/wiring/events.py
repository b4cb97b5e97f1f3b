"""What the events that senders send look like: shapes, against which patterns and filters are held.

A shape says too much rather than too little: whatever a sender can send has its shape, and so may things that it never
sends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Anything:
    """Any JSON at all."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string: one of `only`, where that is known; none of `but`, none that begins with `never_begins`."""

    only: frozenset[str] | None = None
    but: frozenset[str] = frozenset()
    never_begins: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    """Any number."""


@dataclass(frozen=True, slots=True)
class Array:
    """Any number of elements of one shape."""

    of: Shape


@dataclass(frozen=True, slots=True)
class Object:
    """An object. Members in `optional` may be missing; `others` is what members of any other name are.

    One that is plain has no members with dots in their names, which a pattern could mean by a path.
    """

    members: Mapping[str, Shape]
    optional: frozenset[str] = frozenset()
    others: Shape | None = None
    is_plain: bool = False


Shape = Anything | Text | Number | Array | Object

ANYTHING = Anything()
TEXT = Text()


def only(*texts: str) -> Text:
    return Text(only=frozenset(texts))


# --- records of mappings ----------------------------------------------------------------------------------------------


def sqs_record(queue: str, body: Shape = ANYTHING) -> Object:
    """What a mapping of a queue holds its filters against: the body as JSON, where it is JSON."""
    members: dict[str, Shape] = {
        "messageId": TEXT,
        "receiptHandle": TEXT,
        "body": body,
        "attributes": Object({}, others=TEXT),
        "messageAttributes": Object({}, others=ANYTHING),
        "md5OfBody": TEXT,
        "md5OfMessageAttributes": TEXT,
        "eventSource": only("aws:sqs"),
        "eventSourceARN": only(queue),
        "awsRegion": TEXT,
    }
    return Object(members, optional=frozenset({"md5OfMessageAttributes"}))


CHANGES = ("INSERT", "MODIFY", "REMOVE")
"""What may have happened to an item."""

_VALUE = Object(
    {
        **dict.fromkeys(("S", "N", "B"), TEXT),
        **dict.fromkeys(("SS", "NS", "BS"), Array(TEXT)),
        **dict.fromkeys(("BOOL", "NULL", "M", "L"), ANYTHING),
    },
    optional=frozenset(("S", "N", "B", "SS", "NS", "BS", "BOOL", "NULL", "M", "L")),
)
"""An attribute: below its name stands its type, and a number is text."""


def table_record(stream: str, view: str, changes: Sequence[str] = CHANGES) -> Object:
    """What a mapping of a table's stream holds its filters against; images are there as the view type says."""
    images = [image for image, kind in (("NewImage", "NEW"), ("OldImage", "OLD")) if kind in view]
    change: dict[str, Shape] = {
        **dict.fromkeys(("Keys", *images), Object({}, others=_VALUE)),
        **dict.fromkeys(("ApproximateCreationDateTime", "SizeBytes"), Number()),
        "SequenceNumber": TEXT,
        "StreamViewType": only(view),
    }
    members: dict[str, Shape] = {
        **dict.fromkeys(("eventID", "eventVersion", "awsRegion"), TEXT),
        "eventName": only(*changes),
        "eventSource": only("aws:dynamodb"),
        "eventSourceARN": only(stream),
        "dynamodb": Object(change, optional=frozenset(images)),
        "userIdentity": Object({"principalId": TEXT, "type": TEXT}),
    }
    return Object(members, optional=frozenset({"userIdentity"}))


def data_record(stream: str, data: Shape = ANYTHING) -> Object:
    """The same of a data stream: the data as JSON, where it is JSON, beside what Kinesis keeps of it."""
    kept: dict[str, Shape] = {
        **dict.fromkeys(("kinesisSchemaVersion", "partitionKey", "sequenceNumber", "encryptionType"), TEXT),
        "approximateArrivalTimestamp": Number(),
    }
    members: dict[str, Shape] = {
        **kept,
        **dict.fromkeys(("eventID", "eventVersion", "awsRegion", "invokeIdentityArn"), TEXT),
        "data": data,
        "kinesis": Object({**kept, "data": TEXT}, optional=frozenset({"encryptionType"})),
        "eventName": only("aws:kinesis:record"),
        "eventSource": only("aws:kinesis"),
        "eventSourceARN": only(stream),
    }
    return Object(members, optional=frozenset({"encryptionType", "invokeIdentityArn"}))


def sns_envelope(topic: str) -> Object:
    """What a queue gets of a topic without raw message delivery ("Amazon SNS message and JSON formats")."""
    members: dict[str, Shape] = {
        **dict.fromkeys(("MessageId", "Subject", "Message", "Timestamp", "SequenceNumber"), TEXT),
        **dict.fromkeys(("SignatureVersion", "Signature", "SigningCertURL", "UnsubscribeURL", "Token"), TEXT),
        **dict.fromkeys(("SigningCertUrl", "UnsubscribeUrl", "SubscribeURL"), TEXT),
        "Type": only("Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"),
        "TopicArn": only(topic),
        "MessageAttributes": Object({}, others=Object({"Type": TEXT, "Value": TEXT})),
    }
    return Object(members, optional=frozenset(members) - {"Type", "TopicArn", "Message", "MessageId"})


# --- S3 ---------------------------------------------------------------------------------------------------------------

S3_DETAIL_TYPES = frozenset(
    (
        *("Object Created", "Object Deleted", "Object Restore Initiated", "Object Restore Completed"),
        *("Object Restore Expired", "Object Tags Added", "Object Tags Deleted", "Object ACL Updated"),
        *("Object Storage Class Changed", "Object Access Tier Changed"),
    )
)
"""What S3 itself puts on the default bus ("Using EventBridge"). Other events of source aws.s3 come from CloudTrail."""


def s3_messages(bucket: str) -> tuple[Object, ...]:
    """What a bucket sends to queues, topics and functions: its records, or the test of a new configuration."""
    record = Object(
        {
            "eventSource": only("aws:s3"),
            "eventName": TEXT,
            "s3": Object(
                {"bucket": Object({"name": only(bucket)}, others=ANYTHING, is_plain=True)},
                others=ANYTHING,
                is_plain=True,
            ),
            **dict.fromkeys(("eventVersion", "awsRegion", "eventTime"), TEXT),
        },
        others=ANYTHING,
        is_plain=True,
    )
    test = Object(
        {
            "Event": only("s3:TestEvent"),
            "Bucket": only(bucket),
            **dict.fromkeys(("Service", "Time", "RequestId", "HostId"), TEXT),
        }
    )
    return Object({"Records": Array(record)}), test


# --- EventBridge ------------------------------------------------------------------------------------------------------


def bus_event(
    source: Shape = TEXT, detail_type: Shape = TEXT, resources: Shape = TEXT, detail: Shape | None = None
) -> Object:
    """ "AWS service event structure": these members and no others, but for those of a replay."""
    members: dict[str, Shape] = {
        "version": TEXT,
        "id": TEXT,
        "detail-type": detail_type,
        "source": source,
        "account": TEXT,
        "time": TEXT,
        "region": TEXT,
        "resources": Array(resources),
        "detail": detail or Object({}, others=ANYTHING),
        "replay-name": TEXT,
    }
    return Object(members, optional=frozenset({"replay-name"}))


def s3_bus_event(bucket: str) -> Object:
    """What a bucket with EventBridge switched on puts on the default bus."""
    detail = Object({"bucket": Object({"name": only(bucket)})}, others=ANYTHING, is_plain=True)
    return bus_event(only("aws.s3"), only(*S3_DETAIL_TYPES), only(f"arn:aws:s3:::{bucket}"), detail)


def put_event() -> Object:
    """What PutEvents takes: a source that does not begin as AWS's own do."""
    return bus_event(Text(never_begins="aws."))


def not_of_s3_itself() -> tuple[Object, ...]:
    """Every event but those that S3 itself puts on a bus."""
    return bus_event(Text(but=frozenset({"aws.s3"}))), bus_event(detail_type=Text(but=S3_DETAIL_TYPES))


# --- SNS --------------------------------------------------------------------------------------------------------------


def message_attributes() -> Object:
    """The attributes of a message that anybody published."""
    return Object({}, others=ANYTHING)


NO_ATTRIBUTES = Object({})
"""What S3 and EventBridge publish has none."""
