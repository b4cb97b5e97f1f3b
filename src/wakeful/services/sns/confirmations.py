"""What subscriptions go through that have to be confirmed: who confirmed them, when nobody did, and how they return."""

from __future__ import annotations

from functools import partial

import orjson

from wakeful import limits, names
from wakeful.fabric.service import Call, Done, Node, Worker
from wakeful.services.sns import subscription as subscriptions
from wakeful.services.sns import topic as topics
from wakeful.services.sns.errors import AuthorizationErrorException, InvalidParameterException
from wakeful.services.sns.subscription import Subscription
from wakeful.services.sns.topic import Topic
from wakeful.store import work
from wakeful.store.tx import Tx

_KIND = "sns.expire"


def await_confirmation(tx: Tx, subscription: Subscription) -> None:
    """The subscription is gone when its token is, unless it is confirmed before."""
    due = subscription.created + limits.SNS_CONFIRMATION_S
    work.put(tx, _KIND, {"subscription": subscription.arn}, due=due, name=_timer(subscription.arn))


def confirm(tx: Tx, call: Call, topic: Topic, token: str, guarded: str | None) -> Subscription:
    """The subscription that the token is for gets messages from now on; `guarded` is AuthenticateOnUnsubscribe."""
    if guarded is not None and guarded.lower() not in ("true", "false"):
        raise InvalidParameterException("Invalid parameter: AuthenticateOnUnsubscribe")
    is_authenticated, is_guarded = call.principal.kind != "anonymous", (guarded or "").lower() == "true"
    if is_guarded and not is_authenticated:
        raise AuthorizationErrorException("AuthenticateOnUnsubscribe needs a signed request")
    confirmed_before = _confirmed(tx, topic, token)
    if confirmed_before is not None:
        return confirmed_before
    subscription = _returned(tx, topic, token) or subscriptions.confirm(tx, topic, token)
    work.drop(tx, _timer(subscription.arn))
    tx.lock("sns", topic.arn)
    tx.run(  # where it was confirmed already, a token of an earlier one changes nothing
        "INSERT INTO sns_confirmations(subscription, is_authenticated, is_guarded, token) VALUES (?, ?, ?, ?)"
        " ON CONFLICT(subscription) DO NOTHING",
        *(subscription.arn, int(is_authenticated), int(is_guarded), token),
    )
    return subscription


def check_may_end(tx: Tx, call: Call, arn: str) -> None:
    """Raises for a subscription that is not confirmed, and for who is no owner where only owners may end it.

    That of a queue only owners may ever: whatever reads its messages has the link in them.
    """
    subscription = subscriptions.get(tx, arn)
    if subscription is None:
        return
    if subscription.is_pending:
        raise InvalidParameterException(
            "Invalid parameter: SubscriptionArn Reason: Cannot unsubscribe a subscription that is pending confirmation"
        )
    owners = (subscription.account, names.parse_arn(subscription.topic).account)
    if call.principal.kind != "anonymous" and call.account in owners:
        return
    row = tx.one("SELECT is_guarded FROM sns_confirmations WHERE subscription = ?", arn)
    if subscription.protocol == "sqs" or (row is not None and row["is_guarded"]):
        raise AuthorizationErrorException("This subscription requires authentication for deletion.")


def shown(tx: Tx, subscription: Subscription) -> dict[str, str]:
    """What GetSubscriptionAttributes says of it: a subscription that nobody had to confirm counts as authenticated."""
    row = tx.one("SELECT is_authenticated FROM sns_confirmations WHERE subscription = ?", subscription.arn)
    is_authenticated = not subscription.is_pending and (row is None or bool(row["is_authenticated"]))
    return {"ConfirmationWasAuthenticated": str(is_authenticated).lower()}


def keep_ended(tx: Tx, subscription: Subscription) -> str:
    """A token that brings the subscription back, which has just ended."""
    token, until = names.new_token(64), tx.now + limits.SNS_CONFIRMATION_S
    row = {
        "account": subscription.account,
        "protocol": subscription.protocol,
        "endpoint": subscription.endpoint,
        "attributes": dict(subscription.attributes),
        "principal": subscription.principal,
        "base_url": subscription.base_url,
    }
    tx.run(
        "INSERT INTO sns_ended(token, topic, subscription, until, content) VALUES (?, ?, ?, ?, ?)",
        *(token, subscription.topic, subscription.arn, until, orjson.dumps(row)),
    )
    work.put(tx, _KIND, {"token": token}, due=until)
    return token


def forget(tx: Tx, arn: str) -> None:
    """Nothing is left that was known of how the subscription was confirmed, or that waits for it."""
    tx.lock("sns", arn.rpartition(":")[0])
    tx.run("DELETE FROM sns_confirmations WHERE subscription = ?", arn)
    work.drop(tx, _timer(arn))


def forget_all(tx: Tx, topic: str) -> None:
    """The same for every subscription of a topic; none of them can return."""
    tx.lock("sns", topic)
    tx.run("DELETE FROM sns_confirmations WHERE substr(subscription, 1, ?) = ?", len(topic) + 1, f"{topic}:")
    tx.run("DELETE FROM sns_ended WHERE topic = ?", topic)


def _confirmed(tx: Tx, topic: Topic, token: str) -> Subscription | None:
    """The subscription that was confirmed with this token: a link is opened twice where a scanner reads the mail."""
    row = tx.one("SELECT subscription FROM sns_confirmations WHERE token = ?", token)
    found = None if row is None else subscriptions.get(tx, row["subscription"])
    return found if found is not None and found.topic == topic.arn and not found.is_pending else None


def _returned(tx: Tx, topic: Topic, token: str) -> Subscription | None:
    """The subscription that ended and is there again under its own ARN; None where the token is none of that kind."""
    tx.lock("sns", topic.arn)
    row = tx.one("SELECT * FROM sns_ended WHERE token = ? AND topic = ? AND until > ?", token, topic.arn, tx.now)
    if row is None:
        return None
    tx.run("DELETE FROM sns_ended WHERE token = ?", token)
    content = orjson.loads(row["content"])
    existing = subscriptions.of_endpoint(tx, topic, content["protocol"], content["endpoint"])
    if existing is not None:  # somebody has subscribed it anew
        return subscriptions.confirm(tx, topic, existing.token) if existing.token is not None else existing
    return subscriptions.restore(tx, topic, row["subscription"], content)


async def _carry_out(node: Node, item: work.Item) -> Done:
    return Done(partial(_expire, item=item))


def _expire(tx: Tx, item: work.Item) -> None:
    token = item.body.get("token")
    if token is not None:
        tx.lock("sns", token)
        tx.run("DELETE FROM sns_ended WHERE token = ?", token)
        return
    arn = item.body["subscription"]
    topic = arn.rpartition(":")[0]
    tx.lock("sns", topic)
    row = tx.one("SELECT token FROM sns_subscriptions WHERE arn = ?", arn)
    if row is not None and row["token"] is not None and topics.get(tx, topic) is not None:
        subscriptions.delete(tx, arn)


def _timer(arn: str) -> str:
    return f"{_KIND}/{arn}"


worker = Worker(_KIND, _carry_out, slots=4)
