"""What became of text messages and pushes, told to CloudWatch Logs where the account or the application asks for it.

"Viewing Amazon CloudWatch metrics and logs for SMS deliveries" and "Amazon SNS mobile app attributes".
"""

from __future__ import annotations

from typing import Any

from wakeful.services.sns import feedback, sms_accounts
from wakeful.services.sns.inbox import Letter
from wakeful.services.sns.platforms import Application
from wakeful.store.tx import Tx

_ACCEPTED = "Message has been accepted by phone carrier"


def of_text_message(tx: Tx, letter: Letter, reason: str) -> None:
    """The log has it if the account's settings name a role; of what arrived, as many in a hundred as they say."""
    settings = sms_accounts.attributes(tx, letter.account, letter.region)
    role = settings.get("DeliveryStatusIAMRole")
    rate = int(settings.get("DeliveryStatusSuccessSamplingRate", "0"))
    if role is None or not (reason or feedback.is_sampled(letter.message_id + letter.recipient, rate)):
        return
    delivery = {
        "numberOfMessageParts": len(letter.detail["parts"]),
        "destination": letter.recipient,
        "smsType": letter.detail["sms_type"],
        "providerResponse": reason or _ACCEPTED,
        "dwellTimeMs": 0,
    }
    source = f"arn:aws:sns:{letter.region}:{letter.account}:{feedback.PHONES}"
    _put(tx, source, feedback.PHONES, role, letter, delivery, reason)


def of_push(tx: Tx, application: Application, letter: Letter, reason: str) -> None:
    """The log has it if the application names a role for such an outcome."""
    role = application.attributes.get("FailureFeedbackRoleArn" if reason else "SuccessFeedbackRoleArn")
    rate = int(application.attributes.get("SuccessFeedbackSampleRate", "100"))
    if role is None or not (reason or feedback.is_sampled(letter.message_id + letter.recipient, rate)):
        return
    delivery = {
        "destination": letter.recipient,
        "token": letter.detail["token"],
        "statusCode": 400 if reason else 200,
        "providerResponse": reason or "accepted",
        "attempts": 1,
        "dwellTimeMs": 0,
    }
    name = f"app/{application.platform}/{application.name}"
    _put(tx, application.arn, name, role, letter, delivery, reason)


def _put(tx: Tx, source: str, name: str, role: str, letter: Letter, delivery: dict[str, Any], reason: str) -> None:
    topic = {"topicArn": letter.topic} if letter.topic else {}
    document = {
        "notification": {"messageId": letter.message_id, **topic, "timestamp": feedback.timestamp(tx.now)},
        "delivery": delivery,
        "status": "FAILURE" if reason else "SUCCESS",
    }
    feedback.put(tx, source, name, role, document, letter.trace)
