"""Tags: what may be one, and how many there may be."""

from __future__ import annotations

import pytest

from wakeful.services.s3 import tags
from wakeful.services.s3.errors import BadRequest, InvalidArgument, InvalidTag
from wakeful.wire.errors import AwsError


def test_a_header_is_read_as_a_query_string() -> None:
    assert tags.of_header("a=1&b=&c&d%20e=f%2Bg") == {"a": "1", "b": "", "c": "", "d e": "f+g"}
    assert tags.of_header("") == {}


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ("a=1&a=2", InvalidArgument),
        ("&".join(f"k{number}=v" for number in range(11)), BadRequest),
        ("=v", InvalidTag),
        ("a%3Cb=1", InvalidTag),
        (f"{'k' * 129}=v", InvalidTag),
        (f"k={'v' * 257}", InvalidTag),
    ],
)
def test_a_header_that_cannot_be_is_refused(header: str, error: type[AwsError]) -> None:
    with pytest.raises(error):
        tags.of_header(header)


def test_a_tag_set_must_not_name_a_key_twice() -> None:
    with pytest.raises(InvalidTag, match="same key"):
        tags.of_object([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}])


def test_a_bucket_has_more_tags_than_an_object_but_none_of_aws_own() -> None:
    eleven = [{"Key": f"k{number}", "Value": ""} for number in range(11)]
    assert len(tags.of_bucket(eleven)) == 11  # type: ignore[arg-type]
    with pytest.raises(BadRequest, match="greater than 10"):
        tags.of_object(eleven)  # type: ignore[arg-type]
    with pytest.raises(InvalidTag, match="System tags"):
        tags.of_bucket([{"Key": "aws:x", "Value": "1"}])
