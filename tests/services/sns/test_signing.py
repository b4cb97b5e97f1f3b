"""Signatures: what is signed can be checked by whoever follows AWS's page, with the certificate that is served."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import rsa
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.running_node import RunningNode, running_node
from tests.services.sink import RECORDING, recorded, sink
from tests.services.sns.receiver import receiver
from tests.services.sns.test_topic import refusal
from tests.services.sns.test_web import asked, publish, subscribed
from wakeful.fabric.deliver import Delivery, deliver
from wakeful.fabric.trace import Trace
from wakeful.services.sns.signing import string_to_sign
from wakeful.store.tx import Tx

NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
QUESTION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def check(message: Mapping[str, Any]) -> None:
    """As "Verifying the signatures of Amazon SNS messages" says, with nothing of ours. Raises where it is not so."""
    names = NOTIFICATION if message["Type"] == "Notification" else QUESTION
    text = "".join(f"{name}\n{message[name]}\n" for name in names if message.get(name) is not None)
    with urlopen(message.get("SigningCertURL") or message["SigningCertUrl"]) as answer:
        certificate = x509.load_pem_x509_certificate(answer.read())
    form = (serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
    key = rsa.PublicKey.load_pkcs1(certificate.public_key().public_bytes(*form))
    method = rsa.verify(text.encode(), base64.b64decode(message["Signature"]), key)
    assert method == {"1": "SHA-1", "2": "SHA-256"}[message["SignatureVersion"]]


@pytest.fixture
def node(shared_node: RunningNode) -> RunningNode:
    return shared_node


@pytest.fixture
def sns(node: RunningNode) -> Any:
    return node.client("sns")


@pytest.fixture
def topic(sns: Any) -> Iterator[str]:
    arn = str(sns.create_topic(Name="t")["TopicArn"])
    yield arn
    sns.delete_topic(TopicArn=arn)


def test_what_queues_and_http_endpoints_get_is_signed_in_both_versions(node: RunningNode, sns: Any, topic: str) -> None:
    queue = sink(node)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    with receiver() as hook:
        arn = asked(node, topic, hook)
        check(hook.got[0].document)
        hook.confirm()
        for version in ("1", "2"):
            sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue=version)
            structure = json.dumps({"default": "d\n\u00e4", "http": "for\r\nhttp"})
            publish(node, topic, structure, Subject="s", MessageStructure="json")
            (of_queue,), (of_hook,) = queue.documents(), hook.taken()
            assert [of_queue["Message"], of_hook.document["Message"]] == ["d\n\u00e4", "for\r\nhttp"]
            for message in (of_queue, of_hook.document):
                assert message["SignatureVersion"] == version
                check(message)
        sns.unsubscribe(SubscriptionArn=arn)
        node.settle()
        check(hook.taken("UnsubscribeConfirmation")[0].document)


def test_what_functions_get_is_signed(tmp_path: Path) -> None:
    with running_node(tmp_path, RECORDING) as node:
        sns = node.client("sns")
        topic = sns.create_topic(Name="t", Attributes={"SignatureVersion": "2"})["TopicArn"]
        function = "arn:aws:lambda:us-east-1:000000000000:function:f"
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
        sns.publish(TopicArn=topic, Message="m")
        foreign = "arn:aws:lambda:us-east-1:111122223333:function:f"
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=foreign)
        for each in recorded(node):
            (record,) = json.loads(each["body"])["Records"]
            message = record["Sns"]
            check({**message, "SubscribeURL": message.get("SubscribeUrl")})
        assert len(recorded(node)) == 2


def test_what_another_service_publishes_is_signed_too(node: RunningNode, sns: Any, topic: str) -> None:
    queue = sink(node)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)

    def cause(tx: Tx) -> None:
        account = "000000000000"
        deliver(tx, Delivery(topic, "m", "arn:aws:s3:::b", "s3.amazonaws.com", account, Trace("1-0-0"), subject="s"))

    node.run(node.node.store.write(cause))
    (message,) = queue.documents()
    check(message)


def test_a_changed_message_fails_the_check(node: RunningNode, sns: Any, topic: str) -> None:
    queue = sink(node)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    sns.publish(TopicArn=topic, Message="m")
    (message,) = queue.documents()
    for name in NOTIFICATION[:2] + NOTIFICATION[3:5]:
        with pytest.raises(rsa.VerificationError):
            check({**message, name: message[name] + "x"})


def test_the_certificate_is_one_for_the_store_and_outlives_the_node(tmp_path: Path) -> None:
    found = set()
    for _ in range(2):
        with running_node(tmp_path / "data") as node:
            sns, queue = node.client("sns"), sink(node)
            topic = sns.create_topic(Name="t")["TopicArn"]
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
            sns.publish(TopicArn=topic, Message="m")
            (message,) = queue.documents()
            url = message["SigningCertURL"]
            assert url.startswith("http://127.0.0.1:")
            assert "/SimpleNotificationService-" in url
            url = f"{node.endpoint}/{url.rpartition('/')[2]}"  # whoever subscribed had it at another port
            with urlopen(url) as answer:
                found.add((url.rpartition("/")[2], answer.read()))
            wrong = url.replace("Service-", "Service-0")
            for request, code in ((Request(wrong), 404), (Request(url, method="DELETE"), 405)):
                with pytest.raises(HTTPError) as refused:
                    urlopen(request)
                assert refused.value.code == code
                refused.value.close()
    assert len(found) == 1


def test_there_are_two_versions(sns: Any, topic: str) -> None:
    request = {"TopicArn": topic, "AttributeName": "SignatureVersion", "AttributeValue": "3"}
    assert refusal(sns.set_topic_attributes, **request)[0] == "InvalidParameter"
    assert "SignatureVersion" not in sns.get_topic_attributes(TopicArn=topic)["Attributes"]


@examples(100)
@given(st.dictionaries(st.sampled_from([*NOTIFICATION, *QUESTION, "UnsubscribeURL", "Signature"]), st.text(max_size=9)))
def test_the_string_to_sign_has_the_signed_members_in_the_order_of_their_names(members: dict[str, str]) -> None:
    signed = sorted(set(members).intersection((*NOTIFICATION, *QUESTION)))
    assert string_to_sign(members) == "".join(f"{name}\n{members[name]}\n" for name in signed)


def test_subscribing_in_between_signs_what_was_not_foreseen(node: RunningNode, sns: Any, topic: str) -> None:
    """What is known of subscribers when a message is signed may be a moment old."""
    with receiver() as hook:
        subscribed(node, topic, hook)
        publish(node, topic)  # nobody needs a signature in the transaction, which is remembered
    queue = sink(node)

    def subscribe_unheard(tx: Tx) -> None:
        tx.run(
            "INSERT INTO sns_subscriptions(arn, topic, account, region, protocol, endpoint, attributes, principal,"
            " base_url, created) VALUES (?, ?, '000000000000', 'us-east-1', 'sqs', ?, ?, 'p', ?, 0)",
            *(f"{topic}:x", topic, queue.arn, b"{}", node.endpoint),
        )

    node.run(node.node.store.write(subscribe_unheard))
    sns.publish(TopicArn=topic, Message="m")
    (message,) = queue.documents()
    check(message)
