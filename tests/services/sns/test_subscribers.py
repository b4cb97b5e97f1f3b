"""How many subscribe and filter, for how long somebody is asked, who may end what, and delivery streams."""

from __future__ import annotations

import json
import sqlite3
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.running_node import RunningNode, running_node
from tests.services.sink import sink
from tests.services.sns.test_fifo import NAMES
from tests.services.sns.test_topic import attributes, refusal
from wakeful import limits
from wakeful.composition import SERVICES
from wakeful.fabric.deliver import Delivery, Refused
from wakeful.fabric.service import Operations, Service
from wakeful.store.tx import Tx

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
STREAM = "arn:aws:firehose:us-east-1:000000000000:deliverystream/s"
ROLE = "arn:aws:iam::000000000000:role/r"
FILTER = '{"a": ["x"]}'
DAY_S = 86_400


@pytest.fixture(scope="module")
def node(shared_node: RunningNode) -> RunningNode:
    """Every test has topics of its own."""
    return shared_node


@pytest.fixture(scope="module")
def sns(node: RunningNode) -> Any:
    return node.client("sns")


@pytest.fixture
def topic(sns: Any) -> str:
    return str(sns.create_topic(Name=f"t{next(NAMES)}")["TopicArn"])


def subscribe(sns: Any, topic: str, endpoint: str, **wanted: str) -> str:
    request = {"TopicArn": topic, "Protocol": endpoint.split(":")[2], "Endpoint": endpoint, "Attributes": wanted}
    return str(sns.subscribe(**request, ReturnSubscriptionArn=True)["SubscriptionArn"])


