"""Who may do what, through unmodified clients: calls, deliveries, and what is only watched."""

from __future__ import annotations

import json
import logging
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running_node import Lender, RunningNode, running_node
from wakeful import names
from wakeful.fabric.deliver import DeadLetter, Delivery, deliver
from wakeful.fabric.service import Call, Principal
from wakeful.fabric.trace import new_trace
from wakeful.services import iam as iam_service
from wakeful.store.tx import Tx

ACCOUNT, OTHERS = "111111111111", "222222222222"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"


class World:
    """A node that enforces, with the roots of two accounts."""

    def __init__(self, node: RunningNode) -> None:
        self.node = node
        self.root = self._root(ACCOUNT)
        self.stranger = self._root(OTHERS)
        self.iam = self.client("iam")

    def _root(self, account: str) -> dict[str, str]:
        key = self.node.run(self.node.node.store.write(iam_service.make_root_key, account))
        return {"key": key.id, "secret": key.secret}

    def client(self, service: str, who: dict[str, str] | None = None) -> Any:
        return self.node.client(service, **(who or self.root))

    def user(self, name: str, *actions: str, **more: Any) -> dict[str, str]:
        """A user who may do these things."""
        self.iam.create_user(UserName=name, **more)
        if actions:
            self.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy("Allow", list(actions)))
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}

    def session(self, who: dict[str, str], role: str, **more: Any) -> dict[str, str]:
        issued = self.client("sts", who).assume_role(RoleArn=role, RoleSessionName="s1", **more)["Credentials"]
        return {
            "key": issued["AccessKeyId"],
            "secret": issued["SecretAccessKey"],
            "aws_session_token": issued["SessionToken"],
        }

    def role(self, name: str, principal: Any, *actions: str, **condition: Any) -> str:
        trust = policy("Allow", ["sts:AssumeRole", "sts:TagSession"], None, principal, **condition)
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]
        if actions:
            self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy("Allow", list(actions)))
        return str(made["Arn"])


def policy(effect: str, actions: Any, resource: str | None = "*", principal: Any = None, **more: Any) -> str:
    statement = {"Effect": effect, "Action": actions, **more}
    if resource is not None:
        statement["Resource"] = resource
    if principal is not None:
        statement["Principal"] = principal
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture(scope="module")
def lender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lender]:
    with closing(Lender(tmp_path_factory.mktemp("lender"), iam="enforce")) as lender:
        yield lender


@pytest.fixture
def world(lent_node: RunningNode) -> World:
    return World(lent_node)


@pytest.fixture
def url(world: World) -> str:
    return str(world.client("sqs").create_queue(QueueName="q")["QueueUrl"])


# --- calls ---


def test_a_user_may_do_what_a_policy_of_its_or_its_groups_says(world: World, url: str) -> None:
    ann = world.client("sqs", world.user("ann", "sqs:SendMessage"))
    ann.send_message(QueueUrl=url, MessageBody="m")
    ann.send_message(QueueUrl=url, MessageBody="from memory")
    code, message = refusal(ann.receive_message, QueueUrl=url)
    assert code == "AccessDenied"
    assert message == (
        f"User: arn:aws:iam::{ACCOUNT}:user/ann is not authorized to perform: sqs:ReceiveMessage on resource: {QUEUE}"
        " because no identity-based policy allows the sqs:ReceiveMessage action"
    )
    world.iam.create_group(GroupName="g")
    world.iam.attach_group_policy(GroupName="g", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSFullAccess")
    world.iam.add_user_to_group(GroupName="g", UserName="ann")
    assert len(ann.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 2
    world.iam.remove_user_from_group(GroupName="g", UserName="ann")
    assert refusal(ann.receive_message, QueueUrl=url)[0] == "AccessDenied"


def test_a_change_of_rights_holds_at_once(world: World, url: str) -> None:
    ann = world.client("sqs", world.user("ann", "sqs:*"))
    ann.send_message(QueueUrl=url, MessageBody="m")
    changes: tuple[tuple[Callable[[], Any], Callable[[], Any]], ...] = (
        (
            lambda: world.iam.put_user_policy(
                UserName="ann", PolicyName="no", PolicyDocument=policy("Deny", "sqs:SendMessage")
            ),
            lambda: world.iam.delete_user_policy(UserName="ann", PolicyName="no"),
        ),
        (
            lambda: world.iam.put_user_permissions_boundary(
                UserName="ann", PermissionsBoundary="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
            ),
            lambda: world.iam.delete_user_permissions_boundary(UserName="ann"),
        ),
        (
            lambda: world.client("sqs").set_queue_attributes(
                QueueUrl=url, Attributes={"Policy": policy("Deny", "sqs:SendMessage", QUEUE, "*")}
            ),
            lambda: world.client("sqs", world.root).set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""}),
        ),
    )
    for undo, redo in changes:
        undo()
        assert refusal(ann.send_message, QueueUrl=url, MessageBody="m")[0] == "AccessDenied"
        redo()
        ann.send_message(QueueUrl=url, MessageBody="m")


