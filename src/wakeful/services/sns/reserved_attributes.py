"""Message attributes whose names are AWS's own: they say how a text message or a push is sent.

"Publishing to a mobile phone" and "Mobile push message attributes" list them. Whoever publishes a value that none of
them has is told so, whoever is subscribed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from wakeful import limits
from wakeful.services.sns import text_messages
from wakeful.services.sns.errors import InvalidParameterException

SENDER_ID = "AWS.SNS.SMS.SenderID"
SMS_TYPE = "AWS.SNS.SMS.SMSType"
MAX_PRICE = "AWS.SNS.SMS.MaxPrice"
ORIGINATION_NUMBER = "AWS.MM.SMS.OriginationNumber"
MOBILE = "AWS.SNS.MOBILE."

SMS_TYPES = ("Promotional", "Transactional")

_PUSH_TYPES = ("alert", "background", "complication", "fileprovider", "liveactivity", "location", "mdm", "voip")
_PRICE = re.compile(r"[0-9]{0,6}(?:\.[0-9]{1,10})?|[0-9]{1,6}\.")
_COLLAPSE_ID_BYTES_MAX = 64  # Apple's


def value_of(attributes: Mapping[str, Mapping[str, str]], name: str) -> str | None:
    """The text of an attribute."""
    return attributes[name].get("StringValue") if name in attributes else None


def check(attributes: Mapping[str, Mapping[str, str]]) -> None:
    """Raises InvalidParameterException for one that cannot be what its name says."""
    for name in attributes:
        if not name.startswith(("AWS.SNS.", "AWS.MM.")):
            continue
        rule = _RULES.get(name) or (_is_ttl if name.startswith(MOBILE) and name.endswith(".TTL") else None)
        if rule is not None and not rule(value_of(attributes, name) or ""):
            raise InvalidParameterException(f"Invalid parameter: MessageAttributes Reason: Invalid value for {name}")


def _is_ttl(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 9 and int(text) <= limits.SNS_PUSH_TTL_MAX_S


_RULES: Mapping[str, Callable[[str], bool]] = {
    SENDER_ID: text_messages.is_sender_id,
    SMS_TYPE: SMS_TYPES.__contains__,
    MAX_PRICE: lambda text: bool(text) and _PRICE.fullmatch(text) is not None,
    ORIGINATION_NUMBER: lambda text: text_messages.phone_number(text) is not None,
    f"{MOBILE}APNS.PUSH_TYPE": _PUSH_TYPES.__contains__,
    f"{MOBILE}APNS.PRIORITY": ("1", "5", "10").__contains__,
    f"{MOBILE}APNS.COLLAPSE_ID": lambda text: 0 < len(text.encode()) <= _COLLAPSE_ID_BYTES_MAX,
}
