"""Queues: made, found, changed and gone; who may be whose dead-letter queue."""

from __future__ import annotations

import http.client
import json
import urllib.parse
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import RunningNode

STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}


@pytest.fixture
def sqs(node: RunningNode) -> Any:
    return node.client("sqs")


def refusal(call: Any, /, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def arn_of(sqs: Any, url: str) -> str:
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


def test_a_queues_url_has_the_host_that_the_client_used(node: RunningNode, sqs: Any) -> None:
    assert sqs.create_queue(QueueName="q")["QueueUrl"] == f"{node.endpoint}/000000000000/q"
    by_name = node.endpoint.replace("127.0.0.1", "localhost")
    other = node.client("sqs", endpoint=by_name).get_queue_url(QueueName="q")
    assert other["QueueUrl"] == f"{by_name}/000000000000/q"


def test_making_a_queue_again_answers_the_same_one_unless_it_would_be_another(sqs: Any) -> None:
    first = sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "40"})["QueueUrl"]
    assert sqs.create_queue(QueueName="q")["QueueUrl"] == first
    assert sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "40"})["QueueUrl"] == first
    code, message = refusal(sqs.create_queue, QueueName="q", Attributes={"VisibilityTimeout": "41"})
    assert code == "QueueAlreadyExists"
    assert "different value for attribute VisibilityTimeout" in message


@pytest.mark.parametrize("name", ["with space", "x" * 81, "ümlaut"])
def test_a_name_that_no_queue_may_have_is_refused(shared_node: RunningNode, name: str) -> None:
    sqs = shared_node.client("sqs")
    code, message = refusal(sqs.create_queue, QueueName=name)
    assert code == "InvalidParameterValue"
    assert message == "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
    assert "QueueUrls" not in sqs.list_queues()


@pytest.mark.parametrize(
    ("attributes", "code", "words"),
    [
        ({"VisibilityTimeout": "43201"}, "InvalidAttributeValue", "Invalid value for the parameter VisibilityTimeout."),
        ({"DelaySeconds": "-1"}, "InvalidAttributeValue", "Invalid value for the parameter DelaySeconds."),
        (
            {"MaximumMessageSize": "1023"},
            "InvalidAttributeValue",
            "Invalid value for the parameter MaximumMessageSize.",
        ),
        ({"Nonsense": "1"}, "InvalidAttributeName", "Unknown Attribute Nonsense."),
        ({"FifoQueue": "true"}, "InvalidParameterValue", "must end with .fifo suffix"),
        ({"FifoQueue": "false"}, "InvalidAttributeName", "Unknown Attribute FifoQueue."),
        ({"ContentBasedDeduplication": "true"}, "InvalidAttributeName", "Unknown Attribute ContentBasedDeduplication."),
        ({"DelaySeconds": ""}, "InvalidAttributeValue", "Invalid value for the parameter DelaySeconds."),
        ({"DeduplicationScope": "queue"}, "InvalidAttributeName", "DeduplicationScope only when FifoQueue is set"),
        (
            {"KmsMasterKeyId": "alias/aws/sqs", "SqsManagedSseEnabled": "true"},
            "InvalidAttributeName",
            "You can use one type of server-side encryption (SSE) at one time.",
        ),
        ({"RedrivePolicy": "no json"}, "InvalidParameterValue", "Redrive policy is not a valid JSON map."),
        (
            {"RedrivePolicy": '{"deadLetterTargetArn": "arn", "maxReceiveCount": 1, "more": 1}'},
            "InvalidParameterValue",
            "Only following attributes are supported",
        ),
        (
            {"RedrivePolicy": '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:no", "maxReceiveCount": 0}'},
            "InvalidParameterValue",
            "valid values are from 1 to 1000 both inclusive.",
        ),
        (
            {"Policy": json.dumps({"Statement": [STATEMENT] * 21})},
            "OverLimit",
            "21 statements were found in the submitted policy, max allowed is 20",
        ),
        (
            {"Policy": json.dumps({"Id": "x" * 8192, "Statement": [STATEMENT]})},
            "InvalidAttributeValue",
            "Invalid value for the parameter Policy.",
        ),
        ({"Policy": "no json"}, "InvalidAttributeValue", "Invalid value for the parameter Policy."),
        ({"Policy": '{"Id": "p"}'}, "InvalidAttributeValue", "Invalid value for the parameter Policy."),
        (
            {"Policy": '{"Statement": {"Effect": "Perhaps", "Principal": "*", "Action": "sqs:*", "Resource": "*"}}'},
            "InvalidAttributeValue",
            "Invalid value for the parameter Policy.",
        ),
        ({"RedriveAllowPolicy": '{"redrivePermission": "byQueue"}'}, "InvalidParameterValue", "sourceQueueArns"),
        (
            {"RedriveAllowPolicy": '{"redrivePermission": "byQueue", "sourceQueueArns": 5}'},
            "InvalidParameterValue",
            "unsupported format",
        ),
        ({"RedrivePolicy": '{"maxReceiveCount": 1}'}, "InvalidParameterValue", "deadLetterTargetArn"),
        (
            {"RedrivePolicy": '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:no", "maxReceiveCount": 1}'},
            "InvalidParameterValue",
            "Dead letter target does not exist.",
        ),
    ],
)
def test_attributes_that_no_queue_may_have_are_refused(
    shared_node: RunningNode, attributes: dict[str, str], code: str, words: str
) -> None:
    sqs = shared_node.client("sqs")
    answered, message = refusal(sqs.create_queue, QueueName="q", Attributes=attributes)
    assert answered == code
    assert words in message
    assert "QueueUrls" not in sqs.list_queues()


