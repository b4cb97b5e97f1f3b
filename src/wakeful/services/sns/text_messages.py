"""Text messages: what is a phone number, and in how many parts a text goes to one. Rules alone, no state.

"Publishing to a mobile phone" and "Mobile text messaging with Amazon SNS" have what AWS says of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from wakeful import limits

Encoding = Literal["GSM", "UCS-2"]

_E164 = re.compile(r"\+[1-9][0-9]{4,14}")
_SEPARATED = re.compile(r"\+?[0-9]+(?:[./-][0-9]+)*")
_SENDER_ID = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9-]{1,11}")

# GSM 03.38: each of these is one of the 7-bit characters of a text, and those of the extension are two.
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "\f^{}\\[~]|€"
_UNITS = {**dict.fromkeys(_BASIC, 1), **dict.fromkeys(_EXTENSION, 2)}

# Units of a message that is alone, and of a part, which also has six bytes that say which part it is.
_ALONE: dict[Encoding, int] = {"GSM": 160, "UCS-2": 70}
_PART: dict[Encoding, int] = {"GSM": 153, "UCS-2": 67}

STOP_WORDS = frozenset(("ARRET", "CANCEL", "END", "OPT-OUT", "OPTOUT", "QUIT", "REMOVE", "STOP", "TD", "UNSUBSCRIBE"))
"""Whoever answers one of these wants no messages any more ("Opting out of receiving SMS messages")."""


@dataclass(frozen=True, slots=True)
class Split:
    """A text as a phone gets it."""

    encoding: Encoding
    parts: tuple[str, ...]


def phone_number(text: str) -> str | None:
    """The number in E.164's form; None where the text is none. A missing plus is put before it."""
    number = text if text.startswith("+") else f"+{text}"
    return number if _E164.fullmatch(number) else None


def subscribed_number(text: str) -> str | None:
    """As `phone_number`; single hyphens, dots and slashes between the digits are left out."""
    return phone_number(re.sub(r"[./-]", "", text)) if _SEPARATED.fullmatch(text) else None


def is_sender_id(text: str) -> bool:
    """Up to eleven letters and digits, a letter among them."""
    return len(text) <= limits.SNS_SMS_SENDER_ID_CHARS_MAX and _SENDER_ID.fullmatch(text) is not None


def split(text: str) -> Split:
    """The parts of a text, cut between words where that can be. All of them together are the text."""
    encoding: Encoding = "GSM" if all(char in _UNITS for char in text) else "UCS-2"
    units = [_UNITS[char] if encoding == "GSM" else 1 + (ord(char) > 0xFFFF) for char in text]
    if sum(units) <= _ALONE[encoding]:
        return Split(encoding, (text,))
    parts, begin = [], 0
    while begin < len(text):
        end = _cut(text, units, begin, _PART[encoding])
        parts.append(text[begin:end])
        begin = end
    return Split(encoding, tuple(parts))


def _cut(text: str, units: list[int], begin: int, room: int) -> int:
    """Where the part that begins there ends: behind the last space that fits, or as late as it can."""
    end, used = begin, 0
    while end < len(text) and used + units[end] <= room:
        used += units[end]
        end += 1
    if end == len(text):
        return end
    between_words = text.rfind(" ", begin, end) + 1
    return between_words if between_words > begin else end
