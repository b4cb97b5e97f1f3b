"""Event documents, member for member as AWS's pages show them."""

from __future__ import annotations

from dataclasses import replace

from tests.services.s3.nouns import ACCOUNT, CALL
from wakeful import names
from wakeful.fabric.service import Principal
from wakeful.services.s3 import events
from wakeful.services.s3.buckets import Bucket, customer_id

BUCKET = Bucket("shelf", ACCOUNT, "eu-west-1", 0.0, None, None, None, None)
NOW = 1_700_000_000.1239


def test_a_record_of_a_new_object() -> None:
    happening = events.PUT.of("a b/ü+.txt", size=5, etag="tag")
    assert events.record(CALL, BUCKET, happening, "config", "00AB", NOW) == {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": "2023-11-14T22:13:20.123Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "responseElements": {"x-amz-request-id": "request", "x-amz-id-2": names.host_id("request")},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "config",
            "bucket": {
                "name": "shelf",
                "ownerIdentity": {"principalId": customer_id(ACCOUNT)},
                "arn": "arn:aws:s3:::shelf",
            },
            "object": {"key": "a+b/%C3%BC%2B.txt", "size": 5, "eTag": "tag", "sequencer": "00AB"},
        },
    }


def test_a_deletion_tells_the_key_and_its_place_and_tags_tell_neither_size_nor_place() -> None:
    deleted = events.record(CALL, BUCKET, events.DELETED.of("k"), "config", "00AB", NOW)
    assert (deleted["eventName"], deleted["s3"]["object"]) == (
        "ObjectRemoved:Delete",
        {"key": "k", "sequencer": "00AB"},
    )
    tagged = events.record(CALL, BUCKET, events.TAGGED.of("k", etag="tag"), "config", None, NOW)
    assert (tagged["eventVersion"], tagged["s3"]["object"]) == ("2.3", {"key": "k", "eTag": "tag"})


def test_eventbridge_gets_the_key_as_it_is_and_the_reason() -> None:
    event = events.bridge_event(CALL, BUCKET, events.COPIED.of("a b", size=5, etag="tag"), "00AB", NOW)
    assert event.pop("id")
    assert event == {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": "2023-11-14T22:13:20Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:s3:::shelf"],
        "detail": {
            "version": "0",
            "bucket": {"name": "shelf"},
            "object": {"key": "a b", "size": 5, "etag": "tag", "sequencer": "00AB"},
            "request-id": "request",
            "requester": ACCOUNT,
            "source-ip-address": "192.0.2.1",
            "reason": "CopyObject",
        },
    }


def test_eventbridge_hears_that_a_deletion_is_for_good_and_that_tags_have_no_reason() -> None:
    deleted = events.bridge_event(CALL, BUCKET, events.DELETED.of("k"), "00AB", NOW)
    assert deleted["detail-type"] == "Object Deleted"
    assert (deleted["detail"]["deletion-type"], deleted["detail"]["reason"]) == ("Permanently Deleted", "DeleteObject")
    tagged = events.bridge_event(CALL, BUCKET, events.UNTAGGED.of("k", etag="tag"), None, NOW)
    assert tagged["detail-type"] == "Object Tags Deleted"
    assert not {"reason", "deletion-type"} & tagged["detail"].keys()


def test_who_did_it_is_named_by_its_id_and_the_account_itself_by_its_number() -> None:
    assert events.principal_id(CALL.principal) == "AWS:AIDAEXAMPLE"
    assert events.principal_id(Principal("root", f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)) == f"AWS:{ACCOUNT}"
    service = replace(CALL, principal=Principal("service", "logs.amazonaws.com", ACCOUNT))
    event = events.bridge_event(service, BUCKET, events.PUT.of("k"), None, NOW)
    assert event["detail"]["requester"] == "logs.amazonaws.com"


def test_the_test_message_names_the_bucket() -> None:
    assert events.test_message(CALL, BUCKET, NOW) == {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2023-11-14T22:13:20.123Z",
        "Bucket": "shelf",
        "RequestId": "request",
        "HostId": names.host_id("request"),
    }
