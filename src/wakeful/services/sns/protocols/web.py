"""HTTP and HTTPS endpoints that are subscribed to a topic: what waits to be sent to them, and who sends it.

Every subscription that is sent to has one row of work, and so one sender at a time on all nodes; what it still has to
get are rows of `sns_posts`, each with its own due time. A sender has a few requests under way at once and gives its
place to another's after a round.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from wakeful import limits, names
from wakeful.fabric.deliver import Delivery, Refused, bury, carried
from wakeful.fabric.front import FROM_TOPIC
from wakeful.fabric.parts import parts_of
from wakeful.fabric.service import Call, Done, Node, Worker
from wakeful.fabric.trace import Trace
from wakeful.services.sns import confirmations, delivery_policy, feedback, measuring, signing, web_client
from wakeful.services.sns import message as messages
from wakeful.services.sns import subscription as subscriptions
from wakeful.services.sns import topic as topics
from wakeful.services.sns.arns import PRINCIPAL
from wakeful.services.sns.delivery_policy import Policy
from wakeful.services.sns.protocols.protocol import Protocol, Sending, dead_letter, measure_redriven
from wakeful.services.sns.subscription import Subscription
from wakeful.services.sns.topic import Topic
from wakeful.services.sns.web_client import Answer
from wakeful.store import work
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from aiohttp import ClientSession

_KIND = "sns.post"
_AGENT = "Amazon Simple Notification Service Agent"


# --- in the transaction of the request -------------------------------------------------------------------------------


def _owner(scheme: str, tx: Tx, call: Call, topic: Topic, endpoint: str) -> None:
    web_client.check_endpoint(endpoint, scheme, has_internal=parts_of(tx).has_internal_endpoints)


def _ask(tx: Tx, topic: Topic, subscription: Subscription, trace: Trace) -> None:
    members = messages.question(topic, subscription, tx.now)
    _put(tx, topic, subscription, members, trace, tx.now)


def _send(tx: Tx, sending: Sending) -> None:
    topic, subscription, message, at = sending.topic, sending.subscription, sending.message, sending.published(tx)
    members = messages.notification(message, sending.text, topic, subscription, at)
    raw = {"raw": sending.text, "attributes": message.attributes} if subscription.is_raw else {}
    _put(tx, topic, subscription, members, sending.trace, at, **raw)


def _part(tx: Tx, topic: Topic, subscription: Subscription, trace: Trace) -> None:
    token = confirmations.keep_ended(tx, subscription)
    _put(tx, topic, subscription, messages.farewell(subscription, token, tx.now), trace, tx.now)


def _put(
    tx: Tx,
    topic: Topic,
    subscription: Subscription,
    members: Mapping[str, Any],
    trace: Trace,
    at: float,
    **more: Any,
) -> None:
    body = {
        "members": members,
        "endpoint": subscription.endpoint,
        "base_url": subscription.base_url,
        "protocol": subscription.protocol,
        "trace": asdict(trace),
        **more,
    }
    tx.run(
        "INSERT INTO sns_posts(subscription, due, published, body) VALUES (?, ?, ?, ?)",
        *(subscription.arn, tx.now, at, orjson.dumps(body)),
    )
    work.hasten(tx, _KIND, _row(subscription.arn), {"subscription": subscription.arn})


def _row(arn: str) -> str:
    return f"{_KIND}/{arn}"


# --- sending ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Post:
    """One message that waits. `attempts` have failed."""

    id: int
    attempts: int
    published: float
    body: Mapping[str, Any]

    @property
    def members(self) -> Mapping[str, Any]:
        members: Mapping[str, Any] = self.body["members"]
        return members

    @property
    def is_notification(self) -> bool:
        return bool(self.members["Type"] == "Notification")


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is due at one subscription, which may be gone, as may its topic."""

    arn: str
    subscription: Subscription | None
    topic: Topic | None
    policy: Policy
    posts: tuple[_Post, ...]


@dataclass(frozen=True, slots=True)
class _Sent:
    post: _Post
    text: str
    """The body of the request."""
    began: float
    answer: Answer | None
    """None where there was nothing to send any more."""