def test_attributes_are_answered_as_they_were_set_and_defaults_as_aws_has_them(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="q", Attributes={"DelaySeconds": "7"})["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"ReceiveMessageWaitTimeSeconds": "3"})
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["DelaySeconds"] == "7"
    assert attributes["ReceiveMessageWaitTimeSeconds"] == "3"
    assert attributes["VisibilityTimeout"] == "30"
    assert attributes["MaximumMessageSize"] == str(1024 * 1024)
    assert attributes["MessageRetentionPeriod"] == "345600"
    one = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])["Attributes"]
    assert one == {"DelaySeconds": "7"}
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url)


def test_a_queue_is_encrypted_in_the_way_that_was_said_last(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    names = ["KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"]

    def shown(**attributes: str) -> dict[str, str]:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        return dict(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"])

    with_key = {"KmsMasterKeyId": "alias/k", "KmsDataKeyReusePeriodSeconds": "300", "SqsManagedSseEnabled": "false"}
    assert shown(KmsMasterKeyId="alias/k") == with_key
    assert shown(KmsDataKeyReusePeriodSeconds="60") == {**with_key, "KmsDataKeyReusePeriodSeconds": "60"}
    assert shown(SqsManagedSseEnabled="true") == {"SqsManagedSseEnabled": "true"}
    assert shown(KmsMasterKeyId="alias/k") == with_key
    assert shown(KmsMasterKeyId="") == {"SqsManagedSseEnabled": "true"}
    assert shown(SqsManagedSseEnabled="false") == {"SqsManagedSseEnabled": "false"}
    code, message = refusal(sqs.set_queue_attributes, QueueUrl=url, Attributes={"VisibilityTimeout": ""})
    assert (code, message) == ("InvalidAttributeValue", "Invalid value for the parameter VisibilityTimeout.")


def test_an_empty_policy_takes_the_policy_away(sqs: Any) -> None:
    policy = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}}
    url = sqs.create_queue(QueueName="q", Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert "Policy" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def test_what_is_not_there_is_not_found(sqs: Any, node: RunningNode) -> None:
    url = f"{node.endpoint}/000000000000/none"
    for call, request in (
        (sqs.get_queue_url, {"QueueName": "none"}),
        (sqs.delete_queue, {"QueueUrl": url}),
        (sqs.send_message, {"QueueUrl": url, "MessageBody": "m"}),
        (sqs.receive_message, {"QueueUrl": url}),
        (sqs.get_queue_attributes, {"QueueUrl": url}),
    ):
        code, message = refusal(call, **request)
        assert (code, message) == ("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")


def test_a_deleted_queue_is_gone_with_its_messages_and_for_a_minute_its_name_is_not_free(
    node: RunningNode, sqs: Any
) -> None:
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="m")
    sqs.delete_queue(QueueUrl=url)
    assert "QueueUrls" not in sqs.list_queues()
    code, message = refusal(sqs.create_queue, QueueName="q")
    assert code == "AWS.SimpleQueueService.QueueDeletedRecently"
    assert message.startswith("You must wait 60 seconds after deleting a queue")
    node.client("sqs", region="eu-west-1").create_queue(QueueName="q")
    node.advance(58)
    assert refusal(sqs.create_queue, QueueName="q")[0] == code
    node.advance(3)
    sqs.create_queue(QueueName="q")
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_purging_empties_and_may_not_be_repeated_within_a_minute(node: RunningNode, sqs: Any) -> None:
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="m")
    sqs.purge_queue(QueueUrl=url)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert refusal(sqs.purge_queue, QueueUrl=url)[0] == "AWS.SimpleQueueService.PurgeQueueInProgress"
    node.advance(61)
    sqs.purge_queue(QueueUrl=url)


