"""What tags may be."""

from __future__ import annotations

from collections.abc import Mapping

from wakeful import limits
from wakeful.services.kinesis.errors import InvalidArgumentException, LimitExceededException


def check(tags: Mapping[str, str]) -> None:
    """A stream or a consumer may have them ("Tag your Amazon Kinesis Data Streams resources")."""
    reserved = sorted(key for key in tags if key.lower().startswith("aws:"))
    if reserved:
        raise InvalidArgumentException(f"Tag keys that begin with aws: are reserved: {', '.join(reserved)}")
    if len(tags) > limits.KINESIS_TAGS_MAX:
        raise LimitExceededException(
            f"Failed to add tags: a resource cannot have more than {limits.KINESIS_TAGS_MAX} tags associated with it."
        )
