"""SNS's API: one function for each operation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from wakeful import limits, names
from wakeful.fabric.service import Call, Need, Node, Request, Resource
from wakeful.services.sns import archive, confirmations, direct, fanout, fifo, paging, protection, protocols, replay
from wakeful.services.sns import message as messages
from wakeful.services.sns import notary as notaries
from wakeful.services.sns import subscription as subscriptions
from wakeful.services.sns import topic as topics
from wakeful.services.sns.api import api
from wakeful.services.sns.arns import PRINCIPAL, subscription_arn, topic_arn
from wakeful.services.sns.errors import (
    BatchEntryIdsNotDistinctException,
    BatchRequestTooLongException,
    EmptyBatchRequestException,
    InvalidBatchEntryIdException,
    InvalidParameterException,
    NotFoundException,
    TooManyEntriesInBatchRequestException,
)
from wakeful.services.sns.message import Message
from wakeful.services.sns.notary import Notary
from wakeful.services.sns.status_attributes import is_role
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import sns as shapes

# --- topics ----------------------------------------------------------------------------------------------------------


@api.writes
def create_topic(call: Call, tx: Tx, request: shapes.CreateTopicInput) -> shapes.CreateTopicResponse:
    """The topic is there; asked again with the same attributes, or with fewer, its ARN is answered again."""
    tags = topics.tags_of(request["Tags"]) if "Tags" in request else None
    is_new = topics.get(tx, call.arn("sns", request["Name"])) is None
    made = topics.create(tx, call, request["Name"], request.get("Attributes", {}), tags)
    if "DataProtectionPolicy" in request:
        protection.put_first(tx, made, request["DataProtectionPolicy"], is_new=is_new)
    return {"TopicArn": made.arn}


@api.writes
def delete_topic(call: Call, tx: Tx, request: shapes.DeleteTopicInput) -> None:
    """Neither the topic nor a subscription to it is left; there may have been none."""
    arn = topic_arn(call, request["TopicArn"])
    subscriptions.delete_all(tx, arn)
    confirmations.forget_all(tx, arn)
    topics.delete(tx, arn)
    if arn.endswith(topics.FIFO):
        fifo.forget(tx, arn)
        archive.discard(tx, arn, tx.now)


@api.reads
def list_topics(call: Call, tx: Tx, request: shapes.ListTopicsInput) -> shapes.ListTopicsResponse:
    found = topics.named(tx, call, paging.after(request), limits.SNS_LIST_MAX + 1)
    page = found[: limits.SNS_LIST_MAX]
    return {
        "Topics": [{"TopicArn": each.arn} for each in page],
        "NextToken": paging.token(page[-1].name) if len(found) > len(page) else None,
    }


@api.reads
def get_topic_attributes(
    call: Call, tx: Tx, request: shapes.GetTopicAttributesInput
) -> shapes.GetTopicAttributesResponse:
    """What was set, as it was set, with AWS's defaults for what was not; the counts are exact."""
    found = topics.find(tx, topic_arn(call, request["TopicArn"]))
    since = found.archived_since(tx.now)
    beginning = {} if since is None else {"BeginningArchiveTime": messages.timestamp(since)}
    return {"Attributes": {**found.shown(**subscriptions.counts(tx, found)), **beginning}}


@api.writes
def set_topic_attributes(call: Call, tx: Tx, request: shapes.SetTopicAttributesInput) -> None:
    arn, name, value = topic_arn(call, request["TopicArn"]), request["AttributeName"], request.get("AttributeValue", "")
    topics.set_attribute(tx, arn, name, value)
    found = topics.find(tx, arn)
    if name == "ArchivePolicy" and found.archiving is None:
        replay.end_archive(tx, found)
    if name == "MaximumMessageSize":
        subscriptions.check_large_messages(tx, found)


@api.writes
def add_permission(call: Call, tx: Tx, request: shapes.AddPermissionInput) -> None:
    """The topic's policy has one more statement, named by its label."""
    arn = topic_arn(call, request["TopicArn"])
    topics.permit(tx, arn, request["Label"], request["AWSAccountId"], request["ActionName"])


@api.writes
def remove_permission(call: Call, tx: Tx, request: shapes.RemovePermissionInput) -> None:
    topics.forbid(tx, topic_arn(call, request["TopicArn"]), request["Label"])