@dataclass(slots=True)
class _Pace:
    """How much of the current second's allowance has been used (throttlePolicy)."""

    begun: float = 0.0
    sent: int = 0

    def left(self, per_second_max: int | None, now: float) -> int:
        if per_second_max is None:
            return limits.SNS_HTTP_AT_ONCE
        if now >= self.begun + 1:
            self.begun, self.sent = now, 0
        return max(0, min(limits.SNS_HTTP_AT_ONCE, per_second_max - self.sent))


async def _carry_out(node: Node, item: work.Item) -> Done:
    """What is due at the subscription has been sent, or as much of it as fits into a round."""
    arn = item.body["subscription"]
    pace = _Pace(*item.body.get("pace", ()))
    is_paced, done = False, 0
    loop = asyncio.get_running_loop()
    until = loop.time() + limits.SNS_HTTP_ROUND_S
    async with web_client.session(node) as session:
        while done < limits.SNS_HTTP_ROUND and loop.time() < until and not node.is_stopping:
            batch = await node.store.read(_due, arn)
            is_paced = batch.policy.per_second_max is not None
            posts = batch.posts[: pace.left(batch.policy.per_second_max, node.clock.now())]
            if not posts:
                break
            await asyncio.gather(*(_see_to(node, session, batch, post) for post in posts))
            done += len(posts)
            pace.sent += len(posts)
    return Done(partial(_let_go, arn=arn, pace=pace if is_paced else None))


def _due(tx: Tx, arn: str) -> _Batch:
    subscription, topic = _found(tx, arn)
    rows = tx.all(
        "SELECT * FROM sns_posts WHERE subscription = ? AND due <= ? ORDER BY due, id LIMIT ?",
        *(arn, tx.now, limits.SNS_HTTP_AT_ONCE),
    )
    posts = tuple(_Post(row["id"], row["attempts"], row["published"], orjson.loads(row["body"])) for row in rows)
    return _Batch(arn, subscription, topic, _policy(topic, subscription), posts)


def _found(tx: Tx, arn: str) -> tuple[Subscription | None, Topic | None]:
    return subscriptions.get(tx, arn), topics.get(tx, arn.rpartition(":")[0])


def _policy(topic: Topic | None, subscription: Subscription | None) -> Policy:
    return delivery_policy.effective(
        None if topic is None else topic.attributes.get("DeliveryPolicy"),
        None if subscription is None else subscription.attributes.get("DeliveryPolicy"),
    )


async def _see_to(node: Node, session: ClientSession, batch: _Batch, post: _Post) -> None:
    """What became of the message is in the store at once: though others still wait for an answer when the node ends,
    this one is not sent again."""
    sent = await _post(node, session, batch, post)
    await node.store.write(_settle, batch.arn, sent)


async def _post(node: Node, session: ClientSession, batch: _Batch, post: _Post) -> _Sent:
    began = node.clock.now()
    if not _is_wanted(batch, post):
        return _Sent(post, "", began, None)
    members = post.members
    headers = {
        FROM_TOPIC: members["Type"],
        "x-amz-sns-message-id": members["MessageId"],
        "x-amz-sns-topic-arn": members["TopicArn"],
        "Content-Type": batch.policy.content_type if post.is_notification else delivery_policy.CONTENT_TYPE,
        "User-Agent": _AGENT,
        "X-Amzn-Trace-Id": Trace(**post.body["trace"]).header,
    }
    if members["Type"] != "SubscriptionConfirmation":
        headers["x-amz-sns-subscription-arn"] = batch.arn
    if "raw" in post.body:
        headers["x-amz-sns-rawdelivery"] = "true"
        text = post.body["raw"]
    else:
        text = await _signed(node, batch, post)
    answer = await web_client.post(session, post.body["endpoint"], headers, text)
    return _Sent(post, text, began, answer)


def _is_wanted(batch: _Batch, post: _Post) -> bool:
    """Whether the endpoint is still to have it: no message after it was unsubscribed, no question that was answered."""
    match post.members["Type"]:
        case "Notification":
            return batch.subscription is not None and batch.topic is not None
        case "SubscriptionConfirmation":
            return batch.subscription is not None and batch.subscription.token == post.members["Token"]
        case _:
            return True


async def _signed(node: Node, batch: _Batch, post: _Post) -> str:
    key = await signing.key_of(node)
    version = signing.DEFAULT_VERSION if batch.topic is None else batch.topic.signature_version
    seal = await node.aside(key.seal, signing.string_to_sign(post.members), version)
    return messages.laid_out(post.members, seal, post.body["base_url"])


