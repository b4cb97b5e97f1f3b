"""Text messages: to phones that are subscribed to a topic, and to a number directly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wakeful import limits
from wakeful.fabric.deliver import Refused
from wakeful.fabric.service import Call
from wakeful.fabric.trace import Trace
from wakeful.services.sns import inbox, measuring, reserved_attributes, sms_accounts, status_logs, text_messages
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.inbox import Letter
from wakeful.services.sns.message import Message
from wakeful.services.sns.protocols.protocol import Protocol, Sending, delivery_of, give_up
from wakeful.services.sns.reserved_attributes import value_of
from wakeful.services.sns.subscription import Subscription
from wakeful.services.sns.topic import Topic
from wakeful.store.tx import Tx

_SENDER = "NOTICE"
"""What AWS sends as where nobody says otherwise."""

_TOO_LONG = "Message body is too long"

_CODES = {
    "en-US": "Your verification code is {code}.",
    "en-GB": "Your verification code is {code}.",
    "es-419": "Tu código de verificación es {code}.",
    "es-ES": "Su código de verificación es {code}.",
    "de-DE": "Ihr Bestätigungscode lautet {code}.",
    "fr-CA": "Votre code de vérification est {code}.",
    "fr-FR": "Votre code de vérification est {code}.",
    "it-IT": "Il tuo codice di verifica è {code}.",
    "ja-JP": "確認コードは{code}です。",
    "pt-BR": "Seu código de verificação é {code}.",
    "kr-KR": "인증 코드는 {code}입니다.",
    "zh-CN": "您的验证码是 {code}。",
    "zh-TW": "您的驗證碼是 {code}。",
}


def publish(tx: Tx, call: Call, number: str, message: Message) -> None:
    """The message is on the phone; where it cannot get there, the inbox says why, and Publish does not, as on AWS."""
    text = message.text("sms")
    if not text:
        raise InvalidParameterException("Invalid parameter: JSON must contain an entry for 'default' or 'sms'.")
    if len(text) > limits.SNS_SMS_CHARS_MAX:
        raise InvalidParameterException("Invalid parameter: Message too long")
    letter = _letter(tx, call.account, call.region, number, text, message, call.effects, "Publish:sms", "")
    reason = sms_accounts.refusal(tx, call.account, call.region, number)
    _put(tx, letter, reason)
    for sample in measuring.sent_directly(letter, tx.now, message.size, is_taken=not reason):
        tx.note(sample)


def number_to(text: str) -> str:
    """The number to publish to. Raises what SNS answers where it is none."""
    number = text_messages.phone_number(text)
    if number is None:
        raise InvalidParameterException(f"Invalid parameter: PhoneNumber Reason: {text} is not valid to publish to")
    return number


def send_code(tx: Tx, call: Call, number: str, code: str, language: str) -> None:
    """The one-time password is on the phone, in its owner's language."""
    text = _CODES[language].format(code=code)
    message = Message(default=text)
    _put(tx, _letter(tx, call.account, call.region, number, text, message, call.effects, "VerificationCode", ""), "")


def _owner(tx: Tx, call: Call, topic: Topic, endpoint: str) -> str:
    _number_of(endpoint)
    return call.account  # nobody is asked: who wants no messages answers STOP


def _ask(tx: Tx, topic: Topic, subscription: Subscription, trace: Trace) -> None:
    raise AssertionError("a phone is not asked")


def _send(tx: Tx, sending: Sending) -> bool:
    topic, message = sending.topic, sending.message
    number = _number_of(sending.subscription.endpoint)
    name = topic.attributes.get("DisplayName", "")
    text = f"{name.upper()}> {sending.text}" if name else sending.text
    label = f"Publish:{topic.name}"
    letter = _letter(tx, topic.account, topic.region, number, text, message, sending.trace, label, topic.arn)
    reason = _TOO_LONG if len(text) > limits.SNS_SMS_CHARS_MAX else ""
    reason = reason or sms_accounts.refusal(tx, topic.account, topic.region, number)
    _put(tx, letter, reason)
    return not reason or give_up(tx, sending, delivery_of(sending, sending.envelope(tx)), Refused(reason))


protocol = Protocol(_owner, _ask, _send)


def _number_of(endpoint: str) -> str:
    number = text_messages.subscribed_number(endpoint)
    if number is None:
        raise InvalidParameterException(f"Invalid SMS endpoint: {endpoint}")
    return number


def _letter(
    tx: Tx,
    account: str,
    region: str,
    number: str,
    text: str,
    message: Message,
    trace: Trace,
    label: str,
    topic: str,
) -> Letter:
    settings = sms_accounts.attributes(tx, account, region)
    split = text_messages.split(text[: limits.SNS_SMS_CHARS_MAX])
    detail: Mapping[str, Any] = {
        "sms_type": value_of(message.attributes, reserved_attributes.SMS_TYPE)
        or settings.get("DefaultSMSType", reserved_attributes.SMS_TYPES[0]),
        "encoding": split.encoding,
        "parts": split.parts,
        "max_price_usd": value_of(message.attributes, reserved_attributes.MAX_PRICE),
    }
    sender = (
        value_of(message.attributes, reserved_attributes.ORIGINATION_NUMBER)
        or value_of(message.attributes, reserved_attributes.SENDER_ID)
        or settings.get("DefaultSenderID")
        or _SENDER
    )
    return Letter(
        kind="sms",
        account=account,
        region=region,
        recipient=number,
        sender=sender,
        body=text,
        message_id=message.id,
        trace=trace,
        label=label,
        topic=topic,
        detail=detail,
    )


def _put(tx: Tx, letter: Letter, reason: str) -> None:
    status_logs.of_text_message(tx, letter, reason)
    inbox.put(tx, letter, "failed" if reason else "captured", reason)