@api.reads
def list_tags_for_resource(
    call: Call, tx: Tx, request: shapes.ListTagsForResourceRequest
) -> shapes.ListTagsForResourceResponse:
    found = topics.find_tagged(tx, topic_arn(call, request["ResourceArn"], "ResourceArn"))
    return {"Tags": [{"Key": key, "Value": value} for key, value in found.tags.items()]}


@api.writes
def tag_resource(call: Call, tx: Tx, request: shapes.TagResourceRequest) -> None:
    found = topics.find_tagged(tx, topic_arn(call, request["ResourceArn"], "ResourceArn"))
    topics.set_tags(tx, found, {**found.tags, **topics.tags_of(request["Tags"])})


@api.writes
def untag_resource(call: Call, tx: Tx, request: shapes.UntagResourceRequest) -> None:
    found = topics.find_tagged(tx, topic_arn(call, request["ResourceArn"], "ResourceArn"))
    gone = set(request["TagKeys"])
    topics.set_tags(tx, found, {key: value for key, value in found.tags.items() if key not in gone})


# --- subscriptions ---------------------------------------------------------------------------------------------------


@api.writes
def subscribe(call: Call, tx: Tx, request: shapes.SubscribeInput) -> shapes.SubscribeResponse:
    """The endpoint gets the topic's messages, or is asked whether it wants them where it is somebody else's.

    Asked again with the same attributes, or with fewer, the subscription there is is answered again.
    """
    found = topics.find(tx, topic_arn(call, request["TopicArn"]))
    protocols.check(found, request["Protocol"])
    protocol, endpoint = protocols.find(request["Protocol"]), request.get("Endpoint", "")
    owner = protocol.owner(tx, call, found, endpoint)
    subscription = subscriptions.create(
        tx, call, found, request["Protocol"], endpoint, owner, request.get("Attributes", {})
    )
    if replay.get(tx, subscription.arn) is None:
        replay.follow(tx, found, subscription, call.effects, "Invalid parameter: Attributes Reason: ")
    if subscription.is_pending:
        protocol.ask(tx, found, subscription, call.effects)
        confirmations.await_confirmation(tx, subscription)
    is_told = request.get("ReturnSubscriptionArn", False) or not subscription.is_pending
    return {"SubscriptionArn": subscription.arn if is_told else "pending confirmation"}


@api.writes
def confirm_subscription(
    call: Call, tx: Tx, request: shapes.ConfirmSubscriptionInput
) -> shapes.ConfirmSubscriptionResponse:
    """The endpoint gets messages from now on. Whoever has the token has it from the endpoint."""
    try:
        found = topics.find(tx, request["TopicArn"])
    except NotFoundException:
        raise InvalidParameterException("Invalid parameter: Topic") from None
    guarded = request.get("AuthenticateOnUnsubscribe")
    confirmed = confirmations.confirm(tx, call, found, request["Token"], guarded)
    if replay.get(tx, confirmed.arn) is None:
        replay.follow(tx, found, confirmed, call.effects, "Invalid parameter: ")
    return {"SubscriptionArn": confirmed.arn}


@api.writes
def unsubscribe(call: Call, tx: Tx, request: shapes.UnsubscribeInput) -> None:
    """No subscription of that ARN is left; there may have been none. An HTTP endpoint hears how to have it back."""
    arn = subscription_arn(request["SubscriptionArn"])
    confirmations.check_may_end(tx, call, arn)
    ended, topic = subscriptions.get(tx, arn), topics.get(tx, arn.rpartition(":")[0])
    subscriptions.delete(tx, arn)
    confirmations.forget(tx, arn)
    if ended is not None and topic is not None and topic.is_fifo:
        replay.let_go(tx, topic)
    if ended is not None and topic is not None and not ended.is_pending:
        part = protocols.find(ended.protocol).part
        if part is not None:
            part(tx, topic, ended, call.effects)


@api.reads
def list_subscriptions(call: Call, tx: Tx, request: shapes.ListSubscriptionsInput) -> shapes.ListSubscriptionsResponse:
    found = subscriptions.of_caller(tx, call, paging.after(request), limits.SNS_LIST_MAX + 1)
    return cast("shapes.ListSubscriptionsResponse", _page(found))