# --- what becomes of it ----------------------------------------------------------------------------------------------


def _settle(tx: Tx, arn: str, sent: _Sent) -> None:
    """What was delivered is gone; what was not waits for its next attempt, or has failed for good.

    Nothing happens where another node, which took this one for dead, was faster.
    """
    tx.lock("sns", arn)
    subscription, topic = _found(tx, arn)
    post, answer = sent.post, sent.answer
    delays = _policy(topic, subscription).retries.delays()
    if answer is not None and not answer.is_success and not answer.is_final and post.attempts < len(delays):
        due = tx.now + delays[post.attempts]
        if due <= post.published + limits.SNS_HTTP_LIFE_S:
            tx.run(
                "UPDATE sns_posts SET due = ?, attempts = attempts + 1 WHERE id = ? AND attempts = ?",
                *(due, post.id, post.attempts),
            )
            return
    is_first = tx.run("DELETE FROM sns_posts WHERE id = ? AND attempts = ?", post.id, post.attempts)
    if is_first and answer is not None:
        _end(tx, arn, subscription, topic, sent, answer)


def _end(tx: Tx, arn: str, subscription: Subscription | None, topic: Topic | None, sent: _Sent, answer: Answer) -> None:
    """The trace, the metrics and the topic's logs tell what became of a message; its dead-letter queue may have it."""
    delivery = _delivery(arn, subscription, sent)
    is_kept: bool | None = None
    if answer.is_success:
        carried(tx, delivery)
    else:
        what = "no answer" if answer.status is None else f"status {answer.status}"
        attempts = sent.post.attempts + 1
        refusal = Refused(f"{what} at attempt {attempts}: {answer.text[:200]}", "SDK_CLIENT_ERROR")
        is_kept = bury(tx, delivery, refusal)
    if topic is None or not sent.post.is_notification:
        return
    tx.note(measuring.delivered(topic, tx.now, is_taken=answer.is_success))
    measure_redriven(tx, topic, is_kept=is_kept)
    outcome = feedback.Outcome(
        protocol=sent.post.body["protocol"],
        message_id=sent.post.members["MessageId"],
        text=sent.post.members["Message"],
        published=sent.post.published,
        destination=delivery.target_arn,
        is_success=answer.is_success,
        status_code=answer.status,
        response=answer.text,
        attempts=sent.post.attempts + 1,
        sent=sent.began,
    )
    feedback.tell(tx, topic, outcome, delivery.effects)


def _delivery(arn: str, subscription: Subscription | None, sent: _Sent) -> Delivery:
    members, body = sent.post.members, sent.post.body
    topic = names.parse_arn(members["TopicArn"])
    return Delivery(
        target_arn=web_client.without_credentials(body["endpoint"]),
        body=sent.text,
        source_arn=members["TopicArn"],
        principal=PRINCIPAL,
        account=topic.account,
        trace=Trace(**body["trace"]),
        label=f"Publish:{topic.resource}" if sent.post.is_notification else members["Type"],
        dead_letter=dead_letter(subscription, None) if subscription is not None and sent.post.is_notification else None,
        attributes=body.get("attributes", {}),
    )


def _let_go(tx: Tx, arn: str, pace: _Pace | None) -> None:
    """The subscription's row of work is there as long as it has something to get, or its second is not over."""
    tx.lock("work", _row(arn))
    row = tx.one("SELECT min(due) AS due FROM sns_posts WHERE subscription = ?", arn)
    due = None if row is None else row["due"]
    kept: dict[str, Any] = {"subscription": arn}
    if pace is not None and tx.now < pace.begun + 1:
        kept["pace"] = [pace.begun, pace.sent]
        due = pace.begun + 1 if due is None else max(due, tx.now)
        subscription, topic = _found(tx, arn)
        policy = _policy(topic, subscription)
        if policy.per_second_max is not None and pace.sent >= policy.per_second_max:
            due = max(due, pace.begun + 1)
    if due is not None:
        work.put(tx, _KIND, kept, due=due, name=_row(arn))


protocol = Protocol(partial(_owner, "http"), _ask, _send, _part)
secure_protocol = Protocol(partial(_owner, "https"), _ask, _send, _part)
worker = Worker(_KIND, _carry_out, slots=limits.SNS_HTTP_SLOTS, slots_max=limits.SNS_HTTP_SLOTS_MAX)