def test_a_root_may_do_everything_in_its_account_but_what_a_resource_denies(world: World, url: str) -> None:
    root = world.client("sqs")
    root.send_message(QueueUrl=url, MessageBody="m")
    root.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy("Deny", "sqs:SendMessage", QUEUE, "*")})
    code, message = refusal(root.send_message, QueueUrl=url, MessageBody="m")
    assert code == "AccessDenied"
    assert message.endswith("with an explicit deny in a resource-based policy")


def test_another_account_needs_both_sides(world: World, url: str) -> None:
    stranger = world.client("sqs", world.stranger)
    foreign = {"QueueUrl": url, "MessageBody": "m"}
    assert refusal(stranger.send_message, **foreign)[0] == "AccessDenied"
    allowed = policy("Allow", "sqs:SendMessage", QUEUE, {"AWS": OTHERS})
    world.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": allowed})
    stranger.send_message(**foreign)
    iam = world.client("iam", world.stranger)
    iam.create_user(UserName="eve")
    key = iam.create_access_key(UserName="eve")["AccessKey"]
    eve = world.client("sqs", {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]})
    assert refusal(eve.send_message, **foreign)[0] == "AccessDenied"
    iam.put_user_policy(UserName="eve", PolicyName="p", PolicyDocument=policy("Allow", "sqs:SendMessage", QUEUE))
    eve.send_message(**foreign)


def test_what_is_the_owners_no_policy_gives_to_another_account(world: World, url: str) -> None:
    owner, stranger = world.client("sqs"), world.client("sqs", world.stranger)
    everything = policy("Allow", "sqs:*", QUEUE, {"AWS": OTHERS})
    owner.set_queue_attributes(QueueUrl=url, Attributes={"Policy": everything})
    stranger.send_message(QueueUrl=url, MessageBody="m")
    stranger.purge_queue(QueueUrl=url)
    for call, request in (
        (stranger.set_queue_attributes, {"QueueUrl": url, "Attributes": {"Policy": ""}}),
        (stranger.add_permission, {"QueueUrl": url, "Label": "l", "AWSAccountIds": [OTHERS], "Actions": ["*"]}),
        (stranger.remove_permission, {"QueueUrl": url, "Label": "l"}),
        (stranger.tag_queue, {"QueueUrl": url, "Tags": {"a": "b"}}),
        (stranger.untag_queue, {"QueueUrl": url, "TagKeys": ["a"]}),
        (stranger.list_queue_tags, {"QueueUrl": url}),
        (stranger.delete_queue, {"QueueUrl": url}),
        (stranger.start_message_move_task, {"SourceArn": QUEUE}),
        (stranger.list_message_move_tasks, {"SourceArn": QUEUE}),
    ):
        assert refusal(call, **request)[0] in ("AccessDenied", "AccessDeniedException")
    owner.delete_queue(QueueUrl=url)


def test_a_bucket_belongs_to_an_account_though_its_arn_does_not_say_so(world: World) -> None:
    s3 = world.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=b"x")
    iam = world.client("iam", world.stranger)
    iam.create_user(UserName="eve")
    iam.put_user_policy(UserName="eve", PolicyName="p", PolicyDocument=policy("Allow", "s3:*"))
    key = iam.create_access_key(UserName="eve")["AccessKey"]
    eve = world.client("s3", {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]})
    for stranger in (eve, world.client("s3", world.stranger)):
        assert refusal(stranger.get_object, Bucket="bucket", Key="k")[0] == "AccessDenied"
    objects = "arn:aws:s3:::bucket/*"
    s3.put_bucket_policy(Bucket="bucket", Policy=policy("Allow", "s3:GetObject", objects, {"AWS": OTHERS}))
    assert eve.get_object(Bucket="bucket", Key="k")["Body"].read() == b"x"
    assert refusal(eve.put_object, Bucket="bucket", Key="k", Body=b"y")[0] == "AccessDenied"