@api.reads
def list_subscriptions_by_topic(
    call: Call, tx: Tx, request: shapes.ListSubscriptionsByTopicInput
) -> shapes.ListSubscriptionsByTopicResponse:
    topic = topics.find(tx, topic_arn(call, request["TopicArn"]))
    found = subscriptions.of_topic(tx, topic, paging.after(request), limits.SNS_LIST_MAX + 1)
    return cast("shapes.ListSubscriptionsByTopicResponse", _page(found))


@api.reads
def get_subscription_attributes(
    call: Call, tx: Tx, request: shapes.GetSubscriptionAttributesInput
) -> shapes.GetSubscriptionAttributesResponse:
    found = subscriptions.find(tx, subscription_arn(request["SubscriptionArn"]))
    topic = topics.find(tx, found.topic)
    told = {**confirmations.shown(tx, found), **protocols.shown(topic, found), **replay.shown(tx, found)}
    return {"Attributes": {**found.shown(), **told}}


@api.writes
def set_subscription_attributes(call: Call, tx: Tx, request: shapes.SetSubscriptionAttributesInput) -> None:
    arn, name = subscription_arn(request["SubscriptionArn"]), request["AttributeName"]
    subscriptions.set_attribute(tx, arn, name, request.get("AttributeValue", ""))
    if name == replay.POLICY:
        found = subscriptions.find(tx, arn)
        replay.follow(tx, topics.find(tx, found.topic), found, call.effects, "Invalid parameter: ")


# --- messages --------------------------------------------------------------------------------------------------------


@api.waits
async def publish(call: Call, node: Node, request: shapes.PublishInput) -> shapes.PublishResponse:
    """Whoever is subscribed and wants the message has it, or will have it though the node should die now."""
    arn = _target(call, request)
    if direct.is_direct(request):
        return {"MessageId": (await node.store.write(direct.publish, call, request)).id}
    fifo.check(arn, request)
    published = (messages.read(request),)
    notary = await notaries.prepared(node, arn, published)
    (message,) = await node.store.write(fanout.publish, arn, published, call.effects, notary)
    return {"MessageId": message.id, "SequenceNumber": _number_of(message)}


@api.waits
async def publish_batch(call: Call, node: Node, request: shapes.PublishBatchInput) -> shapes.PublishBatchResponse:
    """Up to ten messages, in their order. One that cannot be published fails the whole request, as on AWS."""
    arn = topic_arn(call, request["TopicArn"])
    entries = request["PublishBatchRequestEntries"]
    _check_batch(entries)
    for entry in entries:
        fifo.check(arn, entry)
    published = [messages.read(entry) for entry in entries]
    notary = await notaries.prepared(node, arn, published)
    batch = await node.store.write(_publish_batch, arn, published, call, notary)
    return {
        "Successful": [
            {"Id": entry["Id"], "MessageId": message.id, "SequenceNumber": _number_of(message)}
            for entry, message in zip(entries, batch, strict=True)
        ],
        "Failed": [],
    }


# --- rights ----------------------------------------------------------------------------------------------------------


def needs(call: Call, operation: str, request: Request) -> Iterable[Need]:
    """The rights SNS asks for ("Actions, resources, and condition keys for Amazon SNS")."""
    for member in _NAMING:
        if not request.get(member, "").isprintable():  # no XML could show it, and PostgreSQL has no NUL
            raise InvalidParameterException(f"Invalid parameter: {member}")
    action = "sns:Publish" if operation == "PublishBatch" else f"sns:{operation}"
    resource = next((request[member] for member in _RESOURCES if request.get(member)), "*")
    context = _tags_in(request)
    if operation == "CreateTopic":
        resource = call.arn("sns", request["Name"])
        if "Tags" in request:
            yield Need("sns:TagResource", resource, context)
    elif operation == "Subscribe":
        context = {"sns:Protocol": request["Protocol"], "sns:Endpoint": request.get("Endpoint", "")}
    elif operation in _ON_SUBSCRIPTIONS:
        resource = _somebody_elses(call, request["SubscriptionArn"]) or "*"
    elif operation == "ConfirmSubscription" or (operation == "Unsubscribe" and call.principal.kind == "anonymous"):
        return  # whoever follows a link in a message may
    yield Need(action, resource, context)
    for role in _roles(request):
        yield Need("iam:PassRole", role, {"iam:PassedToService": PRINCIPAL})


