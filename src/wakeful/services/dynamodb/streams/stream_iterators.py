"""Shard iterators: where in a shard a reader stands, in words that only we read. They begin with the stream's ARN."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from wakeful import limits
from wakeful.services.dynamodb.errors import ValidationException

_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Iterator:
    """`after` is the number of the last entry before it; `issued` the moment it was handed out."""

    arn: str
    shard: str
    after: int
    issued: float

    def __str__(self) -> str:
        place = urlsafe_b64encode(f"{self.shard}|{self.after}|{self.issued!r}".encode()).decode()
        return f"{self.arn}|{_VERSION}|{place}"

    def has_expired(self, now: float) -> bool:
        return now > self.issued + limits.DYNAMODB_ITERATOR_LIFE_S


def read(text: str) -> Iterator:
    """Raises ValidationException."""
    arn, version, place = (*text.split("|"), "", "", "")[:3]
    try:
        shard, after, issued = urlsafe_b64decode(place.encode("ascii")).decode().split("|")
        if version == _VERSION:
            return Iterator(arn, shard, int(after), float(issued))
    except (ValueError, binascii.Error):
        pass
    raise ValidationException("Invalid ShardIterator")


def stream_of(text: str) -> str:
    """The ARN of the stream that an iterator belongs to; the text itself where it is no iterator."""
    return text.partition("|")[0]