def test_nobody_reads_what_is_for_everybody(world: World) -> None:
    s3 = world.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=b"x")
    address = f"{world.node.endpoint}/bucket/k"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(address, timeout=10)
    with refused.value as error:
        assert (error.code, b"<Code>AccessDenied</Code>" in error.read()) == (403, True)
    s3.delete_public_access_block(Bucket="bucket")
    s3.put_bucket_policy(Bucket="bucket", Policy=policy("Allow", "s3:GetObject", "arn:aws:s3:::bucket/*", "*"))
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.read() == b"x"


def test_conditions_see_the_request(world: World, url: str) -> None:
    def may(condition: dict[str, Any]) -> bool:
        document = policy("Allow", "sqs:SendMessage", QUEUE, Condition=condition)
        world.iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document)
        try:
            ann.send_message(QueueUrl=url, MessageBody="m")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDenied"
            return False
        return True

    ann = world.client("sqs", world.user("ann", Tags=[{"Key": "Team", "Value": "blue"}]))
    for condition, holds in (
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
        ({"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, False),
        ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, True),
        ({"StringEquals": {"aws:username": "ann"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "blue"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "red"}}, False),
        ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT, "aws:ResourceAccount": ACCOUNT}}, True),
        ({"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:user/ann"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, True),
        ({"NumericLessThan": {"aws:EpochTime": "1000"}}, False),
    ):
        assert may(condition) is holds, condition


def test_users_are_found_by_their_whole_arns(world: World) -> None:
    world.iam.create_user(UserName="bob", Path="/team/")
    ann = world.client("iam", world.user("ann"))
    for resource, may in ((f"arn:aws:iam::{ACCOUNT}:user/team/*", True), (f"arn:aws:iam::{ACCOUNT}:user/bob", False)):
        document = policy("Allow", "iam:GetUser", resource)
        world.iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document)
        if may:
            assert ann.get_user(UserName="bob")["User"]["Path"] == "/team/"
        else:
            assert refusal(ann.get_user, UserName="bob")[0] == "AccessDenied"


# --- roles ---


def test_a_role_is_assumed_by_whom_it_trusts_and_who_may(world: World, url: str) -> None:
    ann, bob = world.user("ann", "sts:AssumeRole"), world.user("bob")
    by_account = world.role("by-account", {"AWS": ACCOUNT}, "sqs:SendMessage")
    sqs = world.client("sqs", world.session(ann, by_account))
    sqs.send_message(QueueUrl=url, MessageBody="m")
    code, message = refusal(sqs.receive_message, QueueUrl=url)
    assert code == "AccessDenied"
    assert message.startswith(f"User: arn:aws:sts::{ACCOUNT}:assumed-role/by-account/s1 is not authorized to perform")
    refused = (
        "AccessDenied",
        f"User: arn:aws:iam::{ACCOUNT}:user/bob is not authorized to perform: sts:AssumeRole on resource: {by_account}",
    )
    assert refusal(world.client("sts", bob).assume_role, RoleArn=by_account, RoleSessionName="s1") == refused
    by_name = world.role("by-name", {"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"})
    world.session(bob, by_name)
    assert refusal(world.client("sts", ann).assume_role, RoleArn=by_name, RoleSessionName="s1")[0] == "AccessDenied"
    missing = f"arn:aws:iam::{ACCOUNT}:role/missing"
    assert refusal(world.client("sts", ann).assume_role, RoleArn=missing, RoleSessionName="s1")[0] == "AccessDenied"
    assert refusal(world.client("sts").assume_role, RoleArn=by_account, RoleSessionName="s1") == (
        "AccessDenied",
        "Roles may not be assumed by root accounts.",
    )