def resource(tx: Tx, arn: str) -> Resource:
    """Policies cannot name a subscription: it is anything that its subscriber's account has."""
    found = subscriptions.get(tx, arn) if arn.count(":") > _COLONS_OF_TOPICS else None
    return Resource(arn) if found is None else Resource("*", found.account)


# --- below -----------------------------------------------------------------------------------------------------------

_BATCH_ID = re.compile(r"[A-Za-z0-9_-]+")
_ON_SUBSCRIPTIONS = ("GetSubscriptionAttributes", "SetSubscriptionAttributes")
_RESOURCES = ("TopicArn", "TargetArn", "ResourceArn", "PlatformApplicationArn", "EndpointArn")
_COLONS_OF_TOPICS = 5
_NAMING = (*_RESOURCES, "SubscriptionArn", "Endpoint", "Token")
_TARGETS = ("TopicArn", "TargetArn", "PhoneNumber")


def _roles(request: Request) -> list[str]:
    """The roles that SNS is to take on from now on: for logs, and for delivery streams."""
    asked: dict[str, str] = {}
    for member in ("Attributes", "attributes"):
        if isinstance(request.get(member), Mapping):
            asked.update(request[member])
    if "AttributeName" in request:
        asked[request["AttributeName"]] = request.get("AttributeValue", "")
    return [value for name, value in asked.items() if name.endswith(("RoleArn", "IAMRole")) and is_role(value)]


def _tags_in(request: Request) -> dict[str, str | Sequence[str]]:
    """Condition keys for what a request says of tags."""
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", ())}
    keys = [*tags, *request.get("TagKeys", ())]
    context: dict[str, str | Sequence[str]] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    return {**context, "aws:TagKeys": keys} if keys else context


def _somebody_elses(call: Call, text: str) -> str | None:
    """The ARN of a subscription to a topic of another account; None for one of the caller's, and for what is none."""
    try:
        arn = subscription_arn(text)
    except InvalidParameterException:
        return None  # the operation says what is wrong with it
    return None if names.parse_arn(arn).account == call.account else arn


def _target(call: Call, request: Mapping[str, Any]) -> str:
    """The ARN of the topic to publish to, or the one phone or device."""
    given = [member for member in _TARGETS if member in request]
    if not given:
        raise InvalidParameterException(
            "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"
        )
    if len(given) > 1:
        raise InvalidParameterException(
            "Invalid parameter: You must specify only one of TopicArn, TargetArn, PhoneNumber"
        )
    member = given[0]
    if direct.is_direct(request):
        return str(request[member])
    return topic_arn(call, request[member], member)


def _check_batch(entries: Sequence[Mapping[str, Any]]) -> None:
    if not entries:
        raise EmptyBatchRequestException()
    if len(entries) > limits.SNS_BATCH_MAX:
        raise TooManyEntriesInBatchRequestException()
    if len({entry["Id"] for entry in entries}) < len(entries):
        raise BatchEntryIdsNotDistinctException()
    for entry_id in (entry["Id"] for entry in entries):
        if len(entry_id) > limits.SNS_BATCH_ID_CHARS_MAX:
            raise InvalidBatchEntryIdException(f"The Id of a batch entry in the batch request is too long: {entry_id}")
        if not _BATCH_ID.fullmatch(entry_id):
            raise InvalidBatchEntryIdException(
                f"The Id of a batch entry in the batch request contains an impermissible character: {entry_id}"
            )


def _number_of(message: Message) -> str | None:
    return None if message.sequence is None else messages.sequence_number(message.sequence)


def _publish_batch(tx: Tx, arn: str, batch: Sequence[Message], call: Call, notary: Notary) -> list[Message]:
    if sum(message.size for message in batch) > topics.find(tx, arn).message_bytes_max:
        raise BatchRequestTooLongException()
    return fanout.publish(tx, arn, batch, call.effects, notary)


def _page(found: Sequence[subscriptions.Subscription]) -> dict[str, Any]:
    page = found[: limits.SNS_LIST_MAX]
    token = paging.token(page[-1].arn) if len(found) > len(page) else None
    return {"Subscriptions": [each.listed() for each in page], "NextToken": token}
