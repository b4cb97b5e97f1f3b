"""Tags of buckets and objects: how many, what may stand in them, and the header that carries them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from wakeful import limits
from wakeful.services.s3.errors import BadRequest, InvalidArgument, InvalidTag

if TYPE_CHECKING:
    from wakeful.shapes import s3 as shapes

_TEXT = re.compile(r"[\w\s+\-=.:/@]*")


def of_header(text: str) -> dict[str, str]:
    """What `x-amz-tagging` says: `key=value&…`, URL-encoded. Raises InvalidArgument or InvalidTag."""
    pairs = parse_qsl(text, keep_blank_values=True)
    if len({key for key, _ in pairs}) != len(pairs):
        raise InvalidArgument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name"
            " duplicates.",
            ArgumentName="x-amz-tagging",
            ArgumentValue=text,
        )
    return _checked(pairs, limits.S3_OBJECT_TAGS_MAX)


def of_object(tag_set: Iterable[shapes.Tag]) -> dict[str, str]:
    """The tags in the body of PutObjectTagging. Raises InvalidTag or BadRequest."""
    return _checked([(tag["Key"], tag["Value"]) for tag in tag_set], limits.S3_OBJECT_TAGS_MAX)


def of_bucket(tag_set: Iterable[shapes.Tag]) -> dict[str, str]:
    """The tags of a bucket. Raises InvalidTag or BadRequest."""
    pairs = [(tag["Key"], tag["Value"]) for tag in tag_set]
    for key, _ in pairs:
        if key.lower().startswith("aws:"):
            raise InvalidTag("System tags cannot be added/updated by requester")
    return _checked(pairs, limits.S3_BUCKET_TAGS_MAX)


def shown(tags: Mapping[str, str]) -> list[shapes.Tag]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def _checked(pairs: list[tuple[str, str]], count_max: int) -> dict[str, str]:
    if len(pairs) > count_max:
        if count_max == limits.S3_OBJECT_TAGS_MAX:
            raise BadRequest(f"Object tags cannot be greater than {count_max}")
        raise BadRequest(f"Bucket tag count cannot be greater than {count_max}")
    found: dict[str, str] = {}
    for key, value in pairs:
        if not key or len(key) > limits.S3_TAG_KEY_CHARS_MAX or not _TEXT.fullmatch(key):
            raise InvalidTag("The TagKey you have provided is invalid", TagKey=key)
        if len(value) > limits.S3_TAG_VALUE_CHARS_MAX or not _TEXT.fullmatch(value):
            raise InvalidTag("The TagValue you have provided is invalid", TagKey=key, TagValue=value)
        if key in found:
            raise InvalidTag("Cannot provide multiple Tags with the same key", TagKey=key)
        found[key] = value
    return found