def test_an_external_id_and_tags_are_asked_for_by_the_trust_policy(world: World) -> None:
    eve_iam = world.client("iam", world.stranger)
    eve_iam.create_user(UserName="eve")
    eve_iam.put_user_policy(UserName="eve", PolicyName="p", PolicyDocument=policy("Allow", "sts:*"))
    key = eve_iam.create_access_key(UserName="eve")["AccessKey"]
    eve = {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
    role = world.role(
        "r",
        {"AWS": OTHERS},
        Condition={"StringEquals": {"sts:ExternalId": "secret"}, "Null": {"aws:RequestTag/team": "false"}},
    )
    assume = world.client("sts", eve).assume_role
    tags = [{"Key": "team", "Value": "blue"}]
    assert refusal(assume, RoleArn=role, RoleSessionName="s1")[0] == "AccessDenied"
    assert refusal(assume, RoleArn=role, RoleSessionName="s1", ExternalId="wrong", Tags=tags)[0] == "AccessDenied"
    assume(RoleArn=role, RoleSessionName="s1", ExternalId="secret", Tags=tags)


def test_session_policies_limit_and_session_tags_count(world: World, url: str) -> None:
    ann = world.user("ann", "sts:*")
    role = world.role("r", {"AWS": ACCOUNT}, "sqs:*")
    limited = world.client("sqs", world.session(ann, role, Policy=policy("Allow", "sqs:SendMessage")))
    limited.send_message(QueueUrl=url, MessageBody="m")
    code, message = refusal(limited.receive_message, QueueUrl=url)
    assert code == "AccessDenied"
    assert "because no session policy allows the sqs:ReceiveMessage action" in message
    arns = [{"arn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}]
    by_arn = world.client("sqs", world.session(ann, role, PolicyArns=arns))
    assert refusal(by_arn.send_message, QueueUrl=url, MessageBody="m")[0] == "AccessDenied"
    document = policy("Allow", "sqs:*", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}})
    world.iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document)
    for team, may in (("blue", True), ("red", False)):
        tagged = world.client("sqs", world.session(ann, role, Tags=[{"Key": "team", "Value": team}]))
        if may:
            tagged.send_message(QueueUrl=url, MessageBody="m")
        else:
            assert refusal(tagged.send_message, QueueUrl=url, MessageBody="m")[0] == "AccessDenied"


def test_a_session_has_no_rights_any_more_when_its_role_is_gone_even_if_another_takes_its_name(
    world: World, url: str
) -> None:
    ann = world.user("ann", "sts:*")
    role = world.role("r", {"AWS": ACCOUNT}, "sqs:*")
    sqs = world.client("sqs", world.session(ann, role))
    sqs.send_message(QueueUrl=url, MessageBody="m")
    world.iam.delete_role_policy(RoleName="r", PolicyName="p")
    world.iam.delete_role(RoleName="r")
    assert refusal(sqs.send_message, QueueUrl=url, MessageBody="m")[0] == "AccessDenied"
    world.role("r", {"AWS": ACCOUNT}, "sqs:*")
    assert refusal(sqs.send_message, QueueUrl=url, MessageBody="m")[0] == "AccessDenied"


def test_lambda_assumes_a_role_that_trusts_it(world: World) -> None:
    trusting = world.role("trusting", {"Service": "lambda.amazonaws.com"})
    suspicious = world.role("suspicious", {"Service": "sns.amazonaws.com"})

    async def assume(role: str) -> Any:
        node = world.node.node
        service = Principal("service", "lambda.amazonaws.com", ACCOUNT)
        trace = new_trace(node.clock.now())
        call = Call(ACCOUNT, "us-east-1", service, names.new_uuid(), trace, node.endpoint)
        request = {"RoleArn": role, "RoleSessionName": "function", "DurationSeconds": 43_200}
        return await node.call(call, "sts", "AssumeRole", request)

    issued = world.node.run(assume(trusting))["Credentials"]
    assert issued["Expiration"] - world.node.node.clock.now() > 43_000
    for role in (suspicious, f"arn:aws:iam::{ACCOUNT}:role/missing"):
        with pytest.raises(Exception, match=r"lambda.amazonaws.com is not authorized to perform: sts:AssumeRole"):
            world.node.run(assume(role))


# --- deliveries ---


def event(principal: str, **more: Any) -> Delivery:
    source = (
        "arn:aws:s3:::bucket" if principal == "s3.amazonaws.com" else f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
    )
    return replace(
        Delivery(
            target_arn=QUEUE,
            body="event",
            source_arn=source,
            principal=principal,
            account=ACCOUNT,
            trace=new_trace(0),
        ),
        **more,
    )


def give(world: World, delivery: Delivery) -> bool:
    def work(tx: Tx) -> bool:
        return deliver(tx, delivery)

    return bool(world.node.run(world.node.node.store.write(work)))


