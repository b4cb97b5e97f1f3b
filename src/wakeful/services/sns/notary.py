"""Who signs what one request sends: before its transaction where that is possible, and each text once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wakeful.fabric.service import Node
from wakeful.services.sns import message as messages
from wakeful.services.sns import signing
from wakeful.services.sns import subscription as subscriptions
from wakeful.services.sns import topic as topics
from wakeful.services.sns.message import Message
from wakeful.services.sns.signing import Seal, SigningKey
from wakeful.services.sns.topic import Topic
from wakeful.store.tx import Tx

_SIGNED_AT_ONCE = ("sqs", "lambda")
"""Protocols whose messages are laid out in the transaction that publishes them."""


class Notary:
    """Signs for one request. Without a key of its own it asks the transaction for the store's."""

    def __init__(self, key: SigningKey | None = None, at: float | None = None) -> None:
        self._key = key
        self._at = at
        self._seals: dict[tuple[str, str, str], Seal] = {}
        """By text, version and certificate: a transaction that is undone may have had a key that never was."""

        self._texts: dict[tuple[str, str], str] = {}

    def time(self, tx: Tx) -> float:
        """When what is signed was published: the Timestamp of the messages."""
        return tx.now if self._at is None else self._at

    def seal_of(self, tx: Tx, message: Message, text: str, topic: Topic) -> Seal:
        """The signature of a message as the subscribers get it who get this text."""
        known = (message.id, text)
        to_sign = self._texts.get(known)
        if to_sign is None:
            members = messages.signed_members(message, text, topic, self.time(tx))
            to_sign = self._texts[known] = signing.string_to_sign(members)
        return self._sign(self._key or signing.key_in(tx), to_sign, topic.signature_version)

    def seal(self, tx: Tx, members: Mapping[str, Any], topic: Topic) -> Seal:
        """The signature of a message, from its members by the names that they have in HTTP bodies."""
        return self._sign(self._key or signing.key_in(tx), signing.string_to_sign(members), topic.signature_version)

    def prepare(self, texts: Iterable[str], version: str) -> None:
        """These need not be signed any more."""
        assert self._key is not None
        for text in texts:
            self._sign(self._key, text, version)

    def _sign(self, key: SigningKey, text: str, version: str) -> Seal:
        known = (text, version, key.certificate_path)
        seal = self._seals.get(known)
        if seal is None:
            seal = self._seals[known] = key.seal(text, version)
        return seal


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a topic's subscribers will want signed."""

    topic: Topic
    protocols: tuple[str, ...]


async def prepared(node: Node, arn: str, published: Iterable[Message]) -> Notary:
    """A notary that has signed what the topic's subscribers will want signed, as far as one can know.

    What is known of them may be a moment old: what turns out to be missing is signed in the transaction.
    """
    at = node.clock.now()
    plan = await node.caches.get(subscriptions.CHANGED, ("signed", arn), lambda: node.store.read(_plan, arn))
    if plan is None or not plan.protocols:
        return Notary(at=at)
    texts = dict.fromkeys(
        signing.string_to_sign(messages.signed_members(message, message.text(protocol), plan.topic, at))
        for message in published
        for protocol in plan.protocols
    )
    notary = Notary(await signing.key_of(node), at)
    await node.aside(notary.prepare, texts, plan.topic.signature_version)
    return notary


def _plan(tx: Tx, arn: str) -> _Plan | None:
    topic = topics.get(tx, arn)
    if topic is None:
        return None
    subscribers = subscriptions.confirmed(tx, topic)
    protocols = {each.protocol for each in subscribers if not each.is_raw}
    return _Plan(topic, tuple(sorted(protocols.intersection(_SIGNED_AT_ONCE))))
