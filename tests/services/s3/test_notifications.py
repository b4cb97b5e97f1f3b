"""Notifications: who is told of what; and the object and the telling, which are true together or not at all."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier

from tests.running_node import RunningNode, running_node
from tests.services.s3.conftest import BUCKET, in_parts, refused
from tests.services.s3.nouns import ACCOUNT, references
from wakeful import limits
from wakeful.services.s3 import keys, notifications
from wakeful.services.s3.buckets import Bucket
from wakeful.services.s3.errors import InvalidArgument
from wakeful.services.s3.notifications import Rule

SHELF = Bucket("shelf", ACCOUNT, "us-east-1", 0.0, None, None, None, None)
CREATED = "s3:ObjectCreated:*"


class Ear:
    """A queue, and what came into it."""

    def __init__(self, node: RunningNode, name: str = "ear") -> None:
        self._sqs = node.client("sqs")
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        self.arn: str = attributes["Attributes"]["QueueArn"]

    def heard(self) -> list[dict[str, Any]]:
        """Every message since the last time, in order."""
        found: list[dict[str, Any]] = []
        while True:
            messages = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", [])
            if not messages:
                return found
            found += [json.loads(message["Body"]) for message in messages]

    def records(self) -> list[dict[str, Any]]:
        return [record for message in self.heard() for record in message["Records"]]


def entry(arn: str, *events: str, prefix: str = "", suffix: str = "", **more: Any) -> dict[str, Any]:
    rules = [{"Name": name, "Value": value} for name, value in (("prefix", prefix), ("suffix", suffix)) if value]
    found: dict[str, Any] = {"QueueArn": arn, "Events": list(events or (CREATED,)), **more}
    if rules:
        found["Filter"] = {"Key": {"FilterRules": rules}}
    return found


def configure(s3: Any, *entries: dict[str, Any], **more: Any) -> None:
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": list(entries), **more}
    )


@pytest.fixture
def ear(node: RunningNode) -> Ear:
    return Ear(node)


# --- being told ------------------------------------------------------------------------------------------------------


def test_whatever_happens_to_an_object_is_told_in_order(s3: Any, ear: Ear) -> None:
    configure(s3, entry(ear.arn, CREATED, "s3:ObjectRemoved:*", "s3:ObjectTagging:*", Id="all"))
    (test,) = ear.heard()
    assert (test["Event"], test["Bucket"], test["Service"]) == ("s3:TestEvent", BUCKET, "Amazon S3")
    put = s3.put_object(Bucket=BUCKET, Key="a b", Body=b"12345")
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/a b")
    in_parts(s3, "parts", [3])
    s3.put_object_tagging(Bucket=BUCKET, Key="a b", Tagging={"TagSet": [{"Key": "t", "Value": ""}]})
    s3.delete_object_tagging(Bucket=BUCKET, Key="a b")
    s3.delete_object(Bucket=BUCKET, Key="a b")
    s3.delete_object(Bucket=BUCKET, Key="a b")
    s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "copy"}, {"Key": "nothing"}]})
    records = ear.records()
    assert [(record["eventName"], record["s3"]["object"]["key"]) for record in records] == [
        ("ObjectCreated:Put", "a+b"),
        ("ObjectCreated:Copy", "copy"),
        ("ObjectCreated:CompleteMultipartUpload", "parts"),
        ("ObjectTagging:Put", "a+b"),
        ("ObjectTagging:Delete", "a+b"),
        ("ObjectRemoved:Delete", "a+b"),
        ("ObjectRemoved:Delete", "copy"),
    ]
    first = records[0]
    assert first["s3"]["configurationId"] == "all"
    assert first["s3"]["object"]["size"] == 5
    assert f'"{first["s3"]["object"]["eTag"]}"' == put["ETag"]
    headers = put["ResponseMetadata"]["HTTPHeaders"]
    assert first["responseElements"] == {name: headers[name] for name in ("x-amz-request-id", "x-amz-id-2")}
    assert first["awsRegion"] == "us-east-1"


def test_the_events_of_a_key_are_in_the_order_of_their_sequencers(node: RunningNode, s3: Any, ear: Ear) -> None:
    configure(s3, entry(ear.arn, CREATED, "s3:ObjectRemoved:*"))
    ear.heard()
    for _ in range(4):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
        s3.delete_object(Bucket=BUCKET, Key="k")
    s3.delete_bucket(Bucket=BUCKET)
    s3.create_bucket(Bucket=BUCKET)
    configure(s3, entry(ear.arn))
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    records = [record for message in ear.heard() for record in message.get("Records", [])]
    sequencers = [record["s3"]["object"]["sequencer"] for record in records]
    assert len(sequencers) == 9
    assert sequencers == sorted(set(sequencers)), "none twice, and none out of order"
    assert {len(sequencer) for sequencer in sequencers} == {18}


def test_only_the_keys_and_events_that_were_asked_for_are_told(s3: Any, ear: Ear) -> None:
    configure(
        s3,
        entry(ear.arn, "s3:ObjectCreated:Put", prefix="in/", suffix=".jpg", Id="pictures"),
        entry(ear.arn, "s3:ObjectCreated:Copy", prefix="in/", Id="copies"),
    )
    ear.heard()
    for key in ("in/a.jpg", "in/a.png", "out/a.jpg", "in/.jpg"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    s3.copy_object(Bucket=BUCKET, Key="in/b.jpg", CopySource=f"{BUCKET}/in/a.jpg")
    s3.delete_object(Bucket=BUCKET, Key="in/a.jpg")
    told = [(record["s3"]["configurationId"], record["s3"]["object"]["key"]) for record in ear.records()]
    assert told == [("pictures", "in/a.jpg"), ("pictures", "in/.jpg"), ("copies", "in/b.jpg")]


def test_a_filter_is_held_against_the_encoded_key(s3: Any, ear: Ear) -> None:
    configure(s3, entry(ear.arn, prefix="dt%3D1/a+", Id="encoded"), entry(ear.arn, prefix="dt=1/b", Id="raw"))
    ear.heard()
    s3.put_object(Bucket=BUCKET, Key="dt=1/a b", Body=b"x")
    s3.put_object(Bucket=BUCKET, Key="dt=1/b", Body=b"x")
    assert [record["s3"]["configurationId"] for record in ear.records()] == ["encoded"]


def test_an_empty_configuration_tells_nobody(s3: Any, ear: Ear) -> None:
    configure(s3, entry(ear.arn))
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={})
    ear.heard()
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    assert ear.heard() == []
    found = s3.get_bucket_notification_configuration(Bucket=BUCKET)
    assert found.keys() == {"ResponseMetadata"}


def test_a_topic_passes_it_on(node: RunningNode, s3: Any, ear: Ear) -> None:
    sns = node.client("sns")
    topic = sns.create_topic(Name="topic")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=ear.arn)
    configuration = {"TopicConfigurations": [{"TopicArn": topic, "Events": [CREATED]}]}
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=configuration)
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    node.settle()
    heard = ear.heard()
    assert {message["Subject"] for message in heard} == {"Amazon S3 Notification"}
    test, created = (json.loads(message["Message"]) for message in heard)
    assert test["Event"] == "s3:TestEvent"
    assert created["Records"][0]["eventName"] == "ObjectCreated:Put"


def test_eventbridge_hears_everything_without_being_told_what_it_wants(node: RunningNode, s3: Any, ear: Ear) -> None:
    events = node.client("events")
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["aws.s3"]}))
    events.put_targets(Rule="all", Targets=[{"Id": "ear", "Arn": ear.arn}])
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}})
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="a b", Body=b"12")
    s3.delete_object(Bucket=BUCKET, Key="a b")
    node.settle()
    created, deleted = ear.heard()
    assert (created["detail-type"], deleted["detail-type"]) == ("Object Created", "Object Deleted")
    assert (created["resources"], created["account"]) == ([f"arn:aws:s3:::{BUCKET}"], "000000000000")
    assert created["detail"]["object"]["key"] == "a b"
    assert created["detail"]["object"]["size"] == 2
    assert created["detail"]["reason"] == "PutObject"
    assert created["detail"]["object"]["sequencer"] < deleted["detail"]["object"]["sequencer"]


def test_a_configuration_and_its_sequencers_survive_a_restart(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        s3, ear = node.client("s3"), Ear(node)
        s3.create_bucket(Bucket=BUCKET)
        configure(s3, entry(ear.arn))
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    with running_node(tmp_path) as node:
        node.client("s3").put_object(Bucket=BUCKET, Key="k", Body=b"x")
        _, first, second = Ear(node).heard()
        sequencers = [message["Records"][0]["s3"]["object"]["sequencer"] for message in (first, second)]
        assert sequencers[0] < sequencers[1]


def test_a_queue_that_is_gone_does_not_harm_the_object(node: RunningNode, s3: Any, ear: Ear) -> None:
    configure(s3, entry(ear.arn))
    node.client("sqs").delete_queue(QueueUrl=f"{node.endpoint}/000000000000/ear")
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    assert s3.head_object(Bucket=BUCKET, Key="k")["ContentLength"] == 1


def test_a_refused_write_tells_nobody(s3: Any, ear: Ear) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    configure(s3, entry(ear.arn))
    ear.heard()
    with refused("PreconditionFailed"):
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"y", IfNoneMatch="*")
    assert ear.heard() == []


# --- configuring -----------------------------------------------------------------------------------------------------


def test_a_configuration_comes_back_with_ids_and_capital_letters(s3: Any, ear: Ear) -> None:
    configure(s3, entry(ear.arn, prefix="a", suffix="b"), entry(ear.arn, "s3:ObjectRemoved:Delete", Id="mine"))
    found = s3.get_bucket_notification_configuration(Bucket=BUCKET)["QueueConfigurations"]
    rules = [{"Name": "Prefix", "Value": "a"}, {"Name": "Suffix", "Value": "b"}]
    assert found[0]["Filter"] == {"Key": {"FilterRules": rules}}
    assert len(found[0]["Id"]) == 48
    assert (found[1]["Id"], found[1]["Events"]) == ("mine", ["s3:ObjectRemoved:Delete"])


def test_a_destination_that_is_not_there_is_named_and_nothing_changes(node: RunningNode, s3: Any, ear: Ear) -> None:
    missing, other = (f"arn:aws:sqs:us-east-1:000000000000:{name}" for name in ("missing", "other"))
    with refused(
        "InvalidArgument",
        status=400,
        message="Unable to validate the following destination configurations",
        ArgumentName1=missing,
        ArgumentValue1="The destination queue does not exist",
        ArgumentName2=other,
    ):
        configure(
            s3,
            entry(missing, "s3:ObjectCreated:Put"),
            entry(ear.arn, "s3:ObjectCreated:Copy"),
            entry(other, "s3:ObjectRemoved:*"),
        )
    assert ear.heard() == [], "a configuration that was refused has sent no test message either"
    topic, function = "arn:aws:sns:us-east-1:000000000000:t", "arn:aws:lambda:us-east-1:000000000000:function:f"
    with refused("InvalidArgument", ArgumentName1=topic, ArgumentValue1="The destination topic does not exist"):
        configure(s3, TopicConfigurations=[{"TopicArn": topic, "Events": [CREATED]}])
    with refused(
        "InvalidArgument",
        ArgumentName1=f"{function}, null",
        ArgumentValue1=f"Not authorized to invoke function [{function}]",
    ):
        configure(s3, LambdaFunctionConfigurations=[{"LambdaFunctionArn": function, "Events": [CREATED]}])
    found = s3.get_bucket_notification_configuration(Bucket=BUCKET)
    assert "QueueConfigurations" not in found


def test_a_destination_is_not_asked_where_the_client_says_so(s3: Any) -> None:
    missing = "arn:aws:sqs:us-east-1:000000000000:missing"
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET,
        NotificationConfiguration={"QueueConfigurations": [entry(missing)]},
        SkipDestinationValidation=True,
    )
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")


QUEUE = "arn:aws:sqs:us-east-1:111122223333:q"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (entry("no arn"), "The ARN could not be parsed"),
        (entry("arn:aws:sns:us-east-1:111122223333:t"), "The ARN could not be parsed"),
        (entry("arn:aws:sqs:eu-west-1:111122223333:q"), "service region is not valid"),
        (entry(QUEUE, "s3:ObjectPainted:*"), "is not supported for notifications"),
        (
            {**entry(QUEUE), "Filter": {"Key": {"FilterRules": [{"Name": "infix", "Value": "x"}]}}},
            "must be either prefix or suffix",
        ),
        (
            {**entry(QUEUE), "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "x"}] * 2}}},
            "more than one prefix rule",
        ),
        (entry(QUEUE, prefix="x" * 1025), "cannot exceed 1024 bytes"),
    ],
)
def test_an_entry_that_cannot_be_is_refused_in_s3s_words(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        notifications.checked(SHELF, {"QueueConfigurations": [wrong]})


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (entry(QUEUE), entry(QUEUE)),
        (entry(QUEUE), entry(QUEUE, "s3:ObjectCreated:Put", prefix="a")),
        (entry(QUEUE, prefix="a"), entry(QUEUE, prefix="ab")),
        (entry(QUEUE, prefix="a", suffix=".jpg"), entry(QUEUE, prefix="a", suffix="pg")),
        (entry(QUEUE, suffix=".jpg"), entry(QUEUE, prefix="a")),
    ],
)
def test_two_entries_that_may_want_the_same_event_are_ambiguous(one: dict[str, Any], two: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match="Configuration is ambiguously defined"):
        notifications.checked(SHELF, {"QueueConfigurations": [one, two]})


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (entry(QUEUE, prefix="a/"), entry(QUEUE, prefix="b/")),
        (entry(QUEUE, suffix=".jpg"), entry(QUEUE, suffix=".png")),
        (entry(QUEUE, "s3:ObjectCreated:Put"), entry(QUEUE, "s3:ObjectCreated:Copy")),
        (entry(QUEUE), entry(QUEUE, "s3:ObjectRemoved:*")),
    ],
)
def test_two_entries_that_never_want_the_same_event_stand_side_by_side(
    one: dict[str, Any], two: dict[str, Any]
) -> None:
    found = notifications.checked(SHELF, {"QueueConfigurations": [one, two]})
    assert len(found["QueueConfigurations"]) == 2


def test_ids_are_unique_and_there_are_a_hundred_at_most() -> None:
    with pytest.raises(InvalidArgument, match="IDs must be unique"):
        twice = [entry(QUEUE, prefix=prefix, Id="same") for prefix in ("a", "b")]
        notifications.checked(SHELF, {"QueueConfigurations": twice})
    many = [entry(QUEUE, prefix=f"{number:03}") for number in range(101)]
    notifications.checked(SHELF, {"QueueConfigurations": many[:100]})
    with pytest.raises(InvalidArgument, match="cannot exceed 100"):
        notifications.checked(SHELF, {"QueueConfigurations": many})


fragments = st.text(alphabet="ab", max_size=3)
wanted_events = st.lists(
    st.sampled_from(["s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectCreated:Copy", "s3:ObjectRemoved:*"]),
    min_size=1,
    max_size=2,
).map(tuple)
rules = st.builds(Rule, st.just("id"), st.just(QUEUE), st.just("sqs"), wanted_events, fragments, fragments)


@given(rules, rules, st.text(alphabet="ab", max_size=8))
def test_no_event_is_wanted_by_two_rules_that_do_not_overlap(one: Rule, two: Rule, key: str) -> None:
    if not one.overlaps(two):
        for event in ("ObjectCreated:Put", "ObjectCreated:Copy", "ObjectRemoved:Delete"):
            assert not (one.wants(event, keys.encoded(key)) and two.wants(event, keys.encoded(key)))
    assert one.overlaps(two) == two.overlaps(one)


@pytest.mark.slow
def test_the_whole_story_holds_on_postgresql(tmp_path: Path, postgres_dsn: str) -> None:
    """Every statement of S3's is understood there: a story through all of them, told into a queue."""
    name = f"s3_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_dsn, autocommit=True) as admin:
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    store = urlsplit(postgres_dsn)._replace(path=f"/{name}").geturl()
    with running_node(tmp_path, store=store) as node:
        s3, ear = node.client("s3"), Ear(node)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"Tags": [{"Key": "t", "Value": ""}]})
        configure(s3, entry(ear.arn, CREATED, "s3:ObjectRemoved:*"))
        for key in ("a/1", "a/2", "é\x00/3", "é\U0001f600"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode(), Tagging="x=1")
        content = in_parts(s3, "parts", [limits.S3_PART_BYTES_MIN, 7])
        s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/parts")
        assert s3.get_object(Bucket=BUCKET, Key="copy")["Body"].read() == content
        rolled = s3.list_objects_v2(Bucket=BUCKET, Delimiter="/", MaxKeys=2)
        assert [each["Prefix"] for each in rolled["CommonPrefixes"]] == ["a/"]
        assert [each["Key"] for each in rolled["Contents"]] == ["copy"]
        token = rolled["NextContinuationToken"]
        rest = s3.list_objects_v2(Bucket=BUCKET, Delimiter="/", ContinuationToken=token)
        assert [each["Key"] for each in rest["Contents"]] == ["parts", "é\U0001f600"]
        s3.create_multipart_upload(Bucket=BUCKET, Key="unfinished")
        uploads = s3.list_multipart_uploads(Bucket=BUCKET, Prefix="un", KeyMarker="a")["Uploads"]
        assert [each["Key"] for each in uploads] == ["unfinished"]
        assert s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == [{"Key": "t", "Value": ""}]
        assert [each["Name"] for each in s3.list_buckets(Prefix="b", BucketRegion="us-east-1")["Buckets"]] == [BUCKET]
        keys_there = [each["Key"] for each in s3.list_objects(Bucket=BUCKET)["Contents"]]
        s3.delete_object(Bucket=BUCKET, Key="é\x00/3")  # no XML can name it
        s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in keys_there if "\x00" not in key]})
        s3.delete_bucket(Bucket=BUCKET)
        node.settle()
        assert node.run(node.node.store.read(references)) == {}
        records = [record for message in ear.heard() for record in message.get("Records", [])]
    assert len(records) == 2 * len(keys_there) == 12
    assert {record["eventName"].split(":")[0] for record in records} == {"ObjectCreated", "ObjectRemoved"}
    for key in map(keys.encoded, keys_there):
        (made, gone) = (
            record["s3"]["object"]["sequencer"]
            for record in sorted(records, key=lambda record: str(record["eventName"]))
            if record["s3"]["object"]["key"] == key
        )
        assert made < gone