def test_a_service_delivers_where_the_targets_policy_lets_it(world: World, url: str) -> None:
    sqs = world.client("sqs")
    assert give(world, event("s3.amazonaws.com")) is False
    for source, account, may in (
        ("arn:aws:s3:::bucket", ACCOUNT, True),
        ("arn:aws:s3:::other", ACCOUNT, False),
        ("arn:aws:s3:::bucket", OTHERS, False),
    ):
        condition = {"ArnLike": {"aws:SourceArn": source}, "StringEquals": {"aws:SourceAccount": account}}
        document = policy("Allow", "sqs:SendMessage", QUEUE, {"Service": "s3.amazonaws.com"}, Condition=condition)
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
        assert give(world, event("s3.amazonaws.com")) is may
        assert give(world, event("sns.amazonaws.com")) is False
    assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 1


def test_a_role_delivers_where_its_policies_let_it(world: World, url: str) -> None:
    role = world.role("r", {"Service": "lambda.amazonaws.com"})
    assert give(world, event(role)) is False
    world.iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=policy("Allow", "sqs:SendMessage", QUEUE))
    assert give(world, event(role)) is True
    assert give(world, event(f"arn:aws:iam::{ACCOUNT}:role/missing")) is False


def test_a_refused_delivery_goes_to_its_dead_letter_queue_with_the_reason(world: World, url: str) -> None:
    sqs = world.client("sqs")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    dead_arn = QUEUE.replace(":q", ":dead")
    allowed = policy("Allow", "sqs:SendMessage", dead_arn, {"Service": "events.amazonaws.com"})
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"Policy": allowed})
    assert give(world, event("events.amazonaws.com", dead_letter=DeadLetter(dead_arn))) is False
    (message,) = sqs.receive_message(QueueUrl=dead, MessageAttributeNames=["All"])["Messages"]
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert "events.amazonaws.com is not authorized to perform: sqs:SendMessage" in attributes["ERROR_MESSAGE"]


# --- modes ---


def test_what_would_be_denied_is_told_once_counted_and_noted_and_happens(
    node: RunningNode, caplog: pytest.LogCaptureFixture
) -> None:
    iam = node.client("iam")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    sqs = node.client("sqs", key=key["AccessKeyId"], secret=key["SecretAccessKey"])

    def told() -> list[str]:
        return [record.getMessage() for record in caplog.records if "would be denied" in record.getMessage()]

    with caplog.at_level(logging.WARNING, "wakeful.fabric.authorize"):
        for _ in range(3):
            sqs.list_queues()
        assert len(told()) == 1
        assert "user/ann is not authorized to perform: sqs:ListQueues" in told()[0]
        assert node.node.authorizer.denial_count == 3
        node.advance(61)
        sqs.list_queues()
        assert len(told()) == 2
        assert told()[1].endswith("(and 2 times more in the last minute)")
    notes = node.run(node.node.telemetry.recent_notes(kind="denial", limit=10))
    assert len(notes) == 4
    assert (notes[0].name, notes[0].status) == ("sqs:ListQueues", "AccessDenied")
    assert "no identity-based policy allows" in notes[0].detail["reason"]


def test_the_root_of_an_account_is_not_watched_in_its_own_account(node: RunningNode) -> None:
    sqs = node.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="m")
    assert node.node.authorizer.denial_count == 0
    other = node.client("sqs", key=OTHERS)
    other.send_message(QueueUrl=url, MessageBody="m")
    assert node.node.authorizer.denial_count == 1


def test_a_watched_delivery_that_would_be_refused_is_noted_and_arrives(node: RunningNode) -> None:
    sqs = node.client("sqs", key=ACCOUNT)
    url = sqs.create_queue(QueueName="q")["QueueUrl"]

    def work(tx: Tx) -> bool:
        return deliver(tx, event("sns.amazonaws.com"))

    assert node.run(node.node.store.write(work)) is True
    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1
    (note,) = node.run(node.node.telemetry.recent_notes(kind="denial", limit=10))
    assert (note.name, note.resource, note.detail["principal"]) == ("sqs:SendMessage", QUEUE, "sns.amazonaws.com")


def test_nobody_is_asked_where_authorisation_is_off(tmp_path: Path) -> None:
    with running_node(tmp_path, iam="off") as node:
        iam = node.client("iam")
        iam.create_user(UserName="ann")
        key = iam.create_access_key(UserName="ann")["AccessKey"]
        node.client("sqs", key=key["AccessKeyId"], secret=key["SecretAccessKey"]).list_queues()
        assert node.node.authorizer.denial_count == 0