def test_queues_are_listed_by_prefix_and_page_by_page(sqs: Any) -> None:
    for number in range(7):
        sqs.create_queue(QueueName=f"a-{number}")
    sqs.create_queue(QueueName="b")
    urls: list[str] = []
    request: dict[str, Any] = {"QueueNamePrefix": "a-", "MaxResults": 3}
    pages = 0
    while True:
        page = sqs.list_queues(**request)
        urls += page["QueueUrls"]
        pages += 1
        if "NextToken" not in page:
            break
        request["NextToken"] = page["NextToken"]
    assert [url.rsplit("/", 1)[1] for url in urls] == [f"a-{number}" for number in range(7)]
    assert pages == 3


def test_accounts_and_regions_do_not_see_each_others_queues(node: RunningNode, sqs: Any) -> None:
    sqs.create_queue(QueueName="q")
    assert "QueueUrls" not in node.client("sqs", key="111111111111").list_queues()
    assert "QueueUrls" not in node.client("sqs", region="eu-west-1").list_queues()
    other = node.client("sqs", key="111111111111").create_queue(QueueName="q")["QueueUrl"]
    assert "/111111111111/q" in other


def test_tags_come_and_go(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="q", tags={"a": "1"})["QueueUrl"]
    sqs.tag_queue(QueueUrl=url, Tags={"b": "2"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["a"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "2"}


def test_a_dead_letter_queue_knows_its_sources_and_may_refuse_them(sqs: Any) -> None:
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": arn_of(sqs, dead), "maxReceiveCount": "3"})
    source = sqs.create_queue(QueueName="source", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [source]
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": '{"redrivePermission": "denyAll"}'})
    code, message = refusal(sqs.create_queue, QueueName="other", Attributes={"RedrivePolicy": policy})
    assert code == "InvalidParameterValue"
    assert "does not have permission" in message


def test_permissions_are_statements_of_the_policy(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.add_permission(QueueUrl=url, Label="l", AWSAccountIds=["111111111111"], Actions=["SendMessage"])
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    (statement,) = policy["Statement"]
    assert statement["Sid"] == "l"
    assert statement["Principal"] == {"AWS": ["arn:aws:iam::111111111111:root"]}
    assert statement["Action"] == ["SQS:SendMessage"]
    again = {"QueueUrl": url, "Label": "l", "AWSAccountIds": ["111111111111"], "Actions": ["SendMessage"]}
    assert refusal(sqs.add_permission, **again)[0] == "InvalidParameterValue"
    sqs.remove_permission(QueueUrl=url, Label="l")
    assert refusal(sqs.remove_permission, QueueUrl=url, Label="l")[0] == "InvalidParameterValue"


def test_who_goes_away_while_waiting_takes_nothing_with_it(node: RunningNode, sqs: Any) -> None:
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    asking = {"QueueUrl": url, "WaitTimeSeconds": 20}
    scope = "Credential=test/20261121/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 {scope}",
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AmazonSQS.ReceiveMessage",
    }
    waiting = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)
    waiting.request("POST", "/", json.dumps(asking), headers)
    node.wait_for_listener(arn_of(sqs, url))
    waiting.close()
    sqs.send_message(QueueUrl=url, MessageBody="for somebody else")
    (message,) = sqs.receive_message(**asking, AttributeNames=["ApproximateReceiveCount"])["Messages"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_a_policy_with_a_single_statement_gets_another(sqs: Any) -> None:
    statement = {"Sid": "s", "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    url = sqs.create_queue(QueueName="q", Attributes={"Policy": policy})["QueueUrl"]
    sqs.add_permission(QueueUrl=url, Label="more", AWSAccountIds=["111122223333"], Actions=["ReceiveMessage"])
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    assert [each["Sid"] for each in json.loads(shown)["Statement"]] == ["s", "more"]


@pytest.mark.parametrize(
    ("label", "account", "action", "words"),
    [
        ("with space", "111122223333", "SendMessage", "for parameter Label is invalid"),
        ("l", "1111", "SendMessage", "Value [1111] for parameter PrincipalId is invalid. Reason: Unable to verify."),
        ("l", "111122223333", "DeleteQueue", "Only the queue owner is allowed to invoke this action."),
    ],
)
def test_a_permission_that_cannot_be_given_is_refused(
    sqs: Any, label: str, account: str, action: str, words: str
) -> None:
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    code, message = refusal(sqs.add_permission, QueueUrl=url, Label=label, AWSAccountIds=[account], Actions=[action])
    assert code == "InvalidParameterValue"
    assert words in message


def test_a_policy_has_twenty_statements_at_most_and_a_permission_seven_actions(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="q", Attributes={"Policy": json.dumps({"Statement": [STATEMENT] * 20})})[
        "QueueUrl"
    ]
    asked = {"QueueUrl": url, "Label": "l", "AWSAccountIds": ["111122223333"]}
    code, message = refusal(sqs.add_permission, **asked, Actions=["SendMessage"])
    assert (code, "21 statements were found" in message) == ("OverLimit", True)
    code, message = refusal(sqs.add_permission, **asked, Actions=["SendMessage"] * 8)
    assert (code, message) == ("OverLimit", "8 Actions were found, maximum allowed is 7.")


def test_attributes_that_are_not_there_are_not_set(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    code, message = refusal(sqs.set_queue_attributes, QueueUrl=url, Attributes={})
    assert (code, message) == ("MissingParameter", "The request must contain the parameter Attribute.Name.")


def test_a_queue_has_fifty_tags_at_most(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="q", tags={str(number): "v" for number in range(50)})["QueueUrl"]
    assert refusal(sqs.tag_queue, QueueUrl=url, Tags={"more": "v"})[0] == "InvalidParameterValue"
    for tags in ({"k" * 129: "v"}, {"0": "v" * 257}, {"aws:k": "v"}, {"0": "a;b"}):
        assert refusal(sqs.tag_queue, QueueUrl=url, Tags=tags)[0] == "InvalidParameterValue"
    assert len(sqs.list_queue_tags(QueueUrl=url)["Tags"]) == 50


def test_making_a_queue_again_compares_what_its_policies_say_and_not_how(sqs: Any) -> None:
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    one = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": 3}}'
    other = f'{{"maxReceiveCount":3,"deadLetterTargetArn":"{arn}"}}'
    url = sqs.create_queue(QueueName="q", Attributes={"RedrivePolicy": one})["QueueUrl"]
    assert sqs.create_queue(QueueName="q", Attributes={"RedrivePolicy": other})["QueueUrl"] == url


def test_the_older_query_protocol_is_answered_in_xml(node: RunningNode, sqs: Any) -> None:
    """Clients of before 2023 speak to the queue's own URL, in forms."""
    url = sqs.create_queue(QueueName="q")["QueueUrl"]

    def ask(**fields: str) -> str:
        form = urllib.parse.urlencode({"Version": "2012-11-05", **fields}).encode()
        scope = "Credential=test/20261121/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"
        request = urllib.request.Request(url, form, {"Authorization": f"AWS4-HMAC-SHA256 {scope}"})
        with urllib.request.urlopen(request, timeout=10) as response:
            return str(response.read().decode())

    sent = ask(Action="SendMessage", MessageBody="a & b")
    assert "<SendMessageResponse" in sent
    assert "<MD5OfMessageBody>" in sent
    received = ask(Action="ReceiveMessage", MaxNumberOfMessages="1")
    assert "<Body>a &amp; b</Body>" in received