def test_filter_policies_have_an_end_and_subscriptions_go_on(
    sns: Any, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SNS_TOPIC_FILTERS_MAX", 2)
    first = subscribe(sns, topic, f"{QUEUE}1", FilterPolicy=FILTER)
    second = subscribe(sns, topic, f"{QUEUE}2")
    change = {"SubscriptionArn": second, "AttributeName": "FilterPolicy", "AttributeValue": FILTER}
    sns.set_subscription_attributes(**change)
    sns.set_subscription_attributes(**change)  # it has one already
    third = subscribe(sns, topic, f"{QUEUE}3")
    more = {**change, "SubscriptionArn": third}
    assert refusal(sns.set_subscription_attributes, **more)[0] == "FilterPolicyLimitExceeded"
    request = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": f"{QUEUE}4", "Attributes": {"FilterPolicy": FILTER}}
    assert refusal(sns.subscribe, **request)[0] == "FilterPolicyLimitExceeded"
    sns.unsubscribe(SubscriptionArn=first)
    sns.set_subscription_attributes(**more)
    monkeypatch.setattr(limits, "SNS_ACCOUNT_FILTERS_MAX", 2)
    other = sns.create_topic(Name=f"t{next(NAMES)}")["TopicArn"]
    assert refusal(sns.subscribe, **{**request, "TopicArn": other})[0] == "FilterPolicyLimitExceeded"


def test_whom_nobody_answers_for_is_not_asked_for_ever(node: RunningNode, sns: Any, topic: str) -> None:
    theirs = sink(node, f"q{next(NAMES)}", key="111111111111")
    arn = subscribe(sns, topic, theirs.arn)
    assert refusal(sns.unsubscribe, SubscriptionArn=arn) == (
        "InvalidParameter",
        "Invalid parameter: SubscriptionArn Reason: Cannot unsubscribe a subscription that is pending confirmation",
    )
    node.advance(2 * DAY_S - 3600)
    assert attributes(sns, topic)["SubscriptionsPending"] == "1"
    node.advance(3600)
    node.settle()
    assert attributes(sns, topic)["SubscriptionsPending"] == "0"
    assert refusal(sns.get_subscription_attributes, SubscriptionArn=arn)[0] == "NotFound"


def test_a_guarded_subscription_is_ended_by_its_owners_only(node: RunningNode, sns: Any, topic: str) -> None:
    theirs = sink(node, f"q{next(NAMES)}", key="111111111111")
    subscribe(sns, topic, theirs.arn)
    (asked,) = theirs.documents()
    confirming = {"TopicArn": topic, "Token": asked["Token"], "AuthenticateOnUnsubscribe": "true"}
    arn = sns.confirm_subscription(**confirming)["SubscriptionArn"]
    sns.publish(TopicArn=topic, Message="m")
    (message,) = theirs.documents()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(message["UnsubscribeURL"])
    assert refused.value.code == 403
    refused.value.close()
    stranger = node.client("sns", key="222222222222")
    assert refusal(stranger.unsubscribe, SubscriptionArn=arn) == (
        "AuthorizationError",
        "This subscription requires authentication for deletion.",
    )
    sns.unsubscribe(SubscriptionArn=arn)
    assert refusal(sns.get_subscription_attributes, SubscriptionArn=arn)[0] == "NotFound"


def test_who_confirms_by_a_link_is_not_known(node: RunningNode, sns: Any, topic: str) -> None:
    theirs = sink(node, f"q{next(NAMES)}", key="111111111111")
    arn = subscribe(sns, topic, theirs.arn)
    (asked,) = theirs.documents()
    with urllib.request.urlopen(asked["SubscribeURL"]) as answer:
        assert arn in answer.read().decode()
    shown = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (shown["PendingConfirmation"], shown["ConfirmationWasAuthenticated"]) == ("false", "false")


LISTS = (
    "list_platform_applications",
    "list_sms_sandbox_phone_numbers",
    "list_subscriptions",
    "list_subscriptions_by_topic",
    "list_topics",
)


@pytest.mark.parametrize("operation", LISTS)
@pytest.mark.parametrize("token", ["not ours", "ÿ", "AAAAA", "AAAA"])
def test_a_token_that_is_none_of_ours_is_refused(sns: Any, topic: str, operation: str, token: str) -> None:
    more = {"TopicArn": topic} if operation.endswith("topic") else {}
    assert refusal(getattr(sns, operation), NextToken=token, **more) == (
        "InvalidParameter",
        "Invalid parameter: NextToken",
    )


def test_a_topic_of_large_messages_has_only_subscribers_that_take_them(node: RunningNode, sns: Any, topic: str) -> None:
    arn = subscribe(sns, topic, QUEUE)

    def turn(tx: Tx, protocol: str) -> None:
        tx.lock("sns", topic)
        tx.run("UPDATE sns_subscriptions SET protocol = ? WHERE arn = ?", protocol, arn)

    large = {"TopicArn": topic, "AttributeName": "MaximumMessageSize", "AttributeValue": "1048576"}
    node.run(node.node.store.write(turn, "http"))
    assert "cannot have subscriptions by http" in refusal(sns.set_topic_attributes, **large)[1]
    node.run(node.node.store.write(turn, "lambda"))
    sns.set_topic_attributes(**large)


def test_a_key_of_kms_is_shown_as_it_was_set(sns: Any) -> None:
    arn = sns.create_topic(Name=f"t{next(NAMES)}", Attributes={"KmsMasterKeyId": "alias/aws/sns"})["TopicArn"]
    assert attributes(sns, arn)["KmsMasterKeyId"] == "alias/aws/sns"
    sns.set_topic_attributes(TopicArn=arn, AttributeName="KmsMasterKeyId", AttributeValue="")
    assert "KmsMasterKeyId" not in attributes(sns, arn)


# --- delivery streams ------------------------------------------------------------------------------------------------


def _keep(tx: Tx, delivery: Delivery) -> None:
    if delivery.target_arn.endswith("missing"):
        raise Refused("no such stream", "NO_RESOURCE")
    tx.run("INSERT INTO streams_records(body, principal) VALUES (?, ?)", delivery.body, delivery.principal)


STREAMS = Service(
    operations=Operations("firehose", package="streams"),
    schema="CREATE TABLE IF NOT EXISTS streams_records(seq INTEGER PRIMARY KEY, body TEXT NOT NULL,"
    " principal TEXT NOT NULL)",
    accept=_keep,
)


def test_without_firehose_nobody_subscribes_a_stream(sns: Any, topic: str) -> None:
    request = {"TopicArn": topic, "Protocol": "firehose", "Attributes": {"SubscriptionRoleArn": ROLE}}
    assert refusal(sns.subscribe, Endpoint=STREAM, **request) == (
        "NotImplemented",
        "Wakeful has no Firehose: a topic cannot deliver to a delivery stream.",
    )
    assert refusal(sns.subscribe, Endpoint=QUEUE, **request)[1] == "Invalid parameter: Firehose endpoint ARN"


def test_a_stream_gets_messages_in_the_name_of_the_subscriptions_role(tmp_path: Path) -> None:
    with running_node(tmp_path, (*SERVICES, STREAMS)) as node:
        sns, dead = node.client("sns"), sink(node)
        topic = sns.create_topic(Name="t")["TopicArn"]
        without = {"TopicArn": topic, "Protocol": "firehose", "Endpoint": STREAM}
        assert "SubscriptionRoleArn" in refusal(sns.subscribe, **without)[1]
        subscribe(sns, topic, STREAM, SubscriptionRoleArn=ROLE)
        raw = subscribe(sns, topic, f"{STREAM}2", SubscriptionRoleArn=ROLE, RawMessageDelivery="true")
        redrive = json.dumps({"deadLetterTargetArn": dead.arn})
        subscribe(sns, topic, f"{STREAM}-missing", SubscriptionRoleArn=ROLE, RedrivePolicy=redrive)
        change = {"SubscriptionArn": raw, "AttributeName": "SubscriptionRoleArn", "AttributeValue": "nobody"}
        assert refusal(sns.set_subscription_attributes, **change)[0] == "InvalidParameter"
        sns.publish(TopicArn=topic, Message="m")

        def read(tx: Tx) -> list[tuple[str, str]]:
            return [(row["body"], row["principal"]) for row in tx.all("SELECT * FROM streams_records ORDER BY seq")]

        (whole, role), (body, _) = node.run(node.node.store.read(read))
        assert (json.loads(whole)["Message"], role, body) == ("m", ROLE, "m")
        (letter,) = dead.documents()
        assert letter["Message"] == "m"


def test_only_a_stream_has_a_role(sns: Any, topic: str) -> None:
    wanted = {"SubscriptionRoleArn": ROLE}
    request = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": QUEUE, "Attributes": wanted}
    assert refusal(sns.subscribe, **request)[0] == "InvalidParameter"


# --- stores of earlier versions --------------------------------------------------------------------------------------


def test_topics_and_subscriptions_of_an_earlier_version_are_as_they_were(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        sns, queue = node.client("sns"), sink(node)
        topic = sns.create_topic(Name="t", Attributes={"DisplayName": "kept"})["TopicArn"]
        arn = subscribe(sns, topic, queue.arn, RawMessageDelivery="true")
    (database,) = (path for path in tmp_path.glob("*.db") if "telemetry" not in path.name)
    with sqlite3.connect(database) as db:
        for index in ("topics_archiving", "subscriptions_filtered"):
            db.execute(f"DROP INDEX sns_{index}")
        for table in ("publications", "archive", "replays"):
            db.execute(f"DROP TABLE sns_{table}")
        for column in ("topics DROP archiving", "topics DROP protection"):
            db.execute(f"ALTER TABLE sns_{column}")
        db.execute("ALTER TABLE sns_subscriptions DROP filtered")
    db.close()
    with running_node(tmp_path) as node:
        sns = node.client("sns")
        assert attributes(sns, topic)["DisplayName"] == "kept"
        shown = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        assert (shown["RawMessageDelivery"], shown["ConfirmationWasAuthenticated"]) == ("true", "true")
        sns.publish(TopicArn=topic, Message="m")
        assert sink(node).bodies() == ["m"]
